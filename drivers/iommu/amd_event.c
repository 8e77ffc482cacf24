/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log of an AMD IOMMU: 48882, "Event Logging". It is polled; one line tells of an event,
 * of many at once only the first.
 */
#include "amd_priv.h"

#include <arch/direct.h>
#include <arch/mmio.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/format.h>

#define RING_BYTES ((uint64_t)AMD_RING_ENTRIES * AMD_RING_ENTRY)
#define LINES_AT_ONCE 8U

#define EVENT_IO_PAGE_FAULT 2
#define EVENT_MAX 8

/* in the first word */
#define EVENT_INTERRUPT (1ULL << 51)
#define EVENT_PRESENT (1ULL << 52)
#define EVENT_WRITE (1ULL << 53)
#define EVENT_PRIVILEGE (1ULL << 54)
#define EVENT_RESERVED (1ULL << 55)

static const char *const names[EVENT_MAX + 1] = {
    [1] = "illegal device table entry", [2] = "page fault",
    [3] = "device table not readable",  [4] = "page table not readable",
    [5] = "illegal command",            [6] = "command not readable",
    [7] = "device TLB does not answer", [8] = "invalid request",
};

int amd_event_init(struct amd_iommu *m)
{
    m->events = hv_page_alloc(0);
    if (!m->events)
        return -ENOMEM;
    mmio_write64(m->regs, AMD_REG_EVENT_BASE, direct_pa(m->events) | AMD_RING_LENGTH);
    mmio_write64(m->regs, AMD_REG_EVENT_HEAD, 0);
    mmio_write64(m->regs, AMD_REG_EVENT_TAIL, 0);
    return 0;
}

int amd_event_text(char *buf, size_t size, uint16_t segment, const uint64_t e[2])
{
    const unsigned int code = (unsigned int)(e[0] >> 60), devid = (unsigned int)e[0] & 0xffff;
    const char *name = code <= EVENT_MAX && names[code] ? names[code] : "unknown event";

    if (code != EVENT_IO_PAGE_FAULT)
        return snprintf(buf, size, "%s, %04x:%02x:%02x.%u, address %#lx (%016lx)", name, segment,
                        devid >> 8, devid >> 3 & 31, devid & 7, (unsigned long)e[1],
                        (unsigned long)e[0]);
    return snprintf(buf, size, "%s of %04x:%02x:%02x.%u, tag %u: %s%s at %#lx%s%s", name, segment,
                    devid >> 8, devid >> 3 & 31, devid & 7, (unsigned int)(e[0] >> 32) & 0xffff,
                    e[0] & EVENT_INTERRUPT ? "interrupt " : "",
                    e[0] & EVENT_WRITE ? "write" : "read", (unsigned long)e[1],
                    e[0] & EVENT_PRESENT ? ", present" : "",
                    e[0] & EVENT_RESERVED ? ", reserved bits set" : "");
}

/* An event, or false. The hardware may have moved the tail before the event is in memory. */
static bool take_event(struct amd_iommu *m, uint64_t e[2]) REQUIRES(m->lock)
{
    const uint64_t head = mmio_read64(m->regs, AMD_REG_EVENT_HEAD) % RING_BYTES;
    uint64_t *entry = m->events + head / sizeof(uint64_t);

    if (head == mmio_read64(m->regs, AMD_REG_EVENT_TAIL) % RING_BYTES)
        return false;
    e[0] = read_once(entry[0]);
    e[1] = read_once(entry[1]);
    if (e[0] >> 60 == 0)
        return false;
    entry[0] = 0;
    mmio_write64(m->regs, AMD_REG_EVENT_HEAD, (head + AMD_RING_ENTRY) % RING_BYTES);
    m->nr_events++;
    return true;
}

/* "Event Log Restart Procedure": off, the bit cleared, on. */
static void restart(struct amd_iommu *m) REQUIRES(m->lock)
{
    const uint64_t control = mmio_read64(m->regs, AMD_REG_CONTROL);

    mmio_write64(m->regs, AMD_REG_CONTROL, control & ~AMD_CONTROL_EVENT_LOG);
    mmio_write64(m->regs, AMD_REG_STATUS, AMD_STATUS_EVENT_OVERFLOW);
    mmio_write64(m->regs, AMD_REG_EVENT_HEAD, 0);
    mmio_write64(m->regs, AMD_REG_EVENT_TAIL, 0);
    mmio_write64(m->regs, AMD_REG_CONTROL, control);
}

void amd_event_poll(struct amd_iommu *m)
{
    unsigned int n = 0;
    uint64_t e[2];
    char text[160];

    spin_lock(&m->lock);
    for (; n < AMD_RING_ENTRIES && take_event(m, e); n++)
        if (n < LINES_AT_ONCE) {
            amd_event_text(text, sizeof(text), m->segment, e);
            guest_log(LOG_WARNING, "IOMMU: %s", text);
        }
    if (mmio_read64(m->regs, AMD_REG_STATUS) & AMD_STATUS_EVENT_OVERFLOW) {
        guest_log(LOG_WARNING, "IOMMU: its event log was full, events are lost");
        restart(m);
    }
    spin_unlock(&m->lock);
    if (n > LINES_AT_ONCE)
        guest_log(LOG_WARNING, "IOMMU: and %u events more", n - LINES_AT_ONCE);
}
