/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device interrupts. An irq number is a GSI (0 to irq_nr_gsis() - 1) or, above those, one that an
 * MSI was given. Each has a descriptor with one owner: nobody, a handler of the hypervisor, or
 * guests (several only on a level-triggered line).
 *
 * A descriptor's vector belongs to one cpu, its target. Locking: desc->lock (RANK_IRQ) protects the
 * descriptor; the vector tables of all cpus are under one lock (RANK_VECTOR), and are read without
 * it by dispatch on their own cpu.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include <abi.h>
#include <hv/lock.h>
#include <hv/types.h>

#define NR_IRQS 2048
#define IRQ_MAX_GUESTS 4
#define NR_VECTORS 256

struct domain;
struct irq_desc;

struct irq_chip {
    const char *name;
    void (*mask)(struct irq_desc *desc);
    void (*unmask)(struct irq_desc *desc);
    /* Send to desc->cpu with desc->vector; keeps the mask state. */
    void (*route)(struct irq_desc *desc);
    void (*end)(struct irq_desc *desc); /* of a level line, after the local APIC's; may be NULL */
    /* NULL: always; false: only if the vector stays the same */
    bool (*can_move)(const struct irq_desc *desc);
};

enum irq_owner { IRQ_FREE, IRQ_DRIVER, IRQ_GUEST };

struct irq_guest {
    struct domain *d;
    uint32_t pirq;
    bool in_flight; /* level: delivered, and the line is masked until it says EOI */
};

struct irq_desc {
    spinlock_t lock;
    uint16_t irq;
    uint8_t owner;   /* enum irq_owner */
    uint8_t vector;  /* 0: none */
    uint16_t cpu;    /* target, while there is a vector */
    /* still reserved at old_cpu until the first interrupt arrives at the new place; 0: none */
    uint8_t old_vector;
    uint16_t old_cpu;
    bool level;      /* level-triggered: masked from delivery to EOI */
    bool fixed;      /* vector given from allocation on (MSI) rather than from binding on */
    bool allocated;  /* MSI numbers: given out */
    bool block;      /* one of several that share a message: does not move */
    uint8_t nr_guests, in_flight;
    struct irq_guest guest[IRQ_MAX_GUESTS];
    const struct irq_chip *chip;
    void *chip_data;
    void (*fn)(void *data);
    void *data;
    uint64_t count;
};

/* Boot: the local APIC, the numbering of cpus, the IO-APICs. After ACPI. */
void irq_init(void);
void irq_set_gsis(unsigned int nr_gsis); /* from ioapic.c */
unsigned int irq_nr_gsis(void);
struct irq_desc *irq_to_desc(unsigned int irq); /* NULL: no such irq */

/* Descriptor of a GSI, attached to its chip. Boot. -ENOMEM. */
int irq_attach(unsigned int irq, const struct irq_chip *chip, void *chip_data, bool level)
    must_check;
/*
 * nr consecutive irqs above the GSIs for one message: with consecutive vectors of one cpu, aligned
 * to nr (a power of two). The first irq, or -ENOSPC, -ENOMEM. The caller routes.
 */
int irq_alloc_msi(unsigned int nr, const struct irq_chip *chip, void *chip_data) must_check;
void irq_free_msi(unsigned int first, unsigned int nr); /* unbound and masked */

/*
 * A driver of ours takes the line: fn runs with interrupts off and no lock held. -EBUSY, -ENOENT,
 * -ENOSPC.
 */
int irq_request(unsigned int irq, void (*fn)(void *), void *data);

/* For pirq.c. share: others may bind the line too. */
int irq_bind_guest(unsigned int irq, struct domain *d, uint32_t pirq, unsigned int cpu, bool share);
void irq_unbind_guest(unsigned int irq, struct domain *d);
void irq_guest_eoi(unsigned int irq, struct domain *d);
void irq_set_affinity(unsigned int irq, unsigned int cpu);
/* A guest's message that the guest has masked, or no longer. */
void irq_set_masked(unsigned int irq, bool masked);
bool irq_is_level(unsigned int irq);
unsigned int irq_nr_sharers(unsigned int irq);

/*
 * From the entry stubs of vectors 0x20 to 0xff, regs->entry_vector says which; interrupts are off.
 */
void irq_dispatch(struct cpu_user_regs *regs);

/*
 * vector.c, pure: nr free consecutive entries of a cpu's table, aligned to nr (a power of two, at
 * most 32), from the device vectors; prefer (0: none) is taken if it is free and nr is 1. 0: none
 * free.
 */
uint8_t vector_find(const uint16_t table[NR_VECTORS], unsigned int nr, uint8_t prefer);

#endif
