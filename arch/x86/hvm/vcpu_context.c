/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: struct vcpu_guest_context of an HVM domain's vcpu, which has the registers in the form of
 * PV guests. Tools look at it; and the toolstack sets rax of a guest that was suspended and is to
 * go on here: SCHEDOP_shutdown answers 1 to it then. public arch-x86/xen.h, sched.h.
 *
 * Set are the general registers, rip, rflags, the debug registers and the FPU's legacy state;
 * segments and control registers stay. All of it passes as a save record does, through save_cpu.c.
 */
#include <abi.h>
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/vcpu.h>
#include <lib/string.h>
#include <xen/domctl.h>

#include "save_priv.h"

/* Too large for the stack. */
struct work {
    struct vcpu_guest_context c;
    struct hvm_hw_cpu h;
    uint8_t fpu[FXSAVE_SIZE];
};

#define WORK_ORDER 1U
_Static_assert(sizeof(struct work) <= PAGE_SIZE << WORK_ORDER, "its allocation");

/* --- getting ---------------------------------------------------------------------------------- */

static void fill_registers(const struct emul_state *s, struct cpu_user_regs *u)
{
    *u = (struct cpu_user_regs){
        .rax = s->gpr[0], .rcx = s->gpr[1], .rdx = s->gpr[2], .rbx = s->gpr[3],
        .rsp = s->gpr[4], .rbp = s->gpr[5], .rsi = s->gpr[6], .rdi = s->gpr[7],
        .r8 = s->gpr[8], .r9 = s->gpr[9], .r10 = s->gpr[10], .r11 = s->gpr[11],
        .r12 = s->gpr[12], .r13 = s->gpr[13], .r14 = s->gpr[14], .r15 = s->gpr[15],
        .rip = s->rip, .rflags = s->rflags,
        .cs = s->seg[INSN_CS].selector, .ss = s->seg[INSN_SS].selector,
        .ds = s->seg[INSN_DS].selector, .es = s->seg[INSN_ES].selector,
        .fs = s->seg[INSN_FS].selector, .gs = s->seg[INSN_GS].selector,
    };
}

static void fill_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct hvm_cpu *h = &v->arch.hvm->cpu;
    uint64_t other_gs = 0;
    struct emul_state s;

    hvm_ops->get_state(v, &s);
    (void)!hvm_ops->get_msr(v, MSR_KERNEL_GS_BASE, &other_gs);
    fill_registers(&s, &c->user_regs);
    fpu_get_legacy(v, &c->fpu_ctxt);
    c->flags = VGCF_i387_valid | (s.cpl == 0 ? VGCF_in_kernel : 0) |
               (bit_test(&v->pause_flags, VPF_DOWN) ? 0 : VGCF_online);
    c->fs_base = s.seg[INSN_FS].base;
    c->gs_base_kernel = s.cpl == 0 ? s.seg[INSN_GS].base : other_gs;
    c->gs_base_user = s.cpl == 0 ? other_gs : s.seg[INSN_GS].base;
    c->ctrlreg[0] = h->cr0;
    c->ctrlreg[2] = h->cr2;
    c->ctrlreg[3] = h->cr3;
    c->ctrlreg[4] = h->cr4;
    memcpy(c->debugreg, h->dr, sizeof(h->dr));
    c->debugreg[6] = h->dr6;
    c->debugreg[7] = h->dr7;
}

long hvm_context_get(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    struct work *w;
    long rc;

    if (!v->is_initialised)
        return -ENODATA;
    w = hv_page_alloc(WORK_ORDER);
    if (!w)
        return -ENOMEM;
    fill_context(v, &w->c);
    rc = guest_write(handle_addr(op->u.vcpucontext.ctxt), &w->c, sizeof(w->c)) ? -EFAULT : 0;
    hv_page_free(w, WORK_ORDER);
    return rc;
}

/* --- setting ---------------------------------------------------------------------------------- */

static void put_registers(const struct vcpu_guest_context *c, struct hvm_hw_cpu *h)
{
    const struct cpu_user_regs *u = &c->user_regs;

    h->rax = u->rax;
    h->rbx = u->rbx;
    h->rcx = u->rcx;
    h->rdx = u->rdx;
    h->rbp = u->rbp;
    h->rsi = u->rsi;
    h->rdi = u->rdi;
    h->rsp = u->rsp;
    h->r8 = u->r8;
    h->r9 = u->r9;
    h->r10 = u->r10;
    h->r11 = u->r11;
    h->r12 = u->r12;
    h->r13 = u->r13;
    h->r14 = u->r14;
    h->r15 = u->r15;
    h->rip = u->rip;
    h->rflags = u->rflags;
    h->dr0 = c->debugreg[0];
    h->dr1 = c->debugreg[1];
    h->dr2 = c->debugreg[2];
    h->dr3 = c->debugreg[3];
    h->dr6 = c->debugreg[6];
    h->dr7 = c->debugreg[7];
}

static int set_checked(struct domain *d, struct vcpu *v, struct work *w)
{
    const struct save_rec r = { .d = d, .v = v, .instance = v->id, .even_if_down = true };
    int rc;

    (void)!save_cpu(&r, &w->h);
    put_registers(&w->c, &w->h);
    rc = save_cpu_check(&r, &w->h, sizeof(w->h));
    if (rc)
        return rc;
    (void)!save_cpu_load(&r, &w->h, sizeof(w->h)); /* checked: it does not fail */
    /* As it was: then what is beyond the legacy state stays, too. */
    fpu_get_legacy(v, w->fpu);
    if ((w->c.flags & VGCF_i387_valid) && memcmp(w->fpu, &w->c.fpu_ctxt, sizeof(w->fpu)) != 0)
        fpu_set_legacy(v, &w->c.fpu_ctxt);
    return 0;
}

/* Its first context comes as save records, and it goes up and down by itself. */
long hvm_context_set(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    struct work *w;
    long rc;

    if (!v->is_initialised)
        return -EOPNOTSUPP;
    w = hv_page_alloc(WORK_ORDER);
    if (!w)
        return -ENOMEM;
    if (guest_read(&w->c, handle_addr(op->u.vcpucontext.ctxt), sizeof(w->c)))
        rc = -EFAULT;
    else if (!(w->c.flags & VGCF_online) != !!bit_test(&v->pause_flags, VPF_DOWN))
        rc = -EOPNOTSUPP;
    else
        rc = set_checked(d, v, w);
    hv_page_free(w, WORK_ORDER);
    return rc;
}
