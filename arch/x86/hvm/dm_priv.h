/* SPDX-License-Identifier: GPL-2.0-only */
/* What the operations of HYPERVISOR_dm_op share. */
#ifndef DM_PRIV_H
#define DM_PRIV_H

#include <abi.h>
#include <hv/types.h>

struct domain;

#define DM_BUFS 2U /* that any operation uses */

/* A call, all of it copied. bufs beyond nr_bufs are empty. */
struct dm_call {
    struct domain *self, *d; /* the caller, and whom it is about: referenced, HVM */
    struct xen_dm_op op;
    unsigned int nr_bufs;
    struct xen_dm_op_buf buf[DM_BUFS];
};

/* 0, an error, or -ERESTART with what is left in op. */
typedef int dm_fn(struct dm_call *c);

/* dm_memory.c */
dm_fn dm_track_dirty_vram, dm_modified_memory, dm_set_mem_type, dm_map_mem_type, dm_relocate_memory,
    dm_pin_memory_cacheattr;

#endif
