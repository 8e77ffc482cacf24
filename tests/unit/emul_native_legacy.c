/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As emul_native.c, for 16- and 32-bit code: an LDT with code and data segments of both widths,
 * with limits, expanding downwards, read-only and not present, so that an address may be anything.
 * Loads of segment registers and far branches are among the instructions, and those that user code
 * is refused.
 */
/* links: arch/x86/emul/[a-z]*.c */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emul_native.h"

#define START 0x400U /* offset of the instruction: jumps go both ways */
#define LDT_AT 0x7f000000UL /* where the emulator finds its tables */
#define GDT_AT 0x7f010000UL
#define ATTR_USER (EMUL_ATTR_S | EMUL_ATTR_DPL | EMUL_ATTR_ACCESSED)
#define ATTR_DATA (ATTR_USER | EMUL_ATTR_P | EMUL_ATTR_WRITABLE)
#define ATTR_CODE (ATTR_DATA | EMUL_ATTR_CODE)

enum { CODE16, CODE32, DATA16, DATA32, DOWN16, DOWN32, READ_ONLY, ABSENT, EXECUTE_ONLY };

/* Bases are such that what is within the limits is in the data pages. */
static const struct emul_segment ldt[] = {
    [CODE16] = { CODE, CODE_SIZE - 1, 0, ATTR_CODE },
    [CODE32] = { CODE, CODE_SIZE - 1, 0, ATTR_CODE | EMUL_ATTR_DB },
    [DATA16] = { DATA, DATA_SIZE - 1, 0, ATTR_DATA },
    [DATA32] = { DATA, DATA_SIZE - 1, 0, ATTR_DATA | EMUL_ATTR_DB },
    [DOWN16] = { DATA + DATA_SIZE - 0x10000, 0xffff - DATA_SIZE, 0, ATTR_DATA | EMUL_ATTR_DOWN },
    [DOWN32] = { DATA + DATA_SIZE, 0xffffdfff, 0,
                 ATTR_DATA | EMUL_ATTR_DOWN | EMUL_ATTR_DB | EMUL_ATTR_G },
    [READ_ONLY] = { DATA, DATA_SIZE - 1, 0, (ATTR_DATA & ~EMUL_ATTR_WRITABLE) | EMUL_ATTR_DB },
    [ABSENT] = { DATA, DATA_SIZE - 1, 0, ATTR_DATA & ~EMUL_ATTR_P },
    [EXECUTE_ONLY] = { CODE, CODE_SIZE - 1, 0, ATTR_CODE & ~EMUL_ATTR_WRITABLE },
};

#define CPU_NUMBER 15 /* its limit has, for LSL, the number of the cpu */

/* Linux's, of those that user code may load. */
static const struct { uint16_t index; struct emul_segment s; } gdt[] = {
    { 4, { 0, 0xffffffff, 0, ATTR_CODE | EMUL_ATTR_DB | EMUL_ATTR_G } },
    { 5, { 0, 0xffffffff, 0, ATTR_DATA | EMUL_ATTR_DB | EMUL_ATTR_G } },
    { 6, { 0, 0xffffffff, 0, ATTR_CODE | EMUL_ATTR_L | EMUL_ATTR_G } },
    { CPU_NUMBER, { 0, 0, 0, ATTR_USER | EMUL_ATTR_DOWN | EMUL_ATTR_DB | EMUL_ATTR_P } },
};

static bool wide; /* 32-bit code */
static bool cpu_number; /* was looked at */

static uint16_t selector(unsigned int entry) { return (uint16_t)(entry << 3 | 7); }

static uint64_t pack(const struct emul_segment *s)
{
    const uint64_t limit = s->attr & EMUL_ATTR_G ? s->limit >> 12 : s->limit;

    return (limit & 0xffff) | (s->base & 0xffffff) << 16 | (uint64_t)(s->attr & 0xff) << 40 |
           (limit & 0xf0000) << 32 | (uint64_t)(s->attr >> 8) << 52 | (s->base >> 24 & 0xff) << 56;
}

