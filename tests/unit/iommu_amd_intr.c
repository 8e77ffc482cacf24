/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c drivers/iommu/iopt.c drivers/iommu/amd.c drivers/iommu/amd_ring.c */
/* links: drivers/iommu/amd_event.c drivers/iommu/amd_table.c drivers/iommu/amd_intr.c */
/* links: drivers/iommu/amd_remap.c */
/*
 * Interrupts through AMD IOMMUs that are played: they remember entries of the device table and of
 * interrupt tables until told to forget them. What matters is what a message raises that a device
 * or an IO-APIC sends, its own or one that it made up.
 */
#include "check.h"

#include "../host/iopt_check.h"

#include "../../drivers/iommu/amd_priv.h"
#include <arch/boot.h>
#include <arch/paging.h>
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>
#include <hv/time.h>
#include <hv/timer.h>

#define MESSAGES 0xfee00000U
#define DISK 0x18U
#define OTHER 0x20U
#define BEHIND 0x31U /* its requests bear the name of BRIDGE */
#define BRIDGE 0x30U
#define SOUTH 0xa0U  /* two IO-APICs, and a function */
#define NONE (-1)
#define SETTINGS 0xc7U /* of SOUTH's: INIT, external and NMI pass, LINT0 and LINT1 */

static struct {
    uint64_t reg[AMD_REGS_BYTES / 8];
    bool stuck;
    struct { bool valid; uint64_t w; } dte[256];
    struct { bool valid; uint32_t e; } irte[256][512];
} dev;

static ns_t now;
ns_t time_now(void) { return now += MICROSECS(10); }
void timer_init(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu) { }
void timer_set(struct timer *t, ns_t at) { }
bool opt_iommu_intremap = true;
struct acpi_info acpi_info;
void *hv_ioremap(paddr_t pa, size_t len) { return pa == 0x4000 ? dev.reg : NULL; }

/* --- the device ------------------------------------------------------------------------------- */

static void forget_entries(uint16_t devid)
{
    for (unsigned int i = 0; i < 512; i++)
        dev.irte[devid][i].valid = false;
}

static void run_command(const uint64_t c[2])
{
    switch (c[0] >> 60) {
    case 1:
        memcpy(direct_va(c[0] & 0xffffffffffff8ULL), &c[1], 8);
        break;
    case 2:
        dev.dte[c[0] & 0xff].valid = false;
        break;
    case 5:
        forget_entries(c[0] & 0xff);
        break;
    }
}

uint64_t mmio_read64(const volatile void *base, unsigned int at) { return dev.reg[at / 8]; }
void mmio_write64(volatile void *base, unsigned int at, uint64_t v)
{
    uint64_t *head = &dev.reg[AMD_REG_CMD_HEAD / 8], c[2];

    dev.reg[at / 8] = v;
    while (at == AMD_REG_CMD_TAIL && *head != v && !dev.stuck) {
        memcpy(c, direct_va((dev.reg[1] & 0xffffffffff000ULL) + *head), 16);
        run_command(c);
        *head = (*head + 16) % 4096;
    }
}

/* --- what a message raises -------------------------------------------------------------------- */

static uint32_t last_dest;

/* A fixed interrupt, or one of lowest priority: the vector, or NONE. */
static int raise(uint16_t devid, uint32_t data)
{
    uint64_t w;
    uint32_t e;

    if (!(dev.reg[AMD_REG_CONTROL / 8] & 1))
        return (int)(data & 0xff);
    if (!dev.dte[devid].valid)
        dev.dte[devid].w = dma_word((dev.reg[0] & ~0xfffULL & ((1ULL << 52) - 1)) +
                                    32UL * devid + 16);
    dev.dte[devid].valid = true;
    w = dev.dte[devid].w;
    if (!(w & 1))
        return (int)(data & 0xff);
    if (w >> 60 & 3 && (w >> 60 & 3) != 2)
        abort();
    data &= 0x7ff;
    if (!(w >> 60 & 3) || data >= 1U << (w >> 1 & 15))
        return NONE;
    if (!dev.irte[devid][data].valid)
        dev.irte[devid][data].e =
            (uint32_t)(dma_word((w & 0xfffffffffffc0ULL) + 4UL * (data & ~1U)) >> 32 * (data & 1));
    dev.irte[devid][data].valid = true;
    e = dev.irte[devid][data].e;
    if (!(e & 1))
        return NONE;
    if (e & 0xff0000fe)
        abort(); /* not what we ask for */
    last_dest = e >> 8 & 0xff;
    return (int)(e >> 16);
}

