/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two 8259A interrupt controllers of an HVM domain, the second at the first's input 2, and
 * their edge/level registers. Intel 8259A data sheet; ELCR as in the 82371 (PIIX) data sheet. The
 * state is the public save record, beside the lines' levels.
 *
 * Always: pic[0].irr has bit 2 exactly while pic[1].int_output is set; int_output is what the
 * registers say.
 */
#include <hv/errno.h>
#include <hv/sched.h>

#include "hvm_irq_priv.h"

/* ICW1, and OCW2/3 at the even port. */
#define ICW1 0x10U
#define ICW1_SINGLE 0x02U
#define ICW1_IC4 0x01U
#define OCW3 0x08U
/* init_state: bits 0-1 the next word's number less 1, 2: ICW4 comes, 3: no ICW3 */
#define INIT_IC4 4U
#define INIT_SINGLE 8U

static uint8_t rotate_right(uint8_t bits, unsigned int n)
{
    n &= 7;
    return (uint8_t)(bits >> n | bits << (8 - n));
}

/* Highest priority first: 0 for the line at priority_add. 8: none. */
static unsigned int priority_of(const struct hvm_hw_vpic *p, uint8_t lines)
{
    const uint8_t in_order = rotate_right(lines, p->priority_add);

    return in_order ? (unsigned int)__builtin_ctz(in_order) : 8;
}

/*
 * The line to serve, or -1. In special mask mode masked lines in service hold nobody back; in
 * special fully nested mode the master lets the slave through again.
 */
static int line_to_serve(const struct hvm_hw_vpic *p)
{
    const uint8_t want = p->irr & (uint8_t)~p->imr;
    uint8_t busy = p->isr;
    unsigned int prio = priority_of(p, want);

    if (p->special_mask_mode)
        busy &= (uint8_t)~p->imr;
    if (p->special_fully_nested_mode && p->is_master)
        busy &= (uint8_t)~(1U << CASCADE);
    if (prio == 8 || prio >= priority_of(p, busy))
        return -1;
    return (int)((prio + p->priority_add) & 7);
}

/* An edge of the master's output wakes the vcpu that listens to it. */
static void tell_vcpu(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (!hvm_takes_extint(v))
            continue;
        vcpu_kick(v);
        vcpu_unblock(v);
        return;
    }
}

static void update_master(struct domain *d) REQUIRES(irq_of(d)->lock)
{
    struct hvm_hw_vpic *m = &irq_of(d)->pic[MASTER];
    const bool was = m->int_output;

    m->int_output = line_to_serve(m) >= 0;
    if (m->int_output && !was)
        tell_vcpu(d);
}

static void update(struct domain *d) REQUIRES(irq_of(d)->lock)
{
    struct hvm_hw_vpic *m = &irq_of(d)->pic[MASTER], *s = &irq_of(d)->pic[SLAVE];

    s->int_output = line_to_serve(s) >= 0;
    m->irr = (uint8_t)((m->irr & ~(1U << CASCADE)) | (unsigned int)s->int_output << CASCADE);
    update_master(d);
}

/* --- lines ------------------------------------------------------------------------------------ */

void vpic_rise(struct domain *d, unsigned int irq)
{
    struct hvm_irq *i = irq_of(d);
    const uint8_t bit = (uint8_t)(1U << (irq & 7));

    i->pic_line[irq >> 3] |= bit;
    i->pic[irq >> 3].irr |= bit;
    update(d);
}

/* A request that is gone before its acknowledge is no more: that cycle finds line 7. */
void vpic_fall(struct domain *d, unsigned int irq)
{
    struct hvm_irq *i = irq_of(d);
    const uint8_t bit = (uint8_t)(1U << (irq & 7));

    i->pic_line[irq >> 3] &= (uint8_t)~bit;
    i->pic[irq >> 3].irr &= (uint8_t)~bit;
    update(d);
}

bool vpic_is_masked(const struct hvm_irq *i, unsigned int irq)
{
    if (irq >= 8 && (i->pic[MASTER].imr & (1U << CASCADE)))
        return true;
    return i->pic[irq >> 3].imr & (1U << (irq & 7));
}

/* --- acknowledging ---------------------------------------------------------------------------- */

