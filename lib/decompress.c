/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding out what an image is packed with, and handing it to the decoder for that.
 *
 * Why the decoders are our own, and not Debian's static libraries: those do link freestanding
 * (liblzma.a 64 KiB, libz.a 42 KiB, libzstd.a 222 KiB: of libc they want only mem*, malloc, free
 * and __stack_chk_fail), but they use SSE registers and read a stack canary at %fs:0x28, neither
 * of which exists when the first kernel is unpacked, and liblzma takes a dictionary of 32 MiB to
 * copy every byte out of, where ours decodes in place. Ours together are 26 KiB, need at most
 * 144 KiB of memory, run on the host under sanitizers and a fuzzer, and are the same on every
 * architecture; a kernel in xz takes them half the time of liblzma under an emulator. The tools
 * xz, zstd, gzip and lz4 serve the tests as the oracle.
 */
#include "decompress_priv.h"

static const struct {
    uint8_t magic[6], size;
    enum compression kind;
} magics[] = {
    { { 0x7f, 'E', 'L', 'F' }, 4, COMPRESSION_NONE },
    { { 0x1f, 0x8b }, 2, COMPRESSION_GZIP },
    { { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, COMPRESSION_XZ },
    { { 0x28, 0xb5, 0x2f, 0xfd }, 4, COMPRESSION_ZSTD },
    { { 0x02, 0x21, 0x4c, 0x18 }, 4, COMPRESSION_LZ4 },
    { { 'B', 'Z', 'h' }, 3, COMPRESSION_BZIP2 },
    { { 0x5d, 0, 0 }, 3, COMPRESSION_LZMA },
    { { 0x89, 'L', 'Z', 'O', 0, 0x0d }, 6, COMPRESSION_LZO },
};

static const char *const names[] = {
    [COMPRESSION_UNKNOWN] = "unknown", [COMPRESSION_NONE] = "none",   [COMPRESSION_GZIP] = "gzip",
    [COMPRESSION_XZ] = "xz",           [COMPRESSION_ZSTD] = "zstd",   [COMPRESSION_LZ4] = "lz4",
    [COMPRESSION_BZIP2] = "bzip2",     [COMPRESSION_LZMA] = "lzma",   [COMPRESSION_LZO] = "lzo",
};

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

const char *compression_name(enum compression kind)
{
    return (size_t)kind < ARRAY_LENGTH(names) ? names[kind] : "unknown";
}

enum compression compression_detect(struct span in)
{
    for (size_t i = 0; i < ARRAY_LENGTH(magics); i++)
        if (in.size >= magics[i].size && memcmp(in.ptr, magics[i].magic, magics[i].size) == 0)
            return magics[i].kind;
    return COMPRESSION_UNKNOWN;
}

void *decompress_arena_alloc(void *arena, size_t size)
{
    struct decompress_arena *a = arena;
    const size_t pad = -((uintptr_t)a->base + a->used) & 15;
    uint8_t *p;

    if (pad > a->size - a->used || size > a->size - a->used - pad)
        return NULL;
    p = a->base + a->used + pad;
    a->used += pad + size;
    return p;
}

void *decoder_alloc(struct decoder *d, size_t size)
{
    void *p = d->mem->alloc(d->mem->ctx, size);

    if (p)
        memset(p, 0, size);
    else
        d->why = "out of work memory";
    return p;
}

static int decode_none(struct decoder *d)
{
    const size_t n = decoder_in_left(d);

    if (n > decoder_out_left(d))
        return decoder_bad(d, "larger than announced");
    memcpy(d->out, d->in, n);
    d->in += n;
    d->out += n;
    return 0;
}

static int decode(struct decoder *d, enum compression kind)
{
    switch (kind) {
    case COMPRESSION_NONE:
        return decode_none(d);
    case COMPRESSION_GZIP:
        return decode_gzip(d);
    case COMPRESSION_XZ:
        return decode_xz(d);
    case COMPRESSION_ZSTD:
        return decode_zstd(d);
    case COMPRESSION_LZ4:
        return decode_lz4(d);
    case COMPRESSION_BZIP2:
    case COMPRESSION_LZMA:
    case COMPRESSION_LZO:
    case COMPRESSION_UNKNOWN:
        break;
    }
    return decoder_fail(d, -XEN_ENOSYS, "compression format not supported");
}

int decompress(enum compression kind, struct span in, void *out, size_t out_size,
               const struct decompress_mem *mem, const char **why)
{
    struct decoder d = {
        .in = in.ptr,
        .in_end = in.ptr + in.size,
        .out_start = out,
        .out = out,
        .out_end = (uint8_t *)out + out_size,
        .mem = mem,
    };
    int rc = decode(&d, kind);

    if (rc == 0 && d.out != d.out_end)
        rc = decoder_bad(&d, "smaller than announced");
    if (why)
        *why = d.why;
    return rc;
}
