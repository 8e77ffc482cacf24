/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/memory.c core/memory_physmap.c core/memory_exchange.c core/memory_map.c */
/* links: core/memory_extent.c */
/* links: core/compat.c core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/* memory_op on an HVM domain, by itself, a privileged PV domain, and others. */
#include "check.h"

#include "../host/caller32.h"
#include "../host/p2m_world.h"

#include <arch/pv_mmu.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/iommu.h>
#include <hv/memory.h>

/* What the firmware uses through devices: one range through 00:02.0, two in all. */
bool iommu_firmware_memory(unsigned int nth, bool all, uint32_t sbdf, uint64_t *first, uint64_t *nr)
{
    *first = 0x1000 * (nth + 1);
    *nr = 4 + nth;
    return nth < (all ? 2 : sbdf == 0x10 ? 1 : 0);
}

#define E(rc) ((uint64_t)(int64_t)(rc))
#define MB2 512ULL

enum { PRIV, HVM, OTHER }; /* domain ids 0, 1, 2 */

static struct domain *dom[3];
static uint64_t free_before;
static void *grant_frame[2]; /* entries, status */

static struct {
    xen_pfn_t list[600];
    uint64_t idx[8];
    int errs[8];
    struct xen_memory_reservation r;
    struct xen_add_to_physmap a;
    struct xen_add_to_physmap_batch b;
    struct xen_remove_from_physmap rm;
    struct xen_memory_domain md;
    struct xen_memory_exchange x;
    struct xen_foreign_memory_map fm;
    struct xen_mem_acquire_resource res;
    struct xen_pod_target pod;
    struct xen_reserved_device_memory_map rdm;
    struct xen_reserved_device_memory range[2];
    struct xen_machphys_mfn_list mp;
    struct e820entry e820[2];
} g;

/* --- what memory.c asks of others ------------------------------------------------------------- */

