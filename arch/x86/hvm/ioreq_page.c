/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages that a domain shares with its device models. Either ours, which the model maps by
 * XENMEM_acquire_resource: they are never in the guest's physmap, and live until the model's last
 * mapping is gone. Or, for older models, frames of the guest that its builder has set aside
 * (HVM_PARAM_IOREQ_SERVER_PFN and NR_IOREQ_SERVER_PAGES, then HVM_PARAM_IOREQ_PFN and
 * BUFIOREQ_PFN): those are taken out of the physmap while the server is enabled, as the guest could
 * otherwise speak to its device model in our name.
 */
#include "ioreq_priv.h"

#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/hvm.h>
#include <arch/p2m.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/string.h>

#define OLD_FRAMES 64U /* their places, after those of the pool */

int ioreq_page_ours(struct domain *d, struct ioreq_page *p)
{
    if (p->va)
        return ioreq_page_is_ours(p) ? 0 : -EPERM;
    p->va = hv_page_alloc(0);
    if (!p->va)
        return -ENOMEM;
    page_share_with(p->va, d, true);
    p->place = IOREQ_PAGE_OURS;
    return 0;
}

/* --- frames of the guest ---------------------------------------------------------------------- */

static bool frame_take(const struct domain *d, struct hvm_ioreq_domain *io, struct ioreq_page *p)
    REQUIRES(io->lock)
{
    const uint64_t *param = d->arch.hvm->param;
    const uint64_t nr = read_once(param[HVM_PARAM_NR_IOREQ_SERVER_PAGES]);

    for (unsigned int i = 0; i < nr && i < 64; i++)
        if (!(io->frames_used & BIT(i))) {
            io->frames_used |= BIT(i);
            p->place = (uint8_t)i;
            p->gfn = read_once(param[HVM_PARAM_IOREQ_SERVER_PFN]) + i;
            return true;
        }
    for (unsigned int i = 0; i < 2; i++) {
        const uint64_t gfn = read_once(param[HVM_PARAM_IOREQ_PFN + i]);

        if (gfn != 0 && !(io->old_frames_used & BIT(i))) {
            io->old_frames_used |= (uint8_t)BIT(i);
            p->place = (uint8_t)(OLD_FRAMES + i);
            p->gfn = gfn;
            return true;
        }
    }
    return false;
}

static void frame_give_back(struct hvm_ioreq_domain *io, unsigned int place) REQUIRES(io->lock)
{
    if (place < OLD_FRAMES)
        io->frames_used &= ~BIT(place);
    else
        io->old_frames_used &= (uint8_t)~BIT(place - OLD_FRAMES);
}

/* RAM of its own, and nothing that we write to for other reasons (shared_info, its grant table). */
static int frame_map(struct domain *d, struct ioreq_page *p)
{
    enum p2m_type type;

    p->page = p2m_page_get(d, _gfn(p->gfn), true, &type);
    if (!p->page)
        return -EINVAL;
    if (type != P2M_RAM || (read_once(p->page->ref) & PAGE_XEN)) {
        page_put(p->page);
        return -EINVAL;
    }
    p->va = page_map_long(page_to_mfn(p->page));
    if (!p->va) {
        page_put(p->page);
        return -ENOMEM;
    }
    return 0;
}

int ioreq_page_of_guest(struct domain *d, struct hvm_ioreq_domain *io, struct ioreq_page *p)
{
    int rc;

    if (p->va)
        return ioreq_page_is_ours(p) ? -EPERM : 0;
    if (!frame_take(d, io, p))
        return -ENOMEM;
    rc = frame_map(d, p);
    if (rc)
        frame_give_back(io, p->place);
    return rc;
}

int ioreq_page_hide(struct domain *d, struct ioreq_page *p)
{
    struct p2m_entry e;
    int rc;

    if (!p->va || ioreq_page_is_ours(p) || p->taken_out)
        return 0;
    e = p2m_lookup(d, _gfn(p->gfn));
    if ((e.type != P2M_RAM && e.type != P2M_LOGDIRTY) || !mfn_eq(e.mfn, page_to_mfn(p->page)))
        return -EINVAL; /* the guest, or its builder, has put something else there since */
    rc = p2m_swap(d, _gfn(p->gfn), P2M_ORDER_4K, INVALID_MFN, P2M_NONE, &e);
    if (rc)
        return rc;
    m2p_set(e.mfn, M2P_INVALID);
    p->taken_out = true;
    memset(p->va, 0, PAGE_SIZE);
    return 0;
}

