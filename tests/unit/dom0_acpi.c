/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/dom0_acpi.c drivers/acpi/rsdp.c drivers/acpi/walk.c drivers/acpi/fadt.c */
/* links: drivers/acpi/aml.c drivers/acpi/madt.c drivers/acpi/numa.c drivers/acpi/platform.c */
/* links: drivers/acpi/ivrs.c drivers/acpi/dmar.c */
/*
 * The ACPI root and MADT of a PVH dom0, read back by our parser of firmware's tables, which checks
 * lengths and checksums; each is built in an allocation of its size, so that ASan sees more.
 */
#include "check.h"

#include "../../arch/x86/hvm/dom0_priv.h"

#include <hv/errno.h>
#include <lib/bytes.h>

#include <stdlib.h>

#define PA 0x30003000u
#define SIZE 0xd000u
#define FOREIGN 0x7ffe0000u /* where the machine's own tables are: a page each */

static struct acpi_info host, got;
static uint8_t *made;
static size_t made_size;
static uint8_t foreign[16][64];

static void table(const char *signature)
{
    uint8_t *t = foreign[host.nr_tables], sum = 0;
    struct acpi_table *e = &host.table[host.nr_tables];

    memset(t, 0, sizeof(foreign[0]));
    memcpy(t, signature, 4);
    put_le32(t + 4, sizeof(foreign[0]));
    for (unsigned int i = 0; i < sizeof(foreign[0]); i++)
        sum = (uint8_t)(sum + t[i]);
    t[9] = (uint8_t)-sum;
    memcpy(e->signature, signature, 5);
    e->length = sizeof(foreign[0]);
    e->phys = FOREIGN + 0x1000u * host.nr_tables++;
}

/* Two IO-APICs, lines redirected on either. */
static void machine(void)
{
    memset(&host, 0, sizeof(host));
    host.madt.nr_ioapics = 2;
    host.madt.ioapic[0] = (struct acpi_ioapic){ .addr = 0xfec00000, .gsi_base = 0, .id = 5 };
    host.madt.ioapic[1] = (struct acpi_ioapic){ .addr = 0xfec10000, .gsi_base = 24, .id = 6 };
    host.madt.nr_overrides = 3;
    host.madt.override[0] = (struct acpi_override){ .source = 0, .gsi = 2 };
    host.madt.override[1] = (struct acpi_override){ .source = 9, .gsi = 9, .flags = 0xd };
    host.madt.override[2] = (struct acpi_override){ .source = 11, .gsi = 30, .flags = 0xf };
    host.madt.nr_nmi_sources = 2;
    host.madt.nmi_source[0] = (struct acpi_nmi_source){ .flags = 5, .gsi = 23 };
    host.madt.nmi_source[1] = (struct acpi_nmi_source){ .flags = 5, .gsi = 24 };
    table("SSDT");
    table("HPET");
    table("APIC");
    table("MCFG");
    table("IVRS");
    table("SRAT");
    table("WDAT");
}

static const void *map_phys(void *ctx, uint64_t phys, size_t len)
{
    const uint64_t i = (phys - FOREIGN) / 0x1000, at = phys % 0x1000;

    (void)ctx;
    if (phys >= PA && phys - PA + len <= made_size)
        return made + (phys - PA);
    if (phys >= FOREIGN && i < 16 && at + len <= sizeof(foreign[0]))
        return foreign[i] + at;
    return NULL;
}

static int build(size_t size, unsigned int nr_vcpus, unsigned int gsis)
{
    const struct dom0_acpi_input in = { &host, PA, nr_vcpus, gsis };
    int rc;

    free(made);
    made = malloc(size ? size : 1);
    made_size = size;
    rc = dom0_acpi_build(made, size, &in);
    made_size = rc > 0 ? (size_t)rc : 0;
    return rc;
}

static void read_back(void)
{
    const struct acpi_mem mem = { map_phys, NULL };
    const char *why = NULL;

    CHECK(!acpi_walk(&got, &mem, PA, &why));
    CHECK_EQ(got.have & ACPI_HAVE_MADT, ACPI_HAVE_MADT);
    for (unsigned int i = 0; i < got.nr_notes; i++)
        CHECK(memcmp(got.note[i].table, "APIC", 4) && memcmp(got.note[i].table, "XSDT", 4));
}

static bool has(const char *signature)
{
    for (unsigned int i = 0; i < got.nr_tables; i++)
        if (strcmp(got.table[i].signature, signature) == 0)
            return true;
    return false;
}

static void what_is_listed(void)
{
    machine();
    CHECK(build(SIZE, 3, 24) > 0);
    read_back();
    CHECK(has("SSDT") && has("MCFG") && has("WDAT") && has("APIC"));
    CHECK(!has("HPET") && !has("IVRS") && !has("SRAT"));
    CHECK_EQ(got.nr_tables, 4);
    for (unsigned int i = 0; i < got.nr_tables; i++)
        CHECK((got.table[i].phys < FOREIGN) == !strcmp(got.table[i].signature, "APIC"));
}

/* Lines of the first IO-APIC only; no 8259s; ids as vlapics have them. */
static void what_madt_says(void)
{
    machine();
    CHECK(build(SIZE, 3, 24) > 0);
    read_back();
    CHECK_EQ(got.madt.lapic_addr, 0xfee00000);
    CHECK(!got.madt.has_8259);
    CHECK_EQ(got.madt.nr_ioapics, 1);
    CHECK_EQ(got.madt.ioapic[0].addr, 0xfec00000);
    CHECK_EQ(got.madt.ioapic[0].id, 5);
    CHECK_EQ(got.madt.ioapic[0].gsi_base, 0);
    CHECK_EQ(got.madt.nr_overrides, 2);
    CHECK_EQ(got.madt.override[0].gsi, 2);
    CHECK_EQ(got.madt.override[1].flags, 0xd);
    CHECK_EQ(got.madt.nr_nmi_sources, 1);
    CHECK_EQ(got.madt.nmi_source[0].gsi, 23);
    CHECK_EQ(got.madt.nr_cpus, 3);
    for (unsigned int i = 0; i < 3; i++) {
        CHECK_EQ(got.madt.cpu[i].apic_id, 2 * i);
        CHECK_EQ(got.madt.cpu[i].uid, i);
        CHECK(got.madt.cpu[i].enabled && got.madt.cpu[i].x2apic);
    }
}

static void every_size(void)
{
    int need;

    machine();
    need = build(SIZE, 300, 24);
    CHECK(need > 300 * 16 && need < (int)SIZE);
    read_back();
    CHECK_EQ(got.madt.nr_cpus, 300);
    CHECK_EQ(got.madt.cpu[299].apic_id, 598);
    for (int size = 0; size < need; size += size < 200 ? 1 : 37)
        CHECK_EQ(build((size_t)size, 300, 24), -ENOSPC);
    CHECK_EQ(build((size_t)need, 300, 24), need);
    read_back();
}

int main(void)
{
    TEST("tables about devices and AML are passed on, the others are not") what_is_listed();
    TEST("MADT: dom0's vcpus, and the lines of the one IO-APIC") what_madt_says();
    TEST("a buffer that is too small is refused, whatever its size") every_size();
    free(made);
    return check_exit();
}
