/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small machine for host tests of the core: domains with vcpus, frames, guest memory and counters
 * of what the core asked the rest of the hypervisor to do. It is made new for each case by
 * world_start() and must be given back by world_end(), which says what leaked.
 */
#ifndef HOST_WORLD_H
#define HOST_WORLD_H

#include <hv/domain.h>

#define WORLD_FRAMES 4096U
#define WORLD_DOMAINS 8
#define WORLD_BUFFERS 8

struct world {
    unsigned int unblocks, kicks, crashes, preempts; /* calls since the start */
    struct vcpu *last_kicked;
    int fail_after;            /* this many allocations succeed, then none; -1: all do */
    bool fail_one;             /* only one fails, then all succeed again */
    unsigned int failed;       /* allocations that failed */
    unsigned int allocations;  /* live: hv_alloc() and hv_page_alloc() */
    unsigned int preempt_at;   /* preempt_wanted() says yes each n-th time; 0 never */
    unsigned int nr_cont;      /* arguments of the last hypercall_continue() */
    uint64_t cont[6];
    int pirq_bind_rc;          /* what pirq_guest_bind() answers */
    unsigned int pirqs_bound;
    unsigned int pirq_cpu;     /* last pirq_set_affinity() */
};
extern struct world world;

void world_start(void);
/* frees all; number of allocations, domain and page references that were left */
unsigned int world_end(void);

/*
 * An ALIVE domain with nr vcpus, shared_info and vcpu_info; the caller has its struct until
 * world_end().
 */
struct domain *world_domain(domid_t id, unsigned int nr_vcpus);
void world_run(struct vcpu *v); /* plays v from here on: current */

/*
 * A frame that belongs to d, holding one reference. Its contents, and its frame number as d says
 * it.
 */
struct page *world_frame(struct domain *d);
void *world_bytes(const struct page *pg);
uint64_t world_gfn(const struct page *pg);
void world_frame_is_table(struct page *pg, bool table); /* then it can not be writable */
uint32_t world_page_refs(const struct page *pg);
uint32_t world_page_writers(const struct page *pg);

/* Guest addresses are ours; only what lies in a registered buffer can be read and written. */
void world_buffer(void *p, size_t n);
static inline uint64_t world_addr(const void *p) { return (uint64_t)(uintptr_t)p; }

#endif
