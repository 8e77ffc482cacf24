/* SPDX-License-Identifier: GPL-2.0-only */
/* HVM_PARAM_* of a domain (public hvm/params.h): their defaults, and setting and reading them. */
#ifndef ARCH_HVM_PARAMS_H
#define ARCH_HVM_PARAMS_H

#include <hv/types.h>

struct domain;

void hvm_params_init(struct domain *d); /* with d->arch.hvm, before anybody sees it */
/*
 * by: who asks. -EINVAL: no such parameter, or value; -EPERM: not by the domain itself; -EEXIST: it
 * is set once, and has been; -EOPNOTSUPP: a value for what is not there yet.
 */
int hvm_param_set(struct domain *d, const struct domain *by, uint32_t index, uint64_t val)
    must_check;
int hvm_param_get(struct domain *d, const struct domain *by, uint32_t index, uint64_t *val)
    must_check;

/* --- implemented by what runs the guest ------------------------------------------------------- */

/*
 * Current sets up its event channels: from now on its shared_info is in the layout of the mode that
 * it is in (64-bit code, or other).
 */
void hvm_latch_shared_info(struct domain *d);

#endif
