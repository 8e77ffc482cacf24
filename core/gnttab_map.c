/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapping granted frames, and taking the mappings out again.
 *
 * A mapping is a handle of the mapping domain (struct track) and a pin of the granter's reference.
 * It keeps a reference on the granter, which therefore stays, as a zombie if need be, with its
 * table. For each use there is a page reference, with a writable type unless read-only. That of a
 * host mapping in a PV guest belongs to the page-table entry from arch_gnttab_map() until
 * arch_gnttab_unmap(); a guest that overwrites the entry drops the reference and keeps the pin.
 *
 * Unmapping goes in two steps: the entries of a batch go first, then the TLBs are flushed, and only
 * then pins and pages are let go: the granter reuses the frame when it sees its bits clear.
 */
#include "gnttab_priv.h"

#include <hv/errno.h>
#include <hv/softirq.h>

#define MAP_KINDS (GNTMAP_device_map | GNTMAP_host_map)
#define TRACK_FLAGS 0x1fU
#define RELEASES_A_TIME 32

/* the page references of its host mappings are ours, not its tables' */
static bool owns_pages(const struct domain *d)
{
    return is_hvm(d);
}

static uint64_t pins_for(uint32_t flags)
{
    bool ro = flags & GNTMAP_readonly;

    return (flags & GNTMAP_host_map ? (ro ? PIN_HOST_READ : PIN_HOST_WRITE) : 0) +
           (flags & GNTMAP_device_map ? (ro ? PIN_DEV_READ : PIN_DEV_WRITE) : 0);
}

/* --- handles ---------------------------------------------------------------------------------- */

static struct track *track_at(const struct gnttab *gt, uint32_t handle)
{
    return (struct track *)gt->track.page[handle / TRACK_PER_PAGE] + handle % TRACK_PER_PAGE;
}

/* A new page of free handles, in rising order. */
static bool track_grow(struct gnttab *gt) REQUIRES(gt->track_lock)
{
    uint32_t first = gt->track.nr * (uint32_t)TRACK_PER_PAGE;
    void *page, **slot;

    if (gt->track.nr >= gt->max_maptrack)
        return false;
    page = hv_page_alloc(0);
    if (!page)
        return false;
    slot = page_vec_slot(&gt->track, gt->track.nr);
    if (!slot) {
        hv_page_free(page, 0);
        return false;
    }
    *slot = page;
    for (uint32_t i = 0; i < TRACK_PER_PAGE; i++)
        track_at(gt, first + i)->mfn = i + 1 < TRACK_PER_PAGE ? first + i + 1 : NO_HANDLE;
    gt->free_handle = first;
    return true;
}

/* A handle that is neither free nor, until handle_publish(), in use: nobody else looks at *t. */
static uint32_t handle_alloc(struct gnttab *gt, struct track **t)
{
    uint32_t handle = NO_HANDLE;

    spin_lock(&gt->track_lock);
    if (gt->free_handle != NO_HANDLE || track_grow(gt)) {
        handle = gt->free_handle;
        *t = track_at(gt, handle);
        gt->free_handle = (*t)->mfn;
        gt->nr_mappings++;
    }
    spin_unlock(&gt->track_lock);
    return handle;
}

static void handle_publish(struct track *t, struct domain *granter, grant_ref_t ref, uint32_t mfn,
                           uint32_t flags)
{
    t->mfn = mfn;
    t->ref = ref & 0x3ffffff;
    t->flags = flags & TRACK_FLAGS;
    __atomic_store_n(&t->granter, granter, __ATOMIC_RELEASE); /* pairs with handle_claim() */
}

static void handle_free(struct gnttab *gt, uint32_t handle)
{
    spin_lock(&gt->track_lock);
    *track_at(gt, handle) = (struct track){ .mfn = gt->free_handle };
    gt->free_handle = handle;
    gt->nr_mappings--;
    spin_unlock(&gt->track_lock);
}

/* Half of a mapping is left, or all of it: give it back to whoever wants to unmap it. */
static void handle_unclaim(struct gnttab *gt, uint32_t handle, uint32_t flags)
{
    struct track *t;

    spin_lock(&gt->track_lock);
    t = track_at(gt, handle);
    t->flags = flags & TRACK_FLAGS;
    t->busy = 0;
    spin_unlock(&gt->track_lock);
}

