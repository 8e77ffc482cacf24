/* SPDX-License-Identifier: GPL-2.0-only */
/* What VT-d's sources want of the machine: timers that do not fire, no interrupt to be had. */
#ifndef VTD_STUBS_H
#define VTD_STUBS_H

#include <arch/boot.h>
#include <arch/irq.h>
#include <hv/errno.h>
#include <hv/time.h>
#include <hv/timer.h>

static ns_t now;
ns_t time_now(void) { return now += MICROSECS(10); }
void timer_init(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu) { }
void timer_set(struct timer *t, ns_t at) { }
int irq_alloc_msi(unsigned int nr, const struct irq_chip *chip, void *data) { return -ENOSPC; }
struct irq_desc *irq_to_desc(unsigned int irq) { return NULL; }
int irq_request(unsigned int irq, void (*fn)(void *), void *data) { return -EBUSY; }
uint32_t cpu_apic_id[NR_CPUS];
bool opt_iommu_queue = true, opt_iommu_snoop = true, opt_iommu_intremap = true;
struct e820 host_e820;
struct acpi_info acpi_info;
struct pci_config pci_hw;

#endif
