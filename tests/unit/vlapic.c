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
 * The local APIC: registers, priorities, messages of every mode to every kind of destination, the
 * three timer modes, x2APIC and the base MSR, records. Expected values are the Intel SDM's.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <hv/errno.h>

#define APIC_BASE 0x1b
#define DEADLINE 0x6e0

static struct vcpu *v0;

static void start(unsigned int vcpus)
{
    hw_start(vcpus, HW_PVH);
    v0 = hw_dom->vcpu[0];
    for (unsigned int v = 0; v < vcpus; v++)
        hw_apic_on(v);
}

static void end(void)
{
    CHECK_EQ(hw_broken() != NULL, 0);
    CHECK_EQ(hw_end(), 0);
}

static uint64_t rdmsr(unsigned int v, uint32_t msr)
{
    uint64_t val = 0xdead;

    return vlapic_msr_read(hw_dom->vcpu[v], msr, &val) ? 0xdead : val;
}

static int wrmsr(unsigned int v, uint32_t msr, uint64_t val)
{
    return vlapic_msr_write(hw_dom->vcpu[v], msr, val);
}

static void x2apic(unsigned int v)
{
    CHECK_EQ(wrmsr(v, APIC_BASE, rdmsr(v, APIC_BASE) | 0x400), 0);
}

/* Which vcpus (bits) have `vector` pending; all serve what they have. */
static unsigned int who_got(int vector)
{
    unsigned int who = 0;

    for (unsigned int v = 0; v < hw_dom->max_vcpus; v++)
        for (int got; (got = hw_serve(v)) >= 0;) {
            who |= got == vector ? 1U << v : 0;
            if (vlapic_x2apic(hw_dom->vcpu[v]))
                CHECK_EQ(wrmsr(v, 0x80b, 0), 0);
        }
    return who;
}

static void ipi(unsigned int from, uint32_t dest, uint32_t low)
{
    hw_apic_write(from, 0x310, dest << 24);
    hw_apic_write(from, 0x300, low);
}

static void test_registers(void)
{
    static const struct { uint16_t offset; uint32_t after_reset, written, read; } row[] = {
        { 0x020, 0, 0xff000000, 0 },             /* ID: read-only here */
        { 0x030, 0x00050014, 0xffffffff, 0x00050014 },
        { 0x080, 0, 0xffffffff, 0xff },
        { 0x0a0, 0, 0x10, 0xff },                /* PPR: TPR, by now */
        { 0x0b0, 0, 0, 0 },
        { 0x0d0, 0, 0xffffffff, 0xff000000 },
        { 0x0e0, 0xffffffff, 0, 0x0fffffff },
        { 0x100, 0, 0xffffffff, 0 }, { 0x180, 0, 0xffffffff, 0 }, { 0x270, 0, 0xffffffff, 0 },
        { 0x280, 0, 0xffffffff, 0 },
        { 0x310, 0, 0xffffffff, 0xff000000 },
        { 0x320, 0x10000, 0xffffffff, 0x000700ff },
        { 0x330, 0x10000, 0xffffffff, 0x000107ff },
        { 0x340, 0x10000, 0xffffffff, 0x000107ff },
        { 0x350, 0x10000, 0xffffffff, 0x0001a7ff },
        { 0x360, 0x10000, 0xffffffff, 0x0001a7ff },
        { 0x370, 0x10000, 0xffffffff, 0x000100ff },
        { 0x3e0, 0, 0xffffffff, 0x0000000b },
    };

    TEST("registers after reset, and their writable bits")
    {
        hw_start(1, HW_PVH);
        CHECK_EQ(hw_apic_read(0, 0xf0), 0xff);
        for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
            CHECK_EQ(hw_apic_read(0, row[i].offset), row[i].after_reset);
        hw_apic_on(0);
        for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
            hw_apic_write(0, row[i].offset, row[i].written);
            CHECK_EQ(hw_apic_read(0, row[i].offset), row[i].read);
        }
        end();
    }
    TEST("disabling by software masks all LVT entries and keeps them masked")
    {
        start(1);
        hw_apic_write(0, 0x320, 0x30);
        CHECK_EQ(hw_apic_read(0, 0x320), 0x30);
        hw_apic_write(0, 0xf0, 0xff);
        CHECK_EQ(hw_apic_read(0, 0x320), 0x10030);
        hw_apic_write(0, 0x320, 0x31);
        CHECK_EQ(hw_apic_read(0, 0x320), 0x10031);
        end();
    }
    TEST("ids are twice the vcpu's number")
    {
        start(4);
        CHECK_EQ(hw_apic_read(3, 0x20), 6U << 24);
        x2apic(3);
        CHECK_EQ(rdmsr(3, 0x802), 6);
        CHECK_EQ(rdmsr(3, 0x80d), 1U << 6);
        end();
    }
    TEST("narrow reads get their bytes; unaligned or narrow writes have no effect")
    {
        start(1);
        CHECK_EQ(hw_read(VLAPIC_BASE + 0x30, 1), 0x14);
        CHECK_EQ(hw_read(VLAPIC_BASE + 0x32, 1), 0x05);
        CHECK_EQ(hw_read(VLAPIC_BASE + 0x32, 2), 0x05);
        CHECK_EQ(hw_read(VLAPIC_BASE + 0x34, 4), 0);
        hw_write(VLAPIC_BASE + 0x80, 1, 0x20);
        hw_write(VLAPIC_BASE + 0x82, 4, 0x20);
        CHECK_EQ(hw_apic_read(0, 0x80), 0);
        end();
    }
}

