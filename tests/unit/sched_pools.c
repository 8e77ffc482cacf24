/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/host/sim.c core/sched.c core/sched_credit2.c core/sched_cap.c */
/* links: core/sched_credit.c core/sched_rtds.c core/sched_null.c core/sched_pool.c */
/* links: core/sched_params.c core/cpupool.c core/timer.c core/softirq.c core/lock.c */
/* links: lib/cmdline.c lib/number.c */
/*
 * Cpu pools, each with its policy, over simulated cpus and time: what the toolstack may ask for,
 * cpus and domains that move, and what the rtds and credit policies promise. As in sched.c, each
 * case is a process, and sim_run() checks after each event what must hold always.
 */
#include <hv/atomic.h>
#include <hv/cpupool.h>
#include <hv/errno.h>
#include <hv/sched.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "../../core/sched_rtds.h"
#include "../host/sim.h"
#include "check.h"
#include "sched_case.h"

/* Percent of one cpu that d gets in so long. */
static double percent_in(struct domain *d, ns_t t)
{
    uint64_t before = domain_time(d);

    sim_run(t);
    return (double)(domain_time(d) - before) * 100 / (double)t;
}

static bool within(double got, double want, double percent)
{
    bool good = got >= want * (1 - percent / 100) && got <= want * (1 + percent / 100);

    if (!good)
        printf("# got %f, want %f\n", got, want);
    return good;
}

static bool near(double got, double want)
{
    return within(got, want, 1);
}

static uint32_t new_pool(uint32_t policy, uint64_t cpus)
{
    uint32_t id = CPUPOOL_ANY;

    EXPECT(cpupool_create(&id, policy) == 0);
    for (uint32_t c = 0; c < sim_cpus; c++) {
        if (!(cpus >> c & 1))
            continue;
        EXPECT(sim_remove_cpu(0, c) == 0);
        EXPECT(sim_add_cpu(id, c) == 0);
    }
    return id;
}

/* us; in the domain's vcpu, or in all of them for -1 */
static int put_rtds(struct domain *d, int vcpu, uint32_t period, uint32_t budget, bool extra)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_RTDS };
    struct xen_domctl_sched_rtds p = { period, budget, extra ? XEN_DOMCTL_SCHEDRT_extra : 0 };
    struct xen_domctl_schedparam_vcpu one = { .u.rtds = p, .vcpuid = (uint32_t)vcpu };

    op.cmd = vcpu < 0 ? XEN_DOMCTL_SCHEDOP_putinfo : XEN_DOMCTL_SCHEDOP_putvcpuinfo;
    op.u.rtds = p;
    return vcpu < 0 ? sched_adjust_domain(d, &op) : sched_adjust_vcpu(d, &op, &one);
}

/* --- pools ------------------------------------------------------------------------------------ */

