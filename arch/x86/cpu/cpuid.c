/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID: reading the machine into policies at boot, domains' policies, and answering for a PV
 * guest. There the instruction runs natively unless the machine has CPUID faulting; kernels use the
 * prefixed form, which comes here. hvm/cpuid.c is the same for HVM guests.
 */
#include <arch/cpu.h>
#include <arch/features.h>
#include <arch/hvm_cpu.h>
#include <arch/msr.h>
#include <arch/percpu.h>
#include <arch/policy.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "cpuid_priv.h"
#include "policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name
#define HWCR_CPUID_USER_DIS (1ULL << 35)

static struct cpu_policy policies[NR_POLICIES];
static enum { FAULTING_NONE, FAULTING_INTEL, FAULTING_AMD } faulting;
static DEFINE_PER_CPU(bool, faulting_on);

/* --- boot ------------------------------------------------------------------------------------- */

static struct leaf read_leaf(uint32_t leaf, uint32_t subleaf)
{
    const struct cpuid_regs r = cpuid(leaf, subleaf);

    return (struct leaf){ r.a, r.b, r.c, r.d };
}

static void read_group(struct leaf *l, unsigned int nr, uint32_t leaf)
{
    for (unsigned int i = 0; i < nr; i++)
        l[i] = read_leaf(leaf, i);
}

static void read_machine(struct cpu_policy *p)
{
    const uint32_t max = cpuid(0, 0).a, ext = cpuid(0x80000000, 0).a;

    for (uint32_t i = 0; i < POLICY_BASIC && i <= max; i++)
        if (i != 4 && i != 7 && i != 0xb && i != 0xd)
            p->basic[i] = read_leaf(i, 0);
    if (max >= 4)
        read_group(p->cache, POLICY_CACHE, 4);
    if (max >= 7)
        read_group(p->feat, MIN(cpuid(7, 0).a + 1, POLICY_FEAT), 7);
    if (max >= 0xb)
        read_group(p->topo, POLICY_TOPO, 0xb);
    if (max >= 0xd)
        read_group(p->xstate, POLICY_XSTATE, 0xd);
    if ((ext & 0xffff0000) == 0x80000000)
        for (uint32_t i = 0; i < POLICY_EXTENDED && 0x80000000 + i <= ext; i++)
            p->extended[i] = read_leaf(0x80000000 + i, 0);
}

static void find_faulting(const struct cpu_policy *raw)
{
    uint64_t info;

    if (cpu_features.vendor == VENDOR_INTEL && rdmsr_safe(MSR_PLATFORM_INFO, &info) == 0 &&
        (info & PLATFORM_INFO_CPUID_FAULTING))
        faulting = FAULTING_INTEL;
    else if (cpu_features.vendor == VENDOR_AMD && (raw->extended[0x21].a & BIT(17)))
        faulting = FAULTING_AMD;
}

/*
 * What we use of the machine: without XSAVE if that is off, only the state components that we
 * switch.
 */
static void make_host(struct cpu_policy *host, const struct cpu_policy *raw)
{
    *host = *raw;
    host->xstate[0].a = (uint32_t)cpu_features.xcr0;
    host->xstate[0].d = (uint32_t)(cpu_features.xcr0 >> 32);
    if (!cpu_features.xsave)
        policy_set_feature(host, F(XSAVE), false);
    if (faulting != FAULTING_NONE)
        host->platform_info = PLATFORM_INFO_CPUID_FAULTING;
    if (!cpu_features.smap)
        policy_set_feature(host, F(SMAP), false);
    policy_make_consistent(host);
}

void cpu_policies_init(void)
{
    read_machine(&policies[POLICY_RAW]);
    find_faulting(&policies[POLICY_RAW]);
    make_host(&policies[POLICY_HOST], &policies[POLICY_RAW]);
    policy_derive_all(policies);
}

const struct cpu_policy *cpu_policy_of(enum policy_kind kind)
{
    if ((unsigned int)kind >= NR_POLICIES)
        return NULL;
    if ((kind == POLICY_HVM_MAX || kind == POLICY_HVM_DEFAULT) && !hvm_available())
        return NULL;
    return &policies[kind];
}

/* --- a domain's ------------------------------------------------------------------------------- */

