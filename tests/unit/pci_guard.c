/* SPDX-License-Identifier: GPL-2.0-only */
/* What dom0 may write of a device's MSI and MSI-X registers. */
/* links: arch/x86/pci_guard.c */
#include "check.h"

#include <arch/msi.h>

/*
 * 64-bit address, mask bits: control 0x52, address 0x54-0x5b, data 0x5c, mask 0x60, pending 0x64;
 * MSI-X at 0x70
 */
static struct pci_guard guard = {
    .msi_cap = { .pos = 0x50, .nr = 4, .wide = true, .maskable = true, .data_reg = 0x5c,
                 .mask_reg = 0x60 },
    .msix_cap = { .pos = 0x70, .nr = 8 },
};

static uint32_t ones(unsigned int size) { return size == 4 ? ~0U : (1U << (8 * size)) - 1; }

static void use(bool msi, bool msix)
{
    guard.msi = msi;
    guard.msix = msix;
}

int main(void)
{
    TEST("nothing in use: everything passes") {
        use(false, false);
        for (unsigned int size = 1; size <= 4; size *= 2)
            for (unsigned int reg = 0; reg < 4096; reg += size)
                CHECK_EQ(pci_guard_allows(&guard, reg, size), ones(size));
    }
    TEST("MSI: only the enable bit of control") {
        use(true, false);
        CHECK_EQ(pci_guard_allows(&guard, 0x50, 4), 0x00010000);
        CHECK_EQ(pci_guard_allows(&guard, 0x52, 2), 0x0001);
        CHECK_EQ(pci_guard_allows(&guard, 0x52, 1), 0x01);
        CHECK_EQ(pci_guard_allows(&guard, 0x53, 1), 0);
    }
    TEST("MSI: address, data and mask are ours") {
        use(true, false);
        for (unsigned int size = 1; size <= 4; size *= 2)
            for (unsigned int reg = 0x54; reg < 0x64; reg += size)
                CHECK_EQ(pci_guard_allows(&guard, reg, size), 0);
        CHECK_EQ(pci_guard_allows(&guard, 0x64, 4), ~0U);
        CHECK_EQ(pci_guard_allows(&guard, 0x4c, 4), ~0U);
        CHECK_EQ(pci_guard_allows(&guard, 0x70, 4), ~0U);
    }
    TEST("MSI of the short kind ends with its data") {
        struct pci_guard g = { .msi = true, .msi_cap = { .pos = 0x40, .nr = 1, .data_reg = 0x48 } };

        CHECK_EQ(pci_guard_allows(&g, 0x44, 4), 0);
        CHECK_EQ(pci_guard_allows(&g, 0x48, 2), 0);
        CHECK_EQ(pci_guard_allows(&g, 0x4c, 4), ~0U);
    }
    TEST("MSI-X: enable and mask-all stay dom0's") {
        use(false, true);
        CHECK_EQ(pci_guard_allows(&guard, 0x72, 2), 0xc000);
        CHECK_EQ(pci_guard_allows(&guard, 0x70, 4), 0xc0000000);
        CHECK_EQ(pci_guard_allows(&guard, 0x72, 1), 0);
        CHECK_EQ(pci_guard_allows(&guard, 0x73, 1), 0xc0);
        CHECK_EQ(pci_guard_allows(&guard, 0x74, 4), ~0U);
        CHECK_EQ(pci_guard_allows(&guard, 0x54, 4), ~0U);
    }
    return check_exit();
}
