/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 branch filter of xz (filter id 4). Before packing, the relative targets of CALL (E8) and
 * JMP (E9) were made absolute, as equal targets pack better. This turns them back.
 *
 * The packer had no disassembler: it took every E8 or E9 whose operand, a 32-bit displacement,
 * ends in 00 or FF for a branch. An E8/E9 that lies within the operand of another makes it
 * doubtful which of them is the opcode. The rule for that is part of the format: `near` remembers
 * which of the three bytes before this one were such candidates that stayed as they are.
 */
#include "decompress_priv.h"

#define OPERAND_SIZE 4

/* A near target: the top byte of a displacement is its sign. */
ALWAYS_INLINE bool is_sign_byte(uint32_t b)
{
    return (b & 0xff) == 0 || (b & 0xff) == 0xff;
}

/* The first byte at or after i that is E8 or E9; end if there is none. i must not be above end. */
ALWAYS_INLINE size_t find_branch(const uint8_t *data, size_t i, size_t end)
{
    const uint64_t ones = 0x0101010101010101ull;

    for (; end - i >= 8; i += 8) {
        const uint64_t x = (get_le64(data + i) & ~ones) ^ 0xe8 * ones;
        const uint64_t zero_bytes = (x - ones) & ~x & ones << 7;

        if (zero_bytes)                    /* the lowest mark is exact, higher ones may not be */
            return i + (size_t)__builtin_ctzll(zero_bytes) / 8;
    }
    while (i < end && (data[i] & 0xfe) != 0xe8)
        i++;
    return i;
}

/*
 * Undoes one operand; next is the address after the instruction. If another candidate lies before
 * it, the byte that decided for this one must not come out as a sign byte, or the packer would
 * have left it alone: it then had inverted the bits up to that byte. (Once is enough: what comes
 * out the second time is the inverse of what was stored there, and that was no sign byte.)
 */
static uint32_t undo_operand(uint32_t absolute, uint32_t next, uint32_t near)
{
    uint32_t relative = absolute - next;

    if (near != 0) {
        const uint32_t bits = 8 * (3 - (31 - (uint32_t)__builtin_clz(near)));

        if (is_sign_byte(relative >> (bits - 8)))
            relative = (relative ^ ((1u << bits) - 1)) - next;
    }
    return (relative & 0x01ffffff) | -(relative & 0x01000000);
}

void bcj_x86_undo(uint8_t *data, size_t size, uint32_t ip)
{
    size_t end, last = 0;                  /* last: just behind the last candidate */
    uint32_t near = 0;

    if (size <= OPERAND_SIZE)
        return;
    end = size - OPERAND_SIZE;

    for (size_t i = 0; i < end && (i = find_branch(data, i, end)) < end;) {
        uint8_t *operand = data + i + 1;
        const size_t gap = i - last;       /* bytes between this candidate and the last */
        bool skip = false;

        near = gap > 2 ? 0 : near << gap & 7;
        if (near != 0) {
            const uint32_t highest = 31 - (uint32_t)__builtin_clz(near);

            skip = (near & (near - 1)) != 0 || is_sign_byte(operand[2 - highest]);
        }
        if (!skip && is_sign_byte(operand[3])) {
            put_le32(operand, undo_operand(get_le32(operand), ip + (uint32_t)i + 5, near));
            near = 0;
            i += 1 + OPERAND_SIZE;
            last = i;
        } else {
            near = near << 1 | 1;
            i++;
            last = i;
        }
    }
}
