/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The register logic of the PC's serial port (National Semiconductor PC16550D data sheet, "Register
 * Description").
 *
 * No wait is unbounded: a port that does not get ready costs one full wait, after that each byte
 * looks once.
 */
#include <drivers/uart.h>

#include <hv/errno.h>
#include <lib/cmdline.h>
#include <lib/ctype.h>
#include <lib/number.h>
#include <lib/string.h>

enum reg {
    REG_DATA = 0,
    REG_IER = 1,
    REG_IIR = 2,
    REG_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6
};
enum reg_dlab { REG_DLL = 0, REG_DLM = 1 }; /* while LCR_DLAB is set */

#define IER_RX 0x01
#define IER_TX 0x02
#define IER_ALL 0x0f

#define IIR_NONE 0x01
#define IIR_REASON 0x0e
#define IIR_TX 0x02
#define IIR_RX 0x04
#define IIR_LINE 0x06
#define IIR_RX_TIMEOUT 0x0c
#define IIR_FIFOS 0xc0 /* both set: working FIFOs (16550A) */

#define FCR_ENABLE_CLEAR 0x07 /* enable, clear both */
#define FCR_TRIGGER_8 0x80

#define LCR_DLAB 0x80
#define MCR_DTR_RTS 0x03
#define MCR_OUT2 0x08 /* connects the interrupt line on PCs */
#define LSR_RX 0x01
#define LSR_TX_EMPTY 0x20 /* holding register (FIFO) empty */

#define FIFO_BYTES 16
/*
 * A port read takes about a microsecond; 16 bytes at 9600 baud take 17000 of them, at 1200 baud
 * eight times that.
 */
#define TX_SPINS 200000u
#define IRQ_MAX_REASONS 16

static uint8_t reg_in(const struct uart *u, unsigned int reg)
{
    return u->io.in(u->io.ctx, reg);
}

static void reg_out(const struct uart *u, unsigned int reg, uint8_t value)
{
    u->io.out(u->io.ctx, reg, value);
}

/* ---- configuration ---- */

void uart_config_default(struct uart_config *config, unsigned int nr)
{
    *config = (struct uart_config){
        .clock_hz = 1843200,
        .data_bits = 8,
        .stop_bits = 1,
        .parity = UART_PARITY_NONE,
        .io_base = nr ? 0x2f8 : 0x3f8,
        .irq = nr ? 3 : 4,
    };
}

/* A number that fills [s, end), at most max. */
static int parse_number(const char *s, const char *end, uint64_t max, uint64_t *n)
{
    const char *stop;

    if (s == end || !char_is_digit(*s))
        return -EINVAL;
    *n = number_parse(s, &stop, 0);
    return stop == end && *n <= max ? 0 : -EINVAL;
}

static int parse_speed(struct cmdline_item item, struct uart_config *c)
{
    const char *end = item.s + item.len, *slash = memchr(item.s, '/', item.len);
    uint64_t baud, base;

    if (cmdline_item_is(item, "auto")) {
        c->baud = 0;
        return 0;
    }
    if (parse_number(item.s, slash ? slash : end, 10000000, &baud) || !baud)
        return -EINVAL;
    if (slash) {
        if (parse_number(slash + 1, end, UINT32_MAX / 16, &base) || !base)
            return -EINVAL;
        c->clock_hz = (uint32_t)base * 16;
    }
    c->baud = (uint32_t)baud;
    return 0;
}

/* 8n1 */
static int parse_frame(struct cmdline_item item, struct uart_config *c)
{
    static const char letters[] = "noems"; /* in the order of enum uart_parity */
    const char *letter;

    if (item.len != 3 || item.s[0] < '5' || item.s[0] > '8' || item.s[2] < '1' || item.s[2] > '2')
        return -EINVAL;
    letter = memchr(letters, item.s[1], sizeof(letters) - 1);
    if (!letter)
        return -EINVAL;
    c->data_bits = (uint8_t)(item.s[0] - '0');
    c->parity = (enum uart_parity)(letter - letters);
    c->stop_bits = (uint8_t)(item.s[2] - '0');
    return 0;
}

static int parse_base(struct cmdline_item item, struct uart_config *c)
{
    uint64_t base;

    if (cmdline_item_is(item, "pci") || cmdline_item_is(item, "amt"))
        return -ENOSYS;
    if (parse_number(item.s, item.s + item.len, UINT64_MAX - 1, &base) || !base)
        return -EINVAL;
    if (base > 0xfff8) /* memory-mapped */
        return -ENOSYS;
    c->io_base = (uint16_t)base;
    return 0;
}

static int parse_irq(struct cmdline_item item, struct uart_config *c)
{
    uint64_t irq;

    if (cmdline_item_is(item, "msi"))
        return -ENOSYS;
    if (parse_number(item.s, item.s + item.len, 15, &irq))
        return -EINVAL;
    c->irq = (uint8_t)irq;
    return 0;
}

int uart_config_parse(const char *value, struct uart_config *config)
{
    static int (*const part[])(struct cmdline_item, struct uart_config *) = {
        parse_speed,
        parse_frame,
        parse_base,
        parse_irq,
    };
    struct uart_config c = *config;
    struct cmdline_item item;

    for (unsigned int i = 0; cmdline_next_item(&value, &item); i++) {
        int rc = i >= sizeof(part) / sizeof(part[0]) ? -EINVAL : item.len ? part[i](item, &c) : 0;

        if (rc)
            return rc;
    }
    *config = c;
    return 0;
}

