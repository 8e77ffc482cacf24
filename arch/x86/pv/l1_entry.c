/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest's leaf entry may say, and the references that it holds: a page reference to a frame
 * of RAM, and a writable type reference if it is writable. Entries for device memory hold nothing:
 * such frames have no struct page and never will.
 */
#include <arch/p2m.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/rangeset.h>

/* firmware's first MiB: never in the allocator, and device memory to guests */
#define LOW_MEMORY_FRAMES 0x100
#define NO_FRAME (PTE_ADDR >> PAGE_SHIFT)

struct rangeset *mmio_ro_ranges;

void pv_mmu_init(void)
{
    mmio_ro_ranges = rangeset_new();
    if (!mmio_ro_ranges)
        panic("no memory for the set of read-only device frames");
}

/* Write-back and its kin become uncached: entries of our PAT, WB WT UC- UC WC WP UC UC. */
static uint64_t uncached(uint64_t v)
{
    uint64_t cache = v & PTE_CACHE_BITS;

    if (cache == 0 || cache == PTE_PWT || cache == (PTE_PAT | PTE_PWT))
        return (v & ~PTE_CACHE_BITS) | PTE_PCD | PTE_PWT;
    return v;
}

static int io_get(struct domain *d, struct domain *owner, pte_t *e)
{
    uint64_t frame = pte_mfn(*e).n;
    struct domain *who = owner == dom_io ? d : owner;

    if (frame == NO_FRAME || owner == dom_xen ||
        (mfn_is_ram(_mfn(frame)) && frame >= LOW_MEMORY_FRAMES))
        return -EINVAL;
    if (!who->iomem_caps || !rangeset_contains(who->iomem_caps, frame, frame))
        return -EPERM;
    if (who != d && (!d->iomem_caps || !rangeset_contains(d->iomem_caps, frame, frame)))
        return -EPERM;
    if ((e->v & PTE_RW) && mmio_ro_ranges && rangeset_contains(mmio_ro_ranges, frame, frame))
        e->v &= ~PTE_RW;
    e->v = pv_l1_adjust(d, uncached(e->v));
    return 0;
}

/* Only who has to do with devices may choose how memory is cached. */
static int cache_choice(struct domain *d, struct page *pg)
{
    if (!d->iomem_caps || rangeset_empty(d->iomem_caps))
        return -EINVAL;
    if (!(read_once(pg->ref) & PAGE_UNCACHED))
        __atomic_fetch_or(&pg->ref, PAGE_UNCACHED, __ATOMIC_SEQ_CST);
    return 0;
}

static int writable_get(struct domain *d, struct page *pg, struct pt_work *w)
    REQUIRES(d->arch.pt_lock)
{
    int rc = page_get_type(pg, PT_WRITABLE);

    if (likely(!rc))
        return 0;
    /* A table of ours that nobody finished is no reason to refuse. */
    if (page_use_read(pg).state != PS_PARTIAL || read_once(pg->owner) != d->id)
        return rc;
    rc = page_table_reclaim(pg, d, w);
    return rc ? rc : page_get_type(pg, PT_WRITABLE);
}

/* The entry names a page of the M2P: from here on, its machine frame. */
static int translate_m2p(pte_t *e, struct page **pg)
{
    *pg = pv_m2p_page_get(pte_mfn(*e));
    if (!*pg)
        return -EINVAL;
    e->v = pte_make(page_to_mfn(*pg), pte_flags(*e)).v;
    return 0;
}

/*
 * The entry names a guest frame of a translated domain's: from here on, its machine frame. Only
 * memory of its own, what others lent it is theirs; pages that it may not write are for the device
 * model to write. -EINVAL: no memory.
 */
static int translate(struct domain *owner, pte_t *e, struct page **pg)
{
    enum p2m_type type;

    *pg = p2m_page_get(owner, _gfn(pte_mfn(*e).n), false, &type);
    if (!*pg)
        return -EINVAL;
    if (!p2m_is_ram(type)) {
        page_put(*pg);
        return -EINVAL;
    }
    e->v = pte_make(page_to_mfn(*pg), pte_flags(*e)).v;
    return 0;
}

int pv_l1e_get(struct domain *d, struct domain *owner, pte_t *e, struct pt_work *w)
{
    struct page *pg;
    int rc = 0;

    if (unlikely(is_hvm(owner) && !w->no_translate)) {
        rc = translate(owner, e, &pg);
        if (rc)
            return rc;
    } else if (unlikely(owner == dom_xen && pv_names_m2p(pte_mfn(*e)))) {
        rc = translate_m2p(e, &pg);
        if (rc)
            return rc;
    } else {
        pg = mfn_to_page(pte_mfn(*e));
        if (unlikely(!pg || !page_get(pg, owner)))
            return io_get(d, owner, e);
    }
    if (unlikely(e->v & PTE_CACHE_BITS))
        rc = cache_choice(d, pg);
    if (!rc && (e->v & PTE_RW))
        rc = writable_get(d, pg, w);
    if (unlikely(rc)) {
        page_put(pg);
        return rc;
    }
    if (unlikely(owner != d))
        page_note_foreign(pg);
    e->v = pv_l1_adjust(d, e->v);
    return 0;
}

static struct page *referenced_page(pte_t e) /* NULL: device memory */
{
    return pte_mfn(e).n >= LOW_MEMORY_FRAMES ? mfn_to_page(pte_mfn(e)) : NULL;
}

void pv_l1e_put_write(pte_t e)
{
    struct page *pg = referenced_page(e);

    if (pg)
        page_put_type(pg);
}

bool pv_l1e_put(pte_t e)
{
    struct page *pg = referenced_page(e);
    bool last;

    if (unlikely(!pg))
        return false;
    last = (read_once(pg->ref) & PAGE_REF_COUNT) == 1;
    if (e.v & PTE_RW)
        page_put_type(pg);
    page_put(pg);
    return last;
}
