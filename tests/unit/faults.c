/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c */
/* links: core/gnttab.c */
/* links: core/gnttab_entry.c core/gnttab_pin.c core/gnttab_map.c core/gnttab_copy.c */
/* links: core/gnttab_table.c core/gnttab_op.c core/compat.c core/rangeset.c core/lock.c */
/* links: tests/host/world.c */
/*
 * Out of memory, at every place where that can happen. A story is told again and again, and each
 * time another of its allocations fails: alone, or with all that follow in the same step. A step
 * that fails must say so and change nothing: made again, it succeeds and the story goes on to the
 * same end. Then everybody dies, and nothing is left over. (Making a domain is in domain.c.)
 */
#include "check.h"

#include "../host/grants.h"

#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/rangeset.h>

#define NR_FRAMES 4
#define NR_MAPTRACK 3
#define NR_PORTS 300 /* three pages of them */
#define NR_RANGES 600 /* the array grows seven times, past a page */

static union {
    struct evtchn_alloc_unbound alloc;
    struct evtchn_bind_pirq pirq;
    struct evtchn_init_control control;
    struct evtchn_expand_array expand;
    struct gnttab_setup_table setup;
    struct gnttab_set_version version;
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_copy copy;
    uint64_t word[16];
} a;
static uint64_t list[NR_FRAMES];

/* --- failing --------------------------------------------------------------------------------- */

/* How often steps have failed. Every one of them has its failed allocation, and the reverse. */
static unsigned int refused;

/* The step again, now with memory, after it has failed for want of it. False: it had not failed. */
static bool again(bool failed)
{
    if (!failed)
        return false;
    refused++;
    if (!CHECK(world.failed > 0)) /* or it would fail forever */
        return false;
    world.fail_after = -1;
    return true;
}

#define STEP(step, good)                     \
    do {                                     \
        if (again((step) != (good)))         \
            CHECK_EQ((step), (good));        \
    } while (0)

/* Tell the story with the n-th allocation failing, for all n. The number of places that failed. */
static unsigned int each_fails(void (*begin)(void), void (*story)(void), unsigned int (*end)(void),
                               bool one)
{
    unsigned int n;

    for (n = 0; n < 1000; n++) {
        unsigned int failed;

        begin();
        refused = 0;
        world.fail_one = one;
        world.fail_after = (int)n;
        story();
        failed = world.failed;
        world.fail_after = -1;
        CHECK_EQ(refused != 0, failed != 0);
        CHECK_EQ(end(), 0);
        if (!failed)
            break;
    }
    CHECK(n < 1000);
    return n;
}

static void each_alone_and_all(void (*begin)(void), void (*story)(void), unsigned int (*end)(void),
                               unsigned int places)
{
    CHECK_EQ(each_fails(begin, story, end, true), places);
    CHECK_EQ(each_fails(begin, story, end, false), places);
}

/* --- event channels -------------------------------------------------------------------------- */

static struct domain *d0;
static struct page *control_page[2], *array_page;

static long evtchn(unsigned int cmd)
{
    const uint64_t arg[6] = { cmd, world_addr(&a) };

    world_run(d0->vcpu[0]);
    return hc_event_channel_op(d0->vcpu[0], arg);
}

static void evtchn_begin(void)
{
    world_start();
    world_buffer(&a, sizeof(a));
    d0 = world_domain(0, 2);
    for (unsigned int i = 0; i < 2; i++)
        control_page[i] = world_frame(d0);
    array_page = world_frame(d0);
}

static long open_port(void)
{
    a.alloc = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = 1 };
    return evtchn(EVTCHNOP_alloc_unbound);
}

static long bind_pirq(unsigned int pirq)
{
    a.pirq = (struct evtchn_bind_pirq){ .pirq = pirq };
    return evtchn(EVTCHNOP_bind_pirq);
}

static long init_control(unsigned int vcpu)
{
    a.control = (struct evtchn_init_control){ .control_gfn = world_gfn(control_page[vcpu]),
                                              .vcpu = vcpu };
    return evtchn(EVTCHNOP_init_control);
}

static long expand(void)
{
    a.expand.array_gfn = world_gfn(array_page);
    return evtchn(EVTCHNOP_expand_array);
}

/* Eight places: table, three pages of ports, a page of pirqs; a queue set a vcpu, and the FIFO. */
static void evtchn_story(void)
{
    STEP(evtchn_init(d0, EVTCHN_FIFO_PORTS - 1), 0);
    for (port_t port = 1; port <= NR_PORTS; port++) {
        STEP(open_port(), 0);
        CHECK_EQ(a.alloc.port, port); /* a failed attempt leaves no gap */
    }
    CHECK_EQ(d0->evtchn.nr_active, NR_PORTS);
    STEP(bind_pirq(5), 0);
    CHECK_EQ(world.pirqs_bound, 1);
    STEP(init_control(0), 0);
    STEP(init_control(1), 0);
    STEP(expand(), 0);
}

static unsigned int evtchn_end(void)
{
    d0->state = DOM_DYING;
    CHECK_EQ(evtchn_close_all(d0), 0);
    CHECK_EQ(d0->evtchn.nr_active, 0);
    CHECK_EQ(world.pirqs_bound, 0);
    evtchn_exit(d0);
    return world_end();
}

