/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device of the first domain reaches by DMA. QEMU's edu device copies what it is told to, to
 * and from a buffer of its own. With an IOMMU it reaches this domain's memory, and nothing of the
 * hypervisor's: neither its image nor its tables, nor pages that it shares with this domain, nor a
 * frame that was this domain's and is the hypervisor's now. Two more runs are the controls: with
 * iommu=off it must reach all of that, with dom0-iommu=none not even this domain's memory.
 */
#include "domu.h"
#include "edu.h"

const char *test_name = "dma";

#define IMAGE 0x200000UL /* where the hypervisor is loaded; its multiboot header comes first */
#define IMAGE_PAGES 24U
/* QEMU's: of AMD's kind, and of Intel's. */
#define AMD_CONTROL 0xfed80018UL
#define VTD_GCMD 0xfed90018UL

#define MARK 0x1122334455667788UL
#define BALLOON 64U

static uint64_t *page; /* of ours */
static xen_commandline_t command_line;
static bool reaches_us, reaches_all;

/* --- checks ----------------------------------------------------------------------------------- */

static void own_memory(void)
{
    page[3] = MARK;
    page[4] = 0;
    if (!reaches_us) {
        CHECK(dma_read(maddr(page + 3)) != MARK, "a blocked device does not read our memory");
        dma_write(maddr(page + 4), MARK);
        CHECK_EQ(page[4], 0, "... and does not write to it");
        return;
    }
    CHECK_EQ(dma_read(maddr(page + 3)), MARK, "the device reads our memory");
    dma_write(maddr(page + 4), ~MARK);
    CHECK_EQ(((volatile uint64_t *)page)[4], ~MARK, "... and writes to it");
}

/* A page of the hypervisor's that it shares with us, so that we see what happens to it. */
static void page_of_both(const char *reads, const char *writes)
{
    volatile uint64_t *last = (volatile uint64_t *)((uint8_t *)shared_info + PAGE - 8);
    const uint64_t at = start_info->shared_info + PAGE - 8;

    *last = MARK;
    CHECK_EQ(dma_read(at) == MARK, reaches_all, reads);
    dma_write(at, ~MARK);
    CHECK_EQ(*last, reaches_all ? ~MARK : MARK, writes);
    *last = 0;
}

/* The header's magic, of multiboot 1 or 2, in the first 8 bytes. */
static bool is_image(uint64_t v)
{
    return (uint32_t)v == 0xe85250d6U || (uint32_t)v == 0x1badb002U;
}

static void image(void)
{
    const uint64_t first = dma_read(IMAGE);

    CHECK_EQ(is_image(first), reaches_all,
             reaches_all ? "without an IOMMU the device reads the hypervisor's image"
                         : "the device does not read the hypervisor's image");
    if (reaches_all) {
        dma_write(IMAGE, MARK);
        CHECK_EQ(dma_read(IMAGE), MARK, "... and writes to it");
        dma_write(IMAGE, first);
        return;
    }
    edu_fill(MARK);
    for (uint64_t i = 0; i < IMAGE_PAGES; i++)
        edu_copy(EDU_BUFFER, IMAGE + i * PAGE, EDU_MAX, EDU_TO_MEMORY);
    CHECK(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0) > 0,
          "... and writes over it change nothing");
}

/* The M2P's branch of our top-level table is the hypervisor's. */
static void tables(void)
{
    const uint64_t slot = *pt_entry((uint64_t)m2p(), 4);
    const uint64_t first = dma_read(slot & PTE_ADDR);

    CHECK(slot & PTE_P, "the hypervisor's slot in our top-level table");
    CHECK_EQ((first & PTE_P) && first >> 52 << 52 == 0, reaches_all,
             reaches_all ? "... and the device reads the table behind it"
                         : "... and the device does not read the table behind it");
    if (reaches_all)
        return;
    dma_write(slot & PTE_ADDR, 0);
    CHECK_EQ(m2p()[va_to_mfn(page)], va_to_pfn(page), "... and does not write to it");
}

