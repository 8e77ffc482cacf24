/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changing the tables of a physmap. A change is planned first, with all tables that it will need,
 * and then made without a way to fail; what it takes out of use waits in p2m.detached for the
 * flush.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <arch/ioreq.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>

/* --- tables ----------------------------------------------------------------------------------- */

static struct page *page_of(const pte_t *table)
{
    return mfn_to_page_known(paddr_to_mfn(direct_pa(table)));
}

/* A stack of tables, linked through their struct page, which nobody else uses. */
static void push(struct page **list, const pte_t *table)
{
    struct page *pg = page_of(table);

    page_set_next(pg, *list ? page_to_mfn(*list).n : PAGE_LIST_END);
    *list = pg;
}

static pte_t *pop(struct page **list)
{
    struct page *pg = *list;

    *list = page_next(pg) == PAGE_LIST_END ? NULL : mfn_to_page_known(_mfn(page_next(pg)));
    return direct_va(mfn_to_paddr(page_to_mfn(pg)));
}

bool p2m_table_empty(const pte_t *table)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (table[i].v)
            return false;
    return true;
}

void p2m_detach(struct p2m *p, pte_t *table, unsigned int level)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (p2m_pte_is_table(table[i], level))
            p2m_detach(p, p2m_table_of(table[i]), level - 1);
        else
            p2m_count(p, table[i], level, false);
    push(&p->detached, table);
}

void p2m_free_detached(struct p2m *p)
{
    while (p->detached) {
        hv_page_free(pop(&p->detached), 0);
        p->used--;
    }
}

/* --- changing --------------------------------------------------------------------------------- */

static mfn_t mfn_for(const struct p2m_change *c, uint64_t gfn)
{
    return p2m_has_frame(c->type) ? _mfn(c->mfn.n + (gfn - c->first)) : INVALID_MFN;
}

/* May the entry of this level at gfn, a multiple of its reach, say it in one? */
static bool fits(const struct p2m_change *c, unsigned int level, uint64_t gfn)
{
    const uint64_t reach = p2m_reach(level);

    if (level == 1)
        return true;
    if (gfn < c->first || c->end - gfn < reach)
        return false;
    if (!p2m_has_frame(c->type))
        return level < P2M_TOP_LEVEL || c->type == P2M_NONE;
    if (level == P2M_TOP_LEVEL || c->p->only_4k ||
        (level == 3 && (c->p->no_1gb || !cpu_features.page1gb)))
        return false;
    return (mfn_for(c, gfn).n & (reach - 1)) == 0;
}

/* The part of a table that a change is about, as gfns of its entries. */
static uint64_t part_start(const struct p2m_change *c, unsigned int level, uint64_t base)
{
    return ROUND_DOWN(MAX(base, c->first), p2m_reach(level));
}
static uint64_t part_end(const struct p2m_change *c, unsigned int level, uint64_t base)
{
    return MIN(c->end, base + PT_ENTRIES * p2m_reach(level));
}

/* An entry that has to be looked at more closely, but holds nothing that could go. */
static bool nothing_to_do(const struct p2m_change *c, pte_t e)
{
    return c->type == P2M_NONE && e.v == 0;
}

/* Tables that are missing below one of ours, or below one that will be made (NULL). */
static uint32_t tables_for(const struct p2m_change *c, const pte_t *table, unsigned int level,
                           uint64_t base)
{
    const uint64_t end = part_end(c, level, base);
    uint32_t n = 0;

    if (level == 1)
        return 0;
    for (uint64_t g = part_start(c, level, base); g < end; g += p2m_reach(level)) {
        const pte_t *e = table ? &table[pt_index(g << PAGE_SHIFT, level)] : NULL;

        if (fits(c, level, g) || (e && nothing_to_do(c, *e)))
            continue;
        if (e && p2m_pte_is_table(*e, level))
            n += tables_for(c, p2m_table_of(*e), level - 1, g);
        else
            n += 1 + tables_for(c, NULL, level - 1, g);
    }
    return n;
}

