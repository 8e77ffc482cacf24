/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of an HVM vcpu: made, reset, started by INIT and SIPI or with a whole context, and its
 * TSC. AMD APM vol. 2 §14.1.3 "Processor Initialization State".
 */
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/hvm_io.h>
#include <arch/ioreq.h>
#include <arch/msr.h>
#include <arch/regs.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <lib/string.h>
#include <xen/domctl.h>
#include <xen/hvm/hvm_vcpu.h>

#define REAL_DATA (EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_WRITABLE | EMUL_ATTR_ACCESSED)
#define REAL_CODE (REAL_DATA | EMUL_ATTR_CODE)
#define TYPE_LDT 2U
#define TYPE_TSS_BUSY 11U
#define DR6_RESET 0xffff0ff0ULL
#define DR7_RESET 0x400ULL
#define RESET_CS 0xf000U
#define RESET_BASE 0xffff0000ULL
#define RESET_RIP 0xfff0U
#define RESET_EDX 0x600U /* family 6 */
#define NO_SIPI 0x100U  /* hvm_vcpu.sipi: none came yet */
#define NO_WAIT 0x101U  /* the first processor needs none: it starts again */

struct cpu_user_regs *hvm_regs(struct vcpu *v)
{
    return v == current ? guest_regs() : &v->arch.regs;
}

/* --- reset ------------------------------------------------------------------------------------ */

static const struct emul_segment reset_tr = { .limit = 0xffff,
                                              .attr = EMUL_ATTR_P | TYPE_TSS_BUSY };

static void reset_segments(struct vcpu *v, uint16_t cs, uint64_t cs_base)
{
    const struct emul_segment data = { .limit = 0xffff, .attr = REAL_DATA };
    const struct emul_segment code = {
        .base = cs_base, .limit = 0xffff, .selector = cs, .attr = REAL_CODE
    };
    const struct emul_segment ldtr = { .limit = 0xffff, .attr = EMUL_ATTR_P | TYPE_LDT };
    struct emul_state s = {
        .rflags = X86_EFLAGS_MBS, .tr = reset_tr, .gdtr = { 0, 0xffff }, .idtr = { 0, 0xffff }
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(s.seg); i++)
        s.seg[i] = i == INSN_CS ? code : data;
    s.ldtr = ldtr;
    s.gpr[2] = RESET_EDX;
    hvm_ops->set_state(v, &s);
}

/* As INIT leaves it. FPU, MTRRs and MSRs stay. */
static void init_state(struct vcpu *v, uint16_t cs, uint64_t cs_base, uint64_t rip)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;

    c->cr0 = X86_CR0_ET;
    c->cr2 = c->cr3 = c->cr4 = 0;
    c->efer = 0;
    memset(c->dr, 0, sizeof(c->dr));
    c->dr6 = DR6_RESET;
    c->dr7 = DR7_RESET;
    c->event.vector = -1;
    v->nmi_pending = false;
    v->arch.hvm->halted = false;
    hvm_io_forget(v);
    emul_cancel(&v->arch.hvm->emul);
    reset_segments(v, cs, cs_base);
    hvm_regs(v)->rip = rip;
    hvm_ops->set_shadow(v, false);
    hvm_ops->update(v);
    hvm_ops->forget_tlb(v);
}

/* --- INIT and SIPI ---------------------------------------------------------------------------- */

/*
 * From another vcpu, or its own: it stops, and takes its new state itself before it enters the
 * guest again (hvm_vcpu_apply_init), when SIPI has brought it up. It may be on its way to the guest
 * and not yet see VPF_DOWN, so what keeps it out is init_pending.
 */
void hvm_vcpu_reset(struct vcpu *v)
{
    write_once(v->arch.hvm->sipi, v->id == 0 ? NO_WAIT : NO_SIPI);
    __atomic_store_n(&v->arch.hvm->init_pending, true, __ATOMIC_RELEASE);
    if (v->id == 0) {
        vcpu_kick(v);
        vcpu_unblock(v);
        return;
    }
    vcpu_park(v);
}

void hvm_vcpu_sipi(struct vcpu *v, uint8_t vector)
{
    write_once(v->arch.hvm->sipi, vector);
    __atomic_store_n(&v->arch.hvm->init_pending, true, __ATOMIC_RELEASE);
    v->is_initialised = true;
    (void)vcpu_up(v);
}

