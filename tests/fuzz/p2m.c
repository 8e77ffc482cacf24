/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 2000 */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/*
 * Changes of a physmap against a model: the list of all changes, of which the last that covers a
 * gfn says what is there. Input: a byte of settings, then 6 bytes a step: what, type and order,
 * gfn, offset, frame, extra. A change that is refused leaves every bit of the tables; one that
 * takes something away has flushed; held pages have a reference for each entry.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/p2m_world.h"

#include <hv/errno.h>

#define MAX_STEPS 64
#define HELD 3 /* pages: another's, another's, one of ours */
#define BIG (8ULL << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
    uint64_t first, end, mfn;
    enum p2m_type type;
};

static struct domain *d, *other;
static struct said said[MAX_STEPS];
static unsigned int nr_said;
static struct page *held[HELD];
static uint32_t entries[HELD];
static struct p2m_entry last; /* of an earlier look */

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* --- the model -------------------------------------------------------------------------------- */

static struct said model_at(uint64_t gfn)
{
    for (unsigned int i = nr_said; i-- > 0;)
        if (gfn >= said[i].first && gfn < said[i].end) {
            struct said s = said[i];

            s.mfn = p2m_has_frame(s.type) ? s.mfn + (gfn - s.first) : INVALID_MFN.n;
            return s;
        }
    return (struct said){ .mfn = INVALID_MFN.n, .type = P2M_NONE };
}

static void agrees(uint64_t gfn)
{
    const struct said s = model_at(gfn);
    const struct p2m_entry e = p2m_lookup(d, _gfn(gfn));
    const uint64_t first = ROUND_DOWN(gfn, BIT(e.order)), end = first + BIT(e.order) - 1;

    require(e.type == s.type && e.mfn.n == s.mfn);
    /* and so does all of its leaf */
    require(model_at(first).type == s.type && model_at(end).type == s.type);
    require(!p2m_has_frame(s.type) || model_at(end).mfn - model_at(first).mfn == end - first);
}

/* What is at the gfns where something begins or ends, which is all that can differ. */
static void all_agrees(void)
{
    for (unsigned int i = 0; i < nr_said; i++) {
        agrees(said[i].first);
        agrees(said[i].end - 1);
        agrees(said[i].end);
        if (said[i].first)
            agrees(said[i].first - 1);
    }
}

/* Is there a gfn in the range of which it holds? */
static bool any(const struct said *c, bool (*is)(const struct said *was, const struct said *c))
{
    struct said was = model_at(c->first);
    bool found = is(&was, c);

    for (unsigned int i = 0; i < nr_said && !found; i++) {
        const uint64_t at[] = { said[i].first, said[i].end };

        for (unsigned int k = 0; k < 2; k++)
            if (at[k] > c->first && at[k] < c->end) {
                was = model_at(at[k]);
                was.first = at[k];
                found = found || is(&was, c);
            }
    }
    return found;
}

static bool has_frame(const struct said *was, const struct said *c)
{
    return p2m_needs_care(was->type);
}

static bool loses_something(const struct said *was, const struct said *c)
{
    const uint64_t old = p2m_type_flags(was->type), new = p2m_type_flags(c->type);
    const uint64_t gfn = MAX(was->first, c->first);

    return p2m_has_frame(was->type) &&
           (!p2m_has_frame(c->type) || was->mfn != c->mfn + (gfn - c->first) ||
            (old & ~new & PTE_RW) || (new & ~old & PTE_NX));
}

/* --- steps ------------------------------------------------------------------------------------ */

static uint64_t picture(const pte_t *table, unsigned int level)
{
    uint64_t sum = level;

    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        sum = sum * 6364136223846793005ULL + table[i].v;
        if (p2m_pte_is_table(table[i], level))
            sum += picture(p2m_table_of(table[i]), level - 1);
    }
    return sum;
}

static unsigned int held_index(uint64_t mfn)
{
    for (unsigned int i = 0; i < HELD; i++)
        if (page_to_mfn(held[i]).n == mfn)
            return i;
    return HELD;
}

/* An entry is gone: its reference is dropped, and as it should be. */
static void gone(const struct p2m_entry *old)
{
    const unsigned int i = old->holds ? held_index(old->mfn.n) : HELD;

    if (!old->holds)
        return;
    require(i < HELD && entries[i] > 0);
    entries[i]--;
    p2m_entry_put(old);
}

static void give_reference(const struct said *c, unsigned int i)
{
    require(page_get(held[i], i < 2 ? other : d));
    if (c->type == P2M_FOREIGN)
        require(!page_get_type(held[i], PT_WRITABLE));
    entries[i]++;
}

