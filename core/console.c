/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console: every byte goes to the ring (xl dmesg) and to the serial line; input comes from the
 * serial line.
 *
 * The ring's positions are free-running 32-bit byte counts: the ring holds [head - size, head) at
 * most, and a reader that fell behind starts at the oldest byte. Everything below is under
 * console_lock, but for the panicking cpu.
 */
#include <abi.h>
#include <xen/sysctl.h>

#include <drivers/uart.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/guest.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <lib/cmdline.h>
#include <lib/format.h>
#include <lib/string.h>

#define BOOT_RING_SIZE 32768U /* powers of two, both */
#define MAX_RING_SIZE (16U << 20)
#define INPUT_SIZE 256U
#define LINE_MAX 512
#define SWITCH_CHAR 1 /* Ctrl-A, three times */
#define PREFIX "(granta) "

static DEFINE_SPINLOCK(console_lock, RANK_CONSOLE);
static char boot_ring[BOOT_RING_SIZE];
static char *ring GUARDED_BY(console_lock) = boot_ring;
static uint32_t ring_size GUARDED_BY(console_lock) = BOOT_RING_SIZE;
static uint32_t ring_head GUARDED_BY(console_lock);  /* next byte to write */
static uint32_t ring_start GUARDED_BY(console_lock); /* oldest byte not cleared */
static uint64_t opt_ring_size;
PARAM_SIZE("conring_size", opt_ring_size, "size of the console ring that xl dmesg shows");

/* The serial line follows the ring: bytes [sent, ring_head) are still to go out. */
static uint32_t sent GUARDED_BY(console_lock);
/* The carriage return before the newline at `sent` has gone out. */
static bool sent_cr GUARDED_BY(console_lock);
/* The port interrupts when it has room: nobody needs to wait for it. */
static bool serial_irq GUARDED_BY(console_lock);
static bool panicking;

static struct uart uart;
static bool uart_up;
static struct uart_config com1;

static char input[INPUT_SIZE] GUARDED_BY(console_lock);
static uint32_t input_prod GUARDED_BY(console_lock), input_cons GUARDED_BY(console_lock);
static unsigned int switch_count;
static bool input_to_hv;

static unsigned int loglvl_always = 3, loglvl_limited = 3;
static unsigned int guest_always = 1, guest_limited = 2;
static unsigned int sinks = CONSOLE_COM1;

static int parse_loglvl(const char *s) { return loglvl_parse(s, &loglvl_always, &loglvl_limited); }
static int parse_guest_loglvl(const char *s)
{
    return loglvl_parse(s, &guest_always, &guest_limited);
}
static int show_loglvl(char *buf, size_t size)
{
    return loglvl_show(buf, size, loglvl_always, loglvl_limited);
}
static int show_guest_loglvl(char *buf, size_t size)
{
    return loglvl_show(buf, size, guest_always, guest_limited);
}
static int parse_console(const char *s) { return console_parse(s, &sinks); }
static int parse_com1(const char *s) { return uart_config_parse(s, &com1); }
static int parse_com2(const char *s)
{
    uart_config_default(&com1, 1);
    return uart_config_parse(s, &com1);
}
PARAM_RUNTIME("loglvl", parse_loglvl, show_loglvl,
              "which of our messages to print: <level>[/<rate-limited level>]");
PARAM_RUNTIME("guest_loglvl", parse_guest_loglvl, show_guest_loglvl,
              "the same for messages that guests cause");
PARAM_CUSTOM("console", parse_console, "where to print: com1, com2, vga, none");
PARAM_CUSTOM("com1", parse_com1, "first serial port: <baud>,<8n1>,<io base>,<irq>");
PARAM_CUSTOM("com2", parse_com2, "second serial port, used instead of the first");

/* --- output ----------------------------------------------------------------------------------- */

/*
 * Send the byte at `sent`; wait: as long as it takes, within the driver's bound. False: no room
 * now.
 */
