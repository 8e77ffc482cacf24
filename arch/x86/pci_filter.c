/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dom0's configuration accesses. While we have an MSI or MSI-X of a device programmed, its message
 * and mask registers are ours; dom0 may still switch the capability on and off and mask the whole
 * function, which its PCI core does.
 */
#include <arch/ioapic.h>
#include <arch/msi.h>
#include <arch/vpci.h>
#include <drivers/acpi.h>
#include <hv/domain.h>

#define CF8_ENABLE 0x80000000U

/* --- accesses --------------------------------------------------------------------------------- */

static bool size_ok(unsigned int reg, unsigned int size)
{
    return (size == 1 || size == 2 || size == 4) && (reg & (size - 1)) == 0;
}

static uint32_t ecam_read(volatile uint8_t *p, unsigned int size)
{
    return size == 1 ? *p : size == 2 ? *(volatile uint16_t *)p : *(volatile uint32_t *)p;
}

static void ecam_write(volatile uint8_t *p, unsigned int size, uint32_t value)
{
    if (size == 1)
        *p = (uint8_t)value;
    else if (size == 2)
        *(volatile uint16_t *)p = (uint16_t)value;
    else
        *(volatile uint32_t *)p = value;
}

static bool by_ports(pci_sbdf_t id, unsigned int reg)
{
    return pci_segment(id) == 0 && reg < PCI_CONFIG_BYTES;
}

static uint32_t config_read(struct pci_dev *dev, unsigned int reg, unsigned int size)
    REQUIRES(pci_lock)
{
    volatile uint8_t *page;

    if (by_ports(dev->id, reg))
        return pci_read(&pci_hw, dev->id, reg, size);
    page = pci_dev_ecam(dev);
    return page ? ecam_read(page + reg, size) : pci_all_ones(size);
}

static void config_write(struct pci_dev *dev, unsigned int reg, unsigned int size, uint32_t value)
    REQUIRES(pci_lock)
{
    volatile uint8_t *page;

    if (by_ports(dev->id, reg)) {
        pci_write(&pci_hw, dev->id, reg, size, value);
        return;
    }
    page = pci_dev_ecam(dev);
    if (page)
        ecam_write(page + reg, size, value);
}

static void guarded_write(struct pci_dev *dev, unsigned int reg, unsigned int size, uint32_t value)
    REQUIRES(pci_lock)
{
    uint32_t allowed = pci_guard_allows(&dev->guard, reg, size);

    if (allowed == 0)
        return;
    if (allowed != pci_all_ones(size))
        value = (value & allowed) | (config_read(dev, reg, size) & ~allowed);
    config_write(dev, reg, size, value);
}

/* --- a translated dom0 ------------------------------------------------------------------------ */

/* Who scans the bus asks for many that are not there: no record for these. NULL: not there. */
static struct pci_dev *dev_that_is_there(pci_sbdf_t id) REQUIRES(pci_lock)
{
    struct pci_dev *dev = pci_dev_find(id);

    if (dev == NULL && (!by_ports(id, 0) || pci_present(&pci_hw, id)))
        dev = pci_dev_get(id);
    return dev;
}

static uint32_t translated_read(pci_sbdf_t id, unsigned int reg, unsigned int size)
{
    struct pci_dev *dev;
    uint32_t val = pci_all_ones(size);

    spin_lock(&pci_lock);
    dev = dev_that_is_there(id);
    if (dev)
        val = vpci_read(dev, reg, size, config_read(dev, reg, size));
    spin_unlock(&pci_lock);
    return val;
}

static void translated_write(struct domain *d, pci_sbdf_t id, unsigned int reg, unsigned int size,
                             uint32_t val)
{
    struct pci_dev *dev;
    uint32_t pass;

    spin_lock(&pci_lock);
    dev = dev_that_is_there(id);
    if (dev) {
        pass = vpci_write_begin(dev, d, reg, size, val) & pci_all_ones(size);
        if (pass != pci_all_ones(size))
            val = (val & pass) | (config_read(dev, reg, size) & ~pass);
        if (pass != 0)
            config_write(dev, reg, size, val);
        vpci_write_end(dev, d, reg);
    }
    spin_unlock(&pci_lock);
}

