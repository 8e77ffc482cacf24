/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HYPERVISOR_grant_table_op: an array of elements of one operation, each copied in, done, and its
 * results copied back. The call fails as a whole only for what is not an element's own fault.
 * Between elements it may stop and be continued with the rest of the array.
 */
#include "gnttab_priv.h"

#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/softirq.h>

/* Obsolete: frames do not change owners this way. Each element is told so. */
static int op_transfer(struct batch *b, void *op)
{
    ((struct gnttab_transfer *)op)->status = GNTST_general_error;
    return 0;
}

struct row {
    int (*fn)(struct batch *b, void *op);
    uint8_t size;            /* of an element */
    uint8_t back, back_size; /* the part of it that the guest gets back */
    const struct compat_layout *layout;
    enum { ARRAY, EXACTLY_ONE, FIRST_ONLY } count;
    bool back_on_error;
};

#define FROM(type, field) \
    sizeof(struct type), offsetof(struct type, field), \
        sizeof(struct type) - offsetof(struct type, field), compat_layout(type)
#define FIELD(type, field) \
    sizeof(struct type), offsetof(struct type, field), sizeof(((struct type *)0)->field), \
        compat_layout(type)

static const struct row rows[] = {
    [GNTTABOP_map_grant_ref] =
        { gnttab_op_map, FROM(gnttab_map_grant_ref, status), ARRAY, false },
    [GNTTABOP_unmap_grant_ref] =
        { gnttab_op_unmap, FIELD(gnttab_unmap_grant_ref, status), ARRAY, false },
    [GNTTABOP_setup_table] =
        { gnttab_op_setup_table, FIELD(gnttab_setup_table, status), EXACTLY_ONE, false },
    [GNTTABOP_transfer] =
        { op_transfer, FIELD(gnttab_transfer, status), ARRAY, false },
    [GNTTABOP_copy] =
        { gnttab_op_copy, FIELD(gnttab_copy, status), ARRAY, false },
    [GNTTABOP_query_size] =
        { gnttab_op_query_size, FROM(gnttab_query_size, nr_frames), EXACTLY_ONE, false },
    [GNTTABOP_unmap_and_replace] =
        { gnttab_op_replace, FIELD(gnttab_unmap_and_replace, status), ARRAY, false },
    [GNTTABOP_set_version] =
        { gnttab_op_set_version, FIELD(gnttab_set_version, version), FIRST_ONLY, true },
    [GNTTABOP_get_status_frames] =
        { gnttab_op_get_status_frames, FIELD(gnttab_get_status_frames, status), EXACTLY_ONE,
          false },
    [GNTTABOP_get_version] =
        { gnttab_op_get_version, FIELD(gnttab_get_version, version), FIRST_ONLY, false },
    [GNTTABOP_swap_grant_ref] =
        { gnttab_op_swap, FIELD(gnttab_swap_grant_ref, status), ARRAY, false },
    /* Not there, -ENOSYS: dump_table, cache_flush. */
};

/* Any operation's element. */
union element {
    struct gnttab_map_grant_ref map;
    struct gnttab_copy copy;
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    uint64_t word[5];
};

static int do_element(struct batch *b, const struct row *row, uint64_t addr)
{
    union element e;
    int rc;

    if (unlikely(arg_read(&e, addr, row->size, row->layout)))
        return -EFAULT;
    rc = row->fn(b, &e);
    if (unlikely(rc) && !row->back_on_error)
        return rc;
    if (unlikely(arg_write(addr, &e, row->back, row->back_size, row->layout)))
        return -EFAULT;
    return rc;
}

/* What a batch may still hold. */
static void batch_end(struct batch *b)
{
    if (b->nr_unmaps)
        gnttab_finish_unmaps(b);
    if (b->source.d || b->dest.d)
        gnttab_finish_copies(b);
    if (b->granter)
        domain_put(b->granter);
}

/* Elements done; stops early when somebody else should run. *rc is what failed the call. */
static uint32_t do_elements(struct domain *d, const struct row *row, uint64_t addr, uint32_t count,
                            int *rc)
{
    const size_t size = arg_size(row->size, row->layout);
    struct batch b;
    uint32_t i;

    b.d = d; /* not zeroed as a whole: the array of unmaps is long */
    b.granter = b.source.d = b.dest.d = NULL;
    b.nr_unmaps = 0;
    *rc = 0;
    for (i = 0; i < count && !*rc; i++) {
        if (i && preempt_wanted())
            break;
        *rc = do_element(&b, row, guest_elem(addr, i, size));
    }
    batch_end(&b);
    return i;
}

long hc_grant_table_op(struct vcpu *v, const uint64_t arg[])
{
    uint32_t cmd = (uint32_t)arg[0], count = (uint32_t)arg[2], done;
    const struct row *row;
    int rc;

    if (unlikely((int32_t)count < 0))
        return -EINVAL;
    if (unlikely(cmd >= ARRAY_SIZE(rows)))
        return -ENOSYS;
    row = &rows[index_nospec(cmd, ARRAY_SIZE(rows))];
    if (unlikely(!row->fn || !v->domain->gnttab))
        return -ENOSYS;
    if (row->count == EXACTLY_ONE && count != 1)
        return -EINVAL;
    if (row->count != ARRAY)
        count = 1;
    done = do_elements(v->domain, row, arg[1], count, &rc);
    if (rc || done == count)
        return rc;
    return hypercall_continue(v, 3, (uint64_t)cmd,
                              guest_elem(arg[1], done, arg_size(row->size, row->layout)),
                              (uint64_t)(count - done));
}
