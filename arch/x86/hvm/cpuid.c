/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID as HVM and PVH guests see it: their policy, and the bits that follow the vcpu's state.
 * Intel SDM vol. 2, "CPUID"; AMD APM vol. 3, appendix E.
 *
 * APIC ids are twice the vcpu's number, so that no two vcpus look like threads of a core.
 */
#include <arch/msr.h>
#include <arch/regs.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#include "../cpu/cpuid_priv.h"
#include "cpu_priv.h"

#define F(name) XEN_X86_FEATURE_##name
#define MIN_PHYS_BITS 36U /* of PAE */

unsigned int hvm_phys_bits(const struct vcpu *v)
{
    const uint32_t said = v->domain->arch.policy->extended[8].a & 0xff;

    return MIN(MAX(said, MIN_PHYS_BITS), p2m_gpa_bits());
}

static void leaf_1(const struct vcpu *v, const struct hvm_cpu *c, struct leaf *l)
{
    l->b = (l->b & 0x00ffffff) | vlapic_id(v->id) << 24;
    if (!vlapic_hw_enabled(v))
        l->d &= ~CPUID_BIT(APIC);
    if (c->cr4 & X86_CR4_OSXSAVE)
        l->c |= CPUID_BIT(OSXSAVE);
}

/* The id goes with x2APIC. There are no levels: each vcpu is a package of its own. */
static void leaf_topology(const struct vcpu *v, uint32_t subleaf, struct leaf *l)
{
    if (!hvm_has(v, F(X2APIC)))
        return;
    l->c = (l->c & ~0xffU) | (subleaf & 0xff);
    l->d = vlapic_id(v->id);
}

static void leaf_extended_1(const struct vcpu *v, const struct hvm_cpu *c, struct leaf *l)
{
    if (cpu_policy_is_amd(v->domain->arch.policy)) {
        if (!vlapic_hw_enabled(v))
            l->d &= ~CPUID_BIT(APIC); /* repeated from leaf 1 */
    } else if (!(c->efer & EFER_LMA)) {
        l->d &= ~CPUID_BIT(SYSCALL);
    }
}

/* Hyper-V's leaves are where guests look for them; Xen's have moved behind them. */
static struct leaf any_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    uint32_t out[4];

    if (leaf - XEN_CPUID_FIRST_LEAF >= 0x200 || !viridian_features(v->domain))
        return cpuid_leaf(v, leaf, subleaf);
    if (leaf >= VIRIDIAN_XEN_LEAVES)
        return cpuid_hypervisor_leaf(v, leaf, subleaf,
                                     &(struct hypervisor_leaves){
                                         .first = VIRIDIAN_XEN_LEAVES,
                                         .limit = v->domain->arch.policy->hv2_limit,
                                         .msr = VIRIDIAN_XEN_MSR });
    viridian_cpuid(v, leaf, out);
    return (struct leaf){ out[0], out[1], out[2], out[3] };
}

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const struct hvm_cpu *c = hvm_cpu_of(v);
    struct leaf l = any_leaf(v, leaf, subleaf);
    const bool beyond = leaf < 0x40000000 && leaf > v->domain->arch.policy->basic[0].a;

    switch (beyond ? ~0U : leaf) {
    case 1:
        leaf_1(v, c, &l);
        break;
    case 7:
        if (subleaf == 0 && (c->cr4 & X86_CR4_PKE) && hvm_has(v, F(PKU)))
            l.c |= CPUID_BIT(OSPKE);
        break;
    case 0xb:
        leaf_topology(v, subleaf, &l);
        break;
    case 0x80000001:
        leaf_extended_1(v, c, &l);
        break;
    case 0x80000008:
        if (l.a)
            l.a = (l.a & ~0xffU) | hvm_phys_bits(v);
        if (l.a && hvm_has(v, FEATURE_LA57))
            l.a = (l.a & ~0xff00U) | 57 << 8;
        break;
    default:
        break;
    }
    out[0] = l.a;
    out[1] = l.b;
    out[2] = l.c;
    out[3] = l.d;
}
