/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Not yet: what runs HVM guests. Until it is there, these stand in for its parts so that the image
 * links; no HVM domain can be made, so nobody calls them. Each goes with the real one, which
 * overrides it.
 */
#include <arch/hvm.h>
#include <hv/log.h>

#define PENDING __attribute__((weak))

PENDING struct cpu_user_regs *hvm_regs(struct vcpu *v) { BUG_ON(true); }
PENDING struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type)
{
    return NULL;
}
PENDING struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    return (struct p2m_entry){ .mfn = INVALID_MFN, .type = P2M_NONE };
}
