/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of Hyper-V's interface: MSR numbers (TLFS, appendix "Register table"). */
#ifndef VIRIDIAN_PRIV_H
#define VIRIDIAN_PRIV_H

#include <abi.h>
#include <arch/hvm.h>
#include <arch/viridian.h>
#include <hv/domain.h>
#include <hv/page.h>

enum {
    HV_GUEST_OS_ID = 0x40000000, HV_HYPERCALL = 0x40000001, HV_VP_INDEX = 0x40000002,
    HV_TIME_REF_COUNT = 0x40000020, HV_REFERENCE_TSC = 0x40000021, HV_TSC_FREQUENCY = 0x40000022,
    HV_APIC_FREQUENCY = 0x40000023, HV_EOI = 0x40000070, HV_ICR = 0x40000071, HV_TPR = 0x40000072,
    HV_VP_ASSIST = 0x40000073, HV_SCONTROL = 0x40000080, HV_SVERSION = 0x40000081,
    HV_SIEFP = 0x40000082, HV_SIMP = 0x40000083, HV_EOM = 0x40000084, HV_SINT0 = 0x40000090,
    HV_SINT15 = 0x4000009f, HV_STIMER0_CONFIG = 0x400000b0, HV_STIMER3_COUNT = 0x400000b7,
    HV_CRASH_P0 = 0x40000100, HV_CRASH_P4 = 0x40000104, HV_CRASH_CTL = 0x40000105
};

#define HV_SINT_MASKED BIT(16)
#define HV_PAGE_ENABLE BIT(0) /* of the MSRs that say where a page is */

static inline uint64_t hv_page_gpa(uint64_t msr) { return msr & ~PAGE_OFFSET_MASK; }

static inline struct viridian_domain *vd_of(const struct domain *d)
{
    return &d->arch.hvm->viridian;
}

static inline struct viridian_vcpu *vv_of(const struct vcpu *v) { return &v->arch.hvm->viridian; }

/* viridian_time.c */
uint64_t viridian_now(struct domain *d); /* reference time, in units of 100 ns */
void viridian_reference_tsc_write(struct domain *d, uint64_t val);
uint64_t viridian_stimer_read(const struct vcpu *v, unsigned int reg);
void viridian_stimer_write(struct vcpu *v, unsigned int reg, uint64_t val);
bool viridian_stimer_valid(uint64_t config);

/* viridian_synic.c */
int viridian_sint_write(struct vcpu *v, unsigned int nr, uint64_t val) must_check;
bool viridian_sint_valid(uint64_t val);
/* False: the message slot is not free, or there is none. */
bool viridian_timer_message(struct vcpu *v, unsigned int sint, unsigned int timer,
                            uint64_t expiration);

#endif
