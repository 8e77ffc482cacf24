/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's clocks: the partition's reference time, the page that lets a guest compute it from its
 * TSC, and four synthetic timers a vcpu. TLFS, "Timers".
 *
 * Reference time is vcpu 0's TSC, scaled to 100 ns, and an offset: it stands while the domain is
 * paused, and goes on with it. A timer that is due sets its bit in stimer_pending; its message goes
 * out when the vcpu looks for interrupts (viridian_poll()), and a periodic one is started again
 * then. So a guest cannot make more host timer interrupts than it makes entries.
 */
#include <hv/atomic.h>
#include <hv/sched.h>
#include <hv/time.h>

#include "viridian_priv.h"

#define TICK_NS 100
#define MISSED_MAX 3 /* more of them, and a periodic timer begins anew */

enum { STIMER_ENABLE = 1 << 0, STIMER_PERIODIC = 1 << 1, STIMER_LAZY = 1 << 2,
       STIMER_AUTO_ENABLE = 1 << 3 };

static unsigned int sint_of(uint64_t config) { return config >> 16 & 15; }

/* --- reference time --------------------------------------------------------------------------- */

/* 100 ns a TSC tick, as a fraction of 2^64. */
static uint64_t tsc_scale(const struct domain *d)
{
    return ((10000ULL << 32) / hvm_guest_tsc_khz(d->vcpu[0])) << 32;
}

static uint64_t raw_now(const struct domain *d)
{
    return (uint64_t)((unsigned __int128)hvm_guest_tsc(d->vcpu[0]) * tsc_scale(d) >> 64);
}

uint64_t viridian_now(struct domain *d)
{
    struct viridian_domain *vd = vd_of(d);
    uint64_t now;

    spin_lock(&vd->lock);
    now = vd->running ? raw_now(d) + (uint64_t)vd->offset : vd->count;
    spin_unlock(&vd->lock);
    return now;
}

void viridian_freeze(struct domain *d)
{
    struct viridian_domain *vd = vd_of(d);
    struct vcpu *v;

    if (!viridian_features(d) || !d->vcpu[0])
        return;
    spin_lock(&vd->lock);
    if (vd->running)
        vd->count = raw_now(d) + (uint64_t)vd->offset;
    vd->running = false;
    spin_unlock(&vd->lock);
    for_each_vcpu (d, v)
        for (unsigned int i = 0; i < VIRIDIAN_STIMERS && v->arch.hvm; i++)
            timer_stop(&vv_of(v)->stimer[i].timer);
}

void viridian_thaw(struct domain *d)
{
    struct viridian_domain *vd = vd_of(d);
    struct vcpu *v;

    if (!viridian_features(d) || !d->vcpu[0])
        return;
    spin_lock(&vd->lock);
    if (!vd->running) {
        vd->offset = (int64_t)(vd->count - raw_now(d));
        vd->page_stale = true;
    }
    vd->running = true;
    spin_unlock(&vd->lock);
    for_each_vcpu (d, v)
        if (v->arch.hvm)
            write_once(vv_of(v)->thawed, true);
}

/* --- the TSC page ----------------------------------------------------------------------------- */

struct tsc_page { /* TLFS, "Reference TSC Page" */
    uint32_t sequence, reserved;
    uint64_t scale;
    int64_t offset;
};

/* Sequence 0: this is no clock, ask the MSR. */
static void page_write(struct domain *d)
{
    struct viridian_domain *vd = vd_of(d);
    struct tsc_page p = { .scale = tsc_scale(d) };
    uint64_t msr, gpa;

    spin_lock(&vd->lock);
    msr = vd->reference_tsc;
    vd->page_stale = false;
    if (++vd->sequence == 0)
        vd->sequence = 1;
    p.sequence = hvm_tsc_is_native(d) ? vd->sequence : 0;
    p.offset = vd->offset;
    spin_unlock(&vd->lock);
    if (!(msr & HV_PAGE_ENABLE))
        return;
    gpa = hv_page_gpa(msr);
    if (hvm_copy_to_phys(d, gpa + offsetof(struct tsc_page, scale), &p.scale,
                         sizeof(p) - offsetof(struct tsc_page, scale)) == 0)
        (void)!hvm_copy_to_phys(d, gpa, &p.sequence, sizeof(p.sequence));
}

void viridian_reference_tsc_write(struct domain *d, uint64_t val)
{
    struct viridian_domain *vd = vd_of(d);

    spin_lock(&vd->lock);
    vd->reference_tsc = val;
    spin_unlock(&vd->lock);
    page_write(d);
}

/* --- synthetic timers ------------------------------------------------------------------------- */

static uint64_t bit_of(const struct viridian_stimer *t)
{
    return BIT(t - vv_of(t->v)->stimer);
}

static void set_pending(struct viridian_stimer *t)
{
    __atomic_fetch_or(&vv_of(t->v)->stimer_pending, bit_of(t), __ATOMIC_SEQ_CST);
}

static void clear_pending(struct viridian_stimer *t)
{
    __atomic_fetch_and(&vv_of(t->v)->stimer_pending, ~bit_of(t), __ATOMIC_SEQ_CST);
}

static void expired(void *data)
{
    struct viridian_stimer *t = data;

    set_pending(t);
    vcpu_unblock(t->v);
    vcpu_kick(t->v);
}

