/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The null policy, for hosts with at least as many cpus as vcpus: each vcpu gets a cpu of its own
 * when it is created, runs there whenever it can, and nothing else is decided. Vcpus beyond the
 * number of cpus share: first come, first served, and the second runs only while the first blocks.
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
    struct list queue;
    uint32_t assigned; /* vcpus that live here; atomic */
};

static DEFINE_PER_CPU(struct null_cpu, null_cpu);

static int null_cpu_init(unsigned int cpu)
{
    struct null_cpu *nc = &per_cpu(null_cpu, cpu);

    spin_init(&nc->lock, RANK_SCHED);
    list_init(&nc->queue);
    per_cpu(sched_cpu, cpu).lock = &nc->lock;
    return 0;
}

static void null_cpu_online(unsigned int cpu)
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

static int null_vcpu_init(struct vcpu *v)
{
    unsigned int cpu = least_assigned(&v->sched.hard_effective);

    if (cpu < NR_CPUS)
        sched_set_cpu(v, cpu);
    assigned_add(v->sched.cpu, 1);
    return 0;
}

static void null_vcpu_exit(struct vcpu *v)
{
    assigned_add(v->sched.cpu, -1);
}

static int null_domain_init(struct domain *d)
{
    d->sched_priv = &null_cpu_init; /* nothing to keep; not NULL */
    return 0;
}

static void null_domain_exit(struct domain *d)
{
}

static unsigned int null_pick_cpu(const struct vcpu *v)
{
    unsigned int cpu = v->sched.cpu;

    return cpumask_test(&v->sched.hard_effective, cpu) ? cpu
                                                       : least_assigned(&v->sched.hard_effective);
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

static void null_balance(unsigned int cpu)
{
}

static bool null_chosen(unsigned int cpu, const struct vcpu *next)
{
    return false;
}

static int null_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    return -EINVAL; /* no parameters */
}

static int null_adjust_global(struct xen_sysctl_scheduler_op *op)
{
    return -EINVAL;
}

const struct sched_ops sched_null = {
    .name = "null",
    .id = XEN_SCHEDULER_NULL,
    .cpu_init = null_cpu_init,
    .cpu_online = null_cpu_online,
    .vcpu_init = null_vcpu_init,
    .vcpu_exit = null_vcpu_exit,
    .domain_init = null_domain_init,
    .domain_exit = null_domain_exit,
    .pick_cpu = null_pick_cpu,
    .enqueue = null_enqueue,
    .dequeue = null_dequeue,
    .sleep = null_sleep,
    .migrate = null_migrate,
    .yield = null_yield,
    .pick_next = null_pick_next,
    .balance = null_balance,
    .chosen = null_chosen,
    .adjust_domain = null_adjust_domain,
    .adjust_global = null_adjust_global,
};
