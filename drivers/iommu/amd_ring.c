/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands to an AMD IOMMU: 48882, "Commands". A ring of a page in memory; the tail register tells
 * of new ones, and a COMPLETION_WAIT that stores a number tells us when all before it are done.
 */
#include "amd_priv.h"

#include <arch/direct.h>
#include <arch/insn.h>
#include <arch/mmio.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/time.h>

#define RING_BYTES (AMD_RING_ENTRIES * AMD_RING_ENTRY)
#define PATIENCE SECONDS(1)
#define OP(n) ((uint64_t)(n) << 60)

int amd_ring_init(struct amd_iommu *m)
{
    /* the second page has the number in its first word */
    m->commands = hv_page_alloc(1);
    if (!m->commands)
        return -ENOMEM;
    m->done = m->commands + PAGE_SIZE / sizeof(uint64_t);
    m->tail = 0;
    mmio_write64(m->regs, AMD_REG_CMD_BASE, direct_pa(m->commands) | AMD_RING_LENGTH);
    mmio_write64(m->regs, AMD_REG_CMD_HEAD, 0);
    mmio_write64(m->regs, AMD_REG_CMD_TAIL, 0);
    return 0;
}

static void ring_bell(struct amd_iommu *m)
{
    /* the commands are in memory before the device hears of them: x86 keeps the order of stores */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    mmio_write64(m->regs, AMD_REG_CMD_TAIL, m->tail);
}

static int give_up(struct amd_iommu *m, const char *what)
{
    m->dead = true;
    log_err("IOMMU %04x:%02x:%02x.%u: %s: head %#lx, tail %#x, status %#lx", m->segment,
            m->devid >> 8, m->devid >> 3 & 31, m->devid & 7, what,
            (unsigned long)mmio_read64(m->regs, AMD_REG_CMD_HEAD), m->tail,
            (unsigned long)mmio_read64(m->regs, AMD_REG_STATUS));
    return -EIO;
}

int amd_ring_post(struct amd_iommu *m, uint64_t w0, uint64_t w1)
{
    const uint32_t next = (m->tail + AMD_RING_ENTRY) % RING_BYTES;
    const ns_t deadline = time_now() + PATIENCE;
    uint64_t *entry = m->commands + m->tail / sizeof(uint64_t);

    if (m->dead)
        return -EIO;
    if (mmio_read64(m->regs, AMD_REG_CMD_HEAD) == next)
        ring_bell(m); /* full, and perhaps it has not heard of all */
    while (mmio_read64(m->regs, AMD_REG_CMD_HEAD) == next) {
        if (time_now() > deadline)
            return give_up(m, "takes no commands");
        cpu_relax();
    }
    entry[0] = w0;
    entry[1] = w1;
    m->tail = next;
    return 0;
}

int amd_ring_wait(struct amd_iommu *m)
{
    const uint64_t number = ++m->sequence;
    ns_t deadline;
    int rc = amd_ring_post(m, OP(AMD_CMD_COMPLETION_WAIT) | direct_pa(m->done) | AMD_WAIT_STORE,
                           number);

    if (rc)
        return rc;
    ring_bell(m);
    deadline = time_now() + PATIENCE;
    while (__atomic_load_n(m->done, __ATOMIC_ACQUIRE) != number) {
        if (time_now() > deadline)
            return give_up(m, "does not finish its commands");
        cpu_relax();
    }
    return 0;
}

int amd_post_devtab_entry(struct amd_iommu *m, uint16_t devid)
{
    return amd_ring_post(m, OP(AMD_CMD_DEVTAB_ENTRY) | devid, 0);
}

int amd_post_intr_table(struct amd_iommu *m, uint16_t devid)
{
    return amd_ring_post(m, OP(AMD_CMD_INTR_TABLE) | devid, 0);
}

/*
 * "INVALIDATE_IOMMU_PAGES": with S set, the lowest 0 from bit 12 up says how large the block is,
 * which is aligned to its size: bit 12 stands for two frames.
 */
int amd_post_pages(struct amd_iommu *m, uint16_t tag, uint64_t frame, uint64_t nr)
{
    uint64_t address = AMD_ALL_PAGES | AMD_PAGES_SIZE;
    unsigned int order = 0;

    if (nr) {
        while (order < 52 && frame >> order != (frame + nr - 1) >> order)
            order++;
        if (order == 0)
            address = frame << PAGE_SHIFT;
        else if (order < 40)
            address = (frame >> order << order | ((1ULL << (order - 1)) - 1)) << PAGE_SHIFT |
                      AMD_PAGES_SIZE;
    }
    return amd_ring_post(m, OP(AMD_CMD_PAGES) | (uint64_t)tag << 32, address | AMD_PAGES_TABLES);
}
