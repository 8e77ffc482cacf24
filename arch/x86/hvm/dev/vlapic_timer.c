/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The LAPIC's timer: one-shot, periodic, or at a value of the TSC. Intel SDM vol. 3, "APIC Timer".
 * The count is not kept but computed from the time at which it began.
 *
 * Periods below VTICK_MIN_PERIOD give fewer interrupts than asked for; the count shows the period
 * that was asked for.
 */
#include <hv/time.h>

#include "vlapic_priv.h"

/* "Divide Configuration Register": bits 3, 1, 0. */
uint32_t vlapic_timer_divisor(const struct vlapic *l)
{
    const uint32_t tdcr = l->reg[R_TDCR];

    return 1U << (((tdcr & 3) + ((tdcr & 8) >> 1) + 1) & 7);
}

static ns_t period_of(const struct vlapic *l, uint32_t count)
{
    return (ns_t)count * vlapic_timer_divisor(l) * VLAPIC_TICK_NS;
}

uint32_t vlapic_timer_count(const struct vlapic *l)
{
    const uint32_t initial = l->reg[R_TMICT];
    uint64_t passed;

    if (l->count_from == NS_NEVER || initial == 0)
        return 0;
    passed = (uint64_t)(vtick_now(l->v) - l->count_from) /
             ((uint64_t)vlapic_timer_divisor(l) * VLAPIC_TICK_NS);
    if ((l->reg[R_LVTT] & LVTT_MODE) == LVTT_PERIODIC)
        return initial - (uint32_t)(passed % initial);
    return passed < initial ? initial - (uint32_t)passed : 0;
}

void vlapic_timer_stop(struct vlapic *l)
{
    l->count_from = NS_NEVER;
    vtick_stop(&l->tick);
}

void vlapic_timer_run(struct vlapic *l, uint32_t left)
{
    const bool periodic = (l->reg[R_LVTT] & LVTT_MODE) == LVTT_PERIODIC;

    l->count_from = vtick_now(l->v) - period_of(l, l->reg[R_TMICT] - left);
    vtick_set(&l->tick, period_of(l, left), periodic ? period_of(l, l->reg[R_TMICT]) : 0);
}

void vlapic_timer_start(struct vlapic *l, uint32_t count)
{
    if ((l->reg[R_LVTT] & LVTT_MODE) >= LVTT_DEADLINE) {
        l->reg[R_TMICT] = 0; /* "writes to the initial-count register are ignored" */
        return;
    }
    if (count == 0)
        vlapic_timer_stop(l);
    else
        vlapic_timer_run(l, count);
}

void vlapic_timer_divide(struct vlapic *l, uint32_t tdcr)
{
    const uint32_t left = vlapic_timer_count(l);

    l->reg[R_TDCR] = tdcr;
    if (left)
        vlapic_timer_run(l, left);
}

void vlapic_timer_mode(struct vlapic *l, uint32_t old_lvtt)
{
    const uint32_t new_lvtt = l->reg[R_LVTT];
    const uint32_t was = old_lvtt & LVTT_MODE, is = new_lvtt & LVTT_MODE;
    uint32_t left;

    if (was == is)
        return;
    if (was >= LVTT_DEADLINE || is >= LVTT_DEADLINE) { /* disarmed by the change */
        l->reg[R_TMICT] = 0;
        l->deadline_msr = 0;
        vlapic_timer_stop(l);
        return;
    }
    l->reg[R_LVTT] = old_lvtt;
    left = vlapic_timer_count(l);
    l->reg[R_LVTT] = new_lvtt;
    if (left)
        vlapic_timer_run(l, left);
}

void vlapic_timer_deadline(struct vlapic *l, uint64_t tsc)
{
    const uint64_t now = hvm_guest_tsc(l->v);

    if ((l->reg[R_LVTT] & LVTT_MODE) != LVTT_DEADLINE)
        return; /* the MSR reads 0 and ignores writes */
    l->deadline_msr = tsc;
    if (tsc == 0 || (tsc > now && (tsc - now) >> 60 != 0)) /* none, or not in this century */
        vtick_stop(&l->tick);
    else if (tsc <= now)
        vtick_set(&l->tick, 0, 0);
    else /* at 100 MHz or more a 64-bit number of ns */
        vtick_set(&l->tick, (ns_t)MIN(mul_div(tsc - now, 1000000, hvm_guest_tsc_khz(l->v)),
                                      (uint64_t)INT64_MAX), 0);
}

void vlapic_timer_fired(struct vtick *t)
{
    struct vlapic *l = container_of(t, struct vlapic, tick);
    const uint32_t lvt = read_once(l->reg[R_LVTT]);

    spin_lock(&l->lock);
    if ((lvt & LVTT_MODE) == LVTT_DEADLINE)
        l->deadline_msr = 0;
    if ((lvt & LVT_MASKED) || !vlapic_hw_enabled(l->v))
        vtick_forget(t); /* not missed: not wanted */
    else
        vlapic_accept(l, lvt & ICR_VECTOR, false);
    spin_unlock(&l->lock);
}
