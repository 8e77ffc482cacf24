/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypercall page of any guest. */
#ifndef ARCH_HYPERCALL_PAGE_H
#define ARCH_HYPERCALL_PAGE_H

#include <hv/types.h>

struct domain;

/* -EACCES: not a frame of d's that may be written. */
int hypercall_page_write(struct domain *d, gfn_t gfn) must_check;
/* MSR write: frame address | page index; -1 for #GP */
int hypercall_page_msr(struct domain *d, uint64_t val) must_check;

#endif
