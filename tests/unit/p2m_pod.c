/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/memory_extent.c */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/* Populate on demand: the cache, sizes, zeros taken back and not, the end; nothing leaks. */
#include "check.h"

#include "../host/p2m_world.h"

#include <hv/errno.h>
#include <hv/memory.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define MB2 512ULL
#define GB (1ULL << 18)

static struct domain *d;
static uint64_t free_before;
static uint64_t late_mfn; /* written to just before a flush */

static struct p2m *p(void) { return &d->arch.hvm->p2m; }
static struct p2m_entry at(uint64_t gfn) { return p2m_lookup(d, _gfn(gfn)); }
static uint64_t *bytes(uint64_t gfn) { return page_map(at(gfn).mfn); }

static int mark(uint64_t gfn, unsigned int order)
{
    return p2m_set(d, _gfn(gfn), order, INVALID_MFN, P2M_POD, NULL);
}

static int target(uint64_t pages)
{
    int rc;

    while ((rc = p2m_pod_set_target(d, pages, 0)) == -ERESTART)
        CHECK_EQ(locks_held(), 0);
    return rc;
}

static void begin(uint64_t pages)
{
    free_before = heap_free_pages();
    d = p2m_domain(1, 4096);
    CHECK_EQ(p2m_set_pool(d, 64), 0);
    memset(&flushed, 0, sizeof(flushed));
    arena.preempt_at = 0;
    arena.crashes = 0;
    CHECK_EQ(target(pages), 0);
    CHECK(d->tot_pages == pages && p()->pod.cached == pages);
}

static void end(void)
{
    CHECK_STR(p2m_check(d), NULL);
    CHECK_EQ(locks_held(), 0);
    CHECK_EQ(p2m_domain_end(d), 0);
    CHECK_EQ(heap_free_pages(), free_before);
}

/* As the guest does, again and again. */
static unsigned int guest_touches(uint64_t gfn)
{
    unsigned int faults = 0;

    for (; at(gfn).type == P2M_POD && !arena.crashes; faults++)
        p2m_pod_fault(d, _gfn(gfn));
    return faults;
}

static void fills(void)
{
    TEST("an access fills as much as entry and cache allow") {
        begin(2 * MB2);
        CHECK_EQ(mark(0, 18), 0);
        CHECK_EQ(p()->pod.entries, GB);
        CHECK_EQ(guest_touches(5), 1);
        CHECK(at(5).type == P2M_RAM && at(5).order == 9 && m2p_get(at(5).mfn) == 5);
        CHECK(at(MB2).type == P2M_POD && at(MB2).order == 9);
        CHECK(p()->pod.entries == GB - MB2 && p()->pod.cached == MB2);
        CHECK_EQ(mark(GB, 0), 0);
        CHECK_EQ(guest_touches(GB), 1); /* breaks 2 MiB of the cache */
        CHECK(at(GB).order == 0 && p()->pod.cached == MB2 - 1);
        CHECK_EQ(guest_touches(3 * MB2 + 7), 1); /* of the 2 MiB a page only */
        CHECK(at(3 * MB2 + 7).order == 0 && at(3 * MB2 + 8).type == P2M_POD);
        CHECK_EQ(p()->pod.entries, GB - MB2 - 1);
        CHECK_EQ(d->tot_pages, 2 * MB2);
        CHECK_EQ(flushed.nr, 0);
        end();
    }
    TEST("so does an access of ours, for reading too") {
        struct page *pg;
        enum p2m_type type;

        begin(3);
        CHECK_EQ(mark(0, 9), 0);
        pg = p2m_page_get(d, _gfn(8), false, &type);
        CHECK(pg && type == P2M_RAM && mfn_eq(page_to_mfn(pg), at(8).mfn));
        page_put(pg);
        pg = arch_gfn_to_page_get(d, _gfn(9), true);
        CHECK(pg && at(9).type == P2M_RAM);
        arch_page_put(pg, true);
        CHECK_EQ(p2m_populate(d, _gfn(10)), 0);
        CHECK_EQ(p2m_populate(d, _gfn(10)), 0); /* it is there */
        CHECK_EQ(p2m_populate(d, _gfn(2 * MB2)), 0); /* nothing is to be */
        CHECK(p()->pod.cached == 0 && at(11).type == P2M_POD);
        end();
    }
    TEST("without a table, a page cannot be filled: the domain crashes and nothing is lost") {
        begin(3);
        CHECK_EQ(mark(0, 9), 0);
        CHECK_EQ(p2m_set_pool(d, 0), 0);
        CHECK_EQ(p2m_populate(d, _gfn(8)), E(-ENOMEM));
        CHECK(arena.crashes == 1 && p()->pod.cached == 3 && at(8).type == P2M_POD);
        end();
    }
    TEST("a domain that ends is not filled any more, and its cache is freed") {
        begin(MB2 + 9);
        CHECK_EQ(mark(0, 9), 0);
        CHECK_EQ(guest_touches(1), 1);
        d->state = DOM_DYING;
        arena.preempt_at = 1;
        CHECK_EQ(p2m_relinquish(d), E(-ERESTART));
        CHECK_EQ(p2m_populate(d, _gfn(700)), 0);
        CHECK(!p2m_page_get(d, _gfn(1), false, NULL));
        arena.preempt_at = 0;
        end();
    }
}

