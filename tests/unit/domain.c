/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/domain.c core/domain_life.c core/vcpu.c core/vcpu_op.c core/sched_op.c */
/* links: core/rangeset.c core/compat.c core/timer.c core/softirq.c core/lock.c */
/*
 * The life of domains and vcpus and the hypercalls on them. Scheduler, event channels, grants and
 * the architecture are pretended: they count what they are asked for, and fail where the case says
 * so.
 */
#include <setjmp.h>
#include <stdlib.h>

#include <arch/cpu.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/vcpu.h>
#include <xen/domctl.h>

#include "check.h"

struct vcpu *host_current[64];
unsigned int host_cpu;
cpumask_t cpu_online_map = { { 1 } };
unsigned int nr_cpu_ids = 1;

static ns_t now = 1000;
static ns_t hw = NS_NEVER;
static unsigned int live;        /* allocations */
static int fail_after = -1;      /* allocations that still succeed; -1: all */
static unsigned int wakes, sleeps, syncs, kicks, dom_exc, timer_virqs, parts, shared, restarts,
    moved, conts;
static bool deliverable, port_pending;
static int arch_create_rc, arch_init_rc;
static unsigned int machine_reason;
static jmp_buf machine_gone;
static struct page info_page;
static _Alignas(4096) char info_bytes[4096];
static unsigned int info_refs;

/* --- pretended parts -------------------------------------------------------------------------- */

void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}
void log_print(enum log_level level, const char *fmt, ...) {}
void guest_log(enum log_level level, const char *fmt, ...) {}
ns_t time_now(void) { return now; }
void arch_timer_program(ns_t deadline) { hw = deadline; }
void arch_domain_paused(struct domain *d) {}
void arch_domain_unpaused(struct domain *d) {}
void smp_kick(unsigned int cpu) {}
void cpu_wait(void) { abort(); }
void smp_call(const cpumask_t *mask, void (*fn)(void *), void *data) { fn(data); }

static void *allocate(size_t size)
{
    if (fail_after == 0)
        return NULL;
    if (fail_after > 0)
        fail_after--;
    live++;
    return calloc(1, size);
}
void *hv_alloc(size_t size) { return size > PAGE_SIZE ? NULL : allocate(size); }
void *hv_page_alloc(unsigned int order) { return allocate(PAGE_SIZE << order); }
void hv_free(void *p)
{
    live -= p != NULL;
    free(p);
}
void hv_page_free(void *p, unsigned int order)
{
    if (!p)
        abort();
    hv_free(p);
}
bool page_owner_prepare(uint16_t id) { return true; }
void page_list_init(struct page_list *l) { l->nr = 0; }
void page_share_with(void *va, struct domain *d, bool writable)
{
    shared++;
    domain_get(d); /* a shared page keeps its domain */
}
int domain_claim_pages(struct domain *d, uint64_t nr)
{
    CHECK_EQ(nr, 0); /* a dying domain takes its claim back */
    d->outstanding_pages = 0;
    return 0;
}
void page_unshare(void *va)
{
    shared--;
    domain_put(domain_peek(3));
}
struct page *mfn_to_page_known(mfn_t mfn) { return &info_page; }
mfn_t page_to_mfn(const struct page *pg) { return _mfn(77); }
void *page_map(mfn_t mfn) { return info_bytes; }
void page_unmap(const void *va) {}
void *page_map_long(mfn_t mfn) { return page_map(mfn); }
void page_unmap_long(const void *va) {}
struct page *arch_gfn_to_page_get(struct domain *d, gfn_t gfn, bool writable)
{
    if (gfn.n != 5 || !writable)
        return NULL;
    info_refs++;
    return &info_page;
}
void arch_page_put(struct page *pg, bool writable) { info_refs--; }

int sched_domain_init(struct domain *d, unsigned int pool)
{
    if (pool)
        return -ENOENT;
    parts++;
    return 0;
}
void sched_domain_exit(struct domain *d) { parts--; }
int sched_vcpu_init(struct vcpu *v, unsigned int cpu) { return 0; }
void sched_vcpu_exit(struct vcpu *v) {}
void vcpu_wake(struct vcpu *v) { wakes++; }
void vcpu_sleep_nosync(struct vcpu *v) { sleeps++; }
void vcpu_sleep_sync(struct vcpu *v) { syncs++; }
void vcpu_kick(struct vcpu *v) { kicks++; }
void vcpu_block(void) {}
long vcpu_yield(void) { return 0; }
int vcpu_pin_override(struct vcpu *v, int cpu) { return 0; }
void vcpu_unblock(struct vcpu *v)
{
    if (bits_fetch_clear(&v->pause_flags, (1U << VPF_BLOCKED) | (1U << VPF_POLL)))
        vcpu_wake(v);
}
void vcpu_get_runstate(struct vcpu *v, struct vcpu_runstate_info *out)
{
    *out = (struct vcpu_runstate_info){ .state_entry_time = 5, .time = { 1, 2, 3, 4 } };
}