static void served(struct hvm_irq *i, unsigned int chip, unsigned int line)
{
    struct hvm_hw_vpic *p = &i->pic[chip];
    const uint8_t bit = (uint8_t)(1U << line);

    if (!(p->elcr & bit)) /* edge: needs another one; level: as long as the line is up */
        p->irr &= (uint8_t)~bit;
    if (!p->auto_eoi)
        p->isr |= bit;
    else if (p->rotate_on_auto_eoi)
        p->priority_add = (line + 1) & 7;
}

/* One chip's acknowledge: its line, 7 when the request has gone. */
static unsigned int ack_chip(struct hvm_irq *i, unsigned int chip, bool *spurious)
{
    const int line = line_to_serve(&i->pic[chip]);

    *spurious = line < 0;
    if (line < 0)
        return 7;
    served(i, chip, (unsigned int)line);
    return (unsigned int)line;
}

uint8_t vpic_ack(struct domain *d, int *irq)
{
    struct hvm_irq *i = irq_of(d);
    unsigned int chip = MASTER, line;
    bool spurious;
    uint8_t vector;

    line = ack_chip(i, MASTER, &spurious);
    if (!spurious && line == CASCADE) {
        chip = SLAVE;
        line = ack_chip(i, SLAVE, &spurious);
    }
    vector = (uint8_t)(i->pic[chip].irq_base + line);
    *irq = spurious ? -1 : (int)(chip * 8 + line);
    update(d);
    return vector;
}

/* --- the even port: ICW1, OCW2, OCW3 ---------------------------------------------------------- */

/* An edge that was latched is lost; a level that is up is seen again. */
static void icw1(struct hvm_irq *i, unsigned int chip, uint8_t val)
{
    struct hvm_hw_vpic *p = &i->pic[chip];

    p->irr = i->pic_line[chip] & p->elcr;
    p->imr = p->isr = 0;
    p->priority_add = 0;
    p->readsel_isr = p->poll = p->special_mask_mode = 0;
    p->auto_eoi = p->rotate_on_auto_eoi = p->special_fully_nested_mode = 0;
    p->init_state = (1U | (val & ICW1_IC4 ? INIT_IC4 : 0) |
                     (val & ICW1_SINGLE ? INIT_SINGLE : 0)) & 15U;
}

/* The line of highest priority in service; what special mask mode hides is passed over. */
static int line_in_service(const struct hvm_hw_vpic *p)
{
    uint8_t busy = p->isr;
    unsigned int prio;

    if (p->special_mask_mode)
        busy &= (uint8_t)~p->imr;
    prio = priority_of(p, busy);
    return prio == 8 ? -1 : (int)((prio + p->priority_add) & 7);
}

/* Data sheet "OCW2": R, SL, EOI in bits 7-5, a line in 2-0. */
static void ocw2(struct hvm_hw_vpic *p, uint8_t val)
{
    const bool rotate = val & 0x80, specific = val & 0x40, eoi = val & 0x20;
    const int line = specific ? val & 7 : line_in_service(p);

    if (!eoi && !specific) { /* rotate in automatic EOI mode: on or off */
        p->rotate_on_auto_eoi = rotate;
        return;
    }
    if (line < 0)
        return;
    if (eoi)
        p->isr &= (uint8_t)~(1U << line);
    if (rotate)
        p->priority_add = (line + 1) & 7;
}

static void ocw3(struct hvm_hw_vpic *p, uint8_t val)
{
    if (val & 0x04)
        p->poll = 1;
    if (val & 0x02)
        p->readsel_isr = (val & 0x01) != 0;
    if (val & 0x40)
        p->special_mask_mode = (val & 0x20) != 0;
}

/* --- the odd port: ICW2-4, OCW1 --------------------------------------------------------------- */

static void icw4(struct hvm_hw_vpic *p, uint8_t val)
{
    p->special_fully_nested_mode = (val & 0x10) != 0;
    p->auto_eoi = (val & 0x02) != 0;
    p->init_state = 0;
}

static void icw_or_ocw1(struct hvm_hw_vpic *p, uint8_t val)
{
    switch (p->init_state & 3) {
    case 0:
        p->imr = val;
        return;
    case 1: /* ICW2; ICW3 follows unless single */
        p->irq_base = val & 0xf8;
        p->init_state = (p->init_state + (p->init_state & INIT_SINGLE ? 2U : 1U)) & 15U;
        break;
    case 2: /* ICW3: the wiring of a PC, which is fixed */
        p->init_state = (p->init_state + 1) & 15;
        break;
    case 3:
        icw4(p, val);
        return;
    }
    if ((p->init_state & 3) == 3 && !(p->init_state & INIT_IC4))
        p->init_state = 0;
}