static void flush_comes(void)
{
    *(uint64_t *)page_map(_mfn(late_mfn)) = 1;
}

static void zeros(void)
{
    TEST("with an empty cache, pages of zeros are taken back, others are not") {
        begin(8);
        for (unsigned int i = 0; i < 16; i++)
            CHECK_EQ(mark(100 + i, 0), 0);
        for (unsigned int i = 0; i < 8; i++) {
            CHECK_EQ(guest_touches(100 + i), 1);
            bytes(100 + i)[i * 70 % 512] = i & 1; /* every second one is zero */
        }
        CHECK_EQ(p()->pod.cached, 0);
        flushed.nr = 0;
        CHECK_EQ(guest_touches(110), 1);
        CHECK_EQ(flushed.nr, 1); /* for all of them */
        for (unsigned int i = 0; i < 8; i++)
            CHECK_EQ(at(100 + i).type, i & 1 ? P2M_RAM : P2M_POD);
        CHECK(p()->pod.cached == 3 && p()->pod.entries == 11 && d->tot_pages == 8);
        for (unsigned int i = 1; i < 8; i += 2)
            CHECK_EQ(bytes(100 + i)[i * 70 % 512], 1);
        end();
    }
    TEST("2 MiB of zeros are taken back as one") {
        begin(MB2);
        CHECK_EQ(mark(0, 9), 0);
        CHECK_EQ(mark(MB2, 9), 0);
        CHECK_EQ(guest_touches(3), 1);
        CHECK_EQ(guest_touches(MB2 + 3), 1);
        CHECK(at(0).type == P2M_POD && at(0).order == 9);
        CHECK(at(MB2).type == P2M_RAM && at(MB2).order == 9);
        bytes(MB2 + 511)[511] = 1; /* now all but one */
        CHECK_EQ(guest_touches(3), 1);
        CHECK(at(MB2 + 511).type == P2M_RAM && bytes(MB2 + 511)[511] == 1);
        CHECK(at(3).type == P2M_RAM && at(3).order == 0);
        end();
    }
    TEST("a page that somebody holds, and one that is written to at the last moment, stay") {
        struct page *pg;

        begin(3);
        for (unsigned int i = 0; i < 8; i++)
            CHECK_EQ(mark(i, 0), 0);
        for (unsigned int i = 0; i < 3; i++)
            CHECK_EQ(guest_touches(i), 1);
        pg = p2m_page_get(d, _gfn(0), false, NULL);
        late_mfn = at(1).mfn.n;
        flushed.then = flush_comes;
        CHECK_EQ(guest_touches(5), 1);
        CHECK(at(0).type == P2M_RAM && at(1).type == P2M_RAM && at(2).type == P2M_POD);
        CHECK_EQ(*bytes(1), 1);
        flushed.then = NULL;
        page_put(pg);
        end();
    }
    TEST("the search goes on where it was, part by part, and ends with a crash") {
        unsigned int faults;

        begin(3000);
        arena.preempt_at = 10;
        for (uint64_t i = 0; i < 3001; i++)
            CHECK_EQ(mark(4096 + i, 0), 0);
        for (uint64_t i = 0; i < 3000; i++) {
            CHECK_EQ(guest_touches(4096 + i), 1);
            *bytes(4096 + i) = i < 2999;
        }
        faults = guest_touches(4096 + 3000);
        CHECK(at(4096 + 3000).type == P2M_RAM && at(4096 + 2999).type == P2M_POD);
        CHECK(faults >= 2 && arena.crashes == 0);
        *bytes(4096 + 3000) = 1;
        CHECK_EQ(guest_touches(4096 + 2999) > 1, true);
        CHECK_EQ(arena.crashes, 1);
        CHECK_EQ(p2m_populate(d, _gfn(4096 + 2999)), E(-ENOMEM));
        arena.crashes = 0;
        end();
    }
    TEST("the log: a page that was written since the last answer is not taken back") {
        begin(2);
        for (unsigned int i = 0; i < 4; i++)
            CHECK_EQ(mark(i, 0), 0);
        CHECK(guest_touches(0) == 1 && guest_touches(1) == 1);
        CHECK_EQ(p2m_change_type(d, _gfn(1), P2M_RAM, P2M_LOGDIRTY), 0);
        p()->dirty.log = p()->dirty.active = true;
        CHECK_EQ(guest_touches(2), 1);
        CHECK(at(0).type == P2M_RAM && at(1).type == P2M_POD);
        end();
    }
}

