/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c drivers/iommu/iopt.c drivers/iommu/iommu.c drivers/iommu/pv_guest.c */
/* links: drivers/iommu/options.c lib/cmdline.c lib/number.c */
/*
 * Devices and domains over an IOMMU of ours, which only notes who has which device: hands that a
 * device goes through, what the devices of a PV domain reach while its frames change their type,
 * the ends of domains, and the options.
 */
#include "check.h"

#include "../host/p2m_world.h"

#include "../../drivers/iommu/priv.h"

#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/rangeset.h>
#include <lib/cmdline.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define DEVICES 8U
#define FIRMWARES 7U /* the one that the firmware uses memory through */
#define MINE 3U

static uint16_t tag[DEVICES];
static unsigned int flushes, starts;
static uint64_t last_flush;
static int start_rc;

static int start(unsigned int *found)
{
    starts++;
    *found = start_rc == 0;
    return start_rc < 0 ? start_rc : 0;
}
static bool covers(uint32_t sbdf) { return sbdf < DEVICES; }
static uint16_t tag_of(uint32_t sbdf) { return tag[sbdf]; }
static int attach(uint32_t sbdf, const struct iommu_domain *ctx)
{
    tag[sbdf] = ctx ? ctx->tag : 0;
    return 0;
}
static int attach_rest(const struct iommu_domain *ctx)
{
    for (unsigned int i = 0; i < DEVICES; i++)
        tag[i] = tag[i] ?: ctx->tag;
    return 0;
}
static int block_tag(uint16_t t)
{
    for (unsigned int i = 0; i < DEVICES; i++)
        tag[i] = tag[i] == t ? 0 : tag[i];
    return 0;
}
static int flush(uint16_t t, uint64_t frame, uint64_t nr)
{
    flushes++;
    last_flush = frame;
    return 0;
}
static bool firmware_range(unsigned int nth, struct iommu_range *out)
{
    *out = (struct iommu_range){ .devid_first = FIRMWARES, .devid_last = FIRMWARES };
    return nth == 0;
}
static bool registers(unsigned int nth, struct iommu_range *out)
{
    *out = (struct iommu_range){ .first = 0x100 * (nth + 1), .end = 0x100 * (nth + 1) + 4 };
    return nth < 2;
}

static const struct iopt_kind *tables(unsigned int *levels)
{
    *levels = 4;
    return &iopt_amd;
}
static bool can_pass(void) { return true; }
static unsigned int other_starts;
static int other_start(unsigned int *found)
{
    other_starts++;
    *found = 0;
    return 0;
}

const struct iommu_ops vtd_iommu_ops = { .start = other_start };
const struct iommu_ops amd_iommu_ops = {
    .name = "played", .tables = tables, .can_pass = can_pass,
    .start = start, .covers = covers, .tag = tag_of, .attach = attach,
    .attach_rest = attach_rest, .block_tag = block_tag, .flush = flush,
    .firmware_range = firmware_range, .registers = registers,
};

int identity_start(struct iommu_domain *ctx, const struct iommu_ops *unused)
{
    ctx->identity = true;
    return 0;
}

static struct domain *hw, *a, *b;

static struct domain *pv_domain(domid_t id)
{
    struct domain *d = arena_domain(id, 1, 4096);

    CHECK_EQ(iommu_domain_init(d), 0);
    return d;
}



static void begin(void)
{
    memset(tag, 0, sizeof(tag));
    a = pv_domain(1);
    b = pv_domain(2);
    CHECK_EQ(iommu_assign_rest(hw), 0);
}

static void end(void)
{
    iommu_domain_teardown(a);
    iommu_domain_teardown(b);
    iommu_domain_free(a);
    iommu_domain_free(b);
    CHECK_EQ(p2m_domain_end(a), 0);
    CHECK_EQ(p2m_domain_end(b), 0);
    CHECK_EQ(locks_held(), 0);
}

