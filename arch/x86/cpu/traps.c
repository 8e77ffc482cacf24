/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions in the hypervisor itself. Four are expected: the instructions of the exception table,
 * a descriptor of a guest's LDT that is not mapped yet, IRET to a guest with bad selectors, and a
 * debug exception that the guest arranged. All else is a bug, and the end.
 */
#include <arch/cpu.h>
#include <arch/crash.h>
#include <arch/nmi.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <arch/traps.h>
#include <hv/domain.h>
#include <hv/log.h>

extern char iret_to_guest[];

static const char *const names[32] = {
    [TRAP_DE] = "divide error", [TRAP_DB] = "debug",      [TRAP_NMI] = "NMI",
    [TRAP_BP] = "breakpoint",   [TRAP_OF] = "overflow",   [TRAP_BR] = "bound range",
    [TRAP_UD] = "invalid opcode", [TRAP_NM] = "no FPU",   [TRAP_DF] = "double fault",
    [TRAP_TS] = "invalid TSS",  [TRAP_NP] = "segment not present", [TRAP_SS] = "stack fault",
    [TRAP_GP] = "general protection fault", [TRAP_PF] = "page fault", [TRAP_MF] = "FPU error",
    [TRAP_AC] = "alignment check", [TRAP_MC] = "machine check", [TRAP_XM] = "SIMD error",
};

static const char *name_of(uint32_t vector)
{
    return vector < ARRAY_SIZE(names) && names[vector] ? names[vector] : "unknown exception";
}

void hv_exception(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;

    if (regs->entry_vector == TRAP_PF && v && pv_perdomain_fault(v, read_cr2()))
        return;
    if (regs->rip == (uintptr_t)iret_to_guest)
        pv_iret_fault(regs);
    if (ex_table_fixup(regs) || is_phantom_interrupt(regs))
        return;
    crash_exception(regs, name_of(regs->entry_vector));
}

/*
 * NMI: other cpus' at a crash, else the machine's. A debug exception here hit right behind SYSCALL
 * or SYSENTER (TF, or a breakpoint on the stack held off by MOV SS): the guest loses it.
 */
void ist_exception(struct cpu_user_regs *regs)
{
    switch (regs->entry_vector) {
    case TRAP_DB:
        regs->rflags &= ~X86_EFLAGS_TF;
        pv_read_dr6();
        return;
    case TRAP_NMI:
        if (!crash_nmi(regs))
            nmi_of_machine(regs);
        return;
    default:
        crash_exception(regs, name_of(regs->entry_vector));
    }
}
