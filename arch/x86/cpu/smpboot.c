/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting the other cpus, while the first domain is being built.
 *
 * A few are started at once, and each that is ready starts the next: nobody waits for anybody, the
 * number of cpus that compete for locks stays bounded (emulated cpus share few real ones), and a
 * cpu that is not started yet costs nothing. All run the same trampoline at the same time; a cpu
 * finds out who it is from its APIC id. A timer on the boot cpu looks after those that do not
 * answer: once more a STARTUP, then they are given up.
 */
#include <arch/apic.h>
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/direct.h>
#include <arch/ioapic.h>
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/smpboot.h>
#include <arch/svm.h>
#include <arch/xpti.h>
#include <drivers/acpi.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/platform.h>
#include <hv/sched.h>
#include <hv/timer.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define MSR_EFER 0xc0000080
#define EFER_LMA (1ULL << 10)
#define CR4_PCIDE (1ULL << 17)
#define CHECK_PERIOD MILLISECS(100)
#define RETRY_AFTER SECONDS(1)
#define GIVE_UP_AFTER SECONDS(15)
#define AT_ONCE_REAL 16
#define AT_ONCE_EMULATED 3

uint32_t cpu_apic_id[NR_CPUS], cpu_acpi_id[NR_CPUS];

/* Read by the trampoline, which cannot use per-cpu data. */
extern char trampoline_start[], trampoline_end[];
uint64_t ap_cr0, ap_cr3, ap_cr4, ap_efer;

static unsigned int opt_maxcpus = NR_CPUS;
PARAM_UINT("maxcpus", opt_maxcpus, "use at most so many cpus");
static bool opt_nosmp;
PARAM_BOOL("nosmp", opt_nosmp, "use the boot cpu only");

/* A cpu's way up. ARRIVED is set by itself, first thing. */
enum ap_state { AP_WAITING, AP_STARTED, AP_RETRIED, AP_ARRIVED, AP_ONLINE, AP_FAILED };
static uint8_t ap_state[NR_CPUS];
static ns_t ap_started_at[NR_CPUS];
static unsigned int next_cpu = 1; /* atomic: the next to be started */
static bool all_running;
static bool some_left_out; /* the machine has cpus that we do not run */
static struct timer check_timer;

void ap_entry(unsigned int cpu);

/* --- numbering -------------------------------------------------------------------------------- */

static unsigned int cpu_limit(void)
{
    return opt_nosmp || opt_maxcpus == 0 ? 1 : MIN(opt_maxcpus, (unsigned int)NR_CPUS);
}

/* An xAPIC cannot address more; its id 255 means everybody. */
static bool is_reachable(uint32_t apic_id)
{
    return apic_id != NO_APIC_ID && (apic_id < 255 || apic_is_x2());
}

void smpboot_enumerate(void)
{
    const struct acpi_madt *madt = &acpi_info.madt;
    uint32_t self = apic->id();

    for (unsigned int i = 0; i < NR_CPUS; i++)
        cpu_apic_id[i] = NO_APIC_ID;
    cpu_apic_id[0] = self;
    for (unsigned int i = 0; i < madt->nr_cpus; i++) {
        const struct acpi_cpu *c = &madt->cpu[i];

        if (c->apic_id == self) {
            cpu_acpi_id[0] = c->uid;
        } else if (c->enabled && is_reachable(c->apic_id) && nr_cpu_ids < cpu_limit()) {
            cpu_acpi_id[nr_cpu_ids] = c->uid;
            cpu_apic_id[nr_cpu_ids++] = c->apic_id;
        } else {
            some_left_out = true;
        }
    }
}

unsigned int smpboot_cpu_of(uint32_t apic_id)
{
    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        if (cpu_apic_id[cpu] == apic_id)
            return cpu;
    return NR_CPUS;
}

bool arch_cpu_ids(unsigned int cpu, struct arch_cpu_ids *ids)
{
    if (cpu >= nr_cpu_ids)
        return false;
    *ids = (struct arch_cpu_ids){
        .apic_id = cpu_apic_id[cpu], .acpi_id = cpu_acpi_id[cpu],
        .online = cpumask_test(&cpu_online_map, cpu)
    };
    return true;
}

bool smpboot_all_running(void) { return read_once(all_running); }

/* --- starting --------------------------------------------------------------------------------- */

