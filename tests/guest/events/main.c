/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels from the guest's side: binding and its errors, what becomes visible where and in
 * which order, delivery, polling and blocking; all that first with the 2-level bitmaps, then with
 * the FIFO queues.
 */
#include "guest.h"

const char *test_name = "events";

#define NO_PORT 100000000U
#define MS 1000000UL

/* --- requests --------------------------------------------------------------------------------- */

static long last_error;

static unsigned int unbound(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

    last_error = evtchn_op(EVTCHNOP_alloc_unbound, &op);
    return op.port;
}

static unsigned int connect(unsigned int remote)
{
    struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF, .remote_port = remote };

    last_error = evtchn_op(EVTCHNOP_bind_interdomain, &op);
    return op.local_port;
}

static unsigned int bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    last_error = evtchn_op(EVTCHNOP_bind_ipi, &op);
    return op.port;
}

static unsigned int bind_virq(unsigned int virq, unsigned int vcpu)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };

    last_error = evtchn_op(EVTCHNOP_bind_virq, &op);
    return op.port;
}

static long send(unsigned int port)
{
    return evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ port });
}
static long close(unsigned int port)
{
    return evtchn_op(EVTCHNOP_close, &(struct evtchn_close){ port });
}
static long unmask(unsigned int port)
{
    return evtchn_op(EVTCHNOP_unmask, &(struct evtchn_unmask){ port });
}
static long reset(void) { return evtchn_op(EVTCHNOP_reset, &(struct evtchn_reset){ DOMID_SELF }); }

static long bind_vcpu(unsigned int port, unsigned int vcpu)
{
    return evtchn_op(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ port, vcpu });
}

static long priority(unsigned int port, unsigned int level)
{
    return evtchn_op(EVTCHNOP_set_priority, &(struct evtchn_set_priority){ port, level });
}

static struct evtchn_status status(unsigned int port)
{
    struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

    last_error = evtchn_op(EVTCHNOP_status, &op);
    return op;
}

static long poll(unsigned int *ports, unsigned int nr, uint64_t timeout)
{
    struct sched_poll p = { .nr_ports = nr, .timeout = timeout };

    set_xen_guest_handle(p.ports, ports);
    return hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &p);
}

static bool pending(unsigned int port) { return bit_is_on(shared_info->evtchn_pending, port); }
static bool selected(unsigned int vcpu, unsigned int port)
{
    return shared_info->vcpu_info[vcpu].evtchn_pending_sel >> port / 64 & 1;
}

/* Let come what is pending, and nothing more. */
static void deliver(void)
{
    events_on();
    events_off();
}

static void nothing_pending(void)
{
    struct vcpu_info *vi = my_info();

    for (int i = 0; i < 64; i++)
        shared_info->evtchn_pending[i] = 0;
    vi->evtchn_pending_sel = 0;
    vi->evtchn_upcall_pending = 0;
}

/* --- binding ---------------------------------------------------------------------------------- */

