/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of time: see <arch/timescale.h>. No 128-bit division, which would need a
 * compiler's library.
 */
#include <arch/timescale.h>

#define NS_PER_SEC 1000000000ULL
#define STEER_LIMIT_NS 1000000 /* a second: 1000 ppm */

struct timescale timescale_from_hz(uint64_t hz)
{
    struct timescale s = { 0 };

    /* Bring it between 1 and 2 GHz, where mul has 32 significant bits. */
    while (hz > 2 * NS_PER_SEC) {
        hz >>= 1;
        s.shift--;
    }
    while (hz <= NS_PER_SEC) {
        hz <<= 1;
        s.shift++;
    }
    s.mul = (uint32_t)((NS_PER_SEC << 32) / hz);
    return s;
}

uint64_t tick_factor(uint64_t hz) { return (hz << TICK_FACTOR_SHIFT) / NS_PER_SEC; }

uint64_t rate_from_reference(uint64_t ticks, uint64_t ref_ticks, uint64_t ref_hz)
{
    if (ref_ticks == 0)
        return 0;
    /* Long intervals: give up low bits rather than overflow. */
    while (ticks && ref_hz > UINT64_MAX / ticks) {
        ticks >>= 1;
        ref_ticks >>= 1;
    }
    return ref_ticks ? ticks * ref_hz / ref_ticks : 0;
}

uint64_t rate_steered(uint64_t hz, int64_t err_ns)
{
    err_ns = MAX(MIN(err_ns, STEER_LIMIT_NS), -STEER_LIMIT_NS);
    return rate_from_reference(hz, NS_PER_SEC + (uint64_t)err_ns, NS_PER_SEC);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar, counting years from March. */
static uint64_t days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
    uint64_t y = year - (month <= 2);
    uint64_t m = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

uint64_t rtc_to_unix(const struct rtc_time *t)
{
    if (t->year < 1970 || t->month < 1 || t->month > 12 || t->day < 1 || t->day > 31 ||
        t->hour > 23 || t->minute > 59 || t->second > 59)
        return 0;
    return ((days_since_1970(t->year, t->month, t->day) * 24 + t->hour) * 60 + t->minute) * 60 +
           t->second;
}
