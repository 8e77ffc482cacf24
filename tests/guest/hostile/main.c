/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an unprivileged domain may try against the others: the copy of this kernel (domu.h) is the
 * attacker, and the first domain the victim, which looks afterwards whether anything of it changed.
 * The attacker knows the victim's frames and tables, which a real one could guess.
 */
#include "domu.h"

const char *test_name = "hostile";

#define LONG 20000 /* ms */
#define NONE (1UL << 39) /* a frame beyond any memory */
#define PTE_PSE 0x80UL
#define REF 9

static struct domu u;
static char window[PAGE] __attribute__((aligned(PAGE)));
static char own_page[PAGE] __attribute__((aligned(PAGE)));

/* --- what the attacker knows ------------------------------------------------------------------ */

static char victim[PAGE] __attribute__((aligned(PAGE)));
static uint64_t victim_mfn, victim_l4, nr_frames;
static unsigned int victim_port;

/* --- requests --------------------------------------------------------------------------------- */

static long update_for(uint64_t ptr, uint64_t val, uint64_t dom)
{
    struct mmu_update op = { .ptr = ptr, .val = val };

    return hypercall(__HYPERVISOR_mmu_update, &op, 1, 0, dom);
}

static long update(uint64_t ptr, uint64_t val) { return update_for(ptr, val, DOMID_SELF); }

static long ext_for(unsigned int cmd, uint64_t arg1, uint64_t arg2, domid_t dom)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, dom);
}

static long ext(unsigned int cmd, uint64_t arg1, uint64_t arg2)
{
    return ext_for(cmd, arg1, arg2, DOMID_SELF);
}

static long memory_op(unsigned int op, void *arg)
{
    return hypercall(__HYPERVISOR_memory_op, op, arg);
}

static long grant_op(unsigned int op, void *arg)
{
    return hypercall(__HYPERVISOR_grant_table_op, op, arg, 1);
}

static uint64_t window_pte(void) { return *(volatile uint64_t *)pt_entry((uint64_t)window, 1); }
static uint64_t window_maddr(void) { return pt_entry_maddr((uint64_t)window, 1); }

/* --- page tables ------------------------------------------------------------------------------ */

/* Every way to get at one frame, which must fail and leave the entry as it is. */
static void reach(uint64_t mfn, const char *whose)
{
    const uint64_t rw = mfn * PAGE | PTE_RW_KERNEL, ro = mfn * PAGE | PTE_RO_KERNEL;
    const uint64_t at = window_maddr(), before = window_pte();
    const domid_t mine = DOMID_SELF;
    bool all = true;

#define REFUSED(call, what)                                                        \
    do {                                                                           \
        if ((call) >= 0) {                                                         \
            all = false;                                                           \
            CHECK(false, what);                                                    \
        }                                                                          \
    } while (0)

    REFUSED(set_va((uint64_t)window, rw), "update_va_mapping of it, writable");
    REFUSED(set_va((uint64_t)window, ro), "update_va_mapping of it, read-only");
    REFUSED(set_va((uint64_t)window, rw | PTE_U), "update_va_mapping of it for users");
    REFUSED(update(at, rw), "mmu_update with it, writable");
    REFUSED(update(at, ro), "mmu_update with it, read-only");
    REFUSED(update(at | MMU_PT_UPDATE_PRESERVE_AD, rw), "mmu_update with it, preserving");
    REFUSED(update(at | MMU_PT_UPDATE_NO_TRANSLATE, rw), "mmu_update with it, untranslated");
    REFUSED(update_for(at, rw, 0), "mmu_update with it as the first domain's");
    REFUSED(update_for(at, rw, DOMID_IO), "mmu_update with it as DOMID_IO's");
    REFUSED(update_for(at, rw, DOMID_XEN), "mmu_update with it as DOMID_XEN's");
    REFUSED(update_for(mfn * PAGE, 0, mine), "mmu_update of it");
    REFUSED(update_for(mfn * PAGE, 0, 1UL << 16 | mine), "mmu_update of it as the first domain's");
    REFUSED(update(mfn * PAGE | MMU_MACHPHYS_UPDATE, 1), "MMU_MACHPHYS_UPDATE of it");
    REFUSED(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, window, rw, 0, 0),
            "update_va_mapping_otherdomain");
    for (unsigned int cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++) {
        REFUSED(ext(cmd, mfn, 0), "pin it");
        REFUSED(ext_for(cmd, mfn, 0, 0), "pin it as the first domain's");
    }
    REFUSED(ext(MMUEXT_UNPIN_TABLE, mfn, 0), "unpin it");
    REFUSED(ext(MMUEXT_NEW_BASEPTR, mfn, 0), "run on it");
    REFUSED(ext(MMUEXT_NEW_USER_BASEPTR, mfn, 0), "let users run on it");
    REFUSED(ext(MMUEXT_CLEAR_PAGE, mfn, 0), "clear it");
    REFUSED(ext(MMUEXT_COPY_PAGE, mfn, va_to_mfn(own_page)), "copy over it");
    REFUSED(ext(MMUEXT_COPY_PAGE, va_to_mfn(own_page), mfn), "copy from it");
    REFUSED(hypercall(__HYPERVISOR_set_gdt, &mfn, 512), "use it as a GDT");
    REFUSED(hypercall(__HYPERVISOR_update_descriptor, mfn * PAGE, 0), "write a descriptor to it");
