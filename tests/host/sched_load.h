/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Workloads for the scheduler, made from bytes (random ones, or a fuzzer's), played on simulated
 * cpus, and judged:
 *
 *   shares   hogs with weights, caps and disjoint sets of cpus: each domain gets what an ideal
 *            scheduler gives it, within 5 % (and one slice); caps hold within 5 %
 *   wakers   vcpus that run little and sleep, beside hogs: they are served soon
 *   life     domains, masks, weights, caps and pauses change all the time, cpus and domains move
 *            between pools of all policies: time is conserved and nobody starves
 *   null     the same under the null policy, whose promise is only a cpu for each vcpu
 *   rtds     a set of vcpus that can be served: each has its budget in each period, hogs beside
 *
 * After every event sim_run() checks that no cpu idles while somebody waits that it may run.
 */
#ifndef HOST_SCHED_LOAD_H
#define HOST_SCHED_LOAD_H

#include <hv/domain.h>

enum load_kind { LOAD_SHARES, LOAD_WAKERS, LOAD_LIFE, LOAD_NULL, LOAD_RTDS, LOAD_KINDS };

/* The process must be a fresh one: cpus cannot be taken away again. 0, or a failure is printed. */
int sched_load_play(enum load_kind kind, const uint8_t *bytes, size_t n);

/* Bounds that the plays check, in ns of simulated time. */
/* from a wake-up to running, beside any number of hogs: the rate limit and two other wakers */
#define LOAD_WAKE_MAX MILLISECS(2)
/* runnable and not run at all, without a cap; credit has slices of 30 ms in place of 10 */
#define LOAD_STARVE_MAX SECONDS(3)
#define LOAD_STARVE_MAX_CREDIT SECONDS(6)
/* what a budget may lack in a period when cpus answer late: that, for each change of who runs */
#define LOAD_RTDS_LATE MICROSECS(200)

#endif
