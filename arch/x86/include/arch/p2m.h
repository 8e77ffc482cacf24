/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physmap of a translated (HVM, PVH) domain: guest frame to machine frame, in the form of nested
 * page tables that the cpu walks (AMD APM vol. 2 §15.25 "Nested Paging"). Tables come from the
 * domain's paging pool.
 *
 * Who holds what: an entry of type P2M_RAM, _RO or _IOREQ stands for a frame that the domain owns, and
 * holds no reference of its own (the allocation's is given up after the entry is gone and no TLB can
 * have it). An entry of type P2M_FOREIGN or P2M_GRANT* holds a page reference, which is dropped after
 * the flush. P2M_MMIO holds none.
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

#define P2M_ORDER_4K 0U
#define P2M_ORDER_2M 9U
#define P2M_ORDER_1G 18U

struct p2m {
    spinlock_t lock;       /* RANK_P2M: all below, and the tables */
    mfn_t root;
    uint32_t pool, used;   /* pages of tables: allowed, in use */
    uint64_t max_gfn;      /* highest gfn that ever had an entry */
    uint64_t nr[3];        /* leaves by size: 4 KiB, 2 MiB, 1 GiB */
    struct page *detached; /* tables out of use, to be freed after the next flush */
    bool only_4k;          /* never make a larger leaf (hap_2mb=, hap_1gb= and tests) */
};

struct p2m_entry {
    mfn_t mfn;             /* of the gfn asked for, INVALID_MFN where the type has none */
    enum p2m_type type;
    unsigned int order;    /* of the leaf it is in, or of the hole */
};

/* The domain's, empty. -ENOMEM. */
int p2m_create(struct domain *d) must_check;
/* All entries are gone and no cpu uses it. */
void p2m_destroy(struct domain *d);
/* Takes all entries out: 0, or -ERESTART to be called again. */
int p2m_relinquish(struct domain *d) must_check;
/* The limit on its tables, in pages; -EBUSY below what it uses is not an error but the new floor. */
int p2m_set_pool(struct domain *d, uint64_t pages) must_check;

/*
 * gfn to gfn + 2^order become mfn and on, of one type (P2M_NONE takes them away; mfn is then unused).
 * Larger leaves are split as needed, and made when order, alignment and the host allow. What was
 * there is returned to the caller's care: in *old (order 0 only; may be NULL if nothing was there
 * that needs care). TLBs are flushed before it returns if any could hold more than there is now.
 * -ENOMEM: the pool is empty, nothing has changed. -EINVAL: beyond the guest's address width.
 */
int p2m_set(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
            struct p2m_entry *old) must_check;
/* Change the type of one gfn if it is `from` now: -EBUSY if not. */
int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type from, enum p2m_type to) must_check;
struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn);
/* Its page with a reference, if the entry is memory and, for write, may be written; else NULL. */
struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type);
/* Guest physical address bits that entries can have. */
unsigned int p2m_gpa_bits(void);

/* --- implemented by what runs the guest ------------------------------------------------------- */

/* No vcpu of d uses a translation from before the call: waits. Locks up to RANK_P2M may be held. */
void hvm_flush_tlb(struct domain *d);

#endif
