/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c drivers/iommu/iopt.c */
/* DMA page tables: sizes, splits, what replaces what, when a flush is due, no memory. */
#include "check.h"

#include "../host/iopt_check.h"

#include <hv/errno.h>

#define RW (IOMMU_READ | IOMMU_WRITE)
#define GB (1ULL << 18)
#define MB2 512ULL
#define BIG (16 * GB)

static struct iopt t;
static uint64_t free_before;
static bool flush;
static const struct iopt_kind *kind;

static void begin(unsigned int levels)
{
    free_before = heap_free_pages();
    iopt_budget = 1 << 30;
    t = (struct iopt){ .kind = kind, .take = iopt_take, .give = iopt_give };
    CHECK_EQ(iopt_init(&t, levels), 0);
}

static void end(void)
{
    iopt_free_detached(&t);
    CHECK_EQ(t.tables, dma_tables(&t));
    iopt_exit(&t);
    CHECK_EQ(t.tables, 0);
    CHECK_EQ(heap_free_pages(), free_before);
}

static int set(uint64_t first, uint64_t nr, uint64_t mfn, unsigned int flags)
{
    return iopt_set(&t, first, first + nr, mfn, flags, &flush);
}

static bool leads(uint64_t frame, uint64_t mfn, unsigned int rights)
{
    unsigned int got, level;
    uint64_t to = iopt_dma(&t, frame, &got), own = 0;

    if (iopt_lookup(&t, frame, &own, &level) != rights || (rights && own != mfn))
        return false;
    return rights ? to == mfn && got == rights : to == ~0ULL;
}

static unsigned int level_at(uint64_t frame)
{
    unsigned int level;
    uint64_t mfn;

    iopt_lookup(&t, frame, &mfn, &level);
    return level;
}

static void sizes(void)
{
    TEST("the largest leaves that fit") {
        begin(4);
        CHECK_EQ(set(MB2 - 1, GB + MB2, BIG + MB2 - 1, RW), 0);
        CHECK(!flush);
        CHECK(leads(MB2 - 2, 0, 0) && leads(MB2 - 1, BIG + MB2 - 1, RW));
        CHECK_EQ(level_at(MB2 - 1), 1);
        CHECK_EQ(level_at(MB2), 2);
        CHECK_EQ(level_at(GB), 2);
        CHECK_EQ(level_at(GB + MB2 - 1), 2);
        CHECK(leads(GB + 2 * MB2 - 2, BIG + GB + 2 * MB2 - 2, RW));
        CHECK(leads(GB + 2 * MB2 - 1, 0, 0));
        CHECK_EQ(set(GB, GB, BIG, RW), 0);
        CHECK(flush);
        CHECK_EQ(level_at(GB), 3);
        end();
    }

    TEST("each number of levels reaches as far as it says") {
        for (unsigned int levels = 2; levels <= (kind == &iopt_amd ? 6 : 5); levels++) {
            const uint64_t last = (levels == 6 ? 1ULL << 52 : 1ULL << 9 * levels) - 1;

            begin(levels);
            CHECK_EQ(iopt_frames(&t), last + 1);
            CHECK_EQ(set(last, 1, 7, RW), 0);
            CHECK(leads(last, 7, RW) && leads(last - 1, 0, 0) && leads(0, 0, 0));
            CHECK_EQ(set(last, 2, 7, RW), -EINVAL);
            end();
        }
        t = (struct iopt){ .take = iopt_take, .give = iopt_give };
        CHECK_EQ(iopt_init(&t, 1), -EINVAL);
        CHECK_EQ(iopt_init(&t, 7), -EINVAL);
    }

    TEST("what cannot be") {
        begin(3);
        CHECK_EQ(iopt_set(&t, 5, 4, 0, RW, &flush), -EINVAL);
        CHECK_EQ(set(0, 2, (1ULL << 40) - 1, RW), -EINVAL);
        CHECK_EQ(set(0, 0, 0, RW), 0);
        CHECK_EQ(t.tables, 1);
        end();
    }
}

