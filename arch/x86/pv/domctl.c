/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: whole contexts of a PV vcpu, for building, saving and restoring. The domain is paused
 * meanwhile, and a vcpu whose state an idle cpu still has lets go of it. public domctl.h.
 */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/hypercall_page.h>
#include <arch/msr.h>
#include <arch/pt.h>
#include <arch/pv.h>
#include <arch/pv_hypercall.h>
#include <arch/xstate.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <xen/domctl.h>

#define MAX_MSRS 2

/* --- vcpu_guest_context ----------------------------------------------------------------------- */

/* NULL takes the vcpu down and forgets its context. */
static long load_context(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    const uint64_t from = handle_addr(op->u.vcpucontext.ctxt);
    const unsigned int order = order_of_size(sizeof(struct vcpu_guest_context));
    struct vcpu_guest_context *c;
    bool online;
    int rc;

    if (from == 0) {
        arch_vcpu_reset(v);
        return 0;
    }
    if (domain_is_32bit(d)) {
        rc = pv32_context_from(v, from, &online);
        return rc == 0 && online ? vcpu_up(v) : rc;
    }
    c = hv_page_alloc(order);
    if (!c)
        return -ENOMEM;
    rc = guest_read(c, from, sizeof(*c)) ? -EFAULT : pv_set_context(v, c);
    if (rc == 0 && (c->flags & VGCF_online))
        rc = vcpu_up(v);
    hv_page_free(c, order);
    return rc;
}

/* Builders clear shared_info before this, and the time of day with it. */
static long set_context(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    long rc = load_context(d, v, op);

    if (rc == 0 && v->id == 0)
        time_update_wallclock(d);
    return rc;
}

static long get_context(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    const unsigned int order = order_of_size(sizeof(struct vcpu_guest_context));
    struct vcpu_guest_context *c;
    long rc;

    if (!v->is_initialised)
        return -ENODATA;
    if (domain_is_32bit(d))
        return pv32_context_to(v, handle_addr(op->u.vcpucontext.ctxt));
    c = hv_page_alloc(order);
    if (!c)
        return -ENOMEM;
    pv_get_context(v, c);
    rc = guest_write(handle_addr(op->u.vcpucontext.ctxt), c, sizeof(*c)) ? -EFAULT : 0;
    hv_page_free(c, order);
    return rc;
}

/* --- what it has no room for: 32-bit system calls --------------------------------------------- */

#define EXT_SIZE_MIN (offsetof(struct xen_domctl_ext_vcpucontext, sysenter_disables_events) + 1)

static long set_ext_context(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    const struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;

    if (e->size < EXT_SIZE_MIN || !is_canonical(e->syscall32_callback_eip) ||
        !is_canonical(e->sysenter_callback_eip))
        return -EINVAL;
    v->arch.pv.syscall32 = (struct pv_callback){
        .address = e->syscall32_callback_eip,
        .mask_events = e->syscall32_disables_events,
        .cs = pv_kernel_selector(d, e->syscall32_callback_cs),
    };
    v->arch.pv.sysenter = (struct pv_callback){
        .address = e->sysenter_callback_eip,
        .mask_events = e->sysenter_disables_events,
        .cs = pv_kernel_selector(d, e->sysenter_callback_cs),
    };
    return 0;
}

static long get_ext_context(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
    const bool narrow = domain_is_32bit(d);

    *e = (struct xen_domctl_ext_vcpucontext){
        .vcpu = e->vcpu,
        .size = sizeof(*e),
        .syscall32_callback_eip = v->arch.pv.syscall32.address,
        .sysenter_callback_eip = v->arch.pv.sysenter.address,
        .syscall32_callback_cs = narrow ? v->arch.pv.syscall32.cs : FLAT_CS64,
        .sysenter_callback_cs = narrow ? v->arch.pv.sysenter.cs : FLAT_CS64,
        .syscall32_disables_events = v->arch.pv.syscall32.mask_events,
        .sysenter_disables_events = v->arch.pv.sysenter.mask_events,
    };
    return 0;
}

/* --- MSRs ------------------------------------------------------------------------------------- */

static uint64_t *msr_field(struct vcpu *v, uint32_t msr)
{
    switch (msr) {
    case MSR_MISC_FEATURES: return &v->arch.pv.misc_features;
    case MSR_TSC_AUX: return &v->arch.pv.tsc_aux;
    default: return NULL;
    }
}

