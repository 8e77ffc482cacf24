/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 80 */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c drivers/iommu/iopt.c */
/*
 * DMA page tables in both formats under any order of map and unmap, with memory running out,
 * against a model and a walker of its own. Each change is 6 bytes: what and how large, where, to
 * where. What a device may have cached is played too: a frame that led somewhere and no longer does
 * must have asked for a flush.
 */
#include <string.h>

#include "../host/iopt_check.h"

#define WINDOW (3U << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct iopt_model m;
static uint64_t touched_first, touched_end;

static void require(int truth)
{
    if (!truth)
        abort();
}

static uint64_t length_of(uint8_t code)
{
    static const uint32_t len[] = { 1, 2, 511, 512, 513, 1024, 3 * 512, 1U << 18 };

    return len[code & 7];
}

/* Frames worth looking at: the borders of the change, and of large leaves around it. */
static void look(const struct iopt *t, uint64_t at, uint64_t end)
{
    const uint64_t spots[] = { at, at - 1, end, end - 1, at & ~511ULL, at | 511, end & ~511ULL,
                               end | 511, (at + end) / 2 };

    for (unsigned int i = 0; i < ARRAY_SIZE(spots); i++)
        if (spots[i] >= m.base && spots[i] < m.base + WINDOW)
            require(model_holds(&m, t, spots[i]));
}

static void one(struct iopt *t, const uint8_t *p)
{
    const unsigned int flags = p[0] & 3;
    uint64_t at = (p[1] | (uint64_t)p[2] << 8 | (uint64_t)p[3] << 16) % WINDOW, n, mfn, old;
    bool flush;
    int rc;

    n = MIN(length_of(p[0] >> 2), WINDOW - at);
    mfn = (1ULL << 20) + (p[0] & 0x20 ? at : p[4] * 512ULL + p[5]);
    at += m.base;
    old = m.to[at - m.base];
    iopt_budget = p[0] & 0x40 ? p[5] & 3 : 1 << 20;
    t->leaf_level = p[0] & 0x80 ? 2 : 3;
    rc = iopt_set(t, at, at + n, mfn, flags, &flush);
    require(rc == 0 || rc == -12);
    if (rc == 0) {
        model_set(&m, at, at + n, mfn, flags);
        require(flush || !old || m.to[at - m.base] == (old | flags));
        touched_first = MIN(touched_first, at);
        touched_end = MAX(touched_end, at + n);
        iopt_free_detached(t);
    }
    look(t, at, at + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct iopt t = { .take = iopt_take, .give = iopt_give };
    uint64_t before;

    if (!started)
        iopt_world();
    started = true;
    m.base = 7ULL << 18;
    before = heap_free_pages();
    iopt_budget = 1;
    t.kind = size && data[0] & 0x80 ? &iopt_vtd : &iopt_amd;
    require(iopt_init(&t, size ? 3 + data[0] % (is_amd(&t) ? 4 : 2) : 4) == 0);
    touched_first = m.base + WINDOW;
    touched_end = m.base;
    for (size_t i = 1; i + 6 <= size && i < 1 + 6 * 24; i += 6)
        one(&t, data + i);
    require(t.tables == dma_tables(&t));
    iopt_exit(&t);
    require(heap_free_pages() == before);
    if (touched_end > touched_first)
        memset(&m.to[touched_first - m.base], 0, (touched_end - touched_first) * sizeof(m.to[0]));
    return 0;
}
