/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unpacking what kernel images are packed with, from one buffer into another, in one call.
 * The unpacked size must be known beforehand: boot images say it (see <lib/bzimage.h>).
 */
#ifndef LIB_DECOMPRESS_H
#define LIB_DECOMPRESS_H

#include <lib/span.h>

enum compression {
    COMPRESSION_UNKNOWN,
    COMPRESSION_NONE,                      /* an ELF file as it is: "unpacking" copies it */
    COMPRESSION_GZIP,
    COMPRESSION_XZ,
    COMPRESSION_ZSTD,
    COMPRESSION_LZ4,                       /* the legacy frame, which Linux uses */
    COMPRESSION_BZIP2,                     /* these three are recognised, to say so, not unpacked */
    COMPRESSION_LZMA,
    COMPRESSION_LZO,
};

/* Work memory: at most DECOMPRESS_MEM_MAX bytes in all, 16-byte aligned, never given back. */
struct decompress_mem {
    void *(*alloc)(void *ctx, size_t size);          /* NULL when there is none left */
    void *ctx;
};

#define DECOMPRESS_MEM_MAX (256u << 10)

/* A bump allocator over one buffer, for callers who have nothing better. */
struct decompress_arena {
    uint8_t *base;
    size_t size, used;
};

void *decompress_arena_alloc(void *arena, size_t size);

/* What the first bytes are packed with. */
enum compression compression_detect(struct span in);
const char *compression_name(enum compression kind);

/*
 * Unpacks in to exactly out_size bytes at out, which must not overlap it. 0, or a negative
 * <xen/errno.h> value: EINVAL for bad input or a size that differs, ENOSYS for a format or an
 * option of it that is not supported, ENOMEM; *why (if why is given) then says it in words.
 * Neither buffer is ever left, whatever the input; after an error out holds rubbish.
 */
int decompress(enum compression kind, struct span in, void *out, size_t out_size,
               const struct decompress_mem *mem, const char **why);

#endif
