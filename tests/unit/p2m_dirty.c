/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/* Logs of writes: calls and errors, leaves of all sizes, marks of our own, two who ask at once. */
#include "check.h"

#include "../host/p2m_world.h"

#include <hv/errno.h>
#include <hv/memory.h>
#include <xen/domctl.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define GB (1ULL << 18)
#define MB2 512ULL
#define BIG (8 * GB)
#define BITS (2 * GB)

static struct domain *d;
static uint64_t free_before;
static uint8_t bitmap[BITS / 8 + 1];
static struct xen_domctl_shadow_op op;

static struct p2m *p(void) { return &d->arch.hvm->p2m; }
static struct p2m_entry at(uint64_t gfn) { return p2m_lookup(d, _gfn(gfn)); }
static void guest_writes(uint64_t gfn) { p2m_write_fault(d, _gfn(gfn)); }

static int set(uint64_t gfn, unsigned int order, uint64_t mfn, enum p2m_type type)
{
    return p2m_set(d, _gfn(gfn), order, _mfn(mfn), type, NULL);
}

static void begin(void)
{
    free_before = heap_free_pages();
    d = p2m_domain(1, 4096);
    CHECK_EQ(p2m_set_pool(d, 3000), 0);
    memset(&flushed, 0, sizeof(flushed));
    arena.preempt_at = 0;
}

static void end(void)
{
    CHECK_STR(p2m_check(d), NULL);
    CHECK_EQ(locks_held(), 0);
    CHECK_EQ(p2m_domain_end(d), 0);
    CHECK_EQ(heap_free_pages(), free_before);
}

/* All memory, as a list, and back. */
static void *take_all(void)
{
    void *taken = NULL, *page;

    while ((page = hv_page_alloc(0))) {
        *(void **)page = taken;
        taken = page;
    }
    return taken;
}

static void give(void *taken)
{
    while (taken) {
        void *page = taken;

        taken = *(void **)page;
        hv_page_free(page, 0);
    }
}

static unsigned int restarts;

static int call(uint32_t code, uint32_t mode, uint64_t pages, void *list)
{
    int rc;

    op = (struct xen_domctl_shadow_op){ .op = code, .mode = mode, .pages = pages };
    op.dirty_bitmap.p = list;
    if (list == bitmap)
        memset(bitmap, 0xee, sizeof(bitmap));
    for (restarts = 0; (rc = p2m_log_op(d, &op)) == -ERESTART; restarts++)
        CHECK_EQ(locks_held(), 0);
    return rc;
}

static int enable(void) { return call(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, 0, NULL); }
static int clean(uint64_t pages) { return call(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, pages, bitmap); }
static int peek(uint64_t pages) { return call(XEN_DOMCTL_SHADOW_OP_PEEK, 0, pages, bitmap); }
static int off(void) { return call(XEN_DOMCTL_SHADOW_OP_OFF, 0, 0, NULL); }
static bool bit(uint64_t i) { return bitmap[i / 8] >> (i % 8) & 1; }

/* As many bits as the call has said, and all of them there. */
static bool only(uint64_t first, uint64_t nr, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        if (bit(i) != (i - first < nr))
            return false;
    return op.stats.dirty_count == nr && op.pages == pages &&
           bitmap[DIV_ROUND_UP(pages, 8)] == 0xee;
}

