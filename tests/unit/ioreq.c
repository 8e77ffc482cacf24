/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/ioreq.c arch/x86/hvm/ioreq_page.c arch/x86/hvm/ioreq_queue.c */
/* links: arch/x86/hvm/ioreq_range.c arch/x86/hvm/ioreq_server.c arch/x86/hvm/dm_op.c */
/* links: arch/x86/hvm/dm_memory.c arch/x86/hvm/params.c */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c core/compat.c core/rangeset.c core/lock.c */
/* links: tests/host/world.c tests/host/dm_world.c */
/*
 * Ioreq servers: their life, whom an access goes to, requests and answers, the queue, and what a
 * device model can do to the pages that it shares.
 */
#include "check.h"

#include "../host/dm_world.h"
#include "../../arch/x86/hvm/ioreq_priv.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/memory.h>

#define QUEUE_SLOTS 511U
#define RACES 200000
#define PATIENCE 20 /* seconds until an answer is lost; the host may be busy */

static struct xen_dm_op op;
static port_t queue_local;

static long create(unsigned int queueing, ioservid_t *id)
{
    long rc;

    op = (struct xen_dm_op){ .op = XEN_DMOP_create_ioreq_server };
    op.u.create_ioreq_server.handle_bufioreq = (uint8_t)queueing;
    rc = dw_dm_op(&op, NULL, 0);
    *id = op.u.create_ioreq_server.id;
    return rc;
}

static long info(ioservid_t id, uint16_t flags)
{
    op = (struct xen_dm_op){ .op = XEN_DMOP_get_ioreq_server_info };
    op.u.get_ioreq_server_info.id = id;
    op.u.get_ioreq_server_info.flags = flags;
    return dw_dm_op(&op, NULL, 0);
}

static long range(unsigned int what, ioservid_t id, unsigned int type, uint64_t start, uint64_t end)
{
    op = (struct xen_dm_op){ .op = what };
    op.u.map_io_range_to_ioreq_server =
        (struct xen_dm_op_ioreq_server_range){ .id = id, .type = type, .start = start, .end = end };
    return dw_dm_op(&op, NULL, 0);
}

static long map(ioservid_t id, unsigned int type, uint64_t start, uint64_t end)
{
    return range(XEN_DMOP_map_io_range_to_ioreq_server, id, type, start, end);
}

static long unmap(ioservid_t id, unsigned int type, uint64_t start, uint64_t end)
{
    return range(XEN_DMOP_unmap_io_range_from_ioreq_server, id, type, start, end);
}

static long enable(ioservid_t id, bool on)
{
    op = (struct xen_dm_op){ .op = XEN_DMOP_set_ioreq_server_state };
    op.u.set_ioreq_server_state.id = id;
    op.u.set_ioreq_server_state.enabled = on;
    return dw_dm_op(&op, NULL, 0);
}

static long destroy(ioservid_t id)
{
    op = (struct xen_dm_op){ .op = XEN_DMOP_destroy_ioreq_server };
    op.u.destroy_ioreq_server.id = id;
    return dw_dm_op(&op, NULL, 0);
}

/* Page i of the server as XENMEM_acquire_resource gives it; NULL if it does not. */
static void *frame(ioservid_t id, unsigned int i)
{
    struct vcpu *was = current;
    mfn_t mfn = INVALID_MFN;
    int rc;

    world_run(dw_dm->vcpu[0]);
    rc = arch_resource_frame(dw_dom, XENMEM_resource_ioreq_server, id, i, &mfn);
    world_run(was);
    return rc ? NULL : world_bytes(mfn_to_page(mfn));
}

static struct vcpu *vcpu(unsigned int i)
{
    world_run(dw_dom->vcpu[i]);
    return current;
}

static bool asleep(unsigned int i) { return dw_dom->vcpu[i]->pause_flags & BIT(VPF_IOREQ); }

/* A server of everything: ports 0x100 to 0x1ff, 1 MiB at 0xf0000000, the VGA window, 00:03.0. */
static struct ioreq *ready(ioservid_t *id)
{
    struct ioreq *slot;

    CHECK_EQ(create(HVM_IOREQSRV_BUFIOREQ_ATOMIC, id), 0);
    CHECK_EQ(map(*id, XEN_DMOP_IO_RANGE_PORT, 0x100, 0x1ff), 0);
    CHECK_EQ(map(*id, XEN_DMOP_IO_RANGE_MEMORY, 0xf0000000, 0xf00fffff), 0);
    CHECK_EQ(map(*id, XEN_DMOP_IO_RANGE_MEMORY, 0xa0000, 0xbffff), 0);
    CHECK_EQ(map(*id, XEN_DMOP_IO_RANGE_PCI, 3 << 3, 3 << 3), 0);
    CHECK_EQ(info(*id, XEN_DMOP_no_gfns), 0);
    queue_local = dw_bind(op.u.get_ioreq_server_info.bufioreq_port);
    CHECK(queue_local != 0);
    slot = frame(*id, 1);
    CHECK(slot && frame(*id, 0));
    CHECK_EQ(enable(*id, true), 0);
    return slot;
}

static struct ioreq_access in(uint64_t port, uint32_t size)
{
    return (struct ioreq_access){ .type = IOREQ_TYPE_PIO, .addr = port, .size = size, .count = 1 };
}

