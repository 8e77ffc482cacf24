/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel that asks for a hypercall page in its image, as those from before 2024 do, and calls
 * through it.
 */
#include "guest.h"

const char *test_name = "hypercall_page";

extern char hypercall_page[];

__asm__(".pushsection .text\n"
        ".balign 4096\n"
        "hypercall_page: .skip 4096, 0xcc\n"
        ".popsection\n"
        ".pushsection .note.xen, \"a\", @note\n"
        ".balign 4\n"
        ".long 4, 8, 2\n" /* XEN_ELFNOTE_HYPERCALL_PAGE */
        ".asciz \"Xen\"\n"
        ".quad hypercall_page\n"
        ".popsection\n");

static long call_through(unsigned int nr, uint64_t a, uint64_t b)
{
    char *entry = hypercall_page + nr * 32;
    long ret;

    __asm__ volatile("call *%1"
                     : "=a"(ret), "+r"(entry), "+D"(a), "+S"(b)
                     :
                     : "rdx", "r8", "r9", "r10", "memory");
    return ret;
}

void test_main(void)
{
    uint64_t rcx = 0x1111, r11 = 0x2222;
    char *entry = hypercall_page + __HYPERVISOR_xen_version * 32;
    long ret;

    CHECK_EQ(call_through(__HYPERVISOR_xen_version, XENVER_version, 0), (4 << 16) | 17,
             "version through the page");
    CHECK_EQ(call_through(63, 0, 0), -XENOSYS, "a number without a call");
    __asm__ volatile("mov %3, %%rcx\n mov %4, %%r11\n call *%5\n mov %%rcx, %1\n mov %%r11, %2"
                     : "=a"(ret), "=&r"(rcx), "=&r"(r11)
                     : "r"(0x1111UL), "r"(0x2222UL), "r"(entry), "D"(0UL), "S"(0UL)
                     : "rcx", "r11", "rdx", "r8", "r9", "r10", "memory");
    CHECK_EQ(rcx, 0x1111, "the page keeps rcx");
    CHECK_EQ(r11, 0x2222, "the page keeps r11");
}
