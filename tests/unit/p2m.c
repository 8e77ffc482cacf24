/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: lib/cmdline.c lib/number.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/* The physmap: sizes, splits, what was there, flushes and references, its pool and its end. */
#include "check.h"

#include "../host/p2m_world.h"

#include <hv/errno.h>
#include <lib/cmdline.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define GB (1ULL << 18)
#define MB2 512ULL
#define BIG (8 * GB) /* a machine frame that nobody looks at, aligned to everything */

static struct domain *d;
static uint64_t free_before;

static struct p2m *p(void) { return &d->arch.hvm->p2m; }

static int set(uint64_t gfn, unsigned int order, uint64_t mfn, enum p2m_type type)
{
    return p2m_set(d, _gfn(gfn), order, _mfn(mfn), type, NULL);
}

static struct p2m_entry at(uint64_t gfn) { return p2m_lookup(d, _gfn(gfn)); }

static bool is(uint64_t gfn, uint64_t mfn, enum p2m_type type, unsigned int order)
{
    const struct p2m_entry e = at(gfn);

    return e.mfn.n == mfn && e.type == type && e.order == order;
}

static bool hole(uint64_t gfn, unsigned int order)
{
    return is(gfn, INVALID_MFN.n, P2M_NONE, order);
}

static void begin(void)
{
    free_before = heap_free_pages();
    d = p2m_domain(1, 4096);
    memset(&flushed, 0, sizeof(flushed));
}

static void end(void)
{
    CHECK_STR(p2m_check(d), NULL);
    CHECK_EQ(locks_held(), 0);
    CHECK_EQ(p2m_domain_end(d), 0);
    CHECK_EQ(heap_free_pages(), free_before);
}

static int change(uint64_t gfn, uint64_t mfn, enum p2m_type type)
{
    struct p2m_entry old;

    return p2m_set(d, _gfn(gfn), 0, _mfn(mfn), type, &old);
}

static void no_warning(const char *fmt, ...) { CHECK_STR(fmt, NULL); }
static void options(const char *line) { cmdline_apply(line, no_warning); }

static void sizes(void)
{
    TEST("an empty physmap is a hole of the largest size") {
        begin();
        CHECK(hole(0, 27));
        CHECK(hole(0xfffff, 27));
        CHECK(hole(~0ULL, 0));
        CHECK_EQ(p()->used, 1);
        end();
    }
    TEST("leaves of 4 KiB, 2 MiB and 1 GiB, their frames and the holes between") {
        begin();
        CHECK_EQ(set(5, 0, BIG + 77, P2M_RAM), 0);
        CHECK_EQ(set(MB2, 9, BIG + MB2, P2M_RAM), 0);
        CHECK_EQ(set(GB, 18, BIG, P2M_RAM), 0);
        CHECK(is(5, BIG + 77, P2M_RAM, 0));
        CHECK(is(MB2 + 3, BIG + MB2 + 3, P2M_RAM, 9));
        CHECK(is(2 * GB - 1, BIG + GB - 1, P2M_RAM, 18));
        CHECK(hole(6, 0) && hole(2 * MB2, 9) && hole(2 * GB, 18) && hole(512 * GB, 27));
        CHECK(p()->nr[0] == 1 && p()->nr[1] == 1 && p()->nr[2] == 1);
        CHECK_EQ(p()->used, 4);
        CHECK_EQ(p2m_max_gfn(d), 2 * GB - 1);
        CHECK_EQ(flushed.nr, 0); /* nothing was there */
        end();
    }
    TEST("without alignment, 1 GiB pages, or when told so, leaves are smaller") {
        begin();
        CHECK_EQ(p2m_set_pool(d, 2000), 0);
        CHECK_EQ(set(GB, 18, BIG + MB2, P2M_RAM), 0);
        CHECK(p()->nr[0] == 0 && p()->nr[1] == 512 && p()->nr[2] == 0);
        CHECK_EQ(set(3 * GB, 9, BIG + 1, P2M_RAM), 0);
        CHECK(p()->nr[0] == 512 && is(3 * GB + 511, BIG + 512, P2M_RAM, 0));
        CHECK_EQ(set(4 * GB + 1, 9, BIG + 1, P2M_RAM), 0); /* over a border */
        CHECK(hole(4 * GB, 0) && is(4 * GB + 512, BIG + 512, P2M_RAM, 0));
        cpu_features.page1gb = false;
        CHECK_EQ(set(5 * GB, 18, BIG, P2M_RAM), 0);
        CHECK(is(5 * GB, BIG, P2M_RAM, 9));
        cpu_features.page1gb = true;
        p()->only_4k = true;
        CHECK_EQ(set(6 * GB, 9, BIG, P2M_RAM), 0);
        CHECK(is(6 * GB, BIG, P2M_RAM, 0));
        p()->only_4k = false;
        end();
    }
    TEST("hap_1gb= and hap_2mb= say which sizes a new physmap has") {
        options("hap_1gb=0");
        begin();
        CHECK_EQ(set(GB, 18, BIG, P2M_RAM), 0);
        CHECK(is(GB, BIG, P2M_RAM, 9) && p()->nr[1] == 512 && p()->nr[2] == 0);
        end();
        options("hap_1gb no-hap_2mb");
        begin();
        CHECK_EQ(set(MB2, 9, BIG, P2M_RAM), 0);
        CHECK(is(MB2, BIG, P2M_RAM, 0) && p()->nr[0] == 512);
        CHECK_STR(p2m_leaf_sizes(), "4 KiB");
        end();
        options("hap_2mb");
        CHECK_STR(p2m_leaf_sizes(), "4 KiB, 2 MiB, 1 GiB");
    }
    TEST("what is beyond the address width, or no frame or order, is refused") {
        const uint64_t gfns = 1ULL << (p2m_gpa_bits() - 12);

        begin();
        CHECK_EQ(set(gfns - 1, 0, BIG, P2M_RAM), 0);
        CHECK_EQ(set(gfns, 0, BIG, P2M_RAM), E(-EINVAL));
        CHECK_EQ(set(gfns - 511, 9, BIG, P2M_RAM), E(-EINVAL));
        CHECK_EQ(set(~0ULL, 0, BIG, P2M_RAM), E(-EINVAL));
        CHECK_EQ(set(0, 0, 1ULL << 40, P2M_RAM), E(-EINVAL));
        CHECK_EQ(set(0, 0, INVALID_MFN.n, P2M_RAM), E(-EINVAL));
        CHECK_EQ(set(0, 19, BIG, P2M_RAM), E(-EINVAL));
        CHECK_EQ(set(0, 9, BIG, P2M_FOREIGN), E(-EINVAL));
        CHECK_EQ(set(0, 0, BIG, P2M_NR_TYPES), E(-EINVAL));
        end();
    }
}

