/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory and string functions. The compiler itself emits calls to memcpy, memmove, memset and
 * memcmp, so these four must exist and must not be compiled into calls to themselves: they move
 * words through a type of their own, and loop idiom recognition is off for this file.
 *
 * Words are moved with general registers only (no SSE state is ours to touch), four at a time, and
 * long runs by the string instructions, which the processor does in whole cache lines. All machines
 * we run on take unaligned words.
 */
#include <lib/string.h>

#undef memcpy
#undef memset

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#define NO_IDIOM
#else
#define NO_IDIOM __attribute__((no_builtin))
#endif

struct word {
    uint64_t v;
} __attribute__((packed, may_alias));

#define WORD sizeof(struct word)

/* From here on a string instruction is worth its start. */
#define LONG_RUN 256

/* Moves n words upwards; *d and *s end behind them. */
static inline void move_words(uint8_t **d, const uint8_t **s, size_t n)
{
#if defined(__x86_64__)
    __asm__ volatile("rep movsq" : "+D"(*d), "+S"(*s), "+c"(n) : : "memory");
#else
    for (; n > 0; n--, *d += WORD, *s += WORD)
        *(struct word *)*d = *(const struct word *)*s;
#endif
}

static inline void fill_words(uint8_t **d, uint64_t pattern, size_t n)
{
#if defined(__x86_64__)
    __asm__ volatile("rep stosq" : "+D"(*d), "+c"(n) : "a"(pattern) : "memory");
#else
    for (; n > 0; n--, *d += WORD)
        ((struct word *)*d)->v = pattern;
#endif
}

/* Moves n bytes upwards; right for overlap if dst is below src. */
static inline void copy_up(uint8_t *d, const uint8_t *s, size_t n)
{
    if (n >= LONG_RUN) {
        move_words(&d, &s, n / WORD);
        n %= WORD;
    }
    for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
        struct word *dw = (struct word *)d;
        const struct word *sw = (const struct word *)s;
        const uint64_t a = sw[0].v, b = sw[1].v, c = sw[2].v, e = sw[3].v;

        dw[0].v = a;
        dw[1].v = b;
        dw[2].v = c;
        dw[3].v = e;
    }
    for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
        *(struct word *)d = *(const struct word *)s;
    while (n-- > 0)
        *d++ = *s++;
}

static inline void copy_down(uint8_t *d, const uint8_t *s, size_t n)
{
    for (; n >= WORD; n -= WORD)
        *(struct word *)(d + n - WORD) = *(const struct word *)(s + n - WORD);
    while (n-- > 0)
        d[n] = s[n];
}

NO_IDIOM void *STRING_NAME(memcpy)(void *dst, const void *src, size_t n)
{
    copy_up(dst, src, n);
    return dst;
}

NO_IDIOM void *STRING_NAME(memmove)(void *dst, const void *src, size_t n)
{
    if ((uintptr_t)dst - (uintptr_t)src >= n)
        copy_up(dst, src, n);
    else
        copy_down(dst, src, n);
    return dst;
}

NO_IDIOM void *STRING_NAME(memset)(void *dst, int c, size_t n)
{
    const uint64_t pattern = 0x0101010101010101ull * (uint8_t)c;
    uint8_t *d = dst;

    if (n >= LONG_RUN) {
        fill_words(&d, pattern, n / WORD);
        n %= WORD;
    }
    for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD) {
        struct word *w = (struct word *)d;

        w[0].v = pattern;
        w[1].v = pattern;
        w[2].v = pattern;
        w[3].v = pattern;
    }
    for (; n >= WORD; n -= WORD, d += WORD)
        ((struct word *)d)->v = pattern;
    while (n-- > 0)
        *d++ = (uint8_t)c;
    return dst;
}

NO_IDIOM int STRING_NAME(memcmp)(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= WORD; n -= WORD, x += WORD, y += WORD)
        if (((const struct word *)x)->v != ((const struct word *)y)->v)
            break;
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

NO_IDIOM void *STRING_NAME(memchr)(const void *s, int c, size_t n)
{
    const uint8_t *p = s;

    for (; n > 0; n--, p++)
        if (*p == (uint8_t)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

NO_IDIOM size_t STRING_NAME(strlen)(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}

NO_IDIOM size_t STRING_NAME(strnlen)(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0')
        n++;
    return n;
}

NO_IDIOM int STRING_NAME(strncmp)(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++) {
        const uint8_t x = (uint8_t)*a, y = (uint8_t)*b;

        if (x != y)
            return x < y ? -1 : 1;
        if (x == '\0')
            break;
    }
    return 0;
}

NO_IDIOM int STRING_NAME(strcmp)(const char *a, const char *b)
{
    return STRING_NAME(strncmp)(a, b, SIZE_MAX);
}

NO_IDIOM char *STRING_NAME(strchr)(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (*s == '\0')
            return NULL;
    }
}

NO_IDIOM char *STRING_NAME(strrchr)(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c)
            found = s;
        if (*s == '\0')
            return (char *)(uintptr_t)found;
    }
}

NO_IDIOM char *STRING_NAME(strstr)(const char *haystack, const char *needle)
{
    const size_t n = STRING_NAME(strlen)(needle);

    for (; n == 0 || *haystack != '\0'; haystack++)
        if (STRING_NAME(strncmp)(haystack, needle, n) == 0)
            return (char *)(uintptr_t)haystack;
    return NULL;
}

NO_IDIOM size_t STRING_NAME(strspn)(const char *s, const char *accept)
{
    size_t n = 0;

    while (s[n] != '\0' && STRING_NAME(strchr)(accept, s[n]))
        n++;
    return n;
}

NO_IDIOM size_t STRING_NAME(strcspn)(const char *s, const char *reject)
{
    size_t n = 0;

    while (s[n] != '\0' && !STRING_NAME(strchr)(reject, s[n]))
        n++;
    return n;
}

NO_IDIOM size_t STRING_NAME(strlcpy)(char *dst, const char *src, size_t size)
{
    const size_t wanted = STRING_NAME(strlen)(src);

    if (size > 0) {
        const size_t n = wanted < size ? wanted : size - 1;

        STRING_NAME(memcpy)(dst, src, n);
        dst[n] = '\0';
    }
    return wanted;
}

NO_IDIOM size_t STRING_NAME(strlcat)(char *dst, const char *src, size_t size)
{
    const size_t used = STRING_NAME(strnlen)(dst, size);

    return used + STRING_NAME(strlcpy)(dst + used, src, size - used);
}
