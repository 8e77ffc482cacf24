/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the event-channel code share. */
#ifndef CORE_EVTCHN_PRIV_H
#define CORE_EVTCHN_PRIV_H

#include <hv/domain.h>
#include <hv/evtchn.h>

extern const struct evtchn_ops evtchn_2l_ops, evtchn_2l_32_ops, evtchn_fifo_ops;

/* The 2-level ABI as the domain has it. */
static inline const struct evtchn_ops *evtchn_2l(const struct domain *d)
{
    return domain_is_32bit(d) ? &evtchn_2l_32_ops : &evtchn_2l_ops;
}

/*
 * A port's struct evtchn, NULL for a number that was never in use. It stays where it is as long as
 * the domain does.
 */
static inline struct evtchn *evtchn_get(const struct domain *d, port_t port)
{
    const struct evtchn_domain *e = &d->evtchn;
    port_t nr = read_once(e->nr_valid);

    if (unlikely(port >= nr))
        return NULL;
    port = (port_t)index_nospec(port, nr);
    return &e->group[port / EVTCHN_PER_GROUP][port % EVTCHN_PER_GROUP];
}

/*
 * Tell the vcpu that the port is bound to. The port cannot go away: the caller holds its lock or
 * its peer's.
 */
static inline void evtchn_raise(const struct domain *d, struct evtchn *chn)
{
    struct vcpu *v = d->vcpu[chn->notify_vcpu];

    if (likely(v)) /* a channel may be made before the first vcpu is */
        d->evtchn.ops->set_pending(v, chn);
}

void evtchn_wake_pollers_slow(struct domain *d, port_t port);

/*
 * An event has become pending: pairs with the barrier in evtchn_poll_start(), through the caller's
 * atomic access.
 */
static inline void evtchn_wake_pollers(struct domain *d, port_t port)
{
    if (unlikely(read_once(d->evtchn.nr_pollers)))
        evtchn_wake_pollers_slow(d, port);
}

/* evtchn.c; the event lock is held, of both ends where an interdomain channel changes */
int evtchn_port_alloc(struct domain *d, struct evtchn **out) REQUIRES(d->evtchn.lock) must_check;
void evtchn_port_open(struct domain *d, struct evtchn *chn, enum evtchn_state state,
                      unsigned int vcpu) REQUIRES(d->evtchn.lock);
int evtchn_close(struct domain *d, port_t port, bool by_guest);

/* evtchn_op.c: the slot for a pirq's port, NULL when out of range or memory. */
port_t *evtchn_pirq_slot(struct domain *d, unsigned int pirq) REQUIRES(d->evtchn.lock);

/* virq.c */
bool virq_is_global(unsigned int virq);
void virq_forget_handler(struct domain *d);

/* evtchn_fifo.c */
int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *op);
int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn);
/* Give back all pages of the guest; no port is open. The event lock is held. */
void evtchn_fifo_exit(struct domain *d) REQUIRES(d->evtchn.lock);

#endif
