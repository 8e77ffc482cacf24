/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/*
 * The page allocator on a host of 16 TiB with two nodes: what it touches, where memory comes from,
 * what merges again, what is clean, and that nothing is given twice. Then small objects and the
 * ownership of frames.
 */
#include "check.h"

#include "../host/arena.h"

#include <stdlib.h>

#include <arch/direct.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/memory.h>

#define GIB (1ULL << 30)
#define TIB (1ULL << 40)
#define NR 4000

static uint64_t seed = 12345;

static uint32_t rnd(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33);
}

static void big_host(void)
{
    static const paddr_t ram[][3] = { /* start, end, node */
        { 0, 0x9f000, 0 }, { 0x100000, 0x300000, 0 }, { 0x900000, 0xbffd0000, 0 },
        { 4 * GIB, 8 * TIB, 0 }, { 8 * TIB, 16 * TIB - GIB, 1 },
    };

    arena_start(16 * TIB);
    for (unsigned int i = 0; i < ARRAY_SIZE(ram); i++)
        ram_add_range(ram[i][0], ram[i][1]);
    ram_add_range(0x300000, 0x900000); /* ours: RAM, not the heap's */
    for (unsigned int i = 0; i < ARRAY_SIZE(ram); i++)
        heap_add_range(ram[i][0], ram[i][1], (unsigned int)ram[i][2]);
}

static bool all_zero(const struct page *pg)
{
    const uint64_t *p = direct_va(mfn_to_paddr(page_to_mfn(pg)));

    for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
        if (p[i])
            return false;
    return true;
}

static void boot_tests(void)
{
    uint64_t before;

    TEST("16 TiB: boot touches less than 64 MiB") {
        before = arena_resident_kib();
        big_host();
        CHECK(hv_page_alloc(0) != NULL);
        CHECK(arena_resident_kib() - before < 64 << 10);
        CHECK_EQ(heap_nr_nodes(), 2);
        CHECK_EQ(mfn_max().n, (16 * TIB - GIB) / PAGE_SIZE - 1);
    }
    TEST("RAM and holes are told apart, used or not") {
        CHECK(mfn_is_ram(_mfn(0x400)) && mfn_is_ram(_mfn(0xbffcf)) &&
              mfn_is_ram(_mfn(7 * TIB / PAGE_SIZE)));
        CHECK(!mfn_is_ram(_mfn(0x9f)) && !mfn_is_ram(_mfn(0xbffd0)) && !mfn_is_ram(_mfn(0xfffff)));
        CHECK(!mfn_is_ram(_mfn(~0ULL)) && !mfn_to_page(_mfn(~0ULL)) &&
              !mfn_to_page(_mfn(1ULL << 32)));
        CHECK(!mfn_to_page(_mfn(7 * TIB / PAGE_SIZE))); /* virgin */
        CHECK_EQ(m2p_get(_mfn(7 * TIB / PAGE_SIZE)), M2P_INVALID);
    }
    TEST("our own pages and unplaced ones are in the direct map; others come from the top of "
         "their node")
    {
        void *ours = hv_page_alloc(3);
        struct page *pg = page_alloc(9, 0), *far = page_alloc(9, ALLOC_NODE(1));

        CHECK(direct_pa(ours) + 8 * PAGE_SIZE <= 4 * TIB);
        CHECK(page_to_mfn(pg).n >= 3 * TIB / PAGE_SIZE && page_to_mfn(pg).n < 4 * TIB / PAGE_SIZE);
        CHECK(page_to_mfn(far).n >= 15 * TIB / PAGE_SIZE);
        CHECK(!(page_to_mfn(far).n & 511));
        page_free(pg, 9);
        page_free(far, 9);
        hv_page_free(ours, 3);
        CHECK_EQ(arena.log_errors, 0);
    }
    TEST("1 GiB blocks can be had") {
        struct page *pg = page_alloc(18, ALLOC_NO_SCRUB);

        if (!CHECK(pg))
            break;
        CHECK(!(page_to_mfn(pg).n & ((1 << 18) - 1)));
        page_free(pg, 18);
    }
}

