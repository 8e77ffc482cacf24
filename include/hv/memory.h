/* SPDX-License-Identifier: GPL-2.0-only */
/* memory_op and the domain's view of its memory: populate, decrease, exchange, maps. */
#ifndef HV_MEMORY_H
#define HV_MEMORY_H

#include <hv/types.h>

struct domain;

/* Machine-to-physical table (PV guests read it): entry of a frame. Sections are mapped with the frame table's. */
#define M2P_INVALID (~0ULL)
#define M2P_SHARED 0x5555555555555555ULL
void m2p_set(mfn_t mfn, uint64_t pfn);
uint64_t m2p_get(mfn_t mfn); /* M2P_INVALID for what is not RAM in use */

#endif
