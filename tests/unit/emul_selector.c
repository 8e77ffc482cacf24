/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c */
/*
 * SLDT, STR, LLDT and LTR: forms, privileges, what is refused and with which fault, descriptors of
 * 8 and of 16 bytes. VERR, VERW, LAR, LSL and ARPL of user code are in emul_native_legacy.c; here
 * are those on system descriptors, and in the modes that do not have them.
 */
#include "check.h"

#include <arch/emul.h>
#include <arch/msr.h>
#include <arch/regs.h>

enum { RAX, RCX, RDX, RBX };

#define GDT 0x100U
#define DATA 0x800U
#define CODE_AT 0x1000U
#define TSS_BASE 0x12345678U
#define ZF 0x40U

static uint8_t memory[0x2000];
static struct emul e;
static unsigned int writes;

static enum emul_result on_fetch(struct emul *x, uint64_t linear, void *buf, unsigned int size,
                                 unsigned int *got)
{
    memcpy(buf, &memory[linear], size);
    *got = size;
    return EMUL_OK;
}

static enum emul_result on_read(struct emul *x, uint64_t linear, void *buf, unsigned int size,
                                enum emul_access access)
{
    if (linear + size > sizeof(memory))
        return emul_page_fault(x, 0, linear);
    memcpy(buf, &memory[linear], size);
    return EMUL_OK;
}

static enum emul_result on_write(struct emul *x, uint64_t linear, const void *buf,
                                 unsigned int size, enum emul_access access)
{
    if (linear + size > sizeof(memory))
        return emul_page_fault(x, PFEC_WRITE, linear);
    memcpy(&memory[linear], buf, size);
    writes++;
    return EMUL_OK;
}

static const struct emul_ops ops = { .fetch = on_fetch, .read = on_read, .write = on_write };

/* access: bits 40-47 of the descriptor. */
static void descriptor(unsigned int selector, uint64_t base, uint8_t access)
{
    const uint64_t raw = 0x67 | (base & 0xffffff) << 16 | (uint64_t)access << 40 |
                         (base >> 24 & 0xff) << 56, upper = base >> 32;

    memcpy(&memory[GDT + (selector & ~7U)], &raw, 8);
    if (e.efer & EFER_LMA)
        memcpy(&memory[GDT + (selector & ~7U) + 8], &upper, 8);
}

static void start(const char *code, unsigned int n, bool wide, unsigned int cpl)
{
    emul_init(&e, &ops, NULL);
    memset(memory, 0xcc, sizeof(memory));
    memset(&memory[GDT], 0, 0x80);
    memcpy(&memory[CODE_AT], code, n);
    e.cr0 = X86_CR0_PE;
    e.efer = wide ? EFER_LMA : 0;
    e.amd = true;
    e.state.rip = CODE_AT;
    e.state.rflags = X86_EFLAGS_MBS;
    e.state.cpl = (uint8_t)cpl;
    for (unsigned int i = 0; i < 6; i++)
        e.state.seg[i] = (struct emul_segment){
            .limit = 0xffffffff,
            .attr = (uint16_t)((i == INSN_CS ? wide ? 0xa9b : 0xc9b : 0xc93) | cpl << 5)
        };
    e.state.ldtr = (struct emul_segment){ .selector = 0x1238 };
    e.state.tr = (struct emul_segment){ .selector = 0x5678 };
    e.state.gdtr = (struct emul_table){ GDT, 0x7f };
    for (unsigned int i = 0; i < 16; i++)
        e.state.gpr[i] = 0xa5a5a5a5a5a5a5a5;
    e.state.gpr[RBX] = DATA;
    writes = 0;
}
#define START(code, wide, cpl) start(code, sizeof(code) - 1, wide, cpl)

static bool fault(unsigned int vector, uint32_t error)
{
    return emul_run(&e) == EMUL_FAULT && e.fault.vector == vector && e.fault.error == error;
}

static void test_store(void)
{
    START("\x0f\x00\xc0", true, 0); /* SLDT EAX: the upper half is cleared */
    CHECK(emul_run(&e) == EMUL_OK && e.state.gpr[RAX] == 0x1238);
    START("\x66\x0f\x00\xc8", true, 0); /* STR AX */
    CHECK(emul_run(&e) == EMUL_OK && e.state.gpr[RAX] == 0xa5a5a5a5a5a55678);
    START("\x48\x0f\x00\xc8", true, 3);
    CHECK(emul_run(&e) == EMUL_OK && e.state.gpr[RAX] == 0x5678);
    START("\x41\x0f\x00\xc1", true, 0); /* SLDT R9D */
    CHECK(emul_run(&e) == EMUL_OK && e.state.gpr[9] == 0x1238);

    for (unsigned int i = 0; i < 3; i++) { /* memory: 2 bytes, whatever the operand size */
        start((const char *[]){ "\x48\x0f\x00\x0b", "\x66\x0f\x00\x0b", "\x90\x0f\x00\x0b" }[i], 4,
              true, 0);
        if (i == 2)
            e.state.rip++;
        CHECK(emul_run(&e) == EMUL_OK && writes == 1);
        CHECK(memory[DATA] == 0x78 && memory[DATA + 1] == 0x56 && memory[DATA + 2] == 0xcc);
    }
    START("\x0f\x00\xc0", true, 3);
    e.cr4 = X86_CR4_UMIP;
    CHECK(fault(TRAP_GP, 0));
    START("\x0f\x00\xc0", true, 0);
    e.cr4 = X86_CR4_UMIP;
    CHECK(emul_run(&e) == EMUL_OK);
}

