/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Vector moves from and to memory: SSE, AVX with 128 and 256 bits, MMX. Registers are reached
 * through the owner. AMD APM vol. 4; vol. 5 for MMX.
 *
 * Not here: forms with two registers (no device is involved), masked AVX moves, AVX-512.
 */
#include "priv.h"

enum kind {
    V_NONE,
    V_WHOLE,     /* 16 or 32 bytes */
    V_LOW,       /* scalar: a load clears the rest */
    V_LOW_MERGE, /* the low half: a load leaves the other */
    V_HIGH_MERGE,
    V_GPR,       /* MOVD, MOVQ: the other operand may be a general register; opsize says which */
    V_MMX,
    V_MMX_GPR,
    V_MASK,      /* MASKMOVDQU */
    V_MMX_MASK,
};

enum { A_ = 1 /* aligned */, ST = 2 /* store */, NOVEX = 4 };

struct move {
    uint8_t map, opcode, pp, kind, size, flags;
};

/* pp: 0 none, 1 66h, 2 F3, 3 F2. */
static const struct move moves[] = {
    { MAP_0F, 0x10, 0, V_WHOLE, 16, 0 },       { MAP_0F, 0x11, 0, V_WHOLE, 16, ST },
    { MAP_0F, 0x10, 1, V_WHOLE, 16, 0 },       { MAP_0F, 0x11, 1, V_WHOLE, 16, ST },
    { MAP_0F, 0x10, 2, V_LOW, 4, 0 },          { MAP_0F, 0x11, 2, V_LOW, 4, ST },
    { MAP_0F, 0x10, 3, V_LOW, 8, 0 },          { MAP_0F, 0x11, 3, V_LOW, 8, ST },
    { MAP_0F, 0x12, 0, V_LOW_MERGE, 8, 0 },    { MAP_0F, 0x13, 0, V_LOW, 8, ST },
    { MAP_0F, 0x12, 1, V_LOW_MERGE, 8, 0 },    { MAP_0F, 0x13, 1, V_LOW, 8, ST },
    { MAP_0F, 0x16, 0, V_HIGH_MERGE, 8, 0 },   { MAP_0F, 0x17, 0, V_HIGH_MERGE, 8, ST },
    { MAP_0F, 0x16, 1, V_HIGH_MERGE, 8, 0 },   { MAP_0F, 0x17, 1, V_HIGH_MERGE, 8, ST },
    { MAP_0F, 0x28, 0, V_WHOLE, 16, A_ },      { MAP_0F, 0x29, 0, V_WHOLE, 16, A_ | ST },
    { MAP_0F, 0x28, 1, V_WHOLE, 16, A_ },      { MAP_0F, 0x29, 1, V_WHOLE, 16, A_ | ST },
    { MAP_0F, 0x2b, 0, V_WHOLE, 16, A_ | ST }, { MAP_0F, 0x2b, 1, V_WHOLE, 16, A_ | ST },
    { MAP_0F, 0x6e, 0, V_MMX_GPR, 4, NOVEX },  { MAP_0F, 0x7e, 0, V_MMX_GPR, 4, ST | NOVEX },
    { MAP_0F, 0x6e, 1, V_GPR, 4, 0 },          { MAP_0F, 0x7e, 1, V_GPR, 4, ST },
    { MAP_0F, 0x7e, 2, V_LOW, 8, 0 },          { MAP_0F, 0xd6, 1, V_LOW, 8, ST },
    { MAP_0F, 0x6f, 0, V_MMX, 8, NOVEX },      { MAP_0F, 0x7f, 0, V_MMX, 8, ST | NOVEX },
    { MAP_0F, 0x6f, 1, V_WHOLE, 16, A_ },      { MAP_0F, 0x7f, 1, V_WHOLE, 16, A_ | ST },
    { MAP_0F, 0x6f, 2, V_WHOLE, 16, 0 },       { MAP_0F, 0x7f, 2, V_WHOLE, 16, ST },
    { MAP_0F, 0xe7, 0, V_MMX, 8, ST | NOVEX }, { MAP_0F, 0xe7, 1, V_WHOLE, 16, A_ | ST },
    { MAP_0F, 0xf0, 3, V_WHOLE, 16, 0 },       { MAP_0F38, 0x2a, 1, V_WHOLE, 16, A_ },
    { MAP_0F, 0xf7, 0, V_MMX_MASK, 8, NOVEX }, { MAP_0F, 0xf7, 1, V_MASK, 16, 0 },
};

