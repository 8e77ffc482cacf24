/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offsets of C structures that the assembly uses; compiled to text, from which the Makefile makes
 * asm_offsets.h. A string, since clang reads even what it only writes to a file.
 */
#include <arch/cpu.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define DEFINE(sym, value) \
    __asm__ volatile(".ascii \"->" #sym " %0\"" ::"i"((long)(value)))
#define OFFSET(sym, type, member) DEFINE(sym, offsetof(type, member))

void asm_offsets(void);

void asm_offsets(void)
{
    OFFSET(UREGS_r15, struct cpu_user_regs, r15);
    OFFSET(UREGS_rax, struct cpu_user_regs, rax);
    OFFSET(UREGS_rcx, struct cpu_user_regs, rcx);
    OFFSET(UREGS_r11, struct cpu_user_regs, r11);
    OFFSET(UREGS_error, struct cpu_user_regs, error_code);
    OFFSET(UREGS_vector, struct cpu_user_regs, entry_vector);
    OFFSET(UREGS_rip, struct cpu_user_regs, rip);
    OFFSET(UREGS_cs, struct cpu_user_regs, cs);
    OFFSET(UREGS_rflags, struct cpu_user_regs, rflags);
    OFFSET(UREGS_rsp, struct cpu_user_regs, rsp);
    OFFSET(UREGS_ss, struct cpu_user_regs, ss);
    OFFSET(UREGS_es, struct cpu_user_regs, es);

    DEFINE(CPU_INFO_SIZE, sizeof(struct cpu_info));
    OFFSET(CPU_INFO_regs, struct cpu_info, regs);
    OFFSET(CPU_INFO_current, struct cpu_info, running);
    OFFSET(CPU_INFO_view_ok, struct cpu_info, view_ok);
    OFFSET(CPU_INFO_guest_cr3, struct cpu_info, guest_cr3);
    OFFSET(CPU_INFO_hv_cr3, struct cpu_info, hv_cr3);
    OFFSET(CPU_INFO_percpu_offset, struct cpu_info, percpu_offset);

    OFFSET(VCPU_info, struct vcpu, info);
    OFFSET(VCPU_cr3, struct vcpu, arch.cr3);
    OFFSET(VCPU_in_kernel, struct vcpu, arch.pv.in_kernel);
    OFFSET(VCPU_nmi_pending, struct vcpu, nmi_pending);
    OFFSET(VCPUINFO_pending, struct vcpu_info, evtchn_upcall_pending);

    OFFSET(FEATURES_smap, struct cpu_features, smap);
    DEFINE(ERESTART_VALUE, ERESTART);
}
