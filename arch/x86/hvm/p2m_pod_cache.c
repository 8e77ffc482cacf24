/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of a domain that wait to be populated on demand: the domain's, zeroed, and nowhere. How
 * many they are to be, the toolstack says and the balloon driver's work (public memory.h,
 * "XENMEM_set_pod_target").
 */
#include "p2m_priv.h"

#include <abi.h>
#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/memory.h>
#include <hv/softirq.h>
#include <lib/string.h>

#define SUPER BIT(P2M_ORDER_2M)

/* --- the cache -------------------------------------------------------------------------------- */

#define FRAMES_PER_PAGE (PAGE_SIZE / sizeof(uint64_t) - 2)

/* A stack of frames. */
struct p2m_frames {
    struct p2m_frames *below;
    uint64_t nr;
    uint64_t mfn[FRAMES_PER_PAGE];
};
_Static_assert(sizeof(struct p2m_frames) == PAGE_SIZE, "one page each");

static bool stack_push(struct p2m_frames **top, mfn_t mfn)
{
    struct p2m_frames *s = *top;

    if (!s || s->nr == FRAMES_PER_PAGE) {
        s = hv_page_alloc(0);
        if (!s)
            return false;
        s->below = *top;
        *top = s;
    }
    s->mfn[s->nr++] = mfn.n;
    return true;
}

static bool stack_pop(struct p2m_frames **top, mfn_t *mfn)
{
    struct p2m_frames *s = *top;

    if (!s)
        return false;
    *mfn = _mfn(s->mfn[--s->nr]);
    if (s->nr == 0) {
        *top = s->below;
        hv_page_free(s, 0);
    }
    return true;
}

/* Zeroed frames that are the domain's and nowhere. False: no memory to note them. */
bool p2m_cache_put(struct p2m *p, mfn_t mfn, unsigned int order)
{
    if (!stack_push(order ? &p->pod.supers : &p->pod.singles, mfn))
        return false;
    p->pod.cached += BIT(order);
    return true;
}

/* Order 0 or that of 2 MiB. False: there is none such; never for order 0 if any frame is there. */
bool p2m_cache_take(struct p2m *p, unsigned int order, mfn_t *mfn)
{
    struct p2m_pod *pod = &p->pod;

    if (order) {
        if (!stack_pop(&pod->supers, mfn))
            return false;
    } else if (!stack_pop(&pod->singles, mfn)) {
        if (pod->broken_left == 0) {
            if (!stack_pop(&pod->supers, &pod->broken))
                return false;
            pod->broken_left = SUPER;
        }
        *mfn = _mfn(pod->broken.n + --pod->broken_left);
    }
    pod->cached -= BIT(order);
    return true;
}

static void release(struct domain *d, mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++)
        (void)memory_release_frame(d, _mfn(mfn.n + i));
}

void p2m_cache_return(struct domain *d, mfn_t mfn, unsigned int order)
    REQUIRES(d->arch.hvm->p2m.lock)
{
    if (!p2m_cache_put(&d->arch.hvm->p2m, mfn, order))
        release(d, mfn, order);
}

static void clear(mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        void *va = page_map(_mfn(mfn.n + i));

        memset(va, 0, PAGE_SIZE);
        page_unmap(va);
    }
}

void p2m_pod_free(struct p2m *p)
{
    mfn_t mfn;

    /* The frames themselves are found in the domain's list. */
    while (stack_pop(&p->pod.supers, &mfn) || stack_pop(&p->pod.singles, &mfn))
        continue;
    p->pod.cached = p->pod.broken_left = 0;
}

/* Nobody but the entry has it: no grant, no foreign map, no hypercall. */
bool p2m_frame_idle(mfn_t mfn)
{
    const struct page *pg = mfn_to_page(mfn);
    const uint64_t ref = pg ? read_once(pg->ref) : 0;

    return (ref & (PAGE_REF_COUNT | PAGE_XEN | PAGE_ALLOCATED | PAGE_BROKEN)) ==
           (PAGE_ALLOCATED | 1);
}

static bool all_idle(mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++)
        if (!p2m_frame_idle(_mfn(mfn.n + i)))
            return false;
    return true;
}

/* --- what the cache shall have ---------------------------------------------------------------- */

