/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pirq tables, binding, end of interrupt. A level-triggered line stays masked from delivery to the
 * domain's EOI; edges and messages need none, which irq_status_query and the EOI page tell the
 * guest, so that it saves the hypercall.
 */
#include <arch/hvm_pt.h>
#include <arch/pirq.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/log.h>
#include <hv/page.h>

#define TABLE_ORDER 1
_Static_assert(sizeof(struct pirq_table) <= PAGE_SIZE << TABLE_ORDER, "pirq table");
_Static_assert(NR_PIRQS / 8 <= PAGE_SIZE, "the EOI page holds a bit for each");

struct pirq_table *pirq_table(struct domain *d)
{
    if (d->arch.pirqs == NULL)
        __atomic_store_n(&d->arch.pirqs, hv_page_alloc(TABLE_ORDER), __ATOMIC_RELEASE);
    return d->arch.pirqs;
}

/* For those who hold pci_lock or the event lock. NULL: out of range or nothing there. */
static struct pirq *pirq_of(struct domain *d, unsigned int pirq)
{
    struct pirq_table *t = __atomic_load_n(&d->arch.pirqs, __ATOMIC_ACQUIRE);

    return t && pirq < NR_PIRQS ? &t->entry[index_nospec(pirq, NR_PIRQS)] : NULL;
}

static bool is_mapped(const struct pirq *p) { return p && p->kind >= PIRQ_GSI; }

int pirq_find_free(const struct pirq_table *t, unsigned int first, unsigned int nr)
{
    unsigned int run = 0;

    for (unsigned int i = first; i < NR_PIRQS; i++) {
        run = t->entry[i].kind == PIRQ_FREE ? run + 1 : 0;
        if (run == nr)
            return (int)(i + 1 - nr);
    }
    return -ENOSPC;
}

int pirq_find_irq(const struct pirq_table *t, unsigned int irq)
{
    for (unsigned int i = 0; i < NR_PIRQS; i++)
        if (t->entry[i].kind >= PIRQ_GSI && t->entry[i].irq == irq)
            return (int)i;
    return -ENOENT;
}

void pirq_set(struct domain *d, unsigned int pirq, enum pirq_kind kind, unsigned int irq)
{
    spin_lock(&d->evtchn.lock);
    d->arch.pirqs->entry[pirq] = (struct pirq){ .irq = (uint16_t)irq, .kind = (uint8_t)kind };
    spin_unlock(&d->evtchn.lock);
}

/* --- binding: called with the event lock ------------------------------------------------------ */

static void set_eoi_bit(struct domain *d, unsigned int pirq, bool wanted)
{
    uint64_t *map = d->arch.pirq_eoi_map;

    if (map == NULL)
        return;
    if (wanted)
        __atomic_fetch_or(&map[pirq / 64], BIT(pirq % 64), __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&map[pirq / 64], ~BIT(pirq % 64), __ATOMIC_SEQ_CST);
}

int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool will_share)
{
    struct domain *d = v->domain;
    struct pirq *p = pirq_of(d, pirq);
    int rc;

    if (!is_mapped(p))
        return -EINVAL;
    if (p->bound)
        return -EEXIST;
    set_eoi_bit(d, pirq, irq_is_level(p->irq));
    rc = irq_bind_guest(p->irq, d, pirq, v->processor, will_share);
    if (rc)
        set_eoi_bit(d, pirq, false);
    p->bound = rc == 0;
    return rc;
}

void pirq_guest_unbind(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);

    if (!is_mapped(p) || !p->bound)
        return; /* unmapped while its port was open */
    irq_unbind_guest(p->irq, d);
    set_eoi_bit(d, pirq, false);
    p->bound = false;
}

void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu)
{
    struct pirq *p = pirq_of(d, pirq);

    if (is_mapped(p) && p->bound)
        irq_set_affinity(p->irq, cpu);
}

/* --- unmapping -------------------------------------------------------------------------------- */

static void drop_entry(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);

    spin_lock(&d->evtchn.lock);
    pirq_guest_unbind(d, pirq);
    if (is_hvm(d))
        hvm_pt_forget(d, pirq);
    *p = (struct pirq){ .kind = PIRQ_FREE };
    spin_unlock(&d->evtchn.lock);
}

