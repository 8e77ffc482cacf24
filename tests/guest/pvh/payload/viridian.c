/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest with Hyper-V's interface asks it as Windows would: leaves, pages, calls, time, timers
 * with messages, EOIs that it leaves out. Microsoft, "Hypervisor Top Level Functional
 * Specification".
 */
#include "payload.h"

#define VECTOR_IPI 0x45
#define VECTOR_SINT 0x46
#define VECTOR_AUTO 0x47
#define MSEC 10000ULL /* units of reference time */

static struct {
    uint8_t hypercall[PAGE], assist[PAGE], tsc[PAGE], messages[PAGE], input[PAGE];
} page __attribute__((aligned(PAGE)));

static uint64_t hv_call(uint64_t control, uint64_t in, uint64_t out)
{
    register uint64_t r8 __asm__("r8") = out;
    uint64_t ret;

    __asm__ volatile("call *%1"
                     : "=a"(ret)
                     : "r"(page.hypercall), "0"(0), "c"(control), "d"(in), "r"(r8)
                     : "r9", "r10", "r11", "memory");
    return ret;
}

static void test_leaves(void)
{
    uint32_t r[4];

    cpuid(0x40000000, 0, r);
    CHECK(r[1] == 0x7263694d && r[2] == 0x666f736f && r[3] == 0x76482074,
          "Hyper-V's leaves are in their place");
    CHECK_EQ(r[0], 0x40000006, "... seven of them");
    cpuid(0x40000001, 0, r);
    CHECK_EQ(r[0], 0x31237648, "... of the interface that is known");
    cpuid(0x40000003, 0, r);
    CHECK_EQ(r[0], 0xa7e, "... with all privileges that there are");
    cpuid(0x40000100, 0, r);
    CHECK(r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e,
          "Xen's are behind them");
    CHECK(r[0] >= 0x40000104, "... and say so");
    cpuid(0x40000102, 0, r);
    CHECK_EQ(r[1], 0x40000200, "... and so is its MSR");
    wrmsr(r[1], (uint64_t)page.input);
    CHECK_EQ(*(uint32_t *)(page.input + 32 * __HYPERVISOR_xen_version), 0x0000b8 | 17 << 8,
             "... which makes Xen's page");
    wrmsr(0x40000000, 0x0001040a00000000);
    CHECK_EQ(rdmsr(0x40000000), 0x0001040a00000000, "a guest says who it is");
    cpuid(0x40000004, 0, r);
    CHECK(r[0] >> 5 & 1, "... and gets advice");
    CHECK_EQ(rdmsr(0x40000002), 0, "the first processor's number");
}

static void test_calls(void)
{
    uint64_t *in = (uint64_t *)page.input;

    wrmsr(0x40000001, (uint64_t)page.hypercall | 1);
    CHECK_EQ(hv_call(8 | 1 << 16, 1, 0), 0, "a call: it spins");
    CHECK_EQ(hv_call(0x4a, 0, 0), 2, "a call that there is not");
    in[0] = 0;
    in[1] = 1;
    in[2] = 0;
    CHECK_EQ(hv_call(2, (uint64_t)in, 0), 0, "a flush of all processors");
    CHECK_EQ(hv_call(3 | 5ULL << 32, (uint64_t)in, 0), 5ULL << 32, "... of a list of pages");
    CHECK_EQ(hv_call(2, HOLE, 0), 5, "... by arguments that are in no memory");
    CHECK_EQ(hv_call(0xb | 1 << 16, VECTOR_IPI, 1), 0, "an interrupt by a call");
    CHECK(wait_taken(VECTOR_IPI, 1), "... comes");
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_version, 0, 0) >> 16, 4,
             "Xen's calls are there as well");
}

static void test_assist(void)
{
    volatile uint32_t *word = (volatile uint32_t *)page.assist;
    const uint32_t before = taken(VECTOR_IPI);

    wrmsr(0x40000073, (uint64_t)page.assist | 1);
    eoi_assist = word;
    wrmsr(0x40000071, 1U << 18 | VECTOR_IPI);
    CHECK(wait_taken(VECTOR_IPI, before + 1), "an interrupt by the ICR's MSR");
    CHECK_EQ(eois_left_out, 1, "... of which the EOI is left out");
    wrmsr(0x40000071, 1U << 18 | VECTOR_IPI);
    CHECK(wait_taken(VECTOR_IPI, before + 2), "... and the next one comes all the same");
    CHECK_EQ(eois_left_out, 2, "... without one again");
    cpuid(0, 0, (uint32_t[4]){ 0 });
    CHECK_EQ(*word, 0, "nothing is left in the page");
    eoi_assist = NULL;
    wrmsr(0x40000073, 0);
}