#undef REFUSED
    /* An emulated store to the table: the fault is ours, and nothing is written. */
    if (probe_write(pt_entry((uint64_t)window, 1), rw) != 14)
        all = false;
    CHECK(all && window_pte() == before, whose);
}

static void reserved_bits(void)
{
    const uint64_t mine = va_to_mfn(own_page) * PAGE, at = window_maddr(), before = window_pte();
    const uint64_t l2 = pt_entry_maddr((uint64_t)window, 2);
    const uint64_t l3 = pt_entry_maddr((uint64_t)window, 3), l4 = pt_entry_maddr(0, 4);

    for (unsigned int bit = 46; bit < 52; bit++)
        CHECK(update(at, mine | PTE_RW_KERNEL | 1UL << bit) < 0,
              "an entry with a bit of an address that there is not");
    CHECK(update(l2 + 8 * 300, mine | PTE_RW_KERNEL | PTE_PSE) < 0, "a large page of 2 MiB");
    CHECK(update(l3 + 8, mine | PTE_RW_KERNEL | PTE_PSE) < 0, "a large page of 1 GiB");
    CHECK(update(l4, mine | PTE_RW_KERNEL | PTE_PSE) < 0, "a large page above that");
    CHECK(update(l4, (va_to_mfn((void *)start_info->pt_base) * PAGE) | PTE_RW_KERNEL | PTE_U) < 0,
          "the top-level table as its own lower one, writable");
    CHECK(update(l2, pt_entry_maddr((uint64_t)window, 4) / PAGE * PAGE | PTE_RW_KERNEL) < 0,
          "the top-level table as a lowest one");
    for (unsigned int slot = 256; slot < 272; slot++)
        if (update(pt_entry_maddr(0, 4) + 8 * slot, mine | PTE_RW_KERNEL) >= 0)
            CHECK(false, "a slot of the hypervisor is left alone");
    CHECK(set_va((uint64_t)pt_entry((uint64_t)window, 1),
                 at / PAGE * PAGE | PTE_RW_KERNEL) < 0, "a writable mapping of a table");
    CHECK_EQ(window_pte(), before, "... none of which changed the entry");
}

/* The hypervisor's memory by address, from the kernel and through calls that copy. */
static void hypervisor_addresses(void)
{
    static const uint64_t where[] = { 0xffff820000000000, 0xffff82d040000000, 0xffff830000000000,
                                      0xffff810000000000, 0xffff87fffffff000 };
    uint64_t v;

    for (unsigned int i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        void *p = (void *)where[i];

        CHECK_EQ(probe_read(p, &v), 14, "the hypervisor's address cannot be read");
        CHECK_EQ(probe_write(p, 0), 14, "... nor written");
        CHECK(set_va(where[i], va_to_mfn(own_page) * PAGE | PTE_RW_KERNEL) < 0, "... nor mapped");
        CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, p), -XEFAULT,
                 "... nor written by a call");
        CHECK_EQ(hypercall(__HYPERVISOR_mmu_update, p, 1, 0, DOMID_SELF), -XEFAULT,
                 "... nor read by one");
    }
    CHECK_EQ(probe_write((void *)m2p(), 0), 14, "the M2P cannot be written");
}

static bool is_mine(uint64_t mfn, uint64_t grant_frame)
{
    const uint64_t pfn = mfn < nr_frames ? m2p()[mfn] : ~0UL;

    return (pfn < start_info->nr_pages && pfn_to_mfn(pfn) == mfn) ||
           mfn == start_info->shared_info / PAGE || mfn == grant_frame;
}

