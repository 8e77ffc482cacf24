/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of Hyper-V's interface: public arch-x86/hvm/save.h. What is in the guest's pages is in
 * the guest's memory. SCONTROL, SIEFP and crash parameters have no place in them.
 */
#include <abi.h>
#include <hv/errno.h>
#include <hv/time.h>
#include <xen/hvm/save.h>

#include "viridian_priv.h"

void viridian_save_domain(struct domain *d, struct hvm_viridian_domain_context *r)
{
    const struct viridian_domain *vd = vd_of(d);

    *r = (struct hvm_viridian_domain_context){ .hypercall_gpa = vd->hypercall,
                                               .guest_os_id = vd->os_id,
                                               .time_ref_count = d->vcpu[0] ? viridian_now(d) : 0,
                                               .reference_tsc = vd->reference_tsc };
}

/* Its time goes on when the domain does. */
int viridian_load_domain(struct domain *d, const struct hvm_viridian_domain_context *r)
{
    struct viridian_domain *vd = vd_of(d);

    if (!viridian_features(d))
        return -EOPNOTSUPP;
    vd->hypercall = r->hypercall_gpa;
    vd->os_id = r->guest_os_id;
    spin_lock(&vd->lock);
    vd->reference_tsc = r->reference_tsc;
    vd->count = r->time_ref_count;
    vd->running = false;
    spin_unlock(&vd->lock);
    return 0;
}

void viridian_save_vcpu(const struct vcpu *v, struct hvm_viridian_vcpu_context *r)
{
    const struct viridian_vcpu *vv = vv_of(v);

    *r = (struct hvm_viridian_vcpu_context){ .vp_assist_msr = vv->vp_assist,
                                             .apic_assist_pending = vv->assist_pending,
                                             .simp_msr = vv->simp };
    for (unsigned int i = 0; i < VIRIDIAN_SINTS; i++)
        r->sint_msr[i] = vv->sint[i];
    for (unsigned int i = 0; i < VIRIDIAN_STIMERS; i++) {
        r->stimer_config_msr[i] = vv->stimer[i].config;
        r->stimer_count_msr[i] = vv->stimer[i].count;
    }
}

static bool is_valid(const struct hvm_viridian_vcpu_context *r)
{
    if (r->apic_assist_pending > 1 ||
        (r->apic_assist_pending && !(r->vp_assist_msr & HV_PAGE_ENABLE)))
        return false;
    for (unsigned int i = 0; i < ARRAY_SIZE(r->_pad); i++)
        if (r->_pad[i])
            return false;
    for (unsigned int i = 0; i < VIRIDIAN_SINTS; i++)
        if (r->sint_msr[i] != HV_SINT_MASKED && !viridian_sint_valid(r->sint_msr[i]))
            return false;
    for (unsigned int i = 0; i < VIRIDIAN_STIMERS; i++)
        if (!viridian_stimer_valid(r->stimer_config_msr[i]))
            return false;
    return true;
}

/* Timers start when the vcpu enters its guest. */
int viridian_load_vcpu(struct vcpu *v, const struct hvm_viridian_vcpu_context *r)
{
    struct viridian_vcpu *vv = vv_of(v);

    if (!viridian_features(v->domain))
        return -EOPNOTSUPP;
    if (!is_valid(r))
        return -EINVAL;
    vv->vp_assist = r->vp_assist_msr;
    vv->assist_pending = r->apic_assist_pending;
    vv->simp = r->simp_msr;
    for (unsigned int i = 0; i < VIRIDIAN_SINTS; i++)
        vv->sint[i] = r->sint_msr[i];
    for (unsigned int i = 0; i < VIRIDIAN_STIMERS; i++) {
        timer_stop(&vv->stimer[i].timer);
        vv->stimer[i].started = false;
        vv->stimer[i].config = r->stimer_config_msr[i];
        vv->stimer[i].count = r->stimer_count_msr[i];
    }
    __atomic_store_n(&vv->stimer_pending, 0, __ATOMIC_SEQ_CST);
    vv->thawed = true;
    return 0;
}
