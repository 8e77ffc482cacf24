/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt descriptors, vectors and dispatch.
 *
 * An interrupt comes while a guest runs, in idle, or at a preemption point: never while a lock is
 * held. It is ended (EOI) in the local APIC before we leave dispatch. A guest's level-triggered
 * line is masked first and unmasked at the guest's own EOI, so a slow or hostile owner blocks its
 * own line and no other. evtchn_send_pirq() takes a lock of lower rank than ours, so delivery works
 * on a copy of the guests, each with a reference.
 */
#include <arch/apic.h>
#include <arch/hvm_pt.h>
#include <arch/hwdom.h>
#include <arch/irq.h>
#include <arch/msi.h>
#include <arch/percpu.h>
#include <arch/smpboot.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/iommu_intr.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/smp.h>
#include <hv/timer.h>

static struct irq_desc *irq_descs[NR_IRQS];
static unsigned int nr_gsis;
static DEFINE_SPINLOCK(vector_lock, RANK_VECTOR);
static DEFINE_SPINLOCK(alloc_lock, RANK_PV_LDT); /* numbers of MSIs; below the heap's locks */

/* irq + 1 for each vector of a cpu; 0 free. Changed under vector_lock. */
static DEFINE_PER_CPU(uint16_t[NR_VECTORS], vector_irq);

void irq_set_gsis(unsigned int gsis)
{
    nr_gsis = MIN(gsis, NR_IRQS / 2U);
}

unsigned int irq_nr_gsis(void) { return nr_gsis; }

struct irq_desc *irq_to_desc(unsigned int irq)
{
    return irq < NR_IRQS ? read_once(irq_descs[index_nospec(irq, NR_IRQS)]) : NULL;
}

static struct irq_desc *desc_new(unsigned int irq, const struct irq_chip *chip, void *chip_data)
{
    struct irq_desc *desc = hv_alloc(sizeof(*desc));

    if (desc == NULL)
        return NULL;
    spin_init(&desc->lock, RANK_IRQ);
    desc->irq = (uint16_t)irq;
    desc->chip = chip;
    desc->chip_data = chip_data;
    return desc;
}

int irq_attach(unsigned int irq, const struct irq_chip *chip, void *chip_data, bool level)
{
    struct irq_desc *desc;

    if (irq >= nr_gsis)
        return -ENOENT;
    desc = desc_new(irq, chip, chip_data);
    if (desc == NULL)
        return -ENOMEM;
    desc->level = level;
    write_once(irq_descs[irq], desc);
    return 0;
}

/* --- vectors ---------------------------------------------------------------------------------- */

/* Without interrupt remapping a device reaches APIC ids of 8 bits. */
static bool cpu_is_target(unsigned int cpu)
{
    return cpu < NR_CPUS && cpumask_test(&cpu_online_map, cpu) &&
           (cpu_apic_id[cpu] <= MSI_DEST_MAX || iommu_intr_wide());
}

/* Take nr vectors at cpu for irqs from first on. 0: none free. */
static uint8_t vector_take(unsigned int cpu, unsigned int first, unsigned int nr, uint8_t prefer)
{
    uint16_t *table = per_cpu(vector_irq, cpu);
    uint8_t vector;

    spin_lock(&vector_lock);
    vector = vector_find(table, nr, prefer);
    for (unsigned int i = 0; vector && i < nr; i++)
        write_once(table[vector + i], (uint16_t)(first + i + 1));
    spin_unlock(&vector_lock);
    return vector;
}

static void vector_release(unsigned int cpu, uint8_t vector)
{
    spin_lock(&vector_lock);
    write_once(per_cpu(vector_irq, cpu)[vector], 0);
    spin_unlock(&vector_lock);
}

/* At the wanted cpu if it can be, else at any. *cpu is updated. */
static uint8_t vector_take_near(unsigned int *cpu, unsigned int first, unsigned int nr)
{
    uint8_t vector = 0;

    if (cpu_is_target(*cpu))
        vector = vector_take(*cpu, first, nr, 0);
    if (vector)
        return vector;
    for_each_cpu (c, &cpu_online_map) {
        if (!cpu_is_target(c))
            continue;
        vector = vector_take(c, first, nr, 0);
        if (vector) {
            *cpu = c;
            return vector;
        }
    }
    return 0;
}

static void release_old(struct irq_desc *desc) REQUIRES(desc->lock)
{
    if (desc->old_vector)
        vector_release(desc->old_cpu, desc->old_vector);
    desc->old_vector = 0;
}

static void release_vectors(struct irq_desc *desc) REQUIRES(desc->lock)
{
    release_old(desc);
    if (desc->vector)
        vector_release(desc->cpu, desc->vector);
    desc->vector = 0;
}

