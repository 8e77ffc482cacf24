/* SPDX-License-Identifier: GPL-2.0-only */
/* Host build: no privileged instructions; the core must not need any. */
#ifndef ARCH_INSN_H
#define ARCH_INSN_H

#include <hv/types.h>

static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void irq_disable(void) {}
static inline void irq_enable(void) {}
static inline void clflush(const void *p) { (void)p; }
static inline void wbinvd(void) {}
static inline void irq_window(void) {}

#endif
