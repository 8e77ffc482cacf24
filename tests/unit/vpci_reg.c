/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/vpci_reg.c */
/* A translated dom0's MSI and MSI-X registers: what is its own, and what reaches the device. */
#include "check.h"

#include <arch/vpci_reg.h>

static struct vpci_msix_entry table[4];
static struct vpci_regs v;
static enum vpci_change change;

static void start(void)
{
    v = (struct vpci_regs){ .has_msi = true, .has_msix = true, .msix.entry = table };
    v.msi_cap = (struct pci_msi){ .pos = 0x50, .nr = 4, .wide = true, .maskable = true,
                                  .data_reg = 0x5c, .mask_reg = 0x60 };
    v.msix_cap = (struct pci_msix){ .pos = 0x70, .nr = 4 };
    vpci_regs_init(&v);
}

int main(void)
{
    TEST("MSI: control, address and data are dom0's own, the rest the device's")
    {
        start();
        CHECK_EQ(vpci_regs_write(&v, 0x54, 4, 0xfee01003, &change), 0);
        CHECK_EQ(change, VPCI_MSI);
        CHECK_EQ(vpci_regs_read(&v, 0x54, 4, 0x12345678), 0xfee01000);
        CHECK_EQ(vpci_regs_write(&v, 0x52, 2, 0x0071, &change), 0xff8e);
        CHECK_EQ(v.msi.log2, 2);
        CHECK(v.msi.enabled);
        CHECK_EQ(vpci_regs_read(&v, 0x50, 4, 0x01840005), 0x01a50005);
        vpci_regs_write(&v, 0x60, 4, ~0U, &change);
        CHECK_EQ(v.msi.mask, 15);
        CHECK_EQ(vpci_regs_write(&v, 0x04, 2, 7, &change), 0xffff);
        CHECK_EQ(change, VPCI_NOTHING);
    }
    TEST("MSI-X: enable and mask-all, and the table's words")
    {
        start();
        CHECK(table[3].masked);
        CHECK_EQ(vpci_regs_write(&v, 0x72, 2, 0xc000, &change), 0x3fff);
        CHECK_EQ(change, VPCI_MSIX);
        CHECK(v.msix.enabled && v.msix.mask_all);
        CHECK_EQ(vpci_table_write(&v, 0x20, 8, 0x1fee02007), 2);
        CHECK_EQ(vpci_table_read(&v, 0x20, 8), 0x1fee02004);
        CHECK_EQ(vpci_table_write(&v, 0x28, 8, 0x41), 2);
        CHECK(!table[2].masked);
        CHECK_EQ(table[2].data, 0x41);
    }
    return check_exit();
}
