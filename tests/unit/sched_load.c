/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/host/sched_load.c tests/host/sim.c core/sched.c core/sched_credit2.c */
/* links: core/sched_cap.c core/sched_credit.c core/sched_rtds.c core/sched_null.c */
/* links: core/sched_pool.c core/sched_params.c core/cpupool.c core/timer.c core/softirq.c */
/* links: core/lock.c lib/cmdline.c lib/number.c */
/*
 * The scheduler under thousands of random workloads (tests/host/sched_load.h), each in a process of
 * its own. The seeds are fixed: 0 to RUNS-1 of each kind. A failure names its seed;
 * KIND=n SEED=n in the environment plays just that one, RUNS=n more of them.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../host/sched_load.h"
#include "../host/sim.h"
#include "check.h"

#define SIZE 600 /* bytes of a workload: some 80 changes of a life */

static int play(enum load_kind kind, uint32_t seed)
{
    static uint8_t bytes[SIZE];

    sim_seed = seed * 2654435761U + kind;
    for (unsigned int i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)sim_random(256);
    return sched_load_play(kind, bytes, SIZE);
}

/* Begins to play one, in a process of its own. */
static pid_t begin(enum load_kind kind, uint32_t seed)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(60);
        status = play(kind, seed);
        fflush(stdout);
        _exit(status);
    }
    return pid;
}

static bool passes(pid_t pid, enum load_kind kind, uint32_t seed)
{
    int status;

    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    printf("# KIND=%u SEED=%u fails\n", kind, seed);
    return false;
}

/* How many of the seeds from first on fail; two are played at a time. */
static unsigned int fails(enum load_kind kind, uint32_t first, unsigned int n)
{
    unsigned int failed = 0;
    pid_t pid = n > 0 ? begin(kind, first) : 0, next;

    for (unsigned int i = 0; i < n; i++, pid = next) {
        next = i + 1 < n ? begin(kind, first + i + 1) : 0;
        failed += !passes(pid, kind, first + i);
    }
    return failed;
}

int main(void)
{
    static const struct {
        const char *what;
        unsigned int runs;
    } kinds[LOAD_KINDS] = {
        [LOAD_SHARES] = { "random hogs: shares follow weights, caps and masks within 5 %", 400 },
        [LOAD_WAKERS] = { "random wakers beside hogs run within 2 ms", 400 },
        [LOAD_LIFE] = { "random lives: time is conserved, nobody waits 3 s", 1000 },
        [LOAD_NULL] = { "random lives under the null policy", 500 },
        [LOAD_RTDS] = { "random real-time sets: each budget in each period", 400 },
    };
    const char *only_kind = getenv("KIND"), *only_seed = getenv("SEED"), *runs = getenv("RUNS");

    for (unsigned int k = 0; k < LOAD_KINDS; k++) {
        unsigned int n = runs ? (unsigned int)atoi(runs) : kinds[k].runs;

        if (only_kind && (unsigned int)atoi(only_kind) != k)
            continue;
        TEST(kinds[k].what) {
            if (only_seed)
                CHECK_EQ(fails(k, (uint32_t)atoi(only_seed), 1), 0);
            else
                CHECK_EQ(fails(k, 0, n), 0);
        }
    }
    return check_exit();
}
