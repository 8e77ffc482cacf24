/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens to a domain while it lives: pause, shutdown, resume, crash, kill. Pauses are
 * counted; a vcpu runs only when its own count, its domain's and its flags are all clear. Death is
 * a sequence of preemptible steps, each of which may be called again.
 */
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <lib/format.h>

#include "domain_priv.h"

#define MAX_CONTROLLER_PAUSES 254

/* --- pause ------------------------------------------------------------------------------------ */

void vcpu_pause_nosync(struct vcpu *v)
{
    count_inc(&v->pause_count);
    vcpu_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v)
{
    ASSERT(v != current);
    count_inc(&v->pause_count);
    vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (count_dec(&v->pause_count) == 0)
        vcpu_wake(v);
}

void domain_pause_nosync(struct domain *d)
{
    struct vcpu *v;

    count_inc(&d->pause_count);
    for_each_vcpu (d, v)
        vcpu_sleep_nosync(v);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    ASSERT(d != current->domain);
    domain_pause_nosync(d); /* all on their way before we wait for the first */
    for_each_vcpu (d, v)
        vcpu_sleep_sync(v);
    arch_domain_paused(d);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (count_dec(&d->pause_count) != 0)
        return;
    arch_domain_unpaused(d);
    for_each_vcpu (d, v)
        vcpu_wake(v);
}

int domain_pause_by_controller(struct domain *d)
{
    bool first;

    spin_lock(&d->life_lock);
    if (d->controller_pause_count >= MAX_CONTROLLER_PAUSES) {
        spin_unlock(&d->life_lock);
        return -EUSERS;
    }
    first = d->controller_pause_count++ == 0;
    spin_unlock(&d->life_lock);
    if (first)
        domain_pause(d);
    return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
    bool last;

    spin_lock(&d->life_lock);
    if (d->controller_pause_count == 0) {
        spin_unlock(&d->life_lock);
        return -EINVAL;
    }
    last = --d->controller_pause_count == 0;
    d->creation_finished = true;
    spin_unlock(&d->life_lock);
    if (last)
        domain_unpause(d);
    return 0;
}

/* --- shutdown --------------------------------------------------------------------------------- */

/*
 * A domain may be shut down or crashed from anywhere, with locks held: it stops at once, and what
 * needs locks of its own (telling the toolstack, switching the machine off) follows from a softirq.
 */
static void tell_shutdown(void *data)
{
    if (dom0 && dom0->is_hardware && read_once(dom0->is_shut_down))
        arch_machine_shutdown(dom0->shutdown_code);
    virq_send_global(VIRQ_DOM_EXC);
}

static struct tasklet shutdown_tasklet = { .fn = tell_shutdown };

static void stop(struct domain *d)
{
    domain_pause_nosync(d); /* until it is resumed or killed */
    write_once(d->settling, SETTLING_NO);
    __atomic_store_n(&d->is_shut_down, true, __ATOMIC_SEQ_CST);
    tasklet_schedule(&shutdown_tasklet);
}

/* One comes first. */
static bool ends_settling(struct domain *d)
{
    uint8_t expected = SETTLING;

    return __atomic_compare_exchange_n(&d->settling, &expected, SETTLED, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/*
 * A domain that is to go on elsewhere first gets the answers that its vcpus wait for: its device
 * model has done what it was asked, and would do it twice if the instruction started anew. It
 * settles: no vcpu runs that has no access under way (vcpu_runnable()), and each that leaves its
 * cpu looks whether it was the last one. Of two at once one sees the other, by the fence.
 */
static void settle(struct domain *d)
{
    struct vcpu *v;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for_each_vcpu (d, v)
        if (__atomic_load_n(&v->sched.is_running, __ATOMIC_ACQUIRE) || read_once(v->unfinished))
            return;
    if (ends_settling(d))
        stop(d);
}

static void start_settling(struct domain *d)
{
    struct vcpu *v;

    __atomic_store_n(&d->settling, SETTLING, __ATOMIC_SEQ_CST);
    for_each_vcpu (d, v)
        vcpu_sleep_nosync(v);
    settle(d);
}

/* Only its memory is sure to be there yet; the table has it, or it is about to be freed. */
void domain_vcpu_left(struct domain *d)
{
    if (likely(read_once(d->settling) != SETTLING))
        return;
    d = domain_get_by_id(d->id);
    if (!d)
        return;
    settle(d);
    domain_put(d);
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
    uint32_t none = ~0U;

    if (__atomic_exchange_n(&d->is_shutting_down, true, __ATOMIC_SEQ_CST)) {
        /* A crash waits for no answers. */
        if (reason == SHUTDOWN_crash && ends_settling(d)) {
            write_once(d->shutdown_code, reason);
            stop(d);
        }
        return;
    }
    /* A code that SCHEDOP_shutdown_code has latched wins. */
    __atomic_compare_exchange_n(&d->shutdown_code, &none, reason, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_RELAXED);
    if (reason == SHUTDOWN_suspend && is_hvm(d))
        start_settling(d);
    else
        stop(d);
}

void domain_resume(struct domain *d)
{
    if (!__atomic_exchange_n(&d->is_shut_down, false, __ATOMIC_SEQ_CST))
        return;
    write_once(d->shutdown_code, ~0U);
    __atomic_store_n(&d->is_shutting_down, false, __ATOMIC_SEQ_CST);
    domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[160];
    va_list ap;

    if (read_once(d->is_shutting_down) && read_once(d->settling) != SETTLING)
        return;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    log_err("d%u crashed: %s", d->id, why);
    if (d == current->domain)
        arch_dump_vcpu(current);
    domain_shutdown(d, SHUTDOWN_crash);
}

/* --- death ------------------------------------------------------------------------------------ */

/* Once: nothing of it runs any more. */
static void start_dying(struct domain *d)
{
    struct vcpu *v;

    spin_lock(&d->life_lock);
    if (d->state != DOM_ALIVE) {
        spin_unlock(&d->life_lock);
        return;
    }
    d->state = DOM_DYING;
    spin_unlock(&d->life_lock);
    domain_pause(d);
    BUG_ON(domain_claim_pages(d, 0)); /* taking back does not fail */
    domain_watchdog_exit(d);
    for_each_vcpu (d, v) {
        vcpu_stop_timers(v);
        arch_sync_vcpu(v);
    }
}

static int relinquish(struct domain *d)
{
    struct vcpu *v;
    int rc = evtchn_close_all(d);

    if (rc == 0)
        rc = gnttab_release_mappings(d);
    if (rc)
        return rc;
    for_each_vcpu (d, v)
        vcpu_unmap_info(v);
    return arch_domain_relinquish(d);
}

int domain_kill(struct domain *d)
{
    int rc;

    if (d == current->domain)
        return -EINVAL;
    if (d->state == DOM_DEAD)
        return 0;
    start_dying(d);
    rc = relinquish(d);
    if (rc)
        return rc;
    page_unshare(d->shared_info);
    spin_lock(&d->life_lock);
    d->state = DOM_DEAD;
    spin_unlock(&d->life_lock);
    virq_send_global(VIRQ_DOM_EXC);
    domain_put(d); /* the table's */
    return 0;
}
