/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-V. One VMCB a vcpu; while the hypervisor works for a vcpu, RIP, RSP, RFLAGS and RAX are in
 * struct cpu_user_regs as well, and those are the ones that count: entry writes them back.
 */
#ifndef ARCH_SVM_H
#define ARCH_SVM_H

#include <arch/vmcb.h>
#include <hv/types.h>

struct cpu_user_regs;
struct vcpu;

struct svm_vcpu {
    struct vmcb *vmcb;
    paddr_t vmcb_pa;
    uint64_t asid_generation; /* of the cpu that gave it its ASID; 0: it needs a new one. Atomic */
    uint32_t asid_cpu;
    bool nmi_masked;          /* an NMI is being handled: until IRET */
    bool virtual_int;         /* the next entry delivers an interrupt by V_IRQ (vcpu.c) */
};

struct svm_features {
    bool next_rip, decode_assists, clean_bits, pause_filter, flush_by_asid, tsc_ratio;
    uint32_t nr_asids;
};
extern struct svm_features svm_features;

void svm_init(void);     /* boot cpu: sets hvm_ops if guests can be run with nested paging */
void svm_cpu_init(void); /* each cpu, before it runs guests */

void svm_resume(void) noreturn; /* entry.S: run current */

/* entry.S */
uint64_t svm_before_entry(struct cpu_user_regs *regs);
void svm_after_exit(struct cpu_user_regs *regs);

void svm_exit(struct vcpu *v, struct vmcb *vmcb); /* exit.c */

#endif
