/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O ports: IN, OUT and their string forms, who may execute them (IOPL, the I/O bitmap), and what
 * their memory operands may be. The CMOS memory and PCI's configuration ports stand for all others.
 */
#include "user.h"

const char *test_name = "ports";

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define CMOS_BASE_MEMORY 0x16 /* upper half of the KiB below 1 MiB: what the BIOS found */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PIC 0x20 /* never the guest's */
#define UNMAPPED ((void *)0x123456789000UL)
#define FILL 0xa5
#define BIG 3000U

static uint8_t buffer[BIG + 2];
uint8_t user_buffer[4]; /* not static: user code names it */
static uint8_t bitmap[8192];

static long physdev(int op, void *arg) { return hypercall(__HYPERVISOR_physdev_op, op, arg); }

static long set_iopl(unsigned int level)
{
    struct physdev_set_iopl p = { .iopl = level };

    return physdev(PHYSDEVOP_set_iopl, &p);
}

static long set_bitmap(uint8_t *map, unsigned int ports)
{
    struct physdev_set_iobitmap p = { .nr_ports = ports };

    set_xen_guest_handle(p.bitmap, map);
    return physdev(PHYSDEVOP_set_iobitmap, &p);
}

/* Of an instruction on memory: where it stands afterwards, how many are left, its exception. */
struct string_op {
    void *at;
    uint64_t n;
    int vector;
};

#define STRING_OP(name, insn, reg)                                    \
    static struct string_op name(uint16_t port, void *at, uint64_t n) \
    {                                                                 \
        int vector = PROBE(insn, : "+" reg(at), "+c"(n) : "d"(port)); \
        return (struct string_op){ at, n, vector };                   \
    }
STRING_OP(insb, "insb", "D")
STRING_OP(insl, "insl", "D")
STRING_OP(outsb, "outsb", "S")
STRING_OP(outsl, "outsl", "S")
STRING_OP(rep_insb, "rep insb", "D")

static uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static uint32_t inl(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static unsigned int count_of(uint8_t value, unsigned int from, unsigned int to)
{
    unsigned int n = 0;

    for (unsigned int i = from; i < to; i++)
        n += buffer[i] == value;
    return n;
}

/* --- the kernel ------------------------------------------------------------------------------- */

static void bytes(void)
{
    uint8_t index = CMOS_BASE_MEMORY, want;
    struct string_op r;

    outb(CMOS_INDEX, index);
    want = inb(CMOS_DATA);
    CHECK(want != 0 && want != 0xff && want != FILL, "IN reads the CMOS memory");
    outb(CMOS_INDEX, 0);
    r = outsb(CMOS_INDEX, &index, 7);
    CHECK_EQ((uint8_t *)r.at - &index, 1, "OUTSB goes on to the next byte");
    CHECK_EQ(r.n, 7, "... and does not count");
    memset(buffer, FILL, sizeof(buffer));
    r = insb(CMOS_DATA, buffer + 1, 7);
    CHECK_EQ(buffer[1], want, "INSB reads what OUTSB has chosen");
    CHECK_EQ((uint8_t *)r.at - buffer, 2, "... and goes on to the next byte");
    CHECK_EQ(count_of(FILL, 0, 1) + count_of(FILL, 2, 8), 7, "... and writes one");
    r = rep_insb(CMOS_DATA, buffer + 1, BIG);
    CHECK_EQ(r.vector, -1, "REP INSB over many bytes");
    CHECK_EQ(r.n, 0, "... counts to 0");
    CHECK_EQ((uint8_t *)r.at - buffer, 1 + BIG, "... and stands behind the last");
    CHECK_EQ(count_of(want, 1, 1 + BIG), BIG, "... which are all there");
    CHECK(buffer[0] == FILL && buffer[1 + BIG] == FILL, "... and nothing beside them");
    r = rep_insb(CMOS_DATA, UNMAPPED, 0);
    CHECK_EQ(r.vector, -1, "none at all touches no memory");
}

static void backwards(void)
{
    uint64_t at = (uint64_t)&buffer[9], n = 4;

    memset(buffer, FILL, sizeof(buffer));
    __asm__ volatile("std\n rep insb\n cld" : "+D"(at), "+c"(n) : "d"(CMOS_DATA) : "memory");
    CHECK_EQ(at - (uint64_t)buffer, 5, "with DF set it goes down");
    CHECK_EQ(count_of(FILL, 0, 6) + count_of(FILL, 10, 20), 16, "... and writes there only");
    CHECK_EQ(count_of(FILL, 6, 10), 0, "... four bytes");
}

static void words(void)
{
    uint32_t address = 0x80000000, want, got = 0;

    outl(PCI_ADDRESS, address);
    want = inl(PCI_DATA);
    CHECK(want != 0 && want != ~0U, "IN reads the host bridge's identity");
    outl(PCI_ADDRESS, 0);
    outsl(PCI_ADDRESS, &address, 0);
    CHECK_EQ(inl(PCI_ADDRESS), address, "OUTSL writes four bytes");
    insl(PCI_DATA, &got, 0);
    CHECK_EQ(got, want, "INSL reads four bytes");
    CHECK_EQ(inb(PIC), 0xff, "a port that is not the guest's reads as ones");
}

/* Nothing moves if the memory is not there; the port is not read. */
static void bad_memory(void)
{
    void *page = alloc_page();
    struct string_op r;

    r = insb(CMOS_DATA, UNMAPPED, 0);
    CHECK_EQ(r.vector, 14, "INSB to no memory raises #PF");
    CHECK_EQ(last_trap.error_code, 2, "... for a write");
    CHECK_EQ(shared_info->vcpu_info[0].arch.cr2, (long)UNMAPPED, "... and says where");
    CHECK_EQ(r.at, (long)UNMAPPED, "... and goes on to nowhere");
    r = outsb(CMOS_INDEX, UNMAPPED, 0);
    CHECK_EQ(r.vector, 14, "OUTSB from no memory raises #PF");
    CHECK_EQ(last_trap.error_code, 0, "... for a read");
    set_va((uint64_t)page, va_to_mfn(page) << 12 | PTE_RO_KERNEL);
    r = insb(CMOS_DATA, page, 0);
    CHECK_EQ(r.vector, 14, "INSB to a read-only page raises #PF");
    CHECK_EQ(last_trap.error_code & 2, 2, "... for a write");
    CHECK_EQ(*(uint8_t *)page, 0, "... and writes nothing");
    r = insb(CMOS_DATA, (void *)m2p(), 0);
    CHECK(r.vector == 14 || r.vector == 13, "INSB to the hypervisor's memory raises an exception");
}

/* --- who may ---------------------------------------------------------------------------------- */

extern char user_insb[], user_inb[];
__asm__(".pushsection .text\n"
        "user_insb: mov $0x71, %edx\n lea user_buffer(%rip), %rdi\n insb\n ud2\n"
        "user_inb: mov $0x71, %edx\n inb %dx, %al\n ud2\n"
        ".popsection");

static void user(bool may, const char *what)
{
    user_buffer[0] = FILL;
    run_user((uint64_t)user_insb, 0x202);
    CHECK_EQ(user_trap.vector, may ? 6 : 13, what);
    CHECK_EQ(user_buffer[0] != FILL, may, may ? "... and reads" : "... and does not read");
    run_user((uint64_t)user_inb, 0x202);
    CHECK_EQ(user_trap.vector, may ? 6 : 13, "... INB the same");
}

static void rights(void)
{
    outb(CMOS_INDEX, CMOS_BASE_MEMORY);
    memset(bitmap, 0xff, sizeof(bitmap));
    user(false, "user code with IOPL 1 may not");
    CHECK_EQ(set_iopl(4), -XEINVAL, "IOPL 4");
    CHECK_EQ(set_iopl(3), 0, "IOPL 3");
    user(true, "user code with IOPL 3 may");
    CHECK_EQ(set_iopl(1), 0, "IOPL 1 again");
    CHECK_EQ(set_bitmap(bitmap, 65537), -XEINVAL, "a bitmap of too many ports");
    CHECK_EQ(set_bitmap(bitmap, 65536), 0, "a bitmap");
    user(false, "user code may not, where the bitmap says no");
    bitmap[CMOS_DATA / 8] = (uint8_t) ~(1U << CMOS_DATA % 8);
    user(true, "... and may where it says yes");
    CHECK_EQ(set_bitmap(bitmap, CMOS_DATA), 0, "a bitmap that ends before the port");
    user(false, "... says no");
    CHECK_EQ(set_iopl(0), 0, "IOPL 0");
    CHECK_EQ(insb(CMOS_DATA, buffer, 0).vector, 13, "the kernel with IOPL 0 may not either");
    CHECK_EQ(set_bitmap(0, 0), 0, "no bitmap");
}

void test_main(void)
{
    user_init();
    CHECK_EQ(set_iopl(1), 0, "the kernel asks for its ports");
    bytes();
    backwards();
    words();
    bad_memory();
    rights();
}
