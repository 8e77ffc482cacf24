/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of devices that an HVM domain has: a pirq, which the toolstack has mapped for it
 * (physdev_op map_pirq), is bound to a message of the guest's or to an INTx wire. public domctl.h,
 * "XEN_DOMCTL_bind_pt_irq".
 *
 * The mask bits of an MSI-X entry are the machine's, and we alone write them: the guest's table is
 * the device model's, and we look at what the guest writes to it, once the device model has seen
 * it.
 */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hvm_pt.h>
#include <arch/msi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <xen/domctl.h>

/* A guest that does not end its interrupt for so long loses the wire: others may share the line. */
#define LATE_NS MILLISECS(8)

#define ENTRY_BYTES 16U
#define ENTRY_CONTROL 12U

/* --- life ------------------------------------------------------------------------------------- */

#define MESSAGES_ORDER order_of_size(NR_PIRQS * sizeof(struct pt_message))

static void late(void *data) { pt_wires_end_all(data); }

static void destroy(struct hvm_pt *pt)
{
    if (pt->message)
        hv_page_free(pt->message, MESSAGES_ORDER);
    rangeset_free(pt->gfns);
    hv_free(pt);
}

struct hvm_pt *hvm_pt_get(struct domain *d)
{
    struct hvm_pt *pt = d->arch.hvm->pt;

    if (pt)
        return pt;
    pt = hv_alloc(sizeof(*pt));
    if (!pt)
        return NULL;
    pt->message = hv_page_alloc(MESSAGES_ORDER);
    pt->gfns = rangeset_new();
    if (!pt->message || !pt->gfns) {
        destroy(pt);
        return NULL;
    }
    timer_init(&pt->late, late, d, smp_processor_id());
    __atomic_store_n(&d->arch.hvm->pt, pt, __ATOMIC_RELEASE);
    return pt;
}

void hvm_pt_stop(struct domain *d)
{
    if (d->arch.hvm->pt)
        timer_kill(&d->arch.hvm->pt->late);
}

void hvm_pt_free(struct domain *d)
{
    struct hvm_pt *pt = d->arch.hvm->pt;

    if (!pt)
        return;
    d->arch.hvm->pt = NULL;
    while (pt->wires) {
        struct pt_wire *w = pt->wires;

        pt->wires = w->next;
        hv_free(w);
    }
    while (pt->ports) {
        struct pt_ports *p = pt->ports;

        pt->ports = p->next;
        hv_free(p);
    }
    destroy(pt);
}

/* --- an interrupt ----------------------------------------------------------------------------- */

struct vcpu *hvm_pt_interrupt(struct domain *d, unsigned int pirq)
{
    struct hvm_pt *pt = __atomic_load_n(&d->arch.hvm->pt, __ATOMIC_ACQUIRE);
    uint64_t word;

    if (!pt || pirq >= NR_PIRQS)
        return NULL;
    word = read_once(pt->message[pirq].word);
    if (word) {
        if (hvm_msi(d, (uint32_t)word, (uint32_t)(word >> 32)))
            guest_log(LOG_DEBUG, "d%u: pirq %u: message %#lx is no interrupt", d->id, pirq,
                      (unsigned long)word);
        return hvm_msi_target(d, (uint32_t)word, (uint32_t)(word >> 32));
    }
    if (pt_wires_raise(d, pirq))
        timer_set(&pt->late, time_now() + LATE_NS);
    return pt_wire_target(d, pirq);
}

/* --- messages --------------------------------------------------------------------------------- */

/* gflags are the bits of address and data, put together: XEN_DOMCTL_VMSI_X86_*. */
static uint64_t message_of(uint8_t vector, uint32_t gflags)
{
    const uint32_t dest = gflags & XEN_DOMCTL_VMSI_X86_DEST_ID_MASK;
    const uint32_t address = MSI_ADDRESS | dest << MSI_DEST_SHIFT |
                             (gflags & XEN_DOMCTL_VMSI_X86_RH_MASK ? 8U : 0) |
                             (gflags & XEN_DOMCTL_VMSI_X86_DM_MASK ? 4U : 0);
    const uint32_t data = vector | (gflags & XEN_DOMCTL_VMSI_X86_DELIV_MASK) >> 4 |
                          (gflags & XEN_DOMCTL_VMSI_X86_TRIG_MASK ? 0xc000U : 0);

    return address | (uint64_t)data << 32;
}

