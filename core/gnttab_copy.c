/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copying between frames, each named by a grant or, in the caller's own memory, by its frame
 * number. Both ends are taken, then the bytes move. A batch keeps its ends from element to element,
 * as network backends copy many pieces of one page.
 *
 * A transitive grant lends another domain's grant on: both references are pinned while the copy
 * lasts.
 */
#include "gnttab_priv.h"

#include <hv/errno.h>
#include <lib/string.h>

static grant_ref_t end_ref(const struct copy_end *e) { return (grant_ref_t)e->where; }

static uint64_t end_pin(const struct copy_end *e)
{
    return e->write ? PIN_HOST_WRITE : PIN_HOST_READ;
}

/* Its frame; the domain stays, as the next element's is mostly the same. */
static void end_drop(struct copy_end *e)
{
    if (!e->held)
        return;
    e->held = false;
    if (e->hold.pg)
        arch_page_put(e->hold.pg, e->write);
    if (unlikely(e->transit)) {
        gnttab_unpin(e->transit, e->transit_ref, end_pin(e));
        domain_put(e->transit);
    }
    if (e->is_ref)
        gnttab_unpin(e->d, end_ref(e), end_pin(e));
}

static void end_release(struct copy_end *e)
{
    if (!e->d)
        return;
    end_drop(e);
    domain_put(e->d);
    e->d = NULL;
}

void gnttab_finish_copies(struct batch *b)
{
    end_release(&b->source);
    end_release(&b->dest);
}

/* The entry lends out another domain's grant to e->d. */
static int16_t pin_transitive(struct copy_end *e)
{
    const struct grant_request r = {
        .domid = e->d->id, .add = end_pin(e), .copy = true, .no_transitive = true
    };
    struct active via = e->hold.entry;
    int16_t status;

    if (via.trans_dom == e->d->id)
        return GNTST_general_error;
    e->transit = domain_get_by_id(via.trans_dom);
    if (!e->transit)
        return GNTST_general_error;
    e->transit_ref = via.trans_ref;
    status = gnttab_pin(e->transit, e->transit_ref, &r, &e->hold);
    if (status != GNTST_okay) {
        domain_put(e->transit);
        e->transit = NULL;
    }
    return status;
}

static int16_t pin_ref(const struct domain *caller, struct copy_end *e)
{
    const struct grant_request r = { .domid = caller->id, .add = end_pin(e), .copy = true };
    int16_t status = gnttab_pin(e->d, end_ref(e), &r, &e->hold);

    if (status != GNTST_okay || likely(e->hold.entry.kind != GRANT_TRANSITIVE))
        return status;
    status = pin_transitive(e);
    if (status != GNTST_okay)
        gnttab_unpin(e->d, end_ref(e), end_pin(e));
    return status;
}

static int16_t get_frame(struct copy_end *e)
{
    e->hold.entry.start = 0;
    e->hold.entry.length = PAGE_SIZE;
    e->hold.pg = arch_gfn_to_page_get(e->d, _gfn(e->where), e->write);
    if (likely(e->hold.pg))
        return GNTST_okay;
    e->hold.pg = arch_gfn_to_page_get(e->d, _gfn(e->where), false);
    if (!e->hold.pg)
        return GNTST_bad_page;
    arch_page_put(e->hold.pg, false); /* there, but it cannot be writable */
    return GNTST_general_error;
}

/* e->d becomes the domain of this name. */
static bool end_enter(struct domain *caller, struct copy_end *e, domid_t name)
{
    end_release(e);
    e->domid = name;
    e->held = false;
    if (name == DOMID_SELF) {
        e->d = caller;
        domain_get(caller);
    } else {
        e->d = domain_get_by_id(name);
    }
    return e->d;
}

/* The end holds what p names: the frame of the element before may be just it, or its domain. */
static int16_t end_want(struct domain *caller, struct copy_end *e, const struct gnttab_copy_ptr *p,
                        bool is_ref, bool write)
{
    const uint64_t where = is_ref ? p->u.ref : p->u.gmfn;
    int16_t status;

    if (!is_ref && p->domid != DOMID_SELF)
        return GNTST_permission_denied;
    if (e->d && e->domid == p->domid) {
        if (e->held && e->where == where && e->is_ref == is_ref)
            return GNTST_okay;
        end_drop(e);
    } else if (!end_enter(caller, e, p->domid)) {
        return GNTST_bad_domain;
    }
    e->where = where;
    e->is_ref = is_ref;
    e->write = write;
    e->transit = NULL;
    status = is_ref ? pin_ref(caller, e) : get_frame(e);
    e->held = status == GNTST_okay;
    return status;
}

static bool end_covers(const struct copy_end *e, uint32_t offset, uint32_t len)
{
    return offset >= e->hold.entry.start &&
           offset + len <= (uint32_t)e->hold.entry.start + e->hold.entry.length;
}

static void move_bytes(const struct copy_end *from, uint32_t from_off, const struct copy_end *to,
                       uint32_t to_off, uint32_t len)
{
    const char *s = page_map(page_to_mfn(from->hold.pg));
    char *t = page_map(page_to_mfn(to->hold.pg));

    memmove(t + to_off, s + from_off, len);
    page_unmap(t);
    page_unmap(s);
}

static int16_t copy_one(struct batch *b, const struct gnttab_copy *op)
{
    int16_t status = end_want(b->d, &b->source, &op->source, op->flags & GNTCOPY_source_gref,
                              false);

    if (status == GNTST_okay)
        status = end_want(b->d, &b->dest, &op->dest, op->flags & GNTCOPY_dest_gref, true);
    if (status != GNTST_okay)
        return status;
    if ((uint32_t)op->source.offset + op->len > PAGE_SIZE ||
        (uint32_t)op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    if (!end_covers(&b->source, op->source.offset, op->len) ||
        !end_covers(&b->dest, op->dest.offset, op->len))
        return GNTST_general_error;
    move_bytes(&b->source, op->source.offset, &b->dest, op->dest.offset, op->len);
    return GNTST_okay;
}

int gnttab_op_copy(struct batch *b, void *arg)
{
    struct gnttab_copy *op = arg;

    op->status = copy_one(b, op);
    return 0;
}
