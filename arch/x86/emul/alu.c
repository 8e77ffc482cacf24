/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addition, subtraction, logic and their kin. AMD APM vol. 3, "General-Purpose Instruction
 * Reference". Carries are computed bit by bit from the operands and the result, the same way for
 * each size.
 */
#include "priv.h"

uint64_t emul_result_flags(uint64_t v, unsigned int size)
{
    uint64_t flags = 0;

    if (!(v & emul_mask(size)))
        flags |= FLAG_ZF;
    if (v & emul_sign_bit(size))
        flags |= FLAG_SF;
    if (!__builtin_parity((unsigned int)(v & 0xff)))
        flags |= FLAG_PF;
    return flags;
}

static uint64_t carry_flags(uint64_t carry, uint64_t overflow, uint64_t r, unsigned int size)
{
    const uint64_t top = emul_sign_bit(size);

    return emul_result_flags(r, size) | (carry & top ? FLAG_CF : 0) |
           (overflow & top ? FLAG_OF : 0) | (carry & 8 ? FLAG_AF : 0);
}

static uint64_t add_flags(uint64_t a, uint64_t b, uint64_t r, unsigned int size)
{
    return carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), r, size);
}

uint64_t emul_sub_flags(uint64_t a, uint64_t b, uint64_t r, unsigned int size)
{
    return carry_flags((~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), r, size);
}

enum emul_result emul_alu(struct emul *e, unsigned int op)
{
    const uint64_t a = e->dst.val, b = e->src.val;
    const unsigned int size = e->dst.size, carry = e->next.rflags & FLAG_CF ? 1 : 0;
    uint64_t r, flags;

    switch (op) {
    case ALU_ADD:
    case ALU_ADC:
        r = a + b + (op == ALU_ADC ? carry : 0);
        flags = add_flags(a, b, r, size);
        break;
    case ALU_SUB:
    case ALU_SBB:
    case ALU_CMP:
        r = a - b - (op == ALU_SBB ? carry : 0);
        flags = emul_sub_flags(a, b, r, size);
        break;
    default:
        r = op == ALU_OR ? a | b : op == ALU_XOR ? a ^ b : a & b;
        flags = emul_result_flags(r, size);
        break;
    }
    e->dst.val = r;
    emul_set_flags(e, FLAGS_ARITH, flags);
    return EMUL_OK;
}

/* arg: 0 INC, 1 DEC. They leave the carry. */
enum emul_result emul_inc_dec(struct emul *e, unsigned int dec)
{
    const uint64_t a = e->dst.val, r = dec ? a - 1 : a + 1;
    const uint64_t flags = dec ? emul_sub_flags(a, 1, r, e->dst.size)
                               : add_flags(a, 1, r, e->dst.size);

    e->dst.val = r;
    emul_set_flags(e, FLAGS_ARITH & ~FLAG_CF, flags);
    return EMUL_OK;
}

enum emul_result emul_not(struct emul *e, unsigned int arg)
{
    e->dst.val = ~e->dst.val;
    return EMUL_OK;
}

enum emul_result emul_neg(struct emul *e, unsigned int arg)
{
    const uint64_t r = 0 - e->dst.val;

    emul_set_flags(e, FLAGS_ARITH, emul_sub_flags(0, e->dst.val, r, e->dst.size));
    e->dst.val = r;
    return EMUL_OK;
}

/* The source is a register, as the destination may be: then the sum stays in it. */
enum emul_result emul_xadd(struct emul *e, unsigned int arg)
{
    const uint64_t a = e->dst.val, b = e->src.val, r = a + b;

    emul_set_flags(e, FLAGS_ARITH, add_flags(a, b, r, e->dst.size));
    if (e->src.size == 1)
        emul_write_byte_reg(e, e->src.reg, a);
    else
        emul_write_reg(e, e->src.reg, e->src.size, a);
    e->dst.val = r;
    return EMUL_OK;
}

/*
 * Memory is written in both cases: with what it held if it was not equal. A register is not, even
 * its upper half.
 */
enum emul_result emul_cmpxchg_op(struct emul *e, unsigned int arg)
{
    const unsigned int size = e->dst.size;
    const uint64_t a = emul_read_reg(e, RAX, size), b = e->dst.val, r = a - b;

    emul_set_flags(e, FLAGS_ARITH, emul_sub_flags(a, b, r, size));
    if (a == b)
        e->dst.val = e->src.val;
    else
        emul_write_reg(e, RAX, size, b);
    if (a != b && !e->insn.is_mem)
        e->dst.kind = 0; /* stores nothing */
    return EMUL_OK;
}

static enum emul_result store_wide(struct emul *e, const uint64_t *old, const uint64_t *new,
                                   unsigned int size)
{
    const uint64_t offset = emul_effective_address(e);

    if (e->insn.lock)
        return emul_cmpxchg(e, e->insn.segment, offset, old, new, size);
    return emul_write(e, e->insn.segment, offset, new, size);
}

/* The halves of a pair of registers, as they lie in memory. */
static void pair(const struct emul *e, unsigned int low, unsigned int high, unsigned int half,
                 uint64_t out[2])
{
    out[0] = emul_read_reg(e, low, half);
    out[1] = emul_read_reg(e, high, half);
    if (half == 4) {
        out[0] |= out[1] << 32;
        out[1] = 0;
    }
}

/* CMPXCHG8B and, with REX.W, CMPXCHG16B, whose operand must be aligned. */
enum emul_result emul_cmpxchg_wide(struct emul *e, unsigned int arg)
{
    const unsigned int half = e->insn.opsize == 8 ? 8 : 4;
    uint64_t old[2] = { 0 }, want[2], new[2], linear;
    enum emul_result r;

    if (half == 8) {
        r = emul_check(e, e->insn.segment, emul_effective_address(e), 16, true, &linear);
        if (r != EMUL_OK)
            return r;
        if (linear & 15)
            return emul_raise(e, TRAP_GP, 0);
    }
    r = emul_read(e, e->insn.segment, emul_effective_address(e), old, 2 * half);
    if (r != EMUL_OK)
        return r;
    pair(e, RAX, RDX, half, want);
    pair(e, RBX, RCX, half, new);
    if (old[0] == want[0] && old[1] == want[1]) {
        emul_set_flags(e, FLAG_ZF, FLAG_ZF);
        return store_wide(e, old, new, 2 * half);
    }
    emul_set_flags(e, FLAG_ZF, 0);
    r = store_wide(e, old, old, 2 * half);
    emul_write_reg(e, RAX, half, old[0]);
    emul_write_reg(e, RDX, half, half == 8 ? old[1] : old[0] >> 32);
    return r;
}
