/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/*
 * The TSC of an HVM domain over simulated time: what each tsc_mode makes of each machine, its
 * values, system time as the guest computes it, and that it lags with the ticks of a vcpu that was
 * preempted under delay_for_missed_ticks, and under no other timer mode.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <arch/timescale.h>
#include <hv/errno.h>
#include <xen/domctl.h>

#define HOST_KHZ 2000000U /* of the simulated machine: two ticks a nanosecond */

static struct vcpu *v0;
static const struct tsc_machine plain = { .khz = HOST_KHZ, .stable = true };
static const struct tsc_machine scaling = { .khz = HOST_KHZ, .stable = true, .scales = true };
static const struct tsc_machine unstable = { .khz = HOST_KHZ };

static void start(unsigned int timer_mode)
{
    hw_start(1, HW_PVH);
    v0 = hw_dom->vcpu[0];
    CHECK_EQ(hvm_timer_mode_set(hw_dom, timer_mode), 0);
    hw_apic_on(0);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

static int choose(uint32_t mode, uint32_t khz, uint64_t elapsed, const struct tsc_machine *m)
{
    const struct xen_domctl_tsc_info info = {
        .tsc_mode = mode, .gtsc_khz = khz, .incarnation = 4, .elapsed_nsec = elapsed
    };

    return hvm_tsc_choose(hw_dom, &info, m, hw_now);
}

static uint64_t tsc(void) { return hvm_guest_tsc(v0); }

static bool near(uint64_t a, uint64_t b) { return a - b + 4 <= 8; }

/* --- modes ------------------------------------------------------------------------------------ */

static void test_modes(void)
{
    TEST("which mode emulates, scales, or takes the machine's, on which machine")
    {
        static const struct {
            uint32_t mode, khz;
            const struct tsc_machine *m;
            bool emulated, scaled;
            uint32_t guest;
        } cases[] = {
            { 0, 0, &plain, false, false, HOST_KHZ },
            { 0, HOST_KHZ, &plain, false, false, HOST_KHZ },
            { 0, 1000000, &plain, true, false, 1000000 },
            { 0, 1000000, &scaling, false, true, 1000000 },
            { 0, 0, &unstable, true, false, HOST_KHZ },
            { 1, 0, &plain, true, false, HOST_KHZ },
            { 1, 3000000, &scaling, true, false, 3000000 },
            { 2, 0, &unstable, false, false, HOST_KHZ },
            { 2, 1000000, &scaling, false, false, HOST_KHZ },
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
            struct xen_domctl_tsc_info info;

            start(1);
            CHECK_EQ(choose(cases[i].mode, cases[i].khz, 5, cases[i].m), 0);
            CHECK_EQ(hw_dom->arch.hvm->tsc.emulated, cases[i].emulated);
            CHECK_EQ(hw_dom->arch.hvm->tsc.ratio != 0, cases[i].scaled);
            CHECK_EQ(hvm_guest_tsc_khz(v0), cases[i].guest);
            hvm_tsc_info(hw_dom, &info, hw_now);
            CHECK_EQ(info.tsc_mode, cases[i].mode);
            CHECK_EQ(info.incarnation, 4);
            CHECK_EQ(info.gtsc_khz, cases[i].mode == 2 ? 0 : cases[i].guest);
            CHECK_EQ(info.elapsed_nsec, cases[i].mode == 2 ? 0 : 5);
            end();
        }
    }
    TEST("modes that there are not, and rates without sense, change nothing")
    {
        start(1);
        CHECK_EQ(choose(1, 1000000, 0, &plain), 0);
        CHECK_EQ(choose(3, 0, 0, &plain), -EINVAL);
        CHECK_EQ(choose(1, ~0U, 0, &plain), -EINVAL);
        CHECK_EQ(choose(~0U, 0, 0, &plain), -EINVAL);
        CHECK_EQ(hvm_guest_tsc_khz(v0), 1000000);
        for (uint64_t elapsed = 1; elapsed; elapsed <<= 7) { /* of a stranger's */
            CHECK_EQ(choose(1, 1, 0 - elapsed, &plain), 0);
            (void)tsc();
        }
        end();
    }
}

/* --- values ----------------------------------------------------------------------------------- */

/* public xen.h, "vcpu_time_info" */
static uint64_t system_time(const struct vcpu_time_info *t)
{
    const struct timescale s = { .mul = t->tsc_to_system_mul, .shift = t->tsc_shift };

    return t->system_time + timescale_ns(s, tsc() - t->tsc_timestamp);
}

static void check_system_time(ns_t later)
{
    const struct timescale host = timescale_from_hz(HOST_KHZ * 1000ULL);
    struct vcpu_time_info t = { .tsc_timestamp = (uint64_t)hw_now * 2,
                                .system_time = (uint64_t)hw_now,
                                .tsc_to_system_mul = host.mul,
                                .tsc_shift = host.shift };

    hvm_tsc_time_info(v0, &t);
    CHECK(near(system_time(&t), (uint64_t)hw_now));
    hw_run(later);
    CHECK(near(system_time(&t), (uint64_t)hw_now));
}

static void test_values(void)
{
    static const struct tsc_machine *const machines[] = { &plain, &scaling, &unstable };

    TEST("the TSC goes at the guest's rate, from where the guest has set it")
    {
        for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++)
            for (uint32_t mode = 0; mode < 3; mode++)
                for (uint32_t khz = 0; khz < 4000000; khz += 1500000) {
                    uint64_t from, rate;

                    start(1);
                    hw_run(MILLISECS(1));
                    CHECK_EQ(choose(mode, khz, 0, machines[m]), 0);
                    rate = hvm_guest_tsc_khz(v0);
                    from = tsc();
                    hw_run(MILLISECS(10));
                    CHECK(near(tsc() - from, rate * 10));
                    v0->arch.hvm->cpu.tsc_offset += 12345 - tsc();
                    CHECK_EQ(tsc(), 12345);
                    hw_run(MILLISECS(1));
                    CHECK(near(tsc(), 12345 + rate));
                    check_system_time(MILLISECS(30));
                    end();
                }
    }
    TEST("an emulated TSC counts from when the domain began, wherever it was")
    {
        hw_run(SECONDS(5));
        start(1);
        CHECK_EQ(choose(1, 1000000, SECONDS(2), &plain), 0);
        CHECK(near(tsc(), 2000000000));
        end();
    }
    TEST("the LAPIC's deadline is a value of the guest's TSC")
    {
        start(1);
        CHECK_EQ(choose(1, 1000000, 0, &plain), 0);
        hw_apic_write(0, 0x320, 2U << 17 | 0x44);
        CHECK_EQ(vlapic_msr_write(v0, 0x6e0, tsc() + 1000000), 0); /* a millisecond */
        hw_run(MICROSECS(999));
        CHECK_EQ(hw_take(0), -1);
        hw_run(MICROSECS(2));
        CHECK_EQ(hw_take(0), 0x44);
        end();
    }
}

