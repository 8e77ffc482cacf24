/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vcpu's registers are its own: general, x87, SSE, AVX, AVX-512, debug and segment registers over
 * hypercalls, traps, events, preemption, and two vcpus that take turns on one cpu. Every round
 * fills them with new random values and looks what is left of them.
 */
#include "guest.h"

const char *test_name = "registers";

#define MS 1000000UL
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, NR_REGS };

struct state {
    uint64_t in[NR_REGS], out[NR_REGS];
    uint8_t fx_in[512] __attribute__((aligned(16))), fx_out[512] __attribute__((aligned(16)));
    uint8_t high_in[16][16], high_out[16][16]; /* upper halves of the ymm registers */
    struct wide {
        uint8_t zmm[32][64];
        uint64_t k[8];
    } wide_in, wide_out;
    uint8_t xsaved[4096] __attribute__((aligned(64)));
    uint64_t seed, rounds, bad_regs, bad_fpu, bad_segments, bad_xsave;
    uint64_t word; /* at fs:0 and gs:0 */
};
static struct state states[2];

/* The vector registers that the cpu has and the vcpu has turned on. */
static enum { SSE_ONLY, AVX, AVX512 } vectors;
static const char *const vectors_kept[] = {
    "... and x87 and SSE", "... and x87, SSE and AVX", "... and x87, SSE, AVX and AVX-512"
};

/* --- loading and storing everything ----------------------------------------------------------- */

typedef void stub_fn(const uint64_t *in, uint64_t *out, uint64_t spins);
stub_fn over_spin, over_hypercall, over_yield, over_int3, over_fault, over_emulation;
void fpu_load(const struct state *s), fpu_store(struct state *s);
void avx_load(const void *high), avx_store(void *high);
void avx512_load(const struct wide *w), avx512_store(struct wide *w);

__asm__(
    ".pushsection .text\n"
    ".macro load_regs from\n"
    " mov 0(\\from), %rax\n mov 8(\\from), %rbx\n mov 16(\\from), %rcx\n"
    " mov 24(\\from), %rdx\n mov 32(\\from), %rsi\n"
    " mov 48(\\from), %rbp\n mov 56(\\from), %r8\n mov 64(\\from), %r9\n"
    " mov 72(\\from), %r10\n mov 80(\\from), %r11\n"
    " mov 88(\\from), %r12\n mov 96(\\from), %r13\n mov 104(\\from), %r14\n"
    " mov 112(\\from), %r15\n mov 40(\\from), %rdi\n"
    ".endm\n"
    ".macro store_regs to\n" /* all but rdi */
    " mov %rax, 0(\\to)\n mov %rbx, 8(\\to)\n mov %rcx, 16(\\to)\n"
    " mov %rdx, 24(\\to)\n mov %rsi, 32(\\to)\n"
    " mov %rbp, 48(\\to)\n mov %r8, 56(\\to)\n mov %r9, 64(\\to)\n"
    " mov %r10, 72(\\to)\n mov %r11, 80(\\to)\n"
    " mov %r12, 88(\\to)\n mov %r13, 96(\\to)\n mov %r14, 104(\\to)\n mov %r15, 112(\\to)\n"
    ".endm\n"
    ".macro stub name, body:vararg\n"
    " .globl \\name\n\\name:\n"
    " push %rbx\n push %rbp\n push %r12\n push %r13\n"
    " push %r14\n push %r15\n push %rsi\n push %rdx\n"
    " load_regs %rdi\n"
    " \\body\n"
    " xchg %rdi, 8(%rsp)\n store_regs %rdi\n mov 8(%rsp), %rax\n mov %rax, 40(%rdi)\n"
    " add $16, %rsp\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
    ".endm\n"
    "stub over_spin, 771: decq (%rsp); jnz 771b\n"
    "stub over_hypercall, syscall\n"
    "stub over_yield, syscall\n"
    "stub over_int3, int3\n"
    "stub over_fault, faulting: movb $0, 0x1000; .pushsection .ex_table, \"aw\"; "
    ".quad faulting, faulting + 8; .popsection\n"
    "stub over_emulation, mov %rax, %dr3\n"
    ".altmacro\n"
    ".macro high_halves insn, n\n"
    " .ifc \\insn, load\n vinsertf128 $1, 16*\\n(%rdi), %ymm\\n, %ymm\\n\n"
    " .else\n vextractf128 $1, %ymm\\n, 16*\\n(%rdi)\n .endif\n"
    ".endm\n"
    "avx_load:\n.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    " high_halves load, \\n\n.endr\n ret\n"
    "avx_store:\n.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    " high_halves store, \\n\n.endr\n ret\n"
    ".macro zmm insn, n\n"
    " .ifc \\insn, load\n vmovdqu64 64*\\n(%rdi), %zmm\\n\n"
    " .else\n vmovdqu64 %zmm\\n, 64*\\n(%rdi)\n .endif\n"
    ".endm\n"
    ".macro mask insn, n\n"
    " .ifc \\insn, load\n kmovq 2048+8*\\n(%rdi), %k\\n\n"
    " .else\n kmovq %k\\n, 2048+8*\\n(%rdi)\n .endif\n"
    ".endm\n"
    ".macro avx512 insn\n"
    " .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n zmm \\insn, \\n\n .endr\n"
    " .irp n, 16, 17, 18, 19, 20, 21, 22, 23\n zmm \\insn, \\n\n .endr\n"
    " .irp n, 24, 25, 26, 27, 28, 29, 30, 31\n zmm \\insn, \\n\n .endr\n"
    " .irp n, 0, 1, 2, 3, 4, 5, 6, 7\n mask \\insn, \\n\n .endr\n ret\n"
    ".endm\n"
    "avx512_load: avx512 load\n"
    "avx512_store: avx512 store\n"
    ".noaltmacro\n"
    ".popsection");

