/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Message-signalled interrupts: the chip of all irqs above the GSIs. The hypervisor alone writes
 * addresses, data and mask bits; vectors exist from mapping to unmapping. A message that can be
 * masked is masked while it changes; one that cannot only ever changes its address, in one write,
 * or is remapped (hv/iommu_intr.h) and stays as it is.
 * PCI Local Bus Specification 3.0 §6.8.1 "MSI Capability Structure", §6.8.2 "MSI-X".
 */
#include <arch/irq.h>
#include <arch/msi.h>
#include <arch/paging.h>
#include <arch/pv_mmu.h>
#include <arch/smpboot.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>

#define MSI_CONTROL 2
#define MSI_ENABLE 0x0001U
#define MSI_NR_SHIFT 4
#define MSI_NR_MASK 0x0070U
#define MSI_ADDRESS_REG 4
#define MSIX_CONTROL 2
#define MSIX_ENABLE 0x8000U
#define MSIX_MASK_ALL 0x4000U
#define MSIX_ENTRY_WORDS 4UL /* address, upper address, data, vector control */
#define MSIX_MASKED 1U

static DEFINE_SPINLOCK(msi_lock, RANK_VECTOR); /* mask, enabled: of all blocks */

static uint32_t cfg_read(const struct msi_block *b, unsigned int reg, unsigned int width)
{
    return pci_read(&pci_hw, b->dev->id, reg, width);
}

static void cfg_write(const struct msi_block *b, unsigned int reg, unsigned int width,
                      uint32_t value)
{
    pci_write(&pci_hw, b->dev->id, reg, width, value);
}

static volatile uint32_t *entry_of(const struct msi_block *b)
{
    return b->dev->msix_table + MSIX_ENTRY_WORDS * b->entry;
}

/* --- registers -------------------------------------------------------------------------------- */

/* The read-back: after it, the device has seen the write and sends nothing more. */
static void write_mask(struct msi_block *b, uint32_t mask) REQUIRES(msi_lock)
{
    if (!b->maskable || mask == b->mask)
        return;
    if (b->msix) {
        entry_of(b)[3] = mask;
        (void)entry_of(b)[3];
    } else {
        cfg_write(b, b->dev->guard.msi_cap.mask_reg, 4, mask);
    }
    b->mask = mask;
}

static void write_message(const struct msi_block *b, const struct iommu_message *msg)
{
    const struct pci_msi *c = &b->dev->guard.msi_cap;

    if (b->msix) {
        entry_of(b)[0] = msg->address;
        entry_of(b)[1] = msg->address_high;
        entry_of(b)[2] = msg->data;
        return;
    }
    cfg_write(b, c->pos + MSI_ADDRESS_REG, 4, msg->address);
    if (c->wide)
        cfg_write(b, c->pos + MSI_ADDRESS_REG + 4, 4, msg->address_high);
    cfg_write(b, c->data_reg, 2, msg->data);
}

static struct iommu_intr intr_of(const struct msi_block *b, const struct irq_desc *desc)
{
    return (struct iommu_intr){
        .dest = cpu_apic_id[desc->cpu], .irq = b->first, .index = b->msix ? b->entry : 0,
        .vector = desc->vector, .nr = b->nr
    };
}

/* Where it goes and what it says, for this device. */
static int write_route(struct msi_block *b, const struct irq_desc *desc) REQUIRES(msi_lock)
{
    const struct iommu_intr i = intr_of(b, desc);
    struct iommu_message msg = {
        .address = msi_address((uint8_t)i.dest), .data = msi_data(i.vector)
    };
    const int rc = iommu_message(b->dev->id.n, &i, &msg);

    if (rc < 0)
        return rc;
    if (rc == 0 && i.dest > MSI_DEST_MAX)
        return -ENOSPC;
    b->remapped = rc > 0;
    write_message(b, &msg);
    return 0;
}

static void write_control(const struct msi_block *b, bool enable)
{
    unsigned int reg = (b->msix ? b->dev->guard.msix_cap.pos : b->dev->guard.msi_cap.pos) +
                       MSI_CONTROL;
    uint32_t v = cfg_read(b, reg, 2), bit = b->msix ? MSIX_ENABLE : MSI_ENABLE;

    if (!b->msix)
        v = (v & ~MSI_NR_MASK) | (uint32_t)__builtin_ctz(b->nr) << MSI_NR_SHIFT;
    cfg_write(b, reg, 2, enable ? v | bit : v & ~bit);
}

/* --- the chip --------------------------------------------------------------------------------- */

static uint32_t bit_of(const struct irq_desc *desc, const struct msi_block *b)
{
    return b->msix ? MSIX_MASKED : 1U << (desc->irq - b->first);
}

static void msi_mask(struct irq_desc *desc)
{
    struct msi_block *b = desc->chip_data;

    spin_lock(&msi_lock);
    write_mask(b, b->mask | bit_of(desc, b));
    spin_unlock(&msi_lock);
}

/*
 * The first one also lets the device send; dom0's PCI core does so too, but not in every case
 * before it binds.
 */
