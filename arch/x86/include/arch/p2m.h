/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physmap of a translated (HVM, PVH) domain: guest frame to machine frame, in the form of
 * nested page tables that the cpu walks (AMD APM vol. 2 §15.25 "Nested Paging"). Tables come from
 * the domain's paging pool.
 *
 * Who holds what: an entry of type P2M_RAM, _RO or _IOREQ stands for a frame that the domain owns,
 * and holds no reference of its own (the allocation's is given up after the entry is gone and no
 * TLB can have it). An entry of type P2M_FOREIGN holds a page and a writable type reference, one of
 * type P2M_GRANT* a page reference, and so does one of type P2M_RAM for a page of ours that is
 * shared with the domain (shared_info, grant table): such a page may go out of use while the guest
 * still has it. These are given with p2m_set() and come back in the old entry: p2m_entry_put(),
 * after the flush. P2M_MMIO holds none.
 *
 * A frame of the domain's own RAM is in one entry at most: who takes it out of an entry may free
 * it. Therefore a change that depends on what is there is made with p2m_swap().
 *
 * A guest's access may fault though the entry allows it by now: more rights need no flush.
 */
#ifndef ARCH_P2M_H
#define ARCH_P2M_H

#include <arch/pt.h>
#include <hv/lock.h>
#include <hv/types.h>

struct domain;
struct page;

enum p2m_type {
    P2M_NONE,     /* nothing: an access is the device model's, as for P2M_MMIO_DM */
    P2M_RAM,
    P2M_RAM_RO,   /* writes are dropped */
    P2M_IOREQ,    /* RAM whose writes go to an ioreq server (HVMMEM_ioreq_server) */
    P2M_MMIO_DM,  /* known to be the device model's */
    P2M_MMIO,     /* a device's memory, mapped through */
    P2M_GRANT, P2M_GRANT_RO,
    P2M_FOREIGN,  /* another domain's page */
    P2M_NR_TYPES
};

/* Memory of the domain's own. */
static inline bool p2m_is_ram(enum p2m_type t)
{
    return t == P2M_RAM || t == P2M_RAM_RO || t == P2M_IOREQ;
}

#define P2M_ORDER_4K 0U
#define P2M_ORDER_2M 9U
#define P2M_ORDER_1G 18U

/*
 * Whenever the lock is free (tests/host/p2m_check.h looks after each step): used counts the tables
 * under root, itself included, and is not above pool; no table but the root is empty; nr counts the
 * leaves; no entry is above max_gfn; a leaf's frame and guest frame are aligned to its size; its
 * rights are those of its type; entries that hold references are of 4 KiB; nothing is detached.
 */
struct p2m {
    spinlock_t lock;       /* RANK_P2M: all below, and the tables */
    mfn_t root;
    uint32_t pool, used;   /* pages of tables: allowed, in use; used 0: not created */
    uint64_t max_gfn;      /* highest gfn that ever had an entry */
    uint64_t nr[3];        /* leaves, typed holes included, by size: 4 KiB, 2 MiB, 1 GiB */
    struct page *detached; /* tables out of use, to be freed after the next flush */
    bool closed;           /* being relinquished: no more changes, and tables may be empty */
    bool only_4k, no_1gb;  /* never make larger leaves (hap_2mb=, hap_1gb= and tests) */
};

struct p2m_entry {
    mfn_t mfn;             /* of the gfn asked for, INVALID_MFN where the type has none */
    enum p2m_type type;
    unsigned int order;    /* of the leaf it is in, or of the hole */
    bool holds;            /* a reference, see above */
};

/* Its pool until the toolstack sets one: enough to begin with (1 MiB). */
#define P2M_POOL_MIN 256U

/* What the options and the cpu leave, for the log. */
const char *p2m_leaf_sizes(void);

/* The domain's, empty. -ENOMEM. */
int p2m_create(struct domain *d) must_check;
/* No cpu uses it. Nothing to do if it was not created. */
void p2m_destroy(struct domain *d);
/* Takes all entries out, drops what they hold: 0, or -ERESTART to be called again. */
int p2m_relinquish(struct domain *d) must_check;
/* The limit on its tables, in pages: never below what it uses. -EINVAL: no such number of pages. */
int p2m_set_pool(struct domain *d, uint64_t pages) must_check;
uint64_t p2m_max_gfn(struct domain *d);

/*
 * gfn to gfn + 2^order become mfn and on, of one type (P2M_NONE takes them away; mfn is then
 * unused). Types that hold references are for order 0, and on success the caller's reference is the
 * entry's. Larger leaves are split as needed, and made when order, alignment and the host allow.
 * What was there is returned to the caller's care: in *old, of one piece. TLBs are flushed before
 * it returns if any could hold more than there is now.
 * -EBUSY: old is NULL and a frame was there, or several pieces with frames were (take smaller
 * steps). -ENOMEM: the pool is empty. -EINVAL: beyond the guest's address width, or the domain is
 * dying. Nothing has changed then.
 */
int p2m_set(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
            struct p2m_entry *old) must_check;
/* The same if all of it still is what a lookup of gfn has said: -EAGAIN. */
int p2m_swap(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
             const struct p2m_entry *from) must_check;
/* Drop what an entry that is gone has held. */
void p2m_entry_put(const struct p2m_entry *old);
/*
 * Change the type of one gfn between those of own RAM, if it is `from` now: -EBUSY if not. -EINVAL,
 * -ENOMEM.
 */
int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type from, enum p2m_type to) must_check;
struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn);
/*
 * Its page with a reference, if the entry is memory and, for write, may be written; else NULL. The
 * type, if asked for, is that of the entry in any case. The page is the domain's own if the type is
 * one of RAM, otherwise somebody else's.
 */
struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type);
/* Guest physical address bits that entries can have. */
unsigned int p2m_gpa_bits(void);

/* --- implemented by what runs the guest ------------------------------------------------------- */

/* No vcpu of d uses a translation from before the call: waits. Locks up to RANK_P2M may be held. */
void hvm_flush_tlb(struct domain *d);

#endif
