/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cpu pools: disjoint sets of cpus, each with a scheduling policy of its own; each domain is in one
 * of them (docs/scheduling.md). Pool 0 always exists, has the host's default policy, and gets each
 * cpu when it comes up; a cpu in no pool is free and stays idle.
 */
#ifndef HV_CPUPOOL_H
#define HV_CPUPOOL_H

#include <hv/cpumask.h>

struct domain;
struct sched_ops;

#define CPUPOOL_ANY 0xffffffffU

struct cpupool_info {
    uint32_t sched_id, nr_domains;
    cpumask_t cpus;
};

/*
 * The sysctl's operations, one at a time. -ENOENT: no such pool, unless said otherwise; -ERESTART:
 * a cpu is on its way, do the same again, from the beginning of the call.
 */
/* CPUPOOL_ANY: choose; -EEXIST, -ENOENT (no such policy), -ENOSPC, -ENOMEM */
int cpupool_create(uint32_t *id, uint32_t sched_id);
/* -EBUSY: has domains or cpus, or is pool 0 */
int cpupool_destroy(uint32_t id);
/* CPUPOOL_ANY: the first free one; -ENODEV: it is not free; -EINVAL: there is no such cpu */
int cpupool_add_cpu(uint32_t id, uint32_t cpu);
/* CPUPOOL_ANY: its last one; -ENODEV: not of this pool; -EBUSY: domains need it */
int cpupool_remove_cpu(uint32_t id, uint32_t cpu);
/* -EBUSY: the pool has no cpu; -EPERM: the caller's own domain; -ENOMEM */
int cpupool_move_domain(struct domain *d, uint32_t id);
/* The first pool with an id >= from. -ENOENT at the end. */
int cpupool_info(uint32_t from, uint32_t *id, struct cpupool_info *info);
void cpupool_free_cpus(cpumask_t *cpus);

/* For the scheduler. */
/* Of a pool that exists. Without lock: cpus that come or go meanwhile may be in it or not. */
void cpupool_cpus(uint32_t id, cpumask_t *cpus);
const struct sched_ops *cpupool_ops(uint32_t id); /* NULL: no such pool */
int cpupool_join(struct domain *d, uint32_t id);  /* -EBUSY: it has no cpu */
void cpupool_leave(struct domain *d);
void cpupool_cpu_up(unsigned int cpu);

#endif
