/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/ioreq.c arch/x86/hvm/ioreq_page.c arch/x86/hvm/ioreq_queue.c */
/* links: arch/x86/hvm/ioreq_range.c arch/x86/hvm/ioreq_server.c arch/x86/hvm/dm_op.c */
/* links: arch/x86/hvm/dm_memory.c arch/x86/hvm/params.c arch/x86/hvm/hvm_op.c */
/* links: core/evtchn.c core/evtchn_2l.c core/evtchn_2l_32.c core/evtchn_fifo.c core/evtchn_op.c */
/* links: core/virq.c core/compat.c core/rangeset.c core/lock.c */
/* links: tests/host/world.c tests/host/dm_world.c */
/* hvm_op: rights and values of every parameter, and its other operations. */
#include "check.h"

#include "../host/dm_world.h"

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/hypercall.h>

static union {
    struct xen_hvm_param param;
    struct xen_hvm_get_time time;
    struct xen_hvm_get_mem_type type;
    struct xen_hvm_evtchn_upcall_vector vector;
} a;

static void start(void)
{
    dw_start(2);
    world_buffer(&a, sizeof(a));
}

static void end(void) { CHECK_EQ(dw_end(), 0); }

static long call(struct domain *by, uint64_t op, const void *arg)
{
    const uint64_t args[6] = { op, world_addr(arg) };

    world_run(by->vcpu[0]);
    return hc_hvm_op(by->vcpu[0], args);
}

static long set(struct domain *by, uint32_t index, uint64_t val)
{
    a.param = (struct xen_hvm_param){ .domid = DW_HVM, .index = index, .value = val };
    return call(by, HVMOP_set_param, &a);
}

static long get(struct domain *by, uint32_t index)
{
    a.param = (struct xen_hvm_param){ .domid = DW_HVM, .index = index, .value = 0xdead };
    return call(by, HVMOP_get_param, &a);
}

/* By index: may the guest set it, may it read it; '-' there is none. A value that can be set. */
static const struct { char set, get; uint64_t val; } expected[HVM_NR_PARAMS] = {
    [0] = { 'y', 'y', 2ULL << 56 | 0xf3 }, [1] = { 'n', 'y', 7 }, [2] = { 'y', 'y', 7 },
    [3] = { '-', '-', 0 }, [4] = { '-', '-', 0 }, [5] = { 'n', 'n', 7 }, [6] = { 'n', 'n', 7 },
    [7] = { '-', '-', 0 }, [8] = { '-', '-', 0 }, [9] = { 'n', 'n', 0x1fff },
    [10] = { 'n', 'n', 2 },
    [11] = { 'n', 'n', 1 }, [12] = { 'n', 'n', 7 }, [13] = { '-', '-', 0 }, [14] = { 'n', 'n', 0 },
    [15] = { 'y', 'y', 0x1000 }, [16] = { 'n', 'n', 1 }, [17] = { 'n', 'y', 7 },
    [18] = { 'y', 'y', 7 },
    [19] = { 'y', 'y', 1 }, [20] = { '-', '-', 0 }, [21] = { '-', '-', 0 }, [22] = { '-', '-', 0 },
    [23] = { '-', '-', 0 }, [24] = { '-', '-', 0 }, [25] = { '-', '-', 0 }, [26] = { '-', '-', 0 },
    [27] = { 'n', 'n', 7 }, [28] = { 'n', 'n', 7 }, [29] = { 'n', 'n', 7 }, [30] = { '-', '-', 0 },
    [31] = { 'n', 'n', 3 }, [32] = { 'n', 'n', 7 }, [33] = { 'n', 'n', 8 }, [34] = { 'y', 'y', 7 },
    [35] = { 'n', 'y', 0 }, [36] = { 'y', 'y', 8 }, [37] = { 'y', 'y', 128ULL << 32 | 0x1000 },
    [38] = { 'n', 'n', 0 },
};

static void test_rights(void)
{
    TEST("rights of every parameter, of the domain itself and of the toolstack")
    {
        for (uint32_t i = 0; i < HVM_NR_PARAMS; i++) {
            const bool none = expected[i].set == '-';
            const long ok = 0;

            start();
            CHECK_EQ(get(dw_dom, i), none ? -EINVAL : expected[i].get == 'y' ? 0 : -EPERM);
            CHECK_EQ(get(dw_dm, i), none ? -EINVAL : 0);
            CHECK_EQ(set(dw_dom, i, expected[i].val),
                     none ? -EINVAL : expected[i].set == 'y' ? ok : -EPERM);
            CHECK_EQ(set(dw_dm, i, expected[i].val), none ? -EINVAL : ok);
            CHECK_EQ(get(dw_dm, i), none ? -EINVAL : 0);
            if (!none)
                CHECK_EQ(a.param.value, expected[i].val);
            end();
        }
    }
    TEST("whom it is about")
    {
        start();
        CHECK_EQ(set(dw_dm, HVM_NR_PARAMS, 0), -EINVAL);
        CHECK_EQ(get(dw_dm, ~0U), -EINVAL);
        CHECK_EQ(call(dw_dm, HVMOP_get_param, NULL), -EFAULT);
        struct domain *pv = world_domain(2, 1);

        CHECK_EQ(get(pv, 0), -EPERM);
        CHECK_EQ(set(pv, 0, 0), -EPERM);
        a.param = (struct xen_hvm_param){ .domid = 2 };
        CHECK_EQ(call(dw_dm, HVMOP_get_param, &a), -EINVAL);
        a.param.domid = 99;
        CHECK_EQ(call(dw_dm, HVMOP_get_param, &a), -ESRCH);
        a.param = (struct xen_hvm_param){ .domid = DOMID_SELF, .index = HVM_PARAM_STORE_PFN };
        CHECK_EQ(call(dw_dom, HVMOP_get_param, &a), 0);
        CHECK_EQ(call(dw_dm, HVMOP_get_param, &a), -EINVAL); /* PV itself */
        end();
    }
}

