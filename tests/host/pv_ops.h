/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two PV guests and a dom0 that do to their page tables what a stream of bytes says, through the
 * real hypercalls; and a scan that counts what every frame ought to be referenced by and compares.
 * Used by the unit test and the fuzzer.
 */
#ifndef HOST_PV_OPS_H
#define HOST_PV_OPS_H

#include <hv/domain.h>
#include <hv/hypercall.h>

#define PV_GUESTS 3 /* domain 0, privileged, is the first */
#define PV_FRAMES 40 /* each has */

extern struct domain *pv_guest[PV_GUESTS];
extern struct page *pv_frame[PV_GUESTS][PV_FRAMES];
extern unsigned long pv_accepted[16], pv_refused[16]; /* by operation */

extern unsigned int pv_32bit; /* which of the next world's guests are 32-bit ones: a bit for each */
extern bool pv_abandon; /* the guest does not go on with a call that was interrupted */

void pv_machine_start(void); /* once */
void pv_world_start(void);
/* Destroy the guests. Not 0: something is left over. */
unsigned int pv_world_end(void);
/* One operation. Consumes bytes; false: none are left. */
bool pv_one_op(const uint8_t **data, size_t *size);
/*
 * 0: every count is what the tables say, and no frame is both a table and writable. Else says what
 * is wrong.
 */
unsigned int pv_check(void);

uint64_t pv_frame_number(unsigned int guest, unsigned int i);
uint64_t *pv_frame_bytes(unsigned int guest, unsigned int i);
/* The hypercalls, continued until they are done. */
long pv_update(unsigned int guest, uint64_t ptr, uint64_t val, uint32_t foreigndom);
long pv_mmuext(unsigned int guest, unsigned int cmd, uint64_t arg1, uint32_t foreigndom);
long pv_call(unsigned int guest, hypercall_fn *fn, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

#endif
