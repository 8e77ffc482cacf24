/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/gnttab.c core/gnttab_entry.c core/gnttab_pin.c core/gnttab_map.c */
/* links: core/gnttab_copy.c core/gnttab_table.c core/gnttab_op.c core/compat.c core/lock.c */
/* links: tests/host/world.c */
/*
 * Grant tables: each operation with its errors, what mappings hold and give back, the two versions
 * of the table. Errors are those of Xen 4.17 in the same case.
 */
#include "check.h"

#include "../host/caller32.h"
#include "../host/grants.h"

#include <stdlib.h>

#include <hv/errno.h>

#define NR 48

#ifndef CALLER_IS_32BIT /* tests/unit/gnttab32.c does all this again */
#define CALLER_IS_32BIT false
#endif

static struct {
    union {
        struct gnttab_map_grant_ref map[NR];
        struct gnttab_unmap_grant_ref unmap[NR];
        struct gnttab_copy copy[NR];
        struct gnttab_transfer transfer[NR];
        struct gnttab_swap_grant_ref swap[NR];
        struct gnttab_unmap_and_replace replace[NR];
        struct gnttab_setup_table setup;
        struct gnttab_query_size query;
        struct gnttab_set_version version;
        struct gnttab_get_version get;
        struct gnttab_get_status_frames status;
    };
    uint64_t list[NR];
} a;

static struct domain *d0, *d1, *d2;

static void start_with(unsigned int frames, unsigned int maptrack)
{
    CHECK(grants_start(frames, maptrack));
    world_buffer(&a, sizeof(a));
    memset(&a, 0, sizeof(a));
    d0 = grant_domain[0];
    d1 = grant_domain[1];
    d2 = grant_domain[2];
    d0->is_32bit = d1->is_32bit = d2->is_32bit = CALLER_IS_32BIT;
}
static void start(void) { start_with(4, 2); }
static void end(void) { CHECK_EQ(grants_end(), 0); }

/* The list of setup_table, where a 32-bit caller has 32 bits for each frame. */
static void list_narrow(void)
{
    caller32_narrow(a.list, NR, &compat_xen_pfn);
}
static void list_widen(void)
{
    caller32_widen(a.list, NR, &compat_xen_pfn);
}

static long call(struct domain *d, unsigned int cmd, unsigned int count)
{
    const uint64_t arg[6] = { cmd, world_addr(&a), count };
    const struct compat_layout *l = CALLER_IS_32BIT ? caller32_grant_layout(cmd) : NULL;
    const bool has_list = CALLER_IS_32BIT && cmd == GNTTABOP_setup_table;
    long rc;

    world_run(d->vcpu[0]);
    if (l)
        caller32_narrow(&a, MIN(count, NR), l);
    if (has_list)
        list_narrow();
    rc = hc_grant_table_op(d->vcpu[0], arg);
    if (has_list)
        list_widen();
    if (l)
        caller32_widen(&a, MIN(count, NR), l);
    return rc;
}

static struct page *grant(struct domain *d, grant_ref_t ref, domid_t to, uint16_t flags)
{
    struct page *pg = world_frame(d);

    memset(world_bytes(pg), (int)ref + 1, PAGE_SIZE);
    *entry1(d, ref) = (grant_entry_v1_t){
        .flags = flags, .domid = to, .frame = (uint32_t)world_gfn(pg)
    };
    return pg;
}

static int map(struct domain *d, domid_t dom, grant_ref_t ref, uint32_t flags, uint64_t addr)
{
    a.map[0] = (struct gnttab_map_grant_ref){
        .host_addr = addr, .flags = flags, .ref = ref, .dom = dom
    };
    CHECK_EQ(call(d, GNTTABOP_map_grant_ref, 1), 0);
    return a.map[0].status;
}

static int unmap(struct domain *d, uint32_t handle, uint64_t addr, uint64_t dev)
{
    a.unmap[0] = (struct gnttab_unmap_grant_ref){
        .host_addr = addr, .dev_bus_addr = dev, .handle = handle
    };
    CHECK_EQ(call(d, GNTTABOP_unmap_grant_ref, 1), 0);
    return a.unmap[0].status;
}

static long set_version(struct domain *d, uint32_t version)
{
    a.version.version = version;
    return call(d, GNTTABOP_set_version, 1);
}

#define PERMIT GTF_permit_access
#define RO GTF_readonly
#define AS_HOST GNTMAP_host_map
#define AS_DEV GNTMAP_device_map
#define MAP_RO GNTMAP_readonly