static void loopback(void)
{
    unsigned int a = unbound(), b;

    CHECK_EQ(last_error, 0, "an unbound port");
    CHECK(a > 0, "... is not port 0");
    CHECK_EQ(status(a).status, EVTCHNSTAT_unbound, "... as its status says");
    CHECK_EQ(status(a).u.unbound.dom, 0, "... with who may bind it");
    CHECK_EQ(send(a), 0, "a send to it is lost without an error");
    CHECK_EQ(pending(a), 0, "... and shows nowhere");
    nothing_pending();
    b = connect(a);
    CHECK_EQ(last_error, 0, "bind to it");
    CHECK_EQ(status(b).status, EVTCHNSTAT_interdomain, "... is an interdomain port");
    CHECK_EQ(status(b).u.interdomain.port, a, "... to the other port");
    CHECK_EQ(status(a).u.interdomain.port, b, "... and back");
    CHECK_EQ(status(b).vcpu, 0, "... told to vcpu 0");
    CHECK_EQ(pending(b), 1, "the new port is pending at once");
    CHECK_EQ(pending(a), 0, "... the other is not");
    CHECK_EQ(selected(0, b), 1, "... its word is selected");
    CHECK_EQ(my_info()->evtchn_upcall_pending, 1, "... and an upcall is pending");
    connect(a);
    CHECK_EQ(last_error, -XEINVAL, "bind to it twice");
    connect(NO_PORT);
    CHECK_EQ(last_error, -XEINVAL, "bind to no port");
    nothing_pending();
    CHECK_EQ(send(b), 0, "send");
    CHECK_EQ(pending(a) && !pending(b), 1, "... reaches the other end");
    CHECK_EQ(send(a), 0, "send the other way");
    CHECK_EQ(pending(b), 1, "... reaches this end");
    CHECK_EQ(close(b), 0, "close one end");
    CHECK_EQ(pending(b), 0, "... and it is pending no more");
    CHECK_EQ(status(b).status, EVTCHNSTAT_closed, "... but closed");
    CHECK_EQ(status(a).status, EVTCHNSTAT_unbound, "... and the other unbound");
    CHECK_EQ(close(b), -XEINVAL, "close it twice");
    CHECK_EQ(send(b), -XEINVAL, "send to a closed port");
    CHECK_EQ(bind_vcpu(b, 0), -XEINVAL, "move a closed port");
    CHECK_EQ(close(0), -XEINVAL, "close port 0");
    CHECK_EQ(close(a), 0, "close the other");
    nothing_pending();
}

static void vcpu_binding(void)
{
    unsigned int a = unbound(), b = connect(a), ipi = bind_ipi(0), virq = bind_virq(VIRQ_TIMER, 0),
                 global;

    CHECK_EQ(last_error, 0, "bind the timer's virq");
    bind_virq(VIRQ_TIMER, 0);
    CHECK_EQ(last_error, -XEEXIST, "... twice");
    CHECK_EQ(status(virq).status, EVTCHNSTAT_virq, "... its status");
    CHECK_EQ(status(virq).u.virq, VIRQ_TIMER, "... its number");
    CHECK_EQ(status(ipi).status, EVTCHNSTAT_ipi, "the status of an IPI");
    CHECK_EQ(send(virq), -XEINVAL, "a virq cannot be sent to");
    CHECK_EQ(bind_vcpu(virq, 0), -XEINVAL, "... nor moved, one of a vcpu");
    CHECK_EQ(bind_vcpu(ipi, 0), -XEINVAL, "nor an IPI");
    global = bind_virq(VIRQ_CON_RING, 0);
    CHECK_EQ(last_error, 0, "bind a global virq");
    CHECK_EQ(bind_vcpu(global, 1), 0, "... which can be moved");
    CHECK_EQ(status(global).vcpu, 1, "... as its status says");
    bind_virq(VIRQ_CON_RING, 1);
    CHECK_EQ(last_error, -XEINVAL, "... but not be bound to vcpu 1");
    CHECK_EQ(bind_vcpu(a, 99), -XENOENT, "move a port to no vcpu");
    CHECK_EQ(bind_vcpu(NO_PORT, 0), -XEINVAL, "move no port");
    nothing_pending();
    CHECK_EQ(bind_vcpu(a, 1), 0, "move a port to vcpu 1");
    CHECK_EQ(send(b), 0, "... and send to it");
    CHECK_EQ(selected(1, a) && shared_info->vcpu_info[1].evtchn_upcall_pending, 1,
             "... which vcpu 1 sees");
    CHECK_EQ(selected(0, a) || my_info()->evtchn_upcall_pending, 0, "... and vcpu 0 does not");
    shared_info->vcpu_info[1].evtchn_pending_sel = 0;
    shared_info->vcpu_info[1].evtchn_upcall_pending = 0;
    CHECK_EQ(close(a) | close(b) | close(ipi) | close(virq) | close(global), 0, "close them all");
    virq = bind_virq(VIRQ_TIMER, 0);
    CHECK_EQ(last_error, 0, "a virq whose port was closed can be bound again");
    CHECK_EQ(close(virq), 0, "... and closed");
    nothing_pending();
}