/* --- the machine ------------------------------------------------------------------------------ */

static const struct iommu_ops *ops = &amd_iommu_ops;
static const struct iommu_intr_ops *intr;
static const char *why;
static struct iommu_domain first, a, b;

static void machine(void)
{
    static const struct acpi_ivrs_range ranges[] = {
        { .first = 0, .last = 0x2f }, { .first = BRIDGE, .last = BRIDGE },
        { .first = BEHIND, .last = BEHIND, .has_alias = true, .alias = BRIDGE },
        { .first = SOUTH, .last = SOUTH, .settings = SETTINGS },
    };
    static const struct acpi_ivrs_special special[] = {
        { .devid = SOUTH, .variety = 2, .handle = 7 },
        { .devid = SOUTH, .variety = 1, .handle = 7, .settings = SETTINGS },
        { .devid = SOUTH, .variety = 1, .handle = 8, .settings = SETTINGS },
        { .devid = SOUTH, .variety = 1, .handle = 9 },
    };

    memset(&dev, 0, sizeof(dev));
    opt_iommu_intremap = true;
    acpi_info = (struct acpi_info){ .have = ACPI_HAVE_IVRS };
    acpi_info.ivrs.nr_iommus = 1;
    acpi_info.ivrs.iommu[0] = (struct acpi_iommu){ .base = 0x4000, .devid = 2 };
    acpi_info.ivrs.nr_ranges = ARRAY_SIZE(ranges);
    memcpy(acpi_info.ivrs.range, ranges, sizeof(ranges));
    acpi_info.ivrs.nr_special = ARRAY_SIZE(special);
    memcpy(acpi_info.ivrs.special, special, sizeof(special));
    acpi_info.madt.nr_ioapics = 2;
    acpi_info.madt.ioapic[0].id = 7;
    acpi_info.madt.ioapic[1].id = 8;
}

static void start(void)
{
    unsigned int found;

    CHECK_EQ(ops->start(&found), 0);
    CHECK_EQ(found, 1);
    intr = ops->intr(&why);
}

static void begin(void)
{
    machine();
    start();
    CHECK(intr && !why);
}

static struct iommu_intr irq_of(uint16_t index, uint8_t vector, uint8_t nr, uint32_t dest)
{
    return (struct iommu_intr){ .index = index, .vector = vector, .nr = nr, .dest = dest };
}

static int message(uint32_t sbdf, struct iommu_intr i, struct iommu_message *out)
{
    CHECK_EQ(intr->prepare(sbdf), 0);
    return intr->message(sbdf, &i, out);
}

static bool silent(uint16_t devid)
{
    for (uint32_t data = 0; data < 2048; data++)
        if (raise(devid, data) != NONE)
            return false;
    return true;
}

/* --- the tests -------------------------------------------------------------------------------- */

