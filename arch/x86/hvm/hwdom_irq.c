/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's interrupts on their way to a translated dom0. A line is bound when dom0 unmasks its
 * entry in the virtual IO-APIC, in that entry's mode; it comes in at that pin, and a level is
 * masked at the machine's IO-APIC until dom0 has ended it. A message comes to the LAPIC that dom0
 * has put into its device's registers (vpci.c).
 */
#include <arch/hwdom.h>

#include <arch/cpu.h>
#include <arch/ioapic.h>
#include <arch/irq.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/sched.h>

#include "dev/hvm_irq_priv.h"

/* --- messages --------------------------------------------------------------------------------- */

/* Each is one word, so that dispatch reads it without a lock: address below 2^32, data above. */
static uint64_t message[NR_IRQS];

void hwdom_message_set(unsigned int irq, uint64_t address, uint32_t data)
{
    write_once(message[irq], (uint32_t)address | (uint64_t)data << 32);
}

static struct vcpu *message_arrived(struct domain *d, unsigned int irq)
{
    const uint64_t m = read_once(message[irq]);

    if (hvm_msi(d, (uint32_t)m, (uint32_t)(m >> 32)))
        guest_log(LOG_DEBUG, "dom0: irq %u: message %#lx is no interrupt", irq, (unsigned long)m);
    return hvm_msi_target(d, (uint32_t)m, (uint32_t)(m >> 32));
}

/* --- lines ------------------------------------------------------------------------------------ */

static void line_arrived(struct domain *d, unsigned int gsi)
{
    if (irq_is_level(gsi))
        hvm_gsi_assert(d, gsi);
    else
        hvm_gsi_pulse(d, gsi);
}

struct vcpu *hwdom_interrupt(struct domain *d, uint32_t number)
{
    if (number >= HWDOM_MESSAGE)
        return message_arrived(d, number - HWDOM_MESSAGE);
    line_arrived(d, number);
    return NULL;
}

void hwdom_line_done(struct domain *d, unsigned int gsi) { irq_guest_eoi(gsi, d); }

/* It may come at once, on any cpu. */
static int bind(struct domain *d, unsigned int gsi, bool level, bool low)
{
    int rc = ioapic_set_mode(gsi, level, low);

    return rc ? rc : irq_bind_guest(gsi, d, gsi, current->processor, false);
}

/* The entry, and whether it is unmasked and its line bound. */
static union vioapic_redir_entry look(struct domain *d, unsigned int pin, bool *bound)
{
    union vioapic_redir_entry e;

    spin_lock(&irq_of(d)->lock);
    e = irq_of(d)->ioapic.redirtbl[pin];
    *bound = irq_of(d)->machine & BIT(pin);
    spin_unlock(&irq_of(d)->lock);
    return e;
}

static void set_bound(struct domain *d, unsigned int pin, bool bound)
{
    spin_lock(&irq_of(d)->lock);
    if (bound)
        irq_of(d)->machine |= BIT(pin);
    else
        irq_of(d)->machine &= ~BIT(pin);
    spin_unlock(&irq_of(d)->lock);
}

static void pin_update(struct domain *d, unsigned int pin)
{
    bool bound;
    const union vioapic_redir_entry e = look(d, pin, &bound);
    int rc;

    if (e.fields.mask || (bound && irq_is_level(pin) == (bool)e.fields.trig_mode))
        return;
    if (bound)
        irq_unbind_guest(pin, d); /* the mode has changed */
    set_bound(d, pin, true);
    rc = bind(d, pin, e.fields.trig_mode, e.fields.polarity);
    if (rc == 0)
        return;
    set_bound(d, pin, false);
    guest_log(LOG_DEBUG, "dom0: line %u is not to be had (%d)", pin, rc);
}

void hwdom_ioapic_written(struct domain *d)
{
    for (unsigned int pin = 0; pin < irq_of(d)->pins; pin++)
        pin_update(d, pin);
}
