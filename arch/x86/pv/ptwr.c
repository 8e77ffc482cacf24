/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stores of a guest's kernel that faulted because the page is mapped read-only on purpose: level 1
 * page tables ("writable page tables") and read-only device frames. The store is decoded and done
 * here under the rules for such a page.
 */
#include <arch/msi.h>
#include <arch/pv.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/rangeset.h>

#include "ptwr_decode.h"

#define MAX_INSN 15

/* The instruction at rip: as many bytes as can be read, up to 15. */
static unsigned int fetch(uint64_t rip, uint8_t *bytes)
{
    unsigned int first = (unsigned int)MIN((uint64_t)MAX_INSN,
                                           PAGE_SIZE - (rip & PAGE_OFFSET_MASK));

    if (guest_read(bytes, rip, first))
        return 0;
    if (first < MAX_INSN && guest_read(bytes + first, rip + first, MAX_INSN - first) == 0)
        return MAX_INSN;
    return first;
}

static bool decode_at(struct store *s, const struct vcpu *v, const struct cpu_user_regs *regs)
{
    uint8_t bytes[MAX_INSN];
    unsigned int nr = fetch(pv_linear_rip(v, regs), bytes);
    bool code64;

    return nr > 0 && pv_code_width(v, regs, &code64) && store_decode(s, bytes, nr, code64, regs);
}

/* What the guest has mapped at va: its leaf entry, {0} if nothing. */
static pte_t leaf_at(struct domain *d, const struct vcpu *v, uint64_t va)
    REQUIRES(d->arch.pt_lock)
{
    pte_t *p = pv_l1_entry(d, v->arch.pv.kernel_l4, va), e = { 0 };

    if (p != NULL) {
        e.v = read_once(p->v);
        page_unmap(p);
    }
    return e;
}

/* The store to part of the entry at p, as an update of the entry. Under the pt_lock. */
static bool store_to_entry(struct domain *d, pte_t *p, unsigned int shift, const struct store *s,
                           struct cpu_user_regs *regs) REQUIRES(d->arch.pt_lock)
{
    uint64_t m = s->size == 8 ? ~0ULL : ((1ULL << (s->size * 8)) - 1), part;
    struct pt_work w = { .budget = PT_BUDGET };
    pte_t old;
    int rc = 0;

    /* again when the hardware has set a bit meanwhile: only accessed and dirty are left to set */
    do {
        old.v = read_once(p->v);
        if (store_value(s, regs, old.v >> shift, &part))
            rc = pv_l1_modify(d, p, old, (old.v & ~(m << shift)) | (part << shift), &w);
    } while (rc == -EAGAIN);
    if (rc == 0)
        store_finish(s, regs, old.v >> shift);
    return rc == 0 || rc == -ERESTART; /* -ERESTART: the guest makes the store again */
}

bool pv_ptwr_fault(struct vcpu *v, uint64_t cr2, struct cpu_user_regs *regs)
{
    struct domain *d = v->domain;
    struct page *pg = NULL;
    struct store s;
    bool done = false;
    pte_t e;

    spin_lock(&d->arch.pt_lock);
    e = leaf_at(d, v, cr2);
    if (pte_present(e) && !(e.v & PTE_RW))
        pg = mfn_to_page(pte_mfn(e));
    if (pg == NULL || read_once(pg->owner) != d->id || page_table_type(pg) != PT_L1 ||
        !page_get(pg, d)) {
        spin_unlock(&d->arch.pt_lock);
        return false;
    }
    spin_unlock(&d->arch.pt_lock);

    if (decode_at(&s, v, regs) && (cr2 & (s.size - 1U)) == 0) {
        spin_lock(&d->arch.pt_lock);
        if (page_table_type(pg) == PT_L1) {
            char *va = page_map(page_to_mfn(pg));

            done = store_to_entry(d, (pte_t *)(void *)(va + (cr2 & PAGE_OFFSET_MASK & ~7ULL)),
                                  (unsigned int)(cr2 & 7) * 8, &s, regs);
            page_unmap(va);
        }
        spin_unlock(&d->arch.pt_lock);
    }
    page_put(pg);
    return done;
}

bool pv_mmio_ro_fault(struct vcpu *v, uint64_t cr2, struct cpu_user_regs *regs)
{
    struct store s;
    uint64_t val;
    pte_t e;

    if (!v->domain->is_hardware || mmio_ro_ranges == NULL)
        return false;
    spin_lock(&v->domain->arch.pt_lock);
    e = leaf_at(v->domain, v, cr2);
    spin_unlock(&v->domain->arch.pt_lock);
    if (!pte_present(e) || (e.v & PTE_RW) ||
        !rangeset_contains(mmio_ro_ranges, pte_mfn(e).n, pte_mfn(e).n))
        return false;
    if (!decode_at(&s, v, regs) || s.op != STORE_MOV || s.size > 4)
        return false;
    (void)store_value(&s, regs, 0, &val);
    /* Configuration space takes it if the rules for it do; elsewhere the store has no effect. */
    (void)pci_mmcfg_write(mfn_to_paddr(pte_mfn(e)) + (cr2 & PAGE_OFFSET_MASK), s.size,
                          (uint32_t)val);
    store_finish(&s, regs, 0);
    return true;
}
