/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/host/sim.c core/sched.c core/sched_credit2.c core/sched_cap.c */
/* links: core/sched_credit.c core/sched_rtds.c core/sched_null.c core/sched_pool.c */
/* links: core/sched_params.c core/cpupool.c core/timer.c core/softirq.c core/lock.c */
/* links: lib/cmdline.c lib/number.c */
/*
 * The scheduler over simulated cpus and time. Each case runs in a process of its own, since cpus
 * cannot be taken away again. sim_run() checks after each event that no cpu idles while a vcpu
 * waits that it could run, that nothing runs twice or outside its affinity, and that no wake-up is
 * lost. SEED=n in the environment takes the random cases elsewhere.
 */
#include <stdlib.h>

#include <hv/atomic.h>
#include <hv/cpupool.h>
#include <hv/errno.h>

#include "../../core/sched_credit2.h"
#include "../host/sim.h"
#include "check.h"
#include "sched_case.h"

static bool near(uint64_t got, uint64_t want, unsigned int percent)
{
    return got * 100 >= want * (100 - percent) && got * 100 <= want * (100 + percent);
}

static void put_params(struct domain *d, uint16_t weight, uint16_t cap)
{
    struct xen_domctl_scheduler_op op = {
        .sched_id = XEN_SCHEDULER_CREDIT2,
        .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
        .u.credit2 = { weight, cap },
    };

    EXPECT(sched_adjust_domain(d, &op) == 0);
}

static void pin(struct vcpu *v, uint64_t cpus)
{
    cpumask_t m = { { cpus } };

    EXPECT(vcpu_set_affinity(v, &m, NULL) == 0);
}

static uint64_t all_time(struct domain **d, unsigned int n)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < n; i++)
        sum += domain_time(d[i]);
    for (unsigned int c = 0; c < sim_cpus; c++)
        sum += sched_idle_time(c);
    return sum;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void time_is_conserved(void)
{
    struct domain *d[6];
    ns_t start;

    sim_start(4, "");
    start = sim_now;
    for (unsigned int i = 0; i < 6; i++) {
        struct vcpu *v;

        d[i] = sim_domain(1 + i % 3);
        for_each_vcpu (d[i], v)
            sim_workload(v, MICROSECS(900 * i), MICROSECS(300 * i));
    }
    sim_run(SECONDS(5));
    EXPECT(all_time(d, 6) == 4 * (uint64_t)(sim_now - start));
}

/* Shares by weight where every vcpu's share is less than a cpu. */
static void weights(unsigned int cpus, unsigned int n, bool lazy)
{
    struct domain *d[16];
    uint64_t total = 0, weight[16];

    sim_start(cpus, "");
    sim_lazy = lazy;
    for (unsigned int i = 0; i < n; i++) {
        d[i] = sim_domain(1);
        weight[i] = 200 + 100 * i;
        put_params(d[i], (uint16_t)weight[i], 0);
        total += weight[i];
    }
    sim_run(SECONDS(20));
    for (unsigned int i = 0; i < n; i++)
        EXPECT(near(domain_time(d[i]), 20000000000ULL * cpus * weight[i] / total, 5));
}

static void weights_1_cpu(void) { weights(1, 3, false); }
static void weights_4_cpus(void) { weights(4, 13, false); }
static void weights_8_cpus(void) { weights(8, 16, true); }
static void equal_3_on_2(void)
{
    struct domain *d;
    struct vcpu *v;

    sim_start(2, "");
    d = sim_domain(3);
    sim_run(SECONDS(3));
    for_each_vcpu (d, v)
        EXPECT(near(vcpu_cpu_time(v), 2000000000, 2));
}

static void extreme_weights(void)
{
    struct domain *heavy, *light;

    sim_start(1, "");
    heavy = sim_domain(1);
    light = sim_domain(1);
    put_params(heavy, 65535, 0);
    put_params(light, 1, 0);
    sim_run(SECONDS(60));
    EXPECT(domain_time(light) > 10000000);   /* never starves */
    EXPECT(domain_time(light) < 600000000);  /* and gets little */
}

