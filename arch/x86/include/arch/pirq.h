/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pirqs: a domain's numbers for physical interrupts. public physdev.h; SURFACE of dom0:
 * docs/interrupts.md. A pirq is mapped to an irq (physdev_op map_pirq) and then bound to an event
 * channel (EVTCHNOP_bind_pirq). dom0's pirqs of GSIs are the GSIs.
 */
#ifndef ARCH_PIRQ_H
#define ARCH_PIRQ_H

#include <arch/irq.h>
#include <arch/msi.h>
#include <hv/types.h>

struct domain;

#define NR_PIRQS NR_IRQS

enum pirq_kind { PIRQ_FREE, PIRQ_RESERVED, PIRQ_GSI, PIRQ_MSI };

struct pirq {
    uint16_t irq;
    uint8_t kind; /* enum pirq_kind */
    bool bound;
};

/* Entries change under pci_lock and the domain's event lock both; either lets one read. */
struct pirq_table {
    struct pirq entry[NR_PIRQS];
};

/* made at first use; NULL: out of memory */
struct pirq_table *pirq_table(struct domain *d) REQUIRES(pci_lock);
/* nr consecutive free pirqs from first up to NR_PIRQS. -ENOSPC. */
int pirq_find_free(const struct pirq_table *t, unsigned int first, unsigned int nr);
/* the pirq that is mapped to it, -ENOENT */
int pirq_find_irq(const struct pirq_table *t, unsigned int irq);
void pirq_set(struct domain *d, unsigned int pirq, enum pirq_kind kind, unsigned int irq)
    REQUIRES(pci_lock);
/*
 * Forget a mapping; an event channel that is still bound to it becomes silent. -EINVAL: not mapped,
 * or not a block's first.
 */
int pirq_unmap(struct domain *d, unsigned int pirq) REQUIRES(pci_lock);

int pirq_eoi(struct domain *d, unsigned int pirq);
/* XENIRQSTAT_* */
int pirq_status(struct domain *d, unsigned int pirq, uint32_t *flags);
/*
 * Share a page of the domain's whose bits say which pirqs want an EOI. auto_unmask: that EOI
 * unmasks the port too (v1).
 */
int pirq_register_eoi_page(struct domain *d, uint64_t gfn, bool auto_unmask);

/* The domain is dying: unmap everything, give the page back. Any order with evtchn_close_all(). */
void pirq_release(struct domain *d);

#endif
