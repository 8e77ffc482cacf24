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
#include <hv/iommu_intr.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>

static const struct iommu_ops *ops;
const struct iommu_intr_ops *iommu_intr;
static const struct iommu_domain *hardware; /* that of the first domain; NULL: it has none */
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

    for (unsigned int i = 0; !rc && ops->firmware_range(i, &r); i++)
        rc = iommu_table_set(ctx, r.first, r.end, r.first, r.flags);
    return rc;
}

static int start_table(struct domain *d, struct iommu_domain *ctx)
{
    unsigned int levels;
    int rc;

    if (d->tot_pages)
        return -EBUSY; /* not yet: a context for a domain that has memory already */
    spin_init(&ctx->lock, RANK_IOMMU);
    ctx->table = (struct iopt){
        .kind = ops->tables(&levels), .take = take_table, .give = give_table
    };
    rc = iopt_init(&ctx->table, levels);
    if (!rc && !is_hvm(d))
        return pv_guest_start(ctx);
    if (rc || !d->is_hardware)
        return rc;
    spin_lock(&ctx->lock);
    rc = map_firmware_ranges(ctx);
    spin_unlock(&ctx->lock);
    return rc;
}

static int start_context(struct domain *d, struct iommu_domain *ctx)
{
    if (is_hvm(d) && d->is_hardware && opt_dom0_passthrough)
        return -EINVAL;
    if (is_hvm(d) || !d->is_hardware)
        return start_table(d, ctx);
    ctx->passthrough = opt_dom0_passthrough;
    if (!ctx->passthrough)
        return identity_start(ctx, ops);
    if (!ops->can_pass()) {
        log_err("IOMMU: dom0-iommu=passthrough: it cannot let devices pass without tables");
        return -EOPNOTSUPP;
    }
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
    ctx->hardware = d->is_hardware;
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
    if (d->is_hardware)
        hardware = ctx;
    if (is_hvm(d))
        arch_iommu_follow(d, set);
    return 0;
}

void iommu_domain_teardown(struct domain *d)
{
    struct iommu_domain *ctx = d->iommu;
    struct iopt table;

    /* the hardware domain's never ends: the machine does */
    if (!ctx || ctx->identity || ctx->passthrough)
        return;
    if (is_hvm(d))
        arch_iommu_follow(d, NULL);
    spin_lock(&assign_lock);
    if (ops->block_tag(ctx->tag))
        panic("IOMMU: the devices of d%u cannot be stopped", d->id);
    spin_unlock(&assign_lock);
    table = ctx->by_type ? pv_guest_end(ctx) : ctx->table;
    iommu_flush_or_die(ctx, 0, 0);
    iopt_exit(&table);
    if (ctx->by_type)
        return; /* iommu_domain_free() */
    d->iommu = NULL;
    hv_free(ctx);
}

void iommu_domain_free(struct domain *d)
{
    if (!d->iommu || !d->iommu->by_type)
        return;
    hv_free(d->iommu);
    d->iommu = NULL;
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

bool iommu_firmware_memory(unsigned int nth, bool all, uint32_t sbdf, uint64_t *first, uint64_t *nr)
{
    struct iommu_range r;

    for (unsigned int i = 0; ops && ops->firmware_range(i, &r); i++) {
        if (!all && ((uint16_t)sbdf < r.devid_first || (uint16_t)sbdf > r.devid_last))
            continue;
        if (nth-- == 0) {
            *first = r.first;
            *nr = r.end - r.first;
            return true;
        }
    }
    return false;
}

/* Nobody's or the hardware domain's: -EBUSY if not. */
static int may_take(uint32_t sbdf) REQUIRES(assign_lock)
{
    const uint16_t tag = ops->tag(sbdf);

    return tag && !(hardware && tag == hardware->tag) ? -EBUSY : 0;
}

int iommu_assign(struct domain *d, uint32_t sbdf)
{
    int rc;

    if (!ops || !ops->covers(sbdf))
        return -ENODEV;
    if (!d->iommu)
        return -EINVAL;
    if (!d->is_hardware && firmware_uses(sbdf))
        return -EPERM;
    spin_lock(&assign_lock);
    rc = ops->tag(sbdf) == d->iommu->tag ? 0 : may_take(sbdf);
    if (!rc)
        rc = ops->attach(sbdf, d->iommu);
    spin_unlock(&assign_lock);
    return rc;
}

int iommu_may_assign(uint32_t sbdf)
{
    int rc;

    if (!ops || !ops->covers(sbdf))
        return -ENODEV;
    spin_lock(&assign_lock);
    rc = may_take(sbdf);
    spin_unlock(&assign_lock);
    return rc;
}

bool iommu_has(struct domain *d, uint32_t sbdf)
{
    bool has;

    if (!ops || !ops->covers(sbdf) || !d->iommu)
        return false;
    spin_lock(&assign_lock);
    has = ops->tag(sbdf) == d->iommu->tag;
    spin_unlock(&assign_lock);
    return has;
}

int iommu_set_aside(uint32_t sbdf)
{
    int rc;

    if (!ops || !ops->covers(sbdf))
        return -ENODEV;
    if (firmware_uses(sbdf))
        return -EPERM;
    spin_lock(&assign_lock);
    rc = may_take(sbdf);
    if (!rc)
        rc = ops->attach(sbdf, NULL);
    spin_unlock(&assign_lock);
    return rc;
}

int iommu_give_back(uint32_t sbdf)
{
    int rc;

    if (!ops || !ops->covers(sbdf))
        return -ENODEV;
    spin_lock(&assign_lock);
    rc = ops->tag(sbdf) ? -EINVAL : hardware ? ops->attach(sbdf, hardware) : 0;
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

int iommu_keep_registers(struct rangeset *frames)
{
    struct iommu_range r;
    int rc = 0;

    for (unsigned int i = 0; ops && !rc && ops->registers(i, &r); i++)
        rc = rangeset_remove(frames, r.first, r.end - 1);
    return rc;
}

void iommu_quiesce(void)
{
    if (ops && ops->quiesce)
        ops->quiesce();
}

/* --- boot ------------------------------------------------------------------------------------- */

static void start_intr(unsigned int found)
{
    const char *why = "not implemented";

    iommu_intr = ops->intr ? ops->intr(&why) : NULL;
    if (iommu_intr)
        log_info("IOMMU: %s, %u of them; interrupts are remapped%s", ops->name, found,
                 iommu_intr->wide && iommu_intr->wide() ? ", to all APIC ids" : "");
    else
        log_info("IOMMU: %s, %u of them; interrupts are not remapped: %s", ops->name, found, why);
}

int iommu_boot(void)
{
    static const struct iommu_ops *const kinds[] = { &amd_iommu_ops, &vtd_iommu_ops };
    int rc = 0;

    if (!opt_iommu)
        return opt_iommu_required ? -ENODEV : 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(kinds) && !rc; i++) {
        unsigned int found = 0;

        rc = kinds[i]->start(&found);
        if (rc || !found)
            continue;
        ops = kinds[i];
        start_intr(found);
        return 0;
    }
    if (rc)
        log_err("IOMMU: cannot be started (%d): devices reach all memory", rc);
    return opt_iommu_required ? -ENODEV : 0;
}
