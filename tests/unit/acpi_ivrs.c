/* SPDX-License-Identifier: GPL-2.0-only */
/* links: drivers/acpi/ivrs.c */
/* IVRS tables as firmware writes them, and broken ones. */
#include "check.h"

#include "acpi_table.h"

static const char *parse(void) { return parse_bytes(acpi_parse_ivrs, used); }

static void ivhd(uint8_t type, uint16_t devid, uint64_t base)
{
    uint8_t h[40] = { type, 0xb0, 0, 0, (uint8_t)devid, (uint8_t)(devid >> 8), 0x40 };

    memcpy(h + 8, &base, 8);
    h[24] = 0x55;
    block = used;
    put(h, type == 0x10 ? 24 : 40);
}

static void ivmd(uint8_t type, uint16_t first, uint16_t last, uint64_t start, uint64_t size)
{
    uint8_t b[32] = { type, 7, 32, 0, (uint8_t)first, (uint8_t)(first >> 8), (uint8_t)last,
                      (uint8_t)(last >> 8) };

    memcpy(b + 16, &start, 8);
    memcpy(b + 24, &size, 8);
    block = used;
    put(b, 32);
}

static bool range_is(unsigned int i, unsigned int first, unsigned int last, int alias)
{
    const struct acpi_ivrs_range *r = &info.ivrs.range[i];

    return i < info.ivrs.nr_ranges && r->first == first && r->last == last &&
           r->has_alias == (alias >= 0) && (alias < 0 || r->alias == alias);
}

static void entries(void)
{
    TEST("all kinds of entries") {
        begin();
        ivhd(0x10, 0x02, 0xfed80000);
        B(0, 0, 0, 0);                                      /* padding */
        B(2, 0x08, 0x00, 0xd7);                             /* 00:01.0 */
        B(3, 0x00, 0x01, 0, 4, 0xff, 0x01, 0);              /* 01:00.0 to 01:1f.7 */
        B(0x42, 0x10, 0, 0, 0, 0x18, 0, 0);                 /* 00:02.0 as 00:03.0 */
        B(0x43, 0x00, 0x02, 0, 0, 0x20, 0, 0, 4, 0x07, 0x02, 0);
        B(0x46, 0x30, 0, 0, 0, 0, 0, 0);
        B(0x48, 0, 0, 0xd7, 5, 0xa0, 0, 1);                 /* IO-APIC 5 is 00:14.0 */
        CHECK_STR(parse(), NULL);
        CHECK_EQ(info.ivrs.nr_iommus, 1);
        CHECK_EQ(info.ivrs.iommu[0].base, 0xfed80000);
        CHECK_EQ(info.ivrs.iommu[0].devid, 2);
        CHECK_EQ(info.ivrs.iommu[0].cap, 0x40);
        CHECK_EQ(info.ivrs.nr_ranges, 5);
        CHECK(range_is(0, 0x08, 0x08, -1) && range_is(1, 0x100, 0x1ff, -1));
        CHECK(range_is(2, 0x10, 0x10, 0x18) && range_is(3, 0x200, 0x207, 0x20));
        CHECK(range_is(4, 0x30, 0x30, -1));
        CHECK_EQ(info.ivrs.nr_special, 1);
        CHECK_EQ(info.ivrs.special[0].devid, 0xa0);
        CHECK_EQ(info.ivrs.special[0].handle, 5);
    }

    TEST("the newest kind of block for an IOMMU counts, in either order") {
        begin();
        ivhd(0x10, 2, 0xfed80000);
        B(2, 1, 0, 0);
        ivhd(0x40, 2, 0xfed80000);
        B(1, 0, 0, 0);
        B(0xf0, 9, 0, 0, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 'x');
        ivhd(0x11, 2, 0xfed80000);
        B(2, 3, 0, 0);
        CHECK_STR(parse(), NULL);
        CHECK_EQ(info.ivrs.nr_iommus, 1);
        CHECK_EQ(info.ivrs.iommu[0].type, 0x40);
        CHECK_EQ(info.ivrs.iommu[0].features, 0x55);
        CHECK_EQ(info.ivrs.nr_ranges, 2);
        CHECK(range_is(0, 0, 0xffff, -1) && range_is(1, 9, 9, -1));
    }

    TEST("memory of the firmware's") {
        begin();
        ivmd(0x20, 1, 2, 0x1000, 0x2000);
        ivmd(0x21, 5, 9, 0x1000, 0x2000);
        ivmd(0x22, 5, 9, 0x1000, 0x2000);
        CHECK_STR(parse(), NULL);
        CHECK_EQ(info.ivrs.nr_unity, 3);
        CHECK_EQ(info.ivrs.unity[0].last, 0xffff);
        CHECK_EQ(info.ivrs.unity[1].last, 5);
        CHECK_EQ(info.ivrs.unity[2].last, 9);
        CHECK_EQ(info.ivrs.unity[2].start, 0x1000);
    }
}

