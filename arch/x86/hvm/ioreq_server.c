/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of ioreq servers: made by a device model, enabled when it is ready, gone with it or with
 * the domain. A server that is no longer in the table belongs to whoever took it out, so its ports,
 * pages and references are given back without the lock.
 */
#include "ioreq_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/rangeset.h>

/* --- ports ------------------------------------------------------------------------------------ */

/* Somebody reads a queue: nothing waits for it. */
static void queue_read(struct vcpu *v, port_t port) {}

static int port_open(struct domain *d, struct ioreq_server *s, unsigned int vcpu)
{
    return evtchn_alloc_for_xen(d, vcpu, s->emulator->id, ioreq_answered, &s->port[vcpu]);
}

static int ports_open(struct domain *d, struct ioreq_server *s)
{
    const struct vcpu *v;

    for_each_vcpu (d, v) {
        int rc = port_open(d, s, v->id);

        if (rc)
            return rc;
    }
    if (s->queueing == HVM_IOREQSRV_BUFIOREQ_OFF)
        return 0;
    return evtchn_alloc_for_xen(d, 0, s->emulator->id, queue_read, &s->queue_port);
}

static void ports_close(struct domain *d, struct ioreq_server *s)
{
    for (unsigned int i = 0; i < IOREQ_VCPUS; i++)
        if (s->port[i])
            evtchn_close_for_xen(d, s->port[i]);
    if (s->queue_port)
        evtchn_close_for_xen(d, s->queue_port);
}

/* --- servers ---------------------------------------------------------------------------------- */

/* It is in no table. */
static void server_free(struct domain *d, struct ioreq_server *s)
{
    ports_close(d, s);
    ioreq_page_put(d, &s->queue);
    ioreq_page_put(d, &s->sync);
    for (unsigned int i = 0; i < IOREQ_RANGE_TYPES; i++)
        rangeset_free(s->range[i]);
    domain_put(s->emulator);
    hv_free(s);
}

static struct ioreq_server *server_new(struct domain *e, unsigned int queueing)
{
    struct ioreq_server *s = hv_alloc(sizeof(*s));

    if (!s)
        return NULL;
    s->queueing = (uint8_t)queueing;
    for (unsigned int i = 0; i < IOREQ_RANGE_TYPES; i++) {
        s->range[i] = rangeset_new();
        if (!s->range[i])
            goto free;
    }
    domain_get(e);
    s->emulator = e;
    return s;

free:
    for (unsigned int i = 0; i < IOREQ_RANGE_TYPES; i++)
        rangeset_free(s->range[i]);
    hv_free(s);
    return NULL;
}

static int server_enter(struct domain *d, struct hvm_ioreq_domain *io, struct ioreq_server *s)
    REQUIRES(io->lock)
{
    unsigned int id = 0;
    int rc;

    if (read_once(d->state) != DOM_ALIVE)
        return -EINVAL; /* or hvm_ioreq_stop() could have passed */
    while (id < IOREQ_SERVERS && io->server[id])
        id++;
    if (id == IOREQ_SERVERS)
        return -ENOSPC;
    rc = ports_open(d, s);
    if (rc)
        return rc;
    s->id = (uint8_t)id;
    io->server[id] = s;
    return 0;
}

int ioreq_server_create(struct domain *d, struct domain *e, unsigned int queueing, ioservid_t *id)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    if (queueing > HVM_IOREQSRV_BUFIOREQ_ATOMIC || d->max_vcpus > IOREQ_VCPUS)
        return -EINVAL;
    s = server_new(e, queueing);
    if (!s)
        return -ENOMEM;
    spin_lock(&io->lock);
    rc = server_enter(d, io, s);
    if (!rc)
        *id = s->id;
    spin_unlock(&io->lock);
    if (rc)
        server_free(d, s);
    return rc;
}

int ioreq_find(const struct hvm_ioreq_domain *io, const struct domain *e, uint32_t id,
               struct ioreq_server **s)
{
    if (id >= IOREQ_SERVERS)
        return -ENOENT;
    *s = io->server[index_nospec(id, IOREQ_SERVERS)];
    if (!*s)
        return -ENOENT;
    return (*s)->emulator == e ? 0 : -EPERM;
}

static void server_disable(struct domain *d, struct ioreq_server *s)
{
    if (!s->enabled)
        return;
    s->enabled = false;
    if (s->sync.taken_out)
        ioreq_orphan(d, s); /* the page is about to be zeroed, and the guest's again */
    ioreq_page_show(d, &s->queue);
    ioreq_page_show(d, &s->sync);
    s->queue_write = ioreq_page_is_ours(&s->queue) ? s->queue_write : 0;
}

static int server_enable(struct domain *d, struct ioreq_server *s)
{
    int rc;

    if (s->enabled)
        return 0;
    rc = ioreq_page_hide(d, &s->sync);
    if (rc)
        return rc;
    rc = ioreq_page_hide(d, &s->queue);
    if (rc) {
        ioreq_page_show(d, &s->sync);
        return rc;
    }
    for (unsigned int i = 0; i < IOREQ_VCPUS; i++)
        if (s->port[i])
            ioreq_tell_port(s, i);
    s->enabled = true;
    return 0;
}