static void splits(void)
{
    TEST("a leaf is split where it changes, and nowhere else") {
        struct p2m_entry old;

        begin();
        CHECK_EQ(set(GB, 18, BIG, P2M_RAM), 0);
        CHECK_EQ(p2m_set(d, _gfn(GB + 1000), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK(old.type == P2M_RAM && old.mfn.n == BIG + 1000 && old.order == 18 && !old.holds);
        CHECK(hole(GB + 1000, 0));
        CHECK(is(GB + 999, BIG + 999, P2M_RAM, 0) && is(GB + 1001, BIG + 1001, P2M_RAM, 0));
        CHECK(is(GB, BIG, P2M_RAM, 9) && is(2 * GB - 1, BIG + GB - 1, P2M_RAM, 9));
        CHECK(p()->nr[0] == 511 && p()->nr[1] == 511 && p()->nr[2] == 0);
        CHECK_EQ(flushed.nr, 1);
        end();
    }
    TEST("a type changes for one page, with a flush if it takes a right away") {
        begin();
        CHECK_EQ(set(MB2, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(p2m_change_type(d, _gfn(MB2 + 1), P2M_RAM_RO, P2M_RAM), E(-EBUSY));
        CHECK_EQ(p2m_change_type(d, _gfn(MB2 + 1), P2M_RAM, P2M_MMIO_DM), E(-EINVAL));
        CHECK_EQ(p2m_change_type(d, _gfn(MB2 + 1), P2M_NONE, P2M_RAM), E(-EINVAL));
        CHECK_EQ(flushed.nr, 0);
        CHECK_EQ(p2m_change_type(d, _gfn(MB2 + 1), P2M_RAM, P2M_RAM_RO), 0);
        CHECK_EQ(flushed.nr, 1);
        CHECK(is(MB2 + 1, BIG + 1, P2M_RAM_RO, 0) && is(MB2, BIG, P2M_RAM, 0));
        CHECK_EQ(p2m_change_type(d, _gfn(MB2 + 1), P2M_RAM_RO, P2M_IOREQ), 0);
        CHECK_EQ(p2m_change_type(d, _gfn(MB2 + 1), P2M_IOREQ, P2M_RAM), 0);
        CHECK_EQ(flushed.nr, 1);
        end();
    }
    TEST("the last entry of a table takes the table with it, after the flush") {
        struct p2m_entry old;

        begin();
        CHECK_EQ(set(3 * GB + 7, 0, BIG + 7, P2M_RAM), 0);
        CHECK_EQ(p()->used, 4);
        CHECK_EQ(p2m_set(d, _gfn(3 * GB + 7), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK(flushed.nr == 1 && flushed.tables == 3 && flushed.tables_in_use);
        CHECK_EQ(p()->used, 1);
        CHECK(hole(3 * GB + 7, 27));
        CHECK_EQ(p2m_set(d, _gfn(3 * GB + 7), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK_EQ(flushed.nr, 1);
        CHECK_EQ(p()->used, 1); /* no table to say that there is nothing */
        end();
    }
    TEST("a large leaf takes the place of a table, which is freed after the flush") {
        begin();
        CHECK_EQ(set(MB2, 0, BIG + 5, P2M_MMIO), 0);
        CHECK_EQ(set(MB2, 9, BIG, P2M_RAM), 0);
        CHECK(flushed.nr == 1 && flushed.tables == 1 && flushed.tables_in_use);
        CHECK(is(MB2 + 9, BIG + 9, P2M_RAM, 9));
        CHECK_EQ(p()->nr[0], 0);
        end();
    }
    TEST("who maps the guest's memory is told of what has another frame or none, and of no more") {
        struct p2m_entry old;

        begin();
        nr_moved = 0;
        CHECK_EQ(set(MB2, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(change(MB2 + 5, BIG + 5, P2M_RAM_RO), 0); /* a right less, and a split */
        CHECK_EQ(change(MB2 + 5, BIG + 5, P2M_RAM), 0);
        CHECK_EQ(nr_moved, 0);
        CHECK_EQ(change(MB2 + 5, BIG + 6, P2M_RAM), 0);
        CHECK_EQ(nr_moved, 1);
        CHECK_EQ(p2m_set(d, _gfn(MB2 + 5), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK_EQ(nr_moved, 2);
        CHECK_EQ(p2m_set(d, _gfn(MB2 + 5), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK_EQ(nr_moved, 2);
        end();
    }
    TEST("typed holes have sizes too") {
        begin();
        CHECK_EQ(set(GB, 18, 0, P2M_MMIO_DM), 0);
        CHECK(is(GB + 1, INVALID_MFN.n, P2M_MMIO_DM, 18));
        CHECK_EQ(set(GB + 1, 0, BIG, P2M_RAM), 0);
        CHECK(is(GB, INVALID_MFN.n, P2M_MMIO_DM, 0) && is(GB + MB2, INVALID_MFN.n, P2M_MMIO_DM, 9));
        CHECK_EQ(flushed.nr, 0);
        end();
    }
}

static void what_was_there(void)
{
    TEST("a frame is not forgotten: somebody has to take care of it") {
        struct p2m_entry old;

        begin();
        CHECK_EQ(set(MB2, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(set(MB2 + 1, 0, BIG + MB2, P2M_RAM), E(-EBUSY));
        CHECK_EQ(set(MB2, 9, 0, P2M_NONE), E(-EBUSY));
        CHECK_EQ(p2m_set(d, _gfn(GB), 18, _mfn(BIG), P2M_RAM, &old), 0);
        CHECK_EQ(old.type, P2M_NONE);
        CHECK_EQ(p2m_set(d, _gfn(0), 18, _mfn(BIG), P2M_RAM, &old), E(-EBUSY)); /* in pieces */
        CHECK_EQ(p2m_set(d, _gfn(MB2), 9, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK(old.type == P2M_RAM && old.mfn.n == BIG && old.order == 9);
        CHECK_EQ(set(0, 18, BIG, P2M_RAM), 0);
        end();
    }
    TEST("a change that depends on what is there is refused if that is not so") {
        struct p2m_entry e;

        begin();
        CHECK_EQ(set(MB2, 9, BIG, P2M_RAM), 0);
        e = at(MB2 + 5);
        CHECK_EQ(p2m_swap(d, _gfn(MB2 + 5), 0, INVALID_MFN, P2M_NONE, &e), 0);
        CHECK_EQ(p2m_swap(d, _gfn(MB2 + 5), 0, INVALID_MFN, P2M_NONE, &e), E(-EAGAIN));
        e = at(MB2);
        CHECK_EQ(p2m_swap(d, _gfn(MB2), 9, INVALID_MFN, P2M_NONE, &e), E(-EAGAIN)); /* split */
        CHECK_EQ(p2m_change_type(d, _gfn(MB2), P2M_RAM, P2M_RAM_RO), 0);
        CHECK_EQ(p2m_swap(d, _gfn(MB2), 0, INVALID_MFN, P2M_NONE, &e), E(-EAGAIN));
        e = at(MB2 + 5);
        CHECK_EQ(p2m_swap(d, _gfn(MB2 + 5), 0, _mfn(BIG + 5), P2M_RAM, &e), 0);
        end();
    }
}

static void references(void)
{
    TEST("pages are found with a reference, by type and right") {
        enum p2m_type type;
        struct page *pg, *got;

        begin();
        pg = p2m_new_ram(d, 9);
        got = p2m_page_get(d, _gfn(9), true, &type);
        CHECK(got == pg && type == P2M_RAM);
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 2);
        page_put(pg);
        CHECK_EQ(p2m_change_type(d, _gfn(9), P2M_RAM, P2M_RAM_RO), 0);
        CHECK(!p2m_page_get(d, _gfn(9), true, &type));
        CHECK_EQ(type, P2M_RAM_RO);
        CHECK(p2m_page_get(d, _gfn(9), false, NULL) == pg);
        page_put(pg);
        CHECK(!p2m_page_get(d, _gfn(10), false, &type));
        CHECK_EQ(type, P2M_NONE);
        CHECK(!page_clear_allocated(pg) || !p2m_page_get(d, _gfn(9), false, NULL)); /* freed */
        end();
    }
    TEST("others' pages: the entry's reference is dropped by who takes it, after the flush") {
        struct domain *other;
        struct p2m_entry old;
        struct page *pg;

        begin();
        other = arena_domain(2, 1, 16);
        pg = page_alloc_for(other, 0, 0);
        CHECK(pg && page_get(pg, other) && !page_get_type(pg, PT_WRITABLE));
        CHECK_EQ(set(8, 0, page_to_mfn(pg).n, P2M_FOREIGN), 0);
        CHECK(p2m_page_get(d, _gfn(8), true, NULL) == pg);
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 3);
        page_put(pg);
        CHECK_EQ(set(8, 0, BIG, P2M_RAM), E(-EBUSY));
        flushed.watch = pg;
        CHECK_EQ(p2m_set(d, _gfn(8), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK(flushed.nr == 1 && flushed.watch_refs == 2 && old.holds);
        p2m_entry_put(&old);
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 1);
        CHECK_EQ(page_use_read(pg).count, 0);
        CHECK_EQ(p2m_domain_end(other), 0);
        end();
    }
    TEST("a page of ours stays while the guest has it, though we have let go of it") {
        struct p2m_entry old;
        struct page *pg;
        void *va;

        begin();
        va = hv_page_alloc(0);
        page_share_with(va, d, true);
        pg = mfn_to_page(paddr_to_mfn(direct_pa(va)));
        CHECK(page_get(pg, d));
        CHECK_EQ(set(8, 0, page_to_mfn(pg).n, P2M_RAM), 0);
        CHECK(at(8).holds);
        page_unshare(va);
        hv_page_free(va, 0);
        CHECK(pg->owner == d->id && (pg->ref & PAGE_REF_COUNT) == 1);
        CHECK_EQ(p2m_change_type(d, _gfn(8), P2M_RAM, P2M_RAM_RO), 0);
        CHECK_EQ(p2m_set(d, _gfn(8), 0, INVALID_MFN, P2M_NONE, &old), 0);
        p2m_entry_put(&old);
        CHECK_EQ(pg->owner, DOMID_NONE);
        end();
    }
}

/* The tables, byte for byte. */
static uint64_t picture(const pte_t *table, unsigned int level)
{
    uint64_t sum = level;

    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        sum = sum * 6364136223846793005ULL + table[i].v;
        if (p2m_pte_is_table(table[i], level))
            sum += picture(p2m_table_of(table[i]), level - 1);
    }
    return sum;
}

static void *taken[P2M_RAM_END / PAGE_SIZE];

static unsigned int take_all(void)
{
    unsigned int n = 0;

    while ((taken[n] = hv_page_alloc(0)) != NULL)
        n++;
    return n;
}

static void give(unsigned int n)
{
    while (n > 0)
        hv_page_free(taken[--n], 0);
}

static void pool(void)
{
    TEST("a pool that ends in the middle leaves everything as it was") {
        struct p2m_entry old;
        struct p2m before;
        uint64_t was;

        begin();
        CHECK_EQ(set(GB, 18, BIG, P2M_RAM), 0);
        for (unsigned int pages = 2; pages < 4; pages++) {
            CHECK_EQ(p2m_set_pool(d, pages), 0);
            before = *p();
            was = picture(p2m_root(p()), 4);
            CHECK_EQ(p2m_set(d, _gfn(GB + 5), 0, INVALID_MFN, P2M_NONE, &old), E(-ENOMEM));
            CHECK_EQ(set(2 * GB + 1, 9, BIG + 1, P2M_RAM), E(-ENOMEM));
            CHECK_EQ(p2m_change_type(d, _gfn(GB), P2M_RAM, P2M_RAM_RO), E(-ENOMEM));
            before.lock = p()->lock; /* it has been taken and let go */
            CHECK(!memcmp(&before, p(), sizeof(before)));
            CHECK_EQ(picture(p2m_root(p()), 4), was);
        }
        CHECK_EQ(flushed.nr, 0);
        CHECK_EQ(p2m_set_pool(d, 4), 0);
        CHECK_EQ(p2m_set(d, _gfn(GB + 5), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK_EQ(p()->used, 4);
        CHECK_EQ(p2m_set_pool(d, 1), 0); /* what it uses is the least */
        CHECK_EQ(p()->pool, 4);
        CHECK_EQ(p2m_set_pool(d, 1ULL << 32), E(-EINVAL));
        end();
    }
    TEST("so does a host without memory") {
        unsigned int n;

        begin();
        n = take_all();
        hv_page_free(taken[--n], 0);
        hv_page_free(taken[--n], 0);
        CHECK_EQ(set(1, 0, BIG, P2M_RAM), E(-ENOMEM));
        CHECK_EQ(p()->used, 1);
        CHECK_EQ(heap_free_pages(), 2);
        give(n);
        end();
    }
}

static void the_end(void)
{
    TEST("relinquishing stops when asked, drops what was held after a flush, and frees all") {
        struct domain *other;
        struct page *pg;
        unsigned int calls = 1;

        begin();
        other = arena_domain(2, 1, 16);
        pg = page_alloc_for(other, 0, 0);
        for (uint64_t gfn = 0; gfn < 6 * MB2; gfn += MB2 / 2) {
            CHECK(page_get(pg, other));
            CHECK_EQ(set(gfn, 0, page_to_mfn(pg).n, P2M_GRANT), 0);
        }
        CHECK_EQ(set(8 * MB2, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(set(GB, 18, BIG, P2M_MMIO_DM), 0);
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 13);
        d->state = DOM_DYING;
        arena.preempt_at = 1;
        flushed.watch = pg;
        CHECK_EQ(p2m_relinquish(d), E(-ERESTART));
        CHECK(flushed.watch_refs == 13 && (pg->ref & PAGE_REF_COUNT) == 11);
        CHECK_STR(p2m_check(d), NULL);
        CHECK_EQ(set(GB, 0, BIG, P2M_RAM), E(-EINVAL)); /* nothing comes back */
        while (p2m_relinquish(d) == -ERESTART) {
            CHECK_STR(p2m_check(d), NULL);
            calls++;
        }
        arena.preempt_at = 0;
        CHECK(calls >= 8);
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 1);
        CHECK(p()->used == 1 && !p()->nr[0] && !p()->nr[1] && !p()->nr[2]);
        CHECK_EQ(p2m_domain_end(other), 0);
        end();
    }
    TEST("a physmap that nobody has relinquished is destroyed with all that it has") {
        begin();
        CHECK_EQ(set(MB2 + 5, 0, BIG, P2M_RAM), 0);
        p2m_destroy(d);
        CHECK_EQ(p()->used, 0);
        p2m_destroy(d);
        CHECK_EQ(p2m_relinquish(d), 0);
        free(d->arch.hvm);
        d->arch.hvm = NULL;
        CHECK_EQ(p2m_domain_end(d), 0);
        CHECK_EQ(heap_free_pages(), free_before);
    }
}

int main(void)
{
    p2m_machine_start();
    give(take_all()); /* the frame table's own memory is gone then */
    sizes();
    splits();
    what_was_there();
    references();
    pool();
    the_end();
    return check_exit();
}