/* Memory that was given back, as frames of order 0 or 2 MiB. */
static bool keep(struct domain *d, mfn_t mfn, unsigned int order)
{
    struct p2m *p = &d->arch.hvm->p2m;
    bool kept = false;

    if (!all_idle(mfn, order))
        return false; /* others write to it */
    clear(mfn, order);
    for (uint64_t i = 0; i < BIT(order); i++)
        m2p_set(_mfn(mfn.n + i), M2P_INVALID);
    spin_lock(&d->arch.hvm->p2m.lock);
    if (!p->closed && p->pod.entries > p->pod.cached)
        kept = p2m_cache_put(p, mfn, order);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return kept;
}

void p2m_pod_give(struct domain *d, mfn_t mfn, unsigned int order)
{
    const struct p2m_pod *pod = &d->arch.hvm->p2m.pod;
    const unsigned int step = order >= P2M_ORDER_2M ? P2M_ORDER_2M : P2M_ORDER_4K;

    for (uint64_t i = 0; i < BIT(order); i += BIT(step)) {
        const mfn_t m = _mfn(mfn.n + i);

        if (likely(read_once(pod->entries) <= read_once(pod->cached)) || !keep(d, m, step))
            release(d, m, step);
        else
            p2m_pod_trim(d); /* 2 MiB may be more than was missing */
    }
}

static bool trim_one(struct domain *d)
{
    struct p2m *p = &d->arch.hvm->p2m;
    bool more;
    mfn_t mfn;

    spin_lock(&d->arch.hvm->p2m.lock);
    more = p->pod.cached > p->pod.entries && p2m_cache_take(p, P2M_ORDER_4K, &mfn);
    spin_unlock(&d->arch.hvm->p2m.lock);
    if (more)
        release(d, mfn, P2M_ORDER_4K);
    return more;
}

/* Frames that no entry will ask for are nobody's need. */
void p2m_pod_trim(struct domain *d)
{
    const struct p2m_pod *pod = &d->arch.hvm->p2m.pod;

    while (unlikely(read_once(pod->cached) > read_once(pod->entries)) && trim_one(d))
        continue;
}

/*
 * The size of the cache for a target of all pages: enough for the entries at most, but for a domain
 * that is being built, which has none yet. It never gets smaller: the balloon driver's pages do
 * that. Xen 4.17: p2m_pod_set_mem_target().
 */
static uint64_t cache_size(struct domain *d, uint64_t target)
{
    const struct p2m *p = &d->arch.hvm->p2m;
    uint64_t size, populated;

    spin_lock(&d->arch.hvm->p2m.lock);
    populated = d->tot_pages - p->pod.cached;
    size = p->pod.cached;
    if (!p->closed && target >= d->tot_pages && (populated == 0 || p->pod.entries)) {
        size = target - populated;
        if (populated && size > p->pod.entries)
            size = MAX(p->pod.entries, p->pod.cached);
    }
    size -= p->pod.cached;
    spin_unlock(&d->arch.hvm->p2m.lock);
    return size;
}

static int cache_grow(struct domain *d, unsigned int order, uint32_t flags)
{
    struct page *pg = page_alloc_for(d, order, flags | ALLOC_NO_SCRUB);

    if (!pg)
        return -ENOMEM;
    clear(page_to_mfn(pg), order);
    spin_lock(&d->arch.hvm->p2m.lock);
    p2m_cache_return(d, page_to_mfn(pg), order);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return 0;
}

int p2m_pod_set_target(struct domain *d, uint64_t target, uint32_t flags)
{
    uint64_t missing;

    while ((missing = cache_size(d, target)) > 0) {
        int rc;

        if (read_once(d->arch.hvm->p2m.follow))
            return -ENOTEMPTY; /* a device's access cannot wait for a frame */
        rc = missing >= SUPER ? cache_grow(d, P2M_ORDER_2M, flags) : -ENOMEM;
        if (rc)
            rc = cache_grow(d, P2M_ORDER_4K, flags);
        if (rc)
            return rc;
        if (preempt_wanted())
            return -ERESTART;
    }
    return 0;
}

void p2m_pod_get_target(struct domain *d, struct xen_pod_target *t)
{
    spin_lock(&d->arch.hvm->p2m.lock);
    t->tot_pages = d->tot_pages;
    t->pod_cache_pages = d->arch.hvm->p2m.pod.cached;
    t->pod_entries = d->arch.hvm->p2m.pod.entries;
    spin_unlock(&d->arch.hvm->p2m.lock);
}
