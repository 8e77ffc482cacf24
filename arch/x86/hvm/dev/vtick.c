/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticks of the platform timers, and the four timer modes of public hvm/params.h:
 *
 *   delay_for_missed_ticks      all missed ones are delivered, one as the other was taken, and the
 *                               vcpu's clocks stand where it was preempted and step with them
 *   no_delay_for_missed_ticks   the same, but the clocks show real time
 *   no_missed_ticks_pending     missed ones are lost; so that some tick gets through to a vcpu that
 *                               is always preempted when it is due, after a loss the next
 *                               preemption leaves the tick running
 *   one_missed_tick_pending     any number of missed ones becomes a single late one
 *
 * While a vcpu waits for a cpu its ticks are frozen, and caught up with when it has one. One that
 * blocked keeps its ticks: they are what it waits for.
 *
 * t->lock is not held while the interrupt is raised, so a raise may come after another cpu stopped
 * the tick: as on hardware, where the interrupt was on its way.
 */
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/log.h>

static unsigned int mode_of(const struct vtick *t)
{
    return t->v->domain->arch.hvm->timer_mode;
}

/* --- the clock -------------------------------------------------------------------------------- */

ns_t vtick_lag(const struct vcpu *v)
{
    return v->arch.hvm ? read_once(v->arch.hvm->lag) : 0;
}

ns_t vtick_now(const struct vcpu *v)
{
    return time_now() - vtick_lag(v);
}

/* The clock of v shows at least when (host time) from now on; the lag only shrinks here. */
static void catch_up(struct vcpu *v, ns_t when)
{
    ns_t lag = MAX(time_now() - when, 0);

    if (lag < read_once(v->arch.hvm->lag))
        write_once(v->arch.hvm->lag, lag);
}

/* --- one tick --------------------------------------------------------------------------------- */

/* Its periods that are over now become pending. True: there is an interrupt to raise. */
static bool account(struct vtick *t, bool was_frozen) REQUIRES(t->lock)
{
    const ns_t now = time_now();
    uint64_t due = 1;

    if (t->next > now)
        return false;
    if (t->period == 0) {
        t->next = NS_NEVER;
        t->pending = 1;
        return true;
    }
    due += (uint64_t)((now - t->next) / t->period);
    t->next += (ns_t)due * t->period;
    switch (mode_of(t)) {
    case HVMPTM_no_missed_ticks_pending:
        if (was_frozen) {
            t->keep_running = t->pending == 0;
            return false;
        }
        t->keep_running = false;
        t->pending = 1;
        break;
    case HVMPTM_one_missed_tick_pending:
        t->pending = 1;
        break;
    default:
        t->pending = (uint32_t)MIN(t->pending + due, VTICK_MAX_PENDING);
        break;
    }
    return true;
}

static void arm(struct vtick *t) REQUIRES(t->lock)
{
    timer_set(&t->timer, t->frozen ? NS_NEVER : t->next);
}

/* The host time that the oldest pending tick stands for. */
static ns_t oldest(const struct vtick *t)
{
    return t->next == NS_NEVER ? time_now() : t->next - (ns_t)t->pending * t->period;
}

void vtick_forget(struct vtick *t)
{
    spin_lock(&t->lock);
    t->pending = 0;
    spin_unlock(&t->lock);
}

static void raise(struct vtick *t)
{
    t->raise(t);
    /* Nobody listens: hardware would have lost it, and it is not missed. */
    if (t->gsi >= 0 && hvm_gsi_is_masked(t->v->domain, (unsigned int)t->gsi))
        vtick_forget(t);
}

static void expired(void *data)
{
    struct vtick *t = data;
    bool due;

    spin_lock(&t->lock);
    due = account(t, false);
    arm(t);
    spin_unlock(&t->lock);
    if (due)
        raise(t);
}

void vtick_init(struct vtick *t, struct vcpu *v, int gsi, void (*raise_fn)(struct vtick *t))
{
    *t = (struct vtick){ .v = v, .next = NS_NEVER, .gsi = (int16_t)gsi, .raise = raise_fn };
    spin_init(&t->lock, RANK_HVM_TICK);
    timer_init(&t->timer, expired, t, v->processor);
}

void vtick_exit(struct vtick *t)
{
    if (!t->v)
        return;
    vtick_stop(t);
    timer_kill(&t->timer);
}

void vtick_set(struct vtick *t, ns_t delay, ns_t period)
{
    const ns_t now = time_now();

    spin_lock(&t->lock);
    t->pending = 0;
    t->period = period > 0 ? MAX(period, VTICK_MIN_PERIOD) : 0;
    delay = MAX(delay, 0);
    t->next = delay < NS_NEVER - now ? now + delay : NS_NEVER - 1;
    if (t->period && t->v->domain->arch.hvm->align_ticks)
        t->next = (t->next / t->period + 1) * t->period;
    arm(t);
    spin_unlock(&t->lock);
}

void vtick_stop(struct vtick *t)
{
    spin_lock(&t->lock);
    t->next = NS_NEVER;
    t->pending = 0;
    arm(t);
    spin_unlock(&t->lock);
}

bool vtick_is_on(const struct vtick *t)
{
    return read_once(t->next) != NS_NEVER;
}

