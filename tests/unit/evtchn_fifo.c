/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c */
/* links: core/lock.c tests/host/world.c */
/*
 * The FIFO ABI against a guest that follows the protocol (public event_channel.h): what it takes
 * from its queues must be what was sent, in order of priority and arrival; and against one that
 * does not.
 */
#include "check.h"

#include "../host/events.h"

#include <hv/errno.h>
#include <hv/hypercall.h>

#define BUSY (1U << EVTCHN_FIFO_BUSY)
#define NR_VCPUS 3

static union {
    struct evtchn_alloc_unbound alloc;
    struct evtchn_bind_interdomain inter;
    struct evtchn_bind_ipi ipi;
    struct evtchn_close close;
    struct evtchn_bind_vcpu vcpu;
    struct evtchn_reset reset;
    struct evtchn_init_control control;
    struct evtchn_expand_array expand;
    struct evtchn_set_priority priority;
    uint64_t word[4];
} a;

static struct domain *d0, *d1;
static struct evtchn_fifo_control_block *block[NR_VCPUS];
static struct page *block_page;
static event_word_t *words;

static long call(struct domain *d, unsigned int cmd)
{
    const uint64_t arg[6] = { cmd, world_addr(&a) };

    world_run(d->vcpu[0]);
    return hc_event_channel_op(d->vcpu[0], arg);
}

static long init_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
    a.control = (struct evtchn_init_control){ .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    return call(d1, EVTCHNOP_init_control);
}

static long expand(uint64_t gfn)
{
    a.expand.array_gfn = gfn;
    return call(d1, EVTCHNOP_expand_array);
}

static long with_port(struct domain *d, unsigned int cmd, port_t port)
{
    a.close.port = port;
    return call(d, cmd);
}

static long bind_vcpu(port_t port, unsigned int vcpu)
{
    a.vcpu = (struct evtchn_bind_vcpu){ .port = port, .vcpu = vcpu };
    return call(d1, EVTCHNOP_bind_vcpu);
}

static long set_priority(port_t port, unsigned int priority)
{
    a.priority = (struct evtchn_set_priority){ .port = port, .priority = priority };
    return call(d1, EVTCHNOP_set_priority);
}

static port_t port_on(unsigned int vcpu)
{
    a.ipi.vcpu = vcpu;
    CHECK_EQ(call(d1, EVTCHNOP_bind_ipi), 0);
    return a.ipi.port;
}

static long send(port_t port) { return with_port(d1, EVTCHNOP_send, port); }

static void start_bare(void)
{
    world_start();
    world_buffer(&a, sizeof(a));
    d0 = world_domain(0, 1);
    d1 = world_domain(1, NR_VCPUS);
    CHECK_EQ(evtchn_init(d0, 131071), 0);
    CHECK_EQ(evtchn_init(d1, 131071), 0);
}

static void start(void)
{
    struct page *array;

    start_bare();
    block_page = world_frame(d1);
    memset(world_bytes(block_page), 0, PAGE_SIZE);
    for (unsigned int i = 0; i < NR_VCPUS; i++) {
        CHECK_EQ(init_control(world_gfn(block_page), i * 512, i), 0);
        CHECK_EQ(a.control.link_bits, 17);
        block[i] = (void *)((char *)world_bytes(block_page) + i * 512);
    }
    array = world_frame(d1);
    words = world_bytes(array);
    memset(words, 0, PAGE_SIZE);
    CHECK_EQ(expand(world_gfn(array)), 0);
}

static void end(void) { end_events(d0, d1); }

/* --- a guest that follows the protocol -------------------------------------------------------- */

static port_t guest_head[NR_VCPUS][16];

/* Take the next event of vcpu's queue; 0 when it is empty. Clears LINKED; consumes PENDING. */
static port_t take(unsigned int vcpu, unsigned int prio, bool *was_pending)
{
    port_t port = guest_head[vcpu][prio] ? guest_head[vcpu][prio] : block[vcpu]->head[prio];
    event_word_t w;

    if (!(block[vcpu]->ready & (1U << prio)))
        return 0;
    w = words[port];
    CHECK(w & LINKED);
    words[port] = w & ~(LINKED | BUSY | (uint32_t)EVTCHN_FIFO_LINK_MASK);
    guest_head[vcpu][prio] = w & EVTCHN_FIFO_LINK_MASK;
    if (!guest_head[vcpu][prio])
        block[vcpu]->ready &= ~(1U << prio);
    *was_pending = (w & PENDING) && !(w & MASKED);
    if (*was_pending)
        words[port] &= ~PENDING;
    return port;
}

