/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one-byte and the 0F opcode map. AMD APM vol. 3, appendix A "Opcode and Operand Encodings";
 * Intel SDM vol. 2, appendix A "Opcode Map". The other maps need no table: a ModRM byte follows
 * each of their opcodes, and the map decides about the immediate.
 */
#include "decode_priv.h"

#define __ IMM_NONE
#define I8 IMM_8
#define IW IMM_16
#define IZ IMM_Z
#define IV IMM_V
#define OF IMM_MOFFS
#define PX OP_PREFIX
#define UD OP_UNDEFINED
#define M_ OP_MODRM
#define M8 (OP_MODRM | IMM_8)
#define MZ (OP_MODRM | IMM_Z)
#define X_ OP_NOT64
#define X8 (OP_NOT64 | IMM_8)
#define XF (OP_NOT64 | IMM_FAR)
#define XM (OP_NOT64 | OP_MODRM)
#define X1 (OP_NOT64 | OP_MODRM | IMM_8)
#define D_ OP_D64
#define D8 (OP_D64 | IMM_8)
#define DZ (OP_D64 | IMM_Z)
#define DE (OP_D64 | IMM_ENTER)
#define DM (OP_D64 | OP_MODRM)
#define N_ OP_NEAR
#define N8 (OP_NEAR | IMM_8)
#define NW (OP_NEAR | IMM_16)
#define NZ (OP_NEAR | IMM_Z)
#define T8 (OP_MODRM | IMM_TEST8)
#define TZ (OP_MODRM | IMM_TESTZ)
#define S4 (OP_MODRM | IMM_SSE4A)

const uint8_t decode_one_byte[256] = {
    /*         0   1   2   3   4   5   6   7   8   9   a   b   c   d   e   f */
    /* 00 */  M_, M_, M_, M_, I8, IZ, X_, X_, M_, M_, M_, M_, I8, IZ, X_, PX,
    /* 10 */  M_, M_, M_, M_, I8, IZ, X_, X_, M_, M_, M_, M_, I8, IZ, X_, X_,
    /* 20 */  M_, M_, M_, M_, I8, IZ, PX, X_, M_, M_, M_, M_, I8, IZ, PX, X_,
    /* 30 */  M_, M_, M_, M_, I8, IZ, PX, X_, M_, M_, M_, M_, I8, IZ, PX, X_,
    /* 40 */  X_, X_, X_, X_, X_, X_, X_, X_, X_, X_, X_, X_, X_, X_, X_, X_,
    /* 50 */  D_, D_, D_, D_, D_, D_, D_, D_, D_, D_, D_, D_, D_, D_, D_, D_,
    /* 60 */  X_, X_, XM, M_, PX, PX, PX, PX, DZ, MZ, D8, M8, __, __, __, __,
    /* 70 */  N8, N8, N8, N8, N8, N8, N8, N8, N8, N8, N8, N8, N8, N8, N8, N8,
    /* 80 */  M8, MZ, X1, M8, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, DM,
    /* 90 */  __, __, __, __, __, __, __, __, __, __, XF, __, D_, D_, __, __,
    /* a0 */  OF, OF, OF, OF, __, __, __, __, I8, IZ, __, __, __, __, __, __,
    /* b0 */  I8, I8, I8, I8, I8, I8, I8, I8, IV, IV, IV, IV, IV, IV, IV, IV,
    /* c0 */  M8, M8, NW, N_, XM, XM, M8, MZ, DE, D_, IW, __, __, I8, X_, __,
    /* d0 */  M_, M_, M_, M_, X8, X8, X_, __, M_, M_, M_, M_, M_, M_, M_, M_,
    /* e0 */  N8, N8, N8, N8, I8, I8, I8, I8, NZ, NZ, XF, N8, __, __, __, __,
    /* f0 */  PX, __, PX, PX, __, __, T8, TZ, __, __, __, __, __, __, M_, M_,
};

const uint8_t decode_0f[256] = {
    /*         0   1   2   3   4   5   6   7   8   9   a   b   c   d   e   f */
    /* 00 */  M_, M_, M_, M_, UD, __, __, __, __, __, UD, __, UD, M_, __, PX,
    /* 10 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* 20 */  M_, M_, M_, M_, UD, UD, UD, UD, M_, M_, M_, M_, M_, M_, M_, M_,
    /* 30 */  __, __, __, __, __, __, UD, __, PX, UD, PX, UD, UD, UD, UD, UD,
    /* 40 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* 50 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* 60 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* 70 */  M8, M8, M8, M8, M_, M_, M_, __, S4, M_, UD, UD, M_, M_, M_, M_,
    /* 80 */  NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ, NZ,
    /* 90 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* a0 */  D_, D_, __, M_, M8, M_, M_, M_, D_, D_, __, M_, M8, M_, M_, M_,
    /* b0 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M8, M_, M_, M_, M_, M_,
    /* c0 */  M_, M_, M8, M_, M8, M8, M8, M_, __, __, __, __, __, __, __, __,
    /* d0 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* e0 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
    /* f0 */  M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
};
