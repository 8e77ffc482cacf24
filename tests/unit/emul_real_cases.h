/* SPDX-License-Identifier: GPL-2.0-only */
/* The random instructions of emul_real.c, and which of them the oracle can judge. */
#ifndef EMUL_REAL_CASES_H
#define EMUL_REAL_CASES_H

#include <stdlib.h>

#include "../oracle/case.h"
#include "emul_cases.h"

static struct oracle_file *file;
static const struct form **form_of; /* of each case */

static const struct form forms[] = {
    { 0x00, 0x05, 0 }, { 0x06, 0x07, 0 }, { 0x08, 0x0d, 0x10 }, { 0x0e, 0x0e, 0 },
    { 0x10, 0x15, 0 }, { 0x16, 0x16, 0 }, { 0x18, 0x1d, 0 }, { 0x1e, 0x1f, 0 },
    { 0x20, 0x25, 0x10 }, { 0x28, 0x2d, 0 }, { 0x30, 0x35, 0x10 }, { 0x38, 0x3d, 0 },
    { 0x40, 0x4f, 0 }, { 0x50, 0x5f, 0 }, { 0x60, 0x61, 0 }, { 0x68, 0x68, 0 }, { 0x6a, 0x6a, 0 },
    { 0x69, 0x69, 0xd4 }, { 0x6b, 0x6b, 0xd4 }, { 0x70, 0x7f, 0 },
    { 0x80, 0x83, 0x10 }, { 0x84, 0x85, 0x10 }, { 0x86, 0x8b, 0 }, { 0x8c, 0x8c, 0 },
    { 0x8d, 0x8d, 0 }, { 0x8e, 0x8e, 0 }, { 0x8f, 0x8f, 0 }, { 0x90, 0x99, 0 }, { 0x9a, 0x9a, 0 },
    { 0x9c, 0x9d, 0 }, { 0x9e, 0x9f, 0 }, { 0xa0, 0xa3, 0 }, { 0xa4, 0xa7, 0 },
    { 0xa8, 0xa9, 0x10 }, { 0xaa, 0xaf, 0 }, { 0xb0, 0xbf, 0 }, { 0xc0, 0xc1, 0x810 },
    { 0xc2, 0xc3, 0 }, { 0xc4, 0xc5, 0 }, { 0xc6, 0xc7, 0 }, { 0xc8, 0xc9, 0 }, { 0xca, 0xcb, 0 },
    { 0xcc, 0xcf, 0 }, { 0xd0, 0xd1, 0x10 }, { 0xd2, 0xd3, 0x810 }, { 0xd7, 0xd7, 0 },
    { 0xe0, 0xe3, 0 }, { 0xe8, 0xe9, 0 }, { 0xea, 0xeb, 0 }, { 0xf5, 0xf5, 0 },
    { 0xf6, 0xf7, 0xffff },
    { 0xf8, 0xfa, 0 }, /* STI puts the oracle's trap off: the next could be HLT */
    { 0xfc, 0xfd, 0 }, { 0xfe, 0xff, 0 }, { 0x0f00, 0x0f00, 0 },
    { 0x0f01, 0x0f01, 0 }, { 0x0f01, 0x0f01, 0 }, { 0x0f01, 0x0f01, 0 }, { 0x0f06, 0x0f06, 0 },
    { 0x0f09, 0x0f09, 0 }, { 0x0f20, 0x0f20, 0 }, { 0x0f22, 0x0f22, 0 }, { 0x0f40, 0x0f4f, 0 },
    { 0x0f80, 0x0f9f, 0 }, { 0x0fa0, 0x0fa1, 0 }, { 0x0fa3, 0x0fa3, 0x894 },
    { 0x0fa4, 0x0fa5, 0x810 }, { 0x0fa8, 0x0fa9, 0 }, { 0x0fab, 0x0fab, 0x894 },
    { 0x0fac, 0x0fad, 0x810 }, { 0x0faf, 0x0faf, 0xd4 }, { 0x0fb0, 0x0fb1, 0 },
    { 0x0fb3, 0x0fb3, 0x894 }, { 0x0fb4, 0x0fb7, 0 }, { 0x0fb8, 0x0fb8, 0 },
    { 0x0fba, 0x0fbb, 0x894 }, { 0x0fbc, 0x0fbd, 0x895 }, { 0x0fbe, 0x0fbf, 0 },
    { 0x0fc0, 0x0fc1, 0 }, { 0x0fc7, 0x0fc7, 0 }, { 0x0fc8, 0x0fcf, 0 },
};

/* 0F 01: descriptor tables, the machine status word, INVLPG. LIDT would take the vectors away. */
static bool usable_group7(const struct insn *i)
{
    const unsigned int reg = i->reg & 7;

    if (reg == 6)
        return !i->is_mem; /* LMSW of a register, which make_case() chooses */
    return i->is_mem ? reg != 3 && reg != 5 : reg == 4;
}

