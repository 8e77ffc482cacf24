/* SPDX-License-Identifier: GPL-2.0-only */
/* See sched_load.h. */
#include "sched_load.h"

#include <stdio.h>
#include <stdlib.h>

#include <hv/atomic.h>
#include <hv/cpupool.h>
#include <hv/sched.h>
#include <xen/domctl.h>

#include "../../core/sched_credit2.h"
#include "../../core/sched_rtds.h"
#include "sim.h"

#define MAX_DOMAINS 12
#define MEASURE SECONDS(4)
#define SETTLE SECONDS(3)
#define LEAD 15
#define ONE_SLICE MILLISECS(20) /* what a measurement may be off by whatever the share */

/* --- the bytes -------------------------------------------------------------------------------- */

static const uint8_t *at;
static size_t left;

static uint32_t take(uint32_t below)
{
    uint32_t v = 0;

    for (unsigned int i = 0; i < 2 && left > 0; i++, left--)
        v = v << 8 | *at++;
    return below ? v % below : 0;
}

static bool one_in(uint32_t n) { return take(n) == n - 1; }

/* --- domains ---------------------------------------------------------------------------------- */

static struct plan {
    struct domain *d;
    uint32_t weight, cap;
    unsigned int part; /* its set of cpus */
    double ideal;      /* cpus' worth of time */
    bool exact;        /* that much; else: at least that much */
    uint64_t before;   /* time that it had before the measurement */
} plans[MAX_DOMAINS];
static unsigned int nr_plans;
static const char *kind_name;

static uint64_t time_of(const struct domain *d)
{
    uint64_t sum = 0;
    struct vcpu *v;

    for_each_vcpu (d, v)
        sum += vcpu_cpu_time(v);
    return sum;
}

static int fail(const char *what, const struct plan *p, double got, double want)
{
    printf("# %s: %s: got %.6f, want %.6f; %u cpus, domains:", kind_name, what, got, want,
           sim_cpus);
    for (unsigned int i = 0; i < nr_plans; i++)
        if (plans[i].d)
            printf(" %s%ux w%u c%u p%u %.3f/%.3f", &plans[i] == p ? "*" : "",
                   plans[i].d->max_vcpus, plans[i].weight, plans[i].cap, plans[i].part,
                   (double)(time_of(plans[i].d) - plans[i].before) / MEASURE, plans[i].ideal);
    printf("\n");
    return 1;
}

static const struct sched_ops *policy_of(const struct domain *d)
{
    return cpupool_ops(d->cpupool_id);
}

/* As far as the domain's policy has them; credit has credit2's. */
static void set_params(const struct plan *p)
{
    struct xen_domctl_scheduler_op op = {
        .sched_id = policy_of(p->d)->id,
        .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
        .u.credit2 = { (uint16_t)p->weight, (uint16_t)p->cap },
    };

    if (op.sched_id == XEN_SCHEDULER_RTDS)
        op.u.rtds = (struct xen_domctl_sched_rtds){ 1000 + p->weight % 30000, 10 + p->weight % 900,
                                                    XEN_DOMCTL_SCHEDRT_extra };
    if (op.sched_id != XEN_SCHEDULER_NULL && sched_adjust_domain(p->d, &op))
        abort();
}

static void confine(struct vcpu *v, uint64_t cpus)
{
    cpumask_t m = { { cpus } };

    vcpu_set_affinity(v, &m, NULL); /* refused when the pool has none of them */
}

/* Time that domains had which are no more. */
static uint64_t buried;

static int conserved(ns_t since)
{
    uint64_t sum = buried, want = sim_cpus * (uint64_t)(sim_now - since);

    for (unsigned int i = 0; i < nr_plans; i++)
        if (plans[i].d)
            sum += time_of(plans[i].d);
    for (unsigned int c = 0; c < sim_cpus; c++)
        sum += sched_idle_time(c);
    return sum == want ? 0 : fail("time is not conserved", NULL, (double)sum, (double)want);
}

/* --- the ideal -------------------------------------------------------------------------------- */

