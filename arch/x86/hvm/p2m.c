/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physmap of a translated domain: looking up entries, and what may be changed. The change
 * itself is in p2m_change.c, beginning and end of a physmap in p2m_life.c.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <arch/page_type.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>

#define MAX_MFN (BIT(52 - PAGE_SHIFT) - 1)

/* --- looking up ------------------------------------------------------------------------------- */

unsigned int p2m_gpa_bits(void) { return MIN(cpu_features.phys_bits, 48U); }

struct p2m_entry p2m_walk(const struct p2m *p, uint64_t gfn)
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
    e = p2m_walk(&d->arch.hvm->p2m, gfn.n);
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
    int rc = 0;

    spin_lock(&d->arch.hvm->p2m.lock);
    e = p2m_walk(&d->arch.hvm->p2m, gfn.n);
    if (unlikely(e.type == P2M_POD)) {
        rc = p2m_pod_fill(d, gfn.n, &e, true);
        e = p2m_walk(&d->arch.hvm->p2m, gfn.n);
    }
    if (write && unlikely(e.type == P2M_LOGDIRTY)) {
        p2m_written(d, gfn.n, &e);
        e.type = P2M_RAM;
    }
    if (!write || may_write(e.type))
        pg = get_page(d, &e);
    spin_unlock(&d->arch.hvm->p2m.lock);
    if (unlikely(rc == -ENOMEM))
        p2m_pod_crash(d, gfn.n);
    if (type)
        *type = e.type;
    return pg;
}

struct p2m *p2m_of(struct domain *d) { return &d->arch.hvm->p2m; }
uint64_t p2m_max_gfn(struct domain *d) { return read_once(d->arch.hvm->p2m.max_gfn); }

/* --- changing: may it be? --------------------------------------------------------------------- */

/* Is all of the change's range in the one leaf or hole that e is? */
static bool one_piece(const struct p2m_change *c, const struct p2m_entry *e)
{
    return (c->first & (BIT(e->order) - 1)) + (c->end - c->first) <= BIT(e->order);
}

/* A write that was noted meanwhile is no change. */
static bool same_type(enum p2m_type a, enum p2m_type b)
{
    return (a == P2M_LOGDIRTY ? P2M_RAM : a) == (b == P2M_LOGDIRTY ? P2M_RAM : b);
}

/* May it be changed? Under the lock. */
static int look(const struct p2m_change *c, const struct p2m_entry *from, struct p2m_entry *old)
{
    struct p2m_entry e = p2m_walk(c->p, c->first);
    const bool one = one_piece(c, &e);

    if (c->p->closed)
        return -EINVAL;
    if (from)
        return one && same_type(e.type, from->type) && mfn_eq(e.mfn, from->mfn) ? 0 : -EAGAIN;
    if (one ? !old && p2m_needs_care(e.type) : p2m_frames_in(c))
        return -EBUSY;
    if (!one)
        e = (struct p2m_entry){ .mfn = INVALID_MFN, .type = P2M_NONE };
    if (old)
        *old = e;
    return 0;
}

static bool holds(const struct p2m_change *c)
{
    struct page *pg;

    if (!p2m_is_ram(c->type))
        return p2m_needs_care(c->type);
    pg = mfn_to_page(c->mfn);
    return pg && (read_once(pg->ref) & PAGE_XEN);
}

static bool sane(const struct p2m_change *c, unsigned int order)
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
    struct p2m_change c = { .p = &d->arch.hvm->p2m, .first = gfn.n, .mfn = mfn, .type = type };
    int rc;

    c.end = gfn.n + BIT(order & 63);
    c.holds = holds(&c);
    if (!sane(&c, order))
        return -EINVAL;
    if (c.holds && !p2m_is_ram(type))
        page_note_foreign(mfn_to_page_known(mfn));
    spin_lock(&d->arch.hvm->p2m.lock);
    rc = look(&c, from, old);
    if (!rc && type == P2M_POD && c.p->follow)
        rc = -ENOTEMPTY; /* a device's access cannot wait for a frame */
    if (!rc)
        rc = p2m_change(d, &c);
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
    struct p2m_change c = { .p = &d->arch.hvm->p2m, .first = gfn.n, .end = gfn.n + 1, .type = to };
    struct p2m_entry e;
    int rc = -EBUSY;

    if (!p2m_is_ram(from) || !p2m_is_ram(to))
        return -EINVAL;
    spin_lock(&d->arch.hvm->p2m.lock);
    e = p2m_walk(c.p, gfn.n);
    c.mfn = e.mfn;
    c.holds = e.holds;
    if (e.type == from && !c.p->closed)
        rc = p2m_change(d, &c);
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
