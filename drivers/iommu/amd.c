/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD's IOMMUs as the firmware's table (IVRS) lists them: finding, and the ops by which the layer
 * above reaches them.
 */
#include "amd_priv.h"

#include <arch/mmio.h>
#include <arch/paging.h>
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/timer.h>

#define POLL_PERIOD MILLISECS(100)
#define UNITY_FRAME_END(u) (((u)->start + (u)->size - 1) / PAGE_SIZE + 1)

extern struct acpi_info acpi_info;

static struct amd_iommu iommus[ACPI_MAX_IOMMUS];
static unsigned int nr_iommus;
static struct timer poll_timer;

static const struct acpi_ivrs *ivrs(void) { return &acpi_info.ivrs; }

/* --- who is behind which ---------------------------------------------------------------------- */

/* The last range that names the function: firmware lists exceptions behind "all". */
static const struct acpi_ivrs_range *range_of(uint32_t sbdf)
{
    const struct acpi_ivrs_range *found = NULL;
    const uint16_t devid = (uint16_t)sbdf;

    for (unsigned int i = 0; i < ivrs()->nr_ranges; i++) {
        const struct acpi_ivrs_range *r = &ivrs()->range[i];

        if (ivrs()->iommu[r->iommu].segment == sbdf >> 16 && devid >= r->first && devid <= r->last)
            found = r;
    }
    return found;
}

static bool amd_covers(uint32_t sbdf) { return range_of(sbdf) != NULL; }

static int amd_attach(uint32_t sbdf, const struct iommu_domain *ctx)
{
    const struct acpi_ivrs_range *r = range_of(sbdf);
    int rc;

    if (!r)
        return -ENODEV;
    rc = amd_attach_one(&iommus[r->iommu], (uint16_t)sbdf, ctx, r->settings);
    if (!rc && r->has_alias)
        rc = amd_attach_one(&iommus[r->iommu], r->alias, ctx, r->settings);
    return rc;
}

/* Aliases are requester ids too: they may be of no function. */
static int amd_attach_rest(const struct iommu_domain *ctx)
{
    int rc = 0;

    for (unsigned int i = 0; i < ivrs()->nr_ranges && !rc; i++) {
        const struct acpi_ivrs_range *r = &ivrs()->range[i];
        struct amd_iommu *m = &iommus[r->iommu];

        rc = amd_attach_blocked(m, r->first, r->last, ctx, r->settings);
        if (!rc && r->has_alias)
            rc = amd_attach_blocked(m, r->alias, r->alias, ctx, r->settings);
    }
    return rc;
}

static uint16_t amd_tag(uint32_t sbdf)
{
    const struct acpi_ivrs_range *r = range_of(sbdf);

    return r ? amd_tag_of(&iommus[r->iommu], (uint16_t)sbdf) : 0;
}

static int amd_block_tag(uint16_t tag)
{
    int rc = 0;

    for (unsigned int i = 0; i < nr_iommus; i++)
        for (uint32_t devid = 0; devid < iommus[i].nr_dte && !rc; devid++)
            if (amd_tag_of(&iommus[i], (uint16_t)devid) == tag)
                rc = amd_attach_one(&iommus[i], (uint16_t)devid, NULL, 0);
    return rc;
}

static int amd_flush(uint16_t tag, uint64_t frame, uint64_t nr)
{
    int rc = 0;

    for (unsigned int i = 0; i < nr_iommus && !rc; i++)
        rc = amd_flush_one(&iommus[i], tag, frame, nr);
    return rc;
}

struct amd_iommu *amd_message_source(uint32_t sbdf, uint16_t *devid)
{
    const struct acpi_ivrs_range *r = range_of(sbdf);

    if (!r)
        return NULL;
    *devid = r->has_alias ? r->alias : (uint16_t)sbdf;
    return &iommus[r->iommu];
}

struct amd_iommu *amd_unit(unsigned int index) { return &iommus[index]; }

/* --- memory that matters to them -------------------------------------------------------------- */

