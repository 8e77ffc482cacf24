/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selectors as operands: storing and loading LDTR and TR, and questions on descriptors, which are
 * answered by ZF and raise nothing themselves. AMD APM vol. 3, "SLDT", "STR", "LLDT", "LTR",
 * "VERR", "VERW", "LAR", "LSL", "ARPL"; vol. 2 §4.8 "Long-Mode Segment Descriptors".
 */
#include "priv.h"

enum { TYPE_LDT = 2, TYPE_TSS16 = 1, TYPE_TSS = 9, TSS_BUSY = 2 };

static bool is_null(uint16_t selector) { return !(selector & 0xfffc); }

/* Into a register of any size, or 2 bytes of memory. */
enum emul_result emul_store_selector(struct emul *e, unsigned int task)
{
    if (e->cr4 & X86_CR4_UMIP && e->state.cpl)
        return emul_raise(e, TRAP_GP, 0);
    e->dst.val = task ? e->state.tr.selector : e->state.ldtr.selector;
    if (e->insn.is_mem)
        e->dst.size = 2;
    return EMUL_OK;
}

/* --- LLDT, LTR -------------------------------------------------------------------------------- */

/* In long mode they have 16 bytes: the base's upper half, and a type that has to be 0. */
static enum emul_result read_upper_half(struct emul *e, uint16_t selector,
                                        const struct emul_descriptor *d, struct emul_segment *s)
{
    uint64_t upper = 0;
    enum emul_result r;

    if (!(e->efer & EFER_LMA))
        return EMUL_OK;
    if ((selector | 7U) + 8 > e->state.gdtr.limit)
        return emul_selector_fault(e, TRAP_GP, selector);
    r = emul_read_linear(e, d->linear + 8, &upper, 8, EMUL_SYSTEM);
    s->base |= upper << 32;
    if (r == EMUL_OK && (upper >> 40 & 0x1f || !emul_canonical(e, s->base)))
        return emul_selector_fault(e, TRAP_GP, selector);
    return r;
}

static bool may_load(const struct emul *e, bool task, uint16_t attr)
{
    const unsigned int type = attr & (EMUL_ATTR_S | EMUL_ATTR_TYPE);

    if (!task)
        return type == TYPE_LDT;
    return type == TYPE_TSS || (type == TYPE_TSS16 && !(e->efer & EFER_LMA));
}

static enum emul_result set_busy(struct emul *e, const struct emul_descriptor *d,
                                 struct emul_segment *s)
{
    uint8_t access;

    s->attr |= TSS_BUSY;
    access = (uint8_t)s->attr;
    return emul_write_linear(e, d->linear + 5, &access, 1, EMUL_SYSTEM);
}

enum emul_result emul_load_system(struct emul *e, unsigned int task)
{
    struct emul_segment *reg = task ? &e->next.tr : &e->next.ldtr, s;
    struct emul_descriptor d = { 0 };
    uint16_t selector = 0;
    enum emul_result r;

    if (e->state.cpl)
        return emul_raise(e, TRAP_GP, 0);
    r = emul_read_word(e, &selector);
    if (r != EMUL_OK)
        return r;
    if (is_null(selector)) {
        if (task)
            return emul_raise(e, TRAP_GP, 0);
        *reg = (struct emul_segment){ .selector = selector };
        return EMUL_OK;
    }
    if (selector & 4)
        return emul_selector_fault(e, TRAP_GP, selector);
    r = emul_read_descriptor(e, selector, &d);
    if (r != EMUL_OK)
        return r;
    s = emul_unpack(&d, selector);
    if (!may_load(e, task, s.attr))
        return emul_selector_fault(e, TRAP_GP, selector);
    if (!(s.attr & EMUL_ATTR_P))
        return emul_selector_fault(e, TRAP_NP, selector);
    r = read_upper_half(e, selector, &d, &s);
    if (r == EMUL_OK && task)
        r = set_busy(e, &d, &s);
    if (r == EMUL_OK)
        *reg = s;
    return r;
}

