/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One vcpu and a stand-in for the extension that runs it, for tests of what lies above that: it
 * keeps segments and state, and notes what it was asked for.
 */
#ifndef HOST_HVM_VCPU_H
#define HOST_HVM_VCPU_H

#include <arch/hvm.h>
#include <arch/policy.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <string.h>

#include "cpu/policy_priv.h"

static struct {
    struct domain d;
    struct vcpu v;
    struct hvm_domain hd;
    struct hvm_vcpu hv;
    struct cpu_policy policy;
    struct emul_segment seg[8];
    struct cpu_user_regs regs;
    unsigned int updates, flushes, windows, nmi_windows, triple_faults;
    struct hvm_event injected;
    unsigned int nr_injected;
    bool shadow, nmi_masked;
} hw;

static void hw_get_segment(struct vcpu *v, unsigned int seg, struct emul_segment *s)
{
    *s = hw.seg[seg];
}
static unsigned int hw_cpl(struct vcpu *v) { return hw.seg[INSN_SS].attr >> 5 & 3; }
static void hw_update(struct vcpu *v) { hw.updates++; }
static void hw_forget(struct vcpu *v) { hw.flushes++; }

static bool hw_can_take(struct vcpu *v, bool nmi)
{
    if (hw.shadow)
        return false;
    return nmi ? !hw.nmi_masked : (hw.regs.rflags & X86_EFLAGS_IF) != 0;
}

static void hw_window(struct vcpu *v, bool nmi)
{
    hw.windows += !nmi;
    hw.nmi_windows += nmi;
}

static void hw_inject(struct vcpu *v, const struct hvm_event *e)
{
    hw.injected = *e;
    hw.nr_injected++;
    if (e->type == HVM_EVENT_NMI)
        hw.nmi_masked = true;
}

static void hw_set_shadow(struct vcpu *v, bool on) { hw.shadow = on; }

static const struct hvm_ops hw_ops = {
    .name = "test",
    .get_segment = hw_get_segment,
    .cpl = hw_cpl,
    .update = hw_update,
    .forget_tlb = hw_forget,
    .can_take = hw_can_take,
    .want_window = hw_window,
    .inject = hw_inject,
    .set_shadow = hw_set_shadow,
};

struct cpu_user_regs *hvm_regs(struct vcpu *v) { return &hw.regs; }

/* After reset, with all features that the ABI knows of. */
static void hw_start(void)
{
    memset(&hw, 0, sizeof(hw));
    hw.d.kind = 2;
    hw.d.arch.hvm = &hw.hd;
    hw.d.arch.policy = &hw.policy;
    hw.v.domain = &hw.d;
    hw.v.arch.hvm = &hw.hv;
    hw.hv.cpu.cr0 = X86_CR0_ET;
    hw.hv.cpu.event.vector = -1;
    hw.regs.rflags = X86_EFLAGS_MBS;
    hw.seg[INSN_CS].attr = EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_CODE;
    memset(&hw.policy, 0xff, sizeof(hw.policy));
    hvm_ops = &hw_ops;
}

#endif
