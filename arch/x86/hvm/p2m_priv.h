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
    /* our notes while it is made */
    struct page *spare;  /* as many tables as it takes */
    bool flush;          /* somebody could still have more than there is now */
};

/* Make it. -ENOMEM: nothing has changed. */
int p2m_change(struct domain *d, struct p2m_change *c) REQUIRES(d->arch.hvm->p2m.lock) must_check;
/* Are there frames in its range that somebody has to take care of? */
bool p2m_frames_in(const struct p2m_change *c);

bool p2m_table_empty(const pte_t *table);
/* A table that no entry leads to any more, with those under it: its leaves do not count now. */
void p2m_detach(struct p2m *p, pte_t *table, unsigned int level);
void p2m_free_detached(struct p2m *p); /* after the flush */

#endif
