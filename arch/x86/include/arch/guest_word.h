/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Single words of the running guest's memory, for the paths where each instruction counts: the
 * address has been checked with guest_words_ok(), and guest_words_begin() and _end() stand around.
 * On a fault control goes to the label `fault`; the caller then falls back to guest_read() or
 * guest_write(), which also try again (arch/x86/cpu/guest_access.c).
 */
#ifndef ARCH_GUEST_WORD_H
#define ARCH_GUEST_WORD_H

#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/traps.h>

/* Only the upper half: kernels' stacks are there. false: ask the general functions. */
static inline bool guest_words_ok(uint64_t va, unsigned int nr)
{
    return va >= HV_VIRT_END && va <= -(uint64_t)nr * 8;
}

static inline void guest_words_begin(void)
{
    if (cpu_features.smap)
        stac();
}

static inline void guest_words_end(void)
{
    if (cpu_features.smap)
        clac();
}

#define guest_get_word(dst, va, fault)                                                    \
    __asm__ goto("1: mov %1, %0\n\t" EX_TABLE("1b", "%l[" #fault "]")                      \
                 : "=r"(dst)                                                              \
                 : "m"(*(const uint64_t *)(va))                                           \
                 :                                                                        \
                 : fault)
#define guest_put_word(va, val, fault)                                                    \
    __asm__ goto("1: mov %1, %0\n\t" EX_TABLE("1b", "%l[" #fault "]")                      \
                 :                                                                        \
                 : "m"(*(uint64_t *)(va)), "r"(val)                                       \
                 : "memory"                                                               \
                 : fault)

#endif