static void msi_unmask(struct irq_desc *desc)
{
    struct msi_block *b = desc->chip_data;

    spin_lock(&msi_lock);
    write_mask(b, b->mask & ~bit_of(desc, b));
    if (!b->enabled)
        write_control(b, true);
    b->enabled = true;
    spin_unlock(&msi_lock);
}

static void msi_route(struct irq_desc *desc)
{
    struct msi_block *b = desc->chip_data;
    uint32_t mask;

    spin_lock(&msi_lock);
    mask = b->mask;
    write_mask(b, ~0U >> (b->msix ? 31 : 32 - b->nr));
    (void)!write_route(b, desc); /* it had a place before */
    write_mask(b, mask);
    spin_unlock(&msi_lock);
}

static bool msi_can_move(const struct irq_desc *desc)
{
    const struct msi_block *b = desc->chip_data;

    return b->maskable || b->remapped; /* an entry of an IOMMU's changes at once */
}

static const struct irq_chip msi_chip = {
    .name = "MSI", .mask = msi_mask, .unmask = msi_unmask, .route = msi_route,
    .can_move = msi_can_move
};

struct msi_block *msi_block_of(unsigned int irq)
{
    struct irq_desc *desc = irq_to_desc(irq);

    return desc && desc->chip == &msi_chip ? desc->chip_data : NULL;
}

/* --- MSI-X tables ----------------------------------------------------------------------------- */

/* dom0 says where a BAR is, and we write there: never to memory, nor to what is not dom0's. */
bool msix_table_allowed(paddr_t pa, uint64_t size)
{
    const uint64_t first = pa >> PAGE_SHIFT, last = (pa + size - 1) >> PAGE_SHIFT;

    if (pa + size < pa || !rangeset_contains(dom0->iomem_caps, first, last))
        return false;
    for (uint64_t frame = first; frame <= last; frame++)
        if (mfn_is_ram(_mfn(frame)))
            return false;
    return true;
}