static void sleeper_weights(void)
{
    struct domain *hog, *sleepy;

    /*
     * One that sleeps half of the time cannot use its half of the cpu: it gets what it asks for,
     * soon.
     */
    sim_start(1, "");
    hog = sim_domain(2);
    sleepy = sim_domain(1);
    sim_workload(sleepy->vcpu[0], MICROSECS(200), MILLISECS(5));
    sim_run(SECONDS(10));
    EXPECT(domain_time(sleepy) > 330000000);
    EXPECT(near(vcpu_cpu_time(hog->vcpu[0]), vcpu_cpu_time(hog->vcpu[1]), 2));
}

static void slept_long(void)
{
    struct domain *a, *b;
    uint64_t before;

    /* A minute's sleep is not a claim to a minute's run. */
    sim_start(1, "");
    a = sim_domain(1);
    b = sim_domain(1);
    bit_test_and_set(&b->vcpu[0]->pause_flags, VPF_BLOCKED);
    vcpu_sleep_nosync(b->vcpu[0]);
    sim_run(SECONDS(60));
    EXPECT(near(domain_time(a), 60000000000ULL, 1));
    before = domain_time(a);
    vcpu_unblock(b->vcpu[0]);
    sim_run(SECONDS(1));
    EXPECT(near(domain_time(a) - before, 500000000, 5));
}

static void pinned_pace(void)
{
    struct domain *slow, *fast, *pair;

    /* Cpus on which virtual time goes at very different pace, and vcpus that move between them. */
    sim_start(2, "");
    slow = sim_domain(1);
    fast = sim_domain(1);
    put_params(slow, 65535, 0);
    put_params(fast, 1, 0);
    pin(slow->vcpu[0], 1);
    pin(fast->vcpu[0], 2);
    sim_run(SECONDS(10));
    pair = sim_domain(2);
    sim_run(SECONDS(10));
    EXPECT(domain_time(fast) > 10010000000ULL);
    EXPECT(near(vcpu_cpu_time(pair->vcpu[0]), vcpu_cpu_time(pair->vcpu[1]), 10));
    EXPECT(domain_time(pair) > 8000000000ULL);
}

static void cap(unsigned int vcpus, uint16_t percent, ns_t run, ns_t sleep)
{
    struct domain *d;
    struct vcpu *v;

    sim_start(4, "");
    d = sim_domain(vcpus);
    put_params(d, 0, percent);
    for_each_vcpu (d, v)
        sim_workload(v, run, sleep);
    sim_run(SECONDS(10));
    EXPECT(near(domain_time(d), 100000000ULL * percent, 3));
}

static void cap_one(void) { cap(1, 40, 0, 0); }
static void cap_many(void) { cap(6, 150, 0, 0); }
static void cap_small(void) { cap(4, 5, 0, 0); }
static void cap_bursts(void) { cap(4, 50, MICROSECS(700), MICROSECS(100)); }

static void cap_lifted(void)
{
    struct domain *d;
    uint64_t before;

    sim_start(1, "");
    d = sim_domain(1);
    put_params(d, 0, 1);
    sim_run(SECONDS(1));
    put_params(d, 0, 0);
    before = domain_time(d);
    sim_run(SECONDS(1));
    EXPECT(near(domain_time(d) - before, 1000000000, 2));
}

/* What ran before there was a cap, alone and so without an account in between, is not paid back. */
static void cap_late(void)
{
    struct domain *d;
    uint64_t before;

    sim_start(1, "");
    d = sim_domain(1);
    sim_run(SECONDS(5));
    put_params(d, 0, 50);
    before = domain_time(d);
    sim_run(SECONDS(1));
    EXPECT(near(domain_time(d) - before, 500000000, 3));
}

static void pinning(void)
{
    struct domain *d;

    sim_start(4, "");
    d = sim_domain(6);
    for (unsigned int i = 0; i < 6; i++)
        pin(d->vcpu[i], i < 3 ? 1 : 1ULL << (i - 2));
    sim_run(SECONDS(6));
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(near(vcpu_cpu_time(d->vcpu[i]), 2000000000, 3));
    for (unsigned int i = 3; i < 6; i++)
        EXPECT(near(vcpu_cpu_time(d->vcpu[i]), 6000000000, 1));
}

