/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler as it runs: domains that only compute, on two cpus, by the hypervisor's own
 * accounts. Under `-icount shift=0` a nanosecond is an instruction, so that what the machine is
 * busy with does not matter, and a run repeats exactly. tests/unit/sched_load.c asks the same of
 * the policy alone.
 */
#include "domu.h"

const char *test_name = "shares";

#define MS 1000000UL
#define HOGS 16
#define SLICE 10 /* ms: what a measurement may be off by */
#define WAKE_MAX 1200000 /* ns, instructions: the rate limit of 1 ms, and the switch */

static struct domu u[HOGS + 1];
static uint64_t before[HOGS + 1];

static void hog(void)
{
    for (;;)
        __asm__ volatile("");
}

/* --- what the toolstack does ------------------------------------------------------------------ */

static long pin(domid_t id, uint64_t cpus)
{
    struct xen_domctl op = { 0 };

    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&cpus);
    return domctl(XEN_DOMCTL_setvcpuaffinity, id, &op);
}

static long adjust(domid_t id, uint16_t weight, uint16_t cap)
{
    struct xen_domctl op = { 0 };

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = weight;
    op.u.scheduler_op.u.credit2.cap = cap;
    return domctl(XEN_DOMCTL_scheduler_op, id, &op);
}

static struct xen_domctl_getvcpuinfo info_of(const struct domu *d)
{
    struct xen_domctl op = { 0 };

    domctl(XEN_DOMCTL_getvcpuinfo, d->id, &op);
    return op.u.getvcpuinfo;
}

/* --- the first domain sleeps ------------------------------------------------------------------ */

static unsigned int timer_port;

/* How late it woke. */
static uint64_t sleep_for(uint64_t ns)
{
    const uint64_t at = now_ns() + ns;
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = at };
    const unsigned int had = event_count[timer_port];

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &set);
    while (event_count[timer_port] == had) {
        events_off();
        if (event_count[timer_port] == had)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        events_on();
    }
    return now_ns() - at;
}

/* Time that each of the first n has had in so many ms, in `before`; how long that really was. */
static uint64_t measure(unsigned int n, unsigned int ms)
{
    uint64_t begun;

    sleep_for(100 * MS);
    begun = now_ns();
    for (unsigned int i = 0; i < n; i++)
        before[i] = info_of(&u[i]).cpu_time;
    sleep_for(ms * MS);
    for (unsigned int i = 0; i < n; i++)
        before[i] = info_of(&u[i]).cpu_time - before[i];
    return now_ns() - begun;
}

static bool near(uint64_t got, uint64_t want, unsigned int percent)
{
    const uint64_t off = want * percent / 100 + SLICE * MS / 2;

    if (got + off < want || got > want + off) {
        print("# got %lu us, want %lu us\n", got / 1000, want / 1000);
        return false;
    }
    return true;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void weights(void)
{
    uint64_t both;

    CHECK_EQ(pin(u[0].id, 2) | pin(u[1].id, 2), 0, "two hogs on one cpu");
    CHECK_EQ(adjust(u[0].id, 256, 0) | adjust(u[1].id, 512, 0), 0, "... with weights 1 and 2");
    domu_unpause(&u[0]);
    domu_unpause(&u[1]);
    both = measure(2, 600);
    CHECK(near(before[0], both / 3, 5), "the light one has a third of it");
    CHECK(near(before[1], both * 2 / 3, 5), "the heavy one has two thirds");
    CHECK_EQ(info_of(&u[0]).cpu, 1, "the light one is where it was pinned");
    CHECK_EQ(info_of(&u[1]).cpu, 1, "... and the heavy one");
}

static void caps(void)
{
    uint64_t all;

    domu_pause(&u[1]);
    CHECK_EQ(adjust(u[0].id, 256, 40), 0, "a cap of 40 % for a hog that is alone");
    all = measure(1, 500);
    CHECK(near(before[0], all * 40 / 100, 5), "... holds");
    domu_unpause(&u[1]);
    all = measure(2, 500);
    CHECK(near(before[0] + before[1], all, 1), "another one beside it takes the rest");
    CHECK(before[0] <= all * 42 / 100, "... and the cap holds");
    CHECK_EQ(adjust(u[0].id, 256, 0) | adjust(u[1].id, 256, 0), 0, "no cap any more");
}

static void many(void)
{
    unsigned int low = 0;
    uint64_t all, worst = 0;

    CHECK_EQ(pin(u[0].id, ~0UL) | pin(u[1].id, ~0UL), 0, "all cpus for all");
    for (unsigned int i = 2; i <= HOGS; i++)
        domu_unpause(&u[i]);
    all = measure(HOGS + 1, 1500) * 2;
    for (unsigned int i = 0; i <= HOGS; i++)
        low += !near(before[i], all / (HOGS + 1), 5);
    CHECK_EQ(low, 0, "17 hogs on two cpus have the same share each");
    /* On one cpu: the emulator plays two in turns, and one may have to wait for its own. */
    pin(0, 2);
    for (unsigned int i = 0; i <= HOGS; i++)
        pin(u[i].id, 2);
    sleep_for(50 * MS);
    for (unsigned int i = 0; i < 60; i++) {
        uint64_t late = sleep_for(3 * MS + i * 77777);

        worst = late > worst ? late : worst;
    }
    print("# a wake-up beside 17 hogs: %lu ns at worst\n", worst);
    CHECK(worst < WAKE_MAX, "a sleeper beside 17 hogs runs within 1.2 ms");
}

void test_main(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    unsigned int n;

    evtchn_op(EVTCHNOP_bind_virq, &virq);
    timer_port = virq.port;
    events_start();
    events_on();
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    for (n = 0; n <= HOGS; n++)
        if (domu_create(&u[n], &(struct domu_config){ .fn = hog }))
            break;
    CHECK_EQ(n, HOGS + 1, "create 17 domains that compute");
    if (n <= HOGS)
        return;
    weights();
    caps();
    many();
    for (unsigned int i = 0; i <= HOGS; i++)
        if (domu_destroy(&u[i]) || !domu_gone(&u[i], 100))
            CHECK_EQ(i, -1, "a domain is gone");
}
