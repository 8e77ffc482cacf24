/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An Intel IOMMU's table of interrupts: D51397, chapter 5, 9.10 "Interrupt Remapping Table Entry
 * (IRTE) for Remapped Interrupts". The index is the irq's number. An entry has two words: what is
 * raised, and who may do so; the first word is all that changes while it is present.
 */
#include "vtd_priv.h"

#include <arch/direct.h>
#include <arch/irq.h>
#include <arch/mmio.h>
#include <arch/msi.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>
#include <hv/page.h>

#define ENTRIES NR_IRQS
#define ENTRY_BYTES 16UL
#define TABLE_SIZE 10ULL /* 10.4.29 IRTA: 2^(10 + 1) entries */
#define TABLE_WIDE (1ULL << 11)

_Static_assert(ENTRIES == 1U << (TABLE_SIZE + 1), "the register says how many there are");

/* Fixed, to a physical APIC id. */
#define ENTRY_PRESENT 1ULL
#define ENTRY_LEVEL (1ULL << 4)
#define ENTRY_PIN (1ULL << 8) /* one of four bits for software: it is an IO-APIC's */
#define ENTRY_VECTOR_SHIFT 16
#define ENTRY_DEST_SHIFT 32
#define ENTRY_NARROW_SHIFT 40 /* an id of 8 bits */
/* The second word: a requester id, all 16 bits of it; or the first and last of its bus numbers. */
#define SOURCE_EXACT (1ULL << 18)
#define SOURCE_BUSES (2ULL << 18)
#define SOURCE_KIND (3ULL << 18)

/* 5.1.2.2 "Interrupt Requests in Remappable Format" */
#define MESSAGE_REMAPPABLE (1U << 4)
#define MESSAGE_ADDS_DATA (1U << 3) /* the data, which has the message's number, is added */
/* 5.1.5.1 of an IO-APIC's pin */
#define PIN_REMAPPABLE (1ULL << 48)
#define PIN_INDEX_SHIFT 49

static uint64_t *entry_of(const struct vtd *m, unsigned int index) { return m->intr + 2UL * index; }

static uint64_t first_word(const struct vtd *m, const struct iommu_intr *i, unsigned int nth)
{
    return ENTRY_PRESENT | (i->level ? ENTRY_LEVEL : 0) |
           (uint64_t)(i->vector + nth) << ENTRY_VECTOR_SHIFT |
           (m->wide ? (uint64_t)i->dest << ENTRY_DEST_SHIFT
                    : (uint64_t)(i->dest & 0xff) << ENTRY_NARROW_SHIFT);
}

static bool may_use(uint64_t source, uint16_t devid)
{
    const uint8_t bus = (uint8_t)(devid >> 8);

    switch (source & SOURCE_KIND) {
    case SOURCE_EXACT:
        return (uint16_t)source == devid;
    case SOURCE_BUSES:
        return bus >= (uint8_t)(source >> 8) && bus <= (uint8_t)source;
    default:
        return false;
    }
}

static uint16_t name_of(uint64_t source)
{
    return (uint16_t)((source & SOURCE_KIND) == SOURCE_BUSES ? source & 0xff00 : source);
}

/* A bridge to conventional PCI gives all that is behind it one name, or leaves it theirs. */
uint64_t vtd_intr_source(const struct pci_config *pci, uint32_t sbdf)
{
    uint16_t alias[VTD_MAX_ALIASES];
    const uint8_t bus = (uint8_t)(sbdf >> 8);
    const unsigned int n = vtd_aliases(pci, sbdf, alias, VTD_MAX_ALIASES);

    if (!n)
        return SOURCE_EXACT | (uint16_t)sbdf;
    if (alias[n - 1] == (uint16_t)(bus << 8))
        return SOURCE_BUSES | (uint64_t)bus << 8 | bus;
    return SOURCE_EXACT | alias[n - 1];
}

