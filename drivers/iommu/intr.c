/* SPDX-License-Identifier: GPL-2.0-only */
/* Remapping of interrupts by whatever IOMMU there is. docs/iommu.md "Interrupts" */
#include "priv.h"

#include <hv/iommu_intr.h>
#include <hv/log.h>

bool iommu_intr_on(void) { return iommu_intr != NULL; }
bool iommu_intr_wide(void) { return iommu_intr && iommu_intr->wide && iommu_intr->wide(); }

int iommu_message_prepare(uint32_t sbdf)
{
    return iommu_intr && iommu_intr->prepare ? iommu_intr->prepare(sbdf) : 0;
}

int iommu_message(uint32_t sbdf, const struct iommu_intr *i, struct iommu_message *out)
{
    return iommu_intr ? iommu_intr->message(sbdf, i, out) : 0;
}

void iommu_message_end(uint32_t sbdf, const struct iommu_intr *i)
{
    if (iommu_intr && iommu_intr->end(sbdf, i))
        panic("IOMMU: an invalidation is not finished: devices could raise what is not theirs");
}

int iommu_pin(uint8_t ioapic, unsigned int pin, const struct iommu_intr *i, uint64_t *rte)
{
    return iommu_intr ? iommu_intr->pin(ioapic, pin, i, rte) : 0;
}