bool arch_machine_memory_map(unsigned int i, struct e820entry *e) { return false; }
uint64_t arch_m2p_virt_start(const struct domain *d) { return 0; }
uint64_t arch_m2p_max_mfn(const struct domain *d) { return 0; }
uint64_t arch_m2p_virt_end(const struct domain *d) { return 0; }
bool arch_m2p32_frame(unsigned int i, uint64_t *mfn)
{
    *mfn = 0x1000 + i;
    return i < 3;
}
unsigned int arch_address_bits(const struct domain *d) { return 45; }
uint32_t gnttab_max_frames(const struct domain *d, bool status) { return 1; }
int gnttab_get_frame(struct domain *d, unsigned int frame, bool status, mfn_t *mfn)
{
    if (frame > 0)
        return -EINVAL;
    *mfn = paddr_to_mfn(direct_pa(grant_frame[status]));
    return 0;
}
uint32_t arch_resource_size(const struct domain *d, unsigned int type)
{
    return type == XENMEM_resource_ioreq_server ? 2 : 0;
}
int arch_resource_frame(struct domain *d, unsigned int type, uint32_t id, uint64_t i, mfn_t *mfn)
{
    if (id != 3 || i > 1)
        return -ENOENT;
    *mfn = paddr_to_mfn(direct_pa(grant_frame[i]));
    return 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

static unsigned int restarts;

static long memory_op(unsigned int who, uint32_t op, void *arg)
{
    uint64_t args[6] = { op, (uint64_t)(uintptr_t)arg };
    long rc;

    host_current[0] = dom[who]->vcpu[0];
    do {
        arena.continued = false;
        rc = hc_memory_op(host_current[0], args);
        memcpy(args, arena.continued ? arena.arg : args, sizeof(args));
        restarts += arena.continued;
    } while (arena.continued);
    CHECK_EQ(locks_held(), 0);
    CHECK_STR(p2m_check(dom[HVM]), NULL);
    return rc;
}

static long extents(unsigned int who, uint32_t op, uint64_t nr, unsigned int order, domid_t id)
{
    g.r = (struct xen_memory_reservation){ .extent_start = { g.list }, .nr_extents = nr,
                                           .extent_order = order, .domid = id };
    return memory_op(who, op, &g.r);
}

static long one_extent(unsigned int who, uint32_t op, uint64_t gfn, unsigned int order)
{
    g.list[0] = gfn;
    return extents(who, op, 1, order, HVM);
}

static long add(unsigned int who, unsigned int space, uint64_t idx, uint64_t gfn, uint16_t size)
{
    g.a = (struct xen_add_to_physmap){ .domid = who == HVM ? DOMID_SELF : HVM, .space = space,
                                       .idx = idx, .gpfn = gfn, .size = size };
    return memory_op(who, XENMEM_add_to_physmap, &g.a);
}

static long batch(unsigned int who, unsigned int space, uint16_t size, domid_t foreign)
{
    g.b = (struct xen_add_to_physmap_batch){ .domid = who == HVM ? DOMID_SELF : HVM,
                                             .space = (uint16_t)space, .size = size,
                                             .u.foreign_domid = foreign, .idxs = { g.idx },
                                             .gpfns = { g.list }, .errs = { g.errs } };
    return memory_op(who, XENMEM_add_to_physmap_batch, &g.b);
}

static long take(unsigned int who, uint64_t gfn)
{
    g.rm = (struct xen_remove_from_physmap){ .domid = who == HVM ? DOMID_SELF : HVM, .gpfn = gfn };
    return memory_op(who, XENMEM_remove_from_physmap, &g.rm);
}

static long ask(unsigned int who, uint32_t op)
{
    g.md = (struct xen_memory_domain){ .domid = HVM };
    return memory_op(who, op, &g.md);
}

/* --- the world -------------------------------------------------------------------------------- */

static void *shared_page(void)
{
    void *va = hv_page_alloc(0);

    page_share_with(va, dom[HVM], true);
    return va;
}

static void unshare(void *va)
{
    page_unshare(va);
    hv_page_free(va, 0);
}

static void begin(void)
{
    free_before = heap_free_pages();
    dom[PRIV] = arena_domain(0, 1, 100);
    dom[PRIV]->is_privileged = dom[PRIV]->is_hardware = true;
    dom[HVM] = p2m_domain(1, 3000);
    dom[OTHER] = arena_domain(2, 1, 100);
    dom[HVM]->shared_info = shared_page();
    dom[HVM]->gnttab = (struct gnttab *)dom; /* there is one; it is not looked into */
    for (unsigned int i = 0; i < 2; i++)
        grant_frame[i] = shared_page();
    memset(&flushed, 0, sizeof(flushed));
    restarts = 0;
}

static void end(void)
{
    arena.preempt_at = 0;
    unshare(dom[HVM]->shared_info);
    unshare(grant_frame[0]);
    unshare(grant_frame[1]);
    for (unsigned int i = 0; i < 3; i++)
        CHECK_EQ(p2m_domain_end(dom[i]), 0);
    CHECK_EQ(heap_free_pages(), free_before);
}

static struct p2m_entry at(uint64_t gfn) { return p2m_lookup(dom[HVM], _gfn(gfn)); }
static mfn_t frame_of(const void *va) { return paddr_to_mfn(direct_pa(va)); }
static bool shows(uint64_t gfn, const void *va)
{
    return at(gfn).type == P2M_RAM && mfn_eq(at(gfn).mfn, frame_of(va));
}
static uint64_t refs(const void *va)
{
    return mfn_to_page(frame_of(va))->ref & PAGE_REF_COUNT;
}

/* --- reservations ----------------------------------------------------------------------------- */

static void reservations(void)
{
    TEST("populate puts frames at the gfns and tells nobody where they are") {
        begin();
        g.list[0] = 100;
        g.list[1] = 0x12345;
        CHECK_EQ(extents(HVM, XENMEM_populate_physmap, 2, 0, DOMID_SELF), 2);
        CHECK(g.list[0] == 100 && g.list[1] == 0x12345);
        CHECK_EQ(at(100).type, P2M_RAM);
        CHECK_EQ(m2p_get(at(0x12345).mfn), 0x12345);
        CHECK_EQ(one_extent(PRIV, XENMEM_populate_physmap, MB2, 9), 1);
        CHECK_EQ(at(MB2 + 5).order, 9);
        CHECK_EQ(m2p_get(at(MB2 + 5).mfn), MB2 + 5);
        CHECK_EQ(dom[HVM]->tot_pages, 2 + MB2);
        CHECK_EQ(ask(HVM, XENMEM_maximum_gpfn), 0x12345);
        CHECK_EQ(ask(PRIV, XENMEM_current_reservation), 2 + MB2);
        CHECK_EQ(ask(PRIV, XENMEM_maximum_reservation), 3000);
        CHECK_EQ(ask(OTHER, XENMEM_maximum_gpfn), E(-EPERM));
        end();
    }
    TEST("where there is memory, the new frames take its place, but not that of grants") {
        struct page *pg, *was;

        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, MB2 + 3, 0), 1);
        was = mfn_to_page(at(MB2 + 3).mfn);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, MB2 + 3, 0), 1);
        CHECK(was->owner == DOMID_NONE && dom[HVM]->tot_pages == 1);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, MB2 + 4, 0), 0);
        flushed.nr = 0;
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, MB2, 9), 1);
        CHECK(at(MB2 + 3).order == 9 && refs(dom[HVM]->shared_info) == 1);
        CHECK(dom[HVM]->tot_pages == MB2 && flushed.nr > 0);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, MB2, 9), 1);
        CHECK_EQ(dom[HVM]->tot_pages, MB2);
        pg = page_alloc_for(dom[OTHER], 0, 0);
        CHECK(pg && page_get(pg, dom[OTHER]));
        CHECK_EQ(p2m_set(dom[HVM], _gfn(3 * MB2 + 9), 0, page_to_mfn(pg), P2M_GRANT, NULL), 0);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 3 * MB2 + 9, 0), 0);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 3 * MB2, 9), 0);
        CHECK(dom[HVM]->tot_pages == MB2 && at(3 * MB2 + 9).type == P2M_GRANT);
        end();
    }
    TEST("without room or a table for it, an extent fails and costs nothing") {
        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, MB2 + 3, 0), 1);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 1ULL << 40, 0), 0);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 0, 10), 0); /* its own limit */
        CHECK_EQ(p2m_set_pool(dom[HVM], 0), 0);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 1 << 20, 0), 0);
        CHECK_EQ(one_extent(OTHER, XENMEM_populate_physmap, 0x50, 0), 0);
        CHECK_EQ(dom[HVM]->tot_pages, 1);
        end();
    }
    TEST("a list goes on where it was interrupted") {
        begin();
        for (unsigned int i = 0; i < 600; i++)
            g.list[i] = i * 3;
        arena.preempt_at = 50;
        CHECK_EQ(extents(HVM, XENMEM_populate_physmap, 600, 0, DOMID_SELF), 600);
        CHECK_EQ(dom[HVM]->tot_pages, 600);
        CHECK(at(599 * 3).type == P2M_RAM && at(598 * 3 + 1).type == P2M_NONE);
        CHECK_EQ(extents(HVM, XENMEM_decrease_reservation, 600, 0, DOMID_SELF), 600);
        CHECK_EQ(dom[HVM]->tot_pages, 0);
        CHECK_EQ(dom[HVM]->arch.hvm->p2m.used, 1);
        CHECK_EQ(restarts, 23); /* before 1199 more */
        end();
    }
    TEST("decrease takes the frames out, flushes, and only then frees them") {
        struct page *pg;

        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, MB2, 9), 1);
        flushed.watch = pg = mfn_to_page(at(MB2 + 7).mfn);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, MB2 + 7, 0), 1);
        CHECK(flushed.nr == 1 && flushed.watch_refs == 1);
        CHECK_EQ(pg->owner, DOMID_NONE);
        CHECK_EQ(m2p_get(page_to_mfn(pg)), M2P_INVALID);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, MB2 + 7, 0), 0);
        CHECK_EQ(dom[HVM]->tot_pages, 511);
        CHECK_EQ(one_extent(PRIV, XENMEM_populate_physmap, 2 * MB2, 9), 1);
        flushed.nr = 0;
        CHECK_EQ(one_extent(PRIV, XENMEM_decrease_reservation, 2 * MB2, 9), 1);
        CHECK_EQ(flushed.nr, 1); /* in one piece */
        CHECK_EQ(one_extent(PRIV, XENMEM_decrease_reservation, MB2, 9), 0); /* up to the hole */
        CHECK_EQ(dom[HVM]->tot_pages, 504);
        end();
    }
    TEST("pages of ours, grants and others' are not the guest's to give back") {
        struct page *pg;

        begin();
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 5, 0), 0);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, 5, 0), 0);
        pg = page_alloc_for(dom[OTHER], 0, 0);
        CHECK(pg && page_get(pg, dom[OTHER]));
        CHECK_EQ(p2m_set(dom[HVM], _gfn(6), 0, page_to_mfn(pg), P2M_GRANT, NULL), 0);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, 6, 0), 0);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 6, 0), E(-EPERM));
        CHECK_EQ(take(HVM, 6), E(-EPERM));
        CHECK(shows(5, dom[HVM]->shared_info));
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 2);
        end();
    }
    TEST("an increase gives frames without a place; there is no exchange") {
        begin();
        g.list[0] = 77;
        CHECK_EQ(extents(HVM, XENMEM_increase_reservation, 1, 0, DOMID_SELF), 1);
        CHECK_EQ(g.list[0], 77);
        CHECK_EQ(dom[HVM]->tot_pages, 1);
        g.x.in.domid = g.x.out.domid = DOMID_SELF;
        CHECK_EQ(memory_op(HVM, XENMEM_exchange, &g.x), E(-EOPNOTSUPP));
        end();
    }
    TEST("a memory map is set for an HVM domain and read by it") {
        begin();
        g.e820[0] = (struct e820entry){ 0, 0xa0000, 1 };
        g.fm = (struct xen_foreign_memory_map){ .domid = HVM, .map.nr_entries = 1,
                                                .map.buffer.p = g.e820 };
        CHECK_EQ(memory_op(PRIV, XENMEM_set_memory_map, &g.fm), 0);
        memset(g.e820, 0, sizeof(g.e820));
        g.fm.map.nr_entries = 2;
        CHECK_EQ(memory_op(HVM, XENMEM_memory_map, &g.fm.map), 0);
        CHECK(g.fm.map.nr_entries == 1 && g.e820[0].size == 0xa0000);
        hv_free(dom[HVM]->memory_map.map);
        end();
    }
}

