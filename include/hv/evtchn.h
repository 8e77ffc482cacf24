/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels. A port is a domain's end of a channel; its state and what it is bound to are in
 * struct evtchn, protected by the domain's event lock; a channel between two domains changes under
 * both. Sending takes the sender's lock, so that neither end can go away under it. Two ways of
 * telling the guest (2-level bitmaps, FIFO queues) are behind struct evtchn_ops.
 */
#ifndef HV_EVTCHN_H
#define HV_EVTCHN_H

#include <abi.h>
#include <hv/lock.h>
#include <hv/types.h>

struct domain;
struct vcpu;

typedef uint32_t port_t;

#define EVTCHN_2L_PORTS 4096U
#define EVTCHN_FIFO_PORTS 131072U
#define EVTCHN_PER_GROUP (PAGE_SIZE / sizeof(struct evtchn))
#define EVTCHN_PIRQ_PAGES 8 /* 8192 pirqs */

enum evtchn_state {
    ECS_FREE,
    ECS_RESERVED,
    ECS_UNBOUND,     /* waits for remote_dom to bind */
    ECS_INTERDOMAIN, /* remote_domain / remote_port */
    ECS_PIRQ,
    ECS_VIRQ,
    ECS_IPI
};

struct evtchn {
    uint8_t state; /* enum evtchn_state */
    uint8_t priority, last_priority;
    uint8_t xen_consumer; /* nonzero: delivered to a function of ours (index + 1), not to a guest */
    uint16_t notify_vcpu, last_vcpu;
    bool pending; /* FIFO: raised while the event word's page was missing */
    port_t port;
    union {
        struct { uint16_t remote_dom; } unbound;
        struct { port_t remote_port; struct domain *remote_dom; } interdomain;
        struct { uint32_t irq; } pirq;
        uint32_t virq;
    } u;
};
_Static_assert(sizeof(struct evtchn) <= 32, "128 to a page");

struct evtchn_ops {
    void (*init)(struct domain *d, struct evtchn *chn);
    void (*set_pending)(struct vcpu *v, struct evtchn *chn);
    void (*clear_pending)(struct domain *d, struct evtchn *chn);
    void (*unmask)(struct domain *d, struct evtchn *chn);
    bool (*is_pending)(const struct domain *d, const struct evtchn *chn);
    bool (*is_masked)(const struct domain *d, const struct evtchn *chn);
    /* NULL: -ENOSYS */
    int (*set_priority)(struct domain *d, struct evtchn *chn, unsigned int priority);
    /* a free port that the guest's queue still names */
    bool (*is_busy)(const struct domain *d, const struct evtchn *chn);
    port_t nr_ports; /* that this way can tell of */
};

struct evtchn_fifo; /* per domain, evtchn_fifo.c */

struct evtchn_domain {
    spinlock_t lock; /* RANK_EVENT */
    const struct evtchn_ops *ops;
    /* EVTCHN_FIFO_PORTS / EVTCHN_PER_GROUP pointers; groups made on demand, kept till the end */
    struct evtchn **group;
    port_t nr_valid;       /* ports below this have a struct evtchn */
    port_t max_port;       /* limit, inclusive (max_evtchn_port) */
    port_t nr_active;      /* ports in use by the guest (not ours, not port 0) */
    port_t free_hint;      /* no port below is free */
    port_t reset_next, close_next; /* progress of a reset, of evtchn_close_all() */
    uint32_t nr_pollers;   /* atomic: vcpus with a poll_port */
    struct evtchn_fifo *fifo;
    /* [pirq]: port bound to it, 0 none; pages made on demand */
    port_t *pirq_port[EVTCHN_PIRQ_PAGES];
};

int evtchn_init(struct domain *d, port_t max_port);
/* Of an HVM domain: its shared pages are in that layout from now on. */
void evtchn_set_width(struct domain *d, bool is_32bit);
/* Make it a 32-bit domain, with such a shared_info. It has not run, so no event has a reader. */
void evtchn_set_32bit(struct domain *d);
/*
 * Part of domain_kill(), d is DYING: close every port, give back the FIFO pages and the handler's
 * virqs. Preemptible: -ERESTART to be called again, 0 when done.
 */
int evtchn_close_all(struct domain *d) must_check;
void evtchn_exit(struct domain *d);        /* free memory; no port is open */
/* close the guest's ports, back to 2-level; preemptible the same way */
int evtchn_reset(struct domain *d);

/* From the hypervisor itself: */
void virq_send_vcpu(struct vcpu *v, unsigned int virq);     /* TIMER, DEBUG, ... */
/* to the handler domain (dom0 by default) */
void virq_send_global(unsigned int virq);
int virq_set_handler(struct domain *d, unsigned int virq);
/* physdev: the pirq's port, if bound. The vcpu that is told; NULL: none. */
struct vcpu *evtchn_send_pirq(struct domain *d, unsigned int pirq);
/* bound to it, 0 none; EVTCHNOP_bind_pirq */
port_t evtchn_pirq_port(const struct domain *d, unsigned int pirq);
int evtchn_send(struct domain *ld, port_t lport);
int evtchn_alloc_unbound_for(struct domain *d, uint16_t remote, port_t *port);

/*
 * Allocate an unbound port in d, for domain remote to bind, whose events go to a function of ours
 * (ioreq, monitor): called with v = vcpu of d and the sender's event lock held. The guest can
 * neither send on nor close this port.
 */
typedef void evtchn_consumer(struct vcpu *v, port_t port);
int evtchn_alloc_for_xen(struct domain *d, unsigned int vcpu, uint16_t remote, evtchn_consumer *fn,
                         port_t *port);
void evtchn_close_for_xen(struct domain *d, port_t port);
void evtchn_send_from_xen(struct domain *d, port_t port); /* raise the remote end, if bound */

/*
 * SCHEDOP_poll: start (EVTCHN_FIFO_PORTS for any port), then look whether a port is pending, then
 * sleep. An event on the port calls vcpu_unblock(), which ends the poll with evtchn_poll_stop()
 * (may be called when there is none).
 */
void evtchn_poll_start(struct vcpu *v, port_t port);
void evtchn_poll_stop(struct vcpu *v);
bool evtchn_port_is_valid(const struct domain *d, port_t port);
bool evtchn_port_is_pending(struct domain *d, port_t port);

/*
 * vcpu_info's upcall flag: set and wake/kick the vcpu. Implemented in core/evtchn.c over arch/sched
 * hooks.
 */
void vcpu_mark_events_pending(struct vcpu *v);
bool vcpu_event_deliverable(struct vcpu *v); /* upcall_pending && !upcall_mask */
/* VCPUOP_register_vcpu_info moved v's vcpu_info: raise everything in it (evtchn_2l) */
void evtchn_2l_vcpu_info_moved(struct vcpu *v);

/*
 * Implemented by arch/x86/pirq.c (physdev): route and release a pirq of d. Called with d's event
 * lock held.
 */
int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool will_share);
void pirq_guest_unbind(struct domain *d, unsigned int pirq);
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu);

#endif
