/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory_op hypercall: dispatch and the reservation calls. A domain's frames are charged by
 * page_assign(); a frame leaves its owner when the allocation's reference is dropped here and goes
 * back to the allocator with the last mapping.
 *
 * The command's upper bits hold the extent to continue from (public memory.h leaves them to us):
 * progress lives in the arguments.
 */
#include <hv/memory.h>

#include <arch/p2m.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/shared32.h>
#include <hv/softirq.h>

#define GUEST_MAX_ORDER 9 /* 2 MiB for ordinary domains */

uint32_t memory_alloc_flags(const struct domain *d, unsigned int mem_flags)
{
    const unsigned int bits = XENMEMF_get_address_bits(mem_flags), most = arch_address_bits(d);
    uint32_t flags = bits > PAGE_SHIFT && bits < 64 ? ALLOC_BITS(MIN(bits, most)) | ALLOC_TINY_OK
                                                    : ALLOC_BITS(most);

    if (mem_flags & XENMEMF_node(0xff) & 0xff00)
        flags |= ALLOC_NODE(XENMEMF_get_node(mem_flags));
    if (mem_flags & XENMEMF_exact_node_request)
        flags |= ALLOC_EXACT_NODE;
    return flags;
}

unsigned int memory_max_order(const struct domain *d)
{
    return d->is_privileged ? MAX_ORDER : GUEST_MAX_ORDER;
}

/* --- reservations ----------------------------------------------------------------------------- */

struct reservation {
    struct vcpu *v;
    struct domain *d;
    struct xen_memory_reservation r;
    /* extent_start is a list of pfns in, mfns out; of gfns, only in, for a translated domain */
    bool populate;
};

/* One extent of new frames. 0, or negative: stop here. */
static int add_extent(const struct reservation *m, uint64_t i)
{
    struct page *pg;
    xen_pfn_t pfn = 0, mfn;

    if (m->populate && copy_from_guest_i(&pfn, m->r.extent_start, i))
        return -EFAULT;
    if (m->populate && (m->r.mem_flags & XENMEMF_populate_on_demand)) /* who builds it says so */
        return !is_hvm(m->d) || m->d == m->v->domain
                   ? -EINVAL
                   : p2m_set(m->d, _gfn(pfn), m->r.extent_order, INVALID_MFN, P2M_POD, NULL);
    if (m->populate && is_hvm(m->d))
        return physmap_populate(m->d, _gfn(pfn), m->r.extent_order,
                                memory_alloc_flags(m->d, m->r.mem_flags));
    pg = page_alloc_for(m->d, m->r.extent_order, memory_alloc_flags(m->d, m->r.mem_flags));
    if (pg == NULL)
        return -ENOMEM;
    mfn = page_to_mfn(pg).n;
    if (m->populate)
        for (uint64_t k = 0; k < 1ULL << m->r.extent_order; k++)
            m2p_set(_mfn(mfn + k), pfn + k);
    if (!handle_is_null(m->r.extent_start) && !is_hvm(m->d) &&
        copy_to_guest_i(m->r.extent_start, i, &mfn))
        return -EFAULT;
    return 0;
}

static int drop_extent(const struct reservation *m, uint64_t i)
{
    xen_pfn_t frame;

    if (copy_from_guest_i(&frame, m->r.extent_start, i))
        return -EFAULT;
    if (is_hvm(m->d))
        return physmap_release(m->d, _gfn(frame), m->r.extent_order);
    for (uint64_t k = 0; k < 1ULL << m->r.extent_order; k++) {
        int rc = memory_release_frame(m->d, _mfn(frame + k));

        if (rc) {
            guest_log(LOG_DEBUG, "d%d: decrease_reservation: frame %#lx is not d%d's to give",
                      m->v->domain->id, (unsigned long)(frame + k), m->d->id);
            return rc;
        }
    }
    return 0;
}

static long each_extent(struct reservation *m, uint32_t op, uint64_t arg, uint64_t i)
{
    for (; i < m->r.nr_extents; i++) {
        if (op == XENMEM_decrease_reservation ? drop_extent(m, i) : add_extent(m, i))
            break;
        if (i + 1 < m->r.nr_extents && preempt_wanted())
            return hypercall_continue(m->v, 2, memory_op_at(op, i + 1), arg);
    }
    return (long)i; /* fewer than asked for tells the caller that one failed */
}

static long reservation_op(struct vcpu *v, uint32_t op, uint64_t arg, uint64_t start)
{
    struct reservation m = { .v = v, .populate = op == XENMEM_populate_physmap };
    long rc;

    if (copy_arg(&m.r, arg))
        return (long)start;
    if (m.r.nr_extents > MEMORY_MAX_EXTENTS || start > m.r.nr_extents ||
        m.r.extent_order > memory_max_order(v->domain))
        return (long)start;
    if (m.r.mem_flags & XENMEMF_vnode)
        return (long)start; /* no domain has virtual nodes */
    m.d = domain_get_target(m.r.domid);
    if (m.d == NULL)
        return (long)start;
    if (m.d != v->domain && !v->domain->is_privileged)
        rc = (long)start;
    else
        rc = each_extent(&m, op, arg, start);
    domain_put(m.d);
    return rc;
}

/* --- questions -------------------------------------------------------------------------------- */

/* As the result of a call. A 32-bit caller's register ends earlier: as much as it can say. */
static long quantity(const struct vcpu *v, uint64_t n)
{
    return (long)(caller_is_32bit() ? MIN(n, (uint64_t)INT32_MAX) : n);
}

