/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counter ticks to nanoseconds in the way of the ABI (public xen.h, struct vcpu_time_info), so that
 * the hypervisor and its guests get the same number from the same counter: ns = ((ticks << shift) *
 * mul) >> 32, shift may be negative. Pure.
 */
#ifndef ARCH_TIMESCALE_H
#define ARCH_TIMESCALE_H

#include <hv/types.h>

struct timescale {
    uint32_t mul; /* 0: not known yet */
    int8_t shift;
};

/* hz must not be 0. */
struct timescale timescale_from_hz(uint64_t hz);

static inline uint64_t timescale_ns(struct timescale s, uint64_t ticks)
{
    ticks = s.shift < 0 ? ticks >> -s.shift : ticks << s.shift;
    return (uint64_t)(((unsigned __int128)ticks * s.mul) >> 32);
}

/*
 * The way back: ticks of a counter of hz in ns, rounded down, by a factor from tick_factor().
 * Saturates.
 */
#define TICK_FACTOR_SHIFT 28
uint64_t tick_factor(uint64_t hz); /* below 2^36 Hz */

static inline uint64_t ticks_in_ns(uint64_t factor, uint64_t ns)
{
    unsigned __int128 t = ((unsigned __int128)ns * factor) >> TICK_FACTOR_SHIFT;

    return t >> 64 ? UINT64_MAX : (uint64_t)t;
}

/*
 * Rate of a counter that made `ticks` while one of ref_hz made ref_ticks. 0: no time passed.
 * Intervals of up to seconds.
 */
uint64_t rate_from_reference(uint64_t ticks, uint64_t ref_ticks, uint64_t ref_hz);

/*
 * One step of keeping a counter's time with a better clock: the rate for which, in the second to
 * come, the counter's time gains err_ns (the better clock's lead, bounded to 1000 ppm) on what the
 * counter really does, rate hz.
 */
uint64_t rate_steered(uint64_t hz, int64_t err_ns);

/* The clock chip's fields, binary, as seconds since 1970; 0 if they are no date. */
struct rtc_time {
    unsigned int year, month, day, hour, minute, second;
};
uint64_t rtc_to_unix(const struct rtc_time *t);

#endif
