/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions: the hypervisor's own, and the table of places where one is expected. */
#ifndef ARCH_TRAPS_H
#define ARCH_TRAPS_H

#include <abi.h>
#include <arch/cpu.h>
#include <hv/types.h>

/*
 * QEMU's emulation hands out an interrupt that its sources have withdrawn as vector -1, which ends
 * as #GP with this error code: nothing happened.
 */
#define QEMU_PHANTOM_ERROR 0xfffffff2U
static inline bool is_phantom_interrupt(const struct cpu_user_regs *regs)
{
    return regs->entry_vector == 13 && regs->error_code == QEMU_PHANTOM_ERROR &&
           cpu_features.hypervisor_tcg;
}

/* Called by entry.S. */
void hv_exception(struct cpu_user_regs *regs);
void ist_exception(struct cpu_user_regs *regs);

/* An exception at the instruction `at` continues at `to`; put into inline assembly. */
#define EX_TABLE(at, to)                          \
    ".pushsection .ex_table, \"a\", @progbits\n\t" \
    ".balign 8\n\t"                               \
    ".quad " at ", " to "\n\t"                    \
    ".popsection\n\t"

bool ex_table_fixup(struct cpu_user_regs *regs);

/*
 * Read n (1, 2, 4, 8) bytes at an address of our own that may not be mapped, such as a vcpu's LDT:
 * 0 or -1.
 */
int safe_read64(const uint64_t *p, uint64_t *val);

#endif
