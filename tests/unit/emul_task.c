/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/emul/[a-z]*.c */
/*
 * Task switches against a model of its own: task states as structs with the fields' names, and for
 * each switch what all of memory, the registers and the fault must be.
 */
#include "check.h"

#include <arch/emul_task.h>
#include <arch/msr.h>
#include <arch/regs.h>

#define GDT 0x1000U
#define LDT 0x4000U
#define TSS_A 0x2000U
#define TSS_B 0x3000U
#define MEMORY 0x10000U
#define NT (1U << 14)
#define SEL_A 0x28
#define SEL_B 0x30
#define SEL_LDT 0x38
#define CODE0 0x08
#define DATA0 0x10
#define CODE3 0x1b
#define DATA3 0x23
#define LOCAL0 0x04 /* data of ring 0 in the LDT */

struct tss32 {
    uint16_t link, pad0;
    uint32_t stacks[6], cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    struct { uint16_t sel, pad; } es, cs, ss, ds, fs, gs, ldt;
    uint16_t t, iomap;
};
struct tss16 {
    uint16_t link, stacks[6], ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
};
_Static_assert(sizeof(struct tss32) == 104 && sizeof(struct tss16) == 44, "as in the manual");

enum { ES, CS, SS, DS, FS, GS };

static uint8_t memory[MEMORY], expected[MEMORY];
static struct emul e;
static struct emul_task task;
static bool wide_a, wide_b, unmapped_b;
static uint64_t cr3_written, cr0_written;

/* --- the machine ------------------------------------------------------------------------------ */

static bool there(uint64_t linear, unsigned int size)
{
    return linear + size <= MEMORY && !(unmapped_b && linear >> 12 == TSS_B >> 12);
}

static enum emul_result on_read(struct emul *x, uint64_t linear, void *buf, unsigned int size,
                                enum emul_access access)
{
    if (!there(linear, size))
        return emul_page_fault(x, 0, linear);
    memcpy(buf, memory + linear, size);
    return EMUL_OK;
}

static enum emul_result on_write(struct emul *x, uint64_t linear, const void *buf,
                                 unsigned int size, enum emul_access access)
{
    if (!there(linear, size))
        return emul_page_fault(x, PFEC_WRITE, linear);
    memcpy(memory + linear, buf, size);
    return EMUL_OK;
}

static enum emul_result on_probe(struct emul *x, uint64_t linear, unsigned int size,
                                 enum emul_access access)
{
    return there(linear, size) ? EMUL_OK : emul_page_fault(x, PFEC_WRITE, linear);
}

static enum emul_result on_write_cr(struct emul *x, unsigned int nr, uint64_t val)
{
    if (nr == 3)
        cr3_written = val;
    else
        x->cr0 = cr0_written = val;
    return EMUL_OK;
}

static const struct emul_ops ops = { .read = on_read, .write = on_write, .probe_write = on_probe,
                                     .write_cr = on_write_cr };

static void descriptor(unsigned int at, uint32_t base, uint32_t limit, unsigned int type)
{
    const uint8_t d[8] = { (uint8_t)limit, (uint8_t)(limit >> 8), (uint8_t)base,
                           (uint8_t)(base >> 8), (uint8_t)(base >> 16), (uint8_t)type,
                           (uint8_t)(0x40 | (limit >> 16 & 15)), (uint8_t)(base >> 24) };

    memcpy(memory + at, d, 8);
}

static uint8_t *type_of(unsigned int selector) { return memory + GDT + (selector & ~7U) + 5; }
static struct tss32 *b32(void) { return (struct tss32 *)(memory + TSS_B); }
static struct tss16 *b16(void) { return (struct tss16 *)(memory + TSS_B); }

/* Task B waits: in ring 0, in flat segments; from A, which runs. */
static void make_b(void)
{
    if (wide_b)
        *b32() = (struct tss32){
            .link = 0x7777, .cr3 = 0x5000, .eip = 0x8123, .eflags = 0x206, .eax = 0xa0a0a0a0,
            .ecx = 0xc1, .edx = 0xd2, .ebx = 0xb3, .esp = 0x9000, .ebp = 0xb5, .esi = 0x56,
            .edi = 0xd7, .es = { DATA0, 0 }, .cs = { CODE0, 0 }, .ss = { DATA0, 0 },
            .ds = { LOCAL0, 0 }, .fs = { 0, 0 }, .gs = { DATA3, 0 }, .ldt = { SEL_LDT, 0 },
        };
    else
        *b16() = (struct tss16){
            .link = 0x7777, .ip = 0x8123, .flags = 0x206, .ax = 0xa0a0, .cx = 0xc1, .dx = 0xd2,
            .bx = 0xb3, .sp = 0x9000, .bp = 0xb5, .si = 0x56, .di = 0xd7, .es = DATA0,
            .cs = CODE0, .ss = DATA0, .ds = LOCAL0, .ldt = SEL_LDT,
        };
}

