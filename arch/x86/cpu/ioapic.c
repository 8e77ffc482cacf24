/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IO-APICs: the chip of all GSIs. Each pin's redirection entry is kept in memory as last
 * written, so that masking is a write and no read. The timer interrupt of IRQ 0 is not used. Intel
 * 82093AA "I/O Advanced Programmable Interrupt Controller", register description.
 */
#include <arch/ioapic.h>
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/smpboot.h>
#include <drivers/acpi.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>
#include <hv/log.h>
#include <hv/page.h>

#define REG_SELECT 0x00
#define REG_WINDOW 0x10
#define REG_EOI 0x40 /* from version 0x20 on: a vector */
#define VERSION_EOI 0x20
#define INDEX_ID 0
#define INDEX_VERSION 1
#define INDEX_ARBITRATION 2
#define INDEX_RTE 0x10
#define MAX_PINS 240U

#define OVERRIDE_POLARITY 0x3U
#define OVERRIDE_TRIGGER 0xcU
#define POLARITY_LOW 0x3U
#define TRIGGER_LEVEL 0xcU

struct ioapic {
    volatile char *regs;
    paddr_t base;
    uint32_t gsi_base;
    uint32_t nr_pins;
    uint8_t id, version;
};

struct pin {
    uint16_t ioapic, index;
    uint64_t rte;      /* as it would be without remapping, which is what dom0 sees */
    uint64_t remapped; /* what is written instead, but for RTE_MODE; 0: nothing */
    uint64_t written;  /* as in the hardware */
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;
static struct pin *pins; /* by GSI */
static unsigned int nr_pins;
static DEFINE_SPINLOCK(ioapic_lock, RANK_HW); /* select and window belong together; pin->rte */

static uint32_t reg_read(const struct ioapic *io, unsigned int index) REQUIRES(ioapic_lock)
{
    *(volatile uint32_t *)(io->regs + REG_SELECT) = index;
    return *(volatile uint32_t *)(io->regs + REG_WINDOW);
}

static void reg_write(const struct ioapic *io, unsigned int index, uint32_t value)
    REQUIRES(ioapic_lock)
{
    *(volatile uint32_t *)(io->regs + REG_SELECT) = index;
    *(volatile uint32_t *)(io->regs + REG_WINDOW) = value;
}

/*
 * The low half has the mask bit: it goes in last when unmasking. Only the halves that differ are
 * written.
 */
static void write_entry(struct pin *pin, uint64_t rte) REQUIRES(ioapic_lock)
{
    const struct ioapic *io = &ioapics[pin->ioapic];
    unsigned int index = INDEX_RTE + 2u * pin->index;

    if ((rte ^ pin->written) >> 32)
        reg_write(io, index + 1, (uint32_t)(rte >> 32));
    if ((uint32_t)rte != (uint32_t)pin->written)
        reg_write(io, index, (uint32_t)rte);
    pin->written = rte;
}

static void pin_write(struct pin *pin, uint64_t rte) REQUIRES(ioapic_lock)
{
    write_entry(pin, pin->remapped ? pin->remapped | (rte & RTE_MODE) : rte);
    pin->rte = rte;
}

static void ioapic_mask(struct irq_desc *desc)
{
    struct pin *pin = desc->chip_data;

    spin_lock(&ioapic_lock);
    pin_write(pin, pin->rte | RTE_MASKED);
    spin_unlock(&ioapic_lock);
}

static void ioapic_unmask(struct irq_desc *desc)
{
    struct pin *pin = desc->chip_data;

    spin_lock(&ioapic_lock);
    pin_write(pin, pin->rte & ~RTE_MASKED);
    spin_unlock(&ioapic_lock);
}

/*
 * Masked while its halves disagree. An edge that comes in that moment is lost, so an edge pin is
 * masked only if it must.
 */
static void route_directly(struct pin *pin, uint64_t rte)
{
    spin_lock(&ioapic_lock);
    if ((uint32_t)rte != (uint32_t)pin->written && (rte ^ pin->written) >> 32)
        pin_write(pin, pin->rte | RTE_MASKED);
    pin_write(pin, rte);
    spin_unlock(&ioapic_lock);
}

/*
 * A level pin says its vector too, for the end, so it is masked while it says the old one. An edge
 * pin's changes with the IOMMU's entry, and what it says itself does not matter.
 */
static void route_remapped(struct pin *pin, const struct irq_desc *desc, uint64_t rte)
{
    const struct ioapic *io = &ioapics[pin->ioapic];
    const struct iommu_intr i = {
        .dest = cpu_apic_id[desc->cpu], .irq = desc->irq, .vector = desc->vector, .nr = 1,
        .level = rte & RTE_LEVEL
    };
    uint64_t remapped = 0;

    spin_lock(&ioapic_lock);
    if (i.level || !pin->remapped)
        pin_write(pin, pin->rte | RTE_MASKED);
    (void)reg_read(io, INDEX_RTE + 2u * pin->index); /* what it sent is on its way before this */
    spin_unlock(&ioapic_lock);
    if (iommu_pin(io->id, pin->index, &i, &remapped) <= 0) {
        log_err("ioapic: interrupt %u cannot be remapped", desc->irq);
        return;
    }
    spin_lock(&ioapic_lock);
    if ((remapped ^ pin->written) >> 32)
        pin_write(pin, pin->rte | RTE_MASKED);
    pin->remapped = remapped;
    pin_write(pin, rte);
    spin_unlock(&ioapic_lock);
}

static void ioapic_route(struct irq_desc *desc)
{
    struct pin *pin = desc->chip_data;
    const uint64_t rte = ioapic_rte(desc->vector, (uint8_t)cpu_apic_id[desc->cpu],
                                    pin->rte & RTE_LEVEL, pin->rte & RTE_LOW_ACTIVE,
                                    pin->rte & RTE_MASKED);

    if (iommu_intr_on())
        route_remapped(pin, desc, rte);
    else
        route_directly(pin, rte);
}

/*
 * Where the entry does not say the vector, the local APIC's end means nothing to the pin. One
 * without an EOI register takes the turn to edge for the end.
 */
static void ioapic_end(struct irq_desc *desc)
{
    struct pin *pin = desc->chip_data;
    const struct ioapic *io = &ioapics[pin->ioapic];
    const uint64_t now = pin->written;

    if ((uint8_t)now == desc->vector)
        return;
    spin_lock(&ioapic_lock);
    if (io->version >= VERSION_EOI) {
        *(volatile uint32_t *)(io->regs + REG_EOI) = (uint8_t)now;
    } else {
        write_entry(pin, (now & ~RTE_LEVEL) | RTE_MASKED);
        write_entry(pin, now);
    }
    spin_unlock(&ioapic_lock);
}

static const struct irq_chip ioapic_chip = {
    .name = "IO-APIC", .mask = ioapic_mask, .unmask = ioapic_unmask, .route = ioapic_route,
    .end = ioapic_end
};

/* --- modes ------------------------------------------------------------------------------------ */

unsigned int ioapic_isa_gsi(unsigned int isa_irq)
{
    for (unsigned int i = 0; i < acpi_info.madt.nr_overrides; i++)
        if (acpi_info.madt.override[i].source == isa_irq)
            return acpi_info.madt.override[i].gsi;
    return isa_irq;
}

/*
 * ISA lines are edge, high, unless an override says otherwise; all others are level, low, as on
 * PCI.
 */
static uint64_t default_mode(unsigned int gsi)
{
    uint64_t mode = gsi < 16 ? 0 : RTE_LEVEL | RTE_LOW_ACTIVE;

    for (unsigned int i = 0; i < acpi_info.madt.nr_overrides; i++) {
        const struct acpi_override *o = &acpi_info.madt.override[i];

        if (o->gsi != gsi)
            continue;
        mode = (o->flags & OVERRIDE_TRIGGER) == TRIGGER_LEVEL ? RTE_LEVEL : 0;
        if ((o->flags & OVERRIDE_POLARITY) == POLARITY_LOW)
            mode |= RTE_LOW_ACTIVE;
    }
    return mode;
}

/* desc->lock must be held: nobody binds meanwhile. */
static int set_mode_locked(struct irq_desc *desc, bool level, bool active_low) REQUIRES(desc->lock)
{
    struct pin *pin = desc->chip_data;
    bool same = desc->level == level && !!(pin->rte & RTE_LOW_ACTIVE) == active_low;

    if (same)
        return 0;
    if (desc->owner != IRQ_FREE)
        return -EBUSY;
    spin_lock(&ioapic_lock);
    pin_write(pin, ioapic_rte((uint8_t)pin->rte, (uint8_t)(pin->rte >> RTE_DEST_SHIFT), level,
                              active_low, true));
    spin_unlock(&ioapic_lock);
    desc->level = level;
    return 0;
}

int ioapic_set_mode(unsigned int gsi, bool level, bool active_low)
{
    struct irq_desc *desc = gsi < nr_pins ? irq_to_desc(gsi) : NULL;
    int rc;

    if (desc == NULL)
        return -ENOENT;
    spin_lock(&desc->lock);
    rc = set_mode_locked(desc, level, active_low);
    spin_unlock(&desc->lock);
    return rc;
}

/* --- dom0's view ------------------------------------------------------------------------------ */

static int read_entry(const struct ioapic *io, uint32_t reg, uint32_t *value)
{
    const struct pin *pin;
    unsigned int n = (reg - INDEX_RTE) / 2;

    if (n >= io->nr_pins || io->gsi_base + n >= nr_pins)
        return -EINVAL;
    pin = &pins[io->gsi_base + n];
    *value = (uint32_t)(reg & 1 ? pin->rte >> 32 : pin->rte);
    return 0;
}

int ioapic_guest_read(paddr_t base, uint32_t reg, uint32_t *value)
{
    for (unsigned int i = 0; i < nr_ioapics; i++) {
        if (ioapics[i].base != base)
            continue;
        if (reg >= INDEX_RTE)
            return read_entry(&ioapics[i], reg, value);
        if (reg > INDEX_ARBITRATION)
            return -EINVAL;
        spin_lock(&ioapic_lock);
        *value = reg_read(&ioapics[i], reg);
        spin_unlock(&ioapic_lock);
        return 0;
    }
    return -EINVAL;
}

/* --- boot ------------------------------------------------------------------------------------- */

static bool ioapic_found(const struct acpi_ioapic *a)
{
    struct ioapic *io = &ioapics[nr_ioapics];
    uint32_t version;

    *io = (struct ioapic){ .base = a->addr, .gsi_base = a->gsi_base, .id = a->id };
    io->regs = hv_ioremap(a->addr, REG_EOI + 4);
    if (io->regs == NULL)
        return false;
    spin_lock(&ioapic_lock);
    version = reg_read(io, INDEX_VERSION);
    spin_unlock(&ioapic_lock);
    if (version == 0xffffffff) {
        log_warn("ioapic: nothing at %#lx", (unsigned long)io->base);
        return false;
    }
    io->version = (uint8_t)version;
    io->nr_pins = MIN(((version >> 16) & 0xff) + 1, MAX_PINS);
    nr_ioapics++;
    return true;
}

static void pin_init(unsigned int n, unsigned int index)
{
    const struct ioapic *io = &ioapics[n];
    unsigned int gsi = io->gsi_base + index;
    struct pin *pin = &pins[gsi];
    uint64_t mode = default_mode(gsi);

    *pin = (struct pin){
        .ioapic = (uint16_t)n, .index = (uint16_t)index, .written = ~(mode | RTE_MASKED)
    };
    spin_lock(&ioapic_lock);
    pin_write(pin, mode | RTE_MASKED);
    spin_unlock(&ioapic_lock);
    if (irq_attach(gsi, &ioapic_chip, pin, mode & RTE_LEVEL))
        boot_fail("out of memory for interrupt %u", gsi);
}

void ioapic_init(void)
{
    unsigned int total = 0;

    for (unsigned int i = 0; i < acpi_info.madt.nr_ioapics; i++)
        if (ioapic_found(&acpi_info.madt.ioapic[i])) {
            const struct ioapic *io = &ioapics[nr_ioapics - 1];

            if (io->gsi_base < NR_IRQS / 2)
                total = MAX(total, MIN(io->gsi_base + io->nr_pins, NR_IRQS / 2U));
        }
    pins = total ? hv_alloc(total * sizeof(*pins)) : NULL;
    if (pins == NULL)
        boot_fail("no IO-APIC (the firmware's MADT lists %u)", acpi_info.madt.nr_ioapics);
    nr_pins = total;
    irq_set_gsis(total);
    for (unsigned int n = 0; n < nr_ioapics; n++)
        for (unsigned int i = 0; i < ioapics[n].nr_pins && ioapics[n].gsi_base + i < total; i++)
            pin_init(n, i);
    log_info("ioapic: %u with %u GSIs", nr_ioapics, total);
}
