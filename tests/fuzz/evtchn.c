/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 5000 */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c */
/* links: core/lock.c tests/host/world.c */
/*
 * Sequences of event-channel calls by three domains. Input: 4 bytes a step: what, who, two numbers.
 * After each step both ends of every channel name each other, virqs and pirqs agree with their
 * ports, and the counts are right; at the end all domains die and nothing is left.
 *
 * FIFO control blocks and arrays come from any frame, at any offset: only what lies in a writable
 * page of the caller's may be taken, and the frames around its pages stay as they are.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/world.h"

#include <hv/errno.h>
#include <hv/hypercall.h>

#define DOMAINS 3
#define VCPUS 3
#define PAGES 4
#define GUARD 0xa5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct domain *dom[DOMAINS];
static struct page *guest_page[DOMAINS][PAGES];
static struct page *guard_page[DOMAINS][PAGES + 1]; /* before, between and after those */
static unsigned int used[DOMAINS][PAGES]; /* by control blocks and arrays */
static uint64_t arg[4];

static void require(bool truth)
{
    if (!truth)
        abort();
}

static struct evtchn *port_of(const struct domain *d, port_t p)
{
    return &d->evtchn.group[p / EVTCHN_PER_GROUP][p % EVTCHN_PER_GROUP];
}

static bool is_ours(const struct domain *d)
{
    for (unsigned int i = 0; i < DOMAINS; i++)
        if (dom[i] == d)
            return true;
    return false;
}

static void check_port(const struct domain *d, const struct evtchn *c)
{
    switch (c->state) {
    case ECS_INTERDOMAIN: {
        const struct domain *rd = c->u.interdomain.remote_dom;

        require(is_ours(rd) && c->u.interdomain.remote_port < rd->evtchn.nr_valid);
        const struct evtchn *r = port_of(rd, c->u.interdomain.remote_port);
        require(r->state == ECS_INTERDOMAIN && r->u.interdomain.remote_dom == d);
        require(r->u.interdomain.remote_port == c->port && r != c);
        break;
    }
    case ECS_VIRQ: {
        unsigned int found = 0;

        for (unsigned int v = 0; v < VCPUS; v++)
            found += d->vcpu[v]->virq_port[c->u.virq] == c->port;
        require(found == 1);
        break;
    }
    case ECS_PIRQ:
        require(evtchn_pirq_port(d, c->u.pirq.irq) == c->port);
        break;
    }
    require(c->notify_vcpu < VCPUS);
}

static void check_domain(const struct domain *d)
{
    unsigned int active = 0;

    require(port_of(d, 0)->state == ECS_RESERVED);
    for (port_t p = 0; p < d->evtchn.nr_valid; p++) {
        const struct evtchn *c = port_of(d, p);

        require(c->port == p);
        require(p >= d->evtchn.free_hint || c->state != ECS_FREE);
        active += c->state > ECS_RESERVED;
        check_port(d, c);
    }
    require(active == d->evtchn.nr_active);
    for (unsigned int v = 0; v < VCPUS; v++)
        for (unsigned int i = 0; i < NR_VIRQS; i++) {
            port_t p = d->vcpu[v]->virq_port[i];

            require(!p || (port_of(d, p)->state == ECS_VIRQ && port_of(d, p)->u.virq == i));
        }
}

static long call(struct domain *d, unsigned int cmd, const void *op, size_t n)
{
    const uint64_t args[6] = { cmd, world_addr(arg) };
    long rc;

    memcpy(arg, op, n);
    world_run(d->vcpu[0]);
    rc = hc_event_channel_op(d->vcpu[0], args);
    require(rc <= 0 && rc >= -ENOTCONN - 100);
    return rc;
}

#define CALL(d, op, type, ...) call(d, op, &(struct type){ __VA_ARGS__ }, sizeof(struct type))

static void guest_scribbles(unsigned int who, uint8_t a, uint8_t b)
{
    uint32_t *words = world_bytes(guest_page[who][a % PAGES]);

    words[b] = (uint32_t)(a * 0x9e3779b1U) ^ ((uint32_t)b << 24);
}