static void start(bool a, bool b, enum emul_task_how how)
{
    const bool back = how == EMUL_TASK_IRET;

    wide_a = a;
    wide_b = b;
    unmapped_b = false;
    cr3_written = cr0_written = 0;
    for (unsigned int i = 0; i < MEMORY; i++)
        memory[i] = (uint8_t)(i * 7 + (i >> 8));
    memset(memory + GDT, 0, 0x100);
    descriptor(GDT + CODE0, 0, 0xfffff, 0x9a); /* not accessed yet */
    descriptor(GDT + DATA0, 0, 0xfffff, 0x92);
    descriptor(GDT + (CODE3 & ~3U), 0, 0xfffff, 0xfb);
    descriptor(GDT + (DATA3 & ~3U), 0, 0xfffff, 0xf3);
    descriptor(GDT + SEL_A, TSS_A, wide_a ? 103 : 43, wide_a ? 0x8b : 0x83);
    descriptor(GDT + SEL_B, TSS_B, wide_b ? 103 : 43, (wide_b ? 0x89 : 0x81) | (back ? 2 : 0));
    descriptor(GDT + SEL_LDT, LDT, 7, 0x82);
    descriptor(LDT, 0x100, 0xfff, 0x93);
    make_b();

    emul_init(&e, &ops, NULL);
    e.cr0 = X86_CR0_PE | X86_CR0_PG;
    e.state = (struct emul_state){
        .gpr = { 0x11110000, 0x11110001, 0x11110002, 0x11110003, 0x11110004, 0x11110005,
                 0x11110006, 0x11110007 },
        .rip = 0x700, .rflags = 0x10202 | NT, .gdtr = { GDT, 0x3f },
    };
    for (unsigned int i = 0; i < 6; i++)
        e.state.seg[i] = (struct emul_segment){ 0, 0xffffffff, (uint16_t)(0x50 + 8 * i), 0xc93 };
    e.state.tr = (struct emul_segment){ TSS_A, wide_a ? 103 : 43, SEL_A, wide_a ? 0x8b : 0x83 };
    task = (struct emul_task){ .selector = SEL_B, .how = (uint8_t)how, .next_rip = 0x707 };
}

/* --- what must come of it --------------------------------------------------------------------- */

static uint32_t saved_flags(void)
{
    uint32_t flags = (uint32_t)e.state.rflags & ~(uint32_t)X86_EFLAGS_RF;

    if (task.how == EMUL_TASK_IRET)
        flags &= ~NT;
    return task.rf ? flags | X86_EFLAGS_RF : flags;
}

static void expect_a32(struct tss32 *t)
{
    const uint64_t *g = e.state.gpr;

    t->eip = 0x707;
    t->eflags = saved_flags();
    t->eax = (uint32_t)g[0];
    t->ecx = (uint32_t)g[1];
    t->edx = (uint32_t)g[2];
    t->ebx = (uint32_t)g[3];
    t->esp = (uint32_t)g[4];
    t->ebp = (uint32_t)g[5];
    t->esi = (uint32_t)g[6];
    t->edi = (uint32_t)g[7];
    t->es.sel = 0x50;
    t->cs.sel = 0x58;
    t->ss.sel = 0x60;
    t->ds.sel = 0x68;
    t->fs.sel = 0x70;
    t->gs.sel = 0x78;
}

static void expect_a16(struct tss16 *t)
{
    t->ip = 0x707;
    t->flags = (uint16_t)saved_flags();
    t->ax = 0;
    t->cx = 1;
    t->dx = 2;
    t->bx = 3;
    t->sp = 4;
    t->bp = 5;
    t->si = 6;
    t->di = 7;
    t->es = 0x50;
    t->cs = 0x58;
    t->ss = 0x60;
    t->ds = 0x68;
}

static void expect_memory(void)
{
    memcpy(expected, memory, MEMORY);
    if (wide_a)
        expect_a32((struct tss32 *)(expected + TSS_A));
    else
        expect_a16((struct tss16 *)(expected + TSS_A));
    if (task.how == EMUL_TASK_CALL)
        expected[TSS_B] = SEL_A, expected[TSS_B + 1] = 0;
    else
        expected[GDT + SEL_A + 5] &= (uint8_t)~2;
    expected[GDT + SEL_B + 5] |= 2;
}