static void test_values(void)
{
    struct hvm_domain *h;

    TEST("defaults")
    {
        start();
        CHECK_EQ(get(dw_dm, HVM_PARAM_TIMER_MODE), 0);
        CHECK_EQ(a.param.value, HVMPTM_no_delay_for_missed_ticks);
        CHECK_EQ(get(dw_dm, HVM_PARAM_TRIPLE_FAULT_REASON), 0);
        CHECK_EQ(a.param.value, SHUTDOWN_reboot);
        CHECK_EQ(get(dw_dm, HVM_PARAM_X87_FIP_WIDTH), 0);
        CHECK_EQ(a.param.value, 8);
        end();
    }
    TEST("set once")
    {
        static const uint8_t once[] = { HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN,
                                        HVM_PARAM_IOREQ_SERVER_PFN,
                                        HVM_PARAM_NR_IOREQ_SERVER_PAGES };

        start();
        for (unsigned int i = 0; i < sizeof(once); i++) {
            CHECK_EQ(set(dw_dm, once[i], 8), 0);
            CHECK_EQ(set(dw_dm, once[i], 8), 0);
            CHECK_EQ(set(dw_dm, once[i], 9), -EEXIST);
            CHECK_EQ(set(dw_dm, once[i], 0), -EEXIST);
        }
        end();
    }
    TEST("values that are refused, and what the others do")
    {
        start();
        h = dw_dom->arch.hvm;
        CHECK_EQ(set(dw_dom, HVM_PARAM_CALLBACK_IRQ, 3ULL << 56), -EINVAL);
        CHECK(dw.callback == 0 && dw.latches == 0);
        CHECK_EQ(set(dw_dm, HVM_PARAM_CALLBACK_IRQ, 1), 0);
        CHECK(dw.callback == 1 && dw.latches == 0);
        CHECK_EQ(set(dw_dom, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3), 0);
        CHECK_EQ(dw.latches, 1);
        CHECK_EQ(set(dw_dm, HVM_PARAM_TIMER_MODE, 4), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_TIMER_MODE, 3), 0);
        CHECK_EQ(h->timer_mode, 3);
        CHECK_EQ(set(dw_dm, HVM_PARAM_HPET_ENABLED, 1), 0);
        CHECK(h->hpet_enabled);
        CHECK_EQ(set(dw_dm, HVM_PARAM_VPT_ALIGN, 1), 0);
        CHECK(h->align_ticks);
        CHECK_EQ(set(dw_dm, HVM_PARAM_ACPI_S_STATE, 3), -EOPNOTSUPP);
        CHECK_EQ(set(dw_dm, HVM_PARAM_ACPI_S_STATE, 1), -EINVAL);
        CHECK_EQ(set(dw_dom, HVM_PARAM_ACPI_IOPORTS_LOCATION, 2), -EINVAL);
        h->emulation = XEN_X86_EMU_LAPIC;
        CHECK_EQ(set(dw_dom, HVM_PARAM_ACPI_IOPORTS_LOCATION, 1), -ENODEV);
        CHECK_EQ(set(dw_dm, HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_MAX + 1), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_NR_IOREQ_SERVER_PAGES, 0), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_NR_IOREQ_SERVER_PAGES, 65), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_ALTP2M, 1), -EOPNOTSUPP);
        CHECK_EQ(set(dw_dm, HVM_PARAM_ALTP2M, 4), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_MCA_CAP, 1), -EOPNOTSUPP);
        CHECK_EQ(set(dw_dm, HVM_PARAM_MCA_CAP, 2), -EINVAL);
        CHECK_EQ(set(dw_dom, HVM_PARAM_X87_FIP_WIDTH, 4), -EOPNOTSUPP);
        CHECK_EQ(set(dw_dom, HVM_PARAM_X87_FIP_WIDTH, 5), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_VIRIDIAN, 2), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_VIRIDIAN, 0x2001), -EINVAL);
        CHECK_EQ(set(dw_dm, HVM_PARAM_VIRIDIAN, 5), 0);
        CHECK_EQ(set(dw_dm, HVM_PARAM_VIRIDIAN, 7), -EEXIST);
        end();
    }
    TEST("the TSS by its two names")
    {
        start();
        CHECK_EQ(set(dw_dom, HVM_PARAM_VM86_TSS, 0x12345000), 0);
        CHECK_EQ(get(dw_dom, HVM_PARAM_VM86_TSS_SIZED), 0);
        CHECK_EQ(a.param.value, 104ULL << 32 | 0x12345000);
        CHECK_EQ(set(dw_dom, HVM_PARAM_VM86_TSS_SIZED, 128ULL << 32 | 0x1000), 0);
        CHECK_EQ(get(dw_dom, HVM_PARAM_VM86_TSS), 0);
        CHECK_EQ(a.param.value, 0x1000);
        CHECK_EQ(set(dw_dom, HVM_PARAM_VM86_TSS, 1ULL << 32), -EINVAL);
        CHECK_EQ(set(dw_dom, HVM_PARAM_VM86_TSS_SIZED, 103ULL << 32 | 0x1000), -EINVAL);
        CHECK_EQ(set(dw_dom, HVM_PARAM_VM86_TSS_SIZED, 128ULL << 32 | 0xffffff81), -EINVAL);
        CHECK_EQ(set(dw_dom, HVM_PARAM_VM86_TSS_SIZED, 128ULL << 32 | 0xffffff80), 0);
        end();
    }
}

