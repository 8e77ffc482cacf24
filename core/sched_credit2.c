/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The default policy: proportional shares by virtual time, in the terms of the ABI's credit2
 * (weight, cap, ratelimit). The credit policy is the same with that one's parameters, which promise
 * no more: shares by weight, caps, a time slice, a rate limit, a delay before migration.
 *
 * A pool's cpus form groups of up to `credit2_group=` (16) that share one queue, sorted by virtual
 * time: a vcpu's virtual time grows by its run time * 256 / weight, and the vcpu with the least
 * goes first. So within a group shares are exact for any number of vcpus and cpus; between groups
 * only the number of runnable vcpus is evened out.
 *
 * Each cpu has a clock: the greatest virtual time at which a vcpu was chosen there. A vcpu that is
 * chosen is brought up to the clock less a slice, so that one that slept (or comes from a cpu with
 * another pace) has a small lead and no more. In the other direction, a vcpu that waited much too
 * long is chosen whatever its virtual time: nobody starves.
 *
 * Whoever queues a vcpu makes sure that a cpu that may run it will choose again in bounded time: an
 * idle one now, or the one whose vcpu has had most, now or when its slice ends. A cpu whose vcpu
 * has no competitor has no slice at all.
 *
 * Caps are in sched_cap.c, parameters in sched_credit.c.
 */
#include <hv/atomic.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/softirq.h>
#include <lib/cmdline.h>

#include "sched_credit2.h"

#define SLICE_MIN MICROSECS(500)
#define PREEMPT_MIN MICROSECS(500) /* virtual time: smaller leads do not preempt */
#define BALANCE_PERIOD MILLISECS(30)
#define STARVE_PERIOD MILLISECS(250)
#define STARVE_AFTER SECONDS(1)

static uint32_t group_cpus = 16;
PARAM_UINT("credit2_group", group_cpus, "cpus that share a run queue (default 16)");

struct c2_group {
    spinlock_t lock;   /* RANK_SCHED: all of this, its cpus' c2_cpu and its vcpus */
    struct c2_pool *pool;
    unsigned int number; /* of its cpus / credit2_group */
    cpumask_t cpus;    /* may be none: a group is there for good */
    cpumask_t idle;    /* of these, run their idle vcpu; others read it without lock */
    cpumask_t tickled; /* told to choose, have not yet; atomic */
    struct list queue; /* struct c2_vcpu, rising virtual time */
    uint32_t nr_queued;
    ns_t next_balance;
};

struct c2_cpu {
    struct c2_group *group;
    ns_t clock;
    ns_t next_starve_scan;
    bool was_told; /* idle and told to choose, before the last choice */
    /* nothing else in the queue may run here, seen at the last choice: no slice is set */
    bool alone;
};

static DEFINE_PER_CPU(struct c2_cpu, c2_cpu);

static struct c2_group *group_of(const struct vcpu *v)
{
    return per_cpu(c2_cpu, read_once(v->sched.cpu)).group;
}

static struct c2_vcpu *queue_entry(struct list *l)
{
    return list_entry(l, struct c2_vcpu, link);
}

static bool may_run_on(const struct c2_vcpu *cv, unsigned int cpu)
{
    return cpumask_test(&cv->vcpu->sched.hard_effective, cpu);
}

/* --- virtual time ----------------------------------------------------------------------------- */

static ns_t to_virtual(const struct c2_vcpu *cv, ns_t run)
{
    return run * C2_WEIGHT_DEFAULT / (ns_t)read_once(cv->dom->weight);
}

static ns_t to_real(const struct c2_vcpu *cv, ns_t virtual)
{
    return virtual * (ns_t)read_once(cv->dom->weight) / C2_WEIGHT_DEFAULT;
}

/* What a running vcpu used up since it was last asked. */
static void burn(struct c2_vcpu *cv, ns_t now)
{
    ns_t from = cv->burned_at;

    if (now <= from)
        return;
    cv->burned_at = now;
    cv->vtime += to_virtual(cv, now - from);
    c2_cap_burn(cv, from, now);
}

/* Virtual time as it counts on that cpu. */
static ns_t vtime_on(const struct c2_vcpu *cv, unsigned int cpu)
{
    const struct c2_cpu *cc = &per_cpu(c2_cpu, cpu);

    return MAX(cv->vtime, cc->clock - read_once(cc->group->pool->slice_max));
}

