/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * physdev_op: interrupts and PCI devices for the domain that drives the hardware (and what others
 * may ask about their own). One table, one short function an operation. public physdev.h.
 */
#include <arch/cpu.h>
#include <arch/ioapic.h>
#include <arch/msi.h>
#include <arch/pirq.h>
#include <drivers/acpi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/rangeset.h>

#define MAX_IO_PORTS 65536U

typedef int physdev_fn(struct vcpu *v, void *arg);

enum physdev_caller {
    BY_PV,       /* any PV domain, about itself */
    BY_HARDWARE, /* the domain that owns the devices */
    BY_ANY       /* PV, and HVM domains with pirqs */
};

struct physdev_row {
    physdev_fn *fn;
    const struct compat_layout *layout;
    uint16_t size;
    bool copy_back;
    uint8_t caller; /* enum physdev_caller */
};

/* --- end of interrupt ------------------------------------------------------------------------- */

static int op_eoi(struct vcpu *v, void *arg)
{
    return pirq_eoi(v->domain, ((struct physdev_eoi *)arg)->irq);
}

static int op_eoi_page_v1(struct vcpu *v, void *arg)
{
    return pirq_register_eoi_page(v->domain, ((struct physdev_pirq_eoi_gmfn *)arg)->gmfn, true);
}

static int op_eoi_page_v2(struct vcpu *v, void *arg)
{
    return pirq_register_eoi_page(v->domain, ((struct physdev_pirq_eoi_gmfn *)arg)->gmfn, false);
}

static int op_status_query(struct vcpu *v, void *arg)
{
    struct physdev_irq_status_query *q = arg;

    return pirq_status(v->domain, q->irq, &q->flags);
}

/* --- ports ------------------------------------------------------------------------------------ */

static int op_set_iopl(struct vcpu *v, void *arg)
{
    uint32_t iopl = ((struct physdev_set_iopl *)arg)->iopl;

    if (iopl > 3)
        return -EINVAL;
    v->arch.pv.iopl = (uint8_t)iopl;
    return 0;
}

static int op_set_iobitmap(struct vcpu *v, void *arg)
{
    const struct physdev_set_iobitmap *b = arg;

    if (b->nr_ports > MAX_IO_PORTS)
        return -EINVAL;
    v->arch.pv.iobmp = handle_addr(b->bitmap);
    v->arch.pv.iobmp_limit = b->nr_ports;
    return 0;
}

/* --- IO-APICs --------------------------------------------------------------------------------- */

static int op_apic_read(struct vcpu *v, void *arg)
{
    struct physdev_apic *a = arg;

    return ioapic_guest_read(a->apic_physbase, a->reg, &a->value);
}

/* Vectors and destinations are ours, and so modes are set by setup_gsi. */
static int op_apic_write(struct vcpu *v, void *arg) { return -EPERM; }

/*
 * The vector is a fiction that old kernels want to see succeed: the line gets its vector when it is
 * bound.
 */
static int op_alloc_irq_vector(struct vcpu *v, void *arg)
{
    struct physdev_irq *i = arg;

    if (i->irq >= irq_nr_gsis())
        return -EINVAL;
    i->vector = i->irq;
    return 0;
}

static int op_setup_gsi(struct vcpu *v, void *arg)
{
    const struct physdev_setup_gsi *g = arg;
    int rc;

    if (g->gsi < 0 || (unsigned int)g->gsi >= irq_nr_gsis() || g->triggering > 1 || g->polarity > 1)
        return -EINVAL;
    rc = ioapic_set_mode((unsigned int)g->gsi, g->triggering, g->polarity);
    return rc == -EBUSY ? -EEXIST : rc; /* in use as it is: callers take that as done */
}

/* --- mapping ---------------------------------------------------------------------------------- */

/* A line that a driver of ours has (the serial port's) can be mapped, but not bound. */
static bool may_use_irq(const struct vcpu *v, struct domain *d, unsigned int irq)
{
    return v->domain->is_privileged || (d->irq_caps && rangeset_contains(d->irq_caps, irq, irq));
}

