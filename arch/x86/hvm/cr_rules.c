/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CR0, CR4 and EFER may be together, whoever sets them: the guest's instructions (cr.c), a
 * vcpu's first context (vcpu.c), a record (save_cpu.c). AMD APM vol. 2 §14.6 "Enabling and
 * Activating Long Mode", §15.5.1 "Basic Operation" for what VMRUN refuses, §5.5.1 for PCID.
 */
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/regs.h>

bool hvm_control_valid(const struct vcpu *v, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    const bool paging = cr0 & X86_CR0_PG, long_mode = efer & EFER_LMA;

    if ((cr0 & ~HVM_CR0_VALID) || (paging && !(cr0 & X86_CR0_PE)) ||
        ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD)))
        return false;
    if ((cr4 & ~hvm_cr4_valid(v)) || (efer & ~hvm_efer_valid(v)))
        return false;
    if (long_mode != (paging && (efer & EFER_LME)))
        return false;
    return long_mode ? (cr4 & X86_CR4_PAE) != 0 : !(cr4 & X86_CR4_PCIDE);
}
