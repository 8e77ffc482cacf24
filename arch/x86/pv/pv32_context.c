/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu contexts in a 32-bit guest's layout (public arch-x86/xen.h, "struct vcpu_guest_context",
 * with a long of 32 bits): brought to the wide form and back, which domain.c knows.
 */
#include <arch/cpu.h>
#include <arch/pv.h>
#include <arch/pv32.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <lib/string.h>

struct user_regs32 {
    uint32_t ebx, ecx, edx, esi, edi, ebp, eax;
    uint16_t error_code, entry_vector;
    uint32_t eip;
    uint16_t cs;
    uint8_t saved_upcall_mask, pad0;
    uint32_t eflags, esp;
    uint16_t ss, pad1, es, pad2, ds, pad3, fs, pad4, gs, pad5;
};

struct context32 {
    uint8_t fpu[512];
    uint32_t flags;
    struct user_regs32 regs;
    struct {
        uint8_t vector, flags;
        uint16_t cs;
        uint32_t address;
    } trap[256];
    uint32_t ldt_base, ldt_ents, gdt_frames[16], gdt_ents;
    uint32_t kernel_ss, kernel_sp, ctrlreg[8], debugreg[8];
    uint32_t event_cs, event_eip, failsafe_cs, failsafe_eip;
    uint32_t vm_assist;
};
_Static_assert(sizeof(struct context32) == 2800, "public arch-x86/xen.h");

/* Both forms, in one allocation. */
struct forms {
    struct vcpu_guest_context wide;
    struct context32 narrow;
};
#define FORMS_ORDER 1
_Static_assert(sizeof(struct forms) <= PAGE_SIZE << FORMS_ORDER, "FORMS_ORDER");

/* public arch-x86/xen-x86_32.h, xen_pfn_to_cr3: a frame number of 32 bits, rotated. */
static uint64_t unfold_cr3(uint32_t cr3)
{
    return cr3 ? xen_pfn_to_cr3((uint64_t)(cr3 >> 12 | cr3 << 20)) : 0;
}

uint32_t pv32_fold_cr3(mfn_t mfn)
{
    const uint32_t frame = (uint32_t)mfn.n;

    return mfn_eq(mfn, INVALID_MFN) ? 0 : frame << 12 | frame >> 20;
}

static void widen_registers(struct cpu_user_regs *to, const struct user_regs32 *r)
{
    *to = (struct cpu_user_regs){
        .rbx = r->ebx, .rcx = r->ecx, .rdx = r->edx, .rsi = r->esi, .rdi = r->edi,
        .rbp = r->ebp, .rax = r->eax, .rip = r->eip, .rsp = r->esp, .rflags = r->eflags,
        .cs = r->cs, .ss = r->ss, .ds = r->ds, .es = r->es, .fs = r->fs, .gs = r->gs,
    };
}

static void narrow_registers(struct user_regs32 *to, const struct cpu_user_regs *r)
{
    *to = (struct user_regs32){
        .ebx = (uint32_t)r->rbx, .ecx = (uint32_t)r->rcx, .edx = (uint32_t)r->rdx,
        .esi = (uint32_t)r->rsi, .edi = (uint32_t)r->rdi, .ebp = (uint32_t)r->rbp,
        .eax = (uint32_t)r->rax, .eip = (uint32_t)r->rip, .esp = (uint32_t)r->rsp,
        .eflags = (uint32_t)r->rflags, .cs = r->cs, .ss = r->ss, .ds = r->ds, .es = r->es,
        .fs = r->fs, .gs = r->gs,
    };
}

