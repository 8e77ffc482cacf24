/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page allocator: buddy lists per NUMA node, fed on demand from virgin RAM.
 *
 * RAM is at first only noted as ranges. When the lists cannot serve a request (or only with lower
 * memory than need be), the highest fitting section (256 MiB) of virgin RAM is taken into use: its
 * part of the frame table and M2P is built and the rest of it goes to the lists as maximal blocks.
 * So neither boot time nor our own memory grow with RAM that nobody uses.
 *
 * Zones are powers of two of the machine address: zone z holds frames [2^(z+7), 2^(z+8)), so that
 * any ALLOC_BITS() is a bound on the zone number. Blocks never cross a zone or a node. Requests
 * without an address limit go from high memory to low and never below TINY_ZONE, which is kept for
 * devices with narrow DMA.
 *
 * Frame 0 is never in the allocator (nothing below 1 MiB is), so 0 ends the free lists, and zeroed
 * lists are empty. A free block is described by its head's struct page; those of its other frames
 * have ref == 0, as allocated ones have that nobody owns. Free memory holds old bytes (PAGE_DIRTY)
 * until it is scrubbed, on allocation.
 */
#include <arch/frametable.h>
#include <arch/tlb.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/string.h>

#define MAX_NODES 64
#define NR_ZONES (MAX_PADDR_BITS - 20 + 1) /* zone z: addresses of z + 20 bits, the top one set */
#define TINY_ZONE 5 /* first zone that everybody may use: 16 MiB on */
#define TINY_END (1ULL << (TINY_ZONE + 7)) /* and the frame that it starts at */
#define LOWEST_FRAME 0x100
#define MAX_VIRGIN 1024
#define HV_BITS 42 /* the direct map ends at 5 TiB */
/* sections taken into use to serve one request larger than a section's blocks */
#define HUGE_CARVES 8
/* frames that a section's tables take at most: 32 bytes a frame, 8 bytes a frame, page tables */
#define SECTION_COST (SECTION_PAGES * (32 + 8) / PAGE_SIZE + SECTION_PT_PAGES)

#define FRAME_END(mfn, order) ((mfn) + (1ULL << (order)))

struct node_heap {
    uint64_t head[NR_ZONES][MAX_ORDER + 1];
    uint32_t orders[NR_ZONES]; /* bit o: head[zone][o] is not empty */
    uint64_t free, total, virgin;
    uint64_t virgin_top; /* end of its highest virgin range */
};

struct virgin { uint64_t start, end; unsigned int node; };

static DEFINE_SPINLOCK(heap_lock, RANK_HEAP);
static struct node_heap heap[MAX_NODES] GUARDED_BY(heap_lock);
static unsigned int nr_nodes = 1;
static struct virgin virgin[MAX_VIRGIN] GUARDED_BY(heap_lock);
static unsigned int nr_virgin GUARDED_BY(heap_lock);
static uint64_t virgin_sections GUARDED_BY(heap_lock); /* at most: that they lie in */
/* frames below TINY_END: in lists, virgin */
static uint64_t tiny_free GUARDED_BY(heap_lock), virgin_tiny GUARDED_BY(heap_lock);
static struct virgin node_range[MAX_VIRGIN]; /* what was given at boot, for node_of(); merged */
static unsigned int nr_node_ranges;
static uint64_t hv_used; /* the pool below included */
static uint64_t claimed GUARDED_BY(heap_lock); /* promised to domains, see heap_claim() */

/* Page-table pages for section_build(), which runs under the lock. */
static uint32_t pt_pool[SECTION_PT_PAGES * 2] GUARDED_BY(heap_lock);
static unsigned int nr_pt_pool GUARDED_BY(heap_lock);
static bool building GUARDED_BY(heap_lock);
static bool m2p_changed;

int (*page_user_hook)(mfn_t first, unsigned int order, bool ours);
/* Frames taken off the lists for tables of ours: under the lock, so the hook is told later. */
static struct { uint64_t mfn; unsigned int order; } told_later[128] GUARDED_BY(heap_lock);
static unsigned int nr_told_later GUARDED_BY(heap_lock);

