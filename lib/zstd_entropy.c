/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Building and reading zstd's entropy tables (RFC 8878, section 4). Every table that is built has
 * only states and symbols within its bounds, so that the decoding loops need no checks.
 */
#include "zstd_priv.h"

#define HUF_WEIGHT_LOG_MAX 6
#define HUF_SYMBOLS_MAX 256

static uint32_t highest_bit(uint32_t v)
{
    return 31 - (uint32_t)__builtin_clz(v);
}

bool rbits_init(struct rbits *b, const uint8_t *data, size_t size)
{
    if (size == 0 || data[size - 1] == 0)
        return false;
    b->start = data;
    b->used = 8 - highest_bit(data[size - 1]);
    if (size >= 8) {
        b->ptr = data + size - 8;
        b->bits = get_le64(b->ptr);
        return true;
    }
    b->ptr = data;
    b->bits = 0;
    for (size_t i = 0; i < size; i++)
        b->bits |= (uint64_t)data[i] << 8 * i;
    b->used += 8 * (8 - (uint32_t)size);
    return true;
}

/* Spreads the symbols over the states (section 4.1.1). False if the counts do not fill them. */
static bool fse_spread(struct fse_table *t, const int16_t *counts, uint32_t nr_symbols)
{
    const uint32_t size = 1u << t->log, mask = size - 1, step = (size >> 1) + (size >> 3) + 3;
    uint32_t high = size, sum = 0, pos = 0;

    for (uint32_t s = 0; s < nr_symbols; s++) {
        sum += counts[s] < 0 ? 1 : (uint32_t)counts[s];
        if (sum > size)
            return false;
        if (counts[s] < 0)
            t->entry[--high].symbol = (uint8_t)s;
    }
    if (sum != size)
        return false;

    for (uint32_t s = 0; s < nr_symbols; s++)
        for (int32_t i = 0; i < counts[s]; i++) {
            t->entry[pos].symbol = (uint8_t)s;
            do
                pos = (pos + step) & mask;
            while (pos >= high);           /* step is odd, so this visits every state below */
        }
    return true;
}

bool fse_build(struct fse_table *t, const int16_t *counts, uint32_t nr_symbols, uint32_t log)
{
    uint16_t next[FSE_SYMBOLS_MAX];

    if (log > FSE_LOG_MAX || nr_symbols > FSE_SYMBOLS_MAX)
        return false;
    t->log = log;
    if (!fse_spread(t, counts, nr_symbols))
        return false;

    for (uint32_t s = 0; s < nr_symbols; s++)
        next[s] = counts[s] < 0 ? 1 : (uint16_t)counts[s];
    for (uint32_t i = 0; i < 1u << log; i++) {
        struct fse_entry *e = &t->entry[i];
        const uint32_t n = next[e->symbol]++;

        e->bits = (uint8_t)(log - highest_bit(n));
        e->base = (uint16_t)((n << e->bits) - (1u << log));
    }
    return true;
}

void fse_build_single(struct fse_table *t, uint8_t symbol)
{
    t->log = 0;
    t->entry[0] = (struct fse_entry){ .symbol = symbol };
}

/* Forward bits of a table description; past the end they are zero, and `pos` tells. */
struct fbits {
    const uint8_t *data;
    size_t size;
    uint32_t pos;                          /* in bits */
};

static uint32_t fbits_peek(const struct fbits *b, uint32_t n)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < 4 && b->pos / 8 + i < b->size; i++)
        v |= (uint32_t)b->data[b->pos / 8 + i] << 8 * i;
    return v >> b->pos % 8 & ((1u << n) - 1);
}

/* After a count of zero: two bits each say how many more zeros follow, 3 meaning "and more". */
static bool skip_zero_counts(struct fbits *b, int16_t *counts, uint32_t *symbol, uint32_t max)
{
    uint32_t repeat;

    do {
        repeat = fbits_peek(b, 2);
        b->pos += 2;
        if (repeat > max - *symbol)
            return false;
        for (uint32_t i = 0; i < repeat; i++)
            counts[(*symbol)++] = 0;
    } while (repeat == 3);
    return true;
}

/*
 * One count, coded as a number from 0 to left + 1 that takes `bits` bits, or one bit less for the
 * smallest of them: there are more codes than numbers, by `spare`.
 */
static int32_t read_count(struct fbits *b, uint32_t left)
{
    const uint32_t bits = highest_bit(left + 1) + 1;
    const uint32_t half = 1u << (bits - 1), spare = 2 * half - 1 - (left + 1);
    uint32_t v = fbits_peek(b, bits);

    if ((v & (half - 1)) < spare) {
        v &= half - 1;
        b->pos += bits - 1;
    } else {
        if (v >= half)
            v -= spare;
        b->pos += bits;
    }
    return (int32_t)v - 1;
}

