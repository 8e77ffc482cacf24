/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of scheduling: domains that only compute, what the toolstack asks for them, and their
 * times by the hypervisor's own accounts, looked at by the first domain, which sleeps meanwhile.
 */
#ifndef LOAD_H
#define LOAD_H

#include "domu.h"

#define MS 1000000UL
#define LOAD_MAX 32   /* domains */
#define LOAD_SLICE 10 /* ms: what a measurement may be off by */

/* Create n such domains, paused, and prepare to sleep. How many there are. */
unsigned int load_create(struct domu *u, unsigned int n);
void load_destroy(struct domu *u, unsigned int n);

long load_pin(domid_t id, uint64_t cpus);
long load_adjust(domid_t id, uint16_t weight, uint16_t cap); /* of credit2 */
struct xen_domctl_getvcpuinfo load_info(const struct domu *d);

uint64_t load_sleep(uint64_t ns); /* How late it woke. */
/* Time that each of the first n has in so many ms; returns how long that really was. */
uint64_t load_measure(const struct domu *u, uint64_t *time, unsigned int n, unsigned int ms);
/* Within so many percent, and half a slice. */
bool load_near(uint64_t got, uint64_t want, unsigned int percent);

#endif
