/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What save records need besides the devices of hvm_world.h: an extension that keeps registers in
 * plain structs, MSRs, extended state. For tests of saving and loading.
 */
#ifndef HOST_HVM_CTX_H
#define HOST_HVM_CTX_H

#include "hvm_world.h"

#include <arch/hvm_save.h>

#define CTX_XSAVE_SIZE 832U
#define CTX_CR4_VALID 0x1707ffUL

extern struct hvm_ctx_vcpu {
    struct emul_state s;
    uint64_t msr[8], spec_ctrl, misc_features;
    uint8_t xsave[CTX_XSAVE_SIZE] __attribute__((aligned(64)));
} ctx_vcpu[HW_VCPUS];
extern unsigned int ctx_pages; /* hv_page_alloc() less hv_page_free() */

/* A domain as the builder leaves it: all vcpus down and without context. */
void ctx_start(unsigned int vcpus, uint32_t emulation);
unsigned int ctx_end(void);
/* vcpu v runs a 64-bit kernel, with values made of seed. */
void ctx_run(unsigned int v, uint64_t seed);

#endif