static void test_priorities(void)
{
    TEST("the highest vector comes first, a lower class waits for the EOI")
    {
        start(1);
        vlapic_set_vector(v0, 0x31);
        vlapic_set_vector(v0, 0x52);
        vlapic_set_vector(v0, 0x55);
        CHECK_EQ(hw_take(0), 0x55);
        CHECK_EQ(hw_apic_read(0, 0xa0), 0x50);
        CHECK_EQ(hw_take(0), -1);       /* 0x52: same class */
        vlapic_set_vector(v0, 0x60);
        CHECK_EQ(hw_take(0), 0x60);
        CHECK_EQ(hw_apic_read(0, 0x100 + 0x10 * 2), 1U << 0x15);
        CHECK_EQ(hw_apic_read(0, 0x100 + 0x10 * 3), 1);
        hw_apic_write(0, 0xb0, 0);      /* of 0x60 */
        CHECK_EQ(hw_take(0), -1);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_serve(0), 0x52);
        CHECK_EQ(hw_serve(0), 0x31);
        CHECK_EQ(hw_serve(0), -1);
        end();
    }
    TEST("TPR holds back its class and those below; CR8 is its upper half")
    {
        start(1);
        vlapic_set_cr8(v0, 4);
        CHECK_EQ(hw_apic_read(0, 0x80), 0x40);
        CHECK_EQ(hw_apic_read(0, 0xa0), 0x40);
        vlapic_set_vector(v0, 0x4f);
        CHECK_EQ(hw_take(0), -1);
        hw_apic_write(0, 0x80, 0x3f);
        CHECK_EQ(vlapic_get_cr8(v0), 3);
        CHECK_EQ(hw_take(0), 0x4f);
        CHECK_EQ(hw_apic_read(0, 0xa0), 0x40);
        hw_apic_write(0, 0x80, 0x45);
        CHECK_EQ(hw_apic_read(0, 0xa0), 0x45);
        end();
    }
    TEST("an edge that comes again while it is served is kept once")
    {
        start(1);
        vlapic_set_vector(v0, 0x40);
        CHECK_EQ(hw_take(0), 0x40);
        vlapic_set_vector(v0, 0x40);
        vlapic_set_vector(v0, 0x40);
        CHECK_EQ(hw_take(0), -1);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_serve(0), 0x40);
        CHECK_EQ(hw_serve(0), -1);
        end();
    }
    TEST("an EOI with nothing in service does nothing")
    {
        start(1);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
}

