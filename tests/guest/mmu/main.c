/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Direct paging: what a guest may and may not do to its page tables. Entries are written through
 * every door (mmu_update, update_va_mapping, emulated stores), pages change their types by pinning,
 * and refused requests must leave nothing behind.
 */
#include "guest.h"

const char *test_name = "mmu";

#define MFN_NONE (1UL << 39) /* beyond any memory of ours */
#define PTE_PSE 0x80UL
#define PTE_G 0x100UL
#define PTE_NX (1UL << 63)
#define SLOT_VA(l4) (~0UL << 48 | (uint64_t)(l4) << 39)
#define FREE_SLOT 300 /* an L4 entry that the boot tables leave empty */
#define UNMAPPED 0x123456789000UL

/* --- requests --------------------------------------------------------------------------------- */

static long update_for(uint64_t ptr, uint64_t val, uint64_t foreign)
{
    struct mmu_update u = { .ptr = ptr, .val = val };

    return hypercall(__HYPERVISOR_mmu_update, &u, 1, 0, foreign);
}

static long update(uint64_t ptr, uint64_t val) { return update_for(ptr, val, DOMID_SELF); }

static long ext(unsigned int cmd, uint64_t arg1, uint64_t arg2)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.nr_ents = (unsigned int)arg2 };

    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

static long pin(int level, uint64_t mfn)
{
    return ext(MMUEXT_PIN_L1_TABLE + (unsigned int)level - 1, mfn, 0);
}
static long unpin(uint64_t mfn) { return ext(MMUEXT_UNPIN_TABLE, mfn, 0); }
static long map(void *va, uint64_t mfn, uint64_t flags)
{
    return set_va((uint64_t)va, mfn << 12 | flags);
}
static long protect(void *page) { return map(page, va_to_mfn(page), PTE_RO_KERNEL); }
static long unprotect(void *page) { return map(page, va_to_mfn(page), PTE_RW_KERNEL); }
static uint64_t pte_of(void *va) { return *(volatile uint64_t *)pt_entry((uint64_t)va, 1); }
static uint64_t pte_ptr(void *va) { return pt_entry_maddr((uint64_t)va, 1); }

static char *window, *data; /* a page whose mapping the tests change, and one that stays as it is */
static uint64_t window_mfn, data_mfn;

static void restore_window(void)
{
    if (map(window, window_mfn, PTE_RW_KERNEL))
        CHECK(false, "the window can be mapped again");
}

/* --- mmu_update ------------------------------------------------------------------------------- */

static void update_kinds(void)
{
    uint64_t at = pte_ptr(window), mfn = window_mfn, val;

    CHECK_EQ(update(at, mfn << 12 | PTE_RO_KERNEL), 0,
             "MMU_NORMAL_PT_UPDATE makes a page read-only");
    CHECK_EQ(pte_of(window) & (PTE_P | PTE_W), PTE_P, "... and the table shows it");
    CHECK_EQ(pte_of(window) & PTE_U, PTE_U, "a kernel mapping is a user page to the processor");
    CHECK_EQ(update(at | MMU_PT_UPDATE_NO_TRANSLATE, mfn << 12 | PTE_RW_KERNEL), 0,
             "MMU_PT_UPDATE_NO_TRANSLATE");
    CHECK_EQ(update(at, mfn << 12 | PTE_P | PTE_W), 0,
             "an entry without the accessed and dirty bits");
    CHECK_EQ(pte_of(window) & (PTE_A | PTE_D), 0, "... has them clear");
    ext(MMUEXT_INVLPG_LOCAL, (uint64_t)window, 0);
    *(volatile char *)window = 1;
    CHECK_EQ(pte_of(window) & (PTE_A | PTE_D), PTE_A | PTE_D, "... until the page is written");
    CHECK_EQ(update(at | MMU_PT_UPDATE_PRESERVE_AD, mfn << 12 | PTE_P | PTE_W), 0,
             "MMU_PT_UPDATE_PRESERVE_AD");
    CHECK_EQ(pte_of(window) & (PTE_A | PTE_D), PTE_A | PTE_D, "... keeps them");
    CHECK_EQ(update(at, 0), 0, "clear an entry");
    CHECK_EQ(pte_of(window), 0, "... and it is 0");
    CHECK_EQ(update(at, 0x1230), 0, "a not-present entry may hold anything");
    CHECK_EQ(pte_of(window), 0x1230, "... as it is");
    restore_window();

    CHECK_EQ(update(mfn << 12 | MMU_MACHPHYS_UPDATE, 77), 0, "MMU_MACHPHYS_UPDATE");
    CHECK_EQ(m2p()[mfn], 77, "... is seen in the M2P");
    CHECK_EQ(update(mfn << 12 | MMU_MACHPHYS_UPDATE, va_to_pfn(window)), 0, "... and set back");
    CHECK_EQ(update(MFN_NONE << 12 | MMU_MACHPHYS_UPDATE, 1), -XEINVAL,
             "MMU_MACHPHYS_UPDATE of no frame");
    CHECK_EQ(update(MFN_NONE << 12, 0), -XEINVAL, "an update of a page table that does not exist");
    CHECK_EQ(update((data_mfn << 12) + 8, 0x1122334455667788), 0,
             "an update of ordinary memory is a plain store");
    CHECK_EQ(probe_read(data + 8, &val) ? 0 : val, 0x1122334455667788, "... that can be read back");
}

