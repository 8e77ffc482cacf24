/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptor tables of PV guests. A frame that a GDT or an LDT shows has the type PT_SEGDESC: the
 * guest cannot write it, and every descriptor in it has been checked: nothing below ring 3 can be
 * loaded from it. Intel SDM vol. 3, "Segment Descriptors".
 */
#include <arch/desc.h>
#include <arch/paging.h>
#include <arch/pv_mmu.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>

#define DESC_PRESENT (1ULL << 47)
#define DESC_CODE_OR_DATA (1ULL << 44)
#define DESC_DPL (3ULL << 45)
#define DESC_TYPE(d) (((d) >> 40) & 0xf)
#define TYPE_CALL_GATE 0xc
#define GATE_RESERVED (0xffULL << 32) /* a 64-bit gate has no parameter count */
#define GATE_RESERVED32 (0xe0ULL << 32)
#define DESC_DPL_1 (1ULL << 45)
#define DESC_LONG (1ULL << 53)
#define DESCS_PER_PAGE 512
#define MAX_GDT_ENTRIES 7168U
#define MAX_LDT_ENTRIES 8192U

/* A call gate may lead to the flat ring 3 code segments and to the guest's own. */
static bool gate_target_ok(const struct domain *d, uint16_t selector)
{
    if (domain_is_32bit(d))
        return (selector & 4) || selector < FIRST_RESERVED_GDT_BYTE ||
               (selector | 3) == (PV32_RING1_CS | 3) || selector == PV32_RING3_CS;
    return (selector & 4) || selector < FIRST_RESERVED_GDT_BYTE || (selector | 3) == FLAT_CS32 ||
           (selector | 3) == FLAT_CS64;
}

/*
 * A segment of a 32-bit guest: for ring 1 at the lowest, and never for 64-bit code, which could
 * name addresses of ours, in a ring that the paging unit takes for us.
 */
static bool fix_segment32(uint64_t *desc)
{
    if (*desc & DESC_LONG)
        return false;
    if (!(*desc & DESC_DPL))
        *desc |= DESC_DPL_1;
    return true;
}

bool pv_descriptor_fix(const struct domain *domain, uint64_t *desc)
{
    uint64_t d = *desc;

    if (!(d & DESC_PRESENT))
        return true;
    if (d & DESC_CODE_OR_DATA) {
        if (domain_is_32bit(domain))
            return fix_segment32(desc);
        *desc = d | DESC_DPL;
        return true;
    }
    if (DESC_TYPE(d) == 0)
        return true; /* also the upper half of a gate */
    if (DESC_TYPE(d) != TYPE_CALL_GATE ||
        (d & (domain_is_32bit(domain) ? GATE_RESERVED32 : GATE_RESERVED)) ||
        !gate_target_ok(domain, (uint16_t)(d >> 16)))
        return false;
    *desc = d & ~DESC_DPL; /* traps, and could be emulated */
    return true;
}

bool pv_descriptor_page_check(const struct domain *owner, uint64_t *page)
{
    for (unsigned int i = 0; i < DESCS_PER_PAGE; i++) {
        uint64_t d = page[i];

        if (!pv_descriptor_fix(owner, &d))
            return false;
        if (d != page[i])
            page[i] = d;
    }
    return true;
}

/* Page and type reference to a descriptor frame. */
static bool get_frame(struct domain *d, mfn_t mfn)
{
    struct page *pg = mfn_to_page(mfn);

    if (pg == NULL || !page_get(pg, d))
        return false;
    if (page_get_type(pg, PT_SEGDESC)) {
        page_put(pg);
        return false;
    }
    return true;
}

static void put_frame(mfn_t mfn)
{
    struct page *pg = mfn_to_page_known(mfn);

    page_put_type(pg);
    page_put(pg);
}

/*
 * Entry i of v's GDT pages, then of its LDT pages. The table behind it exists since the vcpu was
 * made.
 */
static void show_page(struct vcpu *v, uint64_t va, mfn_t mfn)
{
    pte_t *e = perdomain_l1e(v->domain, va);

    write_once(e->v, mfn_eq(mfn, INVALID_MFN) ? 0 : pte_make(mfn, HV_RW).v);
    if (v == current)
        tlb_flush_va_local(va);
}

/* --- GDT -------------------------------------------------------------------------------------- */

void pv_drop_gdt(struct vcpu *v)
{
    v->arch.pv.gdt_ents = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(v->arch.pv.gdt_frame); i++) {
        mfn_t mfn = v->arch.pv.gdt_frame[i];

        if (mfn_eq(mfn, INVALID_MFN))
            continue;
        v->arch.pv.gdt_frame[i] = INVALID_MFN;
        show_page(v, GDT_VIRT(v->id) + i * PAGE_SIZE, INVALID_MFN);
        put_frame(mfn);
    }
}

