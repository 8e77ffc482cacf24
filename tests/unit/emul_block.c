/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c */
/*
 * REP INS, OUTS and MOVS in blocks: how many elements the owner is asked for at once, where it
 * stays at one by one, and that an answer which comes later counts once.
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

static bool was_down;

/* The first byte of a block, and that all of it is on its page. */
static uint64_t lowest(const struct emul_block *b, uint64_t linear)
{
    const uint64_t low = b->down ? linear - (b->count - 1) * b->size : linear;

    CHECK((low & 0xfff) + b->count * b->size <= 0x1000 && low >> 12 == linear >> 12);
    return low;
}

static enum emul_result on_block(struct emul *x, const struct emul_block *b, uint16_t port,
                                 uint64_t linear, bool in)
{
    lowest(b, linear);
    blocks++;
    elements = b->count;
    was_down = b->down;
    at = linear;
    was_in = in;
    return answer;
}

static unsigned int copies, copy_size, copied;
static uint64_t copied_from, copied_to;

static enum emul_result on_copy(struct emul *x, const struct emul_block *b, uint64_t from,
                                uint64_t to)
{
    lowest(b, from);
    lowest(b, to);
    copies++;
    copy_size = b->size;
    elements = b->count;
    was_down = b->down;
    if (answer == EMUL_OK)
        copied += b->count;
    copied_from = from;
    copied_to = to;
    return answer;
}

static const struct emul_ops ops = {
    .fetch = on_fetch, .read = on_read, .write = on_write, .probe_write = on_probe,
    .port_in = on_in, .port_out = on_out, .port_block = on_block,
    .copy_block = on_copy,
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
    blocks = singles = writes = elements = copies = copied = 0;
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
    CHECK(singles == 4 && blocks == 1 && e.state.gpr[RCX] == 0);

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

/* MOVS: as many as both pages have; those over an edge go one by one. */
static void test_copy(void)
{
    start(0xa5, 0x2000, 16);
    e.state.gpr[RDI] = 0x5ff0;
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(copies == 2 && copy_size == 4 && elements == 12 && writes == 0);
    CHECK(copied_from == 0x2010 && copied_to == 0x6000);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RSI] == 0x2040 && e.state.gpr[RDI] == 0x6030);
    CHECK(e.state.rip == 0x1002);

    start(0xa5, 0x2ffe, 3);
    e.state.gpr[RDI] = 0x5000;
    CHECK(emul_run(&e) == EMUL_OK);
    CHECK(copies == 1 && writes == 1 && elements == 2 && copied_from == 0x3002);

    start(0xa4, 0x2000, 3); /* the owner declines */
    answer = EMUL_UNHANDLED;
    CHECK(emul_run(&e) == EMUL_OK && writes == 3 && copies == 1 && e.state.gpr[RCX] == 0);

    start(0xa4, 0x2000, 4); /* beyond the destination's limit */
    e.state.seg[INSN_ES].limit = 0x2001;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(copies == 0 && writes == 2 && e.state.gpr[RCX] == 2);

    start(0xa4, 0x2000, 4); /* an answer that comes later */
    answer = EMUL_RETRY;
    CHECK(emul_run(&e) == EMUL_RETRY && e.state.gpr[RCX] == 4 && e.state.gpr[RSI] == 0x2000);
    answer = EMUL_OK;
    CHECK(emul_run(&e) == EMUL_OK && copies == 2 && writes == 0 && e.state.gpr[RCX] == 0);
}

/* Each page is asked for by itself: the registers lose no element between them. */
static void test_copy_pages(void)
{
    start(0xa4, 0x2010, 0x3000); /* two ends in each round but one */
    e.state.gpr[RDI] = 0x8020;
    CHECK(emul_run(&e) == EMUL_OK && copied == 0x3000 && writes == 0);
    CHECK(copies == 7 && e.state.gpr[RCX] == 0);
    CHECK(e.state.gpr[RSI] == 0x5010 && e.state.gpr[RDI] == 0xb020);

    start(0xa5, 0x2001, 0x801); /* an element over each page's end, and a last one alone */
    e.state.gpr[RDI] = 0x8006;
    CHECK(emul_run(&e) == EMUL_OK && copied == 0x801 - 5 && writes == 5);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RSI] == 0x4005 && e.state.gpr[RDI] == 0xa00a);

    start(0xa4, 0x2000, 0xffffffff); /* so many that others have to have a turn */
    e.state.gpr[RDI] = 0x80000000;
    CHECK(emul_run(&e) == EMUL_PARTIAL && copies == 256 && copied == 256 * 4096);
    CHECK(e.state.gpr[RCX] == 0xffffffff - 256 * 4096 && e.state.rip == 0x1000);

    start(0xa4, 0x2000, 16); /* overlapping: the owner's, who goes upwards */
    e.state.gpr[RDI] = 0x2001;
    CHECK(emul_run(&e) == EMUL_OK && copies == 1 && elements == 16);
    CHECK(copied_from == 0x2000 && copied_to == 0x2001);

    start(0xa4, 0x2000, 1);
    CHECK(emul_run(&e) == EMUL_OK && copies == 0 && writes == 1);
    start(0xa4, 0x2000, 0);
    CHECK(emul_run(&e) == EMUL_OK && copies == 0 && writes == 0 && e.state.rip == 0x1002);
}