/* pirq as asked for (-1: any, from first on) for nr irqs from irq on. */
static int choose_pirq(struct pirq_table *t, int want, unsigned int first, unsigned int nr)
{
    if (want < 0)
        return pirq_find_free(t, first, nr);
    if ((unsigned int)want >= NR_PIRQS || nr > NR_PIRQS - (unsigned int)want)
        return -EINVAL;
    for (unsigned int i = 0; i < nr; i++)
        if (t->entry[(unsigned int)want + i].kind > PIRQ_RESERVED)
            return -EEXIST;
    return want;
}

static int map_gsi(struct vcpu *v, struct domain *d, struct physdev_map_pirq *m) REQUIRES(pci_lock)
{
    struct pirq_table *t = pirq_table(d);
    int pirq;

    if (m->index < 0 || (unsigned int)m->index >= irq_nr_gsis() ||
        irq_to_desc((unsigned int)m->index) == NULL)
        return -EINVAL;
    if (!may_use_irq(v, d, (unsigned int)m->index))
        return -EPERM;
    if (t == NULL)
        return -ENOMEM;
    pirq = pirq_find_irq(t, (unsigned int)m->index);
    if (pirq >= 0) { /* again: the same answer */
        if (m->pirq >= 0 && m->pirq != pirq)
            return -EEXIST;
        m->pirq = pirq;
        return 0;
    }
    if (is_hvm(d) && m->pirq < 0 && t->entry[m->index].kind == PIRQ_FREE)
        m->pirq = m->index; /* the toolstack asks for it by that number, later */
    pirq = choose_pirq(t, m->pirq, 16, 1);
    if (pirq < 0)
        return pirq;
    pirq_set(d, (unsigned int)pirq, PIRQ_GSI, (unsigned int)m->index);
    m->pirq = pirq;
    return 0;
}

/* Message first, then pirqs: what can fail comes before what others see. */
static int map_message(struct domain *d, struct physdev_map_pirq *m, struct pci_dev *dev,
                       unsigned int nr) REQUIRES(pci_lock)
{
    struct pirq_table *t = pirq_table(d);
    struct msi_block *b = NULL;
    int pirq, irq;

    if (t == NULL)
        return -ENOMEM;
    pirq = choose_pirq(t, m->pirq, irq_nr_gsis(), nr);
    if (pirq < 0)
        return pirq;
    irq = m->table_base ? msix_map(dev, (unsigned int)m->entry_nr, m->table_base, &b)
                        : msi_map(dev, nr, &b);
    if (irq < 0)
        return irq;
    for (unsigned int i = 0; i < nr; i++)
        pirq_set(d, (unsigned int)pirq + i, PIRQ_MSI, (unsigned int)irq + i);
    m->pirq = pirq;
    return 0;
}

/* table_base says which: 0 is MSI, else it is the address of the MSI-X table's BAR. */
static int map_msi(struct vcpu *v, struct domain *d, struct physdev_map_pirq *m) REQUIRES(pci_lock)
{
    bool multi = m->type == MAP_PIRQ_TYPE_MULTI_MSI;
    unsigned int segment = m->type == MAP_PIRQ_TYPE_MSI ? 0 : (uint32_t)m->bus >> 16;
    struct pci_dev *dev;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (m->entry_nr < 0 || m->entry_nr > 2048 ||
        (multi && (m->table_base || m->entry_nr < 1 || m->entry_nr > 32)))
        return -EINVAL;
    dev = pci_dev_get(pci_sbdf((uint16_t)segment, (uint8_t)m->bus, (uint8_t)m->devfn));
    if (dev == NULL)
        return -ENOMEM;
    return map_message(d, m, dev, multi ? (unsigned int)m->entry_nr : 1);
}

/*
 * The domain that an operation is about, with a reference: the caller itself, or any for a
 * privileged one.
 */
