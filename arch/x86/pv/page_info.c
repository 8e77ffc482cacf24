/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: what kind of page each of a list of frames is, for tools that copy or show a whole
 * domain. The answer is a snapshot: a running domain may change it at once. public domctl.h.
 */
#include <abi.h>
#include <arch/page_type.h>
#include <arch/pv.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <xen/domctl.h>

#define MAX_FRAMES 1024U /* as libxenctrl knows; also bounds the time that this takes */
#define AT_ONCE 32U

/* XTAB: the domain has no such frame. */
static uint32_t frame_info(struct domain *d, gfn_t gfn)
{
    struct page *pg = arch_gfn_to_page_get(d, gfn, false);
    uint32_t info = XEN_DOMCTL_PFINFO_NOTAB;
    enum page_type type;

    if (!pg)
        return XEN_DOMCTL_PFINFO_XTAB;
    type = page_table_type(pg);
    if (type != PT_NONE)
        info = page_type_level(type) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
    if (type != PT_NONE && page_use_read(pg).pinned)
        info |= XEN_DOMCTL_PFINFO_LPINTAB;
    arch_page_put(pg, false);
    return info;
}

long pv_get_page_info(struct domain *d, const struct xen_domctl *op)
{
    const uint64_t array = handle_addr(op->u.getpageframeinfo3.array);
    const uint64_t num = op->u.getpageframeinfo3.num;
    xen_pfn_t part[AT_ONCE];

    if (num > MAX_FRAMES)
        return -E2BIG;
    for (uint64_t i = 0, n; i < num; i += n) {
        n = MIN(num - i, (uint64_t)AT_ONCE);
        if (guest_read(part, guest_elem(array, i, sizeof(*part)), n * sizeof(*part)))
            return -EFAULT;
        for (uint64_t k = 0; k < n; k++)
            part[k] = frame_info(d, _gfn(part[k]));
        if (guest_write(guest_elem(array, i, sizeof(*part)), part, n * sizeof(*part)))
            return -EFAULT;
    }
    return 0;
}