static void starting(void)
{
    TEST("nothing raises anything, until it has a message; the first domain's neither") {
        begin();
        for (unsigned int devid = 0; devid < 256; devid++)
            CHECK(silent((uint16_t)devid));
        CHECK_EQ(ops->attach_rest(&first), 0);
        CHECK(silent(DISK) && silent(BRIDGE) && silent(BEHIND) && silent(SOUTH) && silent(200));
    }

    TEST("what is no message passes where the firmware says so, and not for guests") {
        begin();
        CHECK_EQ(ops->attach_rest(&first), 0);
        (void)silent(SOUTH);
        CHECK_EQ(dev.dte[SOUTH].w & ~0xfffffffffffc0ULL,
                 1 | 9 << 1 | 2ULL << 60 | 7ULL << 56 | 3ULL << 62);
    }

    TEST("not remapped, for a reason") {
        for (unsigned int i = 0; i < 3; i++) {
            machine();
            opt_iommu_intremap = i != 0;
            acpi_info.madt.nr_ioapics = i == 2 ? 3 : 2;
            acpi_info.madt.ioapic[1].id = i == 1 ? 6 : 8;
            acpi_info.madt.ioapic[2].id = 9; /* the third with one name */
            start();
            CHECK(!intr);
            CHECK_STR(why, i ? "an IO-APIC is behind no IOMMU" : "iommu=no-intremap");
            CHECK_EQ(ops->attach(DISK, &a), 0);
            CHECK_EQ(raise(DISK, 0x41), 0x41);
        }
    }

    TEST("off again: messages pass") {
        begin();
        ops->quiesce();
        CHECK_EQ(raise(DISK, 0x41), 0x41);
    }
}

static void messages(void)
{
    struct iommu_message msg;
    struct iommu_intr i;

    TEST("a message raises its vector, for its device only, until it ends") {
        begin();
        CHECK_EQ(ops->attach_rest(&first), 0);
        CHECK(silent(DISK) && silent(OTHER)); /* and remembered */
        CHECK_EQ(message(DISK, irq_of(3, 0x41, 1, 5), &msg), 1);
        CHECK(msg.address == MESSAGES && msg.data == 3 && msg.address_high == 0);
        CHECK_EQ(raise(DISK, msg.data), 0x41);
        CHECK_EQ(last_dest, 5);
        for (uint32_t data = 0; data < 2048; data++)
            CHECK(data == 3 || raise(DISK, data) == NONE);
        CHECK(silent(OTHER));
        CHECK_EQ(message(DISK, irq_of(3, 0x77, 1, 2), &msg), 1);
        CHECK(raise(DISK, msg.data) == 0x77 && last_dest == 2);
        i = irq_of(3, 0x77, 1, 2);
        CHECK_EQ(intr->end(DISK, &i), 0);
        CHECK(silent(DISK));
    }

    TEST("one of many vectors; the last entry, and one more") {
        begin();
        CHECK_EQ(ops->attach(DISK, &a), 0);
        CHECK_EQ(message(DISK, irq_of(0, 0x60, 32, 1), &msg), 1);
        for (uint32_t n = 0; n < 32; n++)
            CHECK_EQ(raise(DISK, msg.data + n), (uint64_t)(0x60 + n));
        CHECK_EQ(raise(DISK, 32), NONE);
        CHECK_EQ(message(DISK, irq_of(511, 0x41, 1, 1), &msg), 1);
        CHECK_EQ(raise(DISK, 511), 0x41);
        CHECK_EQ(message(DISK, irq_of(512, 0x41, 1, 1), &msg), -ENOSPC);
    }

    TEST("an alias's table counts") {
        begin();
        CHECK_EQ(ops->attach(BEHIND, &a), 0);
        CHECK_EQ(message(BEHIND, irq_of(0, 0x41, 1, 1), &msg), 1);
        CHECK_EQ(raise(BRIDGE, 0), 0x41);
        CHECK(silent(BEHIND));
    }

    TEST("a function that nobody has, or that the firmware does not list, has none") {
        begin();
        CHECK_EQ(message(DISK, irq_of(0, 0x41, 1, 1), &msg), -EACCES);
        CHECK_EQ(message(0x40, irq_of(0, 0x41, 1, 1), &msg), -EACCES);
        CHECK(silent(DISK) && silent(0x40));
    }
}