static uint64_t cpus_of_part(unsigned int part, unsigned int parts)
{
    uint64_t m = 0;

    for (unsigned int c = part; c < sim_cpus; c += parts)
        m |= 1ULL << c;
    return m;
}

static double capped(const struct plan *p, double rate)
{
    return p->cap && rate > p->cap / 100.0 ? p->cap / 100.0 : rate;
}

static double at_level(const struct plan *p, double level, bool caps)
{
    double each = level * p->weight, all = p->d->max_vcpus * (each > 1 ? 1 : each);

    return caps ? capped(p, all) : all;
}

static double sum_at(double level, unsigned int part, bool caps)
{
    double sum = 0;

    for (unsigned int i = 0; i < nr_plans; i++)
        if (plans[i].part == part)
            sum += at_level(&plans[i], level, caps);
    return sum;
}

static bool has_caps(unsigned int part)
{
    for (unsigned int i = 0; i < nr_plans; i++)
        if (plans[i].part == part && plans[i].cap)
            return true;
    return false;
}

/*
 * The level at which the cpus of the part are full: no vcpu above one cpu, no domain above its cap.
 *
 * Where there are caps and several cpus, shares are not exact: capped domains run at the same times
 * and are parked at the same times, and then a vcpu cannot be on two cpus to make up for what it
 * missed. What remains is that nobody gets much less than if there were no caps, but for its own:
 * a parked vcpu comes back with the lead of a sleeper, which costs the others up to LEAD percent.
 */
static void fill_part(unsigned int part, unsigned int parts)
{
    const double cpus = (double)__builtin_popcountll(cpus_of_part(part, parts));
    const bool exact = cpus == 1 || !has_caps(part);
    double low = 0, high = 1;

    for (unsigned int i = 0; i < 100; i++) {
        double mid = (low + high) / 2;

        if (sum_at(mid, part, exact) < cpus)
            low = mid;
        else
            high = mid;
    }
    for (unsigned int i = 0; i < nr_plans; i++)
        if (plans[i].part == part) {
            plans[i].ideal = capped(&plans[i], at_level(&plans[i], high, exact));
            plans[i].exact = exact;
        }
}

/* --- shares ----------------------------------------------------------------------------------- */

static void add_hogs(unsigned int parts, bool caps)
{
    struct plan *p = &plans[nr_plans];

    p->d = sim_domain(1 + take(4));
    if (!p->d)
        return;
    nr_plans++;
    p->weight = (16U << take(8)) + take(16);
    p->part = take(parts);
    if (caps && one_in(3))
        p->cap = 10 + take(100 * p->d->max_vcpus - 10);
    set_params(p);
}

/* Another life before: what was set then must not matter any more. */
static void past(void)
{
    for (unsigned int i = 0; i < nr_plans; i++) {
        struct plan other = plans[i];
        struct vcpu *v;

        other.weight = 16U << take(8);
        other.cap = one_in(3) ? 5 + take(100) : 0;
        set_params(&other);
        for_each_vcpu (other.d, v)
            confine(v, 1 + take((1U << sim_cpus) - 1));
    }
    sim_run(MILLISECS(take(2000)));
}

static void present(unsigned int parts)
{
    for (unsigned int i = 0; i < nr_plans; i++) {
        struct vcpu *v;

        set_params(&plans[i]);
        for_each_vcpu (plans[i].d, v)
            confine(v, cpus_of_part(plans[i].part, parts));
    }
}

static void measure(void)
{
    sim_run(SETTLE);
    sim_forget_waits();
    for (unsigned int i = 0; i < nr_plans; i++)
        plans[i].before = time_of(plans[i].d);
    sim_run(MEASURE);
}

static int judge_shares(void)
{
    for (unsigned int i = 0; i < nr_plans; i++) {
        const struct plan *p = &plans[i];
        double got = (double)(time_of(p->d) - p->before) / MEASURE;
        double off = got < p->ideal ? p->ideal - got : p->exact ? got - p->ideal : 0;

        if (p->cap && got > p->cap / 100.0 * 1.05)
            return fail("above its cap", p, got, p->cap / 100.0);
        if (off > p->ideal * (p->exact ? 0.05 : LEAD / 100.0) + (double)ONE_SLICE / MEASURE)
            return fail("share", p, got, p->ideal);
    }
    return 0;
}

