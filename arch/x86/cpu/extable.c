/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exception table: instructions of ours that may fault (they read guest memory, or an MSR that
 * may not exist), and where to go on then. What faults and is not here is a bug.
 */
#include <arch/insn.h>
#include <arch/traps.h>

struct ex_entry {
    uint64_t at, to;
};

extern const struct ex_entry __ex_table_start[], __ex_table_end[];

bool ex_table_fixup(struct cpu_user_regs *regs)
{
    for (const struct ex_entry *e = __ex_table_start; e < __ex_table_end; e++) {
        if (e->at != regs->rip)
            continue;
        regs->rip = e->to;
        return true;
    }
    return false;
}

int rdmsr_safe(uint32_t msr, uint64_t *v)
{
    uint32_t lo = 0, hi = 0;
    int rc = -1;

    __asm__ volatile("1: rdmsr\n\t"
                     "xor %0, %0\n"
                     "2:\n\t" EX_TABLE("1b", "2b")
                     : "+r"(rc), "+a"(lo), "+d"(hi)
                     : "c"(msr));
    *v = rc ? 0 : ((uint64_t)hi << 32) | lo;
    return rc;
}

int wrmsr_safe(uint32_t msr, uint64_t v)
{
    int rc = -1;

    __asm__ volatile("1: wrmsr\n\t"
                     "xor %0, %0\n"
                     "2:\n\t" EX_TABLE("1b", "2b")
                     : "+r"(rc)
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
    return rc;
}

int safe_read64(const uint64_t *p, uint64_t *val)
{
    uint64_t v = 0;
    int rc = -1;

    __asm__ volatile("1: mov (%2), %1\n\t"
                     "xor %0, %0\n"
                     "2:\n\t" EX_TABLE("1b", "2b")
                     : "+r"(rc), "+r"(v)
                     : "r"(p)
                     : "memory");
    *val = v;
    return rc;
}