static void limit_tests(void)
{
    TEST("address limits hold, for each number of bits; impossible ones fail") {
        for (unsigned int bits = 12; bits <= 44; bits++) {
            struct page *pg = page_alloc(0, ALLOC_BITS(bits));

            CHECK(bits <= 20 ? !pg : pg != NULL);
            if (!pg)
                continue;
            CHECK(mfn_to_paddr(page_to_mfn(pg)) + PAGE_SIZE <= 1ULL << bits);
            CHECK(page_to_mfn(pg).n >= 0x100);
            page_free(pg, 0);
        }
        CHECK(!page_alloc(MAX_ORDER + 1, 0));
        CHECK(!page_alloc(10, ALLOC_BITS(21)));
        CHECK(!page_alloc(0, ALLOC_NODE(1) | ALLOC_BITS(43) | ALLOC_EXACT_NODE));
        CHECK(!page_alloc(0, ALLOC_NODE(5) | ALLOC_EXACT_NODE));
    }
    TEST("holes in a section that is in use have no struct page") {
        CHECK(mfn_to_page(_mfn(0x100)) && mfn_to_page(_mfn(0x1000)));
        CHECK(!mfn_to_page(_mfn(0x9f)) && !mfn_to_page(_mfn(0xa0)) && !mfn_to_page(_mfn(0xff)));
        CHECK(mfn_to_page(_mfn(0x500))); /* RAM that is not the heap's: referenced by nobody */
    }
}

static void stress_tests(void)
{
    static struct { struct page *pg; unsigned int order; } have[NR];
    uint64_t free_before;

    TEST("random orders: nothing twice, aligned, clean, and all merges back") {
        struct page *pg = page_alloc(0, 0);

        page_free(pg, 0);
        free_before = heap_free_pages();
        for (unsigned int i = 0; i < 20 * NR; i++) {
            unsigned int k = rnd() % NR;

            if (have[k].pg) {
                uint8_t *va = direct_va(mfn_to_paddr(page_to_mfn(have[k].pg)));

                CHECK_EQ(*(uint32_t *)(void *)va, k + 1); /* nobody wrote into ours */
                page_free(have[k].pg, have[k].order);
                have[k].pg = NULL;
                continue;
            }
            have[k].order = rnd() % 4 ? 0 : rnd() % 6;
            have[k].pg = page_alloc(have[k].order, rnd() & 1 ? ALLOC_BITS(32) : 0);
            if (!CHECK(have[k].pg))
                break;
            CHECK(!(page_to_mfn(have[k].pg).n & ((1U << have[k].order) - 1)));
            CHECK(all_zero(have[k].pg) && !have[k].pg->ref);
            *(uint32_t *)direct_va(mfn_to_paddr(page_to_mfn(have[k].pg))) = k + 1;
        }
        for (unsigned int k = 0; k < NR; k++)
            if (have[k].pg)
                page_free(have[k].pg, have[k].order);
        /* What sections taken into use meanwhile cost us is the difference. */
        CHECK(heap_free_pages() <= free_before && free_before - heap_free_pages() < 20 * 700);
        pg = page_alloc(12, ALLOC_BITS(32) | ALLOC_NO_SCRUB);
        CHECK(pg);
        if (pg)
            page_free(pg, 12);
    }
    TEST("without a section more, free memory is exactly what it was") {
        free_before = heap_free_pages();
        for (unsigned int k = 0; k < 1000; k++)
            have[k].pg = page_alloc(0, 0);
        CHECK_EQ(heap_free_pages(), free_before - 1000);
        for (unsigned int k = 0; k < 1000; k++)
            page_free(have[k].pg, 0);
        CHECK_EQ(heap_free_pages(), free_before);
    }
}

static void object_tests(void)
{
    static uint8_t *obj[NR];
    static size_t size[NR];

    TEST("small objects: zeroed, apart, and their pages go back") {
        uint64_t used = hv_pages_used();

        hv_free(NULL);
        for (unsigned int i = 0; i < 20 * NR; i++) {
            unsigned int k = rnd() % NR;

            if (obj[k]) {
                CHECK(obj[k][0] == (uint8_t)k && obj[k][size[k] - 1] == (uint8_t)k);
                hv_free(obj[k]);
                obj[k] = NULL;
                continue;
            }
            size[k] = 1 + (rnd() % 3 ? rnd() % 100 : rnd() % 9000);
            obj[k] = hv_alloc(size[k]);
            if (!CHECK(obj[k]) || !CHECK(!((uintptr_t)obj[k] & 15)))
                break;
            for (size_t b = 0; b < size[k]; b++)
                CHECK(obj[k][b] == 0);
            memset(obj[k], (int)k, size[k]);
        }
        for (unsigned int k = 0; k < NR; k++)
            hv_free(obj[k]);
        CHECK_EQ(hv_pages_used(), used);
    }
}

