/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking and dropping uses of granted references: the shell around gnttab_entry.c. It reads the
 * shared entry, which the granter may change at any time, makes the rules' verdict true by
 * compare-and-swap, and takes the page references.
 *
 * The granter's table lock is held throughout, so of ours nothing changes meanwhile. Of the entry
 * only flags and domid decide; frame and the like are read once, at the first pin, and recorded.
 */
#include "gnttab_priv.h"

#include <hv/errno.h>

#define CAS_TRIES 5 /* the granter has no reason to change an entry that it has just offered */

/* flags and domid of an entry are one aligned word in both versions. */
static inline uint32_t *entry_head(const struct gnttab *gt, grant_ref_t ref)
{
    return gt->version == 1 ? (uint32_t *)gnttab_v1(gt, ref) : (uint32_t *)gnttab_v2(gt, ref);
}

static struct grant_state state_of(uint32_t head, const struct active *act)
{
    return (struct grant_state){ .flags = (uint16_t)head, .domid = (domid_t)(head >> 16),
                                 .pins = act->pins,
                                 .pinned_by = act->domid, .kind = act->kind };
}

/* Version 1: the bits are in the entry itself. */
static int16_t take_v1(struct gnttab *gt, grant_ref_t ref, const struct active *act,
                       const struct grant_request *r, struct grant_step *step)
{
    uint32_t *head = entry_head(gt, ref), now = read_once(*head);

    for (unsigned int i = 0; i < CAS_TRIES; i++) {
        /* no such thing in version 1 */
        struct grant_state s = state_of(now & ~(uint32_t)GTF_sub_page, act);
        int16_t status;

        if ((now & GTF_type_mask) == GTF_transitive)
            s.flags = 0;
        status = grant_entry_take(&s, r, step);
        if (status != GNTST_okay || !step->set)
            return status;
        if (__atomic_compare_exchange_n(head, &now, now | step->set, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

static void clear_bits(struct gnttab *gt, grant_ref_t ref, uint16_t bits)
{
    if (gt->version == 1)
        __atomic_fetch_and(&gnttab_v1(gt, ref)->flags, (uint16_t)~bits, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(gnttab_status(gt, ref), (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

/* Version 2: the bits are elsewhere, so look at the entry again once the granter can see them. */
static int16_t take_v2(struct gnttab *gt, grant_ref_t ref, const struct active *act,
                       const struct grant_request *r, struct grant_step *step)
{
    const uint32_t *head = entry_head(gt, ref);
    struct grant_state s = state_of(read_once(*head), act);
    struct grant_step again;
    int16_t status = grant_entry_take(&s, r, step);

    if (status != GNTST_okay || !step->set)
        return status;
    __atomic_fetch_or(gnttab_status(gt, ref), step->set, __ATOMIC_SEQ_CST);
    s = state_of(read_once(*head), act);
    status = grant_entry_take(&s, r, &again);
    if (status == GNTST_okay && again.kind == step->kind)
        return GNTST_okay;
    clear_bits(gt, ref, grant_entry_drop(&s.pins, 0));
    return GNTST_general_error;
}

/* What the entry grants. False: a frame number that no memory can have. */
static bool record(const struct gnttab *gt, grant_ref_t ref, const struct grant_step *step,
                   const struct grant_request *r, struct active *act)
{
    uint64_t frame = 0;

    *act = (struct active){
        .pins = step->pins, .domid = r->domid, .kind = step->kind, .length = PAGE_SIZE
    };
    if (gt->version == 1) {
        frame = read_once(gnttab_v1(gt, ref)->frame);
    } else {
        grant_entry_v2_t *e = gnttab_v2(gt, ref);

        switch ((enum grant_kind)step->kind) {
        case GRANT_SUB_PAGE:
            act->start = read_once(e->sub_page.page_off);
            act->length = read_once(e->sub_page.length);
            frame = read_once(e->sub_page.frame);
            break;
        case GRANT_TRANSITIVE:
            act->trans_dom = read_once(e->transitive.trans_domid);
            act->trans_ref = read_once(e->transitive.gref);
            break;
        case GRANT_PAGE:
            frame = read_once(e->full_page.frame);
            break;
        }
    }
    act->gfn = (uint32_t)frame;
    return act->gfn == frame;
}

/* The granted page with a reference, if it is still the one that was there at the first pin. */
static struct page *get_page(struct domain *d, struct active *act, bool write, bool first)
{
    struct page *pg = arch_gfn_to_page_get(d, _gfn(act->gfn), write);
    uint32_t mfn;

    if (unlikely(!pg))
        return NULL;
    mfn = (uint32_t)page_to_mfn(pg).n;
    if (first)
        act->mfn = mfn;
    if (likely(act->mfn == mfn))
        return pg;
    arch_page_put(pg, write); /* the granter has another page there by now */
    return NULL;
}

/* No such page, or one that cannot be writable. */
static int16_t why_no_page(struct domain *d, const struct active *act)
{
    struct page *pg = arch_gfn_to_page_get(d, _gfn(act->gfn), false);

    if (!pg)
        return GNTST_bad_page;
    arch_page_put(pg, false);
    return GNTST_general_error;
}

/* One page reference for each use. */
static int16_t get_pages(struct domain *d, struct active *act, const struct grant_request *r,
                         bool first, struct page **out)
{
    bool write = r->add & PIN_WRITERS, both = (uint32_t)r->add && r->add >> 32;

    *out = get_page(d, act, write, first);
    if (likely(*out) && (!both || get_page(d, act, write, false)))
        return GNTST_okay;
    if (*out)
        arch_page_put(*out, write);
    return why_no_page(d, act);
}

static struct active *active_make(struct gnttab *gt, grant_ref_t ref)
{
    void **slot = page_vec_slot(&gt->active, ref / (uint32_t)ACTIVE_PER_PAGE);

    if (slot && !*slot)
        *slot = hv_page_alloc(0);
    return slot && *slot ? gnttab_active(gt, ref) : NULL;
}

static void unpin_locked(struct gnttab *gt, grant_ref_t ref, struct active *act, uint64_t drop)
{
    clear_bits(gt, ref, grant_entry_drop(&act->pins, drop));
}

static int16_t pin_locked(struct domain *d, grant_ref_t ref, const struct grant_request *r,
                          struct grant_hold *hold) REQUIRES(d->gnttab->lock)
{
    struct gnttab *gt = d->gnttab;
    struct grant_step step;
    struct active *act;
    bool first, known = true;
    int16_t status;

    if (ref >= gnttab_nr_refs(gt))
        return GNTST_bad_gntref;
    ref = (grant_ref_t)index_nospec(ref, gnttab_nr_refs(gt));
    act = gnttab_active(gt, ref);
    if (unlikely(!act)) {
        act = active_make(gt, ref);
        if (!act)
            return GNTST_no_space;
    }
    status = gt->version == 1 ? take_v1(gt, ref, act, r, &step) : take_v2(gt, ref, act, r, &step);
    if (status != GNTST_okay)
        return status;
    first = act->pins == 0;
    if (first)
        known = record(gt, ref, &step, r, act);
    act->pins = step.pins;
    hold->pg = NULL;
    if (!known)
        status = GNTST_bad_page;
    else if (act->kind != GRANT_TRANSITIVE)
        status = get_pages(d, act, r, first, &hold->pg);
    if (status != GNTST_okay)
        unpin_locked(gt, ref, act, r->add);
    hold->entry = *act;
    return status;
}

int16_t gnttab_pin(struct domain *d, grant_ref_t ref, const struct grant_request *r,
                   struct grant_hold *hold)
{
    int16_t status;

    if (!d->gnttab)
        return GNTST_bad_gntref;
    spin_lock(&d->gnttab->lock);
    status = pin_locked(d, ref, r, hold);
    spin_unlock(&d->gnttab->lock);
    return status;
}

void gnttab_unpin(struct domain *d, grant_ref_t ref, uint64_t pins)
{
    spin_lock(&d->gnttab->lock);
    unpin_locked(d->gnttab, ref, gnttab_active(d->gnttab, ref), pins);
    spin_unlock(&d->gnttab->lock);
}
