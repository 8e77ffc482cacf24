/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What we emulate, but for vector moves (simd.c): a row an opcode, in the order of the opcode maps.
 * AMD APM vol. 3, appendix A.
 */
#include "priv.h"

/* A row says what is not zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define ALU_ROWS(base, op, write)                                        \
    [(base) + 0] = { emul_alu, O_EB, O_GB, (write) | LOCK_OF(op), op },  \
    [(base) + 1] = { emul_alu, O_EV, O_GV, (write) | LOCK_OF(op), op },  \
    [(base) + 2] = { emul_alu, O_GB, O_EB, (write), op },                \
    [(base) + 3] = { emul_alu, O_GV, O_EV, (write), op },                \
    [(base) + 4] = { emul_alu, O_AB, O_IB, (write), op },                \
    [(base) + 5] = { emul_alu, O_AV, O_IV, (write), op }
#define LOCK_OF(op) ((op) == ALU_CMP ? 0 : R_LOCK)
#define RO R_READ_ONLY
#define WO R_WRITE_ONLY

enum { GROUP_1B, GROUP_1V, GROUP_1S, GROUP_2, GROUP_3B, GROUP_3V, GROUP_4, GROUP_5, GROUP_6,
       GROUP_8, GROUP_11, GROUP_9 };

static const struct row one_byte[256] = {
    ALU_ROWS(0x00, ALU_ADD, 0), ALU_ROWS(0x08, ALU_OR, 0), ALU_ROWS(0x10, ALU_ADC, 0),
    ALU_ROWS(0x18, ALU_SBB, 0), ALU_ROWS(0x20, ALU_AND, 0), ALU_ROWS(0x28, ALU_SUB, 0),
    ALU_ROWS(0x30, ALU_XOR, 0), ALU_ROWS(0x38, ALU_CMP, RO),
    [0x06] = { .fn = emul_push_seg, .arg = INSN_ES },
    [0x07] = { .fn = emul_pop_seg, .arg = INSN_ES },
    [0x0e] = { .fn = emul_push_seg, .arg = INSN_CS },
    [0x16] = { .fn = emul_push_seg, .arg = INSN_SS },
    [0x17] = { .fn = emul_pop_seg, .arg = INSN_SS },
    [0x1e] = { .fn = emul_push_seg, .arg = INSN_DS },
    [0x1f] = { .fn = emul_pop_seg, .arg = INSN_DS },
    [0x40 ... 0x47] = { emul_inc_dec, O_ZV, .arg = 0 },
    [0x48 ... 0x4f] = { emul_inc_dec, O_ZV, .arg = 1 },
    [0x50 ... 0x57] = { emul_push_op, .src = O_ZV },
    [0x58 ... 0x5f] = { emul_pop_op, O_ZV, .flags = WO },
    [0x60] = { .fn = emul_pusha }, [0x61] = { .fn = emul_popa },
    [0x63] = { emul_mov_extend, O_GV, O_ED, WO, 8 | 4 }, /* MOVSXD */
    [0x68] = { emul_push_op, .src = O_IV }, [0x6a] = { emul_push_op, .src = O_IB },
    [0x69] = { emul_imul3, O_GV, O_EV, WO }, [0x6b] = { emul_imul3, O_GV, O_EV, WO },
    [0x6c ... 0x6d] = { .fn = emul_string, .arg = 5 },
    [0x6e ... 0x6f] = { .fn = emul_string, .arg = 6 },
    [0x70 ... 0x7f] = { .fn = emul_jcc },
    [0x80] = { .flags = R_GROUP, .arg = GROUP_1B }, [0x81] = { .flags = R_GROUP, .arg = GROUP_1V },
    [0x82] = { .flags = R_GROUP, .arg = GROUP_1B }, [0x83] = { .flags = R_GROUP, .arg = GROUP_1S },
    [0x84] = { emul_alu, O_EB, O_GB, RO, ALU_TEST },
    [0x85] = { emul_alu, O_EV, O_GV, RO, ALU_TEST },
    [0x86] = { emul_xchg, O_EB, O_GB, R_LOCK | R_ATOMIC },
    [0x87] = { emul_xchg, O_EV, O_GV, R_LOCK | R_ATOMIC },
    [0x88] = { emul_mov, O_EB, O_GB, WO }, [0x89] = { emul_mov, O_EV, O_GV, WO },
    [0x8a] = { emul_mov, O_GB, O_EB, WO }, [0x8b] = { emul_mov, O_GV, O_EV, WO },
    [0x8c] = { emul_mov_from_seg, O_EV, .flags = WO }, [0x8d] = { emul_lea, O_GV, .flags = WO },
    [0x8e] = { emul_mov_to_seg }, [0x8f] = { emul_pop_op, O_EV, .flags = WO },
    [0x90] = { .fn = emul_pause }, [0x91 ... 0x97] = { emul_xchg, O_ZV, O_AV },
    [0x98] = { .fn = emul_convert, .arg = 0 }, [0x99] = { .fn = emul_convert, .arg = 1 },
    [0x9a] = { .fn = emul_far_direct, .arg = 1 },
    [0x9c] = { .fn = emul_pushf }, [0x9d] = { .fn = emul_popf },
    [0x9e] = { .fn = emul_ahf, .arg = 0 }, [0x9f] = { .fn = emul_ahf, .arg = 1 },
    [0xa0] = { emul_mov, O_AB, O_EB, WO }, [0xa1] = { emul_mov, O_AV, O_EV, WO },
    [0xa2] = { emul_mov, O_EB, O_AB, WO }, [0xa3] = { emul_mov, O_EV, O_AV, WO },
    [0xa4 ... 0xa5] = { .fn = emul_string, .arg = 0 },
    [0xa6 ... 0xa7] = { .fn = emul_string, .arg = 1 },
    [0xa8] = { emul_alu, O_AB, O_IB, RO, ALU_TEST },
    [0xa9] = { emul_alu, O_AV, O_IV, RO, ALU_TEST },
    [0xaa ... 0xab] = { .fn = emul_string, .arg = 2 },
    [0xac ... 0xad] = { .fn = emul_string, .arg = 3 },
    [0xae ... 0xaf] = { .fn = emul_string, .arg = 4 },
    [0xb0 ... 0xb7] = { emul_mov, O_ZB, O_IB, WO }, [0xb8 ... 0xbf] = { emul_mov, O_ZV, O_IV, WO },
    [0xc0] = { emul_shift, O_EB, O_IU }, [0xc1] = { emul_shift, O_EV, O_IU },
    [0xc2 ... 0xc3] = { .fn = emul_ret },
    [0xc4] = { .fn = emul_load_far, .flags = R_MEM, .arg = INSN_ES },
    [0xc5] = { .fn = emul_load_far, .flags = R_MEM, .arg = INSN_DS },
    [0xc6] = { emul_mov, O_EB, O_IB, R_GROUP, GROUP_11 },
    [0xc7] = { emul_mov, O_EV, O_IV, R_GROUP, GROUP_11 },
    [0xc8] = { .fn = emul_enter }, [0xc9] = { .fn = emul_leave },
    [0xca ... 0xcb] = { .fn = emul_far_ret }, [0xcc ... 0xce] = { .fn = emul_int },
    [0xcf] = { .fn = emul_iret },
    [0xd0] = { emul_shift, O_EB, O_ONE }, [0xd1] = { emul_shift, O_EV, O_ONE },
    [0xd2] = { emul_shift, O_EB, O_CL }, [0xd3] = { emul_shift, O_EV, O_CL },
    [0xd7] = { .fn = emul_xlat },
    [0xe0 ... 0xe3] = { .fn = emul_loop }, [0xe4 ... 0xe7] = { .fn = emul_in_out },
    [0xe8] = { .fn = emul_call }, [0xe9] = { .fn = emul_jmp },
    [0xea] = { .fn = emul_far_direct, .arg = 0 }, [0xeb] = { .fn = emul_jmp },
    [0xec ... 0xef] = { .fn = emul_in_out },
    [0xf4] = { .fn = emul_hlt }, [0xf5] = { .fn = emul_flag_op },
    [0xf6] = { .flags = R_GROUP, .arg = GROUP_3B }, [0xf7] = { .flags = R_GROUP, .arg = GROUP_3V },
    [0xf8 ... 0xf9] = { .fn = emul_flag_op }, [0xfa ... 0xfb] = { .fn = emul_cli_sti },
    [0xfc ... 0xfd] = { .fn = emul_flag_op },
    [0xfe] = { .flags = R_GROUP, .arg = GROUP_4 }, [0xff] = { .flags = R_GROUP, .arg = GROUP_5 },
};

