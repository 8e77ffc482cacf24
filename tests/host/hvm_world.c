/* SPDX-License-Identifier: GPL-2.0-only */
/* See hvm_world.h. */
#include "hvm_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/hwdom.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/softirq.h>

struct vcpu *host_current[64];
unsigned int host_cpu;
cpumask_t cpu_online_map = { { 1 } };
unsigned int nr_cpu_ids = 1;

ns_t hw_now;
struct domain *hw_dom;
struct hw_counts hw;

uint8_t hw_memory[HW_MEMORY];
static ns_t deadline = NS_NEVER;
static unsigned int allocations;
static struct shared_info shared;
static uint8_t sources[HVM_GSIS];

/* --- what the devices ask for ----------------------------------------------------------------- */

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    abort();
}

void log_print(enum log_level level, const char *fmt, ...) {}

static void no_locks(const char *where)
{
    if (locks_held())
        panic("%s with a lock held", where);
}

void *hv_alloc(size_t size)
{
    allocations++;
    return calloc(1, size);
}

void hv_free(void *p)
{
    allocations -= p != NULL;
    free(p);
}

ns_t time_now(void) { return hw_now; }
uint64_t time_wallclock_ns(void) { return HW_UTC * 1000000000ULL + (uint64_t)hw_now; }
void time_update_wallclock(struct domain *d) {}
void arch_timer_program(ns_t at) { deadline = at; }
void smp_kick(unsigned int cpu) {}
void cpu_wait(void) { panic("waits, and nobody else moves"); }
void vcpu_kick(struct vcpu *v) { hw.kicks[v->id]++; }
void vcpu_unblock(struct vcpu *v) {}
void vcpu_send_nmi(struct vcpu *v)
{
    v->nmi_pending = true;
    vcpu_kick(v);
}
uint64_t hvm_guest_tsc(const struct vcpu *v)
{
    return hvm_tsc_at(v, (uint64_t)hw_now * 2, hw_now);
}

uint32_t hvm_tsc_khz(const struct domain *d)
{
    return d->arch.hvm->tsc.khz ? d->arch.hvm->tsc.khz : 2000000;
}

uint32_t hvm_guest_tsc_khz(const struct vcpu *v) { return hvm_tsc_khz(v->domain); }
bool hvm_tsc_is_native(const struct domain *d) { return !d->arch.hvm->tsc.emulated; }
void time_update_vcpu(struct vcpu *v) { hw.time_updates++; }

/* An extension, for tests that bring none of their own. */
static void update(struct vcpu *v) {}
static const struct hvm_ops none = { .name = "none", .update = update };
__attribute__((weak)) const struct hvm_ops *hvm_ops = &none;

/* A translated dom0's; no domain here is one. */
void hwdom_line_done(struct domain *d, unsigned int gsi) { panic("a line of the machine's"); }
void hwdom_ioapic_written(struct domain *d) { panic("dom0's IO-APIC"); }

/* Devices of the machine's: for tests without them. */
__attribute__((weak)) void pt_pin_done(struct domain *d, unsigned int pin) {}
__attribute__((weak)) void pt_isa_done(struct domain *d, unsigned int irq) {}
__attribute__((weak)) void hvm_pt_stop(struct domain *d) {}
__attribute__((weak)) void hvm_pt_free(struct domain *d) {}

void hvm_vcpu_reset(struct vcpu *v)
{
    no_locks("reset");
    hw.resets[v->id]++;
}

void hvm_vcpu_sipi(struct vcpu *v, uint8_t vector)
{
    no_locks("sipi");
    hw.sipis[v->id]++;
    hw.sipi_vector[v->id] = vector;
}

/* --- memory: HW_MEMORY bytes from guest-physical HW_MEMORY_AT on ------------------------------ */

static uint8_t *memory_at(uint64_t gpa, size_t n)
{
    no_locks("a copy");
    return gpa >= HW_MEMORY_AT && gpa - HW_MEMORY_AT <= HW_MEMORY - n
               ? &hw_memory[gpa - HW_MEMORY_AT]
               : NULL;
}

int hvm_copy_from_phys(struct domain *d, void *dst, uint64_t gpa, size_t n)
{
    const uint8_t *p = memory_at(gpa, n);

    if (p)
        memcpy(dst, p, n);
    return p ? 0 : -EFAULT;
}

int hvm_copy_to_phys(struct domain *d, uint64_t gpa, const void *src, size_t n)
{
    uint8_t *p = memory_at(gpa, n);

    if (p)
        memcpy(p, src, n);
    return p ? 0 : -EFAULT;
}

/* --- life ------------------------------------------------------------------------------------- */