/* --- owners ----------------------------------------------------------------------------------- */

/* Vector and route, if it has none yet; unmask. */
static int desc_start(struct irq_desc *desc, unsigned int cpu) REQUIRES(desc->lock)
{
    if (!desc->vector) {
        uint8_t vector = vector_take_near(&cpu, desc->irq, 1);

        if (!vector)
            return -ENOSPC;
        desc->vector = vector;
        desc->cpu = (uint16_t)cpu;
        desc->chip->route(desc);
    }
    desc->chip->unmask(desc);
    return 0;
}

static void desc_stop(struct irq_desc *desc) REQUIRES(desc->lock)
{
    desc->chip->mask(desc);
    desc->owner = IRQ_FREE;
    desc->in_flight = 0;
    if (!desc->fixed)
        release_vectors(desc);
}

int irq_request(unsigned int irq, void (*fn)(void *), void *data)
{
    struct irq_desc *desc = irq_to_desc(irq);
    int rc = -EBUSY;

    if (desc == NULL)
        return -ENOENT;
    spin_lock(&desc->lock);
    if (desc->owner == IRQ_FREE) {
        desc->fn = fn;
        desc->data = data;
        desc->owner = IRQ_DRIVER;
        rc = desc_start(desc, smp_processor_id());
        if (rc)
            desc->owner = IRQ_FREE;
    }
    spin_unlock(&desc->lock);
    return rc;
}

static int add_guest(struct irq_desc *desc, struct domain *d, uint32_t pirq, unsigned int cpu,
                     bool share) REQUIRES(desc->lock)
{
    int rc = 0;

    if (desc->owner == IRQ_DRIVER || (desc->nr_guests && (!share || !desc->level)))
        return -EBUSY;
    if (desc->nr_guests == IRQ_MAX_GUESTS)
        return -ENOSPC;
    for (unsigned int i = 0; i < desc->nr_guests; i++)
        if (desc->guest[i].d == d)
            return -EEXIST;
    desc->owner = IRQ_GUEST;
    desc->guest[desc->nr_guests++] = (struct irq_guest){ .d = d, .pirq = pirq };
    if (desc->nr_guests == 1)
        rc = desc_start(desc, cpu);
    if (rc) {
        desc->nr_guests = 0;
        desc->owner = IRQ_FREE;
    }
    return rc;
}

int irq_bind_guest(unsigned int irq, struct domain *d, uint32_t pirq, unsigned int cpu, bool share)
{
    struct irq_desc *desc = irq_to_desc(irq);
    int rc;

    if (desc == NULL)
        return -ENOENT;
    spin_lock(&desc->lock);
    rc = add_guest(desc, d, pirq, cpu, share);
    spin_unlock(&desc->lock);
    return rc;
}

static struct irq_guest *find_guest(struct irq_desc *desc, const struct domain *d)
{
    for (unsigned int i = 0; i < desc->nr_guests; i++)
        if (desc->guest[i].d == d)
            return &desc->guest[i];
    return NULL;
}

/* g has served the line, or is going away: with the last one it may interrupt again. */
static void guest_done(struct irq_desc *desc, struct irq_guest *g) REQUIRES(desc->lock)
{
    if (!g->in_flight)
        return;
    g->in_flight = false;
    if (--desc->in_flight == 0)
        desc->chip->unmask(desc);
}

void irq_unbind_guest(unsigned int irq, struct domain *d)
{
    struct irq_desc *desc = irq_to_desc(irq);
    struct irq_guest *g;

    if (desc == NULL)
        return;
    spin_lock(&desc->lock);
    g = find_guest(desc, d);
    if (g != NULL) {
        if (desc->nr_guests > 1)
            guest_done(desc, g);
        *g = desc->guest[--desc->nr_guests];
        if (desc->nr_guests == 0)
            desc_stop(desc);
    }
    spin_unlock(&desc->lock);
}

void irq_guest_eoi(unsigned int irq, struct domain *d)
{
    struct irq_desc *desc = irq_to_desc(irq);
    struct irq_guest *g;

    if (desc == NULL || !desc->level)
        return;
    spin_lock(&desc->lock);
    g = find_guest(desc, d);
    if (g != NULL)
        guest_done(desc, g);
    spin_unlock(&desc->lock);
}

/*
 * The old vector stays reserved until an interrupt has come by the new one: one may still be on its
 * way. A second move before that is not made; the affinity is a wish.
 */
