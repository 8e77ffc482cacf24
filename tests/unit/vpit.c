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
 * The 8254 and port 0x61: each mode's output and count, latches, read-back, BCD, gates, channel 0's
 * interrupts. Expected values are the Intel 8254 data sheet's.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <hv/errno.h>

#define GATE 1U
#define OUT 0x20U

static void start(void)
{
    hw_start(1, HW_HVM);
    hw_apic_on(0);
    hw_apic_write(0, 0x350, 0x700); /* LINT0: ExtINT */
    hw_pic_start(0x0001);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

/* Time until the n-th clock from now has passed. */
static ns_t clocks(unsigned int n) { return (ns_t)n * 1000000000 / VPIT_HZ + 1; }

static void program(unsigned int channel, unsigned int mode, uint16_t count)
{
    hw_out(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
    hw_out(0x40 + channel, (uint8_t)count);
    hw_out(0x40 + channel, (uint8_t)(count >> 8));
}

static uint16_t count_now(unsigned int channel)
{
    uint16_t low;

    hw_out(0x43, (uint8_t)(channel << 6));
    low = hw_in(0x40 + channel);
    return (uint16_t)(hw_in(0x40 + channel) << 8 | low);
}

static uint8_t status(unsigned int channel)
{
    hw_out(0x43, (uint8_t)(0xe0 | 2U << channel));
    return hw_in(0x40 + channel);
}

static bool out2(void) { return hw_in(0x61) & OUT; }

static bool irq0(void)
{
    const int vector = hw_take(0);

    if (vector >= 0)
        hw_out(0x20, 0x20);
    return vector == 0x20;
}

static void test_modes(void)
{
    TEST("mode 0: low until the count is over, then it goes on; the gate holds it")
    {
        start();
        hw_out(0x61, GATE);
        program(2, 0, 1000);
        CHECK(!out2());
        hw_run(clocks(400));
        CHECK_EQ(count_now(2), 600);
        hw_out(0x61, 0);
        hw_run(clocks(5000));
        CHECK_EQ(count_now(2), 600);
        hw_out(0x61, GATE);
        hw_run(clocks(599));
        CHECK(!out2());
        hw_run(clocks(1));
        CHECK(out2());
        hw_run(clocks(10));
        CHECK_EQ(count_now(2), 0x10000 - 10);
        end();
    }
    TEST("mode 0: the first byte of a new count stops it")
    {
        start();
        hw_out(0x61, GATE);
        program(2, 0, 1000);
        hw_out(0x42, 0x64);
        hw_run(clocks(2000));
        CHECK(!out2());
        hw_out(0x42, 0);
        hw_run(clocks(101));
        CHECK(out2());
        end();
    }
    TEST("mode 1: a pulse from each opening of the gate")
    {
        start();
        program(2, 1, 1000);
        CHECK(out2());
        hw_run(clocks(2000));
        CHECK(out2());
        CHECK_EQ(status(2), 0x80 | 0x40 | 0x32); /* null count: not triggered */
        hw_out(0x61, GATE);
        CHECK(!out2());
        hw_run(clocks(500));
        hw_out(0x61, 0);
        hw_out(0x61, GATE);
        hw_run(clocks(999));
        CHECK(!out2());
        hw_run(clocks(2));
        CHECK(out2());
        end();
    }
    TEST("mode 2: low for the last clock of each period; the gate sets it high and reloads")
    {
        start();
        hw_out(0x61, GATE);
        program(2, 2, 100);
        hw_run(clocks(98));
        CHECK(out2());
        CHECK_EQ(count_now(2), 2);
        hw_run(clocks(1));
        CHECK(!out2());
        CHECK_EQ(count_now(2), 1);
        hw_out(0x61, 0);
        CHECK(out2());
        hw_run(clocks(50));
        hw_out(0x61, GATE);
        CHECK_EQ(count_now(2), 100);
        hw_run(clocks(350));
        CHECK_EQ(count_now(2), 50);
        end();
    }
    TEST("mode 3: half high, half low, counting by twos")
    {
        start();
        hw_out(0x61, GATE);
        program(2, 3, 100);
        CHECK(out2());
        hw_run(clocks(49));
        CHECK(out2());
        CHECK_EQ(count_now(2), 2);
        hw_run(clocks(1));
        CHECK(!out2());
        CHECK_EQ(count_now(2), 100);
        hw_run(clocks(50));
        CHECK(out2());
        hw_out(0x43, 0x80 | 0x30 | 7 << 1); /* mode 7 is mode 3 */
        CHECK_EQ(status(2) & 0x0e, 6);
        end();
    }
    TEST("modes 4 and 5: one low clock after the count, from the write and from the gate")
    {
        for (unsigned int mode = 4; mode <= 5; mode++) {
            start();
            hw_out(0x61, mode == 4 ? GATE : 0);
            program(2, mode, 100);
            if (mode == 5) {
                hw_run(clocks(200));
                CHECK(out2());
                hw_out(0x61, GATE);
            }
            hw_run(clocks(99));
            CHECK(out2());
            hw_run(clocks(1));
            CHECK(!out2());
            hw_run(clocks(1));
            CHECK(out2());
            hw_run(clocks(100000));
            CHECK(out2());
            end();
        }
    }
}

static void test_access(void)
{
    TEST("latches hold one value until it is read; a second command is ignored")
    {
        start();
        program(0, 2, 50000);
        hw_run(clocks(100));
        hw_out(0x43, 0);
        hw_run(clocks(100));
        hw_out(0x43, 0);
        CHECK_EQ(hw_in(0x40), 49900 & 0xff);
        CHECK_EQ(hw_in(0x40), 49900 >> 8);
        CHECK_EQ(hw_in(0x40), 49800 & 0xff); /* not latched: the count itself */
        CHECK_EQ(hw_in(0x40), 49800 >> 8);
        end();
    }
    TEST("read-back: status first, then the count, of several channels")
    {
        start();
        program(0, 2, 50000);
        program(1, 3, 0x1234);
        hw_out(0x43, 0xc0 | 2 | 4);          /* count and status of 0 and 1 */
        hw_run(clocks(100));
        CHECK_EQ(hw_in(0x40), 0x80 | 0x34);
        CHECK_EQ(hw_in(0x40), 50000 & 0xff);
        CHECK_EQ(hw_in(0x40), 50000 >> 8);
        CHECK_EQ(hw_in(0x41), 0x80 | 0x36);
        CHECK_EQ(hw_in(0x41), 0x34);
        CHECK_EQ(hw_in(0x41), 0x12);
        hw_out(0x43, 0xd0 | 2);              /* count alone */
        CHECK_EQ(hw_in(0x40), 49900 & 0xff);
        CHECK_EQ(hw_in(0x43), 0xff);
        end();
    }
    TEST("one byte only: LSB, MSB")
    {
        start();
        hw_out(0x61, GATE);
        hw_out(0x43, 0x80 | 0x10 | 2 << 1);
        hw_out(0x42, 200);
        hw_run(clocks(50));
        CHECK_EQ(hw_in(0x42), 150);
        CHECK_EQ(hw_in(0x42), 150);
        hw_out(0x43, 0x80 | 0x20 | 2 << 1);
        hw_out(0x42, 2);                     /* 512 */
        hw_run(clocks(100));
        CHECK_EQ(hw_in(0x42), 1);
        CHECK_EQ(status(2), 0x80 | 0x24);
        end();
    }
    TEST("0 is 65536; BCD, where 0 is 10000")
    {
        start();
        hw_out(0x61, GATE);
        program(2, 2, 0);
        CHECK_EQ(count_now(2), 0);
        hw_run(clocks(1));
        CHECK_EQ(count_now(2), 0xffff);
        hw_out(0x43, 0x80 | 0x30 | 2 << 1 | 1);
        hw_out(0x42, 0);
        hw_out(0x42, 0x12);                  /* 1200 */
        hw_run(clocks(1));
        CHECK_EQ(count_now(2), 0x1199);
        hw_out(0x42, 0);
        hw_out(0x42, 0);
        hw_run(clocks(1));
        CHECK_EQ(count_now(2), 0x9999);
        end();
    }
    TEST("port 0x61: what can be written, and the refresh bit")
    {
        unsigned int changes = 0;

        start();
        hw_out(0x61, 0xff);
        CHECK_EQ(hw_in(0x61) & 0xcf, 0x03);
        hw_out(0x61, 0x00);
        CHECK_EQ(hw_in(0x61) & 0xcf, 0x00);
        for (uint8_t last = hw_in(0x61), i = 0; i < 100; i++) {
            const uint8_t is = hw_in(0x61);

            changes += (is ^ last) >> 4 & 1;
            last = is;
            hw_run(1508);
        }
        CHECK(changes >= 9 && changes <= 11);
        end();
    }
}

static void test_interrupts(void)
{
    TEST("modes 2 and 3: irq 0 once a period")
    {
        for (unsigned int mode = 2; mode <= 3; mode++) {
            unsigned int got = 0;

            start();
            program(0, mode, 11932);         /* 100 Hz */
            for (unsigned int ms = 0; ms < 1005; ms++) {
                hw_run(MILLISECS(1));
                got += irq0();
            }
            CHECK_EQ(got, 100);
            end();
        }
    }
    TEST("modes 0 and 4: irq 0 once; a new control word stops it")
    {
        for (unsigned int mode = 0; mode <= 4; mode += 4) {
            start();
            program(0, mode, 11932);
            hw_run(MILLISECS(9));
            CHECK(!irq0());
            hw_run(MILLISECS(2));
            CHECK(irq0());
            hw_run(MILLISECS(100));
            CHECK(!irq0());
            program(0, mode, 11932);
            hw_out(0x43, 0x30 | mode << 1);
            hw_run(MILLISECS(100));
            CHECK(!irq0());
            end();
        }
    }
    TEST("the shortest period costs ten host interrupts a millisecond, not more")
    {
        start();
        program(0, 2, 1);
        hw.expiries = 0;
        hw_run(MILLISECS(10));
        CHECK(hw.expiries >= 99 && hw.expiries <= 101);
        end();
    }
}

static void test_records(void)
{
    struct hvm_hw_pit r, again, bad;

    TEST("saved, loaded and saved again")
    {
        start();
        hw_out(0x61, 3);
        program(0, 2, 11932);
        program(2, 3, 1193);
        hw_out(0x41, 5);                     /* never programmed */
        hw_out(0x43, 0xc0 | 2);
        hw_in(0x40);                         /* status taken, count latched */
        hw_in(0x40);
        hw_out(0x42, 0x34);                  /* half a count */
        vpit_save(hw_dom, &r);
        end();
        start();
        CHECK_EQ(vpit_load(hw_dom, &r), 0);
        vpit_save(hw_dom, &again);
        CHECK(memcmp(&r, &again, sizeof(r)) == 0);
        CHECK_EQ(hw_in(0x40), 11932 >> 8);
        hw_run(MILLISECS(11));
        CHECK(irq0());
        hw_out(0x42, 0x12);
        CHECK_EQ(count_now(2), 0x1234);
        end();
    }
    TEST("records that cannot be are refused")
    {
        static const struct { uint8_t offset, val; } wrong[] = {
            { 2, 2 }, { 6, 5 }, { 7, 2 }, { 9, 5 }, { 10, 5 }, { 12, 4 }, { 13, 6 }, { 14, 2 },
            { 15, 0 }, { 15, 2 },
        };

        start();
        vpit_save(hw_dom, &r);
        CHECK_EQ(vpit_load(hw_dom, &r), 0);
        for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
            bad = r;
            ((uint8_t *)&bad.channels[0])[wrong[i].offset] = wrong[i].val;
            CHECK_EQ(vpit_load(hw_dom, &bad), -EINVAL);
        }
        bad = r, bad.channels[1].count = 0;
        CHECK_EQ(vpit_load(hw_dom, &bad), -EINVAL);
        bad = r, bad.channels[1].count = 65537;
        CHECK_EQ(vpit_load(hw_dom, &bad), -EINVAL);
        bad = r, bad.speaker_data_on = 2;
        CHECK_EQ(vpit_load(hw_dom, &bad), -EINVAL);
        end();
    }
}

int main(void)
{
    test_modes();
    test_access();
    test_interrupts();
    test_records();
    return check_exit();
}
