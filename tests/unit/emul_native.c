/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulator against the processor under us: random instructions of the rows that user code may
 * run, with random registers and memory, single-stepped natively (the trap flag, in a signal frame)
 * and emulated; registers, defined flags, memory and faults must be the same. 64-bit code.
 */
/* links: arch/x86/emul/[a-z]*.c */
#define _GNU_SOURCE
#include "emul_native.h"

static const struct emul_ops ops = { .fetch = mem_fetch, .read = mem_read, .write = mem_write,
                                     .probe_write = mem_probe, .cmpxchg = mem_cmpxchg };

static const struct form forms[] = {
    { 0x00, 0x05, 0 }, { 0x08, 0x0d, 0x10 }, { 0x10, 0x15, 0 }, { 0x18, 0x1d, 0 },
    { 0x20, 0x25, 0x10 }, { 0x28, 0x2d, 0 }, { 0x30, 0x35, 0x10 }, { 0x38, 0x3d, 0 },
    { 0x50, 0x5f, 0 }, { 0x63, 0x63, 0 }, { 0x68, 0x68, 0 }, { 0x6a, 0x6a, 0 },
    { 0x69, 0x69, 0xd4 }, { 0x6b, 0x6b, 0xd4 }, { 0x70, 0x7f, 0 }, { 0x80, 0x81, 0x10 },
    { 0x83, 0x83, 0x10 }, { 0x84, 0x85, 0x10 }, { 0x86, 0x8b, 0 }, { 0x8d, 0x8d, 0 },
    { 0x8f, 0x8f, 0 }, { 0x90, 0x99, 0 }, { 0x9c, 0x9c, 0 }, { 0x9e, 0x9f, 0 },
    { 0xa4, 0xa7, 0 }, { 0xa8, 0xa9, 0x10 }, { 0xaa, 0xaf, 0 }, { 0xb0, 0xbf, 0 },
    { 0xc0, 0xc1, 0x810 }, { 0xc2, 0xc3, 0 }, { 0xc6, 0xc9, 0 }, { 0xd0, 0xd1, 0x10 },
    { 0xd2, 0xd3, 0x810 }, { 0xd7, 0xd7, 0 }, { 0xe0, 0xe3, 0 }, { 0xe8, 0xe9, 0 },
    { 0xeb, 0xeb, 0 }, { 0xf5, 0xf5, 0 }, { 0xf6, 0xf7, 0xffff }, { 0xf8, 0xf9, 0 },
    { 0xfc, 0xfd, 0 }, { 0xfe, 0xff, 0 }, { 0x0f40, 0x0f4f, 0 }, { 0x0f80, 0x0f9f, 0 },
    { 0x0fa3, 0x0fa3, 0x894 }, { 0x0fa4, 0x0fa5, 0x810 }, { 0x0fab, 0x0fab, 0x894 },
    { 0x0fac, 0x0fad, 0x810 }, { 0x0faf, 0x0faf, 0xd4 }, { 0x0fb0, 0x0fb1, 0 },
    { 0x0fb3, 0x0fb3, 0x894 }, { 0x0fb6, 0x0fb7, 0 }, { 0x0fb8, 0x0fb8, 0 },
    { 0x0fba, 0x0fbb, 0x894 }, { 0x0fbc, 0x0fbd, 0x895 }, { 0x0fbe, 0x0fbf, 0 },
    { 0x0fc0, 0x0fc1, 0 }, { 0x0fc3, 0x0fc3, 0 }, { 0x0fc7, 0x0fc7, 0 }, { 0x0fc8, 0x0fcf, 0 },
    { 0x0f38f0, 0x0f38f1, 0 },
};

static void make_code(uint32_t op)
{
    unsigned int n = 0;
    const uint64_t r = rnd();

    if (!(r & 7))
        code[n++] = 0x66;
    if (!(r & 0x38))
        code[n++] = 0x67;
    if (op == 0xf38f0 || op == 0xf38f1 ? 0 : op == 0xfb8 || !(r & 0x1c0))
        code[n++] = op == 0xfb8 || r & 0x200 ? 0xf3 : 0xf2;
    if (!(r & 0x1c00))
        code[n++] = 0xf0;
    if (r & 0x2000)
        code[n++] = 0x40 | ((r >> 16) & 15);
    for (int shift = 16; shift >= 0; shift -= 8)
        if (op >> shift || shift == 0)
            code[n++] = (uint8_t)(op >> shift);
    for (unsigned int i = 0; i < 12; i++)
        code[n + i] = (uint8_t)(rnd() >> 24);
}