int evtchn_init(struct domain *d, port_t max)
{
    if (max == 666)
        return -ENOMEM;
    parts++;
    return 0;
}
void evtchn_exit(struct domain *d) { parts--; }
static int maybe_restart(void) { return restarts && restarts-- ? -ERESTART : 0; }
int evtchn_close_all(struct domain *d) { return maybe_restart(); }
void evtchn_poll_start(struct vcpu *v, port_t port) { v->poll_port = port; }
void evtchn_poll_stop(struct vcpu *v) { v->poll_port = 0; }
bool evtchn_port_is_valid(const struct domain *d, port_t port) { return port < 100; }
bool evtchn_port_is_pending(struct domain *d, port_t port) { return port_pending; }
bool vcpu_event_deliverable(struct vcpu *v) { return deliverable; }
void evtchn_2l_vcpu_info_moved(struct vcpu *v) { moved++; }
void virq_send_global(unsigned int virq) { dom_exc += virq == VIRQ_DOM_EXC; }
void virq_send_vcpu(struct vcpu *v, unsigned int virq) { timer_virqs += virq == VIRQ_TIMER; }
int gnttab_init(struct domain *d, unsigned int frames, unsigned int maptrack, unsigned int version)
{
    if (frames == 13)
        return -ENOMEM;
    CHECK(frames == 64 && maptrack == 1024);
    parts++;
    return 0;
}
unsigned int gnttab_default_frames(void) { return 64; }
unsigned int gnttab_default_maptrack(void) { return 1024; }
void gnttab_exit(struct domain *d) { parts--; }
int gnttab_release_mappings(struct domain *d) { return maybe_restart(); }
int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    parts += !arch_create_rc;
    return arch_create_rc;
}
void arch_domain_destroy(struct domain *d) { parts--; }
int arch_domain_relinquish(struct domain *d) { return maybe_restart(); }
int arch_vcpu_create(struct vcpu *v) { return arch_create_rc; }
void arch_vcpu_destroy(struct vcpu *v) {}
void arch_sync_vcpu(struct vcpu *v) {}
void arch_dump_vcpu(struct vcpu *v) {}
int arch_vcpu_initialise(struct vcpu *v, uint64_t arg)
{
    CHECK(bit_test(&v->pause_flags, VPF_INITIALISING));
    v->is_initialised = !arch_init_rc;
    return arch_init_rc;
}
void arch_machine_shutdown(unsigned int reason)
{
    machine_reason = reason;
    longjmp(machine_gone, 1);
}
void time_update_wallclock(struct domain *d) {}
void time_update_vcpu(struct vcpu *v) {}
long hypercall_continue(struct vcpu *v, unsigned int nr, ...)
{
    conts++;
    return -ERESTART;
}
/* Guest memory is ours, without the first page. */
bool guest_range_ok(uint64_t addr, size_t n) { return true; }
int guest_read(void *dst, uint64_t addr, size_t n)
{
    CHECK_EQ(locks_held(), 0);
    if (addr < 4096)
        return -EFAULT;
    memcpy(dst, (void *)addr, n);
    return 0;
}
int guest_write(uint64_t addr, const void *src, size_t n)
{
    if (addr < 4096)
        return -EFAULT;
    memcpy((void *)addr, src, n);
    return 0;
}

/* --- the cases' tools ------------------------------------------------------------------------- */

static const struct xen_domctl_createdomain good = {
    .max_vcpus = 40, .max_evtchn_port = 1023, .max_grant_frames = -1, .max_maptrack_frames = -1,
    .grant_opts = 2,
};

static struct domain *make(domid_t id, unsigned int vcpus)
{
    struct domain *d = NULL;

    if (domain_create(&d, id, &good, false))
        abort();
    for (unsigned int i = 0; i < vcpus; i++)
        if (!vcpu_create(d, i))
            abort();
    return d;
}

static void destroy(struct domain *d)
{
    struct vcpu *back = current;
    struct vcpu nobody = { .domain = idle_domain };

    current = &nobody;
    if (domain_kill(d))
        abort();
    softirq_process();
    current = back;
}

static long op(struct vcpu *v, uint64_t cmd, uint64_t id, void *arg)
{
    const uint64_t a[6] = { cmd, id, (uint64_t)(uintptr_t)arg };

    return hc_vcpu_op(v, a);
}

static long sched(struct vcpu *v, uint64_t cmd, void *arg)
{
    const uint64_t a[6] = { cmd, (uint64_t)(uintptr_t)arg };

    return hc_sched_op(v, a);
}

static void pass_time(ns_t t)
{
    now += t;
    if (hw <= now) {
        hw = NS_NEVER;
        timer_interrupt();
    }
    softirq_process();
}

