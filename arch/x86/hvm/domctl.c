/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: what only HVM domains have, and what they have in another form than PV ones. public
 * domctl.h. The domain is paused meanwhile, and a vcpu whose state a cpu still has lets go of it.
 *
 * Not here, and -ENOSYS: altp2m, memory sharing, vm_event, debugging by gdbsx.
 */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/hvm_pt.h>
#include <arch/hvm_save.h>
#include <arch/hypercall_page.h>
#include <arch/msr.h>
#include <arch/pv.h>
#include <arch/xstate.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/vcpu.h>
#include <lib/string.h>
#include <xen/domctl.h>

#include "save_priv.h"

#define PAGES_TO_MB_SHIFT (20 - PAGE_SHIFT)

/* --- MSRs ------------------------------------------------------------------------------------- */

/* What Xen's list has and guests have here; only what is not 0 is handed out. */
static const uint32_t msr_list[] = { MSR_SPEC_CTRL, MSR_MISC_FEATURES, MSR_TSC_AUX };

static long get_msrs(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
    uint32_t n = 0;

    if (handle_is_null(m->msrs)) {
        m->msr_count = ARRAY_SIZE(msr_list);
        return 0;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(msr_list); i++) {
        struct xen_domctl_vcpu_msr e = { .index = msr_list[i] };
        uint64_t val;

        if (hvm_rdmsr(v, msr_list[i], &val) || val == 0)
            continue;
        e.value = val;
        if (n >= m->msr_count)
            return -ENOBUFS;
        if (guest_write(guest_elem(handle_addr(m->msrs), n++, sizeof(e)), &e, sizeof(e)))
            return -EFAULT;
    }
    m->msr_count = n;
    return 0;
}

static bool is_listed(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(msr_list); i++)
        if (msr_list[i] == msr)
            return true;
    return false;
}

static long set_msrs(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    const struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;

    if (m->msr_count > ARRAY_SIZE(msr_list))
        return -EINVAL;
    for (uint32_t i = 0; i < m->msr_count; i++) {
        struct xen_domctl_vcpu_msr e;

        if (guest_read(&e, guest_elem(handle_addr(m->msrs), i, sizeof(e)), sizeof(e)))
            return -EFAULT;
        if (e.reserved || !is_listed(e.index) || hvm_wrmsr(v, e.index, e.value))
            return -EINVAL;
    }
    return 0;
}

/* --- the paging pool -------------------------------------------------------------------------- */

static long get_pool_size(struct domain *d, struct xen_domctl *op)
{
    op->u.paging_mempool.size = (uint64_t)read_once(d->arch.hvm->p2m.pool) << PAGE_SHIFT;
    return 0;
}

static long set_pool_size(struct domain *d, struct xen_domctl *op)
{
    if (op->u.paging_mempool.size & PAGE_OFFSET_MASK)
        return -EINVAL;
    return p2m_set_pool(d, op->u.paging_mempool.size >> PAGE_SHIFT);
}

static long shadow_op(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_shadow_op *s = &op->u.shadow_op;

    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        s->mb = (uint32_t)DIV_ROUND_UP(read_once(d->arch.hvm->p2m.pool), 1U << PAGES_TO_MB_SHIFT);
        return 0;
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        return p2m_set_pool(d, (uint64_t)s->mb << PAGES_TO_MB_SHIFT);
    case XEN_DOMCTL_SHADOW_OP_OFF:
    case XEN_DOMCTL_SHADOW_OP_ENABLE:
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        return p2m_log_op(d, s);
    default:
        return -EINVAL;
    }
}

/* --- others ----------------------------------------------------------------------------------- */

static long hypercall_init(struct domain *d, struct xen_domctl *op)
{
    return hypercall_page_write(d, _gfn(op->u.hypercall_init.gmfn));
}

static long press(struct domain *d, void (*button)(struct domain *d))
{
    if (!(d->arch.hvm->emulation & XEN_X86_EMU_PM))
        return -EINVAL; /* PVH guests have no buttons */
    button(d);
    return 0;
}

static long send_trigger(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

    switch (op->u.sendtrigger.trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        if (!v)
            return -ESRCH;
        vcpu_send_nmi(v);
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER:
        return press(d, vpm_power_button);
    case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        return press(d, vpm_sleep_button);
    default:
        return -ENOSYS;
    }
}

