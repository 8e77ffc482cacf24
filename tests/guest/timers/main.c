/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers of a vcpu, its clock, and what is told of the time it ran. */
#include "guest.h"

const char *test_name = "timers";

#define MS 1000000UL
#define SLACK (1000 * MS) /* the machine under test may be held up for so long */

static unsigned int port; /* of VIRQ_TIMER */

static long vcpu_op(int op, unsigned int vcpu, void *arg)
{
    return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, arg);
}

static long singleshot(uint64_t deadline, uint32_t flags)
{
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = deadline, .flags = flags };

    return vcpu_op(VCPUOP_set_singleshot_timer, 0, &set);
}

static long periodic(uint64_t ns)
{
    struct vcpu_set_periodic_timer set = { .period_ns = ns };

    return vcpu_op(VCPUOP_set_periodic_timer, 0, &set);
}

static long set_timer_op(uint64_t deadline)
{
    return hypercall(__HYPERVISOR_set_timer_op, deadline);
}

static void spin(uint64_t ns)
{
    uint64_t end = now_ns() + ns;

    while (now_ns() < end)
        ;
}

/* Spin until the timer's event comes: when that was, or 0 when it does not come for a long time. */
static uint64_t await(void)
{
    uint64_t end = now_ns() + 2 * SLACK, now;

    while (event_count[port] == 0)
        if (now_ns() > end)
            return 0;
    now = now_ns();
    event_count[port] = 0;
    return now;
}

static void one_shot(void)
{
    uint64_t deadline = now_ns() + 20 * MS, came;

    event_count[port] = 0;
    CHECK_EQ(singleshot(deadline, 0), 0, "a timer 20 ms from now");
    came = await();
    CHECK(came >= deadline, "... comes, not early");
    CHECK(came < deadline + SLACK, "... and not late");
    spin(30 * MS);
    CHECK_EQ(event_count[port], 0, "... and only once");
    CHECK_EQ(singleshot(now_ns() - MS, 0), 0, "a timer in the past");
    CHECK(await() != 0, "... comes at once");
    CHECK_EQ(singleshot(now_ns() - MS, VCPU_SSHOTTMR_future), 0,
             "... also one that asks to hear of it");
    CHECK(await() != 0, "... comes at once");
    CHECK_EQ(singleshot(1, 0), 0, "a timer in the distant past");
    CHECK(await() != 0, "... comes at once");

    CHECK_EQ(singleshot(now_ns() + 20 * MS, 0), 0, "a timer");
    CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0, "... stopped");
    spin(30 * MS);
    CHECK_EQ(event_count[port], 0, "... does not come");
    CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0, "... stopped again");

    singleshot(now_ns() + 30 * MS, 0);
    deadline = now_ns() + 5 * MS;
    singleshot(deadline, 0);
    came = await();
    CHECK(came >= deadline, "a second timer takes the place of the first");
    spin(40 * MS);
    CHECK_EQ(event_count[port], 0, "... which does not come");

    CHECK_EQ(singleshot(now_ns() + 3600000 * MS, 0), 0, "a timer in an hour");
    CHECK_EQ(singleshot(1UL << 62, 0), 0, "a timer in a hundred years");
    spin(5 * MS);
    CHECK_EQ(event_count[port], 0, "... does not come now");
    vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0);
}

static void other_vcpu(void)
{
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = now_ns() + MS };

    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 1, &set), -XEINVAL,
             "a timer of another vcpu cannot be set");
    CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 1, 0), -XEINVAL, "... nor stopped");
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 2, &set), -XENOENT, "... of no vcpu");
}

static void timer_op(void)
{
    uint64_t deadline = now_ns() + 10 * MS, came;

    event_count[port] = 0;
    CHECK_EQ(set_timer_op(deadline), 0, "set_timer_op in 10 ms");
    came = await();
    CHECK(came >= deadline && came < deadline + SLACK, "... comes in time");
    CHECK_EQ(set_timer_op(1), 0, "set_timer_op in the past");
    CHECK(await() != 0, "... comes at once");
    CHECK_EQ(set_timer_op(now_ns() + 10 * MS), 0, "set_timer_op");
    CHECK_EQ(set_timer_op(0), 0, "... taken back");
    spin(20 * MS);
    CHECK_EQ(event_count[port], 0, "... does not come");
}

static void period(void)
{
    uint64_t start = now_ns(), took;
    unsigned int n = 0;

    event_count[port] = 0;
    CHECK_EQ(periodic(10 * MS), 0, "a tick of 10 ms");
    while (n < 20 && now_ns() < start + 10 * SLACK)
        if (await())
            n++;
    took = now_ns() - start;
    CHECK_EQ(n, 20, "... comes again and again");
    CHECK(took >= 150 * MS, "... not too fast");
    CHECK(took < 200 * MS + SLACK, "... nor too slow");
    CHECK_EQ(periodic(MS / 2), -XEINVAL, "a tick of half a millisecond");
    CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0, "stop it");
    event_count[port] = 0;
    spin(30 * MS);
    CHECK_EQ(event_count[port], 0, "... and it comes no more");
}

