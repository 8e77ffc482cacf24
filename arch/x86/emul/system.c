/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of the operating system: control, debug and model-specific registers, descriptor
 * tables, the interrupt flag. Privilege and whether a register exists are decided here, what a
 * value means by the owner's callbacks. AMD APM vol. 3, "System Instruction Reference".
 */
#include "priv.h"

static enum emul_result no_privilege(struct emul *e) { return emul_raise(e, TRAP_GP, 0); }

static enum emul_result report(struct emul *e, enum emul_event event, uint64_t linear)
{
    return e->ops->event ? e->ops->event(e, event, linear) : EMUL_UNHANDLED;
}

/* STI opens a window of one instruction in which no interrupt comes, if it changed the flag. */
enum emul_result emul_cli_sti(struct emul *e, unsigned int arg)
{
    const bool was_on = e->state.rflags & X86_EFLAGS_IF, on = e->insn.opcode & 1;

    if (e->state.rflags & X86_EFLAGS_VM)
        return EMUL_UNHANDLED;
    if (e->cr0 & X86_CR0_PE && e->state.cpl > (e->state.rflags >> 12 & 3))
        return no_privilege(e);
    emul_set_flags(e, X86_EFLAGS_IF, on ? X86_EFLAGS_IF : 0);
    e->shadow_sti = on && !was_on;
    return EMUL_OK;
}

enum emul_result emul_hlt(struct emul *e, unsigned int arg)
{
    return e->state.cpl ? no_privilege(e) : report(e, EMUL_HLT, 0);
}

/* INVD, WBINVD. */
enum emul_result emul_cache(struct emul *e, unsigned int arg)
{
    if (e->state.cpl)
        return no_privilege(e);
    return report(e, e->insn.opcode & 1 ? EMUL_WBINVD : EMUL_INVD, 0);
}

/*
 * 0F AE with memory: CLFLUSH, CLFLUSHOPT, CLWB. A device's memory is in no cache: only the checks
 * of a read are left. The others of this group are not ours.
 */
enum emul_result emul_flush_line(struct emul *e, unsigned int arg)
{
    const unsigned int reg = e->insn.reg & 7;
    uint64_t linear;

    if (e->insn.rep || (reg != 7 && !(reg == 6 && e->insn.opsize_prefix)))
        return EMUL_UNHANDLED;
    return emul_check(e, e->insn.segment, emul_effective_address(e), 1, false, &linear);
}

static enum emul_result write_cr(struct emul *e, unsigned int nr, uint64_t val)
{
    return e->ops->write_cr ? e->ops->write_cr(e, nr, val) : EMUL_UNHANDLED;
}

enum emul_result emul_clts(struct emul *e, unsigned int arg)
{
    return e->state.cpl ? no_privilege(e) : write_cr(e, 0, e->cr0 & ~X86_CR0_TS);
}

/* 0F 20 reads, 0F 22 writes; 0F 21 and 0F 23 the same for debug registers. */
static bool is_write(const struct emul *e) { return e->insn.opcode & 2; }

static unsigned int wide(const struct emul *e) { return emul_long64(e) ? 8 : 4; }

/* LOCK makes another 8 registers reachable without REX: AMD APM vol. 3, "MOV CRn". */
enum emul_result emul_mov_cr(struct emul *e, unsigned int arg)
{
    const unsigned int nr = e->insn.reg | (e->insn.lock ? 8 : 0);
    uint64_t val = 0;
    enum emul_result r;

    if (nr != 0 && nr != 2 && nr != 3 && nr != 4 && nr != 8)
        return emul_raise(e, TRAP_UD, 0);
    if (e->state.cpl)
        return no_privilege(e);
    if (is_write(e))
        return write_cr(e, nr, emul_read_reg(e, e->insn.rm, wide(e)));
    r = e->ops->read_cr ? e->ops->read_cr(e, nr, &val) : EMUL_UNHANDLED;
    if (r == EMUL_OK)
        emul_write_reg(e, e->insn.rm, wide(e), val);
    return r;
}

enum emul_result emul_mov_dr(struct emul *e, unsigned int arg)
{
    const unsigned int nr = e->insn.reg == 4 || e->insn.reg == 5 ? e->insn.reg + 2U : e->insn.reg;
    uint64_t val = 0;
    enum emul_result r;

    if (nr > 7 || (nr != e->insn.reg && e->cr4 & X86_CR4_DE))
        return emul_raise(e, TRAP_UD, 0);
    if (e->state.cpl)
        return no_privilege(e);
    if (is_write(e))
        return e->ops->write_dr ? e->ops->write_dr(e, nr, emul_read_reg(e, e->insn.rm, wide(e)))
                                : EMUL_UNHANDLED;
    r = e->ops->read_dr ? e->ops->read_dr(e, nr, &val) : EMUL_UNHANDLED;
    if (r == EMUL_OK)
        emul_write_reg(e, e->insn.rm, wide(e), val);
    return r;
}

static enum emul_result read_msr(struct emul *e, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return e->ops->read_msr ? e->ops->read_msr(e, msr, val) : EMUL_UNHANDLED;
}

static void write_edx_eax(struct emul *e, uint64_t val)
{
    emul_write_reg(e, RAX, 4, val);
    emul_write_reg(e, RDX, 4, val >> 32);
}

