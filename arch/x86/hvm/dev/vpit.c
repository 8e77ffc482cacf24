/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254: three channels, of which the first raises irq 0 and the third drives the speaker. Intel
 * 8254 data sheet, "Mode Definitions"; IBM PC AT for port 0x61. Counts are not kept but computed
 * from the time at which a channel started.
 *
 * Simpler than the chip: a new count in modes 2 and 3 starts at once, not at the end of the cycle.
 * Periods of channel 0 below VTICK_MIN_PERIOD give fewer interrupts than asked for.
 *
 * Always: the count of a programmed channel is 1 to 65536; gates of channels 0 and 1 are open.
 */
#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define NS_PER_SEC 1000000000U
#define NOT_PROGRAMMED 0xff /* mode of a channel after reset */

/* read_state, write_state, count_latched: which byte comes next */
enum { BYTE_NONE, BYTE_LSB, BYTE_MSB, BYTE_WORD_LSB, BYTE_WORD_MSB };

#define REFRESH_NS 15085 /* port 0x61 bit 4 toggles */

static struct vpit *pit_of(const struct domain *d) { return &d->arch.hvm->pit; }
static ns_t now(const struct vpit *p) { return vtick_now(p->d->vcpu[0]); }

/* --- counting --------------------------------------------------------------------------------- */

static bool is_started(const struct vpit_channel *c) { return c->from != NS_NEVER; }

/* Clocks counted since the start; they stop while the gate is closed, but in modes 1 and 5. */
static uint64_t clocks(const struct vpit *p, const struct vpit_channel *c)
{
    if (!is_started(c))
        return 0;
    if (!c->hw.gate && c->hw.mode != 1 && c->hw.mode != 5)
        return c->held;
    return c->held + mul_div((uint64_t)(now(p) - c->from), VPIT_HZ, NS_PER_SEC);
}

static uint16_t to_bcd(uint32_t n)
{
    return (uint16_t)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12);
}

static uint32_t from_bcd(uint32_t n)
{
    return (n & 15) + 10 * (n >> 4 & 15) + 100 * (n >> 8 & 15) + 1000 * (n >> 12);
}

static uint16_t count_of(const struct vpit *p, const struct vpit_channel *c)
{
    const uint32_t n = c->hw.count ? c->hw.count : 0x10000, wrap = c->hw.bcd ? 10000 : 0x10000;
    const uint64_t t = clocks(p, c);
    uint32_t left;

    switch (c->hw.mode) {
    case 2:
        left = n - (uint32_t)(t % n);
        break;
    case 3: /* twice as fast, by twos */
        left = (n - (uint32_t)(2 * t % n)) & ~1U;
        break;
    default:
        left = (n + wrap - (uint32_t)(t % wrap)) % wrap;
        break;
    }
    left %= wrap;
    return c->hw.bcd ? to_bcd(left) : (uint16_t)left;
}

static bool out_of(const struct vpit *p, const struct vpit_channel *c)
{
    const uint32_t n = c->hw.count ? c->hw.count : 0x10000;
    const uint64_t t = clocks(p, c);

    if (!is_started(c))
        return c->hw.mode != 0;
    switch (c->hw.mode) {
    case 0: case 1:
        return t >= n;
    case 2:
        return !c->hw.gate || t % n != n - 1;
    case 3:
        return !c->hw.gate || t % n < (n + 1) / 2;
    default: /* 4, 5: a strobe of one clock */
        return t != n;
    }
}

/* --- channel 0's interrupt: where OUT rises --------------------------------------------------- */

static ns_t clocks_to_ns(uint64_t n) { return (ns_t)mul_div(n, NS_PER_SEC, VPIT_HZ); }

static void arm(struct vpit *p) REQUIRES(p->lock)
{
    const struct vpit_channel *c = &p->ch[0];
    const ns_t period = clocks_to_ns(c->hw.count);

    if (!is_started(c) || c->hw.mode == 1 || c->hw.mode == 5)
        vtick_stop(&p->tick);
    else if (c->hw.mode == 2 || c->hw.mode == 3)
        vtick_set(&p->tick, period, period);
    else
        vtick_set(&p->tick, clocks_to_ns(c->hw.count + (c->hw.mode == 4)), 0);
}

static void fired(struct vtick *t)
{
    struct vpit *p = container_of(t, struct vpit, tick);

    if (vhpet_is_legacy(p->d))
        vtick_forget(t);
    else
        hvm_isa_irq_pulse(p->d, 0);
}

/* --- the gate and the start ------------------------------------------------------------------- */