/* The emulator's tables are read here only. */
static enum emul_result table_read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                   enum emul_access access)
{
    uint64_t raw = 0;

    if (access != EMUL_SYSTEM)
        return mem_read(e, linear, buf, size, access);
    if (linear >= GDT_AT) {
        for (unsigned int i = 0; i < ARRAY_SIZE(gdt); i++)
            if (linear == GDT_AT + gdt[i].index * 8UL)
                raw = pack(&gdt[i].s);
        cpu_number |= linear == GDT_AT + CPU_NUMBER * 8UL;
    } else {
        raw = pack(&ldt[(linear - LDT_AT) / 8]);
    }
    memcpy(buf, &raw, size);
    return EMUL_OK;
}

static const struct emul_ops ops = { .fetch = mem_fetch, .read = table_read, .write = mem_write,
                                     .probe_write = mem_probe, .cmpxchg = mem_cmpxchg };

static bool make_ldt(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(ldt); i++) {
        const struct emul_segment *s = &ldt[i];
        const bool is_code = s->attr & EMUL_ATTR_CODE, down = s->attr & EMUL_ATTR_DOWN;
        struct user_desc d = {
            .entry_number = i,
            .base_addr = (unsigned int)s->base,
            .limit = s->attr & EMUL_ATTR_G ? s->limit >> 12 : s->limit,
            .seg_32bit = s->attr & EMUL_ATTR_DB ? 1 : 0,
            .contents = is_code ? 2 : down ? 1 : 0,
            .read_exec_only = s->attr & EMUL_ATTR_WRITABLE ? 0 : 1,
            .limit_in_pages = s->attr & EMUL_ATTR_G ? 1 : 0,
            .seg_not_present = s->attr & EMUL_ATTR_P ? 0 : 1,
        };

        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
            return false;
    }
    return true;
}

