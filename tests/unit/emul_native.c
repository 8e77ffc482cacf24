/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulator against the processor under us: random instructions of the rows that user code may
 * run, with random registers and memory, single-stepped natively (the trap flag, in a signal frame)
 * and emulated; registers, defined flags, memory and faults must be the same. 64-bit code.
 */
/* links: arch/x86/emul/[a-z]*.c */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"
#include <arch/emul.h>
#include <arch/regs.h>

#define DATA 0x10000000UL /* two pages, no page around them */
#define DATA_SIZE 0x2000U
#define CODE (DATA + 0x10000)
#define ARITH 0x8d5UL

/* ucontext's order of our register numbers. */
static const int greg[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15 };

static struct emul_state machine; /* in and out of the native run */
static struct emul_fault trap;
static volatile bool inside, repeats;
static ucontext_t outer;
static uint8_t *const data = (uint8_t *)DATA, *const code = (uint8_t *)CODE;
static uint8_t shadow[DATA_SIZE];
static uint64_t seed = 12345;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dULL;
}

static uint64_t value(void)
{
    static const uint64_t edge[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff,
                                     0x80000000, 0xffffffff, 1ULL << 63, ~0ULL, ~0ULL >> 1 };
    const uint64_t v = rnd();

    return v & 0x300 ? rnd() >> (v & 63) : edge[(v >> 16) % ARRAY_SIZE(edge)];
}

/* The first trap loads the machine; the next one takes it back. */
static void on_trap(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;

    if (!inside) {
        memcpy(outer.uc_mcontext.gregs, g, sizeof(outer.uc_mcontext.gregs));
        for (unsigned int i = 0; i < 16; i++)
            g[greg[i]] = (greg_t)machine.gpr[i];
        g[REG_RIP] = (greg_t)machine.rip;
        g[REG_EFL] = (greg_t)machine.rflags;
        inside = true;
        return;
    }
    if (g[REG_TRAPNO] == TRAP_DB && repeats && (uint64_t)g[REG_RIP] == CODE)
        return;
    for (unsigned int i = 0; i < 16; i++)
        machine.gpr[i] = (uint64_t)g[greg[i]];
    machine.rip = (uint64_t)g[REG_RIP];
    machine.rflags = (uint64_t)g[REG_EFL];
    trap = (struct emul_fault){ .vector = (uint8_t)g[REG_TRAPNO], .error = (uint32_t)g[REG_ERR],
                                .cr2 = (uint64_t)g[REG_CR2] };
    memcpy(g, outer.uc_mcontext.gregs, sizeof(outer.uc_mcontext.gregs));
    inside = false;
}

static void run_native(void) { __asm__ volatile("int3" : : : "memory", "cc"); }

static uint8_t *at(uint64_t linear, unsigned int size)
{
    return linear >= DATA && linear + size <= DATA + DATA_SIZE ? &shadow[linear - DATA] : NULL;
}

static uint64_t first_bad(uint64_t linear)
{
    return linear < DATA && linear + 16 > DATA ? linear : MAX(linear, DATA + DATA_SIZE);
}

static enum emul_result no_page(struct emul *e, uint64_t linear, unsigned int size, bool write)
{
    const bool across = linear >= DATA && linear < DATA + DATA_SIZE;

    return emul_page_fault(e, PFEC_USER | (write ? PFEC_WRITE : 0),
                           across ? first_bad(linear) : linear);
}

static enum emul_result fetch(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                              unsigned int *got)
{
    memcpy(buf, (void *)linear, size);
    *got = size;
    return EMUL_OK;
}
static enum emul_result mem_read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                 enum emul_access access)
{
    if (!at(linear, size))
        return no_page(e, linear, size, false);
    memcpy(buf, at(linear, size), size);
    return EMUL_OK;
}
static enum emul_result mem_write(struct emul *e, uint64_t linear, const void *buf,
                                  unsigned int size, enum emul_access access)
{
    if (!at(linear, size))
        return no_page(e, linear, size, true);
    memcpy(at(linear, size), buf, size);
    return EMUL_OK;
}
static enum emul_result mem_probe(struct emul *e, uint64_t linear, unsigned int size,
                                  enum emul_access access)
{
    return at(linear, size) ? EMUL_OK : no_page(e, linear, size, true);
}
static enum emul_result mem_cmpxchg(struct emul *e, uint64_t linear, const void *old,
                                    const void *new, unsigned int size, bool *swapped)
{
    if (!at(linear, size))
        return no_page(e, linear, size, true);
    *swapped = memcmp(at(linear, size), old, size) == 0;
    if (*swapped)
        memcpy(at(linear, size), new, size);
    return EMUL_OK;
}
static const struct emul_ops ops = { .fetch = fetch, .read = mem_read, .write = mem_write,
                                     .probe_write = mem_probe, .cmpxchg = mem_cmpxchg };

