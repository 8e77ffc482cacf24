/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device for PVH and HVM guests: QEMU's edu device appears in a guest's memory, copies within
 * it and nowhere else, and interrupts it by a message and by a wire; it is taken away while the
 * guest uses it, and left behind by a guest that ends. The guest is that of tests/guest/pvh, in
 * payload/pci.c.
 */
#include "edu.h"
#include "pvh.h"

#include "../pvh/payload/mailbox.h"

const char *test_name = "passthrough_hvm";

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

#define BAR_GFN (PCI_BAR / PAGE)
#define MANY 256U
#define UNMASKED XEN_DOMCTL_VMSI_X86_UNMASKED
#define VECTOR_1 0x61U
#define VECTOR_2 0x62U

static struct domu d;
static uint64_t bar;                 /* its machine frame */
static volatile uint64_t *page;      /* of this domain */
static volatile uint64_t *way_of_us; /* edu.back */

/* --- the toolstack's calls -------------------------------------------------------------------- */

static long assign(uint32_t cmd, domid_t id)
{
    struct xen_domctl op = { 0 };

    op.u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
    op.u.assign_device.u.pci.machine_sbdf = edu.devfn;
    return domctl(cmd, id, &op);
}

static long give(void) { return assign(XEN_DOMCTL_assign_device, d.id); }
static long take(void) { return assign(XEN_DOMCTL_deassign_device, d.id); }
static long take_back(void) { return assign(XEN_DOMCTL_deassign_device, DOMID_IO); }

static long permit(uint64_t mfn, uint64_t nr, bool allow)
{
    struct xen_domctl op = { 0 };

    op.u.iomem_permission.first_mfn = mfn;
    op.u.iomem_permission.nr_mfns = nr;
    op.u.iomem_permission.allow_access = allow;
    return domctl(XEN_DOMCTL_iomem_permission, d.id, &op);
}

/* As libxc does it, in as many calls as it takes. */
static long map(uint64_t gfn, uint64_t mfn, uint64_t nr, bool add)
{
    while (nr > 0) {
        struct xen_domctl op = { 0 };
        long rc;

        op.u.memory_mapping.first_gfn = gfn;
        op.u.memory_mapping.first_mfn = mfn;
        op.u.memory_mapping.nr_mfns = nr;
        op.u.memory_mapping.add_mapping = add;
        rc = domctl(XEN_DOMCTL_memory_mapping, d.id, &op);
        if (rc <= 0)
            return rc;
        gfn += (uint64_t)rc, mfn += (uint64_t)rc, nr -= (uint64_t)rc;
    }
    return 0;
}

static long map_message(int *pirq)
{
    struct physdev_map_pirq m = { .domid = d.id, .type = MAP_PIRQ_TYPE_MSI, .index = -1,
                                  .pirq = -1, .devfn = (int)edu.devfn };
    const long rc = hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m);

    *pirq = m.pirq;
    return rc;
}

static long map_line(int gsi, int *pirq)
{
    struct physdev_map_pirq m = { .domid = d.id, .type = MAP_PIRQ_TYPE_GSI, .index = gsi,
                                  .pirq = -1 };
    const long rc = hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m);

    *pirq = m.pirq;
    return rc;
}

static long unmap_pirq(int pirq)
{
    struct physdev_unmap_pirq m = { .domid = d.id, .pirq = pirq };

    return hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &m);
}

static long message(uint32_t cmd, int pirq, uint8_t vector)
{
    struct xen_domctl op = { 0 };

    op.u.bind_pt_irq.machine_irq = (uint32_t)pirq;
    op.u.bind_pt_irq.irq_type = PT_IRQ_TYPE_MSI;
    op.u.bind_pt_irq.u.msi.gvec = vector;
    op.u.bind_pt_irq.u.msi.gflags = UNMASKED; /* to APIC id 0, fixed, edge */
    return domctl(cmd, d.id, &op);
}

static long wire(uint32_t cmd, int pirq, uint8_t device)
{
    struct xen_domctl op = { 0 };

    op.u.bind_pt_irq.machine_irq = (uint32_t)pirq;
    op.u.bind_pt_irq.irq_type = PT_IRQ_TYPE_PCI;
    op.u.bind_pt_irq.u.pci.device = device;
    return domctl(cmd, d.id, &op);
}

/* --- the guest -------------------------------------------------------------------------------- */

static void order(uint32_t what, uint32_t nr, uint64_t add)
{
    volatile struct mailbox *box = pvh_page(&d, 0);

    box->first = what;
    box->nr = nr;
    box->add = add;
    box->order++;
    pvh_close_page();
}

/* Its sum; all ones if it does not answer. */
static uint64_t answer(void)
{
    volatile struct mailbox *box = pvh_page(&d, 0);
    const bool ok = YIELD_UNTIL(box->done == box->order, 20000);
    const uint64_t sum = box->sum;

    pvh_close_page();
    CHECK(ok, "the guest has done it");
    return ok ? sum : ~0UL;
}

static uint64_t ask(uint32_t what, uint32_t nr, uint64_t add)
{
    order(what, nr, add);
    return answer();
}