/* --- the queue -------------------------------------------------------------------------------- */

static void queue_insert(struct c2_group *g, struct c2_vcpu *cv)
{
    struct list *l = g->queue.prev;

    while (l != &g->queue && queue_entry(l)->vtime > cv->vtime)
        l = l->prev;
    list_add(l, &cv->link);
    write_once(g->nr_queued, g->nr_queued + 1);
}

static void queue_remove(struct c2_group *g, struct c2_vcpu *cv)
{
    list_del(&cv->link);
    write_once(g->nr_queued, g->nr_queued - 1);
}

static struct c2_vcpu *queue_first_for(const struct c2_group *g, unsigned int cpu)
{
    list_for_each (l, &g->queue)
        if (may_run_on(queue_entry(l), cpu))
            return queue_entry(l);
    return NULL;
}

/* --- telling cpus ----------------------------------------------------------------------------- */

static unsigned int idle_cpu_for(const struct c2_group *g, const struct vcpu *v)
{
    return sched_idle_cpu(&g->idle, &g->tickled, v);
}

static void tickle(struct c2_group *g, unsigned int cpu)
{
    cpumask_set_atomic(&g->tickled, cpu);
    softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
}

static bool tickle_idle(struct c2_group *g, const struct c2_vcpu *cv)
{
    unsigned int cpu = idle_cpu_for(g, cv->vcpu);

    if (cpu >= NR_CPUS)
        return false;
    tickle(g, cpu);
    return true;
}

/*
 * The cpu whose vcpu had most compared with cv: make it choose if cv goes first there, or if it has
 * no slice.
 */
static void tickle_busy(struct c2_group *g, const struct c2_vcpu *cv, ns_t now)
{
    unsigned int worst = NR_CPUS;
    ns_t most = INT64_MIN;

    for_each_cpu (cpu, &g->cpus) {
        struct vcpu *curr = per_cpu(sched_cpu, cpu).curr;
        ns_t ahead;

        if (!may_run_on(cv, cpu) || curr->is_idle)
            continue;
        burn(c2_of(curr), now);
        ahead = c2_of(curr)->vtime - vtime_on(cv, cpu);
        if (ahead > most) {
            most = ahead;
            worst = cpu;
        }
    }
    if (worst < NR_CPUS && (most > PREEMPT_MIN || per_cpu(c2_cpu, worst).alone))
        tickle(g, worst);
}

/* Groups of a pool are added at the end and never go, so that they are looked at without lock. */
static uint32_t nr_groups(const struct c2_pool *p)
{
    return __atomic_load_n(&p->nr_groups, __ATOMIC_ACQUIRE);
}

/*
 * cv has run too lately to leave its group. Nobody comes back for it: it has its turn in the group.
 */
static bool stays(const struct c2_group *g, const struct c2_vcpu *cv)
{
    ns_t delay = read_once(g->pool->migrate_delay);

    return delay && time_now() - cv->burned_at < delay;
}

/* An idle cpu of another group will come and take cv. */
static bool tickle_elsewhere(const struct c2_group *g, const struct c2_vcpu *cv)
{
    const struct c2_pool *p = g->pool;

    for (uint32_t i = 0; i < nr_groups(p); i++) {
        struct c2_group *other = p->groups[i];
        unsigned int cpu;

        if (other == g)
            continue;
        cpu = idle_cpu_for(other, cv->vcpu);
        if (cpu < NR_CPUS) {
            tickle(other, cpu);
            return true;
        }
    }
    return false;
}

static void tell_somebody(struct c2_group *g, const struct c2_vcpu *cv)
{
    if (tickle_idle(g, cv))
        return;
    smp_mb(); /* queued before looking at other groups' idle cpus; pairs with work_elsewhere() */
    tickle_elsewhere(g, cv);
    tickle_busy(g, cv, time_now());
}

static bool has_idle(const struct c2_group *g)
{
    cpumask_t idle;

    cpumask_andnot(&idle, &g->idle, &g->tickled);
    return !cpumask_empty(&idle);
}

static bool some_group_has_idle(const struct c2_pool *p)
{
    for (uint32_t i = 0; i < nr_groups(p); i++)
        if (has_idle(p->groups[i]))
            return true;
    return false;
}

/*
 * A cpu has taken one of the queue, maybe another one than it was told for: offer the others to
 * cpus that are idle yet.
 */
