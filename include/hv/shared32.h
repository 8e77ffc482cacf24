/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages that a 32-bit guest shares with us, in its layout (public xen.h, struct shared_info,
 * with a long of 32 bits). vcpu_info has its flags, its time and its size in common with the wide
 * one; what differs is reached through the functions here.
 */
#ifndef HV_SHARED32_H
#define HV_SHARED32_H

#include <hv/domain.h>

struct vcpu_info32 {
    uint8_t evtchn_upcall_pending, evtchn_upcall_mask;
    uint32_t evtchn_pending_sel;
    uint32_t cr2, pad[5];
    uint32_t time[8]; /* struct vcpu_time_info */
};
_Static_assert(sizeof(struct vcpu_info32) == sizeof(struct vcpu_info), "public xen.h");
_Static_assert(offsetof(struct vcpu_info32, time) == offsetof(struct vcpu_info, time),
               "public xen.h");

struct shared_info32 {
    struct vcpu_info32 vcpu_info[XEN_LEGACY_MAX_VCPUS];
    uint32_t evtchn_pending[32], evtchn_mask[32];
    uint32_t wc_version, wc_sec, wc_nsec;
    struct {
        uint32_t max_pfn, pfn_to_mfn_frame_list_list, nmi_reason, p2m_cr3, p2m_vaddr,
            p2m_generation;
        uint32_t wc_sec_hi;
    } arch;
};
_Static_assert(offsetof(struct shared_info32, evtchn_mask) == 0x880 &&
                   offsetof(struct shared_info32, wc_version) == 0x900 &&
                   offsetof(struct shared_info32, arch.wc_sec_hi) == 0x924,
               "public xen.h");

static inline struct shared_info32 *shared_info32(const struct domain *d)
{
    return (struct shared_info32 *)(void *)d->shared_info;
}

static inline uint64_t shared_max_pfn(const struct domain *d)
{
    return domain_is_32bit(d) ? read_once(shared_info32(d)->arch.max_pfn)
                              : read_once(d->shared_info->arch.max_pfn);
}

static inline struct vcpu_info32 *vcpu_info32(const struct vcpu *v)
{
    return (struct vcpu_info32 *)(void *)v->info;
}

#endif