/* All pending events of a vcpu, highest priority first. */
static unsigned int drain(unsigned int vcpu, port_t out[], unsigned int max)
{
    unsigned int n = 0, left = 10000;
    bool pending;

    d1->vcpu[vcpu]->info->evtchn_upcall_pending = 0;
    for (unsigned int prio = 0; prio < 16; prio++)
        for (port_t p; n < max && left-- && (p = take(vcpu, prio, &pending));)
            if (pending)
                out[n++] = p;
    CHECK(left > 0 && left < 10001);
    memset(guest_head[vcpu], 0, sizeof(guest_head[vcpu]));
    return n;
}

static port_t got[4096];

/* --- tests ------------------------------------------------------------------------------------ */

static void test_set_up(void)
{
    TEST("init_control: vcpu, offset, frame, twice; the first one switches the domain") {
        struct page *pg, *table, *foreign;

        start_bare();
        pg = world_frame(d1);
        table = world_frame(d1);
        foreign = world_frame(d0);
        world_frame_is_table(table, true);
        CHECK_EQ(init_control(world_gfn(pg), 0, NR_VCPUS), -ENOENT);
        CHECK_EQ(init_control(world_gfn(pg), 4, 0), -EINVAL);
        CHECK_EQ(init_control(world_gfn(pg), PAGE_SIZE - 64, 0), -EINVAL);
        CHECK_EQ(init_control(world_gfn(pg), 0xfffffff8, 0), -EINVAL);
        CHECK_EQ(init_control(world_gfn(table), 0, 0), -EINVAL);
        CHECK_EQ(init_control(world_gfn(foreign), 0, 0), -EINVAL);
        CHECK_EQ(init_control(1ULL << 50, 0, 0), -EINVAL);
        CHECK(d1->evtchn.ops->set_priority == NULL);
        CHECK_EQ(expand(world_gfn(pg)), -EOPNOTSUPP);
        for (int n = 0; n < 2; n++) {
            world.fail_after = n;
            CHECK_EQ(init_control(world_gfn(pg), 0, 1), -ENOMEM);
            CHECK_EQ(world_page_refs(pg), 1);
            hv_free(d1->vcpu[1]->evtchn_fifo);
            d1->vcpu[1]->evtchn_fifo = NULL;
        }
        world.fail_after = -1;
        CHECK_EQ(init_control(world_gfn(pg), PAGE_SIZE - 72, 1), 0);
        CHECK(d1->evtchn.ops->set_priority != NULL);
        CHECK_EQ(init_control(world_gfn(pg), 0, 1), -EINVAL);
        CHECK_EQ(world_page_refs(pg), 2);
        CHECK_EQ(world_page_writers(pg), 1);
        end();
        CHECK_EQ(world_page_refs(pg), 1);
    }
    TEST("expand_array: bad frames, 128 pages and no more") {
        struct page *pg;

        start();
        CHECK_EQ(expand(1ULL << 40), -EINVAL);
        for (unsigned int i = 1; i < 128; i++)
            CHECK_EQ(expand(world_gfn(world_frame(d1))), 0);
        pg = world_frame(d1);
        CHECK_EQ(expand(world_gfn(pg)), -ENOSPC);
        CHECK_EQ(world_page_refs(pg), 1);
        end();
    }
    TEST("more than 4096 ports, up to the domain's limit") {
        start();
        for (unsigned int i = 1; i < 128; i++) {
            struct page *pg = world_frame(d1);

            memset(world_bytes(pg), 0, PAGE_SIZE);
            CHECK_EQ(expand(world_gfn(pg)), 0);
        }
        for (port_t p = 1; p < 5000; p++)
            CHECK_EQ(port_on(0), p);
        CHECK_EQ(send(4999), 0);
        CHECK_EQ(block[0]->head[7], 4999);
        end();
    }
    TEST("events from before: pending in the bitmap, or sent while the page was missing") {
        struct page *pg, *array;
        port_t p, q;

        start_bare();
        p = port_on(0);
        q = port_on(0);
        CHECK_EQ(send(p), 0);
        pg = world_frame(d1);
        memset(world_bytes(pg), 0, PAGE_SIZE);
        block[0] = world_bytes(pg);
        CHECK_EQ(init_control(world_gfn(pg), 0, 0), 0);
        CHECK_EQ(send(q), 0);
        CHECK(!evtchn_port_is_pending(d1, q));
        array = world_frame(d1);
        words = world_bytes(array);
        memset(words, 0, PAGE_SIZE);
        CHECK_EQ(expand(world_gfn(array)), 0);
        CHECK_EQ(drain(0, got, 10), 2);
        CHECK(got[0] == p && got[1] == q);
        end();
    }
    TEST("a vcpu without control block: pending, not linked, and no page is touched") {
        struct page *pg, *array;
        port_t p;

        start_bare();
        pg = world_frame(d1);
        memset(world_bytes(pg), 0, PAGE_SIZE);
        CHECK_EQ(init_control(world_gfn(pg), 0, 0), 0);
        array = world_frame(d1);
        words = world_bytes(array);
        memset(words, 0, PAGE_SIZE);
        CHECK_EQ(expand(world_gfn(array)), 0);
        p = port_on(2);
        CHECK_EQ(send(p), 0);
        CHECK_EQ(words[p], PENDING);
        CHECK(evtchn_port_is_pending(d1, p));
        end();
    }
}

