/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This cpu's next timer interrupt: the local APIC's timer in one-shot mode, or its TSC deadline.
 * Either may fire early (a far deadline is cut to what the counter holds, rates are known to some
 * ppm): the timer core looks at the time and asks again.
 */
#include <arch/apic.h>
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/timescale.h>
#include <hv/log.h>
#include <hv/timer.h>

#define MSR_TSC_DEADLINE 0x6e0

static uint64_t ticks_factor; /* of the LAPIC timer; 0: TSC deadline */

void apic_timer_init(uint64_t ticks_per_sec)
{
    if (ticks_per_sec == 0 && !cpu_features.tsc_deadline)
        boot_fail("the local APIC's timer does not count");
    ticks_factor = ticks_per_sec ? tick_factor(ticks_per_sec) : 0;
    apic_timer_init_cpu();
}

void apic_timer_init_cpu(void)
{
    if (ticks_factor == 0) {
        apic->write(APIC_LVT_TIMER, LVT_TIMER_TSC_DEADLINE | VECTOR_TIMER);
        /*
         * The mode must have reached an xAPIC before the MSR counts: SDM vol. 3, "TSC-Deadline
         * Mode".
         */
        __asm__ volatile("mfence" ::: "memory");
        return;
    }
    apic->write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
    apic->write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic->write(APIC_TIMER_INITIAL, 0);
}

static void disarm(void)
{
    if (ticks_factor == 0)
        wrmsr(MSR_TSC_DEADLINE, 0);
    else
        apic->write(APIC_TIMER_INITIAL, 0);
}

static void arm(ns_t deadline)
{
    ns_t delta;
    uint64_t ticks;

    if (ticks_factor == 0) {
        wrmsr(MSR_TSC_DEADLINE, time_to_tsc(deadline) + 1);
        return;
    }
    delta = deadline - time_now();
    ticks = delta > 0 ? ticks_in_ns(ticks_factor, (uint64_t)delta) + 1 : 1;
    apic->write(APIC_TIMER_INITIAL, (uint32_t)MIN(ticks, (uint64_t)UINT32_MAX));
}

void arch_timer_program(ns_t deadline)
{
    if (deadline == NS_NEVER)
        disarm();
    else
        arm(deadline);
}
