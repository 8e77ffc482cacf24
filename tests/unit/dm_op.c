/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/ioreq.c arch/x86/hvm/ioreq_page.c arch/x86/hvm/ioreq_queue.c */
/* links: arch/x86/hvm/ioreq_range.c arch/x86/hvm/ioreq_server.c arch/x86/hvm/dm_op.c */
/* links: arch/x86/hvm/dm_memory.c arch/x86/hvm/params.c */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c core/compat.c core/rangeset.c core/lock.c */
/* links: tests/host/world.c tests/host/dm_world.c */
/* dm_op: its arguments and who may call, and the operations that are not about ioreq servers. */
#include "check.h"

#include "../host/dm_world.h"

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/hypercall.h>

static struct xen_dm_op op, buffer;
static struct xen_dm_op_buf bufs[3];
static struct { uint32_t h, size; } bufs32[2];

static void end(void) { CHECK_EQ(dw_end(), 0); }

static long call(struct domain *d, domid_t domid, uint64_t nr, const void *list)
{
    const uint64_t arg[6] = { domid, nr, world_addr(list) };

    world_run(d->vcpu[0]);
    return hc_dm_op(d->vcpu[0], arg);
}

static void start(void)
{
    dw_start(2);
    world_buffer(&buffer, sizeof(buffer));
    world_buffer(bufs, sizeof(bufs));
    world_buffer(bufs32, sizeof(bufs32));
    buffer = (struct xen_dm_op){ .op = XEN_DMOP_nr_vcpus };
    bufs[0].h.p = &buffer;
    bufs[0].size = sizeof(buffer);
}

/* The operation, with the part of it that o is. */
#define OP(code, member, ...)                                                               \
    ({                                                                                      \
        op = (struct xen_dm_op){ .op = XEN_DMOP_##code };                                   \
        op.u.member = (__typeof__(op.u.member)){ __VA_ARGS__ };                             \
        dw_dm_op(&op, NULL, 0);                                                             \
    })

static void test_arguments(void)
{
    TEST("who may call, and for whom")
    {
        start();
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), 0);
        CHECK_EQ(buffer.u.nr_vcpus.vcpus, 2);
        CHECK_EQ(call(dw_dom, DW_HVM, 1, bufs), -EPERM);
        CHECK_EQ(call(dw_dom, 0, 1, bufs), -EPERM);
        CHECK_EQ(call(dw_dm, 0, 1, bufs), -EPERM);
        CHECK_EQ(call(dw_dm, DOMID_SELF, 1, bufs), -ESRCH);
        CHECK_EQ(call(dw_dm, 77, 1, bufs), -ESRCH);
        world_domain(3, 1);
        CHECK_EQ(call(dw_dm, 3, 1, bufs), -EINVAL);
        end();
    }
    TEST("buffers: too many, none, too short, not there")
    {
        start();
        CHECK_EQ(call(dw_dm, DW_HVM, 3, bufs), -E2BIG);
        CHECK_EQ(call(dw_dm, DW_HVM, 0, bufs), -EFAULT);
        CHECK_EQ(call(dw_dm, DW_HVM, 1, NULL), -EFAULT);
        bufs[0].size = 7;
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), -EFAULT);
        bufs[0].size = 8 + sizeof(struct xen_dm_op_nr_vcpus) - 1;
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), -EFAULT);
        bufs[0].size++;
        buffer.u.nr_vcpus.vcpus = 9;
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), 0);
        CHECK_EQ(buffer.u.nr_vcpus.vcpus, 2);
        bufs[0].size = ~0UL;
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), 0);
        bufs[0].h.p = (void *)8;
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), -EFAULT);
        end();
    }
    TEST("operations that are not there, and padding")
    {
        start();
        for (uint32_t code = 0; code < 64; code++) {
            buffer = (struct xen_dm_op){ .op = code };
            if (code == 0 || code == XEN_DMOP_set_irq_level || code > XEN_DMOP_nr_vcpus)
                CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), -EOPNOTSUPP);
            buffer.pad = 1;
            if (code > 0 && code != XEN_DMOP_set_irq_level && code <= XEN_DMOP_nr_vcpus)
                CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), -EINVAL);
        }
        buffer = (struct xen_dm_op){ .op = ~0U };
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs), -EOPNOTSUPP);
        CHECK_EQ(OP(create_ioreq_server, create_ioreq_server, .pad = { 0, 1 }), -EINVAL);
        CHECK_EQ(OP(map_io_range_to_ioreq_server, map_io_range_to_ioreq_server, .pad = 1), -EINVAL);
        CHECK_EQ(OP(set_ioreq_server_state, set_ioreq_server_state, .pad = 1), -EINVAL);
        CHECK_EQ(OP(destroy_ioreq_server, destroy_ioreq_server, .pad = 1), -EINVAL);
        end();
    }
    TEST("a 32-bit caller's list of buffers")
    {
        start();
        dw_dm->is_32bit = true;
        bufs32[0].h = (uint32_t)world_addr(&buffer);
        bufs32[0].size = sizeof(buffer);
        bufs32[1] = bufs32[0];
        CHECK_EQ(call(dw_dm, DW_HVM, 1, bufs32), 0);
        CHECK_EQ(buffer.u.nr_vcpus.vcpus, 2);
        CHECK_EQ(call(dw_dm, DW_HVM, 2, bufs32), 0);
        bufs32[1].h = 0; /* not looked at by this operation */
        CHECK_EQ(call(dw_dm, DW_HVM, 2, bufs32), 0);
        dw_dm->is_32bit = false;
        end();
    }
}

