/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 8250/16450/16550 serial ports. Register logic only; how registers are reached is behind struct
 * uart_io, so that the tests can put a model of the device there. The caller serialises all calls
 * on one port.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uart_io {
    uint8_t (*in)(void *ctx, unsigned int reg);
    void (*out)(void *ctx, unsigned int reg, uint8_t value);
    void *ctx;
};

enum uart_parity {
    UART_PARITY_NONE,
    UART_PARITY_ODD,
    UART_PARITY_EVEN,
    UART_PARITY_MARK,
    UART_PARITY_SPACE
};

struct uart_config {
    uint32_t baud;     /* 0: leave the speed that the firmware has set */
    uint32_t clock_hz; /* input clock: 16 times the highest baud rate */
    uint8_t data_bits, stop_bits;
    enum uart_parity parity;
    uint16_t io_base;
    uint8_t irq; /* legacy IRQ; 0: none, poll */
};

struct uart {
    struct uart_io io;
    struct uart_config config;
    unsigned int fifo; /* bytes the transmitter takes when it is empty: 1 or 16 */
    unsigned int room; /* bytes it still takes without looking at it again */
    bool stuck;        /* it has not become ready in time; do not wait for it again until it is */
    uint8_t ier;
};

/* The PC's com1 (nr 0) or com2 (nr 1): 8n1, speed as the firmware left it. */
void uart_config_default(struct uart_config *config, unsigned int nr);

/*
 * `com1=<baud>[/<base baud>][,[<data><parity><stop>][,[<io base>][,[<irq>]]]]`, for example
 * 115200,8n1,0x3f8,4; baud may be `auto`. Empty parts keep what *config says. -EINVAL: nonsense;
 * -ENOSYS: a PCI or memory-mapped port. On error *config is unchanged.
 */
int uart_config_parse(const char *value, struct uart_config *config);

/*
 * Look for the port and program it, interrupts off. -ENODEV: nobody there; -EINVAL: a speed it
 * cannot have.
 */
int uart_init(struct uart *uart, const struct uart_config *config, const struct uart_io *io);

/*
 * Send one byte, waiting for room for a bounded time. -EAGAIN: the port did not get ready, the byte
 * is lost.
 */
int uart_putc(struct uart *uart, uint8_t c);

/* Send what fits now without waiting; the number of bytes taken. */
size_t uart_write_some(struct uart *uart, const uint8_t *bytes, size_t nr);

/* The next received byte, or -EAGAIN. */
int uart_getc(struct uart *uart);

/* Choose the interrupts: data received, transmitter empty. */
void uart_set_irqs(struct uart *uart, bool rx, bool tx);

/* In the interrupt handler: acknowledge, and say what there is to do. 0: it was not this port. */
enum uart_event { UART_EVENT_RX = 1, UART_EVENT_TX = 2, UART_EVENT_OTHER = 4 };
unsigned int uart_irq_events(struct uart *uart);

/* Registers at I/O ports from config->io_base on. */
void uart_port_io(struct uart_io *io, const struct uart_config *config);

#endif