static void tell_for_rest(struct c2_group *g)
{
    list_for_each (l, &g->queue) {
        if (!some_group_has_idle(g->pool))
            return;
        if (!tickle_idle(g, queue_entry(l)))
            tickle_elsewhere(g, queue_entry(l));
    }
}

/* --- places of a vcpu ------------------------------------------------------------------------- */

static void c2_enqueue(struct vcpu *v)
{
    struct c2_vcpu *cv = c2_of(v);
    struct c2_group *g = group_of(v);

    c2_cap_return(cv);
    if (!c2_cap_take(cv)) {
        cv->parked = true;
        return;
    }
    cv->queued_at = time_now();
    queue_insert(g, cv);
    tell_somebody(g, cv);
}

static void c2_dequeue(struct vcpu *v)
{
    struct c2_vcpu *cv = c2_of(v);

    if (cv->parked)
        cv->parked = false;
    else
        queue_remove(group_of(v), cv);
}

static void c2_sleep(struct vcpu *v)
{
    c2_of(v)->yielding = false;
    c2_cap_return(c2_of(v));
}

/* Keep the distance to the clock of the cpu. */
static void c2_migrate(struct vcpu *v, unsigned int from, unsigned int to)
{
    c2_of(v)->vtime += per_cpu(c2_cpu, to).clock - per_cpu(c2_cpu, from).clock;
}

static void c2_yield(struct vcpu *v)
{
    c2_of(v)->yielding = true;
}

/* A capped domain has time again. */
void NO_TSA c2_unpark(struct vcpu *v) /* the lock is the one that v belongs to */
{
    spinlock_t *l = sched_lock_vcpu(v);
    struct c2_vcpu *cv = c2_of(v);

    if (cv->parked) {
        cv->parked = false;
        c2_enqueue(v);
    }
    spin_unlock(l);
}

/* --- choosing --------------------------------------------------------------------------------- */

/*
 * Somebody who waited far longer than a full round takes, or NULL. Looks only now and then: the
 * queue may be long.
 */
static struct c2_vcpu *starving(struct c2_group *g, unsigned int cpu, ns_t now)
{
    struct c2_cpu *cc = &per_cpu(c2_cpu, cpu);
    ns_t limit = STARVE_AFTER + 2 * read_once(g->pool->slice_max) * g->nr_queued;
    struct c2_vcpu *oldest = NULL;

    if (now < cc->next_starve_scan)
        return NULL;
    list_for_each (l, &g->queue) {
        struct c2_vcpu *cv = queue_entry(l);

        if (may_run_on(cv, cpu) && now - cv->queued_at > limit &&
            (!oldest || cv->queued_at < oldest->queued_at))
            oldest = cv;
    }
    /* There may be more of them: they go one after another. */
    if (!oldest)
        cc->next_starve_scan = now + STARVE_PERIOD;
    return oldest;
}

/*
 * First in the queue that may run here and has time left under its cap; those that have none are
 * parked.
 */
static struct c2_vcpu *best_queued(struct c2_group *g, unsigned int cpu)
{
    for (;;) {
        struct c2_vcpu *cv = queue_first_for(g, cpu);

        if (!cv || c2_cap_take(cv))
            return cv;
        queue_remove(g, cv);
        cv->parked = true;
    }
}

static bool goes_on(const struct c2_group *g, struct c2_vcpu *prev, const struct c2_vcpu *best,
                    unsigned int cpu, ns_t now)
{
    ns_t ran = now - prev->started_at, ahead;

    if (!best)
        return true;
    if (prev->yielding)
        return false;
    if (ran < read_once(g->pool->ratelimit))
        return true;
    ahead = prev->vtime - vtime_on(best, cpu);
    return ahead <= (now >= prev->slice_end ? 0 : PREEMPT_MIN);
}

/*
 * How far cv may be behind the next one that could run there: by what that one gets in a slice, and
 * a sleeper's lead. More is not due to it: that one has lived at another cpu, whose virtual time
 * went faster.
 */
static ns_t least_vtime(const struct c2_pool *p, const struct c2_vcpu *competitor)
{
    ns_t slice_max = read_once(p->slice_max);

    return competitor->vtime - to_virtual(competitor, slice_max) - slice_max;
}