/* --- ports ------------------------------------------------------------------------------------ */

/* Which lines can be level: not the timer, keyboard, cascade, clock, FPU. */
static uint8_t elcr_mask(unsigned int chip) { return chip == MASTER ? 0xf8 : 0xde; }

/* Lines of devices that are passed through may come again. */
static void ended(struct domain *d, unsigned int chip, uint8_t lines) REQUIRES(irq_of(d)->lock)
{
    for (unsigned int i = 0; i < 8; i++)
        if (lines >> i & 1)
            pt_isa_done(d, chip * 8 + i);
}

void vpic_write(struct domain *d, unsigned int port, uint8_t val)
{
    struct hvm_irq *i = irq_of(d);
    const bool elcr = port >= 0x4d0;
    const unsigned int chip = elcr ? port & 1 : port >> 7 & 1;
    struct hvm_hw_vpic *p = &i->pic[chip];

    spin_lock(&irq_of(d)->lock);
    if (elcr) {
        p->elcr = val & elcr_mask(chip);
        p->irr |= i->pic_line[chip] & p->elcr;
    } else if (port & 1) {
        icw_or_ocw1(p, val);
    } else if (val & ICW1) {
        icw1(i, chip, val);
    } else if (val & OCW3) {
        ocw3(p, val);
    } else {
        const uint8_t before = p->isr;

        ocw2(p, val);
        if (unlikely(i->passed))
            ended(d, chip, (uint8_t)(before ^ p->isr));
    }
    update(d);
    spin_unlock(&irq_of(d)->lock);
}

/* A poll acknowledges as the CPU would; bit 7 says whether there was a request. */
static uint8_t poll(struct hvm_irq *i, unsigned int chip)
{
    bool spurious;
    const unsigned int line = ack_chip(i, chip, &spurious);

    i->pic[chip].poll = 0;
    return spurious ? 0 : (uint8_t)(0x80 | line);
}

uint8_t vpic_read(struct domain *d, unsigned int port)
{
    struct hvm_irq *i = irq_of(d);
    const bool elcr = port >= 0x4d0;
    const unsigned int chip = elcr ? port & 1 : port >> 7 & 1;
    struct hvm_hw_vpic *p = &i->pic[chip];
    uint8_t val;

    spin_lock(&irq_of(d)->lock);
    if (elcr)
        val = p->elcr;
    else if (p->poll)
        val = poll(i, chip);
    else if (port & 1)
        val = p->imr;
    else
        val = p->readsel_isr ? p->isr : p->irr;
    update(d);
    spin_unlock(&irq_of(d)->lock);
    return val;
}

/* --- life ------------------------------------------------------------------------------------- */

void vpic_init(struct hvm_irq *i)
{
    i->pic[MASTER] = (struct hvm_hw_vpic){ .is_master = 1, .irq_base = 0x08 };
    i->pic[SLAVE] = (struct hvm_hw_vpic){ .irq_base = 0x70 };
}

void vpic_save(struct domain *d, unsigned int nr, struct hvm_hw_vpic *r)
{
    struct hvm_irq *i = irq_of(d);

    spin_lock(&irq_of(d)->lock);
    *r = i->pic[nr];
    spin_unlock(&irq_of(d)->lock);
}

/* What a line's level adds to IRR comes with the wires' records. */
int vpic_load(struct domain *d, unsigned int nr, const struct hvm_hw_vpic *r)
{
    struct hvm_irq *i = irq_of(d);
    const unsigned int step = r->init_state & 3;

    if (nr > SLAVE || r->is_master != (nr == MASTER) || r->priority_add > 7 ||
        (r->irq_base & 7) || (r->elcr & ~elcr_mask(nr)) || r->int_output > 1 ||
        (step == 0 && r->init_state != 0))
        return -EINVAL;
    spin_lock(&irq_of(d)->lock);
    i->pic[nr] = *r;
    update(d);
    spin_unlock(&irq_of(d)->lock);
    return 0;
}