/* Opcodes, with 0x0f00 and 0x0f3800 for the maps; flags that the manual leaves undefined. */
static const struct form {
    uint32_t first, last;
    uint16_t undefined;
} forms[] = {
    { 0x00, 0x05, 0 }, { 0x08, 0x0d, 0x10 }, { 0x10, 0x15, 0 }, { 0x18, 0x1d, 0 },
    { 0x20, 0x25, 0x10 }, { 0x28, 0x2d, 0 }, { 0x30, 0x35, 0x10 }, { 0x38, 0x3d, 0 },
    { 0x50, 0x5f, 0 }, { 0x63, 0x63, 0 }, { 0x68, 0x68, 0 }, { 0x6a, 0x6a, 0 },
    { 0x69, 0x69, 0xd4 }, { 0x6b, 0x6b, 0xd4 }, { 0x70, 0x7f, 0 }, { 0x80, 0x81, 0x10 },
    { 0x83, 0x83, 0x10 }, { 0x84, 0x85, 0x10 }, { 0x86, 0x8b, 0 }, { 0x8d, 0x8d, 0 },
    { 0x8f, 0x8f, 0 }, { 0x90, 0x99, 0 }, { 0x9c, 0x9c, 0 }, { 0x9e, 0x9f, 0 },
    { 0xa4, 0xa7, 0 }, { 0xa8, 0xa9, 0x10 }, { 0xaa, 0xaf, 0 }, { 0xb0, 0xbf, 0 },
    { 0xc0, 0xc1, 0x810 }, { 0xc2, 0xc3, 0 }, { 0xc6, 0xc9, 0 }, { 0xd0, 0xd1, 0x10 },
    { 0xd2, 0xd3, 0x810 }, { 0xd7, 0xd7, 0 }, { 0xe0, 0xe3, 0 }, { 0xe8, 0xe9, 0 },
    { 0xeb, 0xeb, 0 }, { 0xf5, 0xf5, 0 }, { 0xf6, 0xf7, 0xffff }, { 0xf8, 0xf9, 0 },
    { 0xfc, 0xfd, 0 }, { 0xfe, 0xff, 0 }, { 0x0f40, 0x0f4f, 0 }, { 0x0f80, 0x0f9f, 0 },
    { 0x0fa3, 0x0fa3, 0x894 }, { 0x0fa4, 0x0fa5, 0x810 }, { 0x0fab, 0x0fab, 0x894 },
    { 0x0fac, 0x0fad, 0x810 }, { 0x0faf, 0x0faf, 0xd4 }, { 0x0fb0, 0x0fb1, 0 },
    { 0x0fb3, 0x0fb3, 0x894 }, { 0x0fb6, 0x0fb7, 0 }, { 0x0fb8, 0x0fb8, 0 },
    { 0x0fba, 0x0fbb, 0x894 }, { 0x0fbc, 0x0fbd, 0x895 }, { 0x0fbe, 0x0fbf, 0 },
    { 0x0fc0, 0x0fc1, 0 }, { 0x0fc3, 0x0fc3, 0 }, { 0x0fc7, 0x0fc7, 0 }, { 0x0fc8, 0x0fcf, 0 },
    { 0x0f38f0, 0x0f38f1, 0 },
};

static void make_code(uint32_t op)
{
    unsigned int n = 0;
    const uint64_t r = rnd();

    if (!(r & 7))
        code[n++] = 0x66;
    if (!(r & 0x38))
        code[n++] = 0x67;
    if (op == 0xf38f0 || op == 0xf38f1 ? 0 : op == 0xfb8 || !(r & 0x1c0))
        code[n++] = op == 0xfb8 || r & 0x200 ? 0xf3 : 0xf2;
    if (!(r & 0x1c00))
        code[n++] = 0xf0;
    if (r & 0x2000)
        code[n++] = 0x40 | ((r >> 16) & 15);
    for (int shift = 16; shift >= 0; shift -= 8)
        if (op >> shift || shift == 0)
            code[n++] = (uint8_t)(op >> shift);
    for (unsigned int i = 0; i < 12; i++)
        code[n + i] = (uint8_t)(rnd() >> 24);
}

