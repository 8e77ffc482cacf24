/* SPDX-License-Identifier: GPL-2.0-only */
/* The sched_op, set_timer_op and vm_assist hypercalls. public sched.h, xen.h. */
#include <arch/cpu.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/vcpu.h>

#include "domain_priv.h"

#define MAX_POLL_PORTS 128

/* --- poll ------------------------------------------------------------------------------------- */

static int poll_ready(struct vcpu *v, const struct sched_poll *p)
{
    for (unsigned int i = 0; i < p->nr_ports; i++) {
        evtchn_port_t port;

        if (copy_from_guest_i(&port, p->ports, i))
            return -EFAULT;
        if (!evtchn_port_is_valid(v->domain, port))
            return -EINVAL;
        if (evtchn_port_is_pending(v->domain, port))
            return 1;
    }
    return 0;
}

static long sched_poll(struct vcpu *v, uint64_t arg)
{
    struct sched_poll p;
    evtchn_port_t port = 0;
    int rc;

    if (copy_arg(&p, arg))
        return -EFAULT;
    if (p.nr_ports > MAX_POLL_PORTS)
        return -EINVAL;
    if (p.nr_ports == 1 && copy_from_guest(&port, p.ports))
        return -EFAULT;
    bit_test_and_set(&v->pause_flags, VPF_POLL);
    evtchn_poll_start(v, p.nr_ports == 1 ? port : EVTCHN_FIFO_PORTS);
    rc = vcpu_event_deliverable(v) ? 1 : poll_ready(v, &p);
    if (rc != 0) {
        evtchn_poll_stop(v);
        bit_test_and_clear(&v->pause_flags, VPF_POLL);
        return rc < 0 ? rc : 0;
    }
    if (v->poll.cpu != v->processor)
        timer_migrate(&v->poll, v->processor);
    /* an earlier poll's ends here */
    timer_set(&v->poll, p.timeout ? deadline_of(p.timeout) : NS_NEVER);
    vcpu_sleep_nosync(v);
    return 0;
}

/* --- shutdown and watchdog -------------------------------------------------------------------- */

static long remote_shutdown(struct vcpu *v, uint64_t arg)
{
    struct sched_remote_shutdown r;
    struct domain *d;

    if (!v->domain->is_privileged)
        return -EPERM;
    if (copy_arg(&r, arg))
        return -EFAULT;
    if (r.reason > SHUTDOWN_MAX)
        return -EINVAL;
    d = domain_get_target(r.domain_id);
    if (d == NULL)
        return -ESRCH;
    domain_shutdown(d, r.reason);
    domain_put(d);
    return 0;
}

static void watchdog_fired(void *data)
{
    struct domain *d = data;

    log_warn("d%d: watchdog fired", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

void domain_watchdog_init(struct domain *d)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_init(&d->watchdog[i], watchdog_fired, d, 0);
}

void domain_watchdog_exit(struct domain *d)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_kill(&d->watchdog[i]);
}

/* id 0 asks for a new one; timeout in seconds, 0 stops. */
static long watchdog(struct domain *d, uint64_t arg)
{
    struct sched_watchdog w;
    unsigned int id;

    if (copy_arg(&w, arg))
        return -EFAULT;
    if (w.id > ARRAY_SIZE(d->watchdog) || w.timeout > INT32_MAX)
        return -EINVAL;
    spin_lock(&d->life_lock);
    id = w.id;
    if (id == 0) {
        if (w.timeout == 0) {
            spin_unlock(&d->life_lock);
            return -EINVAL;
        }
        while (id < ARRAY_SIZE(d->watchdog) && (d->watchdog_inuse & BIT(id)))
            id++;
        if (id == ARRAY_SIZE(d->watchdog)) {
            spin_unlock(&d->life_lock);
            return -ENOSPC;
        }
        d->watchdog_inuse |= 1U << id++;
    } else if (!(d->watchdog_inuse & BIT(id - 1))) {
        spin_unlock(&d->life_lock);
        return -EINVAL;
    }
    if (w.timeout == 0)
        d->watchdog_inuse &= ~(1U << (id - 1));
    spin_unlock(&d->life_lock);
    if (w.timeout == 0)
        timer_stop(&d->watchdog[id - 1]);
    else
        timer_set(&d->watchdog[id - 1], time_now() + SECONDS(w.timeout));
    return w.id == 0 ? (long)id : 0;
}

static long shutdown(struct vcpu *v, uint64_t arg, bool code_only)
{
    struct sched_shutdown s;

    if (copy_arg(&s, arg))
        return -EFAULT;
    if (s.reason > SHUTDOWN_MAX)
        return -EINVAL;
    if (!code_only) {
        domain_shutdown(v->domain, s.reason);
        return 0;
    }
    spin_lock(&v->domain->life_lock); /* what a later shutdown will be called */
    if (!read_once(v->domain->is_shutting_down))
        write_once(v->domain->shutdown_code, s.reason);
    spin_unlock(&v->domain->life_lock);
    return 0;
}

static long pin_override(struct vcpu *v, uint64_t arg)
{
    struct sched_pin_override p;

    if (!v->domain->is_hardware)
        return -EPERM;
    if (copy_arg(&p, arg))
        return -EFAULT;
    return vcpu_pin_override(v, p.pcpu);
}

/* --- dispatch --------------------------------------------------------------------------------- */

long hc_sched_op(struct vcpu *v, const uint64_t arg[])
{
    switch ((uint32_t)arg[0]) {
    case SCHEDOP_yield:
        return vcpu_yield();
    case SCHEDOP_block:
        v->info->evtchn_upcall_mask = 0;
        vcpu_block();
        return 0;
    case SCHEDOP_shutdown:
        return shutdown(v, arg[1], false);
    case SCHEDOP_poll:
        return sched_poll(v, arg[1]);
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(v, arg[1]);
    case SCHEDOP_shutdown_code:
        return shutdown(v, arg[1], true);
    case SCHEDOP_watchdog:
        return watchdog(v->domain, arg[1]);
    case SCHEDOP_pin_override:
        return pin_override(v, arg[1]);
    default:
        return -ENOSYS;
    }
}

long hc_set_timer_op(struct vcpu *v, const uint64_t arg[])
{
    /* the one 64-bit argument of a call: of a 32-bit caller, two, the low half first */
    const uint64_t at = caller_is_32bit() ? arg[0] | arg[1] << 32 : arg[0];

    if (at == 0)
        timer_stop(&v->singleshot);
    else
        vcpu_singleshot_set(v, at);
    return 0;
}

long hc_vm_assist(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t pv = BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_writable_pagetables) |
                        BIT(VMASST_TYPE_runstate_update_flag) |
                        BIT(VMASST_TYPE_architectural_iopl) | BIT(VMASST_TYPE_m2p_strict);
    const uint64_t valid = is_pv(v->domain) ? pv : BIT(VMASST_TYPE_runstate_update_flag);
    uint32_t cmd = (uint32_t)arg[0], type = (uint32_t)arg[1];

    if (type >= 64 || !(valid & BIT(type)))
        return -EINVAL;
    switch (cmd) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&v->domain->vm_assist, BIT(type), __ATOMIC_SEQ_CST);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&v->domain->vm_assist, ~BIT(type), __ATOMIC_SEQ_CST);
        return 0;
    default:
        return -ENOSYS;
    }
}
