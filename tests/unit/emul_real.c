/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c */
/*
 * Real mode, and what only ring 0 may do there: random instructions in the emulator, and on a
 * processor of QEMU's (tests/oracle), which runs all cases in one go. Registers, defined flags,
 * segments, the descriptor table's register, CR0, memory and vectors are compared. QEMU's processor
 * looks at no segment limits in real mode, so that what the emulator refuses by them has no oracle.
 */
#define _GNU_SOURCE
#include "check.h"

#include "emul_oracle.h"
#include "emul_real_cases.h"

#define ROUNDS 40U /* of each opcode; EMUL_REAL_ROUNDS=N for more */
#define REAL_ATTR (EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_WRITABLE | EMUL_ATTR_ACCESSED)

static uint32_t cr2;

/* --- the emulator's processor ----------------------------------------------------------------- */

static enum emul_result real_read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                  enum emul_access access)
{
    if (access == EMUL_SYSTEM && linear < 0x400 && size == 4) {
        const uint16_t entry[2] = { (uint16_t)VECTOR_IP(linear / 4), 0 };

        memcpy(buf, entry, sizeof(entry));
        return EMUL_OK;
    }
    return oracle_read(e, linear, buf, size, access);
}

static enum emul_result real_cmpxchg(struct emul *e, uint64_t linear, const void *old,
                                     const void *new, unsigned int size, bool *swapped)
{
    uint8_t *p = place(linear, size, EMUL_DATA);

    if (!p)
        return EMUL_UNHANDLED;
    *swapped = memcmp(p, old, size) == 0;
    if (*swapped)
        memcpy(p, new, size);
    return EMUL_OK;
}

static enum emul_result real_read_cr(struct emul *e, unsigned int nr, uint64_t *val)
{
    *val = nr == 0 ? e->cr0 : nr == 2 ? cr2 : nr == 3 ? head.cr3 : nr == 4 ? head.cr4 : 0;
    return EMUL_OK;
}

static enum emul_result real_write_cr(struct emul *e, unsigned int nr, uint64_t val)
{
    if (nr == 0)
        e->cr0 = val;
    if (nr == 2)
        cr2 = (uint32_t)val;
    return EMUL_OK;
}

static const struct emul_ops ops = {
    .fetch = oracle_fetch, .read = real_read, .write = oracle_write, .probe_write = oracle_probe,
    .cmpxchg = real_cmpxchg, .read_cr = real_read_cr, .write_cr = real_write_cr,
    .event = oracle_event
};

static void put_word(uint32_t linear, uint16_t val)
{
    if (place(linear, 2, EMUL_DATA))
        memcpy(place(linear, 2, EMUL_DATA), &val, 2);
}

static enum emul_result emulate(struct emul *e, const struct oracle_case *c)
{
    const uint32_t frame = c->seg[INSN_SS] * 16U + (uint16_t)c->gpr[4] - 6;
    enum emul_result r = EMUL_PARTIAL;

    outside = false;
    cr2 = 0;
    memcpy(mem, file->region, REGION_SIZE);
    put_word(frame, c->ip);
    put_word(frame + 2, c->seg[INSN_CS]);
    put_word(frame + 4, c->flags);
    memcpy(place(c->seg[INSN_CS] * 16U + c->ip, 16, EMUL_DATA), c->code, 16);
    emul_init(e, &ops, NULL);
    e->amd = true;
    for (unsigned int i = 0; i < 8; i++)
        e->state.gpr[i] = c->gpr[i];
    for (unsigned int i = 0; i < 6; i++)
        e->state.seg[i] = (struct emul_segment){ c->seg[i] * 16UL, 0xffff, c->seg[i], REAL_ATTR };
    e->state.rip = c->ip;
    e->state.rflags = c->flags;
    e->state.gdtr = (struct emul_table){ c->gdt_base, c->gdt_limit };
    e->state.idtr = (struct emul_table){ 0, 0x3ff };
    e->cr0 = head.cr0;
    e->cr4 = head.cr4;
    for (unsigned int n = 0; n < 10 && r == EMUL_PARTIAL; n++)
        r = emul_run(e);
    return r;
}

/* --- comparing -------------------------------------------------------------------------------- */

enum verdict { SAME, DIFFERENT, NO_ORACLE };

static uint16_t pop_word(uint32_t ss, uint16_t sp)
{
    uint16_t val = 0;

    for (unsigned int i = 0; i < 2; i++) {
        uint8_t *p = place(ss * 16 + (uint16_t)(sp + i), 1, EMUL_DATA);

        if (p) {
            val |= (uint16_t)(*p << (8 * i));
            *p = 0;
        }
    }
    return val;
}

