/* SPDX-License-Identifier: GPL-2.0-only */
/* links: lib/e820.c */
/*
 * The memory map: sanitising by priority, reserving, searching; plus random maps against a
 * byte-per-unit model.
 */
#include <lib/e820.h>

#include <hv/errno.h>

#include "check.h"

static struct e820 raw, sane;

static bool is_entry(unsigned int i, uint64_t start, uint64_t size, uint32_t type)
{
    return i < sane.nr && sane.entry[i].start == start && sane.entry[i].size == size &&
           sane.entry[i].type == type;
}

static void sanitise(void)
{
    CHECK_EQ(e820_sanitise(&raw, &sane), 0);
}

static uint32_t rng_state = 1;

static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * 1664525 + 1013904223;
    return (rng_state >> 8) % below;
}

#define MODEL 200

static uint32_t stronger(uint32_t a, uint32_t b)
{
    static const uint8_t order[] = {
        E820_HOLE, E820_RAM, E820_RESERVED, E820_ACPI, E820_NVS, E820_UNUSABLE
    };
    uint32_t ia = 0, ib = 0;

    for (uint32_t i = 0; i < sizeof(order); i++) {
        if (order[i] == a)
            ia = i;
        if (order[i] == b)
            ib = i;
    }
    return ia > ib ? a : b;
}

static bool well_formed(const struct e820 *m)
{
    for (unsigned int i = 0; i < m->nr; i++) {
        const struct e820_entry *e = &m->entry[i];

        if (!e->size || e->type == E820_HOLE || e820_entry_end(e) < e->start)
            return false;
        if (i && e820_entry_end(e - 1) > e->start)
            return false;
        if (i && e820_entry_end(e - 1) == e->start && e[-1].type == e->type)
            return false;
    }
    return true;
}

static void random_round(void)
{
    uint8_t model[MODEL] = { 0 };

    raw.nr = 0;
    for (unsigned int i = 0, nr = rng(20); i < nr; i++) {
        uint32_t start = rng(MODEL), size = rng(MODEL - start + 1), type = 1 + rng(5);

        CHECK_EQ(e820_add(&raw, start, size, type), 0);
        for (uint32_t a = start; a < start + size; a++)
            model[a] = (uint8_t)stronger(model[a], type);
    }
    sanitise();
    for (unsigned int i = 0; i < 8; i++) {
        uint32_t start = rng(MODEL), size = rng(MODEL - start + 1), from = 1 + rng(5),
                 to = 1 + rng(5);

        CHECK_EQ(e820_change_type(&sane, start, size, from, to), 0);
        for (uint32_t a = start; a < start + size; a++)
            if (model[a] == from)
                model[a] = (uint8_t)to;
        CHECK(well_formed(&sane));
    }

    uint32_t start = rng(MODEL), size = 1 + rng(MODEL - start), type = 1 + rng(5);
    bool all = true, any = false;
    uint64_t ram = 0;

    for (uint32_t a = 0; a < MODEL; a++) {
        CHECK_EQ(e820_type_at(&sane, a), model[a]);
        ram += model[a] == E820_RAM;
        if (a >= start && a < start + size) {
            all = all && model[a] == type;
            any = any || model[a] == type;
        }
    }
    CHECK_EQ(e820_ram_bytes(&sane), ram);
    CHECK_EQ(e820_range_is(&sane, start, size, type), all);
    CHECK_EQ(e820_range_has(&sane, start, size, type), any);
}

/* The best place for size bytes by trying all of them. */
static void random_search(void)
{
    uint64_t size = 1 + rng(40), align = 1u << rng(5), min = rng(MODEL), max = rng(MODEL + 1),
             got = 0;
    uint64_t low = UINT64_MAX, high = UINT64_MAX;

    for (uint64_t a = 0; a < MODEL; a += align)
        if (a >= min && a + size <= max && e820_range_is(&sane, a, size, E820_RAM)) {
            low = low == UINT64_MAX ? a : low;
            high = a;
        }
    CHECK_EQ(e820_find_low(&sane, size, align, min, max, &got), low != UINT64_MAX);
    if (low != UINT64_MAX)
        CHECK_EQ(got, low);
    CHECK_EQ(e820_find_high(&sane, size, align, min, max, &got), high != UINT64_MAX);
    if (high != UINT64_MAX)
        CHECK_EQ(got, high);
}

