/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding. A reader walks over the bytes and remembers if it ran out, so that no step in between
 * has to check: a struct insn counts only if the reader did not. In this order: prefixes, the
 * opcode in one of its encodings, ModRM with SIB and displacement, immediates. AMD APM vol. 3 §1
 * "Instruction Encoding"; Intel SDM vol. 2 §2 "Instruction Format".
 *
 * Opcodes of the one-byte and the 0F map are known, so what is undefined there is INSN_INVALID.
 * Elsewhere any opcode has a form, whether or not some cpu gives it a meaning.
 */
#include <arch/decode.h>

#include "decode_priv.h"

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

struct reader {
    const uint8_t *p;
    size_t n, at;
    bool over;
};

static uint8_t next(struct reader *r)
{
    if (r->at < r->n && r->at < INSN_LENGTH_MAX)
        return r->p[r->at++];
    r->over = true;
    return 0;
}

/* The next byte, left where it is. */
static uint8_t peek(struct reader *r)
{
    const uint8_t b = next(r);

    if (!r->over)
        r->at--;
    return b;
}

static uint64_t next_bytes(struct reader *r, unsigned int nr)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < nr; i++)
        v |= (uint64_t)next(r) << (8 * i);
    return v;
}

static int64_t sign_extend(uint64_t v, unsigned int bytes)
{
    const unsigned int shift = 64 - 8 * bytes;

    return bytes == 0 ? 0 : (int64_t)(v << shift) >> shift;
}

static bool take_prefix(struct insn *insn, uint8_t b)
{
    switch (b) {
    case 0x66: insn->opsize_prefix = true; return true;
    case 0x67: insn->adsize_prefix = true; return true;
    case 0xf0: insn->lock = true; return true;
    case 0xf2:
    case 0xf3: insn->rep = b; return true;
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e: /* ES, CS, SS, DS mean nothing in 64-bit code, and leave an FS or GS as it is */
        if (!insn_is_long64(insn)) {
            insn->segment = (b >> 3) & 3;
            insn->segment_override = true;
        }
        return true;
    case 0x64:
    case 0x65:
        insn->segment = b & 1 ? INSN_GS : INSN_FS;
        insn->segment_override = true;
        return true;
    default: return false;
    }
}

/* Reads up to the opcode, and returns its first byte. REX counts only right before that. */
static uint8_t read_prefixes(struct reader *r, struct insn *insn)
{
    for (;;) {
        const uint8_t b = next(r);

        if (r->over)
            return 0;
        if (insn_is_long64(insn) && (b & 0xf0) == 0x40)
            insn->rex = b;
        else if (take_prefix(insn, b))
            insn->rex = 0;
        else
            return b;
    }
}

static void set_sizes(struct insn *insn)
{
    const bool code16 = insn->mode == INSN_REAL16 || insn->mode == INSN_PROT16 ||
                        insn->mode == INSN_COMPAT16;

    if (insn_is_long64(insn)) {
        insn->opsize = insn->rex & REX_W ? 8 : insn->opsize_prefix ? 2 : 4;
        insn->adsize = insn->adsize_prefix ? 4 : 8;
    } else {
        insn->opsize = insn->opsize_prefix != code16 ? 2 : 4;
        insn->adsize = insn->adsize_prefix != code16 ? 2 : 4;
    }
}

/* Operand sizes that do not follow the common rule. */
static void widen_operand(struct insn *insn, uint8_t row, bool amd_branches)
{
    if (!insn_is_long64(insn))
        return;
    if (insn->encoding == INSN_LEGACY && insn->map == MAP_ONE && insn->opcode == 0xff) {
        const unsigned int reg = insn->reg & 7;

        row |= reg == 2 || reg == 4 ? OP_NEAR : reg == 6 ? OP_D64 : 0;
    }
    if ((row & OP_D64 || (row & OP_NEAR && amd_branches)) && insn->opsize == 4)
        insn->opsize = 8;
    if (row & OP_NEAR && !amd_branches)
        insn->opsize = 8;
}

static void read_disp(struct reader *r, struct insn *insn, unsigned int size)
{
    insn->disp_size = (uint8_t)size;
    insn->disp = sign_extend(next_bytes(r, size), size);
}

