/* SPDX-License-Identifier: GPL-2.0-only */
/* links: drivers/acpi/rsdp.c drivers/acpi/walk.c drivers/acpi/fadt.c drivers/acpi/aml.c */
/* links: drivers/acpi/madt.c drivers/acpi/numa.c drivers/acpi/platform.c drivers/acpi/ivrs.c */
/* links: drivers/acpi/dmar.c */
/*
 * ACPI tables built in a small model of physical memory, walked, then broken one way at a time. The
 * model hands out exactly the bytes that were asked for, in a fresh allocation that dies at the
 * next mapping, so that ASan sees every read too far and every use of an old mapping.
 */
#include <drivers/acpi.h>

#include <stdlib.h>

#include <hv/errno.h>
#include <lib/bytes.h>

#include "check.h"

#define MEM_BASE 0xe0000u
#define MEM_BYTES 0x40000u

static uint8_t mem[MEM_BYTES];
static uint8_t bda[2];
static uint8_t ebda[1024];
static uint32_t mem_used;
static void *last_mapping;
static unsigned int nr_mappings;

static const uint8_t *locate(uint64_t phys, size_t len)
{
    if (phys == 0x40e && len <= sizeof(bda))
        return bda;
    if (phys >= 0x9fc00 && phys < 0xa0000 && len <= 0xa0000 - phys)
        return ebda + (phys - 0x9fc00);
    if (phys >= MEM_BASE && phys - MEM_BASE <= MEM_BYTES && len <= MEM_BYTES - (phys - MEM_BASE))
        return mem + (phys - MEM_BASE);
    return NULL;
}

static const void *map(void *ctx, uint64_t phys, size_t len)
{
    const uint8_t *p = locate(phys, len);

    nr_mappings++;
    free(last_mapping);
    last_mapping = NULL;
    if (p) {
        last_mapping = malloc(len);
        memcpy(last_mapping, p, len);
    }
    return last_mapping;
}

static const struct acpi_mem access_mem = { map, NULL };
static struct acpi_info info;
static const char *why;

/* ---- building ---- */

