/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physical memory map (see the header for raw and sane maps). Pure: works on the maps it is
 * given.
 *
 * A range of size s at a satisfies a + s <= 2^64 - 1, so the end of a range is always a valid
 * number.
 */
#include <lib/e820.h>

#include <stddef.h>

#include <hv/errno.h>

static bool range_wraps(uint64_t start, uint64_t size)
{
    return size > UINT64_MAX - start;
}

/*
 * Higher wins where ranges overlap: broken memory is broken whatever else is said, RAM only if
 * nobody objects.
 */
static unsigned int type_strength(uint32_t type)
{
    switch (type) {
    case E820_HOLE:
        return 0;
    case E820_RAM:
        return 1;
    case E820_ACPI:
        return 3;
    case E820_NVS:
        return 4;
    case E820_UNUSABLE:
        return 5;
    default:
        return 2;
    }
}

int e820_add(struct e820 *map, uint64_t start, uint64_t size, uint32_t type)
{
    struct e820_entry *last = map->nr ? &map->entry[map->nr - 1] : NULL;

    if (!size)
        return 0;
    if (range_wraps(start, size))
        return -EINVAL;
    if (type < E820_RAM || type > E820_UNUSABLE)
        type = E820_RESERVED;

    if (last && last->type == type && e820_entry_end(last) == start) {
        last->size += size;
        return 0;
    }
    if (map->nr >= E820_MAX_ENTRIES)
        return -ENOSPC;
    map->entry[map->nr++] = (struct e820_entry){ .start = start, .size = size, .type = type };
    return 0;
}

/* The strongest type at addr, and the next address above it where a range begins or ends. */
static uint32_t raw_type_at(const struct e820 *raw, uint64_t addr, uint64_t *next)
{
    uint32_t type = E820_HOLE;

    *next = UINT64_MAX;
    for (unsigned int i = 0; i < raw->nr; i++) {
        const struct e820_entry *e = &raw->entry[i];
        uint64_t end = e820_entry_end(e);

        if (e->start > addr) {
            if (e->start < *next)
                *next = e->start;
        } else if (end > addr) {
            if (end < *next)
                *next = end;
            if (type_strength(e->type) > type_strength(type))
                type = e->type;
        }
    }
    return type;
}

/*
 * Walks the at most 2 * nr points where something changes; quadratic, but 256 ranges at boot are
 * few.
 */
int e820_sanitise(const struct e820 *raw, struct e820 *sane)
{
    uint64_t addr = 0;

    sane->nr = 0;
    while (addr != UINT64_MAX) {
        uint64_t next;
        uint32_t type = raw_type_at(raw, addr, &next);

        if (type != E820_HOLE) {
            int rc = e820_add(sane, addr, next - addr, type);

            if (rc)
                return rc;
        }
        addr = next;
    }
    return 0;
}