static void read_address16(struct reader *r, struct insn *insn)
{
    static const int8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
    static const int8_t index[8] = { 6, 7, 6, 7, -1, -1, -1, -1 };
    const unsigned int mod = insn->modrm >> 6, rm = insn->modrm & 7;
    const bool absolute = mod == 0 && rm == 6;

    insn->base = absolute ? INSN_NO_REG : base[rm];
    insn->index = index[rm];
    read_disp(r, insn, absolute ? 2 : mod);
}

/* x and b: bit 3 (and for EVEX, not here: bit 4 of a vector index) of index and base. */
static void read_address(struct reader *r, struct insn *insn, unsigned int x, unsigned int b)
{
    const unsigned int mod = insn->modrm >> 6;
    unsigned int base = insn->modrm & 7;

    if (base == 4) {
        insn->has_sib = true;
        insn->sib = next(r);
        base = insn->sib & 7;
        insn->scale = (uint8_t)(1U << (insn->sib >> 6));
        insn->index = (int8_t)(((insn->sib >> 3) & 7) | x << 3);
        if (insn->index == 4)
            insn->index = INSN_NO_REG;
    }
    insn->base = (int8_t)(base | b << 3);
    if (mod == 0 && base == 5) {
        insn->base = INSN_NO_REG;
        insn->rip_relative = insn_is_long64(insn) && !insn->has_sib;
    }
    read_disp(r, insn, mod == 1 ? 1 : mod == 2 || (mod == 0 && base == 5) ? 4 : 0);
}

static void default_segment(struct insn *insn)
{
    /* rSP and rBP, but not r12 and r13, address the stack. */
    if (!insn->segment_override)
        insn->segment = insn->base == 4 || insn->base == 5 ? INSN_SS : INSN_DS;
}

/* Moves from and to control and debug registers: the mod bits are ignored. */
static bool ignores_mod(const struct insn *insn)
{
    return insn->encoding == INSN_LEGACY && insn->map == MAP_0F && (insn->opcode & 0xfc) == 0x20;
}

/* rxb: the upper register bits, in REX's places. */
static void read_modrm(struct reader *r, struct insn *insn, unsigned int rxb)
{
    const unsigned int b = rxb & REX_B ? 1 : 0;

    insn->has_modrm = true;
    insn->modrm = next(r);
    insn->reg = (uint8_t)(((insn->modrm >> 3) & 7) | (rxb & REX_R ? 8 : 0));
    insn->rm = (uint8_t)((insn->modrm & 7) | b << 3);
    if (insn->modrm >= 0xc0 || ignores_mod(insn))
        return;
    insn->is_mem = true;
    if (insn->adsize == 2)
        read_address16(r, insn);
    else
        read_address(r, insn, rxb & REX_X ? 1 : 0, b);
    default_segment(insn);
}

static void read_immediates(struct reader *r, struct insn *insn, unsigned int first,
                            unsigned int second)
{
    insn->imm_size = (uint8_t)first;
    insn->imm = next_bytes(r, first);
    insn->imm2_size = (uint8_t)second;
    insn->imm2 = next_bytes(r, second);
}

static void read_moffs(struct reader *r, struct insn *insn)
{
    insn->is_mem = true;
    insn->disp_size = insn->adsize;
    insn->disp = (int64_t)next_bytes(r, insn->adsize);
    default_segment(insn);
}

static void read_operand_bytes(struct reader *r, struct insn *insn, uint8_t row)
{
    const unsigned int z = insn->opsize == 2 ? 2 : 4;
    const bool test = (insn->reg & 6) == 0;
    const bool sse4a = insn->opsize_prefix || insn->rep == 0xf2;

    switch (row & IMM_MASK) {
    case IMM_8: read_immediates(r, insn, 1, 0); break;
    case IMM_16: read_immediates(r, insn, 2, 0); break;
    case IMM_Z: read_immediates(r, insn, z, 0); break;
    case IMM_V: read_immediates(r, insn, insn->opsize, 0); break;
    case IMM_MOFFS: read_moffs(r, insn); break;
    case IMM_FAR: read_immediates(r, insn, z, 2); break;
    case IMM_ENTER: read_immediates(r, insn, 2, 1); break;
    case IMM_TEST8: read_immediates(r, insn, test ? 1 : 0, 0); break;
    case IMM_TESTZ: read_immediates(r, insn, test ? z : 0, 0); break;
    case IMM_SSE4A: read_immediates(r, insn, sse4a ? 1 : 0, sse4a ? 1 : 0); break;
    default: break;
    }
}

