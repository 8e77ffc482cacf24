/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults of an Intel IOMMU: D51397, 7.2 "Fault Recording", 10.4.14 FRCD. It has a few records,
 * which wait until we have read them, and sends a message for the first. A device that faults all
 * the time must not keep a cpu busy: after a message its sending is off for a while.
 */
#include "vtd_priv.h"

#include <arch/irq.h>
#include <arch/mmio.h>
#include <arch/msi.h>
#include <arch/smpboot.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/format.h>

#define PAUSE MILLISECS(100)
#define MAX_AT_ONCE 256U /* as many records as there can be */
#define LINES_AT_ONCE 8U

/* in the second word of a record */
#define RECORD_FAULT (1ULL << 63)
#define RECORD_READ (1ULL << 62)
#define RECORD_REASON(w) ((unsigned int)((w) >> 32) & 0xff)
#define REASON_INTERRUPTS 0x20U

/* Appendix A "Fault Reason Encodings" */
static const char *const reasons[] = {
    [0x1] = "its bus is blocked",
    [0x2] = "the device is blocked",
    [0x3] = "invalid context entry",
    [0x4] = "address beyond what the IOMMU has",
    [0x5] = "no right to write",
    [0x6] = "no right to read",
    [0x7] = "page table not readable",
    [0x8] = "root table not readable",
    [0x9] = "context table not readable",
    [0xa] = "reserved bits in a root entry",
    [0xb] = "reserved bits in a context entry",
    [0xc] = "reserved bits in a page table",
    [0xd] = "kind of request not allowed",
    [0xe] = "leads to interrupt addresses",
    [0x20] = "reserved bits in an interrupt request",
    [0x21] = "interrupt index too large",
    [0x22] = "no such interrupt",
    [0x23] = "interrupt table not readable",
    [0x24] = "reserved bits in an interrupt entry",
    [0x25] = "interrupt in the old format",
    [0x26] = "interrupt of somebody else",
};

int vtd_fault_text(char *buf, size_t size, uint16_t segment, const uint64_t r[2])
{
    const unsigned int reason = RECORD_REASON(r[1]), devid = (unsigned int)r[1] & 0xffff;
    const char *what = reason < ARRAY_SIZE(reasons) && reasons[reason] ? reasons[reason]
                                                                      : "unknown reason";

    if (reason >= REASON_INTERRUPTS && reason < 0x30)
        return snprintf(buf, size, "fault of %04x:%02x:%02x.%u: interrupt %u: %s (%#x)", segment,
                        devid >> 8, devid >> 3 & 31, devid & 7, (unsigned int)(r[0] >> 48), what,
                        reason);
    return snprintf(buf, size, "fault of %04x:%02x:%02x.%u: %s at %#lx: %s (%#x)", segment,
                    devid >> 8, devid >> 3 & 31, devid & 7, r[1] & RECORD_READ ? "read" : "write",
                    (unsigned long)(r[0] & ~0xfffULL), what, reason);
}

/* The record at *index; false: it is empty. */
static bool take_record(struct vtd *m, unsigned int *index, uint64_t r[2]) REQUIRES(m->lock)
{
    const unsigned int at = VTD_CAP_FRO(m->cap) + 16 * *index;

    r[1] = mmio_read64(m->regs, at + 8);
    if (!(r[1] & RECORD_FAULT))
        return false;
    r[0] = mmio_read64(m->regs, at);
    mmio_write32(m->regs, at + 12, RECORD_FAULT >> 32); /* written as one, it is cleared */
    *index = (*index + 1) % VTD_CAP_NFR(m->cap);
    m->nr_faults++;
    return true;
}

void vtd_fault_read(struct vtd *m)
{
    unsigned int n = 0, index;
    uint64_t r[2];
    char text[160];

    spin_lock(&m->lock);
    index = VTD_FSTS_FRI(mmio_read32(m->regs, VTD_REG_FSTS)) % VTD_CAP_NFR(m->cap);
    for (; n < MAX_AT_ONCE && take_record(m, &index, r); n++)
        if (n < LINES_AT_ONCE) {
            vtd_fault_text(text, sizeof(text), m->segment, r);
            guest_log(LOG_WARNING, "IOMMU: %s", text);
        }
    if (mmio_read32(m->regs, VTD_REG_FSTS) & VTD_FSTS_PFO) {
        guest_log(LOG_WARNING, "IOMMU: it had more faults than records, some are lost");
        mmio_write32(m->regs, VTD_REG_FSTS, VTD_FSTS_PFO);
    }
    spin_unlock(&m->lock);
    if (n > LINES_AT_ONCE)
        guest_log(LOG_WARNING, "IOMMU: and %u faults more", n - LINES_AT_ONCE);
}

/* --- the message: 10.4.10 to 10.4.13 ---------------------------------------------------------- */

static void fault_mask(struct irq_desc *desc)
{
    struct vtd *m = desc->chip_data;

    mmio_write32(m->regs, VTD_REG_FECTL, VTD_FECTL_IM);
}

static void fault_unmask(struct irq_desc *desc)
{
    struct vtd *m = desc->chip_data;

    mmio_write32(m->regs, VTD_REG_FECTL, 0);
}

static void fault_route(struct irq_desc *desc)
{
    const uint32_t dest = cpu_apic_id[desc->cpu];
    struct vtd *m = desc->chip_data;

    /* 5.1.6: never remapped. Above are the bits that the old format has no place for. */
    mmio_write32(m->regs, VTD_REG_FEDATA, msi_data(desc->vector));
    mmio_write32(m->regs, VTD_REG_FEADDR, msi_address((uint8_t)dest));
    mmio_write32(m->regs, VTD_REG_FEUADDR, dest & ~0xffU);
}

static const struct irq_chip fault_chip = {
    .name = "VT-d", .mask = fault_mask, .unmask = fault_unmask, .route = fault_route,
};

static void interrupt(void *data)
{
    struct vtd *m = data;

    mmio_write32(m->regs, VTD_REG_FECTL, VTD_FECTL_IM);
    vtd_fault_read(m);
    timer_set(&m->poll, time_now() + PAUSE);
}

/* The end of a pause; without a message, a look ten times a second. */
static void look(void *data)
{
    struct vtd *m = data;

    vtd_fault_read(m);
    if (m->have_irq)
        mmio_write32(m->regs, VTD_REG_FECTL, 0);
    else
        timer_set(&m->poll, time_now() + PAUSE);
}

static bool take_interrupt(struct vtd *m)
{
    const int irq = irq_alloc_msi(1, &fault_chip, m);
    struct irq_desc *desc;

    if (irq < 0)
        return false;
    desc = irq_to_desc((unsigned int)irq);
    spin_lock(&desc->lock);
    fault_route(desc);
    spin_unlock(&desc->lock);
    return irq_request((unsigned int)irq, interrupt, m) == 0;
}

void vtd_fault_start(struct vtd *m)
{
    timer_init(&m->poll, look, m, 0);
    m->have_irq = take_interrupt(m);
    if (m->have_irq)
        return;
    log_warn("IOMMU at %#lx: no interrupt for its faults; they are polled", (unsigned long)m->base);
    timer_set(&m->poll, time_now() + PAUSE);
}
