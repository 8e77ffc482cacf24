/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/pv/priv_decode.c */
/*
 * The decoder of privileged instructions: encodings as an assembler writes them, each also cut
 * short by a byte, and with what must not change the answer (prefixes) or must (LOCK, an unknown
 * opcode). Then every short byte string: no overrun.
 */
#include "check.h"

#include <stdlib.h>

#include "pv/priv_decode.h"

struct sample {
    const char *text, *bytes;
    uint8_t n, op, size, reg, gpr;
    bool rep, dx;
};

#define B(s) s, sizeof(s) - 1

static const struct sample samples[] = {
    { "in al, 0x60", B("\xe4\x60"), PRIV_IN, 1, 0, 0, false, false },
    { "in eax, 0x60", B("\xe5\x60"), PRIV_IN, 4, 0, 0, false, false },
    { "in ax, dx", B("\x66\xed"), PRIV_IN, 2, 0, 0, false, true },
    { "in eax, dx with REX.W and 66h", B("\x66\x48\xed"), PRIV_IN, 4, 0, 0, false, true },
    { "REX before a prefix does not count", B("\x48\x66\xed"), PRIV_IN, 2, 0, 0, false, true },
    { "out 0x80, al", B("\xe6\x80"), PRIV_OUT, 1, 0, 0, false, false },
    { "out dx, eax", B("\xef"), PRIV_OUT, 4, 0, 0, false, true },
    { "rep insb", B("\xf3\x6c"), PRIV_INS, 1, 0, 0, true, true },
    { "rep outsw", B("\xf3\x66\x6f"), PRIV_OUTS, 2, 0, 0, true, true },
    { "cli", B("\xfa"), PRIV_CLI, 0, 0, 0, false, false },
    { "sti", B("\xfb"), PRIV_STI, 0, 0, 0, false, false },
    { "hlt", B("\xf4"), PRIV_HLT, 0, 0, 0, false, false },
    { "clts", B("\x0f\x06"), PRIV_CLTS, 0, 0, 0, false, false },
    { "invd", B("\x0f\x08"), PRIV_INVD, 0, 0, 0, false, false },
    { "wbinvd", B("\x0f\x09"), PRIV_WBINVD, 0, 0, 0, false, false },
    { "mov rax, cr0", B("\x0f\x20\xc0"), PRIV_READ_CR, 0, 0, 0, false, false },
    { "mov rdi, cr4", B("\x0f\x20\xe7"), PRIV_READ_CR, 0, 4, 7, false, false },
    { "mov r9, cr8", B("\x45\x0f\x20\xc1"), PRIV_READ_CR, 0, 8, 9, false, false },
    { "mov cr4, rbx", B("\x0f\x22\xe3"), PRIV_WRITE_CR, 0, 4, 3, false, false },
    { "mov r12, dr7", B("\x41\x0f\x21\xfc"), PRIV_READ_DR, 0, 7, 12, false, false },
    { "mov dr0, rax", B("\x0f\x23\xc0"), PRIV_WRITE_DR, 0, 0, 0, false, false },
    { "wrmsr", B("\x0f\x30"), PRIV_WRMSR, 0, 0, 0, false, false },
    { "rdtsc", B("\x0f\x31"), PRIV_RDTSC, 0, 0, 0, false, false },
    { "rdmsr", B("\x0f\x32"), PRIV_RDMSR, 0, 0, 0, false, false },
    { "rdpmc", B("\x0f\x33"), PRIV_RDPMC, 0, 0, 0, false, false },
    { "cpuid", B("\x0f\xa2"), PRIV_CPUID, 0, 0, 0, false, false },
    { "xsetbv", B("\x0f\x01\xd1"), PRIV_XSETBV, 0, 0, 0, false, false },
    { "rdtscp", B("\x0f\x01\xf9"), PRIV_RDTSCP, 0, 0, 0, false, false },
    { "lmsw cx", B("\x0f\x01\xf1"), PRIV_LMSW, 0, 0, 1, false, false },
    { "invlpg [rdi]", B("\x0f\x01\x3f"), PRIV_INVLPG, 0, 0, 0, false, false },
    { "invlpg [rax+8]", B("\x0f\x01\x78\x08"), PRIV_INVLPG, 0, 0, 0, false, false },
    { "invlpg [rip+4]", B("\x0f\x01\x3d\x04\x00\x00\x00"), PRIV_INVLPG, 0, 0, 0, false, false },
    { "invlpg [rsp+rax]", B("\x0f\x01\x3c\x04"), PRIV_INVLPG, 0, 0, 0, false, false },
    { "invlpg [abs32]", B("\x0f\x01\x3c\x25\x00\x10\x00\x00"), PRIV_INVLPG, 0, 0, 0, false, false },
};

