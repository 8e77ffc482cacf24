/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of an HVM domain's ACPI hardware that is in the hypervisor: the PM1a event registers
 * (with the buttons) and the PM timer. PM1a control and GPE0 are the device model's.
 */
#ifndef ARCH_VPM_H
#define ARCH_VPM_H

#include <abi.h>
#include <arch/vtick.h>
#include <xen/hvm/save.h>

#define VPM_HZ 3579545U

struct vpm {
    spinlock_t lock; /* RANK_HVM_DEV: all below; the tick has its own */
    struct domain *d;
    uint16_t sts, en;
    uint16_t port;      /* of the event block; the timer is 8 above */
    uint32_t base;      /* timer value at base_ns */
    ns_t base_ns;       /* vtick_now() */
    uint64_t halves;    /* changes of its top bit that TMR_STS has been told of */
    bool sci;           /* we hold the line up */
    struct vtick tick;  /* the timer's top bit changes, while the guest wants to know */
};

void vpm_init(struct vcpu *v); /* of vcpu 0, as the clock is */
void vpm_exit(struct domain *d);
/* HVM_PARAM_ACPI_IOPORTS_LOCATION: 0 or 1, else -EINVAL */
int vpm_set_location(struct domain *d, uint64_t version) must_check;
/* Ports of the event block and the timer only; false for others. size 1, 2 or 4 */
bool vpm_has_port(struct domain *d, unsigned int port);
bool vpm_io(struct domain *d, unsigned int port, unsigned int size, bool write, uint32_t *val);
void vpm_power_button(struct domain *d);
void vpm_sleep_button(struct domain *d);
void vpm_save(struct domain *d, struct hvm_hw_pmtimer *r);
int vpm_load(struct domain *d, const struct hvm_hw_pmtimer *r) must_check;

#endif