/* Index of the first entry that ends above addr, nr if there is none. */
static unsigned int entry_above(const struct e820 *map, uint64_t addr)
{
    unsigned int low = 0, high = map->nr;

    while (low < high) {
        unsigned int mid = low + (high - low) / 2;

        if (e820_entry_end(&map->entry[mid]) > addr)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Is addr strictly inside a range of this type, so that a change of type there must cut it? */
static bool must_cut(const struct e820 *map, uint64_t addr, uint32_t type)
{
    unsigned int i = entry_above(map, addr);

    return i < map->nr && map->entry[i].type == type && map->entry[i].start < addr;
}

/* The caller has made sure of the room. */
static void cut_at(struct e820 *map, uint64_t addr)
{
    unsigned int i = entry_above(map, addr);
    struct e820_entry *e = &map->entry[i];
    uint64_t end = e820_entry_end(e);

    for (unsigned int j = map->nr++; j > i; j--)
        map->entry[j] = map->entry[j - 1];
    e[0].size = addr - e[0].start;
    e[1].start = addr;
    e[1].size = end - addr;
}

static void merge_neighbours(struct e820 *map)
{
    unsigned int kept = 0;

    for (unsigned int i = 1; i < map->nr; i++) {
        struct e820_entry *last = &map->entry[kept];

        if (last->type == map->entry[i].type && e820_entry_end(last) == map->entry[i].start)
            last->size += map->entry[i].size;
        else
            map->entry[++kept] = map->entry[i];
    }
    if (map->nr)
        map->nr = kept + 1;
}

int e820_change_type(struct e820 *map, uint64_t start, uint64_t size, uint32_t from, uint32_t to)
{
    uint64_t end = start + size;

    if (range_wraps(start, size) || to < E820_RAM || to > E820_UNUSABLE)
        return -EINVAL;
    if (!size || from == to)
        return 0;

    bool cut_start = must_cut(map, start, from), cut_end = must_cut(map, end, from);

    if ((unsigned int)cut_start + cut_end > E820_MAX_ENTRIES - map->nr)
        return -ENOSPC;
    if (cut_start)
        cut_at(map, start);
    if (cut_end)
        cut_at(map, end);

    for (unsigned int i = entry_above(map, start); i < map->nr && map->entry[i].start < end; i++)
        if (map->entry[i].type == from)
            map->entry[i].type = to;
    merge_neighbours(map);
    return 0;
}

int e820_reserve(struct e820 *map, uint64_t start, uint64_t size)
{
    return e820_change_type(map, start, size, E820_RAM, E820_RESERVED);
}

uint32_t e820_type_at(const struct e820 *map, uint64_t addr)
{
    unsigned int i = entry_above(map, addr);

    return i < map->nr && map->entry[i].start <= addr ? map->entry[i].type : E820_HOLE;
}

bool e820_range_is(const struct e820 *map, uint64_t start, uint64_t size, uint32_t type)
{
    unsigned int i = entry_above(map, start);

    if (!size || range_wraps(start, size) || i == map->nr)
        return false;
    /* neighbours of one type are merged, so one entry must hold it all */
    return map->entry[i].type == type && map->entry[i].start <= start &&
           e820_entry_end(&map->entry[i]) >= start + size;
}

bool e820_range_has(const struct e820 *map, uint64_t start, uint64_t size, uint32_t type)
{
    uint64_t end = range_wraps(start, size) ? UINT64_MAX : start + size;

    for (unsigned int i = entry_above(map, start); i < map->nr && map->entry[i].start < end; i++)
        if (map->entry[i].type == type)
            return true;
    return false;
}

uint64_t e820_ram_bytes(const struct e820 *map)
{
    uint64_t sum = 0;

    e820_for_each_ram(map, e)
        sum += e->size;
    return sum;
}

uint64_t e820_ram_end(const struct e820 *map)
{
    uint64_t end = 0;

    e820_for_each_ram(map, e)
        end = e820_entry_end(e);
    return end;
}

/* The part of e inside [min, max), if `size` bytes could be in it at all. */
static bool clip_entry(const struct e820_entry *e, uint64_t min, uint64_t max, uint64_t size,
                       uint64_t *low, uint64_t *high)
{
    *low = e->start > min ? e->start : min;
    *high = e820_entry_end(e) < max ? e820_entry_end(e) : max;
    return *high > *low && *high - *low >= size;
}

bool e820_find_high(const struct e820 *map, uint64_t size, uint64_t align, uint64_t min,
                    uint64_t max, uint64_t *start)
{
    for (unsigned int i = map->nr; size && i-- > 0;) {
        uint64_t low, high;

        if (map->entry[i].type != E820_RAM ||
            !clip_entry(&map->entry[i], min, max, size, &low, &high))
            continue;
        high = (high - size) & ~(align - 1);
        if (high >= low) {
            *start = high;
            return true;
        }
    }
    return false;
}

bool e820_find_low(const struct e820 *map, uint64_t size, uint64_t align, uint64_t min,
                   uint64_t max, uint64_t *start)
{
    if (!size)
        return false;
    e820_for_each_ram(map, e) {
        uint64_t low, high, pad;

        if (!clip_entry(e, min, max, size, &low, &high))
            continue;
        pad = -low & (align - 1);
        if (high - low - size >= pad) {
            *start = low + pad;
            return true;
        }
    }
    return false;
}

const char *e820_type_name(uint32_t type)
{
    static const char *const name[] = {
        [E820_HOLE] = "hole",      [E820_RAM] = "RAM",      [E820_RESERVED] = "reserved",
        [E820_ACPI] = "ACPI data", [E820_NVS] = "ACPI NVS", [E820_UNUSABLE] = "unusable",
    };

    return type <= E820_UNUSABLE ? name[type] : "unknown";
}
