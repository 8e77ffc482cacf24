/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler: which vcpu runs on which cpu. Policies (credit2 by default; credit, rtds, null)
 * stand behind struct sched_ops, one for each cpupool: docs/scheduling.md.
 *
 * A vcpu's runstate is RUNNING on exactly one cpu, or RUNNABLE, BLOCKED or OFFLINE; it changes
 * under its runqueue's lock only.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include <abi.h>
#include <hv/cpumask.h>
#include <hv/list.h>
#include <hv/lock.h>
#include <hv/time.h>
#include <hv/timer.h>

struct domain;
struct vcpu;
struct xen_sysctl_scheduler_op;
struct xen_domctl_scheduler_op;
struct xen_domctl_schedparam_vcpu;

/* vcpu->pause_flags: any bit set keeps it off the cpus. Bits change atomically. */
#define VPF_BLOCKED 0   /* SCHEDOP_block, until an event */
#define VPF_DOWN 1      /* not brought up, or taken down */
#define VPF_IOREQ 2      /* an access waits for a device model's answer (arch/ioreq.h) */
#define VPF_POLL 3      /* SCHEDOP_poll */
#define VPF_INITIALISING 4 /* VCPUOP_initialise is reading its context */
#define VPF_HALTED 5     /* beside VPF_DOWN: HLT with interrupts off, which an NMI ends */

/* Part of struct vcpu. */
struct sched_vcpu {
    struct list runq;          /* linked when queued */
    void *priv;                /* policy's own */
    void *incoming;            /* the next policy's, while its domain moves to another pool */
    uint32_t cpu;              /* the cpu it runs on or last ran on, or is queued at */
    bool is_running;           /* its registers are on a cpu (also while being switched away) */
    cpumask_t hard, soft;      /* affinity */
    cpumask_t hard_effective, soft_effective; /* within the cpupool; what counts */
    bool pin_override;                        /* SCHEDOP_pin_override: pinned stands in for hard */
    cpumask_t pinned;
    struct vcpu_runstate_info runstate; /* state, entry time, times */
};

void sched_init(void);               /* boot cpu; reads sched= */
void sched_init_cpu(unsigned int cpu); /* on each cpu as it comes up: its runqueue and idle vcpu */
int sched_vcpu_init(struct vcpu *v, unsigned int cpu);
void sched_vcpu_exit(struct vcpu *v);
int sched_domain_init(struct domain *d, unsigned int cpupool_id);
void sched_domain_exit(struct domain *d);

/* pause_flags or pause counts may have cleared: queue it if it can run */
void vcpu_wake(struct vcpu *v);
void vcpu_sleep_nosync(struct vcpu *v); /* pause: take it off its cpu soon */
void vcpu_sleep_sync(struct vcpu *v);   /* and wait until it is off */
/* if running elsewhere: make that cpu come into the hypervisor */
void vcpu_kick(struct vcpu *v);
/* v, current: what vcpu_block() sleeps for is there */
bool vcpu_has_event(struct vcpu *v);
/* current: sleep until an event. An event that it took already may end the sleep (vcpu_unblock). */
void vcpu_block(void);
/*
 * an event came: clears VPF_BLOCKED and VPF_POLL as needed, wakes. Between the event's mark and
 * this, v may have taken it and sleep again: it has to look.
 */
void vcpu_unblock(struct vcpu *v);
long vcpu_yield(void);
bool vcpu_runnable(const struct vcpu *v);

/* NULL keeps it */
int vcpu_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft);
int vcpu_pin_override(struct vcpu *v, int cpu); /* cpu < 0 undoes it; -EBUSY, -EINVAL */
void sched_affinity_refresh(struct vcpu *v);    /* the cpus of its pool changed */
void vcpu_get_runstate(struct vcpu *v, struct vcpu_runstate_info *out); /* times up to now */
uint64_t vcpu_cpu_time(struct vcpu *v);                                 /* ns run */
uint64_t sched_idle_time(unsigned int cpu);

unsigned int sched_id(void); /* the host's default policy, which pool 0 has */
const char *sched_name(void);
/* -EINVAL: another policy than the pool's, or a bad value; -EOPNOTSUPP: it has no parameters. */
int sched_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op);
/* XEN_DOMCTL_SCHEDOP_getvcpuinfo, _putvcpuinfo; p->vcpuid says which. */
int sched_adjust_vcpu(struct domain *d, const struct xen_domctl_scheduler_op *op,
                      struct xen_domctl_schedparam_vcpu *p);
/* of the pool that op names; -ESRCH: no such pool */
int sched_adjust_pool(struct xen_sysctl_scheduler_op *op);

/* Runs in the SCHEDULE softirq: picks the next vcpu, and does not return if it is another one. */
void schedule(void);
/* Called on the new vcpu's cpu after arch_context_switch() has saved the previous one. */
void sched_context_saved(struct vcpu *prev);
void noreturn idle_loop(void);

/*
 * Implemented by the architecture: save prev's state where needed, load next's, call
 * sched_context_saved(prev), and jump into next's exit-to-guest path (or the idle loop) on a fresh
 * stack. Going to idle keeps prev's address space and FPU loaded (lazy); arch_sync_vcpu() makes a
 * cpu let go of it.
 */
void noreturn arch_context_switch(struct vcpu *prev, struct vcpu *next);
/* v is not running: its state is in memory on return, whichever cpu had it lazily */
void arch_sync_vcpu(struct vcpu *v);
/* Cpus on which v had better not run: of those that it may run on they are the last resort. */
void arch_avoid_cpus(const struct vcpu *v, cpumask_t *cpus);

#endif
