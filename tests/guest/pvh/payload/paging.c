/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Protection keys, five levels of page tables, and UMIP, as far as the machine has them. Intel SDM
 * vol. 3, "Protection Keys", "5-Level Paging".
 */
#include "payload.h"

#define CR4_UMIP (1UL << 11)
#define CR4_LA57 (1UL << 12)
#define CR4_PKE (1UL << 22)
#define AREA 0x400000UL /* two MiB, which nobody else uses */
#define KEY 1UL
#define NO_ACCESS (1U << (2 * KEY))
#define NO_WRITE (2U << (2 * KEY))
#define USER 4UL
#define HIGH (1UL << 48) /* five levels: the same memory again */

extern uint64_t l4[512], l5[512], l2[];
extern const char gdtr[]; /* start.S: what LGDT is given */

static uint32_t features_7(void)
{
    uint32_t r[4];

    cpuid(0, 0, r);
    if (r[0] < 7)
        return 0;
    cpuid(7, 0, r);
    return r[2];
}

static uint64_t read_cr4(void)
{
    uint64_t v;

    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

static void write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }

static void flush(void)
{
    __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}

/* --- keys ------------------------------------------------------------------------------------- */

static void wrpkru(uint32_t v)
{
    __asm__ volatile("wrpkru" : : "a"(v), "c"(0), "d"(0) : "memory");
}

static uint32_t rdpkru(void)
{
    uint32_t v;

    __asm__ volatile("rdpkru" : "=a"(v) : "c"(0) : "rdx");
    return v;
}

static void test_accesses(void)
{
    uint64_t *at = (uint64_t *)AREA;

    wrpkru(0);
    *at = 5;
    CHECK_EQ(*at, 5, "a page with a key that has all rights");
    wrpkru(NO_ACCESS);
    CHECK_EQ(vector_of_read(AREA), 14, "... with none: a page fault");
    CHECK_EQ(fault_error(), 0x21, "... that says it is the key");
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_extraversion, at, 0), -14,
             "... also for the hypervisor's accesses");
    wrpkru(NO_WRITE);
    CHECK_EQ(vector_of_read(AREA), -1, "... without writing: a read");
    CHECK_EQ(vector_of_write(AREA), 14, "... a write");
    CHECK_EQ(fault_error(), 0x23, "... and its error");
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_extraversion, at, 0), -14,
             "... also for the hypervisor");
    wrpkru(0);
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_extraversion, at, 0), 0,
             "... which may again when it has all rights");
}

static void test_keys(void)
{
    const uint64_t was = l2[2];
    unsigned int kept = 0;

    if (!(features_7() >> 3 & 1))
        return;
    write_cr4(read_cr4() | CR4_PKE);
    CHECK_EQ(features_7() >> 4 & 1, 1, "CPUID says that CR4.PKE is on");
    CHECK_EQ(rdpkru(), 0, "all keys have all rights");
    l2[2] |= USER | KEY << 59;
    flush();
    test_accesses();
    wrpkru(0x55555550);
    for (unsigned int i = 0; i < 200; i++) {
        CALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
        kept += rdpkru() == 0x55555550;
    }
    CHECK_EQ(kept, 200, "PKRU is kept when others run");
    wrpkru(0);
    l2[2] = was;
    flush();
    write_cr4(read_cr4() & ~CR4_PKE);
    CHECK_EQ(features_7() >> 4 & 1, 0, "... and off");
}

/* --- UMIP ------------------------------------------------------------------------------------- */

/* In ring 0 it refuses nothing. */
static void test_umip(void)
{
    uint8_t stored[10] = { 0 };

    if (!(features_7() >> 2 & 1))
        return;
    write_cr4(read_cr4() | CR4_UMIP);
    CHECK_EQ(read_cr4() & CR4_UMIP, CR4_UMIP, "CR4.UMIP");
    __asm__ volatile("sgdt %0" : "=m"(stored));
    CHECK_EQ(*(uint16_t *)stored, *(const uint16_t *)gdtr, "SGDT in ring 0");
    write_cr4(read_cr4() & ~CR4_UMIP);
}

void paging(void)
{
    l4[0] |= USER; /* no page is the user's by that alone */
    *(uint64_t *)(l4[0] & ~0xfffUL) |= USER;
    test_keys();
    test_umip();
}

/* --- five levels ------------------------------------------------------------------------------ */

void five_levels(void)
{
    uint64_t *at = (uint64_t *)AREA, *again = (uint64_t *)(HIGH + AREA);
    uint32_t r[4];

    CHECK_EQ(features_7() >> 16 & 1, 1, "CPUID has five levels");
    CHECK_EQ(read_cr4() & CR4_LA57, CR4_LA57, "... and CR4");
    cpuid(0x80000008, 0, r);
    CHECK_EQ(r[0] >> 8 & 0xff, 57, "addresses have 57 bits");
    l5[1] = l5[0];
    flush();
    *at = 0x1234;
    CHECK_EQ(*again, 0x1234, "the upper level is used");
    CHECK_EQ(*(volatile uint64_t *)(HIGH + HOLE), -1,
             "... by the emulator, too");
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_extraversion, again, 0), 0,
             "... and for a hypercall's arguments");
    CHECK(*(uint8_t *)at == '.', "... which come where they should");
    CHECK_EQ(vector_of_read(2UL << 48), 14, "a page that is not there");
    CHECK_EQ(vector_of_read(1UL << 56), 13, "an address that is none");
    wrmsr(0xc0000102, 0xff00000000000000);
    CHECK_EQ(rdmsr(0xc0000102), 0xff00000000000000, "a base of 57 bits in an MSR");
    CHECK_EQ(vector_of_cr4(read_cr4() & ~CR4_LA57), 13, "no way back within long mode");
}