#define MAX_TABLES 300
static uint32_t tables[MAX_TABLES];
static unsigned int nr_tables;

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void fix_sum(uint8_t *p, size_t len, size_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

static uint8_t *at(uint32_t phys)
{
    return mem + (phys - MEM_BASE);
}

static void begin(void)
{
    memset(mem, 0, sizeof(mem));
    memset(bda, 0, sizeof(bda));
    memset(ebda, 0, sizeof(ebda));
    mem_used = 0x20000; /* the tables stand above the searched area */
    nr_tables = 0;
}

/* A table with a header, len bytes altogether, not listed anywhere. */
static uint32_t new_table(const char *signature, uint8_t revision, uint32_t len)
{
    uint32_t phys = MEM_BASE + mem_used;
    uint8_t *p = at(phys);

    memcpy(p, signature, 4);
    put_le32(p + 4, len);
    p[8] = revision;
    mem_used += (len + 15) & ~15u;
    return phys;
}

static uint8_t *add_table(const char *signature, uint8_t revision, uint32_t len)
{
    tables[nr_tables] = new_table(signature, revision, len);
    return at(tables[nr_tables++]);
}

static void seal(uint32_t phys)
{
    fix_sum(at(phys), get_le32(at(phys) + 4), 9);
}

static uint32_t make_root(bool xsdt)
{
    uint32_t step = xsdt ? 8 : 4,
             root = new_table(xsdt ? "XSDT" : "RSDT", 1, 36 + nr_tables * step);

    for (unsigned int i = 0; i < nr_tables; i++) {
        seal(tables[i]);
        put_le32(at(root) + 36 + i * step, tables[i]);
    }
    seal(root);
    return root;
}

static void make_rsdp(uint8_t *p, uint32_t rsdt, uint32_t xsdt)
{
    memcpy(p, "RSD PTR ", 8);
    put_le32(p + 16, rsdt);
    if (xsdt) {
        p[15] = 2;
        put_le32(p + 20, 36);
        put_le64(p + 24, xsdt);
    }
    fix_sum(p, 20, 8);
    if (xsdt)
        fix_sum(p, 36, 32);
}

/* Finish with an XSDT and a root pointer in the BIOS area, and walk. */
static int walk_as_is(void)
{
    why = NULL;
    return acpi_walk(&info, &access_mem, 0, &why);
}

static int walk(void)
{
    make_rsdp(mem + 0x4560, 0, make_root(true));
    return walk_as_is();
}

static bool noted(const char *table, const char *what)
{
    for (unsigned int i = 0; i < info.nr_notes; i++)
        if (!strcmp(info.note[i].table, table) && strstr(info.note[i].what, what))
            return true;
    return false;
}

static void put_gas(uint8_t *p, uint8_t space, uint8_t width, uint64_t addr)
{
    p[0] = space;
    p[1] = width;
    put_le64(p + 4, addr);
}

static uint32_t add_dsdt(const uint8_t *aml, size_t len)
{
    uint32_t dsdt = new_table("DSDT", 2, (uint32_t)(36 + len));

    memcpy(at(dsdt) + 36, aml, len);
    seal(dsdt);
    return dsdt;
}

static const uint8_t aml_s5[] = { 0x10, 0x20, 0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04,
                                  0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00 };

/* An ACPI 1.0 FADT as QEMU's pc machine has it. */
static uint8_t *add_fadt(uint8_t revision, uint32_t len, uint32_t dsdt)
{
    uint8_t *t = add_table("FACP", revision, len);

    put_le32(t + 36, 0x7fe0000);
    put_le32(t + 40, dsdt);
    put16(t + 46, 9);
    put_le32(t + 48, 0xb2);
    t[52] = 0xf1;
    t[53] = 0xf0;
    put_le32(t + 56, 0x600);
    put_le32(t + 64, 0x604);
    put_le32(t + 76, 0x608);
    put_le32(t + 80, 0xafe0);
    memcpy(t + 88, "\x04\x02\x00\x04\x04", 5);
    put_le32(t + 112, 0x84a5);
    return t;
}

/* The next entry of a MADT or SRAT being built. */
static uint8_t *entry(uint8_t **next, uint8_t type, uint8_t len)
{
    uint8_t *e = *next;

    e[0] = type;
    e[1] = len;
    *next += len;
    return e;
}

static void madt_cpu(uint8_t **next, uint8_t id, uint8_t uid, uint32_t flags)
{
    uint8_t *e = entry(next, 0, 8);

    e[2] = uid;
    e[3] = id;
    put_le32(e + 4, flags);
}

static void madt_x2apic(uint8_t **next, uint32_t id, uint32_t uid, uint32_t flags)
{
    uint8_t *e = entry(next, 9, 16);

    put_le32(e + 4, id);
    put_le32(e + 8, flags);
    put_le32(e + 12, uid);
}

/* Set the length of a table that was built with room to spare to what was used. */
static void end_entries(uint8_t *table, const uint8_t *next)
{
    put_le32(table + 4, (uint32_t)(next - table));
}

static uint8_t *begin_madt(uint8_t **next)
{
    uint8_t *t = add_table("APIC", 3, 0x8000);

    put_le32(t + 36, 0xfee00000);
    put_le32(t + 40, 1);
    *next = t + 44;
    return t;
}

/* ---- cases ---- */

static void rsdp_tests(void)
{
    uint64_t phys = 0;

    TEST("root pointer: in the BIOS area, at a multiple of 16 only") {
        begin();
        CHECK_EQ(acpi_find_rsdp(&access_mem, &phys), -ENOENT);
        make_rsdp(mem + 0x1238, 0x1000, 0);
        CHECK_EQ(acpi_find_rsdp(&access_mem, &phys), -ENOENT);
        make_rsdp(mem + 0x1ffe0, 0x1000, 0);
        CHECK_EQ(acpi_find_rsdp(&access_mem, &phys), 0);
        CHECK_EQ(phys, MEM_BASE + 0x1ffe0);
    }
    TEST("root pointer: the EBDA comes first; a wrong checksum is passed over") {
        put16(bda, 0x9fc0);
        make_rsdp(ebda + 0x3e0, 0x1000, 0);
        CHECK_EQ(acpi_find_rsdp(&access_mem, &phys), 0);
        CHECK_EQ(phys, 0x9fc00 + 0x3e0);
        ebda[0x3e0 + 10]++;
        CHECK_EQ(acpi_find_rsdp(&access_mem, &phys), 0);
        CHECK_EQ(phys, MEM_BASE + 0x1ffe0);
        put16(bda, 0xffff);
        CHECK_EQ(acpi_find_rsdp(&access_mem, &phys), 0);
    }
    TEST("root pointer: none, broken, unreadable") {
        begin();
        CHECK_EQ(walk_as_is(), -ENOENT);
        CHECK_STR(why, "there is no ACPI root pointer");
        CHECK_EQ(acpi_walk(&info, &access_mem, 0x12345678, &why), -EFAULT);
        CHECK_STR(why, "the ACPI root pointer is broken");
        make_rsdp(mem, 0, MEM_BASE + 0x100);
        mem[33]++; /* only the second checksum covers it */
        CHECK_EQ(walk_as_is(), -EINVAL);
        CHECK_STR(why, "the ACPI root pointer is broken");
        put_le32(mem + 20, 35);
        CHECK_EQ(walk_as_is(), -EINVAL);
        put_le32(mem + 20, 0x80000000);
        CHECK_EQ(walk_as_is(), -EINVAL);
        make_rsdp(mem, 0, 0);
        mem[15] = 0;
        fix_sum(mem, 20, 8);
        CHECK_EQ(walk_as_is(), -EINVAL);
        CHECK_STR(why, "the ACPI root table is not usable");
    }
    TEST("root pointer: a loader's copy, of 20 and of 36 bytes") {
        uint8_t copy[36] = { 0 };

        begin();
        add_table("HPET", 1, 56);
        make_rsdp(copy, 0, make_root(true));
        CHECK_EQ(acpi_walk_copy(&info, &access_mem, copy, 36, &why), 0);
        CHECK(info.root_is_xsdt && info.nr_tables == 1);
        CHECK_EQ(acpi_walk_copy(&info, &access_mem, copy, 19, &why), -EINVAL);
        copy[35]++;
        CHECK_EQ(acpi_walk_copy(&info, &access_mem, copy, 36, &why), -EINVAL);
        memset(copy, 0, sizeof(copy));
        make_rsdp(copy, make_root(false), 0);
        CHECK_EQ(acpi_walk_copy(&info, &access_mem, copy, 20, &why), 0);
        CHECK(!info.root_is_xsdt && info.nr_tables == 1);
    }
}

static void root_tests(void)
{
    TEST("root: a broken XSDT falls back to the RSDT, with a note") {
        uint32_t rsdt, xsdt;

        begin();
        add_table("ABCD", 1, 36);
        rsdt = make_root(false);
        xsdt = make_root(true);
        at(xsdt)[10]++;
        make_rsdp(mem, rsdt, xsdt);
        CHECK_EQ(walk_as_is(), 0);
        CHECK(!info.root_is_xsdt && info.root == rsdt);
        CHECK(noted("XSDT", "checksum"));
        at(rsdt)[0] = 'X';
        CHECK_EQ(walk_as_is(), -EINVAL);
        CHECK(noted("RSDT", "signature"));
    }
    TEST("root: tables at impossible places or of impossible lengths are noted, the rest is used") {
        begin();
        add_table("AAAA", 1, 36);
        add_table("BBBB", 1, 36);
        tables[nr_tables++] = MEM_BASE + MEM_BYTES - 8;
        put_le32(add_table("CCCC", 1, 36) + 4, 35);
        put_le32(add_table("DDDD", 1, 36) + 4, 0xffffffff);
        put_le32(add_table("HPET", 1, 56) + 4, MEM_BYTES);
        uint32_t root = new_table("XSDT", 1, 36 + 6 * 8 + 3); /* a torn last entry */

        for (unsigned int i = 0; i < 6; i++)
            put_le32(at(root) + 36 + 8 * i, tables[i]);
        seal(root);
        make_rsdp(mem, 0, root);
        CHECK_EQ(walk_as_is(), 0);
        CHECK_EQ(info.nr_tables, 3);
        CHECK(noted("????", "readable"));
        CHECK(noted("CCCC", "length"));
        CHECK(noted("DDDD", "length"));
        CHECK(noted("HPET", "readable"));
        CHECK(!(info.have & ACPI_HAVE_HPET));
    }
    TEST("root: too many tables and too many notes are told") {
        begin();
        for (unsigned int i = 0; i < 290; i++)
            add_table("SSDT", 1, 36);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.nr_tables, ACPI_MAX_TABLES);
        CHECK(info.too_many & ACPI_MANY_TABLES);
        begin();
        for (unsigned int i = 0; i < 40; i++)
            add_table("HPET", 1, 40);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.nr_notes, ACPI_MAX_NOTES);
        CHECK(info.too_many & ACPI_MANY_NOTES);
    }
    TEST("root: an endless one is left after a bounded number of entries") {
        begin();
        uint32_t root = new_table("RSDT", 1, 0x1f000);

        seal(root);
        make_rsdp(mem, root, 0);
        nr_mappings = 0;
        CHECK_EQ(walk_as_is(), 0);
        CHECK(info.too_many & ACPI_MANY_TABLES);
        CHECK(nr_mappings < 5000);
    }
    TEST("tables: found by name and number, mapped whole and checked") {
        begin();
        add_table("SSDT", 1, 40);
        add_table("HPET", 1, 56);
        add_table("SSDT", 2, 44);
        CHECK_EQ(walk(), 0);
        const struct acpi_table *t = acpi_find_table(&info, "SSDT", 1);

        if (!CHECK(t && t->revision == 2 && t->length == 44))
            break;
        CHECK(acpi_map_table(&access_mem, t) != NULL);
        at((uint32_t)t->phys)[40]++;
        CHECK(acpi_map_table(&access_mem, t) == NULL);
        CHECK(acpi_find_table(&info, "SSDT", 2) == NULL);
    }
    TEST("tables: wrong checksum, too short, twice") {
        static const char *const names[] = { "FACP", "APIC", "HPET", "MCFG", "SRAT", "SLIT" };

        for (unsigned int i = 0; i < 6; i++) {
            begin();
            add_table(names[i], 1, 300);
            uint32_t root = make_root(true);

            make_rsdp(mem, 0, root);
            at(tables[0])[20]++;
            CHECK_EQ(walk_as_is(), 0);
            CHECK(noted(names[i], "checksum"));
            CHECK_EQ(info.have, 0);
            begin();
            add_table(names[i], 1, 43);
            CHECK_EQ(walk(), 0);
            CHECK(noted(names[i], "too short"));
            CHECK_EQ(info.have, 0);
        }
        begin();
        add_fadt(1, 116, 0);
        add_fadt(1, 116, 0);
        CHECK_EQ(walk(), 0);
        CHECK(noted("FACP", "twice"));
        CHECK(info.have & ACPI_HAVE_FADT);
    }
}

