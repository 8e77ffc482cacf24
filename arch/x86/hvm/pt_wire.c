/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of the machine's that are INTx wires of a guest's. A line is masked when it comes, and the
 * wire goes up; it goes down, and the line is let through again, when the guest ends the interrupt
 * at the wire's pin of the IO-APIC or at the PICs. A device that still asserts it comes again.
 */
#include <arch/hvm_pt.h>
#include <arch/irq.h>
#include <hv/errno.h>
#include <hv/page.h>

#include "dev/hvm_irq_priv.h"

static struct pt_wire *first_wire(const struct domain *d)
{
    struct hvm_pt *pt = read_once(d->arch.hvm->pt);

    return pt ? pt->wires : NULL;
}

static bool same(const struct pt_wire *a, const struct pt_wire *b)
{
    return a->pirq == b->pirq && a->device == b->device && a->intx == b->intx;
}

static void lower(struct domain *d, struct pt_wire *w) REQUIRES(irq_of(d)->lock)
{
    if (!w->up)
        return;
    w->up = false;
    hvm_intx_set(d, w->device, w->intx, false);
    irq_guest_eoi(w->irq, d);
}

/* Pins whose ends of interrupt are to be looked at. */
static void note_pins(struct domain *d) REQUIRES(irq_of(d)->lock)
{
    uint64_t pins = 0;

    for (const struct pt_wire *w = first_wire(d); w; w = w->next)
        pins |= BIT(pci_intx_gsi(w->device, w->intx));
    irq_of(d)->passed = pins;
}

int pt_wire_add(struct domain *d, struct pt_wire *w)
{
    struct hvm_pt *pt = d->arch.hvm->pt;
    int rc = 0;

    spin_lock(&irq_of(d)->lock);
    for (const struct pt_wire *other = pt->wires; other; other = other->next)
        if (same(other, w))
            rc = -EEXIST;
    if (!rc) {
        w->next = pt->wires;
        pt->wires = w;
        note_pins(d);
    }
    spin_unlock(&irq_of(d)->lock);
    return rc;
}

struct pt_wire *pt_wire_remove(struct domain *d, const struct pt_wire *like, bool any)
{
    struct hvm_pt *pt = d->arch.hvm->pt;
    struct pt_wire **p, *w;

    spin_lock(&irq_of(d)->lock);
    for (p = &pt->wires; *p; p = &(*p)->next)
        if (any ? (*p)->pirq == like->pirq : same(*p, like))
            break;
    w = *p;
    if (w) {
        *p = w->next;
        lower(d, w);
        note_pins(d);
    }
    spin_unlock(&irq_of(d)->lock);
    return w;
}

bool pt_wire_exists(struct domain *d, unsigned int pirq)
{
    bool there = false;

    spin_lock(&irq_of(d)->lock);
    for (const struct pt_wire *w = first_wire(d); w; w = w->next)
        there = there || w->pirq == pirq;
    spin_unlock(&irq_of(d)->lock);
    return there;
}

bool pt_wires_raise(struct domain *d, unsigned int pirq)
{
    bool raised = false, others = false;

    spin_lock(&irq_of(d)->lock);
    for (struct pt_wire *w = first_wire(d); w; w = w->next) {
        others = others || w->up;
        if (w->pirq != pirq || w->up)
            continue;
        w->up = raised = true;
        hvm_intx_set(d, w->device, w->intx, true);
    }
    spin_unlock(&irq_of(d)->lock);
    return raised && !others;
}

struct vcpu *pt_wire_target(struct domain *d, unsigned int pirq)
{
    struct vcpu *v = NULL;

    spin_lock(&irq_of(d)->lock);
    for (const struct pt_wire *w = first_wire(d); w && !v; w = w->next)
        if (w->pirq == pirq)
            v = vioapic_target(d, pci_intx_gsi(w->device, w->intx));
    spin_unlock(&irq_of(d)->lock);
    return v;
}

void pt_wires_end_all(struct domain *d)
{
    spin_lock(&irq_of(d)->lock);
    for (struct pt_wire *w = first_wire(d); w; w = w->next)
        lower(d, w);
    spin_unlock(&irq_of(d)->lock);
}

void pt_pin_done(struct domain *d, unsigned int pin)
{
    for (struct pt_wire *w = first_wire(d); w; w = w->next)
        if (pci_intx_gsi(w->device, w->intx) == pin)
            lower(d, w);
}

void pt_isa_done(struct domain *d, unsigned int irq)
{
    for (struct pt_wire *w = first_wire(d); w; w = w->next)
        if (irq && irq_of(d)->link_route[pci_intx_link(w->device, w->intx)] == irq)
            lower(d, w);
}
