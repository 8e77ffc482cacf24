/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mmuext_op hypercall: pinning, base page tables, flushes, LDT; and the page tables of vcpus
 * and domains over their life.
 *
 * A vcpu's kernel_l4 and user_l4, and a pin, each hold a page and a type reference.
 */
#include <arch/pv32.h>
#include <arch/pv_mmu.h>
#include <arch/desc.h>
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

#define PREEMPTED (1U << 31)
#define FRAMES_A_STEP 16

/* --- tables of a vcpu ------------------------------------------------------------------------- */

void pv_update_cr3(struct vcpu *v)
{
    if (domain_is_32bit(v->domain)) {
        v->arch.cr3 = pv32_show_l3(v, v->arch.pv.kernel_l4);
        return;
    }
    v->arch.cr3 = mfn_to_paddr(v->arch.pv.in_kernel ? v->arch.pv.kernel_l4 : v->arch.pv.user_l4);
}

/* Page and type reference to a top-level table. Under the pt_lock. */
static int get_top(struct domain *d, mfn_t mfn, struct pt_work *w) REQUIRES(d->arch.pt_lock)
{
    struct page *pg = mfn_to_page(mfn);
    int rc;

    if (pg == NULL || !page_get(pg, d))
        return -EINVAL;
    rc = page_table_get(pg, pv_top_type(d), d, w);
    if (rc)
        page_put(pg);
    return rc;
}

/*
 * Give back what get_top() gave; what cannot be undone in one go is parked with who, which has
 * nothing parked.
 */
static void put_table(struct vcpu *who, struct domain *d, struct page *pg, struct pt_work *w)
    REQUIRES(d->arch.pt_lock)
{
    w->parked = NULL;
    page_table_put(pg, d, w);
    if (w->parked)
        pv_park_old_table(who, w->parked);
    page_put(pg);
}

static void put_top(struct vcpu *who, struct domain *d, mfn_t mfn, struct pt_work *w)
    REQUIRES(d->arch.pt_lock)
{
    if (!mfn_eq(mfn, INVALID_MFN))
        put_table(who, d, mfn_to_page_known(mfn), w);
}

/* One base pointer of a vcpu that does not run. */
static int set_base(struct vcpu *v, mfn_t *base, mfn_t mfn)
{
    struct domain *d = v->domain;
    struct pt_work w = { .budget = PT_BUDGET };
    mfn_t old = *base;
    int rc = pv_finish_old_table(v);

    if (rc || mfn_eq(old, mfn))
        return rc;
    spin_lock(&d->arch.pt_lock);
    if (!mfn_eq(mfn, INVALID_MFN))
        rc = get_top(d, mfn, &w);
    pv_park_refused(v, rc, &w);
    if (rc == 0) {
        *base = mfn;
        pv_update_cr3(v);
        put_top(v, d, old, &w);
    }
    spin_unlock(&d->arch.pt_lock);
    return rc;
}

int pv_vcpu_set_tables(struct vcpu *v, mfn_t kernel_l4, mfn_t user_l4)
{
    int rc = set_base(v, &v->arch.pv.kernel_l4, kernel_l4);

    if (rc == 0)
        rc = set_base(v, &v->arch.pv.user_l4, user_l4);
    return rc ? rc : pv_finish_old_table(v);
}

int pv_mmu_adopt_l4(struct domain *d, mfn_t l4)
{
    struct vcpu *v = d->vcpu[0];
    int rc;

    do {
        struct pt_work w = { .budget = PT_BUDGET };

        spin_lock(&d->arch.pt_lock);
        rc = get_top(d, l4, &w);
        spin_unlock(&d->arch.pt_lock);
    } while (rc == -ERESTART);
    if (rc)
        return rc;
    if (!page_pin(mfn_to_page_known(l4)))
        return -EINVAL;
    return pv_vcpu_set_tables(v, l4, INVALID_MFN);
}