static void fadt_tests(void)
{
    TEST("FADT: ACPI 1.0") {
        begin();
        add_fadt(1, 116, add_dsdt(aml_s5, sizeof(aml_s5)));
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.have, ACPI_HAVE_FADT | ACPI_HAVE_S5);
        CHECK_EQ(info.fadt.sci_irq, 9);
        CHECK(info.fadt.smi_cmd == 0xb2 && info.fadt.acpi_enable == 0xf1 &&
              info.fadt.acpi_disable == 0xf0);
        CHECK(info.fadt.pm1a_event.addr == 0x600 && info.fadt.pm1a_event.space == ACPI_SPACE_IO);
        CHECK(info.fadt.pm1a_event.width == 32 && info.fadt.pm1a_control.width == 16);
        CHECK_EQ(info.fadt.pm1a_control.addr, 0x604);
        CHECK_EQ(info.fadt.pm1b_control.addr, 0);
        CHECK_EQ(info.fadt.pm_timer.addr, 0x608);
        CHECK_EQ(info.fadt.gpe0.addr, 0xafe0);
        CHECK_EQ(info.fadt.facs, 0x7fe0000);
        CHECK_EQ(info.fadt.flags & ACPI_FADT_TMR_VAL_EXT, 0);
        CHECK_EQ(info.fadt.reset.addr, 0);
        CHECK(info.s5.type_a == 5 && info.s5.type_b == 6);
    }
    TEST("FADT: later fields win where they make sense, reset register") {
        begin();
        uint8_t *t = add_fadt(6, 276, 0);
        put_le32(t + 112, ACPI_FADT_RESET_SUP);
        put_gas(t + 116, ACPI_SPACE_IO, 8, 0xcf9);
        t[128] = 0x0f;
        put_le64(t + 140, add_dsdt(aml_s5, sizeof(aml_s5)));
        put_gas(t + 172, ACPI_SPACE_IO, 16, 0x1804);
        put_gas(t + 208, ACPI_SPACE_IO, 32, 0x10000); /* no such port */
        put_gas(t + 148, 0x7f, 32, 0x1800);           /* no such space */
        put_gas(t + 244, ACPI_SPACE_MEMORY, 8, 0xfed00000);
        CHECK_EQ(walk(), 0);
        CHECK(info.have & ACPI_HAVE_S5);
        CHECK_EQ(info.fadt.pm1a_control.addr, 0x1804);
        CHECK_EQ(info.fadt.pm_timer.addr, 0x608);
        CHECK_EQ(info.fadt.pm1a_event.addr, 0x600);
        CHECK(info.fadt.reset.addr == 0xcf9 && info.fadt.reset_value == 0x0f);
        CHECK_EQ(info.fadt.sleep_control.addr, 0xfed00000);
    }
    TEST("FADT: hardware-reduced machines have no PM blocks; a PM timer of another size is none") {
        begin();
        put_le32(add_fadt(5, 268, 0) + 112, ACPI_FADT_HW_REDUCED);
        CHECK_EQ(walk(), 0);
        CHECK(!info.fadt.pm_timer.addr && !info.fadt.pm1a_control.addr);
        begin();
        add_fadt(1, 116, 0)[91] = 3;
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.fadt.pm_timer.addr, 0);
        CHECK(noted("DSDT", "readable"));
    }
}

