/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes into any decoder. The first byte chooses the format, the next two the size of the
 * output; both buffers are of their exact size, so that the sanitizer sees a byte too far. The
 * header checksums of xz are put right, or hardly a mutation would get past them.
 */
/* runs: 100000 */
/* links: lib/decompress.c lib/decompress_bcj.c lib/decompress_gzip.c lib/decompress_lz4.c */
/* links: lib/decompress_lzma2.c lib/decompress_xz.c lib/decompress_zstd.c lib/zstd_entropy.c */
/* links: lib/crc32.c lib/xxh64.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/bytes.h>
#include <lib/decompress.h>

#define HEAD 3
#define XZ_STREAM_HEADER 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t crc32_slow(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;

    while (n-- > 0) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void fix_xz_headers(uint8_t *p, size_t size)
{
    size_t header;

    if (size <= XZ_STREAM_HEADER)
        return;
    put_le32(p + 8, crc32_slow(p + 6, 2));
    header = ((size_t)p[XZ_STREAM_HEADER] + 1) * 4;
    if (header > 4 && header <= size - XZ_STREAM_HEADER)
        put_le32(p + XZ_STREAM_HEADER + header - 4, crc32_slow(p + XZ_STREAM_HEADER, header - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[DECOMPRESS_MEM_MAX];
    struct decompress_arena arena = { memory, sizeof(memory), 0 };
    const struct decompress_mem mem = { decompress_arena_alloc, &arena };
    enum compression kind;
    size_t out_size;
    uint8_t *in, *out;
    const char *why = NULL;
    int rc;

    if (size <= HEAD)
        return 0;
    kind = COMPRESSION_NONE + data[0] % 5;
    out_size = data[1] | (size_t)data[2] << 8;
    size -= HEAD;
    in = malloc(size);
    out = malloc(out_size ? out_size : 1);
    memcpy(in, data + HEAD, size);
    if (kind == COMPRESSION_XZ)
        fix_xz_headers(in, size);

    rc = decompress(kind, (struct span){ in, size }, out, out_size, &mem, &why);
    if (rc > 0 || (rc < 0) != (why != NULL) || arena.used > DECOMPRESS_MEM_MAX)
        abort();
    free(in);
    free(out);
    return 0;
}
