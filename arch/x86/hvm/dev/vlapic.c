/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC of an HVM vcpu: its registers, and which vector comes next. Intel SDM vol. 3,
 * "Local APIC" and "Extended XAPIC (x2APIC)".
 *
 * Always: no vector below 16 is in IRR or ISR, bits of TMR are those of the last acceptance, and
 * the registers hold only what lapic_regs[] lets a guest write. IRR is set from any cpu; ISR
 * changes on the vcpu's own.
 */
#include <hv/atomic.h>
#include <hv/log.h>
#include <hv/sched.h>

#include "vlapic_priv.h"

#define RW_BOTH (REG_READ | REG_WRITE | REG_X2READ | REG_X2WRITE)
#define R_BOTH (REG_READ | REG_X2READ)
#define R_BANK { 0, R_BOTH }

/*
 * Writes to a read-only register of xAPIC have no effect; to one that does not exist are an error
 * in ESR. In x2APIC both are #GP, and so is any bit that is not writable.
 */
const struct lapic_reg lapic_regs[VLAPIC_REGS] = {
    [R_ID] = { 0, R_BOTH },
    [R_VERSION] = { 0, R_BOTH },
    [R_TPR] = { 0xff, RW_BOTH },
    [R_APR] = { 0, REG_READ },
    [R_PPR] = { 0, R_BOTH },
    [R_EOI] = { 0, REG_WRITE | REG_X2WRITE },
    [R_RRD] = { 0, REG_READ },
    [R_LDR] = { 0xff000000, REG_READ | REG_WRITE | REG_X2READ },
    [R_DFR] = { 0xf0000000, REG_READ | REG_WRITE },
    [R_SVR] = { 0x3ff, RW_BOTH },
    [R_ISR + 0] = R_BANK, [R_ISR + 1] = R_BANK, [R_ISR + 2] = R_BANK, [R_ISR + 3] = R_BANK,
    [R_ISR + 4] = R_BANK, [R_ISR + 5] = R_BANK, [R_ISR + 6] = R_BANK, [R_ISR + 7] = R_BANK,
    [R_TMR + 0] = R_BANK, [R_TMR + 1] = R_BANK, [R_TMR + 2] = R_BANK, [R_TMR + 3] = R_BANK,
    [R_TMR + 4] = R_BANK, [R_TMR + 5] = R_BANK, [R_TMR + 6] = R_BANK, [R_TMR + 7] = R_BANK,
    [R_IRR + 0] = R_BANK, [R_IRR + 1] = R_BANK, [R_IRR + 2] = R_BANK, [R_IRR + 3] = R_BANK,
    [R_IRR + 4] = R_BANK, [R_IRR + 5] = R_BANK, [R_IRR + 6] = R_BANK, [R_IRR + 7] = R_BANK,
    [R_ESR] = { 0, RW_BOTH },
    [R_ICR] = { ICR_BITS, RW_BOTH },
    [R_ICR_HIGH] = { 0xff000000, REG_READ | REG_WRITE },
    [R_LVTT] = { 0x000700ff, RW_BOTH },
    [R_LVTTHMR] = { 0x000107ff, RW_BOTH },
    [R_LVTPC] = { 0x000107ff, RW_BOTH },
    [R_LVT0] = { 0x0001a7ff, RW_BOTH },
    [R_LVT1] = { 0x0001a7ff, RW_BOTH },
    [R_LVTERR] = { 0x000100ff, RW_BOTH },
    [R_TMICT] = { 0xffffffff, RW_BOTH },
    [R_TMCCT] = { 0, R_BOTH },
    [R_TDCR] = { 0x0000000b, RW_BOTH },
    [R_SELF] = { 0xff, REG_X2WRITE },
};

int vector_highest(const uint32_t *bank)
{
    for (int i = 7; i >= 0; i--)
        if (bank[i])
            return i * 32 + 31 - __builtin_clz(bank[i]);
    return -1;
}

bool vlapic_hw_enabled(const struct vcpu *v)
{
    return read_once(lapic_of(v)->base_msr) & BASE_ENABLE;
}

bool vlapic_x2apic(const struct vcpu *v)
{
    return read_once(lapic_of(v)->base_msr) & BASE_X2APIC;
}