static void test_wires(void)
{
    TEST("ISA, PCI INTx, links, MSI")
    {
        start();
        CHECK_EQ(OP(set_isa_irq_level, set_isa_irq_level, .isa_irq = 5, .level = 1), 0);
        CHECK_EQ(dw.isa_level, 1U << 5);
        CHECK_EQ(OP(set_isa_irq_level, set_isa_irq_level, .isa_irq = 16, .level = 1), -EINVAL);
        CHECK_EQ(OP(set_isa_irq_level, set_isa_irq_level, .isa_irq = 5, .level = 2), -EINVAL);
        CHECK_EQ(OP(set_isa_irq_level, set_isa_irq_level, .isa_irq = 5), 0);
        CHECK_EQ(dw.isa_level, 0);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .device = 3, .intx = 1, .level = 1), 0);
        CHECK_EQ(dw.intx_level, 1U << 13);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .device = 3, .intx = 1), 0);
        CHECK_EQ(dw.intx_level, 0);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .domain = 1), -EINVAL);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .bus = 1), -EINVAL);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .device = 32), -EINVAL);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .intx = 4), -EINVAL);
        CHECK_EQ(OP(set_pci_intx_level, set_pci_intx_level, .level = 2), -EINVAL);
        CHECK_EQ(OP(set_pci_link_route, set_pci_link_route, .link = 2, .isa_irq = 11), 0);
        CHECK_EQ(dw.link[2], 11);
        CHECK_EQ(OP(set_pci_link_route, set_pci_link_route, .link = 4), -EINVAL);
        CHECK_EQ(OP(set_pci_link_route, set_pci_link_route, .isa_irq = 16), -EINVAL);
        CHECK_EQ(OP(inject_msi, inject_msi, .addr = 0xfee01000, .data = 0x41), 0);
        CHECK(dw.msi_addr == 0xfee01000 && dw.msi_data == 0x41);
        CHECK_EQ(OP(inject_msi, inject_msi, .addr = 0xfee01000, .pad = 1), -EINVAL);
        /* The offset is enough. */
        CHECK_EQ(OP(inject_msi, inject_msi, .addr = 0x2000, .data = 0x42), 0);
        CHECK(dw.msi_addr == 0xfee02000 && dw.msi_data == 0x42);
        end();
    }
    TEST("shutdown")
    {
        start();
        CHECK_EQ(OP(remote_shutdown, remote_shutdown, .reason = SHUTDOWN_crash), 0);
        CHECK(dw.shutdowns == 1 && dw.last_shutdown == SHUTDOWN_crash);
        CHECK_EQ(OP(remote_shutdown, remote_shutdown, .reason = 200), 0);
        CHECK_EQ(OP(remote_shutdown, remote_shutdown, .reason = 256), -EINVAL);
        CHECK_EQ(dw.shutdowns, 2);
        end();
    }
}

