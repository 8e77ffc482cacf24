/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What we know of PCI devices. Configuration space is reached through the ports; registers behind
 * the first 256 bytes, and other segments, through a device's own page of an MMCFG region, mapped
 * when dom0 first writes there.
 */
#include <arch/insn.h>
#include <arch/ioapic.h>
#include <arch/msi.h>
#include <arch/paging.h>
#include <arch/pv_mmu.h>
#include <drivers/acpi.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>

#define BUCKETS 256

DEFINE_SPINLOCK(pci_lock, RANK_PHYSDEV);
struct pci_config pci_hw;

static DEFINE_SPINLOCK(ports_lock, RANK_HW);
static struct pci_dev *bucket[BUCKETS];

/* NO_TSA: drivers/pci takes and gives the lock through these pointers. */
static void NO_TSA ports_take(void *ctx) { spin_lock(&ports_lock); }
static void NO_TSA ports_give(void *ctx) { spin_unlock(&ports_lock); }

static void protect(paddr_t start, uint64_t size)
{
    if (rangeset_add(mmio_ro_ranges, start >> PAGE_SHIFT, (start + size - 1) >> PAGE_SHIFT))
        boot_fail("out of memory for the set of read-only device frames");
}

/*
 * dom0 may look at all of them; it changes configuration space through us (pci_filter.c), and
 * IO-APICs not at all.
 */
static void protect_registers(void)
{
    for (unsigned int i = 0; i < acpi_info.mcfg.nr; i++) {
        const struct acpi_mcfg_region *r = &acpi_info.mcfg.region[i];

        protect(r->base + ((paddr_t)r->start_bus << 20), (r->end_bus - r->start_bus + 1ULL) << 20);
    }
    for (unsigned int i = 0; i < acpi_info.madt.nr_ioapics; i++)
        protect(acpi_info.madt.ioapic[i].addr, PAGE_SIZE);
}

void pci_dev_init(void)
{
    struct pci_ports ports;

    protect_registers();

    pci_ports_real(&ports);
    ports.lock = ports_take;
    ports.unlock = ports_give;
    pci_config_init(&pci_hw, &ports);
}

static struct pci_dev **chain_of(pci_sbdf_t id) { return &bucket[(id.n ^ id.n >> 8) % BUCKETS]; }

struct pci_dev *pci_dev_find(pci_sbdf_t id)
{
    for (struct pci_dev *dev = *chain_of(id); dev; dev = dev->next)
        if (dev->id.n == id.n)
            return dev;
    return NULL;
}

struct pci_dev *pci_dev_get(pci_sbdf_t id)
{
    struct pci_dev *dev = pci_dev_find(id);

    if (dev)
        return dev;
    dev = hv_alloc(sizeof(*dev));
    if (dev == NULL)
        return NULL;
    dev->id = id;
    dev->next = *chain_of(id);
    *chain_of(id) = dev;
    return dev;
}

void pci_dev_search(bool (*fn)(struct pci_dev *dev, void *ctx), void *ctx)
{
    for (unsigned int i = 0; i < BUCKETS; i++)
        for (struct pci_dev *dev = bucket[i]; dev; dev = dev->next)
            if (fn(dev, ctx))
                return;
}

bool arch_pci_known(uint32_t sbdf)
{
    const struct pci_dev *dev;
    bool known;

    spin_lock(&pci_lock);
    dev = pci_dev_find((pci_sbdf_t){ sbdf });
    known = dev && dev->announced;
    spin_unlock(&pci_lock);
    return known;
}

void arch_pci_quiet(uint32_t sbdf)
{
    struct pci_dev *dev;

    spin_lock(&pci_lock);
    dev = pci_dev_find((pci_sbdf_t){ sbdf });
    if (dev)
        msi_quiet(dev);
    spin_unlock(&pci_lock);
}

bool pci_dev_caps(struct pci_dev *dev)
{
    if (dev->caps_read)
        return true;
    if (!dev->is_virtual && !pci_present(&pci_hw, dev->id))
        return false;
    dev->has_msi = pci_read_msi(&pci_hw, dev->id, &dev->guard.msi_cap);
    dev->has_msix = pci_read_msix(&pci_hw, dev->id, &dev->guard.msix_cap);
    dev->caps_read = true;
    return true;
}

volatile uint8_t *pci_dev_ecam(struct pci_dev *dev)
{
    for (unsigned int i = 0; dev->ecam == NULL && i < acpi_info.mcfg.nr; i++) {
        const struct acpi_mcfg_region *r = &acpi_info.mcfg.region[i];
        uint8_t bus = pci_bus(dev->id);

        if (r->segment == pci_segment(dev->id) && bus >= r->start_bus && bus <= r->end_bus)
            dev->ecam = hv_ioremap(r->base + ((paddr_t)(dev->id.n & 0xffff) << PAGE_SHIFT),
                                   PAGE_SIZE);
    }
    return dev->ecam;
}