bool hvm_vcpu_apply_init(struct vcpu *v)
{
    struct hvm_vcpu *h = v->arch.hvm;
    uint32_t sipi;

    if (likely(!__atomic_load_n(&h->init_pending, __ATOMIC_ACQUIRE)))
        return true;
    sipi = read_once(h->sipi);
    if (sipi == NO_SIPI) {
        softirq_raise(SOFTIRQ_SCHEDULE); /* it is being taken down */
        return false;
    }
    write_once(h->init_pending, false);
    if (sipi < NO_SIPI)
        init_state(v, (uint16_t)(sipi << 8), (uint64_t)sipi << 12, 0);
    else
        init_state(v, RESET_CS, RESET_BASE, RESET_RIP);
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

int hvm_vcpu_create(struct vcpu *v)
{
    int rc = fpu_vcpu_create(v);

    if (rc)
        return rc;
    rc = hvm_vcpu_devices_create(v);
    if (rc)
        goto free_fpu;
    rc = hvm_ops->vcpu_create(v);
    if (rc)
        goto free_devices;
    rc = hvm_ioreq_vcpu_init(v);
    if (rc)
        goto free_extension;
    hvm_emulate_init(v);
    v->arch.hvm->sipi = NO_SIPI;
    v->arch.regs = (struct cpu_user_regs){ .rflags = X86_EFLAGS_MBS };
    hvm_msr_reset(v);
    init_state(v, RESET_CS, RESET_BASE, RESET_RIP);
    return 0;

free_extension:
    hvm_ops->vcpu_destroy(v);
free_devices:
    hvm_vcpu_devices_destroy(v);
free_fpu:
    fpu_vcpu_destroy(v);
    return rc;
}

void hvm_vcpu_destroy(struct vcpu *v)
{
    if (!v->arch.hvm)
        return;
    hvm_ioreq_vcpu_exit(v);
    hvm_ops->vcpu_destroy(v);
    hvm_vcpu_devices_destroy(v);
    fpu_vcpu_destroy(v);
}

void hvm_vcpu_forget(struct vcpu *v)
{
    arch_sync_vcpu(v);
    init_state(v, RESET_CS, RESET_BASE, RESET_RIP);
    fpu_set_legacy(v, NULL);
    v->is_initialised = false;
}

/* --- VCPUOP_initialise ------------------------------------------------------------------------ */

#define FLAT_LIMIT 0xffffffffU
#define FLAT_ATTR \
    (EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_WRITABLE | EMUL_ATTR_ACCESSED | EMUL_ATTR_G)

/* public hvm/hvm_vcpu.h: attributes as in a VMCB, limits in bytes. */
static struct emul_segment segment32(uint32_t base, uint32_t limit, uint16_t attr)
{
    return (struct emul_segment){ .base = base, .limit = limit, .attr = attr & 0xfff };
}

static int set_32bit(struct vcpu *v, const struct vcpu_hvm_x86_32 *r)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;
    struct emul_state s = {
        .gpr = { r->eax, r->ecx, r->edx, r->ebx, r->esp, r->ebp, r->esi, r->edi },
        .rip = r->eip,
        .rflags = r->eflags | X86_EFLAGS_MBS,
        .tr = segment32(r->tr_base, r->tr_limit, r->tr_ar),
        .gdtr = { 0, 0xffff },
        .idtr = { 0, 0xffff },
    };

    if (!hvm_control_valid(v, r->cr0 | X86_CR0_ET, r->cr4, r->efer) || (r->efer & EFER_LMA) ||
        !(r->cs_ar & EMUL_ATTR_P) || !(r->tr_ar & EMUL_ATTR_P))
        return -EINVAL;
    s.seg[INSN_CS] = segment32(r->cs_base, r->cs_limit, r->cs_ar);
    s.seg[INSN_DS] = segment32(r->ds_base, r->ds_limit, r->ds_ar);
    s.seg[INSN_SS] = segment32(r->ss_base, r->ss_limit, r->ss_ar);
    s.seg[INSN_ES] = segment32(r->es_base, r->es_limit, r->es_ar);
    s.seg[INSN_FS] = s.seg[INSN_GS] = segment32(0, 0, 0);
    s.cpl = (uint8_t)(r->ss_ar >> 5 & 3);
    hvm_ops->set_state(v, &s);
    c->cr0 = r->cr0 | X86_CR0_ET;
    c->cr3 = r->cr3;
    c->cr4 = r->cr4;
    c->efer = r->efer;
    return 0;
}

