/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choosing interrupt vectors in one cpu's table. Pure. A multiple message needs consecutive
 * vectors, aligned to their number.
 */
#include <arch/apic.h>
#include <arch/irq.h>
#include <arch/pv32.h>

/* A 32-bit guest's kernel can make an interrupt of PV32_HYPERCALL_VECTOR by itself. */
static bool all_free(const uint16_t table[NR_VECTORS], unsigned int first, unsigned int nr)
{
    for (unsigned int v = first; v < first + nr; v++)
        if (table[v] != 0 || v == PV32_HYPERCALL_VECTOR)
            return false;
    return true;
}

static bool is_device_vector(unsigned int v)
{
    return v >= VECTOR_DEVICE_FIRST && v <= VECTOR_DEVICE_LAST;
}

uint8_t vector_find(const uint16_t table[NR_VECTORS], unsigned int nr, uint8_t prefer)
{
    if (nr == 0 || nr > 32 || (nr & (nr - 1)))
        return 0;
    if (nr == 1 && is_device_vector(prefer) && all_free(table, prefer, 1))
        return prefer;
    for (unsigned int v = ROUND_UP((unsigned int)VECTOR_DEVICE_FIRST, nr);
         is_device_vector(v + nr - 1); v += nr)
        if (all_free(table, v, nr))
            return (uint8_t)v;
    return 0;
}
