/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which bits of a device's configuration registers dom0 may write while its MSI or MSI-X is
 * programmed by us. Pure.
 */
#include <arch/msi.h>

#define MSI_CONTROL_ENABLE 0x0001U
#define MSIX_CONTROL_OWN 0xc000U /* enable, mask all */

/* Of the 32 bits at an aligned register. */
static uint32_t dword_allows(const struct pci_guard *g, unsigned int reg)
{
    if (g->msi) {
        const struct pci_msi *c = &g->msi_cap;
        unsigned int end = c->maskable ? c->mask_reg + 4 : (c->data_reg & ~3U) + 4;

        if (reg == c->pos)
            return MSI_CONTROL_ENABLE << 16;
        if (reg > c->pos && reg < end)
            return 0;
    }
    if (g->msix && reg == g->msix_cap.pos)
        return MSIX_CONTROL_OWN << 16;
    return ~0U;
}

uint32_t pci_guard_allows(const struct pci_guard *g, unsigned int reg, unsigned int size)
{
    uint32_t ones = size >= 4 ? ~0U : (1U << (8 * size)) - 1;

    return (dword_allows(g, reg & ~3U) >> (8 * (reg & 3))) & ones;
}
