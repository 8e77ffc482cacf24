/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c drivers/iommu/iopt.c */
/* links: drivers/iommu/amd_ring.c drivers/iommu/amd_event.c drivers/iommu/amd_table.c */
/* links: drivers/iommu/amd_intr.c */
/*
 * An AMD IOMMU's rings and device table against a device of ours: registers that are played, which
 * reads commands from memory as the specification has them, remembers what it was told to forget,
 * and can refuse to go on.
 */
#include "check.h"

#include "../host/iopt_check.h"

#include "../../drivers/iommu/amd_priv.h"
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/time.h>

static struct {
    uint64_t reg[AMD_REGS_BYTES / 8];
    unsigned int limit;            /* commands that it will still do */
    unsigned int devtab[512];      /* how often each entry was to be forgotten */
    unsigned int waits, pages, other;
    uint64_t last_pages[2];
    bool blocked_seen;             /* the watched entry was blocked when it was forgotten first */
    int watch;
} dev;

bool amd_remap_wanted(void) { return false; }
int amd_remap_start(struct amd_iommu *unused, unsigned int index) { return 0; }

static ns_t now;
ns_t time_now(void) { return now += MICROSECS(10); }

static struct amd_iommu m;

static void run_command(const uint64_t c[2])
{
    switch (c[0] >> 60) {
    case 1:
        dev.waits++;
        if (c[0] & 1)
            memcpy(direct_va(c[0] & 0xffffffffffff8ULL), &c[1], 8);
        break;
    case 2:
        if ((int)(c[0] & 0xffff) == dev.watch && dev.devtab[c[0] & 0xffff] == 0)
            dev.blocked_seen = m.devtab[4 * dev.watch] == 3;
        dev.devtab[c[0] & 0xffff]++;
        break;
    case 3:
        dev.pages++;
        memcpy(dev.last_pages, c, 16);
        break;
    default:
        dev.other++;
    }
}

static void run(void)
{
    const uint64_t base = dev.reg[1] & 0xffffffffff000ULL;
    uint64_t *head = &dev.reg[0x2000 / 8], tail = dev.reg[0x2008 / 8], c[2];

    while (*head != tail && dev.limit) {
        memcpy(c, direct_va(base + *head), 16);
        run_command(c);
        *head = (*head + 16) % 4096;
        dev.limit--;
    }
}

uint64_t mmio_read64(const volatile void *base, unsigned int at)
{
    return at / 8 < ARRAY_SIZE(dev.reg) ? dev.reg[at / 8] : ~0ULL;
}

void mmio_write64(volatile void *base, unsigned int at, uint64_t v)
{
    if (at == AMD_REG_STATUS)
        dev.reg[at / 8] &= ~v;
    else
        dev.reg[at / 8] = v;
    if (at == AMD_REG_CMD_TAIL && dev.reg[3] & AMD_CONTROL_CMD)
        run();
}

static void begin(void)
{
    static const struct acpi_iommu fw = { .devid = 2, .flags = AMD_IVHD_COHERENT };

    memset(&dev, 0, sizeof(dev));
    memset(&m, 0, sizeof(m));
    dev.limit = 1U << 30;
    dev.watch = -1;
    m.regs = dev.reg;
    CHECK_EQ(amd_start_one(&m, &fw, 0, 200), 0);
}

static void end(void)
{
    hv_page_free(m.commands, 1);
    hv_page_free(m.events, 0);
    hv_page_free(m.devtab, 1);
    CHECK_EQ(locks_held(), 0);
}

static struct iommu_domain ctx(uint16_t tag)
{
    struct iommu_domain c = { .tag = tag,
                              .table = { .take = iopt_take, .give = iopt_give } };

    CHECK_EQ(iopt_init(&c.table, 4), 0);
    return c;
}

static void starting(void)
{
    TEST("started with every device blocked and everything forgotten") {
        begin();
        CHECK_EQ(dev.reg[3] & (AMD_CONTROL_ENABLE | AMD_CONTROL_CMD | AMD_CONTROL_EVENT_LOG),
                 AMD_CONTROL_ENABLE | AMD_CONTROL_CMD | AMD_CONTROL_EVENT_LOG);
        CHECK_EQ(m.nr_dte, 256);
        CHECK_EQ(dev.reg[0], direct_pa(m.devtab) | 1); /* two pages */
        for (unsigned int i = 0; i < 256; i++) {
            CHECK_EQ(m.devtab[4 * i], 3);
            CHECK_EQ(dev.devtab[i], 1);
            CHECK_EQ(amd_tag_of(&m, (uint16_t)i), 0);
        }
        end();
    }
}

