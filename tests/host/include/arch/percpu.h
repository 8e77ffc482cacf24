/* SPDX-License-Identifier: GPL-2.0-only */
/* Host build: per-cpu variables are arrays, indexed by the cpu that the test plays. */
#ifndef ARCH_PERCPU_H
#define ARCH_PERCPU_H

#include <arch/cpu.h>
#include <hv/cpumask.h>

#define HOST_CPUS 64
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu__##name[HOST_CPUS]
#define DEFINE_PER_CPU(type, name) __typeof__(type) percpu__##name[HOST_CPUS]
#define per_cpu(name, cpu) (percpu__##name[cpu])
#define this_cpu(name) (percpu__##name[host_cpu])

#endif