/* What can be named as a frame: mostly the caller's, as p says; else others' and none at all. */
static uint64_t some_frame(unsigned int who, uint8_t p, uint8_t kind)
{
    static const uint64_t none[] = { 0, ~0ULL, 1ULL << 52, UINT32_MAX, WORLD_FRAMES + 64 };

    if (kind < 192)
        return world_gfn(guest_page[who][p % PAGES]);
    if (kind < 224)
        return world_gfn(guest_page[p / PAGES % DOMAINS][p % PAGES]);
    return none[p % ARRAY_SIZE(none)];
}

/* The page that it is, if it is one that d may give us. */
static unsigned int *use_of(const struct domain *d, uint64_t frame)
{
    for (unsigned int p = 0; p < PAGES; p++)
        if (world_gfn(guest_page[d->id][p]) == frame && !(guest_page[d->id][p]->use >> 63))
            return &used[d->id][p];
    return NULL;
}

static uint32_t some_offset(uint8_t a, uint8_t b)
{
    const uint32_t last = PAGE_SIZE - sizeof(struct evtchn_fifo_control_block);

    switch (a / 64) {
    case 0: return b * 16U;
    case 1: return b;
    case 2: return last - 128 + b;
    default: return (uint32_t)b << 24 | b;
    }
}

static void init_control(struct domain *d, unsigned int v, uint64_t frame, uint32_t offset)
{
    unsigned int *use = use_of(d, frame);
    long rc = CALL(d, EVTCHNOP_init_control, evtchn_init_control, .control_gfn = frame,
                   .offset = offset, .vcpu = v);

    if (rc)
        return;
    require(use && v < VCPUS && offset % 8 == 0);
    require(offset <= PAGE_SIZE - sizeof(struct evtchn_fifo_control_block));
    ++*use;
}

static void expand_array(struct domain *d, uint64_t frame)
{
    unsigned int *use = use_of(d, frame);

    if (CALL(d, EVTCHNOP_expand_array, evtchn_expand_array, .array_gfn = frame))
        return;
    require(use && d->evtchn.fifo);
    ++*use;
}

static void reset(struct domain *d, domid_t other)
{
    const unsigned int id = other == DOMID_SELF ? d->id : other;

    if (!CALL(d, EVTCHNOP_reset, evtchn_reset, .dom = other))
        memset(used[id], 0, sizeof(used[id]));
}

/* Each use of a page is a writable reference. */
static void check_pages(const struct domain *d)
{
    for (unsigned int p = 0; p < PAGES; p++) {
        const struct page *pg = guest_page[d->id][p];

        require(world_page_refs(pg) == 1 + used[d->id][p]);
        if (!(pg->use >> 63))
            require(world_page_writers(pg) == used[d->id][p]);
    }
}

static void check_guards(const struct domain *d)
{
    for (unsigned int p = 0; p <= PAGES; p++) {
        const uint8_t *bytes = world_bytes(guard_page[d->id][p]);

        require(bytes[0] == GUARD && memcmp(bytes, bytes + 1, PAGE_SIZE - 1) == 0);
    }
}