/* --- pins ------------------------------------------------------------------------------------- */

static int pin(struct vcpu *v, struct domain *d, mfn_t mfn, enum page_type type)
{
    struct page *pg = mfn_to_page(mfn);
    struct pt_work w = { .budget = PT_BUDGET };
    int rc;

    if (pg == NULL || !page_get(pg, d))
        return -EINVAL;
    spin_lock(&d->arch.pt_lock);
    /* a dying one's pins are being dropped */
    rc = d->state == DOM_ALIVE ? page_table_get(pg, type, d, &w) : -EINVAL;
    pv_park_refused(v, rc, &w);
    if (rc == 0 && !page_pin(pg)) {
        page_table_put(pg, d, &w);
        rc = -EINVAL;
    }
    spin_unlock(&d->arch.pt_lock);
    if (rc)
        page_put(pg);
    return rc;
}

static int unpin(struct vcpu *v, struct domain *d, mfn_t mfn)
{
    struct page *pg = mfn_to_page(mfn);
    struct pt_work w = { .budget = PT_BUDGET };
    int rc = -EINVAL;

    if (pg == NULL || !page_get(pg, d))
        return -EINVAL;
    spin_lock(&d->arch.pt_lock);
    if (page_unpin(pg)) {
        put_table(v, d, pg, &w); /* the pin's references */
        rc = 0;
    }
    spin_unlock(&d->arch.pt_lock);
    page_put(pg);
    return rc;
}

/* --- base page tables ------------------------------------------------------------------------- */

static int new_base(struct vcpu *v, mfn_t mfn)
{
    struct domain *d = v->domain;
    struct pt_work w = { .budget = PT_BUDGET };
    mfn_t old = v->arch.pv.kernel_l4;
    int rc = 0;

    if (!mfn_eq(mfn, old)) {
        spin_lock(&d->arch.pt_lock);
        rc = get_top(d, mfn, &w);
        pv_park_refused(v, rc, &w);
        if (rc == 0) {
            v->arch.pv.kernel_l4 = mfn;
            pv_update_cr3(v);
            tlb_switch_cr3(v->arch.cr3);
            xpti_base_changed(true);
            put_top(v, d, old, &w);
        }
        spin_unlock(&d->arch.pt_lock);
    } else {
        tlb_switch_cr3(v->arch.cr3);
    }
    return rc;
}

static int new_user_base(struct vcpu *v, uint64_t frame)
{
    struct domain *d = v->domain;
    struct pt_work w = { .budget = PT_BUDGET };
    mfn_t mfn = frame ? _mfn(frame) : INVALID_MFN, old = v->arch.pv.user_l4;
    int rc = 0;

    if (mfn_eq(mfn, old))
        return 0;
    spin_lock(&d->arch.pt_lock);
    if (frame != 0)
        rc = get_top(d, mfn, &w);
    pv_park_refused(v, rc, &w);
    if (rc == 0) {
        v->arch.pv.user_l4 = mfn;
        xpti_base_changed(false);
        put_top(v, d, old, &w);
    }
    spin_unlock(&d->arch.pt_lock);
    return rc;
}

/* --- pages ------------------------------------------------------------------------------------ */