/* Registers, so that most addresses are in the data pages. False: some address may be elsewhere. */
static bool make_state(const struct insn *i)
{
    const uint64_t target = DATA + rnd() % (DATA_SIZE + 16);
    uint64_t address = (uint64_t)i->disp;

    for (unsigned int n = 0; n < 16; n++)
        native.gpr[n] = value();
    native.gpr[4] = DATA + 256 + rnd() % (DATA_SIZE - 512);
    if (rnd() & 15)
        native.gpr[4] &= ~7ULL;
    native.gpr[5] = i->opcode == 0xc8 || i->opcode == 0xc9 ? native.gpr[4] : native.gpr[5];
    if (is_string(i)) {
        native.gpr[6] = DATA + 64 + rnd() % (DATA_SIZE - 64);
        native.gpr[7] = DATA + 64 + rnd() % (DATA_SIZE - 64);
        native.gpr[1] = rnd() % 6;
    }
    if (i->opcode == 0xd7)
        native.gpr[3] = DATA + rnd() % 0x1000;
    native.rip = CODE;
    native.rflags = 0x302 | (rnd() & (ARITH | 0x400));
    if (i->opcode == 0xa3 || i->opcode == 0xab || i->opcode == 0xb3 || i->opcode == 0xbb)
        native.gpr[i->reg] = i->reg == 4 ? native.gpr[4] : rnd() % 4096;
    if (!i->is_mem || i->opcode == 0x8d)
        return true;
    if (i->rip_relative || i->base == INSN_NO_REG || i->segment_override)
        return false;
    if (i->index != INSN_NO_REG) {
        native.gpr[i->index] = rnd() % 64;
        address += native.gpr[i->index] * i->scale;
    }
    if (i->base != i->index)
        native.gpr[i->base] = (target - address) & (i->adsize == 4 ? 0xffffffff : ~0ULL);
    return i->base != i->index && i->base != 4 && i->index != 4;
}

/* Where bits of a string of bits, or a stack operand, would lie elsewhere than planned. */
static bool usable(const struct insn *i)
{
    const bool bits = i->map == MAP_0F && (i->opcode == 0xa3 || i->opcode == 0xab ||
                                           i->opcode == 0xb3 || i->opcode == 0xbb);

    if (i->map == MAP_ONE && (i->opcode & 0xfe) == 0xe0 && i->rep)
        return false; /* some cpus take REP for the condition */
    if (i->map == MAP_0F && i->opsize == 2 && (i->opcode & 0xf6) == 0xa4)
        return false; /* SHLD, SHRD of 16 bits: counts above 16 are undefined */
    if (i->map == MAP_ONE && i->opcode == 0xff && (i->reg & 7) >= 3 && (i->reg & 7) <= 5)
        return false;
    if (i->map == MAP_ONE && i->opcode == 0xc7 && i->modrm == 0xf8)
        return false; /* XBEGIN */
    if (i->map == MAP_ONE && i->opcode == 0xc8 && i->imm > 64)
        return false;
    if (i->map == MAP_0F && i->opcode == 0xc7 && ((i->reg & 7) != 1 || !i->is_mem))
        return false;
    if ((i->opcode == 0xe8 || i->opcode == 0xe9) && i->map == MAP_ONE)
        return true;
    return !(bits && (i->reg == i->base || i->reg == i->index || i->reg == 4));
}

/* False: they differ. *ran: the case was one that can be run. */
static bool one(const struct form *f, bool *ran)
{
    struct emul e;
    struct insn i;
    struct native before;
    enum emul_result r;

    make_code(pick_opcode(f));
    if (insn_decode(&i, code, 15, INSN_LONG64, true) != INSN_DECODED || !usable(&i) ||
        !make_state(&i))
        return true;
    make_data();
    before = native;
    emul_from_native(&e, &ops);
    e.state.seg[INSN_CS].attr = EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_CODE | EMUL_ATTR_L;
    r = run_both(&e, &i, is_string(&i) && i.rep);
    *ran = true;
    if (same_outcome(&e, r, undefined_flags(f, &i)))
        return true;
    show(&e, r, &before);
    return false;
}

int main(int argc, char **argv)
{
    const unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 2000;

    TEST("random instructions do what they do on this processor") {
        unsigned int bad = 0, done = 0;

        if (!CHECK(native_set_up()))
            break;
        for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++)
            bad += try_form(one, &forms[i], rounds, &done);
        CHECK_EQ(bad, 0);
        CHECK(done > rounds * ARRAY_SIZE(forms) / 3);
    }
    return check_exit();
}
