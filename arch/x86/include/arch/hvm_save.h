/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of an HVM domain and its vcpus as records in the public format (public hvm/save.h and
 * arch-x86/hvm/save.h), and the domctls that carry it. docs/hvm-devices.md, "Records".
 *
 * The domain is paused and no vcpu of it is loaded anywhere. What is loaded is a stranger's input.
 */
#ifndef ARCH_HVM_SAVE_H
#define ARCH_HVM_SAVE_H

#include <hv/types.h>

struct domain;
struct vcpu;
struct xen_domctl;

/* Bytes that hvm_ctx_save() needs at most. */
size_t hvm_ctx_size(const struct domain *d);
/* All records, from HEADER to END; buf is zeroed and of hvm_ctx_size(). How many bytes. */
size_t hvm_ctx_save(struct domain *d, uint8_t *buf);
/*
 * One record's data, without its descriptor. -EINVAL: no such type. -ENOENT: the domain, or that
 * instance, has none.
 */
int hvm_ctx_save_one(struct domain *d, unsigned int code, unsigned int instance, uint8_t *buf,
                     size_t *length) must_check;
/*
 * All records of buf, or none. -EINVAL: not in the format, or a value that no guest could have set.
 * -EOPNOTSUPP: good for another hypervisor. -ENODEV: a device that the domain has not.
 */
int hvm_ctx_load(struct domain *d, const uint8_t *buf, size_t size) must_check;

/* XEN_DOMCTL_gethvmcontext, _gethvmcontext_partial, _sethvmcontext; d is not current's. */
long hvm_ctx_get(struct domain *d, struct xen_domctl *op);
long hvm_ctx_get_partial(struct domain *d, struct xen_domctl *op);
long hvm_ctx_set(struct domain *d, struct xen_domctl *op);

/* Those of HVM domains only (domctl.c). */
long hvm_domctl(struct domain *d, struct xen_domctl *op, bool *copy_back);

#endif
