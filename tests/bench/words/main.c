/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest guest that an administrator can see: it says "first words" on its console, which the
 * toolstack's daemon logs, and sleeps. For the time that it takes to get there.
 */
#include "guest.h"

#include <xen/io/console.h>

const char *test_name = "words";

static void nothing(void)
{
}

static void say(struct xencons_interface *ring, const char *text)
{
    struct evtchn_send send = { .port = start_info->console.domU.evtchn };

    for (; *text; text++)
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = *text;
    __asm__ volatile("" : : : "memory");
    evtchn_op(EVTCHNOP_send, &send);
}

void test_main(void)
{
    void *ring = alloc_page();

    event_hook = nothing;
    events_start();
    set_va((uint64_t)ring, start_info->console.domU.mfn * PAGE | PTE_RW_KERNEL);
    say(ring, "first words\n");
    for (;;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}
