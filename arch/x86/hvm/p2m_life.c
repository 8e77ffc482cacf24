/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Beginning and end of a physmap, and the pool that its tables come from.
 *
 * Options: hap_1gb=, hap_2mb=: may leaves be of that size (both yes)? Without 2 MiB there is no
 * 1 GiB either.
 */
#include "p2m_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/softirq.h>
#include <lib/cmdline.h>

static bool opt_hap_1gb = true, opt_hap_2mb = true;
PARAM_BOOL("hap_1gb", opt_hap_1gb, "let nested page tables have pages of 1 GiB");
PARAM_BOOL("hap_2mb", opt_hap_2mb, "let nested page tables have pages of 2 MiB (and of 1 GiB)");

const char *p2m_leaf_sizes(void)
{
    if (!opt_hap_2mb)
        return "4 KiB";
    return opt_hap_1gb && cpu_features.page1gb ? "4 KiB, 2 MiB, 1 GiB" : "4 KiB, 2 MiB";
}

int p2m_create(struct domain *d)
{
    struct p2m *p = &d->arch.hvm->p2m;
    pte_t *root = hv_page_alloc(0);

    if (!root)
        return -ENOMEM;
    spin_init(&p->lock, RANK_P2M);
    p->root = paddr_to_mfn(direct_pa(root));
    p->pool = P2M_POOL_MIN;
    p->used = 1;
    p->only_4k = !opt_hap_2mb;
    p->no_1gb = !opt_hap_1gb;
    return 0;
}

int p2m_set_pool(struct domain *d, uint64_t pages)
{
    struct p2m *p = &d->arch.hvm->p2m;

    if (pages > UINT32_MAX)
        return -EINVAL;
    spin_lock(&d->arch.hvm->p2m.lock);
    p->pool = MAX((uint32_t)pages, p->used);
    spin_unlock(&d->arch.hvm->p2m.lock);
    return 0;
}

/* Drop what the entries of a table hold, which nothing leads to. */
static void drop_held(const pte_t *table)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        const struct p2m_entry old = { .mfn = p2m_pte_mfn(table[i]),
                                       .type = p2m_pte_type(table[i]),
                                       .holds = table[i].v & P2M_HOLDS };

        if (old.holds && p2m_is_ram(old.type))
            m2p_set(old.mfn, M2P_INVALID);
        p2m_entry_put(&old);
    }
}

/* The first entry that is not empty; NULL: there is none. */
static pte_t *first_entry(pte_t *table)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (table[i].v)
            return &table[i];
    return NULL;
}

/*
 * Take out one table of level 1, one larger leaf, or one table that has become empty. False: there
 * is nothing left.
 */
static bool take_some(struct domain *d) REQUIRES(d->arch.hvm->p2m.lock)
{
    struct p2m *p = &d->arch.hvm->p2m;
    pte_t *above = NULL, *e, *leaves = NULL;
    unsigned int level = P2M_TOP_LEVEL;

    for (e = first_entry(p2m_root(p)); e && p2m_pte_is_table(*e, level) && level > 2; level--) {
        above = e;
        e = first_entry(p2m_table_of(*e));
    }
    if (!e && !above)
        return false;
    if (!e) { /* the table behind above is empty, and one level down from it */
        pte_t *empty = p2m_table_of(*above);

        write_once(above->v, 0);
        p2m_detach(p, empty, level);
    } else if (p2m_pte_is_table(*e, level)) {
        leaves = p2m_table_of(*e);
        write_once(e->v, 0);
        p2m_detach(p, leaves, 1);
    } else {
        write_once(e->v, 0);
        p->nr[level - 1]--;
    }
    hvm_flush_tlb(d);
    if (leaves)
        drop_held(leaves);
    p2m_free_detached(p);
    return true;
}

int p2m_relinquish(struct domain *d)
{
    bool more = true;

    if (!d->arch.hvm->p2m.used)
        return 0;
    while (more) {
        spin_lock(&d->arch.hvm->p2m.lock);
        d->arch.hvm->p2m.closed = true;
        more = take_some(d);
        spin_unlock(&d->arch.hvm->p2m.lock);
        if (more && preempt_wanted())
            return -ERESTART;
    }
    return 0;
}

void p2m_destroy(struct domain *d)
{
    struct p2m *p = &d->arch.hvm->p2m;

    if (!p->used)
        return;
    spin_lock(&d->arch.hvm->p2m.lock);
    while (take_some(d)) /* when creation failed: nobody has relinquished it */
        continue;
    spin_unlock(&d->arch.hvm->p2m.lock);
    ASSERT(p->used == 1);
    hv_page_free(p2m_root(p), 0);
    p->used = 0;
}
