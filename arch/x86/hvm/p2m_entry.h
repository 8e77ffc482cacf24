/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An entry of a physmap's tables: what the cpu walks (AMD APM vol. 2 §15.25.6 "Nested Paging: Page
 * Table Formats"), with our type in bits that it ignores. An access counts as a user's, so U/S is
 * set everywhere. Accessed and dirty are set from the start: then the cpu never writes to an entry,
 * and a plain store changes one.
 *
 * An entry that is not present is a hole, whose type may still say something. A hole has the size
 * of the entry's reach, as a leaf has.
 */
#ifndef X86_HVM_P2M_ENTRY_H
#define X86_HVM_P2M_ENTRY_H

#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/p2m.h>
#include <arch/pt.h>

#define P2M_TYPE_SHIFT 52
#define P2M_TYPE_MASK (15ULL << P2M_TYPE_SHIFT)
/* level 1 only: the entry holds a page reference (and type reference, if foreign) */
#define P2M_HOLDS (1ULL << 56)

#define P2M_TOP_LEVEL 4
#define P2M_TABLE (PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define P2M_READ (PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define P2M_RIGHTS (PTE_PRESENT | PTE_RW)

/* Guest frames behind an entry of a level. */
static inline uint64_t p2m_reach(unsigned int level) { return BIT(9 * (level - 1)); }

static inline bool p2m_pte_is_table(pte_t e, unsigned int level)
{
    return level > 1 && (e.v & (PTE_PRESENT | PTE_PSE)) == PTE_PRESENT;
}
static inline enum p2m_type p2m_pte_type(pte_t e)
{
    return (enum p2m_type)((e.v & P2M_TYPE_MASK) >> P2M_TYPE_SHIFT);
}
static inline mfn_t p2m_pte_mfn(pte_t e)
{
    return _mfn((e.v & PTE_ADDR) >> PAGE_SHIFT);
}
static inline pte_t *p2m_table_of(pte_t e) { return direct_va(e.v & PTE_ADDR); }

static inline bool p2m_has_frame(enum p2m_type t)
{
    return t != P2M_NONE && t != P2M_MMIO_DM && t != P2M_POD;
}
/* Memory whose frame the caller of p2m_set() must not forget. */
static inline bool p2m_needs_care(enum p2m_type t) { return p2m_has_frame(t) && t != P2M_MMIO; }

/* What the guest may do, how it is cached: memory of others and devices is data, not code. */
static inline uint64_t p2m_type_flags(enum p2m_type t)
{
    const uint64_t nx = cpu_features.nx ? PTE_NX : 0;

    switch (t) {
    case P2M_RAM:
        return P2M_READ | PTE_RW;
    case P2M_RAM_RO:
    case P2M_IOREQ:
    case P2M_LOGDIRTY:
        return P2M_READ;
    case P2M_MMIO: /* uncached: index 3 of our PAT */
        return P2M_READ | PTE_RW | PTE_PCD | PTE_PWT | nx;
    case P2M_GRANT:
    case P2M_FOREIGN:
        return P2M_READ | PTE_RW | nx;
    case P2M_GRANT_RO:
        return P2M_READ | nx;
    case P2M_NONE:
    case P2M_MMIO_DM:
    case P2M_POD:
    case P2M_NR_TYPES:
        break;
    }
    return 0;
}

static inline pte_t p2m_leaf(mfn_t mfn, enum p2m_type t, unsigned int level)
{
    uint64_t v = (uint64_t)t << P2M_TYPE_SHIFT | p2m_type_flags(t);

    if (!p2m_has_frame(t))
        return (pte_t){ v };
    return pte_make(mfn, v | (level > 1 ? PTE_PSE : 0));
}

/* Entry i of the table that says the same as leaf e of this level: the leaf split. */
static inline pte_t p2m_part(pte_t e, unsigned int level, unsigned int i)
{
    if (!pte_present(e))
        return e;
    return p2m_leaf(_mfn(p2m_pte_mfn(e).n + i * p2m_reach(level - 1)), p2m_pte_type(e), level - 1);
}

#endif
