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
    P2M_LOGDIRTY, /* RAM that nobody has written to since it was asked: the next write says so */
    P2M_MMIO_DM,  /* known to be the device model's */
    P2M_POD,      /* RAM that gets its frame at the first access (p2m_pod.c) */
    P2M_MMIO,     /* a device's memory, mapped through */
    P2M_GRANT, P2M_GRANT_RO,
    P2M_FOREIGN,  /* another domain's page */
    P2M_NR_TYPES
};

/* Memory of the domain's own, which is there. */
static inline bool p2m_is_ram(enum p2m_type t)
{
    return t == P2M_RAM || t == P2M_RAM_RO || t == P2M_IOREQ || t == P2M_LOGDIRTY;
}

#define P2M_ORDER_4K 0U
#define P2M_ORDER_2M 9U
#define P2M_ORDER_1G 18U

/*
 * Which pages are written to. Own RAM whose type is not P2M_LOGDIRTY is or may be: so nothing has
 * to be remembered, and a mark cannot fail. Only where both kinds of askers look, what one has been
 * told is kept for the other.
 */
struct p2m_dirty {
    bool active;           /* there may be entries of type P2M_LOGDIRTY */
    bool log;              /* all of the domain: XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY */
    uint64_t first, nr;    /* a frame buffer: XEN_DMOP_track_dirty_vram; nr 0: none */
    uint64_t *for_buffer;  /* [nr] bits: written, but only the log's reader knows */
    uint64_t *for_log;     /* [nr] bits: written, but only the frame buffer's reader knows */
    uint32_t faults;       /* since the last reader who cleaned */
    uint32_t doing;        /* a call that is to be continued: its number + 1, */
    uint32_t found;        /* what it has counted, */
    uint64_t next;         /* and where it goes on */
};

/* Populate on demand: frames that wait for entries of type P2M_POD. They count in tot_pages. */
struct p2m_frames;
struct p2m_pod {
    uint64_t entries;            /* gfns of type P2M_POD */
    uint64_t cached;             /* frames */
    struct p2m_frames *singles, *supers;
    mfn_t broken;                /* frames of 2 MiB that are given out one by one, */
    uint64_t broken_left;        /* from the last on */
    uint64_t hand, swept;        /* the search for zeros: where, and since it last found any */
};

/*
 * Whenever the lock is free (tests/host/p2m_check.h looks after each step): used counts the tables
 * under root, itself included, and is not above pool; no table but the root is empty; nr counts the
 * leaves; no entry is above max_gfn; a leaf's frame and guest frame are aligned to its size; its
 * rights are those of its type; entries that hold references are of 4 KiB; nothing is detached; no
 * entry is of type P2M_LOGDIRTY unless dirty.active; pod counts entries and frames.
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
    struct p2m_dirty dirty;
    struct p2m_pod pod;
    /* devices follow what is at gfns (hv/iommu.h); NULL: there are none */
    int (*follow)(struct domain *d, uint64_t gfn, uint64_t mfn, uint64_t nr, unsigned int flags);
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

struct p2m *p2m_of(struct domain *d);
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
 * Its page with a reference, if the entry is memory and, for write, may be written; else NULL. What
 * is populated on demand gets a frame now, and what is watched for writes is written to. The type,
 * if asked for, is that of the entry in any case. The page is the domain's own if the type is one
 * of RAM, otherwise somebody else's.
 */
struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type);

/* --- who writes (p2m_dirty.c) ----------------------------------------------------------------- */

/* A page has been written to otherwise than by the guest's own accesses; after the write. */
void p2m_mark_dirty(struct domain *d, gfn_t gfn);
/* The same of a frame of d's, wherever it is. */
void p2m_mark_frame(struct domain *d, mfn_t mfn);
/* Is anybody to be told? To be read after the write, with a full barrier between them. */
static inline bool p2m_is_logging(const struct p2m *p) { return read_once(p->dirty.active); }
/* The guest could not write, as the entry was of type P2M_LOGDIRTY: it is to try again. */
void p2m_write_fault(struct domain *d, gfn_t gfn);

/*
 * XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, _OFF, _CLEAN and _PEEK. Writes of the bitmap go to
 * current's memory. -EINVAL, -EFAULT; -EBUSY: another call is half done; -ERESTART: to be called
 * again, with the same.
 */
struct xen_domctl_shadow_op;
int p2m_log_op(struct domain *d, struct xen_domctl_shadow_op *op) must_check;

/*
 * A frame buffer is watched, instead of another one; nr 0 ends it. 1: it was watched before.
 * -ENOMEM, -EINVAL.
 */
int p2m_buffer_watch(struct domain *d, gfn_t first, uint64_t nr) must_check;
/* Bits of pages `from` to from + nr of it, at most P2M_BUFFER_PART: written since the last call. */
#define P2M_BUFFER_PART 4096U
void p2m_buffer_read(struct domain *d, uint64_t from, uint64_t nr, uint64_t bits[]);

/* --- populate on demand (p2m_pod.c) ----------------------------------------------------------- */

/*
 * If it is an entry of type P2M_POD, it gets a frame: 0, or -ENOMEM, and the domain has crashed.
 * -EINVAL: it is dying.
 */
int p2m_populate(struct domain *d, gfn_t gfn) must_check;
/* The same for an access of the guest's, which tries again in any case. */
void p2m_pod_fault(struct domain *d, gfn_t gfn);
/* Frames of the domain's that are nowhere any more: to the cache, if it lacks some, or freed. */
void p2m_pod_give(struct domain *d, mfn_t mfn, unsigned int order);
/* Entries of type P2M_POD are gone: frees what the cache has too many. */
void p2m_pod_trim(struct domain *d);
/* XENMEM_set_pod_target: -ENOMEM, or -ERESTART to be called again. flags: ALLOC_* of its frames. */
int p2m_pod_set_target(struct domain *d, uint64_t target, uint32_t flags) must_check;
struct xen_pod_target;
void p2m_pod_get_target(struct domain *d, struct xen_pod_target *t);

/* Guest physical address bits that entries can have. */
unsigned int p2m_gpa_bits(void);

/* --- implemented by what runs the guest ------------------------------------------------------- */

/* No vcpu of d uses a translation from before the call: waits. Locks up to RANK_P2M may be held. */
void hvm_flush_tlb(struct domain *d);

#endif
