/* SPDX-License-Identifier: GPL-2.0-only */
/* The processor of a vcpu as the walk of its page tables wants it. */
#include <arch/cpu.h>
#include <arch/features.h>
#include <arch/fpu.h>
#include <arch/gwalk.h>
#include <arch/hvm.h>
#include <arch/regs.h>
#include <hv/domain.h>

/*
 * Reserved bits are the machine's, as for the processor's own walks: a guest that is told of
 * fewer address bits does not get its faults from hardware either.
 */
void gwalk_cpu_of(struct vcpu *v, struct gwalk_cpu *out)
{
    const struct hvm_cpu *c = &v->arch.hvm->cpu;

    *out = (struct gwalk_cpu){
        .cr0 = c->cr0,
        .cr3 = c->cr3,
        .cr4 = c->cr4,
        .efer = c->efer,
        .rflags = hvm_regs(v)->rflags,
        .pkru = c->cr4 & X86_CR4_PKE ? fpu_pkru(v) : 0,
        .phys_bits = cpu_features.phys_bits,
        .page1gb = cpu_features.page1gb,
        .amd = cpu_features.vendor == VENDOR_AMD || cpu_features.vendor == VENDOR_HYGON,
        .pdpte_accessed = cpu_features.hypervisor_tcg,
    };
}
