/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the layer that knows domains (domain.c, identity.c) and the hardware below (amd.c). One
 * kind of IOMMU in a machine.
 */
#ifndef DRIVERS_IOMMU_PRIV_H
#define DRIVERS_IOMMU_PRIV_H

#include "iopt.h"

#include <hv/lock.h>
#include <hv/types.h>

struct domain;

/* What a domain's devices are told. */
struct iommu_domain {
    spinlock_t lock;  /* RANK_IOMMU, for an identity map RANK_IOMMU_OWN: the table */
    struct iopt table;
    uint16_t tag;     /* the hardware's name for it in what it caches; never 0 */
    bool passthrough; /* no table: machine addresses, unchecked */
};

struct iommu_ops {
    const char *name;
    /* 0: started, *found says how many; the rest of the table is then valid. */
    int (*start)(unsigned int *found);
    /* Is there an IOMMU for this function? */
    bool (*covers)(uint32_t sbdf);
    /*
     * The function (and its alias) is translated by ctx, or blocked (NULL). The hardware has
     * forgotten what was before. -EIO: it does not answer.
     */
    int (*attach)(uint32_t sbdf, const struct iommu_domain *ctx);
    /* Forget frames of a domain: nr 0 means all. -EIO. */
    int (*flush)(const struct iommu_domain *ctx, uint64_t frame, uint64_t nr);
    /* For each function behind an IOMMU, whether it is there or not. */
    int (*for_each)(int (*fn)(void *data, uint32_t sbdf), void *data);
    /* Is there memory of the firmware's for this function? The nth range of its frames. */
    bool (*firmware_range)(uint32_t sbdf, unsigned int nth, uint64_t *first, uint64_t *end,
                           unsigned int *flags);
    /* The nth range of frames with registers of IOMMUs. */
    bool (*registers)(unsigned int nth, uint64_t *first, uint64_t *end);
};

extern const struct iommu_ops amd_iommu_ops;
extern bool iommu_verbose;

/* identity.c: the PV hardware domain's map of all memory but ours. */
int identity_start(struct iommu_domain *ctx, const struct iommu_ops *ops);

#endif
