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
 * An Intel IOMMU's tables, invalidations and faults against a device of ours: registers that are
 * played. It remembers context entries and translations as the specification allows, forgets what
 * it is told to in the two ways there are, and can refuse to go on. What matters is what its DMA
 * finds. And the scopes of the firmware's table, against buses of ours.
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
#include <hv/time.h>

#define NOWHERE UINT64_MAX
#define CAP(nd, more) ((nd) | 6ULL << 8 | 47ULL << 16 | 0x22ULL << 24 | 3ULL << 34 | \
                       3ULL << 40 | 9ULL << 48 | (more))
#define PSI (1ULL << 39)
#define ECAP_QUEUE (0xfULL << 8 | 2 | 1ULL << 6)
#define ECAP_REGISTERS (0xfULL << 8)

static struct {
    union {
        uint32_t r[0x1000 / 4];
        uint64_t q[0x1000 / 8];
    };
    uint64_t root;
    bool stuck, refuses, bad_queue;  /* ways not to go on */
    bool contexts_gone, pages_gone;  /* all of them, since the root is new */
    bool order_ok;                   /* and before translation went on */
    bool protected_until_on;
    unsigned int writes_flushed, waits;
    struct { bool valid; uint64_t lo, hi; } entry[65536]; /* as remembered */
    struct { bool valid; uint16_t tag; uint64_t frame, to; } page[256];
} dev;

bool apic_is_x2(void) { return false; }
void *hv_ioremap(paddr_t pa, size_t len) { return pa == 0x1000 ? dev.r : NULL; }

static struct vtd m;

/* --- what it forgets -------------------------------------------------------------------------- */

static void forget_entries(unsigned int width, uint16_t tag, uint16_t devid)
{
    if (width == 1)
        dev.contexts_gone = true;
    for (unsigned int i = 0; i < 65536; i++)
        if (dev.entry[i].valid &&
            (width == 1 || ((uint16_t)(dev.entry[i].hi >> 8) == tag && (width == 2 || i == devid))))
            dev.entry[i].valid = false;
}

static void forget_translations(unsigned int width, uint16_t tag, uint64_t at)
{
    const uint64_t first = at >> 12, nr = 1ULL << (at & 0x3f);

    if (width == 1)
        dev.pages_gone = dev.contexts_gone; /* in this order */
    if (width == 3 && ((at & 0x3f) > 9 || first & (nr - 1) || !(m.cap & PSI)))
        abort();
    for (unsigned int i = 0; i < ARRAY_SIZE(dev.page); i++)
        if (width == 1 || (dev.page[i].tag == tag &&
                           (width == 2 || dev.page[i].frame - first < nr)))
            dev.page[i].valid = false;
}

static void run_queue(void)
{
    const uint64_t base = dev.q[0x90 / 8];
    uint64_t d[2];

    while (!dev.stuck && dev.q[0x80 / 8] != dev.q[0x88 / 8]) {
        memcpy(d, direct_va(base + dev.q[0x80 / 8]), 16);
        if (dev.bad_queue) {
            dev.r[0x34 / 4] |= 1 << 4;
            return;
        }
        if ((d[0] & 15) == 1)
            forget_entries(d[0] >> 4 & 3, (uint16_t)(d[0] >> 16), (uint16_t)(d[0] >> 32));
        else if ((d[0] & 15) == 2)
            forget_translations(d[0] >> 4 & 3, (uint16_t)(d[0] >> 16), d[1]);
        else if ((d[0] & 0x3f) == 0x25)
            memcpy(direct_va(d[1]), (char *)d + 4, 4), dev.waits++;
        else
            abort();
        dev.q[0x80 / 8] = (dev.q[0x80 / 8] + 16) % 4096;
    }
}

static void by_register(unsigned int at)
{
    const uint64_t v = dev.q[at / 8];

    if (dev.r[0x1c / 4] & 1 << 26)
        abort(); /* not while the queue is on */
    if (!(v >> 63) || dev.stuck)
        return;
    dev.q[at / 8] &= ~(1ULL << 63);
    if (dev.refuses)
        return;
    if (at == 0x28) {
        forget_entries(v >> 61 & 3, (uint16_t)v, (uint16_t)(v >> 16));
        dev.q[at / 8] |= (v >> 61 & 3) << 59;
    } else {
        forget_translations(v >> 60 & 3, (uint16_t)(v >> 32), dev.q[0xf0 / 8]);
        dev.q[at / 8] |= (v >> 60 & 3) << 57;
    }
}

