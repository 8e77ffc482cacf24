/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/*
 * The wires of an HVM domain and its IO-APIC: registers, edges and levels, Remote IRR, PCI links,
 * event channels as an interrupt line, records.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <hv/errno.h>

#define LEVEL 0x8000U
#define MASKED 0x10000U

static void start(unsigned int vcpus)
{
    hw_start(vcpus, HW_HVM);
    for (unsigned int v = 0; v < vcpus; v++)
        hw_apic_on(v);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

static void test_registers(void)
{
    TEST("registers: version, id, window, entries")
    {
        start(1);
        CHECK_EQ(hw_read(VIOAPIC_BASE, 4), 0);
        hw_write(VIOAPIC_BASE, 4, 1);
        CHECK_EQ(hw_read(VIOAPIC_BASE, 4), 1);
        CHECK_EQ(hw_read(VIOAPIC_BASE + 0x10, 4), 0x002f0011);
        hw_write(VIOAPIC_BASE + 0x10, 4, 0);
        CHECK_EQ(hw_read(VIOAPIC_BASE + 0x10, 4), 0x002f0011);
        hw_write(VIOAPIC_BASE, 4, 0);
        hw_write(VIOAPIC_BASE + 0x10, 4, 0xffffffff);
        CHECK_EQ(hw_read(VIOAPIC_BASE + 0x10, 4), 0x0f000000);
        CHECK_EQ(hw_ioapic_entry(0), MASKED);
        CHECK_EQ(hw_ioapic_entry(47), MASKED);
        hw_ioapic(47, ~0ULL);
        CHECK_EQ(hw_ioapic_entry(47), 0xff0000000001afff);
        hw_write(VIOAPIC_BASE, 4, 0x10 + 2 * 48);
        hw_write(VIOAPIC_BASE + 0x10, 4, 0);
        CHECK_EQ(hw_read(VIOAPIC_BASE + 0x10, 4), 0xffffffff);
        CHECK_EQ(hw_read(VIOAPIC_BASE + 0x20, 4), 0);
        end();
    }
}

static void test_delivery(void)
{
    TEST("an edge is delivered once for each rise, and is lost while masked")
    {
        start(1);
        hw_ioapic(5, 0x45 | MASKED);
        hvm_isa_irq_assert(hw_dom, 5);
        hw_ioapic(5, 0x45);
        CHECK_EQ(hw_serve(0), -1);
        hvm_isa_irq_deassert(hw_dom, 5);
        hvm_isa_irq_assert(hw_dom, 5);
        hvm_isa_irq_assert(hw_dom, 5);
        CHECK_EQ(hw_serve(0), 0x45);
        CHECK_EQ(hw_serve(0), -1);
        hvm_isa_irq_pulse(hw_dom, 5);
        CHECK_EQ(hw_serve(0), 0x45);
        end();
    }
    TEST("a level is delivered until it falls, once for each EOI")
    {
        start(1);
        hw_ioapic(20, 0x50 | LEVEL);
        hw_gsi(20, true);
        CHECK_EQ(hw_ioapic_entry(20), 0x50 | LEVEL | 0x4000);
        CHECK_EQ(hw_take(0), 0x50);
        CHECK_EQ(hw_take(0), -1);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), 0x50);
        hw_gsi(20, false);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(hw_ioapic_entry(20), 0x50 | LEVEL);
        end();
    }
    TEST("a level that is up when it is unmasked is delivered then")
    {
        start(1);
        hw_ioapic(20, 0x50 | LEVEL | MASKED);
        hw_gsi(20, true);
        CHECK_EQ(hw_take(0), -1);
        hw_ioapic(20, 0x50 | LEVEL);
        CHECK_EQ(hw_take(0), 0x50);
        end();
    }
    TEST("two sources of one pin: it falls with the second")
    {
        start(1);
        hw_ioapic(20, 0x50 | LEVEL);
        hw_gsi(20, true);
        hw_gsi(20, true);
        hw_gsi(20, false);
        CHECK_EQ(hw_serve(0), 0x50);
        CHECK_EQ(hw_take(0), 0x50);
        hw_gsi(20, false);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("the EOI register, and the way of kernels without one: edge and back")
    {
        start(1);
        hw_ioapic(20, 0x50 | LEVEL);
        hw_gsi(20, true);
        hw_gsi(20, false);
        hw_write(VIOAPIC_BASE + 0x40, 4, 0x51);
        CHECK_EQ(hw_ioapic_entry(20) & 0x4000, 0x4000);
        hw_write(VIOAPIC_BASE + 0x40, 4, 0x50);
        CHECK_EQ(hw_ioapic_entry(20) & 0x4000, 0);
        hw_gsi(20, true);
        hw_gsi(20, false);
        hw_ioapic(20, 0x50 | MASKED);
        hw_ioapic(20, 0x50 | LEVEL);
        CHECK_EQ(hw_ioapic_entry(20) & 0x4000, 0);
        end();
    }
    TEST("an edge's vector ends without asking the IO-APIC; TMR says which is which")
    {
        start(1);
        hw_ioapic(20, 0x50 | LEVEL);
        hw_ioapic(21, 0x61);
        hw_gsi(20, true);
        hw_gsi(21, true);
        CHECK_EQ(hw_apic_read(0, 0x180 + 0x20), 1U << 0x10);
        CHECK_EQ(hw_apic_read(0, 0x180 + 0x30), 0);
        CHECK_EQ(hw_serve(0), 0x61);
        CHECK_EQ(hw_ioapic_entry(20) & 0x4000, 0x4000);
        end();
    }
    TEST("a level that no LAPIC took is not stuck")
    {
        start(2);
        hw_ioapic(20, 7ULL << 56 | 0x50 | LEVEL);
        hw_gsi(20, true);
        CHECK_EQ(hw_ioapic_entry(20) & 0x4000, 0);
        hw_ioapic(20, 2ULL << 56 | 0x50 | LEVEL);
        CHECK_EQ(hw_serve(1), 0x50);
        end();
    }
    TEST("modes: lowest priority, NMI, reserved ones")
    {
        start(2);
        hw_apic_write(0, 0xd0, 1U << 24);
        hw_apic_write(1, 0xd0, 2U << 24);
        hw_apic_write(0, 0x80, 0x10);
        hw_ioapic(20, 3ULL << 56 | 0x950);
        hw_gsi(20, true);
        CHECK_EQ(hw_take(0), -1);
        CHECK_EQ(hw_serve(1), 0x50);
        hw_ioapic(21, 2ULL << 56 | 0x400);
        hw_gsi(21, true);
        CHECK(hw_dom->vcpu[1]->nmi_pending && !hw_dom->vcpu[0]->nmi_pending);
        hw_ioapic(22, 2ULL << 56 | 0x350);
        hw_ioapic(23, 2ULL << 56 | 0x550);
        hw_gsi(22, true);
        hw_gsi(23, true);
        CHECK_EQ(hw_take(1), -1);
        CHECK_EQ(hw.resets[1], 0);
        end();
    }
    TEST("a vector below 16 is an error of the receiver")
    {
        start(1);
        hw_ioapic(20, 0x05 | LEVEL);
        hw_gsi(20, true);
        hw_apic_write(0, 0x280, 0);
        CHECK_EQ(hw_apic_read(0, 0x280), 0x40);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("ISA irq 0 is pin 2, irq 2 is nobody's")
    {
        start(1);
        hw_ioapic(0, 0x40);
        hw_ioapic(2, 0x42);
        hvm_isa_irq_assert(hw_dom, 2);
        CHECK_EQ(hw_take(0), -1);
        hvm_isa_irq_assert(hw_dom, 0);
        CHECK_EQ(hw_serve(0), 0x42);
        end();
    }
}

static void test_pci(void)
{
    static const struct { uint8_t device, intx, gsi, link; } row[] = {
        { 0, 0, 16, 0 }, { 1, 1, 21, 2 }, { 3, 0, 28, 3 }, { 4, 3, 35, 3 }, { 8, 0, 17, 0 },
        { 31, 3, 16 + ((31 * 4 + 3 + 3) & 31), (31 + 3) & 3 },
    };

    TEST("INTx: pins and links")
    {
        for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
            start(1);
            hw_ioapic(row[i].gsi, 0x50 | LEVEL);
            hw_ioapic(10, 0x60 | LEVEL);
            CHECK_EQ(hvm_pci_link_route(hw_dom, row[i].link, 10), 0);
            CHECK_EQ(hvm_pci_intx(hw_dom, row[i].device, row[i].intx, true), 0);
            CHECK_EQ(hvm_pci_intx(hw_dom, row[i].device, row[i].intx, true), 0);
            CHECK_EQ(hw_take(0), 0x60);
            CHECK_EQ(hvm_pci_intx(hw_dom, row[i].device, row[i].intx, false), 0);
            hw_apic_write(0, 0xb0, 0);
            CHECK_EQ(hw_serve(0), 0x50);
            CHECK_EQ(hw_serve(0), -1);
            end();
        }
    }
    TEST("a link that is moved takes its level along")
    {
        start(1);
        hw_ioapic(10, 0x60 | LEVEL);
        hw_ioapic(11, 0x70 | LEVEL);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 0, 10), 0);
        CHECK_EQ(hvm_pci_intx(hw_dom, 0, 0, true), 0);
        CHECK_EQ(hw_take(0), 0x60);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 0, 11), 0);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_serve(0), 0x70);
        CHECK_EQ(hw_take(0), 0x70);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 0, 0), 0);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("what there is not")
    {
        start(1);
        CHECK_EQ(hvm_pci_intx(hw_dom, 32, 0, true), -EINVAL);
        CHECK_EQ(hvm_pci_intx(hw_dom, 0, 4, true), -EINVAL);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 4, 5), -EINVAL);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 0, 16), -EINVAL);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 0, 2), -EINVAL);
        end();
    }
}

static void test_callback(void)
{
    TEST("events as a GSI: up while vcpu 0 has some pending")
    {
        start(2);
        hw_ioapic(24, 0x50 | LEVEL);
        CHECK_EQ(hvm_callback_set(hw_dom, 24), 0);
        hw_dom->vcpu[1]->info->evtchn_upcall_pending = 1;
        hvm_upcall(hw_dom->vcpu[1]);
        CHECK_EQ(hw_take(0), -1);
        hw_dom->vcpu[0]->info->evtchn_upcall_pending = 1;
        hvm_upcall(hw_dom->vcpu[0]);
        hvm_upcall(hw_dom->vcpu[0]);
        CHECK_EQ(hw_serve(0), 0x50);
        CHECK_EQ(hw_take(0), 0x50);
        hw_dom->vcpu[0]->info->evtchn_upcall_pending = 0;
        hvm_callback_sync(hw_dom->vcpu[1]);
        hvm_callback_sync(hw_dom->vcpu[0]);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("events as a PCI INTx: its pin and its link; they move with the parameter")
    {
        start(1);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 3, 10), 0);
        hw_ioapic(28, 0x50 | LEVEL);
        hw_ioapic(10, 0x60 | LEVEL);
        hw_ioapic(5, 0x70 | LEVEL);
        hw_dom->vcpu[0]->info->evtchn_upcall_pending = 1;
        CHECK_EQ(hvm_callback_set(hw_dom, 1ULL << 56 | 3 << 11), 0);
        CHECK_EQ(hw_take(0), 0x60);
        CHECK_EQ(hvm_callback_set(hw_dom, 5), 0);
        CHECK_EQ(hw_take(0), 0x70);
        CHECK_EQ(hvm_callback_set(hw_dom, 0), 0);
        hw_apic_write(0, 0xb0, 0);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_serve(0), 0x50); /* was pending when its pin fell */
        CHECK_EQ(hw_take(0), -1);
        end();
    }
}

