/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a function's configuration header (PCI Local Bus specification 3.0, "Configuration
 * Space"). Devices are not trusted: lists may be circular, sizes may make no sense, a function may
 * vanish and read as ones.
 */
#include <drivers/pci.h>

#include <hv/errno.h>

#define CAP_FIRST 0x40
#define CAP_MAX 48 /* as many as fit: 4 bytes each between 0x40 and 0xff */
#define EXT_CAP_FIRST 0x100
#define EXT_CAP_MAX 480 /* 8 bytes each between 0x100 and 0xfff */

#define MSI_FLAG_NR_SHIFT 1
#define MSI_FLAG_WIDE 0x0080
#define MSI_FLAG_MASKABLE 0x0100
#define MSIX_FLAG_SIZE 0x07ff

#define BAR_IO 0x1u
#define BAR_TYPE 0x6u
#define BAR_TYPE_32 0x0u
#define BAR_TYPE_1M 0x2u /* below 1 MiB: obsolete, a 32-bit one for us */
#define BAR_TYPE_64 0x4u
#define BAR_PREFETCHABLE 0x8u
#define BAR_IO_MASK ~0x3u
#define BAR_MEM_MASK ~0xfu

static uint8_t read8(const struct pci_config *c, pci_sbdf_t dev, unsigned int reg)
{
    return (uint8_t)pci_read(c, dev, reg, 1);
}

static uint16_t read16(const struct pci_config *c, pci_sbdf_t dev, unsigned int reg)
{
    return (uint16_t)pci_read(c, dev, reg, 2);
}

static uint32_t read32(const struct pci_config *c, pci_sbdf_t dev, unsigned int reg)
{
    return pci_read(c, dev, reg, 4);
}

/* Some bridges answer zero or half a vendor where nobody is. */
bool pci_present(const struct pci_config *config, pci_sbdf_t dev)
{
    uint32_t id = read32(config, dev, PCI_VENDOR_ID);

    return id != 0xffffffff && id != 0 && id != 0x0000ffff && id != 0xffff0000;
}

unsigned int pci_find_cap(const struct pci_config *config, pci_sbdf_t dev, uint8_t id)
{
    unsigned int pos;

    if (!(read16(config, dev, PCI_STATUS) & PCI_STATUS_CAPABILITIES))
        return 0;
    pos = read8(config, dev, PCI_CAPABILITIES) & ~3u;
    for (unsigned int i = 0; i < CAP_MAX && pos >= CAP_FIRST; i++) {
        uint16_t head = read16(config, dev, pos);

        if ((head & 0xff) == 0xff) /* gone */
            return 0;
        if ((head & 0xff) == id)
            return pos;
        pos = head >> 8 & ~3u;
    }
    return 0;
}

unsigned int pci_find_ext_cap(const struct pci_config *config, pci_sbdf_t dev, uint16_t id)
{
    unsigned int pos = EXT_CAP_FIRST;

    if (!pci_has_extended(config, dev))
        return 0;
    for (unsigned int i = 0; i < EXT_CAP_MAX && pos >= EXT_CAP_FIRST; i++) {
        uint32_t head = read32(config, dev, pos);

        if (!head || head == UINT32_MAX)
            return 0;
        if ((head & 0xffff) == id)
            return pos;
        pos = head >> 20 & ~3u;
    }
    return 0;
}

bool pci_read_msi(const struct pci_config *config, pci_sbdf_t dev, struct pci_msi *msi)
{
    unsigned int pos = pci_find_cap(config, dev, PCI_CAP_MSI), log, end;
    uint16_t flags;

    if (!pos)
        return false;
    flags = read16(config, dev, pos + 2);
    log = flags >> MSI_FLAG_NR_SHIFT & 7;
    if (log > 5)
        return false;
    *msi = (struct pci_msi){
        .pos = pos,
        .nr = 1u << log,
        .wide = flags & MSI_FLAG_WIDE,
        .maskable = flags & MSI_FLAG_MASKABLE,
    };
    msi->data_reg = pos + (msi->wide ? 12 : 8);
    if (msi->maskable)
        msi->mask_reg = pos + (msi->wide ? 16 : 12);
    end = msi->maskable ? msi->mask_reg + 8 : msi->data_reg + 2;
    return end <= PCI_CONFIG_BYTES;
}