static bool start(bool hvm)
{
    const unsigned long size = (unsigned long)(payload_end - payload);
    long rc;

    pvh_vcpus = 1;
    pvh_flags = XEN_DOMCTL_CDF_iommu;
    rc = hvm ? hvm_prepare(&d, payload, size, RUN_PCI) ?: domu_unpause(&d)
             : pvh_start(&d, payload, size, RUN_PCI);
    CHECK_EQ(rc, 0, hvm ? "an HVM guest that may have devices" : "a PVH guest that may");
    return rc == 0;
}

/* --- this domain ------------------------------------------------------------------------------ */

static bool reaches_us(void)
{
    page[1] = PCI_MARK;
    page[2] = 0;
    edu.back = way_of_us;
    edu.back_at = maddr(way_of_us);
    if (dma_read(maddr(&page[1])) != PCI_MARK)
        return false;
    dma_write(maddr(&page[2]), PCI_MARK);
    return page[2] == PCI_MARK;
}

/* What the guest has told it to do last is done first: it takes no orders meanwhile. */
static void back_again(void)
{
    YIELD_UNTIL(!(*(volatile uint64_t *)(edu.regs + EDU_COMMAND) & EDU_RUN), 5000);
    CHECK(!reaches_us(), "... it is nobody's then, and reaches nothing");
    CHECK_EQ(take_back(), 0, "... and is this domain's again");
    CHECK(reaches_us(), "... whose memory it reaches");
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_rights(void)
{
    const uint64_t ours = va_to_mfn((const void *)page);

    CHECK_EQ(map(BAR_GFN, bar, 1, true), -XEPERM, "no mapping without the right to it");
    CHECK_EQ(permit(bar, PCI_BAR_PAGES, true), 0, "the right to the device's memory");
    if (on_granta()) {
        CHECK_EQ(map(0x10, bar, 1, true), -XEBUSY, "... not where memory is");
        CHECK_EQ(permit(ours, 1, true), 0, "a right to memory of this domain's");
        CHECK_EQ(map(BAR_GFN, ours, 1, true), -XEPERM, "... is none to map it as a device's");
        CHECK_EQ(permit(ours, 1, false), 0, "... and goes");
        CHECK_EQ(map(1UL << 60, bar, 1, true), -XEINVAL, "nor at no address");
    }
    CHECK_EQ(map(BAR_GFN, bar, PCI_BAR_PAGES, true), 0, "it is mapped");
    CHECK_EQ(map(BAR_GFN + 3, bar + 3, 2, false), 0, "... a part goes");
    CHECK_EQ(map(BAR_GFN + 3, bar + 3, 2, true), 0, "... and comes");
}

/* Frames of the machine's that were free just now, among them those that the guest has given. */
static unsigned int marked_frames(uint64_t mark)
{
    static uint64_t got[MANY];
    static volatile uint64_t *window;
    unsigned int found = 0;

    if (!got[0]) {
        struct xen_memory_reservation r = { .nr_extents = MANY, .domid = DOMID_SELF };

        set_xen_guest_handle(r.extent_start, got);
        for (unsigned int i = 0; i < MANY; i++)
            got[i] = spare_mfn();
        CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), MANY,
                 "this domain gives many pages back");
        CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r), MANY,
                 "... and gets as many");
        window = alloc_page();
    }
    for (unsigned int i = 0; i < MANY; i++) {
        set_va((uint64_t)window, got[i] << 12 | PTE_RW_KERNEL);
        found += window[0] == mark;
        window[0] = 0;
    }
    return found;
}

static void test_memory(void)
{
    CHECK_EQ(give(), 0, "the device is given to it");
    ask(PCI_LOOK, 0, 0);
    page[3] = 0;
    ask(PCI_COPY, 0, maddr(&page[3]));
    CHECK_EQ(page[3], 0, "... and not to memory of this domain's");
    ask(PCI_GIVE, 0, 0);
    CHECK_EQ(marked_frames(PCI_MARK + 1), 0, "nothing is there");
    ask(PCI_HOLE, 0, 0);
    CHECK_EQ(marked_frames(PCI_MARK + 1), 0, "the device does not reach the page that has gone");
    ask(PCI_REGAIN, 0, 0);
}

