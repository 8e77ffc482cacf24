/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading segment registers. In real mode a base is computed and limit and attributes stay what
 * they are, which is all that big real mode needs. In protected mode descriptors are read from GDT
 * and LDT and checked. AMD APM vol. 2 §4.5.1 "Segment Registers", §4.7 "Legacy Segment
 * Descriptors", §8.2 for the faults.
 */
#include "priv.h"

enum emul_result emul_selector_fault(struct emul *e, unsigned int vector, uint16_t selector)
{
    return emul_raise(e, vector, selector & 0xfffcU);
}

static void real_segment(struct emul *e, unsigned int seg, uint16_t selector)
{
    e->next.seg[seg].selector = selector;
    e->next.seg[seg].base = (uint64_t)selector << 4;
    if (e->state.rflags & X86_EFLAGS_VM)
        e->next.seg[seg].limit = 0xffff;
}

enum emul_result emul_read_descriptor(struct emul *e, uint16_t selector,
                                      struct emul_descriptor *d)
{
    const struct emul_segment *ldt = &e->state.ldtr;
    const bool local = selector & 4;
    const uint32_t limit = local ? ldt->limit : e->state.gdtr.limit;
    const uint64_t base = local ? ldt->base : e->state.gdtr.base;

    if ((local && !(ldt->attr & EMUL_ATTR_P)) || (selector | 7U) > limit)
        return emul_selector_fault(e, TRAP_GP, selector);
    d->linear = base + (selector & 0xfff8U);
    if (!(e->efer & EFER_LMA))
        d->linear = (uint32_t)d->linear;
    return emul_read_linear(e, d->linear, &d->raw, 8, EMUL_SYSTEM);
}

struct emul_segment emul_unpack(const struct emul_descriptor *d, uint16_t selector)
{
    const uint16_t attr = emul_descriptor_attr(d);
    const uint32_t limit = (uint32_t)((d->raw & 0xffff) | (d->raw >> 32 & 0xf0000));

    return (struct emul_segment){
        .base = (d->raw >> 16 & 0xffffff) | (d->raw >> 32 & 0xff000000),
        .limit = attr & EMUL_ATTR_G ? limit << 12 | 0xfff : limit,
        .selector = selector,
        .attr = attr,
    };
}

/* Sets the accessed bit, in the table and in what is cached. */
static enum emul_result mark_accessed(struct emul *e, struct emul_descriptor *d)
{
    const uint64_t bit = 1ULL << 40;
    uint8_t access;

    if (d->raw & bit)
        return EMUL_OK;
    d->raw |= bit;
    access = (uint8_t)(d->raw >> 40);
    return emul_write_linear(e, d->linear + 5, &access, 1, EMUL_SYSTEM);
}

/* Refused: the vector to raise; 0: fine. */
static unsigned int check_stack(const struct emul *e, uint16_t selector, uint16_t attr)
{
    const uint16_t kind = attr & (EMUL_ATTR_S | EMUL_ATTR_CODE | EMUL_ATTR_WRITABLE);

    if ((selector & 3) != e->state.cpl || emul_dpl(attr) != e->state.cpl ||
        kind != (EMUL_ATTR_S | EMUL_ATTR_WRITABLE))
        return TRAP_GP;
    return attr & EMUL_ATTR_P ? 0 : TRAP_SS;
}

static unsigned int check_data(const struct emul *e, uint16_t selector, uint16_t attr)
{
    const uint16_t code = EMUL_ATTR_CODE | EMUL_ATTR_DOWN;
    const bool conforming = (attr & code) == code;
    const unsigned int rpl = selector & 3;

    if (!(attr & EMUL_ATTR_S) ||
        (attr & (EMUL_ATTR_CODE | EMUL_ATTR_WRITABLE)) == EMUL_ATTR_CODE)
        return TRAP_GP;
    if (!conforming && (rpl > emul_dpl(attr) || e->state.cpl > emul_dpl(attr)))
        return TRAP_GP;
    return attr & EMUL_ATTR_P ? 0 : TRAP_NP;
}

