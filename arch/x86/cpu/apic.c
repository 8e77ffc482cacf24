/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC, in both of its forms, and inter-processor interrupts. x2APIC is used when the
 * firmware has already switched to it, and when the cpu offers it, unless `no-x2apic`. A device's
 * interrupts are never left pending in the APIC for a guest: dispatch ends each at once (irq.c), so
 * no priority is ever raised for long and TPR stays 0.
 */
#include <arch/apic.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/smpboot.h>
#include <hv/log.h>
#include <hv/smp.h>
#include <lib/cmdline.h>

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC (1ULL << 10)
#define APIC_BASE_ENABLE (1ULL << 11)
#define APIC_BASE_ADDR 0x000ffffffffff000ULL
#define MSR_X2APIC 0x800
#define SVR_ENABLE (1U << 8)

static bool opt_x2apic = true;
PARAM_BOOL("x2apic", opt_x2apic, "use the x2APIC where the cpu has it");

const struct apic_ops *apic;
static volatile char *xapic_regs;
static bool icr_needs_poll;

/* --- xAPIC ------------------------------------------------------------------------------------ */

static uint32_t xapic_read(unsigned int reg) { return *(volatile uint32_t *)(xapic_regs + reg); }

static void xapic_write(unsigned int reg, uint32_t value)
{
    *(volatile uint32_t *)(xapic_regs + reg) = value;
}

/*
 * The previous command must have left before the next is written. Emulated APICs accept commands
 * synchronously, and there each look at the register is an exit.
 */
static void xapic_command(uint32_t low, uint32_t dest)
{
    for (unsigned int i = 0; icr_needs_poll && (xapic_read(APIC_ICR) & ICR_PENDING) && i < 100000;
         i++)
        cpu_relax();
    xapic_write(APIC_ICR_HIGH, dest << 24);
    xapic_write(APIC_ICR, low);
}

static uint32_t xapic_id(void) { return xapic_read(APIC_ID) >> 24; }

static const struct apic_ops xapic_ops = {
    .name = "xAPIC", .read = xapic_read, .write = xapic_write, .command = xapic_command,
    .id = xapic_id
};

/* --- x2APIC ----------------------------------------------------------------------------------- */

static uint32_t x2apic_read(unsigned int reg) { return (uint32_t)rdmsr(MSR_X2APIC + (reg >> 4)); }

static void x2apic_write(unsigned int reg, uint32_t value)
{
    wrmsr(MSR_X2APIC + (reg >> 4), value);
}

/*
 * x2APIC register writes do not order earlier stores; the receiver must see what it is called for.
 */
static void x2apic_command(uint32_t low, uint32_t dest)
{
    __asm__ volatile("mfence; lfence" ::: "memory");
    wrmsr(MSR_X2APIC + (APIC_ICR >> 4), ((uint64_t)dest << 32) | low);
}

static uint32_t x2apic_id(void) { return x2apic_read(APIC_ID); }

static const struct apic_ops x2apic_ops = {
    .name = "x2APIC", .read = x2apic_read, .write = x2apic_write, .command = x2apic_command,
    .id = x2apic_id
};

bool apic_is_x2(void) { return apic == &x2apic_ops; }

/* --- setting up ------------------------------------------------------------------------------- */

/*
 * Both 8259s: initialise in a known state with vectors that we recognise (0x20), then mask
 * everything. While the local APIC still passes their output on, so that a request of the
 * firmware's timer is withdrawn rather than stuck on its way (QEMU's TCG would take it later as an
 * interrupt without a vector).
 */
static void i8259_disable(void)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, 0x20);
    outb(0xa1, 0x28);
    outb(0x21, 0x04);
    outb(0xa1, 0x02);
    outb(0x21, 0x01);
    outb(0xa1, 0x01);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

void apic_init_boot(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    bool on = base & APIC_BASE_X2APIC;

    i8259_disable();
    icr_needs_poll = !(cpuid(1, 0).c >> 31);
    if (on || (opt_x2apic && cpu_features.x2apic)) {
        apic = &x2apic_ops;
    } else {
        xapic_regs = hv_ioremap(base & APIC_BASE_ADDR, PAGE_SIZE);
        if (xapic_regs == NULL)
            boot_fail("cannot map the local APIC at %#lx", (unsigned long)(base & APIC_BASE_ADDR));
        apic = &xapic_ops;
    }
}

