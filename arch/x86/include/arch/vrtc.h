/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MC146818 clock of an HVM domain: its 14 registers. The CMOS memory behind them (the century
 * too) is the device model's, as the save record has no place for it.
 */
#ifndef ARCH_VRTC_H
#define ARCH_VRTC_H

#include <abi.h>
#include <arch/vtick.h>
#include <xen/hvm/save.h>

struct vrtc {
    spinlock_t lock;     /* RANK_HVM_DEV: all below; the ticks have their own */
    struct domain *d;
    uint8_t reg[RTC_CMOS_SIZE];
    uint8_t index;
    int64_t saved_offset; /* rtc_offset of the record that was loaded: kept, not used */
    bool was_set;        /* the guest changed domain.time_offset_secs, not yet asked for */
    int64_t flags_sec;   /* its time when UF and AF were last brought up to date */
    ns_t flags_ns;       /* host time when PF was */
    struct vtick period; /* PF, while PIE asks for it */
    struct vtick second; /* UF and AF, while UIE or AIE asks for it */
};

void vrtc_init(struct vcpu *v); /* of vcpu 0, as the clock is */
void vrtc_exit(struct domain *d);
/* Ports 0x70 and 0x71. False: this is about CMOS memory, which is not ours. */
bool vrtc_read(struct domain *d, unsigned int port, uint8_t *val);
bool vrtc_write(struct domain *d, unsigned int port, uint8_t val);
/*
 * Setting the clock changes domain.time_offset_secs. True once after that, with the new value: the
 * device model wants to know (ioreq TIMEOFFSET).
 */
bool vrtc_was_set(struct domain *d, int64_t *offset_secs);
void vrtc_save(struct domain *d, struct hvm_hw_rtc *r);
int vrtc_load(struct domain *d, const struct hvm_hw_rtc *r) must_check;

#endif
