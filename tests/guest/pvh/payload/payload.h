/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the PVH guest's kernel share. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "mailbox.h"

#include <stdbool.h>
#include <stddef.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define PAGE 4096UL
#define HOLE 0xd0000000UL /* guest physical: nothing is there */

extern struct mailbox mailbox;

void note(const char *what, int64_t got, int64_t want);
#define CHECK_EQ(got, want, what) note((what), (int64_t)(got), (int64_t)(want))
#define CHECK(cond, what) note((what), !!(cond), 1)

extern volatile uint64_t skip_to; /* where an expected exception goes on; 0: none expected */

void start_ap_for(void (*fn)(void)); /* start the other processor, to run this */
void start_ap_again(void (*fn)(void)); /* ... whatever it is doing */
void load_traps(void);
void hostile(void);
uint64_t all_msrs(void); /* of hostile guests; how many are there */
void apic_storm(void);
uint64_t rnd(void);
void rnd_from(uint64_t seed);
void many(void);
void vectors(void);
void bench(void);
void pages(void) __attribute__((noreturn));
void pci(void);
void viridian(void);
void own_tsc(void);
uint32_t taken(unsigned int vector); /* interrupts */
bool wait_taken(unsigned int vector, uint32_t n);
void paging(void);
void five_levels(void);
/* The exception that each raises, -1: none; and its error code. */
int vector_of_wrmsr(uint32_t msr, uint64_t val);
int vector_of_read(uint64_t address);
int vector_of_write(uint64_t address);
int vector_of_cr4(uint64_t val);
uint64_t fault_error(void);
extern volatile uint32_t *eoi_assist; /* Hyper-V's page: an EOI may be left out */
extern volatile uint32_t eois_left_out;
extern volatile unsigned int no_eoi_vector; /* one that wants none */
extern bool x2apic; /* the local APIC's mode, for the end of interrupts */
void hvm(void);
void hvm_hostile(void);
void hvm_tables(void);
void hvm_bench(void);
void hvm_ask(void) __attribute__((noreturn));
void hvm_stuck(void) __attribute__((noreturn));
/* The other processor changes what this one runs, which is about the device. False: it does not. */
bool changing_code_at(uint64_t device, unsigned int times);
/* modes.S: to real mode and back through every mode; what it found is in modes_* */
void modes_round(void);
void modes_random(uint32_t cr0, uint32_t cr4, uint32_t efer, uint32_t cr3);
/* Let others run until it is n. */
bool yield_until(volatile uint32_t *what, uint32_t n, uint64_t cycles);
/* Wait with interrupts on until the counter is so high. */
bool wait_for(volatile uint32_t *what, uint32_t n);

extern volatile uint32_t count[256]; /* of each vector */
extern volatile uint64_t last_error, last_cr2;
extern void (*volatile trap_hook)(unsigned int vector);

/* The vector that an instruction raises, -1: none. */
#define VECTOR_OF(code)                                                                           \
    ({                                                                                            \
        uint32_t before_[20];                                                                     \
        int v_ = -1;                                                                              \
                                                                                                  \
        for (unsigned int i_ = 0; i_ < 20; i_++)                                                  \
            before_[i_] = count[i_];                                                              \
        __asm__ volatile("lea 1f(%%rip), %%r11\n\tmov %%r11, %0\n\t" code "\n1:\n\tmovq $0, %0"   \
                         : "+m"(skip_to) : : "rax", "rcx", "rdx", "r11", "memory");               \
        for (int i_ = 0; i_ < 20; i_++)                                                           \
            if (count[i_] != before_[i_])                                                         \
                v_ = i_;                                                                          \
        v_;                                                                                       \
    })

static inline volatile uint32_t *lapic(unsigned int reg)
{
    return (volatile uint32_t *)(0xfee00000UL + reg);
}

static inline void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                     : "0"(leaf), "2"(sub));
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static inline long vmmcall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    long ret;

    __asm__ volatile("vmmcall" : "=a"(ret), "+D"(a), "+S"(b), "+d"(c) : "0"(nr)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    return ret;
}
#define CALL(nr, a, b, c) vmmcall(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c))

#endif