static long about_domain(struct vcpu *v, uint32_t op, uint64_t arg)
{
    struct xen_memory_domain md;
    struct domain *d;
    long rc;

    if (copy_arg(&md, arg))
        return -EFAULT;
    d = domain_get_target(md.domid);
    if (d == NULL)
        return -ESRCH;
    if (d != v->domain && !v->domain->is_privileged)
        rc = -EPERM;
    else if (op == XENMEM_current_reservation)
        rc = quantity(v, d->tot_pages);
    else if (op == XENMEM_maximum_reservation)
        rc = quantity(v, d->max_pages);
    else if (is_hvm(d))
        rc = quantity(v, p2m_max_gfn(d));
    else /* the guest keeps its own list of frames; it says how long in shared_info, once it runs */
        rc = (long)MAX(shared_max_pfn(d), 1UL) - 1;
    domain_put(d);
    return rc;
}

static long machphys_mapping(uint64_t arg)
{
    const struct domain *d = current->domain;
    struct xen_machphys_mapping m = {
        .v_start = arch_m2p_virt_start(d),
        .v_end = arch_m2p_virt_end(d),
        .max_mfn = arch_m2p_max_mfn(d),
    };

    return copy_arg_back(arg, &m);
}

/*
 * Where the M2P is, for tools that save a guest: of each 2 MiB, the first frame. To a 32-bit tool
 * the M2P is that of 32-bit guests.
 */
static long machphys_list(struct vcpu *v, uint32_t op, uint64_t arg, uint64_t i)
{
    const bool narrow = op == XENMEM_machphys_compat_mfn_list || caller_is_32bit();
    struct xen_machphys_mfn_list l;
    uint64_t mfn;

    if (copy_arg(&l, arg))
        return -EFAULT;
    for (; i < l.max_extents; i++) {
        if (!(narrow ? arch_m2p32_frame : arch_m2p_frame)((unsigned int)i, &mfn))
            break;
        if (copy_frames_to_guest(handle_addr(l.extent_start), i, &mfn, 1))
            return -EFAULT;
        if (preempt_wanted())
            return hypercall_continue(v, 2, memory_op_at(op, i + 1), arg);
    }
    l.nr_extents = (uint32_t)MIN(i, (uint64_t)l.max_extents);
    return copy_arg_back(arg, &l) ? -EFAULT : 0;
}

/* A promise of frames for a domain that is being built: 0 cancels. */
static long claim_pages(struct vcpu *v, uint64_t arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (copy_arg(&r, arg))
        return -EFAULT;
    if (!handle_is_null(r.extent_start) || r.extent_order != 0 || r.mem_flags != 0)
        return -EINVAL;
    d = domain_get_target(r.domid);
    if (d == NULL)
        return -EINVAL;
    rc = domain_claim_pages(d, r.nr_extents);
    domain_put(d);
    return rc;
}

/* How many pages a domain that is populated on demand shall have, and has. */
static long pod_target(struct vcpu *v, uint32_t op, uint64_t arg)
{
    struct xen_pod_target t;
    struct domain *d;
    long rc = 0;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (copy_arg(&t, arg))
        return -EFAULT;
    d = domain_get_target(t.domid);
    if (d == NULL)
        return -ESRCH;
    if (!is_hvm(d))
        rc = -EINVAL;
    else if (op == XENMEM_set_pod_target)
        rc = t.target_pages > d->max_pages
                 ? -EINVAL : p2m_pod_set_target(d, t.target_pages, memory_alloc_flags(d, 0));
    if (rc == 0) {
        p2m_pod_get_target(d, &t);
        rc = copy_arg_back(arg, &t);
    }
    domain_put(d);
    return rc == -ERESTART ? hypercall_continue(v, 2, (uint64_t)op, arg) : rc;
}

/* --- dispatch --------------------------------------------------------------------------------- */

long hc_memory_op(struct vcpu *v, const uint64_t args[])
{
    uint32_t op = args[0] & MEMORY_CMD_MASK;
    uint64_t start = (args[0] & UINT32_MAX) >> MEMORY_CMD_SHIFT, arg = args[1];

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation_op(v, op, arg, start);
    case XENMEM_exchange: /* machine frames are no business of a translated domain's */
        return is_hvm(v->domain) ? -EOPNOTSUPP : memory_exchange(v, arg);
    case XENMEM_maximum_ram_page:
        return quantity(v, mfn_max().n);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return about_domain(v, op, arg);
    case XENMEM_machphys_mapping: /* no translated domain sees the M2P, or the host's memory map */
        return is_hvm(v->domain) ? -ENOSYS : machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
    case XENMEM_machphys_compat_mfn_list:
        return is_hvm(v->domain) ? -ENOSYS : machphys_list(v, op, arg, start);
    case XENMEM_memory_map:
        return memory_map_get(v, arg);
    case XENMEM_machine_memory_map:
        return is_hvm(v->domain) ? -ENOSYS : memory_map_get_machine(v, arg);
    case XENMEM_set_memory_map:
        return memory_map_set(v, arg);
    case XENMEM_claim_pages:
        return claim_pages(v, arg);
    case XENMEM_acquire_resource:
        return memory_acquire_resource(v, op, arg, start);
    case XENMEM_reserved_device_memory_map:
        return memory_map_of_firmware(v, arg);
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
        return pod_target(v, op, arg);
    case XENMEM_get_vnumainfo:
        return -EOPNOTSUPP; /* no domain has virtual NUMA nodes; callers test for exactly this */
    case XENMEM_add_to_physmap:
        return memory_add_to_physmap(v, arg, start);
    case XENMEM_add_to_physmap_batch:
        return memory_add_to_physmap_batch(v, arg, start);
    case XENMEM_remove_from_physmap:
        return memory_remove_from_physmap(v, arg);
    default:
        return -ENOSYS;
    }
}
