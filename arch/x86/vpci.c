/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space of a translated dom0. All registers are the device's but those of MSI and
 * MSI-X (vpci_reg.c): what dom0 puts there is a message to one of its LAPICs, for which we program
 * a message of our own and send dom0's when that arrives (hvm/hwdom_irq.c). The MSI-X table's
 * pages are not in dom0's physmap, so that accesses come here, too.
 *
 * Where BARs are is dom0's business: its device memory is mapped at its own address when it is
 * touched (hvm/hwdom.c).
 */
#include <arch/vpci.h>

#include <arch/cpu.h>
#include <arch/hwdom.h>
#include <arch/irq.h>
#include <arch/msi.h>
#include <arch/paging.h>
#include <arch/vpci_reg.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/sched.h>

#define ENTRY_BYTES 16U

struct vpci {
    struct vpci_regs regs;
    struct msi_block *msi;          /* while MSI is enabled */
    bool msix_on;                   /* in the device */
    paddr_t pages_pa;               /* of the MSI-X table, mapped for what else lies there */
    volatile uint8_t *pages;
};

/* --- a device --------------------------------------------------------------------------------- */

static struct vpci *vpci_new(struct pci_dev *dev) REQUIRES(pci_lock)
{
    struct vpci *v = hv_alloc(sizeof(*v));

    if (v == NULL)
        return NULL;
    v->regs.has_msi = dev->has_msi;
    v->regs.has_msix = dev->has_msix;
    v->regs.msi_cap = dev->guard.msi_cap;
    v->regs.msix_cap = dev->guard.msix_cap;
    if (dev->has_msix) {
        const size_t size = dev->guard.msix_cap.nr * sizeof(*v->regs.msix.entry);

        v->regs.msix.entry = size <= PAGE_SIZE ? hv_alloc(size)
                                               : hv_page_alloc(order_of_size(size));
        if (v->regs.msix.entry == NULL) {
            hv_free(v);
            return NULL;
        }
    }
    vpci_regs_init(&v->regs);
    return v;
}

/* NULL: nobody there, or no memory. */
static struct vpci *vpci_of(struct pci_dev *dev) REQUIRES(pci_lock)
{
    if (dev->vpci == NULL && pci_dev_caps(dev))
        dev->vpci = vpci_new(dev);
    return dev->vpci;
}

/* --- MSI -------------------------------------------------------------------------------------- */

static void tell_messages(const struct vpci *v) REQUIRES(pci_lock)
{
    for (unsigned int i = 0; i < v->msi->nr; i++) {
        hwdom_message_set(v->msi->first + i, v->regs.msi.address,
                          (v->regs.msi.data & ~(v->msi->nr - 1U)) | i);
        irq_set_masked(v->msi->first + i, v->regs.msi.mask >> i & 1);
    }
}

static int bind(unsigned int irq, struct domain *d, bool masked)
{
    int rc = irq_bind_guest(irq, d, HWDOM_MESSAGE + irq, current->processor, false);

    if (rc == 0)
        irq_set_masked(irq, masked);
    return rc;
}

static void msi_off(struct vpci *v, struct domain *d) REQUIRES(pci_lock)
{
    for (unsigned int i = 0; i < v->msi->nr; i++)
        irq_unbind_guest(v->msi->first + i, d);
    msi_unmap(v->msi);
    v->msi = NULL;
}

static void msi_on(struct pci_dev *dev, struct vpci *v, struct domain *d) REQUIRES(pci_lock)
{
    int irq = msi_map(dev, 1U << v->regs.msi.log2, &v->msi);

    if (irq < 0) {
        log_warn("vpci: %06x: MSI cannot be set up (%d)", dev->id.n, irq);
        v->msi = NULL;
        return;
    }
    tell_messages(v);
    for (unsigned int i = 0; i < v->msi->nr; i++)
        if (bind((unsigned int)irq + i, d, v->regs.msi.mask >> i & 1))
            log_warn("vpci: %06x: no vector for MSI %u", dev->id.n, i);
}

static void msi_changed(struct pci_dev *dev, struct vpci *v, struct domain *d) REQUIRES(pci_lock)
{
    if (v->msi && (!v->regs.msi.enabled || v->msi->nr != 1U << v->regs.msi.log2))
        msi_off(v, d);
    if (v->regs.msi.enabled && v->msi == NULL)
        msi_on(dev, v, d);
    else if (v->msi)
        tell_messages(v);
}

