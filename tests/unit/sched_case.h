/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A case of the scheduler's unit tests: a process of its own, since simulated cpus cannot be taken
 * away again. It ends at the first EXPECT() that does not hold, with the line.
 */
#ifndef TESTS_UNIT_SCHED_CASE_H
#define TESTS_UNIT_SCHED_CASE_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hv/domain.h>
#include <hv/sched.h>

#define EXPECT(cond)                                                        \
    do {                                                                    \
        if (!(cond)) {                                                      \
            printf("# line %d: %s\n", __LINE__, #cond);                     \
            fflush(stdout);                                                 \
            _exit(1);                                                       \
        }                                                                   \
    } while (0)

static inline bool passes(void (*fn)(void))
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(60);
        fn();
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline uint64_t domain_time(struct domain *d)
{
    uint64_t sum = 0;
    struct vcpu *v;

    for_each_vcpu (d, v)
        sum += vcpu_cpu_time(v);
    return sum;
}

#endif
