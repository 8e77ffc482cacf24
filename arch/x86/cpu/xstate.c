/* SPDX-License-Identifier: GPL-2.0-only */
/* domctl: the XSAVE area of a vcpu, for saving and restoring. public domctl.h. */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/xstate.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <lib/bytes.h>
#include <xen/domctl.h>

#define XSTATE_HEADER 16 /* xcr0, xcr0_accum; then the XSAVE area */

size_t xstate_area_size(void) { return cpu_features.xsave ? cpu_features.xsave_size : 0; }
uint64_t xstate_mask(void) { return cpu_features.xcr0; }

static size_t xstate_size(void) { return XSTATE_HEADER + xstate_area_size(); }

long xstate_domctl_get(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    const uint64_t head[2] = { v->arch.xcr0, v->arch.xcr0_accum }, to = handle_addr(x->buffer);

    if (x->size == 0 && x->xfeature_mask == 0) {
        x->xfeature_mask = cpu_features.xcr0;
        x->size = xstate_size();
        return 0;
    }
    if (x->size != xstate_size() || x->xfeature_mask != cpu_features.xcr0)
        return -EINVAL;
    arch_sync_vcpu(v);
    if (guest_write(to, head, sizeof(head)) ||
        guest_write(to + XSTATE_HEADER, v->arch.xsave, xstate_size() - XSTATE_HEADER))
        return -EFAULT;
    return 0;
}

long xstate_domctl_set(struct domain *d, struct vcpu *v, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    const unsigned int order = order_of_size(xstate_size());
    uint8_t *buf;
    long rc = 0;

    if (x->size < XSTATE_HEADER || x->size > xstate_size())
        return -EINVAL;
    buf = hv_page_alloc(order);
    if (!buf)
        return -ENOMEM;
    arch_sync_vcpu(v);
    if (guest_read(buf, handle_addr(x->buffer), x->size))
        rc = -EFAULT;
    else if (x->size > XSTATE_HEADER)
        rc = fpu_set_area(v, buf + XSTATE_HEADER, x->size - XSTATE_HEADER, get_le64(buf),
                          get_le64(buf + 8));
    hv_page_free(buf, order);
    return rc;
}
