/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a cpu does when no vcpu wants it. Interrupts are off when it looks for work and come on with
 * the halt itself (STI takes effect after HLT has begun), so that a wake-up between look and halt
 * is not lost.
 */
#include <arch/cpu.h>
#include <hv/sched.h>
#include <hv/softirq.h>

void idle_loop(void)
{
    for (;;) {
        softirq_process();
        if (softirq_pending())
            continue;
        sti_halt();
        irq_disable();
    }
}
