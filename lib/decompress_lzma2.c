/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LZMA2: a sequence of chunks, each either plain bytes or LZMA-coded, with the output buffer as
 * the dictionary (xz file format specification, section 5.3.1; the LZMA SDK's lzma-specification).
 *
 * This is where the time of a boot goes, so the bit decoder does not check for the end of input.
 * Instead: one symbol takes at most 20 bytes (22 adaptive bits, each at worst 31/2048 of the
 * range, and 26 direct bits: 160 bits), the end of the chunk is checked before each symbol, and
 * a chunk is only begun if LZMA2_SLACK bytes of the input follow it. Reads stay in the input.
 * Writes are checked against the chunk's unpacked size, which is checked against the output.
 */
#include "decompress_priv.h"

#define TOP (1u << 24)
#define PROB_BITS 11
#define PROB_INIT (1u << (PROB_BITS - 1))
#define MOVE_BITS 5

#define STATES 12
#define POS_STATES_MAX 16
#define MATCH_MIN 2
#define LEN_TO_SLOT_STATES 4
#define SLOT_BITS 6
#define SLOTS_MODEL_START 4                /* distances below this are their slot */
#define SLOTS_MODEL_END 14                 /* slots from here on have direct bits */
#define ALIGN_BITS 4
#define LITERAL_CODERS_MAX (1u << 4)       /* lc + lp <= 4 in LZMA2 */
#define LITERAL_CODER_SIZE 0x300UL

typedef uint16_t prob_t;

struct len_coder {
    prob_t choice, choice2;
    prob_t low[POS_STATES_MAX][8], mid[POS_STATES_MAX][8], high[256];
};

/* All the adaptive probabilities; nothing but prob_t, so that a reset can walk over them. */
struct probs {
    prob_t is_match[STATES][POS_STATES_MAX];
    prob_t is_rep[STATES], is_rep0[STATES], is_rep1[STATES], is_rep2[STATES];
    prob_t is_rep0_long[STATES][POS_STATES_MAX];
    prob_t slot[LEN_TO_SLOT_STATES][1 << SLOT_BITS];
    prob_t special[1 + (1 << (SLOTS_MODEL_END / 2)) - SLOTS_MODEL_END];
    prob_t align[1 << ALIGN_BITS];
    struct len_coder match_len, rep_len;
    prob_t literal[LITERAL_CODERS_MAX * LITERAL_CODER_SIZE];
};

struct lzma_state {
    struct probs probs;
    uint32_t state;                        /* what the last symbols were: below 7 a literal */
    uint32_t rep[4];                       /* the last distances, minus one */
    uint32_t lc, pos_mask, literal_mask;
    uint8_t *dict_start;                   /* matches reach back to here */
};

struct range {
    uint32_t range, code;
    const uint8_t *in;
};

struct lzma_state *lzma_state_new(struct decoder *d)
{
    return decoder_alloc(d, sizeof(struct lzma_state));
}

static void reset_state(struct lzma_state *s)
{
    prob_t *p = (prob_t *)&s->probs;

    for (size_t i = 0; i < sizeof(s->probs) / sizeof(prob_t); i++)
        p[i] = PROB_INIT;
    s->state = 0;
    memset(s->rep, 0, sizeof(s->rep));
}

ALWAYS_INLINE void normalize(struct range *r)
{
    if (r->range < TOP) {
        r->range <<= 8;
        r->code = r->code << 8 | *r->in++;
    }
}

ALWAYS_INLINE bool decode_bit(struct range *r, prob_t *prob)
{
    const uint32_t p = *prob;
    uint32_t bound;

    normalize(r);
    bound = (r->range >> PROB_BITS) * p;
    if (r->code < bound) {
        r->range = bound;
        *prob = (prob_t)(p + (((1u << PROB_BITS) - p) >> MOVE_BITS));
        return false;
    }
    r->range -= bound;
    r->code -= bound;
    *prob = (prob_t)(p - (p >> MOVE_BITS));
    return true;
}

/* One step down a binary tree: node is 1 at the root, and has the path below its top bit. */
ALWAYS_INLINE uint32_t tree_step(struct range *r, prob_t *probs, uint32_t node)
{
    return decode_bit(r, &probs[node]) ? node << 1 | 1 : node << 1;
}

ALWAYS_INLINE uint32_t decode_tree(struct range *r, prob_t *probs, uint32_t bits)
{
    uint32_t node = 1;

    for (uint32_t i = 0; i < bits; i++)
        node = tree_step(r, probs, node);
    return node - (1u << bits);
}

ALWAYS_INLINE uint32_t decode_tree_reverse(struct range *r, prob_t *probs, uint32_t bits)
{
    uint32_t node = 1, value = 0;

    for (uint32_t i = 0; i < bits; i++) {
        if (decode_bit(r, &probs[node])) {
            node = node << 1 | 1;
            value |= 1u << i;
        } else {
            node <<= 1;
        }
    }
    return value;
}

ALWAYS_INLINE uint32_t decode_direct(struct range *r, uint32_t bits)
{
    uint32_t value = 0;

    while (bits-- > 0) {
        normalize(r);
        r->range >>= 1;
        value <<= 1;
        if (r->code >= r->range) {
            r->code -= r->range;
            value |= 1;
        }
    }
    return value;
}

ALWAYS_INLINE uint32_t decode_len(struct range *r, struct len_coder *c, uint32_t pos_state)
{
    if (!decode_bit(r, &c->choice))
        return MATCH_MIN + decode_tree(r, c->low[pos_state], 3);
    if (!decode_bit(r, &c->choice2))
        return MATCH_MIN + 8 + decode_tree(r, c->mid[pos_state], 3);
    return MATCH_MIN + 16 + decode_tree(r, c->high, 8);
}

ALWAYS_INLINE uint32_t decode_distance(struct range *r, struct probs *p, uint32_t len)
{
    const uint32_t len_state =
        len - MATCH_MIN < LEN_TO_SLOT_STATES ? len - MATCH_MIN : LEN_TO_SLOT_STATES - 1;
    const uint32_t slot = decode_tree(r, p->slot[len_state], SLOT_BITS);
    uint32_t bits, base;

    if (slot < SLOTS_MODEL_START)
        return slot;
    bits = (slot >> 1) - 1;
    base = (2 | (slot & 1)) << bits;
    if (slot < SLOTS_MODEL_END)
        return base + decode_tree_reverse(r, p->special + base - slot, bits);
    base += decode_direct(r, bits - ALIGN_BITS) << ALIGN_BITS;
    return base + decode_tree_reverse(r, p->align, ALIGN_BITS);
}

ALWAYS_INLINE uint8_t decode_literal(struct range *r, prob_t *probs)
{
    uint32_t node = 1;

    for (int i = 0; i < 8; i++)
        node = tree_step(r, probs, node);
    return (uint8_t)node;
}

/*
 * A literal after a match: it differs from the byte the match would have gone on with, so the
 * tree is chosen by that byte's bits for as long as they agree.
 */
ALWAYS_INLINE uint8_t decode_literal_matched(struct range *r, prob_t *probs, uint32_t match)
{
    uint32_t node = 1, offset = 0x100;

    while (node < 0x100) {
        uint32_t match_bit;

        match <<= 1;
        match_bit = match & offset;
        if (decode_bit(r, &probs[offset + match_bit + node])) {
            node = node << 1 | 1;
            offset &= match_bit;
        } else {
            node <<= 1;
            offset &= ~match_bit;
        }
    }
    return (uint8_t)node;
}

ALWAYS_INLINE uint32_t state_after_literal(uint32_t state)
{
    if (state < 4)
        return 0;
    return state < 10 ? state - 3 : state - 6;
}

/* A distance used before: gives its length, and moves it to the front of s->rep. */
ALWAYS_INLINE uint32_t decode_rep(struct range *r, struct lzma_state *s, uint32_t *rep,
                                  uint32_t state, uint32_t pos_state)
{
    struct probs *const p = &s->probs;
    uint32_t dist;

    if (!decode_bit(r, &p->is_rep0[state])) {
        if (!decode_bit(r, &p->is_rep0_long[state][pos_state]))
            return 1;
        return decode_len(r, &p->rep_len, pos_state);
    }
    if (!decode_bit(r, &p->is_rep1[state])) {
        dist = rep[1];
    } else {
        if (!decode_bit(r, &p->is_rep2[state])) {
            dist = rep[2];
        } else {
            dist = rep[3];
            rep[3] = rep[2];
        }
        rep[2] = rep[1];
    }
    rep[1] = rep[0];
    rep[0] = dist;
    return decode_len(r, &p->rep_len, pos_state);
}

/* Decodes up to `end`; in is at the range coder's first byte. False if the data are not LZMA. */
static bool decode_chunk(struct decoder *d, struct lzma_state *s, const uint8_t *in_end,
                         uint8_t *const end)
{
    struct probs *const p = &s->probs;
    const uint8_t *const dict_start = s->dict_start;
    const uint32_t lc = s->lc, pos_mask = s->pos_mask, literal_mask = s->literal_mask;
    uint8_t *out = d->out;
    uint32_t state = s->state;
    uint32_t rep[4] = { s->rep[0], s->rep[1], s->rep[2], s->rep[3] };
    struct range r = { .range = UINT32_MAX, .in = d->in + 5 };

    if (d->in[0] != 0)
        return false;
    r.code = (uint32_t)d->in[1] << 24 | (uint32_t)d->in[2] << 16 | (uint32_t)d->in[3] << 8 |
             d->in[4];

    while (out < end) {
        const uint32_t pos = (uint32_t)(out - dict_start);
        const uint32_t pos_state = pos & pos_mask;
        uint32_t len;

        if (UNLIKELY(r.in > in_end))
            return false;
        if (!decode_bit(&r, &p->is_match[state][pos_state])) {
            const uint32_t before = pos > 0 ? out[-1] : 0;
            prob_t *literal = p->literal + LITERAL_CODER_SIZE *
                              (((pos & literal_mask) << lc) + (before >> (8 - lc)));

            if (state < 7) {
                *out++ = decode_literal(&r, literal);
            } else {
                const uint8_t match = out[-(ptrdiff_t)rep[0] - 1];   /* in range: state says so */

                *out++ = decode_literal_matched(&r, literal, match);
            }
            state = state_after_literal(state);
            continue;
        }
        if (!decode_bit(&r, &p->is_rep[state])) {
            rep[3] = rep[2];
            rep[2] = rep[1];
            rep[1] = rep[0];
            len = decode_len(&r, &p->match_len, pos_state);
            rep[0] = decode_distance(&r, p, len);
            state = state < 7 ? 7 : 10;
        } else {
            len = decode_rep(&r, s, rep, state, pos_state);
            if (len == 1)
                state = state < 7 ? 9 : 11;
            else
                state = state < 7 ? 8 : 11;
        }
        if (UNLIKELY(rep[0] >= pos || len > (size_t)(end - out)))
            return false;
        out = copy_match(out, (size_t)rep[0] + 1, len, (size_t)(end - out));
    }

    normalize(&r);
    d->in = r.in;
    d->out = out;
    s->state = state;
    memcpy(s->rep, rep, sizeof(rep));
    return r.in == in_end && r.code == 0;
}

/* The byte (pb * 5 + lp) * 9 + lc. */
static bool set_properties(struct lzma_state *s, uint32_t props)
{
    uint32_t lp, pb;

    if (props > (4 * 5 + 4) * 9 + 8)
        return false;
    s->lc = props % 9;
    lp = props / 9 % 5;
    pb = props / 45;
    if (s->lc + lp > 4)
        return false;
    s->literal_mask = (1u << lp) - 1;
    s->pos_mask = (1u << pb) - 1;
    return true;
}

enum need { NEED_NOTHING, NEED_STATE, NEED_PROPERTIES, NEED_DICT };

static int plain_chunk(struct decoder *d, uint32_t unpacked)
{
    if (decoder_in_left(d) < unpacked)
        return decoder_bad(d, "LZMA2 data end early");
    memcpy(d->out, d->in, unpacked);
    d->in += unpacked;
    d->out += unpacked;
    return 0;
}

/* control >= 0x80; *need is what the stream still has to set before data can be decoded. */
static int lzma_chunk(struct decoder *d, struct lzma_state *s, uint32_t control, uint32_t unpacked,
                      enum need *need)
{
    uint32_t packed;

    if (decoder_in_left(d) < 3)
        return decoder_bad(d, "LZMA2 data end early");
    packed = ((uint32_t)d->in[0] << 8 | d->in[1]) + 1;
    d->in += 2;

    if (control >= 0xc0) {
        if (!set_properties(s, *d->in++))
            return decoder_bad(d, "LZMA2 properties out of range");
        *need = NEED_STATE;
    } else if (*need == NEED_PROPERTIES) {
        return decoder_bad(d, "LZMA2 chunk without properties");
    }
    if (control >= 0xa0)
        reset_state(s);
    else if (*need != NEED_NOTHING)
        return decoder_bad(d, "LZMA2 chunk without a state reset");
    *need = NEED_NOTHING;

    if (packed < 5 || decoder_in_left(d) < (size_t)packed + LZMA2_SLACK)
        return decoder_bad(d, "LZMA2 data end early");
    if (!decode_chunk(d, s, d->in + packed, d->out + unpacked))
        return decoder_bad(d, "LZMA data are corrupt");
    return 0;
}

int decode_lzma2(struct decoder *d, struct lzma_state *s)
{
    enum need need = NEED_DICT;

    for (;;) {
        uint32_t control, unpacked;
        int rc;

        if (decoder_in_left(d) < 3)
            return decoder_bad(d, "LZMA2 data end early");
        control = *d->in++;
        if (control == 0)
            return 0;
        unpacked = ((uint32_t)d->in[0] << 8 | d->in[1]) + 1;
        d->in += 2;
        if (control >= 0x80)
            unpacked += (control & 0x1f) << 16;
        if (unpacked > decoder_out_left(d))
            return decoder_bad(d, "larger than announced");

        if (control == 1 || control >= 0xe0) {
            s->dict_start = d->out;
            need = NEED_PROPERTIES;
        } else if (need == NEED_DICT) {
            return decoder_bad(d, "LZMA2 chunk without a dictionary");
        }
        if (control >= 0x80)
            rc = lzma_chunk(d, s, control, unpacked, &need);
        else if (control <= 2)
            rc = plain_chunk(d, unpacked);
        else
            rc = decoder_bad(d, "LZMA2 control byte out of range");
        if (rc)
            return rc;
    }
}
