/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two domains: this kernel and copies of it that it makes. Grants, foreign mappings and events
 * between them, and what is left of a domain that dies while somebody holds something of it.
 */
#include "domu.h"

const char *test_name = "domains";

#define LONG 10000 /* ms that nothing should take */

static struct domu u;

/* What both sides see: the copy as itself, the maker through domu_map(). */
static struct {
    volatile unsigned int step;   /* the copy waits for this */
    volatile unsigned int done;   /* and says here what it has done */
    volatile unsigned int port;   /* of the copy */
    volatile uint64_t words[16];
} shared __attribute__((aligned(PAGE))), *theirs;

static char page[PAGE] __attribute__((aligned(PAGE)));
/* mapped in both domains by the copy's grant table */
static struct grant_entry_v1 grants[PAGE / sizeof(struct grant_entry_v1)]
    __attribute__((aligned(PAGE)));
#define REF 9

/* --- the copy's side -------------------------------------------------------------------------- */

static void wait_step(unsigned int n)
{
    while (shared.step < n)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static void map_grants(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    CHECK_EQ(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &setup, 1), 0,
             "set up the grant table");
    CHECK_EQ(setup.status, GNTST_okay, "... with one frame");
    CHECK_EQ(set_va((uint64_t)grants, frame * PAGE | PTE_RW_KERNEL), 0, "... and map it");
}

static void give(unsigned int ref, domid_t to, void *what, uint16_t flags)
{
    grants[ref].domid = to;
    grants[ref].frame = (uint32_t)va_to_mfn(what);
    __atomic_store_n(&grants[ref].flags, GTF_permit_access | flags, __ATOMIC_SEQ_CST);
}

static void first(void)
{
    CHECK(in_domu(), "it runs");
    CHECK_EQ(start_info->flags & SIF_PRIVILEGED, 0, "it is not privileged");
    CHECK_EQ(start_info->nr_pages, u.nr_pages, "it has the memory it was given");
}

static void granter(void)
{
    map_grants();
    memset(page, 0x5a, PAGE);
    give(REF, 0, page, 0);
    give(REF + 1, 0, page, GTF_readonly);
    give(REF + 2, 1234, page, 0);
    shared.done = 1;
    wait_step(2); /* the other has written */
    CHECK_EQ(*(uint64_t *)page, 4711, "what the other writes into a granted page is seen");
    CHECK_EQ(grants[REF].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing,
             "the grant shows that it is in use");
    shared.done = 2;
    wait_step(3); /* and unmapped */
    CHECK_EQ(grants[REF].flags & (GTF_reading | GTF_writing), 0, "... and no more after unmapping");
    grants[REF].flags = 0;
    shared.done = 3;
    wait_step(4);
}

static void stay(void)
{
    map_grants();
    give(REF, 0, page, 0);
    shared.done = 1;
    for (;;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}

static void crash(void) { domu_exit(SHUTDOWN_crash); }
static void fault(void) { *(volatile int *)0x1000 = 1; }

static void ponger(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 0 };

    events_start();
    CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &op), 0, "a port for the other domain");
    shared.port = op.port;
    events_on();
    shared.done = 1;
    for (unsigned int n = 0; n < 100; n++) {
        while (event_count[op.port] <= n)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ op.port });
    }
    CHECK_EQ(event_count[op.port], 100, "each event comes once");
    wait_step(2);
}

/* --- the maker's side ------------------------------------------------------------------------- */

static bool begin(void (*fn)(void))
{
    memset(&shared, 0, sizeof(shared));
    if (!domu_start(&u, &(struct domu_config){ .fn = fn, .spare = 64 }))
        return false;
    theirs = domu_map(&u, &shared);
    return true;
}

static bool await(unsigned int n)
{
    bool ok = YIELD_UNTIL(theirs->done >= n, LONG);

    if (!ok)
        CHECK_EQ(theirs->done, n, "the other domain does its part");
    return ok;
}

static void end(void)
{
    domu_unmap(theirs);
    domu_finish(&u, LONG);
}

/* a window of ours with nothing under it, for grants */
static void *empty_window(void)
{
    void *at = alloc_page();

    set_va((uint64_t)at, 0);
    return at;
}

static struct gnttab_map_grant_ref map_grant(domid_t dom, unsigned int ref, void *at,
                                             unsigned int flags)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = (uint64_t)at, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = dom
    };

    if (hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, 1))
        m.status = GNTST_general_error;
    return m;
}