static uint64_t set_up_grants(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &setup), 0, "set up the own grant table");
    return frame;
}

/* Each frame of the machine, which includes all of the hypervisor's, and some beyond. */
static void sweep(void)
{
    const uint64_t end = (uint64_t)memory_op(XENMEM_maximum_ram_page, NULL) + 2048;
    const uint64_t grant_frame = set_up_grants();
    unsigned int stolen = 0, own = 0;

    nr_frames = end - 2048;
    for (uint64_t mfn = 0; mfn < end; mfn++) {
        bool ro = set_va((uint64_t)window, mfn * PAGE | PTE_RO_KERNEL) == 0;
        bool mine = is_mine(mfn, grant_frame);

        own += ro && mine;
        stolen += ro && !mine;
        if (!mine)
            stolen += set_va((uint64_t)window, mfn * PAGE | PTE_RW_KERNEL) == 0;
    }
    CHECK_EQ(stolen, 0, "of all frames of the machine none can be mapped that is not its own");
    CHECK(own >= start_info->nr_pages, "... and its own can");
    CHECK_EQ(set_va((uint64_t)window, va_to_mfn(window) * PAGE | PTE_RW_KERNEL), 0,
             "... its window gets its page back");
}

/* --- memory calls ----------------------------------------------------------------------------- */

static void memory_calls(void)
{
    xen_pfn_t extent = victim_mfn, out = va_to_pfn(own_page);
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    struct xen_memory_exchange x = { .in = { .nr_extents = 1, .domid = DOMID_SELF },
                                     .out = { .nr_extents = 1, .domid = DOMID_SELF } };
    struct xen_add_to_physmap add = { .domid = 0, .space = XENMAPSPACE_shared_info };
    struct xen_remove_from_physmap rm = { .domid = 0 };
    domid_t zero = 0;

    set_xen_guest_handle(r.extent_start, &extent);
    CHECK_EQ(memory_op(XENMEM_decrease_reservation, &r), 0, "give back another's frame");
    r.domid = 0;
    CHECK(memory_op(XENMEM_decrease_reservation, &r) <= 0, "... as the first domain's");
    CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0, "give the first domain memory");
    set_xen_guest_handle(x.in.extent_start, &extent);
    set_xen_guest_handle(x.out.extent_start, &out);
    CHECK(memory_op(XENMEM_exchange, &x) < 0, "exchange another's frame");
    CHECK_EQ(x.nr_exchanged, 0, "... and none was");
    x.in.domid = x.out.domid = 0;
    CHECK(memory_op(XENMEM_exchange, &x) < 0, "... as the first domain's");
    CHECK(memory_op(XENMEM_add_to_physmap, &add) < 0, "add to the first domain's map");
    CHECK(memory_op(XENMEM_remove_from_physmap, &rm) < 0, "remove from it");
    CHECK_EQ(memory_op(XENMEM_current_reservation, &zero), -XEPERM, "ask what it has");
    CHECK_EQ(memory_op(XENMEM_maximum_reservation, &zero), -XEPERM, "ask what it may have");
    CHECK(memory_op(XENMEM_machine_memory_map, &r) < 0, "ask for the machine's memory map");
    r.domid = DOMID_SELF;
    r.mem_flags = 0;
    extent = 1;
    CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0, "take more memory than it may have");
    r.nr_extents = 1;
    r.extent_order = 40;
    CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0, "take an extent of order 40");
    r.nr_extents = ~0UL;
    CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0, "take a huge number of them");
}

/* --- control ---------------------------------------------------------------------------------- */

