/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU record: registers of a vcpu, public arch-x86/hvm/save.h "struct hvm_hw_cpu". A vcpu
 * that is down has none. AMD APM vol. 2 §15.5.1 "Basic Operation" lists the states that VMRUN
 * refuses: they are refused here, and what else no guest could have.
 *
 * Xen's domain builder leaves most of it 0 (RFLAGS, DR6, DR7, unused segments): what hardware has
 * as constants is put in.
 */
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/pt.h>
#include <arch/regs.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/vcpu.h>
#include <lib/string.h>

#include "save_priv.h"

#define RFLAGS_ALLOWED 0x3f7fd7UL
#define DR6_ONES 0xffff0ff0UL
#define DR6_BITS 0xe00fUL
#define DR7_ONES 0x400UL
#define DR7_ZEROS 0xd800UL         /* and GD is kept */
/* of pending_event, as in a VMCB */
#define EVENT_TYPE_SHIFT 8
#define EVENT_HAS_ERROR (1U << 11)
#define EVENT_VALID (1U << 31)
#define TYPE_LDT 2U
#define ATTR_PACKED 0xfffU

/* --- what both directions know ---------------------------------------------------------------- */

/* Where a segment is in the record: selector, limit, base, attributes. */
struct segment_place {
    uint16_t sel, limit, base, attr;
};

