/* SPDX-License-Identifier: GPL-2.0-only */
/* The random instructions of emul_prot.c, their tables, and which of them the oracle can judge. */
#ifndef EMUL_PROT_CASES_H
#define EMUL_PROT_CASES_H

#include "../oracle/prot_case.h"
#include "emul_cases.h"

#define PORTS 0x200U /* of -M pc, with nothing behind them: 0x80 */
#define MAP_AT 104U  /* of the TSS's bitmap, which has a hole or two */
#define WHOLE (MAP_AT + (PORTS + 0x80) / 8)

enum { A = EMUL_ATTR_ACCESSED, W = EMUL_ATTR_WRITABLE, DOWN = EMUL_ATTR_DOWN, S = EMUL_ATTR_S,
       X = EMUL_ATTR_CODE, P = EMUL_ATTR_P, DB = EMUL_ATTR_DB, RING1 = 0x20, RING3 = 0x60 };

/* In the order of their selectors. */
enum { CODE0 = 5, DATA0, CODE3, DATA3, TSS, TSS_SHORT, TSS16, LDT, CODE16_0 = 18, CODE16_3 = 19 };
static const struct emul_segment gdt[] = {
    { 0 },
    { 0, 0xffffffff, 0, P | S | X | W | A | DB | EMUL_ATTR_G },
    { 0, 0xffffffff, 0, P | S | W | A | DB | EMUL_ATTR_G },
    { 0 },
    { 0 },
    [CODE0] = { REGION, 0xffff, 0, P | S | X | W | A | DB },
    [DATA0] = { REGION, 0xffff, 0, P | S | W | A | DB },
    [CODE3] = { REGION, 0xffff, 0, P | S | X | W | A | DB | RING3 },
    [DATA3] = { REGION, 0xffff, 0, P | S | W | A | DB | RING3 },
    [TSS] = { PROT_TSS, WHOLE, 0, P | 9 },
    [TSS_SHORT] = { PROT_TSS, MAP_AT + (PORTS + 0x40) / 8, 0, P | 9 },
    [TSS16] = { PROT_TSS16, 0x2b, 0, P | 1 },
    [LDT] = { PROT_LDT, 0x2f, 0, P | 2 },
    { REGION, 0xffff, 0, P | S | X | A | DOWN | W | DB },        /* conforming */
    { REGION, 0xffff, 0, S | X | A | W | DB },                   /* not there */
    { REGION, 0xffff, 0, P | S | X | A | DB },                   /* not readable */
    { REGION, 0xffff, 0, P | S | DB | RING3 },               /* read-only */
    { REGION, 0xffff, 0, S | W | DB | RING3 },
    [CODE16_0] = { REGION, 0xffff, 0, P | S | X | W | A },
    [CODE16_3] = { REGION, 0xffff, 0, P | S | X | W | A | RING3 },
    { REGION, 0xfff, 0, P | S | DOWN | W | DB | RING3 },
    { PROT_TSS, WHOLE, 0, P | 11 },                          /* busy */
    { 0, 0, 0, P | 14 },                                     /* a gate of interrupts */
    { PROT_LDT, 0x2f, 0, 2 },
    { PROT_TSS, WHOLE, 0, 9 },
    { REGION, 0xffff, 0, P | S | X | A | DOWN | W | DB | RING3 },
    { REGION, 0xffff, 0, P | S | W | DB | RING1 },
    { REGION, 0x1ffff, 0, P | S | X | A | W | DB | RING1 | EMUL_ATTR_G },
    { 0, 0, 0, P | 7 | RING3 },
};
static const struct emul_segment ldt[] = {
    { REGION, 0xffff, 0, P | S | W | DB | RING3 },
    { REGION, 0xffff, 0, P | S | X | A | W | DB | RING3 },
    { REGION, 0xffff, 0, P | S | W | DB }, { REGION, 0xffff, 0, P | S | X | A | W | DB },
    { REGION, 0xffff, 0, P | S | X | A | DB | RING3 }, { PROT_LDT, 0x2f, 0, P | 2 },
};
#define SEL(index, rpl) (uint16_t)((index) << 3 | (rpl))

static struct prot_file *file;

