/* SPDX-License-Identifier: GPL-2.0-only */
/* See load.h. */
#include "load.h"

static unsigned int timer_port;

/* PAUSE takes the emulator to its next cpu, where one thread plays several of them. */
static void hog(void)
{
    for (;;) {
        for (unsigned int i = 0; i < 1000; i++)
            __asm__ volatile("");
        __asm__ volatile("pause");
    }
}

unsigned int load_create(struct domu *u, unsigned int n)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    unsigned int i;

    evtchn_op(EVTCHNOP_bind_virq, &virq);
    timer_port = virq.port;
    events_start();
    events_on();
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    for (i = 0; i < n; i++)
        if (domu_create(&u[i], &(struct domu_config){ .fn = hog }))
            break;
    return i;
}

void load_destroy(struct domu *u, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        if (domu_destroy(&u[i]) || !domu_gone(&u[i], 100))
            CHECK_EQ(i, -1, "a domain is gone");
}

/* --- what the toolstack does ------------------------------------------------------------------ */

long load_pin(domid_t id, uint64_t cpus)
{
    struct xen_domctl op = { 0 };

    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&cpus);
    return domctl(XEN_DOMCTL_setvcpuaffinity, id, &op);
}

long load_adjust(domid_t id, uint16_t weight, uint16_t cap)
{
    struct xen_domctl op = { 0 };

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = weight;
    op.u.scheduler_op.u.credit2.cap = cap;
    return domctl(XEN_DOMCTL_scheduler_op, id, &op);
}

struct xen_domctl_getvcpuinfo load_info(const struct domu *d)
{
    struct xen_domctl op = { 0 };

    domctl(XEN_DOMCTL_getvcpuinfo, d->id, &op);
    return op.u.getvcpuinfo;
}

/* --- the first domain sleeps ------------------------------------------------------------------ */

uint64_t load_sleep(uint64_t ns)
{
    const uint64_t at = now_ns() + ns;
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = at };
    const unsigned int had = event_count[timer_port];

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &set);
    while (event_count[timer_port] == had) {
        events_off();
        if (event_count[timer_port] == had)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        events_on();
    }
    return now_ns() - at;
}

/* All domains' times by one call: with many cpus at work, one call for each takes a while. */
static void times(const struct domu *u, uint64_t *time, unsigned int n)
{
    static struct xen_domctl_getdomaininfo info[LOAD_MAX];
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    op.u.getdomaininfolist.first_domain = 1;
    op.u.getdomaininfolist.max_domains = LOAD_MAX;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, info);
    if (hypercall(__HYPERVISOR_sysctl, &op))
        CHECK_EQ(1, 0, "the list of domains");
    for (unsigned int i = 0; i < n; i++)
        for (unsigned int k = 0; k < op.u.getdomaininfolist.num_domains; k++)
            if (info[k].domain == u[i].id)
                time[i] = info[k].cpu_time;
}

uint64_t load_measure(const struct domu *u, uint64_t *time, unsigned int n, unsigned int ms)
{
    static uint64_t before[LOAD_MAX];
    uint64_t begun;

    load_sleep(100 * MS);
    begun = now_ns();
    times(u, before, n);
    load_sleep(ms * MS);
    begun = now_ns() - begun;
    times(u, time, n);
    for (unsigned int i = 0; i < n; i++)
        time[i] -= before[i];
    return begun;
}

bool load_near(uint64_t got, uint64_t want, unsigned int percent)
{
    const uint64_t off = want * percent / 100 + LOAD_SLICE * MS / 2;

    if (got + off < want || got > want + off) {
        print("# got %lu us, want %lu us\n", got / 1000, want / 1000);
        return false;
    }
    return true;
}
