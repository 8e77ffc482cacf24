/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Atomic operations on flag words and counters, all sequentially consistent: thin names for the
 * compiler's builtins.
 */
#ifndef HV_ATOMIC_H
#define HV_ATOMIC_H

#include <hv/types.h>

static inline bool bit_test(const uint32_t *w, unsigned int bit)
{
    return (read_once(*w) >> bit) & 1;
}
/* Both return what the bit was. */
static inline bool bit_test_and_set(uint32_t *w, unsigned int bit)
{
    return (__atomic_fetch_or(w, 1U << bit, __ATOMIC_SEQ_CST) >> bit) & 1;
}
static inline bool bit_test_and_clear(uint32_t *w, unsigned int bit)
{
    return (__atomic_fetch_and(w, ~(1U << bit), __ATOMIC_SEQ_CST) >> bit) & 1;
}
/* Clears a set of bits; what they were. */
static inline uint32_t bits_fetch_clear(uint32_t *w, uint32_t mask)
{
    return __atomic_fetch_and(w, ~mask, __ATOMIC_SEQ_CST) & mask;
}
/* The new value. */
static inline uint32_t count_inc(uint32_t *n) { return __atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST); }
static inline uint32_t count_dec(uint32_t *n) { return __atomic_sub_fetch(n, 1, __ATOMIC_SEQ_CST); }
/* Increments unless it is 0; false when it was. */
static inline bool count_inc_not_zero(uint32_t *n)
{
    uint32_t old = read_once(*n);

    while (old != 0)
        if (__atomic_compare_exchange_n(n, &old, old + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}
static inline void smp_mb(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
