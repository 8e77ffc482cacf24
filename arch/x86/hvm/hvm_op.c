/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HYPERVISOR_hvm_op (public hvm/hvm_op.h). PV domains call it too, about others: the toolstack. Its
 * structures are the same for callers of both widths. What has moved to dm_op (levels of wires,
 * link routes) is not here.
 */
#include <abi.h>
#include <arch/hvm.h>
#include <arch/hvm_params.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/time.h>

/* With a reference: an HVM domain that v may ask about, itself or, privileged, any. */
static int find_domain(const struct vcpu *v, domid_t id, struct domain **out)
{
    struct domain *d = domain_get_target(id);
    int rc = 0;

    if (!d)
        return -ESRCH;
    if (!is_hvm(d) || !d->arch.hvm)
        rc = -EINVAL;
    else if (d != v->domain && !v->domain->is_privileged)
        rc = -EPERM;
    if (rc)
        domain_put(d);
    else
        *out = d;
    return rc;
}

/* The argument, and the domain that it names, with a reference. */
static int param_argument(const struct vcpu *v, uint64_t arg, struct xen_hvm_param *p,
                          struct domain **d)
{
    if (copy_arg(p, arg))
        return -EFAULT;
    return p->index < HVM_NR_PARAMS ? find_domain(v, p->domid, d) : -EINVAL;
}

static long set_param(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_param p;
    struct domain *d;
    long rc = param_argument(v, arg, &p, &d);

    if (rc)
        return rc;
    rc = hvm_param_set(d, v->domain, p.index, p.value);
    domain_put(d);
    return rc;
}

static long get_param(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_param p;
    struct domain *d;
    long rc = param_argument(v, arg, &p, &d);

    if (rc)
        return rc;
    rc = hvm_param_get(d, v->domain, p.index, &p.value);
    domain_put(d);
    return rc == 0 && copy_field_back(arg, &p, value) ? -EFAULT : rc;
}

static long flush_tlbs(struct vcpu *v, uint64_t arg)
{
    if (arg != 0 || !is_hvm(v->domain))
        return -EINVAL;
    hvm_flush_tlb(v->domain);
    return 0;
}

static long get_time(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_get_time t = { .now = (uint64_t)time_now() };

    return copy_arg_back(arg, &t) ? -EFAULT : 0;
}

static uint16_t public_type(enum p2m_type t)
{
    switch (t) {
    case P2M_RAM:
    case P2M_LOGDIRTY:
    case P2M_POD:
    case P2M_GRANT:
    case P2M_FOREIGN:
        return HVMMEM_ram_rw;
    case P2M_RAM_RO:
    case P2M_GRANT_RO:
        return HVMMEM_ram_ro;
    case P2M_IOREQ:
        return HVMMEM_ioreq_server;
    case P2M_NONE:
    case P2M_MMIO_DM:
    case P2M_MMIO:
    case P2M_NR_TYPES:
        break;
    }
    return HVMMEM_mmio_dm;
}

static long get_mem_type(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_get_mem_type m;
    struct domain *d;
    long rc;

    if (copy_arg(&m, arg))
        return -EFAULT;
    rc = find_domain(v, m.domid, &d);
    if (rc)
        return rc;
    m.mem_type = public_type(p2m_lookup(d, _gfn(m.pfn)).type);
    domain_put(d);
    return copy_field_back(arg, &m, mem_type) ? -EFAULT : 0;
}

static long set_upcall_vector(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_evtchn_upcall_vector u;
    struct domain *d = v->domain;
    struct vcpu *target;

    if (copy_arg(&u, arg))
        return -EFAULT;
    if (!is_hvm(d) || u.vector < 16)
        return -EINVAL;
    target = domain_vcpu(d, u.vcpu);
    return target ? hvm_upcall_vector_set(target, u.vector) : -ENOENT;
}

/* Nobody can listen to such events, and then there is nothing to do. */
static long request_vm_event(struct vcpu *v, uint64_t arg)
{
    return arg != 0 || !is_hvm(v->domain) ? -EINVAL : 0;
}

static long altp2m(struct vcpu *v, uint64_t arg) { return -EOPNOTSUPP; }

typedef long hvm_op_fn(struct vcpu *v, uint64_t arg);

/* No row: -ENOSYS. So Xen answers pagetable_dying without shadow paging, and old numbers. */
static hvm_op_fn *const ops[] = {
    [HVMOP_set_param] = set_param,
    [HVMOP_get_param] = get_param,
    [HVMOP_flush_tlbs] = flush_tlbs,
    [HVMOP_get_time] = get_time,
    [HVMOP_get_mem_type] = get_mem_type,
    [HVMOP_set_evtchn_upcall_vector] = set_upcall_vector,
    [HVMOP_guest_request_vm_event] = request_vm_event,
    [HVMOP_altp2m] = altp2m,
};

long hc_hvm_op(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t op = arg[0];
    hvm_op_fn *fn;

    if (op >= ARRAY_SIZE(ops))
        return -ENOSYS;
    fn = ops[index_nospec(op, ARRAY_SIZE(ops))];
    return fn ? fn(v, arg[1]) : -ENOSYS;
}