static void soft_affinity(void)
{
    struct domain *d;
    cpumask_t soft = { { 4 } };
    unsigned int there = 0;

    sim_start(4, "");
    d = sim_domain(1);
    EXPECT(vcpu_set_affinity(d->vcpu[0], NULL, &soft) == 0);
    sim_workload(d->vcpu[0], MICROSECS(500), MILLISECS(1));
    for (unsigned int i = 0; i < 100; i++) {
        sim_run(MILLISECS(10));
        there += d->vcpu[0]->processor == 2;
    }
    EXPECT(there >= 99);
}

static void avoided_cpus(void)
{
    struct domain *d;

    sim_avoid = (cpumask_t){ { 1 } };
    sim_start(2, "");
    d = sim_domain(2);
    for (unsigned int i = 0; i < 2; i++)
        sim_workload(d->vcpu[i], MILLISECS(1000), 0);
    for (unsigned int i = 0; i < 100; i++) {
        sim_run(MILLISECS(1));
        EXPECT(d->vcpu[0]->processor == 1 && d->vcpu[1]->processor == 1);
    }
    pin(d->vcpu[0], 1);
    sim_run(MILLISECS(10));
    EXPECT(d->vcpu[0]->processor == 0 && d->vcpu[1]->processor == 1);
    sim_avoid = (cpumask_t){ { 0 } };
}

static void pin_override(void)
{
    struct domain *d;
    cpumask_t one = { { 1 } };

    sim_start(2, "");
    d = sim_domain(1);
    pin(d->vcpu[0], 1);
    sim_run(MILLISECS(10));
    EXPECT(vcpu_pin_override(d->vcpu[0], -1) == -EINVAL);
    EXPECT(vcpu_pin_override(d->vcpu[0], 7) == -EINVAL);
    EXPECT(vcpu_pin_override(d->vcpu[0], 1) == 0);
    EXPECT(vcpu_pin_override(d->vcpu[0], 0) == -EBUSY);
    EXPECT(vcpu_set_affinity(d->vcpu[0], &one, NULL) == -EBUSY);
    sim_run(MILLISECS(10));
    EXPECT(d->vcpu[0]->processor == 1);
    EXPECT(vcpu_pin_override(d->vcpu[0], -1) == 0);
    sim_run(MILLISECS(10));
    EXPECT(d->vcpu[0]->processor == 0);
}

static void wakes_at_once(void)
{
    struct domain *hogs, *d;
    uint64_t ran;

    /* A vcpu that slept preempts a hog, but not before the hog has had its ratelimit. */
    sim_start(1, "");
    hogs = sim_domain(1);
    d = sim_domain(1);
    bit_test_and_set(&d->vcpu[0]->pause_flags, VPF_BLOCKED);
    vcpu_sleep_nosync(d->vcpu[0]);
    sim_run(MILLISECS(100));
    ran = domain_time(d);
    vcpu_unblock(d->vcpu[0]);
    sim_run(MICROSECS(50));
    EXPECT(domain_time(d) - ran == 50000);
    EXPECT(hogs->vcpu[0]->sched.runstate.state == RUNSTATE_runnable);
}

static void settling(void)
{
    struct domain *d;
    uint64_t ran;

    /* Its domain is to be shut down: a vcpu with an access under way runs on, the others do not. */
    sim_start(2, "");
    d = sim_domain(2);
    sim_run(MILLISECS(20));
    d->vcpu[1]->unfinished = true;
    d->settling = SETTLING;
    for (unsigned int i = 0; i < 2; i++)
        vcpu_sleep_nosync(d->vcpu[i]);
    sim_run(MICROSECS(100));
    EXPECT(!d->vcpu[0]->sched.is_running && d->vcpu[1]->sched.is_running && sim_left == 1);
    ran = domain_time(d);
    vcpu_wake(d->vcpu[0]);
    sim_run(MILLISECS(20));
    EXPECT(!d->vcpu[0]->sched.is_running && domain_time(d) - ran == MILLISECS(20));
    d->vcpu[1]->unfinished = false;
    vcpu_sleep_nosync(d->vcpu[1]);
    sim_run(MICROSECS(100));
    EXPECT(!d->vcpu[1]->sched.is_running && sim_left == 2);
}

