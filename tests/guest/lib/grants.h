/* SPDX-License-Identifier: GPL-2.0-only */
/* The usual grant operations, and a window for them: a page of the image with nothing under it. */
#ifndef GRANTS_H
#define GRANTS_H

#include "guest.h"

static inline long grant_op(unsigned int cmd, void *op)
{
    return hypercall(__HYPERVISOR_grant_table_op, cmd, op, 1);
}

static inline struct gnttab_map_grant_ref grant_map(domid_t dom, unsigned int ref, void *at,
                                                    unsigned int flags)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = (uint64_t)at, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = dom
    };

    if (grant_op(GNTTABOP_map_grant_ref, &m))
        m.status = GNTST_general_error;
    return m;
}

static inline int grant_unmap(void *at, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref un = { .host_addr = (uint64_t)at, .handle = handle };

    return grant_op(GNTTABOP_unmap_grant_ref, &un) ? GNTST_general_error : un.status;
}

/* GNTST_*: the table of this domain has so many frames now; their numbers, if `frames` has room. */
static inline int grant_frames(unsigned int nr, uint64_t frames[])
{
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = nr };

    set_xen_guest_handle(setup.frame_list, frames);
    return grant_op(GNTTABOP_setup_table, &setup) ? GNTST_general_error : setup.status;
}

static inline void grant_give(grant_entry_v1_t *table, unsigned int ref, domid_t to,
                              const void *what, uint16_t flags)
{
    table[ref].domid = to;
    table[ref].frame = (uint32_t)va_to_mfn(what);
    __atomic_store_n(&table[ref].flags, GTF_permit_access | flags, __ATOMIC_SEQ_CST);
}

#endif
