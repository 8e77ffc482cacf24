/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One instruction on the processor under us, and the emulator's memory beside it: native_run()
 * loads struct native by a signal frame with the trap flag on, and takes back what the instruction
 * left. For 16- and 32-bit code the frame's CS and SS are selectors of an LDT; DS, ES and GS are
 * loaded in the handler, where 64-bit code does not look at them. Vector registers go by the
 * frame's XSAVE area.
 */
#ifndef EMUL_NATIVE_H
#define EMUL_NATIVE_H

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"
#include "emul_cases.h"
#include <arch/emul.h>
#include <arch/regs.h>

#define DATA 0x10000000UL /* two pages, no page around them */
#define DATA_SIZE 0x2000U
#define CODE (DATA + 0x10000)
#define CODE_SIZE 0x1000U
#define XSTATE_BV 512
#define XSTATE_YMM 576

/* ucontext's order of our register numbers. */
static const int greg[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15 };

static struct native {
    uint64_t gpr[16], rip, rflags;
    uint16_t sel[6];     /* by enum insn_segment, but for FS; with_segments only */
    uint8_t ymm[16][32], mmx[8][8];
} native;                /* in and out of the native run */
static struct emul_fault trap;
static bool with_segments, with_vectors;
static volatile bool inside, repeats;
static uint64_t first_rip;
static ucontext_t outer;
static uint8_t *const data = (uint8_t *)DATA, *const code = (uint8_t *)CODE;
static uint8_t shadow[DATA_SIZE];
/* --- the processor ---------------------------------------------------------------------------- */

/* A frame has CS, GS, FS and SS in one word. */
static void put_segments(greg_t *g)
{
    const uint64_t old = (uint64_t)g[REG_CSGSFS];

    __asm__ volatile("mov %0, %%ds; mov %1, %%es; mov %2, %%gs"
                     : : "r"(native.sel[INSN_DS]), "r"(native.sel[INSN_ES]),
                         "r"(native.sel[INSN_GS]));
    g[REG_CSGSFS] = (greg_t)((old & 0x0000ffffffff0000) | native.sel[INSN_CS] |
                             (uint64_t)native.sel[INSN_SS] << 48);
}

static void take_segments(const greg_t *g)
{
    __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%gs, %2"
                     : "=r"(native.sel[INSN_DS]), "=r"(native.sel[INSN_ES]),
                       "=r"(native.sel[INSN_GS]));
    native.sel[INSN_CS] = (uint16_t)g[REG_CSGSFS];
    native.sel[INSN_SS] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
}

/* x87, SSE and AVX components of a frame: all of them there, from or to struct native. */
static void move_vectors(ucontext_t *uc, bool load)
{
    struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
    uint8_t *area = (uint8_t *)fp;
    const uint64_t all = 7;
    uint64_t there;

    memcpy(&there, area + XSTATE_BV, 8);
    if (load) {
        fp->ftw = 0xff;
        fp->swd = 0;
        memcpy(area + XSTATE_BV, &all, 8);
    }
    for (unsigned int i = 0; i < 16; i++) {
        uint8_t *high = area + XSTATE_YMM + 16UL * i;

        if (load) {
            memcpy(&fp->_xmm[i], native.ymm[i], 16);
            memcpy(high, native.ymm[i] + 16, 16);
            continue;
        }
        memcpy(native.ymm[i], &fp->_xmm[i], 16);
        memset(native.ymm[i] + 16, 0, 16);
        if (there & 4)
            memcpy(native.ymm[i] + 16, high, 16);
    }
    for (unsigned int i = 0; i < 8; i++)
        memcpy(load ? (void *)&fp->_st[i] : native.mmx[i],
               load ? native.mmx[i] : (void *)&fp->_st[i], 8);
}

