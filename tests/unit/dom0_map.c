/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/dom0_map.c lib/e820.c */
/* A PVH dom0's memory map: its own RAM, and all other RAM of the machine unusable. */
#include "check.h"

#include "../../arch/x86/hvm/dom0_priv.h"

#include <hv/errno.h>

#define MIB (1ULL << 20)
#define FRAME 4096ULL

static struct e820 host, map;

static void machine(void)
{
    static struct e820 raw;

    raw.nr = 0;
    CHECK(!e820_add(&raw, 0, 0x9fc00, E820_RAM));
    CHECK(!e820_add(&raw, 0x9fc00, 0x400, E820_RESERVED));
    CHECK(!e820_add(&raw, 0xf0000, 0x10000, E820_RESERVED));
    CHECK(!e820_add(&raw, MIB, 1023 * MIB, E820_RAM));
    CHECK(!e820_add(&raw, 1024 * MIB, 4 * MIB, E820_ACPI));
    CHECK(!e820_add(&raw, 4096 * MIB, 1024 * MIB, E820_RAM));
    CHECK(!e820_sanitise(&raw, &host));
}

static struct dom0_chunk chunk(uint64_t pa, uint64_t size, uint32_t type)
{
    return (struct dom0_chunk){ pa / FRAME, size / FRAME, { pa / FRAME }, type };
}

/* Every address has the type that chunks and machine give it; ranges are sorted and apart. */
static void compare(const struct dom0_chunk *c, unsigned int nr)
{
    for (uint64_t pa = 0; pa < 5200 * MIB; pa += pa < 2 * MIB ? 512 : 256 * FRAME) {
        const uint32_t there = e820_type_at(&host, pa);
        uint32_t want = there == E820_RAM ? E820_UNUSABLE : there;

        for (unsigned int i = 0; i < nr && there == E820_RAM; i++)
            if (pa >= c[i].gfn * FRAME && pa < (c[i].gfn + c[i].nr) * FRAME)
                want = c[i].type;
        if (e820_type_at(&map, pa) != want)
            CHECK_EQ(pa, UINT64_MAX);
    }
    for (unsigned int i = 1; i < map.nr; i++)
        CHECK(e820_entry_end(&map.entry[i - 1]) <= map.entry[i].start);
}

static void is_as_said(void)
{
    const struct dom0_chunk c[] = {
        chunk(0, 0x9f000, E820_RAM),
        chunk(16 * MIB, 64 * MIB, E820_RAM),
        chunk(80 * MIB, 16 * FRAME, E820_ACPI),
        chunk(4096 * MIB, MIB, E820_RAM),
        chunk(5119 * MIB, MIB, E820_RAM),
    };

    machine();
    CHECK(!dom0_e820(&map, &host, c, 5, E820_MAX_ENTRIES));
    compare(c, 5);
    CHECK_EQ(e820_ram_bytes(&map), 0x9f000 + 66 * MIB);
    CHECK_EQ(e820_type_at(&map, 0x9f000), E820_UNUSABLE);
    CHECK_EQ(e820_type_at(&map, 80 * MIB), E820_ACPI);
}

/* What a chunk says of a frame that is no RAM changes nothing. */
static void never_over_devices(void)
{
    const struct dom0_chunk c[] = { chunk(1020 * MIB, 8 * MIB, E820_RAM) };

    machine();
    CHECK(!dom0_e820(&map, &host, c, 1, E820_MAX_ENTRIES));
    compare(c, 1);
    CHECK_EQ(e820_ram_bytes(&map), 4 * MIB);
}

/* One MiB of every two, growing: more ranges than may be. */
static void drops_the_smallest(void)
{
    struct dom0_chunk c[40];
    unsigned int nr = 0;

    c[nr++] = chunk(0, FRAME, E820_RAM);
    for (uint64_t i = 1; i < 40; i++)
        c[nr++] = chunk(2 * i * MIB, i * 16 * FRAME, E820_RAM);
    machine();
    CHECK(!dom0_e820(&map, &host, c, nr, 50));
    CHECK(map.nr <= 50 && map.nr > 46);
    CHECK_EQ(e820_type_at(&map, 0), E820_RAM);
    CHECK_EQ(e820_type_at(&map, 2 * MIB), E820_UNUSABLE);
    CHECK_EQ(e820_type_at(&map, 78 * MIB), E820_RAM);
    CHECK_EQ(dom0_e820(&map, &host, c, nr, 3), -ENOSPC);
}

int main(void)
{
    TEST("chunks are RAM, other RAM is unusable, the rest is the machine's") is_as_said();
    TEST("a chunk changes nothing where the machine has no RAM") never_over_devices();
    TEST("the smallest ranges go if there are too many") drops_the_smallest();
    return check_exit();
}
