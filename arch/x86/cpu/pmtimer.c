/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI power-management timer: 3.579545 MHz, 24 or 32 bits. ACPI specification, "Power
 * Management Timer".
 */
#include <arch/clock.h>
#include <arch/insn.h>
#include <arch/ioapic.h>
#include <drivers/acpi.h>

#define PMTIMER_HZ 3579545ULL

static uint16_t port;

static uint64_t pmtimer_read(void) { return inl(port); }

bool pmtimer_probe(struct clocksource *cs)
{
    const struct acpi_gas *gas = &acpi_info.fadt.pm_timer;
    bool wide = acpi_info.fadt.flags & ACPI_FADT_TMR_VAL_EXT;
    uint64_t first;

    if (!(acpi_info.have & ACPI_HAVE_FADT) || gas->addr == 0 || gas->space != ACPI_SPACE_IO ||
        gas->addr > 0xfffc)
        return false;
    port = (uint16_t)gas->addr;
    *cs = (struct clocksource){
        .name = "PM timer",
        .hz = PMTIMER_HZ,
        .mask = wide ? UINT32_MAX : 0xffffff,
        .read = pmtimer_read,
        .keeps_time = true, /* 24 bits wrap after 4.7 s */
    };
    first = pmtimer_read();
    for (unsigned int i = 0; i < 1000; i++)
        if (pmtimer_read() != first)
            return true;
    return false;
}
