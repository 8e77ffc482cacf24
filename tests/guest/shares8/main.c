/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As `shares`, on eight cpus: domains that compute, three times as many as cpus, of three weights;
 * first pinned in groups, then all on all cpus; at last one that has next to no claim. Windows are
 * short: under `-icount` all cpus together have an instruction a nanosecond.
 */
#include "domu.h"
#include "load.h"

const char *test_name = "shares8";

#define CPUS 8
#define HOGS 24
#define PINNED_CPU 5
#define WINDOW 600 /* ms */
#define GREATEST 65535
#define NO_CLAIM 1 /* the least weight that there is */

static const uint16_t weight[] = { 128, 256, 512 };
static struct domu u[HOGS + 1];
static uint64_t time[HOGS + 1];

/* Those in the mask, which have so many cpus for themselves. */
struct part {
    uint32_t mask;
    unsigned int cpus;
    const char *what;
};

/* How many of the hogs in the mask have not their part of all. */
static unsigned int not_near(uint32_t mask, uint64_t all)
{
    uint64_t weights = 0;
    unsigned int bad = 0;

    for (unsigned int i = 0; i < HOGS; i++)
        if (mask >> i & 1)
            weights += weight[i % 3];
    for (unsigned int i = 0; i < HOGS; i++)
        if (mask >> i & 1)
            bad += !load_near(time[i], all * weight[i % 3] / weights, 5);
    return bad;
}

static void shares(const struct part *part, unsigned int nr)
{
    const uint64_t took = load_measure(u, time, HOGS, WINDOW);

    for (unsigned int k = 0; k < nr; k++)
        CHECK_EQ(not_near(part[k].mask, took * part[k].cpus), 0, part[k].what);
}

/* --- cases ------------------------------------------------------------------------------------ */

/* The first three on one cpu, the next six on two, all others on the rest. */
static void pins(void)
{
    static const struct part part[] = {
        { 0x7,      1, "one cpu is shared by weight" },
        { 0x1f8,    2, "... and two" },
        { 0xfffe00, 5, "... and the five that are left" },
    };
    const uint64_t two = 1UL << 2 | 1UL << 3, one = 1UL << PINNED_CPU;
    unsigned int elsewhere = 0;
    long rc = 0;

    for (unsigned int i = 0; i < HOGS; i++) {
        rc |= load_pin(u[i].id, i < 3 ? one : i < 9 ? two : ~(one | two) & ((1UL << CPUS) - 1));
        rc |= load_adjust(u[i].id, weight[i % 3], 0) | domu_unpause(&u[i]);
    }
    CHECK_EQ(rc, 0, "24 hogs with weights 1, 2 and 4, pinned to one, two and five cpus");
    shares(part, 3);
    for (unsigned int i = 0; i < HOGS; i++) {
        const uint32_t cpu = load_info(&u[i]).cpu;

        elsewhere += (cpu == PINNED_CPU) != (i < 3) || (cpu == 2 || cpu == 3) != (i >= 3 && i < 9);
    }
    CHECK_EQ(elsewhere, 0, "all are where they were pinned");
}

static void weights(void)
{
    static const struct part part = { (1U << HOGS) - 1, CPUS, "eight cpus are shared by weight" };
    long rc = 0;

    for (unsigned int i = 0; i < HOGS; i++)
        rc |= load_pin(u[i].id, ~0UL);
    CHECK_EQ(rc, 0, "all cpus for all");
    shares(&part, 1);
}

/* One of the least weight is never the first by its claim. */
static void starvation(void)
{
    unsigned int starved = 0;
    long rc = load_adjust(0, GREATEST, 0); /* or this domain would wait, too */

    for (unsigned int i = 0; i < HOGS; i++)
        rc |= load_adjust(u[i].id, GREATEST, 0);
    rc |= load_adjust(u[HOGS].id, NO_CLAIM, 0);
    CHECK_EQ(rc, 0, "24 with the greatest weight, beside one with the least");
    domu_unpause(&u[HOGS]);
    load_sleep(500 * MS); /* its first turn comes soon: it is new */
    load_measure(u, time, HOGS + 1, 2000);
    for (unsigned int i = 0; i <= HOGS; i++)
        starved += time[i] == 0;
    print("# the one has had %lu us\n", time[HOGS] / 1000);
    CHECK_EQ(starved, 0, "nobody waits for 2 s");
}

void test_main(void)
{
    const unsigned int n = load_create(u, HOGS + 1);

    CHECK_EQ(n, HOGS + 1, "create 25 domains that compute");
    if (n <= HOGS)
        return;
    pins();
    weights();
    starvation();
    load_destroy(u, HOGS + 1);
}