/* Those of the system first, more of them. */
static const struct form forms[] = {
    { 0x0f00, 0x0f00, 0 }, { 0x0f00, 0x0f00, 0 }, { 0x0f00, 0x0f00, 0 }, { 0x0f00, 0x0f00, 0 },
    { 0x0f01, 0x0f01, 0 }, { 0x0f01, 0x0f01, 0 }, { 0x0f01, 0x0f01, 0 }, { 0x0f01, 0x0f01, 0 },
    { 0x0f02, 0x0f03, 0 }, { 0x0f02, 0x0f03, 0 }, { 0x63, 0x63, 0 }, { 0x0f06, 0x0f06, 0 },
    { 0x0f08, 0x0f09, 0 }, { 0x0f20, 0x0f20, 0 }, { 0x0f22, 0x0f22, 0 }, { 0x0f20, 0x0f20, 0 },
    { 0x0f22, 0x0f22, 0 }, { 0x0f30, 0x0f30, 0 }, { 0x0f32, 0x0f32, 0 }, { 0xf4, 0xf4, 0 },
    { 0xfa, 0xfa, 0 }, { 0xe4, 0xe7, 0 }, { 0xec, 0xef, 0 }, { 0xec, 0xef, 0 }, { 0x6c, 0x6f, 0 },
    { 0x6c, 0x6f, 0 }, { 0x9a, 0x9a, 0 }, { 0xea, 0xea, 0 }, { 0xff, 0xff, 0 }, { 0xff, 0xff, 0 },
    { 0xca, 0xcb, 0 }, { 0xca, 0xcb, 0 }, { 0x06, 0x07, 0 }, { 0x0e, 0x0e, 0 }, { 0x1e, 0x1f, 0 },
    { 0x0fa0, 0x0fa1, 0 }, { 0x0fa8, 0x0fa9, 0 }, { 0x8c, 0x8c, 0 }, { 0x8e, 0x8e, 0 },
    { 0xc4, 0xc5, 0 }, { 0x0fb4, 0x0fb5, 0 }, { 0x9c, 0x9d, 0 }, { 0x9c, 0x9d, 0 },
    { 0x60, 0x61, 0 }, { 0x88, 0x8b, 0 },
};

/* --- the region ------------------------------------------------------------------------------- */

static uint64_t pack(const struct emul_segment *s)
{
    const uint64_t limit = s->attr & EMUL_ATTR_G ? s->limit >> 12 : s->limit;

    return (limit & 0xffff) | (s->base & 0xffffff) << 16 | (uint64_t)(s->attr & 0xff) << 40 |
           (limit & 0xf0000) << 32 | (uint64_t)(s->attr >> 8) << 52 | (s->base >> 24 & 0xff) << 56;
}

static void put(uint32_t linear, const void *what, unsigned int size)
{
    memcpy(&file->region[linear - REGION], what, size);
}

static void make_tables(void)
{
    const uint32_t esp0 = PROT_STACK;
    const uint16_t ss0 = PROT_KERNEL_DATA, map = MAP_AT;

    memset(&file->region[PROT_TABLES], 0, REGION_SIZE - PROT_TABLES);
    for (unsigned int i = 0; i < ARRAY_SIZE(gdt); i++) {
        const uint64_t raw = pack(&gdt[i]);

        put(PROT_GDT + 8 * i, &raw, 8);
        put(PROT_GDT2 + 8 * i, &raw, 8);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(ldt); i++) {
        const uint64_t raw = pack(&ldt[i]);

        put(PROT_LDT + 8 * i, &raw, 8);
    }
    put(PROT_TSS + 4, &esp0, 4);
    put(PROT_TSS + 8, &ss0, 2);
    put(PROT_TSS + 102, &map, 2);
    put(PROT_TSS16 + 2, &esp0, 2);
    put(PROT_TSS16 + 4, &ss0, 2);
    memset(&file->region[PROT_TSS - REGION + MAP_AT], 0xff, PORTS / 8);
    for (unsigned int i = 0; i < 16; i++) /* 0x200 to 0x27f, half of them allowed in runs */
        file->region[PROT_TSS - REGION + MAP_AT + PORTS / 8 + i] = (uint8_t)(i & 1 ? 0x3c : 0x80);
}

/* --- a case ----------------------------------------------------------------------------------- */

static uint16_t some_selector(void)
{
    const uint64_t r = rnd();

    if (!(r & 0x700))
        return (uint16_t)(r >> 32 & 0xff);
    if (!(r & 0x3000))
        return SEL(r >> 32 & 7, 4 | (r >> 40 & 3));
    return SEL((r >> 32) % ARRAY_SIZE(gdt), r & 0x4000 ? r >> 40 & 3 : 0);
}

static bool is_group7(const struct insn *i) { return i->map == MAP_0F && i->opcode == 0x01; }