static void cache(void)
{
    TEST("2 MiB and single frames that come back, and what is too many of them") {
        begin(MB2);
        CHECK_EQ(mark(0, 9), 0);
        CHECK_EQ(mark(MB2, 9), 0);
        CHECK_EQ(guest_touches(0), 1);
        memset(bytes(7), 0xff, PAGE_SIZE);
        CHECK_EQ(physmap_release(d, _gfn(0), 9), 0);
        CHECK(p()->pod.cached == MB2 && d->tot_pages == MB2);
        CHECK_EQ(guest_touches(MB2), 1);
        CHECK_EQ(at(MB2).order, 9);
        for (unsigned int i = 0; i < 512; i++)
            CHECK_EQ(*bytes(MB2 + i), 0);
        CHECK_EQ(mark(3 * MB2, 0), 0);
        CHECK_EQ(physmap_release(d, _gfn(MB2), 9), 0); /* one is wanted */
        CHECK(p()->pod.cached == 1 && d->tot_pages == 1);
        CHECK_EQ(physmap_release(d, _gfn(3 * MB2), 0), 0);
        CHECK(p()->pod.cached == 0 && d->tot_pages == 0);
        CHECK_EQ(physmap_release(d, _gfn(3 * MB2), 0), E(-EINVAL));
        end();
    }
    TEST("a frame that somebody still has is not for the cache") {
        struct page *pg;

        begin(1);
        CHECK_EQ(mark(0, 0), 0);
        CHECK_EQ(mark(1, 0), 0);
        CHECK_EQ(guest_touches(0), 1);
        pg = p2m_page_get(d, _gfn(0), true, NULL);
        CHECK_EQ(physmap_release(d, _gfn(0), 0), 0);
        CHECK(p()->pod.cached == 0 && d->tot_pages == 1);
        page_put(pg);
        CHECK_EQ(d->tot_pages, 0);
        end();
    }
    TEST("other things take an entry's place: it counts no longer") {
        begin(4);
        CHECK_EQ(mark(0, 9), 0);
        CHECK_EQ(p2m_set(d, _gfn(3), 0, _mfn(8 * GB), P2M_MMIO, NULL), 0);
        CHECK_EQ(p()->pod.entries, MB2 - 1);
        CHECK_EQ(physmap_populate(d, _gfn(4), 0, 0), 0);
        CHECK(p()->pod.entries == MB2 - 2 && p()->pod.cached == 4);
        CHECK_EQ(mark(0, 9), E(-EBUSY)); /* over memory */
        CHECK_EQ(p2m_set(d, _gfn(0), 9, INVALID_MFN, P2M_NONE, NULL), E(-EBUSY));
        end();
    }
    TEST("each allocation fails: a target stays as far as it got") {
        begin(0);
        CHECK_EQ(target(5000), E(-ENOMEM)); /* above its limit */
        CHECK(p()->pod.cached == 4096 && d->tot_pages == 4096);
        end();
    }
}

int main(void)
{
    p2m_machine_start();
    hv_page_free(hv_page_alloc(0), 0);
    fills();
    zeros();
    cache();
    return check_exit();
}
