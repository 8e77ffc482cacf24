/* SPDX-License-Identifier: GPL-2.0-only */
/* The HPET's main counter. IA-PC HPET Specification 1.0a §2.3. Its comparators are not used. */
#include <arch/clock.h>
#include <arch/insn.h>
#include <arch/ioapic.h>
#include <arch/paging.h>
#include <drivers/acpi.h>

#define HPET_CAPABILITIES 0x000
#define HPET_CONFIG 0x010
#define HPET_COUNTER 0x0f0
#define CONFIG_ENABLE 1U
#define CONFIG_LEGACY 2U
#define MIN_PERIOD_FS 100000U    /* 10 GHz: nonsense beyond */
#define MAX_PERIOD_FS 100000000U /* the specification's limit: 10 MHz */
#define FS_PER_SEC 1000000000000000ULL

static volatile char *hpet;

static uint32_t reg(unsigned int offset) { return *(volatile uint32_t *)(hpet + offset); }

/*
 * The low half: one access everywhere, and it wraps no sooner than after 42 s at the usual rates.
 */
static uint64_t hpet_read(void) { return reg(HPET_COUNTER); }

static bool hpet_counts(void)
{
    uint32_t first = reg(HPET_COUNTER);

    for (unsigned int i = 0; i < 1000; i++)
        if (reg(HPET_COUNTER) != first)
            return true;
    return false;
}

bool hpet_probe(struct clocksource *cs)
{
    uint32_t period;

    if (!(acpi_info.have & ACPI_HAVE_HPET) || acpi_info.hpet.base.space != ACPI_SPACE_MEMORY)
        return false;
    hpet = hv_ioremap(acpi_info.hpet.base.addr, 0x400);
    if (hpet == NULL)
        return false;
    period = reg(HPET_CAPABILITIES + 4);
    if (period < MIN_PERIOD_FS || period > MAX_PERIOD_FS)
        return false;
    *(volatile uint32_t *)(hpet + HPET_CONFIG) =
        (reg(HPET_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE;
    if (!hpet_counts())
        return false;
    *cs = (struct clocksource){
        .name = "HPET", .hz = FS_PER_SEC / period, .mask = UINT32_MAX, .read = hpet_read,
        .keeps_time = true
    };
    return true;
}
