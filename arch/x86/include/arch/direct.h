/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The direct map (machine memory below DIRECTMAP_SIZE, linear) and the frame table's place. The
 * host build has its own version of this header, over an arena.
 */
#ifndef ARCH_DIRECT_H
#define ARCH_DIRECT_H

#include <arch/layout.h>
#include <hv/types.h>

struct page;

#define frame_table ((struct page *)FRAMETABLE_VIRT_START)

static inline void *direct_va(paddr_t pa) { return (void *)(DIRECTMAP_VIRT_START + pa); }
static inline paddr_t direct_pa(const void *va)
{
    return (paddr_t)(uintptr_t)va - DIRECTMAP_VIRT_START;
}
static inline bool direct_covers(mfn_t mfn) { return mfn.n < (DIRECTMAP_SIZE >> PAGE_SHIFT); }

#endif
