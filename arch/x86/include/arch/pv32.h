/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 32-bit PV guests: PAE page tables, kernel in ring 1, hypercalls by int 0x82. docs/pv32.md. What
 * is the same for both widths asks domain_is_32bit() where it differs; what is different altogether
 * is behind these.
 */
#ifndef ARCH_PV32_H
#define ARCH_PV32_H

#include <arch/layout.h>
#include <arch/pt.h>
#include <hv/types.h>

struct bounce;
struct cpu_user_regs;
struct domain;
struct vcpu;
struct xen_domctl;

/* --- the 32-bit M2P (mm/pv32_m2p.c) ----------------------------------------------------------- */

/* Our entries of an L2 behind slot 3: the M2P, read-only. */
extern pte_t pv32_l2[PT_ENTRIES - PV32_FIRST_L2_SLOT];
extern uint32_t *pv32_m2p[]; /* a piece of 2 MiB for each entry; NULL: none */
extern bool pv32_m2p_built;

int pv32_m2p_init(void) must_check; /* with the first 32-bit domain; -ENOMEM */
/* Called by m2p_set() and its kin for each frame, once it is built. */
void pv32_m2p_set(mfn_t mfn, uint64_t pfn);
/* The first of 512 frames in a row that hold piece i. False: there is none, or no table yet. */
bool pv32_m2p_piece(unsigned int i, mfn_t *mfn);
/* Bits of machine addresses that the table covers: where a 32-bit guest's frames must be. */
unsigned int pv32_address_bits(void);

/* --- domains and vcpus (pv/pv32_domain.c) ----------------------------------------------------- */

/* XEN_DOMCTL_set_address_size 32: the domain has no memory yet. */
int pv32_set_32bit(struct domain *d) must_check;
int pv32_vcpu_create(struct vcpu *v) must_check; /* its L4 */
void pv32_vcpu_destroy(struct vcpu *v);
void pv32_reset(struct vcpu *v);                 /* registers before it has a context */
/* Put the guest's page table (INVALID_MFN: none) into v's L4: what cr3 is to be. */
paddr_t pv32_show_l3(struct vcpu *v, mfn_t l3);

/* In the kernel, ring 1? regs are v's. */
bool pv32_in_kernel(const struct vcpu *v);

/* --- entries (pv/pv32_entry.c) ---------------------------------------------------------------- */

#define PV32_HYPERCALL_VECTOR 0x82

void pv32_bounce(struct vcpu *v, struct cpu_user_regs *regs, const struct bounce *b);

/* --- hypercalls (pv/pv32_call.c, pv/mmu.c) ---------------------------------------------------- */

void pv32_hypercall(struct cpu_user_regs *regs); /* from entry.S: int 0x82 */
uint64_t *pv32_argument(struct cpu_user_regs *regs, unsigned int i);
long pv32_update_va_mapping(struct vcpu *v, const uint64_t arg[]);
long pv32_update_va_mapping_otherdomain(struct vcpu *v, const uint64_t arg[]);
long pv32_iret(struct vcpu *v);
void pv32_fill_hypercall_page(void *page);

/* --- contexts (pv/pv32_context.c) ------------------------------------------------------------- */

/* Like pv_set_context() and pv_get_context(), from and to the caller's memory. */
int pv32_context_from(struct vcpu *v, uint64_t addr, bool *online) must_check;
int pv32_context_to(struct vcpu *v, uint64_t addr) must_check;
uint32_t pv32_fold_cr3(mfn_t mfn); /* what such a guest sees as cr3 */

#endif
