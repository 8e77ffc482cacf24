/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c */
/* links: core/lock.c tests/host/world.c */
/*
 * Event channels with the 2-level ABI: each operation with its results and errors, delivery, what
 * closing and dying leave behind. Errors are those of Xen 4.17 in the same case.
 */
#include "check.h"

#include "../host/world.h"

#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>

#define RESET_CONT 14

static union {
    struct evtchn_alloc_unbound alloc;
    struct evtchn_bind_interdomain inter;
    struct evtchn_bind_virq virq;
    struct evtchn_bind_pirq pirq;
    struct evtchn_bind_ipi ipi;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_status status;
    struct evtchn_bind_vcpu vcpu;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    struct evtchn_expand_array expand;
    struct evtchn_set_priority priority;
    uint64_t word[4];
} a;

static struct domain *d0, *d1, *d2;

static void start(void)
{
    world_start();
    world_buffer(&a, sizeof(a));
    d0 = world_domain(0, 2);
    d1 = world_domain(1, 2);
    d2 = world_domain(2, 1);
    CHECK_EQ(evtchn_init(d0, 131071), 0);
    CHECK_EQ(evtchn_init(d1, 1023), 0);
    CHECK_EQ(evtchn_init(d2, 140), 0);
}

static void end(void)
{
    struct domain *all[] = { d0, d1, d2 };

    world.preempt_at = 0;
    for (unsigned int i = 0; i < 3; i++) {
        all[i]->state = DOM_DYING;
        CHECK_EQ(evtchn_close_all(all[i]), 0);
        CHECK_EQ(all[i]->evtchn.nr_active, 0);
    }
    CHECK_EQ(world.pirqs_bound, 0);
    for (unsigned int i = 0; i < 3; i++)
        evtchn_exit(all[i]);
    CHECK_EQ(world_end(), 0);
}

static long call(struct domain *d, unsigned int cmd)
{
    const uint64_t arg[6] = { cmd, world_addr(&a) };

    world_run(d->vcpu[0]);
    return hc_event_channel_op(d->vcpu[0], arg);
}

static long alloc(struct domain *d, domid_t dom, domid_t remote)
{
    a.alloc = (struct evtchn_alloc_unbound){ .dom = dom, .remote_dom = remote };
    return call(d, EVTCHNOP_alloc_unbound);
}

static long bind(struct domain *d, domid_t remote, port_t port)
{
    a.inter = (struct evtchn_bind_interdomain){ .remote_dom = remote, .remote_port = port };
    return call(d, EVTCHNOP_bind_interdomain);
}

static long bind_virq(struct domain *d, unsigned int virq, unsigned int vcpu)
{
    a.virq = (struct evtchn_bind_virq){ .virq = virq, .vcpu = vcpu };
    return call(d, EVTCHNOP_bind_virq);
}

static long bind_ipi(struct domain *d, unsigned int vcpu)
{
    a.ipi.vcpu = vcpu;
    return call(d, EVTCHNOP_bind_ipi);
}

static long bind_pirq(struct domain *d, unsigned int pirq)
{
    a.pirq = (struct evtchn_bind_pirq){ .pirq = pirq };
    return call(d, EVTCHNOP_bind_pirq);
}

static long bind_vcpu(struct domain *d, port_t port, unsigned int vcpu)
{
    a.vcpu = (struct evtchn_bind_vcpu){ .port = port, .vcpu = vcpu };
    return call(d, EVTCHNOP_bind_vcpu);
}

static long status(struct domain *d, domid_t dom, port_t port)
{
    memset(&a, 0, sizeof(a));
    a.status.dom = dom;
    a.status.port = port;
    return call(d, EVTCHNOP_status);
}

static long with_port(struct domain *d, unsigned int cmd, port_t port)
{
    a.close.port = port;
    return call(d, cmd);
}

static long reset(struct domain *d, domid_t dom)
{
    a.reset.dom = dom;
    return call(d, EVTCHNOP_reset);
}

/* A channel from d to e: d's port, *eport the other. */
static port_t channel(struct domain *d, struct domain *e, port_t *eport)
{
    CHECK_EQ(alloc(e, DOMID_SELF, d->id), 0);
    *eport = a.alloc.port;
    CHECK_EQ(bind(d, e->id, *eport), 0);
    return a.inter.local_port;
}

