/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves between registers and memory, conversions, flags by name. AMD APM vol. 3,
 * "General-Purpose Instruction Reference".
 */
#include "priv.h"

enum emul_result emul_nop(struct emul *e, unsigned int arg) { return EMUL_OK; }

enum emul_result emul_mov(struct emul *e, unsigned int arg)
{
    e->dst.val = e->src.val;
    return EMUL_OK;
}

enum emul_result emul_movnti(struct emul *e, unsigned int arg)
{
    if (e->insn.rep || e->insn.opsize_prefix)
        return EMUL_UNHANDLED;
    e->dst.size = emul_long64(e) && e->insn.opsize == 8 ? 8 : 4; /* in 16-bit code too */
    e->dst.val = emul_read_reg(e, e->insn.reg, e->dst.size);
    return EMUL_OK;
}

/* arg: the size of the source; 8 more for a sign. */
enum emul_result emul_mov_extend(struct emul *e, unsigned int arg)
{
    e->dst.val = arg & 8 ? emul_sign_extend(e->src.val, e->src.size) : e->src.val & emul_mask(arg);
    return EMUL_OK;
}

static uint64_t swap_bytes(uint64_t v, unsigned int size)
{
    return __builtin_bswap64(v) >> (64 - 8 * size);
}

enum emul_result emul_movbe(struct emul *e, unsigned int arg)
{
    if (e->insn.rep)
        return EMUL_UNHANDLED; /* F2: CRC32 */
    e->dst.val = swap_bytes(e->src.val, e->dst.size);
    return EMUL_OK;
}

/* Of 16 bits it is undefined, and clears the register on cpus that we know. */
enum emul_result emul_bswap(struct emul *e, unsigned int arg)
{
    e->dst.val = e->dst.size == 2 ? 0 : swap_bytes(e->dst.val, e->dst.size);
    return EMUL_OK;
}

enum emul_result emul_xchg(struct emul *e, unsigned int arg)
{
    const uint64_t was = e->dst.val;

    e->dst.val = e->src.val;
    if (e->src.size == 1)
        emul_write_byte_reg(e, e->src.reg, was);
    else
        emul_write_reg(e, e->src.reg, e->src.size, was);
    return EMUL_OK;
}

/* 90: XCHG with r8 if REX.B is there, whatever other prefixes say; else NOP or PAUSE. */
enum emul_result emul_pause(struct emul *e, unsigned int arg)
{
    const unsigned int size = e->insn.opsize;
    const uint64_t a = emul_read_reg(e, RAX, size), b = emul_read_reg(e, 8, size);

    if (!(e->insn.rex & 1))
        return EMUL_OK;
    emul_write_reg(e, RAX, size, b);
    emul_write_reg(e, 8, size, a);
    return EMUL_OK;
}

/* The source is read, and a 32-bit destination's upper half cleared, in any case. */
enum emul_result emul_cmov(struct emul *e, unsigned int arg)
{
    if (emul_condition(e, e->insn.opcode))
        e->dst.val = e->src.val;
    return EMUL_OK;
}

enum emul_result emul_setcc(struct emul *e, unsigned int arg)
{
    e->dst.val = emul_condition(e, e->insn.opcode);
    return EMUL_OK;
}

enum emul_result emul_lea(struct emul *e, unsigned int arg)
{
    e->dst.val = emul_effective_address(e);
    return EMUL_OK;
}

/* arg 0: CBW, CWDE, CDQE; 1: CWD, CDQ, CQO. */
enum emul_result emul_convert(struct emul *e, unsigned int arg)
{
    const unsigned int size = e->insn.opsize;
    const uint64_t a = emul_read_reg(e, RAX, size);

    if (arg)
        emul_write_reg(e, RDX, size, a & emul_sign_bit(size) ? ~0ULL : 0);
    else
        emul_write_reg(e, RAX, size, emul_sign_extend(a, size / 2));
    return EMUL_OK;
}

/* CMC, CLC, STC, CLD, STD by opcode. */
enum emul_result emul_flag_op(struct emul *e, unsigned int arg)
{
    switch (e->insn.opcode) {
    case 0xf5: e->next.rflags ^= FLAG_CF; break;
    case 0xf8: e->next.rflags &= ~FLAG_CF; break;
    case 0xf9: e->next.rflags |= FLAG_CF; break;
    case 0xfc: e->next.rflags &= ~X86_EFLAGS_DF; break;
    default: e->next.rflags |= X86_EFLAGS_DF; break;
    }
    return EMUL_OK;
}

/* SAHF (arg 0), LAHF (arg 1). */
enum emul_result emul_ahf(struct emul *e, unsigned int load)
{
    const uint64_t mask = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;
    const uint64_t ah = (e->next.gpr[RAX] >> 8) & 0xff;

    if (load)
        e->next.gpr[RAX] = (e->next.gpr[RAX] & ~0xff00ULL) |
                           ((e->next.rflags & mask) | X86_EFLAGS_MBS) << 8;
    else
        emul_set_flags(e, mask, ah);
    return EMUL_OK;
}

enum emul_result emul_xlat(struct emul *e, unsigned int arg)
{
    const uint64_t offset = (e->next.gpr[RBX] + (e->next.gpr[RAX] & 0xff)) &
                            emul_mask(e->insn.adsize);
    uint8_t v = 0;
    const enum emul_result r = emul_read(e, e->insn.segment, offset, &v, 1);

    if (r == EMUL_OK)
        emul_write_reg(e, RAX, 1, v);
    return r;
}
