/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Separation of address spaces against Meltdown (xpti=): while a guest runs, the cpu uses a view of
 * the guest's page table, an L4 of the cpu's own with the guest's slots and, of ours, only what
 * entry.S needs. docs/memory.md, "Separation".
 */
#ifndef ARCH_XPTI_H
#define ARCH_XPTI_H

#include <arch/pt.h>
#include <hv/types.h>

struct domain;
struct vcpu;

/* boot, before xpti_init_cpu(): decide by option and cpu, and say so */
void xpti_init(void);
void xpti_init_cpu(unsigned int cpu);          /* its views; after its tables (cpu_init_tables()) */
bool xpti_for(const struct domain *d);         /* whether a new domain is to be kept apart */

/*
 * On this cpu, before any page table of the vcpu before is given up: v's (NULL: nobody's) have been
 * loaded.
 */
void xpti_load(const struct vcpu *v);
/* Current's kernel or user base pointer changes; before the old table is given up. */
void xpti_base_changed(bool kernel);
/* From entry.S: make the view that current is about to run on. */
void xpti_make_view(struct vcpu *v);
/*
 * Entry `slot` of a table l4 of d's has been written: bring it to all views. Under d's pt_lock,
 * before what was there is given up.
 */
void xpti_l4_written(const struct domain *d, mfn_t l4, unsigned int slot, pte_t e);

#endif
