/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bad arguments to every hypercall: pointers that cannot be used, operations, domains and counts
 * that there are not.
 */
#include "domu.h"

#include <xen/hvm/hvm_op.h>
#include <xen/nmi.h>
#include <xen/platform.h>

const char *test_name = "badargs";

#define UNMAPPED 0x123456789000UL
#define PTR 0xbadbadUL /* in a row: a bad pointer stands here */
#define NOBODY 1234
#define BIG 0xffffffffUL

static const uint64_t bad_pointer[] = {
    UNMAPPED,           /* nothing there */
    0x1234567890123456, /* not canonical */
    0x00007ffffffffff8, /* runs into the hole */
    0xffff830000000000, /* the hypervisor's */
    0xffff87fffffffff8, /* runs out of it */
    0xfffffffffffffff8, /* wraps */
};

struct row {
    const char *name;
    uint64_t nr, arg[5];
    long want;
};

#define OP(hc, op) { #op, __HYPERVISOR_##hc, { op, PTR }, -XEFAULT }
/* its result is the number of extents */
#define NONE_DONE(op) { #op, __HYPERVISOR_memory_op, { op, PTR }, 0 }
#define OP3(hc, op) { #op, __HYPERVISOR_##hc, { op, PTR, 1 }, -XEFAULT }
#define VCPU(op) { #op, __HYPERVISOR_vcpu_op, { op, 0, PTR }, -XEFAULT }

static const struct row pointers[] = {
    { "set_trap_table", __HYPERVISOR_set_trap_table, { PTR }, -XEFAULT },
    { "mmu_update", __HYPERVISOR_mmu_update, { PTR, 1, 0, DOMID_SELF }, -XEFAULT },
    { "mmuext_op", __HYPERVISOR_mmuext_op, { PTR, 1, 0, DOMID_SELF }, -XEFAULT },
    { "set_gdt", __HYPERVISOR_set_gdt, { PTR, 512 }, -XEFAULT },
    { "platform_op", __HYPERVISOR_platform_op, { PTR }, -XEFAULT },
    { "multicall", __HYPERVISOR_multicall, { PTR, 1 }, -XEFAULT },
    { "console write", __HYPERVISOR_console_io, { CONSOLEIO_write, 1, PTR }, -XEFAULT },
    { "domctl", __HYPERVISOR_domctl, { PTR }, -XEFAULT },
    { "sysctl", __HYPERVISOR_sysctl, { PTR }, -XEFAULT },
    NONE_DONE(XENMEM_increase_reservation), NONE_DONE(XENMEM_decrease_reservation),
    NONE_DONE(XENMEM_populate_physmap), OP(memory_op, XENMEM_exchange),
    OP(memory_op, XENMEM_current_reservation), OP(memory_op, XENMEM_maximum_reservation),
    OP(memory_op, XENMEM_machphys_mapping), OP(memory_op, XENMEM_machine_memory_map),
    OP(memory_op, XENMEM_set_memory_map), OP(memory_op, XENMEM_maximum_gpfn),
    OP(xen_version, XENVER_extraversion), OP(xen_version, XENVER_compile_info),
    OP(xen_version, XENVER_capabilities), OP(xen_version, XENVER_changeset),
    OP(xen_version, XENVER_platform_parameters), OP(xen_version, XENVER_get_features),
    OP(xen_version, XENVER_guest_handle), OP(xen_version, XENVER_commandline),
    OP3(grant_table_op, GNTTABOP_map_grant_ref), OP3(grant_table_op, GNTTABOP_unmap_grant_ref),
    OP3(grant_table_op, GNTTABOP_setup_table), OP3(grant_table_op, GNTTABOP_copy),
    OP3(grant_table_op, GNTTABOP_query_size), OP3(grant_table_op, GNTTABOP_set_version),
    OP3(grant_table_op, GNTTABOP_get_version), OP3(grant_table_op, GNTTABOP_get_status_frames),
    VCPU(VCPUOP_get_runstate_info), VCPU(VCPUOP_register_runstate_memory_area),
    VCPU(VCPUOP_set_periodic_timer), VCPU(VCPUOP_set_singleshot_timer),
    VCPU(VCPUOP_register_vcpu_info), VCPU(VCPUOP_register_vcpu_time_memory_area),
    OP(sched_op, SCHEDOP_shutdown), OP(sched_op, SCHEDOP_poll),
    OP(sched_op, SCHEDOP_remote_shutdown), OP(sched_op, SCHEDOP_shutdown_code),
    OP(sched_op, SCHEDOP_watchdog), OP(callback_op, CALLBACKOP_register),
    OP(callback_op, CALLBACKOP_unregister), OP(event_channel_op, EVTCHNOP_bind_interdomain),
    OP(event_channel_op, EVTCHNOP_bind_virq), OP(event_channel_op, EVTCHNOP_bind_pirq),
    OP(event_channel_op, EVTCHNOP_close), OP(event_channel_op, EVTCHNOP_send),
    OP(event_channel_op, EVTCHNOP_status), OP(event_channel_op, EVTCHNOP_alloc_unbound),
    OP(event_channel_op, EVTCHNOP_bind_ipi), OP(event_channel_op, EVTCHNOP_bind_vcpu),
    OP(event_channel_op, EVTCHNOP_unmask), OP(event_channel_op, EVTCHNOP_reset),
    OP(event_channel_op, EVTCHNOP_init_control), OP(event_channel_op, EVTCHNOP_expand_array),
    OP(event_channel_op, EVTCHNOP_set_priority), OP(physdev_op, PHYSDEVOP_irq_status_query),
    OP(physdev_op, PHYSDEVOP_set_iopl), OP(physdev_op, PHYSDEVOP_set_iobitmap),
    OP(physdev_op, PHYSDEVOP_apic_read), OP(physdev_op, PHYSDEVOP_alloc_irq_vector),
    OP(physdev_op, PHYSDEVOP_eoi), OP(physdev_op, PHYSDEVOP_map_pirq),
    OP(physdev_op, PHYSDEVOP_unmap_pirq), OP(physdev_op, PHYSDEVOP_setup_gsi),
    OP(physdev_op, PHYSDEVOP_pci_device_add), OP(physdev_op, PHYSDEVOP_pci_device_remove),
    OP(physdev_op, PHYSDEVOP_pci_mmcfg_reserved),
};