static void accessed(unsigned int selector) { expected[GDT + (selector & ~7U) + 5] |= 1; }

static bool same_memory(void)
{
    for (unsigned int i = 0; i < MEMORY; i++)
        if (memory[i] != expected[i]) {
            printf("   memory %x: %02x, not %02x\n", i, memory[i], expected[i]);
            return false;
        }
    return true;
}

static bool is_b(void)
{
    const uint64_t want[8] = { wide_b ? 0xa0a0a0a0 : 0xa0a0, 0xc1, 0xd2, 0xb3, 0x9000, 0xb5, 0x56,
                               0xd7 };
    const uint32_t nt = task.how == EMUL_TASK_CALL ? NT : 0;

    return memcmp(e.state.gpr, want, sizeof(want)) == 0 && e.state.rip == 0x8123 &&
           e.state.rflags == (0x206 | nt) && task.switched && e.state.tr.selector == SEL_B &&
           e.state.tr.base == TSS_B && (e.state.tr.attr & 2) && (cr0_written & X86_CR0_TS) &&
           cr3_written == (wide_b ? 0x5000 : 0);
}

static void try_switch(bool a, bool b, enum emul_task_how how)
{
    start(a, b, how);
    task.rf = how == EMUL_TASK_CALL;
    expect_memory();
    accessed(CODE0);
    accessed(DATA0);
    CHECK(emul_task_switch(&e, &task) == EMUL_OK);
    CHECK(is_b() && same_memory());
    CHECK(e.state.cpl == 0 && e.state.seg[CS].limit == 0xfffff && (e.state.seg[CS].attr & 0x1b) ==
          0x1b && e.state.seg[SS].selector == DATA0);
    CHECK(e.state.seg[DS].base == 0x100 && e.state.ldtr.base == LDT && e.state.ldtr.limit == 7);
    CHECK(e.state.seg[GS].selector == (b ? DATA3 : 0) && !(e.state.seg[FS].attr & EMUL_ATTR_P));
}

/* Nothing has happened but the fault. */
static void refused(unsigned int vector, uint32_t error)
{
    const struct emul_state before = e.state;

    memcpy(expected, memory, MEMORY);
    CHECK(emul_task_switch(&e, &task) == EMUL_FAULT);
    CHECK_EQ(e.fault.vector, vector);
    CHECK_EQ(e.fault.error, error);
    CHECK(!task.switched && same_memory() && memcmp(&before, &e.state, sizeof(before)) == 0);
    CHECK(cr0_written == 0 && cr3_written == 0 && e.state.tr.selector == SEL_A);
}

/* The fault is task B's. */
static void fails_in_b(unsigned int vector, uint32_t error)
{
    CHECK(emul_task_switch(&e, &task) == EMUL_FAULT);
    CHECK_EQ(e.fault.vector, vector);
    CHECK_EQ(e.fault.error, error);
    CHECK(is_b());
}

static void jump(void) { start(true, true, EMUL_TASK_JMP); }

static void test_refusals(void)
{
    jump(), task.selector = 0, refused(TRAP_GP, 0);
    jump(), task.selector = SEL_B | 4, refused(TRAP_GP, SEL_B | 4);
    jump(), task.selector = 0x40, refused(TRAP_GP, 0x40);
    jump(), task.selector = SEL_A, refused(TRAP_GP, SEL_A); /* busy */
    jump(), task.selector = CODE0, refused(TRAP_GP, CODE0);
    jump(), *type_of(SEL_B) = 0x09, refused(TRAP_NP, SEL_B);
    jump(), memory[GDT + SEL_B] = 102, refused(TRAP_TS, SEL_B);
    jump(), e.state.tr.limit = 102, refused(TRAP_TS, SEL_A);
    start(true, false, EMUL_TASK_JMP), memory[GDT + SEL_B] = 42, refused(TRAP_TS, SEL_B);
    start(true, true, EMUL_TASK_IRET), *type_of(SEL_B) = 0x89, refused(TRAP_TS, SEL_B);
    start(true, true, EMUL_TASK_IRET), task.selector = 0, refused(TRAP_TS, 0);
    start(true, true, EMUL_TASK_CALL), unmapped_b = true, refused(TRAP_PF, PFEC_WRITE);
}

