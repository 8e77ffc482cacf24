/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Updates of page tables: mmu_update, update_va_mapping, and the functions under them. All writes
 * to a table in force go through pv_l1_update() or upper_update(), under the pt_lock of the table's
 * owner: first the references of the new entry are taken, then the entry is written, then those of
 * the old one are given back.
 */
#include <arch/direct.h>
#include <arch/p2m.h>
#include <arch/paging.h>
#include <arch/pv32.h>
#include <arch/pv_mmu.h>
#include <arch/tlb.h>
#include <arch/xpti.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <lib/string.h>

#define BATCH 16
/* in the count of a continued mmu_update: *pdone holds what was done before */
#define PREEMPTED (1U << 31)
#define HW_BITS (PTE_ACCESSED | PTE_DIRTY)

void pv_init_l4_slots(struct domain *d, pte_t *l4)
{
    for (unsigned int i = HV_FIRST_SLOT; i < HV_FIRST_SLOT + HV_NR_SLOTS; i++)
        write_once(l4[i].v, hv_l4[i].v);
    write_once(l4[PERDOMAIN_SLOT].v, pte_make(d->arch.perdomain_mfn, HV_TABLE).v);
}

void pv_init_our_entries(struct domain *d, enum page_type type, pte_t *table)
{
    if (type == PT_L4)
        pv_init_l4_slots(d, table);
    if (type == PT_L2_TOP)
        memcpy(table + PV32_FIRST_L2_SLOT, pv32_l2, sizeof(pv32_l2));
    if (type == PT_L3 && domain_is_32bit(d)) /* a guest makes four of them; the cpu sees all */
        memset(table + PV32_L3_ENTRIES, 0, (PT_ENTRIES - PV32_L3_ENTRIES) * sizeof(*table));
}

static bool guest_address_ok(const struct domain *d, uint64_t va)
{
    return domain_is_32bit(d) ? va < PV32_VIRT_START
                              : is_canonical(va) && !pv_hv_slot(pt_index(va, 4));
}

static pte_t entry_of(mfn_t table, unsigned int i)
{
    pte_t *p, e;

    if (likely(direct_covers(table))) /* page_map() would say so, too, but every walk is here */
        return (pte_t){ read_once(((pte_t *)direct_va(mfn_to_paddr(table)))[i].v) };
    p = page_map(table);
    e.v = read_once(p[i].v);
    page_unmap(p);
    return e;
}

pte_t *pv_l1_entry(struct domain *d, mfn_t top, uint64_t va)
{
    mfn_t t = top;

    if (!guest_address_ok(d, va) || mfn_eq(top, INVALID_MFN))
        return NULL;
    for (unsigned int level = pv_top_type(d); level > 1; level--) {
        const pte_t e = entry_of(t, pt_index(va, level));

        if (!pte_present(e) || (e.v & PTE_PSE))
            return NULL;
        t = pte_mfn(e);
    }
    return (pte_t *)page_map(t) + pt_index(va, 1);
}

/* --- single entries --------------------------------------------------------------------------- */

/*
 * Write new over *p; with preserve_ad, the bits that the hardware sets survive. Returns what was
 * there.
 */
