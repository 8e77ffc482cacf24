/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers, commands and device table of an AMD IOMMU: AMD I/O Virtualization Technology (IOMMU)
 * Specification (48882).
 */
#ifndef DRIVERS_IOMMU_AMD_PRIV_H
#define DRIVERS_IOMMU_AMD_PRIV_H

#include "priv.h"

#include <hv/lock.h>
#include <hv/types.h>

struct acpi_iommu;

/* "IOMMU MMIO Registers" */
#define AMD_REGS_BYTES 0x4000
#define AMD_REG_DEVTAB 0x0
#define AMD_REG_CMD_BASE 0x8
#define AMD_REG_EVENT_BASE 0x10
#define AMD_REG_CONTROL 0x18
#define AMD_REG_EXCL_BASE 0x20
#define AMD_REG_EXCL_LIMIT 0x28
#define AMD_REG_FEATURES 0x30
#define AMD_REG_CMD_HEAD 0x2000
#define AMD_REG_CMD_TAIL 0x2008
#define AMD_REG_EVENT_HEAD 0x2010
#define AMD_REG_EVENT_TAIL 0x2018
#define AMD_REG_STATUS 0x2020

#define AMD_CONTROL_ENABLE (1ULL << 0)
#define AMD_CONTROL_HT_TUNNEL (1ULL << 1)
#define AMD_CONTROL_EVENT_LOG (1ULL << 2)
#define AMD_CONTROL_PASS_PW (1ULL << 8)
#define AMD_CONTROL_RES_PASS_PW (1ULL << 9)
#define AMD_CONTROL_COHERENT (1ULL << 10)
#define AMD_CONTROL_ISOC (1ULL << 11)
#define AMD_CONTROL_CMD (1ULL << 12)
#define AMD_STATUS_EVENT_OVERFLOW (1ULL << 0)
#define AMD_STATUS_EVENT_INT (1ULL << 1)

/* "IVHD flags" of the firmware's table */
#define AMD_IVHD_HT_TUNNEL 0x01
#define AMD_IVHD_PASS_PW 0x02
#define AMD_IVHD_RES_PASS_PW 0x04
#define AMD_IVHD_ISOC 0x08
#define AMD_IVHD_COHERENT 0x20

/* A page each: 256 entries of 16 bytes. Bits 56 to 59 of the base register: 2^8 entries. */
#define AMD_RING_ENTRIES 256U
#define AMD_RING_ENTRY 16U
#define AMD_RING_LENGTH (8ULL << 56)

#define AMD_CMD_COMPLETION_WAIT 1U
#define AMD_CMD_DEVTAB_ENTRY 2U
#define AMD_CMD_PAGES 3U
#define AMD_CMD_INTR_TABLE 5U
#define AMD_WAIT_STORE 1ULL
#define AMD_PAGES_SIZE 1ULL     /* the address says how many */
#define AMD_PAGES_TABLES 2ULL   /* what is remembered of tables too */
#define AMD_ALL_PAGES 0x7ffffffffffff000ULL

/* "Device Table Entry Format": four words */
#define AMD_DTE_WORDS 4U
#define AMD_DTE_BYTES 32U
#define AMD_DTE_VALID 1ULL
#define AMD_DTE_TRANSLATED 2ULL
#define AMD_DTE_MODE_SHIFT 9
#define AMD_DTE_READ (1ULL << 61)
#define AMD_DTE_WRITE (1ULL << 62)
/* translated by no table, without rights: nothing gets through. Not valid means unchecked. */
#define AMD_DTE_BLOCKED (AMD_DTE_VALID | AMD_DTE_TRANSLATED)

#define AMD_MAX_IOAPICS 16

struct amd_iommu {
    spinlock_t lock;         /* RANK_HW: rings and device table */
    volatile void *regs;
    uint16_t segment, devid;
    uint32_t index;          /* in the firmware's table */
    bool dead;               /* it did not answer once: nobody waits for it again */
    bool overflow;
    uint32_t tail;           /* of the command ring, bytes */
    uint64_t *commands, *events;
    uint64_t *done;          /* where it says which command it has come to */
    uint64_t sequence;
    uint64_t *devtab;
    uint32_t nr_dte;
    uint32_t **intr;         /* [nr_dte]: interrupt tables; NULL: interrupts are not remapped */
    uint16_t ioapic[AMD_MAX_IOAPICS]; /* requester ids */
    unsigned int nr_ioapics;
    uint64_t nr_events;
};

