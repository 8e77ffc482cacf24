/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions, NMIs and interrupts on their way into an HVM guest. One event waits in hvm_cpu.event:
 * an exception of what was emulated, or a delivery that an exit broke off; it goes before all
 * others. AMD APM vol. 2 §8.2.9 "#DF", §8.5 "Priorities among simultaneous exceptions and
 * interrupts".
 */
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/regs.h>
#include <hv/domain.h>

/* Benign ones do not make a double fault. */
static bool is_contributory(int vector)
{
    return vector == TRAP_DE || (vector >= TRAP_TS && vector <= TRAP_GP);
}

static bool makes_double_fault(int first, int second)
{
    if (first == TRAP_PF)
        return second == TRAP_PF || is_contributory(second);
    return is_contributory(first) && is_contributory(second);
}

void hvm_inject(struct vcpu *v, unsigned int vector, uint32_t error)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;
    const bool before = c->event.vector >= 0 && c->event.type == HVM_EVENT_EXCEPTION;

    if (before && c->event.vector == TRAP_DF &&
        (is_contributory((int)vector) || vector == TRAP_PF)) {
        hvm_triple_fault(v);
        return;
    }
    if (before && makes_double_fault(c->event.vector, (int)vector)) {
        vector = TRAP_DF;
        error = 0;
    }
    c->event = (struct hvm_event){
        .vector = (int16_t)vector,
        .type = HVM_EVENT_EXCEPTION,
        .has_error = vector < 32 && (TRAP_HAS_ERROR >> vector & 1),
        .error = error,
    };
}

void hvm_inject_pf(struct vcpu *v, uint32_t error, uint64_t cr2)
{
    v->arch.hvm->cpu.cr2 = cr2;
    hvm_ops->update(v);
    hvm_inject(v, TRAP_PF, error);
}

/* --- before entry ----------------------------------------------------------------------------- */

static bool inject_nmi(struct vcpu *v)
{
    const struct hvm_event e = { .vector = TRAP_NMI, .type = HVM_EVENT_NMI };

    if (!v->nmi_pending)
        return false;
    if (!hvm_ops->can_take(v, true)) {
        hvm_ops->want_window(v, true);
        return false;
    }
    v->nmi_pending = false;
    hvm_ops->inject(v, &e);
    return true;
}

static bool inject_interrupt(struct vcpu *v, struct hvm_int what)
{
    struct hvm_event e = { .type = HVM_EVENT_INTR };

    if (!hvm_ops->can_take(v, false))
        return false;
    e.vector = (int16_t)hvm_int_take(v, what);
    if (e.vector < 0)
        return false;
    hvm_ops->inject(v, &e);
    return true;
}

void hvm_inject_pending(struct vcpu *v)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;
    bool taken = c->event.vector >= 0;
    struct hvm_int what;

    if (taken) {
        hvm_ops->inject(v, &c->event);
        c->event.vector = -1;
    } else {
        taken = inject_nmi(v);
    }
    hvm_callback_sync(v);
    what = hvm_int_pending(v);
    if (what.source == HVM_INT_NONE)
        return;
    if (!taken && inject_interrupt(v, what))
        what = hvm_int_pending(v); /* another, when this one lets it */
    if (what.source != HVM_INT_NONE)
        hvm_ops->want_window(v, false);
}