/* --- delivery, 2-level ------------------------------------------------------------------------ */

static void delivery(void)
{
    unsigned int port = bind_ipi(0), before;

    nothing_pending();
    event_count[port] = 0;
    CHECK_EQ(send(port), 0, "send while events are masked");
    CHECK_EQ(event_count[port], 0, "... is not delivered");
    CHECK_EQ(send(port), 0, "... and again");
    deliver();
    CHECK_EQ(event_count[port], 1, "... but once when they are unmasked");
    events_on();
    CHECK_EQ(send(port), 0, "send while they are unmasked");
    CHECK_EQ(event_count[port], 2, "... is delivered before the call returns");
    before = event_count[port];
    for (int i = 0; i < 2000; i++)
        send(port);
    CHECK_EQ(event_count[port] - before, 2000, "a flood of sends, each delivered");
    CHECK_EQ(my_info()->evtchn_upcall_mask, 0, "... and events are unmasked after it");

    before = event_count[port];
    bit_flip(shared_info->evtchn_mask, port, true);
    send(port);
    CHECK_EQ(pending(port), 1, "a masked port becomes pending");
    CHECK_EQ(selected(0, port) || my_info()->evtchn_upcall_pending, 0, "... and nothing else");
    CHECK_EQ(unmask(port), 0, "unmask it by a call");
    CHECK_EQ(event_count[port] - before, 1, "... and it is delivered");
    CHECK_EQ(bit_is_on(shared_info->evtchn_mask, port), 0, "... with its mask clear");
    CHECK_EQ(unmask(port), 0, "unmask it when nothing is pending");
    CHECK_EQ(event_count[port] - before, 1, "... and nothing comes");
    CHECK_EQ(unmask(NO_PORT), -XEINVAL, "unmask no port");
    events_off();
    CHECK_EQ(close(port), 0, "close it");
}

