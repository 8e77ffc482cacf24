/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c drivers/iommu/iopt.c drivers/pci/config.c drivers/pci/device.c */
/* links: drivers/iommu/vtd_inv.c drivers/iommu/vtd_table.c drivers/iommu/vtd_fault.c */
/* links: drivers/iommu/vtd_scope.c drivers/iommu/vtd.c drivers/iommu/vtd_intr.c lib/e820.c */
/* links: drivers/iommu/vtd_remap.c */
/*
 * Interrupts through an Intel IOMMU that is played: it remembers entries of its table, those that
 * were not present too, until it is told to forget them. What matters is what a message raises that
 * a device sends, its own or one that it made up.
 */
#include "check.h"

#include "../host/iopt_check.h"
#include "../host/pci_play.h"
#include "../host/vtd_stubs.h"

#include "../../drivers/iommu/vtd_priv.h"
#include <arch/boot.h>
#include <arch/irq.h>
#include <arch/paging.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>
#include <hv/time.h>

#define CAP (6ULL | 6ULL << 8 | 47ULL << 16 | 0x22ULL << 24 | 3ULL << 34 | 3ULL << 40)
#define ECAP_IRO (0xfULL << 8)
#define ECAP_ALL (ECAP_IRO | 1 << 1 | 1 << 3 | 1 << 6)
#define ECAP_EIM (1ULL << 4)
#define IRE (1U << 25)
#define DISK 0x018U /* on bus 0 */
#define OTHER 0x020U
#define BEHIND 0x210U /* behind a bridge to conventional PCI */
#define IOAPIC 0xf0f8U
#define NONE (-1)

static struct {
    union {
        uint32_t r[0x1000 / 4];
        uint64_t q[0x1000 / 8];
    };
    uint64_t irta;
    bool stuck, forgot_all, order_ok;
    struct { bool valid; uint64_t w[2]; } entry[65536];
} dev;

static bool x2;
bool apic_is_x2(void) { return x2; }
void *hv_ioremap(paddr_t pa, size_t len) { return pa == 0x1000 ? dev.r : NULL; }

/* --- the device ------------------------------------------------------------------------------- */

static void forget(uint64_t d)
{
    if (d & ~0xffff0000001fULL)
        abort();
    if (d & 0x10) {
        dev.entry[d >> 32].valid = false;
        return;
    }
    dev.forgot_all = true;
    for (unsigned int i = 0; i < ARRAY_SIZE(dev.entry); i++)
        dev.entry[i].valid = false;
}

static void run_queue(void)
{
    uint64_t d[2];

    while (!dev.stuck && dev.q[0x80 / 8] != dev.q[0x88 / 8]) {
        memcpy(d, direct_va(dev.q[0x90 / 8] + dev.q[0x80 / 8]), 16);
        if ((d[0] & 15) == 4)
            forget(d[0]);
        else if ((d[0] & 0x3f) == 0x25)
            memcpy(direct_va(d[1]), (char *)d + 4, 4);
        else if ((d[0] & 15) != 1 && (d[0] & 15) != 2)
            abort();
        dev.q[0x80 / 8] = (dev.q[0x80 / 8] + 16) % 4096;
    }
}

static void command(uint32_t v)
{
    uint32_t *status = &dev.r[0x1c / 4];

    if (v & 1 << 24) {
        dev.irta = dev.q[0xb8 / 8];
        dev.forgot_all = false;
        *status |= 1 << 24;
    }
    if (v & IRE && !(*status & IRE))
        dev.order_ok = dev.irta && dev.forgot_all;
    *status = (*status & (1 << 30 | 1 << 24)) | (v & 1 << 30) |
              (v & (1U << 31 | 1 << 26 | IRE | 1 << 23));
}