/* --- pages at other places -------------------------------------------------------------------- */

static void special(void)
{
    TEST("shared_info and grant frames appear, and move from where they were") {
        void *si;

        begin();
        si = dom[HVM]->shared_info;
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 0xfe700, 0), 0);
        CHECK(shows(0xfe700, si) && at(0xfe700).holds && refs(si) == 2);
        CHECK_EQ(m2p_get(frame_of(si)), 0xfe700);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 0xfe700, 0), 0); /* again: nothing */
        CHECK_EQ(refs(si), 2);
        CHECK_EQ(add(PRIV, XENMAPSPACE_shared_info, 0, 9, 0), 0);
        CHECK(shows(9, si) && at(0xfe700).type == P2M_NONE && refs(si) == 2);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 1, 9, 0), E(-EINVAL));
        CHECK_EQ(add(HVM, XENMAPSPACE_grant_table, 0, 10, 0), 0);
        CHECK_EQ(add(HVM, XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, 11, 0), 0);
        CHECK(shows(10, grant_frame[0]) && shows(11, grant_frame[1]));
        CHECK_EQ(add(HVM, XENMAPSPACE_grant_table, 1, 12, 0), E(-EINVAL));
        CHECK_EQ(add(HVM, XENMAPSPACE_grant_table, 1ULL << 32, 12, 0), E(-EINVAL));
        CHECK_EQ(add(HVM, XENMAPSPACE_grant_table, 0, 9, 0), 0); /* over shared_info */
        CHECK(shows(9, grant_frame[0]) && at(10).type == P2M_NONE);
        CHECK(refs(si) == 1 && m2p_get(frame_of(si)) == M2P_INVALID);
        CHECK_EQ(take(HVM, 9), 0);
        CHECK(refs(grant_frame[0]) == 1 && at(9).type == P2M_NONE);
        CHECK_EQ(take(HVM, 9), E(-ENOENT));
        end();
    }
    TEST("RAM in whose place a page appears is freed after the flush") {
        struct page *pg;

        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 9, 0), 1);
        flushed.watch = pg = mfn_to_page(at(9).mfn);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 9, 0), 0);
        CHECK(flushed.nr == 1 && flushed.watch_refs == 1);
        CHECK(pg->owner == DOMID_NONE && dom[HVM]->tot_pages == 0);
        end();
    }
    TEST("who may, and what there is not") {
        begin();
        CHECK_EQ(add(OTHER, XENMAPSPACE_shared_info, 0, 9, 0), E(-EPERM));
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn_foreign, 0, 9, 0), E(-ENOSYS));
        CHECK_EQ(add(HVM, XENMAPSPACE_dev_mmio, 0, 9, 0), E(-EOPNOTSUPP));
        CHECK_EQ(add(HVM, 17, 0, 9, 0), E(-EINVAL));
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 1ULL << 50, 0), E(-EINVAL));
        CHECK_EQ(refs(dom[HVM]->shared_info), 1);
        g.a.domid = DOMID_SELF;
        CHECK_EQ(memory_op(PRIV, XENMEM_add_to_physmap, &g.a), E(-EACCES)); /* PV */
        g.a.domid = 99;
        CHECK_EQ(memory_op(PRIV, XENMEM_add_to_physmap, &g.a), E(-ESRCH));
        CHECK_EQ(memory_op(PRIV, XENMEM_add_to_physmap, NULL), E(-EFAULT));
        CHECK_EQ(take(OTHER, 9), E(-EPERM));
        end();
    }
}

