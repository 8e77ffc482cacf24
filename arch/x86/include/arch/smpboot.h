/* SPDX-License-Identifier: GPL-2.0-only */
/* Bringing the other cpus up, and which cpu is which APIC. */
#ifndef ARCH_SMPBOOT_H
#define ARCH_SMPBOOT_H

#include <hv/cpumask.h>
#include <hv/types.h>

#define NO_APIC_ID 0xffffffffU
extern uint32_t cpu_apic_id[NR_CPUS]; /* [nr_cpu_ids], known from smpboot_enumerate() on */
extern uint32_t cpu_acpi_id[NR_CPUS]; /* the firmware's processor numbers (XENPF_get_cpuinfo) */
extern paddr_t trampoline_pa;         /* a page of RAM below 640 KiB, reserved early at boot */

/*
 * From the MADT: numbers the cpus (this one is 0), sets nr_cpu_ids. After ACPI and
 * apic_init_boot().
 */
void smpboot_enumerate(void);
/*
 * Starts the other cpus and returns at once. They come online by themselves, a bounded number at a
 * time: each starts the next when it is done. trampoline_pa must be set; heap, timers and scheduler
 * of this cpu must be ready.
 */
void smp_boot_start(void);
bool smpboot_all_running(void); /* every cpu that the machine has */
/* The cpu with an APIC id, NR_CPUS if none. */
unsigned int smpboot_cpu_of(uint32_t apic_id);

/* trampoline.S */
void trampoline_patch(uint32_t page);

/*
 * percpu.c: per-cpu variables and stack. The boot cpu uses the template itself; others get a zeroed
 * copy.
 */
void percpu_init_bsp(void); /* needs the heap */
int percpu_alloc(unsigned int cpu) must_check;
void cpu_info_init(unsigned int cpu);
void *cpu_stack_top(unsigned int cpu); /* below its struct cpu_info */

/*
 * Implemented beside the IDT: load GDT, TSS with its IST stacks and IDT of this cpu; control
 * registers and MSRs.
 */
void cpu_init_tables(unsigned int cpu);

#endif