static bool is_string(const struct insn *i)
{
    return i->map == MAP_ONE && i->opcode >= 0xa4 && i->opcode <= 0xaf && i->opcode != 0xa8 &&
           i->opcode != 0xa9;
}

/* Registers, so that most addresses are in the data pages. False: some address may be elsewhere. */
static bool make_state(const struct insn *i)
{
    const uint64_t target = DATA + rnd() % (DATA_SIZE + 16);
    uint64_t address = (uint64_t)i->disp;

    for (unsigned int n = 0; n < 16; n++)
        machine.gpr[n] = value();
    machine.gpr[4] = DATA + 256 + rnd() % (DATA_SIZE - 512);
    if (rnd() & 15)
        machine.gpr[4] &= ~7ULL;
    machine.gpr[5] = i->opcode == 0xc8 || i->opcode == 0xc9 ? machine.gpr[4] : machine.gpr[5];
    if (is_string(i)) {
        machine.gpr[6] = DATA + 64 + rnd() % (DATA_SIZE - 64);
        machine.gpr[7] = DATA + 64 + rnd() % (DATA_SIZE - 64);
        machine.gpr[1] = rnd() % 6;
    }
    if (i->opcode == 0xd7)
        machine.gpr[3] = DATA + rnd() % 0x1000;
    machine.rip = CODE;
    machine.rflags = 0x302 | (rnd() & (ARITH | 0x400));
    if (i->opcode == 0xa3 || i->opcode == 0xab || i->opcode == 0xb3 || i->opcode == 0xbb)
        machine.gpr[i->reg] = i->reg == 4 ? machine.gpr[4] : rnd() % 4096;
    if (!i->is_mem || i->opcode == 0x8d)
        return true;
    if (i->rip_relative || i->base == INSN_NO_REG || i->segment_override)
        return false;
    if (i->index != INSN_NO_REG) {
        machine.gpr[i->index] = rnd() % 64;
        address += machine.gpr[i->index] * i->scale;
    }
    if (i->base != i->index)
        machine.gpr[i->base] = (target - address) & (i->adsize == 4 ? 0xffffffff : ~0ULL);
    return i->base != i->index && i->base != 4 && i->index != 4;
}

/* Where bits of a string of bits, or a stack operand, would lie elsewhere than planned. */
static bool usable(const struct insn *i)
{
    const bool bits = i->map == MAP_0F && (i->opcode == 0xa3 || i->opcode == 0xab ||
                                           i->opcode == 0xb3 || i->opcode == 0xbb);

    if (i->map == MAP_ONE && (i->opcode & 0xfe) == 0xe0 && i->rep)
        return false; /* some cpus take REP for the condition */
    if (i->map == MAP_0F && i->opsize == 2 && (i->opcode & 0xf6) == 0xa4)
        return false; /* SHLD, SHRD of 16 bits: counts above 16 are undefined */
    if (i->map == MAP_ONE && i->opcode == 0xff && (i->reg & 7) >= 3 && (i->reg & 7) <= 5)
        return false;
    if (i->map == MAP_ONE && i->opcode == 0xc7 && i->modrm == 0xf8)
        return false; /* XBEGIN */
    if (i->map == MAP_ONE && i->opcode == 0xc8 && i->imm > 64)
        return false;
    if (i->map == MAP_0F && i->opcode == 0xc7 && ((i->reg & 7) != 1 || !i->is_mem))
        return false;
    if ((i->opcode == 0xe8 || i->opcode == 0xe9) && i->map == MAP_ONE)
        return true;
    return !(bits && (i->reg == i->base || i->reg == i->index || i->reg == 4));
}

static uint64_t undefined_flags(const struct form *f, const struct insn *i)
{
    const bool shifts = i->map == MAP_ONE && (i->opcode & 0xfe) == 0xd0;

    if (f->undefined == 0xffff) /* F6, F7 */
        return (i->reg & 7) < 2 ? 0x10 : (i->reg & 7) < 4 ? 0 : (i->reg & 7) < 6 ? 0xd4 : ARITH;
    if (shifts && (i->reg & 7) < 4)
        return 0;
    if (i->map == MAP_ONE && (i->opcode & 0xfc) == 0x80)
        return (i->reg & 7) == 1 || (i->reg & 7) == 4 || (i->reg & 7) == 6 ? 0x10 : 0;
    if (i->map == MAP_0F && (i->opcode & 0xfe) == 0xbc && i->rep == 0xf3)
        return 0x894;
    if (i->map == MAP_0F && (i->opcode & 0xfe) == 0xbc)
        return 0x895;
    return f->undefined;
}

