/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c arch/x86/hvm/emulate.c arch/x86/hvm/io.c arch/x86/hvm/copy.c */
/* links: tests/host/emul_world.c */
/*
 * Instructions whose memory is a device's: the emulator with its callbacks, copies and requests to
 * a device model. What lies on two pages, of which either or both are a device's or RAM; whose
 * fault comes first, and that nothing is done then.
 */
#include "check.h"

#include <arch/regs.h>

#include "../host/emul_world.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

#define EDGE 0x2000U /* linear: between pages 1 and 2 */

static void code(const char *bytes, unsigned int n)
{
    memcpy(ew.memory[EW_PAGES], bytes, n);
}
#define CODE(s) code(s, sizeof(s) - 1)

static void fill(void)
{
    for (unsigned int i = 0; i < EW_PAGES * PAGE_SIZE; i++)
        ew.memory[i / PAGE_SIZE][i % PAGE_SIZE] = (uint8_t)(i * 7 + i / 251 + 1);
}

static void start(enum ew_kind first, enum ew_kind second, uint64_t address)
{
    ew_start(INSN_LONG64, 0);
    fill();
    ew.kind[ew_gfn(1)] = first;
    ew.kind[ew_gfn(2)] = second;
    ew.state.gpr[RBX] = address;
    ew.state.gpr[RAX] = 0x1122334455667788;
}

static uint64_t memory_at(uint64_t linear, unsigned int size)
{
    uint64_t val = 0;

    for (unsigned int i = 0; i < size; i++)
        val |= (uint64_t)*ew_at(linear + i) << (8 * i);
    return val;
}

static const enum ew_kind pairs[][2] = {
    { EW_RAM, EW_MODEL }, { EW_MODEL, EW_RAM }, { EW_MODEL, EW_MODEL }, { EW_RAM, EW_OURS },
    { EW_OURS, EW_RAM }, { EW_OURS, EW_MODEL }, { EW_MODEL, EW_OURS }, { EW_OURS, EW_OURS },
};

/* MOV RAX, [RBX] and back, at each place over the edge. */
static void test_mov(void)
{
    for (unsigned int p = 0; p < ARRAY_SIZE(pairs); p++)
        for (unsigned int before = 1; before < 8; before++) {
            const uint64_t at = EDGE - before;
            uint64_t want;

            start(pairs[p][0], pairs[p][1], at);
            want = memory_at(at, 8);
            CODE("\x48\x8b\x03");
            CHECK(ew_run() && ew.vector < 0 && ew.state.gpr[RAX] == want);
            CHECK(ew.sent + ew.ours > 0);

            start(pairs[p][0], pairs[p][1], at);
            want = memory_at(at - 8, 8);
            CODE("\x48\x89\x03");
            CHECK(ew_run() && ew.vector < 0 && memory_at(at, 8) == 0x1122334455667788);
            CHECK(memory_at(at - 8, 8) == want && ew.state.rip == EW_CODE + 3);
        }
}

/* Each part once, in the order of addresses: 3 bytes are 2 and 1. */
static void test_parts(void)
{
    start(EW_MODEL, EW_OURS, EDGE - 3);
    CODE("\x48\x89\x03");
    CHECK(ew_run() && ew.sent == 2 && ew.ours == 2);
    CHECK(ew.last == ((uint64_t)ew_gfn(2) << 12) + 4 && ew.last_size == 1);

    start(EW_MODEL, EW_RAM, EDGE - 3);
    CODE("\x48\x8b\x03");
    CHECK(ew_run() && ew.sent == 2 && ew.last_size == 1);
    CHECK(ew.last == ((uint64_t)ew_gfn(1) << 12) + 0xfff);

    start(EW_MODEL, EW_RAM, EDGE - 8); /* on one page */
    CODE("\x48\x8b\x03");
    CHECK(ew_run() && ew.sent == 1 && ew.last_size == 8);
}

