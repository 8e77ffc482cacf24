/* SPDX-License-Identifier: GPL-2.0-only */
/* links: drivers/uart/ns16550.c lib/cmdline.c lib/number.c */
/*
 * The serial driver against a model of a 16550A (and of the older, FIFO-less kind, a dead one, and
 * no port at all).
 */
#include <drivers/uart.h>

#include <hv/errno.h>

#include "check.h"

struct model {
    bool absent, no_fifo, stuck;
    uint8_t ier, lcr, mcr, fcr;
    uint16_t divisor;
    uint8_t sent[256];
    unsigned int nr_sent, in_fifo, overruns; /* in_fifo: bytes not yet on the wire */
    /* the wire takes the FIFO after so many looks at LSR */
    unsigned int drain_after, looks;
    const char *input;
    uint8_t pending; /* reasons of IIR that are waiting: bit n = reason n */
    unsigned int reads;
    bool endless;
};

static struct model model;

static uint8_t read_iir(struct model *m)
{
    uint8_t fifo = (m->fcr & 1) && !m->no_fifo ? 0xc0 : 0;

    if (m->endless)
        return fifo | 2;
    for (unsigned int reason = 3; reason < 4; reason--)
        if (m->pending & 1u << reason) {
            if (reason == 1)
                m->pending &= (uint8_t)~2u;
            return (uint8_t)(fifo | reason << 1);
        }
    return fifo | 1;
}

static uint8_t read_lsr(struct model *m)
{
    m->pending &= (uint8_t)~8u;
    if (!m->stuck && m->in_fifo && ++m->looks > m->drain_after)
        m->in_fifo = m->looks = 0;
    return (uint8_t)((m->input && *m->input ? 1 : 0) | (m->in_fifo || m->stuck ? 0 : 0x60));
}

static uint8_t model_in(void *ctx, unsigned int reg)
{
    struct model *m = ctx;
    bool dlab = m->lcr & 0x80;

    m->reads++;
    if (m->absent)
        return 0xff;
    switch (reg) {
    case 0:
        return dlab ? (uint8_t)m->divisor : m->input && *m->input ? (uint8_t)*m->input++ : 0;
    case 1:
        return dlab ? (uint8_t)(m->divisor >> 8) : m->ier;
    case 2:
        return read_iir(m);
    case 3:
        return m->lcr;
    case 4:
        return m->mcr;
    case 5:
        return read_lsr(m);
    case 6:
        m->pending &= (uint8_t)~1u;
        return 0xb0;
    default:
        return 0;
    }
}

static void transmit(struct model *m, uint8_t value)
{
    if (m->in_fifo >= ((m->fcr & 1) && !m->no_fifo ? 16 : 1))
        m->overruns++;
    m->in_fifo++;
    if (m->nr_sent < sizeof(m->sent))
        m->sent[m->nr_sent++] = value;
}

static void model_out(void *ctx, unsigned int reg, uint8_t value)
{
    struct model *m = ctx;
    bool dlab = m->lcr & 0x80;

    if (m->absent)
        return;
    if (reg == 0 && dlab)
        m->divisor = (uint16_t)((m->divisor & 0xff00) | value);
    else if (reg == 1 && dlab)
        m->divisor = (uint16_t)((m->divisor & 0xff) | value << 8);
    else if (reg == 0)
        transmit(m, value);
    else if (reg == 1)
        m->ier = value & 0x0f;
    else if (reg == 2)
        m->fcr = value;
    else if (reg == 3)
        m->lcr = value;
    else if (reg == 4)
        m->mcr = value;
}

static const struct uart_io io = { model_in, model_out, &model };
static struct uart uart;

static int start(const char *options)
{
    struct uart_config config;

    uart_config_default(&config, 0);
    if (uart_config_parse(options, &config))
        return -EINVAL;
    return uart_init(&uart, &config, &io);
}

static void config_tests(void)
{
    struct uart_config c;

    TEST("com1= in full") {
        uart_config_default(&c, 1);
        CHECK(c.io_base == 0x2f8 && c.irq == 3 && c.baud == 0);
        CHECK_EQ(uart_config_parse("9600/921600,7e2,0x3e8,10", &c), 0);
        CHECK_EQ(c.baud, 9600);
        CHECK_EQ(c.clock_hz, 921600 * 16);
        CHECK(c.data_bits == 7 && c.parity == UART_PARITY_EVEN && c.stop_bits == 2);
        CHECK(c.io_base == 0x3e8 && c.irq == 10);
    }
    TEST("empty parts keep their value") {
        uart_config_default(&c, 0);
        CHECK_EQ(uart_config_parse("115200,,0x2f8", &c), 0);
        CHECK(c.baud == 115200 && c.data_bits == 8 && c.io_base == 0x2f8 && c.irq == 4);
        CHECK_EQ(uart_config_parse("auto,,,0", &c), 0);
        CHECK(c.baud == 0 && c.irq == 0);
        CHECK_EQ(uart_config_parse("", &c), 0);
    }
    TEST("nonsense is refused and changes nothing") {
        static const char *const bad[] = { "x", "0", "9600x", "9600/", "9600/0", "9600,9n1",
                                           "9600,8x1", "9600,8n3", "9600,8n", "9600,8n1,0",
                                           "9600,8n1,zz", "9600,8n1,0x3f8,16", "9600,8n1,0x3f8,4,1",
                                           "-1", "99999999999" };
        struct uart_config before;

        uart_config_default(&c, 0);
        before = c;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
            CHECK_EQ(uart_config_parse(bad[i], &c), -EINVAL);
        CHECK_EQ(uart_config_parse("115200,8n1,pci", &c), -ENOSYS);
        CHECK_EQ(uart_config_parse("115200,8n1,0xfe000000", &c), -ENOSYS);
        CHECK_EQ(uart_config_parse("115200,8n1,0x3f8,msi", &c), -ENOSYS);
        CHECK(!memcmp(&before, &c, sizeof(c)));
    }
}

