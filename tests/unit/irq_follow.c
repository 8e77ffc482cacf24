/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/irq.c arch/x86/cpu/vector.c core/lock.c */
/*
 * Interrupts of guests follow the vcpu that they are for: dispatch over a simulated chip, which
 * remembers where it sends and whether it is masked.
 */
#include "check.h"

#include <stdlib.h>

#include <arch/apic.h>
#include <arch/hvm_pt.h>
#include <arch/hwdom.h>
#include <arch/irq.h>
#include <arch/percpu.h>
#include <arch/regs.h>
#include <arch/smpboot.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/iommu_intr.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/smp.h>
#include <hv/timer.h>

#define CPUS 4U
#define LINE 20U /* level */
#define EDGE 4U

/* --- the machine ------------------------------------------------------------------------------ */

unsigned int host_cpu, nr_cpu_ids = CPUS;
cpumask_t cpu_online_map;
uint32_t cpu_apic_id[NR_CPUS];
static struct domain pv = { .kind = 1 }, hvm = { .kind = 2 };
static struct vcpu vcpu[2];
static struct vcpu *target; /* that the next interrupt is for */
static unsigned int told, ends;
static bool movable = true;

void *hv_alloc(size_t n) { return calloc(1, n); }
void apic_eoi(void) { ends++; }
bool apic_is_in_service(uint8_t vector) { return false; }
void apic_interrupt_error(void) {}
void timer_interrupt(void) {}
void smp_serve(void) {}
bool iommu_intr_wide(void) { return false; }
void domain_get(struct domain *d) {}
void domain_put(struct domain *d) {}
void cpu_wait(void) {}
void panic(const char *fmt, ...) { abort(); }
void guest_log(enum log_level level, const char *fmt, ...) {}

static struct vcpu *tell(void)
{
    told++;
    return target;
}
struct vcpu *evtchn_send_pirq(struct domain *d, unsigned int pirq) { return tell(); }
struct vcpu *hvm_pt_interrupt(struct domain *d, unsigned int pirq) { return tell(); }
struct vcpu *hwdom_interrupt(struct domain *d, uint32_t number) { return tell(); }

static struct {
    unsigned int cpu;
    uint8_t vector;
    bool masked;
} sent[NR_IRQS];

static void chip_mask(struct irq_desc *desc) { sent[desc->irq].masked = true; }
static void chip_unmask(struct irq_desc *desc) { sent[desc->irq].masked = false; }
static bool chip_can_move(const struct irq_desc *desc) { return movable; }
static void chip_route(struct irq_desc *desc)
{
    sent[desc->irq].cpu = desc->cpu;
    sent[desc->irq].vector = desc->vector;
}

static const struct irq_chip chip = { .name = "test", .mask = chip_mask, .unmask = chip_unmask,
                                      .route = chip_route, .can_move = chip_can_move };

/* The device interrupts, by what the chip says. */
static void raise(unsigned int irq)
{
    struct cpu_user_regs regs = { .entry_vector = sent[irq].vector };

    if (sent[irq].masked)
        return;
    host_cpu = sent[irq].cpu;
    irq_dispatch(&regs);
    host_cpu = 0;
}

static unsigned int message_of(struct domain *d)
{
    const int irq = irq_alloc_msi(1, &chip, NULL);

    CHECK(irq > 0);
    CHECK_EQ(irq_bind_guest((unsigned int)irq, d, 1, 0, false), 0);
    chip_route(irq_to_desc((unsigned int)irq));
    movable = true;
    target = &vcpu[0];
    vcpu[0].processor = 0;
    vcpu[1].processor = 2;
    return (unsigned int)irq;
}

static void end_message(unsigned int irq, struct domain *d)
{
    irq_unbind_guest(irq, d);
    irq_free_msi(irq, 1);
}

