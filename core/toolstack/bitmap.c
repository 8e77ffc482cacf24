/* SPDX-License-Identifier: GPL-2.0-only */
/* Bitmaps that cross the border to the tools: cpus and nodes. */
#include "priv.h"

#include <hv/errno.h>
#include <hv/guest.h>

int bitmap_to_guest(const struct xenctl_bitmap *to, const uint64_t *words, unsigned int nr_bits)
{
    unsigned int bytes = DIV_ROUND_UP(to->nr_bits, 8U), ours = nr_bits / 8;
    unsigned int n = MIN(bytes, ours);
    uint8_t last = to->nr_bits % 8 ? (uint8_t)((1U << to->nr_bits % 8) - 1) : 0xff;

    for (unsigned int i = 0; i < n; i++) {
        uint8_t b = (uint8_t)(words[i / 8] >> (i % 8 * 8));

        if (i == bytes - 1)
            b &= last;
        if (copy_to_guest_i(to->bitmap, i, &b))
            return -EFAULT;
    }
    if (bytes > n && guest_clear(guest_elem(handle_addr(to->bitmap), n, 1), bytes - n))
        return -EFAULT;
    return 0;
}

int bitmap_from_guest(uint64_t *words, unsigned int nr_bits, const struct xenctl_bitmap *from)
{
    unsigned int n = MIN(DIV_ROUND_UP(from->nr_bits, 8U), nr_bits / 8);

    for (unsigned int i = 0; i < nr_bits / 64; i++)
        words[i] = 0;
    for (unsigned int i = 0; i < n; i++) {
        uint8_t b;

        if (copy_from_guest_i(&b, from->bitmap, i))
            return -EFAULT;
        if (from->nr_bits - i * 8 < 8)
            b &= (uint8_t)((1U << (from->nr_bits - i * 8)) - 1);
        words[i / 8] |= (uint64_t)b << (i % 8 * 8);
    }
    return 0;
}
