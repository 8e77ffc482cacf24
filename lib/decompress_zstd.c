/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zstandard (RFC 8878): frames of blocks, each literals and sequences that weave them together with
 * matches. The window is the whole output, so its size in the header does not matter. Frames may be
 * joined, and skippable ones are skipped; dictionaries are not supported.
 */
#include "zstd_priv.h"

#define MAGIC 0xfd2fb528u
#define SKIPPABLE_MAGIC 0x184d2a50u        /* the low four bits are free */
#define BLOCK_MAX (128u << 10)

/* A code's value is base + the next `extra` bits (section 3.1.1.3.2.1.1). */
struct value_code {
    uint32_t base : 24, extra : 8;
};

static const struct value_code length_codes[36] = {
    { 0, 0 },     { 1, 0 },     { 2, 0 },    { 3, 0 },    { 4, 0 },    { 5, 0 },     { 6, 0 },
    { 7, 0 },     { 8, 0 },     { 9, 0 },    { 10, 0 },   { 11, 0 },   { 12, 0 },    { 13, 0 },
    { 14, 0 },    { 15, 0 },    { 16, 1 },   { 18, 1 },   { 20, 1 },   { 22, 1 },    { 24, 2 },
    { 28, 2 },    { 32, 3 },    { 40, 3 },   { 48, 4 },   { 64, 6 },   { 128, 7 },   { 256, 8 },
    { 512, 9 },   { 1024, 10 }, { 2048, 11 }, { 4096, 12 }, { 8192, 13 }, { 16384, 14 },
    { 32768, 15 }, { 65536, 16 },
};

static const struct value_code match_codes[53] = {
    { 3, 0 },    { 4, 0 },    { 5, 0 },     { 6, 0 },     { 7, 0 },     { 8, 0 },      { 9, 0 },
    { 10, 0 },   { 11, 0 },   { 12, 0 },    { 13, 0 },    { 14, 0 },    { 15, 0 },     { 16, 0 },
    { 17, 0 },   { 18, 0 },   { 19, 0 },    { 20, 0 },    { 21, 0 },    { 22, 0 },     { 23, 0 },
    { 24, 0 },   { 25, 0 },   { 26, 0 },    { 27, 0 },    { 28, 0 },    { 29, 0 },     { 30, 0 },
    { 31, 0 },   { 32, 0 },   { 33, 0 },    { 34, 0 },    { 35, 1 },    { 37, 1 },     { 39, 1 },
    { 41, 1 },   { 43, 2 },   { 47, 2 },    { 51, 3 },    { 59, 3 },    { 67, 4 },     { 83, 4 },
    { 99, 5 },   { 131, 7 },  { 259, 8 },   { 515, 9 },   { 1027, 10 }, { 2051, 11 },  { 4099, 12 },
    { 8195, 13 }, { 16387, 14 }, { 32771, 15 }, { 65539, 16 },
};

/* The tables that are used when a block brings none (section 3.1.1.3.2.2). */
static const int16_t length_default[36] = {
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
};

static const int16_t match_default[53] = {
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
};

static const int16_t offset_default[29] = {
    1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
};

enum sequence_code { CODE_LENGTH, CODE_OFFSET, CODE_MATCH, NR_CODES };

static const struct {
    const int16_t *counts;
    uint8_t nr_counts, log;                /* of the default table */
    uint8_t symbols_max, log_max;          /* of any */
} code_limits[NR_CODES] = {
    [CODE_LENGTH] = { length_default, 36, 6, 36, 9 },
    [CODE_OFFSET] = { offset_default, 29, 5, 32, 8 },
    [CODE_MATCH] = { match_default, 53, 6, 53, 9 },
};

struct zstd {
    struct fse_table code[NR_CODES];
    bool has_code[NR_CODES];               /* for "the same as in the block before" */
    struct fse_table scratch;
    struct huf_table huffman;
    uint32_t rep[3];                       /* the last distances */
    uint8_t *frame_start;
    const uint8_t *literals;               /* of this block: in the input, or in the buffer */
    size_t nr_literals;
    uint8_t buffer[BLOCK_MAX];
};

