/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Granted frames in the physmap of a translated domain. An entry holds a page reference of its own
 * beside those of the grant table, so it does not matter which of the two a dying domain gives up
 * first.
 */
#include <arch/hvm_grant.h>
#include <arch/p2m.h>
#include <arch/page_type.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/memory.h>

static enum p2m_type type_of(uint32_t flags)
{
    return flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT;
}

int hvm_gnttab_map(struct domain *d, uint64_t gpa, mfn_t frame, uint32_t flags)
{
    struct page *pg = mfn_to_page_known(frame);
    const gfn_t gfn = _gfn(gpa >> PAGE_SHIFT);
    int rc;

    if (gpa & PAGE_OFFSET_MASK)
        return GNTST_general_error;
    page_ref_again(pg);
    rc = p2m_set(d, gfn, 0, frame, type_of(flags), NULL);
    if (rc == -EBUSY && physmap_vacate(d, gfn, 0) == 0) /* it was over memory */
        rc = p2m_set(d, gfn, 0, frame, type_of(flags), NULL);
    if (rc) {
        page_put(pg);
        return GNTST_general_error;
    }
    return GNTST_okay;
}

int hvm_gnttab_unmap(struct domain *d, uint64_t gpa, mfn_t frame, uint32_t flags)
{
    const struct p2m_entry e = { .mfn = frame, .type = type_of(flags), .holds = true };

    if ((gpa & PAGE_OFFSET_MASK) ||
        p2m_swap(d, _gfn(gpa >> PAGE_SHIFT), 0, INVALID_MFN, P2M_NONE, &e))
        return GNTST_general_error;
    p2m_entry_put(&e);
    return GNTST_okay;
}