int domain_policy_init(struct domain *d)
{
    const struct cpu_policy *from = cpu_policy_of(is_pv(d) ? POLICY_PV_DEFAULT
                                                           : POLICY_HVM_DEFAULT);
    struct cpu_policy *p;

    if (!from)
        return -EOPNOTSUPP;
    p = hv_alloc(sizeof(*p));
    if (!p)
        return -ENOMEM;
    if (policies[POLICY_RAW].basic[0].a == 0)
        cpu_policies_init();
    *p = *from;
    if (d->is_hardware && cpu_policy_has(&policies[POLICY_HOST], F(ITSC))) /* it does not migrate */
        policy_set_feature(p, F(ITSC), true);
    d->arch.policy = p;
    return 0;
}

void domain_policy_destroy(struct domain *d)
{
    hv_free(d->arch.policy);
    d->arch.policy = NULL;
}

int domain_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves, uint32_t nr_leaves,
                      const struct xen_msr_entry *msrs, uint32_t nr_msrs, struct policy_error *err)
{
    const struct cpu_policy *max = &policies[is_pv(d) ? POLICY_PV_MAX : POLICY_HVM_MAX];
    struct cpu_policy *p;
    int rc;

    *err = (struct policy_error){ ~0U, ~0U, ~0U };
    if (d->creation_finished)
        return -EEXIST;
    p = hv_alloc(sizeof(*p));
    if (!p)
        return -ENOMEM;
    *p = *d->arch.policy;
    rc = cpu_policy_from_leaves(p, leaves, nr_leaves, err);
    if (rc == 0)
        rc = cpu_policy_from_msrs(p, msrs, nr_msrs, err);
    if (rc == 0)
        rc = cpu_policy_check(p, max, err);
    if (rc == 0) {
        cpu_policy_clamp(p, max);
        *d->arch.policy = *p;
    }
    hv_free(p);
    return rc;
}

/* --- answers to PV guests --------------------------------------------------------------------- */

/*
 * Linux gives up XSAVE if OSXSAVE does not show before it has set CR4.OSXSAVE, so a PV kernel sees
 * it as soon as it could set it; its user mode, and what runs natively, sees the real thing.
 */
static bool shows_osxsave(const struct vcpu *v, const struct cpu_policy *p)
{
    if (!cpu_policy_has(p, F(XSAVE)))
        return false;
    return (v->arch.pv.cr4 & X86_CR4_OSXSAVE) || (is_pv(v->domain) && pv_kernel_mode(v));
}

static void adjust_leaf_1(const struct vcpu *v, const struct cpu_policy *p, struct cpuid_regs *r)
{
    if (shows_osxsave(v, p))
        r->c |= 1U << (F(OSXSAVE) % 32);
    /* dom0 looks after the machine: it reads memory types, and frequencies. */
    if (v->domain->is_hardware && is_pv(v->domain) && pv_kernel_mode(v)) {
        r->d |= cpu_policy_word(&policies[POLICY_HOST], 0) & (1U << (F(MTRR) % 32));
        r->c |= cpu_policy_word(&policies[POLICY_HOST], 1) & (1U << (F(EIST) % 32));
    }
}

struct cpuid_regs guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    const struct cpu_policy *p = v->domain->arch.policy;
    const struct leaf l = cpuid_leaf(v, leaf, subleaf);
    struct cpuid_regs r = { l.a, l.b, l.c, l.d };

    if (leaf == 1)
        adjust_leaf_1(v, p, &r);
    else if (leaf == 0x80000001 && domain_is_32bit(v->domain))
        r.d &= ~(1U << (F(LM) % 32));
    else if (leaf == 0xb)
        r.c |= subleaf & 0xff;
    return r;
}

/* --- faulting --------------------------------------------------------------------------------- */

/* dom0's programs (the toolstack, microcode loaders) want to see the machine. */
void cpuid_faulting_load(const struct vcpu *v)
{
    const bool want = !v->domain->is_hardware ||
                      (v->arch.pv.misc_features & MISC_FEATURES_CPUID_FAULTING);

    if (faulting == FAULTING_NONE || this_cpu(faulting_on) == want)
        return;
    if (faulting == FAULTING_INTEL)
        wrmsr(MSR_MISC_FEATURES, want ? MISC_FEATURES_CPUID_FAULTING : 0);
    else
        wrmsr(MSR_AMD_HWCR,
              (rdmsr(MSR_AMD_HWCR) & ~HWCR_CPUID_USER_DIS) | (want ? HWCR_CPUID_USER_DIS : 0));
    this_cpu(faulting_on) = want;
}