static const uint8_t *bytes_of(const struct sample *s) { return (const uint8_t *)s->bytes; }

int main(void)
{
    TEST("each instruction in 64-bit code") {
        for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
            const struct sample *s = &samples[i];
            struct priv_insn in;

            CHECK(priv_decode(bytes_of(s), s->n, true, false, &in));
            CHECK_EQ(in.op, s->op);
            CHECK_EQ(in.length, s->n);
            CHECK_EQ(in.operand_size, s->size);
            CHECK_EQ(in.reg, s->reg);
            CHECK_EQ(in.gpr, s->gpr);
            CHECK_EQ(in.rep, s->rep);
            CHECK_EQ(in.port_in_dx, s->dx);
            CHECK_EQ(in.address_size, 8);
        }
    }
    TEST("cut short by a byte, none decodes") {
        for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
            uint8_t *copy = malloc(samples[i].n); /* exact, so that an overrun is seen */
            struct priv_insn in;

            memcpy(copy, samples[i].bytes, samples[i].n);
            CHECK(!priv_decode(copy, samples[i].n - 1U, true, false, &in));
            free(copy);
        }
    }
    TEST("LOCK makes any of them invalid") {
        for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
            uint8_t code[INSN_MAX] = { 0xf0 };
            struct priv_insn in;

            memcpy(code + 1, samples[i].bytes, samples[i].n);
            CHECK(!priv_decode(code, samples[i].n + 1U, true, false, &in));
        }
    }
    TEST("more than 15 bytes is no instruction") {
        uint8_t code[32];
        struct priv_insn in;

        memset(code, 0x66, sizeof(code));
        code[15] = 0xed;
        CHECK(!priv_decode(code, sizeof(code), true, false, &in));
        code[14] = 0xed;
        CHECK(priv_decode(code, sizeof(code), true, false, &in));
        CHECK_EQ(in.length, 15);
    }
    TEST("sizes in 16-bit and 32-bit code; 40h to 4fh are instructions there") {
        struct priv_insn in;

        CHECK(priv_decode((const uint8_t *)"\xed", 1, false, true, &in));
        CHECK_EQ(in.operand_size, 4);
        CHECK_EQ(in.address_size, 4);
        CHECK(priv_decode((const uint8_t *)"\xed", 1, false, false, &in));
        CHECK_EQ(in.operand_size, 2);
        CHECK_EQ(in.address_size, 2);
        CHECK(priv_decode((const uint8_t *)"\x66\x67\xed", 3, false, false, &in));
        CHECK_EQ(in.operand_size, 4);
        CHECK_EQ(in.address_size, 4);
        CHECK(!priv_decode((const uint8_t *)"\x48\xed", 2, false, true, &in));
    }
    TEST("segment of OUTS") {
        struct priv_insn in;

        CHECK(priv_decode((const uint8_t *)"\x6e", 1, true, false, &in));
        CHECK_EQ(in.segment, SEG_DS);
        CHECK(priv_decode((const uint8_t *)"\x65\x6e", 2, true, false, &in));
        CHECK_EQ(in.segment, SEG_GS);
    }
    TEST("other instructions are not ours") {
        struct priv_insn in;

        CHECK(!priv_decode((const uint8_t *)"\x90", 1, true, false, &in));
        CHECK(!priv_decode((const uint8_t *)"\x0f\x0b", 2, true, false, &in));
        CHECK(!priv_decode((const uint8_t *)"\x0f\x01\x17", 3, true, false, &in)); /* lgdt */
        CHECK(!priv_decode((const uint8_t *)"\xcd\x80", 2, true, false, &in));
        CHECK(!priv_decode((const uint8_t *)"", 0, true, false, &in));
    }
    TEST("any three bytes: no length beyond what was there") {
        uint8_t *code = malloc(3);
        unsigned int bad = 0;

        for (uint32_t x = 0; x < 1U << 24; x++) {
            struct priv_insn in;

            code[0] = (uint8_t)x;
            code[1] = (uint8_t)(x >> 8);
            code[2] = (uint8_t)(x >> 16);
            if (priv_decode(code, 3, x & 1, x & 2, &in) &&
                (in.length == 0 || in.length > 3 || in.op > PRIV_XSETBV))
                bad++;
        }
        free(code);
        CHECK_EQ(bad, 0);
    }
    return check_exit();
}