static void creation(void)
{
    struct domain *d = NULL, *other;

    TEST("a bad configuration is refused")
    {
        struct xen_domctl_createdomain c = good;

        c.max_vcpus = 0;
        CHECK_EQ(domain_create(&d, 3, &c, false), -EINVAL);
        c.max_vcpus = MAX_VCPUS + 1;
        CHECK_EQ(domain_create(&d, 3, &c, false), -EINVAL);
        CHECK_EQ(domain_create(&d, DOMID_SELF, &good, false), -EINVAL);
        c = good;
        c.cpupool_id = 1;
        CHECK_EQ(domain_create(&d, 3, &c, false), -ENOENT);
        softirq_process();
    }
    TEST("what was made is given back when a later part fails")
    {
        struct xen_domctl_createdomain c = good;
        unsigned int before = live, told = dom_exc;

        c.max_evtchn_port = 666;
        CHECK_EQ(domain_create(&d, 3, &c, false), -ENOMEM);
        c = good;
        c.max_grant_frames = 13;
        CHECK_EQ(domain_create(&d, 3, &c, false), -ENOMEM);
        arch_create_rc = -EOPNOTSUPP;
        CHECK_EQ(domain_create(&d, 3, &good, false), -EOPNOTSUPP);
        arch_create_rc = 0;
        softirq_process();
        CHECK_EQ(parts, 0);
        CHECK_EQ(live, before);
        CHECK_EQ(dom_exc, told); /* nobody knew of it */
    }
    TEST("each allocation may fail")
    {
        unsigned int before, n;

        destroy(make(3, 2)); /* the table's chunk stays */
        before = live;
        for (n = 0; n < 20; n++) {
            fail_after = (int)n;
            if (domain_create(&d, 3, &good, false) == 0)
                break;
            fail_after = -1;
            softirq_process();
            CHECK_EQ(live, before);
            CHECK_EQ(parts, 0);
        }
        CHECK(n >= 6 && n < 20);
        fail_after = 0;
        CHECK(vcpu_create(d, 0) == NULL && d->vcpu[0] == NULL);
        fail_after = -1;
        arch_create_rc = -ENOMEM;
        CHECK(vcpu_create(d, 0) == NULL && d->vcpu[0] == NULL);
        arch_create_rc = 0;
        destroy(d);
        CHECK_EQ(live, before);
        CHECK_EQ(parts, 0);
        CHECK_EQ(shared, 0);
    }
    TEST("a new domain is paused, its vcpus are down")
    {
        d = make(3, 40);
        CHECK(d->state == DOM_ALIVE && d->pause_count == 1 && d->controller_pause_count == 1);
        CHECK(!d->creation_finished && d->max_pages == 0 && is_pv(d));
        CHECK(bit_test(&d->vcpu[0]->pause_flags, VPF_DOWN) && !d->vcpu[0]->is_initialised);
        CHECK(d->vcpu[31]->info == &d->shared_info->vcpu_info[31]);
        CHECK_EQ(d->vcpu[31]->info->evtchn_upcall_mask, 1);
        CHECK(vcpu_info_is_dummy(d->vcpu[32]));
    }
    TEST("domains are found by id, with a reference")
    {
        CHECK_EQ(domain_create(&other, 3, &good, false), -EEXIST);
        CHECK(domain_get_by_id(3) == d && d->refs == 3);
        domain_put(d);
        CHECK(domain_get_by_id(4) == NULL && domain_get_by_id(DOMID_XEN) == NULL);
        CHECK(domain_peek(DOMID_XEN) == dom_xen && domain_peek(DOMID_IO) == dom_io);
        CHECK(domain_get_at_or_after(0) == d && domain_get_at_or_after(3) == d);
        CHECK(domain_get_at_or_after(4) == NULL);
        current = d->vcpu[0];
        CHECK(domain_get_target(DOMID_SELF) == d && d->refs == 5);
        for (unsigned int i = 0; i < 3; i++)
            domain_put(d);
        destroy(d);
    }
}

