/* SPDX-License-Identifier: GPL-2.0-only */
/* See dm_world.h. */
#include "dm_world.h"

#include <stdlib.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/hvm_params.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/time.h>
#include <hv/vcpu.h>

struct dw_counts dw;
struct domain *dw_dm, *dw_dom;
struct p2m_entry dw_p2m[DW_GFNS];

static struct xen_dm_op op_buffer;
static unsigned char extra_buffer[256];
static struct xen_dm_op_buf bufs[2];
static union { struct evtchn_bind_interdomain bind; struct evtchn_send send; } evtchn_arg;

/* --- what is asked of others ------------------------------------------------------------------ */

void vcpu_wake(struct vcpu *v) { dw.wakes++; }
void vcpu_sleep_nosync(struct vcpu *v) { dw.sleeps++; }
void vcpu_send_nmi(struct vcpu *v) { dw.nmis++; }
ns_t time_now(void) { return 123456789; }
void hvm_flush_tlb(struct domain *d) { dw.flushes++; }
void hvm_latch_shared_info(struct domain *d) { dw.latches++; }

void domain_shutdown(struct domain *d, unsigned int reason)
{
    dw.shutdowns++;
    dw.last_shutdown = reason;
}

void hvm_isa_irq_assert(struct domain *d, unsigned int irq) { dw.isa_level |= 1U << irq; }
void hvm_isa_irq_deassert(struct domain *d, unsigned int irq) { dw.isa_level &= ~(1U << irq); }

int hvm_pci_intx(struct domain *d, unsigned int device, unsigned int intx, bool asserted)
{
    const uint32_t bit = 1U << ((device * 4 + intx) & 31);

    dw.intx_level = asserted ? dw.intx_level | bit : dw.intx_level & ~bit;
    return 0;
}

int hvm_pci_link_route(struct domain *d, unsigned int link, unsigned int isa_irq)
{
    dw.link[link] = (uint8_t)isa_irq;
    return 0;
}

int hvm_msi(struct domain *d, uint64_t addr, uint32_t data)
{
    if (addr >> 20 != 0xfee)
        return -EINVAL;
    dw.msi_addr = addr;
    dw.msi_data = data;
    return 0;
}

int hvm_callback_set(struct domain *d, uint64_t val)
{
    if (val >> 56 > HVM_PARAM_CALLBACK_TYPE_VECTOR)
        return -EINVAL;
    dw.callback = val;
    return 0;
}

int hvm_upcall_vector_set(struct vcpu *v, unsigned int vector)
{
    v->arch.hvm->upcall_vector = (uint8_t)vector;
    return 0;
}

int hvm_timer_mode_set(struct domain *d, uint64_t mode)
{
    if (mode > 3)
        return -EINVAL;
    d->arch.hvm->timer_mode = (uint8_t)mode;
    return 0;
}

int vpm_set_location(struct domain *d, uint64_t version) { return version > 1 ? -EINVAL : 0; }

/* --- the physmap ------------------------------------------------------------------------------ */

static const struct p2m_entry nothing = { .mfn = { ~0ULL }, .type = P2M_NONE };

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    return gfn.n < DW_GFNS ? dw_p2m[gfn.n] : nothing;
}

uint64_t p2m_max_gfn(struct domain *d) { return DW_GFNS - 1; }
void m2p_set(mfn_t mfn, uint64_t pfn) {}

int p2m_swap(struct domain *d, gfn_t gfn, unsigned int order, mfn_t mfn, enum p2m_type type,
             const struct p2m_entry *from)
{
    void (*meanwhile)(void) = dw.before_p2m_set;

    dw.before_p2m_set = NULL;
    if (meanwhile)
        meanwhile();
    if (gfn.n >= DW_GFNS)
        return -EINVAL;
    if (dw.p2m_set_fails_at >= 0 && dw.p2m_set_fails_at-- == 0)
        return -ENOMEM;
    if (dw_p2m[gfn.n].type != from->type || !mfn_eq(dw_p2m[gfn.n].mfn, from->mfn))
        return -EAGAIN;
    dw_p2m[gfn.n] = (struct p2m_entry){ .mfn = mfn, .type = type };
    return 0;
}

int physmap_move(struct domain *d, gfn_t from, gfn_t to)
{
    if (from.n >= DW_GFNS || to.n >= DW_GFNS || !p2m_is_ram(dw_p2m[from.n].type))
        return -EINVAL;
    dw.moves++;
    dw_p2m[to.n] = dw_p2m[from.n];
    if (from.n != to.n)
        dw_p2m[from.n] = nothing;
    return 0;
}

int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type from, enum p2m_type to)
{
    if (gfn.n >= DW_GFNS || dw_p2m[gfn.n].type != from)
        return -EBUSY;
    dw_p2m[gfn.n].type = to;
    return 0;
}

struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type)
{
    const struct p2m_entry e = p2m_lookup(d, gfn);
    struct page *pg = e.type == P2M_RAM || (e.type == P2M_RAM_RO && !write) ? mfn_to_page(e.mfn)
                                                                            : NULL;

    *type = e.type;
    return pg && page_get(pg, d) ? pg : NULL;
}

int p2m_populate(struct domain *d, gfn_t gfn)
{
    if (gfn.n < DW_GFNS && dw_p2m[gfn.n].type == P2M_POD)
        dw_ram(gfn.n);
    return 0;
}

void p2m_mark_dirty(struct domain *d, gfn_t gfn)
{
    if (gfn.n < DW_GFNS && dw_p2m[gfn.n].type == P2M_LOGDIRTY)
        dw_p2m[gfn.n].type = P2M_RAM;
}

