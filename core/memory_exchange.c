/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XENMEM_exchange: give frames back and get as many others, contiguous or below an address, in one
 * step. A chunk is the larger of the two extents; chunk by chunk, first everything that can fail
 * (allocation, checks of what is given), then the exchange. What the caller sees is nr_exchanged:
 * the extents done, all of them on success.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <hv/softirq.h>

#define CHUNK_MAX_ORDER 9

struct exchange {
    struct domain *d;
    struct xen_memory_exchange op;
    unsigned int in_order, out_order, chunk_order;
    unsigned int nr_in, nr_out;         /* extents in a chunk */
    struct page **given;                /* [1 << chunk_order] referenced frames of the caller's */
    struct page **got;                  /* [nr_out] new extents */
};

static int check(const struct exchange *x)
{
    const struct xen_memory_reservation *in = &x->op.in, *out = &x->op.out;

    if (in->domid != out->domid)
        return -EINVAL;
    if (in->extent_order > CHUNK_MAX_ORDER || out->extent_order > CHUNK_MAX_ORDER)
        return -EPERM;
    if (in->nr_extents > UINT32_MAX || out->nr_extents > UINT32_MAX ||
        x->op.nr_exchanged > in->nr_extents)
        return -EINVAL;
    if (in->nr_extents << in->extent_order != out->nr_extents << out->extent_order)
        return -EINVAL;
    if ((in->nr_extents << in->extent_order) & ((1UL << x->chunk_order) - 1))
        return -EINVAL;
    return 0;
}

static void drop_given(struct exchange *x, uint64_t nr)
{
    while (nr-- > 0)
        page_put(x->given[nr]);
}

/*
 * Reference every frame of the chunk that starts at input extent first; they must be the domain's
 * and unused by others.
 */
static int take_given(struct exchange *x, uint64_t first)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < x->nr_in; i++) {
        xen_pfn_t frame;

        if (copy_from_guest_i(&frame, x->op.in.extent_start, first + i)) {
            drop_given(x, n);
            return -EFAULT;
        }
        for (uint64_t k = 0; k < 1ULL << x->in_order; k++) {
            struct page *pg = mfn_to_page(_mfn(frame + k));

            if (pg == NULL || !page_get(pg, x->d)) {
                drop_given(x, n);
                return -EINVAL;
            }
            x->given[n++] = pg;
            /*
             * The allocation's reference and ours: anything more is a mapping that would outlive
             * the exchange.
             */
            if ((read_once(pg->ref) & PAGE_XEN) || (read_once(pg->ref) & PAGE_REF_COUNT) != 2) {
                drop_given(x, n);
                return -EINVAL;
            }
        }
    }
    return 0;
}

static int allocate(struct exchange *x)
{
    uint32_t flags = memory_alloc_flags(x->d, x->op.out.mem_flags);

    for (unsigned int i = 0; i < x->nr_out; i++) {
        x->got[i] = page_alloc(x->out_order, flags);
        if (x->got[i] == NULL) {
            while (i-- > 0)
                page_free(x->got[i], x->out_order);
            return -ENOMEM;
        }
    }
    return 0;
}

static void free_allocated(struct exchange *x, unsigned int from)
{
    for (unsigned int i = from; i < x->nr_out; i++)
        page_free(x->got[i], x->out_order);
}

static void give_back(struct exchange *x)
{
    for (uint64_t i = 0; i < 1ULL << x->chunk_order; i++) {
        if (page_clear_allocated(x->given[i]))
            m2p_set(page_to_mfn(x->given[i]), M2P_INVALID);
        page_put(x->given[i]);
    }
}

/*
 * The new extents become the domain's, at the pfns that it named; it learns their machine frames.
 */
static int hand_over(struct exchange *x, uint64_t first_out)
{
    int fault = 0;

    for (unsigned int i = 0; i < x->nr_out; i++) {
        xen_pfn_t pfn = 0, mfn = page_to_mfn(x->got[i]).n;

        /* only a dying domain's can fail: it has just given as many */
        if (page_assign(x->d, x->got[i], x->out_order)) {
            free_allocated(x, i);
            return -EINVAL;
        }
        if (copy_from_guest_i(&pfn, x->op.out.extent_start, first_out + i) ||
            copy_to_guest_i(x->op.out.extent_start, first_out + i, &mfn)) {
            fault = -EFAULT;
            continue;
        }
        for (uint64_t k = 0; k < 1ULL << x->out_order; k++)
            m2p_set(_mfn(mfn + k), pfn + k);
    }
    return fault;
}

static int exchange_chunk(struct exchange *x)
{
    uint64_t first_in = x->op.nr_exchanged, first_out = (first_in << x->in_order) >> x->out_order;
    int rc = allocate(x);

    if (rc)
        return rc;
    rc = take_given(x, first_in);
    if (rc) {
        free_allocated(x, 0);
        return rc;
    }
    give_back(x);
    x->op.nr_exchanged += x->nr_in;
    return hand_over(x, first_out);
}

static long run(struct vcpu *v, struct exchange *x, uint64_t arg)
{
    long rc = 0;

    while (x->op.nr_exchanged < x->op.in.nr_extents) {
        rc = exchange_chunk(x);
        if (rc)
            break;
        if (x->op.nr_exchanged < x->op.in.nr_extents && preempt_wanted()) {
            if (copy_field_back(arg, &x->op, nr_exchanged))
                return -EFAULT;
            return hypercall_continue(v, 2, (uint64_t)XENMEM_exchange, arg);
        }
    }
    if (copy_field_back(arg, &x->op, nr_exchanged))
        return -EFAULT;
    return rc;
}

long memory_exchange(struct vcpu *v, uint64_t arg)
{
    struct exchange x = { 0 };
    long rc;

    if (copy_arg(&x.op, arg))
        return -EFAULT;
    x.in_order = x.op.in.extent_order;
    x.out_order = x.op.out.extent_order;
    x.chunk_order = MIN(MAX(x.in_order, x.out_order), CHUNK_MAX_ORDER + 1U);
    rc = check(&x);
    if (rc)
        return rc;
    x.nr_in = 1U << (x.chunk_order - x.in_order);
    x.nr_out = 1U << (x.chunk_order - x.out_order);
    x.d = domain_get_target(x.op.in.domid);
    if (x.d == NULL)
        return -ESRCH;
    x.given = hv_alloc(sizeof(*x.given) << x.chunk_order);
    x.got = hv_alloc(sizeof(*x.got) * x.nr_out);
    if (x.d != v->domain)
        rc = -EPERM;
    else if (x.given == NULL || x.got == NULL)
        rc = -ENOMEM;
    else
        rc = run(v, &x, arg);
    hv_free(x.got);
    hv_free(x.given);
    domain_put(x.d);
    return rc;
}
