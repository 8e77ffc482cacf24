/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The .xz container: one stream of blocks, each LZMA2 data, maybe behind the x86 branch filter,
 * with a check (none, CRC-32 or CRC-64) that is verified (xz file format specification 1.2.0).
 * Not supported: SHA-256 checks, other filters, a second stream.
 *
 * The dictionary is the output itself, so the size that the header asks for does not matter; the
 * branch filter runs over a block when it is complete, as until then its bytes are dictionary.
 */
#include "decompress_priv.h"

#define STREAM_HEADER_SIZE 12
#define STREAM_FOOTER_SIZE 12
#define BLOCK_HEADER_MAX 1024
#define FILTER_X86 4
#define FILTER_LZMA2 0x21

enum check { CHECK_NONE = 0, CHECK_CRC32 = 1, CHECK_CRC64 = 4 };

struct xz {
    struct decoder *d;
    const struct crc32_table *crc32;
    struct lzma_state *lzma;
    uint32_t check, check_size;
    uint64_t blocks, unpadded_sum, unpacked_sum;     /* for the index to agree with */
};

struct block {
    bool has_x86, has_packed_size, has_unpacked_size;
    uint32_t x86_start, header_size;
    uint64_t packed_size, unpacked_size;
};

#define CRC64_POLYNOMIAL 0xc96c5795d7870f42ull

static bool crc64_matches(const uint8_t *data, size_t n, const uint8_t *stored)
{
    uint64_t table[16], crc = UINT64_MAX;

    for (uint32_t b = 0; b < 16; b++) {
        table[b] = b;
        for (int bit = 0; bit < 4; bit++)
            table[b] = table[b] >> 1 ^ (table[b] & 1 ? CRC64_POLYNOMIAL : 0);
    }
    while (n-- > 0) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc == get_le64(stored);
}

static bool check_matches(struct xz *x, const uint8_t *data, size_t n, const uint8_t *stored)
{
    switch ((enum check)x->check) {
    case CHECK_NONE:
        return true;
    case CHECK_CRC32:
        return crc32_update(x->crc32, 0, data, n) == get_le32(stored);
    case CHECK_CRC64:
        return crc64_matches(data, n, stored);
    }
    return false;
}

/* A variable-length integer of at most 63 bits; false if it is cut short or not minimal. */
static bool get_vli(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (uint32_t shift = 0; shift < 63 && *p < end; shift += 7) {
        const uint8_t b = *(*p)++;

        *value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return b != 0 || shift == 0;
    }
    return false;
}

/* Both the header and the footer have these two bytes. */
static int read_stream_flags(struct xz *x, const uint8_t *flags)
{
    x->check = flags[1];
    if (flags[0] != 0 || x->check > 15)
        return decoder_fail(x->d, -XEN_ENOSYS, "xz stream flags not known");
    if (x->check != CHECK_NONE && x->check != CHECK_CRC32 && x->check != CHECK_CRC64)
        return decoder_fail(x->d, -XEN_ENOSYS, "xz check type not supported");
    x->check_size = x->check == CHECK_CRC64 ? 8 : x->check == CHECK_CRC32 ? 4 : 0;
    return 0;
}

static int read_stream_header(struct xz *x)
{
    static const uint8_t magic[6] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
    struct decoder *d = x->d;
    const uint8_t *h = d->in;

    if (decoder_in_left(d) < STREAM_HEADER_SIZE || memcmp(h, magic, sizeof(magic)) != 0)
        return decoder_bad(d, "no xz stream header");
    if (crc32_update(x->crc32, 0, h + 6, 2) != get_le32(h + 8))
        return decoder_bad(d, "xz stream header is corrupt");
    d->in += STREAM_HEADER_SIZE;
    return read_stream_flags(x, h + 6);
}

static int read_x86_filter(struct xz *x, struct block *b, const uint8_t *props, uint64_t size)
{
    if (size == 4)
        b->x86_start = get_le32(props);
    else if (size != 0)
        return decoder_bad(x->d, "xz filter properties out of range");
    b->has_x86 = true;
    return 0;
}

static int read_filters(struct xz *x, struct block *b, uint32_t count, const uint8_t **p,
                        const uint8_t *end)
{
    for (uint32_t i = 0; i < count; i++) {
        const bool last = i == count - 1;
        uint64_t id, size;
        int rc = 0;

        if (!get_vli(p, end, &id) || !get_vli(p, end, &size) || size > (size_t)(end - *p))
            return decoder_bad(x->d, "xz block header is corrupt");
        if (id == FILTER_LZMA2 && last) {
            if (size != 1 || **p > 40)
                return decoder_bad(x->d, "xz dictionary size out of range");
        } else if (id == FILTER_X86 && !last && !b->has_x86) {
            rc = read_x86_filter(x, b, *p, size);
        } else {
            return decoder_fail(x->d, -XEN_ENOSYS, "xz filter not supported");
        }
        if (rc)
            return rc;
        *p += size;
    }
    return 0;
}