static int target_of(struct vcpu *v, domid_t id, struct domain **d)
{
    *d = domain_get_target(id);
    if (*d == NULL)
        return -ESRCH;
    if (*d == v->domain || v->domain->is_privileged)
        return 0;
    domain_put(*d);
    return -EPERM;
}

static int map_for(struct vcpu *v, struct domain *d, struct physdev_map_pirq *m) REQUIRES(pci_lock)
{
    /* of a PVH dom0: they are not pirqs */
    if (d->state != DOM_ALIVE || (is_hvm(d) && d->is_hardware))
        return -EINVAL;
    switch (m->type) {
    case MAP_PIRQ_TYPE_GSI:
        return map_gsi(v, d, m);
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MULTI_MSI:
        return map_msi(v, d, m);
    default:
        return -EINVAL;
    }
}

static int op_map_pirq(struct vcpu *v, void *arg)
{
    struct physdev_map_pirq *m = arg;
    struct domain *d;
    int rc = target_of(v, m->domid, &d);

    if (rc)
        return rc;
    spin_lock(&pci_lock);
    rc = map_for(v, d, m);
    spin_unlock(&pci_lock);
    domain_put(d);
    return rc;
}

static int op_unmap_pirq(struct vcpu *v, void *arg)
{
    const struct physdev_unmap_pirq *u = arg;
    struct domain *d;
    int rc = target_of(v, u->domid, &d);

    if (rc)
        return rc;
    spin_lock(&pci_lock);
    rc = u->pirq < 0 ? -EINVAL : pirq_unmap(d, (unsigned int)u->pirq);
    spin_unlock(&pci_lock);
    domain_put(d);
    return rc;
}

static int op_get_free_pirq(struct vcpu *v, void *arg)
{
    struct physdev_get_free_pirq *f = arg;
    struct pirq_table *t;
    int pirq = -ENOMEM;

    if (f->type != MAP_PIRQ_TYPE_GSI && f->type != MAP_PIRQ_TYPE_MSI)
        return -EINVAL;
    spin_lock(&pci_lock);
    t = pirq_table(v->domain);
    if (t)
        pirq = pirq_find_free(t, f->type == MAP_PIRQ_TYPE_GSI ? 16 : irq_nr_gsis(), 1);
    if (pirq >= 0) {
        pirq_set(v->domain, (unsigned int)pirq, PIRQ_RESERVED, 0);
        f->pirq = (uint32_t)pirq;
        pirq = 0;
    }
    spin_unlock(&pci_lock);
    return pirq;
}

/* --- devices ---------------------------------------------------------------------------------- */

static int device_add(pci_sbdf_t id, bool is_virtual)
{
    struct pci_dev *dev;
    int rc = 0;

    spin_lock(&pci_lock);
    dev = pci_dev_get(id);
    if (dev == NULL) {
        rc = -ENOMEM;
    } else {
        dev->is_virtual = is_virtual;
        dev->announced = true;
        rc = pci_segment(id) != 0 || pci_dev_caps(dev) ? 0 : -ENODEV;
    }
    spin_unlock(&pci_lock);
    return rc;
}

/* Its interrupts go first: dom0's driver has unmapped them, or it is not gone. */
static int device_remove(pci_sbdf_t id)
{
    struct pci_dev *dev;
    int rc = -ENODEV;

    spin_lock(&pci_lock);
    dev = pci_dev_find(id);
    if (dev && dev->announced) {
        rc = dev->blocks ? -EBUSY : 0;
        dev->announced = dev->blocks != NULL;
        dev->caps_read = dev->blocks != NULL; /* another device may come to its place */
    }
    spin_unlock(&pci_lock);
    return rc;
}

static int op_manage_add(struct vcpu *v, void *arg)
{
    const struct physdev_manage_pci *p = arg;

    return device_add(pci_sbdf(0, p->bus, p->devfn), false);
}

