/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vcpu's VMCB: made, read and written for the layer above (struct hvm_ops). AMD APM vol. 2 §15.5,
 * and §15.20 "Event Injection", §15.21 "Interrupt and Local APIC Support".
 */
#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/msr.h>
#include <arch/regs.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/smp.h>

#include "svm_priv.h"

#define INTERCEPTS1 (INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_SMI | INTERCEPT1_INIT |    \
                     INTERCEPT1_RDPMC | INTERCEPT1_CPUID | INTERCEPT1_INVD | INTERCEPT1_HLT | \
                     INTERCEPT1_INVLPGA | INTERCEPT1_IOIO | INTERCEPT1_MSR |                  \
                     INTERCEPT1_TASK_SWITCH | INTERCEPT1_FERR_FREEZE | INTERCEPT1_SHUTDOWN)
#define INTERCEPTS2                                                                  \
    (INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE | \
     INTERCEPT2_STGI | INTERCEPT2_CLGI | INTERCEPT2_SKINIT | INTERCEPT2_WBINVD |     \
     INTERCEPT2_MONITOR | INTERCEPT2_MWAIT | INTERCEPT2_XSETBV | INTERCEPT2_RDPRU)
/* #AC and #DB can be made to come for ever while they are delivered; #MC is the machine's. */
#define INTERCEPT_EXCEPTIONS (1U << TRAP_DB | 1U << TRAP_AC | 1U << TRAP_MC)
#define INTERCEPT_ALL_DR 0xffffffffU
#define PAUSE_COUNT 4000
#define PAUSE_THRESHOLD 64

/* --- life ------------------------------------------------------------------------------------- */

static void fill_vmcb(struct vcpu *v, struct vmcb *b)
{
    b->intercept_cr = INTERCEPT_CR_WRITE(0) | INTERCEPT_CR_WRITE(4) | INTERCEPT_CR_WRITE(8);
    b->intercept_dr = INTERCEPT_ALL_DR;
    b->intercept_exception = INTERCEPT_EXCEPTIONS;
    b->intercept1 = INTERCEPTS1;
    b->intercept2 = INTERCEPTS2;
    if (svm_features.pause_filter) {
        b->intercept1 |= INTERCEPT1_PAUSE;
        b->pause_count = PAUSE_COUNT;
        b->pause_threshold = PAUSE_THRESHOLD;
    }
    b->iopm_pa = direct_pa(svm_iopm);
    b->msrpm_pa = direct_pa(svm_msrpm);
    b->vintr = VINTR_MASKING;
    b->nested = VMCB_NESTED_PAGING;
    b->nested_cr3 = mfn_to_paddr(v->domain->arch.hvm->p2m.root);
}