static void test_map(void)
{
    TEST("map and unmap for writing: bits, references, handle, bus address, flush") {
        struct page *pg;

        start();
        pg = grant(d1, 9, 0, PERMIT);
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(3)), GNTST_okay);
        CHECK_EQ(a.map[0].dev_bus_addr, mfn_to_paddr(page_to_mfn(pg)));
        CHECK_EQ(slots[0][3].mfn, page_to_mfn(pg).n);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | GTF_reading | GTF_writing);
        CHECK_EQ(world_page_refs(pg), 2);
        CHECK_EQ(world_page_writers(pg), 1);
        CHECK_EQ(d1->refs, 2);
        CHECK_EQ(unmap(d0, a.map[0].handle, SLOT_ADDR(3), 0), GNTST_okay);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT);
        CHECK_EQ(world_page_refs(pg), 1);
        CHECK_EQ(world_page_writers(pg), 0);
        CHECK_EQ(flushes, 1);
        CHECK_EQ(d1->refs, 1);
        end();
    }
    TEST("read-only twice and writing once: the bits follow the last of each") {
        uint32_t h[3];

        start();
        grant(d1, 9, 0, PERMIT);
        for (unsigned int i = 0; i < 3; i++) {
            CHECK_EQ(map(d0, 1, 9, AS_HOST | (i == 1 ? 0 : MAP_RO), SLOT_ADDR(i)), GNTST_okay);
            h[i] = a.map[0].handle;
            CHECK_EQ(entry1(d1, 9)->flags, PERMIT | GTF_reading | (i ? GTF_writing : 0));
        }
        CHECK_EQ(unmap(d0, h[1], SLOT_ADDR(1), 0), GNTST_okay);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | GTF_reading);
        CHECK_EQ(unmap(d0, h[0], SLOT_ADDR(0), 0), GNTST_okay);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | GTF_reading);
        CHECK_EQ(unmap(d0, h[2], SLOT_ADDR(2), 0), GNTST_okay);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT);
        end();
    }
    TEST("host and device in one mapping, taken out by halves, in one batch and in two") {
        struct page *pg;
        uint64_t bus;

        start();
        pg = grant(d1, 9, 0, PERMIT);
        bus = mfn_to_paddr(page_to_mfn(pg));
        for (unsigned int way = 0; way < 3; way++) {
            CHECK_EQ(map(d0, 1, 9, AS_HOST | AS_DEV, SLOT_ADDR(0)), GNTST_okay);
            CHECK_EQ(world_page_refs(pg), 3);
            CHECK_EQ(world_page_writers(pg), 2);
            uint32_t h = a.map[0].handle;
            if (way == 0) {
                CHECK_EQ(unmap(d0, h, SLOT_ADDR(0), bus + PAGE_SIZE), GNTST_general_error);
                CHECK_EQ(unmap(d0, h, SLOT_ADDR(0), 0), GNTST_okay);
                CHECK_EQ(world_page_refs(pg), 2);
                CHECK_EQ(unmap(d0, h, 0, bus), GNTST_okay);
            } else if (way == 1) {
                CHECK_EQ(unmap(d0, h, SLOT_ADDR(0), bus), GNTST_okay);
            } else {
                a.unmap[0] = (struct gnttab_unmap_grant_ref){
                    .host_addr = SLOT_ADDR(0), .handle = h
                };
                a.unmap[1] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = bus, .handle = h };
                a.unmap[2] = a.unmap[1];
                CHECK_EQ(call(d0, GNTTABOP_unmap_grant_ref, 3), 0);
                CHECK_EQ(a.unmap[0].status, GNTST_okay);
                CHECK_EQ(a.unmap[1].status, GNTST_okay);
                CHECK_EQ(a.unmap[2].status, GNTST_bad_handle);
            }
            CHECK_EQ(world_page_refs(pg), 1);
            CHECK_EQ(entry1(d1, 9)->flags, PERMIT);
        }
        end();
    }
    TEST("mapping errors, and that nothing stays of a failure") {
        struct page *pg, *table;

        start();
        pg = grant(d1, 9, 0, PERMIT);
        grant(d1, 10, 2, PERMIT);
        grant(d1, 11, 0, PERMIT | RO);
        grant(d1, 12, 0, GTF_accept_transfer);
        table = grant(d1, 13, 0, PERMIT);
        world_frame_is_table(table, true);
        entry1(d1, 14)->flags = PERMIT;
        entry1(d1, 14)->frame = (uint32_t)world_gfn(world_frame(d2));
        CHECK_EQ(map(d0, 1, 9, MAP_RO, SLOT_ADDR(0)), GNTST_bad_gntref);
        CHECK_EQ(map(d0, 7, 9, AS_HOST, SLOT_ADDR(0)), GNTST_bad_domain);
        CHECK_EQ(map(d0, DOMID_SELF, 9, AS_HOST, SLOT_ADDR(0)), GNTST_bad_domain);
        CHECK_EQ(map(d0, 1, 512, AS_HOST, SLOT_ADDR(0)), GNTST_bad_gntref);
        CHECK_EQ(map(d0, 1, 0xffffffff, AS_HOST, SLOT_ADDR(0)), GNTST_bad_gntref);
        CHECK_EQ(map(d0, 1, 10, AS_HOST, SLOT_ADDR(0)), GNTST_general_error);
        CHECK_EQ(map(d0, 1, 11, AS_HOST, SLOT_ADDR(0)), GNTST_general_error);
        CHECK_EQ(map(d0, 1, 12, AS_HOST, SLOT_ADDR(0)), GNTST_general_error);
        CHECK_EQ(map(d0, 1, 13, AS_HOST, SLOT_ADDR(0)), GNTST_general_error);
        CHECK_EQ(map(d0, 1, 14, AS_HOST, SLOT_ADDR(0)), GNTST_bad_page);
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(SLOTS)), GNTST_bad_virt_addr);
        CHECK_EQ(map(d0, 1, 9, AS_HOST | AS_DEV, SLOT_ADDR(SLOTS)), GNTST_bad_virt_addr);
        for (grant_ref_t ref = 9; ref < 15; ref++)
            CHECK_EQ(entry1(d1, ref)->flags & (GTF_reading | GTF_writing), 0);
        CHECK_EQ(world_page_refs(pg), 1);
        CHECK_EQ(world_page_writers(pg), 0);
        CHECK_EQ(map(d0, 1, 13, AS_HOST | MAP_RO, SLOT_ADDR(0)), GNTST_okay);
        CHECK_EQ(map(d0, 1, 11, AS_HOST | MAP_RO, SLOT_ADDR(1)), GNTST_okay);
        end();
    }
    TEST("upgrading a read-only grant in use to writing is refused") {
        start();
        grant(d1, 9, 0, PERMIT | RO);
        CHECK_EQ(map(d0, 1, 9, AS_HOST | MAP_RO, SLOT_ADDR(0)), GNTST_okay);
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(1)), GNTST_general_error);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | RO | GTF_reading);
        end();
    }
    TEST("unmapping errors: handles, addresses, twice") {
        uint32_t h;

        start();
        grant(d1, 9, 0, PERMIT);
        CHECK_EQ(unmap(d0, 0, SLOT_ADDR(0), 0), GNTST_bad_handle);
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(0)), GNTST_okay);
        h = a.map[0].handle;
        CHECK_EQ(unmap(d0, h + 1, SLOT_ADDR(0), 0), GNTST_bad_handle);
        CHECK_EQ(unmap(d0, 0xffffffff, SLOT_ADDR(0), 0), GNTST_bad_handle);
        CHECK_EQ(unmap(d1, h, SLOT_ADDR(0), 0), GNTST_bad_handle);
        CHECK_EQ(unmap(d0, h, SLOT_ADDR(1), 0), GNTST_general_error);
        CHECK_EQ(unmap(d0, h, 0, 0), GNTST_okay);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | GTF_reading | GTF_writing);
        CHECK_EQ(unmap(d0, h, SLOT_ADDR(0), 0), GNTST_okay);
        CHECK_EQ(unmap(d0, h, SLOT_ADDR(0), 0), GNTST_bad_handle);
        a.replace[0] = (struct gnttab_unmap_and_replace){ .handle = h, .host_addr = SLOT_ADDR(0) };
        CHECK_EQ(call(d0, GNTTABOP_unmap_and_replace, 1), 0);
        CHECK_EQ(a.replace[0].status, GNTST_bad_handle);
        end();
    }
    TEST("handles: as many as maptrack pages hold, all reusable") {
        start();
        grant(d1, 9, 0, PERMIT);
        for (unsigned int i = 0; i < 512; i++) {
            CHECK_EQ(map(d0, 1, 9, AS_DEV, 0), GNTST_okay);
            CHECK_EQ(a.map[0].handle, i);
        }
        CHECK_EQ(map(d0, 1, 9, AS_DEV, 0), GNTST_no_space);
        CHECK_EQ(unmap(d0, 300, 0, a.map[0].dev_bus_addr), GNTST_okay);
        a.map[0].dev_bus_addr = 0;
        uint64_t bus = mfn_to_paddr(_mfn(entry1(d1, 9)->frame));
        CHECK_EQ(unmap(d0, 300, 0, bus), GNTST_okay);
        CHECK_EQ(map(d0, 1, 9, AS_DEV, 0), GNTST_okay);
        CHECK_EQ(a.map[0].handle, 300);
        end();
    }
    TEST("the pin counts do not run over") {
        unsigned int n = 0;

        start_with(4, 1024);
        grant(d1, 9, 0, PERMIT);
        while (n < 40000 && map(d0, 1, 9, AS_DEV, 0) == GNTST_okay)
            n++;
        CHECK_EQ(n, 0x8000);
        CHECK_EQ(a.map[0].status, GNTST_general_error);
        end();
    }
    TEST("loopback: a domain maps its own grant") {
        start();
        grant(d0, 9, 0, PERMIT);
        CHECK_EQ(map(d0, 0, 9, AS_HOST, SLOT_ADDR(0)), GNTST_okay);
        CHECK_EQ(unmap(d0, a.map[0].handle, SLOT_ADDR(0), 0), GNTST_okay);
        end();
    }
}