static int clear_or_copy(struct domain *d, uint64_t dst_frame, const uint64_t *src_frame)
{
    struct page *dst = arch_gfn_to_page_get(d, _gfn(dst_frame), true), *src = NULL;
    void *to;

    if (dst == NULL)
        return -EINVAL;
    if (src_frame != NULL && (src = arch_gfn_to_page_get(d, _gfn(*src_frame), false)) == NULL) {
        arch_page_put(dst, true);
        return -EINVAL;
    }
    to = page_map(page_to_mfn(dst));
    if (src != NULL) {
        const void *from = page_map(page_to_mfn(src));

        memcpy(to, from, PAGE_SIZE);
        page_unmap(from);
        arch_page_put(src, false);
    } else {
        memset(to, 0, PAGE_SIZE);
    }
    page_unmap(to);
    arch_page_put(dst, true);
    return 0;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static int flush_vcpus(struct domain *d, const struct mmuext_op *op)
{
    cpumask_t mask;

    if (pv_vcpu_mask(d, handle_addr(op->arg2.vcpumask), &mask))
        return -EINVAL; /* also when it cannot be read */
    if (op->cmd == MMUEXT_INVLPG_MULTI)
        tlb_flush_va_mask(&mask, op->arg1.linear_addr);
    else
        tlb_flush_mask(&mask);
    return 0;
}

static int one_op(struct vcpu *v, struct domain *owner, const struct mmuext_op *op)
{
    struct domain *d = v->domain;

    /* Only pins concern other domains' tables. */
    if (op->cmd > MMUEXT_UNPIN_TABLE && !is_pv(d))
        return -EOPNOTSUPP;
    if (op->cmd > MMUEXT_UNPIN_TABLE && owner != d)
        return -EPERM;
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        if (!is_pv(owner))
            return -EINVAL;
        return pin(v, owner, _mfn(op->arg1.mfn), op->cmd - MMUEXT_PIN_L1_TABLE + PT_L1);
    case MMUEXT_UNPIN_TABLE:
        return is_pv(owner) ? unpin(v, owner, _mfn(op->arg1.mfn)) : -EINVAL;
    case MMUEXT_NEW_BASEPTR:
        return new_base(v, _mfn(op->arg1.mfn));
    case MMUEXT_NEW_USER_BASEPTR:
        if (domain_is_32bit(d)) /* ring 3 has the kernel's, and U/S bits */
            return -EINVAL;
        return new_user_base(v, op->arg1.mfn);
    case MMUEXT_TLB_FLUSH_LOCAL:
        tlb_flush_local();
        return 0;
    case MMUEXT_INVLPG_LOCAL:
        tlb_flush_va_local(op->arg1.linear_addr);
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        return flush_vcpus(d, op);
    case MMUEXT_TLB_FLUSH_ALL:
        tlb_flush_mask(&d->dirty_cpus);
        return 0;
    case MMUEXT_INVLPG_ALL:
        tlb_flush_va_mask(&d->dirty_cpus, op->arg1.linear_addr);
        return 0;
    case MMUEXT_FLUSH_CACHE:
        if (!d->is_hardware)
            return -EACCES;
        wbinvd();
        return 0;
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return -EINVAL;
    case MMUEXT_SET_LDT:
        return pv_set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
    case MMUEXT_CLEAR_PAGE:
        return clear_or_copy(d, op->arg1.mfn, NULL);
    case MMUEXT_COPY_PAGE:
        return clear_or_copy(d, op->arg1.mfn, &op->arg2.src_mfn);
    default:
        return -ENOSYS;
    }
}

static int all_ops(struct vcpu *v, struct domain *owner, uint64_t ops, unsigned int count,
                   unsigned int *i)
{
    for (; *i < count; ++*i) {
        struct mmuext_op op;
        int rc;

        if (*i > 0 && preempt_wanted())
            return -ERESTART;
        if (copy_arg_i(&op, ops, *i))
            return -EFAULT;
        rc = one_op(v, owner, &op);
        if (rc)
            return rc;
        rc = pv_finish_old_table(v);
        if (rc) {
            ++*i;
            return rc;
        }
    }
    return 0;
}

static struct domain *owner_of(struct vcpu *v, domid_t id, long *rc)
{
    struct domain *d = domain_get_target(id);

    if (d == NULL) {
        *rc = -ESRCH;
    } else if (d != v->domain && !v->domain->is_privileged) {
        domain_put(d);
        d = NULL;
        *rc = -EPERM;
    }
    return d;
}

