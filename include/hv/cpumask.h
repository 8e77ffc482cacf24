/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of cpus: plain bitmaps of NR_CPUS bits. The *_atomic operations may be used on a mask that
 * others change. Searches and comparisons look only at the words that possible cpus are in, as they
 * are what is done often.
 */
#ifndef HV_CPUMASK_H
#define HV_CPUMASK_H

#include <hv/types.h>

#define NR_CPUS 512
#define CPUMASK_WORDS (NR_CPUS / 64)

typedef struct {
    uint64_t w[CPUMASK_WORDS];
} cpumask_t;

extern cpumask_t cpu_online_map; /* cpus that run the scheduler */
/*
 * highest possible cpu number + 1; loops need not go further. It grows before there is more than
 * one cpu, and never again.
 */
extern unsigned int nr_cpu_ids;

static inline unsigned int cpumask_words(void)
{
    return (nr_cpu_ids - 1) / 64 + 1; /* at least one, as the compiler can see */
}

static inline bool cpumask_test(const cpumask_t *m, unsigned int c)
{
    return (read_once(m->w[c / 64]) >> (c % 64)) & 1;
}
static inline void cpumask_set(cpumask_t *m, unsigned int c) { m->w[c / 64] |= BIT(c % 64); }
static inline void cpumask_clear(cpumask_t *m, unsigned int c) { m->w[c / 64] &= ~BIT(c % 64); }
static inline void cpumask_set_atomic(cpumask_t *m, unsigned int c)
{
    __atomic_fetch_or(&m->w[c / 64], BIT(c % 64), __ATOMIC_SEQ_CST);
}
static inline void cpumask_clear_atomic(cpumask_t *m, unsigned int c)
{
    __atomic_fetch_and(&m->w[c / 64], ~BIT(c % 64), __ATOMIC_SEQ_CST);
}
static inline void cpumask_zero(cpumask_t *m)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        m->w[i] = 0;
}
static inline void cpumask_fill(cpumask_t *m)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        m->w[i] = ~0ULL;
}
static inline void cpumask_and(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        d->w[i] = a->w[i] & b->w[i];
}
static inline void cpumask_or(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        d->w[i] = a->w[i] | b->w[i];
}
static inline void cpumask_andnot(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        d->w[i] = a->w[i] & ~b->w[i];
}
static inline bool cpumask_empty(const cpumask_t *m)
{
    for (unsigned int i = 0; i < cpumask_words(); i++)
        if (read_once(m->w[i]))
            return false;
    return true;
}
static inline bool cpumask_intersects(const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < cpumask_words(); i++)
        if (a->w[i] & b->w[i])
            return true;
    return false;
}
static inline bool cpumask_subset(const cpumask_t *a, const cpumask_t *of)
{
    for (unsigned int i = 0; i < cpumask_words(); i++)
        if (a->w[i] & ~of->w[i])
            return false;
    return true;
}
static inline bool cpumask_equal(const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < cpumask_words(); i++)
        if (a->w[i] != b->w[i])
            return false;
    return true;
}
static inline unsigned int cpumask_weight(const cpumask_t *m)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        n += (unsigned int)__builtin_popcountll(m->w[i]);
    return n;
}
/* The first cpu >= from, NR_CPUS when there is none. */
static inline unsigned int cpumask_next(const cpumask_t *m, unsigned int from)
{
    for (unsigned int i = from / 64; i < cpumask_words(); i++) {
        uint64_t w = read_once(m->w[i]);

        if (i == from / 64)
            w &= ~0ULL << (from % 64);
        if (w)
            return i * 64 + (unsigned int)__builtin_ctzll(w);
    }
    return NR_CPUS;
}
static inline unsigned int cpumask_first(const cpumask_t *m) { return cpumask_next(m, 0); }

#define for_each_cpu(c, m) \
    for (unsigned int c = cpumask_first(m); c < NR_CPUS; c = cpumask_next((m), c + 1))

#endif