static void devices(void)
{
    TEST("a device changes hands by way of being blocked") {
        struct iommu_domain a = ctx(5);

        begin();
        memset(dev.devtab, 0, sizeof(dev.devtab));
        dev.watch = 0x18;
        CHECK_EQ(amd_attach_one(&m, 0x18, &a, 0xd7), 0);
        CHECK(dev.blocked_seen);
        CHECK_EQ(dev.devtab[0x18], 2);
        CHECK_EQ(m.devtab[4 * 0x18], 3 | 4 << 9 | 3ULL << 61 | direct_pa(a.table.root));
        CHECK_EQ(m.devtab[4 * 0x18 + 1], 5 | 1ULL << 40);
        CHECK_EQ(m.devtab[4 * 0x18 + 2], 7ULL << 56 | 3ULL << 62);
        CHECK_EQ(amd_tag_of(&m, 0x18), 5);
        CHECK_EQ(dev.pages, 0);
        CHECK_EQ(amd_attach_one(&m, 0x18, NULL, 0), 0);
        CHECK_EQ(m.devtab[4 * 0x18], 3);
        CHECK_EQ(dev.pages, 1); /* all that the former domain's translations were */
        CHECK_EQ(dev.last_pages[0], 3ULL << 60 | 5ULL << 32);
        CHECK_EQ(dev.last_pages[1], 0x7ffffffffffff003ULL);
        CHECK_EQ(amd_attach_one(&m, 0x100, &a, 0), -ENODEV);
        end();
        iopt_exit(&a.table);
    }

    TEST("the rest are those that nobody has") {
        struct iommu_domain a = ctx(5), b = ctx(6);

        begin();
        CHECK_EQ(amd_attach_one(&m, 0x18, &a, 0), 0);
        CHECK_EQ(amd_attach_blocked(&m, 0, 0xffff, &b, 0), 0);
        CHECK_EQ(amd_tag_of(&m, 0x18), 5);
        CHECK_EQ(amd_tag_of(&m, 0x19), 6);
        CHECK_EQ(amd_tag_of(&m, 0xff), 6);
        end();
        iopt_exit(&a.table);
        iopt_exit(&b.table);
    }
}

/* The frames that an invalidation covers, read as the specification has it. */
static void covered(uint64_t *first, uint64_t *nr)
{
    uint64_t a = dev.last_pages[1] & ~0xfffULL;
    unsigned int zero = 12;

    *nr = 1;
    if (dev.last_pages[1] & 1) {
        while (zero < 63 && a >> zero & 1)
            zero++;
        *nr = 1ULL << (zero - 11);
    }
    *first = zero == 63 ? 0 : a >> 12 & ~(*nr - 1);
}

static void flushing(void)
{
    TEST("what is forgotten covers what was asked for") {
        static const uint64_t at[] = { 0, 1, 7, 511, 512, 0x12345, 1ULL << 30 },
                              len[] = { 1, 2, 3, 512, 513, 1ULL << 18, 1ULL << 35 };
        uint64_t first, nr;

        begin();
        for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
            for (unsigned int k = 0; k < ARRAY_SIZE(len); k++) {
                CHECK_EQ(amd_flush_one(&m, 9, at[i], len[k]), 0);
                covered(&first, &nr);
                CHECK(first <= at[i] && at[i] + len[k] - first <= nr);
                CHECK_EQ(dev.last_pages[0] >> 32 & 0xffff, 9);
                CHECK(dev.last_pages[1] & 2);
            }
        CHECK_EQ(amd_flush_one(&m, 9, 5, 1), 0);
        CHECK_EQ(dev.last_pages[1], 5 << 12 | 2);
        CHECK_EQ(amd_flush_one(&m, 9, 0, 0), 0);
        CHECK_EQ(dev.last_pages[1], 0x7ffffffffffff003ULL);
        end();
    }

    TEST("the ring goes round, many times") {
        unsigned int waits;

        begin();
        waits = dev.waits;
        dev.pages = 0;
        for (unsigned int i = 0; i < 1000; i++)
            CHECK_EQ(amd_flush_one(&m, 9, i, 1), 0);
        CHECK_EQ(dev.pages, 1000);
        CHECK_EQ(dev.waits - waits, 1000);
        CHECK_EQ(dev.other, 0);
        CHECK_EQ(dev.reg[0x2000 / 8], dev.reg[0x2008 / 8]);
        end();
    }

    TEST("one that stops is waited for once") {
        begin();
        dev.limit = 1; /* the invalidation, not what reports it */
        CHECK_EQ(amd_flush_one(&m, 9, 0, 1), -EIO);
        CHECK(m.dead);
        now = 0;
        CHECK_EQ(amd_flush_one(&m, 9, 0, 1), -EIO);
        CHECK(now < MILLISECS(1));
        end();
        begin();
        dev.limit = 0;
        CHECK_EQ(amd_attach_blocked(&m, 0, 0xff, NULL, 0), -EIO); /* more than the ring holds */
        CHECK(m.dead);
        end();
    }
}

static void events(void)
{
    char text[160];

    TEST("an event is one line") {
        const uint64_t fault[2] = { 2ULL << 60 | 1ULL << 53 | 1ULL << 32 | 0x18, 0x200000 },
                       odd[2] = { 5ULL << 60, 0x1000 };

        amd_event_text(text, sizeof(text), 0, fault);
        CHECK_STR(text, "page fault of 0000:00:03.0, tag 1: write at 0x200000");
        amd_event_text(text, sizeof(text), 1, odd);
        CHECK_STR(text, "illegal command, 0001:00:00.0, address 0x1000 (5000000000000000)");
    }

    TEST("the log is read to its end, over the edge, and restarted when it was full") {
        begin();
        dev.reg[0x2010 / 8] = 4080;
        dev.reg[0x2018 / 8] = 32;
        for (unsigned int i = 0; i < 3; i++)
            m.events[(255 + i) % 256 * 2] = 2ULL << 60;
        amd_event_poll(&m);
        CHECK_EQ(m.nr_events, 3);
        CHECK_EQ(dev.reg[0x2010 / 8], 32);
        dev.reg[0x2018 / 8] = 48; /* told of, and not in memory yet */
        amd_event_poll(&m);
        CHECK_EQ(dev.reg[0x2010 / 8], 32);
        dev.reg[AMD_REG_STATUS / 8] |= 1;
        amd_event_poll(&m);
        CHECK_EQ(dev.reg[AMD_REG_STATUS / 8] & 1, 0);
        CHECK(dev.reg[3] & AMD_CONTROL_EVENT_LOG);
        end();
    }
}

int main(void)
{
    iopt_world();
    starting();
    devices();
    flushing();
    events();
    return check_exit();
}
