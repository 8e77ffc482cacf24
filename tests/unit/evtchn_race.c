/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c tests/host/world.c */
/*
 * FIFO events with everybody at it at once: a thread sends, one for each of two vcpus takes events
 * as Linux does (unlink, look, mask, clear), and one plays the process behind /dev/xen/evtchn,
 * which binds the event to the other vcpu now and then and unmasks it. An event that is sent is
 * heard, or it was lost: a global virq as well as events of another domain. core/lock.c knows one
 * cpu a process, so the locks here are plain ones.
 */
#include "check.h"

#include "../host/events.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include <hv/errno.h>
#include <hv/hypercall.h>

#define LINK ((uint32_t)EVTCHN_FIFO_LINK_MASK)
#define NR_VCPUS 2
#define NR_EVENTS 6 /* the first is the virq */
#define ROUNDS 30000
#define PATIENCE 20 /* seconds */

/* --- locks for threads ------------------------------------------------------------------------ */

void spin_init(spinlock_t *l, enum lock_rank rank) { *l = (spinlock_t)SPINLOCK((uint16_t)rank); }

void NO_TSA spin_lock(spinlock_t *l)
{
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
        sched_yield();
}

void NO_TSA spin_unlock(spinlock_t *l) { __atomic_fetch_add(&l->serving, 1, __ATOMIC_RELEASE); }

void NO_TSA lock_two(spinlock_t *a, spinlock_t *b)
{
    spin_lock(a < b ? a : b);
    if (a != b)
        spin_lock(a < b ? b : a);
}

void NO_TSA unlock_two(spinlock_t *a, spinlock_t *b)
{
    if (a != b)
        spin_unlock(b);
    spin_unlock(a);
}

unsigned int locks_held(void) { return 0; }

/* --- the guest -------------------------------------------------------------------------------- */

union argument {
    struct evtchn_alloc_unbound alloc;
    struct evtchn_bind_interdomain inter;
    struct evtchn_bind_virq virq;
    struct evtchn_bind_vcpu vcpu;
    struct evtchn_unmask unmask;
    struct evtchn_init_control control;
    struct evtchn_expand_array expand;
    uint64_t word[4];
};

static struct event {
    port_t port, remote;
    uint32_t sent, heard; /* how many had been sent when it was last taken */
    bool handed_over;     /* masked, and the process has it */
} event[NR_EVENTS];

static union argument boot, process; /* one for each thread that makes hypercalls with arguments */
static struct domain *d0, *d1;
static struct evtchn_fifo_control_block *block[NR_VCPUS];
static event_word_t *words;
static bool stop;

static long call(struct domain *d, unsigned int cmd, union argument *a)
{
    const uint64_t arg[6] = { cmd, world_addr(a) };

    return hc_event_channel_op(d->vcpu[0], arg);
}

static struct event *event_of(port_t port)
{
    for (unsigned int i = 0; i < NR_EVENTS; i++)
        if (event[i].port == port)
            return &event[i];
    return NULL;
}

