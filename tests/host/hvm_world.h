/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One HVM domain with its devices on one simulated cpu, for tests of the device models: time passes
 * only in hw_run(), and what the devices ask of the rest of the hypervisor is counted.
 */
#ifndef HOST_HVM_WORLD_H
#define HOST_HVM_WORLD_H

#include <arch/hvm.h>
#include <hv/domain.h>

#define HW_VCPUS 8
#define HW_UTC 1000000000 /* seconds at time 0: 2001-09-09 01:46:40, a Sunday */
#define HW_HVM 0x3ffU     /* emulation flags as libxl gives them */
#define HW_PVH 0x001U

extern ns_t hw_now;
extern struct domain *hw_dom;

struct hw_counts {
    unsigned int kicks[HW_VCPUS], resets[HW_VCPUS], sipis[HW_VCPUS];
    uint8_t sipi_vector[HW_VCPUS];
    unsigned int expiries; /* host timer interrupts */
    unsigned int time_updates;
};
extern struct hw_counts hw;
#define HW_MEMORY_AT 0x100000U
#define HW_MEMORY 0x10000U
extern uint8_t hw_memory[HW_MEMORY]; /* what hvm_copy_*_phys() finds there */

void hw_start(unsigned int vcpus, uint32_t emulation);
unsigned int hw_end(void); /* allocations left */
void hw_run(ns_t duration);

/* What a guest does. */
uint8_t hw_in(unsigned int port);
void hw_out(unsigned int port, uint8_t val);
uint32_t hw_in32(unsigned int port);
uint64_t hw_read(uint64_t gpa, unsigned int size);
void hw_write(uint64_t gpa, unsigned int size, uint64_t val);
/* by vcpu v */
uint32_t hw_apic_read(unsigned int v, unsigned int offset);
void hw_apic_write(unsigned int v, unsigned int offset, uint32_t val);
void hw_apic_on(unsigned int v); /* software enable, spurious vector 0xff */
/* The next vector that v takes, -1: none. And with its EOI. */
int hw_take(unsigned int v);
int hw_serve(unsigned int v);
void hw_ioapic(unsigned int pin, uint64_t entry);
uint64_t hw_ioapic_entry(unsigned int pin);
/* A source of a pin that is none of the wires: hvm_gsi_assert(), hvm_gsi_deassert(). */
void hw_gsi(unsigned int gsi, bool up);
/* ICW1-4 as a PC's firmware writes them: vectors 0x20 and 0x28, all masked but `enabled`. */
void hw_pic_start(uint16_t enabled);

/* NULL, or what does not hold though it always should. */
const char *hw_broken(void);

#endif