static void command(uint32_t v)
{
    uint32_t *status = &dev.r[0x1c / 4];

    if (dev.stuck)
        return;
    if (v & 1 << 27)
        dev.writes_flushed++;
    if (v & 1 << 30) {
        dev.root = dev.q[0x20 / 8];
        dev.contexts_gone = dev.pages_gone = false;
        *status |= 1 << 30;
    }
    if (v >> 31 && !(*status >> 31)) {
        dev.order_ok = dev.root && dev.contexts_gone && dev.pages_gone;
        dev.protected_until_on = dev.r[0x64 / 4] >> 31;
    }
    *status = (*status & 1 << 30) | (v & (1U << 31 | 1 << 26 | 1 << 25));
}

uint64_t mmio_read64(const volatile void *base, unsigned int at) { return dev.q[at / 8]; }
uint32_t mmio_read32(const volatile void *base, unsigned int at) { return dev.r[at / 4]; }

void mmio_write64(volatile void *base, unsigned int at, uint64_t v)
{
    dev.q[at / 8] = v;
    if (at == 0x28 || at == 0xf8)
        by_register(at);
    if (at == 0x88 && dev.r[0x1c / 4] & 1 << 26)
        run_queue();
}

void mmio_write32(volatile void *base, unsigned int at, uint32_t v)
{
    if (at == 0x18)
        command(v);
    else if (at == 0x34 || (at >= 0x220 && at % 16 == 12))
        dev.r[at / 4] &= ~v;
    else if (at == 0x64)
        dev.r[at / 4] = v >> 31 ? v | 1 : v & ~1U;
    else
        dev.r[at / 4] = v;
}

/* --- what a device's DMA finds ---------------------------------------------------------------- */

static bool caching(void) { return m.cap & VTD_CAP_CM; }

static void remember_entry(uint16_t devid)
{
    uint64_t at = dma_word(dev.root + 16UL * (devid >> 8));

    dev.entry[devid].lo = dev.entry[devid].hi = 0;
    if (at & 1) {
        at = (at & ~0xfffULL) + 16UL * (devid & 0xff);
        dev.entry[devid].lo = dma_word(at);
        dev.entry[devid].hi = dev.entry[devid].lo & 1 ? dma_word(at + 8) : 0;
    }
    dev.entry[devid].valid = dev.entry[devid].lo & 1 || caching();
}

static uint64_t dma(uint16_t devid, uint64_t frame)
{
    unsigned int free = 0, rights;
    uint64_t lo, to;
    uint16_t tag;

    if (!dev.entry[devid].valid)
        remember_entry(devid);
    lo = dev.entry[devid].lo;
    tag = (uint16_t)(dev.entry[devid].hi >> 8);
    if (!(lo & 1))
        return NOWHERE;
    if ((lo & 0xc) == 8)
        return frame;
    for (unsigned int i = 0; i < ARRAY_SIZE(dev.page); i++) {
        if (dev.page[i].valid && dev.page[i].tag == tag && dev.page[i].frame == frame)
            return dev.page[i].to;
        free = dev.page[i].valid ? free : i;
    }
    to = vtd_walk(lo & ~0xfffULL, (dev.entry[devid].hi & 7) + 2, frame << 12, &rights);
    to = rights ? to >> 12 : NOWHERE;
    dev.page[free].valid = to != NOWHERE || caching();
    dev.page[free].tag = tag;
    dev.page[free].frame = frame;
    dev.page[free].to = to;
    return to;
}

