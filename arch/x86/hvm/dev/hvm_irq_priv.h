/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the wires and the controllers; all of it with the domain's irq lock held. */
#ifndef HVM_IRQ_PRIV_H
#define HVM_IRQ_PRIV_H

#include <arch/hvm.h>
#include <hv/domain.h>

#define MASTER 0U
#define SLAVE 1U
#define CASCADE 2U /* the master's input that the slave is at */

static inline struct hvm_irq *irq_of(const struct domain *d) { return &d->arch.hvm->irq; }

/* A pin or line rose or fell (its count of sources became 1 or 0). */
void vioapic_rise(struct domain *d, unsigned int pin) REQUIRES(irq_of(d)->lock);
/* The vcpu that a pin's interrupts are for; NULL: none, more than one, or the pin is masked. */
struct vcpu *vioapic_target(struct domain *d, unsigned int pin) REQUIRES(irq_of(d)->lock);
void vpic_rise(struct domain *d, unsigned int irq) REQUIRES(irq_of(d)->lock);
void vpic_fall(struct domain *d, unsigned int irq) REQUIRES(irq_of(d)->lock);
/* The CPU's acknowledge cycle: vector, and which line (-1: spurious, or taken by polling). */
uint8_t vpic_ack(struct domain *d, int *irq) REQUIRES(irq_of(d)->lock);
bool vpic_is_masked(const struct hvm_irq *i, unsigned int irq);
void vpic_init(struct hvm_irq *i);
void vioapic_init(struct hvm_irq *i);
void hvm_intx_set(struct domain *d, unsigned int device, unsigned int intx, bool up)
    REQUIRES(irq_of(d)->lock);
/* pt_wire.c: the guest has ended an interrupt at a pin of the IO-APIC, or of the PICs. */
void pt_pin_done(struct domain *d, unsigned int pin) REQUIRES(irq_of(d)->lock);
void pt_isa_done(struct domain *d, unsigned int irq) REQUIRES(irq_of(d)->lock);
/* hwdom_irq.c: dom0 has ended the interrupt of this line of the machine's. */
void hwdom_line_done(struct domain *d, unsigned int gsi) REQUIRES(irq_of(d)->lock);

#endif