/* FXRSTOR leaves alone what is above the xmm registers, VINSERTF128 clears all above the ymm's. */
void fpu_load(const struct state *s)
{
    if (vectors == AVX512)
        avx512_load(&s->wide_in);
    __asm__ volatile("fxrstor64 %0" : : "m"(s->fx_in));
    if (vectors == AVX)
        avx_load(s->high_in);
}

void fpu_store(struct state *s)
{
    if (vectors == AVX512)
        avx512_store(&s->wide_out);
    else if (vectors == AVX)
        avx_store(s->high_out);
    __asm__ volatile("fxsave64 %0" : "=m"(s->fx_out));
}

static uint64_t random(struct state *s)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    return s->seed ^= s->seed << 17;
}

static void fill(struct state *s)
{
    for (int i = 0; i < NR_REGS; i++)
        s->in[i] = random(s);
    for (int i = 0; i < 512; i++)
        s->fx_in[i] = (uint8_t)random(s);
    memset(s->fx_in, 0, 32);
    /* control word: rounding */
    *(uint16_t *)&s->fx_in[0] = (uint16_t)(0x37f | (random(s) & 0xc00));
    /* status word: top of stack */
    *(uint16_t *)&s->fx_in[2] = (uint16_t)(random(s) & 0x3800);
    s->fx_in[4] = (uint8_t)random(s);                                            /* tags */
    /* MXCSR: rounding, flags */
    *(uint32_t *)&s->fx_in[24] = (uint32_t)(0x1f80 | (random(s) & 0xe03f));
    for (unsigned int i = 0; i < sizeof(s->high_in); i++)
        ((uint8_t *)s->high_in)[i] = (uint8_t)random(s);
    for (unsigned int i = 0; vectors == AVX512 && i < sizeof(s->wide_in) / 8; i++)
        ((uint64_t *)&s->wide_in)[i] = random(s);
}

static bool same(const void *a, const void *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((const char *)a)[i] != ((const char *)b)[i])
            return false;
    return true;
}

/* The low 128 bits of the first sixteen are the xmm registers. */
static bool same_wide(const struct wide *a, const struct wide *b)
{
    for (int i = 0; i < 32; i++) {
        int from = i < 16 ? 16 : 0;

        if (!same(&a->zmm[i][from], &b->zmm[i][from], (size_t)(64 - from)))
            return false;
    }
    return same(a->k, b->k, sizeof(a->k));
}

static bool same_fpu(const struct state *s)
{
    if (!same(s->fx_in, s->fx_out, 5) || !same(&s->fx_in[24], &s->fx_out[24], 4) ||
        !same(&s->fx_in[160], &s->fx_out[160], 256))
        return false;
    for (int i = 0; i < 8; i++) /* 80 bits in use of each */
        if (!same(&s->fx_in[32 + 16 * i], &s->fx_out[32 + 16 * i], 10))
            return false;
    switch (vectors) {
    case AVX512:
        return same_wide(&s->wide_in, &s->wide_out);
    case AVX:
        return same(s->high_in, s->high_out, sizeof(s->high_in));
    default:
        return true;
    }
}

