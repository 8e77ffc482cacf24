/* SPDX-License-Identifier: GPL-2.0-only */
/* What platform_op and getdomaininfo ask of the architecture. */
#ifndef HV_PLATFORM_H
#define HV_PLATFORM_H

#include <hv/types.h>

struct arch_cpu_ids {
    uint32_t apic_id, acpi_id;
    bool online;
};
bool arch_cpu_ids(unsigned int cpu, struct arch_cpu_ids *ids); /* false: no such cpu */
/*
 * dom0's kernel has prepared the machine for ACPI state S<state>; the values are for PM1a and PM1b
 * control.
 */
int arch_enter_sleep(unsigned int state, uint16_t pm1a, uint16_t pm1b, uint32_t flags);

struct domain;
/* Where shared_info is: a machine frame; of a translated domain its gfn, ~0 if not mapped. */
uint64_t arch_shared_info_frame(struct domain *d);
/* width of the addresses that it may use for memory */
uint8_t arch_gpaddr_bits(struct domain *d);

/* Can this machine run HVM guests? */
bool arch_hvm_available(void);

#endif
