/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and what their devices may reach, on top of whatever IOMMU there is. docs/iommu.md
 *
 * What the hardware remembers of a table is gone before a change returns: then frames may be given
 * to others. A device that could still reach a frame after that would break isolation, so an IOMMU
 * that does not finish an invalidation stops the machine.
 */
#include "priv.h"

#include <abi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>

#define LEVELS 4 /* 48 bits, as physmaps have */

static const struct iommu_ops *ops;
static DEFINE_SPINLOCK(assign_lock, RANK_IOMMU); /* who has which device */

bool iommu_present(void) { return ops != NULL; }
bool iommu_domain_active(const struct domain *d) { return d->iommu != NULL; }

/* --- tables ----------------------------------------------------------------------------------- */

void iommu_flush_or_die(const struct iommu_domain *ctx, uint64_t frame, uint64_t nr)
{
    if (ops->flush(ctx->tag, frame, nr))
        panic("IOMMU: an invalidation is not finished: devices could reach what is not theirs");
}

int iommu_table_set(struct iommu_domain *ctx, uint64_t first, uint64_t end, uint64_t mfn,
                    unsigned int flags)
{
    bool flush;
    int rc = iopt_set(&ctx->table, first, end, mfn, flags, &flush);

    if (rc)
        return rc;
    if (flush)
        iommu_flush_or_die(ctx, first, end - first);
    iopt_free_detached(&ctx->table);
    return 0;
}

static int set(struct domain *d, uint64_t dfn, uint64_t mfn, uint64_t frames, unsigned int flags)
{
    struct iommu_domain *ctx = d->iommu;
    int rc;

    /* an identity map follows the allocator, and nobody else */
    if (!ctx || ctx->passthrough || ctx->identity || dfn + frames < dfn)
        return -EINVAL;
    spin_lock(&ctx->lock);
    rc = iommu_table_set(ctx, dfn, dfn + frames, mfn, flags);
    spin_unlock(&ctx->lock);
    return rc;
}

int iommu_map(struct domain *d, uint64_t dfn, uint64_t mfn, uint64_t frames, unsigned int flags)
{
    return flags & ~(IOMMU_READ | IOMMU_WRITE) ? -EINVAL : set(d, dfn, mfn, frames, flags);
}

int iommu_unmap(struct domain *d, uint64_t dfn, uint64_t frames)
{
    return set(d, dfn, 0, frames, 0);
}

int iommu_flush(struct domain *d)
{
    if (!d->iommu)
        return -EINVAL;
    iommu_flush_or_die(d->iommu, 0, 0);
    return 0;
}

/* --- contexts --------------------------------------------------------------------------------- */

static void *take_table(struct iopt *t) { return hv_page_alloc(0); }
static void give_table(void *table) { hv_page_free(table, 0); }

/* Memory that the firmware uses through devices: the hardware domain has it where it is. */
static int map_firmware_ranges(struct iommu_domain *ctx) REQUIRES(ctx->lock)
{
    struct iommu_range r;
    int rc = 0;

    for (unsigned int i = 0; ops->firmware_range(i, &r) && !rc; i++)
        rc = iommu_table_set(ctx, r.first, r.end, r.first, r.flags);
    return rc;
}

static int start_translated(struct domain *d, struct iommu_domain *ctx)
{
    int rc;

    if (d->tot_pages)
        return -EBUSY; /* not yet: a context for a domain that has memory already */
    spin_init(&ctx->lock, RANK_IOMMU);
    ctx->table = (struct iopt){ .take = take_table, .give = give_table };
    rc = iopt_init(&ctx->table, LEVELS);
    if (rc || !d->is_hardware)
        return rc;
    spin_lock(&ctx->lock);
    rc = map_firmware_ranges(ctx);
    spin_unlock(&ctx->lock);
    return rc;
}

