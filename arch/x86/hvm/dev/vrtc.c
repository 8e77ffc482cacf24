/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MC146818 real-time clock. Motorola MC146818 data sheet, "Registers", "Update Cycle". It shows
 * UTC plus the domain's time offset; while it is stopped (SET, or the divider chain off) its time
 * registers are memory. Flags that nobody wants an interrupt for are brought up to date when
 * register C is read, so that an idle clock costs no timer.
 *
 * Always: IRQF in C is set exactly while an enabled flag is, and irq 8 with it, unless the HPET has
 * taken the line over.
 */
#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>

enum { SECONDS_REG, SECONDS_ALARM, MINUTES_REG, MINUTES_ALARM, HOURS_REG, HOURS_ALARM, WEEKDAY,
       DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D };

#define A_UIP 0x80U
#define A_DIVIDER 0x70U
#define A_DIVIDER_ON 0x20U /* 32768 Hz, running */
#define B_SET 0x80U
#define B_UIE 0x10U
#define B_AIE 0x20U
#define B_PIE 0x40U
#define B_BINARY 0x04U
#define B_24H 0x02U
#define C_IRQF 0x80U
#define C_PF 0x40U
#define C_AF 0x20U
#define C_UF 0x10U
#define C_FLAGS 0x70U      /* at the places of their enables in B */
#define D_VALID 0x80U

#define NS_PER_SEC 1000000000U
#define SECS_PER_DAY 86400
#define UPDATE_NS 2228000U /* UIP before the update, and the update: 244 us + 1984 us */
#define PM_FLAG 0x80U

static struct vrtc *rtc_of(const struct domain *d) { return &d->arch.hvm->rtc; }

static bool is_running(const struct vrtc *r)
{
    return !(r->reg[REG_B] & B_SET) && (r->reg[REG_A] & A_DIVIDER) == A_DIVIDER_ON;
}

/* --- calendar --------------------------------------------------------------------------------- */

struct moment { int64_t year; unsigned int month, day, weekday, hour, minute, second; };

/* Days from 1970-01-01; years begin in March here, so that the leap day is their last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = year - (month <= 2), since_march = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * since_march + 2) / 5 + day - 1 - 719468;
}

static int64_t secs_of(const struct moment *m)
{
    return days_of(m->year, m->month, m->day) * SECS_PER_DAY + (int64_t)m->hour * 3600 +
           (int64_t)m->minute * 60 + m->second;
}

static struct moment moment_of(int64_t secs)
{
    const int64_t limited = MAX(MIN(secs, (int64_t)1 << 40), 0), days = limited / SECS_PER_DAY;
    struct moment m = { .second = (unsigned int)(limited % 60),
                        .minute = (unsigned int)(limited / 60 % 60),
                        .hour = (unsigned int)(limited / 3600 % 24),
                        .weekday = (unsigned int)((days + 4) % 7) + 1 };

    m.year = 1970 + days / 366;
    while (days_of(m.year + 1, 1, 1) <= days)
        m.year++; /* 366 days a year was at most a few years short a century */
    m.month = 1;
    while (m.month < 12 && days_of(m.year, m.month + 1, 1) <= days)
        m.month++;
    m.day = (unsigned int)(days - days_of(m.year, m.month, 1)) + 1;
    return m;
}

/* --- registers as numbers --------------------------------------------------------------------- */

static uint8_t encode(const struct vrtc *r, unsigned int n)
{
    return (uint8_t)(r->reg[REG_B] & B_BINARY ? n : (n / 10) << 4 | n % 10);
}

static unsigned int decode(const struct vrtc *r, uint8_t val)
{
    return r->reg[REG_B] & B_BINARY ? val : (val >> 4) * 10U + (val & 15U);
}

static uint8_t encode_hour(const struct vrtc *r, unsigned int hour)
{
    if (r->reg[REG_B] & B_24H)
        return encode(r, hour);
    return (uint8_t)(encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM_FLAG : 0));
}

static unsigned int decode_hour(const struct vrtc *r, uint8_t val)
{
    if (r->reg[REG_B] & B_24H)
        return decode(r, val);
    return decode(r, val & 0x7f) % 12 + (val & PM_FLAG ? 12 : 0);
}

