/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading numbers out of byte strings of any alignment, as file formats store them: little-endian.
 * All machines we run on are little-endian, so these are plain moves.
 */
#ifndef LIB_BYTES_H
#define LIB_BYTES_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "get_le*() are plain moves");

static inline uint16_t get_le16(const void *p)
{
    uint16_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t get_le32(const void *p)
{
    uint32_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t get_le64(const void *p)
{
    uint64_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline void put_le32(void *p, uint32_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}

static inline void put_le64(void *p, uint64_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}

#endif
