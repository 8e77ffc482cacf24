/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HYPERVISOR_dm_op: what a device model asks for the domain that it serves (public hvm/dm_op.h).
 * The operation is in the first buffer, in one layout for callers of both widths; it is copied
 * once, and goes back only where the table says so. What is about memory is in dm_memory.c.
 *
 * The caller is a privileged domain. Not yet: a domain that is privileged for one other (stub
 * domain).
 */
#include "dm_priv.h"
#include "ioreq_priv.h"

#include <arch/hvm.h>
#include <arch/vlapic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/vcpu.h>
#include <xen/domctl.h>

#define HEAD offsetof(struct xen_dm_op, u)
#define TRAP_PAGE_FAULT 14U

_Static_assert(sizeof(struct xen_dm_op) == 32 && offsetof(struct xen_dm_op, u) == 8,
               "public hvm/dm_op.h");

/* --- ioreq servers ---------------------------------------------------------------------------- */

static int create_server(struct dm_call *c)
{
    struct xen_dm_op_create_ioreq_server *o = &c->op.u.create_ioreq_server;

    if (o->pad[0] || o->pad[1] || o->pad[2])
        return -EINVAL;
    return ioreq_server_create(c->d, c->self, o->handle_bufioreq, &o->id);
}

static int server_info(struct dm_call *c)
{
    return ioreq_server_info(c->d, c->self, &c->op.u.get_ioreq_server_info);
}

static int map_range(struct dm_call *c)
{
    const struct xen_dm_op_ioreq_server_range *o = &c->op.u.map_io_range_to_ioreq_server;

    return o->pad ? -EINVAL : ioreq_range_add(c->d, c->self, o);
}

static int unmap_range(struct dm_call *c)
{
    const struct xen_dm_op_ioreq_server_range *o = &c->op.u.unmap_io_range_from_ioreq_server;

    return o->pad ? -EINVAL : ioreq_range_remove(c->d, c->self, o);
}

static int set_server_state(struct dm_call *c)
{
    const struct xen_dm_op_set_ioreq_server_state *o = &c->op.u.set_ioreq_server_state;

    return o->pad ? -EINVAL : ioreq_server_enable(c->d, c->self, o->id, o->enabled != 0);
}

static int destroy_server(struct dm_call *c)
{
    const struct xen_dm_op_destroy_ioreq_server *o = &c->op.u.destroy_ioreq_server;

    return o->pad ? -EINVAL : ioreq_server_destroy(c->d, c->self, o->id);
}

/* --- interrupts and events -------------------------------------------------------------------- */

static int set_pci_intx_level(struct dm_call *c)
{
    const struct xen_dm_op_set_pci_intx_level *o = &c->op.u.set_pci_intx_level;

    if (o->domain != 0 || o->bus != 0 || o->device > 31 || o->intx > 3 || o->level > 1)
        return -EINVAL;
    return hvm_pci_intx(c->d, o->device, o->intx, o->level != 0);
}

static int set_isa_irq_level(struct dm_call *c)
{
    const struct xen_dm_op_set_isa_irq_level *o = &c->op.u.set_isa_irq_level;

    if (o->isa_irq >= ISA_IRQS || o->level > 1)
        return -EINVAL;
    if (o->level)
        hvm_isa_irq_assert(c->d, o->isa_irq);
    else
        hvm_isa_irq_deassert(c->d, o->isa_irq);
    return 0;
}

static int set_pci_link_route(struct dm_call *c)
{
    const struct xen_dm_op_set_pci_link_route *o = &c->op.u.set_pci_link_route;

    if (o->link > 3 || o->isa_irq >= ISA_IRQS)
        return -EINVAL;
    return hvm_pci_link_route(c->d, o->link, o->isa_irq);
}

/*
 * QEMU has two ways to send a message: one knows the address; the other, a device's write to the
 * local APICs' MiB, only the offset there. So the base is not looked at.
 */
static int inject_msi(struct dm_call *c)
{
    const struct xen_dm_op_inject_msi *o = &c->op.u.inject_msi;

    return o->pad ? -EINVAL : hvm_msi(c->d, VLAPIC_BASE | (o->addr & 0xfffff), o->data);
}

