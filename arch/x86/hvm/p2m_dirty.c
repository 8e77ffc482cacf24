/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of a translated domain are written to: for its migration (p2m_log.c) and for the
 * picture of its display (public hvm/dm_op.h, "XEN_DMOP_track_dirty_vram").
 *
 * A page that is watched has the type P2M_LOGDIRTY, which does not let the guest write. The first
 * write makes it P2M_RAM, and that is the mark. Who asks, under the physmap's lock, gets the pages
 * that are not watched; they are watched again from then on, and no TLB lets a write through when
 * the answer is given. So a write is in this answer or in the next one.
 *
 * Writes of our own are marked after they were made: p2m_page_get() for writing is a mark, too, but
 * an answer may have been given in between.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/memory.h>
#include <lib/string.h>

/* --- marks ------------------------------------------------------------------------------------ */

static enum p2m_type as_written(struct p2m_change *c, const struct p2m_piece *piece)
{
    const enum p2m_type t = p2m_pte_type(piece->e);

    return t == P2M_LOGDIRTY ? P2M_RAM : t;
}

void p2m_written(struct domain *d, uint64_t gfn, const struct p2m_entry *e)
{
    struct p2m_change c = { .p = &d->arch.hvm->p2m, .first = gfn, .end = gfn + 1, .mfn = e->mfn,
                            .type = P2M_RAM, .holds = e->holds };

    if (likely(p2m_change(d, &c) == 0))
        return;
    /* No table to split its leaf: then all of it counts. More rights, so nothing to flush. */
    c.first = ROUND_DOWN(gfn, BIT(e->order));
    c.end = c.first + BIT(e->order);
    p2m_visit(&c, as_written);
}

void p2m_write_fault(struct domain *d, gfn_t gfn)
{
    struct p2m *p = &d->arch.hvm->p2m;
    struct p2m_entry e;

    spin_lock(&d->arch.hvm->p2m.lock);
    e = p2m_walk(p, gfn.n);
    if (e.type == P2M_LOGDIRTY) {
        p2m_written(d, gfn.n, &e);
        p->dirty.faults++;
    }
    spin_unlock(&d->arch.hvm->p2m.lock);
}

void p2m_mark_dirty(struct domain *d, gfn_t gfn)
{
    struct p2m_entry e;

    if (likely(!p2m_is_logging(&d->arch.hvm->p2m)))
        return;
    spin_lock(&d->arch.hvm->p2m.lock);
    e = p2m_walk(&d->arch.hvm->p2m, gfn.n);
    if (e.type == P2M_LOGDIRTY)
        p2m_written(d, gfn.n, &e);
    spin_unlock(&d->arch.hvm->p2m.lock);
}

/* What the M2P says is a hint; a mark too many does no harm. */
void p2m_mark_frame(struct domain *d, mfn_t mfn)
{
    if (unlikely(p2m_is_logging(&d->arch.hvm->p2m)))
        p2m_mark_dirty(d, _gfn(m2p_get(mfn)));
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool has_bit(const uint64_t *bits, uint64_t i) { return bits[i / 64] & BIT(i % 64); }

static void set_bits(uint64_t *bits, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++)
        bits[i / 64] |= BIT(i % 64);
}

/* The part of a range that is in the frame buffer, in its own numbers; first == end: none is. */
static void part_in_buffer(const struct p2m_dirty *t, uint64_t *first, uint64_t *end)
{
    const uint64_t from = MAX(*first, t->first), to = MIN(*end, t->first + t->nr);

    *first = from < to ? from - t->first : 0;
    *end = from < to ? to - t->first : 0;
}

/* It will be watched again: the other one has not been told. */
static void tell_other(const struct p2m_look *l, uint64_t first, uint64_t end)
{
    const struct p2m_dirty *t = &l->c.p->dirty;

    part_in_buffer(t, &first, &end);
    if (!l->buffer)
        set_bits(t->for_buffer, first, end);
    else if (t->log)
        set_bits(t->for_log, first, end);
}

/*
 * RAM that cannot be written now may have been before, and a page of ours is written without a
 * mark: both always count.
 */
static enum p2m_type look_at(struct p2m_change *c, const struct p2m_piece *piece)
{
    struct p2m_look *l = container_of(c, struct p2m_look, c);
    const enum p2m_type t = p2m_pte_type(piece->e);

    if (!p2m_is_ram(t) || t == P2M_LOGDIRTY)
        return t;
    l->found += (uint32_t)(piece->end - piece->first);
    if (l->bits)
        set_bits(l->bits, piece->first - c->first, piece->end - c->first);
    if (!l->clean || !piece->whole || t != P2M_RAM || (piece->e.v & P2M_HOLDS))
        return t;
    tell_other(l, piece->first, piece->end);
    return P2M_LOGDIRTY;
}

/* What the other one has found since. */
static void add_told(struct p2m_look *l)
{
    const struct p2m_dirty *t = &l->c.p->dirty;
    uint64_t *told = l->buffer ? t->for_buffer : t->for_log;
    uint64_t first = l->c.first, end = l->c.end, at;

    part_in_buffer(t, &first, &end);
    at = t->first + first - l->c.first;
    for (uint64_t i = first; i < end; i++) {
        if (!has_bit(told, i))
            continue;
        l->found += !l->bits || !has_bit(l->bits, at + i - first);
        if (l->bits)
            set_bits(l->bits, at + i - first, at + i - first + 1);
        if (l->clean)
            told[i / 64] &= ~BIT(i % 64);
    }
}