static void give_back(struct p2m_change *c)
{
    while (c->spare) {
        hv_page_free(pop(&c->spare), 0);
        c->p->used--;
    }
}

/* All that a change needs; on failure what could be had. */
static int reserve(struct p2m_change *c)
{
    struct p2m *p = c->p;
    const uint32_t n = tables_for(c, p2m_root(p), P2M_TOP_LEVEL, 0);
    uint32_t got = 0;

    if (n > p->pool - p->used)
        return -ENOMEM;
    while (got < n) {
        pte_t *table = hv_page_alloc(0);

        if (!table)
            break;
        push(&c->spare, table);
        got++;
    }
    p->used += got;
    return got == n ? 0 : -ENOMEM;
}

/*
 * What a device may do at the gfns. Pages of ours that the guest shares are for its vcpus only, and
 * what is sent to a device model when written may not be written at all. Memory that is watched is
 * memory: a device cannot take a fault, so its writes are not seen, and p2m_visit(), which only
 * watches and forgets, has nothing to tell it.
 */
static unsigned int dma_flags(const struct p2m_change *c)
{
    const uint64_t flags = p2m_type_flags(c->type == P2M_LOGDIRTY ? P2M_RAM : c->type);

    if (p2m_is_ram(c->type) && c->holds)
        return 0;
    return (flags & PTE_PRESENT ? IOMMU_READ : 0) | (flags & PTE_RW ? IOMMU_WRITE : 0);
}

/* Devices first: what they lose is lost before a frame goes back, and this may fail. */
static int follow(struct domain *d, struct p2m_change *c)
{
    const unsigned int flags = dma_flags(c);

    return c->p->follow ? c->p->follow(d, c->first, flags ? c->mfn.n : 0, c->end - c->first, flags)
                        : 0;
}

/* Does a translation by the old entry allow what one by the new does not, or go elsewhere? */
static bool loses(pte_t old, pte_t new)
{
    const uint64_t diff = (old.v ^ new.v) & ~(P2M_TYPE_MASK | P2M_HOLDS);

    return pte_present(old) && diff != 0 && !(diff == PTE_RW && (new.v & PTE_RW));
}

/* What maps the gfns, as device models do, has frames that are not theirs any more. */
static bool moves(pte_t old, pte_t new)
{
    return pte_present(old) && (!pte_present(new) || p2m_pte_mfn(old).n != p2m_pte_mfn(new).n);
}

static void replace(struct p2m_change *c, pte_t *p, unsigned int level, pte_t new)
{
    const pte_t old = *p;

    write_once(p->v, new.v);
    if (p2m_pte_is_table(old, level)) {
        p2m_detach(c->p, p2m_table_of(old), level - 1);
        c->flush = true; /* the way to it may be cached, whatever was in it */
        c->moved = true;
    } else {
        p2m_count(c->p, old, level, false);
        c->flush = c->flush || loses(old, new);
        c->moved = c->moved || moves(old, new);
    }
    p2m_count(c->p, new, level, true);
}

/* The leaf or hole at p becomes a table that says the same. */
static void split(struct p2m_change *c, pte_t *p, unsigned int level)
{
    pte_t *table = pop(&c->spare);
    const pte_t e = *p;

    for (unsigned int i = 0; i < PT_ENTRIES && e.v; i++)
        table[i] = p2m_part(e, level, i);
    p2m_count(c->p, e, level, false);
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        p2m_count(c->p, table[i], level - 1, true);
    /* the cpu walks it at once */
    __atomic_store_n(&p->v, pte_make(paddr_to_mfn(direct_pa(table)), P2M_TABLE).v,
                     __ATOMIC_RELEASE);
}

