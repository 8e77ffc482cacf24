/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC of an HVM vcpu: xAPIC by memory, x2APIC by MSRs. Intel SDM vol. 3 chapter
 * "Advanced Programmable Interrupt Controller (APIC)".
 */
#ifndef ARCH_VLAPIC_H
#define ARCH_VLAPIC_H

#include <abi.h>
#include <arch/vtick.h>
#include <hv/lock.h>
#include <xen/hvm/save.h>

struct domain;
struct vcpu;

#define VLAPIC_BASE 0xfee00000U
#define VLAPIC_REGS 64             /* of 32 bits, 16 bytes apart */
#define VLAPIC_TICK_NS 10          /* the timer's input clock: 100 MHz */

/* Delivery modes of ICR, LVT, IO-APIC entries and MSIs. */
enum lapic_mode {
    LAPIC_FIXED, LAPIC_LOWEST, LAPIC_SMI, LAPIC_RESERVED, LAPIC_NMI, LAPIC_INIT, LAPIC_SIPI,
    LAPIC_EXTINT
};

/* An interrupt message on its way to some LAPICs. */
struct lapic_msg {
    uint32_t dest;
    uint8_t vector, mode; /* mode: enum lapic_mode */
    bool logical, level;
    bool wide;            /* dest has 32 bits (from an x2APIC ICR), not 8 */
};

struct vlapic {
    spinlock_t lock;      /* RANK_VLAPIC: all below; the tick has its own */
    struct vcpu *v;
    uint32_t reg[VLAPIC_REGS];
    uint64_t base_msr, deadline_msr;
    uint32_t esr_pending; /* errors since the guest last wrote ESR */
    ns_t count_from;      /* vtick_now() at the start of the present count; NS_NEVER: stopped */
    bool wait_sipi;       /* INIT came, or an AP at its creation */
    struct vtick tick;
};

void vlapic_init(struct vcpu *v);
void vlapic_exit(struct vcpu *v);
/* as INIT leaves it; the base MSR and the ID stay. No lock held. */
void vlapic_reset(struct vcpu *v);
/* The toolstack, not a SIPI, has started v. */
void vlapic_started(struct vcpu *v);

static inline uint32_t vlapic_id(unsigned int vcpu_id) { return 2 * vcpu_id; }
bool vlapic_hw_enabled(const struct vcpu *v);
bool vlapic_x2apic(const struct vcpu *v);
bool vlapic_enabled(const struct vcpu *v); /* in hardware and in software */

/* Highest vector that v can take now (PPR allows it), or -1; moves it to in-service. */
int vcpu_apic_pending(struct vcpu *v);
void vcpu_apic_ack(struct vcpu *v, unsigned int vector);
/* An EOI of v's, which is current. No lock held. */
void vlapic_eoi(struct vcpu *v);

/* TPR bits 7-4 as CR8. */
unsigned int vlapic_get_cr8(struct vcpu *v);
void vlapic_set_cr8(struct vcpu *v, unsigned int cr8);
unsigned int vlapic_ppr(struct vcpu *v);

/* Are its registers at VLAPIC_BASE (xAPIC mode, enabled)? offset is in the page; size 1 to 8. */
bool vlapic_has_page(const struct vcpu *v);
uint64_t vlapic_mmio_read(struct vcpu *v, unsigned int offset, unsigned int size);
void vlapic_mmio_write(struct vcpu *v, unsigned int offset, unsigned int size, uint64_t val);

/* IA32_APIC_BASE, IA32_TSC_DEADLINE, 0x800-0x8ff. -EINVAL: #GP. -ENOSYS: not one of these. */
int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val) must_check;
int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val) must_check;

/* How many LAPICs took it. No lock of rank VLAPIC held; INIT and SIPI: no lock at all. */
unsigned int vlapic_deliver(struct domain *d, const struct lapic_msg *m);
void vlapic_dump(struct vcpu *v); /* a line for the log */
/*
 * A vector of our own (event channel upcall): edge, fixed. Nobody sends it again, so a LAPIC that
 * is switched off keeps it.
 */
void vlapic_set_vector(struct vcpu *v, unsigned int vector);
/* Does v take the PICs' interrupts: by LINT0 as ExtINT, or having no LAPIC? Lock-free. */
bool vlapic_takes_extint(const struct vcpu *v);
/* The vcpu that m is for; NULL: none, or more than one. Lock-free. */
struct vcpu *vlapic_only(struct domain *d, const struct lapic_msg *m);
/* Would the LAPIC of v be addressed? Lock-free. */
bool vlapic_matches(const struct vcpu *v, uint32_t dest, bool logical, bool wide);

void vlapic_save(struct vcpu *v, struct hvm_hw_lapic *r);
void vlapic_save_regs(struct vcpu *v, struct hvm_hw_lapic_regs *r);
/* -EINVAL: a value that no guest could have set. v does not run. In either order. */
int vlapic_load(struct vcpu *v, const struct hvm_hw_lapic *r) must_check;
int vlapic_load_regs(struct vcpu *v, const struct hvm_hw_lapic_regs *r) must_check;

/* --- implemented by what runs the guest; called with no lock held ----------------------------- */

/* INIT: v leaves the guest and waits; its registers get their values after INIT. */
void hvm_vcpu_reset(struct vcpu *v);
/* SIPI for a v that waits: start it in real mode at vector << 12. */
void hvm_vcpu_sipi(struct vcpu *v, uint8_t vector);
/* What v's RDTSC says now; called with the LAPIC's lock held, takes none. */
uint64_t hvm_guest_tsc(const struct vcpu *v);
uint32_t hvm_guest_tsc_khz(const struct vcpu *v);
/* Do all vcpus see one TSC of one rate, without our help? */
bool hvm_tsc_is_native(const struct domain *d);

#endif
