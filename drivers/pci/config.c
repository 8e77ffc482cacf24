/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways into PCI configuration space: PCI Local Bus specification 3.0, "Configuration Mechanism";
 * PCI Express Base specification, "PCI Express Enhanced Configuration Access Mechanism (ECAM)".
 *
 * Not yet: AMD family 10h processors execute ECAM accesses only through al, ax or eax (BKDG for
 * family 10h, "MMIO Configuration Coding Requirements"), which C cannot promise; leave ECAM out
 * there.
 */
#include <drivers/pci.h>

#include <hv/errno.h>
#include <lib/string.h>

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define ECAM_BUS_SHIFT 20
#define ECAM_DEVFN_SHIFT 12

static bool access_ok(unsigned int reg, unsigned int width)
{
    return (width == 1 || width == 2 || width == 4) && !(reg & (width - 1)) &&
           reg < PCI_CONFIG_EXT_BYTES;
}

uint32_t pci_cf8_address(pci_sbdf_t dev, unsigned int reg)
{
    return ADDRESS_ENABLE | (dev.n & 0xffff) << 8 | (reg & 0xfc);
}

void pci_config_init(struct pci_config *config, const struct pci_ports *ports)
{
    memset(config, 0, sizeof(*config));
    config->ports = *ports;
}

int pci_config_add_ecam(struct pci_config *config, const struct pci_ecam *ecam)
{
    if (!ecam->base || ecam->start_bus > ecam->end_bus)
        return -EINVAL;
    for (unsigned int i = 0; i < config->nr_ecam; i++) {
        const struct pci_ecam *e = &config->ecam[i];

        if (e->segment == ecam->segment && e->start_bus <= ecam->end_bus &&
            ecam->start_bus <= e->end_bus)
            return -EINVAL;
    }
    if (config->nr_ecam >= PCI_MAX_ECAM)
        return -ENOSPC;
    config->ecam[config->nr_ecam++] = *ecam;
    return 0;
}

/* Where a function's 4 KiB are mapped, NULL if they are not. */
static volatile uint8_t *ecam_of(const struct pci_config *config, pci_sbdf_t dev)
{
    for (unsigned int i = 0; i < config->nr_ecam; i++) {
        const struct pci_ecam *e = &config->ecam[i];

        if (e->segment == pci_segment(dev) && e->start_bus <= pci_bus(dev) &&
            pci_bus(dev) <= e->end_bus)
            return e->base + ((size_t)(pci_bus(dev) - e->start_bus) << ECAM_BUS_SHIFT) +
                   ((size_t)(dev.n & 0xff) << ECAM_DEVFN_SHIFT);
    }
    return NULL;
}

bool pci_has_extended(const struct pci_config *config, pci_sbdf_t dev)
{
    return ecam_of(config, dev) != NULL;
}

static bool ports_reach(pci_sbdf_t dev, unsigned int reg)
{
    return pci_segment(dev) == 0 && reg < PCI_CONFIG_BYTES;
}

static void ports_select(const struct pci_ports *p, pci_sbdf_t dev, unsigned int reg)
{
    if (p->lock)
        p->lock(p->ctx);
    p->out(p->ctx, PORT_ADDRESS, pci_cf8_address(dev, reg), 4);
}

static void ports_done(const struct pci_ports *p)
{
    if (p->unlock)
        p->unlock(p->ctx);
}

static uint32_t ports_read(const struct pci_ports *p, pci_sbdf_t dev, unsigned int reg,
                           unsigned int width)
{
    uint32_t value;

    ports_select(p, dev, reg);
    value = p->in(p->ctx, (uint16_t)(PORT_DATA + (reg & 3)), width);
    ports_done(p);
    return value;
}

static void ports_write(const struct pci_ports *p, pci_sbdf_t dev, unsigned int reg,
                        unsigned int width, uint32_t value)
{
    ports_select(p, dev, reg);
    p->out(p->ctx, (uint16_t)(PORT_DATA + (reg & 3)), value, width);
    ports_done(p);
}

uint32_t pci_read(const struct pci_config *config, pci_sbdf_t dev, unsigned int reg,
                  unsigned int width)
{
    volatile uint8_t *p;

    if (!access_ok(reg, width))
        return UINT32_MAX;
    p = ecam_of(config, dev);
    if (!p)
        return ports_reach(dev, reg) ? ports_read(&config->ports, dev, reg, width)
                                     : pci_all_ones(width);
    switch (width) {
    case 1:
        return p[reg];
    case 2:
        return *(volatile uint16_t *)(p + reg);
    default:
        return *(volatile uint32_t *)(p + reg);
    }
}

void pci_write(const struct pci_config *config, pci_sbdf_t dev, unsigned int reg,
               unsigned int width, uint32_t value)
{
    volatile uint8_t *p;

    if (!access_ok(reg, width))
        return;
    p = ecam_of(config, dev);
    if (!p) {
        if (ports_reach(dev, reg))
            ports_write(&config->ports, dev, reg, width, value);
        return;
    }
    switch (width) {
    case 1:
        p[reg] = (uint8_t)value;
        return;
    case 2:
        *(volatile uint16_t *)(p + reg) = (uint16_t)value;
        return;
    default:
        *(volatile uint32_t *)(p + reg) = value;
        return;
    }
}
