/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a PVH guest that runs: the log of what it writes to, and memory that is populated
 * on demand. The guest (pvh/payload/pages.c) reads and writes the pages that it is told.
 */
#include "pvh.h"

#include "../pvh/payload/mailbox.h"

const char *test_name = "pvhmem";

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

#define BASE 1024U /* pages from here on are nobody's but the test's */

static struct domu d;
static uint8_t bitmap[PVH_PAGES / 8];

static bool start(void)
{
    volatile struct mailbox *box;
    long rc;

    pvh_write(&d, payload, (unsigned long)(payload_end - payload));
    box = pvh_page(&d, 0);
    box->run = RUN_PAGES;
    pvh_close_page();
    rc = pvh_set_context(&d, (uint32_t)((const struct mailbox *)payload)->entry);
    rc = rc ?: domu_unpause(&d);
    CHECK_EQ(rc, 0, "start it");
    return rc == 0;
}

/* It adds to a word of these pages and says what the sum is; -1: it does not answer. */
static int64_t order(unsigned int first, unsigned int nr, uint64_t add)
{
    volatile struct mailbox *box = pvh_page(&d, 0);
    int64_t sum;

    box->first = first;
    box->nr = nr;
    box->add = add;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    box->order++;
    sum = YIELD_UNTIL(box->done == box->order, 5000) ? (int64_t)box->sum : -1;
    pvh_close_page();
    return sum;
}

static void end(void)
{
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... and nothing of it is left");
}

/* --- the log ---------------------------------------------------------------------------------- */

static struct xen_domctl_shadow_op_stats stats;

static long log_op(uint32_t code, uint32_t mode)
{
    struct xen_domctl op = { 0 };
    long rc;

    memset(bitmap, 0x55, sizeof(bitmap));
    op.u.shadow_op.op = code;
    op.u.shadow_op.mode = mode;
    op.u.shadow_op.pages = PVH_PAGES;
    set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, bitmap);
    rc = domctl(XEN_DOMCTL_shadow_op, d.id, &op);
    stats = op.u.shadow_op.stats;
    if (rc == 0 && op.u.shadow_op.pages != PVH_PAGES)
        rc = -1;
    return rc;
}

/* Of the test's pages. */
static unsigned int bits(unsigned int first, unsigned int nr)
{
    unsigned int n = 0;

    for (unsigned int i = first; i < first + nr; i++)
        n += bitmap[i / 8] >> (i % 8) & 1;
    return n;
}
static unsigned int all_bits(void) { return bits(BASE, PVH_PAGES - BASE); }

static void test_log(void)
{
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0, "the log is switched on");
    CHECK(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0) < 0, "... once");
    CHECK_EQ(order(BASE + 100, 300, 1), 300, "the guest writes to 300 pages");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_PEEK, 0), 0, "peek");
    CHECK_EQ(bits(BASE + 100, 300), 300, "... they are all in the bitmap");
    CHECK_EQ(all_bits(), 300, "... and no others");
    CHECK(stats.dirty_count >= 300, "... and counted");
    if (on_granta()) /* stock Xen counts none under nested paging */
        CHECK(stats.fault_count > 0, "... with the faults");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), 0, "clean");
    CHECK_EQ(all_bits(), 300, "... has them once more");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), 0, "clean");
    CHECK_EQ(all_bits(), 0, "... has none");
    CHECK_EQ(order(BASE + 100, 300, 0), 300, "the guest reads them");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), 0, "clean");
    CHECK_EQ(all_bits(), 0, "... has none");
    CHECK_EQ(order(BASE + 399, 1, 1), 2, "the guest writes to one of them again");
    CHECK_EQ(order(BASE + 400, 2, 1), 2, "... and to two beside it");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), 0, "clean");
    CHECK(all_bits() == 3 && bits(BASE + 399, 3) == 3, "... has these three");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_OFF, 0), 0, "the log is switched off");
    CHECK_EQ(order(BASE, 1024, 1), 1024 + 303, "the guest has written all that it thinks it has");
}

