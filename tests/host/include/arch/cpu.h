/* SPDX-License-Identifier: GPL-2.0-only */
/* Host build: the test says which cpu and vcpu it plays. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <abi.h>
#include <arch/insn.h>
#include <arch/layout.h>

struct vcpu;
extern struct vcpu *host_current[];
extern unsigned int host_cpu;

/* Of the machine's features, those that are asked for here. */
struct cpu_features {
    bool nx, page1gb;
    uint8_t phys_bits, vendor;
};
extern struct cpu_features cpu_features;

#define current (host_current[host_cpu])
#define smp_processor_id() (host_cpu)

#endif