void hw_start(unsigned int vcpus, uint32_t emulation)
{
    timer_init_cpu(0);
    memset(&hw, 0, sizeof(hw));
    memset(&shared, 0, sizeof(shared));
    memset(sources, 0, sizeof(sources));
    memset(hw_memory, 0, sizeof(hw_memory));
    hw_dom = calloc(1, sizeof(*hw_dom));
    hw_dom->kind = 2;
    hw_dom->max_vcpus = vcpus;
    hw_dom->vcpu = calloc(vcpus, sizeof(*hw_dom->vcpu));
    if (hvm_devices_create(hw_dom, emulation))
        panic("no devices");
    hw_dom->arch.hvm->hpet_enabled = true;
    for (unsigned int i = 0; i < vcpus; i++) {
        struct vcpu *v = calloc(1, sizeof(*v));

        v->id = i;
        v->domain = hw_dom;
        v->info = &shared.vcpu_info[i];
        if (hvm_vcpu_devices_create(v))
            panic("no devices of a vcpu");
        hw_dom->vcpu[i] = v;
    }
    if (emulation & XEN_X86_EMU_PM && vpm_set_location(hw_dom, 1))
        panic("no place for the PM registers");
}

unsigned int hw_end(void)
{
    for (unsigned int i = 0; i < hw_dom->max_vcpus; i++)
        hvm_vcpu_devices_destroy(hw_dom->vcpu[i]);
    for (unsigned int i = 0; i < hw_dom->max_vcpus; i++)
        free(hw_dom->vcpu[i]);
    hw_dom->max_vcpus = 0;
    hvm_devices_destroy(hw_dom);
    free(hw_dom->vcpu);
    free(hw_dom);
    hw_dom = NULL;
    return allocations;
}

void hw_run(ns_t duration)
{
    const ns_t end = hw_now + duration;

    softirq_process();
    while (deadline <= end) {
        hw_now = MAX(hw_now, deadline);
        deadline = NS_NEVER;
        hw.expiries++;
        timer_interrupt();
        softirq_process();
    }
    hw_now = end;
}

/* --- a guest ---------------------------------------------------------------------------------- */

uint8_t hw_in(unsigned int port)
{
    uint32_t val = 0;

    return hvm_port_io(hw_dom->vcpu[0], port, 1, false, &val) ? (uint8_t)val : 0xff;
}

void hw_out(unsigned int port, uint8_t byte)
{
    uint32_t val = byte;

    hvm_port_io(hw_dom->vcpu[0], port, 1, true, &val);
}

uint32_t hw_in32(unsigned int port)
{
    uint32_t val = 0;

    return hvm_port_io(hw_dom->vcpu[0], port, 4, false, &val) ? val : ~0U;
}

uint64_t hw_read(uint64_t gpa, unsigned int size)
{
    uint64_t val = 0;

    return hvm_mmio(hw_dom->vcpu[0], gpa, size, false, &val) ? val : ~0ULL;
}

void hw_write(uint64_t gpa, unsigned int size, uint64_t val)
{
    hvm_mmio(hw_dom->vcpu[0], gpa, size, true, &val);
}

uint32_t hw_apic_read(unsigned int v, unsigned int offset)
{
    uint64_t val = ~0ULL;

    hvm_mmio(hw_dom->vcpu[v], VLAPIC_BASE + offset, 4, false, &val);
    return (uint32_t)val;
}

void hw_apic_write(unsigned int v, unsigned int offset, uint32_t val)
{
    uint64_t wide = val;

    hvm_mmio(hw_dom->vcpu[v], VLAPIC_BASE + offset, 4, true, &wide);
}

void hw_apic_on(unsigned int v) { hw_apic_write(v, 0xf0, 0x1ff); }

int hw_take(unsigned int v)
{
    return hvm_int_take(hw_dom->vcpu[v], hvm_int_pending(hw_dom->vcpu[v]));
}

int hw_serve(unsigned int v)
{
    const int vector = hw_take(v);

    if (vector >= 0)
        hw_apic_write(v, 0xb0, 0);
    return vector;
}

void hw_ioapic(unsigned int pin, uint64_t entry)
{
    hw_write(VIOAPIC_BASE, 4, 0x11 + 2 * pin);
    hw_write(VIOAPIC_BASE + 0x10, 4, entry >> 32);
    hw_write(VIOAPIC_BASE, 4, 0x10 + 2 * pin);
    hw_write(VIOAPIC_BASE + 0x10, 4, (uint32_t)entry);
}

uint64_t hw_ioapic_entry(unsigned int pin)
{
    uint64_t low;

    hw_write(VIOAPIC_BASE, 4, 0x10 + 2 * pin);
    low = hw_read(VIOAPIC_BASE + 0x10, 4);
    hw_write(VIOAPIC_BASE, 4, 0x11 + 2 * pin);
    return hw_read(VIOAPIC_BASE + 0x10, 4) << 32 | low;
}

