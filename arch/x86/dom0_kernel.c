/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first domain's kernel before it is loaded: found in what the boot loader gave, unpacked if
 * it is packed, its headers and notes read. Shared by the builders of both kinds.
 */
#include <arch/build.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/bzimage.h>
#include <lib/decompress.h>
#include <lib/string.h>

static void *room_for(struct dom0_kernel *k, size_t size)
{
    k->order = order_of_size(size);
    if (k->order > MAX_ORDER)
        boot_fail("dom0 kernel: %zu bytes unpacked is too large", size);
    k->unpacked = hv_page_alloc(k->order);
    if (k->unpacked == NULL)
        boot_fail("dom0 kernel: too little memory to unpack %zu MiB", size >> 20);
    return k->unpacked;
}

static void unpack(struct dom0_kernel *k, enum compression kind, struct span payload, size_t size)
{
    const unsigned int order = order_of_size(DECOMPRESS_MEM_MAX);
    struct decompress_arena arena = { .base = hv_page_alloc(order), .size = DECOMPRESS_MEM_MAX };
    const struct decompress_mem mem = { decompress_arena_alloc, &arena };
    const char *why = "?";

    if (arena.base == NULL)
        boot_fail("dom0 kernel: too little memory to unpack it");
    if (decompress(kind, payload, room_for(k, size), size, &mem, &why))
        boot_fail("dom0 kernel (%s): %s", compression_name(kind), why);
    hv_page_free(arena.base, order);
}

void dom0_kernel_open(struct dom0_kernel *k, const struct dom0_input *in, bool copy)
{
    enum compression kind;
    struct span payload;
    size_t size;
    const char *why = "?";
    const void *image;

    if (bzimage_payload(in->kernel, in->kernel_size, &payload, &kind, &size, &why))
        boot_fail("dom0 kernel: %s", why);
    image = payload.ptr;
    if (kind != COMPRESSION_NONE) {
        unpack(k, kind, payload, size);
        image = k->unpacked;
    } else {
        size = payload.size;
        if (copy)
            image = memcpy(room_for(k, size), payload.ptr, size);
    }
    if (elf_parse(&k->elf, image, size))
        boot_fail("dom0 kernel: %s", k->elf.why);
    if (xen_notes_parse(&k->notes, &k->elf))
        boot_fail("dom0 kernel: %s", k->notes.why);
    if (!k->elf.is_64bit)
        boot_fail("dom0 kernel: a 32-bit kernel cannot be dom0 here");
}

void dom0_kernel_close(struct dom0_kernel *k)
{
    if (k->unpacked != NULL)
        hv_page_free(k->unpacked, k->order);
    k->unpacked = NULL;
}
