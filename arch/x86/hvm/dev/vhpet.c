/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HPET. IA-PC HPET specification 1.0a, chapter 2 "Hardware Functional Description". The main
 * counter is computed from the time at which it was started; comparators of periodic timers move on
 * when they are looked at.
 *
 * A comparator that was written slightly behind the counter (the guest was slow) is a match at once
 * instead of after a wrap. Periods below VTICK_MIN_PERIOD give fewer interrupts than asked for.
 *
 * Always: no tick runs while the counter stands; a level interrupt's pin is up exactly while the
 * timer's status bit is set and its interrupt enabled.
 */
#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define REG_CAP 0x000U
#define REG_CONFIG 0x010U
#define REG_ISR 0x020U
#define REG_COUNTER 0x0f0U
#define REG_TIMERS 0x100U
#define TIMER_STRIDE 0x20U
#define TIMER_CONFIG 0x00U
#define TIMER_CMP 0x08U

/* 16 ns in fs; legacy routes, 64 bits, three timers, revision 1 */
#define CAP_VALUE ((uint64_t)VHPET_TICK_NS * 1000000 << 32 | 0x8086a201)
#define CFG_ENABLE 1U
#define CFG_LEGACY 2U

#define TN_LEVEL BIT(1)
#define TN_ENABLE BIT(2)
#define TN_PERIODIC BIT(3)
#define TN_SETVAL BIT(6)
#define TN_32BIT BIT(8)
#define TN_ROUTE_SHIFT 9
#define TN_ROUTE (31ULL << TN_ROUTE_SHIFT)
#define TN_WRITABLE (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SETVAL | TN_32BIT | TN_ROUTE)
#define ROUTES 0x00f00000U /* GSIs 20 to 23 */
#define TN_CAP ((uint64_t)ROUTES << 32 | BIT(4) | BIT(5)) /* periodic, 64 bits */

#define LATE_TICKS (1000000 / VHPET_TICK_NS) /* 1 ms */
#define FAR_TICKS BIT(56)                    /* 36 years */

static struct vhpet *hpet_of(const struct domain *d) { return &d->arch.hvm->hpet; }
static ns_t now(const struct vhpet *h) { return vtick_now(h->d->vcpu[0]); }
static bool is_running(const struct vhpet *h) { return h->config & CFG_ENABLE; }

bool vhpet_is_legacy(const struct domain *d)
{
    return read_once(hpet_of(d)->config) & CFG_LEGACY;
}

static uint64_t counter(const struct vhpet *h)
{
    if (!is_running(h))
        return h->counter;
    return h->counter + (uint64_t)(now(h) - h->count_from) / VHPET_TICK_NS;
}

/* --- timers ----------------------------------------------------------------------------------- */

static uint64_t width(const struct vhpet_timer *t)
{
    return t->config & TN_32BIT ? 0xffffffff : ~0ULL;
}

static bool is_periodic(const struct vhpet_timer *t)
{
    return (t->config & TN_PERIODIC) && (t->period & width(t));
}

/* -1: a route that there is not. */
static int gsi_of(const struct vhpet *h, unsigned int i)
{
    const unsigned int route = (h->timer[i].config & TN_ROUTE) >> TN_ROUTE_SHIFT;

    if ((h->config & CFG_LEGACY) && i < 2)
        return i == 0 ? (int)isa_irq_gsi(0) : 8;
    return ROUTES >> route & 1 ? (int)route : -1;
}

/* A periodic comparator is the next match that is still to come. */
static void settle(const struct vhpet *h, struct vhpet_timer *t)
{
    const uint64_t mask = width(t), period = t->period & mask;
    const uint64_t behind = (counter(h) - t->cmp) & mask;

    if (is_periodic(t) && is_running(h) && behind <= mask / 2)
        t->cmp = (t->cmp + (behind / period + 1) * period) & mask;
}

static ns_t to_ns(uint64_t ticks) { return (ns_t)(MIN(ticks, FAR_TICKS) * VHPET_TICK_NS); }

/* fresh: its comparator was just written. */
static void arm(struct vhpet *h, unsigned int i, bool fresh) REQUIRES(h->lock)
{
    struct vhpet_timer *t = &h->timer[i];
    uint64_t left;

    t->tick.gsi = (int16_t)gsi_of(h, i);
    if (!is_running(h) || !(t->config & TN_ENABLE) || t->tick.gsi < 0) {
        vtick_stop(&t->tick);
        return;
    }
    if (!fresh)
        settle(h, t);
    left = (t->cmp - counter(h)) & width(t);
    if (fresh && left > width(t) - LATE_TICKS)
        left = 0;
    vtick_set(&t->tick, to_ns(left), is_periodic(t) ? to_ns(t->period & width(t)) : 0);
}

static void arm_all(struct vhpet *h) REQUIRES(h->lock)
{
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++)
        arm(h, i, false);
}