static void owner_tests(void)
{
    struct domain *d = arena_domain(7, 1, 10), *other = arena_domain(8, 1, 10);
    struct page *pg, *four;

    TEST("frames are charged, listed, and refused past the limit") {
        pg = page_alloc_for(d, 0, 0);
        four = page_alloc_for(d, 2, 0);
        if (!CHECK(pg && four))
            break;
        CHECK_EQ(d->tot_pages, 5);
        CHECK_EQ(d->refs, 2);
        CHECK(page_owner(pg) == d);
        CHECK(!page_alloc_for(d, 3, 0));
        struct page *eight = page_alloc(3, 0);

        CHECK_EQ(page_assign(d, eight, 3), (uint64_t)-E2BIG);
        d->state = DOM_DYING;
        CHECK_EQ(page_assign(d, eight, 0), (uint64_t)-EINVAL);
        d->state = DOM_ALIVE;
        page_free(eight, 3);
    }
    TEST("only the owner's frames are referenced; the last reference frees") {
        uint64_t free_before = heap_free_pages();

        CHECK(!page_get(pg, other));
        CHECK(page_get(pg, d));
        CHECK(page_clear_allocated(pg));
        CHECK(!page_clear_allocated(pg));
        CHECK_EQ(d->tot_pages, 5);
        CHECK(page_get(pg, d)); /* still the domain's while somebody maps it */
        page_put(pg);
        page_put(pg);
        CHECK_EQ(d->tot_pages, 4);
        CHECK(!page_get(pg, d));
        CHECK_EQ(heap_free_pages(), free_before + 1);
        for (unsigned int i = 0; i < 4; i++)
            CHECK(page_clear_allocated(four + i));
        CHECK_EQ(d->tot_pages, 0);
        arena_run_tasklets();
        CHECK_EQ(d->refs, 1);
        CHECK(!page_owner(pg));
    }
    TEST("a guest's former frame is flushed from TLBs before it is used again, once") {
        unsigned int flushes;

        pg = page_alloc_for(d, 0, 0);
        four = page_alloc_for(d, 0, 0);
        page_clear_allocated(pg);
        page_clear_allocated(four);
        flushes = arena.flushes_all;
        pg = page_alloc(0, 0);
        four = page_alloc(0, 0);
        CHECK_EQ(arena.flushes_all, flushes + 1);
        page_free(pg, 0);
        page_free(four, 0);
        pg = page_alloc(0, 0); /* ours in between: nobody else saw it */
        CHECK_EQ(arena.flushes_all, flushes + 1);
        page_free(pg, 0);
        arena_run_tasklets();
    }
    TEST("a shared page of ours survives its users, and is freed after the last one if we let go "
         "first")
    {
        void *va = hv_page_alloc(0);
        uint64_t free_before = heap_free_pages();

        page_share_with(va, d, false);
        pg = mfn_to_page(paddr_to_mfn(direct_pa(va)));
        CHECK(page_get(pg, d) && page_get(pg, d));
        page_put(pg);
        CHECK_EQ(d->refs, 2);
        page_unshare(va);
        hv_page_free(va, 0);
        CHECK_EQ(heap_free_pages(), free_before);
        page_put(pg);
        CHECK_EQ(heap_free_pages(), free_before + 1);
        va = hv_page_alloc(0);
        page_share_with(va, d, true);
        page_unshare(va);
        hv_page_free(va, 0);
        CHECK_EQ(heap_free_pages(), free_before + 1);
        arena_run_tasklets();
        CHECK_EQ(d->refs, 1);
    }
    arena_domain_free(d);
    arena_domain_free(other);
}

int main(void)
{
    boot_tests();
    limit_tests();
    stress_tests();
    object_tests();
    owner_tests();
    return check_exit();
}
