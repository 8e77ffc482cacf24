/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a PVH dom0. Each frame is at its own address (gfn is mfn), so that what dom0 tells its
 * devices is right with no IOMMU, and what is not RAM can be mapped at its own address, too. Two
 * exceptions: the first MiB, which is copied as the firmware's and our own data there stay, and
 * frames at the kernel's fixed place that somebody else already has.
 */
#include "dom0_priv.h"

#include <arch/direct.h>
#include <arch/p2m.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/string.h>

#define FIRST_MIB_FRAMES 0x100U
#define BELOW_4G_PAGES (512ULL << 8) /* for devices that reach no further: at most half of all */

static void add(struct dom0_memory *m, uint64_t gfn, uint64_t mfn, uint64_t nr, uint32_t type)
{
    dom0_frames_add(&m->frames, gfn, _mfn(mfn), nr, type);
    m->left -= MIN(nr, m->left);
}

static void noreturn out_of_memory(const struct dom0_memory *m)
{
    boot_fail("dom0: too little memory, %lu MiB are missing", (unsigned long)(m->left >> 8));
}

uint64_t dom0_memory_low(struct dom0_memory *m, unsigned int order, unsigned int bits,
                         uint32_t type)
{
    struct page *pg = NULL;
    uint64_t mfn;

    if (order <= MAX_ORDER)
        pg = page_alloc_for(m->d, order, ALLOC_BITS(bits) | ALLOC_NO_SCRUB);
    if (pg == NULL)
        out_of_memory(m);
    mfn = page_to_mfn(pg).n;
    add(m, mfn, mfn, 1ULL << order, type);
    return mfn << PAGE_SHIFT;
}

/* --- the kernel's place ----------------------------------------------------------------------- */

static struct page *take_at(struct dom0_memory *m, uint64_t mfn, unsigned int order)
{
    struct page *pg = page_alloc_at(_mfn(mfn), order, ALLOC_NO_SCRUB);

    if (pg != NULL && page_assign(m->d, pg, order)) {
        page_free(pg, order);
        pg = NULL;
    }
    return pg;
}

/* One gfn whose own frame is in use. */
static void take_elsewhere(struct dom0_memory *m, uint64_t gfn)
{
    struct page *pg;

    if (!mfn_is_ram(_mfn(gfn)) || dom0_frames_have(&m->frames, gfn))
        boot_fail("dom0: its kernel wants to be at %#lx, where no RAM is free",
                  (unsigned long)(gfn << PAGE_SHIFT));
    pg = page_alloc_for(m->d, 0, ALLOC_NO_SCRUB);
    if (pg == NULL)
        out_of_memory(m);
    add(m, gfn, page_to_mfn(pg).n, 1, E820_RAM);
    m->moved++;
}

/* As many as can be had in one at first: how many that are. */
static uint64_t take_here(struct dom0_memory *m, uint64_t first, uint64_t nr)
{
    unsigned int order = MIN((unsigned int)__builtin_ctzll(first | BIT(MAX_ORDER)), P2M_ORDER_2M);

    while ((1ULL << order) > nr)
        order--;
    while (take_at(m, first, order) == NULL) {
        if (order == 0) {
            take_elsewhere(m, first);
            return 1;
        }
        order--;
    }
    add(m, first, first, 1ULL << order, E820_RAM);
    return 1ULL << order;
}

void dom0_memory_at(struct dom0_memory *m, uint64_t first, uint64_t nr)
{
    while (nr > 0) {
        const uint64_t done = take_here(m, first, nr);

        first += done;
        nr -= done;
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

void dom0_memory_first_mib(struct dom0_memory *m, const struct e820 *host)
{
    for (uint64_t gfn = 0; gfn < FIRST_MIB_FRAMES; gfn++) {
        struct page *pg;
        void *va;

        if (!e820_range_is(host, gfn << PAGE_SHIFT, PAGE_SIZE, E820_RAM))
            continue;
        pg = page_alloc_for(m->d, 0, ALLOC_NO_SCRUB);
        if (pg == NULL)
            out_of_memory(m);
        va = page_map(page_to_mfn(pg));
        memcpy(va, direct_va(gfn << PAGE_SHIFT), PAGE_SIZE);
        page_unmap(va);
        add(m, gfn, page_to_mfn(pg).n, 1, E820_RAM);
    }
}

static void take_many(struct dom0_memory *m, uint64_t nr, uint32_t flags)
{
    const uint64_t stop = m->left - MIN(nr, m->left);
    unsigned int order = MAX_ORDER;

    while (m->left > stop) {
        struct page *pg;
        uint64_t mfn;

        while ((1ULL << order) > m->left - stop)
            order--;
        while ((pg = page_alloc_for(m->d, order, flags | ALLOC_NO_SCRUB)) == NULL && order > 0)
            order--;
        if (pg == NULL)
            return;
        mfn = page_to_mfn(pg).n;
        add(m, mfn, mfn, 1ULL << order, E820_RAM);
    }
}

void dom0_memory_rest(struct dom0_memory *m)
{
    if (mfn_max().n >> (32 - PAGE_SHIFT))
        take_many(m, MIN(m->left / 2, BELOW_4G_PAGES), ALLOC_BITS(32));
    take_many(m, m->left, 0);
    if (m->left > 0)
        out_of_memory(m);
}

/* --- into the physmap ------------------------------------------------------------------------- */

static void map_chunk(struct dom0_memory *m, const struct dom0_chunk *c)
{
    static const unsigned int orders[] = { P2M_ORDER_1G, P2M_ORDER_2M, P2M_ORDER_4K };

    for (uint64_t k = 0; k < c->nr;) {
        const uint64_t both = (c->gfn + k) | (c->mfn.n + k);
        unsigned int i = 0;

        while (both & (BIT(orders[i]) - 1) || BIT(orders[i]) > c->nr - k)
            i++;
        if (p2m_set(m->d, _gfn(c->gfn + k), orders[i], _mfn(c->mfn.n + k), P2M_RAM, NULL))
            boot_fail("dom0: out of memory for its physmap");
        k += BIT(orders[i]);
    }
    for (uint64_t k = 0; k < c->nr; k++)
        m2p_set(_mfn(c->mfn.n + k), c->gfn + k);
}

void dom0_memory_map(struct dom0_memory *m)
{
    for (unsigned int i = 0; i < m->frames.nr_chunks; i++)
        map_chunk(m, &m->frames.chunk[i]);
}
