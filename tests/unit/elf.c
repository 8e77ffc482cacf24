/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF images and their Xen notes. A small image is put together here, spoilt in one way after the
 * other, and must be refused with the right reason. Images are parsed from a heap copy of their
 * exact size, so that the sanitizer sees each byte too far.
 */
/* links: lib/elf.c lib/xen_notes.c lib/number.c lib/string.c */
#include <stdlib.h>

#include <lib/bytes.h>
#include <lib/elf.h>
#include <lib/xen_notes.h>

#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/features.h>

#include "check.h"

#define IMAGE_MAX 4096
#define PHDRS 64
#define PHDR_SIZE 56
#define TEXT_OFFSET 0x200
#define TEXT_SIZE 0x100
#define NOTES_OFFSET 0x300
#define NOTES_MAX 0x400
#define SHDRS 0x800
#define SHDR_SIZE 64
#define STRINGS 0xa00
#define LEGACY 0xb00
#define IMAGE_SIZE 0xd00

#define VIRT_BASE 0xffffffff80000000ull
#define PADDR 0x100000ull
#define MEM_SIZE 0x3000ull

static uint8_t image[IMAGE_MAX];
static uint32_t notes_size;

static void put16(uint32_t at, uint16_t v)
{
    memcpy(image + at, &v, sizeof(v));
}

static void put32(uint32_t at, uint32_t v)
{
    put_le32(image + at, v);
}

static void put64(uint32_t at, uint64_t v)
{
    put_le64(image + at, v);
}

static void put_phdr(uint32_t i, uint32_t type, uint64_t offset, uint64_t paddr, uint64_t filesz,
                     uint64_t memsz)
{
    const uint32_t at = PHDRS + i * PHDR_SIZE;

    put32(at, type);
    put32(at + 4, ELF_PF_R);
    put64(at + 8, offset);
    put64(at + 16, VIRT_BASE + paddr);
    put64(at + 24, paddr);
    put64(at + 32, filesz);
    put64(at + 40, memsz);
}

/* A text segment with some zeros behind it, and one of notes, which are empty. */
static void make_image(void)
{
    memset(image, 0, sizeof(image));
    memcpy(image, "\177ELF\2\1\1", 7);
    put16(16, 2);
    put16(18, ELF_MACHINE_X86_64);
    put64(24, VIRT_BASE + PADDR);
    put64(32, PHDRS);
    put16(54, PHDR_SIZE);
    put16(56, 2);
    put_phdr(0, ELF_PT_LOAD, TEXT_OFFSET, PADDR, TEXT_SIZE, MEM_SIZE);
    put_phdr(1, ELF_PT_NOTE, NOTES_OFFSET, 0, 0, 0);
    for (uint32_t i = 0; i < TEXT_SIZE; i++)
        image[TEXT_OFFSET + i] = (uint8_t)(i + 1);
    notes_size = 0;
}

static void add_note(const char *owner, uint32_t type, const void *desc, uint32_t size)
{
    const uint32_t at = NOTES_OFFSET + notes_size, owner_size = (uint32_t)strlen(owner) + 1;
    const uint32_t desc_at = at + 12 + ((owner_size + 3) & ~3u);

    put32(at, owner_size);
    put32(at + 4, size);
    put32(at + 8, type);
    memcpy(image + at + 12, owner, owner_size);
    memcpy(image + desc_at, desc, size);
    notes_size = desc_at + ((size + 3) & ~3u) - NOTES_OFFSET;
    put_phdr(1, ELF_PT_NOTE, NOTES_OFFSET, 0, notes_size, notes_size);
}

static void add_text(uint32_t type, const char *text)
{
    add_note("Xen", type, text, (uint32_t)strlen(text) + 1);
}

static void add_number(uint32_t type, uint64_t v)
{
    add_note("Xen", type, &v, sizeof(v));
}

