/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stack. Its width is 64 bits in 64-bit code, else the stack segment's; the operand size only
 * says how much is pushed. What writes several values asks ahead whether it may, so that a fault
 * leaves the stack as it was. AMD APM vol. 3, "PUSH", "ENTER"; vol. 2 §4.7.3 "Stack Segment".
 */
#include "priv.h"

unsigned int emul_stack_size(const struct emul *e)
{
    if (emul_long64(e))
        return 8;
    return e->next.seg[INSN_SS].attr & EMUL_ATTR_DB ? 4 : 2;
}

static uint64_t top_of_stack(const struct emul *e, unsigned int below)
{
    return (e->next.gpr[RSP] - below) & emul_mask(emul_stack_size(e));
}

static void move_stack(struct emul *e, uint64_t by)
{
    const unsigned int size = emul_stack_size(e);

    emul_write_reg(e, RSP, size, e->next.gpr[RSP] + by);
}

enum emul_result emul_push(struct emul *e, uint64_t val, unsigned int size)
{
    const enum emul_result r = emul_write(e, INSN_SS, top_of_stack(e, size), &val, size);

    if (r == EMUL_OK)
        move_stack(e, 0 - (uint64_t)size);
    return r;
}

enum emul_result emul_probe_push(struct emul *e, unsigned int nr, unsigned int size)
{
    enum emul_result r = EMUL_OK;

    for (unsigned int i = 1; i <= nr && r == EMUL_OK; i++)
        r = emul_probe(e, INSN_SS, top_of_stack(e, i * size), size);
    return r;
}

enum emul_result emul_push_all(struct emul *e, const uint64_t *val, unsigned int nr,
                               unsigned int size)
{
    enum emul_result r = emul_probe_push(e, nr, size);

    for (unsigned int i = 0; i < nr && r == EMUL_OK; i++)
        r = emul_push(e, val[i], size);
    return r;
}

enum emul_result emul_pop(struct emul *e, uint64_t *val, unsigned int size)
{
    enum emul_result r;

    *val = 0;
    r = emul_read(e, INSN_SS, top_of_stack(e, 0), val, size);
    if (r == EMUL_OK)
        move_stack(e, size);
    return r;
}

enum emul_result emul_push_op(struct emul *e, unsigned int arg)
{
    return emul_push(e, e->src.val, e->insn.opsize);
}

/* An address with rSP is computed with what it is after the pop. */
enum emul_result emul_pop_op(struct emul *e, unsigned int arg)
{
    uint64_t val;
    const enum emul_result r = emul_pop(e, &val, e->insn.opsize);

    if (r != EMUL_OK)
        return r;
    e->dst.val = val;
    if (e->insn.is_mem)
        e->dst.offset = emul_effective_address(e);
    return r;
}

/* arg: the segment register. */
enum emul_result emul_push_seg(struct emul *e, unsigned int seg)
{
    return emul_push(e, e->next.seg[seg].selector, e->insn.opsize);
}

enum emul_result emul_pop_seg(struct emul *e, unsigned int seg)
{
    uint64_t val;
    enum emul_result r = emul_pop(e, &val, e->insn.opsize);

    if (r == EMUL_OK)
        r = emul_load_segment(e, seg, (uint16_t)val);
    e->shadow_ss = r == EMUL_OK && seg == INSN_SS;
    return r;
}

enum emul_result emul_pusha(struct emul *e, unsigned int arg)
{
    return emul_push_all(e, e->state.gpr, 8, e->insn.opsize);
}

enum emul_result emul_popa(struct emul *e, unsigned int arg)
{
    enum emul_result r = EMUL_OK;

    for (unsigned int nr = 8; nr-- > 0 && r == EMUL_OK;) {
        uint64_t val;

        r = emul_pop(e, &val, e->insn.opsize);
        if (r == EMUL_OK && nr != RSP)
            emul_write_reg(e, nr, e->insn.opsize, val);
    }
    return r;
}

static unsigned int iopl(const struct emul *e) { return (e->state.rflags >> 12) & 3; }

enum emul_result emul_pushf(struct emul *e, unsigned int arg)
{
    if (e->state.rflags & X86_EFLAGS_VM)
        return EMUL_UNHANDLED;
    return emul_push(e, e->state.rflags & ~(X86_EFLAGS_RF | X86_EFLAGS_VM), e->insn.opsize);
}

/* What POPF and IRET may change at this privilege, of 16 or more bits. */
static uint64_t writable_flags(const struct emul *e, unsigned int size)
{
    uint64_t mask = FLAGS_ARITH | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT;

    if (size > 2)
        mask |= X86_EFLAGS_AC | 1UL << 21; /* ID */
    if (e->state.cpl == 0)
        mask |= X86_EFLAGS_IOPL;
    if (e->state.cpl <= iopl(e))
        mask |= X86_EFLAGS_IF;
    return mask;
}

enum emul_result emul_popf(struct emul *e, unsigned int arg)
{
    uint64_t val;
    enum emul_result r;

    if (e->state.rflags & X86_EFLAGS_VM)
        return EMUL_UNHANDLED;
    r = emul_pop(e, &val, e->insn.opsize);
    if (r == EMUL_OK)
        emul_set_flags(e, writable_flags(e, e->insn.opsize), val);
    return r;
}

/* The frame pointers of outer levels are copied, as many as level - 1. */
static enum emul_result read_display(struct emul *e, uint64_t *val, unsigned int nr,
                                     unsigned int size)
{
    enum emul_result r = EMUL_OK;

    for (unsigned int i = 1; i <= nr && r == EMUL_OK; i++) {
        const uint64_t back = (uint64_t)i * size;
        const uint64_t at = (e->state.gpr[RBP] - back) & emul_mask(emul_stack_size(e));

        val[i] = 0;
        r = emul_read(e, INSN_SS, at, &val[i], size);
    }
    return r;
}

enum emul_result emul_enter(struct emul *e, unsigned int arg)
{
    const unsigned int size = e->insn.opsize, level = e->insn.imm2 & 31;
    const uint64_t frame = e->state.gpr[RSP] - size;
    uint64_t val[33] = { e->state.gpr[RBP] };
    enum emul_result r = EMUL_OK;

    if (level > 1)
        r = read_display(e, val, level - 1, size);
    val[level] = level ? frame : val[0];
    if (r == EMUL_OK)
        r = emul_push_all(e, val, level + 1, size);
    if (r != EMUL_OK)
        return r;
    emul_write_reg(e, RBP, MIN(size, emul_stack_size(e)), frame);
    move_stack(e, 0 - e->insn.imm);
    /* The new top must be writable too. */
    return emul_probe(e, INSN_SS, top_of_stack(e, 0), size);
}

enum emul_result emul_leave(struct emul *e, unsigned int arg)
{
    uint64_t val;
    enum emul_result r;

    emul_write_reg(e, RSP, emul_stack_size(e), e->state.gpr[RBP]);
    r = emul_pop(e, &val, e->insn.opsize);
    if (r == EMUL_OK)
        emul_write_reg(e, RBP, e->insn.opsize, val);
    return r;
}