static void calls(void)
{
    TEST("what a call may say, and when") {
        begin();
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(clean(MB2), E(-EINVAL));
        CHECK_EQ(peek(MB2), E(-EINVAL));
        CHECK_EQ(off(), 0);
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_ENABLE, 0, 0, NULL), E(-EINVAL));
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY, 0, NULL),
                 0);
        CHECK(p2m_is_logging(p()));
        CHECK_EQ(enable(), E(-EINVAL));
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_CLEAN, 2, MB2, bitmap), E(-EINVAL));
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_PEEK, ~0U, MB2, bitmap), E(-EINVAL));
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, MB2, (void *)8), E(-EFAULT));
        CHECK_EQ(clean(MB2), 0); /* after an error from the start */
        CHECK_EQ(off(), 0);
        CHECK(!p2m_is_logging(p()) && at(0).type == P2M_RAM && at(0).order == 9);
        end();
    }
    TEST("another call between the parts of one is told to wait") {
        begin();
        CHECK_EQ(set(0, 18, BIG, P2M_RAM), 0);
        CHECK_EQ(set(GB, 18, BIG + GB, P2M_RAM), 0);
        CHECK_EQ(enable(), 0);
        arena.preempt_at = 1;
        op = (struct xen_domctl_shadow_op){ .op = XEN_DOMCTL_SHADOW_OP_CLEAN, .pages = 2 * GB };
        op.dirty_bitmap.p = bitmap;
        CHECK_EQ(p2m_log_op(d, &op), E(-ERESTART));
        op.op = XEN_DOMCTL_SHADOW_OP_PEEK;
        CHECK_EQ(p2m_log_op(d, &op), E(-EBUSY));
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(restarts > 100);
        CHECK_EQ(off(), 0);
        CHECK_EQ(restarts, 1);
        end();
    }
    TEST("a bitmap of any size: bits behind the domain's memory are 0") {
        begin();
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(enable(), 0);
        guest_writes(99);
        CHECK_EQ(peek(100), 0);
        CHECK(only(99, 1, 100));
        CHECK_EQ(peek(99), 0);
        CHECK(only(0, 0, 99));
        CHECK_EQ(clean(3 * 4096 + 5), 0);
        CHECK(only(99, 1, 3 * 4096 + 5));
        CHECK_EQ(op.stats.fault_count, 1);
        CHECK_EQ(clean(0), 0);
        CHECK_EQ(op.stats.fault_count, 0);
        guest_writes(7);
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, 0, NULL), 0); /* figures only */
        CHECK_EQ(op.stats.dirty_count, 1);
        CHECK_EQ(clean(MB2), 0);
        CHECK(only(0, 0, MB2));
        end();
    }
}

static void leaves(void)
{
    TEST("a write splits its leaf, and is in one answer") {
        begin();
        CHECK_EQ(set(0, 18, BIG, P2M_RAM), 0);
        CHECK_EQ(set(GB + 3, 0, BIG + GB, P2M_RAM), 0);
        CHECK_EQ(enable(), 0);
        CHECK(flushed.nr == 1 || flushed.nr == 2);
        CHECK(at(5).type == P2M_LOGDIRTY && at(5).order == 18 && at(GB + 3).type == P2M_LOGDIRTY);
        guest_writes(MB2 + 5);
        guest_writes(MB2 + 5);
        CHECK(at(MB2 + 5).type == P2M_RAM && at(MB2 + 5).order == 0 && at(0).order == 9);
        flushed.nr = 0;
        CHECK_EQ(peek(2 * GB), 0);
        CHECK(only(MB2 + 5, 1, 2 * GB) && flushed.nr == 0);
        CHECK_EQ(call(XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL, 2 * GB, bitmap),
                 0);
        CHECK(only(MB2 + 5, 1, 2 * GB) && flushed.nr == 0);
        CHECK_EQ(op.stats.fault_count, 1);
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(MB2 + 5, 1, 2 * GB) && flushed.nr == 1);
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(0, 0, 2 * GB) && flushed.nr == 1);
        guest_writes(GB + 3);
        guest_writes(GB + 4); /* nothing is there */
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(GB + 3, 1, 2 * GB));
        end();
    }
    TEST("without a table for the split, all of the leaf counts as written") {
        begin();
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(set(GB, 18, BIG, P2M_RAM), 0);
        CHECK_EQ(enable(), 0);
        CHECK_EQ(p2m_set_pool(d, 0), 0);
        guest_writes(5);
        CHECK(at(6).type == P2M_RAM && at(6).order == 9);
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(0, MB2, 2 * GB));
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(0, 0, 2 * GB));
        guest_writes(GB + 5);
        CHECK_EQ(clean(2 * GB), 0); /* it cannot be cut into what a step looks at, either */
        CHECK(only(GB, GB, 2 * GB));
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(GB, GB, 2 * GB));
        CHECK_EQ(p2m_set_pool(d, 3000), 0);
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(GB, GB, 2 * GB));
        CHECK_EQ(clean(2 * GB), 0);
        CHECK(only(0, 0, 2 * GB));
        CHECK(at(GB + 5).order == 9);
        end();
    }
    TEST("new memory counts, and so does what we write without a mark") {
        void *ours;

        begin();
        ours = hv_page_alloc(0);
        page_share_with(ours, d, true);
        CHECK_EQ(enable(), 0);
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(clean(1024), 0);
        CHECK(only(0, MB2, 1024));
        CHECK_EQ(set(600, 0, direct_pa(ours) >> PAGE_SHIFT, P2M_RAM), 0);
        CHECK(page_get(mfn_to_page(paddr_to_mfn(direct_pa(ours))), d));
        CHECK_EQ(set(601, 0, BIG, P2M_RAM_RO), 0);
        CHECK_EQ(set(602, 0, BIG, P2M_IOREQ), 0);
        CHECK_EQ(set(603, 0, BIG, P2M_MMIO), 0);
        for (unsigned int i = 0; i < 2; i++) {
            CHECK_EQ(clean(1024), 0);
            CHECK(only(600, 3, 1024));
        }
        CHECK_EQ(p2m_change_type(d, _gfn(5), P2M_LOGDIRTY, P2M_RAM_RO), 0);
        CHECK_EQ(p2m_swap(d, _gfn(600), 0, INVALID_MFN, P2M_NONE, &(struct p2m_entry){
                     .mfn = at(600).mfn, .type = P2M_RAM }), 0);
        page_put(mfn_to_page(paddr_to_mfn(direct_pa(ours))));
        page_unshare(ours);
        hv_page_free(ours, 0);
        end();
    }
}

