/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory map of a PVH dom0. RAM of the machine that is not dom0's is said to be unusable: what
 * dom0 maps of other domains must not get a number there, as a device that is given it would write
 * to that RAM.
 */
#include "dom0_priv.h"

#include <hv/errno.h>

#define FRAME 4096ULL

static int all_ram_to_unusable(struct e820 *map)
{
    for (unsigned int i = 0; i < map->nr; i++)
        if (map->entry[i].type == E820_RAM) {
            int rc = e820_change_type(map, map->entry[i].start, map->entry[i].size, E820_RAM,
                                      E820_UNUSABLE);

            if (rc)
                return rc;
            i = ~0U; /* neighbours may have been joined */
        }
    return 0;
}

/* The smallest piece of RAM above 1 MiB is given up. False: there is none. */
static bool drop_smallest(struct e820 *map)
{
    const struct e820_entry *least = NULL;

    e820_for_each_ram(map, e)
        if (e->start >= 0x100000 && (least == NULL || e->size < least->size))
            least = e;
    return least && e820_change_type(map, least->start, least->size, E820_RAM, E820_UNUSABLE) == 0;
}

int dom0_e820(struct e820 *out, const struct e820 *host, const struct dom0_chunk *chunk,
              unsigned int nr, unsigned int max)
{
    int rc;

    *out = *host;
    rc = all_ram_to_unusable(out);
    for (unsigned int i = 0; i < nr && rc == 0; i++)
        rc = e820_change_type(out, chunk[i].gfn * FRAME, chunk[i].nr * FRAME, E820_UNUSABLE,
                              chunk[i].type);
    while (rc == 0 && out->nr > max)
        if (!drop_smallest(out))
            rc = -ENOSPC;
    return rc;
}