/* WRMSR (30), RDMSR (32). */
enum emul_result emul_msr(struct emul *e, unsigned int arg)
{
    const uint32_t msr = (uint32_t)e->next.gpr[RCX];
    uint64_t val = emul_read_reg(e, RAX, 4) | emul_read_reg(e, RDX, 4) << 32;
    enum emul_result r;

    if (e->state.cpl)
        return no_privilege(e);
    if (!is_write(e))
        return e->ops->write_msr ? e->ops->write_msr(e, msr, val) : EMUL_UNHANDLED;
    r = read_msr(e, msr, &val);
    if (r == EMUL_OK)
        write_edx_eax(e, val);
    return r;
}

/* arg 1: RDTSCP, with TSC_AUX in ecx. */
enum emul_result emul_rdtsc(struct emul *e, unsigned int with_aux)
{
    uint64_t tsc, aux = 0;
    enum emul_result r;

    if (e->cr4 & X86_CR4_TSD && e->state.cpl)
        return no_privilege(e);
    r = read_msr(e, MSR_TSC, &tsc);
    if (r == EMUL_OK && with_aux)
        r = read_msr(e, MSR_TSC_AUX, &aux);
    if (r != EMUL_OK)
        return r;
    write_edx_eax(e, tsc);
    if (with_aux)
        emul_write_reg(e, RCX, 4, aux);
    return r;
}

enum emul_result emul_cpuid(struct emul *e, unsigned int arg)
{
    uint32_t out[4] = { 0 };
    enum emul_result r;

    if (!e->ops->cpuid)
        return EMUL_UNHANDLED;
    r = e->ops->cpuid(e, (uint32_t)e->next.gpr[RAX], (uint32_t)e->next.gpr[RCX], out);
    if (r != EMUL_OK)
        return r;
    emul_write_reg(e, RAX, 4, out[0]);
    emul_write_reg(e, RBX, 4, out[1]);
    emul_write_reg(e, RCX, 4, out[2]);
    emul_write_reg(e, RDX, 4, out[3]);
    return r;
}

/* SGDT, SIDT: a limit and a base, the latter of 8 bytes in 64-bit code. */
static enum emul_result store_table(struct emul *e, const struct emul_table *t)
{
    uint8_t image[10];

    if (e->cr4 & X86_CR4_UMIP && e->state.cpl)
        return no_privilege(e);
    __builtin_memcpy(image, &t->limit, 2);
    __builtin_memcpy(image + 2, &t->base, 8);
    return emul_write(e, e->insn.segment, emul_effective_address(e), image, 2 + wide(e));
}

/* LGDT, LIDT: with 16-bit operands the base has 24 bits. */
static enum emul_result load_table(struct emul *e, struct emul_table *t)
{
    uint8_t image[10] = { 0 };
    uint64_t base = 0;
    enum emul_result r;

    if (e->state.cpl)
        return no_privilege(e);
    r = emul_read(e, e->insn.segment, emul_effective_address(e), image, 2 + wide(e));
    if (r != EMUL_OK)
        return r;
    __builtin_memcpy(&base, image + 2, wide(e));
    if (!emul_long64(e) && e->insn.opsize == 2)
        base &= 0xffffff;
    if (emul_long64(e) && !emul_canonical(e, base))
        return no_privilege(e);
    __builtin_memcpy(&t->limit, image, 2);
    t->base = base;
    return EMUL_OK;
}

/* LMSW changes the low four bits of CR0, and cannot clear PE. */
static enum emul_result load_machine_status(struct emul *e)
{
    uint16_t val = 0;
    enum emul_result r;

    if (e->state.cpl)
        return no_privilege(e);
    r = emul_read_word(e, &val);
    if (r != EMUL_OK)
        return r;
    return write_cr(e, 0, (e->cr0 & ~0xeUL) | (val & 0xf));
}

static enum emul_result store_machine_status(struct emul *e)
{
    if (e->cr4 & X86_CR4_UMIP && e->state.cpl)
        return no_privilege(e);
    if (e->insn.is_mem)
        return emul_write(e, e->insn.segment, emul_effective_address(e), &e->cr0, 2);
    emul_write_reg(e, e->insn.rm, e->insn.opsize, e->cr0);
    return EMUL_OK;
}

static enum emul_result invlpg(struct emul *e)
{
    const unsigned int seg = e->insn.segment;
    uint64_t linear = emul_effective_address(e);

    if (e->state.cpl)
        return no_privilege(e);
    if (!emul_long64(e))
        linear = (uint32_t)(linear + e->state.seg[seg].base);
    else if (seg >= INSN_FS)
        linear += e->state.seg[seg].base;
    return report(e, EMUL_INVLPG, linear);
}

/* 0F 01: by ModRM.reg, except for the register forms that are other instructions. */
enum emul_result emul_group7(struct emul *e, unsigned int arg)
{
    const unsigned int reg = e->insn.reg & 7;

    if (reg == 4)
        return store_machine_status(e);
    if (reg == 6)
        return load_machine_status(e);
    if (!e->insn.is_mem)
        return e->insn.modrm == 0xf9 ? emul_rdtsc(e, 1) : EMUL_UNHANDLED;
    switch (reg) {
    case 0: return store_table(e, &e->state.gdtr);
    case 1: return store_table(e, &e->state.idtr);
    case 2: return load_table(e, &e->next.gdtr);
    case 3: return load_table(e, &e->next.idtr);
    case 7: return invlpg(e);
    default: return EMUL_UNHANDLED;
    }
}