static unsigned int zone_of(uint64_t mfn)
{
    return mfn < LOWEST_FRAME ? 0 : 64 - (unsigned int)__builtin_clzll(mfn) - 8;
}

static unsigned int node_of(uint64_t mfn)
{
    if (nr_nodes == 1)
        return 0;
    for (unsigned int i = 0; i < nr_node_ranges; i++)
        if (mfn >= node_range[i].start && mfn < node_range[i].end)
            return node_range[i].node;
    return 0;
}

/* --- free lists ------------------------------------------------------------------------------- */

static void list_push(uint64_t mfn, unsigned int order, unsigned int node) REQUIRES(heap_lock)
{
    struct page *pg = frame_table + mfn;
    unsigned int zone = zone_of(mfn);
    uint64_t *head = &heap[node].head[zone][order];

    pg->order = order & 0x3f;
    pg->node = node & 0x3f;
    page_set_prev(pg, 0);
    page_set_next(pg, *head);
    if (*head)
        page_set_prev(&frame_table[*head], mfn);
    *head = mfn;
    heap[node].orders[zone] |= 1U << order;
}

static void list_remove(struct page *pg) REQUIRES(heap_lock)
{
    unsigned int zone = zone_of(page_to_mfn(pg).n);
    struct node_heap *h = &heap[pg->node];

    if (page_next(pg))
        page_set_prev(&frame_table[page_next(pg)], page_prev(pg));
    if (page_prev(pg))
        page_set_next(&frame_table[page_prev(pg)], page_next(pg));
    else
        h->head[zone][pg->order] = page_next(pg);
    if (!h->head[zone][pg->order])
        h->orders[zone] &= ~(1U << pg->order);
}

/* The later of two stamps, as seen now. */
static uint32_t stamp_later(uint32_t a, uint32_t b)
{
    uint32_t now = tlb_now();

    return now - a < now - b ? a : b;
}

static void merge_flags(struct page *pg, const struct page *other)
{
    if ((pg->ref & PAGE_STALE) && (other->ref & PAGE_STALE))
        pg->tlb_stamp = stamp_later(pg->tlb_stamp, other->tlb_stamp);
    else if (other->ref & PAGE_STALE)
        pg->tlb_stamp = other->tlb_stamp;
    pg->ref |= other->ref & (PAGE_DIRTY | PAGE_STALE | PAGE_FOREIGN);
}

/* The free block that makes a larger one together with the block at mfn, or NULL. */
static struct page *buddy_of(uint64_t mfn, unsigned int order, unsigned int node)
    REQUIRES(heap_lock)
{
    uint64_t other = mfn ^ (1ULL << order);
    struct page *pg;

    if (order >= MAX_ORDER || zone_of(other) != zone_of(mfn))
        return NULL;
    pg = mfn_to_page(_mfn(other));
    if (!pg || !(pg->ref & PAGE_FREE) || pg->order != order || pg->node != node)
        return NULL;
    return pg;
}

/* flags: PAGE_DIRTY, PAGE_STALE (with the stamp), PAGE_FOREIGN */
static void block_add(uint64_t mfn, unsigned int order, unsigned int node, uint64_t flags,
                      uint32_t stamp) REQUIRES(heap_lock)
{
    struct page *pg = frame_table + mfn, *buddy;

    heap[node].free += 1ULL << order;
    if (zone_of(mfn) < TINY_ZONE)
        tiny_free += 1ULL << order;
    pg->ref = PAGE_FREE | flags;
    pg->tlb_stamp = stamp;
    while ((buddy = buddy_of(mfn, order, node))) {
        struct page *low = buddy < pg ? buddy : pg, *high = buddy < pg ? pg : buddy;

        list_remove(buddy);
        merge_flags(low, high);
        high->ref = 0;
        pg = low;
        mfn &= ~(1ULL << order);
        order++;
    }
    list_push(mfn, order, node);
}

