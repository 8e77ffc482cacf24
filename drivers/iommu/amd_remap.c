/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Remapping of interrupts by AMD's IOMMUs, by all of them or by none: when it can be, whose table a
 * device's messages and an IO-APIC's pins come to. 48882, "IVHD Device Entries": special ones.
 */
#include "amd_priv.h"

#include <arch/boot.h>
#include <arch/msi.h>
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>

#define VARIETY_IOAPIC 1
#define MAX_SHARING 2U /* IO-APICs with one requester id */
#define PINS 256U      /* of the table for each of them */

static const struct acpi_ivrs *ivrs(void) { return &acpi_info.ivrs; }

/* How many before it have the same requester id. */
static unsigned int rank_of(const struct acpi_ivrs_special *s)
{
    unsigned int n = 0;

    for (const struct acpi_ivrs_special *o = ivrs()->special; o < s; o++)
        n += o->variety == VARIETY_IOAPIC && o->iommu == s->iommu && o->devid == s->devid;
    return n;
}

/* NULL: none, or one that there is no place for. */
static const struct acpi_ivrs_special *find_ioapic(uint8_t id)
{
    for (unsigned int i = 0; i < ivrs()->nr_special; i++) {
        const struct acpi_ivrs_special *s = &ivrs()->special[i];

        if (s->variety == VARIETY_IOAPIC && s->handle == id)
            return rank_of(s) < MAX_SHARING ? s : NULL;
    }
    return NULL;
}

static const char *why_not(void)
{
    if (!opt_iommu_intremap)
        return "iommu=no-intremap";
    for (unsigned int i = 0; i < acpi_info.madt.nr_ioapics; i++)
        if (!find_ioapic(acpi_info.madt.ioapic[i].id))
            return "an IO-APIC is behind no IOMMU";
    return NULL;
}

bool amd_remap_wanted(void) { return !why_not(); }

int amd_remap_start(struct amd_iommu *m, unsigned int index)
{
    int rc = 0;

    for (unsigned int i = 0; i < ivrs()->nr_special && !rc; i++) {
        const struct acpi_ivrs_special *s = &ivrs()->special[i];

        if (s->iommu == index && s->variety == VARIETY_IOAPIC)
            rc = amd_intr_start(m, s->devid, amd_intr_passes(s->settings));
    }
    return rc;
}

static int intr_prepare(uint32_t sbdf)
{
    uint16_t devid;
    struct amd_iommu *m = amd_message_source(sbdf, &devid);

    return m ? amd_intr_prepare(m, devid) : 0;
}

/* A function that the firmware does not list is blocked. */
static int intr_message(uint32_t sbdf, const struct iommu_intr *i, struct iommu_message *out)
{
    uint16_t devid;
    struct amd_iommu *m = amd_message_source(sbdf, &devid);

    *out = (struct iommu_message){ .address = MSI_ADDRESS, .data = i->index };
    return m ? amd_intr_message(m, devid, i) : -EACCES;
}

static int intr_end(uint32_t sbdf, const struct iommu_intr *i)
{
    uint16_t devid;
    struct amd_iommu *m = amd_message_source(sbdf, &devid);

    return m ? amd_intr_end(m, devid, i) : 0;
}

static int intr_pin(uint8_t ioapic, unsigned int pin, const struct iommu_intr *i, uint64_t *rte)
{
    const struct acpi_ivrs_special *s = find_ioapic(ioapic);

    if (!s || pin >= PINS)
        return -EIO;
    return amd_intr_pin(amd_unit(s->iommu), s->devid, rank_of(s) * PINS + pin, i, rte);
}

const struct iommu_intr_ops *amd_remap_ops(const char **why)
{
    static const struct iommu_intr_ops ops = {
        .prepare = intr_prepare, .message = intr_message, .end = intr_end, .pin = intr_pin,
    };

    *why = why_not();
    return *why ? NULL : &ops;
}