static bool is_vex(const struct emul *e) { return e->insn.encoding == INSN_VEX; }

/* F3 and F2 come before 66h as mandatory prefixes. */
static unsigned int prefix_of(const struct insn *i)
{
    if (i->encoding == INSN_VEX)
        return i->pp;
    return i->rep == 0xf3 ? 2 : i->rep == 0xf2 ? 3 : i->opsize_prefix ? 1 : 0;
}

static const struct move *find_move(const struct insn *i)
{
    const unsigned int pp = prefix_of(i);

    if (i->encoding != INSN_LEGACY && i->encoding != INSN_VEX)
        return NULL;
    for (unsigned int n = 0; n < ARRAY_SIZE(moves); n++) {
        const struct move *m = &moves[n];

        if (m->map == i->map && m->opcode == i->opcode && m->pp == pp)
            return i->encoding == INSN_VEX && m->flags & NOVEX ? NULL : m;
    }
    return NULL;
}

static bool takes_gpr(const struct move *m) { return m->kind == V_GPR || m->kind == V_MMX_GPR; }
static bool is_mmx(const struct move *m)
{
    return m->kind == V_MMX || m->kind == V_MMX_GPR || m->kind == V_MMX_MASK;
}
static bool is_mask(const struct move *m) { return m->kind == V_MASK || m->kind == V_MMX_MASK; }
static bool merges(const struct move *m)
{
    return (m->kind == V_LOW_MERGE || m->kind == V_HIGH_MERGE) && !(m->flags & ST);
}

/* VEX forms: three operands only where a load merges, 256 bits only of whole registers. */
static bool well_formed(const struct emul *e, const struct move *m)
{
    if (!is_vex(e))
        return true;
    return (e->insn.vvvv == 0 || merges(m)) && (e->insn.vl == 0 || m->kind == V_WHOLE);
}

static bool right_operand(const struct emul *e, const struct move *m)
{
    return takes_gpr(m) || e->insn.is_mem != is_mask(m);
}

/* Is the unit on? AMD APM vol. 2 §11.3 "SSE/AVX Availability"; vol. 5, "Exceptions". */
static enum emul_result check_enabled(struct emul *e, const struct move *m)
{
    const uint64_t avx = XCR0_SSE | XCR0_YMM;
    bool there = !(e->cr0 & 1UL << 2); /* EM */

    if (is_vex(e))
        there = e->cr4 & X86_CR4_OSXSAVE && (e->xcr0 & avx) == avx;
    else if (!is_mmx(m))
        there = there && e->cr4 & X86_CR4_OSFXSR;
    if (!there)
        return emul_raise(e, TRAP_UD, 0);
    return e->cr0 & X86_CR0_TS ? emul_raise(e, TRAP_NM, 0) : EMUL_OK;
}

static enum emul_result read_register(struct emul *e, const struct move *m, unsigned int nr,
                                      uint8_t *buf)
{
    if (!e->ops->read_vector)
        return EMUL_UNHANDLED;
    return e->ops->read_vector(e, is_mmx(m) ? EMUL_MMX : EMUL_YMM, is_mmx(m) ? nr & 7 : nr, buf);
}

static enum emul_result write_register(struct emul *e, const struct move *m, const uint8_t *buf)
{
    const unsigned int nr = is_mmx(m) ? e->insn.reg & 7 : e->insn.reg;

    if (!e->ops->write_vector)
        return EMUL_UNHANDLED;
    return e->ops->write_vector(e, is_mmx(m) ? EMUL_MMX : EMUL_YMM, nr, buf, !is_vex(e));
}

