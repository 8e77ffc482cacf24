/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second reader of I/O page tables, written from the specifications (AMD's 48882, "I/O Page
 * Tables for Host Translations"; Intel's D51397, 9.8 "Second-Level Paging Entries") and not from
 * our code: it knows memory as an array of 64-bit words, any next level, and the rules on reserved
 * bits. And a world of real frames for the tables.
 */
#ifndef HOST_IOPT_CHECK_H
#define HOST_IOPT_CHECK_H

#include "p2m_world.h"

#include <stdlib.h>
#include <string.h>

#include <arch/direct.h>
#include <hv/iommu.h>

#include "../../drivers/iommu/iopt.h"

#define IOPT_RAM_END P2M_RAM_END

static int iopt_budget = 1 << 30; /* tables that may still be taken */

static inline void *iopt_take(struct iopt *t)
{
    return iopt_budget-- > 0 ? hv_page_alloc(0) : NULL;
}

static inline void iopt_give(void *table)
{
    hv_page_free(table, 0);
}

static inline void iopt_world(void)
{
    p2m_machine_start();
    hv_page_free(hv_page_alloc(0), 0); /* the first one takes tables of its own */
}

static inline uint64_t dma_word(uint64_t pa)
{
    uint64_t v;

    if (pa >= IOPT_RAM_END || pa % 8)
        abort();
    memcpy(&v, direct_va(pa), 8);
    return v;
}

/* Where an access to addr goes, ~0: nowhere; the rights of all entries on the way in *rights. */
static inline uint64_t dma_walk(uint64_t root, unsigned int mode, uint64_t addr,
                                unsigned int *rights)
{
    unsigned int level = mode, perm = 3;
    uint64_t table = root;

    *rights = 0;
    if (mode < 6 && addr >> (12 + 9 * mode))
        return ~0ULL;
    for (;;) {
        const uint64_t pte = dma_word(table + ((addr >> (3 + 9 * level)) & 0x1ff) * 8);
        const unsigned int next = pte >> 9 & 7;

        if (!(pte & 1)) {
            if (pte)
                abort(); /* nothing of ours is kept in entries that are not present */
            return ~0ULL;
        }
        if (pte & 0x81f00000000001feULL || (next && next >= level))
            abort(); /* reserved bits; a level that does not get lower */
        perm &= pte >> 61 & 3;
        if (next == 0) {
            const uint64_t size = 1ULL << (12 + 9 * (level - 1)), to = pte & 0xffffffffff000ULL;

            if (to & (size - 1))
                abort(); /* a leaf is aligned to its size */
            *rights = perm;
            return perm ? to | (addr & (size - 1)) : ~0ULL;
        }
        table = pte & 0xffffffffff000ULL;
        level = next;
    }
}

/* The same in Intel's format: 3 or 4 levels; bit 7 makes a leaf above the first. */
static inline uint64_t vtd_walk(uint64_t root, unsigned int levels, uint64_t addr,
                                unsigned int *rights)
{
    uint64_t table = root;
    unsigned int perm = 3;

    *rights = 0;
    if (addr >> (12 + 9 * levels))
        return ~0ULL;
    for (unsigned int level = levels;; level--) {
        const unsigned int shift = 12 + 9 * (level - 1);
        const uint64_t pte = dma_word(table + (addr >> shift & 0x1ff) * 8);
        const bool large = pte & 0x80, is_leaf = level == 1 || large;

        if (!(pte & 3)) {
            if (pte)
                abort(); /* nothing of ours is kept in entries that are not present */
            return ~0ULL;
        }
        if (pte & 0xfff000000000077cULL || (large && (level == 1 || level > 3)))
            abort(); /* reserved and ignored bits; a leaf where none may be */
        if (pte & 0x800 && !is_leaf)
            abort();
        perm &= pte & 3;
        if (is_leaf) {
            const uint64_t to = pte & 0xffffffffff000ULL;

            if (to & ((1ULL << shift) - 1))
                abort();
            *rights = perm;
            return to | (addr & ((1ULL << shift) - 1));
        }
        table = pte & 0xffffffffff000ULL;
    }
}

/* As an IOMMU says that it wants them. */
static const struct iopt_kind iopt_vtd = {
    .read = 1, .write = 2, .large = 0x80, .leaf = 0x800, .leaf_level = 3
};

static inline bool is_amd(const struct iopt *t) { return t->kind == &iopt_amd; }

static inline uint64_t iopt_dma(const struct iopt *t, uint64_t frame, unsigned int *rights)
{
    const uint64_t root = direct_pa(t->root),
                   to = is_amd(t) ? dma_walk(root, t->levels, frame << 12, rights)
                                  : vtd_walk(root, t->levels, frame << 12, rights);

    return to == ~0ULL ? to : to >> 12;
}

/* Tables that one of a level leads to, itself included. */
static inline uint32_t dma_tables_at(const struct iopt *t, uint64_t table, unsigned int level)
{
    uint32_t n = 1;

    for (unsigned int i = 0; i < 512; i++) {
        const uint64_t pte = dma_word(table + 8 * i);
        unsigned int next = pte & 3 && !(pte & 0x80) ? level - 1 : 0;

        if (is_amd(t))
            next = pte & 1 ? pte >> 9 & 7 : 0;
        if (next)
            n += dma_tables_at(t, pte & 0xffffffffff000ULL, next);
    }
    return n;
}

static inline uint32_t dma_tables(const struct iopt *t)
{
    return dma_tables_at(t, direct_pa(t->root), t->levels);
}

/*
 * A model: what each frame of a window leads to. The window lies across a border of 1 GiB, so
 * that changes touch leaves of all sizes.
 */
#define MODEL_FRAMES (3U << 18)
struct iopt_model {
    uint64_t base;
    uint64_t to[MODEL_FRAMES]; /* frame << 2 | rights; 0 nothing */
};

static inline void model_set(struct iopt_model *m, uint64_t first, uint64_t end, uint64_t mfn,
                             unsigned int flags)
{
    for (uint64_t f = first; f < end; f++)
        m->to[f - m->base] = flags ? (mfn + (f - first)) << 2 | flags : 0;
}

static inline bool model_holds(const struct iopt_model *m, const struct iopt *t, uint64_t frame)
{
    unsigned int rights;
    const uint64_t to = iopt_dma(t, frame, &rights), want = m->to[frame - m->base];

    return want ? to == want >> 2 && rights == (want & 3) : to == ~0ULL;
}

#endif
