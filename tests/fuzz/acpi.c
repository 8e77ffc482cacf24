/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 600000 */
/* links: drivers/acpi/rsdp.c drivers/acpi/walk.c drivers/acpi/fadt.c drivers/acpi/aml.c */
/* links: drivers/acpi/madt.c drivers/acpi/numa.c drivers/acpi/platform.c drivers/acpi/ivrs.c */
/* links: drivers/acpi/dmar.c */
/*
 * ACPI tables from the fuzzer. The first byte chooses between two kinds of input. Odd: the rest is
 * physical memory from 0xe0000 on, root pointer and all. Even: the rest is a list of tables, each {
 * signature number, revision, 16-bit length of the body, body }, around which we put headers,
 * checksums, a root table and its pointer, so that the fuzzer gets past the checksums.
 */
#include <stdlib.h>
#include <string.h>

#include <drivers/acpi.h>
#include <lib/bytes.h>

#define BASE 0xe0000u
#define MEM_BYTES 0x40000u
#define MAX_LISTED 16

static uint8_t mem[MEM_BYTES];
static size_t mem_used;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const void *map(void *ctx, uint64_t phys, size_t len)
{
    if (phys < BASE || phys - BASE > mem_used || len > mem_used - (phys - BASE))
        return NULL;
    return mem + (phys - BASE);
}

static void require(int truth)
{
    if (!truth)
        abort();
}

