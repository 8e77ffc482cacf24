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
 * The 8259 pair: initialization, priorities and rotation, every way to end an interrupt, special
 * modes, polling, edge and level. Expected results are the Intel 8259A data sheet's.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <hv/errno.h>

static void up(unsigned int irq) { hvm_isa_irq_assert(hw_dom, irq); }
static void down(unsigned int irq) { hvm_isa_irq_deassert(hw_dom, irq); }

/* LINT0 of vcpu 0 listens, as firmware leaves it. */
static void start(uint16_t enabled)
{
    hw_start(2, HW_HVM);
    hw_apic_on(0);
    hw_apic_write(0, 0x350, 0x700);
    hw_pic_start(enabled);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
}

static uint8_t irr(unsigned int port)
{
    hw_out(port, 0x0a);
    return hw_in(port);
}

static uint8_t isr(unsigned int port)
{
    hw_out(port, 0x0b);
    return hw_in(port);
}

static void test_basics(void)
{
    TEST("vectors of master and slave; a specific and a non-specific end")
    {
        start(0xffff);
        up(3);
        up(12);
        CHECK_EQ(irr(0x20), 0x0c);
        CHECK_EQ(irr(0xa0), 0x10);
        CHECK_EQ(hw_take(0), 0x2c);
        CHECK_EQ(isr(0x20), 0x04);
        CHECK_EQ(isr(0xa0), 0x10);
        CHECK_EQ(hw_take(0), -1);      /* 3 is below the cascade */
        hw_out(0xa0, 0x64);
        hw_out(0x20, 0x62);
        CHECK_EQ(isr(0xa0), 0);
        CHECK_EQ(hw_take(0), 0x23);
        hw_out(0x20, 0x20);
        CHECK_EQ(isr(0x20), 0);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("a higher line interrupts a lower one; masks hold back; only LINT0's vcpu is asked")
    {
        start(0xffff);
        up(4);
        CHECK_EQ(hw_take(1), -1);
        CHECK_EQ(hw_take(0), 0x24);
        up(5);
        CHECK_EQ(hw_take(0), -1);
        up(1);
        hw_out(0x21, 0x02);
        CHECK_EQ(hw_in(0x21), 0x02);
        CHECK_EQ(hw_take(0), -1);
        hw_out(0x21, 0);
        CHECK_EQ(hw_take(0), 0x21);
        hw_apic_write(0, 0x350, 0x10700);
        hw_out(0x20, 0x20);
        hw_out(0x20, 0x20);
        CHECK_EQ(hw_take(0), -1);
        hw_apic_write(0, 0x350, 0x700);
        CHECK_EQ(hw_take(0), 0x25);
        end();
    }
    TEST("a request that goes away gives the default 7, which sets nothing in service")
    {
        start(0xffff);
        up(4);
        const struct hvm_int what = hvm_int_pending(hw_dom->vcpu[0]);

        down(4);
        CHECK_EQ(what.source, HVM_INT_PIC);
        CHECK_EQ(hvm_int_take(hw_dom->vcpu[0], what), 0x27);
        CHECK_EQ(isr(0x20), 0);
        end();
    }
    TEST("ICW1 forgets edges, masks and modes; ICW2-4 in their order")
    {
        start(0xffff);
        hw_out(0x20, 0x68); /* special mask */
        hw_out(0x20, 0xc3); /* lowest is 3 */
        up(4);
        hw_out(0x20, 0x11);
        CHECK_EQ(irr(0x20), 0);
        hw_out(0x21, 0x40);
        hw_out(0x21, 0x04);
        hw_out(0x21, 0x03); /* automatic EOI */
        CHECK_EQ(hw_in(0x21), 0);
        down(4);
        up(4);
        up(0);
        CHECK_EQ(hw_take(0), 0x40);
        CHECK_EQ(isr(0x20), 0);
        CHECK_EQ(hw_take(0), 0x44);
        end();
    }
    TEST("without ICW4, and single")
    {
        start(0xffff);
        hw_out(0x20, 0x12); /* single, no ICW4: one more word */
        hw_out(0x21, 0x50);
        hw_out(0x21, 0xfe); /* this is the mask */
        CHECK_EQ(hw_in(0x21), 0xfe);
        up(0);
        CHECK_EQ(hw_take(0), 0x50);
        end();
    }
}

static void test_modes(void)
{
    TEST("rotation: on ends, by command, with automatic EOI")
    {
        start(0xff);
        up(3);
        up(4);
        CHECK_EQ(hw_take(0), 0x23);
        hw_out(0x20, 0xa0);   /* 3 is the lowest now */
        down(3);
        up(3);
        CHECK_EQ(hw_take(0), 0x24);
        hw_out(0x20, 0xe4);   /* specific */
        up(5);
        CHECK_EQ(hw_take(0), 0x25);
        hw_out(0x20, 0x65);
        CHECK_EQ(hw_take(0), 0x23);
        hw_out(0x20, 0x63);
        hw_out(0x20, 0xc0);   /* 0 is the lowest, 1 the highest */
        down(0), up(0);
        up(7);
        CHECK_EQ(hw_take(0), 0x27);
        hw_out(0x20, 0x20);
        CHECK_EQ(hw_take(0), 0x20);
        end();
        start(0xff);
        hw_out(0x20, 0x11);
        hw_out(0x21, 0x20);
        hw_out(0x21, 0x04);
        hw_out(0x21, 0x03);
        hw_out(0x20, 0x80);
        up(2 + 1);
        CHECK_EQ(hw_take(0), 0x23);
        down(3), up(3);
        up(4);
        CHECK_EQ(hw_take(0), 0x24);
        CHECK_EQ(hw_take(0), 0x23);
        end();
    }
    TEST("special mask mode lets lower lines in, and non-specific ends pass over the masked")
    {
        start(0xff);
        up(1);
        CHECK_EQ(hw_take(0), 0x21);
        up(5);
        CHECK_EQ(hw_take(0), -1);
        hw_out(0x21, 0x02);
        CHECK_EQ(hw_take(0), -1);
        hw_out(0x20, 0x68);
        CHECK_EQ(hw_take(0), 0x25);
        hw_out(0x20, 0x20);
        CHECK_EQ(isr(0x20), 0x02);
        hw_out(0x20, 0x48);
        hw_out(0x20, 0x20);
        CHECK_EQ(isr(0x20), 0);
        end();
    }
    TEST("special fully nested mode: the slave's higher line interrupts its lower one")
    {
        for (unsigned int sfnm = 0; sfnm < 2; sfnm++) {
            start(0xffff);
            hw_out(0x20, 0x11);
            hw_out(0x21, 0x20);
            hw_out(0x21, 0x04);
            hw_out(0x21, sfnm ? 0x11 : 0x01);
            up(12);
            CHECK_EQ(hw_take(0), 0x2c);
            up(9);
            CHECK_EQ(hw_take(0), sfnm ? 0x29 : -1);
            end();
        }
    }
    TEST("by pin 0 of the IO-APIC, as hvmloader has it")
    {
        const union vioapic_redir_entry off = { .fields.mask = 1 };
        union vioapic_redir_entry wire = { .fields.delivery_mode = 7, .fields.dest_id = 2 };
        volatile union vioapic_redir_entry *pin0;

        start(0xffff);
        pin0 = &hw_dom->arch.hvm->irq.ioapic.redirtbl[0];
        for (unsigned int v = 0; v < 2; v++) {
            vlapic_mmio_write(hw_dom->vcpu[v], 0xf0, 4, 0x1ff);
            vlapic_mmio_write(hw_dom->vcpu[v], 0x350, 4, 0x10000);
        }
        pin0->bits = off.bits;
        up(6);
        CHECK(hw_take(0) == -1 && hw_take(1) == -1);
        pin0->bits = wire.bits; /* to LAPIC 2: vcpu 1 */
        CHECK(hw_take(0) == -1 && hw_take(1) == 0x26);
        hw_out(0x20, 0x20);
        down(6);
        up(6);
        wire.fields.delivery_mode = 0;
        pin0->bits = wire.bits;
        CHECK_EQ(hw_take(1), -1);
        wire.fields.delivery_mode = 7;
        pin0->bits = wire.bits;
        vlapic_mmio_write(hw_dom->vcpu[1], 0xf0, 4, 0xff); /* switched off */
        CHECK_EQ(hw_take(1), -1);
        end();
    }
    TEST("polling acknowledges")
    {
        start(0xffff);
        hw_out(0x20, 0x0c);
        CHECK_EQ(hw_in(0x20), 0);
        up(6);
        hw_out(0x20, 0x0c);
        CHECK_EQ(hw_in(0x20), 0x86);
        CHECK_EQ(isr(0x20), 0x40);
        hw_out(0x20, 0x20);
        up(10);
        hw_out(0x20, 0x0c);
        CHECK_EQ(hw_in(0x20), 0x82);
        hw_out(0xa0, 0x0c);
        CHECK_EQ(hw_in(0xa0), 0x82);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("ELCR: which bits there are; a level comes again until it falls")
    {
        start(0xffff);
        hw_out(0x4d0, 0xff);
        hw_out(0x4d1, 0xff);
        CHECK_EQ(hw_in(0x4d0), 0xf8);
        CHECK_EQ(hw_in(0x4d1), 0xde);
        up(11);
        CHECK_EQ(hw_take(0), 0x2b);
        hw_out(0xa0, 0x20);
        hw_out(0x20, 0x20);
        CHECK_EQ(hw_take(0), 0x2b);
        down(11);
        hw_out(0xa0, 0x20);
        hw_out(0x20, 0x20);
        CHECK_EQ(hw_take(0), -1);
        end();
    }
    TEST("a word access reaches both ports")
    {
        uint32_t val = 0xaa40;

        start(0xffff);
        hw_out(0x20, 0x0a);
        CHECK(hvm_port_io(hw_dom->vcpu[0], 0x20, 2, true, &val));
        CHECK_EQ(hw_in(0x21), 0xaa);
        CHECK(hvm_port_io(hw_dom->vcpu[0], 0x20, 2, false, &val));
        CHECK_EQ(val, 0xaa00);
        CHECK(!hvm_port_io(hw_dom->vcpu[0], 0x1f, 1, false, &val));
        CHECK(!hvm_port_io(hw_dom->vcpu[0], 0x80, 1, false, &val));
        end();
    }
    TEST("a PVH domain has none of these ports")
    {
        hw_start(1, HW_PVH);
        CHECK_EQ(hw_in(0x21), 0xff);
        CHECK_EQ(hw_in(0x40), 0xff);
        CHECK_EQ(hw_in(0x71), 0xff);
        CHECK_EQ(hw_in32(0xb008), 0xffffffff);
        CHECK_EQ(hw_read(VIOAPIC_BASE, 4), ~0ULL);
        CHECK_EQ(hw_read(VHPET_BASE, 4), ~0ULL);
        end();
    }
}

/* A block within a device's page is not for a device model, whatever the device has of it. */
static void test_addresses(void)
{
    static const struct { uint64_t gpa; bool in_page, answers; } at[] = {
        { VIOAPIC_BASE, true, true },          { VIOAPIC_BASE + 0xff8, true, true },
        { VIOAPIC_BASE - 1, false, false },    { VIOAPIC_BASE + 0x1000, false, false },
        { VHPET_BASE, true, true },            { VHPET_BASE + VHPET_SIZE - 8, true, true },
        { VHPET_BASE + VHPET_SIZE, true, false }, { VHPET_BASE + 0x1000, false, false },
        { VLAPIC_BASE + 0x20, true, true },    { VLAPIC_BASE + 0x1000, false, false },
        { VLAPIC_BASE + (1ULL << 32), false, false },
    };

    TEST("which addresses are the hypervisor's devices")
    {
        for (unsigned int off = 0; off < 4; off++) {
            struct vcpu *v;
            uint64_t val;

            start(0xffff);
            v = hw_dom->vcpu[0];
            hw_dom->arch.hvm->hpet_enabled = off != 1;
            if (off == 2)
                hw_dom->arch.hvm->emulation &= ~(XEN_X86_EMU_IOAPIC | XEN_X86_EMU_HPET);
            if (off == 3)
                CHECK_EQ(vlapic_msr_write(v, 0x1b, VLAPIC_BASE | 0xd00), 0); /* x2APIC */
            for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
                const uint64_t page = at[i].gpa & ~0xfffULL;
                const bool gone = (off == 1 && page == VHPET_BASE) ||
                                  (off == 2 && page != VLAPIC_BASE) ||
                                  (off == 3 && page == VLAPIC_BASE);

                CHECK_EQ(hvm_mmio_is_ours(v, at[i].gpa), at[i].in_page && !gone);
                CHECK_EQ(hvm_mmio(v, at[i].gpa, 4, false, &val), at[i].answers && !gone);
            }
            end();
        }
    }
}

static void test_records(void)
{
    struct hvm_hw_vpic r[2], bad, again;
    struct hvm_hw_isa_irqs isa;

    TEST("saved and loaded in the middle of a service")
    {
        start(0xffff);
        hw_out(0x4d1, 0x08);
        up(11);
        up(5);
        CHECK_EQ(hw_take(0), 0x2b);
        for (unsigned int i = 0; i < 2; i++)
            vpic_save(hw_dom, i, &r[i]);
        hvm_irq_save_isa(hw_dom, &isa);
        end();
        start(0);
        for (unsigned int i = 0; i < 2; i++)
            CHECK_EQ(vpic_load(hw_dom, i, &r[i]), 0);
        CHECK_EQ(hvm_irq_load_isa(hw_dom, &isa), 0);
        for (unsigned int i = 0; i < 2; i++) {
            vpic_save(hw_dom, i, &again);
            CHECK(memcmp(&again, &r[i], sizeof(again)) == 0);
        }
        hw_out(0xa0, 0x20);
        hw_out(0x20, 0x20);
        CHECK_EQ(hw_take(0), 0x2b);
        down(11);
        hw_out(0xa0, 0x20);
        hw_out(0x20, 0x20);
        CHECK_EQ(hw_take(0), 0x25);
        end();
    }
    TEST("records that cannot be are refused")
    {
        start(0);
        CHECK_EQ(vpic_load(hw_dom, 1, &r[0]), -EINVAL);
        CHECK_EQ(vpic_load(hw_dom, 2, &r[1]), -EINVAL);
        bad = r[0], bad.priority_add = 8;
        CHECK_EQ(vpic_load(hw_dom, 0, &bad), -EINVAL);
        bad = r[0], bad.irq_base = 0x21;
        CHECK_EQ(vpic_load(hw_dom, 0, &bad), -EINVAL);
        bad = r[0], bad.elcr = 1;
        CHECK_EQ(vpic_load(hw_dom, 0, &bad), -EINVAL);
        bad = r[0], bad.init_state = 4;
        CHECK_EQ(vpic_load(hw_dom, 0, &bad), -EINVAL);
        bad = r[0], bad.int_output = 2;
        CHECK_EQ(vpic_load(hw_dom, 0, &bad), -EINVAL);
        end();
    }
}

int main(void)
{
    test_basics();
    test_modes();
    test_addresses();
    test_records();
    return check_exit();
}
