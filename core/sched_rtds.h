/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rtds policy keeps for a vcpu: for sched_rtds.c, and for tests that look on. */
#ifndef CORE_SCHED_RTDS_H
#define CORE_SCHED_RTDS_H

#include <hv/list.h>

#include "sched_policy.h"

struct rt_params {
    ns_t period, budget; /* 10 us <= budget <= period */
    bool extra;          /* may run beyond its budget when nobody else needs the time */
};

/* Protected by the pool's lock. */
struct rt_vcpu {
    struct list link, refill;
    struct vcpu *vcpu;
    struct rt_params p;
    ns_t deadline;
    ns_t left;      /* of the budget; below 0: overdrawn */
    uint32_t level; /* 0: what is promised */
    ns_t burned_at; /* running: left is right up to here */
    bool parked;    /* runnable, waits for its deadline */
    bool asleep;
};

static inline struct rt_vcpu *rt_of(const struct vcpu *v) { return v->sched.priv; }

/* a goes first */
bool rt_before(const struct rt_vcpu *a, const struct rt_vcpu *b);

#endif