static int unmap_grant(void *at, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref un = { .host_addr = (uint64_t)at, .handle = handle };

    return hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &un, 1)
               ? GNTST_general_error
               : un.status;
}

/*
 * The page is mapped for writing at `at`; a second mapping only reads it. To end one at the other's
 * address would leave the page's count of writers wrong, and with it what may become a page table.
 */
static void mixed_up(void *at, grant_handle_t handle)
{
    void *reads = empty_window();
    struct gnttab_map_grant_ref r = map_grant(u.id, REF, reads, GNTMAP_readonly);

    CHECK_EQ(r.status, GNTST_okay, "the same page once more, read-only");
    CHECK_EQ(unmap_grant(reads, handle), GNTST_general_error,
             "a writable mapping is not ended at a read-only entry");
    CHECK_EQ(unmap_grant(at, r.handle), GNTST_general_error,
             "... nor a read-only one at a writable entry");
    CHECK_EQ(unmap_grant(reads, r.handle), GNTST_okay, "... but each at its own");
}

static void grants_between(void)
{
    void *at = empty_window(), *ro = empty_window();
    struct gnttab_map_grant_ref m, r;
    uint64_t v = 0;

    if (!begin(granter) || !await(1))
        return;
    m = map_grant(u.id, REF, at, 0);
    CHECK_EQ(m.status, GNTST_okay, "map a page that another domain grants");
    CHECK_EQ(*(uint64_t *)at, 0x5a5a5a5a5a5a5a5a, "... and read it");
    *(uint64_t *)at = 4711;
    CHECK_EQ(map_grant(u.id, REF + 1, ro, 0).status, GNTST_general_error,
             "a read-only grant is not mapped writable");
    r = map_grant(u.id, REF + 1, ro, GNTMAP_readonly);
    CHECK_EQ(r.status, GNTST_okay, "... but read-only");
    CHECK_EQ(probe_write(ro, 1), 14, "... and cannot be written");
    CHECK(map_grant(u.id, REF + 2, empty_window(), 0).status != GNTST_okay,
          "a grant for another domain is refused");
    CHECK(map_grant(u.id, 100000, empty_window(), 0).status != GNTST_okay,
          "a grant beyond the table is refused");
    mixed_up(at, m.handle);
    theirs->step = 2;
    if (!await(2))
        return;
    CHECK_EQ(unmap_grant(at, m.handle), GNTST_okay, "unmap it");
    CHECK_EQ(probe_read(at, &v), 14, "... and it is gone");
    CHECK_EQ(unmap_grant(at, m.handle), GNTST_bad_handle, "... twice");
    CHECK_EQ(unmap_grant(ro, r.handle), GNTST_okay, "unmap the other");
    theirs->step = 3;
    if (!await(3))
        return;
    CHECK(map_grant(u.id, REF, at, 0).status != GNTST_okay, "a grant that was ended is refused");
    theirs->step = 4;
    end();
}

static bool is_zombie(void)
{
    struct xen_domctl_getdomaininfo info;

    return domu_info(&u, &info) == 0 && (info.flags & XEN_DOMINF_dying);
}

static void dies_while_granted(void)
{
    void *at = empty_window(), *again = empty_window();
    struct gnttab_map_grant_ref m, m2;

    if (!begin(stay) || !await(1))
        return;
    m = map_grant(u.id, REF, at, 0);
    CHECK_EQ(m.status, GNTST_okay, "map a granted page");
    domu_unmap(theirs);
    CHECK_EQ(domu_destroy(&u), 0, "destroy the granter meanwhile");
    CHECK(!domu_gone(&u, 200) && is_zombie(), "... and it stays a zombie");
    *(volatile uint64_t *)at = 1;
    CHECK_EQ(*(volatile uint64_t *)at, 1, "... whose page can be used");
    m2 = map_grant(u.id, REF, again, 0);
    CHECK_EQ(m2.status, GNTST_okay, "... and mapped once more");
    CHECK_EQ(unmap_grant(at, m.handle), GNTST_okay, "unmap it");
    CHECK(!domu_gone(&u, 200), "... and the other mapping holds the zombie");
    CHECK_EQ(unmap_grant(again, m2.handle), GNTST_okay, "unmap that");
    CHECK(domu_gone(&u, LONG), "... and nothing of the domain is left");
}

