/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI specification, "Multiple APIC Description Table (MADT)": processors, interrupt controllers
 * and their wiring.
 */
#include "priv.h"

#define MADT_FIRST_ENTRY 44
#define MADT_PCAT_COMPAT 1u

#define CPU_ENABLED 1u
#define CPU_ONLINE_CAPABLE 2u

/*
 * A processor may be listed by a local APIC and by an x2APIC entry; firmware also pads with dead
 * and repeated entries.
 */
static const char *add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags,
                           bool x2apic)
{
    struct acpi_madt *m = &info->madt;

    if (!(flags & (CPU_ENABLED | CPU_ONLINE_CAPABLE)))
        return NULL;
    for (unsigned int i = 0; i < m->nr_cpus; i++)
        if (m->cpu[i].apic_id == apic_id) {
            m->cpu[i].enabled |= flags & CPU_ENABLED;
            return NULL;
        }
    if (m->nr_cpus >= ACPI_MAX_CPUS) {
        info->too_many |= ACPI_MANY_CPUS;
        return "lists too many processors";
    }
    m->cpu[m->nr_cpus++] = (struct acpi_cpu){
        .apic_id = apic_id,
        .uid = uid,
        .enabled = flags & CPU_ENABLED,
        .online_capable = !(flags & CPU_ENABLED),
        .x2apic = x2apic,
    };
    return NULL;
}

/* Id 255 is the broadcast address and never a processor. */
static const char *local_apic(struct acpi_info *info, const uint8_t *e)
{
    return e[3] == 0xff ? NULL : add_cpu(info, e[3], e[2], get_le32(e + 4), false);
}

static const char *local_x2apic(struct acpi_info *info, const uint8_t *e)
{
    uint32_t id = get_le32(e + 4);

    return id == UINT32_MAX ? NULL : add_cpu(info, id, get_le32(e + 12), get_le32(e + 8), true);
}

static const char *io_apic(struct acpi_info *info, const uint8_t *e)
{
    struct acpi_madt *m = &info->madt;

    if (!get_le32(e + 4))
        return "has an I/O APIC without address";
    if (m->nr_ioapics >= ACPI_MAX_IOAPICS) {
        info->too_many |= ACPI_MANY_IOAPICS;
        return "lists too many I/O APICs";
    }
    m->ioapic[m->nr_ioapics++] = (struct acpi_ioapic){ .id = e[2],
                                                       .addr = get_le32(e + 4),
                                                       .gsi_base = get_le32(e + 8) };
    return NULL;
}

static const char *source_override(struct acpi_info *info, const uint8_t *e)
{
    struct acpi_madt *m = &info->madt;

    if (e[2] != 0 || e[3] > 15)
        return "overrides an interrupt that is not an ISA one";
    if (m->nr_overrides >= ACPI_MAX_OVERRIDES) {
        info->too_many |= ACPI_MANY_OVERRIDES;
        return "has too many interrupt overrides";
    }
    m->override[m->nr_overrides++] = (struct acpi_override){ .source = e[3],
                                                             .gsi = get_le32(e + 4),
                                                             .flags = get_le16(e + 8) };
    return NULL;
}

static const char *nmi_source(struct acpi_info *info, const uint8_t *e)
{
    struct acpi_madt *m = &info->madt;

    if (m->nr_nmi_sources >= ACPI_MAX_NMI_SOURCES) {
        info->too_many |= ACPI_MANY_NMIS;
        return "has too many NMI sources";
    }
    m->nmi_source[m->nr_nmi_sources++] = (struct acpi_nmi_source){ .flags = get_le16(e + 2),
                                                                   .gsi = get_le32(e + 4) };
    return NULL;
}

static const char *add_lapic_nmi(struct acpi_info *info, uint32_t uid, uint16_t flags, uint8_t lint)
{
    struct acpi_madt *m = &info->madt;

    if (lint > 1)
        return "has an NMI at a local interrupt pin that does not exist";
    if (m->nr_lapic_nmis >= ACPI_MAX_LAPIC_NMIS) {
        info->too_many |= ACPI_MANY_NMIS;
        return "has too many local NMIs";
    }
    m->lapic_nmi[m->nr_lapic_nmis++] = (struct acpi_lapic_nmi){ .uid = uid,
                                                                .flags = flags,
                                                                .lint = lint };
    return NULL;
}

static const char *lapic_nmi(struct acpi_info *info, const uint8_t *e)
{
    return add_lapic_nmi(info, e[2] == 0xff ? ACPI_ALL_CPUS : e[2], get_le16(e + 3), e[5]);
}

static const char *x2apic_nmi(struct acpi_info *info, const uint8_t *e)
{
    return add_lapic_nmi(info, get_le32(e + 4), get_le16(e + 2), e[8]);
}

static const char *lapic_address(struct acpi_info *info, const uint8_t *e)
{
    info->madt.lapic_addr = get_le64(e + 4);
    return NULL;
}

static const struct acpi_entry_row rows[] = {
    [0] = { local_apic, 8 },    [1] = { io_apic, 12 },     [2] = { source_override, 10 },
    [3] = { nmi_source, 8 },    [4] = { lapic_nmi, 6 },    [5] = { lapic_address, 12 },
    [9] = { local_x2apic, 16 }, [10] = { x2apic_nmi, 12 },
};

const char *acpi_parse_madt(struct acpi_info *info, const uint8_t *table, size_t len)
{
    info->madt.lapic_addr = get_le32(table + 36);
    info->madt.has_8259 = get_le32(table + 40) & MADT_PCAT_COMPAT;
    return acpi_parse_entries(info, table, len, MADT_FIRST_ENTRY, rows,
                              sizeof(rows) / sizeof(rows[0]));
}