static ns_t slice_of(const struct c2_pool *p, const struct c2_vcpu *cv,
                     const struct c2_vcpu *competitor, unsigned int cpu)
{
    ns_t shortest = MAX(SLICE_MIN, read_once(p->ratelimit)), longest = read_once(p->slice_max);
    ns_t slice = to_real(cv, vtime_on(competitor, cpu) - cv->vtime + c2_grain(p));

    return MAX(MIN(slice, longest), MIN(shortest, longest));
}

/* cv is to run from now on: its virtual time and the cpu's clock, and when to choose again. */
static ns_t start(struct c2_group *g, struct c2_vcpu *cv, unsigned int cpu, ns_t now)
{
    struct c2_cpu *cc = &per_cpu(c2_cpu, cpu);
    struct c2_vcpu *competitor = queue_first_for(g, cpu);
    ns_t until = NS_NEVER;

    cv->vtime = vtime_on(cv, cpu);
    if (competitor)
        cv->vtime = MAX(cv->vtime, least_vtime(g->pool, competitor));
    cc->clock = MAX(cc->clock, cv->vtime);
    cc->alone = !competitor;
    cv->yielding = false;
    if (competitor)
        until = now + slice_of(g->pool, cv, competitor, cpu);
    cv->slice_end = until;
    return MIN(until, c2_cap_until(cv, now));
}

static struct vcpu *c2_pick_next(unsigned int cpu, struct vcpu *prev, ns_t now, ns_t *until)
{
    struct c2_cpu *cc = &per_cpu(c2_cpu, cpu);
    struct c2_group *g = cc->group;
    struct c2_vcpu *pv = prev->is_idle ? NULL : c2_of(prev), *best, *next;
    bool keep = false;

    cc->was_told = !pv && cpumask_test(&g->tickled, cpu);
    cpumask_clear_atomic(&g->tickled, cpu);
    if (pv) {
        burn(pv, now);
        if (cc->alone)
            cc->clock = MAX(cc->clock, pv->vtime);
        keep = vcpu_runnable(prev) && may_run_on(pv, cpu) && c2_cap_take(pv);
    }
    best = starving(g, cpu, now);
    if (best && c2_cap_take(best)) {
        best->vtime = MIN(best->vtime, cc->clock);
        keep = false;
    } else {
        best = best_queued(g, cpu);
    }

    if (keep && goes_on(g, pv, best, cpu, now)) {
        next = pv;
    } else if (best) {
        queue_remove(g, best);
        best->started_at = best->burned_at = now;
        next = best;
    } else {
        cc->alone = false;
        cpumask_set_atomic(&g->idle, cpu);
        return per_cpu(sched_cpu, cpu).idle;
    }
    cpumask_clear_atomic(&g->idle, cpu);
    *until = start(g, next, cpu, now);
    tell_for_rest(g);
    return next->vcpu;
}

/* --- between groups --------------------------------------------------------------------------- */

static unsigned int c2_pick_cpu(const struct vcpu *v)
{
    const struct c2_group *own = group_of(v), *least = NULL;
    struct c2_group **groups = own->pool->groups;
    const uint32_t n = nr_groups(own->pool);
    unsigned int cpu = idle_cpu_for(own, v);
    uint32_t queued = UINT32_MAX;
    cpumask_t may;

    if (cpu < NR_CPUS)
        return cpu;
    for (uint32_t i = 0; i < n; i++)
        if (groups[i] != own && (cpu = idle_cpu_for(groups[i], v)) < NR_CPUS)
            return cpu;
    cpu = v->sched.cpu;
    if (cpumask_test(&v->sched.hard_effective, cpu))
        return cpu;
    cpumask_and(&may, &own->cpus, &v->sched.hard_effective);
    if (!cpumask_empty(&may))
        return cpumask_first(&may);
    for (uint32_t i = 0; i < n; i++) {
        if (cpumask_intersects(&groups[i]->cpus, &v->sched.hard_effective) &&
            read_once(groups[i]->nr_queued) < queued) {
            least = groups[i];
            queued = read_once(least->nr_queued);
        }
    }
    if (!least)
        return NR_CPUS;
    cpumask_and(&may, &least->cpus, &v->sched.hard_effective);
    return cpumask_first(&may);
}