static struct ioreq_access out(uint64_t port, uint32_t size, uint64_t data)
{
    struct ioreq_access a = in(port, size);

    a.write = true;
    a.data = data;
    return a;
}

static struct ioreq_access mmio(uint64_t addr, uint32_t size, bool write, uint64_t data)
{
    return (struct ioreq_access){ .type = IOREQ_TYPE_COPY, .addr = addr, .size = size, .count = 1,
                                  .write = write, .data = data };
}

static void end(void) { CHECK_EQ(dw_end(), 0); }

static void test_life(void)
{
    ioservid_t id[9];

    TEST("servers: eight of a domain, ids used again, ports only while they live")
    {
        dw_start(2);
        for (unsigned int i = 0; i < 8; i++) {
            CHECK_EQ(create(i % 3, &id[i]), 0);
            CHECK_EQ(id[i], i);
        }
        CHECK_EQ(create(0, &id[8]), -ENOSPC);
        CHECK_EQ(destroy(5), 0);
        CHECK_EQ(destroy(5), -ENOENT);
        CHECK_EQ(create(2, &id[8]), 0);
        CHECK_EQ(id[8], 5);
        CHECK_EQ(destroy(8), -ENOENT);
        CHECK_EQ(create(3, &id[8]), -EINVAL);
        CHECK_EQ(enable(8, true), -ENOENT);
        CHECK_EQ(info(9, XEN_DMOP_no_gfns), -ENOENT);
        end();
    }
    TEST("a server belongs to the domain that made it")
    {
        dw_start(1);
        CHECK_EQ(create(2, &id[0]), 0);
        struct domain *other = world_domain(2, 1);
        mfn_t mfn;

        world_run(other->vcpu[0]);
        CHECK_EQ(arch_resource_frame(dw_dom, XENMEM_resource_ioreq_server, id[0], 1, &mfn), -EPERM);
        CHECK_EQ(arch_resource_size(dw_dom, XENMEM_resource_ioreq_server), 2);
        CHECK_EQ(arch_resource_size(dw_dm, XENMEM_resource_ioreq_server), 0);
        CHECK_EQ(arch_resource_size(dw_dom, XENMEM_resource_vmtrace_buf), 0);
        end();
    }
    TEST("more vcpus than slots on the page; a dying domain; no memory at each step")
    {
        dw_start(129);
        CHECK_EQ(create(2, &id[0]), -EINVAL);
        end();
        dw_start(128);
        CHECK_EQ(create(2, &id[0]), 0);
        dw_dom->state = DOM_DYING;
        CHECK_EQ(create(2, &id[0]), -EINVAL);
        end();
        dw_start(0); /* not even a port is refused */
        dw_dom->state = DOM_DYING;
        CHECK_EQ(create(0, &id[0]), -EINVAL);
        end();
        for (int i = 0; i < 6; i++) {
            dw_start(3);
            world.fail_after = i;
            const long rc = create(2, &id[0]);

            CHECK(rc == -ENOMEM || (rc == 0 && i >= 4));
            world.fail_after = -1;
            end();
        }
    }
    TEST("a vcpu that comes later has ports, and finds them on the page")
    {
        dw_start(2);
        hvm_ioreq_vcpu_exit(dw_dom->vcpu[1]);
        struct ioreq *slot = ready(&id[0]);

        CHECK_EQ(hvm_ioreq_vcpu_init(dw_dom->vcpu[1]), 0);
        CHECK(slot[0].vp_eport != 0 && slot[1].vp_eport != 0);
        CHECK(slot[0].vp_eport != slot[1].vp_eport);
        CHECK(dw_bind(slot[1].vp_eport) != 0);
        end();
    }
    TEST("pages of a server: two of ours, the first only with a queue, no mixing with the guest's")
    {
        dw_start(1);
        dw_ram(10);
        dw_dom->arch.hvm->param[HVM_PARAM_IOREQ_PFN] = 10;
        CHECK_EQ(create(HVM_IOREQSRV_BUFIOREQ_OFF, &id[0]), 0);
        CHECK(!frame(id[0], 0));
        CHECK(frame(id[0], 1));
        CHECK(!frame(id[0], 2));
        CHECK_EQ(info(id[0], 0), -EPERM);
        CHECK_EQ(info(id[0], 2), -EINVAL);
        CHECK_EQ(create(HVM_IOREQSRV_BUFIOREQ_OFF, &id[1]), 0);
        CHECK_EQ(info(id[1], 0), 0);
        CHECK_EQ(op.u.get_ioreq_server_info.ioreq_gfn, 10);
        CHECK(!frame(id[1], 1));
        end();
    }
}

