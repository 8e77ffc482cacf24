/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one thing we read from AML: what to write into the PM1 control registers for soft-off. It is
 * an object
 *
 *     Name (\_S5, Package () { type_a, type_b, ... })
 *
 * with constants, wherever it stands in the block, so a search for its bytes finds it without an
 * interpreter (ACPI specification, "ACPI Machine Language (AML) Specification", for the encoding).
 * Code that only mentions the name lacks the bytes before and after.
 */
#include "priv.h"

#include <lib/string.h>

#define AML_NAME_OP 0x08
#define AML_ROOT_CHAR 0x5c
#define AML_PACKAGE_OP 0x12
#define AML_ZERO_OP 0x00
#define AML_ONE_OP 0x01
#define AML_BYTE_PREFIX 0x0a
#define AML_WORD_PREFIX 0x0b
#define AML_DWORD_PREFIX 0x0c

struct reader {
    const uint8_t *p;
    size_t left;
};

static bool take(struct reader *r, uint8_t *byte)
{
    if (!r->left)
        return false;
    *byte = *r->p++;
    r->left--;
    return true;
}

static bool skip(struct reader *r, size_t nr)
{
    if (r->left < nr)
        return false;
    r->p += nr;
    r->left -= nr;
    return true;
}

/* PkgLength: counts itself; the reader is cut down to the package. */
static bool enter_package(struct reader *r)
{
    struct reader from = *r;
    uint8_t lead, more;
    size_t len;

    if (!take(r, &lead))
        return false;
    len = lead >> 6 ? lead & 0x0f : lead & 0x3f;
    for (unsigned int i = 0; i < (unsigned int)lead >> 6; i++) {
        if (!take(r, &more))
            return false;
        len |= (size_t)more << (4 + 8 * i);
    }
    if (len > from.left || len < from.left - r->left)
        return false;
    r->left = len - (from.left - r->left);
    return true;
}

/* A constant; a sleep type has three bits. */
static bool take_sleep_type(struct reader *r, uint8_t *type)
{
    uint8_t op;
    size_t width;
    uint32_t value = 0;

    if (!take(r, &op))
        return false;
    if (op == AML_ZERO_OP || op == AML_ONE_OP) {
        *type = op;
        return true;
    }
    width = op == AML_BYTE_PREFIX ? 1 : op == AML_WORD_PREFIX ? 2 : op == AML_DWORD_PREFIX ? 4 : 0;
    if (!width || r->left < width)
        return false;
    for (size_t i = 0; i < width; i++)
        value |= (uint32_t)r->p[i] << (8 * i);
    *type = (uint8_t)value;
    return skip(r, width) && value <= 7;
}

/* r stands behind the name. */
static bool read_package(struct reader r, struct acpi_s5 *s5)
{
    struct acpi_s5 got;
    uint8_t op, nr;

    if (!take(&r, &op) || op != AML_PACKAGE_OP || !enter_package(&r) || !take(&r, &nr) || nr < 2)
        return false;
    if (!take_sleep_type(&r, &got.type_a) || !take_sleep_type(&r, &got.type_b))
        return false;
    *s5 = got;
    return true;
}

static bool is_named(const uint8_t *aml, size_t at)
{
    if (aml[at - 1] == AML_NAME_OP)
        return true;
    return at >= 2 && aml[at - 1] == AML_ROOT_CHAR && aml[at - 2] == AML_NAME_OP;
}

bool acpi_aml_find_s5(const uint8_t *aml, size_t len, struct acpi_s5 *s5)
{
    for (size_t i = 1; i + 4 <= len; i++)
        if (!memcmp(aml + i, "_S5_", 4) && is_named(aml, i) &&
            read_package((struct reader){ aml + i + 4, len - i - 4 }, s5))
            return true;
    return false;
}
