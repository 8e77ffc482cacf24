/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the boot loader said, in one struct, whichever protocol it speaks.
 *
 * Everything is copied: after boot_info_parse() the loader's own structures may be overwritten (the
 * modules themselves, of course, may not). The struct is about 15 KiB: keep it static.
 */
#ifndef LIB_MULTIBOOT_H
#define LIB_MULTIBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lib/e820.h>

#define MULTIBOOT1_MAGIC 0x2BADB002u /* in EAX at entry */
#define MULTIBOOT2_MAGIC 0x36D76289u

#define BOOT_MAX_MODULES 8
#define BOOT_STRING_BYTES 8192 /* all command lines and the loader's name together */

struct boot_module {
    uint64_t start; /* physical address */
    uint64_t size;  /* bytes; may be 0 */
    const char *cmdline;
};

enum boot_fb_kind {
    BOOT_FB_NONE,
    BOOT_FB_INDEXED, /* palette */
    BOOT_FB_RGB,
    BOOT_FB_TEXT, /* EGA text: pitch in bytes, width and height in characters */
};

struct boot_framebuffer {
    enum boot_fb_kind kind;
    uint64_t addr;
    uint32_t pitch, width, height;
    uint8_t bpp;
    uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size, reserved_pos,
        reserved_size;
};

/* From the VBE 3.0 controller and mode information blocks; mode 0 when the loader gave none. */
struct boot_vbe {
    uint16_t mode;
    uint16_t mode_attributes;
    uint32_t capabilities;
    uint32_t memory_kib; /* total video memory */
    uint16_t interface_seg, interface_off, interface_len;
};

struct boot_info {
    const char *error; /* why parsing failed; NULL after success */
    bool multiboot2;

    const char *loader;  /* "" if the loader has no name */
    const char *cmdline; /* never NULL; a leading file name is stripped */
    unsigned int nr_modules;
    struct boot_module module[BOOT_MAX_MODULES];

    struct e820 memory; /* raw: give it to e820_sanitise() */
    bool memory_from_efi;
    uint32_t mem_lower_kib, mem_upper_kib; /* basic memory, 0 if unknown */

    uint8_t rsdp[36]; /* a copy of the ACPI root pointer */
    uint8_t rsdp_len; /* 0 (not given), 20 (ACPI 1.0) or 36 */

    bool efi;               /* started by EFI firmware */
    bool efi_is_32bit;      /* the system table is that of a 32-bit firmware */
    bool efi_boot_services; /* the loader has not left boot services */
    uint64_t efi_system_table;
    uint64_t efi_image_handle;

    struct boot_framebuffer fb;
    struct boot_vbe vbe;

    uint32_t load_base; /* where a relocating loader put the image; 0 if it says nothing */

    size_t strings_used;
    char strings[BOOT_STRING_BYTES];
};

/*
 * len readable bytes at a physical address, valid until the next call; NULL if they cannot be had.
 */
typedef const void *boot_map_fn(void *ctx, uint64_t phys, size_t len);

/*
 * Parse the loader's information block, of which `max` bytes are readable at `info`. `map` reads
 * what multiboot 1 keeps outside of the block; multiboot 2 does not need it. Returns 0 or a
 * negative errno with out->error saying why.
 */
int boot_info_parse(struct boot_info *out, uint32_t magic, const void *info, size_t max,
                    boot_map_fn *map, void *ctx);

#endif