/* Take a block off the lists, cut to size. Its flags stay in the head's ref. */
static struct page *block_take(unsigned int node, unsigned int order, unsigned int zone)
    REQUIRES(heap_lock)
{
    unsigned int have = order + (unsigned int)__builtin_ctz(heap[node].orders[zone] >> order);
    struct page *pg = frame_table + heap[node].head[zone][have];

    list_remove(pg);
    while (have > order) {
        struct page *half;

        have--;
        half = pg + (1ULL << have);
        half->ref = pg->ref;
        half->tlb_stamp = pg->tlb_stamp;
        list_push(page_to_mfn(half).n, have, node);
    }
    heap[node].free -= 1ULL << order;
    if (zone < TINY_ZONE)
        tiny_free -= 1ULL << order;
    return pg;
}

/*
 * Highest zone in [lowest, highest] with a block that is large enough; 0: none (zone 0 is always
 * empty).
 */
static unsigned int zone_with(unsigned int node, unsigned int order, unsigned int lowest,
                              unsigned int highest) REQUIRES(heap_lock)
{
    for (unsigned int z = highest; z >= lowest && z > 0; z--)
        if (heap[node].orders[z] >> order)
            return z;
    return 0;
}

static void add_range(uint64_t start, uint64_t end, unsigned int node, uint64_t flags)
    REQUIRES(heap_lock)
{
    while (start < end) {
        unsigned int order = MIN((unsigned int)__builtin_ctzll(start), (unsigned int)MAX_ORDER);

        while (FRAME_END(start, order) > end)
            order--;
        block_add(start, order, node, flags, 0);
        start = FRAME_END(start, order);
    }
}

/* --- virgin memory ---------------------------------------------------------------------------- */

static void virgin_update(unsigned int node) REQUIRES(heap_lock)
{
    virgin_sections = virgin_tiny = 0;
    for (unsigned int i = 0; i < nr_virgin; i++) {
        const struct virgin *v = &virgin[i];

        virgin_sections += SECTION_OF(_mfn(v->end - 1)) - SECTION_OF(_mfn(v->start)) + 1;
        if (v->start < TINY_END)
            virgin_tiny += MIN(v->end, TINY_END) - v->start;
    }
    heap[node].virgin = heap[node].virgin_top = 0;
    for (unsigned int i = 0; i < nr_virgin; i++)
        if (virgin[i].node == node) {
            heap[node].virgin += virgin[i].end - virgin[i].start;
            heap[node].virgin_top = MAX(heap[node].virgin_top, virgin[i].end);
        }
}

/* The highest section with virgin frames of the node below limit. */
static bool virgin_find(unsigned int node, uint64_t limit, uint64_t *section) REQUIRES(heap_lock)
{
    uint64_t top = 0;

    if (!heap[node].virgin)
        return false;
    for (unsigned int i = 0; i < nr_virgin; i++)
        if (virgin[i].node == node && virgin[i].start < limit)
            top = MAX(top, MIN(virgin[i].end, limit));
    if (!top)
        return false;
    *section = SECTION_OF(_mfn(top - 1));
    return true;
}

/* Cut the part inside [start, end) out of the list, a piece a call. */
static bool virgin_cut(uint64_t start, uint64_t end, struct virgin *piece) REQUIRES(heap_lock)
{
    for (unsigned int i = 0; i < nr_virgin; i++) {
        struct virgin *v = &virgin[i];

        if (v->start >= end || v->end <= start)
            continue;
        *piece = (struct virgin){ MAX(v->start, start), MIN(v->end, end), v->node };
        if (v->start < piece->start && v->end > piece->end) {
            /* room was checked */
            virgin[nr_virgin++] = (struct virgin){ piece->end, v->end, v->node };
            v->end = piece->start;
        } else if (v->start < piece->start) {
            v->end = piece->start;
        } else if (v->end > piece->end) {
            v->start = piece->end;
        } else {
            *v = virgin[--nr_virgin];
        }
        return true;
    }
    return false;
}

/* --- taking a section into use ---------------------------------------------------------------- */

#define MAX_PIECES 32

struct pieces {
    struct virgin v[MAX_PIECES];
    unsigned int nr;
};

/*
 * nr frames, aligned, from the end of the largest piece; 0 if it is too small. May split the piece.
 */
