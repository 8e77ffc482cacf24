/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vcpu whose instructions the emulator does, with memory that is RAM or a device's, page by page,
 * and a device model that is memory itself: an access to it ends as if there were RAM. Links: see
 * tests/unit/emul_device.c.
 */
#ifndef HOST_EMUL_WORLD_H
#define HOST_EMUL_WORLD_H

#include <arch/hvm.h>
#include <arch/hvm_io.h>
#include <hv/page.h>

#define EW_PAGES 8U
#define EW_CODE (EW_PAGES << PAGE_SHIFT) /* linear, of RAM; the page behind it is not there */

/* Of a guest-physical page. OURS: the hypervisor's device. MODEL_WRITES: HVMMEM_ioreq_server. */
enum ew_kind { EW_RAM, EW_READ_ONLY, EW_MODEL, EW_OURS, EW_MODEL_WRITES, EW_KINDS };

/* The guest-physical page of linear page n: neighbours are not neighbours there. */
static inline unsigned int ew_gfn(unsigned int n)
{
    return n < EW_PAGES ? (n * 3 + 1) % EW_PAGES : n;
}

struct ew {
    enum ew_kind kind[EW_PAGES];   /* by guest-physical page */
    uint8_t rights[EW_PAGES];      /* by linear page: PFEC_PRESENT, PFEC_WRITE */
    bool no_blocks;                /* the device model's server claims no more than an element */
    uint8_t memory[EW_PAGES + 1][PAGE_SIZE];
    struct emul_state state;
    uint8_t vectors[16][32];
    int vector;                    /* of the exception; -1: none */
    uint32_t error;
    uint64_t cr2;
    unsigned int sent, blocks;     /* requests to the device model; those with many elements */
    unsigned int ours;             /* accesses to the hypervisor's device */
    uint64_t last;                 /* where the last of either was */
    unsigned int last_size;
};
extern struct ew ew;
extern struct vcpu ew_vcpu;

/* RAM everywhere, writable, zeros; flat segments. */
void ew_start(enum insn_mode mode, unsigned int cpl);
/* From state.rip on, until that instruction is done or refused; false: too long for that. */
bool ew_run(void);
/* A byte of memory as the guest has it at a linear address. */
uint8_t *ew_at(uint64_t linear);

#endif