/* What would end the oracle, what it does in its own way, what is the owner's to judge. */
static bool usable(const struct insn *i, unsigned int cpl)
{
    const unsigned int reg = i->reg & 7;

    if (i->is_mem && i->segment == INSN_CS)
        return false; /* it would be written */
    if (i->map == MAP_ONE)
        switch (i->opcode) {
        case 0x8e: return reg != INSN_SS;
        case 0xca: return i->imm < 0x8000; /* it adds them as signed ones */
        case 0xf4: return cpl;
        case 0xff: return reg == 3 || reg == 5;
        default: return true;
        }
    switch (i->opcode) {
    case 0x01: return i->is_mem ? reg != 5 : reg == 4 || reg == 6;
    case 0x08: return cpl;
    case 0x20:
    case 0x22: return !cpl || reg == 0 || (reg >= 2 && reg <= 4); /* #UD comes first on AMD's */
    case 0x30: return cpl;
    case 0x32: return cpl;
    default: return true;
    }
}

static unsigned int immediate_at(const struct insn *i, unsigned int size)
{
    return i->length - size;
}

/* A value for a control register that leaves the oracle where it is. */
static void control_value(struct prot_case *c, const struct insn *i)
{
    const uint32_t r = (uint32_t)rnd();
    uint32_t *val = &c->gpr[i->rm & 7];

    if (i->map == MAP_0F && i->opcode == 0x22)
        switch (i->reg & 7) {
        case 0: *val = 0x11 | (r & 0x5002e); break;
        case 3: *val = r & 0xfffff000; break;
        case 4: *val = r & 0x8fc; break; /* TSD to PGE, UMIP; no PAE */
        }
    if (i->map == MAP_0F && i->opcode == 0x22 && (i->reg & 7) == 4)
        *val &= ~0x20U;
    if (is_group7(i) && (i->reg & 7) == 6 && !i->is_mem)
        *val |= r & 1; /* PE stays, whatever it says */
}

/* Memory that is used gets an address, and what is looked for there. */
static void make_operand(struct prot_case *c, const struct insn *i, uint32_t at)
{
    const uint16_t sel = some_selector();
    const uint32_t offset = (uint32_t)rnd() & 0xffff; /* QEMU has its own faults beyond a limit */
    const bool far = i->map == MAP_ONE ? i->opcode == 0xff || (i->opcode & 0xfe) == 0xc4
                                       : (i->opcode & 0xfe) == 0xb4;
    uint16_t limit = (uint16_t)(0x3ff + (rnd() & 0x3fff));
    uint32_t base = rnd() & 1 ? PROT_GDT2 : PROT_GDT;

    c->patch_at = REGION + at;
    for (unsigned int n = 0; n < sizeof(c->patch); n++)
        c->patch[n] = (uint8_t)rnd();
    if (is_group7(i) && (i->reg & 6) == 2) {
        if (i->reg & 1) {
            limit |= 0x7ff;
            base = rnd() & 1 ? PROT_IDT2 : PROT_IDT;
        }
        if (i->opsize == 2) /* the last byte does not count */
            base |= (uint32_t)rnd() & 0xff000000;
        memcpy(c->patch, &limit, 2);
        memcpy(c->patch + 2, &base, 4);
    } else if (far) {
        memcpy(c->patch, &offset, 4);
        memcpy(c->patch + i->opsize, &sel, 2);
    } else {
        memcpy(c->patch, &sel, 2);
    }
}

/* The stack has a far pointer, or a selector. */
static void make_stack(struct prot_case *c, const struct insn *i)
{
    const bool far = (i->opcode & 0xfe) == 0xca;
    const uint16_t sel = some_selector();
    const uint32_t offset = (uint32_t)rnd() & 0xffff;

    if (i->map == MAP_ONE && (i->opcode & 0xfe) == 0x9c) { /* POPF: not VM, AC */
        memcpy(c->patch, &(uint32_t){ (uint32_t)rnd() & 0xfd7fff }, 4);
        c->patch[2] &= 0xf9;
    } else {
        memcpy(c->patch, &offset, 4);
        memcpy(c->patch + (far ? i->opsize : 0), &sel, 2);
    }
    c->patch_at = REGION + c->gpr[4];
}

static bool pops(const struct insn *i)
{
    static const uint8_t one[] = { 0x07, 0x1f, 0x9d, 0xca, 0xcb };

    if (i->map == MAP_0F)
        return (i->opcode & 0xf7) == 0xa1;
    return memchr(one, i->opcode, sizeof(one)) != NULL;
}

