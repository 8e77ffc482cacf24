/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot 1 (Multiboot Specification 0.6.96, "Boot information format") and multiboot 2 (2.0,
 * same heading).
 *
 * The loader is trusted not to be hostile, but not to be right: every length is checked before it
 * is used, every loop is bounded by the size of the block, every string is copied with a bound.
 * Numbers are little-endian at any alignment.
 */
#include <lib/multiboot.h>

#include <hv/errno.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define MAP_MAX_BYTES (1u << 20) /* more memory map than this is a mistake, not a machine */
#define VBE_CONTROL_BYTES 512
#define VBE_MODE_BYTES 256

/* VBE 3.0, "Function 01h: Return VBE Mode Information" */
#define VBE_ATTR_LINEAR 0x80
#define VBE_MODEL_PACKED 4
#define VBE_MODEL_DIRECT 6

struct source {
    struct boot_info *out;
    const uint8_t *base;
    size_t size;
    boot_map_fn *map;
    void *ctx;
};

static int fail(struct boot_info *out, int rc, const char *why)
{
    out->error = why;
    return rc;
}

/* ---- what both protocols share ---- */

/* Append one character to the string that is being copied. */
static bool push_char(struct boot_info *out, char c)
{
    if (out->strings_used >= sizeof(out->strings))
        return false;
    out->strings[out->strings_used++] = c;
    return true;
}

/* Copy a string of at most max bytes, which may lack its terminator. */
static int copy_string(struct boot_info *out, const char **dst, const uint8_t *s, size_t max)
{
    size_t first = out->strings_used;

    for (size_t i = 0; i < max && s[i]; i++)
        if (!push_char(out, (char)s[i]))
            return fail(out, -E2BIG, "the boot loader's command lines are too long");
    if (!push_char(out, '\0'))
        return fail(out, -E2BIG, "the boot loader's command lines are too long");
    *dst = &out->strings[first];
    return 0;
}

/* start and end as the loader gave them; *m is the new module, its command line still to be set */
static int add_module(struct boot_info *out, uint64_t start, uint64_t end, struct boot_module **m)
{
    if (end < start)
        return fail(out, -EINVAL, "a boot module ends before it starts");
    if (out->nr_modules >= BOOT_MAX_MODULES)
        return fail(out, -E2BIG, "too many boot modules");
    *m = &out->module[out->nr_modules++];
    **m = (struct boot_module){ .start = start, .size = end - start, .cmdline = "" };
    return 0;
}

/* A range that runs off the end of the address space is cut there. */
static int add_memory(struct boot_info *out, uint64_t start, uint64_t size, uint32_t type)
{
    if (size > UINT64_MAX - start)
        size = UINT64_MAX - start;
    if (e820_add(&out->memory, start, size, type))
        return fail(out, -ENOSPC, "the memory map has too many ranges");
    return 0;
}

/* For loaders that give no map: two ranges, in KiB (multiboot 1, "mem_lower and mem_upper"). */
static int memory_from_basic(struct boot_info *out)
{
    int rc;

    if (!out->mem_lower_kib && !out->mem_upper_kib)
        return fail(out, -EINVAL, "the boot loader gave no memory map");
    rc = add_memory(out, 0, (uint64_t)out->mem_lower_kib << 10, E820_RAM);
    if (!rc)
        rc = add_memory(out, 1u << 20, (uint64_t)out->mem_upper_kib << 10, E820_RAM);
    return rc;
}

/* Colour fields as both protocols lay them out; `left` bytes are there. */
static void fb_colours(struct boot_framebuffer *fb, const uint8_t *c, size_t left)
{
    if (fb->kind != BOOT_FB_RGB || left < 6)
        return;
    fb->red_pos = c[0];
    fb->red_size = c[1];
    fb->green_pos = c[2];
    fb->green_size = c[3];
    fb->blue_pos = c[4];
    fb->blue_size = c[5];
}

/* 22 bytes from the address field on: the same in both protocols. */
#define FB_COMMON_BYTES 22

static void fb_parse(struct boot_info *out, const uint8_t *f, const uint8_t *colours, size_t left)
{
    static const enum boot_fb_kind kind[] = { BOOT_FB_INDEXED, BOOT_FB_RGB, BOOT_FB_TEXT };
    struct boot_framebuffer *fb = &out->fb;

    if (f[21] >= sizeof(kind) / sizeof(kind[0]))
        return;
    *fb = (struct boot_framebuffer){
        .kind = kind[f[21]],
        .addr = get_le64(f),
        .pitch = get_le32(f + 8),
        .width = get_le32(f + 12),
        .height = get_le32(f + 16),
        .bpp = f[20],
    };
    fb_colours(fb, colours, left);
}

