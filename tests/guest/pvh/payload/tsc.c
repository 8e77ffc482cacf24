/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest whose TSC is made by the hypervisor at each RDTSC, at a rate of its own (tsc_mode 1), and
 * whose clocks stand while it has no cpu (timer mode 0).
 */
#include "payload.h"

#define SHARED 0x700000UL
#define VECTOR_TICK 0x48
#define APIC_KHZ 100000U

static uint32_t khz;

static uint64_t rdtscp(uint32_t *aux)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(*aux));
    return (uint64_t)hi << 32 | lo;
}

static void test_emulated(void)
{
    uint32_t r[4], aux;
    uint64_t last = rdtsc();
    unsigned int ordered = 0;

    cpuid(0x40000003, 0, r);
    CHECK_EQ(r[0] & 1, 1, "CPUID says that the TSC is emulated");
    CHECK_EQ(r[1], 1, "... by which mode");
    CHECK_EQ(r[2], 1000000, "... at which rate");
    CHECK_EQ(r[3], 3, "... and that this is its third life");
    khz = r[2];
    for (unsigned int i = 0; i < 1000; i++) {
        const uint64_t now = rdtsc();

        ordered += now > last;
        last = now;
    }
    CHECK_EQ(ordered, 1000, "it goes on");
    cpuid(0x80000001, 0, r);
    if (r[3] >> 27 & 1) {
        wrmsr(0xc0000103, 0x77);
        CHECK(rdtscp(&aux) > last, "RDTSCP has the same");
        CHECK_EQ(aux, 0x77, "... and TSC_AUX");
    }
    CHECK(rdmsr(0x10) > last, "and so has the MSR");
    wrmsr(0x10, 1ULL << 40);
    CHECK(rdtsc() - (1ULL << 40) < 1000000000, "it can be set");
}

/*
 * Against the local APIC's timer, which counts 10 ns. Each of its readings lies between two of the
 * TSC's: the ticks between them are at least the inner two's and at most the outer two's, however
 * long something keeps us from the next reading.
 */
static void test_rate(void)
{
    uint64_t before, after, outer, inner, ticks;

    *lapic(0x320) = 1U << 16 | VECTOR_TICK;
    *lapic(0x3e0) = 0xb;
    *lapic(0x380) = 0xffffffff;
    before = rdtsc();
    ticks = *lapic(0x390);
    after = rdtsc();
    while (rdtsc() - after < khz * 50ULL) /* 50 ms */
        __asm__ volatile("pause");
    inner = rdtsc() - after;
    ticks -= *lapic(0x390);
    outer = rdtsc() - before;
    ticks *= khz / APIC_KHZ;
    CHECK(ticks > inner - inner / 50, "50 ms of its are as many of the APIC's");
    CHECK(ticks < outer + outer / 50, "... and no more");
}

/* public xen.h, "vcpu_time_info" */
static uint64_t system_time(void)
{
    const volatile struct vcpu_time_info *t =
        &((const volatile struct shared_info *)SHARED)->vcpu_info[0].time;
    uint64_t ticks = rdtsc() - t->tsc_timestamp;

    ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
    return t->system_time + (uint64_t)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
}

static void test_system_time(void)
{
    const struct xen_add_to_physmap map = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
                                            .gpfn = SHARED >> 12 };
    uint64_t from, tsc;

    CHECK_EQ(CALL(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &map, 0), 0, "map shared_info");
    CALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    from = system_time();
    tsc = rdtsc();
    while (rdtsc() - tsc < khz * 20ULL)
        CALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    tsc = (rdtsc() - tsc) * 1000000 / khz;
    from = system_time() - from;
    CHECK(from > tsc - tsc / 50, "system time goes with it");
    CHECK(from < 20 * tsc, "... and not much faster");
}

#define TICKS 200U

/* Ticks that come late, because others had the cpu, move it on. */
static void test_ticks(void)
{
    const uint64_t start = rdtsc();
    uint64_t last = start;
    uint32_t back = 0;

    *lapic(0x320) = 1U << 17 | VECTOR_TICK;
    *lapic(0x380) = APIC_KHZ; /* each millisecond */
    while (taken(VECTOR_TICK) < TICKS && last - start < khz * 8000ULL) {
        uint64_t now;

        __asm__ volatile("sti; nop; nop; cli");
        now = rdtsc();
        back += now < last;
        last = now;
    }
    *lapic(0x380) = 0;
    CHECK_EQ(back, 0, "it never goes back, whatever ticks do");
    CHECK(taken(VECTOR_TICK) >= TICKS, "... which come, each of them");
    CHECK((last - start) / khz + 1 >= TICKS, "... and none before its time");
}

void own_tsc(void)
{
    *lapic(0xf0) = 0x1ff;
    test_emulated();
    test_rate();
    test_system_time();
    test_ticks();
}