static const struct row values[] = {
    { "unknown memory_op", __HYPERVISOR_memory_op, { 63, 0 }, -XENOSYS },
    { "unknown xen_version", __HYPERVISOR_xen_version, { 99, 0 }, -XENOSYS },
    { "unknown sched_op", __HYPERVISOR_sched_op, { 99, 0 }, -XENOSYS },
    { "unknown vcpu_op", __HYPERVISOR_vcpu_op, { 99, 0, 0 }, -XENOSYS },
    { "unknown event_channel_op", __HYPERVISOR_event_channel_op, { 99, 0 }, -XENOSYS },
    { "unknown grant_table_op", __HYPERVISOR_grant_table_op, { 99, 0, 1 }, -XENOSYS },
    { "unknown physdev_op", __HYPERVISOR_physdev_op, { 99, 0 }, -XENOSYS },
    { "unknown callback_op", __HYPERVISOR_callback_op, { 99, 0 }, -XENOSYS },
    { "unknown console_io", __HYPERVISOR_console_io, { 99, 0, 0 }, -XENOSYS },
    { "unknown vm_assist command", __HYPERVISOR_vm_assist, { 9, VMASST_TYPE_writable_pagetables },
      -XENOSYS },
    { "unknown nmi_op", __HYPERVISOR_nmi_op, { 99, 0 }, -XENOSYS },
    { "tmem_op", __HYPERVISOR_tmem_op, { 0 }, -XENOSYS },
    { "a hole in the table", 11, { 0 }, -XENOSYS },
    { "a huge number", ~0UL, { 0 }, -XENOSYS },
    { "vm_assist of an unknown type", __HYPERVISOR_vm_assist, { VMASST_CMD_enable, 40 }, -XEINVAL },
    { "vm_assist of a huge type", __HYPERVISOR_vm_assist, { VMASST_CMD_enable, BIG }, -XEINVAL },
    { "pagesize with an argument", __HYPERVISOR_xen_version, { XENVER_pagesize, UNMAPPED },
      -XEINVAL },
    { "vcpu_op for vcpu 99", __HYPERVISOR_vcpu_op, { VCPUOP_is_up, 99, 0 }, -XENOENT },
    { "vcpu_op for a huge vcpu", __HYPERVISOR_vcpu_op, { VCPUOP_is_up, BIG, 0 }, -XENOENT },
    { "set_debugreg 8", __HYPERVISOR_set_debugreg, { 8, 0 }, -XENODEV },
    { "a breakpoint in the hypervisor", __HYPERVISOR_set_debugreg, { 0, 0xffff830000000000 },
      -XEPERM },
    { "get_debugreg 8", __HYPERVISOR_get_debugreg, { 8, 0 }, -XENODEV },
    { "set_segment_base 9", __HYPERVISOR_set_segment_base, { 9, 0 }, -XEINVAL },
    { "update_descriptor, unaligned", __HYPERVISOR_update_descriptor, { 0x1004, 0 }, -XEINVAL },
    { "update_va_mapping, not canonical", __HYPERVISOR_update_va_mapping,
      { 0x1234567890123456, 0, 0 }, -XEINVAL },
    { "set_gdt with too many entries", __HYPERVISOR_set_gdt, { UNMAPPED, 0x7fffffff }, -XEINVAL },
    { "multicall, too many", __HYPERVISOR_multicall, { UNMAPPED, BIG }, -XEFAULT },
    { "mmu_update, too many", __HYPERVISOR_mmu_update, { UNMAPPED, 0x7fffffff, 0, DOMID_SELF },
      -XEFAULT },
    { "mmuext_op, too many", __HYPERVISOR_mmuext_op, { UNMAPPED, 0x7fffffff, 0, DOMID_SELF },
      -XEFAULT },
    { "mmu_update, nobody's", __HYPERVISOR_mmu_update, { UNMAPPED, 1, 0, NOBODY }, -XESRCH },
    { "mmuext_op, nobody's", __HYPERVISOR_mmuext_op, { UNMAPPED, 1, 0, NOBODY }, -XESRCH },
    { "mmu_update, an internal number", __HYPERVISOR_mmu_update, { UNMAPPED, 1, 0, 0x7ff5 },
      -XESRCH },
    { "grant_table_op, too many", __HYPERVISOR_grant_table_op, { GNTTABOP_copy, UNMAPPED, BIG },
      -XEINVAL },
    { "console write, far too much", __HYPERVISOR_console_io,
      { CONSOLEIO_write, 0x7fffffff, UNMAPPED }, -XEFAULT },
    { "console read of nothing", __HYPERVISOR_console_io, { CONSOLEIO_read, 0, UNMAPPED }, 0 },
    { "stack_switch", __HYPERVISOR_stack_switch, { 0xe02b, 0x1000 }, 0 },
};

