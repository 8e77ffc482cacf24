/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an HVM (or PVH) domain and its vcpus have beyond others: the devices that the hypervisor
 * shows them. One allocation each, made with the domain or vcpu and freed with it.
 */
#ifndef ARCH_HVM_H
#define ARCH_HVM_H

#include <arch/hvm_cpu.h>
#include <arch/hvm_irq.h>
#include <arch/p2m.h>
#include <arch/vhpet.h>
#include <arch/vlapic.h>
#include <arch/vpit.h>
#include <arch/vpm.h>
#include <arch/vrtc.h>

struct svm_vcpu;
struct hvm_ioreq_domain;
struct hvm_ioreq_vcpu;

struct hvm_domain {
    struct p2m p2m;
    uint64_t param[HVM_NR_PARAMS]; /* HVM_PARAM_* as set (params.c) */
    struct hvm_ioreq_domain *ioreq; /* ioreq.c */
    uint32_t emulation;      /* XEN_X86_EMU_*: which of these it has */
    uint8_t timer_mode;      /* HVMPTM_* */
    bool align_ticks;        /* HVM_PARAM_VPT_ALIGN */
    bool hpet_enabled;       /* HVM_PARAM_HPET_ENABLED */
    uint32_t lowest_next;    /* lowest priority: who is asked first among equals */
    struct hvm_irq irq;
    struct vpit pit;
    struct vrtc rtc;
    struct vhpet hpet;
    struct vpm pm;
};

struct hvm_vcpu {
    struct hvm_cpu cpu;
    struct svm_vcpu *svm;    /* the extension's */
    struct hvm_ioreq_vcpu *ioreq;
    struct emul emul;        /* of an instruction that waits for an answer, too */
    struct vlapic lapic;
    uint8_t upcall_vector;   /* HVMOP_set_evtchn_upcall_vector; 0 none */
    ns_t lag;                /* vtick_now() is behind by this; delay_for_missed_ticks only */
    ns_t left_at;            /* vtick_now() at its preemption */
};

/* Before the first vcpu; -ENOMEM, -EINVAL for flags that nothing implements. */
int hvm_devices_create(struct domain *d, uint32_t emulation_flags) must_check;
void hvm_devices_destroy(struct domain *d); /* after its vcpus' */
int hvm_vcpu_devices_create(struct vcpu *v) must_check;
void hvm_vcpu_devices_destroy(struct vcpu *v);
/* Nothing goes off any more, e.g. before the domain is taken apart. Waits; no lock held. */
void hvm_devices_stop(struct domain *d);

/*
 * An access of v's to a port or an address: true if one of these devices answered. Otherwise it
 * is for a device model. Size 1, 2 or 4; memory also 8.
 */
bool hvm_port_io(struct vcpu *v, unsigned int port, unsigned int size, bool write, uint32_t *val);
bool hvm_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val);

/* HVM_PARAM_TIMER_MODE, before any timer runs: 0 to 3, else -EINVAL. */
int hvm_timer_mode_set(struct domain *d, uint64_t mode) must_check;

#endif
