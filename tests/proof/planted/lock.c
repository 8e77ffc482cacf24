/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wrong on purpose, and never linked: tools/run-static makes sure that clang sees the missing lock.
 */
#include <hv/lock.h>

static DEFINE_SPINLOCK(lock, RANK_LEAF);
static unsigned int counter GUARDED_BY(lock);

unsigned int planted_lock(void);
unsigned int planted_lock(void)
{
    return counter++;
}
