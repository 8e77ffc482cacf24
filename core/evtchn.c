/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: ports, their life, and sending. The hypercall's operations are in evtchn_op.c,
 * virqs in virq.c, the two ways of telling a guest in evtchn_2l.c and evtchn_fifo.c.
 *
 * Always: both ends of an interdomain channel name each other; a port's state changes under its
 * domain's event lock, and to or from ECS_INTERDOMAIN under both domains' locks. last_vcpu and
 * last_priority outlive a port's closing, as the guest's queue may still hold it (evtchn_fifo.c).
 */
#include "evtchn_priv.h"

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/softirq.h>
#include <lib/string.h>

#define CLOSE_TRIES 4      /* the peer changes sides under us only by racing on purpose */
#define CLOSES_A_TIME 16   /* between preemption points */
#define MAX_CONSUMERS 8

static evtchn_consumer *consumers[MAX_CONSUMERS]; /* set once each, never cleared */
static DEFINE_SPINLOCK(consumers_lock, RANK_VIRQ);

/* --- vcpu side -------------------------------------------------------------------------------- */

void vcpu_mark_events_pending(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        return;
    if (is_hvm(v->domain))
        arch_event_upcall(v); /* by an interrupt, which wakes it by itself when it is one */
    /*
     * Pairs with vcpu_block(), which sets the flag and then looks at upcall_pending. The current
     * vcpu may have blocked and still be current, when a timer of its own goes off on the way to
     * the scheduler.
     */
    if (read_once(v->pause_flags) & (BIT(VPF_BLOCKED) | BIT(VPF_POLL)))
        vcpu_unblock(v);
    if (v != current)
        vcpu_kick(v);
}

bool vcpu_event_deliverable(struct vcpu *v)
{
    if (is_hvm(v->domain))
        return arch_interrupt_pending(v);
    return read_once(v->info->evtchn_upcall_pending) && !read_once(v->info->evtchn_upcall_mask);
}

void evtchn_poll_start(struct vcpu *v, port_t port)
{
    write_once(v->poll_port, port);
    /* A full barrier: a sender that does not see us has made the event pending before we look. */
    __atomic_fetch_add(&v->domain->evtchn.nr_pollers, 1, __ATOMIC_SEQ_CST);
}

void evtchn_poll_stop(struct vcpu *v)
{
    if (read_once(v->poll_port) && __atomic_exchange_n(&v->poll_port, 0, __ATOMIC_SEQ_CST))
        __atomic_fetch_sub(&v->domain->evtchn.nr_pollers, 1, __ATOMIC_SEQ_CST);
}

void evtchn_wake_pollers_slow(struct domain *d, port_t port)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        port_t polled = read_once(v->poll_port);

        if (polled == port || polled == EVTCHN_FIFO_PORTS)
            vcpu_unblock(v);
    }
}

/* --- ports ------------------------------------------------------------------------------------ */

bool evtchn_port_is_valid(const struct domain *d, port_t port)
{
    return port < read_once(d->evtchn.nr_valid);
}

bool evtchn_port_is_pending(struct domain *d, port_t port)
{
    struct evtchn *chn = evtchn_get(d, port);
    bool yes;

    if (!chn)
        return false;
    spin_lock(&d->evtchn.lock); /* or a reset could take the FIFO pages away */
    yes = d->evtchn.ops->is_pending(d, chn);
    spin_unlock(&d->evtchn.lock);
    return yes;
}

static int group_add(struct evtchn_domain *e)
{
    struct evtchn *chn = hv_page_alloc(0);

    if (!chn)
        return -ENOMEM;
    for (port_t i = 0; i < EVTCHN_PER_GROUP; i++)
        chn[i].port = e->nr_valid + i;
    e->group[e->nr_valid / EVTCHN_PER_GROUP] = chn;
    /* Readers without the lock see the group before the count. */
    __atomic_store_n(&e->nr_valid, e->nr_valid + (port_t)EVTCHN_PER_GROUP, __ATOMIC_RELEASE);
    return 0;
}