static void what_is_refused(void)
{
    uint32_t id = CPUPOOL_ANY, two = 2, same = 1, bad = 64, got;
    struct cpupool_info info;
    struct domain *a, *b;
    cpumask_t m;

    sim_start(4, "");
    a = sim_domain(4);
    b = sim_domain(2);
    sim_run(MILLISECS(50));
    EXPECT(cpupool_create(&id, XEN_SCHEDULER_ARINC653) == -ENOENT);
    EXPECT(cpupool_create(&id, XEN_SCHEDULER_NULL) == 0 && id == 1);
    EXPECT(cpupool_create(&same, XEN_SCHEDULER_CREDIT2) == -EEXIST);
    EXPECT(cpupool_create(&bad, XEN_SCHEDULER_CREDIT2) == -ENOSPC);
    EXPECT(cpupool_create(&two, XEN_SCHEDULER_RTDS) == 0 && two == 2);
    EXPECT(sim_domain_in(1, 1) == NULL && sim_domain_in(7, 1) == NULL);
    EXPECT(sim_move(b, 1) == -EBUSY);
    EXPECT(sim_move(b, 7) == -ENOENT);
    EXPECT(sim_add_cpu(1, 2) == -ENODEV);
    EXPECT(sim_add_cpu(1, 9) == -EINVAL);
    EXPECT(sim_remove_cpu(1, 2) == -ENODEV);
    EXPECT(cpupool_remove_cpu(0, 2) == -ERESTART);
    EXPECT(cpupool_add_cpu(1, 2) == -ENODEV); /* on its way */
    EXPECT(cpupool_destroy(1) == 0 && cpupool_create(&same, XEN_SCHEDULER_NULL) == 0);
    EXPECT(sim_remove_cpu(0, 2) == 0);
    sim_run(MILLISECS(50));
    EXPECT(host_current[2]->is_idle);
    cpupool_free_cpus(&m);
    EXPECT(m.w[0] == 4);
    EXPECT(cpupool_add_cpu(1, CPUPOOL_ANY) == -ERESTART);
    EXPECT(cpupool_destroy(1) == -EBUSY);
    EXPECT(sim_add_cpu(1, CPUPOOL_ANY) == 0);
    EXPECT(sim_move(b, 1) == 0 && sim_move(b, 1) == 0);
    sim_run(MILLISECS(50));
    EXPECT(host_current[2]->domain == b && host_current[0]->domain == a);
    EXPECT(cpupool_info(1, &got, &info) == 0 && got == 1 && info.nr_domains == 1 &&
           info.cpus.w[0] == 4 && info.sched_id == XEN_SCHEDULER_NULL);
    EXPECT(cpupool_info(3, &got, &info) == -ENOENT);
    EXPECT(sim_remove_cpu(1, 2) == -EBUSY);
    EXPECT(cpupool_destroy(1) == -EBUSY && cpupool_destroy(0) == -EBUSY &&
           cpupool_destroy(5) == -ENOENT);
    host_cpu = 2;
    EXPECT(cpupool_move_domain(b, 0) == -EPERM); /* itself */
    EXPECT(sim_move(b, 0) == 0);
    EXPECT(sim_remove_cpu(1, CPUPOOL_ANY) == 0 && cpupool_destroy(1) == 0);
    sim_run(MILLISECS(50));
    EXPECT(host_current[2]->is_idle);
    EXPECT(sim_add_cpu(0, 2) == 0);
    sim_run(MILLISECS(50));
    EXPECT(!host_current[2]->is_idle);
}

/* A hog goes through pools of all policies, twice, and runs everywhere. */
static void through_all_policies(void)
{
    static const uint32_t policies[] = { XEN_SCHEDULER_CREDIT2, XEN_SCHEDULER_CREDIT,
                                         XEN_SCHEDULER_RTDS, XEN_SCHEDULER_NULL };
    struct domain *d, *sleeper;
    uint32_t id[4];
    ns_t start;

    sim_start(6, "");
    start = sim_now;
    d = sim_domain(1);
    sleeper = sim_domain(2);
    sim_workload(sleeper->vcpu[0], MICROSECS(300), MICROSECS(700));
    for (unsigned int i = 0; i < 4; i++)
        id[i] = new_pool(policies[i], 2ULL << i);
    for (unsigned int i = 0; i < 8; i++) {
        EXPECT(sim_move(d, id[i % 4]) == 0);
        EXPECT(sim_move(sleeper, id[(i + 1) % 4]) == 0);
        EXPECT(near(percent_in(d, SECONDS(1)), 100));
        EXPECT(host_current[1 + i % 4] == d->vcpu[0]);
        EXPECT(sim_move(sleeper, 0) == 0);
    }
    EXPECT(domain_time(d) > 7900000000 && domain_time(d) <= (uint64_t)(sim_now - start));
    EXPECT(sim_move(d, 0) == 0);
    for (unsigned int i = 0; i < 4; i++)
        EXPECT(sim_remove_cpu(id[i], 1 + i) == 0 && cpupool_destroy(id[i]) == 0 &&
               sim_add_cpu(0, 1 + i) == 0);
    EXPECT(near(percent_in(d, SECONDS(1)), 100));
}