_Static_assert(sizeof(struct zstd) < DECOMPRESS_MEM_MAX, "work memory");

/* Raw or one repeated byte. The header is a number of 1 to 3 bytes (section 3.1.1.3.1). */
static const char *plain_literals(struct zstd *z, const uint8_t **in, const uint8_t *end)
{
    static const uint8_t header_sizes[4] = { 1, 2, 1, 3 };
    const uint8_t *h = *in;
    const uint32_t type = h[0] & 3, format = h[0] >> 2 & 3, header = header_sizes[format];
    uint32_t n, packed;

    if ((size_t)(end - h) < header)
        return "zstd literals are cut short";
    n = header == 1 ? h[0] >> 3u : h[0] >> 4u;
    if (header >= 2)
        n |= (uint32_t)h[1] << 4;
    if (header == 3)
        n |= (uint32_t)h[2] << 12;
    packed = type == 1 ? 1 : n;
    if (n > BLOCK_MAX || packed > (size_t)(end - h - header))
        return "zstd literals are corrupt";

    z->literals = h + header;
    z->nr_literals = n;
    if (type == 1) {
        memset(z->buffer, h[header], n);
        z->literals = z->buffer;
    }
    *in = h + header + packed;
    return NULL;
}

/* Four streams, the first three with an equal share, behind a table of three sizes. */
static bool four_streams(struct zstd *z, const uint8_t *in, size_t size, size_t n)
{
    const size_t share = (n + 3) / 4;
    uint8_t *out = z->buffer;

    if (size < 6 || n < 3 * share)
        return false;
    for (uint32_t i = 0, at = 6; i < 4; i++) {
        const size_t part = i < 3 ? get_le16(in + 2UL * i) : size - at;
        const size_t symbols = i < 3 ? share : n - 3 * share;

        if (part > size - at || !huf_decode(&z->huffman, in + at, part, out, symbols))
            return false;
        at += (uint32_t)part;
        out += symbols;
    }
    return true;
}

static const char *packed_literals(struct zstd *z, const uint8_t **in, const uint8_t *end)
{
    static const struct {
        uint8_t header, bits;
    } formats[4] = { { 3, 10 }, { 3, 10 }, { 4, 14 }, { 5, 18 } };
    const uint8_t *p = *in, *data_end;
    const uint32_t type = p[0] & 3, format = p[0] >> 2 & 3;
    const uint32_t header = formats[format].header, bits = formats[format].bits;
    uint64_t h = 0;
    size_t n, packed;
    bool ok;

    if ((size_t)(end - p) < header)
        return "zstd literals are cut short";
    for (uint32_t i = 0; i < header; i++)
        h |= (uint64_t)p[i] << 8 * i;
    n = h >> 4 & ((1u << bits) - 1);
    packed = h >> (4 + bits) & ((1u << bits) - 1);
    p += header;
    if (n > BLOCK_MAX || packed > (size_t)(end - p))
        return "zstd literals are corrupt";
    data_end = p + packed;

    if (type == 2 && !huf_read(&z->huffman, &z->scratch, &p, data_end))
        return "zstd Huffman code is corrupt";
    if (z->huffman.log == 0)
        return "zstd literals refer to a missing code";
    if (format == 0)
        ok = huf_decode(&z->huffman, p, (size_t)(data_end - p), z->buffer, n);
    else
        ok = four_streams(z, p, (size_t)(data_end - p), n);
    if (!ok)
        return "zstd literals are corrupt";

    z->literals = z->buffer;
    z->nr_literals = n;
    *in = data_end;
    return NULL;
}