/* --- grant tables ---------------------------------------------------------------------------- */

static struct domain *granter, *user;
static struct page *granted;

static void gnttab_begin(void)
{
    world_start();
    world_buffer(&a, sizeof(a));
    world_buffer(list, sizeof(list));
    memset(slots, 0, sizeof(slots));
    for (domid_t i = 0; i < 3; i++)
        grant_domain[i] = world_domain(i, 1);
    granter = grant_domain[1];
    user = grant_domain[0];
    granted = world_frame(granter);
}

/* The status of one element, or what the call itself said. */
static long gnttab(struct domain *d, unsigned int cmd, const int16_t *status)
{
    const uint64_t arg[6] = { cmd, world_addr(&a), 1 };
    long rc;

    world_run(d->vcpu[0]);
    rc = hc_grant_table_op(d->vcpu[0], arg);
    return rc || !status ? rc : *status;
}

static long setup(void)
{
    a.setup = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = NR_FRAMES };
    set_xen_guest_handle(a.setup.frame_list, list);
    return gnttab(granter, GNTTABOP_setup_table, &a.setup.status);
}

static long set_version(uint32_t version)
{
    a.version.version = version;
    return gnttab(granter, GNTTABOP_set_version, NULL);
}

static long map(unsigned int slot, grant_ref_t ref)
{
    a.map = (struct gnttab_map_grant_ref){ .host_addr = SLOT_ADDR(slot), .flags = GNTMAP_host_map,
                                           .ref = ref, .dom = granter->id };
    return gnttab(user, GNTTABOP_map_grant_ref, &a.map.status);
}

static long copy_from(grant_ref_t ref)
{
    a.copy = (struct gnttab_copy){ .flags = GNTCOPY_source_gref, .len = 64 };
    a.copy.source.u.ref = ref;
    a.copy.source.domid = granter->id;
    a.copy.dest.u.gmfn = world_gfn(world_frame(user));
    a.copy.dest.domid = DOMID_SELF;
    return gnttab(user, GNTTABOP_copy, &a.copy.status);
}

static void grant_all(void)
{
    for (grant_ref_t ref = 8; ref < NR_FRAMES * 256; ref++) {
        grant_entry_v2_t *e = entry2(granter, ref);

        e->hdr.domid = user->id;
        e->full_page.frame = world_gfn(granted);
        e->hdr.flags = GTF_permit_access;
    }
}

/*
 * 22 places: three tables with a first frame in a vector, frames and status words of one of them,
 * records of uses by the page, a page of handles. A failed use leaves no mark in the entry (in
 * version 2: in its status word).
 */
static void gnttab_story(void)
{
    uint32_t before;

    for (unsigned int i = 0; i < 3; i++)
        STEP(gnttab_init(grant_domain[i], NR_FRAMES, NR_MAPTRACK, 2), 0);
    STEP(set_version(2), 0);
    STEP(setup(), GNTST_okay);
    grant_all();
    before = world_page_refs(granted);
    for (unsigned int i = 0; i < 3; i++) {
        STEP(copy_from(8 + i * 200), GNTST_okay);
        CHECK_EQ(*status2(granter, 8 + i * 200), 0);
    }
    CHECK_EQ(world_page_refs(granted), before);
    for (unsigned int i = 0; i < SLOTS; i++) {
        STEP(map(i, 20 + i * 9), GNTST_okay);
        CHECK_EQ(*status2(granter, 20 + i * 9), GTF_reading | GTF_writing);
        CHECK_EQ(world_page_refs(granted), before + i + 1);
    }
}

static unsigned int gnttab_end(void)
{
    page_clear_allocated(granted);
    return grants_end();
}

/* --- rangesets ------------------------------------------------------------------------------- */

static struct rangeset *set;

static void rangeset_begin(void)
{
    world_start();
    set = NULL;
}

static bool made(void)
{
    set = set ? set : rangeset_new();
    return set != NULL;
}

static void rangeset_story(void)
{
    STEP(made(), true);
    if (!set)
        return;
    for (uint64_t i = 0; i < NR_RANGES; i++) {
        STEP(rangeset_add(set, i * 10, i * 10 + 4), 0);
        CHECK(rangeset_contains(set, i * 10, i * 10 + 4));
    }
    STEP(rangeset_remove(set, 2, 2), 0); /* two ranges out of one */
    CHECK(rangeset_contains(set, 0, 1) && rangeset_contains(set, 3, 4));
    CHECK(!rangeset_intersects(set, 2, 2) && rangeset_contains(set, 5990, 5994));
}

static unsigned int rangeset_end(void)
{
    rangeset_free(set);
    return world_end();
}

int main(void)
{
    TEST("event channels: each allocation fails, alone or with those after it") {
        each_alone_and_all(evtchn_begin, evtchn_story, evtchn_end, 8);
    }
    TEST("grant tables: each allocation fails, alone or with those after it") {
        each_alone_and_all(gnttab_begin, gnttab_story, gnttab_end, 22);
    }
    TEST("rangesets: each allocation fails, alone or with those after it") {
        each_alone_and_all(rangeset_begin, rangeset_story, rangeset_end, 9);
    }
    return check_exit();
}