static void control_calls(void)
{
    static const uint32_t cmds[] = {
        XEN_DOMCTL_createdomain, XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_max_mem, XEN_DOMCTL_setvcpucontext,
        XEN_DOMCTL_iomem_permission, XEN_DOMCTL_ioport_permission, XEN_DOMCTL_getpageframeinfo3,
    };
    struct xen_domctl op = { 0 };
    struct xen_sysctl sys = { .cmd = XEN_SYSCTL_physinfo,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    struct sched_remote_shutdown remote = { .domain_id = 0, .reason = SHUTDOWN_poweroff };
    struct physdev_set_iopl iopl = { .iopl = 3 };
    struct vcpu_register_vcpu_info info = { .mfn = victim_mfn };
    struct vcpu_register_time_memory_area area = { .addr.p = 0xffff830000000000 };
    char text[8] = "";
    uint8_t in = 0;

    for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
        for (domid_t dom = 0; dom < 3; dom++)
            if (domctl(cmds[i], dom, &op) >= 0)
                CHECK_EQ(cmds[i], -1, "a domctl is refused");
    CHECK_EQ(domctl(XEN_DOMCTL_pausedomain, 0, &op), -XEPERM, "pause the first domain");
    CHECK(domctl(XEN_DOMCTL_unpausedomain, DOMID_SELF, &op) < 0, "a domctl on itself");
    CHECK_EQ(hypercall(__HYPERVISOR_sysctl, &sys), -XEPERM, "a sysctl");
    CHECK(hypercall(__HYPERVISOR_platform_op, &sys) < 0, "a platform_op");
    CHECK(hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &remote) < 0,
          "shut the first domain down");
    CHECK(hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, 8, text) < 0, "read the console");
    CHECK_EQ(PROBE("inb $0x64, %%al", : "=a"(in) :), 13, "a port without iopl");
    hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    CHECK_EQ(PROBE("inb $0x64, %%al", : "=a"(in) :), -1, "a port with iopl");
    CHECK_EQ(in, 0xff, "... has nothing behind it");
    CHECK(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, &info) < 0,
          "vcpu_info in another's frame");
    CHECK(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &area) < 0,
          "time to the hypervisor's address");
    CHECK(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, &area) < 0,
          "runstate to the hypervisor's address");
    CHECK(hypercall(__HYPERVISOR_callback_op, 0, 0xffff830000000000) < 0, "a bad callback");
    CHECK(hypercall(__HYPERVISOR_set_debugreg, 0, 0xffff830000000000) < 0,
          "a breakpoint in the hypervisor");
}

static void instructions(void)
{
    CHECK_EQ(PROBE("lgdt (%0)", : : "r"(own_page)), 13, "lgdt");
    CHECK_EQ(PROBE("lidt (%0)", : : "r"(own_page)), 13, "lidt");
    CHECK_EQ(PROBE("ltr %%ax", : : "a"(0x40)), 13, "ltr");
    CHECK_EQ(PROBE("mov %0, %%cr3", : : "r"(victim_l4 * PAGE)), 13, "mov to cr3, foreign table");
    CHECK_EQ(PROBE("wrmsr", : : "c"(0xc0000082), "a"(0), "d"(0)), 13, "wrmsr of LSTAR");
    CHECK_EQ(PROBE("wrmsr", : : "c"(0x1b), "a"(0), "d"(0)), 13, "wrmsr of the APIC's base");
    CHECK_EQ(PROBE("mov %%ax, %%ss", : : "a"(0xe010)), 13, "the hypervisor's selector in SS");
}

/* --- events ----------------------------------------------------------------------------------- */

static void event_calls(void)
{
    struct evtchn_status st = { .dom = 0, .port = victim_port };
    struct evtchn_bind_interdomain bind = { .remote_dom = 0, .remote_port = victim_port };
    struct evtchn_reset reset = { .dom = 0 };
    struct evtchn_alloc_unbound for0 = { .dom = 0, .remote_dom = DOMID_SELF };
    struct evtchn_bind_pirq pirq = { .pirq = 1 };
    struct evtchn_expand_array expand = { .array_gfn = victim_mfn };
    struct evtchn_init_control init = { .control_gfn = victim_mfn };

    CHECK_EQ(evtchn_op(EVTCHNOP_status, &st), -XEPERM, "status of another's port");
    CHECK(evtchn_op(EVTCHNOP_bind_interdomain, &bind) < 0, "bind a port that is for nobody else");
    for (unsigned int p = 0; p < 2000; p++) {
        bind.remote_port = p;
        if (evtchn_op(EVTCHNOP_bind_interdomain, &bind) >= 0)
            CHECK_EQ(p, -1, "no port of another's can be bound that was not offered");
    }
    CHECK_EQ(evtchn_op(EVTCHNOP_reset, &reset), -XEPERM, "close all of another's ports");
    CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &for0), -XEPERM, "make a port in another");
    CHECK(evtchn_op(EVTCHNOP_bind_pirq, &pirq) < 0, "an interrupt of the machine");
    CHECK(evtchn_op(EVTCHNOP_init_control, &init) < 0, "a FIFO control block in another's frame");
    CHECK(evtchn_op(EVTCHNOP_expand_array, &expand) < 0, "a FIFO array in another's frame");
}