/* What was paused, pinned or capped before a move is so after it, as far as the move keeps it. */
static void what_a_move_keeps(void)
{
    cpumask_t one = { { 1 } };
    struct domain *d;
    uint32_t rt;

    sim_start(4, "");
    d = sim_domain(2);
    EXPECT(vcpu_set_affinity(d->vcpu[0], &one, NULL) == 0);
    count_inc(&d->vcpu[1]->pause_count);
    vcpu_sleep_nosync(d->vcpu[1]);
    rt = new_pool(XEN_SCHEDULER_RTDS, 8);
    EXPECT(sim_move(d, rt) == 0);
    sim_run(SECONDS(1));
    EXPECT(host_current[3] == d->vcpu[0]);
    EXPECT(cpumask_test(&d->vcpu[0]->sched.hard, 2)); /* affinities are all again */
    EXPECT(vcpu_cpu_time(d->vcpu[1]) < 50000000);
    if (count_dec(&d->vcpu[1]->pause_count) == 0)
        vcpu_wake(d->vcpu[1]);
    sim_run(SECONDS(1));
    EXPECT(vcpu_cpu_time(d->vcpu[1]) > 400000000);
    EXPECT(put_rtds(d, -1, 10000, 1000, false) == 0);
    EXPECT(sim_move(d, 0) == 0 && sim_move(d, rt) == 0);
    EXPECT(rt_of(d->vcpu[0])->p.budget == MILLISECS(4)); /* parameters are the policy's defaults */
}

/* The last cpu of a group, and cpus of several groups, come and go under load. */
static void groups_come_and_go(void)
{
    struct domain *d, *e;
    uint32_t id;

    sim_start(8, "credit2_group=2");
    d = sim_domain(4);
    e = sim_domain(4);
    id = new_pool(XEN_SCHEDULER_CREDIT2, 0xc4);
    EXPECT(sim_move(e, id) == 0);
    for (unsigned int i = 0; i < 50; i++) {
        uint32_t cpu = (uint32_t[]){ 2, 6, 7 }[i % 3];

        EXPECT(sim_remove_cpu(id, cpu) == 0 && sim_add_cpu(0, cpu) == 0);
        sim_run(MILLISECS(7));
        EXPECT(sim_remove_cpu(0, cpu) == 0 && sim_add_cpu(id, cpu) == 0);
        sim_run(MILLISECS(3));
    }
    EXPECT(near(percent_in(e, SECONDS(4)), 300));
    EXPECT(near(percent_in(d, SECONDS(4)), 400));
}

/* --- rtds ------------------------------------------------------------------------------------- */

static void budget_is_exact(void)
{
    struct domain *d;

    sim_start(2, "sched=rtds");
    sim_lazy = true;
    d = sim_domain(1);
    EXPECT(put_rtds(d, -1, 10000, 4000, false) == 0);
    EXPECT(near(percent_in(d, SECONDS(2)), 40));
    EXPECT(put_rtds(d, -1, 100000, 5000, false) == 0);
    EXPECT(near(percent_in(d, SECONDS(2)), 5));
    EXPECT(put_rtds(d, -1, 10000, 4000, true) == 0);
    EXPECT(near(percent_in(d, SECONDS(2)), 100));
}

/* A full cpu: 40 + 30 + 20 + 10 %, periods of 5 to 50 ms. Each has its budget in each period. */
static void every_period(void)
{
    static const uint32_t period[] = { 10000, 5000, 50000, 20000 }, share[] = { 40, 30, 20, 10 };
    struct domain *d[4];
    uint64_t before[4] = { 0 };

    sim_start(1, "sched=rtds");
    for (unsigned int i = 0; i < 4; i++) {
        d[i] = sim_domain(1);
        EXPECT(put_rtds(d[i], -1, period[i], period[i] * share[i] / 100, i == 0) == 0);
    }
    for (unsigned int t = 1; t <= 4000; t++) {
        sim_run(MILLISECS(1));
        for (unsigned int i = 0; i < 4; i++) {
            uint64_t now = domain_time(d[i]);

            if (t * 1000 % period[i])
                continue;
            EXPECT(now - before[i] == period[i] * share[i] * 10);
            before[i] = now;
        }
    }
}

static void extra_time_is_what_is_left(void)
{
    struct domain *d[3];

    sim_start(1, "sched=rtds");
    for (unsigned int i = 0; i < 3; i++)
        d[i] = sim_domain(1);
    EXPECT(put_rtds(d[0], -1, 10000, 5000, false) == 0);
    EXPECT(put_rtds(d[1], -1, 10000, 1000, true) == 0);
    EXPECT(put_rtds(d[2], -1, 10000, 1000, true) == 0);
    sim_run(SECONDS(1));
    EXPECT(near(percent_in(d[0], SECONDS(1)), 50));
    EXPECT(percent_in(d[1], SECONDS(1)) > 19);
    EXPECT(percent_in(d[2], SECONDS(1)) > 19);
}