static bool pending(const struct domain *d, port_t port)
{
    return (d->shared_info->evtchn_pending[port / 64] >> (port % 64)) & 1;
}

/* What a guest does in its upcall: take all that is pending. */
static void drain(struct domain *d)
{
    memset(d->shared_info->evtchn_pending, 0, sizeof(d->shared_info->evtchn_pending));
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        d->vcpu[i]->info->evtchn_pending_sel = 0;
        d->vcpu[i]->info->evtchn_upcall_pending = 0;
    }
    world.kicks = world.unblocks = 0;
}

static void test_errors(void)
{
    TEST("unknown operations and arguments that are not there") {
        start();
        CHECK_EQ(call(d1, 15), -ENOSYS);
        CHECK_EQ(call(d1, 0xffffffff), -ENOSYS);
        CHECK_EQ(hc_event_channel_op(d1->vcpu[0], (const uint64_t[]){ EVTCHNOP_send, 8 }), -EFAULT);
        end();
    }
    TEST("alloc_unbound: domains, rights, DOMID_SELF, port 0 is never given") {
        start();
        CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        CHECK_EQ(a.alloc.port, 1);
        CHECK_EQ(alloc(d1, 1, DOMID_SELF), 0);
        CHECK_EQ(a.alloc.port, 2);
        CHECK_EQ(status(d1, DOMID_SELF, 2), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_unbound);
        CHECK_EQ(a.status.u.unbound.dom, 1);
        CHECK_EQ(alloc(d1, 2, 0), -EPERM);
        CHECK_EQ(alloc(d1, 77, 0), -ESRCH);
        CHECK_EQ(alloc(d0, 2, 0), 0);
        CHECK_EQ(a.alloc.port, 1);
        d2->state = DOM_DYING;
        CHECK_EQ(alloc(d0, 2, 0), -EINVAL);
        end();
    }
    TEST("the limits: max_port of the domain, and 4096 of the 2-level ABI") {
        start();
        for (port_t p = 1; p <= 140; p++)
            CHECK(alloc(d2, DOMID_SELF, 0) == 0 && a.alloc.port == p);
        CHECK_EQ(alloc(d2, DOMID_SELF, 0), -ENOSPC);
        CHECK_EQ(with_port(d2, EVTCHNOP_close, 77), 0);
        CHECK_EQ(bind_ipi(d2, 0), 0);
        CHECK_EQ(a.ipi.port, 77);
        CHECK_EQ(bind_ipi(d2, 0), -ENOSPC);
        for (port_t p = 1; p < 4096; p++)
            CHECK(alloc(d0, DOMID_SELF, 0) == 0 && a.alloc.port == p);
        CHECK_EQ(alloc(d0, DOMID_SELF, 0), -ENOSPC);
        end();
    }
    TEST("bind_interdomain: only an unbound port that waits for us") {
        start();
        CHECK_EQ(bind(d1, 77, 1), -ESRCH);
        CHECK_EQ(bind(d1, 0, 1), -EINVAL);
        CHECK_EQ(bind(d1, 0, 0), -EINVAL);
        CHECK_EQ(bind(d1, 0, 5000), -EINVAL);
        CHECK_EQ(alloc(d0, DOMID_SELF, 2), 0);
        CHECK_EQ(bind(d1, 0, 1), -EINVAL);
        CHECK_EQ(bind(d2, 0, 1), 0);
        CHECK_EQ(bind(d2, 0, 1), -EINVAL);
        CHECK(pending(d2, a.inter.local_port + 1));
        end();
    }
    TEST("bind_virq: EINVAL, ENOENT, EEXIST") {
        start();
        CHECK_EQ(bind_virq(d1, NR_VIRQS, 0), -EINVAL);
        CHECK_EQ(bind_virq(d1, VIRQ_CONSOLE, 1), -EINVAL);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 2), -ENOENT);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 0), 0);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 0), -EEXIST);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 1), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_close, a.virq.port), 0);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 1), 0);
        end();
    }
    TEST("bind_ipi, bind_vcpu, status, close, send, unmask, set_priority: bad arguments") {
        start();
        CHECK_EQ(bind_ipi(d1, 2), -ENOENT);
        CHECK_EQ(bind_vcpu(d1, 1, 9), -ENOENT);
        CHECK_EQ(bind_vcpu(d1, 1, 1), -EINVAL);
        CHECK_EQ(bind_vcpu(d1, 70000, 1), -EINVAL);
        CHECK_EQ(status(d1, 0, 1), -EPERM);
        CHECK_EQ(status(d1, 9, 1), -ESRCH);
        CHECK_EQ(status(d1, 1, 128), -EINVAL);
        CHECK_EQ(status(d1, 1, 127), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_closed);
        CHECK_EQ(status(d0, 1, 0), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_closed);
        for (port_t p = 0; p < 200; p += 66) {
            CHECK_EQ(with_port(d1, EVTCHNOP_close, p), -EINVAL);
            CHECK_EQ(with_port(d1, EVTCHNOP_send, p), -EINVAL);
        }
        CHECK_EQ(with_port(d1, EVTCHNOP_unmask, 128), -EINVAL);
        a.priority = (struct evtchn_set_priority){ .port = 1, .priority = 3 };
        CHECK_EQ(call(d1, EVTCHNOP_set_priority), -ENOSYS);
        a.priority.port = 999;
        CHECK_EQ(call(d1, EVTCHNOP_set_priority), -EINVAL);
        CHECK_EQ(call(d1, EVTCHNOP_expand_array), -EOPNOTSUPP);
        end();
    }
    TEST("every failing allocation is reported and leaks nothing") {
        start();
        CHECK_EQ(channel(d1, d2, &(port_t){ 0 }), 1);
        for (port_t p = 2; p < 128; p++)
            CHECK_EQ(bind_ipi(d1, 0), 0);
        world.fail_after = 0;
        CHECK_EQ(bind_ipi(d1, 0), -ENOMEM);
        CHECK_EQ(bind_pirq(d1, 3), -ENOMEM);
        world.fail_after = -1;
        struct domain *d = world_domain(5, 1);
        for (int n = 0; n < 2; n++) {
            world.fail_after = n;
            CHECK_EQ(evtchn_init(d, 131071), -ENOMEM);
        }
        world.fail_after = -1;
        end();
    }
}

