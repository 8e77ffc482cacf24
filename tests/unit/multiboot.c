/* SPDX-License-Identifier: GPL-2.0-only */
/* links: lib/multiboot.c lib/e820.c */
/*
 * Information blocks of both protocols, built byte by byte, then broken: every truncation and every
 * single-bit flip of a good block must end in success or in an error with a reason, never in a read
 * outside of the block (ASan sees those).
 */
#include <lib/multiboot.h>

#include <stdlib.h>

#include <hv/errno.h>
#include <lib/bytes.h>

#include "check.h"

static struct boot_info info;

/* Physical memory of the multiboot 1 cases; anything outside is unreadable. */
#define MEM_BASE 0x9000u
static uint8_t mem[0x2000];
static uint8_t block[0x4000]; /* the information block being built */
static size_t used;

static const void *map(void *ctx, uint64_t phys, size_t len)
{
    if (phys < MEM_BASE || phys - MEM_BASE > sizeof(mem) || len > sizeof(mem) - (phys - MEM_BASE))
        return NULL;
    return mem + (phys - MEM_BASE);
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)v);
    put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static int parse(uint32_t magic, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* exactly as long as announced, for ASan */
    int rc;

    memcpy(copy, block, size);
    rc = boot_info_parse(&info, magic, copy, size, map, NULL);
    free(copy);
    return rc;
}

static bool refused(int rc, const char *why)
{
    return rc < 0 && info.error && strstr(info.error, why);
}

/* ---- multiboot 1 ---- */

static uint32_t mem_string(uint32_t at, const char *s)
{
    strcpy((char *)mem + at, s);
    return MEM_BASE + at;
}

static void mb1_entry(uint32_t at, uint64_t start, uint64_t size, uint32_t type)
{
    put32(mem + at, 20);
    put64(mem + at + 4, start);
    put64(mem + at + 12, size);
    put32(mem + at + 20, type);
}

/* What QEMU passes for -kernel hv -append "a=b c" -initrd "vmlinuz root=x,initrd" */
static void mb1_build(const char *loader)
{
    memset(block, 0, sizeof(block));
    memset(mem, 0, sizeof(mem));
    used = 116;
    put32(block, 1u << 0 | 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9 | 1u << 12);
    put32(block + 4, 639);
    put32(block + 8, 130048);
    put32(block + 16, mem_string(0x100, "/boot/hv a=b c"));
    put32(block + 20, 2);
    put32(block + 24, MEM_BASE + 0x200);
    put32(mem + 0x200, 0x400000);
    put32(mem + 0x204, 0x480010);
    put32(mem + 0x208, mem_string(0x300, "vmlinuz root=x"));
    put32(mem + 0x210, 0x481000);
    put32(mem + 0x214, 0x500000);
    put32(mem + 0x218, mem_string(0x400, "initrd"));
    put32(block + 44, 3 * 24);
    put32(block + 48, MEM_BASE + 0x500);
    mb1_entry(0x500, 0, 0x9fc00, 1);
    mb1_entry(0x518, 0x9fc00, 0x400, 2);
    mb1_entry(0x530, 0x100000, 0x7f00000, 1);
    put32(block + 64, mem_string(0x600, loader));
    put64(block + 88, 0xfd000000);
    put32(block + 96, 4096);
    put32(block + 100, 1024);
    put32(block + 104, 768);
    block[108] = 32;
    block[109] = 1;
    memcpy(block + 110, "\x10\x08\x08\x08\x00\x08", 6);
}