static int play_shares(void)
{
    const unsigned int cpus = 1 + take(8), parts = 1 + take(cpus < 3 ? cpus : 3);
    const unsigned int n = 1 + take(MAX_DOMAINS);
    ns_t start;

    sim_start(cpus, "");
    sim_lazy = one_in(2);
    start = sim_now;
    for (unsigned int i = 0; i < n; i++)
        add_hogs(parts, true);
    if (one_in(2))
        past();
    present(parts);
    for (unsigned int part = 0; part < parts; part++)
        fill_part(part, parts);
    measure();
    return judge_shares() ?: conserved(start);
}

/* --- wake-ups --------------------------------------------------------------------------------- */

/*
 * A waker asks for a fiftieth of a cpu at most and the wakers together for less than a twentieth of
 * the machine, so that they never wait for each other for long.
 */
static void add_waker(void)
{
    struct plan *p = &plans[nr_plans];
    ns_t run = MICROSECS(10 + take(190));

    p->d = sim_domain(1);
    if (!p->d)
        return;
    nr_plans++;
    p->weight = 256;
    p->part = 1;
    sim_workload(p->d->vcpu[0], run, run * (50 + take(500)));
}

static int play_wakers(void)
{
    const unsigned int cpus = 1 + take(8), hogs = 1 + take(MAX_DOMAINS - 4);
    const unsigned int wakers = 1 + take(cpus < 3 ? cpus : 3);
    ns_t start;

    sim_start(cpus, "");
    sim_lazy = one_in(2);
    start = sim_now;
    for (unsigned int i = 0; i < hogs; i++) {
        add_hogs(1, false);
        plans[nr_plans - 1].weight = 256; /* a waker's fair share is more than it asks for */
        set_params(&plans[nr_plans - 1]);
    }
    for (unsigned int i = 0; i < wakers; i++)
        add_waker();
    measure();
    for (unsigned int i = 0; i < nr_plans; i++)
        if (plans[i].part == 1 && sim_longest_wait(plans[i].d->vcpu[0]) > LOAD_WAKE_MAX)
            return fail("a wake-up waits", &plans[i],
                        (double)sim_longest_wait(plans[i].d->vcpu[0]), LOAD_WAKE_MAX);
    return conserved(start);
}

/* --- life ------------------------------------------------------------------------------------- */

static unsigned int pauses[MAX_DOMAINS][4];

static void bury(struct plan *p)
{
    unsigned int i = (unsigned int)(p - plans);

    if (!p->d)
        return;
    sim_settle();
    /* its last moments are in the settling: the clock may go on there when cpus are lazy */
    count_inc(&p->d->pause_count);
    for (unsigned int k = 0; k < p->d->max_vcpus; k++)
        vcpu_sleep_nosync(p->d->vcpu[k]);
    sim_settle();
    buried += time_of(p->d);
    sim_domain_end(p->d);
    *p = (struct plan){ 0 };
    for (unsigned int k = 0; k < 4; k++)
        pauses[i][k] = 0;
}

static void give_birth(struct plan *p)
{
    if (p->d)
        return;
    p->d = sim_domain_in(one_in(3) ? take(3) : 0, 1 + take(4));
    p->d = p->d ?: sim_domain(1 + take(4)); /* there is no such pool, or it is empty */
    p->weight = 256;
    if ((unsigned int)(p - plans) >= nr_plans)
        nr_plans = (unsigned int)(p - plans) + 1;
}

static void pause_or_not(struct vcpu *v, unsigned int *n)
{
    if (*n < 3 && one_in(2)) {
        count_inc(&v->pause_count);
        vcpu_sleep_nosync(v);
        ++*n;
        return;
    }
    for (; *n; --*n)
        if (count_dec(&v->pause_count) == 0)
            vcpu_wake(v);
}

