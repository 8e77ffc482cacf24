/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * String instructions. With REP each iteration is an instruction of its own: when it is complete it
 * is committed, with rip still at the instruction, so a fault, a wait or the end of our patience
 * leaves registers that a new run (or the hardware) resumes from. AMD APM vol. 3 §1.2.6 "Repeat
 * Prefixes".
 */
#include "priv.h"

#define ITERATIONS_MAX 256 /* of one run: interrupts come in between */

enum { STR_MOVS, STR_CMPS, STR_STOS, STR_LODS, STR_SCAS, STR_INS, STR_OUTS };

/* What arg of a row means: the operation. The element's size follows from opcode bit 0. */
static unsigned int element_size(const struct emul *e, unsigned int op)
{
    if (!(e->insn.opcode & 1))
        return 1;
    return (op == STR_INS || op == STR_OUTS) && e->insn.opsize == 8 ? 4 : e->insn.opsize;
}

static uint64_t string_offset(const struct emul *e, unsigned int reg)
{
    return emul_read_reg(e, reg, e->insn.adsize);
}

static void advance(struct emul *e, unsigned int reg, unsigned int size)
{
    const bool down = e->next.rflags & X86_EFLAGS_DF;

    emul_write_reg(e, reg, e->insn.adsize, e->next.gpr[reg] + (down ? 0 - (uint64_t)size : size));
}

static enum emul_result read_source(struct emul *e, uint64_t *val, unsigned int size)
{
    *val = 0;
    return emul_read(e, e->insn.segment, string_offset(e, RSI), val, size);
}

static enum emul_result read_destination(struct emul *e, uint64_t *val, unsigned int size)
{
    *val = 0;
    return emul_read(e, INSN_ES, string_offset(e, RDI), val, size);
}

static enum emul_result write_destination(struct emul *e, uint64_t val, unsigned int size)
{
    return emul_write(e, INSN_ES, string_offset(e, RDI), &val, size);
}

static void compare(struct emul *e, uint64_t a, uint64_t b, unsigned int size)
{
    emul_set_flags(e, FLAGS_ARITH, emul_sub_flags(a, b, a - b, size));
}

static enum emul_result movs(struct emul *e, unsigned int size)
{
    uint64_t val;
    const enum emul_result r = read_source(e, &val, size);

    return r == EMUL_OK ? write_destination(e, val, size) : r;
}

static enum emul_result cmps(struct emul *e, unsigned int size)
{
    uint64_t a, b;
    enum emul_result r = read_source(e, &a, size);

    if (r == EMUL_OK)
        r = read_destination(e, &b, size);
    if (r == EMUL_OK)
        compare(e, a, b, size);
    return r;
}

static enum emul_result stos(struct emul *e, unsigned int size)
{
    return write_destination(e, e->next.gpr[RAX], size);
}

static enum emul_result lods(struct emul *e, unsigned int size)
{
    uint64_t val;
    const enum emul_result r = read_source(e, &val, size);

    if (r == EMUL_OK)
        emul_write_reg(e, RAX, size, val);
    return r;
}

static enum emul_result scas(struct emul *e, unsigned int size)
{
    uint64_t val;
    const enum emul_result r = read_destination(e, &val, size);

    if (r == EMUL_OK)
        compare(e, emul_read_reg(e, RAX, size), val, size);
    return r;
}

/* A port must not be read if the value cannot be stored. */
static enum emul_result ins(struct emul *e, unsigned int size)
{
    uint32_t val = 0;
    enum emul_result r = emul_probe(e, INSN_ES, string_offset(e, RDI), size);

    if (r == EMUL_OK)
        r = emul_port_in(e, (uint16_t)e->next.gpr[RDX], size, &val);
    return r == EMUL_OK ? write_destination(e, val, size) : r;
}

static enum emul_result outs(struct emul *e, unsigned int size)
{
    uint64_t val;
    const enum emul_result r = read_source(e, &val, size);

    return r == EMUL_OK ? emul_port_out(e, (uint16_t)e->next.gpr[RDX], size, (uint32_t)val) : r;
}

static const struct {
    enum emul_result (*fn)(struct emul *e, unsigned int size);
    bool source, destination, compares;
} ops[] = {
    [STR_MOVS] = { movs, true, true, false },
    [STR_CMPS] = { cmps, true, true, true },
    [STR_STOS] = { stos, false, true, false },
    [STR_LODS] = { lods, true, false, false },
    [STR_SCAS] = { scas, false, true, true },
    [STR_INS] = { ins, false, true, false },
    [STR_OUTS] = { outs, true, false, false },
};

static enum emul_result iterate(struct emul *e, unsigned int op)
{
    const unsigned int size = element_size(e, op);
    const enum emul_result r = ops[op].fn(e, size);

    if (r != EMUL_OK)
        return r;
    if (ops[op].source)
        advance(e, RSI, size);
    if (ops[op].destination)
        advance(e, RDI, size);
    return r;
}

/* After an iteration: does a comparison end it? REPE is F3, REPNE F2. */
static bool compared_out(const struct emul *e, unsigned int op)
{
    return ops[op].compares && !(e->next.rflags & FLAG_ZF) == (e->insn.rep == 0xf3);
}

static bool may_block(const struct emul *e, unsigned int op)
{
    const bool can = op == STR_MOVS ? !!e->ops->copy_block
                                    : (op == STR_INS || op == STR_OUTS) && e->ops->port_block;

    return can && e->replay.accesses == 0 && !(e->next.rflags & X86_EFLAGS_TF);
}

