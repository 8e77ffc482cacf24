/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A change goes over its range in the largest steps that alignment allows. What it needs in tables
 * is counted first and taken at once; then it is made without a way to fail. A table goes when a
 * larger leaf or hole takes its place, not when its last entry does.
 */
#include "iopt.h"

#include <arch/direct.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>

#define ENTRIES 512U

/* Frames behind an entry of a level. */
static uint64_t reach(unsigned int level) { return level > 1 ? 1ULL << (9 * (level - 1)) : 1; }

uint64_t iopt_frames(const struct iopt *t)
{
    const unsigned int bits = 9U * t->levels;

    return 1ULL << MIN(bits, 64U - PAGE_SHIFT);
}

const struct iopt_kind iopt_amd = {
    .read = IOPTE_READ,
    .write = IOPTE_WRITE,
    .leaf = IOPTE_PRESENT | IOPTE_COHERENT,
    .table = IOPTE_PRESENT | IOPTE_COHERENT,
    .names_levels = true,
    .leaf_level = IOPT_LEAF_LEVEL,
};

/* The level of the table that an entry of a level leads to; 0: to none. */
static unsigned int next_level(const struct iopt *t, uint64_t e, unsigned int level)
{
    const struct iopt_kind *k = t->kind;

    if (!(e & (k->read | k->write)))
        return 0;
    if (k->names_levels)
        return (unsigned int)(e >> IOPTE_NEXT_SHIFT) & 7;
    return e & k->large ? 0 : level - 1;
}
static uint64_t *table_of(uint64_t e) { return direct_va(e & IOPTE_ADDR); }
static uint64_t *entry_in(uint64_t *table, unsigned int level, uint64_t frame)
{
    return &table[frame / reach(level) % ENTRIES];
}

static uint64_t leaf(const struct iopt *t, unsigned int level, uint64_t mfn, unsigned int flags)
{
    const struct iopt_kind *k = t->kind;

    if (!flags)
        return 0;
    return k->leaf | (level > 1 ? k->large : 0) | mfn << PAGE_SHIFT |
           (flags & IOMMU_READ ? k->read : 0) | (flags & IOMMU_WRITE ? k->write : 0);
}

/* Rights are those of all entries on the way together: a table takes none away. */
static uint64_t to_table(const struct iopt *t, const void *table, unsigned int level)
{
    const struct iopt_kind *k = t->kind;

    return k->table | k->read | k->write | direct_pa(table) |
           (k->names_levels ? (uint64_t)level << IOPTE_NEXT_SHIFT : 0);
}

static void wrote(const struct iopt *t, const void *p, size_t bytes)
{
    if (t->kind->wrote)
        t->kind->wrote(p, bytes);
}

static void set_entry(const struct iopt *t, uint64_t *e, uint64_t v)
{
    __atomic_store_n(e, v, __ATOMIC_RELEASE);
    wrote(t, e, sizeof(*e));
}

/* --- lists of tables, linked through their struct page ---------------------------------------- */

static void push(struct page **list, const void *table)
{
    struct page *pg = mfn_to_page_known(paddr_to_mfn(direct_pa(table)));

    page_set_next(pg, *list ? page_to_mfn(*list).n : PAGE_LIST_END);
    *list = pg;
}

static void *pop(struct page **list)
{
    struct page *pg = *list;

    *list = page_next(pg) == PAGE_LIST_END ? NULL : mfn_to_page_known(_mfn(page_next(pg)));
    return direct_va(mfn_to_paddr(page_to_mfn(pg)));
}

static void give_all(struct iopt *t, struct page **list)
{
    while (*list) {
        t->give(pop(list));
        t->tables--;
    }
}

static bool take_all(struct iopt *t, uint64_t nr)
{
    for (; nr; nr--) {
        void *table = t->take(t);

        if (!table) {
            give_all(t, &t->spare);
            return false;
        }
        t->tables++;
        push(&t->spare, table);
    }
    return true;
}

static void detach(struct iopt *t, uint64_t *table, unsigned int level)
{
    for (unsigned int i = 0; i < ENTRIES && level > 1; i++)
        if (next_level(t, table[i], level))
            detach(t, table_of(table[i]), level - 1);
    push(&t->detached, table);
}

void iopt_free_detached(struct iopt *t) { give_all(t, &t->detached); }

/* --- life ------------------------------------------------------------------------------------- */

int iopt_init(struct iopt *t, unsigned int levels)
{
    if (levels < IOPT_MIN_LEVELS || levels > IOPT_MAX_LEVELS)
        return -EINVAL;
    if (!t->kind)
        t->kind = &iopt_amd;
    t->levels = (uint8_t)levels;
    t->leaf_level = t->kind->leaf_level;
    t->root = t->take(t);
    if (!t->root)
        return -ENOMEM;
    wrote(t, t->root, PAGE_SIZE);
    t->tables = 1;
    return 0;
}

void iopt_exit(struct iopt *t)
{
    if (!t->root)
        return;
    detach(t, t->root, t->levels);
    t->root = NULL;
    give_all(t, &t->detached);
    ASSERT(t->tables == 0);
}

/* --- changes ---------------------------------------------------------------------------------- */

struct change {
    uint64_t first, end, mfn;
    unsigned int flags;
};