static bool event_is_known(const struct xen_dm_op_inject_event *e)
{
    switch (e->type) {
    case XEN_DMOP_EVENT_ext_int:
    case XEN_DMOP_EVENT_nmi:
    case XEN_DMOP_EVENT_sw_int:
        return true;
    case XEN_DMOP_EVENT_hw_exc:
    case XEN_DMOP_EVENT_pri_sw_exc:
    case XEN_DMOP_EVENT_sw_exc:
        return e->vector < 32; /* exceptions: an entry with another vector fails */
    default:
        return false;
    }
}

/* Into the vcpu's one place for it, from where hvm_dm_event_sync() takes it. */
static int inject_event(struct dm_call *c)
{
    const struct xen_dm_op_inject_event *e = &c->op.u.inject_event;
    uint8_t none = DM_EVENT_NONE;
    struct hvm_ioreq_vcpu *q;
    struct vcpu *v;

    if (e->pad0 || e->pad1 || !event_is_known(e) || e->insn_len > 15)
        return -EINVAL;
    v = domain_vcpu(c->d, e->vcpuid);
    if (!v)
        return -EINVAL;
    q = v->arch.hvm->ioreq;
    if (!__atomic_compare_exchange_n(&q->event_state, &none, DM_EVENT_FILLING, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return -EBUSY;
    q->event = *e;
    __atomic_store_n(&q->event_state, DM_EVENT_READY, __ATOMIC_RELEASE); /* hvm_dm_event_sync() */
    vcpu_kick(v);
    return 0;
}

/* The INT1 and INT3 of VT-x are exceptions for SVM. */
static uint8_t event_type(uint8_t type)
{
    return type == XEN_DMOP_EVENT_pri_sw_exc || type == XEN_DMOP_EVENT_sw_exc ? HVM_EVENT_EXCEPTION
                                                                             : type;
}

void hvm_dm_event_sync(struct vcpu *v)
{
    struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;
    struct hvm_cpu *cpu = &v->arch.hvm->cpu;
    struct xen_dm_op_inject_event e;

    if (likely(__atomic_load_n(&q->event_state, __ATOMIC_ACQUIRE) != DM_EVENT_READY))
        return;
    if (cpu->event.vector >= 0)
        return; /* stays for the next entry */
    e = q->event;
    __atomic_store_n(&q->event_state, DM_EVENT_NONE, __ATOMIC_RELEASE);
    if (e.type == XEN_DMOP_EVENT_nmi) {
        vcpu_send_nmi(v);
        return;
    }
    cpu->event = (struct hvm_event){
        .vector = e.vector,
        .type = event_type(e.type),
        .has_error = e.error_code != ~0U,
        .error = e.error_code != ~0U ? e.error_code : 0,
        .length = e.insn_len,
    };
    if (cpu->event.type == HVM_EVENT_EXCEPTION && e.vector == TRAP_PAGE_FAULT)
        cpu->cr2 = e.cr2;
}

/* --- the domain ------------------------------------------------------------------------------- */

static int remote_shutdown(struct dm_call *c)
{
    const uint32_t reason = c->op.u.remote_shutdown.reason;

    if (reason > XEN_DOMINF_shutdownmask)
        return -EINVAL; /* getdomaininfo could not say it */
    domain_shutdown(c->d, reason);
    return 0;
}

static int nr_vcpus(struct dm_call *c)
{
    c->op.u.nr_vcpus.vcpus = c->d->max_vcpus;
    return 0;
}

/* --- dispatch --------------------------------------------------------------------------------- */

enum { KEEP, WRITES };

struct dm_row {
    dm_fn *fn;
    uint8_t size;   /* of its part of the union */
    uint8_t writes; /* WRITES: op goes back after 0 and -ERESTART */
};

#define ROW(fn, T, w) { fn, sizeof(struct xen_dm_op_##T), w }

/* Not here: set_irq_level, which is ARM's. */
static const struct dm_row rows[] = {
    [XEN_DMOP_create_ioreq_server] = ROW(create_server, create_ioreq_server, WRITES),
    [XEN_DMOP_get_ioreq_server_info] = ROW(server_info, get_ioreq_server_info, WRITES),
    [XEN_DMOP_map_io_range_to_ioreq_server] = ROW(map_range, ioreq_server_range, KEEP),
    [XEN_DMOP_unmap_io_range_from_ioreq_server] = ROW(unmap_range, ioreq_server_range, KEEP),
    [XEN_DMOP_set_ioreq_server_state] = ROW(set_server_state, set_ioreq_server_state, KEEP),
    [XEN_DMOP_destroy_ioreq_server] = ROW(destroy_server, destroy_ioreq_server, KEEP),
    [XEN_DMOP_track_dirty_vram] = ROW(dm_track_dirty_vram, track_dirty_vram, KEEP),
    [XEN_DMOP_set_pci_intx_level] = ROW(set_pci_intx_level, set_pci_intx_level, KEEP),
    [XEN_DMOP_set_isa_irq_level] = ROW(set_isa_irq_level, set_isa_irq_level, KEEP),
    [XEN_DMOP_set_pci_link_route] = ROW(set_pci_link_route, set_pci_link_route, KEEP),
    [XEN_DMOP_modified_memory] = ROW(dm_modified_memory, modified_memory, WRITES),
    [XEN_DMOP_set_mem_type] = ROW(dm_set_mem_type, set_mem_type, WRITES),
    [XEN_DMOP_inject_event] = ROW(inject_event, inject_event, KEEP),
    [XEN_DMOP_inject_msi] = ROW(inject_msi, inject_msi, KEEP),
    [XEN_DMOP_map_mem_type_to_ioreq_server] = ROW(dm_map_mem_type, map_mem_type_to_ioreq_server,
                                                  WRITES),
    [XEN_DMOP_remote_shutdown] = ROW(remote_shutdown, remote_shutdown, KEEP),
    [XEN_DMOP_relocate_memory] = ROW(dm_relocate_memory, relocate_memory, WRITES),
    [XEN_DMOP_pin_memory_cacheattr] = ROW(dm_pin_memory_cacheattr, pin_memory_cacheattr, KEEP),
    [XEN_DMOP_nr_vcpus] = ROW(nr_vcpus, nr_vcpus, WRITES),
};

/* The row of the operation in the first buffer, with our copy of it. */
static int fetch(struct dm_call *c, const struct dm_row **row)
{
    const uint64_t at = handle_addr(c->buf[0].h);

    if (c->buf[0].size < HEAD || guest_read(&c->op, at, HEAD))
        return -EFAULT;
    if (c->op.op >= ARRAY_SIZE(rows))
        return -EOPNOTSUPP;
    *row = &rows[index_nospec(c->op.op, ARRAY_SIZE(rows))];
    if (!(*row)->fn)
        return -EOPNOTSUPP;
    if (c->buf[0].size < HEAD + (*row)->size || guest_read(&c->op.u, at + HEAD, (*row)->size))
        return -EFAULT;
    return c->op.pad ? -EINVAL : 0;
}

static int run(struct dm_call *c)
{
    const struct dm_row *row;
    int rc = fetch(c, &row);

    if (rc)
        return rc;
    rc = row->fn(c);
    if ((rc == 0 || rc == -ERESTART) && row->writes == WRITES &&
        guest_write(handle_addr(c->buf[0].h) + HEAD, &c->op.u, row->size))
        return -EFAULT;
    return rc;
}

long hc_dm_op(struct vcpu *v, const uint64_t arg[])
{
    struct dm_call c = { .self = v->domain, .nr_bufs = (uint32_t)arg[1] };
    long rc;

    if (c.nr_bufs > DM_BUFS)
        return -E2BIG;
    if (!v->domain->is_privileged)
        return -EPERM;
    for (unsigned int i = 0; i < c.nr_bufs; i++)
        if (copy_arg_i(&c.buf[i], arg[2], i))
            return -EFAULT;
    c.d = domain_get_by_id((domid_t)arg[0]);
    if (!c.d)
        return -ESRCH;
    if (c.d == v->domain)
        rc = -EPERM;
    else if (!is_hvm(c.d) || !c.d->arch.hvm)
        rc = -EINVAL;
    else
        rc = run(&c);
    domain_put(c.d);
    return rc == -ERESTART ? hypercall_continue(v, 3, arg[0], arg[1], arg[2]) : rc;
}
