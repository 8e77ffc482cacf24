/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physmap of a translated domain: looking up and changing entries. A change is planned first,
 * with all tables that it will need, and then made without a way to fail; what it takes out of use
 * waits in p2m.detached for the flush. The end of a physmap is in p2m_life.c.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <arch/page_type.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>

#define MAX_MFN (BIT(52 - PAGE_SHIFT) - 1)

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

/* --- looking up ------------------------------------------------------------------------------- */

unsigned int p2m_gpa_bits(void) { return MIN(cpu_features.phys_bits, 48U); }

static struct p2m_entry walk(const struct p2m *p, uint64_t gfn)
{
    const pte_t *table = p2m_root(p);
    struct p2m_entry out = { .mfn = INVALID_MFN, .type = P2M_NONE };

    if (gfn >> (p2m_gpa_bits() - PAGE_SHIFT))
        return out;
    for (unsigned int level = P2M_TOP_LEVEL;; level--) {
        const pte_t e = table[pt_index(gfn << PAGE_SHIFT, level)];

        if (p2m_pte_is_table(e, level)) {
            table = p2m_table_of(e);
            continue;
        }
        out.type = p2m_pte_type(e);
        out.order = 9 * (level - 1);
        out.holds = e.v & P2M_HOLDS;
        if (p2m_has_frame(out.type))
            out.mfn = _mfn(p2m_pte_mfn(e).n + (gfn & (p2m_reach(level) - 1)));
        return out;
    }
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    struct p2m_entry e;

    spin_lock(&d->arch.hvm->p2m.lock);
    e = walk(&d->arch.hvm->p2m, gfn.n);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return e;
}

/* Under the lock: what the entry holds, or the allocation, keeps the page and its owner. */
static struct page *get_page(struct domain *d, const struct p2m_entry *e)
{
    struct page *pg = p2m_needs_care(e->type) ? mfn_to_page(e->mfn) : NULL;
    const struct domain *owner = d;

    if (pg && !p2m_is_ram(e->type))
        owner = page_owner(pg);
    return pg && owner && page_get(pg, owner) ? pg : NULL;
}

static bool may_write(enum p2m_type t)
{
    return p2m_type_flags(t) & PTE_RW;
}

struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type)
{
    struct page *pg = NULL;
    struct p2m_entry e;

    spin_lock(&d->arch.hvm->p2m.lock);
    e = walk(&d->arch.hvm->p2m, gfn.n);
    if (!write || may_write(e.type))
        pg = get_page(d, &e);
    spin_unlock(&d->arch.hvm->p2m.lock);
    if (type)
        *type = e.type;
    return pg;
}

uint64_t p2m_max_gfn(struct domain *d) { return read_once(d->arch.hvm->p2m.max_gfn); }

/* --- changing --------------------------------------------------------------------------------- */

/* What shall be at the gfns from first to before end. */
struct change {
    struct p2m *p;
    uint64_t first, end;
    mfn_t mfn;           /* of first */
    enum p2m_type type;
    bool holds;
    struct page *spare;  /* as many tables as it takes */
    bool flush;          /* somebody could still have more than there is now */
};

static mfn_t mfn_for(const struct change *c, uint64_t gfn)
{
    return p2m_has_frame(c->type) ? _mfn(c->mfn.n + (gfn - c->first)) : INVALID_MFN;
}

/* May the entry of this level at gfn, a multiple of its reach, say it in one? */
static bool fits(const struct change *c, unsigned int level, uint64_t gfn)
{
    const uint64_t reach = p2m_reach(level);

    if (level == 1)
        return true;
    if (gfn < c->first || c->end - gfn < reach)
        return false;
    if (!p2m_has_frame(c->type))
        return level < P2M_TOP_LEVEL || c->type == P2M_NONE;
    if (level == P2M_TOP_LEVEL || c->p->only_4k || (level == 3 && !cpu_features.page1gb))
        return false;
    return (mfn_for(c, gfn).n & (reach - 1)) == 0;
}

/* The part of a table that a change is about, as gfns of its entries. */
static uint64_t part_start(const struct change *c, unsigned int level, uint64_t base)
{
    return ROUND_DOWN(MAX(base, c->first), p2m_reach(level));
}
static uint64_t part_end(const struct change *c, unsigned int level, uint64_t base)
{
    return MIN(c->end, base + PT_ENTRIES * p2m_reach(level));
}