static void changes(void)
{
    TEST("a hole in a large leaf splits it, and only where the hole is") {
        begin(4);
        CHECK_EQ(set(0, GB, BIG, RW), 0);
        CHECK_EQ(set(3 * MB2 + 5, 1, 0, 0), 0);
        CHECK(flush);
        CHECK(leads(3 * MB2 + 5, 0, 0) && leads(3 * MB2 + 4, BIG + 3 * MB2 + 4, RW));
        CHECK_EQ(level_at(2 * MB2), 2);
        CHECK_EQ(level_at(3 * MB2), 1);
        CHECK_EQ(t.tables, 4);
        CHECK_EQ(set(0, GB, BIG, RW), 0); /* whole again */
        CHECK(flush);
        iopt_free_detached(&t);
        CHECK_EQ(t.tables, 2);
        end();
    }

    TEST("a flush is due for what is lost, not for what is new") {
        begin(4);
        CHECK_EQ(set(1, 1, 1, IOMMU_READ), 0);
        CHECK(!flush);
        CHECK_EQ(set(1, 1, 1, RW), 0);
        CHECK(!flush); /* more rights: nobody remembers a refusal */
        CHECK_EQ(set(1, 1, 1, IOMMU_READ), 0);
        CHECK(flush);
        CHECK_EQ(set(1, 1, 2, IOMMU_READ), 0);
        CHECK(flush);
        CHECK_EQ(set(1, 1, 0, 0), 0);
        CHECK(flush);
        CHECK_EQ(set(1, 1, 0, 0), 0);
        CHECK(!flush);
        CHECK_EQ(set(1000 * GB, GB, 0, 0), 0);
        CHECK(!flush);
        end();
    }

    TEST("tables that are replaced wait for the flush") {
        begin(4);
        CHECK_EQ(set(1, MB2, 8, RW), 0);
        CHECK_EQ(t.tables, 5);
        CHECK_EQ(set(0, GB, 0, 0), 0);
        CHECK(flush && t.detached);
        CHECK_EQ(t.tables, 5);
        iopt_free_detached(&t);
        CHECK_EQ(t.tables, 2);
        end();
    }

    TEST("out of memory changes nothing") {
        begin(4);
        CHECK_EQ(set(0, GB, BIG, RW), 0);
        for (int n = 0; n < 3; n++) {
            iopt_budget = n;
            CHECK_EQ(set(MB2 - 1, GB, 5, RW), -ENOMEM);
            CHECK(leads(MB2 - 1, BIG + MB2 - 1, RW) && leads(GB, 0, 0));
            CHECK_EQ(t.tables, 2);
        }
        iopt_budget = 4; /* exactly: for two halves of a leaf, and a directory behind them */
        CHECK_EQ(set(MB2 - 1, GB, 5, RW), -ENOMEM);
        end();
    }

    TEST("a leaf is split with a frame that the caller brings") {
        void *table;

        begin(3);
        CHECK_EQ(set(0, MB2, BIG, RW), 0);
        table = hv_page_alloc(0);
        CHECK(!iopt_split_with(&t, MB2, table));
        CHECK(iopt_split_with(&t, 7, table));
        CHECK(leads(7, BIG + 7, RW) && level_at(7) == 1);
        end();
    }
}

static uint32_t random_state = 1;
static uint32_t rnd(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static void against_model(void)
{
    TEST("thousands of changes, as a model has them") {
        static struct iopt_model m;
        static const uint32_t pick[] = { 1, 1, 2, 511, 512, 513, 1024, 1U << 18, (1U << 18) + 1 };

        begin(4);
        memset(&m, 0, sizeof(m));
        m.base = 5 * GB;
        for (unsigned int i = 0; i < 3000; i++) {
            uint64_t at = rnd(MODEL_FRAMES), n = pick[rnd(ARRAY_SIZE(pick))], mfn;
            const unsigned int flags = rnd(3) ? rnd(4) : 0;

            at = rnd(2) ? at & ~511ULL : rnd(4) ? at : at & ~(GB - 1);
            n = MIN(n, MODEL_FRAMES - at);
            mfn = rnd(2) ? BIG + at : BIG + rnd(4096);
            at += m.base;
            CHECK_EQ(iopt_set(&t, at, at + n, mfn, flags, &flush), 0);
            iopt_free_detached(&t);
            model_set(&m, at, at + n, mfn, flags);
            for (unsigned int k = 0; k < 40; k++)
                CHECK(model_holds(&m, &t, m.base + rnd(MODEL_FRAMES)));
            CHECK(model_holds(&m, &t, at) && model_holds(&m, &t, at + n - 1));
            CHECK(at == m.base || model_holds(&m, &t, at - 1));
            CHECK(at + n == m.base + MODEL_FRAMES || model_holds(&m, &t, at + n));
        }
        end();
    }
}

static size_t written;
static void note(const void *p, size_t bytes) { written += bytes; }

static void intel(void)
{
    TEST("every entry that changes is brought to memory, and every new table") {
        struct iopt_kind k = iopt_vtd;

        k.wrote = note;
        kind = &k;
        written = 0;
        begin(3);
        CHECK_EQ(written, 4096);
        CHECK_EQ(set(5, 1, 7, RW), 0); /* two tables, their entries, and the leaf */
        CHECK_EQ(written, 3 * 4096 + 3 * 8);
        CHECK_EQ(set(5, 1, 0, 0), 0);
        CHECK_EQ(written, 3 * 4096 + 4 * 8);
        end();
    }

    TEST("hardware that remembers holes is told of every change") {
        struct iopt_kind k = iopt_vtd;

        k.remembers_holes = true;
        kind = &k;
        begin(4);
        CHECK_EQ(set(1, 1, 1, IOMMU_READ), 0);
        CHECK(flush);
        CHECK_EQ(set(1, 0, 1, IOMMU_READ), 0);
        CHECK(!flush);
        end();
    }

    TEST("no larger leaves than the hardware knows") {
        struct iopt_kind k = iopt_vtd;

        for (k.leaf_level = 1; k.leaf_level <= 3; k.leaf_level++) {
            kind = &k;
            begin(4);
            CHECK_EQ(set(0, GB, BIG, RW), 0);
            CHECK_EQ(level_at(0), k.leaf_level);
            CHECK(leads(GB - 1, BIG + GB - 1, RW));
            end();
        }
    }
}

int main(void)
{
    iopt_world();
    kind = &iopt_amd;
    sizes();
    changes();
    against_model();
    kind = &iopt_vtd;
    sizes();
    changes();
    against_model();
    intel();
    return check_exit();
}
