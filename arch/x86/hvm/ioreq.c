/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to device models and their answers (public hvm/ioreq.h). Each vcpu has a slot on the
 * page that it shares with a server:
 *
 *              we post             server            server              we take
 *     NONE ────────────▶ READY ────────────▶ INPROCESS ────────▶ RESP_READY ────────▶ NONE
 *
 * The slot's last word has the state: it is written last and read first, in one piece, and nothing
 * is read twice. What the server may write there but does not follow the drawing ends its domain,
 * and only that.
 *
 * Sleeping: VPF_IOREQ is set before the request can be seen, or before the state is looked at once
 * more; the server's event clears it. One of the two sees the other. Whoever wakes up looks at the
 * state, so events too many do no harm.
 *
 * A server that goes away leaves its requests as orphans: the vcpu gets all ones and goes on.
 */
#include "ioreq_priv.h"

#include <arch/hvm.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/sched.h>

#define CF8_PORT 0xcf8U
#define LAST (IOREQ_SLOT_WORDS - 1)
#define VGA_START 0xa0000U
#define VGA_END 0xc0000U

typedef uint64_t __attribute__((may_alias)) word_t;
typedef uint32_t __attribute__((may_alias)) half_t;

union slot {
    struct ioreq r;
    uint64_t w[IOREQ_SLOT_WORDS];
};

struct hvm_ioreq_domain *ioreq_of(const struct domain *d) { return d->arch.hvm->ioreq; }

static word_t *slot_of(const struct ioreq_server *s, const struct vcpu *v)
{
    return (word_t *)s->sync.va + v->id * IOREQ_SLOT_WORDS;
}

/* Pairs with the server's barrier between its last write and the state. */
static unsigned int slot_state(const word_t *slot)
{
    union slot u;

    u.w[LAST] = __atomic_load_n(&slot[LAST], __ATOMIC_ACQUIRE);
    return u.r.state;
}

static void slot_end(word_t *slot, const struct ioreq_server *s, const struct vcpu *v)
{
    union slot u = { .r.vp_eport = s->port[v->id] };

    __atomic_store_n(&slot[LAST], u.w[LAST], __ATOMIC_RELEASE);
}