static void hypervisor_frames(void)
{
    uint64_t at = pte_ptr(window), extent[1] = { 0 };
    struct xen_machphys_mfn_list list = { .max_extents = 1 };

    set_xen_guest_handle(list.extent_start, extent);
    if (hypercall(__HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, &list)) {
        skip("this hypervisor does not tell the frames of the M2P");
        return;
    }
    CHECK(update(at, extent[0] << 12 | PTE_RO_KERNEL) < 0,
          "the hypervisor's frame as one's own is refused");
    CHECK_EQ(update_for(at, extent[0] << 12 | PTE_RO_KERNEL, DOMID_XEN), 0,
             "the M2P's frame of DOMID_XEN, read-only");
    CHECK_EQ(*(volatile uint64_t *)window, m2p()[0], "... holds the M2P");
    CHECK(update_for(at, extent[0] << 12 | PTE_RW_KERNEL, DOMID_XEN) < 0, "... but not read-write");
    CHECK_EQ(update(extent[0] << 12, 5), -XEINVAL, "an update of the hypervisor's frame");
    restore_window();
}

static void foreign_frames(void)
{
    uint64_t at = pte_ptr(window);

    CHECK(update_for(at, data_mfn << 12 | PTE_RO_KERNEL, DOMID_XEN) < 0,
          "our frame is not DOMID_XEN's");
    CHECK(update_for(at, data_mfn << 12 | PTE_RO_KERNEL, DOMID_IO) < 0,
          "our frame is not DOMID_IO's");
    CHECK_EQ(update_for(at, data_mfn << 12 | PTE_RO_KERNEL, 1234), -XESRCH,
             "frames of a domain that does not exist");
    CHECK_EQ(update_for(at, data_mfn << 12 | PTE_RO_KERNEL, 1235UL << 16 | DOMID_SELF), -XESRCH,
             "tables of such a domain");
    CHECK_EQ(update_for(at, data_mfn << 12 | PTE_RO_KERNEL, 1UL << 16 | DOMID_SELF), 0,
             "tables of domain 0 by its number");
    restore_window();
    CHECK_EQ(update_for(at, 0xb8000 | PTE_RW_KERNEL, DOMID_IO), 0, "the text screen as DOMID_IO's");
    CHECK_EQ(update(at, 0xb8000 | PTE_RW_KERNEL), 0, "... and as one's own");
    CHECK_EQ(probe_write(window, 0x0741074207430744), 0, "... can be written");
    CHECK(update(at, 0xfee00000 | PTE_RW_KERNEL) < 0, "the local APIC is refused");
    CHECK(update(at, MFN_NONE << 12 | PTE_RW_KERNEL) < 0,
          "a frame beyond the physical address space");
    restore_window();
}

