/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiplication and division. AMD APM vol. 3, "General-Purpose Instruction Reference". Products
 * take 128 bits. Divisions of 128 bits are done bit by bit: the compiler's would call a library.
 */
#include "priv.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

static u128 product(uint64_t a, uint64_t b, unsigned int size, bool is_signed)
{
    if (is_signed)
        return (u128)((s128)(int64_t)emul_sign_extend(a, size) *
                      (s128)(int64_t)emul_sign_extend(b, size));
    return (u128)a * b;
}

/* CF and OF: does the upper half hold more than the lower half's sign or zero? */
static void product_flags(struct emul *e, u128 p, unsigned int size, bool is_signed)
{
    const uint64_t low = (uint64_t)p & emul_mask(size);
    const u128 fits = is_signed ? (u128)(s128)(int64_t)emul_sign_extend(low, size) : low;

    emul_set_flags(e, FLAG_CF | FLAG_OF, p == fits ? 0 : FLAG_CF | FLAG_OF);
}

/* rDX:rAX, or AX. */
static void write_pair(struct emul *e, unsigned int size, uint64_t low, uint64_t high)
{
    if (size == 1) {
        emul_write_reg(e, RAX, 2, (low & 0xff) | (high & 0xff) << 8);
        return;
    }
    emul_write_reg(e, RAX, size, low);
    emul_write_reg(e, RDX, size, high);
}

/* arg: 1 for IMUL. The operand is dst. */
enum emul_result emul_mul(struct emul *e, unsigned int is_signed)
{
    const unsigned int size = e->dst.size;
    const u128 p = product(emul_read_reg(e, RAX, size), e->dst.val, size, is_signed);

    product_flags(e, p, size, is_signed);
    write_pair(e, size, (uint64_t)p, (uint64_t)(p >> (8 * size)));
    return EMUL_OK;
}

static enum emul_result imul(struct emul *e, uint64_t a, uint64_t b)
{
    const u128 p = product(a, b, e->dst.size, true);

    product_flags(e, p, e->dst.size, true);
    e->dst.val = (uint64_t)p;
    return EMUL_OK;
}

enum emul_result emul_imul2(struct emul *e, unsigned int arg)
{
    return imul(e, e->dst.val, e->src.val);
}

enum emul_result emul_imul3(struct emul *e, unsigned int arg)
{
    return imul(e, e->src.val, emul_sign_extend(e->insn.imm, e->insn.imm_size) &
                                   emul_mask(e->dst.size));
}

/* high < d: the quotient has 64 bits. */
static uint64_t divide(uint64_t high, uint64_t low, uint64_t d, uint64_t *rest)
{
    uint64_t q = 0;

    for (unsigned int i = 0; i < 64; i++) {
        const bool carry = high >> 63;

        high = high << 1 | low >> 63;
        low <<= 1;
        q <<= 1;
        if (carry || high >= d) {
            high -= d;
            q |= 1;
        }
    }
    *rest = high;
    return q;
}

/* A dividend of 2 * size bytes, as an absolute value; false: the quotient has more than 64 bits. */
static bool divide_wide(u128 a, uint64_t d, uint64_t *q, uint64_t *rest)
{
    const uint64_t high = (uint64_t)(a >> 64);

    if (d == 0 || high >= d)
        return false;
    *q = divide(high, (uint64_t)a, d, rest);
    return true;
}

static u128 dividend(const struct emul *e, unsigned int size)
{
    if (size == 1)
        return emul_read_reg(e, RAX, 2);
    return (u128)emul_read_reg(e, RDX, size) << (8 * size) | emul_read_reg(e, RAX, size);
}

static enum emul_result div_unsigned(struct emul *e, unsigned int size)
{
    uint64_t q, rest;

    if (!divide_wide(dividend(e, size), e->dst.val, &q, &rest) || q > emul_mask(size))
        return emul_raise(e, TRAP_DE, 0);
    write_pair(e, size, q, rest);
    return EMUL_OK;
}

static enum emul_result div_signed(struct emul *e, unsigned int size)
{
    const unsigned int shift = 128 - 16 * size;
    const s128 a = (s128)(dividend(e, size) << shift) >> shift;
    const int64_t d = (int64_t)emul_sign_extend(e->dst.val, size);
    const bool negative = (a < 0) != (d < 0);
    const uint64_t limit = emul_sign_bit(size) - (negative ? 0 : 1);
    const u128 top = a < 0 ? -(u128)a : (u128)a;
    uint64_t q, rest;

    if (!divide_wide(top, d < 0 ? 0 - (uint64_t)d : (uint64_t)d, &q, &rest) ||
        q > limit)
        return emul_raise(e, TRAP_DE, 0);
    write_pair(e, size, negative ? 0 - q : q, a < 0 ? 0 - rest : rest);
    return EMUL_OK;
}

/* arg: 1 for IDIV. */
enum emul_result emul_div(struct emul *e, unsigned int is_signed)
{
    return is_signed ? div_signed(e, e->dst.size) : div_unsigned(e, e->dst.size);
}
