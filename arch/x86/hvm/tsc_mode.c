/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How an HVM domain's TSC is made (arch/hvm_tsc.h), and what it shows. Pure, but for the last
 * function.
 *
 * Under delay_for_missed_ticks a vcpu's TSC stands where it was preempted and steps with its ticks:
 * it lags by vtick_lag(). Where the guest reads it without an exit, the lag is in the offset that
 * the processor adds, which is set before each entry.
 */
#include <abi.h>
#include <arch/hvm.h>
#include <arch/timescale.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/time.h>
#include <xen/domctl.h>

#define RATIO_ONE_SHIFT 32
#define HZ_PER_KHZ 1000ULL
#define KHZ_MAX 60000000U /* tick_factor()'s limit */

static const struct hvm_tsc *tsc_of(const struct domain *d) { return &d->arch.hvm->tsc; }

/* The toolstack may have said anything. */
static ns_t since(const struct hvm_tsc *t, ns_t now)
{
    return (ns_t)((uint64_t)now - (uint64_t)t->base);
}

static uint64_t ticks_in(const struct domain *d, ns_t ns)
{
    return ticks_in_ns(tick_factor(hvm_tsc_khz(d) * HZ_PER_KHZ), (uint64_t)MAX(ns, 0));
}

uint64_t hvm_tsc_lag(const struct vcpu *v)
{
    const ns_t lag = vtick_lag(v);

    return likely(lag == 0) ? 0 : ticks_in(v->domain, lag);
}

uint64_t hvm_tsc_at(const struct vcpu *v, uint64_t host_tsc, ns_t now)
{
    const struct hvm_tsc *t = tsc_of(v->domain);
    uint64_t ticks = host_tsc;

    if (unlikely(t->emulated))
        ticks = ticks_in(v->domain, since(t, now));
    else if (unlikely(t->ratio))
        ticks = (uint64_t)((unsigned __int128)host_tsc * t->ratio >> RATIO_ONE_SHIFT);
    return ticks - hvm_tsc_lag(v) + v->arch.hvm->cpu.tsc_offset;
}

/* --- modes ------------------------------------------------------------------------------------ */

/*
 * By default the machine's is good enough when it is one clock, and of the rate that the guest
 * knows; never_emulate takes it in any case.
 */
int hvm_tsc_choose(struct domain *d, const struct xen_domctl_tsc_info *info,
                   const struct tsc_machine *m, ns_t now)
{
    struct hvm_tsc *t = &d->arch.hvm->tsc;
    uint32_t khz = info->gtsc_khz ? info->gtsc_khz : m->khz;
    bool emulated = info->tsc_mode == TSC_ALWAYS_EMULATE;

    if (info->tsc_mode > TSC_NEVER_EMULATE || khz > KHZ_MAX)
        return -EINVAL;
    if (info->tsc_mode == TSC_NEVER_EMULATE)
        khz = m->khz;
    else if (!m->stable || (khz != m->khz && !m->scales))
        emulated = true;
    d->tsc_mode = (uint8_t)info->tsc_mode;
    *t = (struct hvm_tsc){
        .emulated = emulated,
        .khz = khz,
        .incarnation = info->incarnation,
        .ratio = emulated || khz == m->khz ? 0 : ((uint64_t)khz << RATIO_ONE_SHIFT) / m->khz,
        .base = (ns_t)((uint64_t)now - info->elapsed_nsec),
    };
    return 0;
}

void hvm_tsc_info(const struct domain *d, struct xen_domctl_tsc_info *info, ns_t now)
{
    const struct hvm_tsc *t = tsc_of(d);

    *info = (struct xen_domctl_tsc_info){
        .tsc_mode = d->tsc_mode,
        .gtsc_khz = d->tsc_mode == TSC_NEVER_EMULATE ? 0 : hvm_tsc_khz(d),
        .incarnation = t->incarnation,
        .elapsed_nsec = d->tsc_mode == TSC_NEVER_EMULATE ? 0 : (uint64_t)since(t, now),
    };
}

/* --- what follows from it --------------------------------------------------------------------- */

/* System time is the same for all; the guest gets it from its own TSC. */
void hvm_tsc_time_info(const struct vcpu *v, struct vcpu_time_info *t)
{
    const struct hvm_tsc *tsc = tsc_of(v->domain);

    t->tsc_timestamp = hvm_tsc_at(v, t->tsc_timestamp, (ns_t)t->system_time);
    if (tsc->emulated || tsc->ratio) {
        const struct timescale s = timescale_from_hz(hvm_tsc_khz(v->domain) * HZ_PER_KHZ);

        t->tsc_to_system_mul = s.mul;
        t->tsc_shift = s.shift;
    }
}

void hvm_tsc_follow(struct vcpu *v)
{
    const uint64_t lag = hvm_tsc_lag(v);

    if (likely(lag == v->arch.hvm->tsc_lag))
        return;
    v->arch.hvm->tsc_lag = lag;
    hvm_ops->update(v);
    time_update_vcpu(v);
}