static void entry_bits(void)
{
    static const struct {
        uint64_t bits;
        long want;
        const char *what;
    } l1[] = {
        { PTE_RO_KERNEL | PTE_NX, 0, "NX in a level 1 entry" },
        { PTE_RO_KERNEL | PTE_G, 0, "global in a level 1 entry" },
        { PTE_RO_KERNEL | PTE_PSE, 0, "the PAT bit in a level 1 entry" },
        { PTE_RO_KERNEL | 0xe00, 0, "the software bits in a level 1 entry" },
        { PTE_RO_KERNEL | 0x18, 0, "cache bits in a level 1 entry" },
        { PTE_RO_KERNEL | PTE_U, 0, "a user page" },
        { PTE_RO_KERNEL | 0x3ffUL << 53, 0, "the software bits on top of a level 1 entry" },
    }, l2[] = {
        { PTE_RW_KERNEL | PTE_U, 0, "a level 2 entry" },
        { PTE_RW_KERNEL | PTE_U | PTE_NX, 0, "NX in a level 2 entry" },
        { PTE_RW_KERNEL | PTE_U | 0x3ffUL << 53 | 0xe00, 0,
          "the software bits in a level 2 entry" },
        { PTE_RW_KERNEL | PTE_U | PTE_PSE, -XEINVAL, "a large page in a level 2 entry" },
        { PTE_RW_KERNEL | PTE_U | PTE_G, -XEINVAL, "global in a level 2 entry" },
    };
    void *t1 = alloc_page(), *t2 = alloc_page();
    uint64_t t2_maddr = va_to_mfn(t2) << 12;

    for (unsigned int i = 0; i < sizeof(l1) / sizeof(l1[0]); i++)
        CHECK_EQ(update(pte_ptr(window), window_mfn << 12 | l1[i].bits), l1[i].want, l1[i].what);
    restore_window();
    protect(t1);
    protect(t2);
    CHECK_EQ(pin(2, va_to_mfn(t2)), 0, "pin an empty level 2 table");
    for (unsigned int i = 0; i < sizeof(l2) / sizeof(l2[0]); i++)
        CHECK_EQ(update(t2_maddr, va_to_mfn(t1) << 12 | l2[i].bits), l2[i].want, l2[i].what);
    CHECK_EQ(unpin(va_to_mfn(t2)), 0, "unpin it");
    CHECK_EQ(unprotect(t1) | unprotect(t2), 0, "both pages can be written again");
}

/* --- table types ------------------------------------------------------------------------------ */

static void *table[5]; /* [level]: a page for a table of it, [0]: a data page */

static void link_tables(void)
{
    for (int l = 1; l <= 4; l++) {
        memset(table[l], 0, PAGE);
        *(uint64_t *)table[l] = va_to_mfn(table[l - 1]) << 12 | PTE_RW_KERNEL | PTE_U;
    }
}

static int count_writable(void)
{
    int n = 0;

    for (int l = 1; l <= 4; l++)
        n += unprotect(table[l]) == 0;
    return n;
}

static void protect_tables(void)
{
    for (int l = 1; l <= 4; l++)
        protect(table[l]);
}

static void pinning(void)
{
    char what[] = "pin a tree at level 0";

    for (int l = 0; l <= 4; l++)
        table[l] = alloc_page();
    for (int l = 1; l <= 4; l++) {
        uint64_t mfn = va_to_mfn(table[l]);

        what[sizeof(what) - 2] = (char)('0' + l);
        link_tables();
        CHECK(pin(l, mfn) < 0, "a table that is mapped read-write cannot be pinned");
        protect_tables();
        CHECK_EQ(pin(l, mfn), 0, what);
        CHECK_EQ(pin(l, mfn), -XEINVAL, "... twice");
        for (int other = 1; other <= 4; other++)
            if (other != l)
                CHECK(pin(other, mfn) < 0, "... as a table of another level");
        CHECK(unprotect(table[l]) < 0, "... and map it read-write");
        CHECK(unprotect(table[1]) < 0, "... or the lowest one below it");
        CHECK_EQ(unpin(mfn), 0, "unpin it");
        CHECK_EQ(unpin(mfn), -XEINVAL, "... twice");
        CHECK_EQ(count_writable(), 4, "nothing of the tree has a type any more");
    }
    CHECK(pin(1, MFN_NONE) < 0, "pin no frame");
    CHECK(unpin(MFN_NONE) < 0, "unpin no frame");
    CHECK_EQ(unpin(data_mfn), -XEINVAL, "unpin an ordinary page");
}