static void test_guest_frames(void)
{
    ioservid_t id, other;

    TEST("frames of the guest: from the pool, then the old ones; back when the server goes")
    {
        dw_start(1);
        uint64_t *param = dw_dom->arch.hvm->param;

        param[HVM_PARAM_IOREQ_SERVER_PFN] = 20;
        param[HVM_PARAM_NR_IOREQ_SERVER_PAGES] = 2;
        param[HVM_PARAM_IOREQ_PFN] = 5;
        param[HVM_PARAM_BUFIOREQ_PFN] = 6;
        for (unsigned int i = 0; i < 2; i++)
            dw_ram(20 + i), dw_ram(5 + i);
        CHECK_EQ(create(2, &id), 0);
        CHECK_EQ(info(id, 0), 0);
        CHECK_EQ(op.u.get_ioreq_server_info.ioreq_gfn, 20);
        CHECK_EQ(op.u.get_ioreq_server_info.bufioreq_gfn, 21);
        CHECK_EQ(create(1, &other), 0);
        CHECK_EQ(info(other, 0), 0);
        CHECK_EQ(op.u.get_ioreq_server_info.ioreq_gfn, 5);
        CHECK_EQ(op.u.get_ioreq_server_info.bufioreq_gfn, 6);
        CHECK_EQ(destroy(id), 0);
        CHECK_EQ(create(0, &id), 0);
        CHECK_EQ(info(id, 0), 0);
        CHECK_EQ(op.u.get_ioreq_server_info.ioreq_gfn, 20);
        CHECK_EQ(create(2, &id), 0);
        CHECK_EQ(info(id, 0), -ENOMEM);
        end();
    }
    TEST("while the server is enabled its frames are not the guest's")
    {
        dw_start(1);
        dw_dom->arch.hvm->param[HVM_PARAM_IOREQ_PFN] = 5;
        struct page *pg = dw_ram(5);
        struct ioreq *slot = world_bytes(pg);
        uint64_t data;

        memset(slot, 0xee, PAGE_SIZE);
        CHECK_EQ(create(0, &id), 0);
        CHECK_EQ(info(id, 0), 0);
        CHECK_EQ(map(id, XEN_DMOP_IO_RANGE_PORT, 0x100, 0x1ff), 0);
        CHECK_EQ(enable(id, true), 0);
        CHECK_EQ(dw_p2m[5].type, P2M_NONE);
        CHECK_EQ(slot->state, STATE_IOREQ_NONE);
        CHECK(slot->vp_eport != 0 && slot->vp_eport < 1024);
        const struct ioreq_access a = in(0x110, 1);

        CHECK_EQ(hvm_ioreq_send(vcpu(0), &a), IOREQ_WAIT);
        CHECK_EQ(slot->state, STATE_IOREQ_READY);
        CHECK_EQ(enable(id, false), 0);
        CHECK_EQ(dw_p2m[5].type, P2M_RAM);
        CHECK_EQ(slot->state, STATE_IOREQ_NONE);
        CHECK(!asleep(0));
        CHECK(hvm_ioreq_complete(vcpu(0), &data));
        CHECK_EQ(data, 0xff);
        CHECK_EQ(destroy(id), 0);
        CHECK_EQ(world_page_refs(pg), 1);
        end();
    }
    TEST("a frame that is something else by then stays where it is")
    {
        dw_start(1);
        dw_dom->arch.hvm->param[HVM_PARAM_IOREQ_PFN] = 5;
        dw_ram(5);
        CHECK_EQ(create(0, &id), 0);
        CHECK_EQ(info(id, 0), 0);
        struct page *now = dw_ram(5);

        CHECK_EQ(enable(id, true), -EINVAL);
        CHECK_EQ(dw_p2m[5].mfn.n, page_to_mfn(now).n);
        dw_p2m[5].type = P2M_RAM_RO;
        CHECK_EQ(destroy(id), 0);
        CHECK_EQ(create(0, &id), 0);
        CHECK_EQ(info(id, 0), -EINVAL);
        CHECK_EQ(enable(id, true), 0); /* without a page nothing is sent to it */
        CHECK_EQ(map(id, XEN_DMOP_IO_RANGE_PORT, 0x100, 0x1ff), 0);
        CHECK_EQ(info(id, 0), -EBUSY);
        const struct ioreq_access a = in(0x110, 1);

        CHECK_EQ(hvm_ioreq_send(vcpu(0), &a), IOREQ_NONE);
        end();
    }
}

static void test_ranges(void)
{
    ioservid_t id;

    TEST("ranges: errors")
    {
        dw_start(1);
        CHECK_EQ(create(2, &id), 0);
        CHECK_EQ(map(id, 0, 10, 9), -EINVAL);
        CHECK_EQ(map(id, 3, 10, 10), -EINVAL);
        CHECK_EQ(map(7, 0, 10, 10), -ENOENT);
        CHECK_EQ(map(id, 0, 10, 20), 0);
        CHECK_EQ(map(id, 0, 20, 30), -EEXIST);
        CHECK_EQ(unmap(id, 0, 5, 12), -ENOENT);
        CHECK_EQ(unmap(id, 1, 10, 20), -ENOENT);
        CHECK_EQ(unmap(id, 0, 12, 13), 0);
        CHECK_EQ(unmap(id, 0, 10, 20), -ENOENT);
        CHECK_EQ(map(id, 1, 0, ~0ULL), 0);
        CHECK_EQ(unmap(id, 1, 0, ~0ULL), 0);
        end();
    }
    TEST("ranges: 256 of a type")
    {
        dw_start(1);
        CHECK_EQ(create(2, &id), 0);
        CHECK_EQ(map(id, 1, 0, 9), 0);
        for (unsigned int i = 1; i < 256; i++)
            if (map(id, 1, i * 100, i * 100 + 9))
                CHECK(false);
        CHECK_EQ(map(id, 1, 25600, 25609), -ENOMEM);
        CHECK_EQ(unmap(id, 1, 3, 3), -ENOMEM);
        CHECK_EQ(unmap(id, 1, 0, 3), 0);
        CHECK_EQ(map(id, 0, 0, 0), 0);
        end();
    }
}