static void test_records(void)
{
    struct hvm_hw_vioapic r, again;
    struct hvm_hw_pci_irqs pci;
    struct hvm_hw_isa_irqs isa;
    struct hvm_hw_pci_link link;
    struct hvm_hw_lapic_regs regs;

    TEST("a level in service ends in the restored domain, and comes again")
    {
        start(1);
        CHECK_EQ(hvm_pci_link_route(hw_dom, 0, 10), 0);
        hw_ioapic(16, 0x50 | LEVEL);
        hw_ioapic(10, 0x60 | LEVEL);
        CHECK_EQ(hvm_pci_intx(hw_dom, 0, 0, true), 0);
        CHECK_EQ(hw_take(0), 0x60);
        vlapic_save_regs(hw_dom->vcpu[0], &regs);
        vioapic_save(hw_dom, &r);
        hvm_irq_save_pci(hw_dom, &pci);
        hvm_irq_save_isa(hw_dom, &isa);
        hvm_irq_save_link(hw_dom, &link);
        end();
        start(1);
        CHECK_EQ(vioapic_load(hw_dom, &r), 0);
        CHECK_EQ(vlapic_load_regs(hw_dom->vcpu[0], &regs), 0);
        CHECK_EQ(hvm_irq_load_pci(hw_dom, &pci), 0);
        CHECK_EQ(hvm_irq_load_isa(hw_dom, &isa), 0);
        CHECK_EQ(hvm_irq_load_link(hw_dom, &link), 0);
        vioapic_save(hw_dom, &again);
        CHECK(memcmp(&r, &again, sizeof(r)) == 0);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_take(0), 0x60);
        CHECK_EQ(hvm_pci_intx(hw_dom, 0, 0, false), 0);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(hw_serve(0), 0x50);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("records that cannot be are refused")
    {
        start(1);
        vioapic_save(hw_dom, &r);
        again = r, again.base_address = 0xfec10000;
        CHECK_EQ(vioapic_load(hw_dom, &again), -EINVAL);
        again = r, again.ioregsel = 0x100;
        CHECK_EQ(vioapic_load(hw_dom, &again), -EINVAL);
        again = r, again.id = 16;
        CHECK_EQ(vioapic_load(hw_dom, &again), -EINVAL);
        again = r, again.redirtbl[47].bits = 0x4000;
        CHECK_EQ(vioapic_load(hw_dom, &again), -EINVAL);
        again = r, again.redirtbl[3].bits = 1ULL << 40;
        CHECK_EQ(vioapic_load(hw_dom, &again), -EINVAL);
        CHECK_EQ(vioapic_load(hw_dom, &r), 0);
        isa.pad[0] = 4;
        CHECK_EQ(hvm_irq_load_isa(hw_dom, &isa), -EINVAL);
        isa.pad[0] = 0x10000;
        CHECK_EQ(hvm_irq_load_isa(hw_dom, &isa), -EINVAL);
        link.route[3] = 16;
        CHECK_EQ(hvm_irq_load_link(hw_dom, &link), -EINVAL);
        end();
    }
}

int main(void)
{
    test_registers();
    test_delivery();
    test_pci();
    test_callback();
    test_records();
    return check_exit();
}