static bool s5_from(const uint8_t *aml, size_t len)
{
    begin();
    add_fadt(1, 116, add_dsdt(aml, len));
    CHECK_EQ(walk(), 0);
    return info.have & ACPI_HAVE_S5;
}

#define S5(...) s5_from((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void s5_tests(void)
{
    TEST("S5: all the encodings") {
        CHECK(S5(0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x01, 0x00, 0x00));
        CHECK(info.s5.type_a == 0 && info.s5.type_b == 1);
        CHECK(S5(0x08, '\\', '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 0x07, 0x0a, 0x07));
        CHECK(info.s5.type_a == 7 && info.s5.type_b == 7);
        CHECK(S5(0x08, '_', 'S', '5', '_', 0x12, 0x40, 0x01, 0x02, 0x0b, 5, 0, 0x0c, 6, 0, 0, 0, 0,
                 0, 0, 0, 0, 0, 0));
        CHECK(info.s5.type_a == 5 && info.s5.type_b == 6);
    }
    TEST("S5: a mention is passed over, the definition after it is found") {
        CHECK(S5(0x70, '_', 'S', '5', '_', 0x12, 0x08, '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01,
                 0x01));
        CHECK(info.s5.type_a == 1);
    }
    TEST("S5: what cannot be right is not believed") {
        CHECK(!S5('_', 'S', '5', '_'));
        CHECK(!S5(0x08, '_', 'S', '5', '_'));
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12));
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x40));
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x00, 0x02, 0x01, 0x01));
        /* longer than the block */
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x02, 0x01, 0x01));
        /* second value outside */
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x03, 0x02, 0x01, 0x01));
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x04, 0x01, 0x01, 0x01));       /* one element */
        /* more than 3 bits */
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x02, 0x0a, 0x08, 0x00));
        CHECK(!S5(0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x02, 0x0d, 0x01, 0x00)); /* a string */
        CHECK(!S5(0x11, '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x01));
    }
    TEST("S5: in an SSDT when the DSDT has none") {
        begin();
        add_fadt(1, 116, add_dsdt((const uint8_t *)"nothing", 7));
        memcpy(add_table("SSDT", 1, 36 + sizeof(aml_s5)) + 36, aml_s5, sizeof(aml_s5));
        CHECK_EQ(walk(), 0);
        CHECK(info.have & ACPI_HAVE_S5);
        CHECK_EQ(info.s5.type_a, 5);
    }
    TEST("S5: a broken DSDT is noted") {
        begin();
        uint32_t dsdt = add_dsdt(aml_s5, sizeof(aml_s5));
        add_fadt(1, 116, dsdt);
        at(dsdt)[20]++;
        CHECK_EQ(walk(), 0);
        CHECK(noted("DSDT", "checksum") && !(info.have & ACPI_HAVE_S5));
        at(dsdt)[0] = 'X';
        CHECK_EQ(walk(), 0);
        CHECK(noted("DSDT", "signature"));
    }
}