static void vbe_control(struct boot_vbe *vbe, const uint8_t *block)
{
    if (memcmp(block, "VESA", 4) != 0)
        return;
    vbe->capabilities = get_le32(block + 10);
    vbe->memory_kib = (uint32_t)get_le16(block + 18) * 64;
}

/* The mode block also describes the frame buffer, for loaders that have no tag for it. */
static void vbe_mode(struct boot_info *out, const uint8_t *block)
{
    uint16_t attributes = get_le16(block);

    out->vbe.mode_attributes = attributes;
    if (out->fb.kind != BOOT_FB_NONE || !(attributes & VBE_ATTR_LINEAR))
        return;
    if (block[27] != VBE_MODEL_DIRECT && block[27] != VBE_MODEL_PACKED)
        return;
    out->fb = (struct boot_framebuffer){
        .kind = block[27] == VBE_MODEL_DIRECT ? BOOT_FB_RGB : BOOT_FB_INDEXED,
        .addr = get_le32(block + 40),
        .pitch = get_le16(block + 16),
        .width = get_le16(block + 18),
        .height = get_le16(block + 20),
        .bpp = block[25],
        .red_size = block[31],
        .red_pos = block[32],
        .green_size = block[33],
        .green_pos = block[34],
        .blue_size = block[35],
        .blue_pos = block[36],
        .reserved_size = block[37],
        .reserved_pos = block[38],
    };
}

/*
 * GRUB 2 passes the arguments only; everybody else (QEMU, GRUB legacy, iPXE) puts the file's name
 * first. "GRUB 0.97" is the legacy one.
 */
static bool loader_gives_file_name(const char *loader)
{
    const char *grub = strstr(loader, "GRUB ");

    return !grub || grub[5] == '0';
}

