/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decoders against the tools that made the formats: samples of several kinds are packed by
 * them at test time, unpacked by us, and compared. Then everything that can be wrong with the
 * input: cut off anywhere, a bit flipped anywhere, a wrong size, no memory. Input and output are
 * in the heap at their exact size, so that the sanitizer sees a byte too far.
 */
/* links: lib/decompress.c lib/decompress_bcj.c lib/decompress_gzip.c lib/decompress_lz4.c */
/* links: lib/decompress_lzma2.c lib/decompress_xz.c lib/decompress_zstd.c lib/zstd_entropy.c */
/* links: lib/crc32.c lib/xxh64.c */
#include <stdlib.h>
#include <unistd.h>

#include <lib/bytes.h>
#include <lib/decompress.h>

#include <xen/errno.h>

#include "check.h"

static char dir[] = "/tmp/unit-decompress-XXXXXX";

static uint64_t random_state = 1;

static uint32_t random_u32(void)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(random_state >> 33);
}

struct buffer {
    uint8_t *data;
    size_t size;
};

static struct buffer read_file(const char *name)
{
    struct buffer b = { 0 };
    FILE *f = fopen(name, "rb");
    long size;

    if (!f)
        return b;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0) {
        rewind(f);
        b.data = malloc(size ? size : 1);
        b.size = fread(b.data, 1, size, f);
    }
    fclose(f);
    return b;
}

enum sample { ZEROS, TEXT, CODE, NOISE, PROGRAM, NR_SAMPLES };

/* Bytes that look like machine code: many E8/E9, also next to one another, with near operands. */
static void fill_code(uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint32_t r = random_u32();

        if (r % 4 == 0)
            p[i] = 0xe8 | (r >> 8 & 1);
        else if (r % 4 == 1)
            p[i] = r & 0x100 ? 0xff : 0;
        else
            p[i] = r >> 8 & 0x1f;
    }
}

static void fill_text(uint8_t *p, size_t size)
{
    static const char *const words[] = { "domain", "grant", "event ", "page\n", " of", "x", "a " };

    for (size_t i = 0; i < size;) {
        const char *w = words[random_u32() % 7];
        const size_t n = strlen(w) < size - i ? strlen(w) : size - i;

        memcpy(p + i, w, n);
        i += n;
        if (random_u32() % 16 == 0 && i < size)
            p[i++] = (uint8_t)random_u32();
    }
}

static struct buffer make_sample(enum sample kind, size_t size)
{
    struct buffer b;

    if (kind == PROGRAM) {
        b = read_file("/proc/self/exe");
        b.size = b.size < size ? b.size : size;
        return b;
    }
    b = (struct buffer){ calloc(1, size ? size : 1), size };
    if (kind == TEXT)
        fill_text(b.data, size);
    if (kind == CODE)
        fill_code(b.data, size);
    if (kind == NOISE)
        for (size_t i = 0; i < size; i++)
            b.data[i] = (uint8_t)random_u32();
    return b;
}

/* Gives no data if the tool is missing or refuses. */
static struct buffer pack(const char *command, struct buffer in)
{
    char from[64], to[64], line[256];
    struct buffer out = { 0 };
    FILE *f;

    snprintf(from, sizeof(from), "%s/in", dir);
    snprintf(to, sizeof(to), "%s/out", dir);
    f = fopen(from, "wb");
    if (!f)
        return out;
    if (fwrite(in.data, 1, in.size, f) == in.size && fclose(f) == 0) {
        snprintf(line, sizeof(line), "%s <%s >%s 2>/dev/null", command, from, to);
        if (system(line) == 0)
            out = read_file(to);
    }
    return out;
}

static const char *why;

static int unpack_with(enum compression kind, struct buffer in, uint8_t *out, size_t size,
                       size_t mem_size)
{
    static uint8_t memory[DECOMPRESS_MEM_MAX];
    uint8_t *copy = malloc(in.size ? in.size : 1);
    struct decompress_arena arena = { memory, mem_size, 0 };
    const struct decompress_mem mem = { decompress_arena_alloc, &arena };
    int rc;

    memcpy(copy, in.data, in.size);
    why = NULL;
    rc = decompress(kind, (struct span){ copy, in.size }, out, size, &mem, &why);
    free(copy);
    return rc;
}

static int unpack(enum compression kind, struct buffer in, uint8_t *out, size_t size)
{
    return unpack_with(kind, in, out, size, DECOMPRESS_MEM_MAX);
}

/* An error, with the error in words. */
static bool refused(enum compression kind, struct buffer in, size_t size)
{
    uint8_t *out = malloc(size ? size : 1);
    const int rc = unpack(kind, in, out, size);

    free(out);
    return rc < 0 && why != NULL;
}