static enum ioreq_result send(const struct ioreq_access a)
{
    enum ioreq_result r = hvm_ioreq_send(vcpu(0), &a);

    return r;
}

/* Answers what is out. */
static void answer(struct ioreq *slot, uint64_t data)
{
    uint64_t got;

    slot->data = data;
    slot->state = STATE_IORESP_READY;
    CHECK(hvm_ioreq_complete(vcpu(0), &got));
}

static void test_selection(void)
{
    ioservid_t id, young;

    TEST("an access goes to who claims all of it, and the younger one of two")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        CHECK_EQ(send(in(0xff, 1)), IOREQ_NONE);
        CHECK_EQ(send(in(0xff, 2)), IOREQ_NONE);
        CHECK_EQ(send(in(0x1ff, 2)), IOREQ_NONE);
        CHECK_EQ(send(in(~0ULL, 4)), IOREQ_NONE);
        CHECK_EQ(send(in(0x1fe, 2)), IOREQ_WAIT);
        answer(slot, 0);
        struct ioreq *second;
        const port_t queue = queue_local;

        second = ready(&young);
        CHECK(queue != queue_local);
        CHECK_EQ(send(in(0x1fe, 2)), IOREQ_WAIT);
        CHECK_EQ(slot->state, STATE_IOREQ_NONE);
        CHECK_EQ(second->state, STATE_IOREQ_READY);
        answer(second, 0);
        CHECK_EQ(enable(young, false), 0);
        CHECK_EQ(send(in(0x1fe, 2)), IOREQ_WAIT);
        CHECK_EQ(slot->state, STATE_IOREQ_READY);
        answer(slot, 0);
        CHECK_EQ(enable(id, false), 0);
        CHECK_EQ(send(in(0x1fe, 2)), IOREQ_NONE);
        end();
    }
    TEST("memory: all elements, in both directions, and no wrapping")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);
        struct ioreq_access a = mmio(0xf00ffff0, 4, false, 0);

        a.count = 4;
        CHECK_EQ(send(a), IOREQ_WAIT);
        answer(slot, 0);
        a.count = 5;
        CHECK_EQ(send(a), IOREQ_NONE);
        a.df = true;
        CHECK_EQ(send(a), IOREQ_WAIT);
        CHECK_EQ(slot->df, 1);
        CHECK_EQ(slot->count, 5);
        answer(slot, 0);
        a.addr = 0xf0000008;
        a.count = 3;
        CHECK_EQ(send(a), IOREQ_WAIT);
        answer(slot, 0);
        a.count = 4;
        CHECK_EQ(send(a), IOREQ_NONE);
        a.addr = 8;
        CHECK_EQ(send(a), IOREQ_NONE);
        a = mmio(~0ULL - 1, 8, false, 0);
        CHECK_EQ(send(a), IOREQ_NONE);
        a.count = 0;
        CHECK_EQ(send(a), IOREQ_NONE);
        end();
    }
    TEST("a move within device memory: in the VGA window, if both places are one server's")
    {
        const unsigned int memory = XEN_DMOP_IO_RANGE_MEMORY;
        struct ioreq_access a = mmio(0xa1000, 1, true, 0xa2000);

        dw_start(1);
        struct ioreq *slot = ready(&id);

        a.count = 256;
        a.data_is_ptr = a.between = true;
        CHECK_EQ(send(a), IOREQ_WAIT);
        CHECK(slot->dir == IOREQ_WRITE && slot->data_is_ptr && slot->data == 0xa2000);
        CHECK(slot->addr == 0xa1000 && slot->count == 256 && slot->size == 1);
        answer(slot, 0);
        CHECK_EQ(unmap(id, memory, 0xa20ff, 0xa20ff), 0); /* the last byte's source */
        CHECK_EQ(send(a), IOREQ_NONE);
        a.df = true;
        a.addr = 0xa10ff; /* ... which a move downwards does not touch */
        a.data = 0xa20fe;
        a.count = 255;
        CHECK_EQ(send(a), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(map(id, memory, 0xa20ff, 0xa20ff), 0);
        CHECK(ready(&young) != NULL); /* it claims all of that as well, and then less */
        CHECK_EQ(unmap(young, memory, 0xa1000, 0xa1fff), 0);
        CHECK_EQ(send(a), IOREQ_NONE);
        CHECK_EQ(enable(young, false), 0);
        dw_dom->arch.hvm->emulation &= ~XEN_X86_EMU_VGA;
        CHECK_EQ(send(a), IOREQ_NONE);
        dw_dom->arch.hvm->emulation |= XEN_X86_EMU_VGA;
        a.data = 0xf0001000;
        CHECK_EQ(send(a), IOREQ_NONE);
        a.between = false; /* RAM, for all that is said */
        CHECK_EQ(send(a), IOREQ_WAIT);
        answer(slot, 0);
        end();
    }
    TEST("PCI configuration by 0xcf8 and 0xcfc")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        CHECK_EQ(send(out(0xcf8, 4, 0x80001844)), IOREQ_NONE); /* nobody claims the port itself */
        CHECK_EQ(send(in(0xcfe, 2)), IOREQ_WAIT);
        CHECK_EQ(slot->type, IOREQ_TYPE_PCI_CONFIG);
        CHECK_EQ(slot->addr, (3ULL << 3) << 32 | 0x46);
        CHECK_EQ(slot->size, 2);
        answer(slot, 0);
        struct ioreq_access many = in(0xcfc, 4); /* REP: one by one */
        many.count = 2;
        many.data_is_ptr = true;
        CHECK_EQ(send(many), IOREQ_NONE);
        CHECK_EQ(slot->state, STATE_IOREQ_NONE);
        CHECK_EQ(send(out(0xcf8, 4, 0x80002044)), IOREQ_NONE); /* another function */
        CHECK_EQ(send(in(0xcfc, 4)), IOREQ_NONE);
        CHECK_EQ(send(out(0xcf8, 4, 0x80001844)), IOREQ_NONE);
        CHECK_EQ(send(out(0xcf8, 1, 0)), IOREQ_NONE); /* no address, but a port of its own */
        CHECK_EQ(send(in(0xcfc, 4)), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(send(out(0xcf8, 4, 0x00001844)), IOREQ_NONE); /* not enabled: plain ports */
        CHECK_EQ(send(in(0xcfc, 4)), IOREQ_NONE);
        CHECK_EQ(map(id, XEN_DMOP_IO_RANGE_PORT, 0xcf8, 0xcff), 0);
        CHECK_EQ(send(in(0xcfc, 4)), IOREQ_WAIT);
        CHECK_EQ(slot->type, IOREQ_TYPE_PIO);
        answer(slot, 0);
        end();
    }
    TEST("pages of a server's type: its writes, until it gives the type up")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        dw_ram(9);
        op = (struct xen_dm_op){ .op = XEN_DMOP_set_mem_type };
        op.u.set_mem_type.nr = 1;
        op.u.set_mem_type.first_pfn = 9;
        op.u.set_mem_type.mem_type = HVMMEM_ioreq_server;
        struct xen_dm_op set = op;

        CHECK_EQ(dw_dm_op(&op, NULL, 0), -EINVAL);
        op = (struct xen_dm_op){ .op = XEN_DMOP_map_mem_type_to_ioreq_server };
        op.u.map_mem_type_to_ioreq_server.id = id;
        op.u.map_mem_type_to_ioreq_server.type = HVMMEM_ioreq_server;
        struct xen_dm_op type = op;

        CHECK_EQ(dw_dm_op(&op, NULL, 0), -EINVAL); /* has it not */
        op = type;
        op.u.map_mem_type_to_ioreq_server.flags = XEN_DMOP_IOREQ_MEM_ACCESS_WRITE;
        CHECK_EQ(dw_dm_op(&op, NULL, 0), 0);
        CHECK_EQ(dw_dm_op(&op, NULL, 0), -EINVAL);
        struct xen_dm_op again = set;

        dw_p2m[9].type = P2M_RAM_RO;
        CHECK_EQ(dw_dm_op(&again, NULL, 0), -EINVAL);
        dw_p2m[9].type = P2M_RAM;
        CHECK_EQ(dw_dm_op(&set, NULL, 0), 0);
        CHECK_EQ(dw_p2m[9].type, P2M_IOREQ);
        CHECK_EQ(send(mmio(0x9008, 4, true, 7)), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(send(mmio(0x9008, 4, false, 7)), IOREQ_NONE);
        CHECK_EQ(send(mmio(0xa008, 4, true, 7)), IOREQ_NONE);
        CHECK_EQ(destroy(id), -EBUSY);
        world.preempt_at = 1;
        op = type;
        CHECK_EQ(dw_dm_op(&op, NULL, 0), 0);
        CHECK_EQ(dw_p2m[9].type, P2M_RAM);
        CHECK_EQ(destroy(id), 0);
        end();
    }
}

