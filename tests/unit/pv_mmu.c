/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/compat.c core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/mmu_ext.c */
/* links: arch/x86/pv/descriptor_page.c arch/x86/pv/ptwr.c arch/x86/pv/ptwr_decode.c */
/* links: tests/host/arena.c tests/host/pv_ops.c */
/*
 * Direct paging: what each entry may say, pins, base pointers, emulated stores, grants; then random
 * operations of three guests with every count checked after each, whole and with the work cut into
 * the smallest pieces.
 */
#include "check.h"

#include "../host/arena.h"
#include "../host/pv_ops.h"

#include <arch/cpu.h>
#include <arch/page_type.h>
#include <arch/paging.h>
#include <arch/pv_mmu.h>
#include <hv/errno.h>
#include <hv/memory.h>

extern int host_pt_budget;

/* Guest 1's tree: L4 frame 15, L3 10, L2 5, L1 0; data from 20 on. VA slot 0 of each. */
enum { L1 = 0, L2 = 5, L3 = 10, L4 = 15, DATA = 20 };

#define G 1
#define E(v) ((uint64_t)(int64_t)(v)) /* an error number as CHECK_EQ() compares them */
#define FLAGS (PTE_PRESENT | PTE_ACCESSED)

static uint64_t entry(unsigned int frame, uint64_t flags)
{
    return pv_frame_number(G, frame) << PAGE_SHIFT | FLAGS | flags;
}
static uint64_t slot_of(unsigned int frame, unsigned int slot)
{
    return (pv_frame_number(G, frame) << PAGE_SHIFT) + slot * 8;
}
static struct page_use use(unsigned int frame) { return page_use_read(pv_frame[G][frame]); }
static long set(unsigned int frame, unsigned int slot, uint64_t e)
{
    return pv_update(G, slot_of(frame, slot), e, DOMID_SELF);
}

static void tree(void)
{
    pv_world_start();
    pv_frame_bytes(G, L4)[0] = entry(L3, PTE_RW);
    pv_frame_bytes(G, L4)[256] = 0xdeadbeef001; /* a stale copy of ours, as Linux has it */
    pv_frame_bytes(G, L3)[0] = entry(L2, PTE_RW);
    pv_frame_bytes(G, L2)[0] = entry(L1, PTE_RW);
    pv_frame_bytes(G, L1)[0] = entry(DATA, PTE_RW);
    pv_frame_bytes(G, L1)[1] = entry(L1, 0);
    pv_frame_bytes(G, L1)[2] = entry(DATA + 1, PTE_USER);
}

static long pin_tree(void)
{
    long rc;

    tree();
    rc = pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF);
    return rc ? rc : pv_mmuext(G, MMUEXT_NEW_BASEPTR, pv_frame_number(G, L4), DOMID_SELF);
}

static void end(void)
{
    CHECK_EQ(pv_check(), 0);
    CHECK_EQ(pv_world_end(), 0);
}