static bool same_segments(const struct state *s)
{
    unsigned int es, want = this_vcpu() ? 0xe02b : 0, lo, hi;
    uint64_t fs, gs;

    __asm__ volatile("mov %%es, %0\n mov %%fs:0, %1\n mov %%gs:0, %2"
                     : "=r"(es), "=r"(fs), "=r"(gs));
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000102));
    return (es & 0xfffc) == (want & 0xfffc) && fs == s->word && gs == s->word &&
           ((uint64_t)hi << 32 | lo) == s->word >> 24;
}

/* One round; `loses` has a bit for each register that the way through may change. */
static void round(struct state *s, stub_fn *stub, uint64_t loses, uint64_t spins)
{
    fill(s);
    if (stub == over_hypercall) {
        s->in[RAX] = __HYPERVISOR_xen_version;
        s->in[RDI] = XENVER_version;
    } else if (stub == over_yield) {
        s->in[RAX] = __HYPERVISOR_sched_op;
        s->in[RDI] = SCHEDOP_yield;
    } else if (stub == over_emulation) {
        s->in[RAX] = 0; /* goes to DR3 */
    }
    fpu_load(s);
    stub(s->in, s->out, spins);
    fpu_store(s);
    s->rounds++;
    for (int i = 0; i < NR_REGS; i++)
        if (s->in[i] != s->out[i] && !(loses >> i & 1))
            s->bad_regs++;
    s->bad_fpu += !same_fpu(s);
    s->bad_segments += !same_segments(s);
}

#define CALL_LOSES (1UL << RAX | 1UL << RCX | 1UL << R11)

static void set_segments(struct state *s)
{
    __asm__ volatile("mov %0, %%es" : : "r"(this_vcpu() ? 0xe02b : 0));
    hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, &s->word);
    hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, &s->word);
    /* user mode's, where nothing is */
    hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, s->word >> 24);
}

static void verdict(struct state *s, const char *what)
{
    print("%s: %lu rounds\n", what, s->rounds);
    CHECK(s->rounds > 20, what);
    CHECK_EQ(s->bad_regs, 0, "... keeps the general registers");
    CHECK_EQ(s->bad_fpu, 0, vectors_kept[vectors]);
    CHECK_EQ(s->bad_segments, 0, "... and segments with their bases");
    s->rounds = s->bad_regs = s->bad_fpu = s->bad_segments = 0;
}

/* --- vectors ---------------------------------------------------------------------------------- */

#define XCR0_AVX 0x07U
#define XCR0_AVX512 0xe7U

struct leaf {
    uint32_t a, b, c, d;
};

/* CPUID as the hypervisor answers it (the prefix of the public xen.h). */
static struct leaf cpuid(uint32_t leaf)
{
    struct leaf l = { .a = leaf };

    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                     : "+a"(l.a), "=b"(l.b), "+c"(l.c), "=d"(l.d));
    return l;
}

/* XSAVE for this vcpu, with as many vector registers in XCR0 as the cpu has. */
static int vectors_on(void)
{
    uint32_t c = cpuid(1).c, xcr0 = cpuid(7).b >> 30 & 1 ? XCR0_AVX512 : XCR0_AVX, lo, hi;
    uint64_t cr4;

    if (!(c >> 26 & 1) || !(c >> 28 & 1))
        return SSE_ONLY;
    __asm__ volatile("mov %%cr4, %0\n or $0x40000, %0\n mov %0, %%cr4" : "=&r"(cr4));
    if (PROBE("xsetbv", : : "a"(xcr0), "d"(0), "c"(0)) >= 0)
        return SSE_ONLY;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo != xcr0 ? SSE_ONLY : xcr0 == XCR0_AVX512 ? AVX512 : AVX;
}

/* --- one vcpu --------------------------------------------------------------------------------- */

static bool go_on(struct trap_frame *f)
{
    return f->vector == 3;
}

