/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSRs of PV guests. What is in the table is read and written as it says; what is not gets #GP, or,
 * in a domain created with msr_relaxed, reads 0 if the machine has it and ignores writes.
 */
#include <arch/cpu.h>
#include <arch/features.h>
#include <arch/hypercall_page.h>
#include <arch/msr.h>
#include <arch/policy.h>
#include <arch/pt.h>
#include <arch/pv.h>
#include <arch/pv_hypercall.h>
#include <hv/domain.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "msr_row.h"

#define F(name) XEN_X86_FEATURE_##name
#define APIC_BASE_ENABLED 0xfee00800ULL
#define APIC_BASE_BSP 0x100ULL
#define MISC_ENABLE_HIDDEN (1ULL << 18) /* MONITOR */
#define MISC_ENABLE_BTS_PEBS_UNAVAILABLE (3ULL << 11)
#define DE_CFG_LFENCE_SERIALISE 2ULL

static bool has(const struct vcpu *v, unsigned int feature)
{
    return cpu_policy_has(v->domain->arch.policy, feature);
}

static int read_machine(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return rdmsr_safe(msr, val);
}

/* The machine's, for dom0; others get #GP, or 0 if they are relaxed about it. */
static int read_dom0(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (v->domain->is_hardware)
        return rdmsr_safe(msr, val);
    *val = 0;
    return v->domain->arch.msr_relaxed ? 0 : -1;
}

static int read_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = rdtsc();
    return 0;
}

static int read_apic_base(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = APIC_BASE_ENABLED | (v->id == 0 ? APIC_BASE_BSP : 0);
    return 0;
}


static int read_platform_info(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->domain->arch.policy->platform_info;
    return 0;
}

static int read_misc_features(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->arch.pv.misc_features;
    return 0;
}

static int write_misc_features(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const bool can = v->domain->arch.policy->platform_info & PLATFORM_INFO_CPUID_FAULTING;

    if (val & ~(can ? MISC_FEATURES_CPUID_FAULTING : 0))
        return -1;
    v->arch.pv.misc_features = val;
    cpuid_faulting_load(v);
    return 0;
}

static int read_misc_enable(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (rdmsr_safe(msr, val))
        return -1;
    *val = (*val & ~MISC_ENABLE_HIDDEN) | MISC_ENABLE_BTS_PEBS_UNAVAILABLE;
    return 0;
}

static int read_pat(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = PAT_VALUE;
    return 0;
}

static int read_efer(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = cpu_features.nx ? EFER_NX : 0;
    if (!domain_is_32bit(v->domain))
        *val |= EFER_SCE | EFER_LME | EFER_LMA;
    return 0;
}

static int write_efer(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t now;

    read_efer(v, msr, &now);
    return val == now ? 0 : -1;
}

/*
 * The kernel is running, so GS.base is its own and KERNEL_GS_BASE its user's. 32-bit guests have no
 * bases but their descriptors'.
 */
static int read_base(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (domain_is_32bit(v->domain))
        return -1;
    *val = msr == MSR_FS_BASE ? read_fs_base() : msr == MSR_GS_BASE ? read_gs_base() : rdmsr(msr);
    return 0;
}

static int write_base(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (domain_is_32bit(v->domain))
        return -1;
    if (!is_canonical(val))
        return -1;
    wrmsr(msr, val);
    return 0;
}

static int read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (!has(v, F(RDTSCP)) && !has(v, F(RDPID)))
        return -1;
    *val = v->arch.pv.tsc_aux;
    return 0;
}

static int write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if ((!has(v, F(RDTSCP)) && !has(v, F(RDPID))) || val >> 32)
        return -1;
    v->arch.pv.tsc_aux = val;
    if (cpu_features.rdtscp)
        wrmsr(MSR_TSC_AUX, val);
    return 0;
}

static int read_arch_caps(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (!has(v, F(ARCH_CAPS)))
        return -1;
    *val = v->domain->arch.policy->arch_caps;
    return 0;
}

