/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of SVM. */
#ifndef SVM_PRIV_H
#define SVM_PRIV_H

#include <arch/hvm.h>
#include <arch/svm.h>
#include <hv/domain.h>
#include <hv/percpu.h>
#include <lib/string.h>

extern void *svm_iopm, *svm_msrpm;
extern const struct hvm_ops svm_ops;
DECLARE_PER_CPU(paddr_t, svm_host_vmcb);

static inline void vmload(paddr_t vmcb) { __asm__ volatile("vmload %0" ::"a"(vmcb) : "memory"); }
static inline void vmsave(paddr_t vmcb) { __asm__ volatile("vmsave %0" ::"a"(vmcb) : "memory"); }
static inline void stgi(void) { __asm__ volatile("stgi" ::: "memory"); }
static inline void clgi(void) { __asm__ volatile("clgi" ::: "memory"); }

static inline struct vmcb *vmcb_of(const struct vcpu *v) { return v->arch.hvm->svm->vmcb; }

bool svm_scales_tsc(void);
void svm_load_tsc_ratio(uint64_t ratio); /* 32.32; 0: one. This cpu's guests have it */
void svm_assign_asid(struct svm_vcpu *s);
/* The vector of an interrupt that was to be delivered by V_IRQ, and was not; -1: none. */
int svm_virtual_int_left(struct svm_vcpu *s);

#endif
