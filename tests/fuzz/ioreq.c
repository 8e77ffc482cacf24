/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 30000 */
/* links: arch/x86/hvm/ioreq.c arch/x86/hvm/ioreq_page.c arch/x86/hvm/ioreq_queue.c */
/* links: arch/x86/hvm/ioreq_range.c arch/x86/hvm/ioreq_server.c arch/x86/hvm/dm_op.c */
/* links: arch/x86/hvm/dm_memory.c arch/x86/hvm/params.c arch/x86/hvm/hvm_op.c */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c core/compat.c core/rangeset.c core/lock.c */
/* links: tests/host/world.c tests/host/dm_world.c */
/*
 * Operations of a device model, accesses of its guest's vcpus, and a model that writes what it
 * likes to the pages that it shares. Input: 4 bytes a step: what, who, two numbers. After each step
 * the servers are consistent; a vcpu is asleep only while it waits for a server that is there; at
 * the end the domain dies and nothing is left.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/dm_world.h"
#include "../../arch/x86/hvm/ioreq_priv.h"

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/memory.h>

#define VCPUS 3
#define RAM_GFNS 16
#define MAX_STEPS 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xen_dm_op op;
static struct xen_hvm_param param;
static unsigned int crashes; /* seen so far */

static void require(bool truth)
{
    if (!truth)
        abort();
}

static long dm(uint32_t code)
{
    op.op = code;
    op.pad = 0;
    return dw_dm_op(&op, NULL, 0);
}

/* --- the model -------------------------------------------------------------------------------- */

/* Small numbers make ranges and pages meet. */
static uint64_t number(uint8_t x) { return x < 0xf0 ? x : x < 0xf8 ? ~0ULL - x : 0xa0000 + x; }

static void server_op(uint8_t who, uint8_t x, uint8_t y)
{
    memset(&op, 0, sizeof(op));
    switch (who >> 5) {
    case 0:
        op.u.create_ioreq_server.handle_bufioreq = x & 3;
        dm(XEN_DMOP_create_ioreq_server);
        break;
    case 1:
        op.u.get_ioreq_server_info.id = x & 15;
        op.u.get_ioreq_server_info.flags = y & 1;
        dm(XEN_DMOP_get_ioreq_server_info);
        break;
    case 2:
        op.u.set_ioreq_server_state.id = x & 15;
        op.u.set_ioreq_server_state.enabled = y & 1;
        dm(XEN_DMOP_set_ioreq_server_state);
        break;
    case 3:
        op.u.destroy_ioreq_server.id = x & 15;
        dm(XEN_DMOP_destroy_ioreq_server);
        break;
    case 4:
        op.u.map_mem_type_to_ioreq_server.id = x & 15;
        op.u.map_mem_type_to_ioreq_server.type = HVMMEM_ioreq_server;
        op.u.map_mem_type_to_ioreq_server.flags = y & 3;
        dm(XEN_DMOP_map_mem_type_to_ioreq_server);
        break;
    default:
        op.u.map_io_range_to_ioreq_server = (struct xen_dm_op_ioreq_server_range){
            .id = who & 7, .type = who >> 3 & 3, .start = number(x),
            .end = number(x) + (y & 0x7f)
        };
        dm(y & 0x80 ? XEN_DMOP_unmap_io_range_from_ioreq_server
                    : XEN_DMOP_map_io_range_to_ioreq_server);
        break;
    }
}

static void memory_op(uint8_t who, uint8_t x, uint8_t y)
{
    memset(&op, 0, sizeof(op));
    if (who & 1) {
        op.u.set_mem_type.first_pfn = number(x);
        op.u.set_mem_type.nr = y & 15;
        op.u.set_mem_type.mem_type = y >> 4;
        dm(XEN_DMOP_set_mem_type);
    } else {
        op.u.relocate_memory.src_gfn = number(x);
        op.u.relocate_memory.dst_gfn = y & 63;
        op.u.relocate_memory.size = who >> 4 & 3;
        dm(XEN_DMOP_relocate_memory);
    }
}

static void raw_op(uint8_t who, uint8_t x, uint8_t y)
{
    memset(&op, x, sizeof(op));
    op.op = who % 24;
    if (y & 1)
        op.u.inject_event.vcpuid = y >> 6;
    op.pad = 0;
    dw_dm_op(&op, y & 2 ? &op : NULL, sizeof(op));
}

static void resource(uint8_t who, uint8_t x)
{
    mfn_t mfn;

    world_run(dw_dm->vcpu[0]);
    if (arch_resource_frame(dw_dom, XENMEM_resource_ioreq_server, who & 15, x & 3, &mfn) == 0)
        require(mfn_to_page(mfn) != NULL);
}

/* The model's own memory: any byte of a shared page. */
static void scribble(uint8_t who, uint8_t x, uint8_t y)
{
    struct ioreq_server *s = ioreq_of(dw_dom)->server[who & 7];
    uint8_t *page;

    if (!s)
        return;
    page = who & 8 ? s->queue.va : s->sync.va;
    if (!page)
        return;
    if (who & 16) /* a state that may be right */
        ((struct ioreq *)(void *)page)[x % VCPUS].state = y & 15;
    else
        page[(who & 32 ? x * 16 : x) % PAGE_SIZE] = y;
}