/* --- the tests -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t cap, ecap;
} models[] = {
    { "queue", CAP(6, PSI), ECAP_QUEUE },
    { "queue, caching mode", CAP(6, PSI | 1 << 7), ECAP_QUEUE | 1 },
    { "registers", CAP(6, PSI | 3ULL << 54), ECAP_REGISTERS },
    { "registers, caching mode, no pages", CAP(2, 1 << 7 | 1 << 5), ECAP_REGISTERS | 1 },
    { "registers, write buffer", CAP(2, 1 << 4 | 3 << 5), ECAP_REGISTERS },
};

static uint64_t free_before;

static void begin(unsigned int model)
{
    free_before = heap_free_pages();
    memset(&dev, 0, sizeof(dev));
    memset(&m, 0, sizeof(m));
    m.regs = dev.r;
    m.cap = models[model].cap;
    m.ecap = models[model].ecap;
    dev.r[0x64 / 4] = 1U << 31 | 1; /* the firmware protects, and has left it on */
    dev.r[0x1c / 4] = 1U << 31 | 1 << 26;
    dev.root = 0x1000;
    CHECK_EQ(vtd_start_one(&m), 0);
}

static void end(void)
{
    for (unsigned int i = 0; i < VTD_BUSES; i++)
        if (m.context[i])
            hv_page_free(m.context[i], 0);
    hv_page_free(m.root, 0);
    hv_page_free(m.queue, 1);
    CHECK_EQ(heap_free_pages(), free_before);
    CHECK_EQ(locks_held(), 0);
}

static bool flush;
static struct iommu_domain ctx(uint16_t tag, unsigned int levels, uint64_t to)
{
    static struct iopt_kind kind;
    struct iommu_domain c = { .tag = tag };

    kind = iopt_vtd;
    kind.remembers_holes = m.cap & (VTD_CAP_CM | VTD_CAP_RWBF);
    c.table = (struct iopt){ .kind = &kind, .take = iopt_take, .give = iopt_give };
    CHECK_EQ(iopt_init(&c.table, levels), 0);
    CHECK_EQ(iopt_set(&c.table, 0, 1024, to, 3, &flush), 0);
    return c;
}

static void starting(unsigned int model)
{
    TEST("started: all is forgotten before it is on, all is blocked, the firmware's ranges end") {
        begin(model);
        CHECK(dev.order_ok);
        CHECK(dev.protected_until_on);
        CHECK_EQ(dev.r[0x64 / 4] >> 31, !(m.cap & (3 << 5)));
        CHECK_EQ(dev.r[0x1c / 4] >> 31, 1);
        CHECK_EQ(m.queued, (m.ecap & 2) != 0);
        CHECK_EQ(dev.root, direct_pa(m.root));
        CHECK_EQ(dev.writes_flushed > 0, (m.cap & VTD_CAP_RWBF) != 0);
        for (unsigned int devid = 0; devid < 65536; devid += 7)
            CHECK(dma((uint16_t)devid, 5) == NOWHERE && vtd_tag_of(&m, (uint16_t)devid) == 0);
        end();
    }
}

static void devices(unsigned int model)
{
    TEST("a device that changes hands finds what is its new owner's, and nothing of the old") {
        struct iommu_domain a, b, pass = { .tag = 9, .passthrough = true };

        begin(model);
        a = ctx(5, 3, 0x100000);
        b = ctx(6, 4, 0x200000);
        CHECK_EQ(dma(0x318, 7), NOWHERE);
        CHECK_EQ(vtd_attach_one(&m, 0x318, &a), 0);
        CHECK(dma(0x318, 7) == 0x100007 && dma(0x319, 7) == NOWHERE && dma(0x118, 7) == NOWHERE);
        CHECK_EQ(vtd_tag_of(&m, 0x318), 5);
        CHECK_EQ(vtd_attach_one(&m, 0x318, &b), 0);
        CHECK(dma(0x318, 7) == 0x200007 && dma(0x318, 600) == 0x200000 + 600);
        CHECK_EQ(vtd_attach_one(&m, 0x318, &pass), 0);
        CHECK_EQ(dma(0x318, 12345), 12345);
        CHECK_EQ(vtd_attach_one(&m, 0x318, NULL), 0);
        CHECK_EQ(dma(0x318, 7), NOWHERE);
        CHECK_EQ(vtd_attach_one(&m, 0x418, NULL), 0);
        CHECK(!m.context[4]); /* blocked without a table */
        iopt_exit(&a.table);
        iopt_exit(&b.table);
        end();
    }

    TEST("the rest are those that nobody has; a domain's are blocked at once") {
        struct iommu_domain a, b;

        begin(model);
        a = ctx(5, 3, 0x100000);
        b = ctx(6, 3, 0x200000);
        CHECK_EQ(vtd_attach_one(&m, 0x18, &a), 0);
        CHECK(dma(0x18, 1) == 0x100001 && dma(0x19, 1) == NOWHERE);
        CHECK_EQ(vtd_attach_blocked(&m, 0, 0x2ff, &b), 0);
        CHECK_EQ(vtd_attach_done(&m), 0);
        CHECK(dma(0x18, 1) == 0x100001 && dma(0x19, 1) == 0x200001 && dma(0x2ff, 1) == 0x200001);
        CHECK_EQ(dma(0x300, 1), NOWHERE);
        CHECK_EQ(vtd_block_tag_one(&m, 6), 0);
        CHECK(dma(0x18, 1) == 0x100001 && dma(0x19, 1) == NOWHERE && dma(0x2ff, 1) == NOWHERE);
        iopt_exit(&a.table);
        iopt_exit(&b.table);
        end();
    }
}

