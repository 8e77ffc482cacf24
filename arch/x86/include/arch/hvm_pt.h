/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices of the machine that an HVM domain has: where their registers are for the guest, and
 * what becomes of their interrupts. public domctl.h: memory_mapping, ioport_mapping, bind_pt_irq.
 * What they reach by DMA is the IOMMU's business. docs/iommu.md, "HVM guests".
 */
#ifndef ARCH_HVM_PT_H
#define ARCH_HVM_PT_H

#include <arch/pirq.h>
#include <hv/timer.h>
#include <hv/types.h>

struct domain;
struct rangeset;
struct vcpu;
struct xen_domctl_bind_pt_irq;
struct xen_domctl_ioport_mapping;
struct xen_domctl_memory_mapping;

/* A pirq that is a message of the machine's, and one of the guest's. */
struct pt_message {
    uint64_t word;    /* the guest's: address, which is below 2^32; data above. 0: there is none */
    uint64_t control; /* guest address of its MSI-X entry's vector control; 0: it has none */
};

/* A pirq that is an INTx of the guest's; several may be. */
struct pt_wire {
    struct pt_wire *next;
    uint16_t pirq, irq;
    uint8_t device, intx;
    bool up; /* from the interrupt to its end */
};

struct pt_ports {
    struct pt_ports *next;
    uint32_t guest, machine, nr;
};

/* Made with the first of all these; a domain without devices has none. */
struct hvm_pt {
    struct pt_message *message; /* [NR_PIRQS]: changes under the event lock, word is read without */
    struct pt_wire *wires;      /* the irq lock */
    struct timer late;          /* ends an interrupt that the guest does not */
    struct pt_ports *ports;     /* changes while the domain is paused */
    struct rangeset *gfns;      /* that device memory was mapped at */
};

/* domctls. They hold the toolstack's lock, which keeps them apart. */
long hvm_pt_bind(struct domain *d, const struct xen_domctl_bind_pt_irq *b) must_check;
long hvm_pt_unbind(struct domain *d, const struct xen_domctl_bind_pt_irq *b) must_check;
/* Or how many frames are done: to be called again for the others. */
long hvm_pt_map_memory(struct domain *d, const struct xen_domctl_memory_mapping *m) must_check;
long hvm_pt_map_ports(struct domain *d, const struct xen_domctl_ioport_mapping *m) must_check;
/*
 * The domain loses the right to frames or ports: they are not mapped any more. -ENOMEM;
 * -ERESTART: to be called again.
 */
int hvm_pt_deny_memory(struct domain *d, uint64_t first, uint64_t last) must_check;
void hvm_pt_deny_ports(struct domain *d, uint64_t first, uint64_t last);

struct hvm_pt *hvm_pt_get(struct domain *d); /* made if need be; NULL: out of memory */
void hvm_pt_stop(struct domain *d); /* nothing goes off any more. Waits; no lock held */
void hvm_pt_free(struct domain *d);

/*
 * A pirq of d's came. From dispatch, no lock held. The vcpu that it is for; NULL: none, or more
 * than one.
 */
struct vcpu *hvm_pt_interrupt(struct domain *d, unsigned int pirq);
/* It is unmapped, and not bound any more; with the event lock. */
void hvm_pt_forget(struct domain *d, unsigned int pirq);

/*
 * The guest wrote to memory of a device model's, which has done its part: if that is an MSI-X
 * entry's mask, it counts for the machine's.
 */
void hvm_pt_written(struct domain *d, uint64_t gpa, unsigned int size, uint64_t val);
/* The machine's port, if this is one of a device that d has. */
bool hvm_pt_port(const struct domain *d, uint32_t port, unsigned int size, uint16_t *machine);

/* --- wires (pt_wire.c) ------------------------------------------------------------------------ */

/* -EEXIST: it is there. */
int pt_wire_add(struct domain *d, struct pt_wire *w) must_check;
/* Takes one out; with any set, whichever there is of the pirq. The caller frees it. NULL: none. */
struct pt_wire *pt_wire_remove(struct domain *d, const struct pt_wire *like, bool any);
bool pt_wire_exists(struct domain *d, unsigned int pirq);
/* True: some went up, and no other was. */
bool pt_wires_raise(struct domain *d, unsigned int pirq);
/* The vcpu that the pirq's wire interrupts through the IO-APIC; NULL: none, or more than one. */
struct vcpu *pt_wire_target(struct domain *d, unsigned int pirq);
/* Those that are up, for longer than they should be. */
void pt_wires_end_all(struct domain *d);

#endif
