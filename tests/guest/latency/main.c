/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a domain can keep the first one from its timer by requests that take long: one cpu, the
 * attacker repeats one request for ever, and the first domain, asleep, has a timer. Measured is the
 * time from the moment that it asked for to its handler, with the scheduler's rate limit off.
 *
 * Run under `-icount shift=0`, where a nanosecond is an instruction, so that the bound is exact and
 * the machine's load does not matter.
 */
#include "domu.h"

const char *test_name = "latency";

/* Instructions from the moment asked for to the handler, whatever the attacker does. */
#define BOUND 120000
#define SAMPLES 60

static struct domu u;
static struct {
    volatile unsigned int job;  /* what the attacker does, set by the other */
    volatile unsigned int port; /* the first domain's, to be flooded */
    volatile uint64_t rounds[32];
    volatile long failed[32]; /* a request that was refused: its error */
} shared __attribute__((aligned(PAGE))), *theirs;

/* --- the attacker ----------------------------------------------------------------------------- */

#define BATCH 512
static struct mmu_update updates[BATCH];
static struct multicall_entry calls[BATCH], long_calls[8];
static struct mmuext_op flushes[BATCH], clears[BATCH];
static struct gnttab_copy copies[BATCH];
static struct gnttab_map_grant_ref maps[BATCH];
static struct gnttab_unmap_grant_ref unmaps[BATCH];
static xen_pfn_t extents[BATCH], fresh[BATCH];
static struct grant_entry_v1 *grants;
static char *window, *data, *windows[128];
static uint64_t *top; /* a tree of tables of its own, not in use */

#define NR_L1 64

/* 64 full tables under one top: some 33,000 entries to be looked at by a pin. */
static void make_tree(void)
{
    uint64_t *l3, *l2, *tables[NR_L1 + 3];

    for (unsigned int i = 0; i < NR_L1 + 3; i++)
        tables[i] = alloc_page();
    top = tables[0];
    l3 = tables[1];
    l2 = tables[2];
    top[0] = va_to_mfn(l3) * PAGE | PTE_RW_KERNEL | PTE_U;
    l3[0] = va_to_mfn(l2) * PAGE | PTE_RW_KERNEL | PTE_U;
    for (unsigned int i = 0; i < NR_L1; i++) {
        l2[i] = va_to_mfn(tables[3 + i]) * PAGE | PTE_RW_KERNEL | PTE_U;
        for (unsigned int k = 0; k < 512; k++)
            tables[3 + i][k] = va_to_mfn(data) * PAGE | PTE_RW_KERNEL | PTE_U;
    }
    for (unsigned int i = 0; i < NR_L1 + 3; i++)
        set_va((uint64_t)tables[i], va_to_mfn(tables[i]) * PAGE | PTE_RO_KERNEL);
}

static void make_grants(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &setup, 1);
    grants = alloc_page();
    set_va((uint64_t)grants, frame * PAGE | PTE_RW_KERNEL);
    grants[9] = (struct grant_entry_v1){ GTF_permit_access, (domid_t)u.id,
                                         (uint32_t)va_to_mfn(data) };
    for (unsigned int i = 0; i < 128; i++) {
        windows[i] = alloc_page();
        set_va((uint64_t)windows[i], 0);
    }
}

static void prepare(void)
{
    hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    window = alloc_page();
    data = alloc_page();
    for (unsigned int i = 0; i < BATCH; i++) {
        updates[i].ptr = pt_entry_maddr((uint64_t)window, 1);
        updates[i].val = va_to_mfn(window) * PAGE | (i & 1 ? PTE_RW_KERNEL : PTE_RO_KERNEL);
        calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
        flushes[i].cmd = MMUEXT_TLB_FLUSH_ALL;
        clears[i].cmd = MMUEXT_CLEAR_PAGE;
        clears[i].arg1.mfn = va_to_mfn(data);
        copies[i].source.domid = copies[i].dest.domid = DOMID_SELF;
        copies[i].source.u.gmfn = va_to_mfn(window);
        copies[i].dest.u.gmfn = va_to_mfn(data);
        copies[i].len = PAGE;
    }
    for (unsigned int i = 0; i < 8; i++)
        long_calls[i] = (struct multicall_entry){
            .op = __HYPERVISOR_mmu_update, .args = { (uint64_t)updates, BATCH, 0, DOMID_SELF }
        };
    for (unsigned int i = 0; i < 64; i++)
        extents[i] = pfn_to_mfn(start_info->nr_pages - 1 - i);
    make_tree();
    make_grants();
}

