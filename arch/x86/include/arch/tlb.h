/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLB flushes and the clock that avoids them.
 *
 * tlb_clock counts full flushes (global entries too) of all cpus; each cpu remembers the count at
 * its last one. A page is stamped with the clock when a guest's last mapping of it may still be in
 * TLBs; before the page gets another meaning, the cpus whose last full flush is not younger than
 * the stamp are flushed, and only they.
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include <hv/cpumask.h>
#include <hv/types.h>

extern uint64_t tlb_clock;

static inline uint32_t tlb_now(void) { return (uint32_t)read_once(tlb_clock); }

void tlb_flush_local(void);               /* everything, global entries included */
/* one page of the current address space, and paging-structure caches */
void tlb_flush_va_local(uint64_t va);
void tlb_switch_cr3(uint64_t cr3);        /* load a page table and drop everything of the old one */
void tlb_flush_mask(const cpumask_t *mask);                 /* everything, on these cpus; waits */
void tlb_flush_va_mask(const cpumask_t *mask, uint64_t va); /* one page, on these cpus */
/* Remove from mask the cpus that have been flushed since the stamp was taken. */
void tlb_filter(cpumask_t *mask, uint32_t stamp);

#endif