/* The entry for frame, at level or above where there is no table on the way; *at is its level. */
static uint64_t *find(const struct iopt *t, uint64_t frame, unsigned int level, unsigned int *at)
{
    unsigned int next;
    uint64_t *e;

    *at = t->levels;
    e = entry_in(t->root, *at, frame);
    while (*at > level && (next = next_level(t, *e, *at)) != 0) {
        *at = next;
        e = entry_in(table_of(*e), *at, frame);
    }
    return e;
}

/* The level of the largest entry that may be set in one at frame. */
static unsigned int step_level(const struct iopt *t, const struct change *c, uint64_t frame)
{
    const uint64_t mfn = c->flags ? c->mfn + (frame - c->first) : 0;
    unsigned int level = MIN((unsigned int)t->leaf_level, (unsigned int)t->levels);

    while (level > 1 && (((frame | mfn) & (reach(level) - 1)) || c->end - frame < reach(level)))
        level--;
    return level;
}

/* Nothing is there and nothing shall be: on with what is behind this entry. */
static bool skips(const struct change *c, uint64_t e) { return !c->flags && !e; }

static uint64_t behind(const struct change *c, uint64_t frame, unsigned int level)
{
    return MIN(c->end, ROUND_DOWN(frame, reach(level)) + reach(level));
}

/* Tables that are missing for the change. */
static uint64_t count(const struct iopt *t, const struct change *c)
{
    uint64_t last[IOPT_MAX_LEVELS + 1], n = 0;

    for (unsigned int i = 0; i <= IOPT_MAX_LEVELS; i++)
        last[i] = UINT64_MAX;
    for (uint64_t f = c->first; f < c->end;) {
        unsigned int level = step_level(t, c, f), at;
        const uint64_t *e = find(t, f, level, &at);

        if (skips(c, *e)) {
            f = behind(c, f, at);
            continue;
        }
        for (; at > level; at--)
            if (last[at] != f / reach(at)) {
                last[at] = f / reach(at);
                n++;
            }
        f += reach(level);
    }
    return n;
}

/* The leaf or hole becomes a table that says the same. True: it was a leaf. */
static bool split(const struct iopt *t, uint64_t *e, unsigned int level, uint64_t *table)
{
    const uint64_t old = *e, first = level == 2 ? old & ~t->kind->large : old;

    for (unsigned int i = 0; i < ENTRIES && old; i++)
        table[i] = first + (i * reach(level - 1) << PAGE_SHIFT);
    wrote(t, table, PAGE_SIZE);
    set_entry(t, e, to_table(t, table, level - 1));
    return old != 0;
}

/* Does the old entry allow what the new does not, or lead elsewhere? */
static bool loses(const struct iopt *t, uint64_t old, uint64_t new)
{
    const uint64_t rights = t->kind->read | t->kind->write;

    return old && (((old ^ new) & ~rights) || (old & ~new & rights));
}

static void set_one(struct iopt *t, struct change *c, uint64_t f, unsigned int level, bool *flush)
{
    unsigned int at;
    uint64_t *e = find(t, f, level, &at), old, new;

    while (at > level) {
        if (split(t, e, at, pop(&t->spare)))
            *flush = true;
        e = find(t, f, level, &at);
    }
    old = *e;
    new = leaf(t, level, c->mfn + (f - c->first), c->flags);
    set_entry(t, e, new);
    if (next_level(t, old, level)) {
        detach(t, table_of(old), level - 1);
        *flush = true;
    } else if (loses(t, old, new)) {
        *flush = true;
    }
}

int iopt_set(struct iopt *t, uint64_t first, uint64_t end, uint64_t mfn, unsigned int flags,
             bool *flush)
{
    struct change c = { .first = first, .end = end, .mfn = mfn, .flags = flags };

    *flush = t->kind->remembers_holes && first < end;
    if (first > end || end > iopt_frames(t))
        return -EINVAL;
    if (flags && (mfn >> (52 - PAGE_SHIFT) || (mfn + (end - first)) >> (52 - PAGE_SHIFT)))
        return -EINVAL;
    if (!take_all(t, count(t, &c)))
        return -ENOMEM;
    for (uint64_t f = first; f < end;) {
        const unsigned int level = step_level(t, &c, f);
        unsigned int at;

        if (skips(&c, *find(t, f, level, &at))) {
            f = behind(&c, f, at);
            continue;
        }
        set_one(t, &c, f, level, flush);
        f += reach(level);
    }
    give_all(t, &t->spare); /* take() may have split what was to be split */
    return 0;
}

/* --- looking ---------------------------------------------------------------------------------- */

unsigned int iopt_lookup(const struct iopt *t, uint64_t frame, uint64_t *mfn, unsigned int *level)
{
    uint64_t e;

    if (frame >= iopt_frames(t)) {
        *level = t->levels;
        return 0;
    }
    e = *find(t, frame, 1, level);
    *mfn = ((e & IOPTE_ADDR) >> PAGE_SHIFT) + (frame & (reach(*level) - 1));
    return (e & t->kind->read ? IOMMU_READ : 0) | (e & t->kind->write ? IOMMU_WRITE : 0);
}

bool iopt_split_with(struct iopt *t, uint64_t frame, void *table)
{
    unsigned int at;
    uint64_t *e = find(t, frame, 1, &at);

    if (at == 1 || !*e)
        return false;
    split(t, e, at, table);
    t->tables++;
    return true;
}

void iopt_clear(struct iopt *t, uint64_t frame)
{
    unsigned int at;
    uint64_t *e = find(t, frame, 1, &at);

    ASSERT(at == 1);
    set_entry(t, e, 0);
}
