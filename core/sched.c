/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Vcpu states and switching; see sched_policy.h for the places where a vcpu can be.
 *
 * No wake-up is lost: whoever makes a vcpu runnable changes its flags first and then takes the
 * runqueue lock; whoever takes it off a cpu or puts it to sleep looks at the flags under that lock.
 */
#include <hv/atomic.h>
#include <hv/cpupool.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/vcpu.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#include "sched_policy.h"

DEFINE_PER_CPU(struct sched_cpu, sched_cpu);

static char sched_opt[16] = "credit2";
PARAM_STR("sched", sched_opt, "scheduling policy: credit2 (default), credit, rtds or null");

static const struct sched_ops *const policies[] = {
    &sched_credit2, &sched_credit, &sched_rtds, &sched_null
};
static const struct sched_ops *default_ops = &sched_credit2;

/* --- locks and states ------------------------------------------------------------------------- */

static spinlock_t *lock_of_cpu(unsigned int cpu)
{
    return read_once(per_cpu(sched_cpu, cpu).lock);
}

/* v's policy. Under its lock, which also keeps the cpu in it; without, a hint. */
static const struct sched_ops *ops_of(const struct vcpu *v)
{
    return read_once(per_cpu(sched_cpu, read_once(v->sched.cpu)).ops);
}

/* NO_TSA here and below: the lock is that of the cpu that v happens to be at. */
spinlock_t *NO_TSA sched_lock_vcpu(struct vcpu *v)
{
    for (;;) {
        spinlock_t *l = lock_of_cpu(read_once(v->sched.cpu));

        spin_lock(l);
        if (l == lock_of_cpu(read_once(v->sched.cpu)))
            return l;
        spin_unlock(l);
    }
}

void sched_set_cpu(struct vcpu *v, unsigned int cpu)
{
    write_once(v->sched.cpu, cpu);
    write_once(v->processor, cpu);
}

/*
 * Time goes to the state that ends. A clock that is behind another cpu's by a little never makes
 * time negative.
 */
static void runstate_set(struct vcpu *v, int state, ns_t now)
{
    struct vcpu_runstate_info *r = &v->sched.runstate;

    if (now > (ns_t)r->state_entry_time) {
        r->time[r->state] += (uint64_t)now - r->state_entry_time;
        r->state_entry_time = (uint64_t)now;
    }
    r->state = state;
}

bool vcpu_runnable(const struct vcpu *v)
{
    return !read_once(v->pause_flags) && !read_once(v->pause_count) &&
           !read_once(v->domain->pause_count) &&
           (likely(!read_once(v->domain->settling)) || read_once(v->unfinished));
}

static int asleep_state(const struct vcpu *v)
{
    const uint32_t blocked = (1U << VPF_BLOCKED) | (1U << VPF_POLL) | (1U << VPF_IOREQ);

    return read_once(v->pause_flags) & blocked ? RUNSTATE_blocked : RUNSTATE_offline;
}

static void fall_asleep(struct vcpu *v, ns_t now)
{
    runstate_set(v, asleep_state(v), now);
    ops_of(v)->sleep(v);
}

/* --- placing a vcpu that is not running ------------------------------------------------------- */

/*
 * Choose a cpu for v and lock its runqueue and the one that v is at. v->sched.cpu cannot change
 * until unlock_two().
 */
static unsigned int NO_TSA choose_and_lock(struct vcpu *v, spinlock_t **from, spinlock_t **to)
{
    for (unsigned int tries = 0;; tries++) {
        unsigned int old = read_once(v->sched.cpu);
        unsigned int cpu = read_once(per_cpu(sched_cpu, old).ops)->pick_cpu(v);

        /* the pool is being emptied, or masks change all the time: stay */
        if (cpu >= NR_CPUS || tries > 8)
            cpu = old;
        *from = lock_of_cpu(old);
        *to = lock_of_cpu(cpu);
        lock_two(*from, *to);
        if (v->sched.cpu == old && *from == lock_of_cpu(old) && *to == lock_of_cpu(cpu) &&
            (cpumask_test(&v->sched.hard_effective, cpu) || cpu == old))
            return cpu;
        unlock_two(*from, *to);
    }
}

