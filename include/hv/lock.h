/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spinlocks. The hypervisor runs with interrupts off, except at preemption points and in idle
 * (docs/locking.md), so a lock is never taken by an interrupt that came in between, and there is
 * one kind of lock. A cpu that waits serves its mailbox (TLB flushes and other cross-calls) while
 * it waits: a holder may therefore do a synchronous flush.
 *
 * Ranks: a cpu takes locks in rising rank only; debug builds check that and the owner. Two locks of
 * the same rank are taken only by lock_two(), in address order.
 */
#ifndef HV_LOCK_H
#define HV_LOCK_H

#include <hv/types.h>

/* Lowest first. docs/locking.md says what each protects. */
enum lock_rank {
    RANK_DOMCTL = 1, /* one domctl or sysctl at a time */
    RANK_DOMLIST,    /* the list of domains */
    RANK_CPUPOOL,
    RANK_DOMAIN,     /* domain life: pause, destroy, vcpu creation */
    RANK_PHYSDEV,    /* pirq and PCI tables of a domain */
    RANK_PV_LDT,
    RANK_GNTTAB,     /* a domain's grant table; maptrack */
    RANK_GNTTAB_ENTRY,
    RANK_IOREQ,      /* an HVM domain's ioreq servers */
    RANK_EVENT,      /* a domain's event channels */
    RANK_PT,         /* a domain's page-table updates */
    RANK_P2M,        /* a translated domain's physmap */
    RANK_IOMMU,      /* a translated domain's DMA tables */
    RANK_PAGE_LIST,  /* a domain's page list and totals */
    RANK_IOMMU_OWN,  /* the identity map of a PV first domain: follows the allocator */
    RANK_HEAP,       /* the page allocator */
    RANK_XHEAP,      /* the small-object allocator */
    RANK_EVTCHN_FIFO,
    RANK_VIRQ,
    RANK_HVM_DEV,    /* one timer device of an HVM domain */
    RANK_HVM_IRQ,    /* interrupt wires, PICs and IO-APIC of an HVM domain */
    RANK_VLAPIC,
    RANK_HVM_TICK,   /* one platform timer's ticks */
    RANK_DOWN,       /* which vcpus of a domain are down */
    RANK_POLL,
    RANK_SCHED,      /* one runqueue */
    RANK_BUDGET,     /* a capped domain's remaining cpu time */
    RANK_TIMER,      /* one cpu's timers */
    RANK_IRQ,        /* one interrupt descriptor */
    RANK_VECTOR,
    RANK_HW,         /* IO-APIC, PCI config, CMOS, PIT registers */
    RANK_MAP,        /* hypervisor page tables */
    RANK_CONSOLE,
    RANK_LEAF
};

/*
 * For clang's thread-safety analysis (make static): which lock a variable or a function wants. It
 * compares expressions as they are written, so a lock is named the same way where it is taken and
 * where it is wanted. A member of a struct cannot name the lock beside it (C, clang 14): a comment
 * at the lock lists its members, and the functions that use them carry REQUIRES. NO_TSA is for
 * locks that only run time knows; the reason stands beside it.
 */
#if defined(__clang__)
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif
#define CAPABILITY(name) TSA(capability(name))
#define GUARDED_BY(l) TSA(guarded_by(l))
#define REQUIRES(...) TSA(requires_capability(__VA_ARGS__))
#define ACQUIRES(...) TSA(acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRES(...) TSA(try_acquire_capability(__VA_ARGS__))
#define RELEASES(...) TSA(release_capability(__VA_ARGS__))
#define EXCLUDES(...) TSA(locks_excluded(__VA_ARGS__))
#define NO_TSA TSA(no_thread_safety_analysis)

#define LOCK_FREE (-1)

typedef struct CAPABILITY("spinlock") {
    uint16_t next, serving; /* ticket: the holder is the one whose ticket is being served */
    int16_t owner;          /* cpu number, LOCK_FREE when nobody holds it */
    uint16_t rank;          /* enum lock_rank */
} spinlock_t;

#define SPINLOCK(r) { .next = 0, .serving = 0, .owner = LOCK_FREE, .rank = (r) }
#define DEFINE_SPINLOCK(name, r) spinlock_t name = SPINLOCK(r)

void spin_init(spinlock_t *l, enum lock_rank rank);
void spin_lock(spinlock_t *l) ACQUIRES(*l);
bool spin_trylock(spinlock_t *l) TRY_ACQUIRES(true, *l);
void spin_unlock(spinlock_t *l) RELEASES(*l);
bool spin_is_mine(const spinlock_t *l); /* for ASSERT: held by this cpu */
/* Two of the same rank, in address order; a == b locks once. */
void lock_two(spinlock_t *a, spinlock_t *b) ACQUIRES(*a, *b);
void unlock_two(spinlock_t *a, spinlock_t *b) RELEASES(*a, *b);
unsigned int locks_held(void); /* by this cpu; for ASSERT: 0 in release builds */
/* on the way into panic(): whatever is held now, messages must get out */
void lock_checks_stop(void);

#endif
