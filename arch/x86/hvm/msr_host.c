/* SPDX-License-Identifier: GPL-2.0-only */
/* What HVM guests' MSRs do to the machine: all of it, so that the rest runs on the host. */
#include <arch/cpu.h>
#include <arch/msr.h>

#include "cpu_priv.h"

#define PRED_CMD_IBPB 1ULL

int hvm_host_rdmsr(uint32_t msr, uint64_t *val) { return rdmsr_safe(msr, val); }

void hvm_host_tsc_aux(struct vcpu *v)
{
    if (v == current && cpu_features.rdtscp)
        wrmsr(MSR_TSC_AUX, v->arch.hvm->cpu.tsc_aux);
}

void hvm_host_prediction_barrier(void) { wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB); }