static void desc_move(struct irq_desc *desc, unsigned int cpu) REQUIRES(desc->lock)
{
    bool same_only = desc->chip->can_move && !desc->chip->can_move(desc);
    uint8_t vector;

    if (!desc->vector || desc->block || desc->cpu == cpu || desc->old_vector || !cpu_is_target(cpu))
        return;
    vector = vector_take(cpu, desc->irq, 1, desc->vector);
    if (!vector)
        return;
    if (same_only && vector != desc->vector) {
        vector_release(cpu, vector);
        return;
    }
    desc->old_vector = desc->vector;
    desc->old_cpu = desc->cpu;
    desc->vector = vector;
    desc->cpu = (uint16_t)cpu;
    desc->chip->route(desc);
}

void irq_set_affinity(unsigned int irq, unsigned int cpu)
{
    struct irq_desc *desc = irq_to_desc(irq);

    if (desc == NULL)
        return;
    spin_lock(&desc->lock);
    desc_move(desc, cpu);
    spin_unlock(&desc->lock);
}

void irq_set_masked(unsigned int irq, bool masked)
{
    struct irq_desc *desc = irq_to_desc(irq);

    if (desc == NULL)
        return;
    spin_lock(&desc->lock);
    if (desc->owner == IRQ_GUEST && masked)
        desc->chip->mask(desc);
    else if (desc->owner == IRQ_GUEST)
        desc->chip->unmask(desc);
    spin_unlock(&desc->lock);
}

bool irq_is_level(unsigned int irq)
{
    const struct irq_desc *desc = irq_to_desc(irq);

    return desc && read_once(desc->level);
}

unsigned int irq_nr_sharers(unsigned int irq)
{
    const struct irq_desc *desc = irq_to_desc(irq);

    return desc ? read_once(desc->nr_guests) : 0;
}

/* --- MSIs ------------------------------------------------------------------------------------- */

/*
 * A descriptor, once made for a number, stays: dispatch on another cpu may just have looked it up.
 * A late interrupt then meets a free descriptor, or at worst raises one event too many at the
 * number's new owner.
 */
static bool number_is_free(unsigned int irq)
{
    return irq_descs[irq] == NULL || !irq_descs[irq]->allocated;
}

static bool run_is_free(unsigned int first, unsigned int nr)
{
    for (unsigned int i = first; i < first + nr; i++)
        if (!number_is_free(i))
            return false;
    return true;
}

/* Mark a run as ours; the first number. */
static int numbers_take(unsigned int nr)
{
    int first = -ENOSPC;

    spin_lock(&alloc_lock);
    for (unsigned int i = nr_gsis; i + nr <= NR_IRQS; i++)
        if (run_is_free(i, nr)) {
            first = (int)i;
            break;
        }
    for (unsigned int i = 0; first >= 0 && i < nr; i++) {
        struct irq_desc **slot = &irq_descs[(unsigned int)first + i];

        if (*slot == NULL)
            write_once(*slot, desc_new((unsigned int)first + i, NULL, NULL));
        if (*slot == NULL) {
            for (unsigned int j = 0; j < i; j++)
                irq_descs[(unsigned int)first + j]->allocated = false;
            first = -ENOMEM;
        } else {
            (*slot)->allocated = true;
        }
    }
    spin_unlock(&alloc_lock);
    return first;
}

static void numbers_release(unsigned int first, unsigned int nr)
{
    spin_lock(&alloc_lock);
    for (unsigned int i = first; i < first + nr; i++)
        irq_descs[i]->allocated = false;
    spin_unlock(&alloc_lock);
}

static int block_init(unsigned int first, unsigned int nr, const struct irq_chip *chip,
                      void *chip_data)
{
    unsigned int cpu = smp_processor_id();
    uint8_t vector = vector_take_near(&cpu, first, nr);

    if (!vector)
        return -ENOSPC;
    for (unsigned int i = 0; i < nr; i++) {
        struct irq_desc *desc = irq_descs[first + i];

        spin_lock(&desc->lock);
        desc->chip = chip;
        desc->chip_data = chip_data;
        desc->cpu = (uint16_t)cpu;
        desc->vector = (uint8_t)(vector + i);
        desc->fixed = true;
        desc->block = nr > 1;
        desc->count = 0;
        spin_unlock(&desc->lock);
    }
    return 0;
}

int irq_alloc_msi(unsigned int nr, const struct irq_chip *chip, void *chip_data)
{
    int first, rc;

    if (nr == 0 || nr > 32)
        return -EINVAL;
    first = numbers_take(nr);
    if (first < 0)
        return first;
    rc = block_init((unsigned int)first, nr, chip, chip_data);
    if (rc) {
        numbers_release((unsigned int)first, nr);
        return rc;
    }
    return first;
}

static void no_op(struct irq_desc *desc) {}

