/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters of the credit2 and credit policies: of pools (rate limit; time slice and migration
 * delay in credit), and of domains (weight and cap in both). Public domctl.h, sysctl.h.
 */
#include <hv/errno.h>
#include <hv/page.h>
#include <lib/cmdline.h>

#include "sched_credit2.h"

#define C2_SLICE MILLISECS(10)

static uint32_t ratelimit_us = 1000;
PARAM_UINT("sched_ratelimit_us", ratelimit_us,
           "shortest time that a vcpu runs undisturbed, microseconds");
static uint32_t tslice_ms = 30;
PARAM_UINT("sched_credit_tslice_ms", tslice_ms, "time slice of the credit policy, milliseconds");

static struct c2_pool pools[MAX_POOLS];

struct c2_pool *c2_pool_of(uint32_t pool)
{
    return &pools[pool];
}

/* --- pools ------------------------------------------------------------------------------------ */

static int pool_init(uint32_t pool, ns_t slice_max)
{
    struct c2_pool *p = &pools[pool];

    if (!p->groups)
        p->groups = hv_alloc(NR_CPUS * sizeof(*p->groups));
    if (!p->groups)
        return -ENOMEM;
    p->slice_max = slice_max;
    p->ratelimit = MICROSECS(ratelimit_us);
    p->migrate_delay = 0;
    return 0;
}

int c2_pool_init(uint32_t pool)
{
    return pool_init(pool, C2_SLICE);
}

static bool tslice_is_good(uint32_t ms)
{
    return ms >= XEN_SYSCTL_CSCHED_TSLICE_MIN && ms <= XEN_SYSCTL_CSCHED_TSLICE_MAX;
}

int credit_pool_init(uint32_t pool)
{
    return pool_init(pool, MILLISECS(tslice_is_good(tslice_ms) ? tslice_ms : 30));
}

/* 0 turns it off */
static bool ratelimit_is_good(uint32_t us)
{
    return us == 0 ||
           (us >= XEN_SYSCTL_SCHED_RATELIMIT_MIN && us <= XEN_SYSCTL_SCHED_RATELIMIT_MAX);
}

static uint32_t to_us(ns_t t)
{
    return (uint32_t)(t / MICROSECS(1));
}

int c2_adjust_pool(uint32_t pool, struct xen_sysctl_scheduler_op *op)
{
    struct xen_sysctl_credit2_schedule *s = &op->u.sched_credit2;
    struct c2_pool *p = &pools[pool];

    switch (op->cmd) {
    case XEN_SYSCTL_SCHEDOP_getinfo:
        s->ratelimit_us = to_us(read_once(p->ratelimit));
        return 0;
    case XEN_SYSCTL_SCHEDOP_putinfo:
        if (!ratelimit_is_good(s->ratelimit_us))
            return -EINVAL;
        write_once(p->ratelimit, MICROSECS(s->ratelimit_us));
        return 0;
    default:
        return -EINVAL;
    }
}

int credit_adjust_pool(uint32_t pool, struct xen_sysctl_scheduler_op *op)
{
    struct xen_sysctl_credit_schedule *s = &op->u.sched_credit;
    struct c2_pool *p = &pools[pool];

    switch (op->cmd) {
    case XEN_SYSCTL_SCHEDOP_getinfo:
        s->tslice_ms = to_us(read_once(p->slice_max)) / 1000;
        s->ratelimit_us = to_us(read_once(p->ratelimit));
        s->vcpu_migr_delay_us = to_us(read_once(p->migrate_delay));
        return 0;
    case XEN_SYSCTL_SCHEDOP_putinfo:
        if (!tslice_is_good(s->tslice_ms) || !ratelimit_is_good(s->ratelimit_us) ||
            s->ratelimit_us > s->tslice_ms * 1000 ||
            s->vcpu_migr_delay_us > XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US)
            return -EINVAL;
        write_once(p->slice_max, MILLISECS(s->tslice_ms));
        write_once(p->ratelimit, MICROSECS(s->ratelimit_us));
        write_once(p->migrate_delay, MICROSECS(s->vcpu_migr_delay_us));
        return 0;
    default:
        return -EINVAL;
    }
}

/* --- domains ---------------------------------------------------------------------------------- */

void *c2_domain_alloc(struct domain *d)
{
    struct c2_dom *cd = hv_alloc(sizeof(*cd));

    if (!cd)
        return NULL;
    cd->domain = d;
    cd->weight = C2_WEIGHT_DEFAULT;
    c2_cap_init(cd);
    return cd;
}

void c2_domain_free(void *priv)
{
    c2_cap_exit(priv);
    hv_free(priv);
}

/* A weight of 0 and a cap of ~0 keep what was. */
static int adjust(struct domain *d, uint32_t cmd, uint16_t *weight, uint16_t *cap)
{
    struct c2_dom *cd = d->sched_priv;

    switch (cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        *weight = (uint16_t)read_once(cd->weight);
        *cap = (uint16_t)c2_cap_get(cd);
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        if (*weight)
            write_once(cd->weight, *weight);
        if (*cap != UINT16_MAX)
            c2_cap_set(cd, *cap);
        sched_choose_again(d);
        return 0;
    default:
        return -EINVAL;
    }
}

int c2_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    return adjust(d, op->cmd, &op->u.credit2.weight, &op->u.credit2.cap);
}

int credit_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    return adjust(d, op->cmd, &op->u.credit.weight, &op->u.credit.cap);
}