static int svm_vcpu_create(struct vcpu *v)
{
    struct svm_vcpu *s = hv_alloc(sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->vmcb = hv_page_alloc(0);
    if (!s->vmcb) {
        hv_free(s);
        return -ENOMEM;
    }
    s->vmcb_pa = direct_pa(s->vmcb);
    v->arch.hvm->svm = s;
    fill_vmcb(v, s->vmcb);
    return 0;
}

static void svm_vcpu_destroy(struct vcpu *v)
{
    struct svm_vcpu *s = v->arch.hvm->svm;

    if (!s)
        return;
    hv_page_free(s->vmcb, 0);
    hv_free(s);
    v->arch.hvm->svm = NULL;
}

/* --- segments and registers ------------------------------------------------------------------- */

#define TSS_BUSY 2U /* of a segment's type */

static struct vmcb_segment *segment_of(struct vmcb *b, unsigned int seg)
{
    struct vmcb_segment *const all[] = {
        [INSN_ES] = &b->es, [INSN_CS] = &b->cs, [INSN_SS] = &b->ss, [INSN_DS] = &b->ds,
        [INSN_FS] = &b->fs, [INSN_GS] = &b->gs, [HVM_SEG_LDTR] = &b->ldtr, [HVM_SEG_TR] = &b->tr,
    };

    return all[seg];
}

/*
 * What the task register holds is busy, always, and told so. QEMU's processor keeps it as it was
 * before LTR made it so, and ends the whole machine ("invalid tss type") when code of 32 bits in
 * ring 3 is interrupted while the VMCB had it busy.
 */
static void svm_get_segment(struct vcpu *v, unsigned int seg, struct emul_segment *s)
{
    const struct vmcb_segment *h = segment_of(vmcb_of(v), seg);

    *s = (struct emul_segment){
        .base = h->base, .limit = h->limit, .selector = h->selector, .attr = h->attr
    };
    if (seg == HVM_SEG_TR)
        s->attr |= TSS_BUSY;
}

static void svm_set_segment(struct vcpu *v, unsigned int seg, const struct emul_segment *s)
{
    struct vmcb *b = vmcb_of(v);

    *segment_of(b, seg) = (struct vmcb_segment){
        .base = s->base, .limit = s->limit, .selector = s->selector, .attr = s->attr
    };
    if (seg == INSN_SS)
        b->cpl = (uint8_t)(s->attr >> 5 & 3);
    if (seg == HVM_SEG_TR && cpu_features.hypervisor_tcg)
        b->tr.attr &= (uint16_t)~TSS_BUSY;
    b->clean &= ~VMCB_CLEAN_SEG;
}

static unsigned int svm_cpl(struct vcpu *v) { return vmcb_of(v)->cpl; }

static void svm_get_state(struct vcpu *v, struct emul_state *s)
{
    const struct cpu_user_regs *r = hvm_regs(v);
    struct vmcb *b = vmcb_of(v);

    *s = (struct emul_state){
        .gpr = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
                 r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 },
        .rip = r->rip,
        .rflags = r->rflags,
        .gdtr = { b->gdtr.base, (uint16_t)b->gdtr.limit },
        .idtr = { b->idtr.base, (uint16_t)b->idtr.limit },
        .cpl = b->cpl,
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(s->seg); i++)
        svm_get_segment(v, i, &s->seg[i]);
    svm_get_segment(v, HVM_SEG_LDTR, &s->ldtr);
    svm_get_segment(v, HVM_SEG_TR, &s->tr);
}

static void set_gprs(struct cpu_user_regs *r, const struct emul_state *s)
{
    r->rax = s->gpr[0];
    r->rcx = s->gpr[1];
    r->rdx = s->gpr[2];
    r->rbx = s->gpr[3];
    r->rsp = s->gpr[4];
    r->rbp = s->gpr[5];
    r->rsi = s->gpr[6];
    r->rdi = s->gpr[7];
    r->r8 = s->gpr[8];
    r->r9 = s->gpr[9];
    r->r10 = s->gpr[10];
    r->r11 = s->gpr[11];
    r->r12 = s->gpr[12];
    r->r13 = s->gpr[13];
    r->r14 = s->gpr[14];
    r->r15 = s->gpr[15];
    r->rip = s->rip;
    r->rflags = s->rflags | X86_EFLAGS_MBS;
}

static void svm_set_state(struct vcpu *v, const struct emul_state *s)
{
    struct vmcb *b = vmcb_of(v);

    set_gprs(hvm_regs(v), s);
    for (unsigned int i = 0; i < ARRAY_SIZE(s->seg); i++)
        svm_set_segment(v, i, &s->seg[i]);
    svm_set_segment(v, HVM_SEG_LDTR, &s->ldtr);
    svm_set_segment(v, HVM_SEG_TR, &s->tr);
    b->gdtr.base = s->gdtr.base;
    b->gdtr.limit = s->gdtr.limit;
    b->idtr.base = s->idtr.base;
    b->idtr.limit = s->idtr.limit;
    b->cpl = s->cpl;
    b->clean = 0;
}

