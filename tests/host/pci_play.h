/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration space by ports, of functions that a test's config_byte() makes up. */
#ifndef PCI_PLAY_H
#define PCI_PLAY_H

#include <drivers/pci.h>

static uint8_t config_byte(uint32_t bdf, unsigned int reg);

static uint32_t pci_play_address;

static uint32_t pci_play_in(void *unused, uint16_t port, unsigned int width)
{
    const unsigned int reg = (pci_play_address & 0xfc) + (port & 3);
    uint32_t v = 0;

    for (unsigned int i = 0; i < width; i++)
        v |= (uint32_t)config_byte(pci_play_address >> 8 & 0xffff, reg + i) << 8 * i;
    return v;
}

static void pci_play_out(void *unused, uint16_t port, uint32_t v, unsigned int width)
{
    pci_play_address = v;
}

static const struct pci_ports pci_play = { .in = pci_play_in, .out = pci_play_out };

#endif