/* --- questions -------------------------------------------------------------------------------- */

/* *found false: there is no such descriptor, which is an answer. A page fault is not. */
static enum emul_result look_up(struct emul *e, struct emul_descriptor *d, uint16_t *selector,
                                bool *found)
{
    enum emul_result r = emul_read_word(e, selector);

    *found = false;
    if (r != EMUL_OK || is_null(*selector))
        return r;
    r = emul_read_descriptor(e, *selector, d);
    *found = r == EMUL_OK;
    return r == EMUL_FAULT && e->fault.vector == TRAP_GP ? EMUL_OK : r;
}

static enum emul_result answer(struct emul *e, bool yes)
{
    emul_set_flags(e, FLAG_ZF, yes ? FLAG_ZF : 0);
    return EMUL_OK;
}

/* By privilege; conforming code is anybody's. */
static bool may_see(const struct emul *e, uint16_t selector, uint16_t attr)
{
    const uint16_t conforming = EMUL_ATTR_S | EMUL_ATTR_CODE | EMUL_ATTR_DOWN;

    return (attr & conforming) == conforming ||
           emul_dpl(attr) >= MAX((unsigned int)(selector & 3), (unsigned int)e->state.cpl);
}

/* VERR, VERW. Whether it is present does not matter. */
enum emul_result emul_verify(struct emul *e, unsigned int write)
{
    struct emul_descriptor d = { 0 };
    uint16_t selector = 0, attr;
    bool found;
    const enum emul_result r = look_up(e, &d, &selector, &found);

    if (r != EMUL_OK)
        return r;
    attr = emul_descriptor_attr(&d);
    if (!found || !(attr & EMUL_ATTR_S) || !may_see(e, selector, attr))
        return answer(e, false);
    if (attr & EMUL_ATTR_CODE)
        return answer(e, !write && attr & EMUL_ATTR_WRITABLE);
    return answer(e, !write || attr & EMUL_ATTR_WRITABLE);
}

/* Types of system descriptors, as bits; LSL's have a limit. Long mode has fewer. */
static bool has_answer(const struct emul *e, uint16_t attr, bool limit)
{
    const unsigned int legacy = 1U << 1 | 1U << 3, gates = limit ? 0 : 1U << 4 | 1U << 5,
                       always = 1U << TYPE_LDT | 1U << 9 | 1U << 11 | (limit ? 0 : 1U << 12);
    const unsigned int types = e->efer & EFER_LMA ? always : always | legacy | gates;

    return attr & EMUL_ATTR_S || types >> (attr & EMUL_ATTR_TYPE) & 1;
}

enum emul_result emul_lar_lsl(struct emul *e, unsigned int limit)
{
    struct emul_descriptor d = { 0 };
    uint16_t selector = 0, attr;
    bool found;
    const enum emul_result r = look_up(e, &d, &selector, &found);

    if (r != EMUL_OK)
        return r;
    attr = emul_descriptor_attr(&d);
    if (!found || !has_answer(e, attr, limit) || !may_see(e, selector, attr))
        return answer(e, false);
    emul_write_reg(e, e->insn.reg, e->insn.opsize,
                   limit ? emul_unpack(&d, selector).limit : d.raw >> 32 & 0xffff00);
    return answer(e, true);
}

/* RPL is raised to the other's, and the operand not written if it is that already. */
enum emul_result emul_arpl(struct emul *e, unsigned int arg)
{
    const unsigned int want = e->next.gpr[e->insn.reg & 15] & 3;
    uint16_t selector = 0;
    enum emul_result r = emul_read_word(e, &selector);

    if (r != EMUL_OK)
        return r;
    if ((selector & 3U) >= want)
        return answer(e, false);
    selector = (uint16_t)((selector & ~3U) | want);
    if (e->insn.is_mem)
        r = emul_write(e, e->insn.segment, emul_effective_address(e), &selector, 2);
    else
        emul_write_reg(e, e->insn.rm, 2, selector);
    return r == EMUL_OK ? answer(e, true) : r;
}
