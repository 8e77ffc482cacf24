/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cpu pools: who is in which, and what may be asked for. sched_pool.c makes the changes.
 *
 * Changes come one at a time: the toolstack's dispatcher sees to that, also against the domctls
 * that make domains and vcpus. pools_lock only makes a pool's record consistent for those who look,
 * and for the end of a domain, which comes whenever it wants.
 *
 * A cpu is in one pool's `cpus`, or joining or leaving one, or free. One that leaves is first taken
 * from `cpus`; then its members look at their affinities again; then, when no vcpu is at it any
 * more, it changes its policy. -ERESTART comes back until that is done, and the same call goes on:
 * the caller's own vcpu may have to move first.
 */
#include <hv/cpupool.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/sched.h>

#include "sched_policy.h"

struct cpupool {
    const struct sched_ops *ops;    /* NULL: there is no such pool */
    cpumask_t cpus;                 /* changed bit by bit; read without lock */
    cpumask_t joining, leaving;
    uint32_t nr_domains;
};

static DEFINE_SPINLOCK(pools_lock, RANK_CPUPOOL);
static struct cpupool pools[MAX_POOLS]; /* changed under the lock */

static struct cpupool *pool_of(uint32_t id)
{
    if (id >= MAX_POOLS)
        return NULL;
    id = (uint32_t)index_nospec(id, MAX_POOLS);
    return read_once(pools[id].ops) ? &pools[id] : NULL;
}

const struct sched_ops *cpupool_ops(uint32_t id)
{
    const struct cpupool *p = pool_of(id);

    return p ? p->ops : NULL;
}

void cpupool_cpus(uint32_t id, cpumask_t *cpus)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        cpus->w[i] = read_once(pools[id].cpus.w[i]);
}

static bool cpu_is_free(uint32_t cpu)
{
    if (!cpumask_test(&cpu_online_map, cpu) || !sched_cpu_is_free(cpu))
        return false;
    for (uint32_t i = 0; i < MAX_POOLS; i++)
        if (cpumask_test(&pools[i].joining, cpu) || cpumask_test(&pools[i].leaving, cpu))
            return false;
    return true;
}

void cpupool_free_cpus(cpumask_t *cpus)
{
    cpumask_zero(cpus);
    spin_lock(&pools_lock);
    for_each_cpu (cpu, &cpu_online_map)
        if (cpu_is_free(cpu))
            cpumask_set(cpus, cpu);
    spin_unlock(&pools_lock);
}

int cpupool_info(uint32_t from, uint32_t *id, struct cpupool_info *info)
{
    int rc = -ENOENT;

    spin_lock(&pools_lock);
    for (uint32_t i = from; i < MAX_POOLS && rc; i++) {
        if (!pools[i].ops)
            continue;
        *id = i;
        *info = (struct cpupool_info){ pools[i].ops->id, pools[i].nr_domains, pools[i].cpus };
        rc = 0;
    }
    spin_unlock(&pools_lock);
    return rc;
}

/* --- domains ---------------------------------------------------------------------------------- */

/* One more domain, which keeps the last cpu and the pool from going. */
static int count_domain(uint32_t id)
{
    struct cpupool *p;
    int rc = 0;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (!p)
        rc = -ENOENT;
    else if (cpumask_empty(&p->cpus))
        rc = -EBUSY;
    else
        p->nr_domains++;
    spin_unlock(&pools_lock);
    return rc;
}

static void uncount_domain(uint32_t id)
{
    spin_lock(&pools_lock);
    pools[id].nr_domains--;
    spin_unlock(&pools_lock);
}

int cpupool_join(struct domain *d, uint32_t id)
{
    int rc = count_domain(id);

    if (!rc)
        d->cpupool_id = id;
    return rc;
}

void cpupool_leave(struct domain *d)
{
    uncount_domain(d->cpupool_id);
}

int cpupool_move_domain(struct domain *d, uint32_t id)
{
    uint32_t old = d->cpupool_id;
    int rc;

    if (d == current->domain)
        return -EPERM;
    if (id == old)
        return 0;
    rc = count_domain(id);
    if (rc)
        return rc;
    rc = sched_move_domain(d, id, pools[id].ops);
    uncount_domain(rc ? id : old);
    return rc;
}

/* --- pools ------------------------------------------------------------------------------------ */

static uint32_t free_id(void)
{
    uint32_t id = 0;

    while (id < MAX_POOLS && pools[id].ops)
        id++;
    return id;
}

int cpupool_create(uint32_t *id, uint32_t policy)
{
    const struct sched_ops *ops = sched_by_id(policy);
    uint32_t n = *id == CPUPOOL_ANY ? free_id() : *id;
    int rc;

    if (!ops)
        return -ENOENT;
    if (n >= MAX_POOLS)
        return -ENOSPC;
    if (pools[n].ops)
        return -EEXIST;
    rc = ops->pool_init(n);
    if (rc)
        return rc;
    spin_lock(&pools_lock);
    pools[n] = (struct cpupool){ .ops = ops };
    spin_unlock(&pools_lock);
    *id = n;
    return 0;
}

