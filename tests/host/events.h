/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of FIFO events share: the bits of an event's word, the end of two domains' events. */
#ifndef HOST_EVENTS_H
#define HOST_EVENTS_H

#include "world.h"

#include <hv/evtchn.h>

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED (1U << EVTCHN_FIFO_MASKED)
#define LINKED (1U << EVTCHN_FIFO_LINKED)

/* The last step of a test: closes every port of both, and nothing may be left of the world. */
static inline void end_events(struct domain *a, struct domain *b)
{
    a->state = b->state = DOM_DYING;
    CHECK_EQ(evtchn_close_all(a), 0);
    CHECK_EQ(evtchn_close_all(b), 0);
    evtchn_exit(a);
    evtchn_exit(b);
    CHECK_EQ(world_end(), 0);
}

#endif
