/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formatted text, a subset of the C library's: %d %i %u %x %X %o %c %s %p %% with the lengths
 * hh h l ll z t j, the flags - 0 + space #, a width and a precision, both also as *.
 * %p prints 0x and the digits. No floating point, no %n.
 * As in <lib/string.h>, a hosted build has ours under the prefix fs_.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#if __STDC_HOSTED__
#include <stdio.h>
#define FORMAT_NAME(name) fs_##name
#else
#define FORMAT_NAME(name) name
#endif

/*
 * Writes at most size bytes with the NUL, and always the NUL if size > 0. Gives the length that
 * the whole text has, so that a result >= size means that it was cut off.
 */
int FORMAT_NAME(vsnprintf)(char *dst, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
int FORMAT_NAME(snprintf)(char *dst, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As those, but give the length that was written, which is less than size (or 0 if that is 0). */
int FORMAT_NAME(vscnprintf)(char *dst, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
int FORMAT_NAME(scnprintf)(char *dst, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