static void mb1_tests(void)
{
    TEST("multiboot 1: QEMU's block") {
        mb1_build("qemu");
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK(!info.error && !info.multiboot2);
        CHECK_STR(info.loader, "qemu");
        CHECK_STR(info.cmdline, "a=b c");
        CHECK_EQ(info.nr_modules, 2);
        CHECK_EQ(info.module[0].start, 0x400000);
        CHECK_EQ(info.module[0].size, 0x80010);
        CHECK_STR(info.module[0].cmdline, "root=x");
        CHECK_STR(info.module[1].cmdline, "");
        CHECK_EQ(info.memory.nr, 3);
        CHECK_EQ(info.memory.entry[2].start, 0x100000);
        CHECK_EQ(info.memory.entry[1].type, E820_RESERVED);
        CHECK_EQ(info.mem_upper_kib, 130048);
        CHECK_EQ(info.fb.kind, BOOT_FB_RGB);
        CHECK_EQ(info.fb.addr, 0xfd000000);
        CHECK_EQ(info.fb.red_pos, 16);
        CHECK_EQ(info.fb.blue_size, 8);
    }
    TEST("file name: kept for GRUB 2, stripped for GRUB legacy and unknown loaders") {
        mb1_build("GRUB 2.06-13");
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK_STR(info.cmdline, "/boot/hv a=b c");
        CHECK_STR(info.module[0].cmdline, "vmlinuz root=x");
        mb1_build("GNU GRUB 0.97");
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK_STR(info.cmdline, "a=b c");
        mb1_build("");
        mem_string(0x100, "  hv \t x ");
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK_STR(info.cmdline, "x ");
    }
    TEST("multiboot 1: VBE blocks describe the frame buffer when nothing else does") {
        mb1_build("qemu");
        put32(block, (get_le32(block) & ~(1u << 12)) | 1u << 11);
        put32(block + 72, MEM_BASE + 0x800);
        put32(block + 76, MEM_BASE + 0xa00);
        put16(block + 80, 0x4118);
        memcpy(mem + 0x800, "VESA", 4);
        put32(mem + 0x80a, 1);
        put16(mem + 0x812, 256);
        put16(mem + 0xa00, 0x9b);
        put16(mem + 0xa10, 4096);
        put16(mem + 0xa12, 1024);
        put16(mem + 0xa14, 768);
        mem[0xa19] = 32;
        mem[0xa1b] = 6;
        memcpy(mem + 0xa1f, "\x08\x10\x08\x08\x08\x00\x08\x18", 8);
        put32(mem + 0xa28, 0xe0000000);
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK_EQ(info.vbe.mode, 0x4118);
        CHECK_EQ(info.vbe.memory_kib, 16384);
        CHECK_EQ(info.vbe.capabilities, 1);
        CHECK_EQ(info.fb.kind, BOOT_FB_RGB);
        CHECK_EQ(info.fb.addr, 0xe0000000);
        CHECK_EQ(info.fb.red_pos, 16);
        CHECK_EQ(info.fb.reserved_pos, 24);
    }
    TEST("multiboot 1: basic memory stands in for a missing map, and without it nothing does") {
        mb1_build("qemu");
        put32(block, get_le32(block) & ~(1u << 6));
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK_EQ(info.memory.nr, 2);
        CHECK_EQ(info.memory.entry[1].start, 0x100000);
        CHECK_EQ(info.memory.entry[1].size, 130048u << 10);
        put32(block, get_le32(block) & ~1u);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "no memory map"));
    }
    TEST("multiboot 1: pointers to nowhere, bad entries") {
        mb1_build("qemu");
        put32(block + 16, 0x1234);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "string is not in readable memory"));
        mb1_build("qemu");
        put32(block + 24, MEM_BASE + (uint32_t)sizeof(mem) - 8);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "module list is not in readable memory"));
        mb1_build("qemu");
        put32(block + 20, 9);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "too many boot modules"));
        mb1_build("qemu");
        put32(mem + 0x204, 0x3fffff);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "ends before it starts"));
        mb1_build("qemu");
        put32(block + 44, 3 * 24 - 1);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "truncated"));
        mb1_build("qemu");
        put32(mem + 0x500, 0);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "truncated"));
        mb1_build("qemu");
        put32(mem + 0x500, 0xfffffffc);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "truncated"));
        mb1_build("qemu");
        put32(block + 44, 0xffffffff);
        CHECK(refused(parse(MULTIBOOT1_MAGIC, used), "impossibly long"));
        CHECK(refused(parse(MULTIBOOT1_MAGIC, 3), "truncated"));
    }
    TEST("multiboot 1: a string without an end is refused") {
        mb1_build("qemu");
        memset(mem + 0x100, 'x', sizeof(mem) - 0x100);
        CHECK(parse(MULTIBOOT1_MAGIC, used) < 0 && info.error);
    }
    TEST("multiboot 1: a range past the end of the address space is cut there") {
        mb1_build("qemu");
        mb1_entry(0x518, 0xfffffffffff00000, 0x100000, 2);
        CHECK_EQ(parse(MULTIBOOT1_MAGIC, used), 0);
        CHECK_EQ(info.memory.entry[1].size, 0xfffff);
    }
    TEST("a loader of another kind is refused") {
        CHECK(refused(parse(0x12345678, used), "multiboot"));
    }
}

