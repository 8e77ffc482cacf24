/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What interrupts a device can raise. QEMU's edu device sends the message that its MSI capability
 * has, and we write what we like there: all vectors in the old format, all entries of a table. A
 * line of the first domain's that nothing pulls listens. With interrupts remapped it must hear
 * nothing, whoever has the device; without (iommu=no-intremap, the control) it must hear the
 * device. A message that the hypervisor has made arrives in any case.
 *
 * QEMU 7.2's VT-d lets the old format through whatever it is told (vtd_interrupt_remap_msi() never
 * looks at CFI), and no IOMMU of it knows who writes to 0xfee00000 by DMA: VT-d asks no requester
 * id then, and AMD's takes the IO-APIC's. iommu=force on the command line says that it is a VT-d.
 */
#include "edu.h"

const char *test_name = "intremap";

#define MESSAGES 0xfee00000U
#define PCI_LINE_FIRST 16U /* of the IO-APIC */
#define PCI_LINES 8U
#define LINE 10U /* an ISA line without a device */
#define VECTOR_FIRST 0x30U
#define VECTOR_LAST 0xefU
#define VECTOR_PV32 0x82U /* an entry for guests, no device's */
#define ENTRIES 256U
#define BY_DMA 8U /* the line's vector is one of the first; each takes a while */

#define EDU_RAISE 0x60
#define EDU_LOWER 0x64
#define CAP_MSI 0x05U
#define MSI_ON (1U << 16)
#define VTD_FORMAT (1U << 4)
#define VTD_ADDS (1U << 3)

static volatile uint64_t theirs[PAGE / 8] __attribute__((aligned(PAGE))); /* a page of the copy's */
static struct domu a;
static xen_commandline_t command_line;
static bool remaps, vtd;
static uint32_t msi; /* its capability, as an address of configuration space */
static unsigned int port;

/* --- messages --------------------------------------------------------------------------------- */

static bool find_msi(void)
{
    const uint32_t at = 0x80000000U | edu.devfn << 8;
    uint32_t pos = pci_config(at + 0x34) & 0xfc;

    while (pos && (pci_config(at + pos) & 0xff) != CAP_MSI)
        pos = pci_config(at + pos) >> 8 & 0xfc;
    msi = at + pos;
    return pos != 0;
}

static void raise(void)
{
    *(volatile uint32_t *)(edu.regs + EDU_RAISE) = 1;
    *(volatile uint32_t *)(edu.regs + EDU_LOWER) = 1;
}

/* The device sends this, whatever we say. */
static void forge(uint32_t address, uint32_t data)
{
    pci_config_write(msi + 4, address);
    pci_config_write(msi + 8, 0);
    pci_config_write(msi + 12, data);
    pci_config_write(msi, pci_config(msi) | MSI_ON);
    raise();
    pci_config_write(msi, pci_config(msi) & ~MSI_ON);
}

static void all_vectors(void)
{
    for (uint32_t v = VECTOR_FIRST; v <= VECTOR_LAST; v++)
        if (v != VECTOR_PV32)
            forge(MESSAGES, v);
}

/* What they mean by an entry: AMD's its number as data, VT-d's in the address, or added up. */
static void all_entries(void)
{
    for (uint32_t n = 0; n < ENTRIES; n++) {
        if (!vtd) {
            if (n < VECTOR_FIRST)
                forge(MESSAGES, n);
            continue;
        }
        forge(MESSAGES | VTD_FORMAT | n << 5, 0);
        forge(MESSAGES | VTD_FORMAT | VTD_ADDS, n);
    }
}

static void by_dma(void)
{
    for (uint32_t v = VECTOR_FIRST; v < VECTOR_FIRST + BY_DMA; v++) {
        edu_fill(v);
        edu_copy(EDU_BUFFER, MESSAGES, 4, EDU_TO_MEMORY);
    }
}

/* --- who hears them --------------------------------------------------------------------------- */