bool vlapic_sw_enabled(const struct vlapic *l)
{
    return read_once(l->reg[R_SVR]) & SVR_ENABLE;
}

bool vlapic_enabled(const struct vcpu *v)
{
    return vlapic_hw_enabled(v) && vlapic_sw_enabled(lapic_of(v));
}

/* The highest interrupt in service ends; one that is a level may come again. */
static void end_in_service(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);
    int vector;
    bool level = false;

    spin_lock(&l->lock);
    vector = vector_highest(&l->reg[R_ISR]);
    if (vector >= 0) {
        vector_clear(&l->reg[R_ISR], (unsigned int)vector);
        level = vector_test(&l->reg[R_TMR], (unsigned int)vector);
    }
    spin_unlock(&l->lock);
    if (level)
        vioapic_eoi(v->domain, (unsigned int)vector);
}

/* --- priorities ------------------------------------------------------------------------------- */

/* SDM "Task and Processor Priorities": the class in service hides TPR's lower bits. */
uint32_t vlapic_ppr_of(const struct vlapic *l)
{
    const uint32_t tpr = l->reg[R_TPR];
    const int isr = vector_highest(&l->reg[R_ISR]);
    const uint32_t in_service = isr < 0 ? 0 : (uint32_t)isr & 0xf0;

    return (tpr & 0xf0) >= in_service ? tpr : in_service;
}

unsigned int vlapic_ppr(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);
    unsigned int ppr;

    spin_lock(&l->lock);
    ppr = vlapic_ppr_of(l);
    spin_unlock(&l->lock);
    return ppr;
}

static int deliverable(const struct vlapic *l)
{
    const int irr = vector_highest(&l->reg[R_IRR]);

    return irr >= 0 && ((uint32_t)irr & 0xf0) > (vlapic_ppr_of(l) & 0xf0) ? irr : -1;
}

/*
 * Hyper-V's guests: messages may make interrupts, and an EOI may have been left out. One that is
 * held back by what is in service has to be told of the end of that.
 */
int vcpu_apic_pending(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);
    int vector = -1;
    bool waits;

    if (!vlapic_hw_enabled(v))
        return -1;
    viridian_poll(v);
    if (viridian_assist_done(v))
        end_in_service(v);
    spin_lock(&l->lock);
    vector = deliverable(l);
    waits = vector < 0 && vector_highest(&l->reg[R_IRR]) >= 0;
    spin_unlock(&l->lock);
    if (waits)
        viridian_assist_clear(v);
    return vector;
}

void vcpu_apic_ack(struct vcpu *v, unsigned int vector)
{
    struct vlapic *l = lapic_of(v);

    const bool auto_eoi = viridian_auto_eoi(v, vector);
    bool alone;

    ASSERT(vector >= 16 && vector < 256);
    spin_lock(&l->lock);
    alone = vector_highest(&l->reg[R_ISR]) < 0 && !vector_test(&l->reg[R_TMR], vector);
    vector_clear(&l->reg[R_IRR], vector);
    if (!auto_eoi)
        vector_set(&l->reg[R_ISR], vector);
    spin_unlock(&l->lock);
    if (alone && !auto_eoi) /* an edge, and nothing below it that waits for its own EOI */
        viridian_assist_set(v);
    vtick_vector_taken(v, vector);
}

/* One that was left out belongs to a higher interrupt, and comes first. */
static void missed_eoi(struct vcpu *v)
{
    if (viridian_assist_done(v))
        end_in_service(v);
    else
        viridian_assist_clear(v);
}

void vlapic_eoi(struct vcpu *v)
{
    missed_eoi(v);
    end_in_service(v);
}

unsigned int vlapic_get_cr8(struct vcpu *v)
{
    return read_once(lapic_of(v)->reg[R_TPR]) >> 4;
}

void vlapic_set_cr8(struct vcpu *v, unsigned int cr8)
{
    write_once(lapic_of(v)->reg[R_TPR], (cr8 & 0xf) << 4);
}

/* --- what comes in ---------------------------------------------------------------------------- */

static void notify(struct vcpu *v)
{
    vcpu_kick(v);
    vcpu_unblock(v);
}

