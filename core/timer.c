/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-cpu timers in a pairing heap: setting one needs no memory, so it cannot fail, and costs O(1).
 *
 * t->cpu changes under both cpus' locks; everything else of a timer changes under its cpu's lock.
 * The hardware is asked only for deadlines earlier than what it already has: after a stop it may
 * fire once for nothing.
 */
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/timer.h>

struct timer_cpu {
    spinlock_t lock; /* RANK_TIMER */
    struct timer *root;
    struct timer *running; /* callback in progress, lock not held */
    ns_t programmed;       /* what the hardware will interrupt for; NS_NEVER none */
};

static DEFINE_PER_CPU(struct timer_cpu, timer_cpu);

/* --- the heap: no child is earlier than its parent -------------------------------------------- */

static struct timer *heap_meld(struct timer *a, struct timer *b)
{
    if (b->deadline < a->deadline) {
        struct timer *t = a;

        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* A list of siblings into one heap: pairs from left to right, then all from right to left. */
static struct timer *heap_merge(struct timer *list)
{
    struct timer *pairs = NULL, *root = NULL;

    while (list) {
        struct timer *a = list, *b = a->next, *m = a;

        list = b ? b->next : NULL;
        if (b)
            m = heap_meld(a, b);
        m->next = pairs;
        pairs = m;
    }
    while (pairs) {
        struct timer *m = pairs;

        pairs = m->next;
        m->next = m->prev = NULL;
        root = root ? heap_meld(root, m) : m;
    }
    return root;
}

static void heap_insert(struct timer_cpu *tc, struct timer *t) REQUIRES(tc->lock)
{
    t->child = t->next = t->prev = NULL;
    t->queued = true;
    tc->root = tc->root ? heap_meld(tc->root, t) : t;
}

static void heap_remove(struct timer_cpu *tc, struct timer *t) REQUIRES(tc->lock)
{
    struct timer *sub = heap_merge(t->child);

    if (tc->root == t) {
        tc->root = sub;
    } else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        if (sub)
            tc->root = heap_meld(tc->root, sub);
    }
    t->child = t->next = t->prev = NULL;
    t->queued = false;
}

/* --- timers ----------------------------------------------------------------------------------- */

/*
 * Returns with the lock of the cpu that t is at; NO_TSA, as its callers: only run time knows which.
 */
static struct timer_cpu *NO_TSA lock_cpu_of(const struct timer *t)
{
    for (;;) {
        unsigned int cpu = read_once(t->cpu);
        struct timer_cpu *tc = &per_cpu(timer_cpu, cpu);

        spin_lock(&tc->lock);
        if (read_once(t->cpu) == cpu)
            return tc;
        spin_unlock(&tc->lock);
    }
}

/* Make sure that the cpu wakes up for its earliest timer. Called with its lock held. */
static void program(struct timer_cpu *tc, unsigned int cpu) REQUIRES(tc->lock)
{
    if (!tc->root || tc->root->deadline >= read_once(tc->programmed))
        return;
    if (cpu != smp_processor_id()) {
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
        return;
    }
    write_once(tc->programmed, tc->root->deadline);
    arch_timer_program(tc->root->deadline);
}

void timer_init(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .deadline = NS_NEVER, .fn = fn, .data = data, .cpu = cpu };
}

static void set_locked(struct timer_cpu *tc, struct timer *t, ns_t deadline) REQUIRES(tc->lock)
{
    if (t->queued)
        heap_remove(tc, t);
    t->deadline = deadline;
    if (deadline == NS_NEVER)
        return;
    heap_insert(tc, t);
    program(tc, t->cpu);
}

void NO_TSA timer_set(struct timer *t, ns_t deadline)
{
    struct timer_cpu *tc = lock_cpu_of(t);

    set_locked(tc, t, deadline);
    spin_unlock(&tc->lock);
}

void timer_stop(struct timer *t)
{
    timer_set(t, NS_NEVER);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    struct timer_cpu *from, *to = &per_cpu(timer_cpu, cpu);
    unsigned int old;

    for (;;) {
        old = read_once(t->cpu);
        if (old == cpu)
            return;
        from = &per_cpu(timer_cpu, old);
        lock_two(&from->lock, &to->lock);
        if (read_once(t->cpu) == old)
            break;
        unlock_two(&from->lock, &to->lock);
    }
    if (t->queued) {
        heap_remove(from, t);
        heap_insert(to, t);
    }
    write_once(t->cpu, cpu);
    program(to, cpu);
    unlock_two(&from->lock, &to->lock);
}

/*
 * Wait for the callback of t where another cpu runs it. True if there was one: it may have set t
 * again.
 */
static bool wait_callback(const struct timer *t)
{
    bool ran = false;

    for_each_cpu (c, &cpu_online_map) {
        struct timer_cpu *tc = &per_cpu(timer_cpu, c);

        while (c != smp_processor_id() && __atomic_load_n(&tc->running, __ATOMIC_ACQUIRE) == t) {
            ran = true;
            cpu_wait();
        }
    }
    return ran;
}

void timer_kill(struct timer *t)
{
    do {
        timer_stop(t);
    } while (wait_callback(t));
}

static void timer_softirq(void)
{
    unsigned int cpu = smp_processor_id();
    struct timer_cpu *tc = &this_cpu(timer_cpu);
    ns_t now = time_now();
    struct timer *t;

    spin_lock(&tc->lock);
    while ((t = tc->root) != NULL && t->deadline <= now) {
        heap_remove(tc, t);
        t->deadline = NS_NEVER;
        __atomic_store_n(&tc->running, t, __ATOMIC_RELAXED);
        spin_unlock(&tc->lock);
        t->fn(t->data);
        /* t may be gone now. */
        spin_lock(&tc->lock);
        __atomic_store_n(&tc->running, NULL, __ATOMIC_RELEASE);
    }
    program(tc, cpu);
    spin_unlock(&tc->lock);
}

void timer_interrupt(void)
{
    write_once(this_cpu(timer_cpu).programmed, NS_NEVER); /* one shot: it is used up */
    softirq_raise(SOFTIRQ_TIMER);
}

void timer_init_cpu(unsigned int cpu)
{
    struct timer_cpu *tc = &per_cpu(timer_cpu, cpu);

    if (tc->lock.rank == RANK_TIMER)
        return;
    spin_init(&tc->lock, RANK_TIMER);
    tc->programmed = NS_NEVER;
    softirq_register(SOFTIRQ_TIMER, timer_softirq);
    /* On the boot cpu, timers may have been set before this. */
    if (tc->root)
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
}
