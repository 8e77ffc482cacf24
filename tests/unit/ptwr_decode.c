/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/pv/ptwr_decode.c */
/*
 * Stores that are done for a guest, against this machine's own cpu: memory, registers, flags and
 * length of each form and size.
 */
#include "check.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <pv/ptwr_decode.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* no ignored flags */

#define ARITH 0x8d5UL /* OF SF ZF AF PF CF */

/* memory operand (%rcx), register %rdx */
static const struct form { uint8_t len, code[12]; unsigned int ignore; } forms[] = {
#define AF 0x10
    { 2, { 0x88, 0x11 } }, { 2, { 0x89, 0x11 } }, { 3, { 0x48, 0x89, 0x11 } },
    { 3, { 0x66, 0x89, 0x11 } }, { 2, { 0x88, 0x31 } }, /* %dh */ { 3,
                                                                    { 0x40, 0x88,
                                                                      0x31 } }, /* %sil */
    { 3, { 0xc6, 0x01, 0x85 } }, { 6, { 0xc7, 0x01, 1, 2, 3, 0x84 } },
    { 7, { 0x48, 0xc7, 0x01, 1, 2, 3, 0x84 } }, { 5, { 0x66, 0xc7, 0x01, 1, 0x82 } },
    { 3, { 0x89, 0x51, 0x00 } }, { 6, { 0x89, 0x91, 0, 0, 0, 0 } }, { 3, { 0x89, 0x14, 0x21 } },
    { 4, { 0x89, 0x54, 0x21, 0 } }, { 2, { 0x86, 0x11 } }, { 2, { 0x87, 0x11 } },
    { 3, { 0x48, 0x87, 0x11 } }, { 3, { 0x66, 0x87, 0x11 } }, { 3, { 0x0f, 0xb0, 0x11 } },
    { 4, { 0xf0, 0x0f, 0xb1, 0x11 } }, { 5, { 0xf0, 0x48, 0x0f, 0xb1, 0x11 } },
    { 5, { 0x66, 0xf0, 0x0f, 0xb1, 0x11 } }, { 3, { 0x0f, 0xc0, 0x11 } },
    { 3, { 0x0f, 0xc1, 0x11 } }, { 5, { 0xf0, 0x48, 0x0f, 0xc1, 0x11 } }, { 2, { 0x00, 0x11 } },
    { 4, { 0xf0, 0x0f, 0xc7, 0x09 } }, { 3, { 0x0f, 0xc7, 0x09 } },
    { 2, { 0x01, 0x11 } }, { 3, { 0x48, 0x01, 0x11 } }, { 3, { 0x66, 0x01, 0x11 } },
    { 2, { 0x28, 0x11 } }, { 2, { 0x29, 0x11 } }, { 4, { 0xf0, 0x48, 0x29, 0x11 } },
    { 2, { 0x20, 0x11 }, AF }, { 2, { 0x21, 0x11 }, AF }, { 4, { 0xf0, 0x48, 0x21, 0x11 }, AF },
    { 2, { 0x08, 0x11 }, AF }, { 3, { 0x48, 0x09, 0x11 }, AF }, { 3, { 0x48, 0x31, 0x11 }, AF },
    { 2, { 0x30, 0x11 }, AF }, { 3, { 0x80, 0x21, 0xf5 }, AF },
    { 6, { 0x81, 0x21, 1, 2, 3, 0x84 }, AF }, { 7, { 0x48, 0x81, 0x09, 1, 2, 3, 0x84 }, AF },
    { 5, { 0xf0, 0x48, 0x83, 0x21, 0xfd }, AF }, { 3, { 0x83, 0x29, 0x80 } },
    { 4, { 0x48, 0x83, 0x01, 0x7f } }, { 3, { 0x83, 0x31, 0x0f }, AF },
#define BIT_FLAGS (ARITH & ~0x41UL)
    { 5, { 0xf0, 0x0f, 0xba, 0x29, 7 }, BIT_FLAGS },
    { 6, { 0xf0, 0x48, 0x0f, 0xba, 0x31, 63 }, BIT_FLAGS },
    { 5, { 0x48, 0x0f, 0xba, 0x39, 1 }, BIT_FLAGS }, { 4, { 0x0f, 0xba, 0x31, 0x25 }, BIT_FLAGS },
    { 4, { 0x48, 0x0f, 0xab, 0x11 }, BIT_FLAGS },
    { 5, { 0xf0, 0x48, 0x0f, 0xb3, 0x11 }, BIT_FLAGS }, { 3, { 0x0f, 0xbb, 0x11 }, BIT_FLAGS },
};

static uint64_t seed = 7;

static uint64_t rnd(void)
{
    static const uint64_t edge[] = {
        0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x80000000, 0xffffffff, 1ULL << 63, ~0ULL
    };

    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return seed >> 61 ? seed ^ seed << 29 : edge[(seed >> 40) % 10];
}

