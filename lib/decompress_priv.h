/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the decoders share. Each is one function from a whole input to a whole output: the output
 * buffer serves as the dictionary or window, so no decoder copies data twice or needs memory in
 * proportion to its input.
 */
#ifndef LIB_DECOMPRESS_PRIV_H
#define LIB_DECOMPRESS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include <lib/bytes.h>
#include <lib/decompress.h>
#include <lib/string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct decoder {
    const uint8_t *in, *in_end;
    uint8_t *out_start, *out, *out_end;
    const struct decompress_mem *mem;
    const char *why;                       /* the first error, in words */
};

ALWAYS_INLINE size_t decoder_in_left(const struct decoder *d)
{
    return (size_t)(d->in_end - d->in);
}

ALWAYS_INLINE size_t decoder_out_left(const struct decoder *d)
{
    return (size_t)(d->out_end - d->out);
}

/* Notes the reason and gives the error back: `return decoder_fail(d, -XEN_EINVAL, "...")`. */
static inline int decoder_fail(struct decoder *d, int error, const char *why)
{
    d->why = why;
    return error;
}

static inline int decoder_bad(struct decoder *d, const char *why)
{
    return decoder_fail(d, -XEN_EINVAL, why);
}

/* Zeroed memory, or NULL with the reason noted. */
void *decoder_alloc(struct decoder *d, size_t size);

/*
 * Repeats len bytes from dist bytes back. The caller has checked that dist is between 1 and what
 * was put out since the start, and that room (which is at least len) bytes may be written at out;
 * bytes past len may be overwritten, those past room never.
 */
ALWAYS_INLINE uint8_t *copy_match(uint8_t *out, size_t dist, size_t len, size_t room)
{
    const uint8_t *from = out - dist;
    uint8_t *const end = out + len;

    if (LIKELY(dist >= 8 && room - len >= 8)) {
        do {
            __builtin_memcpy(out, from, 8);
            out += 8;
            from += 8;
        } while (out < end);
        return end;
    }
    while (out < end)
        *out++ = *from++;
    return end;
}

/* CRC-32 of gzip and xz, eight bytes a step. Also their byte order of tables: [k][byte]. */
struct crc32_table {
    uint32_t t[8][256];
};

const struct crc32_table *crc32_table_new(struct decoder *d);
uint32_t crc32_update(const struct crc32_table *table, uint32_t crc, const void *data, size_t n);

int decode_gzip(struct decoder *d);
int decode_xz(struct decoder *d);
int decode_zstd(struct decoder *d);
int decode_lz4(struct decoder *d);

/*
 * One LZMA2 stream (xz format specification, section 5.3.1): from d->in up to and with its end
 * marker. Input that ends within LZMA2_SLACK bytes after the last chunk is refused as cut short:
 * in an .xz file the end marker, the index and the footer always follow.
 */
#define LZMA2_SLACK 21

struct lzma_state;

struct lzma_state *lzma_state_new(struct decoder *d);
int decode_lzma2(struct decoder *d, struct lzma_state *s);

/* Undoes the x86 branch filter over a whole block in place; ip is the address of its first byte. */
void bcj_x86_undo(uint8_t *data, size_t size, uint32_t ip);

/* XXH64 with seed 0, of zstd's frame checksum. */
uint64_t xxh64(const void *data, size_t n);

#endif