/* 64-bit code: elements of 8 bytes, and a count of 64 bits. */
static void test_copy_long(void)
{
    start(0, 0x7fffffffe008, (1ULL << 40) + 600);
    e.state.seg[INSN_CS].attr = 0xa9b;
    e.efer = 1UL << 10;
    code[1] = 0x48;
    code[2] = 0xa5;
    e.state.gpr[RDI] = 0x5008;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP); /* not canonical behind it */
    CHECK(copy_size == 8 && copied == 1023 && copies == 2 && writes == 0);
    CHECK(e.state.gpr[RCX] == (1ULL << 40) + 600 - 1023);
    CHECK(e.state.gpr[RSI] == 0x800000000000 && e.state.gpr[RDI] == 0x5008 + 1023 * 8);
}

/* One segment or the other ends; then elements go by themselves, up to the one that faults. */
static void test_copy_limits(void)
{
    start(0xa5, 0x2000, 4);
    code[0] = 0x3e; /* DS, as it is */
    code[1] = 0xf3;
    code[2] = 0xa5;
    e.state.seg[INSN_DS].limit = 0x2007;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(copies == 0 && writes == 2 && e.state.gpr[RCX] == 2 && e.state.gpr[RSI] == 0x2008);

    start(0xa5, 0x2000, 4); /* all of the segment */
    e.state.seg[INSN_DS].limit = e.state.seg[INSN_ES].limit = 0x200f;
    CHECK(emul_run(&e) == EMUL_OK && copies == 1 && copied == 4);

    start(0xa4, 0x2000, 4); /* nothing may be written there */
    e.state.seg[INSN_ES].attr = 0xc91;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(copies == 0 && writes == 0 && e.state.gpr[RCX] == 4);

    start(0xa4, 0x2000, 4); /* expand-down: what is above the limit */
    e.state.seg[INSN_ES].attr = 0xc97;
    e.state.seg[INSN_ES].limit = 0x1fff;
    CHECK(emul_run(&e) == EMUL_OK && copied == 4);
    start(0xa4, 0x2000, 4);
    e.state.seg[INSN_ES].attr = 0xc97;
    e.state.seg[INSN_ES].limit = 0x2000;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP && copies == 0);
}

/* Alignment is the elements', not the block's; and who only asks leaves no fault behind. */
static void test_alignment(void)
{
    start(0xa5, 0x2004, 5);
    e.cr0 |= X86_CR0_AM;
    e.state.cpl = 3;
    e.state.rflags |= X86_EFLAGS_AC;
    CHECK(emul_run(&e) == EMUL_OK && copied == 5 && e.fault.vector == 0);

    start(0xa5, 0x2002, 5);
    e.cr0 |= X86_CR0_AM;
    e.state.cpl = 3;
    e.state.rflags |= X86_EFLAGS_AC;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_AC && copies == 0 && writes == 0);

    start(0xa4, 0x2000, 3); /* the last one is the segment's last */
    e.state.seg[INSN_ES].limit = 0x2002;
    CHECK(emul_run(&e) == EMUL_OK && copied == 3 && e.fault.vector == 0);
}

static void test_copy_wrap(void)
{
    start(0xa4, 0x2000, 8);
    code[0] = 0x67;
    code[1] = 0xf3;
    code[2] = 0xa4;
    e.state.seg[INSN_ES].base = 0x800;
    e.state.gpr[RSI] = 0x12342000;
    e.state.gpr[RDI] = 0xfffe;
    e.state.gpr[RCX] = 0xabcd0008;
    CHECK(emul_run(&e) == EMUL_OK && writes == 2 && copied == 6 && copied_to == 0x800);
    CHECK(e.state.gpr[RSI] == 0x12342008 && e.state.gpr[RDI] == 6);
    CHECK(e.state.gpr[RCX] == 0xabcd0000);
}

/* After a wait interrupts have a turn before the next page; an answer is not asked for again. */
static void test_turns(void)
{
    start(0xa4, 0x2000, 0x1800);
    e.state.gpr[RDI] = 0x8000;
    answer = EMUL_RETRY;
    CHECK(emul_run(&e) == EMUL_RETRY && elements == 0x1000);
    answer = EMUL_OK;
    CHECK(emul_run(&e) == EMUL_PARTIAL && copies == 2 && e.state.gpr[RCX] == 0x800);
    CHECK(e.state.gpr[RSI] == 0x3000 && e.state.gpr[RDI] == 0x9000 && e.state.rip == 0x1000);
    answer = EMUL_RETRY;
    CHECK(emul_run(&e) == EMUL_RETRY && elements == 0x800 && copied_from == 0x3000);
    answer = EMUL_OK;
    CHECK(emul_run(&e) == EMUL_OK && e.state.gpr[RCX] == 0 && e.state.rip == 0x1002);
}

static void start_down(uint8_t opcode, uint64_t address, uint64_t count)
{
    start(opcode, address, count);
    e.state.rflags |= X86_EFLAGS_DF;
}

