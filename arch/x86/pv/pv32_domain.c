/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a 32-bit PV domain has that others have not: an L4 for each vcpu, ours, with the guest's
 * three-level table in slot 0, and the 32-bit M2P.
 *
 * The guest knows nothing of the L4. It is written while its vcpu runs nowhere, or by itself, which
 * then loads cr3.
 */
#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/pv.h>
#include <arch/pv32.h>
#include <arch/pv_mmu.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/time.h>

paddr_t pv32_show_l3(struct vcpu *v, mfn_t l3)
{
    const uint64_t flags = PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED;

    write_once(v->arch.pv32_l4[0].v, mfn_eq(l3, INVALID_MFN) ? 0 : pte_make(l3, flags).v);
    return direct_pa(v->arch.pv32_l4);
}

void pv32_reset(struct vcpu *v)
{
    v->arch.regs.cs = PV32_RING1_CS;
    v->arch.regs.ss = PV32_RING1_DS;
    (void)pv32_show_l3(v, INVALID_MFN);
}

int pv32_vcpu_create(struct vcpu *v)
{
    v->arch.pv32_l4 = hv_page_alloc(0);
    if (!v->arch.pv32_l4)
        return -ENOMEM;
    pv_init_l4_slots(v->domain, v->arch.pv32_l4);
    pv32_reset(v);
    return 0;
}

void pv32_vcpu_destroy(struct vcpu *v)
{
    if (v->arch.pv32_l4)
        hv_page_free(v->arch.pv32_l4, 0);
    v->arch.pv32_l4 = NULL;
}

static bool is_untouched(const struct domain *d)
{
    struct vcpu *v;

    if (d->tot_pages > 0 || d->creation_finished)
        return false;
    for_each_vcpu (d, v)
        if (v->is_initialised)
            return false;
    return true;
}

static int make_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        if (!v->arch.pv32_l4 && pv32_vcpu_create(v))
            return -ENOMEM; /* what is made stays with its vcpu, for another attempt */
    return 0;
}

int pv32_set_32bit(struct domain *d)
{
    int rc;

    if (domain_is_32bit(d))
        return 0;
    if (!is_untouched(d))
        return -EACCES;
    rc = pv32_m2p_init();
    if (rc == 0)
        rc = make_vcpus(d);
    if (rc)
        return rc;
    /*
     * Code that cannot name an address of ours cannot look at it either, whatever the cpu would
     * let it see (docs/memory.md, "Separation").
     */
    d->arch.xpti = false;
    evtchn_set_32bit(d);
    time_update_wallclock(d);
    return 0;
}
