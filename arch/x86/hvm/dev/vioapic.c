/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IO-APIC of an HVM domain: 48 pins. Intel 82093AA data sheet, "I/O Redirection Table
 * Registers".
 *
 * Always: Remote IRR is set only in level-triggered entries, between the acceptance of the
 * interrupt by a LAPIC and its EOI. Delivery status reads as idle. INIT and SMI are not delivered.
 */
#include <hv/errno.h>

#include "hvm_irq_priv.h"

#define REG_SELECT 0x00U
#define REG_WINDOW 0x10U
#define REG_EOI 0x40U

#define IDX_ID 0U
#define IDX_VERSION 1U
#define IDX_ARB 2U
#define IDX_PINS 0x10U

#define VERSION 0x11U
/* vector, delivery mode, destination mode, polarity, trigger mode, mask, destination */
#define ENTRY_WRITABLE 0xff0000000001afffULL
#define ENTRY_MASKED BIT(16)

static union vioapic_redir_entry *entry_of(struct domain *d, unsigned int pin)
{
    return &irq_of(d)->ioapic.redirtbl[pin];
}

static struct lapic_msg message(const union vioapic_redir_entry *e)
{
    return (struct lapic_msg){
        .dest = e->fields.dest_id,
        .vector = e->fields.vector,
        .mode = e->fields.delivery_mode,
        .logical = e->fields.dest_mode,
        .level = e->fields.trig_mode,
    };
}

struct vcpu *vioapic_target(struct domain *d, unsigned int pin)
{
    const union vioapic_redir_entry *e = entry_of(d, pin);
    const struct lapic_msg m = message(e);

    return e->fields.mask ? NULL : vlapic_only(d, &m);
}

static unsigned int deliver(struct domain *d, const union vioapic_redir_entry *e)
{
    const struct lapic_msg m = message(e);

    switch (m.mode) {
    case LAPIC_FIXED: case LAPIC_LOWEST: case LAPIC_NMI: case LAPIC_EXTINT:
        return vlapic_deliver(d, &m);
    default:
        return 0;
    }
}

/*
 * If no LAPIC takes a level interrupt, Remote IRR stays clear: the interrupt comes when the entry
 * is next written or the line rises again, and is not stuck for ever.
 */
static void try_level(struct domain *d, unsigned int pin) REQUIRES(irq_of(d)->lock)
{
    union vioapic_redir_entry *e = entry_of(d, pin);

    if (!e->fields.trig_mode || e->fields.mask || e->fields.remote_irr ||
        irq_of(d)->gsi_count[pin] == 0)
        return;
    if (deliver(d, e) && e->fields.delivery_mode <= LAPIC_LOWEST)
        e->fields.remote_irr = 1;
}

void vioapic_rise(struct domain *d, unsigned int pin)
{
    const union vioapic_redir_entry *e = entry_of(d, pin);

    if (e->fields.trig_mode)
        try_level(d, pin);
    else if (!e->fields.mask)
        deliver(d, e);
}

/* It rises again, at once, if its device still asserts it. */
static void machine_line_done(struct domain *d, unsigned int pin) REQUIRES(irq_of(d)->lock)
{
    if (irq_of(d)->gsi_count[pin] > 0)
        irq_of(d)->gsi_count[pin]--;
    hwdom_line_done(d, pin);
}

