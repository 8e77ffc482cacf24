/* SPDX-License-Identifier: GPL-2.0-only */
/* See sim.h. */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <arch/cpu.h>
#include <hv/atomic.h>
#include <hv/cpupool.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/timer.h>
#include <hv/vcpu.h>
#include <lib/cmdline.h>

#include "../../core/sched_credit2.h"
#include "../../core/sched_rtds.h"

ns_t sim_now = 1000;
cpumask_t sim_avoid;
unsigned int sim_left;
unsigned int sim_cpus, sim_switches;
bool sim_lazy;

struct vcpu *host_current[64];
unsigned int host_cpu;
cpumask_t cpu_online_map;
unsigned int nr_cpu_ids;
struct domain *idle_domain, *dom0;

static ns_t hw_timer[SIM_CPUS];
static jmp_buf on_new_stack;
uint32_t sim_seed = 12345;

static struct load {
    struct vcpu *v;
    ns_t run, sleep;
    uint64_t target; /* cpu time at which it blocks */
    ns_t wake_at;
    uint64_t waited; /* runnable in all, when it last began to run */
    ns_t longest_wait;
} load[SIM_VCPUS];
static unsigned int nr_loads;
static struct domain *domains[SIM_VCPUS];
static unsigned int nr_domains;

/* --- what the core asks for ------------------------------------------------------------------- */

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    abort();
}

void log_print(enum log_level level, const char *fmt, ...) {}
void *hv_alloc(size_t size) { return calloc(1, size); }
void hv_free(void *p) { free(p); }
ns_t time_now(void) { return sim_now; }
void arch_timer_program(ns_t deadline) { hw_timer[host_cpu] = deadline; }
void smp_kick(unsigned int cpu) {}
void smp_serve(void) {}
void arch_sync_vcpu(struct vcpu *v) {}
void arch_avoid_cpus(const struct vcpu *v, cpumask_t *cpus) { *cpus = sim_avoid; }
void vcpu_periodic_enter(struct vcpu *v) {}
void vcpu_periodic_leave(struct vcpu *v) {}
void evtchn_poll_stop(struct vcpu *v) {}
bool vcpu_event_deliverable(struct vcpu *v) { return false; }
void domain_put(struct domain *d) {}
void domain_vcpu_left(struct domain *d) { sim_left += d->settling != 0; }

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    count_inc(&d->pause_count);
    for_each_vcpu (d, v)
        vcpu_sleep_nosync(v);
    for_each_vcpu (d, v)
        vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (count_dec(&d->pause_count) != 0)
        return;
    for_each_vcpu (d, v)
        vcpu_wake(v);
}

struct domain *domain_get_at_or_after(domid_t id)
{
    for (unsigned int i = id; i < nr_domains; i++)
        if (domains[i])
            return domains[i];
    return NULL;
}

static struct vcpu *make_vcpu(struct domain *d, unsigned int id, unsigned int cpu)
{
    struct vcpu *v = calloc(1, sizeof(*v));

    v->domain = d;
    v->id = id;
    v->is_idle = d == idle_domain;
    if (sched_vcpu_init(v, cpu))
        panic("no vcpu");
    d->vcpu[id] = v;
    return v;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id) { return make_vcpu(d, id, id); }

static struct load *load_of(const struct vcpu *v)
{
    for (unsigned int i = 0; i < nr_loads; i++)
        if (load[i].v == v)
            return &load[i];
    return NULL;
}

static void note_wait(struct load *l)
{
    uint64_t waited;

    if (!l)
        return;
    waited = l->v->sched.runstate.time[RUNSTATE_runnable];
    l->longest_wait = MAX(l->longest_wait, (ns_t)(waited - l->waited));
    l->waited = waited;
}

void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    if (current != prev || next->processor != host_cpu ||
        !cpumask_test(&next->sched.hard_effective, host_cpu))
        panic("cpu%u: bad switch", host_cpu);
    for (unsigned int c = 0; c < sim_cpus; c++)
        if (host_current[c] == next)
            panic("d%uv%u is on two cpus", next->domain->id, next->id);
    sim_switches++;
    note_wait(load_of(next));
    current = next;
    sched_context_saved(prev);
    longjmp(on_new_stack, 1);
}

/* --- the machine ------------------------------------------------------------------------------ */

uint32_t sim_random(uint32_t below)
{
    sim_seed = sim_seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)sim_seed * below) >> 32);
}

static void warn(const char *fmt, ...) { panic("bad option"); }

static struct domain *make_domain(domid_t id, unsigned int vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->max_vcpus = vcpus;
    d->vcpu = calloc(vcpus, sizeof(*d->vcpu));
    return d;
}

void sim_start(unsigned int cpus, const char *options)
{
    cmdline_apply(options, warn);
    sim_cpus = nr_cpu_ids = cpus;
    idle_domain = make_domain(DOMID_IDLE, cpus);
    for (host_cpu = 0; host_cpu < cpus; host_cpu++) {
        hw_timer[host_cpu] = NS_NEVER;
        timer_init_cpu(host_cpu);
        if (host_cpu == 0)
            sched_init();
        else
            sched_init_cpu(host_cpu);
    }
    host_cpu = 0;
}