/*
 * An error in the handling of the error's own interrupt is only noted: it cannot raise another.
 * SDM "Error Handling".
 */
void vlapic_error(struct vlapic *l, uint32_t esr_bit)
{
    const uint32_t lvt = l->reg[R_LVTERR];

    if (l->esr_pending & esr_bit)
        return;
    l->esr_pending |= esr_bit;
    if (lvt & LVT_MASKED)
        return;
    if ((lvt & ICR_VECTOR) < 16)
        l->esr_pending |= ESR_RECV_VECTOR;
    else
        vlapic_accept(l, lvt & ICR_VECTOR, false);
}

void vlapic_accept(struct vlapic *l, unsigned int vector, bool level)
{
    if (vector < 16) {
        vlapic_error(l, ESR_RECV_VECTOR);
        return;
    }
    if (level)
        vector_set(&l->reg[R_TMR], vector);
    else
        vector_clear(&l->reg[R_TMR], vector);
    vector_set(&l->reg[R_IRR], vector);
    notify(l->v);
}

void vlapic_set_vector(struct vcpu *v, unsigned int vector)
{
    struct vlapic *l = lapic_of(v);

    spin_lock(&l->lock);
    vlapic_accept(l, vector, false);
    spin_unlock(&l->lock);
}

void vlapic_dump(struct vcpu *v)
{
    const struct vlapic *l = lapic_of(v);

    log_info("  LAPIC: base %#lx SVR %#x TPR %#x ISR %d IRR %d LVTT %#x",
             (unsigned long)l->base_msr, l->reg[R_SVR], l->reg[R_TPR],
             vector_highest(&l->reg[R_ISR]), vector_highest(&l->reg[R_IRR]), l->reg[R_LVTT]);
}

bool vlapic_takes_extint(const struct vcpu *v)
{
    const uint32_t lvt0 = read_once(lapic_of(v)->reg[R_LVT0]);

    if (!vlapic_hw_enabled(v))
        return v->id == 0;
    return !(lvt0 & LVT_MASKED) && ((lvt0 >> ICR_MODE_SHIFT) & 7) == LAPIC_EXTINT;
}

/* --- registers -------------------------------------------------------------------------------- */

static uint32_t initial_id(const struct vlapic *l)
{
    const uint32_t id = vlapic_id(l->v->id);

    return l->base_msr & BASE_X2APIC ? id : id << 24;
}

uint32_t vlapic_x2_ldr(uint32_t id)
{
    return (id >> 4) << 16 | 1U << (id & 15);
}

/* SDM "Local APIC State After Power-Up or Reset". */
void vlapic_regs_reset(struct vlapic *l)
{
    vlapic_timer_stop(l);
    for (unsigned int i = 0; i < VLAPIC_REGS; i++)
        l->reg[i] = 0;
    l->reg[R_ID] = initial_id(l);
    l->reg[R_VERSION] = LAPIC_VERSION;
    l->reg[R_DFR] = 0xffffffff;
    l->reg[R_SVR] = 0xff;
    for (unsigned int r = R_LVTT; r <= R_LVTERR; r++)
        l->reg[r] = LVT_MASKED;
    if (l->base_msr & BASE_X2APIC)
        l->reg[R_LDR] = vlapic_x2_ldr(l->reg[R_ID]);
    l->deadline_msr = 0;
    l->esr_pending = 0;
}

uint32_t vlapic_reg_read(struct vlapic *l, unsigned int r)
{
    switch (r) {
    case R_PPR: return vlapic_ppr_of(l);
    case R_TMCCT: return vlapic_timer_count(l);
    default: return l->reg[r];
    }
}

/* SDM "Local APIC State After It Has Been Software Disabled": all LVT entries are masked. */
static void svr_written(struct vlapic *l) REQUIRES(l->lock)
{
    for (unsigned int r = R_LVTT; !vlapic_sw_enabled(l) && r <= R_LVTERR; r++)
        l->reg[r] |= LVT_MASKED;
}

static void lvt_written(struct vlapic *l, unsigned int r, uint32_t old) REQUIRES(l->lock)
{
    if (!vlapic_sw_enabled(l))
        l->reg[r] |= LVT_MASKED;
    if (r == R_LVTT)
        vlapic_timer_mode(l, old);
}

