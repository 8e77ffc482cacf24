/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of writes that nobody waits for (public hvm/ioreq.h, struct buffered_iopage): a ring of
 * 511 slots on a page that the device model can write to. Of what it writes only read_pointer is
 * looked at, once; what it says decides no more than whether the ring is full.
 *
 * The pointers count slots without end. A server of kind ATOMIC reads and advances them atomically,
 * so that both can be set back together by a multiple of 511 before they wrap (which would tear the
 * order of slots); one of kind LEGACY lives with 2^32 of them.
 */
#include "ioreq_priv.h"

#include <hv/atomic.h>

#define SLOTS ((uint32_t)IOREQ_BUFFER_SLOT_NUM)
#define SET_BACK_TRIES 4 /* the server advances its pointer meanwhile */

typedef uint64_t __attribute__((may_alias)) word_t;
typedef uint32_t __attribute__((may_alias)) half_t;

_Static_assert(sizeof(struct buf_ioreq) == 8 && sizeof(struct buffered_iopage) == PAGE_SIZE &&
                   offsetof(struct buffered_iopage, write_pointer) == 4 &&
                   offsetof(struct buffered_iopage, buf_ioreq) == 8,
               "public hvm/ioreq.h");

#define NO_CODE 4U

/* log2, NO_CODE: not a size that a slot can say. */
static unsigned int size_code(uint32_t size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : NO_CODE;
}

static void slot_write(word_t *page, uint32_t at, struct buf_ioreq b, uint32_t data)
{
    union { struct buf_ioreq b; uint64_t word; } u;

    b.data = data;
    u.b = b;
    write_once(page[1 + at % SLOTS], u.word);
}

static void set_back(word_t *page, struct ioreq_server *s)
{
    for (unsigned int i = 0; i < SET_BACK_TRIES; i++) {
        uint64_t old = read_once(page[0]);
        const uint32_t read = (uint32_t)old, by = read / SLOTS * SLOTS;

        if (by == 0)
            return;
        if (__atomic_compare_exchange_n(&page[0], &old,
                                        (uint64_t)(s->queue_write - by) << 32 | (read - by),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            s->queue_write -= by;
            return;
        }
    }
}

bool ioreq_queue_put(struct domain *d, struct ioreq_server *s, const struct ioreq_access *a)
{
    word_t *page = s->queue.va;
    const unsigned int code = size_code(a->size);
    const uint32_t nr = code == 3 ? 2 : 1; /* the upper half of 8 bytes has a slot of its own */
    struct buf_ioreq b = {
        .type = a->type,
        .dir = a->write ? IOREQ_WRITE : IOREQ_READ,
        .size = code & 3U,
        .addr = a->addr & 0xfffff,
    };

    if (!page || code == NO_CODE || a->addr > 0xfffff || a->data_is_ptr || a->count != 1)
        return false;
    /* acquire: what the server did with a slot is over before we fill it again */
    if (s->queue_write - (uint32_t)__atomic_load_n(&page[0], __ATOMIC_ACQUIRE) > SLOTS - nr)
        return false; /* full, or nonsense */
    slot_write(page, s->queue_write, b, (uint32_t)a->data);
    if (nr == 2)
        slot_write(page, s->queue_write + 1, b, (uint32_t)(a->data >> 32));
    s->queue_write += nr;
    /* Pairs with the server's barrier between reading write_pointer and the slot. */
    __atomic_store_n(&((half_t *)page)[1], s->queue_write, __ATOMIC_RELEASE);
    if (s->queueing == HVM_IOREQSRV_BUFIOREQ_ATOMIC)
        set_back(page, s);
    evtchn_send_from_xen(d, s->queue_port);
    return true;
}
