/* SPDX-License-Identifier: GPL-2.0-only */
/* links: drivers/acpi/dmar.c */
/* DMAR tables as firmware writes them, and broken ones. */
#include "check.h"

#include "acpi_table.h"

static const char *parse(void) { return parse_bytes(acpi_parse_dmar, used); }

static void drhd(uint8_t flags, uint16_t segment, uint64_t base)
{
    uint8_t b[16] = { 0, 0, 0, 0, flags };

    block = used;
    memcpy(b + 6, &segment, 2);
    memcpy(b + 8, &base, 8);
    put(b, sizeof(b));
}

static void rmrr(uint64_t base, uint64_t limit)
{
    uint8_t b[24] = { 1 };

    block = used;
    memcpy(b + 8, &base, 8);
    memcpy(b + 16, &limit, 8);
    put(b, sizeof(b));
}

static bool scope_is(unsigned int i, unsigned int owner, unsigned int index, unsigned int kind,
                     unsigned int bus, unsigned int depth, unsigned int last)
{
    const struct acpi_dmar_scope *s = &info.dmar.scope[i];

    return i < info.dmar.nr_scopes && s->owner == owner && s->index == index && s->kind == kind &&
           s->bus == bus && s->depth == depth && s->path[depth - 1] == last;
}

static void sound(void)
{
    TEST("a unit with devices, one for all others, memory, ports, affinities") {
        begin();
        t[36] = 38;
        t[37] = 3;
        drhd(0, 0, 0xfed90000);
        B(1, 8, 0, 0, 0, 0, 2, 0);              /* 00:02.0 */
        B(2, 10, 0, 0, 0, 0, 0x1c, 4, 0, 1);    /* a bridge behind 00:1c.4 */
        drhd(1, 0, 0xfed91000);
        B(3, 8, 0, 0, 2, 0xf0, 0x1f, 0);        /* IO-APIC 2 */
        B(4, 8, 0, 0, 0, 0xf0, 0x0f, 7);
        B(5, 8, 0, 0, 1, 0, 0x1e, 0);           /* one with an ACPI name: skipped */
        drhd(1, 1, 0xfed92000);
        rmrr(0x7c000000, 0x7c0fffff);
        B(1, 8, 0, 0, 0, 0, 0x14, 0);
        block = used;
        B(2, 0, 0, 0, 1, 0, 1, 0);              /* ATSR */
        block = used;
        B(3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 7, 0, 0, 0);
        block = used;
        B(4, 0, 0, 0, 0, 0, 0, 1, 'x', 0);      /* ANDD: skipped */
        CHECK_STR(parse(), NULL);
        CHECK(info.dmar.width == 39 && info.dmar.interrupts && info.dmar.no_x2apic);
        CHECK_EQ(info.dmar.nr_units, 3);
        CHECK(info.dmar.unit[0].base == 0xfed90000 && !info.dmar.unit[0].all);
        CHECK(info.dmar.unit[1].all && info.dmar.unit[1].segment == 0);
        CHECK(info.dmar.unit[2].all && info.dmar.unit[2].segment == 1);
        CHECK_EQ(info.dmar.nr_scopes, 5);
        CHECK(scope_is(0, ACPI_DMAR_UNIT, 0, ACPI_DMAR_ENDPOINT, 0, 1, 0x10));
        CHECK(scope_is(1, ACPI_DMAR_UNIT, 0, ACPI_DMAR_BRIDGE, 0, 2, 1));
        CHECK_EQ(info.dmar.scope[1].path[0], 0xe4);
        CHECK(scope_is(2, ACPI_DMAR_UNIT, 1, ACPI_DMAR_IOAPIC, 0xf0, 1, 0xf8));
        CHECK_EQ(info.dmar.scope[2].id, 2);
        CHECK(scope_is(3, ACPI_DMAR_UNIT, 1, ACPI_DMAR_HPET, 0xf0, 1, 0x7f));
        CHECK(scope_is(4, ACPI_DMAR_RESERVED, 0, ACPI_DMAR_ENDPOINT, 0, 1, 0xa0));
        CHECK_EQ(info.dmar.nr_reserved, 1);
        CHECK(info.dmar.reserved[0].start == 0x7c000000 && info.dmar.reserved[0].end == 0x7c100000);
        CHECK(info.dmar.nr_ats == 1 && info.dmar.ats[0].all && info.dmar.ats[0].segment == 1);
        CHECK(info.dmar.nr_near == 1 && info.dmar.near[0].base == 0xfed90000);
        CHECK_EQ(info.dmar.near[0].domain, 7);
    }

    TEST("none of anything") {
        begin();
        CHECK_STR(parse(), NULL);
        CHECK_EQ(info.dmar.nr_units, 0);
    }
}

