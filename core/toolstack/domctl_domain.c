/* SPDX-License-Identifier: GPL-2.0-only */
/* domctl: operations on whole domains. */
#include "priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/gnttab.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/percpu.h>
#include <hv/platform.h>
#include <hv/rangeset.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <lib/string.h>

/* --- life ------------------------------------------------------------------------------------- */

/* What the tools ask for and we can do; the rest is -EINVAL as the ABI has it. */
static int check_config(const struct xen_domctl_createdomain *c)
{
    const uint32_t hvm = arch_hvm_available() ? XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap : 0;
    const uint32_t iommu = iommu_present() ? XEN_DOMCTL_CDF_iommu : 0;

    if (c->flags & ~(uint32_t)(XEN_DOMCTL_CDF_xs_domain | XEN_DOMCTL_CDF_s3_integrity |
                               XEN_DOMCTL_CDF_oos_off | hvm | iommu))
        return -EINVAL; /* nested virtualisation, vpmu: not in this build */
    if ((c->flags & hvm) && (c->flags & hvm) != hvm)
        return -EINVAL; /* one without the other: a PV domain has no second stage, HVM needs it */
    /* tables are never shared with nested paging, so it costs nothing to promise that */
    if (c->iommu_opts & ~(uint32_t)XEN_DOMCTL_IOMMU_no_sharept ||
        (c->iommu_opts && !(c->flags & XEN_DOMCTL_CDF_iommu)))
        return -EINVAL;
    if (c->vmtrace_size != 0 || c->max_vcpus == 0 || c->max_vcpus > MAX_VCPUS)
        return -EINVAL;
    if (XEN_DOMCTL_GRANT_version(c->grant_opts) == 0 ||
        XEN_DOMCTL_GRANT_version(c->grant_opts) > 2 ||
        (c->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask))
        return -EINVAL;
    return 0;
}

/*
 * The id asked for, or the first free one after the last that was given out. DOMID_FIRST_RESERVED:
 * none.
 */
static domid_t choose_id(domid_t wanted)
{
    static domid_t last;

    if (wanted > 0 && wanted < DOMID_FIRST_RESERVED)
        return wanted;
    for (unsigned int i = 1; i < DOMID_FIRST_RESERVED; i++) {
        domid_t id = (domid_t)((last + i) % DOMID_FIRST_RESERVED);
        struct domain *d;

        if (id == 0)
            continue;
        d = domain_get_by_id(id);
        if (d == NULL)
            return last = id;
        domain_put(d);
    }
    return DOMID_FIRST_RESERVED;
}

long domctl_createdomain(struct domain *unused, struct xen_domctl *op, uint64_t arg)
{
    struct domain *d;
    domid_t id;
    int rc = check_config(&op->u.createdomain);

    if (rc)
        return rc;
    id = choose_id(op->domain);
    if (id == DOMID_FIRST_RESERVED)
        return -ENOMEM;
    rc = domain_create(&d, id, &op->u.createdomain, false);
    if (rc)
        return rc;
    if (op->u.createdomain.flags & XEN_DOMCTL_CDF_iommu)
        rc = iommu_domain_init(d); /* before it has memory */
    if (rc) {
        while (domain_kill(d) == -ERESTART)
            continue;
        return rc;
    }
    op->domain = d->id;
    return 0;
}

long domctl_destroydomain(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    if (d == current->domain || d == dom0)
        return -EINVAL;
    return domain_kill(d);
}

long domctl_pause(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    return d == current->domain ? -EINVAL : domain_pause_by_controller(d);
}

long domctl_unpause(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    return domain_unpause_by_controller(d);
}

long domctl_resumedomain(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    if (d == current->domain || !d->is_shut_down)
        return -EINVAL;
    domain_resume(d);
    return 0;
}

/* --- what it is ------------------------------------------------------------------------------- */

void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    struct vcpu *v;
    bool running = false, all_blocked = true;

    *info = (struct xen_domctl_getdomaininfo){
        .domain = d->id,
        .tot_pages = read_once(d->tot_pages),
        .max_pages = read_once(d->max_pages),
        .outstanding_pages = read_once(d->outstanding_pages),
        .shared_info_frame = arch_shared_info_frame(d),
        .max_vcpu_id = XEN_INVALID_MAX_VCPU_ID,
        .cpupool = d->cpupool_id,
        .gpaddr_bits = arch_gpaddr_bits(d),
    };
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->arch_config = d->config->arch;
    for_each_vcpu(d, v) {
        info->max_vcpu_id = v->id;
        info->cpu_time += vcpu_cpu_time(v);
        if (read_once(v->pause_flags) & BIT(VPF_DOWN))
            continue;
        info->nr_online_vcpus++;
        if (!(read_once(v->pause_flags) & BIT(VPF_BLOCKED)))
            all_blocked = false;
        if (v->sched.is_running)
            running = true;
    }
    if (info->nr_online_vcpus > 0)
        info->flags |= running ? XEN_DOMINF_running : all_blocked ? XEN_DOMINF_blocked : 0;
    if (d->state == DOM_DEAD)
        info->flags |= XEN_DOMINF_dying;
    if (d->is_shut_down)
        info->flags |= XEN_DOMINF_shutdown;
    if (d->controller_pause_count > 0)
        info->flags |= XEN_DOMINF_paused;
    if (is_hvm(d))
        info->flags |= XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
    if (d->config->flags & XEN_DOMCTL_CDF_xs_domain)
        info->flags |= XEN_DOMINF_xs_domain;
    info->flags |= (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
    if (d->shutdown_code == ~0U)
        info->flags |= 0xffffU << XEN_DOMINF_shutdownshift;
}

