/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System time: nanoseconds since boot, made from the TSC with a base and a scale per cpu, the same
 * numbers that guests get in struct vcpu_time_info.
 *
 * Where the TSC is constant and the same on all cpus, base and scale never change after boot, on no
 * cpu: time is monotonic across cpus and guests are told so. Otherwise each cpu compares with the
 * platform's counter once a second and steers its scale, so that time never jumps and cpus stay
 * within microseconds.
 */
#include <arch/apic.h>
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/timescale.h>
#include <hv/cpumask.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/shared32.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <lib/string.h>

#define NS_PER_SEC 1000000000ULL
#define STEP_LIMIT MILLISECS(10) /* beyond this, steering would take too long */

struct cpu_time {
    uint64_t tsc_base;
    uint64_t ns_base; /* system time at tsc_base */
    struct timescale scale;
    uint64_t hz;         /* as last measured */
    uint64_t last_tsc;   /* of the last comparison with the platform's counter */
    uint64_t last_ns;    /* platform time then */
};
static DEFINE_PER_CPU(struct cpu_time, cpu_time);

static uint64_t tsc_hz;
static struct clocksource platform;
static struct timer steer_timer;

static DEFINE_SPINLOCK(platform_lock, RANK_LEAF);
static uint64_t platform_last GUARDED_BY(platform_lock), platform_ns GUARDED_BY(platform_lock);
static struct timescale platform_scale GUARDED_BY(platform_lock);

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * The fence keeps the read from being done early, before what the caller has observed of another
 * cpu.
 */
static uint64_t rdtsc_ordered(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return rdtsc();
}

static uint64_t ns_at(const struct cpu_time *t, uint64_t tsc)
{
    int64_t delta = (int64_t)(tsc - t->tsc_base);

    /* A counter that was corrected may be read a little before its base. */
    return delta < 0 ? t->ns_base : t->ns_base + timescale_ns(t->scale, (uint64_t)delta);
}

ns_t time_now(void)
{
    return (ns_t)ns_at(&this_cpu(cpu_time), rdtsc_ordered());
}

uint32_t time_tsc_khz(void) { return (uint32_t)(tsc_hz / 1000); }

/* An emulator without the invariant bit gives all its cpus the host's counter. */
bool time_tsc_is_stable(void)
{
    return (cpu_features.tsc_invariant || cpu_features.hypervisor_tcg) && tsc_in_sync();
}

/* --- steering --------------------------------------------------------------------------------- */

/*
 * Platform time at a reading of its counter; every cpu calls this, at least one within the time of
 * a wrap.
 */
static uint64_t platform_time(uint64_t ref)
{
    uint64_t ns, delta;

    spin_lock(&platform_lock);
    delta = (ref - platform_last) & platform.mask;
    if (delta <= platform.mask / 2) { /* else: another cpu has read later and was faster here */
        platform_ns += timescale_ns(platform_scale, delta);
        platform_last = ref;
    }
    ns = platform_ns;
    spin_unlock(&platform_lock);
    return ns;
}

/* The platform's counter lost time, by wrapping while nobody looked: go on from ours. */
static void platform_forward(uint64_t ns)
{
    spin_lock(&platform_lock);
    platform_ns += ns;
    spin_unlock(&platform_lock);
}

static void steer(struct cpu_time *t, uint64_t tsc, uint64_t ref_ns)
{
    uint64_t now = ns_at(t, tsc);
    int64_t err = (int64_t)(ref_ns - now);
    uint64_t hz = rate_from_reference(tsc - t->last_tsc, ref_ns - t->last_ns, NS_PER_SEC);

    t->last_tsc = tsc;
    t->last_ns = ref_ns;
    if (hz < tsc_hz / 8 || hz > tsc_hz * 8)
        return; /* the machine slept, or the counter was written */
    if (err > STEP_LIMIT) {
        now = ref_ns;
        err = 0;
    } else if (err < -STEP_LIMIT) {
        platform_forward((uint64_t)-err);
        t->last_ns = now;
        err = 0;
    }
    t->hz = hz;
    t->tsc_base = tsc;
    t->ns_base = now;
    t->scale = timescale_from_hz(rate_steered(hz, err));
}