uint64_t mmio_read64(const volatile void *base, unsigned int at) { return dev.q[at / 8]; }
uint32_t mmio_read32(const volatile void *base, unsigned int at) { return dev.r[at / 4]; }
void mmio_write64(volatile void *base, unsigned int at, uint64_t v)
{
    dev.q[at / 8] = at == 0x28 || at == 0xf8 ? v & ~(1ULL << 63) : v;
    if (at == 0x28)
        dev.q[at / 8] |= (v >> 61 & 3) << 59;
    if (at == 0xf8)
        dev.q[at / 8] |= (v >> 60 & 3) << 57;
    if (at == 0x88)
        run_queue();
}
void mmio_write32(volatile void *base, unsigned int at, uint32_t v)
{
    if (at == 0x18)
        command(v);
    else
        dev.r[at / 4] = v;
}

/* --- what a message raises -------------------------------------------------------------------- */

struct raised {
    uint32_t dest;
    bool level;
};
static struct raised last;

static bool source_ok(uint64_t w, uint16_t devid)
{
    static const uint16_t ignored[] = { 0, 4, 6, 7 };

    switch (w >> 18 & 3) {
    case 0:
        return true;
    case 1:
        return !(((uint16_t)w ^ devid) & ~ignored[w >> 16 & 3]);
    case 2:
        return devid >> 8 >= (w >> 8 & 0xff) && devid >> 8 <= (w & 0xff);
    }
    return false;
}

/* The vector, or NONE. */
static int raise_index(uint16_t devid, unsigned int index)
{
    if (index >= 2U << (dev.irta & 15))
        return NONE;
    if (!dev.entry[index].valid) {
        for (unsigned int i = 0; i < 2; i++)
            dev.entry[index].w[i] = dma_word((dev.irta & ~0xfffULL) + 16UL * index + 8 * i);
        dev.entry[index].valid = true;
    }
    const uint64_t *w = dev.entry[index].w;

    if (!(w[0] & 1) || !source_ok(w[1], devid))
        return NONE;
    if (w[0] & 0xff00f0ec || w[1] >> 20)
        abort(); /* reserved, or not what we ask for */
    last.level = w[0] >> 4 & 1;
    last.dest = (uint32_t)(w[0] >> 32);
    if (!(dev.irta & 1 << 11)) {
        if (last.dest & ~0xff00U)
            abort();
        last.dest >>= 8;
    }
    return (int)(w[0] >> 16 & 0xff);
}

/* 5.1.2 to 5.1.3 */
static int raise(uint16_t devid, uint32_t address, uint32_t data)
{
    unsigned int index = (address >> 5 & 0x7fff) | (address & 4) << 13;

    if (!(dev.r[0x1c / 4] & IRE))
        return (int)(data & 0xff);
    if (!(address & 0x10))
        return dev.r[0x1c / 4] & 1 << 23 ? (int)(data & 0xff) : NONE;
    if (address & 8) {
        if (data >> 16)
            return NONE;
        index += data;
    }
    return raise_index(devid, index);
}

/* As an IO-APIC makes its message of an entry; what it says must agree with what is raised. */
static int raise_pin(uint16_t devid, uint64_t rte)
{
    const int vector = raise(devid, 0xfee00000U | (uint32_t)(rte >> 48 << 4) |
                                        (uint32_t)(rte >> 11 & 1) << 2, (uint32_t)rte & 0xff);

    if (vector != NONE && ((uint8_t)rte != vector || rte & 0x700))
        abort();
    return vector;
}

/* --- the machine ------------------------------------------------------------------------------ */

/* 00:01.0 is a bridge to conventional PCI, bus 2; 00:1f.0, with an IO-APIC, is on bus 0xf0. */
static uint8_t config_byte(uint32_t bdf, unsigned int reg)
{
    static const uint8_t to_pci[] = { 0x10, 0, 0x72 };

    if (bdf != 0x008 && bdf != DISK && bdf != BEHIND)
        return 0xff;
    if (reg < 4)
        return 0x11;
    if (bdf != 0x008)
        return 0;
    return reg == 0x06 ? 0x10 : reg == 0x0e ? 1 : reg == 0x19 || reg == 0x1a ? 2
           : reg == 0x34 ? 0x40 : reg >= 0x40 && reg <= 0x42 ? to_pci[reg - 0x40] : 0;
}

