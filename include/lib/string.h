/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory and string functions of the C library's names and meanings, for a build without one.
 *
 * A hosted build (unit tests) keeps the C library's functions, which the sanitizers watch; ours
 * then carry the prefix fs_ so that a test can call both and compare. What the host's library
 * may lack (strlcpy) is ours in both builds.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#include <string.h>
#define STRING_NAME(name) fs_##name
#undef strlcpy
#undef strlcat
#define strlcpy fs_strlcpy
#define strlcat fs_strlcat
#else
#define STRING_NAME(name) name
#endif

void *STRING_NAME(memcpy)(void *dst, const void *src, size_t n);
void *STRING_NAME(memmove)(void *dst, const void *src, size_t n);
void *STRING_NAME(memset)(void *dst, int c, size_t n);
int STRING_NAME(memcmp)(const void *a, const void *b, size_t n);
void *STRING_NAME(memchr)(const void *s, int c, size_t n);

size_t STRING_NAME(strlen)(const char *s);
size_t STRING_NAME(strnlen)(const char *s, size_t max);
int STRING_NAME(strcmp)(const char *a, const char *b);
int STRING_NAME(strncmp)(const char *a, const char *b, size_t n);
char *STRING_NAME(strchr)(const char *s, int c);
char *STRING_NAME(strrchr)(const char *s, int c);
char *STRING_NAME(strstr)(const char *haystack, const char *needle);
size_t STRING_NAME(strspn)(const char *s, const char *accept);
size_t STRING_NAME(strcspn)(const char *s, const char *reject);

/*
 * Copy, or append, as much as fits into size bytes, always NUL-terminated if size > 0.
 * Both give the length that was wanted: a result >= size means that something was cut off.
 */
size_t STRING_NAME(strlcpy)(char *dst, const char *src, size_t size);
size_t STRING_NAME(strlcat)(char *dst, const char *src, size_t size);

#if !__STDC_HOSTED__
/* The compiler does small ones in place; without a C library it must be told that it may. */
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#endif

#endif