static void madt_tests(void)
{
    uint8_t *t, *next, *e;

    TEST("MADT: every kind of entry") {
        begin();
        t = begin_madt(&next);
        madt_cpu(&next, 0, 10, 1);
        madt_cpu(&next, 1, 11, 0);    /* neither enabled nor capable */
        madt_cpu(&next, 2, 12, 2);    /* may be plugged in */
        madt_cpu(&next, 0xff, 13, 1); /* broadcast */
        madt_x2apic(&next, 0x100, 14, 1);
        madt_x2apic(&next, 0, 10, 1); /* again */
        madt_x2apic(&next, UINT32_MAX, 15, 1);
        e = entry(&next, 1, 12);
        e[2] = 7;
        put_le32(e + 4, 0xfec00000);
        put_le32(e + 8, 24);
        e = entry(&next, 2, 10);
        put_le32(e + 4, 2);
        e = entry(&next, 2, 10);
        e[3] = 9;
        put_le32(e + 4, 9);
        put16(e + 8, 0xd);
        e = entry(&next, 3, 8);
        put16(e + 2, 5);
        put_le32(e + 4, 33);
        e = entry(&next, 4, 6);
        e[2] = 0xff;
        e[5] = 1;
        e = entry(&next, 10, 12);
        put_le32(e + 4, 14);
        e[8] = 0;
        e = entry(&next, 5, 12);
        put_le64(e + 4, 0x1fee00000);
        entry(&next, 0x80, 20); /* somebody's own */
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.have, ACPI_HAVE_MADT);
        CHECK_EQ(info.nr_notes, 0);
        CHECK(info.madt.has_8259 && info.madt.lapic_addr == 0x1fee00000);
        CHECK_EQ(info.madt.nr_cpus, 3);
        CHECK(info.madt.cpu[0].apic_id == 0 && info.madt.cpu[0].uid == 10 &&
              info.madt.cpu[0].enabled);
        CHECK(info.madt.cpu[1].apic_id == 2 && !info.madt.cpu[1].enabled &&
              info.madt.cpu[1].online_capable);
        CHECK(info.madt.cpu[2].apic_id == 0x100 && info.madt.cpu[2].x2apic);
        CHECK_EQ(info.madt.nr_ioapics, 1);
        CHECK(info.madt.ioapic[0].id == 7 && info.madt.ioapic[0].gsi_base == 24);
        CHECK_EQ(info.madt.nr_overrides, 2);
        CHECK(info.madt.override[0].source == 0 && info.madt.override[0].gsi == 2);
        CHECK(info.madt.override[1].source == 9 && info.madt.override[1].flags == 0xd);
        CHECK(info.madt.nr_nmi_sources == 1 && info.madt.nmi_source[0].gsi == 33);
        CHECK(info.madt.nr_lapic_nmis == 2 && info.madt.lapic_nmi[0].uid == ACPI_ALL_CPUS);
        CHECK(info.madt.lapic_nmi[0].lint == 1 && info.madt.lapic_nmi[1].uid == 14);
    }
    TEST("MADT: an entry without length, one that is cut off, one that is too short; what was "
         "before stays")
    {
        static const struct {
            uint8_t type, len, room;
            const char *note;
        } bad[] = { { 0, 0, 8, "without length" }, { 0, 1, 8, "without length" },
                    { 0, 9, 8, "truncated" }, { 0, 8, 1, "truncated" },
                    { 1, 8, 8, "too short" },      { 9, 15, 15, "too short" } };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            begin();
            t = begin_madt(&next);
            madt_cpu(&next, 3, 3, 1);
            next[0] = bad[i].type;
            next[1] = bad[i].len;
            end_entries(t, next + bad[i].room);
            CHECK_EQ(walk(), 0);
            CHECK(noted("APIC", bad[i].note));
            CHECK(info.madt.nr_cpus == 1 && (info.have & ACPI_HAVE_MADT));
        }
    }
    TEST("MADT: values that cannot be") {
        begin();
        t = begin_madt(&next);
        entry(&next, 1, 12); /* I/O APIC at 0 */
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK(info.madt.nr_ioapics == 0 && noted("APIC", "without address"));
        begin();
        t = begin_madt(&next);
        entry(&next, 2, 10)[3] = 16;
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK(info.madt.nr_overrides == 0 && noted("APIC", "not an ISA one"));
        begin();
        t = begin_madt(&next);
        entry(&next, 4, 6)[5] = 2;
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK(info.madt.nr_lapic_nmis == 0 && noted("APIC", "does not exist"));
    }
    TEST("MADT: too many of everything is told and cut") {
        begin();
        t = begin_madt(&next);
        for (uint32_t i = 0; i < ACPI_MAX_CPUS + 1; i++)
            madt_x2apic(&next, i + 1000, i, 1);
        for (unsigned int i = 0; i < ACPI_MAX_IOAPICS + 1; i++)
            put_le32(entry(&next, 1, 12) + 4, 0xfec00000 + i * 0x1000);
        for (unsigned int i = 0; i < ACPI_MAX_OVERRIDES + 1; i++)
            entry(&next, 2, 10);
        for (unsigned int i = 0; i < ACPI_MAX_LAPIC_NMIS + 1; i++)
            entry(&next, 4, 6);
        for (unsigned int i = 0; i < ACPI_MAX_NMI_SOURCES + 1; i++)
            entry(&next, 3, 8);
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.too_many,
                 ACPI_MANY_CPUS | ACPI_MANY_IOAPICS | ACPI_MANY_OVERRIDES | ACPI_MANY_NMIS);
        CHECK_EQ(info.madt.nr_cpus, ACPI_MAX_CPUS);
        CHECK_EQ(info.madt.nr_ioapics, ACPI_MAX_IOAPICS);
        CHECK_EQ(info.madt.nr_overrides, ACPI_MAX_OVERRIDES);
        CHECK_EQ(info.madt.nr_lapic_nmis, ACPI_MAX_LAPIC_NMIS);
        CHECK_EQ(info.madt.nr_nmi_sources, ACPI_MAX_NMI_SOURCES);
    }
}

