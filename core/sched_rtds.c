/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real-time policy: each vcpu has `budget` of run time in each `period`. Global earliest
 * deadline first: of a pool's runnable vcpus those with the earliest deadlines run, on any cpus
 * that they may; a pool has one queue and one lock. It is for the few vcpus to which something is
 * promised: a pool of n cpus serves a set whose utilisations (budget / period) add up to at most
 * n - (n-1) * the greatest of them, each budget within its period (Goossens, Funk and Baruah,
 * "Priority-driven scheduling of periodic task systems on multiprocessors"); up to n in all, late
 * by a bound.
 *
 * Budgets follow the rules of a constant-bandwidth server. Level 0 is what is promised:
 *
 *   spent     a vcpu that has used its budget up waits for its deadline; what it ran too long is
 *             paid from later budgets. With `extratime` it goes on at level 1, 2, ... instead, a
 *             budget each, behind all of a lower level.
 *   refilled  at its deadline: a full budget, the next deadline a period later, level 0.
 *   late      one that has not had its budget at its deadline keeps that deadline until it has, and
 *             so goes first, and catches up with what it missed in the last LATE_MAX. When too much
 *             is promised they take turns, a budget each: nobody starves.
 *   woken     after a sleep it keeps deadline and budget only if that is no more than its share of
 *             the time until then; otherwise they begin anew, so that sleeping gains nothing.
 */
#include <abi.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/softirq.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "sched_rtds.h"

#define PERIOD_DEFAULT MILLISECS(10)
#define BUDGET_DEFAULT MILLISECS(4)
#define SHORTEST MICROSECS(10) /* of both */
#define LATE_MAX SECONDS(1)    /* how far a deadline may lie back */

struct rt_pool {
    bool is_made;
    spinlock_t lock; /* RANK_SCHED: all of this, its cpus' rt_cpu, and its vcpus */
    cpumask_t cpus;
    cpumask_t idle;      /* of these, run their idle vcpu; others read it without lock */
    cpumask_t tickled;   /* told to choose, have not yet; atomic */
    struct list ready;   /* rt_vcpu.link, in the order in which they go */
    struct list refills; /* rt_vcpu.refill, by deadline: runnable, and spent or above level 0 */
    struct timer timer;  /* for the first of them */
};

struct rt_cpu {
    struct rt_pool *pool;
    struct rt_vcpu *running; /* chosen last; NULL: the idle vcpu */
};

struct rt_dom {
    struct rt_params params; /* of vcpus that are made; what was last set for all */
};

static DEFINE_PER_CPU(struct rt_cpu, rt_cpu);
static struct rt_pool rt_pools[MAX_POOLS];

static struct rt_pool *pool_of(const struct vcpu *v)
{
    return per_cpu(rt_cpu, read_once(v->sched.cpu)).pool;
}

static bool may_run_on(const struct rt_vcpu *rv, unsigned int cpu)
{
    return cpumask_test(&rv->vcpu->sched.hard_effective, cpu);
}

bool rt_before(const struct rt_vcpu *a, const struct rt_vcpu *b)
{
    return a->level != b->level ? a->level < b->level : a->deadline < b->deadline;
}

/* --- queues ----------------------------------------------------------------------------------- */

static struct rt_vcpu *ready_entry(struct list *l)
{
    return list_entry(l, struct rt_vcpu, link);
}

static struct rt_vcpu *refill_entry(struct list *l)
{
    return list_entry(l, struct rt_vcpu, refill);
}

static void ready_insert(struct rt_pool *p, struct rt_vcpu *rv)
{
    struct list *l = p->ready.prev;

    while (l != &p->ready && rt_before(rv, ready_entry(l)))
        l = l->prev;
    list_add(l, &rv->link);
}

static void timer_follow(struct rt_pool *p)
{
    ns_t first = list_empty(&p->refills) ? NS_NEVER : refill_entry(p->refills.next)->deadline;

    if (p->timer.deadline != first)
        timer_set(&p->timer, first);
}

static void refill_insert(struct rt_pool *p, struct rt_vcpu *rv)
{
    struct list *l = p->refills.prev;

    if (!list_empty(&rv->refill))
        return;
    while (l != &p->refills && refill_entry(l)->deadline > rv->deadline)
        l = l->prev;
    list_add(l, &rv->refill);
    timer_follow(p);
}

static void refill_remove(struct rt_pool *p, struct rt_vcpu *rv)
{
    if (list_empty(&rv->refill))
        return;
    list_del(&rv->refill);
    timer_follow(p);
}

/* --- budgets ---------------------------------------------------------------------------------- */

