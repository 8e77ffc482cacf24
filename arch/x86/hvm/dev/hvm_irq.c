/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt wires of an HVM domain: ISA lines, PCI INTx with their four links, event channels as a
 * wire, and messages. Each pin of the IO-APIC (a GSI) counts the sources that assert it; the PICs
 * see the first 16 of them.
 *
 * Always: gsi_count[] and link_count[] are what follows from the wires (hvm_irq_is_consistent() in
 * the tests computes it), and a PIC's line is up while its GSI's count is not 0.
 */
#include <hv/errno.h>
#include <hv/sched.h>

#include "hvm_irq_priv.h"

#define PCI_DEVICES 32U
#define VALID_ISA 0xfffbU /* 2 is the cascade */

static int gsi_isa_irq(unsigned int gsi)
{
    if (gsi == 2)
        return 0;
    return gsi == 0 || gsi >= ISA_IRQS ? -1 : (int)gsi;
}

static bool has(const struct domain *d, uint32_t device)
{
    return d->arch.hvm->emulation & device;
}

/* --- pins ------------------------------------------------------------------------------------- */

static void gsi_up(struct domain *d, unsigned int gsi) REQUIRES(irq_of(d)->lock)
{
    const int irq = gsi_isa_irq(gsi);

    if (irq_of(d)->gsi_count[gsi]++ != 0)
        return;
    if (has(d, XEN_X86_EMU_IOAPIC))
        vioapic_rise(d, gsi);
    if (irq >= 0 && has(d, XEN_X86_EMU_PIC))
        vpic_rise(d, (unsigned int)irq);
}

static void gsi_down(struct domain *d, unsigned int gsi) REQUIRES(irq_of(d)->lock)
{
    const int irq = gsi_isa_irq(gsi);

    if (--irq_of(d)->gsi_count[gsi] == 0 && irq >= 0 && has(d, XEN_X86_EMU_PIC))
        vpic_fall(d, (unsigned int)irq);
}

static void gsi_change(struct domain *d, unsigned int gsi, bool up) REQUIRES(irq_of(d)->lock)
{
    if (up)
        gsi_up(d, gsi);
    else
        gsi_down(d, gsi);
}

static void isa_set(struct domain *d, unsigned int irq, bool up) REQUIRES(irq_of(d)->lock)
{
    struct hvm_irq *i = irq_of(d);

    if (!(VALID_ISA & BIT(irq)) || (bool)(i->isa_wire & BIT(irq)) == up)
        return;
    i->isa_wire ^= (uint16_t)BIT(irq);
    gsi_change(d, isa_irq_gsi(irq), up);
}

void hvm_isa_irq_assert(struct domain *d, unsigned int irq)
{
    spin_lock(&irq_of(d)->lock);
    isa_set(d, irq & 15, true);
    spin_unlock(&irq_of(d)->lock);
}

void hvm_isa_irq_deassert(struct domain *d, unsigned int irq)
{
    spin_lock(&irq_of(d)->lock);
    isa_set(d, irq & 15, false);
    spin_unlock(&irq_of(d)->lock);
}

void hvm_isa_irq_pulse(struct domain *d, unsigned int irq)
{
    spin_lock(&irq_of(d)->lock);
    isa_set(d, irq & 15, false);
    isa_set(d, irq & 15, true);
    spin_unlock(&irq_of(d)->lock);
}

void hvm_gsi_assert(struct domain *d, unsigned int gsi)
{
    spin_lock(&irq_of(d)->lock);
    gsi_up(d, gsi);
    spin_unlock(&irq_of(d)->lock);
}

void hvm_gsi_deassert(struct domain *d, unsigned int gsi)
{
    spin_lock(&irq_of(d)->lock);
    gsi_down(d, gsi);
    spin_unlock(&irq_of(d)->lock);
}

void hvm_gsi_pulse(struct domain *d, unsigned int gsi)
{
    const int irq = gsi_isa_irq(gsi);

    if (irq >= 0) {
        hvm_isa_irq_pulse(d, (unsigned int)irq);
        return;
    }
    spin_lock(&irq_of(d)->lock);
    gsi_up(d, gsi);
    gsi_down(d, gsi);
    spin_unlock(&irq_of(d)->lock);
}

/* --- PCI -------------------------------------------------------------------------------------- */

static void link_change(struct domain *d, unsigned int link, bool up) REQUIRES(irq_of(d)->lock)
{
    struct hvm_irq *i = irq_of(d);

    if (up ? i->link_count[link]++ != 0 : --i->link_count[link] != 0)
        return;
    if (i->link_route[link])
        gsi_change(d, isa_irq_gsi(i->link_route[link]), up);
}

