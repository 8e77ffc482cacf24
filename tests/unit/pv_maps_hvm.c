/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/memory_extent.c */
/* links: core/compat.c core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/hvm/grant.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/mmu_ext.c */
/* links: arch/x86/pv/descriptor_page.c arch/x86/pv/ptwr.c arch/x86/pv/ptwr_decode.c */
/* links: tests/host/arena.c tests/host/pv_ops.c */
/*
 * A PV dom0 maps the memory of an HVM domain by its frame numbers; and grants appear in an HVM
 * domain's physmap. All counts are checked.
 */
#include "check.h"

#include "../host/arena.h"
#include "../host/p2m_check.h"
#include "../host/pv_ops.h"

#include <stdlib.h>

#include <arch/hvm_grant.h>
#include <arch/page_type.h>
#include <arch/pt.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/memory.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define H 7 /* the HVM domain's id */

enum { L1 = 0, L2 = 5, L3 = 10, L4 = 15 };

#define FLAGS (PTE_PRESENT | PTE_ACCESSED)

static struct domain *h;
static struct page *ram[3]; /* at gfns 0x100, 0x101 (read-only), 0x102 (others' by a grant) */
static void *shared;        /* at 0x103 */

static uint64_t table_entry(unsigned int frame)
{
    return pv_frame_number(0, frame) << PAGE_SHIFT | FLAGS | PTE_RW;
}

static void put_at(uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    CHECK_EQ(p2m_set(h, _gfn(gfn), 0, mfn, type, NULL), 0);
}

static void begin(void)
{
    pv_world_start();
    h = arena_domain(H, 1, 100);
    h->kind = GUEST_HVM;
    h->arch.hvm = calloc(1, sizeof(*h->arch.hvm));
    CHECK_EQ(p2m_create(h), 0);
    for (unsigned int i = 0; i < 2; i++) {
        ram[i] = page_alloc_for(h, 0, 0);
        put_at(0x100 + i, page_to_mfn(ram[i]), i ? P2M_RAM_RO : P2M_RAM);
    }
    ram[2] = pv_frame[1][20];
    CHECK(page_get(ram[2], pv_guest[1]));
    put_at(0x102, page_to_mfn(ram[2]), P2M_GRANT);
    shared = hv_page_alloc(0);
    page_share_with(shared, h, true);
    CHECK(page_get(mfn_to_page(paddr_to_mfn(direct_pa(shared))), h));
    put_at(0x103, paddr_to_mfn(direct_pa(shared)), P2M_RAM);
    put_at(0x104, _mfn(0xfe000), P2M_MMIO);

    pv_frame_bytes(0, L4)[0] = table_entry(L3);
    pv_frame_bytes(0, L3)[0] = table_entry(L2);
    pv_frame_bytes(0, L2)[0] = table_entry(L1);
    CHECK_EQ(pv_mmuext(0, MMUEXT_PIN_L4_TABLE, pv_frame_number(0, L4), DOMID_SELF), 0);
    CHECK_EQ(pv_mmuext(0, MMUEXT_NEW_BASEPTR, pv_frame_number(0, L4), DOMID_SELF), 0);
}

static void end(void)
{
    CHECK_STR(p2m_check(h), NULL);
    h->state = DOM_DYING;
    CHECK_EQ(p2m_relinquish(h), 0);
    p2m_destroy(h);
    page_unshare(shared);
    hv_page_free(shared, 0);
    for (unsigned int i = 0; i < 2; i++)
        (void)page_clear_allocated(ram[i]);
    CHECK_EQ(pv_world_end(), 0); /* dom0's entries hold frames until here */
    arena_run_tasklets();
    CHECK_EQ(h->tot_pages, 0);
    CHECK_EQ(h->refs, 1);
    free(h->arch.hvm);
    arena_domain_free(h);
}

static uint64_t slot(unsigned int i) { return pv_frame_bytes(0, L1)[i]; }

static long map(unsigned int i, uint64_t gfn, uint64_t flags, unsigned int cmd, uint32_t dom)
{
    return pv_update(0, (pv_frame_number(0, L1) << PAGE_SHIFT) + i * 8 + cmd,
                     gfn << PAGE_SHIFT | FLAGS | flags, dom);
}

static bool maps(unsigned int i, const struct page *pg)
{
    const pte_t e = { slot(i) };

    return pte_present(e) && mfn_eq(pte_mfn(e), page_to_mfn(pg));
}

