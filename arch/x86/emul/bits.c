/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shifts, rotates, bit tests and scans. AMD APM vol. 3, "General-Purpose Instruction Reference".
 * Flags that the manual leaves undefined are computed all the same, so that results repeat.
 */
#include "priv.h"

enum { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAL, SH_SAR };

static uint64_t rotate_left(uint64_t v, unsigned int n, unsigned int bits)
{
    n %= bits;
    return n ? (v << n | v >> (bits - n)) : v;
}

/* Through the carry: one bit at a time, as it is rare and short. n < 64. */
static uint64_t rotate_carry(uint64_t v, unsigned int n, unsigned int bits, bool right, bool *carry)
{
    const uint64_t top = 1ULL << (bits - 1);

    for (unsigned int i = 0; i < n; i++) {
        const bool out = right ? v & 1 : v & top;

        v = right ? v >> 1 : (v << 1) & (top | (top - 1));
        if (*carry)
            v |= right ? top : 1;
        *carry = out;
    }
    return v;
}

/* n > 0, and for 8 and 16 bits it may be larger than them. */
static uint64_t shift(unsigned int op, uint64_t v, unsigned int n, unsigned int bits, bool *carry)
{
    const int64_t s = (int64_t)emul_sign_extend(v, bits / 8);

    if (op == SH_SAR) {
        *carry = s >> MIN(n - 1, 63U) & 1;
        return (uint64_t)(s >> MIN(n, 63U));
    }
    if (n > bits) {
        *carry = false;
        return 0;
    }
    if (op == SH_SHR) {
        *carry = v >> (n - 1) & 1;
        return n < 64 ? v >> n : 0;
    }
    *carry = v >> (bits - n) & 1;
    return n < 64 ? v << n : 0;
}

static bool is_rotate(unsigned int op) { return op <= SH_RCR; }

static uint64_t shift_or_rotate(unsigned int op, uint64_t v, unsigned int n, unsigned int bits,
                                bool *carry)
{
    switch (op) {
    case SH_ROL:
        v = rotate_left(v, n, bits);
        *carry = v & 1;
        return v;
    case SH_ROR:
        v = rotate_left(v, bits - n % bits, bits);
        *carry = v >> (bits - 1) & 1;
        return v;
    case SH_RCL:
    case SH_RCR:
        return rotate_carry(v, n % (bits + 1), bits, op == SH_RCR, carry);
    default: return shift(op, v, n, bits, carry);
    }
}

/* OF as for a count of one: left: did the top bit change; right: what it was or became. */
static bool shift_overflow(unsigned int op, uint64_t before, uint64_t v, unsigned int bits,
                           bool carry)
{
    const bool top = v >> (bits - 1) & 1, second = v >> (bits - 2) & 1;

    switch (op) {
    case SH_ROR:
    case SH_RCR: return top != second;
    case SH_SHR: return before >> (bits - 1) & 1;
    case SH_SAR: return false;
    default: return top != carry;
    }
}

enum emul_result emul_shift(struct emul *e, unsigned int arg)
{
    const unsigned int op = e->insn.reg & 7, bits = e->dst.size * 8U;
    const unsigned int n = (unsigned int)e->src.val & (bits == 64 ? 63 : 31);
    const uint64_t before = e->dst.val;
    bool carry = e->next.rflags & FLAG_CF;
    uint64_t v;

    if (n == 0)
        return EMUL_OK;
    v = shift_or_rotate(op, before, n, bits, &carry) & emul_mask(e->dst.size);
    emul_set_flags(e, FLAG_CF | FLAG_OF,
                   (carry ? FLAG_CF : 0) |
                       (shift_overflow(op, before, v, bits, carry) ? FLAG_OF : 0));
    if (!is_rotate(op))
        emul_set_flags(e, FLAG_SF | FLAG_ZF | FLAG_PF, emul_result_flags(v, e->dst.size));
    e->dst.val = v;
    return EMUL_OK;
}

/*
 * SHLD, SHRD: arg bit 0 right, bit 1 count in CL. Of 16-bit operands counts above 16 are undefined;
 * here the two operands are shifted as a ring.
 */
enum emul_result emul_shift_double(struct emul *e, unsigned int arg)
{
    const unsigned int bits = e->dst.size * 8U;
    const uint64_t count = arg & 2 ? e->next.gpr[RCX] : e->insn.imm;
    unsigned int n = (unsigned int)count & (bits == 64 ? 63 : 31);
    uint64_t v = e->dst.val, fill = e->src.val;
    const uint64_t before = v;
    bool carry = false;

