/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unprivileged domains made by a test kernel: a copy of itself, much as fork() would make one. The
 * new domain has the kernel's image (code, data, bss, at the same addresses) as it is at the call,
 * a fresh start_info, page tables and heap, and runs `fn` on its vcpu 0 with the library started:
 * traps installed, shared_info mapped, no event callback yet.
 *
 * Its checks (CHECK, skip) are noted in its own memory, and domu_finish() prints them from outside,
 * because a guest's console is not ours to read. Variables of the image are at the same address in
 * both: domu_map(d, &variable) gives this domain's view of the other's page.
 */
#ifndef DOMU_H
#define DOMU_H

#include "guest.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

#define DOMU_MAX_PAGES 4096

struct domu {
    domid_t id;
    unsigned int nr_pages;
    uint64_t l4; /* mfn of its top-level table, which it pins when it starts */
    uint64_t start_info; /* its virtual address there */
    uint64_t mfn[DOMU_MAX_PAGES]; /* of each pfn */
};

struct domu_config {
    void (*fn)(void);
    unsigned int vcpus;    /* 0: one. Others than 0 are started by the domain, vcpu_start() */
    unsigned int spare;    /* pages beyond those that it has mapped, for spare_mfn() */
    unsigned int headroom; /* pages that it may get beyond what it has (max_mem) */
    unsigned int max_ports, grant_frames, maptrack_frames; /* 0: many (1023, 32, 64) */
    unsigned int grant_version; /* the highest that it may use; 0: 2 */
    uint32_t flags;        /* XEN_DOMCTL_CDF_* */
};

/* 0 or a negative errno, and then nothing is left. The domain is paused. */
long domu_create(struct domu *d, const struct domu_config *c);
long domu_unpause(const struct domu *d);
long domu_pause(const struct domu *d);
/* create and unpause; a failure is a failed check */
bool domu_start(struct domu *d, const struct domu_config *c);
/* Wait until it has shut down: its reason (SHUTDOWN_*), or -1 when it has not within the time. */
int domu_wait(const struct domu *d, uint64_t ms);
/* Print its checks: those since the last time. */
void domu_report(struct domu *d);
long domu_destroy(const struct domu *d); /* it may stay a zombie while something holds its pages */
/* Wait until nothing of it is left. */
bool domu_gone(const struct domu *d, uint64_t ms);
/* Wait for an orderly end, report, destroy, and check that nothing of it is left. */
void domu_finish(struct domu *d, uint64_t ms);
/* 0 or -XESRCH */
long domu_info(const struct domu *d, struct xen_domctl_getdomaininfo *info);

/* Called in the copy (in_domu(), guest.h): its end. */
void __attribute__((noreturn)) domu_exit(unsigned int reason);

/* This domain's mapping of the page that `va` has in the other: one window a call, never freed. */
void *domu_map(const struct domu *d, const volatile void *va);
/* Map any frame of another domain at va of ours, or what the entry says of it. */
long domu_set_va(const struct domu *d, const void *va, uint64_t pte);
void domu_unmap(void *va); /* gives the window its own page back */
static inline uint64_t domu_mfn(const struct domu *d, const volatile void *va)
{
    return d->mfn[va_to_pfn((const void *)va)];
}
long domctl(uint32_t cmd, domid_t id, struct xen_domctl *op);

/* Let others run until the condition holds, in vain at most so long. */
#define YIELD_UNTIL(cond, ms)                                        \
    ({                                                               \
        uint64_t end_ = now_ns() + (ms) * 1000000UL;                 \
                                                                     \
        while (!(cond) && now_ns() < end_)                           \
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);      \
        (bool)(cond);                                                \
    })

#endif