static void test_delivery(void)
{
    TEST("send: sets pending, selector and upcall in this order of need, and kicks once") {
        port_t p1, p0;

        start();
        p0 = channel(d0, d1, &p1);
        drain(d1);
        d1->vcpu[0]->pause_flags = BIT(VPF_BLOCKED);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK(pending(d1, p1));
        CHECK_EQ(d1->vcpu[0]->info->evtchn_pending_sel, 1);
        CHECK_EQ(d1->vcpu[0]->info->evtchn_upcall_pending, 1);
        CHECK_EQ(world.kicks, 1);
        CHECK_EQ(world.unblocks, 1);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(world.kicks, 1);
        drain(d1);
        d1->shared_info->evtchn_mask[0] = 1UL << p1;
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK(pending(d1, p1));
        CHECK_EQ(d1->vcpu[0]->info->evtchn_pending_sel, 0);
        CHECK_EQ(world.kicks, 0);
        CHECK(evtchn_port_is_pending(d1, p1));
        CHECK(!evtchn_port_is_pending(d1, 5000));
        CHECK_EQ(with_port(d1, EVTCHNOP_unmask, p1), 0);
        CHECK_EQ(d1->shared_info->evtchn_mask[0], 0);
        CHECK_EQ(d1->vcpu[0]->info->evtchn_pending_sel, 1);
        CHECK_EQ(d1->vcpu[0]->info->evtchn_upcall_pending, 1);
        end();
    }
    TEST("send to one's own vcpus does not kick the one that runs") {
        start();
        CHECK_EQ(bind_ipi(d1, 1), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, a.ipi.port), 0);
        CHECK(world.kicks == 1 && world.last_kicked == d1->vcpu[1]);
        CHECK_EQ(bind_ipi(d1, 0), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, a.ipi.port), 0);
        CHECK_EQ(world.kicks, 1);
        CHECK(!vcpu_event_deliverable(d1->vcpu[0]) == !!d1->vcpu[0]->info->evtchn_upcall_mask);
        end();
    }
    TEST("send: nothing happens on an unbound port, virq and pirq ports are refused") {
        start();
        CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, 1), 0);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 0), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, a.virq.port), -EINVAL);
        CHECK_EQ(bind_pirq(d1, 9), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, a.pirq.port), -EINVAL);
        end();
    }
    TEST("loopback: dom0 to dom0, and closing one end") {
        port_t p, q;

        start();
        p = channel(d0, d0, &q);
        CHECK(p != q && pending(d0, p));
        drain(d0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p), 0);
        CHECK(pending(d0, q) && !pending(d0, p));
        CHECK_EQ(with_port(d0, EVTCHNOP_close, q), 0);
        CHECK(!pending(d0, q));
        CHECK_EQ(status(d0, DOMID_SELF, p), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_unbound);
        CHECK_EQ(bind(d0, DOMID_SELF, p), 0);
        end();
    }
    TEST("bind_vcpu: interdomain, unbound, pirq and global virqs move, the others do not") {
        port_t p0, p1;

        start();
        p0 = channel(d0, d1, &p1);
        drain(d1);
        CHECK_EQ(bind_vcpu(d1, p1, 1), 0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(d1->vcpu[0]->info->evtchn_upcall_pending, 0);
        CHECK_EQ(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
        CHECK_EQ(status(d1, 1, p1), 0);
        CHECK_EQ(a.status.vcpu, 1);
        CHECK_EQ(a.status.u.interdomain.dom, 0);
        CHECK_EQ(a.status.u.interdomain.port, p0);
        CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        CHECK_EQ(bind_vcpu(d1, a.alloc.port, 1), 0);
        CHECK_EQ(bind_virq(d1, VIRQ_CONSOLE, 0), 0);
        CHECK_EQ(bind_vcpu(d1, a.virq.port, 1), 0);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 0), 0);
        CHECK_EQ(bind_vcpu(d1, a.virq.port, 1), -EINVAL);
        CHECK_EQ(bind_ipi(d1, 0), 0);
        CHECK_EQ(bind_vcpu(d1, a.ipi.port, 1), -EINVAL);
        CHECK_EQ(bind_pirq(d1, 7), 0);
        CHECK_EQ(bind_vcpu(d1, a.pirq.port, 1), 0);
        CHECK_EQ(world.pirq_cpu, 1);
        CHECK(evtchn_send_pirq(d1, 7) == d1->vcpu[1]);
        end();
    }
    TEST("a domain without vcpus can have channels, and is not told") {
        struct domain *d;

        start();
        d = world_domain(6, 0);
        d->vcpu[0] = NULL;
        CHECK_EQ(evtchn_init(d, 100), 0);
        CHECK_EQ(alloc(d0, 6, 0), 0);
        CHECK_EQ(bind(d0, 6, a.alloc.port), 0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, a.inter.local_port), 0);
        CHECK(!pending(d, 1));
        CHECK_EQ(evtchn_close_all(d), 0);
        evtchn_exit(d);
        end();
    }
    TEST("vcpu_info moves: everything in it is raised") {
        start();
        world_run(d0->vcpu[0]);
        d1->vcpu[1]->info->evtchn_upcall_pending = 1;
        evtchn_2l_vcpu_info_moved(d1->vcpu[1]);
        CHECK_EQ(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
        CHECK_EQ(d1->vcpu[1]->info->evtchn_pending_sel, UINT64_MAX);
        CHECK(world.last_kicked == d1->vcpu[1]);
        end();
    }
    TEST("pollers: the port's and any port's wake, others do not; stop is idempotent") {
        port_t p0, p1;

        start();
        p0 = channel(d0, d1, &p1);
        drain(d1);
        d1->shared_info->evtchn_mask[0] = ~0UL;
        evtchn_poll_start(d1->vcpu[0], p1 + 1);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(world.unblocks, 0);
        drain(d1);
        evtchn_poll_start(d1->vcpu[1], EVTCHN_FIFO_PORTS);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(world.unblocks, 1);
        evtchn_poll_stop(d1->vcpu[0]);
        evtchn_poll_stop(d1->vcpu[1]);
        evtchn_poll_stop(d1->vcpu[1]);
        CHECK_EQ(d1->evtchn.nr_pollers, 0);
        evtchn_poll_start(d1->vcpu[0], p1);
        drain(d1);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(world.unblocks, 1);
        evtchn_poll_stop(d1->vcpu[0]);
        end();
    }
}

