/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: save records to and from the toolstack. public domctl.h, "XEN_DOMCTL_gethvmcontext". The
 * caller has seen to it that d is not current's domain.
 */
#include <abi.h>
#include <arch/hvm_save.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <xen/domctl.h>
#include <xen/hvm/save.h>

/* More than a domain of ours can have, with room for records that are longer elsewhere. */
#define SIZE_LIMIT (4U << 20)
/* One record: the longest is the XSAVE area of a machine with AVX-512. */
#define ONE_ORDER 2U

/* Paused, and each vcpu's registers in memory. */
static void stop(struct domain *d)
{
    struct vcpu *v;

    domain_pause(d);
    for_each_vcpu (d, v)
        arch_sync_vcpu(v);
}

long hvm_ctx_get(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;
    const size_t most = hvm_ctx_size(d);
    const unsigned int order = order_of_size(most);
    uint8_t *buf;
    size_t size;
    long rc = 0;

    if (handle_is_null(c->buffer)) {
        c->size = (uint32_t)most;
        return 0;
    }
    if (c->size < most)
        return -ENOSPC;
    buf = hv_page_alloc(order);
    if (!buf)
        return -ENOMEM;
    stop(d);
    size = hvm_ctx_save(d, buf);
    domain_unpause(d);
    c->size = (uint32_t)size;
    if (guest_write(handle_addr(c->buffer), buf, size))
        rc = -EFAULT;
    hv_page_free(buf, order);
    return rc;
}

/* NULL asks for the length. */
long hvm_ctx_get_partial(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext_partial *p = &op->u.hvmcontext_partial;
    uint8_t *buf = hv_page_alloc(ONE_ORDER);
    size_t length = 0;
    long rc;

    if (!buf)
        return -ENOMEM;
    stop(d);
    rc = hvm_ctx_save_one(d, p->type, p->instance, buf, &length);
    domain_unpause(d);
    if (rc == 0 && !handle_is_null(p->buffer)) {
        if (p->bufsz < length)
            rc = -ENOBUFS;
        else if (guest_write(handle_addr(p->buffer), buf, length))
            rc = -EFAULT;
    }
    if (rc == 0)
        p->bufsz = length;
    hv_page_free(buf, ONE_ORDER);
    return rc;
}

long hvm_ctx_set(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;
    const unsigned int order = order_of_size(c->size);
    uint8_t *buf;
    long rc;

    if (c->size < 2 * sizeof(struct hvm_save_descriptor))
        return -EINVAL;
    if (c->size > SIZE_LIMIT)
        return -E2BIG;
    buf = hv_page_alloc(order);
    if (!buf)
        return -ENOMEM;
    if (guest_read(buf, handle_addr(c->buffer), c->size)) {
        rc = -EFAULT;
    } else {
        stop(d);
        rc = hvm_ctx_load(d, buf, c->size);
        domain_unpause(d);
    }
    hv_page_free(buf, order);
    return rc;
}
