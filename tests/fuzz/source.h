/* SPDX-License-Identifier: GPL-2.0-only */
/* A fuzzer's input as a source of numbers. */
#ifndef FUZZ_SOURCE_H
#define FUZZ_SOURCE_H

#include <string.h>

#include <hv/types.h>

/* Bytes of the input, then zeros. */
struct source {
    const uint8_t *p;
    size_t n;
};

/* The next of them, little-endian, at most 8. */
static inline uint64_t take(struct source *s, unsigned int size)
{
    uint64_t v = 0;
    const unsigned int n = MIN(size, s->n);

    memcpy(&v, s->p, n);
    s->p += n;
    s->n -= n;
    return v;
}

#endif