static void update_level(struct vhpet *h, unsigned int i) REQUIRES(h->lock)
{
    struct vhpet_timer *t = &h->timer[i];
    const int gsi = gsi_of(h, i);
    const bool up = (t->config & TN_LEVEL) && (t->config & TN_ENABLE) && (h->isr & BIT(i));
    const uint8_t want = up && gsi > 0 ? (uint8_t)gsi : 0;

    if (want == t->held_gsi)
        return;
    if (t->held_gsi)
        hvm_gsi_deassert(h->d, t->held_gsi);
    t->held_gsi = want;
    if (want)
        hvm_gsi_assert(h->d, want);
}

static void fired(struct vtick *tick)
{
    struct vhpet_timer *t = container_of(tick, struct vhpet_timer, tick);
    struct vhpet *h = hpet_of(tick->v->domain);
    const unsigned int i = (unsigned int)(t - h->timer);
    int gsi;

    spin_lock(&h->lock);
    gsi = gsi_of(h, i);
    if (t->config & TN_LEVEL) { /* missed ones are one: there is one status bit */
        vtick_forget(tick);
        h->isr |= BIT(i);
        update_level(h, i);
    } else if ((t->config & TN_ENABLE) && gsi >= 0) {
        hvm_gsi_pulse(h->d, (unsigned int)gsi);
    }
    if (!is_periodic(t) && (t->config & TN_32BIT)) /* it matches again after each wrap */
        vtick_set(tick, to_ns(BIT(32)), 0);
    spin_unlock(&h->lock);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t timer_read(struct vhpet *h, unsigned int i, unsigned int reg) REQUIRES(h->lock)
{
    struct vhpet_timer *t = &h->timer[i];

    if (reg == TIMER_CONFIG)
        return t->config | TN_CAP;
    if (reg != TIMER_CMP)
        return 0;
    settle(h, t);
    return t->cmp & width(t);
}

static uint64_t reg_read(struct vhpet *h, unsigned int offset) REQUIRES(h->lock)
{
    const unsigned int i = (offset - REG_TIMERS) / TIMER_STRIDE;

    switch (offset) {
    case REG_CAP: return CAP_VALUE;
    case REG_CONFIG: return h->config;
    case REG_ISR: return h->isr;
    case REG_COUNTER: return counter(h);
    default:
        if (offset < REG_TIMERS || i >= HPET_TIMER_NUM)
            return 0;
        return timer_read(h, i, offset % TIMER_STRIDE);
    }
}

static bool access_is_valid(unsigned int offset, unsigned int size)
{
    return (size == 4 || size == 8) && offset % size == 0 && offset + size <= VHPET_SIZE;
}

uint64_t vhpet_read(struct domain *d, unsigned int offset, unsigned int size)
{
    struct vhpet *h = hpet_of(d);
    uint64_t val;

    if (!access_is_valid(offset, size)) /* undefined by the specification */
        return ~0ULL;
    spin_lock(&h->lock);
    val = reg_read(h, offset & ~7U);
    spin_unlock(&h->lock);
    return size == 8 ? val : offset & 4 ? val >> 32 : (uint32_t)val;
}

static void config_write(struct vhpet *h, uint64_t val) REQUIRES(h->lock)
{
    const bool on = val & CFG_ENABLE;

    if (is_running(h) && !on)
        h->counter = counter(h);
    if (!is_running(h) && on)
        h->count_from = now(h);
    write_once(h->config, val & (CFG_ENABLE | CFG_LEGACY));
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++)
        update_level(h, i);
    arm_all(h);
}

static void isr_write(struct vhpet *h, uint64_t val) REQUIRES(h->lock)
{
    h->isr &= ~val;
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++)
        update_level(h, i);
}

static void counter_write(struct vhpet *h, uint64_t val) REQUIRES(h->lock)
{
    h->counter = val;
    h->count_from = now(h);
    arm_all(h);
}

/* A route that is not supported is not taken: "the value read back will not match". */
static void timer_config_write(struct vhpet *h, unsigned int i, uint64_t val) REQUIRES(h->lock)
{
    struct vhpet_timer *t = &h->timer[i];
    const unsigned int route = (val & TN_ROUTE) >> TN_ROUTE_SHIFT;

    settle(h, t);
    if (!(ROUTES >> route & 1))
        val = (val & ~TN_ROUTE) | (t->config & TN_ROUTE);
    t->config = val & TN_WRITABLE;
    if (t->config & TN_32BIT) {
        t->cmp = (uint32_t)t->cmp;
        t->period = (uint32_t)t->period;
    }
    if (!(t->config & TN_LEVEL))
        h->isr &= ~BIT(i);
    update_level(h, i);
    arm(h, i, false);
}

/*
 * Of a periodic timer a write sets the period; with SETVAL also the comparator, once. half: the
 * bits that the access covers.
 */
