/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/* links: arch/x86/hvm/pt_irq.c arch/x86/hvm/pt_wire.c */
/*
 * Interrupts of devices that an HVM domain has: which vector a pirq gives, when a line of the
 * machine's is let through again, what is left when bindings go in any order.
 */
#include "check.h"

#include "../host/hvm_world.h"

#include <stdlib.h>

#include <arch/cpu.h>
#include <arch/hvm_pt.h>
#include <arch/msi.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <xen/domctl.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define LEVEL 0x8000U
#define MS 1000000L
#define LINE 20U    /* a pirq that is a line, and its GSI */
#define MESSAGE 40U /* ... a message; its irq is 100 more */
#define ENTRY 3U    /* of the MSI-X table */
#define TABLE 0xf1000000ULL
#define UNMASKED XEN_DOMCTL_VMSI_X86_UNMASKED

/* --- the machine ------------------------------------------------------------------------------ */

DEFINE_SPINLOCK(pci_lock, RANK_PHYSDEV);
static unsigned int eois, binds, unbinds, pages;
static int bind_answer;
static bool masked, active, may;
static struct msi_block block;

void *hv_page_alloc(unsigned int order)
{
    pages++;
    return calloc(1, PAGE_SIZE << order);
}

void hv_page_free(void *p, unsigned int order)
{
    pages -= p != NULL;
    free(p);
}

bool iommu_domain_active(const struct domain *d) { return active; }
struct rangeset *rangeset_new(void) { return hv_alloc(1); }
void rangeset_free(struct rangeset *r) { hv_free(r); }
bool rangeset_contains(struct rangeset *r, uint64_t first, uint64_t last) { return may; }
struct msi_block *msi_block_of(unsigned int irq) { return irq == MESSAGE + 100 ? &block : NULL; }
void irq_set_masked(unsigned int irq, bool to) { masked = to; }
void irq_guest_eoi(unsigned int irq, struct domain *d) { eois += irq == LINE; }

int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool will_share)
{
    CHECK_EQ(will_share, pirq == LINE);
    if (bind_answer)
        return bind_answer;
    binds++;
    v->domain->arch.pirqs->entry[pirq].bound = true;
    return 0;
}

void pirq_guest_unbind(struct domain *d, unsigned int pirq)
{
    unbinds += d->arch.pirqs->entry[pirq].bound;
    d->arch.pirqs->entry[pirq].bound = false;
}

void guest_log(enum log_level level, const char *fmt, ...) {}

static struct pirq_table pirqs;

static void start(uint32_t emulation)
{
    hw_start(2, emulation);
    for (unsigned int v = 0; v < 2; v++)
        hw_apic_on(v);
    spin_init(&hw_dom->evtchn.lock, RANK_EVENT);
    pirqs = (struct pirq_table){ 0 };
    pirqs.entry[LINE] = (struct pirq){ .irq = LINE, .kind = PIRQ_GSI };
    pirqs.entry[MESSAGE] = (struct pirq){ .irq = MESSAGE + 100, .kind = PIRQ_MSI };
    hw_dom->arch.pirqs = &pirqs;
    host_current[0] = hw_dom->vcpu[0];
    block = (struct msi_block){ .msix = true, .entry = ENTRY };
    eois = binds = unbinds = 0;
    bind_answer = 0;
    masked = false;
    active = may = true;
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(hw_end(), 0);
    CHECK_EQ(pages, 0);
}

static struct xen_domctl_bind_pt_irq message(uint8_t vector, uint32_t gflags)
{
    struct xen_domctl_bind_pt_irq b = { .machine_irq = MESSAGE, .irq_type = PT_IRQ_TYPE_MSI };

    b.u.msi.gvec = vector;
    b.u.msi.gflags = gflags;
    b.u.msi.gtable = TABLE;
    return b;
}

static struct xen_domctl_bind_pt_irq wire(uint8_t device, uint8_t intx)
{
    struct xen_domctl_bind_pt_irq b = { .machine_irq = LINE, .irq_type = PT_IRQ_TYPE_PCI };

    b.u.pci.device = device;
    b.u.pci.intx = intx;
    return b;
}