int pv_set_gdt(struct vcpu *v, const mfn_t *frame, unsigned int entries)
{
    unsigned int nr = DIV_ROUND_UP(entries, (unsigned int)DESCS_PER_PAGE), i;

    if (entries > MAX_GDT_ENTRIES)
        return -EINVAL;
    for (i = 0; i < nr; i++)
        if (!get_frame(v->domain, frame[i])) {
            while (i-- > 0)
                put_frame(frame[i]);
            return -EINVAL;
        }
    pv_drop_gdt(v);
    for (i = 0; i < nr; i++) {
        v->arch.pv.gdt_frame[i] = frame[i];
        show_page(v, GDT_VIRT(v->id) + i * PAGE_SIZE, frame[i]);
    }
    v->arch.pv.gdt_ents = entries;
    return 0;
}

long hc_set_gdt(struct vcpu *v, const uint64_t arg[])
{
    uint32_t entries = (uint32_t)arg[1];
    unsigned int nr = DIV_ROUND_UP(entries, (unsigned int)DESCS_PER_PAGE);
    mfn_t frame[ARRAY_SIZE(v->arch.pv.gdt_frame)];

    if (entries > MAX_GDT_ENTRIES)
        return -EINVAL;
    if (nr > 0 && guest_read(frame, arg[0], nr * sizeof(xen_ulong_t)))
        return -EFAULT;
    return pv_set_gdt(v, frame, entries);
}

/* --- LDT -------------------------------------------------------------------------------------- */

void pv_drop_ldt(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;

    spin_lock(&pv->ldt_lock);
    for (unsigned int i = 0; pv->ldt_mapped; i++) {
        uint64_t va = LDT_VIRT(v->id) + i * PAGE_SIZE;
        mfn_t mfn;

        if (!(pv->ldt_mapped & BIT(i)))
            continue;
        mfn = pte_mfn(*perdomain_l1e(v->domain, va));
        pv->ldt_mapped &= ~(1U << i);
        show_page(v, va, INVALID_MFN);
        put_frame(mfn);
    }
    spin_unlock(&pv->ldt_lock);
}

int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
    if (entries > MAX_LDT_ENTRIES || (base & PAGE_OFFSET_MASK) || !is_canonical(base) ||
        (entries > 0 && pv_hv_slot(pt_index(base, 4))))
        return -EINVAL;
    if (v->arch.pv.ldt_ents == 0 && entries == 0)
        return 0;
    pv_drop_ldt(v);
    v->arch.pv.ldt_base = base;
    v->arch.pv.ldt_ents = entries;
    if (v == current)
        ldt_load(v);
    return 0;
}

/*
 * The frame that the guest has at va, referenced as descriptor page. INVALID_MFN: none, or not one.
 */
static mfn_t frame_at(struct vcpu *v, uint64_t va)
{
    struct domain *d = v->domain;
    mfn_t mfn = INVALID_MFN;
    pte_t *p;

    spin_lock(&d->arch.pt_lock);
    p = pv_l1_entry(d, v->arch.pv.kernel_l4, va);
    if (p != NULL) {
        pte_t e = { read_once(p->v) };

        if (pte_present(e) && get_frame(d, pte_mfn(e)))
            mfn = pte_mfn(e);
        page_unmap(p);
    }
    spin_unlock(&d->arch.pt_lock);
    return mfn;
}

bool pv_map_ldt_page(struct vcpu *v, unsigned int index)
{
    struct pv_vcpu *pv = &v->arch.pv;
    mfn_t mfn;

    if (index * DESCS_PER_PAGE >= pv->ldt_ents || (pv->ldt_mapped & BIT(index)))
        return false;
    mfn = frame_at(v, pv->ldt_base + index * PAGE_SIZE);
    if (mfn_eq(mfn, INVALID_MFN))
        return false;
    if (perdomain_map(v->domain, LDT_VIRT(v->id) + index * PAGE_SIZE, mfn, HV_RW)) {
        put_frame(mfn);
        return false;
    }
    spin_lock(&pv->ldt_lock);
    pv->ldt_mapped |= 1U << index;
    spin_unlock(&pv->ldt_lock);
    return true;
}

/* --- single descriptors ----------------------------------------------------------------------- */

/*
 * The frame is used as descriptor table or as ordinary memory: hold it to either while the store is
 * made.
 */
static int hold_for_store(struct page *pg)
{
    if (page_use_read(pg).type == PT_SEGDESC && page_get_type(pg, PT_SEGDESC) == 0)
        return 0;
    return page_get_type(pg, PT_WRITABLE) ? -EINVAL : 0;
}

long hc_update_descriptor(struct vcpu *v, const uint64_t arg[])
{
    uint64_t maddr = arg[0], desc = arg[1];
    struct page *pg;
    char *va;

    if ((maddr & 7) || !pv_descriptor_fix(v->domain, &desc))
        return -EINVAL;
    pg = mfn_to_page(_mfn(maddr >> PAGE_SHIFT));
    if (pg == NULL || !page_get(pg, v->domain))
        return -EINVAL;
    if (hold_for_store(pg)) {
        page_put(pg);
        return -EINVAL;
    }
    va = page_map(page_to_mfn(pg));
    write_once(*(uint64_t *)(void *)(va + (maddr & PAGE_OFFSET_MASK)), desc);
    page_unmap(va);
    arch_page_put(pg, true); /* whichever type it was */
    return 0;
}