/* The first trap loads the machine; the next one takes it back. */
static void on_trap(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;

    if (!inside) {
        memcpy(outer.uc_mcontext.gregs, g, sizeof(outer.uc_mcontext.gregs));
        for (unsigned int i = 0; i < 16; i++)
            g[greg[i]] = (greg_t)native.gpr[i];
        g[REG_RIP] = (greg_t)native.rip;
        g[REG_EFL] = (greg_t)native.rflags;
        if (with_segments)
            put_segments(g);
        if (with_vectors)
            move_vectors(uc, true);
        inside = true;
        return;
    }
    if (g[REG_TRAPNO] == TRAP_DB && repeats && (uint64_t)g[REG_RIP] == first_rip)
        return;
    for (unsigned int i = 0; i < 16; i++)
        native.gpr[i] = (uint64_t)g[greg[i]];
    native.rip = (uint64_t)g[REG_RIP];
    native.rflags = (uint64_t)g[REG_EFL];
    if (with_segments)
        take_segments(g);
    if (with_vectors)
        move_vectors(uc, false);
    trap = (struct emul_fault){ .vector = (uint8_t)g[REG_TRAPNO], .error = (uint32_t)g[REG_ERR],
                                .cr2 = (uint64_t)g[REG_CR2] };
    memcpy(g, outer.uc_mcontext.gregs, sizeof(outer.uc_mcontext.gregs));
    inside = false;
}

static void native_run(void)
{
    first_rip = native.rip;
    __asm__ volatile("int3" : : : "memory", "cc");
}

static bool native_set_up(void)
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
           mmap(code, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == code;
}

/* --- the emulator's memory -------------------------------------------------------------------- */

static uint8_t *at(uint64_t linear, unsigned int size)
{
    return linear >= DATA && linear + size <= DATA + DATA_SIZE ? &shadow[linear - DATA] : NULL;
}

/* The code may be read as well. */
static const uint8_t *readable(uint64_t linear, unsigned int size)
{
    if (linear >= CODE && linear + size <= CODE + CODE_SIZE)
        return code + (linear - CODE);
    return at(linear, size);
}

static uint64_t first_bad(uint64_t linear)
{
    return linear < DATA && linear + 16 > DATA ? linear : MAX(linear, DATA + DATA_SIZE);
}

static enum emul_result no_page(struct emul *e, uint64_t linear, bool write)
{
    const bool across = linear >= DATA && linear < DATA + DATA_SIZE;

    return emul_page_fault(e, PFEC_USER | (write ? PFEC_WRITE : 0),
                           across ? first_bad(linear) : linear);
}

static enum emul_result mem_fetch(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                  unsigned int *got)
{
    memcpy(buf, (void *)linear, size);
    *got = size;
    return EMUL_OK;
}

static enum emul_result mem_read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                 enum emul_access access)
{
    if (!readable(linear, size))
        return no_page(e, linear, false);
    memcpy(buf, readable(linear, size), size);
    return EMUL_OK;
}

static enum emul_result mem_write(struct emul *e, uint64_t linear, const void *buf,
                                  unsigned int size, enum emul_access access)
{
    if (!at(linear, size))
        return no_page(e, linear, true);
    memcpy(at(linear, size), buf, size);
    return EMUL_OK;
}

static enum emul_result mem_probe(struct emul *e, uint64_t linear, unsigned int size,
                                  enum emul_access access)
{
    return at(linear, size) ? EMUL_OK : no_page(e, linear, true);
}

static enum emul_result mem_cmpxchg(struct emul *e, uint64_t linear, const void *old,
                                    const void *new, unsigned int size, bool *swapped)
{
    if (!at(linear, size))
        return no_page(e, linear, true);
    *swapped = memcmp(at(linear, size), old, size) == 0;
    if (*swapped)
        memcpy(at(linear, size), new, size);
    return EMUL_OK;
}

/* The same random data for both. */
static void make_data(void)
{
    for (unsigned int n = 0; n < DATA_SIZE; n += 8) {
        const uint64_t v = rnd();

        memcpy(&data[n], &v, 8);
    }
    memcpy(shadow, data, DATA_SIZE);
}

/* What the emulator starts from: user code under Linux. The owner adds segments. */
static void emul_from_native(struct emul *e, const struct emul_ops *ops)
{
    emul_init(e, ops, NULL);
    e->amd = __builtin_cpu_is("amd");
    memcpy(e->state.gpr, native.gpr, sizeof(native.gpr));
    e->state.rip = native.rip;
    e->state.rflags = native.rflags;
    e->state.cpl = 3;
    e->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_AM;
    e->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXSAVE | X86_CR4_UMIP;
    e->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_YMM;
    e->efer = 1UL << 10;
}

