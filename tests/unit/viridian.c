/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/* links: arch/x86/hvm/viridian_call.c arch/x86/hvm/viridian_save.c */
/*
 * Hyper-V's interface over real LAPICs and simulated time: leaves, rights of each MSR by the
 * domain's features, pages, reference time, synthetic timers and their messages, EOIs that are left
 * out, hypercalls of both widths, records. Expected values are those of Microsoft's TLFS.
 */
#include "check.h"

#include <string.h>

#include "../host/hvm_world.h"

#include <arch/regs.h>
#include <hv/errno.h>
#include <xen/hvm/save.h>

#define ALL 0x1fffU
#define SYNIC 0x80U
#define STIMER 0x100U
#define PAGE_A HW_MEMORY_AT
#define PAGE_B (HW_MEMORY_AT + 0x1000)
#define MSEC 10000 /* units of reference time */

static struct vcpu *v0;

static void start(unsigned int vcpus, uint64_t features)
{
    hw_start(vcpus, HW_PVH);
    v0 = hw_dom->vcpu[0];
    for (unsigned int v = 0; v < vcpus; v++)
        hw_apic_on(v);
    hw_dom->arch.hvm->param[HVM_PARAM_VIRIDIAN] = features;
    viridian_thaw(hw_dom);
    for (unsigned int v = 0; v < vcpus; v++)
        viridian_entry(hw_dom->vcpu[v]);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

static uint64_t get(uint32_t msr)
{
    uint64_t val = ~0ULL;

    CHECK_EQ(viridian_rdmsr(v0, msr, &val), 0);
    return val;
}

static void set(uint32_t msr, uint64_t val) { CHECK_EQ(viridian_wrmsr(v0, msr, val), 0); }
static bool gp(uint32_t msr, uint64_t val) { return viridian_wrmsr(v0, msr, val) != 0; }

static uint32_t word(uint64_t gpa)
{
    uint32_t val;

    memcpy(&val, &hw_memory[gpa - HW_MEMORY_AT], sizeof(val));
    return val;
}

static uint64_t quad(uint64_t gpa) { return word(gpa) | (uint64_t)word(gpa + 4) << 32; }

static void put(uint64_t gpa, uint64_t val, size_t n)
{
    memcpy(&hw_memory[gpa - HW_MEMORY_AT], &val, n);
}

/* --- leaves ----------------------------------------------------------------------------------- */

static void leaf(uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t out[4];

    viridian_cpuid(v0, nr, out);
    if (!CHECK(out[0] == a && out[1] == b && out[2] == c && out[3] == d))
        printf("  leaf %#x: %#x %#x %#x %#x\n", nr, out[0], out[1], out[2], out[3]);
}

static void test_leaves(void)
{
    TEST("leaves of a domain with everything, and of one with the least")
    {
        start(1, ALL & ~2U);
        leaf(0x40000000, 0x40000006, 0x7263694d, 0x666f736f, 0x76482074);
        leaf(0x40000001, 0x31237648, 0, 0, 0);
        leaf(0x40000002, 0, 0, 0, 0);
        leaf(0x40000003, 0xa7e, 0, 0, 1 << 3 | 1 << 10 | 1 << 17);
        leaf(0x40000004, 0, 0, 0, 0);
        leaf(0x40000005, ~0U, 0, 0, 0);
        leaf(0x40000006, 0xa, 0, 0, 0);
        leaf(0x40000007, 0, 0, 0, 0);
        set(0x40000000, 0x0001040601000000);
        leaf(0x40000002, 0x1772, 0x60000, 0, 0);
        leaf(0x40000004, 1 << 2 | 1 << 3 | 1 << 5 | 1 << 10 | 1 << 11, 2047, 0, 0);
        set(0x40000000, 0x0001030601000000); /* not an NT */
        leaf(0x40000004, 0, 0, 0, 0);
        end();
        start(1, 3);
        leaf(0x40000003, 0x70, 0, 0, 0);
        leaf(0x40000005, 0, 0, 0, 0);
        set(0x40000000, 0x0001040601000000);
        leaf(0x40000004, 1 << 3 | 1 << 5, 2047, 0, 0);
        end();
    }
}

/* --- MSRs ------------------------------------------------------------------------------------- */

enum { R = 1, W = 2 };
static const struct {
    uint32_t first, last;
    unsigned int can;
    uint64_t needs;
    uint64_t good;
} rights[] = {
    { 0x40000000, 0x40000001, R | W, 0, 0x1000 }, { 0x40000002, 0x40000002, R | W, 0, 0 },
    { 0x40000020, 0x40000020, R, 4, 0 }, { 0x40000021, 0x40000021, R | W, 8, 0 },
    { 0x40000022, 0x40000023, R, 0, 0 }, { 0x40000070, 0x40000070, W, 0, 0 },
    { 0x40000071, 0x40000071, R | W, 0, 0 }, { 0x40000072, 0x40000072, R | W, 0, 0x20 },
    { 0x40000073, 0x40000073, R | W, 0, 0 }, { 0x40000080, 0x40000080, R | W, SYNIC, 1 },
    { 0x40000081, 0x40000081, R, SYNIC, 0 }, { 0x40000082, 0x40000083, R | W, SYNIC, 0 },
    { 0x40000084, 0x40000084, R | W, SYNIC, 0 }, { 0x40000090, 0x4000009f, R | W, SYNIC, 0x10 },
    { 0x400000b0, 0x400000b7, R | W, STIMER, 0 }, { 0x40000100, 0x40000104, R | W, 0, 5 },
    { 0x40000105, 0x40000105, R | W, 0, 0 },
};

static void check_msr(uint32_t msr, uint64_t features)
{
    unsigned int can = 0;
    uint64_t good = 0, val = 1;

    for (unsigned int i = 0; i < ARRAY_SIZE(rights); i++)
        if (msr - rights[i].first <= rights[i].last - rights[i].first &&
            (!rights[i].needs || (features & rights[i].needs))) {
            can = rights[i].can;
            good = rights[i].good;
        }
    if (!CHECK_EQ(viridian_rdmsr(v0, msr, &val) == 0, (can & R) != 0))
        printf("  reading %#x\n", msr);
    if (!(can & R))
        CHECK_EQ(val, 0);
    if (!CHECK_EQ(viridian_wrmsr(v0, msr, good) == 0, (can & W) != 0))
        printf("  writing %#x\n", msr);
}

static void test_rights(void)
{
    TEST("each MSR's rights, with each feature alone and with all")
    {
        for (unsigned int f = 2; f <= 13; f++) {
            const uint64_t features = f == 13 ? ALL & ~2U : 1U | 1U << f;

            start(1, features);
            for (uint32_t msr = 0x40000000; msr < 0x40000200; msr++)
                check_msr(msr, features);
            end();
        }
        start(1, 3);
        CHECK(viridian_rdmsr(v0, 0x40000022, &(uint64_t){ 0 }) != 0);
        CHECK(viridian_rdmsr(v0, 0x40000023, &(uint64_t){ 0 }) != 0);
        end();
        CHECK(viridian_is_msr(0x40000000) && viridian_is_msr(0x400001ff));
        CHECK(!viridian_is_msr(0x3fffffff) && !viridian_is_msr(0x40000200));
    }
    TEST("values: who the guest is, which vcpu, how fast; vectors of SINTs; crashes")
    {
        start(2, ALL & ~2U);
        set(0x40000000, 0x1234);
        CHECK_EQ(get(0x40000000), 0x1234);
        v0 = hw_dom->vcpu[1];
        CHECK_EQ(get(0x40000000), 0x1234);
        CHECK_EQ(get(0x40000002), 1);
        v0 = hw_dom->vcpu[0];
        CHECK_EQ(get(0x40000022), 2000000000);
        CHECK_EQ(get(0x40000023), 100000000);
        CHECK_EQ(get(0x40000081), 1);
        CHECK_EQ(get(0x4000009f), 0x10000);
        CHECK(gp(0x4000009f, 0x1000f) && gp(0x40000090, 0));
        set(0x40000090, 0x200ff);
        CHECK_EQ(get(0x40000090), 0x200ff);
        CHECK_EQ(get(0x40000105), 1ULL << 63);
        hw_dom->shutdown_code = ~0U;
        set(0x40000104, 77);
        CHECK_EQ(get(0x40000104), 77);
        set(0x40000105, 0);
        CHECK_EQ(hw_dom->shutdown_code, ~0U);
        set(0x40000105, 1ULL << 63);
        CHECK_EQ(hw_dom->shutdown_code, SHUTDOWN_crash);
        end();
    }
    TEST("the hypercall page, where there is memory and where there is none")
    {
        start(1, 1);
        set(0x40000001, PAGE_B | 1);
        CHECK_EQ(quad(PAGE_B), 0xd9010f800000000dULL);
        CHECK_EQ(word(PAGE_B + 8), 0xccccccc3);
        CHECK_EQ(word(PAGE_B + 0xffc), 0xcccccccc);
        CHECK_EQ(word(PAGE_B + 0x1000), 0);
        CHECK_EQ(word(PAGE_B - 4), 0);
        set(0x40000001, ~0ULL);
        CHECK_EQ(get(0x40000001), ~0ULL);
        end();
    }
}

/* --- the LAPIC -------------------------------------------------------------------------------- */

static void test_lapic(void)
{
    TEST("ICR, TPR and EOI by MSR")
    {
        start(2, 1);
        set(0x40000071, (uint64_t)2 << 56 | 0x4042);
        CHECK_EQ(hw_take(1), 0x42);
        CHECK_EQ(hw_apic_read(0, 0x310), 2U << 24);
        CHECK_EQ(get(0x40000071), (uint64_t)2 << 56 | 0x4042);
        v0 = hw_dom->vcpu[1];
        CHECK_EQ(hw_apic_read(1, 0x120), 4);
        set(0x40000070, 0);
        CHECK_EQ(hw_apic_read(1, 0x120), 0);
        set(0x40000072, 0x150);
        CHECK_EQ(hw_apic_read(1, 0x80), 0x50);
        CHECK_EQ(get(0x40000072), 0x50);
        vlapic_set_vector(v0, 0x45);
        CHECK_EQ(hw_take(1), -1);
        set(0x40000072, 0);
        CHECK_EQ(hw_take(1), 0x45);
        end();
    }
    TEST("ICR in x2APIC mode has the whole destination")
    {
        start(2, 1);
        CHECK_EQ(vlapic_msr_write(v0, 0x1b, 0xfee00d00), 0);
        set(0x40000071, (uint64_t)2 << 32 | 0x4042);
        CHECK_EQ(hw_take(1), 0x42);
        CHECK(gp(0x40000071, 0x1000000));
        CHECK_EQ(vlapic_msr_write(v0, 0x1b, 0xfee00100), 0);
        set(0x40000071, 0x4042); /* a LAPIC that is off: nothing */
        end();
    }
}

static bool in_service(void) { return hw_apic_read(0, 0x120) != 0; }

static void test_assist(void)
{
    TEST("an EOI may be left out when nothing else is in service")
    {
        start(1, ALL & ~2U);
        put(PAGE_A + 8, 7, 8);
        set(0x40000073, PAGE_A | 1);
        CHECK_EQ(quad(PAGE_A + 8), 0);
        vlapic_set_vector(v0, 0x44);
        CHECK_EQ(hw_take(0), 0x44);
        CHECK_EQ(word(PAGE_A), 1);
        put(PAGE_A, 0, 4); /* the guest's way of saying it */
        vlapic_set_vector(v0, 0x43);
        CHECK_EQ(hw_take(0), 0x43);
        CHECK_EQ(word(PAGE_A), 1);
        hw_apic_write(0, 0xb0, 0); /* one that was not needed */
        CHECK(!in_service());
        CHECK_EQ(word(PAGE_A), 0);
        end();
    }
    TEST("an interrupt that waits behind it takes the offer back; a higher one has none")
    {
        start(1, ALL & ~2U);
        set(0x40000073, PAGE_A | 1);
        vlapic_set_vector(v0, 0x44);
        CHECK_EQ(hw_take(0), 0x44);
        vlapic_set_vector(v0, 0x43);
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(word(PAGE_A), 0);
        set(0x40000070, 0);
        CHECK_EQ(hw_take(0), 0x43);
        CHECK_EQ(word(PAGE_A), 1);
        vlapic_set_vector(v0, 0x55);
        CHECK_EQ(hw_take(0), 0x55); /* below it another is in service */
        CHECK_EQ(word(PAGE_A), 1);
        put(PAGE_A, 0, 4); /* 0x43's EOI, left out after that of 0x55 by the register */
        hw_apic_write(0, 0xb0, 0);
        CHECK(!in_service());
        end();
    }
    TEST("no offer: for a level, without a page, without the feature")
    {
        start(1, ALL & ~2U);
        set(0x40000073, PAGE_A | 1);
        CHECK_EQ(vlapic_deliver(hw_dom, &(struct lapic_msg){ .dest = 0, .vector = 0x44,
                                                             .level = true }), 1);
        CHECK_EQ(hw_serve(0), 0x44);
        CHECK_EQ(word(PAGE_A), 0);
        set(0x40000073, 0xdead000000000001);
        vlapic_set_vector(v0, 0x44);
        CHECK_EQ(hw_serve(0), 0x44);
        CHECK(!in_service());
        end();
        start(1, 1);
        set(0x40000073, PAGE_A | 1);
        vlapic_set_vector(v0, 0x44);
        CHECK_EQ(hw_serve(0), 0x44);
        CHECK_EQ(word(PAGE_A), 0);
        end();
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static bool near(uint64_t a, uint64_t b) { return a - b + 2 <= 4; }

static void test_reference(void)
{
    TEST("reference time begins at 0, and stands while the domain is paused")
    {
        uint64_t at;

        hw_run(MILLISECS(7));
        start(1, ALL & ~2U);
        CHECK(near(get(0x40000020), 0));
        hw_run(MILLISECS(5));
        CHECK(near(get(0x40000020), 5 * MSEC));
        viridian_freeze(hw_dom);
        hw_run(MILLISECS(50));
        at = get(0x40000020);
        CHECK(near(at, 5 * MSEC));
        viridian_thaw(hw_dom);
        hw_run(MILLISECS(1));
        CHECK(near(get(0x40000020), 6 * MSEC));
        end();
    }
    TEST("the TSC page gives the same; it is written anew when the domain goes on")
    {
        unsigned __int128 t;

        start(1, ALL & ~2U);
        hw_run(MILLISECS(3));
        put(PAGE_A + 0x800, 5, 8);
        set(0x40000021, PAGE_A | 1);
        CHECK_EQ(word(PAGE_A + 0x800), 5); /* only its own bytes */
        CHECK(word(PAGE_A) != 0);
        t = (unsigned __int128)hvm_guest_tsc(v0) * quad(PAGE_A + 8);
        CHECK_EQ((uint64_t)(t >> 64) + quad(PAGE_A + 16), get(0x40000020));
        viridian_freeze(hw_dom);
        hw_run(MILLISECS(50));
        viridian_thaw(hw_dom);
        put(PAGE_A, 0, 4);
        viridian_entry(v0);
        CHECK(word(PAGE_A) != 0);
        t = (unsigned __int128)hvm_guest_tsc(v0) * quad(PAGE_A + 8);
        CHECK_EQ((uint64_t)(t >> 64) + quad(PAGE_A + 16), get(0x40000020));
        hw_dom->arch.hvm->tsc.emulated = true;
        set(0x40000021, PAGE_A | 1);
        CHECK_EQ(word(PAGE_A), 0);
        end();
    }
}

/* --- synthetic timers ------------------------------------------------------------------------- */

#define SLOT(n) (PAGE_A + 256U * (n))
#define CONFIG(n) (0x400000b0U + 2 * (n))
#define COUNT(n) (0x400000b1U + 2 * (n))

static void start_timers(void)
{
    start(1, ALL & ~2U);
    set(0x40000083, PAGE_A | 1);
    set(0x40000092, 0x62);
    set(0x40000093, 0x63 | 1 << 17); /* auto EOI */
}

static void test_stimers(void)
{
    TEST("one-shot: a message and an interrupt at the time, once")
    {
        start_timers();
        set(COUNT(1), 4 * MSEC);
        set(CONFIG(1), 2 << 16 | 1);
        hw_run(MILLISECS(3));
        CHECK_EQ(hw_take(0), -1);
        hw_run(MILLISECS(2));
        CHECK(hw.kicks[0] > 0);
        CHECK_EQ(get(CONFIG(1)), 2 << 16);
        CHECK_EQ(hw_serve(0), 0x62);
        CHECK_EQ(word(SLOT(2)), 0x80000010);
        CHECK_EQ(word(SLOT(2) + 4), 24);
        CHECK_EQ(word(SLOT(2) + 16), 1);
        CHECK_EQ(quad(SLOT(2) + 24), 4 * MSEC);
        CHECK(near(quad(SLOT(2) + 32), 5 * MSEC));
        put(SLOT(2), 0, 4);
        hw_run(MILLISECS(20));
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(word(SLOT(2)), 0);
        end();
    }
    TEST("a time that is over: at once; a slot that is taken: when it is free")
    {
        start_timers();
        hw_run(MILLISECS(9));
        put(SLOT(2), 1, 4);
        set(COUNT(0), MSEC);
        set(CONFIG(0), 2 << 16 | 1);
        CHECK_EQ(hw_take(0), -1);
        put(SLOT(2), 0, 4);
        set(0x40000084, 0);
        CHECK_EQ(hw_serve(0), 0x62);
        end();
    }
    TEST("periodic, and automatic EOI")
    {
        unsigned int n = 0;

        start_timers();
        set(CONFIG(3), 3 << 16 | 8 | 2);
        CHECK_EQ(get(CONFIG(3)) & 1, 0);
        set(COUNT(3), 2 * MSEC);
        CHECK_EQ(get(CONFIG(3)) & 1, 1);
        for (unsigned int i = 0; i < 21; i++) {
            hw_run(MILLISECS(1));
            if (hw_take(0) == 0x63) {
                n++;
                CHECK_EQ(quad(SLOT(3) + 24) % (2 * MSEC) < MSEC / 10, 1);
                put(SLOT(3), 0, 4);
            }
            CHECK(!in_service());
        }
        CHECK_EQ(n, 10);
        set(COUNT(3), 0);
        CHECK_EQ(get(CONFIG(3)) & 1, 0);
        hw_run(MILLISECS(10));
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("periodic, late: few missed ones are caught up with, many are forgotten, lazily all")
    {
        static const struct { unsigned int lazy, late, n; } cases[] = {
            { 0, 9, 8 }, { 1, 9, 7 }, { 0, 21, 7 },
        };

        for (unsigned int c = 0; c < ARRAY_SIZE(cases); c++) {
            unsigned int n = 0;

            start_timers();
            set(CONFIG(0), 2 << 16 | 8 | 2 | cases[c].lazy << 2);
            set(COUNT(0), 4 * MSEC);
            hw_run(MILLISECS(4) + MICROSECS(10)); /* due, and the guest does not look */
            hw_run(MILLISECS(cases[c].late));
            for (unsigned int i = 0; i < 27; i++, hw_run(MILLISECS(1)))
                if (hw_serve(0) == 0x62) {
                    n++;
                    put(SLOT(2), 0, 4);
                }
            CHECK_EQ(n, cases[c].n);
            end();
        }
    }
    TEST("what keeps a timer off: no SINT, no count; and what is sent without an interrupt")
    {
        start_timers();
        set(COUNT(0), MSEC);
        set(CONFIG(0), 1);
        CHECK_EQ(get(CONFIG(0)), 0);
        set(CONFIG(2), 2 << 16 | 2 | 1);
        hw_run(MILLISECS(5));
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(word(SLOT(2)), 0);
        set(0x40000092, 0x62 | 1 << 16); /* masked */
        set(COUNT(2), 6 * MSEC);
        hw_run(MILLISECS(7));
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(word(SLOT(2)), 0x80000010);
        put(SLOT(2), 0, 4);
        set(0x40000092, 0x62 | 1 << 18); /* polled */
        hw_run(MILLISECS(7));
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(word(SLOT(2)), 0x80000010);
        set(0x40000083, 0);
        hw_run(MILLISECS(7));
        CHECK_EQ(hw_take(0), -1);
        set(COUNT(2), ~0ULL); /* counts that overflow */
        CHECK_EQ(hw_take(0), -1);
        set(COUNT(2), 1ULL << 62);
        hw_run(MILLISECS(7));
        end();
    }
    TEST("a pause does not count")
    {
        start_timers();
        set(COUNT(1), 4 * MSEC);
        set(CONFIG(1), 2 << 16 | 1);
        hw_run(MILLISECS(3));
        viridian_freeze(hw_dom);
        hw_run(MILLISECS(30));
        viridian_thaw(hw_dom);
        viridian_entry(v0);
        CHECK_EQ(hw_take(0), -1);
        hw_run(MILLISECS(2));
        CHECK_EQ(hw_serve(0), 0x62);
        end();
    }
}

/* --- hypercalls ------------------------------------------------------------------------------- */

static uint64_t flushed[HVM_VCPUS / 64];
static unsigned int yields, flushes;

void hvm_flush_vcpus(struct domain *d, const uint64_t *vcpus)
{
    flushes++;
    memcpy(flushed, vcpus, sizeof(flushed));
}

long vcpu_yield(void)
{
    yields++;
    return 0;
}

static uint64_t call(uint64_t control, uint64_t in, uint64_t out)
{
    struct cpu_user_regs r = { .rax = 0x80000000, .rcx = control, .rdx = in, .r8 = out };
    struct cpu_user_regs n = {
        .rax = (uint32_t)control, .rdx = control >> 32, .rcx = (uint32_t)in, .rbx = in >> 32,
        .rsi = (uint32_t)out, .rdi = out >> 32
    };

    viridian_hypercall(v0, &r, true);
    viridian_hypercall(v0, &n, false);
    CHECK_EQ(n.rdx << 32 | n.rax, r.rax);
    return r.rax;
}

static void fill(const uint64_t *words, unsigned int n)
{
    memcpy(hw_memory, words, 8UL * n);
}

static void test_calls(void)
{
    TEST("calls that there are not; a guest that spins")
    {
        start(1, 1);
        for (unsigned int code = 0; code < 0x10000; code += code < 0x40 ? 1 : 77)
            if (code != 2 && code != 3 && code != 8 && code != 0xb && (code < 0x13 || code > 0x15))
                CHECK_EQ(call(code, 0, 0), 2);
        yields = 0;
        CHECK_EQ(call(8 | 1 << 16, 5, 0), 0);
        CHECK_EQ(yields, 2);
        end();
    }
    TEST("flushes: whose, and how many repetitions are done")
    {
        start(3, ALL);
        fill((const uint64_t[]){ 0x1000, 0, 5 }, 3);
        CHECK_EQ(call(2, PAGE_A, 0), 0);
        CHECK_EQ(flushed[0], 5);
        CHECK_EQ(flushed[1] | flushed[2] | flushed[3], 0);
        CHECK_EQ(call(3 | 12ULL << 32, PAGE_A, 0), 12ULL << 32);
        fill((const uint64_t[]){ 0x1000, 1, 5 }, 3);
        CHECK_EQ(call(2, PAGE_A, 0), 0);
        CHECK_EQ(flushed[0] & flushed[3], ~0ULL);
        fill((const uint64_t[]){ 0, 0, 0, 0xb, 1, 2, 3 }, 7); /* banks 0, 1, 3 */
        CHECK_EQ(call(0x13, PAGE_A, 0), 0);
        CHECK(flushed[0] == 1 && flushed[1] == 2 && flushed[2] == 0 && flushed[3] == 3);
        fill((const uint64_t[]){ 0, 0, 1 }, 3);
        CHECK_EQ(call(0x14, PAGE_A, 0), 0);
        CHECK_EQ(flushed[2], ~0ULL);
        flushes = 0;
        fill((const uint64_t[]){ 0, 0, 2 }, 3);
        CHECK_EQ(call(0x14, PAGE_A, 0), 5);
        CHECK_EQ(call(2 | 1 << 16, PAGE_A, 0), 5);
        CHECK_EQ(call(0x13 | 1 << 16, PAGE_A, 0), 5);
        CHECK_EQ(call(2, 0, 0), 5);
        CHECK_EQ(call(2, HW_MEMORY_AT + HW_MEMORY - 16, 0), 5);
        put(HW_MEMORY_AT + HW_MEMORY - 40, 0, 8);
        put(HW_MEMORY_AT + HW_MEMORY - 32, 0, 8);
        put(HW_MEMORY_AT + HW_MEMORY - 24, 0, 8);
        put(HW_MEMORY_AT + HW_MEMORY - 16, 3, 8); /* two banks, of which one is there */
        CHECK_EQ(call(0x13, HW_MEMORY_AT + HW_MEMORY - 40, 0), 5);
        CHECK_EQ(flushes, 0);
        end();
    }
    TEST("interrupts to some vcpus, in all four forms")
    {
        start(3, ALL);
        CHECK_EQ(call(0xb | 1 << 16, 0x77, 6), 0);
        CHECK_EQ(hw_serve(0), -1);
        CHECK_EQ(hw_serve(1), 0x77);
        CHECK_EQ(hw_serve(2), 0x77);
        fill((const uint64_t[]){ 0x78, 1 }, 2);
        CHECK_EQ(call(0xb, PAGE_A, 0), 0);
        CHECK_EQ(hw_serve(0), 0x78);
        fill((const uint64_t[]){ 0x79, 0, 1ULL << 63 | 1, 4, ~0ULL }, 5);
        CHECK_EQ(call(0x15, PAGE_A, 0), 0);
        CHECK_EQ(hw_serve(2), 0x79);
        fill((const uint64_t[]){ 0x7a, 1 }, 2);
        CHECK_EQ(call(0x15, PAGE_A, 0), 0);
        for (unsigned int v = 0; v < 3; v++)
            CHECK_EQ(hw_serve(v), 0x7a);
        CHECK_EQ(call(0x15 | 1 << 16, PAGE_A, 0), 5);
        CHECK_EQ(call(0xb | 1 << 16, 0xf, 7), 5);
        CHECK_EQ(call(0xb | 1 << 16, 0x100, 7), 5);
        CHECK_EQ(call(0xb | 1 << 16, 1ULL << 32 | 0x77, 7), 5);
        fill((const uint64_t[]){ 1ULL << 32 | 0x78, 7 }, 2); /* another VTL */
        CHECK_EQ(call(0xb, PAGE_A, 0), 5);
        fill((const uint64_t[]){ 1ULL << 63 | 0x78, 1 }, 2);
        CHECK_EQ(call(0x15, PAGE_A, 0), 5);
        CHECK_EQ(call(0xb, 8, 0), 5);
        for (unsigned int v = 0; v < 3; v++)
            CHECK_EQ(hw_serve(v), -1);
        hw_apic_write(1, 0xf0, 0xff); /* off: it takes none */
        CHECK_EQ(call(0xb | 1 << 16, 0x77, 2), 0);
        CHECK_EQ(hw_serve(1), -1);
        end();
    }
}

/* --- records ---------------------------------------------------------------------------------- */

static void test_records(void)
{
    TEST("records there and back: time and timers go on")
    {
        struct hvm_viridian_domain_context d, d2;
        struct hvm_viridian_vcpu_context v, v2;

        start_timers();
        set(0x40000000, 0x77);
        set(0x40000001, PAGE_B | 1);
        set(0x40000021, (PAGE_B + 0x1000) | 1);
        set(COUNT(1), 9 * MSEC);
        set(CONFIG(1), 2 << 16 | 1);
        hw_run(MILLISECS(6));
        viridian_freeze(hw_dom);
        viridian_save_domain(hw_dom, &d);
        viridian_save_vcpu(v0, &v);
        CHECK_EQ(d.guest_os_id, 0x77);
        CHECK(near(d.time_ref_count, 6 * MSEC));
        CHECK_EQ(v.stimer_config_msr[1], 2 << 16 | 1);
        CHECK_EQ(v.simp_msr, PAGE_A | 1);
        end();
        hw_run(MILLISECS(100));
        start(1, ALL & ~2U);
        viridian_freeze(hw_dom);
        CHECK_EQ(viridian_load_domain(hw_dom, &d), 0);
        CHECK_EQ(viridian_load_vcpu(v0, &v), 0);
        viridian_save_domain(hw_dom, &d2);
        viridian_save_vcpu(v0, &v2);
        CHECK(!memcmp(&d, &d2, sizeof(d)) && !memcmp(&v, &v2, sizeof(v)));
        viridian_thaw(hw_dom);
        viridian_entry(v0);
        CHECK(word(PAGE_B + 0x1000) != 0);
        hw_run(MILLISECS(2));
        CHECK_EQ(hw_take(0), -1);
        hw_run(MILLISECS(2));
        CHECK_EQ(hw_serve(0), 0x62);
        end();
    }
    TEST("records that no guest makes")
    {
        struct hvm_viridian_domain_context d = { 0 };
        struct hvm_viridian_vcpu_context v, bad;

        start(1, ALL & ~2U);
        viridian_save_vcpu(v0, &v);
        bad = v;
        bad.sint_msr[5] = 0xf;
        CHECK_EQ(viridian_load_vcpu(v0, &bad), -EINVAL);
        bad = v;
        bad._pad[6] = 1;
        CHECK_EQ(viridian_load_vcpu(v0, &bad), -EINVAL);
        bad = v;
        bad.apic_assist_pending = 1;
        CHECK_EQ(viridian_load_vcpu(v0, &bad), -EINVAL);
        bad.vp_assist_msr = 1;
        CHECK_EQ(viridian_load_vcpu(v0, &bad), 0);
        bad.apic_assist_pending = 2;
        CHECK_EQ(viridian_load_vcpu(v0, &bad), -EINVAL);
        bad = v;
        bad.stimer_config_msr[0] = 1;
        CHECK_EQ(viridian_load_vcpu(v0, &bad), -EINVAL);
        hw_dom->arch.hvm->param[HVM_PARAM_VIRIDIAN] = 0;
        CHECK_EQ(viridian_load_vcpu(v0, &v), -EOPNOTSUPP);
        CHECK_EQ(viridian_load_domain(hw_dom, &d), -EOPNOTSUPP);
        end();
    }
}

int main(void)
{
    test_leaves();
    test_rights();
    test_lapic();
    test_assist();
    test_reference();
    test_stimers();
    test_calls();
    test_records();
    return check_exit();
}