static void owners(void)
{
    struct iommu_message msg;

    TEST("a device that changes hands raises nothing of before") {
        begin();
        CHECK_EQ(ops->attach_rest(&first), 0);
        CHECK_EQ(message(DISK, irq_of(0, 0x41, 1, 1), &msg), 1);
        CHECK_EQ(message(OTHER, irq_of(0, 0x42, 1, 1), &msg), 1);
        CHECK(raise(DISK, 0) == 0x41 && raise(OTHER, 0) == 0x42);
        CHECK_EQ(ops->attach(DISK, &first), 0); /* it has it */
        CHECK_EQ(raise(DISK, 0), 0x41);
        CHECK_EQ(ops->attach(DISK, &a), 0);
        CHECK(silent(DISK));
        CHECK_EQ(message(DISK, irq_of(0, 0x43, 1, 1), &msg), 1);
        CHECK_EQ(raise(DISK, 0), 0x43);
        CHECK_EQ(ops->attach(DISK, NULL), 0);
        CHECK(silent(DISK));
        CHECK_EQ(ops->attach(DISK, &b), 0);
        CHECK(silent(DISK));
        CHECK_EQ(message(DISK, irq_of(0, 0x44, 1, 1), &msg), 1);
        CHECK_EQ(ops->block_tag(b.tag), 0);
        CHECK(silent(DISK));
        CHECK_EQ(raise(OTHER, 0), 0x42);
    }
}

static void pins(void)
{
    struct iommu_message msg;
    struct iommu_intr i;
    uint64_t rte;

    TEST("pins raise what they are to, of each IO-APIC, whoever has devices") {
        begin();
        for (unsigned int n = 0; n < 48; n++) {
            i = irq_of(0, (uint8_t)(0x30 + n), 1, n & 3);
            CHECK_EQ(intr->pin(n < 24 ? 7 : 8, n % 24, &i, &rte), 1);
            CHECK(!(rte & ~0x1ffULL)); /* fixed, or of lowest priority */
            CHECK_EQ(raise(SOUTH, (uint32_t)rte), 0x30 + n);
            CHECK_EQ(last_dest, n & 3);
        }
        CHECK_EQ(ops->attach_rest(&first), 0);
        CHECK_EQ(raise(SOUTH, 5), 0x35);
        CHECK_EQ(raise(SOUTH, 24), NONE);
        CHECK_EQ(intr->pin(6, 0, &i, &rte), -EIO);
    }

    TEST("a function with their name is not given away, and has no messages") {
        i = irq_of(0, 0x41, 1, 1);
        CHECK_EQ(ops->attach(SOUTH, &a), -EPERM);
        CHECK_EQ(ops->attach(SOUTH, NULL), 0);
        CHECK_EQ(ops->attach(SOUTH, &first), 0);
        CHECK_EQ(message(SOUTH, i, &msg), -EACCES);
        CHECK_EQ(intr->end(SOUTH, &i), 0);
        CHECK_EQ(raise(SOUTH, 0), 0x30);
    }
}

static void failing(void)
{
    struct iommu_message msg;

    TEST("an IOMMU that stops is an error, and not waited for again") {
        begin();
        CHECK_EQ(ops->attach(DISK, &a), 0);
        dev.stuck = true;
        CHECK_EQ(message(DISK, irq_of(0, 0x41, 1, 1), &msg), -EIO);
        now = 0;
        CHECK_EQ(message(DISK, irq_of(0, 0x41, 1, 1), &msg), -EIO);
        CHECK(now < MILLISECS(1));
    }
}

int main(void)
{
    iopt_world();
    first = (struct iommu_domain){ .tag = 1, .passthrough = true, .hardware = true };
    a = (struct iommu_domain){ .tag = 2, .passthrough = true };
    b = (struct iommu_domain){ .tag = 3, .passthrough = true };
    starting();
    messages();
    owners();
    pins();
    failing();
    CHECK_EQ(locks_held(), 0);
    return check_exit();
}
