/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoder: bytes in, a struct insn out. Pure: it knows no cpu state but the mode.
 * It reads the form of an instruction (prefixes, opcode, operands, length); what the instruction
 * does is the emulator's to say (<arch/emul.h>).
 */
#ifndef ARCH_DECODE_H
#define ARCH_DECODE_H

#include <hv/types.h>

#define INSN_LENGTH_MAX 15

/* 16 and 32 are the code segment's default size. Compatibility mode decodes as protected mode. */
enum insn_mode {
    INSN_REAL16, /* also virtual-8086: there is no VEX, EVEX, XOP */
    INSN_PROT16,
    INSN_PROT32,
    INSN_COMPAT16,
    INSN_COMPAT32,
    INSN_LONG64,
};

/* As in ModRM.reg of a segment move. */
enum insn_segment { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS };

enum insn_encoding { INSN_LEGACY, INSN_3DNOW, INSN_XOP, INSN_VEX, INSN_EVEX };

/* Opcode maps, numbered as VEX, EVEX and XOP number them. */
enum insn_map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_EVEX5 = 5, MAP_EVEX6 = 6, MAP_XOP8 = 8,
                MAP_XOP9, MAP_XOPA };

enum insn_error {
    INSN_DECODED,
    INSN_TRUNCATED, /* more bytes are needed */
    INSN_INVALID,   /* no such opcode, or not in this mode: #UD */
    INSN_TOO_LONG,  /* more than 15 bytes: #GP(0) */
};

#define INSN_NO_REG (-1)

struct insn {
    uint8_t length;
    uint8_t mode;          /* enum insn_mode */
    uint8_t encoding, map; /* enum insn_encoding, insn_map */
    uint8_t opcode;        /* 3DNow!: the suffix */
    uint8_t opsize;        /* 2, 4, 8; instructions on bytes have it too */
    uint8_t adsize;        /* 2, 4, 8 */

    bool lock, opsize_prefix, adsize_prefix, segment_override;
    uint8_t rep;           /* 0, 0xf2, 0xf3: the last one */
    uint8_t rex;           /* the byte; 0: none */

    /* VEX, EVEX, XOP. vvvv is not inverted here; pp: 0 none, 1 66, 2 F3, 3 F2. */
    uint8_t pp, w, vvvv, vl; /* vl: 0 is 128 bits, 1 256, 2 512 */
    uint8_t evex_mask;
    bool evex_zero, evex_b;

    bool has_modrm, has_sib;
    uint8_t modrm, sib;
    uint8_t reg, rm;       /* ModRM fields with the bits of REX, VEX, EVEX */

    bool is_mem;           /* the ModRM byte or a moffs means memory */
    bool rip_relative;
    uint8_t segment;       /* enum insn_segment: of the memory operand, the override considered */
    int8_t base, index;    /* registers or INSN_NO_REG */
    uint8_t scale;         /* 1, 2, 4, 8 */
    uint8_t disp_size;     /* bytes */
    int64_t disp;          /* EVEX: not scaled; of a moffs: the offset */

    uint8_t imm_size, imm2_size; /* bytes; two: ENTER, far pointers, ... */
    uint64_t imm, imm2;          /* zero-extended */
};

/*
 * Decode the instruction at the start of n bytes. On INSN_TRUNCATED the n bytes are the beginning
 * of an instruction, or of what is invalid or too long. Whether 66h shortens a near branch in
 * 64-bit code depends on the vendor: it does on AMD.
 */
enum insn_error must_check insn_decode(struct insn *insn, const uint8_t *bytes, size_t n,
                                       enum insn_mode mode, bool amd_branches);

static inline bool insn_is_long64(const struct insn *insn) { return insn->mode == INSN_LONG64; }

#endif