static void dies_while_mapped(void)
{
    uint64_t *a, *b;

    if (!begin(stay) || !await(1))
        return;
    a = domu_map(&u, page);
    b = domu_map(&u, &grants[0]); /* the page that the grant table covers there */
    *a = 17;
    domu_unmap(theirs);
    CHECK_EQ(domu_destroy(&u), 0, "destroy a domain of which two pages are mapped");
    CHECK(!domu_gone(&u, 200) && is_zombie(), "... and it stays a zombie");
    CHECK_EQ(*a, 17, "... whose page is still there");
    domu_unmap(b);
    CHECK(!domu_gone(&u, 200), "... also with one map less");
    CHECK(domu_set_va(&u, empty_window(), u.mfn[va_to_pfn(&u)] * PAGE | PTE_RW_KERNEL) < 0,
          "... of which what was freed cannot be mapped any more");
    domu_unmap(a);
    CHECK(domu_gone(&u, LONG), "... and is gone with the last one");
}

static void ends(void)
{
    if (begin(crash)) {
        domu_unmap(theirs);
        CHECK_EQ(domu_wait(&u, LONG), SHUTDOWN_crash, "a domain that says it crashed");
        CHECK_EQ(domu_destroy(&u), 0, "... is destroyed");
        CHECK(domu_gone(&u, LONG), "... and gone");
        CHECK_EQ(domu_destroy(&u), -XESRCH, "... once only");
    }
    if (begin(fault)) {
        struct xen_domctl_getdomaininfo info;

        domu_unmap(theirs);
        CHECK_EQ(domu_wait(&u, LONG), SHUTDOWN_crash, "a domain that faults has its handler");
        CHECK_EQ(domu_info(&u, &info), 0, "... is still there");
        CHECK_EQ(info.tot_pages, u.nr_pages, "... with its memory");
        CHECK_EQ(domu_destroy(&u), 0, "... is destroyed");
        CHECK(domu_gone(&u, LONG), "... and gone");
    }
}

static void events(void)
{
    struct evtchn_bind_interdomain bind;
    struct evtchn_status st = { .dom = DOMID_SELF };
    unsigned int n;

    if (!begin(ponger) || !await(1))
        return;
    bind = (struct evtchn_bind_interdomain){ .remote_dom = u.id, .remote_port = theirs->port };
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &bind), 0, "bind the other's port");
    event_count[bind.local_port] = 0;
    events_on();
    for (n = 0; n < 100; n++) {
        unsigned int had = event_count[bind.local_port];

        evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ bind.local_port });
        if (!YIELD_UNTIL(event_count[bind.local_port] != had, LONG))
            break;
    }
    CHECK_EQ(n, 100, "events there and back, many times");
    theirs->step = 2;
    end();
    st.port = bind.local_port;
    CHECK_EQ(evtchn_op(EVTCHNOP_status, &st), 0, "the port of a dead domain's partner");
    CHECK_EQ(st.status, EVTCHNSTAT_unbound, "... is unbound");
    CHECK(evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ bind.local_port }) <= 0,
          "... and sends nothing");
    CHECK_EQ(evtchn_op(EVTCHNOP_close, &(struct evtchn_close){ bind.local_port }), 0,
             "... and can be closed");
    events_off();
}

/* --- leaks ------------------------------------------------------------------------------------ */

static uint64_t free_pages(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    hypercall(__HYPERVISOR_sysctl, &op);
    return op.u.physinfo.free_pages;
}

static void no_leaks(void)
{
    uint64_t before;
    unsigned int n;

    if (domu_start(&u, &(struct domu_config){ .fn = first }))
        domu_finish(&u, LONG);
    before = free_pages();
    for (n = 0; n < 20; n++) {
        if (domu_create(&u, &(struct domu_config){ .fn = crash, .vcpus = 1 + n % 3 }))
            break;
        if (n % 2)
            domu_unpause(&u);
        if (n % 4 == 1)
            domu_wait(&u, LONG);
        if (domu_destroy(&u) || !domu_gone(&u, LONG))
            break;
    }
    CHECK_EQ(n, 20, "twenty domains come and go, some running, some not");
    if (on_granta())
        CHECK_EQ(free_pages(), before, "... and every page is free again");
    else
        skip("this hypervisor keeps a few pages for its own heap");
}

void test_main(void)
{
    events_start();
    if (domu_start(&u, &(struct domu_config){ .fn = first, .spare = 64 }))
        domu_finish(&u, LONG);
    grants_between();
    dies_while_granted();
    dies_while_mapped();
    ends();
    events();
    no_leaks();
}