static uint64_t pieces_take(struct pieces *p, uint64_t nr, uint64_t align)
{
    struct virgin *best = NULL;
    uint64_t start, end;

    for (unsigned int i = 0; i < p->nr; i++)
        if (!best || p->v[i].end - p->v[i].start > best->end - best->start)
            best = &p->v[i];
    if (!best || best->end - best->start < nr)
        return 0;
    start = ROUND_DOWN(best->end - nr, align);
    if (start < best->start)
        return align > 1 ? pieces_take(p, nr, 1) : 0;
    end = best->end;
    best->end = start;
    if (start + nr < end && p->nr < MAX_PIECES)
        p->v[p->nr++] = (struct virgin){ start + nr, end, best->node };
    return start;
}

/*
 * nr contiguous frames for tables: from used memory if there is some, to keep virgin sections
 * whole; but from virgin memory, which no device can reach, while somebody follows whose frames
 * are.
 */
static uint64_t table_frames(struct pieces *p, unsigned int node, uint64_t nr, unsigned int bits)
    REQUIRES(heap_lock)
{
    unsigned int order = nr > 1 ? 64 - (unsigned int)__builtin_clzll(nr - 1) : 0;
    unsigned int zone = zone_with(node, order, TINY_ZONE, MIN(bits - 20, NR_ZONES - 1U));
    bool own_fits = !p->nr || bits >= MAX_PADDR_BITS ||
                    FRAME_END(p->v[0].start, 16) <= 1ULL << (bits - PAGE_SHIFT);
    uint64_t mfn;

    if ((!zone || page_user_hook) && own_fits) {
        mfn = pieces_take(p, nr, nr == 512 ? 512 : 1);
        if (mfn)
            return mfn;
    }
    for (unsigned int n = 0; n < nr_nodes && !zone; n++) {
        node = n;
        zone = zone_with(node, order, 1, MIN(bits - 20, NR_ZONES - 1U));
    }
    if (!zone)
        return 0;

    struct page *pg = block_take(node, order, zone);

    pg->ref = 0;
    mfn = page_to_mfn(pg).n;
    if (page_user_hook) {
        BUG_ON(nr_told_later == ARRAY_SIZE(told_later)); /* 14 a section, and HUGE_CARVES */
        told_later[nr_told_later].mfn = mfn;
        told_later[nr_told_later++].order = order;
    }
    add_range(mfn + nr, FRAME_END(mfn, order), node, PAGE_DIRTY);
    return mfn;
}

static bool pt_pool_fill(struct pieces *p, unsigned int node) REQUIRES(heap_lock)
{
    while (nr_pt_pool < SECTION_PT_PAGES) {
        uint64_t mfn = table_frames(p, node, 1, HV_BITS);

        if (!mfn)
            return false;
        pt_pool[nr_pt_pool++] = (uint32_t)mfn;
        hv_used++;
    }
    return true;
}

static void pieces_to_lists(const struct pieces *p) REQUIRES(heap_lock)
{
    for (unsigned int i = 0; i < p->nr; i++)
        add_range(p->v[i].start, p->v[i].end, p->v[i].node, PAGE_DIRTY);
}

/* Take the section into use. False: impossible; its memory is then lost, with a message. */
static bool section_use(uint64_t section, unsigned int node) REQUIRES(heap_lock)
{
    struct section_need need = section_need(section);
    struct pieces p = { .nr = 0 };
    uint64_t start = section * SECTION_PAGES, table, m2p;
    struct virgin piece;

    if (nr_virgin == MAX_VIRGIN)
        return false;
    while (p.nr < MAX_PIECES - 3 && virgin_cut(start, start + SECTION_PAGES, &piece))
        p.v[p.nr++] = piece;
    for (unsigned int n = 0; n < nr_nodes; n++)
        virgin_update(n);
    table = table_frames(&p, node, need.table_pages, MAX_PADDR_BITS);
    m2p = table_frames(&p, node, need.m2p_pages, HV_BITS);
    if (!table || !m2p || !pt_pool_fill(&p, node)) {
        log_err("no memory to describe RAM at %#lx: not used\n",
                (unsigned long)(start << PAGE_SHIFT));
        return false;
    }
    building = true;
    section_build(section, _mfn(table), _mfn(m2p));
    building = false;
    m2p_changed = true;
    hv_used += need.table_pages + need.m2p_pages;
    pieces_to_lists(&p);
    return true;
}

