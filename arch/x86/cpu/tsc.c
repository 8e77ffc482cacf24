/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The time-stamp counter: its rate, and whether all cpus' agree.
 *
 * Agreement is checked by causality, without a rendezvous: a cpu that starts must not read less
 * than what the boot cpu had read before it sent the start-up message, and the boot cpu must not
 * later read less than what the other had. A counter that fails the first is corrected; either
 * failure makes the TSC unfit as a clock that all cpus share.
 */
#include <arch/apic.h>
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/timescale.h>
#include <hv/percpu.h>

#define MEASURE_MS 10
#define SAMPLE_TRIES 8
#define MSR_TSC_ADJUST 0x3b
#define LEAF7_EBX_TSC_ADJUST (1U << 1)

static uint64_t khz(uint32_t v) { return v * 1000ULL; }

static uint64_t from_hypervisor(uint64_t *apic_hz)
{
    struct cpuid_regs r;

    if (!(cpuid(1, 0).c >> 31))
        return 0;
    r = cpuid(0x40000000, 0);
    if (r.a < 0x40000010 || r.a > 0x400000ff)
        return 0;
    r = cpuid(0x40000010, 0); /* the "timing information" leaf that VMware began */
    *apic_hz = khz(r.b);
    return r.b ? khz(r.a) : 0;
}

/*
 * Intel SDM vol. 2, CPUID leaf 15H: crystal in ECX, TSC = crystal * EBX / EAX. The LAPIC timer
 * counts the crystal.
 */
static uint64_t from_crystal(uint64_t *apic_hz)
{
    struct cpuid_regs r;

    if (cpuid(0, 0).a < 0x15)
        return 0;
    r = cpuid(0x15, 0);
    if (r.a == 0 || r.b == 0 || r.c == 0)
        return 0;
    *apic_hz = r.c;
    return (uint64_t)r.c * r.b / r.a;
}

uint64_t tsc_hz_from_cpuid(uint64_t *apic_hz)
{
    uint64_t hz = from_hypervisor(apic_hz);

    return hz ? hz : from_crystal(apic_hz);
}

void tsc_sample(const struct clocksource *cs, uint64_t *tsc, uint64_t *ref)
{
    uint64_t best = UINT64_MAX;

    for (unsigned int i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t before = rdtsc(), r = cs->read(), after = rdtsc();

        if (after - before >= best)
            continue;
        best = after - before;
        *tsc = before + best / 2;
        *ref = r;
    }
}

/*
 * Bounded by the number of looks in case the reference stops: each takes a tenth of a microsecond
 * at least.
 */
static void wait_ref(const struct clocksource *cs, uint64_t from, uint64_t ticks)
{
    for (unsigned int i = 0; i < 1000000 && ((cs->read() - from) & cs->mask) < ticks; i++)
        cpu_relax();
}

uint64_t tsc_hz_measure(const struct clocksource *cs, uint64_t *apic_hz)
{
    uint64_t tsc0 = 0, tsc1 = 0, ref0 = 0, ref1 = 0, ref;
    uint32_t count0 = 0;

    if (apic_hz) {
        apic->write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
        apic->write(APIC_TIMER_INITIAL, UINT32_MAX);
    }
    tsc_sample(cs, &tsc0, &ref0);
    if (apic_hz)
        count0 = apic->read(APIC_TIMER_CURRENT);
    wait_ref(cs, ref0, cs->hz * MEASURE_MS / 1000);
    tsc_sample(cs, &tsc1, &ref1);
    ref = (ref1 - ref0) & cs->mask;
    if (apic_hz) {
        *apic_hz = rate_from_reference(count0 - apic->read(APIC_TIMER_CURRENT), ref, cs->hz);
        apic->write(APIC_TIMER_INITIAL, 0);
    }
    return rate_from_reference(tsc1 - tsc0, ref, cs->hz);
}

/* --- agreement -------------------------------------------------------------------------------- */

static uint64_t boot_tsc; /* read by the boot cpu before the others start */
static uint64_t boot_adjust;
static bool has_adjust;
static bool out_of_sync;

void tsc_sync_boot(void)
{
    has_adjust = cpuid(0, 0).a >= 7 && (cpuid(7, 0).b & LEAF7_EBX_TSC_ADJUST);
    if (has_adjust)
        boot_adjust = rdmsr(MSR_TSC_ADJUST);
    __atomic_store_n(&boot_tsc, rdtsc(), __ATOMIC_SEQ_CST);
}

/* Firmware that wrote the counters one by one left its traces in TSC_ADJUST: undo them. */
int64_t tsc_sync_cpu(void)
{
    uint64_t base = __atomic_load_n(&boot_tsc, __ATOMIC_SEQ_CST), now;

    if (has_adjust && rdmsr(MSR_TSC_ADJUST) != boot_adjust)
        wrmsr(MSR_TSC_ADJUST, boot_adjust);
    now = rdtsc();
    if ((int64_t)(now - base) >= 0) {
        /* Hand the reading on, so that the next to start is held against the latest. */
        __atomic_store_n(&boot_tsc, now, __ATOMIC_SEQ_CST);
        return 0;
    }
    write_once(out_of_sync, true);
    return (int64_t)(base - now);
}

void tsc_sync_check(void)
{
    uint64_t base = __atomic_load_n(&boot_tsc, __ATOMIC_SEQ_CST);

    if ((int64_t)(rdtsc() - base) < 0)
        write_once(out_of_sync, true);
}

bool tsc_in_sync(void) { return !read_once(out_of_sync); }