/* ---- multiboot 2 ---- */

static uint8_t *mb2_tag(uint32_t type, uint32_t size)
{
    uint8_t *tag = block + used;

    put32(tag, type);
    put32(tag + 4, size);
    used += (size + 7) & ~7u;
    put32(block, (uint32_t)used);
    return tag;
}

static void mb2_string(uint32_t type, const char *s)
{
    strcpy((char *)mb2_tag(type, (uint32_t)strlen(s) + 9) + 8, s);
}

static void mb2_module(uint32_t start, uint32_t end, const char *s)
{
    uint8_t *tag = mb2_tag(3, (uint32_t)strlen(s) + 17);

    put32(tag + 8, start);
    put32(tag + 12, end);
    strcpy((char *)tag + 16, s);
}

static void mb2_begin(void)
{
    memset(block, 0, sizeof(block));
    used = 8;
}

static void mb2_map(void)
{
    uint8_t *tag = mb2_tag(6, 16 + 2 * 24);

    put32(tag + 8, 24);
    put64(tag + 16, 0);
    put64(tag + 24, 0x9f000);
    put32(tag + 32, 1);
    put64(tag + 40, 0x100000);
    put64(tag + 48, 0x10000000);
    put32(tag + 56, 1);
}

static void efi_entry(uint8_t *e, uint32_t type, uint64_t start, uint64_t pages, uint64_t attr)
{
    put32(e, type);
    put64(e + 8, start);
    put64(e + 24, pages);
    put64(e + 32, attr);
}

/* What GRUB 2 passes on an EFI machine. */
static void mb2_build(void)
{
    static const uint64_t wb = 0xf;
    uint8_t *tag;

    mb2_begin();
    mb2_string(1, "placeholder dom0_mem=1G");
    mb2_string(2, "GRUB 2.06-13+deb12u1");
    mb2_module(0x1000000, 0x1800000, "placeholder root=/dev/sda1 ro");
    mb2_module(0x2000000, 0x2000000, "");
    tag = mb2_tag(17, 16 + 6 * 48);
    put32(tag + 8, 48);
    put32(tag + 12, 1);
    efi_entry(tag + 16, 3, 0, 0x9f, wb);
    efi_entry(tag + 64, 7, 0x100000, 0x700, wb);
    efi_entry(tag + 112, 10, 0x800000, 8, wb);
    efi_entry(tag + 160, 2, 0x808000, 0x100, wb);
    efi_entry(tag + 208, 9, 0x7f000000, 0x10, wb);
    efi_entry(tag + 256, 11, 0xfec00000, 1, 1);
    mb2_map();
    put64(mb2_tag(12, 16) + 8, 0x7f9ec018);
    put64(mb2_tag(20, 16) + 8, 0x7e123498);
    memcpy(mb2_tag(14, 28) + 8, "RSD PTR old", 11);
    memcpy(mb2_tag(15, 44) + 8, "RSD PTR new", 11);
    tag = mb2_tag(8, 38);
    put64(tag + 8, 0x80000000);
    put32(tag + 16, 3200);
    put32(tag + 20, 800);
    put32(tag + 24, 600);
    tag[28] = 32;
    tag[29] = 1;
    memcpy(tag + 32, "\x10\x08\x08\x08\x00\x08", 6);
    put32(mb2_tag(21, 12) + 8, 0x200000);
    mb2_tag(4711, 24);
    mb2_tag(0, 8);
}

