/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hostile kernel does to its processor and its hypervisor: every MSR and port, control
 * registers at random, local APIC storms, code that changes while it is emulated, hypercalls at
 * random. It may hurt itself; that it reaches its end, and its maker lives, is the test.
 */
#include "payload.h"

#define SCRATCH 0x500000UL /* 1 MiB that holds nothing */
#define CR4_FREE 0x310f8fUL /* bits that this kernel can do without, or with */
#define CR0_FREE 0x6005002eUL
#define CR0_CACHE 0x60000000UL

static uint64_t state = 0x9e3779b97f4a7c15;

void rnd_from(uint64_t seed) { state = seed * 0x9e3779b97f4a7c15 + 1; }

uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* --- instructions that may fault: then 0 and false -------------------------------------------- */

static uint64_t bad; /* at a place of its own: a fault may leave another stack pointer */

#define TRY(code, out, ...)                                                                       \
    __asm__ volatile("movq $0, bad\n\tlea 1f(%%rip), %%r11\n\tmov %%r11, skip_to\n\t" code        \
                     "\n\tjmp 2f\n1:\n\tmovq $1, bad\n2:\n\tmovq $0, skip_to"                     \
                     : "+m"(bad) out : __VA_ARGS__ : "r11", "memory")
#define AND ,

static bool try_rdmsr(uint32_t msr, uint64_t *val)
{
    uint32_t lo = 0, hi = 0;

    TRY("rdmsr", AND "+a"(lo) AND "+d"(hi), "c"(msr));
    *val = (uint64_t)hi << 32 | lo;
    return !bad;
}

