/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Detects corrupted user state: sums the same data again and again in every register file there is
 * (integer, x87, SSE, AVX), and keeps patterns in all vector registers over a stretch that is long
 * enough to be interrupted. Any difference from the known answer is counted, never forgiven.
 *
 *   checksum SECONDS [LABEL]      one loop; prints "checksum LABEL iterations=N wrong=M FIRST"
 *                                 and exits with 1 if any answer was wrong
 *
 * Built as a static program: it runs in a root that has nothing but itself.
 */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS (16 * 1024)
#define ROUNDS 24

/* What ROUNDS fillings of the buffer sum up to. Each method must find exactly this. */
#define EXPECTED 0xb39dd556u

static uint32_t data[WORDS] __attribute__((aligned(64)));

static void fill(uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1;

    for (int i = 0; i < WORDS; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        data[i] = x;
    }
}

static uint32_t sum_integer(void)
{
    uint32_t sum = 0;

    for (int i = 0; i < WORDS; i++) {
        sum += data[i];
        __asm__ volatile("" : "+r"(sum)); /* keeps the compiler from using vectors here */
    }
    return sum;
}

/* Halves are summed apart: below 2^53 (2^64 for x87) every step is exact. */
static uint32_t sum_double(void)
{
    double high = 0, low = 0;

    for (int i = 0; i < WORDS; i++) {
        high += (double)(data[i] >> 16);
        low += (double)(data[i] & 0xffff);
    }
    return ((uint32_t)(uint64_t)high << 16) + (uint32_t)(uint64_t)low;
}

static uint32_t sum_x87(void)
{
    long double sum = 0;

    for (int i = 0; i < WORDS; i++)
        sum += (long double)data[i];
    return (uint32_t)(uint64_t)sum;
}

static uint32_t sum_sse(void)
{
    __m128i sum = _mm_setzero_si128();
    uint32_t part[4];

    for (int i = 0; i < WORDS; i += 4)
        sum = _mm_add_epi32(sum, _mm_load_si128((const __m128i *)(data + i)));
    memcpy(part, &sum, sizeof(part));
    return part[0] + part[1] + part[2] + part[3];
}

__attribute__((target("avx2"))) static uint32_t sum_avx2(void)
{
    __m256i sum = _mm256_setzero_si256();
    uint32_t part[8], total = 0;

    for (int i = 0; i < WORDS; i += 8)
        sum = _mm256_add_epi32(sum, _mm256_load_si256((const __m256i *)(data + i)));
    memcpy(part, &sum, sizeof(part));
    for (int i = 0; i < 8; i++)
        total += part[i];
    return total;
}

/*
 * Loads 16 vector registers, spins without touching them, stores them again. The loop is short
 * against a time slice, but over a minute thousands of interrupts and switches fall into it.
 */
#define HOLD(move, reg, width)                                                                     \
    __asm__ volatile(                                                                              \
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t" move " \\n*" #width                     \
        "(%[in]), %%" reg "\\n\n\t.endr\n\t"                                                       \
        "mov %[spins], %%ecx\n"                                                                    \
        "1:\tdec %%ecx\n\tjnz 1b\n\t"                                                              \
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t" move " %%" reg                          \
        "\\n, \\n*" #width "(%[out])\n\t.endr"                                                     \
        :                                                                                          \
        : [in] "r"(in), [out] "r"(out), [spins] "r"(spins)                                         \
        : "ecx", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

static void hold_xmm(const uint8_t *in, uint8_t *out, uint32_t spins)
{
    HOLD("movups", "xmm", 16);
}

__attribute__((target("avx"))) static void hold_ymm(const uint8_t *in, uint8_t *out, uint32_t spins)
{
    HOLD("vmovups", "ymm", 32);
}

static bool registers_hold(bool avx, uint32_t seed)
{
    uint8_t in[16 * 32], out[16 * 32];
    size_t size = avx ? sizeof(in) : sizeof(in) / 2;

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(seed * 31 + i * 7);
    memset(out, 0, sizeof(out));
    if (avx)
        hold_ymm(in, out, 200000);
    else
        hold_xmm(in, out, 200000);
    return memcmp(in, out, size) == 0;
}

struct method {
    const char *name;
    uint32_t (*sum)(void);
    bool usable;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double end = now() + (argc > 1 ? atof(argv[1]) : 1.0);
    const char *label = argc > 2 ? argv[2] : "0";
    const char *first = "-";
    unsigned long iterations = 0, wrong = 0;
    bool avx = __builtin_cpu_supports("avx");
    struct method methods[] = {
        { "integer", sum_integer, true }, { "double", sum_double, true },
        { "x87", sum_x87, true },         { "sse", sum_sse, true },
        { "avx2", sum_avx2, __builtin_cpu_supports("avx2") },
    };

    do {
        uint32_t sums[5] = { 0 };

        for (uint32_t round = 0; round < ROUNDS; round++) {
            fill(round);
            for (int m = 0; m < 5; m++)
                if (methods[m].usable)
                    sums[m] = sums[m] * 31 + methods[m].sum();
        }
        for (int m = 0; m < 5; m++) {
            if (methods[m].usable && sums[m] != EXPECTED) {
                if (getenv("CHECKSUM_SHOW"))
                    printf("%s: 0x%08x\n", methods[m].name, sums[m]);
                if (wrong++ == 0)
                    first = methods[m].name;
            }
        }
        if (!registers_hold(avx, (uint32_t)iterations) && wrong++ == 0)
            first = avx ? "ymm" : "xmm";
        iterations++;
    } while (now() < end);

    printf("checksum %s iterations=%lu wrong=%lu %s\n", label, iterations, wrong, first);
    return wrong != 0;
}
