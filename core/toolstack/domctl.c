/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The domctl hypercall: the table and its dispatcher. One domctl runs at a time; whoever finds the
 * lock taken tries again by a continuation, so that nobody spins in here.
 */
#include "priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>

enum target { TARGET_NONE, TARGET_DOMAIN };
enum { NO_COPY, COPY_BACK };

struct domctl_op {
    domctl_fn *fn;
    uint8_t target, copy_back;
};

static const struct domctl_op ops[] = {
    [XEN_DOMCTL_createdomain]      = { domctl_createdomain,      TARGET_NONE,   COPY_BACK },
    [XEN_DOMCTL_destroydomain]     = { domctl_destroydomain,     TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_pausedomain]       = { domctl_pause,             TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_unpausedomain]     = { domctl_unpause,           TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_getdomaininfo]     = { domctl_getdomaininfo,     TARGET_NONE,   COPY_BACK },
    [XEN_DOMCTL_setvcpuaffinity]   = { domctl_setvcpuaffinity,   TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_getvcpuaffinity]   = { domctl_getvcpuaffinity,   TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_max_mem]           = { domctl_max_mem,           TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_getvcpuinfo]       = { domctl_getvcpuinfo,       TARGET_DOMAIN, COPY_BACK },
    [XEN_DOMCTL_max_vcpus]         = { domctl_max_vcpus,         TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_scheduler_op]      = { domctl_scheduler_op,      TARGET_DOMAIN, COPY_BACK },
    [XEN_DOMCTL_setdomainhandle]   = { domctl_setdomainhandle,   TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_irq_permission]    = { domctl_irq_permission,    TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_iomem_permission]  = { domctl_iomem_permission,  TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_ioport_permission] = { domctl_ioport_permission, TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_settimeoffset]     = { domctl_settimeoffset,     TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_resumedomain]      = { domctl_resumedomain,      TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_set_virq_handler]  = { domctl_set_virq_handler,  TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_assign_device]     = { domctl_assign_device,     TARGET_NONE,   NO_COPY },
    [XEN_DOMCTL_test_assign_device] = { domctl_test_assign_device, TARGET_NONE, NO_COPY },
    [XEN_DOMCTL_deassign_device]   = { domctl_deassign_device,   TARGET_NONE,   NO_COPY },
    [XEN_DOMCTL_setnodeaffinity]   = { domctl_setnodeaffinity,   TARGET_DOMAIN, NO_COPY },
    [XEN_DOMCTL_getnodeaffinity]   = { domctl_getnodeaffinity,   TARGET_DOMAIN, NO_COPY },
};

/*
 * 1 while a domctl runs, or a sysctl that changes what they rely on. Not a spinlock: the work under
 * it copies from guests and may take spinlocks of every rank.
 */
static uint32_t busy;

bool toolstack_try(void) { return __atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) == 0; }
void toolstack_done(void) { __atomic_store_n(&busy, 0, __ATOMIC_RELEASE); }

static const struct domctl_op *find(uint32_t cmd)
{
    const struct domctl_op *op;

    if (cmd >= ARRAY_SIZE(ops))
        return NULL;
    op = &ops[index_nospec(cmd, ARRAY_SIZE(ops))];
    return op->fn ? op : NULL;
}

static long run(struct xen_domctl *op, uint64_t arg)
{
    const struct domctl_op *row = find(op->cmd);
    struct domain *d = NULL;
    bool copy_back;
    long rc;

    if (row == NULL || row->target == TARGET_DOMAIN) {
        d = domain_get_target(op->domain);
        if (d == NULL)
            return -ESRCH;
    }
    if (row != NULL) {
        copy_back = row->copy_back == COPY_BACK;
        rc = row->fn(d, op, arg);
    } else {
        copy_back = false;
        rc = arch_domctl(d, op, &copy_back);
    }
    if (d != NULL)
        domain_put(d);
    if (copy_back && rc != -ERESTART && rc != -EFAULT && copy_arg_back(arg, op))
        rc = -EFAULT;
    return rc;
}

long hc_domctl(struct vcpu *v, const uint64_t arg[])
{
    struct xen_domctl op;
    long rc;

    if (!v->domain->is_privileged || caller_is_32bit())
        return -EPERM;
    if (copy_arg(&op, arg[0]))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    if (!toolstack_try())
        return hypercall_continue(v, 1, arg[0]);
    rc = run(&op, arg[0]);
    toolstack_done();
    return rc == -ERESTART ? hypercall_continue(v, 1, arg[0]) : rc;
}