void hvm_intx_set(struct domain *d, unsigned int device, unsigned int intx, bool up)
{
    const unsigned int wire = device * 4 + intx;
    uint64_t *word = &irq_of(d)->pci_wire[wire / 64];

    if ((bool)(*word >> (wire % 64) & 1) == up)
        return;
    *word ^= BIT(wire % 64);
    gsi_change(d, pci_intx_gsi(device, intx), up);
    link_change(d, pci_intx_link(device, intx), up);
}

int hvm_pci_intx(struct domain *d, unsigned int device, unsigned int intx, bool asserted)
{
    if (device >= PCI_DEVICES || intx > 3)
        return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    hvm_intx_set(d, device, intx, asserted);
    spin_unlock(&irq_of(d)->lock);
    return 0;
}

/* 0 is no route, and 2 has no pin of its own. */
int hvm_pci_link_route(struct domain *d, unsigned int link, unsigned int isa_irq)
{
    struct hvm_irq *i = irq_of(d);
    uint8_t old;

    if (link > 3 || isa_irq >= ISA_IRQS || isa_irq == 2)
        return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    old = i->link_route[link];
    i->link_route[link] = (uint8_t)isa_irq;
    if (old != isa_irq && i->link_count[link]) {
        if (old)
            gsi_down(d, old);
        if (isa_irq)
            gsi_up(d, isa_irq);
    }
    spin_unlock(&irq_of(d)->lock);
    return 0;
}

/* Intel SDM vol. 3, "Message Address Register Format", "Message Data Register Format". */
static struct lapic_msg message(uint64_t addr, uint32_t data)
{
    return (struct lapic_msg){
        .dest = (addr >> 12) & 0xff,
        .vector = (uint8_t)data,
        .mode = (data >> 8) & 7,
        .logical = addr & 4,
        .level = data & 0x8000,
    };
}

struct vcpu *hvm_msi_target(struct domain *d, uint64_t addr, uint32_t data)
{
    const struct lapic_msg m = message(addr, data);

    return vlapic_only(d, &m);
}

int hvm_msi(struct domain *d, uint64_t addr, uint32_t data)
{
    const struct lapic_msg m = message(addr, data);

    if (addr >> 20 != VLAPIC_BASE >> 20 || (m.vector == 0 && m.mode <= LAPIC_LOWEST))
        return -EINVAL;
    if (m.mode == LAPIC_FIXED || m.mode == LAPIC_LOWEST || m.mode == LAPIC_NMI)
        vlapic_deliver(d, &m);
    return 0;
}

/* --- what a vcpu takes ------------------------------------------------------------------------ */

/*
 * Virtual wire mode, by the LAPIC or by pin 0 of the IO-APIC (MP Specification 1.4, 3.6.2.2):
 * hvmloader sets up the latter.
 */
bool hvm_takes_extint(const struct vcpu *v)
{
    const struct hvm_irq *i = &v->domain->arch.hvm->irq;
    const union vioapic_redir_entry e = { .bits = read_once(i->ioapic.redirtbl[0].bits) };

    if (vlapic_takes_extint(v))
        return true;
    return has(v->domain, XEN_X86_EMU_IOAPIC) && !e.fields.mask &&
           e.fields.delivery_mode == LAPIC_EXTINT && vlapic_enabled(v) &&
           vlapic_matches(v, e.fields.dest_id, e.fields.dest_mode, false);
}

static struct vcpu *pic_listener(const struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        if (hvm_takes_extint(v))
            return v;
    return NULL;
}

static unsigned int callback_type(uint64_t callback) { return (unsigned int)(callback >> 56); }

static bool callback_vector_due(const struct vcpu *v, uint64_t callback)
{
    return callback_type(callback) == HVM_PARAM_CALLBACK_TYPE_VECTOR &&
           !v->arch.hvm->upcall_vector && read_once(v->info->evtchn_upcall_pending) &&
           !read_once(v->info->evtchn_upcall_mask);
}

/* The PICs' request is looked at without the lock: whoever raises it afterwards kicks v. */
struct hvm_int hvm_int_pending(struct vcpu *v)
{
    const struct hvm_irq *i = irq_of(v->domain);
    const uint64_t callback = read_once(i->callback);
    int vector;

    if (callback_vector_due(v, callback))
        return (struct hvm_int){ HVM_INT_CALLBACK, (uint8_t)callback };
    if (has(v->domain, XEN_X86_EMU_PIC) && read_once(i->pic[MASTER].int_output) &&
        pic_listener(v->domain) == v)
        return (struct hvm_int){ HVM_INT_PIC, 0 };
    vector = vcpu_apic_pending(v);
    if (vector >= 0)
        return (struct hvm_int){ HVM_INT_LAPIC, (uint8_t)vector };
    return (struct hvm_int){ HVM_INT_NONE, 0 };
}