static void burn(struct rt_vcpu *rv, ns_t now)
{
    if (now > rv->burned_at) {
        rv->left -= now - rv->burned_at;
        rv->burned_at = now;
    }
}

/* As many budgets as it takes to pay its debt, with as many periods. */
static void renew(struct rt_vcpu *rv, ns_t now)
{
    ns_t n = 1;

    if (rv->level > 0 || rv->left > 0) {
        rv->left = rv->p.budget;
    } else {
        n = -rv->left / rv->p.budget + 1;
        rv->left += n * rv->p.budget;
    }
    rv->level = 0;
    rv->deadline = MAX(rv->deadline + n * rv->p.period, now - LATE_MAX);
}

/* It is runnable. True: it has budget, or has got some; false: it waits for its deadline. */
static bool has_budget(struct rt_pool *p, struct rt_vcpu *rv, ns_t now)
{
    if (rv->left > 0)
        return true;
    if (rv->level == 0 && rv->deadline <= now) {
        renew(rv, now); /* it was late: the next one is due already */
        return true;
    }
    if (rv->p.extra) {
        rv->level++;
        rv->left = rv->p.budget;
    }
    refill_insert(p, rv);
    return rv->p.extra;
}

/* Whether the budget that is left is more than its share of the time to its deadline. */
static bool has_too_much(const struct rt_vcpu *rv, ns_t now)
{
    return (__int128)rv->left * rv->p.period > (__int128)rv->p.budget * (rv->deadline - now);
}

static void woken(struct rt_vcpu *rv, ns_t now)
{
    if (rv->deadline > now && (rv->level > 0 || rv->left <= 0 || !has_too_much(rv, now)))
        return;
    rv->deadline = now;
    renew(rv, now);
}

/* --- telling cpus ----------------------------------------------------------------------------- */

static void tickle(struct rt_pool *p, unsigned int cpu)
{
    cpumask_set_atomic(&p->tickled, cpu);
    softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
}

/* The busy cpu, not told yet, whose vcpu goes last; all: of any affinity. NR_CPUS: none. */
static unsigned int last_cpu_for(const struct rt_pool *p, const struct rt_vcpu *rv, bool all)
{
    const struct rt_vcpu *last = NULL;
    unsigned int found = NR_CPUS;

    for_each_cpu (cpu, &p->cpus) {
        const struct rt_vcpu *running = per_cpu(rt_cpu, cpu).running;

        if (!running || cpumask_test(&p->tickled, cpu) || (!all && !may_run_on(rv, cpu)))
            continue;
        if (!last || rt_before(last, running)) {
            last = running;
            found = cpu;
        }
    }
    return last && rt_before(rv, last) ? found : NR_CPUS;
}

static void tell_somebody(struct rt_pool *p, const struct rt_vcpu *rv)
{
    unsigned int cpu = sched_idle_cpu(&p->idle, &p->tickled, rv->vcpu);

    if (cpu >= NR_CPUS)
        cpu = last_cpu_for(p, rv, false);
    if (cpu < NR_CPUS)
        tickle(p, cpu);
}

/* A cpu has taken one, maybe another than it was told for: the others may be due elsewhere. */
static void tell_for_rest(struct rt_pool *p)
{
    list_for_each (l, &p->ready) {
        cpumask_t idle;

        cpumask_andnot(&idle, &p->idle, &p->tickled);
        if (cpumask_empty(&idle) && last_cpu_for(p, ready_entry(l), true) >= NR_CPUS)
            return; /* and later ones are no more due */
        tell_somebody(p, ready_entry(l));
    }
}

/* --- places of a vcpu ------------------------------------------------------------------------- */

static void rt_enqueue(struct vcpu *v)
{
    struct rt_vcpu *rv = rt_of(v);
    struct rt_pool *p = pool_of(v);
    ns_t now = time_now();

    if (rv->asleep)
        woken(rv, now);
    rv->asleep = false;
    if (!has_budget(p, rv, now)) {
        rv->parked = true;
        return;
    }
    if (rv->level > 0)
        refill_insert(p, rv);
    ready_insert(p, rv);
    tell_somebody(p, rv);
}

static void rt_dequeue(struct vcpu *v)
{
    struct rt_vcpu *rv = rt_of(v);

    refill_remove(pool_of(v), rv);
    if (!rv->parked)
        list_del(&rv->link);
    rv->parked = false;
}

static void rt_sleep(struct vcpu *v)
{
    refill_remove(pool_of(v), rt_of(v));
    rt_of(v)->asleep = true;
}

