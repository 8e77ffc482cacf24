/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens right before VMRUN and right after it (entry.S), and on which vcpu it acts: current.
 * AMD APM vol. 2 §15.5.1 "Basic Operation", §15.17 "Global Interrupt Flag".
 */
#include <arch/cpu.h>
#include <arch/regs.h>

#include "svm_priv.h"

/*
 * Interrupts are off throughout, so a kick that comes after the last look at what is pending ends
 * the guest's run as it begins.
 */
uint64_t svm_before_entry(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct svm_vcpu *s;
    struct vmcb *b;
    unsigned int cr8;

    hvm_entry_work(v); /* may switch to another vcpu, and not return */
    s = v->arch.hvm->svm;
    b = s->vmcb;
    cr8 = vlapic_get_cr8(v);
    if ((b->vintr & VINTR_TPR) != cr8) {
        b->vintr = (b->vintr & ~VINTR_TPR) | cr8;
        b->clean &= ~VMCB_CLEAN_TPR;
    }
    b->rax = regs->rax;
    b->rsp = regs->rsp;
    b->rip = regs->rip;
    b->rflags = regs->rflags;
    clgi();
    svm_assign_asid(s);
    return s->vmcb_pa;
}

/* What was being delivered when the exit came is delivered at the next entry. */
static void keep_event(struct hvm_cpu *c, uint64_t info)
{
    c->event = (struct hvm_event){
        .vector = (uint8_t)info,
        .type = info >> VMCB_EVENT_TYPE_SHIFT & 7,
        .has_error = info & VMCB_EVENT_ERROR,
        .error = (uint32_t)(info >> 32),
    };
}

/*
 * A software interrupt starts over: its instruction is executed again. RIP was not advanced when
 * what exited is the delivery itself.
 */
static bool is_repeated(uint64_t info)
{
    return (info >> VMCB_EVENT_TYPE_SHIFT & 7) == HVM_EVENT_SOFT_INT;
}

void svm_after_exit(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct hvm_cpu *c = &v->arch.hvm->cpu;
    struct vmcb *b = vmcb_of(v);
    int left;

    vmload(this_cpu(svm_host_vmcb));
    stgi();
    regs->rax = b->rax;
    regs->rsp = b->rsp;
    regs->rip = b->rip;
    regs->rflags = b->rflags;
    c->cr2 = b->cr2;
    c->cr3 = b->cr3;
    if (c->dr_dirty) {
        c->dr6 = b->dr6;
        c->dr7 = b->dr7;
    }
    b->event_inj = 0;
    b->clean = svm_features.clean_bits ? VMCB_CLEAN_ALL : 0;
    left = svm_virtual_int_left(v->arch.hvm->svm);
    if (left >= 0) /* whatever EXITINTINFO says: it is the same one */
        c->event = (struct hvm_event){ .vector = (int16_t)left, .type = HVM_EVENT_INTR };
    else if ((b->exit_int_info & VMCB_EVENT_VALID) && !is_repeated(b->exit_int_info))
        keep_event(c, b->exit_int_info);
    svm_exit(v, b);
}
