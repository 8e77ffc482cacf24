/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the toolstack's calls share. A domctl or sysctl is a row of a table: the dispatcher copies
 * the argument in, checks the version, finds the target, and copies back what the row says; an
 * operation is one short function on our own copy.
 */
#ifndef TOOLSTACK_PRIV_H
#define TOOLSTACK_PRIV_H

#define GUEST_64BIT_ONLY /* domctl, sysctl and platform_op refuse others */

#include <abi.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include <hv/cpumask.h>
#include <hv/domain.h>

/* One at a time: domctls, and changes of cpu pools. False: make a continuation. */
bool toolstack_try(void);
void toolstack_done(void);

/* Fill the getdomaininfo record of d. */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * Bitmaps of the tools: nr_bits bits, little-endian bytes. Of ours, bits beyond nr_bits are
 * dropped; of theirs, bits beyond our size too, and missing ones are zero. 0 or -EFAULT, -EINVAL.
 */
int bitmap_to_guest(const struct xenctl_bitmap *to, const uint64_t *words, unsigned int nr_bits)
    must_check;
int bitmap_from_guest(uint64_t *words, unsigned int nr_bits, const struct xenctl_bitmap *from)
    must_check;

/*
 * One function for an operation; d is referenced (NULL for TARGET_NONE), op is our copy, arg the
 * guest's address.
 */
typedef long domctl_fn(struct domain *d, struct xen_domctl *op, uint64_t arg);
typedef long sysctl_fn(struct xen_sysctl *op, uint64_t arg);

domctl_fn domctl_createdomain, domctl_destroydomain, domctl_pause, domctl_unpause,
    domctl_getdomaininfo, domctl_max_mem, domctl_max_vcpus, domctl_scheduler_op,
    domctl_setdomainhandle, domctl_resumedomain, domctl_set_virq_handler, domctl_setnodeaffinity,
    domctl_getnodeaffinity, domctl_setvcpuaffinity, domctl_getvcpuaffinity, domctl_getvcpuinfo,
    domctl_settimeoffset, domctl_irq_permission, domctl_iomem_permission, domctl_ioport_permission,
    domctl_assign_device, domctl_test_assign_device, domctl_deassign_device;
sysctl_fn sysctl_readconsole, sysctl_physinfo, sysctl_sched_id, sysctl_getdomaininfolist,
    sysctl_debug_keys, sysctl_getcpuinfo, sysctl_availheap, sysctl_cputopoinfo, sysctl_numainfo,
    sysctl_cpupool_op, sysctl_scheduler_op, sysctl_pcitopoinfo;

/*
 * Operations that only the architecture knows: -ENOSYS for what it has not. Same rules; 0 with
 * *copy_back set if op goes back.
 */
long arch_domctl(struct domain *d, struct xen_domctl *op, bool *copy_back);
long arch_sysctl(struct xen_sysctl *op, bool *copy_back);
/*
 * d is about to lose the right to frames, or ports: what it has mapped of them goes. -ENOMEM,
 * -ERESTART.
 */
int arch_deny_memory(struct domain *d, uint64_t first, uint64_t last) must_check;
void arch_deny_ports(struct domain *d, uint64_t first, uint64_t last);
void arch_physinfo(struct xen_sysctl_physinfo *pi);
/* Place of a cpu: false if it is not there. */
bool arch_cpu_topology(unsigned int cpu, struct xen_sysctl_cputopo *t);
unsigned int arch_node_distance(unsigned int from, unsigned int to);

#endif
