/* SPDX-License-Identifier: GPL-2.0-only */
/* Host build: no privileged instructions; the core must not need any. */
#ifndef ARCH_INSN_H
#define ARCH_INSN_H

#include <hv/types.h>

static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void irq_disable(void) {}
static inline void irq_enable(void) {}
static inline void clflush(const void *p) { (void)p; }
static inline void wbinvd(void) {}
static inline void irq_window(void) {}

/* Locked; p is aligned to 16 bytes. */
static inline bool cmpxchg16b(void *p, const uint64_t old[2], const uint64_t val[2])
{
    uint64_t lo = old[0], hi = old[1];
    bool done;
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*(uint64_t(*)[2])p), "+a"(lo), "+d"(hi)
                     : "b"(val[0]), "c"(val[1])
                     : "memory");
    return done;
}

#endif
