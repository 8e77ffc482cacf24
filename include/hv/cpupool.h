/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cpu pools: disjoint sets of cpus, each domain in one of them. All pools have the same scheduling
 * policy. Pool 0 always exists and gets each cpu when it comes up; a cpu in no pool is free and
 * stays idle.
 */
#ifndef HV_CPUPOOL_H
#define HV_CPUPOOL_H

#include <hv/cpumask.h>

struct domain;

#define CPUPOOL_ANY 0xffffffffU

/* The sysctl's operations. -ENOENT: no such pool, unless said otherwise. */
/* CPUPOOL_ANY: choose; -EEXIST, -EINVAL (other policy), -ENOSPC */
int cpupool_create(uint32_t *id, uint32_t sched_id);
/* -EBUSY: has domains or cpus, or is pool 0 */
int cpupool_destroy(uint32_t id);
/* CPUPOOL_ANY: the first free one; -EBUSY: is not free; -ENODEV */
int cpupool_add_cpu(uint32_t id, uint32_t cpu);
/* CPUPOOL_ANY: its last one; -EBUSY: domains need it */
int cpupool_remove_cpu(uint32_t id, uint32_t cpu);
int cpupool_move_domain(struct domain *d, uint32_t id); /* -EBUSY: the pool has no cpu */
/* The first pool with an id >= from. -ENOENT at the end. */
int cpupool_info(uint32_t from, uint32_t *id, uint32_t *nr_domains, cpumask_t *cpus);
void cpupool_free_cpus(cpumask_t *cpus);

/* For the scheduler. */
void cpupool_cpus(uint32_t id, cpumask_t *cpus);
int cpupool_join(struct domain *d, uint32_t id);
void cpupool_leave(struct domain *d);
void cpupool_cpu_up(unsigned int cpu);

#endif
