/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the oracle share. */
#ifndef ORACLE_KERNEL_H
#define ORACLE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

static inline void *at(uint32_t address)
{
    void *p;

    __asm__("" : "=r"(p) : "0"(address)); /* low addresses are no null pointers here */
    return p;
}

static inline void outb(uint16_t port, uint8_t val)
{
    __asm__ volatile("outb %0, %1" : : "a"(val), "Nd"(port));
}

static inline void say(const void *what, uint32_t n)
{
    __asm__ volatile("rep outsb" : "+S"(what), "+c"(n) : "d"(0xe9) : "memory");
}

static inline void copy(void *dst, const void *src, uint32_t n)
{
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static inline void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* prot.c: all cases of a struct prot_file; the kernel's CR0 and CR4. */
void prot_main(const void *module, uint32_t cr0, uint32_t cr4);

#endif