void hw_gsi(unsigned int gsi, bool up)
{
    sources[gsi] += up ? 1 : -1;
    (up ? hvm_gsi_assert : hvm_gsi_deassert)(hw_dom, gsi);
}

void hw_pic_start(uint16_t enabled)
{
    static const uint8_t icw[][2] = { { 0x11, 0x11 }, { 0x20, 0x28 }, { 4, 2 }, { 1, 1 } };

    for (unsigned int i = 0; i < 4; i++) {
        hw_out(i == 0 ? 0x20 : 0x21, icw[i][0]);
        hw_out(i == 0 ? 0xa0 : 0xa1, icw[i][1]);
    }
    hw_out(0x21, (uint8_t)~(enabled | (enabled >> 8 ? 4 : 0)));
    hw_out(0xa1, (uint8_t)(~enabled >> 8));
}

/* --- what always holds ------------------------------------------------------------------------ */

static const char *lapic_broken(const struct vcpu *v)
{
    const struct vlapic *l = &v->arch.hvm->lapic;

    if (l->reg[0x10] & 0xffff || l->reg[0x20] & 0xffff)
        return "a vector below 16 in IRR or ISR";
    if (!(l->base_msr & BIT(11)) && (l->base_msr & BIT(10)))
        return "x2APIC without a LAPIC";
    for (unsigned int r = 0x32; r <= 0x37 && !(l->reg[0x0f] & 0x100); r++)
        if (!(l->reg[r] & 0x10000))
            return "an LVT entry is open in a disabled LAPIC";
    if (l->tick.timer.queued != (l->tick.next != NS_NEVER && !l->tick.frozen))
        return "a host timer for a stopped LAPIC timer, or none for a running one";
    return NULL;
}

static void count_gsis(const struct hvm_irq *i, uint8_t gsi[HVM_GSIS], uint8_t link[4])
{
    for (unsigned int irq = 0; irq < 16; irq++)
        gsi[irq ? irq : 2] += i->isa_wire >> irq & 1;
    for (unsigned int n = 0; n < 128; n++) {
        if (!(i->pci_wire[n / 64] >> (n % 64) & 1))
            continue;
        gsi[16 + ((n / 4 * 4 + n / 32 + n % 4) & 31)]++;
        link[(n / 4 + n % 4) & 3]++;
    }
}

static const char *wires_broken(void)
{
    const struct hvm_irq *i = &hw_dom->arch.hvm->irq;
    const struct vhpet *h = &hw_dom->arch.hvm->hpet;
    const unsigned int type = (unsigned int)(i->callback >> 56);
    uint8_t gsi[HVM_GSIS], link[4] = { 0 };

    memcpy(gsi, sources, sizeof(gsi));
    count_gsis(i, gsi, link);
    if (i->callback_asserted && type == 0)
        gsi[i->callback]++;
    if (i->callback_asserted && type == 1) {
        const unsigned int dev = i->callback >> 11 & 31, pin = i->callback & 3;

        gsi[16 + ((dev * 4 + dev / 8 + pin) & 31)]++;
        link[(dev + pin) & 3]++;
    }
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        if (h->timer[n].held_gsi)
            gsi[h->timer[n].held_gsi]++;
    for (unsigned int n = 0; n < 4; n++)
        if (i->link_route[n] && link[n])
            gsi[i->link_route[n]]++;
    if (memcmp(link, i->link_count, sizeof(link)))
        return "a link's count is not that of its wires";
    return memcmp(gsi, i->gsi_count, sizeof(gsi)) ? "a pin's count is not that of its wires" : NULL;
}

static const char *controllers_broken(void)
{
    const struct hvm_irq *i = &hw_dom->arch.hvm->irq;
    const uint8_t cascade = i->pic[0].irr >> 2 & 1;

    for (unsigned int pin = 0; pin < HVM_GSIS; pin++) {
        const union vioapic_redir_entry e = i->ioapic.redirtbl[pin];

        if (e.fields.remote_irr && !e.fields.trig_mode)
            return "Remote IRR of an edge";
        if (e.fields.delivery_status)
            return "a delivery that hangs";
    }
    if (cascade != i->pic[1].int_output)
        return "the slave's output is not the master's input";
    return NULL;
}

const char *hw_broken(void)
{
    const char *broken = wires_broken();

    for (unsigned int v = 0; !broken && v < hw_dom->max_vcpus; v++)
        broken = lapic_broken(hw_dom->vcpu[v]);
    if (!broken)
        broken = controllers_broken();
    return locks_held() ? "a lock is held" : broken;
}
