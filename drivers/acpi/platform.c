/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two small tables: the HPET (IA-PC HPET specification, "The HPET Description Table") and MCFG (PCI
 * Firmware specification).
 */
#include "priv.h"

#define MCFG_FIRST_ENTRY 44
#define MCFG_ENTRY_BYTES 16

const char *acpi_parse_hpet(struct acpi_info *info, const uint8_t *table, size_t len)
{
    info->hpet = (struct acpi_hpet){
        .block_id = get_le32(table + 36),
        .base = acpi_read_gas(table + 40),
        .number = table[52],
        .min_tick = get_le16(table + 53),
    };
    if (info->hpet.base.space != ACPI_SPACE_MEMORY || !info->hpet.base.addr) {
        info->have &= ~(uint32_t)ACPI_HAVE_HPET;
        return "gives no memory address";
    }
    return NULL;
}

static const char *add_region(struct acpi_info *info, const uint8_t *e)
{
    struct acpi_mcfg_region r = {
        .base = get_le64(e),
        .segment = get_le16(e + 8),
        .start_bus = e[10],
        .end_bus = e[11],
    };

    /* a bus takes 1 MiB */
    if (r.start_bus > r.end_bus || !r.base || r.base & 0xfffff ||
        r.base > UINT64_MAX - (256ull << 20))
        return "has an impossible region";
    if (info->mcfg.nr >= ACPI_MAX_MCFG) {
        info->too_many |= ACPI_MANY_MCFG;
        return "has too many regions";
    }
    info->mcfg.region[info->mcfg.nr++] = r;
    return NULL;
}

const char *acpi_parse_mcfg(struct acpi_info *info, const uint8_t *table, size_t len)
{
    const char *wrong = NULL;

    for (size_t pos = MCFG_FIRST_ENTRY; pos < len; pos += MCFG_ENTRY_BYTES) {
        const char *what;

        if (len - pos < MCFG_ENTRY_BYTES)
            return "has a truncated entry";
        what = add_region(info, table + pos);
        if (what)
            wrong = what;
    }
    return wrong;
}