static const struct iommu_ops *ops = &vtd_iommu_ops;
static const struct iommu_intr_ops *intr;
static const char *why;
static struct iommu_domain a, b;

static void machine(uint64_t ecap)
{
    memset(&dev, 0, sizeof(dev));
    dev.q[1] = CAP;
    dev.q[2] = ecap;
    x2 = false;
    opt_iommu_queue = opt_iommu_snoop = opt_iommu_intremap = true;
    acpi_info = (struct acpi_info){ .have = ACPI_HAVE_DMAR };
    acpi_info.dmar = (struct acpi_dmar){
        .interrupts = true, .nr_units = 1, .nr_scopes = 1,
        .unit = { { .base = 0x1000, .all = true } },
        .scope = { { .owner = ACPI_DMAR_UNIT, .kind = ACPI_DMAR_IOAPIC, .id = 7, .bus = 0xf0,
                     .depth = 1, .path = { 0xf8 } } }
    };
    acpi_info.madt.nr_ioapics = 1;
    acpi_info.madt.ioapic[0] = (struct acpi_ioapic){ .id = 7 };
    host_e820.nr = 0;
    pci_config_init(&pci_hw, &pci_play);
}

static void start(void)
{
    unsigned int found;

    CHECK_EQ(ops->start(&found), 0);
    CHECK_EQ(found, 1);
    intr = ops->intr(&why);
}

static void begin(uint64_t ecap)
{
    machine(ecap);
    start();
    CHECK(intr && !why);
    CHECK_EQ(ops->attach(DISK, &a), 0);
    CHECK_EQ(ops->attach(OTHER, &b), 0);
    CHECK_EQ(ops->attach(BEHIND, &b), 0);
}

static struct iommu_intr irq_of(uint16_t irq, uint8_t vector, uint8_t nr, uint32_t dest)
{
    return (struct iommu_intr){ .irq = irq, .vector = vector, .nr = nr, .dest = dest };
}

/* --- the tests -------------------------------------------------------------------------------- */

static void starting(void)
{
    TEST("on after all is forgotten, and neither old messages nor new ones raise anything") {
        begin(ECAP_ALL);
        CHECK(dev.order_ok && dev.r[0x1c / 4] & IRE && !(dev.r[0x1c / 4] & 1 << 23));
        CHECK(!(dev.irta & 1 << 11) && !intr->wide());
        for (unsigned int v = 0; v < 256; v++)
            CHECK_EQ(raise(DISK, 0xfee00000, v), NONE);
        for (unsigned int i = 0; i < 65536; i++)
            CHECK_EQ(raise(DISK, 0xfee00010 | (i & 0x7fff) << 5 | i >> 15 << 2, 0), NONE);
    }

    TEST("one that the firmware has left on, with old messages, is started anew") {
        machine(ECAP_ALL);
        dev.r[0x1c / 4] = 1U << 31 | 1 << 26 | IRE | 1 << 23 | 1 << 24;
        dev.irta = 0x1000;
        start();
        CHECK(dev.order_ok && dev.irta != 0x1000);
        CHECK_EQ(raise(DISK, 0xfee00000, 0x30), NONE);
    }

    TEST("with ids of 32 bits only if we use such, all can, and the firmware lets us") {
        for (unsigned int i = 0; i < 8; i++) {
            machine(ECAP_ALL | (i & 1 ? ECAP_EIM : 0));
            x2 = i & 2;
            acpi_info.dmar.no_x2apic = i & 4;
            start();
            CHECK_EQ(intr->wide(), i == 3);
            CHECK_EQ(dev.irta >> 11 & 1, i == 3);
        }
    }

    TEST("off again: nothing is remapped nor translated") {
        begin(ECAP_ALL);
        ops->quiesce();
        CHECK(!(dev.r[0x1c / 4] & (IRE | 1U << 31)) && dev.r[0x1c / 4] & 1 << 26);
    }
}