/* As many ports as it may have, and a great many events on one. */
static void port_flood(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 0 };
    unsigned int got = 0, closed = 0;
    long rc;

    while ((rc = evtchn_op(EVTCHNOP_alloc_unbound, &op)) == 0 && got < 5000)
        got++;
    CHECK_EQ(rc, -XENOSPC, "ports come to an end");
    CHECK(got > 200 && got <= 255, "... at the limit of the domain");
    for (unsigned int p = 1; p < 256; p++)
        closed += evtchn_op(EVTCHNOP_close, &(struct evtchn_close){ p }) == 0;
    CHECK_EQ(closed, got, "... and all can be closed");
}

/* --- grants ----------------------------------------------------------------------------------- */

static int map_ref(unsigned int ref, domid_t dom, uint64_t at, unsigned int flags,
                   grant_handle_t *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = at, .flags = flags, .ref = ref, .dom = dom
    };

    if (grant_op(GNTTABOP_map_grant_ref, &m))
        return GNTST_general_error;
    *handle = m.handle;
    return m.status;
}

static int unmap_ref(uint64_t at, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref m = { .host_addr = at, .handle = handle };

    return grant_op(GNTTABOP_unmap_grant_ref, &m) ? GNTST_general_error : m.status;
}

static int copy(domid_t from, uint64_t from_frame, domid_t to, uint64_t to_frame,
                unsigned int flags)
{
    struct gnttab_copy c = { .len = 8, .flags = (uint16_t)flags };

    c.source.domid = from;
    c.source.u.gmfn = from_frame;
    c.dest.domid = to;
    c.dest.u.gmfn = to_frame;
    return grant_op(GNTTABOP_copy, &c) ? GNTST_general_error : c.status;
}

static void stale_grants(void)
{
    const uint64_t at = (uint64_t)window;
    grant_handle_t h = 0, other = 0, none;
    uint64_t v;

    set_va(at, 0);
    CHECK_EQ(map_ref(REF, 0, at, GNTMAP_host_map, &h), GNTST_okay, "map what the victim grants");
    CHECK(set_va((uint64_t)own_page, victim_mfn * PAGE | PTE_RO_KERNEL) < 0,
          "... which gives no right to map it otherwise");
    CHECK(unmap_ref(at + PAGE, h) != GNTST_okay, "unmap it at another address");
    CHECK(unmap_ref(at, h + 1) != GNTST_okay, "unmap with another handle");
    CHECK(unmap_ref(at, 0x7fffffff) != GNTST_okay, "unmap with a huge handle");
    CHECK(map_ref(REF, 0, at, GNTMAP_host_map, &other) == GNTST_okay ||
              unmap_ref(at, h) == GNTST_okay, "map it over itself, or not");
    CHECK_EQ(unmap_ref(at, other ? other : h), other ? GNTST_okay : GNTST_bad_handle, "unmap it");
    if (other)
        unmap_ref(at, h);
    CHECK_EQ(probe_read(window, &v), 14, "... and it is gone");
    CHECK(unmap_ref(at, h) != GNTST_okay, "... and its handle is stale");
    CHECK(map_ref(REF + 1, 0, at, GNTMAP_host_map, &none) != GNTST_okay,
          "a grant for somebody else");
    CHECK(map_ref(REF + 2, 0, at, GNTMAP_host_map, &none) != GNTST_okay, "an empty grant");
    CHECK(map_ref(0xffffffff, 0, at, GNTMAP_host_map, &none) != GNTST_okay, "a huge grant");
    CHECK(map_ref(REF, 0, 0xffff830000000000, GNTMAP_host_map, &none) != GNTST_okay,
          "a grant to the hypervisor's address");
    CHECK(map_ref(REF, 0, victim_l4 * PAGE + 8, GNTMAP_host_map | GNTMAP_contains_pte, &none) !=
              GNTST_okay, "a grant into another's table");
    CHECK(map_ref(REF, 77, at, GNTMAP_host_map, &none) != GNTST_okay, "a grant of nobody's");
    CHECK(copy(0, victim_mfn, DOMID_SELF, va_to_mfn(own_page), 0) != GNTST_okay,
          "copy from another's frame");
    CHECK(copy(DOMID_SELF, va_to_mfn(own_page), 0, victim_mfn, 0) != GNTST_okay,
          "copy to another's frame");
    CHECK(copy(0, REF + 1, DOMID_SELF, va_to_mfn(own_page), GNTCOPY_source_gref) != GNTST_okay,
          "copy from a grant for somebody else");
    CHECK(copy(DOMID_SELF, va_to_mfn(own_page), 0, REF + 3, GNTCOPY_dest_gref) != GNTST_okay,
          "copy to a read-only grant");
    CHECK_EQ(copy(0, REF + 3, DOMID_SELF, va_to_mfn(own_page), GNTCOPY_source_gref), GNTST_okay,
             "... from which it may copy");
    /* Left mapped, its entry changed behind the hypervisor's back: death must clear that up. */
    CHECK_EQ(map_ref(REF, 0, at, GNTMAP_host_map, &h), GNTST_okay, "map it again");
    set_va(at, 0);
    unmap_ref(at, h); /* whether that works is each hypervisor's own matter */
    CHECK_EQ(map_ref(REF, 0, at, GNTMAP_host_map, &other), GNTST_okay, "... and die with it");
}

