/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gzip (RFC 1952) around deflate (RFC 1951); the window is the output itself.
 *
 * A code is decoded by its next FAST_BITS bits from a table; the few longer codes are found bit
 * by bit in the canonical order. The bit buffer holds the next bits with the first in bit 0; past
 * the end of input it is filled with zeros, and `overrun` counts those, so that taking one that
 * was not there is noticed at the latest at the end of a block, without a check for each bit.
 */
#include "decompress_priv.h"

#define FAST_BITS 10
#define CODE_BITS_MAX 15
#define LITERALS_MAX 288
#define DISTANCES_MAX 32
#define LENGTHS_MAX (LITERALS_MAX + DISTANCES_MAX)
#define CODE_LENGTH_CODES 19
#define END_OF_BLOCK 256

struct huffman {
    uint16_t fast[1 << FAST_BITS];         /* symbol << 4 | its length; 0: longer, or no code */
    uint16_t count[CODE_BITS_MAX + 1];     /* codes of each length */
    uint16_t symbol[LITERALS_MAX];         /* in the order of their codes */
};

struct inflate {
    struct decoder *d;
    uint64_t bits;
    uint32_t nr_bits, overrun;             /* overrun: bytes that the input did not have */
    struct huffman literal, distance;
    uint8_t lengths[LENGTHS_MAX];
};

/* At least 48 bits afterwards: a length, a distance and both their extra bits take 15+5+15+13. */
ALWAYS_INLINE void refill(struct inflate *s)
{
    struct decoder *d = s->d;

    if (LIKELY(decoder_in_left(d) >= 8)) {
        s->bits |= get_le64(d->in) << s->nr_bits;
        d->in += (63 - s->nr_bits) >> 3;
        s->nr_bits |= 56;
        return;
    }
    while (s->nr_bits <= 56) {
        if (d->in < d->in_end)
            s->bits |= (uint64_t)*d->in++ << s->nr_bits;
        else
            s->overrun++;
        s->nr_bits += 8;
    }
}

ALWAYS_INLINE uint32_t take_bits(struct inflate *s, uint32_t n)
{
    const uint32_t v = (uint32_t)(s->bits & ((1ull << n) - 1));

    s->bits >>= n;
    s->nr_bits -= n;
    return v;
}

/* Whether bits were used that the input did not have. */
static bool ran_out(const struct inflate *s)
{
    return s->overrun * 8 > s->nr_bits;
}

/* Goes on at the next whole byte: puts back to the input what was read ahead. */
static void align_to_byte(struct inflate *s)
{
    const uint32_t ahead = s->nr_bits / 8;

    s->d->in -= ahead > s->overrun ? ahead - s->overrun : 0;
    s->bits = 0;
    s->nr_bits = 0;
    s->overrun = 0;
}

static uint32_t reverse_bits(uint32_t v, uint32_t n)
{
    uint32_t r = 0;

    while (n-- > 0) {
        r = r << 1 | (v & 1);
        v >>= 1;
    }
    return r;
}

static void fill_fast(struct huffman *h, uint32_t code, uint32_t length, uint16_t entry)
{
    for (uint32_t i = reverse_bits(code, length); i < 1u << FAST_BITS; i += 1u << length)
        h->fast[i] = entry;
}

/*
 * From the length of each symbol's code. A set of lengths that is no code is refused; one that
 * leaves codes unused is allowed if it has at most one symbol (RFC 1951, section 3.2.7).
 */
static bool huffman_build(struct huffman *h, const uint8_t *lengths, uint32_t n)
{
    uint16_t offset[CODE_BITS_MAX + 2] = { 0 };
    uint32_t code = 0, used = 0;
    int32_t left = 1;

    memset(h, 0, sizeof(*h));
    for (uint32_t i = 0; i < n; i++)
        h->count[lengths[i]]++;
    used = n - h->count[0];
    h->count[0] = 0;
    for (uint32_t length = 1; length <= CODE_BITS_MAX; length++) {
        left = left * 2 - h->count[length];
        if (left < 0)
            return false;
        offset[length + 1] = (uint16_t)(offset[length] + h->count[length]);
    }
    if (left > 0 && (used > 1 || h->count[1] != used))
        return false;

    for (uint32_t i = 0; i < n; i++)
        if (lengths[i] != 0)
            h->symbol[offset[lengths[i]]++] = (uint16_t)i;

    for (uint32_t length = 1, i = 0; length <= FAST_BITS; length++, code <<= 1)
        for (uint32_t k = 0; k < h->count[length]; k++, i++, code++)
            fill_fast(h, code, length, (uint16_t)(h->symbol[i] << 4 | length));
    return true;
}

/* Bit by bit, along the first code of each length. -1 if no code fits. */
static int decode_slow(struct inflate *s, const struct huffman *h)
{
    int32_t code = 0, first = 0, index = 0;

    for (uint32_t length = 1; length <= CODE_BITS_MAX; length++) {
        const int32_t count = h->count[length];

        code |= (int32_t)(s->bits >> (length - 1) & 1);
        if (code - count < first) {
            take_bits(s, length);
            return h->symbol[index + (code - first)];
        }
        index += count;
        first = (first + count) << 1;
        code <<= 1;
    }
    return -1;
}

