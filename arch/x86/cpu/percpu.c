/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each cpu's memory: its copy of the per-cpu variables and its stack. Both are made by whoever
 * starts the cpu and never given back. The boot cpu's variables are the section itself, so they
 * work from the first instruction on.
 */
#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/paging.h>
#include <arch/smpboot.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/percpu.h>
#include <lib/string.h>

extern char __percpu_start[], __percpu_end[];

uint64_t percpu_offset[NR_CPUS]; /* 0 for the boot cpu, and for cpus without memory yet */

void *cpu_stack_top(unsigned int cpu)
{
    return (void *)(STACK_VIRT(cpu) + STACK_INFO);
}

/* All but the guard page, whose frame is not used. */
static int stack_alloc(unsigned int cpu)
{
    void *stack = hv_page_alloc(STACK_ORDER);
    uint64_t va = STACK_VIRT(cpu);
    const unsigned long below = STACK_GUARD / PAGE_SIZE, pages = STACK_SIZE / PAGE_SIZE;
    mfn_t mfn;
    int rc;

    if (stack == NULL)
        return -ENOMEM;
    mfn = paddr_to_mfn(direct_pa(stack));
    rc = hv_map(va, mfn, below, HV_RW);
    if (rc == 0)
        rc = hv_map(va + STACK_GUARD + PAGE_SIZE, _mfn(mfn.n + below + 1), pages - below - 1,
                    HV_RW);
    /* out of memory for a page table: the cpu is not started, and the few frames do not matter */
    return rc;
}

int percpu_alloc(unsigned int cpu)
{
    size_t size = (size_t)(__percpu_end - __percpu_start);
    char *area;
    int rc;

    if (percpu_offset[cpu] != 0)
        return 0;
    rc = stack_alloc(cpu);
    if (rc)
        return rc;
    area = hv_page_alloc(order_of_size(size));
    if (area == NULL)
        return -ENOMEM;
    percpu_offset[cpu] = (uint64_t)(uintptr_t)area - (uint64_t)(uintptr_t)__percpu_start;
    return 0;
}

void percpu_init_bsp(void)
{
    if (stack_alloc(0))
        boot_fail("out of memory for the first stack");
    cpu_info_init(0);
}

void cpu_info_init(unsigned int cpu)
{
    struct cpu_info *info = cpu_stack_top(cpu);

    memset(info, 0, sizeof(*info));
    info->cpu = cpu;
    info->percpu_offset = percpu_offset[cpu];
}
