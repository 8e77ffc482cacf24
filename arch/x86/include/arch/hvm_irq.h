/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt wires of an HVM domain and the two kinds of controllers at their ends: one IO-APIC of
 * 48 pins (16 for ISA, 32 for PCI INTx) and the pair of 8259s.
 */
#ifndef ARCH_HVM_IRQ_H
#define ARCH_HVM_IRQ_H

#include <abi.h>
#include <hv/lock.h>
#include <hv/types.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>

struct domain;
struct vcpu;

#define VIOAPIC_BASE 0xfec00000U
#define HVM_GSIS VIOAPIC_NUM_PINS
#define ISA_IRQS 16U
#define SCI_IRQ 9U /* of the ACPI fixed events */

struct hvm_irq {
    spinlock_t lock; /* RANK_HVM_IRQ: all below */
    uint64_t pci_wire[2];           /* asserted: device * 4 + INTx */
    uint16_t isa_wire;
    uint8_t link_route[4];          /* ISA irq of each PCI link; 0: none */
    uint8_t link_count[4];          /* asserted wires of each link */
    uint8_t gsi_count[HVM_GSIS];    /* asserted sources of each pin */
    struct hvm_hw_vpic pic[2];      /* master, slave */
    uint8_t pic_line[2];            /* inputs that are high */
    struct hvm_hw_vioapic ioapic;
    uint8_t pins;                   /* of the IO-APIC: HVM_GSIS, but for dom0 as the machine has */
    uint64_t machine;               /* dom0: pins that a line of the machine's is bound to */
    uint64_t passed;                /* pins at which lines of passed-through devices end */
    uint64_t callback;              /* HVM_PARAM_CALLBACK_IRQ as set */
    bool callback_asserted;         /* of types GSI and PCI INTx */
};

/* What a vcpu has to take next, the most urgent first. */
enum hvm_int_source { HVM_INT_NONE, HVM_INT_CALLBACK, HVM_INT_PIC, HVM_INT_LAPIC };
struct hvm_int {
    enum hvm_int_source source;
    uint8_t vector; /* but of PIC, whose vector is known when it is taken */
};

void hvm_irq_init(struct domain *d);

/*
 * Looks, and takes: the vector to inject, -1 if it went away meanwhile. NMIs are in v->nmi_pending.
 * Both are for v's own cpu.
 */
struct hvm_int hvm_int_pending(struct vcpu *v);
int hvm_int_take(struct vcpu *v, struct hvm_int what);

void hvm_isa_irq_assert(struct domain *d, unsigned int irq);
void hvm_isa_irq_deassert(struct domain *d, unsigned int irq);
/* An edge, for sources that have no level to show: the line falls and rises. */
void hvm_isa_irq_pulse(struct domain *d, unsigned int irq);
void hvm_gsi_assert(struct domain *d, unsigned int gsi);
void hvm_gsi_deassert(struct domain *d, unsigned int gsi);
void hvm_gsi_pulse(struct domain *d, unsigned int gsi);
int hvm_pci_intx(struct domain *d, unsigned int device, unsigned int intx, bool asserted)
    must_check;
int hvm_pci_link_route(struct domain *d, unsigned int link, unsigned int isa_irq) must_check;
/* -EINVAL: not an address that an interrupt message can have, or vector 0 (pirqs) */
int hvm_msi(struct domain *d, uint64_t addr, uint32_t data) must_check;
/* The vcpu that it is for; NULL: none, or more than one. Lock-free. */
struct vcpu *hvm_msi_target(struct domain *d, uint64_t addr, uint32_t data);
/* Does v take the PICs' interrupts, by its LAPIC or pin 0 of the IO-APIC? Lock-free. */
bool hvm_takes_extint(const struct vcpu *v);
bool hvm_gsi_is_masked(struct domain *d, unsigned int gsi); /* at both controllers */
/* Vector that an edge on this pin gives, -1: masked. For recognizing ticks; racy. */
int hvm_gsi_vector(const struct domain *d, unsigned int gsi);

static inline unsigned int pci_intx_gsi(unsigned int device, unsigned int intx)
{
    return ISA_IRQS + ((device * 4 + (device >> 3) + intx) & 31);
}
static inline unsigned int pci_intx_link(unsigned int device, unsigned int intx)
{
    return (device + intx) & 3;
}
/* The PIT's line goes to pin 2, which is where the PICs' cascade would be. */
static inline unsigned int isa_irq_gsi(unsigned int irq) { return irq == 0 ? 2 : irq; }

/* Event channels. HVM_PARAM_CALLBACK_IRQ: -EINVAL for what the public header does not define. */
int hvm_callback_set(struct domain *d, uint64_t val) must_check;
/* v's evtchn_upcall_pending was set. */
void hvm_upcall(struct vcpu *v);
/*
 * v's LAPIC was reset: the vector of events that are still pending comes again, as nobody else
 * sends it.
 */
void hvm_upcall_again(struct vcpu *v);
/* Before v enters the guest: a GSI or INTx falls once the guest has seen its events. */
void hvm_callback_sync(struct vcpu *v);
int hvm_upcall_vector_set(struct vcpu *v, unsigned int vector) must_check;

/*
 * dom0: its IO-APIC stands for the machine's first one. Lines are bound when their entries are
 * unmasked (hwdom_irq.c), which has to be looked for after each write.
 */
void vioapic_mirror(struct domain *d, unsigned int pins);

uint32_t vioapic_read(struct domain *d, unsigned int offset);
void vioapic_write(struct domain *d, unsigned int offset, uint32_t val);
void vioapic_eoi(struct domain *d, unsigned int vector); /* a LAPIC ended a level interrupt */

/* Ports 0x20, 0x21, 0xa0, 0xa1; 0x4d0, 0x4d1. */
uint8_t vpic_read(struct domain *d, unsigned int port);
void vpic_write(struct domain *d, unsigned int port, uint8_t val);

void vpic_save(struct domain *d, unsigned int nr, struct hvm_hw_vpic *r);
void vioapic_save(struct domain *d, struct hvm_hw_vioapic *r);
void hvm_irq_save_pci(struct domain *d, struct hvm_hw_pci_irqs *r);
void hvm_irq_save_isa(struct domain *d, struct hvm_hw_isa_irqs *r);
void hvm_irq_save_link(struct domain *d, struct hvm_hw_pci_link *r);
/* In the order of their numbers: PIC, IOAPIC, PCI_IRQ, ISA_IRQ, PCI_LINK. No vcpu runs. */
int vpic_load(struct domain *d, unsigned int nr, const struct hvm_hw_vpic *r) must_check;
int vioapic_load(struct domain *d, const struct hvm_hw_vioapic *r) must_check;
int hvm_irq_load_pci(struct domain *d, const struct hvm_hw_pci_irqs *r) must_check;
int hvm_irq_load_isa(struct domain *d, const struct hvm_hw_isa_irqs *r) must_check;
int hvm_irq_load_link(struct domain *d, const struct hvm_hw_pci_link *r) must_check;

#endif
