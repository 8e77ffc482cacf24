/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/fpu_vector.c */
/*
 * Vector registers in an XSAVE area: areas are the processor's own (XSAVE after the registers were
 * loaded), and what is written comes back by XRSTOR. The registers are compared with what
 * instructions find in them.
 */
#include "check.h"

#include <arch/fpu.h>
#include <arch/fpu_vector.h>
#include <hv/types.h>

#define COMPONENTS 7U /* x87, SSE, AVX */

static uint8_t bytes[4096] __attribute__((aligned(64)));
static uint8_t saved[4096] __attribute__((aligned(64)));
static uint8_t in[32], out[32];
static struct fpu_area area = { bytes, true, 576, 0 };

static void save(void *p)
{
    __asm__ volatile("xsave64 (%0)" ::"r"(p), "a"(COMPONENTS), "d"(0) : "memory");
}

static void restore(const void *p)
{
    __asm__ volatile("xrstor64 (%0)" ::"r"(p), "a"(COMPONENTS), "d"(0) : "memory");
}

static void pattern(uint8_t first)
{
    for (unsigned int i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(first + i);
}

/* The instruction's own view, with everything else as it was before. */
#define AROUND(insn, operand)                                      \
    do {                                                           \
        save(saved);                                               \
        restore(bytes);                                            \
        __asm__ volatile(insn ::"r"(operand) : "memory");          \
        save(bytes);                                               \
        restore(saved);                                            \
    } while (0)

static void initial(void)
{
    static uint8_t none[4096] __attribute__((aligned(64)));

    none[24] = 0x80; /* MXCSR 1f80 */
    none[25] = 0x1f;
    memset(bytes, 0xcc, sizeof(bytes)); /* what is not in use may be anything */
    memset(bytes + XSAVE_HEADER, 0, 64);
    memcpy(bytes + 24, none + 24, 4);
}

static bool same(unsigned int n) { return memcmp(in, out, n) == 0; }

static void test_read(void)
{
    initial();
    vector_read_ymm(&area, 3, out);
    memset(in, 0, sizeof(in));
    CHECK(same(32));
    pattern(1);
    AROUND("vmovdqu (%0), %%ymm3", in);
    vector_read_ymm(&area, 3, out);
    CHECK(same(32));
    vector_read_ymm(&area, 4, out);
    memset(in, 0, sizeof(in));
    CHECK(same(32));
}

static void test_write(void)
{
    initial();
    pattern(40);
    vector_write_ymm(&area, 9, in, false);
    AROUND("vmovdqu %%ymm9, (%0)", out);
    CHECK(same(32));
    AROUND("vmovdqu %%ymm8, (%0)", out); /* the others are still 0 */
    CHECK(out[0] == 0 && out[31] == 0);
    pattern(80);
    vector_write_ymm(&area, 9, in, true);
    AROUND("vmovdqu %%ymm9, (%0)", out);
    CHECK(same(16) && out[16] == 56 && out[31] == 71);
}

static void test_zmm(void)
{
    struct fpu_area a = area;

    initial();
    pattern(7);
    a.zmm_at = 1024;
    bytes[XSAVE_HEADER] = 0x47;
    vector_write_ymm(&a, 2, in, true);
    CHECK(bytes[1024 + 64] == 0xcc);
    vector_write_ymm(&a, 2, in, false);
    CHECK(bytes[1024 + 63] == 0xcc && bytes[1024 + 64] == 0 && bytes[1024 + 95] == 0 &&
          bytes[1024 + 96] == 0xcc);
}

static void test_mmx(void)
{
    const double one = 1.0;

    initial();
    pattern(3);
    AROUND("movq (%0), %%mm5", in);
    CHECK(vector_enter_mmx(&area));
    vector_read_mmx(&area, 5, out);
    CHECK(same(8));
    pattern(60);
    vector_write_mmx(&area, 2, in);
    AROUND("movq %%mm2, (%0)", out);
    CHECK(same(8));
    /* with values on the x87 stack, TOP is not 0: register numbers are physical */
    initial();
    AROUND("fldl (%0); fld1; fldpi", &one);
    memcpy(saved, bytes, sizeof(saved));
    CHECK(vector_enter_mmx(&area));
    for (unsigned int i = 0; i < 8; i++) {
        uint8_t found[8][8];

        vector_read_mmx(&area, i, out);
        __asm__ volatile("xrstor64 (%1); movq %%mm0, 0(%0); movq %%mm1, 8(%0); movq %%mm2, 16(%0);"
                         "movq %%mm3, 24(%0); movq %%mm4, 32(%0); movq %%mm5, 40(%0);"
                         "movq %%mm6, 48(%0); movq %%mm7, 56(%0); emms"
                         ::"r"(found), "r"(saved), "a"(1), "d"(0) : "memory");
        CHECK(memcmp(found[i], out, 8) == 0);
    }
}

static void test_pending(void)
{
    initial();
    CHECK(vector_enter_mmx(&area));
    bytes[2] |= 0x80;
    memcpy(saved, bytes, sizeof(saved));
    CHECK(!vector_enter_mmx(&area) && memcmp(saved, bytes, sizeof(saved)) == 0);
}

int main(void)
{
    const bool avx = __builtin_cpu_supports("avx");

    TEST("VEX clears what is above, SSE keeps it") test_zmm();
    TEST("a pending x87 exception comes first") test_pending();
    TEST("reads what the processor has saved") {
        if (avx)
            test_read();
        else
            check_skip("no AVX");
    }
    if (!avx)
        return check_exit();
    TEST("the processor restores what is written") test_write();
    TEST("MMX registers under an x87 stack") test_mmx();
    return check_exit();
}
