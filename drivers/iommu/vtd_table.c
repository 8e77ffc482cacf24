/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An Intel IOMMU's root and context tables (D51397, 9.1 and 9.3), and how it is started (10.4.4,
 * 10.4.16). An entry that is not present blocks its device, so everything is blocked from the
 * start. A change goes by way of "not present", which is one word.
 */
#include "vtd_priv.h"

#include <arch/direct.h>
#include <arch/insn.h>
#include <arch/mmio.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>

#define CACHE_LINE 64UL
#define QUIESCE_READS 100000U /* no clock: it is for the end of the machine */

/* To memory; a line that is in no cache is flushed at no harm. */
void vtd_wrote(const void *p, size_t bytes)
{
    const uintptr_t first = ROUND_DOWN((uintptr_t)p, CACHE_LINE), end = (uintptr_t)p + bytes;

    for (uintptr_t line = first; line < end; line += CACHE_LINE)
        clflush((const void *)line);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* CLFLUSH is ordered by MFENCE and locked accesses */
}

static uint64_t *entry_of(const struct vtd *m, uint16_t devid)
{
    uint64_t *table = m->context[devid >> 8];

    return table ? table + 2UL * (devid & 0xff) : NULL;
}

static uint16_t tag_in(const uint64_t *e)
{
    return read_once(e[0]) & VTD_PRESENT ? (uint16_t)(read_once(e[1]) >> VTD_CONTEXT_TAG_SHIFT) : 0;
}

uint16_t vtd_tag_of(const struct vtd *m, uint16_t devid)
{
    const uint64_t *e = entry_of(m, devid);

    return e ? tag_in(e) : 0;
}

/* 10.4.2 ND: 2^(4 + 2 ND) domains */
bool vtd_tag_fits(const struct vtd *m, uint16_t tag)
{
    return tag >> MIN(4 + 2 * VTD_CAP_ND(m->cap), 16U) == 0;
}

/* The width of addresses as an entry has it; that of a pass-through is the largest there is. */
static uint64_t width_for(const struct vtd *m, const struct iommu_domain *ctx)
{
    unsigned int levels = ctx->table.levels;

    for (unsigned int n = VTD_MAX_LEVELS; ctx->passthrough && n > 2; n--)
        if (VTD_CAP_SAGAW(m->cap) >> (n - 2) & 1) {
            levels = n;
            break;
        }
    return levels - 2U;
}

static void write_entry(const struct vtd *m, uint64_t *e, const struct iommu_domain *ctx)
{
    const uint64_t first = ctx->passthrough ? VTD_PRESENT | VTD_CONTEXT_PASS
                                            : VTD_PRESENT | direct_pa(ctx->table.root);

    write_once(e[1], (uint64_t)ctx->tag << VTD_CONTEXT_TAG_SHIFT | width_for(m, ctx));
    vtd_to_memory(m, e, 16);
    __atomic_store_n(&e[0], first, __ATOMIC_RELEASE);
    vtd_to_memory(m, e, 16);
}

int vtd_context_table(struct vtd *m, uint8_t bus)
{
    uint64_t *root = m->root + 2UL * bus, *table;

    if (m->context[bus])
        return 0;
    table = hv_page_alloc(0);
    if (!table)
        return -ENOMEM;
    vtd_wrote(table, PAGE_SIZE);
    spin_lock(&m->lock);
    m->context[bus] = table;
    write_once(*root, VTD_PRESENT | direct_pa(table));
    vtd_to_memory(m, root, 16);
    spin_unlock(&m->lock);
    return 0;
}

/* What was not present may be remembered too, in caching mode, under the tag 0 (6.1). */
static int begins(struct vtd *m, uint16_t devid, uint16_t tag) REQUIRES(m->lock)
{
    int rc;

    if (!(m->cap & VTD_CAP_CM))
        return vtd_flush_writes(m);
    rc = vtd_forget_device(m, devid, 0);
    return rc ? rc : vtd_forget_pages(m, tag, 0, 0);
}

static int replace(struct vtd *m, uint64_t *e, uint16_t devid, const struct iommu_domain *ctx)
    REQUIRES(m->lock)
{
    const uint16_t old = tag_in(e);
    int rc = 0;

    write_once(e[0], 0);
    vtd_to_memory(m, e, 16);
    if (old)
        rc = vtd_forget_device(m, devid, old);
    if (rc || !ctx)
        return rc;
    write_entry(m, e, ctx);
    return begins(m, devid, ctx->tag);
}

int vtd_attach_one(struct vtd *m, uint16_t devid, const struct iommu_domain *ctx)
{
    uint64_t *e;
    int rc;

    if (ctx && !vtd_tag_fits(m, ctx->tag))
        return -ENOSPC;
    if (!ctx && !m->context[devid >> 8])
        return 0; /* it is blocked */
    rc = vtd_context_table(m, (uint8_t)(devid >> 8));
    if (rc)
        return rc;
    spin_lock(&m->lock);
    e = entry_of(m, devid);
    rc = replace(m, e, devid, ctx);
    spin_unlock(&m->lock);
    return rc;
}

