/* SPDX-License-Identifier: GPL-2.0-only */
/* See hvm_ctx.h. */
#include "hvm_ctx.h"

#include <stdlib.h>
#include <string.h>

#include <arch/fpu.h>
#include <arch/msr.h>
#include <arch/policy.h>
#include <arch/regs.h>
#include <arch/xstate.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/vcpu.h>

#include "hvm/save_priv.h"

struct hvm_ctx_vcpu ctx_vcpu[HW_VCPUS];
unsigned int ctx_pages;

static struct cpu_policy policy;

void *hv_page_alloc(unsigned int order)
{
    ctx_pages += 1U << order;
    return calloc(1, PAGE_SIZE << order);
}

void hv_page_free(void *va, unsigned int order)
{
    ctx_pages -= 1U << order;
    free(va);
}

/* --- the extension ---------------------------------------------------------------------------- */

static void get_state(struct vcpu *v, struct emul_state *s) { *s = ctx_vcpu[v->id].s; }
static void set_state(struct vcpu *v, const struct emul_state *s) { ctx_vcpu[v->id].s = *s; }
static void update(struct vcpu *v) {}

static uint64_t *msr_of(struct vcpu *v, uint32_t msr)
{
    static const uint32_t known[8] = { MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
                                       MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
                                       MSR_FMASK };

    for (unsigned int i = 0; i < 8; i++)
        if (known[i] == msr)
            return &ctx_vcpu[v->id].msr[i];
    return NULL;
}

static bool get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const uint64_t *p = msr_of(v, msr);

    if (p)
        *val = *p;
    return p != NULL;
}

static bool set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t *p = msr_of(v, msr);

    if (p)
        *p = val;
    return p != NULL;
}

static const struct hvm_ops ops = {
    .name = "test", .get_state = get_state, .set_state = set_state, .update = update,
    .get_msr = get_msr, .set_msr = set_msr,
};
const struct hvm_ops *hvm_ops = &ops;

uint64_t hvm_cr4_valid(const struct vcpu *v) { return CTX_CR4_VALID; }
uint64_t hvm_efer_valid(const struct vcpu *v)
{
    return EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_FFXSR;
}
unsigned int hvm_phys_bits(const struct vcpu *v) { return 40; }

/* --- MSRs ------------------------------------------------------------------------------------- */

void hvm_mtrr_save(struct vcpu *v, struct hvm_hw_mtrr *r)
{
    *r = (struct hvm_hw_mtrr){ .msr_pat_cr = v->arch.hvm->cpu.pat,
                               .msr_mtrr_def_type = v->arch.hvm->cpu.mtrr_def_type };
}

int hvm_mtrr_load(struct vcpu *v, const struct hvm_hw_mtrr *r)
{
    if (r->msr_mtrr_def_type & ~0xcffULL)
        return -EINVAL;
    v->arch.hvm->cpu.pat = r->msr_pat_cr;
    v->arch.hvm->cpu.mtrr_def_type = r->msr_mtrr_def_type;
    return 0;
}

static uint64_t *other_msr(struct vcpu *v, uint32_t msr)
{
    switch (msr) {
    case MSR_SPEC_CTRL: return &ctx_vcpu[v->id].spec_ctrl;
    case MSR_MISC_FEATURES: return &ctx_vcpu[v->id].misc_features;
    default: return NULL;
    }
}

int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const uint64_t *p = other_msr(v, msr);

    *val = p ? *p : 0;
    return p ? 0 : -1;
}

unsigned int hvm_msr_list_save(struct vcpu *v, struct hvm_one_msr *out)
{
    static const uint32_t listed[] = { MSR_SPEC_CTRL, MSR_MISC_FEATURES };
    unsigned int n = 0;

    for (unsigned int i = 0; i < 2; i++)
        if (*other_msr(v, listed[i]))
            out[n++] = (struct hvm_one_msr){ .index = listed[i], .val = *other_msr(v, listed[i]) };
    return n;
}

int hvm_msr_list_load(struct vcpu *v, const struct hvm_one_msr *in, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        uint64_t *p = other_msr(v, in[i].index);

        if (!p || in[i].val > 7)
            return -ENXIO;
        *p = in[i].val;
    }
    return 0;
}

/* --- extended state --------------------------------------------------------------------------- */

bool cpu_policy_has_xsave(const struct cpu_policy *p) { return true; }
size_t xstate_area_size(void) { return CTX_XSAVE_SIZE; }
uint64_t xstate_mask(void) { return 7; }
void fpu_get_legacy(const struct vcpu *v, void *fx) { memcpy(fx, v->arch.xsave, FXSAVE_SIZE); }

