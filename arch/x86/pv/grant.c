/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Granted frames in a PV guest's page tables: what a mapping's flags mean for its entry. Finding,
 * checking and writing the entry is the page-table code's (pv_grant_map). Those in a physmap are in
 * hvm/grant.c.
 */
#include <arch/cpu.h>
#include <arch/hvm_grant.h>
#include <arch/pv_mmu.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/gnttab.h>

#define PTE_AVAIL_SHIFT 9

/* Public grant_table.h, "GNTMAP flags": memory of others is data, so never executable. */
static uint64_t entry_flags(const struct domain *d, uint32_t flags)
{
    uint64_t pte = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

    if (cpu_features.nx)
        pte |= PTE_NX;
    if (!(flags & GNTMAP_readonly))
        pte |= PTE_RW;
    if (flags & GNTMAP_application_map)
        pte |= PTE_USER;
    pte |= ((uint64_t)flags >> _GNTMAP_guest_avail0) << PTE_AVAIL_SHIFT & PTE_AVAIL;
    return pv_l1_adjust(d, pte);
}

int arch_gnttab_map(uint64_t host_addr, mfn_t frame, uint32_t flags, unsigned int cache_flags)
{
    struct vcpu *v = current;

    if (is_hvm(v->domain))
        return hvm_gnttab_map(v->domain, host_addr, frame, flags);
    if (pv_grant_map(v, host_addr, flags & GNTMAP_contains_pte, frame,
                     entry_flags(v->domain, flags)))
        return GNTST_general_error;
    page_note_foreign(mfn_to_page_known(frame));
    return GNTST_okay;
}

int arch_gnttab_unmap(uint64_t host_addr, mfn_t frame, uint64_t new_addr, uint32_t flags)
{
    struct vcpu *v = current;
    bool contains_pte = flags & GNTMAP_contains_pte;

    if (is_hvm(v->domain))
        return new_addr ? GNTST_general_error
                        : hvm_gnttab_unmap(v->domain, host_addr, frame, flags);
    if (contains_pte && new_addr)
        return GNTST_general_error;
    if (pv_grant_unmap(v, host_addr, contains_pte, frame, !(flags & GNTMAP_readonly), new_addr))
        return GNTST_general_error;
    return GNTST_okay;
}

void arch_gnttab_flush(struct domain *d)
{
    if (is_pv(d)) /* a physmap's change has flushed already */
        tlb_flush_mask(&d->dirty_cpus);
}
