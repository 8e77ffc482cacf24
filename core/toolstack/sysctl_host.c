/* SPDX-License-Identifier: GPL-2.0-only */
/* sysctl: questions about the host: processors, memory, nodes, devices. */
#include "priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <hv/time.h>

#define NO_DISTANCE (~0U)

long sysctl_physinfo(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_physinfo *pi = &op->u.physinfo;

    *pi = (struct xen_sysctl_physinfo){
        .nr_cpus = cpumask_weight(&cpu_online_map),
        .max_cpu_id = nr_cpu_ids - 1,
        .nr_nodes = heap_nr_nodes(),
        .max_node_id = heap_nr_nodes() - 1,
        .cpu_khz = time_tsc_khz(),
        .total_pages = heap_total_pages(),
        .free_pages = heap_free_pages(),
        .outstanding_pages = heap_claimed_pages(),
        .max_mfn = mfn_max().n,
        .capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
                        XEN_SYSCTL_PHYSCAP_gnttab_v2,
    };
    arch_physinfo(pi);
    return 0;
}

long sysctl_getcpuinfo(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_getcpuinfo *ci = &op->u.getcpuinfo;
    uint32_t nr = MIN(ci->max_cpus, nr_cpu_ids);

    for (uint32_t i = 0; i < nr; i++) {
        struct xen_sysctl_cpuinfo info = { .idletime = sched_idle_time(i) };

        if (copy_to_guest_i(ci->info, i, &info))
            return -EFAULT;
    }
    ci->nr_cpus = nr;
    return 0;
}

long sysctl_availheap(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_availheap *a = &op->u.availheap;

    if (a->min_bitwidth != 0 || a->max_bitwidth != 0)
        return -EOPNOTSUPP; /* Not yet: free memory by address width. */
    if (a->node != -1 && (a->node < 0 || (unsigned int)a->node >= heap_nr_nodes()))
        return -EINVAL;
    a->avail_bytes =
        (a->node == -1 ? heap_free_pages() : heap_node_free_pages((unsigned int)a->node))
        << PAGE_SHIFT;
    return 0;
}

long sysctl_cputopoinfo(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_cputopoinfo *ti = &op->u.cputopoinfo;

    if (handle_is_null(ti->cputopo)) {
        ti->num_cpus = nr_cpu_ids;
        return 0;
    }
    ti->num_cpus = MIN(ti->num_cpus, nr_cpu_ids);
    for (uint32_t i = 0; i < ti->num_cpus; i++) {
        struct xen_sysctl_cputopo t;

        if (!arch_cpu_topology(i, &t))
            t = (struct xen_sysctl_cputopo){
                XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID, XEN_INVALID_NODE_ID
            };
        if (copy_to_guest_i(ti->cputopo, i, &t))
            return -EFAULT;
    }
    return 0;
}

long sysctl_numainfo(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_numainfo *ni = &op->u.numainfo;
    unsigned int nr = heap_nr_nodes();

    if (handle_is_null(ni->meminfo) && handle_is_null(ni->distance)) {
        ni->num_nodes = nr;
        return 0;
    }
    nr = MIN(ni->num_nodes, nr);
    for (unsigned int i = 0; i < nr; i++) {
        struct xen_sysctl_meminfo m = {
            heap_node_total_pages(i) << PAGE_SHIFT, heap_node_free_pages(i) << PAGE_SHIFT
        };

        if (!handle_is_null(ni->meminfo) && copy_to_guest_i(ni->meminfo, i, &m))
            return -EFAULT;
        for (unsigned int j = 0; !handle_is_null(ni->distance) && j < nr; j++) {
            uint32_t distance = arch_node_distance(i, j);

            if (copy_to_guest_i(ni->distance, i * nr + j, &distance))
                return -EFAULT;
        }
    }
    ni->num_nodes = nr;
    return 0;
}

/* We keep no node for a device. */
long sysctl_pcitopoinfo(struct xen_sysctl *op, uint64_t arg)
{
    struct xen_sysctl_pcitopoinfo *pi = &op->u.pcitopoinfo;
    uint32_t nr = MIN(pi->num_devs, 256U), unknown = XEN_INVALID_DEV;

    for (uint32_t i = 0; i < nr; i++)
        if (copy_to_guest_i(pi->nodes, i, &unknown))
            return -EFAULT;
    pi->num_devs = nr;
    return 0;
}
