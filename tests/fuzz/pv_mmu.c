/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 8000 */
/* links: core/compat.c core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/mmu_ext.c */
/* links: arch/x86/pv/descriptor_page.c arch/x86/pv/ptwr.c arch/x86/pv/ptwr_decode.c */
/* links: tests/host/arena.c tests/host/pv_ops.c */
/*
 * Page-table operations of three guests from a byte string; every count is checked after each, and
 * nothing may be left at the end.
 */
#include <stdlib.h>

#include "../host/arena.h"
#include "../host/pv_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern int host_pt_budget;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;

    if (!started)
        pv_machine_start();
    started = true;
    if (size < 2)
        return 0;
    host_pt_budget = 1 + (data[0] & 15) * 200;
    arena.preempt_at = data[1] & 7;
    pv_32bit = data[0] >> 5 & 6;
    data += 2;
    size -= 2;
    pv_world_start();
    while (pv_one_op(&data, &size))
        if (pv_check())
            abort();
    arena.preempt_at = 0;
    if (pv_world_end())
        abort();
    return 0;
}
