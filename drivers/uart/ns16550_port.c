/* SPDX-License-Identifier: GPL-2.0-only */
/* Serial port registers at x86 I/O ports: the only place that couples the driver to the machine. */
#include <arch/insn.h>
#include <drivers/uart.h>

static uint16_t port_of(const void *ctx, unsigned int reg)
{
    return (uint16_t)((uintptr_t)ctx + reg);
}

static uint8_t port_in(void *ctx, unsigned int reg)
{
    return inb(port_of(ctx, reg));
}

static void port_out(void *ctx, unsigned int reg, uint8_t value)
{
    outb(port_of(ctx, reg), value);
}

/* The context is the base port itself, so nothing has to outlive the port. */
void uart_port_io(struct uart_io *io, const struct uart_config *config)
{
    *io = (struct uart_io){ .in = port_in,
                            .out = port_out,
                            .ctx = (void *)(uintptr_t)config->io_base };
}