/*
 * A tree with one bad entry in it, at its start or end, at each level: refused, and nothing of it
 * keeps a type.
 */
static void bad_trees(void)
{
    static const struct {
        int level;
        unsigned int index;
        uint64_t entry; /* 0: the data page, writable, which is no table */
        const char *what;
    } bad[] = {
        { 1, 511, MFN_NONE << 12 | PTE_RW_KERNEL, "a tree with a bad frame in its level 1" },
        { 2, 0, 0, "a tree with ordinary memory for a level 1 table" },
        { 2, 511, MFN_NONE << 12 | PTE_RW_KERNEL, "a tree with a bad frame in its level 2" },
        { 2, 511, PTE_PSE | PTE_P, "a tree with a large page in its level 2" },
        { 3, 511, 0, "a tree with ordinary memory for a level 2 table" },
        { 3, 3, PTE_PSE | PTE_P, "a tree with a large page in its level 3" },
        { 4, 511, 0, "a tree with ordinary memory for a level 3 table" },
        { 4, 0, MFN_NONE << 12 | PTE_P, "a tree with a bad frame in its level 4" },
        { 4, 255, PTE_G | PTE_P, "a tree with a global entry in its level 4" },
    };

    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        link_tables();
        ((uint64_t *)table[bad[i].level])[bad[i].index] = bad[i].entry
                                                              ?: data_mfn << 12 | PTE_RW_KERNEL |
                                                                     PTE_U;
        protect_tables();
        CHECK(pin(4, va_to_mfn(table[4])) < 0, bad[i].what);
        CHECK_EQ(count_writable(), 4, "... and nothing of it has a type");
    }
}

static void shared_tables(void)
{
    uint64_t *l2 = table[2], mfn1 = va_to_mfn(table[1]);

    link_tables();
    l2[1] = l2[2] = l2[511] = l2[0];
    protect_tables();
    CHECK_EQ(pin(4, va_to_mfn(table[4])), 0, "one level 1 table under four entries");
    CHECK_EQ(pin(1, mfn1), 0, "... is pinned by itself too");
    CHECK_EQ(unpin(va_to_mfn(table[4])), 0, "... and outlives the tree");
    CHECK(unprotect(table[1]) < 0, "... as a table");
    CHECK_EQ(unpin(mfn1), 0, "... until its own pin goes");
    CHECK_EQ(count_writable(), 4, "... and then it is ordinary memory");
}

static void hypervisor_slots(void)
{
    uint64_t root = va_to_mfn((void *)start_info->pt_base) << 12, *l4 = table[4], v;

    for (int i = 256; i < 272; i += 5)
        CHECK_EQ(update(root + (uint64_t)i * 8, 0), -XEINVAL,
                 "an update of a slot of the hypervisor");
    link_tables();
    l4[257] = 0x12345 | PTE_P;
    protect_tables();
    CHECK_EQ(pin(4, va_to_mfn(l4)), 0,
             "what a new level 4 table has in these slots does not matter");
    CHECK_EQ(unpin(va_to_mfn(l4)), 0, "... also later");
    CHECK_EQ(count_writable(), 4, "... and the page is ordinary memory again");

    link_tables();
    l4[FREE_SLOT] = 0;
    protect_tables();
    CHECK_EQ(update(root + FREE_SLOT * 8, va_to_mfn(table[3]) << 12 | PTE_RW_KERNEL | PTE_U), 0,
             "fill a free slot");
    CHECK_EQ(probe_write((void *)SLOT_VA(FREE_SLOT), 4711), 0, "... and write through it");
    CHECK_EQ(*(uint64_t *)table[0], 4711, "... to the right page");
    CHECK(unprotect(table[3]) < 0, "... whose tables are typed");
    CHECK_EQ(probe_write(pt_entry((uint64_t)table[4], 3), 0), 14,
             "a store to a table above level 1 is a fault");
    CHECK_EQ(update(root + FREE_SLOT * 8, 0), 0, "empty the slot");
    CHECK_EQ(ext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0, "... and flush");
    CHECK_EQ(probe_read((void *)SLOT_VA(FREE_SLOT), &v), 14, "... and it is gone");
    CHECK_EQ(count_writable(), 4, "... with all types under it");
}

