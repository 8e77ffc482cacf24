/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall page: a guest's frame with code for each call. The guest asks by an MSR, the
 * toolstack by a domctl; public xen.h, "hypercall_page".
 */
#include <arch/hypercall_page.h>

#include <arch/hvm.h>
#include <arch/pv_hypercall.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>

int hypercall_page_write(struct domain *d, gfn_t gfn)
{
    struct page *pg = arch_gfn_to_page_get(d, gfn, true);
    void *va;

    if (!pg)
        return -EACCES;
    va = page_map(page_to_mfn(pg));
    if (d->arch.hvm) {
        hvm_fill_hypercall_page(va);
        p2m_mark_dirty(d, gfn);
    } else {
        pv_fill_hypercall_page(d, va);
    }
    page_unmap(va);
    arch_page_put(pg, true);
    return 0;
}

int hypercall_page_msr(struct domain *d, uint64_t val)
{
    if (val & PAGE_OFFSET_MASK) /* there is one page, of index 0 */
        return -1;
    return hypercall_page_write(d, _gfn(val >> PAGE_SHIFT)) ? -1 : 0;
}
