/* SPDX-License-Identifier: GPL-2.0-only */
/* Granted frames in the physmap of a translated domain, for the hooks of the grant table. */
#ifndef ARCH_HVM_GRANT_H
#define ARCH_HVM_GRANT_H

#include <hv/types.h>

struct domain;

/* GNTST_*; flags are GNTMAP_*. What is where the frame is to appear is given up: not grants. */
int hvm_gnttab_map(struct domain *d, uint64_t gpa, mfn_t frame, uint32_t flags);
/* No TLB has it afterwards. */
int hvm_gnttab_unmap(struct domain *d, uint64_t gpa, mfn_t frame, uint32_t flags);

#endif
