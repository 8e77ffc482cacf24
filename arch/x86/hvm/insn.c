/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction at RIP that made an exit: its mode and its length, for processors that do not
 * say.
 */
#include <arch/gwalk.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/log.h>

enum insn_mode hvm_insn_mode(struct vcpu *v)
{
    const struct hvm_cpu *c = &v->arch.hvm->cpu;
    const bool protected = (c->cr0 & X86_CR0_PE) && !(hvm_regs(v)->rflags & X86_EFLAGS_VM);
    struct emul_segment cs;

    hvm_ops->get_segment(v, INSN_CS, &cs);
    return emul_mode(protected, c->efer & EFER_LMA, cs.attr);
}

/* The bytes at RIP: as many as there are, up to the longest instruction. */
static size_t code_at_rip(struct vcpu *v, enum insn_mode mode, uint8_t code[INSN_LENGTH_MAX])
{
    const uint32_t access = PFEC_FETCH | (hvm_ops->cpl(v) == 3 ? PFEC_USER : 0);
    uint64_t linear = hvm_regs(v)->rip;
    struct emul_segment cs;
    struct hvm_fault f;

    if (mode != INSN_LONG64) {
        hvm_ops->get_segment(v, INSN_CS, &cs);
        linear = (uint32_t)(linear + cs.base);
    }
    if (hvm_copy_from_linear(v, code, linear, INSN_LENGTH_MAX, access, &f) == HVM_COPY_OK)
        return INSN_LENGTH_MAX;
    return f.done;
}

static bool insn_at_rip(struct vcpu *v, struct insn *insn)
{
    const enum insn_mode mode = hvm_insn_mode(v);
    uint8_t code[INSN_LENGTH_MAX];
    const size_t n = code_at_rip(v, mode, code);

    return insn_decode(insn, code, n, mode, true) == INSN_DECODED &&
           insn->encoding == INSN_LEGACY;
}

static unsigned int not_that_one(struct vcpu *v)
{
    guest_log(LOG_WARNING, "d%uv%u: the instruction at %#lx is not the one that left the guest",
              v->domain->id, v->id, (unsigned long)hvm_regs(v)->rip);
    hvm_inject(v, TRAP_UD, 0);
    return 0;
}

unsigned int hvm_insn_length(struct vcpu *v, unsigned int map, uint8_t opcode)
{
    struct insn insn;

    if (insn_at_rip(v, &insn) && insn.map == map && insn.opcode == opcode)
        return insn.length;
    return not_that_one(v);
}

/* Far JMP and CALL, INT, INT3, INTO, ICEBP, IRET. */
static bool may_switch_tasks(const struct insn *i)
{
    static const uint8_t opcodes[] = { 0x9a, 0xea, 0xcc, 0xcd, 0xce, 0xf1, 0xcf };

    if (i->map != MAP_ONE)
        return false;
    for (unsigned int n = 0; n < sizeof(opcodes); n++)
        if (i->opcode == opcodes[n])
            return true;
    return i->opcode == 0xff && ((i->reg & 7) == 3 || (i->reg & 7) == 5);
}

unsigned int hvm_task_insn_length(struct vcpu *v)
{
    struct insn insn;

    if (insn_at_rip(v, &insn) && may_switch_tasks(&insn))
        return insn.length;
    return not_that_one(v);
}
