/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zstd's two entropy codes, and the bit reader under both (RFC 8878, section 4).
 *
 * Their bitstreams are written forwards and read backwards: the last byte's highest set bit marks
 * the end, and reading starts below it. The reader holds the 8 bytes at `ptr` and counts how many
 * bits from their top are used. It never reads before `start` or behind the end; a stream that is
 * used beyond its start gives rubbish bits and more than 64 used ones, which rbits_finished() sees.
 */
#ifndef LIB_ZSTD_PRIV_H
#define LIB_ZSTD_PRIV_H

#include "decompress_priv.h"

struct rbits {
    const uint8_t *start, *ptr;
    uint64_t bits;
    uint32_t used;
};

/* False if the stream is empty or has no end mark. */
bool rbits_init(struct rbits *b, const uint8_t *data, size_t size);

/* The next n bits, n <= 56; they are not used up. */
ALWAYS_INLINE uint64_t rbits_peek(const struct rbits *b, uint32_t n)
{
    return b->bits << (b->used & 63) >> 1 >> (63 - n);
}

ALWAYS_INLINE uint64_t rbits_take(struct rbits *b, uint32_t n)
{
    const uint64_t v = rbits_peek(b, n);

    b->used += n;
    return v;
}

/* Makes at least 57 bits available, if the stream has as many. */
ALWAYS_INLINE void rbits_refill(struct rbits *b)
{
    size_t step = b->used >> 3;

    if (UNLIKELY(b->used > 64))
        return;
    if (UNLIKELY(step > (size_t)(b->ptr - b->start)))
        step = (size_t)(b->ptr - b->start);
    if (step == 0)
        return;
    b->ptr -= step;
    b->used -= (uint32_t)step * 8;
    b->bits = get_le64(b->ptr);
}

ALWAYS_INLINE bool rbits_overrun(const struct rbits *b)
{
    return b->used > 64;
}

/* Whether exactly all bits were used. */
static inline bool rbits_finished(const struct rbits *b)
{
    return b->ptr == b->start && b->used == 64;
}

/* Finite state entropy, section 4.1: a state is an index into the table. */
#define FSE_LOG_MAX 9
#define FSE_SYMBOLS_MAX 64

struct fse_entry {
    uint8_t symbol, bits;                  /* the next state is base + the next `bits` bits */
    uint16_t base;
};

struct fse_table {
    uint32_t log;                          /* the table has 1 << log entries; 0 for a single one */
    struct fse_entry entry[1 << FSE_LOG_MAX];
};

ALWAYS_INLINE uint32_t fse_next(const struct fse_table *t, uint32_t state, struct rbits *b)
{
    const struct fse_entry e = t->entry[state];

    return e.base + (uint32_t)rbits_take(b, e.bits);
}

/* From normalised counts: their sum is 1 << log, counting each -1 ("less than one") as one. */
bool fse_build(struct fse_table *t, const int16_t *counts, uint32_t nr_symbols, uint32_t log);
/* One symbol only, which takes no bits. */
void fse_build_single(struct fse_table *t, uint8_t symbol);
/* From a table description; *in is moved behind it. False if it is corrupt or above the limits. */
bool fse_read(struct fse_table *t, const uint8_t **in, const uint8_t *end, uint32_t symbols_max,
              uint32_t log_max);

/* Huffman code of literals, section 4.2. */
#define HUF_LOG_MAX 11

struct huf_table {
    uint32_t log;                          /* 0: not set yet */
    struct {
        uint8_t symbol, bits;
    } entry[1 << HUF_LOG_MAX];
};

/* From a tree description; *in is moved behind it. scratch is for the code of the weights. */
bool huf_read(struct huf_table *t, struct fse_table *scratch, const uint8_t **in,
              const uint8_t *end);
/* One stream that gives exactly n symbols. */
bool huf_decode(const struct huf_table *t, const uint8_t *in, size_t size, uint8_t *out, size_t n);

#endif