/* --- both sides ------------------------------------------------------------------------------- */

static void attack_tables(void)
{
    CHECK_EQ(start_info->flags & SIF_PRIVILEGED, 0, "the attacker is not privileged");
    reach(victim_mfn, "the victim's page is out of reach");
    reach(victim_l4, "the victim's top-level table is out of reach");
    reach(NONE, "a frame that there is not is out of reach");
    reach(0xb8, "the screen is out of reach");
    reach(0xfee00, "the local APIC is out of reach");
    reserved_bits();
    hypervisor_addresses();
}

static void attack_calls(void)
{
    memory_calls();
    control_calls();
    instructions();
    event_calls();
    port_flood();
}

static struct grant_entry_v1 *grants;

static void grant_victim(void)
{
    const struct grant_entry_v1 e = { GTF_permit_access, u.id, (uint32_t)victim_mfn };

    grants[REF] = grants[REF + 1] = grants[REF + 3] = e;
    grants[REF + 1].domid = 1234;
    grants[REF + 3].flags |= GTF_readonly;
}

static uint64_t checksum(const uint64_t *words)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < PAGE / 8; i++)
        sum = sum * 31 + words[i];
    return sum;
}

static void run_attack(void (*fn)(void), const char *what)
{
    const uint64_t *l4 = (uint64_t *)start_info->pt_base, before = checksum(l4);
    uint64_t content;

    memset(victim, 0x33, PAGE);
    content = checksum((uint64_t *)victim);
    if (domu_create(&u, &(struct domu_config){ .fn = fn, .spare = 16, .max_ports = 255 })) {
        CHECK(false, "create the attacker");
        return;
    }
    grant_victim();
    domu_unpause(&u);
    domu_finish(&u, LONG);
    CHECK_EQ(checksum((uint64_t *)victim), content, what);
    CHECK_EQ(checksum(l4), before, "... nor its page tables");
    CHECK_EQ(m2p()[victim_mfn], va_to_pfn(victim), "... nor the M2P");
    for (unsigned int i = 0; i < 4; i++)
        if (grants[REF + i].flags & (GTF_reading | GTF_writing))
            CHECK_EQ(i, -1, "... and no grant of its is in use any more");
    grants[REF].flags = 0;
    /* nobody holds a type or a reference of the victim's page */
    CHECK_EQ(set_va((uint64_t)victim, va_to_mfn(victim) * PAGE | PTE_RO_KERNEL), 0,
             "... and the page can be made read-only");
    CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, victim_mfn, 0), 0, "... cleared");
    CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, victim_mfn, 0), 0, "... and be a table");
    CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, victim_mfn, 0), 0, "... and an ordinary page again");
    set_va((uint64_t)victim, va_to_mfn(victim) * PAGE | PTE_RW_KERNEL);
}

static void know_victim(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 1234 };

    victim_mfn = va_to_mfn(victim);
    victim_l4 = va_to_mfn((void *)start_info->pt_base);
    op.remote_dom = 0;
    evtchn_op(EVTCHNOP_alloc_unbound, &op);
    victim_port = op.port;
    grants = alloc_page();
    set_va((uint64_t)grants, set_up_grants() * PAGE | PTE_RW_KERNEL);
}

void test_main(void)
{
    know_victim();
    run_attack(attack_tables, "forged tables do not change the victim's page");
    run_attack(sweep, "a sweep over all frames does not");
    run_attack(attack_calls, "calls do not");
    run_attack(stale_grants, "stale grants do not");
}
