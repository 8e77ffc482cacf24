/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables: the tables themselves, their growth and end. References in use are in gnttab_pin.c,
 * mappings in gnttab_map.c, copies in gnttab_copy.c, what a guest asks about its table in
 * gnttab_table.c, the rules of an entry in gnttab_entry.c.
 *
 * The frames of entries are ours and shared with the domain. That sharing ends when the domain
 * dies, so that it does not keep the domain; the memory stays until gnttab_exit(), since others'
 * mappings still clear their bits in it.
 */
#include "gnttab_priv.h"

#include <arch/direct.h>
#include <hv/errno.h>
#include <lib/string.h>

mfn_t gnttab_page_mfn(const void *va)
{
    return paddr_to_mfn(direct_pa(va));
}

/* --- vectors of pages ------------------------------------------------------------------------- */

static void **array_alloc(uint32_t n)
{
    return n * sizeof(void *) > PAGE_SIZE ? hv_page_alloc(order_of_size(n * sizeof(void *)))
                                          : hv_alloc(n * sizeof(void *));
}

static void array_free(void **p, uint32_t n)
{
    if (n * sizeof(void *) > PAGE_SIZE)
        hv_page_free(p, order_of_size(n * sizeof(void *)));
    else
        hv_free(p);
}

void **page_vec_slot(struct page_vec *v, uint32_t i)
{
    if (i >= v->cap) {
        uint32_t cap = v->cap ? v->cap : 8;
        void **bigger;

        while (cap <= i)
            cap *= 2;
        bigger = array_alloc(cap);
        if (!bigger)
            return NULL;
        if (v->cap) {
            memcpy(bigger, v->page, v->nr * sizeof(void *));
            array_free(v->page, v->cap);
        }
        v->page = bigger;
        v->cap = cap;
    }
    v->nr = MAX(v->nr, i + 1);
    return &v->page[i];
}

static void page_vec_free(struct page_vec *v)
{
    for (uint32_t i = 0; i < v->nr; i++)
        if (v->page[i])
            hv_page_free(v->page[i], 0);
    if (v->cap)
        array_free(v->page, v->cap);
    *v = (struct page_vec){ .nr = 0 };
}

/* Append pages shared with d until there are nr. */
static int shared_grow(struct domain *d, struct page_vec *v, uint32_t nr, bool writable)
{
    while (v->nr < nr) {
        void *va = hv_page_alloc(0);
        void **slot = va ? page_vec_slot(v, v->nr) : NULL;

        if (!slot) {
            if (va)
                hv_page_free(va, 0);
            return -ENOMEM;
        }
        page_share_with(va, d, writable);
        *slot = va;
    }
    return 0;
}

int gnttab_grow_status(struct domain *d, uint32_t nr_frames)
{
    return shared_grow(d, &d->gnttab->status, gnttab_nr_status(nr_frames), true);
}

int gnttab_grow(struct domain *d, uint32_t nr_frames)
{
    struct gnttab *gt = d->gnttab;
    int rc;

    if (nr_frames <= gt->shared.nr)
        return 0;
    if (nr_frames > gt->max_frames || gt->closed)
        return -EINVAL;
    /* Status first: an entry without a status word must not exist. */
    rc = gt->version == 2 ? gnttab_grow_status(d, nr_frames) : 0;
    return rc ? rc : shared_grow(d, &gt->shared, nr_frames, true);
}

int gnttab_get_frame(struct domain *d, unsigned int frame, bool status, mfn_t *mfn)
{
    const struct gnttab *gt = d->gnttab;
    const struct page_vec *v = status ? &gt->status : &gt->shared;
    /* A status frame serves this many frames of entries. */
    uint64_t need = status ? frame * (STATUS_PER_FRAME / V2_PER_FRAME) + 1 : frame + 1ULL;
    int rc = -EINVAL;

    spin_lock(&d->gnttab->lock);
    if (need <= gt->max_frames && (!status || gt->version == 2))
        rc = gnttab_grow(d, (uint32_t)need);
    if (!rc)
        *mfn = gnttab_page_mfn(v->page[index_nospec(frame, v->nr)]);
    spin_unlock(&d->gnttab->lock);
    return rc;
}

uint32_t gnttab_max_frames(const struct domain *d, bool status)
{
    return status ? gnttab_nr_status(d->gnttab->max_frames) : d->gnttab->max_frames;
}

void gnttab_usage(struct domain *d, struct gnttab_usage *u)
{
    struct gnttab *gt = d->gnttab;

    spin_lock(&gt->lock);
    *u = (struct gnttab_usage){ .version = gt->version, .frames = gt->shared.nr,
                                .max_frames = gt->max_frames, .status_frames = gt->status.nr };
    for (uint32_t i = 0; i < gt->active.nr; i++)
        u->active_pages += gt->active.page[i] != NULL;
    spin_unlock(&gt->lock);
    spin_lock(&gt->track_lock);
    u->mappings = gt->nr_mappings;
    u->maptrack = gt->track.nr;
    u->max_maptrack = gt->max_maptrack;
    spin_unlock(&gt->track_lock);
}

/* --- life ------------------------------------------------------------------------------------- */

int gnttab_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack,
                unsigned int max_version)
{
    struct gnttab *gt;
    int rc;

    if (max_frames == 0 || max_frames > MAX_FRAMES || max_maptrack > MAX_MAPTRACK ||
        max_version < 1 || max_version > 2)
        return -EINVAL;
    gt = hv_alloc(sizeof(*gt));
    if (!gt)
        return -ENOMEM;
    spin_init(&gt->lock, RANK_GNTTAB);
    spin_init(&gt->track_lock, RANK_GNTTAB_ENTRY);
    gt->version = 1;
    gt->max_version = (uint8_t)max_version;
    gt->max_frames = max_frames;
    gt->max_maptrack = max_maptrack;
    gt->free_handle = NO_HANDLE;
    d->gnttab = gt;

    spin_lock(&d->gnttab->lock);
    rc = gnttab_grow(d, 1);
    spin_unlock(&d->gnttab->lock);
    if (rc)
        gnttab_exit(d);
    return rc;
}

static void close_table(struct domain *d)
{
    struct gnttab *gt = d->gnttab;
    bool first;

    spin_lock(&gt->lock);
    first = !gt->closed;
    gt->closed = true;
    spin_unlock(&gt->lock);
    if (!first)
        return;
    for (uint32_t i = 0; i < gt->shared.nr; i++)
        page_unshare(gt->shared.page[i]);
    for (uint32_t i = 0; i < gt->status.nr; i++)
        page_unshare(gt->status.page[i]);
}


int gnttab_release_mappings(struct domain *d)
{
    int rc;

    if (!d->gnttab)
        return 0;
    rc = gnttab_release_some(d);
    if (!rc)
        close_table(d);
    return rc;
}

void gnttab_exit(struct domain *d)
{
    struct gnttab *gt = d->gnttab;

    if (!gt)
        return;
    close_table(d); /* when creation failed: nobody has killed it */
    page_vec_free(&gt->shared);
    page_vec_free(&gt->status);
    page_vec_free(&gt->active);
    page_vec_free(&gt->track);
    d->gnttab = NULL;
    hv_free(gt);
}
