/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physical memory map: a bounded list of typed ranges.
 *
 * A map is either "raw" (as the firmware gave it: any order, overlaps allowed) or "sane" (sorted by
 * address, no overlap, no two adjacent ranges of one type). e820_sanitise() makes a sane map of a
 * raw one; everything below it wants a sane map and keeps it so. No range reaches past the last
 * byte of the 64-bit space.
 */
#ifndef LIB_E820_H
#define LIB_E820_H

#include <stdbool.h>
#include <stdint.h>

#define E820_MAX_ENTRIES 256

/* ACPI specification, "System Address Map Interfaces"; 0 is not a type and stands for a hole. */
enum e820_type {
    E820_HOLE = 0,
    E820_RAM = 1,
    E820_RESERVED = 2,
    E820_ACPI = 3,
    E820_NVS = 4,
    E820_UNUSABLE = 5,
};

struct e820_entry {
    uint64_t start;
    uint64_t size; /* bytes, never 0 */
    uint32_t type; /* enum e820_type, never E820_HOLE */
};

struct e820 {
    unsigned int nr;
    struct e820_entry entry[E820_MAX_ENTRIES];
};

static inline uint64_t e820_entry_end(const struct e820_entry *e)
{
    return e->start + e->size;
}

/*
 * Append a range to a raw map; unknown types become E820_RESERVED, an empty range is ignored, a
 * range that continues the last one is merged into it. -EINVAL: wraps around; -ENOSPC: the map is
 * full.
 */
int e820_add(struct e820 *map, uint64_t start, uint64_t size, uint32_t type);

/*
 * Make a sane map of a raw one. Where ranges overlap the stronger type wins: unusable, NVS, ACPI,
 * reserved, RAM. -ENOSPC: the result has more than E820_MAX_ENTRIES ranges. The two maps must not
 * be the same object.
 */
int e820_sanitise(const struct e820 *raw, struct e820 *sane);

/*
 * Turn what is of type `from` in the range into `to`. -EINVAL: wraps; -ENOSPC: no room, nothing was
 * changed.
 */
int e820_change_type(struct e820 *map, uint64_t start, uint64_t size, uint32_t from, uint32_t to);

/*
 * Take the RAM of the range out of use: it becomes E820_RESERVED, other types stay. Errors as
 * above.
 */
int e820_reserve(struct e820 *map, uint64_t start, uint64_t size);

/* The type at an address, E820_HOLE outside of every range. */
uint32_t e820_type_at(const struct e820 *map, uint64_t addr);

/* Is the whole range of this type? False for an empty or wrapping range. */
bool e820_range_is(const struct e820 *map, uint64_t start, uint64_t size, uint32_t type);

/* Does any byte of the range have this type? */
bool e820_range_has(const struct e820 *map, uint64_t start, uint64_t size, uint32_t type);

/* Sum of all RAM in bytes; and the first address above all RAM. */
uint64_t e820_ram_bytes(const struct e820 *map);
uint64_t e820_ram_end(const struct e820 *map);

/*
 * Find `size` bytes of RAM inside [min, max), aligned to `align` (a power of two), as high (or as
 * low) as possible. False if there is none. Nothing is reserved.
 */
bool e820_find_high(const struct e820 *map, uint64_t size, uint64_t align, uint64_t min,
                    uint64_t max, uint64_t *start);
bool e820_find_low(const struct e820 *map, uint64_t size, uint64_t align, uint64_t min,
                   uint64_t max, uint64_t *start);

/* "RAM", "reserved" ... for messages. */
const char *e820_type_name(uint32_t type);

/* The first RAM entry at or after e, or the end of the map. */
static inline const struct e820_entry *e820_next_ram(const struct e820 *map,
                                                     const struct e820_entry *e)
{
    while (e < map->entry + map->nr && e->type != E820_RAM)
        e++;
    return e;
}

#define e820_for_each_ram(map, e)                                                                  \
    for (const struct e820_entry *e = e820_next_ram((map), (map)->entry);                          \
         e < (map)->entry + (map)->nr; e = e820_next_ram((map), e + 1))

#endif