static int64_t wall_secs(const struct vrtc *r)
{
    return (int64_t)(time_wallclock_ns() / NS_PER_SEC) + r->d->time_offset_secs;
}

static void show(struct vrtc *r) REQUIRES(r->lock)
{
    const struct moment m = moment_of(wall_secs(r));

    r->reg[SECONDS_REG] = encode(r, m.second);
    r->reg[MINUTES_REG] = encode(r, m.minute);
    r->reg[HOURS_REG] = encode_hour(r, m.hour);
    r->reg[WEEKDAY] = encode(r, m.weekday);
    r->reg[DAY] = encode(r, m.day);
    r->reg[MONTH] = encode(r, m.month);
    r->reg[YEAR] = encode(r, (unsigned int)(m.year % 100));
}

/* The clock goes on from its registers. Two digits of a year are those of 1970 to 2069. */
static void set_clock(struct vrtc *r) REQUIRES(r->lock)
{
    const unsigned int year = decode(r, r->reg[YEAR]) % 100;
    const struct moment m = {
        .second = decode(r, r->reg[SECONDS_REG]), .minute = decode(r, r->reg[MINUTES_REG]),
        .hour = decode_hour(r, r->reg[HOURS_REG]), .day = decode(r, r->reg[DAY]),
        .month = MAX(MIN(decode(r, r->reg[MONTH]), 12), 1),
        .year = year < 70 ? 2000 + year : 1900 + year,
    };
    const int64_t change = secs_of(&m) - wall_secs(r);

    if (change == 0)
        return;
    r->d->time_offset_secs += change;
    r->flags_sec += change;
    r->was_set = true;
    time_update_wallclock(r->d);
}

/* --- flags ------------------------------------------------------------------------------------ */

static bool alarm_fits(const struct vrtc *r, unsigned int reg, unsigned int now)
{
    const uint8_t val = r->reg[reg];

    if ((val & 0xc0) == 0xc0) /* "don't care" */
        return true;
    return now == (reg == HOURS_ALARM ? decode_hour(r, val) : decode(r, val));
}

/* First second after `after` that the alarm is for. Steps over hours, then minutes: few rounds. */
static int64_t next_alarm(const struct vrtc *r, int64_t after)
{
    int64_t t = after + 1;

    while (t <= after + SECS_PER_DAY) {
        const unsigned int of_day = (unsigned int)(((t % SECS_PER_DAY) + SECS_PER_DAY) %
                                                   SECS_PER_DAY);

        if (!alarm_fits(r, HOURS_ALARM, of_day / 3600))
            t += 3600 - of_day % 3600;
        else if (!alarm_fits(r, MINUTES_ALARM, of_day / 60 % 60))
            t += 60 - of_day % 60;
        else if (!alarm_fits(r, SECONDS_ALARM, of_day % 60))
            t++;
        else
            return t;
    }
    return INT64_MAX;
}

/* "Rate Select": rates 1 and 2 are those of 8 and 9. 0: none. */
static ns_t period_of(const struct vrtc *r)
{
    const unsigned int rate = r->reg[REG_A] & 15, code = rate == 1 || rate == 2 ? rate + 7 : rate;

    if (rate == 0 || (r->reg[REG_A] & A_DIVIDER) != A_DIVIDER_ON)
        return 0;
    return (ns_t)((1ULL << (code - 1)) * NS_PER_SEC / 32768);
}

/* While PIE is set, PF comes with the ticks. */
static void collect(struct vrtc *r) REQUIRES(r->lock)
{
    const ns_t now = time_now(), period = period_of(r);
    const int64_t secs = wall_secs(r);

    if (period && !(r->reg[REG_B] & B_PIE) && now / period != r->flags_ns / period)
        r->reg[REG_C] |= C_PF;
    r->flags_ns = now;
    if (!is_running(r)) {
        r->flags_sec = secs;
        return;
    }
    if (secs > r->flags_sec) {
        r->reg[REG_C] |= C_UF;
        if (next_alarm(r, r->flags_sec) <= secs)
            r->reg[REG_C] |= C_AF;
    }
    r->flags_sec = secs;
}

