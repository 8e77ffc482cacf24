/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an HVM guest finds the registers of a device that it has: device memory at its frames, the
 * machine's ports at its ports. public domctl.h, "XEN_DOMCTL_memory_mapping",
 * "XEN_DOMCTL_ioport_mapping".
 *
 * The physmap holds nothing of device memory, so the right to it is all that keeps it: when the
 * domain loses the right, it loses what is mapped, whether or not the device model has unmapped it.
 */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hvm_pt.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <hv/softirq.h>
#include <xen/domctl.h>

#define NR_PORTS 0x10000U

/* --- memory ----------------------------------------------------------------------------------- */

/* What is at gfn is of `frames` frames at most that are done in one step. */
static unsigned int order_for(uint64_t gfn, uint64_t mfn, uint64_t frames)
{
    return ((gfn | mfn) & (BIT(P2M_ORDER_2M) - 1)) == 0 && frames >= BIT(P2M_ORDER_2M)
               ? P2M_ORDER_2M : P2M_ORDER_4K;
}

/* Device memory: neither what is ours or a domain's, nor what only we may write to. */
static bool is_device_memory(uint64_t first, uint64_t last)
{
    if (mmio_ro_ranges && rangeset_intersects(mmio_ro_ranges, first, last))
        return false;
    for (uint64_t mfn = first; mfn <= last; mfn++)
        if (mfn_is_ram(_mfn(mfn)))
            return false;
    return true;
}

static int map_step(struct domain *d, uint64_t gfn, uint64_t mfn, unsigned int order)
{
    int rc;

    if (!is_device_memory(mfn, mfn + BIT(order) - 1))
        return -EPERM;
    rc = rangeset_add(d->arch.hvm->pt->gfns, gfn, gfn + BIT(order) - 1);
    return rc ? rc : p2m_set(d, _gfn(gfn), order, _mfn(mfn), P2M_MMIO, NULL);
}

/* What is there goes if it is that frame, or any of device memory's from first to last. */
static int unmap_step(struct domain *d, uint64_t gfn, unsigned int order, uint64_t first,
                      uint64_t last)
{
    const struct p2m_entry e = p2m_lookup(d, _gfn(gfn));
    int rc;

    if (e.type != P2M_MMIO || e.mfn.n < first || e.mfn.n > last)
        return -ENOENT;
    rc = p2m_swap(d, _gfn(gfn), order, INVALID_MFN, P2M_NONE, &e);
    if (rc == 0) /* one that stays there is looked up for nothing, no more */
        (void)!rangeset_remove(d->arch.hvm->pt->gfns, gfn, gfn + BIT(order) - 1);
    return rc;
}

static bool is_2m_leaf(struct domain *d, uint64_t gfn)
{
    const struct p2m_entry e = p2m_lookup(d, _gfn(gfn));

    return e.order >= P2M_ORDER_2M && e.type == P2M_MMIO;
}

static long map_or_unmap(struct domain *d, const struct xen_domctl_memory_mapping *m)
{
    uint64_t done = 0;
    int rc, first_rc = 0;

    while (done < m->nr_mfns) {
        const uint64_t gfn = m->first_gfn + done, mfn = m->first_mfn + done;
        unsigned int order = order_for(gfn, mfn, m->nr_mfns - done);

        if (m->add_mapping) {
            rc = map_step(d, gfn, mfn, order);
        } else {
            order = order && is_2m_leaf(d, gfn) ? order : P2M_ORDER_4K;
            rc = unmap_step(d, gfn, order, mfn, mfn);
        }
        if (rc && m->add_mapping)
            return rc;
        first_rc = first_rc ? first_rc : rc;
        done += BIT(order);
        if (done < m->nr_mfns && preempt_wanted())
            return (long)done;
    }
    return first_rc;
}

long hvm_pt_map_memory(struct domain *d, const struct xen_domctl_memory_mapping *m)
{
    const uint64_t last = m->first_mfn + m->nr_mfns - 1;

    if (m->add_mapping > 1 || m->nr_mfns == 0 || last < m->first_mfn ||
        last >> (cpu_features.phys_bits - PAGE_SHIFT) ||
        m->first_gfn + m->nr_mfns - 1 < m->first_gfn ||
        (m->first_gfn + m->nr_mfns - 1) >> (p2m_gpa_bits() - PAGE_SHIFT))
        return -EINVAL;
    if (!rangeset_contains(current->domain->iomem_caps, m->first_mfn, last) ||
        (m->add_mapping && !rangeset_contains(d->iomem_caps, m->first_mfn, last)))
        return -EPERM;
    if (d->is_hardware || d->state != DOM_ALIVE)
        return -EINVAL;
    if (!hvm_pt_get(d))
        return -ENOMEM;
    return map_or_unmap(d, m);
}