static void platform_tests(void)
{
    uint8_t *t;

    TEST("HPET: in memory or not at all") {
        begin();
        t = add_table("HPET", 1, 56);
        put_le32(t + 36, 0x8086a201);
        put_gas(t + 40, ACPI_SPACE_MEMORY, 64, 0xfed00000);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.have, ACPI_HAVE_HPET);
        CHECK(info.hpet.base.addr == 0xfed00000 && info.hpet.block_id == 0x8086a201);
        t[40] = ACPI_SPACE_IO;
        seal(tables[0]);
        CHECK_EQ(walk_as_is(), 0);
        CHECK(!info.have && noted("HPET", "no memory address"));
    }
    TEST("MCFG: regions, bad regions, a torn entry") {
        begin();
        t = add_table("MCFG", 1, 44 + 16 * 3 + 15);
        put_le64(t + 44, 0xb0000000);
        t[55] = 0xff;
        put_le64(t + 60, 0xc0000000);
        put16(t + 68, 1);
        t[70] = 2;
        t[71] = 1; /* ends before it starts */
        put_le64(t + 76, 0xc0000001);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.have, ACPI_HAVE_MCFG);
        CHECK(info.mcfg.nr == 1 && info.mcfg.region[0].base == 0xb0000000 &&
              info.mcfg.region[0].end_bus == 0xff);
        CHECK(noted("MCFG", "truncated"));
        begin();
        t = add_table("MCFG", 1, 44 + 16 * (ACPI_MAX_MCFG + 1));
        for (unsigned int i = 0; i <= ACPI_MAX_MCFG; i++)
            put_le64(t + 44 + 16 * i, 0xb0000000);
        CHECK_EQ(walk(), 0);
        CHECK(info.mcfg.nr == ACPI_MAX_MCFG && (info.too_many & ACPI_MANY_MCFG));
    }
}

