/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory maps that guests ask for (E820 form), and resources of other domains that the toolstack
 * maps.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/guest.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/string.h>

#define MAX_RESOURCE_FRAMES 32 /* a call; libxc asks for one or a few */

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

/* --- resources -------------------------------------------------------------------------------- */

static long resource_frames(struct domain *d, const struct xen_mem_acquire_resource *r)
{
    if (r->type != XENMEM_resource_grant_table || r->id > XENMEM_resource_grant_table_id_status)
        return -EOPNOTSUPP; /* libxc then uses the older way */
    if (r->nr_frames > MAX_RESOURCE_FRAMES || r->frame + r->nr_frames > UINT32_MAX)
        return -E2BIG;
    for (uint32_t i = 0; i < r->nr_frames; i++) {
        xen_pfn_t frame;
        mfn_t mfn;
        int rc = gnttab_get_frame(d, (unsigned int)(r->frame + i),
                                  r->id == XENMEM_resource_grant_table_id_status, &mfn);

        if (rc)
            return rc;
        frame = mfn.n;
        if (copy_to_guest_i(r->frame_list, i, &frame))
            return -EFAULT;
    }
    return 0;
}

long memory_acquire_resource(struct vcpu *v, uint64_t arg)
{
    struct xen_mem_acquire_resource r;
    struct domain *d;
    long rc;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (!is_pv(v->domain))
        return -EOPNOTSUPP; /* Not yet: a translated caller names the frames where to put them. */
    if (copy_arg(&r, arg))
        return -EFAULT;
    if (r.pad != 0)
        return -EINVAL;
    d = domain_get_target(r.domid);
    if (d == NULL)
        return -ESRCH;
    if (r.nr_frames == 0 && handle_is_null(r.frame_list)) {
        r.nr_frames = r.type == XENMEM_resource_grant_table ? GNTTAB_DEFAULT_FRAMES : 0;
        rc = r.nr_frames == 0 ? -EOPNOTSUPP : copy_field_back(arg, &r, nr_frames) ? -EFAULT : 0;
    } else {
        rc = resource_frames(d, &r);
    }
    domain_put(d);
    return rc;
}
