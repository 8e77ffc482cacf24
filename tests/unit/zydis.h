/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our decoder against Zydis, an independent one: what Zydis decodes must have the same length,
 * operand bytes, sizes and memory operand here. What only we decode is no difference, as we read
 * forms and Zydis knows each instruction; that opcodes without any instruction are refused is a
 * test of its own (tests/unit/decode.c).
 *
 * Known and accepted:
 *  - MVEX is Knights Corner's alone; elsewhere it is EVEX without its fixed bit: #UD.
 *  - JKZD and JKNZD, branches with VEX (0F 74, 75, 84, 85), are Knights Corner's alone.
 *  - Several segment prefixes in 64-bit code: Zydis takes the last one and ignores it if it is not
 *    FS or GS; for cpus CS, DS, ES, SS are null prefixes (AMD APM vol. 3 §1.2.4 "Segment-Override
 *    Prefixes"), so an FS before them stays.
 *  - DS before an indirect near branch is NOTRACK to Zydis, and then no segment.
 *  - LEA has no segment, whatever its prefixes say.
 *  - Zydis refuses ARPL, LAR, LSL, SLDT, SYSRET, SYSENTER and GETSEC in real mode, where they are
 *    decoded but #UD: the emulator's to say.
 *  - Of 0F 01 with a register form Zydis gives the address size that the instruction insists on;
 *    of 0F 1A and 0F 1B that of MPX, which cpus without it take as NOPs.
 *  - IN, OUT with REX.W, and short branches with 66h, have our common operand size; the emulator
 *    knows that ports have at most 32 bits.
 *  - A SIB byte with base 5 and mod 0 has no base; with 67h and REX.B Zydis 4.0 says r13d. The
 *    processor says none (tests/unit/emul_native.c).
 *  - The vector index register of a gather has 5 bits and another meaning: index is not compared.
 */
#ifndef TESTS_UNIT_ZYDIS_H
#define TESTS_UNIT_ZYDIS_H

#include <string.h>

#include <Zydis/Zydis.h>
#include <arch/decode.h>

static inline void zydis_init(ZydisDecoder *d, enum insn_mode mode, bool amd_branches)
{
    static const struct {
        ZydisMachineMode mode;
        ZydisStackWidth width;
    } modes[] = {
        [INSN_REAL16] = { ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
        [INSN_PROT16] = { ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16 },
        [INSN_PROT32] = { ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32 },
        [INSN_COMPAT16] = { ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16 },
        [INSN_COMPAT32] = { ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32 },
        [INSN_LONG64] = { ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64 },
    };

    ZydisDecoderInit(d, modes[mode].mode, modes[mode].width);
    ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_AMD_BRANCHES, amd_branches);
}

static inline int zydis_gpr(ZydisRegister r)
{
    return r == ZYDIS_REGISTER_NONE ? INSN_NO_REG : ZydisRegisterGetId(r);
}

/* The segment that we number, of a Zydis memory operand. */
static inline int zydis_segment(ZydisRegister r)
{
    switch (r) {
    case ZYDIS_REGISTER_ES: return INSN_ES;
    case ZYDIS_REGISTER_CS: return INSN_CS;
    case ZYDIS_REGISTER_SS: return INSN_SS;
    case ZYDIS_REGISTER_DS: return INSN_DS;
    case ZYDIS_REGISTER_FS: return INSN_FS;
    case ZYDIS_REGISTER_GS: return INSN_GS;
    default: return -1;
    }
}

static inline unsigned int zydis_segment_prefixes(const ZydisDecodedInstruction *z)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < z->raw.prefix_count; i++) {
        const uint8_t b = z->raw.prefixes[i].value;

        n += b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x64 || b == 0x65;
    }
    return n;
}

/* DS before an indirect near branch: NOTRACK, and to cpus still the segment. */
static inline bool zydis_notrack(const struct insn *insn)
{
    const unsigned int reg = insn->modrm >> 3 & 7;

    return insn->encoding == INSN_LEGACY && insn->map == MAP_ONE && insn->opcode == 0xff &&
           (reg == 2 || reg == 4) && insn->segment == INSN_DS;
}

static inline const char *zydis_memory(const struct insn *insn, const ZydisDecodedInstruction *z,
                                       const ZydisDecodedOperand *op)
{
    const bool rip = op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP;
    const bool vector = ZydisRegisterGetClass(op->mem.index) >= ZYDIS_REGCLASS_XMM &&
                        ZydisRegisterGetClass(op->mem.index) <= ZYDIS_REGCLASS_ZMM;

    const bool no_base = insn->adsize == 4 && insn->has_sib && insn->modrm < 0x40 &&
                         (insn->sib & 7) == 5;

    if (!insn->is_mem)
        return "memory operand";
    if (rip != insn->rip_relative)
        return "rip-relative";
    if (!rip && zydis_gpr(op->mem.base) != insn->base && !no_base)
        return "base";
    if (!vector && zydis_gpr(op->mem.index) != insn->index)
        return "index";
    if (!vector && insn->index != INSN_NO_REG && op->mem.scale != insn->scale)
        return "scale";
    if (op->mem.segment != ZYDIS_REGISTER_NONE && op->mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
        zydis_segment_prefixes(z) < 2 && !zydis_notrack(insn) &&
        zydis_segment(op->mem.segment) != insn->segment &&
        !(insn_is_long64(insn) && insn->segment < INSN_FS))
        return "segment";
    return NULL;
}