uint64_t vtd_intr_source_now(const struct vtd *m, unsigned int index)
{
    const uint64_t *e = entry_of(m, index);

    return read_once(e[0]) & ENTRY_PRESENT ? read_once(e[1]) : 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void remove(struct vtd *m, unsigned int index) REQUIRES(m->lock)
{
    uint64_t *e = entry_of(m, index);

    write_once(e[0], 0);
    vtd_to_memory(m, e, ENTRY_BYTES);
}

static int set(struct vtd *m, const struct iommu_intr *i, uint64_t source, uint64_t kind)
    REQUIRES(m->lock)
{
    int rc = 0;

    for (unsigned int n = 0; n < i->nr && !rc; n++) {
        uint64_t *e = entry_of(m, i->irq + n);

        if (e[0] & ENTRY_PRESENT && e[1] != source) {
            remove(m, i->irq + n);
            rc = vtd_forget_intr(m, i->irq + n, 1);
        }
        write_once(e[1], source);
        vtd_to_memory(m, e, ENTRY_BYTES);
        __atomic_store_n(&e[0], first_word(m, i, n) | kind, __ATOMIC_RELEASE);
        vtd_to_memory(m, e, ENTRY_BYTES);
    }
    return rc ? rc : vtd_forget_intr(m, i->irq, i->nr);
}

int vtd_intr_message(struct vtd *m, const struct iommu_intr *i, uint64_t source,
                     struct iommu_message *out)
{
    int rc;

    if (i->irq + i->nr > ENTRIES)
        return -ENOSPC;
    spin_lock(&m->lock);
    rc = set(m, i, source, 0);
    spin_unlock(&m->lock);
    if (rc)
        return rc;
    *out = (struct iommu_message){
        .address = MSI_ADDRESS | MESSAGE_REMAPPABLE | MESSAGE_ADDS_DATA |
                   (uint32_t)(i->irq & 0x7fff) << 5
    };
    return 1;
}

/* The vector stays: by it the local APIC's end finds the pin. */
int vtd_intr_pin(struct vtd *m, const struct iommu_intr *i, uint16_t devid, uint64_t *rte)
{
    int rc;

    if (i->irq >= ENTRIES || i->nr != 1)
        return -EINVAL;
    spin_lock(&m->lock);
    rc = set(m, i, SOURCE_EXACT | devid, ENTRY_PIN);
    spin_unlock(&m->lock);
    if (rc)
        return rc;
    *rte = (uint64_t)i->irq << PIN_INDEX_SHIFT | PIN_REMAPPABLE | i->vector;
    return 1;
}

int vtd_intr_end(struct vtd *m, unsigned int first, unsigned int nr)
{
    int rc;

    spin_lock(&m->lock);
    for (unsigned int n = first; n < first + nr && n < ENTRIES; n++)
        remove(m, n);
    rc = vtd_forget_intr(m, first, nr);
    spin_unlock(&m->lock);
    return rc;
}

/* Messages that the function may raise, or (all) those that a blocked one may. */
static int drop(struct vtd *m, bool all, uint16_t devid)
{
    bool any = false;
    int rc = 0;

    spin_lock(&m->lock);
    for (unsigned int n = 0; m->intr && n < ENTRIES; n++) {
        const uint64_t *e = entry_of(m, n);

        if (!(e[0] & ENTRY_PRESENT) || e[0] & ENTRY_PIN)
            continue;
        if (all ? vtd_tag_of(m, name_of(e[1])) != 0 : !may_use(e[1], devid))
            continue;
        remove(m, n);
        any = true;
    }
    if (any)
        rc = vtd_forget_intr(m, 0, 0);
    spin_unlock(&m->lock);
    return rc;
}

int vtd_intr_drop(struct vtd *m, uint16_t devid) { return drop(m, false, devid); }
int vtd_intr_drop_blocked(struct vtd *m) { return drop(m, true, 0); }

/* --- starting --------------------------------------------------------------------------------- */

/* 10.4.4 SIRTP: after a new table all that is remembered goes, then on. */
static int enable(struct vtd *m, bool wide) REQUIRES(m->lock)
{
    int rc = vtd_flush_writes(m);

    if (rc)
        return rc;
    mmio_write64(m->regs, VTD_REG_IRTA,
                 direct_pa(m->intr) | (wide ? TABLE_WIDE : 0) | TABLE_SIZE);
    rc = vtd_command(m, VTD_GLOBAL_SIRTP, true);
    if (!rc)
        rc = vtd_forget_intr(m, 0, 0);
    return rc ? rc : vtd_command(m, VTD_GLOBAL_IRE, true);
}

int vtd_intr_start(struct vtd *m, bool wide)
{
    int rc;

    m->wide = wide;
    m->intr = hv_page_alloc(order_of_size(ENTRIES * ENTRY_BYTES));
    if (!m->intr)
        return -ENOMEM;
    vtd_to_memory(m, m->intr, ENTRIES * ENTRY_BYTES);
    spin_lock(&m->lock);
    rc = enable(m, wide);
    spin_unlock(&m->lock);
    return rc;
}
