/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounce frames: what a guest's kernel finds on its stack when an exception, an event or a system call enters it. Pure: the
 * shell in traps.c writes the frame and switches the mode. SURFACE of the ABI: public arch-x86/xen.h, "trap_info", and
 * public arch-x86/xen-x86_64.h; frame from low to high addresses:
 *
 *     rcx, r11, [ds, es, fs, gs: failsafe] [error code], rip, cs | saved upcall mask << 32, rflags, rsp, ss
 */
#include <arch/layout.h>
#include <arch/pv.h>
#include <arch/regs.h>

#define STACK_ALIGN 16ULL

unsigned int bounce_build(const struct cpu_user_regs *regs, const struct bounce *b, const struct bounce_state *s,
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
    *sp = (stack & ~(STACK_ALIGN - 1)) - n * sizeof(uint64_t);
    return n;
}

void bounce_enter(struct cpu_user_regs *regs, const struct bounce *b, uint64_t sp)
{
    regs->rip = b->address;
    regs->rsp = sp;
    regs->cs = FLAT_CS64;
    regs->ss = FLAT_DS;
    regs->rflags &= ~(X86_EFLAGS_AC | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT | X86_EFLAGS_TF);
    /* Both are in the frame, so SYSRET's use of them is free. */
    if (regs->entry_vector == ENTRY_SYSCALL) {
        regs->rcx = regs->rip;
        regs->r11 = regs->rflags;
    }
}
