/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports and device memory of a translated dom0. A frame that is no RAM of the machine's is mapped
 * at its own address when dom0 first touches it, if dom0 may have it: BARs, firmware tables and
 * what no table names are all the same then, and it does not matter when and where dom0 moves a
 * BAR. Not mapped are what is ours, and what has to be looked at: the LAPIC's and the IO-APICs'
 * pages, configuration space, MSI-X tables.
 */
#include <arch/hwdom.h>

#include <arch/boot.h>
#include <arch/hvm.h>
#include <arch/pv.h>
#include <arch/pv_mmu.h>
#include <arch/vpci.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>

#define LAPIC_FRAME (0xfee00000U >> PAGE_SHIFT)

/* --- ports ------------------------------------------------------------------------------------ */

/* As for a PV dom0, whose ports are decided in the same way. */
void hwdom_port_access(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *val)
{
    if (write)
        pv_io_write(v, port, size, *val);
    else
        *val = pv_io_read(v, port, size);
}

/* --- memory ----------------------------------------------------------------------------------- */

bool hwdom_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    uint32_t low = (uint32_t)*val;

    if (vpci_mmcfg_access(v->domain, gpa, size, write, &low)) {
        *val = low;
        return true;
    }
    return vpci_table_access(v->domain, gpa, size, write, val);
}

/* May dom0 have this frame, unseen by us? */
static bool is_open(struct domain *d, uint64_t frame)
{
    const paddr_t pa = frame << PAGE_SHIFT;

    return frame != LAPIC_FRAME && rangeset_contains(d->iomem_caps, frame, frame) &&
           !rangeset_intersects(mmio_ro_ranges, frame, frame) && !vpci_is_mmcfg(pa) &&
           !mfn_is_ram(_mfn(frame)) && !vpci_is_table(pa);
}

bool hwdom_map(struct domain *d, uint64_t gpa)
{
    const uint64_t gfn = gpa >> PAGE_SHIFT;
    const struct p2m_entry there = p2m_lookup(d, _gfn(gfn));
    int rc;

    if (there.type != P2M_NONE || !is_open(d, gfn))
        return false;
    rc = p2m_swap(d, _gfn(gfn), 0, _mfn(gfn), P2M_MMIO, &there);
    return rc == 0 || rc == -EAGAIN; /* another vcpu may have been first */
}

void hwdom_unmap(struct domain *d, uint64_t first, uint64_t last)
{
    for (uint64_t gfn = first; gfn <= last; gfn++) {
        const struct p2m_entry e = p2m_lookup(d, _gfn(gfn));

        if (e.type == P2M_MMIO && p2m_swap(d, _gfn(gfn), 0, INVALID_MFN, P2M_NONE, &e))
            log_warn("dom0: device frame %#lx stays mapped", (unsigned long)gfn);
    }
}