/* --- frames that change hands ----------------------------------------------------------------- */

static uint64_t given[BALLOON];

static long extents(int op, unsigned int n)
{
    struct xen_memory_reservation r = { .nr_extents = n, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, given);
    return hypercall(__HYPERVISOR_memory_op, op, &r);
}

static bool is_given(uint64_t mfn)
{
    for (unsigned int i = 0; i < BALLOON; i++)
        if (given[i] == mfn)
            return true;
    return false;
}

static void nothing(void) { }

/*
 * A new domain's shared_info is a frame of the hypervisor's that we can map. So many frames are
 * given back that it is, in the end, one that was ours.
 */
static void became_the_hypervisors(void)
{
    static struct domu d;
    const struct domu_config c = { .fn = nothing };
    struct xen_domctl_getdomaininfo info = { 0 };
    volatile uint64_t *window;
    uint64_t at;

    for (unsigned int i = 0; i < BALLOON; i++) {
        given[i] = spare_mfn();
        (void)spare_mfn(); /* single frames are the first to be used again */
    }
    if (reaches_us)
        dma_write(given[0] * PAGE, MARK); /* the way there is known */
    CHECK_EQ(extents(XENMEM_decrease_reservation, BALLOON), BALLOON, "frames are given back");
    CHECK_EQ(domu_create(&d, &c), 0, "a domain is created");
    CHECK_EQ(domu_info(&d, &info), 0, "... which says where its shared_info is");
    window = alloc_page();
    CHECK_EQ(domu_set_va(&d, (void *)window, info.shared_info_frame << 12 | PTE_RW_KERNEL), 0,
             "... and lets us map it");
    print("dma: that frame was ours: %s\n", is_given(info.shared_info_frame) ? "yes" : "no");
    at = info.shared_info_frame * PAGE + PAGE - 8;
    window[PAGE / 8 - 1] = MARK;
    CHECK_EQ(dma_read(at) == MARK, reaches_all, "a frame that has become the hypervisor's: read");
    dma_write(at, ~MARK);
    CHECK_EQ(window[PAGE / 8 - 1], reaches_all ? ~MARK : MARK, "... written");
    domu_unmap((void *)window);
    domu_destroy(&d);
    CHECK(domu_gone(&d, 2000), "the domain goes");
}

static void became_ours(void)
{
    const long n = extents(XENMEM_populate_physmap, BALLOON);
    volatile uint64_t *window = alloc_page();

    CHECK_EQ(n, BALLOON, "frames are had back");
    CHECK_EQ(set_va((uint64_t)window, given[7] << 12 | PTE_RW_KERNEL), 0, "... and mapped");
    window[0] = 0;
    dma_write(given[7] * PAGE, MARK);
    CHECK_EQ(window[0] == MARK, reaches_us, "... and are written to by the device");
}

/* --- the test --------------------------------------------------------------------------------- */

void test_main(void)
{
    hypercall(__HYPERVISOR_xen_version, XENVER_commandline, command_line);
    reaches_all = has_word(command_line, " iommu=off") ||
                  has_word(command_line, "dom0-iommu=passthrough");
    reaches_us = reaches_all || !has_word(command_line, "dom0-iommu=none");
    page = alloc_page();
    if (!edu_find()) {
        skip("QEMU's edu device is not there");
        return;
    }
    CHECK_EQ(*(volatile uint32_t *)edu.regs, EDU_ID, "QEMU's edu device answers");
    own_memory();
    if (!reaches_us)
        return;
    if (reaches_all) {
        page_of_both("without an IOMMU the device reads a page of the hypervisor's",
                     "... and writes to it");
    } else {
        page_of_both("the device does not read a page of the hypervisor's that we share",
                     "... and does not write to it");
    }
    image();
    tables();
    became_the_hypervisors();
    became_ours();
    if (reaches_all)
        return;
    dma_write(AMD_CONTROL, 0);
    dma_write(VTD_GCMD, 0);
    page_of_both("after it has tried to switch the IOMMU off it does not read either",
                 "... nor write");
}