/* A table as its own lower table: seen read-only, never writable. */
static void linear_tables(void)
{
    uint64_t mfn = va_to_mfn((void *)start_info->pt_base), slot = (mfn << 12) + FREE_SLOT * 8;
    uint64_t *self = (uint64_t *)(SLOT_VA(FREE_SLOT) | (uint64_t)FREE_SLOT << 30 |
                                  (uint64_t)FREE_SLOT << 21 | (uint64_t)FREE_SLOT << 12);
    uint64_t v = 0;

    CHECK(update(slot, mfn << 12 | PTE_RW_KERNEL | PTE_U) < 0,
          "a writable linear table is refused");
    if (update(slot, mfn << 12 | PTE_RO_KERNEL | PTE_U)) {
        skip("no linear page tables in this hypervisor");
        return;
    }
    ext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    CHECK_EQ(probe_read(&self[511], &v), 0, "a linear table can be read");
    CHECK_EQ(v & PTE_ADDR, *pt_entry(VIRT_BASE, 4) & PTE_ADDR, "... and shows the level 4 table");
    CHECK_EQ(probe_write(&self[FREE_SLOT], 0), 14, "... but not be written");
    CHECK_EQ(update(slot, 0), 0, "take it away");
    ext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    CHECK_EQ(probe_read(&self[511], &v), 14, "... and it is gone");
}

/* --- base pointers ---------------------------------------------------------------------------- */

static void base_pointers(void)
{
    uint64_t *boot = (uint64_t *)start_info->pt_base, old = va_to_mfn(boot), *copy = alloc_page(),
             mfn = va_to_mfn(copy);
    uint64_t cr3;

    CHECK(ext(MMUEXT_NEW_BASEPTR, data_mfn, 0) < 0, "ordinary memory is no base pointer");
    CHECK(ext(MMUEXT_NEW_BASEPTR, MFN_NONE, 0) < 0, "no frame is no base pointer");
    CHECK(ext(MMUEXT_NEW_USER_BASEPTR, data_mfn, 0) < 0, "ordinary memory is no user base pointer");
    CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, old, 0), 0, "the base pointer that is loaded");
    memcpy(copy, boot, PAGE);
    protect(copy);
    CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, mfn, 0), 0, "a copy of the tables, not pinned");
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK_EQ(cr3 >> 12, (long)mfn, "... is in CR3");
    CHECK(unprotect(copy) < 0, "... and is a table");
    CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, mfn, 0), 0, "... for user mode too");
    CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, old, 0), 0, "back to the first");
    CHECK(unprotect(copy) < 0, "the user's base pointer keeps its type");
    CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0, "take that away");
    CHECK_EQ(unprotect(copy), 0, "... and it is ordinary memory");
}

/* --- update_va_mapping, counts ---------------------------------------------------------------- */

static void va_mapping(void)
{
    uint64_t val = window_mfn << 12 | PTE_RW_KERNEL;

    CHECK_EQ(set_va(UNMAPPED, val), -XEINVAL, "update_va_mapping without a level 1 table");
    CHECK_EQ(set_va(0xffff830000000000, val), -XEINVAL, "... of the hypervisor's space");
    CHECK(set_va((uint64_t)window, MFN_NONE << 12 | PTE_P) < 0, "... with a bad frame");
    CHECK(set_va((uint64_t)window, va_to_mfn((void *)start_info->pt_base) << 12 | PTE_RW_KERNEL) <
              0,
          "... of a page table, writable");
    CHECK_EQ(pte_of(window) >> 12 & 0xffffffffff, (long)window_mfn, "... leaves the old entry");
    CHECK_EQ(map(window, va_to_mfn((void *)start_info->pt_base), PTE_RO_KERNEL), 0,
             "... of a page table, read-only");
    CHECK_EQ(hypercall(__HYPERVISOR_update_va_mapping, window, val, UVMF_TLB_FLUSH | UVMF_ALL), 0,
             "... with a full flush");
    CHECK_EQ(hypercall(__HYPERVISOR_update_va_mapping, window, val, UVMF_INVLPG | UVMF_ALL), 0,
             "... with INVLPG for all");
    CHECK_EQ(hypercall(__HYPERVISOR_update_va_mapping, window, val, UVMF_INVLPG | UNMAPPED),
             -XEFAULT, "... with a bad mask of vcpus");
    CHECK_EQ(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, window, val, 0, 1234), -XESRCH,
             "... for no domain");
    restore_window();
}

