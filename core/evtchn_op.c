/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HYPERVISOR_event_channel_op: one row and one function for each operation (public
 * event_channel.h). The argument is copied in, the function works on our copy, and what the row
 * names is copied back on success.
 */
#include "evtchn_priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>

/* How an interrupted reset goes on; public event_channel.h keeps the number for us. */
#define OP_RESET_CONT 14

#define PIRQS_PER_PAGE (PAGE_SIZE / sizeof(port_t))

static bool may_act_on(const struct domain *d, const struct domain *target)
{
    return d == target || d->is_privileged;
}

/* --- making channels -------------------------------------------------------------------------- */

static int op_alloc_unbound(struct domain *ld, void *arg)
{
    struct evtchn_alloc_unbound *op = arg;
    struct domain *d = domain_get_target(op->dom);
    domid_t remote = op->remote_dom == DOMID_SELF ? ld->id : op->remote_dom;
    int rc = -EPERM;

    if (!d)
        return -ESRCH;
    if (may_act_on(ld, d))
        rc = evtchn_alloc_unbound_for(d, remote, &op->port);
    domain_put(d);
    return rc;
}

static int connect(struct domain *ld, struct domain *rd, port_t rport, port_t *lport)
    REQUIRES(ld->evtchn.lock, rd->evtchn.lock)
{
    struct evtchn *rchn = evtchn_get(rd, rport), *lchn;
    int rc = evtchn_port_alloc(ld, &lchn);

    if (rc)
        return rc;
    if (!rchn || rchn->state != ECS_UNBOUND || rchn->u.unbound.remote_dom != ld->id)
        return -EINVAL;
    lchn->u.interdomain.remote_dom = rd;
    lchn->u.interdomain.remote_port = rport;
    evtchn_port_open(ld, lchn, ECS_INTERDOMAIN, 0);
    rchn->u.interdomain.remote_dom = ld;
    rchn->u.interdomain.remote_port = lchn->port;
    rchn->state = ECS_INTERDOMAIN;
    *lport = lchn->port;
    /* The other end may have sent before there was anybody to hear. */
    evtchn_raise(ld, lchn);
    return 0;
}

static int op_bind_interdomain(struct domain *ld, void *arg)
{
    struct evtchn_bind_interdomain *op = arg;
    struct domain *rd = domain_get_target(op->remote_dom);
    int rc;

    if (!rd)
        return -ESRCH;
    lock_two(&ld->evtchn.lock, &rd->evtchn.lock);
    rc = connect(ld, rd, op->remote_port, &op->local_port);
    unlock_two(&ld->evtchn.lock, &rd->evtchn.lock);
    domain_put(rd);
    return rc;
}

static int bind_virq(struct domain *d, struct vcpu *v, unsigned int virq, port_t *port)
    REQUIRES(d->evtchn.lock)
{
    struct evtchn *chn;
    int rc;

    if (v->virq_port[virq])
        return -EEXIST;
    rc = evtchn_port_alloc(d, &chn);
    if (rc)
        return rc;
    chn->u.virq = virq;
    evtchn_port_open(d, chn, ECS_VIRQ, v->id);
    *port = chn->port;
    write_once(v->virq_port[virq], chn->port);
    return 0;
}