int p2m_buffer_watch(struct domain *d, gfn_t first, uint64_t nr)
{
    struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;
    const bool same = t->nr == nr && t->first == first.n;

    if (first.n >= DW_GFNS)
        return -EINVAL;
    t->first = first.n;
    t->nr = nr;
    t->active = nr > 0;
    return same;
}

/* Every third page. */
void p2m_buffer_read(struct domain *d, uint64_t from, uint64_t nr, uint64_t bits[])
{
    memset(bits, 0, DIV_ROUND_UP(nr, 64) * sizeof(*bits));
    for (uint64_t i = 0; i < nr; i++)
        if ((from + i) % 3 == 0)
            bits[i / 64] |= BIT(i % 64);
}

struct page *dw_ram(uint64_t gfn)
{
    struct page *pg = world_frame(dw_dom);

    dw_p2m[gfn] = (struct p2m_entry){ .mfn = page_to_mfn(pg), .type = P2M_RAM };
    return pg;
}

/* --- beginning and end ------------------------------------------------------------------------ */

void dw_start(unsigned int vcpus)
{
    world_start();
    dw = (struct dw_counts){ .p2m_set_fails_at = -1 };
    for (unsigned int i = 0; i < DW_GFNS; i++)
        dw_p2m[i] = nothing;
    world_buffer(&op_buffer, sizeof(op_buffer));
    world_buffer(extra_buffer, sizeof(extra_buffer));
    world_buffer(bufs, sizeof(bufs));
    world_buffer(&evtchn_arg, sizeof(evtchn_arg));
    dw_dm = world_domain(0, 1);
    dw_dom = world_domain(DW_HVM, vcpus);
    dw_dom->kind = GUEST_HVM;
    spin_init(&dw_dom->life_lock, RANK_DOMAIN);
    dw_dom->arch.hvm = calloc(1, sizeof(*dw_dom->arch.hvm));
    dw_dom->arch.hvm->emulation = 0x3ff;
    dw_dom->arch.hvm->timer_mode = 1;
    if (evtchn_init(dw_dm, 4095) || evtchn_init(dw_dom, 1023) || hvm_ioreq_init(dw_dom))
        panic("no domains");
    for (unsigned int i = 0; i < vcpus; i++) {
        dw_dom->vcpu[i]->arch.hvm = calloc(1, sizeof(struct hvm_vcpu));
        dw_dom->vcpu[i]->arch.hvm->cpu.event.vector = -1;
        if (hvm_ioreq_vcpu_init(dw_dom->vcpu[i]))
            panic("no vcpus");
    }
    hvm_params_init(dw_dom);
}

static void close_all(struct domain *d)
{
    world.preempt_at = 0;
    d->state = DOM_DYING;
    if (evtchn_close_all(d))
        panic("ports are left");
}

unsigned int dw_end(void)
{
    dw_dom->state = DOM_DYING;
    hvm_ioreq_stop(dw_dom);
    close_all(dw_dom);
    close_all(dw_dm);
    for (unsigned int i = 0; i < dw_dom->max_vcpus; i++) {
        hvm_ioreq_vcpu_exit(dw_dom->vcpu[i]);
        free(dw_dom->vcpu[i]->arch.hvm);
    }
    hvm_ioreq_exit(dw_dom);
    if (!dw_dom->arch.hvm->ioreq)
        panic("freed while somebody may look");
    dw_dom->state = DOM_DEAD;
    hvm_ioreq_exit(dw_dom);
    free(dw_dom->arch.hvm);
    evtchn_exit(dw_dom);
    evtchn_exit(dw_dm);
    return world_end();
}

/* --- domain 0 --------------------------------------------------------------------------------- */

long dw_dm_op(struct xen_dm_op *op, void *extra, size_t extra_size)
{
    const uint64_t arg[6] = { DW_HVM, extra ? 2 : 1, world_addr(bufs) };
    struct vcpu *was = current;
    long rc;

    op_buffer = *op;
    bufs[0].h.p = &op_buffer;
    bufs[0].size = sizeof(op_buffer);
    bufs[1].h.p = extra_buffer;
    bufs[1].size = extra_size;
    if (extra)
        memcpy(extra_buffer, extra, extra_size);
    world_run(dw_dm->vcpu[0]);
    do
        rc = hc_dm_op(dw_dm->vcpu[0], arg);
    while (rc == -ERESTART);
    world_run(was);
    *op = op_buffer;
    if (extra)
        memcpy(extra, extra_buffer, extra_size);
    return rc;
}

static long evtchn_call(unsigned int cmd)
{
    const uint64_t arg[6] = { cmd, world_addr(&evtchn_arg) };
    struct vcpu *was = current;
    long rc;

    world_run(dw_dm->vcpu[0]);
    rc = hc_event_channel_op(dw_dm->vcpu[0], arg);
    world_run(was);
    return rc;
}

port_t dw_bind(port_t remote)
{
    evtchn_arg.bind =
        (struct evtchn_bind_interdomain){ .remote_dom = DW_HVM, .remote_port = remote };
    return evtchn_call(EVTCHNOP_bind_interdomain) ? 0 : evtchn_arg.bind.local_port;
}

void dw_notify(port_t local)
{
    evtchn_arg.send.port = local;
    evtchn_call(EVTCHNOP_send);
}

bool dw_event_pending(port_t local)
{
    const uint64_t bit = 1ULL << local % 64;
    xen_ulong_t *word = &dw_dm->shared_info->evtchn_pending[local / 64];
    const bool pending = *word & bit;

    *word &= ~bit;
    dw_dm->vcpu[0]->info->evtchn_upcall_pending = 0;
    dw_dm->vcpu[0]->info->evtchn_pending_sel = 0;
    return pending;
}
