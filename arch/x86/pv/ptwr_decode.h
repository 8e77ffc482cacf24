/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding a store to memory: which value the instruction would leave, which registers and flags
 * change. Pure: bytes and registers in, a description out. Covers what kernels use on page-table
 * entries and configuration space: mov, xchg, cmpxchg, cmpxchg8b, xadd, and, or, xor, add, sub,
 * bts, btr, btc with 1 to 8 byte operands; one memory operand, whose address the page fault has
 * given.
 */
#ifndef PTWR_DECODE_H
#define PTWR_DECODE_H

#include <abi.h>
#include <hv/types.h>

enum store_op {
    STORE_MOV,
    STORE_XCHG,
    STORE_CMPXCHG,
    STORE_CMPXCHG8B,
    STORE_XADD,
    STORE_AND,
    STORE_OR,
    STORE_XOR,
    STORE_ADD,
    STORE_SUB,
    STORE_BTS,
    STORE_BTR,
    STORE_BTC
};

struct store {
    enum store_op op;
    uint8_t len;     /* of the instruction, bytes */
    uint8_t size;    /* of the operand, bytes */
    uint8_t reg;     /* register operand's number; NO_REG: immediate */
    uint64_t operand; /* value of the register (cmpxchg8b: ecx:ebx) or the immediate */
};
#define NO_REG 0xff

/* False: not one of these, or cut off. bytes: nr readable ones at rip, 15 at most are looked at. */
bool store_decode(struct store *s, const uint8_t *bytes, unsigned int nr, bool code64,
                  const struct cpu_user_regs *regs);
/* The new memory value from the old one. False: nothing is stored (cmpxchg that does not match). */
bool store_value(const struct store *s, const struct cpu_user_regs *regs, uint64_t old,
                 uint64_t *new);
/* Registers and flags after it: old is the former memory value. Moves rip. */
void store_finish(const struct store *s, struct cpu_user_regs *regs, uint64_t old);

#endif
