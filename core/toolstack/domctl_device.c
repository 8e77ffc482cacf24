/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: PCI devices for domains. A device that a domain gives back is nobody's, and blocked,
 * until the tools take it from DOMID_IO: then it is the first domain's (Xen's quarantine=basic).
 */
#include "priv.h"

#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/percpu.h>

#define SBDF(op) ((op)->u.assign_device.u.pci.machine_sbdf)

/* What all three ask first. */
static int check(const struct xen_domctl *op, uint32_t flags)
{
    if (!iommu_present())
        return -EOPNOTSUPP;
    if (op->u.assign_device.dev != XEN_DOMCTL_DEV_PCI)
        return -ENODEV;
    if (op->u.assign_device.flags & ~flags)
        return -EINVAL;
    return arch_pci_known(SBDF(op)) ? 0 : -ENODEV;
}

static int assign(struct domain *d, uint32_t sbdf)
{
    int rc;

    if (d == current->domain || d->state != DOM_ALIVE)
        return -EINVAL;
    if (!iommu_domain_active(d))
        return -EOPNOTSUPP; /* it was created without CDF_iommu */
    rc = iommu_assign(d, sbdf);
    if (!rc)
        log_info("d%u: has device %04x:%02x:%02x.%u", d->id,
                 sbdf >> 16, sbdf >> 8 & 255, sbdf >> 3 & 31, sbdf & 7);
    return rc;
}

static int deassign(struct domain *d, uint32_t sbdf)
{
    if (d == current->domain || d->is_hardware)
        return -EINVAL;
    if (!iommu_domain_active(d))
        return -EOPNOTSUPP;
    if (iommu_has(d, sbdf)) /* its messages would be refused from now on, and each be a fault */
        arch_pci_quiet(sbdf);
    return iommu_deassign(d, sbdf);
}

static int for_target(const struct xen_domctl *op, int (*fn)(struct domain *d, uint32_t sbdf))
{
    struct domain *d = domain_get_target(op->domain);
    int rc;

    if (!d)
        return -ESRCH;
    rc = fn(d, SBDF(op));
    domain_put(d);
    return rc;
}

long domctl_assign_device(struct domain *unused, struct xen_domctl *op, uint64_t arg)
{
    const int rc = check(op, XEN_DOMCTL_DEV_RDM_RELAXED);

    if (rc)
        return rc;
    return op->domain == DOMID_IO ? iommu_set_aside(SBDF(op)) : for_target(op, assign);
}

long domctl_deassign_device(struct domain *unused, struct xen_domctl *op, uint64_t arg)
{
    const int rc = check(op, 0);

    if (rc)
        return rc;
    return op->domain == DOMID_IO ? iommu_give_back(SBDF(op)) : for_target(op, deassign);
}

/* Could it be assigned? The domain does not matter, and need not be there. */
long domctl_test_assign_device(struct domain *unused, struct xen_domctl *op, uint64_t arg)
{
    if (!iommu_present())
        return -EOPNOTSUPP;
    return check(op, 0) || iommu_may_assign(SBDF(op)) ? -EINVAL : 0;
}