static void test_batch(void)
{
    TEST("a batch has one flush, its own statuses, and continues where it stopped") {
        start();
        for (grant_ref_t i = 0; i < 20; i++)
            if (i != 5)
                grant(d1, 8 + i, 0, PERMIT);
        for (unsigned int i = 0; i < 20; i++)
            a.map[i] = (struct gnttab_map_grant_ref){
                .host_addr = SLOT_ADDR(i), .flags = AS_HOST, .ref = 8 + i, .dom = 1
            };
        world.preempt_at = 7;
        CHECK_EQ(call(d0, GNTTABOP_map_grant_ref, 20), -ERESTART);
        CHECK_EQ(world.cont[0], GNTTABOP_map_grant_ref);
        CHECK_EQ(world.cont[1], world_addr(&a.map[7]));
        CHECK_EQ(world.cont[2], 13);
        world.preempt_at = 0;
        CHECK_EQ(hc_grant_table_op(d0->vcpu[0], world.cont), 0);
        uint32_t handle[20];
        for (unsigned int i = 0; i < 20; i++) {
            CHECK_EQ((uint16_t)a.map[i].status,
                     (uint16_t)(i == 5 ? GNTST_general_error : GNTST_okay));
            handle[i] = i == 5 ? 9999 : a.map[i].handle;
        }
        for (unsigned int i = 0; i < 20; i++)
            a.unmap[i] = (struct gnttab_unmap_grant_ref){
                .host_addr = SLOT_ADDR(i), .handle = handle[i]
            };
        CHECK_EQ(call(d0, GNTTABOP_unmap_grant_ref, 20), 0);
        for (unsigned int i = 0; i < 20; i++)
            CHECK_EQ((uint16_t)a.unmap[i].status,
                     (uint16_t)(i == 5 ? GNTST_bad_handle : GNTST_okay));
        CHECK_EQ(flushes, 1 + 1); /* the bad handle made the batch look again */
        end();
    }
    TEST("copies that are interrupted go on at the next element, however wide it is") {
        start();
        for (unsigned int i = 0; i < 12; i++)
            a.copy[i] = (struct gnttab_copy){ .len = 1, .source.domid = 7 };
        world.preempt_at = 5;
        CHECK_EQ(call(d0, GNTTABOP_copy, 12), -ERESTART);
        CHECK_EQ(world.cont[1], world_addr(&a) + 5 * (CALLER_IS_32BIT ? 24 : 40));
        CHECK_EQ(world.cont[2], 7);
        for (unsigned int i = 0; i < 12; i++)
            CHECK_EQ((uint16_t)a.copy[i].status, (uint16_t)(i < 5 ? GNTST_permission_denied : 0));
        end();
    }
    TEST("calls that fail as a whole") {
        start();
        CHECK_EQ(call(d0, GNTTABOP_map_grant_ref, 0x80000000), -EINVAL);
        CHECK_EQ(call(d0, GNTTABOP_map_grant_ref, 0), 0);
        CHECK_EQ(call(d0, 99, 1), -ENOSYS);
        CHECK_EQ(call(d0, GNTTABOP_dump_table, 1), -ENOSYS);
        CHECK_EQ(call(d0, GNTTABOP_cache_flush, 1), -ENOSYS);
        CHECK_EQ(call(d0, GNTTABOP_setup_table, 2), -EINVAL);
        CHECK_EQ(hc_grant_table_op(d0->vcpu[0], (const uint64_t[]){ GNTTABOP_copy, 16,
                                                                    1 }), -EFAULT);
        CHECK_EQ(hc_grant_table_op(d0->vcpu[0], (const uint64_t[]){ GNTTABOP_copy, ~0ULL,
                                                                    1 }), -EFAULT);
        a.transfer[0].status = GNTST_okay;
        CHECK_EQ(call(d0, GNTTABOP_transfer, 1), 0);
        CHECK_EQ(a.transfer[0].status, GNTST_general_error);
        end();
    }
}

