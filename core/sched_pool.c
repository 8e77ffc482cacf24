/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cpus and domains change from one policy to another.
 *
 * A cpu changes by itself, in a softirq, and only to or from sched_none, the policy of cpus that
 * are in no pool. So its schedule() never sees a change half done, and others see it under locks.
 * Before a cpu leaves, cpupool.c has taken it from every affinity and has seen each vcpu go: nobody
 * comes to it any more.
 *
 * A domain changes while it is paused: its vcpus are asleep, in no queue, and stay where they are.
 */
#include <hv/cpupool.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/softirq.h>
#include <hv/vcpu.h>

#include "sched_policy.h"

struct cpu_change {
    spinlock_t lock;              /* that of the cpu while it is in no pool; RANK_SCHED */
    const struct sched_ops *want; /* the change that is asked for; NULL: none */
    spinlock_t *want_lock;
};

static DEFINE_PER_CPU(struct cpu_change, cpu_change);

/* --- no policy -------------------------------------------------------------------------------- */

static void none_cpu_change(unsigned int cpu)
{
}

static unsigned int none_pick_cpu(const struct vcpu *v)
{
    return read_once(v->sched.cpu); /* it has just left this cpu: the caller looks again */
}

static struct vcpu *none_pick_next(unsigned int cpu, struct vcpu *prev, ns_t now, ns_t *until)
{
    return per_cpu(sched_cpu, cpu).idle;
}

static void none_balance(unsigned int cpu)
{
}

static bool none_chosen(unsigned int cpu, const struct vcpu *next)
{
    return false;
}

/* No vcpu is ever at such a cpu, so the rest is not called. */
const struct sched_ops sched_none = {
    .name = "none",
    .cpu_online = none_cpu_change,
    .cpu_offline = none_cpu_change,
    .pick_cpu = none_pick_cpu,
    .pick_next = none_pick_next,
    .balance = none_balance,
    .chosen = none_chosen,
};

/* --- cpus ------------------------------------------------------------------------------------- */

static void NO_TSA change_softirq(void) /* locks that only run time knows */
{
    unsigned int cpu = smp_processor_id();
    struct sched_cpu *sc = &this_cpu(sched_cpu);
    struct cpu_change *cc = &this_cpu(cpu_change);
    const struct sched_ops *want = __atomic_load_n(&cc->want, __ATOMIC_ACQUIRE);
    spinlock_t *old = sc->lock;

    if (!want)
        return;
    BUG_ON(sc->curr != sc->idle || current != sc->idle);
    lock_two(old, cc->want_lock);
    sc->ops->cpu_offline(cpu);
    write_once(sc->ops, want);
    write_once(sc->lock, cc->want_lock);
    sc->ops->cpu_online(cpu);
    unlock_two(old, cc->want_lock);
    __atomic_store_n(&cc->want, NULL, __ATOMIC_RELEASE);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

static int change(unsigned int cpu, const struct sched_ops *want, spinlock_t *lock)
{
    struct cpu_change *cc = &per_cpu(cpu_change, cpu);

    cc->want_lock = lock;
    __atomic_store_n(&cc->want, want, __ATOMIC_RELEASE);
    softirq_raise_on(cpu, SOFTIRQ_CPUPOOL);
    return -ERESTART;
}

static bool changing(unsigned int cpu)
{
    return __atomic_load_n(&per_cpu(cpu_change, cpu).want, __ATOMIC_ACQUIRE) != NULL;
}

int sched_cpu_join(unsigned int cpu, uint32_t pool, const struct sched_ops *ops)
{
    spinlock_t *lock;

    if (changing(cpu))
        return -ERESTART;
    if (read_once(per_cpu(sched_cpu, cpu).ops) == ops)
        return 0;
    lock = ops->cpu_init(cpu, pool);
    return lock ? change(cpu, ops, lock) : -ENOMEM;
}

int sched_cpu_leave(unsigned int cpu)
{
    if (changing(cpu))
        return -ERESTART;
    if (read_once(per_cpu(sched_cpu, cpu).ops) == &sched_none)
        return 0;
    return change(cpu, &sched_none, &per_cpu(cpu_change, cpu).lock);
}

bool sched_cpu_is_free(unsigned int cpu)
{
    return !changing(cpu) && read_once(per_cpu(sched_cpu, cpu).ops) == &sched_none;
}

void sched_pool_init(void)
{
    softirq_register(SOFTIRQ_CPUPOOL, change_softirq);
}

void sched_pool_init_cpu(unsigned int cpu)
{
    spin_init(&per_cpu(cpu_change, cpu).lock, RANK_SCHED);
}

/* --- domains ---------------------------------------------------------------------------------- */

static void free_incoming(struct domain *d, const struct sched_ops *to, void *domain_priv)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (v->sched.incoming)
            to->vcpu_free(v->sched.incoming);
        v->sched.incoming = NULL;
    }
    to->domain_free(domain_priv);
}

static void *alloc_incoming(struct domain *d, const struct sched_ops *to)
{
    void *priv = to->domain_alloc(d);
    struct vcpu *v;

    if (!priv)
        return NULL;
    for_each_vcpu (d, v) {
        v->sched.incoming = to->vcpu_alloc(v, priv);
        if (!v->sched.incoming) {
            free_incoming(d, to, priv);
            return NULL;
        }
    }
    return priv;
}

/* The locks stay the right ones: v is asleep, and one change of pools is made at a time. */
static void NO_TSA convert(struct vcpu *v, const struct sched_ops *old, const struct sched_ops *to)
{
    spinlock_t *from = per_cpu(sched_cpu, v->sched.cpu).lock, *there;
    void *priv = v->sched.priv;
    unsigned int cpu;

    spin_lock(from);
    BUG_ON(v->sched.is_running || v->sched.runstate.state == RUNSTATE_runnable);
    old->vcpu_leave(v);
    v->sched.pin_override = false;
    cpumask_fill(&v->sched.hard);
    cpumask_fill(&v->sched.soft);
    sched_affinity_resolve(v);
    spin_unlock(from);

    cpu = sched_first_cpu(v, to);
    there = per_cpu(sched_cpu, cpu).lock;
    lock_two(from, there);
    v->sched.priv = v->sched.incoming;
    v->sched.incoming = NULL;
    sched_set_cpu(v, cpu);
    to->vcpu_arrive(v);
    unlock_two(from, there);
    old->vcpu_free(priv);
}

int sched_move_domain(struct domain *d, uint32_t pool, const struct sched_ops *to)
{
    const struct sched_ops *old = cpupool_ops(d->cpupool_id);
    void *priv = alloc_incoming(d, to);
    struct vcpu *v;

    if (!priv)
        return -ENOMEM;
    domain_pause(d);
    old->domain_free(d->sched_priv);
    d->sched_priv = priv;
    write_once(d->cpupool_id, pool);
    for_each_vcpu (d, v)
        convert(v, old, to);
    domain_unpause(d);
    return 0;
}