static void pin_tests(void)
{
    TEST("pinning types the tree, adjusts its entries and puts our slots in") {
        CHECK_EQ(pin_tree(), 0);
        CHECK(use(L4).pinned && use(L4).type == PT_L4 && use(L4).count == 2);
        CHECK(use(L3).type == PT_L3 && use(L2).type == PT_L2 && use(L1).type == PT_L1);
        CHECK(use(DATA).type == PT_WRITABLE && use(DATA).count == 1);
        CHECK_EQ(use(DATA + 1).count, 0);
        CHECK_EQ(pv_frame_bytes(G, L4)[256], hv_l4[256].v);
        CHECK_EQ(pv_frame_bytes(G, L4)[259] >> PAGE_SHIFT, 0x77);
        CHECK_EQ(pv_frame_bytes(G, L1)[0] & (PTE_USER | PTE_GUEST_KERNEL | PTE_GLOBAL),
                 PTE_USER | PTE_GUEST_KERNEL);
        CHECK_EQ(pv_frame_bytes(G, L1)[2] & (PTE_USER | PTE_GUEST_KERNEL | PTE_GLOBAL),
                 PTE_USER | PTE_GLOBAL);
        CHECK_EQ(pv_check(), 0);
        CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF), E(-EINVAL));
        CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L3_TABLE, pv_frame_number(G, L4), DOMID_SELF), E(-EINVAL));
        CHECK_EQ(pv_mmuext(G, MMUEXT_UNPIN_TABLE, pv_frame_number(G, L3), DOMID_SELF), E(-EINVAL));
        CHECK_EQ(pv_mmuext(G, MMUEXT_UNPIN_TABLE, pv_frame_number(G, L4), DOMID_SELF), 0);
        CHECK(use(L4).count == 1 && use(L4).state == PS_VALID); /* the base pointer's */
        end();
    }
    TEST("unpinning the last undoes the tree") {
        tree();
        CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF), 0);
        CHECK_EQ(pv_mmuext(G, MMUEXT_UNPIN_TABLE, pv_frame_number(G, L4), DOMID_SELF), 0);
        for (unsigned int i = 0; i < PV_FRAMES; i++)
            CHECK_EQ(use(i).count, 0);
        end();
    }
    TEST("a writable mapping of a table refuses the pin, and nothing stays") {
        static const unsigned int bad[] = { L1, L2, L3, L4 };

        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
            tree();
            pv_frame_bytes(G, L1)[3] = entry(bad[i], PTE_RW);
            CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF),
                     E(-EINVAL));
            for (unsigned int k = 0; k < PV_FRAMES; k++)
                CHECK_EQ(use(k).count, 0);
            end();
        }
    }
    TEST("tables that refer to themselves or upwards are refused") {
        static const unsigned int level[] = { L1, L2, L3, L4 };

        for (unsigned int from = 1; from < 4; from++)
            for (unsigned int to = from; to < 4; to++) {
                tree();
                pv_frame_bytes(G, level[from])[7] = entry(level[to], 0);
                CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF),
                         E(-EINVAL));
                end();
            }
    }
    TEST("pins of others' tables are for the privileged") {
        tree();
        CHECK_EQ(pv_mmuext(2, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), G), E(-EPERM));
        CHECK_EQ(pv_mmuext(2, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF), E(-EINVAL));
        CHECK_EQ(pv_mmuext(0, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), G), 0);
        CHECK_EQ(pv_mmuext(0, MMUEXT_NEW_BASEPTR, pv_frame_number(G, L4), G), E(-EPERM));
        CHECK_EQ(pv_mmuext(0, MMUEXT_PIN_L1_TABLE, pv_frame_number(G, L4), 99), E(-ESRCH));
        end();
    }
}

