/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A task switch that the processor leaves to us: the emulator does it (arch/emul_task.h), from and
 * to the vcpu's state. AMD APM vol. 2 §15.14.1 "Task Switch Intercept".
 */
#include <arch/emul_task.h>
#include <arch/hvm.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/log.h>

#include "cpu_priv.h"

#define DR6_TASK (1ULL << 15)
#define DR7_LOCAL 0x155ULL /* L0 to L3 and LE: the processor clears them */

static void take(struct vcpu *v, const struct emul *e, const struct emul_task *t)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;

    hvm_ops->set_state(v, &e->state);
    c->dr7 &= ~DR7_LOCAL;
    if (t->trap)
        c->dr6 |= DR6_TASK;
    hvm_ops->update(v);
    hvm_ops->set_shadow(v, false);
}

void hvm_task_switch(struct vcpu *v, struct emul_task *t)
{
    struct emul *e = &v->arch.hvm->emul;
    enum emul_result r;

    hvm_emul_fill(v, e);
    r = emul_task_switch(e, t);
    if (t->switched)
        take(v, e, t);
    if (r == EMUL_FAULT)
        hvm_emul_fault(v, e);
    else if (r != EMUL_OK)
        domain_crash(v->domain, "vcpu %u: task state or descriptors are in no memory", v->id);
    else if (t->trap)
        hvm_inject(v, TRAP_DB, 0);
}
