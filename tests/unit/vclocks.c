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
 * HPET, PM timer and buttons, and what the four timer modes make of missed ticks. Expected values
 * are those of the HPET specification 1.0a, ACPI, and public hvm/params.h.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <hv/errno.h>

#define TIMER(n) (0x100U + 0x20U * (n))
#define LEVEL 0x8000U

static void start(void)
{
    hw_start(1, HW_HVM);
    hw_apic_on(0);
    hw_ioapic(2, 0x42);
    hw_ioapic(8, 0x48);
    hw_ioapic(20, 0x50);
    hw_ioapic(21, 0x60 | LEVEL);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

static uint64_t get(unsigned int offset) { return hw_read(VHPET_BASE + offset, 8); }
static void set(unsigned int offset, uint64_t val) { hw_write(VHPET_BASE + offset, 8, val); }
static void ticks(unsigned int n) { hw_run((ns_t)n * 16); }

static unsigned int serve_all(int vector)
{
    unsigned int n = 0;

    for (int got; (got = hw_serve(0)) >= 0;)
        n += got == vector;
    return n;
}

static void test_hpet(void)
{
    TEST("HPET: capabilities, counter, halves, accesses that there are not")
    {
        start();
        CHECK_EQ(get(0), 0x00f424008086a201);
        CHECK_EQ(hw_read(VHPET_BASE + 4, 4), 0x00f42400);
        CHECK_EQ(get(TIMER(0)), 0x00f0000000000030);
        ticks(100);
        CHECK_EQ(get(0xf0), 0);
        set(0xf0, 0xfffffff0);
        set(0x10, 1);
        ticks(100);
        CHECK_EQ(get(0xf0), 0x100000054);
        CHECK_EQ(hw_read(VHPET_BASE + 0xf4, 4), 1);
        set(0x10, 0);
        ticks(100);
        CHECK_EQ(get(0xf0), 0x100000054);
        CHECK_EQ(hw_read(VHPET_BASE + 2, 4), ~0ULL);
        CHECK_EQ(hw_read(VHPET_BASE, 2), ~0ULL);
        CHECK_EQ(get(0x3f8), 0);
        end();
    }
    TEST("HPET: one-shot at its match, once")
    {
        start();
        set(TIMER(0), 20 << 9 | 4);
        set(TIMER(0) + 8, 1000);
        set(0x10, 1);
        ticks(999);
        CHECK_EQ(serve_all(0x50), 0);
        ticks(1);
        CHECK_EQ(serve_all(0x50), 1);
        ticks(1000000);
        CHECK_EQ(serve_all(0x50), 0);
        set(TIMER(0) + 8, get(0xf0) - 10); /* just missed: at once */
        ticks(1);
        CHECK_EQ(serve_all(0x50), 1);
        end();
    }
    TEST("HPET: periodic, set up as kernels do; the comparator moves on")
    {
        start();
        set(0x10, 1);
        set(TIMER(0), 20 << 9 | 4 | 8 | 0x40);
        set(TIMER(0) + 8, 10000);
        CHECK_EQ(get(TIMER(0)) & 0x40, 0);
        set(TIMER(0) + 8, 62500);          /* 1 ms */
        CHECK_EQ(get(TIMER(0) + 8), 10000);
        ticks(10000);
        CHECK_EQ(serve_all(0x50), 1);
        CHECK_EQ(get(TIMER(0) + 8), 72500);
        for (unsigned int i = 0; i < 10; i++) {
            ticks(62500);
            CHECK_EQ(serve_all(0x50), 1);
        }
        set(0x10, 0);
        ticks(1000000);
        CHECK_EQ(serve_all(0x50), 0);
        end();
    }
    TEST("HPET: level until its status bit is cleared")
    {
        start();
        set(0x10, 1);
        set(TIMER(1), 21 << 9 | 4 | 2);
        set(TIMER(1) + 8, 1000);
        ticks(1000);
        CHECK_EQ(get(0x20), 2);
        CHECK_EQ(hw_serve(0), 0x60);
        CHECK_EQ(hw_take(0), 0x60);
        set(0x20, 1);
        CHECK_EQ(get(0x20), 2);
        set(0x20, 2);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        set(TIMER(1) + 8, get(0xf0) + 10);
        ticks(10);
        set(TIMER(1), 21 << 9 | 2);        /* disabled: the pin falls */
        CHECK_EQ(hw_serve(0), 0x60);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("HPET: 32-bit timers wrap; routes that there are not are not taken")
    {
        start();
        set(0xf0, 0xfffffc00);
        set(TIMER(2), 20 << 9 | 4 | 0x100);
        set(TIMER(2), 5 << 9 | 4 | 0x100);
        CHECK_EQ(get(TIMER(2)) >> 9 & 31, 20);
        set(TIMER(2) + 8, 0x123400000010);
        CHECK_EQ(get(TIMER(2) + 8), 0x10);
        set(0x10, 1);
        ticks(1023);
        CHECK_EQ(serve_all(0x50), 0);
        ticks(17);
        CHECK_EQ(serve_all(0x50), 1);
        hw_run(SECONDS(68));
        CHECK_EQ(serve_all(0x50), 0);
        hw_run(SECONDS(1));
        CHECK_EQ(serve_all(0x50), 1);
        end();
    }
    TEST("HPET: legacy replacement takes irq 0 and 8 from PIT and RTC")
    {
        start();
        set(TIMER(0), 4 | 8 | 0x40);
        set(TIMER(0) + 8, 62500);
        set(TIMER(1), 4);
        set(TIMER(1) + 8, 100000);
        hw_out(0x43, 0x34), hw_out(0x40, 0xa9), hw_out(0x40, 0x04); /* 1 ms */
        set(0x10, 3);
        hw_run(MILLISECS(1));
        CHECK_EQ(serve_all(0x42), 1);
        hw_run(MILLISECS(1));
        CHECK_EQ(hw_serve(0), 0x48);
        CHECK_EQ(hw_serve(0), 0x42);
        CHECK_EQ(hw_serve(0), -1);
        set(0x10, 0);
        hw_run(MILLISECS(10));
        CHECK(serve_all(0x42) >= 9);       /* the PIT's again */
        end();
    }
    TEST("HPET: the shortest period costs ten host interrupts a millisecond, not more")
    {
        start();
        set(TIMER(0), 20 << 9 | 4 | 8 | 0x40);
        set(TIMER(0) + 8, 1);
        hw.expiries = 0;
        set(0x10, 1);
        hw_run(MILLISECS(10));
        CHECK(hw.expiries >= 99 && hw.expiries <= 101);
        end();
    }
    TEST("HPET: saved, loaded and saved again; records that cannot be")
    {
        struct hvm_hw_hpet r, again;

        start();
        set(0x10, 1);
        set(TIMER(0), 20 << 9 | 4 | 8 | 0x40);
        set(TIMER(0) + 8, 62500);
        set(TIMER(1), 21 << 9 | 4 | 2);
        set(TIMER(1) + 8, 1000);
        ticks(2000);
        vhpet_save(hw_dom, &r);
        end();
        start();
        CHECK_EQ(vhpet_load(hw_dom, &r), 0);
        vhpet_save(hw_dom, &again);
        CHECK(memcmp(&r, &again, sizeof(r)) == 0);
        CHECK_EQ(hw_serve(0), 0x60);
        set(0x20, 2);
        hw_apic_write(0, 0xb0, 0);
        ticks(60500);
        CHECK_EQ(hw_take(0), 0x60);        /* was pending */
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(serve_all(0x50), 1);
        again = r, again.config = 4;
        CHECK_EQ(vhpet_load(hw_dom, &again), -EINVAL);
        again = r, again.isr = 8;
        CHECK_EQ(vhpet_load(hw_dom, &again), -EINVAL);
        again = r, again.timers[0].config |= 0x4000;
        CHECK_EQ(vhpet_load(hw_dom, &again), -EINVAL);
        again = r, again.timers[0].config = 5 << 9;
        CHECK_EQ(vhpet_load(hw_dom, &again), -EINVAL);
        end();
    }
}

static void test_pm(void)
{
    TEST("PM timer: 3.579545 MHz, 32 bits, narrow reads; it cannot be written")
    {
        uint32_t before;

        start();
        before = hw_in32(0xb008);
        hw_run(SECONDS(1));
        CHECK_EQ(hw_in32(0xb008) - before, 3579545);
        CHECK_EQ(hw_in(0xb009), hw_in32(0xb008) >> 8 & 0xff);
        hw_out(0xb008, 1);
        CHECK_EQ(hw_in32(0xb008) - before, 3579545);
        CHECK_EQ(hw_in32(0xb004), ~0U);    /* PM1a control: a device model's */
        CHECK_EQ(vpm_set_location(hw_dom, 2), -EINVAL);
        CHECK_EQ(vpm_set_location(hw_dom, 0), 0);
        CHECK_EQ(hw_in32(0x1f48) - before, 3579545);
        end();
    }
    TEST("buttons: status, enable, SCI; written ones clear")
    {
        start();
        hw_ioapic(9, 0x49 | LEVEL);
        vpm_power_button(hw_dom);
        CHECK_EQ(hw_in32(0xb000), 0x100);
        CHECK_EQ(hw_take(0), -1);
        hw_out(0xb003, 0xff);
        CHECK_EQ(hw_in32(0xb000), 0x07000100);
        CHECK_EQ(hw_serve(0), 0x49);
        CHECK_EQ(hw_take(0), 0x49);
        vpm_sleep_button(hw_dom);
        hw_out(0xb001, 1);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), 0x49);
        hw_out(0xb001, 2);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("the timer's top bit: status always, SCI when enabled")
    {
        const ns_t half = SECONDS(600);    /* 2^31 clocks take 599.93 s */
        struct hvm_hw_pmtimer r, again;

        start();
        hw_ioapic(9, 0x49);
        CHECK_EQ(hw_in32(0xb000), 0);
        hw_run(half);
        CHECK_EQ(hw_in32(0xb000), 1);
        hw_out(0xb000, 1);
        CHECK_EQ(hw_in32(0xb000), 0);
        hw_out(0xb002, 1);
        hw_run(half);
        CHECK_EQ(hw_serve(0), 0x49);
        vpm_save(hw_dom, &r);
        CHECK_EQ(r.pm1a_sts, 1);
        CHECK_EQ(vpm_load(hw_dom, &r), 0);
        vpm_save(hw_dom, &again);
        CHECK(memcmp(&r, &again, sizeof(r)) == 0);
        r.pm1a_sts = 2;
        CHECK_EQ(vpm_load(hw_dom, &r), -EINVAL);
        r.pm1a_sts = 0, r.pm1a_en = 0x8000;
        CHECK_EQ(vpm_load(hw_dom, &r), -EINVAL);
        end();
    }
}

/* A PIT of 1 ms (1193 clocks), whose vcpu is away for 10.5 ms after 2 ms. */
static ns_t away(unsigned int mode)
{
    ns_t before;

    start();
    CHECK_EQ(hvm_timer_mode_set(hw_dom, mode), 0);
    hw_out(0x43, 0x34), hw_out(0x40, 0xa9), hw_out(0x40, 0x04);
    for (unsigned int i = 0; i < 2; i++) {
        hw_run(MILLISECS(1));
        CHECK_EQ(serve_all(0x42), 1);
    }
    before = vtick_now(hw_dom->vcpu[0]);
    vtick_leave(hw_dom->vcpu[0]);
    hw.expiries = 0;
    hw_run(MILLISECS(10) + 500000);
    CHECK(hw.expiries <= 1);
    vtick_enter(hw_dom->vcpu[0]);
    return before;
}

static void test_modes(void)
{
    TEST("no_delay_for_missed_ticks: all come, the clock is real")
    {
        away(HVMPTM_no_delay_for_missed_ticks);
        CHECK_EQ(vtick_lag(hw_dom->vcpu[0]), 0);
        CHECK_EQ(serve_all(0x42), 10);
        hw_run(MILLISECS(1));
        CHECK_EQ(serve_all(0x42), 1);
        end();
    }
    TEST("delay_for_missed_ticks: all come, and the clock steps with them")
    {
        ns_t before = away(HVMPTM_delay_for_missed_ticks), last = before;

        CHECK_EQ(vtick_now(hw_dom->vcpu[0]), before);
        for (unsigned int i = 0; i < 10; i++) {
            CHECK_EQ(hw_serve(0), 0x42);
            CHECK(vtick_now(hw_dom->vcpu[0]) >= last);
            CHECK(vtick_now(hw_dom->vcpu[0]) <= before + MILLISECS(1) * (i + 1));
            last = vtick_now(hw_dom->vcpu[0]);
        }
        CHECK_EQ(hw_serve(0), -1);
        CHECK(vtick_lag(hw_dom->vcpu[0]) < MILLISECS(1));
        hw_run(MILLISECS(1));
        CHECK_EQ(serve_all(0x42), 1);
        CHECK(vtick_lag(hw_dom->vcpu[0]) < MILLISECS(1)); /* since the last tick */
        end();
    }
    TEST("no_missed_ticks_pending: none of the missed; then one runs on over a preemption")
    {
        away(HVMPTM_no_missed_ticks_pending);
        CHECK_EQ(vtick_lag(hw_dom->vcpu[0]), 0);
        CHECK_EQ(serve_all(0x42), 0);
        vtick_leave(hw_dom->vcpu[0]);
        hw_run(MILLISECS(1));
        CHECK_EQ(serve_all(0x42), 1);
        vtick_enter(hw_dom->vcpu[0]);
        vtick_leave(hw_dom->vcpu[0]);
        hw_run(MILLISECS(5));
        vtick_enter(hw_dom->vcpu[0]);
        CHECK_EQ(serve_all(0x42), 0);
        end();
    }
    TEST("one_missed_tick_pending: one for all")
    {
        away(HVMPTM_one_missed_tick_pending);
        CHECK_EQ(serve_all(0x42), 1);
        hw_run(MILLISECS(1));
        CHECK_EQ(serve_all(0x42), 1);
        CHECK_EQ(hvm_timer_mode_set(hw_dom, 4), -EINVAL);
        end();
    }
    TEST("ticks that are masked are not missed, and very many missed ones are limited")
    {
        unsigned int got;

        start();
        hw_ioapic(2, 0x10042);
        hw_out(0x43, 0x34), hw_out(0x40, 0xa9), hw_out(0x40, 0x04);
        hw_run(MILLISECS(100));
        hw_ioapic(2, 0x42);
        CHECK_EQ(serve_all(0x42), 0);
        vtick_leave(hw_dom->vcpu[0]);
        hw_run(SECONDS(100));
        vtick_enter(hw_dom->vcpu[0]);
        got = serve_all(0x42);
        CHECK_EQ(got, VTICK_MAX_PENDING);
        end();
    }
    TEST("aligned ticks begin at a multiple of their period")
    {
        start();
        hw_dom->arch.hvm->align_ticks = true;
        hw_run(12345);
        hw_apic_write(0, 0x3e0, 0xb);
        hw_apic_write(0, 0x320, 0x20041);
        hw_apic_write(0, 0x380, 100000);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->lapic.tick.next % MILLISECS(1), 0);
        end();
    }
}

int main(void)
{
    test_hpet();
    test_pm();
    test_modes();
    return check_exit();
}
