/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a vcpu: made with its domain, given a context, brought up and down; the areas that it
 * registers; its timers. The vcpu_op hypercall is in vcpu_op.c.
 */
#include <arch/cpu.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/guest.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/percpu.h>
#include <hv/vcpu.h>
#include <lib/string.h>

#include "domain_priv.h"

#define PERIODIC_DEFAULT MILLISECS(10) /* the ABI's 100 Hz tick, until the guest stops it */

/* Where a vcpu's info is while it has none of its own: written, never read by a guest. */
static struct vcpu_info dummy_info = { .evtchn_upcall_mask = 1 };

bool vcpu_info_is_dummy(const struct vcpu *v) { return v->info == &dummy_info; }

/* --- timers ----------------------------------------------------------------------------------- */

static void singleshot_fired(void *data)
{
    virq_send_vcpu(data, VIRQ_TIMER);
}

static void periodic_fired(void *data)
{
    struct vcpu *v = data;

    ns_t period = read_once(v->periodic_period), now = time_now();

    if (period == 0)
        return;
    virq_send_vcpu(v, VIRQ_TIMER);
    /* Ticks keep their phase; those that are past are not made up for. */
    v->periodic_last += period * MAX((now - v->periodic_last) / period, 1);
    timer_set(&v->periodic, v->periodic_last + period);
}

static void poll_fired(void *data)
{
    struct vcpu *v = data;

    evtchn_poll_stop(v);
    if (bit_test_and_clear(&v->pause_flags, VPF_POLL))
        vcpu_wake(v);
}

void vcpu_timers_init(struct vcpu *v)
{
    timer_init(&v->singleshot, singleshot_fired, v, v->processor);
    timer_init(&v->periodic, periodic_fired, v, v->processor);
    timer_init(&v->poll, poll_fired, v, v->processor);
}

void vcpu_stop_timers(struct vcpu *v)
{
    timer_kill(&v->singleshot);
    timer_kill(&v->periodic);
    timer_kill(&v->poll);
}

void vcpu_singleshot_set(struct vcpu *v, uint64_t at)
{
    ns_t deadline = deadline_of(at);

    if (v->singleshot.cpu != v->processor)
        timer_migrate(&v->singleshot, v->processor);
    if (deadline <= time_now()) {
        timer_stop(&v->singleshot);
        virq_send_vcpu(v, VIRQ_TIMER);
    } else {
        timer_set(&v->singleshot, deadline);
    }
}

void vcpu_periodic_enter(struct vcpu *v)
{
    ns_t now;

    if (v->periodic_period == 0)
        return;
    now = time_now();
    if (v->periodic.cpu != v->processor)
        timer_migrate(&v->periodic, v->processor);
    /* ticks missed while it was off the cpu become one */
    if (now - v->periodic_last >= v->periodic_period) {
        virq_send_vcpu(v, VIRQ_TIMER);
        v->periodic_last = now - (now - v->periodic_last) % v->periodic_period;
    }
    timer_set(&v->periodic, v->periodic_last + v->periodic_period);
}

void vcpu_periodic_leave(struct vcpu *v)
{
    if (v->periodic_period != 0)
        timer_stop(&v->periodic);
}

/* --- life ------------------------------------------------------------------------------------- */

/* The cpu where a new vcpu is put: spread over the online ones. */
static unsigned int first_cpu(const struct domain *d, unsigned int id)
{
    unsigned int cpu, n;

    if (d == idle_domain)
        return id;
    cpu = cpumask_first(&cpu_online_map);
    for (n = id % cpumask_weight(&cpu_online_map); n > 0; n--)
        cpu = cpumask_next(&cpu_online_map, cpu + 1);
    return cpu;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = object_alloc(sizeof(*v));

    if (v == NULL)
        return NULL;
    v->id = id;
    v->domain = d;
    v->is_idle = d == idle_domain;
    v->processor = first_cpu(d, id);
    v->pause_flags = v->is_idle ? 0 : 1U << VPF_DOWN;
    v->info_mfn = INVALID_MFN;
    v->dirty_cpu = -1;
    v->info = &dummy_info;
    if (!v->is_idle && id < XEN_LEGACY_MAX_VCPUS) {
        v->info = &d->shared_info->vcpu_info[id];
        v->info->evtchn_upcall_mask = is_pv(d);
    }
    vcpu_timers_init(v);
    if (!v->is_idle && is_pv(d))
        v->periodic_period = PERIODIC_DEFAULT;
    if (sched_vcpu_init(v, v->processor))
        goto free;
    if (!v->is_idle && arch_vcpu_create(v))
        goto exit_sched;
    __atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
    return v;

exit_sched:
    sched_vcpu_exit(v);
free:
    object_free(v, sizeof(*v));
    return NULL;
}

void vcpu_destroy(struct vcpu *v)
{
    vcpu_stop_timers(v);
    arch_vcpu_destroy(v);
    sched_vcpu_exit(v);
    v->domain->vcpu[v->id] = NULL;
    object_free(v, sizeof(*v));
}

/*
 * Who is down changes under a lock: whoever goes down, and whoever brings up another one with
 * VCPUOP_up, SIPI or an NMI, see what the other did, and "the last one" is exact.
 */