#define PLACE(n) { offsetof(struct hvm_hw_cpu, n##_sel), offsetof(struct hvm_hw_cpu, n##_limit), \
                   offsetof(struct hvm_hw_cpu, n##_base), offsetof(struct hvm_hw_cpu, n##_arbytes) }

#define NR_SEGMENTS 8U
static const struct segment_place places[NR_SEGMENTS] = {
    [INSN_ES] = PLACE(es), [INSN_CS] = PLACE(cs), [INSN_SS] = PLACE(ss), [INSN_DS] = PLACE(ds),
    [INSN_FS] = PLACE(fs), [INSN_GS] = PLACE(gs), [HVM_SEG_LDTR] = PLACE(ldtr),
    [HVM_SEG_TR] = PLACE(tr),
};

/* General registers in the order of struct emul_state. */
#define GPR(n) offsetof(struct hvm_hw_cpu, n)
static const uint16_t gpr_place[16] = {
    GPR(rax), GPR(rcx), GPR(rdx), GPR(rbx), GPR(rsp), GPR(rbp), GPR(rsi), GPR(rdi),
    GPR(r8), GPR(r9), GPR(r10), GPR(r11), GPR(r12), GPR(r13), GPR(r14), GPR(r15),
};

/* MSRs that are with the extension. */
static const struct { uint32_t msr; uint16_t at; bool address; } msrs[] = {
    { MSR_SYSENTER_CS, offsetof(struct hvm_hw_cpu, sysenter_cs), false },
    { MSR_SYSENTER_ESP, offsetof(struct hvm_hw_cpu, sysenter_esp), true },
    { MSR_SYSENTER_EIP, offsetof(struct hvm_hw_cpu, sysenter_eip), true },
    { MSR_KERNEL_GS_BASE, offsetof(struct hvm_hw_cpu, shadow_gs), true },
    { MSR_STAR, offsetof(struct hvm_hw_cpu, msr_star), false },
    { MSR_LSTAR, offsetof(struct hvm_hw_cpu, msr_lstar), true },
    { MSR_CSTAR, offsetof(struct hvm_hw_cpu, msr_cstar), true },
    { MSR_FMASK, offsetof(struct hvm_hw_cpu, msr_syscall_mask), false },
};

static uint64_t get64(const struct hvm_hw_cpu *h, unsigned int at)
{
    uint64_t val;

    memcpy(&val, (const uint8_t *)h + at, sizeof(val));
    return val;
}

static uint32_t get32(const struct hvm_hw_cpu *h, unsigned int at)
{
    uint32_t val;

    memcpy(&val, (const uint8_t *)h + at, sizeof(val));
    return val;
}

static void put64(struct hvm_hw_cpu *h, unsigned int at, uint64_t val)
{
    memcpy((uint8_t *)h + at, &val, sizeof(val));
}

static void put32(struct hvm_hw_cpu *h, unsigned int at, uint32_t val)
{
    memcpy((uint8_t *)h + at, &val, sizeof(val));
}

/* Old records of Intel hosts have the flags 4 bits higher, as VT-x has them. */
static uint32_t attr_of(const struct hvm_hw_cpu *h, unsigned int seg)
{
    const uint32_t raw = get32(h, places[seg].attr);

    return (raw & 0xf000) && !(raw & 0x0f00) ? (raw & 0xff) | (raw >> 4 & 0xf00) : raw;
}

/* --- saving ----------------------------------------------------------------------------------- */

static void put_segment(struct hvm_hw_cpu *h, unsigned int seg, const struct emul_segment *s)
{
    put32(h, places[seg].sel, s->selector);
    put32(h, places[seg].limit, s->limit);
    put64(h, places[seg].base, s->base);
    put32(h, places[seg].attr, s->attr);
}

static void put_event(struct hvm_hw_cpu *h, const struct hvm_event *e)
{
    if (e->vector < 0)
        return;
    h->pending_event = (uint32_t)(uint8_t)e->vector | (uint32_t)(e->type & 7) << EVENT_TYPE_SHIFT |
                       (e->has_error ? EVENT_HAS_ERROR : 0) | EVENT_VALID;
    h->error_code = e->has_error ? e->error : 0;
}

static void put_state(struct vcpu *v, struct hvm_hw_cpu *h)
{
    struct emul_state s;

    hvm_ops->get_state(v, &s);
    for (unsigned int i = 0; i < ARRAY_SIZE(gpr_place); i++)
        put64(h, gpr_place[i], s.gpr[i]);
    for (unsigned int i = 0; i < ARRAY_SIZE(s.seg); i++)
        put_segment(h, i, &s.seg[i]);
    put_segment(h, HVM_SEG_LDTR, &s.ldtr);
    put_segment(h, HVM_SEG_TR, &s.tr);
    h->rip = s.rip;
    h->rflags = s.rflags;
    h->gdtr_base = s.gdtr.base;
    h->gdtr_limit = s.gdtr.limit;
    h->idtr_base = s.idtr.base;
    h->idtr_limit = s.idtr.limit;
}

size_t save_cpu(const struct save_rec *r, void *out)
{
    struct vcpu *v = r->v;
    const struct hvm_cpu *c = &v->arch.hvm->cpu;
    struct hvm_hw_cpu *h = out;

    if (!r->even_if_down && (!v->is_initialised || bit_test(&v->pause_flags, VPF_DOWN)))
        return 0;
    memset(h, 0, sizeof(*h));
    fpu_get_legacy(v, h->fpu_regs);
    put_state(v, h);
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
        uint64_t val = 0;

        (void)!hvm_ops->get_msr(v, msrs[i].msr, &val);
        put64(h, msrs[i].at, val);
    }
    h->cr0 = c->cr0;
    h->cr2 = c->cr2;
    h->cr3 = c->cr3;
    h->cr4 = c->cr4;
    h->dr0 = c->dr[0];
    h->dr1 = c->dr[1];
    h->dr2 = c->dr[2];
    h->dr3 = c->dr[3];
    h->dr6 = c->dr6;
    h->dr7 = c->dr7;
    h->msr_efer = c->efer;
    h->msr_tsc_aux = c->tsc_aux;
    h->tsc = r->host_tsc + c->tsc_offset - hvm_tsc_lag(r->v);
    put_event(h, &c->event);
    h->flags = XEN_X86_FPU_INITIALISED;
    return sizeof(*h);
}