static void init_tests(void)
{
    TEST("init: speed, frame, FIFO, interrupts off") {
        model = (struct model){ .ier = 5, .lcr = 0x83 };
        CHECK_EQ(start("9600,7e2"), 0);
        CHECK_EQ(model.divisor, 12);
        CHECK_EQ(model.lcr, 0x1e);
        CHECK_EQ(model.ier, 0);
        CHECK_EQ(model.mcr, 3);
        CHECK_EQ(uart.fifo, 16);
    }
    TEST("init: auto keeps the speed") {
        model = (struct model){ .divisor = 3 };
        CHECK_EQ(start("auto"), 0);
        CHECK_EQ(model.divisor, 3);
    }
    TEST("init: speeds that the clock cannot make") {
        model = (struct model){ 0 };
        CHECK_EQ(start("1"), -EINVAL);
        CHECK_EQ(start("1000000"), -EINVAL);
        CHECK_EQ(start("115200"), 0);
        CHECK_EQ(model.divisor, 1);
    }
    TEST("init: an absent port, an old one") {
        model = (struct model){ .absent = true };
        CHECK_EQ(start("115200"), -ENODEV);
        model = (struct model){ .no_fifo = true };
        CHECK_EQ(start("115200"), 0);
        CHECK_EQ(uart.fifo, 1);
    }
}

static void data_tests(void)
{
    TEST("putc: waits for the wire, never overruns, looks once a FIFO") {
        for (unsigned int old = 0; old < 2; old++) {
            model = (struct model){ .no_fifo = old, .drain_after = 50 };
            CHECK_EQ(start("115200"), 0);
            for (unsigned int i = 0; i < 200; i++)
                CHECK_EQ(uart_putc(&uart, (uint8_t)i), 0);
            CHECK_EQ(model.overruns, 0);
            CHECK_EQ(model.nr_sent, 200);
            CHECK(model.sent[0] == 0 && model.sent[199] == 199);
        }
    }
    TEST("putc: a dead port costs one bounded wait, then one look a byte, and may come back") {
        unsigned int before;

        model = (struct model){ .stuck = true };
        CHECK_EQ(start("115200"), 0);
        CHECK_EQ(uart_putc(&uart, 'a'), -EAGAIN);
        before = model.reads;
        CHECK(before > 1000 && before < 1000000);
        CHECK_EQ(uart_putc(&uart, 'b'), -EAGAIN);
        CHECK_EQ(model.reads, before + 1);
        model.stuck = false;
        CHECK_EQ(uart_putc(&uart, 'c'), 0);
        CHECK(!uart.stuck && model.nr_sent == 1 && model.sent[0] == 'c');
    }
    TEST("write_some: as much as fits, without waiting") {
        static const uint8_t text[40];

        model = (struct model){ .drain_after = 1000 };
        CHECK_EQ(start("115200"), 0);
        CHECK_EQ(uart_write_some(&uart, text, 0), 0);
        CHECK_EQ(uart_write_some(&uart, text, 10), 10);
        CHECK_EQ(uart_write_some(&uart, text, 30), 6);
        CHECK_EQ(uart_write_some(&uart, text, 24), 0);
        CHECK_EQ(model.overruns, 0);
    }
    TEST("getc: bytes in order, then none; nothing from an absent port") {
        model = (struct model){ .input = "ok" };
        CHECK_EQ(start("115200"), 0);
        CHECK_EQ(uart_getc(&uart), 'o');
        CHECK_EQ(uart_getc(&uart), 'k');
        CHECK_EQ(uart_getc(&uart), -EAGAIN);
        model.absent = true;
        CHECK_EQ(uart_getc(&uart), -EAGAIN);
    }
}

static void irq_tests(void)
{
    TEST("interrupts: enabled at the port and on the line") {
        model = (struct model){ 0 };
        CHECK_EQ(start("115200"), 0);
        uart_set_irqs(&uart, true, true);
        CHECK(model.ier == 3 && (model.mcr & 8));
        uart_set_irqs(&uart, true, false);
        CHECK(model.ier == 1 && (model.mcr & 8));
        uart_set_irqs(&uart, false, false);
        CHECK(model.ier == 0 && !(model.mcr & 8));
    }
    TEST("events: every reason is told and acknowledged") {
        model = (struct model){ 0 };
        CHECK_EQ(start("115200"), 0);
        CHECK_EQ(uart_irq_events(&uart), 0);
        model.pending = 1 << 1;
        CHECK_EQ(uart_irq_events(&uart), UART_EVENT_TX);
        model.pending = 1 << 0 | 1 << 1 | 1 << 3;
        CHECK_EQ(uart_irq_events(&uart), UART_EVENT_TX | UART_EVENT_OTHER);
        CHECK_EQ(model.pending, 0);
        model.pending = 1 << 2 | 1 << 3;
        CHECK_EQ(uart_irq_events(&uart), UART_EVENT_RX | UART_EVENT_OTHER);
    }
    TEST("events: a port that always claims a reason does not hold us") {
        model = (struct model){ .endless = true };
        CHECK_EQ(start("115200"), 0);
        model.reads = 0;
        CHECK_EQ(uart_irq_events(&uart), UART_EVENT_TX);
        CHECK(model.reads <= 32);
        model.absent = true; /* IIR reads as all ones: nothing pending */
        CHECK_EQ(uart_irq_events(&uart), 0);
    }
}

int main(void)
{
    config_tests();
    init_tests();
    data_tests();
    irq_tests();
    return check_exit();
}
