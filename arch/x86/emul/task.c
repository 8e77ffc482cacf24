/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Task switches: AMD APM vol. 2 §12.2 "Task-Management Resources", §12.3 "Hardware
 * Task-Management in Legacy Mode"; Intel SDM vol. 3, "Task Switching", for the order of checks.
 *
 * First everything of the old task is checked, then both TSSs and descriptors are written. From
 * there on the new task runs, and what is wrong with its segments are its own faults.
 */
#include <arch/emul_task.h>

#include "priv.h"

#define TSS_BUSY 2U         /* of a descriptor's type */
#define TSS_WIDE 8U
#define TSS32_BYTES 104U
#define NR_SEGMENTS 6U
#define NO_FIELD 0xffU
#define EFLAGS_FIXED 2U

/* Where things are; the general registers and the segments (by enum insn_segment) in a row. */
struct layout {
    uint8_t size, word;     /* bytes; of a field */
    uint8_t cr3, rip, rflags, gpr, seg, ldt, trap;
};

static const struct layout layout16 = { 44, 2, NO_FIELD, 0x0e, 0x10, 0x12, 0x22, 0x2a, NO_FIELD };
static const struct layout layout32 = { TSS32_BYTES, 4, 0x1c, 0x20, 0x24, 0x28, 0x48, 0x60, 0x64 };

struct tss {
    const struct layout *l;
    uint8_t image[TSS32_BYTES];
};

static const struct layout *layout_of(uint16_t attr)
{
    return attr & TSS_WIDE ? &layout32 : &layout16;
}

/* A 16-bit TSS has no FS and GS. */
static unsigned int nr_segments(const struct layout *l)
{
    return l == &layout32 ? NR_SEGMENTS : INSN_FS;
}

static uint32_t get(const struct tss *t, unsigned int at, unsigned int i)
{
    uint32_t val = 0;

    __builtin_memcpy(&val, &t->image[at + i * t->l->word], t->l->word);
    return val;
}

/* Selectors are the low halves of their fields: what is above stays as it is. */
static void put(struct tss *t, unsigned int at, unsigned int i, uint64_t val, unsigned int size)
{
    __builtin_memcpy(&t->image[at + i * t->l->word], &val, size);
}

/* --- memory: the kernel's tables, in pieces that a callback takes ----------------------------- */

static enum emul_result move_tss(struct emul *e, uint64_t base, struct tss *t, unsigned int from,
                                 unsigned int to, bool write)
{
    enum emul_result r = EMUL_OK;

    for (unsigned int at = from; at < to && r == EMUL_OK; at += 32) {
        const unsigned int n = MIN(to - at, 32U);
        const uint64_t linear = (uint32_t)(base + at);

        r = write ? e->ops->write(e, linear, &t->image[at], n, EMUL_SYSTEM)
                  : e->ops->read(e, linear, &t->image[at], n, EMUL_SYSTEM);
    }
    return r;
}

static enum emul_result probe(struct emul *e, uint64_t base, unsigned int from, unsigned int to)
{
    enum emul_result r = EMUL_OK;

    for (unsigned int at = from; at < to && r == EMUL_OK; at += 32)
        r = e->ops->probe_write(e, (uint32_t)(base + at), MIN(to - at, 32U), EMUL_SYSTEM);
    return r;
}

/* Where the type of a TSS's descriptor is, with its busy bit. */
static uint64_t type_at(const struct emul *e, uint16_t selector)
{
    return (uint32_t)(e->state.gdtr.base + (selector & 0xfff8U) + 5);
}

static enum emul_result set_busy(struct emul *e, uint16_t selector, bool busy)
{
    const uint64_t at = type_at(e, selector);
    uint8_t access;
    enum emul_result r = e->ops->read(e, at, &access, 1, EMUL_SYSTEM);

    if (r != EMUL_OK)
        return r;
    access = (uint8_t)(busy ? access | TSS_BUSY : access & ~TSS_BUSY);
    return e->ops->write(e, at, &access, 1, EMUL_SYSTEM);
}

/* --- the old task ----------------------------------------------------------------------------- */

