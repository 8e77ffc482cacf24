/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD APM vol. 3, "General-Purpose Instruction Reference" and appendix A "Opcode and Operand
 * Encodings". Code of 64 or of 32 bits: the latter has no REX, and 0x40 to 0x4f are no stores.
 */
#include "ptwr_decode.h"

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1
#define FLAG_CF 0x001UL
#define FLAG_PF 0x004UL
#define FLAG_AF 0x010UL
#define FLAG_ZF 0x040UL
#define FLAG_SF 0x080UL
#define FLAG_OF 0x800UL
#define ARITH_FLAGS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

struct reader {
    const uint8_t *p;
    unsigned int nr, at;
    bool over;
};

static uint8_t next(struct reader *r)
{
    if (r->at >= r->nr || r->at >= 15) {
        r->over = true;
        return 0;
    }
    return r->p[r->at++];
}

static uint64_t mask(unsigned int size) { return size == 8 ? ~0ULL : (1ULL << (size * 8)) - 1; }

static uint64_t pair(uint64_t high, uint64_t low) { return high << 32 | (uint32_t)low; }

static uint64_t *reg_ptr(const struct cpu_user_regs *regs, unsigned int nr)
{
    const uint64_t *const p[16] = { &regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp,
                                    &regs->rbp, &regs->rsi, &regs->rdi, &regs->r8,  &regs->r9,
                                    &regs->r10, &regs->r11, &regs->r12, &regs->r13, &regs->r14,
                                    &regs->r15 };

    return (uint64_t *)(uintptr_t)p[nr & 15];
}

/* Skip what addresses memory; false if the operand is a register. */
static bool skip_address(struct reader *r, uint8_t modrm)
{
    unsigned int mod = modrm >> 6, rm = modrm & 7, disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;

    if (mod == 3)
        return false;
    if (rm == 4) {
        uint8_t sib = next(r);

        if ((sib & 7) == 5 && mod == 0)
            disp = 4;
    } else if (rm == 5 && mod == 0) {
        disp = 4; /* relative to rip */
    }
    while (disp-- > 0)
        next(r);
    return true;
}

static uint64_t immediate(struct reader *r, unsigned int bytes)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < bytes; i++)
        v |= (uint64_t)next(r) << (8 * i);
    if (bytes == 1)
        return (uint64_t)(int64_t)(int8_t)v;
    return bytes == 4 ? (uint64_t)(int64_t)(int32_t)v : v;
}

/*
 * What an opcode means: op, whether the operand is a byte, and where its other operand is: 0
 * register, 1 imm8, 2 imm of its size.
 */
struct row {
    uint16_t opcode;
    uint8_t byte, imm, group; /* group: op by modrm.reg */
    enum store_op op;
};
static const struct row rows[] = {
    { 0x00, 1, 0, 0, STORE_ADD },    { 0x01, 0, 0, 0, STORE_ADD },    { 0x08, 1, 0, 0, STORE_OR },
    { 0x09, 0, 0, 0, STORE_OR },     { 0x20, 1, 0, 0, STORE_AND },    { 0x21, 0, 0, 0, STORE_AND },
    { 0x28, 1, 0, 0, STORE_SUB },    { 0x29, 0, 0, 0, STORE_SUB },    { 0x30, 1, 0, 0, STORE_XOR },
    { 0x31, 0, 0, 0, STORE_XOR },    { 0x80, 1, 1, 1, STORE_ADD },    { 0x81, 0, 2, 1, STORE_ADD },
    { 0x83, 0, 1, 1, STORE_ADD },    { 0x86, 1, 0, 0, STORE_XCHG },   { 0x87, 0, 0, 0, STORE_XCHG },
    { 0x88, 1, 0, 0, STORE_MOV },    { 0x89, 0, 0, 0, STORE_MOV },    { 0xc6, 1, 1, 2, STORE_MOV },
    { 0xc7, 0, 2, 2, STORE_MOV },    { 0x0fab, 0, 0, 0, STORE_BTS },
    { 0x0fb3, 0, 0, 0, STORE_BTR }, { 0x0fbb, 0, 0, 0, STORE_BTC },  { 0x0fba, 0, 1, 3, STORE_BTS },
    { 0x0fb0, 1, 0, 0, STORE_CMPXCHG }, { 0x0fb1, 0, 0, 0, STORE_CMPXCHG },
    { 0x0fc0, 1, 0, 0, STORE_XADD }, { 0x0fc1, 0, 0, 0, STORE_XADD },
    { 0x0fc7, 0, 0, 4, STORE_CMPXCHG8B },
};