static void emulator_machine(struct emul *e)
{
    emul_init(e, &ops, NULL);
    e->amd = __builtin_cpu_is("amd");
    e->state = machine;
    e->state.cpl = 3;
    e->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_AM;
    e->efer = 1UL << 10;
    e->state.seg[INSN_CS].attr = EMUL_ATTR_P | EMUL_ATTR_S | EMUL_ATTR_CODE | EMUL_ATTR_L;
}

static bool same_outcome(const struct emul *e, enum emul_result r, const struct form *f)
{
    uint64_t ignore = X86_EFLAGS_RF | X86_EFLAGS_TF | undefined_flags(f, &e->insn);

    if (r == EMUL_UNHANDLED)
        return trap.vector == TRAP_UD;
    if (r == EMUL_FAULT) {
        if (e->fault.vector != trap.vector)
            return false;
        if (trap.vector == TRAP_PF && e->fault.cr2 != trap.cr2)
            return false;
    } else if (trap.vector != TRAP_DB) {
        return false;
    }
    return memcmp(e->state.gpr, machine.gpr, sizeof(machine.gpr)) == 0 &&
           e->state.rip == machine.rip && !((e->state.rflags ^ machine.rflags) & ~ignore) &&
           (r == EMUL_FAULT || memcmp(shadow, data, DATA_SIZE) == 0);
}

static void show(const struct emul *e, enum emul_result r, const struct emul_state *before)
{
    printf("  ");
    for (unsigned int i = 0; i < e->insn.length; i++)
        printf("%02x ", code[i]);
    printf(": result %d vector %d cr2 %lx, cpu: %d cr2 %lx\n", r, e->fault.vector, e->fault.cr2,
           trap.vector, trap.cr2);
    for (unsigned int i = 0; i < 16; i++)
        if (e->state.gpr[i] != machine.gpr[i])
            printf("   r%u: %lx -> %lx, cpu %lx\n", i, before->gpr[i], e->state.gpr[i],
                   machine.gpr[i]);
    if (e->state.rip != machine.rip || (e->state.rflags ^ machine.rflags) & ARITH)
        printf("   rip %lx flags %lx, cpu %lx %lx\n", e->state.rip, e->state.rflags, machine.rip,
               machine.rflags);
    for (unsigned int i = 0; i < DATA_SIZE; i++)
        if (shadow[i] != data[i]) {
            printf("   memory %x: %02x, cpu %02x\n", i, shadow[i], data[i]);
            break;
        }
}

/* False: they differ. *ran: the case was one that can be run. */
static bool one(const struct form *f, bool *ran)
{
    struct emul e;
    struct insn i;
    struct emul_state before;
    enum emul_result r = EMUL_PARTIAL;

    *ran = false;
    make_code(f->first + (uint32_t)(rnd() % (f->last - f->first + 1)));
    if (insn_decode(&i, code, 15, INSN_LONG64, true) != INSN_DECODED || !usable(&i) ||
        !make_state(&i))
        return true;
    for (unsigned int n = 0; n < DATA_SIZE; n += 8) {
        const uint64_t v = rnd();

        memcpy(&data[n], &v, 8);
    }
    memcpy(shadow, data, DATA_SIZE);
    before = machine;
    emulator_machine(&e);
    for (unsigned int n = 0; n < 10 && r == EMUL_PARTIAL; n++)
        r = emul_run(&e);
    e.insn = i;
    repeats = is_string(&i) && i.rep;
    run_native();
    *ran = true;
    if (same_outcome(&e, r, f))
        return true;
    show(&e, r, &before);
    return false;
}

static bool set_up(void)
{
    struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    static uint8_t stack[65536];
    const stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
    static const int signals[] = { SIGTRAP, SIGSEGV, SIGILL, SIGBUS, SIGFPE };
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    sigaltstack(&ss, NULL);
    sigfillset(&sa.sa_mask);
    for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, NULL);
    return mmap(data, DATA_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == data &&
           mmap(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == code;
}

int main(int argc, char **argv)
{
    const unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 2000;

    TEST("random instructions do what they do on this processor") {
        unsigned int bad = 0, done = 0;
        bool ran;

        if (!CHECK(set_up()))
            break;
        for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
            unsigned int wrong = 0;

            for (unsigned int n = 0; n < rounds && wrong < 3; n++) {
                wrong += !one(&forms[i], &ran);
                done += ran;
            }
            bad += wrong;
        }
        CHECK_EQ(bad, 0);
        CHECK(done > rounds * ARRAY_SIZE(forms) / 3);
    }
    return check_exit();
}