static unsigned int free_domain(void)
{
    unsigned int id = 0;

    while (id < nr_domains && domains[id])
        id++;
    return id;
}

static struct load *free_load(void)
{
    for (unsigned int i = 0; i < nr_loads; i++)
        if (!load[i].v)
            return &load[i];
    return nr_loads < SIM_VCPUS ? &load[nr_loads++] : NULL;
}

static unsigned int nr_vcpus(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < nr_loads; i++)
        n += load[i].v != NULL;
    return n;
}

struct domain *sim_domain(unsigned int vcpus)
{
    return sim_domain_in(0, vcpus);
}

struct domain *sim_domain_in(uint32_t pool, unsigned int vcpus)
{
    const unsigned int id = free_domain();
    struct domain *d;

    if (id >= SIM_VCPUS || nr_vcpus() + vcpus > SIM_VCPUS)
        return NULL;
    d = make_domain((domid_t)id, vcpus);
    if (sched_domain_init(d, pool)) {
        free(d->vcpu);
        free(d);
        return NULL;
    }
    domains[id] = d;
    nr_domains = MAX(nr_domains, id + 1);
    for (unsigned int i = 0; i < vcpus; i++)
        *free_load() = (struct load){ .v = make_vcpu(d, i, i % sim_cpus) };
    for (unsigned int i = 0; i < vcpus; i++)
        vcpu_wake(d->vcpu[i]);
    return d;
}

/* As the core does it: paused, off its cpus, then the policy forgets it. */
void sim_domain_end(struct domain *d)
{
    struct vcpu *v;

    count_inc(&d->pause_count);
    for_each_vcpu (d, v)
        vcpu_sleep_nosync(v);
    sim_settle();
    sched_domain_exit(d);
    for_each_vcpu (d, v) {
        sched_vcpu_exit(v);
        load_of(v)->v = NULL;
        free(v);
    }
    domains[d->id] = NULL;
    free(d->vcpu);
    free(d);
}

static int until_done(int (*fn)(uint32_t pool, uint32_t cpu), uint32_t pool, uint32_t cpu)
{
    int rc;

    for (unsigned int i = 0; (rc = fn(pool, cpu)) == -ERESTART; i++) {
        if (i > 1000)
            panic("a cpu never moves");
        sim_settle();
    }
    return rc;
}

int sim_add_cpu(uint32_t pool, uint32_t cpu) { return until_done(cpupool_add_cpu, pool, cpu); }

int sim_remove_cpu(uint32_t pool, uint32_t cpu)
{
    return until_done(cpupool_remove_cpu, pool, cpu);
}

/* Asked for from another domain. */
int sim_move(struct domain *d, uint32_t pool)
{
    for (host_cpu = 0; host_cpu < sim_cpus && current->domain == d; host_cpu++)
        ;
    if (host_cpu < sim_cpus)
        return cpupool_move_domain(d, pool);
    host_cpu = 0;
    return -EPERM;
}

ns_t sim_longest_wait(const struct vcpu *v)
{
    const struct load *l = load_of(v);
    struct vcpu_runstate_info r;

    vcpu_get_runstate(l->v, &r);
    return MAX(l->longest_wait, (ns_t)(r.time[RUNSTATE_runnable] - l->waited));
}

void sim_forget_waits(void)
{
    for (unsigned int i = 0; i < nr_loads; i++) {
        struct vcpu_runstate_info r;

        if (!load[i].v)
            continue;
        vcpu_get_runstate(load[i].v, &r);
        load[i].waited = r.time[RUNSTATE_runnable];
        load[i].longest_wait = 0;
    }
}

void sim_workload(struct vcpu *v, ns_t run, ns_t sleep)
{
    struct load *l = load_of(v);

    l->run = run;
    l->sleep = sleep;
    l->target = vcpu_cpu_time(v) + (uint64_t)run;
}

static bool pending(unsigned int cpu)
{
    host_cpu = cpu;
    return softirq_pending();
}

static void play(unsigned int cpu)
{
    while (pending(cpu))
        if (!setjmp(on_new_stack))
            softirq_process();
}

/* Who waits for another cpu: the others go on. */
void cpu_wait(void)
{
    unsigned int self = host_cpu;
    bool moved = false;

    for (unsigned int cpu = 0; cpu < sim_cpus; cpu++) {
        if (cpu == self || !pending(cpu))
            continue;
        play(cpu);
        moved = true;
    }
    host_cpu = self;
    if (!moved)
        panic("cpu%u waits, and nobody else moves", self);
}