static void interrupt_tests(void)
{
    host_pt_budget = 1;
    arena.preempt_at = 1;
    TEST("a pin that is interrupted and never continued does not keep the frames from other use") {
        for (unsigned int other = MMUEXT_PIN_L1_TABLE; other <= MMUEXT_PIN_L3_TABLE; other++) {
            tree();
            pv_frame_bytes(G, L4)[256] = 0; /* it shall be a good L1 as well */
            pv_abandon = true;
            CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF),
                     E(-ERESTART));
            pv_abandon = false;
            CHECK(use(L4).state == PS_PARTIAL && use(L3).state == PS_PARTIAL);
            CHECK_EQ(pv_check(), 0);
            CHECK_EQ(pv_mmuext(G, other, pv_frame_number(G, L4), DOMID_SELF), 0);
            CHECK(use(L4).pinned && use(L4).type == PT_L1 + other - MMUEXT_PIN_L1_TABLE);
            CHECK_EQ(pv_check(), 0);
            end();
        }
    }
    TEST("and it can be killed at any point of it") {
        for (unsigned int n = 1; n < 12; n++) {
            tree();
            for (unsigned int i = 0; i < n; i++) {
                pv_abandon = true;
                (void)pv_mmuext(G, i % 3 < 2 ? MMUEXT_PIN_L4_TABLE : MMUEXT_UNPIN_TABLE,
                                pv_frame_number(G, L4), DOMID_SELF);
                pv_abandon = false;
                CHECK_EQ(pv_check(), 0);
            }
            end();
        }
    }
    TEST("base tables of a vcpu that does not run, in small steps") {
        struct vcpu *v;
        int rc;

        tree();
        v = pv_guest[G]->vcpu[1];
        do
            rc = pv_vcpu_set_tables(v, page_to_mfn(pv_frame[G][L4]), page_to_mfn(pv_frame[G][L4]));
        while (rc == -ERESTART);
        CHECK_EQ(rc, 0);
        CHECK_EQ(use(L4).count, 2);
        CHECK_EQ(v->arch.cr3, pv_frame_number(G, L4) << PAGE_SHIFT);
        CHECK_EQ(pv_vcpu_set_tables(v, page_to_mfn(pv_frame[G][L4]), page_to_mfn(pv_frame[G][L1])),
                 E(-EINVAL));
        CHECK_EQ(pv_check(), 0);
        do
            rc = pv_mmu_adopt_l4(pv_guest[G], page_to_mfn(pv_frame[G][L4]));
        while (rc == -ERESTART);
        CHECK_EQ(rc, 0);
        CHECK(use(L4).pinned);
        end();
    }
    TEST("a domain's end goes on in the table where it stopped: the other frames wait") {
        unsigned int steps = 1;

        tree();
        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            pv_frame_bytes(G, L1)[i] = entry(i % PV_FRAMES, 0); /* none goes before the tables */
        CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF), 0);
        pv_guest[G]->state = DOM_DYING;
        for (; pv_domain_relinquish(pv_guest[G]) == -ERESTART; steps++)
            CHECK_EQ(pv_check(), 0);
        CHECK(steps <= PT_ENTRIES + PV_FRAMES);
        end();
    }
    host_pt_budget = 8192;
    arena.preempt_at = 0;
}

