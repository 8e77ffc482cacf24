/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The null policy, for hosts with at least as many cpus as vcpus: each vcpu gets a cpu of its own
 * when it is created, runs there whenever it can, and nothing else is decided. Vcpus beyond the
 * number of cpus share: first come, first served, and the second runs only while the first blocks,
 * until a cpu of nobody takes it.
 */
#include <abi.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/softirq.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "sched_policy.h"

struct null_cpu {
    spinlock_t lock; /* RANK_SCHED */
    bool is_made;
    struct list queue;
    uint32_t assigned; /* vcpus that live here; atomic */
};

static DEFINE_PER_CPU(struct null_cpu, null_cpu);

static int null_pool_init(uint32_t pool)
{
    return 0;
}

/* The lock is initialised once: others may be about to take it, late, from the last time here. */
static spinlock_t *null_cpu_init(unsigned int cpu, uint32_t pool)
{
    struct null_cpu *nc = &per_cpu(null_cpu, cpu);

    if (!nc->is_made) {
        spin_init(&nc->lock, RANK_SCHED);
        list_init(&nc->queue);
        nc->is_made = true;
    }
    return &nc->lock;
}

static void null_cpu_change(unsigned int cpu)
{
}

static unsigned int least_assigned(const cpumask_t *m)
{
    unsigned int best = NR_CPUS;

    for_each_cpu (cpu, m)
        if (best == NR_CPUS || read_once(per_cpu(null_cpu, cpu).assigned) <
                                   read_once(per_cpu(null_cpu, best).assigned))
            best = cpu;
    return best;
}

static void assigned_add(unsigned int cpu, int n)
{
    __atomic_fetch_add(&per_cpu(null_cpu, cpu).assigned, (uint32_t)n, __ATOMIC_RELAXED);
}

static int nothing; /* to keep; what stands for it is not NULL */

static void *null_vcpu_alloc(struct vcpu *v, void *domain_priv)
{
    return &nothing;
}

static void *null_domain_alloc(struct domain *d)
{
    return &nothing;
}

static void null_free(void *priv)
{
}

static void null_vcpu_arrive(struct vcpu *v)
{
    assigned_add(v->sched.cpu, 1);
}

static void null_vcpu_leave(struct vcpu *v)
{
    assigned_add(v->sched.cpu, -1);
    softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE); /* for one that shares a cpu elsewhere */
}

static uint32_t assigned(unsigned int cpu)
{
    return read_once(per_cpu(null_cpu, cpu).assigned);
}

/* Its own cpu; one of nobody if it shares its own. */
static unsigned int null_pick_cpu(const struct vcpu *v)
{
    unsigned int cpu = read_once(v->sched.cpu), other;
    bool may = cpumask_test(&v->sched.hard_effective, cpu);

    if (may && assigned(cpu) <= 1)
        return cpu;
    other = least_assigned(&v->sched.hard_effective);
    return may && (other >= NR_CPUS || assigned(other) > 0) ? cpu : other;
}

static void null_enqueue(struct vcpu *v)
{
    list_add_tail(&per_cpu(null_cpu, v->sched.cpu).queue, &v->sched.runq);
    if (per_cpu(sched_cpu, v->sched.cpu).curr->is_idle)
        softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
}

static void null_dequeue(struct vcpu *v)
{
    list_del(&v->sched.runq);
}

static void null_sleep(struct vcpu *v)
{
}

static void null_migrate(struct vcpu *v, unsigned int from, unsigned int to)
{
    assigned_add(from, -1);
    assigned_add(to, 1);
}

static void null_yield(struct vcpu *v)
{
}

static struct vcpu *null_pick_next(unsigned int cpu, struct vcpu *prev, ns_t now, ns_t *until)
{
    struct null_cpu *nc = &per_cpu(null_cpu, cpu);

    if (!prev->is_idle && vcpu_runnable(prev) && cpumask_test(&prev->sched.hard_effective, cpu))
        return prev;
    list_for_each (l, &nc->queue) {
        struct vcpu *v = list_entry(l, struct vcpu, sched.runq);

        if (!cpumask_test(&v->sched.hard_effective, cpu))
            continue;
        list_del(l);
        return v;
    }
    return per_cpu(sched_cpu, cpu).idle;
}

/* Both locked: the first that waits there and may come here. */
static bool take_one(struct null_cpu *from, unsigned int cpu)
{
    list_for_each (l, &from->queue) {
        struct vcpu *v = list_entry(l, struct vcpu, sched.runq);

        if (!cpumask_test(&v->sched.hard_effective, cpu))
            continue;
        list_del(l);
        null_migrate(v, v->sched.cpu, cpu);
        sched_set_cpu(v, cpu);
        list_add_tail(&per_cpu(null_cpu, cpu).queue, &v->sched.runq);
        return true;
    }
    return false;
}

/* A cpu of nobody (it has come to the pool, or its vcpu is gone) takes one that waits elsewhere. */
static void null_balance(unsigned int cpu)
{
    struct null_cpu *nc = &per_cpu(null_cpu, cpu);
    bool took = false;

    if (assigned(cpu) > 0)
        return;
    for_each_cpu (other, &cpu_online_map) {
        struct null_cpu *from = &per_cpu(null_cpu, other);

        if (took || !from->is_made || assigned(other) < 2)
            continue;
        lock_two(&nc->lock, &from->lock);
        took = take_one(from, cpu);
        unlock_two(&nc->lock, &from->lock);
    }
}

static bool null_chosen(unsigned int cpu, const struct vcpu *next)
{
    return false;
}

/* It has no parameters. */
const struct sched_ops sched_null = {
    .name = "null",
    .id = XEN_SCHEDULER_NULL,
    .pool_init = null_pool_init,
    .cpu_init = null_cpu_init,
    .cpu_online = null_cpu_change,
    .cpu_offline = null_cpu_change,
    .vcpu_alloc = null_vcpu_alloc,
    .vcpu_free = null_free,
    .domain_alloc = null_domain_alloc,
    .domain_free = null_free,
    .first_cpu = least_assigned,
    .vcpu_arrive = null_vcpu_arrive,
    .vcpu_leave = null_vcpu_leave,
    .pick_cpu = null_pick_cpu,
    .enqueue = null_enqueue,
    .dequeue = null_dequeue,
    .sleep = null_sleep,
    .migrate = null_migrate,
    .yield = null_yield,
    .pick_next = null_pick_next,
    .balance = null_balance,
    .chosen = null_chosen,
};
