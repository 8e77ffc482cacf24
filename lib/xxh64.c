/* SPDX-License-Identifier: GPL-2.0-only */
/* XXH64 with seed 0 (xxHash specification, "XXH64 algorithm description"), for zstd's checksum. */
#include "decompress_priv.h"

#define PRIME1 0x9e3779b185ebca87ull
#define PRIME2 0xc2b2ae3d27d4eb4full
#define PRIME3 0x165667b19e3779f9ull
#define PRIME4 0x85ebca77c2b2ae63ull
#define PRIME5 0x27d4eb2f165667c5ull

ALWAYS_INLINE uint64_t rotate(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

ALWAYS_INLINE uint64_t mix(uint64_t lane, uint64_t v)
{
    return rotate(lane + v * PRIME2, 31) * PRIME1;
}

static uint64_t stripes(const uint8_t **p, size_t *n)
{
    uint64_t lane[4] = { PRIME1 + PRIME2, PRIME2, 0, -PRIME1 };
    uint64_t acc;

    for (; *n >= 32; *p += 32, *n -= 32)
        for (size_t i = 0; i < 4; i++)
            lane[i] = mix(lane[i], get_le64(*p + 8 * i));

    acc = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (int i = 0; i < 4; i++)
        acc = (acc ^ mix(0, lane[i])) * PRIME1 + PRIME4;
    return acc;
}

uint64_t xxh64(const void *data, size_t size)
{
    const uint8_t *p = data;
    size_t n = size;
    uint64_t acc = n >= 32 ? stripes(&p, &n) : PRIME5;

    acc += size;
    for (; n >= 8; p += 8, n -= 8)
        acc = rotate(acc ^ mix(0, get_le64(p)), 27) * PRIME1 + PRIME4;
    for (; n >= 4; p += 4, n -= 4)
        acc = rotate(acc ^ get_le32(p) * PRIME1, 23) * PRIME2 + PRIME3;
    for (; n > 0; p++, n--)
        acc = rotate(acc ^ *p * PRIME5, 11) * PRIME1;

    acc = (acc ^ acc >> 33) * PRIME2;
    acc = (acc ^ acc >> 29) * PRIME3;
    return acc ^ acc >> 32;
}