/*
 * Elements from seg:offset on, upwards or downwards, that are within the first one's page and do
 * not wrap, if that one may be used. Nothing is raised here: a fault is found again by the element
 * that has it.
 */
static uint64_t room(const struct emul *e, unsigned int seg, uint64_t offset, unsigned int size,
                     bool write)
{
    const bool down = e->next.rflags & X86_EFLAGS_DF;
    uint64_t linear, on_page, in_segment;

    if (!emul_in_segment(e, seg, offset, size, write, &linear) || emul_misaligned(e, linear, size))
        return 0;
    on_page = PAGE_SIZE - (linear & PAGE_OFFSET_MASK);
    if (on_page < size)
        return 0;
    if (down)
        on_page = (linear & PAGE_OFFSET_MASK) + size;
    in_segment = down ? offset + size : emul_mask(e->insn.adsize) - offset;
    return MIN(on_page / size, in_segment / size);
}

/* Where the first element of a block is, if all of it may be used. */
static bool find_block(const struct emul *e, const struct emul_block *b, unsigned int seg,
                       uint64_t offset, bool write, uint64_t *linear)
{
    const uint64_t others = b->down ? (uint64_t)(b->count - 1) * b->size : 0;
    const bool fine = emul_in_segment(e, seg, offset - others, b->count * b->size, write, linear);

    *linear += others;
    return fine;
}

static struct emul_block block_of(const struct emul *e, unsigned int size, uint64_t count)
{
    return (struct emul_block){ .size = size, .count = (unsigned int)count,
                                .down = e->next.rflags & X86_EFLAGS_DF };
}

/*
 * Many elements of INS or OUTS, *done of them. EMUL_UNHANDLED: one by one; then *done is 0 if the
 * owner was asked.
 */
static enum emul_result port_block(struct emul *e, unsigned int op, uint64_t count,
                                   unsigned int *done)
{
    const bool in = op == STR_INS;
    const unsigned int size = element_size(e, op), reg = in ? RDI : RSI;
    const unsigned int seg = in ? INSN_ES : e->insn.segment;
    const uint64_t offset = string_offset(e, reg);
    const struct emul_block b = block_of(e, size, MIN(count, room(e, seg, offset, size, in)));
    enum emul_result r;
    uint64_t linear;

    if (b.count < 2 || !find_block(e, &b, seg, offset, in, &linear))
        return EMUL_UNHANDLED;
    r = emul_port_block(e, &b, (uint16_t)e->next.gpr[RDX], linear, in);
    *done = r == EMUL_OK ? b.count : 0;
    if (r == EMUL_OK)
        advance(e, reg, b.count * size);
    return r;
}

/* The same of MOVS. */
static enum emul_result copy_block(struct emul *e, uint64_t count, unsigned int *done)
{
    const unsigned int size = element_size(e, STR_MOVS), seg = e->insn.segment;
    const uint64_t source = string_offset(e, RSI), destination = string_offset(e, RDI);
    const uint64_t both = MIN(room(e, seg, source, size, false),
                              room(e, INSN_ES, destination, size, true));
    const struct emul_block b = block_of(e, size, MIN(count, both));
    uint64_t from, to;
    enum emul_result r;

    if (b.count < 2 || !find_block(e, &b, seg, source, false, &from) ||
        !find_block(e, &b, INSN_ES, destination, true, &to))
        return EMUL_UNHANDLED;
    r = e->ops->copy_block(e, &b, from, to);
    *done = r == EMUL_OK ? b.count : 0;
    if (r == EMUL_OK) {
        advance(e, RSI, b.count * size);
        advance(e, RDI, b.count * size);
    }
    return r;
}

static enum emul_result block(struct emul *e, unsigned int op, uint64_t count, unsigned int *done)
{
    if (!may_block(e, op))
        return EMUL_UNHANDLED;
    return op == STR_MOVS ? copy_block(e, count, done) : port_block(e, op, count, done);
}

static enum emul_result repeat(struct emul *e, unsigned int op)
{
    const uint64_t rip = e->next.rip;
    const unsigned int adsize = e->insn.adsize;
    const unsigned int max = e->state.rflags & X86_EFLAGS_TF ? 1 : ITERATIONS_MAX;
    const bool waited = e->replay.active;
    bool singly = false; /* the owner has declined a block: it is not asked for each element */

    for (unsigned int i = 0; i < max; i++) {
        const uint64_t count = emul_read_reg(e, RCX, adsize);
        unsigned int done = 1;
        enum emul_result r;

        if (count == 0)
            return EMUL_OK;
        e->next.rip = e->state.rip;
        r = singly ? EMUL_UNHANDLED : block(e, op, count, &done);
        if (r == EMUL_UNHANDLED) {
            singly |= done == 0;
            done = 1;
            r = iterate(e, op);
        }
        if (r != EMUL_OK)
            return r;
        emul_write_reg(e, RCX, adsize, count - done);
        if (count == done || compared_out(e, op)) {
            e->next.rip = rip;
            return EMUL_OK;
        }
        emul_commit(e);
        if (waited && done > 1)
            break; /* as long as a page takes: interrupts come before the next one */
        e->next.rip = rip;
    }
    return EMUL_PARTIAL;
}

enum emul_result emul_string(struct emul *e, unsigned int op)
{
    enum emul_result r = EMUL_OK;

    if (op == STR_INS || op == STR_OUTS) /* even if REP has nothing to do */
        r = emul_check_port(e, (uint16_t)e->next.gpr[RDX], element_size(e, op));
    if (r != EMUL_OK)
        return r;
    return e->insn.rep ? repeat(e, op) : iterate(e, op);
}