static void entry_tests(void)
{
    TEST("leaf entries: rights that the frame's type forbids, frames of others") {
        CHECK_EQ(pin_tree(), 0);
        CHECK_EQ(set(L1, 5, entry(L2, PTE_RW)), E(-EINVAL));
        CHECK_EQ(set(L1, 5, entry(L2, 0)), 0);
        CHECK_EQ(set(L1, 6, entry(DATA + 2, PTE_RW)), 0);
        CHECK_EQ(set(L1, 7, entry(DATA + 2, 1ULL << 53 | 1ULL << 62)), 0); /* its own bits */
        CHECK_EQ(set(L1, 7, entry(DATA + 2, PTE_PCD)), E(-EINVAL)); /* it has no devices */
        CHECK_EQ(set(L1, 7, pv_frame_number(2, 20) << PAGE_SHIFT | FLAGS), E(-EINVAL));
        CHECK_EQ(set(L1, 7, 0xfe000ULL << PAGE_SHIFT | FLAGS), E(-EPERM));
        CHECK_EQ(set(L1, 7, 0x1000ULL << PAGE_SHIFT | FLAGS), E(-EINVAL)); /* RAM, ours */
        CHECK_EQ(set(L1, 7, PTE_ADDR | FLAGS), E(-EINVAL));
        CHECK_EQ(set(L1, 7, 0xdeadbeef0), 0); /* not present: the guest's own business */
        CHECK_EQ(pv_frame_bytes(G, L1)[7], 0xdeadbeef0);
        end();
    }
    TEST("losing and getting back the right to write") {
        CHECK_EQ(pin_tree(), 0);
        CHECK_EQ(set(L1, 0, entry(DATA, 0)), 0);
        CHECK_EQ(use(DATA).count, 0);
        CHECK_EQ(set(L1, 0, entry(DATA, PTE_RW)), 0);
        CHECK_EQ(use(DATA).count, 1);
        CHECK_EQ(set(L1, 0, entry(DATA, PTE_RW | PTE_NX)), 0);
        CHECK_EQ(use(DATA).count, 1);
        end();
    }
    TEST("table entries: our slots, large pages, cache bits") {
        CHECK_EQ(pin_tree(), 0);
        CHECK_EQ(set(L4, 256, 0), E(-EINVAL));
        CHECK_EQ(set(L4, 271, entry(L3, 0)), E(-EINVAL));
        CHECK_EQ(set(L4, 272, entry(L3, 0)), 0);
        CHECK_EQ(set(L2, 1, entry(DATA, PTE_PSE)), E(-EINVAL));
        CHECK_EQ(set(L2, 1, entry(L1 + 1, PTE_GLOBAL)), E(-EINVAL));
        CHECK_EQ(set(L2, 1, entry(L1 + 1, PTE_PCD)), E(-EINVAL));
        CHECK_EQ(set(L2, 1, entry(L1 + 1, PTE_RW)), 0);
        CHECK_EQ(use(L1 + 1).type, PT_L1);
        CHECK_EQ(set(L2, 1, 0), 0);
        CHECK_EQ(use(L1 + 1).count, 0);
        end();
    }
    TEST("preserve_ad keeps what the hardware set; a plain update does not") {
        CHECK_EQ(pin_tree(), 0);
        pv_frame_bytes(G, L1)[0] |= PTE_DIRTY;
        CHECK_EQ(pv_update(G, slot_of(L1, 0) | MMU_PT_UPDATE_PRESERVE_AD, entry(DATA, PTE_RW),
                           DOMID_SELF),
                 0);
        CHECK(pv_frame_bytes(G, L1)[0] & PTE_DIRTY);
        CHECK_EQ(set(L1, 0, entry(DATA, PTE_RW)), 0);
        CHECK(!(pv_frame_bytes(G, L1)[0] & PTE_DIRTY));
        CHECK_EQ(pv_update(G, slot_of(L1, 0) | 5, 0, DOMID_SELF), E(-ENOSYS));
        end();
    }
    TEST("plain memory can be written through mmu_update, descriptor pages cannot") {
        static const uint64_t code = 0x00af9b000000ffff;

        CHECK_EQ(pin_tree(), 0);
        CHECK_EQ(set(DATA, 3, 42), 0);
        CHECK_EQ(pv_frame_bytes(G, DATA)[3], 42);
        pv_frame_bytes(G, DATA + 5)[1] = code;
        pv_frame_bytes(G, DATA + 6)[0] = pv_frame_number(G, DATA + 5);
        arena_guest_buffer(pv_frame_bytes(G, DATA + 6), PAGE_SIZE);
        CHECK_EQ(
            pv_call(G, hc_set_gdt, (uint64_t)(uintptr_t)pv_frame_bytes(G, DATA + 6), 512, 0, 0), 0);
        CHECK_EQ(pv_frame_bytes(G, DATA + 5)[1], code | 3ULL << 45); /* ring 3 now */
        CHECK_EQ(set(DATA + 5, 1, code), E(-EINVAL));
        CHECK_EQ(set(L1, 9, entry(DATA + 5, PTE_RW)), E(-EINVAL));
        CHECK_EQ(pv_call(G, hc_update_descriptor, slot_of(DATA + 5, 2), code, 0, 0), 0);
        CHECK_EQ(pv_frame_bytes(G, DATA + 5)[2], code | 3ULL << 45);
        /* a TSS */
        CHECK_EQ(pv_call(G, hc_update_descriptor, slot_of(DATA + 5, 2), 0x0000890000000067, 0, 0),
                 E(-EINVAL));
        CHECK_EQ(pv_call(G, hc_set_gdt, 0, 0, 0, 0), 0);
        pv_frame_bytes(G, DATA + 5)[511] = 0x0000890000000067;
        CHECK_EQ(pv_call(G, hc_set_gdt, (uint64_t)(uintptr_t)pv_frame_bytes(G, DATA + 6), 512, 0,
                         0),
                 E(-EINVAL));
        CHECK_EQ(use(DATA + 5).count, 0);
        CHECK_EQ(set(L1, 9, entry(DATA + 5, PTE_RW)), 0);
        end();
    }
    TEST("machphys updates are for one's own frames") {
        tree();
        CHECK_EQ(pv_update(G, slot_of(DATA, 0) | MMU_MACHPHYS_UPDATE, 4711, DOMID_SELF), 0);
        CHECK_EQ(m2p_get(page_to_mfn(pv_frame[G][DATA])), 4711);
        CHECK_EQ(pv_update(2, slot_of(DATA, 0) | MMU_MACHPHYS_UPDATE, 1, DOMID_SELF), E(-EINVAL));
        end();
    }
}

