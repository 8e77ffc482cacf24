/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sched.c and a policy know of each other. sched.c owns vcpu states and switching; a policy
 * owns the queues and says who comes next. Each cpu has a runqueue lock, which cpus may share; a
 * vcpu is protected by that of sched.cpu.
 *
 * A vcpu is in exactly one of these places, seen under that lock:
 *   asleep   not runnable; runstate blocked or offline, not running
 *   queued   with the policy (waiting, or parked by its cap); runstate runnable, not running
 *   running  sched.is_running; from schedule() choosing it to sched_context_saved() after it left
 */
#ifndef CORE_SCHED_POLICY_H
#define CORE_SCHED_POLICY_H

#include <hv/cpumask.h>
#include <hv/domain.h>
#include <hv/percpu.h>
#include <hv/sched.h>

struct sched_ops {
    const char *name;
    uint32_t id; /* XEN_SCHEDULER_* */

    int (*cpu_init)(unsigned int cpu); /* sets sched_cpu.lock */
    void (*cpu_online)(unsigned int cpu); /* it runs its idle vcpu and may be told to choose */
    int (*vcpu_init)(struct vcpu *v);
    void (*vcpu_exit)(struct vcpu *v);
    int (*domain_init)(struct domain *d);
    void (*domain_exit)(struct domain *d);

    /*
     * Without lock: a cpu of hard_effective for v to wait at; a hint, sched.c checks it. NR_CPUS:
     * there is none.
     */
    unsigned int (*pick_cpu)(const struct vcpu *v);

    /* The rest with the runqueue lock held. */
    void (*enqueue)(struct vcpu *v); /* v became runnable or was preempted: queue it, tell a cpu */
    void (*dequeue)(struct vcpu *v); /* v is queued and shall not be */
    void (*sleep)(struct vcpu *v);   /* v, not queued, is not runnable any more */
    /* both locks held; not queued, not running */
    void (*migrate)(struct vcpu *v, unsigned int from, unsigned int to);
    void (*yield)(struct vcpu *v);   /* current lets others go first, once */
    /*
     * Choose for this cpu; next leaves the queue; prev is not queued. *until: when to choose again.
     */
    struct vcpu *(*pick_next)(unsigned int cpu, struct vcpu *prev, ns_t now, ns_t *until);

    /* without lock: bring work here, or take it where there is less */
    void (*balance)(unsigned int cpu);
    /*
     * Without lock, after a choice. True: this cpu goes idle, but now another one's queue has
     * something for it.
     */
    bool (*chosen)(unsigned int cpu, const struct vcpu *next);

    int (*adjust_domain)(struct domain *d, struct xen_domctl_scheduler_op *op);
    int (*adjust_global)(struct xen_sysctl_scheduler_op *op);
};

struct sched_cpu {
    spinlock_t *lock;  /* RANK_SCHED */
    struct vcpu *curr; /* chosen last; its registers may still be on their way */
    struct vcpu *idle;
    struct timer slice;
};
DECLARE_PER_CPU(struct sched_cpu, sched_cpu);

extern const struct sched_ops sched_credit2, sched_null;

/*
 * Lock the runqueue that v belongs to now. Unlock what it returns. Which lock that is only run time
 * knows, so callers are NO_TSA.
 */
spinlock_t *sched_lock_vcpu(struct vcpu *v);
/* Under the lock: v moves to another cpu, which must have the same lock or both be held. */
void sched_set_cpu(struct vcpu *v, unsigned int cpu);

#endif
