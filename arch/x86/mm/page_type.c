/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page types: the shell around page_use.c. It swaps the type word, checks contents, flushes, and
 * walks down page tables.
 *
 * A table that gets its type takes a page and a type reference to all that its entries refer to, so
 * nothing a table in force leads to can be anything else. The walk is bounded by struct pt_work:
 * when the budget is used up, each table on the way down is left PARTIAL, with page->partial saying
 * how many entries hold references, one type count and one page reference that are nobody's, and
 * -ERESTART goes up. Undoing is cut up the same way. When a PARTIAL table is undone, the entry at
 * `partial` may itself refer to a PARTIAL table, which goes with it.
 */
#include <arch/direct.h>
#include <arch/insn.h>
#include <arch/page_type.h>
#include <arch/pv_mmu.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/smp.h>

/*
 * Costs in present entries: looking at all entries of a lowest table, and freeing a page. Checking
 * never stops in the middle of a lowest table, so that a step exceeds its budget by a table at
 * most.
 */
#define L1_SCAN 16
#define FREE_COST 8

#define LINE_ENTRIES 8U /* of a line of the cache */

union use_word { uint64_t word; struct page_use use; };

static bool use_swap(struct page *pg, struct page_use from, struct page_use to)
{
    union use_word f = { .use = from }, t = { .use = to };

    return __atomic_compare_exchange_n(&pg->use, &f.word, t.word, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* The frame is in CHECKING or UNDOING and ours: nobody else changes the word. */
static void use_store(struct page *pg, struct page_use to)
{
    union use_word t = { .use = to };

    __atomic_store_n(&pg->use, t.word, __ATOMIC_RELEASE);
}

uint64_t page_use_shared(bool writable)
{
    union use_word u = { .use = { .count = 1, .type = writable ? PT_WRITABLE : PT_NONE,
                                  .state = PS_VALID } };

    return u.word;
}

/* --- changing the use of a frame -------------------------------------------------------------- */

/*
 * No cpu may have a translation left that goes with the former type: neither a writable one of a
 * frame that becomes a table, nor a cached step of a walk through a frame that was a table and
 * becomes writable.
 */
static void flush_former_use(struct page *pg)
{
    const struct domain *d = page_owner(pg);
    cpumask_t mask;

    mask = !d || (read_once(pg->ref) & PAGE_FOREIGN) ? cpu_online_map : d->dirty_cpus;
    tlb_filter(&mask, pg->tlb_stamp);
    tlb_flush_mask(&mask);
}

/*
 * A guest could write past the caches: what we check must be what the walker or the cpu will read.
 */
static void write_back(struct page *pg)
{
    const char *va = page_map(page_to_mfn(pg));

    for (unsigned int i = 0; i < PAGE_SIZE; i += 64)
        clflush(va + i);
    page_unmap(va);
    __atomic_fetch_and(&pg->ref, ~PAGE_UNCACHED, __ATOMIC_SEQ_CST);
}

/* Devices of the owner reach its writable frames, and no others. */
static int tell_devices(struct page *pg, bool writable)
{
    struct domain *d = page_device_hook ? page_owner(pg) : NULL;

    return unlikely(d && d->iommu) ? page_device_hook(d, page_to_mfn(pg), writable) : 0;
}

static void enter_checking(struct page *pg, struct page_use former)
{
    if (former.state == PS_IDLE && former.type != PT_NONE)
        flush_former_use(pg);
    if (former.state == PS_IDLE && former.type == PT_WRITABLE)
        (void)!tell_devices(pg, false);
    if (unlikely(read_once(pg->ref) & PAGE_UNCACHED))
        write_back(pg);
}

static void leave_idle(struct page *pg, struct page_use use)
{
    struct page_use next;

    pg->tlb_stamp = tlb_now();
    (void)page_use_undone(use, false, &next);
    use_store(pg, next);
}

/* --- writable and descriptor pages ------------------------------------------------------------ */

static int check_flat(struct page *pg, enum page_type type, struct page_use former)
{
    struct page_use use = page_use_read(pg), next;
    bool ok = true;

    enter_checking(pg, former);
    if (type == PT_SEGDESC) {
        uint64_t *va = page_map(page_to_mfn(pg));

        ok = pv_descriptor_page_check(page_owner(pg), va);
        page_unmap(va);
    }
    (void)page_use_checked(use, ok ? CHECK_OK : CHECK_REFUSED, &next);
    if (ok)
        use_store(pg, next);
    else
        leave_idle(pg, next);
    return ok ? 0 : -EINVAL;
}

/* With our reference, so that it stays writable meanwhile. */
static int became_writable(struct page *pg)
{
    const int rc = tell_devices(pg, true);

    if (unlikely(rc))
        page_put_type(pg);
    return rc;
}

int page_get_type(struct page *pg, enum page_type type)
{
    for (;;) {
        struct page_use cur = page_use_read(pg), next;

        switch (page_use_get(cur, type, &next)) {
        case USE_TAKEN:
            if (use_swap(pg, cur, next))
                return type == PT_WRITABLE && cur.state == PS_IDLE ? became_writable(pg) : 0;
            break;
        case USE_CHECK_IT:
            if (use_swap(pg, cur, next))
                return check_flat(pg, type, cur)
                           ?: (type == PT_WRITABLE ? became_writable(pg) : 0);
            break;
        case USE_WAIT:
            cpu_wait();
            break;
        case USE_OVERFLOW:
            return -EBUSY;
        default: /* USE_UNDO_FIRST too: only who has the owner's pt_lock could do that */
            return -EINVAL;
        }
    }
}

void page_put_type(struct page *pg)
{
    for (;;) {
        struct page_use cur = page_use_read(pg), next;
        enum use_verdict verdict = page_use_put(cur, &next);

        BUG_ON(verdict != USE_DROPPED && verdict != USE_LAST);
        if (verdict == USE_LAST)
            pg->tlb_stamp = tlb_now(); /* before anybody can find the frame idle */
        if (use_swap(pg, cur, next))
            return;
    }
}

/* --- what a table refers to ------------------------------------------------------------------- */

/* Most tables are nearly empty: entries are skipped by the cache line. */
static bool line_empty(const pte_t *line)
{
    uint64_t any = 0;

    for (unsigned int i = 0; i < LINE_ENTRIES; i++)
        any |= line[i].v;
    return !(any & PTE_PRESENT);
}

/* The first present entry from i on; PT_ENTRIES: none. */
static unsigned int next_present(const pte_t *table, unsigned int i)
{
    while (i < PT_ENTRIES && !pte_present(table[i]))
        i += i % LINE_ENTRIES == 0 && line_empty(table + i) ? LINE_ENTRIES : 1;
    return i;
}

/* One more than the last present entry below n; 0: none. */
static unsigned int present_below(const pte_t *table, unsigned int n)
{
    while (n > 0 && !pte_present(table[n - 1]))
        n -= n % LINE_ENTRIES == 0 && line_empty(table + n - LINE_ENTRIES) ? LINE_ENTRIES : 1;
    return n;
}

static int l1_check(struct page *pg, pte_t *table, struct domain *d, struct pt_work *w)
    REQUIRES(d->arch.pt_lock)
{
    w->budget -= L1_SCAN;
    for (unsigned int i = next_present(table, pg->partial); i < PT_ENTRIES;
         i = next_present(table, i + 1)) {
        pte_t e = { read_once(table[i].v) };
        int rc;

        if (!pte_present(e))
            continue;
        w->budget--;
        rc = pv_l1e_get(d, d, &e, w);
        if (unlikely(rc)) {
            pg->partial = i;
            return rc;
        }
        if (pte_present(e) && e.v != table[i].v)
            write_once(table[i].v, e.v);
    }
    pg->partial = PT_ENTRIES;
    return 0;
}

/* Reference the table that entry i of a table refers to. */
static int child_get(struct domain *d, enum page_type type, unsigned int i, pte_t e,
                     struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    struct page *child = e.v & pv_table_disallowed(d, type) ? NULL : mfn_to_page(pte_mfn(e));
    int rc;

    if (!child || !page_get(child, d))
        return -EINVAL;
    rc = page_table_get(child, pv_child_type(d, type, i), d, w);
    if (rc)
        page_put(child);
    return rc;
}

static int upper_check(struct page *pg, enum page_type type, pte_t *table, struct domain *d,
                       struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    const uint64_t added = pv_table_added(d, type);

    if (type == PT_L4 && domain_is_32bit(d))
        return -EINVAL;
    for (unsigned int i = next_present(table, pg->partial); i < PT_ENTRIES;
         i = next_present(table, i + 1)) {
        pte_t e = { read_once(table[i].v) };
        int rc = 0;

        if (!pte_present(e) || pv_our_entry(d, type, i))
            continue;
        pg->partial = i;
        rc = child_get(d, type, i, e, w);
        if (rc)
            return rc;
        if (added & ~e.v)
            write_once(table[i].v, e.v | added);
        pg->partial = i + 1;
        if (--w->budget <= 0)
            return -ERESTART;
    }
    pg->partial = PT_ENTRIES;
    /* our part of the address space is behind it, and it does not change any more */
    if (type == pv_top_type(d) && type == PT_L3 && !pte_present(table[PV32_L3_ENTRIES - 1]))
        return -EINVAL;
    pv_init_our_entries(d, type, table);
    return 0;
}

static int table_check(struct page *pg, enum page_type type, struct domain *d, struct pt_work *w)
    REQUIRES(d->arch.pt_lock)
{
    pte_t *table = page_map(page_to_mfn(pg));
    int rc = type == PT_L1 ? l1_check(pg, table, d, w) : upper_check(pg, type, table, d, w);

    page_unmap(table);
    return rc;
}

/* The table behind the entry where the work stopped may have been left half way as well. */
static int undo_stopped_child(struct page *pg, enum page_type type, pte_t *table, struct domain *d,
                              struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    pte_t e = { pg->partial < PT_ENTRIES ? table[pg->partial].v : 0 };
    struct page *child;
    int rc;

    if (type == PT_L1 || !pte_present(e) || (e.v & pv_table_disallowed(d, type)) ||
        pv_our_entry(d, type, pg->partial))
        return 0;
    child = mfn_to_page(pte_mfn(e));
    if (!child || !page_get(child, d))
        return 0;
    rc = page_use_read(child).type == pv_child_type(d, type, pg->partial)
             ? page_table_reclaim(child, d, w)
             : 0;
    page_put(child);
    return rc;
}

/* Give back entry i of a table. False: a table below it has been left half undone. */
static bool undo_entry(enum page_type type, unsigned int i, pte_t e, struct domain *d,
                       struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    struct page *child;

    if (!pte_present(e) || pv_our_entry(d, type, i))
        return true;
    if (type == PT_L1) {
        w->budget -= pv_l1e_put(e) ? FREE_COST : 1;
        return true;
    }
    child = mfn_to_page_known(pte_mfn(e));
    w->parked = NULL;
    page_table_put(child, d, w);
    page_put(child);
    w->budget--;
    return !w->parked;
}

/* True when all is given back; else page->partial says how far it came. */
static bool undo_entries(struct page *pg, enum page_type type, pte_t *table, struct domain *d,
                         struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    if (undo_stopped_child(pg, type, table, d, w))
        return false;
    if (type == PT_L1)
        w->budget -= L1_SCAN;
    while ((pg->partial = present_below(table, pg->partial)) > 0) {
        unsigned int i = --pg->partial;

        if (!undo_entry(type, i, (pte_t){ table[i].v }, d, w))
            return false;
        if (w->budget <= 0 && i > 0)
            return false;
    }
    return true;
}

/* The frame is in UNDOING and ours. */
static void undo(struct page *pg, enum page_type type, struct domain *d, struct pt_work *w)
    REQUIRES(d->arch.pt_lock)
{
    pte_t *table = page_map(page_to_mfn(pg));
    bool done = undo_entries(pg, type, table, d, w);
    struct page_use next;

    page_unmap(table);
    w->parked = done ? NULL : pg;
    if (done) {
        leave_idle(pg, page_use_read(pg));
        return;
    }
    page_ref_again(pg);
    (void)page_use_undone(page_use_read(pg), true, &next);
    use_store(pg, next);
}

/* --- page tables ------------------------------------------------------------------------------ */

/* The frame is in CHECKING and ours. */
static int check(struct page *pg, enum page_type type, struct page_use former, struct domain *d,
                 struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    struct page_use next;
    int rc;

    if (former.state == PS_PARTIAL) {
        page_put(pg); /* the reference that was nobody's; the caller has one */
    } else {
        enter_checking(pg, former);
        pg->partial = 0;
    }
    rc = table_check(pg, type, d, w);
    if (rc == -ERESTART)
        page_ref_again(pg);
    (void)page_use_checked(page_use_read(pg),
                           rc == 0           ? CHECK_OK
                           : rc == -ERESTART ? CHECK_INTERRUPTED
                                             : CHECK_REFUSED,
                           &next);
    use_store(pg, next);
    if (rc && rc != -ERESTART)
        undo(pg, type, d, w);
    return rc;
}

int page_table_get(struct page *pg, enum page_type type, struct domain *d, struct pt_work *w)
{
    for (;;) {
        struct page_use cur = page_use_read(pg), next;

        switch (page_use_get(cur, type, &next)) {
        case USE_TAKEN:
            if (use_swap(pg, cur, next))
                return 0;
            break;
        case USE_CHECK_IT:
            if (use_swap(pg, cur, next))
                return check(pg, type, cur, d, w);
            break;
        case USE_UNDO_FIRST:
            if (page_table_reclaim(pg, d, w))
                return -ERESTART;
            break;
        case USE_WAIT:
            /* a writable page being flushed by somebody else: tables are under our lock */
            cpu_wait();
            break;
        case USE_OVERFLOW:
            return -EBUSY;
        default:
            return -EINVAL;
        }
    }
}

void page_table_put(struct page *pg, struct domain *d, struct pt_work *w)
{
    struct page_use cur = page_use_read(pg), next;
    enum use_verdict verdict = page_use_put(cur, &next);

    BUG_ON((verdict != USE_DROPPED && verdict != USE_UNDO_IT) || !use_swap(pg, cur, next));
    if (verdict == USE_UNDO_IT)
        undo(pg, cur.type, d, w);
}

int page_table_reclaim(struct page *pg, struct domain *d, struct pt_work *w)
{
    struct page_use cur = page_use_read(pg), next;

    if (page_use_reclaim(cur, &next) != USE_UNDO_IT)
        return 0;
    BUG_ON(!use_swap(pg, cur, next));
    undo(pg, cur.type, d, w);
    page_put(pg); /* the reference that was nobody's */
    return w->parked ? -ERESTART : 0;
}

bool page_pin(struct page *pg)
{
    struct page_use cur = page_use_read(pg), next;

    if (page_use_pin(cur, &next) != USE_TAKEN)
        return false;
    BUG_ON(!use_swap(pg, cur, next));
    return true;
}

bool page_unpin(struct page *pg)
{
    struct page_use cur = page_use_read(pg), next;

    if (page_use_unpin(cur, &next) != USE_TAKEN)
        return false;
    BUG_ON(!use_swap(pg, cur, next));
    return true;
}
