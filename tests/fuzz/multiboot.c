/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 2000000 */
/* links: lib/multiboot.c lib/e820.c */
/*
 * The loader's information block from the fuzzer. Input: 1 byte choosing the protocol, then the
 * block; multiboot 1's pointers lead into the same bytes, which stand at physical address 0x1000.
 */
#include <stdlib.h>

#include <lib/multiboot.h>
#include <lib/string.h>

#define BASE 0x1000u

struct memory {
    const uint8_t *bytes;
    size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const void *map(void *ctx, uint64_t phys, size_t len)
{
    const struct memory *m = ctx;

    if (phys < BASE || phys - BASE > m->size || len > m->size - (phys - BASE))
        return NULL;
    return m->bytes + (phys - BASE);
}

static void require(int truth)
{
    if (!truth)
        abort();
}

/* The strings are inside of the struct's pool and end there. */
static void check_string(const struct boot_info *info, const char *s)
{
    if (s >= info->strings && s < info->strings + sizeof(info->strings))
        require(memchr(s, 0, (size_t)(info->strings + sizeof(info->strings) - s)) != NULL);
    else
        require(*s == '\0');
}

static void check_result(int rc, const struct boot_info *info)
{
    static struct e820 sane;

    require((rc == 0) == (info->error == NULL));
    if (rc)
        return;
    check_string(info, info->loader);
    check_string(info, info->cmdline);
    require(info->nr_modules <= BOOT_MAX_MODULES);
    for (unsigned int i = 0; i < info->nr_modules; i++) {
        check_string(info, info->module[i].cmdline);
        require(info->module[i].start + info->module[i].size >= info->module[i].start);
    }
    require(info->memory.nr <= E820_MAX_ENTRIES);
    if (e820_sanitise(&info->memory, &sane))
        return;
    for (unsigned int i = 0; i < sane.nr; i++) {
        require(e820_entry_end(&sane.entry[i]) > sane.entry[i].start);
        require(!i || e820_entry_end(&sane.entry[i - 1]) <= sane.entry[i].start);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot_info info;
    struct memory m;

    if (size < 1)
        return 0;
    m = (struct memory){ .bytes = data + 1, .size = size - 1 };
    check_result(boot_info_parse(&info, data[0] & 1 ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC, m.bytes,
                                 m.size, map, &m),
                 &info);
    return 0;
}