int main(void)
{
    TEST("add: unknown types are reserved, empty ranges vanish, wrapping ones are refused") {
        raw.nr = 0;
        CHECK_EQ(e820_add(&raw, 0x1000, 0, E820_RAM), 0);
        CHECK_EQ(raw.nr, 0);
        CHECK_EQ(e820_add(&raw, 0x1000, 0x1000, 77), 0);
        CHECK_EQ(raw.entry[0].type, E820_RESERVED);
        CHECK_EQ(e820_add(&raw, UINT64_MAX - 10, 11, E820_RAM), -EINVAL);
        CHECK_EQ(e820_add(&raw, UINT64_MAX - 10, 10, E820_RAM), 0);
    }
    TEST("add: the 257th separate range does not fit, a continuing one does") {
        raw.nr = 0;
        for (uint64_t i = 0; i < E820_MAX_ENTRIES; i++)
            CHECK_EQ(e820_add(&raw, i * 0x2000, 0x1000, E820_RAM), 0);
        CHECK_EQ(e820_add(&raw, 0x1000000, 0x1000, E820_RAM), -ENOSPC);
        CHECK_EQ(e820_add(&raw, 255 * 0x2000 + 0x1000, 0x1000, E820_RAM), 0);
        CHECK_EQ(raw.nr, E820_MAX_ENTRIES);
    }
    TEST("sanitise: sorts and merges") {
        raw.nr = 0;
        e820_add(&raw, 0x3000, 0x1000, E820_RAM);
        e820_add(&raw, 0x1000, 0x1000, E820_RAM);
        e820_add(&raw, 0x2000, 0x1000, E820_RAM);
        sanitise();
        CHECK_EQ(sane.nr, 1);
        CHECK(is_entry(0, 0x1000, 0x3000, E820_RAM));
    }
    TEST("sanitise: unusable > NVS > ACPI > reserved > RAM, in any order") {
        raw.nr = 0;
        e820_add(&raw, 0x4000, 0x1000, E820_UNUSABLE);
        e820_add(&raw, 0x0000, 0x9000, E820_RAM);
        e820_add(&raw, 0x3000, 0x3000, E820_NVS);
        e820_add(&raw, 0x1000, 0x7000, E820_RESERVED);
        e820_add(&raw, 0x2000, 0x5000, E820_ACPI);
        sanitise();
        CHECK_EQ(sane.nr, 9);
        CHECK(is_entry(0, 0x0000, 0x1000, E820_RAM));
        CHECK(is_entry(1, 0x1000, 0x1000, E820_RESERVED));
        CHECK(is_entry(2, 0x2000, 0x1000, E820_ACPI));
        CHECK(is_entry(3, 0x3000, 0x1000, E820_NVS));
        CHECK(is_entry(4, 0x4000, 0x1000, E820_UNUSABLE));
        CHECK(is_entry(5, 0x5000, 0x1000, E820_NVS));
        CHECK(is_entry(6, 0x6000, 0x1000, E820_ACPI));
        CHECK(is_entry(7, 0x7000, 0x1000, E820_RESERVED));
        CHECK(is_entry(8, 0x8000, 0x1000, E820_RAM));
    }
    TEST("sanitise: a result with more than 256 ranges is refused") {
        raw.nr = 0;
        e820_add(&raw, 0, 0x10000000, E820_RAM);
        for (uint64_t i = 1; i < 200; i++)
            e820_add(&raw, i * 0x10000, 0x1000, E820_RESERVED);
        CHECK_EQ(e820_sanitise(&raw, &sane), -ENOSPC);
    }
    TEST("sanitise: ranges up to the end of the address space, and an empty map") {
        raw.nr = 0;
        sanitise();
        CHECK_EQ(sane.nr, 0);
        e820_add(&raw, 0, UINT64_MAX, E820_RAM);
        sanitise();
        CHECK_EQ(sane.nr, 1);
        CHECK_EQ(e820_type_at(&sane, UINT64_MAX - 1), E820_RAM);
        CHECK_EQ(e820_type_at(&sane, UINT64_MAX), E820_HOLE);
    }
    TEST("reserve: cuts RAM only") {
        raw.nr = 0;
        e820_add(&raw, 0x1000, 0x4000, E820_RAM);
        e820_add(&raw, 0x5000, 0x1000, E820_ACPI);
        e820_add(&raw, 0x6000, 0x4000, E820_RAM);
        sanitise();
        CHECK_EQ(e820_reserve(&sane, 0x3800, 0x3000), 0);
        CHECK_EQ(sane.nr, 5);
        CHECK(is_entry(1, 0x3800, 0x1800, E820_RESERVED));
        CHECK(is_entry(2, 0x5000, 0x1000, E820_ACPI));
        CHECK(is_entry(3, 0x6000, 0x0800, E820_RESERVED));
        CHECK_EQ(e820_reserve(&sane, UINT64_MAX, 2), -EINVAL);
        CHECK_EQ(e820_ram_end(&sane), 0xa000);
    }
    TEST("reserve: a full map is left as it was") {
        raw.nr = 0;
        for (uint64_t i = 0; i < E820_MAX_ENTRIES - 1; i++)
            e820_add(&raw, i * 0x4000, 0x3000, E820_RAM);
        sanitise();
        struct e820 before = sane;
        CHECK_EQ(e820_reserve(&sane, 0x1000, 0x1000), -ENOSPC);
        CHECK(!memcmp(&before, &sane, sizeof(sane)));
        CHECK_EQ(e820_reserve(&sane, 0x0000, 0x1000), 0);
        CHECK_EQ(sane.nr, E820_MAX_ENTRIES);
    }
    TEST("iteration sees RAM only") {
        unsigned int seen = 0;

        raw.nr = 0;
        e820_add(&raw, 0x1000, 0x1000, E820_RESERVED);
        e820_add(&raw, 0x2000, 0x1000, E820_RAM);
        e820_add(&raw, 0x3000, 0x1000, E820_NVS);
        e820_add(&raw, 0x8000, 0x1000, E820_RAM);
        e820_add(&raw, 0x9000, 0x1000, E820_UNUSABLE);
        sanitise();
        e820_for_each_ram(&sane, e)
            seen |= 1u << (e->start >> 12);
        CHECK_EQ(seen, 1u << 2 | 1u << 8);
        CHECK_STR(e820_type_name(E820_NVS), "ACPI NVS");
        CHECK_STR(e820_type_name(99), "unknown");
    }
    TEST("random maps agree with a model") {
        for (unsigned int i = 0; i < 2000; i++)
            random_round();
    }
    TEST("searches find what trying every address finds") {
        for (unsigned int i = 0; i < 2000; i++) {
            random_round();
            random_search();
        }
        CHECK(!e820_find_low(&sane, 0, 1, 0, MODEL, &(uint64_t){ 0 }));
        CHECK(!e820_find_high(&sane, 0, 1, 0, MODEL, &(uint64_t){ 0 }));
    }
    return check_exit();
}