static void timer_cmp_write(struct vhpet *h, unsigned int i, uint64_t val, uint64_t half)
    REQUIRES(h->lock)
{
    struct vhpet_timer *t = &h->timer[i];
    const bool sets_cmp = !(t->config & TN_PERIODIC) || (t->config & TN_SETVAL);

    settle(h, t);
    if (t->config & TN_PERIODIC)
        t->period = ((t->period & ~half) | val) & width(t);
    if (sets_cmp)
        t->cmp = ((t->cmp & ~half) | val) & width(t);
    t->config &= ~TN_SETVAL;
    arm(h, i, sets_cmp);
}

static void timer_write(struct vhpet *h, unsigned int i, unsigned int reg, uint64_t val,
                        uint64_t half) REQUIRES(h->lock)
{
    if (reg == TIMER_CMP)
        timer_cmp_write(h, i, val, half);
    else if (reg == TIMER_CONFIG && (uint32_t)half)
        timer_config_write(h, i, val);
}

/* val stands at its place in the register, half has ones where it counts. */
static void reg_write(struct vhpet *h, unsigned int offset, uint64_t val, uint64_t half)
    REQUIRES(h->lock)
{
    const unsigned int i = (offset - REG_TIMERS) / TIMER_STRIDE;

    switch (offset) {
    case REG_CONFIG:
        if ((uint32_t)half)
            config_write(h, val);
        break;
    case REG_ISR:
        isr_write(h, val);
        break;
    case REG_COUNTER:
        counter_write(h, (counter(h) & ~half) | val);
        break;
    default:
        if (offset >= REG_TIMERS && i < HPET_TIMER_NUM)
            timer_write(h, i, offset % TIMER_STRIDE, val, half);
        break;
    }
}

void vhpet_write(struct domain *d, unsigned int offset, unsigned int size, uint64_t val)
{
    struct vhpet *h = hpet_of(d);
    const unsigned int shift = size == 4 && (offset & 4) ? 32 : 0;
    const uint64_t half = size == 8 ? ~0ULL : 0xffffffffULL << shift;

    if (!access_is_valid(offset, size))
        return;
    spin_lock(&h->lock);
    reg_write(h, offset & ~7U, val << shift & half, half);
    spin_unlock(&h->lock);
}

/* --- life ------------------------------------------------------------------------------------- */

void vhpet_init(struct vcpu *v)
{
    struct vhpet *h = hpet_of(v->domain);

    spin_init(&h->lock, RANK_HVM_DEV);
    h->d = v->domain;
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++) {
        h->timer[i].cmp = ~0ULL;
        vtick_init(&h->timer[i].tick, v, -1, fired);
    }
}

void vhpet_exit(struct domain *d)
{
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++)
        vtick_exit(&hpet_of(d)->timer[i].tick);
}

void vhpet_save(struct domain *d, struct hvm_hw_hpet *r)
{
    struct vhpet *h = hpet_of(d);

    spin_lock(&h->lock);
    *r = (struct hvm_hw_hpet){ .capability = CAP_VALUE, .config = h->config, .isr = h->isr,
                               .mc64 = counter(h) };
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++) {
        settle(h, &h->timer[i]);
        r->timers[i].config = h->timer[i].config | TN_CAP;
        r->timers[i].cmp = h->timer[i].cmp;
        r->period[i] = h->timer[i].period;
    }
    spin_unlock(&h->lock);
}

static bool timer_is_valid(uint64_t config, uint64_t cmp, uint64_t period)
{
    const unsigned int route = (config & TN_ROUTE) >> TN_ROUTE_SHIFT;

    if ((uint32_t)config & ~(uint32_t)(TN_WRITABLE | TN_CAP))
        return false;
    if ((config & TN_32BIT) && (period >> 32 || (cmp >> 32 && cmp != ~0ULL)))
        return false;
    return route == 0 || (ROUTES >> route & 1);
}

int vhpet_load(struct domain *d, const struct hvm_hw_hpet *r)
{
    struct vhpet *h = hpet_of(d);

    if ((r->config & ~(uint64_t)(CFG_ENABLE | CFG_LEGACY)) || r->isr >> HPET_TIMER_NUM)
        return -EINVAL;
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++)
        if (!timer_is_valid(r->timers[i].config, r->timers[i].cmp, r->period[i]) ||
            ((r->isr & BIT(i)) && !(r->timers[i].config & TN_LEVEL)))
            return -EINVAL;
    spin_lock(&h->lock);
    write_once(h->config, r->config);
    h->isr = r->isr;
    h->counter = r->mc64;
    h->count_from = now(h);
    for (unsigned int i = 0; i < HPET_TIMER_NUM; i++) {
        h->timer[i].config = r->timers[i].config & TN_WRITABLE;
        h->timer[i].cmp = r->timers[i].cmp & width(&h->timer[i]);
        h->timer[i].period = r->period[i];
        h->timer[i].held_gsi = 0; /* the wires were counted anew, without ours */
        update_level(h, i);
        arm(h, i, false);
    }
    spin_unlock(&h->lock);
    return 0;
}
