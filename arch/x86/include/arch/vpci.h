/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration access of a guest through its virtual 0xcf8: dom0 reaches the machine's,
 * filtered; others nothing.
 */
#ifndef ARCH_VPCI_H
#define ARCH_VPCI_H

#include <arch/msi.h>
#include <hv/types.h>

struct domain;

/* size 1, 2 or 4 at 0xcfc + offset, within the four bytes. */
uint32_t vpci_port_read(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int size);
void vpci_port_write(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int size,
                     uint32_t val);

/* --- a translated dom0 (vpci.c) --------------------------------------------------------------- */

/* A register in an MMCFG region. False: pa is in none. */
bool vpci_mmcfg_access(struct domain *d, paddr_t pa, unsigned int size, bool write, uint32_t *val);
/* An access to a page that has a part of an MSI-X table. False: it has none. */
bool vpci_table_access(struct domain *d, paddr_t pa, unsigned int size, bool write, uint64_t *val);
bool vpci_is_table(paddr_t pa); /* is that such a page? */
bool vpci_is_mmcfg(paddr_t pa); /* is that in an MMCFG region? */
/* What dom0 is to see of what the device says. */
uint32_t vpci_read(struct pci_dev *dev, unsigned int reg, unsigned int size, uint32_t device)
    REQUIRES(pci_lock);
/* Before a write goes to the device: the bits of it that may; and after it. */
uint32_t vpci_write_begin(struct pci_dev *dev, struct domain *d, unsigned int reg,
                          unsigned int size, uint32_t val) REQUIRES(pci_lock);
void vpci_write_end(struct pci_dev *dev, struct domain *d, unsigned int reg) REQUIRES(pci_lock);

#endif