static void calibrate_this_cpu(void)
{
    uint64_t tsc = 0, ref = 0;

    if (time_tsc_is_stable())
        return;
    tsc_sample(&platform, &tsc, &ref);
    steer(&this_cpu(cpu_time), tsc, platform_time(ref));
    if (!current->is_idle)
        time_update_vcpu(current);
}

static void steer_all(void *data)
{
    if (!time_tsc_is_stable())
        for_each_cpu (cpu, &cpu_online_map)
            softirq_raise_on(cpu, SOFTIRQ_TIME_CALIBRATE);
    timer_set(&steer_timer, time_now() + SECONDS(1));
}

/*
 * Run when the timers of this cpu work. A machine whose TSC is stable pays for one look a second on
 * one cpu at most.
 */
void time_start_steering(void)
{
    if (!platform.keeps_time || time_tsc_is_stable())
        return;
    softirq_register(SOFTIRQ_TIME_CALIBRATE, calibrate_this_cpu);
    timer_init(&steer_timer, steer_all, NULL, 0);
    timer_set(&steer_timer, time_now() + SECONDS(1));
}

/* --- guests' copies --------------------------------------------------------------------------- */

static struct vcpu_time_info time_info(void)
{
    const struct cpu_time *t = &this_cpu(cpu_time);

    return (struct vcpu_time_info){
        .tsc_timestamp = t->tsc_base,
        .system_time = t->ns_base,
        .tsc_to_system_mul = t->scale.mul,
        .tsc_shift = t->scale.shift,
        .flags = time_tsc_is_stable() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
    };
}

/* Everything but the version. */
static bool same_time(const struct vcpu_time_info *a, const struct vcpu_time_info *b)
{
    return a->tsc_timestamp == b->tsc_timestamp && a->system_time == b->system_time &&
           a->tsc_to_system_mul == b->tsc_to_system_mul && a->tsc_shift == b->tsc_shift &&
           a->flags == b->flags;
}

/*
 * Odd while it is being written: public xen.h, struct vcpu_time_info. x86 keeps the order of
 * stores, so must the compiler.
 */
static void write_shared(struct vcpu_time_info *out, struct vcpu_time_info t)
{
    uint32_t version = read_once(out->version) | 1;

    write_once(out->version, version);
    barrier();
    t.version = version;
    t.pad0 = 0;
    *(volatile struct vcpu_time_info *)out = t;
    barrier();
    write_once(out->version, version + 1);
}

/*
 * The registered copy, at an address of the guest's. A fault is the guest's affair: it does not get
 * the time there.
 */
static void write_registered(uint64_t addr, struct vcpu_time_info t)
{
    struct vcpu_time_info old;

    if (guest_read(&old, addr, sizeof(old)) ||
        ((old.version & 1) == 0 && old.version && same_time(&old, &t)))
        return;
    t.version = old.version | 1;
    if (guest_write(addr, &t.version, sizeof(t.version)) || guest_write(addr, &t, sizeof(t)))
        return;
    t.version++;
    if (guest_write(addr, &t.version, sizeof(t.version)))
        return;
}

void time_update_vcpu(struct vcpu *v)
{
    struct vcpu_time_info t = time_info();

    if (is_hvm(v->domain))
        hvm_tsc_time_info(v, &t);
    if (v->info != NULL && !same_time(&v->info->time, &t))
        write_shared(&v->info->time, t);
    if (v->time_guest && v == current)
        write_registered(v->time_guest, t);
}

/* --- wall clock ------------------------------------------------------------------------------- */

static DEFINE_SPINLOCK(wallclock_lock, RANK_LEAF); /* the base, and the writing of guests' copies */
static uint64_t wallclock_base_ns;                 /* UTC since 1970 at system time 0 */

uint64_t time_wallclock_ns(void)
{
    return read_once(wallclock_base_ns) + (uint64_t)time_now();
}

uint64_t time_wallclock_secs(void)
{
    return time_wallclock_ns() / NS_PER_SEC;
}

static void write_wallclock(const struct domain *d, uint32_t *wc_version, uint32_t *sec,
                            uint32_t *nsec, uint32_t *sec_hi)
    REQUIRES(wallclock_lock)
{
    const uint64_t secs = wallclock_base_ns / NS_PER_SEC + (uint64_t)d->time_offset_secs;
    const uint32_t version = read_once(*wc_version) | 1;

    write_once(*wc_version, version);
    barrier();
    write_once(*sec, (uint32_t)secs);
    write_once(*nsec, (uint32_t)(wallclock_base_ns % NS_PER_SEC));
    write_once(*sec_hi, (uint32_t)(secs >> 32));
    barrier();
    write_once(*wc_version, version + 1);
}

