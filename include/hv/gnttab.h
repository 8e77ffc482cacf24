/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables: a domain offers frames to others by reference; others map or copy through it.
 * public grant_table.h.
 */
#ifndef HV_GNTTAB_H
#define HV_GNTTAB_H

#include <abi.h>
#include <hv/lock.h>
#include <hv/types.h>

struct domain;
struct gnttab; /* per domain, gnttab.c */

#define GNTTAB_DEFAULT_FRAMES 64U
#define GNTTAB_DEFAULT_MAPTRACK 1024U
/* Those, or what the options gnttab_max_frames and gnttab_max_maptrack_frames say: pages. */
unsigned int gnttab_default_frames(void), gnttab_default_maptrack(void);

/* max_frames, max_maptrack: pages; version limit 1 or 2 */
int gnttab_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack,
                unsigned int max_version);
/*
 * Part of domain_kill(): release every mapping that d holds of others' grants, then stop sharing
 * the table's frames with it (they would keep the domain). Preemptible: -ERESTART to be called
 * again, 0 when done.
 */
int gnttab_release_mappings(struct domain *d) must_check;
/* last reference: free the table; also after a failed creation */
void gnttab_exit(struct domain *d);
/*
 * XENMEM_acquire_resource and toolstack: machine frame n of the shared (or status) table, growing
 * it.
 */
int gnttab_get_frame(struct domain *d, unsigned int frame, bool status, mfn_t *mfn);
/* How many it may have of either: the limit given at creation. */
uint32_t gnttab_max_frames(const struct domain *d, bool status);

/* What the table and the domain's mappings take, for the account of debug key H. */
struct gnttab_usage {
    uint32_t version, frames, max_frames, status_frames;
    uint32_t active_pages;                 /* our notes about references that were in use */
    uint32_t mappings, maptrack, max_maptrack; /* maptrack: pages */
};
void gnttab_usage(struct domain *d, struct gnttab_usage *u);

/*
 * Implemented by the architecture (pv/grant.c): put a granted frame into current's page tables or
 * physmap at host_addr, and take it out. flags are GNTMAP_*; cache bits from the entry. GNTST_* result. The
 * caller brings a page reference, with a writable type unless GNTMAP_readonly: a PV page-table
 * entry owns them from a successful map to a successful unmap.
 */
int arch_gnttab_map(uint64_t host_addr, mfn_t frame, uint32_t flags, unsigned int cache_flags);
int arch_gnttab_unmap(uint64_t host_addr, mfn_t frame, uint64_t new_addr, uint32_t flags);
/* After a batch of unmaps: no stale translation of the frames may survive. */
void arch_gnttab_flush(struct domain *d);

#endif