static bool read_0f(struct reader *r, struct insn *insn, uint8_t *row)
{
    const uint8_t b = next(r);

    insn->map = MAP_0F;
    insn->opcode = b;
    switch (b) {
    case 0x0f:
        insn->encoding = INSN_3DNOW;
        *row = OP_MODRM;
        return true;
    case 0x38:
        insn->map = MAP_0F38;
        insn->opcode = next(r);
        *row = OP_MODRM;
        return true;
    case 0x3a:
        insn->map = MAP_0F3A;
        insn->opcode = next(r);
        *row = OP_MODRM | IMM_8;
        return true;
    default:
        *row = decode_0f[b];
        return (*row & IMM_MASK) != OP_UNDEFINED;
    }
}

static bool read_legacy(struct reader *r, struct insn *insn, uint8_t opcode, bool amd_branches)
{
    uint8_t row = decode_one_byte[opcode];

    insn->opcode = opcode;
    if (opcode == 0x0f && !read_0f(r, insn, &row))
        return false;
    if (row & OP_NOT64 && insn_is_long64(insn))
        return false;
    if (row & OP_MODRM)
        read_modrm(r, insn, insn->rex);
    widen_operand(insn, row, amd_branches);
    read_operand_bytes(r, insn, row);
    if (insn->encoding == INSN_3DNOW)
        insn->opcode = next(r);
    return true;
}

/* The immediate bytes of a vector instruction follow from its map. */
static unsigned int vector_immediate(const struct insn *insn)
{
    switch (insn->map) {
    case MAP_0F:
        return (insn->opcode & 0xfc) == 0x70 ? insn->opcode != 0x77
                                             : insn->opcode == 0xc2 ||
                                                   (insn->opcode >= 0xc4 && insn->opcode <= 0xc6);
    case MAP_0F3A:
    case MAP_XOP8: return 1;
    case MAP_XOPA: return 4;
    default: return 0;
    }
}

static bool map_exists(const struct insn *insn)
{
    switch (insn->encoding) {
    case INSN_VEX: return insn->map >= MAP_0F && insn->map <= MAP_0F3A;
    case INSN_EVEX:
        return (insn->map >= MAP_0F && insn->map <= MAP_0F3A) || insn->map == MAP_EVEX5 ||
               insn->map == MAP_EVEX6;
    default: return insn->map >= MAP_XOP8 && insn->map <= MAP_XOPA;
    }
}

/* The second payload byte of VEX and XOP, the only one of a two-byte VEX. */
static void take_vex_fields(struct insn *insn, uint8_t b)
{
    insn->pp = b & 3;
    insn->vl = (b >> 2) & 1;
    insn->vvvv = (~b >> 3) & 15;
}

/* Inverted register bits in the top three bits of b, in REX's places. Outside 64-bit code: none. */
static unsigned int take_rxb(const struct insn *insn, uint8_t b)
{
    return insn_is_long64(insn) ? (unsigned int)(uint8_t)~b >> 5 : 0;
}

static unsigned int read_vex_payload(struct reader *r, struct insn *insn, uint8_t first)
{
    uint8_t b = next(r);
    const unsigned int rxb = take_rxb(insn, first == 0xc5 ? b | 0x60 : b);

    insn->map = MAP_0F;
    if (first != 0xc5) {
        insn->map = b & 31;
        b = next(r);
        insn->w = b >> 7;
    }
    take_vex_fields(insn, b);
    return rxb;
}

/* r and x: bit 4 of the register operands. */
struct evex_extra {
    uint8_t r, x;
    bool well_formed;
};