static long do_spin(void) { return 0; }

static long do_updates(void)
{
    return hypercall(__HYPERVISOR_mmu_update, updates, BATCH, 0, DOMID_SELF);
}

static long ext(void *ops, unsigned int n)
{
    return hypercall(__HYPERVISOR_mmuext_op, ops, n, 0, DOMID_SELF);
}

static long do_pins(void)
{
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE }, unpin = { .cmd = MMUEXT_UNPIN_TABLE };

    pin.arg1.mfn = unpin.arg1.mfn = va_to_mfn(top);
    return ext(&pin, 1) ?: ext(&unpin, 1);
}

static long do_flushes(void) { return ext(flushes, BATCH); }
static long do_clears(void) { return ext(clears, BATCH); }
static long do_multicall(void) { return hypercall(__HYPERVISOR_multicall, calls, BATCH); }
static long do_long_calls(void)
{
    for (unsigned int i = 0; i < 8; i++) /* an interrupted one has changed its arguments */
        long_calls[i] = (struct multicall_entry){
            .op = __HYPERVISOR_mmu_update, .args = { (uint64_t)updates, BATCH, 0, DOMID_SELF }
        };
    return hypercall(__HYPERVISOR_multicall, long_calls, 8);
}

/* Spare pages there and back. */
static long do_reservation(void)
{
    struct xen_memory_reservation r = { .nr_extents = 64, .domid = DOMID_SELF };
    long rc;

    set_xen_guest_handle(r.extent_start, extents);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r);
    if (rc != 64)
        return -1;
    for (unsigned int i = 0; i < 64; i++)
        extents[i] = start_info->nr_pages - 1 - i;
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
    return rc == 64 ? 0 : -2;
}

static long do_exchange(void)
{
    struct xen_memory_exchange x = { .in = { .nr_extents = 64, .domid = DOMID_SELF },
                                     .out = { .nr_extents = 64, .domid = DOMID_SELF } };
    long rc;

    for (unsigned int i = 0; i < 64; i++)
        fresh[i] = start_info->nr_pages - 1 - i;
    set_xen_guest_handle(x.in.extent_start, extents);
    set_xen_guest_handle(x.out.extent_start, fresh);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, &x);
    for (unsigned int i = 0; i < 64 && rc == 0; i++)
        extents[i] = fresh[i];
    return rc;
}

static long do_copies(void)
{
    long rc = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, copies, BATCH);

    return rc ?: copies[BATCH - 1].status;
}

static long do_maps(void)
{
    long rc;

    for (unsigned int i = 0; i < 128; i++)
        maps[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)windows[i], .ref = 9,
                                                 .flags = GNTMAP_host_map, .dom = u.id };
    rc = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, maps, 128);
    for (unsigned int i = 0; i < 128; i++)
        unmaps[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (uint64_t)windows[i],
                                                     .handle = maps[i].handle };
    rc = rc ?: hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, unmaps, 128);
    return rc ?: maps[127].status ?: unmaps[127].status;
}

static long do_ports(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 0 };
    struct evtchn_reset reset = { .dom = DOMID_SELF };

    for (unsigned int i = 0; i < 900; i++)
        evtchn_op(EVTCHNOP_alloc_unbound, &op);
    return evtchn_op(EVTCHNOP_reset, &reset);
}

static long do_traps(void)
{
    traps_install();
    return 0;
}
static long do_faults(void) { return probe_read((void *)0x1000, NULL) == 14 ? 0 : -1; }
static long do_table_stores(void)
{
    return probe_write(pt_entry((uint64_t)window, 1), updates[1].val);
}
static long do_yields(void) { return hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0); }
static unsigned int flood_port;
static long do_flood(void)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = 0, .remote_port = shared.port };

    if (!flood_port) {
        evtchn_op(EVTCHNOP_bind_interdomain, &bind);
        flood_port = bind.local_port;
    }
    return evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ flood_port });
}