static void test_segments(void)
{
    jump(), b32()->ldt.sel = DATA0, fails_in_b(TRAP_TS, DATA0);
    jump(), b32()->ldt.sel = 0x0c, fails_in_b(TRAP_TS, 0x0c);
    jump(), *type_of(SEL_LDT) = 0x02, fails_in_b(TRAP_TS, SEL_LDT);
    jump(), b32()->cs.sel = 0, fails_in_b(TRAP_TS, 0);
    jump(), b32()->cs.sel = DATA0, fails_in_b(TRAP_TS, DATA0);
    jump(), b32()->cs.sel = CODE3 & ~3U, fails_in_b(TRAP_TS, CODE3 & ~3U); /* RPL 0, DPL 3 */
    jump(), *type_of(CODE0) = 0x1a, fails_in_b(TRAP_NP, CODE0);
    jump(), b32()->ss.sel = 0, fails_in_b(TRAP_TS, 0);
    jump(), b32()->ss.sel = DATA3, fails_in_b(TRAP_TS, DATA3 & ~3U);
    jump(), b32()->es.sel = CODE3, *type_of(CODE3) = 0xf9, fails_in_b(TRAP_TS, CODE3 & ~3U);
    jump(), b32()->gs.sel = 0x40, fails_in_b(TRAP_TS, 0x40);
    jump(), *type_of(DATA3) = 0x73, fails_in_b(TRAP_NP, DATA3 & ~3U);
    jump(), memory[GDT + CODE0 + 1] = 0x70, memory[GDT + CODE0 + 6] = 0x40,
        fails_in_b(TRAP_GP, 0);           /* EIP beyond the limit */
    jump(), b32()->es.sel = DATA3, *type_of(DATA3) = 0x73, b32()->gs.sel = 0,
        fails_in_b(TRAP_NP, DATA3 & ~3U);
    CHECK(e.state.seg[CS].limit == 0xfffff && e.state.seg[SS].limit == 0xfffff);
    jump(), b32()->ss.sel = LOCAL0, memory[LDT + 5] = 0x13, fails_in_b(TRAP_SS, LOCAL0);
}

static void test_ring_3(void)
{
    jump();
    b32()->cs.sel = CODE3;
    b32()->ss.sel = b32()->es.sel = DATA3;
    b32()->ds.sel = 0;
    CHECK(emul_task_switch(&e, &task) == EMUL_OK);
    CHECK(is_b() && e.state.cpl == 3 && e.state.seg[CS].selector == CODE3);
    jump();
    b32()->cs.sel = CODE3;
    b32()->ss.sel = DATA3;
    fails_in_b(TRAP_TS, LOCAL0);          /* of ring 0 */
    CHECK(e.state.cpl == 3);
}

static void test_v86(void)
{
    jump();
    b32()->eflags |= X86_EFLAGS_VM;
    b32()->cs.sel = 0x700;
    b32()->es.sel = 0xffff;
    CHECK(emul_task_switch(&e, &task) == EMUL_OK);
    CHECK(e.state.cpl == 3 && e.state.seg[CS].base == 0x7000 && e.state.seg[CS].limit == 0xffff);
    CHECK(e.state.seg[ES].base == 0xffff0 && (e.state.seg[ES].attr & 0xff) == 0xf3);
}

static void test_error_code(void)
{
    for (unsigned int wide = 0; wide < 2; wide++) {
        uint32_t pushed = 0;

        start(true, wide, EMUL_TASK_CALL);
        task.has_error = true;
        task.error = 0x12345678;
        memset(memory + 0x8ff0, 0xee, 16);
        CHECK(emul_task_switch(&e, &task) == EMUL_OK);
        CHECK_EQ(e.state.gpr[4], wide ? 0x8ffc : 0x8ffe);
        memcpy(&pushed, memory + 0x8ffc, 4);
        CHECK_EQ(pushed, wide ? 0x12345678 : 0x5678eeee);
    }
    start(true, true, EMUL_TASK_CALL);
    task.has_error = true;
    memory[GDT + DATA0 + 1] = 0x0f;       /* no room in the stack's segment */
    memory[GDT + DATA0 + 6] = 0x40;
    fails_in_b(TRAP_SS, 0);
}

static void test_trap(void)
{
    jump();
    CHECK(emul_task_switch(&e, &task) == EMUL_OK && !task.trap);
    jump();
    b32()->t = 1;
    CHECK(emul_task_switch(&e, &task) == EMUL_OK && task.trap);
}

int main(void)
{
    TEST("jumps, calls and returns between tasks of both widths") {
        for (unsigned int i = 0; i < 12; i++)
            try_switch(i & 1, i & 2, (enum emul_task_how)(i >> 2));
    }
    TEST("what the old task is refused changes nothing") test_refusals();
    TEST("a wrong segment is the new task's fault") test_segments();
    TEST("into ring 3") test_ring_3();
    TEST("into virtual-8086 mode") test_v86();
    TEST("an error code goes onto the new stack") test_error_code();
    TEST("the T bit") test_trap();
    return check_exit();
}
