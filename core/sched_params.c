/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters of scheduling, as the toolstack sets them: whom a call means, and whether it names the
 * policy that it thinks of. public domctl.h, sysctl.h "scheduler_op".
 */
#include <abi.h>
#include <hv/cpupool.h>
#include <hv/errno.h>
#include <hv/softirq.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "sched_policy.h"

/*
 * Who runs may have a slice, or none, by the old parameters. Under the lock a choice is either not
 * made yet, and sees the new ones, or is seen here.
 */
void NO_TSA sched_choose_again(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        spinlock_t *l = sched_lock_vcpu(v);

        if (v->sched.is_running)
            softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
        spin_unlock(l);
    }
}

int sched_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    const struct sched_ops *ops = cpupool_ops(d->cpupool_id);

    if (op->sched_id != ops->id || !d->sched_priv)
        return -EINVAL;
    return ops->adjust_domain ? ops->adjust_domain(d, op) : -EOPNOTSUPP;
}

int sched_adjust_vcpu(struct domain *d, const struct xen_domctl_scheduler_op *op,
                      struct xen_domctl_schedparam_vcpu *p)
{
    const struct sched_ops *ops = cpupool_ops(d->cpupool_id);

    if (op->sched_id != ops->id || !ops->adjust_vcpu || p->vcpuid >= d->max_vcpus)
        return -EINVAL;
    if (!d->vcpu[index_nospec(p->vcpuid, d->max_vcpus)])
        return -EINVAL;
    return ops->adjust_vcpu(d->vcpu[index_nospec(p->vcpuid, d->max_vcpus)], op->cmd, p);
}

int sched_adjust_pool(struct xen_sysctl_scheduler_op *op)
{
    const struct sched_ops *ops = cpupool_ops(op->cpupool_id);

    if (!ops)
        return -ESRCH;
    if (op->sched_id != ops->id)
        return -EINVAL;
    return ops->adjust_pool ? ops->adjust_pool(op->cpupool_id, op) : -EOPNOTSUPP;
}