static bool inside(const struct p2m_look *l, uint64_t gfn, unsigned int order)
{
    const uint64_t first = ROUND_DOWN(gfn, BIT(order));

    return first >= l->c.first && first + BIT(order) <= l->c.end;
}

/* So that the leaf at gfn does not reach out of the range. Without tables it stays, and counts. */
static void cut(struct domain *d, const struct p2m_look *l, uint64_t gfn)
    REQUIRES(d->arch.hvm->p2m.lock)
{
    const struct p2m_entry e = p2m_walk(l->c.p, gfn);
    const uint64_t size = BIT(inside(l, gfn, P2M_ORDER_2M) ? P2M_ORDER_2M : P2M_ORDER_4K);
    struct p2m_change c = { .p = l->c.p, .first = ROUND_DOWN(gfn, size), .type = e.type };

    if (e.type != P2M_RAM || inside(l, gfn, e.order))
        return;
    c.end = c.first + size;
    c.mfn = _mfn(e.mfn.n - (gfn - c.first));
    (void)!p2m_change(d, &c);
}

int p2m_look(struct domain *d, struct p2m_look *l)
{
    int rc = -EINVAL;

    spin_lock(&d->arch.hvm->p2m.lock);
    l->c.p = &d->arch.hvm->p2m;
    if (!l->c.p->closed && l->c.first < l->c.end) {
        if (l->clean) {
            cut(d, l, l->c.first);
            cut(d, l, l->c.end - 1);
        }
        p2m_visit(&l->c, look_at);
        add_told(l);
        if (l->c.flush)
            hvm_flush_tlb(d);
        rc = 0;
    }
    spin_unlock(&d->arch.hvm->p2m.lock);
    return rc;
}

/* --- no longer -------------------------------------------------------------------------------- */

static enum p2m_type forget(struct p2m_change *c, const struct p2m_piece *piece)
{
    const struct p2m_dirty *t = &c->p->dirty;
    uint64_t first = piece->first, end = piece->end;

    part_in_buffer(t, &first, &end);
    return first == end ? as_written(c, piece) : p2m_pte_type(piece->e);
}

void p2m_forget(struct domain *d, uint64_t first, uint64_t end)
    REQUIRES(d->arch.hvm->p2m.lock)
{
    struct p2m_change c = { .p = &d->arch.hvm->p2m, .first = first, .end = end };

    p2m_visit(&c, forget);
}

void p2m_dirty_settle(struct p2m_dirty *t) { write_once(t->active, t->log || t->nr); }

/* --- a frame buffer --------------------------------------------------------------------------- */

/* What only the log's reader has to learn yet. */
static void give_to_log(struct domain *d) REQUIRES(d->arch.hvm->p2m.lock)
{
    const struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;

    for (uint64_t i = 0; i < t->nr; i++) {
        struct p2m_entry e;

        if (!has_bit(t->for_log, i))
            continue;
        e = p2m_walk(&d->arch.hvm->p2m, t->first + i);
        if (e.type == P2M_LOGDIRTY)
            p2m_written(d, t->first + i, &e);
    }
}

/* The bitmaps of the one before come back in old[]. */
static void buffer_replace(struct domain *d, uint64_t first, uint64_t nr, uint64_t *bits[2])
    REQUIRES(d->arch.hvm->p2m.lock)
{
    struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;
    const uint64_t was = t->first, end = t->first + t->nr;
    uint64_t *const old[2] = { t->for_buffer, t->for_log };

    if (t->log)
        give_to_log(d);
    t->first = first;
    t->nr = nr;
    t->for_buffer = bits[0];
    t->for_log = bits[1];
    if (!t->log && was < end)
        p2m_forget(d, was, end);
    p2m_dirty_settle(t);
    bits[0] = old[0];
    bits[1] = old[1];
}

static int buffer_begin(struct domain *d, uint64_t first, uint64_t nr)
{
    const size_t size = DIV_ROUND_UP(nr, 64) * sizeof(uint64_t);
    uint64_t *bits[2] = { nr ? hv_alloc(size) : NULL, nr ? hv_alloc(size) : NULL };
    int rc = nr && (!bits[0] || !bits[1]) ? -ENOMEM : 0;

    spin_lock(&d->arch.hvm->p2m.lock);
    if (d->arch.hvm->p2m.closed)
        rc = -EINVAL;
    if (!rc)
        buffer_replace(d, first, nr, bits);
    spin_unlock(&d->arch.hvm->p2m.lock);
    hv_free(bits[0]);
    hv_free(bits[1]);
    return rc;
}

int p2m_buffer_watch(struct domain *d, gfn_t first, uint64_t nr)
{
    const struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;
    const uint64_t gfns = BIT(p2m_gpa_bits() - PAGE_SHIFT);
    bool same;

    if (nr > gfns || first.n > gfns - nr)
        return -EINVAL;
    spin_lock(&d->arch.hvm->p2m.lock);
    same = t->nr == nr && (nr == 0 || t->first == first.n);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return same ? 1 : buffer_begin(d, first.n, nr);
}

void p2m_buffer_read(struct domain *d, uint64_t from, uint64_t nr, uint64_t bits[])
{
    const struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;
    struct p2m_look l = { .c.first = t->first + from, .buffer = true, .clean = true, .bits = bits };

    l.c.end = l.c.first + nr;
    memset(bits, 0, DIV_ROUND_UP(nr, 64) * sizeof(*bits));
    (void)!p2m_look(d, &l);
}

void p2m_dirty_free(struct p2m *p)
{
    hv_free(p->dirty.for_buffer);
    hv_free(p->dirty.for_log);
    p->dirty = (struct p2m_dirty){ .log = false };
}