static int start_context(struct domain *d, struct iommu_domain *ctx)
{
    if (is_hvm(d))
        return d->is_hardware && opt_dom0_passthrough ? -EINVAL : start_translated(d, ctx);
    if (!d->is_hardware)
        return -EOPNOTSUPP; /* PV guests with devices: not yet */
    ctx->passthrough = opt_dom0_passthrough;
    if (!ctx->passthrough)
        return identity_start(ctx, ops);
    log_warn("IOMMU: dom0-iommu=passthrough: its devices reach all memory, the hypervisor's too");
    return 0;
}

int iommu_domain_init(struct domain *d)
{
    struct iommu_domain *ctx;
    int rc;

    if (!ops || (d->is_hardware && opt_dom0_none))
        return 0;
    if (d->iommu)
        return -EEXIST;
    ctx = hv_alloc(sizeof(*ctx));
    if (!ctx)
        return -ENOMEM;
    ctx->tag = (uint16_t)(d->id + 1);
    rc = start_context(d, ctx);
    if (!rc && ops->flush(ctx->tag, 0, 0)) /* what a former domain had */
        rc = -EIO;
    if (rc) {
        if (!ctx->identity)
            iopt_exit(&ctx->table);
        hv_free(ctx);
        return rc;
    }
    d->iommu = ctx;
    if (is_hvm(d))
        arch_iommu_follow(d, set);
    return 0;
}

void iommu_domain_teardown(struct domain *d)
{
    struct iommu_domain *ctx = d->iommu;

    /* the hardware domain's never ends: the machine does */
    if (!ctx || ctx->identity || ctx->passthrough)
        return;
    arch_iommu_follow(d, NULL);
    spin_lock(&assign_lock);
    if (ops->block_tag(ctx->tag))
        panic("IOMMU: the devices of d%u cannot be stopped", d->id);
    spin_unlock(&assign_lock);
    iommu_flush_or_die(ctx, 0, 0);
    d->iommu = NULL;
    iopt_exit(&ctx->table);
    hv_free(ctx);
}

/* --- devices ---------------------------------------------------------------------------------- */

static bool firmware_uses(uint32_t sbdf)
{
    struct iommu_range r;

    for (unsigned int i = 0; ops->firmware_range(i, &r); i++)
        if ((uint16_t)sbdf >= r.devid_first && (uint16_t)sbdf <= r.devid_last)
            return true;
    return false;
}

int iommu_assign(struct domain *d, uint32_t sbdf)
{
    uint16_t tag;
    int rc;

    if (!ops || !ops->covers(sbdf))
        return -ENODEV;
    if (!d->iommu)
        return -EINVAL;
    if (!d->is_hardware && firmware_uses(sbdf))
        return -EPERM;
    spin_lock(&assign_lock);
    tag = ops->tag(sbdf);
    rc = tag && tag != d->iommu->tag ? -EBUSY : ops->attach(sbdf, d->iommu);
    spin_unlock(&assign_lock);
    return rc;
}

int iommu_deassign(struct domain *d, uint32_t sbdf)
{
    int rc;

    if (!ops || !ops->covers(sbdf))
        return -ENODEV;
    if (!d->iommu)
        return -EINVAL;
    spin_lock(&assign_lock);
    rc = ops->tag(sbdf) == d->iommu->tag ? ops->attach(sbdf, NULL) : -EINVAL;
    spin_unlock(&assign_lock);
    return rc;
}

int iommu_assign_rest(struct domain *d)
{
    int rc;

    if (!ops || !d->iommu)
        return 0; /* no IOMMU, or the domain does without */
    spin_lock(&assign_lock);
    rc = ops->attach_rest(d->iommu);
    spin_unlock(&assign_lock);
    return rc;
}

/* --- boot ------------------------------------------------------------------------------------- */

int iommu_boot(void)
{
    unsigned int found = 0;
    int rc;

    if (!opt_iommu)
        return 0;
    rc = amd_iommu_ops.start(&found);
    if (!rc && found) {
        ops = &amd_iommu_ops;
        log_info("IOMMU: %s, %u of them; interrupts are not remapped", ops->name, found);
    }
    return rc;
}