static void life(void)
{
    struct vcpu nobody = { .domain = idle_domain };
    struct domain *d = make(3, 2);

    current = &nobody;
    TEST("controller pauses are counted and limited")
    {
        CHECK_EQ(domain_unpause_by_controller(d), 0);
        CHECK(d->pause_count == 0 && d->creation_finished);
        CHECK_EQ(domain_unpause_by_controller(d), -EINVAL);
        for (unsigned int i = 0; i < 254; i++)
            CHECK_EQ(domain_pause_by_controller(d), 0);
        CHECK_EQ(domain_pause_by_controller(d), -EUSERS);
        for (unsigned int i = 0; i < 254; i++)
            CHECK_EQ(domain_unpause_by_controller(d), 0);
        CHECK_EQ(d->pause_count, 0);
    }
    TEST("a shutdown stops the domain, tells once, and is undone by resume")
    {
        dom_exc = 0;
        domain_shutdown(d, SHUTDOWN_suspend);
        CHECK(d->is_shut_down && d->pause_count == 1 && dom_exc == 0);
        domain_shutdown(d, SHUTDOWN_crash);
        CHECK(d->shutdown_code == SHUTDOWN_suspend && d->pause_count == 1);
        softirq_process();
        CHECK_EQ(dom_exc, 1);
        domain_resume(d);
        CHECK(!d->is_shut_down && !d->is_shutting_down && d->pause_count == 0 &&
              d->shutdown_code == ~0U);
        domain_resume(d);
        CHECK_EQ(d->pause_count, 0);
    }
    TEST("an HVM domain that is to go on elsewhere settles first")
    {
        dom_exc = 0;
        d->kind = 2;
        d->vcpu[0]->sched.is_running = true;
        d->vcpu[1]->unfinished = true;
        sleeps = 0;
        domain_shutdown(d, SHUTDOWN_suspend);
        CHECK(d->is_shutting_down && !d->is_shut_down && d->pause_count == 0 && sleeps == 2);
        d->vcpu[0]->sched.is_running = false;
        domain_vcpu_left(d);
        CHECK(!d->is_shut_down); /* the other one waits for an answer */
        d->vcpu[1]->unfinished = false;
        d->vcpu[1]->sched.is_running = true;
        domain_vcpu_left(d);
        CHECK(!d->is_shut_down);
        d->vcpu[1]->sched.is_running = false;
        domain_vcpu_left(d);
        domain_vcpu_left(d);
        CHECK(d->is_shut_down && d->pause_count == 1 && d->settling == SETTLING_NO);
        CHECK_EQ(d->shutdown_code, SHUTDOWN_suspend);
        softirq_process();
        CHECK_EQ(dom_exc, 1);
        domain_resume(d);
        CHECK(!d->is_shutting_down && d->pause_count == 0);
    }
    TEST("at once if nothing is under way, and in a crash; other reasons do not wait")
    {
        domain_shutdown(d, SHUTDOWN_suspend);
        CHECK(d->is_shut_down && d->pause_count == 1);
        domain_resume(d);
        d->vcpu[0]->unfinished = true;
        domain_shutdown(d, SHUTDOWN_poweroff);
        CHECK(d->is_shut_down && d->settling == SETTLING_NO);
        domain_resume(d);
        domain_shutdown(d, SHUTDOWN_suspend);
        domain_crash(d, "its device model");
        CHECK(d->is_shut_down && d->pause_count == 1 && d->shutdown_code == SHUTDOWN_crash);
        domain_vcpu_left(d);
        CHECK_EQ(d->pause_count, 1);
        domain_resume(d);
        d->vcpu[0]->unfinished = false;
        d->kind = 1;
        softirq_process();
    }
    TEST("a crash may come with locks held")
    {
        DEFINE_SPINLOCK(lock, RANK_PAGE_LIST);

        dom_exc = 0;
        spin_lock(&lock);
        domain_crash(d, "for %s", "a test");
        spin_unlock(&lock);
        softirq_process();
        CHECK(d->shutdown_code == SHUTDOWN_crash && dom_exc == 1);
        domain_resume(d);
    }
    TEST("a latched code is what a shutdown reports")
    {
        struct sched_shutdown s = { .reason = SHUTDOWN_watchdog };

        CHECK_EQ(sched(d->vcpu[0], SCHEDOP_shutdown_code, &s), 0);
        CHECK(!d->is_shut_down);
        s.reason = SHUTDOWN_poweroff;
        CHECK_EQ(sched(d->vcpu[0], SCHEDOP_shutdown, &s), 0);
        CHECK_EQ(d->shutdown_code, SHUTDOWN_watchdog);
        s.reason = SHUTDOWN_MAX + 1;
        CHECK_EQ(sched(d->vcpu[0], SCHEDOP_shutdown, &s), -EINVAL);
        softirq_process();
        domain_resume(d);
    }
    TEST("dying is preemptible, and a reference keeps the dead")
    {
        unsigned int calls = 0, before = dom_exc;

        current = d->vcpu[0];
        CHECK_EQ(domain_kill(d), -EINVAL);
        current = &nobody;
        domain_get(d);
        restarts = 1;
        while (domain_kill(d) == -ERESTART) {
            CHECK_EQ(d->state, DOM_DYING);
            CHECK_EQ(d->pause_count, 1);
            restarts = calls++ < 2;
        }
        CHECK_EQ(calls, 3);
        CHECK_EQ(d->state, DOM_DEAD);
        CHECK_EQ(dom_exc, before + 1);
        CHECK_EQ(domain_kill(d), 0);
        softirq_process();
        CHECK(domain_get_by_id(3) == d);
        domain_put(d);
        domain_put(d);
        CHECK(domain_get_by_id(3) == NULL);
        CHECK_EQ(dom_exc, before + 1);
        softirq_process();
        CHECK_EQ(dom_exc, before + 2); /* and that it is gone */
        CHECK(domain_peek(3) == NULL);
        CHECK_EQ(parts, 0);
        CHECK_EQ(shared, 0);
    }
}