static void test_queue(void)
{
    TEST("one event: pending, linked, head, ready, upcall; again it is not queued twice") {
        port_t p;

        start();
        p = port_on(1);
        CHECK_EQ(send(p), 0);
        CHECK_EQ(words[p], PENDING | LINKED);
        CHECK_EQ(block[1]->head[7], p);
        CHECK_EQ(block[1]->ready, 1U << 7);
        CHECK_EQ(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
        CHECK_EQ(world.kicks, 1);
        CHECK_EQ(send(p), 0);
        CHECK_EQ(world.kicks, 1);
        CHECK_EQ(drain(1, got, 10), 1);
        CHECK_EQ(send(p), 0);
        CHECK_EQ(drain(1, got, 10), 1);
        CHECK_EQ(got[0], p);
        end();
    }
    TEST("order of arrival within a priority, priorities first") {
        port_t p[6];

        start();
        for (unsigned int i = 0; i < 6; i++)
            p[i] = port_on(0);
        CHECK_EQ(set_priority(p[4], 0), 0);
        CHECK_EQ(set_priority(p[5], 15), 0);
        CHECK_EQ(set_priority(p[5], 16), -EINVAL);
        CHECK_EQ(set_priority(99999, 1), -EINVAL);
        const unsigned int order[] = { 5, 2, 0, 4, 3, 1 }, want[] = { 4, 2, 0, 3, 1, 5 };
        for (unsigned int i = 0; i < 6; i++)
            CHECK_EQ(send(p[order[i]]), 0);
        CHECK_EQ(drain(0, got, 10), 6);
        for (unsigned int i = 0; i < 6; i++)
            CHECK_EQ(got[i], p[want[i]]);
        end();
    }
    TEST("masked: pending only; unmasking queues it") {
        port_t p;

        start();
        p = port_on(0);
        words[p] = MASKED;
        CHECK_EQ(send(p), 0);
        CHECK_EQ(words[p], MASKED | PENDING);
        CHECK_EQ(block[0]->ready, 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_unmask, p), 0);
        CHECK_EQ(drain(0, got, 10), 1);
        words[p] = MASKED;
        CHECK_EQ(with_port(d1, EVTCHNOP_unmask, p), 0);
        CHECK_EQ(words[p], 0);
        CHECK_EQ(drain(0, got, 10), 0);
        end();
    }
    TEST("an event that was a queue's tail and moves does not take the next one with it") {
        port_t p0, p, q;

        start();
        a.alloc = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = 0 };
        CHECK_EQ(call(d1, EVTCHNOP_alloc_unbound), 0);
        p = a.alloc.port;
        a.inter = (struct evtchn_bind_interdomain){ .remote_dom = 1, .remote_port = p };
        CHECK_EQ(call(d0, EVTCHNOP_bind_interdomain), 0);
        p0 = a.inter.local_port;
        q = port_on(0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(drain(0, got, 10), 1);
        CHECK_EQ(bind_vcpu(p, 2), 0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p0), 0);
        CHECK_EQ(block[2]->head[7], p);
        CHECK_EQ(send(q), 0);
        CHECK_EQ(words[p] & EVTCHN_FIFO_LINK_MASK, 0);
        CHECK_EQ(drain(0, got, 10), 1);
        CHECK_EQ(got[0], q);
        CHECK_EQ(drain(2, got, 10), 1);
        CHECK_EQ(got[0], p);
        end();
    }
    TEST("a port that is closed while linked is not given out before the guest unlinks it") {
        port_t p;

        start();
        p = port_on(0);
        CHECK_EQ(send(p), 0);
        CHECK_EQ(with_port(d1, EVTCHNOP_close, p), 0);
        CHECK_EQ(words[p], LINKED);
        CHECK_EQ(port_on(0), p + 1);
        CHECK_EQ(send(p + 1), 0);
        CHECK_EQ(drain(0, got, 10), 1);
        CHECK_EQ(got[0], p + 1);
        CHECK_EQ(port_on(1), p);
        CHECK_EQ(send(p), 0);
        CHECK_EQ(drain(1, got, 10), 1);
        end();
    }
    TEST("reset gives back the pages and returns to 2-level") {
        start();
        CHECK_EQ(port_on(0), 1);
        a.reset.dom = DOMID_SELF;
        CHECK_EQ(call(d1, EVTCHNOP_reset), 0);
        CHECK_EQ(world_page_refs(block_page), 1);
        CHECK_EQ(world_page_writers(block_page), 0);
        CHECK(d1->evtchn.fifo == NULL);
        CHECK_EQ(port_on(0), 1);
        CHECK_EQ(send(1), 0);
        CHECK_EQ(d1->shared_info->evtchn_pending[0], 2);
        end();
    }
}

