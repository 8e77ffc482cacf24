/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSRs of HVM guests. What is in the table is read and written as it says; what is not gets #GP,
 * or, in a domain created with msr_relaxed, reads 0 if the machine has it and ignores writes. Intel
 * SDM vol. 4; AMD APM vol. 2, appendix A. mtrr.c has the memory types, tsc.c time, viridian.c
 * Hyper-V's.
 *
 * Not there: XSS, LWP, IBS, SVM's, speculation control, CPUID faulting.
 */
#include <abi.h>
#include <arch/msr.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "../cpu/msr_row.h"
#include "cpu_priv.h"

#define F(name) XEN_X86_FEATURE_##name
#define PAT_RESET 0x0007040600070406ULL
#define APIC_BASE_X2APIC (1ULL << 10)
#define DEBUGCTL_LBR_BTF 3ULL
#define MISC_ENABLE_RESET ((1ULL << 0) | (3ULL << 11)) /* fast strings; no BTS, no PEBS */
#define PRED_CMD_IBPB 1ULL
#define HWCR_TSC_FREQ_SEL (1ULL << 24) /* the TSC counts at one rate */
#define DE_CFG_LFENCE_SERIALISE 2ULL

static bool is_amd(const struct vcpu *v) { return cpu_policy_is_amd(v->domain->arch.policy); }

/* --- plain ones ------------------------------------------------------------------------------- */


static int read_intel_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return is_amd(v) ? -1 : 0;
}

/* For kernels that warn about old microcode; a machine without the MSR has revision 0. */
static int read_ucode_rev(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (hvm_host_rdmsr(msr, val))
        *val = 0;
    return 0;
}

static int read_platform_info(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->domain->arch.policy->platform_info;
    return 0;
}

static int read_arch_caps(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->domain->arch.policy->arch_caps;
    return hvm_has(v, F(ARCH_CAPS)) ? 0 : -1;
}

static int read_misc_enable(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_cpu_of(v)->misc_enable;
    return is_amd(v) ? -1 : 0;
}

static int write_misc_enable(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return is_amd(v) ? -1 : 0; /* nothing in it can be switched */
}

/* --- interrupts ------------------------------------------------------------------------------- */

static bool lapic_msr_exists(const struct vcpu *v, uint32_t msr)
{
    if (msr == MSR_APIC_BASE)
        return true;
    return hvm_has(v, msr == MSR_TSC_DEADLINE ? F(TSC_DEADLINE) : F(X2APIC));
}

static int read_lapic(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return lapic_msr_exists(v, msr) && vlapic_msr_read(v, msr, val) == 0 ? 0 : -1;
}

static int write_lapic(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!lapic_msr_exists(v, msr))
        return -1;
    if (msr == MSR_APIC_BASE && (val & APIC_BASE_X2APIC) && !hvm_has(v, F(X2APIC)))
        return -1;
    return vlapic_msr_write(v, msr, val) ? -1 : 0;
}

/* --- control and memory types ----------------------------------------------------------------- */

static int read_efer(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_cpu_of(v)->efer;
    return 0;
}

static int write_efer(struct vcpu *v, uint32_t msr, uint64_t val) { return hvm_set_efer(v, val); }

static int read_pat(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_cpu_of(v)->pat;
    return hvm_has(v, F(PAT)) ? 0 : -1;
}

static int write_pat(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!hvm_has(v, F(PAT)) || !hvm_pat_valid(val))
        return -1;
    hvm_cpu_of(v)->pat = val;
    hvm_ops->update(v);
    return 0;
}

static int read_mtrr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return hvm_has(v, F(MTRR)) ? hvm_mtrr_read(v, msr, val) : -1;
}

static int write_mtrr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return hvm_has(v, F(MTRR)) ? hvm_mtrr_write(v, msr, val) : -1;
}

/* --- in the control block --------------------------------------------------------------------- */

/* SYSENTER's and the ones of long mode. */
static bool entry_msr_exists(const struct vcpu *v, uint32_t msr)
{
    switch (msr) {
    case MSR_SYSENTER_CS:
    case MSR_SYSENTER_ESP:
    case MSR_SYSENTER_EIP: return hvm_has(v, F(SEP));
    case MSR_STAR: return hvm_has(v, F(SYSCALL));
    default: return hvm_has(v, F(LM));
    }
}

static int read_block(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return entry_msr_exists(v, msr) && hvm_ops->get_msr(v, msr, val) ? 0 : -1;
}

static int write_block(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return entry_msr_exists(v, msr) && hvm_ops->set_msr(v, msr, val) ? 0 : -1;
}

/* As wide as the processor can have addresses, whatever CR4 says now. */
static int write_address(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const unsigned int unused = hvm_has(v, FEATURE_LA57) ? 64 - 57 : 64 - 48;
    const bool canonical = (uint64_t)((int64_t)(val << unused) >> unused) == val;

    return canonical ? write_block(v, msr, val) : -1;
}