static bool send_next(bool wait) REQUIRES(console_lock)
{
    uint8_t c = (uint8_t)ring[sent & (ring_size - 1)];
    bool cr = c == '\n' && !sent_cr;

    if (cr)
        c = '\r';
    if (wait)
        uart_putc(&uart, c);
    else if (uart_write_some(&uart, &c, 1) == 0)
        return false;
    sent_cr = cr;
    if (!cr)
        sent++;
    return true;
}

/* With interrupts, what finds no room goes out later; a backlog of half the ring is waited for. */
static void drain(void) REQUIRES(console_lock)
{
    bool later = serial_irq && !panicking;

    if (!uart_up) {
        sent = ring_head;
        return;
    }
    if ((int32_t)(sent - ring_start) < 0) /* the ring has gone round */
        sent = ring_start;
    while (sent != ring_head)
        if (!send_next(!later || ring_head - sent > ring_size / 2))
            break;
    if (serial_irq)
        uart_set_irqs(&uart, true, sent != ring_head);
}

static void emit(const char *s, size_t n) REQUIRES(console_lock)
{
    for (size_t i = 0; i < n; i++) {
        ring[ring_head++ & (ring_size - 1)] = s[i];
        if (ring_head - ring_start > ring_size)
            ring_start = ring_head - ring_size;
    }
    drain();
}

/* Not analysed: the cpu that panics goes on without the lock, whose holder may be dead. */
static void console_acquire(void) ACQUIRES(console_lock) NO_TSA
{
    if (!panicking)
        spin_lock(&console_lock);
}

static void console_release(void) RELEASES(console_lock) NO_TSA
{
    if (!panicking)
        spin_unlock(&console_lock);
}

void console_puts(const char *s, size_t n)
{
    console_acquire();
    emit(s, n);
    console_release();
}

static void print_line(const char *fmt, va_list ap)
{
    char line[LINE_MAX];
    size_t n = strlcpy(line, PREFIX, sizeof(line));
    int len = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);

    if (len > 0)
        n = MIN(n + (size_t)len, sizeof(line) - 2);
    line[n++] = '\n';
    console_puts(line, n);
}

/* Messages of a rate-limited level: ten at once, then two a second. */
static bool within_rate(void)
{
    static ns_t last;
    static unsigned int tokens = 10;
    ns_t now = time_now();

    if (now - last > MILLISECS(500)) {
        tokens = (unsigned int)MIN((ns_t)10, (ns_t)tokens + (now - last) / MILLISECS(500));
        last = now;
    }
    return tokens > 0 ? tokens-- : false;
}

static bool wanted(enum log_level level, unsigned int always, unsigned int limited)
{
    return level < always || (level < limited && within_rate());
}

void log_print(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!wanted(level, loglvl_always, loglvl_limited))
        return;
    va_start(ap, fmt);
    print_line(fmt, ap);
    va_end(ap);
}

void guest_log(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!wanted(level, guest_always, guest_limited))
        return;
    va_start(ap, fmt);
    print_line(fmt, ap);
    va_end(ap);
}

void console_panic_mode(void) { panicking = true; }

/* --- input ------------------------------------------------------------------------------------ */

static char pending_key;
static void run_key(void *unused)
{
    (void)unused;
    key_handle(pending_key);
}
static struct tasklet key_tasklet = { .fn = run_key };

static void switch_input(void)
{
    input_to_hv = !input_to_hv;
    log_info("*** input to %s (Ctrl-A three times switches%s)",
             input_to_hv ? "the hypervisor" : "dom0", input_to_hv ? ", h for help" : "");
}

void console_input(char c)
{
    if (c == SWITCH_CHAR) {
        if (++switch_count == 3) {
            switch_count = 0;
            switch_input();
            return;
        }
    } else {
        switch_count = 0;
    }
    if (input_to_hv) {
        if (c == SWITCH_CHAR)
            return;
        pending_key = c;
        tasklet_schedule(&key_tasklet);
        return;
    }
    spin_lock(&console_lock);
    if (input_prod - input_cons < INPUT_SIZE)
        input[input_prod++ % INPUT_SIZE] = c;
    spin_unlock(&console_lock);
    virq_send_global(VIRQ_CONSOLE);
}

