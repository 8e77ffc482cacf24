/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/memory_extent.c */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/*
 * The devices of a translated domain reach what its physmap has at the gfns, whatever changes it:
 * mapping, watching, writing, frame buffers, populate on demand. After each step a model of the
 * devices' table is held against the physmap.
 */
#include "check.h"

#include "../host/p2m_world.h"

#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/memory.h>
#include <xen/domctl.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define RW (IOMMU_READ | IOMMU_WRITE)
#define GFNS 4096U
#define MB2 512ULL
#define DEVICE 0x300000ULL /* frames that are no RAM */

static struct domain *d;
static struct { uint64_t mfn; unsigned int flags; } table[GFNS];
static int refuse;             /* what the table's owner says from now on */
static unsigned int nr_follow;
static uint64_t frame_at_follow; /* what a watched gfn had when the devices were told */
static uint64_t watched = ~0ULL;

static struct p2m *p(void) { return &d->arch.hvm->p2m; }
static struct p2m_entry at(uint64_t gfn) { return p2m_lookup(d, _gfn(gfn)); }

static int follow(struct domain *of, uint64_t dfn, uint64_t mfn, uint64_t frames,
                  unsigned int flags)
{
    nr_follow++;
    if (refuse)
        return refuse;
    for (uint64_t i = 0; i < frames && dfn + i < GFNS; i++) {
        table[dfn + i].mfn = flags ? mfn + i : 0;
        table[dfn + i].flags = flags;
    }
    return 0;
}

static unsigned int expected(const struct p2m_entry *e)
{
    switch (e->type) {
    case P2M_RAM:
    case P2M_LOGDIRTY:
        return e->holds ? 0 : RW;
    case P2M_RAM_RO:
    case P2M_IOREQ:
        return e->holds ? 0 : IOMMU_READ;
    case P2M_MMIO:
    case P2M_GRANT:
    case P2M_FOREIGN:
        return RW;
    case P2M_GRANT_RO:
        return IOMMU_READ;
    default:
        return 0;
    }
}

/* Gfns where the devices' table is not what the physmap says. */
static unsigned int wrong(void)
{
    unsigned int n = 0;

    for (uint64_t g = 0; g < GFNS; g++) {
        const struct p2m_entry e = at(g);
        const unsigned int flags = expected(&e);

        n += table[g].flags != flags || (flags && table[g].mfn != e.mfn.n);
    }
    return n;
}

static void begin(void)
{
    d = p2m_domain(1, 4096);
    CHECK_EQ(p2m_set_pool(d, 64), 0);
    memset(table, 0, sizeof(table));
    memset(&flushed, 0, sizeof(flushed));
    refuse = 0;
    nr_follow = 0;
    arch_iommu_follow(d, follow);
}

static void end(void)
{
    CHECK_EQ(wrong(), 0);
    CHECK_STR(p2m_check(d), NULL);
    CHECK_EQ(locks_held(), 0);
    arch_iommu_follow(d, NULL);
    CHECK_EQ(p2m_domain_end(d), 0);
}

static void populate(uint64_t first, unsigned int order)
{
    struct page *pg = page_alloc_for(d, order, 0);

    CHECK(pg != NULL);
    CHECK_EQ(p2m_set(d, _gfn(first), order, page_to_mfn(pg), P2M_RAM, NULL), 0);
}

