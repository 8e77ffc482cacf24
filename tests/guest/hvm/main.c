/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An HVM guest, made by hand as a toolstack would, with a PC's devices and a device model that this
 * kernel plays; it starts in real mode. Its kernel is that of tests/guest/pvh (payload/hvm.c and
 * hvm_hostile.c). Hostile ones may die in any way, but alone.
 */
#include "dm.h"

#include "../pvh/payload/mailbox.h"

const char *test_name = "hvm";

#define LIVES 16U

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

static struct domu d;

/* --- the device model ------------------------------------------------------------------------- */

static uint8_t ports[DM_PORTS + 8], memory[DM_MEMORY_SIZE + 8], vga[0x1000 + 8];
static bool deaf;
static uint32_t last_number, late; /* of the guest's writes in turns */
static unsigned int strangers; /* requests that are nobody's here */

static void isa_level(bool level)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_isa_irq_level };

    op.u.set_isa_irq_level.isa_irq = DM_ISA_IRQ;
    op.u.set_isa_irq_level.level = level;
    CHECK_EQ(dm_op(d.id, &op), 0, "an ISA interrupt's level");
}

static void intx_level(bool level)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_pci_intx_level };

    op.u.set_pci_intx_level.device = DM_INTX_DEVICE;
    op.u.set_pci_intx_level.level = level;
    CHECK_EQ(dm_op(d.id, &op), 0, "a PCI interrupt's level");
}

static void msi(void)
{
    struct xen_dm_op op = { .op = XEN_DMOP_inject_msi };

    op.u.inject_msi.addr = 0xfee00000;
    op.u.inject_msi.data = DM_MSI_VECTOR;
    CHECK_EQ(dm_op(d.id, &op), 0, "an MSI");
}

static void order(uint64_t what)
{
    switch (what) {
    case DM_ISA:
        isa_level(true);
        isa_level(false);
        break;
    case DM_INTX_ON:
    case DM_INTX_OFF:
        intx_level(what == DM_INTX_ON);
        break;
    case DM_MSI:
        msi();
        break;
    case DM_DEAF:
        deaf = true;
    }
}

/* Where a request's bytes are kept, if all of its items lie there. */
static uint8_t *place(const struct ioreq *r, uint64_t base, uint64_t size, uint8_t *array)
{
    const bool many = r->data_is_ptr && r->type == IOREQ_TYPE_COPY;
    const uint64_t last = many ? (r->count - 1) * r->size : 0;
    const uint64_t lo = r->df ? r->addr - last : r->addr, hi = r->df ? r->addr : r->addr + last;

    return lo >= base && hi < base + size ? array + (r->addr - base) : NULL;
}

/* What is written to two places in turns is a number that counts up. */
static void in_order(const struct ioreq *r)
{
    if (r->dir == IOREQ_WRITE && !r->data_is_ptr &&
        (r->addr == DM_PORT + DM_LAST_PORT || r->addr == DM_MEMORY + DM_LAST_WORD))
        late += (uint32_t)r->data != ++last_number;
}

static bool serve(struct dm *m, struct ioreq *r)
{
    uint8_t *at = NULL;

    if (deaf)
        return false;
    in_order(r);
    if (r->type == IOREQ_TYPE_INVALIDATE)
        return true;
    if (r->type == IOREQ_TYPE_PIO && r->addr == DM_ORDER) {
        if (r->dir == IOREQ_WRITE)
            order(r->data);
        return true;
    }
    if (r->type == IOREQ_TYPE_PIO) {
        at = place(r, DM_PORT, DM_PORTS, ports);
    } else if (r->type == IOREQ_TYPE_COPY) {
        at = place(r, DM_MEMORY, DM_MEMORY_SIZE, memory);
        at = at ?: place(r, DM_VGA, 0x1000, vga);
    }
    if (at && r->size <= 8)
        dm_keep(m, r, at);
    else
        strangers++;
    return true;
}

static struct dm model = { .access = serve };

static long attach(void)
{
    deaf = false;
    last_number = 0;
    late = 0;
    return dm_make(&model, &d)
               ?: dm_claim(&model, XEN_DMOP_IO_RANGE_PORT, DM_PORT, DM_PORT + DM_PORTS - 1)
               ?: dm_claim(&model, XEN_DMOP_IO_RANGE_PORT, DM_ORDER, DM_ORDER + 3)
               ?: dm_claim(&model, XEN_DMOP_IO_RANGE_MEMORY, DM_MEMORY,
                           DM_MEMORY + DM_MEMORY_SIZE - 1)
               ?: dm_claim(&model, XEN_DMOP_IO_RANGE_MEMORY, DM_VGA, DM_VGA + 0xfff);
}

/* --- lives ------------------------------------------------------------------------------------ */

static bool start(uint32_t run, uint64_t seed)
{
    long rc = hvm_prepare(&d, payload, (unsigned long)(payload_end - payload), run);
    struct mailbox *box;

    if (rc == 0) {
        box = pvh_page(&d, 0);
        box->seed = seed;
        pvh_close_page();
        rc = attach() ?: domu_unpause(&d);
    }
    if (rc) {
        CHECK_EQ(rc, 0, "start it");
        domu_destroy(&d);
    }
    return rc == 0;
}

static bool has_ended(void)
{
    struct xen_domctl_getdomaininfo info;

    return domu_info(&d, &info) || (info.flags & XEN_DOMINF_shutdown);
}

/* Serve it until it ends: its reason, or -1. */
static int serve_until_end(uint64_t ms)
{
    for (uint64_t end = now_ns() + ms * 1000000UL; now_ns() < end;) {
        for (unsigned int i = 0; i < 1000; i++)
            if (!dm_serve(&model))
                hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        if (has_ended())
            break;
    }
    return domu_wait(&d, 0);
}