static void test_requests(void)
{
    ioservid_t id;
    uint64_t data;

    TEST("a read: posted whole, the model told, asleep until it answers")
    {
        dw_start(2);
        struct ioreq *slot = ready(&id);
        const port_t local = dw_bind(slot[1].vp_eport);
        const struct ioreq_access a = in(0x110, 2);

        CHECK(!hvm_ioreq_pending(vcpu(1)));
        CHECK_EQ(hvm_ioreq_send(vcpu(1), &a), IOREQ_WAIT);
        CHECK(hvm_ioreq_pending(vcpu(1)) && asleep(1) && !asleep(0));
        CHECK(dw_dom->vcpu[1]->unfinished && !dw_dom->vcpu[0]->unfinished);
        CHECK_EQ(dw.sleeps, 1);
        CHECK(dw_event_pending(local));
        CHECK_EQ(slot[1].state, STATE_IOREQ_READY);
        CHECK_EQ(slot[1].addr, 0x110);
        CHECK_EQ(slot[1].size, 2);
        CHECK_EQ(slot[1].count, 1);
        CHECK_EQ(slot[1].dir, IOREQ_READ);
        CHECK_EQ(slot[1].data_is_ptr, 0);
        CHECK_EQ(slot[1].type, IOREQ_TYPE_PIO);
        CHECK(slot[1].vp_eport != 0);
        CHECK_EQ(slot[0].state, STATE_IOREQ_NONE);
        slot[1].state = STATE_IOREQ_INPROCESS;
        dw_notify(local); /* too early */
        CHECK(!asleep(1));
        CHECK_EQ(dw.wakes, 1);
        CHECK(!hvm_ioreq_complete(vcpu(1), &data));
        CHECK(asleep(1));
        CHECK_EQ(dw.sleeps, 2);
        slot[1].data = 0x123456789;
        slot[1].state = STATE_IORESP_READY;
        dw_notify(local);
        CHECK(!asleep(1));
        CHECK(hvm_ioreq_complete(vcpu(1), &data));
        CHECK_EQ(data, 0x6789); /* what was asked for */
        CHECK(!hvm_ioreq_pending(vcpu(1)) && !asleep(1));
        CHECK_EQ(slot[1].state, STATE_IOREQ_NONE);
        CHECK(slot[1].vp_eport != 0);
        CHECK_EQ(world.crashes, 0);
        dw_notify(local); /* nobody waits */
        CHECK_EQ(dw.wakes, 2);
        end();
    }
    TEST("a write, and REP with a pointer")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);
        struct ioreq_access a = out(0x120, 4, 0xcafe);

        CHECK_EQ(send(a), IOREQ_WAIT);
        CHECK_EQ(slot->dir, IOREQ_WRITE);
        CHECK_EQ(slot->data, 0xcafe);
        answer(slot, 1);
        a = in(0x120, 2);
        a.data_is_ptr = true;
        a.data = 0x12345678;
        a.count = 7;
        CHECK_EQ(send(a), IOREQ_WAIT);
        CHECK_EQ(slot->data, 0x12345678);
        CHECK_EQ(slot->data_is_ptr, 1);
        CHECK_EQ(slot->count, 7);
        answer(slot, 1);
        end();
    }
    TEST("an answer counts before its event comes")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        CHECK_EQ(send(in(0x110, 1)), IOREQ_WAIT);
        slot->state = STATE_IORESP_READY; /* no event yet */
        CHECK(hvm_ioreq_complete(vcpu(0), &data));
        CHECK(!asleep(0));
        end();
    }
    TEST("a server that goes away: all ones, and on")
    {
        dw_start(2);
        struct ioreq *slot = ready(&id);
        const struct ioreq_access a = in(0x110, 4);

        CHECK_EQ(send(a), IOREQ_WAIT);
        slot->data = 5;
        CHECK_EQ(destroy(id), 0);
        CHECK(!asleep(0));
        CHECK_EQ(dw.wakes, 1);
        CHECK(hvm_ioreq_pending(vcpu(0)));
        CHECK(hvm_ioreq_complete(vcpu(0), &data));
        CHECK_EQ(data, 0xffffffff);
        CHECK_EQ(send(a), IOREQ_NONE);
        CHECK_EQ(world.crashes, 0);
        end();
    }
    TEST("disabled with a request out: the answer still counts")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        CHECK_EQ(send(in(0x110, 1)), IOREQ_WAIT);
        CHECK_EQ(enable(id, false), 0);
        CHECK(asleep(0));
        slot->data = 0x42;
        slot->state = STATE_IORESP_READY;
        CHECK(hvm_ioreq_complete(vcpu(0), &data));
        CHECK_EQ(data, 0x42);
        end();
    }
    TEST("the domain dies with a request out")
    {
        dw_start(1);
        ready(&id);
        CHECK_EQ(send(in(0x110, 1)), IOREQ_WAIT);
        end();
    }
    TEST("broadcast: to all that are enabled, until the last has answered")
    {
        dw_start(1);
        ioservid_t second;
        struct ioreq *a = ready(&id), *b = ready(&second);
        const struct ioreq_access inval = { .type = IOREQ_TYPE_INVALIDATE, .write = true,
                                            .data = ~0ULL, .size = 4, .count = 1 };

        CHECK_EQ(hvm_ioreq_broadcast(vcpu(0), &inval, false), IOREQ_WAIT);
        CHECK_EQ(a->type, IOREQ_TYPE_INVALIDATE);
        CHECK_EQ(b->type, IOREQ_TYPE_INVALIDATE);
        b->state = STATE_IORESP_READY;
        CHECK(!hvm_ioreq_complete(vcpu(0), &data));
        CHECK_EQ(b->state, STATE_IOREQ_NONE);
        CHECK(asleep(0));
        CHECK_EQ(destroy(id), 0);
        CHECK(!asleep(0));
        CHECK(hvm_ioreq_complete(vcpu(0), &data));
        CHECK_EQ(enable(second, false), 0);
        CHECK_EQ(hvm_ioreq_broadcast(vcpu(0), &inval, false), IOREQ_NONE);
        end();
    }
}

