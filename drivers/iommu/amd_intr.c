/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Remapped interrupts: 48882, "Interrupt Remapping Tables", entries of 32 bits. A message only says
 * which entry of its requester id's table is meant, and the table has those that we have made. What
 * a device writes else raises nothing. Tables of devices are made with their first message; an
 * IO-APIC has one from the start.
 */
#include "amd_priv.h"

#include <arch/direct.h>
#include <hv/errno.h>
#include <hv/iommu_intr.h>
#include <hv/page.h>
#include <lib/string.h>

/* In the third word of a device table entry */
#define INTR_VALID 1ULL
#define INTR_LENGTH (9ULL << 1) /* 2^9 entries: a message has no more bits without its type's */
#define INTR_REMAP (2ULL << 60) /* 0: fixed interrupts are refused */
#define ENTRIES 512U
#define TYPE_SHIFT 8 /* an IO-APIC's pin has the ninth bit where the type is: 0 or 1 */

/* An entry: on, fixed, to a physical APIC id */
#define IRTE_ON 1U
#define IRTE_DEST_SHIFT 8
#define IRTE_VECTOR_SHIFT 16

static uint64_t *word_of(const struct amd_iommu *m, uint16_t devid)
{
    return &m->devtab[(size_t)devid * AMD_DTE_WORDS + 2];
}

static uint64_t table_word(const uint32_t *table)
{
    return INTR_VALID | INTR_LENGTH | INTR_REMAP | direct_pa(table);
}

bool amd_intr_is_ioapic(const struct amd_iommu *m, uint16_t devid)
{
    for (unsigned int i = 0; i < m->nr_ioapics; i++)
        if (m->ioapic[i] == devid)
            return true;
    return false;
}

uint64_t amd_intr_word(const struct amd_iommu *m, uint16_t devid, const struct iommu_domain *ctx,
                       uint64_t passes)
{
    if (!m->intr)
        return passes;
    if (amd_intr_is_ioapic(m, devid))
        return *word_of(m, devid); /* since amd_intr_start() */
    if (!ctx)
        return INTR_VALID;
    return (ctx->hardware ? passes : 0) |
           (m->intr[devid] ? table_word(m->intr[devid]) : INTR_VALID);
}

void amd_intr_clear(struct amd_iommu *m, uint16_t devid)
{
    if (m->intr && m->intr[devid] && !amd_intr_is_ioapic(m, devid))
        memset(m->intr[devid], 0, PAGE_SIZE);
}

/* --- starting --------------------------------------------------------------------------------- */

int amd_intr_init(struct amd_iommu *m, uint32_t nr_dte)
{
    m->intr = hv_page_alloc(order_of_size((size_t)nr_dte * sizeof(*m->intr)));
    return m->intr ? 0 : -ENOMEM;
}

int amd_intr_start(struct amd_iommu *m, uint16_t devid, uint64_t passes)
{
    if (amd_intr_is_ioapic(m, devid))
        return 0; /* it has two */
    if (devid >= m->nr_dte || m->nr_ioapics == ARRAY_SIZE(m->ioapic))
        return -ENOSPC;
    m->intr[devid] = hv_page_alloc(0);
    if (!m->intr[devid])
        return -ENOMEM;
    m->ioapic[m->nr_ioapics++] = devid;
    write_once(*word_of(m, devid), passes | table_word(m->intr[devid]));
    return 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

int amd_intr_prepare(struct amd_iommu *m, uint16_t devid)
{
    uint32_t *table;

    if (!m->intr || devid >= m->nr_dte || m->intr[devid])
        return 0;
    table = hv_page_alloc(0);
    if (!table)
        return -ENOMEM;
    spin_lock(&m->lock);
    m->intr[devid] = table;
    spin_unlock(&m->lock);
    return 0;
}

static int set(struct amd_iommu *m, uint16_t devid, unsigned int first,
               const struct iommu_intr *i) REQUIRES(m->lock)
{
    int rc;

    for (unsigned int n = 0; n < i->nr; n++)
        write_once(m->intr[devid][first + n], IRTE_ON | (i->dest & 0xff) << IRTE_DEST_SHIFT |
                                                  (uint32_t)(i->vector + n) << IRTE_VECTOR_SHIFT);
    rc = amd_post_intr_table(m, devid);
    return rc ? rc : amd_ring_wait(m);
}

/* Its table begins to count, with what is in it: one word of the entry, so at once. */
static int begin(struct amd_iommu *m, uint16_t devid) REQUIRES(m->lock)
{
    uint64_t *word = word_of(m, devid);

    if ((*word & INTR_REMAP) == INTR_REMAP)
        return 0;
    write_once(*word, *word | table_word(m->intr[devid]));
    return amd_post_devtab_entry(m, devid);
}

static int message(struct amd_iommu *m, uint16_t devid, const struct iommu_intr *i)
    REQUIRES(m->lock)
{
    int rc;

    if (amd_intr_is_ioapic(m, devid) || !amd_tag_of(m, devid))
        return -EACCES;
    if (i->index + i->nr > ENTRIES)
        return -ENOSPC;
    if (!m->intr[devid])
        return -ENOMEM;
    rc = begin(m, devid);
    return rc ? rc : set(m, devid, i->index, i);
}

int amd_intr_message(struct amd_iommu *m, uint16_t devid, const struct iommu_intr *i)
{
    int rc = -EACCES;

    spin_lock(&m->lock);
    if (devid < m->nr_dte)
        rc = message(m, devid, i);
    spin_unlock(&m->lock);
    return rc ? rc : 1;
}

int amd_intr_end(struct amd_iommu *m, uint16_t devid, const struct iommu_intr *i)
{
    int rc = 0;

    spin_lock(&m->lock);
    if (devid < m->nr_dte && m->intr[devid] && !amd_intr_is_ioapic(m, devid) &&
        i->index + i->nr <= ENTRIES) {
        for (unsigned int n = 0; n < i->nr; n++)
            write_once(m->intr[devid][i->index + n], 0);
        rc = amd_post_intr_table(m, devid);
        if (!rc)
            rc = amd_ring_wait(m);
    }
    spin_unlock(&m->lock);
    return rc;
}

/* What the pin says as its vector and type is the number of its entry. */
int amd_intr_pin(struct amd_iommu *m, uint16_t devid, unsigned int entry,
                 const struct iommu_intr *i, uint64_t *rte)
{
    int rc;

    if (entry >= ENTRIES || i->nr != 1)
        return -EINVAL;
    spin_lock(&m->lock);
    rc = set(m, devid, entry, i);
    spin_unlock(&m->lock);
    *rte = (entry & 0xff) | entry >> 8 << TYPE_SHIFT;
    return rc ? rc : 1;
}