bool fse_read(struct fse_table *t, const uint8_t **in, const uint8_t *end, uint32_t symbols_max,
              uint32_t log_max)
{
    struct fbits b = { *in, (size_t)(end - *in), 4 };
    int16_t counts[FSE_SYMBOLS_MAX];
    uint32_t log, left, symbol = 0, used;

    if (b.size == 0)
        return false;
    log = (b.data[0] & 15u) + 5;
    if (log > log_max)
        return false;

    left = 1u << log;
    while (left > 0) {
        int32_t count;

        if (symbol == symbols_max)
            return false;
        count = read_count(&b, left);
        left -= count < 0 ? 1 : (uint32_t)count;     /* count is at most left */
        counts[symbol++] = (int16_t)count;
        if (count == 0 && !skip_zero_counts(&b, counts, &symbol, symbols_max))
            return false;
    }
    used = (b.pos + 7) / 8;
    if (used > b.size)
        return false;
    *in += used;
    return fse_build(t, counts, symbol, log);
}

/* The weights as a bitstream of two states that take turns, to the end of the stream. */
static bool read_fse_weights(struct fse_table *t, const uint8_t *in, const uint8_t *end,
                             uint8_t *weights, uint32_t *nr)
{
    struct rbits b;
    uint32_t state[2], turn = 0, n = 0;

    if (!fse_read(t, &in, end, HUF_LOG_MAX + 2, HUF_WEIGHT_LOG_MAX) ||
        !rbits_init(&b, in, (size_t)(end - in)))
        return false;
    state[0] = (uint32_t)rbits_take(&b, t->log);
    state[1] = (uint32_t)rbits_take(&b, t->log);
    if (rbits_overrun(&b))
        return false;

    for (;; turn ^= 1) {
        if (n > HUF_SYMBOLS_MAX - 3)
            return false;
        weights[n++] = t->entry[state[turn]].symbol;
        rbits_refill(&b);
        state[turn] = fse_next(t, state[turn], &b);
        if (rbits_overrun(&b)) {
            weights[n++] = t->entry[state[turn ^ 1]].symbol;
            *nr = n;
            return true;
        }
    }
}

/* The last symbol's weight is not stored: it fills the code up to a power of two. */
static bool add_last_weight(uint8_t *weights, uint32_t *nr, uint32_t *log)
{
    uint32_t sum = 0, left;

    for (uint32_t i = 0; i < *nr; i++) {
        if (weights[i] > HUF_LOG_MAX + 1)
            return false;
        sum += 1u << weights[i] >> 1;
    }
    if (sum == 0)
        return false;
    *log = highest_bit(sum) + 1;
    left = (1u << *log) - sum;
    if (*log > HUF_LOG_MAX || (left & (left - 1)) != 0)
        return false;
    weights[(*nr)++] = (uint8_t)(highest_bit(left) + 1);
    return true;
}

/* Weight w has 2^(w-1) entries; the smallest weights, which are the longest codes, come first. */
static void huf_fill(struct huf_table *t, const uint8_t *weights, uint32_t nr, uint32_t log)
{
    uint32_t i = 0;

    for (uint32_t w = 1; w <= log; w++)
        for (uint32_t s = 0; s < nr; s++) {
            if (weights[s] != w)
                continue;
            for (const uint32_t end = i + (1u << w >> 1); i < end; i++) {
                t->entry[i].symbol = (uint8_t)s;
                t->entry[i].bits = (uint8_t)(log + 1 - w);
            }
        }
    t->log = log;
}

bool huf_read(struct huf_table *t, struct fse_table *scratch, const uint8_t **in,
              const uint8_t *end)
{
    uint8_t weights[HUF_SYMBOLS_MAX];
    uint32_t nr, size, log;

    t->log = 0;
    if (*in == end)
        return false;
    if (**in < 128) {
        size = *(*in)++;
        if (size > (size_t)(end - *in) || !read_fse_weights(scratch, *in, *in + size, weights, &nr))
            return false;
    } else {
        nr = *(*in)++ - 127u;
        size = (nr + 1) / 2;
        if (size > (size_t)(end - *in))
            return false;
        for (uint32_t i = 0; i < nr; i++)
            weights[i] = i & 1 ? (*in)[i / 2] & 15 : (*in)[i / 2] >> 4;
    }
    *in += size;
    if (!add_last_weight(weights, &nr, &log))
        return false;
    huf_fill(t, weights, nr, log);
    return true;
}

ALWAYS_INLINE uint8_t huf_symbol(const struct huf_table *t, struct rbits *b, uint32_t log)
{
    const uint64_t i = rbits_peek(b, log);

    b->used += t->entry[i].bits;
    return t->entry[i].symbol;
}

bool huf_decode(const struct huf_table *t, const uint8_t *in, size_t size, uint8_t *out, size_t n)
{
    const uint32_t log = t->log;
    struct rbits b;

    if (!rbits_init(&b, in, size))
        return false;
    for (; n >= 5; n -= 5, out += 5) {     /* 5 symbols of 11 bits at most from 57 */
        rbits_refill(&b);
        for (int i = 0; i < 5; i++)
            out[i] = huf_symbol(t, &b, log);
    }
    while (n-- > 0) {
        rbits_refill(&b);
        *out++ = huf_symbol(t, &b, log);
    }
    rbits_refill(&b);
    return rbits_finished(&b);
}