static void apic_enable_mode(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    uint64_t want = base | APIC_BASE_ENABLE;

    /* From disabled to x2APIC only by way of xAPIC: SDM vol. 3, "x2APIC State Transitions". */
    if (want != base)
        wrmsr(MSR_APIC_BASE, want);
    if (apic == &x2apic_ops && !(base & APIC_BASE_X2APIC))
        wrmsr(MSR_APIC_BASE, want | APIC_BASE_X2APIC);
}

/*
 * What a former owner (firmware, a crashed kernel) left in service would block everything of its
 * priority.
 */
static void apic_drain(void)
{
    for (unsigned int i = 0; i < 256; i++) {
        bool busy = false;

        for (unsigned int reg = 0; reg < 8; reg++)
            busy |= apic->read(APIC_ISR + 16 * reg) != 0;
        if (!busy)
            return;
        apic_eoi();
    }
}

void apic_init_cpu(void)
{
    unsigned int lvts;

    apic_enable_mode();
    apic->write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    apic_drain();
    lvts = ((apic->read(APIC_VERSION) >> 16) & 0xff) + 1;
    apic->write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic->write(APIC_LVT_LINT0, LVT_MASKED);
    apic->write(APIC_LVT_LINT1, smp_processor_id() == 0 ? LVT_NMI : LVT_MASKED | LVT_NMI);
    if (lvts > 4)
        apic->write(APIC_LVT_PMC, LVT_MASKED);
    if (lvts > 5)
        apic->write(APIC_LVT_THERMAL, LVT_MASKED);
    apic->write(APIC_ESR, 0);
    apic->write(APIC_LVT_ERROR, VECTOR_ERROR);
    apic->write(APIC_ESR, 0);
    apic->write(APIC_TPR, 0);
}

void apic_eoi(void) { apic->write(APIC_EOI, 0); }

bool apic_is_in_service(uint8_t vector)
{
    return (apic->read(APIC_ISR + 16 * (vector / 32u)) >> (vector % 32)) & 1;
}

/* The error status is latched by a write and then read. */
void apic_interrupt_error(void)
{
    uint32_t esr;

    apic->write(APIC_ESR, 0);
    esr = apic->read(APIC_ESR);
    apic_eoi();
    log_warn("apic: cpu %u reports error status %#x", smp_processor_id(), esr);
}

/* --- interrupts to other cpus ----------------------------------------------------------------- */

/*
 * Today's cpus need neither the 10 ms pause between the two nor the second STARTUP of the
 * MultiProcessor Specification, "Using STARTUP IPI"; whoever does need it is found and started
 * again by smpboot.c.
 */
void apic_start_cpu(uint32_t apic_id, uint8_t page)
{
    apic->command(ICR_INIT | ICR_ASSERT, apic_id);
    apic->command(ICR_STARTUP | ICR_ASSERT | page, apic_id);
}

void apic_restart_cpu(uint32_t apic_id, uint8_t page)
{
    apic->command(ICR_STARTUP | ICR_ASSERT | page, apic_id);
}

void apic_send_nmi_others(void)
{
    if (apic != NULL)
        apic->command(ICR_NMI | ICR_ASSERT | ICR_ALL_BUT_SELF, 0);
}

/* One command reaches everybody, but also cpus that we do not run: only when there are none. */
static bool is_all_others(const cpumask_t *mask)
{
    unsigned int self = smp_processor_id();

    return smpboot_all_running() && cpumask_weight(mask) + !cpumask_test(mask, self) == nr_cpu_ids;
}

void arch_send_ipi_mask(const cpumask_t *mask)
{
    unsigned int self = smp_processor_id();

    if (nr_cpu_ids > 2 && is_all_others(mask)) {
        apic->command(ICR_ASSERT | ICR_ALL_BUT_SELF | VECTOR_SERVE, 0);
        return;
    }
    for_each_cpu (cpu, mask)
        if (cpu != self)
            apic->command(ICR_ASSERT | VECTOR_SERVE, cpu_apic_id[cpu]);
}
