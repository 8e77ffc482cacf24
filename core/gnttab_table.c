/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a domain asks of its grant table as a whole: its frames, size and version. The first 8
 * entries are the toolstack's (console, xenstore) and survive a change of version; there are no
 * other grants in use at that time.
 */
#include "gnttab_priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/memory.h>
#include <lib/string.h>

#define RESERVED GNTTAB_NR_RESERVED_ENTRIES
#define FRAMES_A_TIME 32U

/* GNTST_okay with a reference on the domain, or why not. */
static int16_t target_get(const struct domain *caller, domid_t id, struct domain **out)
{
    struct domain *d = domain_get_target(id);

    *out = NULL;
    if (!d || !d->gnttab) {
        if (d)
            domain_put(d);
        return GNTST_bad_domain;
    }
    if (!gnttab_may_act_on(caller, d)) {
        domain_put(d);
        return GNTST_permission_denied;
    }
    *out = d;
    return GNTST_okay;
}

typedef int put_frames(uint64_t list, uint64_t first, const uint64_t frame[], size_t n);

static int put_uint64s(uint64_t list, uint64_t first, const uint64_t frame[], size_t n)
{
    return guest_write(guest_elem(list, first, sizeof(*frame)), frame, n * sizeof(*frame));
}

/* As the domain itself calls it: a translated one's is where it has put it, ~0 if nowhere. */
static uint64_t frame_number(const struct domain *d, const void *va)
{
    const mfn_t mfn = gnttab_page_mfn(va);

    return is_hvm(d) ? m2p_get(mfn) : mfn.n;
}

/* Frame numbers first ... first + n of the vector; fewer when it has shrunk since. */
static uint32_t list_frames(const struct domain *d, const struct page_vec *v, uint32_t first,
                            uint32_t n, uint64_t out[])
{
    struct gnttab *gt = d->gnttab;
    uint32_t got = 0;

    spin_lock(&gt->lock);
    for (; got < n && first + got < v->nr; got++)
        out[got] = frame_number(d, v->page[first + got]);
    spin_unlock(&gt->lock);
    return got;
}

