/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's kernel and user modes, and the iret hypercall that goes from one to the other. public
 * arch-x86/xen-x86_64.h, "HYPERVISOR_iret".
 */
#include <arch/cpu.h>
#include <arch/guest_word.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>

/*
 * What a guest may have in RFLAGS: CF PF AF ZF SF TF DF OF NT RF AC ID. IF is always on, IOPL
 * always 0.
 */
#define RFLAGS_GUEST 0x254dd5UL
#define VGCF_IN_SYSCALL_BIT (1UL << 8)

void pv_set_mode(struct vcpu *v, bool kernel)
{
    struct pv_vcpu *pv = &v->arch.pv;

    if (pv->in_kernel == kernel)
        return;
    pv->in_kernel = kernel;
    __asm__ volatile("swapgs" ::: "memory");
    v->arch.cr3 = mfn_to_paddr(kernel ? pv->kernel_l4 : pv->user_l4);
    write_cr3(v->arch.cr3);
}

static inline int read_frame(struct iret_context *f, uint64_t sp)
{
    uint64_t *word = (uint64_t *)f;

    if (unlikely(!guest_words_ok(sp, sizeof(*f) / 8)))
        return guest_read(f, sp, sizeof(*f));
    guest_words_begin();
#pragma GCC unroll 9
    for (unsigned int i = 0; i < sizeof(*f) / 8; i++)
        guest_get_word(word[i], sp + i * 8UL, fault);
    guest_words_end();
    return 0;
fault:
    guest_words_end();
    return guest_read(f, sp, sizeof(*f));
}

/*
 * SYSRET restores all of what the guest asked for: rcx = rip, r11 = rflags, the flat 64-bit
 * segments. It cannot set RF, and traps before the first instruction with TF. Whether rip is
 * canonical is looked at on the way out.
 */
static bool sysret_will_do(const struct cpu_user_regs *regs)
{
    return regs->rcx == regs->rip && regs->r11 == regs->rflags && regs->cs == FLAT_CS64 &&
           regs->ss == FLAT_DS && !(regs->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF));
}

/*
 * The return value is the guest's new rax, so that storing it as the call's result changes nothing.
 */
long hc_iret(struct vcpu *v, const uint64_t arg[])
{
    struct cpu_user_regs *regs = guest_regs();
    struct iret_context f;

    if (unlikely(read_frame(&f, regs->rsp))) {
        domain_crash(v->domain, "iret: cannot read its frame at %#lx", (unsigned long)regs->rsp);
        return (long)regs->rax;
    }
    if ((f.cs & 3) == 3) {
        if (mfn_eq(v->arch.pv.user_l4, INVALID_MFN)) {
            domain_crash(v->domain, "iret to user mode without a user page table");
            return (long)regs->rax;
        }
        pv_set_mode(v, false);
    }
    regs->rip = f.rip;
    regs->cs = (uint16_t)(f.cs | 3);
    regs->rflags = (f.rflags & RFLAGS_GUEST) | X86_EFLAGS_IF | X86_EFLAGS_MBS;
    regs->rsp = f.rsp;
    regs->ss = (uint16_t)(f.ss | 3);
    if (f.flags & VGCF_IN_SYSCALL_BIT) {
        regs->rcx = regs->rip;
        regs->r11 = regs->rflags;
    } else {
        regs->rcx = f.rcx;
        regs->r11 = f.r11;
    }
    regs->rax = f.rax;
    if (!sysret_will_do(regs))
        regs->entry_vector = 0;
    v->async_exception_mask = 0;
    write_once(v->info->evtchn_upcall_mask, !(f.rflags & X86_EFLAGS_IF));
    return (long)regs->rax;
}