static bool unpacks_to(enum compression kind, struct buffer in, struct buffer want)
{
    uint8_t *out = malloc(want.size ? want.size : 1);
    const int rc = unpack(kind, in, out, want.size);
    const bool same = rc == 0 && memcmp(out, want.data, want.size) == 0;

    if (rc != 0)
        printf("# %s\n", why);
    free(out);
    return same;
}

static const struct tool {
    enum compression kind;
    const char *command;
    bool has_check;                        /* a checksum over the data: flipped bits are seen */
} tools[] = {
    { COMPRESSION_XZ, "xz --check=crc32 --x86 --lzma2=dict=1MiB", true },
    { COMPRESSION_XZ, "xz -0 --check=crc64", true },
    { COMPRESSION_XZ, "xz --x86=start=4096 --lzma2=preset=9e,dict=64KiB", true },
    { COMPRESSION_XZ, "xz -2 --check=none", false },
    { COMPRESSION_XZ, "xz -T2 --block-size=50000 --x86 --lzma2=preset=1", true },
    { COMPRESSION_XZ, "xz --lzma2=dict=64KiB,lc=0,lp=4,pb=0,mf=hc4,nice=40", true },
    { COMPRESSION_XZ, "xz --lzma2=dict=64KiB,lc=4,lp=0,pb=4", true },
    { COMPRESSION_GZIP, "gzip -1", true },
    { COMPRESSION_GZIP, "gzip -9n", true },
    { COMPRESSION_ZSTD, "zstd -q -1 -c", true },
    { COMPRESSION_ZSTD, "zstd -q -3 -c --no-check", false },
    { COMPRESSION_ZSTD, "zstd -q -19 -c", true },
    { COMPRESSION_ZSTD, "zstd -q --fast=5 -c", true },
    { COMPRESSION_LZ4, "lz4 -q -l -1 -c", false },
    { COMPRESSION_LZ4, "lz4 -q -l -9 -c", false },
};

static void test_tool(const struct tool *t)
{
    static const size_t sizes[] = { 1, 5, 13, 300, 40000, 300000 };
    char what[120];

    snprintf(what, sizeof(what), "%s: samples come back", t->command);
    TEST(what) {
        for (enum sample kind = 0; kind < NR_SAMPLES && !check_state.skip_here; kind++)
            for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                struct buffer in = make_sample(kind, sizes[i]), packed = pack(t->command, in);

                if (!packed.data) {
                    check_skip("the tool is missing");
                    free(in.data);
                    break;
                }
                CHECK_EQ(compression_detect((struct span){ packed.data, packed.size }), t->kind);
                CHECK(unpacks_to(t->kind, packed, in));
                CHECK(refused(t->kind, packed, in.size + 1));
                CHECK(refused(t->kind, packed, in.size - 1));
                free(packed.data);
                free(in.data);
            }
    }
}

/* A sample with some of everything in it, small enough to be unpacked thousands of times. */
static struct buffer mixed_sample(void)
{
    struct buffer b = make_sample(TEXT, 3000);

    fill_code(b.data + 1000, 1000);
    memset(b.data + 2000, 0, 500);
    for (size_t i = 2500; i < 3000; i++)
        b.data[i] = (uint8_t)random_u32();
    return b;
}

static void test_damage(const struct tool *t)
{
    struct buffer in = mixed_sample(), packed = pack(t->command, in);
    uint8_t *out = malloc(in.size);
    char what[120];

    snprintf(what, sizeof(what), "%s: every truncation is refused", t->command);
    TEST(what) {
        if (!packed.data) {
            check_skip("the tool is missing");
            break;
        }
        for (size_t size = 0; size < packed.size; size++)
            CHECK(refused(t->kind, (struct buffer){ packed.data, size }, in.size));
    }
    snprintf(what, sizeof(what), "%s: flipped bits are %s", t->command,
             t->has_check ? "noticed" : "survived");
    TEST(what) {
        if (!packed.data) {
            check_skip("the tool is missing");
            break;
        }
        for (size_t at = 0; at < packed.size; at++) {
            const uint8_t bit = (uint8_t)(1u << random_u32() % 8);

            packed.data[at] ^= bit;
            if (unpack(t->kind, packed, out, in.size) == 0 && t->has_check)
                CHECK_EQ(memcmp(out, in.data, in.size), 0);
            packed.data[at] ^= bit;
        }
        CHECK(unpacks_to(t->kind, packed, in));
    }
    snprintf(what, sizeof(what), "%s: no work memory is an error", t->command);
    TEST(what) {
        if (!packed.data || t->kind == COMPRESSION_LZ4) {
            check_skip(packed.data ? "LZ4 needs none" : "the tool is missing");
            break;
        }
        for (size_t mem_size = 0; mem_size <= 10000; mem_size += 2500)
            CHECK_EQ(unpack_with(t->kind, packed, out, in.size, mem_size), -XEN_ENOMEM);
        CHECK_STR(why, "out of work memory");
    }
    free(out);
    free(packed.data);
    free(in.data);
}

