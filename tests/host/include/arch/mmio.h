/* SPDX-License-Identifier: GPL-2.0-only */
/* Host build: a test plays the device. */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include <hv/types.h>

uint64_t mmio_read64(const volatile void *base, unsigned int at);
void mmio_write64(volatile void *base, unsigned int at, uint64_t v);
uint32_t mmio_read32(const volatile void *base, unsigned int at);
void mmio_write32(volatile void *base, unsigned int at, uint32_t v);

#endif