static const struct irq_chip no_chip = {
    .name = "none", .mask = no_op, .unmask = no_op, .route = no_op
};

void irq_free_msi(unsigned int first, unsigned int nr)
{
    for (unsigned int i = first; i < first + nr; i++) {
        struct irq_desc *desc = irq_descs[i];

        spin_lock(&desc->lock);
        release_vectors(desc);
        desc->chip = &no_chip; /* dispatch may still hold the descriptor */
        desc->chip_data = NULL;
        spin_unlock(&desc->lock);
    }
    numbers_release(first, nr);
}

/* --- dispatch --------------------------------------------------------------------------------- */

struct delivery {
    struct domain *d;
    uint32_t pirq;
};

/* Whom to tell; a line is masked and marked first. */
static unsigned int guests_to_tell(struct irq_desc *desc, struct delivery out[IRQ_MAX_GUESTS])
    REQUIRES(desc->lock)
{
    for (unsigned int i = 0; i < desc->nr_guests; i++) {
        struct irq_guest *g = &desc->guest[i];

        if (desc->level && !g->in_flight) {
            g->in_flight = true;
            desc->in_flight++;
        }
        domain_get(g->d);
        out[i] = (struct delivery){ g->d, g->pirq };
    }
    return desc->nr_guests;
}

/* The local APIC's end of a vector tells the line's chip, unless it knows another number. */
static void end_line(struct irq_desc *desc)
{
    if (!read_once(desc->level))
        return;
    spin_lock(&desc->lock);
    if (desc->chip->end)
        desc->chip->end(desc);
    spin_unlock(&desc->lock);
}

/* The vcpu that it is for; NULL: none, or more than one. */
static const struct vcpu *deliver(const struct delivery *to)
{
    if (is_pv(to->d))
        return evtchn_send_pirq(to->d, to->pirq);
    return to->d->is_hardware ? hwdom_interrupt(to->d, to->pirq)
                              : hvm_pt_interrupt(to->d, to->pirq);
}

/*
 * The next one comes to the cpu where the vcpu is that this one was for. Not an edge of a pin: one
 * that comes while the pin's entry changes would be lost.
 */
static void follow(struct irq_desc *desc, unsigned int cpu)
{
    if (read_once(desc->cpu) == cpu)
        return;
    spin_lock(&desc->lock);
    if (desc->owner == IRQ_GUEST && (desc->fixed || desc->level))
        desc_move(desc, cpu);
    spin_unlock(&desc->lock);
}

static void dispatch_device(struct irq_desc *desc, uint8_t vector)
{
    struct delivery to[IRQ_MAX_GUESTS];
    unsigned int nr = 0;
    void (*fn)(void *) = NULL;
    void *data = NULL;

    spin_lock(&desc->lock);
    desc->count++;
    if (desc->vector == vector && desc->cpu == smp_processor_id())
        release_old(desc);
    switch ((enum irq_owner)desc->owner) {
    case IRQ_DRIVER:
        fn = desc->fn;
        data = desc->data;
        break;
    case IRQ_GUEST:
        if (desc->level)
            desc->chip->mask(desc);
        nr = guests_to_tell(desc, to);
        break;
    case IRQ_FREE: /* an MSI before it is bound, or a late one */
        desc->chip->mask(desc);
        break;
    }
    spin_unlock(&desc->lock);

    if (fn)
        fn(data);
    apic_eoi();
    end_line(desc);
    for (unsigned int i = 0; i < nr; i++) {
        const struct vcpu *v = deliver(&to[i]);

        if (v && nr == 1)
            follow(desc, read_once(v->processor));
        domain_put(to[i].d);
    }
}

static void dispatch_unknown(uint8_t vector)
{
    if (apic_is_in_service(vector))
        apic_eoi();
    guest_log(LOG_DEBUG, "irq: cpu %u: nobody owns vector %#x", smp_processor_id(), vector);
}

void irq_dispatch(struct cpu_user_regs *regs)
{
    uint8_t vector = (uint8_t)regs->entry_vector;
    unsigned int irq;
    struct irq_desc *desc;

    switch (vector) {
    case VECTOR_TIMER:
        apic_eoi();
        timer_interrupt();
        return;
    case VECTOR_SERVE:
        apic_eoi();
        smp_serve();
        return;
    case VECTOR_ERROR:
        apic_interrupt_error();
        return;
    case VECTOR_SPURIOUS: /* has no service bit, so no EOI */
        return;
    }
    irq = read_once(this_cpu(vector_irq)[vector]);
    desc = irq ? irq_to_desc(irq - 1) : NULL;
    if (desc != NULL)
        dispatch_device(desc, vector);
    else
        dispatch_unknown(vector);
}
