/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine memory for host tests of the real allocator, frame table and page types: an arena that is
 * mapped sparsely, so that a host of 16 TiB can be played as long as little of it is touched. And
 * what these parts ask of the rest of the hypervisor.
 */
#ifndef HOST_ARENA_H
#define HOST_ARENA_H

#include <abi.h>
#include <hv/page.h>

struct domain;

struct arena {
    unsigned int flushes_all;    /* tlb_flush_mask() with cpus in it */
    unsigned int flushes_local;
    unsigned int crashes, log_errors;
    unsigned int preempt_at;     /* preempt_wanted() says yes each n-th time; 0 never */
    bool continued;              /* hypercall_continue() was called: arg[] is set */
    uint64_t arg[6];
};
extern struct arena arena;

void arena_start(paddr_t size); /* an address space of that size; no RAM yet */
uint64_t arena_resident_kib(void); /* memory that the test uses, kernel's count */
/* Bytes of guest memory that hypercalls may use: the test's own. */
void arena_guest_buffer(void *p, size_t n);
void arena_run_tasklets(void);
/*
 * A domain with vcpus as the PV code needs it. Given back by arena_domain_free(), when its
 * references are 1.
 */
struct domain *arena_domain(domid_t id, unsigned int nr_vcpus, uint32_t max_pages);
void arena_domain_free(struct domain *d);

#endif
