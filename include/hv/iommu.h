/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMUs: what devices may reach by DMA. A domain with a context has a table from device frames
 * (dfn: what the device says) to machine frames; a device is assigned to a domain, or blocked. A
 * translated domain's table mirrors its physmap: dfn is gfn. A PV first domain's is the identity,
 * of all memory that is a domain's and of device memory, never of the hypervisor's; another PV
 * domain's is the identity of those frames of its own that it may write to. docs/iommu.md
 */
#ifndef HV_IOMMU_H
#define HV_IOMMU_H

#include <hv/types.h>

struct domain;

#define IOMMU_READ 1U
#define IOMMU_WRITE 2U

/*
 * Finds and starts what the firmware's tables tell of; all devices are blocked then. -ENODEV: the
 * command line says iommu=required, and there is none, or it cannot be started. Boot, after
 * pci_dev_init().
 */
int iommu_boot(void);
bool iommu_present(void);

/*
 * An empty context, before the domain has memory or devices: changes of a physmap are mirrored from
 * now on. For the PV hardware domain: its identity map. 0 without an IOMMU; -ENOMEM, -EEXIST.
 */
int iommu_domain_init(struct domain *d) must_check;
/* Its devices are blocked, and its table goes. No locks held. */
void iommu_domain_teardown(struct domain *d);
void iommu_domain_free(struct domain *d); /* what stays until all its frames are gone */
bool iommu_domain_active(const struct domain *d); /* it has a context */

/*
 * A function, with what else the firmware says has its requester id, is d's from now on: it was
 * nobody's or the hardware domain's. -ENODEV: there is no IOMMU for it; -EBUSY: another domain has
 * it; -EINVAL: d has no context; -EPERM: the
 * firmware uses memory through it, which only the hardware domain may have; -EIO.
 */
int iommu_assign(struct domain *d, uint32_t sbdf) must_check;
int iommu_deassign(struct domain *d, uint32_t sbdf) must_check; /* it is blocked */
bool iommu_has(struct domain *d, uint32_t sbdf); /* is it d's, as far as it is behind an IOMMU? */
int iommu_may_assign(uint32_t sbdf) must_check; /* 0: it is nobody's or the hardware domain's */
int iommu_set_aside(uint32_t sbdf) must_check;  /* the hardware domain's: it is blocked */
int iommu_give_back(uint32_t sbdf) must_check;  /* nobody's: the hardware domain has it again */
/*
 * The nth range that the firmware uses through a device, or (all) through any: such a device cannot
 * be a guest's. False: there are no more.
 */
bool iommu_firmware_memory(unsigned int nth, bool all, uint32_t sbdf, uint64_t *first,
                           uint64_t *nr);
/* Takes the frames of the IOMMUs' registers out of a set of rights; -ENOMEM. */
struct rangeset;
int iommu_keep_registers(struct rangeset *frames) must_check;
/* All that is not assigned, present or not: the hardware domain's start. */
int iommu_assign_rest(struct domain *d) must_check;

/*
 * dfn to mfn and on, replacing what was there; the hardware has forgotten what it was when this
 * returns. -ENOMEM: nothing has changed. -EINVAL: no context, or out of reach. A physmap's changes
 * come here by themselves. Locks up to RANK_P2M may be held.
 */
int iommu_map(struct domain *d, uint64_t dfn, uint64_t mfn, uint64_t frames, unsigned int flags)
    must_check;
int iommu_unmap(struct domain *d, uint64_t dfn, uint64_t frames) must_check;
/* Everything that the hardware remembers of d. */
int iommu_flush(struct domain *d) must_check;

/* --- implemented by the architecture ---------------------------------------------------------- */

typedef int iommu_follow_fn(struct domain *d, uint64_t dfn, uint64_t mfn, uint64_t frames,
                            unsigned int flags);
/* From now on changes of its physmap go to fn too (flags 0: nothing is there). NULL: no longer. */
void arch_iommu_follow(struct domain *d, iommu_follow_fn *fn);
bool arch_pci_known(uint32_t sbdf); /* has the hardware domain announced it? */
void arch_pci_quiet(uint32_t sbdf); /* it sends no message any more */

#endif