static const struct row *find(uint16_t opcode)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].opcode == opcode)
            return &rows[i];
    return NULL;
}

/* The operation of a row whose opcode is shared; false: not a store that we know. */
static bool group_op(const struct row *row, unsigned int reg, enum store_op *op)
{
    static const int8_t arith[8] = {
        STORE_ADD, STORE_OR, -1, -1, STORE_AND, STORE_SUB, STORE_XOR, -1
    };
    static const int8_t bits[8] = { -1, -1, -1, -1, -1, STORE_BTS, STORE_BTR, STORE_BTC };
    int found = row->group == 1   ? arith[reg]
                : row->group == 2 ? (reg == 0 ? STORE_MOV : -1)
                : row->group == 4 ? (reg == 1 ? STORE_CMPXCHG8B : -1)
                                  : bits[reg];

    if (found < 0)
        return false;
    *op = (enum store_op)found;
    return true;
}

/* False: a bit that is beyond the operand that faulted. */
static bool register_operand(struct store *s, uint8_t rex, uint8_t modrm,
                             const struct cpu_user_regs *regs)
{
    s->reg = (uint8_t)(((modrm >> 3) & 7) | ((rex & REX_R) ? 8 : 0));
    if (s->size == 1 && rex == 0 && s->reg >= 4) /* ah, ch, dh, bh */
        s->operand = *reg_ptr(regs, s->reg - 4U) >> 8;
    else
        s->operand = *reg_ptr(regs, s->reg);
    return s->op < STORE_BTS || (s->operand & mask(s->size)) < s->size * 8UL;
}

bool store_decode(struct store *s, const uint8_t *bytes, unsigned int nr, bool code64,
                  const struct cpu_user_regs *regs)
{
    struct reader r = { bytes, nr, 0, false };
    uint8_t rex = 0, b = next(&r), modrm;
    bool opsize = false;
    const struct row *row;
    uint16_t opcode;

    for (;; b = next(&r)) {
        if (b == 0x66)
            opsize = true;
        else if (b != 0xf0 && b != 0xf2 && b != 0xf3 && b != 0x2e && b != 0x36 && b != 0x3e &&
                 b != 0x26 && b != 0x64 && b != 0x65 && b != 0x67)
            break;
        if (r.over || (b == 0x67 && !code64)) /* addresses of 16 bits */
            return false;
    }
    if (code64 && (b & 0xf0) == 0x40) {
        rex = b;
        b = next(&r);
    }
    opcode = b == 0x0f ? (uint16_t)(0x0f00 | next(&r)) : b;
    row = find(opcode);
    if (row == NULL)
        return false;
    modrm = next(&r);
    if (!skip_address(&r, modrm))
        return false;
    s->op = row->op;
    if (row->group && !group_op(row, (modrm >> 3) & 7, &s->op))
        return false;
    s->size = row->byte ? 1 : (rex & REX_W) ? 8 : opsize ? 2 : 4;
    if (s->op == STORE_CMPXCHG8B) {
        if (rex & REX_W) /* cmpxchg16b: two entries */
            return false;
        s->size = 8;
        s->reg = NO_REG;
        s->operand = pair(regs->rcx, regs->rbx);
    } else if (row->imm) {
        s->reg = NO_REG;
        s->operand = immediate(&r, row->imm == 1 ? 1 : s->size == 8 ? 4 : s->size);
    } else if (!register_operand(s, rex, modrm, regs)) {
        return false;
    }
    if (s->op < STORE_BTS)
        s->operand &= mask(s->size);
    s->len = (uint8_t)r.at;
    return !r.over;
}