static void ways(struct state *s)
{
    static const struct {
        stub_fn *stub;
        uint64_t loses;
        const char *what;
    } way[] = {
        { over_hypercall, CALL_LOSES, "a hypercall" },
        { over_yield, CALL_LOSES, "a yield" },
        { over_int3, 0, "a trap" },
        { over_fault, 0, "a page fault" },
        { over_emulation, 0, "an emulated instruction" },
    };

    trap_handler[3] = go_on;
    for (unsigned int i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
        for (int n = 0; n < 50; n++)
            round(s, way[i].stub, way[i].loses, 0);
        verdict(s, way[i].what);
    }
}

/*
 * XSAVE and XRSTOR are such uses. QEMU 7.2's are not, which loses the state of whom a hypervisor
 * switches lazily: docs/xsave.md.
 */
static void task_switched_xsave(void)
{
    int v;

    if (vectors == SSE_ONLY)
        return;
    hypercall(__HYPERVISOR_fpu_taskswitch, 1);
    v = PROBE("xsave64 %0", : "=m"(states[0].xsaved) : "a"(~0U), "d"(~0U));
    if (v == 7) {
        v = PROBE("xsave64 %0", : "=m"(states[0].xsaved) : "a"(~0U), "d"(~0U));
        CHECK_EQ(v, -1, "XSAVE raises #NM, which clears the flag");
        return;
    }
    v = PROBE("movd %0, %%xmm0", : : "r"(0));
    CHECK_EQ(v, 7, "the flag stays set over an XSAVE without #NM");
    skip("XSAVE raises #NM: this emulator's processor does not look at CR0.TS");
}

/* The task-switched flag: the next use of the FPU is a trap, which clears it. */
static void task_switched(void)
{
    uint64_t cr0;
    int v;

    CHECK_EQ(hypercall(__HYPERVISOR_fpu_taskswitch, 1), 0, "fpu_taskswitch(1)");
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    CHECK_EQ(cr0 >> 3 & 1, 1, "... is seen in CR0");
    v = PROBE("movd %0, %%xmm0", : : "r"(0));
    CHECK_EQ(v, 7, "the next SSE instruction raises #NM");
    v = PROBE("movd %0, %%xmm0", : : "r"(0));
    CHECK_EQ(v, -1, "... which has cleared the flag");
    hypercall(__HYPERVISOR_fpu_taskswitch, 1);
    CHECK_EQ(hypercall(__HYPERVISOR_fpu_taskswitch, 0), 0, "fpu_taskswitch(0)");
    v = PROBE("fninit", : :);
    CHECK_EQ(v, -1, "... and no trap");
}

/* --- debug registers -------------------------------------------------------------------------- */

static volatile uint64_t watched[2] __attribute__((aligned(16)));
static volatile int hits[2];

static bool on_debug(struct trap_frame *f)
{
    hits[this_vcpu()]++;
    return f->vector == 1;
}

#define WATCH_WRITES_0 0xd0001UL /* DR7: slot 0, 4 bytes, on writes */

static void watch(volatile uint64_t *p)
{
    hypercall(__HYPERVISOR_set_debugreg, 0, p);
    hypercall(__HYPERVISOR_set_debugreg, 7, p ? WATCH_WRITES_0 : 0);
}

static void debug_registers(void)
{
    trap_handler[1] = on_debug;
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hypercall(__HYPERVISOR_set_debugreg, i, &watched[i & 1]), 0,
                 "set a breakpoint's address");
        CHECK_EQ(hypercall(__HYPERVISOR_get_debugreg, i), (long)&watched[i & 1], "... and read it");
    }
    watch(&watched[0]);
    CHECK_EQ(hypercall(__HYPERVISOR_get_debugreg, 7) & 0xf00ff, WATCH_WRITES_0, "DR7 reads back");
    watched[1] = 1;
    CHECK_EQ(hits[0], 0, "a store beside a watched word");
    watched[0] = 1;
    CHECK_EQ(hits[0], 1, "a store to it raises #DB");
    CHECK_EQ(hypercall(__HYPERVISOR_get_debugreg, 6) & 15, 1, "... and DR6 says why");
    watch(NULL);
    watched[0] = 1;
    CHECK_EQ(hits[0], 1, "... and not when it is off");
    hits[0] = 0;
}

/* --- preemption ------------------------------------------------------------------------------- */

static volatile unsigned int ticks;

static void arm(void)
{
    struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = now_ns() + MS };

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, this_vcpu(), &t);
}

