/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of device models on the memory of their domain (public hvm/dm_op.h). Long ones keep
 * what is left in the caller's copy of the operation, which is how they go on.
 */
#include "dm_priv.h"
#include "ioreq_priv.h"

#include <arch/hvm.h>
#include <arch/p2m.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/memory.h>
#include <hv/softirq.h>
#include <lib/string.h>

#define PAGES_A_TIME 256U /* between preemption points */
#define MAX_VRAM_PAGES BIT(30 - PAGE_SHIFT)

/* --- writes ----------------------------------------------------------------------------------- */

/* Which pages of the frame buffer were written to since the last call: all, at the first. */
int dm_track_dirty_vram(struct dm_call *c)
{
    const struct xen_dm_op_track_dirty_vram *o = &c->op.u.track_dirty_vram;
    uint64_t bits[P2M_BUFFER_PART / 64];
    int watched;

    if (o->pad || c->nr_bufs < 2 || o->nr > MAX_VRAM_PAGES ||
        DIV_ROUND_UP(o->nr, 8) > c->buf[1].size)
        return -EINVAL;
    watched = p2m_buffer_watch(c->d, _gfn(o->first_pfn), o->nr);
    for (uint64_t i = 0, n; watched >= 0 && i < o->nr; i += n) {
        n = MIN(o->nr - i, P2M_BUFFER_PART);
        p2m_buffer_read(c->d, i, n, bits);
        if (!watched)
            memset(bits, 0xff, sizeof(bits));
        if (guest_write(handle_addr(c->buf[1].h) + i / 8, bits, DIV_ROUND_UP(n, 8)))
            return -EFAULT;
    }
    return MIN(watched, 0);
}

/* Marks pages of an extent from *done on: 0, or -ERESTART. */
static int mark_extent(struct domain *d, const struct xen_dm_op_modified_memory_extent *e,
                       uint32_t *done)
{
    const uint64_t max = p2m_max_gfn(d);

    if (e->pad || e->first_pfn > max || (e->nr && e->nr - 1 > max - e->first_pfn))
        return -EINVAL;
    while (*done < e->nr) {
        p2m_mark_dirty(d, _gfn(e->first_pfn + (*done)++));
        if (*done % PAGES_A_TIME == 0 && preempt_wanted())
            return -ERESTART;
    }
    *done = 0;
    return 0;
}

/* The extents, from the last to the first: nr_extents says which is next, opaque where in it. */
int dm_modified_memory(struct dm_call *c)
{
    struct xen_dm_op_modified_memory *o = &c->op.u.modified_memory;
    struct xen_dm_op_modified_memory_extent e;

    if (c->nr_bufs < 2 || o->nr_extents > c->buf[1].size / sizeof(e))
        return -EINVAL;
    if (!p2m_is_logging(&c->d->arch.hvm->p2m))
        return 0; /* nobody is to be told */
    for (; o->nr_extents > 0; o->nr_extents--) {
        int rc;

        if (guest_read(&e, guest_elem(handle_addr(c->buf[1].h), o->nr_extents - 1, sizeof(e)),
                       sizeof(e)))
            return -EFAULT;
        rc = mark_extent(c->d, &e, &o->opaque);
        if (rc)
            return rc;
        if (preempt_wanted()) {
            o->nr_extents--;
            return o->nr_extents ? -ERESTART : 0;
        }
    }
    return 0;
}

/* --- types ------------------------------------------------------------------------------------ */

static int change_one(struct domain *d, gfn_t gfn, enum p2m_type to)
{
    struct p2m_entry e = p2m_lookup(d, gfn);

    if (e.type == P2M_POD) {
        int rc = p2m_populate(d, gfn);

        if (rc)
            return rc;
        e = p2m_lookup(d, gfn);
    }
    if (e.type == to || (e.type == P2M_LOGDIRTY && to == P2M_RAM))
        return 0;
    if (e.type == P2M_NONE && to == P2M_MMIO_DM)
        return p2m_swap(d, gfn, P2M_ORDER_4K, INVALID_MFN, to, &e);
    if (!p2m_is_ram(e.type))
        return -EINVAL;
    if (to == P2M_MMIO_DM)
        return -EOPNOTSUPP; /* Not yet: RAM that does not show and comes back */
    if ((to == P2M_IOREQ && e.type == P2M_RAM_RO) || (e.type == P2M_IOREQ && to != P2M_RAM))
        return -EINVAL;
    return p2m_change_type(d, gfn, e.type, to);
}

