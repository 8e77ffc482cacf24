/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a PV domain and its vcpus have besides core's: policy, ports, per-domain mappings, FPU area;
 * and whole vcpu contexts in the ABI's form (public arch-x86/xen.h, "struct vcpu_guest_context").
 * Device models and page tables are elsewhere.
 */
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/fpu.h>
#include <arch/layout.h>
#include <arch/paging.h>
#include <arch/policy.h>
#include <arch/pv.h>
#include <arch/pv_mmu.h>
#include <arch/regs.h>
#include <arch/xpti.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <lib/string.h>
#include <xen/domctl.h>

#define DR6_RESET 0xffff0ff0UL
#define DR7_RESET 0x400UL
#define MAX_GDT_ENTRIES 7168U
#define MAX_LDT_ENTRIES 8192U
#define GDT_ENTRIES_PER_PAGE 512U
#define RFLAGS_NOT_GUESTS (X86_EFLAGS_IOPL | X86_EFLAGS_VM)
/* Types 0 to 5 of <xen/xen.h>, and m2p_strict. */
#define VM_ASSIST_VALID (0x3fUL | BIT(VMASST_TYPE_m2p_strict))

/* --- domains ---------------------------------------------------------------------------------- */

int pv_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    struct arch_domain *a = &d->arch;
    int rc;

    if ((config->arch.emulation_flags & ~XEN_X86_EMU_PIT) ||
        (config->arch.misc_flags & ~XEN_X86_MSR_RELAXED))
        return -EINVAL;
    spin_init(&a->pt_lock, RANK_PT);
    a->emulation_flags = config->arch.emulation_flags;
    a->msr_relaxed = config->arch.misc_flags & XEN_X86_MSR_RELAXED;
    a->pirq_eoi_mfn = INVALID_MFN;
    a->xpti = xpti_for(d);
    rc = domain_policy_init(d);
    if (rc)
        return rc;
    a->ioport_caps = rangeset_new();
    rc = a->ioport_caps ? perdomain_init(d) : -ENOMEM;
    if (rc) {
        rangeset_free(a->ioport_caps);
        a->ioport_caps = NULL;
        domain_policy_destroy(d);
    }
    return rc;
}

void pv_domain_destroy(struct domain *d)
{
    if (!d->arch.policy)
        return; /* never got that far */
    perdomain_destroy(d);
    rangeset_free(d->arch.ioport_caps);
    d->arch.ioport_caps = NULL;
    domain_policy_destroy(d);
}

/* --- vcpus ------------------------------------------------------------------------------------ */

static void reset_pv(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;

    *pv = (struct pv_vcpu){
        .in_kernel = true,
        .kernel_l4 = INVALID_MFN,
        .user_l4 = INVALID_MFN,
        .dr = { [6] = DR6_RESET, [7] = DR7_RESET },
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(pv->gdt_frame); i++)
        pv->gdt_frame[i] = INVALID_MFN;
    spin_init(&pv->ldt_lock, RANK_PV_LDT);
    v->arch.regs = (struct cpu_user_regs){
        .rflags = X86_EFLAGS_IF | X86_EFLAGS_MBS, .cs = FLAT_CS64, .ss = FLAT_DS
    };
    if (v->arch.pv32_l4)
        pv32_reset(v);
}

int pv_vcpu_create(struct vcpu *v)
{
    int rc;

    reset_pv(v);
    rc = fpu_vcpu_create(v);
    if (rc)
        return rc;
    /* Makes the tables; the context switch puts the right cpu's page there. */
    rc = perdomain_map(v->domain, GDT_VIRT(v->id) + GDT_RESERVED_OFFSET, cpu_gdt_frame(0, false),
                       HV_RO);
    if (rc == 0 && domain_is_32bit(v->domain))
        rc = pv32_vcpu_create(v);
    if (rc)
        fpu_vcpu_destroy(v);
    return rc;
}

void pv_vcpu_destroy(struct vcpu *v)
{
    pv32_vcpu_destroy(v);
    fpu_vcpu_destroy(v);
}

