/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 100 */
/* links: tests/host/sched_load.c tests/host/sim.c core/sched.c core/sched_credit2.c */
/* links: core/sched_cap.c core/sched_credit.c core/sched_rtds.c core/sched_null.c */
/* links: core/sched_pool.c core/sched_params.c core/cpupool.c core/timer.c core/softirq.c */
/* links: core/lock.c lib/cmdline.c lib/number.c */
/*
 * Workloads for the scheduler: the first byte chooses the kind, the others are the workload
 * (tests/host/sched_load.h). Each is played in a process of its own, since cpus cannot be taken
 * away again; it hands its coverage counters back, so that the fuzzer sees what was reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../host/sched_load.h"
#include "../host/sim.h"

#define MAX_INPUT 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/*
 * Where the counters lie. In assembly, since a declaration in C of the symbols that the compiler
 * itself declares takes their meaning from it.
 */
struct bounds {
    uint8_t *start, *end;
};
struct bounds counters(void);
__asm__("counters: lea __start___sancov_cntrs(%rip), %rax\n"
        "lea __stop___sancov_cntrs(%rip), %rdx\n"
        "ret");

static uint8_t *reached; /* the counters of the last process that came to its end */

static size_t nr_counters(void) { return (size_t)(counters().end - counters().start); }

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    reached = mmap(NULL, nr_counters(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reached == MAP_FAILED)
        abort();
    return 0;
}

static int play(const uint8_t *data, size_t size)
{
    int rc;

    sim_seed = (uint32_t)size + 1;
    rc = sched_load_play(size ? data[0] % LOAD_KINDS : 0, data + 1, size ? size - 1 : 0);
    memcpy(reached, counters().start, nr_counters());
    fflush(stdout); /* what failed */
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int status;
    pid_t pid;

    if (size > MAX_INPUT)
        return -1;
    pid = fork();
    if (pid == 0)
        _exit(play(data, size));
    while (waitpid(pid, &status, 0) != pid)
        ; /* the fuzzer's own timer interrupts it */
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        abort();
    memcpy(counters().start, reached, nr_counters());
    return 0;
}