/* A change as iommu.c makes it. */
static void change(struct iommu_domain *c, uint64_t first, uint64_t nr, uint64_t to,
                   unsigned int flags)
{
    CHECK_EQ(iopt_set(&c->table, first, first + nr, to, flags, &flush), 0);
    if (flush)
        CHECK_EQ(vtd_flush_one(&m, c->tag, first, nr), 0);
    iopt_free_detached(&c->table);
}

static void changes(unsigned int model)
{
    TEST("after a change nothing of before is found") {
        static const uint64_t at[] = { 0, 1, 7, 511, 512, 1000 },
                              len[] = { 1, 2, 3, 24, 600, 5000 };
        struct iommu_domain a;

        begin(model);
        a = ctx(5, 3, 0x100000);
        CHECK_EQ(vtd_attach_one(&m, 0x18, &a), 0);
        for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
            for (unsigned int k = 0; k < ARRAY_SIZE(len); k++) {
                const uint64_t last = at[i] + len[k] - 1;

                CHECK(dma(0x18, at[i]) != NOWHERE || at[i]);
                dma(0x18, last);
                change(&a, at[i], len[k], 0, 0);
                CHECK(dma(0x18, at[i]) == NOWHERE && dma(0x18, last) == NOWHERE);
                change(&a, at[i], len[k], 0x300000, 3);
                CHECK(dma(0x18, at[i]) == 0x300000 && dma(0x18, last) == 0x300000 + len[k] - 1);
            }
        iopt_exit(&a.table);
        end();
    }
}

static void hundreds(void)
{
    TEST("the queue goes round, many times") {
        begin(0);
        dev.waits = 0;
        for (unsigned int i = 0; i < 1000; i++)
            CHECK_EQ(vtd_flush_one(&m, 9, i, 1), 0);
        CHECK_EQ(dev.waits, 1000);
        CHECK_EQ(dev.q[0x80 / 8], dev.q[0x88 / 8]);
        end();
    }
}

static void failing(void)
{
    TEST("one that stops is waited for once, and not for long") {
        for (unsigned int model = 0; model < ARRAY_SIZE(models); model++) {
            begin(model);
            dev.stuck = true;
            now = 0;
            CHECK_EQ(vtd_flush_one(&m, 5, 0, 1), -EIO);
            CHECK(m.dead && now > SECONDS(1) && now < SECONDS(2));
            now = 0;
            CHECK_EQ(vtd_flush_one(&m, 5, 0, 1), -EIO);
            CHECK_EQ(vtd_attach_done(&m), -EIO);
            CHECK(now < MILLISECS(1));
            end();
        }
    }

    TEST("one that is stopped translates nothing and has no queue") {
        begin(0);
        vtd_stop_one(&m);
        CHECK_EQ(dev.r[0x1c / 4] & (1U << 31 | 1 << 26), 0);
        CHECK_EQ(vtd_flush_one(&m, 5, 0, 1), -EIO);
        end();
    }

    TEST("refusals are errors") {
        begin(2);
        dev.refuses = true;
        CHECK_EQ(vtd_flush_one(&m, 5, 0, 1), -EIO);
        end();
        begin(0);
        dev.bad_queue = true;
        now = 0;
        CHECK_EQ(vtd_flush_one(&m, 5, 0, 1), -EIO);
        CHECK(m.dead && now < MILLISECS(1));
        end();
    }

    TEST("no more domains than it has names for") {
        struct iommu_domain a = { .tag = 256, .passthrough = true };

        begin(3); /* 2^8 */
        CHECK_EQ(vtd_attach_one(&m, 0x18, &a), -ENOSPC);
        CHECK_EQ(vtd_attach_blocked(&m, 0, 0xff, &a), -ENOSPC);
        CHECK_EQ(vtd_flush_one(&m, 256, 0, 0), 0);
        a.tag = 255;
        CHECK_EQ(vtd_attach_one(&m, 0x18, &a), 0);
        end();
    }
}