static void marks(void)
{
    TEST("a page that we write to is marked before and after") {
        struct page *pg, *got;
        struct p2m_entry e;

        begin();
        pg = p2m_new_ram(d, 5);
        m2p_set(page_to_mfn(pg), 5);
        CHECK_EQ(enable(), 0);
        CHECK(at(5).type == P2M_LOGDIRTY);
        got = p2m_page_get(d, _gfn(5), false, NULL);
        CHECK(got == pg && at(5).type == P2M_LOGDIRTY);
        page_put(got);
        got = p2m_page_get(d, _gfn(5), true, NULL);
        CHECK(got == pg && at(5).type == P2M_RAM);
        CHECK_EQ(clean(64), 0);
        CHECK(only(5, 1, 64));
        page_put(got);
        p2m_mark_dirty(d, _gfn(5));
        p2m_mark_dirty(d, _gfn(6));
        p2m_mark_dirty(d, _gfn(~0ULL));
        CHECK_EQ(clean(64), 0);
        CHECK(only(5, 1, 64));
        p2m_mark_frame(d, page_to_mfn(pg));
        CHECK_EQ(clean(64), 0);
        CHECK(only(5, 1, 64));
        got = arch_gfn_to_page_get(d, _gfn(5), true); /* a grant that is mapped or copied to */
        CHECK(got == pg);
        CHECK_EQ(clean(64), 0);
        CHECK(only(5, 1, 64));
        arch_page_put(got, true);
        CHECK_EQ(clean(64), 0);
        CHECK(only(5, 1, 64));
        arch_page_put(arch_gfn_to_page_get(d, _gfn(5), false), false);
        CHECK_EQ(clean(64), 0);
        CHECK(only(0, 0, 64));
        e = at(5);
        guest_writes(5); /* no change of what is there */
        CHECK_EQ(p2m_swap(d, _gfn(5), 0, INVALID_MFN, P2M_NONE, &e), 0);
        end();
    }
}

