/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device changes hands: QEMU's edu device is given to an unprivileged PV domain, back, set
 * aside, and is with a domain that ends. After each step it is told to copy, and reaches what its
 * owner may write to: not this domain's memory, nor the owner's page tables. (This domain, which is
 * the toolstack, can still reach its registers and says what it shall copy.)
 */
#include "domu.h"
#include "edu.h"

const char *test_name = "passthrough";

#define MARK 0x1122334455667788UL
#define MANY 128U

static volatile uint64_t theirs[PAGE / 8] __attribute__((aligned(PAGE))); /* a page of the copy's */
static struct domu a, b, plain;
static volatile uint64_t *page;      /* of ours */
static volatile uint64_t *way_of_us; /* edu.back */
static uint64_t way_of_us_at;

static void nothing(void) { }

static long assign(uint32_t cmd, domid_t id, uint32_t sbdf, uint32_t flags)
{
    struct xen_domctl op = { 0 };

    op.u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
    op.u.assign_device.flags = flags;
    op.u.assign_device.u.pci.machine_sbdf = sbdf;
    return domctl(cmd, id, &op);
}

static long give(domid_t id) { return assign(XEN_DOMCTL_assign_device, id, edu.devfn, 0); }
static long take(domid_t id) { return assign(XEN_DOMCTL_deassign_device, id, edu.devfn, 0); }
static long test(void) { return assign(XEN_DOMCTL_test_assign_device, a.id, edu.devfn, 0); }

/* Results come back through a page that the device reaches now. */
static void way_through(volatile uint64_t *va, uint64_t at)
{
    edu.back = va;
    edu.back_at = at;
}

static bool reaches_us(void)
{
    way_through(way_of_us, way_of_us_at);
    page[1] = MARK;
    page[2] = 0;
    if (dma_read(maddr(&page[1])) != MARK)
        return false;
    dma_write(maddr(&page[2]), MARK);
    return page[2] == MARK;
}

/* By what it writes: the way back may be closed. */
static bool changes(uint64_t at, const volatile uint64_t *seen)
{
    const uint64_t was = *seen;

    edu_copy(EDU_BUFFER, at, 8, EDU_TO_MEMORY);
    return *seen != was;
}

static void errors(void)
{
    CHECK_EQ(test(), 0, "the device could be assigned");
    CHECK_EQ(give(plain.id), -XEOPNOTSUPP, "not to a domain without CDF_iommu");
    CHECK_EQ(give(0), -XEINVAL, "nor to this one");
    CHECK_EQ(give(0x7123), -XESRCH, "nor to one that is not there");
    CHECK_EQ(assign(XEN_DOMCTL_assign_device, a.id, 0x00f8 - edu.devfn % 8 + 0x700, 0), -XENODEV,
             "a device that is not there");
    CHECK_EQ(assign(XEN_DOMCTL_assign_device, a.id, edu.devfn, 2), -XEINVAL, "an unknown flag");
    CHECK_EQ(take(a.id), -XEINVAL, "it cannot be taken from who has it not");
    CHECK_EQ(take(DOMID_IO), -XEINVAL, "nor from nobody, as it is ours");
    CHECK(reaches_us(), "after all that it reaches this domain's memory");
}

static void theirs_now(void)
{
    static uint64_t ro_window[PAGE / 8] __attribute__((aligned(PAGE)));
    volatile uint64_t *view = domu_map(&a, theirs);
    const volatile uint64_t *table = ro_window;

    CHECK_EQ(give(a.id), 0, "the device is given to a domain");
    CHECK_EQ(test(), -XEINVAL, "... and could not be assigned now");
    CHECK_EQ(give(b.id), -XEBUSY, "... nor given to another domain");
    CHECK_EQ(take(b.id), -XEINVAL, "... nor taken from it");
    CHECK_EQ(give(DOMID_IO), -XEBUSY, "... nor set aside");
    way_through(view, domu_mfn(&a, theirs) * PAGE);
    view[1] = MARK;
    CHECK_EQ(dma_read(edu.back_at + 8), MARK, "it reads the domain's memory");
    dma_write(edu.back_at + 16, ~MARK);
    CHECK_EQ(view[2], ~MARK, "... and writes to it");
    page[1] = MARK;
    page[2] = 0;
    CHECK(dma_read(maddr(&page[1])) != MARK, "it does not read this domain's memory");
    dma_write(maddr(&page[2]), MARK);
    CHECK_EQ(page[2], 0, "... nor write to it");
    CHECK(dma_read(domu_mfn(&b, theirs) * PAGE) != b.mfn[0], "... nor read another domain's");
    CHECK_EQ(domu_set_va(&a, ro_window, a.l4 * PAGE | PTE_RO_KERNEL), 0,
             "the domain's page table, seen from here");
    edu_fill(MARK);
    CHECK(!changes(a.l4 * PAGE + 8, &table[1]), "it does not write to the domain's page table");
    domu_unmap(ro_window);
    CHECK_EQ(take(a.id), 0, "the device is taken from the domain");
    view[3] = 0;
    CHECK(!changes(domu_mfn(&a, theirs) * PAGE + 24, &view[3]), "... and reaches it no longer");
    CHECK(!reaches_us(), "... nor us: it is nobody's");
    domu_unmap((void *)view);
    CHECK_EQ(test(), 0, "... and could be assigned");
    CHECK_EQ(take(DOMID_IO), 0, "it is taken back for this domain");
    CHECK(reaches_us(), "... and reaches its memory");
}