/* All cpus that it may go to share the queue. */
static void rt_migrate(struct vcpu *v, unsigned int from, unsigned int to)
{
}

/* The order is by deadlines: who gives way only makes its own one come too late. */
static void rt_yield(struct vcpu *v)
{
}

static unsigned int rt_pick_cpu(const struct vcpu *v)
{
    const struct rt_pool *p = pool_of(v);
    unsigned int own = read_once(v->sched.cpu), cpu = sched_idle_cpu(&p->idle, &p->tickled, v);

    if (cpu < NR_CPUS)
        return cpu;
    return cpumask_test(&v->sched.hard_effective, own) ? own
                                                       : cpumask_first(&v->sched.hard_effective);
}

/* --- refilling -------------------------------------------------------------------------------- */

static void refill_one(struct rt_pool *p, struct rt_vcpu *rv, ns_t now)
{
    list_del(&rv->refill);
    if (per_cpu(rt_cpu, rv->vcpu->sched.cpu).running == rv)
        burn(rv, now);
    renew(rv, now);
    if (!rv->parked && list_empty(&rv->link))
        return; /* it runs, and goes on */
    if (!rv->parked)
        list_del(&rv->link);
    rv->parked = false;
    ready_insert(p, rv);
    tell_somebody(p, rv);
}

static void refill_due(void *data)
{
    struct rt_pool *p = data;
    ns_t now;

    spin_lock(&p->lock);
    now = time_now();
    while (!list_empty(&p->refills) && refill_entry(p->refills.next)->deadline <= now)
        refill_one(p, refill_entry(p->refills.next), now);
    timer_follow(p);
    tell_for_rest(p);
    spin_unlock(&p->lock);
}

/* --- choosing --------------------------------------------------------------------------------- */

static struct rt_vcpu *first_ready(const struct rt_pool *p, unsigned int cpu)
{
    list_for_each (l, &p->ready)
        if (may_run_on(ready_entry(l), cpu))
            return ready_entry(l);
    return NULL;
}

static struct vcpu *rt_pick_next(unsigned int cpu, struct vcpu *prev, ns_t now, ns_t *until)
{
    struct rt_cpu *rc = &per_cpu(rt_cpu, cpu);
    struct rt_pool *p = rc->pool;
    struct rt_vcpu *pv = prev->is_idle ? NULL : rt_of(prev), *best = first_ready(p, cpu);
    bool keep = false;

    cpumask_clear_atomic(&p->tickled, cpu);
    if (pv) {
        burn(pv, now);
        keep = vcpu_runnable(prev) && may_run_on(pv, cpu) && has_budget(p, pv, now);
    }
    if (keep && !(best && rt_before(best, pv))) {
        rc->running = pv;
    } else if (best) {
        list_del(&best->link);
        best->burned_at = now;
        rc->running = best;
    } else {
        rc->running = NULL;
        cpumask_set_atomic(&p->idle, cpu);
        return per_cpu(sched_cpu, cpu).idle;
    }
    cpumask_clear_atomic(&p->idle, cpu);
    *until = now + rc->running->left;
    tell_for_rest(p);
    return rc->running->vcpu;
}

static void rt_balance(unsigned int cpu)
{
}

static bool rt_chosen(unsigned int cpu, const struct vcpu *next)
{
    return false;
}

/* --- life ------------------------------------------------------------------------------------- */

static int rt_pool_init(uint32_t pool)
{
    struct rt_pool *p = &rt_pools[pool];

    if (p->is_made)
        return 0;
    p->is_made = true;
    spin_init(&p->lock, RANK_SCHED);
    list_init(&p->ready);
    list_init(&p->refills);
    timer_init(&p->timer, refill_due, p, smp_processor_id());
    return 0;
}

static spinlock_t *rt_cpu_init(unsigned int cpu, uint32_t pool)
{
    per_cpu(rt_cpu, cpu) = (struct rt_cpu){ .pool = &rt_pools[pool] };
    return &rt_pools[pool].lock;
}

/* The timer is at one of the pool's cpus. */
static void rt_cpu_online(unsigned int cpu)
{
    struct rt_pool *p = per_cpu(rt_cpu, cpu).pool;

    if (cpumask_empty(&p->cpus))
        timer_migrate(&p->timer, cpu);
    cpumask_set(&p->cpus, cpu);
    cpumask_set_atomic(&p->idle, cpu);
}

static void rt_cpu_offline(unsigned int cpu)
{
    struct rt_pool *p = per_cpu(rt_cpu, cpu).pool;

    cpumask_clear(&p->cpus, cpu);
    cpumask_clear_atomic(&p->idle, cpu);
    cpumask_clear_atomic(&p->tickled, cpu);
    if (p->timer.cpu == cpu && !cpumask_empty(&p->cpus))
        timer_migrate(&p->timer, cpumask_first(&p->cpus));
}