static void mappings(void)
{
    TEST("an entry for a translated domain's frame names it by gfn, and gets the machine frame") {
        begin();
        CHECK_EQ(map(0, 0x100, PTE_RW, MMU_NORMAL_PT_UPDATE, H), 0);
        CHECK(maps(0, ram[0]) && (slot(0) & PTE_RW));
        CHECK_EQ(page_use_read(ram[0]).count, 1);
        CHECK_EQ(ram[0]->ref & PAGE_REF_COUNT, 2);
        CHECK(ram[0]->ref & PAGE_FOREIGN);
        CHECK_EQ(map(1, 0x100, 0, MMU_PT_UPDATE_PRESERVE_AD, H), 0);
        CHECK_EQ(ram[0]->ref & PAGE_REF_COUNT, 3);
        CHECK_EQ(map(2, 0x101, PTE_RW, MMU_NORMAL_PT_UPDATE, H), 0); /* a device model's right */
        CHECK(maps(2, ram[1]));
        CHECK_EQ(map(3, 0x103, PTE_RW, MMU_NORMAL_PT_UPDATE, H), 0);
        CHECK_EQ(map(0, 0x101, 0, MMU_NORMAL_PT_UPDATE, H), 0); /* in another's place */
        CHECK_EQ(ram[0]->ref & PAGE_REF_COUNT, 2);
        CHECK_EQ(page_use_read(ram[0]).count, 0);
        end();
    }
    TEST("holes, devices and what others lent are no frames of it; nor are machine frames") {
        begin();
        CHECK_EQ(map(0, 0x99, 0, MMU_NORMAL_PT_UPDATE, H), E(-EINVAL));
        CHECK_EQ(map(0, 0x102, 0, MMU_NORMAL_PT_UPDATE, H), E(-EINVAL));
        CHECK_EQ(map(0, 0x104, 0, MMU_NORMAL_PT_UPDATE, H), E(-EINVAL));
        CHECK_EQ(map(0, page_to_mfn(ram[0]).n, 0, MMU_NORMAL_PT_UPDATE, H), E(-EINVAL));
        CHECK_EQ(map(0, 0xffffffffffULL, 0, MMU_NORMAL_PT_UPDATE, H), E(-EINVAL));
        CHECK_EQ(slot(0), 0);
        CHECK_EQ(ram[2]->ref & PAGE_REF_COUNT, 2);
        end();
    }
    TEST("a request may name the machine frame, if it says so") {
        begin();
        CHECK_EQ(map(0, page_to_mfn(ram[0]).n, PTE_RW, MMU_PT_UPDATE_NO_TRANSLATE, H), 0);
        CHECK(maps(0, ram[0]));
        CHECK_EQ(map(1, 0x100, 0, MMU_PT_UPDATE_NO_TRANSLATE, H), E(-EINVAL));
        CHECK_EQ(map(1, 0x100, 0, MMU_NORMAL_PT_UPDATE, H), 0); /* the next does not inherit it */
        CHECK(maps(1, ram[0]));
        end();
    }
    TEST("update_va_mapping_otherdomain translates too") {
        begin();
        CHECK_EQ(pv_call(0, hc_update_va_mapping_otherdomain, 0x3000, 0x100ULL << 12 | FLAGS, 0, H),
                 0);
        CHECK(maps(3, ram[0]));
        CHECK_EQ(pv_call(0, hc_update_va_mapping_otherdomain, 0x3000, 0x99ULL << 12 | FLAGS, 0, H),
                 E(-EINVAL));
        CHECK(maps(3, ram[0]));
        end();
    }
    TEST("the guest's frame stays while it is mapped, whatever becomes of its place") {
        struct p2m_entry old;

        begin();
        CHECK_EQ(map(0, 0x100, PTE_RW, MMU_NORMAL_PT_UPDATE, H), 0);
        CHECK_EQ(p2m_set(h, _gfn(0x100), 0, INVALID_MFN, P2M_NONE, &old), 0);
        CHECK(page_clear_allocated(ram[0]));
        CHECK_EQ(ram[0]->owner, H);
        CHECK_EQ(map(1, 0x100, 0, MMU_NORMAL_PT_UPDATE, H), E(-EINVAL));
        CHECK_EQ(pv_update(0, pv_frame_number(0, L1) << PAGE_SHIFT, 0, DOMID_SELF), 0);
        CHECK_EQ(ram[0]->owner, DOMID_NONE);
        end();
    }
    TEST("the M2P entry of a translated domain's frame is not for others to change") {
        begin();
        CHECK_EQ(pv_update(0, mfn_to_paddr(page_to_mfn(ram[0])) | MMU_MACHPHYS_UPDATE, 5, H),
                 E(-EINVAL));
        end();
    }
}