static const struct row map_0f[256] = {
    [0x00] = { .flags = R_GROUP, .arg = GROUP_6 }, [0x01] = { .fn = emul_group7 },
    [0x02] = { .fn = emul_lar_lsl, .flags = R_NO_REAL, .arg = 0 },
    [0x03] = { .fn = emul_lar_lsl, .flags = R_NO_REAL, .arg = 1 },
    [0x06] = { .fn = emul_clts },
    [0x08 ... 0x09] = { .fn = emul_cache },
    [0x0d] = { .fn = emul_nop }, [0x18 ... 0x1f] = { .fn = emul_nop }, /* prefetches, hints */
    [0x20] = { .fn = emul_mov_cr, .flags = R_LOCK_CR },
    [0x22] = { .fn = emul_mov_cr, .flags = R_LOCK_CR },
    [0x21] = { .fn = emul_mov_dr }, [0x23] = { .fn = emul_mov_dr },
    [0x30] = { .fn = emul_msr }, [0x32] = { .fn = emul_msr }, [0x31] = { .fn = emul_rdtsc },
    [0x40 ... 0x4f] = { emul_cmov, O_GV, O_EV },
    [0x80 ... 0x8f] = { .fn = emul_jcc }, [0x90 ... 0x9f] = { emul_setcc, O_EB, .flags = WO },
    [0xa0] = { .fn = emul_push_seg, .arg = INSN_FS },
    [0xa1] = { .fn = emul_pop_seg, .arg = INSN_FS },
    [0xa2] = { .fn = emul_cpuid },
    [0xa3] = { .fn = emul_bit_test, .arg = 0 },
    [0xa4] = { emul_shift_double, O_EV, O_GV, 0, 0 },
    [0xa5] = { emul_shift_double, O_EV, O_GV, 0, 2 },
    [0xa8] = { .fn = emul_push_seg, .arg = INSN_GS },
    [0xa9] = { .fn = emul_pop_seg, .arg = INSN_GS },
    [0xab] = { .fn = emul_bit_test, .flags = R_LOCK, .arg = 1 },
    [0xac] = { emul_shift_double, O_EV, O_GV, 0, 1 },
    [0xad] = { emul_shift_double, O_EV, O_GV, 0, 3 },
    [0xae] = { .fn = emul_flush_line, .flags = R_MEM }, [0xaf] = { emul_imul2, O_GV, O_EV },
    [0xb0] = { emul_cmpxchg_op, O_EB, O_GB, R_LOCK },
    [0xb1] = { emul_cmpxchg_op, O_EV, O_GV, R_LOCK },
    [0xb2] = { .fn = emul_load_far, .flags = R_MEM, .arg = INSN_SS },
    [0xb3] = { .fn = emul_bit_test, .flags = R_LOCK, .arg = 2 },
    [0xb4] = { .fn = emul_load_far, .flags = R_MEM, .arg = INSN_FS },
    [0xb5] = { .fn = emul_load_far, .flags = R_MEM, .arg = INSN_GS },
    [0xb6] = { emul_mov_extend, O_GV, O_EB, WO, 1 },
    [0xb7] = { emul_mov_extend, O_GV, O_EW, WO, 2 },
    [0xb8] = { emul_popcnt, O_GV, O_EV, WO },
    [0xba] = { .flags = R_GROUP, .arg = GROUP_8 },
    [0xbb] = { .fn = emul_bit_test, .flags = R_LOCK, .arg = 3 },
    /* The destination is written by the handler, if at all. */
    [0xbc] = { emul_bit_scan, O_GV, O_EV, WO | RO, 0 },
    [0xbd] = { emul_bit_scan, O_GV, O_EV, WO | RO, 1 },
    [0xbe] = { emul_mov_extend, O_GV, O_EB, WO, 8 | 1 },
    [0xbf] = { emul_mov_extend, O_GV, O_EW, WO, 8 | 2 },
    [0xc0] = { emul_xadd, O_EB, O_GB, R_LOCK }, [0xc1] = { emul_xadd, O_EV, O_GV, R_LOCK },
    [0xc3] = { emul_movnti, O_EV, .flags = WO | R_MEM },
    [0xc7] = { .flags = R_GROUP, .arg = GROUP_9 },
    [0xc8 ... 0xcf] = { emul_bswap, O_ZV },
};

