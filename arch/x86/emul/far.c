/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Far branches, software interrupts and IRET. In real mode all of them; in protected mode far
 * jumps, calls and returns to code of the same privilege. What goes through gates, tasks, the IDT
 * or to another privilege is left to the hardware: EMUL_UNHANDLED. AMD APM vol. 3, "JMP (Far)",
 * "CALL (Far)", "RET (Far)", "INT", "IRET".
 */
#include "priv.h"

static enum emul_result far_jump(struct emul *e, uint16_t selector, uint64_t offset)
{
    const enum emul_result r = emul_load_code_segment(e, selector, false);

    return r == EMUL_OK ? emul_jump(e, offset) : r;
}

static enum emul_result far_call(struct emul *e, uint16_t selector, uint64_t offset)
{
    const uint64_t frame[2] = { e->state.seg[INSN_CS].selector, e->next.rip };
    const enum emul_result r = far_jump(e, selector, offset);

    return r == EMUL_OK ? emul_push_all(e, frame, 2, e->insn.opsize) : r;
}

static enum emul_result far_transfer(struct emul *e, bool call, uint16_t selector, uint64_t offset)
{
    return call ? far_call(e, selector, offset) : far_jump(e, selector, offset);
}

/* arg: 1 for CALL. */
enum emul_result emul_far_direct(struct emul *e, unsigned int call)
{
    return far_transfer(e, call, (uint16_t)e->insn.imm2, e->insn.imm);
}

static enum emul_result read_far_pointer(struct emul *e, uint64_t *offset, uint16_t *selector)
{
    const uint64_t at = emul_effective_address(e), mask = emul_mask(e->insn.adsize);
    const unsigned int size = e->insn.opsize;
    enum emul_result r;

    *offset = 0;
    r = emul_read(e, e->insn.segment, at, offset, size);
    return r == EMUL_OK ? emul_read(e, e->insn.segment, (at + size) & mask, selector, 2) : r;
}

enum emul_result emul_far_indirect(struct emul *e, unsigned int call)
{
    uint64_t offset;
    uint16_t selector = 0;
    const enum emul_result r = read_far_pointer(e, &offset, &selector);

    return r == EMUL_OK ? far_transfer(e, call, selector, offset) : r;
}

/* LES, LDS, LSS, LFS, LGS; arg: the segment. */
enum emul_result emul_load_far(struct emul *e, unsigned int seg)
{
    uint64_t offset;
    uint16_t selector = 0;
    enum emul_result r = read_far_pointer(e, &offset, &selector);

    if (r == EMUL_OK)
        r = emul_load_segment(e, seg, selector);
    if (r == EMUL_OK)
        emul_write_reg(e, e->insn.reg, e->insn.opsize, offset);
    return r;
}

enum emul_result emul_far_ret(struct emul *e, unsigned int arg)
{
    uint64_t rip, selector;
    enum emul_result r = emul_pop(e, &rip, e->insn.opsize);

    if (r == EMUL_OK)
        r = emul_pop(e, &selector, e->insn.opsize);
    if (r == EMUL_OK)
        r = emul_load_code_segment(e, (uint16_t)selector, true);
    if (r != EMUL_OK)
        return r;
    emul_write_reg(e, RSP, emul_stack_size(e), e->next.gpr[RSP] + e->insn.imm);
    return emul_jump(e, rip);
}

static enum emul_result real_interrupt(struct emul *e, unsigned int vector)
{
    const uint64_t frame[3] = { e->next.rflags, e->state.seg[INSN_CS].selector, e->next.rip };
    uint16_t entry[2] = { 0 };
    enum emul_result r;

    if (vector * 4 + 3 > e->state.idtr.limit)
        return emul_raise(e, TRAP_GP, 0);
    r = emul_read_linear(e, e->state.idtr.base + vector * 4UL, entry, 4, EMUL_SYSTEM);
    if (r == EMUL_OK)
        r = emul_push_all(e, frame, 3, 2);
    if (r == EMUL_OK)
        r = emul_load_code_segment(e, entry[1], false);
    if (r != EMUL_OK)
        return r;
    e->next.rflags &= ~(X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_AC);
    return emul_jump(e, entry[0]);
}

/* INT3, INT n, INTO. */
enum emul_result emul_int(struct emul *e, unsigned int arg)
{
    const uint8_t op = e->insn.opcode;

    if (op == 0xce && !(e->state.rflags & FLAG_OF))
        return EMUL_OK;
    if (e->cr0 & X86_CR0_PE)
        return EMUL_UNHANDLED;
    return real_interrupt(e, op == 0xcc ? TRAP_BP : op == 0xce ? TRAP_OF
                                                               : (unsigned int)e->insn.imm);
}

enum emul_result emul_iret(struct emul *e, unsigned int arg)
{
    const uint64_t mask16 = FLAGS_ARITH | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF |
                            X86_EFLAGS_IOPL | X86_EFLAGS_NT;
    const uint64_t mask32 = mask16 | X86_EFLAGS_RF | X86_EFLAGS_AC | 1UL << 21;
    uint64_t frame[3];
    enum emul_result r = EMUL_OK;

    if (e->cr0 & X86_CR0_PE)
        return EMUL_UNHANDLED;
    for (unsigned int i = 0; i < 3 && r == EMUL_OK; i++)
        r = emul_pop(e, &frame[i], e->insn.opsize);
    if (r == EMUL_OK)
        r = emul_load_code_segment(e, (uint16_t)frame[1], true);
    if (r != EMUL_OK)
        return r;
    emul_set_flags(e, e->insn.opsize == 2 ? mask16 : mask32, frame[2]);
    return emul_jump(e, frame[0]);
}
