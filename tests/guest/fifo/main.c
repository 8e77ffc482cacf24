/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The FIFO ABI of event channels in hostile hands: an unprivileged domain offers bad frames for
 * its queues, writes the words that the hypervisor links (cycles, ports that there are not, events
 * of other queues) while it sends, closes and binds on two vcpus, and changes the ABI to and fro.
 * What it breaks is its own; requests stay short, and the first domain's channels work.
 */
#include "domu.h"

const char *test_name = "fifo";

#define LONG 20000 /* ms */
#define SLOW 500   /* ms: far more than one request may take, also on a busy host */
#define ROUNDS 15000
#define PORTS 24
#define WORDS (PAGE / 4)
#define BIT_OF(n) (1U << EVTCHN_FIFO_##n)

static struct domu u;
static uint64_t victim_mfn;
static char victim[PAGE] __attribute__((aligned(PAGE)));
static char blocks[2][PAGE] __attribute__((aligned(PAGE)));
static uint32_t words[2][WORDS] __attribute__((aligned(PAGE)));

/* What both sides see. */
static struct {
    volatile unsigned int victim_port; /* of the first domain, for the attacker */
    volatile unsigned int port;        /* of the attacker, bound to it */
    volatile unsigned int step, done;
} shared __attribute__((aligned(PAGE))), *theirs;

static unsigned int seed = 1;

static unsigned int any(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* --- calls ------------------------------------------------------------------------------------ */

static long init_control(unsigned int vcpu, uint64_t frame, unsigned int offset)
{
    struct evtchn_init_control op = { .control_gfn = frame, .offset = offset, .vcpu = vcpu };

    return evtchn_op(EVTCHNOP_init_control, &op);
}

static long expand(uint64_t frame)
{
    return evtchn_op(EVTCHNOP_expand_array, &(struct evtchn_expand_array){ .array_gfn = frame });
}

static long send(unsigned int port)
{
    return evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ port });
}

static long unmask(unsigned int port)
{
    return evtchn_op(EVTCHNOP_unmask, &(struct evtchn_unmask){ port });
}

static long close(unsigned int port)
{
    return evtchn_op(EVTCHNOP_close, &(struct evtchn_close){ port });
}

static long priority(unsigned int port, unsigned int prio)
{
    return evtchn_op(EVTCHNOP_set_priority, &(struct evtchn_set_priority){ port, prio });
}

static long reset(void)
{
    return evtchn_op(EVTCHNOP_reset, &(struct evtchn_reset){ DOMID_SELF });
}

static unsigned int new_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    return evtchn_op(EVTCHNOP_bind_ipi, &op) ? 0 : op.port;
}

static struct evtchn_fifo_control_block *block(unsigned int vcpu) { return (void *)blocks[vcpu]; }

/* --- frames ----------------------------------------------------------------------------------- */

static void bad_frames(void)
{
    const uint64_t own_table = pt_entry_maddr((uint64_t)victim, 1) / PAGE;

    CHECK(expand(va_to_mfn(words[0])) < 0, "no array before there is a control block");
    CHECK(priority(1, 3) < 0, "no priority either");
    for (unsigned int at = 1; at < 8; at++)
        if (init_control(0, va_to_mfn(blocks[0]), at) >= 0)
            CHECK_EQ(at, 0, "a control block out of line");
    CHECK(init_control(0, va_to_mfn(blocks[0]), PAGE - 64) < 0, "a control block beyond its page");
    CHECK(init_control(0, va_to_mfn(blocks[0]), PAGE) < 0, "... in the next one");
    CHECK(init_control(0, va_to_mfn(blocks[0]), ~7U) < 0, "... 4 GiB away");
    CHECK(init_control(0, victim_mfn, 0) < 0, "a control block in another's frame");
    CHECK(init_control(0, own_table, 0) < 0, "a control block in an own page table");
    CHECK(init_control(0, 1UL << 40, 0) < 0, "a control block where no memory is");
    CHECK(init_control(0, ~0UL, 0) < 0, "a control block at the end of it");
    CHECK(init_control(2, va_to_mfn(blocks[0]), 0) < 0, "a control block of no vcpu");
    CHECK(init_control(~0U, va_to_mfn(blocks[0]), 0) < 0, "... nor of this one");
    CHECK(expand(va_to_mfn(words[0])) < 0, "and still no array");
}

static void start_queues(void)
{
    memset(blocks, 0, sizeof(blocks));
    memset(words, 0, sizeof(words));
    CHECK_EQ(init_control(0, va_to_mfn(blocks[0]), 0), 0, "a control block");
    CHECK(init_control(0, va_to_mfn(blocks[1]), 0) < 0, "... but one");
    CHECK_EQ(init_control(1, va_to_mfn(blocks[1]), 0), 0, "... for each vcpu");
    CHECK(expand(victim_mfn) < 0, "an array in another's frame");
    CHECK(expand(pt_entry_maddr((uint64_t)victim, 1) / PAGE) < 0, "an array in a page table");
    CHECK(expand(1UL << 40) < 0, "an array where no memory is");
    CHECK(expand(~0UL) < 0, "... at its end");
    CHECK_EQ(expand(va_to_mfn(words[0])), 0, "an array");
    CHECK_EQ(expand(va_to_mfn(words[1])), 0, "... of two pages");
}

