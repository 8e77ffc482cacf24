/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers: one-shot callbacks at a deadline, on the cpu they were set on. The callback runs from the
 * timer softirq of that cpu, with interrupts off and no lock held. A timer may be set again from
 * its own callback.
 */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include <hv/time.h>
#include <hv/types.h>

struct timer {
    ns_t deadline; /* NS_NEVER when idle */
    void (*fn)(void *data);
    void *data;
    uint32_t cpu;
    bool queued;
    /* pairing heap: first child, siblings; prev of a first child is the parent */
    struct timer *child, *next, *prev;
};

void timer_init(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
/* replaces an earlier deadline; a past one fires at once */
void timer_set(struct timer *t, ns_t deadline);
void timer_stop(struct timer *t);
void timer_migrate(struct timer *t, unsigned int cpu);
/*
 * timer_stop, and wait until a callback running on another cpu has returned. After this the memory
 * may go.
 */
void timer_kill(struct timer *t);
/* Interrupt of the hardware timer: raises the softirq. */
void timer_interrupt(void);
void timer_init_cpu(unsigned int cpu);

/*
 * Implemented by the architecture: ask for timer_interrupt() on this cpu at deadline (NS_NEVER:
 * none).
 */
void arch_timer_program(ns_t deadline);

#endif
