/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A translated dom0 and the machine: ports, device memory at its own address, interrupts.
 * docs/dom0-pvh.md.
 */
#ifndef ARCH_HWDOM_H
#define ARCH_HWDOM_H

#include <hv/types.h>

struct domain;
struct vcpu;

/* --- ports and memory (hvm/hwdom.c) ----------------------------------------------------------- */

void hwdom_port_access(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *val);
/* Device memory that is not mapped: configuration space, MSI-X tables. False: it is nobody's. */
bool hwdom_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val);
/* Map what is at gpa, if that is device memory of dom0's. True: make the access again. */
bool hwdom_map(struct domain *d, uint64_t gpa) must_check;
/* Frames of device memory that are not to be mapped any more. */
void hwdom_unmap(struct domain *d, uint64_t first, uint64_t last);

/* --- interrupts (hvm/hwdom_irq.c) ------------------------------------------------------------- */

/* Number that a message's irq is bound with, less the irq; lines are bound with their GSI. */
#define HWDOM_MESSAGE 0x10000U
/* What dom0 has asked for in place of this irq. */
void hwdom_message_set(unsigned int irq, uint64_t address, uint32_t data);
/*
 * An irq of the machine's that d has. From dispatch, no lock held. The vcpu that a message is for;
 * NULL: none, or more than one, or it is a line.
 */
struct vcpu *hwdom_interrupt(struct domain *d, uint32_t number);
/* dom0 wrote to its IO-APIC: lines that it has unmasked are bound. */
void hwdom_ioapic_written(struct domain *d);

#endif