/* --- dom0's, of either kind ------------------------------------------------------------------- */

static void guest_write_config(pci_sbdf_t id, unsigned int reg, unsigned int size, uint32_t value)
{
    struct pci_dev *dev;

    if (!size_ok(reg, size))
        return;
    spin_lock(&pci_lock);
    /*
     * A device that we know nothing of has nothing to guard, and needs no record unless it takes a
     * page of its own.
     */
    dev = by_ports(id, reg) ? pci_dev_find(id) : pci_dev_get(id);
    if (dev)
        guarded_write(dev, reg, size, value);
    else if (by_ports(id, reg))
        pci_write(&pci_hw, id, reg, size, value);
    spin_unlock(&pci_lock);
}

/* Bits 27 to 24 are the upper register bits on some AMD chips; we do not offer that. */
static bool cf8_decode(uint32_t cf8, unsigned int offset, pci_sbdf_t *id, unsigned int *reg)
{
    *id = (pci_sbdf_t){ (cf8 >> 8) & 0xffff };
    *reg = (cf8 & 0xfc) + offset;
    return (cf8 & CF8_ENABLE) && !(cf8 & 0x7f000000);
}

uint32_t vpci_port_read(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int size)
{
    pci_sbdf_t id;
    unsigned int reg;

    if (!d->is_hardware || !cf8_decode(cf8, offset, &id, &reg) || !size_ok(reg, size))
        return pci_all_ones(size);
    return is_hvm(d) ? translated_read(id, reg, size) : pci_read(&pci_hw, id, reg, size);
}

void vpci_port_write(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int size,
                     uint32_t value)
{
    pci_sbdf_t id;
    unsigned int reg;

    if (!d->is_hardware || !cf8_decode(cf8, offset, &id, &reg))
        return;
    if (is_pv(d))
        guest_write_config(id, reg, size, value);
    else if (size_ok(reg, size))
        translated_write(d, id, reg, size, value);
}

/* The device and register that an address is of; false: of none. */
static bool mmcfg_decode(paddr_t pa, pci_sbdf_t *id, unsigned int *reg)
{
    for (unsigned int i = 0; i < acpi_info.mcfg.nr; i++) {
        const struct acpi_mcfg_region *r = &acpi_info.mcfg.region[i];
        uint64_t off = pa - r->base;

        if (pa < r->base || off >> 20 < r->start_bus || off >> 20 > r->end_bus)
            continue;
        *id = pci_sbdf(r->segment, (uint8_t)(off >> 20), (uint8_t)(off >> 12));
        *reg = (unsigned int)(off & PAGE_OFFSET_MASK);
        return true;
    }
    return false;
}

bool vpci_is_mmcfg(paddr_t pa)
{
    pci_sbdf_t id;
    unsigned int reg;

    return mmcfg_decode(pa, &id, &reg);
}

bool pci_mmcfg_write(paddr_t pa, unsigned int size, uint32_t value)
{
    pci_sbdf_t id;
    unsigned int reg;

    if (!mmcfg_decode(pa, &id, &reg))
        return false;
    guest_write_config(id, reg, size, value);
    return true;
}

bool vpci_mmcfg_access(struct domain *d, paddr_t pa, unsigned int size, bool write, uint32_t *val)
{
    pci_sbdf_t id;
    unsigned int reg;

    if (!mmcfg_decode(pa, &id, &reg))
        return false;
    if (!size_ok(reg, size))
        *val = ~0U;
    else if (write)
        translated_write(d, id, reg, size, *val);
    else
        *val = translated_read(id, reg, size);
    return true;
}