/* More is promised than there is: they take turns, a budget each. */
static void overload(void)
{
    struct domain *d[3];

    sim_start(1, "sched=rtds");
    for (unsigned int i = 0; i < 3; i++) {
        d[i] = sim_domain(1);
        EXPECT(put_rtds(d[i], -1, 10000U << (2 * i), 9000U << (2 * i), i == 1) == 0);
    }
    sim_run(SECONDS(5));
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(percent_in(d[i], SECONDS(2)) > 4);
}

/* Three of 2/3 on two cpus: full, and no cpu can be given to two of them alone. */
static void global_and_full(void)
{
    struct domain *d[3];

    sim_start(2, "sched=rtds");
    for (unsigned int i = 0; i < 3; i++) {
        d[i] = sim_domain(1);
        EXPECT(put_rtds(d[i], -1, 9000, 6000, false) == 0);
    }
    sim_run(SECONDS(1));
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(near(percent_in(d[i], SECONDS(2)), 200.0 / 3));
}

static void vcpus_of_their_own(void)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_RTDS,
                                          .cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo };
    struct xen_domctl_schedparam_vcpu p = { .vcpuid = 1 };
    struct domain *d;
    uint64_t before;

    sim_start(2, "sched=rtds");
    d = sim_domain(3);
    EXPECT(sched_adjust_vcpu(d, &op, &p) == 0 && p.u.rtds.period == 10000 &&
           p.u.rtds.budget == 4000 && p.u.rtds.flags == XEN_DOMCTL_SCHEDRT_extra);
    EXPECT(put_rtds(d, 0, 10000, 2000, false) == 0 && put_rtds(d, 1, 20000, 1000, false) == 0 &&
           put_rtds(d, 2, 5000, 4500, false) == 0);
    EXPECT(sched_adjust_vcpu(d, &op, &p) == 0 && p.u.rtds.period == 20000 &&
           p.u.rtds.budget == 1000 && p.u.rtds.flags == 0);
    before = vcpu_cpu_time(d->vcpu[2]);
    EXPECT(near(percent_in(d, SECONDS(2)), 20 + 5 + 90));
    EXPECT(near((double)(vcpu_cpu_time(d->vcpu[2]) - before) / 20000000, 90));
    EXPECT(put_rtds(d, 3, 10000, 4000, false) == -EINVAL);
    EXPECT(put_rtds(d, 0, 10000, 10001, false) == -EINVAL);
    EXPECT(put_rtds(d, 0, 9, 9, false) == -EINVAL && put_rtds(d, -1, 0, 0, false) == -EINVAL);
    EXPECT(put_rtds(d, 0, UINT32_MAX, UINT32_MAX, false) == 0);
    sim_run(SECONDS(1));
}

/* --- credit and null -------------------------------------------------------------------------- */

static void credit_parameters(void)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT,
                                          .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
    struct xen_sysctl_scheduler_op g = { .sched_id = XEN_SCHEDULER_CREDIT,
                                         .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
    struct domain *a, *b;

    sim_start(1, "sched=credit");
    a = sim_domain(1);
    b = sim_domain(1);
    EXPECT(sched_id() == XEN_SCHEDULER_CREDIT);
    op.u.credit.weight = 768;
    op.u.credit.cap = 0xffff;
    EXPECT(sched_adjust_domain(a, &op) == 0);
    EXPECT(near(percent_in(a, SECONDS(8)), 75));
    op.u.credit.weight = 0;
    op.u.credit.cap = 20;
    EXPECT(sched_adjust_domain(a, &op) == 0);
    EXPECT(within(percent_in(a, SECONDS(4)), 20, 5));
    EXPECT(within(percent_in(b, SECONDS(4)), 80, 5));
    op.sched_id = XEN_SCHEDULER_CREDIT2;
    EXPECT(sched_adjust_domain(a, &op) == -EINVAL);
    EXPECT(sched_adjust_pool(&g) == 0 && g.u.sched_credit.tslice_ms == 30 &&
           g.u.sched_credit.ratelimit_us == 1000 && g.u.sched_credit.vcpu_migr_delay_us == 0);
    g.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    g.u.sched_credit.ratelimit_us = 30001;
    EXPECT(sched_adjust_pool(&g) == -EINVAL);
    g.u.sched_credit.ratelimit_us = 1000;
    g.u.sched_credit.tslice_ms = 1001;
    EXPECT(sched_adjust_pool(&g) == -EINVAL);
    g.u.sched_credit.tslice_ms = 5;
    g.u.sched_credit.vcpu_migr_delay_us = 100001;
    EXPECT(sched_adjust_pool(&g) == -EINVAL);
    g.u.sched_credit.vcpu_migr_delay_us = 1000;
    EXPECT(sched_adjust_pool(&g) == 0);
    g.cpupool_id = 3;
    EXPECT(sched_adjust_pool(&g) == -ESRCH);
}