static const struct {
    const char *what;
    long (*fn)(void);
} jobs[] = {
    { "an attacker that only computes", do_spin },
    { "lists of page-table updates", do_updates },
    { "pins and unpins of a large tree", do_pins },
    { "lists of TLB flushes", do_flushes },
    { "lists of pages to clear", do_clears },
    { "multicalls", do_multicall },
    { "multicalls of long calls", do_long_calls },
    { "giving back and taking memory", do_reservation },
    { "exchanges of memory", do_exchange },
    { "batches of grant copies", do_copies },
    { "batches of grant maps and unmaps", do_maps },
    { "trap tables", do_traps },
    { "page faults", do_faults },
    { "stores to page tables", do_table_stores },
    { "yields", do_yields },
    { "a flood of events", do_flood },
    { "many ports and their reset", do_ports }, /* last: it closes the flood's port */
};
#define NR_JOBS (sizeof(jobs) / sizeof(jobs[0]))

static void attack(void)
{
    prepare();
    for (;;) {
        unsigned int j = shared.job;
        long rc;

        if (j >= NR_JOBS)
            continue;
        rc = jobs[j].fn();
        if (rc)
            shared.failed[j] = rc;
        shared.rounds[j]++;
    }
}

/* --- the first domain ------------------------------------------------------------------------- */

static unsigned int timer_port;
static volatile uint64_t fired_at;

static void on_timer(void)
{
    if (bit_is_on(shared_info->evtchn_pending, timer_port) && !fired_at)
        fired_at = now_ns();
    for (unsigned int w = 0; w < 64; w++) /* all are taken, floods too */
        shared_info->evtchn_pending[w] = 0;
    my_info()->evtchn_pending_sel = 0;
}

static uint64_t set_timer(uint64_t after)
{
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = now_ns() + after };

    fired_at = 0;
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &set);
    return set.timeout_abs_ns;
}

static uint64_t one_sample(unsigned int i)
{
    uint64_t at = set_timer(400000 + i * 7919 % 100000);

    while (!fired_at) {
        events_off();
        if (!fired_at)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        events_on();
    }
    return fired_at - at;
}

static void set_ratelimit(uint32_t us)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_scheduler_op,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = us;
    CHECK_EQ(hypercall(__HYPERVISOR_sysctl, &op), 0, "turn the rate limit off");
}

static void measure(unsigned int j)
{
    uint64_t worst = 0, sum = 0;

    theirs->job = j;
    for (unsigned int i = 0; i < 5; i++) /* it changes its job after the last round of the old */
        one_sample(i);
    for (unsigned int i = 0; i < SAMPLES; i++) {
        uint64_t t = one_sample(i);

        sum += t;
        worst = t > worst ? t : worst;
    }
    print("# latency %s: mean %lu, worst %lu, rounds %lu\n", jobs[j].what, sum / SAMPLES, worst,
          theirs->rounds[j]);
    CHECK_EQ(theirs->failed[j], 0, jobs[j].what);
    if (on_granta())
        CHECK(worst < BOUND, "... keep the first domain from its timer for a bounded time");
}

/* The first domain's own long call: it destroys the other, and its timer comes in the midst. */
static void teardown(void)
{
    uint64_t worst = 0, begun, at, took;

    for (unsigned int i = 0; i < 6; i++) {
        if (i > 0 && (domu_create(&u, &(struct domu_config){ .fn = attack, .spare = 1500 })))
            break;
        begun = now_ns();
        at = set_timer(5000 + i * 150000);
        domu_destroy(&u);
        took = now_ns() - begun;
        if (!YIELD_UNTIL(fired_at, 1000))
            break;
        worst = fired_at - at > worst ? fired_at - at : worst;
        print("# latency teardown: %lu of %lu\n", fired_at - at, took);
    }
    if (on_granta())
        CHECK(worst > 0 && worst < BOUND, "a domain's teardown holds a timer up a bounded time");
    CHECK(domu_gone(&u, 5000), "... and nothing of the domain is left");
}

void test_main(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct evtchn_alloc_unbound flood = { .dom = DOMID_SELF };

    evtchn_op(EVTCHNOP_bind_virq, &virq);
    timer_port = virq.port;
    event_hook = on_timer;
    events_start();
    events_on();
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    set_ratelimit(0);
    if (domu_create(&u, &(struct domu_config){ .fn = attack, .spare = 1500 })) {
        CHECK(false, "create the attacker");
        return;
    }
    theirs = domu_map(&u, &shared);
    theirs->job = NR_JOBS;
    flood.remote_dom = u.id;
    CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &flood), 0, "a port to be flooded");
    theirs->port = flood.port;
    domu_unpause(&u);
    for (unsigned int j = 0; j < NR_JOBS; j++)
        measure(j);
    domu_unmap(theirs);
    teardown();
}
