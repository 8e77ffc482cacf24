/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the layer that knows domains (iommu.c, identity.c) and the hardware below (amd.c, vtd.c).
 * There is one kind of IOMMU in a machine.
 */
#ifndef DRIVERS_IOMMU_PRIV_H
#define DRIVERS_IOMMU_PRIV_H

#include "iopt.h"

#include <hv/lock.h>
#include <hv/types.h>

struct domain;
struct iommu_intr;
struct iommu_message;

/* What a domain's devices may reach. */
struct iommu_domain {
    spinlock_t lock;   /* RANK_IOMMU, an identity map's RANK_IOMMU_OWN: the table */
    struct iopt table;
    uint16_t tag;      /* the hardware's name for it in what it remembers; never 0 */
    bool passthrough;  /* no table: machine addresses, unchecked */
    bool hardware;     /* the first domain's: trusted with interrupts */
    bool identity;     /* kept by identity.c */
    bool by_type;      /* kept by pv_guest.c */
};

struct iommu_range {
    uint64_t first, end; /* frames */
    uint16_t devid_first, devid_last;
    unsigned int flags;
};

/* Remapping of interrupts: see hv/iommu_intr.h. */
struct iommu_intr_ops {
    bool (*wide)(void);            /* NULL: APIC ids of 8 bits */
    int (*prepare)(uint32_t sbdf); /* NULL: nothing is needed */
    int (*message)(uint32_t sbdf, const struct iommu_intr *i, struct iommu_message *out);
    int (*end)(uint32_t sbdf, const struct iommu_intr *i);
    int (*pin)(uint8_t ioapic, unsigned int pin, const struct iommu_intr *i, uint64_t *rte);
};
extern const struct iommu_intr_ops *iommu_intr; /* iommu.c; NULL: nothing is remapped */

/* Attaching and flushing return when the hardware has forgotten what was: -EIO, it does not. */
struct iommu_ops {
    const char *name;
    /* How tables must look; *levels: how many. After start(). */
    const struct iopt_kind *(*tables)(unsigned int *levels);
    bool (*can_pass)(void); /* can devices go without a table? */
    /* those that are there, all devices blocked; if it fails, none is left on */
    int (*start)(unsigned int *found);
    bool (*covers)(uint32_t sbdf);     /* is the function behind one? */
    uint16_t (*tag)(uint32_t sbdf);    /* whose it is; 0: blocked */
    /* The function, and the alias that its requests may bear; NULL: blocked. */
    int (*attach)(uint32_t sbdf, const struct iommu_domain *ctx);
    int (*attach_rest)(const struct iommu_domain *ctx); /* all that are blocked */
    int (*block_tag)(uint16_t tag);
    int (*flush)(uint16_t tag, uint64_t frame, uint64_t nr); /* nr 0: all */
    /* After start(). NULL: interrupts are not remapped, and *why says the reason. */
    const struct iommu_intr_ops *(*intr)(const char **why);
    void (*quiesce)(void); /* translates and remaps nothing any more; takes no locks */
    /* The nth range that the firmware uses through devices; the nth with registers of IOMMUs. */
    bool (*firmware_range)(unsigned int nth, struct iommu_range *out);
    bool (*registers)(unsigned int nth, struct iommu_range *out);
};

extern const struct iommu_ops amd_iommu_ops, vtd_iommu_ops;

/* options.c */
extern bool opt_iommu, opt_iommu_required, opt_iommu_verbose, opt_iommu_intremap;
extern bool opt_iommu_queue, opt_iommu_snoop;
extern bool opt_dom0_passthrough, opt_dom0_none, opt_dom0_inclusive, opt_dom0_reserved;

/* iommu.c: a change in a table, and the flush that it asks for. */
int iommu_table_set(struct iommu_domain *ctx, uint64_t first, uint64_t end, uint64_t mfn,
                    unsigned int flags) REQUIRES(ctx->lock) must_check;
void iommu_flush_or_die(const struct iommu_domain *ctx, uint64_t frame, uint64_t nr);

/* pv_guest.c: with an empty table, which follows the domain's writable frames from now on. */
int pv_guest_start(struct iommu_domain *ctx) must_check;
struct iopt pv_guest_end(struct iommu_domain *ctx);

/* identity.c: the PV hardware domain's map of all memory but ours; from now on it follows. */
int identity_start(struct iommu_domain *ctx, const struct iommu_ops *ops) must_check;

#endif
