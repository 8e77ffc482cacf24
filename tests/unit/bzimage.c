/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bzImage headers, made here and of Debian's kernel, which is unpacked, parsed and loaded whole if
 * build/images/vmlinuz (or the file that VMLINUZ names) is there.
 */
/* links: lib/bzimage.c lib/decompress.c lib/decompress_bcj.c lib/decompress_gzip.c */
/* links: lib/decompress_lz4.c lib/decompress_lzma2.c lib/decompress_xz.c lib/decompress_zstd.c */
/* links: lib/zstd_entropy.c lib/crc32.c lib/xxh64.c lib/elf.c lib/xen_notes.c lib/number.c */
/* links: lib/string.c */
#include <stdlib.h>

#include <lib/bytes.h>
#include <lib/bzimage.h>
#include <lib/elf.h>
#include <lib/xen_notes.h>

#include <xen/elfnote.h>
#include <xen/errno.h>

#include "check.h"

#define IMAGE_SIZE 4096
#define KERNEL (2 * 512)                   /* one sector of setup code */
#define PAYLOAD 0x40
#define LENGTH 100
#define UNPACKED 12345

static uint8_t image[IMAGE_SIZE];

static void make_image(void)
{
    memset(image, 0, sizeof(image));
    image[0x1f1] = 1;
    image[0x1fe] = 0x55;
    image[0x1ff] = 0xaa;
    memcpy(image + 0x202, "HdrS", 4);
    image[0x206] = 0x0f;
    image[0x207] = 0x02;
    put_le32(image + 0x248, PAYLOAD);
    put_le32(image + 0x24c, LENGTH);
    memcpy(image + KERNEL + PAYLOAD, "\xfd" "7zXZ", 6);
    put_le32(image + KERNEL + PAYLOAD + LENGTH - 4, UNPACKED);
}

static struct span payload;
static enum compression kind;
static size_t unpacked;
static const char *why;

/* From a heap copy of exactly that size, so that the sanitizer sees a read too far. */
static int find(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    int rc;

    memcpy(copy, image, size);
    why = NULL;
    rc = bzimage_payload(copy, size, &payload, &kind, &unpacked, &why);
    if (rc == 0)
        payload.ptr = image + (payload.ptr - copy);
    free(copy);
    return rc;
}

static void test_headers(void)
{
    TEST("payload of a bzImage is found") {
        make_image();
        CHECK_EQ(find(sizeof(image)), 0);
        CHECK(payload.ptr == image + KERNEL + PAYLOAD);
        CHECK_EQ(payload.size, LENGTH - 4);
        CHECK_EQ(kind, COMPRESSION_XZ);
        CHECK_EQ(unpacked, UNPACKED);
    }
    TEST("gzip keeps its trailer, as the size is part of the format") {
        make_image();
        memcpy(image + KERNEL + PAYLOAD, "\x1f\x8b\x08\x00\x00\x00", 6);
        CHECK_EQ(find(sizeof(image)), 0);
        CHECK_EQ(kind, COMPRESSION_GZIP);
        CHECK_EQ(payload.size, LENGTH);
        CHECK_EQ(unpacked, UNPACKED);
    }
    TEST("zero setup sectors mean four") {
        make_image();
        memset(image + KERNEL + PAYLOAD, 0, LENGTH);
        image[0x1f1] = 0;
        memcpy(image + 5 * 512 + PAYLOAD, "\x28\xb5\x2f\xfd", 4);
        put_le32(image + 5 * 512 + PAYLOAD + LENGTH - 4, 7);
        CHECK_EQ(find(sizeof(image)), 0);
        CHECK_EQ(kind, COMPRESSION_ZSTD);
        CHECK_EQ(unpacked, 7);
    }
    TEST("an ELF file passes through") {
        memset(image, 0, sizeof(image));
        memcpy(image, "\177ELF", 4);
        CHECK_EQ(find(sizeof(image)), 0);
        CHECK_EQ(kind, COMPRESSION_NONE);
        CHECK(payload.ptr == image && payload.size == IMAGE_SIZE && unpacked == IMAGE_SIZE);
    }
}