static uint64_t control_of(uint64_t table, unsigned int irq)
{
    const struct msi_block *b = msi_block_of(irq);

    return table && b && b->msix ? table + b->entry * (uint64_t)ENTRY_BYTES + ENTRY_CONTROL : 0;
}

static int bind_message(struct domain *d, unsigned int pirq, const struct xen_domctl_bind_pt_irq *b)
    REQUIRES(pci_lock) REQUIRES(d->evtchn.lock)
{
    struct pirq *p = &d->arch.pirqs->entry[pirq];
    struct pt_message *m = &d->arch.hvm->pt->message[pirq];
    const bool open = b->u.msi.gflags & XEN_DOMCTL_VMSI_X86_UNMASKED, again = m->word;
    int rc = 0;

    if (p->bound && !again)
        return -EBUSY;
    write_once(m->word, message_of(b->u.msi.gvec, b->u.msi.gflags));
    m->control = control_of(b->u.msi.gtable, p->irq);
    if (!again)
        rc = pirq_guest_bind(d->vcpu[0], pirq, false);
    if (rc)
        *m = (struct pt_message){ 0 };
    else if (open || !again)
        irq_set_masked(p->irq, !open);
    return rc;
}

static int unbind_message(struct domain *d, unsigned int pirq) REQUIRES(d->evtchn.lock)
{
    struct pt_message *m = &d->arch.hvm->pt->message[pirq];

    if (!m->word)
        return -EINVAL;
    pirq_guest_unbind(d, pirq);
    write_once(m->word, 0);
    m->control = 0;
    return 0;
}

static void mask_entry(struct domain *d, uint64_t control, bool masked)
    REQUIRES(d->evtchn.lock)
{
    const struct pirq_table *t = d->arch.pirqs;
    const struct pt_message *m = d->arch.hvm->pt->message;

    for (unsigned int i = 0; t && i < NR_PIRQS; i++)
        if (m[i].control == control && t->entry[i].bound)
            irq_set_masked(t->entry[i].irq, masked);
}

void hvm_pt_written(struct domain *d, uint64_t gpa, unsigned int size, uint64_t val)
{
    const uint64_t control = ROUND_DOWN(gpa, ENTRY_BYTES) + ENTRY_CONTROL;

    if (!read_once(d->arch.hvm->pt) || size < 4 || gpa + size != control + 4)
        return;
    spin_lock(&d->evtchn.lock);
    mask_entry(d, control, val >> (8 * size - 32) & 1);
    spin_unlock(&d->evtchn.lock);
}

/* --- wires ------------------------------------------------------------------------------------ */

/* The machine's side may be a message, too: then it needs no end. */
static int bind_wire(struct domain *d, struct pt_wire *w) REQUIRES(pci_lock)
    REQUIRES(d->evtchn.lock)
{
    const struct pirq *p = &d->arch.pirqs->entry[w->pirq];
    const bool again = pt_wire_exists(d, w->pirq);
    int rc;

    if (p->bound && !again)
        return -EBUSY;
    w->irq = p->irq;
    rc = pt_wire_add(d, w);
    if (rc || again)
        return rc;
    rc = pirq_guest_bind(d->vcpu[0], w->pirq, p->kind == PIRQ_GSI);
    if (rc)
        (void)pt_wire_remove(d, w, false);
    return rc;
}

static struct pt_wire *unbind_wire(struct domain *d, const struct pt_wire *like)
    REQUIRES(d->evtchn.lock)
{
    struct pt_wire *w = pt_wire_remove(d, like, false);

    if (w && !pt_wire_exists(d, w->pirq))
        pirq_guest_unbind(d, w->pirq);
    return w;
}

