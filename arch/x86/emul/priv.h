/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the emulator's files share. Handlers read and change emul.next; emul.state is what was
 * before, until emul_commit(). So a handler may return a fault or RETRY at any point, and the
 * order that matters is only that of its accesses: what can be refused comes before what has an
 * effect outside.
 */
#ifndef EMUL_PRIV_H
#define EMUL_PRIV_H

#include <arch/emul.h>
#include <arch/msr.h>
#include <arch/regs.h>

#define FLAG_CF 0x001UL
#define FLAG_PF 0x004UL
#define FLAG_AF 0x010UL
#define FLAG_ZF 0x040UL
#define FLAG_SF 0x080UL
#define FLAG_OF 0x800UL
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* Operands of a row. B is a byte, W 16 bits, V the operand size. */
enum operand {
    O_NONE,
    O_EB, O_EW, O_ED, O_EV, /* ModRM.rm, register or memory; also a moffs.
                               D: at most 32 bits */
    O_GB, O_GV,             /* ModRM.reg */
    O_ZB, O_ZV,             /* the register in the opcode */
    O_AB, O_AV,             /* the accumulator */
    O_IB, O_IU, O_IV,       /* immediate: byte, sign-extended or not; full, sign-extended */
    O_ONE, O_CL,
};

enum row_flags {
    R_LOCK = 1,             /* LOCK is allowed, if the destination is memory */
    R_WRITE_ONLY = 2,       /* the destination is not read */
    R_READ_ONLY = 4,        /* ... is not written: CMP, TEST */
    R_MEM = 8,              /* a register form does not exist */
    R_GROUP = 16,           /* arg is the group, ModRM.reg the member */
    R_ATOMIC = 32,          /* locked without a prefix: XCHG */
    R_NO_REAL = 64,         /* #UD in real mode */
    R_LOCK_CR = 128,        /* LOCK means another register: AMD only */
};

struct row {
    enum emul_result (*fn)(struct emul *e, unsigned int arg);
    uint8_t dst, src, flags, arg;
};

/* table.c: NULL if there is none. */
const struct row *emul_find_row(const struct insn *insn);

/* run.c */
void emul_commit(struct emul *e);

/* Did the guest have protection, not the virtual-8086 kind? */
static inline bool emul_protected(const struct emul *e)
{
    return e->cr0 & X86_CR0_PE && !(e->state.rflags & X86_EFLAGS_VM);
}
static inline bool emul_long64(const struct emul *e) { return e->insn.mode == INSN_LONG64; }

/* Bytes 1, 2, 4, 8. */
static inline uint64_t emul_mask(unsigned int size)
{
    return size >= 8 ? ~0ULL : ~0ULL >> ((64 - 8 * size) & 63);
}
static inline uint64_t emul_sign_extend(uint64_t v, unsigned int size)
{
    const unsigned int shift = (64 - 8 * size) & 63; /* size 0: the value as it is */

    return (uint64_t)((int64_t)(v << shift) >> shift);
}
static inline uint64_t emul_sign_bit(unsigned int size) { return 1ULL << (8 * size - 1); }

/* reg.c: registers by number and size, in next. Byte registers 4-7 without REX are ah to bh. */
uint64_t emul_read_reg(const struct emul *e, unsigned int nr, unsigned int size);
void emul_write_reg(struct emul *e, unsigned int nr, unsigned int size, uint64_t val);
uint64_t emul_read_byte_reg(const struct emul *e, unsigned int nr);
void emul_write_byte_reg(struct emul *e, unsigned int nr, uint64_t val);
void emul_set_flags(struct emul *e, uint64_t mask, uint64_t flags);
bool emul_condition(const struct emul *e, unsigned int cc);

/* reg.c: the operands of a row */
enum emul_result emul_load_operands(struct emul *e, const struct row *row);
enum emul_result emul_store_operand(struct emul *e, const struct row *row, uint64_t old);
/* reg.c: 16 bits of ModRM.rm, for handlers that have to look at something else first */
enum emul_result emul_read_word(struct emul *e, uint16_t *val);

/* mem.c: through segmentation. Offsets are of the address or stack size already. */
uint64_t emul_effective_address(const struct emul *e);
enum emul_result emul_check(struct emul *e, unsigned int seg, uint64_t offset, unsigned int size,
                            bool write, uint64_t *linear);
/* The parts of it, for who only asks: nothing is raised. */
bool emul_in_segment(const struct emul *e, unsigned int seg, uint64_t offset, unsigned int size,
                     bool write, uint64_t *linear);
bool emul_misaligned(const struct emul *e, uint64_t linear, unsigned int size);
enum emul_result emul_read(struct emul *e, unsigned int seg, uint64_t offset, void *buf,
                           unsigned int size);
enum emul_result emul_write(struct emul *e, unsigned int seg, uint64_t offset, const void *buf,
                            unsigned int size);
enum emul_result emul_probe(struct emul *e, unsigned int seg, uint64_t offset, unsigned int size);
enum emul_result emul_cmpxchg(struct emul *e, unsigned int seg, uint64_t offset, const void *old,
                              const void *new, unsigned int size);