static const char *read_code(struct zstd *z, enum sequence_code c, uint32_t mode,
                             const uint8_t **in, const uint8_t *end)
{
    struct fse_table *t = &z->code[c];

    switch (mode) {
    case 0:
        if (!fse_build(t, code_limits[c].counts, code_limits[c].nr_counts, code_limits[c].log))
            return "zstd default code is corrupt";
        break;
    case 1:
        if (*in == end || **in >= code_limits[c].symbols_max)
            return "zstd sequence code is corrupt";
        fse_build_single(t, *(*in)++);
        break;
    case 2:
        z->has_code[c] = false;
        if (!fse_read(t, in, end, code_limits[c].symbols_max, code_limits[c].log_max))
            return "zstd sequence code is corrupt";
        break;
    default:
        if (!z->has_code[c])
            return "zstd sequences refer to a missing code";
        break;
    }
    z->has_code[c] = true;
    return NULL;
}

/* Number of sequences and the three codes (section 3.1.1.3.2.1). */
static const char *read_sequences_header(struct zstd *z, const uint8_t **in, const uint8_t *end,
                                         uint32_t *nr)
{
    const uint8_t *p = *in;
    uint32_t size, modes;

    if (p == end)
        return "zstd sequences are cut short";
    size = p[0] < 128 ? 1 : p[0] < 255 ? 2 : 3;
    if ((size_t)(end - p) < size)
        return "zstd sequences are cut short";
    *nr = p[0];
    if (size == 2)
        *nr = (p[0] - 128u) << 8 | p[1];
    else if (size == 3)
        *nr = (p[1] | (uint32_t)p[2] << 8) + 0x7f00;
    p += size;
    *in = p;
    if (*nr == 0)
        return NULL;

    if (p == end)
        return "zstd sequences are cut short";
    modes = *p++;
    if (modes & 3)
        return "zstd sequence modes are not known";
    for (uint32_t c = 0; c < NR_CODES; c++) {
        const char *wrong = read_code(z, c, modes >> (6 - 2 * c) & 3, &p, end);

        if (wrong)
            return wrong;
    }
    *in = p;
    return NULL;
}

struct sequence {
    uint32_t literals, match;
    uint64_t offset;                       /* 1 to 3: one of the last ones; else distance + 3 */
};

struct sequence_state {
    struct rbits bits;
    uint32_t state[NR_CODES];
};

ALWAYS_INLINE uint32_t symbol_of(const struct zstd *z, const struct sequence_state *s,
                                 enum sequence_code c)
{
    return z->code[c].entry[s->state[c]].symbol;
}

ALWAYS_INLINE struct sequence next_sequence(const struct zstd *z, struct sequence_state *s)
{
    const uint32_t offset_code = symbol_of(z, s, CODE_OFFSET);
    const struct value_code match = match_codes[symbol_of(z, s, CODE_MATCH)];
    const struct value_code length = length_codes[symbol_of(z, s, CODE_LENGTH)];
    struct sequence q;

    rbits_refill(&s->bits);
    q.offset = (1ull << offset_code) + rbits_take(&s->bits, offset_code);
    if (UNLIKELY(offset_code + match.extra + length.extra > 56))
        rbits_refill(&s->bits);
    q.match = match.base + (uint32_t)rbits_take(&s->bits, match.extra);
    q.literals = length.base + (uint32_t)rbits_take(&s->bits, length.extra);
    return q;
}

ALWAYS_INLINE void next_states(const struct zstd *z, struct sequence_state *s)
{
    rbits_refill(&s->bits);
    s->state[CODE_LENGTH] = fse_next(&z->code[CODE_LENGTH], s->state[CODE_LENGTH], &s->bits);
    s->state[CODE_MATCH] = fse_next(&z->code[CODE_MATCH], s->state[CODE_MATCH], &s->bits);
    s->state[CODE_OFFSET] = fse_next(&z->code[CODE_OFFSET], s->state[CODE_OFFSET], &s->bits);
}