/* amd_ring.c: all but amd_ring_init() under the lock */
int amd_ring_init(struct amd_iommu *m) must_check; /* memory and base register; -ENOMEM */
int amd_ring_post(struct amd_iommu *m, uint64_t w0, uint64_t w1) REQUIRES(m->lock) must_check;
int amd_ring_wait(struct amd_iommu *m) REQUIRES(m->lock) must_check; /* until all is done: -EIO */
int amd_post_devtab_entry(struct amd_iommu *m, uint16_t devid) REQUIRES(m->lock) must_check;
/* nr 0: all frames of the tag */
int amd_post_pages(struct amd_iommu *m, uint16_t tag, uint64_t frame, uint64_t nr)
    REQUIRES(m->lock) must_check;

int amd_post_intr_table(struct amd_iommu *m, uint16_t devid) REQUIRES(m->lock) must_check;

/* amd_intr.c: before the device table; then for each IO-APIC's requester id. -ENOMEM, -ENOSPC */
int amd_intr_init(struct amd_iommu *m, uint32_t nr_dte) must_check;
int amd_intr_start(struct amd_iommu *m, uint16_t devid, uint64_t passes) must_check;
bool amd_intr_is_ioapic(const struct amd_iommu *m, uint16_t devid);
/* The third word of a device table entry; passes: interrupts that are no messages. */
uint64_t amd_intr_word(const struct amd_iommu *m, uint16_t devid, const struct iommu_domain *ctx,
                       uint64_t passes);
uint64_t amd_intr_passes(uint8_t settings); /* amd_table.c: of the firmware's table */
void amd_intr_clear(struct amd_iommu *m, uint16_t devid) REQUIRES(m->lock);
/* One caller at a time, no locks: -ENOMEM. */
int amd_intr_prepare(struct amd_iommu *m, uint16_t devid) must_check;
/* 1, or an error */
int amd_intr_message(struct amd_iommu *m, uint16_t devid, const struct iommu_intr *i) must_check;
int amd_intr_pin(struct amd_iommu *m, uint16_t devid, unsigned int entry,
                 const struct iommu_intr *i, uint64_t *rte) must_check;
int amd_intr_end(struct amd_iommu *m, uint16_t devid, const struct iommu_intr *i) must_check;

/* amd_remap.c: decides before they start; after each has. */
bool amd_remap_wanted(void);
int amd_remap_start(struct amd_iommu *m, unsigned int index) must_check; /* IO-APICs behind it */
const struct iommu_intr_ops *amd_remap_ops(const char **why);

/* amd_event.c */
int amd_event_init(struct amd_iommu *m) must_check;
void amd_event_poll(struct amd_iommu *m); /* what is new in the log goes to ours */
int amd_event_text(char *buf, size_t size, uint16_t segment, const uint64_t event[2]);

/* amd.c: one found by the firmware's table, its registers mapped. -ENOMEM, -EIO. */
int amd_start_one(struct amd_iommu *m, const struct acpi_iommu *fw, unsigned int index,
                  uint32_t nr_dte) must_check;
void amd_stop_one(struct amd_iommu *m); /* devices reach everything; takes no lock */
int amd_attach_one(struct amd_iommu *m, uint16_t devid, const struct iommu_domain *ctx,
                   uint8_t settings) must_check;
/* All that are blocked, with one wait. */
int amd_attach_blocked(struct amd_iommu *m, uint16_t first, uint16_t last,
                       const struct iommu_domain *ctx, uint8_t settings) must_check;
int amd_flush_one(struct amd_iommu *m, uint16_t tag, uint64_t frame, uint64_t nr) must_check;
uint16_t amd_tag_of(const struct amd_iommu *m, uint16_t devid);

/* amd.c: the IOMMU and requester id of a function's messages; NULL: it is behind none */
struct amd_iommu *amd_message_source(uint32_t sbdf, uint16_t *devid);
struct amd_iommu *amd_unit(unsigned int index);

#endif