static void widen(struct vcpu_guest_context *w, const struct context32 *n)
{
    memset(w, 0, sizeof(*w));
    memcpy(&w->fpu_ctxt, n->fpu, sizeof(n->fpu));
    w->flags = n->flags | VGCF_in_kernel; /* the wide form's modes: there is only one here */
    widen_registers(&w->user_regs, &n->regs);
    for (unsigned int i = 0; i < ARRAY_SIZE(n->trap); i++)
        w->trap_ctxt[i] = (struct trap_info){
            n->trap[i].vector, n->trap[i].flags, n->trap[i].cs, n->trap[i].address
        };
    w->ldt_base = n->ldt_base;
    w->ldt_ents = n->ldt_ents;
    w->gdt_ents = n->gdt_ents;
    for (unsigned int i = 0; i < ARRAY_SIZE(n->gdt_frames); i++)
        w->gdt_frames[i] = n->gdt_frames[i];
    w->kernel_ss = n->kernel_ss;
    w->kernel_sp = n->kernel_sp;
    for (unsigned int i = 0; i < ARRAY_SIZE(n->ctrlreg); i++) {
        w->ctrlreg[i] = n->ctrlreg[i];
        w->debugreg[i] = n->debugreg[i];
    }
    w->ctrlreg[1] = 0;
    w->ctrlreg[3] = unfold_cr3(n->ctrlreg[3]);
    w->event_callback_eip = n->event_eip;
    w->failsafe_callback_eip = n->failsafe_eip;
    w->vm_assist = n->vm_assist;
}

static void narrow(struct context32 *n, const struct vcpu_guest_context *w, const struct vcpu *v)
{
    const struct pv_vcpu *pv = &v->arch.pv;

    memset(n, 0, sizeof(*n));
    memcpy(n->fpu, &w->fpu_ctxt, sizeof(n->fpu));
    n->flags = (uint32_t)(w->flags & ~VGCF_in_kernel) | (pv32_in_kernel(v) ? VGCF_in_kernel : 0);
    narrow_registers(&n->regs, &w->user_regs);
    for (unsigned int i = 0; i < ARRAY_SIZE(n->trap); i++) {
        n->trap[i].vector = w->trap_ctxt[i].vector;
        n->trap[i].flags = w->trap_ctxt[i].flags;
        n->trap[i].cs = w->trap_ctxt[i].cs;
        n->trap[i].address = (uint32_t)w->trap_ctxt[i].address;
    }
    n->ldt_base = (uint32_t)w->ldt_base;
    n->ldt_ents = (uint32_t)w->ldt_ents;
    n->gdt_ents = (uint32_t)w->gdt_ents;
    for (unsigned int i = 0; i < ARRAY_SIZE(n->gdt_frames); i++)
        n->gdt_frames[i] = (uint32_t)w->gdt_frames[i];
    n->kernel_ss = (uint32_t)w->kernel_ss;
    n->kernel_sp = (uint32_t)w->kernel_sp;
    for (unsigned int i = 0; i < ARRAY_SIZE(n->ctrlreg); i++) {
        n->ctrlreg[i] = (uint32_t)w->ctrlreg[i];
        n->debugreg[i] = (uint32_t)w->debugreg[i];
    }
    n->ctrlreg[1] = 0;
    n->ctrlreg[3] = pv32_fold_cr3(pv->kernel_l4);
    n->event_cs = pv->event.cs;
    n->event_eip = (uint32_t)pv->event.address;
    n->failsafe_cs = pv->failsafe.cs;
    n->failsafe_eip = (uint32_t)pv->failsafe.address;
    n->vm_assist = (uint32_t)w->vm_assist;
}

int pv32_context_from(struct vcpu *v, uint64_t addr, bool *online)
{
    struct forms *f = hv_page_alloc(FORMS_ORDER);
    int rc;

    if (!f)
        return -ENOMEM;
    rc = guest_read(&f->narrow, addr, sizeof(f->narrow)) ? -EFAULT : 0;
    if (rc == 0) {
        widen(&f->wide, &f->narrow);
        rc = pv_set_context(v, &f->wide);
    }
    if (rc == 0) {
        v->arch.pv.event.cs = pv_kernel_selector(v->domain, (uint16_t)f->narrow.event_cs);
        v->arch.pv.failsafe.cs = pv_kernel_selector(v->domain, (uint16_t)f->narrow.failsafe_cs);
    }
    *online = f->narrow.flags & VGCF_online;
    hv_page_free(f, FORMS_ORDER);
    return rc;
}

int pv32_context_to(struct vcpu *v, uint64_t addr)
{
    struct forms *f = hv_page_alloc(FORMS_ORDER);
    int rc;

    if (!f)
        return -ENOMEM;
    pv_get_context(v, &f->wide);
    narrow(&f->narrow, &f->wide, v);
    rc = guest_write(addr, &f->narrow, sizeof(f->narrow)) ? -EFAULT : 0;
    hv_page_free(f, FORMS_ORDER);
    return rc;
}
