/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time: nanoseconds since boot (the ABI's system time), wall-clock, and what the guest's copies are
 * made from.
 */
#ifndef HV_TIME_H
#define HV_TIME_H

#include <hv/types.h>

struct vcpu;
struct domain;

typedef int64_t ns_t; /* nanoseconds since boot */
#define NS_NEVER INT64_MAX
#define MICROSECS(n) ((ns_t)(n)*1000)
#define MILLISECS(n) ((ns_t)(n)*1000000)
#define SECONDS(n) ((ns_t)(n)*1000000000)

ns_t time_now(void);

/* Fill v's vcpu_time_info (and its registered copy) if the scale changed or v came to this cpu. */
void time_update_vcpu(struct vcpu *v);
/* Write the wall-clock fields of d's shared_info. */
void time_update_wallclock(struct domain *d);
/* dom0 set the clock: UTC seconds and nanoseconds at system_time; updates every domain. */
void time_set_wallclock(uint64_t secs, uint32_t nsecs, ns_t at_system_time);
uint64_t time_wallclock_secs(void); /* UTC now */
uint64_t time_wallclock_ns(void);
uint32_t time_tsc_khz(void);
bool time_tsc_is_stable(void);

#endif
