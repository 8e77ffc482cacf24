/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The FIFO ABI (public event_channel.h): a word for each port in an array of the guest's pages, and
 * for each vcpu a control block with the heads of 16 queues by priority. We append at the tail, the
 * guest takes from the head.
 *
 * An event that is unmasked and not yet LINKED is put on the queue (vcpu, priority) that it is
 * bound to. Which queue an event was last put on is remembered in last_vcpu and last_priority,
 * since the tail of that queue may still be this event: a tail that moves to another queue must be
 * forgotten by the first, or the next append would link into the wrong one.
 *
 * The guest writes these words at any time, also in ways that the protocol forbids: every loop over
 * them is bounded, no value read from them is used but LINKED, MASKED and PENDING, and what goes
 * wrong is that guest's own queue.
 *
 * Locks: a vcpu's lock protects its 16 tails, and last_vcpu/last_priority of the events whose
 * last_vcpu it is. The event lock protects the pages' coming and going; they go only when no port
 * is open, so senders may use them without it.
 */
#include "evtchn_priv.h"

#include <hv/errno.h>
#include <hv/log.h>

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED (1U << EVTCHN_FIFO_MASKED)
#define LINKED (1U << EVTCHN_FIFO_LINKED)
#define BUSY (1U << EVTCHN_FIFO_BUSY)
#define LINK ((uint32_t)EVTCHN_FIFO_LINK_MASK)

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define MAX_PAGES (EVTCHN_FIFO_PORTS / WORDS_PER_PAGE)
#define LOCK_TRIES 3 /* an event changes its queue rarely */
#define LINK_TRIES 5 /* while BUSY is set, the guest may only set PENDING or change MASKED */

_Static_assert(sizeof(struct evtchn_fifo_control_block) == 72, "public event_channel.h");

struct evtchn_fifo {
    uint32_t nr_pages;
    struct { event_word_t *word; struct page *pg; } page[MAX_PAGES];
};

struct evtchn_fifo_vcpu {
    spinlock_t lock; /* RANK_EVTCHN_FIFO */
    struct evtchn_fifo_control_block *block; /* NULL until the guest gives it; inside pg */
    struct page *pg;
    port_t tail[EVTCHN_FIFO_MAX_QUEUES];
};

/* The port's word, NULL while its page is missing. */
static inline event_word_t *port_word(const struct domain *d, port_t port)
{
    const struct evtchn_fifo *f = d->evtchn.fifo;
    uint32_t i = port / WORDS_PER_PAGE;

    if (unlikely(i >= __atomic_load_n(&f->nr_pages, __ATOMIC_ACQUIRE)))
        return NULL;
    return &f->page[index_nospec(i, MAX_PAGES)].word[port % WORDS_PER_PAGE];
}