static void move_locked(struct vcpu *v, unsigned int cpu)
{
    unsigned int old = v->sched.cpu;

    if (cpu == old)
        return;
    if (lock_of_cpu(old) != lock_of_cpu(cpu))
        ops_of(v)->migrate(v, old, cpu);
    sched_set_cpu(v, cpu);
}

/*
 * Bring v to the place that its flags and affinity ask for, unless it is running: then the cpu that
 * it leaves does. saved: the caller is that cpu.
 */
static void NO_TSA vcpu_place(struct vcpu *v, bool saved)
{
    spinlock_t *from, *to;
    unsigned int cpu = choose_and_lock(v, &from, &to);
    ns_t now = time_now();

    if (saved)
        __atomic_store_n(&v->sched.is_running, false, __ATOMIC_RELEASE);
    if (v->sched.is_running)
        goto out;
    if (v->sched.runstate.state == RUNSTATE_runnable && !saved)
        ops_of(v)->dequeue(v);
    if (vcpu_runnable(v)) {
        move_locked(v, cpu);
        runstate_set(v, RUNSTATE_runnable, now);
        ops_of(v)->enqueue(v);
    } else if (saved || v->sched.runstate.state == RUNSTATE_runnable) {
        fall_asleep(v, now);
    } else {
        runstate_set(v, asleep_state(v), now);
    }
out:
    unlock_two(from, to);
}

bool NO_TSA sched_vcpu_evict(struct vcpu *v, unsigned int cpu)
{
    spinlock_t *from, *to;
    unsigned int target = choose_and_lock(v, &from, &to);
    bool gone;

    if (v->sched.cpu == cpu && !v->sched.is_running &&
        v->sched.runstate.state != RUNSTATE_runnable)
        move_locked(v, target);
    gone = v->sched.cpu != cpu;
    unlock_two(from, to);
    return gone;
}

void NO_TSA vcpu_wake(struct vcpu *v)
{
    spinlock_t *l;
    bool asleep;

    ASSERT(!v->is_idle);
    l = sched_lock_vcpu(v);
    asleep = !v->sched.is_running && v->sched.runstate.state != RUNSTATE_runnable;
    spin_unlock(l);
    /* Running or queued: its cpu, or whoever makes it sleep, has yet to look at the flags. */
    if (asleep)
        vcpu_place(v, false);
}

void NO_TSA vcpu_sleep_nosync(struct vcpu *v)
{
    spinlock_t *l = sched_lock_vcpu(v);

    if (!vcpu_runnable(v)) {
        if (v->sched.is_running) {
            if (per_cpu(sched_cpu, v->sched.cpu).curr == v)
                softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
        } else if (v->sched.runstate.state == RUNSTATE_runnable) {
            ops_of(v)->dequeue(v);
            fall_asleep(v, time_now());
        } else {
            runstate_set(v, asleep_state(v), time_now());
        }
    }
    spin_unlock(l);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    ASSERT(v != current);
    vcpu_sleep_nosync(v);
    while (!vcpu_runnable(v) && __atomic_load_n(&v->sched.is_running, __ATOMIC_ACQUIRE))
        cpu_wait();
    if (!read_once(v->sched.is_running))
        arch_sync_vcpu(v);
}

void vcpu_kick(struct vcpu *v)
{
    unsigned int cpu = read_once(v->processor);

    if (read_once(v->sched.is_running) && cpu != smp_processor_id())
        smp_kick(cpu);
}

bool vcpu_has_event(struct vcpu *v)
{
    return vcpu_event_deliverable(v) || read_once(v->nmi_pending) || read_once(v->mce_pending);
}

void vcpu_block(void)
{
    struct vcpu *v = current;

    bit_test_and_set(&v->pause_flags, VPF_BLOCKED);
    /* Pairs with vcpu_unblock(): its caller marked the event before it looked at the flag. */
    if (vcpu_has_event(v))
        bit_test_and_clear(&v->pause_flags, VPF_BLOCKED);
    else
        softirq_raise(SOFTIRQ_SCHEDULE);
}