static void hands(void)
{
    TEST("a device goes from one owner to the next by way of nobody, or from the first domain") {
        begin();
        CHECK_EQ(tag[MINE], hw->iommu->tag);
        CHECK_EQ(iommu_may_assign(MINE), 0);
        CHECK_EQ(iommu_assign(a, MINE), 0);
        CHECK_EQ(tag[MINE], a->iommu->tag);
        CHECK_EQ(iommu_may_assign(MINE), E(-EBUSY));
        CHECK_EQ(iommu_assign(a, MINE), 0);
        CHECK_EQ(iommu_assign(b, MINE), E(-EBUSY));
        CHECK_EQ(iommu_set_aside(MINE), E(-EBUSY));
        CHECK_EQ(iommu_give_back(MINE), E(-EINVAL));
        CHECK_EQ(iommu_deassign(b, MINE), E(-EINVAL));
        CHECK_EQ(tag[MINE], a->iommu->tag);
        CHECK_EQ(iommu_deassign(a, MINE), 0);
        CHECK_EQ(tag[MINE], 0);
        CHECK_EQ(iommu_may_assign(MINE), 0);
        CHECK_EQ(iommu_assign(b, MINE), 0);
        CHECK_EQ(iommu_deassign(b, MINE), 0);
        CHECK_EQ(iommu_give_back(MINE), 0);
        CHECK_EQ(tag[MINE], hw->iommu->tag);
        CHECK_EQ(iommu_give_back(MINE), E(-EINVAL));
        CHECK_EQ(iommu_set_aside(MINE), 0);
        CHECK_EQ(tag[MINE], 0);
        CHECK_EQ(iommu_set_aside(MINE), 0);
        end();
    }
    TEST("a device that the firmware uses stays, and one that is not there is not") {
        begin();
        CHECK_EQ(iommu_assign(a, FIRMWARES), E(-EPERM));
        CHECK_EQ(iommu_set_aside(FIRMWARES), E(-EPERM));
        CHECK_EQ(iommu_assign(a, DEVICES), E(-ENODEV));
        CHECK_EQ(iommu_may_assign(DEVICES), E(-ENODEV));
        CHECK_EQ(tag[FIRMWARES], hw->iommu->tag);
        end();
    }
    TEST("what the firmware uses: through any device, or through one") {
        uint64_t first = 1, nr = 1;

        CHECK(iommu_firmware_memory(0, true, 0, &first, &nr));
        CHECK(first == 0 && nr == 0); /* as the played table has it */
        CHECK(!iommu_firmware_memory(1, true, 0, &first, &nr));
        CHECK(iommu_firmware_memory(0, false, FIRMWARES, &first, &nr));
        CHECK(!iommu_firmware_memory(0, false, FIRMWARES + 1, &first, &nr));
    }
    TEST("the registers are nobody's") {
        struct rangeset *r = rangeset_new();

        CHECK_EQ(rangeset_add(r, 0, 0xfff), 0);
        CHECK_EQ(iommu_keep_registers(r), 0);
        for (unsigned int i = 0x100; i <= 0x200; i += 0x100) {
            CHECK(rangeset_contains(r, i - 1, i - 1));
            CHECK(!rangeset_intersects(r, i, i + 3));
            CHECK(rangeset_contains(r, i + 4, i + 4));
        }
        rangeset_free(r);
    }
    TEST("a domain that ends leaves its devices to nobody") {
        begin();
        CHECK_EQ(iommu_assign(a, MINE), 0);
        iommu_domain_teardown(a);
        CHECK_EQ(tag[MINE], 0);
        CHECK_EQ(tag[MINE + 1], hw->iommu->tag);
        iommu_domain_teardown(a); /* again: nothing */
        end();
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

static unsigned int reach(struct domain *d, struct page *pg)
{
    unsigned int level;
    uint64_t mfn = 0;
    const unsigned int flags = iopt_lookup(&d->iommu->table, page_to_mfn(pg).n, &mfn, &level);

    CHECK(!flags || (mfn == page_to_mfn(pg).n && level == 1));
    return flags;
}

static void types(void)
{
    TEST("devices of a PV domain reach its writable frames only") {
        struct page *pg;

        begin();
        pg = page_alloc_for(a, 0, 0);
        CHECK_EQ(reach(a, pg), 0);
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), 0);
        CHECK_EQ(reach(a, pg), IOMMU_READ | IOMMU_WRITE);
        CHECK_EQ(reach(b, pg), 0);
        page_put_type(pg);
        CHECK_EQ(reach(a, pg), IOMMU_READ | IOMMU_WRITE);
        flushes = 0;
        CHECK_EQ(page_get_type(pg, PT_SEGDESC), 0);
        CHECK_EQ(reach(a, pg), 0);
        CHECK(flushes == 1 && last_flush == page_to_mfn(pg).n);
        page_put_type(pg);
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), 0);
        CHECK_EQ(reach(a, pg), IOMMU_READ | IOMMU_WRITE);
        page_put_type(pg);
        end();
    }
    TEST("... and no frame that it has given back") {
        struct page *pg;

        begin();
        pg = page_alloc_for(a, 0, 0);
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), 0);
        page_put_type(pg);
        flushes = 0;
        CHECK(page_clear_allocated(pg));
        CHECK_EQ(reach(a, pg), 0);
        CHECK_EQ(flushes, 1);
        end();
    }
    TEST("... nor a page table; a frame whose type cannot be told to devices does not get it") {
        struct page *pg;
        struct pt_work w = { .budget = 1000 };
        void *taken = NULL, *one;

        begin();
        pg = page_alloc_for(a, 0, 0);
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), 0);
        page_put_type(pg);
        spin_lock(&a->arch.pt_lock);
        CHECK_EQ(page_table_get(pg, PT_L1, a, &w), 0);
        CHECK_EQ(reach(a, pg), 0);
        page_table_put(pg, a, &w);
        spin_unlock(&a->arch.pt_lock);
        iommu_domain_teardown(a); /* an empty table from now on: none is there to be used */
        iommu_domain_free(a);
        CHECK_EQ(p2m_domain_end(a), 0);
        a = pv_domain(1);
        pg = page_alloc_for(a, 0, 0);
        while ((one = hv_page_alloc(0))) {
            *(void **)one = taken;
            taken = one;
        }
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), E(-ENOMEM));
        CHECK_EQ(page_use_read(pg).count, 0);
        while (taken) {
            one = taken;
            taken = *(void **)one;
            hv_page_free(one, 0);
        }
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), 0);
        CHECK_EQ(reach(a, pg), IOMMU_READ | IOMMU_WRITE);
        page_put_type(pg);
        end();
    }
    TEST("frames still go back after the end of the tables") {
        const uint64_t free_before = heap_free_pages();
        struct page *pg;

        begin();
        pg = page_alloc_for(a, 0, 0);
        CHECK_EQ(page_get_type(pg, PT_WRITABLE), 0);
        iommu_domain_teardown(a);
        page_put_type(pg);
        CHECK_EQ(page_get_type(pg, PT_SEGDESC), 0);
        page_put_type(pg);
        end();
        CHECK_EQ(heap_free_pages(), free_before);
    }
}

