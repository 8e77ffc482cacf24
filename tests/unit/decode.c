/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoder: all opcodes of all maps, with prefixes and all forms of ModRM, in all
 * modes, against Zydis; what is cut short; what no cpu knows.
 */
/* links: arch/x86/emul/decode.c arch/x86/emul/decode_tables.c */
/* libs: -lZydis */
#include "check.h"
#include "zydis.h"

static const char *const mode_names[] = { "real16", "prot16", "prot32", "compat16", "compat32",
                                          "long64" };
static ZydisDecoder zydis[INSN_LONG64 + 1][2];
static uint64_t seed = 1, compared, decoded;
static unsigned int shown;

static uint32_t rnd(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33);
}

static bool same(const uint8_t *b, unsigned int mode, bool amd)
{
    const char *why = zydis_differs(&zydis[mode][amd], b, 15, mode, amd);
    struct insn insn;

    compared++;
    if (!why) {
        decoded += insn_decode(&insn, b, 15, mode, amd) == INSN_DECODED;
        return true;
    }
    if (shown++ < 40) {
        printf("  %s%s, %s:", mode_names[mode], amd ? " (amd)" : "", why);
        for (unsigned int i = 0; i < 15; i++)
            printf(" %02x", b[i]);
        printf("\n");
    }
    return false;
}

/* Head bytes, then every ModRM byte, then noise. */
static unsigned int all_modrm(const uint8_t *head, unsigned int n, unsigned int mode,
                              unsigned int step)
{
    uint8_t b[16];
    unsigned int bad = 0;

    for (unsigned int modrm = step > 1 ? rnd() % step : 0; modrm < 256; modrm += step) {
        memcpy(b, head, n);
        b[n] = (uint8_t)modrm;
        for (unsigned int i = n + 1; i < sizeof(b); i++)
            b[i] = (uint8_t)(rnd() >> 8);
        bad += !same(b, mode, rnd() & 1);
    }
    return bad;
}

static const struct {
    uint8_t n, b[4];
} prefixes[] = {
    { 0, { 0 } }, { 1, { 0x66 } }, { 1, { 0x67 } }, { 2, { 0x66, 0x67 } }, { 1, { 0xf2 } },
    { 1, { 0xf3 } }, { 1, { 0xf0 } }, { 1, { 0x64 } }, { 1, { 0x2e } }, { 1, { 0x48 } },
    { 1, { 0x45 } }, { 2, { 0x66, 0x4f } }, { 2, { 0xf3, 0x4a } }, { 2, { 0x48, 0x66 } },
    { 2, { 0xf2, 0x66 } }, { 3, { 0x66, 0xf3, 0x48 } }, { 4, { 0x36, 0x67, 0x66, 0x41 } },
}, escapes[] = {
    { 0, { 0 } }, { 1, { 0x0f } }, { 2, { 0x0f, 0x38 } }, { 2, { 0x0f, 0x3a } },
};

static unsigned int legacy(unsigned int mode)
{
    unsigned int bad = 0;

    for (unsigned int p = 0; p < ARRAY_SIZE(prefixes); p++)
        for (unsigned int e = 0; e < ARRAY_SIZE(escapes); e++)
            for (unsigned int op = 0; op < 256; op++) {
                uint8_t head[8];
                unsigned int n = prefixes[p].n;

                memcpy(head, prefixes[p].b, n);
                memcpy(head + n, escapes[e].b, escapes[e].n);
                n += escapes[e].n;
                head[n++] = (uint8_t)op;
                bad += all_modrm(head, n, mode, p < 4 ? 3 : 11);
            }
    return bad;
}

/* All opcodes of a vector map, with random payload bits around the map. */
static unsigned int vector(unsigned int mode, uint8_t first, unsigned int map, unsigned int length)
{
    unsigned int bad = 0;

    for (unsigned int op = 0; op < 256; op++)
        for (unsigned int i = 0; i < 48; i++) {
            uint8_t head[5] = { first };
            unsigned int n = 1;

            if (length > 1)
                head[n++] = (uint8_t)((rnd() & 0xe0) | map | (length == 3 ? rnd() & 0x10 : 0));
            if (first == 0x62 || (first != 0x8f && mode != INSN_LONG64 && i & 1))
                head[1] |= 0xc0;
            head[n++] = (uint8_t)(length == 3 ? rnd() | 4 : rnd());
            if (i & 2) /* most want vvvv unused and a small length */
                head[n - 1] |= 0x78;
            if (length == 3)
                head[n++] = (uint8_t)(i & 4 ? 0x08 | (rnd() & 0x20) : rnd());
            head[n++] = (uint8_t)op;
            bad += all_modrm(head, n, mode, 37);
        }
    return bad;
}

static unsigned int vectors(unsigned int mode)
{
    unsigned int bad = vector(mode, 0xc5, 0, 1);

    for (unsigned int map = 0; map < 5; map++)
        bad += vector(mode, 0xc4, map, 2);
    for (unsigned int map = 0; map < 8; map++)
        bad += vector(mode, 0x62, map, 3);
    for (unsigned int map = 7; map < 12; map++)
        bad += vector(mode, 0x8f, map, 2);
    return bad;
}