static int copy(struct domain *d, domid_t sdom, uint64_t s, uint16_t soff, domid_t tdom, uint64_t t,
                uint16_t toff, uint16_t len, uint16_t flags)
{
    struct gnttab_copy c = { .len = len, .flags = flags };

    c.source.domid = sdom;
    c.source.offset = soff;
    c.dest.domid = tdom;
    c.dest.offset = toff;
    if (flags & GNTCOPY_source_gref)
        c.source.u.ref = (grant_ref_t)s;
    else
        c.source.u.gmfn = s;
    if (flags & GNTCOPY_dest_gref)
        c.dest.u.ref = (grant_ref_t)t;
    else
        c.dest.u.gmfn = t;
    a.copy[0] = c;
    CHECK_EQ(call(d, GNTTABOP_copy, 1), 0);
    return a.copy[0].status;
}

#define FROM_REF GNTCOPY_source_gref
#define TO_REF GNTCOPY_dest_gref
#define NO_FRAME (CALLER_IS_32BIT ? UINT32_MAX : 1ULL << 40)

static void test_copy(void)
{
    TEST("copy between grants and own frames, with offsets; the bits are clear after") {
        struct page *mine, *theirs;

        start();
        theirs = grant(d1, 9, 0, PERMIT | RO);
        mine = world_frame(d0);
        memset(world_bytes(mine), 0, PAGE_SIZE);
        CHECK_EQ(copy(d0, 1, 9, 4000, DOMID_SELF, world_gfn(mine), 10, 96, FROM_REF), GNTST_okay);
        CHECK_EQ(((uint8_t *)world_bytes(mine))[9], 0);
        CHECK_EQ(((uint8_t *)world_bytes(mine))[10], 10);
        CHECK_EQ(((uint8_t *)world_bytes(mine))[105], 10);
        CHECK_EQ(((uint8_t *)world_bytes(mine))[106], 0);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | RO);
        entry1(d1, 9)->flags = PERMIT;
        CHECK_EQ(copy(d0, DOMID_SELF, world_gfn(mine), 0, 1, 9, 1, 11, TO_REF), GNTST_okay);
        CHECK_EQ(((uint8_t *)world_bytes(theirs))[1], 0);
        CHECK_EQ(((uint8_t *)world_bytes(theirs))[11], 10);
        CHECK_EQ(world_page_refs(theirs), 1);
        CHECK_EQ(world_page_writers(theirs), 0);
        end();
    }
    TEST("copy errors") {
        struct page *mine, *table;
        uint64_t m, t;

        start();
        grant(d1, 9, 0, PERMIT | RO);
        mine = world_frame(d0);
        table = world_frame(d0);
        world_frame_is_table(table, true);
        m = world_gfn(mine);
        t = world_gfn(table);
        CHECK_EQ(copy(d0, 1, m, 0, DOMID_SELF, m, 0, 1, 0), GNTST_permission_denied);
        CHECK_EQ(copy(d0, 0, m, 0, DOMID_SELF, m, 0, 1, 0), GNTST_permission_denied);
        CHECK_EQ(copy(d0, 7, 9, 0, DOMID_SELF, m, 0, 1, FROM_REF), GNTST_bad_domain);
        CHECK_EQ(copy(d0, 1, 600, 0, DOMID_SELF, m, 0, 1, FROM_REF), GNTST_bad_gntref);
        CHECK_EQ(copy(d0, 1, 11, 0, DOMID_SELF, m, 0, 1, FROM_REF), GNTST_general_error);
        CHECK_EQ(copy(d0, DOMID_SELF, m, 0, 1, 9, 0, 1, TO_REF), GNTST_general_error);
        CHECK_EQ(copy(d0, DOMID_SELF, NO_FRAME, 0, DOMID_SELF, m, 0, 1, 0), GNTST_bad_page);
        CHECK_EQ(copy(d0, DOMID_SELF, m, 0, DOMID_SELF, t, 0, 1, 0), GNTST_general_error);
        CHECK_EQ(copy(d0, DOMID_SELF, t, 0, DOMID_SELF, m, 0, 1, 0), GNTST_okay);
        CHECK_EQ(copy(d0, 1, 9, 4095, DOMID_SELF, m, 0, 2, FROM_REF), GNTST_bad_copy_arg);
        CHECK_EQ(copy(d0, 1, 9, 0, DOMID_SELF, m, 4000, 97, FROM_REF), GNTST_bad_copy_arg);
        CHECK_EQ(copy(d0, 1, 9, 65535, DOMID_SELF, m, 0, 65535, FROM_REF), GNTST_bad_copy_arg);
        CHECK_EQ(copy(d0, 1, 9, 0, DOMID_SELF, m, 0, 4096, FROM_REF), GNTST_okay);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | RO);
        end();
    }
    TEST("a batch that changes its ends and goes back") {
        struct page *mine;

        start();
        grant(d1, 9, 0, PERMIT);
        grant(d2, 9, 0, PERMIT);
        mine = world_frame(d0);
        memset(world_bytes(mine), 0, PAGE_SIZE);
        *(uint8_t *)world_bytes(mfn_to_page(_mfn(entry1(d2, 9)->frame))) = 77;
        for (unsigned int i = 0; i < 12; i++) {
            a.copy[i] = (struct gnttab_copy){ .len = 1, .flags = FROM_REF };
            a.copy[i].source.domid = i / 3 % 2 ? 2 : 1;
            a.copy[i].source.u.ref = 9;
            a.copy[i].dest.domid = DOMID_SELF;
            a.copy[i].dest.offset = (uint16_t)i;
            a.copy[i].dest.u.gmfn = world_gfn(mine);
        }
        CHECK_EQ(call(d0, GNTTABOP_copy, 12), 0);
        for (unsigned int i = 0; i < 12; i++)
            CHECK_EQ(((uint8_t *)world_bytes(mine))[i], i / 3 % 2 ? 77 : 10);
        end();
    }
}

