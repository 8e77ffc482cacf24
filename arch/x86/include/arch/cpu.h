/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a cpu finds itself: struct cpu_info at the top of its stack, and the guest's registers in
 * it. Entries from a guest push there (TSS.rsp0 points just above regs.ss); see
 * arch/x86/pv/entry.S.
 *
 * It is a page of its own, the only one of the stack that stays mapped while a guest runs apart
 * (xpti=): calls from entry.S skip ENTRY_PAD, so that no C function ever leaves anything in it.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <abi.h>
#include <arch/insn.h>
#include <arch/layout.h>
#include <hv/types.h>

struct vcpu;

struct cpu_info {
    /*
     * Room for the frame of a fault of IRET below regs; and it puts regs.es, where TSS.rsp0 points,
     * on a 16-byte boundary.
     */
    uint8_t pad[ENTRY_PAD];
    struct cpu_user_regs regs; /* the guest's, while in the hypervisor on its behalf */
    uint32_t cpu;
    /* xpti: this cpu's views of the guest's user and kernel tables can be used (arch/xpti.h) */
    uint8_t view_ok[2];
    struct vcpu *running;      /* read as `current` */
    uint64_t percpu_offset;
    /* xpti: the two views, to be loaded on the way out; 0: the guest runs on its own table */
    uint64_t guest_cr3;
    /*
     * xpti: a view is loaded, or about to be, and this is to be loaded on the way in; 0: nothing to
     * do
     */
    uint64_t hv_cr3;
} __attribute__((aligned(PAGE_SIZE)));
_Static_assert(sizeof(struct cpu_info) == PAGE_SIZE, "the top page of the stack");

static inline struct cpu_info *get_cpu_info(void)
{
    unsigned long sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

#define current (get_cpu_info()->running)
#define smp_processor_id() (get_cpu_info()->cpu)
static inline struct cpu_user_regs *guest_regs(void) { return &get_cpu_info()->regs; }

_Static_assert((sizeof(struct cpu_info) - offsetof(struct cpu_info, regs.es)) % 16 == 0,
               "hardware aligns the stack to 16");

/* CPU features of this machine that we use; set once at boot. */
struct cpu_features {
    bool nx, smep, smap, fsgsbase, pge, page1gb, xsave, xsaveopt, rdtscp, tsc_invariant,
        tsc_deadline, x2apic, svm, vmx, pcid, umip, la57, pku, hypervisor_tcg;
    uint8_t vendor; /* 0 unknown, 1 Intel, 2 AMD, 3 Hygon */
    uint8_t phys_bits;
    uint32_t family, model, stepping;
    uint64_t xcr0; /* what we enable */
    uint32_t xsave_size;
};
extern struct cpu_features cpu_features;

#endif
