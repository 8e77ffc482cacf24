/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Populate on demand: a domain that believes it has more memory than it gets (maxmem= above
 * memory=), until its balloon driver has given the difference back. Its gfns are entries of type
 * P2M_POD; frames wait in a cache, zeroed, and are the domain's already: they count as its pages.
 *
 * The first access takes a frame. Memory that the balloon gives back goes into the cache while that
 * has fewer frames than there are entries. If it is empty, frames with nothing but zeros in them
 * are taken back, which the guest cannot tell from never having touched them. If there are none,
 * the domain has used more than it was given, and crashes. The cache is in p2m_pod_cache.c.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/memory.h>

#define SUPER BIT(P2M_ORDER_2M)
#define SWEEP_PART 2048U /* gfns that one fault of the guest's looks at, about */
#define BATCH 16U        /* frames taken back with one flush */

/* --- zeros ------------------------------------------------------------------------------------ */

static bool is_zero(mfn_t mfn)
{
    const uint64_t *w = page_map(mfn);
    bool zero = true;

    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*w) && zero; i++)
        zero = read_once(w[i]) == 0;
    page_unmap(w);
    return zero;
}

static bool can_go(mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++)
        if (!p2m_frame_idle(_mfn(mfn.n + i)) || !is_zero(_mfn(mfn.n + i)))
            return false;
    return true;
}

/* --- taking zeros back ------------------------------------------------------------------------ */

struct victim { uint64_t gfn; mfn_t mfn; enum p2m_type type; unsigned int order; };

struct sweep {
    struct victim v[BATCH];
    unsigned int nr;
};

static int change(struct domain *d, const struct victim *v, enum p2m_type type)
    REQUIRES(d->arch.hvm->p2m.lock)
{
    struct p2m_change c = { .p = &d->arch.hvm->p2m, .first = v->gfn,
                            .end = v->gfn + BIT(v->order), .mfn = v->mfn, .type = type,
                            .no_flush = type == P2M_POD };

    return p2m_change(d, &c);
}

/*
 * The victims have been taken out, which was no more than a look had promised: once no vcpu can
 * write to them, they are looked at again. What is no zero goes back to where it was; there is a
 * table for it, so that only devices which follow the physmap could be in its way.
 */
static void finish(struct domain *d, struct sweep *s) REQUIRES(d->arch.hvm->p2m.lock)
{
    if (s->nr == 0)
        return;
    hvm_flush_tlb(d);
    for (unsigned int i = 0; i < s->nr; i++) {
        const struct victim *v = &s->v[i];

        if (can_go(v->mfn, v->order) && p2m_cache_put(&d->arch.hvm->p2m, v->mfn, v->order)) {
            for (uint64_t k = 0; k < BIT(v->order); k++)
                m2p_set(_mfn(v->mfn.n + k), M2P_INVALID);
        } else if (change(d, v, v->type)) {
            domain_crash(d, "no way back for the page of gfn %#lx", (unsigned long)v->gfn);
        }
    }
    s->nr = 0;
}

static bool take_out(struct domain *d, struct sweep *s, uint64_t gfn, const struct p2m_entry *e,
                     unsigned int order) REQUIRES(d->arch.hvm->p2m.lock)
{
    const struct victim v = { .gfn = gfn, .mfn = e->mfn, .type = e->type, .order = order };

    if (!can_go(e->mfn, order) || change(d, &v, P2M_POD))
        return false;
    s->v[s->nr++] = v;
    if (s->nr == BATCH || order)
        finish(d, s);
    return true;
}

/* A written page that turns zero is news for the log. */
static bool may_take(const struct p2m *p, const struct p2m_entry *e)
{
    return !e->holds && (e->type == P2M_LOGDIRTY || (e->type == P2M_RAM && !p->dirty.log));
}

