/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Telling an Intel IOMMU what to forget: D51397, 6.5 "Invalidation of Translation Caches", by its
 * registers (6.5.1) or by a queue in memory (6.5.2), and other commands that are waited for.
 *
 * The lock is held from the first descriptor to the end of the wait, so the queue is empty whenever
 * something is put into it.
 */
#include "vtd_priv.h"

#include <arch/direct.h>
#include <arch/insn.h>
#include <arch/mmio.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>

#define PATIENCE SECONDS(1)

/* 10.4.7 CCMD, 10.4.8 IOTLB; the queue's descriptors have the same three widths (6.5.2) */
enum width { ALL = 1, DOMAIN = 2, ONE = 3 };
#define CCMD_GO (1ULL << 63)
#define CCMD_WIDTH_SHIFT 61
#define CCMD_DONE_SHIFT 59
#define IOTLB_GO (1ULL << 63)
#define IOTLB_WIDTH_SHIFT 60
#define IOTLB_DONE_SHIFT 57
#define IOTLB_DRAIN_READS (1ULL << 49)
#define IOTLB_DRAIN_WRITES (1ULL << 48)

#define DESC_CONTEXT 1ULL
#define DESC_IOTLB 2ULL
#define DESC_INTR 4ULL
#define DESC_WAIT 5ULL
#define DESC_INTR_ONE (1ULL << 4)
#define DESC_INTR_INDEX_SHIFT 32
#define DESC_WIDTH_SHIFT 4
#define DESC_DRAIN_WRITES (1ULL << 6)
#define DESC_DRAIN_READS (1ULL << 7)
#define DESC_WAIT_STORE (1ULL << 5)

/* What is to be forgotten, of entries or of pages. */
struct forget {
    enum width width;
    uint16_t tag, devid;
    uint64_t frame; /* ONE: 2^order frames, aligned */
    unsigned int order;
};

/* --- waiting ---------------------------------------------------------------------------------- */

static int give_up(struct vtd *m, const char *what)
{
    m->dead = true;
    log_err("IOMMU at %#lx: %s: status %#x, faults %#x, head %#lx, tail %#lx",
            (unsigned long)m->base, what, mmio_read32(m->regs, VTD_REG_GSTS),
            mmio_read32(m->regs, VTD_REG_FSTS), (unsigned long)mmio_read64(m->regs, VTD_REG_IQH),
            (unsigned long)mmio_read64(m->regs, VTD_REG_IQT));
    return -EIO;
}

int vtd_wait32(struct vtd *m, unsigned int reg, uint32_t mask, uint32_t want)
{
    const ns_t deadline = time_now() + PATIENCE;

    if (m->dead)
        return -EIO;
    while ((mmio_read32(m->regs, reg) & mask) != want) {
        if (time_now() > deadline)
            return give_up(m, "does not finish a command");
        cpu_relax();
    }
    return 0;
}

static int wait_clear64(struct vtd *m, unsigned int reg, uint64_t bit)
{
    const ns_t deadline = time_now() + PATIENCE;

    while (mmio_read64(m->regs, reg) & bit) {
        if (time_now() > deadline)
            return give_up(m, "does not finish an invalidation");
        cpu_relax();
    }
    return 0;
}

/* 10.4.4: one command at a time, with the state of the others as it is. */
int vtd_command(struct vtd *m, uint32_t bit, bool on)
{
    uint32_t state = mmio_read32(m->regs, VTD_REG_GSTS) & ~(VTD_GLOBAL_ONE_SHOT | VTD_GLOBAL_CFI);

    state = on ? state | bit : state & ~bit;
    mmio_write32(m->regs, VTD_REG_GCMD, state);
    /* the status of a buffer that is being written falls when it is done */
    return vtd_wait32(m, VTD_REG_GSTS, bit, on && bit != VTD_GLOBAL_WBF ? bit : 0);
}

/* 6.8 "Write Buffer Flushing": old ones have a buffer between caches and their walks. */
int vtd_flush_writes(struct vtd *m)
{
    return m->cap & VTD_CAP_RWBF ? vtd_command(m, VTD_GLOBAL_WBF, true) : 0;
}

/* --- by registers ----------------------------------------------------------------------------- */

static int context_by_register(struct vtd *m, const struct forget *f) REQUIRES(m->lock)
{
    int rc;

    mmio_write64(m->regs, VTD_REG_CCMD, CCMD_GO | (uint64_t)f->width << CCMD_WIDTH_SHIFT |
                                            (uint64_t)f->devid << 16 | f->tag);
    rc = wait_clear64(m, VTD_REG_CCMD, CCMD_GO);
    if (!rc && !(mmio_read64(m->regs, VTD_REG_CCMD) >> CCMD_DONE_SHIFT & 3))
        rc = give_up(m, "refuses to forget a device");
    return rc;
}

static int pages_by_register(struct vtd *m, const struct forget *f) REQUIRES(m->lock)
{
    const unsigned int at = VTD_ECAP_IRO(m->ecap);
    int rc;

    if (f->width == ONE)
        mmio_write64(m->regs, at, f->frame << PAGE_SHIFT | f->order);
    mmio_write64(m->regs, at + 8,
                 IOTLB_GO | (uint64_t)f->width << IOTLB_WIDTH_SHIFT | (uint64_t)f->tag << 32 |
                     (m->cap & VTD_CAP_DRD ? IOTLB_DRAIN_READS : 0) |
                     (m->cap & VTD_CAP_DWD ? IOTLB_DRAIN_WRITES : 0));
    rc = wait_clear64(m, at + 8, IOTLB_GO);
    if (!rc && !(mmio_read64(m->regs, at + 8) >> IOTLB_DONE_SHIFT & 3))
        rc = give_up(m, "refuses to forget pages");
    return rc;
}