enum emul_result emul_read_linear(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                  enum emul_access access);
enum emul_result emul_write_linear(struct emul *e, uint64_t linear, const void *buf,
                                   unsigned int size, enum emul_access access);
enum emul_result emul_fetch_check(struct emul *e, uint64_t rip, unsigned int size,
                                  uint64_t *linear);
bool emul_canonical(const struct emul *e, uint64_t linear);

/* mem.c: an access of another kind (port, ...) takes part in replay by these. */
bool emul_replayed(struct emul *e, void *buf, unsigned int size);
enum emul_result emul_record(struct emul *e, const void *buf, unsigned int size);

/* stack.c: rsp is in next */
unsigned int emul_stack_size(const struct emul *e);
enum emul_result emul_push(struct emul *e, uint64_t val, unsigned int size);
enum emul_result emul_probe_push(struct emul *e, unsigned int nr, unsigned int size);
enum emul_result emul_push_all(struct emul *e, const uint64_t *val, unsigned int nr,
                               unsigned int size);
enum emul_result emul_pop(struct emul *e, uint64_t *val, unsigned int size);

/* branch.c: rip in next, checked against the code segment in next */
enum emul_result emul_jump(struct emul *e, uint64_t rip);

/* desc.c */
struct emul_descriptor {
    uint64_t raw, linear; /* as it is in its table, and where that is */
};
static inline uint16_t emul_descriptor_attr(const struct emul_descriptor *d)
{
    return (uint16_t)((d->raw >> 40 & 0xff) | (d->raw >> 44 & 0xf00));
}
static inline unsigned int emul_dpl(uint16_t attr) { return attr >> 5 & 3; }
/* A selector beyond its table is #GP. */
enum emul_result emul_read_descriptor(struct emul *e, uint16_t selector,
                                      struct emul_descriptor *d);
struct emul_segment emul_unpack(const struct emul_descriptor *d, uint16_t selector);
enum emul_result emul_selector_fault(struct emul *e, unsigned int vector, uint16_t selector);
enum emul_result emul_load_segment(struct emul *e, unsigned int seg, uint16_t selector);
enum emul_result emul_load_code_segment(struct emul *e, uint16_t selector, bool far_return);
/* Of a task that begins: what is wrong is #TS. state and next are the new task's. */
enum emul_result emul_load_task_segment(struct emul *e, unsigned int seg, uint16_t selector);
enum emul_result emul_load_task_ldt(struct emul *e, uint16_t selector);
/* A descriptor as it is in its table. */
enum emul_result emul_read_segment(struct emul *e, uint16_t selector, struct emul_segment *s);

/* alu.c */
uint64_t emul_result_flags(uint64_t v, unsigned int size);
uint64_t emul_sub_flags(uint64_t a, uint64_t b, uint64_t r, unsigned int size);

/* io.c */
enum emul_result emul_check_port(struct emul *e, uint16_t port, unsigned int size);
enum emul_result emul_port_in(struct emul *e, uint16_t port, unsigned int size, uint32_t *val);
enum emul_result emul_port_out(struct emul *e, uint16_t port, unsigned int size, uint32_t val);
enum emul_result emul_port_block(struct emul *e, const struct emul_block *b, uint16_t port,
                                 uint64_t linear, bool in);

/* simd.c: the row-less vector moves */
enum emul_result emul_simd(struct emul *e);

/* Handlers of rows; arg is the row's. */
typedef enum emul_result emul_handler(struct emul *e, unsigned int arg);
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP, ALU_TEST };
emul_handler emul_alu, emul_inc_dec, emul_not, emul_neg, emul_xadd, emul_cmpxchg_op,
    emul_cmpxchg_wide;
emul_handler emul_shift, emul_shift_double;
emul_handler emul_bit_test, emul_bit_scan, emul_popcnt;
emul_handler emul_mul, emul_imul2, emul_imul3, emul_div;
emul_handler emul_movnti;
emul_handler emul_mov, emul_mov_extend, emul_movbe, emul_xchg, emul_cmov, emul_setcc, emul_lea,
    emul_bswap, emul_convert, emul_flag_op, emul_ahf, emul_nop, emul_xlat, emul_pause;
emul_handler emul_push_op, emul_pop_op, emul_push_seg, emul_pop_seg, emul_pusha, emul_popa,
    emul_pushf, emul_popf, emul_enter, emul_leave;
emul_handler emul_jcc, emul_jmp, emul_jmp_indirect, emul_call, emul_call_indirect, emul_ret,
    emul_loop;
emul_handler emul_far_direct, emul_far_indirect, emul_far_ret, emul_int, emul_iret;
emul_handler emul_mov_from_seg, emul_mov_to_seg, emul_load_far;
emul_handler emul_store_selector, emul_load_system, emul_verify, emul_lar_lsl, emul_arpl;
emul_handler emul_string;
emul_handler emul_in_out;
emul_handler emul_cli_sti, emul_hlt, emul_clts, emul_cache, emul_flush_line, emul_mov_cr,
    emul_mov_dr, emul_msr, emul_rdtsc, emul_cpuid, emul_group7;

#endif
