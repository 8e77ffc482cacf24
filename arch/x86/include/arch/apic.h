/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC: xAPIC (memory-mapped) or x2APIC (MSRs) behind one set of functions. Intel SDM
 * vol. 3, "Advanced Programmable Interrupt Controller (APIC)"; AMD APM vol. 2, same chapter.
 * Destination mode is physical everywhere.
 */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include <hv/cpumask.h>
#include <hv/time.h>
#include <hv/types.h>

/* Vectors. 0x00-0x1f are exceptions; 0x20-0x2f catch spurious interrupts of a badly masked 8259. */
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST 0xef
#define VECTOR_SERVE 0xfc /* another cpu wants us to look at our mailbox and softirqs */
#define VECTOR_TIMER 0xfd
#define VECTOR_ERROR 0xfe
#define VECTOR_SPURIOUS 0xff

/* Registers, as xAPIC offsets; x2APIC MSR 0x800 + offset / 16. */
#define APIC_ID 0x020
#define APIC_VERSION 0x030
#define APIC_TPR 0x080
#define APIC_EOI 0x0b0
#define APIC_SVR 0x0f0
#define APIC_ISR 0x100
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310 /* xAPIC only */
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PMC 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define LVT_MASKED (1U << 16)
#define LVT_NMI (4U << 8)
#define LVT_TIMER_TSC_DEADLINE (2U << 17)
#define TIMER_DIVIDE_1 0xbU

#define ICR_NMI (4U << 8)
#define ICR_INIT (5U << 8)
#define ICR_STARTUP (6U << 8)
#define ICR_PENDING (1U << 12)
#define ICR_ASSERT (1U << 14)
#define ICR_SELF (1U << 18)
#define ICR_ALL_BUT_SELF (3U << 18)

struct apic_ops {
    const char *name;
    uint32_t (*read)(unsigned int reg);
    void (*write)(unsigned int reg, uint32_t value);
    void (*command)(uint32_t low, uint32_t dest); /* the ICR */
    uint32_t (*id)(void);
};
extern const struct apic_ops *apic;

/* silence the 8259s, choose the driver, map the registers; needs cpu_features and hv_ioremap() */
void apic_init_boot(void);
void apic_init_cpu(void);  /* on each cpu, the boot cpu included: enable, local vectors */
void apic_eoi(void);
bool apic_is_in_service(uint8_t vector);
/*
 * INIT then STARTUP to the cpu with this APIC id, which starts in real mode at page << 12. Not
 * waited for.
 */
void apic_start_cpu(uint32_t apic_id, uint8_t page);
void apic_restart_cpu(uint32_t apic_id, uint8_t page); /* a second STARTUP */
bool apic_is_x2(void);
void apic_send_nmi_others(void); /* stop everybody, on the way to a panic */
void apic_interrupt_error(void);

/*
 * Timer: ticks per second of the LAPIC timer (measured by time.c); 0 when the TSC deadline is used.
 */
void apic_timer_init(uint64_t ticks_per_sec);
void apic_timer_init_cpu(void);

#endif