static bool any_up(const struct domain *d) REQUIRES(d->down_lock)
{
    const struct vcpu *v;

    for_each_vcpu (d, v)
        if (!bit_test(&v->pause_flags, VPF_DOWN))
            return true;
    return false;
}

/* To VPF_DOWN alone, with VPF_HALTED, or neither. Returns what there was. */
static uint32_t set_down(struct vcpu *v, uint32_t flags) REQUIRES(v->domain->down_lock)
{
    const uint32_t both = BIT(VPF_DOWN) | BIT(VPF_HALTED);
    const uint32_t old = bits_fetch_clear(&v->pause_flags, both & ~flags);

    return old | __atomic_fetch_or(&v->pause_flags, flags, __ATOMIC_SEQ_CST);
}

int vcpu_up(struct vcpu *v)
{
    uint32_t old;

    if (!v->is_initialised)
        return -EINVAL;
    spin_lock(&v->domain->down_lock);
    old = set_down(v, 0);
    spin_unlock(&v->domain->down_lock);
    if (old & BIT(VPF_DOWN))
        vcpu_wake(v);
    return 0;
}

static void go_down(struct vcpu *v, uint32_t flags)
{
    bool last;

    spin_lock(&v->domain->down_lock);
    if ((flags & BIT(VPF_HALTED)) && read_once(v->nmi_pending)) {
        spin_unlock(&v->domain->down_lock);
        return;
    }
    set_down(v, flags);
    last = !any_up(v->domain);
    spin_unlock(&v->domain->down_lock);
    vcpu_sleep_nosync(v);
    if (last)
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

void vcpu_down(struct vcpu *v) { go_down(v, BIT(VPF_DOWN)); }
void vcpu_halt(struct vcpu *v) { go_down(v, BIT(VPF_DOWN) | BIT(VPF_HALTED)); }

void vcpu_park(struct vcpu *v)
{
    spin_lock(&v->domain->down_lock);
    set_down(v, BIT(VPF_DOWN));
    spin_unlock(&v->domain->down_lock);
    vcpu_sleep_nosync(v);
}

void vcpu_send_nmi(struct vcpu *v)
{
    bool halted;

    write_once(v->nmi_pending, true);
    spin_lock(&v->domain->down_lock);
    halted = bit_test(&v->pause_flags, VPF_HALTED);
    if (halted)
        set_down(v, 0);
    spin_unlock(&v->domain->down_lock);
    smp_mb(); /* pairs with the one in blocking: the flag, then who waits for it */
    if (halted)
        vcpu_wake(v);
    vcpu_kick(v);
    vcpu_unblock(v);
}

/* --- areas that the guest registers ----------------------------------------------------------- */

int vcpu_map_info(struct vcpu *v, gfn_t gfn, unsigned int offset)
{
    struct page *pg;
    struct vcpu_info *info;
    char *va;

    if (offset > PAGE_SIZE - sizeof(*info) || (offset & (_Alignof(struct vcpu_info) - 1)))
        return -ENXIO;
    if (!mfn_eq(v->info_mfn, INVALID_MFN))
        return -EINVAL;
    if (v != current && !bit_test(&v->pause_flags, VPF_DOWN))
        return -EINVAL; /* it may be using its old one */
    pg = arch_gfn_to_page_get(v->domain, gfn, true);
    if (pg == NULL)
        return -EINVAL;
    va = page_map_long(page_to_mfn(pg));
    if (va == NULL) {
        arch_page_put(pg, true);
        return -ENOMEM;
    }
    info = (struct vcpu_info *)(void *)(va + offset);
    if (vcpu_info_is_dummy(v)) {
        memset(info, 0, sizeof(*info));
        info->evtchn_upcall_mask = is_pv(v->domain);
    } else {
        memcpy(info, v->info, sizeof(*info));
    }
    v->info_mfn = page_to_mfn(pg);
    __atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST);
    evtchn_2l_vcpu_info_moved(v);
    return 0;
}

void vcpu_unmap_info(struct vcpu *v)
{
    const void *va = v->info;
    struct page *pg;

    if (mfn_eq(v->info_mfn, INVALID_MFN))
        return;
    pg = mfn_to_page_known(v->info_mfn);
    v->info = &dummy_info;
    v->info_mfn = INVALID_MFN;
    page_unmap_long(va);
    arch_page_put(pg, true);
}

void vcpu_runstate_to_guest(struct vcpu *v)
{
    struct vcpu_runstate_info rs;
    uint64_t addr = v->runstate_guest;

    if (addr == 0)
        return;
    vcpu_get_runstate(v, &rs);
    if (v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag)) {
        /*
         * Readers see the flag before the rest changes, and lose it after. Faults are the guest's
         * loss.
         */
        rs.state_entry_time |= XEN_RUNSTATE_UPDATE;
        if (copy_field_back(addr, &rs, state_entry_time))
            return;
        __atomic_thread_fence(__ATOMIC_RELEASE);
        if (copy_arg_back(addr, &rs))
            return;
        __atomic_thread_fence(__ATOMIC_RELEASE);
        rs.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
        if (copy_field_back(addr, &rs, state_entry_time))
            return;
    } else if (copy_arg_back(addr, &rs)) {
        return;
    }
}
