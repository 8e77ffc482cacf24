/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an HVM (or PVH) domain and its vcpus have beyond others: the devices that the hypervisor
 * shows them. One allocation each, made with the domain or vcpu and freed with it.
 */
#ifndef ARCH_HVM_H
#define ARCH_HVM_H

#include <arch/hvm_cpu.h>
#include <arch/hvm_irq.h>
#include <arch/hvm_tsc.h>
#include <arch/p2m.h>
#include <arch/vhpet.h>
#include <arch/viridian.h>
#include <arch/vlapic.h>
#include <arch/vpit.h>
#include <arch/vpm.h>
#include <arch/vrtc.h>

enum { HVM_IO_NONE, HVM_IO_SENT, HVM_IO_ANSWERED };

struct svm_vcpu;
struct hvm_ioreq_domain;
struct hvm_ioreq_vcpu;

struct hvm_domain {
    struct p2m p2m;
    spinlock_t debug_lock;   /* RANK_HVM_DEV: the two below */
    char debug_line[80];     /* what came through port 0xe9 and has no end yet */
    unsigned int debug_length;
    uint64_t param[HVM_NR_PARAMS]; /* HVM_PARAM_* as set (params.c) */
    struct hvm_ioreq_domain *ioreq; /* ioreq.c */
    uint32_t emulation;      /* XEN_X86_EMU_*: which of these it has */
    uint8_t timer_mode;      /* HVMPTM_* */
    bool mapcache_stale;     /* a gfn went elsewhere: device models are to be told. Atomic */
    bool align_ticks;        /* HVM_PARAM_VPT_ALIGN */
    bool hpet_enabled;       /* HVM_PARAM_HPET_ENABLED */
    uint32_t lowest_next;    /* lowest priority: who is asked first among equals */
    struct hvm_irq irq;
    struct hvm_pt *pt;       /* devices of the machine that it has; NULL: none (hvm_pt.h) */
    struct vpit pit;
    struct vrtc rtc;
    struct vhpet hpet;
    struct vpm pm;
    struct hvm_tsc tsc;
    struct viridian_domain viridian;
};

struct hvm_vcpu {
    struct hvm_cpu cpu;
    struct svm_vcpu *svm;    /* the extension's */
    struct hvm_ioreq_vcpu *ioreq;
    struct hvm_io {
        uint8_t state;       /* HVM_IO_* */
        bool emulating;      /* the emulator waits for the answer; else an IN of in_size bytes */
        uint8_t in_size;     /* 0: an OUT */
        bool block;          /* many elements were asked for: hvm_port_block(), hvm_copy_block() */
        bool fills;          /* ... and the device model writes them to RAM, in the page at ram */
        uint8_t done;        /* bytes of a memory access in parts that have their answers */
        uint8_t wide[32];    /* ... what was read there */
        uint64_t data, ram;
    } io;
    bool halted;             /* behind a HLT, which nothing has ended yet */
    bool init_pending;       /* INIT (and then SIPI) came: it takes its state before it enters */
    uint32_t sipi;           /* vector; above 0xff: none yet */
    struct emul emul;        /* of an instruction that waits for an answer, too */
    struct vlapic lapic;
    uint8_t upcall_vector;   /* HVMOP_set_evtchn_upcall_vector; 0 none */
    ns_t lag;                /* vtick_now() is behind by this; delay_for_missed_ticks only */
    ns_t left_at;            /* vtick_now() at its preemption */
    uint64_t tsc_lag;        /* hvm_tsc_lag(), as the processor has it in its offset */
    struct viridian_vcpu viridian;
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
bool hvm_port_is_ours(struct vcpu *v, unsigned int port);
bool hvm_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val);
/* One of the hypervisor's devices is in the page. */
bool hvm_mmio_is_ours(struct vcpu *v, uint64_t gpa);

/* HVM_PARAM_TIMER_MODE, before any timer runs: 0 to 3, else -EINVAL. */
int hvm_timer_mode_set(struct domain *d, uint64_t mode) must_check;

/* --- life (domain.c, vcpu.c): as the functions arch_*() of hv/domain.h say -------------------- */

struct xen_domctl_createdomain;
#define HVM_VCPUS 256U /* of a domain: as far as tests go; with device models IOREQ_VCPUS */
int hvm_domain_create(struct domain *d, const struct xen_domctl_createdomain *config) must_check;
void hvm_domain_destroy(struct domain *d);
int hvm_domain_relinquish(struct domain *d) must_check;
int hvm_vcpu_create(struct vcpu *v) must_check;
void hvm_vcpu_destroy(struct vcpu *v);
/* Nothing that these vcpus' TLBs hold may be used any more; a bit each, HVM_VCPUS of them. */
void hvm_flush_vcpus(struct domain *d, const uint64_t *vcpus);
void hvm_vcpu_forget(struct vcpu *v);
int hvm_vcpu_initialise(struct vcpu *v, uint64_t arg) must_check;
/* dom0's first vcpu: at its kernel's PVH entry. */
void hvm_vcpu_start_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);
/* Of current, before it enters: an INIT that came. False: it must not, as it waits for a SIPI. */
bool hvm_vcpu_apply_init(struct vcpu *v);
void hvm_emulate_init(struct vcpu *v);

/* Hypercalls (hypercall.c). */
void hvm_fill_hypercall_page(void *page);
/* MSR 0x40000000 of CPUID leaf 0x40000002. 0, or -1: #GP. */
int hvm_hypercall_page_msr(struct vcpu *v, uint64_t val) must_check;
void hvm_hypercall_rewind(struct vcpu *v, unsigned int nr_args, const uint64_t arg[]);

/* --- between the extension and the rest (arch/x86/hvm) ---------------------------------------- */

/*
 * Before each entry of current: softirqs, answers of device models, events. May switch away and not
 * return.
 */
void hvm_entry_work(struct vcpu *v);

void hvm_inject_pending(struct vcpu *v); /* inject.c: part of it */

/*
 * Past an instruction that was done for the guest; ends the interrupt shadow, takes a trap by TF.
 */
void hvm_advance(struct vcpu *v, unsigned int length);
/* Of the instruction at RIP, if it is that one; else an exception is injected, and 0. */
unsigned int hvm_insn_length(struct vcpu *v, unsigned int map, uint8_t opcode);
/* The same for one that can switch tasks. */
unsigned int hvm_task_insn_length(struct vcpu *v);
struct emul_task;
void hvm_task_switch(struct vcpu *v, struct emul_task *t);
enum insn_mode hvm_insn_mode(struct vcpu *v);
/* Do the instruction at RIP by the emulator. */
void hvm_emulate(struct vcpu *v);
void hvm_hlt(struct vcpu *v);
int hvm_xsetbv(struct vcpu *v, uint32_t reg, uint64_t val) must_check; /* 0, or -1: #GP */
void hvm_triple_fault(struct vcpu *v);
/* IN or OUT with a register, which is behind us already. */
void hvm_port_exit(struct vcpu *v, uint16_t port, unsigned int size, bool write);
/* An access that the physmap does not allow; table: made by the walk of the guest's tables. */
void hvm_nested_fault(struct vcpu *v, uint64_t gpa, bool write, bool table);
/* False: it is to be made again, with arguments that have changed. */
bool hvm_hypercall(struct vcpu *v);

#endif