/* ---- the device ---- */

/*
 * The low half of the interrupt enable register can be written and read back; an absent port shows
 * the same both times.
 */
static bool uart_present(const struct uart *u)
{
    reg_out(u, REG_LCR, 0); /* the divisor latch would hide it */
    reg_out(u, REG_IER, 0);
    if ((reg_in(u, REG_IER) & IER_ALL) != 0)
        return false;
    reg_out(u, REG_IER, IER_ALL);
    if ((reg_in(u, REG_IER) & IER_ALL) != IER_ALL)
        return false;
    reg_out(u, REG_IER, 0);
    return true;
}

static uint8_t line_control(const struct uart_config *c)
{
    static const uint8_t parity[] = {
        [UART_PARITY_NONE] = 0x00, [UART_PARITY_ODD] = 0x08,   [UART_PARITY_EVEN] = 0x18,
        [UART_PARITY_MARK] = 0x28, [UART_PARITY_SPACE] = 0x38,
    };

    return (uint8_t)((c->data_bits - 5) | (c->stop_bits == 2 ? 0x04 : 0) | parity[c->parity]);
}

/* The clock divisor for the wanted speed, 0 if the port cannot have it. */
static uint16_t divisor(const struct uart_config *c)
{
    uint64_t d = (c->clock_hz + 8ull * c->baud) / (16ull * c->baud);

    return d > UINT16_MAX ? 0 : (uint16_t)d;
}

static void set_divisor(const struct uart *u, uint8_t lcr, uint16_t d)
{
    reg_out(u, REG_LCR, lcr | LCR_DLAB);
    reg_out(u, REG_DLL, (uint8_t)d);
    reg_out(u, REG_DLM, (uint8_t)(d >> 8));
    reg_out(u, REG_LCR, lcr);
}

int uart_init(struct uart *uart, const struct uart_config *config, const struct uart_io *io)
{
    uint8_t lcr = line_control(config);
    uint16_t d = config->baud ? divisor(config) : 0;

    *uart = (struct uart){ .io = *io, .config = *config };
    if (config->baud && !d)
        return -EINVAL;
    if (!uart_present(uart))
        return -ENODEV;

    reg_out(uart, REG_LCR, lcr);
    if (d)
        set_divisor(uart, lcr, d);
    reg_out(uart, REG_MCR, MCR_DTR_RTS);
    reg_out(uart, REG_FCR, FCR_ENABLE_CLEAR | FCR_TRIGGER_8);
    uart->fifo = (reg_in(uart, REG_IIR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_BYTES : 1;
    return 0;
}

/* One look at the transmitter. */
static bool tx_ready(struct uart *u)
{
    if (u->room)
        return true;
    if (!(reg_in(u, REG_LSR) & LSR_TX_EMPTY))
        return false;
    u->room = u->fifo;
    u->stuck = false;
    return true;
}

static void tx_push(struct uart *u, uint8_t c)
{
    u->room--;
    reg_out(u, REG_DATA, c);
}

int uart_putc(struct uart *uart, uint8_t c)
{
    unsigned int spins = uart->stuck ? 1 : TX_SPINS;

    while (!tx_ready(uart))
        if (!--spins) {
            uart->stuck = true;
            return -EAGAIN;
        }
    tx_push(uart, c);
    return 0;
}

size_t uart_write_some(struct uart *uart, const uint8_t *bytes, size_t nr)
{
    size_t done = 0;

    /* looks at the port at most once: after that it takes no more than its FIFO holds */
    if (!nr || !tx_ready(uart))
        return 0;
    while (done < nr && uart->room)
        tx_push(uart, bytes[done++]);
    return done;
}

int uart_getc(struct uart *uart)
{
    uint8_t lsr = reg_in(uart, REG_LSR);

    /* all ones: the port is gone */
    if (lsr == 0xff || !(lsr & LSR_RX))
        return -EAGAIN;
    return reg_in(uart, REG_DATA);
}

void uart_set_irqs(struct uart *uart, bool rx, bool tx)
{
    uart->ier = (uint8_t)((rx ? IER_RX : 0) | (tx ? IER_TX : 0));
    reg_out(uart, REG_MCR, uart->ier ? MCR_DTR_RTS | MCR_OUT2 : MCR_DTR_RTS);
    reg_out(uart, REG_IER, uart->ier);
}

/*
 * Reading the reason acknowledges "transmitter empty", reading LSR and MSR the rare ones. Received
 * data stays pending until the caller has read it, so it ends the loop.
 */
unsigned int uart_irq_events(struct uart *uart)
{
    unsigned int events = 0;

    for (unsigned int i = 0; i < IRQ_MAX_REASONS; i++) {
        uint8_t iir = reg_in(uart, REG_IIR);

        if (iir & IIR_NONE)
            break;
        switch (iir & IIR_REASON) {
        case IIR_RX:
        case IIR_RX_TIMEOUT:
            return events | UART_EVENT_RX;
        case IIR_TX:
            events |= UART_EVENT_TX;
            break;
        case IIR_LINE:
            (void)reg_in(uart, REG_LSR);
            events |= UART_EVENT_OTHER;
            break;
        default:
            (void)reg_in(uart, REG_MSR);
            events |= UART_EVENT_OTHER;
            break;
        }
    }
    return events;
}
