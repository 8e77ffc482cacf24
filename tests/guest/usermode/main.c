/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's user mode: iret into it, traps and system calls out of it, stack switching, what it
 * may not do.
 */
#include "user.h"

const char *test_name = "usermode";

uint64_t syscall_frame[7];

extern char user_ud[], user_syscall[], user_int80[], user_int81[], user_hlt[], user_read[],
    user_cli[], syscall_entry[];

__asm__(".pushsection .text\n"
        "user_ud: ud2\n"
        "user_hlt: hlt\n"
        "user_cli: cli\n"
        "user_int80: int $0x80\n"
        "user_int81: int $0x81\n"
        "user_read: movabs 0x123456789000, %rax\n ud2\n"
        "user_syscall: mov $0x1234, %eax\n mov $0x5678, %edi\n syscall\n after_syscall: ud2\n"
        /* The frame of a syscall: rcx, r11, rip, cs, rflags, rsp, ss. */
        "syscall_entry:\n"
        "  mov %rsp, %rsi\n lea syscall_frame(%rip), %rdi\n mov $7, %ecx\n cld\n rep movsq\n"
        "  jmp user_back\n"
        ".popsection");
extern char after_syscall[];

static void expect(void *rip, uint64_t vector, const char *what)
{
    run_user((uint64_t)rip, 0x202);
    CHECK_EQ(user_trap.vector, vector, what);
}

/*
 * With SMAP on: these read the stack as the guest's, whatever the emulator thinks (QEMU 7.2). A
 * fault ends the test.
 */
static void far_returns(void)
{
    uint64_t cs, ss, sp;
    bool back = false;

    __asm__ volatile("mov %%cs, %0\n push %0\n lea 1f(%%rip), %0\n push %0\n lretq\n"
                     "1: movb $1, %1"
                     : "=&r"(cs), "+m"(back)
                     :
                     : "cc");
    CHECK(back, "a far return in the kernel's ring 3");
    back = false;
    __asm__ volatile("mov %%rsp, %2\n mov %%ss, %1\n push %1\n push %2\n pushfq\n"
                     "mov %%cs, %0\n push %0\n lea 1f(%%rip), %0\n push %0\n iretq\n"
                     "1: movb $1, %3"
                     : "=&r"(cs), "=&r"(ss), "=&r"(sp), "+m"(back)
                     :
                     : "cc");
    CHECK(back, "... and an iretq");
}

void test_main(void)
{
    struct callback_register cb = { .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events,
                                    .address = (unsigned long)syscall_entry };

    far_returns();
    user_init();
    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0,
             "register the syscall entry");

    expect(user_ud, 6, "ud2 in user mode");
    CHECK_EQ(user_trap.rip, (long)user_ud, "... with its rip");
    CHECK_EQ(user_trap.cs & 0xffff, 0xe033, "... and cs with RPL 3");
    CHECK_EQ(user_trap.rsp, (long)&user_stack[510], "... and the user's stack pointer");
    expect(user_hlt, 13, "hlt in user mode raises #GP");
    expect(user_cli, 13, "cli in user mode raises #GP");
    expect(user_read, 14, "reading unmapped memory in user mode");

    trap_dpl[0x80] = 3;
    traps_install();
    expect(user_int80, 0x80, "int $0x80 with a user-level gate");
    CHECK_EQ(user_trap.rip, (long)user_int80 + 2, "... continues behind it");
    expect(user_int81, 13, "int $0x81 with a kernel-level gate raises #GP");

    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    run_user((uint64_t)user_syscall, 0x202);
    CHECK_EQ(syscall_frame[2], (long)after_syscall, "syscall: rip is behind it");
    CHECK_EQ(syscall_frame[0], (long)after_syscall, "syscall: rcx too");
    CHECK_EQ(syscall_frame[3] & 0xffff, 0xe033, "syscall: cs is the user's");
    CHECK_EQ(syscall_frame[5], (long)&user_stack[510], "syscall: rsp is the user's");
    CHECK_EQ(syscall_frame[4] & 0x200, 0x200, "syscall: IF was set");
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 1,
             "syscall: events are masked on entry");
}