static void set_aside(void)
{
    CHECK_EQ(give(DOMID_IO), 0, "the device is set aside");
    CHECK(!reaches_us(), "... and reaches nothing");
    CHECK_EQ(give(b.id), 0, "... is given to a domain from there");
    CHECK_EQ(domu_destroy(&b), 0, "... which ends");
    CHECK(domu_gone(&b, 2000), "... and is gone");
    CHECK(!reaches_us(), "then it reaches nothing");
    CHECK_EQ(take(DOMID_IO), 0, "... and is taken back");
    CHECK(reaches_us(), "... and reaches this domain's memory");
}

/* A frame that the domain gives back is out of its device's reach, whoever gets it. */
static void frames(void)
{
    static uint64_t got[MANY], given[MANY];
    struct xen_memory_reservation ours = { .nr_extents = MANY, .domid = DOMID_SELF };
    uint64_t mfn;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = a.id };
    volatile uint64_t *view = domu_map(&a, theirs), *window;

    CHECK_EQ(give(a.id), 0, "the device is given to the first domain again");
    mfn = domu_mfn(&a, theirs);
    edu.back = view;
    edu.back_at = mfn * PAGE;
    edu_fill(MARK);
    domu_unmap((void *)view);
    for (unsigned int i = 0; i < MANY; i++)
        given[i] = spare_mfn();
    set_xen_guest_handle(ours.extent_start, given);
    got[0] = mfn;
    set_xen_guest_handle(r.extent_start, got);
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 1,
             "the domain gives a frame back");
    r.domid = DOMID_SELF;
    r.nr_extents = MANY;
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &ours), MANY,
             "... this one too, many");
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r), MANY,
             "... and gets as many");
    mfn = got[0];
    for (unsigned int i = 0; i < MANY && mfn != domu_mfn(&a, theirs); i++)
        mfn = got[i];
    print("passthrough: the frame is among them: %s\n",
          mfn == domu_mfn(&a, theirs) ? "yes" : "no");
    window = alloc_page();
    CHECK_EQ(set_va((uint64_t)window, mfn << 12 | PTE_RW_KERNEL), 0, "... and maps it");
    window[0] = 0;
    CHECK(!changes(mfn * PAGE, window), "the device of the other does not reach it");
    CHECK_EQ(take(a.id), 0, "the device is taken away");
    CHECK_EQ(take(DOMID_IO), 0, "... and back");
}

void test_main(void)
{
    const struct domu_config with = { .fn = nothing, .flags = XEN_DOMCTL_CDF_iommu };
    const struct domu_config without = { .fn = nothing };

    if (!edu_find()) {
        skip("QEMU's edu device is not there");
        return;
    }
    page = alloc_page();
    way_of_us = edu.back;
    way_of_us_at = edu.back_at;
    edu_announce();
    CHECK_EQ(domu_create(&a, &with), 0, "a domain that may have devices");
    CHECK_EQ(domu_create(&b, &with), 0, "... and another");
    CHECK_EQ(domu_create(&plain, &without), 0, "... and one that may have none");
    errors();
    theirs_now();
    set_aside();
    frames();
    domu_destroy(&a);
    domu_destroy(&plain);
    CHECK(domu_gone(&a, 2000) && domu_gone(&plain, 2000), "all are gone");
}
