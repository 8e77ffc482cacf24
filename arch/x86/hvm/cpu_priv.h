/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID and MSRs of HVM guests: cpuid.c, msr.c, tsc.c, mtrr.c, msr_save.c; and what of it touches
 * the machine (msr_host.c).
 */
#ifndef HVM_CPU_PRIV_H
#define HVM_CPU_PRIV_H

#include <arch/hvm.h>
#include <arch/policy.h>
#include <hv/domain.h>

#define CPUID_BIT(feature) (1U << (XEN_X86_FEATURE_##feature % 32))

static inline struct hvm_cpu *hvm_cpu_of(struct vcpu *v) { return &v->arch.hvm->cpu; }

static inline bool hvm_has(const struct vcpu *v, unsigned int feature)
{
    return cpu_policy_has(v->domain->arch.policy, feature);
}

/* Physical address bits as v's CPUID has them: what its page tables and MTRRs may use. */
unsigned int hvm_phys_bits(const struct vcpu *v);

/* All MTRR MSRs but PAT; v has the feature. 0, or -1: #GP. */
int hvm_mtrr_read(struct vcpu *v, uint32_t msr, uint64_t *val) must_check;
int hvm_mtrr_write(struct vcpu *v, uint32_t msr, uint64_t val) must_check;
bool hvm_pat_valid(uint64_t pat);

/* tsc.c: rows of msr.c's table. */
int hvm_read_tsc(struct vcpu *v, uint32_t msr, uint64_t *val);
int hvm_write_tsc(struct vcpu *v, uint32_t msr, uint64_t val);
int hvm_read_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t *val);
int hvm_write_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t val);
int hvm_read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *val);
int hvm_write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t val);

int hvm_host_rdmsr(uint32_t msr, uint64_t *val); /* 0, or -1: this machine has it not */
void hvm_host_tsc_aux(struct vcpu *v);           /* changed; if v is current, load it */
void hvm_host_prediction_barrier(void);

/* emulate.c: the vcpu's state into e; the exception that e found, to the guest */
void hvm_emul_fill(struct vcpu *v, struct emul *e);
void hvm_emul_fault(struct vcpu *v, const struct emul *e);

#endif