static long acquire(unsigned int who, unsigned int id, uint64_t frame, uint32_t nr, bool list)
{
    g.res = (struct xen_mem_acquire_resource){ .domid = HVM, .type = XENMEM_resource_ioreq_server,
                                               .id = id, .frame = frame, .nr_frames = nr };
    if (list)
        g.res.frame_list.p = g.list;
    return memory_op(who, XENMEM_acquire_resource, &g.res);
}

static long reserved(unsigned int who, uint32_t flags, uint32_t devfn, unsigned int room)
{
    g.rdm = (struct xen_reserved_device_memory_map){ .flags = flags, .nr_entries = room };
    g.rdm.dev.pci.devfn = (uint8_t)devfn;
    g.rdm.buffer.p = g.range;
    memset(g.range, 0, sizeof(g.range));
    return memory_op(who, XENMEM_reserved_device_memory_map, &g.rdm);
}

static void firmware(void)
{
    TEST("what the firmware uses through devices, for who builds guests") {
        begin();
        CHECK_EQ(reserved(PRIV, 0, 0x18, 0), 0);
        CHECK_EQ(g.rdm.nr_entries, 0);
        CHECK_EQ(reserved(PRIV, 0, 0x10, 0), E(-ENOBUFS));
        CHECK_EQ(g.rdm.nr_entries, 1);
        CHECK_EQ(reserved(PRIV, 0, 0x10, 1), 0);
        CHECK(g.range[0].start_pfn == 0x1000 && g.range[0].nr_pages == 4);
        CHECK_EQ(reserved(PRIV, XENMEM_RDM_ALL, 0, 1), E(-ENOBUFS));
        CHECK_EQ(g.range[1].nr_pages, 0);
        CHECK_EQ(reserved(PRIV, XENMEM_RDM_ALL, 0, 2), 0);
        CHECK(g.rdm.nr_entries == 2 && g.range[1].start_pfn == 0x2000);
        CHECK_EQ(reserved(PRIV, 2, 0, 2), E(-EINVAL));
        CHECK_EQ(reserved(HVM, XENMEM_RDM_ALL, 0, 2), E(-EPERM));
        end();
    }
}

