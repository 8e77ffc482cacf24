/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounce frames of 32-bit guests, in 32-bit words. Pure; pv32_entry.c is the shell. public
 * arch-x86/xen-x86_32.h, xen.h. From low to high addresses:
 *
 *     [ds, es, fs, gs: failsafe] [error code], eip, cs | saved upcall mask << 16, eflags,
 *     [esp, ss: from ring 2 or 3]
 */
#ifndef PV_BOUNCE32_H
#define PV_BOUNCE32_H

#include "bounce.h"

#define BOUNCE32_WORDS 10

/* Fill frame (lowest address first): number of words. */
static inline unsigned int bounce32_build(const struct cpu_user_regs *regs, const struct bounce *b,
                                          const struct bounce_state *s,
                                          uint32_t frame[BOUNCE32_WORDS])
{
    const uint64_t flags = regs->rflags & ~(X86_EFLAGS_IF | X86_EFLAGS_IOPL);
    unsigned int n = 0;

    if (b->failsafe) {
        frame[n++] = b->ds;
        frame[n++] = b->es;
        frame[n++] = b->fs;
        frame[n++] = b->gs;
    }
    if (b->has_error)
        frame[n++] = b->error_code;
    frame[n++] = (uint32_t)regs->rip;
    frame[n++] = regs->cs | (uint32_t)s->events_masked << 16;
    frame[n++] = (uint32_t)(flags | (s->events_masked ? 0 : X86_EFLAGS_IF) | s->iopl);
    if (!s->in_kernel) {
        frame[n++] = (uint32_t)regs->rsp;
        frame[n++] = regs->ss;
    }
    return n;
}

#endif