static void test_destinations(void)
{
    /* LDR of vcpu n is logical[n] << 24, then flat or cluster model */
    static const struct { bool cluster; uint8_t logical[4]; uint32_t dest, low; unsigned int got; }
    row[] = {
        { false, { 1, 2, 4, 8 }, 0x02, 0x00040, 2 },     /* physical, id 2 */
        { false, { 1, 2, 4, 8 }, 0x03, 0x00040, 0 },
        { false, { 1, 2, 4, 8 }, 0xff, 0x00040, 15 },
        { false, { 1, 2, 4, 8 }, 0x0a, 0x00840, 10 },    /* flat */
        { false, { 1, 2, 4, 8 }, 0xff, 0x00840, 15 },
        { false, { 0, 2, 4, 8 }, 0xff, 0x00840, 14 },
        { true, { 0x11, 0x12, 0x21, 0x22 }, 0x13, 0x00840, 3 },
        { true, { 0x11, 0x12, 0x21, 0x22 }, 0x22, 0x00840, 8 },
        { true, { 0x11, 0x12, 0x21, 0x22 }, 0xf1, 0x00840, 5 },
        { true, { 0x11, 0x12, 0x21, 0x22 }, 0xff, 0x00840, 15 },
        { false, { 1, 2, 4, 8 }, 0, 0x40040, 1 },        /* self */
        { false, { 1, 2, 4, 8 }, 0, 0x80040, 15 },       /* all */
        { false, { 1, 2, 4, 8 }, 0, 0xc0040, 14 },       /* others */
        { false, { 1, 2, 4, 8 }, 0, 0x40140, 0 },        /* self, lowest priority: invalid */
    };

    TEST("IPIs: physical, flat, cluster, shorthands")
    {
        for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
            start(4);
            for (unsigned int v = 0; v < 4; v++) {
                hw_apic_write(v, 0xe0, row[i].cluster ? 0 : 0xffffffff);
                hw_apic_write(v, 0xd0, (uint32_t)row[i].logical[v] << 24);
            }
            ipi(0, row[i].dest, row[i].low);
            CHECK_EQ(who_got(0x40), row[i].got);
            end();
        }
    }
    TEST("who is disabled gets no vector, but NMIs")
    {
        start(2);
        hw_apic_write(1, 0xf0, 0xff);
        ipi(0, 2, 0x40);
        ipi(0, 2, 0x400);
        CHECK_EQ(hw_take(1), -1);
        CHECK(hw_dom->vcpu[1]->nmi_pending);
        hw_apic_on(1);
        CHECK_EQ(hw_take(1), -1);
        end();
    }
    TEST("lowest priority: the least busy, equals in turn")
    {
        unsigned int got = 0;

        start(3);
        hw_apic_write(1, 0x80, 0x20);
        for (unsigned int v = 0; v < 3; v++)
            hw_apic_write(v, 0xd0, 1U << (24 + v));
        ipi(0, 7, 0x940);
        got = who_got(0x40);
        ipi(0, 7, 0x940);
        CHECK_EQ(got | who_got(0x40), 5);
        hw_apic_write(0, 0x80, 0x30);
        hw_apic_write(2, 0x80, 0x30);
        ipi(0, 7, 0x940);
        CHECK_EQ(who_got(0x40), 2);
        end();
    }
    TEST("x2APIC: 32-bit ids, logical ids by clusters of 16, broadcast, self IPI")
    {
        start(4);
        for (unsigned int v = 0; v < 4; v++)
            x2apic(v);
        CHECK_EQ(wrmsr(0, 0x830, 4ULL << 32 | 0x40), 0);
        CHECK_EQ(who_got(0x40), 4);
        CHECK_EQ(wrmsr(0, 0x830, 0x50ULL << 32 | 0x840), 0); /* logical: ids 4 and 6 */
        CHECK_EQ(who_got(0x40), 12);
        CHECK_EQ(wrmsr(0, 0x830, 0x10050ULL << 32 | 0x840), 0);
        CHECK_EQ(who_got(0x40), 0);
        CHECK_EQ(wrmsr(0, 0x830, 0xffffffffULL << 32 | 0x40), 0);
        CHECK_EQ(who_got(0x40), 15);
        CHECK_EQ(wrmsr(0, 0x830, 0xffffffffULL << 32 | 0x840), 0);
        CHECK_EQ(who_got(0x40), 15);
        CHECK_EQ(wrmsr(2, 0x83f, 0x41), 0);
        CHECK_EQ(who_got(0x41), 4);
        CHECK_EQ(rdmsr(0, 0x830), 0xffffffffULL << 32 | 0x840);
        end();
    }
    TEST("MSIs: 8-bit destinations, modes, what is not one")
    {
        start(4);
        CHECK_EQ(hvm_msi(hw_dom, 0xfee02000, 0x40), 0);
        CHECK_EQ(who_got(0x40), 2);
        CHECK_EQ(hvm_msi(hw_dom, 0xfeeff000, 0x40), 0);
        CHECK_EQ(who_got(0x40), 15);
        hw_apic_write(2, 0xd0, 4U << 24);
        CHECK_EQ(hvm_msi(hw_dom, 0xfee04004, 0x141), 0);
        CHECK_EQ(who_got(0x41), 4);
        CHECK_EQ(hvm_msi(hw_dom, 0xfee02000, 0x400), 0);
        CHECK(hw_dom->vcpu[1]->nmi_pending && !hw_dom->vcpu[0]->nmi_pending);
        CHECK_EQ(hvm_msi(hw_dom, 0xfed02000, 0x40), -EINVAL);
        CHECK_EQ(hvm_msi(hw_dom, 0x1fee02000, 0x40), -EINVAL);
        CHECK_EQ(hvm_msi(hw_dom, 0xfee02000, 0x100), -EINVAL);
        CHECK_EQ(who_got(0x40), 0);
        end();
    }
}