/* Virgin memory of the node below 2^bits goes to the lists: a section. False if there is none. */
static bool carve(unsigned int node, uint64_t limit) REQUIRES(heap_lock)
{
    uint64_t section, low;

    if (!virgin_find(node, limit, &section))
        return false;
    /*
     * A section past the direct map needs tables within it: see that there is something to take
     * them from.
     */
    if (section * SECTION_PAGES >= 1ULL << (HV_BITS - PAGE_SHIFT))
        for (unsigned int n = 0; n < nr_nodes && !zone_with(n, 7, 1, HV_BITS - 20); n++)
            if (virgin_find(n, 1ULL << (HV_BITS - PAGE_SHIFT), &low) && !section_use(low, n))
                return false;
    return section_use(section, node);
}

/* --- allocation ------------------------------------------------------------------------------- */

struct request {
    unsigned int order, low_zone, high_zone;
    uint64_t limit; /* frames below this */
};

static struct request request_of(unsigned int order, uint32_t flags)
{
    unsigned int bits = flags >> 16;
    struct request r = { .order = order, .low_zone = TINY_ZONE, .high_zone = NR_ZONES - 1 };

    if (!bits || bits > MAX_PADDR_BITS)
        bits = MAX_PADDR_BITS;
    else if (bits <= 32)
        r.low_zone = 1;
    if (flags & ALLOC_TINY_OK)
        r.low_zone = 1;
    r.high_zone = bits > 20 ? bits - 20 : 0;
    r.limit = bits > PAGE_SHIFT ? 1ULL << (bits - PAGE_SHIFT) : 0;
    return r;
}

static struct page *take_on_node(const struct request *r, unsigned int node) REQUIRES(heap_lock)
{
    unsigned int carves = r->order > 16 ? HUGE_CARVES : NR_SECTIONS;

    for (;;) {
        unsigned int zone = zone_with(node, r->order, r->low_zone, r->high_zone);
        uint64_t top = MIN(heap[node].virgin_top, r->limit);

        /* Virgin memory that lies higher spares the low one. */
        bool spare = zone && top > LOWEST_FRAME && zone_of(top - 1) > zone &&
                     zone_of(top - 1) > TINY_ZONE;

        if ((!zone || spare) && carves-- > 0 && carve(node, r->limit))
            continue;
        return zone ? block_take(node, r->order, zone) : NULL;
    }
}

static struct page *take_anywhere(const struct request *r, uint32_t flags) REQUIRES(heap_lock)
{
    unsigned int wish = flags & 0xff ? (flags & 0xff) - 1 : 0;
    struct page *pg;

    if (wish >= nr_nodes) {
        if (flags & ALLOC_EXACT_NODE)
            return NULL;
        wish = 0;
    }
    pg = take_on_node(r, wish);
    if (pg || (flags & ALLOC_EXACT_NODE && flags & 0xff))
        return pg;
    for (unsigned int i = 1; i < nr_nodes && !pg; i++)
        pg = take_on_node(r, (wish + i) % nr_nodes);
    return pg;
}

static void scrub(mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < 1ULL << order; i++) {
        void *va = page_map(_mfn(mfn.n + i));

        memset(va, 0, PAGE_SIZE);
        page_unmap(va);
    }
}

/* Nobody may still reach the block through an old translation. */
static void flush_stale(uint32_t stamp)
{
    cpumask_t mask = cpu_online_map;

    tlb_filter(&mask, stamp);
    tlb_flush_mask(&mask);
}

/*
 * Memory within the direct map goes first, unless a node is wished for: what lies past it we can
 * only reach through windows, page by page (hosts of more than 4 TiB).
 */
