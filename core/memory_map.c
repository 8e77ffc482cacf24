/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory maps that guests ask for (E820 form), and resources of other domains that the toolstack
 * maps.
 */
#include <arch/page_type.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <hv/softirq.h>
#include <lib/string.h>

/* Write entry i of the caller's buffer while it has room; count it either way. */
static int put_entry(const struct xen_memory_map *map, unsigned int i, const struct e820entry *e)
{
    return guest_write(guest_elem(handle_addr(map->buffer), i, sizeof(*e)), e, sizeof(*e));
}

long memory_map_get_machine(struct vcpu *v, uint64_t arg)
{
    struct xen_memory_map map;
    struct e820entry e;
    unsigned int i;

    if (!v->domain->is_hardware)
        return -EPERM;
    if (copy_arg(&map, arg))
        return -EFAULT;
    for (i = 0; i < map.nr_entries && arch_machine_memory_map(i, &e); i++)
        if (put_entry(&map, i, &e))
            return -EFAULT;
    map.nr_entries = i;
    return copy_arg_back(arg, &map) ? -EFAULT : 0;
}

long memory_map_get(struct vcpu *v, uint64_t arg)
{
    struct domain *d = v->domain;
    struct xen_memory_map map;
    struct e820entry copy[MEMORY_MAP_MAX];
    unsigned int nr;

    spin_lock(&d->life_lock);
    nr = d->memory_map.nr;
    if (nr > 0)
        memcpy(copy, d->memory_map.map, nr * sizeof(*copy));
    spin_unlock(&d->life_lock);
    if (nr == 0)
        return -ENOSYS; /* none set: the guest assumes one range */
    if (copy_arg(&map, arg))
        return -EFAULT;
    nr = MIN(nr, map.nr_entries);
    if (guest_write(handle_addr(map.buffer), copy, nr * sizeof(*copy)))
        return -EFAULT;
    map.nr_entries = nr;
    return copy_arg_back(arg, &map) ? -EFAULT : 0;
}

static long set_map(struct domain *d, const struct xen_foreign_memory_map *fm)
{
    uint32_t nr = fm->map.nr_entries;
    struct e820entry *map, *old;

    if (nr == 0 || nr > MEMORY_MAP_MAX)
        return -EINVAL;
    map = hv_alloc(nr * sizeof(*map));
    if (map == NULL)
        return -ENOMEM;
    if (guest_read(map, handle_addr(fm->map.buffer), nr * sizeof(*map))) {
        hv_free(map);
        return -EFAULT;
    }
    spin_lock(&d->life_lock);
    old = d->memory_map.map;
    d->memory_map.map = map;
    d->memory_map.nr = nr;
    spin_unlock(&d->life_lock);
    hv_free(old);
    return 0;
}

long memory_map_set(struct vcpu *v, uint64_t arg)
{
    struct xen_foreign_memory_map fm;
    struct domain *d;
    long rc;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (copy_arg(&fm, arg))
        return -EFAULT;
    d = domain_get_target(fm.domid);
    if (d == NULL)
        return -ESRCH;
    rc = set_map(d, &fm);
    domain_put(d);
    return rc;
}

/* --- what the firmware uses through devices --------------------------------------------------- */

static int put_reserved(const struct xen_reserved_device_memory_map *m, unsigned int i,
                        uint64_t first, uint64_t nr)
{
    const struct xen_reserved_device_memory r = { .start_pfn = first, .nr_pages = nr };

    return i < m->nr_entries
               ? guest_write(guest_elem(handle_addr(m->buffer), i, sizeof(r)), &r, sizeof(r)) : 0;
}

/* Builders of guests keep memory away from there. -ENOBUFS: so many there are. */
long memory_map_of_firmware(struct vcpu *v, uint64_t arg)
{
    struct xen_reserved_device_memory_map m;
    const struct physdev_pci_device *dev = &m.dev.pci;
    uint64_t first, nr;
    unsigned int i;
    bool fits;

    if (!v->domain->is_privileged || caller_is_32bit())
        return -EPERM;
    if (guest_read(&m, arg, sizeof(m)))
        return -EFAULT;
    if (m.flags & ~(uint32_t)XENMEM_RDM_ALL)
        return -EINVAL;
    for (i = 0; iommu_firmware_memory(i, m.flags & XENMEM_RDM_ALL,
                                      (uint32_t)dev->seg << 16 | (uint32_t)dev->bus << 8 |
                                          dev->devfn, &first, &nr); i++)
        if (put_reserved(&m, i, first, nr))
            return -EFAULT;
    fits = i <= m.nr_entries;
    m.nr_entries = i;
    if (guest_write(arg, &m, sizeof(m)))
        return -EFAULT;
    return fits ? 0 : -ENOBUFS;
}

