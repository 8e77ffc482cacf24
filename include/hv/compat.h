/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structures of 32-bit callers (docs/pv32-arguments.md). A handler only ever sees the 64-bit
 * structure: what it copies in is widened on the way, and what it copies back is narrowed, field by
 * field, by a table. The copies of include/hv/guest.h find the table from the type. A structure
 * that is the same for both kinds of caller has none, and is copied as it is: that is decided when
 * this is compiled.
 */
#ifndef HV_COMPAT_H
#define HV_COMPAT_H

#include <abi.h>
#include <hv/compat_fields.h>
#include <hv/types.h>

/*
 * struct callback_register as both kinds of caller say it: where a 32-bit one has a code selector,
 * a 64-bit one has padding.
 */
struct callback_arg {
    uint16_t type, flags;
    uint32_t cs; /* only of a 32-bit caller */
    uint64_t address;
};
_Static_assert(sizeof(struct callback_arg) == sizeof(struct callback_register) &&
                   offsetof(struct callback_arg, address) ==
                       offsetof(struct callback_register, address),
               "public callback.h");

/* --- the 32-bit structures, as types ---------------------------------------------------------- */

typedef uint64_t compat_u64 __attribute__((aligned(4)));

#define COMPAT_TYPE_KEEP(T, f) __typeof__(((struct T *)NULL)->f) f;
#define COMPAT_TYPE_U64(T, f) compat_u64 f[sizeof(((struct T *)NULL)->f) / 8];
#define COMPAT_TYPE_ULONG(T, f) uint32_t f;
#define COMPAT_TYPE_ULONG6(T, f) uint32_t f[6];
#define COMPAT_TYPE_LONG(T, f) int32_t f;
#define COMPAT_TYPE_POINTER(T, f) compat_u64 f;
#define COMPAT_TYPE_FIELD(kind, T, f) COMPAT_TYPE_##kind(T, f)
#define COMPAT_TYPE_STRUCT(inner, T, f) struct inner##_32 f;
#define COMPAT_TYPE(T) struct T##_32 { FIELDS_##T(COMPAT_TYPE_FIELD, COMPAT_TYPE_STRUCT, T, ) };
COMPAT_STRUCTS(COMPAT_TYPE)

/* --- layouts ---------------------------------------------------------------------------------- */

/* How a field crosses; the kinds of compat_fields.h that say no more are other names. */
enum compat_kind {
    COMPAT_KEEP,    /* the same bytes at another place */
    COMPAT_ULONG,   /* elements of 64 bits here, of 32 there: zero-extended */
    COMPAT_LONG,    /* sign-extended */
    COMPAT_POINTER, /* 64 bits on both sides, of which 32 count there: zero-extended */
    COMPAT_U64 = COMPAT_KEEP,
    COMPAT_ULONG6 = COMPAT_ULONG
};

struct compat_field {
    uint8_t off, off32;
    uint8_t size, size32; /* of all its elements */
    uint8_t kind;         /* enum compat_kind */
};

struct compat_layout {
    uint8_t size, size32;
    uint8_t nr;
    const struct compat_field *field; /* structures in structures are taken apart */
};

#define COMPAT_MAX_SIZE32 144

/* Are the two layouts of T the same bytes? */
#define COMPAT_SAME_FIELD(kind, T, f) \
    && offsetof(struct T, f) == offsetof(struct T##_32, f) \
    && sizeof(((struct T *)NULL)->f) == sizeof(((struct T##_32 *)NULL)->f)                   \
    && COMPAT_##kind != COMPAT_POINTER
#define COMPAT_SAME_STRUCT(inner, T, f) \
    && COMPAT_SAME_##inner && offsetof(struct T, f) == offsetof(struct T##_32, f)
#define COMPAT_SAME(T) \
    COMPAT_SAME_##T = sizeof(struct T) == sizeof(struct T##_32) \
                      FIELDS_##T(COMPAT_SAME_FIELD, COMPAT_SAME_STRUCT, T, ),
enum { COMPAT_STRUCTS(COMPAT_SAME) };

#define COMPAT_EXTERN(T) extern const struct compat_layout compat_##T;
COMPAT_STRUCTS(COMPAT_EXTERN)
extern const struct compat_layout compat_xen_pfn; /* an element of an array of frame numbers */

/* The table of struct T, NULL if it needs none. A constant. */
#define compat_layout(T) (COMPAT_SAME_##T ? (const struct compat_layout *)NULL : &compat_##T)

/* That of what p points to. A structure that is not in compat_fields.h does not compile. */
#define COMPAT_CASE(T) struct T: compat_layout(T),
#define COMPAT_PLAIN ((const struct compat_layout *)NULL)
#define compat_layout_of(p)                                                                  \
    _Generic(*(p), COMPAT_STRUCTS(COMPAT_CASE) char: COMPAT_PLAIN, uint8_t: COMPAT_PLAIN,    \
             uint16_t: COMPAT_PLAIN, uint32_t: COMPAT_PLAIN, uint64_t: COMPAT_PLAIN)
/* That of an element of the array at a handle. Frame numbers are known by the handle's type. */
#define compat_layout_at(h)                                                                  \
    _Generic((h), XEN_GUEST_HANDLE(xen_pfn_t): &compat_xen_pfn, default: compat_layout_of((h).p))

/* --- conversion, on our own memory ------------------------------------------------------------ */

/* All of *dst is written: what has no counterpart is zero. */
void compat_widen(void *dst, const void *src32, const struct compat_layout *l);
/*
 * Those of the fields of *src that lie in size bytes from off on. -ERANGE: a value does not fit.
 * *start, *end: where in dst32 they are.
 */
int compat_narrow(void *dst32, const void *src, const struct compat_layout *l, size_t off,
                  size_t size, size_t *start, size_t *end) must_check;

/* --- the same with the memory of a 32-bit caller ---------------------------------------------- */

/* 0, -EFAULT, -ERANGE. The fields of *src in size bytes from off on go to their places at addr. */
int compat_read(void *dst, uint64_t addr, const struct compat_layout *l) must_check;
int compat_write(uint64_t addr, const void *src, const struct compat_layout *l, size_t off,
                 size_t size) must_check;

#endif