/* The distance, and the history of the last three kept (section 3.1.1.5). 0 is corrupt. */
ALWAYS_INLINE uint64_t resolve_offset(uint32_t *rep, const struct sequence *q)
{
    uint64_t dist;
    uint32_t which;

    if (LIKELY(q->offset > 3)) {
        dist = q->offset - 3;
        which = 2;
    } else {
        which = (uint32_t)q->offset - 1 + (q->literals == 0);
        if (which == 0)
            return rep[0];
        dist = which < 3 ? rep[which] : rep[0] - 1u;
    }
    if (which >= 2)
        rep[2] = rep[1];
    rep[1] = rep[0];
    rep[0] = (uint32_t)dist;               /* a distance is below 2^32: codes end at 31 */
    return dist;
}

static const char *run_sequences(struct zstd *z, struct decoder *d, struct sequence_state *s,
                                 uint32_t nr, const uint8_t *limit)
{
    const uint8_t *literals = z->literals, *const literals_end = literals + z->nr_literals;
    uint8_t *out = d->out;

    for (uint32_t i = 0; i < nr; i++) {
        const struct sequence q = next_sequence(z, s);
        uint64_t dist;

        if (i + 1 < nr)
            next_states(z, s);
        if (UNLIKELY(rbits_overrun(&s->bits)))
            return "zstd sequences end early";
        if (q.literals > (size_t)(literals_end - literals))
            return "zstd sequences want more literals than there are";
        if (q.literals + (uint64_t)q.match > (size_t)(limit - out))
            return "larger than announced";
        memcpy(out, literals, q.literals);
        literals += q.literals;
        out += q.literals;
        dist = resolve_offset(z->rep, &q);
        if (dist == 0 || dist > (size_t)(out - z->frame_start))
            return "zstd distance reaches before the start";
        out = copy_match(out, dist, q.match, (size_t)(limit - out));
    }
    if ((size_t)(literals_end - literals) > (size_t)(limit - out))
        return "larger than announced";
    memcpy(out, literals, (size_t)(literals_end - literals));
    d->out = out + (literals_end - literals);
    return NULL;
}

static const char *packed_block(struct zstd *z, struct decoder *d, const uint8_t *end,
                                const uint8_t *limit)
{
    struct sequence_state s = { 0 };
    const uint8_t *in = d->in;
    const char *wrong;
    uint32_t nr;

    if (in == end)
        return "zstd block is empty";
    wrong = *in & 2 ? packed_literals(z, &in, end) : plain_literals(z, &in, end);
    if (!wrong)
        wrong = read_sequences_header(z, &in, end, &nr);
    if (wrong)
        return wrong;

    if (nr > 0) {
        if (!rbits_init(&s.bits, in, (size_t)(end - in)))
            return "zstd sequences are cut short";
        for (uint32_t c = 0; c < NR_CODES; c++)
            s.state[c] = (uint32_t)rbits_take(&s.bits, z->code[c].log);
    } else if (in != end) {
        return "zstd block is corrupt";
    }
    wrong = run_sequences(z, d, &s, nr, limit);
    if (wrong || nr == 0)
        return wrong;
    rbits_refill(&s.bits);
    return rbits_finished(&s.bits) ? NULL : "zstd sequences are corrupt";
}

enum block_type { BLOCK_RAW, BLOCK_RLE, BLOCK_PACKED, BLOCK_RESERVED };

/* One block; *last says whether it was the frame's last. */
static const char *decode_block(struct zstd *z, struct decoder *d, bool *last)
{
    const size_t room = decoder_out_left(d) < BLOCK_MAX ? decoder_out_left(d) : BLOCK_MAX;
    const char *wrong = NULL;
    uint32_t header, size, packed;

    if (decoder_in_left(d) < 3)
        return "zstd data end early";
    header = d->in[0] | (uint32_t)d->in[1] << 8 | (uint32_t)d->in[2] << 16;
    d->in += 3;
    *last = header & 1;
    size = header >> 3;
    packed = (header >> 1 & 3) == BLOCK_RLE ? 1 : size;
    if (packed > decoder_in_left(d))
        return "zstd data end early";

    switch ((enum block_type)(header >> 1 & 3)) {
    case BLOCK_RAW:
    case BLOCK_RLE:
        if (size > room)
            return "larger than announced";
        if ((header >> 1 & 3) == BLOCK_RLE)
            memset(d->out, d->in[0], size);
        else
            memcpy(d->out, d->in, size);
        d->out += size;
        break;
    case BLOCK_PACKED:
        wrong = packed_block(z, d, d->in + size, d->out + room);
        break;
    case BLOCK_RESERVED:
        return "zstd block type out of range";
    }
    d->in += packed;
    return wrong;
}

