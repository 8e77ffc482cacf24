/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests/unit/emul_prot.c asks the oracle, and what it answers: one instruction of protected
 * mode each, without paging, in ring 0 or 3, with the test's own descriptor tables. Shared with the
 * oracle's kernel (prot.c, prot.S), as case.h is. All segments of a case have REGION as their base.
 */
#ifndef ORACLE_PROT_CASE_H
#define ORACLE_PROT_CASE_H

#include "case.h"

#define ORACLE_PROT_MAGIC 0x746f7270U

/* Behind the 64 KiB that a case may use for data: tables, in two copies what LGDT may load. */
#define PROT_TABLES 0x10000U
#define PROT_GDT (REGION + PROT_TABLES)
#define PROT_GDT2 (PROT_GDT + 0x400)
#define PROT_LDT (PROT_GDT + 0x800)
#define PROT_TSS (PROT_GDT + 0x900)
#define PROT_TSS16 (PROT_GDT + 0xa00)
/* The kernel's: two copies of the IDT, and the stack for what comes from ring 3. */
#define PROT_IDT 0x9000U
#define PROT_IDT2 0x9800U
#define PROT_STACK 0x7000U
#define PROT_FRAME 128U /* below the stack pointer of ring 0: what the trap has left is zeroed */

/* The first of the GDT; the rest is the test's. */
#define PROT_KERNEL_CODE 0x08U
#define PROT_KERNEL_DATA 0x10U

struct prot_case {
    uint32_t gpr[8], eip, eflags; /* TF is among them */
    uint16_t seg[6], tr, ldtr;
    uint32_t cr0, cr4;            /* bits besides the kernel's */
    uint32_t patch_at;            /* linear: these bytes go there */
    uint8_t patch[12], code[16];
};

struct prot_file {
    uint32_t magic, nr;
    uint8_t region[REGION_SIZE];
    struct prot_case cases[];
};

struct prot_result {
    uint32_t gpr[8], vector, error, eip, eflags;
    uint16_t seg[6], tr, ldtr;
    uint32_t gdt_base, gdt_limit, idt_base, idt_limit;
    uint32_t cr0, cr2, cr3, cr4, hash;
};

/* Exceptions that push an error code. */
#define PROT_HAS_ERROR (1U << 8 | 31U << 10 | 1U << 17)

#endif