/* A null selector makes a segment unusable; the stack's only in 64-bit code outside ring 3. */
static enum emul_result load_null(struct emul *e, unsigned int seg, uint16_t selector)
{
    const bool stack = seg == INSN_SS;

    if (stack && (!emul_long64(e) || e->state.cpl == 3 || (selector & 3) != e->state.cpl))
        return emul_raise(e, TRAP_GP, 0);
    e->next.seg[seg] = (struct emul_segment){ .selector = selector };
    if (stack)
        e->next.seg[seg].attr = (uint16_t)(e->state.cpl << 5);
    return EMUL_OK;
}

enum emul_result emul_load_segment(struct emul *e, unsigned int seg, uint16_t selector)
{
    struct emul_descriptor d = { 0 };
    unsigned int vector;
    enum emul_result r;

    if (!emul_protected(e)) {
        real_segment(e, seg, selector);
        return EMUL_OK;
    }
    if (!(selector & 0xfffc))
        return load_null(e, seg, selector);
    r = emul_read_descriptor(e, selector, &d);
    if (r != EMUL_OK)
        return r;
    vector = seg == INSN_SS ? check_stack(e, selector, emul_descriptor_attr(&d))
                            : check_data(e, selector, emul_descriptor_attr(&d));
    if (vector)
        return emul_selector_fault(e, vector, selector);
    r = mark_accessed(e, &d);
    if (r == EMUL_OK)
        e->next.seg[seg] = emul_unpack(&d, selector);
    return r;
}

static unsigned int check_code(const struct emul *e, uint16_t selector, uint16_t attr,
                               bool far_return)
{
    const bool conforming = attr & EMUL_ATTR_DOWN;
    const unsigned int rpl = selector & 3, cpl = e->state.cpl;
    const uint16_t both = EMUL_ATTR_L | EMUL_ATTR_DB;

    if (!(attr & EMUL_ATTR_S) || !(attr & EMUL_ATTR_CODE) || (far_return && rpl < cpl))
        return TRAP_GP;
    if (conforming ? emul_dpl(attr) > cpl : emul_dpl(attr) != cpl || rpl > cpl)
        return TRAP_GP;
    if (e->efer & EFER_LMA && (attr & both) == both)
        return TRAP_GP;
    return attr & EMUL_ATTR_P ? 0 : TRAP_NP;
}

/* What a jump or a call may go through, by type: TSSs, call and task gates. Long mode has less. */
static bool is_way(const struct emul *e, uint16_t attr)
{
    const unsigned int legacy = 1U << 1 | 1U << 4 | 1U << 5 | 1U << 9, types = 1U << 12;

    return !(attr & EMUL_ATTR_S) &&
           (e->efer & EFER_LMA ? types : types | legacy) >> (attr & EMUL_ATTR_TYPE) & 1;
}

/* To code of the same privilege. Gates, tasks and outer rings: EMUL_UNHANDLED. */
enum emul_result emul_load_code_segment(struct emul *e, uint16_t selector, bool far_return)
{
    struct emul_descriptor d = { 0 };
    unsigned int vector;
    enum emul_result r;

    if (!emul_protected(e)) {
        real_segment(e, INSN_CS, selector);
        return EMUL_OK;
    }
    if (!(selector & 0xfffc))
        return emul_raise(e, TRAP_GP, 0);
    if (far_return && (selector & 3) > e->state.cpl)
        return EMUL_UNHANDLED;
    r = emul_read_descriptor(e, selector, &d);
    if (r != EMUL_OK)
        return r;
    if (!far_return && is_way(e, emul_descriptor_attr(&d)))
        return EMUL_UNHANDLED;
    vector = check_code(e, selector, emul_descriptor_attr(&d), far_return);
    if (vector)
        return emul_selector_fault(e, vector, selector);
    r = mark_accessed(e, &d);
    if (r != EMUL_OK)
        return r;
    e->next.seg[INSN_CS] = emul_unpack(&d, (uint16_t)((selector & 0xfffc) | e->state.cpl));
    return EMUL_OK;
}

/* --- for task switches ------------------------------------------------------------------------ */