static unsigned int read_evex_payload(struct reader *r, struct insn *insn, struct evex_extra *extra)
{
    const uint8_t p0 = next(r), p1 = next(r), p2 = next(r);
    const unsigned int rxb = take_rxb(insn, p0);

    insn->map = p0 & 7;
    insn->w = p1 >> 7;
    insn->pp = p1 & 3;
    insn->vvvv = (uint8_t)(((~p1 >> 3) & 15) | (insn_is_long64(insn) ? (~p2 & 8) << 1 : 0));
    insn->vl = (p2 >> 5) & 3;
    insn->evex_mask = p2 & 7;
    insn->evex_zero = p2 >> 7;
    insn->evex_b = (p2 >> 4) & 1;
    extra->r = insn_is_long64(insn) && !(p0 & 0x10) ? 16 : 0;
    extra->x = rxb & REX_X ? 16 : 0;
    extra->well_formed = !(p0 & 8) && p1 & 4;
    return rxb;
}

static bool read_vector(struct reader *r, struct insn *insn, enum insn_encoding encoding,
                        uint8_t first)
{
    struct evex_extra extra = { .well_formed = true };
    unsigned int rxb;

    if (insn->lock || insn->opsize_prefix || insn->rep || insn->rex)
        return false;
    insn->encoding = (uint8_t)encoding;
    rxb = encoding == INSN_EVEX ? read_evex_payload(r, insn, &extra)
                                : read_vex_payload(r, insn, first);
    insn->opcode = next(r);
    if (r->over)
        return true;
    if (!extra.well_formed || !map_exists(insn))
        return false;
    if (encoding == INSN_EVEX || insn->map != MAP_0F || insn->opcode != 0x77)
        read_modrm(r, insn, rxb);
    insn->reg |= extra.r;
    if (!insn->is_mem)
        insn->rm |= extra.x;
    if (insn_is_long64(insn))
        insn->opsize = insn->w ? 8 : 4;
    read_immediates(r, insn, vector_immediate(insn), 0);
    return true;
}

/*
 * Which encoding an opcode byte begins. Outside 64-bit code those of LES, LDS and BOUND that would
 * have a register operand were free for VEX and EVEX, and POP with a register number other than 0
 * for XOP.
 */
static enum insn_encoding encoding_of(struct reader *r, const struct insn *insn, uint8_t opcode)
{
    if (insn->mode == INSN_REAL16)
        return INSN_LEGACY;
    switch (opcode) {
    case 0xc4:
    case 0xc5:
        return insn_is_long64(insn) || peek(r) >= 0xc0 ? INSN_VEX : INSN_LEGACY;
    case 0x62:
        return insn_is_long64(insn) || peek(r) >= 0xc0 ? INSN_EVEX : INSN_LEGACY;
    case 0x8f:
        return (peek(r) & 31) >= 8 ? INSN_XOP : INSN_LEGACY;
    default: return INSN_LEGACY;
    }
}

/* LES, LDS, BOUND, LEA and POP forms that do not exist. */
static bool bad_operand(const struct insn *insn)
{
    if (insn->encoding != INSN_LEGACY || insn->map != MAP_ONE)
        return false;
    switch (insn->opcode) {
    case 0x62:
    case 0x8d:
    case 0xc4:
    case 0xc5: return !insn->is_mem;
    case 0x8f: return (insn->reg & 7) != 0;
    default: return false;
    }
}

enum insn_error insn_decode(struct insn *insn, const uint8_t *bytes, size_t n, enum insn_mode mode,
                            bool amd_branches)
{
    struct reader r = { .p = bytes, .n = n };
    enum insn_encoding encoding;
    uint8_t opcode;
    bool ok;

    *insn = (struct insn){ .mode = (uint8_t)mode, .segment = INSN_DS, .base = INSN_NO_REG,
                           .index = INSN_NO_REG, .scale = 1 };
    opcode = read_prefixes(&r, insn);
    set_sizes(insn);
    encoding = encoding_of(&r, insn, opcode);
    if (encoding == INSN_LEGACY)
        ok = read_legacy(&r, insn, opcode, amd_branches);
    else
        ok = read_vector(&r, insn, encoding, opcode);
    if (r.over)
        return n < INSN_LENGTH_MAX ? INSN_TRUNCATED : INSN_TOO_LONG;
    if (!ok || bad_operand(insn))
        return INSN_INVALID;
    insn->length = (uint8_t)r.at;
    return INSN_DECODED;
}
