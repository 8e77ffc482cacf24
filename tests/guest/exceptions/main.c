/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions of the guest's kernel: which vector, which error code, which frame. */
#include "guest.h"

const char *test_name = "exceptions";

#define UNMAPPED ((void *)0x123456789000UL)
#define NON_CANONICAL ((void *)0x1234567890123456UL)

static uint64_t cr2(void) { return shared_info->vcpu_info[0].arch.cr2; }

static void arithmetic(void)
{
    extern char after_ud[];
    int v;

    v = PROBE("ud2\n.globl after_ud\nafter_ud:", : :);
    CHECK_EQ(v, 6, "ud2 raises #UD");
    CHECK_EQ(last_trap.rip, (long)after_ud - 2, "the frame's rip is that of the instruction");
    CHECK_EQ(last_trap.error_code, 0, "#UD has no error code");
    CHECK_EQ(last_trap.cs & 0xffff, 0xe030, "the frame's cs says kernel (RPL 0)");
    CHECK_EQ(last_trap.cs >> 32 & 0xff, 1, "the frame carries the event mask");
    CHECK_EQ(last_trap.rflags & 0x200, 0, "IF is clear in the frame while events are masked");
    CHECK_EQ(last_trap.ss & 0xffff, 0xe02b, "the frame's ss is flat");

    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    v = PROBE("ud2", : :);
    CHECK_EQ(v, 6, "ud2 with events unmasked");
    CHECK_EQ(last_trap.rflags & 0x200, 0x200, "IF is set in the frame while events are unmasked");
    CHECK_EQ(last_trap.cs >> 32 & 0xff, 0, "the frame carries a clear event mask");
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 0,
             "a trap without the mask flag leaves events unmasked");
    shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
}

static void divide(void)
{
    int v;

    probe_vector = -1;
    __asm__ volatile("xor %%edx, %%edx\n mov $1, %%eax\n1: divl %0\n2:\n"
                     ".pushsection .ex_table, \"aw\"\n.quad 1b, 2b\n.popsection"
                     :
                     : "r"(0)
                     : "rax", "rdx", "memory");
    v = probe_vector;
    CHECK_EQ(v, 0, "division by zero raises #DE");
}

static bool saw_bp;
static bool on_bp(struct trap_frame *f)
{
    saw_bp = true;
    return f->vector == 3;
}

static void breakpoints(void)
{
    trap_handler[3] = on_bp;
    __asm__ volatile("int3");
    CHECK(saw_bp, "int3 raises #BP and continues behind it");
}

static void faults(void)
{
    uint64_t v;
    void *page = alloc_page();

    CHECK_EQ(probe_read(UNMAPPED, &v), 14, "reading an unmapped page raises #PF");
    CHECK_EQ(last_trap.error_code, 0, "... with error code 0 (not present, read, kernel)");
    CHECK_EQ(cr2(), (long)UNMAPPED, "... and the address in vcpu_info");
    CHECK_EQ(probe_write(UNMAPPED, 1), 14, "writing an unmapped page raises #PF");
    CHECK_EQ(last_trap.error_code, 2, "... with error code 2 (not present, write, kernel)");
    CHECK_EQ(probe_read(NON_CANONICAL, &v), 13, "a non-canonical address raises #GP");
    CHECK_EQ(last_trap.error_code, 0, "... with error code 0");

    CHECK_EQ(set_va((uint64_t)page, va_to_mfn(page) * PAGE | PTE_RO_KERNEL), 0,
             "make a page read-only");
    CHECK_EQ(probe_read(page, &v), 0, "it can still be read");
    CHECK_EQ(probe_write(page, 1), 14, "writing it raises #PF");
    CHECK_EQ(last_trap.error_code, 3, "... with error code 3 (present, write, kernel)");
    CHECK_EQ(set_va((uint64_t)page, va_to_mfn(page) * PAGE | PTE_RW_KERNEL), 0,
             "make it writable again");
    CHECK_EQ(probe_write(page, 1), 0, "and write it");
}

static void privileged(void)
{
    uint32_t lo, hi;
    uint64_t cr0;
    int v;

    v = PROBE("hlt", : :);
    CHECK_EQ(v, 13, "hlt raises #GP");
    v = PROBE("rdmsr", : "=a"(lo), "=d"(hi) : "c"(0xdeadbeefU));
    CHECK_EQ(v, 13, "an unknown MSR raises #GP");
    v = PROBE("rdmsr", : "=a"(lo), "=d"(hi) : "c"(0x277U));
    CHECK_EQ(v, -1, "PAT can be read");
    CHECK_EQ(hi, 0x0501, "PAT has the ABI's upper half");
    CHECK_EQ(lo, 0x00070406, "PAT has the ABI's lower half");
    v = PROBE("mov %%cr0, %0", : "=r"(cr0) :);
    CHECK_EQ(v, -1, "CR0 can be read");
    CHECK_EQ(cr0 & 0x80000001, 0x80000001, "CR0 says protected mode and paging");
    v = PROBE("lgdt (%0)", : : "r"(shared_info));
    CHECK_EQ(v, 13, "lgdt raises #GP");
    v = PROBE("wrmsr", : : "c"(0xc0000100U), "a"(0x1000U), "d"(0U));
    CHECK_EQ(v, -1, "FS base can be written");
    v = PROBE("rdmsr", : "=a"(lo), "=d"(hi) : "c"(0xc0000100U));
    CHECK_EQ(lo, 0x1000, "and reads back");
    v = PROBE("wrmsr", : : "c"(0xc0000100U), "a"(0U), "d"(0x80000000U));
    CHECK_EQ(v, 13, "a non-canonical FS base raises #GP");
}

static void forced_cpuid(void)
{
    uint32_t a = 0x40000000, b, c = 0, d;

    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                     : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    CHECK_EQ(b, 0x566e6558, "prefixed CPUID says Xen (1)");
    CHECK_EQ(c, 0x65584d4d, "prefixed CPUID says Xen (2)");
    CHECK_EQ(d, 0x4d4d566e, "prefixed CPUID says Xen (3)");
    a = 0x40000001;
    c = 0;
    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                     : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    CHECK_EQ(a, 0x00040011, "prefixed CPUID says 4.17");
}

static void software_interrupts(void)
{
    static bool seen;
    int v;

    trap_dpl[0x80] = 1;
    traps_install();
    v = PROBE("int $0x80\n", : :);
    seen = last_trap.vector == 0x80;
    CHECK(seen || v == 0x80, "int $0x80 with a kernel-level gate is delivered");
}

static bool on_int(struct trap_frame *f) { return f->vector == 0x80; }

void test_main(void)
{
    struct trap_info bad[2] = { { .vector = 3, .cs = 0xe033, .address = (uint64_t)NON_CANONICAL } };

    CHECK_EQ(hypercall(__HYPERVISOR_set_trap_table, UNMAPPED), -XEFAULT,
             "trap table at a bad address");
    CHECK_EQ(hypercall(__HYPERVISOR_set_trap_table, bad), -XEINVAL,
             "handler at a non-canonical address");
    breakpoints();
    arithmetic();
    divide();
    faults();
    privileged();
    forced_cpuid();
    trap_handler[0x80] = on_int;
    software_interrupts();
}