static void start(struct vpit *p, struct vpit_channel *c) REQUIRES(p->lock)
{
    c->held = 0;
    c->from = now(p);
    if (c == &p->ch[0])
        arm(p);
}

static void set_gate(struct vpit *p, struct vpit_channel *c, bool open) REQUIRES(p->lock)
{
    if (c->hw.gate == open)
        return;
    if (!open) {
        c->held = c->hw.mode == 1 || c->hw.mode == 5 ? c->held : clocks(p, c);
        c->hw.gate = 0;
        return;
    }
    c->hw.gate = 1;
    /* modes 1 and 5 are triggered, 2 and 3 reload */
    if (c->hw.mode == 1 || c->hw.mode == 5 ||
        (is_started(c) && (c->hw.mode == 2 || c->hw.mode == 3)))
        start(p, c);
    else if (is_started(c))
        c->from = now(p);
}

static void count_written(struct vpit *p, struct vpit_channel *c, uint16_t val) REQUIRES(p->lock)
{
    const uint32_t n = c->hw.bcd ? from_bcd(val) : val;

    c->hw.count = n ? n : c->hw.bcd ? 10000 : 0x10000;
    if (c->hw.mode != 1 && c->hw.mode != 5)
        start(p, c);
}

/* --- ports ------------------------------------------------------------------------------------ */

static void latch_count(struct vpit *p, struct vpit_channel *c) REQUIRES(p->lock)
{
    if (c->hw.count_latched)
        return;
    c->hw.latched_count = count_of(p, c);
    c->hw.count_latched = c->hw.rw_mode;
}

/* A count counts as loaded when it was written, in modes 1 and 5 when it was triggered. */
static void latch_status(struct vpit *p, struct vpit_channel *c) REQUIRES(p->lock)
{
    if (c->hw.status_latched)
        return;
    c->hw.status = (uint8_t)(out_of(p, c) << 7 | !is_started(c) << 6 | c->hw.rw_mode << 4 |
                             (c->hw.mode & 7) << 1 | c->hw.bcd);
    c->hw.status_latched = 1;
}

static void read_back(struct vpit *p, uint8_t val) REQUIRES(p->lock)
{
    for (unsigned int i = 0; i < 3; i++) {
        if (!(val & (2U << i)))
            continue;
        if (!(val & 0x20))
            latch_count(p, &p->ch[i]);
        if (!(val & 0x10))
            latch_status(p, &p->ch[i]);
    }
}

static void control(struct vpit *p, uint8_t val) REQUIRES(p->lock)
{
    const unsigned int access = val >> 4 & 3, mode = val >> 1 & 7;
    struct vpit_channel *c;

    if (val >> 6 == 3) {
        read_back(p, val);
        return;
    }
    c = &p->ch[val >> 6];
    if (access == 0) {
        latch_count(p, c);
        return;
    }
    c->hw.rw_mode = (uint8_t)access;
    c->hw.read_state = c->hw.write_state = (uint8_t)access; /* 3: BYTE_WORD_LSB */
    c->hw.mode = (uint8_t)(mode > 5 ? mode - 4 : mode);
    c->hw.bcd = val & 1;
    c->hw.count_latched = c->hw.status_latched = 0;
    c->from = NS_NEVER;
    c->held = 0;
    if (c != &p->ch[0])
        return;
    vtick_stop(&p->tick);
    if (c->hw.mode == 0) /* OUT falls */
        hvm_isa_irq_deassert(p->d, 0);
}

static void channel_write(struct vpit *p, struct vpit_channel *c, uint8_t val) REQUIRES(p->lock)
{
    switch (c->hw.write_state) {
    case BYTE_LSB:
        count_written(p, c, val);
        break;
    case BYTE_MSB:
        count_written(p, c, (uint16_t)(val << 8));
        break;
    case BYTE_WORD_LSB:
        c->hw.write_latch = val;
        c->hw.write_state = BYTE_WORD_MSB;
        if (c->hw.mode == 0) { /* "writing the first byte disables counting" */
            c->from = NS_NEVER;
            if (c == &p->ch[0])
                vtick_stop(&p->tick);
        }
        break;
    case BYTE_WORD_MSB:
        c->hw.write_state = BYTE_WORD_LSB;
        count_written(p, c, (uint16_t)(val << 8 | c->hw.write_latch));
        break;
    default: /* before any control word */
        break;
    }
}