/* A write that is noted makes the one of the other. */
static bool was_watched(enum p2m_type t) { return t == P2M_RAM || t == P2M_LOGDIRTY; }

/* The change was made, or not. old, if not NULL, is what was there. */
static void outcome(struct said *c, int rc, const struct p2m_entry *old, bool care, uint64_t before,
                    unsigned int flushes)
{
    const unsigned int h = c->type >= P2M_RAM ? held_index(c->mfn) : HELD;

    if (rc) {
        require(picture(p2m_root(&d->arch.hvm->p2m), P2M_TOP_LEVEL) == before);
        require(flushed.nr == flushes);
        if (h < HELD) { /* the reference that was brought */
            const struct p2m_entry mine = { .mfn = _mfn(c->mfn), .type = c->type, .holds = true };

            gone(&mine);
        }
        return;
    }
    require(care || !any(c, has_frame));
    if (any(c, loses_something))
        require(flushed.nr > flushes && flushed.tables_in_use);
    if (old && old->type != P2M_NONE) {
        const struct said s = model_at(c->first);

        require((old->type == s.type || (was_watched(old->type) && was_watched(s.type))) &&
                old->mfn.n == s.mfn);
    }
    if (old)
        gone(old);
    said[nr_said++] = *c;
}

static uint64_t pick_gfn(const uint8_t *in)
{
    static const uint16_t off[] = { 0, 1, 5, 511, 512, 513, 1024, 1535 };
    const uint64_t top = in[2] & 0x40 ? BIT(p2m_gpa_bits() - PAGE_SHIFT) - BIT(18) : 0;

    return top + ((uint64_t)(in[2] & 3) << 18) + ((uint64_t)(in[2] >> 2 & 3) << 9) +
           off[in[3] & 7];
}

static struct said pick(const uint8_t *in, unsigned int *order)
{
    static const uint8_t orders[] = { 0, 0, 0, 0, 9, 9, 18, 3 };
    static const uint16_t off[] = { 0, 0, 1, 512 };
    struct said c = { .first = pick_gfn(in), .type = (enum p2m_type)(in[1] % P2M_NR_TYPES) };

    *order = orders[in[1] >> 5];
    c.mfn = BIG + ((uint64_t)(in[4] & 7) << 18) + off[in[4] >> 3 & 3];
    if (c.type >= P2M_GRANT || (c.type == P2M_RAM && (in[4] & 0x80))) {
        *order = 0;
        c.mfn = page_to_mfn(held[c.type == P2M_RAM ? 2 : in[4] & 1]).n;
    }
    if (in[4] & 0x40 && c.type == P2M_RAM && !(in[4] & 0x80)) /* what it has: nothing to lose */
        c.mfn = BIG + ROUND_DOWN(c.first, 512);
    if (!p2m_has_frame(c.type))
        c.mfn = INVALID_MFN.n;
    c.end = c.first + BIT(*order);
    return c;
}

static void change_type(const uint8_t *in)
{
    struct said c = pick(in, &(unsigned int){ 0 });
    const struct said was = model_at(c.first);
    const uint64_t before = picture(p2m_root(&d->arch.hvm->p2m), P2M_TOP_LEVEL);
    const enum p2m_type from = (enum p2m_type)(in[5] % P2M_NR_TYPES);
    const unsigned int flushes = flushed.nr;
    int rc = p2m_change_type(d, _gfn(c.first), from, c.type);

    c.end = c.first + 1;
    c.mfn = was.mfn;
    if (!p2m_is_ram(from) || !p2m_is_ram(c.type))
        require(rc == -EINVAL);
    else if (from != was.type)
        require(rc == -EBUSY);
    else
        require(rc == 0 || rc == -ENOMEM);
    if (rc)
        require(picture(p2m_root(&d->arch.hvm->p2m), P2M_TOP_LEVEL) == before);
    else if (any(&c, loses_something))
        require(flushed.nr > flushes);
    if (!rc)
        said[nr_said++] = c;
}