static void done_counts(void)
{
    uint64_t ro = window_mfn << 12 | PTE_RO_KERNEL, at = pte_ptr(window);
    struct mmu_update u[4] = { { at, 0 }, { at, ro }, { at, MFN_NONE << 12 | PTE_P }, { at, 0 } };
    struct mmuext_op op[3] = { { .cmd = MMUEXT_TLB_FLUSH_LOCAL }, { .cmd = 99 },
                               { .cmd = MMUEXT_TLB_FLUSH_LOCAL } };
    unsigned int done = 77;

    CHECK(hypercall(__HYPERVISOR_mmu_update, u, 4, &done, DOMID_SELF) < 0,
          "a batch with a bad third update");
    CHECK_EQ(done, 2, "... has two done");
    CHECK_EQ(pte_of(window) & PTE_P, PTE_P, "... and stops there");
    CHECK_EQ(hypercall(__HYPERVISOR_mmu_update, u, 2, &done, DOMID_SELF), 0, "a batch without it");
    CHECK_EQ(done, 2, "... has all done");
    CHECK_EQ(hypercall(__HYPERVISOR_mmu_update, u, 0, &done, DOMID_SELF), 0, "an empty batch");
    CHECK_EQ(done, 0, "... has none done");
    CHECK_EQ(hypercall(__HYPERVISOR_mmu_update, UNMAPPED, 1, &done, DOMID_SELF), -XEFAULT,
             "a batch that cannot be read");
    CHECK_EQ(hypercall(__HYPERVISOR_mmuext_op, op, 3, &done, DOMID_SELF), -XENOSYS,
             "extended operations, one unknown");
    CHECK_EQ(done, 1, "... have one done");
    CHECK_EQ(hypercall(__HYPERVISOR_mmuext_op, op, 1, &done, DOMID_SELF), 0, "extended operations");
    CHECK_EQ(done, 1, "... all done");
    CHECK_EQ(hypercall(__HYPERVISOR_mmuext_op, op, 1, &done, 1234), -XESRCH, "... for no domain");
    restore_window();
}

static void page_operations(void)
{
    memset(data, 0x5a, PAGE);
    CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, data_mfn, 0), 0, "MMUEXT_CLEAR_PAGE");
    CHECK_EQ(*(uint64_t *)(data + PAGE - 8), 0, "... clears");
    *(uint64_t *)window = 0x1234;
    CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, va_to_mfn((void *)start_info->pt_base), 0), -XEINVAL,
             "... but no page table");
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = data_mfn, .arg2.src_mfn = window_mfn
    };
    CHECK_EQ(hypercall(__HYPERVISOR_mmuext_op, &copy, 1, 0, DOMID_SELF), 0, "MMUEXT_COPY_PAGE");
    CHECK_EQ(*(uint64_t *)data, 0x1234, "... copies");
    copy.arg2.src_mfn = MFN_NONE;
    CHECK_EQ(hypercall(__HYPERVISOR_mmuext_op, &copy, 1, 0, DOMID_SELF), -XEINVAL,
             "... but not from no frame");
    CHECK_EQ(ext(MMUEXT_FLUSH_CACHE, 0, 0), 0, "MMUEXT_FLUSH_CACHE");
}

/* --- stores to level 1 tables ----------------------------------------------------------------- */

