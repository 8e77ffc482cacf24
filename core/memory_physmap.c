/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_op on translated domains: frames are named by the guest's own numbers, and the physmap
 * says where they are.
 *
 * A frame of the domain's RAM is in one entry at most. So a frame that moves leaves its old place
 * first, and whoever takes one out of its place, by p2m_swap(), is the only one to free it. Pages
 * of ours (shared_info, grant table) have a reference in each entry instead.
 */
#include "memory_priv.h"

#include <arch/direct.h>
#include <arch/p2m.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/softirq.h>

/* --- one page at another place ---------------------------------------------------------------- */

/* A page that is to appear, with a reference. */
struct source {
    struct page *pg;
    mfn_t mfn;
    gfn_t from; /* where it is; INVALID_GFN: nowhere */
    bool ours;  /* shared with the domain, no RAM of its own */
};

static int source_of_ours(struct domain *d, mfn_t mfn, struct source *s)
{
    const uint64_t gfn = m2p_get(mfn);

    *s = (struct source){ .pg = mfn_to_page_known(mfn), .mfn = mfn, .from = _gfn(gfn),
                          .ours = true };
    return page_get(s->pg, d) ? 0 : -EINVAL;
}

static int source_of_grants(struct domain *d, uint64_t idx, struct source *s)
{
    const bool status = idx & XENMAPIDX_grant_table_status;
    mfn_t mfn;
    int rc;

    if (idx > UINT32_MAX || !d->gnttab)
        return -EINVAL;
    rc = gnttab_get_frame(d, (uint32_t)idx & ~XENMAPIDX_grant_table_status, status, &mfn);
    return rc ? rc : source_of_ours(d, mfn, s);
}

static int source_at(struct domain *d, gfn_t gfn, struct source *s)
{
    struct p2m_entry e = p2m_lookup(d, gfn);

    if (e.type == P2M_POD && p2m_populate(d, gfn) == 0)
        e = p2m_lookup(d, gfn);
    if (!p2m_is_ram(e.type))
        return -EINVAL;
    *s = (struct source){ .pg = mfn_to_page(e.mfn), .mfn = e.mfn, .from = gfn, .ours = e.holds };
    return s->pg != NULL && page_get(s->pg, d) ? 0 : -EINVAL;
}