/* dom0's own tree, the same shape. */
static void dom0_tree(void)
{
    tree();
    pv_frame_bytes(0, L4)[0] = pv_frame_number(0, L3) << PAGE_SHIFT | FLAGS;
    pv_frame_bytes(0, L3)[0] = pv_frame_number(0, L2) << PAGE_SHIFT | FLAGS;
    pv_frame_bytes(0, L2)[0] = pv_frame_number(0, L1) << PAGE_SHIFT | FLAGS;
    CHECK_EQ(pv_mmuext(0, MMUEXT_PIN_L4_TABLE, pv_frame_number(0, L4), DOMID_SELF), 0);
    CHECK_EQ(pv_mmuext(0, MMUEXT_NEW_BASEPTR, pv_frame_number(0, L4), DOMID_SELF), 0);
}

static void foreign_tests(void)
{
    uint64_t ptr;

    TEST("dom0 maps frames of others; such a frame cannot become a table, nor die, while it is "
         "mapped writable")
    {
        dom0_tree();
        ptr = pv_frame_number(0, L1) << PAGE_SHIFT;
        CHECK_EQ(pv_update(0, ptr, entry(L1, PTE_RW), DOMID_SELF), E(-EINVAL));
        CHECK_EQ(pv_update(0, ptr, entry(L1, PTE_RW), G), 0);
        CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF), E(-EINVAL));
        CHECK_EQ(pv_check(), 0);
        CHECK_EQ(pv_update(0, ptr, entry(L1, 0), G), 0);
        CHECK_EQ(pv_mmuext(G, MMUEXT_PIN_L4_TABLE, pv_frame_number(G, L4), DOMID_SELF), 0);
        CHECK_EQ(pv_update(0, ptr, entry(L1, PTE_RW), G), E(-EINVAL));
        CHECK_EQ(pv_update(2, ptr, entry(L1, 0), G), E(-EPERM));
        end();
    }
    TEST("device memory: allowed frames, uncached, and some never writable") {
        dom0_tree();
        ptr = pv_frame_number(0, L1) << PAGE_SHIFT;
        CHECK_EQ(pv_update(0, ptr, 0xfe000ULL << PAGE_SHIFT | FLAGS | PTE_RW, DOMID_SELF), 0);
        CHECK_EQ(pv_frame_bytes(0, L1)[0] & (PTE_RW | PTE_PCD | PTE_PWT),
                 PTE_RW | PTE_PCD | PTE_PWT);
        CHECK_EQ(
            pv_update(0, ptr, 0xfe000ULL << PAGE_SHIFT | FLAGS | PTE_PCD | PTE_PWT, DOMID_SELF), 0);
        CHECK_EQ(pv_update(0, ptr, 0xfe010ULL << PAGE_SHIFT | FLAGS | PTE_RW, DOMID_IO), 0);
        CHECK(!(pv_frame_bytes(0, L1)[0] & PTE_RW));
        CHECK_EQ(pv_update(0, ptr, 0xfe100ULL << PAGE_SHIFT | FLAGS, DOMID_SELF), E(-EPERM));
        /* the other may not */
        CHECK_EQ(pv_update(0, ptr, 0xfe000ULL << PAGE_SHIFT | FLAGS, G), E(-EPERM));
        CHECK_EQ(pv_update(G, ptr, 0, DOMID_SELF), E(-EINVAL));
        end();
    }
    TEST("a grant's entry is taken out only where it is, and never onto itself") {
        struct vcpu *v;
        uint64_t at;

        dom0_tree();
        at = (pv_frame_number(0, L1) << PAGE_SHIFT) + 8;
        v = pv_guest[0]->vcpu[0];
        CHECK(page_get(pv_frame[G][DATA], pv_guest[G]) &&
              !page_get_type(pv_frame[G][DATA], PT_WRITABLE));
        CHECK_EQ(pv_grant_map(v, at, true, page_to_mfn(pv_frame[G][DATA]),
                              FLAGS | PTE_USER | PTE_RW),
                 0);
        CHECK_EQ(pv_check(), 0);
        CHECK_EQ(pv_grant_map(v, at + 1, true, page_to_mfn(pv_frame[G][DATA]), FLAGS), E(-EINVAL));
        CHECK_EQ(pv_grant_unmap(v, at + 8, true, page_to_mfn(pv_frame[G][DATA]), true, 0),
                 E(-EINVAL));
        /* an entry for writing is not taken for one without */
        CHECK_EQ(pv_grant_unmap(v, at, true, page_to_mfn(pv_frame[G][DATA]), false, 0), E(-EINVAL));
        CHECK_EQ(pv_grant_unmap(v, 1 << PAGE_SHIFT, false, page_to_mfn(pv_frame[G][DATA]), true,
                                1 << PAGE_SHIFT),
                 E(-EINVAL));
        CHECK_EQ(pv_check(), 0);
        CHECK_EQ(pv_update(0, at + 8, pv_frame_number(0, DATA) << PAGE_SHIFT | FLAGS, DOMID_SELF),
                 0);
        CHECK_EQ(pv_grant_unmap(v, 1 << PAGE_SHIFT, false, page_to_mfn(pv_frame[G][DATA]), true,
                                2 << PAGE_SHIFT),
                 0);
        CHECK_EQ(pv_frame_bytes(0, L1)[1] >> PAGE_SHIFT & 0xfffff, pv_frame_number(0, DATA));
        CHECK_EQ(pv_frame_bytes(0, L1)[2], 0);
        arch_page_put(pv_frame[G][DATA], true);
        end();
    }
}