static int op_bind_virq(struct domain *d, void *arg)
{
    struct evtchn_bind_virq *op = arg;
    struct vcpu *v;
    int rc;

    if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu))
        return -EINVAL;
    v = domain_vcpu(d, op->vcpu);
    if (!v)
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    rc = bind_virq(d, v, (unsigned int)index_nospec(op->virq, NR_VIRQS), &op->port);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static int op_bind_ipi(struct domain *d, void *arg)
{
    struct evtchn_bind_ipi *op = arg;
    struct evtchn *chn;
    int rc;

    if (!domain_vcpu(d, op->vcpu))
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    rc = evtchn_port_alloc(d, &chn);
    if (!rc) {
        evtchn_port_open(d, chn, ECS_IPI, op->vcpu);
        op->port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- pirqs ------------------------------------------------------------------------------------ */

port_t *evtchn_pirq_slot(struct domain *d, unsigned int pirq)
{
    port_t **page;

    if (pirq >= EVTCHN_PIRQ_PAGES * PIRQS_PER_PAGE)
        return NULL;
    page = &d->evtchn.pirq_port[index_nospec(pirq / PIRQS_PER_PAGE, EVTCHN_PIRQ_PAGES)];
    if (!*page)
        write_once(*page, hv_page_alloc(0));
    return *page ? &(*page)[pirq % PIRQS_PER_PAGE] : NULL;
}

port_t evtchn_pirq_port(const struct domain *d, unsigned int pirq)
{
    const port_t *page;

    if (pirq >= EVTCHN_PIRQ_PAGES * PIRQS_PER_PAGE)
        return 0;
    page = read_once(d->evtchn.pirq_port[pirq / PIRQS_PER_PAGE]);
    return page ? read_once(page[pirq % PIRQS_PER_PAGE]) : 0;
}

struct vcpu *evtchn_send_pirq(struct domain *d, unsigned int pirq)
{
    struct vcpu *v = NULL;
    port_t port;

    spin_lock(&d->evtchn.lock);
    port = evtchn_pirq_port(d, pirq);
    if (port) {
        struct evtchn *chn = evtchn_get(d, port);

        v = domain_vcpu(d, chn->notify_vcpu);
        evtchn_raise(d, chn);
    }
    spin_unlock(&d->evtchn.lock);
    return v;
}

static int bind_pirq(struct domain *d, struct vcpu *v, const struct evtchn_bind_pirq *op,
                     port_t *port) REQUIRES(d->evtchn.lock)
{
    port_t *slot = evtchn_pirq_slot(d, op->pirq);
    struct evtchn *chn;
    int rc;

    if (!slot)
        return op->pirq < EVTCHN_PIRQ_PAGES * PIRQS_PER_PAGE ? -ENOMEM : -EINVAL;
    if (*slot)
        return -EEXIST;
    rc = evtchn_port_alloc(d, &chn);
    if (rc)
        return rc;
    /*
     * Before the interrupt can come: it finds the port, which tells the guest as soon as it is
     * open.
     */
    chn->u.pirq.irq = op->pirq;
    evtchn_port_open(d, chn, ECS_PIRQ, v->id);
    rc = pirq_guest_bind(v, op->pirq, op->flags & BIND_PIRQ__WILL_SHARE);
    if (rc) {
        chn->state = ECS_FREE;
        d->evtchn.nr_active--;
        return rc;
    }
    *slot = *port = chn->port;
    return 0;
}

static int op_bind_pirq(struct domain *d, void *arg)
{
    struct evtchn_bind_pirq *op = arg;
    struct vcpu *v = domain_vcpu(d, 0);
    int rc;

    if (!v)
        return -ENOENT;
    if (is_hvm(d))
        return -EINVAL; /* its pirqs are bound by bind_pt_irq, to what is no event channel */
    spin_lock(&d->evtchn.lock);
    rc = bind_pirq(d, v, op, &op->port);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- ports that there are --------------------------------------------------------------------- */

static int op_close(struct domain *d, void *arg)
{
    return evtchn_close(d, ((const struct evtchn_close *)arg)->port, true);
}

static int op_send(struct domain *d, void *arg)
{
    return evtchn_send(d, ((const struct evtchn_send *)arg)->port);
}

static void describe(const struct evtchn *chn, struct evtchn_status *op)
{
    op->status = EVTCHNSTAT_closed;
    op->vcpu = chn->notify_vcpu;
    switch ((enum evtchn_state)chn->state) {
    case ECS_FREE:
    case ECS_RESERVED:
        break;
    case ECS_UNBOUND:
        op->status = EVTCHNSTAT_unbound;
        op->u.unbound.dom = chn->u.unbound.remote_dom;
        break;
    case ECS_INTERDOMAIN:
        op->status = EVTCHNSTAT_interdomain;
        op->u.interdomain.dom = chn->u.interdomain.remote_dom->id;
        op->u.interdomain.port = chn->u.interdomain.remote_port;
        break;
    case ECS_PIRQ:
        op->status = EVTCHNSTAT_pirq;
        op->u.pirq = chn->u.pirq.irq;
        break;
    case ECS_VIRQ:
        op->status = EVTCHNSTAT_virq;
        op->u.virq = chn->u.virq;
        break;
    case ECS_IPI:
        op->status = EVTCHNSTAT_ipi;
        break;
    }
}

static int port_status(const struct domain *ld, struct domain *d, struct evtchn_status *op)
{
    const struct evtchn *chn = evtchn_get(d, op->port);
    int rc = 0;

    if (!chn)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    if (chn->xen_consumer)
        rc = -EACCES;
    else if (!may_act_on(ld, d))
        rc = -EPERM;
    else
        describe(chn, op);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static int op_status(struct domain *ld, void *arg)
{
    struct evtchn_status *op = arg;
    struct domain *d = domain_get_target(op->dom);
    int rc;

    if (!d)
        return -ESRCH;
    rc = port_status(ld, d, op);
    domain_put(d);
    return rc;
}

static int rebind(struct domain *d, struct evtchn *chn, struct vcpu *v) REQUIRES(d->evtchn.lock)
{
    if (chn->xen_consumer)
        return -EINVAL;
    switch ((enum evtchn_state)chn->state) {
    case ECS_VIRQ:
        if (!virq_is_global(chn->u.virq))
            return -EINVAL;
        break;
    case ECS_PIRQ:
        if (chn->notify_vcpu != v->id)
            pirq_set_affinity(d, chn->u.pirq.irq, v->processor);
        break;
    case ECS_UNBOUND:
    case ECS_INTERDOMAIN:
        break;
    case ECS_FREE:
    case ECS_RESERVED:
    case ECS_IPI:
        return -EINVAL;
    }
    write_once(chn->notify_vcpu, (uint16_t)v->id);
    return 0;
}

static int op_bind_vcpu(struct domain *d, void *arg)
{
    const struct evtchn_bind_vcpu *op = arg;
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct evtchn *chn = evtchn_get(d, op->port);
    int rc;

    if (!v)
        return -ENOENT;
    if (!chn)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    rc = rebind(d, chn, v);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static int op_unmask(struct domain *d, void *arg)
{
    struct evtchn *chn = evtchn_get(d, ((const struct evtchn_unmask *)arg)->port);

    if (!chn)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    /*
     * A free port has nobody to tell; its number may be too high for the 2-level bitmaps after a
     * reset.
     */
    if (chn->port < d->evtchn.ops->nr_ports)
        d->evtchn.ops->unmask(d, chn);
    spin_unlock(&d->evtchn.lock);
    return 0;
}

static int op_set_priority(struct domain *d, void *arg)
{
    const struct evtchn_set_priority *op = arg;
    struct evtchn *chn = evtchn_get(d, op->port);
    int rc = -ENOSYS;

    if (!chn)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    if (d->evtchn.ops->set_priority)
        rc = d->evtchn.ops->set_priority(d, chn, op->priority);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- the whole of a domain -------------------------------------------------------------------- */

static int reset(struct domain *ld, domid_t id, bool anew)
{
    struct domain *d = domain_get_target(id);
    int rc;

    if (!d)
        return -ESRCH;
    if (!may_act_on(ld, d)) {
        rc = -EPERM;
    } else if (d != ld && !read_once(d->controller_pause_count)) {
        rc = -EINVAL;
    } else {
        if (anew)
            write_once(d->evtchn.reset_next, 0);
        rc = evtchn_reset(d);
    }
    domain_put(d);
    return rc;
}

static int op_reset(struct domain *d, void *arg)
{
    return reset(d, ((const struct evtchn_reset *)arg)->dom, true);
}

static int op_reset_cont(struct domain *d, void *arg)
{
    return reset(d, ((const struct evtchn_reset *)arg)->dom, false);
}

static int op_init_control(struct domain *d, void *arg)
{
    return evtchn_fifo_init_control(d, arg);
}

static int op_expand_array(struct domain *d, void *arg)
{
    return evtchn_fifo_expand_array(d, ((const struct evtchn_expand_array *)arg)->array_gfn);
}

/* --- the table -------------------------------------------------------------------------------- */

struct row {
    int (*fn)(struct domain *d, void *arg);
    uint8_t size;               /* of the argument */
    uint8_t back, back_size;    /* the part of it that the guest gets back */
};

/* All are the same for 32-bit callers, or this does not compile: an array of negative size. */
#define SIZE(type) sizeof(struct type) + 0 * sizeof(char[COMPAT_SAME_##type ? 1 : -1])
#define FIELD(type, field) \
    SIZE(type), offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define WHOLE(type) SIZE(type), 0, sizeof(struct type)
#define NOTHING(type) SIZE(type), 0, 0

static const struct row rows[] = {
    [EVTCHNOP_bind_interdomain] = { op_bind_interdomain,
                                    FIELD(evtchn_bind_interdomain, local_port) },
    [EVTCHNOP_bind_virq]        = { op_bind_virq,        FIELD(evtchn_bind_virq, port) },
    [EVTCHNOP_bind_pirq]        = { op_bind_pirq,        FIELD(evtchn_bind_pirq, port) },
    [EVTCHNOP_close]            = { op_close,            NOTHING(evtchn_close) },
    [EVTCHNOP_send]             = { op_send,             NOTHING(evtchn_send) },
    [EVTCHNOP_status]           = { op_status,           WHOLE(evtchn_status) },
    [EVTCHNOP_alloc_unbound]    = { op_alloc_unbound,    FIELD(evtchn_alloc_unbound, port) },
    [EVTCHNOP_bind_ipi]         = { op_bind_ipi,         FIELD(evtchn_bind_ipi, port) },
    [EVTCHNOP_bind_vcpu]        = { op_bind_vcpu,        NOTHING(evtchn_bind_vcpu) },
    [EVTCHNOP_unmask]           = { op_unmask,           NOTHING(evtchn_unmask) },
    [EVTCHNOP_reset]            = { op_reset,            NOTHING(evtchn_reset) },
    [OP_RESET_CONT]             = { op_reset_cont,       NOTHING(evtchn_reset) },
    [EVTCHNOP_init_control]     = { op_init_control,     FIELD(evtchn_init_control, link_bits) },
    [EVTCHNOP_expand_array]     = { op_expand_array,     NOTHING(evtchn_expand_array) },
    [EVTCHNOP_set_priority]     = { op_set_priority,     NOTHING(evtchn_set_priority) },
};

union argument {
    struct evtchn_bind_interdomain a;
    struct evtchn_status b;
    struct evtchn_init_control c;
    uint64_t word[4]; /* the largest and the aligned */
};

long hc_event_channel_op(struct vcpu *v, const uint64_t arg[])
{
    uint32_t cmd = (uint32_t)arg[0];
    union argument copy;
    const struct row *row;
    int rc;

    if (unlikely(cmd >= ARRAY_SIZE(rows)))
        return -ENOSYS;
    row = &rows[index_nospec(cmd, ARRAY_SIZE(rows))];
    if (unlikely(guest_read(&copy, arg[1], row->size)))
        return -EFAULT;
    rc = row->fn(v->domain, &copy);
    if (unlikely(rc)) {
        if (rc == -ERESTART)
            return hypercall_continue(v, 2, (uint64_t)OP_RESET_CONT, arg[1]);
        return rc;
    }
    if (row->back_size &&
        guest_write(arg[1] + row->back, (const char *)&copy + row->back, row->back_size))
        return -EFAULT; /* the channel stays: the guest can find it by status */
    return 0;
}
