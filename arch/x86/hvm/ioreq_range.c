/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an ioreq server answers for: ranges of ports, of guest physical addresses, and of PCI
 * functions (public hvm/dm_op.h), and which server an access is for. Of two the younger is asked.
 */
#include "ioreq_priv.h"

#include <arch/hvm.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/rangeset.h>

#define CFC_PORT 0xcfcU
#define CF8_ENABLED BIT(31)

/* --- ranges ----------------------------------------------------------------------------------- */

static unsigned int count(struct rangeset *set)
{
    uint64_t first, last, from = 0;
    unsigned int nr = 0;

    while (rangeset_next(set, from, &first, &last)) {
        nr++;
        if (last == UINT64_MAX)
            break;
        from = last + 1;
    }
    return nr;
}

static int find_range(const struct hvm_ioreq_domain *io, const struct domain *e,
                      const struct xen_dm_op_ioreq_server_range *r, struct rangeset **set)
    REQUIRES(io->lock)
{
    struct ioreq_server *s;
    int rc;

    if (r->start > r->end)
        return -EINVAL;
    rc = ioreq_find(io, e, r->id, &s);
    if (rc)
        return rc;
    if (r->type >= IOREQ_RANGE_TYPES)
        return -EINVAL;
    *set = s->range[index_nospec(r->type, IOREQ_RANGE_TYPES)];
    return 0;
}

int ioreq_range_add(struct domain *d, const struct domain *e,
                    const struct xen_dm_op_ioreq_server_range *r)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct rangeset *set;
    int rc;

    spin_lock(&io->lock);
    rc = find_range(io, e, r, &set);
    if (!rc && rangeset_intersects(set, r->start, r->end))
        rc = -EEXIST;
    if (!rc && count(set) >= IOREQ_RANGES)
        rc = -ENOMEM;
    if (!rc)
        rc = rangeset_add(set, r->start, r->end);
    spin_unlock(&io->lock);
    return rc;
}

/* Taken out of the middle of one range, it leaves two. */
static bool splits(struct rangeset *set, uint64_t start, uint64_t end)
{
    return start > 0 && end < UINT64_MAX && rangeset_contains(set, start - 1, end + 1);
}

int ioreq_range_remove(struct domain *d, const struct domain *e,
                       const struct xen_dm_op_ioreq_server_range *r)
{
    struct hvm_ioreq_domain *io = ioreq_of(d);
    struct rangeset *set;
    int rc;

    spin_lock(&io->lock);
    rc = find_range(io, e, r, &set);
    if (!rc && !rangeset_contains(set, r->start, r->end))
        rc = -ENOENT;
    if (!rc && splits(set, r->start, r->end) && count(set) >= IOREQ_RANGES)
        rc = -ENOMEM;
    if (!rc)
        rc = rangeset_remove(set, r->start, r->end);
    spin_unlock(&io->lock);
    return rc;
}

/* --- selection -------------------------------------------------------------------------------- */

struct target {
    unsigned int type; /* XEN_DMOP_IO_RANGE_* */
    uint64_t first, last;
};

/* False: there are no such addresses. */
static bool memory_target(const struct ioreq_access *a, struct target *t)
{
    const uint64_t others = (uint64_t)(a->count - 1) * a->size; /* bytes of all but one element */

    t->type = XEN_DMOP_IO_RANGE_MEMORY;
    t->first = a->addr;
    t->last = a->addr;
    if (a->count == 0 || a->size == 0)
        return false;
    if (a->df)
        return !__builtin_sub_overflow(a->addr, others, &t->first) &&
               !__builtin_add_overflow(a->addr, (uint64_t)a->size - 1, &t->last);
    return !__builtin_add_overflow(a->addr, others + a->size - 1, &t->last);
}

/*
 * A cycle of PCI configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2). Not here:
 * AMD's extended registers in bits 24 to 27 of the address, as guests see no northbridge with them.
 */
static void pci_target(uint32_t cf8, const struct ioreq_access *a, struct target *t,
                       struct ioreq *req)
{
    const uint32_t sbdf = cf8 >> 8 & 0xffff;

    t->type = XEN_DMOP_IO_RANGE_PCI;
    t->first = t->last = sbdf;
    req->type = IOREQ_TYPE_PCI_CONFIG;
    req->addr = (uint64_t)sbdf << 32 | (cf8 & 0xfc) | (a->addr & 3);
}

static bool find_target(const struct domain *d, const struct ioreq_access *a, struct target *t,
                        struct ioreq *req)
{
    const uint32_t cf8 = read_once(d->arch.pci_cf8);

    if (a->type == IOREQ_TYPE_COPY)
        return memory_target(a, t);
    if (a->type != IOREQ_TYPE_PIO || a->size == 0)
        return false;
    if ((a->addr & ~3ULL) == CFC_PORT && (cf8 & CF8_ENABLED)) {
        pci_target(cf8, a, t, req);
        return a->count == 1; /* QEMU gives up at more */
    }
    t->type = XEN_DMOP_IO_RANGE_PORT;
    t->first = a->addr;
    return !__builtin_add_overflow(a->addr, (uint64_t)a->size - 1, &t->last);
}

/* A write to a page of type HVMMEM_ioreq_server is that server's, whatever its ranges. */
static bool is_mem_server(struct domain *d, const struct hvm_ioreq_domain *io,
                          const struct ioreq_access *a) REQUIRES(io->lock)
{
    return io->mem_server && io->mem_server->enabled && a->type == IOREQ_TYPE_COPY && a->write &&
           p2m_lookup(d, _gfn(a->addr >> PAGE_SHIFT)).type == P2M_IOREQ;
}

static struct ioreq_server *select_one(struct domain *d, struct hvm_ioreq_domain *io,
                                       const struct ioreq_access *a, struct ioreq *req)
    REQUIRES(io->lock)
{
    struct target t;

    if (is_mem_server(d, io, a))
        return io->mem_server;
    if (!find_target(d, a, &t, req))
        return NULL;
    for (unsigned int id = IOREQ_SERVERS; id-- > 0;) {
        struct ioreq_server *s = io->server[id];

        if (s && s->enabled && rangeset_contains(s->range[t.type], t.first, t.last))
            return s;
    }
    return NULL;
}

/* Both places of a move within device memory have to be the same server's. */
struct ioreq_server *ioreq_select(struct domain *d, struct hvm_ioreq_domain *io,
                                  const struct ioreq_access *a, struct ioreq *req)
{
    struct ioreq_server *s = select_one(d, io, a, req);
    struct ioreq_access source = *a;

    if (!s || !a->between)
        return s;
    source.addr = a->data;
    source.write = false;
    return select_one(d, io, &source, req) == s ? s : NULL;
}
