/* SPDX-License-Identifier: GPL-2.0-only */
/* The platform_op hypercall: what dom0's kernel asks of the machine below it. public platform.h. */
#include "priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/platform.h>
#include <hv/time.h>

static long set_time(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    if (nsecs >= 1000000000U)
        return -EINVAL;
    time_set_wallclock(secs, nsecs, (ns_t)system_time);
    return 0;
}

static long cpu_info(struct xenpf_pcpuinfo *ci)
{
    struct arch_cpu_ids ids;

    ci->max_present = nr_cpu_ids - 1;
    ci->flags = XEN_PCPU_FLAGS_INVALID;
    if (arch_cpu_ids(ci->xen_cpuid, &ids)) {
        ci->flags = ids.online ? XEN_PCPU_FLAGS_ONLINE : 0;
        ci->apic_id = ids.apic_id;
        ci->acpi_id = ids.acpi_id;
    }
    return 0;
}

long hc_platform_op(struct vcpu *v, const uint64_t arg[])
{
    struct xen_platform_op op;
    long rc;

    if (!v->domain->is_hardware || caller_is_32bit())
        return -EPERM;
    if (copy_arg(&op, arg[0]))
        return -EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    switch (op.cmd) {
    case XENPF_settime32:
        return set_time(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
    case XENPF_settime64:
        return op.u.settime64.mbz ? -EINVAL
                                  : set_time(op.u.settime64.secs, op.u.settime64.nsecs,
                                             op.u.settime64.system_time);
    case XENPF_get_cpuinfo:
        rc = cpu_info(&op.u.pcpu_info);
        return rc == 0 && copy_arg_back(arg[0], &op) ? -EFAULT : rc;
    case XENPF_enter_acpi_sleep:
        return arch_enter_sleep(op.u.enter_acpi_sleep.sleep_state, op.u.enter_acpi_sleep.val_a,
                                op.u.enter_acpi_sleep.val_b, op.u.enter_acpi_sleep.flags);
    default:
        return -ENOSYS;
    }
}
