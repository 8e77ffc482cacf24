/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device model in a test kernel: one ioreq server of a domain that pvh.h made (public hvm/dm_op.h
 * and hvm/ioreq.h). Its slots are mapped by XENMEM_acquire_resource.
 */
#ifndef DM_H
#define DM_H

#include "pvh.h"

#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>

#define DM_VCPUS 2U

struct dm {
    const struct domu *d;
    domid_t id;
    ioservid_t server;
    unsigned int vcpus; /* whose slots it serves */
    volatile struct ioreq *slot; /* one for each vcpu */
    evtchn_port_t port[DM_VCPUS]; /* of this domain: masked or not as the caller wants it */
    unsigned long served;
    /* Does a request; false leaves it unanswered. */
    bool (*access)(struct dm *m, struct ioreq *r);
};

long dm_op(domid_t id, struct xen_dm_op *op);
/* Make and enable a server for the domain. 0 or a negative errno, and then it may be half made. */
long dm_make(struct dm *m, const struct domu *d);
long dm_claim(const struct dm *m, uint32_t type, uint64_t first, uint64_t last);
/*
 * Do a request on a device that keeps what is written: for each item, at its place in the array,
 * which advances for memory (r->type) and not for ports.
 */
void dm_keep(struct dm *m, struct ioreq *r, uint8_t *array);
/* Answer what waits now: the number of requests. */
unsigned int dm_serve(struct dm *m);
long dm_destroy(struct dm *m);

#endif
