/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space: the two ways in (ports 0xcf8/0xcfc; memory-mapped, "ECAM") behind one
 * accessor, and what we read out of it: capabilities, MSI and MSI-X, sizes of base address
 * registers.
 *
 * Nothing here is global: the caller owns a struct pci_config. The port pair is shared by all, so
 * every use of it is between lock() and unlock() of the caller. ECAM needs no lock for single
 * accesses.
 */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Segment (16 bits), bus (8), device (5) and function (3). */
typedef struct {
    uint32_t n;
} pci_sbdf_t;

static inline pci_sbdf_t pci_sbdf(uint16_t segment, uint8_t bus, uint8_t devfn)
{
    return (pci_sbdf_t){ (uint32_t)segment << 16 | (uint32_t)bus << 8 | devfn };
}

static inline uint8_t pci_devfn(unsigned int device, unsigned int function)
{
    return (uint8_t)((device & 31) << 3 | (function & 7));
}

static inline uint16_t pci_segment(pci_sbdf_t s)
{
    return (uint16_t)(s.n >> 16);
}
static inline uint8_t pci_bus(pci_sbdf_t s)
{
    return (uint8_t)(s.n >> 8);
}
static inline unsigned int pci_device(pci_sbdf_t s)
{
    return s.n >> 3 & 31;
}
static inline unsigned int pci_function(pci_sbdf_t s)
{
    return s.n & 7;
}

#define PCI_MAX_ECAM 64
#define PCI_CONFIG_BYTES 256      /* what the ports reach */
#define PCI_CONFIG_EXT_BYTES 4096 /* what ECAM reaches */

/* Ports; width is 1, 2 or 4 bytes. lock and unlock may be NULL where there is only one cpu yet. */
struct pci_ports {
    uint32_t (*in)(void *ctx, uint16_t port, unsigned int width);
    void (*out)(void *ctx, uint16_t port, uint32_t value, unsigned int width);
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    void *ctx;
};

struct pci_ecam {
    uint16_t segment;
    uint8_t start_bus, end_bus;
    volatile uint8_t *base; /* of start_bus: 1 MiB a bus, mapped uncached */
};

struct pci_config {
    struct pci_ports ports;
    unsigned int nr_ecam;
    struct pci_ecam ecam[PCI_MAX_ECAM];
};

/* Start with ports only (segment 0, the first 256 bytes). */
void pci_config_init(struct pci_config *config, const struct pci_ports *ports);

/*
 * Add a mapped ECAM region; it is preferred from now on. -EINVAL: makes no sense or overlaps
 * another; -ENOSPC.
 */
int pci_config_add_ecam(struct pci_config *config, const struct pci_ecam *ecam);

/* Of 1, 2 or 4 bytes: what a read of nothing gives. */
static inline uint32_t pci_all_ones(unsigned int width)
{
    return width >= 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
}

/*
 * Read or write 1, 2 or 4 bytes at a register, which is a multiple of the width. What cannot be
 * reached reads as ones and ignores writes, like a device that is not there.
 */
uint32_t pci_read(const struct pci_config *config, pci_sbdf_t dev, unsigned int reg,
                  unsigned int width);
void pci_write(const struct pci_config *config, pci_sbdf_t dev, unsigned int reg,
               unsigned int width, uint32_t value);

/* Can registers above 255 be reached? */
bool pci_has_extended(const struct pci_config *config, pci_sbdf_t dev);

/* The real ports, without a lock; the caller fills in lock, unlock and ctx. */
void pci_ports_real(struct pci_ports *ports);

/* The address for port 0xcf8, for those who emulate it; reg below 256. */
uint32_t pci_cf8_address(pci_sbdf_t dev, unsigned int reg);

/* ---- the header ---- */

#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x0001
#define PCI_COMMAND_MEMORY 0x0002
#define PCI_COMMAND_MASTER 0x0004
#define PCI_COMMAND_INTX_OFF 0x0400
#define PCI_STATUS 0x06
#define PCI_STATUS_CAPABILITIES 0x0010
#define PCI_CLASS_REVISION 0x08
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_TYPE_MASK 0x7f
#define PCI_HEADER_MULTI_FUNCTION 0x80
#define PCI_HEADER_NORMAL 0
#define PCI_HEADER_BRIDGE 1
#define PCI_BAR0 0x10
#define PCI_SECONDARY_BUS 0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_CAPABILITIES 0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d

#define PCI_CAP_MSI 0x05
#define PCI_CAP_EXPRESS 0x10
#define PCI_CAP_MSIX 0x11
#define PCI_EXT_CAP_ACS 0x000d
#define PCI_EXT_CAP_ATS 0x000f
#define PCI_EXT_CAP_SRIOV 0x0010

/* Is there a function at this address? */
bool pci_present(const struct pci_config *config, pci_sbdf_t dev);

/*
 * Offset of the first capability with this id, 0 if there is none. Broken and circular lists end.
 */
unsigned int pci_find_cap(const struct pci_config *config, pci_sbdf_t dev, uint8_t id);
unsigned int pci_find_ext_cap(const struct pci_config *config, pci_sbdf_t dev, uint16_t id);

struct pci_msi {
    unsigned int pos; /* of the capability */
    unsigned int nr;  /* vectors it can ask for: 1, 2, 4 ... 32 */
    bool wide;        /* 64-bit address */
    bool maskable;
    unsigned int data_reg; /* absolute offsets; the address is at pos + 4 */
    unsigned int mask_reg; /* 0 if not maskable; pending bits follow */
};

struct pci_msix {
    unsigned int pos;
    unsigned int nr; /* table entries of 16 bytes, 1 to 2048 */
    uint8_t table_bar, pba_bar;
    uint32_t table_offset, pba_offset; /* bytes into the BAR */
};

/* False if the device has no such (sane) capability. */
bool pci_read_msi(const struct pci_config *config, pci_sbdf_t dev, struct pci_msi *msi);
bool pci_read_msix(const struct pci_config *config, pci_sbdf_t dev, struct pci_msix *msix);

struct pci_bar {
    uint64_t addr, size; /* size 0: not implemented */
    bool io, wide, prefetchable;
    unsigned int nr_slots; /* 2 for a 64-bit one, which takes the next slot too */
};

/* Number of BAR slots of this device: 6, 2 for a bridge, 0 for anything else. */
unsigned int pci_nr_bars(const struct pci_config *config, pci_sbdf_t dev);

/*
 * What is decoded by BAR slot `index`. Sizing writes the register, so decoding is switched off
 * meanwhile: no driver may be using the device. -EINVAL: no such slot, or a reserved kind.
 */
int pci_size_bar(const struct pci_config *config, pci_sbdf_t dev, unsigned int index,
                 struct pci_bar *bar);

/*
 * The address alone, from the register as it is; for a device that is in use. size stays 0. Errors
 * as above.
 */
int pci_read_bar(const struct pci_config *config, pci_sbdf_t dev, unsigned int index,
                 struct pci_bar *bar);

/* Call fn for every function on a bus; it returns false to stop. */
void pci_for_each_function(const struct pci_config *config, uint16_t segment, uint8_t bus,
                           bool (*fn)(void *ctx, pci_sbdf_t dev), void *ctx);

#endif