int vtd_attach_blocked(struct vtd *m, uint16_t first, uint16_t last, const struct iommu_domain *ctx)
{
    if (!vtd_tag_fits(m, ctx->tag))
        return -ENOSPC;
    for (uint32_t devid = first; devid <= last; devid++) {
        const int rc = vtd_context_table(m, (uint8_t)(devid >> 8));
        uint64_t *e;

        if (rc)
            return rc;
        spin_lock(&m->lock);
        e = entry_of(m, (uint16_t)devid);
        if (!tag_in(e))
            write_entry(m, e, ctx);
        spin_unlock(&m->lock);
    }
    return 0;
}

int vtd_attach_done(struct vtd *m)
{
    int rc;

    spin_lock(&m->lock);
    rc = vtd_forget_all(m);
    spin_unlock(&m->lock);
    return rc;
}

int vtd_block_tag_one(struct vtd *m, uint16_t tag)
{
    bool any = false;
    int rc = 0;

    spin_lock(&m->lock);
    for (uint32_t devid = 0; devid < VTD_BUSES * 256; devid++) {
        uint64_t *e = entry_of(m, (uint16_t)devid);

        if (!e) {
            devid |= 0xff; /* a bus without a table */
            continue;
        }
        if (tag_in(e) != tag)
            continue;
        write_once(e[0], 0);
        vtd_to_memory(m, e, 16);
        any = true;
    }
    if (any)
        rc = vtd_forget_all(m);
    spin_unlock(&m->lock);
    return rc;
}

int vtd_flush_one(struct vtd *m, uint16_t tag, uint64_t frame, uint64_t nr)
{
    int rc;

    if (!vtd_tag_fits(m, tag))
        return 0; /* none of its devices can have it */
    spin_lock(&m->lock);
    rc = vtd_forget_pages(m, tag, frame, nr);
    spin_unlock(&m->lock);
    return rc;
}

/* --- starting --------------------------------------------------------------------------------- */

static int take_memory(struct vtd *m)
{
    m->root = hv_page_alloc(0);
    m->queue = hv_page_alloc(1);
    if (!m->root || !m->queue)
        return -ENOMEM; /* boot stops, so nothing is given back */
    m->done = (uint32_t *)(m->queue + PAGE_SIZE / sizeof(uint64_t));
    vtd_wrote(m->root, PAGE_SIZE);
    return 0;
}

/* The firmware may have started it, or who was here before us. */
static int stop(struct vtd *m) REQUIRES(m->lock)
{
    static const uint32_t bits[] = { VTD_GLOBAL_TE, VTD_GLOBAL_IRE, VTD_GLOBAL_QIE };
    int rc = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(bits) && !rc; i++)
        if (mmio_read32(m->regs, VTD_REG_GSTS) & bits[i])
            rc = vtd_command(m, bits[i], false);
    return rc;
}

/* 10.4.16: the firmware's protection by ranges ends where ours begins. */
static int unprotect(struct vtd *m) REQUIRES(m->lock)
{
    if (!(m->cap & (VTD_CAP_PLMR | VTD_CAP_PHMR)))
        return 0;
    if (!(mmio_read32(m->regs, VTD_REG_PMEN) & (VTD_PMEN_EPM | VTD_PMEN_PRS)))
        return 0;
    mmio_write32(m->regs, VTD_REG_PMEN, 0);
    return vtd_wait32(m, VTD_REG_PMEN, VTD_PMEN_PRS, 0);
}

/* 10.4.4 SRTP: after a new root all that is remembered goes, entries before pages. Then on. */
static int enable(struct vtd *m) REQUIRES(m->lock)
{
    int rc = stop(m);

    if (!rc && m->ecap & VTD_ECAP_QI && opt_iommu_queue)
        rc = vtd_queue_start(m);
    if (!rc)
        rc = vtd_flush_writes(m);
    if (rc)
        return rc;
    mmio_write64(m->regs, VTD_REG_RTADDR, direct_pa(m->root));
    rc = vtd_command(m, VTD_GLOBAL_SRTP, true);
    if (!rc)
        rc = vtd_forget_all(m);
    if (!rc)
        rc = vtd_command(m, VTD_GLOBAL_TE, true);
    return rc ? rc : unprotect(m);
}

void vtd_stop_one(struct vtd *m)
{
    spin_lock(&m->lock);
    m->dead = false; /* it is asked once more */
    if (stop(m))
        log_err("IOMMU at %#lx: cannot be switched off", (unsigned long)m->base);
    m->dead = true;
    spin_unlock(&m->lock);
}

void vtd_quiesce_one(struct vtd *m)
{
    static const uint32_t bits[] = { VTD_GLOBAL_IRE, VTD_GLOBAL_TE };

    for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
        const uint32_t state = mmio_read32(m->regs, VTD_REG_GSTS) & ~VTD_GLOBAL_ONE_SHOT;

        mmio_write32(m->regs, VTD_REG_GCMD, state & ~bits[i]);
        for (unsigned int n = 0; n < QUIESCE_READS; n++)
            if (!(mmio_read32(m->regs, VTD_REG_GSTS) & bits[i]))
                break;
    }
}

int vtd_start_one(struct vtd *m)
{
    int rc;

    spin_init(&m->lock, RANK_HW);
    m->coherent = m->ecap & VTD_ECAP_C;
    rc = take_memory(m);
    if (rc)
        return rc;
    spin_lock(&m->lock);
    mmio_write32(m->regs, VTD_REG_FSTS, VTD_FSTS_PFO | VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE);
    rc = enable(m);
    spin_unlock(&m->lock);
    return rc;
}
