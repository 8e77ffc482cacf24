/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices of an HVM domain together: which it has, their life, and which of them a port or an
 * address belongs to.
 */
#include <arch/hvm.h>
#include <arch/hvm_pt.h>
#include <arch/hwdom.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>

/* --- life ------------------------------------------------------------------------------------- */

/* Flags that say something else than which device is here. */
#define OTHER_FLAGS \
    (XEN_X86_EMU_VGA | XEN_X86_EMU_IOMMU | XEN_X86_EMU_USE_PIRQ | XEN_X86_EMU_VPCI)
#define DEVICE_FLAGS (XEN_X86_EMU_LAPIC | XEN_X86_EMU_HPET | XEN_X86_EMU_PM | XEN_X86_EMU_RTC | \
                      XEN_X86_EMU_IOAPIC | XEN_X86_EMU_PIC | XEN_X86_EMU_PIT)

int hvm_devices_create(struct domain *d, uint32_t emulation_flags)
{
    if (!(emulation_flags & XEN_X86_EMU_LAPIC) || (emulation_flags & ~(DEVICE_FLAGS | OTHER_FLAGS)))
        return -EINVAL;
    d->arch.hvm = hv_alloc(sizeof(*d->arch.hvm));
    if (!d->arch.hvm)
        return -ENOMEM;
    d->arch.hvm->emulation = emulation_flags;
    d->arch.hvm->timer_mode = HVMPTM_no_delay_for_missed_ticks;
    hvm_irq_init(d);
    viridian_domain_init(d);
    return 0;
}

/* Ticks that were never started are known by that. */
void hvm_devices_stop(struct domain *d)
{
    struct vcpu *v;

    if (!d->arch.hvm)
        return;
    vpit_exit(d);
    vrtc_exit(d);
    vhpet_exit(d);
    vpm_exit(d);
    hvm_pt_stop(d);
    for_each_vcpu (d, v)
        if (v->arch.hvm) {
            vlapic_exit(v);
            viridian_vcpu_exit(v);
        }
}

void hvm_devices_destroy(struct domain *d)
{
    hvm_devices_stop(d);
    hvm_pt_free(d);
    hv_free(d->arch.hvm);
    d->arch.hvm = NULL;
}

/* The domain's clocks tick for vcpu 0, so they are made with it. */
static void clocks_init(struct vcpu *v)
{
    const uint32_t has = v->domain->arch.hvm->emulation;

    if (has & XEN_X86_EMU_PM)
        vpm_init(v);
    if (has & XEN_X86_EMU_PIT)
        vpit_init(v);
    if (has & XEN_X86_EMU_RTC)
        vrtc_init(v);
    if (has & XEN_X86_EMU_HPET)
        vhpet_init(v);
}

int hvm_vcpu_devices_create(struct vcpu *v)
{
    v->arch.hvm = hv_alloc(sizeof(*v->arch.hvm));
    if (!v->arch.hvm)
        return -ENOMEM;
    vlapic_init(v);
    viridian_vcpu_init(v);
    if (v->id == 0)
        clocks_init(v);
    return 0;
}

void hvm_vcpu_devices_destroy(struct vcpu *v)
{
    if (!v->arch.hvm)
        return;
    if (v->id == 0)
        hvm_devices_stop(v->domain);
    vlapic_exit(v);
    viridian_vcpu_exit(v);
    hv_free(v->arch.hvm);
    v->arch.hvm = NULL;
}

int hvm_timer_mode_set(struct domain *d, uint64_t mode)
{
    if (mode > HVMPTM_one_missed_tick_pending)
        return -EINVAL;
    write_once(d->arch.hvm->timer_mode, (uint8_t)mode);
    return 0;
}

/* --- ports ------------------------------------------------------------------------------------ */

typedef bool port_handler(struct domain *d, unsigned int port, unsigned int size, bool write,
                          uint32_t *val);

static bool pic_io(struct domain *d, unsigned int port, unsigned int size, bool write,
                   uint32_t *val)
{
    if (write)
        vpic_write(d, port, (uint8_t)*val);
    else
        *val = vpic_read(d, port);
    return true;
}

static bool pit_io(struct domain *d, unsigned int port, unsigned int size, bool write,
                   uint32_t *val)
{
    if (write)
        vpit_write(d, port, (uint8_t)*val);
    else
        *val = vpit_read(d, port);
    return true;
}

static bool rtc_io(struct domain *d, unsigned int port, unsigned int size, bool write,
                   uint32_t *val)
{
    uint8_t byte;

    if (write)
        return vrtc_write(d, port, (uint8_t)*val);
    if (!vrtc_read(d, port, &byte))
        return false;
    *val = byte;
    return true;
}