/* Rounds of a copy, as a migration makes them, while the guest goes on. */
static void test_rounds(void)
{
    volatile struct mailbox *box;
    unsigned int lost = 0;

    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0, "the log is switched on again");
    for (unsigned int round = 0; round < 30; round++) {
        const unsigned int first = BASE + round * 7 % 500;
        unsigned int seen;

        box = pvh_page(&d, 0);
        box->first = first;
        box->nr = 400;
        box->add = 1;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        box->order++;
        log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0); /* in the middle of it */
        seen = bits(first, 400);
        if (!YIELD_UNTIL(box->done == box->order, 10000))
            lost++;
        pvh_close_page();
        log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0);
        lost += seen + bits(first, 400) < 400;
    }
    CHECK_EQ(lost, 0, "no write is lost between two answers");
    CHECK_EQ(log_op(XEN_DOMCTL_SHADOW_OP_OFF, 0), 0, "the log is switched off");
}

/* --- on demand -------------------------------------------------------------------------------- */

static struct xen_pod_target target;

static long pod(unsigned int op, uint64_t pages)
{
    target = (struct xen_pod_target){ .domid = d.id, .target_pages = pages };
    return hypercall(__HYPERVISOR_memory_op, op, &target);
}

/* All its memory on demand, for which there are so many frames. */
static long get_memory(uint64_t frames)
{
    static xen_pfn_t extent[PVH_PAGES / 512];
    struct xen_memory_reservation r = { .nr_extents = PVH_PAGES / 512, .extent_order = 9,
                                        .mem_flags = XENMEMF_populate_on_demand, .domid = d.id };
    long rc = pod(XENMEM_set_pod_target, frames);

    for (unsigned int i = 0; i < PVH_PAGES; i++)
        d.mfn[i] = i;
    for (unsigned int i = 0; i < PVH_PAGES / 512; i++)
        extent[i] = i * 512;
    set_xen_guest_handle(r.extent_start, extent);
    if (rc == 0)
        rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) - PVH_PAGES / 512;
    return rc;
}

static bool make(void)
{
    long rc = pvh_make(&d, PVH_FLAGS, XEN_X86_EMU_LAPIC) ?: pvh_give_means(&d, PVH_PAGES);

    CHECK_EQ(rc, 0, "make a PVH domain");
    return rc == 0;
}

static void test_on_demand(void)
{
    CHECK_EQ(get_memory(1024), 0, "half of its memory, populated on demand");
    CHECK_EQ(target.tot_pages, 1024, "... which is there");
    if (!start())
        return;
    CHECK_EQ(pod(XENMEM_get_pod_target, 0), 0, "how much of it is in use");
    CHECK(target.tot_pages == 1024 && target.pod_cache_pages < 1024 &&
              target.pod_entries == PVH_PAGES - 1024 + target.pod_cache_pages,
          "... what was loaded, and the rest waits");
    CHECK_EQ(order(BASE, 300, 7), 2100, "the guest writes to 300 pages");
    CHECK_EQ(order(0x200, PVH_PAGES - 0x200, 0), 2100, "it reads all of them: zero but for these");
    CHECK_EQ(pod(XENMEM_get_pod_target, 0), 0, "pages in use now");
    CHECK_EQ(target.tot_pages, 1024, "... are no more than there were");
    CHECK_EQ(order(BASE, 300, 0), 2100, "nothing that it has written is lost");
    CHECK_EQ(order(BASE + 300, 200, 1), 200, "it writes to others");
    CHECK_EQ(order(BASE, 1024, 0), 2300, "... and finds it all");
    CHECK_EQ(pod(XENMEM_set_pod_target, 1536), 0, "it is given more");
    CHECK(target.tot_pages > 1024 && target.tot_pages <= 1536, "... and has it");
    CHECK_EQ(order(BASE + 500, 400, 1), 400, "... and uses it");
    if (!on_granta())
        return; /* stock Xen crashes it, too, and this test does not come back from that */
    CHECK_EQ(order(0x200, PVH_PAGES - 0x200, 1), -1, "it writes to more than it was given");
    CHECK_EQ(domu_wait(&d, 5000), SHUTDOWN_crash, "... and crashes");
}

void test_main(void)
{
    if (pvh_make(&d, PVH_FLAGS, XEN_X86_EMU_LAPIC)) {
        skip("this machine runs no HVM guests");
        return;
    }
    end();
    if (make()) {
        CHECK_EQ(pvh_get_memory(&d), 0, "its memory");
        if (start()) {
            test_log();
            test_rounds();
        }
        end();
    }
    if (make()) {
        test_on_demand();
        end();
    }
}