int evtchn_port_alloc(struct domain *d, struct evtchn **out)
{
    struct evtchn_domain *e = &d->evtchn;
    port_t end = MIN(e->max_port, e->ops->nr_ports - 1) + 1;
    bool all_used = true;

    if (read_once(d->state) != DOM_ALIVE)
        return -EINVAL;
    for (port_t port = e->free_hint; port < end; port++) {
        struct evtchn *chn;

        if (port >= e->nr_valid && group_add(e))
            return -ENOMEM;
        chn = evtchn_get(d, port);
        if (chn->state != ECS_FREE) {
            if (all_used)
                e->free_hint = port + 1;
        } else if (e->ops->is_busy(d, chn)) {
            all_used = false;
        } else {
            *out = chn;
            return 0;
        }
    }
    return -ENOSPC;
}

void evtchn_port_open(struct domain *d, struct evtchn *chn, enum evtchn_state state,
                      unsigned int vcpu)
{
    chn->state = (uint8_t)state;
    chn->notify_vcpu = (uint16_t)vcpu;
    d->evtchn.nr_active++;
    d->evtchn.ops->init(d, chn);
}

static void port_free(struct domain *d, struct evtchn *chn) REQUIRES(d->evtchn.lock)
{
    d->evtchn.ops->clear_pending(d, chn); /* nothing may show when the port is bound again */
    if (!chn->xen_consumer)
        d->evtchn.nr_active--;
    chn->state = ECS_FREE;
    chn->xen_consumer = 0;
    chn->notify_vcpu = 0;
    chn->pending = false;
    d->evtchn.free_hint = MIN(d->evtchn.free_hint, chn->port);
}

/* What the port was bound to forgets it. */
static void port_unbind(struct domain *d, struct evtchn *chn) REQUIRES(d->evtchn.lock)
{
    switch ((enum evtchn_state)chn->state) {
    case ECS_INTERDOMAIN: {
        struct evtchn *peer = evtchn_get(chn->u.interdomain.remote_dom,
                                         chn->u.interdomain.remote_port);

        peer->state = ECS_UNBOUND;
        peer->u.unbound.remote_dom = d->id;
        break;
    }
    case ECS_PIRQ:
        pirq_guest_unbind(d, chn->u.pirq.irq);
        *evtchn_pirq_slot(d, chn->u.pirq.irq) = 0;
        break;
    case ECS_VIRQ: {
        struct vcpu *v = d->vcpu[virq_is_global(chn->u.virq) ? 0 : chn->notify_vcpu];

        v->virq_port[chn->u.virq] = 0;
        break;
    }
    case ECS_FREE:
    case ECS_RESERVED:
    case ECS_UNBOUND:
    case ECS_IPI:
        break;
    }
}

static void close_locked(struct domain *d, struct evtchn *chn) REQUIRES(d->evtchn.lock)
{
    port_unbind(d, chn);
    port_free(d, chn);
}

/*
 * The port is interdomain, to another domain: both locks are wanted, in address order, and ours has
 * been let go.
 */
static bool close_with_peer(struct domain *d, struct evtchn *chn, struct domain *peer)
{
    bool same;

    lock_two(&d->evtchn.lock, &peer->evtchn.lock);
    same = chn->state == ECS_INTERDOMAIN && chn->u.interdomain.remote_dom == peer;
    if (same)
        close_locked(d, chn);
    unlock_two(&d->evtchn.lock, &peer->evtchn.lock);
    domain_put(peer);
    return same;
}

