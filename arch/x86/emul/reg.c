/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers by number and size, flags, and the operands of table rows. AMD APM vol. 1 §3.1.2
 * "General-Purpose Registers": a 32-bit result clears the upper half, smaller ones keep the rest.
 */
#include "priv.h"

enum { KIND_NONE, KIND_REG, KIND_BYTE_REG, KIND_MEM, KIND_VALUE };

uint64_t emul_read_reg(const struct emul *e, unsigned int nr, unsigned int size)
{
    return e->next.gpr[nr & 15] & emul_mask(size);
}

void emul_write_reg(struct emul *e, unsigned int nr, unsigned int size, uint64_t val)
{
    uint64_t *reg = &e->next.gpr[nr & 15];
    const uint64_t mask = emul_mask(size);

    if (size >= 4)
        *reg = val & mask;
    else
        *reg = (*reg & ~mask) | (val & mask);
}

static bool is_high_byte(const struct emul *e, unsigned int nr)
{
    return !e->insn.rex && nr >= 4 && nr < 8;
}

uint64_t emul_read_byte_reg(const struct emul *e, unsigned int nr)
{
    if (is_high_byte(e, nr))
        return (e->next.gpr[nr & 3] >> 8) & 0xff;
    return e->next.gpr[nr & 15] & 0xff;
}

void emul_write_byte_reg(struct emul *e, unsigned int nr, uint64_t val)
{
    uint64_t *reg = &e->next.gpr[is_high_byte(e, nr) ? nr & 3 : nr & 15];
    const unsigned int shift = is_high_byte(e, nr) ? 8 : 0;

    *reg = (*reg & ~(0xffULL << shift)) | (val & 0xff) << shift;
}

void emul_set_flags(struct emul *e, uint64_t mask, uint64_t flags)
{
    e->next.rflags = (e->next.rflags & ~mask) | (flags & mask);
}

/* The conditions of Jcc, SETcc, CMOVcc: bit 0 inverts. AMD APM vol. 3, "Jcc". */
bool emul_condition(const struct emul *e, unsigned int cc)
{
    const uint64_t f = e->next.rflags;
    const bool less = !(f & FLAG_SF) != !(f & FLAG_OF);
    const bool holds[8] = {
        f & FLAG_OF,
        f & FLAG_CF,
        f & FLAG_ZF,
        f & (FLAG_CF | FLAG_ZF),
        f & FLAG_SF,
        f & FLAG_PF,
        less,
        less || f & FLAG_ZF,
    };

    return holds[(cc >> 1) & 7] != (cc & 1);
}

static struct emul_operand rm_operand(const struct emul *e, unsigned int size)
{
    if (e->insn.is_mem)
        return (struct emul_operand){ .kind = KIND_MEM, .size = (uint8_t)size,
                                      .segment = e->insn.segment,
                                      .offset = emul_effective_address(e) };
    return (struct emul_operand){ .kind = size == 1 ? KIND_BYTE_REG : KIND_REG,
                                  .size = (uint8_t)size, .reg = e->insn.rm };
}

enum emul_result emul_read_word(struct emul *e, uint16_t *val)
{
    if (e->insn.is_mem)
        return emul_read(e, e->insn.segment, emul_effective_address(e), val, 2);
    *val = (uint16_t)e->next.gpr[e->insn.rm & 15];
    return EMUL_OK;
}

static struct emul_operand reg_operand(unsigned int nr, unsigned int size)
{
    return (struct emul_operand){ .kind = size == 1 ? KIND_BYTE_REG : KIND_REG,
                                  .size = (uint8_t)size, .reg = (uint8_t)nr };
}

static struct emul_operand value_operand(uint64_t val, unsigned int size)
{
    return (struct emul_operand){ .kind = KIND_VALUE, .size = (uint8_t)size, .val = val };
}

static struct emul_operand operand(const struct emul *e, enum operand what)
{
    const struct insn *i = &e->insn;
    const unsigned int z = (i->opcode & 7) | (i->rex & 1 ? 8 : 0);

    switch (what) {
    case O_EB: return rm_operand(e, 1);
    case O_EW: return rm_operand(e, 2);
    case O_ED: return rm_operand(e, MIN(i->opsize, 4));
    case O_EV: return rm_operand(e, i->opsize);
    case O_GB: return reg_operand(i->reg, 1);
    case O_GV: return reg_operand(i->reg, i->opsize);
    case O_ZB: return reg_operand(z, 1);
    case O_ZV: return reg_operand(z, i->opsize);
    case O_AB: return reg_operand(RAX, 1);
    case O_AV: return reg_operand(RAX, i->opsize);
    case O_IB: return value_operand(emul_sign_extend(i->imm, 1), i->opsize);
    case O_IU: return value_operand(i->imm, 1);
    case O_IV: return value_operand(emul_sign_extend(i->imm, MAX(i->imm_size, 1)), i->opsize);
    case O_ONE: return value_operand(1, 1);
    case O_CL: return value_operand(e->next.gpr[RCX] & 0xff, 1);
    default: return (struct emul_operand){ 0 };
    }
}

static enum emul_result load(struct emul *e, struct emul_operand *o)
{
    switch (o->kind) {
    case KIND_REG: o->val = emul_read_reg(e, o->reg, o->size); return EMUL_OK;
    case KIND_BYTE_REG: o->val = emul_read_byte_reg(e, o->reg); return EMUL_OK;
    case KIND_MEM: return emul_read(e, o->segment, o->offset, &o->val, o->size);
    case KIND_VALUE: o->val &= emul_mask(o->size); return EMUL_OK;
    default: return EMUL_OK;
    }
}

enum emul_result emul_load_operands(struct emul *e, const struct row *row)
{
    enum emul_result r;

    e->dst = operand(e, row->dst);
    e->src = operand(e, row->src);
    r = load(e, &e->src);
    if (r != EMUL_OK || row->flags & R_WRITE_ONLY)
        return r;
    return load(e, &e->dst);
}

enum emul_result emul_store_operand(struct emul *e, const struct row *row, uint64_t old)
{
    struct emul_operand *o = &e->dst;
    const bool locked = e->insn.lock || row->flags & R_ATOMIC;

    if (row->flags & R_READ_ONLY)
        return EMUL_OK;
    switch (o->kind) {
    case KIND_REG: emul_write_reg(e, o->reg, o->size, o->val); return EMUL_OK;
    case KIND_BYTE_REG: emul_write_byte_reg(e, o->reg, o->val); return EMUL_OK;
    case KIND_MEM:
        if (locked)
            return emul_cmpxchg(e, o->segment, o->offset, &old, &o->val, o->size);
        return emul_write(e, o->segment, o->offset, &o->val, o->size);
    default: return EMUL_OK;
    }
}