static void faults(const char *what, unsigned int n, uint8_t first, uint8_t second, bool is_write)
{
    for (unsigned int p = 0; p < ARRAY_SIZE(pairs); p++) {
        static struct ew before;
        const bool first_faults = !(first & PFEC_PRESENT) || (is_write && !(first & PFEC_WRITE));

        start(pairs[p][0], pairs[p][1], EDGE - 3);
        ew.rights[1] = first;
        ew.rights[2] = second;
        before = ew;
        code(what, n);
        CHECK(ew_run() && ew.vector == TRAP_PF && ew.sent == 0 && ew.ours == 0);
        CHECK_EQ(ew.cr2, first_faults ? EDGE - 3 : EDGE);
        CHECK_EQ(ew.error, ((first_faults ? first : second) & PFEC_PRESENT) |
                               (is_write ? PFEC_WRITE : 0));
        CHECK(!memcmp(before.memory, ew.memory, EW_PAGES * PAGE_SIZE));
        CHECK(!memcmp(&before.state, &ew.state, sizeof(ew.state)));
    }
}

static void test_faults(void)
{
    const uint8_t rw = PFEC_PRESENT | PFEC_WRITE, ro = PFEC_PRESENT;

    faults("\x48\x8b\x03", 3, rw, 0, false);
    faults("\x48\x8b\x03", 3, 0, rw, false);
    faults("\x48\x8b\x03", 3, 0, 0, false);
    faults("\x48\x89\x03", 3, rw, ro, true);
    faults("\x48\x89\x03", 3, ro, rw, true);
    faults("\x48\x89\x03", 3, ro, 0, true);
    faults("\x48\x89\x03", 3, rw, 0, true);
}

/* What is read and written: the write's fault comes when the device was read, as on a processor. */
static void test_modify(void)
{
    for (unsigned int p = 0; p < ARRAY_SIZE(pairs); p++) {
        uint64_t old;

        start(pairs[p][0], pairs[p][1], EDGE - 5); /* ADD [RBX], RAX */
        old = memory_at(EDGE - 5, 8);
        CODE("\x48\x01\x03");
        CHECK(ew_run() && ew.vector < 0 && memory_at(EDGE - 5, 8) == old + 0x1122334455667788);

        start(pairs[p][0], pairs[p][1], EDGE - 5); /* XCHG */
        old = memory_at(EDGE - 5, 8);
        CODE("\x48\x87\x03");
        CHECK(ew_run() && ew.vector < 0 && memory_at(EDGE - 5, 8) == 0x1122334455667788);
        CHECK_EQ(ew.state.gpr[RAX], old);

        start(pairs[p][0], pairs[p][1], EDGE - 5); /* LOCK INC */
        old = memory_at(EDGE - 5, 8);
        CODE("\xf0\x48\xff\x03");
        CHECK(ew_run() && ew.vector < 0 && memory_at(EDGE - 5, 8) == old + 1);
    }
}

/* 16 and 32 bytes: up to 7 parts on a page. */
static void test_vector(void)
{
    for (unsigned int p = 0; p < ARRAY_SIZE(pairs); p++)
        for (unsigned int before = 1; before < 32; before++) {
            start(pairs[p][0], pairs[p][1], EDGE - before); /* VMOVDQU YMM0, [RBX] */
            CODE("\xc5\xfe\x6f\x03");
            CHECK(ew_run() && ew.vector < 0);
            for (unsigned int i = 0; i < 32; i++)
                CHECK(ew.vectors[0][i] == *ew_at(EDGE - before + i));

            start(pairs[p][0], pairs[p][1], EDGE - before); /* ... and back */
            for (unsigned int i = 0; i < 32; i++)
                ew.vectors[0][i] = (uint8_t)(0xc0 + i);
            CODE("\xc5\xfe\x7f\x03");
            CHECK(ew_run() && ew.vector < 0);
            for (unsigned int i = 0; i < 32; i++)
                CHECK(*ew_at(EDGE - before + i) == 0xc0 + i);
        }
}