/*
 * If it cannot be put back (the guest has filled the place, its tables are full, it is dying), the
 * domain goes on owning a frame that is nowhere.
 */
void ioreq_page_show(struct domain *d, struct ioreq_page *p)
{
    struct p2m_entry e;

    if (!p->taken_out)
        return;
    e = p2m_lookup(d, _gfn(p->gfn));
    p->taken_out = false;
    memset(p->va, 0, PAGE_SIZE);
    if (e.type == P2M_NONE && p2m_swap(d, _gfn(p->gfn), P2M_ORDER_4K, page_to_mfn(p->page),
                                       P2M_RAM, &e) == 0)
        m2p_set(page_to_mfn(p->page), p->gfn);
}

void ioreq_page_put(struct domain *d, struct ioreq_page *p)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);

    if (!p->va)
        return;
    if (ioreq_page_is_ours(p)) {
        page_unshare(p->va);
        hv_page_free(p->va, 0); /* at once, or when the model's last mapping goes */
    } else {
        page_unmap_long(p->va);
        page_put(p->page);
        spin_lock(&io->lock);
        frame_give_back(io, p->place);
        spin_unlock(&io->lock);
    }
    p->va = NULL;
    p->page = NULL;
}

/* --- what the device model asks for ----------------------------------------------------------- */

static int frames_of_guest(struct domain *d, struct hvm_ioreq_domain *io, struct ioreq_server *s)
    REQUIRES(io->lock)
{
    int rc;

    if (s->enabled &&
        (!s->sync.va || (s->queueing != HVM_IOREQSRV_BUFIOREQ_OFF && !s->queue.va)))
        return -EBUSY; /* a frame that the guest can write to must not come into use */
    rc = ioreq_page_of_guest(d, io, &s->sync);
    if (!rc && s->queueing != HVM_IOREQSRV_BUFIOREQ_OFF)
        rc = ioreq_page_of_guest(d, io, &s->queue);
    return rc; /* one that it has got stays, for another try, and goes with the server */
}

int ioreq_server_info(struct domain *d, const struct domain *e,
                      struct xen_dm_op_get_ioreq_server_info *i)
{
    const bool with_frames = !(i->flags & XEN_DMOP_no_gfns);
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    if (i->flags & ~XEN_DMOP_no_gfns)
        return -EINVAL;
    spin_lock(&io->lock);
    rc = ioreq_find(io, e, i->id, &s);
    if (!rc && with_frames)
        rc = frames_of_guest(d, io, s);
    if (!rc && with_frames) {
        i->ioreq_gfn = s->sync.gfn;
        i->bufioreq_gfn = s->queue.gfn;
    }
    if (!rc)
        i->bufioreq_port = s->queue_port;
    spin_unlock(&io->lock);
    return rc;
}

static int frames_of_ours(struct domain *d, struct ioreq_server *s)
{
    const bool had = s->sync.va != NULL;
    int rc = ioreq_page_ours(d, &s->sync);

    if (!rc && s->queueing != HVM_IOREQSRV_BUFIOREQ_OFF)
        rc = ioreq_page_ours(d, &s->queue);
    for (unsigned int i = 0; !had && s->enabled && i < IOREQ_VCPUS; i++)
        if (s->port[i])
            ioreq_tell_port(s, i);
    return rc;
}

int ioreq_server_frame(struct domain *d, const struct domain *e, uint32_t id, uint64_t i,
                       mfn_t *mfn)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    spin_lock(&io->lock);
    rc = ioreq_find(io, e, id, &s);
    if (!rc)
        rc = frames_of_ours(d, s);
    if (!rc && i == XENMEM_resource_ioreq_server_frame_bufioreq) {
        if (s->queue.va)
            *mfn = paddr_to_mfn(direct_pa(s->queue.va));
        else
            rc = -ENOENT;
    } else if (!rc && i == XENMEM_resource_ioreq_server_frame_ioreq(0)) {
        *mfn = paddr_to_mfn(direct_pa(s->sync.va));
    } else if (!rc) {
        rc = -EINVAL;
    }
    spin_unlock(&io->lock);
    return rc;
}

uint32_t arch_resource_size(const struct domain *d, unsigned int type)
{
    return type == XENMEM_resource_ioreq_server && is_hvm(d) && d->arch.hvm && ioreq_of(d) ? 2 : 0;
}

int arch_resource_frame(struct domain *d, unsigned int type, uint32_t id, uint64_t i, mfn_t *mfn)
{
    return ioreq_server_frame(d, current->domain, id, i, mfn);
}
