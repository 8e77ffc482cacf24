/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypercall page of PV guests: code for each call, in a frame of the guest's. */
#ifndef ARCH_PV_HYPERCALL_H
#define ARCH_PV_HYPERCALL_H

#include <hv/types.h>

struct domain;

/* all of its 4096 bytes */
void pv_fill_hypercall_page(const struct domain *d, void *page);

#endif