static void yielding(void)
{
    struct domain *d;

    sim_start(1, "");
    d = sim_domain(2);
    sim_run(MICROSECS(100));
    EXPECT(host_current[0] == d->vcpu[0] || host_current[0] == d->vcpu[1]);
    for (unsigned int i = 0; i < 10; i++) {
        struct vcpu *v = host_current[0];

        host_cpu = 0;
        vcpu_yield();
        sim_run(MICROSECS(10));
        EXPECT(host_current[0] != v);
    }
}

static void parameters(void)
{
    struct xen_domctl_scheduler_op op = { .sched_id = 5, .cmd = XEN_DOMCTL_SCHEDOP_getinfo };
    struct xen_sysctl_scheduler_op g = {
        .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_SYSCTL_SCHEDOP_getinfo
    };
    struct domain *d;

    sim_start(1, "");
    d = sim_domain(1);
    EXPECT(sched_adjust_domain(d, &op) == -EINVAL);
    op.sched_id = XEN_SCHEDULER_CREDIT2;
    EXPECT(sched_adjust_domain(d, &op) == 0 && op.u.credit2.weight == 256 && op.u.credit2.cap == 0);
    put_params(d, 0, 30);
    put_params(d, 512, 0xffff);
    EXPECT(sched_adjust_domain(d, &op) == 0 && op.u.credit2.weight == 512 &&
           op.u.credit2.cap == 30);
    op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    EXPECT(sched_adjust_domain(d, &op) == -EINVAL);
    EXPECT(sched_adjust_pool(&g) == 0 && g.u.sched_credit2.ratelimit_us == 1000);
    g.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    g.u.sched_credit2.ratelimit_us = 99;
    EXPECT(sched_adjust_pool(&g) == -EINVAL);
    g.u.sched_credit2.ratelimit_us = 500001;
    EXPECT(sched_adjust_pool(&g) == -EINVAL);
    g.u.sched_credit2.ratelimit_us = 0;
    EXPECT(sched_adjust_pool(&g) == 0);
}

static void few_switches(void)
{
    struct domain *d;

    /*
     * Hogs that have a cpu each are left alone; two on one cpu switch a few hundred times a second.
     */
    sim_start(2, "");
    d = sim_domain(2);
    sim_run(SECONDS(1));
    sim_switches = 0;
    sim_run(SECONDS(10));
    EXPECT(sim_switches == 0);
    pin(d->vcpu[0], 1);
    pin(d->vcpu[1], 1);
    sim_run(SECONDS(10));
    EXPECT(sim_switches > 1000 && sim_switches < 4000);
}

static void null_policy(void)
{
    struct domain *d;

    sim_start(4, "sched=null");
    EXPECT(sched_id() == XEN_SCHEDULER_NULL);
    d = sim_domain(4);
    sim_workload(d->vcpu[3], MICROSECS(100), MICROSECS(100));
    sim_run(SECONDS(1));
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(vcpu_cpu_time(d->vcpu[i]) == 1000000000);
    EXPECT(near(vcpu_cpu_time(d->vcpu[3]), 500000000, 5));
}

/* --- random ----------------------------------------------------------------------------------- */

struct pauses {
    unsigned int n;
    ns_t waiting_since;
    uint64_t ran;
};

static void random_op(struct domain **d, unsigned int n, struct pauses *p)
{
    struct domain *dom = d[sim_random(n)];
    struct vcpu *v = dom->vcpu[sim_random(dom->max_vcpus)];
    struct pauses *pv = &p[dom->id * 4 + v->id];

    host_cpu = sim_random(sim_cpus);
    switch (sim_random(6)) {
    case 0:
        count_inc(&v->pause_count);
        vcpu_sleep_nosync(v);
        pv->n++;
        break;
    case 1:
        while (pv->n) {
            pv->n--;
            if (count_dec(&v->pause_count) == 0)
                vcpu_wake(v);
        }
        break;
    case 2:
        pin(v, 1 + sim_random((1U << sim_cpus) - 1));
        break;
    case 3:
        put_params(dom, (uint16_t)(50 + sim_random(1000)), 0xffff);
        break;
    case 4:
        put_params(dom, 0, (uint16_t)(sim_random(3) ? 0 : 20 + sim_random(200)));
        break;
    case 5:
        sim_workload(v, sim_random(2) ? 0 : MICROSECS(50 + sim_random(5000)),
                     MICROSECS(50 + sim_random(5000)));
        break;
    }
}