/* A device model on a cpu of its own, which also sends events too many. */
static void *race_model(void *slots)
{
    struct ioreq *slot = slots;
    uint8_t *state = (uint8_t *)slot + 30; /* with dir and others: the low four bits */
    struct vcpu *v = dw_dom->vcpu[0];

    for (unsigned int i = 0; i < RACES; i++) {
        uint8_t now;

        while (((now = __atomic_load_n(state, __ATOMIC_ACQUIRE)) & 15) != STATE_IOREQ_READY) {
            if ((now & 15) == STATE_IOREQ_INPROCESS)
                return NULL; /* the test has given up */
            sched_yield();
        }
        __atomic_store_n(state, (now & 0xf0) | STATE_IOREQ_INPROCESS, __ATOMIC_RELEASE);
        ioreq_answered(v, 0);
        for (unsigned int n = i * 37 % 4096; n > 0; n--)
            barrier();
        __atomic_store_n(&slot->data, slot->addr + i, __ATOMIC_RELAXED);
        __atomic_store_n(state, (now & 0xf0) | STATE_IORESP_READY, __ATOMIC_SEQ_CST);
        ioreq_answered(v, 0);
    }
    return NULL;
}

/* One request, as a vcpu makes it: false when it sleeps for ever. */
static bool race_request(uint64_t expected)
{
    struct vcpu *v = vcpu(0);
    const struct ioreq_access a = in(0x110, 4);
    const time_t end = time(NULL) + PATIENCE;
    uint64_t got = 0;

    if (hvm_ioreq_send(v, &a) != IOREQ_WAIT)
        return false;
    do
        for (unsigned int n = 1; __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST); n++) {
            if (n % 1024)
                continue;
            if (time(NULL) > end)
                return false;
            sched_yield();
        }
    while (!hvm_ioreq_complete(v, &got));
    return got == expected;
}