static long get_page_info(struct domain *d, struct xen_domctl *op)
{
    return pv_get_page_info(d, op);
}

/* --- devices of the machine's ----------------------------------------------------------------- */

static long memory_mapping(struct domain *d, struct xen_domctl *op)
{
    return hvm_pt_map_memory(d, &op->u.memory_mapping);
}

static long ioport_mapping(struct domain *d, struct xen_domctl *op)
{
    return hvm_pt_map_ports(d, &op->u.ioport_mapping);
}

static long bind_pt_irq(struct domain *d, struct xen_domctl *op)
{
    return hvm_pt_bind(d, &op->u.bind_pt_irq);
}

static long unbind_pt_irq(struct domain *d, struct xen_domctl *op)
{
    return hvm_pt_unbind(d, &op->u.bind_pt_irq);
}

/* --- the tables ------------------------------------------------------------------------------- */

static const struct {
    uint32_t cmd;
    long (*fn)(struct domain *d, struct xen_domctl *op);
    bool copy_back, not_own; /* not_own: nothing that a domain can do to itself */
} domain_ops[] = {
    { XEN_DOMCTL_gethvmcontext, hvm_ctx_get, true, true },
    { XEN_DOMCTL_gethvmcontext_partial, hvm_ctx_get_partial, true, true },
    { XEN_DOMCTL_sethvmcontext, hvm_ctx_set, false, true },
    { XEN_DOMCTL_shadow_op, shadow_op, true, true },
    { XEN_DOMCTL_get_paging_mempool_size, get_pool_size, true, false },
    { XEN_DOMCTL_set_paging_mempool_size, set_pool_size, false, true },
    { XEN_DOMCTL_hypercall_init, hypercall_init, false, false },
    { XEN_DOMCTL_getpageframeinfo3, get_page_info, false, false },
    { XEN_DOMCTL_sendtrigger, send_trigger, false, false },
    { XEN_DOMCTL_memory_mapping, memory_mapping, false, true },
    { XEN_DOMCTL_ioport_mapping, ioport_mapping, false, true },
    { XEN_DOMCTL_bind_pt_irq, bind_pt_irq, false, true },
    { XEN_DOMCTL_unbind_pt_irq, unbind_pt_irq, false, true },
};

/* Their arguments start with the vcpu's number; it does not run meanwhile. */
_Static_assert(offsetof(struct xen_domctl_vcpucontext, vcpu) == 0 &&
                   offsetof(struct xen_domctl_vcpuextstate, vcpu) == 0 &&
                   offsetof(struct xen_domctl_vcpu_msrs, vcpu) == 0,
               "public domctl.h");

static const struct {
    uint32_t cmd;
    long (*fn)(struct domain *d, struct vcpu *v, struct xen_domctl *op);
    bool copy_back;
} vcpu_ops[] = {
    { XEN_DOMCTL_getvcpucontext, hvm_context_get, false },
    { XEN_DOMCTL_setvcpucontext, hvm_context_set, false },
    { XEN_DOMCTL_getvcpuextstate, xstate_domctl_get, true },
    { XEN_DOMCTL_setvcpuextstate, xstate_domctl_set, false },
    { XEN_DOMCTL_get_vcpu_msrs, get_msrs, true },
    { XEN_DOMCTL_set_vcpu_msrs, set_msrs, false },
};

static long vcpu_op(struct domain *d, struct xen_domctl *op, unsigned int i)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    long rc;

    if (!v)
        return -ESRCH;
    if (d == current->domain)
        return -EINVAL; /* its registers are not in memory */
    domain_pause(d);
    arch_sync_vcpu(v);
    rc = vcpu_ops[i].fn(d, v, op);
    domain_unpause(d);
    return rc;
}

long hvm_domctl(struct domain *d, struct xen_domctl *op, bool *copy_back)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(domain_ops); i++) {
        if (domain_ops[i].cmd != op->cmd)
            continue;
        if (domain_ops[i].not_own && d == current->domain)
            return -EINVAL;
        *copy_back = domain_ops[i].copy_back;
        return domain_ops[i].fn(d, op);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(vcpu_ops); i++) {
        if (vcpu_ops[i].cmd != op->cmd)
            continue;
        *copy_back = vcpu_ops[i].copy_back;
        return vcpu_op(d, op, i);
    }
    return -ENOSYS;
}