/* False: memory beyond what the oracle has; it looks at no limits. */
static bool make_registers(struct prot_case *c, const struct insn *i)
{
    uint32_t at = 0x100 + (uint32_t)(rnd() % 0xf000), address = (uint32_t)i->disp;

    for (unsigned int n = 0; n < 8; n++)
        c->gpr[n] = rnd() & 3 ? some_selector() | ((uint32_t)rnd() << 16) : (uint32_t)value();
    c->gpr[2] = PORTS + (rnd() & 0x7f);
    c->gpr[4] = 0x400 + ((uint32_t)rnd() & 0xf7fc);
    c->gpr[1] = (rnd() & 3) | (i->adsize == 2 ? (uint32_t)rnd() << 16 : 0);
    if ((i->opcode & 0xfc) == 0x6c && i->map == MAP_ONE)
        c->gpr[6] = c->gpr[7] = at;
    control_value(c, i);
    if (i->is_mem && i->base != INSN_NO_REG && i->base != 4) {
        if (i->index != INSN_NO_REG && i->index != i->base && i->index != 4)
            c->gpr[i->index] &= 0xff;
        if (i->index != INSN_NO_REG)
            address += c->gpr[i->index] * i->scale;
        c->gpr[i->base] = at - address;
    } else if (i->is_mem) {
        at = (uint32_t)i->disp + (i->base == 4 ? c->gpr[4] : 0);
        if (i->index != INSN_NO_REG)
            at += c->gpr[i->index] * i->scale;
    }
    if (i->is_mem && i->index != INSN_NO_REG && i->index == i->base)
        at = c->gpr[i->base] * (1U + i->scale) + (uint32_t)i->disp;
    if (i->adsize == 2)
        at &= 0xffff;
    if (pops(i))
        make_stack(c, i);
    else if (i->is_mem && at < 0xff00)
        make_operand(c, i, at);
    else
        c->patch_at = REGION; /* zeros, in a place like others */
    return c->gpr[4] >= 0x400 && c->gpr[4] < 0xfc00 && (!i->is_mem || at < 0xff00);
}

static void make_far_pointer(struct prot_case *c, const struct insn *i)
{
    const uint16_t sel = some_selector();
    const uint32_t offset = (uint32_t)rnd() & 0xffff;

    if (i->map != MAP_ONE || (i->opcode != 0x9a && i->opcode != 0xea))
        return;
    memcpy(c->code + immediate_at(i, 2), &sel, 2);
    memcpy(c->code + immediate_at(i, 2 + i->opsize), &offset, i->opsize);
}

/* False: not one for the oracle. */
static bool make_case(struct prot_case *c, const struct form *f)
{
    static const uint16_t tasks[] = { TSS, TSS, TSS, TSS_SHORT, TSS16 };
    const unsigned int cpl = rnd() & 1 ? 3 : 0;
    const bool narrow = !(rnd() & 3);
    const uint16_t code = cpl ? narrow ? CODE16_3 : CODE3 : narrow ? CODE16_0 : CODE0;
    struct insn i;

    *c = (struct prot_case){ .tr = SEL(tasks[rnd() % ARRAY_SIZE(tasks)], 0), .ldtr = SEL(LDT, 0) };
    make_bytes(c->code, pick_opcode(f));
    if (insn_decode(&i, c->code, 15, narrow ? INSN_PROT16 : INSN_PROT32, true) != INSN_DECODED ||
        i.encoding != INSN_LEGACY || i.lock || !usable(&i, cpl))
        return false;
    for (unsigned int n = 0; n < 6; n++)
        c->seg[n] = SEL(cpl ? DATA3 : DATA0, cpl);
    c->seg[INSN_CS] = SEL(code, cpl);
    c->eip = 0x100 + (uint32_t)(rnd() % 0xf000);
    c->eflags = 2 | FLAG_TF | ((uint32_t)rnd() & (ARITH | 0x400 | 0x3000 | 0x200));
    c->cr0 = (uint32_t)rnd() & 0xe; /* MP, EM, TS */
    c->cr4 = (uint32_t)rnd() & 0x804;
    if (!make_registers(c, &i))
        return false;
    make_far_pointer(c, &i);
    return c->eip - (c->gpr[4] - 160) > 200 && c->patch_at - REGION - (c->eip - 16) > 40 &&
           c->patch_at - REGION - (c->gpr[4] - 192) > 188;
}

#endif