/* The first domain with that id or a higher one: tools walk the list by it. */
long domctl_getdomaininfo(struct domain *unused, struct xen_domctl *op, uint64_t arg)
{
    struct domain *d = op->domain == DOMID_SELF ? domain_get_target(DOMID_SELF)
                                                : domain_get_at_or_after(op->domain);

    if (d == NULL)
        return -ESRCH;
    domain_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    domain_put(d);
    return 0;
}

/* --- limits and settings ---------------------------------------------------------------------- */

long domctl_max_mem(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    /* ~0 is how the tools say "no limit". */
    uint64_t pages = MIN(op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10), (uint64_t)UINT32_MAX);

    spin_lock(&d->page_lock);
    /* below what it has is allowed: it gets no more until it has given back */
    d->max_pages = (uint32_t)pages;
    spin_unlock(&d->page_lock);
    return 0;
}

/* The number was fixed at creation; now they are made. */
long domctl_max_vcpus(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    if (d == current->domain || op->u.max_vcpus.max != d->max_vcpus)
        return -EINVAL;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i] == NULL && vcpu_create(d, i) == NULL)
            return -ENOMEM;
    return 0;
}

/* Parameters of vcpus, an array of them. The tools come again for those beyond nr_vcpus. */
static long vcpu_params(struct domain *d, struct xen_domctl_scheduler_op *s)
{
    uint32_t n = 0;
    int rc = 0;

    while (n < s->u.v.nr_vcpus && rc == 0 && !(n > 0 && preempt_wanted())) {
        struct xen_domctl_schedparam_vcpu p;

        if (copy_from_guest_i(&p, s->u.v.vcpus, n))
            return -EFAULT;
        rc = sched_adjust_vcpu(d, s, &p);
        if (rc == 0 && s->cmd == XEN_DOMCTL_SCHEDOP_getvcpuinfo &&
            copy_to_guest_i(s->u.v.vcpus, n, &p))
            return -EFAULT;
        n += rc == 0;
    }
    s->u.v.nr_vcpus = n;
    return rc;
}

long domctl_scheduler_op(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_getvcpuinfo:
    case XEN_DOMCTL_SCHEDOP_putvcpuinfo:
        return vcpu_params(d, s);
    default:
        return sched_adjust_domain(d, s);
    }
}

long domctl_setdomainhandle(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    return 0;
}

long domctl_settimeoffset(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    d->time_offset_secs = op->u.settimeoffset.time_offset_seconds;
    time_update_wallclock(d);
    return 0;
}

long domctl_set_virq_handler(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    return virq_set_handler(d, op->u.set_virq_handler.virq);
}

long domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    uint64_t nodes;
    int rc = bitmap_from_guest(&nodes, 64, &op->u.nodeaffinity.nodemap);

    if (rc)
        return rc;
    if ((nodes & (BIT(heap_nr_nodes()) - 1)) == 0)
        return -EINVAL;
    d->node_affinity = nodes;
    d->auto_node_affinity = false;
    return 0;
}

long domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    return bitmap_to_guest(&op->u.nodeaffinity.nodemap, &d->node_affinity, 64);
}

/* --- rights ----------------------------------------------------------------------------------- */

/* Nobody gives what he has not: the caller must have the right to all of it. */
static long permit(struct rangeset *theirs, struct rangeset *ours, uint64_t first, uint64_t nr,
                   bool allow)
{
    if (nr == 0)
        return 0;
    if (first + nr - 1 < first)
        return -EINVAL;
    if (!rangeset_contains(ours, first, first + nr - 1))
        return -EPERM;
    return allow ? rangeset_add(theirs, first, first + nr - 1)
                 : rangeset_remove(theirs, first, first + nr - 1);
}

long domctl_irq_permission(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    return permit(d->irq_caps, current->domain->irq_caps, op->u.irq_permission.pirq, 1,
                  op->u.irq_permission.allow_access);
}

/* What is mapped goes before the right to it. */
long domctl_iomem_permission(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    const uint64_t first = op->u.iomem_permission.first_mfn;
    const uint64_t nr = op->u.iomem_permission.nr_mfns;
    int rc = 0;

    if (!op->u.iomem_permission.allow_access && nr && first + nr - 1 >= first)
        rc = arch_deny_memory(d, first, first + nr - 1);
    return rc ? rc : permit(d->iomem_caps, current->domain->iomem_caps, first, nr,
                            op->u.iomem_permission.allow_access);
}

long domctl_ioport_permission(struct domain *d, struct xen_domctl *op, uint64_t arg)
{
    const uint64_t first = op->u.ioport_permission.first_port;
    const uint64_t nr = op->u.ioport_permission.nr_ports;

    if (first + nr > 0x10000)
        return -EINVAL;
    if (!op->u.ioport_permission.allow_access && nr)
        arch_deny_ports(d, first, first + nr - 1);
    return permit(d->arch.ioport_caps, current->domain->arch.ioport_caps, first, nr,
                  op->u.ioport_permission.allow_access);
}