/* Out of the table, with nothing that leads to it. */
static void server_leave(struct domain *d, struct hvm_ioreq_domain *io, struct ioreq_server *s)
    REQUIRES(io->lock)
{
    ioreq_orphan(d, s);
    if (io->mem_server == s)
        io->mem_server = NULL;
    io->server[s->id] = NULL;
}

int ioreq_server_destroy(struct domain *d, const struct domain *e, ioservid_t id)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    spin_lock(&io->lock);
    rc = ioreq_find(io, e, id, &s);
    if (!rc && io->mem_server == s)
        rc = -EBUSY; /* pages of its type are to be given up first */
    if (!rc) {
        server_disable(d, s);
        server_leave(d, io, s);
    }
    spin_unlock(&io->lock);
    if (!rc)
        server_free(d, s);
    return rc;
}

int ioreq_server_enable(struct domain *d, const struct domain *e, ioservid_t id, bool enabled)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    spin_lock(&io->lock);
    rc = ioreq_find(io, e, id, &s);
    if (!rc && enabled)
        rc = server_enable(d, s);
    else if (!rc)
        server_disable(d, s);
    spin_unlock(&io->lock);
    return rc;
}

/* --- pages of type HVMMEM_ioreq_server -------------------------------------------------------- */

int ioreq_server_mem_type(struct domain *d, const struct domain *e, ioservid_t id, uint32_t flags)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    spin_lock(&io->lock);
    rc = ioreq_find(io, e, id, &s);
    if (!rc && io->mem_server != (flags ? NULL : s))
        rc = -EINVAL;
    if (!rc)
        io->mem_server = flags ? s : NULL;
    spin_unlock(&io->lock);
    return rc;
}

int ioreq_server_has_mem_type(struct domain *d, const struct domain *e, ioservid_t id)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct ioreq_server *s;
    int rc;

    spin_lock(&io->lock);
    rc = ioreq_find(io, e, id, &s);
    if (!rc && io->mem_server != s)
        rc = -EINVAL;
    spin_unlock(&io->lock);
    return rc;
}

bool ioreq_has_mem_server(struct domain *d) { return read_once(ioreq_of(d)->mem_server) != NULL; }

/* --- domains and vcpus ------------------------------------------------------------------------ */

int hvm_ioreq_init(struct domain *d)
{
    struct hvm_ioreq_domain *io = hv_alloc(sizeof(*io));

    if (!io)
        return -ENOMEM;
    spin_init(&io->lock, RANK_IOREQ);
    d->arch.hvm->ioreq = io;
    return 0;
}

void hvm_ioreq_stop(struct domain *d)
{
    struct hvm_ioreq_domain *io = d->arch.hvm ? ioreq_of(d) : NULL;

    for (unsigned int id = 0; io && id < IOREQ_SERVERS; id++) {
        struct ioreq_server *s;

        spin_lock(&io->lock);
        s = io->server[id];
        if (s)
            server_leave(d, io, s);
        spin_unlock(&io->lock);
        if (s)
            server_free(d, s);
    }
}

void hvm_ioreq_exit(struct domain *d)
{
    if (!d->arch.hvm)
        return;
    hvm_ioreq_stop(d);
    if (read_once(d->state) == DOM_DYING)
        return; /* its servers may still be asked for, in vain */
    hv_free(d->arch.hvm->ioreq);
    d->arch.hvm->ioreq = NULL;
}

int hvm_ioreq_vcpu_init(struct vcpu *v)
{
    struct hvm_ioreq_domain *io = ioreq_of(v->domain);
    int rc = 0;

    v->arch.hvm->ioreq = hv_alloc(sizeof(*v->arch.hvm->ioreq));
    if (!v->arch.hvm->ioreq)
        return -ENOMEM;
    spin_lock(&io->lock);
    for (unsigned int id = 0; id < IOREQ_SERVERS && !rc; id++) {
        struct ioreq_server *s = io->server[id];

        if (!s)
            continue;
        rc = v->id < IOREQ_VCPUS ? port_open(v->domain, s, v->id) : -ENOSPC;
        if (!rc && s->enabled)
            ioreq_tell_port(s, v->id);
    }
    spin_unlock(&io->lock);
    if (rc)
        hvm_ioreq_vcpu_exit(v);
    return rc;
}

/* Takes v's port of a server: 0, there is none. */
static port_t port_take(struct hvm_ioreq_domain *io, unsigned int id, const struct vcpu *v)
{
    port_t port = 0;

    spin_lock(&io->lock);
    if (io->server[id] && v->id < IOREQ_VCPUS) {
        port = io->server[id]->port[v->id];
        io->server[id]->port[v->id] = 0;
    }
    spin_unlock(&io->lock);
    return port;
}

void hvm_ioreq_vcpu_exit(struct vcpu *v)
{
    struct hvm_ioreq_domain *io = ioreq_of(v->domain);

    for (unsigned int id = 0; io && id < IOREQ_SERVERS; id++) {
        port_t port = port_take(io, id, v);

        if (port)
            evtchn_close_for_xen(v->domain, port);
    }
    hv_free(v->arch.hvm->ioreq);
    v->arch.hvm->ioreq = NULL;
}
