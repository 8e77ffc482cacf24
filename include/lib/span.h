/* SPDX-License-Identifier: GPL-2.0-only */
/* A read-only run of bytes: what is at ptr, and how much of it there is. */
#ifndef LIB_SPAN_H
#define LIB_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *ptr;
    size_t size;
};

#endif
