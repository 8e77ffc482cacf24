/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HPET of an HVM domain: a 64-bit counter of 62.5 MHz and three timers, each periodic or not,
 * with legacy replacement. IA-PC HPET specification 1.0a. No FSB interrupts: the public save
 * record calls them unsupported.
 */
#ifndef ARCH_VHPET_H
#define ARCH_VHPET_H

#include <abi.h>
#include <arch/vtick.h>
#include <xen/hvm/save.h>

#define VHPET_BASE 0xfed00000U
#define VHPET_SIZE 0x400U
#define VHPET_TICK_NS 16

struct vhpet {
    spinlock_t lock;         /* RANK_HVM_DEV: all below; the ticks have their own */
    struct domain *d;
    uint64_t config, isr;
    uint64_t counter;        /* while halted; while running, its value at count_from */
    ns_t count_from;
    struct vhpet_timer {
        uint64_t config, cmp; /* config: what the guest can set */
        uint64_t period;      /* of a periodic one: last value written to cmp */
        uint8_t held_gsi;     /* level: the pin that we assert; 0 none */
        struct vtick tick;
    } timer[HPET_TIMER_NUM];
};

void vhpet_init(struct vcpu *v); /* of vcpu 0, as the clock is */
void vhpet_exit(struct domain *d);
uint64_t vhpet_read(struct domain *d, unsigned int offset, unsigned int size);
void vhpet_write(struct domain *d, unsigned int offset, unsigned int size, uint64_t val);
/* Legacy replacement: the PIT and the RTC are cut off from their lines. */
bool vhpet_is_legacy(const struct domain *d);
void vhpet_save(struct domain *d, struct hvm_hw_hpet *r);
int vhpet_load(struct domain *d, const struct hvm_hw_hpet *r) must_check;

#endif