static void record(unsigned int i, uint64_t lo, uint64_t hi)
{
    dev.q[0x220 / 8 + 2 * i] = lo;
    dev.q[0x220 / 8 + 2 * i + 1] = hi | 1ULL << 63;
}

static void faults(void)
{
    char text[160];

    TEST("a fault is one line") {
        const uint64_t write[2] = { 0x200000, 1ULL << 63 | 5ULL << 32 | 0x18 },
                       read[2] = { 0xfed80000, 1ULL << 63 | 1ULL << 62 | 6ULL << 32 | 0x10a },
                       irq[2] = { 7ULL << 48, 1ULL << 63 | 0x22ULL << 32 | 0x18 },
                       odd[2] = { 0, 0xffULL << 32 };

        vtd_fault_text(text, sizeof(text), 0, write);
        CHECK_STR(text, "fault of 0000:00:03.0: write at 0x200000: no right to write (0x5)");
        vtd_fault_text(text, sizeof(text), 1, read);
        CHECK_STR(text, "fault of 0001:01:01.2: read at 0xfed80000: no right to read (0x6)");
        vtd_fault_text(text, sizeof(text), 0, irq);
        CHECK_STR(text, "fault of 0000:00:03.0: interrupt 7: no such interrupt (0x22)");
        vtd_fault_text(text, sizeof(text), 0, odd);
        CHECK_STR(text, "fault of 0000:00:00.0: write at 0: unknown reason (0xff)");
    }

    TEST("records are read from the first on, round the end, and given back") {
        begin(0);
        record(2, 0x1000, 0);
        record(3, 0x2000, 0);
        record(0, 0x3000, 0);
        dev.r[0x34 / 4] = 2 << 8 | 3;
        vtd_fault_read(&m);
        CHECK_EQ(m.nr_faults, 3);
        for (unsigned int i = 0; i < 4; i++)
            CHECK_EQ(dev.q[0x220 / 8 + 2 * i + 1] >> 63, 0);
        CHECK_EQ(dev.r[0x34 / 4] & 1, 0);
        end();
    }
}

/* --- scopes ----------------------------------------------------------------------------------- */

/* 00:01.0 is a root port to 1 and 2, 01:00.0 leads to conventional PCI on 2; 00:02.0 is broken. */
static uint8_t config_byte(uint32_t bdf, unsigned int reg)
{
    static const uint8_t port[] = { 0x10, 0, 0x42 }, to_pci[] = { 0x10, 0, 0x72 };
    const bool bridge = bdf == 0x008 || bdf == 0x100 || bdf == 0x010;

    if (!bridge && bdf != 0x018 && bdf != 0x210)
        return 0xff;
    if (reg < 4)
        return 0x11;
    if (reg == 0x06)
        return bridge ? 0x10 : 0;
    if (reg == 0x0e)
        return bridge;
    if (reg == 0x19)
        return bdf == 0x008 ? 1 : bdf == 0x100 ? 2 : 0;
    if (reg == 0x1a)
        return bdf == 0x010 ? 0 : 2;
    if (reg == 0x34)
        return 0x40;
    return reg < 0x40 || reg > 0x42 ? 0 : (bdf == 0x100 ? to_pci : port)[reg - 0x40];
}

