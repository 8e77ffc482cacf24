/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator's view of the frame table: it takes a section of virgin RAM into use by giving
 * frames for the section's part of the frame table and of the M2P, and having them mapped.
 */
#ifndef ARCH_FRAMETABLE_H
#define ARCH_FRAMETABLE_H

#include <arch/direct.h>
#include <hv/page.h>

#define SECTION_OF(mfn) ((mfn).n >> (SECTION_SHIFT - PAGE_SHIFT))
#define NR_SECTIONS (1U << (MAX_PADDR_BITS - SECTION_SHIFT))
/*
 * Most page-table pages that section_build() takes from hv_page_alloc(): three levels for each
 * table, and the shared ones.
 */
#define SECTION_PT_PAGES 12

/* Nonzero: first M2P frame of the section, as if its M2P began at the section's first frame. */
extern uint32_t section_m2p[NR_SECTIONS];

static inline bool section_built(uint64_t section) { return read_once(section_m2p[section]) != 0; }

struct section_need {
    unsigned int table_pages; /* contiguous, aligned to their number if that is 512 */
    unsigned int m2p_pages;   /* contiguous, in the direct map */
};
struct section_need section_need(uint64_t section);
/*
 * Under the heap lock. Takes page tables from hv_page_alloc(). The section's pages are all
 * "ordinary, not free".
 */
void section_build(uint64_t section, mfn_t table, mfn_t m2p);
/* Translations of the M2P may be stale after section_build: flush all cpus, without locks. */
void section_flush(void);

#endif
