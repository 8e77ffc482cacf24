/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the devices of an unprivileged PV domain reach: device frame = machine frame, of those
 * frames of the domain's that may be written to at the moment, by their type. A frame goes in when
 * it gets the type "writable", and out before it is checked as a page table or descriptor table, or
 * given back: so a device can change neither, nor a frame that is no longer the domain's.
 *
 * Only leaves of 4 KiB are made. Taking one out needs no table then, and cannot fail.
 */
#include "priv.h"

#include <hv/domain.h>
#include <hv/iommu.h>
#include <hv/page.h>

static int follow(struct domain *d, mfn_t mfn, bool writable)
{
    struct iommu_domain *ctx = d->iommu;
    int rc = 0;

    if (!ctx->by_type)
        return 0;
    spin_lock(&ctx->lock);
    if (ctx->table.root) /* else the domain is going, and its devices are blocked */
        rc = iommu_table_set(ctx, mfn.n, mfn.n + 1, mfn.n,
                             writable ? IOMMU_READ | IOMMU_WRITE : 0);
    spin_unlock(&ctx->lock);
    return rc;
}

int pv_guest_start(struct iommu_domain *ctx)
{
    ctx->by_type = true;
    ctx->table.leaf_level = 1;
    page_device_hook = follow;
    return 0;
}

/* The tables, for the caller to free; the context stays, as a frame may just be given back. */
struct iopt pv_guest_end(struct iommu_domain *ctx)
{
    struct iopt table;

    spin_lock(&ctx->lock);
    table = ctx->table;
    ctx->table.root = NULL;
    spin_unlock(&ctx->lock);
    return table;
}