static long setup(struct domain *d, domid_t dom, uint32_t nr, uint64_t list)
{
    a.setup = (struct gnttab_setup_table){ .dom = dom, .nr_frames = nr };
    a.setup.frame_list.p = (void *)(uintptr_t)list;
    CHECK_EQ(call(d, GNTTABOP_setup_table, 1), 0);
    return a.setup.status;
}

static void test_table(void)
{
    TEST("setup_table and query_size: growth, limit, rights, frames") {
        start();
        CHECK_EQ(setup(d1, DOMID_SELF, 3, world_addr(a.list)), GNTST_okay);
        CHECK_EQ(a.list[2], direct_pa(entry1(d1, 1024)) >> PAGE_SHIFT);
        CHECK(a.list[0] && a.list[0] != a.list[1]);
        CHECK_EQ(setup(d1, DOMID_SELF, 5, world_addr(a.list)), GNTST_general_error);
        CHECK_EQ(setup(d1, DOMID_SELF, 4, 8), GNTST_bad_virt_addr);
        CHECK_EQ(setup(d1, 2, 1, world_addr(a.list)), GNTST_permission_denied);
        CHECK_EQ(setup(d1, 7, 1, world_addr(a.list)), GNTST_bad_domain);
        CHECK_EQ(setup(d0, 2, 1, world_addr(a.list)), GNTST_okay);
        a.query.dom = DOMID_SELF;
        CHECK_EQ(call(d1, GNTTABOP_query_size, 1), 0);
        CHECK_EQ(a.query.status, GNTST_okay);
        CHECK_EQ(a.query.nr_frames, 4);
        CHECK_EQ(a.query.max_nr_frames, 4);
        a.query.dom = 0;
        CHECK_EQ(call(d1, GNTTABOP_query_size, 1), 0);
        CHECK_EQ(a.query.status, GNTST_permission_denied);
        end();
    }
    TEST("a translated domain's frames are where it has put them") {
        start();
        d1->kind = GUEST_HVM;
        CHECK_EQ(setup(d1, DOMID_SELF, 1, world_addr(a.list)), GNTST_okay);
        CHECK_EQ(a.list[0], (direct_pa(entry1(d1, 0)) >> PAGE_SHIFT) ^ 0x100000);
        d1->kind = GUEST_PV;
        end();
    }
    TEST("versions: set, get, what survives, when it is refused") {
        struct page *pg;

        start();
        CHECK_EQ(set_version(d1, 3), -EINVAL);
        CHECK_EQ(a.version.version, 1);
        CHECK_EQ(set_version(d1, 1), 0);
        pg = grant(d1, 1, 0, PERMIT);
        grant(d1, 8, 0, PERMIT);
        CHECK_EQ(map(d0, 1, 8, AS_HOST, SLOT_ADDR(1)), GNTST_okay);
        uint32_t h = a.map[0].handle;
        CHECK_EQ(map(d0, 1, 1, AS_HOST, SLOT_ADDR(0)), GNTST_okay);
        uint32_t h1 = a.map[0].handle;
        CHECK_EQ(set_version(d1, 2), -EBUSY);
        CHECK_EQ(a.version.version, 1);
        CHECK_EQ(unmap(d0, h, SLOT_ADDR(1), 0), GNTST_okay);
        CHECK_EQ(set_version(d1, 2), 0);
        CHECK_EQ(a.version.version, 2);
        CHECK_EQ(entry2(d1, 1)->hdr.flags, PERMIT);
        CHECK_EQ(entry2(d1, 1)->full_page.frame, world_gfn(pg));
        CHECK_EQ(*status2(d1, 1), GTF_reading | GTF_writing);
        CHECK_EQ(entry2(d1, 8)->hdr.flags, 0);
        CHECK_EQ(unmap(d0, h1, SLOT_ADDR(0), 0), GNTST_okay);
        CHECK_EQ(*status2(d1, 1), 0);
        entry2(d1, 2)->hdr.flags = PERMIT | GTF_sub_page;
        CHECK_EQ(set_version(d1, 1), -ERANGE);
        entry2(d1, 2)->hdr.flags = GTF_transitive;
        CHECK_EQ(set_version(d1, 1), -ERANGE);
        entry2(d1, 2)->hdr.flags = 0;
        CHECK_EQ(set_version(d1, 1), 0);
        CHECK_EQ(entry1(d1, 1)->flags, PERMIT);
        CHECK_EQ(entry1(d1, 1)->frame, world_gfn(pg));
        a.get.dom = DOMID_SELF;
        CHECK_EQ(call(d1, GNTTABOP_get_version, 1), 0);
        CHECK_EQ(a.get.version, 1);
        a.get.dom = 2;
        CHECK_EQ(call(d1, GNTTABOP_get_version, 1), -EPERM);
        a.get.dom = 9;
        CHECK_EQ(call(d1, GNTTABOP_get_version, 1), -ESRCH);
        end();
    }
    TEST("a domain limited to version 1") {
        struct domain *d;

        start();
        d = world_domain(5, 1);
        CHECK_EQ(gnttab_init(d, 1, 1, 3), -EINVAL);
        CHECK_EQ(gnttab_init(d, 1, 1, 1), 0);
        CHECK_EQ(set_version(d, 2), -ENOSYS);
        CHECK_EQ(a.version.version, 1);
        gnttab_exit(d);
        end();
    }
    TEST("status frames") {
        start();
        a.status = (struct gnttab_get_status_frames){ .nr_frames = 1, .dom = DOMID_SELF };
        a.status.frame_list.p = a.list;
        CHECK_EQ(call(d1, GNTTABOP_get_status_frames, 1), 0);
        CHECK_EQ(a.status.status, GNTST_general_error);
        CHECK_EQ(set_version(d1, 2), 0);
        a.status = (struct gnttab_get_status_frames){ .nr_frames = 1, .dom = DOMID_SELF };
        a.status.frame_list.p = a.list;
        CHECK_EQ(call(d1, GNTTABOP_get_status_frames, 1), 0);
        CHECK_EQ(a.status.status, GNTST_okay);
        CHECK_EQ(a.list[0], direct_pa(status2(d1, 0)) >> PAGE_SHIFT);
        a.status.nr_frames = 2;
        CHECK_EQ(call(d1, GNTTABOP_get_status_frames, 1), 0);
        CHECK_EQ(a.status.status, GNTST_general_error);
        end();
    }
    TEST("frames for the toolstack grow the table") {
        mfn_t mfn;

        start();
        CHECK_EQ(gnttab_get_frame(d1, 3, false, &mfn), 0);
        CHECK_EQ(gnttab_get_frame(d1, 4, false, &mfn), -EINVAL);
        CHECK_EQ(gnttab_get_frame(d1, 0xffffffff, false, &mfn), -EINVAL);
        CHECK_EQ(gnttab_get_frame(d1, 0, true, &mfn), -EINVAL);
        CHECK_EQ(set_version(d1, 2), 0);
        CHECK_EQ(gnttab_get_frame(d1, 0, true, &mfn), 0);
        CHECK_EQ(gnttab_get_frame(d1, 1, true, &mfn), -EINVAL);
        end();
    }
    TEST("swap: entries change places unless in use") {
        struct page *pg;

        start();
        pg = grant(d1, 9, 0, PERMIT);
        a.swap[0] = (struct gnttab_swap_grant_ref){ .ref_a = 9, .ref_b = 20 };
        a.swap[1] = (struct gnttab_swap_grant_ref){ .ref_a = 9, .ref_b = 512 };
        a.swap[2] = (struct gnttab_swap_grant_ref){ .ref_a = 9, .ref_b = 9 };
        CHECK_EQ(call(d1, GNTTABOP_swap_grant_ref, 3), 0);
        CHECK_EQ(a.swap[0].status, GNTST_okay);
        CHECK_EQ(a.swap[1].status, GNTST_bad_gntref);
        CHECK_EQ(a.swap[2].status, GNTST_okay);
        CHECK_EQ(entry1(d1, 20)->frame, world_gfn(pg));
        CHECK_EQ(entry1(d1, 9)->flags, 0);
        CHECK_EQ(map(d0, 1, 20, AS_HOST, SLOT_ADDR(0)), GNTST_okay);
        a.swap[0] = (struct gnttab_swap_grant_ref){ .ref_a = 9, .ref_b = 20 };
        CHECK_EQ(call(d1, GNTTABOP_swap_grant_ref, 1), 0);
        CHECK_EQ(a.swap[0].status, GNTST_eagain);
        end();
    }
}