static void buffers(void)
{
    uint64_t bits[P2M_BUFFER_PART / 64];

    TEST("a frame buffer: what was written since the last look, cut to its borders") {
        begin();
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(set(MB2, 9, BIG + MB2, P2M_RAM), 0);
        CHECK_EQ(p2m_buffer_watch(d, _gfn(~0ULL), 2), E(-EINVAL));
        CHECK_EQ(p2m_buffer_watch(d, _gfn(500), 100), 0);
        CHECK_EQ(p2m_buffer_watch(d, _gfn(500), 100), 1);
        p2m_buffer_read(d, 0, 100, bits);
        CHECK(bits[0] == ~0ULL && bits[1] == BIT(36) - 1);
        CHECK(at(499).type == P2M_RAM && at(500).type == P2M_LOGDIRTY &&
              at(599).type == P2M_LOGDIRTY && at(600).type == P2M_RAM);
        CHECK_EQ(flushed.nr > 0 && p2m_is_logging(p()), true);
        guest_writes(499);
        guest_writes(503);
        guest_writes(599);
        p2m_buffer_read(d, 0, 100, bits);
        CHECK(bits[0] == BIT(3) && bits[1] == BIT(35));
        guest_writes(570);
        p2m_buffer_read(d, 64, 36, bits);
        CHECK_EQ(bits[0], BIT(6));
        CHECK_EQ(p2m_buffer_watch(d, _gfn(0), 16), 0); /* another: the old one is as before */
        CHECK_EQ(at(550).type, P2M_RAM);
        p2m_buffer_read(d, 0, 16, bits);
        CHECK_EQ(at(3).type, P2M_LOGDIRTY);
        CHECK_EQ(p2m_buffer_watch(d, _gfn(0), 0), 0);
        CHECK(at(3).type == P2M_RAM && !p2m_is_logging(p()));
        CHECK_EQ(p2m_buffer_watch(d, _gfn(7), 0), 1);
        end();
    }
    TEST("it and the log of the domain each hear of every write") {
        begin();
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        CHECK_EQ(p2m_buffer_watch(d, _gfn(64), 64), 0);
        p2m_buffer_read(d, 0, 64, bits);
        guest_writes(65);
        CHECK_EQ(enable(), 0); /* watches it again */
        p2m_buffer_read(d, 0, 64, bits);
        CHECK_EQ(bits[0], BIT(1));
        p2m_buffer_read(d, 0, 64, bits);
        CHECK_EQ(bits[0], 0);
        guest_writes(66);
        guest_writes(200);
        p2m_buffer_read(d, 0, 64, bits);
        CHECK(bits[0] == BIT(2) && at(66).type == P2M_LOGDIRTY);
        CHECK_EQ(peek(MB2), 0);
        CHECK(bit(66) && bit(200) && op.stats.dirty_count == 2);
        CHECK_EQ(clean(MB2), 0);
        CHECK(bit(66) && bit(200) && op.stats.dirty_count == 2);
        CHECK_EQ(clean(MB2), 0);
        CHECK(only(0, 0, MB2));
        guest_writes(67);
        CHECK_EQ(clean(MB2), 0);
        p2m_buffer_read(d, 0, 64, bits);
        CHECK_EQ(bits[0], BIT(3));
        guest_writes(68);
        p2m_buffer_read(d, 0, 64, bits);
        CHECK_EQ(p2m_buffer_watch(d, _gfn(0), 0), 0); /* what the log does not know yet stays */
        CHECK_EQ(clean(MB2), 0);
        CHECK(only(68, 1, MB2));
        CHECK_EQ(p2m_buffer_watch(d, _gfn(64), 64), 0);
        p2m_buffer_read(d, 0, 64, bits);
        CHECK_EQ(off(), 0);
        CHECK(at(70).type == P2M_LOGDIRTY && at(7).type == P2M_RAM && p2m_is_logging(p()));
        end(); /* with the frame buffer watched */
    }
    TEST("no memory for its bits: as it was") {
        void *taken;

        begin();
        CHECK_EQ(set(0, 9, BIG, P2M_RAM), 0);
        taken = take_all();
        CHECK_EQ(p2m_buffer_watch(d, _gfn(0), 1 << 18), E(-ENOMEM));
        CHECK(p()->dirty.nr == 0 && !p2m_is_logging(p()));
        give(taken);
        end();
    }
}

int main(void)
{
    p2m_machine_start();
    arena_guest_buffer(bitmap, sizeof(bitmap));
    give(take_all()); /* the frame table's own memory is gone then */
    calls();
    leaves();
    marks();
    buffers();
    return check_exit();
}