/* A sound device, then these bytes. */
static const char *scoped(unsigned int n, const uint8_t *b)
{
    begin();
    drhd(0, 0, 0xfed90000);
    B(1, 8, 0, 0, 0, 0, 2, 0);
    put(b, n);
    return parse();
}
#define SCOPED(...) scoped(sizeof((uint8_t[]){ __VA_ARGS__ }), (uint8_t[]){ __VA_ARGS__ })

static void broken_scopes(void)
{
    TEST("broken devices are told, those before kept") {
        CHECK_STR(SCOPED(1, 8, 0, 0, 0), "has a truncated list of devices");
        CHECK_STR(SCOPED(1, 5, 0, 0, 0, 0, 2, 0), "has a truncated list of devices");
        CHECK_STR(SCOPED(1, 0, 0, 0, 0, 0, 2, 0), "has a truncated list of devices");
        CHECK_STR(SCOPED(1, 10, 0, 0, 0, 0, 2, 0), "has a truncated list of devices");
        CHECK_STR(SCOPED(1, 6, 0, 0, 0, 0), "has a device with an impossible path");
        CHECK_STR(SCOPED(1, 7, 0, 0, 0, 0, 1), "has a device with an impossible path");
        CHECK_STR(SCOPED(1, 8, 0, 0, 0, 0, 32, 0), "has a device with an impossible path");
        CHECK_STR(SCOPED(2, 8, 0, 0, 0, 0, 1, 8), "has a device with an impossible path");
        CHECK_STR(SCOPED(1, 24, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0),
                  "has a device with an impossible path");
        CHECK_EQ(info.dmar.nr_units, 1);
        CHECK_EQ(info.dmar.nr_scopes, 1);
        CHECK_STR(SCOPED(1, 9, 0, 0, 0, 0, 3, 0, 0), NULL); /* an odd byte more is no harm */
        CHECK_EQ(info.dmar.nr_scopes, 2);
    }
}

static void broken(void)
{
    TEST("impossible structures") {
        begin();
        drhd(0, 0, 0xfed90010);
        drhd(0, 0, 0);
        drhd(0, 0, 1ULL << 52);
        CHECK_STR(parse(), "has an IOMMU at an impossible address");
        CHECK_EQ(info.dmar.nr_units, 0);
        begin();
        drhd(0, 0, 0x1000);
        drhd(1, 0, 0x1000);
        CHECK_STR(parse(), "lists an IOMMU twice");
        begin();
        drhd(1, 0, 0x1000);
        drhd(1, 0, 0x2000);
        CHECK_STR(parse(), "has two IOMMUs for all other devices");
        CHECK_EQ(info.dmar.nr_units, 1);
        static const uint64_t bad[][2] = { { 0x1000, 0xfff }, { 0x1000, 0x2000 },
                                           { 0x1001, 0x1fff }, { 0, UINT64_MAX } };
        for (unsigned int i = 0; i < 4; i++) {
            begin();
            rmrr(bad[i][0], bad[i][1]);
            CHECK_STR(parse(), "has an impossible memory block");
            CHECK_EQ(info.dmar.nr_reserved, 0);
        }
        begin();
        block = used;
        B(0, 0, 0, 0, 0, 0, 0, 0);
        CHECK_STR(parse(), "has a structure that is too short");
    }

    TEST("more than fits is told") {
        begin();
        for (unsigned int i = 0; i < 40; i++)
            drhd(0, 0, 0x1000 * (i + 1));
        CHECK_STR(parse(), "lists too many IOMMUs");
        CHECK_EQ(info.dmar.nr_units, ACPI_MAX_IOMMUS);
        CHECK_EQ(info.too_many, ACPI_MANY_DMAR);
        begin();
        drhd(0, 0, 0x1000);
        for (unsigned int i = 0; i < 600; i++)
            B(1, 8, 0, 0, 0, 0, 2, 0);
        CHECK_STR(parse(), "lists too many devices");
        CHECK_EQ(info.dmar.nr_scopes, ACPI_MAX_DMAR_SCOPES);
    }

    TEST("cut short anywhere, damaged anywhere: no read too far") {
        begin();
        drhd(1, 0, 0xfed90000);
        B(2, 10, 0, 0, 0, 0, 0x1c, 4, 0, 1);
        rmrr(0x7c000000, 0x7c0fffff);
        B(1, 8, 0, 0, 0, 0, 0x14, 0);
        block = used;
        B(3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 7, 0, 0, 0);
        for (size_t n = 49; n < used; n++) {
            const bool whole = n == 48 + 26 || n == 48 + 26 + 32;

            CHECK_EQ(parse_bytes(acpi_parse_dmar, n) == NULL, whole);
        }
        for (size_t i = 48; i < used; i++)
            for (unsigned int v = 0; v < 256; v++) {
                const uint8_t was = t[i];

                t[i] = (uint8_t)v;
                parse();
                t[i] = was;
                CHECK(info.dmar.nr_units <= 2 && info.dmar.nr_scopes <= 4);
            }
    }
}

int main(void)
{
    sound();
    broken_scopes();
    broken();
    return check_exit();
}