static void update_irq(struct vrtc *r) REQUIRES(r->lock)
{
    const bool was = r->reg[REG_C] & C_IRQF, is = r->reg[REG_B] & r->reg[REG_C] & C_FLAGS;

    if (was == is)
        return;
    r->reg[REG_C] ^= C_IRQF;
    if (vhpet_is_legacy(r->d))
        return;
    if (is)
        hvm_isa_irq_assert(r->d, 8);
    else
        hvm_isa_irq_deassert(r->d, 8);
}

static void arm_second(struct vrtc *r) REQUIRES(r->lock)
{
    if (is_running(r) && (r->reg[REG_B] & (B_UIE | B_AIE)))
        vtick_set(&r->second, (ns_t)(NS_PER_SEC - time_wallclock_ns() % NS_PER_SEC), 0);
    else
        vtick_stop(&r->second);
}

static void arm_period(struct vrtc *r) REQUIRES(r->lock)
{
    const ns_t period = period_of(r);

    if (period && (r->reg[REG_B] & B_PIE))
        vtick_set(&r->period, period, period);
    else
        vtick_stop(&r->period);
}

static void second_fired(struct vtick *t)
{
    struct vrtc *r = container_of(t, struct vrtc, second);

    spin_lock(&r->lock);
    collect(r);
    update_irq(r);
    arm_second(r);
    spin_unlock(&r->lock);
}