/* HLT with interrupts off; v is up, w is down. */
static void halted(struct vcpu *v, struct vcpu *w)
{
    struct domain *d = v->domain;
    const uint32_t both = 1U << VPF_DOWN | 1U << VPF_HALTED;

    TEST("a halted vcpu is down until an NMI, one that is down by other means stays")
    {
        vcpu_send_nmi(w);
        CHECK_EQ(w->pause_flags, 1U << VPF_DOWN);
        w->nmi_pending = false;
        CHECK_EQ(vcpu_up(w), 0);
        vcpu_halt(w);
        CHECK(w->pause_flags == both && !d->is_shut_down);
        wakes = 0;
        vcpu_send_nmi(w);
        CHECK(w->pause_flags == 0 && w->nmi_pending && wakes == 1);
    }
    TEST("with an NMI pending nobody halts, and the last one powers nothing off")
    {
        vcpu_halt(w);
        CHECK_EQ(w->pause_flags, 0);
        vcpu_halt(v);
        CHECK(v->pause_flags == both && !d->is_shut_down);
        vcpu_send_nmi(v);
        v->nmi_pending = w->nmi_pending = false;
        CHECK_EQ(v->pause_flags, 0);
    }
    TEST("a halted vcpu that is parked, as by INIT, takes no NMI; SIPI ends a halt")
    {
        vcpu_halt(w);
        vcpu_park(w);
        vcpu_send_nmi(w);
        CHECK_EQ(w->pause_flags, 1U << VPF_DOWN);
        w->nmi_pending = false;
        CHECK_EQ(vcpu_up(w), 0);
        vcpu_halt(w);
        CHECK_EQ(vcpu_up(w), 0);
        CHECK_EQ(w->pause_flags, 0);
    }
    TEST("the last one that halts powers the domain off")
    {
        vcpu_halt(w);
        CHECK(!d->is_shut_down);
        vcpu_halt(v);
        CHECK(d->is_shut_down && d->shutdown_code == SHUTDOWN_poweroff);
        softirq_process();
        domain_resume(d);
        CHECK_EQ(vcpu_up(v), 0);
        vcpu_down(w);
        CHECK(w->pause_flags == 1U << VPF_DOWN && v->pause_flags == 0);
    }
}

