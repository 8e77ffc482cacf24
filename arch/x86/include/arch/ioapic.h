/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IO-APICs: GSIs, their polarity and trigger mode. Intel 82093AA data sheet; RTE: "I/O Redirection
 * Table Registers".
 */
#ifndef ARCH_IOAPIC_H
#define ARCH_IOAPIC_H

#include <hv/types.h>

#define RTE_LOW_ACTIVE (1ULL << 13)
#define RTE_REMOTE_IRR (1ULL << 14)
#define RTE_LEVEL (1ULL << 15)
#define RTE_MASKED (1ULL << 16)
#define RTE_MODE (RTE_LOW_ACTIVE | RTE_LEVEL | RTE_MASKED)
#define RTE_DEST_SHIFT 56

/* Fixed delivery to one physical APIC id. */
static inline uint64_t ioapic_rte(uint8_t vector, uint8_t dest, bool level, bool active_low,
                                  bool masked)
{
    return ((uint64_t)dest << RTE_DEST_SHIFT) | vector | (level ? RTE_LEVEL : 0) |
           (active_low ? RTE_LOW_ACTIVE : 0) | (masked ? RTE_MASKED : 0);
}

struct acpi_info;
extern struct acpi_info acpi_info; /* filled at boot, constant after it */

void ioapic_init(void);     /* from the MADT: masks every pin */
/* The GSI that an ISA interrupt arrives at. */
unsigned int ioapic_isa_gsi(unsigned int isa_irq);
/* -ENOENT: no such pin; -EBUSY: in use with another mode. */
int ioapic_set_mode(unsigned int gsi, bool level, bool active_low);
/* Registers by physical address of the IO-APIC, for dom0. -EINVAL: not one, or no such register. */
int ioapic_guest_read(paddr_t base, uint32_t reg, uint32_t *value);

#endif
