/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 60000 */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/* links: arch/x86/hvm/pt_wire.c */
/*
 * Accesses, wires and time steps over all devices of an HVM domain, and lines of the machine's that
 * are such wires: each is let through once for each time it has come. Input: 4 bytes a step: what,
 * where, two of data. What always holds is checked after each step, and host timers stay few: one
 * for each step, and each source's floor.
 */
#include <stdlib.h>

#include <arch/hvm_pt.h>

#include "../host/hvm_world.h"

#define SOURCES 12U /* 2 LAPICs, PIT, RTC's two, 3 HPET, PM; and some for stopped ones */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t port[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43,
                                 0x61, 0x70, 0x71, 0xb000, 0xb002, 0xb008 };

/* --- lines ------------------------------------------------------------------------------------ */

#define LINES 4U

static struct hvm_pt pt;
static struct pt_wire wire[LINES];
static bool bound[LINES];
static unsigned int raised, ended;

void irq_guest_eoi(unsigned int irq, struct domain *d) { ended++; }

static unsigned int nr_up(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < LINES; i++)
        n += bound[i] && wire[i].up;
    return n;
}

/* Two lines, each of two wires. */
static void line(unsigned int what, unsigned int i)
{
    const unsigned int before = nr_up();

    if (what == 0 && !bound[i]) {
        wire[i] = (struct pt_wire){ .pirq = (uint16_t)(i & 1), .device = (uint8_t)(3 + i) };
        if (pt_wire_add(hw_dom, &wire[i]))
            abort();
        bound[i] = true;
    } else if (what == 1) {
        if ((pt_wire_remove(hw_dom, &wire[i], false) != NULL) != bound[i])
            abort();
        bound[i] = false;
    } else if (what == 2) {
        pt_wires_raise(hw_dom, i & 1);
        raised += nr_up() - before;
    } else if (what == 3) {
        pt_wires_end_all(hw_dom);
    }
}

static void lines_start(void)
{
    pt.wires = NULL;
    raised = ended = 0;
    for (unsigned int i = 0; i < LINES; i++)
        bound[i] = false;
    hw_dom->arch.hvm->pt = &pt;
}

static void lines_end(void)
{
    for (unsigned int i = 0; i < LINES; i++)
        line(1, i);
    if (raised != ended || hw_dom->arch.hvm->irq.passed)
        abort();
    hw_dom->arch.hvm->pt = NULL;
}

static void step(const uint8_t *b)
{
    const unsigned int v = b[0] >> 4 & 1;
    const uint32_t val = b[2] | (uint32_t)b[3] << 8;

    switch (b[0] & 15) {
    case 0: hw_out(port[b[1] & 15], b[2]); break;
    case 1: hw_in(port[b[1] & 15]); break;
    case 2: hw_apic_write(v, (b[1] & 63) * 16, val | (uint32_t)b[3] << 24); break;
    case 3: hw_apic_read(v, (b[1] & 63) * 16); break;
    case 4: hw_write(VIOAPIC_BASE + (b[1] & 7) * 16, 4, val); break;
    case 5: hw_write(VHPET_BASE + (b[1] & 63) * 8, b[0] & 32 ? 8 : 4, val); break;
    case 6: hw_read(VHPET_BASE + (b[1] & 63) * 8, 8); break;
    case 7: (b[2] & 1 ? hvm_isa_irq_assert : hvm_isa_irq_deassert)(hw_dom, b[1] & 15); break;
    case 8:
        if (b[0] & 64)
            line(b[1] & 3, b[2] & (LINES - 1));
        else
            (void)!hvm_pci_intx(hw_dom, b[1] & 31, b[2] & 3, b[3] & 1);
        break;
    case 9: (void)!hvm_pci_link_route(hw_dom, b[1] & 7, b[2]); break;
    case 10: (void)!hvm_msi(hw_dom, VLAPIC_BASE | (uint32_t)b[1] << 12, val); break;
    case 11: (void)!vlapic_msr_write(hw_dom->vcpu[v], 0x800 + b[1], val); break;
    case 12: (void)!vlapic_msr_write(hw_dom->vcpu[v], 0x1b, VLAPIC_BASE | (val & 0xf00)); break;
    case 13: (b[1] & 1 ? vtick_leave : vtick_enter)(hw_dom->vcpu[v]); break;
    case 14:
        hw_take(v);
        break;
    case 15: hw_run((ns_t)val * 1000); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hw_start(2, HW_HVM);
    hw_apic_on(0);
    lines_start();
    for (size_t i = 0; i + 4 <= size && i < 1024; i += 4) {
        const ns_t before = hw_now;

        hw.expiries = 0;
        step(&data[i]);
        if (hw_broken() || raised != ended + nr_up())
            abort();
        if (hw.expiries > 64 + SOURCES * (unsigned int)((hw_now - before) / VTICK_MIN_PERIOD + 1))
            abort();
    }
    lines_end();
    if (hw_end())
        abort();
    return 0;
}
