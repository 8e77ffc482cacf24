/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's interrupts: the EOI that a guest may leave out (the assist page), and the synthetic
 * interrupt controller with its page of messages. TLFS, "Virtual Interrupt Control".
 *
 * The guest's pages are written and read by guest-physical addresses each time, and are not held:
 * a guest that gives one back loses its messages.
 */
#include <lib/string.h>

#include "viridian_priv.h"

/* --- EOI assist ------------------------------------------------------------------------------- */

/* The first word of the page; TLFS: bit 0, "No EOI Required". */
static bool assist_write(struct vcpu *v, uint32_t val)
{
    const uint64_t msr = vv_of(v)->vp_assist;

    return (msr & HV_PAGE_ENABLE) &&
           hvm_copy_to_phys(v->domain, hv_page_gpa(msr), &val, sizeof(val)) == 0;
}

void viridian_assist_set(struct vcpu *v)
{
    if (viridian_features(v->domain) & HVMPV_apic_assist)
        vv_of(v)->assist_pending = assist_write(v, 1);
}

void viridian_assist_clear(struct vcpu *v)
{
    if (likely(!vv_of(v)->assist_pending))
        return;
    vv_of(v)->assist_pending = false;
    (void)!assist_write(v, 0);
}

bool viridian_assist_done(struct vcpu *v)
{
    struct viridian_vcpu *vv = vv_of(v);
    uint32_t word;

    if (likely(!vv->assist_pending) ||
        hvm_copy_from_phys(v->domain, &word, hv_page_gpa(vv->vp_assist), sizeof(word)) ||
        (word & 1))
        return false;
    vv->assist_pending = false;
    return true;
}

/* --- SINTs ------------------------------------------------------------------------------------ */

#define SINT_AUTO_EOI BIT(17)
#define SINT_POLLING BIT(18) /* no interrupt */

bool viridian_sint_valid(uint64_t val) { return (val & 0xff) >= 0x10; }

int viridian_sint_write(struct vcpu *v, unsigned int nr, uint64_t val)
{
    if (!viridian_sint_valid(val))
        return -1;
    vv_of(v)->sint[nr] = val;
    return 0;
}

bool viridian_auto_eoi(const struct vcpu *v, unsigned int vector)
{
    if (likely(!(viridian_features(v->domain) & HVMPV_synic)))
        return false;
    for (unsigned int i = 0; i < VIRIDIAN_SINTS; i++)
        if ((vv_of(v)->sint[i] & 0xff) == vector)
            return vv_of(v)->sint[i] & SINT_AUTO_EOI;
    return false;
}

/* --- messages --------------------------------------------------------------------------------- */

#define SLOT_SIZE 256UL
#define TYPE_NONE 0U
#define TYPE_TIMER_EXPIRED 0x80000010U

struct timer_message { /* TLFS, "SynIC Message Data" and "Timer Message" */
    uint32_t type;
    uint8_t size, flags, reserved[2];
    uint64_t sender;
    uint32_t timer, zero;
    uint64_t expiration, delivery;
};
#define TIMER_PAYLOAD 24U

bool viridian_timer_message(struct vcpu *v, unsigned int sint, unsigned int timer,
                            uint64_t expiration)
{
    const struct viridian_vcpu *vv = vv_of(v);
    const uint64_t slot = hv_page_gpa(vv->simp) + sint * SLOT_SIZE, how = vv->sint[sint];
    const struct timer_message m = { .type = TYPE_TIMER_EXPIRED, .size = TIMER_PAYLOAD,
                                     .timer = timer, .expiration = expiration,
                                     .delivery = viridian_now(v->domain) };
    uint32_t type;

    if (!(vv->simp & HV_PAGE_ENABLE) ||
        hvm_copy_from_phys(v->domain, &type, slot, sizeof(type)) || type != TYPE_NONE)
        return false;
    /* The type is what other vcpus may wait for: last. */
    if (hvm_copy_to_phys(v->domain, slot + sizeof(type), (const uint8_t *)&m + sizeof(type),
                         sizeof(m) - sizeof(type)) ||
        hvm_copy_to_phys(v->domain, slot, &m.type, sizeof(type)))
        return false;
    if (!(how & (HV_SINT_MASKED | SINT_POLLING)) && vlapic_enabled(v))
        vlapic_set_vector(v, how & 0xff);
    return true;
}