static void resources(void)
{
    TEST("frames of a device model's server: how many, and which") {
        begin();
        CHECK_EQ(acquire(PRIV, 3, 0, 0, false), 0);
        CHECK_EQ(g.res.nr_frames, 2);
        CHECK_EQ(acquire(PRIV, 3, 0, 2, true), 0);
        CHECK_EQ(g.list[0], direct_pa(grant_frame[0]) >> PAGE_SHIFT);
        CHECK_EQ(g.list[1], direct_pa(grant_frame[1]) >> PAGE_SHIFT);
        CHECK_EQ(acquire(PRIV, 3, 1, 1, true), 0);
        CHECK_EQ(g.list[0], direct_pa(grant_frame[1]) >> PAGE_SHIFT);
        CHECK_EQ(acquire(PRIV, 3, 1, 2, true), E(-ENOENT));
        CHECK_EQ(acquire(PRIV, 4, 0, 1, true), E(-ENOENT));
        CHECK_EQ(acquire(PRIV, 3, 0, 1, false), E(-EINVAL));
        CHECK_EQ(acquire(OTHER, 3, 0, 2, true), E(-EPERM));
        g.res.type = XENMEM_resource_vmtrace_buf;
        CHECK_EQ(memory_op(PRIV, XENMEM_acquire_resource, &g.res), E(-EINVAL));
        end();
    }
}

/* A translated caller names the places. It is the other domain's resource. */
static void resources_placed(void)
{
    TEST("a translated caller gets a resource's frames into its physmap") {
        void *theirs[2] = { NULL, NULL };

        begin();
        for (unsigned int i = 0; i < 2; i++) {
            theirs[i] = grant_frame[i];
            grant_frame[i] = hv_page_alloc(0);
            page_share_with(grant_frame[i], dom[OTHER], true);
        }
        dom[HVM]->is_privileged = true;
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 31, 0), 1);
        g.list[0] = 30;
        g.list[1] = 31;
        CHECK_EQ(acquire(HVM, 3, 0, 2, true), E(-EPERM)); /* its own */
        g.res.domid = OTHER;
        CHECK_EQ(memory_op(HVM, XENMEM_acquire_resource, &g.res), 0);
        CHECK(at(30).type == P2M_FOREIGN && mfn_eq(at(30).mfn, frame_of(grant_frame[0])));
        CHECK(at(31).type == P2M_FOREIGN && mfn_eq(at(31).mfn, frame_of(grant_frame[1])));
        CHECK(g.list[0] == 30 && refs(grant_frame[0]) == 2 && dom[HVM]->tot_pages == 0);
        CHECK_EQ(memory_op(HVM, XENMEM_acquire_resource, &g.res), 0); /* again */
        CHECK_EQ(refs(grant_frame[0]), 2);
        CHECK_EQ(take(HVM, 30), 0);
        CHECK_EQ(refs(grant_frame[0]), 1);
        g.list[0] = 1ULL << 50;
        CHECK_EQ(memory_op(HVM, XENMEM_acquire_resource, &g.res), E(-EINVAL));
        CHECK_EQ(refs(grant_frame[0]), 1);
        g.res.type = XENMEM_resource_vmtrace_buf;
        CHECK_EQ(memory_op(HVM, XENMEM_acquire_resource, &g.res), E(-EINVAL));
        CHECK_EQ(take(HVM, 31), 0);
        for (unsigned int i = 0; i < 2; i++) {
            unshare(grant_frame[i]);
            grant_frame[i] = theirs[i];
        }
        end();
    }
}

static long pod(unsigned int who, uint32_t op, domid_t id, uint64_t target)
{
    g.pod = (struct xen_pod_target){ .domid = id, .target_pages = target };
    return memory_op(who, op, &g.pod);
}

static long mark_pod(unsigned int who, uint64_t gfn, unsigned int order)
{
    g.list[0] = gfn;
    g.r = (struct xen_memory_reservation){ .extent_start = { g.list }, .nr_extents = 1,
                                           .extent_order = order, .domid = HVM,
                                           .mem_flags = XENMEMF_populate_on_demand };
    return memory_op(who, XENMEM_populate_physmap, &g.r);
}