static void changes(void)
{
    TEST("devices follow every kind of entry") {
        struct p2m_entry old;

        begin();
        populate(0, P2M_ORDER_2M);
        populate(MB2, 0);
        CHECK_EQ(wrong(), 0);
        CHECK(table[5].flags == RW && table[5].mfn == at(5).mfn.n);
        CHECK_EQ(p2m_change_type(d, _gfn(5), P2M_RAM, P2M_RAM_RO), 0);
        CHECK_EQ(table[5].flags, IOMMU_READ);
        CHECK_EQ(p2m_change_type(d, _gfn(6), P2M_RAM, P2M_IOREQ), 0);
        CHECK_EQ(table[6].flags, IOMMU_READ);
        CHECK_EQ(p2m_change_type(d, _gfn(5), P2M_RAM_RO, P2M_RAM), 0);
        CHECK_EQ(table[5].flags, RW);
        CHECK_EQ(p2m_change_type(d, _gfn(9), P2M_RAM, P2M_LOGDIRTY), 0);
        CHECK_EQ(table[9].flags, RW);
        CHECK_EQ(wrong(), 0);
        CHECK_EQ(p2m_set(d, _gfn(1024), 2, _mfn(DEVICE), P2M_MMIO, NULL), 0);
        CHECK(table[1025].flags == RW && table[1025].mfn == DEVICE + 1);
        CHECK_EQ(p2m_set(d, _gfn(MB2), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK_EQ(table[MB2].flags, 0);
        (void)memory_release_frame(d, old.mfn);
        end();
    }
    TEST("what the devices' table refuses does not happen") {
        begin();
        populate(0, 0);
        refuse = -ENOMEM;
        CHECK_EQ(p2m_change_type(d, _gfn(0), P2M_RAM, P2M_RAM_RO), E(-ENOMEM));
        CHECK_EQ(at(0).type, P2M_RAM);
        CHECK_EQ(p2m_set(d, _gfn(8), 0, _mfn(DEVICE), P2M_MMIO, NULL), E(-ENOMEM));
        CHECK_EQ(at(8).type, P2M_NONE);
        end();
    }
}

/* --- watched memory --------------------------------------------------------------------------- */

static int shadow(uint32_t code, uint32_t mode)
{
    struct xen_domctl_shadow_op op = { .op = code, .mode = mode };
    int rc;

    while ((rc = p2m_log_op(d, &op)) == -ERESTART)
        continue;
    return rc;
}

static void logs(void)
{
    TEST("the log of writes is refused with devices, since theirs would not be in it") {
        begin();
        populate(0, P2M_ORDER_2M);
        CHECK_EQ(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), E(-EINVAL));
        CHECK_EQ(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY),
                 E(-EINVAL));
        CHECK_EQ(at(3).type, P2M_RAM);
        arch_iommu_follow(d, NULL);
        CHECK_EQ(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0);
        CHECK_EQ(at(3).type, P2M_LOGDIRTY);
        CHECK_EQ(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), 0);
        end();
    }
    TEST("a frame buffer is watched, and devices keep their rights there") {
        static uint64_t bits[8];

        begin();
        populate(0, P2M_ORDER_2M);
        CHECK_EQ(p2m_buffer_watch(d, _gfn(64), 128), 0);
        p2m_buffer_read(d, 0, 128, bits);
        CHECK_EQ(at(70).type, P2M_LOGDIRTY);
        CHECK_EQ(table[70].flags, RW);
        CHECK_EQ(wrong(), 0);
        p2m_write_fault(d, _gfn(70));
        CHECK_EQ(at(70).type, P2M_RAM);
        CHECK_EQ(wrong(), 0);
        refuse = -ENOMEM; /* a mark cannot fail, so it counts for all of the leaf */
        p2m_write_fault(d, _gfn(71));
        CHECK_EQ(at(71).type, P2M_RAM);
        refuse = 0;
        CHECK_EQ(p2m_buffer_watch(d, _gfn(0), 0), 0);
        CHECK_EQ(at(100).type, P2M_RAM);
        end();
    }
}

/* --- populate on demand ----------------------------------------------------------------------- */

static void demand(void)
{
    TEST("populate on demand is refused with devices") {
        begin();
        CHECK_EQ(p2m_set(d, _gfn(0), P2M_ORDER_2M, INVALID_MFN, P2M_POD, NULL), E(-ENOTEMPTY));
        CHECK_EQ(at(0).type, P2M_NONE);
        CHECK_EQ(p()->pod.entries, 0);
        CHECK_EQ(p2m_pod_set_target(d, MB2, 0), E(-ENOTEMPTY));
        CHECK_EQ(d->tot_pages, 0);
        populate(0, 0);
        CHECK_EQ(p2m_pod_set_target(d, 1, 0), 0); /* nothing to be done */
        end();
    }
}

static void note_frame(void)
{
    if (watched < GFNS)
        frame_at_follow = table[watched].flags;
}

static void order(void)
{
    TEST("devices have lost a frame before the processors' TLBs are told") {
        struct p2m_entry old;

        begin();
        populate(7, 0);
        watched = 7;
        frame_at_follow = 99;
        flushed.then = note_frame;
        CHECK_EQ(p2m_set(d, _gfn(7), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK_EQ(frame_at_follow, 0);
        flushed.then = NULL;
        (void)memory_release_frame(d, old.mfn);
        end();
    }
}

int main(void)
{
    p2m_machine_start();
    changes();
    logs();
    demand();
    order();
    return check_exit();
}