static struct page *take(const struct request *r, uint32_t flags) REQUIRES(heap_lock)
{
    struct request near = *r;
    struct page *pg;

    if (flags & 0xff)
        return take_anywhere(r, flags);
    near.high_zone = MIN(r->high_zone, HV_BITS - 20U);
    near.limit = MIN(r->limit, 1ULL << (HV_BITS - PAGE_SHIFT));
    pg = take_anywhere(&near, flags);
    return pg || near.limit == r->limit ? pg : take_anywhere(r, flags);
}

/* What can be had for sure: not the lowest memory, and virgin memory pays for its tables. */
static uint64_t available(void) REQUIRES(heap_lock)
{
    uint64_t sum = 0, cost = virgin_sections * SECTION_COST + tiny_free + virgin_tiny;

    for (unsigned int n = 0; n < nr_nodes; n++)
        sum += heap[n].free + heap[n].virgin;
    return sum > cost ? sum - cost : 0;
}

int heap_claim(uint64_t nr)
{
    int rc = 0;

    spin_lock(&heap_lock);
    if (nr > available() || claimed > available() - nr)
        rc = -ENOMEM;
    else
        claimed += nr;
    spin_unlock(&heap_lock);
    return rc;
}

void heap_claim_adjust(int64_t delta)
{
    spin_lock(&heap_lock);
    BUG_ON(delta < 0 && claimed < (uint64_t)-delta);
    claimed += (uint64_t)delta;
    spin_unlock(&heap_lock);
}

uint64_t heap_claimed_pages(void) NO_TSA
{
    return read_once(claimed);
}

struct page *page_alloc(unsigned int order, uint32_t flags)
{
    return page_alloc_claimed(order, flags, 0);
}

/* Until now a device may have been able to reach them; the tables in them are in use already. */
static void tell_later(void)
{
    while (read_once(nr_told_later)) {
        uint64_t mfn = 0;
        unsigned int order = 0;
        bool any;

        spin_lock(&heap_lock);
        any = nr_told_later > 0;
        if (any) {
            mfn = told_later[--nr_told_later].mfn;
            order = told_later[nr_told_later].order;
        }
        spin_unlock(&heap_lock);
        if (any && page_user_hook(_mfn(mfn), order, true))
            panic("out of memory for keeping devices off the frame table");
    }
}

/* What others were promised is theirs, unless the request is within the asker's own promise. */
static bool may_take(unsigned int order, uint32_t claim) REQUIRES(heap_lock)
{
    uint64_t nr = 1ULL << order;

    return likely(!claimed) || claim >= nr || claimed + nr <= available();
}

/* After the lock: what a block needs before it is used, by the flags that it had as a free one. */
static struct page *make_usable(struct page *pg, unsigned int order, uint64_t old_flags,
                                uint32_t flags, bool flush_m2p)
{
    if (unlikely(flush_m2p)) {
        section_flush();
        if (page_user_hook)
            tell_later();
    }
    if (!pg)
        return NULL;
    if (old_flags & PAGE_STALE)
        flush_stale(pg->tlb_stamp);
    if ((old_flags & PAGE_DIRTY) && !(flags & ALLOC_NO_SCRUB))
        scrub(page_to_mfn(pg), order);
    pg->use = 0;
    pg->owner = DOMID_NONE;
    return pg;
}

struct page *page_alloc_claimed(unsigned int order, uint32_t flags, uint32_t claim)
{
    struct request r = request_of(order, flags);
    struct page *pg;
    uint64_t old_flags;
    bool flush_m2p;

    if (order > MAX_ORDER || !r.high_zone)
        return NULL;
    spin_lock(&heap_lock);
    pg = may_take(order, claim) ? take(&r, flags) : NULL;
    old_flags = pg ? pg->ref : 0;
    flush_m2p = m2p_changed;
    m2p_changed = false;
    if (pg)
        pg->ref = 0;
    spin_unlock(&heap_lock);
    return make_usable(pg, order, old_flags, flags, flush_m2p);
}

/* --- a certain block -------------------------------------------------------------------------- */

