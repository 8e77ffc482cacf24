/* SPDX-License-Identifier: GPL-2.0-only */
/* Random instructions for the emulator and an oracle beside it, and what they leave undefined. */
#ifndef EMUL_CASES_H
#define EMUL_CASES_H

#include <arch/emul.h>
#include <arch/regs.h>

#define ARITH 0x8d5UL

static uint64_t seed = 12345;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dULL;
}

static uint64_t value(void)
{
    static const uint64_t edge[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff,
                                     0x80000000, 0xffffffff, 1ULL << 63, ~0ULL, ~0ULL >> 1 };
    const uint64_t v = rnd();

    return v & 0x300 ? rnd() >> (v & 63) : edge[(v >> 16) % ARRAY_SIZE(edge)];
}

static inline bool is_string(const struct insn *i)
{
    return i->map == MAP_ONE && i->opcode >= 0xa4 && i->opcode <= 0xaf && i->opcode != 0xa8 &&
           i->opcode != 0xa9;
}

/* Opcodes, with 0x0f00 and 0x0f3800 for the maps; flags that the manual leaves undefined. */
struct form {
    uint32_t first, last;
    uint16_t undefined;
};

static uint32_t pick_opcode(const struct form *f)
{
    return f->first + (uint32_t)(rnd() % (f->last - f->first + 1));
}

/* With prefixes, and whatever operands. */
static inline void make_bytes(uint8_t *p, uint32_t op)
{
    static const uint8_t override[] = { 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65 };
    const uint64_t r = rnd();

    if (!(r & 3))
        *p++ = 0x66;
    if (!(r & 0x1c))
        *p++ = 0x67;
    if (!(r & 0xe0))
        *p++ = override[(r >> 32) % ARRAY_SIZE(override)];
    if (op == 0xfb8 || !(r & 0x700))
        *p++ = op == 0xfb8 || r & 0x800 ? 0xf3 : 0xf2;
    if (op >> 8)
        *p++ = (uint8_t)(op >> 8);
    *p++ = (uint8_t)op;
    for (unsigned int i = 0; i < 10; i++)
        p[i] = (uint8_t)(rnd() >> 24);
}

static inline uint64_t undefined_flags(const struct form *f, const struct insn *i)
{
    const bool shifts = i->map == MAP_ONE && (i->opcode & 0xfe) == 0xd0;

    if (f->undefined == 0xffff) /* F6, F7 */
        return (i->reg & 7) < 2 ? 0x10 : (i->reg & 7) < 4 ? 0 : (i->reg & 7) < 6 ? 0xd4 : ARITH;
    if (shifts && (i->reg & 7) < 4)
        return 0;
    if (i->map == MAP_ONE && (i->opcode & 0xfc) == 0x80)
        return (i->reg & 7) == 1 || (i->reg & 7) == 4 || (i->reg & 7) == 6 ? 0x10 : 0;
    if (i->map == MAP_0F && (i->opcode & 0xfe) == 0xbc && i->rep == 0xf3)
        return 0x894;
    if (i->map == MAP_0F && (i->opcode & 0xfe) == 0xbc)
        return 0x895;
    return f->undefined;
}

#endif