/* Bytes that are moved. */
static unsigned int move_size(const struct emul *e, const struct move *m)
{
    if (m->kind == V_WHOLE && is_vex(e) && e->insn.vl)
        return 32;
    if (takes_gpr(m) && (is_vex(e) ? e->insn.w && emul_long64(e) : e->insn.opsize == 8))
        return 8;
    return m->size;
}

/* The alignment is of the linear address, and checked after the segment. */
static enum emul_result check_aligned(struct emul *e, const struct move *m, unsigned int size)
{
    uint64_t linear;
    enum emul_result r;

    if (!(m->flags & A_))
        return EMUL_OK;
    r = emul_check(e, e->insn.segment, emul_effective_address(e), size, m->flags & ST, &linear);
    if (r == EMUL_OK && linear & (size - 1))
        r = emul_raise(e, TRAP_GP, 0);
    return r;
}

static enum emul_result store(struct emul *e, const struct move *m, unsigned int size)
{
    uint8_t reg[32] = { 0 };
    const uint8_t *from = m->kind == V_HIGH_MERGE ? reg + 8 : reg;
    enum emul_result r = read_register(e, m, e->insn.reg, reg);
    uint64_t low;

    if (r != EMUL_OK)
        return r;
    if (e->insn.is_mem)
        return emul_write(e, e->insn.segment, emul_effective_address(e), from, size);
    __builtin_memcpy(&low, reg, 8);
    emul_write_reg(e, e->insn.rm, size, low);
    return EMUL_OK;
}

static enum emul_result load(struct emul *e, const struct move *m, unsigned int size)
{
    uint8_t reg[32] = { 0 };
    uint8_t *to = m->kind == V_HIGH_MERGE ? reg + 8 : reg;
    enum emul_result r = EMUL_OK;
    uint64_t gpr;

    if (merges(m)) {
        r = read_register(e, m, is_vex(e) ? e->insn.vvvv : e->insn.reg, reg);
        for (unsigned int i = 16; i < 32; i++)
            reg[i] = 0;
    }
    if (r != EMUL_OK)
        return r;
    if (e->insn.is_mem) {
        r = emul_read(e, e->insn.segment, emul_effective_address(e), to, size);
    } else {
        gpr = emul_read_reg(e, e->insn.rm, size);
        __builtin_memcpy(to, &gpr, 8);
    }
    return r == EMUL_OK ? write_register(e, m, reg) : r;
}

/* MASKMOVDQU, MASKMOVQ: bytes whose mask has its top bit on go to rDI, each run of them at once. */
static enum emul_result store_masked(struct emul *e, const struct move *m)
{
    const uint64_t at = emul_read_reg(e, RDI, e->insn.adsize);
    const uint64_t wrap = emul_mask(e->insn.adsize);
    const unsigned int seg = e->insn.segment_override ? e->insn.segment : INSN_DS;
    uint8_t val[32] = { 0 }, mask[32] = { 0 };
    enum emul_result r = read_register(e, m, e->insn.reg, val);
    unsigned int i = 0;

    if (r == EMUL_OK)
        r = read_register(e, m, e->insn.rm, mask);
    while (r == EMUL_OK && i < m->size) {
        unsigned int n = 0;

        while (i + n < m->size && mask[i + n] & 0x80)
            n++;
        if (n > 0)
            r = emul_write(e, seg, (at + i) & wrap, val + i, n);
        i += n + 1;
    }
    return r;
}

enum emul_result emul_simd(struct emul *e)
{
    const struct move *m = find_move(&e->insn);
    enum emul_result r;
    unsigned int size;

    if (!m || !well_formed(e, m) || !right_operand(e, m))
        return EMUL_UNHANDLED;
    r = check_enabled(e, m);
    if (r != EMUL_OK)
        return r;
    if (is_mask(m))
        return store_masked(e, m);
    size = move_size(e, m);
    r = check_aligned(e, m, size);
    if (r != EMUL_OK)
        return r;
    return m->flags & ST ? store(e, m, size) : load(e, m, size);
}