static void by_frame_number(void)
{
    TEST("what a hypercall calls a frame is memory of the caller's own, with the right to write") {
        struct page *pg;

        begin();
        pg = arch_gfn_to_page_get(h, _gfn(0x100), true);
        CHECK(pg == ram[0] && page_use_read(pg).type == PT_WRITABLE);
        arch_page_put(pg, true);
        CHECK(!arch_gfn_to_page_get(h, _gfn(0x101), true));
        CHECK(arch_gfn_to_page_get(h, _gfn(0x101), false) == ram[1]);
        arch_page_put(ram[1], false);
        CHECK(!arch_gfn_to_page_get(h, _gfn(0x102), false));
        CHECK(!arch_gfn_to_page_get(h, _gfn(0x104), false));
        CHECK(!arch_gfn_to_page_get(h, page_to_mfn(ram[0]).n == 0 ? _gfn(1) : _gfn(0x999), false));
        end();
    }
}

static void grants(void)
{
    const uint64_t gpa = 0x200000;

    TEST("a grant appears where there was nothing, and goes again") {
        mfn_t mfn;

        begin();
        mfn = page_to_mfn(ram[2]);
        CHECK_EQ(hvm_gnttab_map(h, gpa + 1, mfn, 0), (uint64_t)GNTST_general_error);
        CHECK_EQ(hvm_gnttab_map(h, ~0xfffULL, mfn, 0), (uint64_t)GNTST_general_error);
        CHECK_EQ(ram[2]->ref & PAGE_REF_COUNT, 2);
        CHECK_EQ(hvm_gnttab_map(h, gpa, mfn, GNTMAP_readonly), GNTST_okay);
        CHECK_EQ(ram[2]->ref & PAGE_REF_COUNT, 3);
        CHECK_EQ(p2m_lookup(h, _gfn(0x200)).type, P2M_GRANT_RO);
        CHECK_EQ(hvm_gnttab_map(h, gpa, mfn, 0), (uint64_t)GNTST_general_error); /* a grant */
        CHECK_EQ(ram[2]->ref & PAGE_REF_COUNT, 3);
        CHECK_EQ(hvm_gnttab_unmap(h, gpa, mfn, 0), (uint64_t)GNTST_general_error);
        CHECK_EQ(hvm_gnttab_unmap(h, gpa, _mfn(mfn.n + 1), GNTMAP_readonly),
                 (uint64_t)GNTST_general_error);
        CHECK_EQ(hvm_gnttab_unmap(h, gpa + 8, mfn, GNTMAP_readonly), (uint64_t)GNTST_general_error);
        CHECK_EQ(hvm_gnttab_unmap(h, gpa, mfn, GNTMAP_readonly), GNTST_okay);
        CHECK_EQ(hvm_gnttab_unmap(h, gpa, mfn, GNTMAP_readonly), (uint64_t)GNTST_general_error);
        CHECK_EQ(ram[2]->ref & PAGE_REF_COUNT, 2);
        CHECK_EQ(p2m_lookup(h, _gfn(0x200)).type, P2M_NONE);
        end();
    }
    TEST("a grant takes the place of memory, which is given up") {
        mfn_t mfn, was;
        uint32_t pages;

        begin();
        mfn = page_to_mfn(ram[2]);
        was = p2m_lookup(h, _gfn(0x100)).mfn;
        CHECK(p2m_lookup(h, _gfn(0x100)).type == P2M_RAM);
        pages = h->tot_pages;
        CHECK_EQ(hvm_gnttab_map(h, 0x100000, mfn, 0), GNTST_okay);
        CHECK_EQ(p2m_lookup(h, _gfn(0x100)).type, P2M_GRANT);
        CHECK(h->tot_pages == pages - 1 && mfn_to_page(was)->owner == DOMID_NONE);
        CHECK_EQ(hvm_gnttab_unmap(h, 0x100000, mfn, 0), GNTST_okay);
        CHECK_EQ(p2m_lookup(h, _gfn(0x100)).type, P2M_NONE);
        end();
    }
    TEST("a mapping that is never taken out ends with the physmap") {
        begin();
        CHECK_EQ(hvm_gnttab_map(h, gpa, page_to_mfn(ram[2]), 0), GNTST_okay);
        end();
    }
}

int main(void)
{
    pv_machine_start();
    mappings();
    by_frame_number();
    grants();
    return check_exit();
}
