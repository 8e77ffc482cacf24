/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Owners of frames and references to them.
 *
 * A frame's reference count says how many mappings, type references and hypercalls in flight want
 * it to stay; whoever drops the last one gives it back. A domain with frames (its own, or ours
 * shared with it) cannot go away: the first frame takes a reference to it, the last drops it. That
 * last drop may come from anywhere, under any lock, so it is left to a tasklet.
 *
 * owner_slot() is an owner's struct while it has frames; ids are not reused before the domain is
 * gone.
 */
#include <arch/direct.h>
#include <arch/page_type.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <hv/softirq.h>

#define NR_OWNERS 0x8000
#define REF_LIMIT 0xfffffff0U

int (*page_device_hook)(struct domain *d, mfn_t mfn, bool writable);

/* by id; a page is made for the first domain of its ids, and kept */
#define OWNERS_A_PAGE (PAGE_SIZE / sizeof(struct domain *))
static struct domain **owner_page[NR_OWNERS / OWNERS_A_PAGE];
/* owners whose last frame went: the tasklet drops the reference */
static uint64_t released[NR_OWNERS / 64];

/* --- lists ------------------------------------------------------------------------------------ */

static struct page *at(uint64_t frame)
{
    return frame == PAGE_LIST_END ? NULL : mfn_to_page_known(_mfn(frame));
}

void page_list_init(struct page_list *l)
{
    *l = (struct page_list){ .head = PAGE_LIST_END, .tail = PAGE_LIST_END };
}

void page_list_add_head(struct page_list *l, struct page *pg)
{
    uint64_t frame = page_to_mfn(pg).n;

    page_set_prev(pg, PAGE_LIST_END);
    page_set_next(pg, l->head);
    if (l->head == PAGE_LIST_END)
        l->tail = frame;
    else
        page_set_prev(at(l->head), frame);
    l->head = frame;
    l->nr++;
}

void page_list_add_tail(struct page_list *l, struct page *pg)
{
    uint64_t frame = page_to_mfn(pg).n;

    page_set_next(pg, PAGE_LIST_END);
    page_set_prev(pg, l->tail);
    if (l->tail == PAGE_LIST_END)
        l->head = frame;
    else
        page_set_next(at(l->tail), frame);
    l->tail = frame;
    l->nr++;
}

void page_list_del(struct page_list *l, struct page *pg)
{
    if (page_prev(pg) == PAGE_LIST_END)
        l->head = page_next(pg);
    else
        page_set_next(at(page_prev(pg)), page_next(pg));
    if (page_next(pg) == PAGE_LIST_END)
        l->tail = page_prev(pg);
    else
        page_set_prev(at(page_next(pg)), page_prev(pg));
    l->nr--;
}

struct page *page_list_first(const struct page_list *l)
{
    return at(l->head);
}

struct page *page_list_next(const struct page *pg)
{
    return at(page_next(pg));
}

/* --- owners ----------------------------------------------------------------------------------- */

