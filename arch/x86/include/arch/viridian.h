/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's interface for the guests that expect it (HVM_PARAM_VIRIDIAN). Microsoft, "Hypervisor
 * Top Level Functional Specification" (TLFS); what is offered, and its few liberties, are those of
 * Xen 4.17. docs/viridian.md.
 */
#ifndef ARCH_VIRIDIAN_H
#define ARCH_VIRIDIAN_H

#include <hv/lock.h>
#include <hv/timer.h>

struct cpu_user_regs;
struct domain;
struct hvm_viridian_domain_context;
struct hvm_viridian_vcpu_context;
struct vcpu;

#define VIRIDIAN_SINTS 16U
#define VIRIDIAN_STIMERS 4U
#define VIRIDIAN_CRASH_PARAMS 5U
/* Xen's leaves and MSR are here when Hyper-V's have their place. */
#define VIRIDIAN_XEN_LEAVES 0x40000100U
#define VIRIDIAN_XEN_MSR 0x40000200U

struct viridian_domain {
    uint64_t os_id, hypercall; /* MSRs as written */
    spinlock_t lock;           /* RANK_HVM_DEV: all below */
    uint64_t reference_tsc;    /* the MSR */
    uint32_t sequence;         /* in its page */
    bool page_stale;           /* the page is to be written before the next entry */
    /* Reference time counts while the domain is not paused: running, else it is `count`. */
    bool running;
    uint64_t count;
    int64_t offset;
};

struct viridian_stimer {
    struct vcpu *v;
    struct timer timer;
    uint64_t config, count;    /* MSRs */
    int64_t expiration;        /* reference time */
    bool started;
};

/* Changed by the vcpu itself, or while it does not run; stimer_pending by anyone. */
struct viridian_vcpu {
    uint64_t vp_assist, scontrol, siefp, simp; /* MSRs */
    uint64_t sint[VIRIDIAN_SINTS];
    uint64_t crash[VIRIDIAN_CRASH_PARAMS];
    bool assist_pending;       /* the guest was told that it may leave out an EOI */
    bool thawed;               /* its timers are to be started before it enters */
    uint64_t stimer_pending;   /* bits; atomic */
    struct viridian_stimer stimer[VIRIDIAN_STIMERS];
};

/* HVMPV_*; 0: the domain has nothing of this. */
uint64_t viridian_features(const struct domain *d);

void viridian_domain_init(struct domain *d);
void viridian_vcpu_init(struct vcpu *v);
void viridian_vcpu_exit(struct vcpu *v); /* waits for its timers; also for one without */

void viridian_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t out[4]);
bool viridian_is_msr(uint32_t msr);
/* 0, or -1: #GP. v is current, and its domain has the interface. */
int viridian_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val) must_check;
int viridian_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val) must_check;
/* A hypercall of Hyper-V's: arguments and result are in r. */
void viridian_hypercall(struct vcpu *v, struct cpu_user_regs *r, bool is_64bit);

/* The domain is paused (none of its vcpus runs), and goes on. */
void viridian_freeze(struct domain *d);
void viridian_thaw(struct domain *d);
/* Of current, before it enters the guest. */
void viridian_entry(struct vcpu *v);

/* --- for the LAPIC; v is current, and none of its locks is held ------------------------------- */

/* Messages of timers that are due go out. */
void viridian_poll(struct vcpu *v);
/* The guest has left out the EOI that it was allowed to. It is told so once. */
bool viridian_assist_done(struct vcpu *v);
void viridian_assist_set(struct vcpu *v);
void viridian_assist_clear(struct vcpu *v);
bool viridian_auto_eoi(const struct vcpu *v, unsigned int vector);

/* --- records ---------------------------------------------------------------------------------- */

void viridian_save_domain(struct domain *d, struct hvm_viridian_domain_context *r);
void viridian_save_vcpu(const struct vcpu *v, struct hvm_viridian_vcpu_context *r);
/* -EINVAL: what no guest could have set. -EOPNOTSUPP: this domain has no such interface. */
int viridian_load_domain(struct domain *d, const struct hvm_viridian_domain_context *r) must_check;
int viridian_load_vcpu(struct vcpu *v, const struct hvm_viridian_vcpu_context *r) must_check;

#endif
