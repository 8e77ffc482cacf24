/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the credit2 policy keeps per pool, domain and vcpu, its parameters (sched_credit.c), and its
 * caps (sched_cap.c).
 */
#ifndef CORE_SCHED_CREDIT2_H
#define CORE_SCHED_CREDIT2_H

#include <abi.h>
#include <hv/list.h>
#include <hv/lock.h>
#include <hv/timer.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "sched_policy.h"

#define C2_WEIGHT_DEFAULT 256

struct c2_group;

/* A cpupool's: those of credit2 and of credit alike. Changed by the toolstack at any time. */
struct c2_pool {
    ns_t slice_max;     /* credit's tslice_ms */
    ns_t ratelimit;     /* shortest time that a vcpu runs undisturbed; 0: none */
    ns_t migrate_delay; /* a vcpu that ran less than this ago stays in its group */
    struct c2_group **groups; /* NR_CPUS, set once, in order; kept when the pool ends */
    uint32_t nr_groups;
};

struct c2_dom {
    struct domain *domain;
    uint32_t weight; /* 1..65535 */

    spinlock_t lock; /* RANK_BUDGET: the rest */
    uint32_t cap;    /* percent of one cpu, all vcpus together; 0 none */
    ns_t per_period; /* run time that the cap gives in a period */
    ns_t budget;     /* of it, not handed out to vcpus */
    bool ticking, used;
    ns_t next_refill;
    ns_t capped_at; /* what has run before is not on the cap's account */
    struct timer refill;
};

/* Protected by the runqueue lock. */
struct c2_vcpu {
    struct list link;
    struct vcpu *vcpu;
    struct c2_dom *dom;
    ns_t vtime;
    ns_t burned_at;  /* running: vtime is right up to here */
    ns_t started_at; /* running: since then, without another one between */
    ns_t slice_end;
    ns_t queued_at;
    ns_t quota;      /* run time left under the cap; below 0: overdrawn, paid back first */
    bool yielding;
    bool parked;     /* runnable, waits for the cap's next period; not in the queue */
};

static inline struct c2_vcpu *c2_of(const struct vcpu *v) { return v->sched.priv; }

static inline ns_t c2_grain(const struct c2_pool *p) { return read_once(p->slice_max) * 2 / 5; }

void c2_unpark(struct vcpu *v);

struct c2_pool *c2_pool_of(uint32_t pool);
int c2_pool_init(uint32_t pool);     /* credit2's defaults */
int credit_pool_init(uint32_t pool); /* credit's */
void *c2_domain_alloc(struct domain *d);
void c2_domain_free(void *priv);
int c2_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op);
int c2_adjust_pool(uint32_t pool, struct xen_sysctl_scheduler_op *op);
int credit_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op);
int credit_adjust_pool(uint32_t pool, struct xen_sysctl_scheduler_op *op);

void c2_cap_init(struct c2_dom *cd);
void c2_cap_exit(struct c2_dom *cd);
void c2_cap_set(struct c2_dom *cd, uint32_t percent);
uint32_t c2_cap_get(struct c2_dom *cd);

/* With the runqueue lock held. */
/* may run: has quota left, or got some; always without a cap */
bool c2_cap_take(struct c2_vcpu *cv);
void c2_cap_return(struct c2_vcpu *cv);            /* does not run: give back what is left */
void c2_cap_burn(struct c2_vcpu *cv, ns_t from, ns_t to);
/* when the quota ends; NS_NEVER without a cap */
ns_t c2_cap_until(const struct c2_vcpu *cv, ns_t now);

#endif
