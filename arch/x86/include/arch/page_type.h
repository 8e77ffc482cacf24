/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Type references to frames: the promise that a frame is, and stays, a page table of a level, a
 * descriptor page, or writable. docs/page-types.md. Whoever holds a type reference holds a page
 * reference too.
 *
 * Page tables are taken and given back under the pt_lock of their owner only, and in bounded steps:
 * struct pt_work. PT_WRITABLE may be taken and given back by anybody, under any lock below
 * RANK_PT's users.
 */
#ifndef ARCH_PAGE_TYPE_H
#define ARCH_PAGE_TYPE_H

#include <hv/domain.h>
#include <hv/page.h>
#include <arch/page_use.h>


#ifdef HOST
extern int host_pt_budget; /* tests stop work everywhere */
#define PT_BUDGET host_pt_budget
#else
#define PT_BUDGET 512 /* present entries, before a lock is let go; see tests/guest/latency */
#endif

struct pt_work {
    /* entries left to look at in this step; the rest is done when the hypercall is continued */
    int budget;
    /* out: a table half undone, PARTIAL: to be finished by page_table_reclaim() */
    struct page *parked;
    /* frames of a translated domain are named by machine frame numbers, not by its own */
    bool no_translate;
};
/* After page_table_get() too: a refused table may be left so. */

/*
 * Type word of a page of ours shared with a guest: never a page table, and writable only if so
 * said.
 */
uint64_t page_use_shared(bool writable);

/* PT_WRITABLE or PT_SEGDESC. 0, -EINVAL (another type), -EBUSY. */
int page_get_type(struct page *pg, enum page_type type) must_check;
void page_put_type(struct page *pg);

/*
 * Page tables, by their type. 0, -EINVAL and the like, or -ERESTART: call again (the work done so
 * far is kept in the frame).
 */
int page_table_get(struct page *pg, enum page_type type, struct domain *d, struct pt_work *w)
    REQUIRES(d->arch.pt_lock) must_check;
/* May leave the table in w->parked. */
void page_table_put(struct page *pg, struct domain *d, struct pt_work *w) REQUIRES(d->arch.pt_lock);
/*
 * Go on undoing a PARTIAL table; nothing to do if it is not one any more. -ERESTART: not finished.
 */
int page_table_reclaim(struct page *pg, struct domain *d, struct pt_work *w)
    REQUIRES(d->arch.pt_lock) must_check;

/* the caller's reference becomes the pin's; false: pinned already */
bool page_pin(struct page *pg);
bool page_unpin(struct page *pg); /* and back; false: not pinned */

static inline struct page_use page_use_read(const struct page *pg)
{
    union { uint64_t word; struct page_use use; } u = { .word = read_once(pg->use) };

    return u.use;
}
/* Is it a page table in force, of which type? Stable under the owner's pt_lock. PT_NONE: no. */
static inline enum page_type page_table_type(const struct page *pg)
{
    struct page_use u = page_use_read(pg);

    return u.state == PS_VALID && page_type_is_table(u.type) ? (enum page_type)u.type : PT_NONE;
}

static inline void page_ref_again(struct page *pg) /* the caller has one already */
{
    __atomic_fetch_add(&pg->ref, 1, __ATOMIC_RELAXED);
}

/* Another domain than the owner maps it: flushes for it must reach every cpu from now on. */
static inline void page_note_foreign(struct page *pg)
{
    if (!(read_once(pg->ref) & PAGE_FOREIGN))
        __atomic_fetch_or(&pg->ref, PAGE_FOREIGN, __ATOMIC_SEQ_CST);
}

#endif