bool page_owner_prepare(uint16_t id)
{
    struct domain ***page = &owner_page[id / OWNERS_A_PAGE], **mine, **none = NULL;

    if (read_once(*page))
        return true;
    mine = hv_page_alloc(0);
    if (!mine)
        return false;
    if (!__atomic_compare_exchange_n(page, &none, mine, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        hv_page_free(mine, 0);
    return true;
}

static struct domain **owner_slot(uint16_t id)
{
    return &owner_page[id / OWNERS_A_PAGE][id % OWNERS_A_PAGE];
}

static bool has_frames(const struct domain *d)
{
    return d->page_list.nr || d->xen_page_list.nr;
}

static void put_released(void *data)
{
    for (unsigned int w = 0; w < ARRAY_SIZE(released); w++) {
        uint64_t bits = read_once(released[w])
                            ? __atomic_exchange_n(&released[w], 0, __ATOMIC_ACQ_REL)
                            : 0;

        for (; bits; bits &= bits - 1) {
            const unsigned int id = w * 64 + (unsigned int)__builtin_ctzll(bits);
            struct domain **slot = owner_slot((uint16_t)id), *d = *slot;

            spin_lock(&d->page_lock);
            *slot = has_frames(d) ? d : NULL;
            spin_unlock(&d->page_lock);
            domain_put(d);
        }
    }
}

static struct tasklet released_tasklet = { .fn = put_released };

static void owner_hold(struct domain *d) REQUIRES(d->page_lock)
{
    if (!has_frames(d)) {
        domain_get(d);
        *owner_slot(d->id) = d;
    }
}

/* After the page was taken off its list. */
static void owner_release(struct domain *d) REQUIRES(d->page_lock)
{
    if (has_frames(d))
        return;
    if (__atomic_fetch_or(&released[d->id / 64], BIT(d->id % 64), __ATOMIC_ACQ_REL) &
        BIT(d->id % 64))
        /* gained and lost frames again: two to drop */
        BUG_ON(__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST) == 0);
    tasklet_schedule(&released_tasklet);
}

struct domain *page_owner(const struct page *pg)
{
    uint16_t id = read_once(pg->owner);

    if (id >= NR_OWNERS || id == DOMID_NONE || !owner_page[id / OWNERS_A_PAGE])
        return NULL;
    return *owner_slot(id);
}

/* --- claims ----------------------------------------------------------------------------------- */

/*
 * A claim names the total that a domain is to have; outstanding_pages is what it still lacks. It
 * follows what the domain gets and gives back, and is over once it has reached 0. The allocator's
 * sum is always that of all domains.
 */
static int claim(struct domain *d, uint64_t nr) REQUIRES(d->page_lock)
{
    int rc;

    if (nr == 0) {
        heap_claim_adjust(-(int64_t)d->outstanding_pages);
        d->outstanding_pages = 0;
        return 0;
    }
    /* a dying domain gives its claim back before it gets here, or finds it out here */
    if (read_once(d->state) != DOM_ALIVE || d->outstanding_pages)
        return -EINVAL;
    if (nr <= d->tot_pages || nr > d->max_pages)
        return -EINVAL;
    rc = heap_claim(nr - d->tot_pages);
    if (!rc)
        d->outstanding_pages = (uint32_t)(nr - d->tot_pages);
    return rc;
}

int domain_claim_pages(struct domain *d, uint64_t nr)
{
    int rc;

    spin_lock(&d->page_lock);
    rc = claim(d, nr);
    spin_unlock(&d->page_lock);
    return rc;
}

void domain_claim_follow(struct domain *d, int64_t delta)
{
    int64_t left = (int64_t)d->outstanding_pages - delta;

    if (likely(d->outstanding_pages == 0))
        return;
    left = MAX(left, 0);
    heap_claim_adjust(left - (int64_t)d->outstanding_pages);
    d->outstanding_pages = (uint32_t)left;
}

/* --- frames of domains ------------------------------------------------------------------------ */

int page_assign(struct domain *d, struct page *pg, unsigned int order)
{
    uint32_t nr = 1U << order;
    int rc = page_user_hook ? page_user_hook(page_to_mfn(pg), order, false) : 0;

    if (rc)
        return rc;
    spin_lock(&d->page_lock);
    if (d->state != DOM_ALIVE)
        rc = -EINVAL;
    else if (d->tot_pages > d->max_pages || nr > d->max_pages - d->tot_pages)
        rc = -E2BIG;
    else
        owner_hold(d);
    for (uint32_t i = 0; i < nr && !rc; i++) {
        pg[i].owner = d->id;
        pg[i].use = 0;
        pg[i].tlb_stamp = 0;
        page_list_add_tail(&d->page_list, &pg[i]);
        __atomic_store_n(&pg[i].ref, PAGE_ALLOCATED | 1, __ATOMIC_RELEASE);
    }
    if (!rc) {
        d->tot_pages += nr;
        domain_claim_follow(d, nr);
    }
    spin_unlock(&d->page_lock);
    return rc;
}

struct page *page_alloc_for(struct domain *d, unsigned int order, uint32_t flags)
{
    struct page *pg = page_alloc_claimed(order, flags, read_once(d->outstanding_pages));

    if (pg && page_assign(d, pg, order)) {
        page_free(pg, order);
        pg = NULL;
    }
    return pg;
}

/* The last reference of a domain's frame is gone. */
static void free_owned(struct page *pg, uint64_t ref)
{
    struct domain *d = page_owner(pg);

    BUG_ON(!d || (ref & PAGE_ALLOCATED));
    if (unlikely(page_device_hook && d->iommu))
        (void)!page_device_hook(d, page_to_mfn(pg), false);
    spin_lock(&d->page_lock);
    page_list_del(&d->page_list, pg);
    d->tot_pages--;
    domain_claim_follow(d, -1);
    pg->owner = DOMID_NONE;
    pg->tlb_stamp = tlb_now();
    write_once(pg->ref, PAGE_STALE);
    owner_release(d);
    spin_unlock(&d->page_lock);
    page_free(pg, 0);
}

/*
 * The last reference of a page of ours that was shared is gone: it stays ours, unless we have let
 * go of it too.
 */
static void free_shared(struct page *pg, uint64_t ref)
{
    struct domain *d = page_owner(pg);

    spin_lock(&d->page_lock);
    page_list_del(&d->xen_page_list, pg);
    owner_release(d);
    spin_unlock(&d->page_lock);
    pg->owner = DOMID_NONE;
    pg->tlb_stamp = tlb_now();
    /* hv_page_free() may come at any time from another cpu: exactly one of us sees the other. */
    if (__atomic_exchange_n(&pg->ref, PAGE_STALE, __ATOMIC_SEQ_CST) & PAGE_ORPHAN)
        page_free(pg, 0);
}

void page_share_with(void *va, struct domain *d, bool writable)
{
    struct page *pg = mfn_to_page_known(paddr_to_mfn(direct_pa(va)));

    spin_lock(&d->page_lock);
    owner_hold(d);
    pg->owner = d->id;
    pg->use = page_use_shared(writable);
    page_list_add_tail(&d->xen_page_list, pg);
    __atomic_store_n(&pg->ref, PAGE_XEN | PAGE_ALLOCATED | 1, __ATOMIC_RELEASE);
    spin_unlock(&d->page_lock);
}

void page_unshare(void *va)
{
    struct page *pg = mfn_to_page_known(paddr_to_mfn(direct_pa(va)));

    page_clear_allocated(pg);
}

/* --- references ------------------------------------------------------------------------------- */

bool page_get(struct page *pg, const struct domain *d)
{
    uint64_t ref = __atomic_load_n(&pg->ref, __ATOMIC_RELAXED);

    do {
        uint32_t count = (uint32_t)(ref & PAGE_REF_COUNT);

        if (unlikely(count == 0 || count >= REF_LIMIT || (ref & PAGE_BROKEN)))
            return false;
        if (unlikely(read_once(pg->owner) != d->id))
            return false;
    } while (unlikely(!__atomic_compare_exchange_n(&pg->ref, &ref, ref + 1, true, __ATOMIC_ACQUIRE,
                                                   __ATOMIC_RELAXED)));
    /* It may have been freed and given to somebody else between the two looks. */
    if (likely(read_once(pg->owner) == d->id))
        return true;
    page_put(pg);
    return false;
}

void page_put(struct page *pg)
{
    uint64_t ref = __atomic_sub_fetch(&pg->ref, 1, __ATOMIC_ACQ_REL);

    if (likely(ref & PAGE_REF_COUNT))
        return;
    if (ref & PAGE_XEN)
        free_shared(pg, ref);
    else
        free_owned(pg, ref);
}

bool page_clear_allocated(struct page *pg)
{
    if (!(__atomic_fetch_and(&pg->ref, ~PAGE_ALLOCATED, __ATOMIC_ACQ_REL) & PAGE_ALLOCATED))
        return false;
    page_put(pg);
    return true;
}

int memory_release_frame(struct domain *d, mfn_t mfn)
{
    struct page *pg = mfn_to_page(mfn);

    if (pg == NULL || !page_get(pg, d))
        return -EINVAL;
    if ((pg->ref & PAGE_XEN) || !page_clear_allocated(pg)) {
        page_put(pg);
        return -EINVAL;
    }
    m2p_set(mfn, M2P_INVALID);
    page_put(pg);
    return 0;
}