static bool end(void)
{
    const bool first_model = model.served & 1; /* either may go first */
    bool ok = true;

    if (first_model)
        ok = dm_destroy(&model) == 0;
    ok &= domu_destroy(&d) == 0;
    if (!first_model)
        dm_destroy(&model); /* its server is gone, its mapping is not */
    return ok && domu_gone(&d, 5000);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_devices(void)
{
    int reason;

    if (!start(RUN_HVM, 0))
        return;
    reason = serve_until_end(30000);
    pvh_report(&d);
    CHECK_EQ(reason, SHUTDOWN_poweroff, "it comes to its end");
    CHECK_EQ(last_number, 2 * DM_TURNS, "what it wrote in turns to a port and memory has come");
    CHECK_EQ(late, 0, "... in that order");
    CHECK_EQ(strangers, 0, "its device model was asked for nothing that it did not claim");
    CHECK(end(), "... and nothing of it is left");
}

/* The first looks at every port. */
static void test_hostile(void)
{
    int reason;

    if (!start(RUN_HVM_HOSTILE, 0))
        return;
    reason = serve_until_end(60000); /* on a busy host */
    pvh_report(&d);
    CHECK(reason >= 0, "a hostile guest comes to an end");
    CHECK(end(), "... and nothing of it is left");
}

static void test_tables(void)
{
    if (!start(RUN_HVM_TABLES, 0))
        return;
    serve_until_end(300);
    CHECK(((const struct mailbox *)pvh_page(&d, 0))->alive > 0,
          "a guest with page tables in a device");
    pvh_close_page();
    CHECK(end(), "... and nothing of it is left");
}

static uint32_t alive(void)
{
    const uint32_t n = ((const volatile struct mailbox *)pvh_page(&d, 0))->alive;

    pvh_close_page();
    return n;
}

static void stuck(void)
{
    for (uint64_t limit = now_ns() + 3000000000UL; !deaf && now_ns() < limit;)
        if (!dm_serve(&model))
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    YIELD_UNTIL(model.slot[0].state == STATE_IOREQ_READY &&
                    model.slot[1].state == STATE_IOREQ_READY, 1000);
    CHECK(alive() > 1, "it has asked");
    CHECK(model.slot[0].state == STATE_IOREQ_READY && model.slot[1].state == STATE_IOREQ_READY,
          "... and two requests wait");
}

static uint64_t rnd(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A device model that writes anything into the slots; 1 of 4 times it is an answer. */
static void mad(void)
{
    for (uint64_t limit = now_ns() + 3000000000UL; alive() < 10 && now_ns() < limit;)
        if (!dm_serve(&model))
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    for (unsigned int i = 0; i < 400 && !has_ended(); i++) {
        volatile struct ioreq *slot = &model.slot[i % model.vcpus];
        struct evtchn_send send = { .port = model.port[i % model.vcpus] };
        volatile uint64_t *word = (volatile uint64_t *)slot;

        YIELD_UNTIL(slot->state == STATE_IOREQ_READY, 1);
        for (unsigned int k = 0; k < sizeof(*slot) / sizeof(*word); k++)
            word[k] = rnd();
        slot->state = rnd() & 3 ? (uint8_t)rnd() : STATE_IORESP_READY;
        evtchn_op(EVTCHNOP_send, &send);
    }
}

static void test_mad(void)
{
    struct xen_domctl_getdomaininfo info;

    if (!start(RUN_HVM_ASK, 0))
        return;
    mad();
    CHECK(has_ended() && domu_info(&d, &info) == 0 &&
              (info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash,
          "a device model that answers nonsense ends its guest");
    CHECK(end(), "... and nothing of it is left");
}

static void test_triple_fault(void)
{
    if (!start(RUN_TRIPLE_FAULT, 0))
        return;
    CHECK_EQ(serve_until_end(5000), SHUTDOWN_reboot, "a triple fault reboots");
    CHECK(end(), "... and nothing of it is left");
}

static bool live(unsigned int i, unsigned int *ends)
{
    static const uint32_t run[] = { RUN_HVM_STUCK, RUN_HVM_HOSTILE, RUN_HVM_HOSTILE, RUN_HVM_ASK };

    if (!start(run[i % 4], i))
        return false;
    if (i % 4 == 0)
        stuck();
    else if (i % 4 == 3)
        mad();
    else
        *ends += serve_until_end(i % 4 == 1 ? 300 : 30) >= 0;
    return end();
}

static void test_lives(void)
{
    unsigned int ok = 0, exact = 0, ends = 0;
    uint64_t before;

    live(0, &ends);
    before = free_pages();
    for (unsigned int i = 1; i <= LIVES; i++) {
        if (!live(i, &ends))
            break;
        ok++;
        if (on_granta()) /* stock Xen keeps pages for later */
            exact += YIELD_UNTIL(free_pages() == before, 1000);
    }
    print("hvm: %u of them came to an end of their own\n", ends);
    CHECK_EQ(ok, LIVES, "hostile guests and such with requests that wait come and go");
    if (on_granta())
        CHECK_EQ(exact, LIVES, "... and each gives all its pages back");
}

void test_main(void)
{
    if (pvh_make(&d, PVH_FLAGS, HVM_EMULATION)) {
        skip("this machine runs no HVM guests");
        return;
    }
    CHECK_EQ(domu_destroy(&d), 0, "destroy an empty domain");
    test_devices();
    if (!on_granta()) {
        skip("stock Xen: modes and hostile guests, as the first that crashes ends the run");
        return;
    }
    test_triple_fault();
    test_tables();
    test_mad();
    test_lives();
    test_hostile();
}