static void on_demand(void)
{
    TEST("populate on demand: made by the toolstack, filled by accesses, ballooned down") {
        begin();
        arena.preempt_at = 3;
        CHECK_EQ(pod(OTHER, XENMEM_set_pod_target, HVM, 600), E(-EPERM));
        CHECK_EQ(pod(HVM, XENMEM_get_pod_target, DOMID_SELF, 0), E(-EPERM));
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, OTHER, 600), E(-EINVAL)); /* PV */
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, 99, 600), E(-ESRCH));
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, HVM, 3001), E(-EINVAL));
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, HVM, 600), 0);
        CHECK(g.pod.tot_pages == 600 && g.pod.pod_cache_pages == 600 && g.pod.pod_entries == 0);
        CHECK(restarts > 10);
        CHECK_EQ(mark_pod(HVM, 0, 9), 0); /* not oneself */
        CHECK_EQ(mark_pod(PRIV, 0, 9), 1);
        CHECK_EQ(mark_pod(PRIV, MB2, 9), 1);
        CHECK_EQ(mark_pod(PRIV, 2 * MB2, 0), 1);
        CHECK_EQ(one_extent(PRIV, XENMEM_populate_physmap, 3 * MB2, 0), 1);
        CHECK_EQ(mark_pod(PRIV, 3 * MB2, 0), 0); /* there is memory */
        CHECK_EQ(pod(PRIV, XENMEM_get_pod_target, HVM, 0), 0);
        CHECK(g.pod.tot_pages == 601 && g.pod.pod_cache_pages == 600 &&
              g.pod.pod_entries == 1025);
        CHECK_EQ(ask(HVM, XENMEM_maximum_gpfn), 3 * MB2);
        CHECK_EQ(ask(HVM, XENMEM_current_reservation), 601);
        CHECK_EQ(p2m_populate(dom[HVM], _gfn(5)), 0);
        CHECK(at(5).order == 9 && m2p_get(at(5).mfn) == 5);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, MB2, 9), 1); /* the balloon */
        CHECK_EQ(pod(PRIV, XENMEM_get_pod_target, HVM, 0), 0);
        CHECK(g.pod.tot_pages == 514 && g.pod.pod_cache_pages == 1 && g.pod.pod_entries == 1);
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn, 2 * MB2, 40 * MB2, 0), 0); /* gets a frame for that */
        CHECK(at(40 * MB2).type == P2M_RAM && at(2 * MB2).type == P2M_NONE);
        CHECK_EQ(dom[HVM]->tot_pages, 514);
        end();
    }
    TEST("what the balloon gives back fills the cache while that is short") {
        mfn_t a;

        begin();
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, HVM, 4), 0);
        for (unsigned int i = 0; i < 8; i++)
            CHECK_EQ(mark_pod(PRIV, i, 0), 1);
        for (unsigned int i = 0; i < 4; i++)
            CHECK_EQ(p2m_populate(dom[HVM], _gfn(i)), 0);
        a = at(2).mfn;
        memset(page_map(a), 0x5a, PAGE_SIZE);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, 2, 0), 1);
        CHECK_EQ(dom[HVM]->tot_pages, 4);
        CHECK_EQ(m2p_get(a), M2P_INVALID);
        CHECK_EQ(p2m_populate(dom[HVM], _gfn(7)), 0);
        CHECK(mfn_eq(at(7).mfn, a));
        CHECK_EQ(*(const char *)page_map(a), 0); /* zeroed */
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 5, 0), 1); /* in an entry's place */
        CHECK_EQ(take(HVM, 6), 0);
        CHECK_EQ(pod(PRIV, XENMEM_get_pod_target, HVM, 0), 0);
        CHECK(g.pod.tot_pages == 5 && g.pod.pod_cache_pages == 0 && g.pod.pod_entries == 1);
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, HVM, 100), 0); /* more than there are entries */
        CHECK(g.pod.tot_pages == 6 && g.pod.pod_cache_pages == 1);
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, HVM, 2), 0); /* never less: the balloon does it */
        CHECK_EQ(g.pod.tot_pages, 6);
        CHECK_EQ(one_extent(HVM, XENMEM_decrease_reservation, 4, 0), 1);
        CHECK_EQ(dom[HVM]->tot_pages, 5); /* and the frame in the cache goes with its entry */
        CHECK_EQ(pod(PRIV, XENMEM_set_pod_target, HVM, 100), 0); /* nothing on demand any more */
        CHECK_EQ(g.pod.tot_pages, 5);
        end();
    }
}

/* What an HVM domain gets from each operation, with no argument that could be good. */
static const struct { uint32_t op; int64_t rc; } answers[] = {
    { XENMEM_increase_reservation, 0 }, { XENMEM_decrease_reservation, 0 },
    { XENMEM_populate_physmap, 0 }, { XENMEM_maximum_ram_page, (P2M_RAM_END >> PAGE_SHIFT) - 1 },
    { XENMEM_current_reservation, -EFAULT }, { XENMEM_maximum_reservation, -EFAULT },
    { XENMEM_machphys_mfn_list, -ENOSYS }, { XENMEM_add_to_physmap, -EFAULT },
    { XENMEM_memory_map, -ENOSYS }, /* none was set */
    { XENMEM_machine_memory_map, -ENOSYS }, { XENMEM_exchange, -EOPNOTSUPP },
    { XENMEM_machphys_mapping, -ENOSYS }, { XENMEM_set_memory_map, -EPERM },
    { XENMEM_maximum_gpfn, -EFAULT }, { XENMEM_remove_from_physmap, -EFAULT },
    { XENMEM_set_pod_target, -EPERM }, { XENMEM_get_pod_target, -EPERM },
    { XENMEM_get_sharing_freed_pages, -ENOSYS }, { XENMEM_get_sharing_shared_pages, -ENOSYS },
    { XENMEM_paging_op, -ENOSYS }, { XENMEM_access_op, -ENOSYS }, { XENMEM_sharing_op, -ENOSYS },
    { XENMEM_add_to_physmap_batch, -EFAULT }, { XENMEM_claim_pages, -EPERM },
    { XENMEM_machphys_compat_mfn_list, -ENOSYS }, { XENMEM_get_vnumainfo, -EOPNOTSUPP },
    { XENMEM_reserved_device_memory_map, -EPERM }, { XENMEM_acquire_resource, -EPERM },
    { 29, -ENOSYS }, { 63, -ENOSYS },
};

