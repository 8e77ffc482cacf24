/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host build: machine memory is an arena (tests/host/arena.c), and all of it is "directly mapped".
 */
#ifndef ARCH_DIRECT_H
#define ARCH_DIRECT_H

#include <arch/layout.h>
#include <hv/types.h>

struct page;

extern unsigned char *host_memory;
extern struct page *host_frame_table;
#define frame_table host_frame_table

static inline void *direct_va(paddr_t pa) { return host_memory + pa; }
static inline paddr_t direct_pa(const void *va)
{
    return (paddr_t)((const unsigned char *)va - host_memory);
}
static inline bool direct_covers(mfn_t mfn) { return true; }

#endif
