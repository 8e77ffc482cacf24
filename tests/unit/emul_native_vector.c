/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As emul_native.c, for the moves of vector registers: SSE, AVX and MMX, from and to memory and
 * general registers. What the emulator does not take is not compared: other instructions have the
 * same opcodes with other prefixes.
 */
/* links: arch/x86/emul/[a-z]*.c */
#define _GNU_SOURCE
#include "emul_native.h"

static uint8_t ymm[16][32], mmx[8][8]; /* the emulator's */

static enum emul_result read_vector(struct emul *e, enum emul_vector kind, unsigned int nr,
                                    void *buf)
{
    if (kind == EMUL_MMX)
        memcpy(buf, mmx[nr], 8);
    else
        memcpy(buf, ymm[nr], 32);
    return EMUL_OK;
}

static enum emul_result write_vector(struct emul *e, enum emul_vector kind, unsigned int nr,
                                     const void *buf, bool keep_upper)
{
    if (kind == EMUL_MMX)
        memcpy(mmx[nr], buf, 8);
    else
        memcpy(ymm[nr], buf, keep_upper ? 16 : 32);
    return EMUL_OK;
}

static const struct emul_ops ops = { .fetch = mem_fetch, .read = mem_read, .write = mem_write,
                                     .probe_write = mem_probe, .cmpxchg = mem_cmpxchg,
                                     .read_vector = read_vector, .write_vector = write_vector };

static const struct form forms[] = {
    { 0x0f10, 0x0f11, 0 }, { 0x0f12, 0x0f13, 0 }, { 0x0f16, 0x0f17, 0 }, { 0x0f28, 0x0f29, 0 },
    { 0x0f2b, 0x0f2b, 0 }, { 0x0f6e, 0x0f6f, 0 }, { 0x0f7e, 0x0f7f, 0 }, { 0x0fd6, 0x0fd6, 0 },
    { 0x0fe7, 0x0fe7, 0 }, { 0x0ff0, 0x0ff0, 0 }, { 0x0ff7, 0x0ff7, 0 }, { 0x0f382a, 0x0f382a, 0 },
};

static uint8_t *put_legacy(uint8_t *p, uint32_t op, uint64_t r)
{
    static const uint8_t prefix[] = { 0x66, 0xf3, 0xf2, 0 };

    if (prefix[r & 3])
        *p++ = prefix[r & 3];
    if (r & 4)
        *p++ = 0x40 | (r >> 8 & 0xc); /* W and R */
    for (int shift = 16; shift >= 0; shift -= 8)
        if (op >> shift)
            *p++ = (uint8_t)(op >> shift);
    return p;
}

static uint8_t *put_vex(uint8_t *p, uint32_t op, uint64_t r)
{
    const uint8_t vvvv = r & 8 ? (uint8_t)(r >> 8 & 15) : 15;

    *p++ = 0xc4;
    *p++ = (uint8_t)((r & 0x10 ? 0xe0 : 0x60) | (op >> 8 == 0xf38 ? 2 : 1));
    *p++ = (uint8_t)((r >> 5 & 1) << 7 | vvvv << 3 | (r >> 6 & 7));
    *p++ = (uint8_t)op;
    return p;
}

/* Mostly memory at rsi. */
static void make_code(uint32_t op)
{
    const uint64_t r = rnd();
    uint8_t *p = r & 1ULL << 40 ? put_vex(code, op, r) : put_legacy(code, op, r);
    const bool mask = op == 0xff7;

    *p++ = (uint8_t)((mask || r >> 44 & 1 ? 0xc0 : 0x80) | (r >> 41 & 7) << 3 | (mask ? 2 : 6));
    for (unsigned int i = 0; i < 8; i++)
        p[i] = 0;
    p[0] = (uint8_t)(r >> 48);
}

static void make_state(void)
{
    const uint64_t align = rnd() & 1 ? ~31ULL : ~0ULL;

    for (unsigned int n = 0; n < 16; n++)
        native.gpr[n] = value();
    native.gpr[4] = DATA + 256;
    native.gpr[6] = (DATA + (rnd() % (DATA_SIZE + 16)) & align) - code[7] % 2;
    native.gpr[7] = DATA + rnd() % (DATA_SIZE - 16); /* of the masked ones */
    native.rip = CODE;
    native.rflags = 0x302;
    for (unsigned int n = 0; n < sizeof(native.ymm); n++)
        ((uint8_t *)native.ymm)[n] = (uint8_t)(rnd() >> 24);
    for (unsigned int n = 0; n < sizeof(native.mmx); n++)
        ((uint8_t *)native.mmx)[n] = (uint8_t)(rnd() >> 24);
    memcpy(ymm, native.ymm, sizeof(ymm));
    memcpy(mmx, native.mmx, sizeof(mmx));
}

static bool same_vectors(void)
{
    return memcmp(ymm, native.ymm, sizeof(ymm)) == 0 && memcmp(mmx, native.mmx, sizeof(mmx)) == 0;
}

static bool one(const struct form *f, bool *ran)
{
    struct native before;
    enum emul_result r;
    struct emul e;
    struct insn i;

    make_code(pick_opcode(f));
    if (insn_decode(&i, code, 15, INSN_LONG64, true) != INSN_DECODED)
        return true;
    make_state();
    make_data();
    before = native;
    emul_from_native(&e, &ops);
    e.state.seg[INSN_CS].attr = EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_CODE | EMUL_ATTR_L;
    r = run_both(&e, &i, is_string(&i));
    if (r == EMUL_UNHANDLED)
        return true;
    *ran = true;
    if (same_outcome(&e, r, undefined_flags(f, &i)) && (r == EMUL_FAULT || same_vectors()))
        return true;
    show(&e, r, &before);
    for (unsigned int n = 0; n < 16; n++)
        if (memcmp(ymm[n], native.ymm[n], 32))
            printf("   ymm%u\n", n);
    return false;
}

int main(int argc, char **argv)
{
    const unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 3000;

    with_vectors = true;
    if (!CHECK(native_set_up()))
        return check_exit();
    TEST("moves of vector registers do what they do on this processor") {
        unsigned int bad = 0, done = 0;

        if (!__builtin_cpu_supports("avx2")) {
            check_skip("no AVX2");
            break;
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++)
            bad += try_form(one, &forms[i], rounds, &done);
        CHECK_EQ(bad, 0);
        CHECK(done > rounds * ARRAY_SIZE(forms) / 8);
    }
    return check_exit();
}