static long pin(const void *p, unsigned int cmd)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = va_to_mfn(p) };

    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

/* The hypervisor writes to these pages: none can become a table, whatever maps it. */
static void keeps_pages(bool kept, const char *what)
{
    const void *p[] = { blocks[0], blocks[1], words[0], words[1] };
    unsigned int tables = 0;

    memset(blocks, 0, sizeof(blocks));
    memset(words, 0, sizeof(words));
    for (unsigned int i = 0; i < 4; i++) {
        set_va((uint64_t)p[i], va_to_mfn(p[i]) * PAGE | PTE_RO_KERNEL);
        if (pin(p[i], MMUEXT_PIN_L1_TABLE) == 0) {
            tables++;
            pin(p[i], MMUEXT_UNPIN_TABLE);
        }
        set_va((uint64_t)p[i], va_to_mfn(p[i]) * PAGE | PTE_RW_KERNEL);
    }
    CHECK_EQ(tables, kept ? 0 : 4, what);
}

/* --- words ------------------------------------------------------------------------------------ */

static void in_order(const char *what)
{
    const unsigned int a = new_ipi(0), b = new_ipi(0);
    unsigned int head;

    words[0][a] = words[0][b] = 0;
    block(0)->ready = 0;
    CHECK(a && b && send(a) == 0 && send(b) == 0, what);
    head = block(0)->head[EVTCHN_FIFO_PRIORITY_DEFAULT];
    CHECK_EQ(head, a, "... the first event is the queue's head");
    CHECK_EQ(words[0][a] & EVTCHN_FIFO_LINK_MASK, b, "... the second follows it");
    CHECK_EQ(words[0][a] & BIT_OF(PENDING), BIT_OF(PENDING), "... and it is pending");
    CHECK_EQ(block(0)->ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT, "... the queue is ready");
    CHECK(priority(a, 16) < 0 && priority(a, ~0U) < 0, "a priority that there is not");
    CHECK(priority(200000, 3) < 0, "a priority of a port that there is not");
}

/* An event whose word leads to itself, to nowhere, or that is its own queue's tail. */
static void forged_tail(void)
{
    const unsigned int a = new_ipi(0), b = new_ipi(0);
    static const uint32_t links[] = { 0, 1, 4095, 131071 };

    for (unsigned int i = 0; i < 6; i++) {
        const uint32_t link = i < 4 ? links[i] : i == 4 ? a : b;

        words[0][a] = words[0][b] = 0;
        send(a);
        words[0][a] = BIT_OF(LINKED) | BIT_OF(BUSY) | link;
        send(b);
        words[0][b] = BIT_OF(LINKED) | BIT_OF(MASKED) | link;
        words[0][a] = link; /* a again, while it may be the tail */
        send(a);
        unmask(b);
        priority(a, i);
        send(a);
    }
    CHECK(close(a) == 0 && close(b) == 0, "events with forged words can be closed");
    words[0][a] = words[0][b] = 0;
}

static volatile bool quit, writing, written;
static volatile unsigned int writes;

/* The other vcpu: any word and any head, at any time; and requests of its own. */
static void writer(void)
{
    unsigned int n = 1;

    while (!quit) {
        const bool idle = !writing;

        n = n * 1664525 + 1013904223;
        written = idle;
        if (idle) {
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
            continue;
        }
        words[0][n >> 8 & 31] = n & 1 ? n : (n & 0xf0000000) | (n >> 8 & 31);
        block(n >> 9 & 1)->head[n >> 10 & 15] = n >> 12;
        block(n >> 9 & 1)->ready = n >> 16;
        if (++writes % 4 == 0)
            unmask(n >> 20 & 31);
        if (writes % 8 == 0)
            send(n >> 20 & 31);
        if (writes % 64 == 0)
            close(8 + (n >> 20) % 20);
    }
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
    for (;;)
        ;
}

/* Until the other vcpu is not in the middle of it any more: its pages are about to change. */
static void stop_writing(void)
{
    writing = written = false;
    while (!written)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static void one_request(unsigned int port)
{
    switch (any() % 8) {
    case 0: unmask(port); break;
    case 1: priority(port, any() % 17); break;
    case 2: close(port); break;
    case 3:
        new_ipi(any() % 2);
        break;
    case 4: {
        struct evtchn_bind_vcpu op = { .port = port, .vcpu = any() % 3 };

        evtchn_op(EVTCHNOP_bind_vcpu, &op);
        break;
    }
    case 5: {
        struct evtchn_alloc_unbound un = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
        struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };

        if (evtchn_op(EVTCHNOP_alloc_unbound, &un) == 0) {
            op.remote_port = un.port;
            evtchn_op(EVTCHNOP_bind_interdomain, &op);
        }
        break;
    }
    default: send(port); break;
    }
}