static void test_race(void)
{
    ioservid_t id;
    pthread_t model;
    unsigned int i;

    TEST("a model on another cpu: no answer is slept through")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        CHECK_EQ(pthread_create(&model, NULL, race_model, slot), 0);
        for (i = 0; i < RACES && race_request(0x110 + i); i++)
            continue;
        CHECK_EQ(i, RACES);
        if (i < RACES)
            slot->state = STATE_IOREQ_INPROCESS;
        pthread_join(model, NULL);
        CHECK_EQ(world.crashes, 0);
        end();
    }
}

static void test_hostile_slots(void)
{
    ioservid_t id;
    uint64_t data;

    TEST("states that do not follow crash the domain")
    {
        static const struct { uint8_t before, after; bool crash; } cases[] = {
            { STATE_IOREQ_READY, STATE_IOREQ_NONE, true },
            { STATE_IOREQ_READY, 4, true },
            { STATE_IOREQ_READY, 15, true },
            { STATE_IOREQ_INPROCESS, STATE_IOREQ_READY, true },
            { STATE_IOREQ_INPROCESS, STATE_IOREQ_NONE, true },
            { STATE_IOREQ_READY, STATE_IOREQ_READY, false },
            { STATE_IOREQ_INPROCESS, STATE_IOREQ_INPROCESS, false },
            { STATE_IOREQ_INPROCESS, STATE_IORESP_READY, false },
        };

        for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            dw_start(1);
            struct ioreq *slot = ready(&id);

            CHECK_EQ(send(in(0x110, 1)), IOREQ_WAIT);
            slot->state = cases[i].before & 0xf;
            CHECK(!hvm_ioreq_complete(vcpu(0), &data));
            slot->state = cases[i].after & 0xf;
            CHECK_EQ(hvm_ioreq_complete(vcpu(0), &data), cases[i].after == STATE_IORESP_READY);
            CHECK_EQ(world.crashes, cases[i].crash);
            end();
        }
    }
    TEST("a slot in use before anything is sent")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);

        slot->state = STATE_IORESP_READY;
        CHECK_EQ(send(in(0x110, 1)), IOREQ_NONE);
        CHECK_EQ(world.crashes, 1);
        CHECK(!asleep(0) && !hvm_ioreq_pending(vcpu(0)));
        end();
    }
    TEST("the rest of the page is the model's to write: our port is what we made")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);
        const uint32_t port = slot->vp_eport;

        memset(slot, 0xff, PAGE_SIZE);
        slot->state = STATE_IOREQ_NONE;
        CHECK_EQ(send(in(0x110, 1)), IOREQ_WAIT);
        CHECK_EQ(slot->vp_eport, port);
        memset(slot, 0xff, sizeof(*slot));
        slot->state = STATE_IORESP_READY;
        CHECK(hvm_ioreq_complete(vcpu(0), &data));
        CHECK_EQ(data, 0xff);
        CHECK_EQ(slot->vp_eport, port);
        end();
    }
}