static int set_64bit(struct vcpu *v, const struct vcpu_hvm_x86_64 *r)
{
    const struct emul_segment data = { .limit = FLAT_LIMIT, .attr = FLAT_ATTR | EMUL_ATTR_DB };
    const struct emul_segment code = {
        .limit = FLAT_LIMIT, .attr = FLAT_ATTR | EMUL_ATTR_CODE | EMUL_ATTR_L
    };
    struct hvm_cpu *c = &v->arch.hvm->cpu;
    struct emul_state s = {
        .gpr = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi },
        .rip = r->rip,
        .rflags = r->rflags | X86_EFLAGS_MBS,
        .tr = reset_tr,
        .gdtr = { 0, 0xffff },
        .idtr = { 0, 0xffff },
    };

    if (!hvm_control_valid(v, r->cr0 | X86_CR0_ET, r->cr4, r->efer) || !(r->efer & EFER_LMA) ||
        r->cr3 >> p2m_gpa_bits())
        return -EINVAL;
    for (unsigned int i = 0; i < ARRAY_SIZE(s.seg); i++)
        s.seg[i] = i == INSN_CS ? code : data;
    hvm_ops->set_state(v, &s);
    c->cr0 = r->cr0 | X86_CR0_ET;
    c->cr3 = r->cr3;
    c->cr4 = r->cr4;
    c->efer = r->efer;
    return 0;
}

int hvm_vcpu_initialise(struct vcpu *v, uint64_t arg)
{
    struct vcpu_hvm_context ctx;
    int rc;

    if (guest_read(&ctx, arg, sizeof(ctx)))
        return -EFAULT;
    if (ctx.mode != VCPU_HVM_MODE_32B && ctx.mode != VCPU_HVM_MODE_64B)
        return -EINVAL;
    init_state(v, 0, 0, 0);
    rc = ctx.mode == VCPU_HVM_MODE_32B ? set_32bit(v, &ctx.cpu_regs.x86_32)
                                       : set_64bit(v, &ctx.cpu_regs.x86_64);
    if (rc)
        return rc;
    hvm_ops->update(v);
    write_once(v->arch.hvm->init_pending, false);
    vlapic_started(v);
    v->is_initialised = true;
    return 0;
}

/* Public hvm/start_info.h: flat 32-bit segments, no paging, ebx has the start information. */
void hvm_vcpu_start_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    const uint16_t data = 0xc93, code = 0xc9b, tss = 0x8b; /* attributes as in a VMCB */
    const struct vcpu_hvm_x86_32 r = {
        .ebx = start_info, .eip = entry, .cr0 = X86_CR0_PE,
        .cs_limit = FLAT_LIMIT, .cs_ar = code, .ds_limit = FLAT_LIMIT, .ds_ar = data,
        .es_limit = FLAT_LIMIT, .es_ar = data, .ss_limit = FLAT_LIMIT, .ss_ar = data,
        .tr_limit = 0x67, .tr_ar = tss,
    };

    init_state(v, 0, 0, 0);
    BUG_ON(set_32bit(v, &r));
    hvm_ops->update(v);
    v->is_initialised = true;
}

/* --- time ------------------------------------------------------------------------------------- */

uint64_t hvm_guest_tsc(const struct vcpu *v)
{
    const bool emulated = v->domain->arch.hvm->tsc.emulated;

    return hvm_tsc_at(v, rdtsc(), emulated ? time_now() : 0);
}

uint32_t hvm_tsc_khz(const struct domain *d)
{
    const uint32_t khz = d->arch.hvm->tsc.khz;

    return khz ? khz : time_tsc_khz();
}

uint32_t hvm_guest_tsc_khz(const struct vcpu *v) { return hvm_tsc_khz(v->domain); }

bool hvm_tsc_is_native(const struct domain *d)
{
    return !d->arch.hvm->tsc.emulated && time_tsc_is_stable();
}

/* Not of the caller's own domain. */
int hvm_tsc_set(struct domain *d, const struct xen_domctl_tsc_info *info)
{
    const struct tsc_machine m = { .khz = time_tsc_khz(), .stable = time_tsc_is_stable(),
                                   .scales = hvm_ops->scales_tsc && hvm_ops->scales_tsc() };
    struct vcpu *v;
    int rc;

    domain_pause(d);
    rc = hvm_tsc_choose(d, info, &m, time_now());
    for_each_vcpu (d, v)
        if (rc == 0 && v->arch.hvm)
            hvm_ops->update(v);
    domain_unpause(d);
    return rc;
}