/* --- MSI-X ------------------------------------------------------------------------------------ */

/*
 * The device as dom0 has it. On before the first entry is: a device may take note of its messages
 * when it is set up. It cannot be while memory decoding is off, and is when dom0 comes back.
 */
static bool msix_switch(struct pci_dev *dev, struct vpci *v) REQUIRES(pci_lock)
{
    int rc;

    if (v->msix_on == v->regs.msix.enabled)
        return true;
    rc = msix_enable(dev, v->regs.msix.enabled);
    if (rc)
        log_warn("vpci: %06x: MSI-X cannot be switched on (%d)", dev->id.n, rc);
    else
        v->msix_on = v->regs.msix.enabled;
    return rc == 0;
}

static void entry_off(struct vpci_msix_entry *e, struct domain *d) REQUIRES(pci_lock)
{
    struct msi_block *b = msi_block_of(e->irq);

    irq_unbind_guest(e->irq, d);
    if (b)
        msi_unmap(b);
    e->used = false;
}

static void entry_on(struct pci_dev *dev, struct vpci *v, unsigned int n, struct domain *d)
    REQUIRES(pci_lock)
{
    struct vpci_msix_entry *e = &v->regs.msix.entry[n];
    struct msi_block *b;
    int irq;

    if (!msix_switch(dev, v))
        return;
    irq = msix_map(dev, n, 0, &b);
    if (irq < 0) {
        log_warn("vpci: %06x: MSI-X entry %u cannot be set up (%d)", dev->id.n, n, irq);
        return;
    }
    e->irq = (uint16_t)irq;
    hwdom_message_set(e->irq, e->address, e->data);
    if (bind(e->irq, d, false) == 0) {
        e->used = true;
        return;
    }
    log_warn("vpci: %06x: no vector for MSI-X entry %u", dev->id.n, n);
    msi_unmap(b);
}

static void entry_changed(struct pci_dev *dev, struct vpci *v, unsigned int n, struct domain *d)
    REQUIRES(pci_lock)
{
    struct vpci_msix_entry *e = &v->regs.msix.entry[n];
    const bool sends = v->regs.msix.enabled && !v->regs.msix.mask_all && !e->masked;

    if (!v->regs.msix.enabled) {
        if (e->used)
            entry_off(e, d);
    } else if (!e->used) {
        if (sends)
            entry_on(dev, v, n, d);
    } else {
        hwdom_message_set(e->irq, e->address, e->data);
        irq_set_masked(e->irq, !sends);
    }
}

static void msix_changed(struct pci_dev *dev, struct vpci *v, struct domain *d) REQUIRES(pci_lock)
{
    if (v->regs.msix.enabled)
        (void)msix_switch(dev, v);
    for (unsigned int n = 0; n < v->regs.msix_cap.nr; n++)
        entry_changed(dev, v, n, d);
    if (!v->regs.msix.enabled)
        (void)msix_switch(dev, v);
}

/* --- where the table is ----------------------------------------------------------------------- */

static uint64_t table_bytes(const struct vpci *v)
{
    return (uint64_t)v->regs.msix_cap.nr * ENTRY_BYTES;
}