struct frame {
    bool has_checksum, has_size;
    uint64_t size;
};

static int read_frame_header(struct decoder *d, struct frame *f)
{
    static const uint8_t dict_sizes[4] = { 0, 1, 2, 4 }, size_sizes[4] = { 0, 2, 4, 8 };
    const uint8_t *p = d->in;
    uint32_t descriptor, dict_size, size_size, window_size;
    bool single;

    if (decoder_in_left(d) < 1)
        return decoder_bad(d, "zstd data end early");
    descriptor = *p++;
    single = descriptor & 0x20;
    if (descriptor & 0x08)
        return decoder_fail(d, -XEN_ENOSYS, "zstd frame has unknown features");
    window_size = single ? 0 : 1;
    dict_size = dict_sizes[descriptor & 3];
    size_size = size_sizes[descriptor >> 6];
    if (size_size == 0 && single)
        size_size = 1;
    if (decoder_in_left(d) < 1 + window_size + dict_size + size_size)
        return decoder_bad(d, "zstd data end early");

    p += window_size;
    for (uint32_t i = 0; i < dict_size; i++)
        if (*p++ != 0)
            return decoder_fail(d, -XEN_ENOSYS, "zstd frame needs a dictionary");
    *f = (struct frame){ .has_checksum = descriptor & 4, .has_size = size_size > 0 };
    for (uint32_t i = 0; i < size_size; i++)
        f->size |= (uint64_t)*p++ << 8 * i;
    if (size_size == 2)
        f->size += 256;
    d->in = p;
    return 0;
}

static int decode_frame(struct zstd *z, struct decoder *d)
{
    struct frame f;
    bool last = false;
    int rc = read_frame_header(d, &f);

    if (rc)
        return rc;
    z->frame_start = d->out;
    z->huffman.log = 0;
    memset(z->has_code, 0, sizeof(z->has_code));
    z->rep[0] = 1;
    z->rep[1] = 4;
    z->rep[2] = 8;
    while (!last) {
        const char *wrong = decode_block(z, d, &last);

        if (wrong)
            return decoder_bad(d, wrong);
    }

    if (f.has_size && f.size != (size_t)(d->out - z->frame_start))
        return decoder_bad(d, "zstd frame has not the size it announces");
    if (!f.has_checksum)
        return 0;
    if (decoder_in_left(d) < 4)
        return decoder_bad(d, "zstd data end early");
    if (get_le32(d->in) != (uint32_t)xxh64(z->frame_start, (size_t)(d->out - z->frame_start)))
        return decoder_bad(d, "zstd check does not match: data are corrupt");
    d->in += 4;
    return 0;
}

static int skip_frame(struct decoder *d)
{
    if (decoder_in_left(d) < 4 || get_le32(d->in) > decoder_in_left(d) - 4)
        return decoder_bad(d, "zstd data end early");
    d->in += 4 + (size_t)get_le32(d->in);
    return 0;
}

int decode_zstd(struct decoder *d)
{
    struct zstd *z = decoder_alloc(d, sizeof(*z));

    if (!z)
        return -XEN_ENOMEM;
    while (decoder_in_left(d) > 0) {
        uint32_t magic;
        int rc;

        if (decoder_in_left(d) < 4)
            return decoder_bad(d, "something follows the zstd frame");
        magic = get_le32(d->in);
        d->in += 4;
        if (magic == MAGIC)
            rc = decode_frame(z, d);
        else if ((magic & ~15u) == SKIPPABLE_MAGIC)
            rc = skip_frame(d);
        else
            rc = decoder_bad(d, "no zstd frame");
        if (rc)
            return rc;
    }
    return 0;
}