/* All ports that there are, all pending at once. */
static void every_port(void)
{
    unsigned int nr = 0, first = bind_ipi(0), port = first, wrong = 0;

    for (; !last_error; port = bind_ipi(0), nr++)
        if (port != first + nr)
            wrong++;
    CHECK_EQ(last_error, -XENOSPC, "bind until there are no more ports");
    CHECK_EQ(first + nr, EVENT_PORTS, "... that is 4095 of them");
    CHECK_EQ(wrong, 0, "... in their order");
    nothing_pending();
    for (port = first; port < EVENT_PORTS; port++)
        event_count[port] = 0, wrong += send(port) != 0;
    CHECK_EQ(wrong, 0, "send to them all");
    CHECK_EQ(my_info()->evtchn_pending_sel, -1, "... and all words are selected");
    deliver();
    for (port = first; port < EVENT_PORTS; port++)
        wrong += event_count[port] != 1;
    CHECK_EQ(wrong, 0, "... and each is delivered once");
    CHECK_EQ(close(first + 1000), 0, "close one in the middle");
    CHECK_EQ(bind_ipi(0), first + 1000, "... and it is the next to be bound");
    CHECK_EQ(reset(), 0, "reset");
    for (port = first; port < EVENT_PORTS; port++)
        wrong += status(port).status != EVTCHNSTAT_closed;
    CHECK_EQ(wrong, 0, "... closes them all");
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void polling(void)
{
    unsigned int ports[3] = { bind_ipi(0), bind_ipi(0), bind_ipi(0) },
                 bad[2] = { ports[0], NO_PORT };
    uint64_t start = now_ns(), took;

    for (int i = 0; i < 3; i++)
        bit_flip(shared_info->evtchn_mask, ports[i], true);
    CHECK_EQ(poll(ports, 3, start + 20 * MS), 0, "poll three ports for 20 ms");
    took = now_ns() - start;
    CHECK(took >= 20 * MS, "... does not return before");
    CHECK(took < 2000 * MS, "... nor much later");
    start = now_ns();
    CHECK_EQ(poll(ports, 1, 1), 0, "poll with a timeout that has passed");
    CHECK_EQ(poll(ports, 0, now_ns() + 5 * MS), 0, "poll no ports is a sleep");
    CHECK(now_ns() - start >= 5 * MS, "... of its length");
    send(ports[1]);
    start = now_ns();
    CHECK_EQ(poll(ports, 3, start + 1000 * MS), 0, "poll when one of them is pending and masked");
    CHECK_EQ(poll(&ports[1], 1, start + 1000 * MS), 0, "... or that one alone");
    CHECK_EQ(poll(&ports[1], 1, 0), 0, "... or without a timeout");
    CHECK(now_ns() - start < 900 * MS, "... returns at once");
    CHECK_EQ(poll(bad, 2, now_ns() + 1000 * MS), -XEINVAL, "poll no port");
    CHECK_EQ(poll(ports, 129, 1), -XEINVAL, "poll too many ports");
    for (int i = 0; i < 3; i++) {
        bit_flip(shared_info->evtchn_mask, ports[i], false);
        close(ports[i]);
    }
    nothing_pending();
}

static void waiting(void)
{
    unsigned int port = bind_ipi(0), timer = bind_virq(VIRQ_TIMER, 0);
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = now_ns() + 10 * MS };

    event_count[port] = event_count[timer] = 0;
    send(port);
    CHECK_EQ(hypercall(__HYPERVISOR_sched_op, SCHEDOP_block), 0, "block while an event is pending");
    events_off();
    CHECK_EQ(event_count[port], 1, "... delivers it and returns");
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &set);
    CHECK_EQ(hypercall(__HYPERVISOR_sched_op, SCHEDOP_block), 0, "block until the timer");
    CHECK_EQ(my_info()->evtchn_upcall_mask, 0, "... with events unmasked");
    events_off();
    CHECK_EQ(event_count[timer], 1, "... which has come");
    CHECK(now_ns() >= set.timeout_abs_ns, "... in time");
    bit_flip(shared_info->evtchn_mask, timer, true);
    set.timeout_abs_ns = now_ns() + 10 * MS;
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &set);
    CHECK_EQ(poll(&timer, 1, now_ns() + 3000 * MS), 0, "poll a masked port until its event comes");
    CHECK(now_ns() >= set.timeout_abs_ns && now_ns() < set.timeout_abs_ns + 2500 * MS,
          "... in time");
    CHECK_EQ(pending(timer), 1, "... which is pending");
    bit_flip(shared_info->evtchn_mask, timer, false);
    CHECK_EQ(hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield), 0, "yield");
    CHECK_EQ(close(port) | close(timer), 0, "close both");
    nothing_pending();
}

/* --- FIFO ------------------------------------------------------------------------------------- */

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED (1U << EVTCHN_FIFO_MASKED)
#define LINKED (1U << EVTCHN_FIFO_LINKED)

static struct evtchn_fifo_control_block *block;
static uint32_t *words; /* of the first 1024 ports */
static volatile unsigned int came[1100], nr_came;

