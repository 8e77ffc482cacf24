/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers out of text: command lines, ELF note strings. No locale, no errno, no overflow. */
#include <stdbool.h>

#include <lib/ctype.h>
#include <lib/number.h>

static unsigned int detect_base(const char **s)
{
    if ((*s)[0] != '0')
        return 10;
    if (((*s)[1] == 'x' || (*s)[1] == 'X') && char_hex_value((*s)[2]) >= 0) {
        *s += 2;
        return 16;
    }
    return 8;
}

uint64_t number_parse(const char *s, const char **end, unsigned int base)
{
    uint64_t value = 0;
    bool overflow = false;

    if (base == 0)
        base = detect_base(&s);
    else if (base == 16 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        s += 2;

    for (int digit; (digit = char_hex_value(*s)) >= 0 && (unsigned int)digit < base; s++) {
        overflow |= __builtin_mul_overflow(value, base, &value);
        overflow |= __builtin_add_overflow(value, (unsigned int)digit, &value);
    }
    if (end)
        *end = s;
    return overflow ? UINT64_MAX : value;
}
