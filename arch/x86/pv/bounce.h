/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounce frames: what a guest's kernel finds on its stack when an exception, an event or a system
 * call enters it. Pure: the shell in traps.c writes the frame and switches the mode. Inline,
 * because the callers that are hot know half of the answers. public arch-x86/xen.h, "trap_info";
 * public arch-x86/xen-x86_64.h. From low to high addresses:
 *
 *     rcx, r11, [ds, es, fs, gs: failsafe] [error code], rip,
 *     cs | saved upcall mask << 32, rflags, rsp, ss
 */
#ifndef PV_BOUNCE_H
#define PV_BOUNCE_H

#include <abi.h>
#include <arch/layout.h>
#include <arch/regs.h>
#include <hv/types.h>

#define BOUNCE_WORDS 12
#define BOUNCE_STACK_ALIGN 16ULL

struct bounce {
    uint64_t address;     /* handler */
    uint32_t error_code;
    bool has_error;
    bool mask_events;     /* set evtchn_upcall_mask on entry */
    bool failsafe;        /* the frame has the four data selectors */
    uint16_t ds, es, fs, gs;
    uint16_t cs;          /* 32-bit guests */
};

struct bounce_state {
    bool in_kernel, events_masked;
    uint64_t kernel_sp;
    uint64_t iopl;        /* to be shown in RFLAGS */
};

/* Fill frame (lowest address first): number of words; *sp is where it goes. */
static inline __attribute__((always_inline)) unsigned int bounce_build(
    const struct cpu_user_regs *regs, const struct bounce *b, const struct bounce_state *s,
    uint64_t frame[BOUNCE_WORDS], uint64_t *sp)
{
    const uint64_t stack = s->in_kernel ? regs->rsp : s->kernel_sp;
    const uint64_t cs = s->in_kernel ? regs->cs & ~3ULL : regs->cs;
    const uint64_t flags = regs->rflags & ~(X86_EFLAGS_IF | X86_EFLAGS_IOPL);
    unsigned int n = 0;

    frame[n++] = regs->rcx;
    frame[n++] = regs->r11;
    if (b->failsafe) {
        frame[n++] = b->ds;
        frame[n++] = b->es;
        frame[n++] = b->fs;
        frame[n++] = b->gs;
    }
    if (b->has_error)
        frame[n++] = b->error_code;
    frame[n++] = regs->rip;
    frame[n++] = cs | ((uint64_t)s->events_masked << 32);
    frame[n++] = flags | (s->events_masked ? 0 : X86_EFLAGS_IF) | s->iopl;
    frame[n++] = regs->rsp;
    frame[n++] = regs->ss;
    *sp = (stack & ~(BOUNCE_STACK_ALIGN - 1)) - n * sizeof(uint64_t);
    return n;
}

/* The registers with which the handler starts. */
static inline void bounce_enter(struct cpu_user_regs *regs, const struct bounce *b, uint64_t sp)
{
    regs->rip = b->address;
    regs->rsp = sp;
    regs->cs = FLAT_CS64;
    regs->ss = FLAT_DS;
    regs->rflags &= ~(X86_EFLAGS_AC | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT |
                      X86_EFLAGS_TF);
    /* Both are in the frame, so SYSRET's use of them is free. */
    if (regs->entry_vector == ENTRY_SYSCALL) {
        regs->rcx = regs->rip;
        regs->r11 = regs->rflags;
    }
}

#endif
