/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Basic types. Numbers that must not be mixed up are different types: a machine frame is not a
 * guest frame, and neither is an integer. Wrap with _mfn(n), unwrap with mfn.n.
 */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t n;
} mfn_t; /* machine frame: real memory */

typedef struct {
    uint64_t n;
} gfn_t; /* guest frame: what the guest believes */

typedef uint64_t paddr_t; /* machine address, bytes */

static inline mfn_t _mfn(uint64_t n) { return (mfn_t){ n }; }
static inline gfn_t _gfn(uint64_t n) { return (gfn_t){ n }; }
static inline bool mfn_eq(mfn_t a, mfn_t b) { return a.n == b.n; }

#define INVALID_MFN ((mfn_t){ ~0ULL })
#define INVALID_GFN ((gfn_t){ ~0ULL })

#define PAGE_SHIFT 12
#define PAGE_SIZE (1ULL << PAGE_SHIFT)
#define PAGE_OFFSET_MASK (PAGE_SIZE - 1)

static inline paddr_t mfn_to_paddr(mfn_t m) { return m.n << PAGE_SHIFT; }
static inline mfn_t paddr_to_mfn(paddr_t p) { return _mfn(p >> PAGE_SHIFT); }

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ROUND_UP(x, a) (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define ROUND_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define DIV_ROUND_UP(x, d) (((x) + (d)-1) / (d))
#define BIT(n) (1ULL << (n))

#define must_check __attribute__((warn_unused_result))
#define noreturn __attribute__((noreturn))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define UNREACHABLE() __builtin_unreachable()

/* Memory shared with a guest or another cpu is read and written exactly once, through these. */
#define read_once(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define write_once(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define barrier() __asm__ volatile("" ::: "memory")

/*
 * Clamp an index below a bound without a branch, so that no speculative load goes past a table
 * (Spectre v1).
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t bound)
{
    uint64_t ok = (uint64_t)((int64_t)(index - bound) >> 63);

    __asm__("" : "+r"(ok));
    return index & ok;
}

#endif
