/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own page tables: one L4 (hv_l4), whose slots 256 to 271 are copied into every
 * guest L4, and whose L3 tables all exist from boot on, so that a later mapping is seen everywhere.
 * docs/memory.md.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <arch/layout.h>
#include <arch/pt.h>
#include <hv/types.h>

struct domain;
struct e820;

extern pte_t hv_l4[PT_ENTRIES]; /* below 4 GiB: the trampoline loads it */

/* Boot, in this order. */
/* real tables in place of head.S's: image W^X, direct map of 4 GiB */
void paging_init_early(void);
void paging_map_ram(paddr_t start, paddr_t end);    /* direct map of RAM above 4 GiB */
/* after the last secondary cpu: drop the identity mapping */
void paging_seal(void);

/*
 * Map nr machine frames from mfn on at va in slots 257, 258 and 260 (2 MiB pages where both are
 * aligned), with HV_RW and the like. New tables are taken with hv_page_alloc(), or from the pool
 * given by hv_map_pool(). -ENOMEM: nothing is mapped. Replacing a present entry is a bug. RANK_MAP.
 */
int hv_map(uint64_t va, mfn_t mfn, unsigned long nr, uint64_t flags) must_check;
void hv_unmap(uint64_t va, unsigned long nr); /* and flush everywhere */
void hv_unmap_local(uint64_t va); /* one page that no other cpu has used */
/* Frames (zeroed by us) for tables when the heap cannot be asked: used first. */
void hv_map_pool_add(paddr_t frame);
unsigned int hv_map_pool_free(void);
/* Entry of our tables that maps va: level of the leaf in *level, {0} when unmapped. */
pte_t hv_walk(uint64_t va, unsigned int *level);

/*
 * Device registers and firmware tables; uncached, or write-back for tables in RAM. Never unmapped.
 * NULL: no space.
 */
void *hv_ioremap(paddr_t pa, size_t len);
const void *hv_map_firmware(paddr_t pa, size_t len);

/*
 * The per-domain slot: tables made on demand, charged to nobody. mfn INVALID_MFN clears. flags as
 * for hv_map.
 */
int perdomain_init(struct domain *d) must_check;
int perdomain_map(struct domain *d, uint64_t va, mfn_t mfn, uint64_t flags) must_check;
/* entry, for the context switch; NULL when there is no table */
pte_t *perdomain_l1e(struct domain *d, uint64_t va);
void perdomain_destroy(struct domain *d);

#endif