static void test_unsupported(void)
{
    static const struct {
        const char *command, *why;
    } cases[] = {
        { "xz --check=sha256", "xz check type not supported" },
        { "xz --delta=dist=4 --lzma2", "xz filter not supported" },
        { "xz --arm --lzma2", "xz filter not supported" },
        { "xz --format=lzma", "compression format not supported" },
        { "bzip2", "compression format not supported" },
    };
    uint8_t out[300];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer in = make_sample(TEXT, sizeof(out)), packed = pack(cases[i].command, in);
        char what[80];

        snprintf(what, sizeof(what), "%s is refused as not supported", cases[i].command);
        TEST(what) {
            if (!packed.data) {
                check_skip("the tool is missing");
                break;
            }
            CHECK_EQ(unpack(compression_detect((struct span){ packed.data, packed.size }), packed,
                            out, sizeof(out)), -XEN_ENOSYS);
            CHECK_STR(why, cases[i].why);
        }
        free(packed.data);
        free(in.data);
    }
}

static void test_made_up(void)
{
    uint8_t out[64];

    TEST("plain data are copied whole") {
        struct buffer in = make_sample(NOISE, 64);

        CHECK(unpacks_to(COMPRESSION_NONE, in, in));
        CHECK(refused(COMPRESSION_NONE, in, 63));
        CHECK(refused(COMPRESSION_NONE, in, 65));
        free(in.data);
    }
    TEST("an empty input is refused in every format") {
        for (enum compression k = COMPRESSION_UNKNOWN; k <= COMPRESSION_LZO; k++)
            CHECK(refused(k, (struct buffer){ out, 0 }, 1));
    }
    TEST("a joined pair of zstd frames, one skipped, is unpacked") {
        /* two raw blocks of 3 bytes, single segment, no checksum */
        static uint8_t in[] = {
            0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 'a', 'b', 'c',
            0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'x', 'y',
            0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x1b, 0, 0, 'd',
        };

        CHECK_EQ(unpack(COMPRESSION_ZSTD, (struct buffer){ in, sizeof(in) }, out, 6), 0);
        CHECK_EQ(memcmp(out, "abcddd", 6), 0);
    }
    TEST("a zstd frame that needs a dictionary is refused") {
        static uint8_t in[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 3, 0x19, 0, 0, 'a', 'b', 'c' };

        CHECK_EQ(unpack(COMPRESSION_ZSTD, (struct buffer){ in, sizeof(in) }, out, 3), -XEN_ENOSYS);
        CHECK_STR(why, "zstd frame needs a dictionary");
    }
    TEST("matches that reach before the start are refused") {
        /* lz4: no literals, a match of 4 at distance 1; then one literal and distance 2 */
        static uint8_t first[] = { 2, 0x21, 0x4c, 0x18, 3, 0, 0, 0, 0, 1, 0 };
        static uint8_t second[] = { 2, 0x21, 0x4c, 0x18, 4, 0, 0, 0, 0x10, 'a', 2, 0 };

        CHECK_EQ(unpack(COMPRESSION_LZ4, (struct buffer){ first, 11 }, out, 64), -XEN_EINVAL);
        CHECK_STR(why, "LZ4 data are corrupt");
        CHECK_EQ(unpack(COMPRESSION_LZ4, (struct buffer){ second, 12 }, out, 64), -XEN_EINVAL);
        CHECK_STR(why, "LZ4 data are corrupt");
    }
    TEST("the arena gives aligned memory, to its end and no further") {
        uint8_t memory[256];
        struct decompress_arena a = { memory + 1, 200, 0 };

        CHECK_EQ((uintptr_t)decompress_arena_alloc(&a, 3) & 15, 0);
        CHECK_EQ((uintptr_t)decompress_arena_alloc(&a, 20) & 15, 0);
        CHECK(decompress_arena_alloc(&a, 200) == NULL);
        CHECK(decompress_arena_alloc(&a, SIZE_MAX) == NULL);
        CHECK(decompress_arena_alloc(&a, 100) != NULL);
        CHECK(a.used <= a.size);
    }
}

static void remove_files(void)
{
    char name[64];

    snprintf(name, sizeof(name), "%s/in", dir);
    unlink(name);
    snprintf(name, sizeof(name), "%s/out", dir);
    unlink(name);
    rmdir(dir);
}

int main(void)
{
    if (!mkdtemp(dir)) {
        perror("mkdtemp");
        return 1;
    }
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
        test_tool(&tools[i]);
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
        test_damage(&tools[i]);
    test_unsupported();
    test_made_up();
    remove_files();
    return check_exit();
}
