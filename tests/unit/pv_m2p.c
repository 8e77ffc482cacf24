/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/compat.c core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/mmu_ext.c */
/* links: arch/x86/pv/descriptor_page.c arch/x86/pv/ptwr.c arch/x86/pv/ptwr_decode.c */
/* links: tests/host/arena.c tests/host/pv_ops.c */
/*
 * A toolstack maps the M2P as frames of DOMID_XEN's: the pages that there are, those that stand for
 * what is not there, and nothing else; for reading only.
 */
#include "check.h"

#include "../host/arena.h"
#include "../host/pv_ops.h"

#include <arch/direct.h>
#include <arch/page_type.h>
#include <arch/pt.h>
#include <arch/pv_mmu.h>
#include <hv/errno.h>
#include <hv/memory.h>

enum { L1 = 0, L2 = 5, L3 = 10, L4 = 15, DATA = 20 };

#define G 1
#define E(v) ((uint64_t)(int64_t)(v))
#define FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_USER)
#define PIECE 512ULL

static uint64_t first; /* the number of the M2P's first page */

static uint64_t slot(unsigned int guest, unsigned int i)
{
    return (pv_frame_number(guest, L1) << PAGE_SHIFT) + i * 8ULL;
}

static long map(unsigned int guest, uint64_t number, uint64_t flags, uint32_t owner)
{
    return pv_update(guest, slot(guest, 0), number << PAGE_SHIFT | FLAGS | flags, owner);
}

static void tree(unsigned int g)
{
    pv_frame_bytes(g, L4)[0] = pv_frame_number(g, L3) << PAGE_SHIFT | FLAGS;
    pv_frame_bytes(g, L3)[0] = pv_frame_number(g, L2) << PAGE_SHIFT | FLAGS;
    pv_frame_bytes(g, L2)[0] = pv_frame_number(g, L1) << PAGE_SHIFT | FLAGS;
    CHECK_EQ(pv_mmuext(g, MMUEXT_PIN_L4_TABLE, pv_frame_number(g, L4), DOMID_SELF), 0);
}

static void begin(void)
{
    pv_world_start();
    tree(0);
    tree(G);
}

static void end(void) { CHECK_EQ(pv_world_end(), 0); }

static struct page *mapped(void)
{
    return mfn_to_page(pte_mfn((pte_t){ pv_frame_bytes(0, L1)[0] }));
}

static uint32_t refs(const struct page *pg) { return (uint32_t)(pg->ref & PAGE_REF_COUNT); }

static void numbers(void)
{
    uint64_t number;
    unsigned int nr = 0;

    TEST("as many pieces as the last frame takes, and their numbers are no frames") {
        CHECK(arch_m2p_frame(0, &first) && !mfn_to_page(_mfn(first)));
        CHECK(first >> (MAX_PADDR_BITS - PAGE_SHIFT) != 0);
        while (arch_m2p_frame(nr, &number)) {
            CHECK_EQ(number, first + nr * PIECE);
            nr++;
        }
        CHECK_EQ(nr, mfn_max().n / (PIECE * 512) + 1);
        CHECK(!arch_m2p_frame(UINT32_MAX, &number));
        CHECK(!pv_names_m2p(mfn_max()) && pv_names_m2p(_mfn(first)));
    }
}

static void contents(void)
{
    TEST("what is mapped tells of the frames; a page without any reads as all ones") {
        begin();
        for (unsigned int i = 0; i < 8; i++) {
            const uint64_t mfn = pv_frame_number(G, i);
            const uint64_t *page;

            m2p_set(_mfn(mfn), 0x1234 + i);
            CHECK_EQ(map(0, first + mfn / 512, 0, DOMID_XEN), 0);
            page = direct_va(pv_frame_bytes(0, L1)[0] & PTE_ADDR);
            CHECK_EQ(page[mfn % 512], 0x1234 + i);
        }
        CHECK_EQ(map(0, first + PIECE * (mfn_max().n / (PIECE * 512) + 1) - 1, 0, DOMID_XEN), 0);
        CHECK_EQ(((uint64_t *)direct_va(pv_frame_bytes(0, L1)[0] & PTE_ADDR))[511], M2P_INVALID);
        CHECK_EQ(pv_update(0, slot(0, 0), 0, DOMID_SELF), 0);
        end();
    }
    TEST("references come and go with entries, and a page stays DOMID_XEN's") {
        struct page *pg;
        uint32_t before;

        begin();
        CHECK_EQ(map(0, first, 0, DOMID_XEN), 0);
        pg = mapped();
        before = refs(pg);
        CHECK(pg->owner == DOMID_XEN && before > 1);
        CHECK_EQ(pv_update(0, slot(0, 1), first << PAGE_SHIFT | FLAGS, DOMID_XEN), 0);
        CHECK_EQ(refs(pg), before + 1);
        CHECK_EQ(pv_update(0, slot(0, 1), 0, DOMID_SELF), 0);
        CHECK_EQ(pv_update(0, slot(0, 0), 0, DOMID_SELF), 0);
        CHECK_EQ(refs(pg), before - 1);
        CHECK(pg->owner == DOMID_XEN);
        end();
    }
}

static void refusals(void)
{
    TEST("never writable, not as a table, and not what lies beside") {
        begin();
        CHECK_EQ(map(0, first, PTE_RW, DOMID_XEN), E(-EINVAL));
        CHECK_EQ(pv_frame_bytes(0, L1)[0], 0);
        CHECK_EQ(map(0, first - 1, 0, DOMID_XEN), E(-EINVAL));
        CHECK_EQ(map(0, first + PIECE * (mfn_max().n / (PIECE * 512) + 1), 0, DOMID_XEN),
                 E(-EINVAL));
        CHECK_EQ(map(0, pv_frame_number(G, DATA), 0, DOMID_XEN), E(-EINVAL));
        CHECK_EQ(pv_mmuext(0, MMUEXT_PIN_L1_TABLE, first, DOMID_XEN) == 0, false);
        CHECK_EQ(map(0, first, 0, DOMID_XEN), 0);
        CHECK_EQ(pv_update(0, slot(0, 0), pv_frame_bytes(0, L1)[0] | PTE_RW, DOMID_XEN),
                 E(-EINVAL));
        CHECK_EQ(pv_update(0, slot(0, 0), 0, DOMID_SELF), 0);
        end();
    }
    TEST("no memory of anybody else's has such a number; only the privileged may name DOMID_XEN") {
        begin();
        CHECK_EQ(map(0, first, 0, DOMID_SELF) == 0, false);
        CHECK_EQ(map(0, first, 0, DOMID_IO) == 0, false);
        CHECK_EQ(map(0, first, 0, G) == 0, false);
        CHECK_EQ(map(G, first, 0, DOMID_XEN), E(-EPERM));
        CHECK_EQ(map(G, first, 0, DOMID_SELF) == 0, false);
        end();
    }
}

int main(void)
{
    pv_machine_start();
    numbers();
    contents();
    refusals();
    return check_exit();
}
