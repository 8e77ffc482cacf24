/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding of the privileged instructions that a PV guest may execute. Pure. AMD APM vol. 3,
 * chapter 1 and appendix A.
 */
#ifndef PV_PRIV_DECODE_H
#define PV_PRIV_DECODE_H

#include <hv/types.h>

#define INSN_MAX 15

enum priv_op {
    PRIV_NONE, /* not one of ours */
    PRIV_IN,
    PRIV_OUT,
    PRIV_INS,
    PRIV_OUTS,
    PRIV_CLI,
    PRIV_STI,
    PRIV_HLT,
    PRIV_CLTS,
    PRIV_INVD,
    PRIV_WBINVD,
    PRIV_INVLPG,
    PRIV_LMSW,
    PRIV_READ_CR,
    PRIV_WRITE_CR,
    PRIV_READ_DR,
    PRIV_WRITE_DR,
    PRIV_RDMSR,
    PRIV_WRMSR,
    PRIV_RDTSC,
    PRIV_RDTSCP,
    PRIV_RDPMC,
    PRIV_CPUID,
    PRIV_XSETBV,
};

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

struct priv_insn {
    uint8_t op;           /* enum priv_op */
    uint8_t length;       /* bytes */
    uint8_t operand_size; /* IN, OUT, INS, OUTS: 1, 2, 4 */
    uint8_t address_size; /* 2, 4, 8 */
    uint8_t segment;      /* OUTS: SEG_* of the source */
    bool rep;
    bool port_in_dx;
    uint8_t port;         /* else */
    uint8_t reg;          /* control or debug register number */
    uint8_t gpr;          /* general register's number, 0 to 15 */
};

/* False: not a privileged instruction of ours, or not complete in the n bytes. */
bool priv_decode(const uint8_t *code, size_t n, bool mode64, bool db32, struct priv_insn *insn);

#endif
