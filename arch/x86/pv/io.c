/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O ports of PV guests. Whether the instruction may be executed at all is decided by the virtual
 * IOPL and the I/O bitmap; which ports exist for the domain, by its range set. A port that it may
 * not have reads as ones and ignores writes. Four are emulated: the PIT's channel 2 with its gate
 * (0x42, 0x43, 0x61), the CMOS index (0x70), and PCI's address (0xcf8) with its data (0xcfc).
 */
#include <arch/cpu.h>
#include <arch/insn.h>
#include <arch/pv.h>
#include <arch/vpci.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/rangeset.h>
#include <hv/time.h>

#define PORT_PIT_CH2 0x42
#define PORT_PIT_MODE 0x43
#define PORT_GATE 0x61
#define PORT_CMOS_INDEX 0x70
#define PORT_CMOS_DATA 0x71
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA 0xcfc

#define PIT_HZ 1193182U
#define NS_PER_SEC 1000000000U
#define GATE_CH2 1
#define GATE_SPEAKER 2
#define GATE_OUT 0x20

/* the emulated ports' state, and CMOS index and data as a pair */
static DEFINE_SPINLOCK(io_lock, RANK_HW);

/* --- permission ------------------------------------------------------------------------------- */

bool pv_iopl_ok(const struct vcpu *v)
{
    unsigned int cpl = 3;

    if (pv_kernel_mode(v))
        cpl = v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl) ? 0 : 1;
    return v->arch.pv.iopl >= cpl;
}

bool pv_io_allowed(struct vcpu *v, uint16_t port, unsigned int size)
{
    const struct pv_vcpu *pv = &v->arch.pv;
    uint8_t bits[2] = { 0xff, 0xff };
    unsigned int mask;

    if (pv_iopl_ok(v))
        return true;
    if (pv->iobmp == 0 || (uint32_t)port + size > pv->iobmp_limit)
        return false;
    if (guest_read(bits, pv->iobmp + port / 8, (port & 7) + size > 8 ? 2 : 1))
        return false;
    mask = ((1U << size) - 1) << (port & 7);
    return ((bits[0] | ((unsigned int)bits[1] << 8)) & mask) == 0;
}

/* --- PIT channel 2: what a speaker driver or a TSC calibration does with it ------------------- */

typedef __typeof__(((struct arch_domain *)0)->pit2) pit2_t;

static uint64_t pit_ticks(const pit2_t *p)
{
    const uint64_t ns = (uint64_t)(time_now() - p->start);

    return ns / NS_PER_SEC * PIT_HZ + ns % NS_PER_SEC * PIT_HZ / NS_PER_SEC;
}

static uint32_t pit_period(const pit2_t *p) { return p->count ? p->count : 0x10000; }

static uint16_t pit_current(const pit2_t *p)
{
    const uint32_t period = pit_period(p);
    const uint64_t ticks = p->gate ? pit_ticks(p) : 0;

    if (p->mode == 2 || p->mode == 3)
        return (uint16_t)(period - ticks % period);
    return (uint16_t)(period - ticks); /* counts on below zero */
}

static bool pit_output(const pit2_t *p)
{
    const uint32_t period = pit_period(p);
    const uint64_t ticks = p->gate ? pit_ticks(p) : 0;

    if (p->mode == 2 || p->mode == 3)
        return ticks % period < (period + 1) / 2;
    return ticks >= period;
}

/* lsb_pending: 0 low byte next, 1 high byte next. latched: a count is held for reading. */
static void pit_write_mode(pit2_t *p, uint8_t val)
{
    if (val >> 6 != 2)
        return;
    if ((val & 0x30) == 0) {
        if (!p->latched)
            p->latch = pit_current(p);
        p->latched = 1;
        return;
    }
    p->mode = (val >> 1) & 3;
    p->lsb_pending = 0;
    p->latched = 0;
}

static void pit_write_count(pit2_t *p, uint8_t val)
{
    if (!p->lsb_pending) {
        p->count = val;
        p->lsb_pending = 1;
        return;
    }
    p->count = (uint16_t)(p->count | (val << 8));
    p->lsb_pending = 0;
    p->start = time_now();
}

static uint8_t pit_read_count(pit2_t *p)
{
    const uint16_t c = p->latched ? p->latch : pit_current(p);

    if (!p->lsb_pending) {
        p->lsb_pending = 1;
        return (uint8_t)c;
    }
    p->lsb_pending = 0;
    p->latched = 0;
    return (uint8_t)(c >> 8);
}

