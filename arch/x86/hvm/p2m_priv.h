/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the physmap share. All under its lock. */
#ifndef X86_HVM_P2M_PRIV_H
#define X86_HVM_P2M_PRIV_H

#include "p2m_entry.h"

#include <hv/page.h>

static inline pte_t *p2m_root(const struct p2m *p) { return direct_va(mfn_to_paddr(p->root)); }

bool p2m_table_empty(const pte_t *table);
/* A table that no entry leads to any more, with those under it: its leaves do not count now. */
void p2m_detach(struct p2m *p, pte_t *table, unsigned int level);
void p2m_free_detached(struct p2m *p); /* after the flush */

#endif
