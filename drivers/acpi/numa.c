/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which memory and which processors are near each other: ACPI specification, "System Resource
 * Affinity Table (SRAT)" and "System Locality Information Table (SLIT)".
 */
#include "priv.h"

#include <lib/string.h>

#define SRAT_FIRST_ENTRY 48
#define SLIT_FIRST_DISTANCE 44
#define SLIT_LOCAL 10

#define AFFINITY_ENABLED 1u
#define MEMORY_HOTPLUG 2u
#define MEMORY_NONVOLATILE 4u

static const char *add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t domain)
{
    struct acpi_srat *s = &info->srat;

    if (s->nr_cpus >= ACPI_MAX_CPUS) {
        info->too_many |= ACPI_MANY_CPU_AFFINITY;
        return "lists too many processors";
    }
    s->cpu[s->nr_cpus++] = (struct acpi_cpu_affinity){ .apic_id = apic_id, .domain = domain };
    return NULL;
}

/*
 * Revision 1 knows 8 bits of domain and says nothing about the bytes where revision 2 has the
 * others.
 */
static const char *apic_affinity_v1(struct acpi_info *info, const uint8_t *e)
{
    return get_le32(e + 4) & AFFINITY_ENABLED ? add_cpu(info, e[3], e[2]) : NULL;
}

static const char *apic_affinity(struct acpi_info *info, const uint8_t *e)
{
    uint32_t domain = e[2] | (uint32_t)e[9] << 8 | (uint32_t)e[10] << 16 | (uint32_t)e[11] << 24;

    return get_le32(e + 4) & AFFINITY_ENABLED ? add_cpu(info, e[3], domain) : NULL;
}

static const char *x2apic_affinity(struct acpi_info *info, const uint8_t *e)
{
    return get_le32(e + 12) & AFFINITY_ENABLED ? add_cpu(info, get_le32(e + 8), get_le32(e + 4))
                                               : NULL;
}

static const char *add_memory(struct acpi_info *info, const uint8_t *e, uint32_t domain)
{
    struct acpi_srat *s = &info->srat;
    uint64_t start = get_le64(e + 8), size = get_le64(e + 16);
    uint32_t flags = get_le32(e + 28);

    if (!(flags & AFFINITY_ENABLED) || !size)
        return NULL;
    if (size > UINT64_MAX - start)
        return "has a memory range that wraps around";
    if (s->nr_mem >= ACPI_MAX_MEM_AFFINITY) {
        info->too_many |= ACPI_MANY_MEM_AFFINITY;
        return "has too many memory ranges";
    }
    s->mem[s->nr_mem++] = (struct acpi_mem_affinity){
        .start = start,
        .size = size,
        .domain = domain,
        .hotplug = flags & MEMORY_HOTPLUG,
        .nonvolatile = flags & MEMORY_NONVOLATILE,
    };
    return NULL;
}

static const char *memory_affinity_v1(struct acpi_info *info, const uint8_t *e)
{
    return add_memory(info, e, e[2]);
}

static const char *memory_affinity(struct acpi_info *info, const uint8_t *e)
{
    return add_memory(info, e, get_le32(e + 2));
}

static const struct acpi_entry_row rows_v1[] = {
    [0] = { apic_affinity_v1, 16 },
    [1] = { memory_affinity_v1, 40 },
};

static const struct acpi_entry_row rows[] = {
    [0] = { apic_affinity, 16 },
    [1] = { memory_affinity, 40 },
    [2] = { x2apic_affinity, 24 },
};

const char *acpi_parse_srat(struct acpi_info *info, const uint8_t *table, size_t len)
{
    if (table[8] < 2)
        return acpi_parse_entries(info, table, len, SRAT_FIRST_ENTRY, rows_v1,
                                  sizeof(rows_v1) / sizeof(rows_v1[0]));
    return acpi_parse_entries(info, table, len, SRAT_FIRST_ENTRY, rows,
                              sizeof(rows) / sizeof(rows[0]));
}

/* A place is 10 from itself, and nothing else is nearer than that. */
static bool distances_ok(const uint8_t *distance, size_t nr)
{
    for (size_t from = 0; from < nr; from++)
        for (size_t to = 0; to < nr; to++) {
            uint8_t d = distance[from * nr + to];

            if (from == to ? d != SLIT_LOCAL : d < SLIT_LOCAL)
                return false;
        }
    return true;
}

/* A matrix that makes no sense is not used at all: its bit in `have` is taken back. */
const char *acpi_parse_slit(struct acpi_info *info, const uint8_t *table, size_t len)
{
    uint64_t nr = get_le64(table + 36);
    const char *wrong = NULL;

    if (nr > ACPI_MAX_LOCALITIES) {
        info->too_many |= ACPI_MANY_LOCALITIES;
        wrong = "has too many localities";
    } else if (!nr || nr * nr > len - SLIT_FIRST_DISTANCE) {
        wrong = "is too short for its localities";
    } else if (!distances_ok(table + SLIT_FIRST_DISTANCE, nr)) {
        wrong = "has impossible distances";
    }
    if (wrong) {
        info->have &= ~(uint32_t)ACPI_HAVE_SLIT;
        return wrong;
    }
    info->slit.nr = (unsigned int)nr;
    memcpy(info->slit.distance, table + SLIT_FIRST_DISTANCE, nr * nr);
    return NULL;
}
