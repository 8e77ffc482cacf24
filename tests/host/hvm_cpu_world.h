/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One vcpu of an HVM domain on a made-up machine, for tests of CPUID and MSRs: the control block,
 * the LAPIC and the machine are stand-ins that remember what was asked of them.
 */
#ifndef HOST_HVM_CPU_WORLD_H
#define HOST_HVM_CPU_WORLD_H

#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/policy.h>
#include <hv/domain.h>

struct cw {
    struct cpu_policy table[NR_POLICIES];
    struct domain d;
    struct vcpu v;
    struct hvm_domain hd;
    struct hvm_vcpu hv;
    struct cpu_policy policy;
    struct vcpu_info info;

    uint64_t host_tsc;
    unsigned int updates, barriers, gpa_bits;
    uint64_t block[10];          /* MSRs of the control block, by cw_block_index() */
    bool lapic_on;
    uint64_t apic_base, deadline, x2apic;
    unsigned int deadline_writes;
    uint64_t hypercall_page;
    uint64_t viridian;           /* HVMPV_*, where it is only asked whether there are any */
    uint32_t machine_msr;        /* one that the machine has, and nobody knows */
};
extern struct cw cw;

/* The host's policy of table[]: every feature, AVX-512; limits as those of this hypervisor. */
void cw_machine(const char *vendor);
/* The domain's: HVM default of that machine, its vcpu number `id` after power-on. */
void cw_start(const char *vendor, unsigned int id);
int cw_block_index(uint32_t msr); /* -1: not there */

#endif
