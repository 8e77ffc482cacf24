/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of known rate, the boot's calibration against them, the clock chip. */
#ifndef ARCH_CLOCK_H
#define ARCH_CLOCK_H

#include <hv/types.h>

struct clocksource {
    const char *name;
    uint64_t hz;
    uint64_t mask; /* of the bits that count */
    uint64_t (*read)(void);
    bool keeps_time; /* wraps so late that a look a second is enough */
};

/* Each starts the device and fills *cs; false: it is not there or does not count. */
bool hpet_probe(struct clocksource *cs);
bool pmtimer_probe(struct clocksource *cs);
bool pit_probe(struct clocksource *cs);

/* tsc.c: rates from the cpu's or the hypervisor's own word (cheap), else 0. */
uint64_t tsc_hz_from_cpuid(uint64_t *apic_hz);
/*
 * Measure the TSC, and the LAPIC timer if apic_hz is not NULL, against cs: takes about 10 ms. 0: it
 * did not count.
 */
uint64_t tsc_hz_measure(const struct clocksource *cs, uint64_t *apic_hz);
/* One simultaneous look at both, the tightest of a few tries. */
void tsc_sample(const struct clocksource *cs, uint64_t *tsc, uint64_t *ref);
void tsc_sync_boot(void);   /* on the boot cpu, before another one starts */
/* on another: what to add to its TSC to get the boot cpu's, 0 if they agree */
int64_t tsc_sync_cpu(void);
void tsc_sync_check(void);  /* on the boot cpu, after others have started */
bool tsc_in_sync(void);     /* so far */

uint64_t rtc_read(void); /* UTC seconds since 1970; 0: no valid clock */

void time_init(void);     /* boot cpu: needs ACPI, apic_init_cpu() */
void time_init_cpu(void); /* on each other cpu */
void time_start_steering(void); /* boot cpu, when timers work: nothing to do if the TSC is stable */
uint64_t time_to_tsc(int64_t when_ns);

#endif
