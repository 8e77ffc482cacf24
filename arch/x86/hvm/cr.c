/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control registers of an HVM vcpu: which values the processor takes, and what follows from a
 * change. AMD APM vol. 2 §3.1 "System-Control Registers", §14.6 "Enabling and Activating Long
 * Mode".
 */
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/policy.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <xen/arch-x86/cpufeatureset.h>

#define F(name) XEN_X86_FEATURE_##name

static struct hvm_cpu *cpu_of(struct vcpu *v) { return &v->arch.hvm->cpu; }

static bool has(const struct vcpu *v, unsigned int feature)
{
    return cpu_policy_has(v->domain->arch.policy, feature);
}

static bool code_is_64bit(struct vcpu *v)
{
    struct emul_segment cs;

    hvm_ops->get_segment(v, INSN_CS, &cs);
    return cs.attr & EMUL_ATTR_L;
}

static void changed(struct vcpu *v)
{
    hvm_ops->update(v);
    hvm_ops->forget_tlb(v);
}

/* All of it, or nothing. */
static int set_control(struct vcpu *v, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    struct hvm_cpu *c = cpu_of(v);

    if (!hvm_control_valid(v, cr0, cr4, efer))
        return -1;
    c->cr0 = cr0;
    c->cr4 = cr4;
    c->efer = efer;
    if (cr4 & X86_CR4_PKE) /* PKRU is in use, whatever XCR0 says */
        v->arch.xcr0_accum |= XCR0_PKRU;
    changed(v);
    return 0;
}

/* Long mode begins and ends with paging, and in code that is not of 64 bits. */
int hvm_set_cr0(struct vcpu *v, uint64_t val)
{
    struct hvm_cpu *c = cpu_of(v);
    uint64_t efer = c->efer & ~EFER_LMA;

    if (val >> 32)
        return -1;
    val = (val & HVM_CR0_VALID) | X86_CR0_ET;
    if ((efer & EFER_LME) && (val & X86_CR0_PG))
        efer |= EFER_LMA;
    if (((efer ^ c->efer) & EFER_LMA) && code_is_64bit(v))
        return -1;
    return set_control(v, val, c->cr4, efer);
}

int hvm_set_cr3(struct vcpu *v, uint64_t val)
{
    struct hvm_cpu *c = cpu_of(v);

    if (c->efer & EFER_LMA) {
        if (val >> p2m_gpa_bits())
            return -1;
    } else {
        val = (uint32_t)val;
    }
    c->cr3 = val;
    changed(v);
    return 0;
}

uint64_t hvm_cr4_valid(const struct vcpu *v)
{
    static const struct { unsigned int feature; uint64_t bits; } bits[] = {
        { F(VME), X86_CR4_VME | X86_CR4_PVI },
        { F(TSC), X86_CR4_TSD },
        { F(DE), X86_CR4_DE },
        { F(PSE), X86_CR4_PSE },
        { F(PAE), X86_CR4_PAE },
        { F(MCE), X86_CR4_MCE },
        { F(PGE), X86_CR4_PGE },
        { F(FXSR), X86_CR4_OSFXSR },
        { F(SSE), X86_CR4_OSXMMEXCPT },
        { F(UMIP), X86_CR4_UMIP },
        { FEATURE_LA57, X86_CR4_LA57 },
        { F(FSGSBASE), X86_CR4_FSGSBASE },
        { F(PCID), X86_CR4_PCIDE },
        { F(XSAVE), X86_CR4_OSXSAVE },
        { F(SMEP), X86_CR4_SMEP },
        { F(SMAP), X86_CR4_SMAP },
        { F(PKU), X86_CR4_PKE },
    };
    uint64_t valid = X86_CR4_PCE;

    for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++)
        if (has(v, bits[i].feature))
            valid |= bits[i].bits;
    return valid;
}

int hvm_set_cr4(struct vcpu *v, uint64_t val)
{
    struct hvm_cpu *c = cpu_of(v);
    const uint64_t begins = val & ~c->cr4;

    if ((c->efer & EFER_LMA) && ((val ^ c->cr4) & X86_CR4_LA57))
        return -1;
    if ((begins & X86_CR4_PCIDE) && (c->cr3 & 0xfff))
        return -1;
    return set_control(v, c->cr0, val, c->efer);
}

uint64_t hvm_efer_valid(const struct vcpu *v)
{
    uint64_t valid = 0;

    if (has(v, F(SYSCALL)))
        valid |= EFER_SCE;
    if (has(v, F(LM)))
        valid |= EFER_LME | EFER_LMA;
    if (has(v, F(NX)))
        valid |= EFER_NX;
    if (has(v, F(FFXSR)))
        valid |= EFER_FFXSR;
    return valid;
}

/* LMA is the processor's, whatever is written there. So LME stays while paging is on. */
int hvm_set_efer(struct vcpu *v, uint64_t val)
{
    struct hvm_cpu *c = cpu_of(v);

    val = (val & ~EFER_LMA) | (c->efer & EFER_LMA);
    return set_control(v, c->cr0, c->cr4, val);
}

int hvm_xsetbv(struct vcpu *v, uint32_t reg, uint64_t val)
{
    return reg != 0 || fpu_set_xcr0(v, val) ? -1 : 0;
}