static void test_message(void)
{
    int pirq;

    CHECK_EQ(map_message(&pirq), 0, "its message is mapped");
    CHECK(pirq >= 16, "... to a pirq of the guest's");
    CHECK(message(XEN_DOMCTL_bind_pt_irq, pirq + 1, VECTOR_1) < 0, "another one cannot be bound");
    CHECK_EQ(message(XEN_DOMCTL_bind_pt_irq, pirq, VECTOR_1), 0, "it is bound to a vector");
    CHECK_EQ(ask(PCI_RAISE, VECTOR_1, 3), 3, "... which comes each time");
    CHECK_EQ(message(XEN_DOMCTL_bind_pt_irq, pirq, VECTOR_2), 0, "it is bound to another");
    CHECK_EQ(ask(PCI_RAISE, VECTOR_2, 2), 2, "... which comes now");
    CHECK_EQ(ask(PCI_RAISE, VECTOR_1, 0), 3, "... and not the first");
    CHECK_EQ(message(XEN_DOMCTL_unbind_pt_irq, pirq, VECTOR_2), 0, "it is unbound");
    CHECK_EQ(ask(PCI_RAISE, VECTOR_2, 1), 2, "... and comes no more");
    if (on_granta())
        CHECK_EQ(message(XEN_DOMCTL_unbind_pt_irq, pirq, VECTOR_2), -XEINVAL, "... only once");
    CHECK_EQ(unmap_pirq(pirq), 0, "its message is unmapped");
    CHECK(message(XEN_DOMCTL_bind_pt_irq, pirq, VECTOR_1) < 0, "... and can be bound no more");
    if (on_granta())
        CHECK_EQ(wire(XEN_DOMCTL_bind_pt_irq, 5, 0), -XEOPNOTSUPP, "a PVH guest has no wires");
}

static void test_taken_in_use(void)
{
    volatile struct mailbox *box;
    int pirq;

    CHECK_EQ(map_message(&pirq), 0, "its message is mapped again");
    CHECK_EQ(message(XEN_DOMCTL_bind_pt_irq, pirq, VECTOR_1), 0, "... and bound");
    order(PCI_BUSY, VECTOR_1, 0);
    box = pvh_page(&d, 0);
    CHECK(YIELD_UNTIL(box->alive > 100, 20000), "the guest is busy with it");
    pvh_close_page();
    CHECK_EQ(take(), 0, "the device is taken away");
    CHECK_EQ(unmap_pirq(pirq), 0, "... its message, which is bound");
    CHECK_EQ(permit(bar, PCI_BAR_PAGES, false), 0, "... and the right to its memory");
    if (!on_granta())
        map(BAR_GFN, bar, PCI_BAR_PAGES, false);
    CHECK(answer() > 100, "the guest notices");
    back_again();
}

/* QEMU's q35: pins 20 to 23 for devices on the bus. */
static int gsi_of_edu(void) { return 20 + (int)(edu.devfn >> 3 & 3); }

static void test_line(void)
{
    struct physdev_setup_gsi g = { .gsi = gsi_of_edu(), .triggering = 1, .polarity = 1 };
    int pirq;

    hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, &g);
    CHECK_EQ(map_line(g.gsi, &pirq), 0, "its line is mapped");
    if (on_granta())
        CHECK_EQ(pirq, g.gsi, "... to the pirq of the line's number");
    CHECK_EQ(wire(XEN_DOMCTL_bind_pt_irq, pirq, PCI_DEVICE), 0, "... and bound to a wire");
    CHECK(wire(XEN_DOMCTL_bind_pt_irq, pirq, 32) < 0, "... there are 32 devices");
    ask(PCI_ROUTE, 0, 0);
    CHECK_EQ(ask(PCI_RAISE, PCI_PIN_VECTOR, 5), 5, "it comes, each time it is raised");
    CHECK_EQ(wire(XEN_DOMCTL_unbind_pt_irq, pirq, PCI_DEVICE), 0, "it is unbound");
    CHECK_EQ(ask(PCI_RAISE, PCI_PIN_VECTOR, 1), 5, "... and comes no more");
    CHECK_EQ(wire(XEN_DOMCTL_bind_pt_irq, pirq, PCI_DEVICE), 0, "... is bound again");
    CHECK_EQ(ask(PCI_RAISE, PCI_PIN_VECTOR, 1), 6, "... and comes");
    ask(PCI_SILENT, 0, 0);
}

/* It ends with the line up, its device, all that is mapped and bound. */
static void test_left(void)
{
    CHECK_EQ(domu_destroy(&d), 0, "the guest ends with its device");
    CHECK(domu_gone(&d, 5000), "... and is gone");
    *(volatile uint32_t *)(edu.regs + 0x64) = ~0U; /* end its interrupt */
    back_again();
}

static void test_pvh(void)
{
    if (!start(false))
        return;
    test_rights();
    test_memory();
    test_message();
    test_taken_in_use();
    order(PCI_END, 0, 0);
    CHECK_EQ(domu_wait(&d, 10000), SHUTDOWN_poweroff, "it comes to its end");
    pvh_report(&d);
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... all of it");
}

static void test_hvm(void)
{
    if (!start(true))
        return;
    CHECK_EQ(permit(bar, PCI_BAR_PAGES, true), 0, "the right to the device's memory");
    CHECK_EQ(map(BAR_GFN, bar, PCI_BAR_PAGES, true), 0, "it is mapped");
    CHECK_EQ(give(), 0, "the device is given to it");
    ask(PCI_LOOK, 0, 0);
    test_line();
    pvh_report(&d);
    test_left();
}

void test_main(void)
{
    if (!edu_find()) {
        skip("QEMU's edu device is not there");
        return;
    }
    page = alloc_page();
    way_of_us = edu.back;
    bar = pci_config(0x80000000U | edu.devfn << 8 | 0x10) >> 12;
    edu_announce();
    test_pvh();
    test_hvm();
}