/* How long has each runnable vcpu not run at all? */
static void no_starvation(struct domain **d, unsigned int n, struct pauses *p)
{
    struct vcpu *v;

    for (unsigned int i = 0; i < n; i++) {
        for_each_vcpu (d[i], v) {
            struct pauses *pv = &p[d[i]->id * 4 + v->id];

            if (v->sched.runstate.state != RUNSTATE_runnable || vcpu_cpu_time(v) != pv->ran ||
                c2_of(v)->parked) {
                pv->waiting_since = sim_now;
                pv->ran = vcpu_cpu_time(v);
            }
            EXPECT(sim_now - pv->waiting_since < SECONDS(3));
        }
    }
}

static void random_life(const char *options, bool lazy)
{
    static struct pauses p[64];
    struct domain *d[8];
    ns_t start;

    sim_start(8, options);
    sim_lazy = lazy;
    start = sim_now;
    for (unsigned int i = 0; i < 8; i++)
        d[i] = sim_domain(1 + i % 4);
    for (unsigned int i = 0; i < 3000; i++) {
        random_op(d, 8, p);
        sim_settle();
        sim_run(MICROSECS(sim_random(10000)));
        no_starvation(d, 8, p);
    }
    EXPECT(all_time(d, 8) == 8 * (uint64_t)(sim_now - start));
}

static void random_shared(void) { random_life("", false); }
static void random_lazy(void) { random_life("", true); }
static void random_groups(void) { random_life("credit2_group=2", false); }
static void random_single(void) { random_life("credit2_group=1", true); }

int main(void)
{
    static const struct {
        const char *what;
        void (*fn)(void);
    } cases[] = {
        { "run and idle times add up to the time of all cpus", time_is_conserved },
        { "shares follow weights on one cpu", weights_1_cpu },
        { "shares follow weights on 4 cpus", weights_4_cpus },
        { "shares follow weights on 8 cpus that react late", weights_8_cpus },
        { "three equal vcpus share two cpus evenly", equal_3_on_2 },
        { "weight 1 beside weight 65535 gets little, but not nothing", extreme_weights },
        { "a mostly idle vcpu gets what it asks for", sleeper_weights },
        { "a long sleep is no claim to a long run", slept_long },
        { "cpus of very different virtual pace do not starve anyone", pinned_pace },
        { "a cap holds for one vcpu", cap_one },
        { "a cap above one cpu holds for six vcpus", cap_many },
        { "a small cap holds for four vcpus", cap_small },
        { "a cap holds for vcpus that sleep between bursts", cap_bursts },
        { "a lifted cap frees parked vcpus", cap_lifted },
        { "a cap does not count what ran before it", cap_late },
        { "pinned vcpus share their cpu and no other", pinning },
        { "soft affinity is followed where the cpu is idle", soft_affinity },
        { "a cpu that is better avoided is used by who is pinned to it", avoided_cpus },
        { "a pin override holds and is undone", pin_override },
        { "a woken vcpu preempts at once", wakes_at_once },
        { "a domain that settles: only a vcpu with an access under way runs", settling },
        { "yield lets the other one go first", yielding },
        { "parameters are checked and read back", parameters },
        { "no needless switches", few_switches },
        { "null policy: a cpu for each vcpu", null_policy },
        { "random operations, one queue", random_shared },
        { "random operations, cpus react late", random_lazy },
        { "random operations, groups of two cpus", random_groups },
        { "random operations, a queue for each cpu", random_single },
    };

    if (getenv("SEED"))
        sim_seed = (uint32_t)atoi(getenv("SEED"));
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        TEST(cases[i].what)
            CHECK(passes(cases[i].fn));
    return check_exit();
}
