/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Remapping of interrupts by Intel's IOMMUs, by all of them or by none: when it can be, which unit
 * a device's messages and an IO-APIC's pins come to, under which name. D51397, chapter 5.
 */
#include "vtd_priv.h"

#include <arch/apic.h>
#include <arch/boot.h>
#include <arch/msi.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>

struct ioapic {
    struct vtd *unit;
    uint16_t devid;
    uint8_t id;
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;
static bool remaps, wide;
static const char *reason;

static const struct acpi_dmar *dmar(void) { return &acpi_info.dmar; }

static bool intr_wide(void) { return wide; }

/* A device's entry names it as long as it is there; who is behind which bridge is a long search. */
static int intr_message(uint32_t sbdf, const struct iommu_intr *i, struct iommu_message *out)
{
    struct vtd *m = vtd_unit_for(sbdf);
    uint64_t source;

    if (!m)
        return 0;
    if (!vtd_tag_of(m, (uint16_t)sbdf))
        return -EACCES;
    source = vtd_intr_source_now(m, i->irq);
    return vtd_intr_message(m, i, source ? source : vtd_intr_source(&pci_hw, sbdf), out);
}

static int intr_end(uint32_t sbdf, const struct iommu_intr *i)
{
    struct vtd *m = vtd_unit_for(sbdf);

    return m ? vtd_intr_end(m, i->irq, i->nr) : 0;
}

static int intr_pin(uint8_t ioapic, unsigned int pin, const struct iommu_intr *i, uint64_t *rte)
{
    for (unsigned int n = 0; n < nr_ioapics; n++)
        if (ioapics[n].id == ioapic)
            return vtd_intr_pin(ioapics[n].unit, i, ioapics[n].devid, rte);
    return -EIO;
}

static bool find_ioapics(struct vtd *units)
{
    const struct acpi_madt *madt = &acpi_info.madt;
    unsigned int unit;

    for (nr_ioapics = 0; nr_ioapics < madt->nr_ioapics; nr_ioapics++) {
        struct ioapic *io = &ioapics[nr_ioapics];

        io->id = madt->ioapic[nr_ioapics].id;
        if (!vtd_find_ioapic(dmar(), &pci_hw, io->id, &unit, &io->devid))
            return false;
        io->unit = &units[unit];
    }
    return true;
}

/* NULL: interrupts can be remapped. */
static const char *why_not(struct vtd *units, unsigned int nr_units)
{
    const char *why = NULL;

    if (!opt_iommu_intremap)
        return "iommu=no-intremap";
    if (!dmar()->interrupts)
        return "the firmware does not offer it";
    for (unsigned int i = 0; i < nr_units && !why; i++)
        why = !(units[i].ecap & VTD_ECAP_IR) ? "an IOMMU cannot"
              : !units[i].queued             ? "there is no queue"
                                             : NULL;
    if (!why && !find_ioapics(units))
        why = "an IO-APIC is behind no IOMMU";
    return why;
}

int vtd_remap_start(struct vtd *units, unsigned int nr_units)
{
    int rc = 0;

    reason = why_not(units, nr_units);
    remaps = !reason;
    wide = remaps && apic_is_x2() && !dmar()->no_x2apic;
    for (unsigned int i = 0; i < nr_units; i++)
        wide = wide && units[i].ecap & VTD_ECAP_EIM;
    for (unsigned int i = 0; i < nr_units && remaps && !rc; i++)
        rc = vtd_intr_start(&units[i], wide);
    return rc;
}

const struct iommu_intr_ops *vtd_remap_ops(const char **why)
{
    static const struct iommu_intr_ops ops = {
        .wide = intr_wide, .message = intr_message, .end = intr_end, .pin = intr_pin,
    };

    *why = reason;
    return remaps ? &ops : NULL;
}