static int write_32bit(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return val >> 32 ? -1 : write_block(v, msr, val);
}

/* Branch recording: where nothing records, it can be switched on and stays empty. */
static int read_debugctl(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    (void)hvm_ops->get_msr(v, msr, val);
    return 0;
}

static int write_debugctl(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (val & ~DEBUGCTL_LBR_BTF)
        return -1;
    (void)hvm_ops->set_msr(v, msr, val);
    return 0;
}

/* --- speculation ------------------------------------------------------------------------------ */

static uint64_t spec_ctrl_bits(const struct vcpu *v)
{
    const bool ibrs = hvm_has(v, F(IBRSB)) || hvm_has(v, F(IBRS));
    const bool stibp = ibrs || hvm_has(v, F(STIBP)) || hvm_has(v, F(AMD_STIBP));
    const bool ssbd = hvm_has(v, F(SSBD)) || hvm_has(v, F(AMD_SSBD));
    const bool psfd = hvm_has(v, F(PSFD)) || hvm_has(v, F(INTEL_PSFD));

    return (ibrs ? BIT(0) : 0) | (stibp ? BIT(1) : 0) | (ssbd ? BIT(2) : 0) | (psfd ? BIT(7) : 0);
}

static int read_spec_ctrl(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return spec_ctrl_bits(v) && hvm_ops->get_msr(v, msr, val) ? 0 : -1;
}

static int write_spec_ctrl(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const uint64_t bits = spec_ctrl_bits(v);

    return bits && !(val & ~bits) && hvm_ops->set_msr(v, msr, val) ? 0 : -1;
}

static int write_pred_cmd(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if ((!hvm_has(v, F(IBPB)) && !hvm_has(v, F(IBRSB))) || (val & ~PRED_CMD_IBPB))
        return -1;
    if (val)
        hvm_host_prediction_barrier();
    return 0;
}

/* --- AMD's ------------------------------------------------------------------------------------ */

static int read_amd_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return is_amd(v) ? 0 : -1;
}

static int write_amd_ignore(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return is_amd(v) ? 0 : -1;
}

static int write_amd_zero(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return is_amd(v) && val == 0 ? 0 : -1;
}

/* From family 10h on the bit says so; kernels complain if it does not. */
static int read_hwcr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const uint32_t signature = v->domain->arch.policy->basic[1].a;
    const bool family_10h = (signature >> 8 & 0xf) == 0xf && (signature >> 20 & 0xff) != 0;

    *val = family_10h ? HWCR_TSC_FREQ_SEL : 0;
    return is_amd(v) ? 0 : -1;
}

static int read_de_cfg(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = DE_CFG_LFENCE_SERIALISE;
    return is_amd(v) ? 0 : -1;
}

/* Elsewhere when Hyper-V's MSRs are at its usual place. */
static bool xen_msr_exists(const struct vcpu *v, uint32_t msr)
{
    return msr == (viridian_features(v->domain) ? VIRIDIAN_XEN_MSR : MSR_XEN_FIRST);
}

static int read_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return xen_msr_exists(v, msr) ? 0 : -1;
}

static int write_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return xen_msr_exists(v, msr) && hvm_hypercall_page_msr(v, val) == 0 ? 0 : -1;
}

/* --- the table -------------------------------------------------------------------------------- */