static void set_range(struct p2m_change *c, pte_t *table, unsigned int level, uint64_t base)
{
    const uint64_t end = part_end(c, level, base);

    for (uint64_t g = part_start(c, level, base); g < end; g += p2m_reach(level)) {
        pte_t *p = &table[pt_index(g << PAGE_SHIFT, level)];

        if (fits(c, level, g)) {
            pte_t new = p2m_leaf(mfn_for(c, g), c->type, level);

            new.v |= c->holds ? P2M_HOLDS : 0;
            replace(c, p, level, new);
            continue;
        }
        if (nothing_to_do(c, *p))
            continue;
        if (!p2m_pte_is_table(*p, level))
            split(c, p, level);
        set_range(c, p2m_table_of(*p), level - 1, g);
        if (c->type == P2M_NONE && p2m_table_empty(p2m_table_of(*p)))
            replace(c, p, level, (pte_t){ 0 });
    }
}

/* RAM that is watched from now on, or no longer: devices may do the same as before. */
static bool is_watching(enum p2m_type a, enum p2m_type b)
{
    return (a == P2M_RAM && b == P2M_LOGDIRTY) || (a == P2M_LOGDIRTY && b == P2M_RAM);
}

static void visit(struct p2m_change *c, pte_t *table, unsigned int level, uint64_t base,
                  p2m_visit_fn *fn)
{
    const uint64_t end = part_end(c, level, base), reach = p2m_reach(level);

    for (uint64_t g = part_start(c, level, base); g < end; g += reach) {
        pte_t *p = &table[pt_index(g << PAGE_SHIFT, level)];
        const struct p2m_piece piece = { .first = MAX(g, c->first), .end = MIN(g + reach, c->end),
                                         .e = *p,
                                         .whole = g >= c->first && g + reach <= c->end };
        enum p2m_type type;

        if (p2m_pte_is_table(*p, level)) {
            visit(c, p2m_table_of(*p), level - 1, g, fn);
            continue;
        }
        type = fn(c, &piece);
        ASSERT(type == p2m_pte_type(*p) || is_watching(type, p2m_pte_type(*p)));
        if (type != p2m_pte_type(*p) && piece.whole)
            replace(c, p, level,
                    (pte_t){ p2m_leaf(p2m_pte_mfn(*p), type, level).v | (p->v & P2M_HOLDS) });
    }
}

void p2m_visit(struct p2m_change *c, p2m_visit_fn *fn)
{
    visit(c, p2m_root(c->p), P2M_TOP_LEVEL, 0, fn);
}

int p2m_change(struct domain *d, struct p2m_change *c)
{
    struct p2m *p = c->p;
    int rc = reserve(c);

    if (!rc)
        rc = follow(d, c);
    if (rc) {
        give_back(c);
        return rc;
    }
    set_range(c, p2m_root(p), P2M_TOP_LEVEL, 0);
    ASSERT(!c->spare);
    if (c->type != P2M_NONE)
        p->max_gfn = MAX(p->max_gfn, c->end - 1);
    if (c->moved)
        hvm_mapcache_invalidate(d);
    if (c->no_flush)
        return 0;
    if (c->flush)
        hvm_flush_tlb(d);
    p2m_free_detached(p);
    return 0;
}

static bool frames_in(const struct p2m_change *c, const pte_t *table, unsigned int level,
                      uint64_t base)
{
    const uint64_t end = part_end(c, level, base);

    for (uint64_t g = part_start(c, level, base); g < end; g += p2m_reach(level)) {
        const pte_t e = table[pt_index(g << PAGE_SHIFT, level)];

        if (p2m_pte_is_table(e, level) ? frames_in(c, p2m_table_of(e), level - 1, g)
                                       : p2m_needs_care(p2m_pte_type(e)))
            return true;
    }
    return false;
}

bool p2m_frames_in(const struct p2m_change *c)
{
    return frames_in(c, p2m_root(c->p), P2M_TOP_LEVEL, 0);
}