static const struct acpi_dmar table = {
    .nr_units = 3, .nr_reserved = 1, .nr_scopes = 7,
    .unit = { { .base = 0x1000 }, { .base = 0x2000, .all = true },
              { .base = 0x3000, .segment = 1, .all = true } },
    .scope = {
        { .owner = ACPI_DMAR_UNIT, .kind = ACPI_DMAR_ENDPOINT, .depth = 1, .path = { 0x18 } },
        { .owner = ACPI_DMAR_UNIT, .kind = ACPI_DMAR_BRIDGE, .depth = 2, .path = { 0x08, 0x00 } },
        { .owner = ACPI_DMAR_UNIT, .kind = ACPI_DMAR_ENDPOINT, .depth = 2, .path = { 0x10, 0x00 } },
        { .owner = ACPI_DMAR_UNIT, .kind = ACPI_DMAR_ENDPOINT, .depth = 2, .path = { 0x18, 0x00 } },
        { .owner = ACPI_DMAR_RESERVED, .kind = ACPI_DMAR_ENDPOINT, .depth = 3,
          .path = { 0x08, 0x00, 0x10 } },
        { .owner = ACPI_DMAR_UNIT, .index = 1, .kind = ACPI_DMAR_IOAPIC, .depth = 1 },
        { .owner = ACPI_DMAR_UNIT, .kind = ACPI_DMAR_BRIDGE, .depth = 1, .path = { 0x28 } },
    },
};

static void scopes(void)
{
    static struct vtd_scope s[ACPI_MAX_DMAR_SCOPES];
    struct pci_config pci;
    uint16_t alias[4];
    unsigned int n;

    pci_config_init(&pci, &pci_play);
    n = vtd_resolve(s, &table, &pci);
    TEST("paths go through bridges, and nowhere else") {
        CHECK_EQ(n, 4);
        CHECK(s[0].devid == 0x018 && !s[0].bridge);
        CHECK(s[1].devid == 0x100 && s[1].bridge && s[1].bus_first == 2 && s[1].bus_last == 2);
        CHECK(s[2].owner == ACPI_DMAR_RESERVED && s[2].devid == 0x210);
        CHECK(s[3].devid == 0x028 && !s[3].bridge); /* one that is not there */
    }

    TEST("a function has the unit that lists it or a bridge above, or that of all others") {
        CHECK_EQ(vtd_unit_of(&table, s, n, 0x018), 0);
        CHECK_EQ(vtd_unit_of(&table, s, n, 0x100), 0);
        CHECK_EQ(vtd_unit_of(&table, s, n, 0x2ab), 0);
        CHECK_EQ(vtd_unit_of(&table, s, n, 0x008), 1);
        CHECK_EQ(vtd_unit_of(&table, s, n, 0x10018), 2);
        CHECK_EQ(vtd_unit_of(&table, s, n, 0x20018), -1);
    }

    TEST("behind a bridge to conventional PCI a function's requests bear the bridge's name") {
        CHECK_EQ(vtd_aliases(&pci, 0x210, alias, 4), 1);
        CHECK_EQ(alias[0], 0x200);
        CHECK_EQ(vtd_aliases(&pci, 0x100, alias, 4), 0);
        CHECK_EQ(vtd_aliases(&pci, 0x018, alias, 4), 0);
    }
}

/* --- the whole of it, as the layer above sees it ---------------------------------------------- */

static void prepare(uint64_t cap, uint64_t ecap, uint64_t memory)
{
    memset(&dev, 0, sizeof(dev));
    memset(&m, 0, sizeof(m));
    m.cap = dev.q[1] = cap;
    m.ecap = dev.q[2] = ecap;
    acpi_info.have = ACPI_HAVE_DMAR;
    acpi_info.dmar = table;
    acpi_info.dmar.nr_units = 1;
    acpi_info.dmar.nr_scopes = 5;
    acpi_info.dmar.reserved[0] = (struct acpi_dmar_reserved){ 0x7c000000, 0x7c100000, 0 };
    host_e820.nr = 1;
    host_e820.entry[0] = (struct e820_entry){ .start = 0, .size = memory, .type = E820_RAM };
    pci_config_init(&pci_hw, &pci_play);
}

