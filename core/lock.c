/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticket spinlocks. Waiters are served in order of arrival; while they wait they serve cross-calls
 * made to their cpu.
 *
 * Debug builds keep the locks that each cpu holds or waits for and check, before waiting, that the
 * new rank is above all of them: a cycle between cpus cannot form. A lock that is waited for counts
 * as held, so a function that is served from the wait loop is checked against it as well. A failed
 * trylock waits for nothing and needs no check.
 */
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/smp.h>

#ifndef NDEBUG

#define HELD_MAX 16

struct held_locks {
    unsigned int nr;
    const spinlock_t *lock[HELD_MAX];
};

static DEFINE_PER_CPU(struct held_locks, held_locks);
static bool checks_off; /* a violation is being reported: the report takes locks too */

void lock_checks_stop(void)
{
    write_once(checks_off, true);
}

unsigned int locks_held(void)
{
    return this_cpu(held_locks).nr;
}

static void held_check(const spinlock_t *l, bool same_rank_ok)
{
    const struct held_locks *h = &this_cpu(held_locks);

    if (read_once(checks_off))
        return;
    for (unsigned int i = 0; i < h->nr; i++) {
        if (h->lock[i] != l &&
            (h->lock[i]->rank < l->rank || (same_rank_ok && h->lock[i]->rank == l->rank)))
            continue;
        lock_checks_stop();
        if (h->lock[i] == l)
            panic("lock %p (rank %u) taken twice", (const void *)l, l->rank);
        panic("lock order: rank %u wanted while rank %u is held", l->rank, h->lock[i]->rank);
    }
}

static void held_push(const spinlock_t *l)
{
    struct held_locks *h = &this_cpu(held_locks);

    if (h->nr == HELD_MAX) {
        lock_checks_stop();
        panic("more than %u locks held", HELD_MAX);
    }
    h->lock[h->nr++] = l;
}

static void held_pop(const spinlock_t *l)
{
    struct held_locks *h = &this_cpu(held_locks);

    for (unsigned int i = h->nr; i-- > 0;) {
        if (h->lock[i] != l)
            continue;
        for (h->nr--; i < h->nr; i++)
            h->lock[i] = h->lock[i + 1];
        return;
    }
    if (read_once(checks_off))
        return;
    lock_checks_stop();
    panic("lock %p (rank %u) released, but not held by this cpu", (const void *)l, l->rank);
}

#else

void lock_checks_stop(void)
{
}

unsigned int locks_held(void)
{
    return 0;
}

static void held_check(const spinlock_t *l, bool same_rank_ok)
{
}

static void held_push(const spinlock_t *l)
{
}

static void held_pop(const spinlock_t *l)
{
}

#endif

void spin_init(spinlock_t *l, enum lock_rank rank)
{
    *l = (spinlock_t)SPINLOCK((uint16_t)rank);
}

/* Apart, so that a free lock costs no saving of registers. */
static __attribute__((noinline)) void wait_for(const spinlock_t *l, uint16_t ticket)
{
    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
        cpu_wait();
}

static inline void take(spinlock_t *l)
{
    uint16_t ticket;

    held_push(l);
    ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    if (unlikely(__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket))
        wait_for(l, ticket);
    write_once(l->owner, (int16_t)smp_processor_id());
}

void NO_TSA spin_lock(spinlock_t *l)
{
    held_check(l, false);
    take(l);
}

bool NO_TSA spin_trylock(spinlock_t *l)
{
    uint16_t serving = read_once(l->serving), next = serving;

    /*
     * next only grows and meets serving again only when the lock is free: if it still equals it, we
     * take that ticket.
     */
    if (!__atomic_compare_exchange_n(&l->next, &next, (uint16_t)(serving + 1), false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    /*
     * serving may have moved before the exchange (65536 tickets later): then wait for our turn like
     * anyone else.
     */
    wait_for(l, serving);
    write_once(l->owner, (int16_t)smp_processor_id());
    held_push(l);
    return true;
}

void NO_TSA spin_unlock(spinlock_t *l)
{
    held_pop(l);
    write_once(l->owner, LOCK_FREE);
    __atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

bool spin_is_mine(const spinlock_t *l)
{
    return read_once(l->owner) == (int16_t)smp_processor_id();
}

void NO_TSA lock_two(spinlock_t *a, spinlock_t *b)
{
    spinlock_t *first = (uintptr_t)a < (uintptr_t)b ? a : b;
    spinlock_t *second = first == a ? b : a;

    ASSERT(a->rank == b->rank);
    spin_lock(first);
    if (second == first)
        return;
    held_check(second, true);
    take(second);
}

void NO_TSA unlock_two(spinlock_t *a, spinlock_t *b)
{
    if (a != b)
        spin_unlock(b);
    spin_unlock(a);
}