/* Each leaves interrupts as they are, and says so. */
static void fallbacks(void)
{
    TEST("not remapped, for a reason") {
        static const char *const reasons[] = {
            "iommu=no-intremap", "the firmware does not offer it", "an IOMMU cannot",
            "there is no queue", "there is no queue", "an IO-APIC is behind no IOMMU",
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(reasons); i++) {
            machine(i == 2 ? ECAP_ALL & ~(1ULL << 3) : i == 3 ? ECAP_ALL & ~(1ULL << 1) : ECAP_ALL);
            opt_iommu_intremap = i != 0;
            acpi_info.dmar.interrupts = i != 1;
            opt_iommu_queue = i != 4;
            acpi_info.madt.ioapic[0].id = i == 5 ? 8 : 7;
            start();
            CHECK(!intr);
            CHECK_STR(why, reasons[i]);
            CHECK(!(dev.r[0x1c / 4] & IRE) && dev.r[0x1c / 4] >> 31);
            CHECK_EQ(ops->attach(DISK, &a), 0);
            CHECK_EQ(ops->attach(DISK, NULL), 0);
            CHECK_EQ(ops->block_tag(1), 0);
        }
    }
}

static void messages(void)
{
    struct iommu_message msg, other;
    struct iommu_intr i;

    TEST("a message raises its vector, for its device only, until it ends") {
        begin(ECAP_ALL);
        i = irq_of(100, 0x41, 1, 3);
        CHECK_EQ(raise(DISK, 0xfee00000 | 0x18 | 100 << 5, 0), NONE); /* and remembered */
        CHECK_EQ(intr->message(DISK, &i, &msg), 1);
        CHECK(msg.address_high == 0 && msg.data == 0);
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x41);
        CHECK(last.dest == 3 && !last.level);
        CHECK_EQ(raise(OTHER, msg.address, msg.data), NONE);
        CHECK_EQ(raise(DISK, msg.address, 1), NONE);
        for (unsigned int v = 0; v < 256; v++)
            CHECK_EQ(raise(DISK, 0xfee00000 | 3 << 12, v), NONE);
        i = irq_of(100, 0x52, 1, 9);
        CHECK_EQ(intr->message(DISK, &i, &other), 1);
        CHECK(other.address == msg.address && other.data == msg.data);
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x52);
        CHECK_EQ(last.dest, 9);
        CHECK_EQ(intr->end(DISK, &i), 0);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
        CHECK_EQ(intr->message(OTHER, &i, &msg), 1); /* the number is given again */
        CHECK_EQ(raise(OTHER, msg.address, msg.data), 0x52);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
    }

    TEST("one of many vectors raises each by its data, and none beside them") {
        begin(ECAP_ALL);
        i = irq_of(2016, 0x60, 32, 0);
        CHECK_EQ(intr->message(DISK, &i, &msg), 1);
        for (unsigned int n = 0; n < 32; n++)
            CHECK_EQ(raise(DISK, msg.address, msg.data + n), (uint64_t)(0x60 + n));
        CHECK_EQ(raise(DISK, msg.address, 32), NONE);
        CHECK_EQ(raise(DISK, msg.address, 0xffff), NONE);
        i = irq_of(2032, 0x60, 32, 0);
        CHECK_EQ(intr->message(DISK, &i, &msg), -ENOSPC);
    }

    TEST("APIC ids of 32 bits") {
        machine(ECAP_ALL | ECAP_EIM);
        x2 = true;
        start();
        CHECK_EQ(ops->attach(DISK, &a), 0);
        i = irq_of(100, 0x41, 1, 0x12345);
        CHECK_EQ(intr->message(DISK, &i, &msg), 1);
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x41);
        CHECK_EQ(last.dest, 0x12345);
    }

    TEST("behind a bridge to conventional PCI all share the bus's name") {
        begin(ECAP_ALL);
        i = irq_of(50, 0x41, 1, 3);
        CHECK_EQ(intr->message(BEHIND, &i, &msg), 1);
        CHECK_EQ(raise(0x200, msg.address, msg.data), 0x41);
        CHECK_EQ(raise(BEHIND, msg.address, msg.data), 0x41);
        CHECK_EQ(raise(0x300, msg.address, msg.data), NONE);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
    }
}