/* From struct hvm_cpu to the VMCB. */
static void svm_update(struct vcpu *v)
{
    const struct hvm_cpu *c = &v->arch.hvm->cpu;
    struct vmcb *b = vmcb_of(v);

    b->cr0 = c->cr0;
    b->cr2 = c->cr2;
    b->cr3 = c->cr3;
    b->cr4 = c->cr4;
    b->efer = c->efer | EFER_SVME; /* VMRUN insists */
    b->pat = c->pat;
    b->dr6 = c->dr6;
    b->dr7 = c->dr7;
    b->tsc_offset = c->tsc_offset - v->arch.hvm->tsc_lag;
    b->intercept1 &= ~INTERCEPT1_RDTSC;
    b->intercept2 &= ~INTERCEPT2_RDTSCP;
    if (v->domain->arch.hvm->tsc.emulated) {
        b->intercept1 |= INTERCEPT1_RDTSC;
        b->intercept2 |= INTERCEPT2_RDTSCP;
    }
    b->clean = 0;
}

static uint64_t *msr_place(struct vmcb *b, uint32_t msr)
{
    switch (msr) {
    case MSR_FS_BASE: return &b->fs.base;
    case MSR_GS_BASE: return &b->gs.base;
    case MSR_KERNEL_GS_BASE: return &b->kernel_gs_base;
    case MSR_STAR: return &b->star;
    case MSR_LSTAR: return &b->lstar;
    case MSR_CSTAR: return &b->cstar;
    case MSR_FMASK: return &b->sfmask;
    case MSR_SYSENTER_CS: return &b->sysenter_cs;
    case MSR_SYSENTER_ESP: return &b->sysenter_esp;
    case MSR_SYSENTER_EIP: return &b->sysenter_eip;
    default: return NULL;
    }
}

static bool svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const uint64_t *p = msr_place(vmcb_of(v), msr);

    if (p)
        *val = *p;
    return p != NULL;
}

static bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t *p = msr_place(vmcb_of(v), msr);

    if (p)
        *p = val;
    vmcb_of(v)->clean &= ~VMCB_CLEAN_SEG;
    return p != NULL;
}

/* --- on a cpu --------------------------------------------------------------------------------- */

static void svm_enter(struct vcpu *v)
{
    vmcb_of(v)->clean = 0; /* another cpu, or another vcpu between */
    svm_load_tsc_ratio(v->domain->arch.hvm->tsc.ratio);
}

static void svm_leave(struct vcpu *v)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;

    if (!c->dr_dirty)
        return;
    __asm__ volatile("mov %%db0, %0" : "=r"(c->dr[0]));
    __asm__ volatile("mov %%db1, %0" : "=r"(c->dr[1]));
    __asm__ volatile("mov %%db2, %0" : "=r"(c->dr[2]));
    __asm__ volatile("mov %%db3, %0" : "=r"(c->dr[3]));
    c->dr_dirty = false;
    vmcb_of(v)->intercept_dr = INTERCEPT_ALL_DR;
}

static void svm_forget_tlb(struct vcpu *v)
{
    if (v->arch.hvm->svm)
        write_once(v->arch.hvm->svm->asid_generation, 0);
}

static bool svm_can_take(struct vcpu *v, bool nmi)
{
    const struct vmcb *b = vmcb_of(v);

    if (b->shadow & VMCB_SHADOW)
        return false;
    return nmi ? !v->arch.hvm->svm->nmi_masked : (hvm_regs(v)->rflags & X86_EFLAGS_IF) != 0;
}

/* --- events ----------------------------------------------------------------------------------- */

#define VINTR_EVENT (VINTR_IRQ | VINTR_PRIO | VINTR_IGNORE_TPR | 0xffULL << VINTR_VECTOR_SHIFT)

/*
 * QEMU 7.2's TCG may deliver an interrupt of event_inj twice: it keeps the vector as the
 * processor's pending exception, and when something makes the emulator's loop stop before the next
 * exit, that is raised as well, wherever the guest is by then (tests/guest/pvh_once). A virtual
 * interrupt comes once. It has no window for another one behind it; for that the first goes by
 * event_inj after all, and an interrupt of our own ends the guest's run right behind it, which is
 * early enough.
 */
