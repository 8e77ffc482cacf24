/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices as dom0 announces them, and their message-signalled interrupts. PCI Local Bus
 * Specification 3.0 §6.8. All functions want pci_lock but those of the irq chip.
 */
#ifndef ARCH_MSI_H
#define ARCH_MSI_H

#include <drivers/pci.h>
#include <hv/lock.h>
#include <hv/types.h>

struct msi_block;
struct vpci;

/* What of a device's configuration space is ours at the moment. */
struct pci_guard {
    bool msi, msix; /* in use */
    struct pci_msi msi_cap;
    struct pci_msix msix_cap;
};
/* Pure (pci_guard.c): the bits of a write of size bytes at reg that may reach the device. */
uint32_t pci_guard_allows(const struct pci_guard *g, unsigned int reg, unsigned int size);

/*
 * dom0 wrote to an MMCFG page, which it has mapped read-only (pci_filter.c). False: pa is in no
 * such region.
 */
bool pci_mmcfg_write(paddr_t pa, unsigned int size, uint32_t value);

struct pci_dev {
    pci_sbdf_t id;
    struct pci_dev *next; /* in its hash chain; devices are never forgotten */
    bool announced;       /* by PHYSDEVOP_pci_device_add */
    bool is_virtual;      /* an SR-IOV function: its BARs read as 0 */
    bool caps_read;
    struct pci_guard guard; /* capabilities, and whether they are in use */
    bool has_msi, has_msix;
    volatile uint8_t *ecam;       /* its configuration page, mapped at need */
    volatile uint32_t *msix_table; /* mapped at first use, stays */
    paddr_t msix_table_pa;
    struct msi_block *blocks;
    struct vpci *vpci;            /* what a translated dom0 sees of it (vpci.c) */
};

/* One message: an MSI of nr vectors or an MSI-X entry. */
struct msi_block {
    struct msi_block *next; /* of its device */
    struct pci_dev *dev;
    bool msix;
    bool maskable;
    bool enabled;     /* the device may send: set by the first unmask */
    bool remapped;    /* by an IOMMU */
    uint8_t nr;       /* vectors, a power of two */
    uint16_t entry;   /* MSI-X: in the table */
    uint16_t first;   /* irq */
    uint32_t mask;    /* mask bits as last written: MSI a bit a vector, MSI-X bit 0 */
};

/* RANK_PHYSDEV: devices, their blocks, all domains' pirq tables (with the event lock) */
extern spinlock_t pci_lock;
extern struct pci_config pci_hw; /* the ports */

void pci_dev_init(void); /* boot: after ACPI and pv_mmu_init(), before dom0 runs */
/* The device's record, made if need be: NULL when out of memory. */
struct pci_dev *pci_dev_get(pci_sbdf_t id) REQUIRES(pci_lock);
struct pci_dev *pci_dev_find(pci_sbdf_t id) REQUIRES(pci_lock);
/* Each known device, until fn says true. */
void pci_dev_search(bool (*fn)(struct pci_dev *dev, void *ctx), void *ctx) REQUIRES(pci_lock);
/* guard.*_cap are valid; false: nobody there */
bool pci_dev_caps(struct pci_dev *dev) REQUIRES(pci_lock);
/* NULL: not in an MMCFG region */
volatile uint8_t *pci_dev_ecam(struct pci_dev *dev) REQUIRES(pci_lock);

/*
 * Program a message to a free irq, masked where it can be. The first irq; *nr is rounded up to a
 * power of two. -ENODEV, -EEXIST, -EBUSY (the other kind is in use), -EINVAL, -ENXIO (memory
 * decoding is off), -ENOSPC, -ENOMEM.
 */
int msi_map(struct pci_dev *dev, unsigned int nr, struct msi_block **out) REQUIRES(pci_lock);
int msix_map(struct pci_dev *dev, unsigned int entry, paddr_t table_base, struct msi_block **out)
    REQUIRES(pci_lock);
/* its irqs are not bound any more; frees b */
void msi_unmap(struct msi_block *b) REQUIRES(pci_lock);
/*
 * The capability as a whole, for who does not write its control register. Entries that are not
 * mapped are masked. Some devices look at it before they send anything. Errors as of msix_map().
 */
int msix_enable(struct pci_dev *dev, bool on) REQUIRES(pci_lock);
/* It sends nothing more, whatever is unmasked; what is mapped stays so. */
void msi_quiet(struct pci_dev *dev) REQUIRES(pci_lock);
void msi_restore(struct pci_dev *dev) REQUIRES(pci_lock); /* write all again, after a reset */
/* May a table be there? */
bool msix_table_allowed(paddr_t pa, uint64_t size);
/*
 * The MSI-X table's pages are read-only to guests from now on, or (no entry is in use) no longer.
 */
int msix_protect(struct pci_dev *dev, paddr_t table_base, bool on) REQUIRES(pci_lock);
/* The block that an irq belongs to, NULL if it is no MSI. */
struct msi_block *msi_block_of(unsigned int irq);

#define MSI_ADDRESS 0xfee00000U
#define MSI_DEST_SHIFT 12
#define MSI_DEST_MAX 254U /* 255 is everybody */
/* Fixed, edge-triggered, to a physical APIC id. */
static inline uint32_t msi_address(uint8_t dest)
{
    return MSI_ADDRESS | (uint32_t)dest << MSI_DEST_SHIFT;
}
static inline uint32_t msi_data(uint8_t vector) { return vector; }

#endif
