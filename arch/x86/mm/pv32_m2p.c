/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The M2P of 32-bit guests: 4 bytes a frame, at PV32_VIRT_START in each of their address spaces.
 * Built whole with the first such domain, in pieces of 2 MiB, each of which tells of 2 GiB of
 * machine memory; from then on, m2p_set() writes here too. It costs a thousandth of the RAM, and
 * nothing as long as there is no 32-bit guest.
 *
 * Guests' tables show the pieces read-only, for the supervisor: their kernels run in ring 1. A
 * toolstack that wants to read it maps the frames, which are DOMID_XEN's and never given back.
 */
#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/pv32.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lock.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/string.h>

#define PIECE_ORDER 9
#define PIECE_SIZE (PAGE_SIZE << PIECE_ORDER)
#define PIECE_FRAMES (PIECE_SIZE / sizeof(uint32_t))
#define NR_PIECES ((unsigned int)((PV32_M2P_END - PV32_VIRT_START) / PIECE_SIZE))
#define BATCH 512U

pte_t pv32_l2[PT_ENTRIES - PV32_FIRST_L2_SLOT];
uint32_t *pv32_m2p[NR_PIECES];
bool pv32_m2p_built;

static DEFINE_SPINLOCK(build_lock, RANK_DOMAIN);

void pv32_m2p_set(mfn_t mfn, uint64_t pfn)
{
    if (mfn.n < PIECE_FRAMES * NR_PIECES && pv32_m2p[mfn.n / PIECE_FRAMES])
        write_once(pv32_m2p[mfn.n / PIECE_FRAMES][mfn.n % PIECE_FRAMES], (uint32_t)pfn);
}

bool pv32_m2p_piece(unsigned int i, mfn_t *mfn)
{
    if (!__atomic_load_n(&pv32_m2p_built, __ATOMIC_ACQUIRE) || i >= NR_PIECES || !pv32_m2p[i])
        return false;
    *mfn = paddr_to_mfn(direct_pa(pv32_m2p[i]));
    return true;
}

unsigned int pv32_address_bits(void)
{
    unsigned int bits = PAGE_SHIFT;

    while (2ULL << (bits - PAGE_SHIFT) <= PIECE_FRAMES * NR_PIECES)
        bits++;
    return bits;
}

/*
 * Others may set entries meanwhile, the wide table's first, then ours: so an entry that has changed
 * behind our copy is copied again.
 */
static void fill_batch(uint32_t *to, uint64_t first)
{
    bool again;

    do {
        again = false;
        for (unsigned int i = 0; i < BATCH; i++)
            write_once(to[i], (uint32_t)m2p_get(_mfn(first + i)));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        for (unsigned int i = 0; i < BATCH; i++)
            again |= read_once(to[i]) != (uint32_t)m2p_get(_mfn(first + i));
    } while (again);
}

static int allocate(unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (pv32_m2p[i])
            continue; /* from an attempt that failed further on */
        pv32_m2p[i] = hv_page_alloc(PIECE_ORDER);
        if (!pv32_m2p[i])
            return -ENOMEM;
        memset(pv32_m2p[i], 0xff, PIECE_SIZE);
    }
    return 0;
}

static void build(unsigned int nr)
{
#ifdef HOST
    const uint64_t nx = PTE_NX;
#else
    const uint64_t nx = cpu_features.nx ? PTE_NX : 0;
#endif

    __atomic_store_n(&pv32_m2p_built, true, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < nr; i++) {
        for (unsigned int k = 0; k < PIECE_FRAMES; k += BATCH)
            fill_batch(pv32_m2p[i] + k, i * PIECE_FRAMES + k);
        pv32_l2[i] = pte_make(paddr_to_mfn(direct_pa(pv32_m2p[i])),
                              PTE_PRESENT | PTE_ACCESSED | PTE_PSE | nx);
        for (unsigned int k = 0; k < PIECE_SIZE; k += PAGE_SIZE)
            page_share_with((char *)pv32_m2p[i] + k, dom_xen, false);
    }
}

int pv32_m2p_init(void)
{
    const unsigned int nr = (unsigned int)MIN(mfn_max().n / PIECE_FRAMES + 1, (uint64_t)NR_PIECES);
    int rc = 0;

    if (__atomic_load_n(&pv32_m2p_built, __ATOMIC_ACQUIRE) && pte_present(pv32_l2[nr - 1]))
        return 0;
    spin_lock(&build_lock);
    if (!pte_present(pv32_l2[nr - 1]))
        rc = allocate(nr);
    if (rc == 0 && !pte_present(pv32_l2[nr - 1]))
        build(nr);
    spin_unlock(&build_lock);
    return rc;
}