/*
 * One tag alone, as long as it says, and an end; then the same cut one byte short of its least
 * size.
 */
static bool tag_too_short(uint32_t type, uint32_t min_size)
{
    mb2_begin();
    mb2_tag(type, min_size - 1);
    mb2_tag(0, 8);
    return refused(parse(MULTIBOOT2_MAGIC, used), "too short");
}

static void mb2_tests(void)
{
    TEST("multiboot 2: GRUB's block on EFI") {
        mb2_build();
        CHECK_EQ(parse(MULTIBOOT2_MAGIC, used), 0);
        CHECK(!info.error && info.multiboot2);
        CHECK_STR(info.cmdline, "placeholder dom0_mem=1G");
        CHECK_EQ(info.nr_modules, 2);
        CHECK_STR(info.module[0].cmdline, "placeholder root=/dev/sda1 ro");
        CHECK_EQ(info.module[0].size, 0x800000);
        CHECK_EQ(info.module[1].size, 0);
        CHECK(info.efi && !info.efi_is_32bit && !info.efi_boot_services);
        CHECK_EQ(info.efi_system_table, 0x7f9ec018);
        CHECK_EQ(info.efi_image_handle, 0x7e123498);
        CHECK_EQ(info.rsdp_len, 36);
        CHECK(!memcmp(info.rsdp, "RSD PTR new", 11));
        CHECK_EQ(info.fb.width, 800);
        CHECK_EQ(info.fb.green_pos, 8);
        CHECK_EQ(info.load_base, 0x200000);
    }
    TEST("multiboot 2: the EFI map is preferred and converted") {
        CHECK(info.memory_from_efi);
        CHECK_EQ(info.memory.nr, 6);
        CHECK_EQ(info.memory.entry[0].type, E820_RAM);
        CHECK_EQ(info.memory.entry[0].size, 0x9f000);
        CHECK_EQ(info.memory.entry[2].type, E820_NVS);
        CHECK_EQ(info.memory.entry[3].type, E820_RAM);
        CHECK_EQ(info.memory.entry[4].type, E820_ACPI);
        CHECK_EQ(info.memory.entry[5].type, E820_RESERVED);
    }
    TEST("multiboot 2: EFI memory that is uncached or kept for a purpose is not RAM") {
        uint8_t *tag;

        mb2_begin();
        tag = mb2_tag(17, 16 + 3 * 40);
        put32(tag + 8, 40);
        efi_entry(tag + 16, 7, 0x100000, 1, 1);
        efi_entry(tag + 56, 7, 0x200000, 1, 8 | 1 << 18);
        efi_entry(tag + 96, 8, 0x300000, UINT64_MAX, 8);
        mb2_tag(18, 8);
        put32(mb2_tag(11, 12) + 8, 0x1234);
        put32(mb2_tag(19, 12) + 8, 0x5678);
        mb2_tag(0, 8);
        CHECK_EQ(parse(MULTIBOOT2_MAGIC, used), 0);
        CHECK_EQ(info.memory.nr, 3);
        CHECK_EQ(info.memory.entry[0].type, E820_RESERVED);
        CHECK_EQ(info.memory.entry[1].type, E820_RESERVED);
        CHECK_EQ(info.memory.entry[2].type, E820_UNUSABLE);
        CHECK_EQ(info.memory.entry[2].size, UINT64_MAX - 0x300000);
        CHECK(info.efi_boot_services && info.efi_is_32bit);
        CHECK_EQ(info.efi_system_table, 0x1234);
        CHECK_EQ(info.efi_image_handle, 0x5678);
    }
    TEST("multiboot 2: the plain map is used without EFI, the old RSDP without a new one") {
        mb2_begin();
        mb2_map();
        memcpy(mb2_tag(14, 28) + 8, "RSD PTR old", 11);
        mb2_tag(0, 8);
        CHECK_EQ(parse(MULTIBOOT2_MAGIC, used), 0);
        CHECK_EQ(info.memory.nr, 2);
        CHECK_EQ(info.rsdp_len, 20);
        CHECK_STR(info.cmdline, "");
        CHECK_STR(info.loader, "");
    }
    TEST("multiboot 2: tags shorter than their kind are refused") {
        static const uint8_t min[][2] = { { 3, 16 }, { 4, 16 }, { 6, 16 }, { 8, 32 }, { 11, 12 },
                                          { 12, 16 }, { 14, 28 }, { 15, 44 }, { 17, 16 },
                                          { 19, 12 }, { 20, 16 }, { 21, 12 } };

        for (size_t i = 0; i < sizeof(min) / sizeof(min[0]); i++)
            CHECK(tag_too_short(min[i][0], min[i][1]));
        CHECK(tag_too_short(7, 784));
    }
    TEST("multiboot 2: sizes that lie") {
        mb2_build();
        put32(block, (uint32_t)used + 8);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "bad size"));
        put32(block, 15);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "bad size"));
        CHECK(refused(parse(MULTIBOOT2_MAGIC, 15), "truncated"));
        mb2_build();
        put32(block + 12, 7);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "tag has a bad size"));
        put32(block + 12, 0xffffffff);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "tag has a bad size"));
        mb2_begin();
        mb2_map();
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "no end tag"));
        put32(block + 8 + 8, 20);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "entries have a bad size"));
        put32(block + 8 + 8, 0);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "entries have a bad size"));
    }
    TEST("multiboot 2: nine modules, an endless string") {
        mb2_begin();
        for (unsigned int i = 0; i < 9; i++)
            mb2_module(0, 0x1000, "x");
        mb2_tag(0, 8);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "too many boot modules"));
        mb2_begin();
        memset(mb2_tag(1, 8008) + 8, 'x', 8000);
        mb2_map();
        mb2_tag(0, 8);
        CHECK_EQ(parse(MULTIBOOT2_MAGIC, used), 0);
        CHECK_EQ(strlen(info.cmdline), 0); /* all one file name */
        mb2_begin();
        memset(mb2_tag(1, 4108) + 8, 'x', 4100);
        memset(mb2_tag(2, 4108) + 8, 'y', 4100);
        CHECK(refused(parse(MULTIBOOT2_MAGIC, used), "too long"));
    }
}

