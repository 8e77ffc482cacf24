/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine frames: the frame table, the allocator, references and types.
 *
 * Every frame of RAM that has ever been handed out has a struct page. The table is sparse: it is
 * built a section (SECTION_SIZE of RAM) at a time, when the allocator first takes memory from that
 * section, so that boot time and our own memory do not grow with RAM that nobody has used.
 *
 * References (page->ref): PAGE_ALLOCATED is set by the allocator's assignment to an owner and holds
 * one reference; further references are held by each mapping in a guest's page table, each type
 * reference that names the page, and by hypercalls in flight. The frame goes back to the allocator
 * when the last one is dropped.
 *
 * Types (page->use): see page_use.h. A frame has one type while its type count is not 0; a page
 * table is never writable by a guest at the same time.
 */
#ifndef HV_PAGE_H
#define HV_PAGE_H

#include <hv/cpumask.h>
#include <hv/lock.h>
#include <hv/types.h>

struct domain;

/* --- the frame table -------------------------------------------------------------------------- */

#define SECTION_SHIFT 28 /* 256 MiB of RAM: 2 MiB of frame table, half a MiB of M2P */
#define SECTION_SIZE (1ULL << SECTION_SHIFT)
#define SECTION_PAGES (SECTION_SIZE >> PAGE_SHIFT)
#define MAX_PADDR_BITS 45 /* 32 TiB */
#define FRAME_LINK_BITS 34  /* a frame number in struct page's links */

#define PAGE_REF_COUNT 0x00000000ffffffffULL
/* belongs to owner and is on its page list; holds a reference */
#define PAGE_ALLOCATED (1ULL << 63)
/* ours and shared with owner (shared_info, grant frames): mapping may not free it */
#define PAGE_XEN (1ULL << 62)
#define PAGE_FREE (1ULL << 61)      /* head of a free buddy block of 2^order frames */
#define PAGE_DIRTY (1ULL << 60)     /* free, and holds a former owner's bytes: scrub before reuse */
#define PAGE_BROKEN (1ULL << 59)
/* not RAM: inside a section in use, but mfn_to_page() does not give it */
#define PAGE_HOLE (1ULL << 58)
/* free: a guest's TLB entries for it may be live, see tlb_stamp */
#define PAGE_STALE (1ULL << 57)
/* another domain than its owner had it mapped: flushes must reach all cpus */
#define PAGE_FOREIGN (1ULL << 56)
#define PAGE_UNCACHED (1ULL << 55)  /* was mapped with other than write-back caching */
/* hv_page_free() came while shared references were left: the last one frees it */
#define PAGE_ORPHAN (1ULL << 54)

struct page {
    uint64_t ref;        /* PAGE_* flags and count; changed atomically */
    uint64_t use;        /* struct page_use as one word; changed atomically */
    uint32_t next_lo, prev_lo; /* with the high bits below: page_next(), page_prev() */
    union {
        /* while free, or type count 0: tlb_clock when the last guest mapping may have been live */
        uint32_t tlb_stamp;
        uint32_t partial;   /* PARTIAL page table: number of entries validated so far */
    };
    uint16_t owner; /* domain id; DOMID_NONE for nobody */
    uint8_t order : 6, next_hi : 2; /* head of a free block */
    uint8_t node : 6, prev_hi : 2;  /* NUMA node */
};
_Static_assert(sizeof(struct page) == 32, "the frame table's entry");

_Static_assert(MAX_PADDR_BITS - PAGE_SHIFT < FRAME_LINK_BITS,
               "a frame number and an end mark fit a link");

/* Links between frames: of the owner's page list, or of a free list; under that list's lock. */
static inline uint64_t page_next(const struct page *pg)
{
    return pg->next_lo | (uint64_t)pg->next_hi << 32;
}
static inline uint64_t page_prev(const struct page *pg)
{
    return pg->prev_lo | (uint64_t)pg->prev_hi << 32;
}
static inline void page_set_next(struct page *pg, uint64_t frame)
{
    pg->next_lo = (uint32_t)frame;
    pg->next_hi = (uint8_t)(frame >> 32 & 3);
}
static inline void page_set_prev(struct page *pg, uint64_t frame)
{
    pg->prev_lo = (uint32_t)frame;
    pg->prev_hi = (uint8_t)(frame >> 32 & 3);
}

#define PAGE_LIST_END (BIT(FRAME_LINK_BITS) - 1)
#define DOMID_NONE 0x7fff

struct page_list {
    uint64_t head, tail;
    uint64_t nr;
};

/* struct page of a frame; NULL when the frame is not RAM or its section has never been used. */
struct page *mfn_to_page(mfn_t mfn);
/* The same for a frame known to be there (no check in release builds). */
struct page *mfn_to_page_known(mfn_t mfn);
mfn_t page_to_mfn(const struct page *pg);
bool mfn_is_ram(mfn_t mfn); /* conventional RAM of the host, used or not, ours or a domain's */
mfn_t mfn_max(void);        /* highest RAM frame of the host */

void page_list_init(struct page_list *l);
void page_list_add_head(struct page_list *l, struct page *pg);
void page_list_add_tail(struct page_list *l, struct page *pg);
void page_list_del(struct page_list *l, struct page *pg);
struct page *page_list_first(const struct page_list *l);
struct page *page_list_next(const struct page *pg);

/* --- the allocator ---------------------------------------------------------------------------- */

