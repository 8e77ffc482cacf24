/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers and tables of an Intel IOMMU: Intel Virtualization Technology for Directed I/O
 * (D51397). Chapter 9 has the tables, chapter 10 (11 in newer revisions) the registers.
 */
#ifndef DRIVERS_IOMMU_VTD_PRIV_H
#define DRIVERS_IOMMU_VTD_PRIV_H

#include "priv.h"

#include <drivers/acpi.h>
#include <drivers/pci.h>
#include <hv/lock.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <hv/types.h>

/* 10.4 "Register Descriptions": offsets, and which are 64 bits wide */
#define VTD_REG_VER 0x00
#define VTD_REG_CAP 0x08    /* 64 */
#define VTD_REG_ECAP 0x10   /* 64 */
#define VTD_REG_GCMD 0x18
#define VTD_REG_GSTS 0x1c
#define VTD_REG_RTADDR 0x20 /* 64 */
#define VTD_REG_CCMD 0x28   /* 64 */
#define VTD_REG_FSTS 0x34
#define VTD_REG_FECTL 0x38
#define VTD_REG_FEDATA 0x3c
#define VTD_REG_FEADDR 0x40
#define VTD_REG_FEUADDR 0x44
#define VTD_REG_PMEN 0x64
#define VTD_REG_IQH 0x80    /* 64 */
#define VTD_REG_IQT 0x88    /* 64 */
#define VTD_REG_IQA 0x90    /* 64 */
#define VTD_REG_IRTA 0xb8   /* 64 */

#define VTD_CAP_ND(c) ((unsigned int)(c) & 7)
#define VTD_CAP_RWBF (1ULL << 4)
#define VTD_CAP_PLMR (1ULL << 5)
#define VTD_CAP_PHMR (1ULL << 6)
#define VTD_CAP_CM (1ULL << 7)
#define VTD_CAP_SAGAW(c) ((unsigned int)((c) >> 8) & 0x1f) /* bit n: n + 2 levels */
#define VTD_CAP_MGAW(c) (((unsigned int)((c) >> 16) & 0x3f) + 1)
#define VTD_CAP_FRO(c) ((unsigned int)((c) >> 24 & 0x3ff) << 4)
#define VTD_CAP_SLLPS(c) ((unsigned int)((c) >> 34) & 0xf) /* bit 0: 2 MiB, bit 1: 1 GiB */
#define VTD_CAP_PSI (1ULL << 39)
#define VTD_CAP_NFR(c) (((unsigned int)((c) >> 40) & 0xff) + 1)
#define VTD_CAP_MAMV(c) ((unsigned int)((c) >> 48) & 0x3f)
#define VTD_CAP_DWD (1ULL << 54)
#define VTD_CAP_DRD (1ULL << 55)

#define VTD_ECAP_C (1ULL << 0)
#define VTD_ECAP_QI (1ULL << 1)
#define VTD_ECAP_IR (1ULL << 3)
#define VTD_ECAP_EIM (1ULL << 4)
#define VTD_ECAP_PT (1ULL << 6)
#define VTD_ECAP_SC (1ULL << 7)
#define VTD_ECAP_IRO(e) ((unsigned int)((e) >> 8 & 0x3ff) << 4)

/* GCMD and GSTS have the same bits; those of ONE_SHOT are no state. */
#define VTD_GLOBAL_TE (1U << 31)
#define VTD_GLOBAL_SRTP (1U << 30)
#define VTD_GLOBAL_WBF (1U << 27)
#define VTD_GLOBAL_QIE (1U << 26)
#define VTD_GLOBAL_IRE (1U << 25)
#define VTD_GLOBAL_SIRTP (1U << 24)
#define VTD_GLOBAL_CFI (1U << 23) /* the old format passes: never */
#define VTD_GLOBAL_ONE_SHOT 0x69000000U /* SRTP, SFL, WBF, SIRTP */

#define VTD_FSTS_PFO (1U << 0)
#define VTD_FSTS_PPF (1U << 1)
#define VTD_FSTS_IQE (1U << 4)
#define VTD_FSTS_ICE (1U << 5)
#define VTD_FSTS_ITE (1U << 6)
#define VTD_FSTS_FRI(s) ((unsigned int)((s) >> 8) & 0xff)
#define VTD_FECTL_IM (1U << 31)
#define VTD_PMEN_EPM (1U << 31)
#define VTD_PMEN_PRS (1U << 0)

/* 9.1 root entry, 9.3 context entry: two words each, 256 in a page */
#define VTD_PRESENT 1ULL
#define VTD_CONTEXT_PASS (2ULL << 2) /* translation type: pass-through */
#define VTD_CONTEXT_TAG_SHIFT 8      /* in the second word; below it the width */

#define VTD_QUEUE_ENTRIES 256U
#define VTD_MAX_LEVELS 5U
#define VTD_BUSES 256U
#define VTD_MAX_ALIASES 4U

struct vtd {
    spinlock_t lock;          /* RANK_HW: registers, queue, context entries */
    volatile void *regs;
    uint64_t base, cap, ecap;
    uint16_t segment;
    uint8_t index;            /* in the firmware's table */
    bool all;                 /* it has what no other lists */
    bool coherent;            /* it looks into caches when it walks tables */
    bool dead;                /* it did not answer once: nobody waits for it again */
    bool queued;              /* by the queue, not by registers */
    uint32_t tail;            /* next free entry of the queue */
    uint32_t sequence;
    uint64_t *queue;
    uint32_t *done;           /* where it says which wait it has come to */
    uint64_t *root;
    uint64_t *context[VTD_BUSES]; /* NULL: no table, the bus is blocked */
    uint64_t *intr;           /* by irq; NULL: interrupts are not remapped */
    bool wide;                /* with APIC ids of 32 bits */
    struct timer poll;
    bool have_irq;
    uint64_t nr_faults;
};