static bool amd_firmware_range(unsigned int nth, struct iommu_range *out)
{
    const struct acpi_ivrs_unity *u = &ivrs()->unity[nth];

    if (nth >= ivrs()->nr_unity)
        return false;
    *out = (struct iommu_range){
        .first = u->start / PAGE_SIZE,
        .end = UNITY_FRAME_END(u),
        .devid_first = u->first,
        .devid_last = u->last,
        .flags = IOMMU_READ | IOMMU_WRITE,
    };
    /* an exclusion range is all allowed; we do not exclude, but map */
    if (!(u->flags & ACPI_IVMD_EXCLUSION))
        out->flags = (u->flags & ACPI_IVMD_READ ? IOMMU_READ : 0) |
                     (u->flags & ACPI_IVMD_WRITE ? IOMMU_WRITE : 0);
    return true;
}

static bool amd_registers(unsigned int nth, struct iommu_range *out)
{
    if (nth >= ivrs()->nr_iommus)
        return false;
    *out = (struct iommu_range){ .first = ivrs()->iommu[nth].base / PAGE_SIZE };
    out->end = out->first + AMD_REGS_BYTES / PAGE_SIZE;
    return true;
}

/* --- starting --------------------------------------------------------------------------------- */

static void poll(void *unused)
{
    for (unsigned int i = 0; i < nr_iommus; i++)
        amd_event_poll(&iommus[i]);
    timer_set(&poll_timer, time_now() + POLL_PERIOD);
}

/* Entries that the device table must have: what is not in it is blocked by its length. */
static uint32_t entries_for(unsigned int index)
{
    uint32_t n = 1;

    for (unsigned int i = 0; i < ivrs()->nr_ranges; i++) {
        const struct acpi_ivrs_range *r = &ivrs()->range[i];

        if (r->iommu == index)
            n = MAX(n, MAX(r->last, r->has_alias ? r->alias : 0) + 1U);
    }
    for (unsigned int i = 0; i < ivrs()->nr_special; i++)
        if (ivrs()->special[i].iommu == index)
            n = MAX(n, ivrs()->special[i].devid + 1U);
    return n;
}

static int start_one(unsigned int i)
{
    const struct acpi_iommu *fw = &ivrs()->iommu[i];
    struct amd_iommu *m = &iommus[i];
    int rc;

    *m = (struct amd_iommu){ .regs = hv_ioremap(fw->base, AMD_REGS_BYTES) };
    if (!m->regs)
        return -ENOMEM;
    rc = amd_start_one(m, fw, i, entries_for(i));
    if (rc)
        return rc;
    log_info("IOMMU: AMD-Vi %04x:%02x:%02x.%u at %#lx, features %#lx, %u requester ids",
             fw->segment, fw->devid >> 8, fw->devid >> 3 & 31, fw->devid & 7,
             (unsigned long)fw->base, (unsigned long)mmio_read64(m->regs, AMD_REG_FEATURES),
             m->nr_dte);
    return 0;
}

/* One that does not work must not be left as a filter that nobody can change. */
static void stop_all(void)
{
    for (unsigned int i = 0; i < ivrs()->nr_iommus && iommus[i].regs; i++)
        amd_stop_one(&iommus[i]);
    nr_iommus = 0;
}

static void amd_quiesce(void)
{
    for (unsigned int i = 0; i < nr_iommus; i++)
        amd_stop_one(&iommus[i]);
}

static int amd_start(unsigned int *found)
{
    *found = 0;
    nr_iommus = 0;
    if (!(acpi_info.have & ACPI_HAVE_IVRS))
        return 0;
    for (unsigned int i = 0; i < ivrs()->nr_iommus; i++) {
        int rc = start_one(i);

        if (rc) {
            stop_all();
            return rc;
        }
        nr_iommus++;
    }
    *found = nr_iommus;
    if (nr_iommus) {
        timer_init(&poll_timer, poll, NULL, 0);
        timer_set(&poll_timer, time_now() + POLL_PERIOD);
    }
    return 0;
}

static const struct iopt_kind *amd_tables(unsigned int *levels)
{
    *levels = 4; /* 48 bits, as physmaps have */
    return &iopt_amd;
}

static bool amd_can_pass(void) { return true; }

const struct iommu_ops amd_iommu_ops = {
    .name = "AMD-Vi",
    .tables = amd_tables,
    .can_pass = amd_can_pass,
    .start = amd_start,
    .covers = amd_covers,
    .tag = amd_tag,
    .attach = amd_attach,
    .attach_rest = amd_attach_rest,
    .block_tag = amd_block_tag,
    .flush = amd_flush,
    .intr = amd_remap_ops,
    .quiesce = amd_quiesce,
    .firmware_range = amd_firmware_range,
    .registers = amd_registers,
};