#define MAX_ORDER 18 /* 1 GiB */
#define ALLOC_NODE(n) (((uint32_t)(n) + 1) & 0xff) /* prefer this node */
#define ALLOC_EXACT_NODE (1U << 8)
#define ALLOC_BITS(b) ((uint32_t)(b) << 16) /* machine address below 2^b */
#define ALLOC_NO_SCRUB (1U << 9)            /* caller overwrites every byte itself */
#define ALLOC_TINY_OK (1U << 10)            /* may use the DMA reserve */

/*
 * Tell of conventional RAM of the host (each E820 RAM range, whoever uses it): what mfn_is_ram()
 * answers. Boot only, before the first heap_add_range().
 */
void ram_add_range(paddr_t start, paddr_t end);
/*
 * Give a range of RAM to the allocator. Touches nothing in it (see above). node from SRAT. Boot
 * only.
 */
void heap_add_range(paddr_t start, paddr_t end, unsigned int node);
/* 2^order contiguous frames, without owner; NULL when there are none. Never blocks. */
struct page *page_alloc(unsigned int order, uint32_t flags) must_check;
/* The same for a domain that has been promised so many (heap_claim()): those are for it only. */
struct page *page_alloc_claimed(unsigned int order, uint32_t flags, uint32_t claim) must_check;
/* These very frames, aligned to their number. NULL: one is in use, or not the allocator's. */
struct page *page_alloc_at(mfn_t mfn, unsigned int order, uint32_t flags) must_check;
void page_free(struct page *pg, unsigned int order);
uint64_t heap_free_pages(void); /* the virgin ones included */
uint64_t heap_total_pages(void);
uint64_t heap_node_free_pages(unsigned int node);
uint64_t heap_node_total_pages(unsigned int node);
unsigned int heap_nr_nodes(void);
/*
 * Promise nr frames: nobody gets them but through page_alloc_claimed(). -ENOMEM when there are not
 * so many. domain_claim_pages() knows whose they are, and adjusts the sum.
 */
int heap_claim(uint64_t nr) must_check;
void heap_claim_adjust(int64_t delta);
uint64_t heap_claimed_pages(void);

/* The smallest order of pages that holds so many bytes. */
static inline unsigned int order_of_size(size_t size)
{
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < size)
        order++;
    return order;
}

/* Frames for ourselves, mapped (direct map), zeroed. NULL when out of memory. */
void *hv_page_alloc(unsigned int order) must_check;
void hv_page_free(void *va, unsigned int order);
/* Small objects (16 bytes to a page), zeroed. */
void *hv_alloc(size_t size) must_check;
void hv_free(void *p); /* NULL is ignored */
uint64_t hv_pages_used(void); /* frames the hypervisor keeps for itself */
/* Objects of the size class c and the pages they are on; the last class is that of whole pages. */
struct heap_class { uint32_t size, objects, pages; };
bool heap_class_info(unsigned int c, struct heap_class *info); /* false: no such class */

/*
 * Who follows which frames are ours (never to be reached by a device) and which a domain's: called
 * before their first use as such, without locks above RANK_PAGE_LIST. An error lets the allocation
 * fail. NULL: nobody.
 */
extern int (*page_user_hook)(mfn_t first, unsigned int order, bool ours);

/*
 * Who follows which frames of a domain with a device context (domain.iommu) are writable by their
 * type: they are from now on, or they are no longer, or belong to nobody. An error, which only the
 * first may give, refuses the type. Called without locks above RANK_P2M. NULL: nobody.
 */
extern int (*page_device_hook)(struct domain *d, mfn_t mfn, bool writable);

/* --- owners and references -------------------------------------------------------------------- */

/*
 * Charge 2^order frames from page_alloc to d: -E2BIG over max_pages, -EINVAL when d is dying. On
 * success each frame has PAGE_ALLOCATED, one reference and is on d->page_list.
 */
int page_assign(struct domain *d, struct page *pg, unsigned int order) must_check;
/* Allocate and assign: the common case of populate. */
struct page *page_alloc_for(struct domain *d, unsigned int order, uint32_t flags) must_check;
/*
 * XENMEM_claim_pages: d is to have nr frames in all, and those that it lacks are kept for it; 0
 * takes the promise back. -EINVAL: it has a promise, or as many, or may not have so many, or is
 * dying. -ENOMEM.
 */
int domain_claim_pages(struct domain *d, uint64_t nr) must_check;
/* Under d->page_lock: it got (lost, if negative) frames. */
void domain_claim_follow(struct domain *d, int64_t delta);
/*
 * Share one of our own pages (from hv_page_alloc) with d: d may map it, dropping all its maps frees
 * nothing.
 */
void page_share_with(void *va, struct domain *d, bool writable);
void page_unshare(void *va); /* d is gone, or holds no reference any more */

/* one reference if d owns it and it is not free */
bool page_get(struct page *pg, const struct domain *d) must_check;
void page_put(struct page *pg);                                     /* may free the frame */
/* Before domain id has frames; once is enough, for all its lives. False: no memory. */
bool page_owner_prepare(uint16_t id) must_check;
/* NULL for DOMID_NONE; valid while referenced */
struct domain *page_owner(const struct page *pg);
/*
 * Clear PAGE_ALLOCATED and drop the reference that came with it (decrease_reservation, teardown);
 * true if it was set.
 */
bool page_clear_allocated(struct page *pg);

/*
 * Mapped contents of a frame of RAM. Direct map where it reaches, else a per-cpu window (unmap in
 * reverse order).
 */
void *page_map(mfn_t mfn);
void page_unmap(const void *va);
/* The same for long, by any cpu: until page_unmap_long(). NULL: no room. */
void *page_map_long(mfn_t mfn) must_check;
void page_unmap_long(const void *va); /* any address in the page */

#endif