static inline uint32_t fetch_set(event_word_t *word, uint32_t bits)
{
    return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

static inline uint32_t fetch_clear(event_word_t *word, uint32_t bits)
{
    return __atomic_fetch_and(word, ~bits, __ATOMIC_SEQ_CST);
}

/*
 * Make the tail's word lead to port, if it is still LINKED; false: it is not, so the queue is
 * empty. The first try is plain; then we hold the guest off by BUSY.
 */
static bool link_after(event_word_t *tail, port_t port)
{
    uint32_t w = read_once(*tail);

    for (unsigned int i = 0; i < LINK_TRIES; i++) {
        if (!(w & LINKED)) {
            if (i)
                fetch_clear(tail, BUSY);
            return false;
        }
        if (__atomic_compare_exchange_n(tail, &w, (w & ~(BUSY | LINK)) | port, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return true;
        if (i == 0)
            w = fetch_set(tail, BUSY) | BUSY;
    }
    fetch_clear(tail, BUSY);
    guest_log(LOG_WARNING, "event queue: the guest keeps changing its tail, event %u may be lost\n",
              port);
    return true;
}

/*
 * Lock the queues that the event was last on and goes to; returns the former's vcpu state, NULL if
 * it keeps moving. NO_TSA, as its caller: one lock or two, as it turns out.
 */
static NO_TSA struct evtchn_fifo_vcpu *lock_queues(const struct domain *d, const struct evtchn *chn,
                                                    struct evtchn_fifo_vcpu *to)
{
    for (unsigned int i = 0; i < LOCK_TRIES; i++) {
        uint16_t last = read_once(chn->last_vcpu);
        struct evtchn_fifo_vcpu *from = d->vcpu[last] ? d->vcpu[last]->evtchn_fifo : NULL;

        if (!from)
            from = to; /* never was on a queue */
        if (likely(from == to))
            spin_lock(&to->lock);
        else
            lock_two(&from->lock, &to->lock);
        if (likely(chn->last_vcpu == last))
            return from;
        unlock_two(&from->lock, &to->lock);
    }
    return NULL;
}

/*
 * Append to v's queue; true if that queue was empty, so that the vcpu must be told. Both locks are
 * held.
 */
static bool append(struct vcpu *v, struct evtchn *chn, struct evtchn_fifo_vcpu *from,
                   unsigned int priority)
{
    struct evtchn_fifo_vcpu *to = v->evtchn_fifo;
    port_t *tail = &to->tail[priority];
    bool linked = false;

    if (from->tail[chn->last_priority] == chn->port)
        from->tail[chn->last_priority] = 0;
    chn->last_vcpu = (uint16_t)v->id;
    chn->last_priority = (uint8_t)priority;

    if (*tail)
        linked = link_after(port_word(v->domain, *tail), chn->port);
    if (!linked)
        write_once(to->block->head[priority], chn->port);
    *tail = chn->port;
    return !linked;
}

static NO_TSA void enqueue(struct vcpu *v, struct evtchn *chn, event_word_t *word)
{
    struct evtchn_fifo_vcpu *to = v->evtchn_fifo, *from;
    unsigned int priority = read_once(chn->priority) % EVTCHN_FIFO_MAX_QUEUES;
    bool first = false;

    /*
     * Without a control block there is no queue: the event stays PENDING, for the guest to find
     * when it unmasks.
     */
    if (unlikely(!to || !to->block))
        return;
    from = lock_queues(v->domain, chn, to);
    if (unlikely(!from)) {
        guest_log(LOG_WARNING, "d%u: event %u lost: it changes queues too fast\n", v->domain->id,
                  chn->port);
        return;
    }
    if (!(fetch_set(word, LINKED) & LINKED))
        first = append(v, chn, from, priority);
    if (likely(from == to))
        spin_unlock(&to->lock);
    else
        unlock_two(&from->lock, &to->lock);
    if (first && !(fetch_set(&to->block->ready, 1U << priority) & (1U << priority)))
        vcpu_mark_events_pending(v);
}

/*
 * There is no word yet: remember. True if the page has come in between and nobody will look at what
 * we remember.
 */
static bool remember(const struct domain *d, struct evtchn *chn)
{
    __atomic_store_n(&chn->pending, true, __ATOMIC_SEQ_CST); /* pairs with raise_remembered() */
    return port_word(d, chn->port) && __atomic_exchange_n(&chn->pending, false, __ATOMIC_SEQ_CST);
}

static void set_pending(struct vcpu *v, struct evtchn *chn)
{
    event_word_t *word = port_word(v->domain, chn->port);
    uint32_t old;

    if (unlikely(!word)) {
        if (!remember(v->domain, chn))
            return;
        word = port_word(v->domain, chn->port);
    }
    /* One access sets the bit and says the others: a guest that unlinks after it sees the bit. */
    old = fetch_set(word, PENDING);
    if (!(old & (MASKED | LINKED)))
        enqueue(v, chn, word);
    if (!(old & PENDING))
        evtchn_wake_pollers(v->domain, chn->port);
}

static void clear_pending(struct domain *d, struct evtchn *chn)
{
    event_word_t *word = port_word(d, chn->port);

    chn->pending = false;
    if (word) /* it stays linked: the guest unlinks what is not pending without a look */
        fetch_clear(word, PENDING);
}

static void unmask(struct domain *d, struct evtchn *chn)
{
    event_word_t *word = port_word(d, chn->port);

    if (word && (fetch_clear(word, MASKED) & PENDING))
        evtchn_raise(d, chn);
}

static bool is_pending(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *word = port_word(d, chn->port);

    return word && (read_once(*word) & PENDING);
}

static bool is_masked(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *word = port_word(d, chn->port);

    return !word || (read_once(*word) & MASKED);
}

static bool is_busy(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *word = port_word(d, chn->port);

    return word && (read_once(*word) & LINKED);
}

static void init(struct domain *d, struct evtchn *chn)
{
    chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
}

static int set_priority(struct domain *d, struct evtchn *chn, unsigned int priority)
{
    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    /* takes effect when the event is next put on a queue */
    write_once(chn->priority, (uint8_t)priority);
    return 0;
}

const struct evtchn_ops evtchn_fifo_ops = {
    .init = init,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .set_priority = set_priority,
    .is_busy = is_busy,
    .nr_ports = EVTCHN_FIFO_PORTS,
};

/* --- setting up ------------------------------------------------------------------------------- */

/*
 * The first control block switches the domain over. Ports stay; an event pending in the bitmap is
 * remembered.
 */
static int switch_to_fifo(struct domain *d)
{
    struct evtchn_fifo *f = hv_alloc(sizeof(*f));

    if (!f)
        return -ENOMEM;
    for (port_t port = 1; port < d->evtchn.nr_valid; port++) {
        struct evtchn *chn = evtchn_get(d, port);

        chn->pending = chn->state != ECS_FREE && evtchn_2l(d)->is_pending(d, chn);
        chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    }
    d->evtchn.fifo = f;
    /* senders may have the peer's lock only */
    __atomic_store_n(&d->evtchn.ops, &evtchn_fifo_ops, __ATOMIC_RELEASE);
    return 0;
}

static int set_block(struct domain *d, struct vcpu *v, struct page *pg, uint32_t offset)
{
    char *va;
    struct evtchn_fifo_vcpu *fv = v->evtchn_fifo;
    int rc;

    if (!fv) {
        fv = hv_alloc(sizeof(*fv));
        if (!fv)
            return -ENOMEM;
        spin_init(&fv->lock, RANK_EVTCHN_FIFO);
        __atomic_store_n(&v->evtchn_fifo, fv, __ATOMIC_RELEASE);
    }
    if (fv->block)
        return -EINVAL;
    if (!d->evtchn.fifo) {
        rc = switch_to_fifo(d);
        if (rc)
            return rc;
    }
    va = page_map_long(page_to_mfn(pg));
    if (!va)
        return -ENOMEM;
    fv->pg = pg;
    __atomic_store_n(&fv->block, (void *)(va + offset), __ATOMIC_RELEASE);
    return 0;
}

int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct page *pg;
    int rc;

    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (!v)
        return -ENOENT;
    if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
        return -EINVAL;
    pg = arch_gfn_to_page_get(d, _gfn(op->control_gfn), true);
    if (!pg)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    rc = set_block(d, v, pg, op->offset);
    spin_unlock(&d->evtchn.lock);
    if (rc)
        arch_page_put(pg, true);
    return rc;
}

/* Raise what came while the page of ports from first on was missing. */
static void raise_remembered(struct domain *d, port_t first)
{
    for (port_t port = first; port < first + WORDS_PER_PAGE; port++) {
        struct evtchn *chn = evtchn_get(d, port);

        if (!chn)
            break;
        if (read_once(chn->pending) && __atomic_exchange_n(&chn->pending, false, __ATOMIC_SEQ_CST))
            evtchn_raise(d, chn);
    }
}

static int add_page(struct domain *d, struct page *pg)
{
    struct evtchn_fifo *f = d->evtchn.fifo;
    uint32_t nr;

    if (!f)
        return -EOPNOTSUPP;
    nr = f->nr_pages;
    if (nr >= MAX_PAGES)
        return -ENOSPC;
    f->page[nr].word = page_map_long(page_to_mfn(pg));
    if (!f->page[nr].word)
        return -ENOMEM;
    f->page[nr].pg = pg;
    __atomic_store_n(&f->nr_pages, nr + 1, __ATOMIC_SEQ_CST); /* pairs with remember() */
    raise_remembered(d, nr * (port_t)WORDS_PER_PAGE);
    return 0;
}

int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn)
{
    struct page *pg;
    int rc;

    if (!read_once(d->evtchn.fifo))
        return -EOPNOTSUPP;
    pg = arch_gfn_to_page_get(d, _gfn(gfn), true);
    if (!pg)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    rc = add_page(d, pg);
    spin_unlock(&d->evtchn.lock);
    if (rc)
        arch_page_put(pg, true);
    return rc;
}

static void drop_block(struct vcpu *v)
{
    struct evtchn_fifo_vcpu *fv = v->evtchn_fifo;

    if (!fv)
        return;
    if (fv->block) {
        page_unmap_long(fv->block);
        arch_page_put(fv->pg, true);
    }
    v->evtchn_fifo = NULL;
    hv_free(fv);
}

void evtchn_fifo_exit(struct domain *d)
{
    struct evtchn_fifo *f = d->evtchn.fifo;
    struct vcpu *v;

    d->evtchn.ops = evtchn_2l(d);
    for_each_vcpu (d, v)
        drop_block(v);
    if (!f)
        return;
    for (uint32_t i = f->nr_pages; i-- > 0;) {
        page_unmap_long(f->page[i].word);
        arch_page_put(f->page[i].pg, true);
    }
    d->evtchn.fifo = NULL;
    hv_free(f);
}
