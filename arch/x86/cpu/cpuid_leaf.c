/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID leaves of any guest: its policy's, and the hypervisor's own. public arch-x86/cpuid.h; Intel
 * SDM vol. 1, "XSAVE-Managed Features" for the sizes of XSAVE areas.
 */
#include "cpuid_priv.h"

#include <arch/hvm.h>
#include <arch/msr.h>
#include <hv/domain.h>
#include <hv/page.h>
#include <hv/time.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define F(name) XEN_X86_FEATURE_##name
#define HV_LEAVES_MIN 2U
#define ABI_VERSION ((4U << 16) | 17)

#define XSAVE_LEGACY_BYTES (512U + 64)
#define XSTATE_ALIGNED 2U /* ecx: begins at a multiple of 64 in the compacted form */
#define XSTATE_COMPACTS ((1U << (F(XSAVEC) % 32)) | (1U << (F(XSAVES) % 32)))

/* --- the hypervisor's ------------------------------------------------------------------------- */

static struct leaf tsc_leaf(const struct vcpu *v, uint32_t subleaf)
{
    const struct vcpu_time_info *t = &v->info->time;
    const bool rdtscp = cpu_policy_has(v->domain->arch.policy, F(RDTSCP));
    const struct hvm_domain *h = v->domain->arch.hvm;
    const uint32_t khz = time_tsc_khz();

    switch (subleaf) {
    case 0:
        return (struct leaf){ .a = (h && h->tsc.emulated ? 1 : 0) |
                                   (time_tsc_is_stable() ? 2 : 0) | (rdtscp ? 4 : 0),
                              .b = v->domain->tsc_mode,
                              .c = h && h->tsc.khz ? h->tsc.khz : khz,
                              .d = h ? h->tsc.incarnation : 0 };
    case 1:
        return (struct leaf){ .c = t->tsc_to_system_mul, .d = (uint32_t)t->tsc_shift };
    case 2:
        return (struct leaf){ .a = khz };
    default:
        return (struct leaf){ 0 };
    }
}

/*
 * No IOMMU is in the way of memory that was mapped from other domains, and no pirqs of devices are
 * in that of the per-vcpu upcall.
 */
static struct leaf hvm_leaf(const struct vcpu *v)
{
    return (struct leaf){ .a = XEN_HVM_CPUID_IOMMU_MAPPINGS | XEN_HVM_CPUID_VCPU_ID_PRESENT |
                               XEN_HVM_CPUID_DOMID_PRESENT | XEN_HVM_CPUID_UPCALL_VECTOR,
                          .b = v->id,
                          .c = v->domain->id };
}

static unsigned int machine_address_width(void)
{
    return 64 - (unsigned int)__builtin_clzll(mfn_to_paddr(mfn_max()));
}

struct leaf cpuid_hypervisor_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
                                  const struct hypervisor_leaves *h)
{
    const bool pv = is_pv(v->domain);
    const uint32_t all = XEN_CPUID_MAX_NUM_LEAVES, index = leaf - h->first;
    const uint32_t limit = h->limit ? MAX(MIN(h->limit, all), HV_LEAVES_MIN) : all;

    if (index > limit)
        return (struct leaf){ 0 };
    switch (index) {
    case 0:
        return (struct leaf){ h->first + limit, XEN_CPUID_SIGNATURE_EBX,
                              XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX };
    case 1:
        return (struct leaf){ .a = ABI_VERSION };
    case 2: /* one hypercall page, made by writing the MSR */
        return (struct leaf){ 1, h->msr, pv ? XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD : 0, 0 };
    case 3:
        return tsc_leaf(v, subleaf);
    case 4:
        return !pv && subleaf == 0 ? hvm_leaf(v) : (struct leaf){ 0 };
    case 5:
        return (struct leaf){ .b = pv && subleaf == 0 ? machine_address_width() : 0 };
    default:
        return (struct leaf){ 0 };
    }
}

/* --- the policy's ----------------------------------------------------------------------------- */

static struct leaf policy_leaf(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    const struct leaf none = { 0 };

    if (leaf <= MIN(p->basic[0].a, POLICY_BASIC - 1U)) {
        switch (leaf) {
        case 4:
            return subleaf < POLICY_CACHE ? p->cache[index_nospec(subleaf, POLICY_CACHE)] : none;
        case 7:
            return subleaf <= MIN(p->feat[0].a, POLICY_FEAT - 1U)
                       ? p->feat[index_nospec(subleaf, POLICY_FEAT)]
                       : none;
        case 0xb: return subleaf < POLICY_TOPO ? p->topo[index_nospec(subleaf, POLICY_TOPO)] : none;
        case 0xd:
            return subleaf < POLICY_XSTATE ? p->xstate[index_nospec(subleaf, POLICY_XSTATE)] : none;
        default: return p->basic[index_nospec(leaf, POLICY_BASIC)];
        }
    }
    leaf -= 0x80000000U;
    if (leaf <= MIN(p->extended[0].a & 0xffff, POLICY_EXTENDED - 1U))
        return p->extended[index_nospec(leaf, POLICY_EXTENDED)];
    return none;
}

/* Bytes that XSAVE, or XSAVEC, needs for the components in xcr0. */
static uint32_t xsave_bytes(const struct cpu_policy *p, uint64_t xcr0, bool compacted)
{
    uint32_t size = XSAVE_LEGACY_BYTES;

    for (unsigned int i = 2; i < POLICY_XSTATE; i++) {
        const struct leaf *part = &p->xstate[i];

        if (!(xcr0 & BIT(i)))
            continue;
        if (!compacted)
            size = MAX(size, part->a + part->b);
        else
            size = (part->c & XSTATE_ALIGNED ? (size + 63) & ~63U : size) + part->a;
    }
    return size;
}

struct leaf cpuid_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    const struct cpu_policy *p = v->domain->arch.policy;
    struct leaf l;

    if (leaf - XEN_CPUID_FIRST_LEAF < 0x100)
        return cpuid_hypervisor_leaf(v, leaf, subleaf,
                                     &(struct hypervisor_leaves){ .first = XEN_CPUID_FIRST_LEAF,
                                                                  .limit = p->hv_limit,
                                                                  .msr = MSR_XEN_FIRST });
    l = policy_leaf(p, leaf, subleaf);
    if (leaf == 0xd && cpu_policy_has_xsave(p)) {
        if (subleaf == 0)
            l.b = xsave_bytes(p, v->arch.xcr0, false);
        else if (subleaf == 1)
            l.b = l.a & XSTATE_COMPACTS ? xsave_bytes(p, v->arch.xcr0, true) : 0;
    }
    return l;
}
