/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration access of a PV guest through its virtual 0xcf8: dom0 reaches the machine's,
 * filtered; others nothing.
 */
#ifndef ARCH_VPCI_H
#define ARCH_VPCI_H

#include <hv/types.h>

struct domain;

/* size 1, 2 or 4 at 0xcfc + offset, within the four bytes. */
uint32_t vpci_port_read(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int size);
void vpci_port_write(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int size,
                     uint32_t val);

#endif
