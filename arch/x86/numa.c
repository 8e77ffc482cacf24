/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NUMA topology from SRAT and SLIT. ACPI specification, "System Resource Affinity Table", "System
 * Locality Information Table".
 */
#include <arch/numa.h>
#include <drivers/acpi.h>
#include <hv/log.h>

static const struct acpi_info *info;
static uint32_t domain_of_node[MAX_NODES];
static unsigned int nr_nodes = 1;

/*
 * A proximity domain's node, given a number on first sight; more than MAX_NODES fold into the last.
 */
static unsigned int node_of_domain(uint32_t domain)
{
    for (unsigned int i = 0; i < nr_nodes; i++)
        if (domain_of_node[i] == domain)
            return i;
    if (nr_nodes == MAX_NODES)
        return MAX_NODES - 1;
    domain_of_node[nr_nodes] = domain;
    return nr_nodes++;
}

static bool have_srat(void)
{
    return info != NULL && (info->have & ACPI_HAVE_SRAT) && info->srat.nr_mem > 0;
}

void numa_init(const struct acpi_info *acpi)
{
    info = acpi;
    if (!have_srat())
        return;
    domain_of_node[0] = info->srat.mem[0].domain;
    for (unsigned int i = 0; i < info->srat.nr_mem; i++)
        node_of_domain(info->srat.mem[i].domain);
    for (unsigned int i = 0; i < info->srat.nr_cpus; i++)
        node_of_domain(info->srat.cpu[i].domain);
    log_info("NUMA: %u nodes", nr_nodes);
}

unsigned int numa_nr_nodes(void) { return nr_nodes; }

uint64_t numa_range_end(uint64_t start, uint64_t end, unsigned int *node)
{
    *node = 0;
    if (!have_srat())
        return end;
    for (unsigned int i = 0; i < info->srat.nr_mem; i++) {
        const struct acpi_mem_affinity *m = &info->srat.mem[i];
        uint64_t m_end = m->start + m->size;

        if (start >= m->start && start < m_end) {
            *node = node_of_domain(m->domain);
            return MIN(end, m_end);
        }
        if (m->start > start)
            end = MIN(end, m->start);
    }
    return end;
}

unsigned int numa_node_of_apic(uint32_t apic_id)
{
    if (have_srat())
        for (unsigned int i = 0; i < info->srat.nr_cpus; i++)
            if (info->srat.cpu[i].apic_id == apic_id)
                return node_of_domain(info->srat.cpu[i].domain);
    return 0;
}

unsigned int numa_distance(unsigned int from, unsigned int to)
{
    const struct acpi_slit *s;

    if (info != NULL && (info->have & ACPI_HAVE_SLIT)) {
        s = &info->slit;
        if (domain_of_node[from] < s->nr && domain_of_node[to] < s->nr)
            return s->distance[domain_of_node[from] * s->nr + domain_of_node[to]];
    }
    return from == to ? 10 : 20;
}
