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
 * The MC146818: calendar and formats, setting the clock, update cycle, the three interrupts.
 * Expected values are the Motorola data sheet's; the clock starts at 2001-09-09 01:46:40 UTC.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <hv/errno.h>

static void start(void)
{
    hw_now = (hw_now / SECONDS(1) + 1) * SECONDS(1);
    hw_start(1, HW_HVM);
    hw_dom->time_offset_secs = -(int64_t)(hw_now / SECONDS(1));
    hw_apic_on(0);
    hw_apic_write(0, 0x350, 0x700); /* LINT0: ExtINT */
    hw_pic_start(0x0100);
    for (unsigned int reg = 1; reg <= 5; reg += 2) /* no alarm */
        hw_out(0x70, (uint8_t)reg), hw_out(0x71, 0x99);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

static uint8_t get(unsigned int reg)
{
    hw_out(0x70, (uint8_t)reg);
    return hw_in(0x71);
}

static void set(unsigned int reg, uint8_t val)
{
    hw_out(0x70, (uint8_t)reg);
    hw_out(0x71, val);
}

static bool irq8(void)
{
    const int vector = hw_take(0);

    if (vector >= 0) {
        hw_out(0xa0, 0x20);
        hw_out(0x20, 0x20);
    }
    return vector == 0x28;
}

/* year, month, day, hour, minute, second as one number of hex digits */
static uint64_t stamp(void)
{
    return (uint64_t)get(9) << 40 | (uint64_t)get(8) << 32 | (uint64_t)get(7) << 24 |
           get(4) << 16 | get(2) << 8 | get(0);
}

static void set_stamp(uint64_t s)
{
    static const uint8_t reg[] = { 9, 8, 7, 4, 2, 0 };

    set(0xb, get(0xb) | 0x80);
    for (unsigned int i = 0; i < 6; i++)
        set(reg[i], (uint8_t)(s >> (40 - 8 * i)));
    set(0xb, get(0xb) & 0x7f);
}

static void test_clock(void)
{
    TEST("date and time, in BCD and 24 hours as after reset; weekday; register D")
    {
        start();
        CHECK_EQ(stamp(), 0x010909014640);
        CHECK_EQ(get(6), 1);
        CHECK_EQ(get(0xd), 0x80);
        CHECK_EQ(get(0xa) & 0x7f, 0x26);
        hw_run(SECONDS(20));
        CHECK_EQ(stamp(), 0x010909014700);
        end();
    }
    TEST("binary, and 12 hours")
    {
        start();
        set(0xb, 0x06);
        CHECK_EQ(stamp(), 0x010909012e28);
        hw_run(SECONDS(12 * 3600));
        CHECK_EQ(get(4), 13);
        set(0xb, 0x04);
        CHECK_EQ(get(4), 0x81);
        set(0xb, 0x00);
        CHECK_EQ(get(4), 0x81);
        hw_run(SECONDS(11 * 3600));
        CHECK_EQ(get(4), 0x12); /* midnight */
        set_stamp(0x010910920000);
        hw_run(SECONDS(1));
        CHECK_EQ(stamp(), 0x010910920001); /* noon */
        set(0xb, 0x02);
        CHECK_EQ(get(4), 0x12);
        end();
    }
    TEST("setting it: runs on from there, over ends of months and years; the offset moves")
    {
        static const struct { uint64_t set, next; uint8_t weekday; } row[] = {
            { 0x010909235959, 0x010910000000, 2 }, { 0x000228235959, 0x000229000000, 3 },
            { 0x010228235959, 0x010301000000, 5 }, { 0x691231235959, 0x700101000000, 4 },
            { 0x991231235959, 0x000101000000, 7 }, { 0x040430235959, 0x040501000000, 7 },
            { 0x241231235959, 0x250101000000, 4 },
        };
        int64_t before, after;

        start();
        before = hw_dom->time_offset_secs;
        CHECK(!vrtc_was_set(hw_dom, &after));
        set_stamp(0x010909024640);
        CHECK(vrtc_was_set(hw_dom, &after));
        CHECK_EQ(after, before + 3600);
        CHECK(!vrtc_was_set(hw_dom, &after));
        for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
            set_stamp(row[i].set);
            CHECK_EQ(stamp(), row[i].set);
            hw_run(SECONDS(1));
            if (i != 3) /* 1970 comes after 2069 in the window: 2070 shows the same digits */
                CHECK_EQ(get(6), row[i].weekday);
            CHECK_EQ(stamp(), row[i].next);
        }
        end();
    }
    TEST("stopped by SET or by the divider it stands; a register written while it runs counts")
    {
        start();
        set(0xb, 0x82);
        hw_run(SECONDS(5));
        CHECK_EQ(stamp(), 0x010909014640);
        set(0xb, 0x02);
        CHECK_EQ(stamp(), 0x010909014640);
        set(0xa, 0x70);
        hw_run(SECONDS(5));
        CHECK_EQ(stamp(), 0x010909014640);
        set(0xa, 0x26);
        hw_run(SECONDS(5));
        CHECK_EQ(stamp(), 0x010909014645);
        set(2, 0x50);
        CHECK_EQ(stamp(), 0x010909015045);
        end();
    }
    TEST("CMOS memory is not ours, its index neither")
    {
        uint8_t val = 0x5a;

        start();
        CHECK(vrtc_write(hw_dom, 0x70, 0x8d));
        CHECK(vrtc_read(hw_dom, 0x71, &val) && val == 0x80);
        CHECK(!vrtc_write(hw_dom, 0x70, 0x0e));
        CHECK(!vrtc_write(hw_dom, 0x71, 0));
        CHECK(!vrtc_read(hw_dom, 0x71, &val));
        end();
    }
}