/* Only those that are not 0, which is what a new vcpu has. */
static long get_msrs(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    static const uint32_t known[MAX_MSRS] = { MSR_MISC_FEATURES, MSR_TSC_AUX };
    struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
    uint32_t n = 0;

    if (handle_is_null(m->msrs)) {
        m->msr_count = MAX_MSRS;
        return 0;
    }
    for (unsigned int i = 0; i < MAX_MSRS; i++) {
        const struct xen_domctl_vcpu_msr e = {
            .index = known[i], .value = *msr_field(v, known[i])
        };

        if (e.value == 0)
            continue;
        if (n >= m->msr_count)
            return -ENOBUFS;
        if (guest_write(guest_elem(handle_addr(m->msrs), n++, sizeof(e)), &e, sizeof(e)))
            return -EFAULT;
    }
    m->msr_count = n;
    return 0;
}

static long set_msrs(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    const struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;

    if (m->msr_count > MAX_MSRS)
        return -EINVAL;
    for (uint32_t i = 0; i < m->msr_count; i++) {
        struct xen_domctl_vcpu_msr e;
        uint64_t *field;

        if (guest_read(&e, guest_elem(handle_addr(m->msrs), i, sizeof(e)), sizeof(e)))
            return -EFAULT;
        field = msr_field(v, e.index);
        if (!field || e.reserved || e.value >> 32 || (e.index == MSR_MISC_FEATURES && e.value > 1))
            return -EINVAL;
        *field = e.value;
    }
    return 0;
}

/* --- hypercall page --------------------------------------------------------------------------- */

static long hypercall_init(struct domain *d, const struct xen_domctl *op)
{
    return hypercall_page_write(d, _gfn(op->u.hypercall_init.gmfn));
}

/* --- triggers --------------------------------------------------------------------------------- */

/* Buttons are a matter of ACPI, which a PV guest has not; INIT and RESET nobody has. */
static long send_trigger(struct domain *d, const struct xen_domctl *op)
{
    const struct xen_domctl_sendtrigger *t = &op->u.sendtrigger;
    struct vcpu *v;

    v = domain_vcpu(d, t->vcpu);
    if (!v)
        return -ESRCH;
    switch (t->trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        vcpu_send_nmi(v);
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER:
    case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        return -EINVAL;
    default:
        return -ENOSYS;
    }
}

/* --- the table -------------------------------------------------------------------------------- */

typedef long vcpu_domctl(struct domain *d, struct vcpu *v, struct xen_domctl *op);

/* All of their arguments start with the vcpu's number. */
_Static_assert(offsetof(struct xen_domctl_vcpucontext, vcpu) == 0 &&
                   offsetof(struct xen_domctl_ext_vcpucontext, vcpu) == 0 &&
                   offsetof(struct xen_domctl_vcpuextstate, vcpu) == 0 &&
                   offsetof(struct xen_domctl_vcpu_msrs, vcpu) == 0,
               "public domctl.h");

static const struct {
    uint32_t cmd;
    vcpu_domctl *fn;
    bool copy_back;
} ops[] = {
    { XEN_DOMCTL_setvcpucontext, set_context, false },
    { XEN_DOMCTL_getvcpucontext, get_context, false },
    { XEN_DOMCTL_set_ext_vcpucontext, set_ext_context, false },
    { XEN_DOMCTL_get_ext_vcpucontext, get_ext_context, true },
    { XEN_DOMCTL_setvcpuextstate, xstate_domctl_set, false },
    { XEN_DOMCTL_getvcpuextstate, xstate_domctl_get, true },
    { XEN_DOMCTL_get_vcpu_msrs, get_msrs, true },
    { XEN_DOMCTL_set_vcpu_msrs, set_msrs, false },
};

long pv_domctl(struct domain *d, struct xen_domctl *op, bool *copy_back)
{
    struct vcpu *v;
    long rc;

    if (op->cmd == XEN_DOMCTL_hypercall_init)
        return hypercall_init(d, op);
    if (op->cmd == XEN_DOMCTL_getpageframeinfo3)
        return pv_get_page_info(d, op);
    if (op->cmd == XEN_DOMCTL_sendtrigger)
        return send_trigger(d, op);
    for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
        if (ops[i].cmd != op->cmd)
            continue;
        v = domain_vcpu(d, op->u.vcpucontext.vcpu);
        if (!v)
            return -ESRCH;
        if (d == current->domain)
            return -EINVAL; /* its registers are not in memory */
        domain_pause(d);
        rc = ops[i].fn(d, v, op);
        domain_unpause(d);
        *copy_back = ops[i].copy_back;
        return rc;
    }
    return -ENOSYS;
}
