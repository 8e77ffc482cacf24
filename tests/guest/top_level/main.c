/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A level 4 table that two vcpus run on, changed by one of them: the other has to see it, without
 * leaving the guest for it, when the hypercall is over; and with other base pointers in between.
 * Where address spaces are separated (xpti=), each cpu has a copy.
 */
#include "guest.h"

const char *test_name = "top_level";

#define FREE_SLOT 300 /* an L4 entry that the boot tables leave empty */
#define THERE ((uint64_t *)(~0UL << 48 | (uint64_t)FREE_SLOT << 39))
#define ROUNDS 200
#define PAGE_FAULT 14
#define PATIENCE 2000000000UL /* ns */

static uint64_t *table[4]; /* the data page, and the tables of level 1 to 3 */
static uint64_t entry;     /* of the level 4 table, for them */

static long update(uint64_t *l4, uint64_t val)
{
    struct mmu_update u = { .ptr = (va_to_mfn(l4) << 12) + FREE_SLOT * 8, .val = val };

    return hypercall(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_SELF);
}

static long ext(unsigned int cmd, uint64_t arg1)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1 };

    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

/* --- the other vcpu --------------------------------------------------------------------------- */

static volatile unsigned int asked, answered;
static volatile int raised;
static volatile uint64_t value;

/* Reads THERE when asked; otherwise it spins, and makes no hypercall. */
static void other(void)
{
    for (;;) {
        uint64_t v = 0;

        while (asked == answered)
            __asm__ volatile("pause");
        raised = probe_read(THERE, &v);
        value = v;
        __atomic_store_n(&answered, answered + 1, __ATOMIC_SEQ_CST);
    }
}

/* What it finds: the vector, 0, or -1 without an answer. */
static int ask(void)
{
    const uint64_t end = now_ns() + PATIENCE;

    __atomic_store_n(&asked, asked + 1, __ATOMIC_SEQ_CST);
    while (asked != answered)
        if (now_ns() > end)
            return -1;
    return raised;
}

/* --- checks ----------------------------------------------------------------------------------- */

static void build(void)
{
    for (int i = 0; i < 4; i++)
        table[i] = alloc_page();
    for (int i = 1; i < 4; i++)
        table[i][0] = va_to_mfn(table[i - 1]) << 12 | PTE_RW_KERNEL | PTE_U;
    for (int i = 1; i < 4; i++)
        CHECK_EQ(set_va((uint64_t)table[i], va_to_mfn(table[i]) << 12 | PTE_RO_KERNEL), 0,
                 "protect a table");
    entry = va_to_mfn(table[3]) << 12 | PTE_RW_KERNEL | PTE_U;
}

/* Entries come and go many times; a cpu whose copy lags sees an old one, most likely at once. */
static void come_and_go(uint64_t *l4, const char *filled, const char *emptied)
{
    int bad_filled = 0, bad_emptied = 0;

    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t here = 0;

        table[0][0] = i;
        if (update(l4, entry) || ask() || value != i || probe_read(THERE, &here) || here != i)
            bad_filled++;
        if (update(l4, 0) || ext(MMUEXT_TLB_FLUSH_ALL, 0) || ask() != PAGE_FAULT ||
            probe_read(THERE, &here) != PAGE_FAULT)
            bad_emptied++;
    }
    CHECK_EQ(bad_filled, 0, filled);
    CHECK_EQ(bad_emptied, 0, emptied);
}

/*
 * Another table of level 4, on which only we run for a while; changes to the first one come to us
 * when we are back.
 */
static void other_base(uint64_t *boot)
{
    uint64_t *l4 = alloc_page(), v = 0;

    memcpy(l4, boot, PAGE);
    CHECK_EQ(set_va((uint64_t)l4, va_to_mfn(l4) << 12 | PTE_RO_KERNEL), 0,
             "protect another level 4 table");
    CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, va_to_mfn(l4)), 0, "run on it");
    table[0][0] = 4711;
    CHECK_EQ(update(boot, entry), 0, "fill a slot of the one that the other vcpu runs on");
    CHECK_EQ(ask(), 0, "... which sees it");
    CHECK_EQ(value, 4711, "... and what is there");
    CHECK_EQ(probe_read(THERE, &v), PAGE_FAULT, "... and here it is not");
    CHECK_EQ(update(l4, entry), 0, "fill it here too");
    CHECK_EQ(probe_read(THERE, &v), 0, "... and it is here");
    CHECK_EQ(update(boot, 0), 0, "empty it there");
    CHECK_EQ(ext(MMUEXT_TLB_FLUSH_ALL, 0), 0, "... and flush");
    CHECK_EQ(ask(), PAGE_FAULT, "... and it is gone there");
    CHECK_EQ(probe_read(THERE, &v), 0, "... but not here");
    CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, va_to_mfn(boot)), 0, "back to the first table");
    CHECK_EQ(probe_read(THERE, &v), PAGE_FAULT, "... where the slot is empty");
    CHECK_EQ(set_va((uint64_t)l4, va_to_mfn(l4) << 12 | PTE_RW_KERNEL), 0,
             "the other table is ordinary memory again");
}

void test_main(void)
{
    uint64_t *boot = (uint64_t *)start_info->pt_base;

    build();
    CHECK_EQ(vcpu_start(other), 0, "a second vcpu on the same tables");
    CHECK_EQ(ask(), PAGE_FAULT, "... finds nothing in a free slot");
    come_and_go(boot, "a slot filled by one vcpu is filled for both",
                "... and empty for both when it is emptied");
    other_base(boot);
    come_and_go(boot, "the same after other tables", "... and when it is emptied");
    for (int i = 1; i < 4; i++)
        CHECK_EQ(set_va((uint64_t)table[i], va_to_mfn(table[i]) << 12 | PTE_RW_KERNEL), 0,
                 "a table of no use is memory again");
}
