/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PVH guests made by a test kernel, as a toolstack would: flat 32-bit code from guest physical 0
 * on, which starts in protected mode without paging. struct domu's mfn[] has guest frames: each is
 * its own number. HVM guests are made in the same way, with a PC's devices, and start in real mode.
 */
#ifndef PVH_H
#define PVH_H

#include "domu.h"

#define PVH_FLAGS (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)

/* as the toolstack has it for HVM guests */
#define HVM_EMULATION (XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI)

extern unsigned int pvh_vcpus; /* of the domains that are made from now on: 2 */
extern uint32_t pvh_flags; /* ... XEN_DOMCTL_CDF_* beside PVH_FLAGS: 0 */
extern uint64_t pvh_viridian; /* ... their HVM_PARAM_VIRIDIAN: 0 */
extern uint32_t pvh_tsc_khz;  /* ... an emulated TSC of this rate, and timer mode 0: no, 0 */
extern bool pvh_five_levels;  /* ... of page tables: no. pvh_start(): -XENODEV if there are none */
/* An empty domain: 0 or a negative errno. */
long pvh_make(struct domu *d, uint32_t flags, uint32_t emulation);
long pvh_give_means(struct domu *d, unsigned int pages); /* vcpus, tables, the right to memory */
long pvh_get_memory(struct domu *d);
/* This domain's window on a page of it: one at a time. */
void *pvh_page(const struct domu *d, unsigned int gfn);
void pvh_close_page(void);
void pvh_read(const struct domu *d, void *to, unsigned long size); /* from its address 0 on */
void pvh_write(const struct domu *d, const char *image, unsigned long size);
long pvh_set_context(const struct domu *d, uint32_t entry);
long pvh_set_real_context(const struct domu *d, uint16_t entry); /* everything based at 0 */
/* Make one of tests/guest/pvh/payload, and let it go: 0 or a negative errno. run: RUN_*. */
long pvh_start(struct domu *d, const char *image, unsigned long size, uint32_t run);
/* An HVM guest that is ready to be let go, so that it can be given a device model before. */
long hvm_prepare(struct domu *d, const char *image, unsigned long size, uint32_t run);
uint64_t free_pages(void); /* of the machine; 0: that cannot be told */
void pvh_report(const struct domu *d); /* print what the payload has checked */
void pvh_write_payload(const struct domu *d, const char *image, unsigned long size, uint32_t run);

#endif