/* --- timer modes ------------------------------------------------------------------------------ */

/* A tick each millisecond, preempted for 5.5 of them; then it takes what has come. */
static void preempt(void)
{
    hw_apic_write(0, 0x320, 1U << 17 | 0x44);
    hw_apic_write(0, 0x3e0, 0xb);
    hw_apic_write(0, 0x380, 100000);
    hw_run(MICROSECS(500));
    hvm_tsc_follow(v0);
    vtick_leave(v0);
    hw_run(MICROSECS(5500));
}

static void test_lag(void)
{
    TEST("delay_for_missed_ticks: the TSC stands with the clocks, and steps with the ticks")
    {
        for (uint32_t mode = 1; mode < 3; mode++) {
            uint64_t left, last;
            unsigned int ticks = 0;

            start(HVMPTM_delay_for_missed_ticks);
            CHECK_EQ(choose(mode, 0, 0, &plain), 0);
            preempt();
            left = tsc() - 11000000; /* not told yet: it still has none of its lag */
            vtick_enter(v0);
            hvm_tsc_follow(v0);
            CHECK(near(tsc(), left));
            CHECK(near(v0->arch.hvm->tsc_lag, 11000000));
            CHECK_EQ(hw.time_updates, 1);
            check_system_time(0);
            for (last = tsc(); hw_serve(0) == 0x44; last = tsc()) {
                ticks++;
                hvm_tsc_follow(v0);
                CHECK(tsc() > last || ticks == 6);
                CHECK_EQ(hw.time_updates, MIN(1 + ticks, 7U));
                check_system_time(0);
            }
            CHECK_EQ(v0->arch.hvm->tsc_lag, 0);
            CHECK_EQ(ticks, 6);
            end();
        }
    }
    TEST("the other modes: no lag")
    {
        for (unsigned int mode = 1; mode < 4; mode++) {
            uint64_t before;

            start(mode);
            before = tsc();
            preempt();
            vtick_enter(v0);
            hvm_tsc_follow(v0);
            CHECK(near(tsc(), before + 12000000));
            CHECK_EQ(v0->arch.hvm->tsc_lag, 0);
            CHECK_EQ(hw.time_updates, 0);
            end();
        }
    }
}

int main(void)
{
    test_modes();
    test_values();
    test_lag();
    return check_exit();
}