static void mapping_tests(void)
{
    TEST("flushes name vcpus by a bitmap, or are refused") {
        static uint64_t bitmap = 3;

        arena_guest_buffer(&bitmap, sizeof(bitmap));
        CHECK_EQ(pin_tree(), 0);
        arena.flushes_all = 0;
        CHECK_EQ(pv_call(G, hc_update_va_mapping, 0, entry(DATA, PTE_RW),
                         (uintptr_t)&bitmap | UVMF_TLB_FLUSH, 0),
                 0);
        CHECK_EQ(arena.flushes_all, 1);
        CHECK_EQ(pv_call(G, hc_update_va_mapping, 0, entry(DATA, PTE_RW), 0x1000 | UVMF_TLB_FLUSH,
                         0),
                 E(-EFAULT));
        CHECK_EQ(pv_call(G, hc_update_va_mapping, 0, entry(DATA, PTE_RW), 3, 0), E(-EINVAL));
        end();
    }
    TEST("update_va_mapping finds the entry, or there is none") {
        CHECK_EQ(pin_tree(), 0);
        CHECK_EQ(pv_call(G, hc_update_va_mapping, 0x4000, entry(DATA + 3, PTE_RW), UVMF_INVLPG, 0),
                 0);
        CHECK_EQ(pv_frame_bytes(G, L1)[4] >> PAGE_SHIFT & 0xffffff, pv_frame_number(G, DATA + 3));
        CHECK_EQ(pv_call(G, hc_update_va_mapping, 1ULL << 30, entry(DATA, 0), 0, 0), E(-EINVAL));
        CHECK_EQ(pv_call(G, hc_update_va_mapping, M2P_VIRT_START, entry(DATA, 0), 0, 0),
                 E(-EINVAL));
        CHECK_EQ(pv_call(G, hc_update_va_mapping, 1ULL << 50, entry(DATA, 0), 0, 0), E(-EINVAL));
        end();
    }
    TEST("stores to an L1 are emulated; what is refused leaves the guest its fault") {
        static uint8_t code[16] = "\x48\x89\x01";
        struct cpu_user_regs regs = { .rip = (uint64_t)(uintptr_t)code };

        arena_guest_buffer(code, sizeof(code));
        CHECK_EQ(pin_tree(), 0);
        regs.rax = entry(DATA + 4, PTE_RW);
        /* slot 1 maps the L1 itself */
        CHECK(pv_ptwr_fault(pv_guest[G]->vcpu[0], 0x1000 + 6 * 8, &regs));
        CHECK_EQ(pv_frame_bytes(G, L1)[6] & ~(PTE_USER | PTE_GUEST_KERNEL), regs.rax);
        CHECK_EQ(regs.rip, (uint64_t)(uintptr_t)code + 3);
        regs.rip -= 3;
        regs.rax = entry(L3, PTE_RW);
        CHECK(!pv_ptwr_fault(pv_guest[G]->vcpu[0], 0x1000 + 6 * 8, &regs));
        CHECK_EQ(regs.rip, (uint64_t)(uintptr_t)code);
        CHECK(!pv_ptwr_fault(pv_guest[G]->vcpu[0], 0x2000, &regs)); /* a data page */
        end();
    }
}

