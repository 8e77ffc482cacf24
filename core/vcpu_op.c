/* SPDX-License-Identifier: GPL-2.0-only */
/* The vcpu_op hypercall: a guest manages its own vcpus. public vcpu.h. */
#include <arch/cpu.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>
#include <hv/platform.h>
#include <hv/vcpu.h>

#define MIN_PERIOD MILLISECS(1)

typedef long vcpu_op_fn(struct vcpu *v, uint64_t arg);

static long op_initialise(struct vcpu *v, uint64_t arg)
{
    long rc;

    if (vcpu_info_is_dummy(v))
        return -EINVAL;
    /*
     * Reading the context may fault, so no lock: a flag keeps others out. The vcpu is down and
     * needs no wake-up after.
     */
    if (bit_test_and_set(&v->pause_flags, VPF_INITIALISING))
        return -EBUSY;
    rc = v->is_initialised ? -EEXIST : arch_vcpu_initialise(v, arg);
    bit_test_and_clear(&v->pause_flags, VPF_INITIALISING);
    return rc == -ERESTART
               ? hypercall_continue(current, 3, (uint64_t)VCPUOP_initialise, (uint64_t)v->id, arg)
               : rc;
}

static long op_up(struct vcpu *v, uint64_t arg) { return vcpu_up(v); }

static long op_down(struct vcpu *v, uint64_t arg)
{
    vcpu_down(v);
    return 0;
}

static long op_is_up(struct vcpu *v, uint64_t arg) { return !bit_test(&v->pause_flags, VPF_DOWN); }

static long op_get_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info rs;

    vcpu_get_runstate(v, &rs);
    return copy_arg_back(arg, &rs) ? -EFAULT : 0;
}

static long op_register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_runstate_memory_area area;
    struct vcpu_runstate_info rs;

    if (copy_arg(&area, arg))
        return -EFAULT;
    vcpu_get_runstate(v, &rs);
    if (area.addr.p != 0 && copy_arg_back(area.addr.p, &rs))
        return -EFAULT;
    v->runstate_guest = area.addr.p;
    return 0;
}

static long op_set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer set;

    if (copy_arg(&set, arg))
        return -EFAULT;
    if (set.period_ns < (uint64_t)MIN_PERIOD || set.period_ns > (uint64_t)SECONDS(3600 * 24))
        return -EINVAL;
    v->periodic_last = time_now();
    write_once(v->periodic_period, (ns_t)set.period_ns);
    if (v == current) /* another one's starts when it next comes to a cpu */
        vcpu_periodic_enter(v);
    return 0;
}

static long op_stop_periodic(struct vcpu *v, uint64_t arg)
{
    write_once(v->periodic_period, 0);
    timer_stop(&v->periodic);
    return 0;
}

static long op_set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer set;

    if (v != current)
        return -EINVAL;
    if (copy_arg(&set, arg))
        return -EFAULT;
    /* a past one fires at once: kernels take an error for a bug */
    vcpu_singleshot_set(v, set.timeout_abs_ns);
    return 0;
}

static long op_stop_singleshot(struct vcpu *v, uint64_t arg)
{
    if (v != current)
        return -EINVAL;
    timer_stop(&v->singleshot);
    return 0;
}

static long op_register_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info r;
    int rc;

    if (copy_arg(&r, arg))
        return -EFAULT;
    spin_lock(&v->domain->life_lock);
    rc = vcpu_map_info(v, _gfn(r.mfn), r.offset);
    spin_unlock(&v->domain->life_lock);
    return rc;
}

static long op_register_time(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_time_memory_area area;

    if (copy_arg(&area, arg))
        return -EFAULT;
    if (area.addr.p != 0 && !guest_range_ok(area.addr.p, sizeof(struct vcpu_time_info)))
        return -EFAULT;
    v->time_guest = area.addr.p;
    if (v == current)
        time_update_vcpu(v);
    return 0;
}

static long op_send_nmi(struct vcpu *v, uint64_t arg)
{
    vcpu_send_nmi(v);
    return 0;
}

/* Only meaningful, and only said, where dom0's vcpus are pinned one to one; we do not pin them. */
static long op_get_physid(struct vcpu *v, uint64_t arg) { return -EINVAL; }

static vcpu_op_fn *const ops[] = {
    [VCPUOP_initialise] = op_initialise,
    [VCPUOP_up] = op_up,
    [VCPUOP_down] = op_down,
    [VCPUOP_is_up] = op_is_up,
    [VCPUOP_get_runstate_info] = op_get_runstate,
    [VCPUOP_register_runstate_memory_area] = op_register_runstate,
    [VCPUOP_set_periodic_timer] = op_set_periodic,
    [VCPUOP_stop_periodic_timer] = op_stop_periodic,
    [VCPUOP_set_singleshot_timer] = op_set_singleshot,
    [VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
    [VCPUOP_register_vcpu_info] = op_register_info,
    [VCPUOP_send_nmi] = op_send_nmi,
    [VCPUOP_get_physid] = op_get_physid,
    [VCPUOP_register_vcpu_time_memory_area] = op_register_time,
};

long hc_vcpu_op(struct vcpu *caller, const uint64_t arg[])
{
    const struct domain *d = caller->domain;
    uint32_t op = (uint32_t)arg[0], id = (uint32_t)arg[1];
    struct vcpu *v = domain_vcpu(d, id);

    if (v == NULL)
        return -ENOENT;
    if (op >= ARRAY_SIZE(ops))
        return -ENOSYS;
    op = (uint32_t)index_nospec(op, ARRAY_SIZE(ops));
    return ops[op] ? ops[op](v, arg[2]) : -ENOSYS;
}