void vcpu_unblock(struct vcpu *v)
{
    evtchn_poll_stop(v);
    if (bits_fetch_clear(&v->pause_flags, (1U << VPF_BLOCKED) | (1U << VPF_POLL)))
        vcpu_wake(v);
}

long NO_TSA vcpu_yield(void)
{
    spinlock_t *l = sched_lock_vcpu(current);

    ops_of(current)->yield(current);
    spin_unlock(l);
    softirq_raise(SOFTIRQ_SCHEDULE);
    return 0;
}

/* --- switching -------------------------------------------------------------------------------- */

static void slice_over(void *data)
{
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* States and the cpu's own record for prev -> next. Under the runqueue lock. */
static void switch_records(struct sched_cpu *sc, struct vcpu *prev, struct vcpu *next, ns_t now)
{
    BUG_ON(next->sched.is_running);
    if (prev->is_idle || vcpu_runnable(prev))
        runstate_set(prev, RUNSTATE_runnable, now);
    else
        runstate_set(prev, asleep_state(prev), now);
    runstate_set(next, RUNSTATE_running, now);
    sched_set_cpu(next, smp_processor_id());
    write_once(next->sched.is_running, true);
    sc->curr = next;
}

void schedule(void)
{
    unsigned int cpu = smp_processor_id();
    struct sched_cpu *sc = &this_cpu(sched_cpu);
    const struct sched_ops *ops = sc->ops; /* neither it nor the lock changes meanwhile */
    struct vcpu *prev = sc->curr, *next;
    ns_t now, until = NS_NEVER;

    ASSERT(prev == current);
    ops->balance(cpu);

    spin_lock(sc->lock);
    now = time_now();
    next = ops->pick_next(cpu, prev, now, &until);
    if (next != prev)
        switch_records(sc, prev, next, now);
    spin_unlock(sc->lock);

    if (sc->slice.deadline != until)
        timer_set(&sc->slice, until);
    if (ops->chosen(cpu, next))
        softirq_raise(SOFTIRQ_SCHEDULE);
    if (next == prev)
        return;
    vcpu_periodic_leave(prev);
    vcpu_periodic_enter(next);
    arch_context_switch(prev, next);
}

void sched_context_saved(struct vcpu *prev)
{
    struct domain *d = prev->domain;

    if (prev->is_idle) {
        __atomic_store_n(&prev->sched.is_running, false, __ATOMIC_RELEASE);
        return;
    }
    vcpu_place(prev, true);
    domain_vcpu_left(d);
}

/* --- affinity --------------------------------------------------------------------------------- */

/*
 * An empty intersection means the whole pool. The pool's cpus are looked at under v's lock: whoever
 * changes them comes here after that, so the last word is the new one.
 */
void sched_affinity_resolve(struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;
    const cpumask_t *hard = s->pin_override ? &s->pinned : &s->hard;
    cpumask_t pool, avoid = { { 0 } }, good;

    cpupool_cpus(read_once(v->domain->cpupool_id), &pool);
    cpumask_and(&s->hard_effective, hard, &pool);
    if (cpumask_empty(&s->hard_effective))
        s->hard_effective = pool;
    arch_avoid_cpus(v, &avoid);
    cpumask_andnot(&good, &s->hard_effective, &avoid);
    if (!cpumask_empty(&good))
        s->hard_effective = good;
    cpumask_and(&s->soft_effective, &s->soft, &s->hard_effective);
    if (cpumask_empty(&s->soft_effective))
        s->soft_effective = s->hard_effective;
}

/*
 * v's masks changed: leave a cpu that is not among them. Under v's lock; true: call vcpu_place()
 * after it.
 */
static bool affinity_moved(struct vcpu *v)
{
    if (v->sched.is_running) {
        if (!cpumask_test(&v->sched.hard_effective, v->sched.cpu))
            softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
        return false;
    }
    return v->sched.runstate.state == RUNSTATE_runnable;
}

void NO_TSA sched_affinity_refresh(struct vcpu *v)
{
    spinlock_t *l = sched_lock_vcpu(v);
    bool place;

    sched_affinity_resolve(v);
    place = affinity_moved(v);
    spin_unlock(l);
    if (place)
        vcpu_place(v, false);
}

int NO_TSA vcpu_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft)
{
    cpumask_t pool;
    spinlock_t *l;
    int rc = 0;

    cpupool_cpus(v->domain->cpupool_id, &pool);
    if ((hard && !cpumask_intersects(hard, &pool)) || (soft && cpumask_empty(soft)))
        return -EINVAL;
    l = sched_lock_vcpu(v);
    if (hard && v->sched.pin_override) {
        rc = -EBUSY;
    } else {
        if (hard)
            v->sched.hard = *hard;
        if (soft)
            v->sched.soft = *soft;
    }
    spin_unlock(l);
    if (!rc)
        sched_affinity_refresh(v);
    return rc;
}