static int take_pic(struct domain *d)
{
    int irq, vector;

    spin_lock(&irq_of(d)->lock);
    vector = vpic_ack(d, &irq);
    spin_unlock(&irq_of(d)->lock);
    if (irq >= 0)
        vtick_gsi_taken(d, isa_irq_gsi((unsigned int)irq));
    return vector;
}

int hvm_int_take(struct vcpu *v, struct hvm_int what)
{
    int vector;

    switch (what.source) {
    case HVM_INT_CALLBACK:
        return what.vector;
    case HVM_INT_PIC:
        return take_pic(v->domain);
    case HVM_INT_LAPIC: /* a higher one may have come meanwhile */
        vector = vcpu_apic_pending(v);
        if (vector >= 0)
            vcpu_apic_ack(v, (unsigned int)vector);
        return vector;
    case HVM_INT_NONE:
        break;
    }
    return -1;
}

bool hvm_gsi_is_masked(struct domain *d, unsigned int gsi)
{
    struct hvm_irq *i = irq_of(d);
    const int irq = gsi_isa_irq(gsi);
    bool masked;

    spin_lock(&irq_of(d)->lock);
    masked = (!has(d, XEN_X86_EMU_IOAPIC) || i->ioapic.redirtbl[gsi].fields.mask) &&
             (irq < 0 || !has(d, XEN_X86_EMU_PIC) || vpic_is_masked(i, (unsigned int)irq) ||
              !pic_listener(d));
    spin_unlock(&irq_of(d)->lock);
    return masked;
}

int hvm_gsi_vector(const struct domain *d, unsigned int gsi)
{
    const union vioapic_redir_entry e = {
        .bits = read_once(irq_of(d)->ioapic.redirtbl[gsi].bits)
    };

    return e.fields.mask || !has(d, XEN_X86_EMU_IOAPIC) ? -1 : e.fields.vector;
}

/* --- event channels --------------------------------------------------------------------------- */

/* The GSI that stands for events, or -1. */
static int callback_gsi(uint64_t callback)
{
    switch (callback_type(callback)) {
    case HVM_PARAM_CALLBACK_TYPE_GSI:
        return callback ? (int)callback : -1;
    case HVM_PARAM_CALLBACK_TYPE_PCI_INTX:
        return (int)pci_intx_gsi((callback >> 11) & 31, callback & 3);
    default:
        return -1;
    }
}

/* An INTx has its link too, as if device and pin were asserted. */
static void callback_change(struct domain *d, bool up) REQUIRES(irq_of(d)->lock)
{
    struct hvm_irq *i = irq_of(d);
    const int gsi = callback_gsi(i->callback);

    if (gsi < 0 || i->callback_asserted == up)
        return;
    i->callback_asserted = up;
    gsi_change(d, (unsigned int)gsi, up);
    if (callback_type(i->callback) == HVM_PARAM_CALLBACK_TYPE_PCI_INTX)
        link_change(d, pci_intx_link((i->callback >> 11) & 31, i->callback & 3), up);
}

static bool callback_is_valid(uint64_t val)
{
    const uint64_t what = val & ~HVM_PARAM_CALLBACK_IRQ_TYPE_MASK;

    switch (callback_type(val)) {
    case HVM_PARAM_CALLBACK_TYPE_GSI:
        return what < HVM_GSIS;
    case HVM_PARAM_CALLBACK_TYPE_PCI_INTX:
        return true;
    case HVM_PARAM_CALLBACK_TYPE_VECTOR:
        return what >= 16 && what <= 0xff;
    default:
        return false;
    }
}

static void callback_update(struct vcpu *v)
{
    struct domain *d = v->domain;

    spin_lock(&irq_of(d)->lock);
    callback_change(d, !v->arch.hvm->upcall_vector && read_once(v->info->evtchn_upcall_pending));
    spin_unlock(&irq_of(d)->lock);
}

int hvm_callback_set(struct domain *d, uint64_t val)
{
    struct hvm_irq *i = irq_of(d);

    if (!callback_is_valid(val))
        return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    callback_change(d, false);
    write_once(i->callback, val);
    spin_unlock(&irq_of(d)->lock);
    if (d->vcpu[0])
        callback_update(d->vcpu[0]);
    return 0;
}

void hvm_upcall(struct vcpu *v)
{
    if (v->arch.hvm->upcall_vector)
        vlapic_set_vector(v, v->arch.hvm->upcall_vector);
    else if (v->id == 0 && callback_gsi(read_once(irq_of(v->domain)->callback)) >= 0)
        callback_update(v);
    else
        vcpu_kick(v);
}

void hvm_upcall_again(struct vcpu *v)
{
    if (v->arch.hvm->upcall_vector && read_once(v->info->evtchn_upcall_pending))
        vlapic_set_vector(v, v->arch.hvm->upcall_vector);
}