static void fix_sum(uint8_t *p, size_t len, size_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

/* A table at the end of memory; its address. */
static uint32_t put_table(const char *signature, uint8_t revision, const uint8_t *body, size_t len)
{
    uint8_t *p = mem + mem_used;

    memset(p, 0, 36);
    memcpy(p, signature, 4);
    put_le32(p + 4, (uint32_t)(36 + len));
    p[8] = revision;
    memcpy(p + 36, body, len);
    mem_used += 36 + len;
    return BASE + (uint32_t)(p - mem);
}

/* The FADT cannot guess where the DSDT is: when it says 0, tell it. */
static void point_to_dsdt(uint32_t fadt, uint32_t dsdt)
{
    uint8_t *p = mem + (fadt - BASE);

    if (get_le32(p + 4) >= 44 && !get_le32(p + 40))
        put_le32(p + 40, dsdt);
}

static void build(const uint8_t *data, size_t size)
{
    static const char names[][5] = {
        "FACP", "APIC", "HPET", "MCFG", "SRAT", "SLIT", "SSDT", "DSDT", "IVRS",
        "DMAR"
    };
    uint32_t listed[MAX_LISTED], fadt = 0, dsdt = 0;
    uint8_t root[MAX_LISTED * 4];
    size_t nr = 0;

    memset(mem, 0, 64);
    mem_used = 64;
    while (size >= 4 && nr < MAX_LISTED) {
        uint8_t which = data[0] % 10;
        size_t len = get_le16(data + 2);

        len = len < size - 4 ? len : size - 4;
        if (len + 36 + 64 + sizeof(root) > MEM_BYTES - mem_used)
            break;
        listed[nr] = put_table(names[which], data[1], data + 4, len);
        fadt = which == 0 ? listed[nr] : fadt;
        dsdt = which == 7 ? listed[nr] : dsdt;
        put_le32(root + 4 * nr, listed[nr]);
        nr++;
        data += 4 + len;
        size -= 4 + len;
    }
    if (fadt && dsdt)
        point_to_dsdt(fadt, dsdt);
    for (size_t i = 0; i < nr; i++)
        fix_sum(mem + (listed[i] - BASE), get_le32(mem + (listed[i] - BASE) + 4), 9);

    uint32_t rsdt = put_table("RSDT", 1, root, 4 * nr);

    fix_sum(mem + (rsdt - BASE), 36 + 4 * nr, 9);
    memcpy(mem, "RSD PTR ", 8);
    put_le32(mem + 16, rsdt);
    fix_sum(mem, 20, 8);
}

static void check_dmar(const struct acpi_dmar *d)
{
    require(d->nr_units <= ACPI_MAX_IOMMUS && d->nr_reserved <= ACPI_MAX_DMAR_RESERVED);
    require(d->nr_ats <= ACPI_MAX_IOMMUS && d->nr_near <= ACPI_MAX_IOMMUS);
    require(d->nr_scopes <= ACPI_MAX_DMAR_SCOPES && d->width <= 64);
    for (unsigned int i = 0; i < d->nr_reserved; i++)
        require(d->reserved[i].start < d->reserved[i].end);
    for (unsigned int i = 0; i < d->nr_scopes; i++) {
        const struct acpi_dmar_scope *s = &d->scope[i];
        const unsigned int nr[] = { d->nr_units, d->nr_reserved, d->nr_ats };

        require(s->owner <= ACPI_DMAR_ATS && s->index < nr[s->owner]);
        require(s->depth >= 1 && s->depth <= ACPI_MAX_DMAR_PATH);
        require(s->kind >= ACPI_DMAR_ENDPOINT && s->kind <= ACPI_DMAR_HPET);
    }
}

static void check_info(const struct acpi_info *info)
{
    require(info->nr_tables <= ACPI_MAX_TABLES && info->nr_notes <= ACPI_MAX_NOTES);
    require(info->madt.nr_cpus <= ACPI_MAX_CPUS && info->madt.nr_ioapics <= ACPI_MAX_IOAPICS);
    require(info->madt.nr_overrides <= ACPI_MAX_OVERRIDES &&
            info->madt.nr_lapic_nmis <= ACPI_MAX_LAPIC_NMIS);
    require(info->srat.nr_cpus <= ACPI_MAX_CPUS && info->srat.nr_mem <= ACPI_MAX_MEM_AFFINITY);
    require(info->mcfg.nr <= ACPI_MAX_MCFG && info->slit.nr <= ACPI_MAX_LOCALITIES);
    require(info->ivrs.nr_iommus <= ACPI_MAX_IOMMUS &&
            info->ivrs.nr_ranges <= ACPI_MAX_IVRS_RANGES &&
            info->ivrs.nr_special <= ACPI_MAX_IVRS_SPECIAL &&
            info->ivrs.nr_unity <= ACPI_MAX_IVRS_UNITY);
    for (unsigned int i = 0; i < info->ivrs.nr_ranges; i++)
        require(info->ivrs.range[i].iommu < info->ivrs.nr_iommus &&
                info->ivrs.range[i].first <= info->ivrs.range[i].last);
    check_dmar(&info->dmar);
    require(info->s5.type_a <= 7 && info->s5.type_b <= 7);
    for (unsigned int i = 0; i < info->madt.nr_cpus; i++)
        for (unsigned int j = 0; j < i; j++)
            require(info->madt.cpu[i].apic_id != info->madt.cpu[j].apic_id);
    for (unsigned int i = 0; i < info->srat.nr_mem; i++)
        require(info->srat.mem[i].start + info->srat.mem[i].size > info->srat.mem[i].start);
    for (unsigned int i = 0; i < info->mcfg.nr; i++)
        require(info->mcfg.region[i].start_bus <= info->mcfg.region[i].end_bus);
    if (info->have & ACPI_HAVE_SLIT)
        require(info->slit.nr && info->slit.distance[0] == 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct acpi_mem access_mem = { map, NULL };
    static struct acpi_info info;
    const char *why = NULL;
    int rc;

    if (size < 1 || size > 0x20000)
        return 0;
    if (data[0] & 1) {
        mem_used = size - 1;
        memcpy(mem, data + 1, mem_used);
    } else {
        build(data + 1, size - 1);
    }
    rc = acpi_walk(&info, &access_mem, BASE, &why);
    require((rc == 0) == (why == NULL));
    if (!rc)
        check_info(&info);
    return 0;
}