static const char *one(unsigned int n, const uint8_t *b)
{
    begin();
    ivhd(0x10, 2, 0xfed80000);
    B(2, 1, 0, 0);
    put(b, n);
    return parse();
}
#define ONE(...) one(sizeof((uint8_t[]){ __VA_ARGS__ }), (uint8_t[]){ __VA_ARGS__ })

static void broken(void)
{
    TEST("what is wrong is told, what is right kept") {
        CHECK(ONE(4, 9, 0, 0));                     /* end without start */
        CHECK_EQ(info.ivrs.nr_ranges, 1);
        CHECK(ONE(3, 9, 0, 0));                     /* start without end */
        CHECK(ONE(3, 9, 0, 0, 3, 9, 0, 0));
        CHECK(ONE(3, 9, 0, 0, 4, 8, 0, 0));
        CHECK(ONE(0x42, 9, 0, 0));                  /* half an entry */
        CHECK(ONE(0xf0, 9, 0, 0));
        CHECK_EQ(info.ivrs.nr_ranges, 1);
        begin();
        ivmd(0x21, 5, 0, 0x1000, 0);
        CHECK(parse());
        begin();
        ivmd(0x22, 5, 4, 0x1000, 0x1000);
        CHECK(parse());
        begin();
        ivmd(0x22, 5, 6, ~0xfffULL, 0x2000);
        CHECK(parse());
        begin();
        ivhd(0x10, 2, 0xfed80010);
        CHECK(parse());
        CHECK_EQ(info.ivrs.nr_iommus + info.ivrs.nr_unity, 0);
    }

    TEST("cut short anywhere, damaged anywhere: no read too far") {
        begin();
        ivhd(0x10, 2, 0xfed80000);
        B(3, 1, 0, 0, 4, 9, 0, 0, 0x48, 0, 0, 0, 5, 0xa0, 0, 1);
        ivhd(0x40, 3, 0xfed90000);
        B(0xf0, 9, 0, 0, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 'x');
        ivmd(0x22, 5, 9, 0x1000, 0x2000);
        CHECK_STR(parse(), NULL);
        for (size_t n = 48; n < used; n++) {
            const char *wrong = parse_bytes(acpi_parse_ivrs, n);

            CHECK(wrong || info.ivrs.nr_unity == 0);
        }
        for (size_t bit = 48 * 8; bit < used * 8; bit++) {
            t[bit / 8] ^= (uint8_t)(1U << bit % 8);
            parse();
            CHECK(info.ivrs.nr_iommus <= 2 && info.ivrs.nr_ranges <= 8);
            t[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }

    TEST("more than there is room for") {
        begin();
        ivhd(0x10, 2, 0xfed80000);
        for (unsigned int i = 0; i < ACPI_MAX_IVRS_RANGES + 1; i++)
            B(2, (uint8_t)i, (uint8_t)(i >> 8), 0);
        CHECK(parse());
        CHECK_EQ(info.ivrs.nr_ranges, ACPI_MAX_IVRS_RANGES);
        CHECK_EQ(info.too_many, ACPI_MANY_IVRS);
    }
}

int main(void)
{
    entries();
    broken();
    return check_exit();
}