void hvm_callback_sync(struct vcpu *v)
{
    const bool asserted = read_once(irq_of(v->domain)->callback_asserted);

    if (v->id == 0 && asserted && !read_once(v->info->evtchn_upcall_pending))
        callback_update(v);
}

int hvm_upcall_vector_set(struct vcpu *v, unsigned int vector)
{
    if (vector < 16 || vector > 255)
        return -EINVAL;
    v->arch.hvm->upcall_vector = (uint8_t)vector;
    if (v->id == 0)
        callback_update(v); /* no more by a wire */
    hvm_upcall_again(v);
    return 0;
}

/* --- life and records ------------------------------------------------------------------------- */

void hvm_irq_init(struct domain *d)
{
    struct hvm_irq *i = irq_of(d);

    spin_init(&irq_of(d)->lock, RANK_HVM_IRQ);
    vpic_init(i);
    vioapic_init(i);
}

void hvm_irq_save_pci(struct domain *d, struct hvm_hw_pci_irqs *r)
{
    struct hvm_irq *i = irq_of(d);

    spin_lock(&irq_of(d)->lock);
    *r = (struct hvm_hw_pci_irqs){ .pad = { i->pci_wire[0], i->pci_wire[1] } };
    spin_unlock(&irq_of(d)->lock);
}

void hvm_irq_save_isa(struct domain *d, struct hvm_hw_isa_irqs *r)
{
    struct hvm_irq *i = irq_of(d);

    spin_lock(&irq_of(d)->lock);
    *r = (struct hvm_hw_isa_irqs){ .pad = { i->isa_wire } };
    spin_unlock(&irq_of(d)->lock);
}

void hvm_irq_save_link(struct domain *d, struct hvm_hw_pci_link *r)
{
    struct hvm_irq *i = irq_of(d);

    spin_lock(&irq_of(d)->lock);
    *r = (struct hvm_hw_pci_link){ .route = { i->link_route[0], i->link_route[1],
                                              i->link_route[2], i->link_route[3] } };
    spin_unlock(&irq_of(d)->lock);
}

static void count_source(struct hvm_irq *i, unsigned int device, unsigned int intx)
{
    i->gsi_count[pci_intx_gsi(device, intx)]++;
    i->link_count[pci_intx_link(device, intx)]++;
}

/* All counts and lines from the wires. Nothing rises by that: edges were seen before the save. */
static void recount(struct hvm_irq *i)
{
    for (unsigned int gsi = 0; gsi < HVM_GSIS; gsi++)
        i->gsi_count[gsi] = 0;
    for (unsigned int link = 0; link < 4; link++)
        i->link_count[link] = 0;
    for (unsigned int irq = 0; irq < ISA_IRQS; irq++)
        i->gsi_count[isa_irq_gsi(irq)] += i->isa_wire >> irq & 1;
    for (unsigned int wire = 0; wire < 4 * PCI_DEVICES; wire++)
        if (i->pci_wire[wire / 64] >> (wire % 64) & 1)
            count_source(i, wire / 4, wire % 4);
    for (unsigned int link = 0; link < 4; link++)
        if (i->link_route[link] && i->link_count[link])
            i->gsi_count[i->link_route[link]]++;
    i->callback_asserted = false; /* hvm_upcall() or the entry to the guest asserts it again */
    i->pic_line[MASTER] = i->pic_line[SLAVE] = 0;
    for (unsigned int gsi = 1; gsi < ISA_IRQS; gsi++) {
        const unsigned int irq = (unsigned int)gsi_isa_irq(gsi);

        if (i->gsi_count[gsi])
            i->pic_line[irq >> 3] |= (uint8_t)(1U << (irq & 7));
    }
}

int hvm_irq_load_pci(struct domain *d, const struct hvm_hw_pci_irqs *r)
{
    struct hvm_irq *i = irq_of(d);

    spin_lock(&irq_of(d)->lock);
    i->pci_wire[0] = r->pad[0];
    i->pci_wire[1] = r->pad[1];
    recount(i);
    spin_unlock(&irq_of(d)->lock);
    return 0;
}

int hvm_irq_load_isa(struct domain *d, const struct hvm_hw_isa_irqs *r)
{
    struct hvm_irq *i = irq_of(d);

    if (r->pad[0] & ~(uint64_t)VALID_ISA)
        return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    i->isa_wire = (uint16_t)r->pad[0];
    recount(i);
    spin_unlock(&irq_of(d)->lock);
    return 0;
}

int hvm_irq_load_link(struct domain *d, const struct hvm_hw_pci_link *r)
{
    struct hvm_irq *i = irq_of(d);

    for (unsigned int link = 0; link < 4; link++)
        if (r->route[link] >= ISA_IRQS || r->route[link] == 2)
            return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    for (unsigned int link = 0; link < 4; link++)
        i->link_route[link] = r->route[link];
    recount(i);
    spin_unlock(&irq_of(d)->lock);
    return 0;
}
