/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of include/hv/compat.h, and what walks them. A value that a 32-bit caller's field does
 * not hold is an error, and then nothing has been written: never a part of it.
 */
#include <hv/compat.h>

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/log.h>
#include <lib/string.h>

/* --- tables ----------------------------------------------------------------------------------- */

#define ROW(k, T, f)                                                                         \
    { .off = offsetof(struct T, f), .off32 = offsetof(struct T##_32, f),                     \
      .size = sizeof(((struct T *)NULL)->f), .size32 = sizeof(((struct T##_32 *)NULL)->f),   \
      .kind = COMPAT_##k },
/* A structure in it: one deep */
#define NO_INNER(inner, T, f)
#define INNER(inner, T, f) FIELDS_##inner(ROW, NO_INNER, T, f.)

#define LAYOUT(T)                                                                            \
    static const struct compat_field fields_##T[] = { FIELDS_##T(ROW, INNER, T, ) };         \
    const struct compat_layout compat_##T = {                                                \
        .size = sizeof(struct T), .size32 = sizeof(struct T##_32),                           \
        .nr = ARRAY_SIZE(fields_##T), .field = fields_##T };                                 \
    _Static_assert(sizeof(struct T) <= UINT8_MAX && sizeof(struct T##_32) <= COMPAT_MAX_SIZE32, #T);
COMPAT_STRUCTS(LAYOUT)

static const struct compat_field fields_xen_pfn[] = {
    { .size = sizeof(xen_pfn_t), .size32 = sizeof(uint32_t), .kind = COMPAT_ULONG }
};
const struct compat_layout compat_xen_pfn = {
    .size = sizeof(xen_pfn_t), .size32 = sizeof(uint32_t), .nr = 1, .field = fields_xen_pfn
};

/* What is kept has one size; what is not is made of 64-bit elements here. */
#define CHECK_KEEP(T, f) \
    _Static_assert(_Alignof(__typeof__(((struct T *)NULL)->f)) <= 4, #T "." #f);
#define CHECK_U64(T, f) _Static_assert(sizeof(((struct T *)NULL)->f) % 8 == 0, #T "." #f);
#define CHECK_ULONG(T, f) _Static_assert(sizeof(((struct T *)NULL)->f) == 8, #T "." #f);
#define CHECK_ULONG6(T, f) _Static_assert(sizeof(((struct T *)NULL)->f) == 48, #T "." #f);
#define CHECK_POINTER(T, f) _Static_assert(sizeof(((struct T *)NULL)->f) == 8, #T "." #f);
#define CHECK_LONG(T, f) _Static_assert(sizeof(((struct T *)NULL)->f) == 8, #T "." #f);
#define CHECK_FIELD(kind, T, f) CHECK_##kind(T, f)
#define CHECK(T) FIELDS_##T(CHECK_FIELD, NO_INNER, T, )
COMPAT_STRUCTS(CHECK)

/* --- conversion ------------------------------------------------------------------------------- */

static uint64_t widened(uint32_t x, uint8_t kind)
{
    return kind == COMPAT_LONG ? (uint64_t)(int64_t)(int32_t)x : x;
}

static void widen_field(char *dst, const char *src32, const struct compat_field *f)
{
    if (f->kind == COMPAT_KEEP) {
        memcpy(dst + f->off, src32 + f->off32, f->size);
        return;
    }
    for (size_t i = 0; i < f->size / sizeof(uint64_t); i++) {
        uint32_t x;
        uint64_t wide;

        memcpy(&x, src32 + f->off32 + i * sizeof(x), sizeof(x));
        wide = widened(x, f->kind);
        memcpy(dst + f->off + i * sizeof(wide), &wide, sizeof(wide));
    }
}

static int narrow_field(char *dst32, const char *src, const struct compat_field *f)
{
    if (f->kind == COMPAT_KEEP) {
        memcpy(dst32 + f->off32, src + f->off, f->size);
        return 0;
    }
    for (size_t i = 0; i < f->size / sizeof(uint64_t); i++) {
        uint64_t wide;
        uint32_t x;

        memcpy(&wide, src + f->off + i * sizeof(wide), sizeof(wide));
        x = (uint32_t)wide;
        if (widened(x, f->kind) != wide)
            return -ERANGE;
        memcpy(dst32 + f->off32 + i * sizeof(x), &x, sizeof(x));
    }
    return 0;
}

void compat_widen(void *dst, const void *src32, const struct compat_layout *l)
{
    memset(dst, 0, l->size);
    for (unsigned int i = 0; i < l->nr; i++)
        widen_field(dst, src32, &l->field[i]);
}

int compat_narrow(void *dst32, const void *src, const struct compat_layout *l, size_t off,
                  size_t size, size_t *start, size_t *end)
{
    *start = l->size32;
    *end = 0;
    for (unsigned int i = 0; i < l->nr; i++) {
        const struct compat_field *f = &l->field[i];
        int rc;

        if (f->off < off || (size_t)f->off + f->size > off + size)
            continue;
        rc = narrow_field(dst32, src, f);
        if (rc)
            return rc;
        *start = MIN(*start, (size_t)f->off32);
        *end = MAX(*end, (size_t)f->off32 + f->size32);
    }
    return 0;
}

/* --- with the caller's memory ----------------------------------------------------------------- */

int compat_read(void *dst, uint64_t addr, const struct compat_layout *l)
{
    char in[COMPAT_MAX_SIZE32];

    if (guest_read(in, addr, l->size32))
        return -EFAULT;
    compat_widen(dst, in, l);
    return 0;
}

int compat_write(uint64_t addr, const void *src, const struct compat_layout *l, size_t off,
                 size_t size)
{
    char out[COMPAT_MAX_SIZE32] = { 0 };
    size_t start, end;
    int rc = compat_narrow(out, src, l, off, size, &start, &end);

    if (rc)
        return rc;
    ASSERT(start < end); /* off and size are ours: some fields */
    return guest_write(addr + start, out + start, end - start);
}

int copy_frames_to_guest(uint64_t list, uint64_t first, const uint64_t pfn[], size_t n)
{
    if (!caller_is_32bit())
        return guest_write(guest_elem(list, first, sizeof(*pfn)), pfn, n * sizeof(*pfn));
    for (size_t i = 0; i < n; i++) {
        int rc = compat_write(guest_elem(list, first + i, compat_xen_pfn.size32), &pfn[i],
                              &compat_xen_pfn, 0, sizeof(*pfn));

        if (rc)
            return rc;
    }
    return 0;
}