static const struct form forms[] = {
    { 0x00, 0x05, 0 }, { 0x06, 0x07, 0 }, { 0x08, 0x0d, 0x10 }, { 0x0e, 0x0e, 0 },
    { 0x10, 0x15, 0 }, { 0x16, 0x17, 0 }, { 0x18, 0x1d, 0 }, { 0x1e, 0x1f, 0 },
    { 0x20, 0x25, 0x10 }, { 0x28, 0x2d, 0 }, { 0x30, 0x35, 0x10 }, { 0x38, 0x3d, 0 },
    { 0x40, 0x4f, 0 }, { 0x50, 0x5f, 0 }, { 0x60, 0x61, 0 }, { 0x63, 0x63, 0 },
    { 0x68, 0x68, 0 }, { 0x6a, 0x6a, 0 },
    { 0x69, 0x69, 0xd4 }, { 0x6b, 0x6b, 0xd4 }, { 0x6c, 0x6f, 0 }, { 0x70, 0x7f, 0 },
    { 0x80, 0x83, 0x10 }, { 0x84, 0x85, 0x10 }, { 0x86, 0x8b, 0 }, { 0x8c, 0x8c, 0 },
    { 0x8d, 0x8d, 0 }, { 0x8e, 0x8e, 0 }, { 0x8f, 0x8f, 0 }, { 0x90, 0x99, 0 }, { 0x9a, 0x9a, 0 },
    { 0x9c, 0x9c, 0 }, { 0x9e, 0x9f, 0 }, { 0xa0, 0xa3, 0 }, { 0xa4, 0xa7, 0 },
    { 0xa8, 0xa9, 0x10 }, { 0xaa, 0xaf, 0 }, { 0xb0, 0xbf, 0 }, { 0xc0, 0xc1, 0x810 },
    { 0xc2, 0xc3, 0 }, { 0xc4, 0xc5, 0 }, { 0xc6, 0xc7, 0 }, { 0xc8, 0xc9, 0 }, { 0xca, 0xcb, 0 },
    { 0xd0, 0xd1, 0x10 }, { 0xd2, 0xd3, 0x810 }, { 0xd7, 0xd7, 0 }, { 0xe0, 0xe3, 0 },
    { 0xe4, 0xe7, 0 }, { 0xe8, 0xe9, 0 }, { 0xea, 0xea, 0 }, { 0xeb, 0xeb, 0 }, { 0xec, 0xef, 0 },
    { 0xf4, 0xf4, 0 }, { 0xf5, 0xf5, 0 }, { 0xf6, 0xf7, 0xffff }, { 0xf8, 0xfb, 0 },
    { 0xfc, 0xfd, 0 }, { 0xfe, 0xff, 0 }, { 0x0f00, 0x0f00, 0 }, { 0x0f00, 0x0f00, 0 },
    { 0x0f02, 0x0f03, 0 }, { 0x0f02, 0x0f03, 0 }, { 0x0f06, 0x0f06, 0 }, { 0x0f08, 0x0f09, 0 },
    { 0x0f20, 0x0f23, 0 }, { 0x0f30, 0x0f30, 0 }, { 0x0f32, 0x0f32, 0 }, { 0x0f40, 0x0f4f, 0 },
    { 0x0f80, 0x0f9f, 0 }, { 0x0fa3, 0x0fa3, 0x894 }, { 0x0fa4, 0x0fa5, 0x810 },
    { 0x0fa8, 0x0fa9, 0 }, { 0x0fab, 0x0fab, 0x894 }, { 0x0fac, 0x0fad, 0x810 },
    { 0x0faf, 0x0faf, 0xd4 }, { 0x0fb0, 0x0fb1, 0 }, { 0x0fb2, 0x0fb2, 0 },
    { 0x0fb3, 0x0fb3, 0x894 }, { 0x0fb5, 0x0fb5, 0 }, { 0x0fb6, 0x0fb7, 0 }, { 0x0fb8, 0x0fb8, 0 },
    { 0x0fba, 0x0fbb, 0x894 }, { 0x0fbc, 0x0fbd, 0x895 }, { 0x0fbe, 0x0fbf, 0 },
    { 0x0fc0, 0x0fc1, 0 }, { 0x0fc3, 0x0fc3, 0 }, { 0x0fc7, 0x0fc7, 0 }, { 0x0fc8, 0x0fcf, 0 },
    { 0x0f38f0, 0x0f38f1, 0 },
};

static void make_code(uint32_t op)
{
    static const uint8_t override[] = { 0x2e, 0x36, 0x3e, 0x26, 0x65 };
    uint8_t *p = code + START;
    const uint64_t r = rnd();

    if (!(r & 3))
        *p++ = 0x66;
    if (!(r & 0xc))
        *p++ = 0x67;
    if (!(r & 0x70))
        *p++ = override[(r >> 32) % ARRAY_SIZE(override)];
    if (op >> 8 != 0xf38 && (op == 0xfb8 || !(r & 0x380)))
        *p++ = op == 0xfb8 || r & 0x400 ? 0xf3 : 0xf2;
    if (!(r & 0xf800))
        *p++ = 0xf0;
    for (int shift = 16; shift >= 0; shift -= 8)
        if (op >> shift || shift == 0)
            *p++ = (uint8_t)(op >> shift);
    for (unsigned int i = 0; i < 12; i++)
        p[i] = (uint8_t)(rnd() >> 24);
}

/* Where somebody who looks for selectors finds one: usually one that exists. */
static uint16_t some_selector(void)
{
    static const uint16_t odd[] = { 0, 3, 0x23, 0x2b, 0x2a, 0x06, 0x5f, 0xffff, 0xfff8, 0x83 };
    const uint64_t v = rnd();

    return v & 0x700 ? selector((unsigned int)(v >> 32) % ARRAY_SIZE(ldt))
                     : odd[(v >> 32) % ARRAY_SIZE(odd)];
}

static void sprinkle_selectors(void)
{
    uint16_t some[64];

    for (unsigned int n = 0; n < ARRAY_SIZE(some); n++)
        some[n] = some_selector();
    for (unsigned int n = 0; n < DATA_SIZE; n += sizeof(some))
        memcpy(&data[n], some, sizeof(some));
    memcpy(shadow, data, DATA_SIZE);
}

