/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers out of text. */
#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

#include <stdint.h>

/*
 * The number that s starts with, in base 2 to 16; base 0 goes by the prefix: "0x" is 16, "0" is 8,
 * else 10. *end (if given) is set to the first character not used, which is s itself when there
 * was no digit. What does not fit is UINT64_MAX.
 */
uint64_t number_parse(const char *s, const char **end, unsigned int base);

#endif
