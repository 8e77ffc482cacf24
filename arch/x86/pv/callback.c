/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a PV guest's kernel is entered: trap table, callbacks, kernel stack. public arch-x86/xen.h,
 * "set_trap_table"; public callback.h.
 */
#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/pt.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/softirq.h>
#include <lib/string.h>

#define TRAP_FLAGS 7

void pv_set_trap(struct vcpu *v, struct trap_info t)
{
    t.cs = pv_kernel_selector(v->domain, t.cs);
    t.flags &= TRAP_FLAGS;
    v->arch.pv.trap[t.vector] = t;
}

long hc_set_trap_table(struct vcpu *v, const uint64_t arg[])
{
    if (arg[0] == 0) {
        memset(v->arch.pv.trap, 0, sizeof(v->arch.pv.trap));
        return 0;
    }
    for (uint64_t i = 0;; i++) {
        struct trap_info t;

        if (i > 0 && preempt_wanted())
            return hypercall_continue(v, 1, arg_elem(arg[0], i, &t));
        if (copy_arg_i(&t, arg[0], i))
            return -EFAULT;
        if (t.address == 0)
            return 0;
        if (!is_canonical(t.address))
            return -EINVAL;
        pv_set_trap(v, t);
    }
}

/*
 * The public constants name struct offsets: type to place, and whether CALLBACKF_mask_events has a
 * say.
 */
static struct pv_callback *callback_of(struct vcpu *v, uint16_t type, bool *honours_flag)
{
    struct pv_vcpu *pv = &v->arch.pv;

    *honours_flag = true;
    switch (type) {
    case CALLBACKTYPE_event:
        *honours_flag = false;
        return &pv->event;
    case CALLBACKTYPE_failsafe:
        return &pv->failsafe;
    case CALLBACKTYPE_syscall:
        return &pv->syscall;
    case CALLBACKTYPE_syscall32:
        return &pv->syscall32;
    case CALLBACKTYPE_sysenter:
        return &pv->sysenter;
    default:
        return NULL;
    }
}

/* What a callback is entered with: a 32-bit guest has a say. */
static uint16_t kernel_cs(const struct vcpu *v, uint16_t given)
{
    return domain_is_32bit(v->domain) ? pv_kernel_selector(v->domain, given) : FLAT_CS64;
}

static void set_nmi(struct vcpu *v, uint16_t cs, uint64_t address)
{
    struct trap_info t = { .vector = TRAP_NMI, .cs = cs, .address = address };

    TI_SET_IF(&t, 1);
    pv_set_trap(v, t);
}

static long callback_register(struct vcpu *v, uint64_t uarg)
{
    struct callback_arg r;
    struct pv_callback *cb;
    bool honours_flag;

    if (copy_arg(&r, uarg))
        return -EFAULT;
    if (!is_canonical(r.address))
        return -EINVAL;
    if (r.type == CALLBACKTYPE_nmi) {
        set_nmi(v, kernel_cs(v, (uint16_t)r.cs), r.address);
        return 0;
    }
    cb = callback_of(v, r.type, &honours_flag);
    if (!cb)
        return -ENOSYS;
    cb->address = r.address;
    cb->cs = kernel_cs(v, (uint16_t)r.cs);
    cb->mask_events = !honours_flag || (r.flags & CALLBACKF_mask_events);
    return 0;
}

static long callback_unregister(struct vcpu *v, uint64_t uarg)
{
    struct callback_unregister r;

    if (copy_arg(&r, uarg))
        return -EFAULT;
    switch (r.type) {
    case CALLBACKTYPE_event: /* these can only be replaced */
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter:
        return -EINVAL;
    case CALLBACKTYPE_nmi:
        set_nmi(v, 0, 0);
        return 0;
    default:
        return -ENOSYS;
    }
}

long hc_callback_op(struct vcpu *v, const uint64_t arg[])
{
    switch (arg[0]) {
    case CALLBACKOP_register:
        return callback_register(v, arg[1]);
    case CALLBACKOP_unregister:
        return callback_unregister(v, arg[1]);
    default:
        return -ENOSYS;
    }
}

long hc_set_callbacks(struct vcpu *v, const uint64_t arg[])
{
    struct pv_vcpu *pv = &v->arch.pv;

    if (!is_canonical(arg[0]) || !is_canonical(arg[1]) || !is_canonical(arg[2]))
        return -EINVAL;
    pv->event = (struct pv_callback){ .address = arg[0], .mask_events = true };
    pv->failsafe.address = arg[1];
    pv->syscall.address = arg[2];
    return 0;
}

long hc_nmi_op(struct vcpu *v, const uint64_t arg[])
{
    struct xennmi_callback cb;

    switch (arg[0]) {
    case XENNMI_register_callback:
        if (copy_arg(&cb, arg[1]))
            return -EFAULT;
        if (v->id != 0 || !is_canonical(cb.handler_address))
            return -EINVAL;
        set_nmi(v, kernel_cs(v, PV32_RING1_CS), cb.handler_address);
        return 0;
    case XENNMI_unregister_callback:
        set_nmi(v, 0, 0);
        return 0;
    default:
        return -ENOSYS;
    }
}

long hc_stack_switch(struct vcpu *v, const uint64_t arg[])
{
    v->arch.pv.kernel_ss = pv_kernel_selector(v->domain, (uint16_t)arg[0]);
    v->arch.pv.kernel_sp = arg[1];
    return 0;
}

long hc_fpu_taskswitch(struct vcpu *v, const uint64_t arg[])
{
    if (arg[0]) {
        v->arch.pv.cr0_ts = X86_CR0_TS;
        write_cr0(read_cr0() | X86_CR0_TS);
    } else {
        v->arch.pv.cr0_ts = 0;
        clts();
    }
    return 0;
}
