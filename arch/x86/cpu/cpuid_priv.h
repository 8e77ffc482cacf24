/* SPDX-License-Identifier: GPL-2.0-only */
/* What CPUID answers have in common, whatever runs the guest (cpuid_leaf.c). */
#ifndef CPU_CPUID_PRIV_H
#define CPU_CPUID_PRIV_H

#include <arch/policy.h>

/*
 * What v's policy says, with the hypervisor's own leaves, and the sizes in 0xd for v's XCR0. A leaf
 * or subleaf that there is not is all zeros. The caller adds what depends on its kind of guest.
 */
struct leaf cpuid_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf);

/* The hypervisor's own, where the guest has them. */
struct hypervisor_leaves {
    uint32_t first, msr; /* msr: its hypercall page's */
    uint32_t limit;      /* the last that it is shown; 0: all */
};
struct leaf cpuid_hypervisor_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
                                  const struct hypervisor_leaves *h);

#endif