static void change(const uint8_t *in)
{
    unsigned int order, flushes = flushed.nr;
    struct said c = pick(in, &order);
    const uint64_t before = picture(p2m_root(&d->arch.hvm->p2m), P2M_TOP_LEVEL);
    struct p2m_entry old = { .type = P2M_NONE };
    int rc;

    if (held_index(c.mfn) < HELD)
        give_reference(&c, held_index(c.mfn));
    switch (in[0] & 3) {
    case 0:
        rc = p2m_set(d, _gfn(c.first), order, _mfn(c.mfn), c.type, NULL);
        break;
    case 1:
        rc = p2m_set(d, _gfn(c.first), order, _mfn(c.mfn), c.type, &old);
        break;
    default:
        old = in[0] & 4 ? last : p2m_lookup(d, _gfn(c.first));
        rc = p2m_swap(d, _gfn(c.first), order, _mfn(c.mfn), c.type, &old);
        if (!rc)
            old.holds = p2m_has_frame(old.type) && held_index(old.mfn.n) < HELD;
        break;
    }
    outcome(&c, rc, rc || !(in[0] & 3) ? NULL : &old, in[0] & 3, before, flushes);
}

/* A watched page was got for writing: it is RAM now, or all of its leaf if that was not split. */
static void written(uint64_t gfn, const struct p2m_entry *was)
{
    struct said c = { .first = gfn, .end = gfn + 1, .type = P2M_RAM, .mfn = was->mfn.n };
    const uint64_t leaf = ROUND_DOWN(gfn, BIT(was->order));

    if (was->order && p2m_lookup(d, _gfn(gfn)).order == was->order) {
        c.mfn -= gfn - leaf;
        c.first = leaf;
        c.end = leaf + BIT(was->order);
    }
    said[nr_said++] = c;
}

static void page(const uint8_t *in)
{
    const uint64_t gfn = pick_gfn(in);
    const struct p2m_entry was = p2m_lookup(d, _gfn(gfn));
    enum p2m_type type;
    struct page *pg = p2m_page_get(d, _gfn(gfn), in[5] & 1, &type);

    if (was.type == P2M_LOGDIRTY && (in[5] & 1))
        written(gfn, &was);
    require(type == model_at(gfn).type);
    last = p2m_lookup(d, _gfn(gfn));
    if (pg) {
        require(page_to_mfn(pg).n == model_at(gfn).mfn);
        require(!(in[5] & 1) || type == P2M_RAM || type == P2M_GRANT || type == P2M_FOREIGN);
        page_put(pg);
    }
}

static void step(const uint8_t *in)
{
    switch (in[0] >> 5) {
    case 0:
        require(!p2m_set_pool(d, in[5] & 63));
        break;
    case 1:
        change_type(in);
        break;
    case 2:
        page(in);
        break;
    default:
        change(in);
        break;
    }
    require(!p2m_check(d));
    require(!locks_held());
    for (unsigned int i = 0; i < HELD; i++)
        require((held[i]->ref & PAGE_REF_COUNT) == 1 + entries[i]);
    all_agrees();
}

/* --- beginning and end ------------------------------------------------------------------------ */

static void *begin(uint8_t settings)
{
    void *ours;

    other = arena_domain(2, 1, 16);
    d = p2m_domain(1, 16);
    cpu_features.page1gb = settings & 1;
    d->arch.hvm->p2m.only_4k = (settings & 6) == 6;
    d->arch.hvm->p2m.no_1gb = settings & 8;
    require(!p2m_set_pool(d, 60));
    for (unsigned int i = 0; i < 2; i++)
        held[i] = page_alloc_for(other, 0, 0);
    ours = hv_page_alloc(0);
    page_share_with(ours, d, true);
    held[2] = mfn_to_page(paddr_to_mfn(direct_pa(ours)));
    memset(entries, 0, sizeof(entries));
    memset(&flushed, 0, sizeof(flushed));
    last = (struct p2m_entry){ .mfn = INVALID_MFN };
    nr_said = 0;
    return ours;
}

static void end(void *ours, unsigned int preempt_at)
{
    d->state = DOM_DYING;
    arena.preempt_at = preempt_at;
    while (p2m_relinquish(d))
        require(!p2m_check(d));
    arena.preempt_at = 0;
    for (unsigned int i = 0; i < HELD; i++)
        require((held[i]->ref & PAGE_REF_COUNT) == 1);
    require(d->arch.hvm->p2m.used == 1);
    page_unshare(ours);
    hv_page_free(ours, 0);
    require(!p2m_domain_end(d) && !p2m_domain_end(other));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    static uint64_t free_at_start;
    void *ours;

    if (!started) {
        p2m_machine_start();
        hv_page_free(hv_page_alloc(0), 0);
        started = true;
    }
    if (size < 7)
        return 0;
    if (!free_at_start)
        free_at_start = heap_free_pages();
    ours = begin(data[0]);
    for (size_t i = 1; i + 6 <= size && nr_said < MAX_STEPS; i += 6)
        step(data + i);
    end(ours, data[0] >> 5);
    require(heap_free_pages() == free_at_start);
    return 0;
}