static void period_fired(struct vtick *t)
{
    struct vrtc *r = container_of(t, struct vrtc, period);

    spin_lock(&r->lock);
    if (r->reg[REG_B] & B_PIE) {
        r->reg[REG_C] |= C_PF;
        update_irq(r);
    }
    spin_unlock(&r->lock);
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint8_t read_a(const struct vrtc *r)
{
    const bool updating = is_running(r) &&
                          time_wallclock_ns() % NS_PER_SEC >= NS_PER_SEC - UPDATE_NS;

    return (uint8_t)(r->reg[REG_A] | (updating ? A_UIP : 0));
}

static uint8_t read_c(struct vrtc *r) REQUIRES(r->lock)
{
    uint8_t val;

    collect(r);
    update_irq(r);
    val = r->reg[REG_C];
    r->reg[REG_C] &= C_IRQF;
    update_irq(r);
    return val;
}

static uint8_t read_reg(struct vrtc *r) REQUIRES(r->lock)
{
    switch (r->index) {
    case REG_A: return read_a(r);
    case REG_C: return read_c(r);
    case REG_D: return D_VALID;
    case SECONDS_ALARM: case MINUTES_ALARM: case HOURS_ALARM: case REG_B: break;
    default:
        if (is_running(r))
            show(r);
        break;
    }
    return r->reg[r->index];
}

bool vrtc_read(struct domain *d, unsigned int port, uint8_t *val)
{
    struct vrtc *r = rtc_of(d);
    bool ticked = false;

    if (port == 0x70) { /* write-only */
        *val = 0xff;
        return true;
    }
    spin_lock(&r->lock);
    if (r->index >= RTC_CMOS_SIZE) {
        spin_unlock(&r->lock);
        return false;
    }
    *val = read_reg(r);
    ticked = r->index == REG_C && (*val & C_PF) && (r->reg[REG_B] & B_PIE);
    spin_unlock(&r->lock);
    if (ticked)
        vtick_taken(&r->period);
    return true;
}

/* A and B decide whether the clock runs, and what ticks. */
static void write_control(struct vrtc *r, uint8_t val) REQUIRES(r->lock)
{
    const bool was_running = is_running(r);
    const ns_t old_period = period_of(r);
    const uint8_t old_b = r->reg[REG_B];

    collect(r);
    if (was_running)
        show(r);
    if (r->index == REG_A)
        r->reg[REG_A] = val & (uint8_t)~A_UIP;
    else
        r->reg[REG_B] = val & B_SET ? val & (uint8_t)~B_UIE : val;
    if (is_running(r) && !was_running)
        set_clock(r);
    update_irq(r);
    arm_second(r);
    if (period_of(r) != old_period || (old_b ^ r->reg[REG_B]) & B_PIE)
        arm_period(r);
}

static void write_reg(struct vrtc *r, uint8_t val) REQUIRES(r->lock)
{
    switch (r->index) {
    case REG_A: case REG_B:
        write_control(r, val);
        break;
    case REG_C: case REG_D: /* read-only */
        break;
    case SECONDS_ALARM: case MINUTES_ALARM: case HOURS_ALARM:
        collect(r);
        r->reg[r->index] = val;
        break;
    default:
        if (is_running(r))
            show(r);
        r->reg[r->index] = val;
        if (is_running(r))
            set_clock(r);
        break;
    }
}

/* The index is shown to the device model too when it is about CMOS memory. */
bool vrtc_write(struct domain *d, unsigned int port, uint8_t val)
{
    struct vrtc *r = rtc_of(d);
    bool ours;

    spin_lock(&r->lock);
    if (port == 0x70)
        r->index = val & 0x7f;
    ours = r->index < RTC_CMOS_SIZE;
    if (port == 0x71 && ours)
        write_reg(r, val);
    spin_unlock(&r->lock);
    return ours;
}

bool vrtc_was_set(struct domain *d, int64_t *offset_secs)
{
    struct vrtc *r = rtc_of(d);
    bool was;

    spin_lock(&r->lock);
    was = r->was_set;
    r->was_set = false;
    *offset_secs = d->time_offset_secs;
    spin_unlock(&r->lock);
    return was;
}

/* --- life ------------------------------------------------------------------------------------- */

void vrtc_init(struct vcpu *v)
{
    struct vrtc *r = rtc_of(v->domain);

    spin_init(&r->lock, RANK_HVM_DEV);
    r->d = v->domain;
    r->reg[REG_A] = A_DIVIDER_ON | 6; /* 1024 Hz, as a PC's firmware leaves it */
    r->reg[REG_B] = B_24H;
    r->reg[REG_D] = D_VALID;
    r->flags_sec = wall_secs(r);
    r->flags_ns = time_now();
    vtick_init(&r->period, v, 8, period_fired);
    vtick_init(&r->second, v, -1, second_fired);
}

void vrtc_exit(struct domain *d)
{
    vtick_exit(&rtc_of(d)->period);
    vtick_exit(&rtc_of(d)->second);
}

void vrtc_save(struct domain *d, struct hvm_hw_rtc *out)
{
    struct vrtc *r = rtc_of(d);

    spin_lock(&r->lock);
    collect(r);
    update_irq(r);
    if (is_running(r))
        show(r);
    *out = (struct hvm_hw_rtc){ .cmos_index = r->index, .rtc_offset = r->saved_offset };
    for (unsigned int i = 0; i < RTC_CMOS_SIZE; i++)
        out->cmos_data[i] = r->reg[i];
    spin_unlock(&r->lock);
}

/* Bytes of time are anything: a guest can write anything there. The line is in ISA_IRQ's record. */
int vrtc_load(struct domain *d, const struct hvm_hw_rtc *in)
{
    struct vrtc *r = rtc_of(d);
    const uint8_t c = in->cmos_data[REG_C];

    if (in->cmos_index > 0x7f || (c & ~(C_IRQF | C_FLAGS)) ||
        (in->cmos_data[REG_D] & ~D_VALID) ||
        !(c & C_IRQF) != !(in->cmos_data[REG_B] & c & C_FLAGS))
        return -EINVAL;
    spin_lock(&r->lock);
    for (unsigned int i = 0; i < RTC_CMOS_SIZE; i++)
        r->reg[i] = in->cmos_data[i];
    r->reg[REG_A] &= (uint8_t)~A_UIP;
    r->reg[REG_D] = D_VALID;
    r->index = in->cmos_index;
    r->saved_offset = in->rtc_offset;
    r->flags_sec = wall_secs(r);
    r->flags_ns = time_now();
    arm_second(r);
    arm_period(r);
    spin_unlock(&r->lock);
    return 0;
}