static void whole(void)
{
    const struct iommu_ops *ops = &vtd_iommu_ops;
    unsigned int found, levels;
    struct iommu_range r;

    TEST("found, started, and everything that the firmware lists is the first domain's") {
        struct iommu_domain a, b;

        prepare(CAP(6, PSI), ECAP_QUEUE | 1 << 7, 1ULL << 40);
        CHECK_EQ(ops->start(&found), 0);
        CHECK_EQ(found, 1);
        CHECK_EQ(ops->tables(&levels)->leaf_level, 3);
        CHECK_EQ(levels, 4);
        CHECK_EQ(ops->tables(&levels)->leaf, 1 << 11);
        CHECK(ops->tables(&levels)->wrote == vtd_wrote && !ops->tables(&levels)->remembers_holes);
        CHECK(ops->can_pass() && dev.r[0x1c / 4] >> 31);
        CHECK(ops->covers(0x018) && ops->covers(0x210) && !ops->covers(0x008));
        a = ctx(1, 4, 0x100000);
        b = ctx(2, 4, 0x200000);
        CHECK_EQ(ops->attach_rest(&a), 0);
        CHECK(dma(0x018, 1) == 0x100001 && dma(0x2f0, 1) == 0x100001 && dma(0x008, 1) == NOWHERE);
        CHECK_EQ(ops->attach(0x210, &b), -EBUSY); /* the bridge's other devices are a's */
        CHECK_EQ(ops->attach(0x210, NULL), 0);
        CHECK(dma(0x210, 1) == NOWHERE && dma(0x200, 1) == NOWHERE);
        CHECK_EQ(ops->attach(0x210, &b), 0);
        CHECK(dma(0x210, 1) == 0x200001 && dma(0x200, 1) == 0x200001);
        CHECK_EQ(ops->tag(0x200), 2);
        CHECK_EQ(ops->attach(0x008, &b), -ENODEV);
        CHECK_EQ(ops->block_tag(2), 0);
        CHECK(dma(0x210, 1) == NOWHERE && dma(0x018, 1) == 0x100001);
    }

    TEST("the firmware's memory, and what nobody may write to") {
        CHECK(ops->firmware_range(0, &r) && r.first == 0x7c000 && r.end == 0x7c100);
        CHECK(r.devid_first > r.devid_last);
        CHECK(ops->firmware_range(1, &r) && r.devid_first == 0x210 && r.devid_last == 0x210);
        CHECK(!ops->firmware_range(2, &r));
        CHECK(ops->registers(0, &r) && r.first == 1 && r.end == 2);
        CHECK(ops->registers(1, &r) && r.first == 0xfee00 && r.end == 0xfef00);
        CHECK(!ops->registers(2, &r));
    }
}

/* Each ends before anything is started. */
static void unfit(void)
{
    static const struct { uint64_t cap, memory; } bad[] = {
        { UINT64_MAX, 1 << 30 },                            /* nothing answers */
        { CAP(6, PSI) & ~(0x3ffULL << 24), 1 << 30 },
        { CAP(6, PSI) & ~(6ULL << 8), 1 << 30 },            /* no depth that we know */
        { CAP(6, PSI) & ~(4ULL << 8), (1ULL << 39) + 4096 } /* 3 levels, and too much memory */
    };
    unsigned int found;

    TEST("one that cannot be used is left alone") {
        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
            prepare(bad[i].cap, ECAP_QUEUE, bad[i].memory);
            CHECK_EQ(vtd_iommu_ops.start(&found), -ENODEV);
            CHECK_EQ(found, 0);
            CHECK(!dev.root && !(dev.r[0x1c / 4] >> 31));
        }
        acpi_info.have = 0;
        CHECK_EQ(vtd_iommu_ops.start(&found), 0);
        CHECK_EQ(found, 0);
    }
}

int main(void)
{
    opt_iommu_intremap = false; /* tests/unit/iommu_vtd_intr.c */
    iopt_world();
    for (unsigned int i = 0; i < ARRAY_SIZE(models); i++) {
        starting(i);
        devices(i);
        changes(i);
    }
    hundreds();
    failing();
    faults();
    scopes();
    unfit();
    whole();
    return check_exit();
}