/* Its first byte; false: its BAR decodes nothing now, or what it may not. */
static bool table_at(const struct pci_dev *dev, const struct vpci *v, paddr_t *pa)
    REQUIRES(pci_lock)
{
    struct pci_bar bar;

    if (!v->regs.has_msix ||
        !(pci_read(&pci_hw, dev->id, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) ||
        pci_read_bar(&pci_hw, dev->id, v->regs.msix_cap.table_bar, &bar) || bar.io ||
        bar.addr == 0)
        return false;
    *pa = bar.addr + v->regs.msix_cap.table_offset;
    return msix_table_allowed(*pa, table_bytes(v));
}

struct table_search {
    paddr_t page;
    struct pci_dev *dev;
    paddr_t table;
};

static bool has_page(struct pci_dev *dev, void *ctx) REQUIRES(pci_lock)
{
    struct table_search *s = ctx;
    struct vpci *v = vpci_of(dev);

    if (v == NULL || !table_at(dev, v, &s->table) || s->page + PAGE_SIZE <= s->table ||
        s->page >= s->table + table_bytes(v))
        return false;
    s->dev = dev;
    return true;
}

bool vpci_is_table(paddr_t pa)
{
    struct table_search s = { .page = ROUND_DOWN(pa, PAGE_SIZE) };

    spin_lock(&pci_lock);
    pci_dev_search(has_page, &s);
    spin_unlock(&pci_lock);
    return s.dev != NULL;
}

/* --- accesses to its pages -------------------------------------------------------------------- */

/* What lies beside the table: the device's. */
static volatile uint8_t *beside(struct vpci *v, paddr_t table, paddr_t pa)
{
    const paddr_t first = ROUND_DOWN(table, PAGE_SIZE);

    if (v->pages == NULL || v->pages_pa != first) {
        v->pages = hv_ioremap(first, ROUND_UP(table + table_bytes(v), PAGE_SIZE) - first);
        v->pages_pa = first;
    }
    return v->pages ? v->pages + (pa - first) : NULL;
}

static uint64_t raw_read(const volatile uint8_t *p, unsigned int size)
{
    switch (size) {
    case 1: return *p;
    case 2: return *(const volatile uint16_t *)p;
    case 4: return *(const volatile uint32_t *)p;
    default: return *(const volatile uint64_t *)p;
    }
}

static void raw_write(volatile uint8_t *p, unsigned int size, uint64_t val)
{
    switch (size) {
    case 1: *p = (uint8_t)val; break;
    case 2: *(volatile uint16_t *)p = (uint16_t)val; break;
    case 4: *(volatile uint32_t *)p = (uint32_t)val; break;
    default: *(volatile uint64_t *)p = val; break;
    }
}

static void page_access(struct table_search *s, struct domain *d, paddr_t pa, unsigned int size,
                        bool write, uint64_t *val) REQUIRES(pci_lock)
{
    struct vpci *v = s->dev->vpci;
    const bool inside = pa < s->table + table_bytes(v) && pa + size > s->table;
    const uint32_t offset = (uint32_t)(pa - s->table);
    volatile uint8_t *p;

    if (inside && (size < 4 || (offset & (size - 1)))) {
        *val = write ? *val : ~0ULL; /* not defined by the specification */
    } else if (inside && write) {
        entry_changed(s->dev, v, vpci_table_write(&v->regs, offset, size, *val), d);
    } else if (inside) {
        *val = vpci_table_read(&v->regs, offset, size);
    } else if ((p = beside(v, s->table, pa)) != NULL) {
        if (write)
            raw_write(p, size, *val);
        else
            *val = raw_read(p, size);
    }
}

bool vpci_table_access(struct domain *d, paddr_t pa, unsigned int size, bool write, uint64_t *val)
{
    struct table_search s = { .page = ROUND_DOWN(pa, PAGE_SIZE) };

    spin_lock(&pci_lock);
    pci_dev_search(has_page, &s);
    if (s.dev)
        page_access(&s, d, pa, size, write, val);
    spin_unlock(&pci_lock);
    return s.dev != NULL;
}

/* --- configuration space ---------------------------------------------------------------------- */

uint32_t vpci_read(struct pci_dev *dev, unsigned int reg, unsigned int size, uint32_t device)
{
    const struct vpci *v = vpci_of(dev);

    return v ? vpci_regs_read(&v->regs, reg, size, device) : device;
}

/* Memory decoding may have come on, at another place: the table's pages are ours from now on. */
static void hide_table(const struct pci_dev *dev, const struct vpci *v, struct domain *d)
    REQUIRES(pci_lock)
{
    paddr_t pa;

    if (table_at(dev, v, &pa))
        hwdom_unmap(d, pa >> PAGE_SHIFT, (pa + table_bytes(v) - 1) >> PAGE_SHIFT);
}

uint32_t vpci_write_begin(struct pci_dev *dev, struct domain *d, unsigned int reg,
                          unsigned int size, uint32_t val)
{
    struct vpci *v = vpci_of(dev);
    enum vpci_change change;
    uint32_t pass;

    if (v == NULL)
        return ~0U;
    pass = vpci_regs_write(&v->regs, reg, size, val, &change);
    if (change == VPCI_MSI)
        msi_changed(dev, v, d);
    else if (change == VPCI_MSIX)
        msix_changed(dev, v, d);
    return pass;
}

void vpci_write_end(struct pci_dev *dev, struct domain *d, unsigned int reg)
{
    if (dev->vpci && (reg & ~3U) == PCI_COMMAND)
        hide_table(dev, dev->vpci, d);
}
