/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sysctl hypercall: the table, its dispatcher, and the operations about the console, domains
 * and scheduling.
 */
#include "priv.h"

#include <hv/console.h>
#include <hv/cpupool.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>

#define MAX_KEYS 32

struct sysctl_op {
    sysctl_fn *fn;
    bool copy_back;
};

static const struct sysctl_op ops[] = {
    [XEN_SYSCTL_readconsole]       = { sysctl_readconsole,       true },
    [XEN_SYSCTL_physinfo]          = { sysctl_physinfo,          true },
    [XEN_SYSCTL_sched_id]          = { sysctl_sched_id,          true },
    [XEN_SYSCTL_getdomaininfolist] = { sysctl_getdomaininfolist, true },
    [XEN_SYSCTL_debug_keys]        = { sysctl_debug_keys,        false },
    [XEN_SYSCTL_getcpuinfo]        = { sysctl_getcpuinfo,        true },
    [XEN_SYSCTL_availheap]         = { sysctl_availheap,         true },
    [XEN_SYSCTL_cputopoinfo]       = { sysctl_cputopoinfo,       true },
    [XEN_SYSCTL_numainfo]          = { sysctl_numainfo,          true },
    [XEN_SYSCTL_cpupool_op]        = { sysctl_cpupool_op,        true },
    [XEN_SYSCTL_scheduler_op]      = { sysctl_scheduler_op,      true },
    [XEN_SYSCTL_pcitopoinfo]       = { sysctl_pcitopoinfo,       true },
};

long hc_sysctl(struct vcpu *v, const uint64_t arg[])
{
    struct xen_sysctl op;
    const struct sysctl_op *row = NULL;
    bool copy_back = false;
    long rc;

    if (!v->domain->is_privileged || caller_is_32bit())
        return -EPERM;
    if (copy_arg(&op, arg[0]))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    if (op.cmd < ARRAY_SIZE(ops))
        row = &ops[index_nospec(op.cmd, ARRAY_SIZE(ops))];
    if (row != NULL && row->fn != NULL) {
        copy_back = row->copy_back;
        rc = row->fn(&op, arg[0]);
    } else {
        rc = arch_sysctl(&op, &copy_back);
    }
    if (copy_back && rc != -ERESTART && rc != -EFAULT && copy_arg_back(arg[0], &op))
        rc = -EFAULT;
    return rc == -ERESTART ? hypercall_continue(v, 1, arg[0]) : rc;
}

long sysctl_readconsole(struct xen_sysctl *op, uint64_t arg)
{
    return console_read_ring(&op->u.readconsole);
}

long sysctl_sched_id(struct xen_sysctl *op, uint64_t arg)
{
    op->u.sched_id.sched_id = sched_id();
    return 0;
}

long sysctl_scheduler_op(struct xen_sysctl *op, uint64_t arg)
{
    return sched_adjust_pool(&op->u.scheduler_op);
}

long sysctl_debug_keys(struct xen_sysctl *op, uint64_t arg)
{
    if (op->u.debug_keys.nr_keys > MAX_KEYS)
        return -E2BIG;
    for (uint32_t i = 0; i < op->u.debug_keys.nr_keys; i++) {
        char c;

        if (copy_from_guest_i(&c, op->u.debug_keys.keys, i))
            return -EFAULT;
        key_handle(c);
    }
    return 0;
}

long sysctl_getdomaininfolist(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
    struct domain *d = domain_get_at_or_after(l->first_domain);
    uint32_t n = 0;
    int rc = 0;

    while (d != NULL && n < l->max_domains && rc == 0) {
        struct xen_domctl_getdomaininfo info;
        domid_t next = (domid_t)(d->id + 1);

        domain_info(d, &info);
        domain_put(d);
        rc = copy_to_guest_i(l->buffer, n, &info) ? -EFAULT : 0;
        n++;
        d = domain_get_at_or_after(next);
    }
    if (d != NULL)
        domain_put(d);
    l->num_domains = n;
    return rc;
}

static long cpupool_move(uint32_t domid, uint32_t pool)
{
    struct domain *d = domid < DOMID_FIRST_RESERVED ? domain_get_by_id((domid_t)domid) : NULL;
    long rc;

    if (d == NULL)
        return -ESRCH;
    rc = cpupool_move_domain(d, pool);
    domain_put(d);
    return rc;
}

static long cpupool_describe(struct xen_sysctl_cpupool_op *p)
{
    struct cpupool_info info;
    int rc = cpupool_info(p->cpupool_id, &p->cpupool_id, &info);

    if (rc)
        return rc;
    p->sched_id = info.sched_id;
    p->n_dom = info.nr_domains;
    return bitmap_to_guest(&p->cpumap, info.cpus.w, NR_CPUS);
}

static long cpupool_one_op(struct xen_sysctl_cpupool_op *p)
{
    cpumask_t cpus;

    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return cpupool_create(&p->cpupool_id, p->sched_id);
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
        return cpupool_destroy(p->cpupool_id);
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return cpupool_describe(p);
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return cpupool_add_cpu(p->cpupool_id, p->cpu);
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return cpupool_remove_cpu(p->cpupool_id, p->cpu);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return cpupool_move(p->domid, p->cpupool_id);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        cpupool_free_cpus(&cpus);
        return bitmap_to_guest(&p->cpumap, cpus.w, NR_CPUS);
    default:
        return -ENOSYS;
    }
}

long sysctl_cpupool_op(struct xen_sysctl *op, uint64_t arg)
{
    long rc;

    if (!toolstack_try())
        return -ERESTART;
    rc = cpupool_one_op(&op->u.cpupool_op);
    toolstack_done();
    return rc;
}
