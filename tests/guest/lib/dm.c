/* SPDX-License-Identifier: GPL-2.0-only */
/* A device model in a test kernel: dm.h. */
#include "dm.h"

static char page[PAGE] __attribute__((aligned(PAGE)));

long dm_op(domid_t id, struct xen_dm_op *op)
{
    struct xen_dm_op_buf buf = { .size = sizeof(*op) };

    set_xen_guest_handle(buf.h, op);
    return hypercall(__HYPERVISOR_dm_op, id, 1, &buf);
}

static long enable(const struct dm *m)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_ioreq_server_state };

    op.u.set_ioreq_server_state.id = m->server;
    op.u.set_ioreq_server_state.enabled = 1;
    return dm_op(m->id, &op);
}

/* The frame is the other domain's, and a machine frame: not one of its own numbers. */
static long map_slots(struct dm *m)
{
    struct mmu_update up;
    xen_pfn_t frame = 0;
    struct xen_mem_acquire_resource r = {
        .domid = m->id, .type = XENMEM_resource_ioreq_server, .id = m->server, .nr_frames = 1,
        .frame = XENMEM_resource_ioreq_server_frame_ioreq(0),
    };
    long rc;

    set_xen_guest_handle(r.frame_list, &frame);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &r);
    up.ptr = pt_entry_maddr((uint64_t)page, 1) | MMU_PT_UPDATE_NO_TRANSLATE;
    up.val = frame * PAGE | PTE_RW_KERNEL;
    if (rc == 0)
        set_va((uint64_t)page, 0);
    rc = rc ?: hypercall(__HYPERVISOR_mmu_update, &up, 1, 0, m->id);
    m->slot = (volatile struct ioreq *)page;
    return rc;
}

static long bind(struct dm *m)
{
    for (unsigned int i = 0; i < m->vcpus; i++) {
        struct evtchn_bind_interdomain b = { .remote_dom = m->id,
                                             .remote_port = m->slot[i].vp_eport };
        const long rc = evtchn_op(EVTCHNOP_bind_interdomain, &b);

        if (rc)
            return rc;
        m->port[i] = b.local_port;
    }
    return 0;
}

long dm_make(struct dm *m, const struct domu *d)
{
    struct xen_dm_op op = { .op = XEN_DMOP_create_ioreq_server };
    long rc;

    m->d = d;
    m->id = d->id;
    m->vcpus = pvh_vcpus < DM_VCPUS ? pvh_vcpus : DM_VCPUS;
    m->served = 0;
    m->slot = NULL;
    rc = dm_op(m->id, &op);
    m->server = op.u.create_ioreq_server.id;
    return rc ?: (map_slots(m) ?: (enable(m) ?: bind(m)));
}

long dm_claim(const struct dm *m, uint32_t type, uint64_t first, uint64_t last)
{
    struct xen_dm_op op = { .op = XEN_DMOP_map_io_range_to_ioreq_server };

    op.u.map_io_range_to_ioreq_server.id = m->server;
    op.u.map_io_range_to_ioreq_server.type = type;
    op.u.map_io_range_to_ioreq_server.start = first;
    op.u.map_io_range_to_ioreq_server.end = last;
    return dm_op(m->id, &op);
}

/* Of the guest's memory, by its address there. */
static uint8_t *guest_byte(const struct dm *m, uint64_t at)
{
    return (uint8_t *)pvh_page(m->d, (unsigned int)(at / PAGE)) + at % PAGE;
}

void dm_keep(struct dm *m, struct ioreq *r, uint8_t *array)
{
    const long step = r->df ? -(long)r->size : (long)r->size;

    if (!r->data_is_ptr) {
        if (r->dir == IOREQ_READ)
            r->data = 0;
        memcpy(r->dir == IOREQ_READ ? (void *)&r->data : array,
               r->dir == IOREQ_READ ? (const void *)array : &r->data, r->size);
        return;
    }
    for (long i = 0; i < (long)r->count; i++) {
        uint8_t *device = array + (r->type == IOREQ_TYPE_PIO ? 0 : i * step);

        for (unsigned int b = 0; b < r->size; b++) {
            uint8_t *mem = guest_byte(m, r->data + (uint64_t)(i * step) + b);

            if (r->dir == IOREQ_READ)
                *mem = device[b];
            else
                device[b] = *mem;
        }
    }
    pvh_close_page();
}

/* The state shares its byte with flags that nobody else writes. */
static bool serve_slot(struct dm *m, unsigned int i)
{
    volatile struct ioreq *slot = &m->slot[i];
    struct evtchn_send send = { .port = m->port[i] };
    struct ioreq r;

    if (slot->state != STATE_IOREQ_READY)
        return false;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    r = *(const struct ioreq *)slot;
    if (!m->access(m, &r))
        return false;
    slot->state = STATE_IOREQ_INPROCESS;
    slot->data = r.data;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    slot->state = STATE_IORESP_READY;
    m->served++;
    evtchn_op(EVTCHNOP_send, &send);
    return true;
}

unsigned int dm_serve(struct dm *m)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < m->vcpus; i++)
        n += serve_slot(m, i);
    return n;
}

long dm_destroy(struct dm *m)
{
    struct xen_dm_op op = { .op = XEN_DMOP_destroy_ioreq_server };

    op.u.destroy_ioreq_server.id = m->server;
    for (unsigned int i = 0; i < m->vcpus; i++) {
        struct evtchn_close c = { .port = m->port[i] };

        if (m->port[i])
            evtchn_op(EVTCHNOP_close, &c);
        m->port[i] = 0;
    }
    if (m->slot)
        domu_unmap(page);
    m->slot = NULL;
    return dm_op(m->id, &op);
}