/* A longer slice means fewer switches. */
static void credit_slice(void)
{
    struct xen_sysctl_scheduler_op g = { .sched_id = XEN_SCHEDULER_CREDIT,
                                         .cmd = XEN_SYSCTL_SCHEDOP_putinfo };
    unsigned int with_30;

    sim_start(1, "sched=credit");
    sim_domain(2);
    sim_run(SECONDS(1));
    sim_switches = 0;
    sim_run(SECONDS(10));
    with_30 = sim_switches;
    g.u.sched_credit = (struct xen_sysctl_credit_schedule){ .tslice_ms = 5, .ratelimit_us = 500 };
    EXPECT(sched_adjust_pool(&g) == 0);
    sim_run(SECONDS(1));
    sim_switches = 0;
    sim_run(SECONDS(10));
    EXPECT(with_30 > 300 && with_30 < 1000 && sim_switches > 4 * with_30);
}

static void pools_have_their_own(void)
{
    struct xen_sysctl_scheduler_op g = { .sched_id = XEN_SCHEDULER_CREDIT2,
                                         .cmd = XEN_SYSCTL_SCHEDOP_putinfo };
    uint32_t id, null;

    sim_start(3, "");
    id = new_pool(XEN_SCHEDULER_CREDIT2, 2);
    null = new_pool(XEN_SCHEDULER_NULL, 4);
    g.cpupool_id = id;
    g.u.sched_credit2.ratelimit_us = 5000;
    EXPECT(sched_adjust_pool(&g) == 0);
    g.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    g.cpupool_id = 0;
    EXPECT(sched_adjust_pool(&g) == 0 && g.u.sched_credit2.ratelimit_us == 1000);
    g.cpupool_id = id;
    EXPECT(sched_adjust_pool(&g) == 0 && g.u.sched_credit2.ratelimit_us == 5000);
    g.cpupool_id = null;
    EXPECT(sched_adjust_pool(&g) == -EINVAL);
    g.sched_id = XEN_SCHEDULER_NULL;
    EXPECT(sched_adjust_pool(&g) == -EOPNOTSUPP);
}

/* Two share a cpu until another one comes to the pool. */
static void null_spreads(void)
{
    struct domain *d;
    uint32_t id;

    sim_start(3, "");
    d = sim_domain(2);
    id = new_pool(XEN_SCHEDULER_NULL, 2);
    EXPECT(sim_move(d, id) == 0);
    EXPECT(near(percent_in(d, SECONDS(1)), 100));
    EXPECT(sim_remove_cpu(0, 2) == 0 && sim_add_cpu(id, 2) == 0);
    EXPECT(near(percent_in(d, SECONDS(1)), 200));
    EXPECT(sim_remove_cpu(id, 1) == 0);
    EXPECT(near(percent_in(d, SECONDS(1)), 100));
}

int main(void)
{
    static const struct {
        const char *what;
        void (*fn)(void);
    } cases[] = {
        { "pools: what is refused, and what is done", what_is_refused },
        { "a domain moves through pools of all policies", through_all_policies },
        { "a move keeps pauses, not affinities and parameters", what_a_move_keeps },
        { "groups of cpus come and go under load", groups_come_and_go },
        { "rtds: a budget is exact, extra time has no bound", budget_is_exact },
        { "rtds: a full cpu, each budget in each period", every_period },
        { "rtds: extra time is what others leave", extra_time_is_what_is_left },
        { "rtds: nobody starves when too much is promised", overload },
        { "rtds: three of 2/3 on two cpus", global_and_full },
        { "rtds: parameters of each vcpu", vcpus_of_their_own },
        { "credit: weights, caps and parameters", credit_parameters },
        { "credit: the time slice counts", credit_slice },
        { "each pool has its own parameters", pools_have_their_own },
        { "null: vcpus spread when there is a cpu for them", null_spreads },
    };

    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        TEST(cases[i].what)
            CHECK(passes(cases[i].fn));
    return check_exit();
}