static int read_de_cfg(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (cpu_features.vendor != VENDOR_AMD && cpu_features.vendor != VENDOR_HYGON)
        return -1;
    *val = DE_CFG_LFENCE_SERIALISE;
    return 0;
}

static int write_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return hypercall_page_msr(v->domain, val);
}

static int read_amd_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return cpu_features.vendor == VENDOR_AMD || cpu_features.vendor == VENDOR_HYGON ? 0 : -1;
}

static int write_amd_ignore(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return cpu_features.vendor == VENDOR_AMD || cpu_features.vendor == VENDOR_HYGON ? 0 : -1;
}

/* A missing column is #GP. */
static const struct msr_row msrs[] = {
    { MSR_TSC, MSR_TSC, read_tsc, NULL },
    { MSR_PLATFORM_ID, MSR_PLATFORM_ID, read_machine, NULL },
    { MSR_APIC_BASE, MSR_APIC_BASE, read_apic_base, NULL },
    { MSR_UCODE_REV, MSR_UCODE_REV, read_machine, msr_write_if_zero },
    { MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, read_platform_info, NULL },
    { MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES, read_arch_caps, NULL },
    { MSR_MISC_FEATURES, MSR_MISC_FEATURES, read_misc_features, write_misc_features },
    /* a machine-check architecture with no banks */
    { MSR_MCG_CAP, MSR_MCG_CTL, msr_read_zero, msr_write_ignore },
    { MSR_MISC_ENABLE, MSR_MISC_ENABLE, read_misc_enable, msr_write_ignore },
    { MSR_PAT, MSR_PAT, read_pat, NULL },
    { MSR_MCI_CTL2(0), MSR_MCI_CTL2(31), msr_read_zero, msr_write_ignore },
    { MSR_PERF_CAPABILITIES, MSR_PERF_CAPABILITIES, msr_read_zero, NULL },
    { MSR_MC0_CTL, MSR_MC_LAST, msr_read_zero, msr_write_ignore },
    { MSR_XEN_FIRST, MSR_XEN_FIRST, msr_read_zero, write_hypercall_page },
    { MSR_EFER, MSR_EFER, read_efer, write_efer },
    { MSR_FS_BASE, MSR_KERNEL_GS_BASE, read_base, write_base },
    { MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux },
    { MSR_AMD_SYSCFG, MSR_AMD_SYSCFG, read_dom0, NULL },
    { MSR_AMD_HWCR, MSR_AMD_HWCR, read_amd_zero, write_amd_ignore },
    { MSR_AMD_IORR_FIRST, MSR_AMD_TOP_MEM2, read_dom0, NULL },
    { MSR_AMD_NB_CFG, MSR_AMD_NB_CFG, read_amd_zero, write_amd_ignore },
    { MSR_AMD_MMCONF, MSR_AMD_MMCONF, read_amd_zero, write_amd_ignore },
    { MSR_AMD_PSTATE_FIRST, MSR_AMD_PSTATE_LAST, read_amd_zero, write_amd_ignore },
    { MSR_AMD_DE_CFG, MSR_AMD_DE_CFG, read_de_cfg, write_amd_ignore },
};

static const struct msr_row *find(uint32_t msr)
{
    return msr_row_find(msrs, ARRAY_SIZE(msrs), msr);
}

int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct msr_row *row = find(msr);
    uint64_t probe;

    *val = 0;
    if (row)
        return row->read ? row->read(v, msr, val) : -1;
    return v->domain->arch.msr_relaxed && rdmsr_safe(msr, &probe) == 0 ? 0 : -1;
}

int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const struct msr_row *row = find(msr);
    uint64_t probe;

    if (row)
        return row->write ? row->write(v, msr, val) : -1;
    return v->domain->arch.msr_relaxed && rdmsr_safe(msr, &probe) == 0 ? 0 : -1;
}