static unsigned int bind(int pirq)
{
    struct evtchn_bind_pirq op = { .pirq = (uint32_t)pirq };

    CHECK_EQ(evtchn_op(EVTCHNOP_bind_pirq, &op), 0, "... and bound");
    return op.port;
}

static int map_line(uint32_t line)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = (int)line, .pirq = (int)line
    };

    CHECK_EQ(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map), 0, "a line is mapped");
    return map.pirq;
}

static void listen(void)
{
    port = bind(map_line(LINE));
    events_on();
}

/* How often p was heard since then. */
static unsigned int heard(unsigned int p, void (*fn)(void))
{
    const unsigned int before = event_count[p];

    fn();
    YIELD_UNTIL(event_count[p] != before, 50);
    return event_count[p] - before;
}

static void forged(const char *vectors, const char *entries, const char *dma)
{
    const unsigned int n = heard(port, all_vectors);

    if (vtd && remaps)
        skip("QEMU's VT-d lets messages of the old format through");
    else
        CHECK_EQ(n != 0, !remaps, vectors);
    if (remaps) /* else some are numbers of exceptions */
        CHECK_EQ(heard(port, all_entries), 0, entries);
    if (dma && vtd && remaps)
        skip("... by DMA too");
    else if (dma)
        CHECK_EQ(heard(port, by_dma) != 0, !remaps, dma);
}

/* --- the test --------------------------------------------------------------------------------- */

static int map_message(domid_t id)
{
    struct physdev_map_pirq map = {
        .domid = id, .type = MAP_PIRQ_TYPE_MSI, .index = -1, .pirq = -1,
        .devfn = (int)edu.devfn
    };

    CHECK_EQ(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map), 0,
             "a message of the device is mapped");
    return map.pirq;
}

static void unmap(domid_t id, int pirq)
{
    struct physdev_unmap_pirq op = { .domid = id, .pirq = pirq };

    CHECK_EQ(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &op), 0, "it is unmapped");
}

static void legal(void)
{
    const int pirq = map_message(DOMID_SELF);
    uint32_t address, data;
    unsigned int ours;

    ours = bind(pirq);
    address = pci_config(msi + 4);
    data = pci_config(msi + 12) & 0xffff;
    CHECK_EQ(data < VECTOR_FIRST, remaps, "what it says has a vector, or names an entry");
    CHECK_EQ((address & VTD_FORMAT) != 0, remaps && vtd, "... in the format of its IOMMU");
    CHECK_EQ(heard(ours, raise), 1, "it arrives");
    CHECK_EQ(heard(ours, raise), 1, "... each time");
    pci_config_write(msi + 4, MESSAGES);
    pci_config_write(msi + 12, VECTOR_FIRST);
    CHECK(pci_config(msi + 4) == address && (pci_config(msi + 12) & 0xffff) == data,
          "... and is not ours to change");
    evtchn_op(EVTCHNOP_close, &(struct evtchn_close){ ours });
    unmap(DOMID_SELF, pirq);
}

static unsigned int line_port[PCI_LINES];

/* The device pulls its line until it is told to let go: which of them it was. */
static int pulled(void)
{
    unsigned int before[PCI_LINES];
    int which = -1;

    for (unsigned int i = 0; i < PCI_LINES; i++)
        before[i] = event_count[line_port[i]];
    *(volatile uint32_t *)(edu.regs + EDU_RAISE) = 1;
    for (unsigned int i = 0; i < PCI_LINES; i++)
        if (YIELD_UNTIL(event_count[line_port[i]] != before[i], 20))
            which = (int)i;
    *(volatile uint32_t *)(edu.regs + EDU_LOWER) = 1;
    if (which >= 0) {
        struct physdev_eoi eoi = { .irq = PCI_LINE_FIRST + (uint32_t)which };

        hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, &eoi);
        CHECK_EQ(event_count[line_port[which]] - before[which], 1, "once until it is ended");
    }
    return which;
}