static void test_irqs(void)
{
    TEST("virqs: per vcpu and global, the handler gets the global ones until it dies") {
        start();
        virq_send_global(VIRQ_DOM_EXC);
        virq_send_vcpu(d1->vcpu[0], VIRQ_TIMER);
        CHECK_EQ(bind_virq(d1, VIRQ_TIMER, 1), 0);
        virq_send_vcpu(d1->vcpu[1], VIRQ_TIMER);
        CHECK(pending(d1, a.virq.port));
        CHECK_EQ(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
        CHECK_EQ(bind_virq(d1, VIRQ_DOM_EXC, 0), 0);
        CHECK_EQ(bind_vcpu(d1, 2, 1), 0);
        CHECK_EQ(bind_virq(d0, VIRQ_DOM_EXC, 0), 0);
        virq_send_global(VIRQ_DOM_EXC);
        CHECK(pending(d0, 1) && !pending(d1, 2));
        drain(d0);
        CHECK_EQ(virq_set_handler(d1, VIRQ_TIMER), -EINVAL);
        CHECK_EQ(virq_set_handler(d1, NR_VIRQS), -EINVAL);
        CHECK_EQ(virq_set_handler(d2, VIRQ_DOM_EXC), 0);
        CHECK_EQ(virq_set_handler(d1, VIRQ_DOM_EXC), 0);
        virq_send_global(VIRQ_DOM_EXC);
        CHECK(!pending(d0, 1) && pending(d1, 2));
        CHECK_EQ(with_port(d1, EVTCHNOP_close, 2), 0);
        CHECK_EQ(bind_virq(d1, VIRQ_DOM_EXC, 0), 0);
        d1->state = DOM_DYING;
        CHECK_EQ(virq_set_handler(d1, VIRQ_CONSOLE), -EINVAL);
        CHECK_EQ(evtchn_close_all(d1), 0);
        virq_send_global(VIRQ_DOM_EXC);
        CHECK(pending(d0, 1));
        end();
    }
    TEST("pirqs: bound once, refused as the platform says, sent, released") {
        start();
        CHECK_EQ(bind_pirq(d0, 8192), -EINVAL);
        world.pirq_bind_rc = -EPERM;
        CHECK_EQ(bind_pirq(d0, 1055), -EPERM);
        CHECK_EQ(d0->evtchn.nr_active, 0);
        world.pirq_bind_rc = 0;
        CHECK(!evtchn_send_pirq(d0, 1055));
        CHECK_EQ(bind_pirq(d0, 1055), 0);
        CHECK_EQ(evtchn_pirq_port(d0, 1055), a.pirq.port);
        CHECK_EQ(bind_pirq(d0, 1055), -EEXIST);
        CHECK(evtchn_send_pirq(d0, 1055) == d0->vcpu[0]);
        CHECK(pending(d0, 1));
        CHECK_EQ(status(d0, DOMID_SELF, 1), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_pirq);
        CHECK_EQ(a.status.u.pirq, 1055);
        CHECK_EQ(with_port(d0, EVTCHNOP_close, 1), 0);
        CHECK_EQ(world.pirqs_bound, 0);
        CHECK_EQ(evtchn_pirq_port(d0, 1055), 0);
        CHECK(!pending(d0, 1));
        CHECK_EQ(bind_pirq(d0, 1055), 0);
        end();
    }
}

static unsigned int consumed;
static void consumer(struct vcpu *v, port_t port) { consumed += v->id == 1 ? port : 1000; }
static void other_consumer(struct vcpu *v, port_t port) { consumed = 0; }

static void test_life(void)
{
    TEST("close: the peer waits again for the same domain") {
        port_t p0, p1;

        start();
        p0 = channel(d0, d1, &p1);
        CHECK_EQ(with_port(d0, EVTCHNOP_close, p0), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, p1), 0);
        CHECK(!pending(d0, p0));
        CHECK_EQ(status(d1, 1, p1), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_unbound);
        CHECK_EQ(a.status.u.unbound.dom, 0);
        CHECK_EQ(bind(d2, 1, p1), -EINVAL);
        CHECK_EQ(bind(d0, 1, p1), 0);
        end();
    }
    TEST("a dying domain lets go of all, preemptibly, and its peers see it") {
        port_t p0[40], p1;
        unsigned int calls = 0;
        int rc;

        start();
        for (unsigned int i = 0; i < ARRAY_SIZE(p0); i++)
            p0[i] = channel(d0, d1, &p1);
        d1->state = DOM_DYING;
        world.preempt_at = 1;
        while ((rc = evtchn_close_all(d1)) == -ERESTART && calls < 100)
            calls++;
        CHECK_EQ(rc, 0);
        CHECK(calls >= 2);
        for (unsigned int i = 0; i < ARRAY_SIZE(p0); i++) {
            CHECK_EQ(status(d0, 0, p0[i]), 0);
            CHECK_EQ(a.status.status, EVTCHNSTAT_unbound);
        }
        end();
    }
    TEST("reset: rights, the paused target, continuation") {
        start();
        CHECK_EQ(reset(d1, 2), -EPERM);
        CHECK_EQ(reset(d1, 9), -ESRCH);
        CHECK_EQ(reset(d0, 1), -EINVAL);
        for (unsigned int i = 0; i < 60; i++)
            CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        world.preempt_at = 1;
        CHECK_EQ(reset(d1, DOMID_SELF), -ERESTART);
        CHECK_EQ(world.cont[0], RESET_CONT);
        CHECK_EQ(world.cont[1], world_addr(&a));
        CHECK(d1->evtchn.nr_active > 0 && d1->evtchn.nr_active < 60);
        world.preempt_at = 0;
        CHECK_EQ(call(d1, RESET_CONT), 0);
        CHECK_EQ(d1->evtchn.nr_active, 0);
        CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        d1->controller_pause_count = 1;
        CHECK_EQ(reset(d0, 1), 0);
        CHECK_EQ(d1->evtchn.nr_active, 0);
        end();
    }
    TEST("a domain that dies amid its reset leaves no port open") {
        start();
        for (unsigned int i = 0; i < 60; i++)
            CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        world.preempt_at = 1;
        CHECK_EQ(reset(d1, DOMID_SELF), -ERESTART);
        CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        CHECK_EQ(a.alloc.port, 1);
        end();
    }
    TEST("a port made by somebody who saw the domain alive is closed, behind the search too") {
        unsigned int calls = 0;
        port_t p1;

        start();
        for (unsigned int i = 0; i < 60; i++)
            CHECK_EQ(alloc(d1, DOMID_SELF, 0), 0);
        d1->state = DOM_DYING;
        world.preempt_at = 1;
        CHECK_EQ(evtchn_close_all(d1), -ERESTART);
        d1->state = DOM_ALIVE;
        CHECK_EQ(alloc(d0, 1, 0), 0);
        p1 = a.alloc.port;
        CHECK_EQ(p1, 1);
        d1->state = DOM_DYING;
        CHECK_EQ(bind(d0, 1, p1), 0);
        while (evtchn_close_all(d1) == -ERESTART && calls < 100)
            calls++;
        CHECK_EQ(d1->evtchn.nr_active, 0);
        CHECK_EQ(status(d0, 0, a.inter.local_port), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_unbound);
        end();
    }
    TEST("ports of ours: the guest can neither send on, close, move nor see them") {
        port_t mine, other;

        start();
        consumed = 0;
        CHECK_EQ(evtchn_alloc_for_xen(d1, 1, 0, consumer, &mine), 0);
        CHECK_EQ(evtchn_alloc_for_xen(d1, 1, 0, other_consumer, &other), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_send, mine), -EINVAL);
        CHECK_EQ(with_port(d1, EVTCHNOP_close, mine), -EINVAL);
        CHECK_EQ(bind_vcpu(d1, mine, 0), -EINVAL);
        CHECK_EQ(status(d1, 1, mine), -EACCES);
        evtchn_send_from_xen(d1, mine);
        CHECK_EQ(bind(d0, 1, mine), 0);
        port_t p0 = a.inter.local_port;
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(consumed, mine);
        CHECK(!pending(d1, mine));
        drain(d0);
        evtchn_send_from_xen(d1, mine);
        CHECK(pending(d0, p0));
        CHECK_EQ(reset(d1, DOMID_SELF), 0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(consumed, 2 * mine);
        evtchn_close_for_xen(d1, mine);
        evtchn_close_for_xen(d1, other);
        CHECK_EQ(status(d0, 0, p0), 0);
        CHECK_EQ(a.status.status, EVTCHNSTAT_unbound);
        end();
    }
}

int main(void)
{
    test_errors();
    test_delivery();
    test_irqs();
    test_life();
    return check_exit();
}