/* The first element is the highest; a page ends at its beginning. */
static void test_down(void)
{
    start_down(0x6c, 0x2010, 4);
    CHECK(emul_run(&e) == EMUL_OK && blocks == 1 && singles == 0 && was_down && was_in);
    CHECK(elements == 4 && at == 0x2010 && e.state.gpr[RDI] == 0x200c && e.state.gpr[RCX] == 0);

    start_down(0x6f, 0x2008, 5); /* OUTSD: three, one over the edge is none, two */
    CHECK(emul_run(&e) == EMUL_OK && blocks == 2 && singles == 0 && !was_in);
    CHECK(elements == 2 && at == 0x1ffc && e.state.gpr[RSI] == 0x1ff4);

    start_down(0x6f, 0x2006, 5); /* ... and here the third is on both pages */
    CHECK(emul_run(&e) == EMUL_OK && blocks == 2 && singles == 1);
    CHECK(elements == 2 && at == 0x1ffa && e.state.gpr[RSI] == 0x1ff2);

    start_down(0xa5, 0x3010, 16); /* as many as both pages have */
    e.state.gpr[RDI] = 0x6004;
    CHECK(emul_run(&e) == EMUL_OK && copies == 3 && writes == 0 && copied == 16 && was_down);
    CHECK(copied_from == 0x2ffc && copied_to == 0x5ff0 && elements == 11);
    CHECK(e.state.gpr[RCX] == 0 && e.state.gpr[RSI] == 0x2fd0 && e.state.gpr[RDI] == 0x5fc4);

    start_down(0xa4, 0x5fff, 0x3000); /* whole pages */
    e.state.gpr[RDI] = 0x9fff;
    CHECK(emul_run(&e) == EMUL_OK && copies == 3 && copied == 0x3000 && writes == 0);
    CHECK(e.state.gpr[RSI] == 0x2fff && e.state.gpr[RDI] == 0x6fff);

    start_down(0xa4, 0x2010, 16); /* overlapping: the owner goes downwards */
    e.state.gpr[RDI] = 0x2011;
    CHECK(emul_run(&e) == EMUL_OK && copies == 1 && elements == 16 && copied_to == 0x2011);

    start_down(0xa4, 0x2010, 4); /* the owner declines */
    answer = EMUL_UNHANDLED;
    CHECK(emul_run(&e) == EMUL_OK && copies == 1 && writes == 4 && e.state.gpr[RSI] == 0x200c);

    start_down(0xa4, 0x2010, 4); /* an answer that comes later */
    answer = EMUL_RETRY;
    CHECK(emul_run(&e) == EMUL_RETRY && e.state.gpr[RSI] == 0x2010 && e.state.gpr[RCX] == 4);
    answer = EMUL_OK;
    CHECK(emul_run(&e) == EMUL_OK && copies == 2 && writes == 0 && e.state.gpr[RSI] == 0x200c);
}

/* Below a segment's beginning: offsets wrap, and what is within goes at once. */
static void test_down_limits(void)
{
    start_down(0xa4, 3, 6);
    e.state.seg[INSN_DS].base = e.state.seg[INSN_ES].base = 0x2800;
    e.state.seg[INSN_DS].limit = 0xffff;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(copies == 1 && copied == 4 && copied_from == 0x2803 && writes == 0);
    CHECK(e.state.gpr[RCX] == 2 && e.state.gpr[RSI] == 0xffffffff);

    start_down(0xa4, 1, 4); /* 16-bit addresses */
    code[0] = 0x67;
    code[1] = 0xf3;
    code[2] = 0xa4;
    e.state.seg[INSN_DS].base = e.state.seg[INSN_ES].base = 0x2800;
    CHECK(emul_run(&e) == EMUL_OK && copies == 2 && copied == 4 && writes == 0);
    CHECK(copied_from == 0x2800 + 0xffff && e.state.gpr[RSI] == 0xfffd);

    start_down(0xa4, 0x2005, 6); /* expand-down: above the limit */
    e.state.seg[INSN_ES].attr = 0xc97;
    e.state.seg[INSN_ES].limit = 0x2001;
    CHECK(emul_run(&e) == EMUL_FAULT && e.fault.vector == TRAP_GP);
    CHECK(copies == 0 && writes == 4 && e.state.gpr[RCX] == 2);
}

int main(void)
{
    TEST("all at once, both ways") test_whole();
    TEST("a page at a time") test_pages();
    TEST("one by one where it has to be") test_one_by_one();
    TEST("addresses of 16 bits") test_wrap();
    TEST("an answer that comes later") test_wait();
    TEST("MOVS, as far as both pages go") test_copy();
    TEST("... over many pages") test_copy_pages();
    TEST("... of 64 bits") test_copy_long();
    TEST("... up to a segment's end") test_copy_limits();
    TEST("... with offsets that wrap") test_copy_wrap();
    TEST("alignment checks are of elements") test_alignment();
    TEST("others have a turn after a wait") test_turns();
    TEST("downwards") test_down();
    TEST("... to a segment's beginning") test_down_limits();
    return check_exit();
}
