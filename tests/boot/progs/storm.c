/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load on a kernel's memory management and scheduler that knows its right answers.
 *
 *   storm fork SECONDS WORKERS      processes fork children that share, copy and unmap memory
 *   storm mmap SECONDS THREADS      threads of one process map, protect, move and unmap memory
 *   storm threads SECONDS THREADS   CPU-bound threads; each has to get on, and to compute right
 *
 * Prints "storm KIND count=N wrong=M crashed=K" and exits with 1 if M or K is not 0, or N is 0.
 * Built as a static program: it runs in a root that has nothing but itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define PAGES 96u
#define MAX_WORKERS 256

static double end_time;

/* One cache line each, in memory shared by all processes. */
struct tally {
    unsigned long count, wrong, crashed;
    unsigned long pad[5];
};

static struct tally *tallies;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

/* The first and last word of every page, so that each page gets its own frame. */
static void stamp(uint32_t *mem, uint32_t first, uint32_t pages, uint32_t seed)
{
    for (uint32_t p = first; p < first + pages; p++) {
        mem[p * (PAGE / 4)] = mix(seed + p);
        mem[p * (PAGE / 4) + PAGE / 4 - 1] = mix(seed ^ p);
    }
}

static unsigned long misstamped(const uint32_t *mem, uint32_t first, uint32_t pages, uint32_t seed)
{
    unsigned long bad = 0;

    for (uint32_t p = first; p < first + pages; p++)
        bad += mem[p * (PAGE / 4)] != mix(seed + p) ||
               mem[p * (PAGE / 4) + PAGE / 4 - 1] != mix(seed ^ p);
    return bad;
}

static void *map(uint32_t pages)
{
    void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

/*
 * In the child: the parent's pages are seen, half of them copied on write, and the parent's stay.
 */
static int fork_child(uint32_t *mem, uint32_t seed)
{
    unsigned long bad = misstamped(mem, 0, PAGES, seed);
    uint32_t *own = map(PAGES);

    stamp(mem, 0, PAGES / 2, ~seed);
    stamp(own, 0, PAGES, seed * 3);
    bad += misstamped(mem, 0, PAGES / 2, ~seed);
    bad += misstamped(mem, PAGES / 2, PAGES / 2, seed);
    bad += misstamped(own, 0, PAGES, seed * 3);
    munmap(own, PAGES * PAGE);
    return bad ? 1 : 42;
}

static void fork_worker(struct tally *t, uint32_t id)
{
    uint32_t *mem = map(PAGES);

    for (uint32_t i = 0; now() < end_time; i++) {
        uint32_t seed = mix(id * 1000003u + i);
        int status;

        stamp(mem, 0, PAGES, seed);
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            _exit(fork_child(mem, seed));
        if (waitpid(pid, &status, 0) != pid)
            die("waitpid");
        t->crashed += WIFSIGNALED(status);
        t->wrong += WIFEXITED(status) && WEXITSTATUS(status) != 42;
        t->wrong += misstamped(mem, 0, PAGES, seed) != 0;
        t->count++;
    }
}

static void *mmap_worker(void *arg)
{
    struct tally *t = arg;
    uint32_t id = (uint32_t)(t - tallies);

    for (uint32_t i = 0; now() < end_time; i++) {
        uint32_t seed = mix(id * 7919u + i);
        uint8_t *mem = map(PAGES);

        stamp((uint32_t *)mem, 0, PAGES, seed);
        if (mprotect(mem, PAGES * PAGE, PROT_READ))
            die("mprotect");
        t->wrong += misstamped((uint32_t *)mem, 0, PAGES, seed) != 0;
        if (mprotect(mem + PAGES / 2 * PAGE, PAGE, PROT_READ | PROT_WRITE))
            die("mprotect");
        stamp((uint32_t *)mem, PAGES / 2, 1, seed);
        /* All alike again: only a single mapping can be moved. */
        if (mprotect(mem, PAGES * PAGE, PROT_READ | PROT_WRITE))
            die("mprotect");
        mem = mremap(mem, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
        if (mem == MAP_FAILED)
            die("mremap");
        t->wrong += misstamped((uint32_t *)mem, 0, PAGES, seed) != 0;
        /* Dropped pages come back as zeros. */
        if (madvise(mem, PAGE, MADV_DONTNEED) || munmap(mem + PAGES * PAGE, PAGES * PAGE))
            die("munmap");
        t->wrong += *(uint32_t *)mem != 0;
        if (munmap(mem, PAGES * PAGE))
            die("munmap");
        t->count++;
    }
    return NULL;
}

static uint32_t chain(uint32_t rounds)
{
    uint32_t x = 1;

    for (uint32_t i = 0; i < rounds; i++)
        x = mix(x + i);
    return x;
}

/* chain(1000000), computed apart in Python. */
#define CHAIN_ANSWER 0x424cc839u

static void *cpu_worker(void *arg)
{
    struct tally *t = arg;

    while (now() < end_time) {
        t->wrong += chain(1000000) != CHAIN_ANSWER;
        t->count++;
    }
    return NULL;
}

static void run_threads(int n, void *(*worker)(void *))
{
    pthread_t threads[MAX_WORKERS];

    for (int i = 0; i < n; i++)
        if ((errno = pthread_create(&threads[i], NULL, worker, &tallies[i])))
            die("pthread_create");
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void run_processes(int n)
{
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();

        if (pid < 0)
            die("fork");
        if (pid == 0) {
            fork_worker(&tallies[i], (uint32_t)i);
            _exit(0);
        }
    }
    for (int i = 0; i < n; i++) {
        int status;

        if (wait(&status) < 0)
            die("wait");
        tallies[0].crashed += !WIFEXITED(status) || WEXITSTATUS(status);
    }
}

/*
 * Every worker has to have got on: one that never ran is a scheduler's fault, and counts as wrong.
 */
static int report(const char *kind, int n)
{
    struct tally sum = { 0 };

    for (int i = 0; i < n; i++) {
        sum.count += tallies[i].count;
        sum.wrong += tallies[i].wrong + (tallies[i].count == 0);
        sum.crashed += tallies[i].crashed;
    }
    printf("storm %s count=%lu wrong=%lu crashed=%lu\n", kind, sum.count, sum.wrong, sum.crashed);
    return sum.count == 0 || sum.wrong || sum.crashed;
}

int main(int argc, char **argv)
{
    int n = argc > 3 ? atoi(argv[3]) : 1;

    if (argc < 3 || n < 1 || n > MAX_WORKERS) {
        fprintf(stderr, "usage: storm fork|mmap|threads SECONDS WORKERS\n");
        return 2;
    }
    tallies = mmap(NULL, sizeof(*tallies) * MAX_WORKERS, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED)
        die("mmap");
    end_time = now() + atof(argv[2]);

    if (!strcmp(argv[1], "fork"))
        run_processes(n);
    else if (!strcmp(argv[1], "mmap"))
        run_threads(n, mmap_worker);
    else if (!strcmp(argv[1], "threads"))
        run_threads(n, cpu_worker);
    else
        return 2;
    return report(argv[1], n);
}
