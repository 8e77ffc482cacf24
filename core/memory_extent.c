/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of a translated domain: given to it at a guest frame number, and taken back from there.
 * Who takes one out of its entry, by p2m_swap(), is the only one to free it.
 */
#include "memory_priv.h"

#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>

void physmap_displaced(struct domain *d, gfn_t gfn, const struct p2m_entry *e, unsigned int order)
{
    if (e->holds) {
        if (p2m_is_ram(e->type) && m2p_get(e->mfn) == gfn.n)
            m2p_set(e->mfn, M2P_INVALID);
        p2m_entry_put(e);
    } else if (p2m_is_ram(e->type)) {
        p2m_pod_give(d, e->mfn, order);
    } else if (e->type == P2M_POD) {
        p2m_pod_trim(d);
    }
}

/* The largest order at gfn that is in the one leaf and not more than nr frames. */
static unsigned int piece_order(const struct p2m_entry *e, uint64_t gfn, uint64_t nr)
{
    static const unsigned int orders[] = { P2M_ORDER_1G, P2M_ORDER_2M };

    for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++)
        if (e->order >= orders[i] && nr >= BIT(orders[i]) && (gfn & (BIT(orders[i]) - 1)) == 0)
            return orders[i];
    return P2M_ORDER_4K;
}

/* 0, or why an entry is not to be taken out. */
typedef int refusal(const struct p2m_entry *e);

static int no_gift(const struct p2m_entry *e)
{
    return (p2m_is_ram(e->type) || e->type == P2M_POD) && !e->holds ? 0 : -EINVAL;
}

static int not_displaced(const struct p2m_entry *e)
{
    return physmap_may_displace(e->type) ? 0 : -EPERM;
}

/* Everything that is at a range goes, or what is before an entry that is not to. */
static int empty_range(struct domain *d, gfn_t gfn, unsigned int order, refusal *refuses)
{
    for (uint64_t done = 0, nr = BIT(order); done < nr;) {
        const gfn_t at = _gfn(gfn.n + done);
        const struct p2m_entry e = p2m_lookup(d, at);
        const unsigned int piece = piece_order(&e, at.n, nr - done);
        int rc = refuses(&e);

        if (!rc && e.type != P2M_NONE)
            rc = p2m_swap(d, at, piece, INVALID_MFN, P2M_NONE, &e);
        if (rc)
            return rc;
        /* No TLB has them any more, and nobody else can have taken them out. */
        physmap_displaced(d, at, &e, piece);
        done += BIT(piece);
    }
    return 0;
}

int physmap_vacate(struct domain *d, gfn_t gfn, unsigned int order)
{
    return empty_range(d, gfn, order, not_displaced);
}

int physmap_release(struct domain *d, gfn_t gfn, unsigned int order)
{
    return empty_range(d, gfn, order, no_gift);
}

static void free_frames(struct domain *d, mfn_t mfn, unsigned int order)
{
    for (uint64_t k = 0; k < BIT(order); k++)
        (void)memory_release_frame(d, _mfn(mfn.n + k));
}

int physmap_populate(struct domain *d, gfn_t gfn, unsigned int order, uint32_t flags)
{
    const uint64_t on_demand = read_once(p2m_of(d)->pod.entries);
    struct page *pg = page_alloc_for(d, order, flags);
    mfn_t mfn;
    int rc;

    if (pg == NULL)
        return -ENOMEM;
    mfn = page_to_mfn(pg);
    for (uint64_t k = 0; k < BIT(order); k++)
        m2p_set(_mfn(mfn.n + k), gfn.n + k);
    rc = p2m_set(d, gfn, order, mfn, P2M_RAM, NULL);
    if (rc == -EBUSY) { /* something is there: the new frames take its place */
        rc = physmap_vacate(d, gfn, order);
        if (!rc)
            rc = p2m_set(d, gfn, order, mfn, P2M_RAM, NULL);
    }
    if (rc)
        free_frames(d, mfn, order);
    else if (read_once(p2m_of(d)->pod.entries) < on_demand)
        p2m_pod_trim(d);
    return rc;
}
