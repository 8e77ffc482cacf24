/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-cpu variables: a template section, one copy per cpu, found from struct cpu_info at the top of
 * the stack.
 */
#ifndef ARCH_PERCPU_H
#define ARCH_PERCPU_H

#include <hv/cpumask.h>
#include <hv/types.h>

extern uint64_t percpu_offset[NR_CPUS]; /* distance from the template to cpu n's copy */

uint64_t this_cpu_offset(void); /* inline in <arch/cpu.h> */

#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu__##name
#define DEFINE_PER_CPU(type, name) \
    __attribute__((section(".percpu"))) __typeof__(type) percpu__##name
#define per_cpu(name, cpu) \
    (*(__typeof__(percpu__##name) *)((char *)&percpu__##name + percpu_offset[cpu]))
#define this_cpu(name) \
    (*(__typeof__(percpu__##name) *)((char *)&percpu__##name + get_cpu_info()->percpu_offset))

#include <arch/cpu.h>

#endif
