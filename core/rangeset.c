/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A rangeset is a sorted array of disjoint ranges that do not touch each other. A change makes the
 * array at most one range longer; room for it is allocated before the lock is taken, since the
 * allocator's locks rank below.
 */
#include <hv/errno.h>
#include <hv/lock.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <lib/string.h>

struct range {
    uint64_t first, last;
};

struct rangeset {
    spinlock_t lock; /* RANK_LEAF */
    uint32_t nr, room;
    struct range *range;
};

#define FIRST_ROOM 8U
#define MAX_ROOM (1U << 20) /* 16 MiB of ranges */

static struct range *array_alloc(uint32_t room)
{
    size_t size = room * sizeof(struct range);
    unsigned int order = 0;

    if (size <= PAGE_SIZE)
        return hv_alloc(size);
    while ((PAGE_SIZE << order) < size)
        order++;
    return hv_page_alloc(order);
}

static void array_free(struct range *a, uint32_t room)
{
    size_t size = room * sizeof(struct range);
    unsigned int order = 0;

    if (size <= PAGE_SIZE) {
        hv_free(a);
        return;
    }
    while ((PAGE_SIZE << order) < size)
        order++;
    hv_page_free(a, order);
}

struct rangeset *rangeset_new(void)
{
    struct rangeset *r = hv_alloc(sizeof(*r));

    if (r)
        spin_init(&r->lock, RANK_LEAF);
    return r;
}

void rangeset_free(struct rangeset *r)
{
    if (!r)
        return;
    if (r->range)
        array_free(r->range, r->room);
    hv_free(r);
}

/* Index of the first range that ends at or after n. */
static uint32_t find(const struct rangeset *r, uint64_t n) REQUIRES(r->lock)
{
    uint32_t low = 0, high = r->nr;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (r->range[mid].last < n)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Replace ranges from..to-1 by the nr given ones. */
static void splice(struct rangeset *r, uint32_t from, uint32_t to, const struct range *with,
                   uint32_t nr) REQUIRES(r->lock)
{
    memmove(&r->range[from + nr], &r->range[to], (r->nr - to) * sizeof(*with));
    memcpy(&r->range[from], with, nr * sizeof(*with));
    r->nr = r->nr - (to - from) + nr;
}

static void add_locked(struct rangeset *r, uint64_t first, uint64_t last) REQUIRES(r->lock)
{
    /* Ranges that overlap or touch become part of the new one. */
    uint32_t from = find(r, first ? first - 1 : 0), to = from;
    struct range all = { first, last };

    while (to < r->nr && (last == ~0ULL || r->range[to].first <= last + 1)) {
        all.first = MIN(all.first, r->range[to].first);
        all.last = MAX(all.last, r->range[to].last);
        to++;
    }
    splice(r, from, to, &all, 1);
}

static void remove_locked(struct rangeset *r, uint64_t first, uint64_t last) REQUIRES(r->lock)
{
    uint32_t from = find(r, first), to = from, nr = 0;
    struct range keep[2];

    while (to < r->nr && r->range[to].first <= last)
        to++;
    if (to == from)
        return;
    if (r->range[from].first < first)
        keep[nr++] = (struct range){ r->range[from].first, first - 1 };
    if (r->range[to - 1].last > last)
        keep[nr++] = (struct range){ last + 1, r->range[to - 1].last };
    splice(r, from, to, keep, nr);
}

/* Returns with the lock held and room for one more range, or with -ENOMEM and without the lock. */
static int lock_with_room(struct rangeset *r) TRY_ACQUIRES(0, r->lock)
{
    for (;;) {
        struct range *bigger, *old;
        uint32_t room, old_room;

        spin_lock(&r->lock);
        if (r->nr < r->room)
            return 0;
        room = r->room ? r->room * 2 : FIRST_ROOM;
        spin_unlock(&r->lock);

        if (room > MAX_ROOM)
            return -ENOMEM;
        bigger = array_alloc(room);
        if (!bigger)
            return -ENOMEM;

        spin_lock(&r->lock);
        old = r->range;
        old_room = r->room;
        if (old_room < room) {
            if (r->nr)
                memcpy(bigger, old, r->nr * sizeof(*bigger));
            r->range = bigger;
            r->room = room;
        } else { /* somebody else was faster */
            old = bigger;
            old_room = room;
        }
        spin_unlock(&r->lock);
        if (old)
            array_free(old, old_room);
    }
}

int rangeset_add(struct rangeset *r, uint64_t first, uint64_t last)
{
    int rc;

    if (first > last)
        return -EINVAL;
    rc = lock_with_room(r);
    if (rc)
        return rc;
    add_locked(r, first, last);
    spin_unlock(&r->lock);
    return 0;
}

int rangeset_remove(struct rangeset *r, uint64_t first, uint64_t last)
{
    int rc;

    if (first > last)
        return -EINVAL;
    rc = lock_with_room(r); /* a hole in the middle of a range makes two of it */
    if (rc)
        return rc;
    remove_locked(r, first, last);
    spin_unlock(&r->lock);
    return 0;
}

bool rangeset_contains(struct rangeset *r, uint64_t first, uint64_t last)
{
    bool in;
    uint32_t i;

    spin_lock(&r->lock);
    i = find(r, first);
    in = first <= last && i < r->nr && r->range[i].first <= first && r->range[i].last >= last;
    spin_unlock(&r->lock);
    return in;
}

bool rangeset_intersects(struct rangeset *r, uint64_t first, uint64_t last)
{
    bool some;
    uint32_t i;

    spin_lock(&r->lock);
    i = find(r, first);
    some = first <= last && i < r->nr && r->range[i].first <= last;
    spin_unlock(&r->lock);
    return some;
}

bool rangeset_empty(struct rangeset *r)
{
    return read_once(r->nr) == 0;
}

bool rangeset_next(struct rangeset *r, uint64_t from, uint64_t *first, uint64_t *last)
{
    bool found;
    uint32_t i;

    spin_lock(&r->lock);
    i = find(r, from);
    found = i < r->nr;
    if (found) {
        *first = r->range[i].first;
        *last = r->range[i].last;
    }
    spin_unlock(&r->lock);
    return found;
}