static pte_t swap_entry(pte_t *p, pte_t new, bool preserve_ad)
{
    pte_t old = { read_once(p->v) };

    if (!preserve_ad)
        return (pte_t){ __atomic_exchange_n(&p->v, new.v, __ATOMIC_SEQ_CST) };
    while (!__atomic_compare_exchange_n(&p->v, &old.v, new.v | (old.v & HW_BITS), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    return old;
}

/*
 * Write new if the entry still holds what new was made from, but for bits that the hardware sets.
 */
static bool replace_entry(pte_t *p, pte_t old, pte_t new)
{
    return __atomic_compare_exchange_n(&p->v, &old.v, new.v, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

int pv_l1_modify(struct domain *d, pte_t *p, pte_t old, uint64_t val, struct pt_work *w)
{
    pte_t new = { val };
    int rc = pte_present(new) ? pv_l1e_get(d, d, &new, w) : 0;

    if (rc)
        return rc;
    if (!replace_entry(p, old, new)) {
        if (pte_present(new))
            pv_l1e_put(new);
        return -EAGAIN;
    }
    if (pte_present(old))
        pv_l1e_put(old);
    return 0;
}

int pv_l1_update(struct domain *d, struct domain *owner, pte_t *p, uint64_t val, bool preserve_ad,
                 struct pt_work *w)
{
    pte_t new = { val }, old = { read_once(p->v) };
    const uint64_t same = PTE_ADDR | PTE_PRESENT | PTE_CACHE_BITS;

    /* The same frame with no more rights: what the old entry holds serves the new one. */
    if (pte_present(new) && !((old.v ^ new.v) & same) && !(new.v & ~old.v & PTE_RW) && owner == d) {
        new.v = pv_l1_adjust(d, new.v);
        old = swap_entry(p, new, preserve_ad);
        if (old.v & ~new.v & PTE_RW)
            pv_l1e_put_write(old);
        return 0;
    }
    if (pte_present(new)) {
        int rc = pv_l1e_get(d, owner, &new, w);

        if (unlikely(rc))
            return rc;
    }
    old = swap_entry(p, new, preserve_ad && pte_present(new));
    if (pte_present(old))
        pv_l1e_put(old);
    return 0;
}

/*
 * An entry above level 1, in table; what it held may still be in use by other cpus' TLBs, but in no
 * page table.
 */
static pte_t swap_upper(struct domain *d, mfn_t table, pte_t *p, enum page_type type, pte_t new,
                        bool preserve_ad) REQUIRES(d->arch.pt_lock)
{
    const pte_t old = swap_entry(p, new, preserve_ad);

    if (type == PT_L4 && unlikely(d->arch.xpti))
        xpti_l4_written(d, table, ((uintptr_t)p & PAGE_OFFSET_MASK) / sizeof(*p),
                        (pte_t){ read_once(p->v) });
    return old;
}

/* Ours cannot be updated, nor can the entry of a 32-bit guest behind which ours are. */
static bool may_update(const struct domain *d, enum page_type type, unsigned int slot)
{
    return !pv_our_entry(d, type, slot) && pv_child_type(d, type, slot) != PT_L2_TOP;
}

static int upper_update(struct domain *d, mfn_t table, pte_t *p, enum page_type type, uint64_t val,
                        bool preserve_ad, struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    unsigned int slot = ((uintptr_t)p & PAGE_OFFSET_MASK) / sizeof(*p);
    pte_t new = { val }, old = { read_once(p->v) };
    struct page *child;

    if (!may_update(d, type, slot))
        return -EINVAL;
    if (pte_present(new)) {
        if (new.v & pv_table_disallowed(d, type))
            return -EINVAL;
        new.v |= pv_table_added(d, type);
        if (pte_present(old) && !((old.v ^ new.v) & (PTE_ADDR | PTE_PRESENT))) {
            (void)swap_upper(d, table, p, type, new, preserve_ad);
            return 0;
        }
        child = mfn_to_page(pte_mfn(new));
        if (child == NULL || !page_get(child, d))
            return -EINVAL;
        int rc = page_table_get(child, pv_child_type(d, type, slot), d, w);

        if (rc) {
            pv_park_refused(current, rc, w);
            page_put(child);
            return rc;
        }
    }
    old = swap_upper(d, table, p, type, new, preserve_ad && pte_present(new));
    if (pte_present(old)) {
        child = mfn_to_page_known(pte_mfn(old));
        w->parked = NULL;
        page_table_put(child, d, w);
        if (w->parked)
            pv_park_old_table(current, w->parked);
        page_put(child);
    }
    return 0;
}

void pv_park_old_table(struct vcpu *v, struct page *pg)
{
    ASSERT(v->arch.pv.old_table.n == 0);
    page_ref_again(pg); /* keeps its owner too */
    v->arch.pv.old_table = page_to_mfn(pg);
}

void pv_park_refused(struct vcpu *v, int rc, const struct pt_work *w)
{
    if (rc && rc != -ERESTART && w->parked)
        pv_park_old_table(v, w->parked);
}

static int reclaim_step(struct page *pg, struct domain *d)
{
    struct pt_work w = { .budget = PT_BUDGET };
    int rc;

    spin_lock(&d->arch.pt_lock);
    rc = page_table_reclaim(pg, d, &w);
    spin_unlock(&d->arch.pt_lock);
    return rc;
}

int pv_finish_old_table(struct vcpu *v)
{
    struct page *pg;
    struct domain *d;

    if (likely(v->arch.pv.old_table.n == 0))
        return 0;
    pg = mfn_to_page_known(v->arch.pv.old_table);
    d = page_owner(pg);
    while (reclaim_step(pg, d) == -ERESTART)
        if (preempt_wanted())
            return -ERESTART;
    v->arch.pv.old_table = _mfn(0);
    page_put(pg);
    return 0;
}

/* --- mmu_update ------------------------------------------------------------------------------- */

struct update {
    struct domain *d;      /* whose tables */
    struct domain *owner;  /* whose frames the entries name */
    struct pt_work work;
};

/*
 * A plain store to an ordinary page of the domain's, for which the guest could have used its own
 * mapping.
 */
static int plain_store(struct page *pg, uint64_t ptr, uint64_t val)
{
    char *va;
    int rc = page_get_type(pg, PT_WRITABLE);

    if (rc)
        return -EINVAL;
    va = page_map(page_to_mfn(pg));
    write_once(*(uint64_t *)(void *)(va + (ptr & PAGE_OFFSET_MASK & ~7ULL)), val);
    page_unmap(va);
    page_put_type(pg);
    return 0;
}

/*
 * Under the pt_lock: a table in force, which somebody references, stays one without our reference.
 */
static int table_store(struct update *u, uint64_t ptr, uint64_t val, bool preserve_ad)
    REQUIRES(u->d->arch.pt_lock)
{
    struct page *pg = mfn_to_page(_mfn(ptr >> PAGE_SHIFT));
    enum page_type type;
    char *va;
    pte_t *p;
    int rc;

    if (unlikely(pg == NULL))
        return -EINVAL;
    type = page_table_type(pg);
    if (type == PT_NONE || read_once(pg->owner) != u->d->id) {
        if (!page_get(pg, u->d))
            return -EINVAL;
        rc = plain_store(pg, ptr, val);
        page_put(pg);
        return rc;
    }
    va = page_map(page_to_mfn(pg));
    p = (pte_t *)(void *)(va + (ptr & PAGE_OFFSET_MASK & ~7ULL));
    rc = type == PT_L1 ? pv_l1_update(u->d, u->owner, p, val, preserve_ad, &u->work)
                       : upper_update(u->d, page_to_mfn(pg), p, type, val, preserve_ad, &u->work);
    page_unmap(va);
    return rc;
}

static int machphys_store(struct update *u, uint64_t ptr, uint64_t pfn)
{
    mfn_t mfn = _mfn(ptr >> PAGE_SHIFT);
    struct page *pg = mfn_to_page(mfn);

    /* where a translated domain has a frame is in its physmap, and the M2P follows that */
    if (pg == NULL || is_hvm(u->owner) || !page_get(pg, u->owner))
        return -EINVAL;
    m2p_set(mfn, pfn);
    page_put(pg);
    return 0;
}

static int one_update(struct update *u, const struct mmu_update *req) REQUIRES(u->d->arch.pt_lock)
{
    uint64_t ptr = req->ptr & ~7ULL;

    u->work.no_translate = (req->ptr & 7) == MMU_PT_UPDATE_NO_TRANSLATE;
    switch (req->ptr & 7) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return table_store(u, ptr, req->val, false);
    case MMU_PT_UPDATE_PRESERVE_AD:
        return table_store(u, ptr, req->val, true);
    case MMU_MACHPHYS_UPDATE:
        return machphys_store(u, ptr, req->val);
    default:
        return -ENOSYS;
    }
}

/* Up to BATCH requests under one lock. *i moves past those done. */
static int update_batch(struct update *u, const struct mmu_update *req, unsigned int nr,
                        unsigned int *i)
{
    int rc = 0;

    u->work.budget = PT_BUDGET;
    spin_lock(&u->d->arch.pt_lock);
    for (unsigned int k = 0; k < nr; k++) {
        rc = one_update(u, &req[k]);
        if (rc || current->arch.pv.old_table.n != 0) {
            *i += rc ? 0 : 1;
            break;
        }
        ++*i;
    }
    spin_unlock(&u->d->arch.pt_lock);
    return rc;
}

/* Who is meant by a domid in an MMU call: a reference, or NULL with *rc set. */
static struct domain *foreign_owner(struct vcpu *v, domid_t id, int *rc)
{
    struct domain *d = v->domain;

    if (id != DOMID_SELF && id != d->id && id != DOMID_IO && !d->is_privileged) {
        *rc = -EPERM;
        return NULL;
    }
    if (id == DOMID_IO || id == DOMID_XEN) {
        d = id == DOMID_IO ? dom_io : dom_xen;
        domain_get(d);
        return d;
    }
    d = domain_get_target(id);
    if (d == NULL)
        *rc = -ESRCH;
    return d;
}

static int find_domains(struct vcpu *v, uint32_t foreigndom, struct update *u)
{
    domid_t pt_owner = (domid_t)(foreigndom >> 16);
    int rc = 0;

    u->d = v->domain;
    if (pt_owner != 0) {
        u->d = domain_get_by_id((domid_t)(pt_owner - 1));
        if (u->d == NULL)
            return -ESRCH;
        if (!is_pv(u->d) || (u->d != v->domain && !v->domain->is_privileged)) {
            domain_put(u->d);
            return -EPERM;
        }
    } else {
        domain_get(u->d);
    }
    u->owner = foreign_owner(v, (domid_t)foreigndom, &rc);
    if (u->owner == NULL)
        domain_put(u->d);
    return rc;
}

static int all_updates(struct vcpu *v, struct update *u, uint64_t reqs, unsigned int count,
                       unsigned int *i)
{
    struct mmu_update req[BATCH];

    while (*i < count) {
        unsigned int nr = MIN(count - *i, (unsigned int)BATCH);
        int rc;

        if (*i > 0 && preempt_wanted())
            return -ERESTART;
        if (nr > 1 && guest_read(req, guest_elem(reqs, *i, sizeof(*req)), nr * sizeof(*req)))
            /* the last ones may lie beyond what is mapped: up to there, the call has its effect */
            nr = 1;
        if (nr == 1 && copy_arg_i(req, reqs, *i))
            return -EFAULT;
        rc = update_batch(u, req, nr, i);
        if (rc == 0)
            rc = pv_finish_old_table(v);
        if (rc)
            return rc;
    }
    return 0;
}

long hc_mmu_update(struct vcpu *v, const uint64_t arg[])
{
    uint64_t reqs = arg[0], pdone = arg[2];
    uint32_t count = (uint32_t)arg[1], foreigndom = (uint32_t)arg[3], before = 0;
    unsigned int i = 0;
    struct update u = { 0 };
    int rc = pv_finish_old_table(v);

    if (rc)
        return hypercall_continue(v, 4, reqs, (uint64_t)count, pdone, (uint64_t)foreigndom);
    if (count & PREEMPTED) {
        count &= ~PREEMPTED;
        if (pdone != 0 && copy_arg(&before, pdone))
            return -EFAULT;
    }
    rc = find_domains(v, foreigndom, &u);
    if (rc)
        return rc;
    rc = all_updates(v, &u, reqs, count, &i);
    domain_put(u.owner);
    domain_put(u.d);
    before += i;
    if (pdone != 0 && copy_arg_back(pdone, &before))
        return -EFAULT;
    if (rc == -ERESTART)
        return hypercall_continue(v, 4, guest_elem(reqs, i, sizeof(struct mmu_update)),
                                  (uint64_t)((count - i) | PREEMPTED), pdone, (uint64_t)foreigndom);
    return rc;
}

/* --- update_va_mapping ------------------------------------------------------------------------ */

/* The cpus on which the vcpus of a guest's bitmap may have translations. */
int pv_vcpu_mask(struct domain *d, uint64_t bitmap, cpumask_t *cpus)
{
    cpumask_zero(cpus);
    for (unsigned int base = 0; base < d->max_vcpus; base += 64) {
        uint64_t word;

        if (d->max_vcpus - base <= 32) { /* a short bitmap may end at the end of a page */
            uint32_t half;

            if (guest_read(&half, bitmap + base / 8, sizeof(half)))
                return -EFAULT;
            word = half;
        } else if (guest_read(&word, bitmap + base / 8, sizeof(word))) {
            return -EFAULT;
        }
        for (; word; word &= word - 1) {
            unsigned int id = base + (unsigned int)__builtin_ctzll(word);
            const struct vcpu *v = id < d->max_vcpus ? d->vcpu[id] : NULL;
            int cpu = v ? read_once(v->dirty_cpu) : -1;

            if (cpu >= 0)
                cpumask_set(cpus, (unsigned int)cpu);
        }
    }
    return 0;
}

static int flush_after(struct domain *d, uint64_t va, uint64_t flags)
{
    uint64_t where = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK;
    bool one = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG;
    cpumask_t mask;

    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_NONE)
        return 0;
    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_FLUSHTYPE_MASK)
        return -EINVAL;
    if (where == UVMF_LOCAL) {
        if (one)
            tlb_flush_va_local(va);
        else
            tlb_flush_local();
        return 0;
    }
    if (where == UVMF_ALL)
        mask = d->dirty_cpus;
    else if (pv_vcpu_mask(d, where, &mask))
        return -EFAULT;
    if (one)
        tlb_flush_va_mask(&mask, va);
    else
        tlb_flush_mask(&mask);
    return 0;
}

static long update_va(struct vcpu *v, struct domain *owner, uint64_t va, uint64_t val,
                      uint64_t flags)
{
    struct domain *d = v->domain;
    struct pt_work w = { .budget = PT_BUDGET };
    pte_t *p;
    int rc = -EINVAL;

    spin_lock(&d->arch.pt_lock);
    p = pv_l1_entry(d, v->arch.pv.kernel_l4, va);
    if (likely(p != NULL)) {
        rc = pv_l1_update(d, owner, p, val, false, &w);
        page_unmap(p);
    }
    spin_unlock(&d->arch.pt_lock);
    return rc ? rc : flush_after(d, va, flags);
}

long pv32_update_va_mapping(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t val = (uint32_t)arg[1] | arg[2] << 32;
    long rc = update_va(v, v->domain, arg[0], val, arg[3]);

    return rc == -ERESTART ? hypercall_continue(v, 4, arg[0], arg[1], arg[2], arg[3]) : rc;
}

long pv32_update_va_mapping_otherdomain(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t val = (uint32_t)arg[1] | arg[2] << 32;
    int err = -ESRCH;
    struct domain *owner = foreign_owner(v, (domid_t)arg[4], &err);
    long rc;

    if (owner == NULL)
        return err;
    rc = update_va(v, owner, arg[0], val, arg[3]);
    domain_put(owner);
    return rc == -ERESTART ? hypercall_continue(v, 5, arg[0], arg[1], arg[2], arg[3], arg[4]) : rc;
}

long hc_update_va_mapping(struct vcpu *v, const uint64_t arg[])
{
    long rc = update_va(v, v->domain, arg[0], arg[1], arg[2]);

    return rc == -ERESTART ? hypercall_continue(v, 3, arg[0], arg[1], arg[2]) : rc;
}

long hc_update_va_mapping_otherdomain(struct vcpu *v, const uint64_t arg[])
{
    int err = -ESRCH;
    struct domain *owner = foreign_owner(v, (domid_t)arg[3], &err);
    long rc;

    if (owner == NULL)
        return err;
    rc = update_va(v, owner, arg[0], arg[1], arg[2]);
    domain_put(owner);
    return rc == -ERESTART ? hypercall_continue(v, 4, arg[0], arg[1], arg[2], arg[3]) : rc;
}

/* --- frames of others, by grant --------------------------------------------------------------- */

/* The L1 entry that a grant operation names. Under the pt_lock; to be unmapped. */
static pte_t *grant_entry(struct vcpu *v, uint64_t addr, bool contains_pte)
    REQUIRES(v->domain->arch.pt_lock)
{
    struct page *pg;
    char *va;

    if (!contains_pte)
        return pv_l1_entry(v->domain, v->arch.pv.kernel_l4, addr);
    pg = addr & 7 ? NULL : mfn_to_page(_mfn(addr >> PAGE_SHIFT));
    if (pg == NULL || !page_get(pg, v->domain))
        return NULL;
    if (page_table_type(pg) != PT_L1) {
        page_put(pg);
        return NULL;
    }
    va = page_map(page_to_mfn(pg));
    page_put(pg); /* in force, so it stays while we hold the lock */
    return (pte_t *)(void *)(va + (addr & PAGE_OFFSET_MASK));
}

int pv_grant_map(struct vcpu *v, uint64_t addr, bool contains_pte, mfn_t mfn, uint64_t flags)
{
    pte_t *p, old = { 0 };

    spin_lock(&v->domain->arch.pt_lock);
    p = grant_entry(v, addr, contains_pte);
    if (p != NULL) {
        old = swap_entry(p, pte_make(mfn, flags), false);
        page_unmap(p);
    }
    spin_unlock(&v->domain->arch.pt_lock);
    if (p == NULL)
        return -EINVAL;
    if (pte_present(old)) {
        pv_l1e_put(old);
        tlb_flush_mask(&v->domain->dirty_cpus);
    }
    return 0;
}

/*
 * What goes to the place of the entry at p: nothing, or what new_addr maps (unmap_and_replace),
 * which is then gone from there. False: there is no such entry, or it is the same one, whose frame
 * the caller is about to let go of.
 */
static bool take_replacement(struct vcpu *v, const pte_t *p, uint64_t new_addr, pte_t *val)
    REQUIRES(v->domain->arch.pt_lock)
{
    pte_t *from;

    *val = (pte_t){ 0 };
    if (new_addr == 0)
        return true;
    from = pv_l1_entry(v->domain, v->arch.pv.kernel_l4, new_addr);
    if (from == NULL)
        return false;
    if (from != p)
        *val = swap_entry(from, *val, false);
    page_unmap(from);
    return from != p;
}

int pv_grant_unmap(struct vcpu *v, uint64_t addr, bool contains_pte, mfn_t mfn, bool write,
                   uint64_t new_addr)
{
    int rc = -EINVAL;
    pte_t *p;

    spin_lock(&v->domain->arch.pt_lock);
    p = grant_entry(v, addr, contains_pte);
    if (p != NULL) {
        pte_t e = { read_once(p->v) }, new;

        if (pte_present(e) && mfn_eq(pte_mfn(e), mfn) && !(e.v & PTE_RW) == !write &&
            take_replacement(v, p, new_addr, &new)) {
            (void)swap_entry(p, new, false);
            rc = 0;
        }
        page_unmap(p);
    }
    spin_unlock(&v->domain->arch.pt_lock);
    return rc;
}

/* --- frames that the guest names -------------------------------------------------------------- */

/* A translated guest's own memory: what others have lent it is not its to name. */
static struct page *translated_page_get(struct domain *d, gfn_t gfn, bool write)
{
    enum p2m_type type;
    struct page *pg = p2m_page_get(d, gfn, write, &type);

    if (pg != NULL && !p2m_is_ram(type)) {
        page_put(pg);
        pg = NULL;
    }
    return pg;
}

struct page *arch_gfn_to_page_get(struct domain *d, gfn_t gfn, bool writable_type)
{
    struct page *pg;

    if (is_hvm(d)) {
        pg = translated_page_get(d, gfn, writable_type);
    } else { /* a PV guest's own number for a frame is the machine's */
        pg = mfn_to_page(_mfn(gfn.n));
        if (pg != NULL && !page_get(pg, d))
            pg = NULL;
    }
    if (pg == NULL)
        return NULL;
    if (writable_type && page_get_type(pg, PT_WRITABLE)) {
        page_put(pg);
        return NULL;
    }
    return pg;
}

/* It may have been written to. Dropping the type was the barrier that the log asks for. */
static void note_writes(const struct page *pg)
{
    struct domain *d = page_owner(pg);

    if (d && unlikely(is_hvm(d)))
        p2m_mark_frame(d, page_to_mfn(pg));
}

void arch_page_put(struct page *pg, bool writable_type)
{
    if (writable_type) {
        page_put_type(pg);
        note_writes(pg);
    }
    page_put(pg);
}
