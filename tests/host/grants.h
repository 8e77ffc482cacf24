/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A grantee's page tables for the grant-table tests: SLOTS entries a domain, the address of entry n
 * is (n + 1) << 12. An entry holds the page reference that came with the mapping, as PV page tables
 * do.
 */
#ifndef HOST_GRANTS_H
#define HOST_GRANTS_H

#include "world.h"

#include <arch/cpu.h>
#include <arch/direct.h>

#include <hv/gnttab.h>
#include <hv/hypercall.h>

#define SLOTS 64
#define SLOT_ADDR(n) (((uint64_t)(n) + 1) << PAGE_SHIFT)

struct slot {
    uint64_t mfn; /* 0: empty */
    bool write;
};

static struct slot slots[WORLD_DOMAINS][SLOTS]; /* by domain id */
static unsigned int flushes;
static struct domain *grant_domain[3];

int arch_gnttab_map(uint64_t host_addr, mfn_t frame, uint32_t flags, unsigned int cache_flags)
{
    uint64_t n = (host_addr >> PAGE_SHIFT) - 1;

    if (n >= SLOTS || slots[host_current[0]->domain->id][n].mfn)
        return GNTST_bad_virt_addr;
    slots[host_current[0]->domain->id][n] = (struct slot){
        .mfn = frame.n, .write = !(flags & GNTMAP_readonly)
    };
    return GNTST_okay;
}

int arch_gnttab_unmap(uint64_t host_addr, mfn_t frame, uint64_t new_addr, uint32_t flags)
{
    uint64_t n = (host_addr >> PAGE_SHIFT) - 1;

    if (n >= SLOTS || slots[host_current[0]->domain->id][n].mfn != frame.n ||
        slots[host_current[0]->domain->id][n].write == (bool)(flags & GNTMAP_readonly))
        return GNTST_general_error;
    slots[host_current[0]->domain->id][n].mfn = 0;
    return GNTST_okay;
}

void arch_gnttab_flush(struct domain *d) { flushes++; }

/* What the guest's own page-table update does to an entry. */
static void slot_clear(const struct domain *d, unsigned int n)
{
    struct slot *s = &slots[d->id][n];

    if (s->mfn)
        arch_page_put(mfn_to_page(_mfn(s->mfn)), s->write);
    s->mfn = 0;
}

static inline grant_entry_v1_t *entry1(const struct domain *d, grant_ref_t ref)
{
    mfn_t mfn;

    if (gnttab_get_frame((struct domain *)d, ref / 512, false, &mfn))
        return NULL;
    return (grant_entry_v1_t *)page_map(mfn) + ref % 512;
}

static inline grant_entry_v2_t *entry2(const struct domain *d, grant_ref_t ref)
{
    mfn_t mfn;

    if (gnttab_get_frame((struct domain *)d, ref / 256, false, &mfn))
        return NULL;
    return (grant_entry_v2_t *)page_map(mfn) + ref % 256;
}

static inline grant_status_t *status2(const struct domain *d, grant_ref_t ref)
{
    mfn_t mfn;

    if (gnttab_get_frame((struct domain *)d, ref / 2048, true, &mfn))
        return NULL;
    return (grant_status_t *)page_map(mfn) + ref % 2048;
}

static inline bool grants_start(unsigned int max_frames, unsigned int max_maptrack)
{
    bool ok = true;

    world_start();
    memset(slots, 0, sizeof(slots));
    flushes = 0;
    for (domid_t i = 0; i < 3; i++) {
        grant_domain[i] = world_domain(i, 1);
        ok = ok && !gnttab_init(grant_domain[i], max_frames, max_maptrack, 2);
    }
    return ok;
}

/* All domains die; the number of things that are left. */
static inline unsigned int grants_end(void)
{
    unsigned int tries = 0;

    world.preempt_at = 0;
    for (unsigned int i = 0; i < 3; i++) {
        grant_domain[i]->state = DOM_DYING;
        while (gnttab_release_mappings(grant_domain[i]) && tries++ < 10000)
            continue;
        for (unsigned int n = 0; n < SLOTS; n++)
            slot_clear(grant_domain[i], n);
    }
    for (unsigned int i = 0; i < 3; i++)
        gnttab_exit(grant_domain[i]);
    return world_end();
}

#endif