static void vcpu_ops(void)
{
    struct domain *d = make(3, 34);
    struct vcpu *v = d->vcpu[0], *w = d->vcpu[1];

    current = v;
    v->is_initialised = true;
    CHECK_EQ(vcpu_up(v), 0);
    TEST("vcpu_op: unknown vcpus and operations")
    {
        CHECK_EQ(op(v, VCPUOP_is_up, 40, NULL), -ENOENT);
        CHECK_EQ(op(v, VCPUOP_is_up, 34, NULL), -ENOENT);
        CHECK_EQ(op(v, VCPUOP_is_up, 1ULL << 31, NULL), -ENOENT);
        CHECK_EQ(op(v, 14, 0, NULL), -ENOSYS);
        CHECK_EQ(op(v, 1000, 0, NULL), -ENOSYS);
    }
    TEST("vcpu_op: initialise, up, down")
    {
        CHECK_EQ(op(v, VCPUOP_up, 1, NULL), -EINVAL);
        CHECK_EQ(op(v, VCPUOP_initialise, 33, v), -EINVAL); /* has no vcpu_info */
        arch_init_rc = -EFAULT;
        CHECK_EQ(op(v, VCPUOP_initialise, 1, v), -EFAULT);
        arch_init_rc = -ERESTART;
        CHECK_EQ(op(v, VCPUOP_initialise, 1, v), -ERESTART);
        CHECK_EQ(conts, 1);
        arch_init_rc = 0;
        CHECK_EQ(op(v, VCPUOP_initialise, 1, v), 0);
        CHECK_EQ(op(v, VCPUOP_initialise, 1, v), -EEXIST);
        CHECK_EQ(w->pause_flags, 1U << VPF_DOWN);
        CHECK_EQ(op(v, VCPUOP_is_up, 1, NULL), 0);
        wakes = 0;
        CHECK_EQ(op(v, VCPUOP_up, 1, NULL), 0);
        CHECK_EQ(wakes, 1);
        CHECK_EQ(op(v, VCPUOP_is_up, 1, NULL), 1);
        CHECK_EQ(op(v, VCPUOP_down, 0, NULL), 0);
        CHECK(!d->is_shut_down);
        CHECK_EQ(op(v, VCPUOP_down, 1, NULL), 0);
        CHECK(d->is_shut_down && d->shutdown_code == SHUTDOWN_poweroff);
        softirq_process();
        domain_resume(d);
        CHECK_EQ(op(v, VCPUOP_up, 0, NULL), 0);
    }
    halted(v, w);
    TEST("vcpu_op: single-shot timer")
    {
        struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = (uint64_t)now + 1000 };

        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, 1, &t), -EINVAL);
        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, 0, NULL), -EFAULT);
        timer_virqs = 0;
        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, 0, &t), 0);
        pass_time(999);
        CHECK_EQ(timer_virqs, 0);
        pass_time(1);
        CHECK_EQ(timer_virqs, 1);
        t.timeout_abs_ns = 1;
        t.flags = VCPU_SSHOTTMR_future;
        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, 0, &t), 0);
        CHECK_EQ(timer_virqs, 2);
        t.timeout_abs_ns = ~0ULL;
        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, 0, &t), 0);
        pass_time(SECONDS(1000));
        CHECK_EQ(timer_virqs, 2);
        t.timeout_abs_ns = (uint64_t)now + 5;
        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, 0, &t), 0);
        CHECK_EQ(op(v, VCPUOP_stop_singleshot_timer, 0, NULL), 0);
        pass_time(10);
        CHECK_EQ(timer_virqs, 2);
    }
    TEST("vcpu_op: periodic timer ticks on a cpu only")
    {
        struct vcpu_set_periodic_timer t = { .period_ns = 999999 };

        CHECK_EQ(op(v, VCPUOP_set_periodic_timer, 0, &t), -EINVAL);
        t.period_ns = 1000000;
        CHECK_EQ(op(v, VCPUOP_set_periodic_timer, 0, &t), 0);
        timer_virqs = 0;
        for (unsigned int i = 0; i < 10; i++)
            pass_time(MILLISECS(1));
        CHECK_EQ(timer_virqs, 10);
        vcpu_periodic_leave(v);
        pass_time(MILLISECS(50));
        CHECK_EQ(timer_virqs, 10);
        vcpu_periodic_enter(v);
        CHECK_EQ(timer_virqs, 11);
        CHECK_EQ(op(v, VCPUOP_stop_periodic_timer, 0, NULL), 0);
        pass_time(MILLISECS(50));
        CHECK_EQ(timer_virqs, 11);
    }
    TEST("vcpu_op: register_vcpu_info")
    {
        struct vcpu_register_vcpu_info r = { .mfn = 5, .offset = 4096 - 63 };

        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 0, &r), -ENXIO);
        r.offset = 3;
        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 0, &r), -ENXIO);
        r.offset = 64;
        r.mfn = 6;
        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 0, &r), -EINVAL);
        r.mfn = 5;
        v->info->evtchn_pending_sel = 0x1234;
        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 0, &r), 0);
        CHECK((char *)v->info == info_bytes + 64 && v->info->evtchn_pending_sel == 0x1234 &&
              moved == 1);
        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 0, &r), -EINVAL);
        vcpu_up(w);
        /* runs, and is not the caller */
        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 1, &r), -EINVAL);
        r.offset = 128;
        info_bytes[128 + 1] = 0;
        CHECK_EQ(op(v, VCPUOP_register_vcpu_info, 33, &r), 0);
        CHECK_EQ(d->vcpu[33]->info->evtchn_upcall_mask, 1);
        CHECK_EQ(info_refs, 2);
        vcpu_unmap_info(v);
        vcpu_unmap_info(v);
        CHECK_EQ(info_refs, 1);
    }
    TEST("vcpu_op: runstate, in hypercall and in memory")
    {
        struct vcpu_runstate_info rs = { 0 }, area_rs = { 0 };
        struct vcpu_register_runstate_memory_area area = { .addr.v = &area_rs };

        CHECK_EQ(op(v, VCPUOP_get_runstate_info, 1, &rs), 0);
        CHECK(rs.time[3] == 4);
        CHECK_EQ(op(v, VCPUOP_register_runstate_memory_area, 0, &area), 0);
        CHECK(area_rs.time[2] == 3);
        memset(&area_rs, 0, sizeof(area_rs));
        d->vm_assist = BIT(VMASST_TYPE_runstate_update_flag);
        vcpu_runstate_to_guest(v);
        CHECK(area_rs.time[2] == 3 && area_rs.state_entry_time == 5);
        area.addr.p = 8;
        CHECK_EQ(op(v, VCPUOP_register_runstate_memory_area, 0, &area), -EFAULT);
        CHECK(v->runstate_guest == (uint64_t)(uintptr_t)&area_rs);
    }
    TEST("vcpu_op: runstate and timers of a 32-bit guest")
    {
        static struct vcpu_runstate_info_32 rs[2]; /* below 4 GiB */
        struct vcpu_register_runstate_memory_area area = { /* garbage above the pointer */
            .addr.p = (uintptr_t)&rs[0] | 0xdeadbeefULL << 32
        };
        struct vcpu_set_singleshot_timer_32 set = { .timeout_abs_ns = { ~0ULL } };

        d->is_32bit = true;
        d->vm_assist = 0;
        memset(rs, 0xee, sizeof(rs));
        CHECK_EQ(op(v, VCPUOP_get_runstate_info, 1, &rs[0]), 0);
        CHECK(rs[0].state == 0 && rs[0].state_entry_time[0] == 5 && rs[0].time[3] == 4);
        CHECK_EQ((uint32_t)rs[1].state, 0xeeeeeeee);
        memset(rs, 0xee, sizeof(rs));
        CHECK_EQ(op(v, VCPUOP_register_runstate_memory_area, 0, &area), 0);
        CHECK(rs[0].time[2] == 3);
        CHECK_EQ(v->runstate_guest, (uintptr_t)&rs[0]);
        for (unsigned int flag = 0; flag < 2; flag++) {
            memset(rs, 0xee, sizeof(rs));
            d->vm_assist = flag ? BIT(VMASST_TYPE_runstate_update_flag) : 0;
            vcpu_runstate_to_guest(v);
            CHECK(rs[0].time[2] == 3 && rs[0].state_entry_time[0] == 5);
            CHECK_EQ((uint32_t)rs[1].state, 0xeeeeeeee);
        }
        CHECK_EQ(op(v, VCPUOP_set_singleshot_timer, v->id, &set), v == current ? 0 : -EINVAL);
        d->is_32bit = false;
    }
    destroy(d);
    TEST("a killed domain holds no page of its vcpus' info")
        CHECK_EQ(info_refs, 0);
}

