/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sched.c and a policy know of each other. sched.c owns vcpu states and switching; a policy
 * owns the queues and says who comes next. Each cpu has a runqueue lock, which cpus may share; a
 * vcpu is protected by that of sched.cpu.
 *
 * Each cpupool has a policy, and so has each cpu: its pool's, or sched_none while it is in no pool.
 * The cpu itself changes it, in a softirq, while it idles and no vcpu is at it (sched_pool.c). A
 * vcpu is always at a cpu of its domain's pool, so that its policy's data is of that cpu's policy.
 * What a policy keeps for a cpu or a pool stays allocated, whatever becomes of them, since
 * pick_cpu() and lockers may look at it a moment late: what they find then is out of date, but not
 * freed.
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

#define MAX_POOLS 64U

struct sched_ops {
    const char *name;
    uint32_t id; /* XEN_SCHEDULER_* */

    /* A pool of this policy begins, with default parameters. -ENOMEM */
    int (*pool_init)(uint32_t pool);
    /*
     * The cpu, which is of no policy yet, will belong to this pool: what it needs, and the lock
     * that it will have. NULL: no memory.
     */
    spinlock_t *(*cpu_init)(unsigned int cpu, uint32_t pool);
    /* With its lock held: it runs its idle vcpu and may be told to choose; it does not any more. */
    void (*cpu_online)(unsigned int cpu);
    void (*cpu_offline)(unsigned int cpu);

    /* What the policy keeps for a vcpu or domain: made, kept and freed without a lock. */
    void *(*vcpu_alloc)(struct vcpu *v, void *domain_priv);
    void (*vcpu_free)(void *priv);
    void *(*domain_alloc)(struct domain *d);
    void (*domain_free)(void *priv); /* the domain's vcpus are asleep */
    /* Of these cpus, one for a new vcpu. NULL: they are taken in turns. */
    unsigned int (*first_cpu)(const cpumask_t *cpus);
    /* v, asleep, comes to its cpu, with the lock held; or leaves the policy, without it. */
    void (*vcpu_arrive)(struct vcpu *v);
    void (*vcpu_leave)(struct vcpu *v);

    /*
     * Without lock: a cpu of hard_effective for v to wait at; a hint, sched.c checks it. NR_CPUS:
     * there is none. It may not look at what the policy keeps for v: that may be another's by now.
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

    /* Parameters of a domain, of one vcpu, of a pool; NULL: there are none. */
    int (*adjust_domain)(struct domain *d, struct xen_domctl_scheduler_op *op);
    int (*adjust_vcpu)(struct vcpu *v, uint32_t cmd, struct xen_domctl_schedparam_vcpu *p);
    int (*adjust_pool)(uint32_t pool, struct xen_sysctl_scheduler_op *op);
};

struct sched_cpu {
    /* These two change together, by the cpu itself, under both locks. */
    const struct sched_ops *ops;
    spinlock_t *lock;  /* RANK_SCHED */
    struct vcpu *curr; /* chosen last; its registers may still be on their way */
    struct vcpu *idle;
    struct timer slice;
};
DECLARE_PER_CPU(struct sched_cpu, sched_cpu);

extern const struct sched_ops sched_credit2, sched_credit, sched_rtds, sched_null, sched_none;

const struct sched_ops *sched_by_id(uint32_t id); /* NULL: not known */
const struct sched_ops *sched_default(void);      /* of pool 0, sched= */

/*
 * An idle cpu for v, of these and not told yet: near, then in the soft affinity, then any. NR_CPUS:
 * none.
 */
static inline unsigned int sched_idle_cpu(const cpumask_t *all_idle, const cpumask_t *told,
                                          const struct vcpu *v)
{
    cpumask_t idle, soft;

    cpumask_andnot(&idle, all_idle, told);
    cpumask_and(&idle, &idle, &v->sched.hard_effective);
    if (cpumask_empty(&idle))
        return NR_CPUS;
    cpumask_and(&soft, &idle, &v->sched.soft_effective);
    if (!cpumask_empty(&soft))
        idle = soft;
    return cpumask_test(&idle, v->sched.cpu) ? v->sched.cpu : cpumask_first(&idle);
}

/*
 * Lock the runqueue that v belongs to now. Unlock what it returns. Which lock that is only run time
 * knows, so callers are NO_TSA.
 */
spinlock_t *sched_lock_vcpu(struct vcpu *v);
/* Under the lock: v moves to another cpu, which must have the same lock or both be held. */
void sched_set_cpu(struct vcpu *v, unsigned int cpu);
/* A parameter of d changed: who of it runs has its cpu choose again. */
void sched_choose_again(struct domain *d);

void sched_pool_init(void);
void sched_pool_init_cpu(unsigned int cpu);
/*
 * For cpupool.c; one call at a time. The cpu, free, becomes one of the pool and its policy; or,
 * one that no affinity has any more, free. -ERESTART: call again, it is on its way.
 */
int sched_cpu_join(unsigned int cpu, uint32_t pool, const struct sched_ops *ops);
int sched_cpu_leave(unsigned int cpu);
bool sched_cpu_is_free(unsigned int cpu);
/*
 * Move d, which others cannot find half-way, to a pool that has cpus: d->cpupool_id, what the
 * policies keep, and its affinities, which become all.
 */
int sched_move_domain(struct domain *d, uint32_t pool, const struct sched_ops *to);
/* v leaves cpu if it is at it and not running. True: it is elsewhere now. */
bool sched_vcpu_evict(struct vcpu *v, unsigned int cpu);
/* A cpu of v's affinity for it to begin at, when it comes to this policy. */
unsigned int sched_first_cpu(const struct vcpu *v, const struct sched_ops *ops);
/* Under v's lock: work out what its affinities mean in its pool. */
void sched_affinity_resolve(struct vcpu *v);

#endif