/* What is at the hand, which moves on: gfns that were looked at. */
static uint64_t sweep_step(struct domain *d, struct sweep *s) REQUIRES(d->arch.hvm->p2m.lock)
{
    struct p2m *p = &d->arch.hvm->p2m;
    const uint64_t gfn = p->pod.hand;
    const struct p2m_entry e = p2m_walk(p, gfn);
    uint64_t size = BIT(e.order) - (gfn & (BIT(e.order) - 1));

    if (may_take(p, &e)) {
        if (size >= SUPER && take_out(d, s, gfn, &e, P2M_ORDER_2M)) {
            size = SUPER;
        } else {
            size = 1;
            (void)take_out(d, s, gfn, &e, P2M_ORDER_4K);
        }
    }
    p->pod.hand = gfn + size > p->max_gfn ? 0 : gfn + size;
    if (s->nr && (p->pod.hand & (SUPER - 1)) == 0)
        finish(d, s); /* few are better than a longer search */
    return size;
}

/*
 * Go round until there is something in the cache. -EAGAIN: a part has been looked at, and nothing
 * found yet (not for `all`). -ENOMEM: there is nothing.
 */
static int sweep(struct domain *d, bool all) REQUIRES(d->arch.hvm->p2m.lock)
{
    struct p2m *p = &d->arch.hvm->p2m;
    struct sweep s = { .nr = 0 };
    uint64_t looked = 0;

    while (p->pod.cached == 0 && p->pod.swept <= p->max_gfn + SUPER &&
           (all || looked < SWEEP_PART)) {
        const bool ram = p2m_is_ram(p2m_walk(p, p->pod.hand).type);
        const uint64_t n = sweep_step(d, &s);

        p->pod.swept += n;
        looked += ram ? n : 1;
    }
    finish(d, &s);
    if (p->pod.cached) {
        p->pod.swept = 0;
        return 0;
    }
    return p->pod.swept > p->max_gfn + SUPER ? -ENOMEM : -EAGAIN;
}

/* --- the first access ------------------------------------------------------------------------- */

int p2m_pod_fill(struct domain *d, uint64_t gfn, const struct p2m_entry *e, bool all)
{
    struct p2m *p = &d->arch.hvm->p2m;
    struct p2m_change c = { .p = p, .type = P2M_RAM };
    unsigned int order = e->order >= P2M_ORDER_2M && !p->only_4k ? P2M_ORDER_2M : P2M_ORDER_4K;
    int rc;

    if (p->closed)
        return -EINVAL;
    rc = p->pod.cached ? 0 : sweep(d, all);
    if (rc)
        return rc;
    p->pod.swept = 0;
    if (!p2m_cache_take(p, order, &c.mfn)) {
        order = P2M_ORDER_4K;
        if (!p2m_cache_take(p, order, &c.mfn))
            return -ENOMEM;
    }
    c.first = ROUND_DOWN(gfn, BIT(order));
    c.end = c.first + BIT(order);
    rc = p2m_change(d, &c);
    if (rc)
        p2m_cache_return(d, c.mfn, order);
    for (uint64_t i = 0; !rc && i < BIT(order); i++)
        m2p_set(_mfn(c.mfn.n + i), c.first + i);
    return rc;
}

void p2m_pod_crash(struct domain *d, uint64_t gfn)
{
    const struct p2m *p = &d->arch.hvm->p2m;

    domain_crash(d, "out of memory populated on demand at gfn %#lx: %u pages, %lu in the cache, "
                 "%lu without a frame, %u of %u pages of tables", (unsigned long)gfn, d->tot_pages,
                 (unsigned long)read_once(p->pod.cached), (unsigned long)read_once(p->pod.entries),
                 read_once(p->used), read_once(p->pool));
}

static int populate(struct domain *d, gfn_t gfn, bool all)
{
    struct p2m_entry e;
    int rc = 0;

    spin_lock(&d->arch.hvm->p2m.lock);
    e = p2m_walk(&d->arch.hvm->p2m, gfn.n);
    if (e.type == P2M_POD)
        rc = p2m_pod_fill(d, gfn.n, &e, all);
    spin_unlock(&d->arch.hvm->p2m.lock);
    if (rc == -ENOMEM)
        p2m_pod_crash(d, gfn.n);
    return rc;
}

int p2m_populate(struct domain *d, gfn_t gfn) { return populate(d, gfn, true); }

/* If it is not there yet, the guest tries again, and takes its interrupts meanwhile. */
void p2m_pod_fault(struct domain *d, gfn_t gfn) { (void)!populate(d, gfn, false); }