enum emul_result emul_read_segment(struct emul *e, uint16_t selector, struct emul_segment *s)
{
    struct emul_descriptor d = { 0 };
    const enum emul_result r = emul_read_descriptor(e, selector, &d);

    if (r == EMUL_OK)
        *s = emul_unpack(&d, selector);
    return r;
}

/* What else would be a general protection fault. */
static enum emul_result task_fault(struct emul *e, unsigned int vector, uint16_t selector)
{
    return emul_selector_fault(e, vector == TRAP_GP ? TRAP_TS : vector, selector);
}

/* RPL is the new privilege; a conforming segment may be of a more privileged one. */
static unsigned int check_task_code(uint16_t selector, uint16_t attr)
{
    const unsigned int rpl = selector & 3;

    if ((attr & (EMUL_ATTR_S | EMUL_ATTR_CODE)) != (EMUL_ATTR_S | EMUL_ATTR_CODE))
        return TRAP_GP;
    if (attr & EMUL_ATTR_DOWN ? emul_dpl(attr) > rpl : emul_dpl(attr) != rpl)
        return TRAP_GP;
    return attr & EMUL_ATTR_P ? 0 : TRAP_NP;
}

enum emul_result emul_load_task_segment(struct emul *e, unsigned int seg, uint16_t selector)
{
    const bool must = seg == INSN_CS || seg == INSN_SS;
    struct emul_descriptor d = { 0 };
    unsigned int vector;
    enum emul_result r;

    if (!(selector & 0xfffc))
        return must ? task_fault(e, TRAP_TS, selector) : load_null(e, seg, selector);
    r = emul_read_descriptor(e, selector, &d);
    if (r == EMUL_FAULT && e->fault.vector == TRAP_GP)
        return task_fault(e, TRAP_TS, selector);
    if (r != EMUL_OK)
        return r;
    vector = seg == INSN_CS   ? check_task_code(selector, emul_descriptor_attr(&d))
             : seg == INSN_SS ? check_stack(e, selector, emul_descriptor_attr(&d))
                              : check_data(e, selector, emul_descriptor_attr(&d));
    if (vector)
        return task_fault(e, vector, selector);
    r = mark_accessed(e, &d);
    if (r == EMUL_OK)
        e->next.seg[seg] = emul_unpack(&d, selector);
    return r;
}

enum emul_result emul_load_task_ldt(struct emul *e, uint16_t selector)
{
    struct emul_segment s = { .selector = selector };
    enum emul_result r = EMUL_OK;

    if (selector & 0xfffc) {
        if (selector & 4)
            return task_fault(e, TRAP_TS, selector);
        r = emul_read_segment(e, selector, &s);
        if (r == EMUL_FAULT && e->fault.vector == TRAP_GP)
            return task_fault(e, TRAP_TS, selector);
        if (r == EMUL_OK && (!(s.attr & EMUL_ATTR_P) ||
                             (s.attr & (EMUL_ATTR_S | EMUL_ATTR_TYPE)) != 2))
            return task_fault(e, TRAP_TS, selector);
    }
    if (r == EMUL_OK)
        e->state.ldtr = e->next.ldtr = s;
    return r;
}

enum emul_result emul_mov_from_seg(struct emul *e, unsigned int arg)
{
    const unsigned int seg = e->insn.reg & 7;

    if (seg > INSN_GS)
        return emul_raise(e, TRAP_UD, 0);
    e->dst.val = e->next.seg[seg].selector;
    if (e->insn.is_mem)
        e->dst.size = 2;
    return EMUL_OK;
}

enum emul_result emul_mov_to_seg(struct emul *e, unsigned int arg)
{
    const unsigned int seg = e->insn.reg & 7;
    uint16_t selector = 0;
    enum emul_result r;

    if (seg > INSN_GS || seg == INSN_CS)
        return emul_raise(e, TRAP_UD, 0); /* before the operand is looked at */
    r = emul_read_word(e, &selector);
    if (r == EMUL_OK)
        r = emul_load_segment(e, seg, selector);
    e->shadow_ss = r == EMUL_OK && seg == INSN_SS;
    return r;
}