/* Both groups locked: move the first queued vcpu of `from` that may run on one of `cpus` there. */
static bool move_one(struct c2_group *from, const cpumask_t *cpus)
{
    list_for_each (l, &from->queue) {
        struct c2_vcpu *cv = queue_entry(l);
        struct vcpu *v = cv->vcpu;
        cpumask_t may;
        unsigned int cpu;

        cpumask_and(&may, cpus, &v->sched.hard_effective);
        if (cpumask_empty(&may) || stays(from, cv))
            continue;
        cpu = cpumask_first(&may);
        queue_remove(from, cv);
        c2_migrate(v, v->sched.cpu, cpu);
        sched_set_cpu(v, cpu);
        queue_insert(group_of(v), cv);
        tell_somebody(group_of(v), cv);
        return true;
    }
    return false;
}

static void steal(struct c2_group *g, unsigned int cpu)
{
    cpumask_t me;

    cpumask_zero(&me);
    cpumask_set(&me, cpu);
    for (uint32_t i = 0; i < nr_groups(g->pool); i++) {
        struct c2_group *other = g->pool->groups[i];
        bool moved;

        if (other == g || !read_once(other->nr_queued))
            continue;
        lock_two(&g->lock, &other->lock);
        moved = move_one(other, &me);
        if (moved)
            tell_for_rest(other);
        unlock_two(&g->lock, &other->lock);
        if (moved)
            return;
    }
}

/* Runnable vcpus of a group, and its cpus. */
static void load_of(const struct c2_group *g, uint32_t *load, uint32_t *cpus)
{
    *cpus = cpumask_weight(&g->cpus);
    *load = read_once(g->nr_queued) + *cpus - MIN(cpumask_weight(&g->idle), *cpus);
}

/* Vcpus wait here: give one to the first group where it would still be less crowded. */
static void push(struct c2_group *g)
{
    uint32_t load, cpus, other_load, other_cpus;

    load_of(g, &load, &cpus);
    for (uint32_t i = 0; i < nr_groups(g->pool); i++) {
        struct c2_group *other = g->pool->groups[i];
        bool moved;

        if (other == g)
            continue;
        load_of(other, &other_load, &other_cpus);
        if ((uint64_t)(load - 1) * other_cpus <= (uint64_t)other_load * cpus)
            continue;
        lock_two(&g->lock, &other->lock);
        moved = move_one(g, &other->cpus);
        unlock_two(&g->lock, &other->lock);
        if (moved)
            return;
    }
}

/* other: of another group, so that only what may leave it counts. */
static bool has_work_for(struct c2_group *g, unsigned int cpu, bool other)
{
    bool has = false;

    if (!read_once(g->nr_queued))
        return false;
    spin_lock(&g->lock);
    list_for_each (l, &g->queue)
        if (may_run_on(queue_entry(l), cpu) && !(other && stays(g, queue_entry(l)))) {
            has = true;
            break;
        }
    spin_unlock(&g->lock);
    return has;
}

static void c2_balance(unsigned int cpu)
{
    struct c2_group *g = per_cpu(c2_cpu, cpu).group;
    struct vcpu *curr = per_cpu(sched_cpu, cpu).curr;
    ns_t now;

    if (nr_groups(g->pool) < 2)
        return;
    if ((curr->is_idle || !vcpu_runnable(curr)) && !has_work_for(g, cpu, false)) {
        steal(g, cpu);
        return;
    }
    now = time_now();
    if (read_once(g->nr_queued) && now >= read_once(g->next_balance)) {
        write_once(g->next_balance, now + BALANCE_PERIOD);
        push(g);
    }
}

static bool work_elsewhere(const struct c2_group *g, unsigned int cpu)
{
    smp_mb(); /* our idle bit is set; pairs with tell_somebody() */
    for (uint32_t i = 0; i < nr_groups(g->pool); i++)
        if (g->pool->groups[i] != g && has_work_for(g->pool->groups[i], cpu, true))
            return true;
    return false;
}

static bool c2_chosen(unsigned int cpu, const struct vcpu *next)
{
    struct c2_group *g = per_cpu(c2_cpu, cpu).group;

    /*
     * Now that we are known as idle, look again: who queued something before that did not tell us.
     */
    if (next->is_idle)
        return work_elsewhere(g, cpu);
    if (!per_cpu(c2_cpu, cpu).was_told)
        return false;
    /* Another group may have meant us for one of its vcpus, and now we have one of our own. */
    for (uint32_t i = 0; i < nr_groups(g->pool); i++) {
        struct c2_group *other = g->pool->groups[i];

        if (other == g || !read_once(other->nr_queued))
            continue;
        spin_lock(&other->lock);
        tell_for_rest(other);
        spin_unlock(&other->lock);
    }
    return false;
}