/* Virtual functions have no BARs of their own to read; then dom0's word for the address counts. */
static int table_address(struct pci_dev *dev, paddr_t table_base, paddr_t *pa)
{
    const struct pci_msix *c = &dev->guard.msix_cap;
    struct pci_bar bar;

    *pa = table_base + c->table_offset;
    if (dev->is_virtual)
        return table_base ? 0 : -EINVAL;
    if (!(pci_read(&pci_hw, dev->id, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return -ENXIO;
    if (pci_read_bar(&pci_hw, dev->id, c->table_bar, &bar) || bar.io || bar.addr == 0)
        return -ENXIO;
    *pa = bar.addr + c->table_offset;
    return 0;
}

static int table_map(struct pci_dev *dev, paddr_t table_base) REQUIRES(pci_lock)
{
    paddr_t pa;
    int rc = table_address(dev, table_base, &pa);

    if (rc || (dev->msix_table && dev->msix_table_pa == pa))
        return rc;
    if (!msix_table_allowed(pa, dev->guard.msix_cap.nr * MSIX_ENTRY_WORDS * sizeof(uint32_t)))
        return -ENXIO;
    if (dev->guard.msix)
        return -EBUSY; /* the BAR moved under entries in use */
    dev->msix_table = hv_ioremap(pa, dev->guard.msix_cap.nr * MSIX_ENTRY_WORDS * sizeof(uint32_t));
    dev->msix_table_pa = pa;
    return dev->msix_table ? 0 : -ENOMEM;
}

int msix_protect(struct pci_dev *dev, paddr_t table_base, bool on)
{
    uint64_t first, last;
    int rc;

    if (!pci_dev_caps(dev) || !dev->has_msix)
        return -ENODEV;
    if (!on && dev->guard.msix)
        return -EBUSY;
    rc = table_map(dev, table_base);
    if (rc || mmio_ro_ranges == NULL)
        return rc;
    first = dev->msix_table_pa >> PAGE_SHIFT;
    last = (dev->msix_table_pa + dev->guard.msix_cap.nr * 16UL - 1) >> PAGE_SHIFT;
    return on ? rangeset_add(mmio_ro_ranges, first, last)
              : rangeset_remove(mmio_ro_ranges, first, last);
}

/* --- mapping ---------------------------------------------------------------------------------- */

static struct msi_block *find_block(const struct pci_dev *dev, bool msix, unsigned int entry)
{
    for (struct msi_block *b = dev->blocks; b; b = b->next)
        if (b->msix == msix && (!msix || b->entry == entry))
            return b;
    return NULL;
}

static struct msi_block *block_new(struct pci_dev *dev, bool msix, unsigned int nr,
                                   unsigned int entry)
{
    struct msi_block *b = hv_alloc(sizeof(*b));

    if (b)
        *b = (struct msi_block){
            .dev = dev, .msix = msix, .nr = (uint8_t)nr, .entry = (uint16_t)entry
        };
    return b;
}

/* Irqs and vectors, then the registers; the irqs are masked when the message goes in. */
static int block_start(struct msi_block *b) REQUIRES(pci_lock)
{
    struct irq_desc *desc;
    int irq, rc = iommu_message_prepare(b->dev->id.n);

    if (rc)
        return rc;
    irq = irq_alloc_msi(b->nr, &msi_chip, b);
    if (irq < 0)
        return irq;
    b->first = (uint16_t)irq;
    desc = irq_to_desc(b->first);
    spin_lock(&desc->lock);
    spin_lock(&msi_lock);
    write_mask(b, ~0U >> (b->msix ? 31 : 32 - b->nr));
    rc = write_route(b, desc);
    spin_unlock(&msi_lock);
    spin_unlock(&desc->lock);
    if (rc) {
        irq_free_msi(b->first, b->nr);
        return rc;
    }
    b->next = b->dev->blocks;
    b->dev->blocks = b;
    return irq;
}

int msi_map(struct pci_dev *dev, unsigned int nr, struct msi_block **out)
{
    struct msi_block *b;
    int irq;

    if (!pci_dev_caps(dev) || !dev->has_msi)
        return -ENODEV;
    if (nr == 0 || nr > dev->guard.msi_cap.nr)
        return -EINVAL;
    if (dev->guard.msix)
        return -EBUSY;
    if (find_block(dev, false, 0))
        return -EEXIST;
    b = block_new(dev, false, nr > 1 ? 1U << (32 - __builtin_clz(nr - 1)) : 1, 0);
    if (b == NULL)
        return -ENOMEM;
    b->maskable = dev->guard.msi_cap.maskable;
    write_control(b, false);
    irq = block_start(b);
    if (irq < 0) {
        hv_free(b);
        return irq;
    }
    dev->guard.msi = true;
    *out = b;
    return irq;
}

int msix_map(struct pci_dev *dev, unsigned int entry, paddr_t table_base, struct msi_block **out)
{
    struct msi_block *b;
    int rc;

    if (!pci_dev_caps(dev) || !dev->has_msix)
        return -ENODEV;
    if (entry >= dev->guard.msix_cap.nr)
        return -EINVAL;
    if (dev->guard.msi)
        return -EBUSY;
    if (find_block(dev, true, entry))
        return -EEXIST;
    rc = msix_protect(dev, table_base, true);
    if (rc)
        return rc;
    b = block_new(dev, true, 1, entry);
    if (b == NULL)
        return -ENOMEM;
    b->maskable = true;
    rc = block_start(b);
    if (rc < 0) {
        hv_free(b);
        return rc;
    }
    dev->guard.msix = true;
    *out = b;
    return rc;
}

static void unlink(struct msi_block *b) REQUIRES(pci_lock)
{
    struct msi_block **p = &b->dev->blocks;

    while (*p != b)
        p = &(*p)->next;
    *p = b->next;
}

void msi_unmap(struct msi_block *b)
{
    struct pci_dev *dev = b->dev;
    const struct iommu_intr i = intr_of(b, irq_to_desc(b->first));

    spin_lock(&msi_lock);
    write_mask(b, ~0U >> (b->msix ? 31 : 32 - b->nr));
    spin_unlock(&msi_lock);
    unlink(b);
    if (!b->msix)
        write_control(b, false);
    iommu_message_end(dev->id.n, &i);
    irq_free_msi(b->first, b->nr);
    hv_free(b);
    if (dev->blocks == NULL)
        dev->guard.msi = dev->guard.msix = false;
}

/* What the firmware may have left in entries that are nobody's is not to be sent. */
static void mask_others(struct pci_dev *dev) REQUIRES(pci_lock)
{
    for (unsigned int n = 0; n < dev->guard.msix_cap.nr; n++)
        if (!find_block(dev, true, n))
            dev->msix_table[MSIX_ENTRY_WORDS * n + 3] = MSIX_MASKED;
}

int msix_enable(struct pci_dev *dev, bool on)
{
    const unsigned int reg = dev->guard.msix_cap.pos + MSIX_CONTROL;
    uint32_t control;
    int rc = on ? msix_protect(dev, 0, true) : 0;

    if (rc)
        return rc;
    if (on)
        mask_others(dev);
    control = pci_read(&pci_hw, dev->id, reg, 2) & ~(MSIX_ENABLE | MSIX_MASK_ALL);
    pci_write(&pci_hw, dev->id, reg, 2, on ? control | MSIX_ENABLE : control);
    return 0;
}

void msi_quiet(struct pci_dev *dev)
{
    for (const struct msi_block *b = dev->blocks; b; b = b->next)
        write_control(b, false);
}

/* The device was reset: its registers no longer say what we remember. */
void msi_restore(struct pci_dev *dev)
{
    for (struct msi_block *b = dev->blocks; b; b = b->next) {
        struct irq_desc *desc = irq_to_desc(b->first);
        uint32_t mask;

        spin_lock(&desc->lock);
        spin_lock(&msi_lock);
        mask = b->mask;
        b->mask = ~mask; /* make sure that it is written */
        (void)!write_route(b, desc);
        write_mask(b, mask);
        if (b->enabled)
            write_control(b, true);
        spin_unlock(&msi_lock);
        spin_unlock(&desc->lock);
    }
}