static void step(uint8_t what, unsigned int who, uint8_t a, uint8_t b)
{
    struct domain *d = dom[who];
    domid_t other = b % 5 == 4 ? DOMID_SELF : b % 4;

    switch (what % 17) {
    case 0:
        CALL(d, EVTCHNOP_alloc_unbound, evtchn_alloc_unbound, .dom = a % 2 ? DOMID_SELF : a % 4,
             .remote_dom = other);
        break;
    case 1:
        CALL(d, EVTCHNOP_bind_interdomain, evtchn_bind_interdomain, .remote_dom = other,
             .remote_port = a);
        break;
    case 2:
        CALL(d, EVTCHNOP_bind_virq, evtchn_bind_virq, .virq = a % (NR_VIRQS + 1),
             .vcpu = b % (VCPUS + 1));
        break;
    case 3: CALL(d, EVTCHNOP_bind_ipi, evtchn_bind_ipi, .vcpu = a % (VCPUS + 1)); break;
    case 4: CALL(d, EVTCHNOP_bind_pirq, evtchn_bind_pirq, .pirq = a * 33U, .flags = b); break;
    case 5: CALL(d, EVTCHNOP_close, evtchn_close, .port = a); break;
    case 6: CALL(d, EVTCHNOP_send, evtchn_send, .port = a); break;
    case 7: CALL(d, EVTCHNOP_status, evtchn_status, .dom = other, .port = a); break;
    case 8:
        CALL(d, EVTCHNOP_bind_vcpu, evtchn_bind_vcpu, .port = a, .vcpu = b % (VCPUS + 1));
        break;
    case 9: CALL(d, EVTCHNOP_unmask, evtchn_unmask, .port = a); break;
    case 10: reset(d, other); break;
    case 11:
        if (what < 128)
            init_control(d, a % (VCPUS + 1), some_frame(who, a, 0), b * 8U);
        else
            init_control(d, what % (VCPUS + 1), some_frame(who, a, b), some_offset(a, b));
        break;
    case 12: expand_array(d, some_frame(who, a, what < 128 ? b % DOMAINS * 96 : b)); break;
    case 13:
        CALL(d, EVTCHNOP_set_priority, evtchn_set_priority, .port = a, .priority = b % 18U);
        break;
    case 14: virq_send_global(a % NR_VIRQS); virq_send_vcpu(d->vcpu[b % VCPUS], VIRQ_TIMER); break;
    case 15: evtchn_send_pirq(d, a * 33U); virq_set_handler(d, b % 30U); break;
    case 16: guest_scribbles(who, a, b); break;
    }
}

static void guest_pages(unsigned int i)
{
    for (unsigned int p = 0; p <= PAGES; p++) {
        guard_page[i][p] = world_frame(NULL);
        memset(world_bytes(guard_page[i][p]), GUARD, PAGE_SIZE);
        if (p == PAGES)
            break;
        guest_page[i][p] = world_frame(dom[i]);
        memset(world_bytes(guest_page[i][p]), 0, PAGE_SIZE);
    }
}

static void start(uint8_t options)
{
    memset(used, 0, sizeof(used));
    world_start();
    world_buffer(arg, sizeof(arg));
    for (unsigned int i = 0; i < DOMAINS; i++) {
        dom[i] = world_domain((domid_t)i, VCPUS);
        dom[i]->controller_pause_count = options & 1;
        dom[i]->is_32bit = options >> (3 + i) & 1; /* its arguments are the same */
        require(evtchn_init(dom[i], i == 2 ? 20 : 300) == 0);
        guest_pages(i);
    }
    if (options & BIT(6))
        world_frame_is_table(guest_page[1][3], true); /* cannot be written by its owner */
    world.preempt_at = options >> 1 & 3;
}

static void end(void)
{
    world.fail_after = -1;
    for (unsigned int i = 0; i < DOMAINS; i++) {
        unsigned int tries = 0;

        check_guards(dom[i]);
        dom[i]->state = DOM_DYING;
        while (evtchn_close_all(dom[i]))
            require(tries++ < 10000);
        require(dom[i]->evtchn.nr_active == 0);
    }
    require(world.pirqs_bound == 0);
    for (unsigned int i = 0; i < DOMAINS; i++)
        evtchn_exit(dom[i]);
    require(world_end() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    start(data[0]);
    if (data[1])
        world.fail_after = data[1];
    for (size_t i = 2; i + 4 <= size && i < 1024; i += 4) {
        step(data[i], data[i + 1] % DOMAINS, data[i + 2], data[i + 3]);
        for (unsigned int d = 0; d < DOMAINS; d++) {
            check_domain(dom[d]);
            check_pages(dom[d]);
        }
    }
    end();
    return 0;
}