/* An entry that has to be looked at more closely, but holds nothing that could go. */
static bool nothing_to_do(const struct change *c, pte_t e)
{
    return c->type == P2M_NONE && e.v == 0;
}

/* Tables that are missing below one of ours, or below one that will be made (NULL). */
static uint32_t tables_for(const struct change *c, const pte_t *table, unsigned int level,
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
static int reserve(struct change *c)
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

static void replace(struct change *c, pte_t *p, unsigned int level, pte_t new)
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
static void split(struct change *c, pte_t *p, unsigned int level)
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

static void set_range(struct change *c, pte_t *table, unsigned int level, uint64_t base)
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

/* Lock held. -ENOMEM: nothing has changed. */
static int change(struct domain *d, struct change *c) REQUIRES(d->arch.hvm->p2m.lock)
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

/* --- what was there --------------------------------------------------------------------------- */

static bool frames_in(const struct change *c, const pte_t *table, unsigned int level, uint64_t base)
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

/* Is all of the change's range in the one leaf or hole that e is? */
static bool one_piece(const struct change *c, const struct p2m_entry *e)
{
    return (c->first & (BIT(e->order) - 1)) + (c->end - c->first) <= BIT(e->order);
}

/* May it be changed? Under the lock. */
static int look(const struct change *c, const struct p2m_entry *from, struct p2m_entry *old)
{
    struct p2m_entry e = walk(c->p, c->first);
    const bool one = one_piece(c, &e);

    if (c->p->closed)
        return -EINVAL;
    if (from)
        return one && e.type == from->type && mfn_eq(e.mfn, from->mfn) ? 0 : -EAGAIN;
    if (one ? !old && p2m_needs_care(e.type) : frames_in(c, p2m_root(c->p), P2M_TOP_LEVEL, 0))
        return -EBUSY;
    if (!one)
        e = (struct p2m_entry){ .mfn = INVALID_MFN, .type = P2M_NONE };
    if (old)
        *old = e;
    return 0;
}

static bool holds(const struct change *c)
{
    struct page *pg;

    if (!p2m_is_ram(c->type))
        return p2m_needs_care(c->type);
    pg = mfn_to_page(c->mfn);
    return pg && (read_once(pg->ref) & PAGE_XEN);
}

static bool sane(const struct change *c, unsigned int order)
{
    const uint64_t gfns = BIT(p2m_gpa_bits() - PAGE_SHIFT);

    if (order > P2M_ORDER_1G || c->type >= P2M_NR_TYPES || c->first >= gfns || c->end > gfns)
        return false;
    if (p2m_has_frame(c->type) && (c->mfn.n > MAX_MFN || c->mfn.n + BIT(order) - 1 > MAX_MFN))
        return false;
    return order == 0 || !c->holds;
}

static int set(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
               const struct p2m_entry *from, struct p2m_entry *old)
{
    struct change c = { .p = &d->arch.hvm->p2m, .first = gfn.n, .mfn = mfn, .type = type };
    int rc;

    c.end = gfn.n + BIT(order & 63);
    c.holds = holds(&c);
    if (!sane(&c, order))
        return -EINVAL;
    if (c.holds && !p2m_is_ram(type))
        page_note_foreign(mfn_to_page_known(mfn));
    spin_lock(&d->arch.hvm->p2m.lock);
    rc = look(&c, from, old);
    if (!rc)
        rc = change(d, &c);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return rc;
}

int p2m_set(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
            struct p2m_entry *old)
{
    return set(d, gfn, order, mfn, type, NULL, old);
}

int p2m_swap(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
             const struct p2m_entry *from)
{
    return set(d, gfn, order, mfn, type, from, NULL);
}

int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type from, enum p2m_type to)
{
    struct change c = { .p = &d->arch.hvm->p2m, .first = gfn.n, .end = gfn.n + 1, .type = to };
    struct p2m_entry e;
    int rc = -EBUSY;

    if (!p2m_is_ram(from) || !p2m_is_ram(to))
        return -EINVAL;
    spin_lock(&d->arch.hvm->p2m.lock);
    e = walk(c.p, gfn.n);
    c.mfn = e.mfn;
    c.holds = e.holds;
    if (e.type == from && !c.p->closed)
        rc = change(d, &c);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return rc;
}

void p2m_entry_put(const struct p2m_entry *old)
{
    struct page *pg;

    if (!old->holds)
        return;
    pg = mfn_to_page_known(old->mfn);
    if (old->type == P2M_FOREIGN)
        page_put_type(pg);
    page_put(pg);
}
