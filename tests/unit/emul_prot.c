/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c */
/*
 * What the system's instructions do in protected mode, in ring 0 and ring 3: random ones in the
 * emulator, and on a processor of QEMU's (tests/oracle). Registers, flags, segments, tables,
 * control registers, memory, and the exception with its error code are compared. Cases that the
 * emulator leaves to the hardware, or that leave the oracle's memory, are not asked.
 */
#define _GNU_SOURCE
#include "check.h"

#include "emul_oracle.h"
#include "emul_prot_cases.h"

#define ROUNDS 60U /* of each form; EMUL_PROT_ROUNDS=N for more */
#define KERNEL_CR0 0x11U
#define RF 0x10000U

static uint32_t cr2, cr3;

/* Nothing is behind the ports; others are not for the oracle. */
static enum emul_result on_port(uint16_t port, unsigned int size)
{
    outside |= port < PORTS || port + size > PORTS + 0x80;
    return EMUL_OK;
}

static enum emul_result on_in(struct emul *e, uint16_t port, unsigned int size, uint32_t *val)
{
    *val = 0;
    outside = true; /* what is read there is QEMU's affair; refusals come before this */
    return EMUL_OK;
}

static enum emul_result on_out(struct emul *e, uint16_t port, unsigned int size, uint32_t val)
{
    return on_port(port, size);
}

static enum emul_result on_read_cr(struct emul *e, unsigned int nr, uint64_t *val)
{
    *val = nr == 0 ? e->cr0 : nr == 2 ? cr2 : nr == 3 ? cr3 : nr == 4 ? e->cr4 : 0;
    outside |= nr == 8;
    return EMUL_OK;
}

static enum emul_result on_write_cr(struct emul *e, unsigned int nr, uint64_t val)
{
    if (nr == 0)
        e->cr0 = val;
    else if (nr == 2)
        cr2 = (uint32_t)val;
    else if (nr == 3)
        cr3 = (uint32_t)val;
    else if (nr == 4)
        e->cr4 = val;
    outside |= nr == 8;
    return EMUL_OK;
}

static const struct emul_ops ops = {
    .fetch = oracle_fetch, .read = oracle_read, .write = oracle_write, .probe_write = oracle_probe,
    .port_in = on_in, .port_out = on_out, .read_cr = on_read_cr, .write_cr = on_write_cr,
    .event = oracle_event,
};

static struct emul_segment segment_of(uint16_t selector)
{
    struct emul_segment s = gdt[selector >> 3];

    s.selector = selector;
    if (s.attr & EMUL_ATTR_G)
        s.limit = s.limit << 12 | 0xfff;
    return s;
}

static void put_long(uint32_t offset, uint32_t val) { memcpy(&mem[offset], &val, 4); }

static void load_memory(const struct prot_case *c)
{
    memcpy(mem, file->region, REGION_SIZE);
    memcpy(&mem[c->eip], c->code, sizeof(c->code));
    memcpy(&mem[c->patch_at - REGION], c->patch, sizeof(c->patch));
    mem[PROT_TABLES + (c->tr & ~7U) + 5] |= 2; /* busy */
    if (c->seg[INSN_CS] & 3)
        return;
    put_long(c->gpr[4] - 12, c->eip);
    put_long(c->gpr[4] - 8, c->seg[INSN_CS]);
    put_long(c->gpr[4] - 4, c->eflags);
}

static enum emul_result emulate(struct emul *e, const struct prot_case *c)
{
    outside = false;
    data_end = PROT_TABLES;
    cr2 = cr3 = 0;
    load_memory(c);
    emul_init(e, &ops, NULL);
    e->amd = true;
    for (unsigned int i = 0; i < 8; i++)
        e->state.gpr[i] = c->gpr[i];
    for (unsigned int i = 0; i < 6; i++)
        e->state.seg[i] = segment_of(c->seg[i]);
    e->state.tr = segment_of(c->tr);
    e->state.tr.attr |= 2;
    e->state.ldtr = segment_of(c->ldtr);
    e->state.rip = c->eip;
    e->state.rflags = c->eflags;
    e->state.cpl = c->seg[INSN_CS] & 3;
    e->state.gdtr = (struct emul_table){ PROT_GDT, 0x3ff };
    e->state.idtr = (struct emul_table){ PROT_IDT, 0x7ff };
    e->cr0 = KERNEL_CR0 | c->cr0;
    e->cr4 = c->cr4;
    return emul_run(e);
}