/* Each request is timed: no word may send the hypervisor round and round. */
static void storm(void)
{
    uint64_t slowest = 0;

    writing = true;
    for (unsigned int n = 0; n < ROUNDS; n++) {
        const uint64_t before = now_ns();

        one_request(any() % 32);
        if (now_ns() - before > slowest)
            slowest = now_ns() - before;
        if (n % 1000 == 0)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
    stop_writing();
    CHECK(writes > 100, "words were forged meanwhile");
    CHECK(slowest < SLOW * 1000000UL, "no request took long");
}

/* The ABI changes to and fro while the other vcpu sends and closes. */
static void resets(void)
{
    unsigned int n, failed = 0, back = 0;

    writing = true;
    for (n = 0; n < 200; n++) {
        new_ipi(n % 2);
        failed += reset() != 0 && reset() != 0;
        if (init_control(0, va_to_mfn(blocks[0]), 8 * (n % 8)) == 0) {
            back++;
            init_control(1, va_to_mfn(blocks[1]), PAGE - 72);
            expand(va_to_mfn(words[0]));
        }
    }
    stop_writing();
    CHECK_EQ(failed, 0, "a reset under fire");
    CHECK(back > 100, "... after which the queues can be made anew");
}

static void attack(void)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = 0 };
    unsigned int n;

    bad_frames();
    start_queues();
    keeps_pages(true, "a queue's page does not become a table");
    in_order("events of one queue");
    forged_tail();
    bind.remote_port = shared.victim_port;
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &bind), 0, "a channel to the first domain");
    for (n = 0; n < 50000; n++)
        if (send(bind.local_port))
            break;
    CHECK_EQ(n, 50000, "... and a flood of events on it");
    CHECK_EQ(vcpu_start(writer), 0, "start the vcpu that forges words");
    storm();
    CHECK_EQ(reset(), 0, "close it all, back to the 2-level ABI");
    keeps_pages(false, "... when the pages can be tables again");
    start_queues();
    in_order("events after all that");
    resets();
    quit = true;
    while (hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) == 1)
        ;
    CHECK_EQ(reset(), 0, "close it all again");
    start_queues();
    in_order("events after that, too");
    bind.remote_port = shared.victim_port;
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &bind), 0, "the first domain waits again");
    shared.port = bind.local_port;
    shared.done = 1;
    while (shared.step < 1)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    CHECK_EQ(words[0][bind.local_port] & BIT_OF(PENDING), BIT_OF(PENDING),
             "... and its event comes");
    /* dies with forged words under events of the first domain's */
    for (n = 0; n < WORDS; n++)
        words[0][n] = BIT_OF(LINKED) | n;
    shared.done = 2;
    while (shared.step < 2)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* --- the first domain ------------------------------------------------------------------------- */

static unsigned int own_port;

/* An event of ours that has nothing to do with the attacker. */
static bool own_works(void)
{
    const unsigned int had = event_count[own_port];

    send(own_port);
    return YIELD_UNTIL(event_count[own_port] != had, 1000);
}

static void talk(void)
{
    struct evtchn_status st = { .dom = DOMID_SELF, .port = shared.victim_port };

    CHECK_EQ(evtchn_op(EVTCHNOP_status, &st), 0, "the first domain's end");
    CHECK_EQ(st.status, EVTCHNSTAT_interdomain, "... is bound");
    CHECK_EQ(st.u.interdomain.port, theirs->port, "... to the attacker's");
    CHECK_EQ(send(shared.victim_port), 0, "... and sends to it");
    theirs->step = 1;
    YIELD_UNTIL(theirs->done >= 2, LONG);
    for (unsigned int n = 0; n < 1000; n++)
        send(shared.victim_port);
    CHECK(own_works(), "... and is not held up by forged words");
    theirs->step = 2;
}

void test_main(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF };
    unsigned int rounds = 0, lost = 0;
    uint64_t end;

    events_start();
    events_on();
    own_port = new_ipi(0);
    victim_mfn = va_to_mfn(victim);
    memset(victim, 0x33, PAGE);
    if (domu_create(&u, &(struct domu_config){ .fn = attack, .vcpus = 2, .spare = 16 })) {
        CHECK(false, "create the attacker");
        return;
    }
    op.remote_dom = u.id;
    CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &op), 0, "a port for the attacker");
    shared.victim_port = op.port;
    theirs = domu_map(&u, &shared);
    theirs->victim_port = op.port;
    domu_unpause(&u);
    for (end = now_ns() + LONG * 1000000UL; !theirs->done && now_ns() < end; rounds++)
        lost += !own_works();
    CHECK(rounds > 0 && lost == 0, "the first domain's own events come all the time");
    CHECK(event_count[op.port] > 0, "... and those that the attacker sends");
    if (theirs->done)
        talk();
    domu_unmap(theirs);
    domu_finish(&u, LONG);
    CHECK_EQ(close(op.port), 0, "its port is there to be closed");
    lost = 0;
    for (unsigned int i = 0; i < PAGE; i++)
        lost += victim[i] != 0x33;
    CHECK_EQ(lost, 0, "its page is as it was");
    events_off();
}
