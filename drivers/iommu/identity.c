/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the devices of a PV first domain reach: device frame = machine frame. In the map are frames
 * that have belonged to a domain, and device memory; never one of ours. The allocator tells of each
 * frame that becomes a domain's (it is added, which needs no flush) or ours (it goes out, if it was
 * ever a domain's). A frame that is just free stays as it is: that costs nothing, and harms nobody.
 *
 * The map's own tables are frames of ours too, and may have been a domain's: own_take().
 */
#include "priv.h"

#include <arch/boot.h>
#include <arch/direct.h>
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/e820.h>
#include <lib/string.h>

#define LARGE 2 /* the level of the largest leaf: a hole costs one table */
#define RW (IOMMU_READ | IOMMU_WRITE)
#define FRAMES_4G (1ULL << (32 - PAGE_SHIFT))
#define OWN_BITS 42 /* tables are in the direct map */

static struct iommu_domain *map;

/* --- tables ----------------------------------------------------------------------------------- */

/*
 * Out of the map with a frame that is to become a table. True: it may. False: it is in a large
 * leaf, and has become the table that splits it.
 */
static bool make_own(struct iopt *t, uint64_t frame, void *table)
{
    unsigned int level;
    uint64_t mfn;
    bool free = true;

    if (!t->root || !iopt_lookup(t, frame, &mfn, &level))
        return true;
    if (level > 1) {
        memset(table, 0, PAGE_SIZE);
        free = !iopt_split_with(t, frame, table);
    }
    iopt_clear(t, frame);
    iommu_flush_or_die(map, frame, 1);
    return free;
}

static void *own_take(struct iopt *t)
{
    struct page *pg;
    void *table;

    do {
        pg = page_alloc(0, ALLOC_BITS(OWN_BITS) | ALLOC_NO_SCRUB);
        if (!pg)
            return NULL;
        table = direct_va(mfn_to_paddr(page_to_mfn(pg)));
    } while (!make_own(t, page_to_mfn(pg).n, table));
    memset(table, 0, PAGE_SIZE);
    return table;
}

static void own_give(void *table)
{
    page_free(mfn_to_page_known(paddr_to_mfn(direct_pa(table))), 0);
}

/* --- following the allocator ------------------------------------------------------------------ */

static int add(uint64_t first, uint64_t end) REQUIRES(map->lock)
{
    unsigned int level;
    uint64_t mfn;

    if (end - first == 1 && iopt_lookup(&map->table, first, &mfn, &level))
        return 0;
    return iommu_table_set(map, first, end, first, RW);
}

static int follow(mfn_t mfn, unsigned int order, bool ours)
{
    const uint64_t first = mfn.n, end = mfn.n + (1ULL << order);
    int rc;

    spin_lock(&map->lock);
    rc = ours ? iommu_table_set(map, first, end, 0, 0) : add(first, end);
    spin_unlock(&map->lock);
    return rc;
}

/* --- device memory ---------------------------------------------------------------------------- */

/* In what dom0's devices may not write to, though it is no RAM: registers that are ours. */
static int take_out_registers(const struct iommu_ops *ops) REQUIRES(map->lock)
{
    struct iommu_range r;
    int rc = 0;

    for (unsigned int i = 0; ops->registers(i, &r) && !rc; i++)
        rc = iommu_table_set(map, r.first, r.end, 0, 0);
    for (unsigned int i = 0; i < acpi_info.madt.nr_ioapics && !rc; i++) {
        const uint64_t frame = acpi_info.madt.ioapic[i].addr / PAGE_SIZE;

        rc = iommu_table_set(map, frame, frame + 1, 0, 0);
    }
    return rc;
}

/* A range without the RAM in it. What the table cannot name, no device reaches. */
static int add_not_ram(uint64_t first, uint64_t end, unsigned int flags) REQUIRES(map->lock)
{
    int rc = 0;

    end = MIN(end, iopt_frames(&map->table));
    while (first < end && !rc) {
        uint64_t stop = first;

        while (stop < end && !mfn_is_ram(_mfn(stop)))
            stop++;
        if (stop > first)
            rc = iommu_table_set(map, first, stop, first, flags);
        for (first = stop; first < end && mfn_is_ram(_mfn(first));)
            first++;
    }
    return rc;
}

static int add_devices(const struct iommu_ops *ops) REQUIRES(map->lock)
{
    struct iommu_range r;
    int rc = opt_dom0_inclusive ? add_not_ram(0, FRAMES_4G, RW) : 0;

    for (unsigned int i = 0; i < host_e820.nr && opt_dom0_reserved && !rc; i++) {
        const struct e820_entry *e = &host_e820.entry[i];

        if (e->type == E820_RESERVED)
            rc = add_not_ram(e->start / PAGE_SIZE, DIV_ROUND_UP(e820_entry_end(e), PAGE_SIZE), RW);
    }
    for (unsigned int i = 0; ops->firmware_range(i, &r) && !rc; i++) {
        if (mfn_is_ram(_mfn(r.first)) || mfn_is_ram(_mfn(r.end - 1)))
            log_warn("IOMMU: the firmware wants devices to use RAM at %#lx: not allowed",
                     (unsigned long)r.first << PAGE_SHIFT);
        rc = add_not_ram(r.first, r.end, r.flags);
    }
    return rc ? rc : take_out_registers(ops);
}

int identity_start(struct iommu_domain *ctx, const struct iommu_ops *ops)
{
    unsigned int levels;
    int rc;

    map = ctx;
    spin_init(&map->lock, RANK_IOMMU_OWN);
    map->identity = true;
    map->table = (struct iopt){
        .kind = ops->tables(&levels), .take = own_take, .give = own_give
    };
    rc = iopt_init(&map->table, levels);
    if (rc)
        return rc;
    map->table.leaf_level = MIN(LARGE, map->table.leaf_level);
    spin_lock(&map->lock);
    rc = add_devices(ops);
    spin_unlock(&map->lock);
    if (!rc)
        page_user_hook = follow;
    return rc;
}