int evtchn_close(struct domain *d, port_t port, bool by_guest)
{
    struct evtchn *chn = evtchn_get(d, port);

    if (!chn)
        return -EINVAL;
    for (unsigned int i = 0; i < CLOSE_TRIES; i++) {
        struct domain *peer = NULL;
        int rc = 0;

        spin_lock(&d->evtchn.lock);
        if (chn->state <= ECS_RESERVED || (by_guest && chn->xen_consumer)) {
            rc = -EINVAL;
        } else if (chn->state == ECS_INTERDOMAIN && chn->u.interdomain.remote_dom != d) {
            peer = chn->u.interdomain.remote_dom;
            domain_get(peer); /* or it could be gone when we have let go of our end */
        } else {
            close_locked(d, chn);
        }
        spin_unlock(&d->evtchn.lock);
        if (!peer)
            return rc;
        if (close_with_peer(d, chn, peer))
            return 0;
    }
    return -EAGAIN;
}

/*
 * Close all ports from *next on. Two calls may be at it at once: each looks at its own copy of the
 * number.
 */
static int close_range(struct domain *d, port_t *next, bool by_guest)
{
    unsigned int closed = 0;
    port_t port = read_once(*next);
    const struct evtchn *chn;
    int rc = 0;

    for (; (chn = evtchn_get(d, port)); port++) {
        if (read_once(chn->state) <= ECS_RESERVED)
            continue;
        if ((closed == CLOSES_A_TIME && preempt_wanted()) ||
            evtchn_close(d, port, by_guest) == -EAGAIN) {
            rc = -ERESTART;
            break;
        }
        closed = closed % CLOSES_A_TIME + 1;
    }
    write_once(*next, port);
    return rc;
}

int evtchn_close_all(struct domain *d)
{
    int rc = close_range(d, &d->evtchn.close_next, false);

    if (rc)
        return rc;
    spin_lock(&d->evtchn.lock);
    if (d->evtchn.nr_active) {
        /*
         * The toolstack made a port that the search had passed: it had the lock, and had seen the
         * domain alive. There are no more to come.
         */
        d->evtchn.close_next = 0;
        rc = -ERESTART;
    } else {
        evtchn_fifo_exit(d);
    }
    spin_unlock(&d->evtchn.lock);
    if (!rc)
        virq_forget_handler(d);
    return rc;
}

