/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall table, dispatch, multicall, and how an interrupted call goes on. docs/hypercalls.md
 * says where each handler is.
 *
 * A call that stops early rewinds the guest to the call instruction with new arguments. Inside a
 * multicall the entry in the guest's array gets them instead, and the multicall is what is rewound,
 * to that entry. So all progress is the guest's.
 */
#include <abi.h>
#include <arch/hypercall.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <stdarg.h>

/*
 * A handler is never switched away from, so this belongs to the cpu as long as a multicall is at
 * work.
 */
struct multicall {
    struct multicall_entry *entry; /* our copy of the one that runs; NULL: none */
    bool restarted;                /* it was interrupted, and its arguments are the new ones */
};
static DEFINE_PER_CPU(struct multicall, multicall);

const struct hypercall hypercalls[NR_HYPERCALLS] = {
    [__HYPERVISOR_set_trap_table] = { hc_set_trap_table, 1, GUEST_PV },
    [__HYPERVISOR_mmu_update] = { hc_mmu_update, 4, GUEST_PV },
    [__HYPERVISOR_set_gdt] = { hc_set_gdt, 2, GUEST_PV },
    [__HYPERVISOR_stack_switch] = { hc_stack_switch, 2, GUEST_PV },
    [__HYPERVISOR_set_callbacks] = { hc_set_callbacks, 3, GUEST_PV },
    [__HYPERVISOR_fpu_taskswitch] = { hc_fpu_taskswitch, 1, GUEST_PV },
    [__HYPERVISOR_platform_op] = { hc_platform_op, 1, GUEST_ANY },
    [__HYPERVISOR_set_debugreg] = { hc_set_debugreg, 2, GUEST_PV },
    [__HYPERVISOR_get_debugreg] = { hc_get_debugreg, 1, GUEST_PV },
    [__HYPERVISOR_update_descriptor] = { hc_update_descriptor, 2, GUEST_PV },
    [__HYPERVISOR_memory_op] = { hc_memory_op, 2, GUEST_ANY },
    [__HYPERVISOR_multicall] = { hc_multicall, 2, GUEST_ANY },
    [__HYPERVISOR_update_va_mapping] = { hc_update_va_mapping, 3, GUEST_PV },
    [__HYPERVISOR_set_timer_op] = { hc_set_timer_op, 1, GUEST_ANY },
    [__HYPERVISOR_xen_version] = { hc_xen_version, 2, GUEST_ANY },
    [__HYPERVISOR_console_io] = { hc_console_io, 3, GUEST_ANY },
    [__HYPERVISOR_grant_table_op] = { hc_grant_table_op, 3, GUEST_ANY },
    [__HYPERVISOR_vm_assist] = { hc_vm_assist, 2, GUEST_ANY },
    [__HYPERVISOR_update_va_mapping_otherdomain] = { hc_update_va_mapping_otherdomain, 4,
                                                     GUEST_PV },
    [__HYPERVISOR_iret] = { hc_iret, 0, GUEST_PV },
    [__HYPERVISOR_vcpu_op] = { hc_vcpu_op, 3, GUEST_ANY },
    [__HYPERVISOR_set_segment_base] = { hc_set_segment_base, 2, GUEST_PV },
    [__HYPERVISOR_mmuext_op] = { hc_mmuext_op, 4, GUEST_ANY },
    [__HYPERVISOR_nmi_op] = { hc_nmi_op, 2, GUEST_PV },
    [__HYPERVISOR_sched_op] = { hc_sched_op, 2, GUEST_ANY },
    [__HYPERVISOR_callback_op] = { hc_callback_op, 2, GUEST_PV },
    [__HYPERVISOR_event_channel_op] = { hc_event_channel_op, 2, GUEST_ANY },
    [__HYPERVISOR_physdev_op] = { hc_physdev_op, 2, GUEST_ANY },
    [__HYPERVISOR_hvm_op] = { hc_hvm_op, 2, GUEST_ANY },
    [__HYPERVISOR_sysctl] = { hc_sysctl, 1, GUEST_ANY },
    [__HYPERVISOR_domctl] = { hc_domctl, 1, GUEST_ANY },
    [__HYPERVISOR_dm_op] = { hc_dm_op, 3, GUEST_ANY },
    [__HYPERVISOR_hypfs_op] = { hc_hypfs_op, 5, GUEST_ANY },
};

long hypercall_dispatch(struct vcpu *v, uint64_t nr, const uint64_t arg[])
{
    const struct hypercall *hc;

    if (unlikely(nr >= NR_HYPERCALLS))
        return -ENOSYS;
    hc = &hypercalls[index_nospec(nr, NR_HYPERCALLS)];
    if (unlikely(!(hc->callers & v->domain->kind))) /* no callers: no handler */
        return -ENOSYS;
    return hc->handler(v, arg);
}

long hypercall_continue(struct vcpu *v, unsigned int nr_args, ...)
{
    struct multicall *mc = &this_cpu(multicall);
    uint64_t arg[HYPERCALL_MAX_ARGS];
    va_list ap;

    ASSERT(nr_args <= HYPERCALL_MAX_ARGS);
    va_start(ap, nr_args);
    for (unsigned int i = 0; i < nr_args; i++)
        arg[i] = va_arg(ap, uint64_t);
    va_end(ap);
    if (caller_is_32bit())
        for (unsigned int i = 0; i < nr_args; i++)
            if (arg[i] > UINT32_MAX)
                return -EFAULT; /* the rest of an array that goes on beyond its address space */
    if (mc->entry) {
        for (unsigned int i = 0; i < nr_args; i++)
            mc->entry->args[i] = arg[i];
        mc->restarted = true;
    } else {
        arch_hypercall_rewind(v, nr_args, arg);
    }
    return -ERESTART;
}

/* --- multicall -------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct multicall_entry) == 64, "public xen.h: of a 64-bit guest");

static long run_entry(struct vcpu *v, struct multicall_entry *e)
{
    struct multicall *mc = &this_cpu(multicall);
    long rc;

    mc->entry = e;
    mc->restarted = false;
    rc = caller_is_32bit() ? arch_hypercall_32(v, e->op, e->args)
                                    : hypercall_dispatch(v, e->op, e->args);
    mc->entry = NULL;
    return rc;
}

/*
 * The entry was interrupted: its new arguments go into the guest's array, and this multicall starts
 * again at it.
 */
static long continue_entry(struct vcpu *v, uint64_t entry, const struct multicall_entry *e,
                           uint64_t nr)
{
    if (copy_field_back(entry, e, args))
        return -EFAULT;
    return hypercall_continue(v, 2, entry, nr);
}

long hc_multicall(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t list = arg[0];
    const uint32_t nr = (uint32_t)arg[1];

    if (this_cpu(multicall).entry)
        return -EINVAL;
    for (uint32_t i = 0; i < nr; i++) {
        struct multicall_entry e;
        const uint64_t entry = arg_elem(list, i, &e);
        long rc;

        if (i > 0 && preempt_wanted())
            return hypercall_continue(v, 2, entry, (uint64_t)(nr - i));
        if (copy_arg(&e, entry))
            return -EFAULT;
        rc = run_entry(v, &e);
        if (e.op == __HYPERVISOR_iret && is_pv(v->domain))
            return rc; /* the guest is somewhere else now */
        if (rc == -ERESTART && this_cpu(multicall).restarted)
            return continue_entry(v, entry, &e, nr - i);
        e.result = (unsigned long)rc;
        if (copy_field_back(entry, &e, result))
            return -EFAULT;
    }
    return 0;
}
