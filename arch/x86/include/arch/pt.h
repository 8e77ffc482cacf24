/* SPDX-License-Identifier: GPL-2.0-only */
/* Page-table entries. AMD APM vol. 2 §5.3 "Long-Mode Page Translation"; Intel SDM vol. 3 §4.5. */
#ifndef ARCH_PT_H
#define ARCH_PT_H

#include <hv/types.h>

typedef struct { uint64_t v; } pte_t; /* an entry of any level */

#define PTE_PRESENT 0x001ULL
#define PTE_RW 0x002ULL
#define PTE_USER 0x004ULL
#define PTE_PWT 0x008ULL
#define PTE_PCD 0x010ULL
#define PTE_ACCESSED 0x020ULL
#define PTE_DIRTY 0x040ULL
#define PTE_PSE 0x080ULL /* L2, L3: a large page */
#define PTE_PAT 0x080ULL /* L1 */
#define PTE_GLOBAL 0x100ULL
#define PTE_AVAIL 0xe00ULL
/* software: guest asked for a supervisor page (SURFACE: see docs/memory.md) */
#define PTE_GUEST_KERNEL (1ULL << 52)
#define PTE_NX (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

#define PT_ENTRIES 512
#define L1_SHIFT 12
#define L2_SHIFT 21
#define L3_SHIFT 30
#define L4_SHIFT 39

static inline unsigned int pt_index(uint64_t va, unsigned int level) /* level 1..4 */
{
    return (unsigned int)(va >> (12 + 9 * (level - 1))) & (PT_ENTRIES - 1);
}
static inline pte_t pte_make(mfn_t m, uint64_t flags)
{
    return (pte_t){ (m.n << PAGE_SHIFT) | flags };
}
static inline mfn_t pte_mfn(pte_t e) { return _mfn((e.v & PTE_ADDR) >> PAGE_SHIFT); }
static inline uint64_t pte_flags(pte_t e) { return e.v & ~PTE_ADDR; }
static inline bool pte_present(pte_t e) { return e.v & PTE_PRESENT; }

#define HV_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)
#define HV_RW (HV_RO | PTE_RW | PTE_DIRTY)
#define HV_RX (PTE_PRESENT | PTE_ACCESSED)
#define HV_UC (HV_RW | PTE_PCD | PTE_PWT)
#define HV_TABLE (PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY)

static inline bool is_canonical(uint64_t va) { return (uint64_t)((int64_t)(va << 16) >> 16) == va; }

#endif