/* Called again after -ERESTART it goes on; a caller that starts anew sets reset_next to 0. */
int evtchn_reset(struct domain *d)
{
    int rc = close_range(d, &d->evtchn.reset_next, true);

    if (rc)
        return rc;
    spin_lock(&d->evtchn.lock);
    if (d->evtchn.nr_active)
        rc = -EAGAIN; /* another vcpu binds as we close */
    else
        evtchn_fifo_exit(d);
    d->evtchn.reset_next = 0;
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void raise_remote(const struct evtchn *lchn)
{
    struct domain *rd = lchn->u.interdomain.remote_dom;
    struct evtchn *rchn = evtchn_get(rd, lchn->u.interdomain.remote_port);

    if (unlikely(rchn->xen_consumer))
        consumers[rchn->xen_consumer - 1](rd->vcpu[rchn->notify_vcpu], rchn->port);
    else
        evtchn_raise(rd, rchn);
}

int evtchn_send(struct domain *ld, port_t lport)
{
    struct evtchn *chn = evtchn_get(ld, lport);
    int rc = 0;

    if (unlikely(!chn))
        return -EINVAL;
    spin_lock(&ld->evtchn.lock);
    if (likely(chn->state == ECS_INTERDOMAIN && !chn->xen_consumer))
        raise_remote(chn);
    else if (chn->state == ECS_IPI)
        evtchn_raise(ld, chn);
    else if (chn->state != ECS_UNBOUND || chn->xen_consumer)
        rc = -EINVAL; /* nothing to send on, or an end that is ours and not the guest's */
    spin_unlock(&ld->evtchn.lock);
    return rc;
}

int evtchn_alloc_unbound_for(struct domain *d, uint16_t remote, port_t *port)
{
    struct evtchn *chn;
    int rc;

    spin_lock(&d->evtchn.lock);
    rc = evtchn_port_alloc(d, &chn);
    if (!rc) {
        chn->u.unbound.remote_dom = remote;
        evtchn_port_open(d, chn, ECS_UNBOUND, 0);
        *port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- channels that end in the hypervisor ------------------------------------------------------ */

/* Number of fn, from 1; 0 when the table is full. */
static uint8_t consumer_number(evtchn_consumer *fn)
{
    uint8_t n = 0;

    spin_lock(&consumers_lock);
    while (n < MAX_CONSUMERS && consumers[n] && consumers[n] != fn)
        n++;
    if (n < MAX_CONSUMERS)
        consumers[n] = fn;
    spin_unlock(&consumers_lock);
    return n < MAX_CONSUMERS ? n + 1 : 0;
}

int evtchn_alloc_for_xen(struct domain *d, unsigned int vcpu, uint16_t remote, evtchn_consumer *fn,
                         port_t *port)
{
    uint8_t consumer = consumer_number(fn);
    struct evtchn *chn;
    int rc;

    BUG_ON(!consumer); /* callers are a fixed few of our own */
    spin_lock(&d->evtchn.lock);
    rc = evtchn_port_alloc(d, &chn);
    if (!rc) {
        chn->u.unbound.remote_dom = remote;
        evtchn_port_open(d, chn, ECS_UNBOUND, vcpu);
        chn->xen_consumer = consumer;
        d->evtchn.nr_active--;
        *port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

void evtchn_close_for_xen(struct domain *d, port_t port)
{
    while (evtchn_close(d, port, false) == -EAGAIN)
        continue;
}

void evtchn_send_from_xen(struct domain *d, port_t port)
{
    struct evtchn *chn = evtchn_get(d, port);

    spin_lock(&d->evtchn.lock);
    if (chn && chn->state == ECS_INTERDOMAIN && chn->xen_consumer)
        raise_remote(chn);
    spin_unlock(&d->evtchn.lock);
}

/* --- life ------------------------------------------------------------------------------------- */

static size_t group_table_size(const struct evtchn_domain *e)
{
    return DIV_ROUND_UP(e->max_port + 1ULL, EVTCHN_PER_GROUP) * sizeof(*e->group);
}

int evtchn_init(struct domain *d, port_t max_port)
{
    struct evtchn_domain *e = &d->evtchn;

    spin_init(&e->lock, RANK_EVENT);
    e->ops = &evtchn_2l_ops;
    e->max_port = MIN(max_port, EVTCHN_FIFO_PORTS - 1);
    e->group = group_table_size(e) > PAGE_SIZE ? hv_page_alloc(1) : hv_alloc(group_table_size(e));
    if (!e->group)
        return -ENOMEM;
    if (group_add(e)) {
        evtchn_exit(d);
        return -ENOMEM;
    }
    evtchn_get(d, 0)->state = ECS_RESERVED;
    e->free_hint = 1;
    return 0;
}

void evtchn_set_width(struct domain *d, bool is_32bit)
{
    bool two_level;

    spin_lock(&d->evtchn.lock);
    two_level = d->evtchn.ops == evtchn_2l(d);
    d->is_32bit = is_32bit;
    if (two_level)
        d->evtchn.ops = evtchn_2l(d);
    spin_unlock(&d->evtchn.lock);
}

void evtchn_set_32bit(struct domain *d)
{
    evtchn_set_width(d, true);
    spin_lock(&d->evtchn.lock);
    memset(d->shared_info, 0, PAGE_SIZE);
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    spin_unlock(&d->evtchn.lock);
}

void evtchn_exit(struct domain *d)
{
    struct evtchn_domain *e = &d->evtchn;

    for (port_t i = 0; i < e->nr_valid / EVTCHN_PER_GROUP; i++)
        hv_page_free(e->group[i], 0);
    for (unsigned int i = 0; i < EVTCHN_PIRQ_PAGES; i++)
        if (e->pirq_port[i])
            hv_page_free(e->pirq_port[i], 0);
    if (e->group && group_table_size(e) > PAGE_SIZE)
        hv_page_free(e->group, 1);
    else
        hv_free(e->group);
    e->group = NULL;
    e->nr_valid = 0;
}
