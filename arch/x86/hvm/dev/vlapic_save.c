/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The LAPIC from and to the save records LAPIC and LAPIC_REGS. The second is the first KiB of the
 * register page. What is loaded is a stranger's input: values that no guest could have set are
 * refused.
 *
 * The current count goes with it and is where the timer goes on. Records of other hypervisors may
 * have 0 there for a running timer, so that 0 starts the full count; for a one-shot that is over,
 * ours have an initial count of 0.
 */
#include <hv/errno.h>
#include <lib/string.h>

#include "vlapic_priv.h"

#define SW_DISABLED 1U
#define HW_DISABLED 2U

void vlapic_save(struct vcpu *v, struct hvm_hw_lapic *r)
{
    struct vlapic *l = lapic_of(v);

    spin_lock(&l->lock);
    *r = (struct hvm_hw_lapic){
        .apic_base_msr = l->base_msr,
        .disabled = (vlapic_hw_enabled(v) ? 0 : HW_DISABLED) |
                    (vlapic_sw_enabled(l) ? 0 : SW_DISABLED),
        .timer_divisor = vlapic_timer_divisor(l),
        .tdt_msr = l->deadline_msr,
    };
    spin_unlock(&l->lock);
}

static void put(struct hvm_hw_lapic_regs *out, unsigned int r, uint32_t val)
{
    memcpy(&out->data[(size_t)r * 16], &val, sizeof(val));
}

static uint32_t get(const struct hvm_hw_lapic_regs *in, unsigned int r)
{
    uint32_t val;

    memcpy(&val, &in->data[(size_t)r * 16], sizeof(val));
    return val;
}

void vlapic_save_regs(struct vcpu *v, struct hvm_hw_lapic_regs *out)
{
    struct vlapic *l = lapic_of(v);
    uint32_t count;

    memset(out, 0, sizeof(*out));
    spin_lock(&l->lock);
    count = vlapic_timer_count(l);
    for (unsigned int r = 0; r < VLAPIC_REGS; r++)
        put(out, r, l->reg[r]);
    put(out, R_PPR, vlapic_ppr_of(l));
    put(out, R_TMCCT, count);
    if (count == 0)
        put(out, R_TMICT, 0);
    spin_unlock(&l->lock);
}

/* --- loading ---------------------------------------------------------------------------------- */

/* Of no account in a record: constant, or computed when it is read. */
static bool is_computed(unsigned int r)
{
    switch (r) {
    case R_VERSION: case R_APR: case R_PPR: case R_EOI: case R_RRD: case R_TMCCT: case R_SELF:
        return true;
    default:
        return false;
    }
}

/* Status bits that are always clear here. */
static uint32_t read_only_bits(unsigned int r)
{
    if (r == R_ICR)
        return LVT_STATUS;
    return r >= R_LVTT && r <= R_LVTERR ? LVT_STATUS | LVT_REMOTE_IRR : 0;
}

static bool reg_is_valid(unsigned int r, uint32_t val)
{
    switch (r) {
    case R_ID: case R_LDR: case R_DFR: case R_ICR_HIGH: /* see ids_are_valid() */
        return true;
    case R_ISR: case R_TMR: case R_IRR:
        return (val & 0xffff) == 0;
    case R_ISR + 1 ... R_TMR - 1: case R_TMR + 1 ... R_IRR - 1: case R_IRR + 1 ... R_IRR + 7:
        return true;
    case R_ESR:
        return !(val & ~(ESR_SEND_VECTOR | ESR_RECV_VECTOR | ESR_REGISTER));
    default:
        return is_computed(r) || lapic_regs[r].access == 0 ||
               !(val & ~(lapic_regs[r].bits | read_only_bits(r)));
    }
}

/*
 * Older hypervisors made the logical x2APIC ID of the vcpu's number instead of its APIC ID, and
 * their guests have seen that.
 */
static bool ids_are_valid(const struct vlapic *l, const struct hvm_hw_lapic_regs *in)
{
    const uint32_t id = vlapic_id(l->v->id), ldr = get(in, R_LDR);

    if (~get(in, R_DFR) & 0x0fffffff)
        return false;
    if (l->base_msr & BASE_X2APIC)
        return get(in, R_ID) == id &&
               (ldr == vlapic_x2_ldr(id) || ldr == vlapic_x2_ldr(l->v->id));
    return get(in, R_ID) == id << 24 && !((ldr | get(in, R_ICR_HIGH)) & 0x00ffffff);
}

static void restart_timer(struct vlapic *l, uint32_t count) REQUIRES(l->lock)
{
    const uint32_t initial = l->reg[R_TMICT];

    vlapic_timer_stop(l);
    if ((l->reg[R_LVTT] & LVTT_MODE) >= LVTT_DEADLINE) {
        l->reg[R_TMICT] = 0;
        vlapic_timer_deadline(l, l->deadline_msr);
    } else if (initial) {
        vlapic_timer_run(l, count && count < initial ? count : initial);
    }
}

int vlapic_load(struct vcpu *v, const struct hvm_hw_lapic *r)
{
    struct vlapic *l = lapic_of(v);
    const uint64_t base = r->apic_base_msr, flags = BASE_BSP | BASE_X2APIC | BASE_ENABLE;

    if ((base & ~flags) != VLAPIC_BASE || ((base & BASE_X2APIC) && !(base & BASE_ENABLE)) ||
        (r->disabled & ~(SW_DISABLED | HW_DISABLED)) ||
        !(r->disabled & HW_DISABLED) != !!(base & BASE_ENABLE))
        return -EINVAL;
    spin_lock(&l->lock);
    write_once(l->base_msr, base);
    l->deadline_msr = r->tdt_msr;
    if (!(base & BASE_X2APIC) != !(l->reg[R_LDR] & 0xffffff)) { /* until the registers come */
        l->reg[R_ID] = base & BASE_X2APIC ? vlapic_id(v->id) : vlapic_id(v->id) << 24;
        l->reg[R_LDR] = base & BASE_X2APIC ? vlapic_x2_ldr(l->reg[R_ID]) : 0;
    }
    restart_timer(l, vlapic_timer_count(l));
    spin_unlock(&l->lock);
    return 0;
}

int vlapic_load_regs(struct vcpu *v, const struct hvm_hw_lapic_regs *in)
{
    struct vlapic *l = lapic_of(v);
    int rc = -EINVAL;

    for (unsigned int r = 0; r < VLAPIC_REGS; r++)
        if (!reg_is_valid(r, get(in, r)))
            return -EINVAL;
    spin_lock(&l->lock);
    if (!ids_are_valid(l, in))
        goto unlock;
    for (unsigned int r = 0; r < VLAPIC_REGS; r++)
        if (lapic_regs[r].access && !is_computed(r))
            write_once(l->reg[r], get(in, r) & ~read_only_bits(r));
    for (unsigned int r = R_LVTT; !vlapic_sw_enabled(l) && r <= R_LVTERR; r++)
        l->reg[r] |= LVT_MASKED;
    if ((l->reg[R_LVTT] & LVTT_MODE) != LVTT_DEADLINE)
        l->deadline_msr = 0;
    restart_timer(l, get(in, R_TMCCT));
    rc = 0;
unlock:
    spin_unlock(&l->lock);
    return rc;
}
