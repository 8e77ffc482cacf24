/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 60000 */
/* links: arch/x86/vpci.c arch/x86/vpci_reg.c arch/x86/pci_filter.c arch/x86/pci_guard.c */
/* links: arch/x86/msi.c drivers/pci/config.c drivers/pci/device.c core/lock.c */
/*
 * Configuration space and MSI-X tables of a PVH dom0, on devices that are played: ports, registers,
 * device memory. Input: 8 bytes of what the devices say of themselves, then 6 bytes an access:
 * what, where, a value. dom0 may write what it likes; always: an interrupt that a device may send
 * has a message that we made, of a vector that is bound to dom0; what dom0 switched off is off, and
 * has no interrupt; nothing that is memory is mapped as a table.
 */
#include "../host/vpci_world.h"

#include <hv/iommu_intr.h>

#define MMCFG 0xb0000000U
#define MAX_STEPS 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Messages are not remapped. */
int iommu_message_prepare(uint32_t sbdf) { return 0; }
int iommu_message(uint32_t sbdf, const struct iommu_intr *i, struct iommu_message *out)
{
    return 0;
}
void iommu_message_end(uint32_t sbdf, const struct iommu_intr *i) { }

/* --- what has to hold ------------------------------------------------------------------------- */

/* A message that could be sent: ours, of nr vectors that dom0 has. */
static void ours(uint32_t address, uint32_t data, unsigned int nr, uint32_t masked)
{
    require(address == MSI_ADDRESS && data >= VECTOR_OF(0) && data + nr <= VECTOR_OF(IRQS));
    data -= VECTOR_OF(0);
    for (unsigned int i = 0; i < nr; i++)
        require(masked >> i & 1 || (desc[data + i].allocated &&
                                    (bound[data + i] || refused[data + i])));
}

static uint32_t read_config(unsigned int n, unsigned int reg, unsigned int width)
{
    return vpci_port_read(dom0, 0x80000000U | dev[n].id.n << 8 | (reg & ~3U), reg & 3, width);
}

static void write_config(unsigned int n, unsigned int reg, unsigned int width, uint32_t val)
{
    vpci_port_write(dom0, 0x80000000U | dev[n].id.n << 8 | (reg & ~3U), reg & 3, width, val);
}

static void check_msi(unsigned int n)
{
    const struct pci_msi *c = &dev[n].guard.msi_cap;
    const bool on = reg16(n, c->pos + 2) & 1, wanted = read_config(n, c->pos + 2, 2) & 1;

    require(wanted || (!on && !dev[n].guard.msi));
    if (on)
        ours(reg32(n, c->pos + 4), reg16(n, c->data_reg), 1U << (reg16(n, c->pos + 2) >> 4 & 7),
             c->maskable ? reg32(n, c->mask_reg) : 0);
    require(!on || !c->wide || reg32(n, c->pos + 8) == 0);
}

/* While the BAR is where it was, as we see the table only there. */
static void check_msix(unsigned int n)
{
    const struct pci_msix *c = &dev[n].guard.msix_cap;
    const uint16_t control = reg16(n, c->pos + 2);
    const uint32_t *e = (const uint32_t *)(hw[n].memory + c->table_offset);

    require(read_config(n, c->pos + 2, 2) & 0x8000 || (!(control & 0x8000) && !dev[n].guard.msix));
    if (!(control & 0x8000) || (const void *)dev[n].msix_table != e)
        return;
    for (unsigned int i = 0; i < c->nr; i++, e += 4)
        if (!(e[3] & 1)) {
            ours(e[0], e[2], 1, 0);
            require(!e[1]);
        }
}

static void check(void)
{
    for (unsigned int n = 0; n < DEVICES; n++) {
        if (dev[n].vpci && dev[n].has_msi)
            check_msi(n);
        if (dev[n].vpci && dev[n].has_msix)
            check_msix(n);
    }
}

/* --- accesses --------------------------------------------------------------------------------- */

static void memory_access(unsigned int n, uint32_t offset, unsigned int width, bool write,
                          uint32_t word)
{
    uint64_t val = word | (uint64_t)word << 32;
    const uint64_t pa = bar_of(n) + offset;

    if (vpci_is_table(pa))
        require(vpci_table_access(dom0, pa, width, write, &val));
}

/* Places that matter more often than others: capabilities, BARs, the command register. */
static unsigned int place(uint8_t b)
{
    static const uint8_t at[] = { 0x04, 0x10, 0x14, 0x50, 0x52, 0x54, 0x58, 0x5c, 0x60, 0x82 };

    return b & 0x80 ? at[(b & 0x7f) % ARRAY_SIZE(at)] : b * 2U;
}

static void step(const uint8_t *b)
{
    static const uint8_t widths[] = { 1, 2, 4, 8 };
    const unsigned int n = (b[0] & 3) % DEVICES, width = widths[b[0] >> 2 & 3];
    uint32_t val = b[2] | b[3] << 8U | (uint32_t)b[4] << 16 | (uint32_t)b[5] << 24;
    const uint32_t in_table = dev[n].guard.msix_cap.table_offset + b[1] * 4U;

    switch (b[0] >> 4 & 7) {
    case 0: read_config(n, place(b[1]), width & 7); break;
    case 1:
    case 2: write_config(n, place(b[1]), width & 7, val); break;
    case 3:
        (void)vpci_mmcfg_access(dom0, MMCFG + (dev[n].id.n << 12) + place(b[1]), width,
                                b[0] & 0x80, &val);
        break;
    case 4: memory_access(n, in_table - (b[5] & 15), width, b[0] & 0x80, val); break;
    case 5:
    case 6: memory_access(n, in_table & ~3U, width < 4 ? 4 : width, true, val); break;
    default: refuse = b[0] & 0x80; break;
    }
}

static void finish(void)
{
    refuse = false;
    for (unsigned int n = 0; n < DEVICES; n++) {
        write_config(n, MSI_POS + 2, 2, 0);
        write_config(n, MSIX_POS + 2, 2, 0);
        require(!dev[n].blocks);
    }
    for (unsigned int i = 0; i < IRQS; i++)
        require(!desc[i].allocated && !bound[i]);
    while (nr_given)
        free(given[--nr_given]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct domain d = { .is_hardware = true, .kind = 2 };
    static struct vcpu v = { .domain = &d };
    const struct pci_ports ports = { .in = in, .out = out };

    if (size < 8)
        return 0;
    dom0 = &d;
    host_current[0] = &v;
    acpi_info.mcfg.nr = 1;
    acpi_info.mcfg.region[0] = (struct acpi_mcfg_region){ .base = MMCFG, .end_bus = 255 };
    pci_config_init(&pci_hw, &ports);
    memset(desc, 0, sizeof(desc));
    memset(bound, 0, sizeof(bound));
    for (unsigned int n = 0; n < DEVICES; n++)
        device_start(n, data + 2 * n);
    data += 8;
    size -= 8;
    for (unsigned int i = 0; i < MAX_STEPS && size >= 6; i++, data += 6, size -= 6) {
        step(data);
        check();
    }
    finish();
    return 0;
}
