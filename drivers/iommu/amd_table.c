/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An AMD IOMMU's device table, and how it is started: 48882, "Device Table Entry Format",
 * "Initialization". Every entry is valid from the start, since one that is not lets everything
 * through. The hardware may read an entry while it is changed: a change goes by way of "blocked",
 * which is one word.
 *
 * Interrupts are passed on as they are (IV 0), or remapped (amd_intr.c).
 */
#include "amd_priv.h"

#include <arch/direct.h>
#include <arch/mmio.h>
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>

static uint64_t *dte_of(const struct amd_iommu *m, uint16_t devid)
{
    return m->devtab + (size_t)devid * AMD_DTE_WORDS;
}

uint16_t amd_tag_of(const struct amd_iommu *m, uint16_t devid)
{
    return devid < m->nr_dte ? (uint16_t)read_once(dte_of(m, devid)[1]) : 0;
}

static uint64_t first_word(const struct iommu_domain *ctx)
{
    if (!ctx)
        return AMD_DTE_BLOCKED;
    if (ctx->passthrough)
        return AMD_DTE_BLOCKED | AMD_DTE_READ | AMD_DTE_WRITE;
    return AMD_DTE_BLOCKED | AMD_DTE_READ | AMD_DTE_WRITE | direct_pa(ctx->table.root) |
           (uint64_t)ctx->table.levels << AMD_DTE_MODE_SHIFT;
}

/* What the firmware says of interrupts that are not messages. */
uint64_t amd_intr_passes(uint8_t settings)
{
    return (uint64_t)(settings & 7) << 56 | (uint64_t)(settings >> 6) << 62;
}

static void write_dte(uint64_t *dte, const struct iommu_domain *ctx, uint8_t settings,
                      uint64_t third)
{
    write_once(dte[1], (uint64_t)(settings >> 4 & 3) << 40 | (ctx ? ctx->tag : 0));
    write_once(dte[2], third);
    write_once(dte[3], 0);
    /* a device that finds the first word finds the others: x86 keeps the order of stores */
    __atomic_store_n(&dte[0], first_word(ctx), __ATOMIC_RELEASE);
}

/*
 * Blocked, and nothing is remembered of where it went before. Translations bear the former tag; an
 * IOMMU that looks for them by the device alone (QEMU 7.2's) would go on using them.
 */
static int block(struct amd_iommu *m, uint16_t devid) REQUIRES(m->lock)
{
    const uint16_t former = amd_tag_of(m, devid);
    int rc;

    write_once(dte_of(m, devid)[0], AMD_DTE_BLOCKED);
    rc = amd_post_devtab_entry(m, devid);
    if (!rc && former)
        rc = amd_post_pages(m, former, 0, 0);
    if (!rc && m->intr)
        rc = amd_post_intr_table(m, devid);
    return rc ? rc : amd_ring_wait(m);
}

int amd_attach_one(struct amd_iommu *m, uint16_t devid, const struct iommu_domain *ctx,
                   uint8_t settings)
{
    uint64_t *dte = dte_of(m, devid);
    int rc;

    if (devid >= m->nr_dte)
        return -ENODEV;
    if (ctx && !ctx->hardware && amd_intr_is_ioapic(m, devid))
        return -EPERM;
    spin_lock(&m->lock);
    if (!ctx || amd_tag_of(m, devid) != ctx->tag)
        amd_intr_clear(m, devid);
    rc = block(m, devid);
    if (!rc) {
        write_dte(dte, ctx, settings,
                  amd_intr_word(m, devid, ctx, amd_intr_passes(settings)));
        rc = amd_post_devtab_entry(m, devid);
        if (!rc)
            rc = amd_ring_wait(m);
    }
    spin_unlock(&m->lock);
    return rc;
}

int amd_attach_blocked(struct amd_iommu *m, uint16_t first, uint16_t last,
                       const struct iommu_domain *ctx, uint8_t settings)
{
    int rc = 0;

    spin_lock(&m->lock);
    for (uint32_t devid = first; devid <= last && devid < m->nr_dte && !rc; devid++) {
        if (amd_tag_of(m, (uint16_t)devid))
            continue;
        write_dte(dte_of(m, (uint16_t)devid), ctx, settings,
                  amd_intr_word(m, (uint16_t)devid, ctx, amd_intr_passes(settings)));
        rc = amd_post_devtab_entry(m, (uint16_t)devid);
    }
    if (!rc)
        rc = amd_ring_wait(m);
    spin_unlock(&m->lock);
    return rc;
}

