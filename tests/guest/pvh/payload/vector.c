/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that exit and that no plain load or store stands for: moves of vector registers from
 * and to where nothing is, and AMD's second name of CR8.
 */
#include "payload.h"

#define CR4_VECTORS (3UL << 9)  /* OSFXSR, OSXMMEXCPT */
#define CR4_OSXSAVE (1UL << 18)

static uint64_t read_cr4(void)
{
    uint64_t v;

    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

static void write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }

static bool all(const uint64_t *v, unsigned int n, uint64_t want)
{
    for (unsigned int i = 0; i < n; i++)
        if (v[i] != want)
            return false;
    return true;
}

static void sse(void)
{
    uint64_t v[4] = { 1, 1, 1, 1 }, zero = 0;

    __asm__ volatile("movq %2, %%xmm4; movdqu (%1), %%xmm3; movdqu %%xmm3, (%0);"
                     "movdqu %%xmm4, 16(%0); movaps %%xmm3, (%1); movntdq %%xmm3, 16(%1)"
                     : : "r"(v), "r"(HOLE), "r"(zero) : "memory");
    CHECK(all(v, 2, ~0UL), "an SSE register loaded from where nothing is has ones");
    CHECK(all(v + 2, 2, 0), "... and its neighbour has what it had");
    __asm__ volatile("movss (%1), %%xmm3; movdqu %%xmm3, (%0)" : : "r"(v), "r"(HOLE) : "memory");
    CHECK(v[0] == 0xffffffff && v[1] == 0, "... and zeros above a scalar");
}

static void mmx(void)
{
    uint64_t v[2] = { 1, 1 };

    __asm__ volatile("fninit; fld1; movq (%1), %%mm5; movq %%mm5, (%0); movq %%mm5, (%1); emms"
                     : : "r"(v), "r"(HOLE) : "memory");
    CHECK(v[0] == ~0UL && v[1] == 1, "an MMX register loaded from there");
}

static void avx(void)
{
    uint64_t v[4] = { 1, 1, 1, 1 };

    __asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
    __asm__ volatile("vmovdqu (%1), %%ymm3; vmovdqu %%ymm3, (%0); vmovdqa %%ymm3, (%1)"
                     : : "r"(v), "r"(HOLE) : "memory");
    CHECK(all(v, 4, ~0UL), "an AVX register loaded from there");
    __asm__ volatile("movdqu (%1), %%xmm3; vmovdqu %%ymm3, (%0)" : : "r"(v), "r"(HOLE) : "memory");
    CHECK(all(v, 4, ~0UL), "... by SSE: the upper half stays");
    __asm__ volatile("vmovdqu (%1), %%xmm3; vmovdqu %%ymm3, (%0)" : : "r"(v), "r"(HOLE) : "memory");
    CHECK(all(v, 2, ~0UL) && all(v + 2, 2, 0), "... by VEX: it is cleared");
    __asm__ volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
}

/* LOCK MOV CR0. */
static void second_cr8(void)
{
    uint64_t v = 5;

    __asm__ volatile(".byte 0xf0, 0x0f, 0x22, 0xc0" : : "a"(v) : "memory");
    __asm__ volatile("mov %%cr8, %0" : "=r"(v));
    CHECK_EQ(v, 5, "LOCK MOV CR0 writes CR8");
    __asm__ volatile(".byte 0xf0, 0x0f, 0x20, 0xc0" : "=a"(v));
    CHECK_EQ(v, 5, "... and reads it");
    __asm__ volatile("mov %0, %%cr8" : : "r"(0UL));
}

void vectors(void)
{
    const uint64_t cr4 = read_cr4();
    uint32_t r[4], far[4];

    cpuid(1, 0, r);
    cpuid(0x80000001, 0, far);
    write_cr4(cr4 | CR4_VECTORS);
    sse();
    mmx();
    if ((r[2] >> 26 & 1) && (r[2] >> 28 & 1)) { /* XSAVE, AVX */
        write_cr4(cr4 | CR4_VECTORS | CR4_OSXSAVE);
        avx();
    }
    write_cr4(cr4);
    if (far[2] >> 4 & 1)
        second_cr8();
}