static void *rt_vcpu_alloc(struct vcpu *v, void *domain_priv)
{
    const struct rt_dom *rd = domain_priv;
    struct rt_vcpu *rv = hv_alloc(sizeof(*rv));

    if (!rv)
        return NULL;
    rv->vcpu = v;
    rv->p = rd->params;
    rv->asleep = true;
    list_init(&rv->link);
    list_init(&rv->refill);
    return rv;
}

static void *rt_domain_alloc(struct domain *d)
{
    struct rt_dom *rd = hv_alloc(sizeof(*rd));

    if (rd)
        rd->params = (struct rt_params){ PERIOD_DEFAULT, BUDGET_DEFAULT, true };
    return rd;
}

static void rt_free(void *priv)
{
    hv_free(priv);
}

static void rt_vcpu_comes_or_goes(struct vcpu *v)
{
}

/* --- parameters ------------------------------------------------------------------------------- */

static int params_from(struct rt_params *to, const struct xen_domctl_sched_rtds *from)
{
    *to = (struct rt_params){ MICROSECS(from->period), MICROSECS(from->budget),
                              from->flags & XEN_DOMCTL_SCHEDRT_extra };
    return to->budget < SHORTEST || to->budget > to->period ? -EINVAL : 0;
}

static void params_to(struct xen_domctl_sched_rtds *to, const struct rt_params *from)
{
    to->period = (uint32_t)(from->period / MICROSECS(1));
    to->budget = (uint32_t)(from->budget / MICROSECS(1));
    to->flags = from->extra ? XEN_DOMCTL_SCHEDRT_extra : 0;
}

/* A new life begins, at once: a full budget, a whole period. */
static void NO_TSA set_params(struct vcpu *v, const struct rt_params *params)
{
    spinlock_t *l = sched_lock_vcpu(v);
    struct rt_vcpu *rv = rt_of(v);
    bool queued = v->sched.runstate.state == RUNSTATE_runnable && !v->sched.is_running;
    ns_t now = time_now();

    if (queued)
        rt_dequeue(v);
    else
        refill_remove(pool_of(v), rv);
    rv->p = *params;
    rv->deadline = now + params->period;
    rv->left = params->budget;
    rv->level = 0;
    rv->burned_at = now;
    if (queued)
        rt_enqueue(v);
    else if (v->sched.is_running)
        softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
    spin_unlock(l);
}

static int rt_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    struct rt_dom *rd = d->sched_priv;
    struct rt_params params;
    struct vcpu *v;
    int rc;

    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        params_to(&op->u.rtds, &rd->params);
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        rc = params_from(&params, &op->u.rtds);
        if (rc)
            return rc;
        rd->params = params;
        for_each_vcpu (d, v)
            set_params(v, &params);
        return 0;
    default:
        return -EINVAL;
    }
}

static int rt_adjust_vcpu(struct vcpu *v, uint32_t cmd, struct xen_domctl_schedparam_vcpu *p)
{
    struct rt_params params;
    int rc;

    if (cmd == XEN_DOMCTL_SCHEDOP_getvcpuinfo) {
        params_to(&p->u.rtds, &rt_of(v)->p);
        return 0;
    }
    rc = params_from(&params, &p->u.rtds);
    if (!rc)
        set_params(v, &params);
    return rc;
}

const struct sched_ops sched_rtds = {
    .name = "rtds",
    .id = XEN_SCHEDULER_RTDS,
    .pool_init = rt_pool_init,
    .cpu_init = rt_cpu_init,
    .cpu_online = rt_cpu_online,
    .cpu_offline = rt_cpu_offline,
    .vcpu_alloc = rt_vcpu_alloc,
    .vcpu_free = rt_free,
    .domain_alloc = rt_domain_alloc,
    .domain_free = rt_free,
    .vcpu_arrive = rt_vcpu_comes_or_goes,
    .vcpu_leave = rt_vcpu_comes_or_goes,
    .pick_cpu = rt_pick_cpu,
    .enqueue = rt_enqueue,
    .dequeue = rt_dequeue,
    .sleep = rt_sleep,
    .migrate = rt_migrate,
    .yield = rt_yield,
    .pick_next = rt_pick_next,
    .balance = rt_balance,
    .chosen = rt_chosen,
    .adjust_domain = rt_adjust_domain,
    .adjust_vcpu = rt_adjust_vcpu,
};
