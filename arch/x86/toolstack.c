/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toolstack's calls that only x86 knows: CPUID and MSR policies, TSC settings, widths,
 * topology. The tables of core/toolstack hand over here what they have no row for; what is not here
 * either is -ENOSYS.
 */
#include "../../core/toolstack/priv.h"

#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/hvm_save.h>
#include <arch/hvm.h>
#include <arch/hvm_pt.h>
#include <arch/numa.h>
#include <arch/policy.h>
#include <arch/pv.h>
#include <arch/smpboot.h>
#include <arch/topology.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/guest.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <hv/platform.h>
#include <hv/time.h>
#include <hv/version.h>

/* --- policies --------------------------------------------------------------------------------- */

/* Room for a serialised policy; too large for the stack. */
struct policy_buffer {
    xen_cpuid_leaf_t leaf[POLICY_MAX_LEAVES];
    xen_msr_entry_t msr[POLICY_MAX_MSRS];
};

/* Write p to the caller's arrays; NULL arrays ask for the counts. */
static long policy_to_guest(const struct cpu_policy *p, uint32_t *nr_leaves, uint32_t *nr_msrs,
                            XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves,
                            XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs)
{
    struct policy_buffer *buf;
    uint32_t nl = POLICY_MAX_LEAVES, nm = POLICY_MAX_MSRS;
    int rc;

    if (handle_is_null(leaves) && handle_is_null(msrs)) {
        *nr_leaves = POLICY_MAX_LEAVES;
        *nr_msrs = POLICY_MAX_MSRS;
        return 0;
    }
    buf = hv_alloc(sizeof(*buf));
    if (buf == NULL)
        return -ENOMEM;
    rc = cpu_policy_to_leaves(p, buf->leaf, &nl);
    if (rc == 0)
        rc = cpu_policy_to_msrs(p, buf->msr, &nm);
    if (rc == 0 &&
        ((!handle_is_null(leaves) && nl > *nr_leaves) || (!handle_is_null(msrs) && nm > *nr_msrs)))
        rc = -ENOBUFS;
    if (rc == 0 && !handle_is_null(leaves) &&
        guest_write(handle_addr(leaves), buf->leaf, nl * sizeof(*buf->leaf)))
        rc = -EFAULT;
    if (rc == 0 && !handle_is_null(msrs) &&
        guest_write(handle_addr(msrs), buf->msr, nm * sizeof(*buf->msr)))
        rc = -EFAULT;
    hv_free(buf);
    *nr_leaves = nl;
    *nr_msrs = nm;
    return rc;
}

static long get_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;

    return policy_to_guest(d->arch.policy, &c->nr_leaves, &c->nr_msrs, c->leaves, c->msrs);
}

static long set_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;
    struct policy_error err = { ~0U, ~0U, ~0U };
    struct policy_buffer *buf;
    long rc;

    if (c->nr_leaves > POLICY_MAX_LEAVES || c->nr_msrs > POLICY_MAX_MSRS)
        return -E2BIG;
    buf = hv_alloc(sizeof(*buf));
    if (buf == NULL)
        return -ENOMEM;
    if (guest_read(buf->leaf, handle_addr(c->leaves), c->nr_leaves * sizeof(*buf->leaf)) ||
        guest_read(buf->msr, handle_addr(c->msrs), c->nr_msrs * sizeof(*buf->msr)))
        rc = -EFAULT;
    else
        rc = domain_policy_set(d, buf->leaf, c->nr_leaves, buf->msr, c->nr_msrs, &err);
    hv_free(buf);
    c->err_leaf = err.leaf;
    c->err_subleaf = err.subleaf;
    c->err_msr = err.msr;
    return rc;
}

static long host_policy(struct xen_sysctl *op)
{
    struct xen_sysctl_cpu_policy *c = &op->u.cpu_policy;
    const struct cpu_policy *p = c->index < NR_POLICIES ? cpu_policy_of((enum policy_kind)c->index)
                                                        : NULL;

    if (c->_rsvd != 0)
        return -EINVAL;
    if (p == NULL)
        return c->index < NR_POLICIES ? -EOPNOTSUPP : -EINVAL;
    return policy_to_guest(p, &c->nr_leaves, &c->nr_msrs, c->leaves, c->msrs);
}

static long featureset(struct xen_sysctl *op)
{
    /* By XEN_SYSCTL_cpu_featureset_*. */
    static const uint8_t kinds[] = { POLICY_RAW,        POLICY_HOST,   POLICY_PV_DEFAULT,
                                     POLICY_HVM_DEFAULT, POLICY_PV_MAX, POLICY_HVM_MAX };
    struct xen_sysctl_cpu_featureset *f = &op->u.cpu_featureset;
    const struct cpu_policy *p;
    uint32_t nr = MIN(f->nr_features, (uint32_t)POLICY_NR_WORDS);

    if (handle_is_null(f->features)) {
        f->nr_features = POLICY_NR_WORDS;
        return 0;
    }
    if (f->index >= ARRAY_SIZE(kinds))
        return -EINVAL;
    p = cpu_policy_of((enum policy_kind)kinds[f->index]);
    if (p == NULL)
        return -EOPNOTSUPP;
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t word = cpu_policy_word(p, i);

        if (copy_to_guest_i(f->features, i, &word))
            return -EFAULT;
    }
    f->nr_features = nr;
    return nr < POLICY_NR_WORDS ? -ENOBUFS : 0;
}

