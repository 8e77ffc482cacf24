/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Softirqs: work that an interrupt or another cpu asked for, done on the way back to the guest or
 * in idle, with interrupts off and no lock held.
 */
#ifndef HV_SOFTIRQ_H
#define HV_SOFTIRQ_H

#include <hv/percpu.h>

enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_SCHEDULE,
    SOFTIRQ_TIME_CALIBRATE,
    SOFTIRQ_TASKLET,
    SOFTIRQ_RCU,
    SOFTIRQ_NMI,
    SOFTIRQ_CPUPOOL,
    NR_SOFTIRQS
};

/* A bit for each that is pending; also read by the exit path in assembly. */
DECLARE_PER_CPU(uint32_t, softirq_word);

void softirq_register(enum softirq nr, void (*fn)(void));
void softirq_raise(enum softirq nr);                       /* on this cpu */
/* and wake it by IPI if it is not this one */
void softirq_raise_on(unsigned int cpu, enum softirq nr);
void softirq_process(void);                                /* until none is pending */

static inline bool softirq_pending(void) /* on this cpu */
{
    return read_once(this_cpu(softirq_word)) != 0;
}

/*
 * Preemption point of a long operation: lets pending interrupts in for a moment, then says whether
 * the caller should stop and arrange to be continued (hypercall_continue). Call with no lock held.
 */
bool preempt_wanted(void);

/*
 * Tasklets: a function to run once, soon, on a cpu, from the softirq; may be scheduled from
 * anywhere.
 */
struct tasklet {
    void (*fn)(void *data);
    void *data;
    struct tasklet *next;
    bool queued;
};
void tasklet_schedule(struct tasklet *t);

#endif
