/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border to the current guest's memory. No pointer to it is ever dereferenced: these copy, with
 * fault recovery, and refuse addresses in our own range or non-canonical ones. What came in is
 * copied once, then checked, then used. A handle is any ABI handle struct { T *p; }
 * (XEN_GUEST_HANDLE and _64 alike). May fault, so never under a spinlock. The address is in the
 * address space that the current vcpu has loaded (hypercall buffers); a 32-bit guest's ends at
 * 4 GiB.
 */
#ifndef HV_GUEST_H
#define HV_GUEST_H

#include <arch/cpu.h>
#include <hv/compat.h>
#include <hv/domain.h>
#include <hv/types.h>

/* 0 or -EFAULT. n bytes. Wrap and range are checked. Implemented by the architecture. */
int guest_read(void *dst, uint64_t addr, size_t n) must_check;
int guest_write(uint64_t addr, const void *src, size_t n) must_check;
int guest_clear(uint64_t addr, size_t n) must_check;
/* For an address that is used later: it is canonical and not ours. It may still not be mapped. */
bool guest_range_ok(uint64_t addr, size_t n);

static inline uint64_t guest_elem(uint64_t addr, uint64_t i, size_t size)
{
    uint64_t off;

    /* An overflowing index gives an address that guest_read() refuses. */
    if (__builtin_mul_overflow(i, (uint64_t)size, &off) || __builtin_add_overflow(addr, off, &off))
        return 1ULL << 63;
    return off;
}

/* --- structures, of callers of both widths ---------------------------------------------------- */

/* The memory is current's, so what it holds is in current's layout. */
static inline bool caller_is_32bit(void)
{
    const struct vcpu *v = current;

    return is_pv(v->domain) ? domain_is_32bit(v->domain) : v->call_is_32bit;
}

/*
 * size is that of the 64-bit structure; with l, a 32-bit caller's is translated (hv/compat.h), and
 * with NULL they are the same. 0, -EFAULT; writing: -ERANGE, when a 32-bit caller's field does not
 * hold the value.
 */
static inline size_t arg_size(size_t size, const struct compat_layout *l)
{
    return l != NULL && caller_is_32bit() ? l->size32 : size;
}

static inline must_check int arg_read(void *dst, uint64_t addr, size_t size,
                                      const struct compat_layout *l)
{
    if (l != NULL && caller_is_32bit())
        return compat_read(dst, addr, l);
    return guest_read(dst, addr, size);
}

/* The part of the structure at src that is size bytes from off on. */
static inline must_check int arg_write(uint64_t addr, const void *src, size_t off, size_t size,
                                       const struct compat_layout *l)
{
    if (l != NULL && caller_is_32bit())
        return compat_write(addr, src, l, off, size);
    return guest_write(addr + off, (const char *)src + off, size);
}

/*
 * What only 64-bit callers reach says so before it includes this, and may use any type: the calls
 * of the toolstack.
 */
#ifdef GUEST_64BIT_ONLY
#define layout_of(p) ((const struct compat_layout *)NULL)
#define layout_at(h) ((const struct compat_layout *)NULL)
#else
#define layout_of(p) compat_layout_of(p)
#define layout_at(h) compat_layout_at(h)
#endif

#define handle_addr(h) ((uint64_t)(uintptr_t)(h).p)
#define handle_is_null(h) ((h).p == NULL)

/* Copy element i of the array at handle h into *dst (same type), or back. */
#define copy_from_guest_i(dst, h, i)                                                        \
    ({                                                                                      \
        __typeof__(*(h).p) *dst_ = (dst);                                                   \
        arg_read((void *)dst_,                                                              \
                 guest_elem(handle_addr(h), (i), arg_size(sizeof(*dst_), layout_at(h))),    \
                 sizeof(*dst_), layout_at(h));                                              \
    })
#define copy_to_guest_i(h, i, src)                                                          \
    ({                                                                                      \
        const __typeof__(*(h).p) *src_ = (src);                                             \
        arg_write(guest_elem(handle_addr(h), (i), arg_size(sizeof(*src_), layout_at(h))),   \
                  (const void *)src_, 0, sizeof(*src_), layout_at(h));                      \
    })
#define copy_from_guest(dst, h) copy_from_guest_i(dst, h, 0)
#define copy_to_guest(h, src) copy_to_guest_i(h, 0, src)

/* Hypercall arguments arrive as plain numbers: the argument struct at address addr. */
#define copy_arg(dst, addr) arg_read((dst), (addr), sizeof(*(dst)), layout_of(dst))
#define copy_arg_back(addr, src) arg_write((addr), (src), 0, sizeof(*(src)), layout_of(src))
/* Where element i of an array of what p points to is: for continuations, too. p is not used. */
#define arg_elem(addr, i, p) guest_elem((addr), (i), arg_size(sizeof(*(p)), layout_of(p)))
#define copy_arg_i(dst, addr, i) copy_arg(dst, arg_elem(addr, i, dst))
#define copy_arg_back_i(addr, i, src) copy_arg_back(arg_elem(addr, i, src), src)
/* One field of the struct at addr. */
#define copy_field_back(addr, src, field)                                                   \
    arg_write((addr), (src), offsetof(__typeof__(*(src)), field), sizeof((src)->field),     \
              layout_of(src))

/* Elements first ... first + n of an array of frame numbers: from pfn[]. */
int copy_frames_to_guest(uint64_t list, uint64_t first, const uint64_t pfn[], size_t n) must_check;

#endif