/* All of these are #UD in real mode and in the virtual one. */
static void test_modes(void)
{
    static const char *const codes[] = { "\x0f\x00\xc0", "\x0f\x00\xd0", "\x0f\x00\xe0",
                                         "\x0f\x02\xc0", "\x0f\x03\xc0", "\x63\xc0\x90" };

    for (unsigned int i = 0; i < ARRAY_SIZE(codes); i++) {
        start(codes[i], 3, false, 0);
        e.cr0 = 0;
        CHECK(fault(TRAP_UD, 0));
        start(codes[i], 3, false, 3);
        e.state.rflags |= X86_EFLAGS_VM;
        CHECK(fault(TRAP_UD, 0));
    }
}

static void test_ldt(void)
{
    for (unsigned int wide = 0; wide < 2; wide++) {
        const uint64_t base = wide ? 0xffff800012345000 : 0x12345000;

        START("\x0f\x00\xd0", wide, 0); /* LLDT AX */
        e.state.gpr[RAX] = 0x22;
        descriptor(0x22, base, 0x82);
        CHECK(emul_run(&e) == EMUL_OK && e.state.ldtr.base == base && writes == 0);
        CHECK(e.state.ldtr.limit == 0x67 && e.state.ldtr.selector == 0x22);
        CHECK(e.state.ldtr.attr == 0x82);

        START("\x0f\x00\x13", wide, 0); /* LLDT [RBX]: null */
        memory[DATA] = 3;
        memory[DATA + 1] = 0;
        CHECK(emul_run(&e) == EMUL_OK && e.state.ldtr.selector == 3);
        CHECK(!(e.state.ldtr.attr & EMUL_ATTR_P));
    }
    START("\x0f\x00\x13", true, 3);
    e.state.gpr[RBX] = sizeof(memory); /* privilege comes before memory */
    CHECK(fault(TRAP_GP, 0));
    START("\x0f\x00\x13", true, 0);
    e.state.gpr[RBX] = sizeof(memory);
    CHECK(fault(TRAP_PF, 0) && e.fault.cr2 == sizeof(memory));
}

static void refused(bool task, bool wide, uint16_t selector, uint8_t access, unsigned int vector)
{
    start(task ? "\x0f\x00\xd8" : "\x0f\x00\xd0", 3, wide, 0);
    e.state.gpr[RAX] = selector;
    if (selector < 0x70)
        descriptor(selector, TSS_BASE, access);
    CHECK(fault(vector, selector & 0xfffcU) && writes == 0);
    CHECK(e.state.ldtr.selector == 0x1238 && e.state.tr.selector == 0x5678);
}

static void test_refused(void)
{
    for (unsigned int wide = 0; wide < 2; wide++)
        for (unsigned int access = 0; access < 256; access++) {
            const bool present = access & 0x80;
            const unsigned int type = access & 0x1f;

            if (type != 2)
                refused(false, wide, 0x20, (uint8_t)access, TRAP_GP);
            else if (!present)
                refused(false, wide, 0x20, (uint8_t)access, TRAP_NP);
            if (type != 9 && (type != 1 || wide))
                refused(true, wide, 0x20, (uint8_t)access, TRAP_GP);
            else if (!present)
                refused(true, wide, 0x20, (uint8_t)access, TRAP_NP);
        }
    refused(false, false, 0x24, 0x82, TRAP_GP);  /* in the LDT */
    refused(true, false, 0x24, 0x89, TRAP_GP);
    refused(false, false, 0x80, 0x82, TRAP_GP);  /* beyond the GDT */
    refused(true, true, 0x88, 0x89, TRAP_GP);
    refused(true, false, 0, 0x89, TRAP_GP);      /* null */

    START("\x0f\x00\xd8", true, 0); /* 16 bytes, of which the GDT has 8 */
    e.state.gpr[RAX] = 0x20;
    e.state.gdtr.limit = 0x2e;
    descriptor(0x20, TSS_BASE, 0x89);
    CHECK(fault(TRAP_GP, 0x20) && writes == 0);
    START("\x0f\x00\xd8", true, 0); /* a type in the upper half */
    e.state.gpr[RAX] = 0x20;
    descriptor(0x20, TSS_BASE, 0x89);
    memory[GDT + 0x20 + 13] = 9;
    CHECK(fault(TRAP_GP, 0x20) && writes == 0);
    START("\x0f\x00\xd0", true, 0); /* not canonical */
    e.state.gpr[RAX] = 0x20;
    descriptor(0x20, 1ULL << 47, 0x82);
    CHECK(fault(TRAP_GP, 0x20));
    START("\x0f\x00\xd8", true, 3);
    CHECK(fault(TRAP_GP, 0) && writes == 0);
}