/* A 32-bit HVM domain's argument, in its layout meanwhile. */
#define CALL32(op, arg, l)                          \
    ({                                              \
        long rc_;                                   \
        caller32_narrow(arg, 1, l);                 \
        rc_ = memory_op(HVM, op, arg);              \
        caller32_widen(arg, 1, l);                  \
        rc_;                                        \
    })

static void of_translated_callers(void)
{
    TEST("each operation, of an HVM domain's 64-bit and 32-bit code") {
        begin();
        for (unsigned int width = 0; width < 2; width++) {
            dom[HVM]->vcpu[0]->call_is_32bit = width;
            for (unsigned int i = 0; i < ARRAY_SIZE(answers); i++)
                CHECK_EQ(memory_op(HVM, answers[i].op, NULL), E(answers[i].rc));
        }
        end();
    }
    TEST("arguments of 32-bit code") {
        begin();
        dom[HVM]->vcpu[0]->call_is_32bit = true;
        g.list[0] = 77 | 78ULL << 32;
        g.r = (struct xen_memory_reservation){ .extent_start = { g.list }, .nr_extents = 2,
                                               .domid = DOMID_SELF };
        CHECK_EQ(CALL32(XENMEM_populate_physmap, &g.r, &compat_xen_memory_reservation), 2);
        CHECK(at(77).type == P2M_RAM && at(78).type == P2M_RAM);
        g.a = (struct xen_add_to_physmap){ .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range,
                                           .idx = 77, .gpfn = 0xf0000, .size = 2 };
        CHECK_EQ(CALL32(XENMEM_add_to_physmap, &g.a, &compat_xen_add_to_physmap), 0);
        CHECK(at(77).type == P2M_NONE && at(0xf0001).type == P2M_RAM);
        g.md.domid = DOMID_SELF;
        CHECK_EQ(CALL32(XENMEM_maximum_gpfn, &g.md, &compat_xen_memory_domain), 0xf0001);
        g.rm = (struct xen_remove_from_physmap){ .domid = DOMID_SELF, .gpfn = 0xf0001 };
        CHECK_EQ(CALL32(XENMEM_remove_from_physmap, &g.rm, &compat_xen_remove_from_physmap), 0);
        g.list[0] = 0xf0000;
        CHECK_EQ(CALL32(XENMEM_decrease_reservation, &g.r, &compat_xen_memory_reservation), 1);
        CHECK_EQ(dom[HVM]->tot_pages, 1);
        end();
    }
}

static void list_of_the_narrow_m2p(void)
{
    TEST("the frames of the M2P of 32-bit guests: as many as there are, and as were asked for") {
        begin();
        g.mp = (struct xen_machphys_mfn_list){ .max_extents = 5, .extent_start = { g.list } };
        g.list[2] = g.list[3] = 7;
        CHECK_EQ(memory_op(PRIV, XENMEM_machphys_compat_mfn_list, &g.mp), 0);
        CHECK(g.mp.nr_extents == 3 && g.list[0] == 0x1000 && g.list[2] == 0x1002);
        CHECK_EQ(g.list[3], 7);
        g.mp.max_extents = 2;
        g.list[2] = 7;
        CHECK_EQ(memory_op(PRIV, XENMEM_machphys_compat_mfn_list, &g.mp), 0);
        CHECK(g.mp.nr_extents == 2 && g.list[2] == 7);
        g.mp.extent_start.p = NULL;
        CHECK_EQ(memory_op(PRIV, XENMEM_machphys_compat_mfn_list, &g.mp), -EFAULT);
        g.mp.max_extents = 0;
        CHECK_EQ(memory_op(PRIV, XENMEM_machphys_compat_mfn_list, &g.mp), 0);
        CHECK_EQ(g.mp.nr_extents, 0);
        CHECK_EQ(memory_op(PRIV, XENMEM_machphys_compat_mfn_list, NULL), -EFAULT);
        end();
    }
    TEST("the other's: what tests/unit/pv_m2p.c maps, as far as there is memory") {
        begin();
        g.mp = (struct xen_machphys_mfn_list){ .max_extents = 3, .extent_start = { g.list } };
        g.list[1] = 7;
        CHECK_EQ(memory_op(PRIV, XENMEM_machphys_mfn_list, &g.mp), 0);
        CHECK(g.mp.nr_extents == 1 && pv_names_m2p(_mfn(g.list[0])) && g.list[1] == 7);
        end();
    }
}

static void last_pfn(void)
{
    static struct shared_info si;

    TEST("a PV domain's last pfn is what it says; 0, no error, before it says so") {
        begin();
        dom[PRIV]->shared_info = &si;
        g.md.domid = DOMID_SELF;
        CHECK_EQ(memory_op(PRIV, XENMEM_maximum_gpfn, &g.md), 0);
        si.arch.max_pfn = 7;
        CHECK_EQ(memory_op(PRIV, XENMEM_maximum_gpfn, &g.md), 6);
        dom[PRIV]->shared_info = NULL;
        end();
    }
}

