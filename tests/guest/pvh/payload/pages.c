/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that reads and writes the pages that its maker names, one order at a time. */
#include "payload.h"

void pages(void)
{
    volatile struct mailbox *box = &mailbox;

    for (;;) {
        const uint32_t order = box->order;
        uint64_t sum = 0;

        if (order == box->done) {
            __asm__ volatile("pause");
            continue;
        }
        for (uint32_t i = 0; i < box->nr; i++) {
            volatile uint64_t *word = (uint64_t *)((box->first + i) * PAGE + 8);

            if (box->add)
                *word += box->add;
            sum += *word;
        }
        box->sum = sum;
        box->done = order;
    }
}
