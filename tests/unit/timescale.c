/* SPDX-License-Identifier: GPL-2.0-only */
/* The arithmetic of time against 128-bit division. */
/* links: arch/x86/cpu/timescale.c */
#include "check.h"

#include <arch/timescale.h>

static const uint64_t rates[] = {
    1000000, 3579545, 14318180, 100000000, 999999999, 1000000000, 1000000001, 1999999999,
    2000000000, 2000000001, 2400000000, 3000000017, 4000000000, 4294967296, 5700000000, 60000000000,
};

static uint64_t exact_ns(uint64_t hz, uint64_t ticks)
{
    return (uint64_t)((unsigned __int128)ticks * 1000000000 / hz);
}

static uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

int main(void)
{
    TEST("a scale is within 2 ppb of the rate") {
        for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
            struct timescale s = timescale_from_hz(rates[i]);
            uint64_t ticks = rates[i] * 1000; /* 1000 s */

            CHECK(s.mul >= 1U << 31 || rates[i] == 2000000000);
            CHECK(distance(timescale_ns(s, ticks), exact_ns(rates[i], ticks)) <= 1000 * 2);
        }
    }
    TEST("time never runs backwards") {
        for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
            struct timescale s = timescale_from_hz(rates[i]);
            uint64_t last = 0;

            for (uint64_t t = 0; t < 5000; t++) {
                uint64_t ns = timescale_ns(s, (1ULL << 40) + t);

                CHECK(ns >= last);
                last = ns;
            }
        }
    }
    TEST("ticks in a time, and back") {
        for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
            uint64_t ns = 3600 * 1000000000ULL, t = ticks_in_ns(tick_factor(rates[i]), ns);
            uint64_t want = (uint64_t)((unsigned __int128)ns * rates[i] / 1000000000);

            CHECK(t <= want);
            CHECK(want - t <= want / 1000000 + 1 || rates[i] < 10000000);
        }
        CHECK_EQ(ticks_in_ns(tick_factor(5000000000), UINT64_MAX), UINT64_MAX);
        CHECK_EQ(ticks_in_ns(tick_factor(5000000000), 0), 0);
    }
    TEST("a rate measured against a reference") {
        CHECK_EQ(rate_from_reference(24000000, 1000000, 100000000), 2400000000);
        CHECK_EQ(rate_from_reference(1, 0, 100), 0);
        CHECK_EQ(rate_from_reference(0, 10, 100), 0);
        /* an hour: the product does not fit 64 bits */
        CHECK(distance(rate_from_reference(3600ULL * 3000000000, 3600ULL * 100000000, 100000000),
                       3000000000) < 300);
    }
    TEST("steering slows down a clock that is ahead, within 1000 ppm") {
        const uint64_t hz = 2500000000;

        CHECK_EQ(rate_steered(hz, 0), hz);
        CHECK(rate_steered(hz, 50000) < hz); /* behind: fewer ticks to a second, time runs faster */
        CHECK(rate_steered(hz, -50000) > hz);
        CHECK(distance(rate_steered(hz, INT64_MAX), hz) <= hz / 999);
        CHECK(distance(rate_steered(hz, INT64_MIN), hz) <= hz / 999);
    }
    TEST("steering ends an error in a second") {
        const uint64_t hz = 2500000000;
        struct timescale s = timescale_from_hz(rate_steered(hz, 70000));

        CHECK(distance(timescale_ns(s, hz), 1000070000) < 50);
    }
    TEST("the clock chip's date") {
        static const struct { struct rtc_time t; uint64_t secs; } cases[] = {
            { { 1970, 1, 1, 0, 0, 0 }, 0 },
            { { 1999, 12, 31, 23, 59, 59 }, 946684799 },
            { { 2000, 2, 29, 12, 0, 0 }, 951825600 },
            { { 2000, 3, 1, 0, 0, 0 }, 951868800 },
            { { 2024, 2, 29, 0, 0, 1 }, 1709164801 },
            { { 2038, 1, 19, 3, 14, 8 }, 2147483648 },
            { { 2069, 12, 31, 23, 59, 59 }, 3155759999 },
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
            CHECK_EQ(rtc_to_unix(&cases[i].t), cases[i].secs);
    }
    TEST("no date") {
        static const struct rtc_time bad[] = {
            { 2024, 0, 1, 0, 0, 0 }, { 2024, 13, 1, 0, 0, 0 }, { 2024, 1, 0, 0, 0, 0 },
            { 2024, 1, 32, 0, 0, 0 }, { 2024, 1, 1, 24, 0, 0 }, { 2024, 1, 1, 0, 60, 0 },
            { 2024, 1, 1, 0, 0, 60 }, { 1969, 1, 1, 0, 0, 0 },
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
            CHECK_EQ(rtc_to_unix(&bad[i]), 0);
    }
    return check_exit();
}