static void test_v2(void)
{
    TEST("version 2: status words, sub-pages for copies only") {
        struct page *pg, *mine;
        uint64_t m;

        start();
        pg = world_frame(d1);
        memset(world_bytes(pg), 5, PAGE_SIZE);
        mine = world_frame(d0);
        m = world_gfn(mine);
        CHECK_EQ(set_version(d1, 2), 0);
        entry2(d1, 300)->full_page.hdr = (grant_entry_header_t){ .flags = PERMIT, .domid = 0 };
        entry2(d1, 300)->full_page.frame = world_gfn(pg);
        CHECK_EQ(map(d0, 1, 300, AS_HOST | MAP_RO, SLOT_ADDR(0)), GNTST_okay);
        CHECK_EQ(*status2(d1, 300), GTF_reading);
        CHECK_EQ(entry2(d1, 300)->hdr.flags, PERMIT);
        CHECK_EQ(unmap(d0, a.map[0].handle, SLOT_ADDR(0), 0), GNTST_okay);
        CHECK_EQ(*status2(d1, 300), 0);
        entry2(d1, 300)->sub_page.hdr.flags |= GTF_sub_page;
        entry2(d1, 300)->sub_page.page_off = 100;
        entry2(d1, 300)->sub_page.length = 50;
        CHECK_EQ(map(d0, 1, 300, AS_HOST | MAP_RO, SLOT_ADDR(0)), GNTST_general_error);
        CHECK_EQ(copy(d0, 1, 300, 100, DOMID_SELF, m, 0, 50, FROM_REF), GNTST_okay);
        CHECK_EQ(copy(d0, 1, 300, 99, DOMID_SELF, m, 0, 1, FROM_REF), GNTST_general_error);
        CHECK_EQ(copy(d0, 1, 300, 149, DOMID_SELF, m, 0, 2, FROM_REF), GNTST_general_error);
        entry2(d1, 300)->sub_page.page_off = 60000;
        entry2(d1, 300)->sub_page.length = 60000;
        CHECK_EQ(copy(d0, 1, 300, 60000, DOMID_SELF, m, 0, 1, FROM_REF), GNTST_bad_copy_arg);
        entry2(d1, 300)->sub_page.frame = 1ULL << 40;
        CHECK_EQ(copy(d0, 1, 300, 100, DOMID_SELF, m, 0, 50, FROM_REF), GNTST_bad_page);
        CHECK_EQ(*status2(d1, 300), 0);
        end();
    }
    TEST("transitive grants: d0 copies through d1's entry from d2") {
        struct page *pg, *mine;
        uint64_t m;

        start();
        pg = grant(d2, 30, 1, PERMIT | RO);
        mine = world_frame(d0);
        m = world_gfn(mine);
        CHECK_EQ(set_version(d1, 2), 0);
        entry2(d1, 20)->transitive.hdr = (grant_entry_header_t){
            .flags = GTF_transitive, .domid = 0
        };
        entry2(d1, 20)->transitive.trans_domid = 2;
        entry2(d1, 20)->transitive.gref = 30;
        CHECK_EQ(copy(d0, 1, 20, 0, DOMID_SELF, m, 0, 8, FROM_REF), GNTST_okay);
        CHECK_EQ(*(uint8_t *)world_bytes(mine), 31);
        CHECK_EQ(entry1(d2, 30)->flags, PERMIT | RO);
        CHECK_EQ(*status2(d1, 20), 0);
        CHECK_EQ(world_page_refs(pg), 1);
        CHECK_EQ(copy(d0, DOMID_SELF, m, 0, 1, 20, 0, 8, TO_REF), GNTST_general_error);
        CHECK_EQ(copy(d2, 1, 20, 0, DOMID_SELF, m, 0, 8, FROM_REF), GNTST_general_error);
        CHECK_EQ(map(d0, 1, 20, AS_HOST, SLOT_ADDR(0)), GNTST_general_error);
        const domid_t bad[] = { 1, 7 };
        for (unsigned int i = 0; i < 2; i++) {
            entry2(d1, 20)->transitive.trans_domid = bad[i];
            CHECK_EQ(copy(d0, 1, 20, 0, DOMID_SELF, m, 0, 8, FROM_REF), GNTST_general_error);
        }
        CHECK_EQ(set_version(d2, 2), 0);
        entry2(d1, 20)->transitive.trans_domid = 2;
        entry2(d2, 30)->transitive.hdr = (grant_entry_header_t){
            .flags = GTF_transitive, .domid = 1
        };
        CHECK_EQ(copy(d0, 1, 20, 0, DOMID_SELF, m, 0, 8, FROM_REF), GNTST_general_error);
        CHECK_EQ(*status2(d1, 20), 0);
        CHECK_EQ(*status2(d2, 30), 0);
        end();
    }
}

