/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler as it runs: domains that only compute, on two cpus, by the hypervisor's own
 * accounts. Under `-icount shift=0` a nanosecond is an instruction, so that what the machine is
 * busy with does not matter, and a run repeats exactly. tests/unit/sched_load.c asks the same of
 * the policy alone.
 */
#include "domu.h"
#include "load.h"

const char *test_name = "shares";

#define HOGS 16
#define WAKE_MAX 1200000 /* ns, instructions: the rate limit of 1 ms, and the switch */

static struct domu u[HOGS + 1];
static uint64_t before[HOGS + 1];

/* --- cases ------------------------------------------------------------------------------------ */

static void weights(void)
{
    uint64_t both;

    CHECK_EQ(load_pin(u[0].id, 2) | load_pin(u[1].id, 2), 0, "two hogs on one cpu");
    CHECK_EQ(load_adjust(u[0].id, 256, 0) | load_adjust(u[1].id, 512, 0), 0,
             "... with weights 1 and 2");
    domu_unpause(&u[0]);
    domu_unpause(&u[1]);
    both = load_measure(u, before, 2, 600);
    CHECK(load_near(before[0], both / 3, 5), "the light one has a third of it");
    CHECK(load_near(before[1], both * 2 / 3, 5), "the heavy one has two thirds");
    CHECK_EQ(load_info(&u[0]).cpu, 1, "the light one is where it was pinned");
    CHECK_EQ(load_info(&u[1]).cpu, 1, "... and the heavy one");
}

static void caps(void)
{
    uint64_t all;

    domu_pause(&u[1]);
    CHECK_EQ(load_adjust(u[0].id, 256, 40), 0, "a cap of 40 % for a hog that is alone");
    all = load_measure(u, before, 1, 500);
    CHECK(load_near(before[0], all * 40 / 100, 5), "... holds");
    domu_unpause(&u[1]);
    all = load_measure(u, before, 2, 500);
    CHECK(load_near(before[0] + before[1], all, 1), "another one beside it takes the rest");
    CHECK(before[0] <= all * 42 / 100, "... and the cap holds");
    CHECK_EQ(load_adjust(u[0].id, 256, 0) | load_adjust(u[1].id, 256, 0), 0, "no cap any more");
}

static void many(void)
{
    unsigned int low = 0;
    uint64_t all, worst = 0;

    CHECK_EQ(load_pin(u[0].id, ~0UL) | load_pin(u[1].id, ~0UL), 0, "all cpus for all");
    for (unsigned int i = 2; i <= HOGS; i++)
        domu_unpause(&u[i]);
    all = load_measure(u, before, HOGS + 1, 1500) * 2;
    for (unsigned int i = 0; i <= HOGS; i++)
        low += !load_near(before[i], all / (HOGS + 1), 5);
    CHECK_EQ(low, 0, "17 hogs on two cpus have the same share each");
    /* On one cpu: the emulator plays two in turns, and one may have to wait for its own. */
    load_pin(0, 2);
    for (unsigned int i = 0; i <= HOGS; i++)
        load_pin(u[i].id, 2);
    load_sleep(50 * MS);
    for (unsigned int i = 0; i < 60; i++) {
        uint64_t late = load_sleep(3 * MS + i * 77777);

        worst = late > worst ? late : worst;
    }
    print("# a wake-up beside 17 hogs: %lu ns at worst\n", worst);
    CHECK(worst < WAKE_MAX, "a sleeper beside 17 hogs runs within 1.2 ms");
}

void test_main(void)
{
    const unsigned int n = load_create(u, HOGS + 1);

    CHECK_EQ(n, HOGS + 1, "create 17 domains that compute");
    if (n <= HOGS)
        return;
    weights();
    caps();
    many();
    load_destroy(u, HOGS + 1);
}