static void test_refusals(void)
{
    TEST("what is neither bzImage nor ELF is refused") {
        make_image();
        image[0x202] = 'X';
        CHECK_EQ(find(sizeof(image)), -XEN_ENOEXEC);
        CHECK_STR(why, "neither a bzImage nor an ELF file");
        make_image();
        image[0x1fe] = 0;
        CHECK_EQ(find(sizeof(image)), -XEN_ENOEXEC);
    }
    TEST("boot protocol before 2.08 is refused") {
        make_image();
        image[0x206] = 7;
        CHECK_EQ(find(sizeof(image)), -XEN_ENOEXEC);
        CHECK_STR(why, "bzImage boot protocol is older than 2.08");
    }
    TEST("payload outside of the file is refused") {
        make_image();
        put_le32(image + 0x24c, IMAGE_SIZE);
        CHECK_EQ(find(sizeof(image)), -XEN_EINVAL);
        make_image();
        put_le32(image + 0x248, 0xffffffff);
        CHECK_EQ(find(sizeof(image)), -XEN_EINVAL);
        make_image();
        put_le32(image + 0x24c, 4);
        CHECK_EQ(find(sizeof(image)), -XEN_EINVAL);
        CHECK_STR(why, "bzImage payload lies outside of the file");
    }
    TEST("unknown payload and impossible size are refused") {
        make_image();
        image[KERNEL + PAYLOAD] = 'x';
        CHECK_EQ(find(sizeof(image)), -XEN_EINVAL);
        make_image();
        put_le32(image + KERNEL + PAYLOAD + LENGTH - 4, 0);
        CHECK_EQ(find(sizeof(image)), -XEN_EINVAL);
        put_le32(image + KERNEL + PAYLOAD + LENGTH - 4, UINT32_MAX);
        CHECK_EQ(find(sizeof(image)), -XEN_EINVAL);
        CHECK_STR(why, "bzImage payload announces an impossible size");
    }
    TEST("every truncation is refused") {
        make_image();
        for (size_t size = 0; size < KERNEL + PAYLOAD + LENGTH; size++)
            if (!CHECK(find(size) < 0))
                break;
        CHECK_EQ(find(KERNEL + PAYLOAD + LENGTH), 0);
    }
}

static uint8_t *read_file(const char *name, size_t *size)
{
    FILE *f = fopen(name, "rb");
    uint8_t *data = NULL;

    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (*size = (size_t)ftell(f)) > 0) {
        rewind(f);
        data = malloc(*size);
        if (fread(data, 1, *size, f) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

static void check_kernel(struct span file)
{
    static uint8_t memory[DECOMPRESS_MEM_MAX];
    struct decompress_arena arena = { memory, sizeof(memory), 0 };
    const struct decompress_mem mem = { decompress_arena_alloc, &arena };
    uint8_t *vmlinux = NULL, *ram = NULL;
    struct elf_image elf;
    struct xen_notes notes;

    TEST("Debian's kernel is unpacked") {
        if (!CHECK_EQ(bzimage_payload(file.ptr, file.size, &payload, &kind, &unpacked, &why), 0))
            break;
        vmlinux = malloc(unpacked);
        if (!CHECK_EQ(decompress(kind, payload, vmlinux, unpacked, &mem, &why), 0)) {
            CHECK_STR(why, "no error");
            unpacked = 0;
        }
    }
    TEST("Debian's kernel is ELF and its notes are read") {
        if (!CHECK_EQ(elf_parse(&elf, vmlinux, unpacked), 0) ||
            !CHECK_EQ(xen_notes_parse(&notes, &elf), XEN_NOTES_OK))
            break;
        CHECK_EQ(xen_notes_check_pv(&notes, true), XEN_NOTES_OK);
        CHECK_EQ(xen_notes_check_pvh(&notes, &elf), XEN_NOTES_OK);
        CHECK_STR(notes.guest_os, "linux");
        CHECK_STR(notes.guest_version, "2.6");
        CHECK_STR(notes.xen_version, "xen-3.0");
        CHECK_STR(notes.loader, "generic");
        CHECK_EQ(notes.virt_base, 0xffffffff80000000);
        CHECK_EQ(notes.paddr_offset, 0);
        CHECK_EQ(notes.init_p2m, 0x8000000000);
        CHECK_EQ(notes.hv_start_low, 0xffff800000000000);
        CHECK_EQ(notes.phys32_entry >> 12, 0x1000);
        CHECK_EQ(notes.features_supported & 0x8801, 0x8801);
        CHECK(notes.mod_start_pfn && notes.suspend_cancel && !notes.legacy);
        CHECK_EQ(notes.pae_mode, XEN_PAE_YES);
        CHECK(notes.l1_mfn_mask == 1 && notes.l1_mfn_value == 1);
        CHECK_EQ(notes.virt_start, 0xffffffff81000000);
        CHECK_EQ(elf.load_start, 0x1000000);
    }
    TEST("Debian's kernel is loaded by physical address") {
        struct elf_segment text;

        if (!CHECK(unpacked > 0))
            break;
        ram = malloc(elf.load_end - elf.load_start);
        CHECK_EQ(elf_load_at(&elf, ram, elf.load_end - elf.load_start, elf.load_start), 0);
        text = elf_segment(&elf, 0);
        CHECK_EQ(memcmp(ram + text.paddr - elf.load_start, text.data.ptr, text.data.size), 0);
        CHECK_EQ(elf_load_at(&elf, ram, elf.load_end - elf.load_start - 1, elf.load_start),
                 -XEN_ENOMEM);
        CHECK_EQ(elf_load_at(&elf, ram, elf.load_end - elf.load_start, elf.load_start + 4096),
                 -XEN_ENOMEM);
    }
    free(ram);
    free(vmlinux);
}

int main(void)
{
    const char *name = getenv("VMLINUZ");
    struct span file = { 0 };

    test_headers();
    test_refusals();
    if (!name)
        name = "build/images/vmlinuz";
    file.ptr = read_file(name, &file.size);
    if (file.ptr)
        check_kernel(file);
    else
        TEST("Debian's kernel is unpacked")
            check_skip("no build/images/vmlinuz");
    free((void *)(uintptr_t)file.ptr);
    return check_exit();
}