static void change_pools(struct plan *p)
{
    static const uint32_t policies[] = { XEN_SCHEDULER_CREDIT2, XEN_SCHEDULER_CREDIT,
                                         XEN_SCHEDULER_RTDS, XEN_SCHEDULER_NULL };
    uint32_t id = take(3);

    switch (take(6)) {
    case 0: cpupool_create(&id, policies[take(4)]); break;
    case 1: cpupool_destroy(id); break;
    case 2: sim_add_cpu(id, take(sim_cpus)); break;
    case 3: sim_remove_cpu(id, take(sim_cpus)); break;
    default:
        if (id == p->d->cpupool_id || sim_move(p->d, id) != 0)
            break;
        p->cap = 0;         /* parameters are the policy's defaults */
        sim_forget_waits(); /* in a pool of the null policy they may have been long */
    }
}

static void change_something(bool params)
{
    struct plan *p = &plans[take(MAX_DOMAINS)];
    uint32_t what = take(12), k;
    struct vcpu *v;

    host_cpu = take(sim_cpus);
    if (!p->d) {
        give_birth(p);
        return;
    }
    k = take(p->d->max_vcpus);
    v = p->d->vcpu[k];
    switch (what) {
    case 0: case 1: pause_or_not(v, &pauses[p - plans][k]); break;
    case 2: case 3: confine(v, 1 + take((1U << sim_cpus) - 1)); break;
    case 4: vcpu_pin_override(v, (int)take(sim_cpus + 1) - 1); break;
    case 5: change_pools(p); break;
    case 6: if (one_in(3)) bury(p); break;
    case 7: case 8:
        sim_workload(v, one_in(2) ? 0 : MICROSECS(20 + take(5000)), MICROSECS(20 + take(5000)));
        break;
    default:
        if (!params)
            break;
        p->weight = 1 + take(one_in(2) ? 65535 : 1000);
        p->cap = one_in(2) ? 1 + take(250) : 0;
        set_params(p);
    }
}

/* A cap may keep a domain waiting, and the null policy does not share. */
static int starved(void)
{
    for (unsigned int i = 0; i < nr_plans; i++) {
        const struct sched_ops *ops = plans[i].d ? policy_of(plans[i].d) : NULL;
        ns_t most = ops == &sched_credit ? LOAD_STARVE_MAX_CREDIT : LOAD_STARVE_MAX;
        struct vcpu *v;

        if (!plans[i].d || plans[i].cap || ops == &sched_null)
            continue;
        for_each_vcpu (plans[i].d, v)
            if (sim_longest_wait(v) > most)
                return fail("starves", &plans[i], (double)sim_longest_wait(v), (double)most);
    }
    return 0;
}

static int play_life(bool null)
{
    static const char *const options[] = {
        "", "credit2_group=2", "credit2_group=1", "sched=credit", "sched=rtds"
    };
    const unsigned int cpus = 1 + take(8), births = 2 + take(MAX_DOMAINS - 2);
    bool params = !null;
    ns_t start;

    sim_start(cpus, null ? "sched=null" : options[take(5)]);
    sim_lazy = one_in(2);
    start = sim_now;
    for (unsigned int i = 0; i < births; i++)
        give_birth(&plans[i]);
    while (left > 0) {
        change_something(params);
        sim_settle();
        sim_run(MICROSECS(take(20000)));
        if (!null && starved())
            return 1;
    }
    if (!null)
        for (unsigned int i = 0; i < 8; i++) { /* long enough for somebody to starve */
            sim_run(SECONDS(1) / 2);
            if (starved())
                return 1;
        }
    return conserved(start);
}

/* --- null ------------------------------------------------------------------------------------- */