/* --- clock ------------------------------------------------------------------------------------ */

/* The clock is set anew about once a second: look for longer. */
static void clock(void)
{
    const volatile struct vcpu_time_info *t = &my_info()->time;
    uint64_t first = now_ns(), last = first, now, backwards = 0, tsc0 = rdtsc(), tsc1;
    uint32_t version = t->version, odd = 0;
    unsigned __int128 by_tsc;

    do {
        now = now_ns();
        backwards += now < last;
        odd += t->version & 1; /* it is written while this vcpu does not run */
        last = now;
    } while (now - first < 2300 * MS);
    tsc1 = rdtsc();
    CHECK_EQ(backwards, 0, "the clock never goes back");
    CHECK_EQ(odd, 0, "its version is even whenever we look");
    CHECK(t->version - version < 1000, "it is not set anew all the time");
    CHECK(t->tsc_timestamp <= tsc1, "its TSC is not in the future");
    by_tsc = tsc1 - tsc0;
    by_tsc = t->tsc_shift < 0 ? by_tsc >> -t->tsc_shift : by_tsc << t->tsc_shift;
    now = (uint64_t)(by_tsc * t->tsc_to_system_mul >> 32);
    CHECK(now > 2290 * MS && now < 2310 * MS + SLACK, "the TSC's rate is the clock's");
    CHECK(shared_info->wc_sec > 1577836800 || shared_info->wc_sec_hi,
          "the wall clock is past the year 2020");
    CHECK_EQ(shared_info->wc_version & 1, 0, "... and stable");
}

static void second_clock(void)
{
    static struct vcpu_time_info copy;
    struct vcpu_register_time_memory_area area = { .addr.v = &copy };

    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area), 0,
             "register a second time area");
    CHECK_EQ(copy.tsc_to_system_mul, my_info()->time.tsc_to_system_mul, "... which is filled");
    CHECK_EQ(copy.version & 1, 0, "... and stable");
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll,
              &(struct sched_poll){ .timeout = now_ns() + 5 * MS });
    CHECK_EQ(copy.system_time, my_info()->time.system_time, "... with the same time after a sleep");
    area.addr.v = NULL;
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area), 0, "... and unregister it");
}

/* --- runstate --------------------------------------------------------------------------------- */

static uint64_t sum(const struct vcpu_runstate_info *r)
{
    return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

static void sleep_ms(unsigned int ms)
{
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll,
              &(struct sched_poll){ .timeout = now_ns() + ms * MS });
}

static void runstate(void)
{
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area reg = { .addr.v = &area };
    struct vcpu_runstate_info a, b;
    uint64_t at[4]; /* the times around both looks */

    at[0] = now_ns();
    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &a), 0, "the runstate");
    at[1] = now_ns();
    CHECK_EQ(a.state, RUNSTATE_running, "... says we run");
    spin(20 * MS);
    sleep_ms(20);
    at[2] = now_ns();
    vcpu_op(VCPUOP_get_runstate_info, 0, &b);
    at[3] = now_ns();
    CHECK(b.time[RUNSTATE_running] >= a.time[RUNSTATE_running] + 19 * MS,
          "time that we run is counted");
    CHECK(b.time[RUNSTATE_blocked] >= a.time[RUNSTATE_blocked] + 15 * MS, "... and that we sleep");
    CHECK(sum(&b) <= now_ns(), "... and all of it is not more than the time since boot");
    CHECK(sum(&b) - sum(&a) + MS >= at[2] - at[1] && sum(&b) - sum(&a) <= at[3] - at[0] + MS,
          "... and as much as has passed");
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0, "register an area for it");
    CHECK_EQ(area.state, RUNSTATE_running, "... which is filled");
    a = area;
    sleep_ms(20);
    CHECK(area.time[RUNSTATE_blocked] >= a.time[RUNSTATE_blocked] + 15 * MS, "... and kept");
    CHECK(area.state_entry_time > a.state_entry_time, "... with the time of the last change");
    hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag);
    a = area;
    sleep_ms(5);
    CHECK_EQ(area.state_entry_time & XEN_RUNSTATE_UPDATE, 0, "no update is under way when we look");
    CHECK(area.state_entry_time > a.state_entry_time, "... with the flag that says so, too");
    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 1, &b), 0, "the runstate of a vcpu that is down");
    CHECK_EQ(b.state, RUNSTATE_offline, "... says so");
    reg.addr.v = NULL;
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0,
             "... and unregister the area");
}

void test_main(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };

    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    evtchn_op(EVTCHNOP_bind_virq, &virq);
    port = virq.port;
    events_start();
    events_on();
    one_shot();
    other_vcpu();
    timer_op();
    period();
    clock();
    second_clock();
    runstate();
}
