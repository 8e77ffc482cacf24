/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PM1a event registers and PM timer. ACPI specification, "PM1 Event Grouping" and "Power Management
 * Timer". The timer has 32 bits; its status bit is set when the highest one changes.
 *
 * Always: the SCI is up exactly while an enabled event of ours is pending. The line is ISA irq 9,
 * which the device model drives too (GPEs); who raises it last also lets it down, as in stock Xen,
 * whose record of the wires has one bit for both.
 */
#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <xen/hvm/ioreq.h>

#define NS_PER_SEC 1000000000U

#define TMR_STS 0x0001U
#define PWRBTN_STS 0x0100U
#define SLPBTN_STS 0x0200U
#define STS_BITS 0x8731U /* TMR, BM, GBL, PWRBTN, SLPBTN, RTC, WAK */
#define EN_BITS 0x0721U
#define SCI_BITS 0x0321U

static struct vpm *pm_of(const struct domain *d) { return &d->arch.hvm->pm; }

/* Clocks since the timer was at 0, before it wrapped. */
static uint64_t clocks(const struct vpm *p)
{
    const ns_t passed = vtick_now(p->d->vcpu[0]) - p->base_ns;

    return p->base + mul_div((uint64_t)passed, VPM_HZ, NS_PER_SEC);
}

static void note_wraps(struct vpm *p) REQUIRES(p->lock)
{
    const uint64_t halves = clocks(p) >> 31;

    if (halves != p->halves)
        p->sts |= TMR_STS;
    p->halves = halves;
}

static void update_sci(struct vpm *p) REQUIRES(p->lock)
{
    const bool sci = p->sts & p->en & SCI_BITS;

    if (sci == p->sci)
        return;
    p->sci = sci;
    if (sci)
        hvm_isa_irq_assert(p->d, SCI_IRQ);
    else
        hvm_isa_irq_deassert(p->d, SCI_IRQ);
}

/* A host timer only if the guest wants an interrupt for the top bit. */
static void arm(struct vpm *p) REQUIRES(p->lock)
{
    const uint64_t now = clocks(p), next = ((now >> 31) + 1) << 31;

    if (p->en & TMR_STS)
        vtick_set(&p->tick, (ns_t)mul_div(next - now, NS_PER_SEC, VPM_HZ) + 1000, 0);
    else
        vtick_stop(&p->tick);
}

static void fired(struct vtick *t)
{
    struct vpm *p = container_of(t, struct vpm, tick);

    spin_lock(&p->lock);
    note_wraps(p);
    update_sci(p);
    arm(p);
    spin_unlock(&p->lock);
}

/* --- ports ------------------------------------------------------------------------------------ */

/* mask: the bits of status and enable (upper half) that the access covers. */
static void event_write(struct vpm *p, uint32_t val, uint32_t mask) REQUIRES(p->lock)
{
    const uint16_t was = p->en;

    p->sts &= (uint16_t)~(val & mask); /* written ones clear */
    p->en = (uint16_t)((p->en & ~(mask >> 16)) | ((val & mask) >> 16 & EN_BITS));
    if ((was ^ p->en) & TMR_STS)
        arm(p);
}

static void event_io(struct vpm *p, unsigned int offset, uint32_t mask, bool write, uint32_t *val)
{
    spin_lock(&p->lock);
    note_wraps(p);
    if (write)
        event_write(p, *val << (8 * offset), mask << (8 * offset));
    else
        *val = ((uint32_t)p->en << 16 | p->sts) >> (8 * offset) & mask;
    update_sci(p);
    spin_unlock(&p->lock);
}

static uint32_t timer_read(struct vpm *p)
{
    uint32_t val;

    spin_lock(&p->lock);
    val = (uint32_t)clocks(p);
    spin_unlock(&p->lock);
    return val;
}

bool vpm_has_port(struct domain *d, unsigned int port)
{
    return port - read_once(pm_of(d)->port) < 12;
}

bool vpm_io(struct domain *d, unsigned int port, unsigned int size, bool write, uint32_t *val)
{
    struct vpm *p = pm_of(d);
    const unsigned int offset = port - read_once(p->port);
    const uint32_t mask = size == 4 ? 0xffffffff : (1U << (8 * size)) - 1;

    if (offset < 4 && offset + size <= 4) {
        event_io(p, offset, mask, write, val);
        return true;
    }
    if (offset < 8 || offset + size > 12 || offset + size < offset)
        return false;
    if (!write) /* the timer cannot be set */
        *val = timer_read(p) >> (8 * (offset - 8)) & mask;
    return true;
}

static void button(struct domain *d, uint16_t sts)
{
    struct vpm *p = pm_of(d);

    spin_lock(&p->lock);
    p->sts |= sts;
    update_sci(p);
    spin_unlock(&p->lock);
}

void vpm_power_button(struct domain *d) { button(d, PWRBTN_STS); }
void vpm_sleep_button(struct domain *d) { button(d, SLPBTN_STS); }

int vpm_set_location(struct domain *d, uint64_t version)
{
    if (version > 1)
        return -EINVAL;
    write_once(pm_of(d)->port,
               version ? ACPI_PM1A_EVT_BLK_ADDRESS_V1 : ACPI_PM1A_EVT_BLK_ADDRESS_V0);
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

void vpm_init(struct vcpu *v)
{
    struct vpm *p = pm_of(v->domain);

    spin_init(&p->lock, RANK_HVM_DEV);
    p->d = v->domain;
    p->port = ACPI_PM1A_EVT_BLK_ADDRESS_V0;
    p->base_ns = vtick_now(v);
    vtick_init(&p->tick, v, -1, fired);
}

void vpm_exit(struct domain *d) { vtick_exit(&pm_of(d)->tick); }

void vpm_save(struct domain *d, struct hvm_hw_pmtimer *r)
{
    struct vpm *p = pm_of(d);

    spin_lock(&p->lock);
    note_wraps(p);
    *r = (struct hvm_hw_pmtimer){ .tmr_val = (uint32_t)clocks(p), .pm1a_sts = p->sts,
                                  .pm1a_en = p->en };
    spin_unlock(&p->lock);
}

int vpm_load(struct domain *d, const struct hvm_hw_pmtimer *r)
{
    struct vpm *p = pm_of(d);

    if ((r->pm1a_sts & ~STS_BITS) || (r->pm1a_en & ~EN_BITS))
        return -EINVAL;
    spin_lock(&p->lock);
    p->sts = r->pm1a_sts;
    p->en = r->pm1a_en;
    p->base = r->tmr_val;
    p->base_ns = vtick_now(d->vcpu[0]);
    p->halves = clocks(p) >> 31;
    arm(p);
    update_sci(p);
    spin_unlock(&p->lock);
    return 0;
}