static int op_manage_add_ext(struct vcpu *v, void *arg)
{
    const struct physdev_manage_pci_ext *p = arg;

    if (p->is_extfn > 1 || p->is_virtfn > 1)
        return -EINVAL;
    return device_add(pci_sbdf(0, p->bus, p->devfn), p->is_virtfn);
}

static int op_manage_remove(struct vcpu *v, void *arg)
{
    const struct physdev_manage_pci *p = arg;

    return device_remove(pci_sbdf(0, p->bus, p->devfn));
}

/* The optional array (a NUMA node for the device) is not used. */
static int op_device_add(struct vcpu *v, void *arg)
{
    const struct physdev_pci_device_add *p = arg;

    return device_add(pci_sbdf(p->seg, p->bus, p->devfn), p->flags & XEN_PCI_DEV_VIRTFN);
}

static int op_device_remove(struct vcpu *v, void *arg)
{
    const struct physdev_pci_device *p = arg;

    return device_remove(pci_sbdf(p->seg, p->bus, p->devfn));
}

static int restore(pci_sbdf_t id)
{
    struct pci_dev *dev;

    spin_lock(&pci_lock);
    dev = pci_dev_find(id);
    if (dev)
        msi_restore(dev);
    spin_unlock(&pci_lock);
    return dev ? 0 : -ESRCH;
}

static int op_restore_msi(struct vcpu *v, void *arg)
{
    const struct physdev_restore_msi *p = arg;

    return restore(pci_sbdf(0, p->bus, p->devfn));
}

static int op_restore_msi_ext(struct vcpu *v, void *arg)
{
    const struct physdev_pci_device *p = arg;

    return restore(pci_sbdf(p->seg, p->bus, p->devfn));
}

static int msix_hold(const struct physdev_pci_device *p, bool on)
{
    struct pci_dev *dev;
    int rc = -ENODEV;

    spin_lock(&pci_lock);
    dev = pci_dev_find(pci_sbdf(p->seg, p->bus, p->devfn));
    if (dev)
        rc = msix_protect(dev, 0, on);
    spin_unlock(&pci_lock);
    return rc;
}

static int op_prepare_msix(struct vcpu *v, void *arg) { return msix_hold(arg, true); }
static int op_release_msix(struct vcpu *v, void *arg) { return msix_hold(arg, false); }

/*
 * We use what the firmware's MCFG table says; dom0 knows from ACPI's namespace whether the range is
 * reserved.
 */
static int op_mmcfg_reserved(struct vcpu *v, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *m = arg;

    for (unsigned int i = 0; i < acpi_info.mcfg.nr; i++) {
        const struct acpi_mcfg_region *r = &acpi_info.mcfg.region[i];

        if (r->segment == m->segment && r->base == m->address && m->start_bus >= r->start_bus &&
            m->end_bus <= r->end_bus)
            return 0;
    }
    return -ENODEV;
}

/* --- the table -------------------------------------------------------------------------------- */

#define IN(type) compat_layout(type), sizeof(struct type), false
#define INOUT(type) compat_layout(type), sizeof(struct type), true

/*
 * Not here, -ENOSYS: IRQ_UNMASK_NOTIFY (obsolete), free_irq_vector, dbgp_op (no EHCI debug
 * console).
 */
