/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual interrupts: events that the hypervisor itself raises. Some are each vcpu's own (timer,
 * debug); the others are global and go to one domain, their handler: dom0 unless the toolstack
 * named another (xenstored's domain, for instance).
 *
 * A handler is named with a reference on the domain, dropped when another is named or the domain
 * dies.
 */
#include "evtchn_priv.h"

#include <hv/errno.h>

static DEFINE_SPINLOCK(handler_lock, RANK_VIRQ);
static struct domain *handler[NR_VIRQS] GUARDED_BY(handler_lock); /* NULL: dom0 */

bool virq_is_global(unsigned int virq)
{
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU:
        return false;
    default:
        return true;
    }
}

static void raise_bound(struct domain *d, const struct vcpu *v, unsigned int virq)
{
    port_t port;

    spin_lock(&d->evtchn.lock);
    port = v->virq_port[virq];
    if (port)
        evtchn_raise(d, evtchn_get(d, port));
    spin_unlock(&d->evtchn.lock);
}

void virq_send_vcpu(struct vcpu *v, unsigned int virq)
{
    if (read_once(v->virq_port[virq]))
        raise_bound(v->domain, v, virq);
}

static struct domain *handler_get(unsigned int virq)
{
    struct domain *d;

    spin_lock(&handler_lock);
    d = handler[virq] ? handler[virq] : dom0;
    if (d)
        domain_get(d);
    spin_unlock(&handler_lock);
    return d;
}

void virq_send_global(unsigned int virq)
{
    struct domain *d = handler_get(virq);

    if (!d)
        return;
    if (d->max_vcpus && d->vcpu[0])
        raise_bound(d, d->vcpu[0], virq);
    domain_put(d);
}

static struct domain *handler_swap(unsigned int virq, struct domain *d)
{
    struct domain *old;

    spin_lock(&handler_lock);
    old = handler[virq];
    handler[virq] = d;
    spin_unlock(&handler_lock);
    return old;
}

int virq_set_handler(struct domain *d, unsigned int virq)
{
    struct domain *old;

    if (virq >= NR_VIRQS || !virq_is_global(virq))
        return -EINVAL;
    if (read_once(d->state) != DOM_ALIVE)
        return -EINVAL;
    domain_get(d);
    old = handler_swap(virq, d);
    if (old)
        domain_put(old);
    /* killed meanwhile: its own clean-up may have been before us */
    if (read_once(d->state) != DOM_ALIVE)
        virq_forget_handler(d);
    return 0;
}

void virq_forget_handler(struct domain *d)
{
    for (unsigned int virq = 0; virq < NR_VIRQS; virq++) {
        bool was = false;

        spin_lock(&handler_lock);
        if (handler[virq] == d) {
            handler[virq] = NULL;
            was = true;
        }
        spin_unlock(&handler_lock);
        if (was)
            domain_put(d);
    }
}