static int find_source(struct domain *d, unsigned int space, uint64_t idx, struct source *s)
{
    switch (space) {
    case XENMAPSPACE_shared_info:
        return idx ? -EINVAL : source_of_ours(d, paddr_to_mfn(direct_pa(d->shared_info)), s);
    case XENMAPSPACE_grant_table:
        return source_of_grants(d, idx, s);
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range:
        return source_at(d, _gfn(idx), s);
    case XENMAPSPACE_dev_mmio:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

/* Out of its old place. *was: what to put back there if the new one cannot be had. */
static int leave(struct domain *d, const struct source *s, struct p2m_entry *was)
{
    int rc;

    *was = p2m_lookup(d, s->from);
    if (!p2m_is_ram(was->type) || !mfn_eq(was->mfn, s->mfn)) {
        was->type = P2M_NONE;
        return s->ours ? 0 : -EAGAIN;
    }
    rc = p2m_swap(d, s->from, 0, INVALID_MFN, P2M_NONE, was);
    if (rc == 0)
        m2p_set(s->mfn, M2P_INVALID);
    return rc;
}

/* Back to where it was. If even that fails, the domain has a frame that is nowhere. */
static void go_back(struct domain *d, const struct source *s, const struct p2m_entry *was)
{
    if (was->type == P2M_NONE)
        return;
    m2p_set(s->mfn, s->from.n);
    if (p2m_set(d, s->from, 0, s->mfn, was->type == P2M_LOGDIRTY ? P2M_RAM : was->type, NULL) == 0)
        return;
    m2p_set(s->mfn, M2P_INVALID);
    p2m_entry_put(was);
}

static int move(struct domain *d, struct source *s, gfn_t gfn)
{
    const struct p2m_entry there = p2m_lookup(d, gfn);
    struct p2m_entry was;
    int rc;

    if (mfn_eq(there.mfn, s->mfn)) {
        page_put(s->pg);
        return 0;
    }
    rc = physmap_may_displace(there.type) ? leave(d, s, &was) : -EPERM;
    if (rc) {
        page_put(s->pg);
        return rc;
    }
    m2p_set(s->mfn, gfn.n);
    rc = p2m_swap(d, gfn, 0, s->mfn, P2M_RAM, &there);
    if (rc) {
        m2p_set(s->mfn, M2P_INVALID);
        go_back(d, s, &was);
        page_put(s->pg);
        return rc;
    }
    physmap_displaced(d, gfn, &there, 0);
    if (!s->ours)
        page_put(s->pg); /* otherwise the entry has it */
    else if (was.type != P2M_NONE)
        p2m_entry_put(&was);
    return 0;
}

static int add_one(struct domain *d, unsigned int space, uint64_t idx, gfn_t gfn)
{
    struct source s;
    int rc = find_source(d, space, idx, &s);

    return rc ? rc : move(d, &s, gfn);
}

int physmap_move(struct domain *d, gfn_t from, gfn_t to)
{
    return add_one(d, XENMAPSPACE_gmfn, from.n, to);
}

int physmap_add_foreign(struct domain *d, struct page *pg, gfn_t gfn)
{
    const struct p2m_entry there = p2m_lookup(d, gfn);
    int rc = physmap_may_displace(there.type)
                 ? p2m_swap(d, gfn, 0, page_to_mfn(pg), P2M_FOREIGN, &there) : -EPERM;

    if (rc)
        arch_page_put(pg, true);
    else
        physmap_displaced(d, gfn, &there, 0);
    return rc;
}

/* A page of another domain's, readable and writable: never one that is a page table. */
static int add_foreign(struct domain *d, struct domain *from, gfn_t theirs, gfn_t gfn)
{
    struct page *pg;

    if (!physmap_may_displace(p2m_lookup(d, gfn).type))
        return -EPERM;
    pg = arch_gfn_to_page_get(from, theirs, true);
    return pg ? physmap_add_foreign(d, pg, gfn) : -EINVAL;
}

static int remove_one(struct domain *d, gfn_t gfn)
{
    const struct p2m_entry e = p2m_lookup(d, gfn);
    int rc;

    if (!p2m_is_ram(e.type) && e.type != P2M_FOREIGN && e.type != P2M_POD)
        return physmap_may_displace(e.type) ? -ENOENT : -EPERM;
    rc = p2m_swap(d, gfn, 0, INVALID_MFN, P2M_NONE, &e);
    if (rc)
        return rc;
    if (e.holds || e.type == P2M_POD)
        physmap_displaced(d, gfn, &e, 0);
    else /* still the domain's: it has not given it back */
        m2p_set(e.mfn, M2P_INVALID);
    return 0;
}

/* --- the calls -------------------------------------------------------------------------------- */

/* A translated domain that the caller may change, with a reference. */
static long target(struct vcpu *v, domid_t id, struct domain **out)
{
    struct domain *d = domain_get_target(id);
    long rc = 0;

    if (d == NULL)
        return -ESRCH;
    if (d != v->domain && !v->domain->is_privileged)
        rc = -EPERM;
    else if (!is_hvm(d))
        rc = -EACCES;
    if (rc)
        domain_put(d);
    *out = d;
    return rc;
}

static long add_range(struct vcpu *v, struct domain *d, const struct xen_add_to_physmap *a,
                      uint64_t arg, uint64_t i)
{
    const uint64_t nr = a->space == XENMAPSPACE_gmfn_range ? a->size : 1;

    for (; i < nr; i++) {
        int rc = add_one(d, a->space, a->idx + i, _gfn(a->gpfn + i));

        if (rc)
            return rc;
        if (i + 1 < nr && preempt_wanted())
            return hypercall_continue(v, 2, memory_op_at(XENMEM_add_to_physmap, i + 1), arg);
    }
    return 0;
}

long memory_add_to_physmap(struct vcpu *v, uint64_t arg, uint64_t start)
{
    struct xen_add_to_physmap a;
    struct domain *d;
    long rc;

    if (copy_arg(&a, arg))
        return -EFAULT;
    if (a.space == XENMAPSPACE_gmfn_foreign)
        return -ENOSYS; /* it names no second domain: the batch does */
    rc = target(v, a.domid, &d);
    if (rc)
        return rc;
    rc = add_range(v, d, &a, arg, start);
    domain_put(d);
    return rc;
}

struct add_batch {
    struct vcpu *v;
    struct domain *d, *foreign; /* NULL: not from another */
    struct xen_add_to_physmap_batch b;
};

static int batch_one(const struct add_batch *a, uint64_t i)
{
    /* xen_ulong_t is as wide as the caller's frame numbers */
    const size_t width = arg_size(sizeof(xen_pfn_t), &compat_xen_pfn);
    xen_pfn_t gfn, idx;
    int rc;

    if (arg_read(&idx, guest_elem(handle_addr(a->b.idxs), i, width), sizeof(idx),
                 &compat_xen_pfn) ||
        copy_from_guest_i(&gfn, a->b.gpfns, i))
        return -EFAULT;
    rc = a->foreign ? add_foreign(a->d, a->foreign, _gfn(idx), _gfn(gfn))
                    : add_one(a->d, a->b.space, idx, _gfn(gfn));
    return guest_write(guest_elem(handle_addr(a->b.errs), i, sizeof(rc)), &rc, sizeof(rc));
}

static long each_of_batch(const struct add_batch *a, uint64_t arg, uint64_t i)
{
    for (; i < a->b.size; i++) {
        if (batch_one(a, i))
            return -EFAULT;
        if (i + 1 < a->b.size && preempt_wanted())
            return hypercall_continue(a->v, 2, memory_op_at(XENMEM_add_to_physmap_batch, i + 1),
                                      arg);
    }
    return 0;
}

/* Others' memory is for who controls them, in its own physmap. The reference is the batch's. */
static long foreign_of(struct add_batch *a)
{
    const struct domain *self = a->v->domain;

    if (a->d != self || !self->is_privileged)
        return -EPERM;
    a->foreign = domain_get_target(a->b.u.foreign_domid);
    if (a->foreign == NULL)
        return -ESRCH;
    return a->foreign == self ? -EINVAL : 0;
}

long memory_add_to_physmap_batch(struct vcpu *v, uint64_t arg, uint64_t start)
{
    struct add_batch a = { .v = v };
    long rc;

    if (copy_arg(&a.b, arg))
        return -EFAULT;
    if (a.b.space == XENMAPSPACE_gmfn_range)
        return -EINVAL;
    if (a.b.space != XENMAPSPACE_gmfn_foreign && a.b.u.res0 != 0)
        return -EOPNOTSUPP;
    rc = target(v, a.b.domid, &a.d);
    if (rc)
        return rc;
    if (a.b.space == XENMAPSPACE_gmfn_foreign)
        rc = foreign_of(&a);
    if (rc == 0)
        rc = each_of_batch(&a, arg, start);
    if (a.foreign)
        domain_put(a.foreign);
    domain_put(a.d);
    return rc;
}

long memory_remove_from_physmap(struct vcpu *v, uint64_t arg)
{
    struct xen_remove_from_physmap r;
    struct domain *d;
    long rc;

    if (copy_arg(&r, arg))
        return -EFAULT;
    rc = target(v, r.domid, &d);
    if (rc)
        return rc;
    rc = remove_one(d, _gfn(r.gpfn));
    domain_put(d);
    return rc;
}
