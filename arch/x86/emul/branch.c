/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Near branches. The target is cut to the operand size; the room on the stack is checked before it,
 * and both before anything is pushed. AMD APM vol. 3, "JMP (Near)", "CALL (Near)", "RET (Near)",
 * "LOOPcc".
 */
#include "priv.h"

enum emul_result emul_jump(struct emul *e, uint64_t rip)
{
    uint64_t linear;
    const enum emul_result r = emul_fetch_check(e, rip, 1, &linear);

    if (r == EMUL_OK)
        e->next.rip = rip;
    return r;
}

static uint64_t relative(const struct emul *e)
{
    return (e->next.rip + emul_sign_extend(e->insn.imm, e->insn.imm_size)) &
           emul_mask(e->insn.opsize);
}

enum emul_result emul_jmp(struct emul *e, unsigned int arg) { return emul_jump(e, relative(e)); }

enum emul_result emul_jcc(struct emul *e, unsigned int arg)
{
    return emul_condition(e, e->insn.opcode) ? emul_jump(e, relative(e)) : EMUL_OK;
}

enum emul_result emul_jmp_indirect(struct emul *e, unsigned int arg)
{
    return emul_jump(e, e->src.val);
}

static enum emul_result call(struct emul *e, uint64_t target)
{
    const uint64_t back = e->next.rip;
    enum emul_result r = emul_probe_push(e, 1, e->insn.opsize);

    if (r == EMUL_OK)
        r = emul_jump(e, target);
    return r == EMUL_OK ? emul_push(e, back, e->insn.opsize) : r;
}

enum emul_result emul_call(struct emul *e, unsigned int arg) { return call(e, relative(e)); }

enum emul_result emul_call_indirect(struct emul *e, unsigned int arg)
{
    return call(e, e->src.val);
}

/* The immediate, if there is one, is what more to take off the stack. */
enum emul_result emul_ret(struct emul *e, unsigned int arg)
{
    uint64_t rip;
    const enum emul_result r = emul_pop(e, &rip, e->insn.opsize);

    if (r != EMUL_OK)
        return r;
    emul_write_reg(e, RSP, emul_stack_size(e), e->next.gpr[RSP] + e->insn.imm);
    return emul_jump(e, rip);
}

/* LOOPNE, LOOPE, LOOP, JrCXZ: e0 to e3. The count has the address size. */
enum emul_result emul_loop(struct emul *e, unsigned int arg)
{
    const unsigned int op = e->insn.opcode & 3, size = e->insn.adsize;
    uint64_t count = emul_read_reg(e, RCX, size);
    bool taken;

    if (op == 3) {
        taken = count == 0;
    } else {
        count = (count - 1) & emul_mask(size);
        emul_write_reg(e, RCX, size, count);
        taken = count != 0 && (op == 2 || !(e->next.rflags & FLAG_ZF) == !op);
    }
    return taken ? emul_jump(e, relative(e)) : EMUL_OK;
}
