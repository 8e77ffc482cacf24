/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files about the memory of translated domains share. */
#ifndef CORE_MEMORY_PRIV_H
#define CORE_MEMORY_PRIV_H

#include <hv/memory.h>

#include <arch/p2m.h>

/* Grants go by unmapping them, devices by who has put them there. */
static inline bool physmap_may_displace(enum p2m_type t)
{
    return t != P2M_GRANT && t != P2M_GRANT_RO && t != P2M_MMIO;
}

/*
 * What an entry of that order had, which is gone: frames of the domain's own go back, a page of
 * ours or another's is only unmapped.
 */
void physmap_displaced(struct domain *d, gfn_t gfn, const struct p2m_entry *e, unsigned int order);

#endif
