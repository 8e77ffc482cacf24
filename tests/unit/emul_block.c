/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c */
/*
 * REP INS and OUTS in blocks: how many elements the owner is asked for at once, where it stays at
 * one by one, and that an answer which comes later counts once.
 */
#include "check.h"

#include <arch/emul.h>
#include <arch/regs.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static uint8_t code[INSN_LENGTH_MAX];
static struct emul e;
static unsigned int blocks, singles, writes, elements;
static uint64_t at;
static bool was_in;
static enum emul_result answer;

static enum emul_result on_fetch(struct emul *x, uint64_t linear, void *buf, unsigned int size,
                                 unsigned int *got)
{
    memcpy(buf, code, size);
    *got = size;
    return EMUL_OK;
}

static enum emul_result on_read(struct emul *x, uint64_t linear, void *buf, unsigned int size,
                                enum emul_access access)
{
    memset(buf, 0, size);
    return EMUL_OK;
}

static enum emul_result on_write(struct emul *x, uint64_t linear, const void *buf,
                                 unsigned int size, enum emul_access access)
{
    writes++;
    return EMUL_OK;
}

static enum emul_result on_probe(struct emul *x, uint64_t linear, unsigned int size,
                                 enum emul_access access)
{
    return EMUL_OK;
}

static enum emul_result on_in(struct emul *x, uint16_t port, unsigned int size, uint32_t *val)
{
    singles++;
    *val = 0;
    return EMUL_OK;
}

static enum emul_result on_out(struct emul *x, uint16_t port, unsigned int size, uint32_t val)
{
    singles++;
    return EMUL_OK;
}

static enum emul_result on_block(struct emul *x, uint16_t port, unsigned int size,
                                 unsigned int count, uint64_t linear, bool in)
{
    blocks++;
    elements = count;
    at = linear;
    was_in = in;
    return answer;
}

static const struct emul_ops ops = {
    .fetch = on_fetch, .read = on_read, .write = on_write, .probe_write = on_probe,
    .port_in = on_in, .port_out = on_out, .port_block = on_block,
};

/* Flat 32-bit code at 0x1000 of ring 0: REP and this opcode. */
static void start(uint8_t opcode, uint64_t address, uint64_t count)
{
    code[0] = 0xf3;
    code[1] = opcode;
    emul_init(&e, &ops, NULL);
    e.cr0 = X86_CR0_PE;
    e.state.rip = 0x1000;
    e.state.rflags = X86_EFLAGS_MBS;
    for (unsigned int i = 0; i < 6; i++)
        e.state.seg[i] = (struct emul_segment){
            .limit = 0xffffffff, .attr = i == INSN_CS ? 0xc9b : 0xc93
        };
    e.state.gpr[RDX] = 0x511;
    e.state.gpr[RSI] = e.state.gpr[RDI] = address;
    e.state.gpr[RCX] = count;
    blocks = singles = writes = elements = 0;
    answer = EMUL_OK;
}

static void test_whole(void)
{
    start(0x6c, 0x2000, 100);
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(blocks == 1 && singles == 0 && elements == 100 && at == 0x2000 && was_in);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RDI] == 0x2064 && e.state.gpr[RSI] == 0x2000);
    CHECK(e.state.rip == 0x1002);

    start(0x6f, 0x2000, 8); /* OUTSD */
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(blocks == 1 && elements == 8 && !was_in);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RSI] == 0x2020 && e.state.gpr[RDI] == 0x2000);
}

/* A block ends with its page; the element over two pages goes by itself. */
static void test_pages(void)
{
    start(0x6d, 0x2ff6, 5);
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(singles == 1 && writes == 1 && blocks == 2 && elements == 2 && at == 0x3002);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RDI] == 0x300a);
}

static void test_one_by_one(void)
{
    start(0x6c, 0x2010, 4);
    e.state.rflags |= X86_EFLAGS_DF;
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(blocks == 0 && singles == 4 && e.state.gpr[RDI] == 0x200c);

    start(0x6c, 0x2000, 4);
    e.state.rflags |= X86_EFLAGS_TF;
    CHECK(emul_run(&e) == EMUL_PARTIAL && e.single_step);
    CHECK(blocks == 0 && singles == 1 && e.state.gpr[RCX] == 3);

    start(0x6c, 0x2000, 4); /* beyond the segment's limit: up to there, then the fault */
    e.state.seg[INSN_ES].limit = 0x2001;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(blocks == 0 && singles == 2 && e.state.gpr[RCX] == 2);

    start(0x6c, 0x2000, 4); /* the owner declines */
    answer = EMUL_UNHANDLED;
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(singles == 4 && e.state.gpr[RCX] == 0);

    start(0x6c, 0x2000, 4); /* no right to the port: nothing is asked */
    e.state.cpl = 3;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(blocks == 0 && singles == 0);
}

/* 16-bit addresses in a large segment: DI wraps to its beginning. */
static void test_wrap(void)
{
    start(0x6c, 0xfffe, 4);
    e.state.seg[INSN_ES].base = 0x800; /* or the page would end where the addresses do */
    code[0] = 0x67;
    code[1] = 0xf3;
    code[2] = 0x6c;
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(singles == 2 && blocks == 1 && elements == 2 && at == 0x800);
    CHECK((e.state.gpr[RDI] & 0xffff) == 2);
}

static void test_wait(void)
{
    start(0x6c, 0x2000, 4);
    answer = EMUL_RETRY;
    CHECK(emul_run(&e) == EMUL_RETRY);
    CHECK(e.state.gpr[RCX] == 4 && e.state.gpr[RDI] == 0x2000 && e.state.rip == 0x1000);
    answer = EMUL_OK;
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(blocks == 2 && singles == 0 && elements == 4);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RDI] == 0x2004);
}

int main(void)
{
    TEST("all at once, both ways") test_whole();
    TEST("a page at a time") test_pages();
    TEST("one by one where it has to be") test_one_by_one();
    TEST("addresses of 16 bits") test_wrap();
    TEST("an answer that comes later") test_wait();
    return check_exit();
}
