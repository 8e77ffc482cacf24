/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the physmap share. All under its lock. */
#ifndef X86_HVM_P2M_PRIV_H
#define X86_HVM_P2M_PRIV_H

#include "p2m_entry.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/page.h>

static inline pte_t *p2m_root(const struct p2m *p) { return direct_va(mfn_to_paddr(p->root)); }

/* What shall be at the gfns from first to before end. */
struct p2m_change {
    struct p2m *p;
    uint64_t first, end;
    mfn_t mfn;           /* of first */
    enum p2m_type type;
    bool holds;
    bool no_flush;       /* the caller does it, and no table goes */
    /* our notes while it is made */
    struct page *spare;  /* as many tables as it takes */
    bool flush;          /* somebody could still have more than there is now */
    bool moved;          /* a gfn has another frame, or none */
};

/* Make it. -ENOMEM: nothing has changed. */
int p2m_change(struct domain *d, struct p2m_change *c) REQUIRES(d->arch.hvm->p2m.lock) must_check;

/* A leaf or hole, as far as it lies in a change's range. */
struct p2m_piece {
    uint64_t first, end;
    pte_t e;
    bool whole;          /* that is all of it */
};
/*
 * Says what type the piece has from now on, of the same frames; another than now only if it is
 * whole. Nothing is split, so nothing can fail. The caller flushes, if it then says so.
 */
typedef enum p2m_type p2m_visit_fn(struct p2m_change *c, const struct p2m_piece *piece);
void p2m_visit(struct p2m_change *c, p2m_visit_fn *fn);

/* Are there frames in its range that somebody has to take care of? */
bool p2m_frames_in(const struct p2m_change *c);

struct p2m_entry p2m_walk(const struct p2m *p, uint64_t gfn);

/* Count a leaf or hole that appears or goes. */
static inline void p2m_count(struct p2m *p, pte_t e, unsigned int level, bool appears)
{
    const bool pod = p2m_pte_type(e) == P2M_POD;

    if (e.v == 0)
        return;
    p->nr[level - 1] += appears ? 1 : -1ULL;
    if (pod)
        p->pod.entries += appears ? p2m_reach(level) : -p2m_reach(level);
}

bool p2m_table_empty(const pte_t *table);
/* A table that no entry leads to any more, with those under it: its leaves do not count now. */
void p2m_detach(struct p2m *p, pte_t *table, unsigned int level);
void p2m_free_detached(struct p2m *p); /* after the flush */

/* The gfn is written to. Its entry was of type P2M_LOGDIRTY. */
void p2m_written(struct domain *d, uint64_t gfn, const struct p2m_entry *e)
    REQUIRES(d->arch.hvm->p2m.lock);
/* A look at a range; the change comes first, so that a visitor finds the rest. */
struct p2m_look {
    struct p2m_change c;
    bool buffer;     /* asked by who draws the frame buffer, else by who copies the domain */
    bool clean;      /* watch again what is written */
    uint64_t *bits;  /* [P2M_BUFFER_PART], from c.first; NULL: nobody wants to know which */
    uint32_t found;
};
/* -EINVAL: there is nothing to look at. */
int p2m_look(struct domain *d, struct p2m_look *l) must_check;
/* Nobody asks about a range any more, but for the frame buffer in it. */
void p2m_forget(struct domain *d, uint64_t first, uint64_t end)
    REQUIRES(d->arch.hvm->p2m.lock);
void p2m_dirty_settle(struct p2m_dirty *t);
void p2m_dirty_free(struct p2m *p);

/*
 * The gfn, whose entry e is of type P2M_POD, gets a frame. -EINVAL: the domain is dying;
 * -ENOMEM: no frame or no table; -EAGAIN: not all places have been searched (not for `all`).
 */
int p2m_pod_fill(struct domain *d, uint64_t gfn, const struct p2m_entry *e, bool all)
    REQUIRES(d->arch.hvm->p2m.lock) must_check;
void p2m_pod_crash(struct domain *d, uint64_t gfn);
void p2m_pod_free(struct p2m *p);

/* The cache. False: no memory to note them. */
bool p2m_cache_put(struct p2m *p, mfn_t mfn, unsigned int order) must_check;
/* Order 0 or that of 2 MiB. False: there is none such; never for order 0 if any frame is there. */
bool p2m_cache_take(struct p2m *p, unsigned int order, mfn_t *mfn) must_check;
/* What was taken and is not used. */
void p2m_cache_return(struct domain *d, mfn_t mfn, unsigned int order)
    REQUIRES(d->arch.hvm->p2m.lock);
/* Nobody but its entry has the frame: no grant, no foreign map, no hypercall. */
bool p2m_frame_idle(mfn_t mfn);

#endif