/* The oracle takes it. */
static bool ltr_of_null(const struct emul *e, enum emul_result r)
{
    const struct insn *i = &e->insn;

    return r == EMUL_FAULT && e->fault.vector == TRAP_GP && e->fault.error == 0 &&
           i->map == MAP_0F && i->opcode == 0 && (i->reg & 7) == 3 && e->state.cpl == 0;
}

/* With TF set, what is behind a full stack or an interrupt's shadow comes too late. */
static bool can_be_asked(struct emul *e, enum emul_result r, const struct prot_case *c)
{
    const uint32_t sp = (uint32_t)e->state.gpr[4];

    if (ltr_of_null(e, r))
        return false;
    return !outside && r != EMUL_UNHANDLED && r != EMUL_RETRY && !e->shadow_ss && !e->shadow_sti &&
           (c->seg[INSN_CS] & 3 || (sp >= 256 && sp < 0xfffc));
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Not defined: bits 16 to 19 of what LAR gives. */
static uint32_t defined_bits(const struct insn *i, unsigned int reg)
{
    const bool lar = i->map == MAP_0F && i->opcode == 2 && i->reg == reg;

    return lar ? ~0xf0000U : ~0U;
}

static bool same_registers(const struct emul *e, const struct prot_result *o)
{
    const struct emul_state *s = &e->state;

    for (unsigned int i = 0; i < 8; i++)
        if (((uint32_t)s->gpr[i] ^ o->gpr[i]) & defined_bits(&e->insn, i))
            return false;
    for (unsigned int i = 0; i < 6; i++)
        if (s->seg[i].selector != o->seg[i])
            return false;
    return (uint32_t)s->rip == o->eip && !(((uint32_t)s->rflags ^ o->eflags) & ~RF) &&
           s->tr.selector == o->tr && s->ldtr.selector == o->ldtr;
}

static bool same_system(const struct emul *e, const struct prot_result *o)
{
    const struct emul_state *s = &e->state;

    return s->gdtr.base == o->gdt_base && s->gdtr.limit == o->gdt_limit &&
           s->idtr.base == o->idt_base && s->idtr.limit == o->idt_limit &&
           (uint32_t)e->cr0 == o->cr0 && cr2 == o->cr2 && cr3 == o->cr3 &&
           (uint32_t)e->cr4 == o->cr4;
}

static bool same_memory(const struct emul *e, const struct prot_result *o)
{
    const uint32_t sp = (uint32_t)e->state.gpr[4];

    if (e->state.cpl == 0)
        memset(&mem[sp - PROT_FRAME], 0, PROT_FRAME);
    return oracle_hash(mem) == o->hash;
}

static bool same(const struct emul *e, enum emul_result r, const struct prot_result *o)
{
    const unsigned int vector = r == EMUL_FAULT ? e->fault.vector : TRAP_DB;
    const uint32_t error = r == EMUL_FAULT ? e->fault.error : 0;

    return vector == o->vector && error == o->error && same_registers(e, o) && same_system(e, o) &&
           same_memory(e, o);
}

static void show(const struct emul *e, unsigned int n, enum emul_result r,
                 const struct prot_result *o)
{
    const struct prot_case *c = &file->cases[n];
    const struct emul_state *s = &e->state;

    printf("  case %u:", n);
    for (unsigned int i = 0; i < e->insn.length; i++)
        printf(" %02x", c->code[i]);
    printf(": cpu %u(%x) at %x:%x %x; emulator %u: %u(%x) at %x:%lx %lx; memory %s\n", o->vector,
           o->error, o->seg[INSN_CS], o->eip, o->eflags, r, e->fault.vector, e->fault.error,
           s->seg[INSN_CS].selector, s->rip, s->rflags,
           oracle_hash(mem) == o->hash ? "same" : "differs");
    for (unsigned int i = 0; i < 8; i++)
        if ((uint32_t)s->gpr[i] != o->gpr[i])
            printf("   r%u: %x -> %lx, cpu %x\n", i, c->gpr[i], s->gpr[i], o->gpr[i]);
    for (unsigned int i = 0; i < 6; i++)
        if (s->seg[i].selector != o->seg[i])
            printf("   seg %u: %x, cpu %x\n", i, s->seg[i].selector, o->seg[i]);
    if (!same_system(e, o) || s->tr.selector != o->tr || s->ldtr.selector != o->ldtr)
        printf("   gdt %lx+%x idt %lx+%x cr %lx %x %x %lx tr %x ldt %x\n"
               "   cpu %x+%x     %x+%x    %x %x %x %x    %x     %x\n", s->gdtr.base,
               s->gdtr.limit, s->idtr.base, s->idtr.limit, e->cr0, cr2, cr3, e->cr4,
               s->tr.selector, s->ldtr.selector, o->gdt_base, o->gdt_limit, o->idt_base,
               o->idt_limit, o->cr0, o->cr2, o->cr3, o->cr4, o->tr, o->ldtr);
}

static void make_cases(unsigned int rounds)
{
    const unsigned int max = rounds * ARRAY_SIZE(forms);
    struct emul e;

    file = calloc(1, sizeof(*file) + max * sizeof(file->cases[0]));
    file->magic = ORACLE_PROT_MAGIC;
    for (unsigned int n = 0; n < PROT_TABLES; n++)
        file->region[n] = (uint8_t)(rnd() >> 24);
    make_tables();
    for (unsigned int f = 0; f < ARRAY_SIZE(forms); f++)
        for (unsigned int n = 0, tries = 0; n < rounds && tries < 20 * rounds; tries++) {
            struct prot_case *c = &file->cases[file->nr];

            if (!make_case(c, &forms[f]) || !can_be_asked(&e, emulate(&e, c), c))
                continue;
            file->nr++;
            n++;
        }
}

static void compare(const struct prot_result *o)
{
    unsigned int wrong = 0, faults = 0, inner = 0;

    for (unsigned int n = 0; n < file->nr; n++) {
        struct emul e;
        const enum emul_result r = emulate(&e, &file->cases[n]);

        faults += r == EMUL_FAULT;
        inner += !(file->cases[n].seg[INSN_CS] & 3);
        if (!same(&e, r, &o[n]) && wrong++ < 20)
            show(&e, n, r, &o[n]);
    }
    printf("  %u cases, %u in ring 0, %u faults: %u different\n", file->nr, inner, faults, wrong);
    CHECK_EQ(wrong, 0);
    CHECK(inner > file->nr / 4 && faults > file->nr / 8 && faults < file->nr * 3 / 4);
}

int main(void)
{
    const char *rounds = getenv("EMUL_PROT_ROUNDS");
    struct prot_result *o;

    make_cases(rounds ? (unsigned int)strtoul(rounds, NULL, 0) : ROUNDS);
    if (oracle_is_there("emul_prot"))
        TEST("the system's instructions in the emulator and on QEMU's processor")
        {
            o = oracle_ask(file, sizeof(*file) + file->nr * sizeof(file->cases[0]), file->nr,
                           sizeof(*o));
            CHECK(o != NULL && head.magic == ORACLE_PROT_MAGIC && head.cr0 == KERNEL_CR0);
            CHECK(file->nr > ARRAY_SIZE(forms) * ROUNDS / 2);
            if (o)
                compare(o);
            free(o);
        }
    free(file);
    return check_exit();
}