ALWAYS_INLINE int decode_symbol(struct inflate *s, const struct huffman *h)
{
    const uint16_t entry = h->fast[s->bits & ((1u << FAST_BITS) - 1)];

    if (UNLIKELY(entry == 0))
        return decode_slow(s, h);
    take_bits(s, entry & 15);
    return entry >> 4;
}

/* Lengths and distances: a base and extra bits for each code (RFC 1951, section 3.2.5). */
struct range_code {
    uint16_t base;
    uint8_t extra;
};

static const struct range_code length_codes[29] = {
    { 3, 0 },  { 4, 0 },  { 5, 0 },  { 6, 0 },   { 7, 0 },   { 8, 0 },   { 9, 0 },   { 10, 0 },
    { 11, 1 }, { 13, 1 }, { 15, 1 }, { 17, 1 },  { 19, 2 },  { 23, 2 },  { 27, 2 },  { 31, 2 },
    { 35, 3 }, { 43, 3 }, { 51, 3 }, { 59, 3 },  { 67, 4 },  { 83, 4 },  { 99, 4 },  { 115, 4 },
    { 131, 5 }, { 163, 5 }, { 195, 5 }, { 227, 5 }, { 258, 0 },
};

static const struct range_code distance_codes[30] = {
    { 1, 0 },     { 2, 0 },     { 3, 0 },     { 4, 0 },      { 5, 1 },      { 7, 1 },
    { 9, 2 },     { 13, 2 },    { 17, 3 },    { 25, 3 },     { 33, 4 },     { 49, 4 },
    { 65, 5 },    { 97, 5 },    { 129, 6 },   { 193, 6 },    { 257, 7 },    { 385, 7 },
    { 513, 8 },   { 769, 8 },   { 1025, 9 },  { 1537, 9 },   { 2049, 10 },  { 3073, 10 },
    { 4097, 11 }, { 6145, 11 }, { 8193, 12 }, { 12289, 12 }, { 16385, 13 }, { 24577, 13 },
};

/* NULL, or what is wrong. The bit buffer has been filled for the whole of it. */
ALWAYS_INLINE const char *decode_pair(struct inflate *s, uint32_t length_symbol, uint8_t **outp)
{
    uint8_t *out = *outp;
    const size_t room = (size_t)(s->d->out_end - out);
    const struct range_code *code;
    size_t length, dist;
    int symbol;

    if (length_symbol >= 29)
        return "deflate length code out of range";
    code = &length_codes[length_symbol];
    length = code->base + take_bits(s, code->extra);

    symbol = decode_symbol(s, &s->distance);
    if (symbol < 0 || symbol >= 30)
        return "deflate distance code out of range";
    code = &distance_codes[symbol];
    dist = code->base + take_bits(s, code->extra);

    if (dist > (size_t)(out - s->d->out_start))
        return "deflate distance reaches before the start";
    if (length > room)
        return "larger than announced";
    *outp = copy_match(out, dist, length, room);
    return NULL;
}

static const char *inflate_codes(struct inflate *s)
{
    struct decoder *d = s->d;
    uint8_t *out = d->out;

    for (;;) {
        const char *wrong;
        int symbol;

        refill(s);
        symbol = decode_symbol(s, &s->literal);
        if (LIKELY(symbol >= 0 && symbol < END_OF_BLOCK)) {
            if (UNLIKELY(out == d->out_end))
                return ran_out(s) ? "deflate data end early" : "larger than announced";
            *out++ = (uint8_t)symbol;
            continue;
        }
        if (symbol < 0)
            return "deflate data are corrupt";
        if (symbol == END_OF_BLOCK)
            break;
        wrong = decode_pair(s, (uint32_t)symbol - END_OF_BLOCK - 1, &out);
        if (wrong)
            return wrong;
    }
    d->out = out;
    return ran_out(s) ? "deflate data end early" : NULL;
}

static const char *inflate_stored(struct inflate *s)
{
    struct decoder *d = s->d;
    uint32_t size;

    align_to_byte(s);
    if (decoder_in_left(d) < 4)
        return "deflate data end early";
    size = get_le16(d->in);
    if (size != (get_le16(d->in + 2) ^ 0xffffu))
        return "deflate stored block is corrupt";
    d->in += 4;
    if (size > decoder_in_left(d))
        return "deflate data end early";
    if (size > decoder_out_left(d))
        return "larger than announced";
    memcpy(d->out, d->in, size);
    d->in += size;
    d->out += size;
    return NULL;
}

