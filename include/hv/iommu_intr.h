/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Remapping of interrupts: a message or an IO-APIC's pin names an entry of an IOMMU's table, and
 * the entry says what is raised. All devices and IO-APICs are remapped, or none. docs/iommu.md
 *
 * Locks up to RANK_VECTOR may be held, but for iommu_message_prepare().
 */
#ifndef HV_IOMMU_INTR_H
#define HV_IOMMU_INTR_H

#include <hv/types.h>

/* nr vectors (a power of two) at one processor. */
struct iommu_intr {
    uint32_t dest;    /* APIC id */
    uint16_t irq;     /* the first, nr of them */
    uint16_t index;   /* of an MSI-X entry, else 0 */
    uint8_t vector, nr;
    bool level;
};

struct iommu_message {
    uint32_t address, address_high, data;
};

bool iommu_intr_on(void);
bool iommu_intr_wide(void); /* APIC ids above 254 can be reached */

/* Memory that the function's messages need. -ENOMEM. */
int iommu_message_prepare(uint32_t sbdf) must_check;
/*
 * The function shall raise it. 1: by *out; 0: nothing remaps its messages; -EACCES: it is nobody's,
 * or its requester id is an IO-APIC's; -ENOSPC; -EIO. After the first time a change fails only
 * with -EIO, and what a message says stays as it is.
 */
int iommu_message(uint32_t sbdf, const struct iommu_intr *i, struct iommu_message *out) must_check;
void iommu_message_end(uint32_t sbdf, const struct iommu_intr *i); /* raises it no longer */

/*
 * The pin shall raise it. 1: *rte is what its entry says but for mode and mask, and its vector
 * ends it in the IO-APIC; 0: nothing is remapped; -EIO.
 */
int iommu_pin(uint8_t ioapic, unsigned int pin, const struct iommu_intr *i, uint64_t *rte)
    must_check;

/* The machine is about to be reset: neither this nor translation goes on. Takes no locks. */
void iommu_quiesce(void);

#endif
