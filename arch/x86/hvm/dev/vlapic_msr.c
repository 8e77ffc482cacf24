/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The LAPIC's MSRs: IA32_APIC_BASE with its three states, IA32_TSC_DEADLINE, and the registers as
 * x2APIC has them. Intel SDM vol. 3, "x2APIC State Transitions", "x2APIC Register Address Space".
 */
#include <hv/errno.h>

#include "vlapic_priv.h"

#define MSR_APIC_BASE 0x1bU
#define MSR_TSC_DEADLINE 0x6e0U
#define MSR_X2APIC_FIRST 0x800U
#define MSR_X2APIC_LAST 0x8ffU

/* --- IA32_APIC_BASE --------------------------------------------------------------------------- */

/* Disabled -> xAPIC -> x2APIC, and from both back to disabled; nothing else. */
static bool transition_is_valid(uint64_t old, uint64_t val)
{
    const bool was_on = old & BASE_ENABLE, was_x2 = old & BASE_X2APIC;
    const bool is_on = val & BASE_ENABLE, is_x2 = val & BASE_X2APIC;

    if (is_x2)
        return is_on && was_on;
    return !(is_on && was_x2);
}

/* The page does not move: Not yet. A guest that tries gets #GP. The BSP flag is not its to set. */
static int base_write(struct vlapic *l, uint64_t val) REQUIRES(l->lock)
{
    const uint64_t old = l->base_msr;

    if ((val & ~(BASE_BSP | BASE_X2APIC | BASE_ENABLE)) != VLAPIC_BASE ||
        !transition_is_valid(old, val))
        return -EINVAL;
    write_once(l->base_msr, (val & ~BASE_BSP) | (old & BASE_BSP));
    if (!(val & BASE_ENABLE) && (old & BASE_ENABLE)) {
        vlapic_regs_reset(l);
    } else if ((val ^ old) & BASE_X2APIC) {
        l->reg[R_ID] = vlapic_id(l->v->id);
        l->reg[R_LDR] = vlapic_x2_ldr(l->reg[R_ID]);
        l->reg[R_ICR_HIGH] = 0;
    }
    return 0;
}

/* --- x2APIC ----------------------------------------------------------------------------------- */

static int x2_read(struct vlapic *l, uint32_t msr, uint64_t *val) REQUIRES(l->lock)
{
    const unsigned int r = msr - MSR_X2APIC_FIRST;

    if (r >= VLAPIC_REGS || !(lapic_regs[r].access & REG_X2READ))
        return -EINVAL;
    *val = vlapic_reg_read(l, r);
    if (r == R_ICR)
        *val |= (uint64_t)l->reg[R_ICR_HIGH] << 32;
    return 0;
}

/* What stands in the upper half is the caller's to send. */
static int x2_write(struct vlapic *l, uint32_t msr, uint64_t val, enum lapic_after *after)
    REQUIRES(l->lock)
{
    const unsigned int r = msr - MSR_X2APIC_FIRST;
    const uint32_t upper = (uint32_t)(val >> 32);

    if (r >= VLAPIC_REGS || !(lapic_regs[r].access & REG_X2WRITE) ||
        ((uint32_t)val & ~lapic_regs[r].bits) || (upper && r != R_ICR))
        return -EINVAL;
    if (r == R_SELF) {
        if (val < 16)
            vlapic_error(l, ESR_SEND_VECTOR);
        else if (vlapic_sw_enabled(l))
            vlapic_accept(l, (unsigned int)val, false);
        return 0;
    }
    if (r == R_ICR)
        l->reg[R_ICR_HIGH] = upper;
    *after = vlapic_reg_write(l, r, (uint32_t)val);
    return 0;
}

/* --- both ------------------------------------------------------------------------------------- */

static bool is_x2(uint32_t msr) { return msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST; }

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    struct vlapic *l = lapic_of(v);
    int rc = 0;

    spin_lock(&l->lock);
    if (msr == MSR_APIC_BASE)
        *val = l->base_msr;
    else if (msr == MSR_TSC_DEADLINE)
        *val = l->deadline_msr;
    else if (is_x2(msr))
        rc = l->base_msr & BASE_X2APIC ? x2_read(l, msr, val) : -EINVAL;
    else
        rc = -ENOSYS;
    spin_unlock(&l->lock);
    return rc;
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    struct vlapic *l = lapic_of(v);
    enum lapic_after after = AFTER_NOTHING;
    int rc = 0;

    spin_lock(&l->lock);
    if (msr == MSR_APIC_BASE)
        rc = base_write(l, val);
    else if (msr == MSR_TSC_DEADLINE)
        vlapic_timer_deadline(l, val);
    else if (is_x2(msr))
        rc = l->base_msr & BASE_X2APIC ? x2_write(l, msr, val, &after) : -EINVAL;
    else
        rc = -ENOSYS;
    spin_unlock(&l->lock);
    if (rc)
        return rc;
    if (after == AFTER_ICR)
        vlapic_send(v, val, true);
    else
        vlapic_after(v, after);
    return 0;
}
