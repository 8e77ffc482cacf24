/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests/unit/emul_real.c asks the oracle, and what it answers: one instruction of real-mode
 * code each. Shared with its kernel (kernel.c), which gets a struct oracle_file as a module of
 * multiboot and writes a struct oracle_head and the results to port 0xe9.
 */
#ifndef ORACLE_CASE_H
#define ORACLE_CASE_H

#include <stdint.h>

#define ORACLE_MAGIC 0x6c63726fU
/* Memory that a case may use: all segments are in it. */
#define REGION 0x30000U
#define REGION_SIZE 0x11000U
/* Where the interrupt vectors point: CS 0 and this, 16 bytes each. */
#define VECTOR_IP(n) (0x1000U + 16U * (n))

#define FLAG_TF 0x100U

enum { ORACLE_ES, ORACLE_CS, ORACLE_SS, ORACLE_DS, ORACLE_FS, ORACLE_GS };

struct oracle_case {
    uint32_t gpr[8];
    uint16_t seg[6], ip, flags; /* TF: step over it; without: INT3 follows */
    uint32_t gdt_base;
    uint16_t gdt_limit, unused;
    uint8_t code[16];
};

struct oracle_file {
    uint32_t magic, nr;
    uint8_t region[REGION_SIZE]; /* before each case */
    struct oracle_case cases[];
};

struct oracle_head {
    uint32_t magic, nr, cr0, cr3, cr4; /* in real mode, before each case; CR2 is 0 */
};

/* When the vector was taken. Its frame is out of the region again: zeros. */
struct oracle_result {
    uint32_t gpr[8];
    uint16_t seg[6], vector, flags, cs, ip; /* of the frame: flags, cs, ip; seg[ORACLE_CS] is 0 */
    uint32_t gdt_base, gdt_limit;
    uint32_t cr0, cr2, hash; /* oracle_hash() of the region */
};

static inline uint32_t oracle_hash(const uint8_t *region)
{
    uint32_t h = 2166136261U;

    for (unsigned int i = 0; i < REGION_SIZE; i += 4) {
        const uint32_t w = region[i] | (uint32_t)region[i + 1] << 8 |
                           (uint32_t)region[i + 2] << 16 | (uint32_t)region[i + 3] << 24;

        h = (h ^ w) * 16777619U;
    }
    return h;
}

#endif
