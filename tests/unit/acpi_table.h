/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table that a test writes, of blocks that have their 16-bit length at 2. The parser gets it in
 * an allocation of its length, so that ASan sees a read too far.
 */
#ifndef UNIT_ACPI_TABLE_H
#define UNIT_ACPI_TABLE_H

#include "../../drivers/acpi/priv.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK 48

static uint8_t t[8192];
static size_t used, block; /* bytes; where the block that is being written begins */
static struct acpi_info info;

static void begin(void)
{
    memset(t, 0, sizeof(t));
    used = FIRST_BLOCK;
}

static inline const char *parse_bytes(const char *(*fn)(struct acpi_info *info, const uint8_t *p,
                                                        size_t len), size_t n)
{
    uint8_t *copy = malloc(n);
    const char *wrong;

    memset(&info, 0, sizeof(info));
    memcpy(copy, t, n);
    wrong = fn(&info, copy, n);
    free(copy);
    return wrong;
}

static void put(const void *p, size_t n)
{
    memcpy(t + used, p, n);
    used += n;
    t[block + 2] = (uint8_t)(used - block);
    t[block + 3] = (uint8_t)((used - block) >> 8);
}

static void bytes(unsigned int n, const uint8_t *b) { put(b, n); }
#define B(...) bytes(sizeof((uint8_t[]){ __VA_ARGS__ }), (uint8_t[]){ __VA_ARGS__ })

#endif