static const struct physdev_row physdev_ops[] = {
    [PHYSDEVOP_irq_status_query]    = { op_status_query,     INOUT(physdev_irq_status_query),
                                        BY_ANY },
    [PHYSDEVOP_set_iopl]            = { op_set_iopl,         IN(physdev_set_iopl), BY_PV },
    [PHYSDEVOP_set_iobitmap]        = { op_set_iobitmap,     IN(physdev_set_iobitmap), BY_PV },
    [PHYSDEVOP_apic_read]           = { op_apic_read,        INOUT(physdev_apic), BY_HARDWARE },
    [PHYSDEVOP_apic_write]          = { op_apic_write,       IN(physdev_apic), BY_HARDWARE },
    [PHYSDEVOP_alloc_irq_vector]    = { op_alloc_irq_vector, INOUT(physdev_irq), BY_HARDWARE },
    [PHYSDEVOP_eoi]                 = { op_eoi,              IN(physdev_eoi), BY_ANY },
    [PHYSDEVOP_map_pirq]            = { op_map_pirq,         INOUT(physdev_map_pirq), BY_ANY },
    [PHYSDEVOP_unmap_pirq]          = { op_unmap_pirq,       IN(physdev_unmap_pirq), BY_ANY },
    [PHYSDEVOP_manage_pci_add]      = { op_manage_add,       IN(physdev_manage_pci), BY_HARDWARE },
    [PHYSDEVOP_manage_pci_remove]   = { op_manage_remove,    IN(physdev_manage_pci), BY_HARDWARE },
    [PHYSDEVOP_pirq_eoi_gmfn_v1]    = { op_eoi_page_v1,      IN(physdev_pirq_eoi_gmfn), BY_PV },
    [PHYSDEVOP_restore_msi]         = { op_restore_msi,      IN(physdev_restore_msi), BY_HARDWARE },
    [PHYSDEVOP_manage_pci_add_ext]  = { op_manage_add_ext,   IN(physdev_manage_pci_ext),
                                        BY_HARDWARE },
    [PHYSDEVOP_setup_gsi]           = { op_setup_gsi,        IN(physdev_setup_gsi), BY_HARDWARE },
    [PHYSDEVOP_get_free_pirq]       = { op_get_free_pirq,    INOUT(physdev_get_free_pirq), BY_ANY },
    [PHYSDEVOP_pci_mmcfg_reserved]  = { op_mmcfg_reserved,   IN(physdev_pci_mmcfg_reserved),
                                        BY_HARDWARE },
    [PHYSDEVOP_pci_device_add]      = { op_device_add,       IN(physdev_pci_device_add),
                                        BY_HARDWARE },
    [PHYSDEVOP_pci_device_remove]   = { op_device_remove,    IN(physdev_pci_device), BY_HARDWARE },
    [PHYSDEVOP_restore_msi_ext]     = { op_restore_msi_ext,  IN(physdev_pci_device), BY_HARDWARE },
    [PHYSDEVOP_pirq_eoi_gmfn_v2]    = { op_eoi_page_v2,      IN(physdev_pirq_eoi_gmfn), BY_PV },
    [PHYSDEVOP_prepare_msix]        = { op_prepare_msix,     IN(physdev_pci_device), BY_HARDWARE },
    [PHYSDEVOP_release_msix]        = { op_release_msix,     IN(physdev_pci_device), BY_HARDWARE },
};

static int check_caller(const struct vcpu *v, const struct physdev_row *row)
{
    /* No HVM domain has pirqs; an HVM dom0 would only announce devices. */
    if (is_hvm(v->domain) && !(row->caller == BY_HARDWARE && v->domain->is_hardware))
        return -ENOSYS;
    if (row->caller == BY_HARDWARE && !v->domain->is_hardware)
        return -EPERM;
    return 0;
}

long hc_physdev_op(struct vcpu *v, const uint64_t arg[])
{
    union {
        struct physdev_map_pirq map;
        struct physdev_manage_pci_ext ext;
        struct physdev_pci_mmcfg_reserved mmcfg;
        struct physdev_apic apic;
        char bytes[64];
    } op = { .bytes = { 0 } };
    const struct physdev_row *row;
    int rc;

    if (arg[0] >= ARRAY_SIZE(physdev_ops))
        return -ENOSYS;
    row = &physdev_ops[index_nospec(arg[0], ARRAY_SIZE(physdev_ops))];
    if (row->fn == NULL)
        return -ENOSYS;
    rc = check_caller(v, row);
    if (rc)
        return rc;
    if (row->size > sizeof(op) || arg_read(&op, arg[1], row->size, row->layout))
        return -EFAULT;
    rc = row->fn(v, &op);
    if (rc == 0 && row->copy_back && arg_write(arg[1], &op, 0, row->size, row->layout))
        return -EFAULT;
    return rc;
}
