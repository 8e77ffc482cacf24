/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small objects out of pages: a class of sizes per page, free objects linked inside the page by
 * their offset.
 *
 * What a page is used for stands in its struct page, which nobody else needs for a page of ours:
 * order is 1 + the class (0 for a plain page, LARGE + order for an allocation of whole pages), use
 * holds the number of objects in use and the first free one, next and prev link the pages of a
 * class that have room. Memory is zeroed when it is handed out.
 */
#include <arch/direct.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/string.h>

#define NO_OBJECT 0xffffU
#define LARGE 0x20U /* in page->order: not a page of objects */

static const uint16_t class_size[] = { 16, 32, 64, 128, 192, 256, 512, 1024, 2048 };
#define NR_CLASSES ARRAY_SIZE(class_size)

struct slab { uint16_t used, first; uint32_t pad; }; /* struct page.use of a page of objects */
_Static_assert(sizeof(struct slab) == sizeof(uint64_t), "kept in page->use");

static DEFINE_SPINLOCK(slab_lock, RANK_XHEAP);
static uint64_t with_room[NR_CLASSES] GUARDED_BY(slab_lock); /* frame of the first page; 0 none */
static uint32_t objects[NR_CLASSES] GUARDED_BY(slab_lock), pages[NR_CLASSES] GUARDED_BY(slab_lock);
static uint32_t large_objects, large_pages; /* atomic */

static struct slab *slab_of(struct page *pg)
{
    return (struct slab *)(void *)&pg->use;
}

static unsigned int capacity(unsigned int c)
{
    return (unsigned int)PAGE_SIZE / class_size[c];
}

static void link_page(struct page *pg, unsigned int c) REQUIRES(slab_lock)
{
    page_set_prev(pg, 0);
    page_set_next(pg, with_room[c]);
    if (page_next(pg))
        page_set_prev(&frame_table[page_next(pg)], page_to_mfn(pg).n);
    with_room[c] = page_to_mfn(pg).n;
}

static void unlink_page(struct page *pg, unsigned int c) REQUIRES(slab_lock)
{
    if (page_next(pg))
        page_set_prev(&frame_table[page_next(pg)], page_prev(pg));
    if (page_prev(pg))
        page_set_next(&frame_table[page_prev(pg)], page_next(pg));
    else
        with_room[c] = page_next(pg);
}

static unsigned int class_of(size_t size)
{
    unsigned int c = 0;

    while (c < NR_CLASSES && class_size[c] < size)
        c++;
    return c;
}

static struct page *page_of(const void *p)
{
    return mfn_to_page_known(paddr_to_mfn(direct_pa(p)));
}

static void *alloc_pages(size_t size)
{
    unsigned int order = 0;
    void *va;

    while (order < MAX_ORDER && PAGE_SIZE << order < size)
        order++;
    if (PAGE_SIZE << order < size)
        return NULL;
    va = hv_page_alloc(order);
    if (!va)
        return NULL;
    page_of(va)->order = (LARGE + order) & 0x3f;
    __atomic_fetch_add(&large_objects, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&large_pages, 1U << order, __ATOMIC_RELAXED);
    return va;
}

/* A page full of free objects of the class, linked through their first two bytes. */
static struct page *slab_new(unsigned int c)
{
    char *va = hv_page_alloc(0);
    unsigned int n = capacity(c);
    struct page *pg;

    if (!va)
        return NULL;
    for (unsigned int i = 0; i < n; i++) {
        uint16_t *link = (uint16_t *)(void *)(va + (size_t)i * class_size[c]);

        *link = (uint16_t)(i + 1 < n ? (i + 1) * class_size[c] : NO_OBJECT);
    }
    pg = page_of(va);
    pg->order = (1 + c) & 0x3f;
    *slab_of(pg) = (struct slab){ .used = 0, .first = 0 };
    return pg;
}

static void *take_object(struct page *pg, unsigned int c) REQUIRES(slab_lock)
{
    struct slab *s = slab_of(pg);
    char *obj = (char *)direct_va(mfn_to_paddr(page_to_mfn(pg))) + s->first;

    s->first = *(uint16_t *)(void *)obj;
    s->used++;
    objects[c]++;
    if (s->first == NO_OBJECT)
        unlink_page(pg, c);
    return obj;
}

void *hv_alloc(size_t size)
{
    unsigned int c = class_of(size);
    struct page *fresh = NULL;
    void *obj;

    if (c == NR_CLASSES)
        return alloc_pages(size);
    /* outside the lock: the page allocator's comes first */
    if (!read_once(with_room[c]) && !(fresh = slab_new(c)))
        return NULL;
    spin_lock(&slab_lock);
    if (fresh) {
        link_page(fresh, c);
        pages[c]++;
    }
    obj = with_room[c] ? take_object(frame_table + with_room[c], c) : NULL;
    spin_unlock(&slab_lock);
    if (!obj)
        return hv_alloc(size); /* another cpu took the last one between the look and the lock */
    return memset(obj, 0, class_size[c]);
}

void hv_free(void *p)
{
    struct page *pg, *empty = NULL;
    unsigned int c;
    struct slab *s;

    if (!p)
        return;
    pg = page_of(p);
    if (pg->order & LARGE) {
        c = pg->order - LARGE;
        pg->order = 0;
        hv_page_free(p, c);
        __atomic_fetch_sub(&large_objects, 1, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&large_pages, 1U << c, __ATOMIC_RELAXED);
        return;
    }
    BUG_ON(pg->order == 0 || pg->order > NR_CLASSES);
    c = pg->order - 1U;
    s = slab_of(pg);
    spin_lock(&slab_lock);
    *(uint16_t *)p = s->first;
    if (s->first == NO_OBJECT)
        link_page(pg, c);
    s->first = (uint16_t)((uintptr_t)p & PAGE_OFFSET_MASK);
    objects[c]--;
    if (--s->used == 0) {
        pages[c]--;
        unlink_page(pg, c);
        empty = pg;
    }
    spin_unlock(&slab_lock);
    if (empty) {
        empty->order = 0;
        empty->use = 0;
        hv_page_free(direct_va(mfn_to_paddr(page_to_mfn(empty))), 0);
    }
}

bool heap_class_info(unsigned int c, struct heap_class *info)
{
    if (c > NR_CLASSES)
        return false;
    if (c == NR_CLASSES) {
        *info = (struct heap_class){ .objects = read_once(large_objects),
                                     .pages = read_once(large_pages) };
        return true;
    }
    spin_lock(&slab_lock);
    *info = (struct heap_class){ class_size[c], objects[c], pages[c] };
    spin_unlock(&slab_lock);
    return true;
}