/*
 * The event handler of vcpu 0: it spoils the FPU, as a kernel that saves it would, and asks for the
 * next event.
 */
static void on_tick(void)
{
    static uint8_t saved[512] __attribute__((aligned(16))), other[512] __attribute__((aligned(16)));

    my_info()->evtchn_pending_sel = 0;
    shared_info->evtchn_pending[0] = 0;
    if (vectors == SSE_ONLY) { /* FXSAVE alone would lose the upper halves */
        __asm__ volatile("fxsave64 %0" : "=m"(saved));
        memcpy(other, saved, sizeof(other));
        memset(other + 160, 0xa5, 256);
        __asm__ volatile("fxrstor64 %0" : : "m"(other));
        __asm__ volatile("fxrstor64 %0" : : "m"(saved));
    }
    ticks++;
    arm();
}

static void start_ticks(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_virq, &virq), 0, "a timer");
    event_hook = on_tick;
    events_start();
    arm();
    events_on();
}

static void rounds_for(struct state *s, stub_fn *stub, uint64_t loses, uint64_t spins, uint64_t ns)
{
    for (uint64_t end = now_ns() + ns; now_ns() < end;)
        round(s, stub, loses, spins);
}

static void preemption(struct state *s)
{
    start_ticks();
    rounds_for(s, over_spin, 0, 100000, 1200 * MS);
    CHECK(ticks > 100, "events come while the cpu is busy");
    verdict(s, "more than a second of work with a timer");
}

/* --- two vcpus -------------------------------------------------------------------------------- */

static volatile bool stop, gone;

/* The first that it does with its registers after a switch is to save them, as a kernel does. */
static void xsave_round(struct state *s)
{
    if (vectors == SSE_ONLY)
        return;
    fill(s);
    __asm__ volatile("fxrstor64 %0" : : "m"(s->fx_in));
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    __asm__ volatile("xsave64 %0" : "=m"(s->xsaved) : "a"(~0U), "d"(~0U));
    if (!same(s->xsaved + 160, s->fx_in + 160, 256))
        s->bad_xsave++;
}

static void second(void)
{
    struct state *s = &states[1];

    set_segments(s);
    if (vectors_on() != (int)vectors)
        s->bad_fpu++;
    watch(&watched[1]);
    while (!stop) {
        round(s, over_yield, CALL_LOSES, 0);
        watched[0] = s->rounds; /* only the other one watches this */
        round(s, over_spin, 0, 1000);
        watched[1] = s->rounds;
        xsave_round(s);
    }
    gone = true;
    for (;;)
        hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
}

static void two_vcpus(struct state *s)
{
    CHECK_EQ(vcpu_start(second), 0, "start a second vcpu on the same cpu");
    watch(&watched[0]);
    for (uint64_t end = now_ns() + 1500 * MS; now_ns() < end;) {
        round(s, over_yield, CALL_LOSES, 0);
        watched[1] = s->rounds; /* only the other one watches this */
        round(s, over_spin, 0, 100000);
        watched[0] = s->rounds;
        xsave_round(s);
    }
    stop = true;
    for (uint64_t end = now_ns() + 1000 * MS; !gone && now_ns() < end;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    CHECK(gone, "the second vcpu ends");
    CHECK_EQ(hits[0], (long)s->rounds / 2,
             "each store to its word raises #DB on vcpu 0, and no other");
    CHECK_EQ(hits[1], (long)states[1].rounds / 2, "... so on vcpu 1");
    verdict(s, "taking turns, vcpu 0");
    verdict(&states[1], "taking turns, vcpu 1");
    CHECK_EQ(s->bad_xsave + states[1].bad_xsave, 0,
             "XSAVE right after a turn has its own registers");
}

void test_main(void)
{
    for (int i = 0; i < 2; i++)
        states[i] = (struct state){
            .seed = 0x9e3779b97f4a7c15 + (uint64_t)i, .word = 0x1111111111111111 * (uint64_t)(i + 3)
        };
    vectors = vectors_on();
    if (vectors == SSE_ONLY)
        skip("AVX state: this cpu has no XSAVE with AVX");
    set_segments(&states[0]);
    ways(&states[0]);
    task_switched();
    task_switched_xsave();
    debug_registers();
    preemption(&states[0]);
    two_vcpus(&states[0]);
}
