/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TSC of an HVM domain: the machine's with an offset, scaled where the processor can do that,
 * or computed at each RDTSC (tsc_mode of xl.cfg; XEN_DOMCTL_settscinfo).
 */
#ifndef ARCH_HVM_TSC_H
#define ARCH_HVM_TSC_H

#include <hv/time.h>
#include <hv/types.h>

struct domain;
struct vcpu;
struct vcpu_time_info;
struct xen_domctl_tsc_info;

/* As XEN_DOMCTL_settscinfo has them. */
enum { TSC_DEFAULT, TSC_ALWAYS_EMULATE, TSC_NEVER_EMULATE };

struct hvm_tsc {
    bool emulated;
    uint32_t khz;         /* 0: the machine's */
    uint32_t incarnation; /* of the domain, counted by the toolstack; it is told */
    uint64_t ratio;       /* guest's ticks for one of the machine's, 32.32; 0: one */
    ns_t base;            /* emulated: when it was 0 */
};

/* What a machine can do: tsc_mode.c decides by it, so that the rest runs in host tests. */
struct tsc_machine {
    uint32_t khz;
    bool stable, scales;
};

/* 0, or -EINVAL: no such mode, or a rate above all sense. No vcpu of d runs. */
int hvm_tsc_choose(struct domain *d, const struct xen_domctl_tsc_info *info,
                   const struct tsc_machine *m, ns_t now) must_check;
void hvm_tsc_info(const struct domain *d, struct xen_domctl_tsc_info *info, ns_t now);

/* The guest's TSC when the machine's was host_tsc, and its time now. */
uint64_t hvm_tsc_at(const struct vcpu *v, uint64_t host_tsc, ns_t now);
/* By how much v's is behind, for its ticks' sake (vtick_lag()). */
uint64_t hvm_tsc_lag(const struct vcpu *v);
/* From the machine's terms to the guest's. */
void hvm_tsc_time_info(const struct vcpu *v, struct vcpu_time_info *t);
/* Of current, before it enters: its TSC has the lag that its ticks have. */
void hvm_tsc_follow(struct vcpu *v);

/* vcpu.c */
uint32_t hvm_tsc_khz(const struct domain *d);
int hvm_tsc_set(struct domain *d, const struct xen_domctl_tsc_info *info) must_check;

#endif
