/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What exits cost, in instructions: under `-icount shift=0` the TSC counts them, the hypervisor's
 * and this kernel's alike. Medians of many rounds, less that of an empty one, for
 * tests/bench/exits.
 */
#include "payload.h"

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>

#include <xen/sched.h>
#include <xen/version.h>

#define ROUNDS 101

static uint64_t sample[ROUNDS], empty;

static void figure(const char *name)
{
    struct pvh_figure *f = &mailbox.figure[mailbox.nr_figures];
    unsigned int n;

    for (int i = 1; i < ROUNDS; i++)
        for (int j = i; j > 0 && sample[j - 1] > sample[j]; j--) {
            const uint64_t t = sample[j];

            sample[j] = sample[j - 1];
            sample[j - 1] = t;
        }
    if (!empty) {
        empty = sample[ROUNDS / 2];
        return;
    }
    if (mailbox.nr_figures >= PVH_FIGURES)
        return;
    for (n = 0; name[n] && n < sizeof(f->name) - 1; n++)
        f->name[n] = name[n];
    f->min = sample[0] - empty;
    f->median = sample[ROUNDS / 2] - empty;
    f->max = sample[ROUNDS - 1] - empty;
    mailbox.nr_figures++;
}

#define BENCH(name, body)                                                                         \
    do {                                                                                          \
        for (int r_ = -5; r_ < ROUNDS; r_++) {                                                    \
            const uint64_t t_ = rdtsc();                                                          \
                                                                                                  \
            body;                                                                                 \
            if (r_ >= 0)                                                                          \
                sample[r_] = rdtsc() - t_;                                                        \
        }                                                                                         \
        figure(name);                                                                             \
    } while (0)

void bench(void)
{
    struct { uint32_t idx, submap; } features = { 0, 0 };
    uint32_t r[4];

    BENCH("empty", );
    BENCH("exit.cpuid", cpuid(0, 0, r));
    BENCH("exit.cpuid.xen", cpuid(0x40000000, 0, r));
    BENCH("exit.rdmsr.efer", rdmsr(0xc0000080));
    BENCH("exit.rdmsr.mtrr", rdmsr(0x2ff));
    BENCH("exit.wrmsr.mtrr", wrmsr(0x2ff, 0xc06));
    BENCH("exit.port.nobody", inl(0x5678));
    BENCH("exit.mmio.nobody", (void)*(volatile uint32_t *)HOLE);
    BENCH("exit.mmio.write", *(volatile uint32_t *)HOLE = 1);
    BENCH("exit.xapic.read", (void)*lapic(0x30));
    BENCH("exit.xapic.eoi", *lapic(0xb0) = 0);
    BENCH("exit.hypercall.version", vmmcall(__HYPERVISOR_xen_version, XENVER_version, 0, 0));
    BENCH("exit.hypercall.copy", vmmcall(__HYPERVISOR_xen_version, XENVER_get_features,
                                         (uint64_t)&features, 0));
    BENCH("exit.hypercall.yield", vmmcall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0));
    BENCH("exit.cr4", __asm__ volatile("mov %%cr4, %%rax; mov %%rax, %%cr4" : : : "rax", "memory"));
    BENCH("exit.wbinvd", __asm__ volatile("wbinvd" : : : "memory"));
    *lapic(0xf0) = 0x1ff;
    BENCH("exit.xapic.self-ipi", *lapic(0x300) = 1U << 18 | 0x41;
          __asm__ volatile("sti; nop; nop; cli"));
    wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
    x2apic = true;
    BENCH("exit.x2apic.read", rdmsr(0x802));
    BENCH("exit.x2apic.eoi", wrmsr(0x80b, 0));
    BENCH("exit.x2apic.self-ipi", wrmsr(0x83f, 0x41); __asm__ volatile("sti; nop; nop; cli"));
    wrmsr(0x832, 0x40);
    wrmsr(0x83e, 0xb);
    BENCH("exit.timer.hlt", wrmsr(0x838, 1000); __asm__ volatile("sti; hlt; cli"));
}

/* --- HVM -------------------------------------------------------------------------------------- */

#define DIRTY 0x600000UL /* pages that are written to while dom0 keeps a log */

static void device_model(void)
{
    volatile uint32_t *device = (volatile uint32_t *)(uint64_t)DM_MEMORY;
    static uint32_t words[16];

    BENCH("dm.port.read", inl(DM_PORT));
    BENCH("dm.port.write", outl(DM_PORT, 1));
    BENCH("dm.mmio.read", (void)*device);
    BENCH("dm.mmio.write", *device = 1);
    BENCH("dm.mmio.movs.16", {
        void *to = (void *)device;
        const void *from = words;
        uint64_t n = 16;

        __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    });
}

static void pc_devices(void)
{
    BENCH("exit.pic.read", inb(0x21));
    BENCH("exit.pic.eoi", outb(0x20, 0x20));
    BENCH("exit.pit.read", inb(0x40));
    BENCH("exit.rtc.read", inb(0x71));
    BENCH("exit.pmtimer", inl(0x1f48));
    BENCH("exit.hpet.read", (void)*(volatile uint64_t *)0xfed000f0UL);
    BENCH("exit.ioapic.read", (void)*(volatile uint32_t *)0xfec00010UL);
}

static void nested_faults(void)
{
    volatile uint8_t *at = (volatile uint8_t *)((uint64_t)ON_DEMAND_GFN * PAGE);

    BENCH("fault.populate", (void)*at; at += PAGE);
    at = (volatile uint8_t *)DIRTY;
    for (unsigned int i = 0; i < 128; i++)
        at[i * PAGE] = 1;
    outl(DM_ORDER, DM_LOG);
    BENCH("fault.log-dirty", *at = 2; at += PAGE);
}

void hvm_bench(void)
{
    BENCH("empty", );
    device_model();
    pc_devices();
    nested_faults();
}