/* All pirqs of a block are next to each other, in the order of its irqs. */
static int unmap_msi(struct domain *d, unsigned int pirq, struct msi_block *b) REQUIRES(pci_lock)
{
    const struct pirq_table *t = d->arch.pirqs;
    unsigned int first = b->first, nr = b->nr;

    if (t->entry[pirq].irq != first)
        return -EINVAL;
    for (unsigned int i = 0; i < nr && pirq + i < NR_PIRQS; i++)
        if (t->entry[pirq + i].kind == PIRQ_MSI && t->entry[pirq + i].irq == first + i)
            drop_entry(d, pirq + i);
    msi_unmap(b);
    return 0;
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);
    struct msi_block *b;

    if (!is_mapped(p))
        return -EINVAL;
    b = p->kind == PIRQ_MSI ? msi_block_of(p->irq) : NULL;
    if (b)
        return unmap_msi(d, pirq, b);
    drop_entry(d, pirq);
    return 0;
}

/* --- end of interrupt ------------------------------------------------------------------------- */

static void unmask_port(struct domain *d, unsigned int pirq)
{
    port_t port = evtchn_pirq_port(d, pirq);

    if (port)
        d->evtchn.ops->unmask(d,
                              &d->evtchn.group[port / EVTCHN_PER_GROUP][port % EVTCHN_PER_GROUP]);
}

int pirq_eoi(struct domain *d, unsigned int pirq)
{
    struct pirq *p;

    if (pirq >= NR_PIRQS)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    p = pirq_of(d, pirq);
    if (is_mapped(p) && p->bound) {
        if (d->arch.auto_unmask)
            unmask_port(d, pirq);
        irq_guest_eoi(p->irq, d);
    }
    spin_unlock(&d->evtchn.lock);
    return 0;
}

int pirq_status(struct domain *d, unsigned int pirq, uint32_t *flags)
{
    struct pirq *p;

    *flags = 0;
    if (pirq >= NR_PIRQS)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    p = pirq_of(d, pirq);
    if (is_mapped(p)) {
        if (irq_is_level(p->irq))
            *flags |= XENIRQSTAT_needs_eoi;
        if (irq_nr_sharers(p->irq) > 1)
            *flags |= XENIRQSTAT_shared;
    }
    spin_unlock(&d->evtchn.lock);
    return 0;
}

static void set_all_eoi_bits(struct domain *d)
{
    struct pirq_table *t = d->arch.pirqs;

    for (unsigned int i = 0; t && i < NR_PIRQS; i++)
        if (t->entry[i].bound)
            set_eoi_bit(d, i, irq_is_level(t->entry[i].irq));
}

int pirq_register_eoi_page(struct domain *d, uint64_t gfn, bool auto_unmask)
{
    struct page *pg = arch_gfn_to_page_get(d, _gfn(gfn), true);
    int rc = -EBUSY;

    if (pg == NULL)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    if (d->arch.pirq_eoi_map == NULL) {
        d->arch.pirq_eoi_mfn = page_to_mfn(pg);
        d->arch.pirq_eoi_map = page_map_long(page_to_mfn(pg));
        rc = d->arch.pirq_eoi_map ? 0 : -ENOMEM;
    }
    if (rc == 0) {
        d->arch.auto_unmask = auto_unmask;
        set_all_eoi_bits(d);
    }
    spin_unlock(&d->evtchn.lock);
    if (rc)
        arch_page_put(pg, true);
    return rc;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void drop_eoi_page(struct domain *d)
{
    uint64_t *map;

    spin_lock(&d->evtchn.lock);
    map = d->arch.pirq_eoi_map;
    d->arch.pirq_eoi_map = NULL;
    spin_unlock(&d->evtchn.lock);
    if (map == NULL)
        return;
    page_unmap_long(map);
    arch_page_put(mfn_to_page_known(d->arch.pirq_eoi_mfn), true);
}

void pirq_release(struct domain *d)
{
    struct pirq_table *t;

    spin_lock(&pci_lock);
    t = d->arch.pirqs;
    for (unsigned int i = 0; t && i < NR_PIRQS; i++)
        if (t->entry[i].kind >= PIRQ_GSI && pirq_unmap(d, i))
            drop_entry(d, i);
    spin_lock(&d->evtchn.lock);
    d->arch.pirqs = NULL;
    spin_unlock(&d->evtchn.lock);
    if (t)
        hv_page_free(t, TABLE_ORDER);
    spin_unlock(&pci_lock);
    drop_eoi_page(d);
}