/* --- by the queue ----------------------------------------------------------------------------- */

static void post(struct vtd *m, uint64_t w0, uint64_t w1) REQUIRES(m->lock)
{
    uint64_t *d = m->queue + 2UL * m->tail;

    d[0] = w0;
    d[1] = w1;
    m->tail = (m->tail + 1) % VTD_QUEUE_ENTRIES;
}

/* The wait descriptor (6.5.2.8) stores its number when all before it is done. */
static int run_queue(struct vtd *m) REQUIRES(m->lock)
{
    const uint32_t number = ++m->sequence;
    ns_t deadline;

    post(m, DESC_WAIT | DESC_WAIT_STORE | (uint64_t)number << 32, direct_pa(m->done));
    /* the queue is in memory before the device hears of it: x86 keeps the order of stores */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    mmio_write64(m->regs, VTD_REG_IQT, (uint64_t)m->tail << 4);
    deadline = time_now() + PATIENCE;
    while (__atomic_load_n(m->done, __ATOMIC_ACQUIRE) != number) {
        if (mmio_read32(m->regs, VTD_REG_FSTS) & (VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE))
            return give_up(m, "stops at an error in its queue");
        if (time_now() > deadline)
            return give_up(m, "does not finish its queue");
        cpu_relax();
    }
    return 0;
}

static int context_by_queue(struct vtd *m, const struct forget *f) REQUIRES(m->lock)
{
    post(m, DESC_CONTEXT | (uint64_t)f->width << DESC_WIDTH_SHIFT | (uint64_t)f->tag << 16 |
                (uint64_t)f->devid << 32, 0);
    return run_queue(m);
}

static int pages_by_queue(struct vtd *m, const struct forget *f) REQUIRES(m->lock)
{
    post(m, DESC_IOTLB | (uint64_t)f->width << DESC_WIDTH_SHIFT | (uint64_t)f->tag << 16 |
                (m->cap & VTD_CAP_DRD ? DESC_DRAIN_READS : 0) |
                (m->cap & VTD_CAP_DWD ? DESC_DRAIN_WRITES : 0),
         f->width == ONE ? f->frame << PAGE_SHIFT | f->order : 0);
    return run_queue(m);
}

/* 6.5.2.7 Interrupt Entry Cache Invalidate; a descriptor an entry, so many fit. */
int vtd_forget_intr(struct vtd *m, unsigned int first, unsigned int nr)
{
    int rc = vtd_flush_writes(m);

    if (rc || m->dead || !m->queued)
        return rc ? rc : -EIO;
    for (unsigned int i = 0; i < nr; i++)
        post(m, DESC_INTR | DESC_INTR_ONE | (uint64_t)(first + i) << DESC_INTR_INDEX_SHIFT, 0);
    if (!nr)
        post(m, DESC_INTR, 0);
    return run_queue(m);
}

/* 10.4.22 to 10.4.24: a page of 256 descriptors; the second page has the number. */
int vtd_queue_start(struct vtd *m)
{
    m->tail = 0;
    m->sequence = 0;
    *m->done = 0;
    mmio_write64(m->regs, VTD_REG_IQT, 0);
    mmio_write64(m->regs, VTD_REG_IQA, direct_pa(m->queue));
    m->queued = true;
    return vtd_command(m, VTD_GLOBAL_QIE, true);
}

/* --- what is forgotten ------------------------------------------------------------------------ */

static int forget_context(struct vtd *m, const struct forget *f) REQUIRES(m->lock)
{
    if (m->dead)
        return -EIO;
    return m->queued ? context_by_queue(m, f) : context_by_register(m, f);
}

static int forget_pages(struct vtd *m, const struct forget *f) REQUIRES(m->lock)
{
    if (m->dead)
        return -EIO;
    return m->queued ? pages_by_queue(m, f) : pages_by_register(m, f);
}

int vtd_forget_all(struct vtd *m)
{
    const struct forget f = { .width = ALL };
    int rc = vtd_flush_writes(m);

    if (!rc)
        rc = forget_context(m, &f);
    return rc ? rc : forget_pages(m, &f);
}

/* 6.5.3.3: first the entry, then what was found through it. */
int vtd_forget_device(struct vtd *m, uint16_t devid, uint16_t tag)
{
    const struct forget f = { .width = ONE, .tag = tag, .devid = devid },
                        pages = { .width = DOMAIN, .tag = tag };
    int rc = vtd_flush_writes(m);

    if (!rc)
        rc = forget_context(m, &f);
    return rc ? rc : forget_pages(m, &pages);
}

int vtd_forget_pages(struct vtd *m, uint16_t tag, uint64_t frame, uint64_t nr)
{
    struct forget f = { .width = DOMAIN, .tag = tag };
    unsigned int order = 0;
    int rc = vtd_flush_writes(m);

    if (rc)
        return rc;
    while (nr && order < 63 && frame >> order != (frame + nr - 1) >> order)
        order++;
    if (nr && m->cap & VTD_CAP_PSI && order <= VTD_CAP_MAMV(m->cap)) {
        f.width = ONE;
        f.frame = frame >> order << order;
        f.order = order;
    }
    return forget_pages(m, &f);
}
