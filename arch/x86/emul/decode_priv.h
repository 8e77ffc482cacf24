/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One byte for each opcode: what follows it, and how wide its operands are by default.
 */
#ifndef EMUL_DECODE_PRIV_H
#define EMUL_DECODE_PRIV_H

#include <hv/types.h>

enum {
    /* Low four bits: the immediate. */
    IMM_NONE,
    IMM_8,
    IMM_16,
    IMM_Z,     /* operand size, at most 4 */
    IMM_V,     /* operand size */
    IMM_MOFFS, /* address size: an offset in memory */
    IMM_FAR,   /* offset of the operand size, selector */
    IMM_ENTER, /* 16 bits, 8 bits */
    IMM_TEST8, /* group 3: TEST alone has one */
    IMM_TESTZ,
    IMM_SSE4A, /* 0F 78: two bytes with 66h or F2h */
    OP_PREFIX, /* a prefix or an escape: never looked up */
    OP_UNDEFINED,
    IMM_MASK = 15,

    OP_D64 = 0x10,   /* 64 bits by default in 64-bit code; 66h makes it 16 */
    OP_NEAR = 0x20,  /* near branch: the same, but Intel ignores 66h */
    OP_NOT64 = 0x40, /* undefined in 64-bit code */
    OP_MODRM = 0x80,
};

extern const uint8_t decode_one_byte[256], decode_0f[256];

#endif