static void test_life(void)
{
    TEST("a dying domain releases its mappings, preemptibly; a dead granter waits for its last") {
        struct page *pg;

        start();
        pg = grant(d1, 9, 0, PERMIT);
        for (unsigned int i = 0; i < 100; i++)
            CHECK_EQ(map(d0, 1, 9, i < SLOTS ? AS_HOST | AS_DEV : AS_DEV | MAP_RO, SLOT_ADDR(i)),
                     GNTST_okay);
        CHECK_EQ(gnttab_release_mappings(d1), 0);
        CHECK_EQ(d1->refs, 101);
        CHECK_EQ(gnttab_get_frame(d1, 2, false, &(mfn_t){ 0 }), -EINVAL);
        CHECK_EQ(page_clear_allocated(pg), true);
        world.preempt_at = 1;
        CHECK_EQ(gnttab_release_mappings(d0), -ERESTART);
        CHECK(d1->refs < 101 && d1->refs > 1);
        world.preempt_at = 0;
        CHECK_EQ(gnttab_release_mappings(d0), 0);
        CHECK_EQ(d1->refs, 1);
        CHECK_EQ(world_page_refs(pg), SLOTS);
        for (unsigned int i = 0; i < SLOTS; i++)
            slot_clear(d0, i);
        CHECK_EQ(world_page_refs(pg), 0);
        end();
    }
    TEST("a guest that overwrites the entry of a mapping drops the page, not the pin") {
        struct page *pg;
        uint32_t h;

        start();
        pg = grant(d1, 9, 0, PERMIT);
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(0)), GNTST_okay);
        h = a.map[0].handle;
        slot_clear(d0, 0);
        CHECK_EQ(world_page_refs(pg), 1);
        CHECK_EQ(unmap(d0, h, SLOT_ADDR(0), 0), GNTST_general_error);
        CHECK_EQ(entry1(d1, 9)->flags, PERMIT | GTF_reading | GTF_writing);
        CHECK_EQ(page_clear_allocated(pg), true);
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(0)), GNTST_bad_page);
        end();
    }
    TEST("each failing allocation is reported, and the next try succeeds") {
        struct domain *d;

        start();
        grant(d1, 9, 0, PERMIT);
        /*
         * A page of handles and its list, then the same for our records: what succeeded once is
         * kept.
         */
        const int limits[] = { 0, 1, 2, 0, 1 };
        for (unsigned int n = 0; n < ARRAY_SIZE(limits); n++) {
            world.fail_after = limits[n];
            CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(0)), GNTST_no_space);
        }
        world.fail_after = -1;
        CHECK_EQ(map(d0, 1, 9, AS_HOST, SLOT_ADDR(0)), GNTST_okay);
        d = world_domain(5, 1);
        for (int n = 0; n < 3; n++) {
            world.fail_after = n;
            CHECK_EQ(gnttab_init(d, 4, 4, 2), -ENOMEM);
        }
        world.fail_after = 0;
        CHECK_EQ(setup(d2, DOMID_SELF, 2, world_addr(a.list)), GNTST_general_error);
        CHECK_EQ(set_version(d2, 2), -ENOMEM);
        world.fail_after = -1;
        end();
    }
}

int main(void)
{
    test_map();
    test_batch();
    test_copy();
    test_table();
    test_v2();
    test_life();
    return check_exit();
}