static void stop(struct viridian_stimer *t)
{
    timer_stop(&t->timer);
    t->started = false;
}

/* Counts are the guest's: sums wrap. */
static int64_t later(int64_t time, uint64_t by) { return (int64_t)((uint64_t)time + by); }

/* When a periodic timer goes off next: one that is late catches up, or gives up. */
static int64_t next_period(const struct viridian_stimer *t, int64_t now)
{
    const int64_t due = later(t->expiration, t->count);
    uint64_t missed;

    if (!t->started || (t->config & STIMER_LAZY))
        return later(now, t->count);
    if (due > now)
        return due;
    missed = ((uint64_t)now - (uint64_t)due) / t->count + 1;
    return later(now, missed > MISSED_MAX ? t->count : MAX(t->count / missed, 1ULL));
}

static void start(struct viridian_stimer *t)
{
    const int64_t now = (int64_t)viridian_now(t->v->domain);
    const int64_t at = t->config & STIMER_PERIODIC ? next_period(t, now) : (int64_t)t->count;
    const int64_t far = NS_NEVER / TICK_NS / 2;

    clear_pending(t);
    t->expiration = at;
    t->started = true;
    if (at <= now) { /* also when the sum is beyond all time */
        set_pending(t);
        return;
    }
    timer_migrate(&t->timer, t->v->processor);
    timer_set(&t->timer, time_now() + MIN(at - now, far) * TICK_NS);
}

/* TLFS: a timer without a SINT is off. */
bool viridian_stimer_valid(uint64_t config) { return !(config & STIMER_ENABLE) || sint_of(config); }

/* It may be enabled before it has a count. */
static bool is_on(const struct viridian_stimer *t)
{
    return (t->config & STIMER_ENABLE) && t->count;
}

uint64_t viridian_stimer_read(const struct vcpu *v, unsigned int reg)
{
    const struct viridian_stimer *t =
        &vv_of(v)->stimer[index_nospec(reg / 2, VIRIDIAN_STIMERS)];
    const bool over = read_once(vv_of(v)->stimer_pending) & bit_of(t);

    if (reg & 1)
        return t->count;
    return over && !(t->config & STIMER_PERIODIC) ? t->config & ~(uint64_t)STIMER_ENABLE
                                                  : t->config;
}

void viridian_stimer_write(struct vcpu *v, unsigned int reg, uint64_t val)
{
    struct viridian_stimer *t = &vv_of(v)->stimer[index_nospec(reg / 2, VIRIDIAN_STIMERS)];

    stop(t);
    clear_pending(t);
    if (reg & 1) {
        t->count = val;
        if (!val)
            t->config &= ~(uint64_t)STIMER_ENABLE;
        else if (t->config & STIMER_AUTO_ENABLE)
            t->config |= STIMER_ENABLE;
    } else {
        t->config = val;
    }
    if (!viridian_stimer_valid(t->config))
        t->config &= ~(uint64_t)STIMER_ENABLE;
    if (is_on(t))
        start(t);
}

static void poll_one(struct viridian_stimer *t)
{
    if (!is_on(t)) { /* it was switched off as it went off */
        clear_pending(t);
        return;
    }
    if (!viridian_timer_message(t->v, sint_of(t->config),
                                (unsigned int)(t - vv_of(t->v)->stimer),
                                (uint64_t)t->expiration))
        return; /* until the guest has made room */
    clear_pending(t);
    if (t->config & STIMER_PERIODIC) {
        start(t);
    } else {
        t->config &= ~(uint64_t)STIMER_ENABLE;
        t->started = false;
    }
}

void viridian_poll(struct vcpu *v)
{
    const uint64_t pending = read_once(vv_of(v)->stimer_pending);

    for (unsigned int i = 0; pending && i < VIRIDIAN_STIMERS; i++)
        if (pending >> i & 1)
            poll_one(&vv_of(v)->stimer[i]);
}

/* --- life ------------------------------------------------------------------------------------- */

void viridian_entry(struct vcpu *v)
{
    struct viridian_vcpu *vv = vv_of(v);

    if (likely(!read_once(vv->thawed)))
        return;
    write_once(vv->thawed, false);
    if (read_once(vd_of(v->domain)->page_stale))
        page_write(v->domain);
    for (unsigned int i = 0; i < VIRIDIAN_STIMERS; i++)
        if (is_on(&vv->stimer[i]))
            start(&vv->stimer[i]);
}

void viridian_vcpu_init(struct vcpu *v)
{
    struct viridian_vcpu *vv = vv_of(v);

    for (unsigned int i = 0; i < VIRIDIAN_SINTS; i++)
        vv->sint[i] = HV_SINT_MASKED;
    for (unsigned int i = 0; i < VIRIDIAN_STIMERS; i++) {
        vv->stimer[i].v = v;
        timer_init(&vv->stimer[i].timer, expired, &vv->stimer[i], v->processor);
    }
}

void viridian_vcpu_exit(struct vcpu *v)
{
    for (unsigned int i = 0; i < VIRIDIAN_STIMERS; i++)
        if (vv_of(v)->stimer[i].v)
            timer_kill(&vv_of(v)->stimer[i].timer);
}