/* --- life ------------------------------------------------------------------------------------- */

/* The pool's group for that cpu; made when it is the first one there. */
static struct c2_group *group_for(struct c2_pool *p, unsigned int cpu)
{
    unsigned int number = cpu / (group_cpus ? group_cpus : 1);
    struct c2_group *g;

    for (uint32_t i = 0; i < p->nr_groups; i++)
        if (p->groups[i]->number == number)
            return p->groups[i];
    g = hv_alloc(sizeof(*g));
    if (!g)
        return NULL;
    spin_init(&g->lock, RANK_SCHED);
    list_init(&g->queue);
    g->pool = p;
    g->number = number;
    p->groups[p->nr_groups] = g;
    __atomic_store_n(&p->nr_groups, p->nr_groups + 1, __ATOMIC_RELEASE);
    return g;
}

/* Cpus come one at a time: at boot, each starts the next; later, the toolstack's calls do. */
static spinlock_t *c2_cpu_init(unsigned int cpu, uint32_t pool)
{
    struct c2_group *g = group_for(c2_pool_of(pool), cpu);

    if (!g)
        return NULL;
    per_cpu(c2_cpu, cpu) = (struct c2_cpu){ .group = g };
    return &g->lock;
}

/* Its clock is the others', so that their vcpus do not come as if they had had too much. */
static void c2_cpu_online(unsigned int cpu)
{
    struct c2_cpu *cc = &per_cpu(c2_cpu, cpu);
    struct c2_group *g = cc->group;

    for_each_cpu (other, &g->cpus)
        cc->clock = MAX(cc->clock, per_cpu(c2_cpu, other).clock);
    cpumask_set(&g->cpus, cpu);
    cpumask_set_atomic(&g->idle, cpu);
}

static void c2_cpu_offline(unsigned int cpu)
{
    struct c2_group *g = per_cpu(c2_cpu, cpu).group;

    cpumask_clear(&g->cpus, cpu);
    cpumask_clear_atomic(&g->idle, cpu);
    cpumask_clear_atomic(&g->tickled, cpu);
}

static void *c2_vcpu_alloc(struct vcpu *v, void *domain_priv)
{
    struct c2_vcpu *cv = hv_alloc(sizeof(*cv));

    if (!cv)
        return NULL;
    cv->vcpu = v;
    cv->dom = domain_priv;
    list_init(&cv->link);
    return cv;
}

static void c2_vcpu_free(void *priv)
{
    hv_free(priv);
}

static void c2_vcpu_comes_or_goes(struct vcpu *v)
{
}

#define C2_OPS \
    .cpu_init = c2_cpu_init, \
    .cpu_online = c2_cpu_online, \
    .cpu_offline = c2_cpu_offline, \
    .vcpu_alloc = c2_vcpu_alloc, \
    .vcpu_free = c2_vcpu_free, \
    .domain_alloc = c2_domain_alloc, \
    .domain_free = c2_domain_free, \
    .vcpu_arrive = c2_vcpu_comes_or_goes, \
    .vcpu_leave = c2_vcpu_comes_or_goes, \
    .pick_cpu = c2_pick_cpu, \
    .enqueue = c2_enqueue, \
    .dequeue = c2_dequeue, \
    .sleep = c2_sleep, \
    .migrate = c2_migrate, \
    .yield = c2_yield, \
    .pick_next = c2_pick_next, \
    .balance = c2_balance, \
    .chosen = c2_chosen

const struct sched_ops sched_credit2 = {
    .name = "credit2",
    .id = XEN_SCHEDULER_CREDIT2,
    .pool_init = c2_pool_init,
    C2_OPS,
    .adjust_domain = c2_adjust_domain,
    .adjust_pool = c2_adjust_pool,
};

const struct sched_ops sched_credit = {
    .name = "credit",
    .id = XEN_SCHEDULER_CREDIT,
    .pool_init = credit_pool_init,
    C2_OPS,
    .adjust_domain = credit_adjust_domain,
    .adjust_pool = credit_adjust_pool,
};