static void gate_write(struct arch_domain *a, uint8_t val)
{
    if ((val & GATE_CH2) && !a->pit2.gate)
        a->pit2.start = time_now();
    a->pit2.gate = val & GATE_CH2;
    a->pit2.out = val & GATE_SPEAKER;
}

static uint8_t gate_read(const struct arch_domain *a)
{
    return (uint8_t)(a->pit2.gate | a->pit2.out | (pit_output(&a->pit2) ? GATE_OUT : 0));
}

/* --- CMOS ------------------------------------------------------------------------------------- */

static uint8_t cmos_read(struct domain *d)
{
    if (!d->is_hardware)
        return 0xff;
    outb(PORT_CMOS_INDEX, d->arch.cmos_index);
    return inb(PORT_CMOS_DATA);
}

static void cmos_write(struct domain *d, uint8_t val)
{
    if (!d->is_hardware)
        return;
    outb(PORT_CMOS_INDEX, d->arch.cmos_index);
    outb(PORT_CMOS_DATA, val);
}

/* --- dispatch --------------------------------------------------------------------------------- */

static bool is_byte_device(uint16_t port)
{
    return port == PORT_PIT_CH2 || port == PORT_PIT_MODE || port == PORT_GATE ||
           port == PORT_CMOS_INDEX || port == PORT_CMOS_DATA;
}

static uint8_t byte_read(struct domain *d, uint16_t port)
{
    uint8_t val = 0xff;

    spin_lock(&io_lock);
    switch (port) {
    case PORT_PIT_CH2: val = pit_read_count(&d->arch.pit2); break;
    case PORT_GATE: val = gate_read(&d->arch); break;
    case PORT_CMOS_DATA: val = cmos_read(d); break;
    default: break; /* write only */
    }
    spin_unlock(&io_lock);
    return val;
}

static void byte_write(struct domain *d, uint16_t port, uint8_t val)
{
    spin_lock(&io_lock);
    switch (port) {
    case PORT_PIT_CH2: pit_write_count(&d->arch.pit2, val); break;
    case PORT_PIT_MODE: pit_write_mode(&d->arch.pit2, val); break;
    case PORT_GATE: gate_write(&d->arch, val); break;
    case PORT_CMOS_INDEX: d->arch.cmos_index = val & 0x7f; break; /* bit 7 is the NMI mask: ours */
    case PORT_CMOS_DATA: cmos_write(d, val); break;
    default: break;
    }
    spin_unlock(&io_lock);
}

static bool is_pci_data(uint16_t port, unsigned int size)
{
    return port >= PORT_PCI_DATA && port + size <= PORT_PCI_DATA + 4U;
}

uint32_t hw_port_read(uint16_t port, unsigned int size)
{
    return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

void hw_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    if (size == 1)
        outb(port, (uint8_t)val);
    else if (size == 2)
        outw(port, (uint16_t)val);
    else
        outl(port, val);
}

uint32_t pv_io_read(struct vcpu *v, uint16_t port, unsigned int size)
{
    struct domain *d = v->domain;

    if (port == PORT_PCI_ADDRESS && size == 4)
        return d->arch.pci_cf8;
    if (is_pci_data(port, size))
        return vpci_port_read(d, d->arch.pci_cf8, port & 3, size) & pci_all_ones(size);
    if (is_byte_device(port))
        return byte_read(d, port) | (pci_all_ones(size) & ~0xffU);
    if (!rangeset_contains(d->arch.ioport_caps, port, (uint64_t)port + size - 1))
        return pci_all_ones(size);
    return hw_port_read(port, size);
}

void pv_io_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val)
{
    struct domain *d = v->domain;

    if (port == PORT_PCI_ADDRESS && size == 4) {
        d->arch.pci_cf8 = val;
    } else if (is_pci_data(port, size)) {
        vpci_port_write(d, d->arch.pci_cf8, port & 3, size, val);
    } else if (is_byte_device(port)) {
        byte_write(d, port, (uint8_t)val);
        /* A word write to 0x70 sets index and data at once. */
        if (size > 1 && is_byte_device((uint16_t)(port + 1)))
            byte_write(d, (uint16_t)(port + 1), (uint8_t)(val >> 8));
    } else if (rangeset_contains(d->arch.ioport_caps, port, (uint64_t)port + size - 1)) {
        hw_port_write(port, size, val);
    }
}
