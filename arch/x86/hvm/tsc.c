/* SPDX-License-Identifier: GPL-2.0-only */
/* MSRs of an HVM guest's TSC (tsc_mode.c). The guest moves it by writing the TSC or TSC_ADJUST. */
#include <abi.h>
#include <arch/msr.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "cpu_priv.h"

#define F(name) XEN_X86_FEATURE_##name

/* The LAPIC's deadline is a value of the TSC: when it comes has changed with it. */
static int move_tsc(struct vcpu *v, uint64_t by)
{
    uint64_t deadline;

    hvm_cpu_of(v)->tsc_offset += by;
    hvm_ops->update(v);
    if (vlapic_msr_read(v, MSR_TSC_DEADLINE, &deadline) || deadline == 0)
        return 0;
    return vlapic_msr_write(v, MSR_TSC_DEADLINE, deadline) ? -1 : 0;
}

int hvm_read_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_guest_tsc(v);
    return 0;
}

/* Intel SDM vol. 3, "IA32_TSC_ADJUST MSR": what one write adds, the other shows. */
int hvm_write_tsc(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const uint64_t by = val - hvm_guest_tsc(v);

    hvm_cpu_of(v)->tsc_adjust += by;
    return move_tsc(v, by);
}

int hvm_read_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_cpu_of(v)->tsc_adjust;
    return hvm_has(v, F(TSC_ADJUST)) ? 0 : -1;
}

int hvm_write_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t val)
{
    struct hvm_cpu *c = hvm_cpu_of(v);
    const uint64_t by = val - c->tsc_adjust;

    if (!hvm_has(v, F(TSC_ADJUST)))
        return -1;
    c->tsc_adjust = val;
    return move_tsc(v, by);
}

static bool has_tsc_aux(const struct vcpu *v)
{
    return hvm_has(v, F(RDTSCP)) || hvm_has(v, F(RDPID));
}

int hvm_read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_cpu_of(v)->tsc_aux;
    return has_tsc_aux(v) ? 0 : -1;
}

int hvm_write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!has_tsc_aux(v) || val >> 32)
        return -1;
    hvm_cpu_of(v)->tsc_aux = val;
    hvm_host_tsc_aux(v);
    return 0;
}