/* The new TSS's descriptor: what a jump to it, or IRET, finds wrong. */
static enum emul_result find_tss(struct emul *e, const struct emul_task *t, struct emul_segment *s)
{
    const bool back = t->how == EMUL_TASK_IRET;
    const uint32_t error = t->selector & 0xfffcU;
    enum emul_result r;

    if (t->selector & 4 || !(t->selector & 0xfffc) || (t->selector | 7U) > e->state.gdtr.limit)
        return emul_raise(e, back ? TRAP_TS : TRAP_GP, error);
    r = emul_read_segment(e, t->selector, s);
    if (r != EMUL_OK)
        return r;
    if (s->attr & EMUL_ATTR_S || (s->attr & 5) != 1 || !(s->attr & TSS_BUSY) == back)
        return emul_raise(e, back ? TRAP_TS : TRAP_GP, error);
    if (!(s->attr & EMUL_ATTR_P))
        return emul_raise(e, TRAP_NP, error);
    if (s->limit < layout_of(s->attr)->size - 1U)
        return emul_raise(e, TRAP_TS, error);
    return EMUL_OK;
}

/* From EIP to the last segment: the rest of a TSS is not written. */
static void save_old(const struct emul *e, const struct emul_task *t, struct tss *old)
{
    const struct emul_state *s = &e->state;
    const struct layout *l = old->l;
    uint64_t rflags = s->rflags & ~X86_EFLAGS_RF;

    if (t->rf)
        rflags |= X86_EFLAGS_RF;
    if (t->how == EMUL_TASK_IRET)
        rflags &= ~X86_EFLAGS_NT;
    put(old, l->rip, 0, t->next_rip, l->word);
    put(old, l->rflags, 0, rflags, l->word);
    for (unsigned int i = 0; i < 8; i++)
        put(old, l->gpr, i, s->gpr[i], l->word);
    for (unsigned int i = 0; i < nr_segments(l); i++)
        put(old, l->seg, i, s->seg[i].selector, 2);
}

/* All that can be refused has been: both tasks' states and descriptors. */
static enum emul_result write_tables(struct emul *e, struct emul_task *t, struct tss *old,
                                     struct tss *new, const struct emul_segment *tr)
{
    const struct layout *l = old->l;
    const unsigned int end = l->seg + nr_segments(l) * l->word;
    enum emul_result r = move_tss(e, e->state.tr.base, old, l->rip, end, true);

    if (r == EMUL_OK && t->how != EMUL_TASK_CALL)
        r = set_busy(e, e->state.tr.selector, false);
    if (r == EMUL_OK && t->how != EMUL_TASK_IRET)
        r = set_busy(e, t->selector, true);
    if (r != EMUL_OK || t->how != EMUL_TASK_CALL)
        return r;
    put(new, 0, 0, e->state.tr.selector, 2); /* the way back */
    return move_tss(e, tr->base, new, 0, 2, true);
}

/* --- the new task ----------------------------------------------------------------------------- */

/* Its registers. Segments have their selectors, and nothing that can be used yet. */
static enum emul_result load_new(struct emul *e, struct emul_task *t, const struct tss *new)
{
    const struct layout *l = new->l;
    struct emul_state *s = &e->state;
    enum emul_result r = EMUL_OK;

    if (l->cr3 != NO_FIELD && e->cr0 & X86_CR0_PG)
        r = e->ops->write_cr(e, 3, get(new, l->cr3, 0));
    if (r == EMUL_OK)
        r = e->ops->write_cr(e, 0, e->cr0 | X86_CR0_TS);
    if (r != EMUL_OK)
        return r;
    s->rip = get(new, l->rip, 0);
    s->rflags = get(new, l->rflags, 0) | EFLAGS_FIXED;
    if (t->how == EMUL_TASK_CALL)
        s->rflags |= X86_EFLAGS_NT;
    for (unsigned int i = 0; i < 8; i++)
        s->gpr[i] = get(new, l->gpr, i);
    for (unsigned int i = 0; i < NR_SEGMENTS; i++)
        s->seg[i] = (struct emul_segment){
            .selector = i < nr_segments(l) ? (uint16_t)get(new, l->seg, i) : 0
        };
    s->ldtr = (struct emul_segment){ .selector = (uint16_t)get(new, l->ldt, 0) };
    s->cpl = s->rflags & X86_EFLAGS_VM ? 3 : s->seg[INSN_CS].selector & 3;
    t->trap = l->trap != NO_FIELD && new->image[l->trap] & 1;
    e->next = *s;
    return r;
}