int dm_set_mem_type(struct dm_call *c)
{
    static const uint8_t types[] = {
        [HVMMEM_ram_rw] = P2M_RAM,
        [HVMMEM_ram_ro] = P2M_RAM_RO,
        [HVMMEM_mmio_dm] = P2M_MMIO_DM,
        [HVMMEM_unused] = P2M_NONE,
        [HVMMEM_ioreq_server] = P2M_IOREQ,
    };
    struct xen_dm_op_set_mem_type *o = &c->op.u.set_mem_type;
    const uint64_t max = p2m_max_gfn(c->d);
    enum p2m_type to;

    if (o->pad || o->nr == 0 || o->first_pfn > max || o->nr - 1 > max - o->first_pfn ||
        o->mem_type >= ARRAY_SIZE(types) || o->mem_type == HVMMEM_unused)
        return -EINVAL;
    to = types[index_nospec(o->mem_type, ARRAY_SIZE(types))];
    if (to == P2M_IOREQ && !ioreq_has_mem_server(c->d))
        return -EINVAL;
    for (unsigned int i = 0;; i++) {
        int rc = change_one(c->d, _gfn(o->first_pfn), to);

        if (rc)
            return rc;
        o->first_pfn++;
        if (--o->nr == 0)
            return 0;
        if (i % PAGES_A_TIME == PAGES_A_TIME - 1 && preempt_wanted())
            return -ERESTART;
    }
}

/* All pages of a server's type become RAM again. */
static int give_up_type(struct domain *d, uint64_t *next)
{
    const uint64_t max = p2m_max_gfn(d);

    for (unsigned int i = 0; *next <= max; i++) {
        const gfn_t gfn = _gfn(*next);
        const struct p2m_entry e = p2m_lookup(d, gfn);
        const uint64_t size = BIT(e.order);

        if (i % PAGES_A_TIME == PAGES_A_TIME - 1 && preempt_wanted())
            return -ERESTART;
        if (e.type == P2M_IOREQ) {
            int rc = p2m_change_type(d, gfn, P2M_IOREQ, P2M_RAM);

            if (rc && rc != -EBUSY) /* it is no longer: fine */
                return rc;
            (*next)++;
        } else {
            *next = ROUND_DOWN(*next, size) + size; /* past the leaf or the hole */
        }
    }
    return 0;
}

int dm_map_mem_type(struct dm_call *c)
{
    struct xen_dm_op_map_mem_type_to_ioreq_server *o = &c->op.u.map_mem_type_to_ioreq_server;
    int rc;

    if (o->type != HVMMEM_ioreq_server || (o->flags & ~XEN_DMOP_IOREQ_MEM_ACCESS_WRITE))
        return -EINVAL;
    if (o->flags == 0) {
        /* Pages first: a write to one that has no server would be lost. */
        rc = ioreq_server_has_mem_type(c->d, c->self, o->id);
        if (!rc)
            rc = give_up_type(c->d, &o->opaque);
        if (rc)
            return rc;
    } else if (o->opaque != 0) {
        return -EINVAL;
    }
    return ioreq_server_mem_type(c->d, c->self, o->id, o->flags);
}

/* --- places ----------------------------------------------------------------------------------- */

int dm_relocate_memory(struct dm_call *c)
{
    struct xen_dm_op_relocate_memory *o = &c->op.u.relocate_memory;

    if (o->pad || o->src_gfn > UINT64_MAX - o->size || o->dst_gfn > UINT64_MAX - o->size)
        return -EINVAL;
    for (unsigned int i = 0; o->size > 0; i++) {
        int rc;

        if (i % PAGES_A_TIME == PAGES_A_TIME - 1 && preempt_wanted())
            return -ERESTART;
        rc = physmap_move(c->d, _gfn(o->src_gfn), _gfn(o->dst_gfn));
        if (rc)
            return rc;
        o->src_gfn++;
        o->dst_gfn++;
        o->size--;
    }
    return 0;
}

/* The physmap has no caching types of its own: all RAM is what the guest's PAT and MTRRs say. */
int dm_pin_memory_cacheattr(struct dm_call *c) { return -EOPNOTSUPP; }
