/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 interval timer of an HVM domain and the speaker port that shows its third channel.
 * Intel 8254 data sheet; the ports as in the PC.
 */
#ifndef ARCH_VPIT_H
#define ARCH_VPIT_H

#include <abi.h>
#include <arch/vtick.h>
#include <xen/hvm/save.h>

#define VPIT_HZ 1193182U

struct vpit {
    spinlock_t lock; /* RANK_HVM_DEV: all below; the tick has its own */
    struct domain *d;
    struct vpit_channel {
        struct hvm_hw_pit_channel hw;
        ns_t from;     /* vtick_now() when the count began; NS_NEVER: no trigger yet */
        uint64_t held; /* clocks counted when the gate closed */
    } ch[3];
    bool speaker_data;
    struct vtick tick; /* channel 0 */
};

void vpit_init(struct vcpu *v); /* of vcpu 0, as the clock is */
void vpit_exit(struct domain *d);
uint8_t vpit_read(struct domain *d, unsigned int port);  /* 0x40-0x43, 0x61 */
void vpit_write(struct domain *d, unsigned int port, uint8_t val);
void vpit_save(struct domain *d, struct hvm_hw_pit *r);
int vpit_load(struct domain *d, const struct hvm_hw_pit *r) must_check;

#endif
