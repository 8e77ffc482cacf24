/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254's channel 2 as a counter, for calibration where there is nothing better. It is the one
 * that reaches no interrupt line. Intel 8254 data sheet, "Mode 0" and "Counter Latch Command".
 */
#include <arch/clock.h>
#include <arch/insn.h>

#define PIT_HZ 1193182ULL
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define COMMAND_CH2_MODE0 0xb0 /* low then high byte, binary */
#define COMMAND_CH2_LATCH 0x80
#define PORT_B 0x61 /* bit 0: gate of channel 2, bit 1: speaker */

/* Counts down; we count up. */
static uint64_t pit_read(void)
{
    unsigned int low, high;

    outb(PIT_COMMAND, COMMAND_CH2_LATCH);
    low = inb(PIT_CHANNEL2);
    high = inb(PIT_CHANNEL2);
    return 0xffff - (high << 8 | low);
}

bool pit_probe(struct clocksource *cs)
{
    uint64_t first;

    outb(PORT_B, (uint8_t)((inb(PORT_B) & ~2u) | 1));
    outb(PIT_COMMAND, COMMAND_CH2_MODE0);
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
    *cs = (struct clocksource){ .name = "PIT", .hz = PIT_HZ, .mask = 0xffff, .read = pit_read };
    first = pit_read();
    for (unsigned int i = 0; i < 1000; i++)
        if (pit_read() != first)
            return true;
    return false;
}
