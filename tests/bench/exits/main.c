/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that the exits of PVH and HVM guests cost, by kind: the guests of tests/guest/pvh
 * count them (payload/bench.c). This kernel is the device model of the second, and sleeps
 * otherwise.
 */
#include "dm.h"

#include "../../guest/pvh/payload/mailbox.h"

const char *test_name = "exits";

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PVH_PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

#define SIZE ((unsigned long)(payload_end - payload))

static struct domu d;

static void report_guest(unsigned int least)
{
    static struct mailbox box;

    pvh_read(&d, &box, sizeof(box));
    for (unsigned int i = 0; i < box.nr_figures && i < PVH_FIGURES; i++)
        print("bench %s %ld %ld %ld\n", box.figure[i].name, (long)box.figure[i].min,
              (long)box.figure[i].median, (long)box.figure[i].max);
    for (unsigned int i = 0; i < box.nr_notes && i < PVH_NOTES; i++)
        CHECK(box.note[i].ok, box.note[i].what);
    CHECK(box.nr_figures >= least, "there are figures");
}

/* --- PVH -------------------------------------------------------------------------------------- */

static void pvh(void)
{
    CHECK_EQ(pvh_start(&d, payload, SIZE, RUN_BENCH), 0, "start a PVH guest");
    CHECK_EQ(domu_wait(&d, 100000), SHUTDOWN_poweroff, "it comes to its end");
    report_guest(20);
    domu_destroy(&d);
}

/* --- HVM -------------------------------------------------------------------------------------- */

static uint8_t port[8], memory[DM_MEMORY_SIZE + 8];
static bool wants_log;

static bool access(struct dm *m, struct ioreq *r)
{
    if (r->type == IOREQ_TYPE_PIO && r->addr == DM_ORDER) {
        wants_log = r->data == DM_LOG;
        return !wants_log; /* not before it is on */
    }
    dm_keep(m, r, r->type == IOREQ_TYPE_PIO ? port : memory + r->addr % DM_MEMORY_SIZE);
    return true;
}

static struct dm model = { .access = access };

static void log_on(void)
{
    struct xen_domctl op = { .u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY };

    CHECK_EQ(domctl(XEN_DOMCTL_shadow_op, d.id, &op), 0, "the log is switched on");
    model.slot[0].data = 0;
    model.slot[0].state = STATE_IORESP_READY;
    evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ .port = model.port[0] });
    wants_log = false;
}

static bool ended(void)
{
    struct xen_domctl_getdomaininfo info;

    return domu_info(&d, &info) || (info.flags & XEN_DOMINF_shutdown);
}

static void nothing(void)
{
}

static void serve(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_DOM_EXC };

    event_hook = nothing;
    events_start();
    memset(shared_info->evtchn_mask, 0, sizeof(shared_info->evtchn_mask));
    evtchn_op(EVTCHNOP_bind_virq, &virq);
    for (;;) {
        while (dm_serve(&model))
            continue;
        if (wants_log)
            log_on();
        else if (bit_is_on(shared_info->evtchn_pending, virq.port) && ended())
            return;
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        my_info()->evtchn_upcall_mask = 1;
        my_info()->evtchn_upcall_pending = 0;
        my_info()->evtchn_pending_sel = 0;
        for (unsigned int i = 0; i < model.vcpus; i++)
            bit_flip(shared_info->evtchn_pending, model.port[i], false);
    }
}

/* Beside what it has: entries without frames, then frames for them. */
static long on_demand(void)
{
    static xen_pfn_t gfn[ON_DEMAND_PAGES];
    struct xen_memory_reservation r = { .nr_extents = ON_DEMAND_PAGES, .domid = d.id,
                                        .mem_flags = XENMEMF_populate_on_demand };
    struct xen_pod_target target = { .domid = d.id, .target_pages = PVH_PAGES - 0x60 +
                                                                    ON_DEMAND_PAGES };
    struct xen_domctl op = { .u.max_mem.max_memkb = (PVH_PAGES + ON_DEMAND_PAGES) * 4UL };
    long rc = domctl(XEN_DOMCTL_max_mem, d.id, &op);

    for (unsigned int i = 0; i < ON_DEMAND_PAGES; i++)
        gfn[i] = ON_DEMAND_GFN + i;
    set_xen_guest_handle(r.extent_start, gfn);
    if (rc == 0)
        rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) - ON_DEMAND_PAGES;
    return rc ?: hypercall(__HYPERVISOR_memory_op, XENMEM_set_pod_target, &target);
}

static void hvm(void)
{
    CHECK_EQ(hvm_prepare(&d, payload, SIZE, RUN_HVM_BENCH), 0, "make an HVM guest");
    CHECK_EQ(on_demand(), 0, "... some of whose memory comes on demand");
    CHECK_EQ(dm_make(&model, &d), 0, "... with a device model");
    dm_claim(&model, XEN_DMOP_IO_RANGE_PORT, DM_PORT, DM_PORT + 3);
    dm_claim(&model, XEN_DMOP_IO_RANGE_PORT, DM_ORDER, DM_ORDER + 3);
    dm_claim(&model, XEN_DMOP_IO_RANGE_MEMORY, DM_MEMORY, DM_MEMORY + DM_MEMORY_SIZE - 1);
    CHECK_EQ(domu_unpause(&d), 0, "start it");
    serve();
    CHECK_EQ(domu_wait(&d, 0), SHUTDOWN_poweroff, "it comes to its end");
    report_guest(14);
    dm_destroy(&model);
    domu_destroy(&d);
}

void test_main(void)
{
    pvh();
    hvm();
}