enum lapic_after vlapic_reg_write(struct vlapic *l, unsigned int r, uint32_t val)
{
    const uint32_t bits = lapic_regs[r].bits, old = l->reg[r];

    if (bits)
        write_once(l->reg[r], val & bits);
    switch (r) {
    case R_EOI:
        return AFTER_EOI;
    case R_DFR:
        l->reg[r] |= 0x0fffffff;
        break;
    case R_SVR:
        svr_written(l);
        break;
    case R_ESR: /* any write shows what was collected */
        l->reg[r] = l->esr_pending;
        l->esr_pending = 0;
        break;
    case R_ICR:
        return AFTER_ICR;
    case R_LVTT ... R_LVTERR:
        lvt_written(l, r, old);
        break;
    case R_TMICT:
        vlapic_timer_start(l, val);
        break;
    case R_TDCR:
        l->reg[r] = old; /* what has been counted was at the old rate */
        vlapic_timer_divide(l, val & bits);
        break;
    }
    return AFTER_NOTHING;
}

void vlapic_after(struct vcpu *v, enum lapic_after what)
{
    const struct vlapic *l = lapic_of(v);

    if (what == AFTER_EOI)
        vlapic_eoi(v);
    if (what == AFTER_ICR)
        vlapic_send(v, (uint64_t)l->reg[R_ICR_HIGH] << 32 | l->reg[R_ICR], false);
}

/* --- memory ----------------------------------------------------------------------------------- */

bool vlapic_has_page(const struct vcpu *v)
{
    return vlapic_hw_enabled(v) && !vlapic_x2apic(v);
}

/* Registers are read in 32 bits; SDM leaves other sizes open. We give the bytes asked for. */
uint64_t vlapic_mmio_read(struct vcpu *v, unsigned int offset, unsigned int size)
{
    struct vlapic *l = lapic_of(v);
    const unsigned int r = offset >> 4, byte = offset & 15;
    uint32_t val = 0;

    spin_lock(&l->lock);
    if (r >= VLAPIC_REGS || !(lapic_regs[r].access & (REG_READ | REG_WRITE)))
        vlapic_error(l, ESR_REGISTER);
    else if ((lapic_regs[r].access & REG_READ) && byte + size <= 4)
        val = vlapic_reg_read(l, r) >> (8 * byte);
    spin_unlock(&l->lock);
    return size < 4 ? val & ((1U << (8 * size)) - 1) : val;
}

void vlapic_mmio_write(struct vcpu *v, unsigned int offset, unsigned int size, uint64_t val)
{
    struct vlapic *l = lapic_of(v);
    const unsigned int r = offset >> 4;
    enum lapic_after after = AFTER_NOTHING;

    if ((offset & 15) || size != 4)
        return; /* undefined by the SDM; dropped */
    spin_lock(&l->lock);
    if (r >= VLAPIC_REGS || !(lapic_regs[r].access & (REG_READ | REG_WRITE)))
        vlapic_error(l, ESR_REGISTER);
    else if (lapic_regs[r].access & REG_WRITE)
        after = vlapic_reg_write(l, r, (uint32_t)val);
    spin_unlock(&l->lock);
    vlapic_after(v, after);
}

/* --- life ------------------------------------------------------------------------------------- */

void vlapic_init(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);

    spin_init(&l->lock, RANK_VLAPIC);
    l->v = v;
    l->base_msr = VLAPIC_BASE | BASE_ENABLE | (v->id == 0 ? BASE_BSP : 0);
    l->wait_sipi = v->id != 0;
    vtick_init(&l->tick, v, -1, vlapic_timer_fired);
    spin_lock(&l->lock);
    vlapic_regs_reset(l);
    spin_unlock(&l->lock);
}

void vlapic_exit(struct vcpu *v)
{
    vtick_exit(&lapic_of(v)->tick);
}

void vlapic_reset(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);

    spin_lock(&l->lock);
    vlapic_regs_reset(l);
    spin_unlock(&l->lock);
}

void vlapic_started(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);

    spin_lock(&l->lock);
    l->wait_sipi = false;
    spin_unlock(&l->lock);
}
