/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/*
 * Claims on a host of 768 MiB of which nothing has been used: domains claim, get, give back and die
 * at random. After every step the allocator's sum is that of the domains and is free; who asks
 * within his claim always gets, and a claim of everything can be filled to the last frame, though
 * virgin memory shrinks by its tables when it comes into use.
 */
#include "check.h"

#include "../host/arena.h"

#include <arch/direct.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define MIB (1ULL << 20)
#define NR 4
#define PAGES 200000 /* more than there are */

static uint64_t seed = 4711;

static uint32_t rnd(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33);
}

static struct {
    struct domain *d;
    struct page *pg[PAGES];
    uint32_t nr;
} doms[NR];

static bool sums_hold(void)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < NR; i++)
        sum += doms[i].d->outstanding_pages;
    return sum == heap_claimed_pages() && sum <= heap_free_pages();
}

static bool get(unsigned int i)
{
    struct page *pg = page_alloc_for(doms[i].d, 0, ALLOC_NO_SCRUB);

    if (!pg)
        return false;
    doms[i].pg[doms[i].nr++] = pg;
    return true;
}

static void give(unsigned int i, uint32_t nr)
{
    while (nr-- && doms[i].nr)
        CHECK(page_clear_allocated(doms[i].pg[--doms[i].nr]));
}

static uint64_t claim_most(struct domain *d)
{
    uint64_t nr = d->tot_pages + heap_free_pages();

    while (nr > d->tot_pages && domain_claim_pages(d, nr) == -ENOMEM)
        nr--;
    return nr;
}

static void rules(void)
{
    struct domain *d = doms[0].d;

    TEST("a claim is refused to who has one, has as much, may not have it, or dies") {
        CHECK_EQ(domain_claim_pages(d, PAGES + 1), -EINVAL);
        CHECK_EQ(domain_claim_pages(d, PAGES), -ENOMEM);
        CHECK(get(0) && get(0));
        CHECK_EQ(domain_claim_pages(d, 2), -EINVAL);
        CHECK_EQ(domain_claim_pages(d, 12), 0);
        CHECK_EQ(d->outstanding_pages, 10);
        CHECK_EQ(domain_claim_pages(d, 20), -EINVAL);
        CHECK_EQ(domain_claim_pages(d, 0), 0);
        CHECK_EQ(domain_claim_pages(d, 0), 0);
        d->state = DOM_DYING;
        CHECK_EQ(domain_claim_pages(d, 20), -EINVAL);
        CHECK_EQ(domain_claim_pages(d, 0), 0);
        d->state = DOM_ALIVE;
        give(0, 2);
        CHECK(sums_hold());
    }
}

static void everything(void)
{
    TEST("a claim of all that is free, most of it never used, is kept to the last frame") {
        uint64_t nr = claim_most(doms[0].d);

        CHECK(nr > heap_total_pages() * 9 / 10);
        CHECK(!get(1));
        CHECK(!hv_page_alloc(0));
        CHECK_EQ(domain_claim_pages(doms[1].d, 100), -ENOMEM);
        while (doms[0].nr < nr && get(0))
            continue;
        CHECK_EQ(doms[0].nr, nr);
        CHECK_EQ(heap_claimed_pages(), 0);
        give(0, PAGES);
        CHECK(sums_hold());
        CHECK(get(1));
        give(1, 1);
    }
}

static void step(void)
{
    unsigned int i = rnd() % NR;
    struct domain *d = doms[i].d;

    switch (rnd() % 5) {
    case 0:
        (void)!domain_claim_pages(d, rnd() % 4 ? d->tot_pages + rnd() % 100000 : 0);
        break;
    case 1:
        give(i, rnd() % 20000);
        break;
    case 2:
        if (rnd() % 8 == 0 && !domain_claim_pages(d, 0)) /* it dies */
            give(i, PAGES);
        break;
    default:
        for (uint32_t n = rnd() % 20000; n; n--) {
            bool promised = d->outstanding_pages > 0;

            if (get(i))
                continue;
            CHECK(!promised);
            break;
        }
    }
}

static void at_random(void)
{
    TEST("claims, frames and deaths at random: promises are kept and sums hold") {
        for (unsigned int n = 0; n < 1500; n++) {
            step();
            if (!CHECK(sums_hold()))
                break;
        }
        for (unsigned int i = 0; i < NR; i++) {
            CHECK_EQ(domain_claim_pages(doms[i].d, 0), 0);
            give(i, PAGES);
        }
        CHECK_EQ(heap_claimed_pages(), 0);
    }
}

int main(void)
{
    arena_start(768 * MIB);
    ram_add_range(0, 0x9f000);
    ram_add_range(MIB, 768 * MIB);
    heap_add_range(0, 0x9f000, 0);
    heap_add_range(MIB, 768 * MIB, 0);
    for (unsigned int i = 0; i < NR; i++)
        doms[i].d = arena_domain((domid_t)(i + 1), 1, PAGES);
    rules();
    everything();
    at_random();
    return check_exit();
}
