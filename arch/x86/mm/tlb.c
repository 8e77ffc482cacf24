/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLB flushes. See <arch/tlb.h> for the clock. AMD APM vol. 2 §5.5 "Translation-Lookaside Buffer".
 *
 * The clock has 64 bits and never wraps; stamps keep the low 32 bits and are taken to be of the
 * last 2^32 flushes. An older one so looks younger than it is, which costs a flush and no more.
 */
#include <arch/cpu.h>
#include <arch/tlb.h>
#include <hv/smp.h>

uint64_t tlb_clock = 1;
static uint64_t last_flush[NR_CPUS];

#define X86_CR4_PGE 0x80ULL

/* Before the flush: a stamp taken from now on is not older than the time of this flush. */
static uint64_t clock_tick(void)
{
    return __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
}

static void clock_done(uint64_t tick)
{
    __atomic_store_n(&last_flush[smp_processor_id()], tick, __ATOMIC_RELEASE);
}

void tlb_switch_cr3(uint64_t cr3)
{
    uint64_t tick = clock_tick();
    uint64_t cr4 = read_cr4();

    if (cr4 & X86_CR4_PGE) {
        write_cr4(cr4 & ~X86_CR4_PGE);
        write_cr3(cr3);
        write_cr4(cr4);
    } else {
        write_cr3(cr3);
    }
    clock_done(tick);
}

void tlb_flush_local(void)
{
    uint64_t tick = clock_tick();
    uint64_t cr4 = read_cr4();

    if (cr4 & X86_CR4_PGE) { /* toggling it drops everything */
        write_cr4(cr4 & ~X86_CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
    }
    clock_done(tick);
}

void tlb_flush_va_local(uint64_t va)
{
    invlpg(va);
}

void tlb_filter(cpumask_t *mask, uint32_t stamp)
{
    uint64_t now = __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
    uint64_t when = now - (uint32_t)((uint32_t)now - stamp);

    for_each_cpu(cpu, mask)
        if (__atomic_load_n(&last_flush[cpu], __ATOMIC_ACQUIRE) > when)
            cpumask_clear(mask, cpu);
}

static void flush_all_here(void *data)
{
    tlb_flush_local();
}

static void flush_va_here(void *data)
{
    tlb_flush_va_local(*(const uint64_t *)data);
}

static bool only_here(const cpumask_t *mask)
{
    unsigned int cpu = cpumask_first(mask);

    return cpu == smp_processor_id() && cpumask_next(mask, cpu + 1) >= NR_CPUS;
}

void tlb_flush_mask(const cpumask_t *mask)
{
    if (only_here(mask))
        tlb_flush_local();
    else if (!cpumask_empty(mask))
        smp_call(mask, flush_all_here, NULL);
}

void tlb_flush_va_mask(const cpumask_t *mask, uint64_t va)
{
    if (only_here(mask))
        tlb_flush_va_local(va);
    else if (!cpumask_empty(mask))
        smp_call(mask, flush_va_here, &va);
}
