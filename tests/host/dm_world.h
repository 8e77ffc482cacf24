/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * world.h with an HVM domain and its device model in domain 0: a physmap of few entries, and what
 * ioreq servers, dm_op and hvm_op ask of the rest of the hypervisor, counted.
 */
#ifndef HOST_DM_WORLD_H
#define HOST_DM_WORLD_H

#include "world.h"

#include <arch/hvm.h>
#include <arch/ioreq.h>
#include <arch/p2m.h>
#include <xen/hvm/ioreq.h>

#define DW_GFNS 640U  /* gfns of the fake physmap: 0 and on */
#define DW_HVM 1      /* the domain's id */

struct dw_counts {
    unsigned int wakes, sleeps, flushes, latches, shutdowns, nmis;
    unsigned int last_shutdown;
    uint32_t isa_level, intx_level;  /* bits: irq; device * 4 + intx, below 32 */
    uint8_t link[4];
    uint64_t msi_addr, callback;
    uint32_t msi_data;
    unsigned int moves;              /* physmap_move() */
    int p2m_set_fails_at;            /* this many succeed, then one fails; -1: all do */
    void (*before_p2m_set)(void);    /* what another vcpu does just then; once */
};
extern struct dw_counts dw;
extern struct domain *dw_dm, *dw_dom; /* domain 0, the HVM domain */
extern struct p2m_entry dw_p2m[DW_GFNS];

void dw_start(unsigned int vcpus);
unsigned int dw_end(void);      /* what is left, as world_end() */
struct page *dw_ram(uint64_t gfn); /* fills the entry */

/* One operation by domain 0: op in a buffer of its own, extra (may be NULL) in the second. */
long dw_dm_op(struct xen_dm_op *op, void *extra, size_t extra_size);
/* The device model's end of a port of the HVM domain; and an event on it. */
port_t dw_bind(port_t remote);
void dw_notify(port_t local);
bool dw_event_pending(port_t local); /* and clears it */

#endif