/* --- domctl ----------------------------------------------------------------------------------- */

static long get_tsc_info(struct domain *d, struct xen_domctl *op)
{
    if (is_hvm(d)) {
        hvm_tsc_info(d, &op->u.tsc_info, time_now());
        return 0;
    }
    op->u.tsc_info = (struct xen_domctl_tsc_info){
        .tsc_mode = d->tsc_mode, .gtsc_khz = time_tsc_khz(), .elapsed_nsec = (uint64_t)time_now()
    };
    return 0;
}

/* PV: mode 1, "always emulate", would need every RDTSC to trap. */
static long set_tsc_info(struct domain *d, struct xen_domctl *op)
{
    if (d == current->domain)
        return -EINVAL;
    if (is_hvm(d))
        return hvm_tsc_set(d, &op->u.tsc_info);
    if (op->u.tsc_info.tsc_mode > 2)
        return -EINVAL;
    if (op->u.tsc_info.tsc_mode == 1)
        return -EOPNOTSUPP;
    d->tsc_mode = (uint8_t)op->u.tsc_info.tsc_mode;
    return 0;
}

static long set_address_size(struct domain *d, uint32_t bits)
{
    if (!is_pv(d))
        return -EINVAL;
    if (bits == 64)
        return domain_is_32bit(d) ? -EACCES : 0;
    return bits == 32 ? pv32_set_32bit(d) : -EINVAL;
}

long arch_domctl(struct domain *d, struct xen_domctl *op, bool *copy_back)
{
    switch (op->cmd) {
    case XEN_DOMCTL_get_cpu_policy:
        *copy_back = true;
        return get_policy(d, op);
    case XEN_DOMCTL_set_cpu_policy:
        *copy_back = true;
        return set_policy(d, op);
    case XEN_DOMCTL_gettscinfo:
        *copy_back = true;
        return get_tsc_info(d, op);
    case XEN_DOMCTL_settscinfo:
        return set_tsc_info(d, op);
    case XEN_DOMCTL_set_address_size:
        return set_address_size(d, op->u.address_size.size);
    case XEN_DOMCTL_get_address_size:
        if (!is_pv(d))
            return -EOPNOTSUPP;
        op->u.address_size.size = domain_is_32bit(d) ? 32 : 64;
        *copy_back = true;
        return 0;
    case XEN_DOMCTL_psr_cmt_op:
    case XEN_DOMCTL_psr_alloc:
        return -ENODEV; /* caches and bandwidth are not monitored or shared out */
    default:
        return is_pv(d) ? pv_domctl(d, op, copy_back) : hvm_domctl(d, op, copy_back);
    }
}

/* A PV guest's mappings stay until it removes them. */
int arch_deny_memory(struct domain *d, uint64_t first, uint64_t last)
{
    return is_hvm(d) ? hvm_pt_deny_memory(d, first, last) : 0;
}

void arch_deny_ports(struct domain *d, uint64_t first, uint64_t last)
{
    if (is_hvm(d))
        hvm_pt_deny_ports(d, first, last);
}

long arch_sysctl(struct xen_sysctl *op, bool *copy_back)
{
    switch (op->cmd) {
    case XEN_SYSCTL_get_cpu_policy:
        *copy_back = true;
        return host_policy(op);
    case XEN_SYSCTL_get_cpu_featureset:
        *copy_back = true;
        return featureset(op);
    case XEN_SYSCTL_get_cpu_levelling_caps:
        op->u.cpu_levelling_caps.caps = 0; /* no masking MSRs are used */
        *copy_back = true;
        return 0;
    case XEN_SYSCTL_psr_cmt_op:
    case XEN_SYSCTL_psr_alloc:
        return -ENODEV;
    default:
        return -ENOSYS;
    }
}

/* --- the host --------------------------------------------------------------------------------- */

void arch_physinfo(struct xen_sysctl_physinfo *pi)
{
    const struct cpu_policy *host = cpu_policy_of(POLICY_HOST);

    pi->threads_per_core = topology_threads_per_core();
    pi->cores_per_socket = topology_cores_per_socket();
    for (unsigned int i = 0; i < ARRAY_SIZE(pi->hw_cap) && i < POLICY_NR_WORDS; i++)
        pi->hw_cap[i] = cpu_policy_word(host, i);
    if (hvm_available())
        pi->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
    if (iommu_present())
        pi->capabilities |= XEN_SYSCTL_PHYSCAP_directio;
}

#define PV_CAPABILITIES "xen-3.0-x86_64 xen-3.0-x86_32p "

const char *arch_capabilities(void)
{
    return hvm_available() ? PV_CAPABILITIES "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "
                           : PV_CAPABILITIES;
}

bool arch_cpu_topology(unsigned int cpu, struct xen_sysctl_cputopo *out)
{
    struct topology t;

    if (!topology_of(cpu, &t))
        return false;
    *out = (struct xen_sysctl_cputopo){ t.core, t.socket, t.node };
    return true;
}

unsigned int arch_node_distance(unsigned int from, unsigned int to)
{
    return numa_distance(from, to);
}

uint64_t arch_shared_info_frame(struct domain *d)
{
    const mfn_t mfn = paddr_to_mfn(direct_pa(d->shared_info));

    return is_hvm(d) ? m2p_get(mfn) : mfn.n;
}

uint8_t arch_gpaddr_bits(struct domain *d) { return cpu_features.phys_bits; }
