/* SPDX-License-Identifier: GPL-2.0-only */
/* What always holds of a physmap: see struct p2m in <arch/p2m.h>. */
#ifndef HOST_P2M_CHECK_H
#define HOST_P2M_CHECK_H

#include "../../arch/x86/hvm/p2m_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>

struct p2m_count {
    uint64_t nr[3];
    uint32_t tables;
};

static const char *p2m_check_leaf(const struct p2m *p, pte_t e, unsigned int level, uint64_t gfn)
{
    const enum p2m_type t = p2m_pte_type(e);
    const pte_t should = p2m_leaf(p2m_pte_mfn(e), t, level);

    if (level > 3)
        return "a leaf at the top";
    if (t == P2M_NONE || t >= P2M_NR_TYPES)
        return "a leaf of no type";
    if ((e.v & ~P2M_HOLDS) != should.v)
        return "a leaf's bits are not those of its type";
    if (e.v & P2M_HOLDS ? level > 1 || !p2m_needs_care(t) : t >= P2M_GRANT)
        return "an entry holds what it should not, or does not what it should";
    if (p2m_has_frame(t) && level > 1 && (p->only_4k || (level == 3 && p->no_1gb) ||
                                          p2m_pte_mfn(e).n % p2m_reach(level)))
        return "a large leaf that may not be";
    return gfn + p2m_reach(level) - 1 > p->max_gfn ? "a leaf above the last" : NULL;
}

static const char *p2m_check_table(const struct p2m *p, const pte_t *table, unsigned int level,
                                   uint64_t base, struct p2m_count *n)
{
    const char *wrong = NULL;

    n->tables++;
    if (level < P2M_TOP_LEVEL && !p->closed && p2m_table_empty(table))
        return "an empty table";
    for (unsigned int i = 0; i < PT_ENTRIES && !wrong; i++) {
        const uint64_t gfn = base + i * p2m_reach(level);

        if (p2m_pte_is_table(table[i], level)) {
            if ((table[i].v & ~PTE_ADDR) != P2M_TABLE)
                return "bits of an entry for a table";
            wrong = p2m_check_table(p, p2m_table_of(table[i]), level - 1, gfn, n);
        } else if (table[i].v) {
            wrong = p2m_check_leaf(p, table[i], level, gfn);
            n->nr[(level - 1) & 3]++;
        }
    }
    return wrong;
}

/* NULL, or what does not hold. */
static const char *p2m_check(const struct domain *d)
{
    const struct p2m *p = &d->arch.hvm->p2m;
    struct p2m_count n = { .tables = 0 };
    const char *wrong = p2m_check_table(p, p2m_root(p), P2M_TOP_LEVEL, 0, &n);

    if (wrong)
        return wrong;
    if (n.tables != p->used || p->used > p->pool)
        return "tables in use are not as many as counted, or more than allowed";
    if (memcmp(n.nr, p->nr, sizeof(n.nr)))
        return "leaves are not as many as counted";
    return p->detached ? "a table waits to be freed" : NULL;
}

#endif