/* Does any form of an opcode decode? */
static bool zydis_knows(unsigned int mode, bool two_byte, uint8_t op)
{
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecodedInstruction z;
    uint8_t b[16] = { 0 };

    for (unsigned int pre = 0; pre < 4; pre++)
        for (unsigned int modrm = 0; modrm < 256; modrm++) {
            static const uint8_t mandatory[4] = { 0, 0x66, 0xf2, 0xf3 };
            unsigned int n = 0;

            if (pre)
                b[n++] = mandatory[pre];
            if (two_byte)
                b[n++] = 0x0f;
            b[n++] = op;
            b[n] = (uint8_t)modrm;
            if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zydis[mode][0], b, 15, &z, ops)) &&
                z.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY)
                return true;
        }
    return false;
}

static bool we_know(unsigned int mode, bool two_byte, uint8_t op)
{
    uint8_t b[16] = { 0 };
    struct insn insn;

    for (unsigned int modrm = 0; modrm < 256; modrm++) {
        unsigned int n = 0;

        if (two_byte)
            b[n++] = 0x0f;
        b[n++] = op;
        b[n] = (uint8_t)modrm;
        if (insn_decode(&insn, b, 15, mode, false) == INSN_DECODED && insn.encoding == INSN_LEGACY)
            return true;
    }
    return false;
}

static bool is_prefix(unsigned int mode, uint8_t op)
{
    return op == 0x26 || op == 0x2e || op == 0x36 || op == 0x3e || (op >= 0x64 && op <= 0x67) ||
           op == 0xf0 || op == 0xf2 || op == 0xf3 || op == 0x0f ||
           (mode == INSN_LONG64 && (op & 0xf0) == 0x40);
}

static void undefined_opcodes(unsigned int mode)
{
    for (unsigned int op = 0; op < 512; op++) {
        const bool two = op & 256;
        const uint8_t b = (uint8_t)op;

        if (two ? b == 0x0f || b == 0x38 || b == 0x3a : is_prefix(mode, b))
            continue;
        if (!CHECK_EQ(we_know(mode, two, b), zydis_knows(mode ? mode : INSN_PROT16, two, b)))
            printf("  %s: opcode %s%02x\n", mode_names[mode], two ? "0f " : "", b);
    }
}

/* A decoded instruction is truncated at each shorter length, and needs no byte behind it. */
static bool cut_short(const uint8_t *b, unsigned int mode)
{
    struct insn whole, part;

    if (insn_decode(&whole, b, 15, mode, true) != INSN_DECODED)
        return true;
    for (unsigned int n = 0; n < whole.length; n++)
        if (insn_decode(&part, b, n, mode, true) != INSN_TRUNCATED)
            return false;
    return insn_decode(&part, b, whole.length, mode, true) == INSN_DECODED &&
           part.length == whole.length && memcmp(&part, &whole, sizeof(part)) == 0;
}

static void random_cuts(void)
{
    uint8_t b[16];

    for (unsigned int i = 0; i < 200000; i++) {
        for (unsigned int j = 0; j < sizeof(b); j++)
            b[j] = (uint8_t)(rnd() >> 4);
        if (i & 1)
            b[0] = (const uint8_t[]){ 0x0f, 0x62, 0xc4, 0x8f, 0x66, 0xf2, 0x48, 0xc5 }[rnd() % 8];
        if (!CHECK(cut_short(b, rnd() % (INSN_LONG64 + 1))))
            return;
    }
}

int main(void)
{
    for (unsigned int mode = 0; mode <= INSN_LONG64; mode++)
        for (unsigned int amd = 0; amd < 2; amd++)
            zydis_init(&zydis[mode][amd], mode, amd);

    TEST("the one-byte, 0F, 0F38, 0F3A and 3DNow! maps as in Zydis, in all modes") {
        for (unsigned int mode = 0; mode <= INSN_LONG64; mode++)
            CHECK_EQ(legacy(mode), 0);
        CHECK(decoded > 1000000);
    }
    TEST("the VEX, EVEX and XOP maps as in Zydis, in all modes") {
        decoded = 0;
        for (unsigned int mode = 0; mode <= INSN_LONG64; mode++)
            CHECK_EQ(vectors(mode), 0);
        CHECK(decoded > 100000);
    }
    TEST("opcodes that mean nothing are refused, and no others") {
        for (unsigned int mode = 0; mode <= INSN_LONG64; mode++)
            undefined_opcodes(mode);
    }
    TEST("an instruction that is cut short is truncated at every length") {
        random_cuts();
    }
    TEST("15 bytes are the most") {
        uint8_t b[32];
        struct insn insn;

        memset(b, 0x66, sizeof(b));
        b[14] = 0x90;
        CHECK_EQ(insn_decode(&insn, b, 15, INSN_LONG64, true), INSN_DECODED);
        CHECK_EQ(insn.length, 15);
        b[14] = 0x66;
        b[15] = 0x90;
        CHECK_EQ(insn_decode(&insn, b, 16, INSN_LONG64, true), INSN_TOO_LONG);
        CHECK_EQ(insn_decode(&insn, b, 14, INSN_LONG64, true), INSN_TRUNCATED);
    }
    return check_exit();
}