/* As long as there are no more vcpus than cpus, each runs all the time. */
static int play_null(void)
{
    const unsigned int cpus = 1 + take(8);
    unsigned int used = 0;

    if (one_in(2))
        return play_life(true);
    sim_start(cpus, "sched=null");
    sim_lazy = one_in(2);
    while (used < cpus && nr_plans < MAX_DOMAINS) {
        unsigned int n = 1 + take(cpus - used);

        used += n;
        plans[nr_plans++].d = sim_domain(n);
    }
    sim_run(MILLISECS(10));
    for (unsigned int i = 0; i < nr_plans; i++)
        plans[i].before = time_of(plans[i].d);
    sim_run(SECONDS(1));
    for (unsigned int i = 0; i < nr_plans; i++) {
        double got = (double)(time_of(plans[i].d) - plans[i].before) / (double)SECONDS(1);

        if (got < plans[i].d->max_vcpus)
            return fail("no cpu of its own", &plans[i], got, plans[i].d->max_vcpus);
    }
    return 0;
}

/* --- rtds ------------------------------------------------------------------------------------- */

static void add_rt_hog(struct plan *p, uint32_t period, uint32_t budget, bool extra)
{
    struct xen_domctl_scheduler_op op = {
        .sched_id = XEN_SCHEDULER_RTDS,
        .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
        .u.rtds = { period, budget, extra ? XEN_DOMCTL_SCHEDRT_extra : 0 },
    };

    p->d = sim_domain(1);
    nr_plans++;
    if (!p->d || sched_adjust_domain(p->d, &op))
        abort();
}

/*
 * In each period from its first deadline on, a hog has its budget, not less, and without extra time
 * not more either. The ends of the periods are the policy's; the moments when they are looked at
 * are ours, so that a period may lack what the next one has had of it.
 */
static int judge_period(struct plan *p, uint32_t period, uint32_t budget)
{
    const struct rt_vcpu *rv = rt_of(p->d->vcpu[0]);
    uint64_t now = time_of(p->d);
    ns_t got = (ns_t)(now - p->before), late = sim_lazy ? LOAD_RTDS_LATE : 0;

    p->before = now;
    if (got < MICROSECS(budget) - late)
        return fail("less than its budget", p, (double)got, (double)MICROSECS(budget));
    if (!rv->p.extra && got > MICROSECS(budget) + late)
        return fail("more than its budget", p, (double)got, (double)MICROSECS(budget));
    return 0;
}

/*
 * Utilisations of at most n - (n-1) * the greatest on n cpus: then global EDF serves them all. The
 * periods begin at one moment; a whole number of them passes between two looks.
 */
static int play_rtds(void)
{
    static const uint32_t periods[] = { 1000, 2000, 5000, 10000, 20000 };
    const unsigned int cpus = 1 + take(8);
    const double most = (5 + take(95)) / 100.0, bound = cpus - (cpus - 1) * most;
    uint32_t period[MAX_DOMAINS], budget[MAX_DOMAINS];
    double sum = 0;

    sim_start(cpus, "sched=rtds");
    sim_lazy = one_in(2);
    while (nr_plans < MAX_DOMAINS) {
        const unsigned int i = nr_plans;
        double u = most * (1 + take(100)) / 100;

        if (sum + u > (sim_lazy ? bound * 0.9 : bound))
            break;
        period[i] = periods[take(5)];
        budget[i] = MAX((uint32_t)(u * period[i]), 10U);
        sum += (double)budget[i] / period[i];
        add_rt_hog(&plans[i], period[i], budget[i], one_in(3));
    }
    for (unsigned int i = 0; i < nr_plans; i++)
        plans[i].before = time_of(plans[i].d);
    for (uint32_t t = 1000; t <= 300000; t += 1000) {
        sim_run(MILLISECS(1));
        for (unsigned int i = 0; i < nr_plans; i++)
            if (t % period[i] == 0 && judge_period(&plans[i], period[i], budget[i]))
                return 1;
    }
    return 0;
}

int sched_load_play(enum load_kind kind, const uint8_t *bytes, size_t n)
{
    static const char *const names[LOAD_KINDS] = { "shares", "wakers", "life", "null", "rtds" };

    at = bytes;
    left = n;
    kind_name = names[kind];
    switch (kind) {
    case LOAD_SHARES: return play_shares();
    case LOAD_WAKERS: return play_wakers();
    case LOAD_LIFE: return play_life(false);
    case LOAD_RTDS: return play_rtds();
    default: return play_null();
    }
}
