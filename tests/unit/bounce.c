/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounce frames, word by word as public arch-x86/xen.h and the guests' entry code have them: every
 * combination of mode, error code, upcall mask and failsafe.
 */
#include "check.h"

#include <arch/layout.h>
#include <arch/regs.h>

#include "pv/bounce32.h"

static struct cpu_user_regs sample(bool kernel)
{
    return (struct cpu_user_regs){
        .rip = 0xffffffff81000123, .rsp = kernel ? 0xffffc90000003f5c : 0x7ffd12345678,
        .rcx = 0xc0c0, .r11 = 0x1111,
        .rflags = 0x246 | X86_EFLAGS_AC | X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF,
        .cs = FLAT_CS64, .ss = FLAT_DS,
        .entry_vector = 13,
    };
}

static void check_case(bool kernel, bool masked, bool error, bool failsafe)
{
    struct cpu_user_regs r = sample(kernel);
    const struct cpu_user_regs before = r;
    const struct bounce b = { .address = 0xffffffff81800000, .error_code = 0x1234,
                              .has_error = error, .failsafe = failsafe,
                              .ds = 1, .es = 2, .fs = 3, .gs = 4 };
    const struct bounce_state s = {
        .in_kernel = kernel, .events_masked = masked, .kernel_sp = 0xffffc9000000400f
    };
    uint64_t f[BOUNCE_WORDS], sp, *p = f;
    unsigned int n = bounce_build(&r, &b, &s, f, &sp);

    CHECK_EQ(n, 7 + error + (failsafe ? 4 : 0));
    CHECK_EQ(*p++, before.rcx);
    CHECK_EQ(*p++, before.r11);
    if (failsafe)
        for (uint64_t i = 1; i <= 4; i++)
            CHECK_EQ(*p++, i);
    if (error)
        CHECK_EQ(*p++, 0x1234);
    CHECK_EQ(*p++, before.rip);
    CHECK_EQ(*p & 0xffffffff, kernel ? 0xe030 : 0xe033);
    CHECK_EQ(*p++ >> 32, masked);
    CHECK_EQ(*p & X86_EFLAGS_IF, masked ? 0 : X86_EFLAGS_IF);
    CHECK_EQ(*p++ & ~X86_EFLAGS_IF, before.rflags & ~X86_EFLAGS_IF);
    CHECK_EQ(*p++, before.rsp);
    CHECK_EQ(*p++, FLAT_DS);
    CHECK_EQ(sp, ((kernel ? before.rsp : s.kernel_sp) & ~15ULL) - n * 8);

    bounce_enter(&r, &b, sp);
    CHECK_EQ(r.rip, b.address);
    CHECK_EQ(r.rsp, sp);
    CHECK_EQ(r.cs, FLAT_CS64);
    CHECK_EQ(r.ss, FLAT_DS);
    CHECK_EQ(r.rflags, 0x246);
    CHECK_EQ(r.rcx, before.rcx);
    CHECK_EQ(r.r11, before.r11);
}

static void check_32(bool kernel, bool masked, bool error, bool failsafe)
{
    const struct cpu_user_regs r = {
        .rip = 0xc0001234, .rsp = 0xffffffff00007f58, /* the upper half is not the guest's */
        .rflags = 0x246 | X86_EFLAGS_IOPL, .cs = kernel ? PV32_RING1_CS : PV32_RING3_CS,
        .ss = kernel ? PV32_RING1_DS : PV32_RING3_DS,
    };
    const struct bounce b = { .error_code = 0x1234, .has_error = error, .failsafe = failsafe,
                              .ds = 1, .es = 2, .fs = 3, .gs = 4 };
    const struct bounce_state s = { .in_kernel = kernel, .events_masked = masked, .iopl = 1 << 12 };
    uint32_t f[BOUNCE32_WORDS], *p = f;
    const unsigned int n = bounce32_build(&r, &b, &s, f);

    CHECK_EQ(n, 3 + error + (failsafe ? 4 : 0) + (kernel ? 0 : 2));
    if (failsafe)
        for (uint64_t i = 1; i <= 4; i++)
            CHECK_EQ(*p++, i);
    if (error)
        CHECK_EQ(*p++, 0x1234);
    CHECK_EQ(*p++, 0xc0001234);
    CHECK_EQ(*p & 0xffff, r.cs);
    CHECK_EQ(*p++ >> 16, masked);
    CHECK_EQ(*p++, 0x46 | 1 << 12 | (masked ? 0 : X86_EFLAGS_IF));
    if (kernel)
        return;
    CHECK_EQ(*p++, 0x7f58);
    CHECK_EQ(*p, PV32_RING3_DS);
}

int main(void)
{
    TEST("frame and registers in every combination") {
        for (unsigned int i = 0; i < 16; i++)
            check_case(i & 1, i & 2, i & 4, i & 8);
    }
    TEST("RFLAGS show the virtual IOPL that is asked for, never the machine's") {
        struct cpu_user_regs r = sample(true);
        const struct bounce b = { .address = 1 };
        struct bounce_state s = { .in_kernel = true, .iopl = 1 << 12 };
        uint64_t f[BOUNCE_WORDS], sp;

        r.rflags |= X86_EFLAGS_IOPL;
        bounce_build(&r, &b, &s, f, &sp);
        CHECK_EQ(f[4] & X86_EFLAGS_IOPL, 1 << 12);
        s.iopl = 0;
        bounce_build(&r, &b, &s, f, &sp);
        CHECK_EQ(f[4] & X86_EFLAGS_IOPL, 0);
    }
    TEST("a 32-bit user's code selector is kept") {
        struct cpu_user_regs r = sample(false);
        const struct bounce b = { .address = 1 };
        const struct bounce_state s = { .kernel_sp = 0x1000 };
        uint64_t f[BOUNCE_WORDS], sp;

        r.cs = FLAT_CS32;
        bounce_build(&r, &b, &s, f, &sp);
        CHECK_EQ(f[3], FLAT_CS32);
    }
    TEST("after SYSCALL, rcx and r11 are what SYSRET needs") {
        struct cpu_user_regs r = sample(false);
        const struct bounce b = { .address = 0xffffffff81800000 };

        r.entry_vector = ENTRY_SYSCALL;
        bounce_enter(&r, &b, 0x2000);
        CHECK_EQ(r.rcx, r.rip);
        CHECK_EQ(r.r11, r.rflags);
    }
    TEST("32-bit guests: every combination, in words of 32 bits") {
        for (unsigned int i = 0; i < 16; i++)
            check_32(i & 1, i & 2, i & 4, i & 8);
    }
    return check_exit();
}
