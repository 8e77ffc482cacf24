/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding of the privileged instructions that a PV guest may execute: prefixes, opcode, and what
 * follows it. Pure: bytes in, a struct priv_insn out. What it does not know is not ours to emulate.
 * AMD APM vol. 3 §1.2 "Instruction Prefixes", appendix A.
 */
#include "priv_decode.h"

#define REX_R 4
#define REX_B 1
#define REX_W 8

struct reader {
    const uint8_t *p, *end;
    bool overrun;
};

struct prefixes {
    bool operand16, address_override, rep, lock;
    uint8_t segment, rex;
};

static uint8_t next_byte(struct reader *r)
{
    if (r->p < r->end)
        return *r->p++;
    r->overrun = true;
    return 0;
}

/* The first byte that is not a prefix. A REX prefix counts only right before the opcode. */
static uint8_t read_prefixes(struct reader *r, bool mode64, struct prefixes *pre)
{
    for (;;) {
        const uint8_t b = next_byte(r);

        if (r->overrun)
            return 0;
        if (mode64 && (b & 0xf0) == 0x40) {
            pre->rex = b;
            continue;
        }
        switch (b) {
        case 0x66: pre->operand16 = true; break;
        case 0x67: pre->address_override = true; break;
        case 0xf2:
        case 0xf3: pre->rep = true; break;
        case 0xf0: pre->lock = true; break;
        case 0x26: pre->segment = SEG_ES; break;
        case 0x2e: pre->segment = SEG_CS; break;
        case 0x36: pre->segment = SEG_SS; break;
        case 0x3e: pre->segment = SEG_DS; break;
        case 0x64: pre->segment = SEG_FS; break;
        case 0x65: pre->segment = SEG_GS; break;
        default: return b;
        }
        pre->rex = 0;
    }
}

static enum priv_op port_op(uint8_t opcode)
{
    if (opcode >= 0x6c && opcode <= 0x6f)
        return opcode & 2 ? PRIV_OUTS : PRIV_INS;
    return opcode & 2 ? PRIV_OUT : PRIV_IN;
}

static enum priv_op decode_one_byte(struct reader *r, uint8_t opcode, bool op16,
                                    struct priv_insn *insn)
{
    switch (opcode) {
    case 0x6c ... 0x6f: /* INS, OUTS */
    case 0xec ... 0xef: /* IN, OUT with DX */
        insn->port_in_dx = true;
        insn->operand_size = !(opcode & 1) ? 1 : op16 ? 2 : 4;
        return port_op(opcode);
    case 0xe4 ... 0xe7: /* IN, OUT with an immediate */
        insn->port = next_byte(r);
        insn->operand_size = !(opcode & 1) ? 1 : op16 ? 2 : 4;
        return port_op(opcode);
    case 0xf4: return PRIV_HLT;
    case 0xfa: return PRIV_CLI;
    case 0xfb: return PRIV_STI;
    default: return PRIV_NONE;
    }
}

/* What a memory operand has behind its ModRM byte. */
static void skip_memory_operand(struct reader *r, uint8_t modrm, uint8_t address_size)
{
    const unsigned int mod = modrm >> 6, rm = modrm & 7;
    unsigned int disp = mod == 1 ? 1 : mod == 2 ? (address_size == 2 ? 2 : 4) : 0;

    if (address_size == 2) {
        if (mod == 0 && rm == 6)
            disp = 2;
    } else {
        const uint8_t base = rm == 4 ? next_byte(r) & 7 : (uint8_t)rm;

        if (mod == 0 && base == 5)
            disp = 4;
    }
    while (disp-- > 0)
        next_byte(r);
}

static enum priv_op decode_group7(struct reader *r, uint8_t rex, struct priv_insn *insn) /* 0F 01 */
{
    const uint8_t modrm = next_byte(r), reg = (modrm >> 3) & 7;

    if (modrm == 0xd1)
        return PRIV_XSETBV;
    if (modrm == 0xf9)
        return PRIV_RDTSCP;
    if (modrm >= 0xc0) {
        insn->gpr = (uint8_t)((modrm & 7) | (rex & REX_B ? 8 : 0));
        return reg == 6 ? PRIV_LMSW : PRIV_NONE;
    }
    if (reg != 7)
        return PRIV_NONE;
    skip_memory_operand(r, modrm, insn->address_size);
    return PRIV_INVLPG;
}

static enum priv_op decode_two_byte(struct reader *r, const struct prefixes *pre,
                                    struct priv_insn *insn)
{
    const uint8_t opcode = next_byte(r);
    uint8_t modrm;

    switch (opcode) {
    case 0x01: return decode_group7(r, pre->rex, insn);
    case 0x06: return PRIV_CLTS;
    case 0x08: return PRIV_INVD;
    case 0x09: return PRIV_WBINVD;
    case 0x20 ... 0x23: /* the mod bits are ignored by the cpu */
        modrm = next_byte(r);
        insn->reg = (uint8_t)(((modrm >> 3) & 7) | (pre->rex & REX_R ? 8 : 0));
        insn->gpr = (uint8_t)((modrm & 7) | (pre->rex & REX_B ? 8 : 0));
        if (opcode & 1)
            return opcode & 2 ? PRIV_WRITE_DR : PRIV_READ_DR;
        return opcode & 2 ? PRIV_WRITE_CR : PRIV_READ_CR;
    case 0x30: return PRIV_WRMSR;
    case 0x31: return PRIV_RDTSC;
    case 0x32: return PRIV_RDMSR;
    case 0x33: return PRIV_RDPMC;
    case 0xa2: return PRIV_CPUID;
    default: return PRIV_NONE;
    }
}

bool priv_decode(const uint8_t *code, size_t n, bool mode64, bool db32, struct priv_insn *insn)
{
    struct reader r = { .p = code, .end = code + MIN(n, (size_t)INSN_MAX) };
    struct prefixes pre = { .segment = SEG_DS };
    const uint8_t opcode = read_prefixes(&r, mode64, &pre);
    /*
     * In 16-bit code the prefix selects 32 bits. REX.W does not matter to any of these, but it
     * beats 66h.
     */
    const bool op16 = !(pre.rex & REX_W) && (mode64 || db32 ? pre.operand16 : !pre.operand16);

    *insn = (struct priv_insn){ .segment = pre.segment, .rep = pre.rep };
    if (mode64)
        insn->address_size = pre.address_override ? 4 : 8;
    else
        insn->address_size = db32 != pre.address_override ? 4 : 2;
    if (r.overrun || pre.lock)
        return false;
    insn->op = (uint8_t)(opcode == 0x0f ? decode_two_byte(&r, &pre, insn)
                                        : decode_one_byte(&r, opcode, op16, insn));
    insn->length = (uint8_t)(r.p - code);
    return insn->op != PRIV_NONE && !r.overrun;
}