int NO_TSA vcpu_pin_override(struct vcpu *v, int cpu)
{
    cpumask_t pool;
    spinlock_t *l;
    int rc = 0;

    cpupool_cpus(v->domain->cpupool_id, &pool);
    if (cpu >= 0 && (cpu >= NR_CPUS || !cpumask_test(&pool, (unsigned int)cpu)))
        return -EINVAL;
    l = sched_lock_vcpu(v);
    if (cpu < 0) {
        rc = v->sched.pin_override ? 0 : -EINVAL;
        v->sched.pin_override = false;
    } else if (v->sched.pin_override) {
        rc = -EBUSY;
    } else {
        v->sched.pin_override = true;
        cpumask_zero(&v->sched.pinned);
        cpumask_set(&v->sched.pinned, (unsigned int)cpu);
    }
    spin_unlock(l);
    if (!rc)
        sched_affinity_refresh(v);
    return rc;
}

/* --- times ------------------------------------------------------------------------------------ */

void NO_TSA vcpu_get_runstate(struct vcpu *v, struct vcpu_runstate_info *out)
{
    spinlock_t *l = sched_lock_vcpu(v);
    ns_t now = time_now();

    memset(out, 0, sizeof(*out)); /* the padding goes to guests */
    out->state = v->sched.runstate.state;
    out->state_entry_time = v->sched.runstate.state_entry_time;
    for (unsigned int i = 0; i < 4; i++)
        out->time[i] = v->sched.runstate.time[i];
    spin_unlock(l);
    if (now > (ns_t)out->state_entry_time)
        out->time[out->state] += (uint64_t)now - out->state_entry_time;
}

uint64_t vcpu_cpu_time(struct vcpu *v)
{
    struct vcpu_runstate_info r;

    vcpu_get_runstate(v, &r);
    return r.time[RUNSTATE_running];
}

uint64_t sched_idle_time(unsigned int cpu)
{
    struct vcpu *idle = per_cpu(sched_cpu, cpu).idle;

    return idle ? vcpu_cpu_time(idle) : 0;
}

/* --- life ------------------------------------------------------------------------------------- */

unsigned int sched_first_cpu(const struct vcpu *v, const struct sched_ops *ops)
{
    const cpumask_t *cpus = &v->sched.hard_effective;
    unsigned int cpu = cpumask_first(cpus);

    if (ops->first_cpu)
        return ops->first_cpu(cpus);
    for (unsigned int n = v->id % cpumask_weight(cpus); n > 0; n--)
        cpu = cpumask_next(cpus, cpu + 1);
    return cpu;
}

static void idle_vcpu_init(struct sched_vcpu *s, unsigned int cpu)
{
    cpumask_set(&s->hard, cpu);
    s->hard_effective = s->soft_effective = s->hard;
    s->is_running = true;
}