static void test_init_sipi(void)
{
    TEST("INIT, SIPI, SIPI starts an AP once, at the vector's page")
    {
        start(3);
        hw_apic_write(1, 0x320, 0x30);
        ipi(0, 2, 0xc500);                 /* INIT assert */
        CHECK_EQ(hw.resets[1], 1);
        CHECK_EQ(hw_apic_read(1, 0x320), 0x10000);
        CHECK_EQ(hw_apic_read(1, 0x20), 2U << 24);
        ipi(0, 2, 0x8500);                 /* INIT level de-assert: nothing */
        CHECK_EQ(hw.resets[1], 1);
        ipi(0, 2, 0x69a);
        ipi(0, 2, 0x69b);
        CHECK_EQ(hw.sipis[1], 1);
        CHECK_EQ(hw.sipi_vector[1], 0x9a);
        CHECK_EQ(hw.sipis[2] + hw.resets[2] + hw.resets[0], 0);
        end();
    }
    TEST("a SIPI starts what waits since its creation, not what the toolstack started")
    {
        start(3);
        vlapic_started(hw_dom->vcpu[1]);
        ipi(0, 0, 0xc0610);
        CHECK_EQ(hw.sipis[1], 0);
        CHECK_EQ(hw.sipis[2], 1);
        end();
    }
    TEST("INIT to the boot processor does not make it wait for a SIPI")
    {
        start(2);
        ipi(1, 0, 0x4500);
        CHECK_EQ(hw.resets[0], 1);
        ipi(1, 0, 0x4610);
        CHECK_EQ(hw.sipis[0], 0);
        end();
    }
}