/* v is down and not loaded anywhere: forget its context. */
void pv_vcpu_reset(struct vcpu *v)
{
    arch_sync_vcpu(v);
    pv_drop_ldt(v);
    pv_drop_gdt(v);
    if (pv_vcpu_set_tables(v, INVALID_MFN, INVALID_MFN) == 0)
        reset_pv(v);
    fpu_set_legacy(v, NULL);
    v->async_exception_mask = 0;
    v->is_initialised = false;
}

/* --- contexts --------------------------------------------------------------------------------- */

static mfn_t cr3_mfn(uint64_t cr3) { return cr3 ? _mfn(xen_cr3_to_pfn(cr3)) : INVALID_MFN; }

/* All that can be said without touching anything. */
static int check_context(const struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++)
        if (!is_canonical(c->trap_ctxt[i].address))
            return -EINVAL;
    if (!is_canonical(c->event_callback_eip) || !is_canonical(c->failsafe_callback_eip) ||
        !is_canonical(c->syscall_callback_eip) || !is_canonical(c->fs_base) ||
        !is_canonical(c->gs_base_kernel) || !is_canonical(c->gs_base_user))
        return -EINVAL;
    if (c->gdt_ents > MAX_GDT_ENTRIES || c->ldt_ents > MAX_LDT_ENTRIES ||
        (c->ldt_base & PAGE_OFFSET_MASK))
        return -EINVAL;
    if (c->ctrlreg[3] == 0 || (!(c->flags & VGCF_in_kernel) && c->ctrlreg[1] == 0))
        return -EINVAL;
    return 0;
}

static int set_gdt(struct vcpu *v, const struct vcpu_guest_context *c)
{
    mfn_t frame[ARRAY_SIZE(v->arch.pv.gdt_frame)];

    if (c->gdt_ents == 0) {
        pv_drop_gdt(v);
        return 0;
    }
    for (unsigned int i = 0; i < DIV_ROUND_UP(c->gdt_ents, GDT_ENTRIES_PER_PAGE); i++)
        frame[i] = _mfn(c->gdt_frames[i]);
    return pv_set_gdt(v, frame, (unsigned int)c->gdt_ents);
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct cpu_user_regs *r = &v->arch.regs;
    struct pv_vcpu *pv = &v->arch.pv;

    *r = c->user_regs;
    r->cs = pv_kernel_selector(v->domain, r->cs);
    r->ss = pv_kernel_selector(v->domain, r->ss);
    r->entry_vector = r->error_code = 0;
    pv->iopl = (uint8_t)((r->rflags & X86_EFLAGS_IOPL) >> 12);
    r->rflags = (r->rflags & 0xffffffffUL & ~RFLAGS_NOT_GUESTS) | X86_EFLAGS_IF | X86_EFLAGS_MBS;
    pv->ds = c->user_regs.ds;
    pv->es = c->user_regs.es;
    pv->fs = c->user_regs.fs;
    pv->gs = c->user_regs.gs;
    pv->fs_base = c->fs_base;
    pv->gs_base_kernel = c->gs_base_kernel;
    pv->gs_base_user = c->gs_base_user;
}

static void set_entry_points(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *pv = &v->arch.pv;

    for (unsigned int i = 0; i < ARRAY_SIZE(pv->trap); i++) {
        pv->trap[i] = c->trap_ctxt[i];
        pv->trap[i].cs = pv_kernel_selector(v->domain, pv->trap[i].cs);
    }
    pv->event = (struct pv_callback){ .address = c->event_callback_eip, .mask_events = true };
    pv->failsafe = (struct pv_callback){
        .address = c->failsafe_callback_eip,
        .mask_events = c->flags & VGCF_failsafe_disables_events,
    };
    pv->syscall = (struct pv_callback){
        .address = c->syscall_callback_eip,
        .mask_events = c->flags & VGCF_syscall_disables_events,
    };
    pv->kernel_ss = pv_kernel_selector(v->domain, (uint16_t)c->kernel_ss);
    pv->kernel_sp = c->kernel_sp;
}