static void start_cpu(unsigned int cpu)
{
    int rc = percpu_alloc(cpu);

    if (rc) {
        log_err("cpu %u: cannot be started: error %d", cpu, rc);
        write_once(ap_state[cpu], AP_FAILED);
        return;
    }
    cpu_info_init(cpu);
    ap_started_at[cpu] = time_now();
    write_once(ap_state[cpu], AP_STARTED);
    apic_start_cpu(cpu_apic_id[cpu], (uint8_t)(trampoline_pa >> PAGE_SHIFT));
}

static void start_next(void)
{
    unsigned int cpu = __atomic_fetch_add(&next_cpu, 1, __ATOMIC_SEQ_CST);

    if (cpu < nr_cpu_ids)
        start_cpu(cpu);
}

/* C entry of a secondary cpu, on its own stack, its struct cpu_info filled, interrupts off. */
void ap_entry(unsigned int cpu)
{
    write_once(ap_state[cpu], AP_ARRIVED);
    cpu_init_tables(cpu);
    xpti_init_cpu(cpu);
    apic_init_cpu();
    time_init_cpu();
    apic_timer_init_cpu();
    timer_init_cpu(cpu);
    sched_init_cpu(cpu);
    svm_cpu_init();
    cpumask_set_atomic(&cpu_online_map, cpu);
    write_once(ap_state[cpu], AP_ONLINE);
    start_next();
    idle_loop();
}

/* --- looking after them ----------------------------------------------------------------------- */

/* Whether it is settled: online or given up. */
static bool check_cpu(unsigned int cpu, ns_t now)
{
    uint8_t state = read_once(ap_state[cpu]), started = AP_STARTED;
    ns_t waited = now - ap_started_at[cpu];

    switch ((enum ap_state)state) {
    case AP_ONLINE:
    case AP_FAILED:
        return true;
    case AP_WAITING:
    case AP_ARRIVED:
        return false;
    case AP_STARTED:
        /* Ignored by a cpu that does not wait for it, so harmless to one that is merely slow. */
        if (waited > RETRY_AFTER &&
            __atomic_compare_exchange_n(&ap_state[cpu], &started, AP_RETRIED, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            apic_restart_cpu(cpu_apic_id[cpu], (uint8_t)(trampoline_pa >> PAGE_SHIFT));
        return false;
    case AP_RETRIED:
        if (waited < GIVE_UP_AFTER)
            return false;
        log_err("cpu %u (APIC id %u) does not start", cpu, cpu_apic_id[cpu]);
        write_once(ap_state[cpu], AP_FAILED);
        start_next(); /* what it would have done */
        return true;
    }
    UNREACHABLE();
}

static void settled(unsigned int online)
{
    log_info("smp: %u of %u cpus online after %ld ms", online, nr_cpu_ids,
             (long)(time_now() / 1000000));
    tsc_sync_check();
    if (!tsc_in_sync())
        log_warn("time: the cpus' TSCs do not agree");
    time_start_steering();
    if (online < nr_cpu_ids)
        return; /* one may still wake up and wants its trampoline */
    write_once(all_running, !some_left_out);
    paging_seal();
}

static void check_cpus(void *data)
{
    ns_t now = time_now();
    unsigned int open = 0;

    for (unsigned int cpu = 1; cpu < nr_cpu_ids; cpu++)
        open += !check_cpu(cpu, now);
    if (open)
        timer_set(&check_timer, now + CHECK_PERIOD);
    else
        settled(cpumask_weight(&cpu_online_map));
}

/* --- boot ------------------------------------------------------------------------------------- */

static void place_trampoline(void)
{
    ap_cr0 = read_cr0();
    ap_cr3 = read_cr3() & PTE_ADDR;
    ap_cr4 = read_cr4() & ~CR4_PCIDE; /* cannot be set on the way */
    ap_efer = rdmsr(MSR_EFER) & ~EFER_LMA;
    BUG_ON(ap_cr3 >> 32);
    trampoline_patch((uint32_t)trampoline_pa);
    memcpy(direct_va(trampoline_pa), trampoline_start, (size_t)(trampoline_end - trampoline_start));
}

void smp_boot_start(void)
{
    unsigned int at_once = cpuid(1, 0).c >> 31 ? AT_ONCE_EMULATED : AT_ONCE_REAL;

    if (nr_cpu_ids > 1)
        place_trampoline();
    syscall_stubs_alloc(nr_cpu_ids);
    tsc_sync_boot();
    for (unsigned int i = 0; i < at_once; i++)
        start_next();
    timer_init(&check_timer, check_cpus, NULL, 0);
    timer_set(&check_timer, time_now() + MILLISECS(20));
}

void irq_init(void)
{
    apic_init_boot();
    apic_init_cpu();
    smpboot_enumerate();
    ioapic_init();
}
