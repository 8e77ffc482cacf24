/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The M2P in the page tables of a toolstack that saves a PV domain: XENMEM_machphys_mfn_list names
 * it in pieces of 2 MiB, whose frames DOMID_XEN lends for reading. public memory.h.
 *
 * A piece has to be 512 frames in a row, and the M2P is not: each section of RAM has its own part,
 * where there was room, and one page stands for all that is not there. So the numbers that we give
 * are none of machine frames, but of pages of the M2P from a number on that no memory has; the one
 * who writes an entry gets the frame that holds the page at that time.
 */
#include <arch/direct.h>
#include <arch/layout.h>
#include <arch/paging.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/memory.h>

#define FIRST_NUMBER (1ULL << (MAX_PADDR_BITS - PAGE_SHIFT + 1))
#define PIECE_PAGES 512ULL
#define FRAMES_OF_PAGE (PAGE_SIZE / sizeof(uint64_t)) /* that a page tells of */

_Static_assert(FIRST_NUMBER + (M2P_VIRT_END - M2P_VIRT_START) / PAGE_SIZE < PTE_ADDR >> PAGE_SHIFT,
               "an entry has room for the numbers");

static DEFINE_SPINLOCK(share_lock, RANK_P2M); /* becoming DOMID_XEN's, once */

static uint64_t nr_pieces(void) { return mfn_max().n / (PIECE_PAGES * FRAMES_OF_PAGE) + 1; }

bool arch_m2p_frame(unsigned int i, uint64_t *mfn)
{
    if (i >= nr_pieces())
        return false;
    *mfn = FIRST_NUMBER + i * PIECE_PAGES;
    return true;
}

bool pv_names_m2p(mfn_t mfn) { return mfn.n >= FIRST_NUMBER; }

static pte_t entry(const pte_t *table, uint64_t va, unsigned int level)
{
    return (pte_t){ read_once(table[pt_index(va, level)].v) };
}

/* All four levels are there, everywhere: see frametable.c. */
static mfn_t frame_of(uint64_t page)
{
    const uint64_t va = M2P_VIRT_START + page * PAGE_SIZE;
    const pte_t *table = hv_l4;

    for (unsigned int level = 4; level > 1; level--)
        table = direct_va(mfn_to_paddr(pte_mfn(entry(table, va, level))));
    return pte_mfn(entry(table, va, 1));
}

struct page *pv_m2p_page_get(mfn_t mfn)
{
    const uint64_t page = mfn.n - FIRST_NUMBER;
    struct page *pg;
    mfn_t frame;

    if (!pv_names_m2p(mfn) || page >= nr_pieces() * PIECE_PAGES)
        return NULL;
    frame = frame_of(page);
    pg = mfn_to_page(frame);
    if (!pg)
        return NULL;
    spin_lock(&share_lock);
    if (read_once(pg->owner) != DOMID_XEN)
        page_share_with(direct_va(mfn_to_paddr(frame)), dom_xen, false);
    spin_unlock(&share_lock);
    return page_get(pg, dom_xen) ? pg : NULL;
}
