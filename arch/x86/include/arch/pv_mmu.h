/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of PV guests: direct paging. The guest writes its own page tables with machine frame
 * numbers, through us; what each entry may say is checked here (docs/page-types.md). The hypercalls
 * are declared in <hv/hypercall.h>.
 */
#ifndef ARCH_PV_MMU_H
#define ARCH_PV_MMU_H

#include <abi.h>
#include <arch/layout.h>
#include <arch/page_type.h>
#include <arch/pt.h>
#include <hv/cpumask.h>
#include <hv/domain.h>
#include <hv/types.h>

struct domain;
struct rangeset;
struct vcpu;

/* frames whose mappings lose RW: MMCFG, IO-APICs, MSI-X tables; NULL until init */
extern struct rangeset *mmio_ro_ranges;
void pv_mmu_init(void);                 /* boot: the set above */

/* --- entries (l1_entry.c); under the pt_lock of d --------------------------------------------- */

/*
 * Take what a present L1 entry of d's refers to, a frame of owner's (d, a domain that d's user
 * controls, dom_io, dom_xen), and make the entry what the hardware shall see. The number of a
 * translated owner's frame is its own, a gfn, unless w says no_translate; only entries that a
 * hypercall brings name such an owner, so no entry is ever translated twice. Of dom_xen's, the
 * numbers of the M2P's pages are translated. -EINVAL, -EPERM, -ERESTART.
 */
int pv_l1e_get(struct domain *d, struct domain *owner, pte_t *e, struct pt_work *w)
    REQUIRES(d->arch.pt_lock) must_check;
/* a present entry that is gone from its table; true: it was the last to hold its page (a hint) */
bool pv_l1e_put(pte_t e);
void pv_l1e_put_write(pte_t e); /* an entry with RW that has lost it */

/* --- the M2P for toolstacks (l1_entry_m2p.c) -------------------------------------------------- */

/* Is it one of the numbers that arch_m2p_frame() gives away? No machine frame has it. */
bool pv_names_m2p(mfn_t mfn);
/* The page of the M2P that it means, with a reference, dom_xen's; NULL: none. */
struct page *pv_m2p_page_get(mfn_t mfn);

/*
 * Bits that a guest may not set in a present entry above level 1. Bits 53 to 62 are its own:
 * kernels keep notes there.
 */
#define TABLE_DISALLOWED (PTE_GLOBAL | PTE_PSE | PTE_PCD | PTE_PWT)
#define PTE_CACHE_BITS (PTE_PAT | PTE_PCD | PTE_PWT)

/*
 * The guest's kernel runs in ring 3 too: its pages are marked, and only those of its user stay over
 * a change of cr3.
 */
static inline uint64_t pv_l1_adjust(const struct domain *d, uint64_t v)
{
    if (domain_is_32bit(d)) /* its kernel is in ring 1, so the guest's own bit says it all */
        return v & ~PTE_GLOBAL;
    if ((v & (PTE_USER | PTE_GUEST_KERNEL)) == PTE_USER)
        return v | PTE_GLOBAL;
    return (v & ~PTE_GLOBAL) | PTE_USER | PTE_GUEST_KERNEL;
}
static inline bool pv_hv_slot(unsigned int slot) { return slot - HV_FIRST_SLOT < HV_NR_SLOTS; }

/* Entries of a table that are not the guest's: ours, or beyond what it knows of. */
static inline bool pv_our_entry(const struct domain *d, enum page_type type, unsigned int slot)
{
    if (type == PT_L4)
        return pv_hv_slot(slot);
    if (type == PT_L2_TOP)
        return slot >= PV32_FIRST_L2_SLOT;
    return type == PT_L3 && slot >= PV32_L3_ENTRIES && domain_is_32bit(d);
}

/* The type that an entry of a table asks of the table that it refers to. */
static inline enum page_type pv_child_type(const struct domain *d, enum page_type type,
                                           unsigned int slot)
{
    if (type == PT_L3 && slot == PV32_L3_ENTRIES - 1 && domain_is_32bit(d))
        return PT_L2_TOP;
    return (enum page_type)(page_type_level(type) - 1);
}

/* Bits that an entry above level 1 may not have. A PAE guest's L3 has none beyond the address. */
static inline uint64_t pv_table_disallowed(const struct domain *d, enum page_type type)
{
    return TABLE_DISALLOWED | (type == PT_L3 && domain_is_32bit(d) ? ~PTE_ADDR & ~0xfffULL : 0);
}

/*
 * What the hardware needs in such an entry besides. With a kernel in ring 1 the guest's USER bits
 * mean what they say, but a PAE L3 does not have them.
 */
static inline uint64_t pv_table_added(const struct domain *d, enum page_type type)
{
    if (!domain_is_32bit(d))
        return PTE_USER;
    return type == PT_L3 ? PTE_USER | PTE_RW : 0;
}