/* The end of a level-triggered line reaches its IO-APIC: else the second time is the last. */
static void by_line(void)
{
    int first;

    for (uint32_t i = 0; i < PCI_LINES; i++)
        line_port[i] = bind(map_line(PCI_LINE_FIRST + i));
    first = pulled();
    CHECK(first >= 0, "the device's line arrives");
    for (unsigned int n = 0; n < 3; n++)
        CHECK_EQ(pulled(), first, "... again");
}

static long assign(uint32_t cmd, domid_t id)
{
    struct xen_domctl op = { 0 };

    op.u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
    op.u.assign_device.u.pci.machine_sbdf = edu.devfn;
    return domctl(cmd, id, &op);
}

/* Another domain's, and how often it has heard it. */
static void hears(void)
{
    const unsigned int p = bind((int)theirs[0]), before = event_count[p];

    events_start();
    events_on();
    theirs[1] = 1;
    for (unsigned int n = 0; n < 2; n++) {
        YIELD_UNTIL(event_count[p] > before + n, 5000);
        theirs[2] = event_count[p] - before;
    }
    CHECK_EQ(event_count[p] - before, 2, "the domain hears its device");
    domu_exit(SHUTDOWN_poweroff);
}

static int its_own(void)
{
    volatile uint64_t *view = domu_map(&a, theirs);
    int pirq;

    view[0] = (uint64_t)map_message(a.id);
    CHECK_EQ(domu_unpause(&a), 0, "... for the domain, which runs");
    CHECK(YIELD_UNTIL(view[1], 5000), "... and binds it");
    CHECK_EQ(heard(port, raise), 0, "it raises it, and nothing here");
    CHECK(YIELD_UNTIL(view[2] == 1, 5000), "... the domain hears it");
    raise();
    CHECK_EQ(domu_wait(&a, 5000), SHUTDOWN_poweroff, "... again, and ends");
    domu_report(&a);
    pirq = (int)view[0];
    domu_unmap((void *)view);
    return pirq;
}

static void of_a_guest(void)
{
    const struct domu_config with = { .fn = hears, .flags = XEN_DOMCTL_CDF_iommu };
    int pirq;

    CHECK_EQ(domu_create(&a, &with), 0, "a domain that may have devices");
    CHECK_EQ(assign(XEN_DOMCTL_assign_device, a.id), 0, "... has the device");
    forged("its device raises no vector of others', or all without remapping",
           "... nor by an entry", NULL);
    pirq = its_own();
    CHECK_EQ(assign(XEN_DOMCTL_deassign_device, a.id), 0, "it is nobody's");
    CHECK_EQ(pci_config(msi) & MSI_ON, 0, "... and does not send what is still mapped");
    unmap(a.id, pirq);
    forged("nobody's raises none either, or all without remapping", "... nor by an entry", NULL);
    CHECK_EQ(assign(XEN_DOMCTL_deassign_device, DOMID_IO), 0, "it is ours again");
    domu_destroy(&a);
    CHECK(domu_gone(&a, 2000), "the domain goes");
}

void test_main(void)
{
    struct physdev_pci_device_add add = { 0 };

    hypercall(__HYPERVISOR_xen_version, XENVER_commandline, command_line);
    remaps = !has_word(command_line, "no-intremap");
    vtd = has_word(command_line, "iommu=force");
    if (!edu_find() || !find_msi()) {
        skip("QEMU's edu device is not there");
        return;
    }
    add.devfn = (uint8_t)edu.devfn;
    CHECK_EQ(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, &add), 0,
             "the device is announced");
    events_start();
    listen();
    forged("no vector raises the line's, or one does without remapping", "... nor any entry",
           "... nor what is written by DMA, or it does without remapping");
    legal();
    forged("... nor after that", "... nor any entry", NULL);
    legal();
    of_a_guest();
    legal();
    by_line();
}