void vtick_taken(struct vtick *t)
{
    bool again;

    spin_lock(&t->lock);
    if (t->pending > 0) {
        if (mode_of(t) == HVMPTM_delay_for_missed_ticks)
            catch_up(t->v, oldest(t));
        t->pending--;
    }
    again = t->pending > 0;
    spin_unlock(&t->lock);
    if (again)
        raise(t);
}

/* --- around switches -------------------------------------------------------------------------- */

#define VCPU_TICKS 8

/* Vcpu 0 has the domain's. */
static unsigned int ticks_of(struct vcpu *v, struct vtick *out[VCPU_TICKS])
{
    struct hvm_domain *h = v->domain->arch.hvm;
    unsigned int n = 0;

    out[n++] = &v->arch.hvm->lapic.tick;
    if (v->id == 0) {
        out[n++] = &h->pit.tick;
        out[n++] = &h->rtc.period;
        out[n++] = &h->rtc.second;
        out[n++] = &h->pm.tick;
        for (unsigned int i = 0; i < HPET_TIMER_NUM; i++)
            out[n++] = &h->hpet.timer[i].tick;
    }
    return n;
}

void vtick_leave(struct vcpu *v)
{
    struct vtick *ticks[VCPU_TICKS];
    unsigned int n = ticks_of(v, ticks);

    v->arch.hvm->left_at = vtick_now(v);
    for (unsigned int i = 0; i < n; i++) {
        struct vtick *t = ticks[i];

        if (!t->v)
            continue;
        spin_lock(&t->lock);
        if (!(mode_of(t) == HVMPTM_no_missed_ticks_pending && t->keep_running)) {
            t->frozen = true;
            arm(t);
        }
        spin_unlock(&t->lock);
    }
}

/* The ticks that wait, and those that run. */
void vtick_dump(struct vcpu *v)
{
    struct vtick *ticks[VCPU_TICKS];
    const unsigned int n = ticks_of(v, ticks);

    for (unsigned int i = 0; i < n; i++)
        if (ticks[i]->v && (vtick_is_on(ticks[i]) || ticks[i]->pending))
            log_info("  tick %u: gsi %d period %ld next in %ld, %u pending%s", i, ticks[i]->gsi,
                     (long)ticks[i]->period, (long)(ticks[i]->next - time_now()),
                     ticks[i]->pending, ticks[i]->frozen ? ", frozen" : "");
}

/* True: one of its ticks went by while it was away, and waits to be delivered. */
static bool thaw(struct vtick *t)
{
    bool due = false;

    timer_migrate(&t->timer, t->v->processor);
    spin_lock(&t->lock);
    if (t->frozen) {
        t->frozen = false;
        due = account(t, true);
        arm(t);
    }
    spin_unlock(&t->lock);
    return due;
}

void vtick_enter(struct vcpu *v)
{
    struct vtick *ticks[VCPU_TICKS];
    unsigned int n = ticks_of(v, ticks);
    bool due[VCPU_TICKS] = { false }, missed = false;

    for (unsigned int i = 0; i < n; i++) {
        if (!ticks[i]->v)
            continue;
        due[i] = thaw(ticks[i]);
        missed |= due[i] && ticks[i]->period > 0;
    }
    if (missed && v->domain->arch.hvm->timer_mode == HVMPTM_delay_for_missed_ticks)
        write_once(v->arch.hvm->lag, MAX(time_now() - v->arch.hvm->left_at, 0));
    for (unsigned int i = 0; i < n; i++)
        if (due[i])
            raise(ticks[i]);
}

/* --- which interrupt was it? ------------------------------------------------------------------ */

/* The RTC is not here: its tick was taken when the guest has read register C. */
static unsigned int gsi_ticks(struct domain *d, struct vtick *out[1 + HPET_TIMER_NUM])
{
    struct hvm_domain *h = d->arch.hvm;
    unsigned int n = 0;

    if (h->pit.tick.v)
        out[n++] = &h->pit.tick;
    for (unsigned int i = 0; i < HPET_TIMER_NUM && h->hpet.timer[i].tick.v; i++)
        out[n++] = &h->hpet.timer[i].tick;
    return n;
}

void vtick_gsi_taken(struct domain *d, unsigned int gsi)
{
    struct vtick *ticks[1 + HPET_TIMER_NUM];
    unsigned int n = gsi_ticks(d, ticks);

    for (unsigned int i = 0; i < n; i++)
        if (read_once(ticks[i]->pending) > 0 && ticks[i]->gsi == (int)gsi)
            vtick_taken(ticks[i]);
}

void vtick_vector_taken(struct vcpu *v, unsigned int vector)
{
    struct vtick *ticks[1 + HPET_TIMER_NUM], *lapic = &v->arch.hvm->lapic.tick;
    unsigned int n = gsi_ticks(v->domain, ticks);

    if (read_once(lapic->pending) > 0 &&
        (read_once(v->arch.hvm->lapic.reg[0x32]) & 0xff) == vector)
        vtick_taken(lapic);
    for (unsigned int i = 0; i < n; i++)
        if (read_once(ticks[i]->pending) > 0 && ticks[i]->gsi >= 0 &&
            hvm_gsi_vector(v->domain, (unsigned int)ticks[i]->gsi) == (int)vector)
            vtick_taken(ticks[i]);
}
