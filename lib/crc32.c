/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CRC-32 (reflected polynomial 0xedb88320) as gzip and xz use it. A kernel is 60 MiB, so eight
 * bytes are folded a step, through eight tables that are made when needed: t[k][b] is the CRC of
 * byte b followed by k zero bytes.
 */
#include "decompress_priv.h"

#define POLYNOMIAL 0xedb88320u

const struct crc32_table *crc32_table_new(struct decoder *d)
{
    struct crc32_table *table = decoder_alloc(d, sizeof(*table));

    if (!table)
        return NULL;

    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table->t[0][b] = crc;
    }
    for (uint32_t k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++) {
            const uint32_t crc = table->t[k - 1][b];

            table->t[k][b] = crc >> 8 ^ table->t[0][crc & 0xff];
        }
    return table;
}

uint32_t crc32_update(const struct crc32_table *table, uint32_t crc, const void *data, size_t n)
{
    const uint32_t (*const t)[256] = table->t;
    const uint8_t *p = data;

    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        const uint64_t w = get_le64(p) ^ crc;

        crc = t[7][w & 0xff] ^ t[6][w >> 8 & 0xff] ^ t[5][w >> 16 & 0xff] ^ t[4][w >> 24 & 0xff] ^
              t[3][w >> 32 & 0xff] ^ t[2][w >> 40 & 0xff] ^ t[1][w >> 48 & 0xff] ^ t[0][w >> 56];
    }
    while (n-- > 0)
        crc = crc >> 8 ^ t[0][(crc ^ *p++) & 0xff];
    return ~crc;
}
