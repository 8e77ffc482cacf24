/* SPDX-License-Identifier: GPL-2.0-only */
/* Wrong on purpose, and never linked: tools/run-proof makes sure that this is not proved. */
#include <hv/types.h>

/*@ requires \valid(count);
    assigns *count;
    ensures *count == \old(*count) + 1; */
void planted_overflow(uint32_t *count);
void planted_overflow(uint32_t *count)
{
    ++*count;
}
