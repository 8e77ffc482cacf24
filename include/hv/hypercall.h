/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall table's types, dispatch and continuation.
 *
 * Continuation: a call that would take long stops at a preemption point with
 *     return hypercall_continue(v, nr_args, arg0, arg1, ...);
 * which rewinds the guest's instruction pointer to the call instruction and loads the (updated)
 * arguments, so that the guest makes the call again after interrupts and other vcpus had their
 * turn. Progress lives in the arguments, nowhere else.
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include <hv/types.h>

struct vcpu;

enum { GUEST_PV = 1, GUEST_HVM = 2, GUEST_ANY = 3 };

typedef long hypercall_fn(struct vcpu *v, const uint64_t arg[]); /* arg[0..5] */

struct hypercall {
    hypercall_fn *handler;
    uint8_t nr_args;
    uint8_t callers;
};

#define NR_HYPERCALLS 64
#define HYPERCALL_MAX_ARGS 6

extern const struct hypercall hypercalls[NR_HYPERCALLS]; /* core/hypercall.c: the one table */

long hypercall_dispatch(struct vcpu *v, uint64_t nr, const uint64_t arg[]);
/* Returns -ERESTART; the same hypercall number again with these arguments (the others are kept). */
long hypercall_continue(struct vcpu *v, unsigned int nr_args, ...);

/* Every handler, named hc_ + the ABI's name, in the file that docs/hypercalls.md gives. */
hypercall_fn hc_set_trap_table, hc_mmu_update, hc_set_gdt, hc_stack_switch, hc_set_callbacks,
    hc_fpu_taskswitch, hc_platform_op, hc_set_debugreg, hc_get_debugreg, hc_update_descriptor,
    hc_memory_op, hc_multicall, hc_update_va_mapping, hc_set_timer_op, hc_xen_version,
    hc_console_io, hc_grant_table_op, hc_vm_assist, hc_update_va_mapping_otherdomain, hc_iret,
    hc_vcpu_op, hc_set_segment_base, hc_mmuext_op, hc_nmi_op, hc_sched_op, hc_callback_op,
    hc_event_channel_op, hc_physdev_op, hc_hvm_op, hc_sysctl, hc_domctl, hc_dm_op, hc_hypfs_op;

#endif