static bool try_wrmsr(uint32_t msr, uint64_t val)
{
    TRY("wrmsr", , "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)));
    return !bad;
}

static void try_cr0(uint64_t v)
{
    TRY("mov %[v], %%cr0", , [v] "r"(v));
}

static void try_cr4(uint64_t v)
{
    TRY("mov %[v], %%cr4", , [v] "r"(v));
}

static void try_cr8(uint64_t v)
{
    if (mailbox.stock)
        return;
    TRY("mov %[v], %%cr8", , [v] "r"(v));
}

/* --- registers -------------------------------------------------------------------------------- */

/*
 * Not those through which it would only destroy itself: page tables, hypercall page, its LAPIC's
 * place.
 */
static bool spared(uint32_t msr)
{
    return msr == 0xc0000080 || msr == 0x1b || (msr >= 0x40000000 && msr < 0x40000100) ||
           msr == 0x830 || msr == 0x832;
}

uint64_t all_msrs(void)
{
    static const struct { uint32_t first, n; } ranges[] = {
        { 0, 0x1000 }, { 0x40000000, 0x200 }, { 0xc0000000, 0x200 }, { 0xc0010000, 0x1200 }
    };
    uint64_t there = 0, val;

    for (unsigned int i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        for (uint32_t n = 0; n < ranges[i].n; n++) {
            const uint32_t msr = ranges[i].first + n;

            if (!try_rdmsr(msr, &val))
                continue;
            there++;
            if (spared(msr))
                continue;
            try_wrmsr(msr, rnd());
            try_wrmsr(msr, val ^ 1UL << (rnd() & 63));
            try_wrmsr(msr, val);
        }
    }
    return there;
}

static void ports(void)
{
    for (uint32_t port = 0; port < 0x10000; port += 13) {
        uint32_t v;

        __asm__ volatile("inb %%dx, %%al" : "=a"(v) : "d"(port));
        __asm__ volatile("inl %%dx, %%eax" : "=a"(v) : "d"(port));
        __asm__ volatile("outw %%ax, %%dx" : : "a"((uint32_t)rnd()), "d"(port));
    }
}

static void control_registers(void)
{
    const uint64_t free = mailbox.stock ? CR0_FREE & ~CR0_CACHE : CR0_FREE;
    uint64_t cr0, cr4;

    __asm__ volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
    for (unsigned int i = 0; i < 500; i++) {
        try_cr0(cr0 ^ (rnd() & free));
        try_cr4(cr4 ^ (rnd() & CR4_FREE));
        try_cr4(rnd());             /* bits that do not exist: #GP, nearly always */
        try_cr8(rnd() & 31);
        try_cr0(cr0);
        try_cr4(cr4);
    }
    try_cr8(0);
}

/* --- local APIC ------------------------------------------------------------------------------- */

void apic_storm(void)
{
    for (unsigned int i = 0; i < 3000; i++) {
        const uint64_t r = rnd();
        /* no vectors of exceptions, which have another frame */
        uint32_t reg = (r >> 8 & 0xff) << 4, val = (uint32_t)(r >> 32) | 0x20;

        if (reg == 0x300 && ((val >> 8 & 7) == 5 || (val >> 8 & 7) == 6 || (val >> 8 & 7) == 4))
            val &= ~0x700U;         /* no INIT, SIPI or NMI: they come to itself */
        if (reg >= 0x320 && reg <= 0x370 && (val >> 8 & 7) == 4)
            val &= ~0x700U;
        *lapic(reg) = val;
        (void)*lapic((uint32_t)(r >> 16 & 0xff) << 4);
        if ((i & 15) == 0)
            __asm__ volatile("sti; nop; nop; cli");
    }
    *lapic(0x380) = 0;
    for (uint32_t reg = 0x320; reg <= 0x370; reg += 0x10)
        *lapic(reg) = 0x10000;
    *lapic(0xf0) = 0x1ff;
    *lapic(0x80) = 0;
    for (unsigned int i = 0; i < 256; i++)
        *lapic(0xb0) = 0;
    for (unsigned int i = 0; i < 256; i++)
        __asm__ volatile("sti; nop; nop; cli");
}

/* --- code that changes ------------------------------------------------------------------------ */

static volatile uint8_t *const code = (volatile uint8_t *)SCRATCH;
static volatile uint32_t change_code; /* the other processor changes it */
static volatile uint32_t changes;

static void change_it(void)
{
    static const uint32_t bodies[] = {
        0x9090078b, /* mov (%rdi), %eax; nop; nop */
        0x90909090,
        0x90078948, /* mov %rax, (%rdi); nop */
        0xa20f9090, /* nop; nop; cpuid */
        0x07c60f90, /* nop; a beginning of something else */
    };

    for (changes = 0; change_code; changes++)
        *(volatile uint32_t *)code = bodies[changes % 5];
}

/* A fault in there leaves the return address on the stack. */
static void run_code(uint64_t device)
{
    __asm__ volatile("movq $0, bad; mov %%rsp, %%r12; lea 1f(%%rip), %%r11; mov %%r11, skip_to\n\t"
                     "mov %[hole], %%rdi; call *%[code]; jmp 2f\n"
                     "1:\n\tmov %%r12, %%rsp; movq $1, bad\n"
                     "2:\n\tmovq $0, skip_to"
                     : "+m"(bad) : [hole] "r"(device), [code] "r"((uint64_t)code)
                     : "rax", "rbx", "rcx", "rdx", "rdi", "r11", "r12", "memory");
}

bool changing_code_at(uint64_t device, unsigned int times)
{
    *(volatile uint32_t *)code = 0x90909090;
    /* whatever half of one and half of another make, a RET or a fault comes next */
    for (unsigned int i = 4; i < PAGE; i++)
        code[i] = 0xc3;
    changes = 0;
    change_code = 1;
    start_ap_again(change_it);
    for (uint64_t end = rdtsc() + 4000000000UL; changes < 5 && rdtsc() < end;)
        vmmcall(__HYPERVISOR_sched_op, 0 /* yield */, 0, 0);
    for (unsigned int i = 0; i < times; i++)
        run_code(device);
    change_code = 0;
    return changes >= 5;
}

/* --- INIT and SIPI ---------------------------------------------------------------------------- */

static volatile uint32_t restarts;

static void run_for_a_while(void)
{
    restarts++;
    for (;;) {
        uint32_t r[4];

        cpuid(0, 0, r); /* on its way in and out when the next INIT comes */
    }
}

static void init_storm(void)
{
    for (unsigned int i = 0; i < 200; i++) {
        start_ap_again(run_for_a_while);
        for (uint64_t n = rnd() & 0xfff; n; n--)
            __asm__ volatile("pause");
        if (i % 8 == 0)
            for (uint64_t end = rdtsc() + 4000000000UL, at = restarts;
                 restarts == at && rdtsc() < end;)
                vmmcall(__HYPERVISOR_sched_op, 0 /* yield */, 0, 0);
    }
}

/* --- hypercalls ------------------------------------------------------------------------------- */

static void hypercalls(void)
{
    for (unsigned int i = 0; i < 5000; i++) {
        const uint64_t nr = rnd() % 50;
        uint64_t *arg = (uint64_t *)(SCRATCH + 0x10000);
        uint64_t a = rnd() % 40, b = rnd() & 3 ? (uint64_t)arg : rnd(), c = rnd() % 4;

        if (nr == __HYPERVISOR_sched_op || nr == __HYPERVISOR_console_io)
            continue;               /* it would sleep, end, or talk */
        if (nr == __HYPERVISOR_memory_op && (a < 2 || a > 4))
            continue;               /* it would give its own memory away */
        for (unsigned int k = 0; k < 8; k++)
            arg[k] = rnd() & 1 ? rnd() : rnd() % 4096;
        if (nr == __HYPERVISOR_multicall) {
            a = (uint64_t)arg;
            b = rnd() % 8;          /* more would only take long */
        }
        vmmcall(nr, a, b, c);
    }
}

void hostile(void)
{
    uint64_t n = all_msrs();

    CHECK(n > 20, "hostile: it has looked at every MSR, and some are there");
    ports();
    CHECK(true, "hostile: ... and at the ports");
    control_registers();
    CHECK(true, "hostile: control registers at random");
    apic_storm();
    CHECK(true, "hostile: a storm of interrupts");
    hypercalls();
    CHECK(true, "hostile: hypercalls at random");
    CHECK(changing_code_at(HOLE, 5000), "hostile: code that changes while it is emulated");
    init_storm();
    CHECK(restarts > 20, "hostile: a processor that is started again and again");
}