static void test_events(void)
{
    struct hvm_cpu *cpu;

    TEST("an event is taken once, when no other waits")
    {
        start();
        cpu = &dw_dom->vcpu[1]->arch.hvm->cpu;
        hvm_dm_event_sync(dw_dom->vcpu[1]);
        CHECK_EQ(cpu->event.vector, (int16_t)-1);
        CHECK_EQ(OP(inject_event, inject_event, .vcpuid = 1, .vector = 14, .insn_len = 0,
                    .type = XEN_DMOP_EVENT_hw_exc, .error_code = 6, .cr2 = 0x1234), 0);
        CHECK_EQ(world.last_kicked, dw_dom->vcpu[1]);
        CHECK_EQ(OP(inject_event, inject_event, .vcpuid = 1, .vector = 3,
                    .type = XEN_DMOP_EVENT_sw_exc, .error_code = ~0U), -EBUSY);
        cpu->event.vector = 0x30;
        hvm_dm_event_sync(dw_dom->vcpu[1]);
        CHECK_EQ(cpu->event.vector, 0x30);
        cpu->event.vector = -1;
        hvm_dm_event_sync(dw_dom->vcpu[1]);
        CHECK_EQ(cpu->event.vector, 14);
        CHECK_EQ(cpu->event.type, HVM_EVENT_EXCEPTION);
        CHECK(cpu->event.has_error && cpu->event.error == 6);
        CHECK_EQ(cpu->cr2, 0x1234);
        cpu->event.vector = -1;
        hvm_dm_event_sync(dw_dom->vcpu[1]);
        CHECK_EQ(cpu->event.vector, (int16_t)-1);
        CHECK_EQ(OP(inject_event, inject_event, .vcpuid = 1, .vector = 3, .insn_len = 1,
                    .type = XEN_DMOP_EVENT_sw_exc, .error_code = ~0U), 0);
        hvm_dm_event_sync(dw_dom->vcpu[1]);
        CHECK(cpu->event.vector == 3 && cpu->event.type == HVM_EVENT_EXCEPTION &&
              !cpu->event.has_error && cpu->event.length == 1);
        cpu->event.vector = -1;
        CHECK_EQ(OP(inject_event, inject_event, .vcpuid = 1, .type = XEN_DMOP_EVENT_nmi), 0);
        hvm_dm_event_sync(dw_dom->vcpu[1]);
        CHECK(dw.nmis == 1 && cpu->event.vector == -1);
        end();
    }
    TEST("events: errors")
    {
        start();
        CHECK_EQ(OP(inject_event, inject_event, .vcpuid = 2, .vector = 32), -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .vcpuid = ~0U, .vector = 32), -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .type = 1), -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .type = 7), -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .type = 3, .vector = 32), -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .type = 4, .vector = 0x80, .insn_len = 16),
                 -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .pad0 = 1), -EINVAL);
        CHECK_EQ(OP(inject_event, inject_event, .pad1 = 1), -EINVAL);
        end();
    }
}

static long mem_type(uint64_t first, uint32_t nr, uint16_t type)
{
    return OP(set_mem_type, set_mem_type, .first_pfn = first, .nr = nr, .mem_type = type);
}

static uint64_t filled_gfn;
static void guest_fills(void) { dw_ram(filled_gfn); }