/* One byte of a 16-bit value; *state moves on, and ends in `done` after the last. */
static uint8_t next_byte(uint8_t *state, uint16_t val, uint8_t done)
{
    switch (*state) {
    case BYTE_MSB:
        *state = done;
        return (uint8_t)(val >> 8);
    case BYTE_WORD_LSB:
        *state = BYTE_WORD_MSB;
        return (uint8_t)val;
    case BYTE_WORD_MSB:
        *state = done;
        return (uint8_t)(val >> 8);
    default:
        *state = done;
        return (uint8_t)val;
    }
}

static uint8_t channel_read(struct vpit *p, struct vpit_channel *c) REQUIRES(p->lock)
{
    if (c->hw.status_latched) {
        c->hw.status_latched = 0;
        return c->hw.status;
    }
    if (c->hw.count_latched)
        return next_byte(&c->hw.count_latched, c->hw.latched_count, BYTE_NONE);
    return next_byte(&c->hw.read_state, count_of(p, c), c->hw.rw_mode);
}

static uint8_t speaker_read(struct vpit *p) REQUIRES(p->lock)
{
    const bool refresh = (uint64_t)now(p) / REFRESH_NS & 1;

    return (uint8_t)(p->ch[2].hw.gate | p->speaker_data << 1 | refresh << 4 |
                     out_of(p, &p->ch[2]) << 5);
}

uint8_t vpit_read(struct domain *d, unsigned int port)
{
    struct vpit *p = pit_of(d);
    uint8_t val = 0xff; /* the control word cannot be read */

    spin_lock(&p->lock);
    if (port == 0x61)
        val = speaker_read(p);
    else if (port < 0x43)
        val = channel_read(p, &p->ch[port & 3]);
    spin_unlock(&p->lock);
    return val;
}

void vpit_write(struct domain *d, unsigned int port, uint8_t val)
{
    struct vpit *p = pit_of(d);

    spin_lock(&p->lock);
    if (port == 0x61) {
        p->speaker_data = val >> 1 & 1;
        set_gate(p, &p->ch[2], val & 1);
    } else if (port == 0x43) {
        control(p, val);
    } else {
        channel_write(p, &p->ch[port & 3], val);
    }
    spin_unlock(&p->lock);
}

/* --- life ------------------------------------------------------------------------------------- */

void vpit_init(struct vcpu *v)
{
    struct vpit *p = pit_of(v->domain);

    spin_init(&p->lock, RANK_HVM_DEV);
    p->d = v->domain;
    vtick_init(&p->tick, v, isa_irq_gsi(0), fired);
    for (unsigned int i = 0; i < 3; i++)
        p->ch[i] = (struct vpit_channel){
            .hw = { .count = 0x10000, .mode = NOT_PROGRAMMED, .gate = i != 2 },
            .from = NS_NEVER,
        };
}

void vpit_exit(struct domain *d) { vtick_exit(&pit_of(d)->tick); }

void vpit_save(struct domain *d, struct hvm_hw_pit *r)
{
    struct vpit *p = pit_of(d);

    spin_lock(&p->lock);
    *r = (struct hvm_hw_pit){ .speaker_data_on = p->speaker_data };
    for (unsigned int i = 0; i < 3; i++)
        r->channels[i] = p->ch[i].hw;
    spin_unlock(&p->lock);
}

static bool channel_is_valid(const struct hvm_hw_pit_channel *c, unsigned int i)
{
    return (c->mode <= 5 || c->mode == NOT_PROGRAMMED) && c->bcd <= 1 && c->gate <= 1 &&
           (c->gate || i == 2) && c->rw_mode <= 3 && c->read_state <= BYTE_WORD_MSB &&
           c->write_state <= BYTE_WORD_MSB && c->count_latched <= BYTE_WORD_MSB &&
           c->status_latched <= 1 && c->count >= 1 && c->count <= (c->bcd ? 10000 : 0x10000);
}

/* The record does not say how far the counts were: they start again. */
int vpit_load(struct domain *d, const struct hvm_hw_pit *r)
{
    struct vpit *p = pit_of(d);

    for (unsigned int i = 0; i < 3; i++)
        if (!channel_is_valid(&r->channels[i], i))
            return -EINVAL;
    if (r->speaker_data_on > 1)
        return -EINVAL;
    spin_lock(&p->lock);
    p->speaker_data = r->speaker_data_on;
    for (unsigned int i = 0; i < 3; i++) {
        const unsigned int mode = r->channels[i].mode;

        p->ch[i] = (struct vpit_channel){ .hw = r->channels[i], .from = NS_NEVER };
        if (mode != NOT_PROGRAMMED && mode != 1 && mode != 5)
            p->ch[i].from = now(p);
    }
    arm(p);
    spin_unlock(&p->lock);
    return 0;
}