/* The free block that [mfn, mfn + 2^order) is in, NULL if some of it is in use. */
static struct page *block_around(uint64_t mfn, unsigned int order) REQUIRES(heap_lock)
{
    for (unsigned int o = order; o <= MAX_ORDER; o++) {
        struct page *pg = mfn_to_page(_mfn(ROUND_DOWN(mfn, 1ULL << o)));

        if (pg && (pg->ref & PAGE_FREE) && pg->order == o)
            return pg;
    }
    return NULL;
}

/* Cut it out of the free block; the halves that it is not in go back to the lists. */
static struct page *block_cut(struct page *pg, uint64_t mfn, unsigned int order) REQUIRES(heap_lock)
{
    unsigned int node = pg->node, have = pg->order;

    list_remove(pg);
    while (have > order) {
        struct page *low = pg, *high = pg + (1ULL << --have);

        high->ref = low->ref;
        high->tlb_stamp = low->tlb_stamp;
        pg = mfn >= page_to_mfn(high).n ? high : low;
        list_push(page_to_mfn(pg == high ? low : high).n, have, node);
    }
    heap[node].free -= 1ULL << order;
    if (zone_of(mfn) < TINY_ZONE)
        tiny_free -= 1ULL << order;
    return pg;
}

struct page *page_alloc_at(mfn_t mfn, unsigned int order, uint32_t flags)
{
    const uint64_t section = SECTION_OF(mfn);
    struct page *pg = NULL;
    uint64_t old_flags = 0;
    bool flush_m2p;

    if (order > MAX_ORDER || (mfn.n & ((1ULL << order) - 1)) || !mfn_is_ram(mfn))
        return NULL;
    spin_lock(&heap_lock);
    if ((section_built(section) || section_use(section, node_of(mfn.n))) && may_take(order, 0))
        pg = block_around(mfn.n, order);
    if (pg) {
        pg = block_cut(pg, mfn.n, order);
        old_flags = pg->ref;
        pg->ref = 0;
    }
    flush_m2p = m2p_changed;
    m2p_changed = false;
    spin_unlock(&heap_lock);
    return make_usable(pg, order, old_flags, flags, flush_m2p);
}

void page_free(struct page *pg, unsigned int order)
{
    uint64_t mfn = page_to_mfn(pg).n;
    uint64_t flags = PAGE_DIRTY | (pg->ref & (PAGE_STALE | PAGE_FOREIGN));
    uint32_t stamp = pg->tlb_stamp;

    BUG_ON(pg->ref & (PAGE_FREE | PAGE_ALLOCATED | PAGE_REF_COUNT));
    BUG_ON(mfn & ((1ULL << order) - 1));
    pg->owner = DOMID_NONE;
    spin_lock(&heap_lock);
    block_add(mfn, order, node_of(mfn), flags, stamp);
    spin_unlock(&heap_lock);
}

/* --- boot, totals ----------------------------------------------------------------------------- */

static void node_range_add(uint64_t start, uint64_t end, unsigned int node)
{
    struct virgin *last = nr_node_ranges ? &node_range[nr_node_ranges - 1] : NULL;

    /* a hole between two of one node does not matter */
    if (last && last->node == node && last->end <= start)
        last->end = end;
    else if (nr_node_ranges < MAX_VIRGIN)
        node_range[nr_node_ranges++] = (struct virgin){ start, end, node };
}

static void virgin_add(uint64_t start, uint64_t end, unsigned int node) REQUIRES(heap_lock)
{
    if (nr_virgin < MAX_VIRGIN) {
        virgin[nr_virgin++] = (struct virgin){ start, end, node };
        virgin_update(node);
    } else {
        log_err("RAM at %#lx: too many ranges\n", (unsigned long)(start << PAGE_SHIFT));
    }
}

