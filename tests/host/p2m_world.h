/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains for tests of the physmap, over the arena: an HVM one, privileged ones and others. A flush
 * records what is still held at that moment.
 */
#ifndef HOST_P2M_WORLD_H
#define HOST_P2M_WORLD_H

#include "arena.h"
#include "p2m_check.h"

#include <stdlib.h>

#include <arch/direct.h>
#include <arch/page_type.h>
#include <arch/pv_mmu.h>
#include <hv/hypercall.h>
#include <hv/log.h>

#define P2M_RAM_END (512ULL << 20)

static struct {
    unsigned int nr;
    struct page *watch;      /* whose reference count is read at each flush */
    uint64_t watch_refs;
    unsigned int tables;     /* detached, waiting */
    bool tables_in_use;      /* none of these had been given back */
    void (*then)(void);      /* what the test's TLB does */
} flushed;

static unsigned int detached_tables(const struct p2m *p, bool *all_in_use)
{
    unsigned int n = 0;

    for (const struct page *pg = p->detached; pg; n++) {
        *all_in_use = *all_in_use && !(pg->ref & PAGE_FREE) && pg->owner == DOMID_NONE;
        pg = page_next(pg) == PAGE_LIST_END ? NULL : mfn_to_page(_mfn(page_next(pg)));
    }
    return n;
}

static unsigned int nr_moved; /* times that device models are to be told of it */

void hvm_mapcache_invalidate(struct domain *d) { nr_moved++; }

void hvm_flush_tlb(struct domain *d)
{
    flushed.nr++;
    flushed.tables_in_use = true;
    flushed.tables = detached_tables(&d->arch.hvm->p2m, &flushed.tables_in_use);
    flushed.watch_refs = flushed.watch ? flushed.watch->ref & PAGE_REF_COUNT : 0;
    if (flushed.then)
        flushed.then();
}

static inline void p2m_machine_start(void)
{
    arena_start(4ULL << 30);
    ram_add_range(0, P2M_RAM_END);
    heap_add_range(16ULL << 20, P2M_RAM_END, 0);
    pv_mmu_init();
    dom_io = arena_domain(DOMID_IO, 0, 0);
    dom_xen = arena_domain(DOMID_XEN, 0, 0);
    if (!page_owner_prepare(0)) /* kept: before a test counts what is free */
        abort();
}

static inline struct domain *p2m_domain(domid_t id, uint32_t max_pages)
{
    struct domain *d = arena_domain(id, 1, max_pages);

    d->kind = GUEST_HVM;
    d->arch.hvm = calloc(1, sizeof(*d->arch.hvm));
    if (p2m_create(d))
        panic("no physmap");
    return d;
}

/* All frames that are still the domain's go: as arch_domain_relinquish() does. */
static inline void p2m_drop_frames(struct domain *d)
{
    struct page *pg = page_list_first(&d->page_list), *next;

    for (; pg; pg = next) {
        next = page_list_next(pg);
        (void)page_clear_allocated(pg);
    }
}

/* References and frames that are left. */
static inline unsigned int p2m_domain_end(struct domain *d)
{
    unsigned int left;

    d->state = DOM_DYING;
    if (d->arch.hvm) {
        while (p2m_relinquish(d))
            continue;
        if (d->arch.hvm->p2m.used != 1)
            panic("tables are left");
        p2m_destroy(d);
        free(d->arch.hvm);
        d->arch.hvm = NULL;
    }
    p2m_drop_frames(d);
    arena_run_tasklets();
    left = (unsigned int)(d->page_list.nr + d->xen_page_list.nr) + d->refs - 1;
    arena_domain_free(d);
    return left;
}

static inline struct page *p2m_new_ram(struct domain *d, uint64_t gfn)
{
    struct page *pg = page_alloc_for(d, 0, 0);

    if (!pg || p2m_set(d, _gfn(gfn), 0, page_to_mfn(pg), P2M_RAM, NULL))
        panic("no RAM at %#lx", (unsigned long)gfn);
    return pg;
}

#endif