int amd_flush_one(struct amd_iommu *m, uint16_t tag, uint64_t frame, uint64_t nr)
{
    int rc;

    spin_lock(&m->lock);
    rc = amd_post_pages(m, tag, frame, nr);
    if (!rc)
        rc = amd_ring_wait(m);
    spin_unlock(&m->lock);
    return rc;
}

/* --- starting --------------------------------------------------------------------------------- */

static int make_devtab(struct amd_iommu *m, unsigned int index, uint32_t nr_dte)
{
    const size_t bytes = ROUND_UP((size_t)nr_dte * AMD_DTE_BYTES, PAGE_SIZE);
    int rc = 0;

    m->devtab = hv_page_alloc(order_of_size(bytes));
    if (!m->devtab)
        return -ENOMEM;
    m->nr_dte = (uint32_t)(bytes / AMD_DTE_BYTES);
    if (amd_remap_wanted())
        rc = amd_intr_init(m, m->nr_dte);
    for (uint32_t i = 0; i < m->nr_dte; i++)
        write_dte(dte_of(m, (uint16_t)i), NULL, 0, amd_intr_word(m, (uint16_t)i, NULL, 0));
    if (!rc && m->intr)
        rc = amd_remap_start(m, index);
    mmio_write64(m->regs, AMD_REG_DEVTAB, direct_pa(m->devtab) | (bytes / PAGE_SIZE - 1));
    return rc;
}

static uint64_t control_for(uint8_t ivhd_flags)
{
    return AMD_CONTROL_CMD | AMD_CONTROL_EVENT_LOG |
           (ivhd_flags & AMD_IVHD_HT_TUNNEL ? AMD_CONTROL_HT_TUNNEL : 0) |
           (ivhd_flags & AMD_IVHD_PASS_PW ? AMD_CONTROL_PASS_PW : 0) |
           (ivhd_flags & AMD_IVHD_RES_PASS_PW ? AMD_CONTROL_RES_PASS_PW : 0) |
           (ivhd_flags & AMD_IVHD_ISOC ? AMD_CONTROL_ISOC : 0) |
           (ivhd_flags & AMD_IVHD_COHERENT ? AMD_CONTROL_COHERENT : 0);
}

/* Everything that it may remember from somebody before us. */
static int forget_all(struct amd_iommu *m)
{
    int rc = 0;

    spin_lock(&m->lock);
    for (uint32_t i = 0; i < m->nr_dte && !rc; i++)
        rc = amd_post_devtab_entry(m, (uint16_t)i);
    if (!rc)
        rc = amd_ring_wait(m);
    spin_unlock(&m->lock);
    return rc;
}

int amd_start_one(struct amd_iommu *m, const struct acpi_iommu *fw, unsigned int index,
                  uint32_t nr_dte)
{
    const uint64_t control = control_for(fw->flags);
    int rc;

    spin_init(&m->lock, RANK_HW);
    m->segment = fw->segment;
    m->devid = fw->devid;
    mmio_write64(m->regs, AMD_REG_CONTROL, 0); /* the firmware may have started it */
    mmio_write64(m->regs, AMD_REG_EXCL_LIMIT, 0);
    mmio_write64(m->regs, AMD_REG_EXCL_BASE, 0); /* no range goes around the tables */
    rc = amd_ring_init(m);
    if (!rc)
        rc = amd_event_init(m);
    if (!rc)
        rc = make_devtab(m, index, nr_dte);
    if (rc)
        return rc; /* at boot, once: nothing is given back */
    mmio_write64(m->regs, AMD_REG_STATUS, AMD_STATUS_EVENT_OVERFLOW | AMD_STATUS_EVENT_INT);
    mmio_write64(m->regs, AMD_REG_CONTROL, control);
    mmio_write64(m->regs, AMD_REG_CONTROL, control | AMD_CONTROL_ENABLE);
    return forget_all(m);
}

void amd_stop_one(struct amd_iommu *m) { mmio_write64(m->regs, AMD_REG_CONTROL, 0); }