/* Who is behind which, with the bridges of paths looked up. */
struct vtd_scope {
    uint8_t owner, index;         /* as in acpi_dmar_scope */
    bool bridge;
    uint16_t segment, devid;
    uint8_t bus_first, bus_last;  /* behind a bridge; its own bus is below them */
};

/* vtd_scope.c */
unsigned int vtd_resolve(struct vtd_scope *out, const struct acpi_dmar *dmar,
                         const struct pci_config *pci);
bool vtd_scope_has(const struct vtd_scope *s, uint32_t sbdf);
/* The unit for a function, -1: none. */
int vtd_unit_of(const struct acpi_dmar *dmar, const struct vtd_scope *scopes, unsigned int nr,
                uint32_t sbdf);
/* The unit and requester id of an IO-APIC; false: the table has none. */
bool vtd_find_ioapic(const struct acpi_dmar *dmar, const struct pci_config *pci, uint8_t id,
                     unsigned int *unit, uint16_t *devid);
/*
 * Requester ids that the function's requests may bear instead of its own, as bridges to
 * conventional PCI do: at most max; how many.
 */
unsigned int vtd_aliases(const struct pci_config *pci, uint32_t sbdf, uint16_t *out,
                         unsigned int max);

/* vtd_inv.c: under the lock; -EIO: it does not answer */
int vtd_command(struct vtd *m, uint32_t bit, bool on) REQUIRES(m->lock) must_check;
int vtd_flush_writes(struct vtd *m) REQUIRES(m->lock) must_check;
int vtd_queue_start(struct vtd *m) REQUIRES(m->lock) must_check; /* -ENOMEM too */
int vtd_forget_all(struct vtd *m) REQUIRES(m->lock) must_check;
/* A context entry that was there with this tag (0: none was), and all that it led to. */
int vtd_forget_device(struct vtd *m, uint16_t devid, uint16_t tag) REQUIRES(m->lock) must_check;
int vtd_forget_pages(struct vtd *m, uint16_t tag, uint64_t frame, uint64_t nr)
    REQUIRES(m->lock) must_check; /* nr 0: all */
int vtd_forget_intr(struct vtd *m, unsigned int first, unsigned int nr)
    REQUIRES(m->lock) must_check; /* nr 0: all; only by a queue */
/* Waits until (register & mask) == want, for a second. */
int vtd_wait32(struct vtd *m, unsigned int reg, uint32_t mask, uint32_t want) must_check;

/* vtd_table.c */
int vtd_start_one(struct vtd *m) must_check; /* regs, cap and ecap are set */
void vtd_stop_one(struct vtd *m); /* nothing is translated any more; after vtd_start_one() */
/* A table for the bus, if it has none. No lock is held; one caller at a time. -ENOMEM. */
int vtd_context_table(struct vtd *m, uint8_t bus) must_check;
int vtd_attach_one(struct vtd *m, uint16_t devid, const struct iommu_domain *ctx) must_check;
/* All of a bus's that are blocked; then vtd_attach_done(). */
int vtd_attach_blocked(struct vtd *m, uint16_t first, uint16_t last,
                       const struct iommu_domain *ctx) must_check;
int vtd_attach_done(struct vtd *m) must_check;
int vtd_block_tag_one(struct vtd *m, uint16_t tag) must_check;
int vtd_flush_one(struct vtd *m, uint16_t tag, uint64_t frame, uint64_t nr) must_check;
uint16_t vtd_tag_of(const struct vtd *m, uint16_t devid);
bool vtd_tag_fits(const struct vtd *m, uint16_t tag);
void vtd_wrote(const void *p, size_t bytes); /* to memory, for one that is not coherent */
static inline void vtd_to_memory(const struct vtd *m, const void *p, size_t bytes)
{
    if (!m->coherent)
        vtd_wrote(p, bytes);
}
void vtd_quiesce_one(struct vtd *m); /* takes no lock: who had it may have been stopped */

/* vtd_intr.c */
/* Remaps from now on, with an empty table; the queue is on. -ENOMEM, -EIO. */
int vtd_intr_start(struct vtd *m, bool wide) must_check;
/* Who an entry is for, as its second word; that of an entry, 0: there is none. */
uint64_t vtd_intr_source(const struct pci_config *pci, uint32_t sbdf);
uint64_t vtd_intr_source_now(const struct vtd *m, unsigned int index);
/* 1, or -ENOSPC, -EIO */
int vtd_intr_message(struct vtd *m, const struct iommu_intr *i, uint64_t source,
                     struct iommu_message *out) must_check;
int vtd_intr_pin(struct vtd *m, const struct iommu_intr *i, uint16_t devid, uint64_t *rte)
    must_check;
int vtd_intr_end(struct vtd *m, unsigned int first, unsigned int nr) must_check;
/* Messages of a requester id; of all that are blocked. */
int vtd_intr_drop(struct vtd *m, uint16_t devid) must_check;
int vtd_intr_drop_blocked(struct vtd *m) must_check;

/* vtd.c: NULL: the function is behind none */
struct vtd *vtd_unit_for(uint32_t sbdf);

/* vtd_remap.c: after they translate. -ENOMEM, -EIO; 0 too if interrupts cannot be remapped. */
int vtd_remap_start(struct vtd *units, unsigned int nr_units) must_check;
const struct iommu_intr_ops *vtd_remap_ops(const char **why);

/* vtd_fault.c */
void vtd_fault_start(struct vtd *m);
void vtd_fault_read(struct vtd *m); /* what is new goes to the log */
int vtd_fault_text(char *buf, size_t size, uint16_t segment, const uint64_t record[2]);

#endif