static void notify(uint8_t who)
{
    const struct ioreq_server *s = ioreq_of(dw_dom)->server[who & 7];

    if (s) {
        const port_t remote = who & 8 ? s->queue_port : s->port[(who >> 4) % VCPUS];
        const port_t local = remote ? dw_bind(remote) : 0;

        if (local)
            dw_notify(local);
    }
    for (port_t p = 1; p < 64; p++)
        dw_notify(p);
}

static void params(uint8_t who, uint8_t x, uint8_t y)
{
    struct domain *by = who & 1 ? dw_dom : dw_dm;
    const uint64_t arg[6] = { who & 2 ? HVMOP_get_param : HVMOP_set_param, world_addr(&param) };

    param = (struct xen_hvm_param){ .domid = DW_HVM, .index = x % 41, .value = number(y) };
    world_run(by->vcpu[0]);
    hc_hvm_op(by->vcpu[0], arg);
}

/* --- the guest -------------------------------------------------------------------------------- */

static void access_or_complete(uint8_t who, uint8_t x, uint8_t y)
{
    struct vcpu *v = dw_dom->vcpu[who % VCPUS];
    const struct ioreq_access a = {
        .type = who & 8 ? IOREQ_TYPE_PIO : IOREQ_TYPE_COPY,
        .addr = who & 16 ? 0xcf8 + (x & 7) : who & 32 ? (uint64_t)x << 12 : number(x),
        .data = 0x80000000 | (uint64_t)y << 8,
        .size = 1U << (y & 3), .count = who & 64 ? y : 1,
        .write = y & 4, .df = y & 8, .data_is_ptr = (who & 64) && (y & 16),
    };
    enum ioreq_result r;
    uint64_t val;

    world_run(v);
    if (hvm_ioreq_pending(v)) {
        if (hvm_ioreq_complete(v, &val))
            require(!hvm_ioreq_pending(v));
        else
            require((v->pause_flags & BIT(VPF_IOREQ)) || world.crashes > crashes);
        return;
    }
    if (who & 128)
        r = hvm_ioreq_broadcast(v, &a, y & 32);
    else
        r = hvm_ioreq_send(v, &a);
    require((r == IOREQ_WAIT) == hvm_ioreq_pending(v));
    hvm_dm_event_sync(v);
}

/* --- what always holds ------------------------------------------------------------------------ */

static void check_server(const struct ioreq_server *s, unsigned int id)
{
    require(s->id == id && s->emulator == dw_dm);
    for (unsigned int i = 0; i < VCPUS; i++)
        require(s->port[i] != 0);
    require((s->queue_port != 0) == (s->queueing != HVM_IOREQSRV_BUFIOREQ_OFF));
    require(!s->sync.taken_out || s->enabled);
    if (s->sync.va && s->sync.place != IOREQ_PAGE_OURS) {
        const struct p2m_entry e = p2m_lookup(dw_dom, _gfn(s->sync.gfn));

        /* enabled: not a page that the guest can reach (unless another gfn had it all along) */
        require(!s->enabled || s->sync.taken_out);
        require(!s->sync.taken_out || e.type == P2M_NONE ||
                !mfn_eq(e.mfn, page_to_mfn(s->sync.page)));
    }
}

static void check(void)
{
    const struct hvm_ioreq_domain *io = ioreq_of(dw_dom);
    bool mem_server = io->mem_server == NULL;

    for (unsigned int id = 0; id < IOREQ_SERVERS; id++) {
        if (io->server[id])
            check_server(io->server[id], id);
        mem_server |= io->server[id] == io->mem_server;
    }
    require(mem_server);
    for (unsigned int i = 0; i < VCPUS; i++) {
        const struct vcpu *v = dw_dom->vcpu[i];
        const struct hvm_ioreq_vcpu *q = v->arch.hvm->ioreq;

        require(q->out || !q->pending);
        require(q->pending || !(v->pause_flags & BIT(VPF_IOREQ)));
        for (unsigned int id = 0; id < IOREQ_SERVERS; id++)
            require(!(q->pending & BIT(id)) || (io->server[id] && io->server[id]->sync.va));
    }
    require(locks_held() == 0);
}

static void step(const uint8_t s[4])
{
    switch (s[0] % 10) {
    case 0:
        server_op(s[1], s[2], s[3]);
        break;
    case 1:
        memory_op(s[1], s[2], s[3]);
        break;
    case 2:
        resource(s[1], s[2]);
        break;
    case 3:
    case 4:
        scribble(s[1], s[2], s[3]);
        break;
    case 5:
        notify(s[1]);
        break;
    case 6:
        params(s[1], s[2], s[3]);
        break;
    case 7:
        raw_op(s[1], s[2], s[3]);
        break;
    default:
        access_or_complete(s[1], s[2], s[3]);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dw_start(VCPUS);
    world_buffer(&param, sizeof(param));
    for (unsigned int i = 0; i < RAM_GFNS; i++)
        dw_ram(i);
    world.fail_after = size > 0 && data[0] >= 0xe0 ? 40 + data[0] : -1;
    for (unsigned int i = 0; i < MAX_STEPS && size >= 4; i++, data += 4, size -= 4) {
        crashes = world.crashes;
        step(data);
        check();
        if (world.crashes > crashes)
            break; /* it runs no more */
    }
    world.fail_after = -1;
    require(dw_end() == 0);
    return 0;
}
