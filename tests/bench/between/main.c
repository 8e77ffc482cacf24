/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of what two domains do with each other: event channels there and back, and grants by
 * the page. The other domain is a copy of this kernel, which grants its pages and echoes events; on
 * a machine with one cpu, so that both directions include a switch.
 */
#include "bench.h"
#include "domu.h"

const char *test_name = "between";

#define PAGES 32
#define FIRST_REF 8

/* What the two tell each other: the copy's variables, which the first domain maps. */
static struct shared {
    evtchn_port_t port; /* the first domain's, for the copy to bind */
    volatile bool blocks, ready;
} shared __attribute__((aligned(PAGE)));

static void nothing(void)
{
}

/* --- the copy --------------------------------------------------------------------------------- */

static void grant_pages(void)
{
    unsigned long frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = &frame };
    struct grant_entry_v1 *table = alloc_page();

    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &setup, 1);
    CHECK_EQ(set_va((uint64_t)table, frame * PAGE | PTE_RW_KERNEL), 0, "map the grant table");
    for (unsigned int i = 0; i < PAGES; i++)
        table[FIRST_REF + i] = (struct grant_entry_v1){
            .domid = 0, .frame = (uint32_t)va_to_mfn(alloc_page()), .flags = GTF_permit_access
        };
}

static void echo(void)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = 0, .remote_port = shared.port };
    struct evtchn_send send;

    event_hook = nothing;
    events_start();
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &bind), 0, "bind the channel");
    memset(shared_info->evtchn_mask, 0, sizeof(shared_info->evtchn_mask));
    send.port = bind.local_port;
    grant_pages();
    shared.ready = true;
    for (;;) {
        await(bind.local_port, shared.blocks);
        evtchn_op(EVTCHNOP_send, &send);
    }
}

/* --- the first domain ------------------------------------------------------------------------- */

static void ping_pong(volatile struct shared *its)
{
    struct evtchn_send send = { .port = shared.port };

    BENCH("pingpong.poll", , evtchn_op(EVTCHNOP_send, &send); await(send.port, false));
    its->blocks = true;
    BENCH("pingpong.block", , evtchn_op(EVTCHNOP_send, &send); await(send.port, true));
}

static struct gnttab_map_grant_ref map[PAGES];
static struct gnttab_unmap_grant_ref unmap[PAGES];
static struct gnttab_copy copy[PAGES];

static void prepare(domid_t id)
{
    for (unsigned int i = 0; i < PAGES; i++) {
        void *window = alloc_page();

        copy[i] = (struct gnttab_copy){ .source = { .u.ref = FIRST_REF + i, .domid = id },
                                        .dest = { .u.gmfn = va_to_mfn(alloc_page()),
                                                  .domid = DOMID_SELF },
                                        .len = PAGE, .flags = GNTCOPY_source_gref };
        set_va((uint64_t)window, 0);
        map[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)window,
                                                .flags = GNTMAP_host_map,
                                                .ref = FIRST_REF + i, .dom = id };
        unmap[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (uint64_t)window };
    }
}

static void map_all(unsigned int n)
{
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, map, n);
    for (unsigned int i = 0; i < n; i++)
        unmap[i].handle = map[i].handle;
}

static void unmap_all(unsigned int n)
{
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, unmap, n);
}

static void no_failure(unsigned int n)
{
    int bad = 0;

    for (unsigned int i = 0; i < n; i++)
        bad |= map[i].status | unmap[i].status | copy[i].status;
    if (bad)
        print("FAIL %s: a grant operation of %u gives %d\n", test_name, n, bad);
}

static void grants(void)
{
    static const struct {
        unsigned int n;
        const char *map, *unmap, *copy;
    } batch[] = {
        { 1, "foreign.map.1", "foreign.unmap.1", "foreign.copy.1" },
        { 8, "foreign.map.8", "foreign.unmap.8", "foreign.copy.8" },
        { 32, "foreign.map.32", "foreign.unmap.32", "foreign.copy.32" },
    };

    for (unsigned int i = 0; i < 3; i++) {
        const unsigned int n = batch[i].n;

        BENCH_EACH(batch[i].map, n, ,
                   hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, map, n),
                   for (unsigned int j = 0; j < n; j++) unmap[j].handle = map[j].handle;
                   unmap_all(n));
        BENCH_EACH(batch[i].unmap, n, map_all(n), unmap_all(n), );
        BENCH_EACH(batch[i].copy, n, ,
                   hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, copy, n), );
        no_failure(n);
    }
}

void test_main(void)
{
    static struct domu other;
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF };
    volatile struct shared *its;

    event_hook = nothing;
    events_start();
    memset(shared_info->evtchn_mask, 0, sizeof(shared_info->evtchn_mask));
    BENCH("empty", , );
    CHECK_EQ(domu_create(&other, &(struct domu_config){ .fn = echo }), 0, "make a domain");
    alloc.remote_dom = other.id;
    CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &alloc), 0, "make a channel");
    its = domu_map(&other, &shared);
    its->port = shared.port = alloc.port;
    prepare(other.id);
    CHECK_EQ(domu_unpause(&other), 0, "start the domain");
    CHECK(YIELD_UNTIL(its->ready, 2000), "it is ready");
    if (its->ready) {
        grants();
        ping_pong(its);
    }
    domu_report(&other);
    domu_destroy(&other);
}