/* A missing column is #GP. */
static const struct msr_row msrs[] = {
    { MSR_TSC, MSR_TSC, hvm_read_tsc, hvm_write_tsc },
    { MSR_PLATFORM_ID, MSR_PLATFORM_ID, read_intel_zero, NULL },
    { MSR_APIC_BASE, MSR_APIC_BASE, read_lapic, write_lapic },
    { MSR_TSC_ADJUST, MSR_TSC_ADJUST, hvm_read_tsc_adjust, hvm_write_tsc_adjust },
    { MSR_SPEC_CTRL, MSR_SPEC_CTRL, read_spec_ctrl, write_spec_ctrl },
    { MSR_PRED_CMD, MSR_PRED_CMD, NULL, write_pred_cmd },
    { MSR_UCODE_REV, MSR_UCODE_REV, read_ucode_rev, msr_write_if_zero },
    { MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, read_platform_info, NULL },
    { MSR_MTRR_CAP, MSR_MTRR_CAP, read_mtrr, NULL },
    { MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES, read_arch_caps, NULL },
    { MSR_MISC_FEATURES, MSR_MISC_FEATURES, msr_read_zero, msr_write_if_zero },
    { MSR_SYSENTER_CS, MSR_SYSENTER_CS, read_block, write_32bit },
    { MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, read_block, write_address },
    /* a machine-check architecture with no banks */
    { MSR_MCG_CAP, MSR_MCG_CAP, msr_read_zero, NULL },
    { MSR_MCG_STATUS, MSR_MCG_CTL, msr_read_zero, msr_write_ignore },
    { MSR_MISC_ENABLE, MSR_MISC_ENABLE, read_misc_enable, write_misc_enable },
    { MSR_DEBUGCTL, MSR_DEBUGCTL, read_debugctl, write_debugctl },
    { MSR_LBR_FROM, MSR_LER_TO, read_debugctl, NULL },
    { MSR_MTRR_VAR_FIRST, MSR_MTRR_VAR_LAST, read_mtrr, write_mtrr },
    { MSR_MTRR_FIX_64K, MSR_MTRR_FIX_64K, read_mtrr, write_mtrr },
    { MSR_MTRR_FIX_16K_FIRST, MSR_MTRR_FIX_16K_LAST, read_mtrr, write_mtrr },
    { MSR_MTRR_FIX_4K_FIRST, MSR_MTRR_FIX_4K_LAST, read_mtrr, write_mtrr },
    { MSR_PAT, MSR_PAT, read_pat, write_pat },
    { MSR_MCI_CTL2(0), MSR_MCI_CTL2(31), msr_read_zero, msr_write_ignore },
    { MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, read_mtrr, write_mtrr },
    { MSR_PERF_CAPABILITIES, MSR_PERF_CAPABILITIES, msr_read_zero, NULL },
    { MSR_MC0_CTL, MSR_MC_LAST, msr_read_zero, msr_write_ignore },
    { MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, read_lapic, write_lapic },
    { MSR_X2APIC_FIRST, MSR_X2APIC_LAST, read_lapic, write_lapic },
    { MSR_XEN_FIRST, MSR_XEN_FIRST, read_hypercall_page, write_hypercall_page },
    { VIRIDIAN_XEN_MSR, VIRIDIAN_XEN_MSR, read_hypercall_page, write_hypercall_page },
    { MSR_EFER, MSR_EFER, read_efer, write_efer },
    { MSR_STAR, MSR_STAR, read_block, write_block },
    { MSR_LSTAR, MSR_CSTAR, read_block, write_address },
    { MSR_FMASK, MSR_FMASK, read_block, write_32bit },
    { MSR_FS_BASE, MSR_KERNEL_GS_BASE, read_block, write_address },
    { MSR_TSC_AUX, MSR_TSC_AUX, hvm_read_tsc_aux, hvm_write_tsc_aux },
    { MSR_AMD_EVNTSEL0, MSR_AMD_PERFCTR3, read_amd_zero, write_amd_ignore },
    { MSR_AMD_SYSCFG, MSR_AMD_SYSCFG, read_amd_zero, write_amd_zero },
    { MSR_AMD_HWCR, MSR_AMD_HWCR, read_hwcr, write_amd_ignore },
    { MSR_AMD_IORR_FIRST, MSR_AMD_TOP_MEM2, read_amd_zero, write_amd_zero },
    { MSR_AMD_NB_CFG, MSR_AMD_NB_CFG, read_amd_zero, write_amd_ignore },
    { MSR_AMD_MMCONF, MSR_AMD_MMCONF, read_amd_zero, write_amd_ignore },
    { MSR_AMD_PSTATE_FIRST, MSR_AMD_PSTATE_LAST, read_amd_zero, write_amd_ignore },
    { MSR_AMD_PERF_CORE_FIRST, MSR_AMD_PERF_CORE_LAST, read_amd_zero, write_amd_ignore },
    { MSR_AMD_DE_CFG, MSR_AMD_DE_CFG, read_de_cfg, write_amd_ignore },
};

static const struct msr_row *find(uint32_t msr)
{
    return msr_row_find(msrs, ARRAY_SIZE(msrs), msr);
}

static int relaxed(const struct vcpu *v, uint32_t msr)
{
    uint64_t probe;

    return v->domain->arch.msr_relaxed && hvm_host_rdmsr(msr, &probe) == 0 ? 0 : -1;
}

int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct msr_row *row = find(msr);
    int rc;

    *val = 0;
    if (viridian_is_msr(msr) && viridian_features(v->domain))
        return viridian_rdmsr(v, msr, val);
    if (!row)
        return relaxed(v, msr);
    rc = row->read ? row->read(v, msr, val) : -1;
    if (rc)
        *val = 0;
    return rc;
}

int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const struct msr_row *row = find(msr);

    if (viridian_is_msr(msr) && viridian_features(v->domain))
        return viridian_wrmsr(v, msr, val);
    if (!row)
        return relaxed(v, msr);
    return row->write ? row->write(v, msr, val) : -1;
}

void hvm_msr_reset(struct vcpu *v)
{
    struct hvm_cpu *c = hvm_cpu_of(v);

    c->tsc_aux = c->tsc_adjust = c->xss = c->spec_ctrl = 0;
    c->pat = PAT_RESET;
    c->misc_enable = MISC_ENABLE_RESET;
    c->mtrr_def_type = 0;
    for (unsigned int i = 0; i < MTRR_FIXED; i++)
        c->mtrr_fixed[i] = 0;
    for (unsigned int i = 0; i < 2 * MTRR_VARIABLE; i++)
        c->mtrr_variable[i] = 0;
}