/* The vector that ends the case, with its frame pushed. */
static uint16_t take_vector(struct emul *e, enum emul_result r, const struct oracle_case *c)
{
    struct emul_state *s = &e->state;
    const uint16_t frame[3] = { (uint16_t)s->rflags, s->seg[INSN_CS].selector,
                                (uint16_t)(s->rip + (c->flags & FLAG_TF || r != EMUL_OK ? 0 : 1)) };

    if (r == EMUL_OK && s->seg[INSN_CS].selector == 0 && s->rip >= VECTOR_IP(0) &&
        s->rip < VECTOR_IP(256))
        return (uint16_t)((s->rip - VECTOR_IP(0)) / 16); /* INT n has done all that */
    for (unsigned int i = 0; i < 3; i++) {
        s->gpr[4] = (s->gpr[4] & ~0xffffUL) | (uint16_t)(s->gpr[4] - 2);
        put_word((uint32_t)s->seg[INSN_SS].base + (uint16_t)s->gpr[4], frame[i]);
    }
    if (r == EMUL_UNHANDLED)
        return TRAP_UD;
    return r == EMUL_FAULT ? e->fault.vector : c->flags & FLAG_TF ? TRAP_DB : TRAP_BP;
}

static bool same_frame(const struct emul *e, const struct oracle_result *o, uint16_t undefined)
{
    const uint32_t ss = e->state.seg[INSN_SS].selector;
    const uint16_t sp = (uint16_t)e->state.gpr[4], ip = pop_word(ss, sp),
                   cs = pop_word(ss, (uint16_t)(sp + 2)), flags = pop_word(ss, (uint16_t)(sp + 4));

    return ip == o->ip && cs == o->cs && !((flags ^ o->flags) & (uint16_t)~undefined);
}

static bool same_state(const struct emul *e, const struct oracle_result *o)
{
    for (unsigned int i = 0; i < 8; i++)
        if ((uint32_t)e->state.gpr[i] != o->gpr[i])
            return false;
    for (unsigned int i = 0; i < 6; i++)
        if (i != INSN_CS && e->state.seg[i].selector != o->seg[i])
            return false;
    return e->state.gdtr.base == o->gdt_base && e->state.gdtr.limit == o->gdt_limit &&
           (uint32_t)e->cr0 == o->cr0 && cr2 == o->cr2;
}

static enum verdict judge(struct emul *e, unsigned int n, const struct oracle_result *o)
{
    const struct oracle_case *c = &file->cases[n];
    const enum emul_result r = emulate(e, c);
    uint16_t vector, undefined;
    const bool frame_wraps = (e->state.gpr[4] & 0xffff) < 6;

    /* what is behind MOV SS puts the trap off, by an instruction that is not ours */
    if (outside || e->shadow_ss || e->shadow_sti || frame_wraps ||
        (r == EMUL_FAULT && (e->fault.vector == TRAP_GP || e->fault.vector == TRAP_SS)))
        return NO_ORACLE;
    vector = take_vector(e, r, c);
    undefined = r == EMUL_OK ? (uint16_t)undefined_flags(form_of[n], &e->insn) : 0;
    if (outside)
        return NO_ORACLE;
    return vector == o->vector && same_frame(e, o, undefined) && same_state(e, o) &&
                   oracle_hash(mem) == o->hash
               ? SAME
               : DIFFERENT;
}

static void show_case(const struct emul *e, unsigned int n, const struct oracle_result *o)
{
    const struct oracle_case *c = &file->cases[n];

    printf("  case %u:", n);
    for (unsigned int i = 0; i < e->insn.length; i++)
        printf(" %02x", c->code[i]);
    printf(": vector %u at %x:%x flags %x (before %x at %x:%x), memory %s\n", o->vector, o->cs,
           o->ip, o->flags, c->flags, c->seg[INSN_CS], c->ip,
           oracle_hash(mem) == o->hash ? "same" : "differs");
    printf("   emulator: at %x:%lx flags %lx, vector %u; cr0 %lx, cpu %x\n",
           e->state.seg[INSN_CS].selector, e->state.rip, e->state.rflags, e->fault.vector, e->cr0,
           o->cr0);
    for (unsigned int i = 0; i < 8; i++)
        if ((uint32_t)e->state.gpr[i] != o->gpr[i])
            printf("   r%u: %x -> %lx, cpu %x\n", i, c->gpr[i], e->state.gpr[i], o->gpr[i]);
    for (unsigned int i = 0; i < 6; i++)
        if (i != INSN_CS && e->state.seg[i].selector != o->seg[i])
            printf("   seg %u: %x -> %x, cpu %x\n", i, c->seg[i], e->state.seg[i].selector,
                   o->seg[i]);
}

int main(void)
{
    const char *rounds = getenv("EMUL_REAL_ROUNDS");
    struct oracle_result *o;

    make_cases(rounds ? (unsigned int)strtoul(rounds, NULL, 0) : ROUNDS);
    if (!oracle_is_there("emul_real")) {
        free(file);
        free(form_of);
        return 0;
    }
    TEST("real-mode code in the emulator and on QEMU's processor")
    {
        unsigned int same = 0, wrong = 0;

        o = oracle_ask(file, sizeof(*file) + file->nr * sizeof(file->cases[0]), file->nr,
                       sizeof(*o));
        CHECK(o != NULL);
        for (unsigned int n = 0; o && n < file->nr; n++) {
            struct emul e;
            const enum verdict v = judge(&e, n, &o[n]);

            same += v == SAME;
            if (v == DIFFERENT && wrong++ < 20)
                show_case(&e, n, &o[n]);
        }
        printf("  %u cases: %u the same, %u different\n", file->nr, same, wrong);
        CHECK_EQ(wrong, 0);
        CHECK(same > file->nr * 3 / 4);
        free(o);
    }
    free(file);
    free(form_of);
    return check_exit();
}