static void test_updates(void)
{
    TEST("UIP for 2228 us before each second, but not while stopped")
    {
        start();
        hw_run(MILLISECS(997));
        CHECK_EQ(get(0xa), 0x26);
        hw_run(MILLISECS(1));
        CHECK_EQ(get(0xa), 0xa6);
        set(0xb, 0x82);
        CHECK_EQ(get(0xa), 0x26);
        set(0xb, 0x02);
        hw_run(MILLISECS(2));
        CHECK_EQ(get(0xa), 0x26);
        end();
    }
    TEST("UF once a second without a timer; UIE makes it an interrupt")
    {
        start();
        get(0xc);
        hw.expiries = 0;
        CHECK_EQ(get(0xc) & 0x10, 0);
        hw_run(SECONDS(1));
        CHECK_EQ(get(0xc) & 0x90, 0x10);
        CHECK_EQ(get(0xc) & 0x10, 0);
        CHECK(hw.expiries <= 1); /* one that was asked for before */
        set(0xb, 0x12);
        CHECK(!irq8());
        hw_run(SECONDS(1));
        CHECK(irq8());
        hw_run(SECONDS(1));
        CHECK(!irq8());                      /* C was not read */
        CHECK_EQ(get(0xc) & 0x90, 0x90);
        hw_run(SECONDS(1));
        CHECK(irq8());
        set(0xb, 0x92);                      /* SET clears UIE */
        CHECK_EQ(get(0xb), 0x82);
        end();
    }
    TEST("alarm: at its time, with every kind of don't-care")
    {
        static const struct { uint8_t h, m, s; ns_t after; } row[] = {
            { 0x01, 0x46, 0x45, SECONDS(5) }, { 0xff, 0x47, 0x00, SECONDS(20) },
            { 0xc0, 0xff, 0x39, SECONDS(59) }, { 0x02, 0xff, 0x00, SECONDS(13 * 60 + 20) },
            { 0xff, 0xff, 0xff, SECONDS(1) }, { 0x01, 0x46, 0x40, SECONDS(86400) },
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
            start();
            set(5, row[i].h);
            set(3, row[i].m);
            set(1, row[i].s);
            get(0xc);
            set(0xb, 0x22);
            hw_run(row[i].after - 1);
            CHECK(!irq8());
            hw_run(1);
            CHECK(irq8());
            CHECK_EQ(get(0xc) & 0xa0, 0xa0);
            end();
        }
    }
    TEST("an alarm that passed is found without its interrupt; one of no such time never comes")
    {
        start();
        set(5, 0x02), set(3, 0x00), set(1, 0x00);
        get(0xc);
        hw_run(SECONDS(3600));
        CHECK_EQ(get(0xc) & 0xa0, 0x20);
        set(5, 0x33);
        hw_run(SECONDS(100000));
        CHECK_EQ(get(0xc) & 0x20, 0);
        end();
    }
}

