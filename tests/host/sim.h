/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Simulated cpus and time, for tests of scheduling and timers: one thread plays each cpu in turn,
 * at one time. A cpu is played while it has softirqs; time passes only between.
 */
#ifndef HOST_SIM_H
#define HOST_SIM_H

#include <hv/domain.h>

#define SIM_CPUS 8
#define SIM_VCPUS 64

extern ns_t sim_now;
extern unsigned int sim_left; /* times that a vcpu of a settling domain left its cpu */
extern cpumask_t sim_avoid; /* what arch_avoid_cpus() says, of every vcpu */
extern unsigned int sim_cpus;
extern bool sim_lazy; /* cpus answer after a random delay instead of at once */
extern unsigned int sim_switches;
extern uint32_t sim_seed;

void sim_start(unsigned int cpus, const char *options); /* options: as on the command line */
uint32_t sim_random(uint32_t below);

/* hogs, all awake; NULL: no room for as many, or no such pool */
struct domain *sim_domain(unsigned int vcpus);
struct domain *sim_domain_in(uint32_t pool, unsigned int vcpus);
/* As the toolstack does it, which asks again until the cpu has come or gone. */
int sim_add_cpu(uint32_t pool, uint32_t cpu);
int sim_remove_cpu(uint32_t pool, uint32_t cpu);
int sim_move(struct domain *d, uint32_t pool);
void sim_domain_end(struct domain *d); /* it dies; never played again */
/* Longest time that v was runnable until it ran, since sim_forget_waits(). Being capped counts. */
ns_t sim_longest_wait(const struct vcpu *v);
void sim_forget_waits(void);
/* v runs for `run` of its own time, sleeps for `sleep`, and so on; 0 run: a hog. */
void sim_workload(struct vcpu *v, ns_t run, ns_t sleep);

void sim_run(ns_t duration);
/* Every cpu handles its softirqs until none is pending. */
void sim_settle(void);

/* What must hold whenever cpus are settled: NULL, or what does not. */
const char *sim_broken(void);

#endif