static void writable_tables(void)
{
    volatile uint64_t *pte = pt_entry((uint64_t)window, 1);
    uint64_t rw = pte_of(window), ro = rw & ~PTE_W, other, v;

    hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
#define STORE(text, insn, want_pte, ...)                                   \
    do {                                                                   \
        set_va((uint64_t)window, rw);                                      \
                                                                           \
        int vector_ = PROBE(insn, __VA_ARGS__);                            \
                                                                           \
        CHECK_EQ(vector_, -1, text);                                       \
        CHECK_EQ(*pte & ~(PTE_A | PTE_D), (want_pte) & ~(PTE_A | PTE_D), "... has its effect"); \
    } while (0)
    STORE("emulated mov", "mov %0, (%1)", ro, : : "r"(ro), "r"(pte));
    STORE("emulated mov of an immediate", "movq $0, (%0)", 0, : : "r"(pte));
    other = ro;
    STORE("emulated xchg", "xchg %0, (%1)", ro, : "+r"(other) : "r"(pte));
    CHECK_EQ(other | PTE_A | PTE_D, rw | PTE_A | PTE_D, "... gives the old entry");
    other = rw;
    STORE("emulated cmpxchg that fits", "lock cmpxchg %1, (%2)", 0,
          : "+a"(other)
          : "r"(0UL), "r"(pte));
    other = 0x1234;
    STORE("emulated cmpxchg that does not", "lock cmpxchg %1, (%2)", rw,
          : "+a"(other)
          : "r"(0UL), "r"(pte));
    CHECK_EQ(other | PTE_A | PTE_D, rw | PTE_A | PTE_D, "... and it gives the entry");
    STORE("emulated and", "lock andq %0, (%1)", ro, : : "r"(~PTE_W), "r"(pte));
    STORE("emulated or", "lock orq %0, (%1)", rw | 0x200, : : "r"(0x200UL), "r"(pte));
    STORE("emulated xor", "lock xorq %0, (%1)", ro, : : "r"(PTE_W), "r"(pte));
    STORE("emulated btr", "lock btrq $1, (%0)", ro, : : "r"(pte));
    STORE("emulated bts", "lock btsq $10, (%0)", rw | 1 << 10, : : "r"(pte));
    STORE("emulated btc", "lock btcq $1, (%0)", ro, : : "r"(pte));
    STORE("emulated add", "addq %0, (%1)", rw + 0x200, : : "r"(0x200UL), "r"(pte));
    STORE("emulated 4-byte mov", "movl %0, (%1)", ro, : : "r"((uint32_t)ro), "r"(pte));
    CHECK_EQ(probe_write((void *)pte, MFN_NONE << 12 | PTE_P), 14,
             "an emulated store of a bad entry is a fault");
    CHECK_EQ(probe_write((void *)pte, va_to_mfn((void *)start_info->pt_base) << 12 | PTE_RW_KERNEL),
             14, "... so is one that makes a page table writable");
    CHECK_EQ(probe_write((void *)pte, 0), 0, "an entry is cleared by a store");
    CHECK_EQ(ext(MMUEXT_INVLPG_LOCAL, (uint64_t)window, 0), 0, "... and flushed");
    CHECK_EQ(probe_read(window, &v), 14, "... and the page is gone");
    restore_window();
    hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
}

static void flushes(void)
{
    static const struct {
        unsigned int cmd;
        const char *what;
    } flush[] = {
        { MMUEXT_INVLPG_LOCAL, "INVLPG_LOCAL" },       { MMUEXT_INVLPG_ALL, "INVLPG_ALL" },
        { MMUEXT_TLB_FLUSH_LOCAL, "TLB_FLUSH_LOCAL" }, { MMUEXT_TLB_FLUSH_ALL, "TLB_FLUSH_ALL" },
    };
    uint64_t at = pte_ptr(window), v;

    for (unsigned int i = 0; i < 4; i++) {
        *(volatile uint64_t *)window = 1;
        *(volatile uint64_t *)data = 2;
        update(at, data_mfn << 12 | PTE_RW_KERNEL);
        ext(flush[i].cmd, (uint64_t)window, 0);
        CHECK_EQ(*(volatile uint64_t *)window, 2, flush[i].what);
        update(at, 0);
        ext(flush[i].cmd, (uint64_t)window, 0);
        CHECK_EQ(probe_read(window, &v), 14, "... of a page that has gone");
        restore_window();
    }
}

/* --- reservation ------------------------------------------------------------------------------ */

