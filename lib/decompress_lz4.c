/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LZ4 in its legacy frame, which Linux uses (lz4_Frame_format.md, "Legacy frame"): a magic number,
 * then blocks of at most 8 MiB unpacked size, each behind its packed size, up to the end of input.
 * The format has no checksum. Blocks do not refer to one another (lz4_Block_format.md).
 */
#include "decompress_priv.h"

#define LEGACY_MAGIC 0x184c2102u
#define BLOCK_UNPACKED_MAX (8u << 20)
#define MATCH_MIN 4

/* A length that did not fit its nibble goes on in bytes, of which the last is not 255. */
ALWAYS_INLINE bool read_length(const uint8_t **in, const uint8_t *end, size_t *length)
{
    uint8_t b;

    if (LIKELY(*length < 15))
        return true;
    do {
        if (*in == end)
            return false;
        b = *(*in)++;
        *length += b;                      /* cannot wrap: less than 255 times the input's size */
    } while (b == 255);
    return true;
}

/* Sequences of literals and a match, the last without a match. NULL, or what is wrong. */
static const char *decode_block(struct decoder *d, const uint8_t *end, uint8_t *out_limit)
{
    const uint8_t *in = d->in;
    uint8_t *const start = d->out, *out = start;

    while (in < end) {
        const uint8_t token = *in++;
        size_t literals = token >> 4, length = token & 15, dist;

        if (!read_length(&in, end, &literals) || literals > (size_t)(end - in))
            return "LZ4 block is cut short";
        if (literals > (size_t)(out_limit - out))
            return "larger than announced";
        memcpy(out, in, literals);
        in += literals;
        out += literals;
        if (in == end) {
            d->in = in;
            d->out = out;
            return NULL;
        }

        if (end - in < 2)
            return "LZ4 block is cut short";
        dist = get_le16(in);
        in += 2;
        if (!read_length(&in, end, &length))
            return "LZ4 block is cut short";
        length += MATCH_MIN;
        if (dist == 0 || dist > (size_t)(out - start))
            return "LZ4 data are corrupt";
        if (length > (size_t)(out_limit - out))
            return "larger than announced";
        out = copy_match(out, dist, length, (size_t)(out_limit - out));
    }
    return "LZ4 block is cut short";
}

int decode_lz4(struct decoder *d)
{
    if (decoder_in_left(d) < 4 || get_le32(d->in) != LEGACY_MAGIC)
        return decoder_bad(d, "no LZ4 legacy frame");

    while (decoder_in_left(d) >= 4) {
        const uint32_t size = get_le32(d->in);
        uint8_t *limit = d->out_end;
        const char *wrong;

        d->in += 4;
        if (size == LEGACY_MAGIC)          /* frames may be joined */
            continue;
        if (size > decoder_in_left(d))
            return decoder_bad(d, "LZ4 block is cut short");
        if (decoder_out_left(d) > BLOCK_UNPACKED_MAX)
            limit = d->out + BLOCK_UNPACKED_MAX;
        wrong = decode_block(d, d->in + size, limit);
        if (wrong)
            return decoder_bad(d, wrong);
    }
    return decoder_in_left(d) == 0 ? 0 : decoder_bad(d, "LZ4 data end early");
}