/* Its owner is told once; it is masked until he has said that he is through with it. */
static void handle(port_t port)
{
    struct event *e = event_of(port);

    __atomic_fetch_or(&words[port], MASKED, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
    __atomic_store_n(&e->heard, __atomic_load_n(&e->sent, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
    __atomic_store_n(&e->handed_over, true, __ATOMIC_SEQ_CST);
}

/* Takes LINKED and the link off, which the hypervisor may just be writing. */
static port_t unlink_event(port_t port)
{
    event_word_t w = __atomic_load_n(&words[port], __ATOMIC_SEQ_CST);

    while (!__atomic_compare_exchange_n(&words[port], &w, w & ~(LINKED | LINK), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    return w & LINK;
}

static void take_one(unsigned int vcpu, unsigned int queue, uint32_t *ready)
{
    static port_t next[NR_VCPUS][EVTCHN_FIFO_MAX_QUEUES];
    port_t port = next[vcpu][queue];
    event_word_t w;

    if (port == 0)
        port = __atomic_load_n(&block[vcpu]->head[queue], __ATOMIC_SEQ_CST);
    next[vcpu][queue] = unlink_event(port);
    if (next[vcpu][queue] == 0)
        *ready &= ~(1U << queue);
    w = __atomic_load_n(&words[port], __ATOMIC_SEQ_CST);
    if ((w & PENDING) && !(w & MASKED))
        handle(port);
}

static void *run_vcpu(void *arg)
{
    const unsigned int vcpu = (unsigned int)(uintptr_t)arg;
    struct vcpu_info *info = d1->vcpu[vcpu]->info;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        uint32_t ready;

        if (!__atomic_exchange_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
            sched_yield();
            continue;
        }
        ready = __atomic_exchange_n(&block[vcpu]->ready, 0, __ATOMIC_SEQ_CST);
        while (ready) {
            take_one(vcpu, (unsigned int)__builtin_ctz(ready), &ready);
            ready |= __atomic_exchange_n(&block[vcpu]->ready, 0, __ATOMIC_SEQ_CST);
        }
    }
    return NULL;
}

/* Without a hypercall if nothing has come meanwhile, as Linux does. */
static void unmask(port_t port)
{
    event_word_t w = __atomic_load_n(&words[port], __ATOMIC_SEQ_CST);

    while (!(w & PENDING))
        if (__atomic_compare_exchange_n(&words[port], &w, w & ~MASKED, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return;
    process.unmask.port = port;
    if (call(d1, EVTCHNOP_unmask, &process))
        abort();
}

static void *run_process(void *arg)
{
    unsigned int turn = 0;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        struct event *e = &event[turn++ % NR_EVENTS];

        if (!__atomic_exchange_n(&e->handed_over, false, __ATOMIC_SEQ_CST)) {
            if (turn % NR_EVENTS == 0)
                sched_yield();
            continue;
        }
        process.vcpu = (struct evtchn_bind_vcpu){ .port = e->port, .vcpu = turn / 8 % NR_VCPUS };
        if (turn % 3 == 0 && call(d1, EVTCHNOP_bind_vcpu, &process))
            abort();
        unmask(e->port);
    }
    return NULL;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void send_one(struct event *e)
{
    __atomic_fetch_add(&e->sent, 1, __ATOMIC_SEQ_CST);
    if (e == &event[0])
        virq_send_global(VIRQ_DOM_EXC);
    else if (evtchn_send(d0, e->remote))
        abort();
}

static bool all_heard(void)
{
    for (unsigned int i = 0; i < NR_EVENTS; i++)
        if (__atomic_load_n(&event[i].heard, __ATOMIC_SEQ_CST) != event[i].sent)
            return false;
    return true;
}

static bool wait_until_heard(void)
{
    const time_t end = time(NULL) + PATIENCE;

    while (!all_heard()) {
        if (time(NULL) > end)
            return false;
        sched_yield();
    }
    return true;
}

/* A few at a time, some of them twice; then what was sent last has to be heard. */
static unsigned int send_all(void)
{
    for (unsigned int round = 0; round < ROUNDS; round++) {
        for (unsigned int n = (unsigned int)rand() % 12; n > 0; n--)
            send_one(&event[(unsigned int)rand() % NR_EVENTS]);
        if (!wait_until_heard())
            return round;
    }
    return ROUNDS;
}

/* --- the test --------------------------------------------------------------------------------- */

static void make_events(void)
{
    boot.virq = (struct evtchn_bind_virq){ .virq = VIRQ_DOM_EXC };
    CHECK_EQ(call(d1, EVTCHNOP_bind_virq, &boot), 0);
    event[0].port = boot.virq.port;
    for (unsigned int i = 1; i < NR_EVENTS; i++) {
        boot.alloc = (struct evtchn_alloc_unbound){ .dom = d1->id, .remote_dom = d0->id };
        CHECK_EQ(call(d1, EVTCHNOP_alloc_unbound, &boot), 0);
        event[i].port = boot.alloc.port;
        boot.inter = (struct evtchn_bind_interdomain){ .remote_dom = d1->id,
                                                       .remote_port = event[i].port };
        CHECK_EQ(call(d0, EVTCHNOP_bind_interdomain, &boot), 0);
        event[i].remote = boot.inter.local_port;
    }
}

static void start(void)
{
    struct page *pg;

    world_start();
    world_buffer(&boot, sizeof(boot));
    world_buffer(&process, sizeof(process));
    d0 = world_domain(0, 1);
    dom0 = d1 = world_domain(1, NR_VCPUS); /* who hears of global virqs */
    world_run(d0->vcpu[0]);
    CHECK_EQ(evtchn_init(d0, 1000), 0);
    CHECK_EQ(evtchn_init(d1, 1000), 0);
    for (uint32_t i = 0; i < NR_VCPUS; i++) {
        pg = world_frame(d1);
        block[i] = world_bytes(pg);
        boot.control = (struct evtchn_init_control){ .control_gfn = world_gfn(pg), .vcpu = i };
        CHECK_EQ(call(d1, EVTCHNOP_init_control, &boot), 0);
    }
    pg = world_frame(d1);
    words = world_bytes(pg);
    boot.expand.array_gfn = world_gfn(pg);
    CHECK_EQ(call(d1, EVTCHNOP_expand_array, &boot), 0);
    make_events();
}

static void end(void) { end_events(d0, d1); }

int main(void)
{
    pthread_t vcpu[NR_VCPUS], user;

    TEST("events are heard while they are sent, taken, masked, unmasked and bound elsewhere") {
        start();
        for (uintptr_t i = 0; i < NR_VCPUS; i++)
            CHECK_EQ(pthread_create(&vcpu[i], NULL, run_vcpu, (void *)i), 0);
        CHECK_EQ(pthread_create(&user, NULL, run_process, NULL), 0);
        CHECK_EQ(send_all(), ROUNDS);
        __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
        for (unsigned int i = 0; i < NR_VCPUS; i++)
            pthread_join(vcpu[i], NULL);
        pthread_join(user, NULL);
        end();
    }
    return check_exit();
}
