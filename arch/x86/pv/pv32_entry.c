/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into a 32-bit guest's kernel, which runs in ring 1, and back from it: the shell around
 * bounce32.h, and the iret hypercall.
 *
 * A handler's code segment and the kernel's stack segment are the guest's choice. They are looked
 * at here, as the cpu would, before anything is changed: so IRET to a handler does not fault, and
 * what a guest has set up wrongly ends the guest.
 */
#include <arch/cpu.h>
#include <arch/pv.h>
#include <arch/pv32.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>

#include "bounce32.h"

#define RPL(selector) ((selector) & 3U)
#define KERNEL_RING 1U
/* CF PF AF ZF SF TF DF OF NT RF AC ID: as in iret.c. */
#define EFLAGS_GUEST 0x254dd5UL

bool pv32_in_kernel(const struct vcpu *v)
{
    const struct cpu_user_regs *r = v == current ? guest_regs() : &v->arch.regs;

    return RPL(r->ss) == KERNEL_RING;
}

/* Can the cpu be in ring 1 at cs:eip? */
static bool code_ok(const struct vcpu *v, uint16_t cs, uint32_t eip)
{
    struct segment seg;

    return RPL(cs) == KERNEL_RING && pv_read_segment(v, cs, &seg) == 0 && seg.code &&
           !seg.code64 && (seg.conforming ? seg.dpl <= KERNEL_RING : seg.dpl == KERNEL_RING) &&
           eip <= seg.limit;
}

static bool stack_ok(const struct vcpu *v, uint16_t ss, struct segment *seg)
{
    return RPL(ss) == KERNEL_RING && pv_read_segment(v, ss, seg) == 0 && !seg->code &&
           seg->writable && seg->dpl == KERNEL_RING;
}

/* Where n words go below esp; false: they would wrap. */
static bool place_words(const struct segment *ss, uint32_t esp, unsigned int n, uint32_t *new_esp,
                        uint64_t *linear)
{
    const uint32_t size = n * (uint32_t)sizeof(uint32_t);

    *new_esp = (esp & ~3U) - size;
    *linear = (uint32_t)(ss->base + *new_esp);
    return (esp & ~3U) >= size && *linear + size <= 1ULL << 32;
}

static uint64_t shown_iopl(const struct vcpu *v)
{
    return v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl)
               ? (uint64_t)v->arch.pv.iopl << 12
               : 0;
}

void pv32_bounce(struct vcpu *v, struct cpu_user_regs *regs, const struct bounce *b)
{
    const struct bounce_state s = {
        .in_kernel = pv32_in_kernel(v),
        .events_masked = read_once(v->info->evtchn_upcall_mask),
        .iopl = shown_iopl(v),
    };
    const uint16_t ss = s.in_kernel ? regs->ss : v->arch.pv.kernel_ss;
    const uint32_t esp = (uint32_t)(s.in_kernel ? regs->rsp : v->arch.pv.kernel_sp);
    uint32_t frame[BOUNCE32_WORDS], new_esp;
    const unsigned int n = bounce32_build(regs, b, &s, frame);
    struct segment stack;
    uint64_t linear;

    if (!code_ok(v, b->cs, (uint32_t)b->address)) {
        domain_crash(v->domain, "no code for ring 1 at %#x:%#x", b->cs, (uint32_t)b->address);
        return;
    }
    if (!stack_ok(v, ss, &stack) || !place_words(&stack, esp, n, &new_esp, &linear) ||
        guest_write(linear, frame, n * sizeof(frame[0]))) {
        domain_crash(v->domain, "no stack for its kernel at %#x:%#x", ss, esp);
        return;
    }
    if (b->mask_events)
        write_once(v->info->evtchn_upcall_mask, 1);
    regs->rip = (uint32_t)b->address;
    regs->cs = b->cs;
    regs->rsp = new_esp;
    regs->ss = ss;
    regs->rflags &= ~(X86_EFLAGS_AC | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT |
                      X86_EFLAGS_TF);
    regs->entry_vector = 0; /* IRET, whatever the way in was */
}

/* --- iret ------------------------------------------------------------------------------------- */

/* public arch-x86/xen-x86_32.h, "HYPERVISOR_iret": what is on the kernel's stack. */
struct iret32 {
    uint32_t eax, eip, cs, eflags, esp, ss; /* the last two for ring 2 and 3 only */
};
#define IRET32_INNER offsetof(struct iret32, esp)

static int read_frame(const struct vcpu *v, const struct cpu_user_regs *regs, struct iret32 *f)
{
    struct segment ss;
    uint64_t linear;

    if (pv_read_segment(v, regs->ss, &ss))
        return -EFAULT;
    linear = (uint32_t)(ss.base + (uint32_t)regs->rsp);
    if (guest_read(f, linear, IRET32_INNER))
        return -EFAULT;
    return RPL(f->cs) == KERNEL_RING
               ? 0
               : guest_read(&f->esp, linear + IRET32_INNER, sizeof(*f) - IRET32_INNER);
}

/* As in iret.c, the return value is the guest's new eax. */
long pv32_iret(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    struct iret32 f;

    if (!pv32_in_kernel(v) || read_frame(v, regs, &f) || RPL(f.cs) == 0) {
        domain_crash(v->domain, "iret: no frame for it at %#x:%#lx", regs->ss,
                     (unsigned long)regs->rsp);
        return (long)regs->rax;
    }
    if (f.eflags & X86_EFLAGS_VM) {
        domain_crash(v->domain, "iret to virtual 8086 mode, which long mode does not have");
        return (long)regs->rax;
    }
    if (RPL(f.cs) == KERNEL_RING) {
        regs->rsp = (uint32_t)(regs->rsp + IRET32_INNER);
    } else {
        regs->rsp = f.esp;
        regs->ss = (uint16_t)f.ss;
        if (RPL(f.ss) < KERNEL_RING)
            regs->ss |= 3; /* IRET would refuse it, but it is not to say ring 0 even so long */
    }
    regs->rip = f.eip;
    regs->cs = (uint16_t)f.cs;
    regs->rflags = (f.eflags & EFLAGS_GUEST) | X86_EFLAGS_IF | X86_EFLAGS_MBS;
    if (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
        v->arch.pv.iopl = (uint8_t)((f.eflags & X86_EFLAGS_IOPL) >> 12);
    v->async_exception_mask = 0;
    write_once(v->info->evtchn_upcall_mask, !(f.eflags & X86_EFLAGS_IF));
    return (long)(uint64_t)f.eax;
}