void vioapic_eoi(struct domain *d, unsigned int vector)
{
    if (!(d->arch.hvm->emulation & XEN_X86_EMU_IOAPIC))
        return;
    spin_lock(&irq_of(d)->lock);
    for (unsigned int pin = 0; pin < HVM_GSIS; pin++) {
        union vioapic_redir_entry *e = entry_of(d, pin);

        if (e->fields.vector != vector || !e->fields.remote_irr)
            continue;
        e->fields.remote_irr = 0;
        if (irq_of(d)->machine & BIT(pin))
            machine_line_done(d, pin);
        if (unlikely(irq_of(d)->passed & BIT(pin)))
            pt_pin_done(d, pin);
        try_level(d, pin);
    }
    spin_unlock(&irq_of(d)->lock);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint32_t window_read(const struct hvm_irq *i)
{
    const struct hvm_hw_vioapic *a = &i->ioapic;
    const unsigned int pin = (a->ioregsel - IDX_PINS) / 2, pins = i->pins;

    switch (a->ioregsel) {
    case IDX_ID: case IDX_ARB:
        return a->id << 24;
    case IDX_VERSION:
        return VERSION | (pins - 1) << 16;
    default:
        if (a->ioregsel < IDX_PINS || pin >= pins)
            return 0xffffffff;
        return (uint32_t)(a->redirtbl[pin].bits >> (a->ioregsel & 1 ? 32 : 0));
    }
}

uint32_t vioapic_read(struct domain *d, unsigned int offset)
{
    struct hvm_irq *i = irq_of(d);
    uint32_t val = 0;

    spin_lock(&irq_of(d)->lock);
    if (offset == REG_SELECT)
        val = i->ioapic.ioregsel;
    else if (offset == REG_WINDOW)
        val = window_read(i);
    spin_unlock(&irq_of(d)->lock);
    return val;
}

/*
 * An entry that becomes edge-triggered forgets its Remote IRR: kernels end a level interrupt that
 * way where there is no EOI register.
 */
static void entry_write(struct domain *d, unsigned int pin, bool upper, uint32_t val)
    REQUIRES(irq_of(d)->lock)
{
    union vioapic_redir_entry *e = entry_of(d, pin);
    const unsigned int shift = upper ? 32 : 0;
    const uint64_t half = 0xffffffffULL << shift, mask = half & ENTRY_WRITABLE;

    e->bits = (e->bits & ~mask) | ((uint64_t)val << shift & mask);
    if (!e->fields.trig_mode)
        e->fields.remote_irr = 0;
    try_level(d, pin);
}

static void window_write(struct domain *d, uint32_t val) REQUIRES(irq_of(d)->lock)
{
    struct hvm_hw_vioapic *a = &irq_of(d)->ioapic;
    const unsigned int pin = (a->ioregsel - IDX_PINS) / 2;

    if (a->ioregsel == IDX_ID)
        a->id = (val >> 24) & 15;
    else if (a->ioregsel >= IDX_PINS && pin < irq_of(d)->pins)
        entry_write(d, pin, a->ioregsel & 1, val);
}

void vioapic_write(struct domain *d, unsigned int offset, uint32_t val)
{
    struct hvm_irq *i = irq_of(d);

    if (offset == REG_EOI) {
        vioapic_eoi(d, val & 0xff);
        return;
    }
    spin_lock(&irq_of(d)->lock);
    if (offset == REG_SELECT)
        i->ioapic.ioregsel = val & 0xff;
    else if (offset == REG_WINDOW)
        window_write(d, val);
    spin_unlock(&irq_of(d)->lock);
}

void vioapic_init(struct hvm_irq *i)
{
    i->ioapic.base_address = VIOAPIC_BASE;
    i->pins = HVM_GSIS;
    for (unsigned int pin = 0; pin < HVM_GSIS; pin++)
        i->ioapic.redirtbl[pin].bits = ENTRY_MASKED;
}

void vioapic_mirror(struct domain *d, unsigned int pins)
{
    irq_of(d)->pins = (uint8_t)MIN(pins, HVM_GSIS);
}

/* --- records ---------------------------------------------------------------------------------- */

void vioapic_save(struct domain *d, struct hvm_hw_vioapic *r)
{
    struct hvm_irq *i = irq_of(d);

    spin_lock(&irq_of(d)->lock);
    *r = i->ioapic;
    spin_unlock(&irq_of(d)->lock);
}

static bool entry_is_valid(union vioapic_redir_entry e)
{
    const bool remote_irr = e.fields.remote_irr;

    e.fields.remote_irr = 0;
    e.fields.delivery_status = 0;
    return !(e.bits & ~ENTRY_WRITABLE) && !(remote_irr && !e.fields.trig_mode);
}

int vioapic_load(struct domain *d, const struct hvm_hw_vioapic *r)
{
    struct hvm_irq *i = irq_of(d);

    if (r->base_address != VIOAPIC_BASE || r->ioregsel > 0xff || r->id > 15)
        return -EINVAL;
    for (unsigned int pin = 0; pin < HVM_GSIS; pin++)
        if (!entry_is_valid(r->redirtbl[pin]))
            return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    i->ioapic = *r;
    for (unsigned int pin = 0; pin < HVM_GSIS; pin++)
        i->ioapic.redirtbl[pin].fields.delivery_status = 0;
    spin_unlock(&irq_of(d)->lock);
    return 0;
}
