/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NUMA nodes, numbered from 0 in the order in which the SRAT names their proximity domains. One
 * node without an SRAT.
 */
#ifndef ARCH_NUMA_H
#define ARCH_NUMA_H

#include <hv/types.h>

#define MAX_NODES 64

struct acpi_info;

void numa_init(const struct acpi_info *acpi);
unsigned int numa_nr_nodes(void);
/*
 * The node of machine address start, and the first address in (start, end] where the node changes.
 */
uint64_t numa_range_end(uint64_t start, uint64_t end, unsigned int *node);
unsigned int numa_node_of_apic(uint32_t apic_id);
/* SLIT; 10 local, 20 remote without one */
unsigned int numa_distance(unsigned int from, unsigned int to);

#endif