/* --- what may be loaded ----------------------------------------------------------------------- */

static bool canonical(const struct vcpu *v, uint64_t address)
{
    const unsigned int unused = hvm_cr4_valid(v) & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

static bool control_valid(const struct vcpu *v, const struct hvm_hw_cpu *h)
{
    return (h->cr0 & X86_CR0_ET) && hvm_control_valid(v, h->cr0, h->cr4, h->msr_efer) &&
           !(h->cr3 >> hvm_phys_bits(v));
}

static bool system_segments_valid(const struct hvm_hw_cpu *h)
{
    const uint32_t ldtr = attr_of(h, HVM_SEG_LDTR), tr = attr_of(h, HVM_SEG_TR);

    if ((ldtr & EMUL_ATTR_P) && ((ldtr & EMUL_ATTR_S) || (ldtr & EMUL_ATTR_TYPE) != TYPE_LDT))
        return false;
    /* a TSS: 16 or 32 bits, busy or not (not every processor keeps that) */
    return !(tr & EMUL_ATTR_P) || (!(tr & EMUL_ATTR_S) && (tr & 5) == 1);
}

static bool segments_valid(const struct vcpu *v, const struct hvm_hw_cpu *h)
{
    const uint32_t cs = attr_of(h, INSN_CS), code = EMUL_ATTR_S | EMUL_ATTR_P;

    for (unsigned int i = 0; i < NR_SEGMENTS; i++) {
        const bool wide = i == INSN_FS || i == INSN_GS || i >= HVM_SEG_LDTR;
        const uint64_t base = get64(h, places[i].base);
        const uint32_t attr = attr_of(h, i);

        if ((get32(h, places[i].sel) >> 16) || (attr & ~ATTR_PACKED) ||
            (wide ? !canonical(v, base) : base >> 32) ||
            (i <= INSN_GS && (attr & EMUL_ATTR_P) && !(attr & EMUL_ATTR_S)))
            return false;
    }
    if ((h->gdtr_limit | h->idtr_limit) >> 16 || !canonical(v, h->gdtr_base) ||
        !canonical(v, h->idtr_base) || (cs & code) != code)
        return false;
    if ((h->msr_efer & EFER_LMA) && (cs & EMUL_ATTR_L))
        return !(cs & EMUL_ATTR_DB) && system_segments_valid(h);
    return !(h->rip >> 32) && system_segments_valid(h);
}

static bool has_error_code(unsigned int vector)
{
    return vector < 32 && (TRAP_HAS_ERROR >> vector & 1);
}

/* Software's own (types 4 to 6) are raised anew by their instructions: not ours to judge. */
static bool event_valid(const struct hvm_hw_cpu *h)
{
    if (!h->pending_valid)
        return true;
    if (h->pending_reserved || h->pending_type == 1 || h->pending_type == 7)
        return false;
    if (h->pending_type == HVM_EVENT_EXCEPTION)
        return h->pending_vector < 32 && h->pending_vector != TRAP_NMI &&
               (!h->pending_error_valid || has_error_code(h->pending_vector)) &&
               !(h->pending_vector == TRAP_BR && (h->msr_efer & EFER_LMA));
    return !h->pending_error_valid;
}

int save_cpu_check(const struct save_rec *r, const void *in, size_t length)
{
    const struct hvm_hw_cpu *h = in;

    if ((h->flags & ~XEN_X86_FPU_INITIALISED) || h->pad0)
        return -EINVAL;
    if (!control_valid(r->v, h) || !segments_valid(r->v, h) || !event_valid(h))
        return -EINVAL;
    if ((h->rflags & ~RFLAGS_ALLOWED) ||
        ((h->rflags & X86_EFLAGS_VM) && ((h->msr_efer & EFER_LMA) || !(h->cr0 & X86_CR0_PE))))
        return -EINVAL;
    if ((h->dr6 | h->dr7 | h->msr_tsc_aux | h->msr_syscall_mask) >> 32)
        return -EINVAL;
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        if (msrs[i].address && !canonical(r->v, get64(h, msrs[i].at)))
            return -EINVAL;
    return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static struct emul_segment get_segment(const struct hvm_hw_cpu *h, unsigned int seg)
{
    return (struct emul_segment){
        .selector = (uint16_t)get32(h, places[seg].sel),
        .limit = get32(h, places[seg].limit),
        .base = get64(h, places[seg].base),
        .attr = (uint16_t)attr_of(h, seg),
    };
}

static uint8_t cpl_of(const struct hvm_hw_cpu *h)
{
    if (!(h->cr0 & X86_CR0_PE))
        return 0;
    return h->rflags & X86_EFLAGS_VM ? 3 : (uint8_t)(attr_of(h, INSN_SS) >> 5 & 3);
}

static void load_state(struct vcpu *v, const struct hvm_hw_cpu *h)
{
    struct emul_state s = {
        .rip = h->rip,
        .rflags = h->rflags | X86_EFLAGS_MBS,
        .ldtr = get_segment(h, HVM_SEG_LDTR),
        .tr = get_segment(h, HVM_SEG_TR),
        .gdtr = { h->gdtr_base, (uint16_t)h->gdtr_limit },
        .idtr = { h->idtr_base, (uint16_t)h->idtr_limit },
        .cpl = cpl_of(h),
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(gpr_place); i++)
        s.gpr[i] = get64(h, gpr_place[i]);
    for (unsigned int i = 0; i < ARRAY_SIZE(s.seg); i++)
        s.seg[i] = get_segment(h, i);
    hvm_ops->set_state(v, &s);
}

static struct hvm_event event_of(const struct hvm_hw_cpu *h)
{
    const bool software = h->pending_type >= HVM_EVENT_SOFT_INT ||
                          (h->pending_type == HVM_EVENT_EXCEPTION &&
                           (h->pending_vector == TRAP_BP || h->pending_vector == TRAP_OF));

    if (!h->pending_valid || software)
        return (struct hvm_event){ .vector = -1 };
    return (struct hvm_event){ .vector = h->pending_vector,
                               .type = h->pending_type,
                               .has_error = h->pending_error_valid,
                               .error = h->pending_error_valid ? h->error_code : 0 };
}

int save_cpu_load(const struct save_rec *r, const void *in, size_t length)
{
    const struct hvm_hw_cpu *h = in;
    struct hvm_cpu *c = &r->v->arch.hvm->cpu;

    c->cr0 = h->cr0;
    c->cr2 = h->cr2;
    c->cr3 = h->cr3;
    c->cr4 = h->cr4;
    c->dr[0] = h->dr0;
    c->dr[1] = h->dr1;
    c->dr[2] = h->dr2;
    c->dr[3] = h->dr3;
    c->dr6 = (h->dr6 & DR6_BITS) | DR6_ONES;
    c->dr7 = (h->dr7 & ~DR7_ZEROS) | DR7_ONES;
    c->efer = h->msr_efer;
    c->tsc_aux = h->msr_tsc_aux;
    c->tsc_offset = h->tsc - r->host_tsc + hvm_tsc_lag(r->v);
    c->event = event_of(h);
    r->v->arch.hvm->halted = false; /* the format has no word for it: HLT ends early */
    load_state(r->v, h);
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        (void)!hvm_ops->set_msr(r->v, msrs[i].msr, get64(h, msrs[i].at));
    hvm_ops->update(r->v);
    return 0;
}

void save_cpu_commit(struct vcpu *v, const struct hvm_hw_cpu *in, bool has_xsave)
{
    if (!has_xsave)
        fpu_set_legacy(v, in->flags & XEN_X86_FPU_INITIALISED ? in->fpu_regs : NULL);
    v->is_initialised = true;
    vlapic_started(v);
    (void)!vcpu_up(v);
}