static const char *read_fixed_codes(struct inflate *s)
{
    static const struct {
        uint16_t upto;
        uint8_t length;
    } runs[] = { { 144, 8 }, { 256, 9 }, { 280, 7 }, { 288, 8 }, { 320, 5 } };

    for (uint32_t i = 0, run = 0; i < LENGTHS_MAX; i++) {
        if (i == runs[run].upto)
            run++;
        s->lengths[i] = runs[run].length;
    }
    huffman_build(&s->literal, s->lengths, LITERALS_MAX);
    huffman_build(&s->distance, s->lengths + LITERALS_MAX, DISTANCES_MAX);
    return NULL;
}

/* The code lengths of both codes, themselves coded by h, with runs (RFC 1951, section 3.2.7). */
static bool read_lengths(struct inflate *s, const struct huffman *h, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        uint32_t repeat;
        uint8_t value = 0;
        int symbol;

        refill(s);
        symbol = decode_symbol(s, h);
        if (symbol < 0)
            return false;
        if (symbol < 16) {
            s->lengths[i++] = (uint8_t)symbol;
            continue;
        }
        if (symbol == 16) {
            if (i == 0)
                return false;
            value = s->lengths[i - 1];
            repeat = 3 + take_bits(s, 2);
        } else if (symbol == 17) {
            repeat = 3 + take_bits(s, 3);
        } else {
            repeat = 11 + take_bits(s, 7);
        }
        if (repeat > n - i)
            return false;
        memset(s->lengths + i, value, repeat);
        i += repeat;
    }
    return true;
}

static const char *read_dynamic_codes(struct inflate *s)
{
    static const uint8_t order[CODE_LENGTH_CODES] = {
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    };
    uint8_t lengths[CODE_LENGTH_CODES] = { 0 };
    uint32_t literals, distances, codes;

    literals = 257 + take_bits(s, 5);
    distances = 1 + take_bits(s, 5);
    codes = 4 + take_bits(s, 4);
    if (literals > 286 || distances > 30)
        return "deflate code sizes out of range";
    for (uint32_t i = 0; i < codes; i++) {
        refill(s);
        lengths[order[i]] = (uint8_t)take_bits(s, 3);
    }
    /* The code for the code lengths is needed only until the two real ones are made. */
    if (!huffman_build(&s->literal, lengths, CODE_LENGTH_CODES) ||
        !read_lengths(s, &s->literal, literals + distances))
        return "deflate code lengths are corrupt";
    if (s->lengths[END_OF_BLOCK] == 0)
        return "deflate block has no end";
    if (!huffman_build(&s->literal, s->lengths, literals) ||
        !huffman_build(&s->distance, s->lengths + literals, distances))
        return "deflate code lengths are corrupt";
    return NULL;
}

static const char *inflate_blocks(struct inflate *s)
{
    bool last;

    do {
        const char *wrong;
        uint32_t type;

        refill(s);
        last = take_bits(s, 1);
        type = take_bits(s, 2);
        if (type == 0) {
            wrong = ran_out(s) ? "deflate data end early" : inflate_stored(s);
        } else if (type == 3) {
            wrong = "deflate block type out of range";
        } else {
            wrong = type == 1 ? read_fixed_codes(s) : read_dynamic_codes(s);
            if (!wrong)
                wrong = inflate_codes(s);
        }
        if (wrong)
            return wrong;
    } while (!last);
    align_to_byte(s);
    return NULL;
}

enum { FLAG_HEADER_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16 };

static bool skip(struct decoder *d, size_t n)
{
    if (n > decoder_in_left(d))
        return false;
    d->in += n;
    return true;
}

static bool skip_string(struct decoder *d)
{
    const uint8_t *end = memchr(d->in, 0, decoder_in_left(d));

    return end && skip(d, (size_t)(end + 1 - d->in));
}

static bool skip_header(struct decoder *d)
{
    const uint8_t *h = d->in;

    if (decoder_in_left(d) < 10 || h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || h[3] & 0xe0)
        return false;
    d->in += 10;
    if (h[3] & FLAG_EXTRA && (decoder_in_left(d) < 2 || !skip(d, 2u + get_le16(d->in))))
        return false;
    if (h[3] & FLAG_NAME && !skip_string(d))
        return false;
    if (h[3] & FLAG_COMMENT && !skip_string(d))
        return false;
    return !(h[3] & FLAG_HEADER_CRC) || skip(d, 2);
}

int decode_gzip(struct decoder *d)
{
    const struct crc32_table *crc32 = crc32_table_new(d);
    struct inflate *s = decoder_alloc(d, sizeof(*s));
    const char *wrong;
    size_t size;

    if (!crc32 || !s)
        return -XEN_ENOMEM;
    if (!skip_header(d))
        return decoder_bad(d, "gzip header is corrupt or not supported");
    s->d = d;
    wrong = inflate_blocks(s);
    if (wrong)
        return decoder_bad(d, wrong);

    if (decoder_in_left(d) < 8)
        return decoder_bad(d, "gzip data end early");
    size = (size_t)(d->out - d->out_start);
    if (get_le32(d->in) != crc32_update(crc32, 0, d->out_start, size) ||
        get_le32(d->in + 4) != (uint32_t)size)
        return decoder_bad(d, "gzip check does not match: data are corrupt");
    d->in += 8;
    return 0;
}