/* It is busy afterwards, in the table and in the register. */
static void test_task(void)
{
    for (unsigned int type = 1; type <= 9; type += 8)
        for (unsigned int wide = 0; wide < 2; wide++) {
            START("\x0f\x00\xd8", wide, 0); /* LTR AX */
            if (wide && type == 1)
                continue;
            e.state.gpr[RAX] = 0x30;
            descriptor(0x30, TSS_BASE, (uint8_t)(0x80 | type));
            CHECK(emul_run(&e) == EMUL_OK && e.state.tr.base == TSS_BASE);
            CHECK(e.state.tr.attr == (0x82 | type) && e.state.tr.limit == 0x67);
            CHECK(e.state.tr.selector == 0x30 && memory[GDT + 0x35] == (0x82 | type));
            CHECK(writes == 1 && e.state.ldtr.selector == 0x1238);
        }
}

/* LAR AX, CX and LSL EAX, ECX of all kinds of descriptors; VERR and VERW know no system ones. */
static void test_questions(void)
{
    static const uint16_t lar[2] = { 0x1a3e, 0x1a04 }, lsl[2] = { 0x0a0e, 0x0a04 };

    for (unsigned int wide = 0; wide < 2; wide++)
        for (unsigned int access = 0; access < 256; access++) {
            const unsigned int type = access & 0x1f, rpl = access >> 5 & 3;
            const bool code = (type & 0x18) == 0x18, seen = (type & 0x1c) == 0x1c || rpl >= 1;
            const bool has_lar = seen && (type & 0x10 || lar[wide] >> type & 1),
                       has_lsl = seen && (type & 0x10 || lsl[wide] >> type & 1);

            START("\x66\x0f\x02\xc1", wide, 0);
            descriptor(0x28, TSS_BASE, (uint8_t)access);
            e.state.gpr[RCX] = 0x29;
            CHECK(emul_run(&e) == EMUL_OK && !(e.state.rflags & ZF) == !has_lar);
            CHECK_EQ(e.state.gpr[RAX], has_lar ? 0xa5a5a5a5a5a50000 | access << 8
                                               : 0xa5a5a5a5a5a5a5a5);
            START("\x0f\x03\xc1", wide, 0);
            descriptor(0x28, TSS_BASE, (uint8_t)access);
            e.state.gpr[RCX] = 0x29;
            CHECK(emul_run(&e) == EMUL_OK && !(e.state.rflags & ZF) == !has_lsl);
            CHECK_EQ(e.state.gpr[RAX], has_lsl ? 0x67 : 0xa5a5a5a5a5a5a5a5);
            for (unsigned int write = 0; write < 2; write++) {
                const bool yes = type & 0x10 && seen &&
                                 (code ? !write && type & 2 : !write || type & 2);

                start(write ? "\x0f\x00\xe9" : "\x0f\x00\xe1", 3, wide, 0);
                descriptor(0x28, TSS_BASE, (uint8_t)access);
                e.state.gpr[RCX] = 0x29;
                CHECK(emul_run(&e) == EMUL_OK && !(e.state.rflags & ZF) == !yes);
            }
        }
    START("\x0f\x02\xc1", true, 0); /* its table is not there: that is no answer */
    e.state.gdtr.base = sizeof(memory);
    e.state.gpr[RCX] = 0x28;
    CHECK(fault(TRAP_PF, 0) && e.fault.cr2 == sizeof(memory) + 0x28);
}

/* What is in no cache is not flushed; what is no memory of the guest's is refused. */
static void test_flush(void)
{
    static const char *const codes[] = { "\x90\x0f\xae\x3b", "\x66\x0f\xae\x3b",
                                         "\x66\x0f\xae\x33" };

    for (unsigned int i = 0; i < ARRAY_SIZE(codes); i++) {
        start(codes[i], 4, false, 0);
        e.state.rip += i == 0;
        CHECK(emul_run(&e) == EMUL_OK && e.state.rip == CODE_AT + 4 && writes == 0);
        start(codes[i], 4, false, 0);
        e.state.rip += i == 0;
        e.state.seg[INSN_DS].limit = DATA - 1;
        CHECK(fault(TRAP_GP, 0));
    }
    START("\x0f\xae\x03", false, 0); /* FXSAVE */
    CHECK(emul_run(&e) == EMUL_UNHANDLED);
}

int main(void)
{
    TEST("SLDT and STR: registers of all sizes, 2 bytes of memory") test_store();
    TEST("none of these in real mode") test_modes();
    TEST("LLDT, from descriptors of 8 and of 16 bytes") test_ldt();
    TEST("LLDT and LTR of anything else") test_refused();
    TEST("LTR makes a task busy") test_task();
    TEST("LAR, LSL, VERR, VERW: types and privileges") test_questions();
    TEST("CLFLUSH and its like") test_flush();
    return check_exit();
}
