/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User mode for the tests that need it: go there by iret, come back by whatever trap or system call
 * the code there causes. One file, included by one main.c.
 */
#ifndef USER_H
#define USER_H

#include "guest.h"

#define USER_CS64 0xe033
#define USER_CS32 0xe023
#define USER_SS 0xe02b
#define NO_TRAP 0x999 /* user_trap.vector if it came back by a system call */

static uint64_t user_kernel_stack[512] __attribute__((aligned(16)));
static uint64_t user_stack[512] __attribute__((aligned(16)));
/* not static: they are used inside the assembly */
uint64_t saved_rsp;
struct trap_frame user_trap; /* of the trap that ended it */
extern char user_back[];

/* Run user code until it comes back by a trap or a system call, whose entry jumps to user_back. */
static void __attribute__((noinline)) run_user_at(uint64_t cs, uint64_t rip, uint64_t rsp,
                                                  uint64_t rflags)
{
    uint64_t frame[9] = { 0, 0, 0, 0, rip, cs, rflags, rsp, USER_SS };

    user_trap.vector = NO_TRAP;
    __asm__ volatile("push %%rbp\n push %%rbx\n mov %%rsp, saved_rsp(%%rip)\n"
                     "mov %0, %%rsp\n mov $23, %%eax\n syscall\n ud2\n"
                     ".globl user_back\n"
                     "user_back: mov saved_rsp(%%rip), %%rsp\n pop %%rbx\n pop %%rbp\n"
                     :
                     : "r"(frame)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "memory", "cc");
}

static inline void run_user(uint64_t rip, uint64_t rflags)
{
    run_user_at(USER_CS64, rip, (uint64_t)&user_stack[510], rflags);
}

static bool user_on_trap(struct trap_frame *f)
{
    if ((f->cs & 3) != 3)
        return false;
    user_trap = *f;
    f->rip = (uint64_t)user_back; /* back to the kernel */
    f->cs = 0xe030;
    f->rsp = saved_rsp;
    f->ss = USER_SS;
    return true;
}

/* The kernel's page table is the user's too; all traps out of user mode end it. */
static void user_init(void)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = va_to_mfn((void *)start_info->pt_base)
    };

    CHECK_EQ(hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0,
             "set the user's page table");
    CHECK_EQ(hypercall(__HYPERVISOR_stack_switch, USER_SS, &user_kernel_stack[512]), 0,
             "set the kernel's stack");
    for (int i = 0; i < 256; i++)
        trap_handler[i] = user_on_trap;
}

#endif
