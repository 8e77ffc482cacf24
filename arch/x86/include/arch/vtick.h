/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticks: what the platform timers of an HVM guest (LAPIC timer, PIT, RTC, HPET) have in common. A
 * tick is a host timer, one-shot or periodic, whose interrupts are counted until the guest takes
 * them; what becomes of those that it missed while it had no cpu is HVM_PARAM_TIMER_MODE's choice.
 */
#ifndef ARCH_VTICK_H
#define ARCH_VTICK_H

#include <hv/lock.h>
#include <hv/timer.h>

struct domain;
struct vcpu;

/*
 * No periodic tick is faster, so a guest's source costs at most ten host timer interrupts a
 * millisecond. A one-shot costs one for each time that the guest sets it.
 */
#define VTICK_MIN_PERIOD MICROSECS(100)
#define VTICK_MAX_PENDING 10000U /* missed ticks that are kept */

struct vtick {
    spinlock_t lock;   /* RANK_HVM_TICK: all below */
    struct vcpu *v;    /* while it waits for a cpu, the tick does not run */
    struct timer timer;
    ns_t period;       /* 0: one-shot */
    ns_t next;         /* host time; NS_NEVER: off */
    uint32_t pending;  /* due, and not yet taken by the guest */
    bool frozen;       /* v was preempted: the host timer is off */
    bool keep_running; /* no_missed_ticks_pending: not to be frozen at the next preemption */
    int16_t gsi;       /* its interrupt; -1: not a GSI */
    void (*raise)(struct vtick *t); /* called with no lock held */
};

void vtick_init(struct vtick *t, struct vcpu *v, int gsi, void (*raise)(struct vtick *t));
/* Waits for a callback in progress; no lock held. Also for one that vtick_init() never saw. */
void vtick_exit(struct vtick *t);
/* After `delay` once, or (period > 0) again and again. Forgets what was pending. */
void vtick_set(struct vtick *t, ns_t delay, ns_t period);
void vtick_stop(struct vtick *t);
/* What is pending is nobody's. */
void vtick_forget(struct vtick *t);
bool vtick_is_on(const struct vtick *t);
/* The guest took its interrupt. Raises it again if more are due. No lock held. */
void vtick_taken(struct vtick *t);

/* All ticks of v, around a switch: it was preempted (not: it blocked); it has a cpu again. */
void vtick_leave(struct vcpu *v);
void vtick_enter(struct vcpu *v);
/* v takes vector from its LAPIC, or line irq from the PICs: is that a tick? */
void vtick_vector_taken(struct vcpu *v, unsigned int vector);
void vtick_gsi_taken(struct domain *d, unsigned int gsi);

/*
 * The time that v's platform timers count: time_now(), less what v is behind under
 * delay_for_missed_ticks. Never runs backwards. Its TSC has to lag by the same (ns, >= 0).
 */
ns_t vtick_now(const struct vcpu *v);
ns_t vtick_lag(const struct vcpu *v);

/* a * b / c with a wide product; the result fits. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint32_t c)
{
    uint64_t whole = a / c, rest = a % c; /* no 128-bit division in a freestanding program */

    return whole * b + rest * b / c;
}

void vtick_dump(struct vcpu *v); /* to the log */

#endif
