/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cpu pools. The policy knows nothing of them: a pool only narrows the affinity of its domains'
 * vcpus (hard_effective). Whoever changes a pool then has its members look again; domctl and sysctl
 * make one change at a time.
 */
#include <hv/cpupool.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/sched.h>

#define MAX_POOLS 64U

struct cpupool {
    bool exists;
    cpumask_t cpus;
    uint32_t nr_domains;
};

static DEFINE_SPINLOCK(pools_lock, RANK_CPUPOOL);
static struct cpupool pools[MAX_POOLS] GUARDED_BY(pools_lock) = { [0] = { .exists = true } };

static struct cpupool *pool_of(uint32_t id) REQUIRES(pools_lock)
{
    return id < MAX_POOLS && pools[id].exists ? &pools[id] : NULL;
}

void cpupool_cpus(uint32_t id, cpumask_t *cpus)
{
    struct cpupool *p;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (p)
        *cpus = p->cpus;
    else
        cpumask_zero(cpus);
    spin_unlock(&pools_lock);
}

void cpupool_free_cpus(cpumask_t *cpus)
{
    spin_lock(&pools_lock);
    *cpus = cpu_online_map;
    for (uint32_t i = 0; i < MAX_POOLS; i++)
        if (pools[i].exists)
            cpumask_andnot(cpus, cpus, &pools[i].cpus);
    spin_unlock(&pools_lock);
}

int cpupool_info(uint32_t from, uint32_t *id, uint32_t *nr_domains, cpumask_t *cpus)
{
    int rc = -ENOENT;

    spin_lock(&pools_lock);
    for (uint32_t i = from; i < MAX_POOLS && rc; i++) {
        if (!pools[i].exists)
            continue;
        *id = i;
        *nr_domains = pools[i].nr_domains;
        *cpus = pools[i].cpus;
        rc = 0;
    }
    spin_unlock(&pools_lock);
    return rc;
}

/* --- domains ---------------------------------------------------------------------------------- */

int cpupool_join(struct domain *d, uint32_t id)
{
    struct cpupool *p;
    int rc = -ENOENT;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (p) {
        d->cpupool_id = id;
        p->nr_domains++;
        rc = 0;
    }
    spin_unlock(&pools_lock);
    return rc;
}

void cpupool_leave(struct domain *d)
{
    spin_lock(&pools_lock);
    pools[d->cpupool_id].nr_domains--;
    spin_unlock(&pools_lock);
}

static void refresh(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        sched_affinity_refresh(v);
}

static void refresh_members(uint32_t id)
{
    struct domain *d;

    for (domid_t from = 0; (d = domain_get_at_or_after(from)) != NULL;) {
        if (d->cpupool_id == id)
            refresh(d);
        from = (domid_t)(d->id + 1);
        domain_put(d);
    }
}

int cpupool_move_domain(struct domain *d, uint32_t id)
{
    struct cpupool *p;
    int rc = 0;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (!p) {
        rc = -ENOENT;
    } else if (cpumask_empty(&p->cpus)) {
        rc = -EBUSY;
    } else {
        pools[d->cpupool_id].nr_domains--;
        p->nr_domains++;
        d->cpupool_id = id;
    }
    spin_unlock(&pools_lock);
    if (!rc)
        refresh(d);
    return rc;
}

/* --- pools and their cpus --------------------------------------------------------------------- */

int cpupool_create(uint32_t *id, uint32_t policy)
{
    int rc = -ENOSPC;

    if (policy != sched_id())
        return -EINVAL;
    spin_lock(&pools_lock);
    if (*id != CPUPOOL_ANY) {
        if (*id < MAX_POOLS)
            rc = pools[*id].exists ? -EEXIST : 0;
    } else {
        for (uint32_t i = 0; i < MAX_POOLS && rc; i++) {
            if (pools[i].exists)
                continue;
            *id = i;
            rc = 0;
        }
    }
    if (!rc)
        pools[*id] = (struct cpupool){ .exists = true };
    spin_unlock(&pools_lock);
    return rc;
}

int cpupool_destroy(uint32_t id)
{
    struct cpupool *p;
    int rc = 0;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (!p)
        rc = -ENOENT;
    else if (id == 0 || p->nr_domains || !cpumask_empty(&p->cpus))
        rc = -EBUSY;
    else
        p->exists = false;
    spin_unlock(&pools_lock);
    return rc;
}

static bool cpu_is_free(uint32_t cpu) REQUIRES(pools_lock)
{
    if (cpu >= NR_CPUS || !cpumask_test(&cpu_online_map, cpu))
        return false;
    for (uint32_t i = 0; i < MAX_POOLS; i++)
        if (pools[i].exists && cpumask_test(&pools[i].cpus, cpu))
            return false;
    return true;
}

static uint32_t first_free_cpu(void) REQUIRES(pools_lock)
{
    for_each_cpu (cpu, &cpu_online_map)
        if (cpu_is_free(cpu))
            return cpu;
    return NR_CPUS;
}

int cpupool_add_cpu(uint32_t id, uint32_t cpu)
{
    struct cpupool *p;
    int rc = 0;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (cpu == CPUPOOL_ANY)
        cpu = first_free_cpu();
    if (!p)
        rc = -ENOENT;
    else if (cpu >= NR_CPUS || !cpumask_test(&cpu_online_map, cpu))
        rc = -ENODEV;
    else if (!cpu_is_free(cpu))
        rc = -EBUSY;
    else
        cpumask_set(&p->cpus, cpu);
    spin_unlock(&pools_lock);
    if (!rc)
        refresh_members(id);
    return rc;
}

static uint32_t last_cpu(const cpumask_t *m)
{
    uint32_t last = NR_CPUS;

    for_each_cpu (cpu, m)
        last = cpu;
    return last;
}

int cpupool_remove_cpu(uint32_t id, uint32_t cpu)
{
    struct cpupool *p;
    int rc = 0;

    spin_lock(&pools_lock);
    p = pool_of(id);
    if (p && cpu == CPUPOOL_ANY)
        cpu = last_cpu(&p->cpus);
    if (!p)
        rc = -ENOENT;
    else if (cpu >= NR_CPUS || !cpumask_test(&p->cpus, cpu))
        rc = -ENODEV;
    else if (p->nr_domains && cpumask_weight(&p->cpus) == 1)
        rc = -EBUSY;
    else
        cpumask_clear(&p->cpus, cpu);
    spin_unlock(&pools_lock);
    if (!rc)
        refresh_members(id);
    return rc;
}

void cpupool_cpu_up(unsigned int cpu)
{
    spin_lock(&pools_lock);
    cpumask_set(&pools[0].cpus, cpu);
    spin_unlock(&pools_lock);
    refresh_members(0);
}
