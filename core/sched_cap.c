/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Caps of the credit2 policy. In each period a capped domain has cap percent of the period as run
 * time for all its vcpus together. A vcpu that is chosen takes a part of that as its quota, and
 * gives back what is left when it stops. One that finds nothing left is parked until the next
 * period. Overdrawn time is paid back from later quotas, so that over several periods the cap is
 * exact.
 */
#include <hv/page.h>

#include "sched_credit2.h"

#define PERIOD MILLISECS(10)
#define QUOTA_MIN MICROSECS(500)

static void refill(void *data)
{
    struct c2_dom *cd = data;
    struct domain *d = cd->domain;
    struct vcpu *v;

    spin_lock(&cd->lock);
    if (cd->cap == 0 || (!cd->used && cd->budget >= cd->per_period)) {
        /* the domain sleeps: so does the timer, until somebody takes a quota */
        cd->ticking = false;
    } else {
        /* Periods that went by while nobody looked give nothing. */
        while (cd->next_refill <= time_now())
            cd->next_refill += PERIOD;
        timer_set(&cd->refill, cd->next_refill);
    }
    cd->budget = MIN(cd->budget + cd->per_period, cd->per_period);
    cd->used = false;
    spin_unlock(&cd->lock);

    for_each_vcpu (d, v)
        if (read_once(c2_of(v)->parked))
            c2_unpark(v);
}

void c2_cap_init(struct c2_dom *cd)
{
    spin_init(&cd->lock, RANK_BUDGET);
    timer_init(&cd->refill, refill, cd, smp_processor_id());
}

void c2_cap_exit(struct c2_dom *cd)
{
    timer_kill(&cd->refill);
}

void c2_cap_set(struct c2_dom *cd, uint32_t percent)
{
    spin_lock(&cd->lock);
    write_once(cd->capped_at, time_now()); /* one that was alone is not yet charged with seconds */
    cd->cap = percent;
    cd->per_period = PERIOD * percent / 100;
    cd->budget = cd->per_period;
    cd->ticking = cd->used = true;
    cd->next_refill = time_now() + PERIOD;
    timer_set(&cd->refill, time_now()); /* at once: vcpus that an old cap has parked get going */
    spin_unlock(&cd->lock);
}

uint32_t c2_cap_get(struct c2_dom *cd)
{
    return read_once(cd->cap);
}

/* Hand out a part, after what is owed. */
static void take_locked(struct c2_dom *cd, struct c2_vcpu *cv) REQUIRES(cd->lock)
{
    ns_t part = MAX(cd->per_period / (ns_t)MAX(cd->domain->max_vcpus, 1U), QUOTA_MIN);
    ns_t want = MIN(part - cv->quota, cd->budget);

    if (want <= 0)
        return;
    cd->budget -= want;
    cv->quota += want;
    cd->used = true;
    if (!cd->ticking) {
        cd->ticking = true;
        cd->next_refill = time_now() + PERIOD;
        timer_set(&cd->refill, cd->next_refill);
    }
}

bool c2_cap_take(struct c2_vcpu *cv)
{
    struct c2_dom *cd = cv->dom;

    if (!read_once(cd->cap)) {
        cv->quota = 0; /* an old debt is forgotten with the cap */
        return true;
    }
    if (cv->quota > 0)
        return true;
    spin_lock(&cd->lock);
    take_locked(cd, cv);
    spin_unlock(&cd->lock);
    return cv->quota > 0;
}

void c2_cap_return(struct c2_vcpu *cv)
{
    struct c2_dom *cd = cv->dom;

    if (cv->quota <= 0)
        return;
    spin_lock(&cd->lock);
    cd->budget = MIN(cd->budget + cv->quota, cd->per_period);
    spin_unlock(&cd->lock);
    cv->quota = 0;
}

void c2_cap_burn(struct c2_vcpu *cv, ns_t from, ns_t to)
{
    if (read_once(cv->dom->cap))
        cv->quota -= MAX(to - MAX(from, read_once(cv->dom->capped_at)), 0);
}

ns_t c2_cap_until(const struct c2_vcpu *cv, ns_t now)
{
    return read_once(cv->dom->cap) ? now + MAX(cv->quota, 1) : NS_NEVER;
}