static void test_periodic(void)
{
    TEST("every rate")
    {
        static const unsigned int hz[16] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128,
                                             64, 32, 16, 8, 4, 2 };

        for (unsigned int rate = 0; rate < 16; rate++) {
            unsigned int got = 0;

            start();
            set(0xa, (uint8_t)(0x20 | rate));
            set(0xb, 0x42);
            for (ns_t t = 0; t < SECONDS(1); t += 50000) {
                hw_run(50000);
                if (irq8()) {
                    got++;
                    CHECK_EQ(get(0xc) & 0xc0, 0xc0);
                }
            }
            CHECK(got + 1 >= hz[rate] && got <= hz[rate]);
            end();
        }
    }
    TEST("PF without PIE, by time alone")
    {
        start();
        set(0xa, 0x2f);
        get(0xc);
        hw.expiries = 0;
        hw_run(MILLISECS(510));
        CHECK_EQ(get(0xc) & 0xc0, 0x40);
        CHECK_EQ(get(0xc) & 0xc0, 0);
        CHECK(hw.expiries <= 1); /* one that was asked for before */
        end();
    }
    TEST("clearing PIE lets the line fall")
    {
        start();
        set(0xb, 0x42);
        hw_run(MILLISECS(2));
        CHECK_EQ(hw_dom->arch.hvm->irq.isa_wire, 0x100);
        set(0xb, 0x02);
        CHECK_EQ(hw_dom->arch.hvm->irq.isa_wire, 0);
        end();
    }
}

static void test_records(void)
{
    struct hvm_hw_rtc r, again, bad;

    TEST("saved, loaded and saved again, and it ticks on")
    {
        start();
        set(0xb, 0x52);
        hw_run(SECONDS(3) + 500);
        hw_out(0x70, 0x44);
        vrtc_save(hw_dom, &r);
        CHECK_EQ(r.cmos_data[0], 0x43);
        CHECK_EQ(vrtc_load(hw_dom, &r), 0);
        vrtc_save(hw_dom, &again);
        CHECK(memcmp(&r, &again, sizeof(r)) == 0);
        irq8();
        get(0xc);
        hw_run(MILLISECS(1));
        CHECK(irq8());
        end();
    }
    TEST("records that cannot be are refused")
    {
        start();
        vrtc_save(hw_dom, &r);
        bad = r, bad.cmos_index = 0x80;
        CHECK_EQ(vrtc_load(hw_dom, &bad), -EINVAL);
        bad = r, bad.cmos_data[0xc] = 0x01;
        CHECK_EQ(vrtc_load(hw_dom, &bad), -EINVAL);
        bad = r, bad.cmos_data[0xc] = 0x80;
        CHECK_EQ(vrtc_load(hw_dom, &bad), -EINVAL);
        bad = r, bad.cmos_data[0xd] = 0x81;
        CHECK_EQ(vrtc_load(hw_dom, &bad), -EINVAL);
        end();
    }
}

int main(void)
{
    test_clock();
    test_updates();
    test_periodic();
    test_records();
    return check_exit();
}