static void srat_memory(uint8_t **next, uint32_t domain, uint64_t start, uint64_t size,
                        uint32_t flags)
{
    uint8_t *e = entry(next, 1, 40);

    put_le32(e + 2, domain);
    put_le64(e + 8, start);
    put_le64(e + 16, size);
    put_le32(e + 28, flags);
}

static void numa_tests(void)
{
    uint8_t *t, *next, *e;

    TEST("SRAT: memory, APIC and x2APIC affinity; what is not enabled is left out") {
        begin();
        t = add_table("SRAT", 3, 0x1000);
        next = t + 48;
        e = entry(&next, 0, 16);
        memcpy(e + 2, "\x01\x05\x01\x00\x00\x00\x00\x02\x00\x00", 10);
        entry(&next, 0, 16);
        e = entry(&next, 2, 24);
        put_le32(e + 4, 3);
        put_le32(e + 8, 0x200);
        put_le32(e + 12, 1);
        srat_memory(&next, 0, 0, 0xa0000, 1);
        srat_memory(&next, 0x101, 0x100000, 0x7ff00000, 3);
        srat_memory(&next, 1, 0x100000000, 0x1000, 0);
        srat_memory(&next, 1, 0x100000000, 0, 1);
        srat_memory(&next, 1, UINT64_MAX - 5, 6, 1);
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.have, ACPI_HAVE_SRAT);
        CHECK_EQ(info.srat.nr_cpus, 2);
        CHECK(info.srat.cpu[0].apic_id == 5 && info.srat.cpu[0].domain == 0x201);
        CHECK(info.srat.cpu[1].apic_id == 0x200 && info.srat.cpu[1].domain == 3);
        CHECK_EQ(info.srat.nr_mem, 2);
        CHECK(info.srat.mem[1].domain == 0x101 && info.srat.mem[1].hotplug &&
              !info.srat.mem[1].nonvolatile);
        CHECK(noted("SRAT", "wraps around"));
        t[8] = 1; /* revision 1: 8-bit domains */
        seal(tables[0]);
        CHECK_EQ(walk_as_is(), 0);
        CHECK(info.srat.nr_cpus == 1 && info.srat.cpu[0].domain == 1);
        CHECK_EQ(info.srat.mem[1].domain, 1);
    }
    TEST("SRAT: too many") {
        begin();
        t = add_table("SRAT", 3, 0x18000);
        next = t + 48;
        for (unsigned int i = 0; i <= ACPI_MAX_MEM_AFFINITY; i++)
            srat_memory(&next, 0, i * 0x1000, 0x1000, 1);
        for (unsigned int i = 0; i <= ACPI_MAX_CPUS; i++)
            put_le32(entry(&next, 2, 24) + 12, 1);
        end_entries(t, next);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.too_many, ACPI_MANY_MEM_AFFINITY | ACPI_MANY_CPU_AFFINITY);
        CHECK(info.srat.nr_mem == ACPI_MAX_MEM_AFFINITY && info.srat.nr_cpus == ACPI_MAX_CPUS);
    }
    TEST("SLIT: distances, and matrices that make no sense") {
        begin();
        t = add_table("SLIT", 1, 48);
        put_le64(t + 36, 2);
        memcpy(t + 44, "\x0a\x14\x15\x0a", 4);
        CHECK_EQ(walk(), 0);
        CHECK_EQ(info.have, ACPI_HAVE_SLIT);
        CHECK(info.slit.nr == 2 && info.slit.distance[1] == 20 && info.slit.distance[2] == 21);

        static const struct {
            uint64_t nr;
            uint8_t first, second;
            const char *note;
        } bad[] = { { 2, 11, 20, "impossible" },        { 2, 10, 9, "impossible" },
                    { 3, 10, 20, "too short" },         { 0, 10, 20, "too short" },
                    { 65, 10, 20, "too many" },         { UINT64_MAX, 10, 20, "too many" } };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            put_le64(t + 36, bad[i].nr);
            t[44] = bad[i].first;
            t[45] = bad[i].second;
            seal(tables[0]);
            CHECK_EQ(walk_as_is(), 0);
            CHECK(!info.have && noted("SLIT", bad[i].note));
        }
    }
}

