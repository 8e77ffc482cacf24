/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets and cores, from the APIC id's fields: CPUID 0xb (Intel SDM vol. 2A, "Extended Topology
 * Enumeration Leaf"; AMD APM vol. 3 appendix E.3.8), else the counts of leaf 1 and 0x80000008. All
 * processors of a host are taken to be of one kind.
 */
#include <arch/cpu.h>
#include <arch/numa.h>
#include <arch/smpboot.h>
#include <arch/topology.h>

/* APIC id: socket above socket_bits, core above smt_bits */
static unsigned int smt_bits, socket_bits;

static unsigned int bits_for(unsigned int n)
{
    unsigned int bits = 0;

    while ((1U << bits) < n)
        bits++;
    return bits;
}

void topology_init(void)
{
    uint32_t max = cpuid(0, 0).a;
    unsigned int logical;

    if (max >= 0xb && (cpuid(0xb, 0).b & 0xffff) != 0) {
        smt_bits = cpuid(0xb, 0).a & 0x1f;
        socket_bits = cpuid(0xb, 1).a & 0x1f;
        return;
    }
    logical = (cpuid(1, 0).d & BIT(28)) ? (cpuid(1, 0).b >> 16) & 0xff : 1;
    socket_bits = bits_for(logical ? logical : 1);
    if (cpuid(0x80000000, 0).a >= 0x80000008 && (cpuid(0x80000008, 0).c & 0xff) + 1 < logical)
        smt_bits = socket_bits - bits_for((cpuid(0x80000008, 0).c & 0xff) + 1);
}

unsigned int topology_threads_per_core(void) { return 1U << smt_bits; }

unsigned int topology_cores_per_socket(void) { return 1U << (socket_bits - smt_bits); }

bool topology_of(unsigned int cpu, struct topology *t)
{
    uint32_t id;

    if (cpu >= nr_cpu_ids || !cpumask_test(&cpu_online_map, cpu))
        return false;
    id = cpu_apic_id[cpu];
    t->socket = id >> socket_bits;
    t->core = (id >> smt_bits) & ((1U << (socket_bits - smt_bits)) - 1);
    t->node = numa_node_of_apic(id);
    return true;
}