/* ---- damage ---- */

static void damage(uint32_t magic, uint8_t *bytes, size_t size, unsigned int *good,
                   unsigned int *bad)
{
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);

        int rc = parse(magic, used);

        if (CHECK(rc <= 0 && !rc == !info.error))
            ++*(rc ? bad : good);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void damage_tests(void)
{
    unsigned int good = 0, bad = 0;

    TEST("any flipped bit gives success or a reason") {
        mb1_build("qemu");
        damage(MULTIBOOT1_MAGIC, block, used, &good, &bad);
        damage(MULTIBOOT1_MAGIC, mem + 0x100, 0x600, &good, &bad);
        mb2_build();
        damage(MULTIBOOT2_MAGIC, block, used, &good, &bad);
        CHECK(good > 100);
        CHECK(bad > 100);
    }
    TEST("any truncation gives success or a reason") {
        mb1_build("qemu");
        for (size_t size = 0; size < used; size++) {
            int rc = parse(MULTIBOOT1_MAGIC, size);

            CHECK(!rc == !info.error);
        }
        mb2_build();
        for (size_t size = 0; size < used; size++)
            CHECK(parse(MULTIBOOT2_MAGIC, size) < 0 && info.error);
        /* the block itself says that it is shorter */
        for (uint32_t size = 0; size < used; size++) {
            put32(block, size);
            CHECK(parse(MULTIBOOT2_MAGIC, used) < 0 && info.error);
        }
    }
}

int main(void)
{
    mb1_tests();
    mb2_tests();
    damage_tests();
    return check_exit();
}