static bool is_bit_string(const struct insn *i)
{
    return i->map == MAP_0F && (i->opcode & 0xe7) == 0xa3;
}

/* An offset that is good in a segment of ours, most of the time. */
static uint32_t some_offset(unsigned int seg)
{
    const uint32_t good = (uint32_t)(rnd() % (DATA_SIZE + 16));
    const uint16_t sel = native.sel[seg];

    if (sel == selector(DOWN16))
        return 0x10000 - DATA_SIZE + good;
    return sel == selector(DOWN32) ? 0 - DATA_SIZE + good : good;
}

static void make_stack_pointer(void)
{
    const uint32_t near[] = { 0, 1, 2, 4, 8, DATA_SIZE, DATA_SIZE - 2, DATA_SIZE - 3 };
    const uint64_t v = rnd();

    native.gpr[4] = v & 15 ? 256 + (v >> 8) % (DATA_SIZE - 512) : near[(v >> 8) & 7];
    if (!wide)
        native.gpr[4] |= (v >> 40) << 16 & 0xffff0000; /* not looked at */
}

static void make_segments(void)
{
    static const uint8_t places[] = { DATA16, DATA32, DATA32, DOWN16, DOWN32, READ_ONLY };
    static const uint8_t loaded[] = { INSN_DS, INSN_ES, INSN_GS };

    memset(native.sel, 0, sizeof(native.sel));
    native.sel[INSN_CS] = selector(wide ? CODE32 : CODE16);
    native.sel[INSN_SS] = selector(wide ? DATA32 : DATA16);
    for (unsigned int i = 0; i < ARRAY_SIZE(loaded); i++)
        native.sel[loaded[i]] = selector(places[rnd() % ARRAY_SIZE(places)]);
}

static void make_state(const struct insn *i)
{
    uint64_t address = (uint64_t)i->disp;

    make_segments();
    memset(native.gpr, 0, sizeof(native.gpr));
    for (unsigned int n = 0; n < 8; n++)
        native.gpr[n] = rnd() & 7 ? (uint32_t)value() : some_selector();
    make_stack_pointer();
    if (i->opcode == 0xc8 || i->opcode == 0xc9)
        native.gpr[5] = native.gpr[4] + 132; /* ENTER's frames are not where it pushes */
    if (is_string(i)) {
        native.gpr[6] = some_offset(i->segment);
        native.gpr[7] = some_offset(INSN_ES);
        native.gpr[1] = rnd() % 6 | (i->adsize == 2 ? value() << 16 & 0xffff0000 : 0);
    }
    if (i->opcode == 0xd7)
        native.gpr[3] = rnd() % DATA_SIZE;
    if (is_bit_string(i) && i->reg != 4)
        native.gpr[i->reg & 7] = rnd() % 4096;
    if (i->is_mem && i->base != INSN_NO_REG && i->base != 4) {
        if (i->index != INSN_NO_REG && i->index != i->base && i->index != 4)
            native.gpr[i->index] = rnd() % 64;
        if (i->index != INSN_NO_REG)
            address += native.gpr[i->index] * i->scale;
        native.gpr[i->base] = (uint32_t)(some_offset(i->segment) - address);
    }
    native.rip = START;
    native.rflags = 0x302 | (rnd() & (ARITH | 0x400));
}