static int read_block_header(struct xz *x, struct block *b)
{
    struct decoder *d = x->d;
    const uint8_t *h = d->in, *p = h + 2, *end;
    int rc;

    *b = (struct block){ .header_size = ((uint32_t)h[0] + 1) * 4 };
    if (decoder_in_left(d) < b->header_size)
        return decoder_bad(d, "xz data end early");
    end = h + b->header_size - 4;
    if (crc32_update(x->crc32, 0, h, b->header_size - 4) != get_le32(end))
        return decoder_bad(d, "xz block header is corrupt");
    if (h[1] & 0x3c)
        return decoder_fail(d, -XEN_ENOSYS, "xz block flags not known");

    b->has_packed_size = h[1] & 0x40;
    b->has_unpacked_size = h[1] & 0x80;
    if (b->has_packed_size && !get_vli(&p, end, &b->packed_size))
        return decoder_bad(d, "xz block header is corrupt");
    if (b->has_unpacked_size && !get_vli(&p, end, &b->unpacked_size))
        return decoder_bad(d, "xz block header is corrupt");
    rc = read_filters(x, b, (h[1] & 3u) + 1, &p, end);
    if (rc)
        return rc;
    while (p < end)
        if (*p++ != 0)
            return decoder_bad(d, "xz block header is corrupt");
    d->in += b->header_size;
    return 0;
}

/* Zero bytes up to a multiple of four, counted from start. */
static bool skip_padding(struct decoder *d, const uint8_t *start)
{
    while ((d->in - start) & 3)
        if (d->in == d->in_end || *d->in++ != 0)
            return false;
    return true;
}

static int read_block(struct xz *x)
{
    struct decoder *d = x->d;
    uint8_t *const out = d->out;
    const uint8_t *in;
    struct block b;
    uint64_t packed, unpacked;
    int rc = read_block_header(x, &b);

    if (rc)
        return rc;
    in = d->in;
    rc = decode_lzma2(d, x->lzma);
    if (rc)
        return rc;

    packed = (uint64_t)(d->in - in);
    unpacked = (uint64_t)(d->out - out);
    if ((b.has_packed_size && b.packed_size != packed) ||
        (b.has_unpacked_size && b.unpacked_size != unpacked))
        return decoder_bad(d, "xz block has not the size it announces");
    if (!skip_padding(d, in) || decoder_in_left(d) < x->check_size)
        return decoder_bad(d, "xz data end early");
    if (b.has_x86)
        bcj_x86_undo(out, unpacked, b.x86_start);
    if (!check_matches(x, out, unpacked, d->in))
        return decoder_bad(d, "xz check does not match: data are corrupt");
    d->in += x->check_size;

    x->blocks++;
    x->unpadded_sum += b.header_size + packed + x->check_size;
    x->unpacked_sum += unpacked;
    return 0;
}

/* The index repeats the size of each block; d->in is at its first byte, a zero. */
static int read_index(struct xz *x, uint64_t *index_size)
{
    struct decoder *d = x->d;
    const uint8_t *const start = d->in++;
    uint64_t blocks, unpadded, unpacked, unpadded_sum = 0, unpacked_sum = 0;

    if (!get_vli(&d->in, d->in_end, &blocks) || blocks != x->blocks)
        return decoder_bad(d, "xz index is corrupt");
    for (uint64_t i = 0; i < blocks; i++) {
        if (!get_vli(&d->in, d->in_end, &unpadded) || !get_vli(&d->in, d->in_end, &unpacked))
            return decoder_bad(d, "xz index is corrupt");
        unpadded_sum += unpadded;
        unpacked_sum += unpacked;
    }
    if (unpadded_sum != x->unpadded_sum || unpacked_sum != x->unpacked_sum)
        return decoder_bad(d, "xz index is corrupt");
    if (!skip_padding(d, start) || decoder_in_left(d) < 4 ||
        crc32_update(x->crc32, 0, start, (size_t)(d->in - start)) != get_le32(d->in))
        return decoder_bad(d, "xz index is corrupt");
    d->in += 4;
    *index_size = (uint64_t)(d->in - start);
    return 0;
}

static int read_stream_footer(struct xz *x, uint64_t index_size)
{
    struct decoder *d = x->d;
    const uint8_t *f = d->in;

    if (decoder_in_left(d) < STREAM_FOOTER_SIZE || f[10] != 'Y' || f[11] != 'Z')
        return decoder_bad(d, "no xz stream footer");
    if (crc32_update(x->crc32, 0, f + 4, 6) != get_le32(f) || f[8] != 0 || f[9] != x->check ||
        ((uint64_t)get_le32(f + 4) + 1) * 4 != index_size)
        return decoder_bad(d, "xz stream footer is corrupt");
    d->in += STREAM_FOOTER_SIZE;
    while (d->in < d->in_end)
        if (*d->in++ != 0)
            return decoder_bad(d, "something follows the xz stream");
    return 0;
}

int decode_xz(struct decoder *d)
{
    struct xz x = { .d = d, .crc32 = crc32_table_new(d), .lzma = lzma_state_new(d) };
    uint64_t index_size;
    int rc;

    if (!x.crc32 || !x.lzma)
        return -XEN_ENOMEM;
    rc = read_stream_header(&x);
    if (rc)
        return rc;
    for (;;) {
        if (decoder_in_left(d) == 0)
            return decoder_bad(d, "xz data end early");
        if (*d->in == 0)
            break;
        rc = read_block(&x);
        if (rc)
            return rc;
    }
    rc = read_index(&x, &index_size);
    return rc ? rc : read_stream_footer(&x, index_size);
}
