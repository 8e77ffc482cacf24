/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core asks of the architecture about a domain or a vcpu, sent on to PV (pv/domain.c) or
 * HVM (hvm/domain.c, hvm/vcpu.c).
 */
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/pirq.h>
#include <arch/pv.h>
#include <arch/pv_mmu.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/platform.h>

bool arch_hvm_available(void) { return hvm_available(); }

/* --- domains ---------------------------------------------------------------------------------- */

int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    return is_pv(d) ? pv_domain_create(d, config) : hvm_domain_create(d, config);
}

void arch_domain_destroy(struct domain *d)
{
    if (is_pv(d))
        pv_domain_destroy(d);
    else
        hvm_domain_destroy(d);
    iommu_domain_free(d);
}

enum { STEP_SYNC, STEP_REST };

int arch_domain_relinquish(struct domain *d)
{
    struct vcpu *v;

    if (d->arch.relinquish_step == STEP_SYNC) {
        for_each_vcpu(d, v)
            arch_sync_vcpu(v); /* an idle cpu may have its state loaded */
        pirq_release(d);
        iommu_domain_teardown(d);
        d->arch.relinquish_step = STEP_REST;
    }
    return is_pv(d) ? pv_domain_relinquish(d) : hvm_domain_relinquish(d);
}

/* A domain that was never finished has no devices. */
void arch_domain_paused(struct domain *d)
{
    if (d->arch.hvm)
        viridian_freeze(d);
}

void arch_domain_unpaused(struct domain *d)
{
    if (d->arch.hvm)
        viridian_thaw(d);
}

/* --- vcpus ------------------------------------------------------------------------------------ */

int arch_vcpu_create(struct vcpu *v)
{
    v->dirty_cpu = -1;
    if (v->is_idle || v->domain == idle_domain)
        return 0;
    return is_pv(v->domain) ? pv_vcpu_create(v) : hvm_vcpu_create(v);
}

void arch_vcpu_destroy(struct vcpu *v)
{
    if (is_pv(v->domain))
        pv_vcpu_destroy(v);
    else
        hvm_vcpu_destroy(v);
}

/* v is down and not loaded anywhere: forget its context. */
void arch_vcpu_reset(struct vcpu *v)
{
    if (is_pv(v->domain))
        pv_vcpu_reset(v);
    else
        hvm_vcpu_forget(v);
}

int arch_vcpu_initialise(struct vcpu *v, uint64_t arg)
{
    return is_pv(v->domain) ? pv_vcpu_initialise(v, arg) : hvm_vcpu_initialise(v, arg);
}

void arch_event_upcall(struct vcpu *v) { hvm_upcall(v); }

bool arch_interrupt_pending(struct vcpu *v) { return hvm_int_pending(v).source != HVM_INT_NONE; }

static const char *mode_of(struct vcpu *v)
{
    if (is_pv(v->domain))
        return pv_kernel_mode(v) ? "kernel" : "user";
    return hvm_ops->cpl(v) == 3 ? "user" : "kernel";
}

/* What is at seg:offset, in words of 16 bits: code, and the stack of real mode as well. */
static void dump_words(struct vcpu *v, const char *what, const struct emul_segment *seg,
                       uint64_t offset)
{
    const bool flat = hvm_insn_mode(v) == INSN_LONG64;
    uint16_t w[16] = { 0 };
    struct hvm_fault f;

    if (hvm_copy_from_linear(v, w, flat ? offset : (uint32_t)(seg->base + offset), sizeof(w), 0,
                             &f) != HVM_COPY_OK) {
        log_info("  %s: not in memory", what);
        return;
    }
    log_info("  %s: %04x %04x %04x %04x %04x %04x %04x %04x %04x %04x %04x %04x %04x %04x %04x "
             "%04x", what, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10],
             w[11], w[12], w[13], w[14], w[15]);
}

static void dump_hvm(struct vcpu *v)
{
    const struct cpu_user_regs *r = v == current ? guest_regs() : &v->arch.regs;
    const struct hvm_cpu *c = &v->arch.hvm->cpu;
    struct emul_state s;

    hvm_ops->get_state(v, &s);
    log_info("  cr0 %08lx cr4 %08lx efer %04lx cpl %u, cs %04x base %#lx attr %03x, idt %#lx + %#x",
             (unsigned long)c->cr0, (unsigned long)c->cr4, (unsigned long)c->efer, s.cpl,
             s.seg[INSN_CS].selector, (unsigned long)s.seg[INSN_CS].base, s.seg[INSN_CS].attr,
             (unsigned long)s.idtr.base, s.idtr.limit);
    dump_words(v, "code", &s.seg[INSN_CS], r->rip);
    dump_words(v, "stack", &s.seg[INSN_SS], r->rsp);
    vtick_dump(v);
    vlapic_dump(v);
}

void arch_dump_vcpu(struct vcpu *v)
{
    const struct cpu_user_regs *r = v == current ? guest_regs() : &v->arch.regs;

    log_info("d%uv%u: %s rip %#06x:%016lx flags %08lx rsp %#06x:%016lx", v->domain->id, v->id,
             mode_of(v), r->cs, (unsigned long)r->rip,
             (unsigned long)r->rflags, r->ss, (unsigned long)r->rsp);
    log_info("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", (unsigned long)r->rax,
             (unsigned long)r->rbx, (unsigned long)r->rcx, (unsigned long)r->rdx);
    log_info("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", (unsigned long)r->rsi,
             (unsigned long)r->rdi, (unsigned long)r->rbp, (unsigned long)r->r8);
    log_info("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", (unsigned long)r->r9,
             (unsigned long)r->r10, (unsigned long)r->r11, (unsigned long)r->r12);
    log_info("  r13 %016lx r14 %016lx r15 %016lx cr3 %016lx", (unsigned long)r->r13,
             (unsigned long)r->r14, (unsigned long)r->r15,
             (unsigned long)(is_pv(v->domain) ? v->arch.cr3 : v->arch.hvm->cpu.cr3));
    if (is_hvm(v->domain))
        dump_hvm(v);
}