int pv_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *pv = &v->arch.pv;
    int rc = check_context(c);

    if (rc)
        return rc;
    arch_sync_vcpu(v);
    rc = pv_vcpu_set_tables(v, cr3_mfn(c->ctrlreg[3]), cr3_mfn(c->ctrlreg[1]));
    if (rc)
        return rc;
    rc = set_gdt(v, c);
    if (rc)
        return rc;
    rc = pv_set_ldt(v, c->ldt_base, (unsigned int)c->ldt_ents);
    if (rc)
        return rc;
    set_registers(v, c);
    set_entry_points(v, c);
    pv->in_kernel = c->flags & VGCF_in_kernel;
    pv->cr0_ts = c->ctrlreg[0] & X86_CR0_TS;
    pv->cr4 = c->ctrlreg[4] & (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE);
    for (unsigned int i = 0; i < 8; i++)
        if (i != 4 && i != 5 && pv_set_debugreg(v, i, c->debugreg[i]))
            pv->dr[i] = i == 7 ? DR7_RESET : 0; /* what we cannot honour is off */
    fpu_set_legacy(v, c->flags & VGCF_i387_valid ? &c->fpu_ctxt : NULL);
    if (v->id == 0)
        v->domain->vm_assist = c->vm_assist & VM_ASSIST_VALID;
    pv_update_cr3(v);
    v->is_initialised = true;
    return 0;
}

static uint64_t mfn_cr3(mfn_t mfn) { return mfn_eq(mfn, INVALID_MFN) ? 0 : xen_pfn_to_cr3(mfn.n); }

static void get_registers(const struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct pv_vcpu *pv = &v->arch.pv;

    c->user_regs = v->arch.regs;
    c->user_regs.entry_vector = c->user_regs.error_code = 0;
    c->user_regs.rflags |= (uint64_t)pv->iopl << 12;
    c->user_regs.ds = pv->ds;
    c->user_regs.es = pv->es;
    c->user_regs.fs = pv->fs;
    c->user_regs.gs = pv->gs;
    c->fs_base = pv->fs_base;
    c->gs_base_kernel = pv->gs_base_kernel;
    c->gs_base_user = pv->gs_base_user;
    fpu_get_legacy(v, &c->fpu_ctxt);
}

void pv_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct pv_vcpu *pv = &v->arch.pv;

    memset(c, 0, sizeof(*c));
    arch_sync_vcpu(v);
    get_registers(v, c);
    c->flags = VGCF_i387_valid | (pv->in_kernel ? VGCF_in_kernel : 0) |
               (pv->failsafe.mask_events ? VGCF_failsafe_disables_events : 0) |
               (pv->syscall.mask_events ? VGCF_syscall_disables_events : 0) |
               (read_once(v->pause_flags) & BIT(VPF_DOWN) ? 0 : VGCF_online);
    memcpy(c->trap_ctxt, pv->trap, sizeof(c->trap_ctxt));
    c->ldt_base = pv->ldt_base;
    c->ldt_ents = pv->ldt_ents;
    c->gdt_ents = pv->gdt_ents;
    for (unsigned int i = 0; i < DIV_ROUND_UP(pv->gdt_ents, GDT_ENTRIES_PER_PAGE); i++)
        c->gdt_frames[i] = pv->gdt_frame[i].n;
    c->kernel_ss = pv->kernel_ss;
    c->kernel_sp = pv->kernel_sp;
    c->ctrlreg[0] = X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_PE | pv->cr0_ts;
    c->ctrlreg[1] = mfn_cr3(pv->user_l4);
    c->ctrlreg[3] = mfn_cr3(pv->kernel_l4);
    c->ctrlreg[4] = pv->cr4;
    memcpy(c->debugreg, pv->dr, sizeof(c->debugreg));
    c->event_callback_eip = pv->event.address;
    c->failsafe_callback_eip = pv->failsafe.address;
    c->syscall_callback_eip = pv->syscall.address;
    c->vm_assist = v->domain->vm_assist;
}

/* -ERESTART: validating the page tables takes longer; the same call goes on. */
int pv_vcpu_initialise(struct vcpu *v, uint64_t arg)
{
    struct vcpu_guest_context *c;
    bool online;
    int rc;

    _Static_assert(sizeof(*c) <= 2 * PAGE_SIZE, "order 1");
    if (domain_is_32bit(v->domain))
        return pv32_context_from(v, arg, &online);
    c = hv_page_alloc(1);
    if (!c)
        return -ENOMEM;
    rc = guest_read(c, arg, sizeof(*c)) ? -EFAULT : pv_set_context(v, c);
    hv_page_free(c, 1);
    return rc;
}
