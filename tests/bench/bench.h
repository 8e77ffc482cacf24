/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting instructions from inside a test kernel, under `-icount shift=0`, where the TSC counts
 * them. Each figure is the minimum, median and maximum of many rounds, less the cost of an empty
 * round, which is the first thing to measure. Lines: `bench NAME min median max`.
 */
#ifndef BENCH_H
#define BENCH_H

#include "guest.h"

#define ROUNDS 101
static uint64_t sample[ROUNDS];
static uint64_t empty;

/* The rounds' figures, divided by what each did several of. */
static void report_each(const char *name, unsigned int parts)
{
    for (int i = 1; i < ROUNDS; i++) /* insertion sort */
        for (int j = i; j > 0 && (int64_t)sample[j - 1] > (int64_t)sample[j]; j--) {
            uint64_t t = sample[j];

            sample[j] = sample[j - 1];
            sample[j - 1] = t;
        }
    if (!empty) {
        empty = sample[ROUNDS / 2];
        return;
    }
    print("bench %s %ld %ld %ld\n", name, (long)(sample[0] - empty) / (long)parts,
          (long)(sample[ROUNDS / 2] - empty) / (long)parts,
          (long)(sample[ROUNDS - 1] - empty) / (long)parts);
}

static inline void report(const char *name) { report_each(name, 1); }

/* body takes the time itself where it has to: t_ is when it began. */
#define BENCH_EACH(name, parts, prepare, body, after) \
    do {                                              \
        for (int r_ = -3; r_ < ROUNDS; r_++) {        \
            uint64_t t_;                              \
            prepare;                                  \
            t_ = rdtsc();                             \
            body;                                     \
            t_ = rdtsc() - t_;                        \
            after;                                    \
            if (r_ >= 0)                              \
                sample[r_] = t_;                      \
        }                                             \
        report_each(name, parts);                     \
    } while (0)
#define BENCH(name, prepare, body) BENCH_EACH(name, 1, prepare, body, )

/* Sleep until the port's event comes, by one of the two ways, and take it. Events stay masked. */
static inline void await(unsigned int port, bool block)
{
    evtchn_port_t p = port;
    struct sched_poll poll = { .nr_ports = 1, .ports.p = &p };

    if (block)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
    else
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
    my_info()->evtchn_upcall_mask = 1;
    my_info()->evtchn_upcall_pending = 0;
    my_info()->evtchn_pending_sel = 0;
    bit_flip(shared_info->evtchn_pending, port, false);
}

#endif