/* What the manuals leave open, what would end the oracle, and what it does in its own way. */
static bool usable(const struct insn *i)
{
    const unsigned int reg = i->reg & 7;

    if (i->map == MAP_ONE) {
        if ((i->opcode & 0xfe) == 0xe0 && i->rep)
            return false; /* some cpus take REP for the condition */
        if (i->opcode == 0x8e && reg == INSN_SS)
            return false; /* no trap behind it */
        if (i->opcode == 0xc8 && (i->imm >> 16 & 31 || i->opsize == 4))
            return false; /* ENTER: levels; the upper half of EBP, which a real processor judges */
        if ((i->opcode & 0xfe) == 0xf6 && reg == 1)
            return false; /* TEST's other form is #UD there */
        if ((i->opcode & 0xfe) == 0xc6 && reg != 0)
            return false; /* the oracle's moves, whatever ModRM.reg has; a processor's are #UD */
        if (i->opcode == 0x9c && i->opsize == 4)
            return false; /* a case sets the lower half of EFLAGS alone */
        if (i->opcode == 0x90 && i->rep == 0xf3)
            return false; /* PAUSE: QEMU leaves its loop there, and forgets the trap */
        return i->opcode != 0x8d || i->is_mem;
    }
    if (i->opsize == 2 && (i->opcode & 0xf6) == 0xa4)
        return false; /* SHLD, SHRD of 16 bits: counts above 16 are undefined */
    if (i->opsize == 2 && (i->opcode & 0xf8) == 0xc8)
        return false; /* BSWAP of 16 bits */
    switch (i->opcode) {
    case 0x01: return usable_group7(i);
    case 0x20: return !i->lock;
    case 0x22: return !i->lock && (reg == 2 || reg == 3 || reg == 1 || reg >= 5);
    case 0xb2: return false;
    case 0xc7: return reg == 1 && i->is_mem;
    default: return true;
    }
}

static void make_registers(struct oracle_case *c, const struct insn *i)
{
    const uint64_t r = rnd();

    for (unsigned int n = 0; n < 8; n++)
        c->gpr[n] = (uint32_t)value();
    c->gpr[4] = (uint32_t)(0x1000 + (r & 0x7ffe)) | (uint32_t)(r >> 32 & 0xffff0000);
    if (i->opcode == 0xc8 || i->opcode == 0xc9)
        c->gpr[5] = (uint32_t)(0x1000 + (rnd() & 0x7ffe));
    if (is_string(i) && i->rep)
        c->gpr[1] = (uint32_t)(rnd() % 6) | (i->adsize == 2 ? (uint32_t)value() << 16 : 0);
    if (i->adsize == 4) /* most of the time below 64 KiB */
        for (unsigned int n = 0; n < 8; n++)
            if (n != 4 && (rnd() & 7))
                c->gpr[n] &= 0x3fff;
    if (i->map == MAP_0F && i->opcode == 0x01 && (i->reg & 7) == 6 && !i->is_mem)
        c->gpr[i->rm & 7] &= ~1U;
    if (i->map == MAP_0F && i->opcode == 0x01 && (i->reg & 7) == 0 && i->opsize == 2)
        c->gdt_base &= 0xffffff; /* the oracle stores no more; all 32 bits in SDM vol. 2, "SGDT" */
    if (i->map == MAP_0F && i->opcode == 0x22 && (i->reg & 7) == 3)
        c->gpr[i->rm & 7] &= 0xfffff000;
}

/* The instruction, what is below its stack pointer, and the vectors' frames are apart. */
static bool make_case(struct oracle_case *c, const struct form *f)
{
    uint32_t code_at, sp_at;
    struct insn i;

    *c = (struct oracle_case){ .gdt_base = (uint32_t)rnd(), .gdt_limit = (uint16_t)rnd() };
    make_bytes(c->code, pick_opcode(f));
    if (insn_decode(&i, c->code, 15, INSN_REAL16, true) != INSN_DECODED ||
        i.encoding != INSN_LEGACY || !usable(&i))
        return false;
    for (unsigned int n = 0; n < 6; n++)
        c->seg[n] = (uint16_t)(REGION / 16 + (rnd() & 0xfe));
    make_registers(c, &i);
    c->ip = (uint16_t)(0x100 + rnd() % 0xfd00);
    c->flags = (uint16_t)(2 | FLAG_TF | (rnd() & (ARITH | 0x400)));
    if (is_string(&i) && i.rep) {
        c->flags &= (uint16_t)~FLAG_TF;
        c->code[i.length] = 0xcc;
    }
    code_at = c->seg[INSN_CS] * 16U + c->ip;
    sp_at = c->seg[INSN_SS] * 16U + (uint16_t)c->gpr[4];
    return code_at - (sp_at - 80) > 160 && sp_at - code_at > 32;
}

static unsigned int wanted(const struct form *f, unsigned int rounds)
{
    return rounds * MIN(f->last - f->first + 1, 4U);
}

static void make_cases(unsigned int rounds)
{
    unsigned int max = 0;

    for (unsigned int f = 0; f < ARRAY_SIZE(forms); f++)
        max += wanted(&forms[f], rounds);
    file = calloc(1, sizeof(*file) + max * sizeof(file->cases[0]));
    form_of = calloc(max, sizeof(*form_of));
    file->magic = ORACLE_MAGIC;
    for (unsigned int n = 0; n < REGION_SIZE; n++)
        file->region[n] = (uint8_t)(rnd() >> 24);
    for (unsigned int f = 0; f < ARRAY_SIZE(forms); f++) {
        const unsigned int want = wanted(&forms[f], rounds);

        for (unsigned int n = 0, tries = 0; n < want && tries < 10 * want; tries++) {
            if (!make_case(&file->cases[file->nr], &forms[f]))
                continue;
            form_of[file->nr++] = &forms[f];
            n++;
        }
    }
}

#endif