static void sched_ops(void)
{
    struct domain *d = make(3, 1);
    struct vcpu *v = d->vcpu[0];
    evtchn_port_t ports[2] = { 4, 5 };
    struct sched_poll p = { .ports.p = ports, .nr_ports = 1 };

    current = v;
    v->pause_flags = 0;
    TEST("poll: bad arguments leave no trace")
    {
        p.nr_ports = 129;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), -EINVAL);
        p.nr_ports = 1;
        ports[0] = 100;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), -EINVAL);
        ports[0] = 4;
        p.ports.p = NULL;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), -EFAULT);
        p.ports.p = ports;
        CHECK(v->pause_flags == 0 && v->poll_port == 0);
    }
    TEST("poll: returns at once when a port is pending or an event waits")
    {
        port_pending = true;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), 0);
        CHECK(v->pause_flags == 0 && v->poll_port == 0);
        port_pending = false;
        deliverable = true;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), 0);
        CHECK(v->pause_flags == 0);
        deliverable = false;
    }
    TEST("poll: sleeps until its time is over")
    {
        p.timeout = (uint64_t)now + 500;
        wakes = 0;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), 0);
        CHECK(bit_test(&v->pause_flags, VPF_POLL) && v->poll_port == 4);
        pass_time(499);
        CHECK_EQ(wakes, 0);
        pass_time(1);
        CHECK(wakes == 1 && v->pause_flags == 0 && v->poll_port == 0);
    }
    TEST("poll: an old timeout does not end a later poll")
    {
        p.timeout = (uint64_t)now + 500;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), 0);
        vcpu_unblock(v);
        p.timeout = 0;
        p.nr_ports = 2;
        wakes = 0;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p), 0);
        CHECK_EQ(v->poll_port, EVTCHN_FIFO_PORTS);
        pass_time(1000);
        CHECK_EQ(wakes, 0);
        v->pause_flags = 0;
    }
    TEST("watchdog")
    {
        struct sched_watchdog w = { .id = 0, .timeout = 0 };

        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), -EINVAL);
        w.id = 1;
        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), -EINVAL);
        w = (struct sched_watchdog){ .id = 0, .timeout = 10 };
        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), 1);
        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), 2);
        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), -ENOSPC);
        w = (struct sched_watchdog){ .id = 2, .timeout = 0 };
        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), 0);
        pass_time(SECONDS(9));
        w = (struct sched_watchdog){ .id = 1, .timeout = 10 };
        CHECK_EQ(sched(v, SCHEDOP_watchdog, &w), 0);
        pass_time(SECONDS(9));
        CHECK(!d->is_shut_down);
        pass_time(SECONDS(1));
        CHECK(d->is_shut_down && d->shutdown_code == SHUTDOWN_watchdog);
        domain_resume(d);
    }
    TEST("what only dom0 may")
    {
        struct sched_remote_shutdown r = { .domain_id = 3, .reason = SHUTDOWN_reboot };
        struct sched_pin_override pin = { .pcpu = 0 };

        CHECK_EQ(sched(v, SCHEDOP_remote_shutdown, &r), -EPERM);
        CHECK_EQ(sched(v, SCHEDOP_pin_override, &pin), -EPERM);
        d->is_privileged = true;
        r.domain_id = 9;
        CHECK_EQ(sched(v, SCHEDOP_remote_shutdown, &r), -ESRCH);
        r.domain_id = 3;
        CHECK_EQ(sched(v, SCHEDOP_remote_shutdown, &r), 0);
        CHECK_EQ(d->shutdown_code, SHUTDOWN_reboot);
        softirq_process();
        domain_resume(d);
        CHECK_EQ(sched(v, 8, NULL), -ENOSYS);
    }
    TEST("set_timer_op")
    {
        uint64_t a[6] = { (uint64_t)now + 100 };

        timer_virqs = 0;
        CHECK_EQ(hc_set_timer_op(v, a), 0);
        pass_time(100);
        CHECK_EQ(timer_virqs, 1);
        a[0] = 1;
        CHECK_EQ(hc_set_timer_op(v, a), 0);
        CHECK_EQ(timer_virqs, 2);
        a[0] = (uint64_t)now + 100;
        CHECK_EQ(hc_set_timer_op(v, a), 0);
        a[0] = 0;
        CHECK_EQ(hc_set_timer_op(v, a), 0);
        pass_time(200);
        CHECK_EQ(timer_virqs, 2);
    }
    TEST("poll and set_timer_op of a 32-bit guest")
    {
        static evtchn_port_t port = 4; /* below 4 GiB */
        struct sched_poll_32 p32 = { .ports = (uint32_t)(uintptr_t)&port, .nr_ports = 1 };
        uint64_t a[6] = { (uint32_t)(now + SECONDS(10)), (uint64_t)(now + SECONDS(10)) >> 32 };

        d->is_32bit = true;
        v->pause_flags = 0;
        port_pending = true;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p32), 0);
        port_pending = false;
        port = 100;
        CHECK_EQ(sched(v, SCHEDOP_poll, &p32), -EINVAL);
        CHECK_EQ(v->pause_flags, 0);
        timer_virqs = 0;
        CHECK(a[1] != 0);
        CHECK_EQ(hc_set_timer_op(v, a), 0);
        pass_time(SECONDS(10) - 1);
        CHECK_EQ(timer_virqs, 0);
        pass_time(1);
        CHECK_EQ(timer_virqs, 1);
        d->is_32bit = false;
    }
    TEST("vm_assist")
    {
        uint64_t a[6] = { VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag };

        d->vm_assist = 0;
        CHECK_EQ(hc_vm_assist(v, a), 0);
        CHECK_EQ(d->vm_assist, 32);
        a[1] = VMASST_TYPE_m2p_strict;
        CHECK_EQ(hc_vm_assist(v, a), 0);
        a[1] = VMASST_TYPE_4gb_segments_notify;
        CHECK_EQ(hc_vm_assist(v, a), -EINVAL);
        a[1] = 64;
        CHECK_EQ(hc_vm_assist(v, a), -EINVAL);
        a[0] = VMASST_CMD_disable;
        a[1] = VMASST_TYPE_runstate_update_flag;
        CHECK_EQ(hc_vm_assist(v, a), 0);
        CHECK_EQ(d->vm_assist, 1ULL << 32);
        a[0] = 2;
        CHECK_EQ(hc_vm_assist(v, a), -ENOSYS);
        d->kind = GUEST_HVM;
        a[0] = VMASST_CMD_enable;
        a[1] = VMASST_TYPE_writable_pagetables;
        CHECK_EQ(hc_vm_assist(v, a), -EINVAL);
        d->kind = GUEST_PV;
    }
    destroy(d);
}

static void machine(void)
{
    TEST("dom0's shutdown is the machine's, from a softirq")
    {
        struct domain *d = make(3, 1);

        dom0 = d;
        d->is_hardware = true;
        current = d->vcpu[0];
        machine_reason = 99;
        domain_shutdown(d, SHUTDOWN_reboot);
        CHECK_EQ(machine_reason, 99);
        if (!setjmp(machine_gone))
            softirq_process();
        CHECK_EQ(machine_reason, SHUTDOWN_reboot);
    }
}

int main(void)
{
    unsigned int before;

    timer_init_cpu(0);
    domain_init_system();
    creation();
    before = live;
    life();
    vcpu_ops();
    sched_ops();
    TEST("no memory is left behind")
    {
        CHECK_EQ(live, before);
        CHECK_EQ(parts, 0);
    }
    machine();
    return check_exit();
}