/* Structures with one thing wrong in each. */
static void structures(void)
{
    domid_t nobody = NOBODY;
    uint64_t page = 0;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = NOBODY };
    struct sched_poll poll = { .nr_ports = 1000 };
    struct sched_remote_shutdown remote = { .domain_id = NOBODY, .reason = SHUTDOWN_crash };
    struct callback_register cb = { .type = 77, .address = VIRT_BASE },
                             far = { .type = CALLBACKTYPE_event,
                                    .address = 0x1234567890123456 };
    struct vcpu_register_vcpu_info info = { .mfn = va_to_mfn(&page), .offset = 4090 },
                                   none = { .mfn = 1UL << 39 };
    struct vcpu_set_periodic_timer fast = { .period_ns = 1 };
    struct xen_feature_info feature = { .submap_idx = 9 };
    struct physdev_set_iopl iopl = { .iopl = 4 };
    struct evtchn_status status = { .dom = NOBODY },
                         beyond = { .dom = DOMID_SELF, .port = 100000000 };
    struct evtchn_alloc_unbound unbound = { .dom = NOBODY };
    struct evtchn_bind_interdomain inter = { .remote_dom = NOBODY };
    struct evtchn_bind_virq virq = { .virq = 99 }, global = { .virq = VIRQ_CONSOLE, .vcpu = 1 },
                            v9 = { .vcpu = 9 };
    struct evtchn_bind_ipi ipi = { .vcpu = 99 };
    struct evtchn_close port = { .port = 4095 };
    struct gnttab_query_size size = { .dom = NOBODY };
    struct xen_platform_op plat = { .cmd = XENPF_get_cpuinfo, .interface_version = 1 };
    const struct {
        const char *what;
        unsigned int nr;
        uint64_t a, b, c;
        long want;
    } rows[] = {
        { "decrease_reservation of nobody's does no extent", __HYPERVISOR_memory_op,
          XENMEM_decrease_reservation, (uint64_t)&r, 0, 0 },
        { "populate_physmap of nobody's does no extent", __HYPERVISOR_memory_op,
          XENMEM_populate_physmap, (uint64_t)&r, 0, 0 },
        { "current_reservation of nobody", __HYPERVISOR_memory_op, XENMEM_current_reservation,
          (uint64_t)&nobody, 0, -XESRCH },
        { "poll of too many ports", __HYPERVISOR_sched_op, SCHEDOP_poll, (uint64_t)&poll, 0,
          -XEINVAL },
        { "shutdown of nobody", __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, (uint64_t)&remote,
          0, -XESRCH },
        { "callback of an unknown type", __HYPERVISOR_callback_op, CALLBACKOP_register,
          (uint64_t)&cb, 0, -XENOSYS },
        { "callback at no address", __HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&far,
          0, -XEINVAL },
        { "vcpu_info over the end of a page", __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
          (uint64_t)&info, -XENXIO },
        { "vcpu_info in no frame", __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
          (uint64_t)&none, -XEINVAL },
        { "a timer of a nanosecond", __HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0,
          (uint64_t)&fast, -XEINVAL },
        { "features of map 9", __HYPERVISOR_xen_version, XENVER_get_features, (uint64_t)&feature, 0,
          -XEINVAL },
        { "iopl 4", __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (uint64_t)&iopl, 0, -XEINVAL },
        { "status of nobody's port", __HYPERVISOR_event_channel_op, EVTCHNOP_status,
          (uint64_t)&status, 0, -XESRCH },
        { "status of no port", __HYPERVISOR_event_channel_op, EVTCHNOP_status, (uint64_t)&beyond, 0,
          -XEINVAL },
        { "a port of nobody's", __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
          (uint64_t)&unbound, 0, -XESRCH },
        { "a port to nobody", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain,
          (uint64_t)&inter, 0, -XESRCH },
        { "virq 99", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (uint64_t)&virq, 0,
          -XEINVAL },
        { "a global virq on vcpu 1", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq,
          (uint64_t)&global, 0, -XEINVAL },
        { "a virq on vcpu 9", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (uint64_t)&v9, 0,
          -XENOENT },
        { "an IPI to vcpu 99", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (uint64_t)&ipi, 0,
          -XENOENT },
        { "close no port", __HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&port, 0,
          -XEINVAL },
        { "send to no port", __HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&port, 0,
          -XEINVAL },
        { "unmask no port", __HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (uint64_t)&port, 0,
          -XEINVAL },
        { "platform_op of another version", __HYPERVISOR_platform_op, (uint64_t)&plat, 0, 0,
          -XEACCES },
        { "grant size of nobody", __HYPERVISOR_grant_table_op, GNTTABOP_query_size, (uint64_t)&size,
          1, 0 },
    };

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_EQ(hypercall(rows[i].nr, rows[i].a, rows[i].b, rows[i].c), rows[i].want,
                 rows[i].what);
    CHECK_EQ(size.status, GNTST_bad_domain, "... with its status");
}