/* put: the elements of the caller's list are frame numbers, or 64 bits for every caller. */
static int16_t give_frames(const struct domain *d, const struct page_vec *v, uint32_t nr,
                           uint64_t list, put_frames *put)
{
    uint64_t frame[FRAMES_A_TIME];

    for (uint32_t i = 0, n; i < nr; i += n) {
        n = list_frames(d, v, i, MIN(nr - i, FRAMES_A_TIME), frame);
        if (!n)
            return GNTST_general_error;
        if (put(list, i, frame, n))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

int gnttab_op_setup_table(struct batch *b, void *arg)
{
    struct gnttab_setup_table *op = arg;
    struct domain *d;
    int rc;

    op->status = target_get(b->d, op->dom, &d);
    if (!d)
        return 0;
    spin_lock(&d->gnttab->lock);
    rc = gnttab_grow(d, op->nr_frames);
    spin_unlock(&d->gnttab->lock);
    op->status = rc ? GNTST_general_error
                    : give_frames(d, &d->gnttab->shared, op->nr_frames,
                                  handle_addr(op->frame_list), copy_frames_to_guest);
    domain_put(d);
    return 0;
}

int gnttab_op_get_status_frames(struct batch *b, void *arg)
{
    struct gnttab_get_status_frames *op = arg;
    struct domain *d;
    bool enough;

    op->status = target_get(b->d, op->dom, &d);
    if (!d)
        return 0;
    spin_lock(&d->gnttab->lock);
    /* a growth that failed half way may have left one more */
    enough = d->gnttab->version == 2 && op->nr_frames <= gnttab_nr_status(d->gnttab->shared.nr);
    spin_unlock(&d->gnttab->lock);
    op->status = enough ? give_frames(d, &d->gnttab->status, op->nr_frames,
                                      handle_addr(op->frame_list), put_uint64s)
                        : GNTST_general_error;
    domain_put(d);
    return 0;
}

int gnttab_op_query_size(struct batch *b, void *arg)
{
    struct gnttab_query_size *op = arg;
    struct domain *d;

    op->status = target_get(b->d, op->dom, &d);
    if (!d)
        return 0;
    spin_lock(&d->gnttab->lock);
    op->nr_frames = d->gnttab->shared.nr;
    op->max_nr_frames = d->gnttab->max_frames;
    spin_unlock(&d->gnttab->lock);
    domain_put(d);
    return 0;
}

int gnttab_op_get_version(struct batch *b, void *arg)
{
    struct gnttab_get_version *op = arg;
    struct domain *d;
    int16_t status = target_get(b->d, op->dom, &d);

    if (!d)
        return status == GNTST_bad_domain ? -ESRCH : -EPERM;
    op->version = read_once(d->gnttab->version);
    domain_put(d);
    return 0;
}

/* --- change of version ------------------------------------------------------------------------ */

struct saved_entry {
    uint64_t frame;
    uint16_t flags; /* those of the status word included */
    domid_t domid;
};

/* Is a grant in use, other than the reserved ones? */
static bool in_use(const struct gnttab *gt)
{
    for (uint32_t i = 0; i < gt->active.nr; i++) {
        const struct active *act = gt->active.page[i];

        for (uint32_t j = i ? 0 : RESERVED; act && j < ACTIVE_PER_PAGE; j++)
            if (act[j].pins)
                return true;
    }
    return false;
}

/* -ERANGE: an entry that the other version cannot say. */
static int save_v2(const struct gnttab *gt, struct saved_entry out[])
{
    for (grant_ref_t ref = 0; ref < RESERVED; ref++) {
        grant_entry_v2_t *e = gnttab_v2(gt, ref);
        uint16_t flags = read_once(e->hdr.flags);

        if ((flags & GTF_type_mask) == GTF_transitive)
            return -ERANGE;
        if ((flags & GTF_type_mask) == GTF_permit_access && (flags & GTF_sub_page))
            return -ERANGE;
        out[ref] = (struct saved_entry){ .frame = read_once(e->full_page.frame),
                                         .domid = read_once(e->hdr.domid),
                                         .flags = flags | read_once(*gnttab_status(gt, ref)) };
        if (out[ref].frame > UINT32_MAX)
            return -ERANGE;
    }
    return 0;
}

static void save_v1(const struct gnttab *gt, struct saved_entry out[])
{
    for (grant_ref_t ref = 0; ref < RESERVED; ref++) {
        grant_entry_v1_t *e = gnttab_v1(gt, ref);

        out[ref] = (struct saved_entry){ .frame = read_once(e->frame), .flags = read_once(e->flags),
                                         .domid = read_once(e->domid) };
    }
}

static void restore(struct gnttab *gt, const struct saved_entry in[])
{
    const uint16_t in_status = GTF_reading | GTF_writing;

    for (grant_ref_t ref = 0; ref < RESERVED; ref++) {
        if (gt->version == 1) {
            *gnttab_v1(gt, ref) = (grant_entry_v1_t){ .flags = in[ref].flags,
                                                      .domid = in[ref].domid,
                                                      .frame = (uint32_t)in[ref].frame };
            continue;
        }
        gnttab_v2(gt, ref)->full_page.hdr = (grant_entry_header_t){
            .flags = in[ref].flags & (uint16_t)~in_status, .domid = in[ref].domid
        };
        gnttab_v2(gt, ref)->full_page.frame = in[ref].frame;
        *gnttab_status(gt, ref) = in[ref].flags & in_status;
    }
}

static void drop_status(struct gnttab *gt)
{
    while (gt->status.nr) {
        void *va = gt->status.page[--gt->status.nr];

        page_unshare(va);
        hv_page_free(va, 0); /* at once, or when the guest's last mapping goes */
    }
}

static int change_version(struct domain *d, uint8_t version) REQUIRES(d->gnttab->lock)
{
    struct gnttab *gt = d->gnttab;
    struct saved_entry saved[RESERVED] = { { .frame = 0 } };
    bool any = gt->shared.nr > 0;
    int rc = 0;

    if (gt->version == version)
        return 0;
    if (in_use(gt))
        return -EBUSY;
    if (version == 2)
        rc = gnttab_grow_status(d, gt->shared.nr);
    else if (any)
        rc = save_v2(gt, saved);
    if (rc)
        return rc;
    if (version == 2 && any)
        save_v1(gt, saved);
    for (uint32_t i = 0; i < gt->shared.nr; i++)
        memset(gt->shared.page[i], 0, PAGE_SIZE);
    write_once(gt->version, version);
    if (any)
        restore(gt, saved);
    if (version == 1)
        drop_status(gt);
    return 0;
}

int gnttab_op_set_version(struct batch *b, void *arg)
{
    struct gnttab_set_version *op = arg;
    struct gnttab *gt = b->d->gnttab;
    int rc = -EINVAL;

    spin_lock(&b->d->gnttab->lock);
    if (op->version == 2 && gt->max_version < 2)
        rc = -ENOSYS; /* as before there was such a call */
    else if (op->version == 1 || op->version == 2)
        rc = change_version(b->d, (uint8_t)op->version);
    op->version = gt->version;
    spin_unlock(&b->d->gnttab->lock);
    return rc;
}

/* --- swap ------------------------------------------------------------------------------------- */

static bool is_pinned(const struct gnttab *gt, grant_ref_t ref)
{
    const struct active *act = gnttab_active(gt, ref);

    return act && act->pins;
}

static int16_t swap(struct gnttab *gt, grant_ref_t a, grant_ref_t b) REQUIRES(gt->lock)
{
    if (a >= gnttab_nr_refs(gt) || b >= gnttab_nr_refs(gt))
        return GNTST_bad_gntref;
    a = (grant_ref_t)index_nospec(a, gnttab_nr_refs(gt));
    b = (grant_ref_t)index_nospec(b, gnttab_nr_refs(gt));
    if (a == b)
        return GNTST_okay;
    if (is_pinned(gt, a) || is_pinned(gt, b))
        return GNTST_eagain;
    if (gt->version == 1) {
        grant_entry_v1_t t = *gnttab_v1(gt, a);

        *gnttab_v1(gt, a) = *gnttab_v1(gt, b);
        *gnttab_v1(gt, b) = t;
    } else {
        grant_entry_v2_t t = *gnttab_v2(gt, a);
        grant_status_t s = *gnttab_status(gt, a);

        *gnttab_v2(gt, a) = *gnttab_v2(gt, b);
        *gnttab_v2(gt, b) = t;
        *gnttab_status(gt, a) = *gnttab_status(gt, b);
        *gnttab_status(gt, b) = s;
    }
    return GNTST_okay;
}

int gnttab_op_swap(struct batch *b, void *arg)
{
    struct gnttab_swap_grant_ref *op = arg;

    spin_lock(&b->d->gnttab->lock);
    op->status = swap(b->d->gnttab, op->ref_a, op->ref_b);
    spin_unlock(&b->d->gnttab->lock);
    return 0;
}