/* Run the instruction here. */
static void native(const uint8_t *code, uint64_t *mem, struct cpu_user_regs *r)
{
    register uint64_t rax __asm__("rax") = r->rax, rdx __asm__("rdx") = r->rdx,
                          rsi __asm__("rsi") = r->rsi, rbx __asm__("rbx") = r->rbx;
    register uint64_t flags __asm__("r9") = r->rflags;

    /* Below the red zone; the code buffer ends in ret. */
    __asm__ volatile(
        "sub $256, %%rsp; push %[f]; popfq; call *%[c]; pushfq; pop %[f]; add $256, %%rsp"
        : "+r"(rax), "+r"(rdx), "+r"(rsi), [f] "+r"(flags)
        : "c"(mem), [c] "r"(code), "r"(rbx)
        : "memory", "cc");
    r->rax = rax;
    r->rdx = rdx;
    r->rsi = rsi;
    r->rflags = flags;
}

/* The cpu has changed the one that rcx points to; from here on that is as it was. */
static void swap(uint64_t a[2], uint64_t b[2])
{
    for (unsigned int i = 0; i < 2; i++) {
        const uint64_t t = a[i];

        a[i] = b[i];
        b[i] = t;
    }
}

static bool one(const struct form *f, uint8_t *code)
{
    struct cpu_user_regs ours = { .rax = rnd(), .rdx = rnd(), .rsi = rnd(),
                                  .rflags = 0x202 | (rnd() & ARITH) }, cpu;
    bool bit_register = (f->ignore == BIT_FLAGS) && f->code[f->len - 1] == 0x11;
    uint64_t mem[2] = { rnd(), rnd() }, copy[2], new, m;
    struct store s;

    if (bit_register)
        ours.rdx &= 31;
    if (rnd() & 1)
        ours.rax = mem[0]; /* cmpxchg that matches */
    if (f->code[f->len - 2] == 0xc7 && rnd() & 1)
        ours.rdx = rnd() << 32 | mem[0] >> 32; /* and cmpxchg8b */
    ours.rbx = rnd();
    ours.rcx = (uintptr_t)mem;
    cpu = ours;
    memcpy(copy, mem, sizeof(mem));
    native(code, mem, &cpu);
    swap(mem, copy);
    if (!CHECK(store_decode(&s, f->code, f->len, true, &ours)))
        return false;
    m = s.size == 8 ? ~0ULL : (1ULL << (s.size * 8)) - 1;
    new = mem[0] & m;
    (void)store_value(&s, &ours, mem[0] & m, &new);
    store_finish(&s, &ours, mem[0] & m);
    return CHECK_EQ((mem[0] & ~m) | (new &m), copy[0]) & CHECK_EQ(ours.rax, cpu.rax) &
           CHECK_EQ(ours.rdx, cpu.rdx) & CHECK_EQ(ours.rsi, cpu.rsi) &
           CHECK_EQ((ours.rflags ^ cpu.rflags) & ARITH & ~f->ignore, 0) &
           CHECK_EQ(ours.rip, f->len) & CHECK_EQ(mem[1], copy[1]);
}

int main(void)
{
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct cpu_user_regs regs = { 0 };
    struct store s;

    TEST("each form gives what the cpu gives") {
        if (!CHECK(code != MAP_FAILED))
            break;
        for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
            memcpy(code, forms[i].code, forms[i].len);
            code[forms[i].len] = 0xc3;
            for (unsigned int n = 0; n < 400; n++)
                if (!one(&forms[i], code)) {
                    printf("  form %u: %02x %02x %02x %02x\n", i, code[0], code[1], code[2],
                           code[3]);
                    break;
                }
        }
    }
    TEST("a form cut short is refused at every length") {
        for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++)
            for (unsigned int n = 0; n < forms[i].len; n++)
                CHECK(!store_decode(&s, forms[i].code, n, true, &regs));
    }
    TEST("loads, register forms, bits beyond the operand and endless prefixes are refused") {
        static const uint8_t bad[][15] = { { 0x8b, 0x11 }, { 0x89, 0xd1 }, { 0x03, 0x11 },
                                           { 0x48, 0x0f, 0xc7, 0x09 }, { 0x0f, 0xc7, 0x31 },
                                           { 0x0f, 0x0b }, { 0xf4 }, { 0x0f, 0xba, 0x21, 1 },
            { 0xc7, 0x09 }, { 0x80, 0x39 }, { 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0,
                                              0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0 } };

        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
            CHECK(!store_decode(&s, bad[i], 15, true, &regs));
        regs.rdx = 64;
        CHECK(!store_decode(&s, (const uint8_t[]){ 0x48, 0x0f, 0xab, 0x11 }, 4, true, &regs));
        regs.rdx = (uint64_t)-1;
        CHECK(!store_decode(&s, (const uint8_t[]){ 0x48, 0x0f, 0xab, 0x11 }, 4, true, &regs));
    }
    return check_exit();
}