/* --- options ---------------------------------------------------------------------------------- */

static bool refused;

static void warn(const char *fmt, ...) { refused = true; }

static bool option(const char *line)
{
    refused = false;
    cmdline_apply(line, warn);
    return !refused;
}

static void options(void)
{
    TEST("iommu= is a list of words with Xen's names, and what is not there is refused") {
        static const struct { const char *value; bool ok, on, required, verbose; } cases[] = {
            { "iommu=off", true, false, false, false },
            { "iommu=0", true, false, false, false },
            { "iommu=1", true, true, false, false },
            { "iommu=required", true, true, true, false },
            { "iommu=force,verbose", true, true, true, true },
            { "iommu=verbose,off", true, false, false, true },
            { "iommu=required=no,debug", true, true, false, true },
            { "iommu=no-intremap", true, true, false, false },
            { "iommu=intremap", true, true, false, false },
            { "iommu=quarantine", true, true, false, false },
            { "iommu=no-quarantine", false, true, false, false },
            { "iommu=dom0-strict", false, true, false, false },
            { "iommu=sharept", false, true, false, false },
            { "iommu=maybe", false, true, false, false },
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
            char line[64];

            opt_iommu = true;
            opt_iommu_required = opt_iommu_verbose = false;
            snprintf(line, sizeof(line), "%s", cases[i].value);
            CHECK_EQ(option(line), cases[i].ok);
            CHECK_EQ(opt_iommu, cases[i].on);
            CHECK_EQ(opt_iommu_required, cases[i].required);
            CHECK_EQ(opt_iommu_verbose, cases[i].verbose);
        }
        opt_iommu = true;
        opt_iommu_required = opt_iommu_verbose = false;
    }
    TEST("without an IOMMU, or with one that does not start, only iommu=required stops the boot") {
        start_rc = 1; /* none */
        CHECK_EQ(iommu_boot(), 0);
        CHECK(!iommu_present());
        CHECK_EQ(other_starts, 1);
        start_rc = -EIO;
        CHECK_EQ(iommu_boot(), 0);
        CHECK(!iommu_present());
        opt_iommu_required = true;
        CHECK_EQ(iommu_boot(), E(-ENODEV));
        opt_iommu = false;
        starts = 0;
        CHECK_EQ(iommu_boot(), E(-ENODEV));
        opt_iommu_required = false;
        CHECK_EQ(iommu_boot(), 0);
        CHECK_EQ(starts, 0);
        opt_iommu = true;
        start_rc = 0;
        CHECK_EQ(iommu_boot(), 0);
        CHECK(iommu_present());
    }
}

int main(void)
{
    p2m_machine_start();
    hv_page_free(hv_page_alloc(0), 0); /* the first one takes tables of its own */
    options();
    hw = arena_domain(0, 1, 4096);
    hw->is_hardware = true;
    CHECK_EQ(iommu_domain_init(hw), 0);
    hands();
    types();
    return check_exit();
}