static inline const char *zydis_operands(const struct insn *insn, const ZydisDecodedInstruction *z,
                                         const ZydisDecodedOperand *op)
{
    for (unsigned int i = 0; i < z->operand_count_visible; i++)
        if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            op[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM)
            return zydis_memory(insn, z, &op[i]);
    return NULL;
}

static inline int zydis_encoding(const ZydisDecodedInstruction *z)
{
    switch (z->encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_LEGACY: return INSN_LEGACY;
    case ZYDIS_INSTRUCTION_ENCODING_3DNOW: return INSN_3DNOW;
    case ZYDIS_INSTRUCTION_ENCODING_XOP: return INSN_XOP;
    case ZYDIS_INSTRUCTION_ENCODING_VEX: return INSN_VEX;
    case ZYDIS_INSTRUCTION_ENCODING_EVEX: return INSN_EVEX;
    default: return -1;
    }
}

/* Where operand_width of Zydis is the instruction's common operand size. */
static inline bool zydis_has_opsize(const struct insn *insn, const ZydisDecodedInstruction *z)
{
    if (insn->encoding != INSN_LEGACY || insn->map != MAP_ONE || z->operand_width <= 8)
        return false;
    return !(insn->opcode >= 0xe4 && insn->opcode <= 0xe7) &&
           !(insn->opcode >= 0xec && insn->opcode <= 0xef) &&
           !(z->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE && insn->opcode != 0xe8 &&
             insn->opcode != 0xe9);
}

static inline const char *zydis_fields(const struct insn *insn, const ZydisDecodedInstruction *z,
                                       const ZydisDecodedOperand *op)
{
    const uint64_t imm_mask = insn->imm_size >= 8 ? ~0ULL : (1ULL << 8 * insn->imm_size) - 1;
    const bool mpx = insn->map == MAP_0F && (insn->opcode & 0xfe) == 0x1a;
    const bool no_address = mpx || (insn->map == MAP_0F && insn->opcode == 1 && !insn->is_mem);
    const bool far = z->raw.imm[0].size && insn->imm2_size == 2;

    if (zydis_encoding(z) != insn->encoding)
        return "encoding";
    if (z->opcode != insn->opcode)
        return "opcode";
    if (z->address_width != insn->adsize * 8 && !no_address)
        return "address size";
    if ((z->raw.modrm.offset != 0) != insn->has_modrm)
        return "modrm";
    if (z->raw.disp.size != insn->disp_size * 8)
        return "displacement size";
    if (z->raw.disp.size && insn->has_modrm && z->raw.disp.value != insn->disp)
        return "displacement";
    if (z->raw.imm[0].size != insn->imm_size * 8 || z->raw.imm[1].size != insn->imm2_size * 8)
        return "immediate size";
    if ((z->raw.imm[0].value.u & imm_mask) != insn->imm)
        return "immediate";
    if (insn->imm2_size && (z->raw.imm[1].value.u & (far ? 0xffff : 0xff)) != insn->imm2)
        return "second immediate";
    if (zydis_has_opsize(insn, z) && z->operand_width != insn->opsize * 8)
        return "operand size";
    return zydis_operands(insn, z, op);
}

static inline bool zydis_only(const ZydisDecodedInstruction *z)
{
    return z->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX ||
           (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX &&
            z->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE);
}

/* Knights Corner's branches with VEX: of a truncated or too long one only ours says what it was. */
static inline bool knights_corner_branch(const struct insn *insn)
{
    const uint8_t opcode = insn->opcode & 0xfe;

    return insn->encoding == INSN_VEX && insn->map == MAP_0F && (opcode == 0x74 || opcode == 0x84);
}

/* NULL, or what differs. */
static inline const char *zydis_differs(const ZydisDecoder *d, const uint8_t *bytes, size_t n,
                                        enum insn_mode mode, bool amd_branches)
{
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecodedInstruction z;
    ZyanStatus status = ZydisDecoderDecodeFull(d, bytes, n, &z, op);
    struct insn insn;
    enum insn_error error = insn_decode(&insn, bytes, n, mode, amd_branches);

    if (status == ZYDIS_STATUS_NO_MORE_DATA)
        return error != INSN_DECODED || knights_corner_branch(&insn) ? NULL : "truncated";
    if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG)
        return error != INSN_DECODED || knights_corner_branch(&insn) ? NULL : "too long";
    if (!ZYAN_SUCCESS(status) || zydis_only(&z))
        return NULL;
    if (error != INSN_DECODED)
        return "refused";
    if (z.length != insn.length)
        return "length";
    return zydis_fields(&insn, &z, op);
}

#endif