static void test_errors(void)
{
    TEST("ESR: shown by a write, one interrupt for each kind")
    {
        start(2);
        hw_apic_write(0, 0x370, 0x33);
        ipi(0, 2, 0x0f);                   /* send illegal vector */
        CHECK_EQ(hw_apic_read(0, 0x280), 0);
        CHECK_EQ(hw_serve(0), 0x33);
        ipi(0, 2, 0x05);
        CHECK_EQ(hw_serve(0), -1);
        hw_apic_write(0, 0x280, 0);
        CHECK_EQ(hw_apic_read(0, 0x280), 0x20);
        hw_apic_write(0, 0x280, 0);
        CHECK_EQ(hw_apic_read(0, 0x280), 0);
        CHECK_EQ(hw_take(1), -1);
        end();
    }
    TEST("illegal registers and received illegal vectors")
    {
        start(1);
        hw_apic_read(0, 0x40);
        hw_apic_write(0, 0x400, 1);
        CHECK_EQ(hvm_msi(hw_dom, 0xfee00000, 0x01), 0);
        hw_apic_write(0, 0x280, 0);
        CHECK_EQ(hw_apic_read(0, 0x280), 0xc0);
        end();
    }
    TEST("an error vector below 16 does not raise itself")
    {
        start(1);
        hw_apic_write(0, 0x370, 0x05);
        hw_apic_read(0, 0x40);
        hw_apic_write(0, 0x280, 0);
        CHECK_EQ(hw_apic_read(0, 0x280), 0xc0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
}

static void test_timer(void)
{
    TEST("one-shot: at its time, once; the count runs down")
    {
        start(1);
        hw_apic_write(0, 0x3e0, 0x3);      /* divide by 16: 160 ns a count */
        hw_apic_write(0, 0x320, 0x41);
        hw_apic_write(0, 0x380, 1000);
        hw_run(80000);
        CHECK_EQ(hw_apic_read(0, 0x390), 500);
        hw_run(79999);
        CHECK_EQ(hw_take(0), -1);
        hw_run(1);
        CHECK_EQ(hw_serve(0), 0x41);
        CHECK_EQ(hw_apic_read(0, 0x390), 0);
        CHECK_EQ(hw_apic_read(0, 0x380), 1000);
        hw_run(MILLISECS(1));
        CHECK_EQ(hw_serve(0), -1);
        end();
    }
    TEST("every divisor")
    {
        static const uint8_t tdcr[] = { 0xb, 0, 1, 2, 3, 8, 9, 0xa };

        for (unsigned int i = 0; i < ARRAY_SIZE(tdcr); i++) {
            start(1);
            hw_apic_write(0, 0x3e0, tdcr[i]);
            hw_apic_write(0, 0x380, 0xffffffff);
            hw_run(12800);
            CHECK_EQ(0xffffffffU - hw_apic_read(0, 0x390), 1280U >> i);
            end();
        }
    }
    TEST("periodic: again and again; a zero count stops it")
    {
        unsigned int got = 0;

        start(1);
        hw_apic_write(0, 0x3e0, 0xb);
        hw_apic_write(0, 0x320, 0x20041);
        hw_apic_write(0, 0x380, 100000);   /* 1 ms */
        for (unsigned int i = 0; i < 40; i++) {
            hw_run(MILLISECS(1) / 4);
            got += hw_serve(0) == 0x41;
        }
        CHECK_EQ(got, 10);
        hw_run(MILLISECS(1) / 4);
        CHECK_EQ(hw_apic_read(0, 0x390), 75000);
        hw_apic_write(0, 0x380, 0);
        CHECK_EQ(hw_apic_read(0, 0x390), 0);
        hw_run(MILLISECS(5));
        CHECK_EQ(hw_serve(0), -1);
        end();
    }
    TEST("a masked timer counts and raises nothing, and nothing of it is made up for")
    {
        start(1);
        hw_apic_write(0, 0x3e0, 0xb);
        hw_apic_write(0, 0x320, 0x30041);
        hw_apic_write(0, 0x380, 100000);
        hw_run(MILLISECS(10) + 1000);
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(hw_apic_read(0, 0x390), 99900);
        hw_apic_write(0, 0x320, 0x20041);
        hw_run(MILLISECS(1));
        CHECK_EQ(hw_serve(0), 0x41);
        CHECK_EQ(hw_serve(0), -1);
        end();
    }
    TEST("a new divisor goes on with what is left")
    {
        start(1);
        hw_apic_write(0, 0x3e0, 0xb);
        hw_apic_write(0, 0x320, 0x41);
        hw_apic_write(0, 0x380, 1000);
        hw_run(4000);
        hw_apic_write(0, 0x3e0, 0);        /* by 2: 20 ns */
        CHECK_EQ(hw_apic_read(0, 0x390), 600);
        hw_run(11999);
        CHECK_EQ(hw_take(0), -1);
        hw_run(1);
        CHECK_EQ(hw_serve(0), 0x41);
        end();
    }
    TEST("TSC deadline: at its value, then the MSR is 0; 0 disarms, the past fires at once")
    {
        start(1);
        CHECK_EQ(wrmsr(0, DEADLINE, 1), 0);
        CHECK_EQ(rdmsr(0, DEADLINE), 0);   /* not in this mode */
        hw_apic_write(0, 0x320, 0x40041);
        hw_apic_write(0, 0x380, 1000);
        CHECK_EQ(hw_apic_read(0, 0x380), 0);
        CHECK_EQ(wrmsr(0, DEADLINE, hvm_guest_tsc(v0) + 2000), 0);
        CHECK(rdmsr(0, DEADLINE) != 0);
        hw_run(999);
        CHECK_EQ(hw_take(0), -1);
        hw_run(1);
        CHECK_EQ(hw_serve(0), 0x41);
        CHECK_EQ(rdmsr(0, DEADLINE), 0);
        CHECK_EQ(wrmsr(0, DEADLINE, hvm_guest_tsc(v0) + 2000), 0);
        CHECK_EQ(wrmsr(0, DEADLINE, 0), 0);
        hw_run(5000);
        CHECK_EQ(hw_serve(0), -1);
        CHECK_EQ(wrmsr(0, DEADLINE, 1), 0);
        hw_run(0);
        CHECK_EQ(hw_serve(0), 0x41);
        CHECK_EQ(wrmsr(0, DEADLINE, ~0ULL), 0);
        hw_apic_write(0, 0x320, 0x41);     /* another mode disarms */
        CHECK_EQ(rdmsr(0, DEADLINE), 0);
        hw_run(SECONDS(1));
        CHECK_EQ(hw_serve(0), -1);
        end();
    }
    TEST("periods of nanoseconds cost ten host interrupts a millisecond, not more")
    {
        start(1);
        hw_apic_write(0, 0x3e0, 0xb);
        hw_apic_write(0, 0x320, 0x20041);
        hw_apic_write(0, 0x380, 1);
        hw.expiries = 0;
        hw_run(MILLISECS(10));
        CHECK(hw.expiries >= 99 && hw.expiries <= 101);
        end();
    }
}

static void test_msrs(void)
{
    static const struct { uint64_t from, to; int rc; } step[] = {
        { 0x900, 0xd00, 0 }, { 0x900, 0x100, 0 }, { 0x900, 0x500, -EINVAL },
        { 0xd00, 0x900, -EINVAL }, { 0xd00, 0x100, 0 }, { 0xd00, 0x500, -EINVAL },
        { 0x100, 0x900, 0 }, { 0x100, 0xd00, -EINVAL }, { 0x900, 0x900, 0 }, { 0xd00, 0xd00, 0 },
        { 0x900, 0xb00, -EINVAL }, { 0x900, 0x901, -EINVAL },
    };

    TEST("transitions of the base MSR")
    {
        for (unsigned int i = 0; i < ARRAY_SIZE(step); i++) {
            start(1);
            if (step[i].from != 0x900)
                CHECK_EQ(wrmsr(0, APIC_BASE, VLAPIC_BASE | step[i].from), 0);
            CHECK_EQ(rdmsr(0, APIC_BASE), VLAPIC_BASE | step[i].from);
            CHECK_EQ(wrmsr(0, APIC_BASE, VLAPIC_BASE | step[i].to), step[i].rc);
            end();
        }
    }
    TEST("the base does not move; who is the boot processor stays so")
    {
        start(2);
        CHECK_EQ(wrmsr(0, APIC_BASE, 0xfed00900), -EINVAL);
        CHECK_EQ(wrmsr(0, APIC_BASE, VLAPIC_BASE | 0x800), 0);
        CHECK_EQ(rdmsr(0, APIC_BASE), VLAPIC_BASE | 0x900);
        CHECK_EQ(rdmsr(1, APIC_BASE), VLAPIC_BASE | 0x800);
        end();
    }
    TEST("disabled in hardware: no registers, no interrupts, and reset when it comes back")
    {
        start(1);
        hw_apic_write(0, 0x80, 0x20);
        CHECK_EQ(wrmsr(0, APIC_BASE, VLAPIC_BASE | 0x100), 0);
        CHECK_EQ(hw_apic_read(0, 0x30), 0xffffffff);
        CHECK_EQ(hvm_msi(hw_dom, 0xfee00000, 0x40), 0);
        CHECK(vlapic_takes_extint(v0));
        CHECK_EQ(wrmsr(0, APIC_BASE, VLAPIC_BASE | 0x900), 0);
        CHECK(!vlapic_takes_extint(v0));
        CHECK_EQ(hw_apic_read(0, 0x80), 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("x2APIC MSRs: which exist, which bits are reserved; no page")
    {
        static const uint16_t no_read[] = { 0x800, 0x80b, 0x80c, 0x809, 0x80e, 0x831, 0x83f, 0x840,
                                            0x8ff, 0x82f };
        static const struct { uint32_t msr; uint64_t val; } no_write[] = {
            { 0x802, 0 }, { 0x803, 0 }, { 0x808, 0x100 }, { 0x80b, 1 }, { 0x80d, 0 }, { 0x80e, 0 },
            { 0x80f, 0x400 }, { 0x810, 0 }, { 0x828, 1 }, { 0x830, 0x1000 }, { 0x830, 0x100000 },
            { 0x831, 0 }, { 0x832, 0x80000 }, { 0x835, 0x1000 }, { 0x838, 1ULL << 32 },
            { 0x839, 0 }, { 0x83e, 4 }, { 0x83f, 0x100 },
        };

        start(1);
        CHECK_EQ(rdmsr(0, 0x803), 0xdead); /* #GP in xAPIC mode */
        CHECK_EQ(wrmsr(0, 0x808, 0), -EINVAL);
        x2apic(0);
        CHECK_EQ(hw_apic_read(0, 0x30), 0xffffffff);
        CHECK_EQ(rdmsr(0, 0x803), 0x00050014);
        for (unsigned int i = 0; i < ARRAY_SIZE(no_read); i++)
            CHECK_EQ(rdmsr(0, no_read[i]), 0xdead);
        for (unsigned int i = 0; i < ARRAY_SIZE(no_write); i++)
            CHECK_EQ(wrmsr(0, no_write[i].msr, no_write[i].val), -EINVAL);
        CHECK_EQ(wrmsr(0, 0x808, 0x55), 0);
        CHECK_EQ(rdmsr(0, 0x808), 0x55);
        CHECK_EQ(wrmsr(0, 0x9ff, 0), -ENOSYS);
        end();
    }
}

static void test_records(void)
{
    struct hvm_hw_lapic l;
    struct hvm_hw_lapic_regs r;
    uint32_t bad;

    TEST("a running timer goes on from where it was")
    {
        start(1);
        hw_apic_write(0, 0x3e0, 0xb);
        hw_apic_write(0, 0x320, 0x41);
        hw_apic_write(0, 0x380, 1000);
        hw_run(4000);
        vlapic_save(v0, &l);
        vlapic_save_regs(v0, &r);
        end();
        start(1);
        CHECK_EQ(l.timer_divisor, 1);
        CHECK_EQ(l.disabled, 0);
        CHECK_EQ(vlapic_load(v0, &l), 0);
        CHECK_EQ(vlapic_load_regs(v0, &r), 0);
        CHECK_EQ(hw_apic_read(0, 0x390), 600);
        hw_run(6000);
        CHECK_EQ(hw_serve(0), 0x41);
        vlapic_save_regs(v0, &r);
        memcpy(&bad, &r.data[0x380], 4);
        CHECK_EQ(bad, 0); /* over: not to start again */
        end();
    }
    TEST("x2APIC and a TSC deadline, either record first")
    {
        start(2);
        x2apic(1);
        CHECK_EQ(wrmsr(1, 0x832, 0x40041), 0);
        CHECK_EQ(wrmsr(1, DEADLINE, hvm_guest_tsc(v0) + 20000), 0);
        vlapic_save(hw_dom->vcpu[1], &l);
        vlapic_save_regs(hw_dom->vcpu[1], &r);
        CHECK_EQ(vlapic_load(hw_dom->vcpu[0], &l), 0);
        CHECK_EQ(vlapic_load_regs(hw_dom->vcpu[0], &r), -EINVAL); /* another's id */
        end();
        start(2);
        CHECK_EQ(vlapic_load(hw_dom->vcpu[1], &l), 0);
        CHECK_EQ(vlapic_load_regs(hw_dom->vcpu[1], &r), 0);
        CHECK_EQ(rdmsr(1, 0x80d), 4);
        hw_run(10000);
        CHECK_EQ(hw_take(1), 0x41);
        end();
    }
    TEST("values that no guest could have set are refused")
    {
        static const struct { uint16_t offset; uint32_t val; } wrong[] = {
            { 0x020, 0x55000000 }, { 0x080, 0x100 }, { 0x0d0, 1 }, { 0x0e0, 0 }, { 0x0f0, 0x1000 },
            { 0x100, 1 }, { 0x200, 0x8000 }, { 0x280, 0x100 }, { 0x300, 0x100000 }, { 0x310, 1 },
            { 0x320, 0x80000 }, { 0x350, 0x20000 }, { 0x3e0, 4 },
        };

        start(1);
        vlapic_save(v0, &l);
        for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
            vlapic_save_regs(v0, &r);
            CHECK_EQ(vlapic_load_regs(v0, &r), 0);
            memcpy(&r.data[wrong[i].offset], &wrong[i].val, 4);
            CHECK_EQ(vlapic_load_regs(v0, &r), -EINVAL);
        }
        l.apic_base_msr = VLAPIC_BASE | 0x500;
        CHECK_EQ(vlapic_load(v0, &l), -EINVAL);
        l.apic_base_msr = 0xfed00900;
        CHECK_EQ(vlapic_load(v0, &l), -EINVAL);
        l.apic_base_msr = VLAPIC_BASE | 0x100;
        CHECK_EQ(vlapic_load(v0, &l), -EINVAL); /* disabled says otherwise */
        l.disabled = 3;
        CHECK_EQ(vlapic_load(v0, &l), 0);
        end();
    }
}

static void test_upcalls(void)
{
    TEST("an event channel's vector comes through the LAPIC, with its EOI")
    {
        start(2);
        CHECK_EQ(hvm_upcall_vector_set(hw_dom->vcpu[1], 15), -EINVAL);
        CHECK_EQ(hvm_upcall_vector_set(hw_dom->vcpu[1], 0xf3), 0);
        hw_dom->vcpu[1]->info->evtchn_upcall_pending = 1;
        hvm_upcall(hw_dom->vcpu[1]);
        CHECK_EQ(hw_take(1), 0xf3);
        hvm_upcall(hw_dom->vcpu[1]);
        CHECK_EQ(hw_take(1), -1);
        hw_apic_write(1, 0xb0, 0);
        CHECK_EQ(hw_serve(1), 0xf3);
        end();
    }
    TEST("the callback vector comes while events are pending, before all else and without an EOI")
    {
        start(2);
        CHECK_EQ(hvm_callback_set(hw_dom, 0x02000000000000f3), 0);
        vlapic_set_vector(hw_dom->vcpu[1], 0xfe);
        hw_dom->vcpu[1]->info->evtchn_upcall_pending = 1;
        hvm_upcall(hw_dom->vcpu[1]);
        CHECK_EQ(hw_take(1), 0xf3);
        hw_dom->vcpu[1]->info->evtchn_upcall_mask = 1;
        CHECK_EQ(hw_take(1), 0xfe);
        hw_dom->vcpu[1]->info->evtchn_upcall_mask = 0;
        CHECK_EQ(hw_take(1), 0xf3);
        hw_dom->vcpu[1]->info->evtchn_upcall_pending = 0;
        CHECK_EQ(hw_take(1), -1);
        CHECK_EQ(hvm_callback_set(hw_dom, 0x0200000000000005), -EINVAL);
        CHECK_EQ(hvm_callback_set(hw_dom, 48), -EINVAL);
        CHECK_EQ(hvm_callback_set(hw_dom, 0x0300000000000020), -EINVAL);
        end();
    }
}

int main(void)
{
    test_registers();
    test_priorities();
    test_destinations();
    test_init_sipi();
    test_errors();
    test_timer();
    test_msrs();
    test_records();
    test_upcalls();
    return check_exit();
}
