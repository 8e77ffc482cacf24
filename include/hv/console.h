/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console: a ring of the last output (xl dmesg), the serial lines, input to dom0 or to the hypervisor's debug keys
 * (three Ctrl-A switch), guests' output through console_io.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <hv/types.h>

void console_init_early(void); /* com1 with defaults or com1=, before anything else prints */
void console_init(void);       /* ring buffer, input */
void console_puts(const char *s, size_t n);
void console_input(char c);    /* from the uart's interrupt or poll */
void console_start_input(void);
/* sysctl readconsole: copy from *index on into a guest buffer; clear, incremental as the ABI says */
struct xen_sysctl_readconsole;
int console_read_ring(struct xen_sysctl_readconsole *op);
void console_panic_mode(void); /* break locks, print synchronously */

/* Debug keys (keys.c): handlers register; 'h' lists them. */
void key_register(char key, const char *what, void (*fn)(char key));
void key_handle(char key);

#endif
