/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 2-level ABI of 32-bit guests: as evtchn_2l.c, with words of 32 bits, and so 1024 ports
 * (public xen.h, struct shared_info).
 */
#include <hv/shared32.h>

#include "evtchn_priv.h"

#define WORD_BITS 32U
#define NR_PORTS 1024U

static uint32_t port_bit(const struct evtchn *chn) { return 1U << chn->port % WORD_BITS; }

static bool set_bits(uint32_t *word, uint32_t bit) /* were they set? */
{
    return __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit;
}

static void select_word(struct vcpu *v, unsigned int word)
{
    if (!set_bits(&vcpu_info32(v)->evtchn_pending_sel, 1U << word))
        vcpu_mark_events_pending(v);
}

static void set_pending(struct vcpu *v, struct evtchn *chn)
{
    struct shared_info32 *s = shared_info32(v->domain);
    const unsigned int word = chn->port / WORD_BITS;

    if (set_bits(&s->evtchn_pending[word], port_bit(chn)))
        return;
    if (!(read_once(s->evtchn_mask[word]) & port_bit(chn)))
        select_word(v, word);
    evtchn_wake_pollers(v->domain, chn->port);
}

static void clear_pending(struct domain *d, struct evtchn *chn)
{
    if (chn->port < NR_PORTS)
        __atomic_fetch_and(&shared_info32(d)->evtchn_pending[chn->port / WORD_BITS],
                           ~port_bit(chn), __ATOMIC_SEQ_CST);
}

static void unmask(struct domain *d, struct evtchn *chn)
{
    struct shared_info32 *s = shared_info32(d);
    const unsigned int word = chn->port / WORD_BITS;
    uint32_t old = __atomic_fetch_and(&s->evtchn_mask[word], ~port_bit(chn), __ATOMIC_SEQ_CST);
    struct vcpu *v = d->vcpu[chn->notify_vcpu];

    if ((old & port_bit(chn)) && (read_once(s->evtchn_pending[word]) & port_bit(chn)) && v)
        select_word(v, word);
}

static bool is_pending(const struct domain *d, const struct evtchn *chn)
{
    return chn->port < NR_PORTS &&
           (read_once(shared_info32(d)->evtchn_pending[chn->port / WORD_BITS]) & port_bit(chn));
}

static bool is_masked(const struct domain *d, const struct evtchn *chn)
{
    return chn->port >= NR_PORTS ||
           (read_once(shared_info32(d)->evtchn_mask[chn->port / WORD_BITS]) & port_bit(chn));
}

static void init(struct domain *d, struct evtchn *chn)
{
}

static bool is_busy(const struct domain *d, const struct evtchn *chn)
{
    return false;
}

const struct evtchn_ops evtchn_2l_32_ops = {
    .init = init,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .is_busy = is_busy,
    .nr_ports = NR_PORTS,
};