/* Runs both from the same state: a REP to its end. */
static enum emul_result run_both(struct emul *e, const struct insn *i, bool rep)
{
    enum emul_result r = EMUL_PARTIAL;

    for (unsigned int n = 0; n < 10 && r == EMUL_PARTIAL; n++)
        r = emul_run(e);
    e->insn = *i;
    repeats = rep;
    native_run();
    return r;
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool same_fault(const struct emul *e)
{
    if (e->fault.vector != trap.vector || (trap.vector == TRAP_PF && e->fault.cr2 != trap.cr2))
        return false;
    return trap.vector < TRAP_TS || trap.vector > TRAP_GP || e->fault.error == trap.error;
}

/* IRET, here out of the signal's delivery, clears them in DS, ES and GS. */
static uint16_t no_rpl_of_null(uint16_t selector) { return selector & 0xfffc ? selector : 0; }

static bool same_registers(const struct emul *e)
{
    const uint64_t mask = with_segments ? 0xffffffff : ~0ULL;

    for (unsigned int i = 0; i < 16; i++)
        if ((e->state.gpr[i] ^ native.gpr[i]) & mask)
            return false;
    if (!with_segments)
        return true;
    for (unsigned int i = 0; i < 6; i++)
        if (i != INSN_FS && no_rpl_of_null(e->state.seg[i].selector) !=
                                no_rpl_of_null(native.sel[i]))
            return false;
    return true;
}

/* ignore: flags that the manual leaves undefined. */
static bool same_outcome(const struct emul *e, enum emul_result r, uint64_t ignore)
{
    ignore |= X86_EFLAGS_RF | X86_EFLAGS_TF;
    if (r == EMUL_UNHANDLED)
        return trap.vector == TRAP_UD;
    if (r == EMUL_FAULT ? !same_fault(e) : trap.vector != TRAP_DB)
        return false;
    return same_registers(e) && e->state.rip == native.rip &&
           !((e->state.rflags ^ native.rflags) & ~ignore) &&
           (r == EMUL_FAULT || memcmp(shadow, data, DATA_SIZE) == 0);
}

static void show(const struct emul *e, enum emul_result r, const struct native *before)
{
    printf("  ");
    for (unsigned int i = 0; i < e->insn.length; i++)
        printf("%02x ", code[before->rip % CODE_SIZE + i]);
    printf(": result %d vector %d error %x cr2 %lx, cpu: %d error %x cr2 %lx\n", r,
           e->fault.vector, e->fault.error, e->fault.cr2, trap.vector, trap.error, trap.cr2);
    for (unsigned int i = 0; i < 16; i++)
        if (e->state.gpr[i] != native.gpr[i] || i == 4)
            printf("   r%u: %lx -> %lx, cpu %lx\n", i, before->gpr[i], e->state.gpr[i],
                   native.gpr[i]);
    for (unsigned int i = 0; i < 6 && with_segments; i++)
        printf("   seg %u: %x -> %x, cpu %x\n", i, before->sel[i], e->state.seg[i].selector,
               native.sel[i]);
    if (e->state.rip != native.rip || (e->state.rflags ^ native.rflags) & ARITH)
        printf("   rip %lx flags %lx, cpu %lx %lx\n", e->state.rip, e->state.rflags, native.rip,
               native.rflags);
    for (unsigned int i = 0; i < DATA_SIZE; i++)
        if (shadow[i] != data[i]) {
            printf("   memory %x: %02x, cpu %02x\n", i, shadow[i], data[i]);
            break;
        }
}

/* One form many times; how often the emulator was wrong, up to 3. */
static unsigned int try_form(bool (*one)(const struct form *f, bool *ran), const struct form *f,
                             unsigned int rounds, unsigned int *done)
{
    unsigned int wrong = 0;

    for (unsigned int n = 0; n < rounds && wrong < 3; n++) {
        bool ran = false;

        wrong += !one(f, &ran);
        *done += ran;
    }
    return wrong;
}

#endif