bool pci_read_msix(const struct pci_config *config, pci_sbdf_t dev, struct pci_msix *msix)
{
    unsigned int pos = pci_find_cap(config, dev, PCI_CAP_MSIX);
    uint32_t table, pba;

    if (!pos || pos + 12 > PCI_CONFIG_BYTES)
        return false;
    table = read32(config, dev, pos + 4);
    pba = read32(config, dev, pos + 8);
    *msix = (struct pci_msix){
        .pos = pos,
        .nr = (read16(config, dev, pos + 2) & MSIX_FLAG_SIZE) + 1u,
        .table_bar = table & 7,
        .table_offset = table & ~7u,
        .pba_bar = pba & 7,
        .pba_offset = pba & ~7u,
    };
    return msix->table_bar < 6 && msix->pba_bar < 6;
}

unsigned int pci_nr_bars(const struct pci_config *config, pci_sbdf_t dev)
{
    switch (read8(config, dev, PCI_HEADER_TYPE) & PCI_HEADER_TYPE_MASK) {
    case PCI_HEADER_NORMAL:
        return 6;
    case PCI_HEADER_BRIDGE:
        return 2;
    default:
        return 0;
    }
}

int pci_read_bar(const struct pci_config *config, pci_sbdf_t dev, unsigned int index,
                 struct pci_bar *bar)
{
    unsigned int nr = pci_nr_bars(config, dev), reg = PCI_BAR0 + 4 * index;
    uint32_t low;

    if (index >= nr)
        return -EINVAL;
    low = read32(config, dev, reg);
    *bar = (struct pci_bar){ .nr_slots = 1 };
    if (low & BAR_IO) {
        bar->io = true;
        bar->addr = low & BAR_IO_MASK;
        return 0;
    }
    if ((low & BAR_TYPE) == (BAR_TYPE_1M | BAR_TYPE_64))
        return -EINVAL;
    bar->prefetchable = low & BAR_PREFETCHABLE;
    bar->addr = low & BAR_MEM_MASK;
    if ((low & BAR_TYPE) == BAR_TYPE_64) {
        if (index + 1 >= nr)
            return -EINVAL;
        bar->wide = true;
        bar->nr_slots = 2;
        bar->addr |= (uint64_t)read32(config, dev, reg + 4) << 32;
    }
    return 0;
}

/* Write ones, read which stick, put the old value back. */
static uint32_t probe(const struct pci_config *config, pci_sbdf_t dev, unsigned int reg)
{
    uint32_t old = read32(config, dev, reg), sticks;

    pci_write(config, dev, reg, 4, UINT32_MAX);
    sticks = read32(config, dev, reg);
    pci_write(config, dev, reg, 4, old);
    return sticks;
}

/* The lowest address bit that can be set is the size. */
static uint64_t size_of(uint64_t mask)
{
    return mask & -mask;
}

int pci_size_bar(const struct pci_config *config, pci_sbdf_t dev, unsigned int index,
                 struct pci_bar *bar)
{
    unsigned int reg = PCI_BAR0 + 4 * index;
    uint16_t command;
    uint64_t mask;
    int rc = pci_read_bar(config, dev, index, bar);

    if (rc)
        return rc;
    command = read16(config, dev, PCI_COMMAND);
    pci_write(config, dev, PCI_COMMAND, 2,
              command & ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));

    mask = probe(config, dev, reg);
    if (bar->io) {
        mask &= BAR_IO_MASK;
        if (mask) /* devices may leave the upper half of a port address unimplemented */
            mask |= 0xffff0000;
    } else {
        mask &= BAR_MEM_MASK;
        if (bar->wide)
            mask |= (uint64_t)probe(config, dev, reg + 4) << 32;
    }
    pci_write(config, dev, PCI_COMMAND, 2, command);
    bar->size = size_of(mask);
    return 0;
}

void pci_for_each_function(const struct pci_config *config, uint16_t segment, uint8_t bus,
                           bool (*fn)(void *ctx, pci_sbdf_t dev), void *ctx)
{
    for (unsigned int device = 0; device < 32; device++) {
        unsigned int nr = 1;

        for (unsigned int function = 0; function < nr; function++) {
            pci_sbdf_t dev = pci_sbdf(segment, bus, pci_devfn(device, function));

            if (!pci_present(config, dev))
                continue;
            if (!function && read8(config, dev, PCI_HEADER_TYPE) & PCI_HEADER_MULTI_FUNCTION)
                nr = 8;
            if (!fn(ctx, dev))
                return;
        }
    }
}