/* The notes without which a PV kernel is refused. */
static void make_kernel(void)
{
    make_image();
    add_text(XEN_ELFNOTE_GUEST_OS, "linux");
    add_text(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    add_text(XEN_ELFNOTE_LOADER, "generic");
    add_number(XEN_ELFNOTE_VIRT_BASE, VIRT_BASE);
    add_number(XEN_ELFNOTE_ENTRY, VIRT_BASE + PADDR + 0x10);
}

static void add_section(const char *legacy)
{
    static const char strings[] = "\0.shstrtab\0__xen_guest";

    memcpy(image + STRINGS, strings, sizeof(strings));
    memcpy(image + LEGACY, legacy, strlen(legacy) + 1);
    put64(40, SHDRS);
    put16(58, SHDR_SIZE);
    put16(60, 3);
    put16(62, 1);
    put32(SHDRS + 1 * SHDR_SIZE, 1);
    put32(SHDRS + 1 * SHDR_SIZE + 4, 3);
    put64(SHDRS + 1 * SHDR_SIZE + 24, STRINGS);
    put64(SHDRS + 1 * SHDR_SIZE + 32, sizeof(strings));
    put32(SHDRS + 2 * SHDR_SIZE, 11);
    put32(SHDRS + 2 * SHDR_SIZE + 4, 1);
    put64(SHDRS + 2 * SHDR_SIZE + 24, LEGACY);
    put64(SHDRS + 2 * SHDR_SIZE + 32, strlen(legacy) + 1);
}

static uint8_t *heap;
static struct elf_image elf;
static struct xen_notes notes;

static int parse_size(size_t size)
{
    free(heap);
    heap = malloc(size ? size : 1);
    memcpy(heap, image, size);
    return elf_parse(&elf, heap, size);
}

static int parse(void)
{
    return parse_size(IMAGE_SIZE);
}

static int parse_notes(void)
{
    CHECK_EQ(parse(), 0);
    return xen_notes_parse(&notes, &elf);
}

/* As dom0: the strictest. */
static int check_kernel(void)
{
    const int rc = parse_notes();

    return rc ? rc : xen_notes_check_pv(&notes, true);
}

static void test_images(void)
{
    TEST("an image is parsed") {
        struct elf_segment s;

        make_image();
        if (!CHECK_EQ(parse(), 0))
            break;
        CHECK(elf.is_64bit && elf.nr_phdrs == 2 && elf.entry == VIRT_BASE + PADDR);
        CHECK(elf.load_start == PADDR && elf.load_end == PADDR + MEM_SIZE);
        s = elf_segment(&elf, 0);
        CHECK(s.type == ELF_PT_LOAD && s.paddr == PADDR && s.mem_size == MEM_SIZE);
        CHECK(s.data.ptr == heap + TEXT_OFFSET && s.data.size == TEXT_SIZE);
    }
    TEST("a 32-bit image is parsed") {
        make_image();
        image[4] = 1;
        put16(18, ELF_MACHINE_386);
        put32(24, 0x100020);
        put32(28, PHDRS);
        put32(32, 0);
        put16(42, 32);
        put16(44, 1);
        memset(image + PHDRS, 0, 32);
        put32(PHDRS, ELF_PT_LOAD);
        put32(PHDRS + 4, TEXT_OFFSET);
        put32(PHDRS + 12, PADDR);
        put32(PHDRS + 16, TEXT_SIZE);
        put32(PHDRS + 20, MEM_SIZE);
        put32(PHDRS + 24, ELF_PF_X);
        if (!CHECK_EQ(parse(), 0))
            break;
        CHECK(!elf.is_64bit && elf.entry == 0x100020);
        CHECK(elf.load_start == PADDR && elf.load_end == PADDR + MEM_SIZE);
        CHECK_EQ(elf_segment(&elf, 0).flags, ELF_PF_X);
    }
    TEST("loading copies and clears") {
        uint8_t *ram = malloc(MEM_SIZE);

        make_image();
        CHECK_EQ(parse(), 0);
        memset(ram, 0xee, MEM_SIZE);
        CHECK_EQ(elf_load_at(&elf, ram, MEM_SIZE, PADDR), 0);
        CHECK_EQ(memcmp(ram, image + TEXT_OFFSET, TEXT_SIZE), 0);
        for (uint32_t i = TEXT_SIZE; i < MEM_SIZE; i++)
            CHECK_EQ(ram[i], 0);
        CHECK_EQ(elf_load_at(&elf, ram, MEM_SIZE - 1, PADDR), -XEN_ENOMEM);
        CHECK_EQ(elf_load_at(&elf, ram, MEM_SIZE, PADDR + 1), -XEN_ENOMEM);
        CHECK_EQ(elf_load_at(&elf, ram, MEM_SIZE, 0), -XEN_ENOMEM);
        free(ram);
    }
}

static void check_spoilt(uint32_t at, uint32_t size, uint64_t value, const char *why)
{
    make_image();
    memcpy(image + at, &value, size);
    CHECK(parse() < 0);
    CHECK_STR(elf.why, why);
}

static void test_spoilt_images(void)
{
    TEST("what is no ELF file for this machine is refused") {
        check_spoilt(0, 1, 0, "not an ELF file");
        check_spoilt(4, 1, 3, "ELF class, byte order or version not supported");
        check_spoilt(5, 1, 2, "ELF class, byte order or version not supported");
        check_spoilt(16, 2, 1, "ELF file is not an executable");
        check_spoilt(18, 2, 183, "ELF file is for another machine");
    }
    TEST("headers outside of the file are refused") {
        static const char why[] = "ELF program headers are missing or outside of the file";

        check_spoilt(56, 2, 0, why);
        check_spoilt(56, 2, 0xffff, why);
        check_spoilt(54, 2, 32, why);
        check_spoilt(32, 8, IMAGE_SIZE - PHDR_SIZE, why);
        check_spoilt(32, 8, UINT64_MAX, why);
    }
    TEST("segments outside of the file or the address space are refused") {
        check_spoilt(PHDRS + 8, 8, IMAGE_SIZE, "ELF segment lies outside of the file");
        check_spoilt(PHDRS + 8, 8, UINT64_MAX, "ELF segment lies outside of the file");
        check_spoilt(PHDRS + 32, 8, UINT64_MAX, "ELF segment lies outside of the file");
        check_spoilt(PHDRS + 40, 8, TEXT_SIZE - 1,
                     "ELF segment is larger in the file than in memory");
        check_spoilt(PHDRS + 40, 8, UINT64_MAX, "ELF segment wraps around the address space");
        check_spoilt(PHDRS + 24, 8, UINT64_MAX, "ELF segment wraps around the address space");
        check_spoilt(PHDRS + 16, 8, UINT64_MAX, "ELF segment wraps around the address space");
        check_spoilt(PHDRS, 4, 0, "ELF file has nothing to load");
    }
    TEST("every truncation is refused") {
        make_image();
        put_phdr(0, ELF_PT_LOAD, TEXT_OFFSET, PADDR, IMAGE_SIZE - TEXT_OFFSET, MEM_SIZE);
        for (size_t size = 0; size < IMAGE_SIZE; size++)
            CHECK(parse_size(size) < 0 && elf.why);
        CHECK_EQ(parse(), 0);
    }
    TEST("sections outside of the file are no sections") {
        struct elf_section s;

        make_image();
        add_section("XEN_VER=xen-3.0");
        CHECK_EQ(parse(), 0);
        CHECK(elf_find_section(&elf, "__xen_guest", &s) && s.data.ptr == heap + LEGACY);
        CHECK(!elf_find_section(&elf, "__xen_gues", &s));
        put64(SHDRS + 2 * SHDR_SIZE + 32, IMAGE_SIZE);
        CHECK_EQ(parse(), 0);
        CHECK(!elf_find_section(&elf, "__xen_guest", &s));
        put64(40, IMAGE_SIZE - 1);
        CHECK_EQ(parse(), 0);
        CHECK_EQ(elf.nr_shdrs, 0);
        CHECK(!elf_find_section(&elf, "__xen_guest", &s));
    }
}

static uint32_t count_notes(void)
{
    struct elf_note_walk walk = { 0 };
    struct elf_note note;
    uint32_t n = 0;

    while (elf_next_note(&elf, &walk, &note))
        n++;
    return n;
}

static void test_note_walk(void)
{
    TEST("notes are walked over") {
        struct elf_note_walk walk = { 0 };
        struct elf_note note;

        make_image();
        add_note("GNU", 3, "build", 5);
        add_note("Xen", 6, "linux", 6);
        CHECK_EQ(parse(), 0);
        CHECK(elf_next_note(&elf, &walk, &note) && note.type == 3 && note.desc.size == 5);
        CHECK_STR(note.name, "GNU");
        CHECK(elf_next_note(&elf, &walk, &note) && note.type == 6);
        CHECK_STR((const char *)note.desc.ptr, "linux");
        CHECK(!elf_next_note(&elf, &walk, &note) && !elf_next_note(&elf, &walk, &note));
    }
    TEST("malformed notes end the walk") {
        make_kernel();
        put32(NOTES_OFFSET, 0xfffffffd);
        CHECK_EQ(parse(), 0);
        CHECK_EQ(count_notes(), 0);
        make_kernel();
        put32(NOTES_OFFSET + 4, 0xffffffff);
        CHECK_EQ(parse(), 0);
        CHECK_EQ(count_notes(), 0);
        make_kernel();
        image[NOTES_OFFSET + 12 + 3] = 'x';
        CHECK_EQ(parse(), 0);
        CHECK_EQ(count_notes(), 0);
        make_kernel();
        put_phdr(1, ELF_PT_NOTE, NOTES_OFFSET, 0, notes_size - 1, 0);
        CHECK_EQ(parse(), 0);
        CHECK_EQ(count_notes(), 4);
    }
}

static void test_good_notes(void)
{
    TEST("the notes of a kernel are read") {
        static const uint64_t mfn_valid[2] = { 1, 1 };

        make_kernel();
        add_text(XEN_ELFNOTE_GUEST_VERSION, "2.6");
        add_number(XEN_ELFNOTE_PADDR_OFFSET, 0);
        add_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
        add_number(XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000);
        add_number(XEN_ELFNOTE_MOD_START_PFN, 1);
        add_number(XEN_ELFNOTE_SUSPEND_CANCEL, 1);
        add_number(XEN_ELFNOTE_PHYS32_ENTRY, PADDR + 0x20);
        add_note("Xen", XEN_ELFNOTE_L1_MFN_VALID, mfn_valid, sizeof(mfn_valid));
        add_text(XEN_ELFNOTE_PAE_MODE, "yes");
        add_text(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb|from_the_future");
        add_note("Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, "\x01\x88\x00\x00", 4);
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK_EQ(xen_notes_check_pvh(&notes, &elf), XEN_NOTES_OK);
        CHECK_STR(notes.guest_os, "linux");
        CHECK_STR(notes.guest_version, "2.6");
        CHECK(notes.entry == VIRT_BASE + PADDR + 0x10 && notes.virt_base == VIRT_BASE);
        CHECK(notes.init_p2m == 0x8000000000 && notes.hv_start_low == 0xffff800000000000);
        CHECK(notes.mod_start_pfn && notes.suspend_cancel && notes.phys32_entry == PADDR + 0x20);
        CHECK(notes.l1_mfn_mask == 1 && notes.l1_mfn_value == 1);
        CHECK_EQ(notes.pae_mode, XEN_PAE_YES);
        CHECK_EQ(notes.features_required, 1u << XENFEAT_writable_page_tables);
        CHECK_EQ(notes.features_supported, 0x8801u | 1u << XENFEAT_pae_pgdir_above_4gb);
        CHECK(!xen_notes_has(&notes, XEN_ELFNOTE_HYPERCALL_PAGE) && !notes.legacy);
        CHECK_EQ(notes.virt_start, VIRT_BASE + PADDR);
        CHECK_EQ(notes.virt_end, VIRT_BASE + PADDR + MEM_SIZE);
    }
    TEST("bits of the features not required stay out") {
        make_kernel();
        add_text(XEN_ELFNOTE_FEATURES, "dom0|unknown|");
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK_EQ(notes.features_required, 0);
        CHECK_EQ(notes.features_supported, 1u << XENFEAT_dom0);
    }
    TEST("a PVH kernel needs only its entry point") {
        make_image();
        add_number(XEN_ELFNOTE_PHYS32_ENTRY, PADDR);
        CHECK_EQ(parse_notes(), XEN_NOTES_OK);
        CHECK_EQ(xen_notes_check_pvh(&notes, &elf), XEN_NOTES_OK);
        CHECK_EQ(xen_notes_check_pv(&notes, false), XEN_NOTES_WRONG_VERSION);
    }
    TEST("the older __xen_guest string is read") {
        make_image();
        add_section("GUEST_OS=linux,GUEST_VER=2.6,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,"
                    "ELF_PADDR_OFFSET=0x0,VIRT_ENTRY=0xffffffff80100000,HYPERCALL_PAGE=0x102,"
                    "FEATURES=!writable_page_tables|auto_translated_physmap,LOADER=generic,"
                    "PAE=yes[extended-cr3],BSD_SYMTAB");
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK(notes.legacy && notes.entry == VIRT_BASE + PADDR);
        CHECK_EQ(notes.hypercall_page, VIRT_BASE + 0x102000);
        CHECK_EQ(notes.features_supported, 1u << XENFEAT_writable_page_tables |
                                               1u << XENFEAT_auto_translated_physmap);
        CHECK_EQ(notes.pae_mode, XEN_PAE_YES);
    }
    TEST("the older string's defaults differ") {
        make_image();
        put_phdr(0, ELF_PT_LOAD, TEXT_OFFSET, PADDR, TEXT_SIZE, MEM_SIZE);
        put64(PHDRS + 24, VIRT_BASE + PADDR);
        add_section("XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0xffffffff80000000");
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK(notes.paddr_offset == VIRT_BASE && notes.entry == VIRT_BASE + PADDR);
    }
}

static void check_refused(int want, const char *why)
{
    CHECK_EQ(check_kernel(), want);
    CHECK_STR(notes.why, why);
}

static void test_bad_notes(void)
{
    TEST("no notes at all") {
        make_image();
        check_refused(XEN_NOTES_NONE, "no Xen notes: not a kernel for Xen");
        add_note("GNU", XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
        check_refused(XEN_NOTES_NONE, "no Xen notes: not a kernel for Xen");
    }
    TEST("the wrong version, the wrong loader") {
        make_kernel();
        add_text(XEN_ELFNOTE_XEN_VERSION, "xen-2.0");
        check_refused(XEN_NOTES_WRONG_VERSION, "kernel is not for the Xen 3.0 interface");
        make_kernel();
        add_text(XEN_ELFNOTE_LOADER, "special");
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);      /* linux may */
        add_text(XEN_ELFNOTE_GUEST_OS, "other");
        check_refused(XEN_NOTES_WRONG_LOADER, "kernel wants a loader other than \"generic\"");
    }
    TEST("features that nobody knows, or that PV cannot have") {
        make_kernel();
        add_text(XEN_ELFNOTE_FEATURES, "dom0|!from_the_future");
        check_refused(XEN_NOTES_UNKNOWN_FEATURE, "kernel requires a feature of unknown name");
        make_kernel();
        add_text(XEN_ELFNOTE_FEATURES, "!supervisor_mode_kernel");
        check_refused(XEN_NOTES_UNSUPPORTED_FEATURE,
                      "kernel requires a feature that PV guests cannot have");
    }
    TEST("an entry point or hypercall page outside of the image") {
        make_kernel();
        add_number(XEN_ELFNOTE_ENTRY, VIRT_BASE + PADDR + MEM_SIZE);
        check_refused(XEN_NOTES_NO_ENTRY, "kernel has no entry point inside of its image");
        make_kernel();
        add_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + PADDR + 8);
        check_refused(XEN_NOTES_BAD_LAYOUT,
                      "kernel's hypercall page is not a page of its image");
        add_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + PADDR + 0x1000);
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK_EQ(xen_notes_check_pvh(&notes, &elf), XEN_NOTES_NO_ENTRY);
        add_number(XEN_ELFNOTE_PHYS32_ENTRY, PADDR - 1);
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK_EQ(xen_notes_check_pvh(&notes, &elf), XEN_NOTES_NO_ENTRY);
    }
    TEST("an image below its VIRT_BASE") {
        make_kernel();
        add_number(XEN_ELFNOTE_PADDR_OFFSET, PADDR + 1);
        check_refused(XEN_NOTES_BAD_LAYOUT, "kernel image does not lie above its VIRT_BASE");
    }
    TEST("a kernel that is not for dom0") {
        make_kernel();
        add_number(XEN_ELFNOTE_SUPPORTED_FEATURES, 1);
        check_refused(XEN_NOTES_NO_DOM0, "kernel does not support being dom0");
        CHECK_EQ(xen_notes_check_pv(&notes, false), XEN_NOTES_OK);
    }
    TEST("values of the wrong form") {
        char longest[300];

        memset(longest, 'x', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        make_kernel();
        add_note("Xen", XEN_ELFNOTE_ENTRY, "abc", 3);
        check_refused(XEN_NOTES_MALFORMED, "a Xen note that is a number has an odd size");
        make_kernel();
        add_text(XEN_ELFNOTE_FEATURES, longest);
        check_refused(XEN_NOTES_MALFORMED, "a Xen note is too long a string");
        make_kernel();
        add_text(XEN_ELFNOTE_PAE_MODE, "perhaps");
        check_refused(XEN_NOTES_MALFORMED, "note PAE_MODE has an unknown value");
        make_kernel();
        add_number(XEN_ELFNOTE_L1_MFN_VALID, 1);
        check_refused(XEN_NOTES_MALFORMED, "note L1_MFN_VALID is too short");
        make_image();
        add_section("XEN_VER=xen-3.0,VIRT_BASE=zero");
        check_refused(XEN_NOTES_MALFORMED, "__xen_guest has a malformed number");
    }
    TEST("a string without an end is cut at its size") {
        make_kernel();
        add_note("Xen", XEN_ELFNOTE_GUEST_VERSION, "1234", 4);
        CHECK_EQ(check_kernel(), XEN_NOTES_OK);
        CHECK_STR(notes.guest_version, "1234");
    }
}

int main(void)
{
    test_images();
    test_spoilt_images();
    test_note_walk();
    test_good_notes();
    test_bad_notes();
    free(heap);
    return check_exit();
}