void sim_settle(void)
{
    bool again = true;
    unsigned int rounds = 0;

    while (again) {
        unsigned int first = sim_random(sim_cpus);

        again = false;
        for (unsigned int i = 0; i < sim_cpus; i++) {
            unsigned int cpu = (first + i) % sim_cpus;

            if (!pending(cpu))
                continue;
            again = true;
            if (sim_lazy && sim_random(3) == 0)
                sim_now += 1 + sim_random(3000);
            else
                play(cpu);
        }
        if (rounds++ > 100000)
            panic("cpus never settle");
    }
}

static void load_event(struct load *l)
{
    struct vcpu *v = l->v;

    if (!v || !l->run)
        return;
    if (v->pause_flags & (1U << VPF_BLOCKED)) {
        if (l->wake_at <= sim_now) {
            host_cpu = sim_random(sim_cpus);
            l->target = vcpu_cpu_time(v) + (uint64_t)(l->run / 2 + sim_random((uint32_t)l->run));
            vcpu_unblock(v);
        }
    } else if (v->sched.runstate.state == RUNSTATE_running && vcpu_cpu_time(v) >= l->target) {
        host_cpu = v->processor;
        if (current != v)
            return;
        l->wake_at = sim_now + l->sleep / 2 + sim_random((uint32_t)l->sleep);
        vcpu_block();
    }
}

static ns_t load_next(const struct load *l)
{
    struct vcpu *v = l->v;

    if (!v || !l->run)
        return NS_NEVER;
    if (v->pause_flags & (1U << VPF_BLOCKED))
        return l->wake_at;
    if (v->sched.runstate.state != RUNSTATE_running)
        return NS_NEVER;
    return sim_now + MAX((ns_t)(l->target - vcpu_cpu_time(v)), 1);
}

static ns_t next_event(ns_t end)
{
    ns_t next = end;

    for (unsigned int c = 0; c < sim_cpus; c++)
        next = MIN(next, hw_timer[c]);
    for (unsigned int i = 0; i < nr_loads; i++)
        next = MIN(next, load_next(&load[i]));
    return MAX(next, sim_now);
}

void sim_run(ns_t duration)
{
    ns_t end = sim_now + duration;
    const char *broken;

    sim_settle();
    while (sim_now < end) {
        sim_now = next_event(end);
        for (unsigned int c = 0; c < sim_cpus; c++) {
            host_cpu = c;
            if (hw_timer[c] > sim_now)
                continue;
            hw_timer[c] = NS_NEVER;
            timer_interrupt();
        }
        for (unsigned int i = 0; i < nr_loads; i++)
            load_event(&load[i]);
        sim_settle();
        broken = sim_broken();
        if (broken)
            panic("at %ld ns: %s", (long)sim_now, broken);
    }
}

/* --- invariants ------------------------------------------------------------------------------- */

/* v waits, and rightly so. */
static const char *waiter_broken(struct vcpu *v, const struct sched_ops *ops)
{
    const bool rt = ops == &sched_rtds;

    if (ops == &sched_null || (rt ? rt_of(v)->parked : c2_of(v)->parked))
        return NULL;
    for (unsigned int c = 0; c < sim_cpus; c++) {
        if (!cpumask_test(&v->sched.hard_effective, c))
            continue;
        if (host_current[c]->is_idle)
            return "a cpu is idle that could run a waiting vcpu";
        if (rt && rt_before(rt_of(v), rt_of(host_current[c])))
            return "a vcpu waits for one with a later deadline";
    }
    return NULL;
}

static const char *cpu_broken(unsigned int cpu)
{
    const struct vcpu *v = host_current[cpu];
    cpumask_t pool;

    if (v->is_idle)
        return NULL;
    cpupool_cpus(v->domain->cpupool_id, &pool);
    if (!cpumask_test(&pool, cpu))
        return "a cpu runs a vcpu of another pool";
    return per_cpu(sched_cpu, cpu).ops != cpupool_ops(v->domain->cpupool_id)
               ? "a cpu has another policy than its pool" : NULL;
}

static const char *vcpu_broken(struct vcpu *v)
{
    struct vcpu_runstate_info r;
    unsigned int on = 0;

    vcpu_get_runstate(v, &r);
    if (r.time[0] + r.time[1] + r.time[2] + r.time[3] > (uint64_t)sim_now)
        return "more time than there was";
    for (unsigned int c = 0; c < sim_cpus; c++)
        on += host_current[c] == v;
    if (on != (r.state == RUNSTATE_running) || v->sched.is_running != (r.state == RUNSTATE_running))
        return "running, and not on a cpu";
    if (r.state != RUNSTATE_runnable)
        return vcpu_runnable(v) && r.state != RUNSTATE_running ? "runnable, but asleep" : NULL;
    if (!vcpu_runnable(v))
        return "queued, but not runnable";
    return waiter_broken(v, cpupool_ops(v->domain->cpupool_id));
}

const char *sim_broken(void)
{
    const char *broken = NULL;

    for (unsigned int i = 0; i < nr_loads && !broken; i++)
        if (load[i].v)
            broken = vcpu_broken(load[i].v);
    for (unsigned int c = 0; c < sim_cpus && !broken; c++)
        broken = cpu_broken(c);
    return broken;
}
