/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports 0xcf8 to 0xcff on x86: the only place that couples the PCI code to the machine. */
#include <arch/insn.h>
#include <drivers/pci.h>

static uint32_t port_in(void *ctx, uint16_t port, unsigned int width)
{
    return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

static void port_out(void *ctx, uint16_t port, uint32_t value, unsigned int width)
{
    if (width == 1)
        outb(port, (uint8_t)value);
    else if (width == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

void pci_ports_real(struct pci_ports *ports)
{
    *ports = (struct pci_ports){ .in = port_in, .out = port_out };
}
