/* SPDX-License-Identifier: GPL-2.0-only */
/* A vcpu's XSAVE area as the toolstack sees it. */
#ifndef ARCH_XSTATE_H
#define ARCH_XSTATE_H

#include <hv/types.h>

struct domain;
struct vcpu;
struct xen_domctl;

size_t xstate_area_size(void); /* bytes; 0: no XSAVE */
uint64_t xstate_mask(void);    /* what can be in it, as in XCR0 */

/* XEN_DOMCTL_getvcpuextstate and _setvcpuextstate; v does not run. */
long xstate_domctl_get(struct domain *d, struct vcpu *v, struct xen_domctl *op);
long xstate_domctl_set(struct domain *d, struct vcpu *v, struct xen_domctl *op);

#endif