static uint32_t seed = 1;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* Each event that was sent and not masked is taken exactly once after. */
static void random_round(const port_t p[], unsigned int n)
{
    static unsigned int want[64];

    memset(want, 0, sizeof(want));
    for (unsigned int i = 0; i < 100; i++) {
        unsigned int k = rnd(n);

        if (rnd(4) == 0)
            CHECK_EQ(set_priority(p[k], rnd(16)), 0);
        if (rnd(4) == 0)
            CHECK_EQ(bind_vcpu(p[k], rnd(NR_VCPUS)), 0);
        CHECK_EQ(with_port(d0, EVTCHNOP_send, p[k]), 0); /* the same numbers at both ends */
        want[k] = 1;
        if (rnd(16) == 0)
            for (unsigned int v = 0; v < NR_VCPUS; v++)
                for (unsigned int j = 0, m = drain(v, got, 64); j < m; j++)
                    want[got[j] - p[0]]--;
    }
    for (unsigned int v = 0; v < NR_VCPUS; v++)
        for (unsigned int j = 0, m = drain(v, got, 64); j < m; j++)
            want[got[j] - p[0]]--;
    for (unsigned int k = 0; k < n; k++)
        CHECK_EQ(want[k], 0);
}

static void test_random(void)
{
    TEST("random sends, moves and drains: no event lost, none twice") {
        port_t p[32];

        start();
        for (unsigned int i = 0; i < ARRAY_SIZE(p); i++) {
            a.alloc = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = 0 };
            CHECK_EQ(call(d1, EVTCHNOP_alloc_unbound), 0);
            p[i] = a.alloc.port;
            a.inter = (struct evtchn_bind_interdomain){ .remote_dom = 1, .remote_port = p[i] };
            CHECK_EQ(call(d0, EVTCHNOP_bind_interdomain), 0);
            CHECK_EQ(a.inter.local_port, p[i]);
        }
        for (unsigned int i = 0; i < 500; i++)
            random_round(p, ARRAY_SIZE(p));
        end();
    }
    TEST("a guest that writes garbage into its words and blocks hurts nobody else") {
        port_t p[32];

        start();
        for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
            p[i] = port_on(rnd(NR_VCPUS));
        for (unsigned int i = 0; i < 20000; i++) {
            words[rnd(64)] = seed ^ (seed << 7);
            block[rnd(NR_VCPUS)]->head[rnd(16)] = seed;
            block[rnd(NR_VCPUS)]->ready = seed;
            CHECK_EQ(send(p[rnd(ARRAY_SIZE(p))]), 0);
            CHECK_EQ(with_port(d1, EVTCHNOP_unmask, p[rnd(ARRAY_SIZE(p))]), 0);
            CHECK_EQ(set_priority(p[rnd(ARRAY_SIZE(p))], rnd(16)), 0);
        }
        end();
    }
}

int main(void)
{
    test_set_up();
    test_queue();
    test_random();
    return check_exit();
}
