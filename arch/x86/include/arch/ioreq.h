/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device models of HVM domains: ioreq servers (public hvm/ioreq.h, hvm/dm_op.h). A server is a
 * program in another domain that has said which ports, addresses and PCI functions it answers for.
 * An access goes to it through a page that both share, and the vcpu sleeps until it answers.
 * docs/ioreq.md.
 *
 * What the exit code does: hvm_ioreq_send(); for IOREQ_WAIT it leaves, and before the vcpu enters
 * the guest again it calls hvm_ioreq_complete() while hvm_ioreq_pending(), which gives the answer.
 */
#ifndef ARCH_IOREQ_H
#define ARCH_IOREQ_H

#include <hv/types.h>

struct domain;
struct vcpu;

struct ioreq_access {
    uint64_t addr, data;   /* data: what is written, or with data_is_ptr where it is (gpa) */
    uint32_t count, size;  /* count elements (REP) of 1, 2, 4 or 8 bytes */
    bool write, df, data_is_ptr;
    bool between;          /* ... there is device memory, too; all within its page */
    uint8_t type;          /* IOREQ_TYPE_*; a port that turns out to be PCI config space: PIO */
};

enum ioreq_result {
    IOREQ_DONE, /* a write that was put into the server's queue */
    IOREQ_WAIT, /* the vcpu is not runnable until there is an answer */
    IOREQ_NONE  /* nobody claims it: reads give all ones, writes are dropped */
};

/* For current, which has no request out, with no lock held. */
enum ioreq_result hvm_ioreq_send(struct vcpu *v, const struct ioreq_access *a) must_check;
/*
 * To every enabled server: IOREQ_TYPE_INVALIDATE (its cached maps of the domain's memory are
 * stale), or with queued, which waits for nobody, IOREQ_TYPE_TIMEOFFSET.
 */
enum ioreq_result hvm_ioreq_broadcast(struct vcpu *v, const struct ioreq_access *a, bool queued)
    must_check;
/* A request was sent, and hvm_ioreq_complete() has not been true for it. */
bool hvm_ioreq_pending(const struct vcpu *v);
/*
 * For current: true when the answer is there, what was read in *data (all ones if the server went
 * away). False: it is not, and the vcpu sleeps again; or the server broke the protocol, and the
 * domain has crashed.
 */
bool hvm_ioreq_complete(struct vcpu *v, uint64_t *data) must_check;

/*
 * Device models keep maps of the domain's memory. A gfn's frame is another one, or gone: before any
 * vcpu enters the guest again they are told (IOREQ_TYPE_INVALIDATE), and it waits until all have
 * forgotten their maps. Takes no lock.
 */
void hvm_mapcache_invalidate(struct domain *d);

/* Before v enters the guest: an event of XEN_DMOP_inject_event, if no other is to be injected. */
void hvm_dm_event_sync(struct vcpu *v);

/* --- life ------------------------------------------------------------------------------------- */

int hvm_ioreq_init(struct domain *d) must_check; /* with d->arch.hvm; -ENOMEM */
/*
 * d is DYING: its servers go. Part of arch_domain_relinquish(), as servers hold references on
 * domains and pages; may be called again.
 */
void hvm_ioreq_stop(struct domain *d);
void hvm_ioreq_exit(struct domain *d); /* with d->arch.hvm; while d is DYING the same as stop */
int hvm_ioreq_vcpu_init(struct vcpu *v) must_check; /* with v->arch.hvm; -ENOMEM, -ENOSPC */
void hvm_ioreq_vcpu_exit(struct vcpu *v);

#endif
