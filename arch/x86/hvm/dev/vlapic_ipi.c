/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt messages between LAPICs, from the IO-APIC and from devices: who is meant, and what each
 * kind of message does to it. Intel SDM vol. 3, "Issuing Interprocessor Interrupts" and
 * "Determining IPI Destination (Cluster)".
 */
#include <hv/sched.h>
#include <hv/vcpu.h>

#include "vlapic_priv.h"

/* --- destinations ----------------------------------------------------------------------------- */

static bool matches_logical_x2(uint32_t ldr, uint32_t dest)
{
    return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
}

static bool matches_logical(const struct vlapic *l, uint32_t dest)
{
    const uint32_t ldr = read_once(l->reg[R_LDR]) >> 24, dfr = read_once(l->reg[R_DFR]) >> 28;

    if (dfr == 0xf) /* flat: a bit each */
        return ldr & dest & 0xff;
    if (dfr == 0)   /* clusters of four; 15 is all of them */
        return (dest >> 4 == ldr >> 4 || dest >> 4 == 0xf) && (ldr & dest & 0xf);
    return false;
}

static bool matches_logically(const struct vcpu *v, uint32_t dest, bool wide)
{
    const struct vlapic *l = lapic_of(v);

    if (wide && dest == 0xffffffff)
        return true;
    if (vlapic_x2apic(v))
        return matches_logical_x2(read_once(l->reg[R_LDR]), dest);
    return dest <= 0xff && matches_logical(l, dest);
}

/* An x2APIC takes an 8-bit destination as 32 bits, but for the physical broadcast. */
bool vlapic_matches(const struct vcpu *v, uint32_t dest, bool logical, bool wide)
{
    if (!vlapic_hw_enabled(v))
        return false;
    if (logical)
        return matches_logically(v, dest, wide);
    return dest == (wide ? 0xffffffff : 0xff) || dest == vlapic_id(v->id);
}

/* --- what a message does ---------------------------------------------------------------------- */

static bool take_fixed(struct vcpu *v, const struct lapic_msg *m)
{
    struct vlapic *l = lapic_of(v);
    bool taken = false;

    spin_lock(&l->lock);
    if (vlapic_enabled(v)) {
        vlapic_accept(l, m->vector, m->level);
        taken = m->vector >= 16;
    }
    spin_unlock(&l->lock);
    return taken;
}

/* SDM "MP Initialization Protocol": the BSP starts again, another waits for a SIPI. */
static void take_init(struct vcpu *v)
{
    struct vlapic *l = lapic_of(v);

    spin_lock(&l->lock);
    vlapic_regs_reset(l);
    l->wait_sipi = !(l->base_msr & BASE_BSP);
    spin_unlock(&l->lock);
    hvm_upcall_again(v);
    hvm_vcpu_reset(v);
}

static void take_sipi(struct vcpu *v, uint8_t vector)
{
    struct vlapic *l = lapic_of(v);
    bool start;

    spin_lock(&l->lock);
    start = l->wait_sipi;
    l->wait_sipi = false;
    spin_unlock(&l->lock);
    if (start)
        hvm_vcpu_sipi(v, vector);
}

static bool take(struct vcpu *v, const struct lapic_msg *m)
{
    switch (m->mode) {
    case LAPIC_FIXED:
    case LAPIC_LOWEST:
        return take_fixed(v, m);
    case LAPIC_NMI:
        vcpu_send_nmi(v);
        return true;
    case LAPIC_INIT:
        take_init(v);
        return true;
    case LAPIC_SIPI:
        take_sipi(v, m->vector);
        return true;
    case LAPIC_EXTINT: /* the PICs have raised it; this only wakes who is to ask them */
        vcpu_kick(v);
        vcpu_unblock(v);
        return true;
    default: /* there is no SMM, and 3 is reserved */
        return false;
    }
}

/* Among those that match: the least busy, and who waits longest for its turn among these. */
static struct vcpu *lowest(struct domain *d, const struct lapic_msg *m, const struct vcpu *except)
{
    const uint32_t first = read_once(d->arch.hvm->lowest_next);
    struct vcpu *best = NULL;
    unsigned int best_ppr = 0;

    for (uint32_t i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[(first + i) % d->max_vcpus];
        unsigned int ppr;

        if (!v || v == except || !vlapic_enabled(v) ||
            !vlapic_matches(v, m->dest, m->logical, m->wide))
            continue;
        ppr = vlapic_ppr(v);
        if (!best || ppr < best_ppr) {
            best = v;
            best_ppr = ppr;
        }
    }
    if (best)
        write_once(d->arch.hvm->lowest_next, best->id + 1);
    return best;
}

static unsigned int deliver(struct domain *d, const struct lapic_msg *m, const struct vcpu *except)
{
    unsigned int nr = 0;
    struct vcpu *v;

    if (m->mode == LAPIC_LOWEST) {
        v = lowest(d, m, except);
        return v && take(v, m);
    }
    for_each_vcpu (d, v)
        if (v != except && vlapic_matches(v, m->dest, m->logical, m->wide))
            nr += take(v, m);
    return nr;
}

struct vcpu *vlapic_only(struct domain *d, const struct lapic_msg *m)
{
    struct vcpu *v, *only = NULL;

    for_each_vcpu (d, v) {
        if (!vlapic_matches(v, m->dest, m->logical, m->wide))
            continue;
        if (only)
            return NULL;
        only = v;
    }
    return only;
}

unsigned int vlapic_deliver(struct domain *d, const struct lapic_msg *m)
{
    return deliver(d, m, NULL);
}

/* --- the interrupt command register ----------------------------------------------------------- */

enum shorthand { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };

static void send_error(struct vlapic *l)
{
    spin_lock(&l->lock);
    vlapic_error(l, ESR_SEND_VECTOR);
    spin_unlock(&l->lock);
}

/* Every IPI is an edge: the trigger mode only makes "INIT level de-assert", which does nothing. */
void vlapic_send(struct vcpu *v, uint64_t icr, bool wide)
{
    const enum shorthand to = (icr >> ICR_SHORT_SHIFT) & 3;
    struct lapic_msg m = {
        .dest = wide ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56),
        .vector = (uint8_t)icr,
        .mode = (icr >> ICR_MODE_SHIFT) & 7,
        .logical = icr & ICR_LOGICAL,
        .wide = wide,
    };

    if (m.mode == LAPIC_EXTINT || (m.mode == LAPIC_INIT && !(icr & ICR_ASSERT)))
        return;
    if (m.mode <= LAPIC_LOWEST && m.vector < 16) {
        send_error(lapic_of(v));
        return;
    }
    if (to != TO_DEST)
        m = (struct lapic_msg){ .dest = 0xffffffff, .vector = m.vector, .mode = m.mode,
                                .wide = true };
    /* SDM "Valid Combinations for the Local xAPIC Interrupt Command Register". */
    if ((to == TO_SELF || to == TO_ALL) && m.mode != LAPIC_FIXED)
        return;
    if (to == TO_SELF)
        take(v, &m);
    else
        deliver(v->domain, &m, to == TO_OTHERS ? v : NULL);
}