/*
 * Every bit of every table flipped, with the checksum mended: no read out of bounds, no crash,
 * counts within capacity.
 */
static void damage_tests(void)
{
    TEST("any flipped bit leaves a sound result") {
        uint8_t *t, *next;

        begin();
        t = begin_madt(&next);
        madt_cpu(&next, 0, 0, 1);
        madt_x2apic(&next, 1, 1, 1);
        entry(&next, 1, 12);
        entry(&next, 5, 12);
        end_entries(t, next);
        mem_used -= 0x8000 - 0x80;
        add_fadt(6, 276, add_dsdt(aml_s5, sizeof(aml_s5)));
        put_le64(add_table("SLIT", 1, 48) + 36, 2);
        next = add_table("SRAT", 3, 48 + 40 + 24) + 48;
        srat_memory(&next, 0, 0, 0x1000, 1);
        entry(&next, 2, 24);
        put_le64(add_table("MCFG", 1, 60) + 44, 0xb0000000);
        CHECK_EQ(walk(), 0);
        for (unsigned int i = 0; i < nr_tables; i++) {
            uint8_t *p = at(tables[i]);
            uint32_t len = get_le32(p + 4);

            for (uint32_t bit = 0; bit < len * 8; bit++) {
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                if (bit / 8 != 9)
                    fix_sum(p, len, 9);
                CHECK_EQ(walk_as_is(), 0);
                /* a table can vanish, but not silently */
                CHECK(info.nr_tables == 5 || info.nr_notes);
                CHECK(info.madt.nr_cpus < 64 && info.slit.nr <= ACPI_MAX_LOCALITIES &&
                      info.mcfg.nr < 64);
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            seal(tables[i]);
        }
    }
}

int main(void)
{
    rsdp_tests();
    root_tests();
    fadt_tests();
    s5_tests();
    madt_tests();
    platform_tests();
    numa_tests();
    damage_tests();
    free(last_mapping);
    return check_exit();
}
