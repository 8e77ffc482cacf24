/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Character classes for ASCII, with no locale. The names carry a prefix because the C library has
 * macros of the short names, and the host tests see both.
 */
#ifndef LIB_CTYPE_H
#define LIB_CTYPE_H

#include <stdbool.h>

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static inline bool char_is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static inline bool char_is_alpha(char c)
{
    return char_is_lower(c) || char_is_upper(c);
}

static inline bool char_is_alnum(char c)
{
    return char_is_alpha(c) || char_is_digit(c);
}

static inline bool char_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool char_is_print(char c)
{
    return c >= ' ' && c <= '~';
}

static inline char char_to_lower(char c)
{
    return char_is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit, or -1. */
static inline int char_hex_value(char c)
{
    if (char_is_digit(c))
        return c - '0';
    c = char_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
