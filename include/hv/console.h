/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console: a ring of the last output (xl dmesg), the serial line, input to dom0 or to the
 * hypervisor's debug keys (three Ctrl-A switch), dom0's output through console_io.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <hv/types.h>

void console_defaults(void);   /* before the command line is applied */
/* the serial port, as the command line says; from here on messages are seen */
void console_init_early(void);
void console_puts(const char *s, size_t n);
void console_input(char c);    /* a byte came in: dom0's, or a debug key */
void console_grow_ring(void);   /* to conring_size=, when there is a heap */
/*
 * Let the port interrupt: for input, and, with a handler in place, for output, which then waits for
 * nobody.
 */
void console_start_interrupts(bool have_irq);
unsigned int console_irq(void);     /* ISA interrupt of the port; 0: poll it, or there is none */
void console_service(void *unused); /* the handler of that interrupt, or of the poll */
uint16_t console_uart_io_base(void); /* 0: none. dom0 may not touch these 8 ports */
size_t console_take_input(char *buf, size_t n); /* bytes typed for dom0 */
/*
 * sysctl readconsole: copy from op->index on into the guest buffer; clear, incremental as the ABI
 * says. 0 or -EFAULT.
 */
struct xen_sysctl_readconsole;
int console_read_ring(struct xen_sysctl_readconsole *op);
/* the machine is about to stop: from now on output waits until it is out */
void console_sync(void);
void console_panic_mode(void); /* from now on the only cpu that prints takes no lock */

/*
 * Debug keys (keys.c): a handler runs in a tasklet; 'h' lists them all. At most one handler a key.
 */
void key_register(char key, const char *what, void (*fn)(char key));
void key_handle(char key);
void debug_keys_init(void); /* those of debug_keys.c */

#endif
