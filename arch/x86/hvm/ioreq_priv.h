/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files about ioreq servers share. Of a domain's servers everything is under its ioreq
 * lock, but what a vcpu's consumer does: it only clears VPF_IOREQ.
 */
#ifndef IOREQ_PRIV_H
#define IOREQ_PRIV_H

#include <abi.h>
#include <arch/ioreq.h>
#include <hv/evtchn.h>
#include <hv/lock.h>
#include <hv/types.h>
#include <xen/hvm/ioreq.h>

struct page;
struct rangeset;

#define IOREQ_SERVERS 8U       /* of a domain, as in Xen */
#define IOREQ_RANGES 256U      /* of each type */
#define IOREQ_RANGE_TYPES 3U   /* XEN_DMOP_IO_RANGE_* */
#define IOREQ_VCPUS (PAGE_SIZE / sizeof(struct ioreq)) /* requests on the one page */
#define IOREQ_SLOT_WORDS (sizeof(struct ioreq) / sizeof(uint64_t))

_Static_assert(sizeof(struct ioreq) == 32 && offsetof(struct ioreq, vp_eport) == 24 &&
                   offsetof(struct ioreq, type) == 31,
               "public hvm/ioreq.h: the state is in the last word");

/* Where the page is from: ours, or the place in the domain's pool of frames (ioreq_page.c). */
#define IOREQ_PAGE_OURS 0xff

/* A page shared with the server. */
struct ioreq_page {
    void *va;          /* NULL: there is none yet */
    struct page *page; /* of the domain's frame, with a reference */
    uint64_t gfn;      /* of the domain's frame */
    uint8_t place;
    bool taken_out;    /* of the physmap, so that the guest does not write to it */
};

struct ioreq_server {
    struct domain *emulator; /* where it runs; holds a reference */
    uint8_t id;
    uint8_t queueing;        /* HVM_IOREQSRV_BUFIOREQ_* */
    bool enabled;
    struct ioreq_page sync, queue;
    uint32_t queue_write;    /* what we have told in write_pointer; theirs is not read */
    port_t queue_port;
    struct rangeset *range[IOREQ_RANGE_TYPES];
    port_t port[IOREQ_VCPUS]; /* 0: there is no such vcpu */
};
_Static_assert(sizeof(struct ioreq_server) <= PAGE_SIZE, "hv_alloc()");

struct hvm_ioreq_domain {
    spinlock_t lock; /* RANK_IOREQ: all of this, the servers, and struct hvm_ioreq_vcpu.pending */
    struct ioreq_server *server[IOREQ_SERVERS];
    struct ioreq_server *mem_server; /* has the pages of type HVMMEM_ioreq_server; or NULL */
    uint64_t frames_used;            /* of the pool, HVM_PARAM_IOREQ_SERVER_PFN */
    uint8_t old_frames_used;         /* bit 0: HVM_PARAM_IOREQ_PFN, 1: HVM_PARAM_BUFIOREQ_PFN */
};

enum { DM_EVENT_NONE, DM_EVENT_FILLING, DM_EVENT_READY };

struct hvm_ioreq_vcpu {
    bool out;                   /* a request, until the vcpu has seen its end */
    uint8_t pending;            /* servers that have not answered, a bit each */
    uint8_t seen[IOREQ_SERVERS]; /* the state that was last seen there: it only rises */
    uint64_t data, mask;        /* of the answer; the bits that were asked for */
    uint8_t event_state;        /* DM_EVENT_*: who may touch event */
    struct xen_dm_op_inject_event event;
};

struct hvm_ioreq_domain *ioreq_of(const struct domain *d);

/* ioreq_page.c */
int ioreq_page_ours(struct domain *d, struct ioreq_page *p) must_check;
int ioreq_page_of_guest(struct domain *d, struct hvm_ioreq_domain *io, struct ioreq_page *p)
    REQUIRES(io->lock) must_check;
/* Of the guest's frames: zeroed, and out of its physmap or back. */
int ioreq_page_hide(struct domain *d, struct ioreq_page *p) must_check;
void ioreq_page_show(struct domain *d, struct ioreq_page *p);
/* XEN_DMOP_get_ioreq_server_info, XENMEM_acquire_resource */
int ioreq_server_info(struct domain *d, const struct domain *e,
                      struct xen_dm_op_get_ioreq_server_info *i) must_check;
int ioreq_server_frame(struct domain *d, const struct domain *e, uint32_t id, uint64_t i,
                       mfn_t *mfn) must_check;
/* Nobody else knows of it. */
void ioreq_page_put(struct domain *d, struct ioreq_page *p);
static inline bool ioreq_page_is_ours(const struct ioreq_page *p)
{
    return p->va && p->place == IOREQ_PAGE_OURS;
}

/* ioreq_queue.c: false if it can not take it, which is then to be sent in the other way. */
bool ioreq_queue_put(struct domain *d, struct ioreq_server *s, const struct ioreq_access *a);

/* ioreq.c: the server answers no more. The ioreq lock is held. */
void ioreq_orphan(struct domain *d, const struct ioreq_server *s);
void ioreq_tell_port(struct ioreq_server *s, unsigned int vcpu);
void ioreq_answered(struct vcpu *v, port_t port); /* evtchn_consumer */

/* ioreq_server.c; e is the caller, who must be the server's domain: -EPERM. -ENOENT: no such id. */
int ioreq_server_create(struct domain *d, struct domain *e, unsigned int queueing,
                        ioservid_t *id) must_check;
int ioreq_server_destroy(struct domain *d, const struct domain *e, ioservid_t id) must_check;
int ioreq_server_enable(struct domain *d, const struct domain *e, ioservid_t id, bool enabled)
    must_check;
int ioreq_server_mem_type(struct domain *d, const struct domain *e, ioservid_t id, uint32_t flags)
    must_check;
/* -EINVAL: it does not have it */
int ioreq_server_has_mem_type(struct domain *d, const struct domain *e, ioservid_t id) must_check;
bool ioreq_has_mem_server(struct domain *d);

/* ioreq_range.c */
int ioreq_range_add(struct domain *d, const struct domain *e,
                    const struct xen_dm_op_ioreq_server_range *r) must_check;
int ioreq_range_remove(struct domain *d, const struct domain *e,
                       const struct xen_dm_op_ioreq_server_range *r) must_check;
/* The server for an access, or NULL; type and addr of req become those that it wants. */
struct ioreq_server *ioreq_select(struct domain *d, struct hvm_ioreq_domain *io,
                                  const struct ioreq_access *a, struct ioreq *req)
    REQUIRES(io->lock);
/* Shared by the two: the caller's server. */
int ioreq_find(const struct hvm_ioreq_domain *io, const struct domain *e, uint32_t id,
               struct ioreq_server **s) REQUIRES(io->lock) must_check;

#endif