int NO_TSA sched_vcpu_init(struct vcpu *v, unsigned int cpu)
{
    struct sched_vcpu *s = &v->sched;
    const struct sched_ops *ops;
    spinlock_t *l;

    list_init(&s->runq);
    s->runstate.state = v->is_idle ? RUNSTATE_running : RUNSTATE_offline;
    s->runstate.state_entry_time = (uint64_t)time_now();
    cpumask_fill(&s->soft);
    if (v->is_idle) {
        sched_set_cpu(v, cpu);
        idle_vcpu_init(s, cpu);
        return 0;
    }
    cpumask_fill(&s->hard);
    sched_affinity_resolve(v);
    /* No cpu leaves the pool meanwhile: such changes and domctls come one after another. */
    ops = cpupool_ops(v->domain->cpupool_id);
    sched_set_cpu(v, sched_first_cpu(v, ops));
    s->priv = ops->vcpu_alloc(v, v->domain->sched_priv);
    if (!s->priv)
        return -ENOMEM;
    l = sched_lock_vcpu(v);
    ops->vcpu_arrive(v);
    spin_unlock(l);
    return 0;
}

void sched_vcpu_exit(struct vcpu *v)
{
    const struct sched_ops *ops;

    ASSERT(!v->sched.is_running && v->sched.runstate.state != RUNSTATE_runnable);
    if (!v->sched.priv)
        return;
    ops = cpupool_ops(v->domain->cpupool_id);
    ops->vcpu_leave(v);
    ops->vcpu_free(v->sched.priv);
    v->sched.priv = NULL;
}

int sched_domain_init(struct domain *d, unsigned int cpupool_id)
{
    int rc = cpupool_join(d, cpupool_id);

    if (rc)
        return rc;
    d->sched_priv = cpupool_ops(d->cpupool_id)->domain_alloc(d);
    if (!d->sched_priv) {
        cpupool_leave(d);
        return -ENOMEM;
    }
    return 0;
}

/* Before its vcpus are freed: what they are to the policy ends here, as the pool may end next. */
void sched_domain_exit(struct domain *d)
{
    struct vcpu *v;

    if (!d->sched_priv)
        return;
    cpupool_ops(d->cpupool_id)->domain_free(d->sched_priv);
    d->sched_priv = NULL;
    for_each_vcpu (d, v)
        sched_vcpu_exit(v);
    cpupool_leave(d);
}

const struct sched_ops *sched_by_id(uint32_t id)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(policies); i++)
        if (policies[i]->id == id)
            return policies[i];
    return NULL;
}

const struct sched_ops *sched_default(void)
{
    return default_ops;
}

static void choose_default(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(policies); i++) {
        if (strcmp(sched_opt, policies[i]->name) == 0) {
            default_ops = policies[i];
            return;
        }
    }
    log_warn("sched=%s is not known, using %s", sched_opt, default_ops->name);
}

void sched_init(void)
{
    choose_default();
    if (default_ops->pool_init(0))
        panic("no memory for the scheduler");
    softirq_register(SOFTIRQ_SCHEDULE, schedule);
    sched_pool_init();
    timer_init_cpu(smp_processor_id());
    sched_init_cpu(smp_processor_id());
    log_info("scheduler: %s", default_ops->name);
}

/* A cpu comes up: it is of pool 0 from the beginning. */
void sched_init_cpu(unsigned int cpu)
{
    struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
    struct vcpu *idle;

    sched_pool_init_cpu(cpu);
    sc->ops = default_ops;
    sc->lock = default_ops->cpu_init(cpu, 0);
    if (!sc->lock)
        panic("cpu%u: no memory for its runqueue", cpu);
    idle = vcpu_create(idle_domain, cpu);
    if (!idle)
        panic("cpu%u: no memory for its idle vcpu", cpu);
    timer_init(&sc->slice, slice_over, NULL, cpu);
    sc->idle = sc->curr = idle;
    if (cpu == smp_processor_id())
        current = idle;
    spin_lock(sc->lock);
    default_ops->cpu_online(cpu);
    spin_unlock(sc->lock);
    cpumask_set_atomic(&cpu_online_map, cpu);
    cpupool_cpu_up(cpu);
}

unsigned int sched_id(void)
{
    return default_ops->id;
}

const char *sched_name(void)
{
    return default_ops->name;
}
