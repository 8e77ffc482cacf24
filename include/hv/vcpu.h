/* SPDX-License-Identifier: GPL-2.0-only */
/* Parts of a vcpu's life that only the core itself needs. */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <hv/time.h>
#include <hv/types.h>

struct domain;
struct vcpu;

void vcpu_destroy(struct vcpu *v); /* last reference to its domain is gone */
void vcpu_stop_timers(struct vcpu *v); /* wait for their callbacks; v does not run any more */
/* Up and down, as VCPUOP_up/down and setvcpucontext do it. */
int vcpu_up(struct vcpu *v);   /* -EINVAL: has no context */
void vcpu_down(struct vcpu *v); /* the last one that goes down powers the domain off */
/*
 * HLT with interrupts off: it is down then, and the last one powers the domain off; an NMI ends it.
 * Xen does the same. INIT (vcpu_park) leaves nothing that an NMI could wake.
 */
void vcpu_halt(struct vcpu *v); /* current */
void vcpu_park(struct vcpu *v); /* down, until vcpu_up(); powers nothing off */
/* An NMI made by software: v wakes up and takes it before anything else. */
void vcpu_send_nmi(struct vcpu *v);
bool vcpu_info_is_dummy(const struct vcpu *v);

/* A guest's absolute time; what does not fit our type is merely far away. */
static inline ns_t deadline_of(uint64_t ns)
{
    return ns < (uint64_t)NS_NEVER ? (ns_t)ns : NS_NEVER - 1;
}

/* Guest timers: VIRQ_TIMER at that time, at once when it has passed. Only for current. */
void vcpu_singleshot_set(struct vcpu *v, uint64_t at);
void vcpu_timers_init(struct vcpu *v);
/* The periodic timer ticks only while its vcpu is on a cpu: around a switch, without lock. */
void vcpu_periodic_enter(struct vcpu *v);
void vcpu_periodic_leave(struct vcpu *v);

#endif
