/* SPDX-License-Identifier: GPL-2.0-only */
/* domctl: operations on one vcpu of a domain. */
#include "priv.h"

#include <hv/errno.h>
#include <hv/guest.h>

static int read_cpus(cpumask_t *mask, const struct xenctl_bitmap *from)
{
    int rc = bitmap_from_guest(mask->w, NR_CPUS, from);

    if (rc == 0 && !cpumask_intersects(mask, &cpu_online_map))
        rc = -EINVAL;
    return rc;
}

static int write_cpus(const struct xenctl_bitmap *to, const cpumask_t *mask)
{
    return bitmap_to_guest(to, mask->w, NR_CPUS);
}

long domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    bool hard = a->flags & XEN_VCPUAFFINITY_HARD, soft = a->flags & XEN_VCPUAFFINITY_SOFT;
    cpumask_t hard_mask, soft_mask, effective;
    int rc = 0;

    if (!hard && !soft)
        return -EINVAL;
    if (v == NULL)
        return -ESRCH;
    if (hard)
        rc = read_cpus(&hard_mask, &a->cpumap_hard);
    if (rc == 0 && soft)
        rc = read_cpus(&soft_mask, &a->cpumap_soft);
    if (rc == 0)
        rc = vcpu_set_affinity(v, hard ? &hard_mask : NULL, soft ? &soft_mask : NULL);
    if (rc)
        return rc;
    /* What came of it, after cpus that are not there. */
    cpumask_and(&effective, &v->sched.hard, &cpu_online_map);
    if (hard && write_cpus(&a->cpumap_hard, &effective))
        return -EFAULT;
    cpumask_and(&effective, &effective, &v->sched.soft);
    if (soft && write_cpus(&a->cpumap_soft, &effective))
        return -EFAULT;
    return 0;
}

long domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    int rc = 0;

    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -EINVAL;
    if (v == NULL)
        return -ESRCH;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = write_cpus(&a->cpumap_hard, &v->sched.hard);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = write_cpus(&a->cpumap_soft, &v->sched.soft);
    return rc;
}

long domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = domain_vcpu(d, info->vcpu);
    struct vcpu_runstate_info rs;

    if (v == NULL)
        return -ESRCH;
    vcpu_get_runstate(v, &rs);
    info->online = !(read_once(v->pause_flags) & BIT(VPF_DOWN));
    info->blocked = !!(read_once(v->pause_flags) & BIT(VPF_BLOCKED));
    info->running = v->sched.is_running;
    info->cpu_time = rs.time[RUNSTATE_running];
    info->cpu = read_once(v->processor);
    return 0;
}