    if (n == 0)
        return EMUL_OK;
    if (n > bits) { /* 16 bits: what was shifted out comes in again */
        const uint64_t swap = v;

        v = fill;
        fill = swap;
        n -= bits;
    }
    if (arg & 1) {
        carry = v >> (n - 1) & 1;
        v = n == 64 ? fill : v >> n | fill << (bits - n);
    } else {
        carry = v >> (bits - n) & 1;
        v = v << n | fill >> (bits - n);
    }
    v &= emul_mask(e->dst.size);
    emul_set_flags(e, FLAGS_ARITH & ~FLAG_AF,
                   emul_result_flags(v, e->dst.size) | (carry ? FLAG_CF : 0) |
                       ((before ^ v) & emul_sign_bit(e->dst.size) ? FLAG_OF : 0));
    e->dst.val = v;
    return EMUL_OK;
}

enum { BT, BTS, BTR, BTC };

static uint64_t change_bit(unsigned int op, uint64_t v, uint64_t bit)
{
    return op == BTS ? v | bit : op == BTR ? v & ~bit : op == BTC ? v ^ bit : v;
}

/* With the bit's number in a register, memory is a string of bits around its address. */
static enum emul_result bit_in_memory(struct emul *e, unsigned int op)
{
    const unsigned int size = e->insn.opsize, bits = size * 8;
    const uint64_t reg = emul_read_reg(e, e->insn.reg, size);
    const unsigned int shift_by = size == 2 ? 4 : size == 4 ? 5 : 6;
    const int64_t word = (int64_t)emul_sign_extend(reg, size) >> shift_by;
    const uint64_t offset = (emul_effective_address(e) + (uint64_t)word * size) &
                            emul_mask(e->insn.adsize);
    const uint64_t bit = 1ULL << (reg & (bits - 1));
    uint64_t v = 0, new;
    enum emul_result r = emul_read(e, e->insn.segment, offset, &v, size);

    if (r != EMUL_OK)
        return r;
    emul_set_flags(e, FLAG_CF, v & bit ? FLAG_CF : 0);
    if (op == BT)
        return EMUL_OK;
    new = change_bit(op, v, bit);
    if (e->insn.lock)
        return emul_cmpxchg(e, e->insn.segment, offset, &v, &new, size);
    return emul_write(e, e->insn.segment, offset, &new, size);
}

/* arg: the operation; 4 more if the number is an immediate. */
enum emul_result emul_bit_test(struct emul *e, unsigned int arg)
{
    const unsigned int op = arg & 3, size = e->insn.opsize, bits = size * 8;
    const bool immediate = arg & 4;
    uint64_t bit, v;

    if (!immediate && e->insn.is_mem)
        return bit_in_memory(e, op);
    if (immediate) {
        bit = 1ULL << (e->insn.imm & (bits - 1));
        emul_set_flags(e, FLAG_CF, e->dst.val & bit ? FLAG_CF : 0);
        e->dst.val = change_bit(op, e->dst.val, bit);
        return EMUL_OK;
    }
    bit = 1ULL << (emul_read_reg(e, e->insn.reg, size) & (bits - 1));
    v = emul_read_reg(e, e->insn.rm, size);
    emul_set_flags(e, FLAG_CF, v & bit ? FLAG_CF : 0);
    if (op != BT)
        emul_write_reg(e, e->insn.rm, size, change_bit(op, v, bit));
    return EMUL_OK;
}

static unsigned int count_trailing(uint64_t v, unsigned int bits)
{
    return v ? (unsigned int)__builtin_ctzll(v) : bits;
}

static unsigned int count_leading(uint64_t v, unsigned int bits)
{
    return v ? (unsigned int)__builtin_clzll(v) - (64 - bits) : bits;
}

/* BSF (arg 0) and BSR (1), or with F3 TZCNT and LZCNT. BSF, BSR of zero leave the destination. */
enum emul_result emul_bit_scan(struct emul *e, unsigned int reverse)
{
    const unsigned int bits = e->dst.size * 8U;
    const uint64_t v = e->src.val;
    unsigned int n = reverse ? count_leading(v, bits) : count_trailing(v, bits);

    if (e->insn.rep == 0xf3) {
        emul_write_reg(e, e->insn.reg, e->dst.size, n);
        emul_set_flags(e, FLAG_CF | FLAG_ZF, (v == 0 ? FLAG_CF : 0) | (n == 0 ? FLAG_ZF : 0));
        return EMUL_OK;
    }
    if (reverse)
        n = bits - 1 - n;
    if (v)
        emul_write_reg(e, e->insn.reg, e->dst.size, n);
    emul_set_flags(e, FLAG_ZF, v == 0 ? FLAG_ZF : 0);
    return EMUL_OK;
}

enum emul_result emul_popcnt(struct emul *e, unsigned int arg)
{
    if (e->insn.rep != 0xf3)
        return EMUL_UNHANDLED;
    e->dst.val = 0;
    for (uint64_t v = e->src.val; v; v &= v - 1)
        e->dst.val++;
    emul_set_flags(e, FLAGS_ARITH, e->dst.val == 0 ? FLAG_ZF : 0);
    return EMUL_OK;
}