static long reserve(unsigned int op, uint64_t *frame, unsigned long nr, unsigned int order)
{
    struct xen_memory_reservation r = {
        .nr_extents = nr, .extent_order = order, .domid = DOMID_SELF
    };

    set_xen_guest_handle(r.extent_start, frame);
    return hypercall(__HYPERVISOR_memory_op, op, &r);
}

static void exchange(void)
{
    uint64_t in[4], out[1] = { 123456 }, pfn;
    struct xen_memory_exchange x = { .in = { .nr_extents = 4, .domid = DOMID_SELF },
                                     .out = { .nr_extents = 1, .extent_order = 2,
                                              .domid = DOMID_SELF } };
    long rc;

    for (int i = 0; i < 4; i++)
        in[i] = spare_mfn();
    pfn = out[0] = m2p()[in[3]];
    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, &x);
    CHECK_EQ(rc, 0, "exchange four pages for one extent of four");
    CHECK_EQ(x.nr_exchanged, 4, "... all of them");
    CHECK_EQ(out[0] & 3, 0, "... an aligned one");
    for (uint64_t i = 0; i < 4; i++)
        CHECK_EQ(m2p()[out[0] + i], (long)(pfn + i), "... with its M2P set");
    CHECK_EQ(map(window, out[0] + 3, PTE_RW_KERNEL), 0, "... that can be mapped");
    restore_window();

    x.nr_exchanged = 0;
    x.out.nr_extents = 2;
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, &x), -XEINVAL,
             "exchange of unequal amounts");
    CHECK_EQ(x.nr_exchanged, 0, "... changes nothing");
    x.out.nr_extents = 1;
    in[0] = in[1] = in[2] = in[3] = out[0];
    CHECK(hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, &x) < 0,
          "exchange of one page, four times");
    CHECK_EQ(x.nr_exchanged, 0, "... changes nothing");
    CHECK_EQ(map(window, out[0], PTE_RW_KERNEL), 0, "... and the page is still there");
    restore_window();
}

static void reservation(void)
{
    uint64_t mfn = spare_mfn(), frame = mfn, pfn = m2p()[mfn];
    domid_t self = DOMID_SELF;
    long before = hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);

    CHECK_EQ(before, (long)start_info->nr_pages, "the reservation is what start_info says");
    CHECK_EQ(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 1, "give a page back");
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self), before - 1,
             "... and have one less");
    CHECK(m2p()[mfn] != pfn, "... without an M2P entry");
    CHECK(map(window, mfn, PTE_RO_KERNEL) < 0, "... which cannot be mapped");
    CHECK_EQ(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0, "... nor given back again");
    frame = pfn;
    CHECK_EQ(reserve(XENMEM_populate_physmap, &frame, 1, 0), 1, "populate its place");
    CHECK_EQ(m2p()[frame], (long)pfn, "... which has the M2P set");
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self), before,
             "... and have all again");
    CHECK_EQ(map(window, frame, PTE_RW_KERNEL), 0, "... and it can be mapped");
    CHECK_EQ(*(volatile uint64_t *)window, 0, "... and is clean");
    restore_window();
    CHECK_EQ(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 1, "give it back");
    CHECK_EQ(reserve(XENMEM_increase_reservation, &frame, 1, 0), 1, "take another one");
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self), before,
             "... and have all again");
    frame = MFN_NONE;
    CHECK_EQ(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0, "give back what is not ours");
    CHECK_EQ(reserve(XENMEM_populate_physmap, &frame, 1, 60), 0, "populate a huge extent");
    CHECK_EQ(reserve(XENMEM_decrease_reservation, (uint64_t *)UNMAPPED, 1, 0), 0,
             "give back a list that cannot be read");
}

void test_main(void)
{
    window = alloc_page();
    data = alloc_page();
    window_mfn = va_to_mfn(window);
    data_mfn = va_to_mfn(data);
    update_kinds();
    hypervisor_frames();
    foreign_frames();
    entry_bits();
    pinning();
    bad_trees();
    shared_tables();
    hypervisor_slots();
    linear_tables();
    base_pointers();
    va_mapping();
    done_counts();
    page_operations();
    writable_tables();
    flushes();
    exchange();
    reservation();
}