static bool by_virtual_int(const struct hvm_event *e)
{
    return cpu_features.hypervisor_tcg && e->type == HVM_EVENT_INTR;
}

static void set_virtual_int(struct vmcb *b, uint64_t vector, bool window)
{
    b->intercept1 = (b->intercept1 & ~INTERCEPT1_VINTR) | (window ? INTERCEPT1_VINTR : 0);
    b->vintr = (b->vintr & ~VINTR_EVENT) | VINTR_IRQ | VINTR_PRIO | VINTR_IGNORE_TPR |
               vector << VINTR_VECTOR_SHIFT;
    b->clean &= ~(VMCB_CLEAN_INTERCEPTS | VMCB_CLEAN_TPR);
}

int svm_virtual_int_left(struct svm_vcpu *s)
{
    struct vmcb *b = s->vmcb;
    const uint64_t was = b->vintr;

    if (!s->virtual_int)
        return -1;
    s->virtual_int = false;
    b->vintr &= ~VINTR_EVENT;
    b->clean &= ~VMCB_CLEAN_TPR;
    return was & VINTR_IRQ ? (int)(was >> VINTR_VECTOR_SHIFT & 0xff) : -1;
}

static void event_inj(struct vmcb *b, const struct hvm_event *e)
{
    b->event_inj = (uint64_t)(uint8_t)e->vector | (uint64_t)e->type << VMCB_EVENT_TYPE_SHIFT |
                   VMCB_EVENT_VALID;
    if (e->has_error)
        b->event_inj |= VMCB_EVENT_ERROR | (uint64_t)e->error << 32;
}

/* A virtual interrupt that is never delivered, for its intercept comes first. */
static void svm_want_window(struct vcpu *v, bool nmi)
{
    struct svm_vcpu *s = v->arch.hvm->svm;
    const struct hvm_event first = {
        .type = HVM_EVENT_INTR, .vector = (int16_t)svm_virtual_int_left(s)
    };

    if (nmi && s->nmi_masked)
        return; /* IRET is intercepted already */
    if (first.vector >= 0) {
        event_inj(s->vmcb, &first);
        smp_kick(smp_processor_id());
    }
    set_virtual_int(s->vmcb, 0, true);
}

static void svm_inject(struct vcpu *v, const struct hvm_event *e)
{
    struct vmcb *b = vmcb_of(v);

    if (by_virtual_int(e)) {
        set_virtual_int(b, (uint8_t)e->vector, false);
        v->arch.hvm->svm->virtual_int = true;
        return;
    }
    event_inj(b, e);
    if (e->type != HVM_EVENT_NMI)
        return;
    v->arch.hvm->svm->nmi_masked = true;
    b->intercept1 |= INTERCEPT1_IRET;
    b->clean &= ~VMCB_CLEAN_INTERCEPTS;
}

static void svm_set_shadow(struct vcpu *v, bool on) { vmcb_of(v)->shadow = on ? VMCB_SHADOW : 0; }

const struct hvm_ops svm_ops = {
    .name = "SVM",
    .vcpu_create = svm_vcpu_create,
    .vcpu_destroy = svm_vcpu_destroy,
    .get_state = svm_get_state,
    .set_state = svm_set_state,
    .get_segment = svm_get_segment,
    .cpl = svm_cpl,
    .update = svm_update,
    .scales_tsc = svm_scales_tsc,
    .get_msr = svm_get_msr,
    .set_msr = svm_set_msr,
    .enter = svm_enter,
    .leave = svm_leave,
    .resume = svm_resume,
    .forget_tlb = svm_forget_tlb,
    .can_take = svm_can_take,
    .want_window = svm_want_window,
    .inject = svm_inject,
    .set_shadow = svm_set_shadow,
};