/* The top level of what a guest calls its page table. */
static inline enum page_type pv_top_type(const struct domain *d)
{
    return domain_is_32bit(d) ? PT_L3 : PT_L4;
}

/* --- tables (mmu.c) --------------------------------------------------------------------------- */

void pv_init_l4_slots(struct domain *d, pte_t *l4); /* our part of an L4 of the domain's */
/* What is ours in a table whose entries have been checked: all but PT_L1. */
void pv_init_our_entries(struct domain *d, enum page_type type, pte_t *table);
/*
 * Leaf entry of a guest address in the domain's page table; NULL: no L1 there, or ours. Under the
 * pt_lock.
 */
pte_t *pv_l1_entry(struct domain *d, mfn_t top, uint64_t va) REQUIRES(d->arch.pt_lock);
/*
 * Replace an entry of a validated L1 by what the guest asks for, with all checks. Under the pt_lock
 * of d.
 */
int pv_l1_update(struct domain *d, struct domain *owner, pte_t *p, uint64_t val, bool preserve_ad,
                 struct pt_work *w) REQUIRES(d->arch.pt_lock) must_check;
/*
 * The same for val made from old; -EAGAIN: the entry is not old any more (the hardware set a bit).
 */
int pv_l1_modify(struct domain *d, pte_t *p, pte_t old, uint64_t val, struct pt_work *w)
    REQUIRES(d->arch.pt_lock) must_check;

/* Cpus on which the vcpus named by a guest's bitmap may have translations. -EFAULT. */
int pv_vcpu_mask(struct domain *d, uint64_t bitmap, cpumask_t *cpus) must_check;

/* --- address spaces (mmu_ext.c) --------------------------------------------------------------- */

void pv_update_cr3(struct vcpu *v); /* v->arch.cr3 by the mode it is in */
/*
 * Load base page tables into a vcpu that does not run (INVALID_MFN: none). -EINVAL, -ERESTART:
 * again.
 */
int pv_vcpu_set_tables(struct vcpu *v, mfn_t kernel_l4, mfn_t user_l4) must_check;
/*
 * The tree that the domain builder has made by hand becomes page tables, pinned. Any time it takes;
 * boot.
 */
int pv_mmu_adopt_l4(struct domain *d, mfn_t l4) must_check;
/*
 * Give back all page tables, frames and descriptor pages of a domain whose vcpus are stopped.
 * -ERESTART: again.
 */
int pv_domain_relinquish(struct domain *d) must_check;
/* Give back all of d's frames, of whatever use: 0, or -ERESTART. */
int pv_release_frames(struct domain *d) must_check;
/* Finish what an earlier call left half undone. -ERESTART. Without locks. */
int pv_finish_old_table(struct vcpu *v) must_check;
void pv_park_old_table(struct vcpu *v, struct page *pg); /* for the above; under the pt_lock */
/* what page_table_get() refused and left half undone */
void pv_park_refused(struct vcpu *v, int rc, const struct pt_work *w);

/* --- descriptor tables (descriptor_page.c) ---------------------------------------------------- */

/* what a guest gets; false: not allowed */
bool pv_descriptor_fix(const struct domain *d, uint64_t *desc);
/* all 512 of a page that gets the type PT_SEGDESC */
bool pv_descriptor_page_check(const struct domain *owner, uint64_t *page);
/* v is current, or does not run */
int pv_set_gdt(struct vcpu *v, const mfn_t *frame, unsigned int entries) must_check;
void pv_drop_gdt(struct vcpu *v);
void pv_drop_ldt(struct vcpu *v);            /* unmap its pages */
int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries) must_check;
/* page fault in LDT_VIRT; false: not there */
bool pv_map_ldt_page(struct vcpu *v, unsigned int index);

/* --- page faults (ptwr.c) --------------------------------------------------------------------- */

/*
 * Write faults of the guest kernel on present pages. True: done, the guest goes on behind the
 * instruction.
 */
bool pv_ptwr_fault(struct vcpu *v, uint64_t cr2, struct cpu_user_regs *regs);
bool pv_mmio_ro_fault(struct vcpu *v, uint64_t cr2, struct cpu_user_regs *regs);

/* --- grants ----------------------------------------------------------------------------------- */

/*
 * Put a frame of another domain's, with the references that the grant table holds, into current's
 * L1 entry at addr (virtual, or the machine address of the entry). The entry owns the references
 * from then on. 0 or -EINVAL.
 */
int pv_grant_map(struct vcpu *v, uint64_t addr, bool contains_pte, mfn_t mfn, uint64_t flags)
    must_check;
/*
 * Take it out again: -EINVAL unless the entry maps that frame, and for writing if and only if
 * `write`. The references that such an entry owns, to the page and perhaps to its being writable,
 * are the caller's to drop.
 */
int pv_grant_unmap(struct vcpu *v, uint64_t addr, bool contains_pte, mfn_t mfn, bool write,
                   uint64_t new_addr) must_check;

#endif