static void load_v86(struct emul *e)
{
    for (unsigned int i = 0; i < NR_SEGMENTS; i++) {
        const uint16_t selector = e->state.seg[i].selector;

        e->state.seg[i] = (struct emul_segment){
            .base = (uint32_t)selector << 4, .limit = 0xffff, .selector = selector,
            .attr = EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_DPL | EMUL_ATTR_WRITABLE |
                    EMUL_ATTR_ACCESSED | (i == INSN_CS ? EMUL_ATTR_CODE : 0),
        };
    }
    e->next = e->state;
}

/* The code segment says which privilege the others need. */
static enum emul_result load_segments(struct emul *e)
{
    static const uint8_t order[NR_SEGMENTS] = { INSN_CS, INSN_SS, INSN_DS, INSN_ES, INSN_FS,
                                                INSN_GS };
    enum emul_result r = emul_load_task_ldt(e, e->state.ldtr.selector);

    if (r == EMUL_OK && e->state.rflags & X86_EFLAGS_VM) {
        load_v86(e);
        return r;
    }
    for (unsigned int i = 0; i < NR_SEGMENTS && r == EMUL_OK; i++) {
        r = emul_load_task_segment(e, order[i], e->state.seg[order[i]].selector);
        e->state = e->next; /* loaded ones stay, whatever comes after */
    }
    return r;
}

/* Its first instruction can be fetched, and an error code is on its stack. */
static enum emul_result start_new(struct emul *e, const struct emul_task *t, unsigned int word)
{
    enum emul_result r = load_segments(e);

    if (r == EMUL_OK)
        r = emul_jump(e, e->state.rip);
    if (r == EMUL_OK && t->has_error)
        r = emul_push(e, t->error, word);
    if (r == EMUL_OK)
        e->state = e->next;
    return r;
}

/* Both TSSs, after all that may fault was tried. */
static enum emul_result read_both(struct emul *e, const struct emul_task *t, struct tss *old,
                                  struct tss *new, uint64_t new_base)
{
    enum emul_result r = probe(e, e->state.tr.base, 0, old->l->size);

    if (r == EMUL_OK)
        r = probe(e, new_base, 0, 2);
    if (r == EMUL_OK)
        r = probe(e, type_at(e, t->selector), 0, 1);
    if (r == EMUL_OK)
        r = probe(e, type_at(e, e->state.tr.selector), 0, 1);
    if (r == EMUL_OK)
        r = move_tss(e, e->state.tr.base, old, 0, old->l->size, false);
    return r == EMUL_OK ? move_tss(e, new_base, new, 0, new->l->size, false) : r;
}

enum emul_result emul_task_switch(struct emul *e, struct emul_task *t)
{
    struct tss old = { .l = layout_of(e->state.tr.attr) }, new = { 0 };
    struct emul_segment tr = { 0 };
    enum emul_result r;

    emul_cancel(e);
    e->next = e->state;
    e->at_access = e->at_word = 0;
    e->insn.mode = INSN_PROT32; /* none of it is 64-bit code's */
    t->switched = t->trap = false;
    r = find_tss(e, t, &tr);
    if (r != EMUL_OK)
        return r;
    new.l = layout_of(tr.attr);
    if (e->state.tr.limit < old.l->size - 1U)
        return emul_raise(e, TRAP_TS, e->state.tr.selector & 0xfffcU);
    r = read_both(e, t, &old, &new, tr.base);
    if (r != EMUL_OK)
        return r;
    save_old(e, t, &old);
    r = write_tables(e, t, &old, &new, &tr);
    if (r == EMUL_OK)
        r = load_new(e, t, &new);
    if (r != EMUL_OK)
        return r;
    tr.attr |= TSS_BUSY;
    e->state.tr = e->next.tr = tr;
    t->switched = true;
    return start_new(e, t, new.l->word);
}