static uint64_t seed = 1;

static uint8_t rnd(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint8_t)(seed >> 50);
}

static void random_run(unsigned int rounds, unsigned int ops)
{
    for (unsigned int r = 0; r < rounds; r++) {
        pv_world_start();
        for (unsigned int i = 0; i < ops; i++) {
            uint8_t bytes[64];
            const uint8_t *p = bytes;
            size_t n = sizeof(bytes);

            for (unsigned int k = 0; k < sizeof(bytes); k++)
                bytes[k] = rnd();
            pv_one_op(&p, &n);
            if (!CHECK_EQ(pv_check(), 0))
                return;
        }
        if (!CHECK_EQ(pv_world_end(), 0))
            return;
    }
}

static void random_tests(void)
{
    TEST("random operations: counts are what the tables say, and all comes back") {
        random_run(16, 2000);
        for (unsigned int op = 0; op < 16; op++) /* or it would show nothing */
            if (!CHECK(pv_accepted[op] > 20 && pv_refused[op] > 20))
                printf("  operation %u: accepted %lu, refused %lu\n", op, pv_accepted[op],
                       pv_refused[op]);
    }
    TEST("the same with all work cut into the smallest steps") {
        host_pt_budget = 1;
        arena.preempt_at = 2;
        random_run(12, 1500);
    }
    TEST("32-bit guests, whole and in small steps") {
        for (pv_32bit = 2; pv_32bit <= 6; pv_32bit += 4) {
            host_pt_budget = pv_32bit == 2 ? 8192 : 1;
            random_run(12, 2000);
        }
        pv_32bit = 0;
    }
    TEST("and cut at odd places") {
        host_pt_budget = 700;
        arena.preempt_at = 3;
        random_run(8, 1500);
        host_pt_budget = 8192;
        arena.preempt_at = 0;
    }
}

int main(void)
{
    pv_machine_start();
    pin_tests();
    interrupt_tests();
    entry_tests();
    foreign_tests();
    mapping_tests();
    random_tests();
    return check_exit();
}