static void test_others(void)
{
    TEST("the other operations")
    {
        start();
        CHECK_EQ(call(dw_dom, HVMOP_get_time, &a), 0);
        CHECK_EQ(a.time.now, 123456789);
        CHECK_EQ(call(dw_dom, HVMOP_get_time, NULL), -EFAULT);
        CHECK_EQ(call(dw_dom, HVMOP_flush_tlbs, NULL), 0);
        CHECK_EQ(dw.flushes, 1);
        CHECK_EQ(call(dw_dom, HVMOP_flush_tlbs, &a), -EINVAL);
        CHECK_EQ(call(dw_dm, HVMOP_flush_tlbs, NULL), -EINVAL);
        CHECK_EQ(call(dw_dom, HVMOP_pagetable_dying, &a), -ENOSYS);
        CHECK_EQ(call(dw_dom, HVMOP_xentrace, &a), -ENOSYS);
        CHECK_EQ(call(dw_dom, HVMOP_altp2m, &a), -EOPNOTSUPP);
        CHECK_EQ(call(dw_dom, HVMOP_guest_request_vm_event, NULL), 0);
        CHECK_EQ(call(dw_dom, HVMOP_guest_request_vm_event, &a), -EINVAL);
        for (unsigned int old = 2; old < 5; old++)
            CHECK_EQ(call(dw_dom, old, &a), -ENOSYS);
        CHECK_EQ(call(dw_dom, ~0ULL, &a), -ENOSYS);
        a.vector = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 1, .vector = 0x40 };
        CHECK_EQ(call(dw_dom, HVMOP_set_evtchn_upcall_vector, &a), 0);
        CHECK_EQ(dw_dom->vcpu[1]->arch.hvm->upcall_vector, 0x40);
        CHECK_EQ(call(dw_dm, HVMOP_set_evtchn_upcall_vector, &a), -EINVAL);
        a.vector.vector = 15;
        CHECK_EQ(call(dw_dom, HVMOP_set_evtchn_upcall_vector, &a), -EINVAL);
        a.vector = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 2, .vector = 0x40 };
        CHECK_EQ(call(dw_dom, HVMOP_set_evtchn_upcall_vector, &a), -ENOENT);
        end();
    }
    TEST("types of memory")
    {
        static const uint8_t types[P2M_NR_TYPES] = {
            [P2M_NONE] = HVMMEM_mmio_dm, [P2M_RAM] = HVMMEM_ram_rw, [P2M_RAM_RO] = HVMMEM_ram_ro,
            [P2M_IOREQ] = HVMMEM_ioreq_server, [P2M_MMIO_DM] = HVMMEM_mmio_dm,
            [P2M_MMIO] = HVMMEM_mmio_dm, [P2M_GRANT] = HVMMEM_ram_rw,
            [P2M_GRANT_RO] = HVMMEM_ram_ro, [P2M_FOREIGN] = HVMMEM_ram_rw,
        };

        start();
        for (unsigned int t = 0; t < P2M_NR_TYPES; t++) {
            dw_p2m[3].type = t;
            a.type = (struct xen_hvm_get_mem_type){ .domid = DOMID_SELF, .pfn = 3 };
            CHECK_EQ(call(dw_dom, HVMOP_get_mem_type, &a), 0);
            CHECK_EQ(a.type.mem_type, types[t]);
        }
        a.type = (struct xen_hvm_get_mem_type){ .domid = DW_HVM, .pfn = ~0ULL };
        CHECK_EQ(call(dw_dm, HVMOP_get_mem_type, &a), 0);
        CHECK_EQ(a.type.mem_type, HVMMEM_mmio_dm);
        end();
    }
}

int main(void)
{
    test_rights();
    test_values();
    test_others();
    return check_exit();
}