void console_service(void *unused)
{
    unsigned int events;

    (void)unused;
    spin_lock(&console_lock);
    while ((events = uart_irq_events(&uart)) != 0) {
        int c;

        if (events & UART_EVENT_TX)
            drain();
        while ((events & UART_EVENT_RX) && (c = uart_getc(&uart)) >= 0) {
            spin_unlock(&console_lock);
            console_input((char)c);
            spin_lock(&console_lock);
        }
        if (!(events & (UART_EVENT_RX | UART_EVENT_TX)))
            break;
    }
    spin_unlock(&console_lock);
}

unsigned int console_irq(void) { return uart_up ? com1.irq : 0; }

uint16_t console_uart_io_base(void) { return uart_up ? com1.io_base : 0; }

void console_start_interrupts(bool have_irq)
{
    spin_lock(&console_lock);
    serial_irq = have_irq && uart_up;
    if (uart_up)
        uart_set_irqs(&uart, true, false);
    spin_unlock(&console_lock);
}

void console_sync(void)
{
    console_acquire();
    serial_irq = false;
    drain();
    console_release();
}

void console_grow_ring(void)
{
    uint32_t size = BOOT_RING_SIZE;
    unsigned int order = 0;
    char *big;

    while (size < opt_ring_size && size < MAX_RING_SIZE)
        size *= 2;
    if (size == BOOT_RING_SIZE)
        return;
    while ((PAGE_SIZE << order) < size)
        order++;
    big = hv_page_alloc(order);
    if (big == NULL) {
        log_warn("console: no memory for a ring of %u KiB", size >> 10);
        return;
    }
    spin_lock(&console_lock);
    for (uint32_t i = ring_start; i != ring_head; i++)
        big[i & (size - 1)] = ring[i & (ring_size - 1)];
    ring = big;
    ring_size = size;
    spin_unlock(&console_lock);
}

void console_defaults(void) { uart_config_default(&com1, 0); }

void console_init_early(void)
{
    struct uart_io io;

    if (!(sinks & (CONSOLE_COM1 | CONSOLE_COM2)))
        return;
    uart_port_io(&io, &com1);
    uart_up = uart_init(&uart, &com1, &io) == 0;
    spin_lock(&console_lock);
    sent = ring_start; /* what was said before there was a port */
    drain();
    spin_unlock(&console_lock);
}

/* --- what guests and tools ask for ------------------------------------------------------------ */

/* Take up to n bytes of input. */
size_t console_take_input(char *buf, size_t n)
{
    size_t k = 0;

    spin_lock(&console_lock);
    while (k < n && input_cons != input_prod)
        buf[k++] = input[input_cons++ % INPUT_SIZE];
    spin_unlock(&console_lock);
    return k;
}

/* Copy of up to n bytes of the ring from position *pos on; moves *pos. */
static size_t ring_copy(uint32_t *pos, char *buf, size_t n)
{
    size_t k = 0;

    spin_lock(&console_lock);
    if ((int32_t)(*pos - ring_start) < 0 || (int32_t)(ring_head - *pos) < 0)
        *pos = ring_start;
    while (k < n && *pos != ring_head)
        buf[k++] = ring[(*pos)++ & (ring_size - 1)];
    spin_unlock(&console_lock);
    return k;
}

static uint32_t oldest(void)
{
    uint32_t pos;

    spin_lock(&console_lock);
    pos = ring_start;
    spin_unlock(&console_lock);
    return pos;
}

int console_read_ring(struct xen_sysctl_readconsole *op)
{
    uint32_t pos = op->incremental ? op->index : oldest(), done = 0;
    char chunk[256];

    while (done < op->count) {
        size_t n = ring_copy(&pos, chunk, MIN(sizeof(chunk), (size_t)(op->count - done)));

        if (n == 0)
            break;
        if (guest_write(guest_elem(handle_addr(op->buffer), done, 1), chunk, n))
            return -EFAULT;
        done += (uint32_t)n;
    }
    op->count = done;
    op->index = pos;
    if (op->clear) {
        spin_lock(&console_lock);
        ring_start = ring_head;
        spin_unlock(&console_lock);
    }
    return 0;
}
