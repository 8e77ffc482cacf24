/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changing the tables of a physmap. A change is planned first, with all tables that it will need,
 * and then made without a way to fail; what it takes out of use waits in p2m.detached for the
 * flush.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
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
        else if (table[i].v)
            p->nr[level - 1]--;
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

/* All that a change needs, or nothing. */
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
    if (got == n) {
        p->used += n;
        return 0;
    }
    while (c->spare)
        hv_page_free(pop(&c->spare), 0);
    return -ENOMEM;
}

/* Does a translation by the old entry allow what one by the new does not, or go elsewhere? */
static bool loses(pte_t old, pte_t new)
{
    const uint64_t diff = (old.v ^ new.v) & ~(P2M_TYPE_MASK | P2M_HOLDS);

    return pte_present(old) && diff != 0 && !(diff == PTE_RW && (new.v & PTE_RW));
}

static void replace(struct p2m_change *c, pte_t *p, unsigned int level, pte_t new)
{
    const pte_t old = *p;

    write_once(p->v, new.v);
    if (p2m_pte_is_table(old, level)) {
        p2m_detach(c->p, p2m_table_of(old), level - 1);
        c->flush = true; /* the way to it may be cached, whatever was in it */
    } else {
        c->p->nr[level - 1] -= old.v != 0; /* level 4 has neither */
        c->flush = c->flush || loses(old, new);
    }
    if (new.v)
        c->p->nr[level - 1]++;
}

/* The leaf or hole at p becomes a table that says the same. */
static void split(struct p2m_change *c, pte_t *p, unsigned int level)
{
    pte_t *table = pop(&c->spare);
    const pte_t e = *p;

    for (unsigned int i = 0; i < PT_ENTRIES && e.v; i++)
        table[i] = p2m_part(e, level, i);
    if (e.v) {
        c->p->nr[level - 1]--;
        c->p->nr[level - 2] += PT_ENTRIES;
    }
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

int p2m_change(struct domain *d, struct p2m_change *c)
{
    struct p2m *p = c->p;
    int rc = reserve(c);

    if (rc)
        return rc;
    set_range(c, p2m_root(p), P2M_TOP_LEVEL, 0);
    ASSERT(!c->spare);
    if (c->type != P2M_NONE)
        p->max_gfn = MAX(p->max_gfn, c->end - 1);
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