static const struct row movbe[2] = {
    { emul_movbe, O_GV, O_EV, WO | R_MEM, 0 }, { emul_movbe, O_EV, O_GV, WO | R_MEM, 0 },
};

#define GROUP1(dst, src)                                                              \
    {                                                                                 \
        { emul_alu, dst, src, R_LOCK, ALU_ADD }, { emul_alu, dst, src, R_LOCK, ALU_OR },   \
        { emul_alu, dst, src, R_LOCK, ALU_ADC }, { emul_alu, dst, src, R_LOCK, ALU_SBB },  \
        { emul_alu, dst, src, R_LOCK, ALU_AND }, { emul_alu, dst, src, R_LOCK, ALU_SUB },  \
        { emul_alu, dst, src, R_LOCK, ALU_XOR }, { emul_alu, dst, src, RO, ALU_CMP },      \
    }
#define GROUP3(dst, imm)                                                              \
    {                                                                                 \
        { emul_alu, dst, imm, RO, ALU_TEST }, { emul_alu, dst, imm, RO, ALU_TEST },   \
        { emul_not, dst, .flags = R_LOCK }, { emul_neg, dst, .flags = R_LOCK },       \
        { emul_mul, dst, .flags = RO, .arg = 0 }, { emul_mul, dst, .flags = RO, .arg = 1 }, \
        { emul_div, dst, .flags = RO, .arg = 0 }, { emul_div, dst, .flags = RO, .arg = 1 }, \
    }