static void moves(void)
{
    TEST("a frame moves to another gfn: it is never at two, and what was there is freed") {
        mfn_t a, b;

        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 20, 0), 1);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 21, 0), 1);
        a = at(20).mfn;
        b = at(21).mfn;
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn, 20, 21, 0), 0);
        CHECK(mfn_eq(at(21).mfn, a) && at(20).type == P2M_NONE);
        CHECK_EQ(m2p_get(a), 21);
        CHECK_EQ(mfn_to_page(b)->owner, DOMID_NONE);
        CHECK_EQ(dom[HVM]->tot_pages, 1);
        CHECK_EQ(mfn_to_page(a)->ref & PAGE_REF_COUNT, 1);
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn, 20, 30, 0), E(-EINVAL));
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn, 21, 21, 0), 0);
        CHECK_EQ(mfn_to_page(a)->ref & PAGE_REF_COUNT, 1);
        CHECK_EQ(take(HVM, 21), 0); /* still its frame, though nowhere */
        CHECK(dom[HVM]->tot_pages == 1 && m2p_get(a) == M2P_INVALID);
        end();
    }
    TEST("a move that cannot be made leaves the frame where it was") {
        mfn_t a;

        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 20, 0), 1);
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 21, 0), 1);
        a = at(20).mfn;
        CHECK_EQ(p2m_set_pool(dom[HVM], 0), 0);
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn, 20, 1 << 20, 0), E(-ENOMEM));
        CHECK(mfn_eq(at(20).mfn, a) && m2p_get(a) == 20);
        CHECK_EQ(mfn_to_page(a)->ref & PAGE_REF_COUNT, 1);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 22, 0), 0);
        CHECK_EQ(add(HVM, XENMAPSPACE_shared_info, 0, 1 << 20, 0), E(-ENOMEM));
        CHECK(shows(22, dom[HVM]->shared_info) && refs(dom[HVM]->shared_info) == 2);
        end();
    }
    TEST("a range, interrupted") {
        begin();
        for (unsigned int i = 0; i < 64; i++)
            g.list[i] = 100 + i;
        CHECK_EQ(extents(HVM, XENMEM_populate_physmap, 64, 0, DOMID_SELF), 64);
        arena.preempt_at = 10;
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn_range, 100, 1000, 64), 0);
        CHECK(restarts > 4);
        for (unsigned int i = 0; i < 64; i++)
            CHECK(at(1000 + i).type == P2M_RAM && at(100 + i).type == P2M_NONE);
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn_range, 100, 1000, 0), 0);
        CHECK_EQ(add(HVM, XENMAPSPACE_gmfn_range, 1000, 100, 65), E(-EINVAL)); /* a hole at last */
        CHECK_EQ(at(163).type, P2M_RAM);
        end();
    }
    TEST("a batch says how each went") {
        begin();
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 20, 0), 1);
        g.idx[0] = 20, g.list[0] = 30;
        g.idx[1] = 21, g.list[1] = 31;
        g.idx[2] = 30, g.list[2] = 32;
        arena.preempt_at = 1;
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn, 3, 0), 0);
        CHECK(g.errs[0] == 0 && g.errs[1] == -EINVAL && g.errs[2] == 0);
        CHECK(at(32).type == P2M_RAM && restarts == 2);
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn_range, 1, 0), E(-EINVAL));
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn, 1, 5), E(-EOPNOTSUPP));
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn_foreign, 1, OTHER), E(-EPERM));
        CHECK_EQ(batch(PRIV, XENMAPSPACE_gmfn_foreign, 1, OTHER), E(-EPERM));
        end();
    }
    TEST("others' memory in the physmap of a privileged domain") {
        struct page *pg;

        begin();
        dom[HVM]->is_privileged = true;
        pg = page_alloc_for(dom[OTHER], 0, 0);
        g.idx[0] = page_to_mfn(pg).n, g.list[0] = 50;
        g.idx[1] = 1, g.list[1] = 51;
        CHECK_EQ(one_extent(HVM, XENMEM_populate_physmap, 50, 0), 1);
        g.list[0] = 50;
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn_foreign, 2, OTHER), 0);
        CHECK(g.errs[0] == 0 && g.errs[1] == -EINVAL);
        CHECK(at(50).type == P2M_FOREIGN && mfn_eq(at(50).mfn, page_to_mfn(pg)));
        CHECK(dom[HVM]->tot_pages == 0 && (pg->ref & PAGE_REF_COUNT) == 2);
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn_foreign, 1, HVM), E(-EINVAL));
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn_foreign, 1, 99), E(-ESRCH));
        CHECK_EQ(take(HVM, 50), 0);
        CHECK((pg->ref & PAGE_REF_COUNT) == 1 && page_use_read(pg).count == 0);
        CHECK_EQ(batch(HVM, XENMAPSPACE_gmfn_foreign, 1, OTHER), 0); /* stays till the end */
        CHECK_EQ(pg->ref & PAGE_REF_COUNT, 2);
        end();
    }
}

static void *taken[P2M_RAM_END / PAGE_SIZE];

int main(void)
{
    unsigned int n = 0;

    p2m_machine_start();
    while ((taken[n] = hv_page_alloc(0)) != NULL)
        n++;
    while (n > 0)
        hv_page_free(taken[--n], 0);
    arena_guest_buffer(&g, sizeof(g));
    reservations();
    special();
    firmware();
    resources();
    resources_placed();
    on_demand();
    of_translated_callers();
    list_of_the_narrow_m2p();
    last_pfn();
    moves();
    return check_exit();
}