/* What is at gfn, if it is of these frames: 1, and how many gfns that was. */
static int deny_step(struct domain *d, uint64_t gfn, uint64_t first, uint64_t last, uint64_t *done)
{
    const struct p2m_entry e = p2m_lookup(d, _gfn(gfn));
    const bool whole = e.order == P2M_ORDER_2M && (gfn & (BIT(P2M_ORDER_2M) - 1)) == 0 &&
                       e.mfn.n >= first && e.mfn.n + BIT(P2M_ORDER_2M) - 1 <= last;
    const unsigned int order = whole ? P2M_ORDER_2M : P2M_ORDER_4K;
    const int rc = unmap_step(d, gfn, order, first, last);

    *done = BIT(order);
    return rc == -ENOENT ? 0 : rc ? rc : 1;
}

/* What is gone is not found again, so it need not be remembered how far this came. */
int hvm_pt_deny_memory(struct domain *d, uint64_t first, uint64_t last)
{
    struct hvm_pt *pt = d->arch.hvm->pt;
    uint64_t gfn = 0, from, to, done;

    while (pt && rangeset_next(pt->gfns, gfn, &from, &to)) {
        for (gfn = MAX(gfn, from); gfn <= to; gfn += done) {
            const int rc = deny_step(d, gfn, first, last, &done);

            if (rc < 0)
                return rc;
            if (rc && preempt_wanted())
                return -ERESTART;
        }
    }
    return 0;
}

/* --- ports ------------------------------------------------------------------------------------ */

bool hvm_pt_port(const struct domain *d, uint32_t port, unsigned int size, uint16_t *machine)
{
    const struct hvm_pt *pt = read_once(d->arch.hvm->pt);

    if (likely(!pt))
        return false;
    for (const struct pt_ports *p = pt->ports; p; p = p->next)
        if (port >= p->guest && port + size <= p->guest + p->nr) {
            *machine = (uint16_t)(p->machine + (port - p->guest));
            return true;
        }
    return false;
}

static bool overlaps(uint32_t a, uint32_t nr_a, uint32_t b, uint32_t nr_b)
{
    return a < b + nr_b && b < a + nr_a;
}

/* -EEXIST: a device has a port there. */
static int add_ports(struct hvm_pt *pt, const struct xen_domctl_ioport_mapping *m)
{
    struct pt_ports *p;

    for (p = pt->ports; p; p = p->next)
        if (overlaps(p->guest, p->nr, m->first_gport, m->nr_ports))
            return -EEXIST;
    p = hv_alloc(sizeof(*p));
    if (!p)
        return -ENOMEM;
    *p = (struct pt_ports){ .next = pt->ports, .guest = m->first_gport,
                            .machine = m->first_mport, .nr = m->nr_ports };
    pt->ports = p;
    return 0;
}

/* All that have one of these machine ports. False: none has. */
static bool remove_ports(struct hvm_pt *pt, uint32_t machine, uint32_t nr)
{
    struct pt_ports **p = &pt->ports;
    bool found = false;

    while (*p) {
        struct pt_ports *it = *p;

        if (!overlaps(it->machine, it->nr, machine, nr)) {
            p = &it->next;
            continue;
        }
        *p = it->next;
        hv_free(it);
        found = true;
    }
    return found;
}

long hvm_pt_map_ports(struct domain *d, const struct xen_domctl_ioport_mapping *m)
{
    struct hvm_pt *pt;
    long rc;

    if (m->add_mapping > 1 || m->nr_ports == 0 || m->nr_ports > NR_PORTS ||
        m->first_gport > NR_PORTS - m->nr_ports || m->first_mport > NR_PORTS - m->nr_ports)
        return -EINVAL;
    if (!rangeset_contains(current->domain->arch.ioport_caps, m->first_mport,
                           m->first_mport + m->nr_ports - 1) ||
        (m->add_mapping && !rangeset_contains(d->arch.ioport_caps, m->first_mport,
                                              m->first_mport + m->nr_ports - 1)))
        return -EPERM;
    if (d->is_hardware)
        return -EINVAL;
    pt = hvm_pt_get(d);
    if (!pt)
        return -ENOMEM;
    domain_pause(d);
    if (m->add_mapping)
        rc = add_ports(pt, m);
    else
        rc = remove_ports(pt, m->first_mport, m->nr_ports) ? 0 : -ENOENT;
    domain_unpause(d);
    return rc;
}

void hvm_pt_deny_ports(struct domain *d, uint64_t first, uint64_t last)
{
    struct hvm_pt *pt = d->arch.hvm->pt;

    if (!pt || !pt->ports)
        return;
    domain_pause(d);
    (void)remove_ports(pt, (uint32_t)first, (uint32_t)(last - first + 1));
    domain_unpause(d);
}