static const struct row groups[][8] = {
    [GROUP_1B] = GROUP1(O_EB, O_IB),
    [GROUP_1V] = GROUP1(O_EV, O_IV),
    [GROUP_1S] = GROUP1(O_EV, O_IB),
    [GROUP_3B] = GROUP3(O_EB, O_IB),
    [GROUP_3V] = GROUP3(O_EV, O_IV),
    [GROUP_4] = { { emul_inc_dec, O_EB, .flags = R_LOCK, .arg = 0 },
                  { emul_inc_dec, O_EB, .flags = R_LOCK, .arg = 1 } },
    [GROUP_5] = { { emul_inc_dec, O_EV, .flags = R_LOCK, .arg = 0 },
                  { emul_inc_dec, O_EV, .flags = R_LOCK, .arg = 1 },
                  { emul_call_indirect, .src = O_EV },
                  { .fn = emul_far_indirect, .flags = R_MEM, .arg = 1 },
                  { emul_jmp_indirect, .src = O_EV },
                  { .fn = emul_far_indirect, .flags = R_MEM, .arg = 0 },
                  { emul_push_op, .src = O_EV } },
    [GROUP_6] = { { emul_store_selector, O_EV, .flags = WO | R_NO_REAL, .arg = 0 },
                  { emul_store_selector, O_EV, .flags = WO | R_NO_REAL, .arg = 1 },
                  { .fn = emul_load_system, .flags = R_NO_REAL, .arg = 0 },
                  { .fn = emul_load_system, .flags = R_NO_REAL, .arg = 1 },
                  { .fn = emul_verify, .flags = R_NO_REAL, .arg = 0 },
                  { .fn = emul_verify, .flags = R_NO_REAL, .arg = 1 } },
    [GROUP_8] = { [4] = { emul_bit_test, O_EV, .flags = RO, .arg = 4 | 0 },
                  [5] = { emul_bit_test, O_EV, .flags = R_LOCK, .arg = 4 | 1 },
                  [6] = { emul_bit_test, O_EV, .flags = R_LOCK, .arg = 4 | 2 },
                  [7] = { emul_bit_test, O_EV, .flags = R_LOCK, .arg = 4 | 3 } },
    [GROUP_9] = { [1] = { .fn = emul_cmpxchg_wide, .flags = R_LOCK | R_MEM } },
};

/* Group 11 has one member. */
static const struct row store_immediate[2] = {
    { emul_mov, O_EB, O_IB, WO, 0 }, { emul_mov, O_EV, O_IV, WO, 0 },
};

static const struct row *member(const struct insn *insn, const struct row *row)
{
    const unsigned int reg = insn->reg & 7;

    if (row->arg == GROUP_11)
        return reg == 0 ? &store_immediate[insn->opcode & 1] : NULL;
    return groups[row->arg][reg].fn ? &groups[row->arg][reg] : NULL;
}

/* 63: MOVSXD in 64-bit code; elsewhere ARPL, whose handler writes, if at all. */
static const struct row arpl = { .fn = emul_arpl, .flags = R_NO_REAL };

static bool is_arpl(const struct insn *insn)
{
    return insn->map == MAP_ONE && insn->opcode == 0x63 && !insn_is_long64(insn);
}

const struct row *emul_find_row(const struct insn *insn)
{
    const struct row *row = NULL;

    if (insn->encoding != INSN_LEGACY)
        return NULL;
    if (is_arpl(insn))
        return &arpl;
    if (insn->map == MAP_ONE)
        row = &one_byte[insn->opcode];
    else if (insn->map == MAP_0F)
        row = &map_0f[insn->opcode];
    else if (insn->map == MAP_0F38 && (insn->opcode & 0xfe) == 0xf0)
        row = &movbe[insn->opcode & 1];
    if (row && row->flags & R_GROUP)
        row = member(insn, row);
    return row && row->fn ? row : NULL;
}