/* --- resources -------------------------------------------------------------------------------- */

/* Frames that the resource may have; 0: the domain has no such resource. */
static uint32_t resource_size(const struct domain *d, const struct xen_mem_acquire_resource *r)
{
    if (r->type != XENMEM_resource_grant_table)
        return arch_resource_size(d, r->type);
    if (!d->gnttab)
        return 0;
    if (r->id == XENMEM_resource_grant_table_id_shared)
        return gnttab_max_frames(d, false);
    return r->id == XENMEM_resource_grant_table_id_status ? gnttab_max_frames(d, true) : 0;
}

/*
 * A translated caller has said where the frame shall be. Its owner is the domain whose resource it
 * is.
 */
static int resource_place(struct vcpu *v, struct domain *d, mfn_t mfn, xen_pfn_t gfn)
{
    struct page *pg = mfn_to_page(mfn);

    if (pg == NULL || !page_get(pg, d))
        return -EINVAL;
    if (page_get_type(pg, PT_WRITABLE)) {
        page_put(pg);
        return -EINVAL;
    }
    return physmap_add_foreign(v->domain, pg, _gfn(gfn));
}

static int resource_frame(struct domain *d, const struct xen_mem_acquire_resource *r, uint64_t i,
                          mfn_t *mfn)
{
    if (r->type != XENMEM_resource_grant_table)
        return arch_resource_frame(d, r->type, r->id, r->frame + i, mfn);
    return gnttab_get_frame(d, (unsigned int)(r->frame + i),
                            r->id == XENMEM_resource_grant_table_id_status, mfn);
}

/* The frame numbers from `start` on: a call may be continued. */
static long resource_frames(struct vcpu *v, struct domain *d,
                            const struct xen_mem_acquire_resource *r, uint32_t op, uint64_t arg,
                            uint64_t start)
{
    if (start >= r->nr_frames || r->nr_frames > MEMORY_MAX_EXTENTS ||
        r->frame > UINT32_MAX - r->nr_frames)
        return -EINVAL;
    for (uint64_t i = start; i < r->nr_frames; i++) {
        xen_pfn_t frame;
        mfn_t mfn;
        int rc;

        if (i > start && preempt_wanted())
            return hypercall_continue(v, 2, memory_op_at(op, i), arg);
        rc = resource_frame(d, r, i, &mfn);
        if (rc)
            return rc;
        frame = mfn.n;
        if (!is_hvm(v->domain)) {
            rc = copy_to_guest_i(r->frame_list, i, &frame);
        } else {
            rc = copy_from_guest_i(&frame, r->frame_list, i);
            if (!rc)
                rc = resource_place(v, d, mfn, frame);
        }
        if (rc)
            return rc;
    }
    return 0;
}

static long acquire(struct vcpu *v, struct domain *d, struct xen_mem_acquire_resource *r,
                    uint32_t op, uint64_t arg, uint64_t start)
{
    uint32_t size = resource_size(d, r);

    if (d == v->domain)
        return -EPERM;
    if (r->type > XENMEM_resource_vmtrace_buf)
        return -EOPNOTSUPP;
    if (size == 0)
        return -EINVAL;
    if (!handle_is_null(r->frame_list))
        return resource_frames(v, d, r, op, arg, start);
    if (r->nr_frames != 0 || start != 0)
        return -EINVAL;
    r->nr_frames = size; /* no list: how many are there? */
    return copy_field_back(arg, r, nr_frames) ? -EFAULT : 0;
}

long memory_acquire_resource(struct vcpu *v, uint32_t op, uint64_t arg, uint64_t start)
{
    struct xen_mem_acquire_resource r;
    struct domain *d;
    long rc;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (copy_arg(&r, arg))
        return -EFAULT;
    if (r.pad != 0)
        return -EINVAL;
    d = domain_get_by_id(r.domid);
    if (d == NULL)
        return -ESRCH;
    rc = acquire(v, d, &r, op, arg, start);
    domain_put(d);
    return rc;
}