static void test_queue(void)
{
    ioservid_t id;

    TEST("writes to the VGA window wait for nobody")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);
        struct buffered_iopage *q = frame(id, 0);

        CHECK_EQ(send(mmio(0xb8004, 2, true, 0x741)), IOREQ_DONE);
        CHECK(!asleep(0));
        CHECK(dw_event_pending(queue_local));
        CHECK_EQ(q->write_pointer, 1);
        CHECK_EQ(q->buf_ioreq[0].type, IOREQ_TYPE_COPY);
        CHECK_EQ(q->buf_ioreq[0].dir, IOREQ_WRITE);
        CHECK_EQ(q->buf_ioreq[0].size, 1);
        CHECK_EQ(q->buf_ioreq[0].addr, 0xb8004);
        CHECK_EQ(q->buf_ioreq[0].data, 0x741);
        CHECK_EQ(send(mmio(0xa0000, 8, true, 0x1122334455667788)), IOREQ_DONE);
        CHECK_EQ(q->write_pointer, 3);
        CHECK_EQ(q->buf_ioreq[1].size, 3);
        CHECK_EQ(q->buf_ioreq[1].data, 0x55667788);
        CHECK_EQ(q->buf_ioreq[2].size, 3);
        CHECK_EQ(q->buf_ioreq[2].data, 0x11223344);
        /* what is not a plain write there goes the other way */
        CHECK_EQ(send(mmio(0xb8004, 2, false, 0)), IOREQ_WAIT);
        answer(slot, 0);
        struct ioreq_access a = mmio(0xb8004, 2, true, 0);

        a.count = 2;
        CHECK_EQ(send(a), IOREQ_WAIT);
        answer(slot, 0);
        a.count = 1;
        a.data_is_ptr = true;
        CHECK_EQ(send(a), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(send(mmio(0xf0000000, 2, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(send(mmio(0xbfffe, 4, true, 0)), IOREQ_NONE);
        CHECK_EQ(send(mmio(0xb8000, 3, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        dw_dom->arch.hvm->emulation &= ~XEN_X86_EMU_VGA;
        CHECK_EQ(send(mmio(0xb8004, 2, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(q->write_pointer, 3);
        end();
    }
    TEST("a full queue: the write is sent; 8 bytes need two slots")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);
        struct buffered_iopage *q = frame(id, 0);

        for (unsigned int i = 0; i < QUEUE_SLOTS - 1; i++)
            if (send(mmio(0xa0000, 1, true, i)) != IOREQ_DONE)
                CHECK(false);
        CHECK_EQ(send(mmio(0xa0000, 8, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(send(mmio(0xa0000, 4, true, 1)), IOREQ_DONE);
        CHECK_EQ(send(mmio(0xa0000, 4, true, 1)), IOREQ_WAIT);
        answer(slot, 0);
        q->read_pointer += 1;
        CHECK_EQ(send(mmio(0xa0000, 4, true, 2)), IOREQ_DONE);
        CHECK_EQ(q->buf_ioreq[0].data, 2);
        end();
    }
    TEST("both pointers are set back together, and slots keep their order")
    {
        dw_start(1);
        ready(&id);
        struct buffered_iopage *q = frame(id, 0);
        uint32_t expected = 0;

        for (unsigned int i = 0; i < 5000; i++) {
            if (send(mmio(0xa0000, 4, true, i)) != IOREQ_DONE)
                CHECK(false);
            for (unsigned int n = i % 3; n-- && q->read_pointer != q->write_pointer;) {
                if (q->buf_ioreq[q->read_pointer % QUEUE_SLOTS].data != expected++)
                    CHECK(false);
                q->read_pointer++;
            }
            if (q->write_pointer > 2 * QUEUE_SLOTS)
                CHECK(false);
        }
        end();
    }
    TEST("a server of the old kind keeps its pointers")
    {
        dw_start(1);
        CHECK_EQ(create(HVM_IOREQSRV_BUFIOREQ_LEGACY, &id), 0);
        CHECK_EQ(map(id, XEN_DMOP_IO_RANGE_MEMORY, 0xa0000, 0xbffff), 0);
        struct buffered_iopage *q = frame(id, 0);

        CHECK_EQ(enable(id, true), 0);
        for (unsigned int i = 0; i < 2000; i++) {
            if (send(mmio(0xa0000, 4, true, i)) != IOREQ_DONE)
                CHECK(false);
            q->read_pointer++;
        }
        CHECK_EQ(q->write_pointer, 2000);
        end();
    }
    TEST("nonsense in the pointers: at worst the queue is full")
    {
        dw_start(1);
        struct ioreq *slot = ready(&id);
        struct buffered_iopage *q = frame(id, 0);

        q->read_pointer = 1;
        CHECK_EQ(send(mmio(0xa0000, 4, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        q->read_pointer = 0x80000000;
        q->write_pointer = 0x80000100;
        CHECK_EQ(send(mmio(0xa0000, 4, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        q->read_pointer = 0;
        q->write_pointer = 12345;
        CHECK_EQ(send(mmio(0xa0000, 4, true, 77)), IOREQ_DONE);
        CHECK_EQ(q->write_pointer, 1);
        CHECK_EQ(q->buf_ioreq[0].data, 77);
        q->read_pointer = 511;
        CHECK_EQ(send(mmio(0xa0000, 4, true, 0)), IOREQ_WAIT);
        answer(slot, 0);
        CHECK_EQ(world.crashes, 0);
        end();
    }
    TEST("broadcast through the queue")
    {
        dw_start(1);
        ready(&id);
        struct buffered_iopage *q = frame(id, 0);
        const struct ioreq_access a = { .type = IOREQ_TYPE_TIMEOFFSET, .write = true, .size = 8,
                                        .count = 1, .data = 0x100000002 };

        CHECK_EQ(hvm_ioreq_broadcast(vcpu(0), &a, true), IOREQ_DONE);
        CHECK_EQ(q->buf_ioreq[0].type, IOREQ_TYPE_TIMEOFFSET);
        CHECK_EQ(q->buf_ioreq[0].data, 2);
        CHECK_EQ(q->buf_ioreq[1].data, 1);
        CHECK(!asleep(0));
        end();
    }
}

int main(void)
{
    test_life();
    test_guest_frames();
    test_ranges();
    test_selection();
    test_requests();
    test_race();
    test_hostile_slots();
    test_queue();
    return check_exit();
}