/* What the manuals leave open, or what this test cannot take back. */
static bool usable(const struct insn *i)
{
    const bool one = i->map == MAP_ONE, two = i->map == MAP_0F;
    const bool to_ss = i->opcode == 0x17 || (i->opcode == 0x8e && (i->reg & 7) == INSN_SS);
    const bool loads_ss = (one && to_ss) || (two && i->opcode == 0xb2);

    if (one && (i->opcode & 0xfe) == 0xe0 && i->rep)
        return false; /* some cpus take REP for the condition */
    if (two && i->opsize == 2 && (i->opcode & 0xf6) == 0xa4)
        return false; /* SHLD, SHRD of 16 bits: counts above 16 are undefined */
    if (two && i->opsize == 2 && (i->opcode & 0xf8) == 0xc8)
        return false; /* BSWAP of 16 bits */
    if (one && i->opcode == 0xc7 && i->modrm == 0xf8)
        return false; /* XBEGIN */
    if (one && (i->opcode == 0xc8 || i->opcode == 0xca) && i->imm > 64)
        return false; /* AMD's look first at the stack that RETF would leave */
    if (two && i->opcode == 0 && ((i->reg & 7) < 2 || i->lock))
        return false; /* SLDT, STR: what the host has there; AMD's do not refuse LOCK */
    if (two && i->opcode == 0xc7 && ((i->reg & 7) != 1 || !i->is_mem))
        return false;
    if (one && i->opcode == 0x8e && (i->reg & 7) == INSN_FS)
        return false; /* the host's thread pointer */
    return !loads_ss;
}

/* A far pointer in the instruction gets a selector of ours, sometimes. */
static void point_far(struct insn *i)
{
    const uint16_t sel = some_selector();
    const uint32_t offset = (uint32_t)(rnd() % (CODE_SIZE + 4));
    const unsigned int size = i->opsize;

    if (i->map != MAP_ONE || (i->opcode != 0x9a && i->opcode != 0xea))
        return;
    memcpy(code + START + i->length - 2, &sel, 2);
    memcpy(code + START + i->length - 2 - size, &offset, size);
}

static void emulator_segments(struct emul *e)
{
    for (unsigned int i = 0; i < 6; i++) {
        const uint16_t sel = native.sel[i];

        if (sel)
            e->state.seg[i] = ldt[sel >> 3];
        e->state.seg[i].selector = sel;
    }
    e->state.ldtr = (struct emul_segment){ LDT_AT, sizeof(ldt) / sizeof(ldt[0]) * 8 - 1, 0,
                                           EMUL_ATTR_P | 2 };
    e->state.gdtr = (struct emul_table){ GDT_AT, 0x7f };
}

static bool one(const struct form *f, bool *ran)
{
    const enum insn_mode mode = wide ? INSN_COMPAT32 : INSN_COMPAT16;
    struct emul e;
    struct insn i;
    struct native before;
    enum emul_result r;

    make_code(pick_opcode(f));
    if (insn_decode(&i, code + START, 15, mode, true) != INSN_DECODED ||
        i.encoding != INSN_LEGACY || !usable(&i))
        return true;
    make_state(&i);
    make_data();
    if (rnd() & 1)
        sprinkle_selectors();
    point_far(&i);
    before = native;
    emul_from_native(&e, &ops);
    emulator_segments(&e);
    cpu_number = false;
    r = run_both(&e, &i, is_string(&i) && i.rep);
    *ran = true;
    if (cpu_number && i.map == MAP_0F && i.opcode == 3)
        return true;
    if (i.map == MAP_ONE && i.opcode == 0x61 && r == EMUL_FAULT && same_fault(&e))
        return true; /* POPA: the registers before the fault are lost on AMD's */
    if (same_outcome(&e, r, undefined_flags(f, &i)))
        return true;
    show(&e, r, &before);
    return false;
}

static void try_all(unsigned int rounds)
{
    static bool ready;
    unsigned int bad = 0, done = 0;

    ready = ready || native_set_up();
    if (!CHECK(ready))
        return;

    for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++)
        bad += try_form(one, &forms[i], rounds, &done);
    CHECK_EQ(bad, 0);
    CHECK(done > rounds * ARRAY_SIZE(forms) / 2);
}

int main(int argc, char **argv)
{
    const unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 300;

    with_segments = true;
    for (unsigned int bits = 16; bits <= 32; bits += 16) {
        wide = bits == 32;
        TEST(wide ? "32-bit code in segments does what it does on this processor"
                  : "16-bit code in segments does what it does on this processor") {
            if (!make_ldt())
                check_skip("this kernel has no LDTs");
            else
                try_all(rounds);
        }
    }
    return check_exit();
}