static void test_memory(void)
{
    TEST("types of memory")
    {
        start();
        for (unsigned int i = 4; i < 8; i++)
            dw_ram(i);
        CHECK_EQ(mem_type(4, 4, HVMMEM_ram_ro), 0);
        CHECK(dw_p2m[4].type == P2M_RAM_RO && dw_p2m[7].type == P2M_RAM_RO);
        CHECK_EQ(mem_type(4, 4, HVMMEM_ram_rw), 0);
        CHECK_EQ(dw_p2m[7].type, P2M_RAM);
        CHECK_EQ(mem_type(10, 1, HVMMEM_mmio_dm), 0);
        CHECK_EQ(dw_p2m[10].type, P2M_MMIO_DM);
        CHECK_EQ(mem_type(4, 1, HVMMEM_mmio_dm), -EOPNOTSUPP);
        CHECK_EQ(mem_type(11, 1, HVMMEM_ram_ro), -EINVAL);
        CHECK_EQ(mem_type(10, 1, HVMMEM_ram_rw), -EINVAL);
        CHECK_EQ(mem_type(4, 0, HVMMEM_ram_ro), -EINVAL);
        CHECK_EQ(mem_type(DW_GFNS - 1, 2, HVMMEM_ram_ro), -EINVAL);
        CHECK_EQ(mem_type(DW_GFNS, 1, HVMMEM_ram_ro), -EINVAL);
        CHECK_EQ(mem_type(~0ULL, 2, HVMMEM_ram_ro), -EINVAL);
        CHECK_EQ(mem_type(4, 1, HVMMEM_unused), -EINVAL);
        CHECK_EQ(mem_type(4, 1, 5), -EINVAL);
        CHECK_EQ(mem_type(4, 1, HVMMEM_ioreq_server), -EINVAL);
        CHECK_EQ(OP(set_mem_type, set_mem_type, .nr = 1, .pad = 1), -EINVAL);
        filled_gfn = 12;
        dw.before_p2m_set = guest_fills;
        CHECK_EQ(mem_type(12, 1, HVMMEM_mmio_dm), -EAGAIN);
        CHECK_EQ(dw_p2m[12].type, P2M_RAM);
        end();
    }
    TEST("relocating memory")
    {
        start();
        const mfn_t mfn = page_to_mfn(dw_ram(4));

        dw_ram(5);
        CHECK_EQ(OP(relocate_memory, relocate_memory, .size = 2, .src_gfn = 4, .dst_gfn = 20), 0);
        CHECK_EQ(dw_p2m[20].mfn.n, mfn.n);
        CHECK(dw_p2m[4].type == P2M_NONE && dw_p2m[5].type == P2M_NONE && dw.moves == 2);
        CHECK_EQ(OP(relocate_memory, relocate_memory, .size = 1, .src_gfn = 4, .dst_gfn = 20),
                 -EINVAL);
        CHECK_EQ(OP(relocate_memory, relocate_memory, .size = 5, .src_gfn = ~0ULL, .dst_gfn = 4),
                 -EINVAL);
        CHECK_EQ(OP(relocate_memory, relocate_memory, .size = 1, .pad = 1), -EINVAL);
        CHECK_EQ(OP(relocate_memory, relocate_memory, .src_gfn = 4, .dst_gfn = 4), 0);
        CHECK_EQ(dw.moves, 2);
        end();
    }
    TEST("long ones go on where they stopped")
    {
        start();
        world.preempt_at = 1;
        for (unsigned int i = 0; i < 600; i++)
            dw_ram(i);
        CHECK_EQ(mem_type(0, 600, HVMMEM_ram_ro), 0);
        CHECK_EQ(world.preempts, 2);
        CHECK(dw_p2m[0].type == P2M_RAM_RO && dw_p2m[599].type == P2M_RAM_RO);
        CHECK_EQ(OP(relocate_memory, relocate_memory, .size = 600, .src_gfn = 0, .dst_gfn = 0), 0);
        CHECK_EQ(dw.moves, 600);
        CHECK(world.preempts > 3);
        end();
    }
    TEST("the frame buffer: all of it at the first call, then what was written")
    {
        start();
        uint64_t bitmap[4] = { 0 };

        op = (struct xen_dm_op){ .op = XEN_DMOP_track_dirty_vram };
        CHECK_EQ(dw_dm_op(&op, NULL, 0), -EINVAL);
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), 0);
        op.u.track_dirty_vram.nr = 64;
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), 0);
        CHECK(bitmap[0] == ~0ULL && bitmap[1] == 0);
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), 0);
        CHECK(bitmap[0] == 0x9249249249249249 && bitmap[1] == 0);
        op.u.track_dirty_vram.nr = 65; /* another: the last byte is whole */
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), -EINVAL);
        CHECK_EQ(dw_dm_op(&op, bitmap, 9), 0);
        CHECK(bitmap[0] == ~0ULL && bitmap[1] == 0xff);
        CHECK_EQ(dw_dm_op(&op, bitmap, 9), 0);
        CHECK(bitmap[1] == 0);
        op.u.track_dirty_vram.nr = ~0U;
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), -EINVAL);
        op.u.track_dirty_vram.nr = 1;
        op.u.track_dirty_vram.first_pfn = DW_GFNS;
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), -EINVAL);
        op.u.track_dirty_vram.pad = 1;
        CHECK_EQ(dw_dm_op(&op, bitmap, 8), -EINVAL);
        CHECK_EQ(OP(pin_memory_cacheattr, pin_memory_cacheattr, .type = 6), -EOPNOTSUPP);
        end();
    }
    TEST("memory that the device model has written to")
    {
        struct xen_dm_op_modified_memory_extent ext[3] = {
            { .nr = 2, .first_pfn = 4 }, { .nr = 0, .first_pfn = 9 }, { .nr = 600, .first_pfn = 20 }
        };

        start();
        for (unsigned int i = 0; i < DW_GFNS; i++) {
            dw_ram(i);
            dw_p2m[i].type = P2M_LOGDIRTY;
        }
        op = (struct xen_dm_op){ .op = XEN_DMOP_modified_memory };
        op.u.modified_memory.nr_extents = 3;
        CHECK_EQ(dw_dm_op(&op, ext, sizeof(ext)), 0); /* nobody asks */
        CHECK_EQ(dw_p2m[4].type, P2M_LOGDIRTY);
        CHECK_EQ(dw_dm_op(&op, ext, sizeof(ext) - 1), -EINVAL);
        CHECK_EQ(dw_dm_op(&op, NULL, 0), -EINVAL);
        dw_dom->arch.hvm->p2m.dirty.active = true;
        world.preempt_at = 1;
        CHECK_EQ(dw_dm_op(&op, ext, sizeof(ext)), 0);
        CHECK(world.preempts > 2);
        for (unsigned int i = 0; i < DW_GFNS; i++)
            CHECK_EQ(dw_p2m[i].type == P2M_RAM, i == 4 || i == 5 || (i >= 20 && i < 620));
        world.preempt_at = 0;
        op.u.modified_memory.nr_extents = 3;
        ext[2].first_pfn = DW_GFNS - 599;
        CHECK_EQ(dw_dm_op(&op, ext, sizeof(ext)), -EINVAL);
        ext[2].first_pfn = ~0ULL;
        CHECK_EQ(dw_dm_op(&op, ext, sizeof(ext)), -EINVAL);
        ext[2].first_pfn = 20;
        ext[2].pad = 1;
        CHECK_EQ(dw_dm_op(&op, ext, sizeof(ext)), -EINVAL);
        end();
    }
    TEST("memory that gets its frame on demand has it before its type changes")
    {
        start();
        dw_p2m[7] = (struct p2m_entry){ .mfn = INVALID_MFN, .type = P2M_POD };
        CHECK_EQ(mem_type(7, 1, HVMMEM_ram_ro), 0);
        CHECK_EQ(dw_p2m[7].type, P2M_RAM_RO);
        end();
    }
}

int main(void)
{
    test_arguments();
    test_wires();
    test_events();
    test_memory();
    return check_exit();
}
