/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses that a guest's pointer may have. Pure: the unit test walks the edges. */
#ifndef ARCH_GUEST_RANGE_H
#define ARCH_GUEST_RANGE_H

#include <arch/layout.h>
#include <hv/types.h>

#define GUEST_USER_END 0x0000800000000000ULL
#define GUEST32_END 0x100000000ULL

/* n bytes from addr on: in one piece, canonical, and not in our own range. */
static inline bool guest_range_allowed(uint64_t addr, size_t n, bool is_32bit)
{
    uint64_t end;

    if (__builtin_add_overflow(addr, (uint64_t)n, &end))
        return false;
    if (is_32bit) /* it has no more, and what is beyond is not another name for the beginning */
        return end <= GUEST32_END;
    return end <= GUEST_USER_END || addr >= HV_VIRT_END;
}

#endif
