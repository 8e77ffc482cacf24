/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a translated dom0 sees of the MSI and MSI-X capabilities of a device: registers of its own,
 * behind which the machine's are programmed by us (vpci.c). All other registers are the device's.
 * PCI Local Bus Specification 3.0 §6.8.1, §6.8.2. Pure: hardware is reached by the caller.
 */
#ifndef ARCH_VPCI_REG_H
#define ARCH_VPCI_REG_H

#include <drivers/pci.h>
#include <hv/types.h>

struct vpci_msix_entry {
    uint64_t address;
    uint32_t data;
    bool masked;
    bool used;        /* vpci.c: it has a message of the machine's */
    uint16_t irq;
};

/* Always: log2 is not above that of msi_cap.nr; mask has no bit above 2^log2 of it. */
struct vpci_regs {
    bool has_msi, has_msix;
    struct pci_msi msi_cap;
    struct pci_msix msix_cap;
    struct {
        bool enabled;
        uint8_t log2;     /* vectors */
        uint64_t address;
        uint16_t data;
        uint32_t mask;
    } msi;
    struct {
        bool enabled, mask_all;
        struct vpci_msix_entry *entry; /* msix_cap.nr of them */
    } msix;
};

enum vpci_change { VPCI_NOTHING, VPCI_MSI, VPCI_MSIX };

/* As after a reset: nothing enabled, MSI-X entries masked. */
void vpci_regs_init(struct vpci_regs *v);
/* What dom0 reads at reg, given what the device says; size 1, 2 or 4, aligned. */
uint32_t vpci_regs_read(const struct vpci_regs *v, unsigned int reg, unsigned int size,
                        uint32_t device);
/* Bits of a write that are the device's: a mask. What was ours has been stored; *change says. */
uint32_t vpci_regs_write(struct vpci_regs *v, unsigned int reg, unsigned int size, uint32_t val,
                         enum vpci_change *change);

/* The MSI-X table; offset into it, within it, aligned to size, which is 4 or 8. */
uint64_t vpci_table_read(const struct vpci_regs *v, uint32_t offset, unsigned int size);
/* The entry that changed. */
unsigned int vpci_table_write(struct vpci_regs *v, uint32_t offset, unsigned int size,
                              uint64_t val);

#endif