/* Two accesses over edges in one instruction: MOVSQ from pages 1 and 2 to 4 and 5. */
static void test_movs(void)
{
    for (unsigned int p = 0; p < ARRAY_SIZE(pairs); p++)
        for (unsigned int q = 0; q < ARRAY_SIZE(pairs); q++) {
            uint64_t want;

            start(pairs[p][0], pairs[p][1], 0);
            ew.kind[ew_gfn(4)] = pairs[q][0];
            ew.kind[ew_gfn(5)] = pairs[q][1];
            ew.state.gpr[RSI] = EDGE - 3;
            ew.state.gpr[RDI] = 0x5000 - 6;
            want = memory_at(EDGE - 3, 8);
            CODE("\x48\xa5");
            CHECK(ew_run() && ew.vector < 0 && memory_at(0x5000 - 6, 8) == want);
            CHECK(ew.state.gpr[RSI] == EDGE + 5 && ew.state.gpr[RDI] == 0x5002);
        }
}

/* Read-only memory drops its half; pages whose writes are a device model's are read as memory. */
static void test_other_memory(void)
{
    uint64_t old;

    start(EW_MODEL, EW_READ_ONLY, EDGE - 4);
    old = memory_at(EDGE, 4);
    CODE("\x48\x89\x03");
    CHECK(ew_run() && memory_at(EDGE - 4, 4) == 0x55667788 && memory_at(EDGE, 4) == old);
    CHECK_EQ(ew.sent, 1);

    start(EW_RAM, EW_MODEL_WRITES, EDGE - 4);
    CODE("\x48\x89\x03");
    CHECK(ew_run() && memory_at(EDGE - 4, 8) == 0x1122334455667788 && ew.sent == 1);

    start(EW_MODEL, EW_MODEL_WRITES, EDGE - 4);
    old = memory_at(EDGE - 4, 8);
    CODE("\x48\x8b\x03");
    CHECK(ew_run() && ew.state.gpr[RAX] == old && ew.sent == 1);
}

/* REP MOVS is one request a page: from RAM, to RAM, within the device's memory; either way. */
static void test_blocks(void)
{
    static const enum ew_kind kinds[][2] = { { EW_RAM, EW_MODEL }, { EW_MODEL, EW_RAM },
                                             { EW_MODEL, EW_MODEL } };

    for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++)
        for (unsigned int down = 0; down < 2; down++) {
            uint8_t want[64];

            start(kinds[k][0], EW_RAM, 0);
            ew.kind[ew_gfn(4)] = kinds[k][1];
            for (unsigned int i = 0; i < sizeof(want); i++)
                want[i] = *ew_at(0x1100 + i);
            ew.state.gpr[RSI] = down ? 0x113c : 0x1100;
            ew.state.gpr[RDI] = down ? 0x423c : 0x4200;
            ew.state.gpr[RCX] = 16;
            ew.state.rflags |= down ? X86_EFLAGS_DF : 0;
            CODE("\xf3\xa5");
            CHECK(ew_run() && ew.vector < 0 && ew.sent == 1 && ew.blocks == 1);
            for (unsigned int i = 0; i < sizeof(want); i++)
                CHECK(*ew_at(0x4200 + i) == want[i]);
            CHECK(ew.state.gpr[RSI] == (down ? 0x10fc : 0x1140) && ew.state.gpr[RCX] == 0);
        }
}

int main(void)
{
    TEST("a move over two pages, either or both a device's") test_mov();
    TEST("... in parts that are within a page, each asked for once") test_parts();
    TEST("... whose fault, if any, comes before anything is done") test_faults();
    TEST("read and written: plain, exchanged, locked") test_modify();
    TEST("vector registers over two pages") test_vector();
    TEST("a string's element, from two pages to two") test_movs();
    TEST("REP MOVS in one request, upwards and downwards") test_blocks();
    TEST("read-only memory, and pages of which a device model takes the writes")
        test_other_memory();
    return check_exit();
}