void ioreq_tell_port(struct ioreq_server *s, unsigned int vcpu)
{
    half_t *slot = s->sync.va;

    if (!slot)
        return;
    slot += vcpu * (sizeof(struct ioreq) / sizeof(*slot));
    write_once(slot[offsetof(struct ioreq, vp_eport) / sizeof(*slot)], s->port[vcpu]);
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool post(struct ioreq_server *s, struct vcpu *v, const struct ioreq *req)
{
    struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;
    word_t *slot = slot_of(s, v);
    union slot u = { .r = *req };
    unsigned int state = slot_state(slot);

    if (state != STATE_IOREQ_NONE) {
        domain_crash(v->domain, "vcpu %u: state %u of an ioreq slot that is not in use", v->id,
                     state);
        return false;
    }
    u.r.vp_eport = s->port[v->id];
    u.r.state = STATE_IOREQ_READY;
    q->out = true;
    write_once(v->unfinished, true);
    q->pending |= (uint8_t)(1U << s->id);
    q->seen[s->id] = STATE_IOREQ_READY;
    bit_test_and_set(&v->pause_flags, VPF_IOREQ);
    for (unsigned int i = 0; i < LAST; i++)
        write_once(slot[i], u.w[i]);
    __atomic_store_n(&slot[LAST], u.w[LAST], __ATOMIC_RELEASE);
    evtchn_send_from_xen(v->domain, s->port[v->id]);
    return true;
}

static struct ioreq ioreq_from(const struct ioreq_access *a)
{
    return (struct ioreq){
        .addr = a->addr,
        .data = a->data,
        .count = a->count,
        .size = a->size,
        .data_is_ptr = a->data_is_ptr,
        .dir = a->write ? IOREQ_WRITE : IOREQ_READ,
        .df = a->df,
        .type = a->type,
    };
}

static bool in_vga_window(const struct domain *d, uint64_t addr)
{
    return addr >= VGA_START && addr < VGA_END && (d->arch.hvm->emulation & XEN_X86_EMU_VGA);
}

/* Writes to a VGA card's window come in floods, and no guest waits for their effect. */
static bool may_queue(const struct domain *d, const struct ioreq_access *a)
{
    return a->type == IOREQ_TYPE_COPY && a->write && in_vga_window(d, a->addr) &&
           a->size <= VGA_END - a->addr;
}

/*
 * Models take what data_is_ptr points to for RAM, which they may have mapped; Xen sends nothing
 * else. QEMU's looks there as its own devices do, and it is who has a VGA card: what scrolls is
 * moved within its window.
 */
static bool may_send(const struct domain *d, const struct ioreq_access *a)
{
    return !a->between || (in_vga_window(d, a->addr) && in_vga_window(d, a->data));
}

static uint64_t mask_of(const struct ioreq_access *a)
{
    return a->write || a->data_is_ptr || a->size >= 8 ? ~0ULL : BIT(a->size * 8) - 1;
}

/* The config address that later accesses to 0xcfc mean; a model may claim the port as well. */
static void latch_cf8(struct domain *d, const struct ioreq_access *a)
{
    if (a->type == IOREQ_TYPE_PIO && a->write && a->addr == CF8_PORT && a->size == 4 &&
        a->count == 1 && !a->data_is_ptr)
        write_once(d->arch.pci_cf8, (uint32_t)a->data);
}

enum ioreq_result hvm_ioreq_send(struct vcpu *v, const struct ioreq_access *a)
{
    struct hvm_ioreq_domain *io = ioreq_of(v->domain);
    struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;
    struct ioreq req = ioreq_from(a);
    enum ioreq_result result = IOREQ_NONE;
    struct ioreq_server *s;

    ASSERT(!q->out);
    if (!may_send(v->domain, a))
        return IOREQ_NONE;
    latch_cf8(v->domain, a);
    spin_lock(&io->lock);
    s = ioreq_select(v->domain, io, a, &req);
    if (s && may_queue(v->domain, a) && ioreq_queue_put(v->domain, s, a)) {
        result = IOREQ_DONE;
    } else if (s && s->sync.va && s->port[v->id]) {
        q->data = ~0ULL;
        q->mask = mask_of(a);
        result = post(s, v, &req) ? IOREQ_WAIT : IOREQ_NONE;
    }
    spin_unlock(&io->lock);
    if (result == IOREQ_WAIT)
        vcpu_sleep_nosync(v);
    return result;
}

enum ioreq_result hvm_ioreq_broadcast(struct vcpu *v, const struct ioreq_access *a, bool queued)
{
    struct hvm_ioreq_domain *io = ioreq_of(v->domain);
    const struct ioreq req = ioreq_from(a);
    enum ioreq_result result = IOREQ_NONE;

    ASSERT(!v->arch.hvm->ioreq->out);
    spin_lock(&io->lock);
    for (unsigned int id = 0; id < IOREQ_SERVERS; id++) {
        struct ioreq_server *s = io->server[id];

        if (!s || !s->enabled)
            continue;
        if (queued) {
            /* what finds no room is lost, as there is nobody to wait */
            if (ioreq_queue_put(v->domain, s, a) && result == IOREQ_NONE)
                result = IOREQ_DONE;
        } else if (s->sync.va && s->port[v->id] && post(s, v, &req)) {
            result = IOREQ_WAIT;
        }
    }
    spin_unlock(&io->lock);
    if (result == IOREQ_WAIT)
        vcpu_sleep_nosync(v);
    return result;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Of the server's domain, with its event lock held: no lock of ours may be taken. */
void ioreq_answered(struct vcpu *v, port_t port)
{
    if (v && bit_test_and_clear(&v->pause_flags, VPF_IOREQ))
        vcpu_wake(v);
}

bool hvm_ioreq_pending(const struct vcpu *v) { return v->arch.hvm->ioreq->out; }

/* One server's answer. False: the domain has crashed. */
static bool look(struct ioreq_server *s, struct vcpu *v)
{
    struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;
    word_t *slot = slot_of(s, v);
    unsigned int state = slot_state(slot);

    if (state < q->seen[s->id] || state > STATE_IORESP_READY) {
        domain_crash(v->domain, "vcpu %u: ioreq state %u after %u", v->id, state, q->seen[s->id]);
        return false;
    }
    q->seen[s->id] = (uint8_t)state;
    if (state != STATE_IORESP_READY)
        return true;
    q->data = read_once(slot[offsetof(struct ioreq, data) / sizeof(*slot)]);
    slot_end(slot, s, v);
    q->pending &= (uint8_t)~(1U << s->id);
    return true;
}

static bool look_at_all(struct hvm_ioreq_domain *io, struct vcpu *v) REQUIRES(io->lock)
{
    const struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;

    for (unsigned int id = 0; id < IOREQ_SERVERS; id++)
        if ((q->pending & BIT(id)) && !look(io->server[id], v))
            return false;
    return true;
}

bool hvm_ioreq_complete(struct vcpu *v, uint64_t *data)
{
    struct hvm_ioreq_domain *io = ioreq_of(v->domain);
    struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;
    bool fine, answered;

    spin_lock(&io->lock);
    fine = look_at_all(io, v);
    if (fine && q->pending) {
        bit_test_and_set(&v->pause_flags, VPF_IOREQ);
        fine = look_at_all(io, v); /* an answer before the flag had nothing to clear */
    }
    answered = fine && !q->pending;
    if (answered) {
        bit_test_and_clear(&v->pause_flags, VPF_IOREQ);
        *data = q->data & q->mask;
        q->out = false;
    }
    spin_unlock(&io->lock);
    if (!answered && fine)
        vcpu_sleep_nosync(v);
    return answered;
}

void ioreq_orphan(struct domain *d, const struct ioreq_server *s)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;

        if (!q || !(q->pending & BIT(s->id)))
            continue;
        q->pending &= (uint8_t)~BIT(s->id);
        if (!q->pending) /* its data is all ones since it was sent */
            ioreq_answered(v, s->port[v->id]);
    }
}
