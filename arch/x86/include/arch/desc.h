/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptor tables, SYSCALL stubs and control registers of a cpu. Our part of the GDT is one page,
 * mapped as page 14 of every vcpu's GDT (selectors from 0xe000 on), and GDTR may point just so far
 * below it that those selectors work alone.
 */
#ifndef ARCH_DESC_H
#define ARCH_DESC_H

#include <hv/types.h>

struct vcpu;

#define IST_NMI 1
#define IST_DF 2
#define IST_MC 3
#define IST_DB 4

uint64_t idt_address(void); /* a page */
/* Memory for the SYSCALL stubs of the first nr_cpus, which share pages: boot cpu, before others. */
void syscall_stubs_alloc(unsigned int nr_cpus);
/* boot cpu, first: exceptions of ours are reported from here on */
void idt_init(void);
/* on that cpu, on any stack: GDT, TSS, IDT, SYSCALL, CR4, EFER, PAT, XCR0 */
void cpu_init_tables(unsigned int cpu);
/* its page of the GDT, as 64-bit or as 32-bit guests have it */
mfn_t cpu_gdt_frame(unsigned int cpu, bool for_32bit);
void gdt_load_own(unsigned int cpu);     /* GDTR at our page alone: valid in every address space */
void gdt_load_vcpu(const struct vcpu *v); /* GDTR at v's GDT; page 14 of it is this cpu's */
void ldt_load(const struct vcpu *v);     /* v's LDT (mapped lazily), or none */
uint64_t cpu_base_cr4(void);             /* what the hypervisor itself needs */

#endif
