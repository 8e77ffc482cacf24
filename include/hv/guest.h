/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border to the current guest's memory. No pointer to it is ever dereferenced: these copy, with
 * fault recovery, and refuse addresses in our own range or non-canonical ones. What came in is
 * copied once, then checked, then used. A handle is any ABI handle struct { T *p; }
 * (XEN_GUEST_HANDLE and _64 alike). May fault, so never under a spinlock. The address is in the
 * address space that the current vcpu has loaded (hypercall buffers).
 */
#ifndef HV_GUEST_H
#define HV_GUEST_H

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

#define handle_addr(h) ((uint64_t)(uintptr_t)(h).p)
#define handle_is_null(h) ((h).p == NULL)

/* Copy element i of the array at handle h into *dst (same type), or back. */
#define copy_from_guest_i(dst, h, i)                                                        \
    ({                                                                                      \
        __typeof__(*(h).p) *dst_ = (dst);                                                   \
        guest_read((void *)dst_, guest_elem(handle_addr(h), (i), sizeof(*dst_)),            \
                   sizeof(*dst_));                                                          \
    })
#define copy_to_guest_i(h, i, src)                                                          \
    ({                                                                                      \
        const __typeof__(*(h).p) *src_ = (src);                                             \
        guest_write(guest_elem(handle_addr(h), (i), sizeof(*src_)), (const void *)src_,     \
                    sizeof(*src_));                                                         \
    })
#define copy_from_guest(dst, h) copy_from_guest_i(dst, h, 0)
#define copy_to_guest(h, src) copy_to_guest_i(h, 0, src)

/* Hypercall arguments arrive as plain numbers: the argument struct at address addr. */
#define copy_arg(dst, addr) guest_read((dst), (addr), sizeof(*(dst)))
#define copy_arg_back(addr, src) guest_write((addr), (src), sizeof(*(src)))
#define copy_arg_i(dst, addr, i) \
    guest_read((dst), guest_elem((addr), (i), sizeof(*(dst))), sizeof(*(dst)))
#define copy_arg_back_i(addr, i, src) \
    guest_write(guest_elem((addr), (i), sizeof(*(src))), (src), sizeof(*(src)))
/* One field of the struct at addr. */
#define copy_field_back(addr, src, field) \
    guest_write((addr) + offsetof(__typeof__(*(src)), field), &(src)->field, sizeof((src)->field))

#endif