void heap_add_range(paddr_t start_pa, paddr_t end_pa, unsigned int node)
{
    uint64_t start = MAX(DIV_ROUND_UP(start_pa, PAGE_SIZE), (uint64_t)LOWEST_FRAME);
    uint64_t end = MIN(end_pa >> PAGE_SHIFT, 1ULL << (MAX_PADDR_BITS - PAGE_SHIFT));

    if (start >= end || node >= MAX_NODES)
        return;
    ram_add_range(start << PAGE_SHIFT, end << PAGE_SHIFT);
    spin_lock(&heap_lock);
    nr_nodes = MAX(nr_nodes, node + 1);
    node_range_add(start, end, node);
    heap[node].total += end - start;
    /* what lies in sections that are in use already (memory freed after boot) is not virgin */
    while (start < end) {
        bool built = section_built(SECTION_OF(_mfn(start)));
        uint64_t stop = start;

        while (stop < end && section_built(SECTION_OF(_mfn(stop))) == built)
            stop = MIN(ROUND_DOWN(stop, SECTION_PAGES) + SECTION_PAGES, end);
        if (built)
            add_range(start, stop, node, PAGE_DIRTY);
        else
            virgin_add(start, stop, node);
        start = stop;
    }
    spin_unlock(&heap_lock);
}

uint64_t heap_node_free_pages(unsigned int node)
{
    return node < MAX_NODES ? read_once(heap[node].free) + read_once(heap[node].virgin) : 0;
}

uint64_t heap_node_total_pages(unsigned int node)
{
    return node < MAX_NODES ? read_once(heap[node].total) : 0;
}

unsigned int heap_nr_nodes(void)
{
    return nr_nodes;
}

uint64_t heap_free_pages(void)
{
    uint64_t sum = 0;

    for (unsigned int n = 0; n < nr_nodes; n++)
        sum += heap_node_free_pages(n);
    return sum;
}

uint64_t heap_total_pages(void)
{
    uint64_t sum = 0;

    for (unsigned int n = 0; n < nr_nodes; n++)
        sum += heap_node_total_pages(n);
    return sum;
}

/* --- pages for ourselves ---------------------------------------------------------------------- */

/*
 * Called back from section_build(): the lock is ours. NO_TSA: the way here leads through
 * frametable.c.
 */
static void *pt_pool_take(void) NO_TSA
{
    BUG_ON(!nr_pt_pool);
    return direct_va(mfn_to_paddr(_mfn(pt_pool[--nr_pt_pool])));
}

/* NO_TSA: only the holder of the lock finds both true, and he needs no lock to read them. */
static bool am_building(void) NO_TSA
{
    return read_once(building) && spin_is_mine(&heap_lock);
}

void *hv_page_alloc(unsigned int order)
{
    struct page *pg = NULL;
    void *va = NULL;

    if (unlikely(am_building())) {
        va = order ? NULL : pt_pool_take();
        return va ? memset(va, 0, PAGE_SIZE) : NULL; /* counted when it went into the pool */
    } else {
        pg = page_alloc(order, ALLOC_BITS(HV_BITS) | ALLOC_NO_SCRUB);
        if (pg && page_user_hook && page_user_hook(page_to_mfn(pg), order, true)) {
            page_free(pg, order);
            pg = NULL;
        }
        va = pg ? direct_va(mfn_to_paddr(page_to_mfn(pg))) : NULL;
    }
    if (!va)
        return NULL;
    __atomic_fetch_add(&hv_used, 1ULL << order, __ATOMIC_RELAXED);
    memset(va, 0, PAGE_SIZE << order);
    return va;
}

void hv_page_free(void *va, unsigned int order)
{
    struct page *pg;
    uint64_t ref;

    if (!va)
        return;
    pg = mfn_to_page_known(paddr_to_mfn(direct_pa(va)));
    __atomic_fetch_sub(&hv_used, 1ULL << order, __ATOMIC_RELAXED);
    ref = __atomic_load_n(&pg->ref, __ATOMIC_RELAXED);
    do {
        /* PAGE_XEN: the last reference is just being dropped */
        if (!(ref & (PAGE_REF_COUNT | PAGE_XEN))) {
            page_free(pg, order);
            return;
        }
        BUG_ON(order); /* only single pages are shared */
    } while (!__atomic_compare_exchange_n(&pg->ref, &ref, ref | PAGE_ORPHAN, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

uint64_t hv_pages_used(void)
{
    return read_once(hv_used);
}
