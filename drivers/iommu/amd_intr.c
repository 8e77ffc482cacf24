/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of devices that unprivileged domains have, or nobody: 48882, "Interrupt Remapping
 * Tables", entries of 32 bits. A message of such a device only says which entry of its table is
 * meant, and the table has those that we have made. What the device writes else raises nothing.
 * The first domain's devices are trusted with messages as they are.
 */
#include "amd_priv.h"

#include <arch/direct.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <lib/string.h>

/* In the third word of a device table entry */
#define INTR_VALID 1ULL
#define INTR_LENGTH (9ULL << 1) /* 2^9 entries: a message has no more bits without its type's */
#define INTR_REMAP (2ULL << 60)
#define INTR_NONE 0ULL          /* fixed interrupts are refused */
#define ENTRIES 512U

/* An entry: on, fixed, to a physical APIC id */
#define IRTE_ON 1U
#define IRTE_DEST_SHIFT 8
#define IRTE_VECTOR_SHIFT 16

int amd_intr_init(struct amd_iommu *m)
{
    m->intr = hv_page_alloc(order_of_size((size_t)m->nr_dte * sizeof(*m->intr)));
    return m->intr ? 0 : -ENOMEM;
}

int amd_intr_prepare(struct amd_iommu *m, uint16_t devid, const struct iommu_domain *ctx)
{
    if (!m->intr || !ctx || ctx->hardware)
        return 0;
    if (!m->intr[devid])
        m->intr[devid] = hv_page_alloc(0);
    return m->intr[devid] ? 0 : -ENOMEM;
}

uint64_t amd_intr_word(const struct amd_iommu *m, uint16_t devid, const struct iommu_domain *ctx)
{
    if (!ctx)
        return INTR_VALID | INTR_NONE;
    memset(m->intr[devid], 0, PAGE_SIZE);
    return INTR_VALID | INTR_LENGTH | INTR_REMAP | direct_pa(m->intr[devid]);
}

/* Does it have such a table now? */
static bool is_remapped(const struct amd_iommu *m, uint16_t devid)
{
    return m->intr && m->intr[devid] &&
           read_once(m->devtab[(size_t)devid * AMD_DTE_WORDS + 2]) >> 60 == INTR_REMAP >> 60;
}

int amd_intr_message(struct amd_iommu *m, uint16_t devid, unsigned int index, unsigned int nr,
                     uint8_t vector, uint8_t dest)
{
    int rc = 0;

    spin_lock(&m->lock);
    if (devid < m->nr_dte && is_remapped(m, devid)) {
        if (index + nr > ENTRIES)
            rc = -ENOSPC;
        for (unsigned int i = 0; i < nr && !rc; i++)
            write_once(m->intr[devid][index + i],
                       IRTE_ON | (uint32_t)dest << IRTE_DEST_SHIFT |
                           (uint32_t)(vector + i) << IRTE_VECTOR_SHIFT);
        if (!rc)
            rc = amd_post_intr_table(m, devid);
        if (!rc)
            rc = amd_ring_wait(m);
        rc = rc ? rc : 1;
    }
    spin_unlock(&m->lock);
    return rc;
}