static bool has_cpus(const struct cpupool *p)
{
    return !cpumask_empty(&p->cpus) || !cpumask_empty(&p->joining) || !cpumask_empty(&p->leaving);
}

int cpupool_destroy(uint32_t id)
{
    struct cpupool *p;
    int rc = 0;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (!p)
        rc = -ENOENT;
    else if (id == 0 || p->nr_domains || has_cpus(p))
        rc = -EBUSY;
    else
        write_once(p->ops, NULL);
    spin_unlock(&pools_lock);
    return rc;
}

/* --- their cpus ------------------------------------------------------------------------------- */

/* Do it for each vcpu of the pool. True: for all of them fn was true. */
static bool all_vcpus(uint32_t id, bool (*fn)(struct vcpu *v, unsigned int cpu), unsigned int cpu)
{
    struct domain *d;
    bool all = true;

    for (domid_t from = 0; (d = domain_get_at_or_after(from)) != NULL;) {
        struct vcpu *v;

        if (d->cpupool_id == id) {
            for_each_vcpu (d, v)
                all = fn(v, cpu) && all;
        }
        from = (domid_t)(d->id + 1);
        domain_put(d);
    }
    return all;
}

static bool refresh(struct vcpu *v, unsigned int cpu)
{
    sched_affinity_refresh(v);
    return true;
}

static uint32_t first_free_cpu(void)
{
    for_each_cpu (cpu, &cpu_online_map)
        if (cpu_is_free(cpu))
            return cpu;
    return NR_CPUS;
}

static int add_start(uint32_t id, uint32_t *cpu)
{
    struct cpupool *p = pool_of(id);

    if (!p)
        return -ENOENT;
    if (*cpu == CPUPOOL_ANY) {
        *cpu = cpumask_first(&p->joining);
        if (*cpu >= NR_CPUS)
            *cpu = first_free_cpu();
    }
    if (*cpu >= NR_CPUS)
        return -ENODEV;
    if (cpumask_test(&p->joining, *cpu))
        return 0;
    if (!cpumask_test(&cpu_online_map, *cpu))
        return -EINVAL;
    if (!cpu_is_free(*cpu))
        return -ENODEV;
    cpumask_set(&p->joining, *cpu);
    return 0;
}

int cpupool_add_cpu(uint32_t id, uint32_t cpu)
{
    int rc;

    spin_lock(&pools_lock);
    rc = add_start(id, &cpu);
    spin_unlock(&pools_lock);
    if (rc)
        return rc;
    rc = sched_cpu_join(cpu, id, pools[id].ops);
    if (rc == -ERESTART)
        return rc;
    spin_lock(&pools_lock);
    cpumask_clear(&pools[id].joining, cpu);
    if (!rc)
        cpumask_set_atomic(&pools[id].cpus, cpu);
    spin_unlock(&pools_lock);
    if (!rc)
        all_vcpus(id, refresh, cpu);
    return rc;
}

static uint32_t last_cpu(const cpumask_t *m)
{
    uint32_t last = NR_CPUS;

    for_each_cpu (cpu, m)
        last = cpu;
    return last;
}

static int remove_start(uint32_t id, uint32_t *cpu)
{
    struct cpupool *p = pool_of(id);

    if (!p)
        return -ENOENT;
    if (*cpu == CPUPOOL_ANY) {
        *cpu = cpumask_first(&p->leaving);
        if (*cpu >= NR_CPUS)
            *cpu = last_cpu(&p->cpus);
    }
    if (*cpu >= NR_CPUS)
        return -ENODEV;
    if (cpumask_test(&p->leaving, *cpu))
        return 0;
    if (!cpumask_test(&p->cpus, *cpu))
        return -ENODEV;
    if (p->nr_domains && cpumask_weight(&p->cpus) == 1)
        return -EBUSY;
    cpumask_set(&p->leaving, *cpu);
    cpumask_clear_atomic(&p->cpus, *cpu);
    return 0;
}

int cpupool_remove_cpu(uint32_t id, uint32_t cpu)
{
    int rc;

    spin_lock(&pools_lock);
    rc = remove_start(id, &cpu);
    spin_unlock(&pools_lock);
    if (rc)
        return rc;
    all_vcpus(id, refresh, cpu);
    if (!all_vcpus(id, sched_vcpu_evict, cpu))
        return -ERESTART;
    rc = sched_cpu_leave(cpu);
    if (rc)
        return rc;
    spin_lock(&pools_lock);
    cpumask_clear(&pools[id].leaving, cpu);
    spin_unlock(&pools_lock);
    return 0;
}

void cpupool_cpu_up(unsigned int cpu)
{
    spin_lock(&pools_lock);
    pools[0].ops = sched_default();
    cpumask_set_atomic(&pools[0].cpus, cpu);
    spin_unlock(&pools_lock);
    all_vcpus(0, refresh, cpu);
}
