/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of an HVM or PVH domain, but for its vcpus: policy, physmap, devices, device models. */
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hvm_params.h>
#include <arch/ioreq.h>
#include <arch/policy.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <xen/domctl.h>

/*
 * PVH has a LAPIC alone, HVM all but what only dom0 has: public arch-x86/xen.h,
 * "xen_arch_domainconfig".
 */
static bool flags_are_valid(const struct domain *d, uint32_t flags)
{
    const uint32_t pvh_dom0 = XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC | XEN_X86_EMU_VPCI;
    const uint32_t hvm = XEN_X86_EMU_ALL & ~(uint32_t)(XEN_X86_EMU_VPCI | XEN_X86_EMU_USE_PIRQ);

    if (d->is_hardware)
        return flags == pvh_dom0;
    return flags == XEN_X86_EMU_LAPIC || flags == hvm || flags == (hvm | XEN_X86_EMU_USE_PIRQ);
}

int hvm_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    int rc;

    if (!hvm_available() || !(config->flags & XEN_DOMCTL_CDF_hap))
        return -EOPNOTSUPP;
    if (!flags_are_valid(d, config->arch.emulation_flags) ||
        (config->arch.misc_flags & ~XEN_X86_MSR_RELAXED) || config->max_vcpus > HVM_VCPUS)
        return -EINVAL;
    d->arch.emulation_flags = config->arch.emulation_flags;
    d->arch.msr_relaxed = config->arch.misc_flags & XEN_X86_MSR_RELAXED;
    d->arch.pirq_eoi_mfn = INVALID_MFN;
    spin_init(&d->arch.pt_lock, RANK_PT);
    rc = domain_policy_init(d);
    if (rc)
        return rc;
    d->arch.ioport_caps = rangeset_new();
    rc = d->arch.ioport_caps ? hvm_devices_create(d, config->arch.emulation_flags) : -ENOMEM;
    if (rc)
        goto free_policy;
    spin_init(&d->arch.hvm->debug_lock, RANK_HVM_DEV);
    rc = p2m_create(d);
    if (rc)
        goto free_devices;
    hvm_params_init(d);
    rc = hvm_ioreq_init(d);
    if (rc == 0)
        return 0;
    p2m_destroy(d);
free_devices:
    hvm_devices_destroy(d);
free_policy:
    rangeset_free(d->arch.ioport_caps);
    d->arch.ioport_caps = NULL;
    domain_policy_destroy(d);
    return rc;
}

void hvm_domain_destroy(struct domain *d)
{
    if (!d->arch.policy)
        return; /* never got that far */
    hvm_ioreq_exit(d);
    p2m_destroy(d);
    hvm_devices_destroy(d);
    rangeset_free(d->arch.ioport_caps);
    d->arch.ioport_caps = NULL;
    domain_policy_destroy(d);
}

/* Preemptible. Nothing of d runs; device models let go of its frames when they unmap them. */
int hvm_domain_relinquish(struct domain *d)
{
    int rc;

    hvm_devices_stop(d);
    hvm_ioreq_stop(d);
    rc = p2m_relinquish(d);
    return rc ? rc : pv_release_frames(d);
}