static long call(const struct row *r, uint64_t pointer)
{
    uint64_t a[5];

    for (int i = 0; i < 5; i++)
        a[i] = r->arg[i] == PTR ? pointer : r->arg[i];
    return hypercall5(r->nr, a[0], a[1], a[2], a[3], a[4]);
}

static void multicalls(void)
{
    struct multicall_entry mc[4] = {
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
        { .op = 63 },
        { .op = __HYPERVISOR_mmu_update, .args = { UNMAPPED, 1, 0, DOMID_SELF } },
        { .op = __HYPERVISOR_multicall, .args = { UNMAPPED, 1 } },
    };

    CHECK_EQ(hypercall(__HYPERVISOR_multicall, mc, 4), 0, "a multicall of bad calls is a good one");
    CHECK_EQ(mc[0].result, 4 << 16 | 17, "... the first result");
    CHECK_EQ(mc[1].result, -XENOSYS, "... of an unknown call");
    CHECK_EQ(mc[2].result, -XEFAULT, "... of a bad pointer");
    CHECK((long)mc[3].result < 0, "... of a multicall in a multicall");
    CHECK_EQ(hypercall(__HYPERVISOR_multicall, mc, 0), 0, "an empty multicall");
}

/*
 * The same from an unprivileged domain, where some of it is refused for that reason. A call that
 * took a bad pointer would return what it returns for a good one: 0 or more.
 */
static bool refused(long rc, long want)
{
    return rc == want || rc == -XEPERM || rc == -XENOSYS || rc == -XEINVAL || rc == -XESRCH ||
           rc == -XEACCES;
}

static void unprivileged(void)
{
    for (unsigned int i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        bool all = true;

        for (unsigned int p = 0; p < sizeof(bad_pointer) / sizeof(bad_pointer[0]); p++)
            all = refused(call(&pointers[i], bad_pointer[p]), pointers[i].want) && all;
        CHECK(all, pointers[i].name);
    }
    for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        CHECK(refused(call(&values[i], 0), values[i].want), values[i].name);
}

static void from_domu(void)
{
    static struct domu u;

    if (domu_start(&u, &(struct domu_config){ .fn = unprivileged }))
        domu_finish(&u, 20000);
}

void test_main(void)
{
    for (unsigned int i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
        for (unsigned int p = 0; p < sizeof(bad_pointer) / sizeof(bad_pointer[0]); p++) {
            long rc = call(&pointers[i], bad_pointer[p]);

            if (rc != pointers[i].want) /* only what differs names the pointer */
                print("%s with the pointer %lx:\n", pointers[i].name, bad_pointer[p]);
            CHECK_EQ(rc, pointers[i].want, pointers[i].name);
        }
    for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        CHECK_EQ(call(&values[i], 0), values[i].want, values[i].name);
    structures();
    multicalls();
    from_domu();
}