long hc_mmuext_op(struct vcpu *v, const uint64_t arg[])
{
    uint64_t ops = arg[0], pdone = arg[2];
    uint32_t count = (uint32_t)arg[1], before = 0;
    unsigned int i = 0;
    struct domain *owner;
    long rc = pv_finish_old_table(v);

    if (rc)
        return hypercall_continue(v, 4, ops, (uint64_t)count, pdone, arg[3]);
    if (count & PREEMPTED) {
        count &= ~PREEMPTED;
        if (pdone != 0 && copy_arg(&before, pdone))
            return -EFAULT;
    }
    owner = owner_of(v, (domid_t)arg[3], &rc);
    if (owner == NULL)
        return rc;
    rc = all_ops(v, owner, ops, count, &i);
    domain_put(owner);
    before += i;
    if (pdone != 0 && copy_arg_back(pdone, &before))
        return -EFAULT;
    if (rc == -ERESTART)
        return hypercall_continue(v, 4, arg_elem(ops, i, (struct mmuext_op *)NULL),
                                  (uint64_t)((count - i) | PREEMPTED), pdone, arg[3]);
    return rc;
}

/* --- the end of a domain ---------------------------------------------------------------------- */

/* A frame's pin, or what was left half done in it. */
static int release_table(struct domain *d, struct page *pg)
{
    struct pt_work w = { .budget = PT_BUDGET };
    int rc = 0;

    spin_lock(&d->arch.pt_lock);
    if (page_unpin(pg)) {
        page_table_put(pg, d, &w);
        page_put(pg);
        rc = w.parked ? -ERESTART : 0;
    }
    if (rc == 0 && page_use_read(pg).state == PS_PARTIAL)
        rc = page_table_reclaim(pg, d, &w);
    spin_unlock(&d->arch.pt_lock);
    return rc;
}

/*
 * The first frame, which goes to the end of the list; referenced, or NULL if it is just being
 * freed.
 */
static struct page *next_frame(struct domain *d)
{
    struct page *pg;

    spin_lock(&d->page_lock);
    pg = page_list_first(&d->page_list);
    if (pg != NULL) {
        page_list_del(&d->page_list, pg);
        page_list_add_tail(&d->page_list, pg);
        if (!page_get(pg, d))
            pg = NULL;
    }
    spin_unlock(&d->page_lock);
    return pg;
}

/*
 * The work stopped in the middle of a table: next time it goes on there, and not after a walk over
 * all the other frames.
 */
static void frame_again(struct domain *d, struct page *pg)
{
    spin_lock(&d->page_lock);
    page_list_del(&d->page_list, pg);
    page_list_add_head(&d->page_list, pg);
    spin_unlock(&d->page_lock);
    page_put(pg);
}

/* Every frame once: those that others still map stay on the list until they let go. */
int pv_release_frames(struct domain *d)
{
    if (d->arch.relinquish_left == 0)
        d->arch.relinquish_left = d->page_list.nr;
    for (unsigned int n = 1; d->arch.relinquish_left > 0; n++) {
        struct page *pg = next_frame(d);

        while (pg != NULL && release_table(d, pg) == -ERESTART)
            if (preempt_wanted()) {
                frame_again(d, pg);
                return -ERESTART;
            }
        if (pg != NULL) {
            if (page_clear_allocated(pg))
                m2p_set(page_to_mfn(pg), M2P_INVALID);
            page_put(pg);
        }
        d->arch.relinquish_left--;
        if (n % FRAMES_A_STEP == 0 && preempt_wanted())
            return -ERESTART;
    }
    return 0;
}

int pv_domain_relinquish(struct domain *d)
{
    struct vcpu *v;
    int rc;

    for_each_vcpu (d, v) {
        pv_drop_ldt(v);
        pv_drop_gdt(v);
        rc = pv_vcpu_set_tables(v, INVALID_MFN, INVALID_MFN);
        if (rc)
            return rc;
    }
    return pv_release_frames(d);
}
