/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 2-level ABI: a pending and a mask bit for each port in shared_info, and for each vcpu a word
 * whose bit n says that word n of them has something for it (public xen.h, struct shared_info). The
 * order of the guest's view: pending bit, selector bit, upcall_pending; each only if the one before
 * was not set yet.
 */
#include <hv/shared32.h>

#include "evtchn_priv.h"

#define WORD_BITS 64U

static inline uint64_t port_bit(const struct evtchn *chn)
{
    return BIT(chn->port % WORD_BITS);
}

/* Set the bit, say whether it was set. Written so that the compiler makes one bts of it. */
static inline bool set_bit(unsigned long *word, unsigned int bit)
{
    return __atomic_fetch_or(word, 1UL << bit, __ATOMIC_SEQ_CST) & (1UL << bit);
}

static void select_word(struct vcpu *v, unsigned int word)
{
    if (!set_bit(&v->info->evtchn_pending_sel, word))
        vcpu_mark_events_pending(v);
}

static void set_pending(struct vcpu *v, struct evtchn *chn)
{
    struct shared_info *s = v->domain->shared_info;
    unsigned int word = chn->port / WORD_BITS;

    if (set_bit(&s->evtchn_pending[word], chn->port % WORD_BITS))
        return;
    if (!(read_once(s->evtchn_mask[word]) & port_bit(chn)))
        select_word(v, word);
    evtchn_wake_pollers(v->domain, chn->port);
}

static void clear_pending(struct domain *d, struct evtchn *chn)
{
    if (chn->port < EVTCHN_2L_PORTS) /* a port of ours may be left from the time of FIFO */
        __atomic_fetch_and(&d->shared_info->evtchn_pending[chn->port / WORD_BITS], ~port_bit(chn),
                           __ATOMIC_SEQ_CST);
}

static void unmask(struct domain *d, struct evtchn *chn)
{
    unsigned int word = chn->port / WORD_BITS;
    uint64_t old = __atomic_fetch_and(&d->shared_info->evtchn_mask[word], ~port_bit(chn),
                                      __ATOMIC_SEQ_CST);
    struct vcpu *v = d->vcpu[chn->notify_vcpu];

    if ((old & port_bit(chn)) &&
        (read_once(d->shared_info->evtchn_pending[word]) & port_bit(chn)) && v)
        select_word(v, word);
}

static bool is_pending(const struct domain *d, const struct evtchn *chn)
{
    return chn->port < EVTCHN_2L_PORTS &&
           (read_once(d->shared_info->evtchn_pending[chn->port / WORD_BITS]) & port_bit(chn));
}

static bool is_masked(const struct domain *d, const struct evtchn *chn)
{
    return chn->port >= EVTCHN_2L_PORTS ||
           (read_once(d->shared_info->evtchn_mask[chn->port / WORD_BITS]) & port_bit(chn));
}

static void init(struct domain *d, struct evtchn *chn)
{
}

static bool is_busy(const struct domain *d, const struct evtchn *chn)
{
    return false;
}

void evtchn_2l_vcpu_info_moved(struct vcpu *v)
{
    /*
     * Whatever was raised while we copied must not be lost: let the guest look at everything once.
     */
    if (domain_is_32bit(v->domain))
        __atomic_store_n(&vcpu_info32(v)->evtchn_pending_sel, ~0U, __ATOMIC_SEQ_CST);
    else
        __atomic_store_n(&v->info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    write_once(v->info->evtchn_upcall_pending, 0);
    vcpu_mark_events_pending(v);
}

const struct evtchn_ops evtchn_2l_ops = {
    .init = init,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .is_busy = is_busy,
    .nr_ports = EVTCHN_2L_PORTS,
};