/* Each port has a byte: of a wider access, each byte goes to its own. */
static const struct { uint16_t first, last; uint32_t device; port_handler *io; } byte_ports[] = {
    { 0x20, 0x21, XEN_X86_EMU_PIC, pic_io },
    { 0x40, 0x43, XEN_X86_EMU_PIT, pit_io },
    { 0x61, 0x61, XEN_X86_EMU_PIT, pit_io },
    { 0x70, 0x71, XEN_X86_EMU_RTC, rtc_io },
    { 0xa0, 0xa1, XEN_X86_EMU_PIC, pic_io },
    { 0x4d0, 0x4d1, XEN_X86_EMU_PIC, pic_io },
};

static bool byte_io(struct domain *d, unsigned int port, bool write, uint32_t *val)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(byte_ports); i++)
        if (port >= byte_ports[i].first && port <= byte_ports[i].last)
            return (d->arch.hvm->emulation & byte_ports[i].device) &&
                   byte_ports[i].io(d, port, 1, write, val);
    return false;
}

/*
 * A wider access that begins at one of these ports is all ours; what is behind the last of them
 * reads as ones.
 */
static bool wide_io(struct domain *d, unsigned int port, unsigned int size, bool write,
                    uint32_t *val)
{
    uint32_t in = *val, out = 0;

    for (unsigned int i = 0; i < size; i++) {
        uint32_t byte = in >> (8 * i) & 0xff;

        if (!byte_io(d, port + i, write, &byte)) {
            if (i == 0)
                return false;
            byte = 0xff;
        }
        out |= (byte & 0xff) << (8 * i);
    }
    if (!write)
        *val = out;
    return true;
}

bool hvm_port_io(struct vcpu *v, unsigned int port, unsigned int size, bool write, uint32_t *val)
{
    struct domain *d = v->domain;

    if (d->arch.hvm->emulation & XEN_X86_EMU_PM && vpm_io(d, port, size, write, val))
        return true;
    return wide_io(d, port, size, write, val);
}

/* May be: of the power management block, the ports between its registers are counted, too. */
bool hvm_port_is_ours(struct vcpu *v, unsigned int port)
{
    struct domain *d = v->domain;

    for (unsigned int i = 0; i < ARRAY_SIZE(byte_ports); i++)
        if (port >= byte_ports[i].first && port <= byte_ports[i].last)
            return true;
    return (d->arch.hvm->emulation & XEN_X86_EMU_PM) && vpm_has_port(d, port);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void lapic_mmio(struct vcpu *v, unsigned int offset, unsigned int size, bool write,
                       uint64_t *val)
{
    if (write)
        vlapic_mmio_write(v, offset, size, *val);
    else
        *val = vlapic_mmio_read(v, offset, size);
}

static bool has_ioapic(const struct vcpu *v)
{
    return v->domain->arch.hvm->emulation & XEN_X86_EMU_IOAPIC;
}

/* Its registers are read in 32 bits; a narrower read gets its bytes. */
static void ioapic_mmio(struct vcpu *v, unsigned int offset, unsigned int size, bool write,
                        uint64_t *val)
{
    struct domain *d = v->domain;
    const unsigned int byte = offset & 3;

    if (!write)
        *val = byte + size <= 4 ? vioapic_read(d, offset & ~3U) >> (8 * byte) : ~0ULL;
    else if (byte == 0)
        vioapic_write(d, offset, (uint32_t)*val);
    if (write && d->is_hardware)
        hwdom_ioapic_written(d);
}

static bool has_hpet(const struct vcpu *v)
{
    const struct hvm_domain *h = v->domain->arch.hvm;

    return (h->emulation & XEN_X86_EMU_HPET) && h->hpet_enabled;
}

static void hpet_mmio(struct vcpu *v, unsigned int offset, unsigned int size, bool write,
                      uint64_t *val)
{
    if (write)
        vhpet_write(v->domain, offset, size, *val);
    else
        *val = vhpet_read(v->domain, offset, size);
}

/* Each is in a page of its own. */
static const struct mmio_device {
    uint64_t base;
    uint32_t size;
    bool (*is_here)(const struct vcpu *v);
    void (*access)(struct vcpu *v, unsigned int offset, unsigned int size, bool write,
                   uint64_t *val);
} mmio_devices[] = {
    { VLAPIC_BASE, PAGE_SIZE, vlapic_has_page, lapic_mmio },
    { VIOAPIC_BASE, PAGE_SIZE, has_ioapic, ioapic_mmio },
    { VHPET_BASE, VHPET_SIZE, has_hpet, hpet_mmio },
};

static const struct mmio_device *mmio_device_in(const struct vcpu *v, uint64_t gpa)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(mmio_devices); i++)
        if ((gpa & ~PAGE_OFFSET_MASK) == mmio_devices[i].base && mmio_devices[i].is_here(v))
            return &mmio_devices[i];
    return NULL;
}

bool hvm_mmio_is_ours(struct vcpu *v, uint64_t gpa) { return mmio_device_in(v, gpa) != NULL; }

bool hvm_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    const struct mmio_device *m = mmio_device_in(v, gpa);
    const unsigned int offset = (unsigned int)(gpa & PAGE_OFFSET_MASK);

    if (!m || offset >= m->size)
        return false;
    m->access(v, offset, size, write, val);
    return true;
}