static uint64_t bind(struct xen_domctl_bind_pt_irq b) { return E(hvm_pt_bind(hw_dom, &b)); }
static uint64_t unbind(struct xen_domctl_bind_pt_irq b) { return E(hvm_pt_unbind(hw_dom, &b)); }

static void forget(unsigned int pirq)
{
    spin_lock(&hw_dom->evtchn.lock);
    pirq_guest_unbind(hw_dom, pirq);
    hvm_pt_forget(hw_dom, pirq);
    spin_unlock(&hw_dom->evtchn.lock);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_messages(void)
{
    TEST("a message: the vector and the vcpu that the guest asked for")
    {
        start(HW_HVM);
        CHECK_EQ(bind(message(0x51, 0 | UNMASKED)), 0);
        hvm_pt_interrupt(hw_dom, MESSAGE);
        CHECK_EQ(hw_serve(0), 0x51);
        CHECK_EQ(hw_serve(0), E(-1));
        CHECK_EQ(bind(message(0x52, 2 | UNMASKED)), 0); /* APIC id 2: vcpu 1 */
        CHECK_EQ(binds, 1);
        hvm_pt_interrupt(hw_dom, MESSAGE);
        CHECK_EQ(hw_serve(0), E(-1));
        CHECK_EQ(hw_serve(1), 0x52);
        hw_apic_write(1, 0xd0, 4U << 24);
        CHECK_EQ(bind(message(0x53, 4 | XEN_DOMCTL_VMSI_X86_DM_MASK | UNMASKED)), 0); /* logical */
        hvm_pt_interrupt(hw_dom, MESSAGE);
        CHECK_EQ(hw_serve(1), 0x53);
        CHECK_EQ(bind(message(0, 4 << 12 | UNMASKED)), 0); /* NMI */
        hvm_pt_interrupt(hw_dom, MESSAGE);
        CHECK(hw_dom->vcpu[0]->nmi_pending);
        CHECK_EQ(unbind(message(0, 0)), 0);
        CHECK_EQ(unbinds, 1);
        CHECK_EQ(unbind(message(0, 0)), E(-EINVAL));
        hvm_pt_interrupt(hw_dom, MESSAGE); /* a late one */
        CHECK_EQ(hw_serve(0), E(-1));
        end();
    }
    TEST("its mask: as it was bound, then as the guest writes the entry")
    {
        start(HW_HVM);
        CHECK_EQ(bind(message(0x51, 0)), 0);
        CHECK(masked);
        CHECK_EQ(bind(message(0x52, 0)), 0); /* says nothing new of the mask */
        hvm_pt_written(hw_dom, TABLE + 16ULL * ENTRY + 12, 4, 0);
        CHECK(!masked);
        CHECK_EQ(bind(message(0x52, 0)), 0);
        CHECK(!masked);
        hvm_pt_written(hw_dom, TABLE + 16ULL * ENTRY + 8, 8, 1ULL << 32);
        CHECK(masked);
        hvm_pt_written(hw_dom, TABLE + 16ULL * ENTRY + 8, 4, 0); /* data, another entry, a byte */
        hvm_pt_written(hw_dom, TABLE + 16ULL * ENTRY + 28, 4, 0);
        hvm_pt_written(hw_dom, TABLE + 16ULL * ENTRY + 15, 1, 0);
        CHECK(masked);
        CHECK_EQ(unbind(message(0, 0)), 0);
        hvm_pt_written(hw_dom, TABLE + 16ULL * ENTRY + 12, 4, 0);
        CHECK(masked);
        end();
    }
}

static void test_targets(void)
{
    TEST("the one vcpu that a message or a wire is for, or none")
    {
        start(HW_HVM);
        hw_apic_write(0, 0xd0, 1U << 24);
        hw_apic_write(1, 0xd0, 2U << 24);
        CHECK(!hvm_pt_interrupt(hw_dom, MESSAGE));
        CHECK_EQ(bind(message(0x51, 2 | UNMASKED)), 0);
        CHECK(hvm_pt_interrupt(hw_dom, MESSAGE) == hw_dom->vcpu[1]);
        CHECK_EQ(bind(message(0x51, 1 | XEN_DOMCTL_VMSI_X86_DM_MASK | UNMASKED)), 0);
        CHECK(hvm_pt_interrupt(hw_dom, MESSAGE) == hw_dom->vcpu[0]);
        CHECK_EQ(bind(message(0x51, 3 | XEN_DOMCTL_VMSI_X86_DM_MASK | UNMASKED)), 0); /* both */
        CHECK(!hvm_pt_interrupt(hw_dom, MESSAGE));
        CHECK_EQ(bind(message(0x51, 8 | UNMASKED)), 0); /* nobody's */
        CHECK(!hvm_pt_interrupt(hw_dom, MESSAGE));
        CHECK_EQ(bind(wire(4, 0)), 0); /* pin 32 */
        hw_ioapic(32, LEVEL | 0x61 | 2ULL << 56);
        CHECK(hvm_pt_interrupt(hw_dom, LINE) == hw_dom->vcpu[1]);
        CHECK_EQ(hw_serve(1), 0x61);
        CHECK_EQ(hw_serve(1), 0x51);
        hw_ioapic(32, LEVEL | 0x61);
        CHECK(hvm_pt_interrupt(hw_dom, LINE) == hw_dom->vcpu[0]);
        hw_ioapic(32, LEVEL | BIT(16) | 0x61);
        CHECK(!hvm_pt_interrupt(hw_dom, LINE));
        end();
    }
}

static void test_wires(void)
{
    TEST("a line: up until the guest ends it at the IO-APIC, and let through then")
    {
        start(HW_HVM);
        CHECK_EQ(bind(wire(4, 0)), 0); /* pin 32 */
        hw_ioapic(32, LEVEL | 0x61);
        hvm_pt_interrupt(hw_dom, LINE);
        CHECK_EQ(hw_take(0), 0x61);
        CHECK_EQ(eois, 0);
        hw_apic_write(0, 0xb0, 0);
        CHECK_EQ(eois, 1);
        CHECK_EQ(hw_serve(0), E(-1)); /* the wire is down */
        hvm_pt_interrupt(hw_dom, LINE);
        CHECK_EQ(hw_serve(0), 0x61);
        CHECK_EQ(eois, 2);
        end();
    }
    TEST("... at the PICs, by the link's route")
    {
        start(HW_HVM);
        CHECK_EQ(bind(wire(4, 1)), 0); /* link 1 */
        CHECK_EQ(hvm_pci_link_route(hw_dom, 1, 10), 0);
        hw_out(0x4d1, 4); /* level */
        hw_pic_start(1 << 10 | 1 << 2);
        hw_apic_write(0, 0x350, 0x700); /* ExtINT */
        hvm_pt_interrupt(hw_dom, LINE);
        CHECK_EQ(hw_take(0), 0x2a);
        CHECK_EQ(eois, 0);
        hw_out(0xa0, 0x20);
        hw_out(0x20, 0x20);
        CHECK_EQ(eois, 1);
        CHECK_EQ(hw_take(0), E(-1));
        end();
    }
    TEST("a guest that does not end it loses it after 8 ms")
    {
        struct xen_domctl_bind_pt_irq b = wire(6, 0);

        start(HW_HVM);
        CHECK_EQ(bind(wire(4, 0)), 0);
        hvm_pt_interrupt(hw_dom, LINE);
        b.machine_irq = MESSAGE;
        b.irq_type = PT_IRQ_TYPE_MSI_TRANSLATE;
        CHECK_EQ(bind(b), 0);
        hw_run(5 * MS);
        CHECK_EQ(eois, 0);
        hvm_pt_interrupt(hw_dom, MESSAGE); /* another wire, which does not put it off */
        hw_run(4 * MS);
        CHECK_EQ(eois, 1);
        hw_ioapic(32, LEVEL | 0x61);
        CHECK_EQ(hw_serve(0), E(-1));
        end();
    }
    TEST("one line, two devices of the guest's; bindings go one by one")
    {
        start(HW_HVM);
        CHECK_EQ(bind(wire(4, 0)), 0);
        CHECK_EQ(bind(wire(4, 0)), E(-EEXIST));
        CHECK_EQ(bind(wire(5, 0)), 0); /* pin 36 */
        CHECK_EQ(binds, 1);
        hw_ioapic(32, LEVEL | 0x61);
        hw_ioapic(36, LEVEL | 0x71);
        hvm_pt_interrupt(hw_dom, LINE);
        CHECK_EQ(hw_serve(0), 0x71);
        CHECK_EQ(hw_serve(0), 0x61);
        CHECK_EQ(eois, 2);
        hvm_pt_interrupt(hw_dom, LINE);
        CHECK_EQ(unbind(wire(5, 0)), 0);
        CHECK_EQ(eois, 3);
        CHECK_EQ(unbinds, 0);
        CHECK_EQ(unbind(wire(5, 0)), E(-EINVAL));
        CHECK_EQ(unbind(wire(4, 0)), 0);
        CHECK_EQ(unbinds, 1);
        CHECK_EQ(hw_dom->arch.hvm->irq.passed, 0);
        end();
    }
    TEST("a message of the machine's on a wire of the guest's")
    {
        struct xen_domctl_bind_pt_irq b = wire(4, 0);

        start(HW_HVM);
        b.machine_irq = MESSAGE;
        CHECK_EQ(bind(b), E(-EINVAL)); /* it is no line */
        b.irq_type = PT_IRQ_TYPE_MSI_TRANSLATE;
        CHECK_EQ(bind(b), 0);
        hw_ioapic(32, LEVEL | 0x61);
        hvm_pt_interrupt(hw_dom, MESSAGE);
        CHECK_EQ(hw_serve(0), 0x61);
        CHECK_EQ(hw_serve(0), E(-1));
        end();
    }
}

static void test_ends(void)
{
    TEST("a pirq that is unmapped takes its bindings along")
    {
        start(HW_HVM);
        CHECK_EQ(bind(wire(4, 0)), 0);
        CHECK_EQ(bind(wire(5, 0)), 0);
        CHECK_EQ(bind(message(0x51, UNMASKED)), 0);
        hvm_pt_interrupt(hw_dom, LINE);
        forget(LINE);
        forget(MESSAGE);
        CHECK_EQ(unbinds, 2);
        hvm_pt_interrupt(hw_dom, LINE);
        hvm_pt_interrupt(hw_dom, MESSAGE);
        hw_ioapic(32, LEVEL | 0x61);
        CHECK_EQ(hw_serve(0), E(-1));
        end();
    }
    TEST("a domain that ends with bindings, one of them up")
    {
        start(HW_HVM);
        CHECK_EQ(bind(wire(4, 0)), 0);
        hvm_pt_interrupt(hw_dom, LINE);
        end();
    }
    TEST("refused: kinds, numbers, rights, domains; nothing is left of it")
    {
        struct xen_domctl_bind_pt_irq b = wire(4, 0);

        start(HW_HVM);
        CHECK_EQ(bind(wire(32, 0)), E(-EINVAL));
        CHECK_EQ(bind(wire(0, 4)), E(-EINVAL));
        b.machine_irq = NR_PIRQS;
        CHECK_EQ(bind(b), E(-EINVAL));
        b.irq_type = PT_IRQ_TYPE_ISA;
        CHECK_EQ(bind(b), E(-EOPNOTSUPP));
        may = false;
        CHECK_EQ(bind(wire(4, 0)), E(-EPERM));
        may = true;
        bind_answer = -EBUSY;
        CHECK_EQ(bind(wire(4, 0)), E(-EBUSY));
        CHECK_EQ(bind(message(0x51, 0)), E(-EBUSY));
        CHECK_EQ(unbind(wire(4, 0)), E(-EINVAL));
        CHECK_EQ(unbind(message(0x51, 0)), E(-EINVAL));
        bind_answer = 0;
        CHECK_EQ(bind(wire(4, 0)), 0);
        active = false;
        CHECK_EQ(bind(wire(5, 0)), E(-ESRCH));
        CHECK_EQ(unbind(wire(4, 0)), E(-ESRCH));
        end();
        start(HW_PVH);
        CHECK_EQ(bind(wire(4, 0)), E(-EOPNOTSUPP));
        CHECK_EQ(bind(message(0x51, 0)), 0);
        end();
    }
}

int main(void)
{
    test_messages();
    test_targets();
    test_wires();
    test_ends();
    return check_exit();
}