static const char *skip_blanks(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

static const char *strip_file_name(const char *s)
{
    s = skip_blanks(s);
    while (*s && *s != ' ' && *s != '\t')
        s++;
    return skip_blanks(s);
}

static void strip_file_names(struct boot_info *out)
{
    if (!loader_gives_file_name(out->loader))
        return;
    out->cmdline = strip_file_name(out->cmdline);
    for (unsigned int i = 0; i < out->nr_modules; i++)
        out->module[i].cmdline = strip_file_name(out->module[i].cmdline);
}

/* ---- multiboot 1: one struct; flags say which fields are valid; pointers lead out of it ---- */

enum mb1_flag {
    MB1_MEMORY = 1u << 0,
    MB1_CMDLINE = 1u << 2,
    MB1_MODULES = 1u << 3,
    MB1_MEMORY_MAP = 1u << 6,
    MB1_LOADER_NAME = 1u << 9,
    MB1_VBE = 1u << 11,
    MB1_FRAMEBUFFER = 1u << 12,
};

/* Are the fields announced by a flag there, up to byte `end` of the struct? */
static bool mb1_has(const struct source *s, uint32_t flag, size_t end)
{
    return (get_le32(s->base) & flag) && s->size >= end;
}

static const uint8_t *map_bytes(const struct source *s, uint64_t phys, size_t len)
{
    return s->map ? s->map(s->ctx, phys, len) : NULL;
}

/* Its length is not known beforehand, so it is mapped byte by byte. */
static int mb1_string(const struct source *s, uint32_t phys, const char **dst)
{
    struct boot_info *out = s->out;
    size_t first = out->strings_used;

    if (!phys)
        return 0;
    for (uint64_t addr = phys;; addr++) {
        const uint8_t *c = map_bytes(s, addr, 1);

        if (!c)
            return fail(out, -EFAULT, "a boot string is not in readable memory");
        if (!push_char(out, (char)*c))
            return fail(out, -E2BIG, "the boot loader's command lines are too long");
        if (!*c)
            break;
    }
    *dst = &out->strings[first];
    return 0;
}

static int mb1_modules(const struct source *s)
{
    uint32_t nr = get_le32(s->base + 20), addr = get_le32(s->base + 24);

    if (nr > BOOT_MAX_MODULES)
        return fail(s->out, -E2BIG, "too many boot modules");
    for (uint32_t i = 0; i < nr; i++) {
        const uint8_t *entry = map_bytes(s, (uint64_t)addr + i * 16ULL, 16);
        struct boot_module *m;
        int rc;

        if (!entry)
            return fail(s->out, -EFAULT, "the boot module list is not in readable memory");

        uint32_t string = get_le32(entry + 8);

        rc = add_module(s->out, get_le32(entry), get_le32(entry + 4), &m);
        if (!rc)
            rc = mb1_string(s, string, &m->cmdline);
        if (rc)
            return rc;
    }
    return 0;
}

/* Each entry starts with its own size, which does not count the size field itself. */
static int mb1_memory_map(const struct source *s)
{
    uint32_t len = get_le32(s->base + 44), addr = get_le32(s->base + 48);
    const uint8_t *map;

    if (!len)
        return 0;
    if (len > MAP_MAX_BYTES)
        return fail(s->out, -EINVAL, "the memory map is impossibly long");
    map = map_bytes(s, addr, len);
    if (!map)
        return fail(s->out, -EFAULT, "the memory map is not in readable memory");

    for (uint32_t pos = 0; pos < len;) {
        uint32_t left = len - pos;
        const uint8_t *e = map + pos;

        if (left < 24 || get_le32(e) < 20 || get_le32(e) > left - 4)
            return fail(s->out, -EINVAL, "a memory map entry is truncated");

        int rc = add_memory(s->out, get_le64(e + 4), get_le64(e + 12), get_le32(e + 20));

        if (rc)
            return rc;
        pos += get_le32(e) + 4;
    }
    return 0;
}

/* Video is a convenience: what cannot be read is left out. */
static void mb1_video(const struct source *s)
{
    struct boot_info *out = s->out;
    const uint8_t *block;

    if (mb1_has(s, MB1_FRAMEBUFFER, 88 + FB_COMMON_BYTES))
        fb_parse(out, s->base + 88, s->base + 110, s->size - 110);
    if (!mb1_has(s, MB1_VBE, 88))
        return;

    out->vbe.mode = get_le16(s->base + 80);
    out->vbe.interface_seg = get_le16(s->base + 82);
    out->vbe.interface_off = get_le16(s->base + 84);
    out->vbe.interface_len = get_le16(s->base + 86);
    block = map_bytes(s, get_le32(s->base + 72), VBE_CONTROL_BYTES);
    if (block)
        vbe_control(&out->vbe, block);
    block = map_bytes(s, get_le32(s->base + 76), VBE_MODE_BYTES);
    if (block)
        vbe_mode(out, block);
}

static int mb1_parse(const struct source *s)
{
    struct boot_info *out = s->out;
    int rc = 0;

    if (s->size < 4)
        return fail(out, -EINVAL, "the multiboot information is truncated");
    if (mb1_has(s, MB1_MEMORY, 12)) {
        out->mem_lower_kib = get_le32(s->base + 4);
        out->mem_upper_kib = get_le32(s->base + 8);
    }
    if (mb1_has(s, MB1_CMDLINE, 20))
        rc = mb1_string(s, get_le32(s->base + 16), &out->cmdline);
    if (!rc && mb1_has(s, MB1_MODULES, 28))
        rc = mb1_modules(s);
    if (!rc && mb1_has(s, MB1_MEMORY_MAP, 52))
        rc = mb1_memory_map(s);
    if (!rc && mb1_has(s, MB1_LOADER_NAME, 68))
        rc = mb1_string(s, get_le32(s->base + 64), &out->loader);
    if (!rc)
        mb1_video(s);
    return rc;
}

/* ---- multiboot 2: a list of tags, each with type and size, 8-byte aligned ---- */

enum mb2_tag {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER_NAME = 2,
    MB2_MODULE = 3,
    MB2_BASIC_MEMORY = 4,
    MB2_MEMORY_MAP = 6,
    MB2_VBE = 7,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI32_TABLE = 11,
    MB2_EFI64_TABLE = 12,
    MB2_RSDP_OLD = 14,
    MB2_RSDP_NEW = 15,
    MB2_EFI_MAP = 17,
    MB2_EFI_BOOT_SERVICES = 18,
    MB2_EFI32_IMAGE = 19,
    MB2_EFI64_IMAGE = 20,
    MB2_LOAD_BASE = 21,
};

/* Handlers get the whole tag, of which size bytes (at least the table's minimum) are there. */

static int mb2_cmdline(struct boot_info *out, const uint8_t *tag, size_t size)
{
    return copy_string(out, &out->cmdline, tag + 8, size - 8);
}

static int mb2_loader(struct boot_info *out, const uint8_t *tag, size_t size)
{
    return copy_string(out, &out->loader, tag + 8, size - 8);
}

static int mb2_module(struct boot_info *out, const uint8_t *tag, size_t size)
{
    struct boot_module *m;
    int rc = add_module(out, get_le32(tag + 8), get_le32(tag + 12), &m);

    return rc ? rc : copy_string(out, &m->cmdline, tag + 16, size - 16);
}

static int mb2_basic_memory(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->mem_lower_kib = get_le32(tag + 8);
    out->mem_upper_kib = get_le32(tag + 12);
    return 0;
}

static int mb2_memory_map(struct boot_info *out, const uint8_t *tag, size_t size)
{
    size_t step = get_le32(tag + 8);

    if (out->memory_from_efi) /* the EFI map says more */
        return 0;
    if (step < 24 || (size - 16) % step)
        return fail(out, -EINVAL, "the memory map's entries have a bad size");
    out->memory.nr = 0;
    for (size_t pos = 16; pos < size; pos += step) {
        int rc = add_memory(out, get_le64(tag + pos), get_le64(tag + pos + 8),
                            get_le32(tag + pos + 16));

        if (rc)
            return rc;
    }
    return 0;
}

/* UEFI specification, "GetMemoryMap()": memory types and attributes */
#define EFI_MEMORY_WB (1ull << 3)
#define EFI_MEMORY_SP (1ull << 18) /* kept for a specific purpose */

static uint32_t efi_to_e820(uint32_t type, uint64_t attributes)
{
    switch (type) {
    case 1: /* loader code and data: the caller reserves image and modules itself */
    case 2:
    case 3: /* boot services code and data: dead by now, see efi_boot_services */
    case 4:
    case 7: /* conventional */
        if ((attributes & EFI_MEMORY_WB) && !(attributes & EFI_MEMORY_SP))
            return E820_RAM;
        return E820_RESERVED;
    case 8:
        return E820_UNUSABLE;
    case 9:
        return E820_ACPI;
    case 10:
        return E820_NVS;
    default: /* runtime services, MMIO, PAL code, persistent and unknown memory */
        return E820_RESERVED;
    }
}

static int mb2_efi_map(struct boot_info *out, const uint8_t *tag, size_t size)
{
    size_t step = get_le32(tag + 8);

    if (step < 40 || (size - 16) % step)
        return fail(out, -EINVAL, "the EFI memory map's descriptors have a bad size");
    if (size == 16) /* an empty map is none */
        return 0;
    out->efi = true;
    out->memory_from_efi = true;
    out->memory.nr = 0;
    for (size_t pos = 16; pos < size; pos += step) {
        uint64_t start = get_le64(tag + pos + 8), pages = get_le64(tag + pos + 24);
        uint64_t bytes = pages > UINT64_MAX >> 12 ? UINT64_MAX : pages << 12;
        uint32_t type = efi_to_e820(get_le32(tag + pos), get_le64(tag + pos + 32));
        int rc = add_memory(out, start, bytes, type);

        if (rc)
            return rc;
    }
    return 0;
}

static int mb2_vbe(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->vbe.mode = get_le16(tag + 8);
    out->vbe.interface_seg = get_le16(tag + 10);
    out->vbe.interface_off = get_le16(tag + 12);
    out->vbe.interface_len = get_le16(tag + 14);
    vbe_control(&out->vbe, tag + 16);
    vbe_mode(out, tag + 16 + VBE_CONTROL_BYTES);
    return 0;
}

static int mb2_framebuffer(struct boot_info *out, const uint8_t *tag, size_t size)
{
    fb_parse(out, tag + 8, tag + 32, size - 32);
    return 0;
}

static int mb2_efi32_table(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->efi = true;
    if (!out->efi_system_table) {
        out->efi_system_table = get_le32(tag + 8);
        out->efi_is_32bit = true;
    }
    return 0;
}

static int mb2_efi64_table(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->efi = true;
    out->efi_is_32bit = false;
    out->efi_system_table = get_le64(tag + 8);
    return 0;
}

static int mb2_efi32_image(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->efi_image_handle = get_le32(tag + 8);
    return 0;
}

static int mb2_efi64_image(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->efi_image_handle = get_le64(tag + 8);
    return 0;
}

static int mb2_efi_boot_services(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->efi = true;
    out->efi_boot_services = true;
    return 0;
}

static int mb2_rsdp_old(struct boot_info *out, const uint8_t *tag, size_t size)
{
    if (out->rsdp_len > 20) /* the new one says more */
        return 0;
    memcpy(out->rsdp, tag + 8, 20);
    out->rsdp_len = 20;
    return 0;
}

static int mb2_rsdp_new(struct boot_info *out, const uint8_t *tag, size_t size)
{
    memcpy(out->rsdp, tag + 8, 36);
    out->rsdp_len = 36;
    return 0;
}

static int mb2_load_base(struct boot_info *out, const uint8_t *tag, size_t size)
{
    out->load_base = get_le32(tag + 8);
    return 0;
}

static const struct mb2_row {
    int (*handler)(struct boot_info *out, const uint8_t *tag, size_t size);
    uint32_t min_size; /* with the 8 bytes of type and size */
} mb2_rows[] = {
    [MB2_CMDLINE] = { mb2_cmdline, 8 },
    [MB2_LOADER_NAME] = { mb2_loader, 8 },
    [MB2_MODULE] = { mb2_module, 16 },
    [MB2_BASIC_MEMORY] = { mb2_basic_memory, 16 },
    [MB2_MEMORY_MAP] = { mb2_memory_map, 16 },
    [MB2_VBE] = { mb2_vbe, 16 + VBE_CONTROL_BYTES + VBE_MODE_BYTES },
    [MB2_FRAMEBUFFER] = { mb2_framebuffer, 32 },
    [MB2_EFI32_TABLE] = { mb2_efi32_table, 12 },
    [MB2_EFI64_TABLE] = { mb2_efi64_table, 16 },
    [MB2_RSDP_OLD] = { mb2_rsdp_old, 28 },
    [MB2_RSDP_NEW] = { mb2_rsdp_new, 44 },
    [MB2_EFI_MAP] = { mb2_efi_map, 16 },
    [MB2_EFI_BOOT_SERVICES] = { mb2_efi_boot_services, 8 },
    [MB2_EFI32_IMAGE] = { mb2_efi32_image, 12 },
    [MB2_EFI64_IMAGE] = { mb2_efi64_image, 16 },
    [MB2_LOAD_BASE] = { mb2_load_base, 12 },
};

/* Tags that are not in the table are none of our business. */
static int mb2_dispatch(struct boot_info *out, uint32_t type, const uint8_t *tag, size_t size)
{
    const struct mb2_row *row;

    if (type >= sizeof(mb2_rows) / sizeof(mb2_rows[0]) || !mb2_rows[type].handler)
        return 0;
    row = &mb2_rows[type];
    if (size < row->min_size)
        return fail(out, -EINVAL, "a multiboot2 tag is too short");
    return row->handler(out, tag, size);
}

static int mb2_parse(const struct source *s)
{
    struct boot_info *out = s->out;
    size_t total;

    out->multiboot2 = true;
    if (s->size < 16)
        return fail(out, -EINVAL, "the multiboot2 information is truncated");
    total = get_le32(s->base);
    if (total < 16 || total > s->size)
        return fail(out, -EINVAL, "the multiboot2 information has a bad size");

    for (size_t pos = 8; total - pos >= 8;) {
        uint32_t type = get_le32(s->base + pos), size = get_le32(s->base + pos + 4);
        int rc;

        if (size < 8 || size > total - pos)
            return fail(out, -EINVAL, "a multiboot2 tag has a bad size");
        if (type == MB2_END)
            return 0;
        rc = mb2_dispatch(out, type, s->base + pos, size);
        if (rc)
            return rc;
        pos += ((size_t)size + 7) & ~(size_t)7;
        if (pos > total)
            break;
    }
    return fail(out, -EINVAL, "the multiboot2 information has no end tag");
}

int boot_info_parse(struct boot_info *out, uint32_t magic, const void *info, size_t max,
                    boot_map_fn *map, void *ctx)
{
    const struct source s = { .out = out, .base = info, .size = max, .map = map, .ctx = ctx };
    int rc;

    memset(out, 0, sizeof(*out));
    out->cmdline = out->loader = "";
    if (magic == MULTIBOOT1_MAGIC)
        rc = mb1_parse(&s);
    else if (magic == MULTIBOOT2_MAGIC)
        rc = mb2_parse(&s);
    else
        rc = fail(out, -EINVAL, "not started by a multiboot loader");

    if (!rc && !out->memory.nr)
        rc = memory_from_basic(out);
    if (!rc)
        strip_file_names(out);
    return rc;
}