/* Keep others off the mapping while we take it out. */
static bool handle_claim(struct gnttab *gt, uint32_t handle, struct track *out)
{
    bool ok = false;

    spin_lock(&gt->track_lock);
    if (handle < gt->track.nr * TRACK_PER_PAGE) {
        struct track *t = track_at(gt,
                                   (uint32_t)index_nospec(handle, gt->track.nr * TRACK_PER_PAGE));

        ok = __atomic_load_n(&t->granter, __ATOMIC_ACQUIRE) && !t->busy;
        if (ok) {
            t->busy = 1;
            *out = *t;
        }
    }
    spin_unlock(&gt->track_lock);
    return ok;
}

/* --- map -------------------------------------------------------------------------------------- */

static struct domain *granter_get(struct batch *b, domid_t id)
{
    if (b->granter && b->granter->id == id)
        return b->granter;
    if (b->granter)
        domain_put(b->granter);
    b->granter = domain_get_by_id(id);
    return b->granter;
}

static int16_t map_pinned(struct batch *b, struct gnttab_map_grant_ref *op,
                          const struct grant_hold *hold)
{
    if (!(op->flags & GNTMAP_host_map))
        return GNTST_okay;
    /* The granter's cache attributes count for device memory only, which cannot be granted. */
    return (int16_t)arch_gnttab_map(op->host_addr, _mfn(hold->entry.mfn), op->flags, 0);
}

static int16_t map(struct batch *b, struct domain *granter, struct gnttab_map_grant_ref *op,
                   struct track *t)
{
    const struct grant_request r = { .domid = b->d->id, .add = pins_for(op->flags) };
    struct grant_hold hold;
    int16_t status = gnttab_pin(granter, op->ref, &r, &hold);

    if (status != GNTST_okay)
        return status;
    status = map_pinned(b, op, &hold);
    if (status != GNTST_okay) {
        gnttab_unpin(granter, op->ref, r.add);
        if (op->flags & GNTMAP_device_map)
            arch_page_put(hold.pg, r.add & PIN_WRITERS);
        arch_page_put(hold.pg, r.add & PIN_WRITERS);
        return status;
    }
    domain_get(granter);
    handle_publish(t, granter, op->ref, hold.entry.mfn, op->flags);
    op->dev_bus_addr = mfn_to_paddr(_mfn(hold.entry.mfn));
    return GNTST_okay;
}

static int16_t map_one(struct batch *b, struct gnttab_map_grant_ref *op)
{
    struct domain *granter;
    struct track *t;
    uint32_t handle;
    int16_t status;

    if (!(op->flags & MAP_KINDS))
        return GNTST_bad_gntref;
    if (is_hvm(b->d) && (op->flags & (GNTMAP_application_map | GNTMAP_contains_pte)))
        return GNTST_general_error;
    granter = granter_get(b, op->dom);
    if (!granter)
        return GNTST_bad_domain;
    handle = handle_alloc(b->d->gnttab, &t);
    if (handle == NO_HANDLE)
        return GNTST_no_space;
    status = map(b, granter, op, t);
    if (status != GNTST_okay)
        handle_free(b->d->gnttab, handle);
    else
        op->handle = handle;
    return status;
}

int gnttab_op_map(struct batch *b, void *arg)
{
    struct gnttab_map_grant_ref *op = arg;

    op->status = map_one(b, op);
    return 0;
}

/* --- unmap ------------------------------------------------------------------------------------ */

/* Let go what has been taken out of u->track and flushed: bits of u->done. */
static void release(struct domain *d, struct unmap *u)
{
    struct track *t = &u->track;
    struct page *pg = mfn_to_page_known(_mfn(t->mfn));
    bool write = !(t->flags & GNTMAP_readonly);

    if (u->done)
        gnttab_unpin(t->granter, t->ref, pins_for(u->done | (t->flags & GNTMAP_readonly)));
    if (u->done & GNTMAP_host_map)
        arch_page_put(pg, write);
    if (u->done & GNTMAP_device_map)
        arch_page_put(pg, write);
    if (t->flags & ~u->done & MAP_KINDS) {
        handle_unclaim(d->gnttab, u->handle, t->flags & ~u->done);
        return;
    }
    handle_free(d->gnttab, u->handle);
    domain_put(t->granter);
}