bool store_value(const struct store *s, const struct cpu_user_regs *regs, uint64_t old,
                 uint64_t *new)
{
    uint64_t m = mask(s->size), bit = 1ULL << (s->operand & (s->size * 8U - 1));

    old &= m;
    switch (s->op) {
    case STORE_MOV:
    case STORE_XCHG:
        *new = s->operand;
        break;
    case STORE_CMPXCHG:
        if ((regs->rax & m) != old)
            return false;
        *new = s->operand;
        break;
    case STORE_CMPXCHG8B:
        if (pair(regs->rdx, regs->rax) != old)
            return false;
        *new = s->operand;
        break;
    case STORE_XADD:
    case STORE_ADD:
        *new = old + s->operand;
        break;
    case STORE_SUB:
        *new = old - s->operand;
        break;
    case STORE_AND:
        *new = old & s->operand;
        break;
    case STORE_OR:
        *new = old | s->operand;
        break;
    case STORE_XOR:
        *new = old ^ s->operand;
        break;
    case STORE_BTS:
        *new = old | bit;
        break;
    case STORE_BTR:
        *new = old & ~bit;
        break;
    case STORE_BTC:
        *new = old ^ bit;
        break;
    }
    *new &= m;
    return true;
}

static uint64_t result_flags(uint64_t v, unsigned int size)
{
    uint64_t flags = 0;

    if (v == 0)
        flags |= FLAG_ZF;
    if (v >> (size * 8 - 1))
        flags |= FLAG_SF;
    if (!(__builtin_popcount((unsigned int)(v & 0xff)) & 1))
        flags |= FLAG_PF;
    return flags;
}

/*
 * a + b = r, or for a subtraction r + b = a: carries out of and into the top bit, and out of bit 3.
 */
static uint64_t sum_flags(uint64_t a, uint64_t b, uint64_t r, unsigned int size, bool subtract)
{
    uint64_t top = 1ULL << (size * 8 - 1), flags = result_flags(r, size);
    uint64_t carry = subtract ? (~a & b) | ((~a | b) & r) : (a & b) | ((a | b) & ~r);
    uint64_t overflow = subtract ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r);

    return flags | (carry & top ? FLAG_CF : 0) | (overflow & top ? FLAG_OF : 0) |
           ((a ^ b ^ r) & 0x10 ? FLAG_AF : 0);
}

static void write_reg(struct cpu_user_regs *regs, unsigned int nr, uint64_t v, unsigned int size)
{
    uint64_t *p = reg_ptr(regs, nr);

    if (size == 4)
        *p = v & mask(4); /* a 32-bit result clears the upper half */
    else
        *p = (*p & ~mask(size)) | (v & mask(size));
}

void store_finish(const struct store *s, struct cpu_user_regs *regs, uint64_t old)
{
    uint64_t m = mask(s->size), new = 0, flags = regs->rflags & ~ARITH_FLAGS;
    bool stored;

    old &= m;
    stored = store_value(s, regs, old, &new);
    switch (s->op) {
    case STORE_MOV:
        flags = regs->rflags;
        break;
    case STORE_XCHG:
        flags = regs->rflags;
        write_reg(regs, s->reg, old, s->size);
        break;
    case STORE_CMPXCHG:
        flags |= sum_flags(regs->rax & m, old, (regs->rax - old) & m, s->size, true);
        if (!stored)
            write_reg(regs, 0, old, s->size);
        break;
    case STORE_CMPXCHG8B:
        flags = (regs->rflags & ~FLAG_ZF) | (stored ? FLAG_ZF : 0);
        if (!stored) {
            write_reg(regs, 0, old, 4);
            write_reg(regs, 2, old >> 32, 4);
        }
        break;
    case STORE_XADD:
        flags |= sum_flags(old, s->operand, new, s->size, false);
        write_reg(regs, s->reg, old, s->size);
        break;
    case STORE_ADD:
        flags |= sum_flags(old, s->operand, new, s->size, false);
        break;
    case STORE_SUB:
        flags |= sum_flags(old, s->operand, new, s->size, true);
        break;
    case STORE_AND:
    case STORE_OR:
    case STORE_XOR:
        flags |= result_flags(new, s->size);
        break;
    case STORE_BTS:
    case STORE_BTR:
    case STORE_BTC:
        flags = (regs->rflags & ~FLAG_CF) | (old >> (s->operand & (s->size * 8U - 1)) & 1);
        break;
    }
    regs->rflags = flags;
    regs->rip += s->len;
}
