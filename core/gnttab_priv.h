/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the grant-table code share. */
#ifndef CORE_GNTTAB_PRIV_H
#define CORE_GNTTAB_PRIV_H

#include "gnttab_entry.h"

#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/page.h>

#define MAX_FRAMES (1U << 17) /* so that a reference fits struct track.ref */
#define MAX_MAPTRACK (1U << 20)
#define V1_PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define V2_PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v2_t))
#define STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define NO_HANDLE UINT32_MAX

_Static_assert(sizeof(grant_entry_v1_t) == 8 && sizeof(grant_entry_v2_t) == 16,
               "public grant_table.h");

/* Pages of ours found by number; grows, and keeps its pages till the end. */
struct page_vec {
    void **page;
    uint32_t nr, cap;
};

/* Our record of a reference in use: granter's side. */
struct active {
    uint64_t pins;      /* PIN_*; the rest means something while it is not 0 */
    uint32_t gfn, mfn;  /* the granted frame */
    uint32_t trans_ref;
    domid_t domid, trans_dom;
    uint16_t start, length; /* of the part that is granted; length 0x1000 for a page */
    uint8_t kind;       /* enum grant_kind */
};
_Static_assert(sizeof(struct active) == 32, "128 to a page");
#define ACTIVE_PER_PAGE (PAGE_SIZE / sizeof(struct active))

/* Our record of a mapping: grantee's side. A handle is its number. */
struct track {
    struct domain *granter; /* with a reference; NULL: free */
    uint32_t mfn;           /* free: the next free handle */
    uint32_t ref : 26;
    uint32_t flags : 5;     /* GNTMAP_device_map ... GNTMAP_contains_pte */
    uint32_t busy : 1;      /* somebody is taking it away */
};
_Static_assert(sizeof(struct track) == 16, "256 to a page");
#define TRACK_PER_PAGE (PAGE_SIZE / sizeof(struct track))

struct gnttab {
    spinlock_t lock; /* RANK_GNTTAB: version, shared, status, active */
    uint8_t version, max_version;
    bool closed;     /* the domain is dying: no more growing */
    uint32_t max_frames, max_maptrack;
    struct page_vec shared; /* pages shared with the domain: entries */
    struct page_vec status; /* version 2: status words */
    struct page_vec active; /* pages made when first used: may be NULL */

    spinlock_t track_lock; /* RANK_GNTTAB_ENTRY: the below */
    struct page_vec track;
    uint32_t free_handle;  /* NO_HANDLE: none */
    uint32_t nr_mappings;
    uint32_t release_next; /* progress of gnttab_release_mappings() */
};

/* gnttab.c */
void **page_vec_slot(struct page_vec *v, uint32_t i); /* makes room; NULL: out of memory */
int gnttab_grow(struct domain *d, uint32_t nr_frames) REQUIRES(d->gnttab->lock); /* lock held */
int gnttab_grow_status(struct domain *d, uint32_t nr_frames) REQUIRES(d->gnttab->lock);
mfn_t gnttab_page_mfn(const void *va);
static inline uint32_t gnttab_nr_refs(const struct gnttab *gt)
{
    return gt->shared.nr * (uint32_t)(gt->version == 1 ? V1_PER_FRAME : V2_PER_FRAME);
}
static inline uint32_t gnttab_nr_status(uint32_t nr_frames)
{
    return (uint32_t)DIV_ROUND_UP(nr_frames * V2_PER_FRAME, STATUS_PER_FRAME);
}
static inline grant_entry_v1_t *gnttab_v1(const struct gnttab *gt, grant_ref_t ref)
{
    return (grant_entry_v1_t *)gt->shared.page[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}
static inline grant_entry_v2_t *gnttab_v2(const struct gnttab *gt, grant_ref_t ref)
{
    return (grant_entry_v2_t *)gt->shared.page[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
}
static inline grant_status_t *gnttab_status(const struct gnttab *gt, grant_ref_t ref)
{
    return (grant_status_t *)gt->status.page[ref / STATUS_PER_FRAME] + ref % STATUS_PER_FRAME;
}
static inline struct active *gnttab_active(const struct gnttab *gt, grant_ref_t ref)
{
    uint32_t i = ref / (uint32_t)ACTIVE_PER_PAGE;

    if (i >= gt->active.nr || !gt->active.page[i])
        return NULL;
    return (struct active *)gt->active.page[i] + ref % ACTIVE_PER_PAGE;
}

/* gnttab_pin.c */

/* A use of a reference: what it needs to be dropped again. */
struct grant_hold {
    struct active entry; /* as recorded */
    /* with as many references (and writable types) as r->add has units; NULL: transitive */
    struct page *pg;
};
int16_t gnttab_pin(struct domain *d, grant_ref_t ref, const struct grant_request *r,
                   struct grant_hold *hold);
/* page references are the caller's */
void gnttab_unpin(struct domain *d, grant_ref_t ref, uint64_t pins);

/*
 * The operations, one element each; the status is in the element, a negative return value fails the
 * call.
 */

#define UNMAPS_A_FLUSH 32

struct unmap {
    struct track track;
    /* GNTMAP_device_map, GNTMAP_host_map: taken out, references still held */
    uint32_t handle, done;
};

struct copy_end {
    struct domain *d; /* with reference; NULL: the rest means nothing */
    domid_t domid;    /* as it was named: d's or DOMID_SELF */
    bool held;        /* the frame, by what follows */
    bool is_ref, write;
    uint64_t where;   /* reference or frame */
    struct grant_hold hold; /* pg is set for frames without a grant too */
    struct domain *transit;
    grant_ref_t transit_ref;
};

struct batch {
    struct domain *d;       /* the caller's */
    struct domain *granter; /* last one looked up, with reference */
    struct copy_end source, dest;
    unsigned int nr_unmaps;
    struct unmap unmap[UNMAPS_A_FLUSH];
};

int gnttab_op_map(struct batch *b, void *op);
int gnttab_op_unmap(struct batch *b, void *op);
int gnttab_op_replace(struct batch *b, void *op);
void gnttab_finish_unmaps(struct batch *b);
int gnttab_release_some(struct domain *d); /* mappings of a dying domain; preemptible */

int gnttab_op_copy(struct batch *b, void *op);
void gnttab_finish_copies(struct batch *b);

int gnttab_op_setup_table(struct batch *b, void *op);
int gnttab_op_query_size(struct batch *b, void *op);
int gnttab_op_set_version(struct batch *b, void *op);
int gnttab_op_get_version(struct batch *b, void *op);
int gnttab_op_get_status_frames(struct batch *b, void *op);
int gnttab_op_swap(struct batch *b, void *op);

static inline bool gnttab_may_act_on(const struct domain *d, const struct domain *target)
{
    return d == target || d->is_privileged;
}

#endif
