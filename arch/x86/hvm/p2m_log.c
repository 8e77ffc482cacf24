/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of all writes to a translated domain's memory, for its migration: public domctl.h,
 * "XEN_DOMCTL_shadow_op". How writes are found is in p2m_dirty.c.
 */
#include "p2m_priv.h"

#include <abi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/softirq.h>
#include <lib/string.h>
#include <xen/domctl.h>

#define PART P2M_BUFFER_PART /* gfns that are looked at under the lock at once */
#define FAST_ORDER 15        /* the same if nobody wants to know them, but for larger leaves */

/* Behind a step's gfns from first on: a larger leaf or hole is done as a whole. */
static uint64_t step_end(struct domain *d, uint64_t first, uint64_t end)
{
    const unsigned int order = MAX(p2m_lookup(d, _gfn(first)).order, FAST_ORDER);

    return MIN(end, ROUND_DOWN(first, BIT(order)) + BIT(order));
}

static bool is_enable(const struct xen_domctl_shadow_op *op)
{
    return op->op == XEN_DOMCTL_SHADOW_OP_ENABLE || op->op == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
}

/* A step of a call: 1, or 0 if it was the last one. */
static int log_step(struct domain *d, const struct xen_domctl_shadow_op *op, uint64_t end)
{
    struct p2m *p = &d->arch.hvm->p2m;
    uint64_t bits[PART / 64] = { 0 };
    struct p2m_look l = { .c.first = p->dirty.next };
    const bool fast = handle_is_null(op->dirty_bitmap) || is_enable(op);

    l.c.end = fast ? step_end(d, l.c.first, end) : MIN(end, l.c.first + PART);
    l.clean = is_enable(op) || (op->op == XEN_DOMCTL_SHADOW_OP_CLEAN &&
                                !(op->mode & XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL));
    l.bits = fast ? NULL : bits;
    if (l.c.first >= end)
        return 0;
    if (p2m_look(d, &l))
        return -EINVAL;
    p->dirty.next = l.c.end;
    p->dirty.found += l.found;
    if (fast)
        return 1;
    return guest_write(handle_addr(op->dirty_bitmap) + l.c.first / 8, bits,
                       DIV_ROUND_UP(l.c.end - l.c.first, 8)) ? -EFAULT : 1;
}

/* The same for XEN_DOMCTL_SHADOW_OP_OFF. */
static int off_step(struct domain *d, uint64_t end)
{
    struct p2m *p = &d->arch.hvm->p2m;
    const uint64_t first = p->dirty.next, next = step_end(d, first, end);

    spin_lock(&d->arch.hvm->p2m.lock);
    p->dirty.log = false;
    if (!p->closed && first < end)
        p2m_forget(d, first, next);
    if (next == end) {
        if (p->dirty.nr)
            memset(p->dirty.for_log, 0, DIV_ROUND_UP(p->dirty.nr, 64) * sizeof(uint64_t));
        p2m_dirty_settle(&p->dirty);
    }
    spin_unlock(&d->arch.hvm->p2m.lock);
    p->dirty.next = next;
    return next < end;
}

static int log_begin(struct domain *d, const struct xen_domctl_shadow_op *op)
{
    struct p2m *p = &d->arch.hvm->p2m;
    const bool enable = is_enable(op);
    int rc = 0;

    spin_lock(&d->arch.hvm->p2m.lock);
    if ((op->op != XEN_DOMCTL_SHADOW_OP_OFF && p->dirty.log == enable) || (enable && p->follow)) {
        rc = -EINVAL; /* it is on already, or off; or the writes of devices would not be in it */
    } else if (enable) {
        p->dirty.log = true;
        p->dirty.faults = 0;
        p2m_dirty_settle(&p->dirty);
    }
    spin_unlock(&d->arch.hvm->p2m.lock);
    p->dirty.next = 0;
    p->dirty.found = 0;
    return rc;
}

static bool log_op_valid(const struct xen_domctl_shadow_op *op)
{
    switch (op->op) {
    case XEN_DOMCTL_SHADOW_OP_ENABLE: /* the other modes are those of shadow paging */
        return op->mode & XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY;
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        return !(op->mode & ~(uint32_t)XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL);
    default:
        return true;
    }
}

/* All gfns, or those that the bitmap has room for: what lies behind the last one is not written. */
static uint64_t log_end(struct domain *d, const struct xen_domctl_shadow_op *op)
{
    const uint64_t all = p2m_max_gfn(d) + 1;
    const bool reads = op->op == XEN_DOMCTL_SHADOW_OP_CLEAN || op->op == XEN_DOMCTL_SHADOW_OP_PEEK;

    return reads && !handle_is_null(op->dirty_bitmap)
               ? MIN(op->pages, BIT(p2m_gpa_bits() - PAGE_SHIFT)) : all;
}

/* The toolstack's lock keeps calls apart, so what is noted of one needs no other. */
int p2m_log_op(struct domain *d, struct xen_domctl_shadow_op *op)
{
    struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;
    const uint64_t end = log_end(d, op);
    int rc;

    if (!log_op_valid(op))
        return -EINVAL;
    if (t->doing && t->doing != op->op + 1)
        return -EBUSY;
    rc = t->doing ? 0 : log_begin(d, op);
    if (rc)
        return rc;
    do {
        rc = op->op == XEN_DOMCTL_SHADOW_OP_OFF ? off_step(d, end) : log_step(d, op, end);
        t->doing = op->op + 1;
        if (rc == 1 && preempt_wanted())
            return -ERESTART;
    } while (rc == 1);
    t->doing = 0;
    op->stats.fault_count = t->faults;
    op->stats.dirty_count = t->found;
    if (op->op == XEN_DOMCTL_SHADOW_OP_CLEAN)
        t->faults = 0;
    return rc;
}