void fpu_set_legacy(struct vcpu *v, const void *fx)
{
    memset(v->arch.xsave, 0, CTX_XSAVE_SIZE);
    if (fx)
        memcpy(v->arch.xsave, fx, FXSAVE_SIZE);
}

int fpu_set_area(struct vcpu *v, const void *area, size_t size, uint64_t xcr0, uint64_t xcr0_accum)
{
    uint64_t bv;

    if (size < FXSAVE_SIZE + 64 || size > CTX_XSAVE_SIZE)
        return -EINVAL;
    memcpy(&bv, (const uint8_t *)area + XSAVE_HEADER, 8);
    if (!(xcr0 & 1) || (xcr0_accum & ~7ULL) || (xcr0 & ~xcr0_accum) || (bv & ~xcr0_accum))
        return -EINVAL;
    memset(v->arch.xsave, 0, CTX_XSAVE_SIZE);
    memcpy(v->arch.xsave, area, size);
    v->arch.xcr0 = xcr0;
    v->arch.xcr0_accum = xcr0_accum;
    return 0;
}

int vcpu_up(struct vcpu *v)
{
    v->pause_flags &= ~(1U << VPF_DOWN);
    return v->is_initialised ? 0 : -EINVAL;
}

/* --- life ------------------------------------------------------------------------------------- */

void ctx_start(unsigned int vcpus, uint32_t emulation)
{
    hw_start(vcpus, emulation);
    memset(ctx_vcpu, 0, sizeof(ctx_vcpu));
    hw_dom->arch.policy = &policy;
    policy.basic[1].a = 0x800f12;
    for (unsigned int i = 0; i < vcpus; i++) {
        struct vcpu *v = hw_dom->vcpu[i];

        v->pause_flags = 1U << VPF_DOWN;
        v->arch.xsave = ctx_vcpu[i].xsave;
        v->arch.xcr0 = 1;
        v->arch.xcr0_accum = 3;
        v->arch.hvm->cpu.event.vector = -1;
        v->arch.hvm->cpu.dr6 = 0xffff0ff0;
        v->arch.hvm->cpu.dr7 = 0x400;
        v->arch.hvm->cpu.pat = 0x0007040600070406;
    }
}

unsigned int ctx_end(void) { return hw_end() + ctx_pages; }

void ctx_run(unsigned int nr, uint64_t seed)
{
    struct vcpu *v = hw_dom->vcpu[nr];
    struct hvm_ctx_vcpu *x = &ctx_vcpu[nr];
    struct hvm_cpu *c = &v->arch.hvm->cpu;

    for (unsigned int i = 0; i < 16; i++)
        x->s.gpr[i] = seed * (i + 1);
    x->s.rip = 0xffffffff81000000 + (seed & 0xffff);
    x->s.rflags = 0x246;
    for (unsigned int i = 0; i < 6; i++)
        x->s.seg[i] = (struct emul_segment){ .selector = 0x18, .limit = ~0U, .attr = 0xc93 };
    x->s.seg[INSN_CS] = (struct emul_segment){ .selector = 0x10, .limit = ~0U, .attr = 0xa9b };
    x->s.seg[INSN_GS].base = 0xffff888000000000 + (seed & 0xfff);
    x->s.ldtr = (struct emul_segment){ .attr = 0x82 };
    x->s.tr = (struct emul_segment){ .selector = 0x40, .limit = 0x206f, .base = 0xfffffe0000003000,
                                     .attr = 0x8b };
    x->s.gdtr = (struct emul_table){ 0xfffffe0000001000, 0x7f };
    x->s.idtr = (struct emul_table){ 0xfffffe0000000000, 0xfff };
    for (unsigned int i = 0; i < 7; i++)
        x->msr[i] = 0xffffffff82000000 + (seed & 0xff) * i;
    x->msr[7] = 0x47700;
    x->spec_ctrl = seed & 7;
    c->cr0 = 0x80050033;
    c->cr2 = seed;
    c->cr3 = 0x1234000;
    c->cr4 = 0x1006f0 | X86_CR4_PAE;
    c->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
    c->dr[0] = seed;
    c->tsc_aux = nr;
    c->tsc_offset = seed << 20;
    c->tsc_adjust = seed;
    c->event = (struct hvm_event){ .vector = TRAP_PF, .type = HVM_EVENT_EXCEPTION,
                                   .has_error = true, .error = 2 };
    for (unsigned int i = 0; i < CTX_XSAVE_SIZE; i++)
        x->xsave[i] = i >= 512 && i < 576 ? 0 : (uint8_t)(seed + i);
    x->xsave[512] = 7;
    v->arch.xcr0 = v->arch.xcr0_accum = 7;
    v->is_initialised = true;
    v->pause_flags = 0;
}