void gnttab_finish_unmaps(struct batch *b)
{
    uint32_t done = 0;

    for (unsigned int i = 0; i < b->nr_unmaps; i++)
        done |= b->unmap[i].done;
    if (done & GNTMAP_host_map)
        arch_gnttab_flush(b->d);
    for (unsigned int i = 0; i < b->nr_unmaps; i++)
        release(b->d, &b->unmap[i]);
    b->nr_unmaps = 0;
}

/*
 * Take out what the addresses name: host_addr 0 leaves the host mapping, dev_bus_addr 0 the
 * device's.
 */
static int16_t take_out(struct unmap *u, uint64_t host_addr, uint64_t dev_bus_addr,
                        uint64_t new_addr)
{
    struct track *t = &u->track;
    bool device = dev_bus_addr && (t->flags & GNTMAP_device_map);
    int16_t status;

    u->done = 0;
    if (device && dev_bus_addr != mfn_to_paddr(_mfn(t->mfn)))
        return GNTST_general_error;
    if (host_addr && (t->flags & GNTMAP_host_map)) {
        status = (int16_t)arch_gnttab_unmap(host_addr, _mfn(t->mfn), new_addr, t->flags);
        if (status != GNTST_okay)
            return status;
        u->done |= GNTMAP_host_map;
    }
    if (device)
        u->done |= GNTMAP_device_map;
    return GNTST_okay;
}

static int16_t unmap_one(struct batch *b, uint32_t handle, uint64_t host_addr,
                         uint64_t dev_bus_addr, uint64_t new_addr)
{
    struct unmap *u;
    int16_t status;

    if (b->nr_unmaps == UNMAPS_A_FLUSH)
        gnttab_finish_unmaps(b);
    u = &b->unmap[b->nr_unmaps];
    if (!handle_claim(b->d->gnttab, handle, &u->track)) {
        /* Perhaps the other half of a mapping that this batch has begun to take out. */
        gnttab_finish_unmaps(b);
        u = &b->unmap[0];
        if (!handle_claim(b->d->gnttab, handle, &u->track))
            return GNTST_bad_handle;
    }
    u->handle = handle;
    status = take_out(u, host_addr, dev_bus_addr, new_addr);
    b->nr_unmaps++; /* with nothing done it goes back to what it was */
    return status;
}

int gnttab_op_unmap(struct batch *b, void *arg)
{
    struct gnttab_unmap_grant_ref *op = arg;

    op->status = unmap_one(b, op->handle, op->host_addr, op->dev_bus_addr, 0);
    return 0;
}

/* The entry at new_addr moves to host_addr in the mapping's place. */
int gnttab_op_replace(struct batch *b, void *arg)
{
    struct gnttab_unmap_and_replace *op = arg;

    op->status = GNTST_general_error;
    if (is_pv(b->d))
        op->status = unmap_one(b, op->handle, op->host_addr, 0, op->new_addr);
    return 0;
}

/* --- a domain dies ---------------------------------------------------------------------------- */

/*
 * Its page tables are its own affair: host mappings of a PV guest lose their references when the
 * tables go.
 */
static void release_dying(struct domain *d, struct unmap *u)
{
    struct track *t = &u->track;
    struct page *pg = mfn_to_page_known(_mfn(t->mfn));
    bool write = !(t->flags & GNTMAP_readonly);

    gnttab_unpin(t->granter, t->ref, pins_for(t->flags));
    if ((t->flags & GNTMAP_host_map) && owns_pages(d))
        arch_page_put(pg, write);
    if (t->flags & GNTMAP_device_map)
        arch_page_put(pg, write);
    handle_free(d->gnttab, u->handle);
    domain_put(t->granter);
}

int gnttab_release_some(struct domain *d)
{
    struct gnttab *gt = d->gnttab;
    unsigned int done = 0;

    for (; gt->nr_mappings && gt->release_next < gt->track.nr * TRACK_PER_PAGE;
         gt->release_next++) {
        struct unmap u = { .handle = gt->release_next };

        if (!handle_claim(gt, u.handle, &u.track))
            continue;
        release_dying(d, &u);
        if (++done % RELEASES_A_TIME == 0 && preempt_wanted()) {
            gt->release_next++;
            return -ERESTART;
        }
    }
    return 0;
}