/* Take one event off the queue; false: it is empty now. */
static bool take(unsigned int queue)
{
    uint32_t port = block->head[queue], old, link;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    old = __atomic_load_n(&words[port], __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(&words[port], &old, old & ~(LINKED | EVTCHN_FIFO_LINK_MASK),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    link = old & EVTCHN_FIFO_LINK_MASK;
    block->head[queue] = link;
    if ((old & (PENDING | MASKED)) == PENDING) {
        __atomic_fetch_and(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
        if (nr_came < sizeof(came) / sizeof(came[0]))
            came[nr_came++] = port;
    }
    return link != 0;
}

static void take_events(void)
{
    uint32_t ready;

    while ((ready = __atomic_exchange_n(&block->ready, 0, __ATOMIC_SEQ_CST)) != 0)
        for (unsigned int queue = 0; queue < EVTCHN_FIFO_MAX_QUEUES; queue++)
            if (ready >> queue & 1)
                while (take(queue))
                    continue;
}

static long init_control(unsigned int vcpu, uint64_t gfn, unsigned int offset)
{
    struct evtchn_init_control op = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    long rc = evtchn_op(EVTCHNOP_init_control, &op);

    return rc ? rc : op.link_bits;
}

static long expand(uint64_t gfn)
{
    return evtchn_op(EVTCHNOP_expand_array, &(struct evtchn_expand_array){ gfn });
}

static void fifo_setup(void)
{
    char *page = alloc_page(), *other = alloc_page();
    unsigned int early = bind_ipi(0);

    words = alloc_page();
    CHECK_EQ(priority(early, 3), -XENOSYS, "no priorities with the bitmaps");
    CHECK_EQ(expand(va_to_mfn(words)), -XEOPNOTSUPP, "no array before there is a control block");
    CHECK_EQ(init_control(0, va_to_mfn(page), 4), -XEINVAL, "a control block that is not aligned");
    CHECK_EQ(init_control(0, va_to_mfn(page), PAGE - 64), -XEINVAL,
             "a control block beyond its page");
    CHECK_EQ(init_control(0, 1UL << 39, 0), -XEINVAL, "a control block in no frame");
    CHECK_EQ(init_control(0, va_to_mfn((void *)start_info->pt_base), 0), -XEINVAL,
             "a control block in a page table");
    CHECK_EQ(init_control(99, va_to_mfn(page), 0), -XENOENT, "a control block for no vcpu");
    CHECK_EQ(priority(early, 3), -XENOSYS, "all these change nothing");
    block = (void *)(page + PAGE - 72);
    CHECK_EQ(init_control(0, va_to_mfn(page), PAGE - 72), EVTCHN_FIFO_LINK_BITS, "a control block");
    CHECK_EQ(init_control(0, va_to_mfn(other), 0), -XEINVAL, "... twice");
    event_hook = take_events;
    events_on();
    CHECK_EQ(send(early), 0, "send to a port without a word");
    CHECK_EQ(nr_came, 0, "... does not come yet");
    CHECK_EQ(expand(1UL << 39), -XEINVAL, "an array page in no frame");
    CHECK_EQ(expand(va_to_mfn(words)), 0, "an array page");
    CHECK_EQ(nr_came, 1, "... and the event comes");
    CHECK_EQ(came[0], early, "... that one");
    CHECK_EQ(words[early], 0, "... and leaves its word clear");
    CHECK_EQ(send(early), 0, "send to it again");
    CHECK_EQ(nr_came, 2, "... and it comes again");
    events_off();
    CHECK_EQ(close(early), 0, "close it");
}

static void fifo_order(void)
{
    static const unsigned char level[8] = { 7, 15, 0, 7, 3, 0, 15, 3 },
                               order[8] = { 2, 5, 4, 7, 0, 3, 1, 6 };
    unsigned int port[8], wrong = 0;

    for (int i = 0; i < 8; i++) {
        port[i] = bind_ipi(0);
        wrong += priority(port[i], level[i]) != 0;
    }
    CHECK_EQ(wrong, 0, "set priorities");
    CHECK_EQ(priority(port[0], 16), -XEINVAL, "a priority that there is not");
    CHECK_EQ(priority(NO_PORT, 3), -XEINVAL, "the priority of no port");
    nr_came = 0;
    for (int i = 0; i < 8; i++)
        send(port[i]);
    CHECK_EQ(block->ready, 0x8089, "four queues are ready");
    CHECK_EQ(block->head[7], port[0], "... with the first event at the head");
    CHECK_EQ(words[port[0]], PENDING | LINKED | port[3], "... which leads to the next");
    CHECK_EQ(words[port[3]], PENDING | LINKED, "... the last");
    deliver();
    CHECK_EQ(nr_came, 8, "all come");
    for (int i = 0; i < 8; i++)
        wrong += came[i] != port[order[i]];
    CHECK_EQ(wrong, 0, "... by priority, and in the order of sending within one");

    nr_came = 0;
    send(port[0]);
    send(port[0]);
    priority(port[0], 1);
    send(port[3]);
    deliver();
    CHECK_EQ(nr_came, 2, "a port twice and another one: two come");
    send(port[3]);
    send(port[0]);
    deliver();
    CHECK_EQ(came[2] == port[0] && came[3] == port[3], 1,
             "a new priority holds from the next event on");

    nr_came = 0;
    __atomic_fetch_or(&words[port[0]], MASKED, __ATOMIC_SEQ_CST);
    send(port[0]);
    CHECK_EQ(words[port[0]], MASKED | PENDING, "a masked event is pending and not linked");
    CHECK_EQ(unmask(port[0]), 0, "unmask it");
    CHECK_EQ(words[port[0]], LINKED | PENDING, "... and it is linked");
    deliver();
    CHECK_EQ(nr_came, 1, "... and comes");
    __atomic_fetch_or(&words[port[1]], MASKED, __ATOMIC_SEQ_CST);
    send(port[1]);
    CHECK_EQ(poll(&port[1], 1, 0), 0, "poll a masked port that is pending");
    CHECK_EQ(bind_vcpu(port[0], 0), -XEINVAL, "an IPI cannot be moved");
    for (int i = 0; i < 8; i++)
        wrong += close(port[i]) != 0;
    CHECK_EQ(wrong, 0, "close them");
    CHECK_EQ(words[port[1]] & PENDING, 0, "... and none is pending");
    words[port[1]] = 0;
}

static void fifo_flood(void)
{
    unsigned int first = bind_ipi(0), last = first, wrong = 0;

    while (last < 1000)
        last = bind_ipi(0);
    nr_came = 0;
    for (unsigned int port = last; port >= first; port--)
        send(port);
    deliver();
    CHECK_EQ(nr_came, last - first + 1, "a long queue");
    for (unsigned int i = 0; i < nr_came; i++)
        wrong += came[i] != last - i;
    CHECK_EQ(wrong, 0, "... in its order");
    events_on();
    nr_came = 0;
    for (unsigned int i = 0; i < 1000; i++)
        send(first + i % 7);
    CHECK_EQ(nr_came, 1000, "a flood of sends, each delivered");
    events_off();
}

static void fifo_pages(void)
{
    unsigned int wrong = 0, nr = 1, port = 0;

    for (; nr < 128; nr++) {
        struct mmuext_op clear = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = spare_mfn() };

        wrong += hypercall(__HYPERVISOR_mmuext_op, &clear, 1, 0, DOMID_SELF) != 0;
        wrong += expand(clear.arg1.mfn) != 0;
    }
    CHECK_EQ(wrong, 0, "128 array pages");
    CHECK_EQ(expand(spare_mfn()), -XENOSPC, "... and no more");
    while (!last_error && port < 6000)
        port = bind_ipi(0);
    CHECK_EQ(port, 6000, "more ports than the bitmaps have");
    CHECK_EQ(send(port), 0, "... that can be sent to");
    CHECK_EQ(poll(&port, 1, 0), 0, "... and polled");
    events_off();
}

static void back_to_bitmaps(void)
{
    unsigned int port;

    CHECK_EQ(reset(), 0, "reset");
    event_hook = NULL;
    CHECK_EQ(set_va((uint64_t)words, va_to_mfn(words) << 12 | PTE_RO_KERNEL), 0,
             "... gives the pages back");
    nothing_pending();
    port = bind_ipi(0);
    CHECK_EQ(port, 1, "... and the ports");
    CHECK_EQ(priority(port, 3), -XENOSYS, "... and there are no priorities");
    event_count[port] = 0;
    send(port);
    CHECK_EQ(pending(port), 1, "... but bits");
    deliver();
    CHECK_EQ(event_count[port], 1, "... that are delivered");
    CHECK_EQ(init_control(0, va_to_mfn(block), (uint64_t)block & 4095), EVTCHN_FIFO_LINK_BITS,
             "queues again");
    CHECK_EQ(reset(), 0, "... and reset again");
}

void test_main(void)
{
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    events_start();
    reset(); /* nothing is bound yet; numbers start at 1 */
    loopback();
    vcpu_binding();
    delivery();
    every_port();
    polling();
    waiting();
    fifo_setup();
    fifo_order();
    fifo_flood();
    fifo_pages();
    back_to_bitmaps();
}
