/* SPDX-License-Identifier: GPL-2.0-only */
/* Device registers in memory, mapped by hv_ioremap(). The host build plays the device instead. */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include <hv/types.h>

static inline uint64_t mmio_read64(const volatile void *base, unsigned int at)
{
    return *(const volatile uint64_t *)((const volatile char *)base + at);
}
static inline void mmio_write64(volatile void *base, unsigned int at, uint64_t v)
{
    *(volatile uint64_t *)((volatile char *)base + at) = v;
}
static inline uint32_t mmio_read32(const volatile void *base, unsigned int at)
{
    return *(const volatile uint32_t *)((const volatile char *)base + at);
}
static inline void mmio_write32(volatile void *base, unsigned int at, uint32_t v)
{
    *(volatile uint32_t *)((volatile char *)base + at) = v;
}

#endif