static uint64_t tsc_time(void)
{
    const volatile uint64_t *p = (const volatile uint64_t *)page.tsc;
    uint64_t high;

    __asm__ volatile("rdtsc; shl $32, %%rdx; or %%rdx, %%rax; mulq %1"
                     : "=&d"(high) : "m"(p[1]) : "rax");
    return high + p[2];
}

static void test_time(void)
{
    const uint64_t hz = rdmsr(0x40000022), from = rdmsr(0x40000020), tsc = rdtsc();
    const volatile uint32_t *sequence = (const volatile uint32_t *)page.tsc;
    uint64_t a, b, c;

    while (rdtsc() - tsc < hz / 100)
        __asm__ volatile("pause");
    a = rdmsr(0x40000020) - from;
    CHECK(a >= 99 * MSEC / 10, "ten milliseconds are as long by the reference time");
    CHECK(a < 1000 * MSEC, "... or not much longer");
    CHECK_EQ(rdmsr(0x40000023), 100000000, "the local APIC's rate");
    wrmsr(0x40000021, (uint64_t)page.tsc | 1);
    if (*sequence == 0) {
        CHECK_EQ(*sequence, 0, "the TSC is no clock on this machine, and the page says so");
        return;
    }
    a = rdmsr(0x40000020);
    b = tsc_time();
    c = rdmsr(0x40000020);
    CHECK(a <= b && b <= c, "the page has the same time as the MSR");
}

static uint32_t *slot(unsigned int sint) { return (uint32_t *)(page.messages + 256 * sint); }

static void test_timers(void)
{
    const uint32_t mark = taken(VECTOR_SINT);
    uint64_t now;

    wrmsr(0x40000080, 1);
    wrmsr(0x40000083, (uint64_t)page.messages | 1);
    wrmsr(0x40000092, VECTOR_SINT);
    wrmsr(0x40000093, VECTOR_AUTO | 1 << 17);
    now = rdmsr(0x40000020);
    wrmsr(0x400000b1, now + 2 * MSEC);
    wrmsr(0x400000b0, 2 << 16 | 1);
    while (taken(VECTOR_SINT) == mark && rdmsr(0x40000020) < now + 20000 * MSEC)
        __asm__ volatile("sti; hlt; cli");
    CHECK_EQ(taken(VECTOR_SINT), mark + 1, "a synthetic timer wakes from HLT");
    CHECK(rdmsr(0x40000020) >= now + 2 * MSEC, "... not before its time");
    CHECK_EQ(slot(2)[0], 0x80000010, "... with a message");
    CHECK(*(uint64_t *)&slot(2)[6] == now + 2 * MSEC, "... which says when it was due");
    CHECK_EQ(rdmsr(0x400000b0) & 1, 0, "... and is off by then");
    slot(2)[0] = 0;
    wrmsr(0x400000b2, 3 << 16 | 8 | 2);
    wrmsr(0x400000b3, MSEC);
    for (unsigned int n = 1; n <= 3; n++) {
        CHECK(wait_taken(VECTOR_AUTO, n), "a periodic one, without an EOI");
        slot(3)[0] = 0;
        wrmsr(0x40000084, 0);
    }
    wrmsr(0x400000b3, 0);
    CHECK_EQ(*lapic(0x120) | *lapic(0x140), 0, "nothing is in service any more");
    CHECK_EQ(vector_of_wrmsr(0x40000092, 5), 13, "no vector below 16");
    CHECK_EQ(vector_of_wrmsr(0x40000020, 5), 13, "nobody sets the time");
}

void viridian(void)
{
    *lapic(0xf0) = 0x1ff;
    no_eoi_vector = VECTOR_AUTO;
    test_leaves();
    test_calls();
    test_assist();
    test_time();
    test_timers();
    wrmsr(0x40000100, 0x1234);
    wrmsr(0x40000105, 1ULL << 63); /* and now it is a crash, however it ends */
}