static void owners(void)
{
    struct iommu_message msg, others;
    struct iommu_intr i, k;
    uint64_t rte;

    TEST("a device that changes hands raises nothing of before") {
        begin(ECAP_ALL);
        i = irq_of(100, 0x41, 1, 3);
        k = irq_of(101, 0x42, 1, 3);
        CHECK_EQ(intr->message(DISK, &i, &msg), 1);
        CHECK_EQ(intr->message(OTHER, &k, &others), 1);
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x41);
        CHECK_EQ(ops->attach(DISK, &a), 0); /* it has it */
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x41);
        CHECK_EQ(ops->attach(DISK, NULL), 0);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
        CHECK_EQ(intr->message(DISK, &i, &msg), -EACCES);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
        CHECK_EQ(ops->attach(DISK, &b), 0);
        CHECK_EQ(intr->message(DISK, &i, &msg), 1);
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x41);
        CHECK_EQ(ops->attach(DISK, &a), 0);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
        CHECK_EQ(raise(OTHER, others.address, others.data), 0x42);
    }

    TEST("nor do those of a domain that ends; pins stay") {
        begin(ECAP_ALL);
        i = irq_of(100, 0x41, 1, 3);
        k = irq_of(101, 0x42, 1, 3);
        CHECK_EQ(intr->message(DISK, &i, &msg), 1);
        CHECK_EQ(intr->message(BEHIND, &k, &others), 1);
        i = irq_of(5, 0x35, 1, 0);
        CHECK_EQ(intr->pin(7, 5, &i, &rte), 1);
        CHECK_EQ(ops->block_tag(2), 0);
        CHECK_EQ(raise(0x200, others.address, others.data), NONE);
        CHECK_EQ(raise(DISK, msg.address, msg.data), 0x41);
        CHECK_EQ(raise_pin(IOAPIC, rte), 0x35);
        CHECK_EQ(ops->block_tag(1), 0);
        CHECK_EQ(raise(DISK, msg.address, msg.data), NONE);
    }
}

static void pins(void)
{
    struct iommu_intr i;
    uint64_t rte;

    TEST("a pin raises its vector, no device by its number") {
        begin(ECAP_ALL);
        for (uint16_t pin = 0; pin < 24; pin++) {
            i = irq_of(pin, (uint8_t)(0x30 + pin), 1, pin & 3);
            i.level = pin & 1;
            CHECK_EQ(intr->pin(7, pin, &i, &rte), 1);
            CHECK_EQ(raise_pin(IOAPIC, rte), 0x30 + pin);
            CHECK(last.level == (pin & 1) && last.dest == (pin & 3));
            CHECK_EQ(raise_pin(DISK, rte), NONE);
        }
        CHECK_EQ(raise_pin(IOAPIC, 0x30), NONE); /* as they were without */
        CHECK_EQ(intr->pin(8, 0, &i, &rte), -EIO);
    }
}

static void failing(void)
{
    struct iommu_message msg;
    struct iommu_intr i = irq_of(100, 0x41, 1, 3);

    TEST("an IOMMU that stops is an error, and not waited for again") {
        begin(ECAP_ALL);
        dev.stuck = true;
        CHECK_EQ(intr->message(DISK, &i, &msg), -EIO);
        now = 0;
        CHECK_EQ(intr->message(DISK, &i, &msg), -EIO);
        CHECK(now < MILLISECS(1));
    }
}

int main(void)
{
    iopt_world();
    a = (struct iommu_domain){ .tag = 1, .passthrough = true };
    b = (struct iommu_domain){ .tag = 2, .passthrough = true };
    starting();
    fallbacks();
    messages();
    owners();
    pins();
    failing();
    CHECK_EQ(locks_held(), 0);
    return check_exit();
}