/* Vectors that are taken, of all cpus: every one that was left must be free again. */
static unsigned int free_at(unsigned int cpu)
{
    int irqs[256];
    unsigned int n = 0;

    host_cpu = cpu;
    for (; n < ARRAY_SIZE(irqs); n++) {
        irqs[n] = irq_alloc_msi(1, &chip, NULL);
        if (irqs[n] < 0 || irq_to_desc((unsigned int)irqs[n])->cpu != cpu)
            break;
    }
    for (unsigned int i = 0; i < n; i++)
        irq_free_msi((unsigned int)irqs[i], 1);
    if (n < ARRAY_SIZE(irqs) && irqs[n] >= 0)
        irq_free_msi((unsigned int)irqs[n], 1);
    host_cpu = 0;
    return n;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_messages(struct domain *d)
{
    unsigned int irq, whole;

    TEST("the vcpu moves, or another is meant: a message later it comes to its cpu")
    {
        whole = free_at(0);
        irq = message_of(d);
        ends = 0;
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 0);
        vcpu[0].processor = 3;
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 3);
        told = 0;
        raise(irq);
        CHECK_EQ(told, 1);
        CHECK_EQ(sent[irq].cpu, 3);
        target = &vcpu[1];
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 2);
        raise(irq);
        CHECK_EQ(ends, 5);
        end_message(irq, d);
        CHECK_EQ(free_at(0), whole);
        CHECK_EQ(free_at(2), whole);
        CHECK_EQ(free_at(3), whole);
    }
    TEST("one that is for nobody, or for several, stays")
    {
        irq = message_of(d);
        target = NULL;
        vcpu[0].processor = 3;
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 0);
        end_message(irq, d);
    }
    TEST("a late one by the old way does not make it move again")
    {
        uint8_t vector;
        struct cpu_user_regs regs = { 0 };

        irq = message_of(d);
        vector = sent[irq].vector;
        vcpu[0].processor = 3;
        raise(irq);
        vcpu[0].processor = 2;
        told = 0;
        regs.entry_vector = vector;
        irq_dispatch(&regs);
        CHECK_EQ(told, 1);
        CHECK_EQ(sent[irq].cpu, 3); /* nothing has come by the new way yet */
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 2);
        end_message(irq, d);
    }
    TEST("a cpu that is not online, and one that keeps its vector, which is taken there")
    {
        unsigned int other;

        irq = message_of(d);
        vcpu[0].processor = CPUS;
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 0);
        host_cpu = 1;
        other = (unsigned int)irq_alloc_msi(1, &chip, NULL);
        host_cpu = 0;
        CHECK_EQ(irq_to_desc(other)->vector, sent[irq].vector);
        movable = false;
        vcpu[0].processor = 1;
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 0);
        vcpu[0].processor = 2;
        raise(irq);
        CHECK_EQ(sent[irq].cpu, 2);
        irq_free_msi(other, 1);
        end_message(irq, d);
    }
}

static void test_lines(void)
{
    TEST("a line follows; one that guests share, and an edge, do not")
    {
        movable = true;
        target = &vcpu[0];
        vcpu[0].processor = 0;
        CHECK_EQ(irq_bind_guest(LINE, &hvm, LINE, 0, true), 0);
        CHECK_EQ(irq_bind_guest(EDGE, &pv, EDGE, 0, false), 0);
        vcpu[0].processor = 3;
        raise(EDGE);
        CHECK_EQ(sent[EDGE].cpu, 0);
        raise(LINE);
        CHECK_EQ(sent[LINE].cpu, 3);
        CHECK(sent[LINE].masked);
        irq_guest_eoi(LINE, &hvm);
        CHECK(!sent[LINE].masked);
        CHECK_EQ(irq_bind_guest(LINE, &pv, LINE, 0, true), 0);
        vcpu[0].processor = 1;
        raise(LINE);
        CHECK_EQ(sent[LINE].cpu, 3);
    }
}

int main(void)
{
    for (unsigned int c = 0; c < CPUS; c++) {
        cpumask_set(&cpu_online_map, c);
        cpu_apic_id[c] = c;
    }
    irq_set_gsis(24);
    CHECK_EQ(irq_attach(LINE, &chip, NULL, true), 0);
    CHECK_EQ(irq_attach(EDGE, &chip, NULL, false), 0);
    test_messages(&pv);
    test_messages(&hvm);
    test_lines();
    return check_exit();
}