void hvm_pt_forget(struct domain *d, unsigned int pirq)
{
    const struct pt_wire like = { .pirq = (uint16_t)pirq };
    struct hvm_pt *pt = d->arch.hvm->pt;
    struct pt_wire *w;

    if (!pt)
        return;
    write_once(pt->message[pirq].word, 0);
    pt->message[pirq].control = 0;
    while ((w = pt_wire_remove(d, &like, true)) != NULL)
        hv_free(w);
}

/* --- domctls ---------------------------------------------------------------------------------- */

static bool is_mapped(const struct domain *d, unsigned int pirq, enum pirq_kind kind)
{
    return d->arch.pirqs && pirq < NR_PIRQS && d->arch.pirqs->entry[pirq].kind == kind;
}

static enum pirq_kind kind_for(uint32_t type)
{
    return type == PT_IRQ_TYPE_PCI ? PIRQ_GSI : PIRQ_MSI;
}

/* What both ask first. */
static int check(const struct domain *d, const struct xen_domctl_bind_pt_irq *b)
{
    const bool wire = b->irq_type == PT_IRQ_TYPE_PCI || b->irq_type == PT_IRQ_TYPE_MSI_TRANSLATE;

    if (!wire && b->irq_type != PT_IRQ_TYPE_MSI)
        return -EOPNOTSUPP;
    if (d->is_hardware || !iommu_domain_active(d) || !d->vcpu[0])
        return -ESRCH;
    if (wire && !(d->arch.hvm->emulation & XEN_X86_EMU_IOAPIC))
        return -EOPNOTSUPP; /* it has no INTx wires */
    if (wire && (b->u.pci.device > 31 || b->u.pci.intx > 3))
        return -EINVAL;
    return 0;
}

static struct pt_wire wire_of(const struct xen_domctl_bind_pt_irq *b)
{
    return (struct pt_wire){ .pirq = (uint16_t)b->machine_irq, .device = b->u.pci.device,
                             .intx = b->u.pci.intx };
}

/* w: unused for a message. */
static int bind(struct domain *d, const struct xen_domctl_bind_pt_irq *b, struct pt_wire *w)
    REQUIRES(pci_lock)
{
    const enum pirq_kind kind = kind_for(b->irq_type);
    int rc;

    if (!is_mapped(d, b->machine_irq, kind))
        return -EINVAL;
    if (kind == PIRQ_GSI && !rangeset_contains(current->domain->irq_caps,
                                               d->arch.pirqs->entry[b->machine_irq].irq,
                                               d->arch.pirqs->entry[b->machine_irq].irq))
        return -EPERM;
    spin_lock(&d->evtchn.lock);
    rc = b->irq_type == PT_IRQ_TYPE_MSI ? bind_message(d, b->machine_irq, b) : bind_wire(d, w);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

long hvm_pt_bind(struct domain *d, const struct xen_domctl_bind_pt_irq *b)
{
    struct pt_wire *w = NULL;
    int rc = check(d, b);

    if (rc)
        return rc;
    if (!hvm_pt_get(d))
        return -ENOMEM;
    if (b->irq_type != PT_IRQ_TYPE_MSI) {
        w = hv_alloc(sizeof(*w));
        if (!w)
            return -ENOMEM;
        *w = wire_of(b);
    }
    spin_lock(&pci_lock);
    rc = bind(d, b, w);
    spin_unlock(&pci_lock);
    if (rc)
        hv_free(w);
    return rc;
}

long hvm_pt_unbind(struct domain *d, const struct xen_domctl_bind_pt_irq *b)
{
    const struct pt_wire like = wire_of(b);
    struct pt_wire *w = NULL;
    int rc = check(d, b);

    if (rc)
        return rc;
    if (!d->arch.hvm->pt)
        return -EINVAL;
    spin_lock(&pci_lock);
    if (!is_mapped(d, b->machine_irq, kind_for(b->irq_type))) {
        rc = -EINVAL;
    } else {
        spin_lock(&d->evtchn.lock);
        if (b->irq_type == PT_IRQ_TYPE_MSI)
            rc = unbind_message(d, b->machine_irq);
        else if ((w = unbind_wire(d, &like)) == NULL)
            rc = -EINVAL;
        spin_unlock(&d->evtchn.lock);
    }
    spin_unlock(&pci_lock);
    hv_free(w);
    return rc;
}