void time_update_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    struct shared_info32 *n = shared_info32(d);

    if (s == NULL)
        return;
    spin_lock(&wallclock_lock);
    if (domain_is_32bit(d))
        write_wallclock(d, &n->wc_version, &n->wc_sec, &n->wc_nsec, &n->arch.wc_sec_hi);
    else
        write_wallclock(d, &s->wc_version, &s->wc_sec, &s->wc_nsec, &s->wc_sec_hi);
    spin_unlock(&wallclock_lock);
}

static void set_base(uint64_t base_ns)
{
    spin_lock(&wallclock_lock);
    write_once(wallclock_base_ns, base_ns);
    spin_unlock(&wallclock_lock);
}

void time_set_wallclock(uint64_t secs, uint32_t nsecs, ns_t at_system_time)
{
    struct domain *d;

    set_base(secs * NS_PER_SEC + nsecs - (uint64_t)at_system_time);
    for (unsigned int id = 0; (d = domain_get_at_or_after((domid_t)id)) != NULL;
         id = d->id + 1u, domain_put(d))
        time_update_wallclock(d);
}

/* --- boot ------------------------------------------------------------------------------------- */

static void start_counting(uint64_t hz)
{
    struct cpu_time *t = &this_cpu(cpu_time);
    uint64_t tsc = rdtsc_ordered();

    tsc_hz = hz;
    *t = (struct cpu_time){
        .tsc_base = tsc, .scale = timescale_from_hz(hz), .hz = hz, .last_tsc = tsc
    };
    if (platform.hz == 0)
        return;
    spin_lock(&platform_lock);
    platform_scale = timescale_from_hz(platform.hz);
    platform_last = platform.read();
    spin_unlock(&platform_lock);
}

/*
 * Words of the cpu are free; a measurement costs 10 ms. Without a known LAPIC rate there is a
 * measurement in any case.
 */
void time_init(void)
{
    uint64_t apic_hz = 0, hz = tsc_hz_from_cpuid(&apic_hz), measured_apic_hz = 0;
    const char *how = "cpuid";
    uint64_t secs;

    if (!hpet_probe(&platform) && !pmtimer_probe(&platform) && !pit_probe(&platform))
        platform = (struct clocksource){ 0 };
    if (hz == 0 || (apic_hz == 0 && !cpu_features.tsc_deadline)) {
        uint64_t measured = platform.hz ? tsc_hz_measure(&platform, &measured_apic_hz) : 0;

        if (hz == 0) {
            hz = measured;
            how = platform.name;
        }
        if (apic_hz == 0)
            apic_hz = measured_apic_hz;
    }
    if (hz < 1000000)
        boot_fail("cannot find the rate of the time-stamp counter (no CPUID leaf, HPET, PM timer "
                  "or PIT)");
    start_counting(hz);
    apic_timer_init(cpu_features.tsc_deadline ? 0 : apic_hz);
    secs = rtc_read();
    set_base(secs * NS_PER_SEC - (uint64_t)time_now());
    log_info("time: TSC %lu kHz (%s), %s; timer: %s of the %s", (unsigned long)(hz / 1000), how,
             time_tsc_is_stable() ? "shared by all cpus" : "steered",
             cpu_features.tsc_deadline ? "TSC deadline" : "counter", apic->name);
}

void time_init_cpu(void)
{
    struct cpu_time *t = &this_cpu(cpu_time);
    int64_t lag = tsc_sync_cpu();

    *t = per_cpu(cpu_time, 0);
    t->tsc_base -= (uint64_t)lag;
    t->last_tsc -= (uint64_t)lag;
}

/* --- for the timer's hardware ----------------------------------------------------------------- */

/* TSC of this cpu at a system time not before the last base. */
uint64_t time_to_tsc(ns_t when)
{
    const struct cpu_time *t = &this_cpu(cpu_time);
    int64_t delta = when - (ns_t)t->ns_base;

    return delta <= 0 ? t->tsc_base
                      : t->tsc_base + ticks_in_ns(tick_factor(t->hz), (uint64_t)delta);
}
